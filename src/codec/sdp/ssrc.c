/* codec/sdp/ssrc.c - see ssrc.h. */
#include "codec/sdp/ssrc.h"

#include "base/assert.h"

enum {
    DOMAIN_FROM = 3, /* digits 4 to 8 */
    DOMAIN_TO = 8,
    DIGITS = HF_SSRC_TEXT_BYTES - 1,
    HISTORY = 1000000000,
};

hf_err hf_ssrc_make(struct hf_slice domain, bool history, unsigned number, uint32_t *ret_ssrc)
{
    uint32_t part = 0;

    if (domain.bytes < DOMAIN_TO || number >= HF_SSRC_NUMBERS)
        return HF_ERR_INVALID;
    for (unsigned i = 0; i < DOMAIN_TO; i++) {
        if (domain.at[i] < '0' || domain.at[i] > '9')
            return HF_ERR_INVALID;
        if (i >= DOMAIN_FROM)
            part = part * 10 + (uint32_t)(domain.at[i] - '0');
    }
    *ret_ssrc = (history ? HISTORY : 0) + part * HF_SSRC_NUMBERS + number;
    return HF_OK;
}

void hf_ssrc_format(uint32_t ssrc, char ret_text[HF_SSRC_TEXT_BYTES])
{
    ret_text[DIGITS] = '\0';
    for (unsigned i = DIGITS; i-- > 0; ssrc /= 10)
        ret_text[i] = (char)('0' + ssrc % 10);
}

bool hf_ssrc_parse(struct hf_slice text, uint32_t *ret_ssrc, bool *ret_exact)
{
    uint64_t value;

    text = hf_slice_trim(text);
    if (!hf_slice_to_u64(text, &value) || value > UINT32_MAX)
        return false;
    *ret_ssrc = (uint32_t)value;
    *ret_exact = text.bytes == DIGITS;
    return true;
}

bool hf_ssrc_is_history(uint32_t ssrc)
{
    return ssrc >= HISTORY;
}

unsigned hf_ssrc_number(uint32_t ssrc)
{
    return ssrc % HF_SSRC_NUMBERS;
}

unsigned hf_ssrc_domain_part(uint32_t ssrc)
{
    return ssrc / HF_SSRC_NUMBERS % 100000;
}
