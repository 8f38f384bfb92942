/* core/gb/health.h - how good the link to a camera is (GB-19): over the last minute, from the times that our requests took to be answered, from those that were not, and from
 * wrong credentials. Pure; time is handed in; integers in ten-thousandths, so that equal inputs give equal scores everywhere.
 *
 *   H = 0.45 (1 - J) + 0.35 (1 - A) + 0.20 (1 - U)
 *   J = min(1, standard deviation of the times / 100 ms)   A = requests without an answer / requests   U = min(1, refusals in the minute / 5)
 *
 * Fewer than 5 requests in the minute: no score. A level counts when two evaluations in a row agree. Not Z-scores, which leave [0, 1]. */
#ifndef HF_CORE_GB_HEALTH_H
#define HF_CORE_GB_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

enum {
    HF_GB_HEALTH_STEP_MS = 10000, /* evaluations, and the grain of the window */
    HF_GB_HEALTH_STEPS = 6,
    HF_GB_HEALTH_REQUESTS_MIN = 5,
    HF_GB_HEALTH_ONE = 10000, /* a score of 1 */
    HF_GB_HEALTH_NORMAL = 9000,
    HF_GB_HEALTH_WARNING = 7000,
    HF_GB_HEALTH_EQUAL = 2, /* evaluations that must agree */
};

enum hf_gb_level { HF_GB_LEVEL_NORMAL, HF_GB_LEVEL_WARNING, HF_GB_LEVEL_ALARM, HF_GB_LEVELS };
const char *hf_gb_level_name(unsigned level); /* "normal" */

/* Sums of the window, or of a step of it. */
struct hf_gb_health_sums {
    uint64_t squares;             /* of the times, ms^2 */
    uint32_t times;               /* their sum, ms */
    uint16_t answered, timed_out; /* requests */
    uint16_t refused;             /* wrong credentials for a fresh nonce; challenges do not count */
};

struct hf_gb_health { /* zero it */
    uint64_t step;    /* number of the newest of */
    struct hf_gb_health_sums steps[HF_GB_HEALTH_STEPS];
    uint16_t score; /* of the last evaluation that had one */
    uint8_t level, next, equal;
    bool scored; /* the last evaluation had a score */
};

void hf_gb_health_answered(struct hf_gb_health *health, uint64_t took_ms, uint64_t now_ms);
void hf_gb_health_timed_out(struct hf_gb_health *health, uint64_t now_ms);
void hf_gb_health_refused(struct hf_gb_health *health, uint64_t now_ms);

/* Each HF_GB_HEALTH_STEP_MS. True: the level has changed. */
bool hf_gb_health_evaluate(struct hf_gb_health *health, uint64_t now_ms);
struct hf_gb_health_sums hf_gb_health_window(const struct hf_gb_health *health, uint64_t now_ms);
/* Nothing is in the window, and the level is the one of those of whom nothing is known. */
bool hf_gb_health_idle(const struct hf_gb_health *health, uint64_t now_ms);

/* The formula. Standard deviation in hundredths of a millisecond. */
uint32_t hf_gb_health_jitter(const struct hf_gb_health_sums *sums);
unsigned hf_gb_health_score(uint32_t jitter_centi_ms, uint32_t timed_out, uint32_t requests,
                            uint32_t refusals);

#endif
