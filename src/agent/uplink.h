/* agent/uplink.h - from the ring to the queue: batches of up to 64 samples, signed as they are taken, kept here until the queue says that they are durable. No clock, no I/O: the
 * time and the offset come with the turn, batches leave through `publish`.
 *
 *   FREE -> OUT (given to the queue) -> FREE (durable there)
 *             | the queue is full, or its disk failed
 *             v
 *           WAITS -> OUT again, oldest first, after a pause that grows from 0.1 to 5 s; until then nothing new is taken from the ring
 *
 * So what the queue refuses is refused, counted and told where it belongs: by the ring, at its newest end. */
#ifndef HF_AGENT_UPLINK_H
#define HF_AGENT_UPLINK_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/ring.h"
#include "agent/utc.h"

enum {
    HF_UPLINK_BATCHES = 16, /* out or waiting; the most that one turn gives away */
    HF_UPLINK_PRESSED =
        HF_UPLINK_BATCHES * HF_SAMPLES_MAX / 2, /* samples in the ring that do not wait for their time */
    HF_UPLINK_PAUSE_MIN_MS = 100,
    HF_UPLINK_PAUSE_MAX_MS = 5000
};

enum hf_uplink_state { HF_UPLINK_FREE, HF_UPLINK_OUT, HF_UPLINK_WAITS };

struct hf_uplink_batch {
    uint64_t order; /* grows */
    uint16_t bytes;
    uint8_t samples;
    enum hf_uplink_state state;
    uint8_t payload[HF_SAMPLES_BYTES_MAX];
};

struct hf_uplink {
    struct hf_ring *ring; /* borrows: its consumer */
    /* Gives batch `slot` to the queue; hf_uplink_done(slot) follows, from this thread, perhaps before it returns. False: not now, as done(slot, false). */
    bool (*publish)(void *context, unsigned slot, const uint8_t *payload, size_t bytes);
    void *context;
    uint8_t boot_id[HF_SAMPLES_BOOT_BYTES];
    /* for whoever looks */
    uint64_t batches, samples; /* durable in the queue */
    uint64_t lost_told;        /* samples that batches said are missing */
    uint64_t put_back;         /* times that the queue refused a batch */
    uint64_t newest_utc_ns;    /* of the newest sample that is durable; 0 none */
    /* its own */
    uint64_t order_next, due_ms;
    uint32_t pause_ms; /* 0: the queue takes */
    unsigned out, waits;
    struct hf_uplink_batch batch[HF_UPLINK_BATCHES];
    uint64_t batch_utc_ns[HF_UPLINK_BATCHES];
};

void hf_uplink_init(struct hf_uplink *uplink, struct hf_ring *ring,
                    const uint8_t boot_id[HF_SAMPLES_BOOT_BYTES]);

/* The time for a batch has come: gives away all that waits in the ring, as far as there are slots. */
void hf_uplink_turn(struct hf_uplink *uplink, struct hf_utc_offset utc, uint64_t now_ms);
/* So much waits that at a high rate, or with a long period, the ring could be full before the next turn. */
bool hf_uplink_pressed(const struct hf_uplink *uplink);
void hf_uplink_done(struct hf_uplink *uplink, unsigned slot, bool durable, uint64_t now_ms);
bool hf_uplink_idle(struct hf_uplink *uplink); /* the ring is empty and every batch is durable */

#endif
