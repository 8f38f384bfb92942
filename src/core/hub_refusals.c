/* core/hub_refusals.c - what was refused of the uplinks of those few devices of which something was (core/session/refusals.h): apart from their sessions, of which each byte
 * counts. In memory for the next WELCOME, in the device's row for one after a restart (core/projection.c does the same with the same records). */
#include <stdlib.h>

#include "core/hub_session.h"

#include "core/hub_parts.h"

struct refused_of {
    struct hf_map_node node; /* hub->refused */
    const struct hf_device *device;
    uint64_t queue_id; /* whose numbers they are */
    struct hf_refusals refusals;
};

static bool is_of(const struct hf_map_node *node, const void *key)
{
    return HF_CONTAINER_OF(node, const struct refused_of, node)->device == key;
}

static uint64_t hash_of(const struct hf_device *device)
{
    return hf_hash_mix((uint64_t)(uintptr_t)device);
}

static struct refused_of *find(const struct hf_hub *hub, const struct hf_device *device)
{
    struct hf_map_node *node = hf_map_find(&hub->refused, hash_of(device), device);

    return node != NULL ? HF_CONTAINER_OF(node, struct refused_of, node) : NULL;
}

void hf_hub_refusals_init(struct hf_hub *hub)
{
    hf_map_init(&hub->refused, is_of);
}

const struct hf_refusals *hf_hub_refusals(const struct hf_hub *hub, const struct hf_device *device)
{
    const struct refused_of *of = find(hub, device);

    return of != NULL && of->queue_id == device->session->queue_id ? &of->refusals : NULL;
}

void hf_hub_refusals_drop(struct hf_hub *hub, const struct hf_device *device)
{
    struct refused_of *of = find(hub, device);

    if (of == NULL)
        return;
    hf_map_remove(&hub->refused, &of->node);
    hf_refusals_deinit(&of->refusals);
    free(of);
}

static hf_err insert(struct hf_hub *hub, const struct hf_device *device, uint64_t queue_id,
                     struct refused_of **ret_of)
{
    struct refused_of *of = calloc(1, sizeof(*of));

    if (of == NULL)
        return HF_ERR_NOMEM;
    of->device = device;
    of->queue_id = queue_id;
    if (hf_map_insert(&hub->refused, &of->node, hash_of(device)) != HF_OK) {
        free(of);
        return HF_ERR_NOMEM;
    }
    *ret_of = of;
    return HF_OK;
}

hf_err hf_hub_refusals_reserve(struct hf_hub *hub, const struct hf_device *device, uint64_t seq,
                               enum hf_reason reason, uint64_t first)
{
    uint64_t queue_id = device->session->queue_id;
    struct refused_of *of = find(hub, device);

    if (of != NULL && of->queue_id == queue_id &&
        !hf_refusals_fits(&of->refusals, seq, (uint16_t)reason, first)) {
        hub->stats.refusals_full++;
        return HF_ERR_LIMIT;
    }
    hf_err err = of != NULL ? HF_OK : insert(hub, device, queue_id, &of);

    if (err != HF_OK)
        return err;
    if (of->queue_id !=
        queue_id) { /* the device has a new queue: nobody asks for those of the old one any more */
        of->queue_id = queue_id;
        of->refusals.count = 0;
    }
    return hf_refusals_reserve(&of->refusals);
}

void hf_hub_refusals_add(struct hf_hub *hub, const struct hf_device *device, uint64_t seq,
                         enum hf_reason reason, uint64_t first)
{
    bool all = hf_refusals_add(&find(hub, device)->refusals, seq, (uint16_t)reason, first);

    HF_ASSERT(all); /* reserved */
}

void hf_hub_refusals_trim(struct hf_hub *hub, const struct hf_device *device, uint64_t first)
{
    struct refused_of *of = find(hub, device);

    if (of == NULL)
        return;
    if (of->queue_id == device->session->queue_id)
        hf_refusals_trim(&of->refusals, first);
    if (of->queue_id != device->session->queue_id || of->refusals.count == 0)
        hf_hub_refusals_drop(hub, device);
}

hf_err hf_hub_refusals_load(struct hf_hub *hub, const struct hf_device *device,
                            const struct hf_device_row *row)
{
    struct hf_refusals refusals;
    struct refused_of *of;

    if (row->refused.bytes == 0)
        return HF_OK;
    hf_err err = hf_refusals_decode(row->refused, &refusals);
    if (err == HF_ERR_CORRUPT)
        return HF_OK; /* the device hears of them as acknowledged: better than that it cannot come at all */
    if (err == HF_OK)
        err = insert(hub, device, row->queue, &of);
    if (err == HF_OK)
        of->refusals = refusals;
    else
        hf_refusals_deinit(&refusals);
    return err;
}
