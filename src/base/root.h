/* base/root.h - the square root of a whole number, rounded down. */
#ifndef HF_BASE_ROOT_H
#define HF_BASE_ROOT_H

#include <stdint.h>

static inline uint64_t hf_root(uint64_t value)
{
    uint64_t low = 0, high = UINT64_C(1) << 32;

    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;

        if (middle * middle <= value)
            low = middle;
        else
            high = middle;
    }
    return low;
}

#endif
