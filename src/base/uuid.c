#include "base/uuid.h"

void hf_uuid7(uint8_t ret_uuid[HF_UUID_BYTES], uint64_t utc_ms, const uint8_t random[HF_UUID_RANDOM_BYTES])
{
    for (int i = 0; i < 6; i++)
        ret_uuid[i] = (uint8_t)(utc_ms >> (40 - 8 * i));
    memcpy(ret_uuid + 6, random, HF_UUID_RANDOM_BYTES);
    ret_uuid[6] = (uint8_t)(0x70 | (ret_uuid[6] & 0x0f)); /* version */
    ret_uuid[8] = (uint8_t)(0x80 | (ret_uuid[8] & 0x3f)); /* variant */
}

static bool dash_before(int byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

void hf_uuid_text(const uint8_t uuid[HF_UUID_BYTES], char ret_text[HF_UUID_TEXT_BYTES + 1])
{
    static const char digits[] = "0123456789abcdef";
    char *out = ret_text;

    for (int i = 0; i < HF_UUID_BYTES; i++) {
        if (dash_before(i))
            *out++ = '-';
        *out++ = digits[uuid[i] >> 4];
        *out++ = digits[uuid[i] & 15];
    }
    *out = '\0';
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

hf_err hf_uuid_parse(struct hf_slice text, uint8_t ret_uuid[HF_UUID_BYTES])
{
    uint8_t uuid[HF_UUID_BYTES];
    const char *in = text.at;

    if (text.bytes != HF_UUID_TEXT_BYTES)
        return HF_ERR_MALFORMED;
    for (int i = 0; i < HF_UUID_BYTES; i++) {
        if (dash_before(i) && *in++ != '-')
            return HF_ERR_MALFORMED;
        int high = digit_of(in[0]), low = digit_of(in[1]);

        if (high < 0 || low < 0)
            return HF_ERR_MALFORMED;
        uuid[i] = (uint8_t)(high << 4 | low);
        in += 2;
    }
    memcpy(ret_uuid, uuid, sizeof(uuid));
    return HF_OK;
}
