/* base/wheel.h - one hashed timing wheel (Varghese and Lauck, scheme 6) per worker.
 * Resolution is HF_WHEEL_TICK_MS; a timer never fires early and at most one tick late. Arm, re-arm and
 * cancel are O(1) and allocate nothing: the node lies in its owner. Time is handed in, never read.
 * Far timers stay in their slot with a count of rounds that is not stored but derived from due_ms. */
#ifndef HF_BASE_WHEEL_H
#define HF_BASE_WHEEL_H

#include <stdint.h>

#include "base/list.h"

enum { HF_WHEEL_TICK_MS = 16, HF_WHEEL_SLOTS = 4096 }; /* one round = 65.5 s */

struct hf_timer;
typedef void hf_timer_fn(struct hf_timer *timer, uint64_t now_ms);

struct hf_timer { /* 32 bytes; embedded, fields are the wheel's */
    struct hf_list_node node;
    uint64_t due_ms; /* 0 = not armed */
    hf_timer_fn *on_due;
};

struct hf_wheel {
    uint64_t tick;               /* the last tick that was fully run */
    uint64_t armed;              /* how many timers are armed now */
    struct hf_list_node overdue; /* armed for a tick that was run already: fire in the next run */
    struct hf_list_node slots[HF_WHEEL_SLOTS];
};

void hf_wheel_init(struct hf_wheel *wheel, uint64_t now_ms);
void hf_timer_init(struct hf_timer *timer, hf_timer_fn *on_due);

/* Arms or re-arms for due_ms (absolute; a past time fires at the next run). */
void hf_wheel_arm(struct hf_wheel *wheel, struct hf_timer *timer, uint64_t due_ms);
void hf_wheel_cancel(struct hf_wheel *wheel, struct hf_timer *timer); /* harmless if not armed */
bool hf_timer_armed(const struct hf_timer *timer);

/* Fires everything due at now_ms. A callback may arm, re-arm, cancel or free any timer, its own
 * included. A timer armed for the past inside a callback fires in the next run, not in this one, so a
 * run is bounded. Returns how many fired. A clock that jumps far forward costs one pass over the slots. */
unsigned hf_wheel_run(struct hf_wheel *wheel, uint64_t now_ms);

/* Milliseconds until the next run can have work, at most max_ms; 0 = now. A lower bound, not exact. */
unsigned hf_wheel_wait_ms(const struct hf_wheel *wheel, uint64_t now_ms, unsigned max_ms);

#endif
