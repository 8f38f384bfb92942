/* core/projection_channels.c - camera.channels events become rows. A list is staged under a generation of its own, the log offset of its first part, which no other can have; the
 * commit moves one number of the device's CATALOGS row, so a reader sees the old list or the new one. */
#include <stdlib.h>

#include "codec/json/array.h"
#include "core/channels.h"

enum { ROW_HEAD_BYTES_MAX = 64, CATALOG_BYTES_MAX = HF_CAMERA_SETTINGS_BYTES_MAX + 256 };

/* Of all devices together. No tenant's name begins with a zero byte. */
#define NODE_KEY ((struct hf_slice){"\0node", 5})

struct work {
    struct hf_kv_txn *txn;
    const struct hf_event *event;
    struct hf_kvkey key; /* of the device */
    struct hf_catalog_row catalog, node;
    char *row, *text, *more; /* HF_CHANNEL_ROW_BYTES_MAX each */
    char digest[32], catalog_storage[CATALOG_BYTES_MAX], node_storage[CATALOG_BYTES_MAX];
};

/* The row's texts point into storage: those of the value would be gone with the next put. */
static hf_err get_catalog(struct hf_kv_txn *txn, struct hf_slice key, char storage[CATALOG_BYTES_MAX],
                          struct hf_catalog_row *ret_row)
{
    struct hf_slice value;
    hf_err err = hf_kv_get(txn, HF_KV_CATALOGS, key, &value);

    *ret_row = (struct hf_catalog_row){0};
    if (err != HF_OK)
        return err == HF_ERR_NOT_FOUND ? HF_OK : err;
    if (value.bytes > CATALOG_BYTES_MAX)
        return HF_ERR_CORRUPT;
    memcpy(storage, value.at, value.bytes);
    return hf_catalog_row_decode((struct hf_slice){storage, value.bytes}, ret_row);
}

static hf_err put_catalog(struct hf_kv_txn *txn, struct hf_slice key, const struct hf_catalog_row *row)
{
    uint8_t out[CATALOG_BYTES_MAX];
    size_t bytes = hf_catalog_row_encode(row, out, sizeof(out));

    return hf_kv_put(txn, HF_KV_CATALOGS, key, (struct hf_slice){(const char *)out, bytes});
}

/* ---- items ---- */

struct item {
    struct hf_slice json, id, name, parent; /* name and parent: absent when not said; into work->text */
    char id_storage[HF_CHANNEL_ID_BYTES_MAX];
    enum hf_channel_status status;
    bool has_status, del, state_only;
};

static void take_text(struct work *work, size_t *used, const struct hf_json_field *field,
                      struct hf_slice *ret_text)
{
    *ret_text = (struct hf_slice){NULL, 0};
    if (!field->found ||
        hf_json_to_text(field, work->text + *used, HF_CHANNEL_ROW_BYTES_MAX - *used, ret_text) != HF_OK)
        return;
    if (ret_text->at == work->text + *used)
        *used += ret_text->bytes;
}

static void take_event(struct item *item, struct hf_slice word)
{
    item->del = hf_slice_eq_nocase(word, HF_SLICE("DEL"));
    item->state_only = hf_channel_status_by_name(word, &item->status);
    item->has_status |= item->state_only;
}

/* False: it is no channel. */
static bool read_item(struct work *work, struct hf_slice json, struct item *ret)
{
    enum { ID, NAME, PARENT, STATUS, EVENT, FIELDS };
    struct hf_json_field fields[FIELDS] = {[ID] = HF_JSON_FIELD("device_id"),
                                           [NAME] = HF_JSON_FIELD("name"),
                                           [PARENT] = HF_JSON_FIELD("parent_id"),
                                           [STATUS] = HF_JSON_FIELD("status"),
                                           [EVENT] = HF_JSON_FIELD("event")};
    char word[16];
    struct hf_slice text;
    size_t used = 0;

    *ret = (struct item){.json = json};
    if (hf_json_scan(json.at, json.bytes, fields, FIELDS, 0) != HF_OK ||
        hf_json_to_text(&fields[ID], ret->id_storage, sizeof(ret->id_storage), &ret->id) != HF_OK ||
        !hf_id_valid(ret->id, HF_CHANNEL_ID_BYTES_MAX))
        return false;
    take_text(work, &used, &fields[NAME], &ret->name);
    take_text(work, &used, &fields[PARENT], &ret->parent);
    if (hf_json_to_text(&fields[STATUS], word, sizeof(word), &text) == HF_OK)
        ret->has_status = hf_channel_status_by_name(text, &ret->status);
    if (hf_json_to_text(&fields[EVENT], word, sizeof(word), &text) == HF_OK)
        take_event(ret, text);
    return true;
}

/* The row of the item in that generation; before: what is known of it already. */
static hf_err put_item(struct work *work, uint64_t generation, const struct item *item,
                       const struct hf_channel_row *before)
{
    const struct hf_event *event = work->event;
    struct hf_channel_row row = {.status = before->status,
                                 .changed_ms = before->changed_ms,
                                 .name = before->name,
                                 .parent = before->parent,
                                 .more = before->more};
    struct hf_channel_key key;

    if (!item->state_only) {
        row.name = item->name.at != NULL ? item->name : before->name;
        row.parent = item->parent.at != NULL ? item->parent : before->parent;
        size_t used = ROW_HEAD_BYTES_MAX + row.name.bytes + row.parent.bytes;
        size_t room = used < HF_CHANNEL_ROW_BYTES_MAX ? HF_CHANNEL_ROW_BYTES_MAX - used : 0;

        row.more =
            (struct hf_slice){work->more, hf_channel_more_pack(item->json, before->more, work->more, room)};
    }
    if (item->has_status)
        row.status = item->status;
    if (row.changed_ms == 0 || row.status != before->status)
        row.changed_ms = event->time_ms;
    hf_err err = hf_channel_key(&key, event->tenant, event->device, generation, item->id);
    size_t bytes = hf_channel_row_encode(&row, (uint8_t *)work->row, HF_CHANNEL_ROW_BYTES_MAX);
    if (err != HF_OK || bytes == 0)
        return err;
    return hf_kv_put(work->txn, HF_KV_CHANNELS, hf_channel_key_slice(&key),
                     (struct hf_slice){work->row, bytes});
}

/* HF_OK: *ret_row, zeroed when there is none. */
static hf_err get_item(struct work *work, uint64_t generation, const struct item *item,
                       struct hf_channel_row *ret_row, bool *ret_found)
{
    hf_err err =
        hf_channel_get(work->txn, work->event->tenant, work->event->device, generation, item->id, ret_row);

    *ret_found = err == HF_OK;
    if (err != HF_OK)
        *ret_row = (struct hf_channel_row){0};
    return err == HF_ERR_NOT_FOUND ? HF_OK : err;
}

/* ---- a list ---- */

static hf_err drop_generation(struct work *work, uint64_t generation)
{
    struct hf_kv_cursor cursor;
    struct hf_slice key, value, none = {NULL, 0};
    struct hf_channel_key prefix;
    char storage[sizeof(prefix.at)];
    hf_err err = hf_channel_key(&prefix, work->event->tenant, work->event->device, generation, none);

    if (err == HF_OK)
        err = hf_kv_scan(work->txn, HF_KV_CHANNELS, hf_channel_key_slice(&prefix), none, false, &cursor);
    if (err != HF_OK)
        return err;
    while ((err = hf_kv_next(&cursor, &key, &value)) == HF_OK && key.bytes <= sizeof(storage)) {
        memcpy(storage, key.at, key.bytes); /* the key is the cursor's */
        err = hf_kv_del(work->txn, HF_KV_CHANNELS, (struct hf_slice){storage, key.bytes});
        if (err != HF_OK)
            break;
    }
    hf_kv_scan_end(&cursor);
    return err == HF_ERR_NOT_FOUND ? HF_OK : err;
}

static hf_err drop_staged(struct work *work)
{
    hf_err err = work->catalog.staging ? drop_generation(work, work->catalog.staging) : HF_OK;

    work->catalog.staging = work->catalog.staging_list = work->catalog.staged = 0;
    return err;
}

static hf_err stage_item(struct work *work, const struct item *item)
{
    struct hf_channel_row known, blank = {0};
    bool staged, was_there;

    hf_err err = get_item(work, work->catalog.staging, item, &known, &staged);
    if (err == HF_OK && !staged)
        err = get_item(work, work->catalog.generation, item, &known, &was_there);
    if (err != HF_OK)
        return err;
    if (!staged && work->catalog.staged >= HF_CHANNELS_MAX) {
        work->catalog.left_out++;
        return HF_OK;
    }
    work->catalog.staged += !staged;
    if (!staged && was_there) { /* since when it has its status is not said in a list */
        blank.status = known.status;
        blank.changed_ms = known.changed_ms;
        if (!item->has_status && known.status != HF_CHANNEL_SILENT) {
            blank.status = HF_CHANNEL_SILENT;
            blank.changed_ms = 0;
        }
    }
    return put_item(work, work->catalog.staging, item, &blank);
}

static hf_err apply_part(struct work *work, const struct hf_event *event)
{
    struct hf_slice rest = event->payload;
    struct hf_json_field element;
    struct item item;
    hf_err err = HF_OK;

    if (event->from == 0) {
        err = drop_staged(work);
        work->catalog.staging = event->offset;
        work->catalog.staging_list = event->seq;
        work->catalog.left_out = 0;
    } else if (work->catalog.staging == 0 || work->catalog.staging_list != event->seq) {
        return HF_OK; /* its beginning is not there: the commit will find that out */
    }
    while (err == HF_OK && hf_json_array_next(&rest, &element))
        if (read_item(work, element.raw, &item))
            err = stage_item(work, &item);
    return err;
}

/* Absent when none is said. */
static struct hf_slice digest_of(struct work *work)
{
    struct hf_json_field field = HF_JSON_FIELD("digest");
    struct hf_slice payload = work->event->payload, text;

    if (hf_json_scan(payload.at, payload.bytes, &field, 1, 0) != HF_OK ||
        hf_json_to_text(&field, work->digest, sizeof(work->digest), &text) != HF_OK ||
        text.bytes > sizeof(work->digest))
        return (struct hf_slice){NULL, 0};
    return text;
}

static hf_err apply_commit(struct work *work, const struct hf_event *event)
{
    struct hf_catalog_row *catalog = &work->catalog;
    uint64_t before = catalog->generation;

    if (event->to == 0 && catalog->staging_list != event->seq) { /* an empty list has no part */
        hf_err err = drop_staged(work);

        if (err != HF_OK)
            return err;
        catalog->staging = event->offset;
        catalog->left_out = 0;
    } else if (catalog->staging == 0 || catalog->staging_list != event->seq ||
               catalog->staged + catalog->left_out != event->to) {
        return drop_staged(work);
    }
    if (work->node.count - catalog->count + catalog->staged > HF_CHANNELS_NODE_MAX) {
        catalog->left_out = event->to;
        return drop_staged(work);
    }
    work->node.count = work->node.count - catalog->count + catalog->staged;
    catalog->generation = catalog->staging;
    catalog->count = catalog->staged;
    catalog->staging = catalog->staging_list = catalog->staged = 0;
    catalog->complete_ms = catalog->changed_ms = event->time_ms;
    catalog->digest = digest_of(work);
    return drop_generation(work, before);
}

static void apply_same(struct work *work, const struct hf_event *event)
{
    if (work->catalog.complete_ms != 0 && hf_slice_eq(work->catalog.digest, digest_of(work)))
        work->catalog.complete_ms = event->time_ms;
}

/* ---- single rows ---- */

static hf_err change_item(struct work *work, const struct item *item)
{
    struct hf_catalog_row *catalog = &work->catalog;
    struct hf_channel_row known;
    struct hf_channel_key key;
    bool found;

    hf_err err = get_item(work, catalog->generation, item, &known, &found);
    if (err != HF_OK || (item->del && !found))
        return err;
    if (!found && (catalog->count >= HF_CHANNELS_MAX || work->node.count >= HF_CHANNELS_NODE_MAX)) {
        catalog->left_out++;
        return HF_OK;
    }
    if (item->del) {
        catalog->count--;
        work->node.count--;
        err = hf_channel_key(&key, work->event->tenant, work->event->device, catalog->generation, item->id);
        return err == HF_OK ? hf_kv_del(work->txn, HF_KV_CHANNELS, hf_channel_key_slice(&key)) : err;
    }
    catalog->count += !found;
    work->node.count += !found;
    return put_item(work, catalog->generation, item, &known);
}

static hf_err apply_change(struct work *work, const struct hf_event *event)
{
    struct hf_slice rest = event->payload;
    struct hf_json_field element;
    struct item item;
    hf_err err = HF_OK;

    while (err == HF_OK && hf_json_array_next(&rest, &element))
        if (read_item(work, element.raw, &item))
            err = change_item(work, &item);
    work->catalog.digest =
        (struct hf_slice){NULL, 0}; /* the list that it stood for is not what is there any more */
    work->catalog.changed_ms = event->time_ms;
    return err;
}

/* ---- the door ---- */

static hf_err apply(struct work *work)
{
    const struct hf_event *event = work->event;
    uint64_t node_before = work->node.count;
    hf_err err = HF_OK;

    if (hf_json_scan(event->payload.at, event->payload.bytes, NULL, 0, 0) != HF_OK)
        return HF_OK;
    if (event->type == HF_EVENT_CAMERA_SETTINGS)
        work->catalog.settings =
            event->payload.bytes <= HF_CAMERA_SETTINGS_BYTES_MAX ? event->payload : work->catalog.settings;
    else if (hf_slice_is(event->key, "part"))
        err = apply_part(work, event);
    else if (hf_slice_is(event->key, "commit"))
        err = apply_commit(work, event);
    else if (hf_slice_is(event->key, "same"))
        apply_same(work, event);
    else if (hf_slice_is(event->key, "change"))
        err = apply_change(work, event);
    work->catalog.offset = event->offset;
    if (err == HF_OK)
        err = put_catalog(work->txn, hf_kvkey_slice(&work->key), &work->catalog);
    if (err == HF_OK && work->node.count != node_before)
        err = put_catalog(work->txn, NODE_KEY, &work->node);
    return err;
}

hf_err hf_channels_apply(struct hf_kv_txn *txn, const struct hf_event *event)
{
    struct work work = {.txn = txn, .event = event};
    hf_err err = hf_kvkey_device(&work.key, event->tenant, event->device);

    if (err == HF_OK)
        err = get_catalog(txn, hf_kvkey_slice(&work.key), work.catalog_storage, &work.catalog);
    if (err == HF_OK && event->offset <= work.catalog.offset)
        return HF_OK; /* a replay */
    if (err == HF_OK)
        err = get_catalog(txn, NODE_KEY, work.node_storage, &work.node);
    if (err != HF_OK)
        return err;
    work.row = malloc(3 * HF_CHANNEL_ROW_BYTES_MAX);
    if (work.row == NULL)
        return HF_ERR_NOMEM;
    work.more = work.row + HF_CHANNEL_ROW_BYTES_MAX;
    work.text = work.more + HF_CHANNEL_ROW_BYTES_MAX;
    err = apply(&work);
    free(work.row);
    return err;
}
