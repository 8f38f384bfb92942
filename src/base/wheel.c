/* base/wheel.c - a timer due in tick T lies in slot T modulo HF_WHEEL_SLOTS, or on `overdue` when T had
 * been run already as it was armed. A run takes everything due off its list first and fires it then, so
 * callbacks see a consistent wheel. */
#include "base/wheel.h"

#include <limits.h>
#include <stddef.h>

_Static_assert((HF_WHEEL_SLOTS & (HF_WHEEL_SLOTS - 1)) == 0, "a slot is found by masking");

static uint64_t due_tick(uint64_t due_ms) /* rounds up: never early */
{
    return due_ms / HF_WHEEL_TICK_MS + (due_ms % HF_WHEEL_TICK_MS != 0);
}

static const struct hf_list_node *slot_of(const struct hf_wheel *wheel, uint64_t tick)
{
    return &wheel->slots[tick & (HF_WHEEL_SLOTS - 1)];
}

void hf_wheel_init(struct hf_wheel *wheel, uint64_t now_ms)
{
    wheel->tick = now_ms / HF_WHEEL_TICK_MS;
    wheel->armed = 0;
    hf_list_init(&wheel->overdue);
    for (size_t i = 0; i < HF_WHEEL_SLOTS; i++)
        hf_list_init(&wheel->slots[i]);
}

void hf_timer_init(struct hf_timer *timer, hf_timer_fn *on_due)
{
    hf_list_init(&timer->node);
    timer->due_ms = 0;
    timer->on_due = on_due;
}

bool hf_timer_armed(const struct hf_timer *timer)
{
    return timer->due_ms != 0;
}

void hf_wheel_arm(struct hf_wheel *wheel, struct hf_timer *timer, uint64_t due_ms)
{
    uint64_t tick = due_tick(due_ms);

    hf_wheel_cancel(wheel, timer);
    timer->due_ms = due_ms > 0 ? due_ms : 1; /* 0 stands for not armed */
    if (tick <= wheel->tick)
        hf_list_push_back(&wheel->overdue, &timer->node);
    else
        hf_list_push_back(&wheel->slots[tick & (HF_WHEEL_SLOTS - 1)], &timer->node);
    wheel->armed++;
}

void hf_wheel_cancel(struct hf_wheel *wheel, struct hf_timer *timer)
{
    if (!hf_timer_armed(timer))
        return;
    HF_ASSERT(wheel->armed > 0);
    hf_list_remove(&timer->node);
    timer->due_ms = 0;
    wheel->armed--;
}

/* Moves what is due by `tick` out of one slot; timers of later rounds stay. */
static void collect(struct hf_list_node *slot, uint64_t tick, struct hf_list_node *due)
{
    struct hf_list_node *next;

    for (struct hf_list_node *node = slot->next; node != slot; node = next) {
        struct hf_timer *timer = HF_CONTAINER_OF(node, struct hf_timer, node);

        next = node->next;
        if (due_tick(timer->due_ms) > tick)
            continue;
        hf_list_remove(node);
        hf_list_push_back(due, node);
    }
}

unsigned hf_wheel_run(struct hf_wheel *wheel, uint64_t now_ms)
{
    uint64_t now_tick = now_ms / HF_WHEEL_TICK_MS;
    struct hf_list_node due, *node;
    unsigned fired = 0;

    hf_list_init(&due);
    hf_list_splice(&due, &wheel->overdue);
    if (now_tick > wheel->tick) {
        uint64_t ticks = HF_MIN(now_tick - wheel->tick, (uint64_t)HF_WHEEL_SLOTS);

        for (uint64_t i = 1; i <= ticks; i++)
            collect(&wheel->slots[(wheel->tick + i) & (HF_WHEEL_SLOTS - 1)], now_tick, &due);
        wheel->tick = now_tick; /* before any callback, so that arming for the past means the next run */
    }
    while ((node = hf_list_pop_front(&due)) != NULL) {
        struct hf_timer *timer = HF_CONTAINER_OF(node, struct hf_timer, node);

        timer->due_ms = 0;
        wheel->armed--;
        fired++;
        timer->on_due(timer, now_ms); /* may free the timer */
    }
    return fired;
}

unsigned hf_wheel_wait_ms(const struct hf_wheel *wheel, uint64_t now_ms, unsigned max_ms)
{
    if (!hf_list_empty(&wheel->overdue))
        return 0;
    if (wheel->armed == 0)
        return max_ms;
    for (uint64_t i = 1; i <= HF_WHEEL_SLOTS; i++) {
        uint64_t at_ms = (wheel->tick + i) * HF_WHEEL_TICK_MS;

        if (at_ms > now_ms && at_ms - now_ms >= max_ms)
            return max_ms;
        if (!hf_list_empty(slot_of(wheel, wheel->tick + i)))
            return at_ms > now_ms ? (unsigned)(at_ms - now_ms) : 0;
    }
    return max_ms;
}
