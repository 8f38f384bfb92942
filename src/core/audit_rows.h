/* core/audit_rows.h - who did what (HF_KV_AUDIT), kept for a year although the log's segments go (ST-5, OBS-11).
 *
 *   key: tenant (absent: of the node) 00 u8 kind u64 offset      row: u64 bytes of all rows of this tenant and kind up to this one, this one included, since the first; then the event as it was
 *   logged, without payload but for what an act says of itself
 *
 * Each kind of a tenant has room of its own: neither the commands of a busy application nor a device that fails all day can push out who made a key.
 * The sums make the room known from two rows, whatever was removed at the old end. */
#ifndef HF_CORE_AUDIT_ROWS_H
#define HF_CORE_AUDIT_ROWS_H

#include "core/event.h"
#include "core/kv.h"
#include "core/kvkey.h"
#include "core/projection.h"

/* Stored: append, never renumber. At most HF_KV_TXN_CURSORS_MAX, as a walk has a cursor in each. */
enum hf_audit_kind {
    HF_AUDIT_ACTS, /* keys made and revoked, devices and tokens revoked, `audit` of a key */
    HF_AUDIT_CHANGES, /* what else came of a request: messages, commands, shadows, documents, settings; certificates of devices */
    HF_AUDIT_FAULTS, /* `audit` of nobody who was let in: wrong keys, invalid heartbeats */
    HF_AUDIT_KINDS
};

enum {
    HF_AUDIT_PAYLOAD_BYTES_MAX = 1024, /* above, a row is without */
    HF_AUDIT_TRIM_ROWS = 64, /* that one record removes at most: the largest row takes the room of fewer */
};

bool hf_audit_rows_want(const struct hf_event *event);
/* In the transaction of the log's offset; beside hf_projection_apply(), which has no bounds that can be set. A record that the rows have already is passed over. What had to make
 * room in history_bytes is counted in txn->trimmed. HF_ERR_INVALID: a tenant that makes no key. */
hf_err hf_audit_rows_apply(struct hf_kv_txn *txn, const struct hf_event *event, uint64_t history_bytes);

/* One tenant's entries of all kinds, the newest first. */
struct hf_audit_walk {
    struct {
        struct hf_kvkey prefix;
        struct hf_kv_cursor cursor;
        bool open, ahead; /* ahead: `event` is the next of this kind */
        struct hf_event event;
    } kinds[HF_AUDIT_KINDS];
};
/* From `offset` on downwards (0: from the newest), and none later than to_ms (0: none is too late). On errors there is nothing to end. */
hf_err hf_audit_walk_begin(struct hf_audit_walk *walk, struct hf_kv_txn *txn, struct hf_slice tenant,
                           uint64_t offset, uint64_t to_ms);
/* HF_ERR_NOT_FOUND at the end. Slices are borrowed until the transaction ends. */
hf_err hf_audit_walk_next(struct hf_audit_walk *walk, struct hf_event *ret_event);
void hf_audit_walk_end(struct hf_audit_walk *walk);

/* hf_projection_sweep() of this table: rows older than ages->audit_history_ms, or beyond the newest audit_history_bytes of their kind. Rows lie by age, so a kind is left at its
 * first row that stays. */
hf_err hf_audit_rows_sweep(struct hf_kv_txn *txn, struct hf_sweep *sweep, uint64_t utc_ms,
                           const struct hf_sweep_ages *ages, uint64_t *ret_deleted);

#endif
