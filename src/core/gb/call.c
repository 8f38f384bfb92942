#include "core/gb/call.h"

#include "base/assert.h"
#include "base/slice.h"

const char *hf_gb_call_state_name(unsigned state)
{
#define NAME(id, name) [id] = name,
    static const char *const names[HF_GB_CALL_STATES] = {HF_GB_CALL_STATE_MAP(NAME)};
#undef NAME
    return state < HF_GB_CALL_STATES ? names[state] : "unknown";
}

const char *hf_gb_call_due_name(enum hf_gb_call_due due)
{
    static const char *const names[HF_GB_CALL_DUES] = {"none",  "setup",   "media", "tail",
                                                       "pause", "refresh", "close"};

    HF_ASSERT(due < HF_GB_CALL_DUES);
    return names[due];
}

/* ---- the table ---- */

enum { THERE = 128 };

#define ACK    HF_GB_CALL_DO_ACK
#define BYE    HF_GB_CALL_DO_BYE
#define CANCEL HF_GB_CALL_DO_CANCEL
#define OK     HF_GB_CALL_DO_OK
#define END    HF_GB_CALL_DO_END

/* The matrix of GB-12; STOP is its column "BYE" when we are the ones who say it. */
static const struct cell {
    uint8_t next, flags;
} cells[HF_GB_CALL_STATES][HF_GB_CALL_EVENTS] = {
    [HF_GB_CALL_IDLE] = {[HF_GB_CALL_INVITE] = {HF_GB_CALL_RINGING, THERE}},
    [HF_GB_CALL_RINGING] =
        {
            [HF_GB_CALL_1XX] = {HF_GB_CALL_RINGING, THERE},
            [HF_GB_CALL_2XX] = {HF_GB_CALL_CONNECTED, THERE | ACK},
            [HF_GB_CALL_REFUSED] = {HF_GB_CALL_DISCONNECTED, THERE | END},
            [HF_GB_CALL_BYE] = {HF_GB_CALL_DISCONNECTED, THERE | OK | END},
            [HF_GB_CALL_STOP] = {HF_GB_CALL_DISCONNECTED, THERE | CANCEL | END},
            [HF_GB_CALL_SETUP] = {HF_GB_CALL_DISCONNECTED, THERE | CANCEL | END},
            [HF_GB_CALL_LOST] = {HF_GB_CALL_DISCONNECTED, THERE | CANCEL | END},
        },
    [HF_GB_CALL_CONNECTED] =
        {
            [HF_GB_CALL_2XX] = {HF_GB_CALL_CONNECTED, THERE | ACK},
            [HF_GB_CALL_BYE] = {HF_GB_CALL_DISCONNECTED, THERE | OK | END},
            [HF_GB_CALL_STOP] = {HF_GB_CALL_DISCONNECTED, THERE | BYE | END},
            [HF_GB_CALL_LOST] = {HF_GB_CALL_DISCONNECTED, THERE | BYE | END},
        },
    [HF_GB_CALL_DISCONNECTED] =
        {
            [HF_GB_CALL_1XX] = {HF_GB_CALL_DISCONNECTED, THERE},
            [HF_GB_CALL_2XX] = {HF_GB_CALL_DISCONNECTED, THERE | ACK | BYE},
            [HF_GB_CALL_REFUSED] = {HF_GB_CALL_DISCONNECTED, THERE},
            [HF_GB_CALL_BYE] = {HF_GB_CALL_DISCONNECTED, THERE | OK},
            [HF_GB_CALL_FREED] = {HF_GB_CALL_IDLE, THERE},
        },
};

struct hf_gb_call_step hf_gb_call_look(enum hf_gb_call_state state, enum hf_gb_call_event event)
{
    HF_ASSERT(state < HF_GB_CALL_STATES);
    HF_ASSERT(event < HF_GB_CALL_EVENTS);
    const struct cell *cell = &cells[state][event];

    if (!(cell->flags & THERE))
        return (struct hf_gb_call_step){.next = state, .forbidden = true};
    return (struct hf_gb_call_step){.next = (enum hf_gb_call_state)cell->next,
                                    .todo = cell->flags & (uint8_t)~THERE};
}

struct hf_gb_call_step hf_gb_call_step(hf_gb_call_word *word, enum hf_gb_call_event event)
{
    uint64_t seen = atomic_load(word);

    for (;;) {
        struct hf_gb_call_step step = hf_gb_call_look((enum hf_gb_call_state)(seen & 0xff), event);

        /* Another thread's step in between makes us look again, from where it has led. */
        if (step.forbidden ||
            atomic_compare_exchange_weak(word, &seen, ((seen >> 8) + 1) << 8 | (uint64_t)step.next))
            return step;
    }
}

/* ---- deadlines ---- */

uint32_t hf_gb_call_setup_ms(uint32_t wanted_ms)
{
    return wanted_ms == 0 ? HF_GB_CALL_SETUP_MS
                          : HF_MIN(HF_MAX(wanted_ms, (uint32_t)HF_GB_CALL_SETUP_MS_MIN),
                                   (uint32_t)HF_GB_CALL_SETUP_MS_MAX);
}

static void sooner(enum hf_gb_call_due due, uint64_t ms, enum hf_gb_call_due *ret, uint64_t *ret_ms)
{
    if (*ret != HF_GB_CALL_DUE_NOTHING && *ret_ms <= ms)
        return;
    *ret = due;
    *ret_ms = ms;
}

/* How long the rest of a history takes at its speed. */
static uint64_t rest_ms(const struct hf_gb_call_times *times)
{
    uint64_t left = times->scale < 0 ? times->played_ms : times->length_ms - times->played_ms;
    uint64_t speed = (uint64_t)(times->scale < 0 ? -(int64_t)times->scale : times->scale);

    return speed > 0 ? left * 1000 / speed : left;
}

static uint32_t media_ms(const struct hf_gb_call_times *times)
{
    return times->history ? HF_GB_CALL_MEDIA_HISTORY_MS : HF_GB_CALL_MEDIA_MS;
}

enum hf_gb_call_due hf_gb_call_due(const struct hf_gb_call_times *times, enum hf_gb_call_state state,
                                   uint64_t *ret_due_ms)
{
    enum hf_gb_call_due due = HF_GB_CALL_DUE_NOTHING;

    HF_ASSERT(state < HF_GB_CALL_STATES);
    *ret_due_ms = UINT64_MAX;
    if (state == HF_GB_CALL_IDLE || state == HF_GB_CALL_RINGING)
        sooner(HF_GB_CALL_DUE_SETUP, times->begun_ms + times->setup_ms, &due, ret_due_ms);
    if (state == HF_GB_CALL_DISCONNECTED)
        sooner(HF_GB_CALL_DUE_CLOSE, times->ended_ms + HF_GB_CALL_CLOSE_MS, &due, ret_due_ms);
    if (state != HF_GB_CALL_CONNECTED)
        return due;
    if (times->watched && times->media_ms == 0)
        sooner(HF_GB_CALL_DUE_MEDIA, times->connected_ms + media_ms(times), &due, ret_due_ms);
    if (times->paused_ms != 0)
        sooner(HF_GB_CALL_DUE_PAUSE, times->paused_ms + HF_GB_CALL_PAUSE_MS, &due, ret_due_ms);
    else if (times->history && times->length_ms > 0)
        sooner(HF_GB_CALL_DUE_TAIL, times->mark_ms + rest_ms(times) + HF_GB_CALL_TAIL_MS, &due, ret_due_ms);
    if (times->refresh_ms != 0)
        sooner(HF_GB_CALL_DUE_REFRESH, times->refresh_ms, &due, ret_due_ms);
    return due;
}

uint32_t hf_gb_call_limit_ms(const struct hf_gb_call_times *times, enum hf_gb_call_due due)
{
    switch (due) {
    case HF_GB_CALL_DUE_SETUP: return times->setup_ms;
    case HF_GB_CALL_DUE_MEDIA: return media_ms(times);
    case HF_GB_CALL_DUE_TAIL: return HF_GB_CALL_TAIL_MS;
    case HF_GB_CALL_DUE_PAUSE: return HF_GB_CALL_PAUSE_MS;
    case HF_GB_CALL_DUE_CLOSE: return HF_GB_CALL_CLOSE_MS;
    default: return 0;
    }
}

/* ---- where a history is ---- */

uint64_t hf_gb_call_position_ms(const struct hf_gb_call_times *times, uint64_t now_ms)
{
    if (times->paused_ms != 0 || times->mark_ms == 0 || now_ms < times->mark_ms)
        return times->played_ms;
    uint64_t gone_ms = now_ms - times->mark_ms;
    if (gone_ms >= rest_ms(times)) /* and no product below overflows */
        return times->scale < 0 ? 0 : times->length_ms;
    return (uint64_t)((int64_t)times->played_ms + (int64_t)gone_ms * times->scale / 1000);
}

static void mark(struct hf_gb_call_times *times, uint64_t now_ms)
{
    times->played_ms = hf_gb_call_position_ms(times, now_ms);
    times->mark_ms = now_ms;
}

void hf_gb_call_pause(struct hf_gb_call_times *times, uint64_t now_ms)
{
    if (times->paused_ms != 0)
        return;
    mark(times, now_ms);
    times->paused_ms = now_ms;
}

void hf_gb_call_resume(struct hf_gb_call_times *times, uint64_t now_ms)
{
    mark(times, now_ms);
    times->paused_ms = 0;
}

void hf_gb_call_scale(struct hf_gb_call_times *times, int32_t thousandths, uint64_t now_ms)
{
    HF_ASSERT(thousandths != 0);
    mark(times, now_ms);
    times->scale = thousandths;
}

void hf_gb_call_seek(struct hf_gb_call_times *times, uint64_t position_ms, uint64_t now_ms)
{
    times->played_ms = HF_MIN(position_ms, times->length_ms);
    times->mark_ms = now_ms;
}
