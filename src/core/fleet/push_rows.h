/* core/fleet/push_rows.h - configuration pushed to a group (TWIN-8) in the tables (HF_KV_PUSHES): what is to be pushed, to whom it came, and how far each member is with it. Follows from
 * four kinds of records: shadow.push (a push was accepted), shadow.changed with the push's id (a member's shadow was changed by it), shadow.push_member (a member's was not: reason, or none
 * when it was so already), shadow.push_done (all members were looked at); and from what devices say afterwards: shadow.seen and their own shadow.changed.
 * A member counts once, by the first record about it: so a walk over a group that is cut off may begin again.
 *
 *   00 u64 offset                    tenant 00 id: pushes that are not done, the oldest first
 *   tenant 00 'p' id                 struct hf_push_row
 *   tenant 00 'c' id                 the change: a merge patch
 *   tenant 00 'm' id device          u8 what became of it (HF_PUSH_*)
 *   tenant 00 'w' device 00 id       u64 version that the push made, u8 1 when the device has said that it knows it: until it has applied it, or a later change has replaced it
 *
 * ids are UUIDv7: they begin with the time, so the sweep needs no other. */
#ifndef HF_CORE_FLEET_PUSH_ROWS_H
#define HF_CORE_FLEET_PUSH_ROWS_H

#include "core/event.h"
#include "core/kv.h"

enum {
    HF_PUSHES_WAITING_MAX = 100, /* pushes of this node that are not done */
    HF_PUSH_KEPT_MS = 7 * 24 * 3600 * 1000,
    HF_PUSH_DEVICE_WAITS_MAX = 64, /* pushes that one device has not applied yet and that are looked at */
    HF_PUSH_REASONS_MAX = 8,       /* that are counted apart; others count as the last of them */
};

enum hf_push_state { HF_PUSH_STORED = 1, HF_PUSH_UNCHANGED, HF_PUSH_REFUSED };

/* Does the event concern pushes beyond being a change of a shadow? Errors of the transaction; HF_ERR_NOMEM. */
hf_err hf_push_rows_apply(struct hf_kv_txn *txn, const struct hf_event *event);

/* The versions that pushes made and the device does not know yet: the lowest and the highest; 0 = there are none. */
hf_err hf_push_rows_unseen(struct hf_kv_txn *txn, struct hf_slice tenant, struct hf_slice device,
                           uint64_t *ret_lowest, uint64_t *ret_highest);

/* Slices are borrowed as those of hf_kv_get(). */
hf_err hf_push_rows_change(struct hf_kv_txn *txn, struct hf_slice tenant, const uint8_t id[16],
                           struct hf_slice *ret_change);
bool hf_push_rows_has_member(struct hf_kv_txn *txn, struct hf_slice tenant, const uint8_t id[16],
                             struct hf_slice device);
/* The oldest push that is not done; HF_ERR_NOT_FOUND. */
hf_err hf_push_rows_first(struct hf_kv_txn *txn, struct hf_slice *ret_tenant, uint8_t ret_id[16]);
/* How many are not done, at most HF_PUSHES_WAITING_MAX. */
hf_err hf_push_rows_waiting(struct hf_kv_txn *txn, uint64_t *ret_count);

/* tenant 00 'p' [id]: for walks over the pushes of a tenant. HF_ERR_INVALID. */
struct hf_push_key {
    uint16_t bytes;
    char at[HF_TENANT_BYTES_MAX + 2 + 16 + HF_DEVICE_BYTES_MAX + 1];
};
hf_err hf_push_key(struct hf_push_key *ret_key, struct hf_slice tenant, char kind, const uint8_t *id);
static inline struct hf_slice hf_push_key_slice(const struct hf_push_key *key)
{
    return (struct hf_slice){key->at, key->bytes};
}
/* Is this row of a push that was accepted HF_PUSH_KEPT_MS ago, and is done? One that is not done stays, however old it is by a clock that was put right since. */
bool hf_push_row_is_over(struct hf_kv_txn *txn, struct hf_slice key, struct hf_slice value, uint64_t utc_ms);

/* reasons: of a row, u16 reason and u32 count each. */
bool hf_push_reason_next(struct hf_slice *reasons, uint16_t *ret_reason, uint32_t *ret_count);

#endif
