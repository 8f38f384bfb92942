#include "core/shared.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

struct hf_shared *hf_shared_new(const void *data, size_t bytes)
{
    struct hf_shared *shared = bytes <= UINT32_MAX ? malloc(sizeof(*shared) + bytes) : NULL;

    if (shared == NULL)
        return NULL;
    shared->references = 1;
    shared->bytes = (uint32_t)bytes;
    if (data != NULL)
        memcpy(shared->data, data, bytes);
    return shared;
}

void hf_shared_unref(struct hf_shared *shared)
{
    if (shared == NULL)
        return;
    HF_ASSERT(shared->references > 0);
    if (--shared->references == 0)
        free(shared);
}
