#include "core/gb/subscription.h"

#include "base/assert.h"

static const struct {
    const char *name, *event;
    uint32_t expires_s;
} topics[HF_GB_TOPICS] = {
#define TOPIC(id, name, event, expires_s) {name, event, expires_s},
    HF_GB_TOPIC_MAP(TOPIC)
#undef TOPIC
};

const char *hf_gb_topic_name(unsigned topic)
{
    return topic < HF_GB_TOPICS ? topics[topic].name : "unknown";
}

const char *hf_gb_topic_event(unsigned topic)
{
    HF_ASSERT(topic < HF_GB_TOPICS);
    return topics[topic].event;
}

uint32_t hf_gb_topic_expires_s(unsigned topic)
{
    HF_ASSERT(topic < HF_GB_TOPICS);
    return topics[topic].expires_s;
}

const char *hf_gb_sub_name(unsigned state)
{
    static const char *const names[] = {"none", "pending", "active", "failed"};

    return state < HF_GB_SUB_STATES ? names[state] : "unknown";
}

enum { THERE = 128 }; /* the cell */

static const struct cell {
    uint8_t next, act;
} cells[HF_GB_SUB_STATES][HF_GB_SUB_EVENTS] = {
    [HF_GB_SUB_NONE] = {[HF_GB_SUB_DUE] = {HF_GB_SUB_PENDING, THERE | HF_GB_SUB_ASK},
                        [HF_GB_SUB_UNWANTED] = {HF_GB_SUB_NONE, THERE | HF_GB_SUB_FORGET},
                        [HF_GB_SUB_GONE] = {HF_GB_SUB_NONE, THERE | HF_GB_SUB_FORGET}},
    [HF_GB_SUB_PENDING] = {[HF_GB_SUB_ACCEPTED] = {HF_GB_SUB_ACTIVE, THERE | HF_GB_SUB_KEEP},
                           [HF_GB_SUB_NOTIFIED] = {HF_GB_SUB_ACTIVE, THERE | HF_GB_SUB_NOTHING},
                           [HF_GB_SUB_REFUSED] = {HF_GB_SUB_FAILED, THERE | HF_GB_SUB_WAIT},
                           [HF_GB_SUB_SILENT] = {HF_GB_SUB_FAILED, THERE | HF_GB_SUB_WAIT},
                           [HF_GB_SUB_LOST] = {HF_GB_SUB_FAILED, THERE | HF_GB_SUB_WAIT},
                           [HF_GB_SUB_UNWANTED] = {HF_GB_SUB_NONE, THERE | HF_GB_SUB_CANCEL},
                           [HF_GB_SUB_GONE] = {HF_GB_SUB_NONE, THERE | HF_GB_SUB_FORGET}},
    [HF_GB_SUB_ACTIVE] = {[HF_GB_SUB_DUE] = {HF_GB_SUB_ACTIVE, THERE | HF_GB_SUB_RENEW},
                          [HF_GB_SUB_ACCEPTED] = {HF_GB_SUB_ACTIVE, THERE | HF_GB_SUB_KEEP},
                          [HF_GB_SUB_NOTIFIED] = {HF_GB_SUB_ACTIVE, THERE | HF_GB_SUB_NOTHING},
                          [HF_GB_SUB_REFUSED] = {HF_GB_SUB_FAILED, THERE | HF_GB_SUB_WAIT},
                          [HF_GB_SUB_SILENT] = {HF_GB_SUB_FAILED, THERE | HF_GB_SUB_WAIT},
                          [HF_GB_SUB_LOST] = {HF_GB_SUB_FAILED, THERE | HF_GB_SUB_WAIT},
                          [HF_GB_SUB_UNWANTED] = {HF_GB_SUB_NONE, THERE | HF_GB_SUB_CANCEL},
                          [HF_GB_SUB_GONE] = {HF_GB_SUB_NONE, THERE | HF_GB_SUB_FORGET}},
    [HF_GB_SUB_FAILED] = {[HF_GB_SUB_DUE] = {HF_GB_SUB_PENDING, THERE | HF_GB_SUB_ASK},
                          [HF_GB_SUB_UNWANTED] = {HF_GB_SUB_NONE, THERE | HF_GB_SUB_FORGET},
                          [HF_GB_SUB_GONE] = {HF_GB_SUB_NONE, THERE | HF_GB_SUB_FORGET}},
};

enum hf_gb_sub_act hf_gb_sub_step(struct hf_gb_sub_rule *rule, enum hf_gb_sub_event event, uint64_t now_ms)
{
    HF_ASSERT(rule->state < HF_GB_SUB_STATES && event < HF_GB_SUB_EVENTS);
    const struct cell *cell = &cells[rule->state][event];

    if (!(cell->act & THERE))
        return HF_GB_SUB_NOTHING;
    if (cell->next == HF_GB_SUB_ACTIVE && rule->state != HF_GB_SUB_ACTIVE)
        rule->active_ms = now_ms;
    if (cell->next ==
        HF_GB_SUB_FAILED) { /* a device that accepts and ends at once must not be asked at once for ever */
        bool held = rule->state == HF_GB_SUB_ACTIVE && now_ms - rule->active_ms >= HF_GB_SUB_HELD_MS;

        rule->failures = (uint8_t)(held ? 1 : rule->failures + (rule->failures < UINT8_MAX));
    }
    if (cell->next == HF_GB_SUB_NONE)
        rule->failures = 0;
    rule->state = cell->next;
    return (enum hf_gb_sub_act)(cell->act & ~THERE);
}

uint64_t hf_gb_sub_renew_ms(uint32_t expires_s, uint32_t random)
{
    uint64_t wait_ms = 800ull * expires_s + 100ull * expires_s * (random % 1000) / 1000;

    return wait_ms < HF_GB_SUB_RENEW_MS_MIN ? HF_GB_SUB_RENEW_MS_MIN : wait_ms;
}

uint64_t hf_gb_sub_retry_ms(unsigned failures, uint32_t random)
{
    uint64_t wait_ms = HF_GB_SUB_RETRY_MS;

    while (failures-- > 1 && wait_ms < HF_GB_SUB_RETRY_MS_MAX)
        wait_ms *= 2;
    if (wait_ms > HF_GB_SUB_RETRY_MS_MAX)
        wait_ms = HF_GB_SUB_RETRY_MS_MAX;
    return wait_ms + wait_ms / 4 * (random % 1000) / 1000;
}
