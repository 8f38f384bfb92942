/* core/projection.h - the tables follow from the log: each event changes rows here and nowhere else, in the running gateway and
 * in the replay after a crash alike. Applying an event twice is harmless (ST-2). */
#ifndef HF_CORE_PROJECTION_H
#define HF_CORE_PROJECTION_H

#include "core/event.h"
#include "core/kv.h"

enum {
    HF_EXPLAIN_ROWS_MAX = 256, /* per device */
    HF_EXPLAIN_MS = 24 * 3600 * 1000,
    HF_FATE_KEPT_MS =
        48 * 3600 * 1000, /* after the message was accepted: its time to live and a day to look it up */
    HF_SWEEP_ROWS = 1000, /* looked at in one step */
};

/* False when the event changes no row: a batch of such events needs no transaction. */
bool hf_projection_wants(const struct hf_event *event);
/* HF_OK, or the error of the write transaction (core/kv.h), which is spoilt then. */
hf_err hf_projection_apply(struct hf_kv_txn *txn, const struct hf_event *event);

/* Does the event move the position of a device's uplink queue, and to where? A run of such events of one device may be applied at once with
 * hf_projection_uplink() and the last of their numbers (core/positions.h). */
bool hf_event_moves_uplink(const struct hf_event *event, uint64_t *ret_queue_id, uint64_t *ret_seq);
/* id: of the message; all zero = it has none. */
hf_err hf_projection_uplink(struct hf_kv_txn *txn, struct hf_slice tenant, struct hf_slice device,
                            uint64_t queue_id, uint64_t seq, const uint8_t id[16]);
/* A message.gap of a number that was refused here: moves the position, too. */
hf_err hf_projection_refused(struct hf_kv_txn *txn, const struct hf_event *event);

struct hf_idempotency_row;
/* Does a key still stand for its first request? From its acceptance until idempotency_ms after that one's end (ST-5). */
bool hf_idempotency_counts(struct hf_kv_txn *txn, const struct hf_idempotency_row *row, uint64_t utc_ms,
                           uint64_t idempotency_ms);

/* Deletes rows whose time is over, a bounded number a call. `state` is zeroed before the first call and the caller's.
 * What it has no age for here has a constant of its own. */
struct hf_sweep_ages {
    uint64_t idempotency_ms;    /* how long keys count */
    uint64_t shadow_history_ms; /* how long a version of a shadow is kept once there is a newer one */
    uint64_t presence_history_ms,
        presence_history_bytes; /* what is kept of when a device was there (core/presence_rows.h) */
    uint64_t audit_history_ms,
        audit_history_bytes; /* what is kept of who did what, of a tenant and kind (core/audit_rows.h) */
};
struct hf_sweep {
    unsigned table; /* which one is at work */
    uint16_t from_bytes;
    char from[HF_KV_KEY_BYTES_MAX];
};
enum hf_kv_table hf_sweep_table(const struct hf_sweep *sweep); /* which the next call looks at */
hf_err hf_projection_sweep(struct hf_kv_txn *txn, struct hf_sweep *sweep, uint64_t utc_ms,
                           const struct hf_sweep_ages *ages, uint64_t *ret_deleted);

#endif
