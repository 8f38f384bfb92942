#include "codec/ps/mux.h"

#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"

enum { PACK_BYTES = 14, SYSTEM_BYTES = 18, MAP_BYTES = 24, PES_BYTES = 19, RATE_DEFAULT = 50000 };

size_t hf_ps_write_bytes_max(size_t unit_bytes)
{
    return PACK_BYTES + SYSTEM_BYTES + MAP_BYTES + unit_bytes +
           (unit_bytes / HF_PS_PES_BYTES_MAX + 1) * PES_BYTES;
}

static uint8_t *put_code(uint8_t *out, uint8_t id)
{
    hf_put_u32(out, UINT32_C(0x100) | id);
    return out + 4;
}

static uint8_t stream_type(enum hf_es_codec codec)
{
    static const uint8_t types[HF_ES_CODECS] = {
        [HF_ES_MPEG4] = 0x10, [HF_ES_H264] = 0x1b,  [HF_ES_H265] = 0x24,       [HF_ES_SVAC] = 0x80,
        [HF_ES_G711A] = 0x90, [HF_ES_G711U] = 0x91, [HF_ES_G722_1] = 0x92,     [HF_ES_G723_1] = 0x93,
        [HF_ES_G729] = 0x99,  [HF_ES_AAC] = 0x0f,   [HF_ES_SVAC_AUDIO] = 0x9b, [HF_ES_MPEG_AUDIO] = 0x04};

    return codec < HF_ES_CODECS ? types[codec] : 0;
}

/* '01', 3 bits, marker, 15, marker, 15, marker, 9 of extension, marker; rate in 50 bytes a second, two markers; reserved, no stuffing. */
static uint8_t *put_pack(uint8_t *out, uint64_t clock, uint32_t rate)
{
    uint64_t scr = UINT64_C(1) << 46 | (clock >> 30 & 7) << 43 | UINT64_C(1) << 42 |
                   (clock >> 15 & 0x7fff) << 27 | UINT64_C(1) << 26 | (clock & 0x7fff) << 11 |
                   UINT64_C(1) << 10 | 1;

    out = put_code(out, 0xba);
    hf_put_u16(out, (uint16_t)(scr >> 32));
    hf_put_u32(out + 2, (uint32_t)scr);
    hf_put_u32(out + 6, (rate & 0x3fffff) << 10 | 3 << 8 | 0xf8);
    return out + 10;
}

static uint8_t *put_system(uint8_t *out, uint32_t rate)
{
    static const uint8_t bounds[6] = {0xe0, 0xe0, 0x80, 0xc0, 0xc0, 0x20}; /* buffers of 128 KiB and 4 KiB */

    out = put_code(out, 0xbb);
    hf_put_u16(out, SYSTEM_BYTES - 6);
    out[2] = (uint8_t)(0x80 | (rate >> 15 & 0x7f));
    out[3] = (uint8_t)(rate >> 7);
    out[4] = (uint8_t)((rate & 0x7f) << 1 | 1);
    out[5] = 1 << 2;   /* one audio, neither fixed rate nor CSPS */
    out[6] = 0xe0 | 1; /* one video */
    out[7] = 0x7f;     /* no restriction of the packet rate */
    memcpy(out + 8, bounds, sizeof(bounds));
    return out + 14;
}

/* CRC-32 of 13818-1 annex A: the polynomial 0x04C11DB7, most significant bit first. */
static uint32_t crc32_mpeg(const uint8_t *in, size_t bytes)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < bytes; i++) {
        crc ^= (uint32_t)in[i] << 24;
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc & 0x80000000u ? crc << 1 ^ 0x04c11db7 : crc << 1;
    }
    return crc;
}

static uint8_t *put_map(uint8_t *out, const struct hf_ps_map *map)
{
    uint8_t *begin = out, *table;

    out = put_code(out, 0xbc);
    out[2] = 0xe0; /* current, version 0 */
    out[3] = 0xff;
    hf_put_u16(out + 4, 0); /* no descriptors */
    table = out + 8;
    if (map->video != HF_ES_UNKNOWN) {
        table[0] = stream_type(map->video);
        table[1] = HF_PS_VIDEO_ID;
        hf_put_u16(table + 2, 0);
        table += 4;
    }
    if (map->audio != HF_ES_UNKNOWN) {
        table[0] = stream_type(map->audio);
        table[1] = HF_PS_AUDIO_ID;
        hf_put_u16(table + 2, 0);
        table += 4;
    }
    hf_put_u16(out + 6, (uint16_t)(table - out - 8));
    hf_put_u16(out, (uint16_t)(table + 4 - out - 2));
    hf_put_u32(table, crc32_mpeg(begin, (size_t)(table - begin)));
    return table + 4;
}

static void put_time(uint8_t *out, unsigned prefix, uint64_t time)
{
    out[0] = (uint8_t)(prefix << 4 | (time >> 30 & 7) << 1 | 1);
    hf_put_u16(out + 1, (uint16_t)((time >> 15 & 0x7fff) << 1 | 1));
    hf_put_u16(out + 3, (uint16_t)((time & 0x7fff) << 1 | 1));
}

static uint8_t *put_pes(uint8_t *out, const struct hf_es_unit *unit, const uint8_t *at, size_t bytes,
                        bool first)
{
    bool has_dts = first && unit->dts != unit->pts;
    unsigned optional = !first ? 0 : has_dts ? 10 : 5;

    out = put_code(out, unit->audio ? HF_PS_AUDIO_ID : HF_PS_VIDEO_ID);
    hf_put_u16(out, (uint16_t)(3 + optional + bytes));
    out[2] = first ? 0x84 : 0x80; /* data_alignment_indicator */
    out[3] = (uint8_t)(!first ? 0 : has_dts ? 0xc0 : 0x80);
    out[4] = (uint8_t)optional;
    out += 5;
    if (first)
        put_time(out, has_dts ? 3 : 2, unit->pts);
    if (has_dts)
        put_time(out + 5, 1, unit->dts);
    out += optional;
    memcpy(out, at, bytes);
    return out + bytes;
}

size_t hf_ps_write(const struct hf_ps_map *map, const struct hf_es_unit *unit, uint8_t *out)
{
    uint32_t rate = (map->rate_bytes_s == 0 ? RATE_DEFAULT : map->rate_bytes_s) / 50;
    uint8_t *at = put_pack(out, unit->dts, rate);
    size_t done = 0;

    if (unit->key && (!unit->audio || map->video == HF_ES_UNKNOWN)) {
        at = put_system(at, rate);
        at = put_map(at, map);
    }
    do {
        size_t part = HF_MIN(unit->bytes - done, (size_t)HF_PS_PES_BYTES_MAX);

        at = put_pes(at, unit, unit->at + done, part, done == 0);
        done += part;
    } while (done < unit->bytes);
    HF_ASSERT((size_t)(at - out) <= hf_ps_write_bytes_max(unit->bytes));
    return (size_t)(at - out);
}
