/* core/document/shadow_wish.h - a change that changed nothing, because what it wants is wanted already: how far the device is with that. */
#ifndef HF_CORE_DOCUMENT_SHADOW_WISH_H
#define HF_CORE_DOCUMENT_SHADOW_WISH_H

#include "core/document/shadow.h"

/* json: a change that hf_shadow_change() has taken, of `kind` (enum hf_patch_kind). *ret_version: the newest with a change of desired; who knows it knows the wish. *ret_applied: of a merge
 * patch what it names of desired, and WANTED as long as one member is; of a JSON Patch all of desired. SUPERSEDED: nothing of it is desired (any more). HF_ERR_NOMEM. */
hf_err hf_shadow_wish(const struct hf_shadow *shadow, uint8_t kind, struct hf_slice json,
                      uint64_t *ret_version, enum hf_shadow_applied *ret_applied);

#endif
