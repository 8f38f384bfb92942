/* adapter/backend.h - what the HTTP API needs from the gateway, implemented by app/. Everything here is called on the
 * worker that owns the API connection, never blocks, and answers on that worker. */
#ifndef HF_ADAPTER_BACKEND_H
#define HF_ADAPTER_BACKEND_H

#include "base/err.h"
#include "base/sb.h"
#include "codec/jwt/api_key.h"
#include "core/barrier.h"
#include "core/call.h"
#include "core/kv.h"
#include "core/twin/latency_history.h"

struct hf_backend;
struct hf_json_out;

/* One reader of the event log (GET /v1/events). */
enum hf_tail_form { HF_TAIL_JSONL, HF_TAIL_SSE, HF_TAIL_WS };
struct hf_tail_request {
    struct hf_slice tenant; /* always set: a reader never sees another tenant; "*" = operator, all */
    struct hf_slice device, topic_filter; /* absent = all; topic_filter with MQTT-style + and # */
    struct hf_slice by;    /* what came of requests with this key; "*" = with any; absent = all */
    uint64_t types;        /* bit per enum hf_event_type; 0 = all */
    uint64_t from;         /* first offset wanted; 0 = from the end */
    uint64_t until;        /* last offset wanted; 0 = none */
    uint64_t from_time_ms; /* instead of `from`; 0 = not asked */
    uint64_t limit;        /* events at most; 0 = no limit */
    bool follow;           /* wait for more at the end */
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

/* One watcher of a camera's channel (GET /v1/cameras/{device}/{channel}/live.*, snapshot.jpg): the same way of asking. */
enum hf_view_form {
    HF_VIEW_PS,
    HF_VIEW_FLV,
    HF_VIEW_MP4,
    HF_VIEW_JPEG,
    HF_VIEW_RTP,   /* packets go to `to`; chunks are a line of JSON a second */
    HF_VIEW_STATS, /* one line of JSON of what is pulled now; HF_ERR_NOT_FOUND */
    HF_VIEW_SPEAK, /* `sound` is said to the device of a talk that stands; one such line when all of it is taken. HF_ERR_NOT_FOUND: there is no talk; HF_ERR_EXISTS: somebody else is speaking;
                      HF_ERR_UNSUPPORTED: the talk has another codec; HF_ERR_CLOSED: it ended first */
};
struct hf_view_request {
    struct hf_slice tenant, device, channel;
    enum hf_view_form form;
    uint8_t
        kind; /* of session: 0 live, 1 playback, 2 download, 3 talk, as struct hf_gb_media_request has it. Others than live are never `absent`: HF_ERR_NOT_FOUND */
    bool
        picture_in_head; /* MP4 without sound: the first picture stands in the file's head and not in a fragment: what a media element shows sooner, and a MediaSource would not see */
    struct hf_slice sound; /* SPEAK: G.711, 8,000 bytes a second; copied */
    uint8_t sound_codec;   /* enum hf_es_codec: HF_ES_G711A, HF_ES_G711U */
    bool sound_last;       /* the talk ends when it has been heard */
    struct hf_slice to;    /* RTP: numeric address and port; HF_ERR_INVALID for what is none */
};
struct hf_view; /* opaque */
struct hf_view_chunk {
    const uint8_t *data; /* ready to be written to the socket; borrowed during on_chunk */
    size_t bytes;
    const char *
        codecs; /* MP4: what it holds, as a media type's parameter names it ("avc1.64001f"); borrowed. NULL: not known, or another form */
    bool
        absent; /* nobody pulls this channel: ask for it (a Play command), then for the next chunk, which comes once it is there */
    bool end;   /* nothing will follow: the stream or the picture is complete */
    hf_err
        err; /* of an end. HF_ERR_TIMEOUT: no key frame came in time; HF_ERR_UNSUPPORTED: this form cannot carry it; HF_ERR_LIMIT, HF_ERR_NOMEM, HF_ERR_MALFORMED, HF_ERR_IO */
};

struct hf_heatmap_wish { /* times are UTC; to_ms is not behind now */
    enum hf_latency_tier tier;
    uint64_t from_ms, to_ms;
    uint32_t slots_max;
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

    /* As tail_*. HF_ERR_LIMIT = too many watchers; HF_ERR_UNSUPPORTED = this gateway has no media port. */
    hf_err (*view_open)(struct hf_backend *backend, const struct hf_view_request *request,
                        void (*on_chunk)(struct hf_view *view, void *user, const struct hf_view_chunk *chunk),
                        void *user, struct hf_view **ret_view);
    void (*view_next)(struct hf_view *view);
    void (*view_close)(struct hf_view *view);

    size_t (*metrics)(struct hf_backend *backend,
                      char **ret_text); /* malloc'ed Prometheus text; 0 = no memory */
    bool (*ready)(struct hf_backend *backend,
                  struct hf_sb *ret_json); /* JSON object {"ready":..,"checks":[..]} */
    size_t (*overview)(struct hf_backend *backend,
                       char **ret_json); /* malloc'ed JSON object of counters; 0 = no memory */
    /* What is set, without lists and what is secret; likewise. */
    size_t (*config)(struct hf_backend *backend, char **ret_json);
    /* Exchanges a login code, once, for the API key it stands for; false: it is good for none. NULL: there are none. */
    bool (*login)(struct hf_backend *backend, struct hf_slice code, char ret_key[HF_API_KEY_TEXT_BYTES_MAX]);
    /* Platforms above at which the tenant's cameras are shown, as elements of the array that is open in out. NULL: there are none. */
    void (*upstreams)(struct hf_backend *backend, struct hf_slice tenant, struct hf_json_out *out);
    /* Members of the object that is open in out. NULL: nothing is measured. */
    void (*heatmap)(struct hf_backend *backend, struct hf_json_out *out);
    void (*heatmap_history)(struct hf_backend *backend, const struct hf_heatmap_wish *wish,
                            struct hf_json_out *out);
    uint64_t (*log_end)(struct hf_backend *backend); /* the offset behind the last durable record */
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
