/* core/document/shadow_compare.c - what differs by a change, field by field, and who wrote what stays. */
#include <string.h>

#include "codec/json/scan.h"
#include "core/document/json_tree.h"
#include "core/document/shadow_step.h"

/* The field of before with this path and its number: looked for from where the last one was found on, because both sides mostly stand in the same order. */
static bool find_field(struct hf_shadow_step *step, struct hf_slice path, struct hf_shadow_field *ret_field,
                       unsigned *ret_number)
{
    bool whole = step->hint == 0;
    uint32_t at = step->hint;

    for (*ret_number = step->hint_number; hf_shadow_field_next(&step->before->fields, &at, ret_field);
         ++*ret_number)
        if (ret_field->section == step->section && hf_slice_eq(ret_field->path, path)) {
            step->hint = at;
            step->hint_number = *ret_number + 1;
            return true;
        }
    step->hint = 0;
    step->hint_number = 0;
    return !whole && find_field(step, path, ret_field, ret_number);
}

/* Was there a field that went after the base version, or can that not be said any more? */
static bool removed_since(const struct hf_shadow_step *step, struct hf_slice path)
{
    struct hf_shadow_field field;

    for (uint32_t at = 0; hf_shadow_field_next(&step->before->removed, &at, &field);)
        if (field.section == step->section && hf_slice_eq(field.path, path))
            return field.version > step->base_version;
    return step->before->forgotten > step->base_version;
}

static hf_err walk(struct hf_shadow_step *step, const cJSON *old, const cJSON *now);

static hf_err settle_field(struct hf_shadow_step *step, const cJSON *old, const cJSON *now)
{
    struct hf_shadow_field field;
    struct hf_slice path = hf_sb_done(&step->path);
    unsigned number;

    if (old != NULL && cJSON_Compare(old, now, true) && find_field(step, path, &field, &number)) {
        step->same[number / 8] |= (uint8_t)(1 << number % 8);
    } else {
        field = (struct hf_shadow_field){
            .version = hf_shadow_next_version(step->before), .time_ms = step->utc_ms, .path = path};
        step->differs = true;
        step->newer |= removed_since(step, path);
    }
    field.section = step->section;
    return hf_shadow_field_add(&step->after->fields, &step->room, &field);
}

/* `now` is an object. Members mostly stand in the same order on both sides. */
static hf_err walk_members(struct hf_shadow_step *step, const cJSON *old, const cJSON *now)
{
    const cJSON *hint = old != NULL && cJSON_IsObject(old) ? old->child : NULL;
    size_t path_bytes = step->path.bytes;

    for (const cJSON *member = now->child; member != NULL; member = member->next) {
        const cJSON *was = hint;

        if (was == NULL || strcmp(was->string, member->string) != 0)
            was = cJSON_IsObject(old) ? cJSON_GetObjectItemCaseSensitive(old, member->string) : NULL;
        if (was != NULL)
            hint = was->next;
        hf_shadow_path_add(&step->path, member->string);
        if (step->path.overflow)
            return HF_ERR_LIMIT;
        hf_err err = walk(step, was, member);
        if (err != HF_OK)
            return err;
        step->path.bytes = path_bytes;
        step->path.at[path_bytes] = '\0';
    }
    return HF_OK;
}

static hf_err walk(struct hf_shadow_step *step, const cJSON *old, const cJSON *now)
{
    return cJSON_IsObject(now) && now->child != NULL ? walk_members(step, old, now)
                                                     : settle_field(step, old, now);
}

static bool is_there(const struct hf_shadow_step *step, unsigned section, struct hf_slice path)
{
    char storage[HF_JSON_POINTER_BYTES_MAX + 1];
    struct hf_sb pointer;

    hf_sb_init(&pointer, storage, sizeof(storage));
    hf_sb_slice(&pointer, path);
    return hf_json_pointer(step->now[section], storage) != NULL;
}

static hf_err note_removed(struct hf_shadow_step *step, const struct hf_shadow_field *field)
{
    struct hf_shadow_fields *removed = &step->after->removed;
    struct hf_shadow_field oldest;

    if (removed->count == HF_SHADOW_REMOVED_MAX) {
        (void)hf_shadow_field_next(removed, &(uint32_t){0}, &oldest);
        step->after->forgotten = HF_MAX(step->after->forgotten, oldest.version);
        hf_shadow_field_drop_first(removed);
    }
    return hf_shadow_field_add(removed, &step->removed_room, field);
}

/* Those that went earlier and have not come back. */
hf_err hf_shadow_keep_removed(struct hf_shadow_step *step)
{
    struct hf_shadow_field field;
    uint32_t at = 0;
    hf_err err = HF_OK;

    step->after->forgotten = step->before->forgotten;
    while (err == HF_OK && hf_shadow_field_next(&step->before->removed, &at, &field))
        if (step->now[field.section] == NULL || !is_there(step, field.section, field.path))
            err = note_removed(step, &field);
    return err;
}

/* Fields of before that are not as they were: they differ, and may have been written by somebody whom this change did not know of. */
static hf_err find_lost(struct hf_shadow_step *step)
{
    struct hf_shadow_field field;
    uint32_t at = 0;
    hf_err err = HF_OK;

    for (unsigned number = 0; err == HF_OK && hf_shadow_field_next(&step->before->fields, &at, &field);
         number++) {
        if (field.section != step->section || step->same[number / 8] & 1 << number % 8)
            continue;
        step->differs = true;
        step->newer |= field.version > step->base_version;
        if (is_there(step, field.section, field.path))
            continue;
        field.version = hf_shadow_next_version(step->before);
        field.time_ms = step->utc_ms;
        err = note_removed(step, &field);
    }
    return err;
}

static hf_err copy_fields(struct hf_shadow_step *step)
{
    struct hf_shadow_field field;
    uint32_t at = 0;
    hf_err err = HF_OK;

    while (err == HF_OK && hf_shadow_field_next(&step->before->fields, &at, &field))
        if (field.section == step->section)
            err = hf_shadow_field_add(&step->after->fields, &step->room, &field);
    return err;
}

/* ---- one section ---- */

static hf_err copy_text(struct hf_shadow_step *step)
{
    const struct hf_shadow *before = step->before;

    if (before->text[step->section] == NULL)
        return HF_OK;
    step->after->text[step->section] = strndup(before->text[step->section], before->bytes[step->section]);
    step->after->bytes[step->section] = before->bytes[step->section];
    return step->after->text[step->section] ? HF_OK : HF_ERR_NOMEM;
}

static hf_err over(struct hf_shadow_step *step, enum hf_shadow_over what, size_t bytes)
{
    step->outcome->over = (uint8_t)what;
    step->outcome->over_section = step->section;
    step->outcome->over_bytes = (uint32_t)HF_MIN(bytes, (size_t)UINT32_MAX);
    return HF_ERR_LIMIT;
}

static hf_err print(struct hf_shadow_step *step)
{
    const cJSON *json = step->now[step->section];
    char *text = json->child ? cJSON_PrintUnformatted(json) : NULL;

    if (json->child == NULL)
        return HF_OK;
    if (text == NULL)
        return HF_ERR_NOMEM;
    size_t bytes = strlen(text);
    step->after->text[step->section] = text;
    step->after->bytes[step->section] = (uint32_t)bytes;
    if (bytes > step->limits->section_bytes_max)
        return over(step, HF_SHADOW_OVER_BYTES, bytes);
    if (!hf_json_tree_is_narrow(json))
        return HF_ERR_LIMIT;
    hf_err err = hf_json_scan(text, bytes, NULL, 0, step->limits->depth_max);

    return err == HF_ERR_LIMIT ? over(step, HF_SHADOW_OVER_DEPTH, 0) : err;
}

enum hf_reason hf_shadow_settle_section(struct hf_shadow_step *step, unsigned section)
{
    const cJSON *now = step->now[section];
    hf_err err = HF_OK;

    step->section = (uint8_t)section;
    step->differs = step->newer = false;
    step->hint = 0;
    step->hint_number = 0;
    if (now != NULL) {
        err = now->child != NULL ? walk_members(step, step->old[section], now) : HF_OK;
        if (err == HF_OK)
            err = find_lost(step);
    } else {
        err = copy_fields(step);
    }
    if (err != HF_OK)
        return hf_json_reason(err);
    if (!step->differs)
        return hf_json_reason(copy_text(step));
    if ((step->change->sections & 1 << section) == 0)
        return HF_REASON_FORBIDDEN;
    if (step->newer && step->change->merge == HF_MERGE_CONFLICT_FREE && step->base_version != 0)
        return HF_REASON_VERSION_CONFLICT;
    step->after->version = hf_shadow_next_version(step->before);
    return hf_json_reason(print(step));
}
