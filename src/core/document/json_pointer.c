#include "core/document/json_pointer.h"

#include <string.h>

#include "core/document/json_patch.h"

/* "~1" is a slash, "~0" a tilde; in place. False for any other "~". */
static bool unescape(char *token)
{
    char *out = token;

    for (const char *in = token; *in != '\0'; in++) {
        if (*in != '~') {
            *out++ = *in;
            continue;
        }
        in++;
        if (*in != '0' && *in != '1')
            return false;
        *out++ = *in == '1' ? '/' : '~';
    }
    *out = '\0';
    return true;
}

/* An array index: digits without a leading zero, or "-" for the place behind the last. -1 when it is none. */
static int index_of(const char *token, int size)
{
    long index = 0;

    if (strcmp(token, "-") == 0)
        return size;
    if (*token == '\0' || (token[0] == '0' && token[1] != '\0'))
        return -1;
    for (; *token != '\0'; token++) {
        if (*token < '0' || *token > '9' || index > size)
            return -1;
        index = index * 10 + (*token - '0');
    }
    return index > size ? -1 : (int)index;
}

static hf_err step(cJSON *parent, char *token, struct hf_json_place *place)
{
    *place = (struct hf_json_place){.parent = parent, .key = token};
    if (cJSON_IsObject(parent)) {
        place->value = cJSON_GetObjectItemCaseSensitive(parent, token);
        return HF_OK;
    }
    if (!cJSON_IsArray(parent))
        return HF_ERR_NOT_FOUND;
    place->index = index_of(token, cJSON_GetArraySize(parent));
    if (place->index < 0)
        return HF_ERR_NOT_FOUND;
    place->value = cJSON_GetArrayItem(parent, place->index);
    return HF_OK;
}

hf_err hf_json_place(cJSON *document, const char *pointer, char *storage, struct hf_json_place *ret_place)
{
    size_t bytes = strlen(pointer);

    *ret_place = (struct hf_json_place){.value = document};
    if (bytes == 0)
        return HF_OK;
    if (pointer[0] != '/' || bytes > HF_JSON_POINTER_BYTES_MAX)
        return HF_ERR_INVALID;
    memcpy(storage, pointer, bytes + 1);
    for (char *token = storage + 1, *next; token != NULL; token = next) {
        next = strchr(token, '/');
        if (next != NULL)
            *next++ = '\0';
        if (!unescape(token))
            return HF_ERR_INVALID;
        if (ret_place->value == NULL)
            return HF_ERR_NOT_FOUND;
        hf_err err = step(ret_place->value, token, ret_place);
        if (err != HF_OK)
            return err;
    }
    return HF_OK;
}

cJSON *hf_json_pointer(cJSON *document, const char *pointer)
{
    char storage[HF_JSON_POINTER_BYTES_MAX + 1];
    struct hf_json_place place;

    return hf_json_place(document, pointer, storage, &place) == HF_OK ? place.value : NULL;
}
