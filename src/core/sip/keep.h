/* core/sip/keep.h - messages kept to be repeated: copies in a few sizes, each from its slab, with one bound for all (GB-16: message buffers). A copy of n bytes takes the
 * next size up; memory goes back as in base/slab.h. One thread. */
#ifndef HF_CORE_SIP_KEEP_H
#define HF_CORE_SIP_KEEP_H

#include <stdint.h>

#include "base/err.h"
#include "base/slab.h"
#include "base/slice.h"

enum { HF_SIP_KEEP_SIZES = 13, HF_SIP_KEEP_BYTES_MAX = 65536 };

struct hf_sip_keep {
    struct hf_slab *slabs[HF_SIP_KEEP_SIZES]; /* owns */
    uint64_t bytes, bytes_max;                /* of all copies, in their rounded sizes */
    uint64_t refused;                         /* for want of bytes_max, or of memory */
};

hf_err hf_sip_keep_init(struct hf_sip_keep *keep,
                        uint64_t bytes_max);       /* HF_ERR_NOMEM; deinit is due either way */
void hf_sip_keep_deinit(struct hf_sip_keep *keep); /* asserts that nothing is kept */
/* A copy, or NULL: refused and counted. 1..HF_SIP_KEEP_BYTES_MAX bytes. */
char *hf_sip_keep_copy(struct hf_sip_keep *keep, struct hf_slice bytes);
void hf_sip_keep_give(struct hf_sip_keep *keep, char *copy,
                      size_t bytes); /* bytes as copied; NULL is harmless */

#endif
