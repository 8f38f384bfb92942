#include "core/sip/keep.h"

#include <string.h>

#include "base/assert.h"

/* Answers to REGISTER and MESSAGE have 300 to 600 bytes, so the steps are small there. */
static const struct {
    const char *name;
    uint32_t bytes;
} sizes[HF_SIP_KEEP_SIZES] = {
    {"sip 256", 256},
    {"sip 320", 320},
    {"sip 384", 384},
    {"sip 448", 448},
    {"sip 512", 512},
    {"sip 768", 768},
    {"sip 1024", 1024},
    {"sip 1536", 1536},
    {"sip 2048", 2048},
    {"sip 4096", 4096},
    {"sip 8192", 8192},
    {"sip 16384", 16384},
    {"sip 65536", HF_SIP_KEEP_BYTES_MAX},
};

static unsigned size_of(size_t bytes)
{
    unsigned i = 0;

    HF_ASSERT(bytes > 0 && bytes <= HF_SIP_KEEP_BYTES_MAX);
    while (sizes[i].bytes < bytes)
        i++;
    return i;
}

hf_err hf_sip_keep_init(struct hf_sip_keep *keep, uint64_t bytes_max)
{
    *keep = (struct hf_sip_keep){.bytes_max = bytes_max};
    for (unsigned i = 0; i < HF_SIP_KEEP_SIZES; i++) {
        keep->slabs[i] = hf_slab_new(sizes[i].name, sizes[i].bytes, bytes_max / sizes[i].bytes + 1);
        if (keep->slabs[i] == NULL)
            return HF_ERR_NOMEM;
    }
    return HF_OK;
}

void hf_sip_keep_deinit(struct hf_sip_keep *keep)
{
    HF_ASSERT(keep->bytes == 0);
    for (unsigned i = 0; i < HF_SIP_KEEP_SIZES; i++)
        hf_slab_free(keep->slabs[i]);
}

char *hf_sip_keep_copy(struct hf_sip_keep *keep, struct hf_slice bytes)
{
    unsigned size = size_of(bytes.bytes);
    char *copy = NULL;

    if (sizes[size].bytes <= keep->bytes_max - keep->bytes)
        copy = hf_slab_take(keep->slabs[size]);
    if (copy == NULL) {
        keep->refused++;
        return NULL;
    }
    memcpy(copy, bytes.at, bytes.bytes);
    keep->bytes += sizes[size].bytes;
    return copy;
}

void hf_sip_keep_give(struct hf_sip_keep *keep, char *copy, size_t bytes)
{
    unsigned size;

    if (copy == NULL)
        return;
    size = size_of(bytes);
    HF_ASSERT(keep->bytes >= sizes[size].bytes);
    keep->bytes -= sizes[size].bytes;
    hf_slab_give(keep->slabs[size], copy);
}
