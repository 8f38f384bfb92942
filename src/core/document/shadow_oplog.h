/* core/document/shadow_oplog.h - private to document: the merge rule `oplog` (TWIN-2). A change made from an older version is taken in the order of the log, operation by operation;
 * one is refused alone when what it writes (or moves or copies from) has been written or removed since that version, be it there, below it, or as the array or value that
 * holds it. What has become of other paths is no concern of it, and what it wants and is so already is no conflict: a change that is sent again changes nothing.
 *
 * More than HF_SHADOW_REFUSED_MAX refusals refuse all of it.
 *
 * After an operation in an array was refused, later ones of the same change in that array are, too: their indices count on it. */
#ifndef HF_CORE_DOCUMENT_SHADOW_OPLOG_H
#define HF_CORE_DOCUMENT_SHADOW_OPLOG_H

#include <cjson/cJSON.h>

#include "core/document/json_patch.h"
#include "core/document/shadow.h"

struct hf_shadow_oplog { /* zeroed but for the first two */
    const struct hf_shadow *before;
    uint64_t base_version; /* above 0, below that of before */
    cJSON *
        refused; /* owned: [{"index":1,"path":"/desired/a","version":7}], members of a merge patch without an index; NULL: none */
    cJSON *dropped;                                    /* owned: the operations themselves */
    struct hf_slice arrays[2 * HF_JSON_PATCH_OPS_MAX]; /* in which one was refused; into dropped */
    unsigned array_count, judged, refused_count;
    unsigned at; /* how many operations were begun, so the number of the one that failed, from 1 on */
};

void hf_shadow_oplog_deinit(struct hf_shadow_oplog *log);

/* Applies to *document, {"reported":{},"desired":{},"tags":{}}, what can be; the rest is taken out of `operations`. Errors of hf_json_patch_in_place(), for all of it. */
hf_err hf_shadow_oplog_operations(struct hf_shadow_oplog *log, cJSON **document, cJSON *operations);

/* Takes out of a merge patch for one section, which is now as `section` says, the members that are refused. *ret_whole: it is null, and refused. HF_ERR_NOMEM, HF_ERR_LIMIT:
 * a path, or more values than a shadow has fields; HF_ERR_CONFLICT: too many are refused. */
hf_err hf_shadow_oplog_members(struct hf_shadow_oplog *log, unsigned number, cJSON *section, cJSON *patch,
                               bool *ret_whole);

#endif
