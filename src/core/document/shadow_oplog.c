#include "core/document/shadow_oplog.h"

#include <string.h>

#include "base/assert.h"
#include "base/sb.h"
#include "core/document/shadow_fields.h"

void hf_shadow_oplog_deinit(struct hf_shadow_oplog *log)
{
    cJSON_Delete(log->refused);
    cJSON_Delete(log->dropped);
    log->refused = log->dropped = NULL;
}

/* ---- what was written since ---- */

static bool below(struct hf_slice path, struct hf_slice above)
{
    return path.bytes > above.bytes && path.at[above.bytes] == '/' &&
           (above.bytes == 0 || memcmp(path.at, above.at, above.bytes) == 0);
}

static cJSON *at_path(cJSON *section, struct hf_slice path)
{
    char storage[HF_JSON_POINTER_BYTES_MAX + 1];
    struct hf_sb pointer;

    hf_sb_init(&pointer, storage, sizeof(storage));
    hf_sb_slice(&pointer, path);
    return pointer.overflow ? NULL : hf_json_pointer(section, storage);
}

/* Does who writes at `path` overwrite this field? A field that holds the path is an array or a value; an empty object is overwritten by none of its new members. */
static bool overwrites(cJSON *section, struct hf_slice path, struct hf_slice field)
{
    return hf_slice_eq(path, field) || below(field, path) ||
           (below(path, field) && !cJSON_IsObject(at_path(section, field)));
}

/* The newest version that has written to, or removed from, what a write at this path of the section overwrites; 0: none since the base version. */
static uint64_t newest(const struct hf_shadow_oplog *log, unsigned number, cJSON *section,
                       struct hf_slice path)
{
    struct hf_shadow_fields removed = log->before->removed;
    struct hf_shadow_field field;
    uint64_t version = 0;
    bool known = false;

    for (uint32_t at = 0; hf_shadow_field_next(&log->before->fields, &at, &field);) {
        if (field.section != number || !overwrites(section, path, field.path))
            continue;
        known |= hf_slice_eq(path, field.path);
        version = HF_MAX(version, field.version);
    }
    for (uint32_t at = 0; hf_shadow_field_next(&removed, &at, &field);)
        if (field.section == number && (hf_slice_eq(path, field.path) || below(field.path, path)))
            version = HF_MAX(version, field.version);
    if (!known) /* it may have been removed, and that forgotten */
        version = HF_MAX(version, log->before->forgotten);
    return version > log->base_version ? version : 0;
}

static bool section_of(const char *pointer, unsigned *ret_section, struct hf_slice *ret_path)
{
    for (*ret_section = 0; *ret_section < HF_SHADOW_SECTIONS; ++*ret_section) {
        const char *name = hf_shadow_section_name(*ret_section);
        size_t bytes = strlen(name);

        if (pointer[0] != '/' || strncmp(pointer + 1, name, bytes) != 0 ||
            (pointer[1 + bytes] != '/' && pointer[1 + bytes] != '\0'))
            continue;
        *ret_path = hf_slice_of(pointer + 1 + bytes);
        return true;
    }
    return false;
}

/* The same for a pointer into the whole document. */
static uint64_t newest_at(const struct hf_shadow_oplog *log, cJSON *document, const char *pointer)
{
    struct hf_slice path;
    unsigned number;

    if (pointer[0] == '\0')
        return log->before->version; /* everything */
    if (!section_of(pointer, &number, &path))
        return 0;
    return newest(log, number, cJSON_GetObjectItemCaseSensitive(document, hf_shadow_section_name(number)),
                  path);
}

/* ---- arrays ---- */

/* The beginning of the pointer that names the array in which it goes on; absent: there is none. */
static struct hf_slice array_of(cJSON *document, const char *pointer)
{
    const char *end = pointer;

    while (*end != '\0' && (end = strchr(end + 1, '/')) != NULL) {
        struct hf_slice prefix = {pointer, (size_t)(end - pointer)};
        const cJSON *value = at_path(document, prefix);

        if (cJSON_IsArray(value))
            return prefix;
        if (value == NULL)
            break;
    }
    return (struct hf_slice){NULL, 0};
}

static bool is_shifted(const struct hf_shadow_oplog *log, cJSON *document, const char *pointer)
{
    struct hf_slice array = array_of(document, pointer);

    for (unsigned i = 0; array.at != NULL && i < log->array_count; i++)
        if (hf_slice_eq(array, log->arrays[i]))
            return true;
    return false;
}

static void note_array(struct hf_shadow_oplog *log, cJSON *document, const char *pointer)
{
    struct hf_slice array = pointer != NULL ? array_of(document, pointer) : (struct hf_slice){NULL, 0};

    if (array.at != NULL)
        log->arrays[log->array_count++] = array;
}

/* ---- refusals ---- */

static hf_err note(struct hf_shadow_oplog *log, int index, const char *path, uint64_t version)
{
    if (++log->refused_count > HF_SHADOW_REFUSED_MAX)
        return HF_ERR_CONFLICT;
    cJSON *row = cJSON_CreateObject();
    if (log->refused == NULL)
        log->refused = cJSON_CreateArray();
    if (log->refused == NULL || row == NULL ||
        (index >= 0 && cJSON_AddNumberToObject(row, "index", index) == NULL) ||
        cJSON_AddStringToObject(row, "path", path) == NULL ||
        cJSON_AddNumberToObject(row, "version", (double)version) == NULL) {
        cJSON_Delete(row);
        return HF_ERR_NOMEM;
    }
    (void)cJSON_AddItemToArray(log->refused, row);
    return HF_OK;
}

static const char *text_of(const cJSON *operation, const char *member)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(operation, member));
}

/* It is kept, because slices point into it. */
static hf_err drop(struct hf_shadow_oplog *log, cJSON *operations, cJSON *operation)
{
    if (log->dropped == NULL && (log->dropped = cJSON_CreateArray()) == NULL)
        return HF_ERR_NOMEM;
    (void)cJSON_AddItemToArray(log->dropped, cJSON_DetachItemViaPointer(operations, operation));
    return HF_OK;
}

static hf_err refuse(struct hf_shadow_oplog *log, cJSON *document, cJSON *operations, cJSON *operation,
                     int index, const char *path, uint64_t version)
{
    hf_err err = note(log, index, path, version);

    if (err != HF_OK)
        return err;
    note_array(log, document, text_of(operation, "path"));
    note_array(log, document, text_of(operation, "from"));
    return drop(log, operations, operation);
}

/* ---- JSON Patch ---- */

/* It wants what is so already. In an array a value at an index says little. */
static bool is_so(cJSON *document, const char *op, const char *path, const cJSON *value)
{
    const cJSON *now = hf_json_pointer(document, path);

    if (array_of(document, path).at != NULL)
        return false;
    return strcmp(op, "remove") == 0 ? now == NULL
                                     : (strcmp(op, "add") == 0 || strcmp(op, "replace") == 0) &&
                                           now != NULL && value != NULL && cJSON_Compare(now, value, true);
}

static hf_err take_operation(struct hf_shadow_oplog *log, cJSON **document, cJSON *operations,
                             cJSON *operation, int index)
{
    const char *op = text_of(operation, "op"), *path = text_of(operation, "path"),
               *from = text_of(operation, "from");

    if (op == NULL || path == NULL || strcmp(op, "test") == 0)
        return hf_json_patch_step(document, operation); /* a test that fails is the end of all of it */
    if (strcmp(op, "move") != 0 && strcmp(op, "copy") != 0)
        from = NULL;
    uint64_t version = newest_at(log, *document, path), other = 0;
    if (version == 0 && from != NULL)
        version = other = newest_at(log, *document, from);
    if (version != 0 && is_so(*document, op, path, cJSON_GetObjectItemCaseSensitive(operation, "value")))
        return strcmp(op, "remove") == 0
                   ? drop(log, operations, operation) /* who replays the log has no such path */
                   : HF_OK;
    if (version == 0 &&
        (is_shifted(log, *document, path) || (from != NULL && is_shifted(log, *document, from))))
        version = log->before->version;
    hf_err err = version == 0 ? hf_json_patch_step(document, operation) : HF_OK;
    if (err == HF_ERR_NOT_FOUND) /* what it counts on is not there any more */
        version = log->before->version;
    else if (err != HF_OK)
        return err;
    return version == 0
               ? HF_OK
               : refuse(log, *document, operations, operation, index, other != 0 ? from : path, version);
}

hf_err hf_shadow_oplog_operations(struct hf_shadow_oplog *log, cJSON **document, cJSON *operations)
{
    hf_err err = cJSON_IsArray(operations) ? HF_OK : HF_ERR_INVALID;
    int index = 0;

    for (cJSON *operation = operations->child, *next; operation != NULL && err == HF_OK;
         operation = next, index++) {
        next = operation->next;
        log->at = (unsigned)index + 1;
        err = index < HF_JSON_PATCH_OPS_MAX ? take_operation(log, document, operations, operation, index)
                                            : HF_ERR_LIMIT;
    }
    return err;
}

/* ---- merge patches: each value of it is an operation ---- */

struct members {
    struct hf_shadow_oplog *log;
    unsigned number;
    cJSON *section;
    struct hf_sb pointer; /* "/desired/led/on" */
    size_t skip;          /* the section's name in it */
    char storage[HF_JSON_POINTER_BYTES_MAX + 1];
};

static hf_err judge_value(struct members *members, const cJSON *value, bool *ret_refused)
{
    struct hf_slice all = hf_sb_done(&members->pointer),
                    path = {all.at + members->skip, all.bytes - members->skip};

    if (++members->log->judged > HF_SHADOW_FIELDS_MAX)
        return HF_ERR_LIMIT;
    uint64_t version = newest(members->log, members->number, members->section, path);
    const cJSON *now = at_path(members->section, path);

    bool so = now == NULL             ? cJSON_IsNull(value)
              : cJSON_IsNull(value)   ? path.bytes == 0 && now->child == NULL
              : cJSON_IsObject(value) ? cJSON_IsObject(now) /* {} adds nothing to it */
                                      : cJSON_Compare(now, value, true);

    *ret_refused = version != 0 && !so;
    return *ret_refused ? note(members->log, -1, all.at, version) : HF_OK;
}

static hf_err judge_members(struct members *members, cJSON *patch)
{
    size_t bytes = members->pointer.bytes;
    bool refused = false;
    hf_err err = HF_OK;

    for (cJSON *member = patch->child, *next; member != NULL && err == HF_OK; member = next) {
        next = member->next;
        hf_shadow_path_add(&members->pointer, member->string);
        if (members->pointer.overflow)
            return HF_ERR_LIMIT;
        if (cJSON_IsObject(member) && member->child != NULL) {
            err = judge_members(members,
                                member); /* the depth is that of the patch, which its reader has bounded */
            refused = member->child == NULL; /* nothing is left of it */
        } else {
            err = judge_value(members, member, &refused);
        }
        if (refused)
            cJSON_Delete(cJSON_DetachItemViaPointer(patch, member));
        members->pointer.bytes = bytes;
        members->pointer.at[bytes] = '\0';
    }
    return err;
}

hf_err hf_shadow_oplog_members(struct hf_shadow_oplog *log, unsigned number, cJSON *section, cJSON *patch,
                               bool *ret_whole)
{
    struct members members = {.log = log, .number = number, .section = section};

    *ret_whole = false;
    hf_sb_init(&members.pointer, members.storage, sizeof(members.storage));
    hf_sb_char(&members.pointer, '/');
    hf_sb_text(&members.pointer, hf_shadow_section_name(number));
    members.skip = members.pointer.bytes;
    if (cJSON_IsNull(patch))
        return judge_value(&members, patch, ret_whole);
    return judge_members(&members, patch);
}
