/* core/document/shadow.h - what a device last said of itself (`reported`), what applications want it to be (`desired`), and what they note about it (`tags`), under one
 * version (TWIN-1, TWIN-2). Sans-I/O and pure: a change takes the shadow as it was and gives the one that it becomes.
 *
 * Each field (a value that is no object, or an object without members; an array is one field) remembers the version and the time that last wrote it. Sections are kept as
 * text: they are read and stored far more often than changed, and a change parses only those that it touches. */
#ifndef HF_CORE_DOCUMENT_SHADOW_H
#define HF_CORE_DOCUMENT_SHADOW_H

#include <stdbool.h>

#include "base/err.h"
#include "base/reason.h"
#include "codec/json/out.h"
#include "codec/session/frame.h"

enum hf_shadow_section { HF_SHADOW_REPORTED, HF_SHADOW_DESIRED, HF_SHADOW_TAGS, HF_SHADOW_SECTIONS };
const char *hf_shadow_section_name(unsigned section); /* "reported" ... */

enum {
    HF_SHADOW_SECTION_BYTES_MAX = 32 << 10, /* as text; what a tenant's limit may be at most */
    HF_SHADOW_DEPTH_MAX = 8,                /* of a section, which is the first level */
    HF_SHADOW_FIELDS_MAX = 1024,            /* of all sections */
    HF_SHADOW_FIELD_BYTES_MAX = 128 << 10,  /* their paths and stamps */
    HF_SHADOW_REMOVED_MAX = 64,             /* removed fields that are remembered; the oldest go first */
    HF_SHADOW_REFUSED_MAX = 256,            /* operations of one change that are refused alone */
    HF_SHADOW_NAME_BYTES_MAX = 64,
    HF_SHADOW_CHANGE_BYTES_MAX = 3 * HF_SHADOW_SECTION_BYTES_MAX,
    HF_SHADOW_RULE = 1 << HF_SHADOW_SECTIONS, /* besides sections: the shadow's own merge rule */
};

struct hf_shadow_fields { /* owned; see shadow_fields.h */
    uint8_t *at;
    uint32_t bytes;
    uint16_t count;
};

struct
    hf_shadow { /* zeroed = nothing was written yet; version 0 and `forgotten`: one of this name may have had the versions up to that */
    uint64_t version, updated_ms /* UTC */;
    uint64_t epoch;                 /* of the newest connection that changed it; 0 = none did */
    char *text[HF_SHADOW_SECTIONS]; /* owned; NULL = {} */
    uint32_t bytes[HF_SHADOW_SECTIONS];
    struct hf_shadow_fields fields;
    struct hf_shadow_fields removed; /* the last fields that went, in the order of their versions */
    uint64_t forgotten;              /* what went up to this version may not be among them */
    uint8_t merge;                   /* enum hf_merge: its own rule; KEEP = its tenant's */
};

struct hf_shadow_limits {
    uint32_t section_bytes_max, depth_max;
};

struct hf_shadow_change {
    uint8_t kind;          /* enum hf_patch_kind: MERGE or JSON */
    uint8_t merge;         /* enum hf_merge: what becomes of a change from an older version, see below */
    uint8_t sections;      /* those that its maker may change, by 1 << section, and HF_SHADOW_RULE */
    uint64_t base_version; /* 0 = none was looked at */
    uint64_t epoch;        /* of the connection that it came by; 0 = an application */
    bool named; /* a merge patch may have a member `name`, which says of which shadow: not looked at here */
    struct hf_slice json;
};

/* Of MESSAGE_TOO_BIG: what is too much of one section, or (DEPTH, over_section HF_SHADOW_SECTIONS) of the change. */
enum hf_shadow_over { HF_SHADOW_OVER_OTHER, HF_SHADOW_OVER_BYTES, HF_SHADOW_OVER_DEPTH };

struct hf_shadow_outcome { /* what OPLOG refused, and what else says why; the caller's to free */
    char *
        refused; /* JSON: [{"index":1,"path":"/desired/a","version":7},...]; NULL: nothing was refused alone */
    char *taken; /* the change without that, and without what was removed already; NULL: as it came */
    unsigned refused_count;
    uint8_t over, over_section; /* enum hf_shadow_over */
    uint16_t operation;  /* of a JSON Patch: the one that cannot be made, or whose test failed, from 1 on */
    uint32_t over_bytes; /* that the section would have; of BYTES */
};

void hf_shadow_deinit(struct hf_shadow *shadow); /* zeroes it */
void hf_shadow_outcome_deinit(struct hf_shadow_outcome *outcome);

/* *ret_after is the shadow as the change makes it (initialised when NONE is returned; the caller's to deinit), with a version one above (of version 0: above
 * `forgotten`) unless no value differs.
 *
 * The change: a merge patch {"desired":{...},...}, which may also have a member `version`, the base version where none is given otherwise, and `merge`, the shadow's own rule from
 * now on (null: its tenant's); or operations of JSON Patch on /reported, /desired and /tags. A section that is removed or null is empty. A base version that is not the present
 * one is refused when merge is KEEP or VERSION; for CONFLICT_FREE only when a field that would be changed has been written or removed since; LWW takes it; OPLOG takes of it
 * what has not been changed since (shadow_oplog.h), *ret_outcome says what that is not. The outcome is initialised in any case, and told with NONE and VERSION_CONFLICT.
 *
 * VERSION_CONFLICT: so, with OPLOG when nothing is left, a `test` failed, or base_version was never given. FORBIDDEN: it changes a section that its maker may not. REPLACED: the epoch is older than the
 * shadow's. BAD_REQUEST: no JSON, no patch, a path that is not there, another member, or a section would be no object. MESSAGE_TOO_BIG: text, depth or fields above
 * their limit. MEMORY_LIMIT. */
enum hf_reason hf_shadow_change(const struct hf_shadow *before, const struct hf_shadow_change *change,
                                const struct hf_shadow_limits *limits, uint64_t utc_ms,
                                struct hf_shadow_outcome *ret_outcome, struct hf_shadow *ret_after);

/* What desired has and reported has not, or has otherwise: an object, "{}" when nothing. Malloc'ed; HF_ERR_NOMEM. A shadow that was decoded may also be HF_ERR_CORRUPT. */
hf_err hf_shadow_delta(const struct hf_shadow *shadow, char **ret_json);

/* How far the device is with what the change that made `version` wants. SUPERSEDED: later changes wrote each of its fields, or it only removed some. */
enum hf_shadow_applied { HF_SHADOW_WANTED, HF_SHADOW_APPLIED, HF_SHADOW_SUPERSEDED };
hf_err hf_shadow_applied(const struct hf_shadow *shadow, uint64_t version,
                         enum hf_shadow_applied *ret_applied); /* errors as hf_shadow_delta() */

/* As it is stored, in a record of the log and a row of the tables (JSON, shadow_text.c); change: the change that led here, as it came, for readers of events. malloc'ed, NULL
 * on no memory. decode: HF_ERR_CORRUPT, HF_ERR_NOMEM; *ret_shadow is initialised by it. */
char *hf_shadow_encode(const struct hf_shadow *shadow, struct hf_slice change, size_t *ret_bytes);
hf_err hf_shadow_decode(struct hf_slice stored, struct hf_shadow *ret_shadow);

/* Writes the members version, epoch, updated, merge (its own rule, if it has one), reported, desired, delta, tags, metadata into the open object. delta: of hf_shadow_delta(). */
void hf_shadow_out(struct hf_json_out *out, const struct hf_shadow *shadow, const char *delta);
size_t hf_shadow_out_bytes(const struct hf_shadow *shadow); /* about as many */

#endif
