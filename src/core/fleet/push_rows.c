#include "core/fleet/push_rows.h"

#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "core/document/shadow.h"
#include "core/kvkey.h"
#include "core/rows.h"

enum { ID_BYTES = 16, WAIT_BYTES = 9, REASON_BYTES = 6, ROW_BYTES_MAX = 1024 };

static const uint8_t no_id[ID_BYTES];

/* ---- keys ---- */

hf_err hf_push_key(struct hf_push_key *ret_key, struct hf_slice tenant, char kind, const uint8_t *id)
{
    struct hf_kvkey head;
    hf_err err = hf_kvkey_tenant(&head, tenant);

    if (err != HF_OK)
        return err;
    memcpy(ret_key->at, head.at, head.bytes);
    ret_key->at[head.bytes] = kind;
    ret_key->bytes = (uint16_t)(head.bytes + 1);
    if (id != NULL) {
        memcpy(ret_key->at + ret_key->bytes, id, ID_BYTES);
        ret_key->bytes += ID_BYTES;
    }
    return HF_OK;
}

static void add(struct hf_push_key *key, const void *data, size_t bytes)
{
    HF_ASSERT(key->bytes + bytes <= sizeof(key->at));
    memcpy(key->at + key->bytes, data, bytes);
    key->bytes = (uint16_t)(key->bytes + bytes);
}

static hf_err member_key(struct hf_push_key *ret_key, struct hf_slice tenant, const uint8_t *id,
                         struct hf_slice device)
{
    hf_err err = hf_push_key(ret_key, tenant, 'm', id);

    if (err == HF_OK && (device.bytes == 0 || device.bytes > HF_DEVICE_BYTES_MAX))
        err = HF_ERR_INVALID;
    if (err == HF_OK)
        add(ret_key, device.at, device.bytes);
    return err;
}

/* id NULL: what all waits of the device begin with. */
static hf_err wait_key(struct hf_push_key *ret_key, struct hf_slice tenant, struct hf_slice device,
                       const uint8_t *id)
{
    hf_err err = hf_push_key(ret_key, tenant, 'w', NULL);

    if (err == HF_OK && (device.bytes == 0 || device.bytes > HF_DEVICE_BYTES_MAX))
        err = HF_ERR_INVALID;
    if (err != HF_OK)
        return err;
    add(ret_key, device.at, device.bytes);
    add(ret_key, "", 1);
    if (id != NULL)
        add(ret_key, id, ID_BYTES);
    return HF_OK;
}

static void running_key(char key[9], uint64_t offset)
{
    key[0] = '\0'; /* no tenant begins so */
    hf_kvkey_u64_write(key + 1, offset);
}

/* ---- the row of a push ---- */

static hf_err get_push(struct hf_kv_txn *txn, struct hf_slice tenant, const uint8_t *id,
                       uint8_t storage[ROW_BYTES_MAX], struct hf_push_row *ret_row)
{
    struct hf_push_key key;
    struct hf_slice value;
    hf_err err = hf_push_key(&key, tenant, 'p', id);

    if (err == HF_OK)
        err = hf_kv_get(txn, HF_KV_PUSHES, hf_push_key_slice(&key), &value);
    if (err == HF_OK && value.bytes > ROW_BYTES_MAX)
        err = HF_ERR_CORRUPT;
    if (err != HF_OK)
        return err;
    memcpy(storage, value.at, value.bytes); /* borrowed only until the next put */
    return hf_push_row_decode((struct hf_slice){(const char *)storage, value.bytes}, ret_row);
}

static hf_err put_push(struct hf_kv_txn *txn, struct hf_slice tenant, const uint8_t *id,
                       const struct hf_push_row *row)
{
    uint8_t out[ROW_BYTES_MAX];
    struct hf_push_key key;
    hf_err err = hf_push_key(&key, tenant, 'p', id);

    if (err != HF_OK)
        return err;
    size_t bytes = hf_push_row_encode(row, out, sizeof(out));
    HF_ASSERT(bytes > 0); /* texts are bounded: a group, who, reasons */
    return hf_kv_put(txn, HF_KV_PUSHES, hf_push_key_slice(&key), (struct hf_slice){(const char *)out, bytes});
}

bool hf_push_reason_next(struct hf_slice *reasons, uint16_t *ret_reason, uint32_t *ret_count)
{
    if (reasons->bytes < REASON_BYTES)
        return false;
    *ret_reason = hf_get_u16((const uint8_t *)reasons->at);
    *ret_count = hf_get_u32((const uint8_t *)reasons->at + 2);
    reasons->at += REASON_BYTES;
    reasons->bytes -= REASON_BYTES;
    return true;
}

/* One more of this reason, in `storage`. */
static struct hf_slice count_reason(struct hf_slice reasons, uint16_t reason,
                                    uint8_t storage[HF_PUSH_REASONS_MAX * REASON_BYTES])
{
    size_t bytes =
        HF_MIN(reasons.bytes, (size_t)HF_PUSH_REASONS_MAX * REASON_BYTES) / REASON_BYTES * REASON_BYTES;
    size_t at = 0;

    if (bytes > 0)
        memcpy(storage, reasons.at, bytes);
    while (at < bytes && hf_get_u16(storage + at) != reason)
        at += REASON_BYTES;
    if (at == bytes && bytes == HF_PUSH_REASONS_MAX * REASON_BYTES)
        at -= REASON_BYTES;
    if (at == bytes) {
        hf_put_u16(storage + at, reason);
        hf_put_u32(storage + at + 2, 0);
        bytes += REASON_BYTES;
    }
    hf_put_u32(storage + at + 2, hf_get_u32(storage + at + 2) + 1);
    return (struct hf_slice){(const char *)storage, bytes};
}

/* ---- records ---- */

static hf_err begin(struct hf_kv_txn *txn, const struct hf_event *event)
{
    const struct hf_push_row row = {
        .created_ms = event->time_ms,
        .updated_ms = event->time_ms,
        .offset = event->offset,
        .console = (event->flags & HF_EVENT_FLAG_CONSOLE) != 0,
        .group = event->topic,
        .who = event->key,
        .by = event->by,
    };
    struct hf_push_row known;
    struct hf_push_key key, value;
    uint8_t storage[ROW_BYTES_MAX];
    char running[9];
    hf_err err = get_push(txn, event->tenant, event->id, storage, &known);

    if (err != HF_ERR_NOT_FOUND)
        return err; /* a replay: what became of it must not be undone */
    err = put_push(txn, event->tenant, event->id, &row);
    if (err == HF_OK)
        err = hf_push_key(&key, event->tenant, 'c', event->id);
    if (err == HF_OK)
        err = hf_kv_put(txn, HF_KV_PUSHES, hf_push_key_slice(&key), event->payload);
    if (err == HF_OK)
        err = hf_push_key(&value, event->tenant, 'p', event->id);
    running_key(running, event->offset);
    return err == HF_OK ? hf_kv_put(txn, HF_KV_PUSHES, (struct hf_slice){running, sizeof(running)},
                                    hf_push_key_slice(&value))
                        : err;
}

static hf_err done(struct hf_kv_txn *txn, const struct hf_event *event)
{
    uint8_t storage[ROW_BYTES_MAX];
    struct hf_push_row row;
    char running[9];
    hf_err err = get_push(txn, event->tenant, event->id, storage, &row);

    if (err != HF_OK || row.done)
        return err;
    row.done = 1;
    row.updated_ms = event->time_ms;
    err = put_push(txn, event->tenant, event->id, &row);
    running_key(running, row.offset);
    if (err == HF_OK)
        err = hf_kv_del(txn, HF_KV_PUSHES, (struct hf_slice){running, sizeof(running)});
    return err;
}

/* The first record about a member counts it. */
static hf_err member(struct hf_kv_txn *txn, const struct hf_event *event, enum hf_push_state state)
{
    uint8_t storage[ROW_BYTES_MAX], reasons[HF_PUSH_REASONS_MAX * REASON_BYTES], wait[WAIT_BYTES] = {0};
    const char stored = (char)state;
    struct hf_push_row row;
    struct hf_push_key key;
    hf_err err = get_push(txn, event->tenant, event->id, storage, &row);

    if (err != HF_OK || hf_push_rows_has_member(txn, event->tenant, event->id, event->device))
        return err;
    row.members++;
    row.updated_ms = event->time_ms;
    if (state == HF_PUSH_STORED) {
        row.stored++;
    } else if (state == HF_PUSH_UNCHANGED) {
        row.unchanged++;
    } else {
        row.refused++;
        row.reasons = count_reason(row.reasons, event->reason, reasons);
    }
    err = put_push(txn, event->tenant, event->id, &row);
    if (err == HF_OK)
        err = member_key(&key, event->tenant, event->id, event->device);
    if (err == HF_OK)
        err = hf_kv_put(txn, HF_KV_PUSHES, hf_push_key_slice(&key), (struct hf_slice){&stored, 1});
    if (err != HF_OK || state != HF_PUSH_STORED)
        return err;
    hf_put_u64(wait, event->seq);
    err = wait_key(&key, event->tenant, event->device, event->id);
    return err == HF_OK ? hf_kv_put(txn, HF_KV_PUSHES, hf_push_key_slice(&key),
                                    (struct hf_slice){(const char *)wait, sizeof(wait)})
                        : err;
}

/* ---- the sweep ---- */

/* Of a row of a push: whose it is, and its id. */
static bool parse_key(struct hf_slice key, struct hf_slice *ret_tenant, const char **ret_id)
{
    const char *end = key.bytes > 0 ? memchr(key.at, 0, key.bytes) : NULL;

    if (end == NULL || end + 2 + ID_BYTES > key.at + key.bytes)
        return false;
    *ret_tenant = (struct hf_slice){key.at, (size_t)(end - key.at)};
    *ret_id = end[1] == 'w' ? key.at + key.bytes - ID_BYTES : end + 2;
    return true;
}

bool hf_push_row_is_over(struct hf_kv_txn *txn, struct hf_slice key, struct hf_slice value, uint64_t utc_ms)
{
    uint8_t storage[ROW_BYTES_MAX];
    struct hf_push_row row;
    struct hf_slice tenant;
    const char *id;

    if (key.bytes > 0 && key.at[0] == '\0') /* it runs; or nobody can carry it out, and all others wait */
        return hf_kv_get(txn, HF_KV_PUSHES, value, &value) == HF_ERR_NOT_FOUND;
    if (!parse_key(key, &tenant, &id) || (hf_kvkey_u64_read(id) >> 16) + HF_PUSH_KEPT_MS >= utc_ms)
        return false;
    hf_err err = get_push(txn, tenant, (const uint8_t *)id, storage, &row);
    return err == HF_ERR_NOT_FOUND || (err == HF_OK && row.done);
}

/* ---- what the device does with it ---- */

struct wait {
    uint8_t id[ID_BYTES];
    uint64_t version;
    bool seen;
};

/* At most HF_PUSH_DEVICE_WAITS_MAX, the oldest pushes first. */
static hf_err read_waits(struct hf_kv_txn *txn, struct hf_slice tenant, struct hf_slice device,
                         struct wait *waits, unsigned *ret_count)
{
    struct hf_slice key, value, none = {NULL, 0};
    struct hf_kv_cursor cursor;
    struct hf_push_key prefix;
    hf_err err = wait_key(&prefix, tenant, device, NULL);

    *ret_count = 0;
    if (err == HF_OK)
        err = hf_kv_scan(txn, HF_KV_PUSHES, hf_push_key_slice(&prefix), none, false, &cursor);
    if (err != HF_OK)
        return err;
    while (*ret_count < HF_PUSH_DEVICE_WAITS_MAX && (err = hf_kv_next(&cursor, &key, &value)) == HF_OK) {
        struct wait *wait = &waits[*ret_count];

        if (key.bytes != (size_t)prefix.bytes + ID_BYTES || value.bytes != WAIT_BYTES)
            continue;
        memcpy(wait->id, key.at + prefix.bytes, ID_BYTES);
        wait->version = hf_get_u64((const uint8_t *)value.at);
        wait->seen = value.at[8] != 0;
        ++*ret_count;
    }
    hf_kv_scan_end(&cursor);
    return err == HF_ERR_NOT_FOUND ? HF_OK : err;
}

hf_err hf_push_rows_unseen(struct hf_kv_txn *txn, struct hf_slice tenant, struct hf_slice device,
                           uint64_t *ret_lowest, uint64_t *ret_highest)
{
    struct wait waits[HF_PUSH_DEVICE_WAITS_MAX];
    unsigned count;
    hf_err err = read_waits(txn, tenant, device, waits, &count);

    *ret_lowest = *ret_highest = 0;
    for (unsigned i = 0; i < count; i++) {
        if (waits[i].seen)
            continue;
        *ret_lowest = *ret_lowest == 0 ? waits[i].version : HF_MIN(*ret_lowest, waits[i].version);
        *ret_highest = HF_MAX(*ret_highest, waits[i].version);
    }
    return err;
}

/* The wait goes on, or is over (value absent). */
static hf_err put_wait(struct hf_kv_txn *txn, const struct hf_event *event, const struct wait *wait,
                       struct hf_slice value)
{
    struct hf_push_key key;
    hf_err err = wait_key(&key, event->tenant, event->device, wait->id);

    if (err == HF_OK)
        err = value.bytes > 0 ? hf_kv_put(txn, HF_KV_PUSHES, hf_push_key_slice(&key), value)
                              : hf_kv_del(txn, HF_KV_PUSHES, hf_push_key_slice(&key));
    return err == HF_ERR_NOT_FOUND ? HF_OK : err;
}

/* The device has this one: it knows it (wanted), applied it, or need not any more. */
static hf_err advance(struct hf_kv_txn *txn, const struct hf_event *event, const struct wait *wait,
                      enum hf_shadow_applied applied)
{
    uint8_t storage[ROW_BYTES_MAX], value[WAIT_BYTES];
    struct hf_push_row row;
    hf_err err = get_push(txn, event->tenant, wait->id, storage, &row);

    if (err == HF_OK) {
        row.updated_ms = event->time_ms;
        row.delivered += !wait->seen && applied != HF_SHADOW_SUPERSEDED;
        row.applied += applied == HF_SHADOW_APPLIED;
        row.superseded += applied == HF_SHADOW_SUPERSEDED;
        err = put_push(txn, event->tenant, wait->id, &row);
    }
    if (err != HF_OK && err != HF_ERR_NOT_FOUND)
        return err;
    hf_put_u64(value, wait->version);
    value[8] = 1;
    return put_wait(txn, event, wait,
                    applied == HF_SHADOW_WANTED ? (struct hf_slice){(const char *)value, sizeof(value)}
                                                : (struct hf_slice){NULL, 0});
}

static hf_err seen(struct hf_kv_txn *txn, const struct hf_event *event)
{
    struct wait waits[HF_PUSH_DEVICE_WAITS_MAX];
    unsigned count;
    hf_err err = read_waits(txn, event->tenant, event->device, waits, &count);

    for (unsigned i = 0; err == HF_OK && i < count; i++)
        if (!waits[i].seen && waits[i].version <= event->seq)
            err = advance(txn, event, &waits[i], HF_SHADOW_WANTED);
    return err;
}

static hf_err changed(struct hf_kv_txn *txn, const struct hf_event *event)
{
    struct wait waits[HF_PUSH_DEVICE_WAITS_MAX];
    struct hf_shadow shadow;
    unsigned count;
    hf_err err = read_waits(txn, event->tenant, event->device, waits, &count);

    if (err != HF_OK || count == 0)
        return err;
    err = hf_shadow_decode(event->payload, &shadow);
    if (err != HF_OK)
        return err == HF_ERR_CORRUPT ? HF_OK
                                     : err; /* the log must not keep the tables from following for good */
    for (unsigned i = 0; err == HF_OK && i < count; i++) {
        enum hf_shadow_applied applied;

        if (waits[i].version > event->seq)
            continue;
        err = hf_shadow_applied(&shadow, waits[i].version, &applied);
        if (err == HF_OK && applied != HF_SHADOW_WANTED)
            err = advance(txn, event, &waits[i], applied);
    }
    hf_shadow_deinit(&shadow);
    return err;
}

hf_err hf_push_rows_apply(struct hf_kv_txn *txn, const struct hf_event *event)
{
    bool of_push = memcmp(event->id, no_id, sizeof(no_id)) != 0;
    hf_err err = HF_OK;

    switch (event->type) {
    case HF_EVENT_PUSH: err = begin(txn, event); break;
    case HF_EVENT_PUSH_MEMBER:
        err = member(txn, event, event->reason == HF_REASON_NONE ? HF_PUSH_UNCHANGED : HF_PUSH_REFUSED);
        break;
    case HF_EVENT_PUSH_DONE: err = done(txn, event); break;
    case HF_EVENT_SHADOW_SEEN: err = seen(txn, event); break;
    case HF_EVENT_SHADOW:
        if (event->topic.bytes > 0)
            break;
        if (of_push)
            err = member(txn, event, HF_PUSH_STORED);
        if (err == HF_OK || err == HF_ERR_NOT_FOUND)
            err = changed(txn, event);
        break;
    default: break;
    }
    return err == HF_ERR_NOT_FOUND ? HF_OK : err; /* of a push that was swept */
}

/* ---- reading ---- */

hf_err hf_push_rows_change(struct hf_kv_txn *txn, struct hf_slice tenant, const uint8_t id[16],
                           struct hf_slice *ret_change)
{
    struct hf_push_key key;
    hf_err err = hf_push_key(&key, tenant, 'c', id);

    return err == HF_OK ? hf_kv_get(txn, HF_KV_PUSHES, hf_push_key_slice(&key), ret_change) : err;
}

bool hf_push_rows_has_member(struct hf_kv_txn *txn, struct hf_slice tenant, const uint8_t id[16],
                             struct hf_slice device)
{
    struct hf_push_key key;
    struct hf_slice value;

    return member_key(&key, tenant, id, device) == HF_OK &&
           hf_kv_get(txn, HF_KV_PUSHES, hf_push_key_slice(&key), &value) == HF_OK;
}

static hf_err scan_running(struct hf_kv_txn *txn, struct hf_kv_cursor *ret_cursor)
{
    return hf_kv_scan(txn, HF_KV_PUSHES, HF_SLICE("\0"), (struct hf_slice){NULL, 0}, false, ret_cursor);
}

hf_err hf_push_rows_first(struct hf_kv_txn *txn, struct hf_slice *ret_tenant, uint8_t ret_id[16])
{
    struct hf_kv_cursor cursor;
    struct hf_slice key, value;
    hf_err err = scan_running(txn, &cursor);

    if (err != HF_OK)
        return err;
    err = hf_kv_next(&cursor, &key, &value);
    hf_kv_scan_end(&cursor);
    if (err != HF_OK)
        return err;
    const char *end = memchr(value.at, 0, value.bytes);
    if (end == NULL || end + 2 + ID_BYTES != value.at + value.bytes)
        return HF_ERR_CORRUPT;
    *ret_tenant = (struct hf_slice){value.at, (size_t)(end - value.at)};
    memcpy(ret_id, end + 2, ID_BYTES);
    return HF_OK;
}

hf_err hf_push_rows_waiting(struct hf_kv_txn *txn, uint64_t *ret_count)
{
    struct hf_kv_cursor cursor;
    struct hf_slice key, value;
    hf_err err = scan_running(txn, &cursor);

    *ret_count = 0;
    if (err != HF_OK)
        return err;
    while (*ret_count < HF_PUSHES_WAITING_MAX && (err = hf_kv_next(&cursor, &key, &value)) == HF_OK)
        ++*ret_count;
    hf_kv_scan_end(&cursor);
    return err == HF_ERR_NOT_FOUND ? HF_OK : err;
}
