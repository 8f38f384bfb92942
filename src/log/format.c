/* log/format.c - see format.h for the layout. */
#include "log/format.h"

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/sb.h"
#include "base/slice.h"

static const char MAGIC[8] = {'h', 'f', 'e', 'v', 'l', 'o', 'g', '1'};

void hf_log_segment_head_write(uint8_t out[HF_LOG_SEGMENT_HEAD_USED_BYTES],
                               const struct hf_log_segment_head *head)
{
    memset(out, 0, HF_LOG_SEGMENT_HEAD_USED_BYTES);
    memcpy(out, MAGIC, sizeof(MAGIC));
    hf_put_u32(out + 12, HF_LOG_VERSION);
    hf_put_u64(out + 16, head->log_id);
    hf_put_u64(out + 24, head->first_offset);
    hf_put_u64(out + 32, head->created_ms);
    hf_put_u64(out + 40, head->time_max_before_ms);
    hf_put_u32(out + 8, hf_crc32c(0, out + 12, HF_LOG_SEGMENT_HEAD_USED_BYTES - 12));
}

hf_err hf_log_segment_head_read(const uint8_t in[HF_LOG_SEGMENT_HEAD_USED_BYTES],
                                struct hf_log_segment_head *ret_head)
{
    if (memcmp(in, MAGIC, sizeof(MAGIC)) != 0 ||
        hf_get_u32(in + 8) != hf_crc32c(0, in + 12, HF_LOG_SEGMENT_HEAD_USED_BYTES - 12))
        return HF_ERR_CORRUPT;
    if (hf_get_u32(in + 12) != HF_LOG_VERSION)
        return HF_ERR_UNSUPPORTED;
    *ret_head = (struct hf_log_segment_head){.log_id = hf_get_u64(in + 16),
                                             .first_offset = hf_get_u64(in + 24),
                                             .created_ms = hf_get_u64(in + 32),
                                             .time_max_before_ms = hf_get_u64(in + 40)};
    return HF_OK;
}

static uint32_t head_crc(const uint8_t at[HF_LOG_RECORD_HEAD_BYTES], uint64_t log_id)
{
    uint8_t keyed[HF_LOG_RECORD_HEAD_BYTES - 4 + 8];

    memcpy(keyed, at + 4, HF_LOG_RECORD_HEAD_BYTES - 4);
    hf_put_u64(keyed + HF_LOG_RECORD_HEAD_BYTES - 4, log_id);
    return hf_crc32c(0, keyed, sizeof(keyed));
}

void hf_log_head_seal(uint8_t at[HF_LOG_RECORD_HEAD_BYTES], uint64_t log_id, uint64_t offset,
                      uint64_t time_ms, uint32_t distance)
{
    hf_put_u64(at + 16, offset);
    hf_put_u64(at + 24, time_ms);
    hf_put_u32(at + 32, distance);
    hf_put_u32(at, head_crc(at, log_id));
}

bool hf_log_head_read(const uint8_t at[HF_LOG_RECORD_HEAD_BYTES], uint64_t log_id,
                      struct hf_log_head *ret_head)
{
    struct hf_log_head head = {.body_bytes = hf_get_u32(at + 4),
                               .body_crc = hf_get_u32(at + 8),
                               .key = hf_get_u32(at + 12),
                               .offset = hf_get_u64(at + 16),
                               .time_ms = hf_get_u64(at + 24),
                               .distance = hf_get_u32(at + 32)};

    if (head.body_bytes == 0 || head.body_bytes > HF_LOG_BODY_BYTES_MAX)
        return false;
    if (head.distance == 0 || head.distance > head.offset)
        return false;
    if (hf_get_u32(at) != head_crc(at, log_id))
        return false;
    *ret_head = head;
    return true;
}

bool hf_log_body_intact(const struct hf_log_head *head, const uint8_t *body)
{
    return hf_crc32c(0, body, head->body_bytes) == head->body_crc;
}

hf_err hf_log_path(char *out, size_t out_bytes, const char *dir, uint64_t first_offset, const char *suffix)
{
    struct hf_sb sb;

    hf_sb_init(&sb, out, out_bytes);
    hf_sb_text(&sb, dir);
    hf_sb_printf(&sb, "/%020llu", (unsigned long long)first_offset);
    hf_sb_text(&sb, suffix);
    return sb.overflow ? HF_ERR_INVALID : HF_OK;
}

bool hf_log_name_parse(const char *name, const char *suffix, uint64_t *ret_first_offset)
{
    size_t bytes = strlen(name);
    uint64_t first_offset;

    if (bytes <= HF_LOG_NAME_DIGITS || strcmp(name + HF_LOG_NAME_DIGITS, suffix) != 0)
        return false;
    if (!hf_slice_to_u64((struct hf_slice){name, HF_LOG_NAME_DIGITS}, &first_offset) || first_offset == 0)
        return false;
    *ret_first_offset = first_offset;
    return true;
}
