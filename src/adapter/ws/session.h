/* adapter/ws/session.h - what a connection of holdfast.v1 has beyond a raw one, for the files of this folder: session_open.c (AUTH, HELLO,
 * WELCOME), session_in.c (what the device says), session_out.c (what it is told), session_beat.c (liveness, states, the timer),
 * session_documents.c (PATCH), session_certificate.c (PATCH of document 4). doc/protocol.md is the specification, section numbers in brackets; the rules are core's.
 *
 * HANDSHAKING until WELCOME went out, whatever hf_ws_state says: the socket is AUTH until HELLO was taken, then OPEN while the record that lets the
 * device in becomes durable. From WELCOME on the states of core/session/state.h count. */
#ifndef HF_ADAPTER_WS_SESSION_H
#define HF_ADAPTER_WS_SESSION_H

#include "adapter/ws/conn.h"
#include "core/hub_session.h"
#include "core/session/heartbeat.h"
#include "core/session/state.h"

enum {
    HF_WS_EARLY_FRAMES_MAX = 8, /* before WELCOME [10] */
    HF_WS_EARLY_BYTES_MAX = 4096,
    HF_WS_WELCOME_MS = 10000,       /* HELLO to WELCOME: the log takes longer than that: busy */
    HF_WS_DOCUMENT_CALLS_MAX = 8,   /* of one connection on their way: busy above it */
    HF_WS_DOCUMENT_RETRY_MS = 1000, /* after WELCOME a document could not be read: again */
    HF_WS_DOCUMENT_BYTES_TOTAL_MAX =
        64 << 20, /* changes of documents on their way, of one worker: busy above it */
    HF_WS_BATCH_ASKS_MAX =
        2, /* a batch of samples with a wrong CRC is asked for again so often; then it is what the device has, and given up */
    HF_WS_CLOCK_SKEW_MS = 2000, /* HB-3: a clock that is further off is marked; it closes nothing */
    HF_WS_ABSENT_MS = 1000, /* a timer this late says that this process did not run: no verdict on the peer */
};

struct hf_ws_session { /* in site->sessions */
    struct hf_beat beat;
    uint64_t acked_bytes;              /* by the peer's kernel, when this silence was first looked at */
    struct hf_ws_documents *documents; /* owns; NULL when it takes no part in any. session_documents.c */
    uint16_t early_bytes;
    uint16_t patience_s;  /* TCP_USER_TIMEOUT as it was last set; 0 = the listener's */
    uint8_t capabilities; /* accepted */
    uint8_t early_frames;
    uint8_t state;                          /* enum hf_link_state */
    bool watched : 1;                       /* acked_bytes is of this silence */
    bool full : 1;                          /* messages wait because its window is full: counted */
    bool waiting : 1;                       /* it came with messages that it has not forgotten */
    bool clock_known : 1, clock_skewed : 1; /* by its heartbeats: conn->clock_ahead_ms */
    bool certificates : 1;                  /* the capability was accepted; the number does not fit above */
    bool renewing : 1;                      /* a request for a certificate is under way */
};

_Static_assert((HF_CAP_HEARTBEAT | HF_CAP_RESUME | HF_CAP_SELECTIVE_ACK | HF_CAP_CRC | HF_CAP_DOCUMENTS |
                HF_CAP_SHADOW | HF_CAP_REFUSALS) <= UINT8_MAX,
               "what may be accepted fits");
_Static_assert(sizeof(struct hf_ws_session) <= 144, "an idle session is budgeted, as core's part of it is");

static inline bool hf_ws_welcomed(const struct hf_ws_conn *conn)
{
    return conn->session->state != HF_LINK_HANDSHAKING && conn->dev.in_session;
}

static inline bool hf_ws_is_json(const struct hf_ws_conn *conn)
{
    return conn->mode == HF_WS_SESSION_JSON;
}

/* session_open.c. HELLO and AUTH: false = the connection has moved to its home (*ret_moved) or was closed. `left` begins at the frame. */
bool hf_ws_session_hello(struct hf_ws_conn *conn, const struct hf_frame_hello *hello, struct hf_slice left,
                         const uint8_t *rest, size_t rest_bytes, bool *ret_moved);
bool hf_ws_session_auth(struct hf_ws_conn *conn, const struct hf_frame_auth *auth);
void hf_ws_session_welcome(struct hf_devconn *devconn, const struct hf_session_opened *opened);

/* session_in.c: one whole WebSocket message. */
void hf_ws_session_message(struct hf_ws_conn *conn, bool text, struct hf_slice payload, const uint8_t *rest,
                           size_t rest_bytes, bool *ret_moved);
/* What came early and is in turn now, before anything that was held behind it. False: it has to wait *ret_wait_ms more, or was closed. */
bool hf_ws_session_ready(struct hf_ws_conn *conn, uint32_t *ret_wait_ms);

/* session_out.c. Errors as hf_link_ops.write. */
hf_err hf_ws_session_send(struct hf_ws_conn *conn, const struct hf_frame *frame);
uint32_t hf_ws_session_rtt_us(
    const struct hf_ws_conn *conn); /* of its heartbeats, else of the kernel; 0 = not measured */
void hf_ws_session_refuse(struct hf_ws_conn *conn, uint32_t seq, enum hf_reason reason, const char *detail);
void hf_ws_session_bye(struct hf_ws_conn *conn, enum hf_reason reason, struct hf_slice detail);

/* session_beat.c */
void hf_ws_session_begin(struct hf_ws_conn *conn, enum hf_profile profile, uint32_t interval_ms);
uint64_t hf_ws_session_due_ms(const struct hf_ws_conn *conn);
void hf_ws_session_tick(struct hf_ws_conn *conn, uint64_t now_ms); /* may close it */
void hf_ws_session_life(struct hf_ws_conn *conn);
void hf_ws_session_ping(struct hf_ws_conn *conn, const struct hf_frame_beat *ping);
void hf_ws_session_pong(struct hf_ws_conn *conn, const struct hf_frame_beat *pong);
void hf_ws_session_ws_pong(struct hf_ws_conn *conn, struct hf_slice payload); /* a control frame */
/* The one door of the states: refused cells are counted, transitions logged. */
void hf_ws_session_event(struct hf_ws_conn *conn, enum hf_link_event event, enum hf_reason reason);
void hf_ws_session_settle(struct hf_devconn *devconn);

/* session_documents.c. begin, from inside HELLO, before it is let in: those of its capabilities that are granted, 0 = no documents for it. welcomed, tick and settle may close the connection. */
uint32_t hf_ws_documents_begin(struct hf_ws_conn *conn, struct hf_tenant *tenant,
                               const struct hf_frame_hello *hello);
void hf_ws_documents_welcomed(struct hf_ws_conn *conn);
uint64_t hf_ws_documents_due_ms(const struct hf_ws_conn *conn);
void hf_ws_documents_tick(struct hf_ws_conn *conn, uint64_t now_ms);
void hf_ws_documents_settle(struct hf_ws_conn *conn); /* answers for which there was no room */
void hf_ws_documents_end(struct hf_ws_conn *conn);    /* its answers have nobody any more */
bool hf_ws_takes_document(const struct hf_devconn *devconn, struct hf_slice name);
bool hf_ws_takes_shadow(const struct hf_devconn *devconn, struct hf_slice name);
/* session_certificate.c. begin, from inside HELLO: may this device renew its certificate here? */
bool hf_ws_certificate_begin(struct hf_ws_conn *conn, struct hf_slice tenant, struct hf_slice device);
void hf_ws_certificate_welcomed(struct hf_ws_conn *conn);
void hf_ws_certificate_patch(struct hf_ws_conn *conn, const struct hf_frame_patch *patch, bool not_json);
void hf_ws_certificate_end(struct hf_ws_conn *conn); /* its answer has nobody any more */
/* session_documents.c. False: it has to wait *ret_wait_ms. not_json: its change is none. */
bool hf_ws_session_patch(struct hf_ws_conn *conn, const struct hf_frame_patch *patch, bool not_json,
                         uint32_t *ret_wait_ms);

#endif
