/* core/gb/lock.h - whoever guesses passwords waits (GB-5): so many failures of one pair of device and source within a window lock the pair for a while. The pair
 * is a keyed hash; a bounded table, the pair that failed longest ago goes first. Time is handed in. One thread. */
#ifndef HF_CORE_GB_LOCK_H
#define HF_CORE_GB_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/map.h"
#include "base/slab.h"

enum { HF_GB_LOCK_FAILURES = 5, HF_GB_LOCK_WINDOW_MS = 60000, HF_GB_LOCK_MS = 60000 };

struct hf_gb_locks {
    struct hf_map map;
    struct hf_list_node used; /* the longest unused first */
    struct hf_slab *slab;
    uint32_t failures, window_ms, lock_ms; /* at least 1 */
    uint64_t locked, forgotten;
};

hf_err hf_gb_locks_init(struct hf_gb_locks *locks,
                        uint32_t pairs_max); /* HF_ERR_NOMEM: deinit is due all the same */
void hf_gb_locks_deinit(struct hf_gb_locks *locks);

bool hf_gb_locked(struct hf_gb_locks *locks, uint64_t pair, uint64_t now_ms);
/* One more failure. request: a hash of what failed. True when the pair has become locked by it. Without memory nothing is counted: false. */
bool hf_gb_lock_fail(struct hf_gb_locks *locks, uint64_t pair, uint64_t request, uint64_t now_ms);
/* The pair's last failure was this request: it was sent again, and is no further guess. */
bool hf_gb_lock_repeated(const struct hf_gb_locks *locks, uint64_t pair, uint64_t request);
void hf_gb_lock_clear(struct hf_gb_locks *locks, uint64_t pair); /* it was right at last */

#endif
