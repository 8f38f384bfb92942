/* core/document/shadow_text.c - a shadow as it lies in a record of the log and in its row, what of it an application reads, and what it lacks.
 *   {"version":7,"updated_ms":..,"epoch":3,"reported":{..},"desired":{..},"tags":{..},"metadata":{"/desired/interval":[7,<UTC ms>],..},
 *    "removed":{"/desired/led":[6,<UTC ms>],..},"forgotten":4,"merge":4,"change":<merge patch or operations>}
 * A section without members is left out, and what is not so: nothing removed, nothing of that forgotten, the tenant's rule. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "codec/json/scan.h"
#include "core/document/json_patch.h"
#include "core/document/json_tree.h"
#include "core/document/shadow_fields.h"

enum { HEAD_BYTES = 256, FIELD_TEXT_BYTES = 96, ESCAPED_BYTES = 6 };

static const struct hf_slice none = HF_SLICE("{}");

static struct hf_slice section_text(const struct hf_shadow *shadow, unsigned section)
{
    return shadow->text[section] ? (struct hf_slice){shadow->text[section], shadow->bytes[section]} : none;
}

/* "/desired/interval" */
static void out_path(struct hf_json_out *out, const struct hf_shadow_field *field)
{
    char storage[16 + HF_JSON_POINTER_BYTES_MAX];
    struct hf_sb path;

    hf_sb_init(&path, storage, sizeof(storage));
    hf_sb_char(&path, '/');
    hf_sb_text(&path, hf_shadow_section_name(field->section));
    hf_sb_slice(&path, field->path);
    hf_json_out_key(out, hf_sb_done(&path));
}

/* ---- stored ---- */

static void encode_fields(struct hf_json_out *out, const char *name, const struct hf_shadow_fields *fields)
{
    struct hf_shadow_field field;
    uint32_t at = 0;

    hf_json_out_object(out, name);
    while (hf_shadow_field_next(fields, &at, &field)) {
        out_path(out, &field);
        hf_json_out_array(out, NULL);
        hf_json_out_u64(out, NULL, field.version);
        hf_json_out_u64(out, NULL, field.time_ms);
        hf_json_out_end(out);
    }
    hf_json_out_end(out);
}

char *hf_shadow_encode(const struct hf_shadow *shadow, struct hf_slice change, size_t *ret_bytes)
{
    size_t room = HEAD_BYTES + change.bytes +
                  (shadow->fields.count + shadow->removed.count) * (size_t)FIELD_TEXT_BYTES +
                  ESCAPED_BYTES * ((size_t)shadow->fields.bytes + shadow->removed.bytes);
    struct hf_json_out out;
    struct hf_sb sb;

    HF_ASSERT(shadow->version > 0);
    for (unsigned i = 0; i < HF_SHADOW_SECTIONS; i++)
        room += shadow->bytes[i];
    char *text = malloc(room);
    if (text == NULL)
        return NULL;
    hf_sb_init(&sb, text, room);
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_json_out_u64(&out, "version", shadow->version);
    hf_json_out_u64(&out, "updated_ms", shadow->updated_ms);
    hf_json_out_u64(&out, "epoch", shadow->epoch);
    for (unsigned i = 0; i < HF_SHADOW_SECTIONS; i++)
        if (shadow->text[i] != NULL)
            hf_json_out_raw(&out, hf_shadow_section_name(i), section_text(shadow, i));
    encode_fields(&out, "metadata", &shadow->fields);
    if (shadow->removed.count > 0)
        encode_fields(&out, "removed", &shadow->removed);
    if (shadow->forgotten > 0)
        hf_json_out_u64(&out, "forgotten", shadow->forgotten);
    if (shadow->merge != HF_MERGE_KEEP)
        hf_json_out_u64(&out, "merge", shadow->merge);
    if (change.bytes > 0)
        hf_json_out_raw(&out, "change", change);
    hf_json_out_end(&out);
    HF_ASSERT(hf_json_out_complete(&out));
    *ret_bytes = sb.bytes;
    return text;
}

static bool decode_path(const char *name, struct hf_shadow_field *ret_field)
{
    for (unsigned i = 0; i < HF_SHADOW_SECTIONS; i++) {
        const char *section = hf_shadow_section_name(i);
        size_t bytes = strlen(section);

        if (name[0] != '/' || strncmp(name + 1, section, bytes) != 0 || name[1 + bytes] != '/')
            continue;
        ret_field->section = (uint8_t)i;
        ret_field->path = hf_slice_of(name + 1 + bytes);
        return ret_field->path.bytes <= HF_JSON_POINTER_BYTES_MAX;
    }
    return false;
}

static bool decode_number(const cJSON *item, uint64_t *ret_value)
{
    if (!cJSON_IsNumber(item) || item->valuedouble < 0 || item->valuedouble > 9007199254740992.0)
        return false;
    *ret_value = (uint64_t)item->valuedouble;
    return true;
}

static hf_err decode_fields(struct hf_slice text, struct hf_shadow_fields *ret_fields)
{
    cJSON *fields = cJSON_ParseWithLength(text.at, text.bytes);
    hf_err err = fields ? HF_OK : HF_ERR_NOMEM;
    uint32_t room = 0;

    for (const cJSON *item = fields ? fields->child : NULL; item != NULL && err == HF_OK; item = item->next) {
        struct hf_shadow_field field = {0};

        if (!decode_path(item->string, &field) || cJSON_GetArraySize(item) != 2 ||
            !decode_number(item->child, &field.version) || !decode_number(item->child->next, &field.time_ms))
            err = HF_ERR_CORRUPT;
        else
            err = hf_shadow_field_add(ret_fields, &room, &field);
    }
    cJSON_Delete(fields);
    return err == HF_ERR_LIMIT ? HF_ERR_CORRUPT : err;
}

static hf_err decode_section(const struct hf_json_field *field, struct hf_shadow *shadow, unsigned section)
{
    if (!field->found)
        return HF_OK;
    if (field->type != HF_JSON_OBJECT || field->raw.bytes > HF_SHADOW_SECTION_BYTES_MAX)
        return HF_ERR_CORRUPT;
    shadow->text[section] = strndup(field->raw.at, field->raw.bytes);
    shadow->bytes[section] = (uint32_t)field->raw.bytes;
    return shadow->text[section] ? HF_OK : HF_ERR_NOMEM;
}

hf_err hf_shadow_decode(struct hf_slice stored, struct hf_shadow *ret_shadow)
{
    enum { VERSION = HF_SHADOW_SECTIONS, UPDATED, EPOCH, METADATA, REMOVED, FORGOTTEN, MERGE, FIELDS };
    struct hf_json_field fields[FIELDS] = {HF_JSON_FIELD("reported"),   HF_JSON_FIELD("desired"),
                                           HF_JSON_FIELD("tags"),       HF_JSON_FIELD("version"),
                                           HF_JSON_FIELD("updated_ms"), HF_JSON_FIELD("epoch"),
                                           HF_JSON_FIELD("metadata"),   HF_JSON_FIELD("removed"),
                                           HF_JSON_FIELD("forgotten"),  HF_JSON_FIELD("merge")};
    uint64_t merge = HF_MERGE_KEEP;

    *ret_shadow = (struct hf_shadow){0};
    if (hf_json_scan(stored.at, stored.bytes, fields, FIELDS, HF_JSON_DEPTH_MAX) != HF_OK ||
        hf_json_to_u64(&fields[VERSION], &ret_shadow->version) != HF_OK || ret_shadow->version == 0 ||
        hf_json_to_u64(&fields[UPDATED], &ret_shadow->updated_ms) != HF_OK ||
        hf_json_to_u64(&fields[EPOCH], &ret_shadow->epoch) != HF_OK ||
        fields[METADATA].type != HF_JSON_OBJECT ||
        (fields[REMOVED].found && fields[REMOVED].type != HF_JSON_OBJECT) ||
        (fields[FORGOTTEN].found && hf_json_to_u64(&fields[FORGOTTEN], &ret_shadow->forgotten) != HF_OK) ||
        (fields[MERGE].found && (hf_json_to_u64(&fields[MERGE], &merge) != HF_OK || merge >= HF_MERGES))) {
        *ret_shadow = (struct hf_shadow){0};
        return HF_ERR_CORRUPT;
    }
    ret_shadow->merge = (uint8_t)merge;
    hf_err err = decode_fields(fields[METADATA].raw, &ret_shadow->fields);
    if (err == HF_OK && fields[REMOVED].found)
        err = decode_fields(fields[REMOVED].raw, &ret_shadow->removed);
    if (err == HF_OK && ret_shadow->removed.count > HF_SHADOW_REMOVED_MAX)
        err = HF_ERR_CORRUPT;
    for (unsigned i = 0; i < HF_SHADOW_SECTIONS && err == HF_OK; i++)
        err = decode_section(&fields[i], ret_shadow, i);
    if (err != HF_OK)
        hf_shadow_deinit(ret_shadow);
    return err;
}

/* ---- for readers ---- */

size_t hf_shadow_out_bytes(const struct hf_shadow *shadow)
{
    return 2 * HEAD_BYTES + shadow->bytes[HF_SHADOW_REPORTED] + 2 * (size_t)shadow->bytes[HF_SHADOW_DESIRED] +
           shadow->bytes[HF_SHADOW_TAGS] + shadow->fields.count * (size_t)FIELD_TEXT_BYTES +
           shadow->fields.bytes;
}

void hf_shadow_out(struct hf_json_out *out, const struct hf_shadow *shadow, const char *delta)
{
    struct hf_shadow_field field;
    uint32_t at = 0;

    hf_json_out_u64(out, "version", shadow->version);
    if (shadow->epoch != 0)
        hf_json_out_u64(out, "epoch", shadow->epoch);
    if (shadow->updated_ms != 0)
        hf_json_out_time(out, "updated", shadow->updated_ms);
    if (shadow->merge != HF_MERGE_KEEP)
        hf_json_out_cstr(out, "merge", hf_merge_name(shadow->merge));
    hf_json_out_raw(out, "reported", section_text(shadow, HF_SHADOW_REPORTED));
    hf_json_out_raw(out, "desired", section_text(shadow, HF_SHADOW_DESIRED));
    hf_json_out_raw(out, "delta", hf_slice_of(delta));
    hf_json_out_raw(out, "tags", section_text(shadow, HF_SHADOW_TAGS));
    hf_json_out_object(out, "metadata");
    while (hf_shadow_field_next(&shadow->fields, &at, &field)) {
        out_path(out, &field);
        hf_json_out_object(out, NULL);
        hf_json_out_u64(out, "version", field.version);
        hf_json_out_time(out, "updated", field.time_ms);
        hf_json_out_end(out);
    }
    hf_json_out_end(out);
}

/* ---- what the device lacks ---- */

static hf_err parse_both(const struct hf_shadow *shadow, cJSON **ret_desired, cJSON **ret_reported)
{
    struct hf_slice desired = section_text(shadow, HF_SHADOW_DESIRED),
                    reported = section_text(shadow, HF_SHADOW_REPORTED);

    *ret_desired = hf_json_tree_again(desired.at, desired.bytes);
    *ret_reported = hf_json_tree_again(reported.at, reported.bytes);
    if (*ret_desired != NULL && *ret_reported != NULL)
        return HF_OK;
    cJSON_Delete(*ret_desired);
    cJSON_Delete(*ret_reported);
    return HF_ERR_NOMEM; /* it was scanned when it was made, or read */
}

/* Takes from desired what reported has, too. */
static void subtract(cJSON *desired, const cJSON *reported)
{
    for (cJSON *member = desired->child, *next; member != NULL; member = next) {
        const cJSON *has = cJSON_GetObjectItemCaseSensitive(reported, member->string);

        next = member->next;
        if (cJSON_IsObject(member) && cJSON_IsObject(has)) {
            bool empty = member->child == NULL;

            subtract(member, has);
            if (!empty && member->child != NULL)
                continue; /* part of it */
        } else if (has == NULL || !cJSON_Compare(has, member, true)) {
            continue;
        }
        cJSON_Delete(cJSON_DetachItemViaPointer(desired, member));
    }
}

hf_err hf_shadow_delta(const struct hf_shadow *shadow, char **ret_json)
{
    cJSON *desired, *reported;

    if (shadow->text[HF_SHADOW_DESIRED] == NULL || shadow->text[HF_SHADOW_REPORTED] == NULL) {
        struct hf_slice whole = section_text(shadow, HF_SHADOW_DESIRED);

        *ret_json = strndup(whole.at, whole.bytes);
        return *ret_json ? HF_OK : HF_ERR_NOMEM;
    }
    hf_err err = parse_both(shadow, &desired, &reported);
    if (err != HF_OK)
        return err;
    subtract(desired, reported);
    *ret_json = cJSON_PrintUnformatted(desired);
    cJSON_Delete(desired);
    cJSON_Delete(reported);
    return *ret_json ? HF_OK : HF_ERR_NOMEM;
}

static bool field_applied(cJSON *desired, cJSON *reported, struct hf_slice path)
{
    char storage[HF_JSON_POINTER_BYTES_MAX + 1];
    struct hf_sb pointer;

    hf_sb_init(&pointer, storage, sizeof(storage));
    hf_sb_slice(&pointer, path);
    const cJSON *want = hf_json_pointer(desired, storage), *has = hf_json_pointer(reported, storage);
    if (cJSON_IsObject(want) && cJSON_IsObject(has))
        return true; /* it wants no member of it, and subtract() sees none missing */
    return want != NULL && has != NULL && cJSON_Compare(want, has, true);
}

hf_err hf_shadow_applied(const struct hf_shadow *shadow, uint64_t version,
                         enum hf_shadow_applied *ret_applied)
{
    struct hf_shadow_field field;
    cJSON *desired, *reported;
    uint32_t at = 0;
    hf_err err = parse_both(shadow, &desired, &reported);

    if (err != HF_OK)
        return err;
    *ret_applied = HF_SHADOW_SUPERSEDED;
    while (hf_shadow_field_next(&shadow->fields, &at, &field)) {
        if (field.section != HF_SHADOW_DESIRED || field.version != version)
            continue;
        *ret_applied = field_applied(desired, reported, field.path) ? HF_SHADOW_APPLIED : HF_SHADOW_WANTED;
        if (*ret_applied == HF_SHADOW_WANTED)
            break;
    }
    cJSON_Delete(desired);
    cJSON_Delete(reported);
    return HF_OK;
}
