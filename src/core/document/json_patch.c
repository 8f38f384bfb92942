#include "core/document/json_patch.h"

#include <string.h>

#include "base/assert.h"
#include "core/document/json_pointer.h"

/* ---- merge patch (RFC 7396 section 2) ---- */

hf_err hf_json_put_member(cJSON *object, const char *name, cJSON *value)
{
    bool there = cJSON_GetObjectItemCaseSensitive(object, name) != NULL;

    HF_ASSERT(value != NULL);
    if (!(there ? cJSON_ReplaceItemInObjectCaseSensitive(object, name, value)
                : cJSON_AddItemToObject(object, name, value))) {
        cJSON_Delete(value);
        return HF_ERR_NOMEM;
    }
    /* Without memory for the name cJSON 1.7.15 replaces all the same, by a member that has none. */
    return value->string != NULL ? HF_OK : HF_ERR_NOMEM;
}

static hf_err merge(cJSON **target, const cJSON *patch)
{
    if (!cJSON_IsObject(patch)) {
        cJSON *copy = cJSON_Duplicate(patch, true);

        if (copy == NULL)
            return HF_ERR_NOMEM;
        cJSON_Delete(*target);
        *target = copy;
        return HF_OK;
    }
    if (!cJSON_IsObject(*target)) {
        cJSON_Delete(*target);
        *target = cJSON_CreateObject();
        if (*target == NULL)
            return HF_ERR_NOMEM;
    }
    for (const cJSON *member = patch->child; member != NULL; member = member->next) {
        if (cJSON_IsNull(member)) {
            cJSON_DeleteItemFromObjectCaseSensitive(*target, member->string);
            continue;
        }
        cJSON *old = cJSON_GetObjectItemCaseSensitive(*target, member->string), *value = old;
        if (old != NULL && !(cJSON_IsObject(old) && cJSON_IsObject(member)))
            value = NULL;                   /* replaced, in its place */
        hf_err err = merge(&value, member); /* the depth is that of the patch, which its reader has bounded */
        if (err == HF_OK && value != old)
            err = hf_json_put_member(*target, member->string, value);
        else if (value != old)
            cJSON_Delete(value); /* half made */
        if (err != HF_OK)
            return err;
    }
    return HF_OK;
}

/* Works on a copy: half a change is none. */
static hf_err on_copy(cJSON **document, const cJSON *change, hf_err (*apply)(cJSON **, const cJSON *))
{
    cJSON *copy = *document ? cJSON_Duplicate(*document, true) : NULL;

    if (*document != NULL && copy == NULL)
        return HF_ERR_NOMEM;
    hf_err err = apply(&copy, change);
    if (err != HF_OK) {
        cJSON_Delete(copy);
        return err;
    }
    cJSON_Delete(*document);
    *document = copy;
    return HF_OK;
}

hf_err hf_json_merge_patch_in_place(cJSON **document, const cJSON *patch)
{
    return merge(document, patch);
}

hf_err hf_json_merge_patch(cJSON **document, const cJSON *patch)
{
    return on_copy(document, patch, merge);
}

/* ---- JSON Patch (RFC 6902 section 4) ---- */

struct operation {
    const char *path, *from;
    const cJSON *value;
};

static size_t nodes(const cJSON *value)
{
    size_t count = 0;

    for (; value != NULL; value = value->next)
        count += 1 + nodes(value->child);
    return count;
}

static hf_err find(cJSON *document, const char *path, char *storage, struct hf_json_place *ret_place)
{
    hf_err err = hf_json_place(document, path, storage, ret_place);

    return err == HF_OK && ret_place->value == NULL ? HF_ERR_NOT_FOUND : err;
}

/* Linked by hand: the packaged cJSON_InsertItemInArray() refuses every place but the first (1.7.15-1+deb12u4). A list's first item points back at its last. */
static void insert_before(cJSON *array, cJSON *at, cJSON *item)
{
    item->next = at;
    item->prev = at->prev;
    if (at == array->child)
        array->child = item;
    else
        item->prev->next = item;
    at->prev = item;
}

/* Where it was taken out: before next, or as the last. Its name is still its own. */
static void put_back(cJSON *parent, cJSON *next, cJSON *item)
{
    if (next != NULL)
        insert_before(parent, next, item);
    else
        (void)cJSON_AddItemToArray(parent, item); /* of an object, too: it only links */
}

/* Takes value, also when it fails. */
static hf_err add_value(cJSON **document, const char *path, cJSON *value)
{
    char storage[HF_JSON_POINTER_BYTES_MAX + 1];
    struct hf_json_place place;
    hf_err err = value ? hf_json_place(*document, path, storage, &place) : HF_ERR_NOMEM;
    bool added = false;

    if (err != HF_OK) {
        cJSON_Delete(value);
        return err;
    }
    if (place.parent == NULL) { /* the whole document */
        cJSON_Delete(*document);
        *document = value;
        return HF_OK;
    }
    if (cJSON_IsObject(place.parent))
        return hf_json_put_member(place.parent, place.key, value);
    if (place.value != NULL) {
        insert_before(place.parent, place.value, value);
        added = true;
    } else {
        added = cJSON_AddItemToArray(place.parent, value);
    }
    if (!added)
        cJSON_Delete(value);
    return added ? HF_OK : HF_ERR_NOMEM;
}

static hf_err detach(cJSON **document, const char *path, cJSON **ret_value)
{
    char storage[HF_JSON_POINTER_BYTES_MAX + 1];
    struct hf_json_place place;
    hf_err err = find(*document, path, storage, &place);

    if (err != HF_OK)
        return err;
    *ret_value = place.value;
    if (place.parent == NULL)
        *document = NULL;
    else
        (void)cJSON_DetachItemViaPointer(place.parent, place.value);
    return HF_OK;
}

static hf_err op_add(cJSON **document, const struct operation *operation)
{
    return add_value(document, operation->path, cJSON_Duplicate(operation->value, true));
}

static hf_err op_remove(cJSON **document, const struct operation *operation)
{
    cJSON *value = NULL;
    hf_err err = detach(document, operation->path, &value);

    if (err == HF_OK)
        cJSON_Delete(value);
    return err;
}

static hf_err op_replace(cJSON **document, const struct operation *operation)
{
    char storage[HF_JSON_POINTER_BYTES_MAX + 1];
    struct hf_json_place place;
    cJSON *value = NULL;
    hf_err err = find(*document, operation->path, storage, &place);

    if (err == HF_OK && place.parent != NULL)
        err = detach(document, operation->path, &value);
    if (err != HF_OK)
        return err;
    cJSON_Delete(value);
    return op_add(document, operation);
}

static hf_err op_move(cJSON **document, const struct operation *operation)
{
    char storage[HF_JSON_POINTER_BYTES_MAX + 1], path_storage[HF_JSON_POINTER_BYTES_MAX + 1];
    size_t from_bytes = strlen(operation->from);
    struct hf_json_place from, path;

    /* A location cannot be moved into one of its children (4.4). */
    if (strncmp(operation->path, operation->from, from_bytes) == 0 && operation->path[from_bytes] == '/')
        return HF_ERR_INVALID;
    hf_err err = find(*document, operation->from, storage, &from);
    if (err != HF_OK || from.parent == NULL) /* the whole document can only move to where it is */
        return err != HF_OK || operation->path[0] == '\0' ? err : HF_ERR_INVALID;
    cJSON *next = from.value->next;
    (void)cJSON_DetachItemViaPointer(from.parent, from.value);
    err = hf_json_place(*document, operation->path, path_storage, &path);
    if (err == HF_OK)
        return add_value(document, operation->path, from.value);
    put_back(from.parent, next, from.value);
    return err;
}

static hf_err op_copy(cJSON **document, const struct operation *operation)
{
    char storage[HF_JSON_POINTER_BYTES_MAX + 1];
    struct hf_json_place place;
    hf_err err = find(*document, operation->from, storage, &place);

    if (err != HF_OK)
        return err;
    if (nodes(*document) + 1 + nodes(place.value->child) > HF_JSON_PATCH_NODES_MAX)
        return HF_ERR_LIMIT;
    return add_value(document, operation->path, cJSON_Duplicate(place.value, true));
}

static hf_err op_test(cJSON **document, const struct operation *operation)
{
    char storage[HF_JSON_POINTER_BYTES_MAX + 1];
    struct hf_json_place place;
    hf_err err = find(*document, operation->path, storage, &place);

    if (err != HF_OK)
        return err;
    return cJSON_Compare(place.value, operation->value, true) ? HF_OK : HF_ERR_CONFLICT;
}

static const struct {
    const char *name;
    bool from, value; /* which members it must have */
    hf_err (*apply)(cJSON **document, const struct operation *operation);
} ops[] = {
    {"add", false, true, op_add},   {"remove", false, false, op_remove}, {"replace", false, true, op_replace},
    {"move", true, false, op_move}, {"copy", true, false, op_copy},      {"test", false, true, op_test},
};

static hf_err apply_one(cJSON **document, const cJSON *entry)
{
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "op"));
    struct operation operation = {
        .path = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "path")),
        .from = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "from")),
        .value = cJSON_GetObjectItemCaseSensitive(entry, "value"),
    };

    for (size_t i = 0; name != NULL && i < sizeof(ops) / sizeof(ops[0]); i++) {
        if (strcmp(name, ops[i].name) != 0)
            continue;
        if (operation.path == NULL || (ops[i].from && operation.from == NULL) ||
            (ops[i].value && operation.value == NULL))
            return HF_ERR_INVALID;
        return ops[i].apply(document, &operation);
    }
    return HF_ERR_INVALID;
}

hf_err hf_json_patch_in_place(cJSON **document, const cJSON *operations, unsigned *ret_at)
{
    *ret_at = 0;
    if (!cJSON_IsArray(operations))
        return HF_ERR_INVALID;
    for (const cJSON *entry = operations->child; entry != NULL; entry = entry->next) {
        if (++*ret_at > HF_JSON_PATCH_OPS_MAX)
            return HF_ERR_LIMIT;
        hf_err err = apply_one(document, entry);
        if (err != HF_OK)
            return err;
    }
    return HF_OK;
}

static hf_err patch_all(cJSON **document, const cJSON *operations)
{
    return hf_json_patch_in_place(document, operations, &(unsigned){0});
}

hf_err hf_json_patch_step(cJSON **document, const cJSON *operation)
{
    return apply_one(document, operation);
}

hf_err hf_json_patch(cJSON **document, const cJSON *operations)
{
    return on_copy(document, operations, patch_all);
}
