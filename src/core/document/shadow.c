/* core/document/shadow.c - a change of a shadow: read, applied to the sections that it touches, and judged. What differs by it is shadow_compare.c. */
#include "core/document/shadow.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/sb.h"
#include "codec/json/scan.h"
#include "core/document/json_patch.h"
#include "core/document/json_tree.h"
#include "core/document/shadow_step.h"

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
    outcome->refused = outcome->taken = NULL;
    outcome->refused_count = 0;
}

/* ---- the change as trees ---- */

static hf_err parse_section(const struct hf_shadow *shadow, unsigned section, cJSON **ret_json)
{
    const char *text = shadow->text[section];

    *ret_json = text ? hf_json_tree_again(text, shadow->bytes[section]) : cJSON_CreateObject();
    return *ret_json ? HF_OK : HF_ERR_NOMEM;
}

static hf_err parse_change(const struct hf_shadow_step *step, cJSON **ret_json)
{
    struct hf_slice text = step->change->json;
    /* An operation has two levels more around its value, a merge patch one. */
    unsigned depth = step->limits->depth_max + (step->change->kind == HF_PATCH_JSON ? 2 : 1);

    if (text.bytes > HF_SHADOW_CHANGE_BYTES_MAX)
        return HF_ERR_LIMIT;
    hf_err err = hf_json_tree(text, depth, ret_json);

    if (err == HF_ERR_LIMIT && hf_json_scan(text.at, text.bytes, NULL, 0, depth) == HF_ERR_LIMIT) {
        step->outcome->over = HF_SHADOW_OVER_DEPTH;
        step->outcome->over_section = HF_SHADOW_SECTIONS;
    }
    return err;
}

static hf_err emptied(cJSON **section)
{
    cJSON_Delete(*section);
    *section = cJSON_CreateObject();
    return *section ? HF_OK : HF_ERR_NOMEM;
}

static hf_err touch(struct hf_shadow_step *step, unsigned section)
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

static hf_err take_version(struct hf_shadow_step *step, const cJSON *member)
{
    if (!cJSON_IsNumber(member) || member->valuedouble < 1 || member->valuedouble > 9007199254740992.0 ||
        member->valuedouble != (double)(uint64_t)member->valuedouble)
        return HF_ERR_INVALID;
    if (step->base_version == 0)
        step->base_version = (uint64_t)member->valuedouble;
    return HF_OK;
}

static hf_err take_merge_rule(struct hf_shadow_step *step, const cJSON *member)
{
    const char *name = cJSON_GetStringValue(member);
    unsigned rule = name != NULL           ? hf_merge_by_name(hf_slice_of(name))
                    : cJSON_IsNull(member) ? HF_MERGE_KEEP
                                           : HF_MERGES;

    step->rule = (uint8_t)rule;
    return rule >= HF_MERGES || (name != NULL && rule == HF_MERGE_KEEP) ? HF_ERR_INVALID : HF_OK;
}

/* The base version may come as a member; what it means to be from an older one is known once that is. */
static hf_err take_settings(struct hf_shadow_step *step, const cJSON *patch)
{
    const cJSON *version = cJSON_GetObjectItemCaseSensitive(patch, "version"),
                *rule = cJSON_GetObjectItemCaseSensitive(patch, "merge");
    hf_err err = version != NULL ? take_version(step, version) : HF_OK;

    return err == HF_OK && rule != NULL ? take_merge_rule(step, rule) : err;
}

static bool begin_oplog(struct hf_shadow_step *step, struct hf_shadow_oplog *oplog)
{
    if (step->change->merge != HF_MERGE_OPLOG || step->base_version == 0 ||
        step->base_version >= step->before->version)
        return false;
    oplog->before = step->before;
    oplog->base_version = step->base_version;
    return true;
}

static hf_err merge_section(struct hf_shadow_step *step, unsigned section, cJSON *patch, cJSON *member)
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

static hf_err merge_sections(struct hf_shadow_step *step, cJSON *patch)
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
static hf_err take_sections(struct hf_shadow_step *step, cJSON *document)
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

static hf_err operate_sections(struct hf_shadow_step *step, cJSON *operations)
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
    if (err == HF_OK) {
        unsigned at = 0;

        err = begin_oplog(step, step->oplog) ? hf_shadow_oplog_operations(step->oplog, &document, operations)
                                             : hf_json_patch_in_place(&document, operations, &at);
        if (err != HF_OK && step->oplog->refused_count <= HF_SHADOW_REFUSED_MAX)
            step->outcome->operation = (uint16_t)HF_MAX(at, step->oplog->at);
    }
    if (err == HF_OK)
        err = take_sections(step, document);
    cJSON_Delete(document);
    return err;
}

static hf_err apply(struct hf_shadow_step *step)
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

/* ---- all of it ---- */

static enum hf_reason settle_rule(struct hf_shadow_step *step)
{
    step->after->merge = step->rule;
    if (step->rule == step->before->merge)
        return HF_REASON_NONE;
    if ((step->change->sections & HF_SHADOW_RULE) == 0)
        return HF_REASON_FORBIDDEN;
    step->after->version = hf_shadow_next_version(step->before);
    return HF_REASON_NONE;
}

static enum hf_reason judge_base(const struct hf_shadow_step *step)
{
    bool stale = step->base_version != 0 && step->base_version != step->before->version;

    if (step->base_version > step->before->version ||
        (stale && (step->change->merge == HF_MERGE_KEEP || step->change->merge == HF_MERGE_VERSION)))
        return HF_REASON_VERSION_CONFLICT;
    return step->change->epoch != 0 && step->change->epoch < step->before->epoch ? HF_REASON_REPLACED
                                                                                 : HF_REASON_NONE;
}

static enum hf_reason run(struct hf_shadow_step *step)
{
    enum hf_reason reason = hf_json_reason(apply(step));

    /* A patch that does not fit because it is from an older version is a conflict first of all. */
    if (reason == HF_REASON_NONE || reason == HF_REASON_BAD_REQUEST) {
        enum hf_reason conflict = judge_base(step);

        if (conflict != HF_REASON_NONE) {
            step->outcome->operation = 0;
            return conflict;
        }
    }
    if (reason == HF_REASON_NONE)
        reason = hf_json_reason(hf_shadow_keep_removed(step));
    for (unsigned i = 0; i < HF_SHADOW_SECTIONS && reason == HF_REASON_NONE; i++)
        reason = hf_shadow_settle_section(step, i);
    return reason == HF_REASON_NONE ? settle_rule(step) : reason;
}

/* What was refused, and what is left of the change. Nothing is: that is a conflict. */
static enum hf_reason tell_outcome(struct hf_shadow_step *step, struct hf_shadow_outcome *ret_outcome)
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
    struct hf_shadow_step step = {.before = before,
                                  .change = change,
                                  .limits = limits,
                                  .after = ret_after,
                                  .base_version = change->base_version,
                                  .oplog = &oplog,
                                  .outcome = ret_outcome,
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
