/* base/slice.h - a borrowed run of bytes. Never owns, never ends in NUL, lives as long as what it points
 * into. An absent value is {NULL, 0}; an empty present one has a non-NULL pointer. */
#ifndef HF_BASE_SLICE_H
#define HF_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct hf_slice {
    const char *at;
    size_t bytes;
};

#define HF_SLICE(literal) ((struct hf_slice){(literal), sizeof(literal) - 1})

static inline struct hf_slice hf_slice_of(const char *text) /* NULL gives the absent slice */
{
    return (struct hf_slice){text, text ? strlen(text) : 0};
}

static inline bool hf_slice_eq(struct hf_slice a, struct hf_slice b)
{
    return a.bytes == b.bytes && (a.bytes == 0 || memcmp(a.at, b.at, a.bytes) == 0);
}

static inline bool hf_slice_is(struct hf_slice a, const char *text)
{
    return hf_slice_eq(a, hf_slice_of(text));
}

/* ASCII only, as every protocol token here is. */
bool hf_slice_eq_nocase(struct hf_slice a, struct hf_slice b);
struct hf_slice hf_slice_trim(struct hf_slice text); /* spaces and tabs at both ends */

/* Decimal digits only, no sign, no overflow; false leaves *ret_value alone. */
bool hf_slice_to_u64(struct hf_slice text, uint64_t *ret_value);

#endif
