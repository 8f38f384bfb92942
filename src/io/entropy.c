#include "io/entropy.h"

#include <errno.h>
#include <sys/random.h>

#include "base/assert.h"

void hf_entropy(void *data, size_t bytes)
{
    uint8_t *at = data;

    while (bytes > 0) {
        ssize_t got = getrandom(at, bytes, 0);

        HF_ASSERT(got > 0 || errno == EINTR);
        if (got < 0)
            continue;
        at += got;
        bytes -= (size_t)got;
    }
}

uint64_t hf_entropy_u64(void)
{
    uint64_t value;

    hf_entropy(&value, sizeof(value));
    return value;
}
