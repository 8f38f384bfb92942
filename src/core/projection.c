#include "core/projection.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/sb.h"
#include "core/audit_rows.h"
#include "core/call.h"
#include "core/channels.h"
#include "core/device_rows.h"
#include "core/document_rows.h"
#include "core/fleet/fleet.h"
#include "core/fleet/push_rows.h"
#include "core/kvkey.h"
#include "core/presence.h"
#include "core/presence_rows.h"
#include "core/rows.h"
#include "core/session_record.h"
#include "core/shadow_rows.h"

enum { EVENT_ROW_HEAD_BYTES_MAX = 16 + HF_EVENT_HEAD_BYTES_MAX };

static hf_err put(struct hf_kv_txn *txn, enum hf_kv_table table, struct hf_slice key, const uint8_t *row,
                  size_t bytes)
{
    HF_ASSERT(bytes > 0);
    return hf_kv_put(txn, table, key, (struct hf_slice){(const char *)row, bytes});
}

static struct hf_slice id_key(const struct hf_event *event)
{
    return (struct hf_slice){(const char *)event->id, sizeof(event->id)};
}

/* ---- DEVICES ---- */

/* What the device's session is from this connection on. A queue that is not the one known begins where the device says. */
static void take_session(struct hf_device_row *row, const struct hf_event *event)
{
    struct hf_session_record record;

    if (hf_session_record_decode(event->payload, &record) != HF_OK)
        return; /* raw mode */
    row->session = id_key(event);
    row->base = record.base;
    row->top = record.top;
    if (record.result != HF_SESSION_RESUMED)
        row->delivered = record.base;
    if (row->queue != record.queue_id) {
        row->queue = record.queue_id;
        row->uplink = record.uplink;
        row->uplink_id = (struct hf_slice){NULL, 0};
        row->refused = (struct hf_slice){NULL, 0};
    }
}

static hf_err apply_presence(struct hf_kv_txn *txn, const struct hf_event *event)
{
    struct hf_device_row row;
    struct hf_kvkey key;
    char protocol[64]; /* what does not fit is cut: it is for people, and a row has a bound */
    struct hf_sb sb;

    hf_err err = hf_kvkey_device(&key, event->tenant, event->device);
    if (err == HF_OK)
        err = hf_device_rows_get(txn, &key, &row);
    if (err != HF_OK || event->offset <= row.offset)
        return err; /* a replay: the row knows it already */
    if (event->epoch < row.epoch)
        return HF_OK; /* fenced: an older connection cannot speak for the device any more (TWIN-7) */
    hf_sb_init(&sb, protocol, sizeof(protocol));
    hf_sb_slice(&sb, event->topic.at ? event->topic : row.protocol);
    row.protocol = hf_sb_done(&sb);
    bool connected = event->type == HF_EVENT_ONLINE && event->epoch > row.epoch;
    if (connected)
        take_session(&row, event);
    if (connected || event->type == HF_EVENT_OFFLINE)
        row.binding = (struct hf_slice){NULL, 0};
    if (event->type != HF_EVENT_ONLINE && row.presence == HF_ONLINE)
        row.seen_ms = event->time_ms;
    row.epoch = event->epoch;
    row.presence = event->type == HF_EVENT_ONLINE    ? HF_ONLINE
                   : event->type == HF_EVENT_OFFLINE ? HF_OFFLINE
                                                     : HF_UNKNOWN;
    row.boot = event->to;
    row.since_ms = event->time_ms;
    row.reason = event->reason;
    row.code = event->code;
    row.conn = event->conn;
    row.offset = event->offset;
    if (row.first_ms == 0)
        row.first_ms = event->time_ms;
    if (connected) {
        row.online_ms = event->time_ms;
        row.connects++;
    }
    return hf_device_rows_put(txn, &key, &row);
}

static hf_err apply_bound(struct hf_kv_txn *txn, const struct hf_event *event)
{
    struct hf_device_row row;
    struct hf_kvkey key;

    hf_err err = hf_kvkey_device(&key, event->tenant, event->device);
    if (err == HF_OK)
        err = hf_device_rows_get(txn, &key, &row);
    if (err != HF_OK || event->epoch != row.epoch || row.presence == HF_OFFLINE ||
        event->payload.bytes > HF_BINDING_BYTES_MAX)
        return err; /* of a registration that has ended */
    row.binding = event->payload;
    return hf_device_rows_put(txn, &key, &row);
}

static hf_err apply_sequence(struct hf_kv_txn *txn, const struct hf_event *event)
{
    struct hf_device_row row;
    struct hf_kvkey key;

    hf_err err = hf_kvkey_device(&key, event->tenant, event->device);
    if (err == HF_OK)
        err = hf_device_rows_get(txn, &key, &row);
    if (err != HF_OK || event->seq <= row.seq)
        return err;
    row.seq = event->seq;
    return hf_device_rows_put(txn, &key, &row);
}

static hf_err apply_delivered(struct hf_kv_txn *txn, const struct hf_event *event)
{
    struct hf_device_row row;
    struct hf_kvkey key;

    hf_err err = hf_kvkey_device(&key, event->tenant, event->device);
    if (err == HF_OK)
        err = hf_device_rows_get(txn, &key, &row);
    if (err != HF_OK || event->seq <= row.delivered)
        return err;
    row.delivered = event->seq;
    return hf_device_rows_put(txn, &key, &row);
}

/* ---- EXPLAIN ---- */

static uint64_t explain_time(struct hf_slice value)
{
    return value.bytes >= 16 ? hf_get_u64((const uint8_t *)value.at + 8) : 0;
}

/* Keeps the newest HF_EXPLAIN_ROWS_MAX of a device, none older than a day. */
static hf_err trim_explain(struct hf_kv_txn *txn, const struct hf_kvkey *prefix, uint64_t now_ms)
{
    struct hf_kv_cursor cursor;
    struct hf_slice key, value, none = {NULL, 0};
    unsigned rows = 0;
    hf_err err = hf_kv_scan(txn, HF_KV_EXPLAIN, hf_kvkey_slice(prefix), none, true, &cursor);

    if (err != HF_OK)
        return err;
    while ((err = hf_kv_next(&cursor, &key, &value)) == HF_OK) {
        if (++rows <= HF_EXPLAIN_ROWS_MAX && explain_time(value) + HF_EXPLAIN_MS > now_ms)
            continue;
        struct hf_sb sb;
        char storage[HF_KVKEY_BYTES_MAX + 1];

        hf_sb_init(&sb, storage, sizeof(storage)); /* the key is the cursor's */
        hf_sb_slice(&sb, key);
        err = hf_kv_del(txn, HF_KV_EXPLAIN, hf_sb_done(&sb));
        if (err != HF_OK)
            break;
        txn->trimmed[HF_KV_EXPLAIN]++;
    }
    hf_kv_scan_end(&cursor);
    return err == HF_ERR_NOT_FOUND ? HF_OK : err;
}

static hf_err apply_explain(struct hf_kv_txn *txn, const struct hf_event *event)
{
    struct hf_event lean = *event;
    struct hf_kvkey key, prefix;
    uint8_t out[EVENT_ROW_HEAD_BYTES_MAX];

    lean.payload = (struct hf_slice){NULL, 0};
    hf_err err = hf_kvkey_device(&prefix, event->tenant, event->device);
    if (err == HF_OK)
        err = hf_kvkey_device_u64(&key, event->tenant, event->device, event->offset);
    if (err == HF_OK)
        err =
            put(txn, HF_KV_EXPLAIN, hf_kvkey_slice(&key), out, hf_event_row_encode(&lean, out, sizeof(out)));
    /* One row in sixteen is enough to keep the bound, and spares a connect storm most of the scans. Which one is scattered:
     * devices that come and go in step would otherwise have the same remainder each time, most of them never the right one. */
    bool due = event->offset * UINT64_C(0x9e3779b97f4a7c15) >> 60 == 0;
    return err == HF_OK && due ? trim_explain(txn, &prefix, event->time_ms) : err;
}

/* ---- MESSAGES, OUTBOX, IDEMPOTENCY ---- */

/* Rows can be large (a result, a message): their room comes from the heap for the moment of the put. */
static hf_err put_message(struct hf_kv_txn *txn, const struct hf_event *event,
                          const struct hf_message_row *row)
{
    size_t room = 512 + row->tenant.bytes + row->device.bytes + row->topic.bytes + row->result.bytes;
    uint8_t *out = malloc(room);

    if (out == NULL)
        return HF_ERR_NOMEM;
    hf_err err = put(txn, HF_KV_MESSAGES, id_key(event), out, hf_message_row_encode(row, out, room));
    free(out);
    return err;
}

static hf_err put_idempotency(struct hf_kv_txn *txn, const struct hf_event *event)
{
    struct hf_idempotency_row row = {
        .created_ms = event->time_ms,
        .id = id_key(event),
        .hash = {(const char *)&event->from, sizeof(event->from)},
    };
    struct hf_kvkey device;
    char storage[HF_KVKEY_BYTES_MAX + HF_KEY_BYTES_MAX + 1];
    uint8_t out[128];
    struct hf_sb key;

    hf_err err = hf_kvkey_device(&device, event->tenant, event->device);
    if (err != HF_OK)
        return err;
    hf_sb_init(&key, storage, sizeof(storage));
    hf_sb_slice(&key, hf_kvkey_slice(&device));
    hf_sb_slice(&key, event->key);
    return put(txn, HF_KV_IDEMPOTENCY, hf_sb_done(&key), out,
               hf_idempotency_row_encode(&row, out, sizeof(out)));
}

static hf_err put_outbox(struct hf_kv_txn *txn, const struct hf_event *event)
{
    size_t room = 16 + hf_event_bytes(event);
    struct hf_kvkey key;

    hf_err err = hf_kvkey_device_u64(&key, event->tenant, event->device, event->seq);
    uint8_t *out = err == HF_OK ? malloc(room) : NULL;
    if (out == NULL)
        return err == HF_OK ? HF_ERR_NOMEM : err;
    err = put(txn, HF_KV_OUTBOX, hf_kvkey_slice(&key), out, hf_event_row_encode(event, out, room));
    free(out);
    return err;
}

static hf_err apply_queued(struct hf_kv_txn *txn, const struct hf_event *event)
{
    struct hf_message_row row = {
        .command = event->type == HF_EVENT_COMMAND,
        .fate = HF_FATE_QUEUED,
        .created_ms = event->time_ms,
        .updated_ms = event->time_ms,
        .expires_ms = event->to,
        .offset = event->offset,
        .seq = event->seq,
        .tenant = event->tenant,
        .device = event->device,
        .topic = event->topic,
    };
    struct hf_message_row known;
    struct hf_slice value;

    hf_err err = hf_kv_get(txn, HF_KV_MESSAGES, id_key(event), &value);
    if (err == HF_OK && hf_message_row_decode(value, &known) == HF_OK && known.offset >= event->offset)
        return HF_OK; /* a replay; its end may be in the tables already and must not be undone */
    err = put_message(txn, event, &row);
    if (err == HF_OK)
        err = put_outbox(txn, event);
    if (err == HF_OK && event->key.bytes > 0)
        err = put_idempotency(txn, event);
    return err == HF_OK ? apply_sequence(txn, event) : err;
}

static enum hf_fate fate_of(const struct hf_event *event)
{
    switch (event->type) {
    case HF_EVENT_SENT:
    case HF_EVENT_COMMAND_SENT: return HF_FATE_SENT;
    case HF_EVENT_DELIVERED:
    case HF_EVENT_COMMAND_DELIVERED: return HF_FATE_DELIVERED;
    case HF_EVENT_COMMAND_DONE: return HF_FATE_DONE;
    default: break;
    }
    return event->reason == HF_REASON_EXPIRED || event->reason == HF_REASON_DEADLINE_EXCEEDED
               ? HF_FATE_EXPIRED
           : event->reason == HF_REASON_CANCELED ? HF_FATE_CANCELED
                                                 : HF_FATE_FAILED;
}

static hf_err put_fate(struct hf_kv_txn *txn, const struct hf_event *event, struct hf_slice value)
{
    enum hf_fate fate = fate_of(event);
    struct hf_message_row row;

    if (hf_message_row_decode(value, &row) != HF_OK || row.fate > fate)
        return HF_OK; /* a replay: it went on from there already */
    row.fate = fate;
    row.reason = event->reason;
    row.updated_ms = event->time_ms;
    if (event->payload.bytes > 0 && event->payload.bytes <= HF_RESULT_BYTES_MAX) {
        row.result = event->payload;
        row.format = event->format;
        row.flags = event->flags;
    }
    return put_message(txn, event, &row);
}

static hf_err apply_fate(struct hf_kv_txn *txn, const struct hf_event *event)
{
    struct hf_slice value;
    struct hf_kvkey key;

    /* Copies before it replaces the value that the texts borrow from. */
    hf_err err = hf_kv_get(txn, HF_KV_MESSAGES, id_key(event), &value);
    if (err == HF_OK)
        err = put_fate(txn, event, value);
    if ((err != HF_OK && err != HF_ERR_NOT_FOUND) || event->type == HF_EVENT_COMMAND_SENT ||
        event->type == HF_EVENT_COMMAND_DELIVERED)
        return err == HF_ERR_NOT_FOUND ? HF_OK : err;
    /* Whatever became of its row in MESSAGES (swept while the node was down, damaged): what has ended waits no longer. */
    err = hf_kvkey_device_u64(&key, event->tenant, event->device, event->seq);
    if (err == HF_OK)
        err = hf_kv_del(txn, HF_KV_OUTBOX, hf_kvkey_slice(&key));
    return err == HF_ERR_NOT_FOUND ? HF_OK : err;
}

static hf_err apply_broadcast(struct hf_kv_txn *txn, const struct hf_event *event)
{
    struct hf_message_row row = {
        .fate = event->type == HF_EVENT_BROADCAST ? HF_FATE_QUEUED : HF_FATE_SENT,
        .created_ms = event->time_ms,
        .updated_ms = event->time_ms,
        .offset = event->offset,
        .targets = event->to,
        .written = event->from,
        .tenant = event->tenant,
        .topic = event->topic,
    };
    struct hf_message_row known;
    struct hf_slice value;

    if (hf_kv_get(txn, HF_KV_MESSAGES, id_key(event), &value) == HF_OK &&
        hf_message_row_decode(value, &known) == HF_OK) {
        if (event->type == HF_EVENT_BROADCAST && known.offset >= event->offset)
            return HF_OK; /* a replay: its end may be in the tables already */
        if (event->type == HF_EVENT_BROADCAST_DONE && known.offset < event->offset) {
            row.created_ms = known.created_ms; /* it began with the first record and keeps that one's place */
            row.offset = known.offset;
        }
    }
    return put_message(txn, event, &row);
}

/* ---- KEYS, REVOCATIONS ---- */

static hf_err apply_key(struct hf_kv_txn *txn, const struct hf_event *event)
{
    struct hf_key_row row;
    struct hf_slice value;
    char storage[1024];
    uint8_t out[1024];

    hf_err err = hf_kv_get(txn, HF_KV_KEYS, event->key, &value);
    if (event->type ==
        HF_EVENT_KEY_CREATED) /* ids are drawn once: a row that is there is a replay, revoked or not */
        return err == HF_ERR_NOT_FOUND ? hf_kv_put(txn, HF_KV_KEYS, event->key, event->payload) : err;
    if (err != HF_OK || value.bytes > sizeof(storage))
        return err == HF_ERR_NOT_FOUND ? HF_OK : err == HF_OK ? HF_ERR_CORRUPT : err;
    memcpy(storage, value.at, value.bytes);
    value.at = storage;
    if (hf_key_row_decode(value, &row) != HF_OK || row.revoked_ms != 0)
        return HF_OK;
    row.revoked_ms = event->time_ms;
    return put(txn, HF_KV_KEYS, event->key, out, hf_key_row_encode(&row, out, sizeof(out)));
}

/* Key: tenant 0 what; value: event row. "What" of a device is device:<id>. */
static hf_err apply_revoked(struct hf_kv_txn *txn, const struct hf_event *event)
{
    char storage[HF_TENANT_BYTES_MAX + 1 + HF_KEY_BYTES_MAX + 1];
    uint8_t out[EVENT_ROW_HEAD_BYTES_MAX];
    struct hf_event lean = *event;
    struct hf_sb key;

    hf_sb_init(&key, storage, sizeof(storage));
    hf_sb_slice(&key, event->tenant);
    hf_sb_char(&key, 0);
    hf_sb_slice(&key, event->key);
    lean.payload = (struct hf_slice){NULL, 0};
    return put(txn, HF_KV_REVOCATIONS, hf_sb_done(&key), out, hf_event_row_encode(&lean, out, sizeof(out)));
}

/* ---- CALLS ---- */

/* Stands: the row is its last record; over: there is none. A replay ends with the newest, as it began. */
static hf_err apply_call(struct hf_kv_txn *txn, const struct hf_event *event)
{
    uint8_t out[HF_EVENT_HEAD_BYTES_MAX + 16 + HF_CALL_RECORD_BYTES_MAX];
    struct hf_kvkey key;

    if (event->payload.bytes > HF_CALL_RECORD_BYTES_MAX)
        return HF_OK;
    hf_err err = hf_kvkey_device_u64(&key, event->tenant, event->device, event->from);
    if (err != HF_OK)
        return err;
    if (event->payload.bytes > 0)
        return put(txn, HF_KV_CALLS, hf_kvkey_slice(&key), out, hf_event_row_encode(event, out, sizeof(out)));
    err = hf_kv_del(txn, HF_KV_CALLS, hf_kvkey_slice(&key));
    return err == HF_ERR_NOT_FOUND ? HF_OK : err;
}

/* ---- the doors ---- */

enum {
    PRESENCE = 1,
    EXPLAIN = 2,
    QUEUED = 4,
    FATE = 8,
    BROADCAST = 16,
    KEY = 32,
    REVOKED = 64,
    DELIVERED = 128,
    DOCUMENT = 256,
    CHANNELS = 512,
    BOUND = 1024,
    CALL = 2048,
    TWIN = 4096,
    PUSH = 8192,
};

static const uint16_t effects[HF_EVENT_TYPES_MAX] = {
    [HF_EVENT_ONLINE] = PRESENCE | EXPLAIN,
    [HF_EVENT_OFFLINE] = PRESENCE | EXPLAIN,
    [HF_EVENT_UNKNOWN] = PRESENCE | EXPLAIN,
    [HF_EVENT_DISCONNECTED] = EXPLAIN,
    [HF_EVENT_REFUSED] = EXPLAIN,
    [HF_EVENT_LEDGER] = EXPLAIN,
    [HF_EVENT_MESSAGE_GAP] = EXPLAIN,
    [HF_EVENT_DELIVERED] = FATE | DELIVERED,
    [HF_EVENT_COMMAND_DELIVERED] = FATE | DELIVERED,
    [HF_EVENT_QUEUED] = QUEUED,
    [HF_EVENT_COMMAND] = QUEUED,
    [HF_EVENT_SENT] = FATE,
    [HF_EVENT_FAILED] = FATE | EXPLAIN,
    [HF_EVENT_COMMAND_SENT] = FATE,
    [HF_EVENT_COMMAND_DONE] = FATE,
    [HF_EVENT_COMMAND_FAILED] = FATE | EXPLAIN,
    [HF_EVENT_BROADCAST] = BROADCAST,
    [HF_EVENT_BROADCAST_DONE] = BROADCAST,
    [HF_EVENT_KEY_CREATED] = KEY,
    [HF_EVENT_KEY_REVOKED] = KEY,
    [HF_EVENT_REVOKED] = REVOKED,
    [HF_EVENT_DOCUMENT] = DOCUMENT,
    [HF_EVENT_CHANNELS] = CHANNELS,
    [HF_EVENT_CAMERA_BOUND] = BOUND,
    [HF_EVENT_CAMERA_SETTINGS] = CHANNELS,
    [HF_EVENT_CAMERA_CALL] = CALL,
    [HF_EVENT_SHADOW] = TWIN | PUSH,
    [HF_EVENT_SHADOW_SEEN] = PUSH,
    [HF_EVENT_PUSH] = PUSH,
    [HF_EVENT_PUSH_MEMBER] = PUSH,
    [HF_EVENT_PUSH_DONE] = PUSH,
};

bool hf_projection_wants(const struct hf_event *event)
{
    uint64_t queue_id, seq;

    return event->type < HF_EVENT_TYPES_MAX &&
           (effects[event->type] != 0 || hf_event_moves_uplink(event, &queue_id, &seq) ||
            hf_audit_rows_want(event));
}

hf_err hf_projection_apply(struct hf_kv_txn *txn, const struct hf_event *event)
{
    unsigned effect = event->type < HF_EVENT_TYPES_MAX ? effects[event->type] : 0;
    uint64_t queue_id, seq;
    hf_err err = HF_OK;

    if (effect & PRESENCE)
        err = apply_presence(txn, event);
    if (err == HF_OK && effect & EXPLAIN && event->device.at != NULL)
        err = apply_explain(txn, event);
    if (err == HF_OK && hf_presence_rows_want(event))
        err = hf_presence_rows_apply(txn, event);
    if (err == HF_OK && effect & QUEUED)
        err = apply_queued(txn, event);
    if (err == HF_OK && effect & FATE)
        err = apply_fate(txn, event);
    if (err == HF_OK && effect & BROADCAST)
        err = apply_broadcast(txn, event);
    if (err == HF_OK && effect & KEY)
        err = apply_key(txn, event);
    if (err == HF_OK && effect & REVOKED)
        err = apply_revoked(txn, event);
    if (err == HF_OK && effect & DOCUMENT)
        err = hf_document_rows_apply(txn, event);
    if (err == HF_OK && effect & CHANNELS)
        err = hf_channels_apply(txn, event);
    if (err == HF_OK && effect & BOUND)
        err = apply_bound(txn, event);
    if (err == HF_OK && effect & CALL)
        err = apply_call(txn, event);
    if (err == HF_OK && effect & TWIN)
        err = hf_shadow_rows_apply(txn, event);
    if (err == HF_OK && effect & TWIN)
        err = hf_fleet_apply(txn, event);
    if (err == HF_OK && effect & PUSH)
        err = hf_push_rows_apply(txn, event);
    if (err == HF_OK && effect & DELIVERED)
        err = apply_delivered(txn, event);
    if (err == HF_OK && event->type == HF_EVENT_MESSAGE_GAP && event->seq != 0)
        err = hf_projection_refused(txn, event);
    if (err == HF_OK && hf_event_moves_uplink(event, &queue_id, &seq))
        err = hf_projection_uplink(txn, event->tenant, event->device, queue_id, seq, event->id);
    /* Names that make no key change no row. They cannot come from a gateway of this version, and a log that has one all
     * the same must not keep the tables from following for good. */
    return err == HF_ERR_INVALID ? HF_OK : err;
}
