#include "core/fleet/groups.h"

#include "base/assert.h"
#include "base/bytes.h"

enum { COUNT_BYTES = 8 };

static bool take_count(struct hf_slice value, uint64_t *ret_count)
{
    if (value.bytes != COUNT_BYTES)
        return false;
    *ret_count = hf_get_u64((const uint8_t *)value.at);
    return true;
}

hf_err hf_fleet_groups_count(struct hf_kv_txn *txn, struct hf_slice tenant, struct hf_slice group, bool more)
{
    uint8_t now[COUNT_BYTES];
    struct hf_fleet_key key;
    struct hf_slice value;
    uint64_t members = 0;

    if (!hf_id_valid(group, HF_FLEET_TEXT_BYTES_MAX))
        return HF_OK;
    hf_err err = hf_fleet_key_begin(&key, tenant, 'g');
    if (err != HF_OK)
        return err;
    hf_fleet_key_add(&key, group, false);
    err = hf_kv_get(txn, HF_KV_FLEET, hf_fleet_key_slice(&key), &value);
    if (err == HF_OK && !take_count(value, &members))
        return HF_ERR_CORRUPT;
    if (err == HF_ERR_NOT_FOUND && !more)
        return HF_OK; /* of an index of form 1, before it is rebuilt */
    if (err != HF_OK && err != HF_ERR_NOT_FOUND)
        return err;
    members = more ? members + 1 : HF_MAX(members, 1) - 1;
    if (members == 0)
        return hf_kv_del(txn, HF_KV_FLEET, hf_fleet_key_slice(&key));
    hf_put_u64(now, members);
    return hf_kv_put(txn, HF_KV_FLEET, hf_fleet_key_slice(&key),
                     (struct hf_slice){(const char *)now, sizeof(now)});
}

hf_err hf_fleet_groups_forget(struct hf_kv_txn *txn, struct hf_slice tenant, unsigned rows_max,
                              bool *ret_done)
{
    struct hf_fleet_key prefix, row;
    struct hf_kv_cursor cursor;
    struct hf_slice key, value;
    hf_err err = hf_fleet_key_begin(&prefix, tenant, 'g');

    *ret_done = false;
    for (unsigned i = 0; err == HF_OK && i < rows_max; i++) {
        err = hf_kv_scan(txn, HF_KV_FLEET, hf_fleet_key_slice(&prefix), (struct hf_slice){NULL, 0}, false,
                         &cursor);
        if (err != HF_OK)
            break;
        err = hf_kv_next(&cursor, &key, &value);
        if (err == HF_OK) { /* the key is the cursor's */
            HF_ASSERT(key.bytes <= sizeof(row.at));
            memcpy(row.at, key.at, row.bytes = (uint16_t)key.bytes);
        }
        hf_kv_scan_end(&cursor);
        if (err == HF_OK)
            err = hf_kv_del(txn, HF_KV_FLEET, hf_fleet_key_slice(&row));
    }
    *ret_done = err == HF_ERR_NOT_FOUND;
    return *ret_done ? HF_OK : err;
}

hf_err hf_fleet_groups_begin(struct hf_fleet_groups *groups, struct hf_kv_txn *txn, struct hf_slice tenant,
                             struct hf_slice prefix, struct hf_slice after)
{
    hf_err err = hf_fleet_key_begin(&groups->prefix, tenant, 'g');
    struct hf_fleet_key from = groups->prefix;

    if (err != HF_OK)
        return err;
    groups->head_bytes = groups->prefix.bytes;
    hf_fleet_key_add(&groups->prefix, prefix, false);
    hf_fleet_key_add(&from, after, true); /* the smallest key behind it */
    return hf_kv_scan(txn, HF_KV_FLEET, hf_fleet_key_slice(&groups->prefix),
                      after.at != NULL ? hf_fleet_key_slice(&from) : (struct hf_slice){NULL, 0}, false,
                      &groups->cursor);
}

hf_err hf_fleet_groups_next(struct hf_fleet_groups *groups, struct hf_slice *ret_group, uint64_t *ret_members)
{
    struct hf_slice key, value;
    hf_err err = hf_kv_next(&groups->cursor, &key, &value);

    if (err != HF_OK)
        return err;
    HF_ASSERT(key.bytes >= groups->head_bytes); /* it begins with the prefix */
    *ret_group = (struct hf_slice){key.at + groups->head_bytes, key.bytes - groups->head_bytes};
    return take_count(value, ret_members) ? HF_OK : HF_ERR_CORRUPT;
}

void hf_fleet_groups_end(struct hf_fleet_groups *groups)
{
    hf_kv_scan_end(&groups->cursor);
}
