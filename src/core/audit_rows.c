#include "core/audit_rows.h"

#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "core/renewal.h"
#include "core/rows.h"

enum {
    SUM_BYTES = 8,
    OFFSET_BYTES = 8,
    ROW_BYTES_MAX = SUM_BYTES + 16 + HF_EVENT_HEAD_BYTES_MAX + HF_AUDIT_PAYLOAD_BYTES_MAX
};
_Static_assert((int)HF_AUDIT_KINDS <= (int)HF_KV_TXN_CURSORS_MAX, "a walk has a cursor in each kind");

static bool is_act(const struct hf_event *event)
{
    return event->type == HF_EVENT_KEY_CREATED || event->type == HF_EVENT_KEY_REVOKED ||
           event->type == HF_EVENT_REVOKED || event->type == HF_EVENT_AUDIT;
}

bool hf_audit_rows_want(const struct hf_event *event)
{
    return is_act(event) || event->by.at != NULL;
}

static enum hf_audit_kind kind_of(const struct hf_event *event)
{
    /* Of certificates there are as many as devices: among acts they would push out who made a key, among faults devices that fail would push out them. */
    if (!is_act(event) || (event->type == HF_EVENT_AUDIT && hf_slice_is(event->topic, HF_RENEWAL_ACTION)))
        return HF_AUDIT_CHANGES;
    return event->type == HF_EVENT_AUDIT && event->by.at == NULL ? HF_AUDIT_FAULTS : HF_AUDIT_ACTS;
}

static hf_err make_prefix(struct hf_kvkey *ret_key, struct hf_slice tenant, enum hf_audit_kind kind)
{
    ret_key->bytes = 0;
    if (tenant.bytes > 0) {
        hf_err err = hf_kvkey_tenant(ret_key, tenant);

        if (err != HF_OK)
            return err;
    } else {
        ret_key->at[ret_key->bytes++] = '\0';
    }
    ret_key->at[ret_key->bytes++] = (char)kind;
    return HF_OK;
}

static struct hf_kvkey with_offset(const struct hf_kvkey *prefix, uint64_t offset)
{
    struct hf_kvkey key = *prefix;

    hf_kvkey_add_u64(&key, offset);
    return key;
}

static hf_err decode(struct hf_slice value, uint64_t *ret_sum, struct hf_event *ret_event)
{
    if (value.bytes < SUM_BYTES)
        return HF_ERR_CORRUPT;
    *ret_sum = hf_get_u64((const uint8_t *)value.at);
    return hf_event_row_decode((struct hf_slice){value.at + SUM_BYTES, value.bytes - SUM_BYTES}, ret_event);
}

/* The first row from `from` on (absent: of the prefix), or the last one. */
static hf_err row_at(struct hf_kv_txn *txn, struct hf_slice prefix, struct hf_slice from, bool last,
                     uint64_t *ret_sum, struct hf_event *ret_event)
{
    struct hf_slice key, value;
    struct hf_kv_cursor cursor;
    hf_err err = hf_kv_scan(txn, HF_KV_AUDIT, prefix, from, last, &cursor);

    if (err != HF_OK)
        return err;
    err = hf_kv_next(&cursor, &key, &value);
    if (err == HF_OK)
        err = decode(value, ret_sum, ret_event);
    hf_kv_scan_end(&cursor);
    return err;
}

/* ---- writing ---- */

static hf_err trim(struct hf_kv_txn *txn, const struct hf_kvkey *prefix, uint64_t newest,
                   uint64_t history_bytes)
{
    struct hf_slice none = {NULL, 0};
    struct hf_event event;
    uint64_t sum;
    hf_err err = HF_OK;

    for (unsigned n = 0; newest > history_bytes && n < HF_AUDIT_TRIM_ROWS; n++) {
        err = row_at(txn, hf_kvkey_slice(prefix), none, false, &sum, &event);
        if (err != HF_OK || newest - sum < history_bytes)
            break;
        struct hf_kvkey key = with_offset(prefix, event.offset);
        err = hf_kv_del(txn, HF_KV_AUDIT, hf_kvkey_slice(&key));
        if (err != HF_OK)
            break;
        txn->trimmed[HF_KV_AUDIT]++;
    }
    return err;
}

/* An act says in a few words what was done. What else was sent may be large, or nobody's business for a year; of a shadow or document only that there was something:
 * without, it would read as removed. */
static struct hf_event lean(const struct hf_event *event)
{
    struct hf_event row = *event;

    if (is_act(event) && event->payload.bytes <= HF_AUDIT_PAYLOAD_BYTES_MAX)
        return row;
    row.payload = (struct hf_slice){NULL, 0};
    if ((event->type == HF_EVENT_SHADOW || event->type == HF_EVENT_DOCUMENT) && event->payload.bytes > 0)
        row.payload = HF_SLICE("{}");
    return row;
}

hf_err hf_audit_rows_apply(struct hf_kv_txn *txn, const struct hf_event *event, uint64_t history_bytes)
{
    struct hf_event row = lean(event), newest = {.offset = 0};
    struct hf_slice none = {NULL, 0};
    struct hf_kvkey prefix;
    uint8_t out[ROW_BYTES_MAX];
    uint64_t sum = 0;
    hf_err err = make_prefix(&prefix, event->tenant, kind_of(event));

    if (err == HF_OK)
        err = row_at(txn, hf_kvkey_slice(&prefix), none, true, &sum, &newest);
    if (err != HF_OK && err != HF_ERR_NOT_FOUND)
        return err;
    if (err == HF_OK && newest.offset >= event->offset)
        return HF_OK; /* a replay: it is there, or was and is over */
    size_t bytes = SUM_BYTES + hf_event_row_encode(&row, out + SUM_BYTES, sizeof(out) - SUM_BYTES);
    HF_ASSERT(bytes > SUM_BYTES);
    struct hf_kvkey key = with_offset(&prefix, event->offset);
    sum += key.bytes + bytes;
    hf_put_u64(out, sum);
    err = hf_kv_put(txn, HF_KV_AUDIT, hf_kvkey_slice(&key), (struct hf_slice){(const char *)out, bytes});
    return err == HF_OK ? trim(txn, &prefix, sum, history_bytes) : err;
}

/* ---- reading ---- */

/* The last offset whose row is not later than to_ms; 0: there is none. By halves, as rows lie in the order of time but for a clock that was set back. */
static hf_err seek_time(struct hf_kv_txn *txn, const struct hf_kvkey *prefix, uint64_t below, uint64_t to_ms,
                        uint64_t *ret_offset)
{
    uint64_t sum, low = 0, high = below; /* low: not later; high: later, or not there */
    struct hf_event event;

    while (high - low > 1) {
        struct hf_kvkey key = with_offset(prefix, low + (high - low) / 2);
        hf_err err = row_at(txn, hf_kvkey_slice(prefix), hf_kvkey_slice(&key), false, &sum, &event);

        if (err != HF_OK && err != HF_ERR_NOT_FOUND)
            return err;
        if (err == HF_OK && event.time_ms <= to_ms && event.offset < high)
            low = event.offset;
        else
            high = low + (high - low) / 2;
    }
    *ret_offset = low;
    return HF_OK;
}

static hf_err step(struct hf_audit_walk *walk, unsigned kind)
{
    struct hf_slice key, value;
    uint64_t sum;
    hf_err err = hf_kv_next(&walk->kinds[kind].cursor, &key, &value);

    if (err == HF_OK)
        err = decode(value, &sum, &walk->kinds[kind].event);
    walk->kinds[kind].ahead = err == HF_OK;
    return err == HF_ERR_NOT_FOUND ? HF_OK : err;
}

static hf_err open_kind(struct hf_audit_walk *walk, unsigned kind, struct hf_kv_txn *txn,
                        struct hf_slice tenant, uint64_t offset, uint64_t to_ms)
{
    struct hf_kvkey *prefix = &walk->kinds[kind].prefix;
    uint64_t sum, first = offset != 0 ? offset : UINT64_MAX - 1;
    struct hf_slice none = {NULL, 0};
    struct hf_event newest;
    hf_err err = make_prefix(prefix, tenant, (enum hf_audit_kind)kind);

    if (err == HF_OK)
        err = row_at(txn, hf_kvkey_slice(prefix), none, true, &sum, &newest);
    if (err == HF_OK && to_ms != 0 && newest.time_ms > to_ms)
        err = seek_time(txn, prefix, HF_MIN(first, newest.offset - 1) + 1, to_ms, &first);
    if (err != HF_OK || first == 0)
        return err == HF_ERR_NOT_FOUND ? HF_OK : err;
    struct hf_kvkey from = with_offset(prefix, first);
    err = hf_kv_scan(txn, HF_KV_AUDIT, hf_kvkey_slice(prefix), hf_kvkey_slice(&from), true,
                     &walk->kinds[kind].cursor);
    walk->kinds[kind].open = err == HF_OK;
    return err == HF_OK ? step(walk, kind) : err;
}

hf_err hf_audit_walk_begin(struct hf_audit_walk *walk, struct hf_kv_txn *txn, struct hf_slice tenant,
                           uint64_t offset, uint64_t to_ms)
{
    hf_err err = HF_OK;

    *walk = (struct hf_audit_walk){0};
    for (unsigned kind = 0; err == HF_OK && kind < HF_AUDIT_KINDS; kind++)
        err = open_kind(walk, kind, txn, tenant, offset, to_ms);
    if (err != HF_OK)
        hf_audit_walk_end(walk);
    return err;
}

hf_err hf_audit_walk_next(struct hf_audit_walk *walk, struct hf_event *ret_event)
{
    unsigned next = HF_AUDIT_KINDS;

    for (unsigned kind = 0; kind < HF_AUDIT_KINDS; kind++)
        if (walk->kinds[kind].ahead &&
            (next == HF_AUDIT_KINDS || walk->kinds[kind].event.offset > walk->kinds[next].event.offset))
            next = kind;
    if (next == HF_AUDIT_KINDS)
        return HF_ERR_NOT_FOUND;
    *ret_event = walk->kinds[next].event;
    return step(walk, next);
}

void hf_audit_walk_end(struct hf_audit_walk *walk)
{
    for (unsigned kind = 0; kind < HF_AUDIT_KINDS; kind++)
        if (walk->kinds[kind].open)
            hf_kv_scan_end(&walk->kinds[kind].cursor);
    *walk = (struct hf_audit_walk){0};
}

/* ---- the sweep ---- */

/* Deletes from the old end of a kind, *budget rows at most. *ret_left: one that stays was met; one that cannot be read stays, and must not keep the sweep from the rest. */
static hf_err sweep_kind(struct hf_kv_txn *txn, const struct hf_kvkey *prefix, uint64_t utc_ms,
                         const struct hf_sweep_ages *ages, unsigned *budget, bool *ret_left)
{
    struct hf_slice none = {NULL, 0};
    struct hf_event event, newest;
    uint64_t sum, all;
    hf_err err = row_at(txn, hf_kvkey_slice(prefix), none, true, &all, &newest);

    *ret_left = false;
    while (err == HF_OK && *budget > 0) {
        err = row_at(txn, hf_kvkey_slice(prefix), none, false, &sum, &event);
        if (err != HF_OK)
            break;
        (*budget)--;
        *ret_left = event.time_ms + ages->audit_history_ms >= utc_ms && all - sum < ages->audit_history_bytes;
        if (*ret_left)
            break;
        struct hf_kvkey key = with_offset(prefix, event.offset);
        err = hf_kv_del(txn, HF_KV_AUDIT, hf_kvkey_slice(&key));
    }
    if (err == HF_ERR_CORRUPT && *budget > 0) {
        (*budget)--;
        *ret_left = true;
        err = HF_OK;
    }
    return err == HF_ERR_NOT_FOUND ? HF_OK : err;
}

/* The tenant and kind of the first row from sweep->from on. */
static hf_err next_kind(struct hf_kv_txn *txn, const struct hf_sweep *sweep, struct hf_kvkey *ret_prefix)
{
    struct hf_slice key, value, none = {NULL, 0};
    struct hf_kv_cursor cursor;
    hf_err err =
        hf_kv_scan(txn, HF_KV_AUDIT, none, (struct hf_slice){sweep->from, sweep->from_bytes}, false, &cursor);

    if (err != HF_OK)
        return err;
    err = hf_kv_next(&cursor, &key, &value);
    if (err == HF_OK) {
        HF_ASSERT(key.bytes > OFFSET_BYTES && key.bytes <= sizeof(ret_prefix->at));
        ret_prefix->bytes = (uint16_t)(key.bytes - OFFSET_BYTES);
        memcpy(ret_prefix->at, key.at, ret_prefix->bytes);
    }
    hf_kv_scan_end(&cursor);
    return err;
}

hf_err hf_audit_rows_sweep(struct hf_kv_txn *txn, struct hf_sweep *sweep, uint64_t utc_ms,
                           const struct hf_sweep_ages *ages, uint64_t *ret_deleted)
{
    unsigned budget = HF_SWEEP_ROWS;
    hf_err err = HF_OK;

    *ret_deleted = 0;
    while (budget > 0) {
        struct hf_kvkey prefix;
        unsigned before = budget;
        bool left;

        err = next_kind(txn, sweep, &prefix);
        if (err == HF_OK)
            err = sweep_kind(txn, &prefix, utc_ms, ages, &budget, &left);
        if (err != HF_OK)
            break;
        *ret_deleted += before - budget - left;
        struct hf_kvkey behind = with_offset(&prefix, UINT64_MAX);
        memcpy(sweep->from, behind.at, behind.bytes);
        sweep->from_bytes = behind.bytes;
        if (!left && budget == 0) /* there may be more of this kind */
            sweep->from_bytes = prefix.bytes;
    }
    if (err == HF_ERR_NOT_FOUND) { /* the table's end: the next one */
        sweep->from_bytes = 0;
        sweep->table++;
        err = HF_OK;
    }
    return err;
}
