/* core/session/heartbeat.c - see the picture in heartbeat.h. Whatever arrives first tells how long we ourselves were away: forgive(). */
#include "core/session/heartbeat.h"

#include "base/assert.h"
#include "core/session/serial.h"

enum { LATE_US = 200000, LOST_MASK = (1 << HF_BEAT_LOSS_WINDOW) - 1 };

uint32_t hf_beat_interval(uint32_t srtt_ms, bool degraded)
{
    uint64_t healthy_ms = (uint64_t)HF_BEAT_INTERVAL_MS_MIN * HF_MAX(srtt_ms, 100) / 100;

    healthy_ms = HF_MIN(healthy_ms, (uint64_t)HF_BEAT_INTERVAL_MS_MAX);
    return (uint32_t)(degraded ? HF_MAX(healthy_ms * 7 / 10, (uint64_t)HF_BEAT_DEGRADED_MS_MIN) : healthy_ms);
}

bool hf_beat_late(const struct hf_rtt *rtt, uint64_t delay_ms)
{
    uint64_t limit_us = HF_MAX((uint64_t)LATE_US, 3 * (uint64_t)rtt->srtt_us);

    limit_us = HF_MAX(limit_us, rtt->srtt_us + 4 * (uint64_t)rtt->rttvar_us);
    return HF_MIN(delay_ms, (uint64_t)UINT32_MAX) * 1000 > limit_us;
}

static bool by_steps(const struct hf_beat *beat)
{
    return beat->rules->profile == HF_PROFILE_DEFAULT;
}

static uint32_t bounded_ms(uint32_t interval_ms)
{
    return HF_MIN(HF_MAX(interval_ms, (uint32_t)HF_BEAT_DEGRADED_MS_MIN), (uint32_t)HF_BEAT_INTERVAL_MS_MAX);
}

static uint32_t own_interval_ms(const struct hf_beat_rules *rules)
{
    switch (rules->profile) {
    case HF_PROFILE_DEFAULT: return rules->idle_ms;
    case HF_PROFILE_HA: return HF_BEAT_HA_MS;
    case HF_PROFILE_ADAPTIVE: return HF_BEAT_INTERVAL_MS_MIN;
    default: HF_UNREACHABLE();
    }
}

/* Between two beats that nobody answers. */
static uint32_t step_ms(const struct hf_beat *beat)
{
    return by_steps(beat) ? beat->rules->repeat_ms : beat->interval_ms;
}

void hf_beat_init(struct hf_beat *beat, const struct hf_beat_rules *rules, bool active, uint32_t interval_ms,
                  uint64_t now_ms)
{
    *beat = (struct hf_beat){.rules = rules,
                             .active = active,
                             .interval_ms = bounded_ms(interval_ms ? interval_ms : own_interval_ms(rules)),
                             .life_ms = now_ms,
                             .sent_ms = now_ms,
                             .judged = true};
    beat->next_ms = now_ms + beat->interval_ms;
}

uint32_t hf_beat_timeout_ms(const struct hf_beat *beat)
{
    uint32_t margin_ms = hf_rtt_spread_ms(&beat->rtt);

    if (by_steps(beat) && beat->active)
        return beat->rules->dead_ms;
    if (by_steps(beat)) /* the gateway beats once per interval of our silence: one may be lost */
        return HF_MAX(beat->rules->dead_ms, 2 * beat->interval_ms);
    if (margin_ms == 0)
        margin_ms = HF_BEAT_MARGIN_MS_UNMEASURED;
    margin_ms = HF_MAX(margin_ms, (uint32_t)HF_BEAT_MARGIN_MS_MIN);
    return beat->rules->k * beat->interval_ms + HF_MIN(margin_ms, (uint32_t)HF_BEAT_MARGIN_MS_MAX);
}

static uint64_t dead_at_ms(const struct hf_beat *beat)
{
    return HF_MAX(beat->life_ms + hf_beat_timeout_ms(beat), beat->end_ms) +
           (beat->granted ? step_ms(beat) : 0);
}

static uint64_t beat_at_ms(const struct hf_beat *beat)
{
    if (!beat->active)
        return UINT64_MAX;
    if (by_steps(beat) && !beat->degraded) /* whoever talks is not asked */
        return beat->life_ms + beat->rules->idle_ms + (uint64_t)beat->stage * beat->rules->repeat_ms;
    return beat->next_ms;
}

uint64_t hf_beat_due_ms(const struct hf_beat *beat)
{
    return HF_MIN(dead_at_ms(beat), beat_at_ms(beat));
}

/* 0 means "answered" in open_ms. */
static uint32_t set_ms(uint64_t at_ms)
{
    return HF_MAX((uint32_t)at_ms, 1u);
}

/* Time in which this process did not run is no silence of the peer: nobody listened, and the beat that it would have answered was
 * not sent. So our clock stood still since what was due. Was that the end, then what came meanwhile still waits to be read: one more step. */
static void forgive(struct hf_beat *beat, uint64_t now_ms)
{
    uint64_t due_ms = hf_beat_due_ms(beat);

    if (beat->dead || now_ms <= due_ms + HF_BEAT_ANSWER_MS)
        return;
    uint64_t away_ms = now_ms - due_ms;

    beat->life_ms = HF_MIN(beat->life_ms + away_ms, now_ms);
    beat->sent_ms = HF_MIN(beat->sent_ms + away_ms, now_ms);
    beat->next_ms += away_ms;
    for (unsigned i = 0; i < HF_BEAT_OPEN_MAX; i++)
        if (beat->open_ms[i] != 0) {
            uint32_t age_ms = (uint32_t)now_ms - beat->open_ms[i];

            beat->open_ms[i] = set_ms(now_ms - (age_ms > away_ms ? age_ms - away_ms : 0));
        }
    if (dead_at_ms(beat) <= now_ms)
        beat->end_ms = now_ms + step_ms(beat);
}

static void alive(struct hf_beat *beat, uint64_t now_ms)
{
    beat->life_ms = now_ms;
    beat->end_ms = 0;
    beat->misses = beat->stage = 0;
    beat->granted = beat->dead = false;
}

void hf_beat_life(struct hf_beat *beat, uint64_t now_ms)
{
    alive(beat, now_ms);
}

/* HB-5: a shorter interval counts at once, a longer one when the peer has told that it knows. A beat that would have been due by now is due
 * now, or forgive() would take it for one that we slept through. */
static void adapt(struct hf_beat *beat, uint64_t now_ms)
{
    if (beat->rules->profile != HF_PROFILE_ADAPTIVE || !beat->active)
        return;
    beat->wanted_ms = hf_beat_interval(hf_rtt_srtt_ms(&beat->rtt), beat->degraded);
    if (beat->wanted_ms > beat->interval_ms)
        return;
    beat->interval_ms = beat->wanted_ms;
    beat->wanted_ms = 0;
    beat->next_ms = HF_MIN(beat->next_ms, HF_MAX(beat->sent_ms + beat->interval_ms, now_ms));
}

static enum hf_beat_verdict become_degraded(struct hf_beat *beat, uint64_t now_ms)
{
    beat->degraded = true;
    beat->next_ms = HF_MAX(beat->sent_ms + step_ms(beat), now_ms);
    adapt(beat, now_ms);
    return HF_BEAT_DEGRADED;
}

static enum hf_beat_verdict become_healthy(struct hf_beat *beat, uint64_t now_ms)
{
    beat->degraded = false;
    beat->lost_bits = 0;
    adapt(beat, now_ms);
    return HF_BEAT_RESTORED;
}

static bool is_open(const struct hf_beat *beat, uint32_t seq)
{
    return beat->seq - seq < HF_BEAT_OPEN_MAX && beat->open_ms[seq % HF_BEAT_OPEN_MAX] != 0;
}

/* The next beat is due: what became of the last one? */
static void judge(struct hf_beat *beat)
{
    bool lost = is_open(beat, beat->seq);

    beat->judged = true;
    beat->lost_bits = (beat->lost_bits << 1 | lost) & LOST_MASK;
    if (!lost)
        return;
    beat->on_time = 0;
    if (beat->life_ms <= beat->sent_ms && beat->misses < UINT8_MAX)
        beat->misses++;
}

static bool is_sick(const struct hf_beat *beat)
{
    return beat->misses >= HF_BEAT_MISSES_DEGRADED ||
           __builtin_popcount(beat->lost_bits) >= HF_BEAT_LOST_DEGRADED;
}

static void send_beat(struct hf_beat *beat, uint64_t now_ms, uint64_t utc_ms, struct hf_frame_beat *ret_beat)
{
    beat->seq++;
    beat->judged = false;
    beat->sent_ms = now_ms;
    beat->open_ms[beat->seq % HF_BEAT_OPEN_MAX] = set_ms(now_ms);
    beat->next_ms = now_ms + step_ms(beat);
    if (by_steps(beat))
        while (beat->stage < UINT8_MAX && beat_at_ms(beat) <= now_ms)
            beat->stage++; /* a late tick sends one beat, not several */
    *ret_beat = (struct hf_frame_beat){.beat = {.seq = beat->seq, .ts_ms = utc_ms},
                                       .interval_ms = beat->wanted_ms ? beat->wanted_ms : beat->interval_ms,
                                       .valid = true};
}

enum hf_beat_verdict hf_beat_tick(struct hf_beat *beat, uint64_t now_ms, uint64_t utc_ms,
                                  struct hf_frame_beat *ret_beat)
{
    forgive(beat, now_ms);
    if (now_ms >= dead_at_ms(beat)) {
        beat->dead = true;
        return HF_BEAT_DEAD;
    }
    if (now_ms < beat_at_ms(beat))
        return HF_BEAT_NOTHING;
    if (!beat->judged) {
        judge(beat);
        if (!beat->degraded && is_sick(beat)) {
            beat->end_ms = dead_at_ms(beat);
            return become_degraded(beat, now_ms);
        }
    }
    send_beat(beat, now_ms, utc_ms, ret_beat);
    return HF_BEAT_SEND;
}

static enum hf_beat_verdict invalid(struct hf_beat *beat, uint64_t now_ms)
{
    return hf_strikes_add(&beat->invalid, now_ms) ? HF_BEAT_INVALID_MANY : HF_BEAT_INVALID;
}

/* The beat `seq` is answered after all: it is not lost any more. */
static void unlose(struct hf_beat *beat, uint32_t seq)
{
    uint32_t age = beat->seq - seq; /* 0: the last one, in bit 0 once it is judged */

    if (!beat->judged)
        age--;
    if (age < HF_BEAT_LOSS_WINDOW)
        beat->lost_bits &= ~(UINT32_C(1) << age);
}

static bool answered_late(struct hf_beat *beat, uint32_t seq, uint64_t now_ms, uint32_t *ret_rtt_ms)
{
    if (!is_open(beat, seq))
        return true; /* so late that others took its place */
    uint32_t *sent_ms = &beat->open_ms[seq % HF_BEAT_OPEN_MAX], delay_ms = (uint32_t)now_ms - *sent_ms;
    bool late = hf_beat_late(&beat->rtt, delay_ms); /* before the sample counts */

    *sent_ms = 0;
    hf_rtt_sample(&beat->rtt, delay_ms);
    *ret_rtt_ms = delay_ms;
    return late;
}

enum hf_beat_verdict hf_beat_pong(struct hf_beat *beat, const struct hf_frame_beat *pong, uint64_t now_ms,
                                  uint32_t *ret_rtt_ms)
{
    uint32_t seq = pong->beat.seq;

    *ret_rtt_ms = HF_BEAT_UNMEASURED;
    forgive(beat, now_ms);
    if (!pong->valid || !hf_serial_newer(seq, beat->answered_seq) || hf_serial_newer(seq, beat->seq))
        return invalid(beat, now_ms);
    alive(beat, now_ms);
    beat->answered_seq = seq;
    unlose(beat, seq);
    bool late = answered_late(beat, seq, now_ms, ret_rtt_ms);

    if (beat->wanted_ms != 0 && pong->interval_ms > beat->interval_ms)
        beat->interval_ms = HF_MIN(pong->interval_ms, beat->wanted_ms); /* the peer knows this one */
    adapt(beat, now_ms);
    if (late) {
        beat->on_time = 0;
        beat->late = (uint8_t)HF_MIN(beat->late + 1, HF_BEAT_LATE_MAX);
        return !beat->degraded && beat->late >= HF_BEAT_LATE_MAX ? become_degraded(beat, now_ms)
                                                                 : HF_BEAT_NOTHING;
    }
    beat->late = 0;
    beat->on_time = (uint8_t)HF_MIN(beat->on_time + 1, HF_BEAT_ON_TIME_RESTORES);
    return beat->degraded && beat->on_time >= HF_BEAT_ON_TIME_RESTORES ? become_healthy(beat, now_ms)
                                                                       : HF_BEAT_NOTHING;
}

enum hf_beat_verdict hf_beat_ping(struct hf_beat *beat, const struct hf_frame_beat *ping, uint64_t now_ms)
{
    if (!ping->valid || (beat->peer_seen && !hf_serial_newer(ping->beat.seq, beat->peer_seq)))
        return invalid(beat, now_ms);
    alive(beat, now_ms);
    beat->peer_seen = true;
    beat->peer_seq = ping->beat.seq;
    if (!beat->active && ping->interval_ms != 0)
        beat->interval_ms = bounded_ms(ping->interval_ms);
    return HF_BEAT_NOTHING;
}

bool hf_beat_grant(struct hf_beat *beat, uint64_t now_ms)
{
    if (beat->granted)
        return false;
    beat->granted = true;
    beat->dead = false;
    return now_ms < dead_at_ms(beat);
}
