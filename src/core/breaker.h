/* core/breaker.h - a circuit breaker: who calls something that does not answer is told so at once, and a single probe now and then finds out whether it is back (GB-18). For
 * anything outside that can stay silent: a camera, an upper platform, a media server, a sink. Pure; time and randomness are handed in; no allocation. One owner, one thread.
 *
 *   CLOSED ---of the last `results` within window_ms at least results_min are there, and fewer than success_percent of them good---> OPEN, attempt 0
 *   OPEN ---max(wait_min_ms, U(0, min(wait_max_ms, wait_base_ms * 2^attempt))) is over, and somebody probes---> HALF_OPEN
 *   HALF_OPEN ---the probe is good---> CLOSED, the window empty
 *   HALF_OPEN ---the probe is bad, or probe_ms pass---> OPEN, attempt + 1
 *
 * Calls go out while it is CLOSED, and each one's result is told. Who is told PROBE has the single probe: it may be the call itself, or a question of its own. What calls of before
 * come to while it is not CLOSED changes nothing: a late answer is no proof that the next one comes. */
#ifndef HF_CORE_BREAKER_H
#define HF_CORE_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"

enum { HF_BREAKER_RESULTS_MAX = 100 };

enum hf_breaker_state { HF_BREAKER_CLOSED, HF_BREAKER_OPEN, HF_BREAKER_HALF_OPEN, HF_BREAKER_STATES };
const char *hf_breaker_state_name(unsigned state); /* "half_open" */

struct hf_breaker_rules {
    uint16_t results; /* the last ones that count; 1..HF_BREAKER_RESULTS_MAX */
    uint16_t results_min;
    uint16_t success_percent;
    uint32_t window_ms; /* older ones do not count */
    uint32_t wait_min_ms, wait_base_ms, wait_max_ms, probe_ms;
};
/* A platform, a media server, a sink: 100 results of 60 s, at least 20, below 20 %; waits of 1 to 5 s, 5 s for the probe. */
extern const struct hf_breaker_rules hf_breaker_node;
/* One device: 20 results of 10 min, at least 5, the rest as above: 100 beats of 60 s would take 100 min. */
extern const struct hf_breaker_rules hf_breaker_device;

struct hf_breaker {                       /* opaque but for its size */
    const struct hf_breaker_rules *rules; /* borrows, like the two below */
    struct hf_rng *rng;
    uint64_t *slots;   /* rules->results of them: a ring of time << 1 | good */
    uint64_t due_ms;   /* OPEN: the wait's end; HALF_OPEN: the probe's */
    uint64_t since_ms; /* it is in its state */
    uint16_t next, count;
    uint8_t state, attempt;
};

/* The slots need not be zeroed. */
void hf_breaker_init(struct hf_breaker *breaker, const struct hf_breaker_rules *rules, uint64_t *slots,
                     struct hf_rng *rng, uint64_t now_ms);

enum hf_breaker_verdict {
    HF_BREAKER_PASS,   /* go; tell with hf_breaker_result() */
    HF_BREAKER_PROBE,  /* go; yours is the single probe: tell with hf_breaker_probed() */
    HF_BREAKER_REFUSE, /* reason breaker_open */
};
/* Whether a call may go out now. */
enum hf_breaker_verdict hf_breaker_ask(struct hf_breaker *breaker, uint64_t now_ms);

/* Of a call that passed, or of anything else that says as much (a beat that came, or did not). True: it is OPEN from now on. */
bool hf_breaker_result(struct hf_breaker *breaker, bool good, uint64_t now_ms);
/* Of the probe; one that comes late, when its time is over, is a result like any other. True: it is CLOSED from now on. */
bool hf_breaker_probed(struct hf_breaker *breaker, bool good, uint64_t now_ms);
/* The probe was never sent; the next one may be soon. */
void hf_breaker_unprobed(struct hf_breaker *breaker, uint64_t now_ms);

static inline enum hf_breaker_state hf_breaker_state(const struct hf_breaker *breaker)
{
    return (enum hf_breaker_state)breaker->state;
}
/* When hf_breaker_ask() will say something else; UINT64_MAX while CLOSED. For whoever probes by a timer. */
uint64_t hf_breaker_due_ms(const struct hf_breaker *breaker);

struct hf_breaker_counts {
    uint16_t results, good;
};
/* Of the window. */
struct hf_breaker_counts hf_breaker_count(const struct hf_breaker *breaker, uint64_t now_ms);

#endif
