#include "base/slice.h"

static char lower(char c) /* not tolower(): protocol tokens know no locale */
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

bool hf_slice_eq_nocase(struct hf_slice a, struct hf_slice b)
{
    if (a.bytes != b.bytes)
        return false;
    for (size_t i = 0; i < a.bytes; i++)
        if (lower(a.at[i]) != lower(b.at[i]))
            return false;
    return true;
}

struct hf_slice hf_slice_trim(struct hf_slice text)
{
    while (text.bytes > 0 && blank(text.at[0])) {
        text.at++;
        text.bytes--;
    }
    while (text.bytes > 0 && blank(text.at[text.bytes - 1]))
        text.bytes--;
    return text;
}

bool hf_slice_to_u64(struct hf_slice text, uint64_t *ret_value)
{
    uint64_t value = 0;

    if (text.bytes == 0)
        return false;
    for (size_t i = 0; i < text.bytes; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(text.at[i] - '0');

        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *ret_value = value;
    return true;
}
