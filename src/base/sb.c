#include "base/sb.h"

#include <stdio.h>

#include "base/assert.h"

void hf_sb_init(struct hf_sb *sb, char *storage, size_t storage_bytes)
{
    HF_ASSERT(storage_bytes >= 1);
    *sb = (struct hf_sb){.at = storage, .bytes_max = storage_bytes - 1};
    storage[0] = '\0';
}

void hf_sb_add(struct hf_sb *sb, const void *data, size_t bytes)
{
    size_t room = sb->bytes_max - sb->bytes;

    if (sb->overflow || bytes == 0)
        return;
    if (bytes > room) {
        sb->overflow = true;
        bytes = room;
    }
    memcpy(sb->at + sb->bytes, data, bytes);
    sb->bytes += bytes;
    sb->at[sb->bytes] = '\0';
}

void hf_sb_slice(struct hf_sb *sb, struct hf_slice text)
{
    hf_sb_add(sb, text.at, text.bytes);
}

void hf_sb_text(struct hf_sb *sb, const char *text)
{
    hf_sb_add(sb, text, strlen(text));
}

void hf_sb_char(struct hf_sb *sb, char c)
{
    hf_sb_add(sb, &c, 1);
}

void hf_sb_u64(struct hf_sb *sb, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    hf_sb_add(sb, digits + at, sizeof(digits) - at);
}

void hf_sb_i64(struct hf_sb *sb, int64_t value)
{
    if (value < 0)
        hf_sb_char(sb, '-');
    hf_sb_u64(sb, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void hf_sb_hex(struct hf_sb *sb, const void *data, size_t bytes)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *in = data;

    for (size_t i = 0; i < bytes && !sb->overflow; i++)
        hf_sb_add(sb, (char[]){digits[in[i] >> 4], digits[in[i] & 15]}, 2);
}

void hf_sb_printf(struct hf_sb *sb, const char *format, ...)
{
    size_t room = sb->bytes_max - sb->bytes;
    va_list args;
    int bytes;

    if (sb->overflow)
        return;
    va_start(args, format);
    bytes = vsnprintf(sb->at + sb->bytes, room + 1, format, args);
    va_end(args);
    HF_ASSERT(bytes >= 0); /* only a broken format gives this */
    if ((size_t)bytes > room) {
        sb->overflow = true;
        bytes = (int)room;
    }
    sb->bytes += (size_t)bytes;
}

/* Length of the well-formed UTF-8 sequence at the start of `in` (Unicode table 3-7), 0 when ill-formed. */
static size_t utf8_bytes(const uint8_t *in, size_t in_bytes, uint32_t *ret_point)
{
    uint8_t first = in[0], low = 0x80, high = 0xbf;
    size_t need;

    if (first < 0x80) {
        *ret_point = first;
        return 1;
    }
    if (first < 0xc2 || first > 0xf4)
        return 0;
    need = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (in_bytes < need)
        return 0;
    if (first == 0xe0)
        low = 0xa0; /* else overlong */
    else if (first == 0xed)
        high = 0x9f; /* else a surrogate */
    else if (first == 0xf0)
        low = 0x90; /* else overlong */
    else if (first == 0xf4)
        high = 0x8f; /* else above U+10FFFF */
    if (in[1] < low || in[1] > high)
        return 0;
    *ret_point = first & (0x7fu >> need);
    for (size_t i = 1; i < need; i++) {
        if ((in[i] & 0xc0) != 0x80)
            return 0;
        *ret_point = *ret_point << 6 | (in[i] & 0x3f);
    }
    return need;
}

/* Besides what RFC 8259 demands, characters that break a line or drive a terminal are escaped as well. */
static bool must_escape(uint32_t point)
{
    return point < 0x20 || point == '"' || point == '\\' || (point >= 0x7f && point <= 0x9f) ||
           point == 0x2028 || point == 0x2029;
}

static const char *short_escape(uint32_t point)
{
    switch (point) {
    case '"': return "\\\"";
    case '\\': return "\\\\";
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    default: return NULL;
    }
}

/* Bytes at the start that go out as they are: most of most texts, so they are taken at once. */
static size_t plain_bytes(const uint8_t *in, size_t bytes)
{
    size_t n = 0;

    while (n < bytes && in[n] >= 0x20 && in[n] < 0x7f && in[n] != '"' && in[n] != '\\')
        n++;
    return n;
}

size_t hf_sb_json_part(struct hf_sb *sb, struct hf_slice text, size_t keep_bytes)
{
    const uint8_t *in = (const uint8_t *)text.at;
    size_t taken = 0;

    if (sb->overflow)
        return 0;
    while (taken < text.bytes) {
        size_t plain = plain_bytes(in + taken, text.bytes - taken);
        size_t room = sb->bytes_max - sb->bytes > keep_bytes ? sb->bytes_max - sb->bytes - keep_bytes : 0;
        uint32_t point = 0;

        if (plain > 0) {
            hf_sb_add(sb, in + taken, HF_MIN(plain, room));
            taken += HF_MIN(plain, room);
            if (plain > room)
                break;
            continue;
        }
        size_t in_bytes = utf8_bytes(in + taken, text.bytes - taken, &point);
        char escape[8];
        const char *out = text.at + taken;
        size_t out_bytes = in_bytes;

        if (in_bytes == 0) {
            in_bytes = 1;
            out = "\xef\xbf\xbd"; /* U+FFFD */
            out_bytes = 3;
        } else if (must_escape(point)) {
            out = short_escape(point);
            if (out == NULL) {
                snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)point & 0xffff);
                out = escape;
            }
            out_bytes = strlen(out);
        }
        if (room < out_bytes)
            break;
        hf_sb_add(sb, out, out_bytes);
        taken += in_bytes;
    }
    return taken;
}

void hf_sb_json(struct hf_sb *sb, struct hf_slice text)
{
    hf_sb_char(sb, '"');
    if (hf_sb_json_part(sb, text, 0) < text.bytes)
        sb->overflow = true;
    hf_sb_char(sb, '"');
}

void hf_sb_time(struct hf_sb *sb, uint64_t utc_ms)
{
    static const uint64_t last_ms = UINT64_C(253402300799999); /* 9999-12-31T23:59:59.999Z */
    uint64_t ms = HF_MIN(utc_ms, last_ms);
    uint32_t second = (uint32_t)(ms / 1000 % 86400);
    /* Days from civil, after Howard Hinnant: years begin in March, so the leap day comes last. */
    uint32_t day = (uint32_t)(ms / 86400000) + 719468;
    uint32_t era = day / 146097, era_day = day % 146097;
    uint32_t era_year = (era_day - era_day / 1460 + era_day / 36524 - era_day / 146096) / 365;
    uint32_t year_day = era_day - (365 * era_year + era_year / 4 - era_year / 100);
    uint32_t march_month = (5 * year_day + 2) / 153;
    uint32_t month = march_month < 10 ? march_month + 3 : march_month - 9;
    uint32_t year = era * 400 + era_year + (month <= 2);

    hf_sb_printf(sb, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", year, month,
                 year_day - (153 * march_month + 2) / 5 + 1, second / 3600, second / 60 % 60, second % 60,
                 (unsigned)(ms % 1000));
}
