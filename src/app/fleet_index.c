#include "app/fleet_index.h"

#include "core/fleet/fleet.h"
#include "io/clock.h"

enum { GROWTHS_MAX = 64 /* of the map during one list: each doubles it */ };

/* One step, again when the map had to grow. */
static hf_err step(struct hf_kv *kv, struct hf_slice tenant, const struct hf_fleet_paths *paths,
                   struct hf_fleet_reindex *reindex, bool *ret_more)
{
    struct hf_fleet_reindex next = *reindex;
    struct hf_kv_txn *txn = NULL;
    hf_err err = hf_kv_write(kv, &txn);

    *ret_more = false;
    if (err != HF_OK)
        return err;
    err = hf_fleet_reindex(txn, tenant, paths, &next, ret_more);
    if (err != HF_OK) {
        hf_kv_end(txn);
        return err;
    }
    err = hf_kv_commit(txn, hf_kv_applied_offset(kv));
    if (err == HF_OK)
        *reindex = next;
    return err;
}

static hf_err index_tenant(struct hf_kv *kv, const struct hf_config_tenant *tenant, uint64_t *ret_devices)
{
    struct hf_fleet_paths paths = {.count = (unsigned)tenant->shadow_index.count};
    struct hf_fleet_reindex reindex = {0};
    unsigned growths = 0;
    bool more = true;

    for (unsigned i = 0; i < paths.count; i++)
        paths.at[i] = hf_slice_of(tenant->shadow_index.at[i]);
    while (more) {
        hf_err err = step(kv, hf_slice_of(tenant->name), &paths, &reindex, &more);

        if (err == HF_ERR_AGAIN && ++growths < GROWTHS_MAX)
            more = true;
        else if (err != HF_OK)
            return err;
    }
    *ret_devices = reindex.devices;
    return HF_OK;
}

hf_err hf_fleet_index_follow(struct hf_kv *kv, const struct hf_config *config, struct hf_logger *logger)
{
    for (size_t i = 0; i < config->tenants.count; i++) {
        const struct hf_config_tenant *tenant = &config->tenants.at[i];
        uint64_t devices = 0, begun_ms = hf_clock_ms();
        hf_err err = index_tenant(kv, tenant, &devices);

        if (err != HF_OK)
            return err;
        if (devices > 0)
            hf_log(logger, HF_LOG_SHADOWS_INDEXED, HF_F_STR("tenant", tenant->name),
                   HF_F_U64("paths", tenant->shadow_index.count), HF_F_U64("devices", devices),
                   HF_F_U64("took_ms", hf_clock_ms() - begun_ms), HF_F_END);
    }
    return HF_OK;
}

uint64_t hf_fleet_index_left_out(struct hf_kv *kv)
{
    struct hf_kv_txn *txn = NULL;
    uint64_t left_out = 0;

    if (hf_kv_read(kv, &txn) == HF_OK)
        left_out = hf_fleet_left_out(txn);
    hf_kv_end(txn);
    return left_out;
}
