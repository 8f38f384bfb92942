/* adapter/backend.h - what the HTTP API needs from the gateway, implemented by app/. Everything here is called on the
 * worker that owns the API connection, never blocks, and answers on that worker. */
#ifndef HF_ADAPTER_BACKEND_H
#define HF_ADAPTER_BACKEND_H

#include "base/err.h"
#include "base/sb.h"
#include "core/barrier.h"
#include "core/call.h"
#include "core/kv.h"

struct hf_backend;

/* One reader of the event log (GET /v1/events). */
enum hf_tail_form { HF_TAIL_JSONL, HF_TAIL_SSE, HF_TAIL_WS };
struct hf_tail_request {
    struct hf_slice tenant; /* always set: a reader never sees another tenant; "*" = operator, all */
    struct hf_slice device, topic_filter; /* absent = all; topic_filter with MQTT-style + and # */
    uint64_t types;                       /* bit per enum hf_event_type; 0 = all */
    uint64_t from;                        /* first offset wanted; 0 = from the end */
    uint64_t until;                       /* last offset wanted; 0 = none */
    uint64_t from_time_ms;                /* instead of `from`; 0 = not asked */
    uint64_t limit;                       /* events at most; 0 = no limit */
    bool follow;                          /* wait for more at the end */
    enum hf_tail_form form;
};
struct hf_tail; /* opaque */
struct hf_tail_chunk {
    const uint8_t *data; /* ready to be written to the socket; borrowed during on_chunk */
    size_t bytes;
    uint64_t next_offset; /* where a reader would go on */
    bool end;             /* nothing will follow: `until`, `limit`, or the end without follow */
    hf_err err;           /* not HF_OK: the log cannot be read; end is set */
};

struct hf_backend_ops {
    /* HF_OK: the gateway owns the call until on_done. HF_ERR_BUSY: mailbox full, the caller keeps it. */
    hf_err (*call)(struct hf_backend *backend, struct hf_call *call);
    /* Read your writes: on_applied is called once the tables have everything that was durable when this was called; at once
     * (before returning) when they have it already. */
    void (*barrier)(struct hf_backend *backend, struct hf_barrier *barrier);
    void (*barrier_cancel)(struct hf_backend *backend,
                           struct hf_barrier *barrier); /* harmless if not waiting */

    /* on_chunk is called once per next(), later, on this worker; data is copied from the request. HF_ERR_LIMIT = too many readers. */
    hf_err (*tail_open)(struct hf_backend *backend, const struct hf_tail_request *request,
                        void (*on_chunk)(struct hf_tail *tail, void *user, const struct hf_tail_chunk *chunk),
                        void *user, struct hf_tail **ret_tail);
    void (*tail_next)(struct hf_tail *tail);  /* ask for the next chunk (at most 64 KiB); one at a time */
    void (*tail_close)(struct hf_tail *tail); /* no on_chunk after this; any time */

    size_t (*metrics)(struct hf_backend *backend,
                      char **ret_text); /* malloc'ed Prometheus text; 0 = no memory */
    bool (*ready)(struct hf_backend *backend,
                  struct hf_sb *ret_json); /* JSON object {"ready":..,"checks":[..]} */
    void (*random)(struct hf_backend *backend, void *out, size_t bytes);
    uint64_t (*utc_ms)(struct hf_backend *backend);
};

struct hf_backend {
    const struct hf_backend_ops *ops;
    struct hf_kv *kv; /* reads only; see core/kv.h */
    uint64_t boot;    /* this start of the node, in device rows */
    uint64_t started_ms,
        unknown_until_ms; /* UTC; after it a device that was online before the start counts as offline */
};

#endif
