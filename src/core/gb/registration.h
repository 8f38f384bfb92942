/* core/gb/registration.h - when a registered camera is there, when it is doubtful, when it is gone. One rule for UDP and TCP; the adapter tells what happened and asks what
 * is due next. Pure. Sources: GB/T 28181-2022 9.1, 9.6; requirements GB-6, GB-7, TWIN-6.
 *
 *   OFFLINE --register--> REGISTERED --quiet, stream lost--> SUSPECT --life, register--> REGISTERED
 *      ^                      |                                 |
 *      +--- bye, expired, closed, silent, grace over -----------+
 * RESTORED (a restart of the gateway) leads from OFFLINE to SUSPECT.
 * A challenge leaves no state behind: its nonce proves itself (codec/sip/nonce.h), so CHALLENGED of GB-6 is OFFLINE here, or the state that the device was in. */
#ifndef HF_CORE_GB_REGISTRATION_H
#define HF_CORE_GB_REGISTRATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/reason.h"
#include "core/presence.h"

enum {
    HF_GB_KEEPALIVE_MS = 60000, /* also for zero */
    HF_GB_KEEPALIVE_MS_MIN = 5000,
    HF_GB_KEEPALIVE_MS_MAX = 3600000,
    HF_GB_KEEPALIVE_COUNT = 3,
    HF_GB_KEEPALIVE_COUNT_MAX = 20,
    HF_GB_KEEPALIVE_GRACE_MS = 5000,
    HF_GB_STREAM_GRACE_MS = 10000, /* a lost stream may come back */
};

enum hf_gb_state { HF_GB_OFFLINE, HF_GB_REGISTERED, HF_GB_SUSPECT, HF_GB_STATES };
const char *hf_gb_state_name(unsigned state); /* "suspect" */

enum hf_gb_event {
    HF_GB_EV_REGISTER, /* accepted, Expires above 0 */
    HF_GB_EV_LIFE,     /* any accepted message */
    HF_GB_EV_QUIET,
    HF_GB_EV_SILENT,
    HF_GB_EV_BYE, /* accepted, Expires 0 */
    HF_GB_EV_EXPIRED,
    HF_GB_EV_STREAM_LOST,
    HF_GB_EV_GRACE_OVER,
    HF_GB_EV_CLOSED,   /* by us: the API, another connection, a drain */
    HF_GB_EV_RESTORED, /* registered at an earlier start, and not ended by it */
    HF_GB_EVENTS
};

struct hf_gb_step {
    enum hf_gb_state next;
    enum hf_evidence evidence; /* for the hub; counts when tell is true */
    enum hf_reason reason;     /* of an end; CLOSED brings its own */
    bool tell, ends;           /* ends: the registration is over, once */
    bool ignored;              /* the table has no such cell: nothing changes */
};
struct hf_gb_step hf_gb_step(enum hf_gb_state state, enum hf_gb_event event);

struct hf_gb_life {
    uint64_t last_ms;    /* of life, monotonic like all here */
    uint64_t expires_ms; /* of the registration */
    uint64_t lost_ms;    /* its stream; 0 = it has one, or needs none */
    uint32_t interval_ms, grace_ms;
    uint32_t count;
};

/* 0 is the default, anything else is clamped. */
uint32_t hf_gb_keepalive_ms(uint32_t wanted_ms);
uint32_t hf_gb_keepalive_count(uint32_t wanted);

/* What is due next in this state, and when; it may lie in the past. Never for OFFLINE. */
enum hf_gb_event hf_gb_life_due(const struct hf_gb_life *life, enum hf_gb_state state, uint64_t *ret_due_ms);

#endif
