/* core/presence.h - online, offline or unknown: one rule for every protocol, derived from evidence and fenced by the
 * connection epoch (requirements TWIN-6, TWIN-7). The machine is a table; an empty cell changes nothing and is counted by the
 * caller as ignored evidence. */
#ifndef HF_CORE_PRESENCE_H
#define HF_CORE_PRESENCE_H

#include <stdbool.h>
#include <stdint.h>

enum hf_presence { HF_UNKNOWN, HF_ONLINE, HF_OFFLINE, HF_PRESENCES };

enum hf_evidence {
    HF_EVIDENCE_CONNECTED,   /* a connection was accepted: the epoch grows */
    HF_EVIDENCE_LIFE,        /* a sign of life of the current epoch */
    HF_EVIDENCE_QUIET,       /* silence above 1.5 intervals */
    HF_EVIDENCE_SILENT,      /* silence above 3 intervals + 5 s */
    HF_EVIDENCE_BYE,         /* an explicit goodbye: Close frame, disconnect by the API */
    HF_EVIDENCE_SOCKET_LOST, /* the connection broke; the device may live on */
    HF_EVIDENCE_RESTART,     /* the owner was lost or restarted */
    HF_EVIDENCE_EXPIRED,     /* the registration ran out */
    HF_EVIDENCE_AUTH_FAILED,
    HF_EVIDENCES
};

struct hf_presence_step {
    enum hf_presence next;
    bool changed; /* presence differs from before, or a new connection took over (epoch) */
    bool ignored; /* the table has no such cell */
};

struct hf_presence_step hf_presence_apply(enum hf_presence presence, enum hf_evidence evidence);
const char *hf_presence_name(unsigned presence); /* "online"; "unknown" for anything else */

/* The silences that count, from the interval of the liveness profile in force. */
static inline uint64_t hf_presence_quiet_ms(uint64_t interval_ms)
{
    return interval_ms + interval_ms / 2;
}
static inline uint64_t hf_presence_silent_ms(uint64_t interval_ms)
{
    return 3 * interval_ms + 5000;
}

/* Presence as a reader of the tables sees it: a row written by an earlier start of the node that says online means unknown,
 * and offline once a live device must have come back. */
enum hf_presence hf_presence_read(enum hf_presence recorded, bool same_boot, uint64_t utc_ms,
                                  uint64_t unknown_until_ms);

#endif
