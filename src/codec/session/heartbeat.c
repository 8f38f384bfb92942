/* codec/session/heartbeat.c - the 13 bytes of a heartbeat: seq (4), UTC ms (8), CRC-8 of both (1). doc/protocol.md section 6. */
#include "base/bytes.h"
#include "codec/session/binary.h"

enum { SEQ_AT = 0, TS_AT = 4, CRC_AT = 12 };

/* CRC-8/ROHC: polynomial 0x07 reflected (0xe0), init 0xff, no final xor. Half a byte at a time: 16 numbers instead of 256, which leave
 * the cache alone. */
uint8_t hf_crc8_rohc(const void *data, size_t bytes)
{
    static const uint8_t table[16] = {0x00, 0x1c, 0x38, 0x24, 0x70, 0x6c, 0x48, 0x54,
                                      0xe0, 0xfc, 0xd8, 0xc4, 0x90, 0x8c, 0xa8, 0xb4};
    const uint8_t *in = data;
    uint8_t crc = 0xff;

    for (size_t i = 0; i < bytes; i++) {
        crc ^= in[i];
        crc = (uint8_t)(crc >> 4 ^ table[crc & 15]);
        crc = (uint8_t)(crc >> 4 ^ table[crc & 15]);
    }
    return crc;
}

void hf_heartbeat_encode(const struct hf_heartbeat *beat, uint8_t out[HF_HEARTBEAT_BYTES])
{
    hf_put_u32(out + SEQ_AT, beat->seq);
    hf_put_u64(out + TS_AT, beat->ts_ms);
    out[CRC_AT] = hf_crc8_rohc(out, CRC_AT);
}

bool hf_heartbeat_decode(const uint8_t in[HF_HEARTBEAT_BYTES], struct hf_heartbeat *ret_beat)
{
    if (hf_crc8_rohc(in, CRC_AT) != in[CRC_AT])
        return false;
    ret_beat->seq = hf_get_u32(in + SEQ_AT);
    ret_beat->ts_ms = hf_get_u64(in + TS_AT);
    return true;
}
