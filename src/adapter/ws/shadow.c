#include "adapter/ws/shadow.h"

#include "codec/json/scan.h"
#include "core/event.h"

bool hf_ws_shadow_parse(struct hf_ws_shadow_ask *ask)
{
    enum { NAME, VERSION, REPORTED, DESIRED, TAGS, MERGE, PATCH, FIELDS };
    struct hf_json_field fields[FIELDS] = {
        HF_JSON_FIELD("name"), HF_JSON_FIELD("version"), HF_JSON_FIELD("reported"), HF_JSON_FIELD("desired"),
        HF_JSON_FIELD("tags"), HF_JSON_FIELD("merge"),   HF_JSON_FIELD("patch")};
    const struct hf_json_field *name = &fields[NAME], *version = &fields[VERSION], *patch = &fields[PATCH];

    if (ask->json.bytes == 0)
        return true;
    if (hf_json_type_of(ask->json) == HF_JSON_ARRAY)
        return ask->kind == HF_PATCH_JSON;
    if (hf_json_type_of(ask->json) != HF_JSON_OBJECT ||
        hf_json_scan(ask->json.at, ask->json.bytes, fields, FIELDS, 0) != HF_OK)
        return false;
    if (name->found) {
        if (name->type != HF_JSON_STRING || name->escaped)
            return false;
        ask->name = (struct hf_slice){name->raw.at + 1, name->raw.bytes - 2};
        if (!hf_id_valid(ask->name, HF_SHADOW_NAME_BYTES_MAX))
            return false;
    }
    if (version->found && hf_json_to_u64(version, &ask->version) != HF_OK)
        return false;
    if (patch->found) {
        ask->kind = HF_PATCH_JSON;
        ask->json = patch->raw;
        return patch->type == HF_JSON_ARRAY && !fields[REPORTED].found && !fields[DESIRED].found;
    }
    ask->kind = HF_PATCH_MERGE;
    ask->question =
        !fields[REPORTED].found && !fields[DESIRED].found && !fields[TAGS].found && !fields[MERGE].found;
    return true;
}
