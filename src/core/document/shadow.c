#include "core/document/shadow.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/sb.h"
#include "codec/json/scan.h"
#include "core/document/json_patch.h"
#include "core/document/json_tree.h"
#include "core/document/shadow_fields.h"
#include "core/document/shadow_oplog.h"

const char *hf_shadow_section_name(unsigned section)
{
    static const char *const names[] = {"reported", "desired", "tags"};

    return section < HF_SHADOW_SECTIONS ? names[section] : "unknown";
}

void hf_shadow_deinit(struct hf_shadow *shadow)
{
    for (unsigned i = 0; i < HF_SHADOW_SECTIONS; i++)
        free(shadow->text[i]);
    free(shadow->fields.at);
    free(shadow->removed.at);
    *shadow = (struct hf_shadow){0};
}

void hf_shadow_outcome_deinit(struct hf_shadow_outcome *outcome)
{
    free(outcome->refused);
    free(outcome->taken);
    *outcome = (struct hf_shadow_outcome){0};
}

struct step { /* a change on its way */
    const struct hf_shadow *before;
    const struct hf_shadow_change *change;
    const struct hf_shadow_limits *limits;
    struct hf_shadow *after;
    uint64_t base_version;
    uint64_t utc_ms;
    cJSON *old[HF_SHADOW_SECTIONS], *now[HF_SHADOW_SECTIONS]; /* NULL: not touched */
    uint32_t room, removed_room;                              /* of after->fields, after->removed */
    struct hf_shadow_oplog
        *oplog;    /* base_version 0: the rule is another one, or the change is from the present version */
    cJSON *parsed; /* the change */
    uint8_t rule;  /* enum hf_merge: that the shadow has afterwards */
    /* The section that is being compared. */
    uint8_t section;
    bool differs, newer;                    /* in it; a field of it was written after the base version */
    uint32_t hint;                          /* where in before->fields the next field probably is, */
    unsigned hint_number;                   /* and its number */
    uint8_t same[HF_SHADOW_FIELDS_MAX / 8]; /* by its number in before: it stands as it was */
    struct hf_sb path;
    char path_storage[HF_JSON_POINTER_BYTES_MAX + 1];
};

/* One that was deleted goes on above what it had. */
static uint64_t next_version(const struct hf_shadow *before)
{
    return HF_MAX(before->version, before->forgotten) + 1;
}

/* ---- the change as trees ---- */

static hf_err parse_section(const struct hf_shadow *shadow, unsigned section, cJSON **ret_json)
{
    const char *text = shadow->text[section];

    *ret_json = text ? hf_json_tree_again(text, shadow->bytes[section]) : cJSON_CreateObject();
    return *ret_json ? HF_OK : HF_ERR_NOMEM;
}

static hf_err parse_change(const struct step *step, cJSON **ret_json)
{
    struct hf_slice text = step->change->json;
    /* An operation has two levels more around its value, a merge patch one. */
    unsigned depth = step->limits->depth_max + (step->change->kind == HF_PATCH_JSON ? 2 : 1);

    return text.bytes > HF_SHADOW_CHANGE_BYTES_MAX ? HF_ERR_LIMIT : hf_json_tree(text, depth, ret_json);
}

static hf_err emptied(cJSON **section)
{
    cJSON_Delete(*section);
    *section = cJSON_CreateObject();
    return *section ? HF_OK : HF_ERR_NOMEM;
}

static hf_err touch(struct step *step, unsigned section)
{
    hf_err err =
        step->old[section] == NULL ? parse_section(step->before, section, &step->old[section]) : HF_OK;

    if (err == HF_OK && step->now[section] == NULL)
        err = parse_section(step->before, section, &step->now[section]);
    return err;
}

static bool section_by_name(const char *name, unsigned *ret_section)
{
    for (*ret_section = 0; *ret_section < HF_SHADOW_SECTIONS; ++*ret_section)
        if (strcmp(name, hf_shadow_section_name(*ret_section)) == 0)
            return true;
    return false;
}

static hf_err take_version(struct step *step, const cJSON *member)
{
    if (!cJSON_IsNumber(member) || member->valuedouble < 1 || member->valuedouble > 9007199254740992.0 ||
        member->valuedouble != (double)(uint64_t)member->valuedouble)
        return HF_ERR_INVALID;
    if (step->base_version == 0)
        step->base_version = (uint64_t)member->valuedouble;
    return HF_OK;
}

static hf_err take_merge_rule(struct step *step, const cJSON *member)
{
    const char *name = cJSON_GetStringValue(member);
    unsigned rule = name != NULL           ? hf_merge_by_name(hf_slice_of(name))
                    : cJSON_IsNull(member) ? HF_MERGE_KEEP
                                           : HF_MERGES;

    step->rule = (uint8_t)rule;
    return rule >= HF_MERGES || (name != NULL && rule == HF_MERGE_KEEP) ? HF_ERR_INVALID : HF_OK;
}

/* The base version may come as a member; what it means to be from an older one is known once that is. */
static hf_err take_settings(struct step *step, const cJSON *patch)
{
    const cJSON *version = cJSON_GetObjectItemCaseSensitive(patch, "version"),
                *rule = cJSON_GetObjectItemCaseSensitive(patch, "merge");
    hf_err err = version != NULL ? take_version(step, version) : HF_OK;

    return err == HF_OK && rule != NULL ? take_merge_rule(step, rule) : err;
}

static bool begin_oplog(struct step *step, struct hf_shadow_oplog *oplog)
{
    if (step->change->merge != HF_MERGE_OPLOG || step->base_version == 0 ||
        step->base_version >= step->before->version)
        return false;
    oplog->before = step->before;
    oplog->base_version = step->base_version;
    return true;
}

static hf_err merge_section(struct step *step, unsigned section, cJSON *patch, cJSON *member)
{
    bool refused = false;
    hf_err err = touch(step, section);

    if (err == HF_OK && step->oplog->base_version != 0 && (cJSON_IsNull(member) || cJSON_IsObject(member)))
        err = hf_shadow_oplog_members(step->oplog, section, step->old[section], member, &refused);
    if (refused)
        cJSON_Delete(cJSON_DetachItemViaPointer(patch, member));
    if (err != HF_OK || refused)
        return err;
    return cJSON_IsNull(member)     ? emptied(&step->now[section])
           : cJSON_IsObject(member) ? hf_json_merge_patch_in_place(&step->now[section], member)
                                    : HF_ERR_INVALID;
}

static hf_err merge_sections(struct step *step, cJSON *patch)
{
    hf_err err = cJSON_IsObject(patch) ? take_settings(step, patch) : HF_ERR_INVALID;

    if (err == HF_OK)
        (void)begin_oplog(step, step->oplog);
    for (cJSON *member = err == HF_OK ? patch->child : NULL, *next; member != NULL && err == HF_OK;
         member = next) {
        unsigned section;

        next = member->next;

        if ((step->change->named && strcmp(member->string, "name") == 0) ||
            strcmp(member->string, "version") == 0 || strcmp(member->string, "merge") == 0)
            continue;
        err = section_by_name(member->string, &section) ? merge_section(step, section, patch, member)
                                                        : HF_ERR_INVALID;
    }
    return err;
}

/* What the operations left, section by section. */
static hf_err take_sections(struct step *step, cJSON *document)
{
    cJSON *member;

    if (!cJSON_IsObject(document))
        return HF_ERR_INVALID;
    while ((member = document->child) != NULL) {
        unsigned section;

        if (!section_by_name(member->string, &section) || step->now[section] != NULL)
            return HF_ERR_INVALID;
        (void)cJSON_DetachItemViaPointer(document, member);
        if (cJSON_IsNull(member)) {
            cJSON_Delete(member);
            continue;
        }
        step->now[section] = member;
        if (!cJSON_IsObject(member))
            return HF_ERR_INVALID;
    }
    for (unsigned i = 0; i < HF_SHADOW_SECTIONS; i++)
        if (step->now[i] == NULL && emptied(&step->now[i]) != HF_OK)
            return HF_ERR_NOMEM;
    return HF_OK;
}

static hf_err operate_sections(struct step *step, cJSON *operations)
{
    cJSON *document = cJSON_CreateObject();
    hf_err err = document ? HF_OK : HF_ERR_NOMEM;

    for (unsigned i = 0; i < HF_SHADOW_SECTIONS && err == HF_OK; i++) {
        cJSON *section = NULL;

        err = parse_section(step->before, i, &step->old[i]);
        if (err == HF_OK)
            err = parse_section(step->before, i, &section);
        if (err == HF_OK && !cJSON_AddItemToObject(document, hf_shadow_section_name(i), section)) {
            cJSON_Delete(section);
            err = HF_ERR_NOMEM;
        }
    }
    if (err == HF_OK)
        err = begin_oplog(step, step->oplog) ? hf_shadow_oplog_operations(step->oplog, &document, operations)
                                             : hf_json_patch_in_place(&document, operations);
    if (err == HF_OK)
        err = take_sections(step, document);
    cJSON_Delete(document);
    return err;
}

static hf_err apply(struct step *step)
{
    hf_err err = parse_change(step, &step->parsed);

    if (err != HF_OK)
        return err;
    switch (step->change->kind) {
    case HF_PATCH_MERGE: return merge_sections(step, step->parsed);
    case HF_PATCH_JSON: return operate_sections(step, step->parsed);
    default: return HF_ERR_INVALID;
    }
}

/* ---- fields: what differs, and who wrote what stays ---- */

/* The field of before with this path and its number: looked for from where the last one was found on, because both sides mostly stand in the same order. */
static bool find_field(struct step *step, struct hf_slice path, struct hf_shadow_field *ret_field,
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
static bool removed_since(const struct step *step, struct hf_slice path)
{
    struct hf_shadow_field field;

    for (uint32_t at = 0; hf_shadow_field_next(&step->before->removed, &at, &field);)
        if (field.section == step->section && hf_slice_eq(field.path, path))
            return field.version > step->base_version;
    return step->before->forgotten > step->base_version;
}

static hf_err walk(struct step *step, const cJSON *old, const cJSON *now);

static hf_err settle_field(struct step *step, const cJSON *old, const cJSON *now)
{
    struct hf_shadow_field field;
    struct hf_slice path = hf_sb_done(&step->path);
    unsigned number;

    if (old != NULL && cJSON_Compare(old, now, true) && find_field(step, path, &field, &number)) {
        step->same[number / 8] |= (uint8_t)(1 << number % 8);
    } else {
        field = (struct hf_shadow_field){
            .version = next_version(step->before), .time_ms = step->utc_ms, .path = path};
        step->differs = true;
        step->newer |= removed_since(step, path);
    }
    field.section = step->section;
    return hf_shadow_field_add(&step->after->fields, &step->room, &field);
}

/* `now` is an object. Members mostly stand in the same order on both sides. */
static hf_err walk_members(struct step *step, const cJSON *old, const cJSON *now)
{
    const cJSON *hint = cJSON_IsObject(old) ? old->child : NULL;
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

static hf_err walk(struct step *step, const cJSON *old, const cJSON *now)
{
    return cJSON_IsObject(now) && now->child != NULL ? walk_members(step, old, now)
                                                     : settle_field(step, old, now);
}

static bool is_there(const struct step *step, unsigned section, struct hf_slice path)
{
    char storage[HF_JSON_POINTER_BYTES_MAX + 1];
    struct hf_sb pointer;

    hf_sb_init(&pointer, storage, sizeof(storage));
    hf_sb_slice(&pointer, path);
    return hf_json_pointer(step->now[section], storage) != NULL;
}

static hf_err note_removed(struct step *step, const struct hf_shadow_field *field)
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
static hf_err keep_removed(struct step *step)
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
static hf_err find_lost(struct step *step)
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
        field.version = next_version(step->before);
        field.time_ms = step->utc_ms;
        err = note_removed(step, &field);
    }
    return err;
}

static hf_err copy_fields(struct step *step)
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

static hf_err copy_text(struct step *step)
{
    const struct hf_shadow *before = step->before;

    if (before->text[step->section] == NULL)
        return HF_OK;
    step->after->text[step->section] = strndup(before->text[step->section], before->bytes[step->section]);
    step->after->bytes[step->section] = before->bytes[step->section];
    return step->after->text[step->section] ? HF_OK : HF_ERR_NOMEM;
}

static hf_err print(struct step *step)
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
    return bytes > step->limits->section_bytes_max || !hf_json_tree_is_narrow(json)
               ? HF_ERR_LIMIT
               : hf_json_scan(text, bytes, NULL, 0, step->limits->depth_max);
}

static enum hf_reason reason_of(hf_err err)
{
    return err == HF_OK             ? HF_REASON_NONE
           : err == HF_ERR_CONFLICT ? HF_REASON_VERSION_CONFLICT
           : err == HF_ERR_LIMIT    ? HF_REASON_MESSAGE_TOO_BIG
           : err == HF_ERR_NOMEM    ? HF_REASON_MEMORY_LIMIT
                                    : HF_REASON_BAD_REQUEST;
}

static enum hf_reason settle_section(struct step *step, unsigned section)
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
        return reason_of(err);
    if (!step->differs)
        return reason_of(copy_text(step));
    if ((step->change->sections & 1 << section) == 0)
        return HF_REASON_FORBIDDEN;
    if (step->newer && step->change->merge == HF_MERGE_CONFLICT_FREE && step->base_version != 0)
        return HF_REASON_VERSION_CONFLICT;
    step->after->version = next_version(step->before);
    return reason_of(print(step));
}

/* ---- all of it ---- */

static enum hf_reason settle_rule(struct step *step)
{
    step->after->merge = step->rule;
    if (step->rule == step->before->merge)
        return HF_REASON_NONE;
    if ((step->change->sections & HF_SHADOW_RULE) == 0)
        return HF_REASON_FORBIDDEN;
    step->after->version = next_version(step->before);
    return HF_REASON_NONE;
}

static enum hf_reason judge_base(const struct step *step)
{
    bool stale = step->base_version != 0 && step->base_version != step->before->version;

    if (step->base_version > step->before->version ||
        (stale && (step->change->merge == HF_MERGE_KEEP || step->change->merge == HF_MERGE_VERSION)))
        return HF_REASON_VERSION_CONFLICT;
    return step->change->epoch != 0 && step->change->epoch < step->before->epoch ? HF_REASON_REPLACED
                                                                                 : HF_REASON_NONE;
}

static enum hf_reason run(struct step *step)
{
    enum hf_reason reason = reason_of(apply(step));

    /* A patch that does not fit because it is from an older version is a conflict first of all. */
    if (reason == HF_REASON_NONE || reason == HF_REASON_BAD_REQUEST) {
        enum hf_reason conflict = judge_base(step);

        if (conflict != HF_REASON_NONE)
            return conflict;
    }
    if (reason == HF_REASON_NONE)
        reason = reason_of(keep_removed(step));
    for (unsigned i = 0; i < HF_SHADOW_SECTIONS && reason == HF_REASON_NONE; i++)
        reason = settle_section(step, i);
    return reason == HF_REASON_NONE ? settle_rule(step) : reason;
}

/* What was refused, and what is left of the change. Nothing is: that is a conflict. */
static enum hf_reason tell_outcome(struct step *step, struct hf_shadow_outcome *ret_outcome)
{
    if (step->oplog->dropped != NULL || step->oplog->refused != NULL) {
        ret_outcome->taken = cJSON_PrintUnformatted(step->parsed);
        if (ret_outcome->taken == NULL)
            return HF_REASON_MEMORY_LIMIT;
    }
    if (step->oplog->refused == NULL)
        return HF_REASON_NONE;
    ret_outcome->refused_count = (unsigned)cJSON_GetArraySize(step->oplog->refused);
    ret_outcome->refused = cJSON_PrintUnformatted(step->oplog->refused);
    if (ret_outcome->refused == NULL)
        return HF_REASON_MEMORY_LIMIT;
    return step->after->version == step->before->version ? HF_REASON_VERSION_CONFLICT : HF_REASON_NONE;
}

enum hf_reason hf_shadow_change(const struct hf_shadow *before, const struct hf_shadow_change *change,
                                const struct hf_shadow_limits *limits, uint64_t utc_ms,
                                struct hf_shadow_outcome *ret_outcome, struct hf_shadow *ret_after)
{
    struct hf_shadow_oplog oplog = {.base_version = 0};
    struct step step = {.before = before,
                        .change = change,
                        .limits = limits,
                        .after = ret_after,
                        .base_version = change->base_version,
                        .oplog = &oplog,
                        .rule = before->merge,
                        .utc_ms = utc_ms};

    *ret_outcome = (struct hf_shadow_outcome){0};
    HF_ASSERT(limits->section_bytes_max <= HF_SHADOW_SECTION_BYTES_MAX);
    HF_ASSERT(limits->depth_max >= 1 && limits->depth_max <= HF_SHADOW_DEPTH_MAX);
    if (change->merge >= HF_MERGES)
        return HF_REASON_BAD_REQUEST;
    hf_sb_init(&step.path, step.path_storage, sizeof(step.path_storage));
    *ret_after = (struct hf_shadow){
        .version = before->version, .updated_ms = utc_ms, .epoch = HF_MAX(before->epoch, change->epoch)};
    enum hf_reason reason = run(&step);
    if (reason == HF_REASON_NONE)
        reason = tell_outcome(&step, ret_outcome);
    hf_shadow_oplog_deinit(&oplog);
    cJSON_Delete(step.parsed);
    for (unsigned i = 0; i < HF_SHADOW_SECTIONS; i++) {
        cJSON_Delete(step.old[i]);
        cJSON_Delete(step.now[i]);
    }
    if (reason != HF_REASON_NONE)
        hf_shadow_deinit(ret_after);
    if (reason != HF_REASON_NONE && reason != HF_REASON_VERSION_CONFLICT)
        hf_shadow_outcome_deinit(ret_outcome);
    return reason;
}
