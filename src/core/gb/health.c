#include "core/gb/health.h"

#include <string.h>

#include "base/assert.h"
#include "base/root.h"

enum {
    WEIGHT_JITTER = 4500,
    WEIGHT_TIMEOUTS = 3500,
    WEIGHT_REFUSALS = 2000,
    JITTER_CENTI_MS_MAX = 10000, /* 100 ms */
    REFUSALS_MAX = 5,
    TOOK_MS_MAX = 60000, /* so that the sums of 65,535 of them stay exact */
};
_Static_assert((int)WEIGHT_JITTER + WEIGHT_TIMEOUTS + WEIGHT_REFUSALS == HF_GB_HEALTH_ONE, "weights");

const char *hf_gb_level_name(unsigned level)
{
    static const char *const names[] = {"normal", "warning", "alarm"};

    return level < HF_GB_LEVELS ? names[level] : "unknown";
}

/* The step of this moment; those that have left the window are empty. */
static struct hf_gb_health_sums *step_of(struct hf_gb_health *health, uint64_t now_ms)
{
    uint64_t step = now_ms / HF_GB_HEALTH_STEP_MS;

    if (step < health->step) /* a clock that ran back stands still */
        step = health->step;
    if (step - health->step >= HF_GB_HEALTH_STEPS)
        memset(health->steps, 0, sizeof(health->steps));
    else
        for (uint64_t at = health->step + 1; at <= step; at++)
            health->steps[at % HF_GB_HEALTH_STEPS] = (struct hf_gb_health_sums){0};
    health->step = step;
    return &health->steps[step % HF_GB_HEALTH_STEPS];
}

static void count(uint16_t *counter)
{
    *counter += *counter < UINT16_MAX;
}

void hf_gb_health_answered(struct hf_gb_health *health, uint64_t took_ms, uint64_t now_ms)
{
    struct hf_gb_health_sums *sums = step_of(health, now_ms);

    if (sums->answered == UINT16_MAX)
        return;
    took_ms = HF_MIN(took_ms, (uint64_t)TOOK_MS_MAX);
    sums->answered++;
    sums->times += (uint32_t)took_ms;
    sums->squares += took_ms * took_ms;
}

void hf_gb_health_timed_out(struct hf_gb_health *health, uint64_t now_ms)
{
    count(&step_of(health, now_ms)->timed_out);
}

void hf_gb_health_refused(struct hf_gb_health *health, uint64_t now_ms)
{
    count(&step_of(health, now_ms)->refused);
}

static uint16_t add(uint16_t a, uint16_t b)
{
    return (uint16_t)HF_MIN((unsigned)a + b, (unsigned)UINT16_MAX);
}

struct hf_gb_health_sums hf_gb_health_window(const struct hf_gb_health *health, uint64_t now_ms)
{
    struct hf_gb_health copy = *health;
    struct hf_gb_health_sums sum = {0};

    (void)step_of(&copy, now_ms);
    for (unsigned i = 0; i < HF_GB_HEALTH_STEPS; i++) {
        const struct hf_gb_health_sums *one = &copy.steps[i];

        if ((unsigned)sum.answered + one->answered > UINT16_MAX)
            continue; /* a thousand answers a second: enough to judge by */
        sum.answered = add(sum.answered, one->answered);
        sum.times += one->times;
        sum.squares += one->squares;
        sum.timed_out = add(sum.timed_out, one->timed_out);
        sum.refused = add(sum.refused, one->refused);
    }
    return sum;
}

uint32_t hf_gb_health_jitter(const struct hf_gb_health_sums *sums)
{
    uint64_t n = sums->answered;

    if (n < 2)
        return 0;
    /* n^2 times the variance; exact. */
    uint64_t spread = n * sums->squares - (uint64_t)sums->times * sums->times;
    /* 100 x the deviation = sqrt(10,000 x spread) / n; the product is kept within 64 bits. */
    if (spread > UINT64_MAX / 10000)
        return (uint32_t)HF_MIN(100 * hf_root(spread) / n, (uint64_t)UINT32_MAX);
    return (uint32_t)(hf_root(10000 * spread) / n);
}

unsigned hf_gb_health_score(uint32_t jitter_centi_ms, uint32_t timed_out, uint32_t requests,
                            uint32_t refusals)
{
    uint64_t jitter = HF_MIN(jitter_centi_ms, (uint32_t)JITTER_CENTI_MS_MAX);
    uint64_t refused = HF_MIN(refusals, (uint32_t)REFUSALS_MAX);

    HF_ASSERT(timed_out <= requests);
    return (unsigned)(WEIGHT_JITTER * (JITTER_CENTI_MS_MAX - jitter) / JITTER_CENTI_MS_MAX +
                      (requests == 0 ? WEIGHT_TIMEOUTS
                                     : WEIGHT_TIMEOUTS * (uint64_t)(requests - timed_out) / requests) +
                      WEIGHT_REFUSALS * (REFUSALS_MAX - refused) / REFUSALS_MAX);
}

static uint8_t level_of(unsigned score)
{
    return score >= HF_GB_HEALTH_NORMAL    ? HF_GB_LEVEL_NORMAL
           : score >= HF_GB_HEALTH_WARNING ? HF_GB_LEVEL_WARNING
                                           : HF_GB_LEVEL_ALARM;
}

bool hf_gb_health_evaluate(struct hf_gb_health *health, uint64_t now_ms)
{
    struct hf_gb_health_sums sums = hf_gb_health_window(health, now_ms);
    uint32_t requests = (uint32_t)sums.answered + sums.timed_out;

    health->scored = requests >= HF_GB_HEALTH_REQUESTS_MIN;
    if (!health->scored) { /* nothing can be said, and what was said stands */
        health->equal = 0;
        return false;
    }
    health->score =
        (uint16_t)hf_gb_health_score(hf_gb_health_jitter(&sums), sums.timed_out, requests, sums.refused);
    uint8_t level = level_of(health->score);
    health->equal = health->equal > 0 && level == health->next ? (uint8_t)HF_GB_HEALTH_EQUAL : 1;
    health->next = level;
    if (health->equal < HF_GB_HEALTH_EQUAL || level == health->level)
        return false;
    health->level = level;
    return true;
}

bool hf_gb_health_idle(const struct hf_gb_health *health, uint64_t now_ms)
{
    struct hf_gb_health_sums sums = hf_gb_health_window(health, now_ms);

    return health->level == HF_GB_LEVEL_NORMAL && sums.answered + sums.timed_out + sums.refused == 0;
}
