#include "core/positions.h"

#include <stdlib.h>

#include "core/projection.h"

struct slot {
    uint64_t queue_id, seq; /* queue 0 = free */
    uint8_t id[16];         /* of the message with that number */
    uint8_t tenant_bytes, device_bytes;
    char names[HF_TENANT_BYTES_MAX + HF_DEVICE_BYTES_MAX];
};

struct hf_positions {
    uint32_t used[HF_POSITIONS_SLOTS]; /* which slots, in order of use */
    unsigned used_count;
    struct slot slots[HF_POSITIONS_SLOTS];
};

struct hf_positions *hf_positions_new(void)
{
    return calloc(1, sizeof(struct hf_positions));
}

void hf_positions_free(struct hf_positions *positions)
{
    free(positions);
}

static struct hf_slice tenant_of(const struct slot *slot)
{
    return (struct hf_slice){slot->names, slot->tenant_bytes};
}

static struct hf_slice device_of(const struct slot *slot)
{
    return (struct hf_slice){slot->names + slot->tenant_bytes, slot->device_bytes};
}

static hf_err write_slot(struct hf_kv_txn *txn, struct slot *slot)
{
    hf_err err =
        hf_projection_uplink(txn, tenant_of(slot), device_of(slot), slot->queue_id, slot->seq, slot->id);

    slot->queue_id = 0;
    return err == HF_ERR_INVALID ? HF_OK : err; /* a name that makes no key changes no row */
}

hf_err hf_positions_take(struct hf_positions *positions, struct hf_kv_txn *txn, const struct hf_event *event,
                         bool *ret_taken)
{
    uint64_t queue_id, seq;
    hf_err err = HF_OK;

    *ret_taken = event->type == HF_EVENT_MESSAGE && hf_event_moves_uplink(event, &queue_id, &seq);
    if (!*ret_taken)
        return HF_OK;
    if (event->tenant.bytes > HF_TENANT_BYTES_MAX || event->device.bytes > HF_DEVICE_BYTES_MAX)
        return HF_OK;
    uint32_t at = (uint32_t)(hf_device_hash(event->tenant, event->device) % HF_POSITIONS_SLOTS);
    struct slot *slot = &positions->slots[at];
    bool same = slot->queue_id == queue_id && hf_slice_eq(tenant_of(slot), event->tenant) &&
                hf_slice_eq(device_of(slot), event->device);
    if (!same) {
        if (slot->queue_id != 0)
            err = write_slot(txn, slot);
        else
            positions->used[positions->used_count++] = at;
        slot->queue_id = queue_id;
        slot->tenant_bytes = (uint8_t)event->tenant.bytes;
        slot->device_bytes = (uint8_t)event->device.bytes;
        memcpy(slot->names, event->tenant.at, event->tenant.bytes);
        memcpy(slot->names + event->tenant.bytes, event->device.at, event->device.bytes);
    }
    if (!same || seq > slot->seq) {
        slot->seq = seq;
        memcpy(slot->id, event->id, sizeof(slot->id));
    }
    return err;
}

hf_err hf_positions_flush(struct hf_positions *positions, struct hf_kv_txn *txn)
{
    hf_err err = HF_OK;

    for (unsigned i = 0; i < positions->used_count; i++)
        if (err == HF_OK)
            err = write_slot(txn, &positions->slots[positions->used[i]]);
        else
            positions->slots[positions->used[i]].queue_id = 0;
    positions->used_count = 0;
    return err;
}

void hf_positions_forget(struct hf_positions *positions)
{
    for (unsigned i = 0; i < positions->used_count; i++)
        positions->slots[positions->used[i]].queue_id = 0;
    positions->used_count = 0;
}
