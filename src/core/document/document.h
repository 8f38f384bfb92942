/* core/document/document.h - a small JSON object that a device, or the terminals of one user, keep at the gateway (RC-12; doc/protocol.md section 9): versions, merge rules,
 * and what changed since a version. Sans-I/O: time and randomness are handed in. Changes allocate (a document changes rarely, and a peer's rate is bounded).
 *
 * For each top-level member the document remembers the version that last wrote it and by whom, also of removed ones. That is enough for three things: the difference from any
 * version a reader has (no history is kept), the conflict-free merge (the base version of a change says which of those writes its maker knew: the gateway numbers all of
 * them, so one number stands for the vector of counters), and who wins of two that did not know each other. */
#ifndef HF_CORE_DOCUMENT_DOCUMENT_H
#define HF_CORE_DOCUMENT_DOCUMENT_H

#include <cjson/cJSON.h>

#include "base/err.h"
#include "base/reason.h"
#include "codec/session/frame.h"

enum {
    HF_DOCUMENT_BYTES_MAX = 32 << 10, /* as text */
    HF_DOCUMENT_DEPTH_MAX = 8,
    HF_DOCUMENT_WRITES_MAX =
        512, /* members remembered, removed ones included; the oldest removed ones go first */
};

struct
    hf_document { /* zeroed = there is none yet; version 0 and `forgotten`: one of this name may have had the versions up to that */
    uint64_t version;    /* 0 = never written */
    uint64_t updated_ms; /* UTC */
    uint64_t
        forgotten; /* writes up to this version may have been forgotten: who has an older one gets the whole */
    uint32_t ttl_ms; /* kept so long after its last connection; 0 = as long as the session */
    uint8_t merge;   /* enum hf_merge, not KEEP once written */
    uint8_t snapshot_id[16];
    cJSON *json;   /* an object; NULL when version is 0 */
    cJSON *writes; /* {"member":[version,"writer"]} */
};

struct hf_document_change {
    uint8_t kind;          /* enum hf_patch_kind */
    uint8_t merge;         /* enum hf_merge; KEEP = as the document has it (a new one: lww) */
    uint64_t base_version; /* 0 = none was looked at: as if it was the current one */
    uint32_t ttl_ms;       /* 0 = unchanged */
    struct hf_slice json, writer;
};

/* An independent copy. HF_ERR_NOMEM: *ret_copy is zeroed. */
hf_err hf_document_copy(const struct hf_document *document, struct hf_document *ret_copy);
void hf_document_deinit(struct hf_document *document); /* zeroes it */

/* HF_REASON_NONE: taken; the version has grown by 1 (of version 0: is one above `forgotten`) unless nothing differs, neither content nor merge rule nor time to live. VERSION_CONFLICT: the rule is `version` and there is a newer one, a `test`
 * failed, or base_version was never given. BAD_REQUEST: not JSON, not a patch, a path that is not there, or the document would be no object. MESSAGE_TOO_BIG: text, depth
 * or members above their limit. MEMORY_LIMIT. But for the first the document is as it was. snapshot_id: a fresh UUIDv7. */
enum hf_reason hf_document_change(struct hf_document *document, const struct hf_document_change *change,
                                  const uint8_t snapshot_id[16], uint64_t utc_ms);

/* What a reader with `base_version` lacks: *ret_kind JSON (a patch that replaces and removes top-level members), or FULL when the document cannot say, or that is shorter.
 * base_version 0 gives FULL. The caller frees *ret_json. HF_ERR_NOT_FOUND: version 0. HF_ERR_EXISTS: it lacks nothing. HF_ERR_NOMEM. */
hf_err hf_document_delta(const struct hf_document *document, uint64_t base_version,
                         enum hf_patch_kind *ret_kind, char **ret_json);
char *hf_document_text(
    const struct hf_document *document); /* the whole, malloc'ed; NULL on no memory or version 0 */

/* As it is stored, in a record of the log and a row: JSON text. encode: malloc'ed, NULL on no memory. decode: HF_ERR_CORRUPT, HF_ERR_NOMEM; *ret_document is
 * initialised by it. */
char *hf_document_encode(const struct hf_document *document, size_t *ret_bytes);
hf_err hf_document_decode(struct hf_slice stored, struct hf_document *ret_document);

#endif
