/* core/sip/trace.h - the last SIP messages of every device, always on (GB-22). One ring of bytes per worker holds the records of all its devices; a record points back to the one before it of
 * the same device, so a device owns 16 bytes and no memory, and keeps its trace while it is offline. The newest record overwrites the oldest, whosever it is: what is kept is a time, not a number per device,
 * and stats say how long. So that it is long, routine (keepalives and their answers) is counted in one record while nothing else comes between, and long texts are cut.
 * What proves who somebody is does not get in (codec/sip/mask.h). One thread. */
#ifndef HF_CORE_SIP_TRACE_H
#define HF_CORE_SIP_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "core/sip/flow.h"

enum {
    HF_SIP_TRACE_MESSAGES_MAX = 64,        /* shown of a device */
    HF_SIP_TRACE_TEXT_BYTES_MAX = 2048,    /* of one message; the rest is cut, and the record says so */
    HF_SIP_TRACE_BYTES_DEFAULT = 32 << 20, /* of a worker */
    HF_SIP_TRACE_BYTES_MIN = 65536,
};

struct hf_sip_trace { /* in the device; zero it */
    uint64_t last;    /* position of its last record + 1; 0 = none */
    uint64_t device;  /* a number that no other device of this ring has; the caller sets it */
};

struct hf_sip_trace_entry {
    uint64_t first_ms, last_ms; /* as handed in; differ when repeats were counted */
    uint32_t count;             /* 1, or how many routine messages came without anything between them */
    uint32_t bytes;             /* of the message, uncut; the last one of them */
    bool sent;                  /* by us */
    bool routine;
    bool cut;
    struct hf_sip_flow flow; /* peer, port, family and transport; the rest is 0. All 0: it was not said */
    struct hf_slice text;    /* masked; borrowed until the next _add */
};

struct hf_sip_trace_stats {
    uint64_t added, counted_in /* routine that made no record */, overwritten, bytes_max;
    uint64_t oldest_ms; /* of the oldest record that is there; 0 = none */
};

struct hf_sip_trace_ring; /* opaque */

/* bytes_max 0 = default; rounded up to the minimum and to a power of two. The memory is taken at the first message. NULL on no memory. */
struct hf_sip_trace_ring *hf_sip_trace_ring_new(uint64_t bytes_max);
void hf_sip_trace_ring_free(struct hf_sip_trace_ring *ring); /* NULL is harmless */
struct hf_sip_trace_stats hf_sip_trace_ring_stats(const struct hf_sip_trace_ring *ring);

/* message: as on the wire, whole or not a message at all. flow: the way it came or went, or NULL. routine: it says nothing new. HF_ERR_NOMEM: at the first one only; nothing is kept then, and the next tries again. */
hf_err hf_sip_trace_add(struct hf_sip_trace_ring *ring, struct hf_sip_trace *trace,
                        const struct hf_sip_flow *flow, bool sent, bool routine, struct hf_slice message,
                        uint64_t now_ms);
/* The records of a device from the newest backwards, at most HF_SIP_TRACE_MESSAGES_MAX. */
struct hf_sip_trace_walk {
    const struct hf_sip_trace_ring *ring;
    uint64_t at, device;
    unsigned left;
};
struct hf_sip_trace_walk hf_sip_trace_walk(const struct hf_sip_trace_ring *ring,
                                           const struct hf_sip_trace *trace);
bool hf_sip_trace_next(struct hf_sip_trace_walk *walk, struct hf_sip_trace_entry *ret_entry);

#endif
