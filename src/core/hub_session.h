/* core/hub_session.h - holdfast.v1 at the gateway: the session of a device, as the hub keeps it and the adapter uses it (RC-6 to RC-9, DLV-4 to DLV-10).
 *
 * Downlink. A tracked message gets its number (device->seq) in the record that queues it, connected or not. The session's numbers are those less `base`, so the
 * wire number of a message is durable without a record of its own. Numbers whose message has ended before it was delivered go out as GAP. Broadcasts and
 * publications are not numbered: they are encoded once and nothing on disk stands behind them.
 * Uplink. MESSAGE records carry queue id and sequence; the tables keep the highest one per device, so message and position are one record and a retransmission
 * after a crash is recognised. A received number is acknowledged as durable when its record is.
 * The ONLINE record carries session id and base; WELCOME goes out when it is durable, so no device ever holds a session or an epoch that a crash could undo. */
#ifndef HF_CORE_HUB_SESSION_H
#define HF_CORE_HUB_SESSION_H

#include "core/hub.h"
#include "core/session/receiver.h"
#include "core/session/refusals.h"
#include "core/session/resume.h"
#include "core/session/sender.h"

/* HELLO, checked by the adapter: windows within their limits, uplink_next >= uplink_first >= 1, queue_id not 0. */
struct hf_session_hello {
    uint8_t session_id[16]; /* all zero = none */
    uint64_t downlink_position, queue_id, uplink_first, uplink_next;
    uint32_t window_messages, window_bytes;               /* of the downlink: what the device takes */
    uint32_t uplink_window_messages, uplink_window_bytes; /* what we grant */
    uint64_t resume_ms;
};

/* For WELCOME. */
struct hf_session_opened {
    enum hf_session_result result;
    enum hf_reason reason;
    uint8_t session_id[16];
    uint64_t epoch, gap_from, gap_to;
    uint64_t uplink_received, uplink_durable, downlink_next;
    uint8_t durable_id[16]; /* of the message with the number uplink_durable; all zero = it has none */
    uint32_t ticket_ms;     /* 0 = none */
    const struct hf_refusals
        *refusals; /* of the uplink, that the device may not know of; NULL = none; borrowed */
};

enum {
    HF_SESSION_ENDS_MAX = 32
}; /* messages whose end, not their delivery, is to be told by a GAP; beyond them its reason is `gap` */

struct hf_session { /* owned by its device, in hub->sessions */
    uint8_t id[16]; /* all zero: only uplink positions are known */
    uint64_t base;  /* device->seq before the session's first */
    uint64_t
        top; /* device->seq when the session was made: numbers up to it without a message were used up before */
    uint64_t delivered;    /* highest device->seq that the device has durably: lower ones are not retained */
    uint64_t queue_id;     /* 0 = none yet */
    uint8_t uplink_id[16]; /* of the message with the number up.durable_through; all zero = it has none */
    uint64_t seen_ms;      /* UTC, last sign of life as of the end of the last connection */
    struct hf_sender down;
    struct hf_receiver up;
    struct hf_rtt rtt;      /* kept across connections */
    struct hf_session_end { /* owns; by seq; NULL until the first */
        uint64_t seq;
        uint16_t reason;
    } * ends;
    uint32_t slot; /* while connected; else HF_SLOT_NONE */
    uint8_t end_count;
    bool welcomed;       /* WELCOME went out: the downlink flows */
    bool held_by_end;    /* the next number's message has ended, and its record is not durable yet */
    bool reasons_unread; /* taken up from the tables: reasons of earlier ends are in the EXPLAIN rows */
};
_Static_assert(sizeof(struct hf_session) <= 216, "an idle session is budgeted");

/* The session of a connection of holdfast.v1; NULL in raw mode, before it is let in and when it is over. */
static inline struct hf_session *hf_devconn_session(const struct hf_devconn *devconn)
{
    return devconn->in_session ? devconn->device->session : NULL;
}

/* Answers of the calls below that a connection must follow with a close. */
enum hf_session_verdict {
    HF_SESSION_VERDICT_OK,
    HF_SESSION_VERDICT_EARLY,     /* not yet in turn: kept or dropped, nothing to do */
    HF_SESSION_VERDICT_DUPLICATE, /* had already: nothing to do */
    HF_SESSION_VERDICT_DENIED, /* an access rule: recorded in the ledger under its number; send REFUSE forbidden */
    HF_SESSION_VERDICT_UNMATCHED, /* RESULT that nobody waits for: recorded; send REFUSE unmatched */
    HF_SESSION_VERDICT_BUSY, /* above the rate, *ret_wait_ms: nothing was taken, offer it again then. What is refused, and a gap, count as messages */
    HF_SESSION_VERDICT_BROKEN,     /* 4400 session_broken */
    HF_SESSION_VERDICT_FULL,       /* the journal takes nothing: close with storage_full */
    HF_SESSION_VERDICT_UNTELLABLE, /* refused, as HF_REFUSALS_MAX runs of its window were: nothing was taken; close with rate_limit, and the next HELLO says what the device knows */
};

/* A numbered frame of the uplink came, whole; `frame` is kept when it is early. With OK it was delivered and more early ones may be in turn now: ask
 * hf_receiver_ready(&session->up) and offer those the same way. wire: as in the frame. */
enum hf_session_verdict hf_hub_session_message(struct hf_hub *hub, struct hf_devconn *devconn, uint32_t wire,
                                               const struct hf_incoming *incoming, struct hf_slice frame,
                                               uint32_t *ret_wait_ms);
enum hf_session_verdict hf_hub_session_result(struct hf_hub *hub, struct hf_devconn *devconn, uint32_t wire,
                                              const struct hf_frame_result *result, struct hf_slice frame,
                                              uint32_t *ret_wait_ms);
/* The adapter cannot take it, and never will. OK: recorded under its number; send REFUSE with the reason. */
enum hf_session_verdict hf_hub_session_refuse(struct hf_hub *hub, struct hf_devconn *devconn, uint32_t wire,
                                              enum hf_reason reason, struct hf_slice frame,
                                              uint32_t *ret_wait_ms);
enum hf_session_verdict hf_hub_session_gap(struct hf_hub *hub, struct hf_devconn *devconn,
                                           const struct hf_frame_gap *gap, struct hf_slice frame,
                                           uint32_t *ret_wait_ms);
/* OK, or BROKEN. What is durable at the device ends as delivered (plain messages) or waits for its result only (commands). */
enum hf_session_verdict hf_hub_session_ack(struct hf_hub *hub, struct hf_devconn *devconn,
                                           const struct hf_frame_ack *ack);
/* For WELCOME and BYE: when the device is to come back after a loss, in ms; 0 = it has no ticket. */
uint32_t hf_hub_session_ticket_ms(const struct hf_hub *hub, const struct hf_devconn *devconn);
#endif
