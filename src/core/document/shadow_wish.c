#include "core/document/shadow_wish.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "core/document/json_tree.h"
#include "core/document/shadow_fields.h"

static cJSON *section(const struct hf_shadow *shadow, unsigned number)
{
    return shadow->text[number] != NULL ? hf_json_tree_again(shadow->text[number], shadow->bytes[number])
                                        : cJSON_CreateObject();
}

static uint64_t newest_desired(const struct hf_shadow_fields *fields)
{
    struct hf_shadow_field field;
    uint64_t version = 0;

    for (uint32_t at = 0; hf_shadow_field_next(fields, &at, &field);)
        if (field.section == HF_SHADOW_DESIRED)
            version = HF_MAX(version, field.version);
    return version;
}

static void look(const cJSON *patch, const cJSON *desired, const cJSON *reported,
                 enum hf_shadow_applied *applied)
{
    for (const cJSON *member = patch->child; member != NULL; member = member->next) {
        const cJSON *want = cJSON_GetObjectItemCaseSensitive(desired, member->string),
                    *has = cJSON_GetObjectItemCaseSensitive(reported, member->string);
        bool object = cJSON_IsObject(member) && cJSON_IsObject(want);

        if (object && member->child != NULL) {
            look(member, want, has, applied); /* as deep as the patch, which its reader has bounded */
            continue;
        }
        if (want == NULL || (!object && !cJSON_Compare(member, want, true)))
            continue;
        if (has == NULL || !(object ? cJSON_IsObject(has) : cJSON_Compare(has, want, true)))
            *applied = HF_SHADOW_WANTED;
        else if (*applied == HF_SHADOW_SUPERSEDED)
            *applied = HF_SHADOW_APPLIED;
    }
}

static hf_err look_at_merge(const struct hf_shadow *shadow, struct hf_slice json,
                            enum hf_shadow_applied *ret_applied)
{
    cJSON *patch = hf_json_tree_again(json.at, json.bytes), *desired = section(shadow, HF_SHADOW_DESIRED),
          *reported = section(shadow, HF_SHADOW_REPORTED);
    const cJSON *wish = cJSON_GetObjectItemCaseSensitive(patch, hf_shadow_section_name(HF_SHADOW_DESIRED));
    hf_err err = patch != NULL && desired != NULL && reported != NULL ? HF_OK : HF_ERR_NOMEM;

    *ret_applied = HF_SHADOW_SUPERSEDED;
    if (err == HF_OK && wish != NULL)
        look(wish, desired, reported, ret_applied);
    cJSON_Delete(patch);
    cJSON_Delete(desired);
    cJSON_Delete(reported);
    return err;
}

static hf_err look_at_all(const struct hf_shadow *shadow, enum hf_shadow_applied *ret_applied)
{
    char *delta = NULL;
    hf_err err = hf_shadow_delta(shadow, &delta);

    if (err == HF_OK)
        *ret_applied = strcmp(delta, "{}") == 0 ? HF_SHADOW_APPLIED : HF_SHADOW_WANTED;
    free(delta);
    return err;
}

hf_err hf_shadow_wish(const struct hf_shadow *shadow, uint8_t kind, struct hf_slice json,
                      uint64_t *ret_version, enum hf_shadow_applied *ret_applied)
{
    *ret_version = HF_MAX(newest_desired(&shadow->fields), newest_desired(&shadow->removed));
    return kind == HF_PATCH_MERGE ? look_at_merge(shadow, json, ret_applied)
                                  : look_at_all(shadow, ret_applied);
}
