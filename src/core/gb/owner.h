/* core/gb/owner.h - who owns what (GB-17): a thing that somebody took is PENDING while its owner lives. When the owner is gone the thing is ORPHANED and looked at again
 * after a while, because the end of both may be under way; then it is RECLAIMED: freed and counted. In a program without mistakes nothing ever is. Pure. */
#ifndef HF_CORE_GB_OWNER_H
#define HF_CORE_GB_OWNER_H

#include <stdbool.h>
#include <stdint.h>

enum {
    HF_GB_AUDIT_MS = 10000,   /* between looks, and what an orphan is given */
    HF_GB_OVERDUE_MS = 10000, /* behind the deadline of its protocol a thing counts as one without an owner */
};

enum hf_gb_owned { HF_GB_OWNED_PENDING, HF_GB_OWNED_ORPHANED, HF_GB_OWNED_RECLAIMED };

struct hf_gb_audit { /* what looks have found */
    uint64_t looked, orphaned, reclaimed;
};

/* *orphaned_ms: the thing's own, 0 at first. RECLAIMED: free it. */
enum hf_gb_owned hf_gb_audit_look(struct hf_gb_audit *audit, uint64_t *orphaned_ms, bool owner_lives,
                                  uint64_t now_ms);

#endif
