/* core/document/shadow_step.h - a change of a shadow on its way, for shadow.c (what the change is, and whether it may be) and shadow_compare.c (what differs by it). Nobody else includes
 * this. */
#ifndef HF_CORE_DOCUMENT_SHADOW_STEP_H
#define HF_CORE_DOCUMENT_SHADOW_STEP_H

#include <cjson/cJSON.h>

#include "base/assert.h"
#include "base/sb.h"
#include "core/document/json_patch.h"
#include "core/document/shadow_fields.h"
#include "core/document/shadow_oplog.h"

struct hf_shadow_step { /* a change on its way */
    const struct hf_shadow *before;
    const struct hf_shadow_change *change;
    const struct hf_shadow_limits *limits;
    struct hf_shadow *after;
    uint64_t base_version;
    uint64_t utc_ms;
    cJSON *old[HF_SHADOW_SECTIONS], *now[HF_SHADOW_SECTIONS]; /* NULL: not touched */
    uint32_t room, removed_room;                              /* of after->fields, after->removed */
    struct hf_shadow_oplog
        *oplog; /* base_version 0: the rule is another one, or the change is from the present version */
    struct hf_shadow_outcome *outcome;
    cJSON *parsed; /* the change */
    uint8_t rule;  /* enum hf_merge: that the shadow has afterwards */
    /* The section that is being compared. */
    uint8_t section;
    bool differs, newer;                    /* in it; a field of it was written after the base version */
    uint32_t hint;                          /* where in before->fields the next field probably is, */
    unsigned hint_number;                   /* and its number */
    uint8_t same[HF_SHADOW_FIELDS_MAX / 8]; /* by its number in before: it stands as it was */
    struct hf_sb path;
    char path_storage[HF_JSON_POINTER_BYTES_MAX + 1];
};

/* One that was deleted goes on above what it had. */
static inline uint64_t hf_shadow_next_version(const struct hf_shadow *before)
{
    return HF_MAX(before->version, before->forgotten) + 1;
}

/* shadow_compare.c. First, and once: what went earlier and has not come back stays known as gone. */
hf_err hf_shadow_keep_removed(struct hf_shadow_step *step);
/* Makes this section of after, with its fields: from the tree in now, or as it was. NONE, or why the change may not be. */
enum hf_reason hf_shadow_settle_section(struct hf_shadow_step *step, unsigned section);

#endif
