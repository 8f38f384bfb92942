#include "core/breaker.h"

#include "base/assert.h"

#define BREAKER_WAITS .wait_min_ms = 1000, .wait_base_ms = 100, .wait_max_ms = 5000, .probe_ms = 5000

const struct hf_breaker_rules hf_breaker_node = {
    .results = 100, .results_min = 20, .success_percent = 20, .window_ms = 60000, BREAKER_WAITS};
const struct hf_breaker_rules hf_breaker_device = {
    .results = 20, .results_min = 5, .success_percent = 20, .window_ms = 600000, BREAKER_WAITS};

const char *hf_breaker_state_name(unsigned state)
{
    static const char *const names[] = {"closed", "open", "half_open"};

    return state < HF_BREAKER_STATES ? names[state] : "unknown";
}

void hf_breaker_init(struct hf_breaker *breaker, const struct hf_breaker_rules *rules, uint64_t *slots,
                     struct hf_rng *rng, uint64_t now_ms)
{
    HF_ASSERT(rules->results >= 1 && rules->results <= HF_BREAKER_RESULTS_MAX);
    HF_ASSERT(rules->results_min >= 1 && rules->results_min <= rules->results);
    *breaker = (struct hf_breaker){.rules = rules, .rng = rng, .slots = slots, .since_ms = now_ms};
}

static void enter(struct hf_breaker *breaker, enum hf_breaker_state state, uint64_t now_ms)
{
    breaker->state = (uint8_t)state;
    breaker->since_ms = now_ms;
}

/* The jitter comes after the cap, and never below the minimum. */
static void enter_open(struct hf_breaker *breaker, uint64_t now_ms)
{
    const struct hf_breaker_rules *rules = breaker->rules;
    uint64_t ceiling_ms = (uint64_t)rules->wait_base_ms << HF_MIN(breaker->attempt, 16);
    uint64_t wait_ms = hf_rng_below(breaker->rng, HF_MIN(ceiling_ms, (uint64_t)rules->wait_max_ms) + 1);

    enter(breaker, HF_BREAKER_OPEN, now_ms);
    breaker->due_ms = now_ms + HF_MAX(wait_ms, (uint64_t)rules->wait_min_ms);
}

static void reopen(struct hf_breaker *breaker, uint64_t now_ms)
{
    breaker->attempt += breaker->attempt < UINT8_MAX;
    enter_open(breaker, now_ms);
}

enum hf_breaker_verdict hf_breaker_ask(struct hf_breaker *breaker, uint64_t now_ms)
{
    if (breaker->state == HF_BREAKER_CLOSED)
        return HF_BREAKER_PASS;
    if (now_ms < breaker->due_ms)
        return HF_BREAKER_REFUSE;
    if (breaker->state == HF_BREAKER_HALF_OPEN) { /* its prober forgot it, or waits longer than we do */
        reopen(breaker, now_ms);
        return HF_BREAKER_REFUSE;
    }
    enter(breaker, HF_BREAKER_HALF_OPEN, now_ms);
    breaker->due_ms = now_ms + breaker->rules->probe_ms;
    return HF_BREAKER_PROBE;
}

static void keep(struct hf_breaker *breaker, bool good, uint64_t now_ms)
{
    breaker->slots[breaker->next] = now_ms << 1 | good;
    breaker->next = (uint16_t)((breaker->next + 1u) % breaker->rules->results);
    breaker->count += breaker->count < breaker->rules->results;
}

struct hf_breaker_counts hf_breaker_count(const struct hf_breaker *breaker, uint64_t now_ms)
{
    struct hf_breaker_counts counts = {0};

    for (unsigned i = 0; i < breaker->count; i++) {
        uint64_t at_ms = breaker->slots[i] >> 1;

        if (now_ms > at_ms && now_ms - at_ms > breaker->rules->window_ms)
            continue;
        counts.results++;
        counts.good = (uint16_t)(counts.good + (breaker->slots[i] & 1));
    }
    return counts;
}

bool hf_breaker_result(struct hf_breaker *breaker, bool good, uint64_t now_ms)
{
    if (breaker->state != HF_BREAKER_CLOSED)
        return false;
    keep(breaker, good, now_ms);
    if (good)
        return false;
    struct hf_breaker_counts counts = hf_breaker_count(breaker, now_ms);
    if (counts.results < breaker->rules->results_min ||
        100u * counts.good >= (unsigned)breaker->rules->success_percent * counts.results)
        return false;
    breaker->attempt = 0;
    enter_open(breaker, now_ms);
    return true;
}

bool hf_breaker_probed(struct hf_breaker *breaker, bool good, uint64_t now_ms)
{
    if (breaker->state != HF_BREAKER_HALF_OPEN)
        return false;
    if (!good || now_ms >= breaker->due_ms) {
        reopen(breaker, now_ms);
        return false;
    }
    enter(breaker, HF_BREAKER_CLOSED, now_ms);
    breaker->count = breaker->next = 0;
    return true;
}

void hf_breaker_unprobed(struct hf_breaker *breaker, uint64_t now_ms)
{
    if (breaker->state == HF_BREAKER_HALF_OPEN)
        enter_open(breaker, now_ms);
}

uint64_t hf_breaker_due_ms(const struct hf_breaker *breaker)
{
    return breaker->state == HF_BREAKER_CLOSED ? UINT64_MAX : breaker->due_ms;
}
