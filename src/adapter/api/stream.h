/* adapter/api/stream.h - one reader of what does not end, for events.c (events as JSON lines and server-sent events), events_ws.c (sockets) and cameras_live.c (pictures).
 * Each embeds it first in what free() frees. */
#ifndef HF_ADAPTER_API_STREAM_H
#define HF_ADAPTER_API_STREAM_H

#include "adapter/api/request.h"
#include "codec/ws/frame.h"

struct hf_api_stream;
struct
    hf_api_stream_ops { /* how it reaches its reader; each call may end the stream, the request is held by the caller */
    bool (*ready)(const struct hf_api_stream *stream);                 /* the kernel has taken everything */
    bool (*write)(struct hf_api_stream *stream, struct hf_slice data); /* false: it is gone */
    void (*end)(struct hf_api_stream *stream, enum hf_reason reason);
    void (*idle)(struct hf_api_stream *stream); /* nothing was written for HF_API_KEEPALIVE_MS */
    void (*next)(struct hf_api_stream *stream); /* asks for a chunk */
    void (*drop)(struct hf_api_stream *stream); /* nobody wants more */
    /* Once a second; false: it is gone, or only waits for its end. NULL = always true. */
    bool (*check)(struct hf_api_stream *stream, uint64_t now_ms);
    /* A piece of what the reader of a socket says. NULL: nobody listens to it. */
    void (*part)(struct hf_api_stream *stream, const struct hf_ws_event *event);
};

struct hf_api_stream {
    struct hf_list_node node; /* on api->readers */
    struct hf_api_request *request;
    const struct hf_api_stream_ops *ops;
    struct hf_tail *tail;
    struct hf_timer timer;
    uint64_t written_ms;
    enum hf_tail_form form;
    bool asked; /* a chunk is on its way */
    /* Of a socket. */
    struct hf_link *link; /* NULL: none, or ended */
    struct hf_ws_decoder decoder;
    uint64_t closing_ms; /* our Close was sent then; 0 = open */
    bool finished;       /* finish() was called */
};

/* Begins to belong to the request, which frees it when it ends. Counted as a reader; the caller has looked at the bound. */
void hf_api_stream_add(struct hf_api_request *request, struct hf_api_stream *stream,
                       const struct hf_api_stream_ops *ops);
/* Of events: ops.next and ops.drop. */
void hf_api_tail_next(struct hf_api_stream *stream);
void hf_api_tail_drop(struct hf_api_stream *stream);
void hf_api_stream_go_on(struct hf_api_stream *stream); /* asks for the next chunk when it can be taken */
/* Event types, comma separated, as bits; an absent list is all of them, 0. False: *ret_unknown is none. */
bool hf_api_types_parse(struct hf_slice list, uint64_t *ret_types, struct hf_slice *ret_unknown);
enum {
    HF_API_TYPES_BYTES_MAX = 512, /* of such a list */
    HF_API_SOCKET_MESSAGE_BYTES_MAX =
        4096, /* of a message that a reader says: the decoder refuses longer ones */
};

/* Of a socket only. */
void hf_api_socket_abort(struct hf_api_stream *stream);
/* Upgrades the request; on trouble it is answered. ops: as below, with next and drop, and the like. */
void hf_api_socket_begin(struct hf_api_request *request, struct hf_api_stream *stream,
                         const struct hf_api_stream_ops *ops);
bool hf_api_socket_ready(const struct hf_api_stream *stream);
bool hf_api_socket_write(struct hf_api_stream *stream, struct hf_slice data); /* whole frames; flushes */
void hf_api_socket_end(struct hf_api_stream *stream, enum hf_reason reason);
void hf_api_socket_idle(struct hf_api_stream *stream);
bool hf_api_socket_check(struct hf_api_stream *stream, uint64_t now_ms);
/* One text message of these parts, not flushed. False: it is gone. */
bool hf_api_socket_text(struct hf_api_stream *stream, const struct hf_slice *parts, size_t count);
extern const struct hf_api_stream_ops hf_api_socket_events; /* GET /v1/events */

#endif
