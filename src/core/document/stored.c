/* core/document/stored.c - a document as it lies in a record of the log and in its row:
 *   {"version":7,"updated_ms":..,"forgotten":0,"ttl_ms":0,"merge":1,"snapshot_id":"<32 hex>","json":{..},"writes":{"member":[6,"device"]}}
 * Numbers are below 2^53: versions grow by one a change. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "core/document/document.h"
#include "core/document/json_tree.h"

static const char digits[] = "0123456789abcdef";

static bool add_number(cJSON *out, const char *name, uint64_t value)
{
    return cJSON_AddNumberToObject(out, name, (double)value) != NULL;
}

/* Not cJSON_AddItemReferenceToObject(), which loses its reference when the name finds no memory. */
static bool add_object(cJSON *out, const char *name, const cJSON *object)
{
    cJSON *reference = cJSON_CreateObjectReference(object->child);

    if (reference != NULL && cJSON_AddItemToObject(out, name, reference))
        return true;
    cJSON_Delete(reference);
    return false;
}

char *hf_document_encode(const struct hf_document *document, size_t *ret_bytes)
{
    char id[33] = "";
    cJSON *out = cJSON_CreateObject();
    char *text = NULL;

    HF_ASSERT(document->version > 0);
    for (int i = 0; i < 16; i++) {
        id[2 * i] = digits[document->snapshot_id[i] >> 4];
        id[2 * i + 1] = digits[document->snapshot_id[i] & 15];
    }
    if (out != NULL && add_number(out, "version", document->version) &&
        add_number(out, "updated_ms", document->updated_ms) &&
        add_number(out, "forgotten", document->forgotten) && add_number(out, "ttl_ms", document->ttl_ms) &&
        add_number(out, "merge", document->merge) && cJSON_AddStringToObject(out, "snapshot_id", id) &&
        add_object(out, "json", document->json) && add_object(out, "writes", document->writes))
        text = cJSON_PrintUnformatted(out);
    cJSON_Delete(out);
    *ret_bytes = text ? strlen(text) : 0;
    return text;
}

static bool get_number(const cJSON *in, const char *name, uint64_t *ret_value)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(in, name);

    if (!cJSON_IsNumber(value) || value->valuedouble < 0 || value->valuedouble > 9007199254740992.0)
        return false;
    *ret_value = (uint64_t)value->valuedouble;
    return true;
}

static bool get_id(const cJSON *in, uint8_t ret_id[16])
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(in, "snapshot_id"));

    if (text == NULL || strlen(text) != 32)
        return false;
    for (int i = 0; i < 32; i++) {
        const char *digit = strchr(digits, text[i]);

        if (digit == NULL)
            return false;
        ret_id[i / 2] = (uint8_t)(ret_id[i / 2] << 4 | (digit - digits));
    }
    return true;
}

hf_err hf_document_decode(struct hf_slice stored, struct hf_document *ret_document)
{
    cJSON *in = hf_json_tree_again(stored.at, stored.bytes);
    uint64_t ttl_ms = 0, merge = 0;

    *ret_document = (struct hf_document){0};
    bool ok = in != NULL && get_number(in, "version", &ret_document->version) && ret_document->version > 0 &&
              get_number(in, "updated_ms", &ret_document->updated_ms) &&
              get_number(in, "forgotten", &ret_document->forgotten) && get_number(in, "ttl_ms", &ttl_ms) &&
              ttl_ms <= UINT32_MAX && get_number(in, "merge", &merge) && merge >= HF_MERGE_LWW &&
              merge <= HF_MERGE_CONFLICT_FREE && get_id(in, ret_document->snapshot_id) &&
              cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(in, "json")) &&
              cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(in, "writes"));
    if (ok) {
        ret_document->ttl_ms = (uint32_t)ttl_ms;
        ret_document->merge = (uint8_t)merge;
        ret_document->json = cJSON_DetachItemFromObjectCaseSensitive(in, "json");
        ret_document->writes = cJSON_DetachItemFromObjectCaseSensitive(in, "writes");
    } else {
        *ret_document = (struct hf_document){0};
    }
    cJSON_Delete(in);
    return ok ? HF_OK : HF_ERR_CORRUPT;
}
