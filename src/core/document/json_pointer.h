/* core/document/json_pointer.h - private to document: one step of a JSON Pointer (RFC 6901). */
#ifndef HF_CORE_DOCUMENT_JSON_POINTER_H
#define HF_CORE_DOCUMENT_JSON_POINTER_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/err.h"

struct hf_json_place { /* where a value is, or could be added */
    cJSON *parent;     /* NULL: the whole document */
    char *key;         /* the last token, unescaped; in `storage` */
    int index;         /* of an array's element; its size for "-" and for one behind the last */
    cJSON *value;      /* NULL: not there */
};

/* storage has HF_JSON_POINTER_BYTES_MAX + 1 bytes. HF_ERR_INVALID: not a pointer, or too long. HF_ERR_NOT_FOUND: its parent does not exist, or an array index is out
 * of place. HF_OK also when only the value is missing. */
hf_err hf_json_place(cJSON *document, const char *pointer, char *storage, struct hf_json_place *ret_place);

#endif
