#include "base/base64.h"

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static hf_err encode(const char *alphabet, bool padded, const uint8_t *in, size_t bytes, char *out,
                     size_t out_bytes_max, size_t *ret_bytes)
{
    size_t need, n = 0;

    if (bytes > SIZE_MAX / 2)
        return HF_ERR_LIMIT;
    need = padded ? HF_BASE64_BYTES(bytes) : HF_BASE64URL_BYTES(bytes);
    if (need > out_bytes_max)
        return HF_ERR_LIMIT;
    for (size_t i = 0; i < bytes; i += 3) {
        size_t left = bytes - i;
        uint32_t group = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
                         (left > 2 ? (uint32_t)in[i + 2] : 0);

        for (size_t c = 0; c < 4; c++) {
            if (c <= left)
                out[n++] = alphabet[group >> (18 - 6 * c) & 63];
            else if (padded)
                out[n++] = '=';
        }
    }
    *ret_bytes = n;
    return HF_OK;
}

static int digit_of(char c, bool is_url) /* 0..63, or -1 */
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == (is_url ? '-' : '+'))
        return 62;
    if (c == (is_url ? '_' : '/'))
        return 63;
    return -1;
}

static hf_err decode(bool is_url, struct hf_slice text, uint8_t *out, size_t out_bytes_max, size_t *ret_bytes)
{
    uint32_t bits = 0;
    unsigned bit_count = 0; /* waiting in bits */
    size_t n = 0;

    if (text.bytes % 4 == 1)
        return HF_ERR_MALFORMED; /* six bits are no byte */
    for (size_t i = 0; i < text.bytes; i++) {
        int digit = digit_of(text.at[i], is_url);

        if (digit < 0)
            return HF_ERR_MALFORMED;
        bits = bits << 6 | (uint32_t)digit;
        bit_count += 6;
        if (bit_count < 8)
            continue;
        bit_count -= 8;
        if (n == out_bytes_max)
            return HF_ERR_LIMIT;
        out[n++] = (uint8_t)(bits >> bit_count);
    }
    if ((bits & ((1u << bit_count) - 1)) != 0)
        return HF_ERR_MALFORMED; /* RFC 4648 3.5: otherwise one value has many spellings */
    *ret_bytes = n;
    return HF_OK;
}

hf_err hf_base64_encode(const void *data, size_t bytes, char *out, size_t out_bytes_max, size_t *ret_bytes)
{
    return encode(standard, true, data, bytes, out, out_bytes_max, ret_bytes);
}

hf_err hf_base64url_encode(const void *data, size_t bytes, char *out, size_t out_bytes_max, size_t *ret_bytes)
{
    return encode(url, false, data, bytes, out, out_bytes_max, ret_bytes);
}

hf_err hf_base64_decode(struct hf_slice text, void *out, size_t out_bytes_max, size_t *ret_bytes)
{
    if (text.bytes % 4 != 0)
        return HF_ERR_MALFORMED;
    for (int pads = 0; pads < 2 && text.bytes > 0 && text.at[text.bytes - 1] == '='; pads++)
        text.bytes--;
    return decode(false, text, out, out_bytes_max, ret_bytes);
}

hf_err hf_base64url_decode(struct hf_slice text, void *out, size_t out_bytes_max, size_t *ret_bytes)
{
    return decode(true, text, out, out_bytes_max, ret_bytes);
}
