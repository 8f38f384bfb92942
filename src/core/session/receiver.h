/* core/session/receiver.h - the receiving side of one numbered stream (DLV-5, DLV-6, DLV-8): order, duplicates, holes, and when to acknowledge what. What
 * arrives early is kept in a bounded store (struct hf_reorder) that exists only while there is a hole. Numbers are the stream's 64-bit ones. */
#ifndef HF_CORE_SESSION_RECEIVER_H
#define HF_CORE_SESSION_RECEIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "codec/session/frame.h"
#include "core/session/strikes.h"

enum {
    HF_ACK_EVERY_MESSAGES = 64,
    HF_ACK_DELAY_MS = 200,
    HF_HOLE_NACK_MS = 1000, /* DLV-8 */
    HF_HOLE_GIVE_UP_MS = 5000,
};

struct hf_reorder; /* owns copies of early frames, and knows since when there is a hole */

struct hf_receiver {
    uint64_t expected;         /* the number behind received_through */
    uint64_t durable_through;  /* < expected */
    uint64_t ack_due_ms;       /* 0 = none due */
    struct hf_reorder *early;  /* owns; NULL without a hole */
    struct hf_strikes corrupt; /* frames with a wrong CRC */
    uint32_t window_messages, window_bytes;
    uint32_t unacked; /* messages since the last ack */
    bool nack;        /* the next ack is a NACK */
};
_Static_assert(sizeof(struct hf_receiver) <= 56, "an idle session is budgeted");

void hf_receiver_init(struct hf_receiver *receiver, uint64_t expected, uint64_t durable_through,
                      uint32_t window_messages, uint32_t window_bytes);
void hf_receiver_deinit(struct hf_receiver *receiver);

enum hf_receive {
    HF_RECEIVE_DELIVER,   /* it is `expected`: take it, then call hf_receiver_took() */
    HF_RECEIVE_EARLY,     /* keep it: hf_receiver_keep() */
    HF_RECEIVE_DUPLICATE, /* drop it; an ack is due */
    HF_RECEIVE_BEYOND,    /* outside the window, or no number: the sender broke the protocol, 4400 */
};
enum hf_receive hf_receiver_offer(const struct hf_receiver *receiver, uint64_t seq);
/* What was delivered is in (in memory); expected moves on. now_ms: for the ack that becomes due. */
void hf_receiver_took(struct hf_receiver *receiver, uint64_t now_ms);
/* For EARLY only. Copies the whole encoded frame. HF_ERR_LIMIT: the window's bytes are full (dropped; the caller counts it: it comes again); HF_ERR_NOMEM: the
 * same. HF_OK also for one kept already: the first one stays. */
hf_err hf_receiver_keep(struct hf_receiver *receiver, uint64_t seq, const void *frame, size_t bytes,
                        uint64_t now_ms);
/* The kept frame that is now expected, or absent. Valid until hf_receiver_took(), _gap() or _deinit(). While it waits here there is no hole. */
struct hf_slice hf_receiver_ready(const struct hf_receiver *receiver);
uint64_t hf_receiver_hole_ms(
    const struct hf_receiver *receiver); /* since when something is missing; 0 = nothing */
/* A GAP from..to: HF_OK moves expected behind it when it begins at or before expected, else nothing (the caller keeps it like an early frame: keep() with its
 * `from`); one that lies wholly behind is a duplicate: an ack is due. HF_ERR_MALFORMED: from > to, or the end lies outside what can have been sent (more than 2^31 ahead). */
hf_err hf_receiver_gap(struct hf_receiver *receiver, uint64_t from, uint64_t to, uint64_t now_ms);
void hf_receiver_durable(struct hf_receiver *receiver, uint64_t through,
                         uint64_t now_ms); /* <= expected - 1; only forwards */
/* A frame with a wrong CRC: true = the third within a minute, close 4400. A NACK becomes due at once. */
bool hf_receiver_corrupt(struct hf_receiver *receiver, uint64_t now_ms);
void hf_receiver_asked(struct hf_receiver *receiver,
                       uint64_t now_ms); /* ASK, or a duplicate: an ack is due now */

enum hf_receiver_verdict {
    HF_RECEIVER_NOTHING,
    HF_RECEIVER_ACK /* fill and send one */,
    HF_RECEIVER_LOST /* the hole stays: give up */
};
uint64_t hf_receiver_due_ms(const struct hf_receiver *receiver); /* UINT64_MAX = nothing */
enum hf_receiver_verdict hf_receiver_tick(struct hf_receiver *receiver, uint64_t now_ms);
/* The ack as it stands; none is due any more. */
void hf_receiver_ack(struct hf_receiver *receiver, struct hf_frame_ack *ret_ack, uint64_t now_ms);

#endif
