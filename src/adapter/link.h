/* adapter/link.h - what an adapter sees of a byte stream, whoever carries it (a TCP or TLS socket in
 * production, a simulated network in tests). The carrier implements hf_link_ops; the adapter implements
 * hf_link_handler. One thread owns a link at a time; no call here blocks.
 *
 * Output is gathered: write() copies into the carrier's buffer of this turn and the carrier sends once at the end
 * of the handler or the loop turn (one send, one TLS record). Bytes that the kernel does not take stay queued;
 * queued_bytes() tells how many, on_drained() says when none are left. */
#ifndef HF_ADAPTER_LINK_H
#define HF_ADAPTER_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/shared.h"

struct hf_link;

struct hf_link_kernel {    /* what the kernel knows of the way to the peer; all zero = nothing */
    uint64_t acked_bytes;  /* of our bytes, acknowledged by the peer's kernel since the connection began */
    uint32_t rtt_us;       /* smoothed, as the kernel measures it */
    uint32_t unread_bytes; /* of the peer's, come and not read by us yet */
};

struct hf_link_ops {
    /* Copies. HF_ERR_NOMEM, HF_ERR_LIMIT (carrier's hard bound, counted) or HF_ERR_CLOSED: nothing was taken. */
    hf_err (*write)(struct hf_link *link, const void *data, size_t bytes);
    /* Takes a reference of its own; errors as write. */
    hf_err (*write_shared)(struct hf_link *link, struct hf_shared *shared);
    void (*flush)(struct hf_link *link);                /* hands to the kernel now what it takes */
    size_t (*queued_bytes)(const struct hf_link *link); /* not yet taken by the kernel */
    void (*pause_read)(struct hf_link *link);
    void (*resume_read)(struct hf_link *link);
    /* Sends what is queued, then shuts the write side down (TLS: close_notify first) and waits for the peer's end, as the
     * active closer; on_end comes afterwards. The adapter bounds the wait with its own timer and abort(). */
    void (*finish)(struct hf_link *link);
    /* Drops everything and closes now. on_end is not called; the link is gone when this returns to the loop. */
    void (*abort)(struct hf_link *link);
    /* When output that the kernel does not take last made progress (monotonic ms); 0 = nothing is stuck. */
    uint64_t (*blocked_since_ms)(const struct hf_link *link);
    /* The peer as "address:port" (behind a proxy: the real one), NUL-terminated, cut to fit; "" when it is not known. */
    void (*peer)(const struct hf_link *link, char *out, size_t out_bytes);
    /* One system call: for verdicts, not for each message. Both of these may be NULL: the carrier knows nothing, and cannot. */
    void (*kernel)(const struct hf_link *link, struct hf_link_kernel *ret_kernel);
    /* How long sent bytes may stay unacknowledged before the kernel gives the connection up (TCP_USER_TIMEOUT, WS-20), at least 10 s. */
    void (*set_patience)(struct hf_link *link, uint32_t patience_ms);
};

enum hf_link_end {
    HF_LINK_END_EOF,        /* the peer closed its side */
    HF_LINK_END_RESET,      /* RST or another socket error; sys_errno says which */
    HF_LINK_END_TLS_FAILED, /* handshake or record failure */
};

struct hf_link_handler {
    /* data is the worker's receive buffer: borrowed, writable (unmasking in place), valid during the call only. */
    void (*on_data)(struct hf_link *link, uint8_t *data, size_t bytes);
    /* Asked before anything is read, may be NULL = always. false: nothing is taken from the kernel now; the adapter
     * has called pause_read() on the link and resumes it later: the back-pressure of what stands behind it, without a copy. */
    bool (*may_read)(struct hf_link *link);
    void (*on_drained)(struct hf_link *link); /* nothing is queued any more */
    void (*on_blocked)(
        struct hf_link *link); /* the kernel took less than all, for the first time since drained */
    /* Last call for this link; the carrier frees it when the handler returns. */
    void (*on_end)(struct hf_link *link, enum hf_link_end end, int sys_errno);
};

struct hf_link { /* embedded first in the carrier's stream */
    const struct hf_link_ops *ops;
    const struct hf_link_handler *handler; /* may be exchanged, together with user, at any time */
    void *user;                            /* the adapter's object */
};

#endif
