#include "agent/uplink.h"

#include <string.h>

#include "base/assert.h"

void hf_uplink_init(struct hf_uplink *uplink, struct hf_ring *ring,
                    const uint8_t boot_id[HF_SAMPLES_BOOT_BYTES])
{
    memset(uplink, 0, sizeof(*uplink));
    uplink->ring = ring;
    memcpy(uplink->boot_id, boot_id, HF_SAMPLES_BOOT_BYTES);
}

/* A machine whose clock says 1970 has samples from before it: they are put at 1970, and no one is to believe it. */
static struct hf_utc_offset believable(struct hf_utc_offset utc, const struct hf_sample *samples,
                                       unsigned count)
{
    int64_t least_ns = -(int64_t)samples[0].ts_ns, most_ns = INT64_MAX - (int64_t)samples[count - 1].ts_ns;

    if (utc.offset_ns >= least_ns && utc.offset_ns <= most_ns)
        return utc;
    return (struct hf_utc_offset){utc.offset_ns < least_ns ? least_ns : most_ns, UINT32_MAX};
}

static void give(struct hf_uplink *uplink, unsigned slot, uint64_t now_ms)
{
    struct hf_uplink_batch *batch = &uplink->batch[slot];

    batch->state = HF_UPLINK_OUT;
    uplink->out++;
    if (!uplink->publish(uplink->context, slot, batch->payload, batch->bytes))
        hf_uplink_done(uplink, slot, false, now_ms);
}

static unsigned free_slot(const struct hf_uplink *uplink)
{
    for (unsigned i = 0; i < HF_UPLINK_BATCHES; i++)
        if (uplink->batch[i].state == HF_UPLINK_FREE)
            return i;
    return HF_UPLINK_BATCHES;
}

static bool take(struct hf_uplink *uplink, unsigned slot, struct hf_utc_offset utc)
{
    struct hf_uplink_batch *batch = &uplink->batch[slot];
    struct hf_sample samples[HF_SAMPLES_MAX];
    struct hf_samples head = {0};

    head.count = hf_ring_take(uplink->ring, samples, HF_SAMPLES_MAX, &head.lost);
    if (head.count == 0)
        return false;
    utc = believable(utc, samples, head.count);
    head.utc_offset_ns = utc.offset_ns;
    head.uncertainty_us = utc.uncertainty_us;
    memcpy(head.boot_id, uplink->boot_id, HF_SAMPLES_BOOT_BYTES);
    batch->bytes = (uint16_t)hf_samples_write(batch->payload, &head, samples);
    batch->samples = (uint8_t)head.count;
    batch->order = uplink->order_next++;
    uplink->batch_utc_ns[slot] = (uint64_t)hf_sample_utc_ns(&head, &samples[head.count - 1]);
    uplink->lost_told += head.lost;
    return true;
}

/* The oldest that waits. */
static unsigned oldest(const struct hf_uplink *uplink)
{
    unsigned found = HF_UPLINK_BATCHES;

    for (unsigned i = 0; i < HF_UPLINK_BATCHES; i++)
        if (uplink->batch[i].state == HF_UPLINK_WAITS &&
            (found == HF_UPLINK_BATCHES || uplink->batch[i].order < uplink->batch[found].order))
            found = i;
    return found;
}

void hf_uplink_turn(struct hf_uplink *uplink, struct hf_utc_offset utc, uint64_t now_ms)
{
    if (uplink->waits > 0) {
        if (uplink->out > 0 || now_ms < uplink->due_ms)
            return;
        /* One as a question; the others follow when it was taken. */
        unsigned first = oldest(uplink);

        uplink->waits--;
        give(uplink, first, now_ms);
        return;
    }
    for (unsigned given = 0; given < HF_UPLINK_BATCHES && uplink->waits == 0; given++) {
        unsigned slot = free_slot(uplink);

        if (slot == HF_UPLINK_BATCHES || !take(uplink, slot, utc))
            return;
        give(uplink, slot, now_ms);
    }
}

bool hf_uplink_pressed(const struct hf_uplink *uplink)
{
    return hf_ring_waiting(uplink->ring) >= HF_UPLINK_PRESSED;
}

void hf_uplink_done(struct hf_uplink *uplink, unsigned slot, bool durable, uint64_t now_ms)
{
    struct hf_uplink_batch *batch = &uplink->batch[slot];

    HF_ASSERT(slot < HF_UPLINK_BATCHES && batch->state == HF_UPLINK_OUT && uplink->out > 0);
    uplink->out--;
    if (durable) {
        batch->state = HF_UPLINK_FREE;
        uplink->batches++;
        uplink->samples += batch->samples;
        uplink->newest_utc_ns = HF_MAX(uplink->newest_utc_ns, uplink->batch_utc_ns[slot]);
        uplink->pause_ms = 0;
        uplink->due_ms = now_ms;
        return;
    }
    batch->state = HF_UPLINK_WAITS;
    uplink->waits++;
    uplink->put_back++;
    uplink->pause_ms = uplink->pause_ms == 0 ? HF_UPLINK_PAUSE_MIN_MS
                                             : HF_MIN(uplink->pause_ms * 2, (uint32_t)HF_UPLINK_PAUSE_MAX_MS);
    uplink->due_ms = now_ms + uplink->pause_ms;
}

bool hf_uplink_idle(struct hf_uplink *uplink)
{
    return uplink->out == 0 && uplink->waits == 0 && hf_ring_waiting(uplink->ring) == 0;
}
