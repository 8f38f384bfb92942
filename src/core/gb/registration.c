#include "core/gb/registration.h"

#include "base/assert.h"

const char *hf_gb_state_name(unsigned state)
{
    static const char *const names[] = {"offline", "registered", "suspect"};

    return state < HF_GB_STATES ? names[state] : "unknown";
}

enum { TELL = 1, ENDS = 2, THERE = 4 /* the cell */ };

static const struct cell {
    uint8_t next, evidence, flags;
    uint8_t reason;
} cells[HF_GB_STATES][HF_GB_EVENTS] = {
    [HF_GB_OFFLINE] = {[HF_GB_EV_REGISTER] = {HF_GB_REGISTERED, HF_EVIDENCE_CONNECTED, THERE,
                                              HF_REASON_CONNECTED},
                       [HF_GB_EV_RESTORED] = {HF_GB_SUSPECT, HF_EVIDENCE_QUIET, THERE,
                                              HF_REASON_NODE_RESTART}},
    [HF_GB_REGISTERED] =
        {
            [HF_GB_EV_REGISTER] = {HF_GB_REGISTERED, HF_EVIDENCE_LIFE, THERE, HF_REASON_CONNECTED},
            [HF_GB_EV_LIFE] = {HF_GB_REGISTERED, HF_EVIDENCE_LIFE, THERE, HF_REASON_CONNECTED},
            [HF_GB_EV_QUIET] = {HF_GB_SUSPECT, HF_EVIDENCE_QUIET, THERE | TELL, HF_REASON_SILENCE},
            [HF_GB_EV_SILENT] = {HF_GB_OFFLINE, HF_EVIDENCE_SILENT, THERE | ENDS,
                                 HF_REASON_HEARTBEAT_TIMEOUT},
            [HF_GB_EV_BYE] = {HF_GB_OFFLINE, HF_EVIDENCE_BYE, THERE | ENDS, HF_REASON_NORMAL},
            [HF_GB_EV_EXPIRED] = {HF_GB_OFFLINE, HF_EVIDENCE_EXPIRED, THERE | ENDS,
                                  HF_REASON_REGISTRATION_EXPIRED},
            [HF_GB_EV_STREAM_LOST] = {HF_GB_SUSPECT, HF_EVIDENCE_QUIET, THERE | TELL,
                                      HF_REASON_CONNECTION_LOST},
            [HF_GB_EV_CLOSED] = {HF_GB_OFFLINE, HF_EVIDENCE_BYE, THERE | ENDS, HF_REASON_NONE},
        },
    [HF_GB_SUSPECT] =
        {
            [HF_GB_EV_REGISTER] = {HF_GB_REGISTERED, HF_EVIDENCE_LIFE, THERE | TELL, HF_REASON_CONNECTED},
            [HF_GB_EV_LIFE] = {HF_GB_REGISTERED, HF_EVIDENCE_LIFE, THERE | TELL, HF_REASON_CONNECTED},
            [HF_GB_EV_SILENT] = {HF_GB_OFFLINE, HF_EVIDENCE_SILENT, THERE | ENDS,
                                 HF_REASON_HEARTBEAT_TIMEOUT},
            [HF_GB_EV_BYE] = {HF_GB_OFFLINE, HF_EVIDENCE_BYE, THERE | ENDS, HF_REASON_NORMAL},
            [HF_GB_EV_EXPIRED] = {HF_GB_OFFLINE, HF_EVIDENCE_EXPIRED, THERE | ENDS,
                                  HF_REASON_REGISTRATION_EXPIRED},
            [HF_GB_EV_STREAM_LOST] = {HF_GB_SUSPECT, HF_EVIDENCE_QUIET, THERE, HF_REASON_CONNECTION_LOST},
            [HF_GB_EV_GRACE_OVER] = {HF_GB_OFFLINE, HF_EVIDENCE_SILENT, THERE | ENDS,
                                     HF_REASON_CONNECTION_LOST},
            [HF_GB_EV_CLOSED] = {HF_GB_OFFLINE, HF_EVIDENCE_BYE, THERE | ENDS, HF_REASON_NONE},
        },
};

struct hf_gb_step hf_gb_step(enum hf_gb_state state, enum hf_gb_event event)
{
    HF_ASSERT(state < HF_GB_STATES);
    HF_ASSERT(event < HF_GB_EVENTS);
    const struct cell *cell = &cells[state][event];

    if (!(cell->flags & THERE))
        return (struct hf_gb_step){.next = state, .ignored = true};
    return (struct hf_gb_step){.next = (enum hf_gb_state)cell->next,
                               .evidence = (enum hf_evidence)cell->evidence,
                               .reason = (enum hf_reason)cell->reason,
                               .tell = cell->flags & TELL,
                               .ends = cell->flags & ENDS};
}

uint32_t hf_gb_keepalive_ms(uint32_t wanted_ms)
{
    return wanted_ms == 0 ? HF_GB_KEEPALIVE_MS
                          : HF_MIN(HF_MAX(wanted_ms, (uint32_t)HF_GB_KEEPALIVE_MS_MIN),
                                   (uint32_t)HF_GB_KEEPALIVE_MS_MAX);
}

uint32_t hf_gb_keepalive_count(uint32_t wanted)
{
    return wanted == 0 ? HF_GB_KEEPALIVE_COUNT : HF_MIN(wanted, (uint32_t)HF_GB_KEEPALIVE_COUNT_MAX);
}

enum hf_gb_event hf_gb_life_due(const struct hf_gb_life *life, enum hf_gb_state state, uint64_t *ret_due_ms)
{
    uint64_t silent_ms = life->last_ms + (uint64_t)life->interval_ms * life->count + life->grace_ms;
    uint64_t quiet_ms = life->last_ms + hf_presence_quiet_ms(life->interval_ms);
    enum hf_gb_event event = HF_GB_EV_SILENT;

    HF_ASSERT(state == HF_GB_REGISTERED || state == HF_GB_SUSPECT);
    *ret_due_ms = silent_ms;
    if (life->lost_ms != 0 && life->lost_ms + HF_GB_STREAM_GRACE_MS < *ret_due_ms) {
        *ret_due_ms = life->lost_ms + HF_GB_STREAM_GRACE_MS;
        event = HF_GB_EV_GRACE_OVER;
    }
    if (life->expires_ms < *ret_due_ms) {
        *ret_due_ms = life->expires_ms;
        event = HF_GB_EV_EXPIRED;
    }
    if (state == HF_GB_REGISTERED && quiet_ms < *ret_due_ms) {
        *ret_due_ms = quiet_ms;
        event = HF_GB_EV_QUIET;
    }
    return event;
}
