/* core/document/json_patch.h - changes to JSON documents: JSON Merge Patch (RFC 7396), JSON Patch (RFC 6902), JSON Pointer (RFC 6901), on cJSON trees. The packaged
 * cJSON comes without its cJSON_Utils, which has these. Both are atomic: after an error the document is as it was.
 *
 * Errors: HF_ERR_INVALID the patch is not one (unknown op, missing member, pointer that is none); HF_ERR_NOT_FOUND a path of it does not exist in the
 * document; HF_ERR_CONFLICT a `test` failed; HF_ERR_LIMIT more than HF_JSON_PATCH_OPS_MAX operations, or a copy that would make the document larger than
 * HF_JSON_PATCH_NODES_MAX values; HF_ERR_NOMEM. */
#ifndef HF_CORE_DOCUMENT_JSON_PATCH_H
#define HF_CORE_DOCUMENT_JSON_PATCH_H

#include <cjson/cJSON.h>

#include "base/err.h"

enum {
    HF_JSON_PATCH_OPS_MAX = 256,
    HF_JSON_PATCH_NODES_MAX = 32768, /* `copy` could double a document with every operation */
    HF_JSON_POINTER_BYTES_MAX = 1024,
};

/* *document may be NULL (nothing there yet); owns the tree, which may be replaced. patch is borrowed. */
hf_err hf_json_merge_patch(cJSON **document, const cJSON *patch);
hf_err hf_json_patch(cJSON **document, const cJSON *operations);

/* The same on a tree that the caller can do without after an error: no copy is made, and what is left is half changed. */
hf_err hf_json_merge_patch_in_place(cJSON **document, const cJSON *patch);
/* *ret_at, also after an error: how many operations were begun, so the number of the one that failed, from 1 on. */
hf_err hf_json_patch_in_place(cJSON **document, const cJSON *operations, unsigned *ret_at);

/* One operation of such a list, as the last two; NOT_FOUND, CONFLICT and LIMIT leave the document as it was. */
hf_err hf_json_patch_step(cJSON **document, const cJSON *operation);

/* A member that is there keeps its place in the object. Takes value, which is not NULL, also when it fails: HF_ERR_NOMEM, and the object is only good to be deleted. */
hf_err hf_json_put_member(cJSON *object, const char *name, cJSON *value);

/* The value a pointer names, inside document; NULL when it names none or is no pointer. "" names the whole document. */
cJSON *hf_json_pointer(cJSON *document, const char *pointer);

#endif
