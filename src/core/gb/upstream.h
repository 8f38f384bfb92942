/* core/gb/upstream.h - our registration at an upper platform: when we ask, how long we wait, when it counts as lost. One machine for UDP and TCP; the adapter says what
 * happened, does what a step asks for, and comes back when something is due. Pure.
 *
 *   IDLE --start--> CONNECTING --connected--> REGISTERING --accepted--> REGISTERED --due--> REFRESHING --accepted--> REGISTERED
 *                       ^   |                     |                         |                    |
 *                       |   +--- refused, unanswered, lost: backoff --------+-- silent, lost, ---+
 *                       +------------ due ------------- WAITING <--------------- forgotten
 *                                         REGISTERING --redirected--> CONNECTING
 *   any but IDLE --stop--> LEAVING (it may count us as registered) or IDLE
 *
 * Sources: GB/T 28181-2022 9.1 (a device waits at least 60 s after a failure), 9.6; RFC 3261 10.2; requirements GB-4, GB-15, GB-18, GB-20. */
#ifndef HF_CORE_GB_UPSTREAM_H
#define HF_CORE_GB_UPSTREAM_H

#include <stdbool.h>
#include <stdint.h>

enum {
    HF_GB_UP_WAIT_MS = 60000,      /* at least, between attempts */
    HF_GB_UP_WAIT_MS_MAX = 900000, /* at most, without the jitter and unless the platform says more */
    HF_GB_UP_WAIT_DOUBLINGS = 4,
    HF_GB_UP_WAIT_JITTER_PART = 2,      /* up to half as much again */
    HF_GB_UP_RETRY_AFTER_S_MAX = 86400, /* of what a platform may say */
    HF_GB_UP_AGAIN_MAX =
        3, /* in one attempt: credentials, a fresh nonce, a longer expiry; then it is refused */
    HF_GB_UP_REFRESH_PERCENT = 80, /* of the registration is over when it is refreshed */
    HF_GB_UP_EXPIRES_S_MIN = 10,   /* a platform that grants less is asked so often, and no more */
    HF_GB_UP_CONNECT_MS = 10000,
    HF_GB_UP_LEAVE_MS = 3000, /* for the answer to our goodbye */
};

/* Columns: identifier, name for people, logs and metrics. */
#define HF_GB_UP_STATE_MAP(X)                                             \
    X(HF_GB_UP_IDLE, "idle")             /* not begun, or over */         \
    X(HF_GB_UP_CONNECTING, "connecting") /* streams; datagrams at once */ \
    X(HF_GB_UP_REGISTERING, "registering")                                \
    X(HF_GB_UP_REGISTERED, "registered")                                  \
    X(HF_GB_UP_REFRESHING, "refreshing") /* registered, asks anew */      \
    X(HF_GB_UP_WAITING, "waiting")       /* for the next attempt */       \
    X(HF_GB_UP_LEAVING, "leaving")
#define HF_GB_UP_STATE_ENUM(id, name) id,
enum hf_gb_up_state { HF_GB_UP_STATE_MAP(HF_GB_UP_STATE_ENUM) HF_GB_UP_STATES };
#undef HF_GB_UP_STATE_ENUM
const char *hf_gb_up_state_name(unsigned state); /* "registered"; "unknown" */

enum hf_gb_up_event {
    HF_GB_UP_EV_START,
    HF_GB_UP_EV_CONNECTED,
    HF_GB_UP_EV_AGAIN,      /* an answer that asks for the same once more: 401, 407, 423 */
    HF_GB_UP_EV_REDIRECTED, /* 302: the same at another place, to which the way is another now */
    HF_GB_UP_EV_ACCEPTED,   /* 2xx */
    HF_GB_UP_EV_REFUSED,    /* any other answer */
    HF_GB_UP_EV_UNANSWERED, /* none, or it could not be sent */
    HF_GB_UP_EV_LOST,       /* the stream ended */
    HF_GB_UP_EV_SILENT,     /* so many keepalives in a row without an answer */
    HF_GB_UP_EV_FORGOTTEN,  /* a keepalive was refused: the platform does not know us any more */
    HF_GB_UP_EV_DUE,        /* due_ms has come */
    HF_GB_UP_EV_STOP,
    HF_GB_UP_EVENTS
};

enum hf_gb_up_act {
    HF_GB_UP_NOTHING,
    HF_GB_UP_CONNECT,        /* a fresh Call-ID for what follows */
    HF_GB_UP_REGISTER,       /* without credentials, CSeq + 1 */
    HF_GB_UP_REGISTER_AGAIN, /* with what the answer asked for, CSeq + 1 */
    HF_GB_UP_KEEP,           /* keepalives go on */
    HF_GB_UP_GIVE_UP,    /* everything under way is dropped, the stream closed; due_ms is the next attempt */
    HF_GB_UP_UNREGISTER, /* Expires 0 */
    HF_GB_UP_END,        /* everything is dropped; this is over */
};

/* Zeroed is IDLE. Fields are the module's, reading them is fine. Times are monotonic. */
struct hf_gb_up {
    uint8_t state;       /* enum hf_gb_up_state */
    uint8_t again;       /* in this attempt */
    uint16_t missed;     /* keepalives in a row */
    uint32_t failures;   /* attempts in a row */
    uint64_t attempt_ms; /* when the last one began, refreshing not counted */
    uint64_t since_ms;   /* in this state */
    uint64_t due_ms;     /* UINT64_MAX: nothing */
    uint64_t expires_ms; /* of the registration; 0 = there is none */
};

/* What came with an event. */
struct hf_gb_up_news {
    uint64_t now_ms;
    uint32_t expires_s;     /* ACCEPTED: as granted */
    uint32_t retry_after_s; /* REFUSED; 0 = not said */
    uint32_t random;        /* for the jitter of whatever follows */
};

/* One door: the state changes, due_ms is set, and the act is returned that is now the adapter's. An event that the state does not know
 * changes nothing and gives NOTHING. */
enum hf_gb_up_act hf_gb_up_step(struct hf_gb_up *up, enum hf_gb_up_event event,
                                const struct hf_gb_up_news *news);

/* A keepalive was answered, or not: true when that makes `count` in a row, and the event SILENT is due. */
bool hf_gb_up_beat(struct hf_gb_up *up, bool answered, uint32_t count);

/* From the failures so far (1 = the first) to the next attempt, jitter included: 60 s, doubled up to 15 min; never below what the platform asked for. */
uint64_t hf_gb_up_wait_ms(uint32_t failures, uint32_t retry_after_s, uint32_t random);

/* The registration stands, perhaps while it is refreshed. */
static inline bool hf_gb_up_there(const struct hf_gb_up *up)
{
    return up->state == HF_GB_UP_REGISTERED || up->state == HF_GB_UP_REFRESHING;
}

#endif
