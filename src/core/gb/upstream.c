#include "core/gb/upstream.h"

#include "base/assert.h"

const char *hf_gb_up_state_name(unsigned state)
{
#define NAME(id, name) name,
    static const char *const names[] = {HF_GB_UP_STATE_MAP(NAME)};
#undef NAME

    return state < HF_GB_UP_STATES ? names[state] : "unknown";
}

/* BACKOFF: another failure in a row. SOON: the attempt had succeeded before, so only 60 s from its begin have to pass. */
enum { THERE = 1, BACKOFF = 2, SOON = 4 };

static const struct cell {
    uint8_t next, act, flags;
} cells[HF_GB_UP_STATES][HF_GB_UP_EVENTS] = {
#define GOES(next, act)      \
    {                        \
        (next), (act), THERE \
    }
#define FAILS                                               \
    {                                                       \
        HF_GB_UP_WAITING, HF_GB_UP_GIVE_UP, THERE | BACKOFF \
    }
#define BREAKS                                           \
    {                                                    \
        HF_GB_UP_WAITING, HF_GB_UP_GIVE_UP, THERE | SOON \
    }
#define ENDS                               \
    {                                      \
        HF_GB_UP_IDLE, HF_GB_UP_END, THERE \
    }
    [HF_GB_UP_IDLE] = {[HF_GB_UP_EV_START] = GOES(HF_GB_UP_CONNECTING, HF_GB_UP_CONNECT)},
    [HF_GB_UP_CONNECTING] = {[HF_GB_UP_EV_CONNECTED] = GOES(HF_GB_UP_REGISTERING, HF_GB_UP_REGISTER),
                             [HF_GB_UP_EV_UNANSWERED] = FAILS,
                             [HF_GB_UP_EV_LOST] = FAILS,
                             [HF_GB_UP_EV_DUE] = FAILS,
                             [HF_GB_UP_EV_STOP] = ENDS},
    [HF_GB_UP_REGISTERING] = {[HF_GB_UP_EV_AGAIN] = GOES(HF_GB_UP_REGISTERING, HF_GB_UP_REGISTER_AGAIN),
                              [HF_GB_UP_EV_REDIRECTED] = GOES(HF_GB_UP_CONNECTING, HF_GB_UP_CONNECT),
                              [HF_GB_UP_EV_ACCEPTED] = GOES(HF_GB_UP_REGISTERED, HF_GB_UP_KEEP),
                              [HF_GB_UP_EV_REFUSED] = FAILS,
                              [HF_GB_UP_EV_UNANSWERED] = FAILS,
                              [HF_GB_UP_EV_LOST] = FAILS,
                              [HF_GB_UP_EV_STOP] = ENDS},
    [HF_GB_UP_REGISTERED] = {[HF_GB_UP_EV_DUE] = GOES(HF_GB_UP_REFRESHING, HF_GB_UP_REGISTER),
                             [HF_GB_UP_EV_LOST] = BREAKS,
                             [HF_GB_UP_EV_SILENT] = BREAKS,
                             [HF_GB_UP_EV_FORGOTTEN] = BREAKS,
                             [HF_GB_UP_EV_STOP] = GOES(HF_GB_UP_LEAVING, HF_GB_UP_UNREGISTER)},
    [HF_GB_UP_REFRESHING] = {[HF_GB_UP_EV_AGAIN] = GOES(HF_GB_UP_REFRESHING, HF_GB_UP_REGISTER_AGAIN),
                             [HF_GB_UP_EV_ACCEPTED] = GOES(HF_GB_UP_REGISTERED, HF_GB_UP_KEEP),
                             [HF_GB_UP_EV_REFUSED] = FAILS,
                             [HF_GB_UP_EV_UNANSWERED] = FAILS,
                             [HF_GB_UP_EV_LOST] = BREAKS,
                             [HF_GB_UP_EV_SILENT] = BREAKS,
                             /* FORGOTTEN: the refresh is under way, and its answer tells */
                             [HF_GB_UP_EV_STOP] = GOES(HF_GB_UP_LEAVING, HF_GB_UP_UNREGISTER)},
    [HF_GB_UP_WAITING] =
        {[HF_GB_UP_EV_DUE] = GOES(HF_GB_UP_CONNECTING, HF_GB_UP_CONNECT), [HF_GB_UP_EV_STOP] = ENDS},
    [HF_GB_UP_LEAVING] = {[HF_GB_UP_EV_AGAIN] = GOES(HF_GB_UP_LEAVING, HF_GB_UP_REGISTER_AGAIN),
                          [HF_GB_UP_EV_ACCEPTED] = ENDS,
                          [HF_GB_UP_EV_REFUSED] = ENDS,
                          [HF_GB_UP_EV_UNANSWERED] = ENDS,
                          [HF_GB_UP_EV_LOST] = ENDS,
                          [HF_GB_UP_EV_DUE] = ENDS},
#undef GOES
#undef FAILS
#undef BREAKS
#undef ENDS
};

static uint64_t jitter_ms(uint64_t wait_ms, uint32_t random)
{
    return wait_ms / HF_GB_UP_WAIT_JITTER_PART * random / UINT32_MAX;
}

uint64_t hf_gb_up_wait_ms(uint32_t failures, uint32_t retry_after_s, uint32_t random)
{
    uint32_t doublings = failures > 0 ? failures - 1 : 0;
    uint64_t wait_ms = (uint64_t)HF_GB_UP_WAIT_MS
                       << (doublings < HF_GB_UP_WAIT_DOUBLINGS ? doublings : HF_GB_UP_WAIT_DOUBLINGS);
    uint64_t asked_ms =
        1000ull *
        (retry_after_s < HF_GB_UP_RETRY_AFTER_S_MAX ? retry_after_s : (uint32_t)HF_GB_UP_RETRY_AFTER_S_MAX);

    if (wait_ms > HF_GB_UP_WAIT_MS_MAX)
        wait_ms = HF_GB_UP_WAIT_MS_MAX;
    if (wait_ms < asked_ms)
        wait_ms = asked_ms;
    return wait_ms + jitter_ms(wait_ms, random);
}

/* Up to a tenth earlier than 80 %, so that many who came at once do not refresh at once. */
static uint64_t refresh_ms(uint64_t lasts_ms, uint32_t random)
{
    return lasts_ms * HF_GB_UP_REFRESH_PERCENT / 100 - lasts_ms / 10 * random / UINT32_MAX;
}

static uint64_t due_ms(struct hf_gb_up *up, const struct hf_gb_up_news *news, const struct cell *cell)
{
    uint64_t lasts_ms =
        1000ull *
        (news->expires_s > HF_GB_UP_EXPIRES_S_MIN ? news->expires_s : (uint32_t)HF_GB_UP_EXPIRES_S_MIN);
    uint64_t soon_ms;

    switch ((enum hf_gb_up_state)cell->next) {
    case HF_GB_UP_CONNECTING: return news->now_ms + HF_GB_UP_CONNECT_MS;
    case HF_GB_UP_REGISTERED: return news->now_ms + refresh_ms(lasts_ms, news->random);
    case HF_GB_UP_LEAVING: return news->now_ms + HF_GB_UP_LEAVE_MS;
    case HF_GB_UP_WAITING:
        if (cell->flags & BACKOFF)
            return news->now_ms + hf_gb_up_wait_ms(up->failures, news->retry_after_s, news->random);
        soon_ms = up->attempt_ms + HF_GB_UP_WAIT_MS;
        return (soon_ms > news->now_ms ? soon_ms : news->now_ms) +
               jitter_ms(HF_GB_UP_WAIT_MS / 10, news->random);
    case HF_GB_UP_IDLE:
    case HF_GB_UP_REGISTERING: /* the transaction has its own deadline */
    case HF_GB_UP_REFRESHING:
    case HF_GB_UP_STATES: break;
    }
    return UINT64_MAX;
}

enum hf_gb_up_act hf_gb_up_step(struct hf_gb_up *up, enum hf_gb_up_event event,
                                const struct hf_gb_up_news *news)
{
    HF_ASSERT(up->state < HF_GB_UP_STATES);
    HF_ASSERT(event < HF_GB_UP_EVENTS);
    if (event == HF_GB_UP_EV_AGAIN && up->again >= HF_GB_UP_AGAIN_MAX)
        event = HF_GB_UP_EV_REFUSED;
    const struct cell *cell = &cells[up->state][event];

    if (!(cell->flags & THERE))
        return HF_GB_UP_NOTHING;
    if (cell->next != up->state)
        up->since_ms = news->now_ms;
    up->again = event == HF_GB_UP_EV_AGAIN ? up->again + 1 : 0;
    if (cell->flags & BACKOFF)
        up->failures += up->failures < UINT32_MAX;
    if (event == HF_GB_UP_EV_ACCEPTED) {
        up->failures = 0;
        up->missed = 0;
        up->expires_ms = news->now_ms + 1000ull * news->expires_s;
    }
    if (cell->act == HF_GB_UP_CONNECT)
        up->attempt_ms = news->now_ms;
    if (cell->act == HF_GB_UP_GIVE_UP || cell->act == HF_GB_UP_END) {
        up->expires_ms = 0;
        up->missed = 0;
    }
    if (event != HF_GB_UP_EV_AGAIN)
        up->due_ms = due_ms(up, news, cell);
    up->state = cell->next;
    return (enum hf_gb_up_act)cell->act;
}

bool hf_gb_up_beat(struct hf_gb_up *up, bool answered, uint32_t count)
{
    up->missed = answered ? 0 : (uint16_t)(up->missed + (up->missed < UINT16_MAX));
    return up->missed >= count;
}
