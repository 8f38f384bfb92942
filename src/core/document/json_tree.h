/* core/document/json_tree.h - the JSON of documents as cJSON trees that lose nothing on the way in and out. cJSON (1.7.15) alone cuts a text at \u0000, so that a member can be taken for another one;
 * prints what is no finite number as null; and prints 15 digits where the difference is below its epsilon, so that 9007199254740991 comes back as 9007199254740990 and two
 * neighbours compare as equal. A number is the double that is nearest to its text (RFC 8259 section 6). */
#ifndef HF_CORE_DOCUMENT_JSON_TREE_H
#define HF_CORE_DOCUMENT_JSON_TREE_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/reason.h"
#include "base/slice.h"

/* A member is looked for from the first one on, and two objects are compared so: what takes microseconds for a hundred members takes a tenth of a second for four thousand. */
enum { HF_JSON_MEMBERS_MAX = 1024 /* of one object */ };

/* What a peer says. HF_ERR_LIMIT: nested deeper than depth_max, or not narrow; HF_ERR_INVALID: not JSON, a text or a name with a zero byte, a number above all doubles; HF_ERR_NOMEM. */
hf_err hf_json_tree(struct hf_slice text, unsigned depth_max, cJSON **ret_tree);

/* Has no object in it more than HF_JSON_MEMBERS_MAX members? Asked of what changes have made, too: it grows by many of them. */
bool hf_json_tree_is_narrow(const cJSON *tree);

/* What its maker is told of a change that failed so. */
enum hf_reason hf_json_reason(hf_err err);

/* What was checked before, as it is stored. NULL: no memory, or it is no JSON. */
cJSON *hf_json_tree_again(const char *text, size_t bytes);

#endif
