#include "core/shadow_rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "core/device_rows.h"
#include "core/document/shadow.h"
#include "core/kvkey.h"
#include "core/rows.h"

struct key {
    size_t bytes;
    char at[HF_KVKEY_BYTES_MAX + HF_SHADOW_NAME_BYTES_MAX + 1 + 8];
};

static struct hf_slice slice_of(const struct key *key)
{
    return (struct hf_slice){key->at, key->bytes};
}

/* tenant 00 device 00 name 00 */
static hf_err begin(struct key *key, struct hf_slice tenant, struct hf_slice device, struct hf_slice name)
{
    struct hf_kvkey head;
    hf_err err = hf_kvkey_device(&head, tenant, device);

    if (err != HF_OK)
        return err;
    if (name.bytes > HF_SHADOW_NAME_BYTES_MAX || (name.bytes > 0 && memchr(name.at, 0, name.bytes) != NULL))
        return HF_ERR_INVALID;
    memcpy(key->at, head.at, head.bytes);
    if (name.bytes > 0)
        memcpy(key->at + head.bytes, name.at, name.bytes);
    key->at[head.bytes + name.bytes] = '\0';
    key->bytes = head.bytes + name.bytes + 1;
    return HF_OK;
}

static void add_version(struct key *key, size_t prefix_bytes, uint64_t version)
{
    hf_kvkey_u64_write(key->at + prefix_bytes, version);
    key->bytes = prefix_bytes + 8;
}

/* What was written before this record. */
static hf_err remove_all(struct hf_kv_txn *txn, const struct key *prefix, const struct hf_event *event)
{
    struct hf_slice key, value, none = {NULL, 0};
    struct hf_kv_cursor cursor;
    struct hf_event record;
    hf_err err = hf_kv_scan(txn, HF_KV_TWINS, slice_of(prefix), none, false, &cursor);

    if (err != HF_OK)
        return err;
    while ((err = hf_kv_next(&cursor, &key, &value)) == HF_OK) {
        struct key row = {.bytes = key.bytes};

        if (key.bytes > sizeof(row.at) ||
            (hf_event_row_decode(value, &record) == HF_OK && record.offset >= event->offset))
            continue;
        memcpy(row.at, key.at, key.bytes); /* it is the cursor's */
        err = hf_kv_del(txn, HF_KV_TWINS, slice_of(&row));
        if (err != HF_OK)
            break;
    }
    hf_kv_scan_end(&cursor);
    return err == HF_ERR_NOT_FOUND ? HF_OK : err;
}

/* Its end has a version of its own, so whoever has the last one lacks something. */
static hf_err note_end(struct hf_kv_txn *txn, const struct hf_event *event)
{
    struct hf_device_row row;
    struct hf_kvkey key;
    hf_err err = hf_kvkey_device(&key, event->tenant, event->device);

    if (err == HF_OK)
        err = hf_device_rows_get(txn, &key, &row);
    if (err != HF_OK || event->seq < row.ended)
        return err;
    row.ended = event->seq + 1;
    return hf_device_rows_put(txn, &key, &row);
}

hf_err hf_shadow_rows_apply(struct hf_kv_txn *txn, const struct hf_event *event)
{
    struct key key;
    hf_err err = begin(&key, event->tenant, event->device, event->topic);

    if (err != HF_OK || event->seq == 0)
        return err;
    size_t prefix_bytes = key.bytes, room = 16 + hf_event_bytes(event);
    if (event->payload.bytes == 0) {
        err = remove_all(txn, &key, event);
        return err == HF_OK ? note_end(txn, event) : err;
    }
    uint8_t *row = malloc(room);
    if (row == NULL)
        return HF_ERR_NOMEM;
    add_version(&key, prefix_bytes, event->seq);
    size_t bytes = hf_event_row_encode(event, row, room);
    err = hf_kv_put(txn, HF_KV_TWINS, slice_of(&key), (struct hf_slice){(const char *)row, bytes});
    free(row);
    for (uint64_t old = HF_MIN(event->from, event->seq), n = 0;
         err == HF_OK && old > 1 && n < HF_SHADOW_TRIM_ROWS; n++) {
        add_version(&key, prefix_bytes, --old);
        err = hf_kv_del(txn, HF_KV_TWINS, slice_of(&key));
        txn->trimmed[HF_KV_TWINS] += err == HF_OK;
    }
    return err == HF_ERR_NOT_FOUND ? HF_OK : err;
}

hf_err hf_shadow_rows_ended(struct hf_kv_txn *txn, struct hf_slice tenant, struct hf_slice device,
                            uint64_t *ret_version)
{
    struct hf_device_row row = {0};
    struct hf_kvkey key;
    hf_err err = hf_kvkey_device(&key, tenant, device);

    if (err == HF_OK)
        err = hf_device_rows_get(txn, &key, &row);
    *ret_version = row.ended;
    return err;
}

hf_err hf_shadow_rows_each(struct hf_kv_txn *txn, struct hf_slice tenant, struct hf_slice device,
                           struct hf_slice name, uint64_t version, hf_shadow_rows_take *take, void *context)
{
    struct hf_kv_cursor cursor;
    struct hf_event record;
    struct hf_slice value, found, none = {NULL, 0};
    struct key prefix, from;
    hf_err err = begin(&prefix, tenant, device, name);

    if (err != HF_OK)
        return err;
    from = prefix;
    add_version(&from, prefix.bytes, version);
    err =
        hf_kv_scan(txn, HF_KV_TWINS, slice_of(&prefix), version != 0 ? slice_of(&from) : none, true, &cursor);
    if (err != HF_OK)
        return err;
    while ((err = hf_kv_next(&cursor, &found, &value)) == HF_OK) {
        if (hf_event_row_decode(value, &record) != HF_OK) {
            err = HF_ERR_CORRUPT;
            break;
        }
        if (!take(context, &record))
            break;
    }
    hf_kv_scan_end(&cursor);
    return err == HF_ERR_NOT_FOUND ? HF_OK : err;
}

struct wanted {
    uint64_t at_ms;
    bool found;
    struct hf_event *record;
};

static bool take_wanted(void *context, const struct hf_event *record)
{
    struct wanted *wanted = context;

    if (wanted->at_ms != 0 && record->to > wanted->at_ms)
        return true;
    *wanted->record = *record;
    wanted->found = true;
    return false;
}

hf_err hf_shadow_rows_read(struct hf_kv_txn *txn, struct hf_slice tenant, struct hf_slice device,
                           struct hf_slice name, uint64_t version, uint64_t at_ms,
                           struct hf_event *ret_record)
{
    struct wanted wanted = {.at_ms = at_ms, .record = ret_record};
    hf_err err = hf_shadow_rows_each(txn, tenant, device, name, version, take_wanted, &wanted);

    return err == HF_OK && !wanted.found ? HF_ERR_NOT_FOUND : err;
}

hf_err hf_shadow_rows_next_name(struct hf_kv_txn *txn, struct hf_slice tenant, struct hf_slice device,
                                struct hf_slice after, struct hf_slice *ret_name)
{
    struct hf_slice key, value, none = {NULL, 0};
    struct hf_kv_cursor cursor;
    struct hf_kvkey prefix;
    struct key from = {0};
    hf_err err = hf_kvkey_device(&prefix, tenant, device);

    if (err == HF_OK && after.at != NULL) {
        err = begin(&from, tenant, device, after);
        add_version(&from, from.bytes, UINT64_MAX); /* no shadow comes so far */
    }
    if (err == HF_OK)
        err = hf_kv_scan(txn, HF_KV_TWINS, hf_kvkey_slice(&prefix), after.at != NULL ? slice_of(&from) : none,
                         false, &cursor);
    if (err != HF_OK)
        return err;
    err = hf_kv_next(&cursor, &key, &value);
    hf_kv_scan_end(&cursor);
    if (err != HF_OK)
        return err;
    if (key.bytes < prefix.bytes + 1U + 8)
        return HF_ERR_CORRUPT;
    *ret_name = (struct hf_slice){key.at + prefix.bytes, key.bytes - prefix.bytes - 1 - 8};
    return HF_OK;
}

uint64_t hf_shadow_rows_superseded_ms(struct hf_kv_txn *txn, struct hf_slice key)
{
    struct key next = {.bytes = key.bytes};
    struct hf_event newer;
    struct hf_slice value;

    if (key.bytes < 8 || key.bytes > sizeof(next.at))
        return UINT64_MAX;
    memcpy(next.at, key.at, key.bytes);
    hf_kvkey_u64_write(next.at + key.bytes - 8, hf_kvkey_u64_read(key.at + key.bytes - 8) + 1);
    return hf_kv_get(txn, HF_KV_TWINS, slice_of(&next), &value) == HF_OK &&
                   hf_event_row_decode(value, &newer) == HF_OK
               ? newer.time_ms
               : UINT64_MAX;
}
