#include "agent/ring.h"

_Static_assert((HF_RING_SAMPLES & (HF_RING_SAMPLES - 1)) == 0, "the counters wrap around with the slots");

void hf_ring_init(struct hf_ring *ring)
{
    atomic_init(&ring->pushed, 0);
    atomic_init(&ring->taken, 0);
    atomic_init(&ring->lost, 0);
    ring->taken_seen = 0;
    ring->lost_run = 0;
}

unsigned hf_ring_room(struct hf_ring *ring)
{
    ring->taken_seen = atomic_load_explicit(&ring->taken, memory_order_acquire);
    return (unsigned)(HF_RING_SAMPLES -
                      (atomic_load_explicit(&ring->pushed, memory_order_relaxed) - ring->taken_seen));
}

unsigned hf_ring_take(struct hf_ring *ring, struct hf_sample *ret_samples, unsigned max, uint32_t *ret_lost)
{
    uint64_t at = atomic_load_explicit(&ring->taken, memory_order_relaxed);
    uint64_t end = atomic_load_explicit(&ring->pushed, memory_order_acquire);
    unsigned count = 0;

    *ret_lost = 0;
    for (; count < max && at < end; at++, count++) {
        const struct hf_ring_slot *slot = &ring->slots[at % HF_RING_SAMPLES];

        if (slot->lost_before > 0 && count > 0)
            break;
        if (count == 0)
            *ret_lost = slot->lost_before;
        ret_samples[count] = slot->sample;
    }
    atomic_store_explicit(&ring->taken, at, memory_order_release);
    return count;
}

uint64_t hf_ring_waiting(struct hf_ring *ring)
{
    uint64_t taken = atomic_load_explicit(&ring->taken, memory_order_acquire);

    return atomic_load_explicit(&ring->pushed, memory_order_acquire) - taken;
}

uint64_t hf_ring_lost(struct hf_ring *ring)
{
    return atomic_load_explicit(&ring->lost, memory_order_relaxed);
}
