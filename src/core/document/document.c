#include "core/document/document.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "codec/json/scan.h"
#include "core/document/json_patch.h"
#include "core/document/json_tree.h"

void hf_document_deinit(struct hf_document *document)
{
    cJSON_Delete(document->json);
    cJSON_Delete(document->writes);
    *document = (struct hf_document){0};
}

hf_err hf_document_copy(const struct hf_document *document, struct hf_document *ret_copy)
{
    *ret_copy = *document;
    ret_copy->json = document->json ? cJSON_Duplicate(document->json, true) : NULL;
    ret_copy->writes = document->writes ? cJSON_Duplicate(document->writes, true) : NULL;
    if ((ret_copy->json == NULL) == (document->json == NULL) &&
        (ret_copy->writes == NULL) == (document->writes == NULL))
        return HF_OK;
    hf_document_deinit(ret_copy);
    return HF_ERR_NOMEM;
}

char *hf_document_text(const struct hf_document *document)
{
    return document->json ? cJSON_PrintUnformatted(document->json) : NULL;
}

/* ---- who wrote what when ---- */

static uint64_t write_version(const cJSON *write)
{
    const cJSON *version = cJSON_GetArrayItem(write, 0);

    return cJSON_IsNumber(version) && version->valuedouble >= 0 ? (uint64_t)version->valuedouble : 0;
}

static bool wrote(const cJSON *write, struct hf_slice writer)
{
    const char *name = cJSON_GetStringValue(cJSON_GetArrayItem(write, 1));

    return name != NULL && hf_slice_is(writer, name);
}

/* Does the writer's name beat the one that wrote last? Any order serves that all agree on. */
static bool beats(struct hf_slice writer, const cJSON *write)
{
    const char *name = cJSON_GetStringValue(cJSON_GetArrayItem(write, 1));
    struct hf_slice other = hf_slice_of(name ? name : "");
    int order = memcmp(writer.at, other.at, HF_MIN(writer.bytes, other.bytes));

    return order > 0 || (order == 0 && writer.bytes > other.bytes);
}

static hf_err note_write(cJSON *writes, const char *member, uint64_t version, const char *writer)
{
    cJSON *write = cJSON_CreateArray();
    bool ok = write != NULL && cJSON_AddItemToArray(write, cJSON_CreateNumber((double)version)) &&
              cJSON_AddItemToArray(write, cJSON_CreateString(writer));

    cJSON_DeleteItemFromObjectCaseSensitive(writes, member);
    if (ok && cJSON_AddItemToObject(writes, member, write))
        return HF_OK;
    cJSON_Delete(write);
    return HF_ERR_NOMEM;
}

/* Forgets the oldest removed members above the bound; they stand in the order of their writes. False: too many members are there. */
static bool trim_writes(cJSON *writes, const cJSON *json, uint64_t *forgotten)
{
    int count = cJSON_GetArraySize(writes);

    for (cJSON *write = writes->child, *next; count > HF_DOCUMENT_WRITES_MAX && write != NULL; write = next) {
        next = write->next;
        if (cJSON_GetObjectItemCaseSensitive(json, write->string) != NULL)
            continue;
        *forgotten = HF_MAX(*forgotten, write_version(write));
        cJSON_Delete(cJSON_DetachItemViaPointer(writes, write));
        count--;
    }
    return count <= HF_DOCUMENT_WRITES_MAX;
}

/* ---- changes ---- */

struct step { /* a change on its way: copies, so that a failure leaves the document alone */
    const struct hf_document *before;
    const struct hf_document_change *change;
    cJSON *json, *writes;
    const char *writer; /* NUL-terminated copy */
    bool stale, merging, differs;
    uint64_t forgotten;
};

/* One that has ended goes on above what it had. */
static uint64_t next_version(const struct hf_document *before)
{
    return HF_MAX(before->version, before->forgotten) + 1;
}

/* The value of a member on both sides; true when they differ. */
static bool member_differs(const cJSON *before, const cJSON *after, const char *name)
{
    const cJSON *old = before ? cJSON_GetObjectItemCaseSensitive(before, name) : NULL;
    const cJSON *new = cJSON_GetObjectItemCaseSensitive(after, name);

    if (old == NULL || new == NULL)
        return old != new;
    return !cJSON_Compare(old, new, true);
}

static hf_err put_back(struct step *step, const char *name)
{
    const cJSON *old = step->before->json ? cJSON_GetObjectItemCaseSensitive(step->before->json, name) : NULL;
    cJSON *copy = old ? cJSON_Duplicate(old, true) : NULL;

    if (old != NULL && copy == NULL)
        return HF_ERR_NOMEM;
    if (copy != NULL)
        return hf_json_put_member(step->json, name, copy);
    cJSON_DeleteItemFromObjectCaseSensitive(step->json, name);
    return HF_OK;
}

/* One top-level member of the changed document: kept as it was when somebody else's write, unknown to this one, wins; else noted. `name` must outlive it. */
static hf_err settle_member(struct step *step, const char *name)
{
    const cJSON *write =
        step->before->writes ? cJSON_GetObjectItemCaseSensitive(step->before->writes, name) : NULL;

    if (!member_differs(step->before->json, step->json, name))
        return HF_OK;
    if (step->merging && step->stale && write != NULL && write_version(write) > step->change->base_version &&
        !wrote(write, step->change->writer) && !beats(step->change->writer, write))
        return put_back(step, name);
    step->differs = true;
    return note_write(step->writes, name, next_version(step->before), step->writer);
}

static hf_err settle_members(struct step *step)
{
    hf_err err = HF_OK;

    /* Removed ones first: put back, they stand behind those that are there and no longer differ. */
    for (const cJSON *old = step->before->json ? step->before->json->child : NULL;
         old != NULL && err == HF_OK; old = old->next)
        if (cJSON_GetObjectItemCaseSensitive(step->json, old->string) == NULL)
            err = settle_member(step, old->string);
    for (cJSON *new = step->json->child, *next; new != NULL &&err == HF_OK; new = next) {
        char *name = strdup(new->string); /* the member may be replaced by what it was */

        next = new->next;
        err = name ? settle_member(step, name) : HF_ERR_NOMEM;
        free(name);
    }
    return err;
}

static hf_err parse(struct hf_slice text, cJSON **ret_json)
{
    /* A patch has two levels more around its values. */
    return text.bytes > HF_DOCUMENT_BYTES_MAX ? HF_ERR_LIMIT
                                              : hf_json_tree(text, HF_DOCUMENT_DEPTH_MAX + 2, ret_json);
}

static hf_err apply(struct step *step)
{
    cJSON *change = NULL;
    hf_err err = parse(step->change->json, &change);

    if (err != HF_OK)
        return err;
    switch (step->change->kind) {
    case HF_PATCH_FULL:
        cJSON_Delete(step->json);
        step->json = change;
        change = NULL;
        break;
    case HF_PATCH_MERGE: err = hf_json_merge_patch(&step->json, change); break;
    case HF_PATCH_JSON: err = hf_json_patch(&step->json, change); break;
    default: err = HF_ERR_INVALID;
    }
    cJSON_Delete(change);
    return err == HF_OK && !cJSON_IsObject(step->json) ? HF_ERR_INVALID : err;
}

static hf_err within_limits(const cJSON *json)
{
    if (!hf_json_tree_is_narrow(json))
        return HF_ERR_LIMIT;
    char *text = cJSON_PrintUnformatted(json);

    if (text == NULL)
        return HF_ERR_NOMEM;
    size_t bytes = strlen(text);
    hf_err err = bytes > HF_DOCUMENT_BYTES_MAX ? HF_ERR_LIMIT
                                               : hf_json_scan(text, bytes, NULL, 0, HF_DOCUMENT_DEPTH_MAX);
    free(text);
    return err;
}

static hf_err run(struct step *step)
{
    const struct hf_document *before = step->before;

    step->json = before->json ? cJSON_Duplicate(before->json, true) : cJSON_CreateObject();
    step->writes = before->writes ? cJSON_Duplicate(before->writes, true) : cJSON_CreateObject();
    if (step->json == NULL || step->writes == NULL)
        return HF_ERR_NOMEM;
    hf_err err = apply(step);
    if (err == HF_OK && cJSON_GetArraySize(step->json) > HF_DOCUMENT_WRITES_MAX)
        err = HF_ERR_LIMIT; /* before each is looked for among the others */
    if (err == HF_OK)
        err = settle_members(step);
    if (err == HF_OK)
        err = within_limits(step->json);
    if (err == HF_OK && !trim_writes(step->writes, step->json, &step->forgotten))
        err = HF_ERR_LIMIT;
    return err;
}

enum hf_reason hf_document_change(struct hf_document *document, const struct hf_document_change *change,
                                  const uint8_t snapshot_id[16], uint64_t utc_ms)
{
    uint8_t merge = change->merge != HF_MERGE_KEEP     ? change->merge
                    : document->merge != HF_MERGE_KEEP ? document->merge
                                                       : HF_MERGE_LWW;
    bool stale = change->base_version != 0 && change->base_version < document->version;

    if (merge > HF_MERGE_CONFLICT_FREE)
        return HF_REASON_BAD_REQUEST;
    if (change->base_version > document->version || (stale && merge == HF_MERGE_VERSION))
        return HF_REASON_VERSION_CONFLICT;
    char *writer = strndup(change->writer.at ? change->writer.at : "", change->writer.bytes);
    struct step step = {.before = document,
                        .change = change,
                        .writer = writer,
                        .stale = stale,
                        .merging = merge == HF_MERGE_CONFLICT_FREE,
                        .forgotten = document->forgotten};
    hf_err err = writer ? run(&step) : HF_ERR_NOMEM;
    free(writer);
    if (err != HF_OK) {
        cJSON_Delete(step.json);
        cJSON_Delete(step.writes);
        return hf_json_reason(err);
    }
    cJSON_Delete(document->json);
    cJSON_Delete(document->writes);
    document->json = step.json;
    document->writes = step.writes;
    uint64_t version = next_version(document);
    document->forgotten = step.forgotten;
    bool settings = merge != document->merge || (change->ttl_ms != 0 && change->ttl_ms != document->ttl_ms);
    document->merge = merge;
    if (change->ttl_ms != 0)
        document->ttl_ms = change->ttl_ms;
    document->updated_ms = utc_ms;
    if (step.differs || settings || document->version == 0) {
        document->version = version;
        memcpy(document->snapshot_id, snapshot_id, 16);
    }
    return HF_REASON_NONE;
}

/* ---- differences ---- */

/* "/name" with ~ and / escaped (RFC 6901). Malloc'ed. */
static char *pointer_to(const char *name)
{
    char *pointer = malloc(2 * strlen(name) + 2), *out = pointer;

    if (pointer == NULL)
        return NULL;
    *out++ = '/';
    for (; *name != '\0'; name++) {
        if (*name == '~' || *name == '/')
            *out++ = '~';
        *out++ = *name == '~' ? '0' : *name == '/' ? '1' : *name;
    }
    *out = '\0';
    return pointer;
}

static bool add_operation(cJSON *operations, const char *name, const cJSON *value)
{
    char *pointer = pointer_to(name);
    cJSON *operation = pointer ? cJSON_CreateObject() : NULL;
    cJSON *copy = value ? cJSON_Duplicate(value, true) : NULL;
    bool ok = operation != NULL && cJSON_AddStringToObject(operation, "op", value ? "add" : "remove") &&
              cJSON_AddStringToObject(operation, "path", pointer);

    free(pointer);
    if (ok && value != NULL)
        ok = copy != NULL && cJSON_AddItemToObject(operation, "value", copy);
    else
        cJSON_Delete(copy);
    if (ok && cJSON_AddItemToArray(operations, operation))
        return true;
    cJSON_Delete(operation);
    return false;
}

static char *difference(const struct hf_document *document, uint64_t base_version)
{
    cJSON *operations = cJSON_CreateArray();
    bool ok = operations != NULL;

    for (const cJSON *write = document->writes->child; ok && write != NULL; write = write->next)
        if (write_version(write) > base_version)
            ok = add_operation(operations, write->string,
                               cJSON_GetObjectItemCaseSensitive(document->json, write->string));
    char *text = ok ? cJSON_PrintUnformatted(operations) : NULL;
    cJSON_Delete(operations);
    return text;
}

hf_err hf_document_delta(const struct hf_document *document, uint64_t base_version,
                         enum hf_patch_kind *ret_kind, char **ret_json)
{
    if (document->version == 0)
        return HF_ERR_NOT_FOUND;
    if (base_version == document->version)
        return HF_ERR_EXISTS;
    char *whole = hf_document_text(document), *patch = NULL;
    if (whole == NULL)
        return HF_ERR_NOMEM;
    *ret_kind = HF_PATCH_FULL;
    *ret_json = whole;
    /* A version that was never given: the reader's document is of another life. */
    if (base_version == 0 || base_version > document->version || base_version < document->forgotten)
        return HF_OK;
    patch = difference(document, base_version);
    if (patch == NULL || strlen(patch) >= strlen(whole)) {
        free(patch);
        return HF_OK;
    }
    free(whole);
    *ret_kind = HF_PATCH_JSON;
    *ret_json = patch;
    return HF_OK;
}
