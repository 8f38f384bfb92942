/* agent/ring.h - from the thread that captures to the thread that sends: one producer, one consumer, 4,096 samples. Push is wait-free: no lock, no system call, no loop. When
 * the ring is full the newest sample is refused and counted, and the first sample after the hole carries the count, so that the batch it
 * begins says how many are missing in front of it. Rule of capacity: entries >= rate x outage, 40.96 s at 100 Hz, 400 ms at 10.24 kHz. */
#ifndef HF_AGENT_RING_H
#define HF_AGENT_RING_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "codec/samples/samples.h"

enum {
    HF_RING_SAMPLES = 4096,
    HF_RING_LINE_BYTES = 64 /* of a cache: the two threads write to lines of their own */
};

struct hf_ring_slot {
    struct hf_sample sample;
    uint32_t lost_before;
};

struct hf_ring {
    /* the producer's */
    alignas(HF_RING_LINE_BYTES) _Atomic uint64_t pushed;
    uint64_t
        taken_seen; /* an old look at `taken`: the other thread's line is read once a lap, not once a push */
    uint32_t lost_run;     /* refused since the last sample that was taken in */
    _Atomic uint64_t lost; /* since the beginning, for whoever counts */
    /* the consumer's */
    alignas(HF_RING_LINE_BYTES) _Atomic uint64_t taken;
    alignas(HF_RING_LINE_BYTES) struct hf_ring_slot slots[HF_RING_SAMPLES];
};

void hf_ring_init(struct hf_ring *ring); /* before either thread uses it */

/* The producer. False: full, the sample is refused and counted. */
static inline bool hf_ring_push(struct hf_ring *ring, const struct hf_sample *sample)
{
    uint64_t at = atomic_load_explicit(&ring->pushed, memory_order_relaxed);
    struct hf_ring_slot *slot = &ring->slots[at % HF_RING_SAMPLES];

    if (at - ring->taken_seen == HF_RING_SAMPLES) {
        ring->taken_seen = atomic_load_explicit(&ring->taken, memory_order_acquire);
        if (at - ring->taken_seen == HF_RING_SAMPLES) {
            ring->lost_run += ring->lost_run < UINT32_MAX;
            atomic_store_explicit(&ring->lost, atomic_load_explicit(&ring->lost, memory_order_relaxed) + 1,
                                  memory_order_relaxed);
            return false;
        }
    }
    slot->sample = *sample;
    slot->lost_before = ring->lost_run;
    ring->lost_run = 0;
    atomic_store_explicit(&ring->pushed, at + 1, memory_order_release);
    return true;
}

/* The producer: how many pushes will surely be taken. For sources that can wait. */
unsigned hf_ring_room(struct hf_ring *ring);

/* The consumer: up to `max` samples in order, and how many were lost in front of the first. Ends early in front of a sample behind a hole, so that a hole is always in front of
 * what one call gives. */
unsigned hf_ring_take(struct hf_ring *ring, struct hf_sample *ret_samples, unsigned max, uint32_t *ret_lost);

uint64_t hf_ring_waiting(struct hf_ring *ring); /* either thread */
uint64_t hf_ring_lost(struct hf_ring *ring);    /* any thread */

#endif
