#include "core/gb/owner.h"

#include "base/assert.h"

enum hf_gb_owned hf_gb_audit_look(struct hf_gb_audit *audit, uint64_t *orphaned_ms, bool owner_lives,
                                  uint64_t now_ms)
{
    audit->looked++;
    if (owner_lives) {
        *orphaned_ms = 0; /* it was found again */
        return HF_GB_OWNED_PENDING;
    }
    if (*orphaned_ms == 0) {
        *orphaned_ms = HF_MAX(now_ms, (uint64_t)1);
        audit->orphaned++;
        return HF_GB_OWNED_ORPHANED;
    }
    if (now_ms - *orphaned_ms < HF_GB_AUDIT_MS)
        return HF_GB_OWNED_ORPHANED;
    *orphaned_ms = 0;
    audit->reclaimed++;
    return HF_GB_OWNED_RECLAIMED;
}
