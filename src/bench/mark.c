#include "bench/mark.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/slice.h"

size_t hf_bench_mark_write(char *out, size_t bytes, uint64_t a, uint64_t b)
{
    static const char fill[] = ",\"fill\":\"", end[] = "\"}";
    size_t used = (size_t)snprintf(out, HF_BENCH_MARK_BYTES_MIN,
                                   "{" HF_BENCH_MARK_KEY "%" PRIu64 "-%" PRIu64 "\"", a, b);
    size_t rest = sizeof(fill) - 1 + sizeof(end) - 1;

    if (used + rest >= bytes) { /* no room for filling: the mark alone */
        memcpy(out + used, "}", 2);
        return used + 1;
    }
    memcpy(out + used, fill, sizeof(fill) - 1);
    used += sizeof(fill) - 1;
    memset(out + used, 'x', bytes - used - 2);
    memcpy(out + bytes - 2, end, sizeof(end));
    return bytes;
}

bool hf_bench_mark_read(const void *data, size_t bytes, const char *key, uint64_t *ret_a, uint64_t *ret_b)
{
    const char *end = (const char *)data + bytes, *at = memmem(data, bytes, key, strlen(key));

    if (at == NULL)
        return false;
    at += strlen(key);
    const char *quote = memchr(at, '"', (size_t)(end - at));
    const char *dash = quote ? memchr(at, '-', (size_t)(quote - at)) : NULL;

    return dash != NULL && hf_slice_to_u64((struct hf_slice){at, (size_t)(dash - at)}, ret_a) &&
           hf_slice_to_u64((struct hf_slice){dash + 1, (size_t)(quote - dash - 1)}, ret_b);
}
