#include "core/session_record.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "core/event.h"

enum { RECORD_VERSION = 1 };

void hf_session_record_encode(const struct hf_session_record *record, uint8_t out[HF_SESSION_RECORD_BYTES])
{
    const uint64_t numbers[] = {record->base,   record->top,      record->queue_id,
                                record->uplink, record->gap_from, record->gap_to};

    out[0] = RECORD_VERSION;
    out[1] = record->result;
    hf_put_u16(out + 2, record->reason);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        hf_put_u64(out + 4 + 8 * i, numbers[i]);
}

hf_err hf_session_record_decode(struct hf_slice payload, struct hf_session_record *ret_record)
{
    const uint8_t *in = (const uint8_t *)payload.at;

    if (payload.bytes < HF_SESSION_RECORD_BYTES || in[0] != RECORD_VERSION)
        return HF_ERR_MALFORMED;
    *ret_record = (struct hf_session_record){
        .result = in[1],
        .reason = hf_get_u16(in + 2),
        .base = hf_get_u64(in + 4),
        .top = hf_get_u64(in + 12),
        .queue_id = hf_get_u64(in + 20),
        .uplink = hf_get_u64(in + 28),
        .gap_from = hf_get_u64(in + 36),
        .gap_to = hf_get_u64(in + 44),
    };
    return HF_OK;
}

void hf_session_queue_text(uint64_t queue_id, char out[HF_SESSION_QUEUE_CHARS])
{
    static const char digits[] = "0123456789abcdef";

    for (int i = 0; i < HF_SESSION_QUEUE_CHARS; i++)
        out[i] = digits[queue_id >> (60 - 4 * i) & 15];
}

uint64_t hf_session_queue_parse(struct hf_slice text)
{
    uint64_t queue_id = 0;

    if (text.bytes != HF_SESSION_QUEUE_CHARS)
        return 0;
    for (size_t i = 0; i < text.bytes; i++) {
        char c = text.at[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                                                : 16;

        if (digit > 15)
            return 0;
        queue_id = queue_id << 4 | digit;
    }
    return queue_id;
}

static uint32_t binding(const uint8_t id[16], struct hf_slice tenant, struct hf_slice device)
{
    return (uint32_t)(hf_hash_mix(hf_device_hash(tenant, device) ^ hf_get_u64(id)) ^ hf_get_u32(id + 8));
}

void hf_session_id_make(const uint8_t random[12], struct hf_slice tenant, struct hf_slice device,
                        uint8_t ret_id[16])
{
    memcpy(ret_id, random, 12);
    hf_put_u32(ret_id + 12, binding(ret_id, tenant, device));
}

bool hf_session_id_is_of(const uint8_t id[16], struct hf_slice tenant, struct hf_slice device)
{
    return hf_get_u32(id + 12) == binding(id, tenant, device);
}
