/* core/shared.h - bytes encoded once and sent to many. */
#ifndef HF_CORE_SHARED_H
#define HF_CORE_SHARED_H

#include <stddef.h>
#include <stdint.h>

/* An immutable payload encoded once for many links of one thread. References are not atomic: each worker has
 * its own copy. */
struct hf_shared {
    uint32_t references;
    uint32_t bytes;
    uint8_t data[];
};

/* One reference, the caller's. NULL on no memory. data may be NULL: filled in by the caller before first use. */
struct hf_shared *hf_shared_new(const void *data, size_t bytes);
void hf_shared_unref(struct hf_shared *shared); /* NULL is harmless */

static inline struct hf_shared *hf_shared_ref(struct hf_shared *shared)
{
    shared->references++;
    return shared;
}

#endif
