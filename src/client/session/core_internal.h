/* client/session/core_internal.h - one struct for core.c (life), core_http.c (upgrade), core_ws.c (WebSocket in), core_out.c (bytes out), core_session.c (frames), core_up.c (uplink),
 * core_down.c (downlink), core_documents.c (PATCH and DELTA), core_path.c (what the heartbeats say of the path), core_engine.c (engine.h). The queue is queue.h's. Private to them. */
#ifndef HF_CLIENT_CORE_INTERNAL_H
#define HF_CLIENT_CORE_INTERNAL_H

#include <string.h>

#include "base/assert.h"
#include "base/rate.h"
#include "base/rng.h"
#include "client/queue.h"
#include "client/session/core.h"
#include "client/session/core_path.h"
#include "codec/ws/assembly.h"
#include "codec/ws/close.h"
#include "codec/ws/frame.h"
#include "codec/ws/handshake.h"
#include "core/session/backoff.h"
#include "core/session/heartbeat.h"
#include "core/session/receiver.h"
#include "core/session/sender.h"

enum {
    HF_CLIENT_WINDOW = HF_CLIENT_WINDOW_MESSAGES_MAX,
    HF_CLIENT_DELIVERED_MAX =
        2 * HF_CLIENT_WINDOW,  /* delivered and not durably acknowledged, of two sessions */
    HF_CLIENT_OUT_SPARE = 512, /* of the output buffer, kept for what is not a message */
    HF_CLIENT_BUNDLE_BYTES_MAX =
        4096,                 /* frames in one WebSocket message: small enough for every gateway's limit */
    HF_CLIENT_AHEAD_MAX = 64, /* numbers given before they are sent: the rest may still be overtaken */
    HF_CLIENT_HEAD_BYTES_MAX = 16 << 10,  /* HTTP answer with its body */
    HF_CLIENT_BUNDLE_IN_BYTES = 64 << 10, /* a WebSocket message may exceed the largest message by so much */
    HF_CLIENT_RANGES_MAX = HF_FRAME_ACK_RANGES_MAX + 1, /* holes between 16 ranges */
    HF_CLIENT_ROUNDS_MAX =
        16, /* of work that the application makes within its callbacks, before the caller gets a turn */
    HF_CLIENT_TEXT_BYTES = 160,
};

enum hf_client_phase {
    HF_PHASE_IDLE,
    HF_PHASE_CONNECTING,
    HF_PHASE_UPGRADING,
    HF_PHASE_GREETING, /* HELLO is out */
    HF_PHASE_OPEN,
    HF_PHASE_CLOSING, /* our Close is out, or the peer's was answered */
    HF_PHASE_WAITING,
    HF_PHASE_STOPPED,
};

/* Downlink messages from delivery until their acknowledgement is durable. */
struct hf_delivered {
    uint64_t handle;
    uint64_t seq;    /* of the session in force; of an earlier one with `orphan` */
    uint64_t ticket; /* of the acknowledgement; 0 = it has not been given yet */
    uint8_t uuid[16];
    bool command;
    bool orphan; /* its session is gone; comes again under another number, recognised by its uuid */
    bool later;  /* the application acknowledges by handle, and is told */
    bool again;  /* acknowledged, but it could not be stored: try again */
    bool stored; /* durable */
};

/* What went out and is not durable at the gateway: one for each message or gap. */
struct hf_inflight {
    uint64_t seq_to;
    uint32_t bytes;
    bool gap;
};

/* Why a connection ends. */
struct hf_ending {
    uint16_t code; /* 0 = never came so far */
    bool by_peer;
    enum hf_reason reason;
    enum hf_client_failure failure;
    uint32_t retry_ms;
    bool at_once;      /* come back without a delay (HB-9) */
    bool network_down; /* come back when the network is up */
    char text[HF_CLIENT_TEXT_BYTES];
};

/* Of one connection; zeroed for each attempt. */
struct hf_client_link {
    struct hf_ws_client handshake;
    struct hf_ws_decoder decoder;
    struct hf_ws_assembly *in; /* owns: an HTTP answer, or a message that came in pieces */
    struct hf_ws_closing closing;
    struct hf_ending ending;
    uint64_t hello_next, hello_position; /* as told */
    uint64_t opened_ms;                  /* 0 = no WELCOME yet */
    uint64_t peer_acked;                 /* what its kernel had acknowledged at its last sign of life */
    struct hf_client_pace pace;
    uint64_t lost_through; /* numbers before `first` that the gateway lacks: a GAP has to say so */
    uint64_t out_ms;       /* when output last made progress, or was empty */
    bool forget_due; /* what was durable at WELCOME is forgotten with the next ACK: refusals come before it */
    uint32_t message_bytes_max, capabilities;
    struct hf_sender sender;
    struct hf_receiver receiver;
    struct hf_beat_rules rules;
    struct hf_beat beat;
    struct hf_path path;
    struct hf_rate rate;
    struct hf_rate_limit rate_limit;
    struct hf_inflight inflight[HF_CLIENT_WINDOW]; /* ring */
    unsigned inflight_at, inflight_count;
    struct {
        uint64_t from, to;
    } again[HF_CLIENT_RANGES_MAX]; /* to be sent again, in order */
    unsigned again_at, again_count;
    struct { /* a message that is larger than the output buffer, on its way through it */
        uint64_t seq;
        size_t at, bytes; /* of the payload */
        size_t mask_at;
        uint8_t mask[4];
        bool on;
    } stream;
    struct { /* owed; there is one place each, the newest counts */
        bool ws_pong, pong, ping, ask, subscribe;
        uint8_t asks; /* by 1 << document: a PATCH without a change */
        uint8_t ws_pong_bytes, ws_pong_payload[HF_WS_CONTROL_BYTES_MAX];
        struct hf_frame_beat pong_beat, ping_beat;
    } owed;
    struct {
        uint8_t bytes;
        char name[HF_CLIENT_SHADOW_NAME_BYTES_MAX];
        uint64_t version;
    } named[HF_CLIENT_NAMED_OWED_MAX]; /* shadows of which we owe the word that they have come */
    unsigned named_count;
    struct {
        uint32_t request;
        uint8_t document;
    } patches[HF_CLIENT_PATCHES_MAX]; /* that wait for their answers */
    unsigned patch_count;
    bool probing;
    bool up; /* there is a transport, or an attempt at one */
};

struct hf_client_core {
    struct hf_client_engine engine;
    const struct hf_client_ops *ops;
    void *user;
    struct hf_store *store;
    struct hf_ws_memory memory;
    struct hf_ws_config ws_config;
    struct hf_slice device, software, trace, groups[HF_FRAME_GROUPS_MAX]; /* in texts */
    char *texts;                                                          /* owns */
    size_t texts_bytes;
    unsigned group_count;
    uint8_t profile, boot_id[16];
    uint32_t window_messages, window_bytes, message_bytes_max;
    bool crc, documents, shadow, certificates;
    uint64_t document_versions[HF_DOCUMENT_SHADOW + 1]; /* that the application has */
    struct hf_rng rng;
    struct hf_backoff backoff;
    struct hf_client_counts counts;

    struct hf_client_time now; /* of the input that is being worked on */
    unsigned depth; /* calls into the core that are under way: more than one = from within a callback */
    enum hf_client_phase phase;
    enum hf_link_state state;
    uint64_t phase_due_ms; /* deadline of the stage; when to try again; UINT64_MAX = none */
    uint32_t attempt;      /* since the last established connection */
    uint32_t base_ms;      /* of the backoff; 0 = the profile's */
    bool network_down, network_told, stopping, fresh_credentials, forget_session;
    unsigned alternate_count;
    uint8_t alternate_bytes[HF_CLIENT_BOUNDS_ALTERNATES];
    char alternates[HF_CLIENT_BOUNDS_ALTERNATES][HF_FRAME_TEXT_BYTES_MAX];

    struct hf_client_queue queue;
    uint8_t session_id[16];     /* in force; the stored one follows */
    uint64_t session_start;     /* its position to begin with */
    uint64_t delivered_through; /* in that session */
    uint64_t handle_last;
    struct hf_delivered *delivered; /* owns; grows to HF_CLIENT_DELIVERED_MAX */
    unsigned delivered_count, delivered_room;

    uint8_t *out;                   /* owns HF_CLIENT_OUT_BYTES */
    size_t out_at, out_bytes;       /* what is to be written: [out_at, out_at + out_bytes) */
    size_t bundle_at, bundle_bytes; /* an open WebSocket message behind it; bundle_bytes 0 = none */

    struct hf_client_link link;
};

/* ---- core.c; core_input.c has the rest of core.h ---- */
void hf_core_attempt(struct hf_client_core *core);
/* The connection's transport is gone or given up: tells it, and decides when to come back. link.ending says why. */
void hf_core_finish(struct hf_client_core *core, bool flush, enum hf_link_event event);
/* Ends the connection with a Close: awaits the peer's, except when it is silent or never was established. */
void hf_core_close(struct hf_client_core *core, uint16_t code, enum hf_reason reason,
                   enum hf_link_event event);
/* The peer broke the protocol: 4400 session_broken, or another reason. */
void hf_core_broken(struct hf_client_core *core, enum hf_reason reason);
/* A sign that does not end the connection. */
void hf_core_link_event(struct hf_client_core *core, enum hf_link_event event);
void hf_core_text(struct hf_client_core *core,
                  struct hf_slice text); /* of link.ending; the first one stays */
void hf_core_enter(struct hf_client_core *core, const struct hf_client_time *now);
void hf_core_leave(struct hf_client_core *core);
void hf_core_alternates(struct hf_client_core *core, const struct hf_slice *alternates, unsigned count);

/* ---- core_http.c ---- */
void hf_core_http(struct hf_client_core *core, uint8_t *data, size_t bytes);

/* ---- core_ws.c ---- */
void hf_core_ws(struct hf_client_core *core, uint8_t *data, size_t bytes);

/* ---- core_out.c ---- */
/* False: no room. A frame of the session joins the open bundle. `spare`: may use the room that is kept for what is not a message. */
bool hf_core_emit(struct hf_client_core *core, const struct hf_frame *frame, bool spare);
bool hf_core_emit_ws(struct hf_client_core *core, enum hf_ws_opcode opcode, const void *payload,
                     size_t bytes);
bool hf_core_emit_raw(struct hf_client_core *core, const void *data, size_t bytes); /* before frames: HTTP */
/* A DATA or RESULT that is larger than the buffer: begins to stream it. False: something is before it. */
bool hf_core_stream(struct hf_client_core *core, uint64_t seq, const struct hf_frame *frame);
/* Writes what there is, as far as the transport takes it. */
void hf_core_flush(struct hf_client_core *core);
bool hf_core_fits(const struct hf_client_core *core,
                  size_t frame_bytes); /* could it ever be emitted whole? */

/* ---- core_session.c ---- */
void hf_core_hello(struct hf_client_core *core);
/* One WebSocket message of whole frames. */
void hf_core_frames(struct hf_client_core *core, const uint8_t *data, size_t bytes);
void hf_core_owed(struct hf_client_core *core); /* PONG, PING, ACK ... as far as there is room */
void hf_core_session_tick(struct hf_client_core *core);
uint64_t hf_core_session_due_ms(const struct hf_client_core *core);

/* ---- core_up.c ---- */
void hf_core_up_open(struct hf_client_core *core, const struct hf_frame_welcome *welcome);
void hf_core_up_ack(struct hf_client_core *core, const struct hf_frame_ack *ack);
void hf_core_up_refused(struct hf_client_core *core, const struct hf_frame_refuse *refuse);
void hf_core_up_too_big(struct hf_client_core *core); /* the connection ended with 1009 */
void hf_core_up_number(struct hf_client_core *core);  /* gives numbers to what may go out next */
void hf_core_up_send(struct hf_client_core *core);
uint64_t hf_core_up_due_ms(const struct hf_client_core *core);

/* ---- core_down.c ---- */
void hf_core_down_open(struct hf_client_core *core, const struct hf_frame_welcome *welcome);
void hf_core_down_close(struct hf_client_core *core);
/* In turn: delivers it, unless it was. False: the connection has ended. */
bool hf_core_down_take(struct hf_client_core *core, uint64_t seq, const struct hf_frame *frame);
void hf_core_down_plain(struct hf_client_core *core, const struct hf_frame_data *data); /* not numbered */
void hf_core_down_gap(struct hf_client_core *core, uint64_t from, uint64_t to, enum hf_reason reason);
void hf_core_down_again(struct hf_client_core *core); /* acknowledgements that could not be stored */
void hf_core_down_stored(struct hf_client_queue *queue, uint64_t through, hf_err err); /* of a commit */
uint32_t hf_core_down_window(const struct hf_client_core *core); /* messages, for HELLO */

/* ---- core_documents.c ---- */
void hf_core_documents_hello(const struct hf_client_core *core, struct hf_frame_hello *hello);
void hf_core_documents_owed(struct hf_client_core *core);
void hf_core_delta(struct hf_client_core *core, const struct hf_frame_delta *delta);
void hf_core_documents_close(struct hf_client_core *core); /* tells the patches that were not answered */

#endif
