/* core/fleet/groups.h - which groups there are, and how many members each has (TWIN-8): counts beside the index of core/fleet/fleet.h, kept when a device joins or leaves, so
 * that a list of groups costs nothing per member. Texts of the tag that cannot be the name of a group (hf_id_valid) are not counted: nothing could be asked of them.
 *
 *   tenant 00 'g' group              u64 members; gone with the last one */
#ifndef HF_CORE_FLEET_GROUPS_H
#define HF_CORE_FLEET_GROUPS_H

#include "core/fleet/fleet.h"

/* One member more, or one less. Errors of the transaction. */
hf_err hf_fleet_groups_count(struct hf_kv_txn *txn, struct hf_slice tenant, struct hf_slice group, bool more);

/* Forgets all counts, at most so many at a time: again, in a later transaction, until *ret_done. */
hf_err hf_fleet_groups_forget(struct hf_kv_txn *txn, struct hf_slice tenant, unsigned rows_max,
                              bool *ret_done);

struct
    hf_fleet_groups { /* a walk over the groups of a tenant in the order of their names; in the caller's storage */
    struct hf_kv_cursor cursor;
    struct hf_fleet_key prefix; /* of all keys */
    uint16_t head_bytes;        /* before the name */
};

/* prefix, of names, and after, the name that a walk before stopped at, may be absent. Both are as long as a group's name may be at most. HF_OK: to be ended before its transaction. */
hf_err hf_fleet_groups_begin(struct hf_fleet_groups *groups, struct hf_kv_txn *txn, struct hf_slice tenant,
                             struct hf_slice prefix, struct hf_slice after);
/* The name is borrowed as those of hf_kv_next(). HF_ERR_NOT_FOUND at the end; HF_ERR_CORRUPT. */
hf_err hf_fleet_groups_next(struct hf_fleet_groups *groups, struct hf_slice *ret_group,
                            uint64_t *ret_members);
void hf_fleet_groups_end(struct hf_fleet_groups *groups);

#endif
