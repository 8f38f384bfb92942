/* base/bytes.h - big-endian integers in byte strings, any alignment. */
#ifndef HF_BASE_BYTES_H
#define HF_BASE_BYTES_H

#include <stdint.h>
#include <string.h>

#define HF_BYTES_FUNCTIONS(bits)                                                                          \
    static inline void hf_put_u##bits(uint8_t *out, uint##bits##_t value)                                 \
    {                                                                                                     \
        value = (uint##bits##_t)(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap##bits(value) \
                                                                           : value);                      \
        memcpy(out, &value, sizeof(value));                                                               \
    }                                                                                                     \
    static inline uint##bits##_t hf_get_u##bits(const uint8_t *in)                                        \
    {                                                                                                     \
        uint##bits##_t value;                                                                             \
                                                                                                          \
        memcpy(&value, in, sizeof(value));                                                                \
        return (uint##bits##_t)(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap##bits(value)  \
                                                                          : value);                       \
    }

HF_BYTES_FUNCTIONS(16)
HF_BYTES_FUNCTIONS(32)
HF_BYTES_FUNCTIONS(64)
#undef HF_BYTES_FUNCTIONS

#endif
