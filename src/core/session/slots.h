/* core/session/slots.h - return slots (RC-4): every session holds the lowest free number while it is connected, and comes back that many steps after a loss. So
 * the slots of a fleet are dense and its return is flat, however it grew and shrank. One owner, one thread. */
#ifndef HF_CORE_SESSION_SLOTS_H
#define HF_CORE_SESSION_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct hf_slots {
    uint64_t *words; /* owns; bit set = taken */
    uint32_t word_count, first_free_word, taken;
};

#define HF_SLOT_NONE UINT32_MAX

void hf_slots_init(struct hf_slots *slots);
void hf_slots_deinit(struct hf_slots *slots);
/* HF_SLOT_NONE when memory is out: then there is no ticket, nothing else. */
uint32_t hf_slots_take(struct hf_slots *slots);
void hf_slots_give(struct hf_slots *slots, uint32_t slot); /* HF_SLOT_NONE is harmless */

/* When the holder of `slot` is to come back, in ms after the loss, at `per_second` (>= 1) of all workers together: workers interleave. At
 * least 1; 0, which is no ticket, for HF_SLOT_NONE. */
uint32_t hf_slots_ticket_ms(uint32_t slot, unsigned worker, unsigned workers, uint32_t per_second);

#endif
