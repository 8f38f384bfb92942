#include "core/rows.h"

#include "base/bytes.h"

enum { ROW_VERSION = 1, HEAD_BYTES = 3 };

static size_t row_encode(const uint64_t *numbers, unsigned number_count, const struct hf_slice *texts,
                         unsigned text_count, uint8_t *out, size_t out_bytes)
{
    size_t bytes = HEAD_BYTES + 8u * number_count;
    uint8_t *at = out;

    for (unsigned i = 0; i < text_count; i++)
        bytes += 4 + texts[i].bytes;
    if (bytes > out_bytes)
        return 0;
    *at++ = ROW_VERSION;
    *at++ = (uint8_t)number_count;
    *at++ = (uint8_t)text_count;
    for (unsigned i = 0; i < number_count; i++, at += 8)
        hf_put_u64(at, numbers[i]);
    for (unsigned i = 0; i < text_count; i++) {
        hf_put_u32(at, (uint32_t)texts[i].bytes);
        if (texts[i].bytes > 0)
            memcpy(at + 4, texts[i].at, texts[i].bytes);
        at += 4 + texts[i].bytes;
    }
    return bytes;
}

static hf_err row_decode(struct hf_slice value, uint64_t *numbers, unsigned number_count,
                         struct hf_slice *texts, unsigned text_count)
{
    const uint8_t *at = (const uint8_t *)value.at;

    if (value.bytes < HEAD_BYTES || at[0] != ROW_VERSION)
        return HF_ERR_CORRUPT;
    const uint8_t *end = at + value.bytes;
    unsigned stored_numbers = at[1], stored_texts = at[2];
    at += HEAD_BYTES;
    if ((size_t)(end - at) < 8u * stored_numbers)
        return HF_ERR_CORRUPT;
    for (unsigned i = 0; i < stored_numbers; i++, at += 8)
        if (i < number_count)
            numbers[i] = hf_get_u64(at);
    for (unsigned i = 0; i < stored_texts; i++) {
        if (end - at < 4 || (size_t)(end - at) - 4 < hf_get_u32(at))
            return HF_ERR_CORRUPT;
        uint32_t bytes = hf_get_u32(at);
        if (i < text_count)
            texts[i] = (struct hf_slice){(const char *)at + 4, bytes};
        at += 4 + bytes;
    }
    return at == end ? HF_OK : HF_ERR_CORRUPT;
}

#define COUNT_ONE(name)  +1
#define COUNT_NONE(name) +0
/* The maps list numbers first and texts after them, so that a row is two arrays behind each other. */
#define ROW_DEFINE(row, MAP, first_number, first_text)                                                      \
    enum { row##_numbers = 0 MAP(COUNT_ONE, COUNT_NONE), row##_texts = 0 MAP(COUNT_NONE, COUNT_ONE) };      \
    _Static_assert(offsetof(struct hf_##row##_row, first_text) ==                                           \
                       offsetof(struct hf_##row##_row, first_number) + sizeof(uint64_t) * row##_numbers,    \
                   "numbers come first");                                                                   \
    size_t hf_##row##_row_encode(const struct hf_##row##_row *value, uint8_t *out, size_t out_bytes)        \
    {                                                                                                       \
        return row_encode(&value->first_number, row##_numbers, &value->first_text, row##_texts, out,        \
                          out_bytes);                                                                       \
    }                                                                                                       \
    hf_err hf_##row##_row_decode(struct hf_slice value, struct hf_##row##_row *ret_row)                     \
    {                                                                                                       \
        *ret_row = (struct hf_##row##_row){0};                                                              \
        return row_decode(value, &ret_row->first_number, row##_numbers, &ret_row->first_text, row##_texts); \
    }

ROW_DEFINE(device, HF_DEVICE_ROW_MAP, epoch, protocol)
ROW_DEFINE(message, HF_MESSAGE_ROW_MAP, command, tenant)
ROW_DEFINE(key, HF_KEY_ROW_MAP, created_ms, tenant)
ROW_DEFINE(idempotency, HF_IDEMPOTENCY_ROW_MAP, created_ms, id)
ROW_DEFINE(catalog, HF_CATALOG_ROW_MAP, offset, digest)
ROW_DEFINE(channel, HF_CHANNEL_ROW_MAP, status, name)
ROW_DEFINE(push, HF_PUSH_ROW_MAP, created_ms, group)

size_t hf_event_row_encode(const struct hf_event *event, uint8_t *out, size_t out_bytes)
{
    size_t bytes = 16 + hf_event_bytes(event);

    if (bytes > out_bytes)
        return 0;
    hf_put_u64(out, event->offset);
    hf_put_u64(out + 8, event->time_ms);
    (void)hf_event_encode(event, out + 16);
    return bytes;
}

hf_err hf_event_row_decode(struct hf_slice value, struct hf_event *ret_event)
{
    const uint8_t *at = (const uint8_t *)value.at;

    if (value.bytes < 16 || hf_event_decode(at + 16, value.bytes - 16, ret_event) != HF_OK)
        return HF_ERR_CORRUPT;
    ret_event->offset = hf_get_u64(at);
    ret_event->time_ms = hf_get_u64(at + 8);
    return HF_OK;
}
