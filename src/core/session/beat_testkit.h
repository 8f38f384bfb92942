/* core/session/beat_testkit.h - one side of a connection on a clock that a test moves; what it decides is written down as text. */
#ifndef HF_CORE_SESSION_BEAT_TESTKIT_H
#define HF_CORE_SESSION_BEAT_TESTKIT_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "core/session/heartbeat.h"

#define KIT static __attribute__((unused))

enum { KIT_START_MS = 1000, KIT_UTC_MS = 77 };

static const struct hf_beat_rules kit_default = {HF_PROFILE_DEFAULT, 3, 30000, 7500, 60000};
static const struct hf_beat_rules kit_ha = {.profile = HF_PROFILE_HA, .k = 3};
static const struct hf_beat_rules kit_adaptive = {.profile = HF_PROFILE_ADAPTIVE, .k = 3};

static struct hf_beat beat;
static struct hf_frame_beat kit_ping; /* the last one sent */
static uint32_t kit_rtt_ms;           /* of the last PONG */
static char kit_log[2048];            /* "30000 send 1" ..., ms since KIT_START_MS */

KIT void kit_note(uint64_t now_ms, const char *what)
{
    size_t used = strlen(kit_log);

    (void)snprintf(kit_log + used, sizeof(kit_log) - used, "%s%" PRIu64 " %s", used ? ", " : "",
                   now_ms - KIT_START_MS, what);
}

KIT void kit_begin(const struct hf_beat_rules *rules, bool active, uint32_t interval_ms)
{
    hf_beat_init(&beat, rules, active, interval_ms, KIT_START_MS);
    kit_log[0] = 0;
}

/* Every tick that is due until then, on time; a DEAD ends it. */
KIT void kit_run(uint64_t until_ms)
{
    static const char *const names[] = {"", "send", "degraded", "restored", "dead", "invalid", "many"};

    until_ms += KIT_START_MS;
    while (hf_beat_due_ms(&beat) <= until_ms) {
        uint64_t now_ms = hf_beat_due_ms(&beat);

        for (;;) {
            enum hf_beat_verdict verdict = hf_beat_tick(&beat, now_ms, KIT_UTC_MS, &kit_ping);

            if (verdict == HF_BEAT_NOTHING)
                break;
            kit_note(now_ms, names[verdict]);
            if (verdict == HF_BEAT_DEAD)
                return;
        }
        assert_true(hf_beat_due_ms(&beat) > now_ms); /* else a timer would spin */
    }
}

KIT enum hf_beat_verdict kit_pong_of(struct hf_frame_beat ping, uint64_t at_ms)
{
    return hf_beat_pong(&beat, &ping, at_ms + KIT_START_MS, &kit_rtt_ms);
}

KIT void kit_expect(const char *want)
{
    assert_string_equal(kit_log, want);
    kit_log[0] = 0;
}

/* Runs until the next beat went out and answers it after delay_ms, ticks in between included. The verdict of the answer. */
KIT enum hf_beat_verdict kit_answer_next(uint64_t delay_ms)
{
    uint32_t seq = beat.seq;

    while (beat.seq == seq)
        kit_run(hf_beat_due_ms(&beat) - KIT_START_MS);
    struct hf_frame_beat ping = kit_ping;
    uint64_t at_ms = beat.sent_ms - KIT_START_MS + delay_ms;

    kit_run(at_ms);
    return kit_pong_of(ping, at_ms);
}

#endif
