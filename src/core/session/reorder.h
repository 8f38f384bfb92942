/* core/session/reorder.h - the early frames of one stream, for receiver.c and its tests. A ring with one place per number of the window: what is kept lies in
 * (expected, expected + places), so no two share a place. Bounded by the window's messages and bytes. */
#ifndef HF_CORE_SESSION_REORDER_H
#define HF_CORE_SESSION_REORDER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

struct hf_reorder_frame {
    size_t bytes;
    char at[];
};

struct hf_reorder {
    size_t bytes; /* of all frames kept */
    uint64_t
        hole_ms; /* receiver.c's, for as long as there is a hole: since when something is missing; 0 = nothing, */
    uint64_t nack_ms; /* and when the last NACK went; 0 = none for this hole */
    uint32_t places, count;
    struct hf_reorder_frame *frames[]; /* owns each; NULL = free */
};

struct hf_reorder *hf_reorder_new(uint32_t places); /* NULL: out of memory */
void hf_reorder_free(struct hf_reorder *reorder);   /* NULL is harmless */
/* HF_ERR_LIMIT when more than bytes_max would be kept, HF_ERR_NOMEM; HF_OK, too, when its place is taken. */
hf_err hf_reorder_keep(struct hf_reorder *reorder, uint64_t seq, const void *frame, size_t bytes,
                       size_t bytes_max);
struct hf_slice hf_reorder_find(const struct hf_reorder *reorder, uint64_t seq); /* absent when not kept */
void hf_reorder_drop(struct hf_reorder *reorder, uint64_t seq);                  /* or was not kept */

#endif
