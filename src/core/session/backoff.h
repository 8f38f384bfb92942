/* core/session/backoff.h - when to try again (RC-1 to RC-4), one policy everywhere. */
#ifndef HF_CORE_SESSION_BACKOFF_H
#define HF_CORE_SESSION_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"

enum {
    HF_BACKOFF_BASE_MS = 1000,
    HF_BACKOFF_BASE_HA_MS = 100,
    HF_BACKOFF_CAP_MS = 30000,
    HF_BACKOFF_STABLE_MS = 60000,
    HF_BACKOFF_FORBIDDEN_MS = 300000, /* after 4403 */
    HF_BACKOFF_REPLACED_MS = 30000,   /* after 4409 */
    HF_BACKOFF_LIMIT_MS = 5000,       /* after 4429 that names no time */
    HF_TICKET_MS_MAX =
        600000, /* a later slot is cut to this: a gateway cannot send a device away for hours */
    HF_RETRY_MS_MAX = 3600000,
};

struct hf_backoff {
    uint32_t base_ms, cap_ms, attempts; /* a; how many delays were given since the last stable connection */
    uint32_t attempts_max;              /* 0 = never gives up */
    uint32_t ticket_ms; /* of WELCOME or BYE; used up by the first delay after a loss; 0 = none */
    bool has_ticket;
};

/* What ended the last try; the table of doc/protocol.md section 7. */
struct hf_backoff_end {
    uint16_t close_code;   /* 1006 = lost; 0 = never came so far */
    uint32_t retry_ms;     /* of the Close text, BYE, or Retry-After; 0 = none */
    uint64_t connected_ms; /* how long it had been established; 0 = it was not */
};
enum hf_backoff_action {
    HF_BACKOFF_RETRY,
    HF_BACKOFF_STAY /* closed for good: 1000 */,
    HF_BACKOFF_GIVE_UP /* attempts_max */
};

void hf_backoff_init(struct hf_backoff *backoff, uint32_t base_ms, uint32_t cap_ms); /* both >= 1 */
void hf_backoff_ticket(struct hf_backoff *backoff,
                       uint32_t ticket_ms); /* from WELCOME or BYE; 0 takes it away */
/* *ret_delay_ms: from now, with RETRY only. delay = lower bound (retry_ms, the close code's own) + U(0, ceiling(a)); after a loss (1001, 1006, 4408) with a
 * ticket: lower bound + ticket, and U(0, ceiling(a)) only while a > 0: a connection that does not last must not come back in its slot for ever. The bound is
 * added, not compared: whoever is told the same bound does not come at the same moment. */
enum hf_backoff_action hf_backoff_next(struct hf_backoff *backoff, const struct hf_backoff_end *end,
                                       struct hf_rng *rng, uint64_t *ret_delay_ms);
/* The network came up (RC-3): one attempt after U(0, base), the counter untouched. */
uint64_t hf_backoff_network_up(const struct hf_backoff *backoff, struct hf_rng *rng);

#endif
