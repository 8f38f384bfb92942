#include "core/fleet/fleet.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/sb.h"
#include "codec/json/array.h"
#include "core/fleet/groups.h"
#include "core/kvkey.h"
#include "core/shadow_rows.h"

enum { ENTRY_BYTES = 3, UNFINISHED = '!' };

static const char form[] = "#2\n"; /* no path begins so */

enum {
    FORM_BYTES = sizeof(form) - 1,
    LIST_BYTES_MAX = sizeof(form) + HF_FLEET_PATHS_MAX * (HF_FLEET_PATH_BYTES_MAX + 1) + 1
};

/* ---- keys ---- */

hf_err hf_fleet_key_begin(struct hf_fleet_key *ret_key, struct hf_slice tenant, char kind)
{
    struct hf_kvkey head;
    hf_err err = hf_kvkey_tenant(&head, tenant);

    if (err != HF_OK)
        return err;
    memcpy(ret_key->at, head.at, head.bytes);
    ret_key->at[head.bytes] = kind;
    ret_key->bytes = (uint16_t)(head.bytes + 1);
    return HF_OK;
}

void hf_fleet_key_add(struct hf_fleet_key *key, struct hf_slice text, bool more)
{
    HF_ASSERT(key->bytes + text.bytes + more <= sizeof(key->at));
    if (text.bytes > 0)
        memcpy(key->at + key->bytes, text.at, text.bytes);
    key->bytes = (uint16_t)(key->bytes + text.bytes);
    if (more)
        key->at[key->bytes++] = '\0';
}

static hf_err value_key(struct hf_fleet_key *ret_key, const struct hf_event *event,
                        const struct hf_fleet_value *value)
{
    hf_err err = hf_fleet_key_begin(ret_key, event->tenant, 'v');

    if (err != HF_OK)
        return err;
    hf_fleet_key_add(ret_key, value->path, true);
    hf_fleet_key_add(ret_key, value->text, true);
    hf_fleet_key_add(ret_key, event->device, false);
    return HF_OK;
}

static bool starts(struct hf_slice text, const char *with)
{
    return text.bytes > strlen(with) && memcmp(text.at, with, strlen(with)) == 0;
}

bool hf_fleet_path_valid(struct hf_slice path)
{
    size_t section = starts(path, "reported.") ? 9 : starts(path, "desired.") ? 8 : 0;

    if (section == 0 || path.bytes > HF_FLEET_PATH_BYTES_MAX || path.at[path.bytes - 1] == '.')
        return false;
    for (size_t i = section; i < path.bytes; i++)
        if (path.at[i] == '.' ? path.at[i - 1] == '.'
                              : !isalnum((unsigned char)path.at[i]) && path.at[i] != '_' && path.at[i] != '-')
            return false;
    return true;
}

/* ---- what a shadow has ---- */

struct built { /* a row in the making */
    uint8_t *row;
    size_t bytes;
    unsigned values;
    uint32_t left_out;
};

bool hf_fleet_value_next(struct hf_slice row, size_t *at, struct hf_fleet_value *ret_value)
{
    const char *in = row.at + *at;
    size_t left = row.bytes - *at, path_bytes, text_bytes;

    if (left < ENTRY_BYTES)
        return false;
    path_bytes = (uint8_t)in[0];
    if (left < ENTRY_BYTES + path_bytes)
        return false;
    text_bytes = (uint8_t)in[2 + path_bytes];
    if (left < ENTRY_BYTES + path_bytes + text_bytes)
        return false;
    *ret_value = (struct hf_fleet_value){.path = {in + 1, path_bytes},
                                         .text = {in + ENTRY_BYTES + path_bytes, text_bytes},
                                         .type = (uint8_t)in[1 + path_bytes]};
    *at += ENTRY_BYTES + path_bytes + text_bytes;
    return true;
}

static bool row_has(struct hf_slice row, const struct hf_fleet_value *wanted)
{
    struct hf_fleet_value value;
    size_t at = HF_FLEET_ROW_HEAD_BYTES;

    while (row.bytes > at && hf_fleet_value_next(row, &at, &value))
        if (hf_slice_eq(value.path, wanted->path) && hf_slice_eq(value.text, wanted->text))
            return true;
    return false;
}

static void add_text(struct built *built, struct hf_slice path, struct hf_slice text, enum hf_json_type type)
{
    const struct hf_fleet_value value = {.path = path, .text = text};
    uint8_t *at = built->row + built->bytes;

    if (row_has((struct hf_slice){(const char *)built->row, built->bytes}, &value))
        return;
    if (built->values == HF_FLEET_VALUES_MAX || text.bytes > HF_FLEET_TEXT_BYTES_MAX ||
        (text.bytes > 0 && memchr(text.at, 0, text.bytes) != NULL)) {
        built->left_out++;
        return;
    }
    *at++ = (uint8_t)path.bytes;
    memcpy(at, path.at, path.bytes);
    at += path.bytes;
    *at++ = (uint8_t)type;
    *at++ = (uint8_t)text.bytes;
    if (text.bytes > 0)
        memcpy(at, text.at, text.bytes);
    built->bytes += ENTRY_BYTES + path.bytes + text.bytes;
    built->values++;
}

static void add_scalar(struct built *built, struct hf_slice path, const struct hf_json_field *field)
{
    char storage[HF_FLEET_TEXT_BYTES_MAX];
    struct hf_slice text = field->raw;

    if (field->type == HF_JSON_STRING) {
        if (hf_json_to_text(field, storage, sizeof(storage), &text) == HF_OK)
            add_text(built, path, text, field->type);
        else
            built->left_out++;
    } else if (field->type == HF_JSON_NUMBER || field->type == HF_JSON_BOOL) {
        add_text(built, path, text, field->type);
    } else if (field->type == HF_JSON_ARRAY) { /* in an array: no value that can be asked for */
        built->left_out++;
    }
}

static void add_value(struct built *built, struct hf_slice path, const struct hf_json_field *field)
{
    struct hf_slice rest = field->raw;
    struct hf_json_field element;

    if (field->type != HF_JSON_ARRAY) {
        add_scalar(built, path, field);
        return;
    }
    while (hf_json_array_next(&rest, &element))
        add_scalar(built, path, &element);
}

/* Each tag. Objects lie below each other no deeper than a shadow may, which was checked when it was made. Names count as they are spelled. */
static void add_tags(struct built *built, struct hf_slice path, struct hf_slice object)
{
    struct hf_json_field member;

    while (hf_json_object_next(&object, &member)) {
        char storage[HF_FLEET_PATH_BYTES_MAX + 1];
        struct hf_sb below;

        hf_sb_init(&below, storage, sizeof(storage));
        hf_sb_slice(&below, path);
        hf_sb_char(&below, '.');
        hf_sb_slice(&below, member.name);
        if (below.overflow)
            built->left_out++;
        else if (member.type == HF_JSON_OBJECT)
            add_tags(built, hf_sb_done(&below), member.raw);
        else
            add_value(built, hf_sb_done(&below), &member);
    }
}

/* What stands at a path, if anything does. */
static void add_path(struct built *built, struct hf_slice path, const struct hf_json_field *section)
{
    const char *dot = memchr(path.at, '.', path.bytes);
    struct hf_json_field at = *section;

    while (dot != NULL && at.type == HF_JSON_OBJECT) {
        const char *name = dot + 1, *end = path.at + path.bytes;
        struct hf_slice object = at.raw;
        struct hf_json_field next = {.found = false};

        dot = memchr(name, '.', (size_t)(end - name));
        const struct hf_slice wanted = {name, (size_t)((dot != NULL ? dot : end) - name)};
        while (!next.found && hf_json_object_next(&object, &next))
            next.found = hf_slice_eq(next.name, wanted);
        if (!next.found)
            return;
        at = next;
    }
    if (dot == NULL)
        add_value(built, path, &at);
}

static void build(const struct hf_event *event, const struct hf_fleet_paths *paths, struct built *built)
{
    enum { REPORTED, DESIRED, TAGS, SECTIONS };
    struct hf_json_field sections[SECTIONS] = {HF_JSON_FIELD("reported"), HF_JSON_FIELD("desired"),
                                               HF_JSON_FIELD("tags")};

    built->bytes = HF_FLEET_ROW_HEAD_BYTES;
    if (hf_json_scan(event->payload.at, event->payload.bytes, sections, SECTIONS, 0) == HF_OK) {
        for (unsigned i = 0; i < paths->count; i++)
            add_path(built, paths->at[i], &sections[paths->at[i].at[0] == 'r' ? REPORTED : DESIRED]);
        if (sections[TAGS].type == HF_JSON_OBJECT)
            add_tags(built, HF_SLICE("tags"), sections[TAGS].raw);
    }
    hf_put_u32(built->row, built->left_out);
}

/* ---- rows ---- */

static uint32_t left_out_of(struct hf_slice row)
{
    return row.bytes >= HF_FLEET_ROW_HEAD_BYTES ? hf_get_u32((const uint8_t *)row.at) : 0;
}

uint64_t hf_fleet_left_out(struct hf_kv_txn *txn)
{
    struct hf_slice value;

    return hf_kv_get(txn, HF_KV_FLEET, HF_SLICE("\0"), &value) == HF_OK && value.bytes == 8
               ? hf_get_u64((const uint8_t *)value.at)
               : 0;
}

static hf_err count_left_out(struct hf_kv_txn *txn, uint32_t before, uint32_t now)
{
    uint8_t sum[8];

    if (before == now)
        return HF_OK;
    hf_put_u64(sum, hf_fleet_left_out(txn) - before + now);
    return hf_kv_put(txn, HF_KV_FLEET, HF_SLICE("\0"), (struct hf_slice){(const char *)sum, sizeof(sum)});
}

/* How a shadow comes into the index: as it changes, or with all the groups that it names, of which none is counted yet. */
enum mode { FOLLOW, RECOUNT };

static hf_err count_groups(struct hf_kv_txn *txn, struct hf_slice tenant, struct hf_slice row)
{
    struct hf_fleet_value value;
    size_t at = HF_FLEET_ROW_HEAD_BYTES;
    hf_err err = HF_OK;

    while (err == HF_OK && row.bytes > at && hf_fleet_value_next(row, &at, &value))
        if (hf_slice_is(value.path, HF_FLEET_GROUPS))
            err = hf_fleet_groups_count(txn, tenant, value.text, true);
    return err;
}

/* Values that are in `row` and not in `other` come, or go. */
static hf_err put_values(struct hf_kv_txn *txn, const struct hf_event *event, enum mode mode,
                         struct hf_slice row, struct hf_slice other, bool come)
{
    const struct hf_slice none = {"", 0};
    struct hf_fleet_value value;
    struct hf_fleet_key key;
    size_t at = HF_FLEET_ROW_HEAD_BYTES;
    hf_err err = HF_OK;

    while (err == HF_OK && row.bytes > at && hf_fleet_value_next(row, &at, &value)) {
        if (row_has(other, &value))
            continue;
        err = value_key(&key, event, &value);
        if (err == HF_OK)
            err = come ? hf_kv_put(txn, HF_KV_FLEET, hf_fleet_key_slice(&key), none)
                       : hf_kv_del(txn, HF_KV_FLEET, hf_fleet_key_slice(&key));
        if (err == HF_ERR_NOT_FOUND)
            err = HF_OK;
        if (err == HF_OK && mode == FOLLOW && hf_slice_is(value.path, HF_FLEET_GROUPS))
            err = hf_fleet_groups_count(txn, event->tenant, value.text, come);
    }
    return err;
}

static hf_err replace(struct hf_kv_txn *txn, const struct hf_event *event, const struct hf_fleet_paths *paths,
                      enum mode mode, const struct hf_fleet_key *key, uint8_t *room)
{
    struct built built = {.row = room};
    struct hf_slice old = {NULL, 0}, row;
    hf_err err = hf_kv_get(txn, HF_KV_FLEET, hf_fleet_key_slice(key), &old);

    if (err != HF_OK && err != HF_ERR_NOT_FOUND)
        return err;
    if (old.bytes > HF_FLEET_ROW_BYTES_MAX)
        return HF_ERR_CORRUPT;
    build(event, paths, &built);
    row = (struct hf_slice){(const char *)built.row, built.bytes};
    bool empty = built.values == 0 && built.left_out == 0;
    bool same = empty ? old.bytes == 0 : hf_slice_eq(old, row);
    if (old.bytes > 0) /* it is borrowed only until the first put */
        old.at = memcpy(room + HF_FLEET_ROW_BYTES_MAX, old.at, old.bytes);
    err = mode == RECOUNT ? count_groups(txn, event->tenant, row) : HF_OK;
    if (same || err != HF_OK)
        return err;
    err = put_values(txn, event, mode, old, row, false);
    if (err == HF_OK)
        err = put_values(txn, event, mode, row, old, true);
    if (err == HF_OK)
        err = count_left_out(txn, left_out_of(old), built.left_out);
    if (err == HF_OK)
        err = empty ? hf_kv_del(txn, HF_KV_FLEET, hf_fleet_key_slice(key))
                    : hf_kv_put(txn, HF_KV_FLEET, hf_fleet_key_slice(key), row);
    return err == HF_ERR_NOT_FOUND ? HF_OK : err;
}

static hf_err apply(struct hf_kv_txn *txn, const struct hf_event *event, const struct hf_fleet_paths *paths,
                    enum mode mode)
{
    struct hf_kvkey names;
    struct hf_fleet_key key;
    hf_err err = hf_kvkey_device(&names, event->tenant, event->device);

    if (err == HF_OK)
        err = hf_fleet_key_begin(&key, event->tenant, 'd');
    if (err != HF_OK)
        return err;
    hf_fleet_key_add(&key, event->device, false);
    uint8_t *room = malloc(2 * (size_t)HF_FLEET_ROW_BYTES_MAX);
    if (room == NULL)
        return HF_ERR_NOMEM;
    err = replace(txn, event, paths, mode, &key, room);
    free(room);
    return err;
}

/* ---- paths ---- */

static hf_err get_list(struct hf_kv_txn *txn, struct hf_slice tenant, struct hf_slice *ret_list)
{
    struct hf_fleet_key key;
    hf_err err = hf_fleet_key_begin(&key, tenant, 'p');

    *ret_list = (struct hf_slice){NULL, 0};
    if (err == HF_OK)
        err = hf_kv_get(txn, HF_KV_FLEET, hf_fleet_key_slice(&key), ret_list);
    return err;
}

static hf_err put_list(struct hf_kv_txn *txn, struct hf_slice tenant, struct hf_slice list)
{
    struct hf_fleet_key key;
    hf_err err = hf_fleet_key_begin(&key, tenant, 'p');

    return err == HF_OK ? hf_kv_put(txn, HF_KV_FLEET, hf_fleet_key_slice(&key), list) : err;
}

static void take_list(struct hf_slice list, struct hf_fleet_paths *ret_paths)
{
    *ret_paths = (struct hf_fleet_paths){0};
    while (list.bytes > 0 && ret_paths->count < HF_FLEET_PATHS_MAX) {
        const char *end = memchr(list.at, '\n', list.bytes);
        struct hf_slice line = {list.at, end != NULL ? (size_t)(end - list.at) : list.bytes};
        size_t taken = line.bytes + (end != NULL);

        if (hf_fleet_path_valid(line)) /* its form and the mark of an unfinished one are none */
            ret_paths->at[ret_paths->count++] = line;
        list.at += taken;
        list.bytes -= taken;
    }
}

hf_err hf_fleet_paths_get(struct hf_kv_txn *txn, struct hf_slice tenant, struct hf_fleet_paths *ret_paths)
{
    struct hf_slice list;
    hf_err err = get_list(txn, tenant, &list);

    take_list(list, ret_paths);
    return err == HF_ERR_NOT_FOUND ? HF_OK : err;
}

hf_err hf_fleet_apply(struct hf_kv_txn *txn, const struct hf_event *event)
{
    char storage[LIST_BYTES_MAX];
    struct hf_fleet_paths paths;
    struct hf_slice list;

    if (event->topic.bytes > 0 || event->seq == 0)
        return HF_OK;
    hf_err err = get_list(txn, event->tenant, &list);
    if (err != HF_OK && err != HF_ERR_NOT_FOUND)
        return err;
    if (list.bytes > sizeof(storage))
        return HF_ERR_CORRUPT;
    if (list.bytes > 0)
        list.at = memcpy(storage, list.at, list.bytes);
    take_list(list, &paths);
    return apply(txn, event, &paths, FOLLOW);
}

/* ---- another list, or an older form ---- */

/* The newest record of the next device's unnamed shadow; NOT_FOUND at the end. Devices that have named ones only are passed. */
static hf_err next_shadow(struct hf_kv_txn *txn, struct hf_slice tenant, struct hf_fleet_reindex *reindex,
                          struct hf_event *ret_record)
{
    const struct hf_slice none = {NULL, 0};
    struct hf_slice key, value;
    struct hf_kvkey prefix, from;
    struct hf_kv_cursor cursor;
    hf_err err = hf_kvkey_tenant(&prefix, tenant);

    if (err == HF_OK && reindex->device_bytes > 0)
        err = hf_kvkey_device(&from, tenant, (struct hf_slice){reindex->device, reindex->device_bytes});
    if (err != HF_OK)
        return err;
    if (reindex->device_bytes > 0)
        from.at[from.bytes - 1] =
            1; /* behind all of this device, before the next: names have no byte below a space */
    err = hf_kv_scan(txn, HF_KV_TWINS, hf_kvkey_slice(&prefix),
                     reindex->device_bytes > 0 ? hf_kvkey_slice(&from) : none, false, &cursor);
    if (err != HF_OK)
        return err;
    err = hf_kv_next(&cursor, &key, &value);
    if (err == HF_OK) {
        const char *device = key.at + prefix.bytes, *end = memchr(device, 0, key.bytes - prefix.bytes);

        if (end == NULL || (size_t)(end - device) > sizeof(reindex->device))
            err = HF_ERR_CORRUPT;
        else
            memcpy(reindex->device, device, reindex->device_bytes = (uint8_t)(end - device));
    }
    hf_kv_scan_end(&cursor);
    *ret_record = (struct hf_event){0};
    if (err != HF_OK)
        return err;
    err = hf_shadow_rows_read(txn, tenant, (struct hf_slice){reindex->device, reindex->device_bytes}, none, 0,
                              0, ret_record);
    return err == HF_ERR_NOT_FOUND ? HF_OK : err;
}

static void list_of(const struct hf_fleet_paths *paths, bool counted, struct hf_sb *list)
{
    HF_ASSERT(paths->count <= HF_FLEET_PATHS_MAX);
    if (counted)
        hf_sb_text(list, form);
    for (unsigned i = 0; i < paths->count; i++) {
        HF_ASSERT(hf_fleet_path_valid(paths->at[i]));
        hf_sb_slice(list, paths->at[i]);
        hf_sb_char(list, '\n');
    }
}

/* Is there something to do? The new list stands from now on; of an older form it remains until all is counted, so that one that is cut off begins again with nothing counted. */
static hf_err begin_reindex(struct hf_kv_txn *txn, struct hf_slice tenant, const struct hf_fleet_paths *paths,
                            struct hf_fleet_reindex *reindex)
{
    char storage[LIST_BYTES_MAX];
    struct hf_slice known;
    struct hf_sb list;
    hf_err err = get_list(txn, tenant, &known);

    if (err != HF_OK && err != HF_ERR_NOT_FOUND)
        return err;
    bool counted = known.bytes >= FORM_BYTES && memcmp(known.at, form, FORM_BYTES) == 0;
    hf_sb_init(&list, storage, sizeof(storage));
    list_of(paths, counted, &list);
    if (err == HF_OK && counted && hf_slice_eq(known, hf_sb_done(&list)))
        return HF_OK;
    hf_sb_char(&list, UNFINISHED);
    reindex->begun = true;
    reindex->recount = !counted;
    reindex->uncounted = counted;
    return put_list(txn, tenant, hf_sb_done(&list));
}

static hf_err end_reindex(struct hf_kv_txn *txn, struct hf_slice tenant, const struct hf_fleet_paths *paths)
{
    char storage[LIST_BYTES_MAX];
    struct hf_sb list;

    hf_sb_init(&list, storage, sizeof(storage));
    list_of(paths, true, &list);
    return put_list(txn, tenant, hf_sb_done(&list));
}

hf_err hf_fleet_reindex(struct hf_kv_txn *txn, struct hf_slice tenant, const struct hf_fleet_paths *paths,
                        struct hf_fleet_reindex *reindex, bool *ret_more)
{
    struct hf_event record;
    hf_err err = reindex->begun ? HF_OK : begin_reindex(txn, tenant, paths, reindex);

    *ret_more = false;
    if (err != HF_OK || !reindex->begun)
        return err;
    if (!reindex->uncounted)
        err = hf_fleet_groups_forget(txn, tenant, HF_FLEET_REINDEX_DEVICES, &reindex->uncounted);
    if (!reindex->uncounted) {
        *ret_more = err == HF_OK;
        return err;
    }
    for (unsigned i = 0; err == HF_OK && i < HF_FLEET_REINDEX_DEVICES; i++) {
        err = next_shadow(txn, tenant, reindex, &record);
        if (err == HF_OK && record.seq != 0) {
            reindex->devices++;
            err = apply(txn, &record, paths, reindex->recount ? RECOUNT : FOLLOW);
        }
    }
    *ret_more = err == HF_OK;
    return err == HF_ERR_NOT_FOUND ? end_reindex(txn, tenant, paths) : err;
}
