/* core/session/refusals.h - numbers of a device's uplink that were refused for good, as far as the device may not know it: a REFUSE that was lost with its connection is said again
 * at the next one. Bounded: what lies before the device's window it knows (it would not have sent what came since), and of the rest HF_REFUSALS_MAX runs are kept; who
 * cannot go on without one more ends the connection, because with the next one the device says what it knows. Pure but for malloc; each list is one allocation that grows.
 *
 *   as stored: of each run u64 from, u64 to, u16 reason (big-endian), in order */
#ifndef HF_CORE_SESSION_REFUSALS_H
#define HF_CORE_SESSION_REFUSALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

enum {
    HF_REFUSALS_MAX =
        256, /* runs of numbers with one reason: a window of the default size, each second number refused, has half as many */
    HF_REFUSAL_BYTES = 18,
    HF_REFUSALS_BYTES_MAX = HF_REFUSALS_MAX * HF_REFUSAL_BYTES,
};

struct hf_refusal {
    uint64_t from, to;
    uint16_t reason;
};

struct hf_refusals {       /* zeroed = none */
    struct hf_refusal *at; /* owned; in order */
    uint16_t count, room;
};

void hf_refusals_deinit(struct hf_refusals *refusals); /* zeroes it */

/* Would there be a place for it without a run that the device may not know of having to go? */
bool hf_refusals_fits(const struct hf_refusals *refusals, uint64_t seq, uint16_t reason, uint64_t first);
/* Room for one more: hf_refusals_add() cannot fail then. HF_ERR_NOMEM. */
hf_err hf_refusals_reserve(struct hf_refusals *refusals);
/* seq is above all that are there; what lies below first is forgotten. False: a run had to go that the device may not know of. */
bool hf_refusals_add(struct hf_refusals *refusals, uint64_t seq, uint16_t reason, uint64_t first);
void hf_refusals_trim(struct hf_refusals *refusals, uint64_t first); /* forgets what lies below */

/* Bytes written, HF_REFUSALS_BYTES_MAX at most. */
size_t hf_refusals_encode(const struct hf_refusals *refusals, uint8_t *out);
/* HF_ERR_CORRUPT, HF_ERR_NOMEM; *ret_refusals is initialised by it. */
hf_err hf_refusals_decode(struct hf_slice stored, struct hf_refusals *ret_refusals);

#endif
