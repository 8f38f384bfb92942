/* core/session/sender.h - the sending side of one numbered stream (DLV-5, DLV-6, DLV-8): what may go out, what an acknowledgement releases, what to ask
 * and what to send again. Holds no message: those lie in the outbox tables (gateway) or the queue (device). Numbers are the stream's 64-bit ones.
 *
 *      base            received+1          next            base+window
 *   ----|------- in flight ----|--- in flight ---|----- may go out ----|
 *   durable at the receiver before base; arrived there before received+1 */
#ifndef HF_CORE_SESSION_SENDER_H
#define HF_CORE_SESSION_SENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "codec/session/frame.h"
#include "core/session/rtt.h"

enum {
    HF_WINDOW_MESSAGES_DEFAULT = 256, /* DLV-5 */
    HF_WINDOW_MESSAGES_MAX = 4096,
    HF_WINDOW_BYTES_DEFAULT = 1 << 20,
    HF_WINDOW_BYTES_MIN = 1024,
    HF_WINDOW_BYTES_MAX = 16 << 20,
    HF_SENDER_STALL_MS = 10000, /* no progress: DEGRADED and reconnect */
    HF_SENDER_DURABLE_MS =
        60000, /* all received and not durable: a question, never a stall; the ack may have been damaged */
};

struct hf_sender {
    uint64_t base, received, next; /* base <= received + 1 <= next */
    uint64_t progress_ms;          /* when base or received last moved, or the stream was last empty */
    uint64_t given;                /* highest number ever sent, on earlier connections too */
    uint64_t asked_ms;             /* when the timer last asked, with timeouts > 0 */
    uint32_t inflight_bytes;       /* at most window_bytes, or one message */
    uint32_t window_messages, window_bytes;
    uint8_t timeouts; /* expiries since progress */
    bool asking;      /* asked, and nothing new went out since */
    bool answered;    /* the ack just taken is the answer */
};
_Static_assert(sizeof(struct hf_sender) <= 64, "an idle session is budgeted");

/* next: the first number to be sent; everything before it is durable at the receiver. */
void hf_sender_init(struct hf_sender *sender, uint64_t next, uint32_t window_messages, uint32_t window_bytes);
/* After a resume: numbers up to and including `through` (>= next - 1) went out on earlier connections. They are sent again, but the receiver may have them still
 * in memory and acknowledge them before: that is no breach. Where such an ack says durable, `next` moves on with base. */
void hf_sender_given(struct hf_sender *sender, uint64_t through);
/* May `next` with so many payload bytes go out? One message always may when nothing is in flight, however large. */
bool hf_sender_may_send(const struct hf_sender *sender, uint64_t bytes);
void hf_sender_sent(struct hf_sender *sender, uint64_t bytes,
                    uint64_t now_ms); /* `next` went out; a message has at most UINT32_MAX bytes */
/* `next` up to and including `through` are declared gone by a GAP: they take part in acknowledgements like messages of no bytes. A GAP begins in the window like a
 * message (hf_sender_may_send() of 0 bytes); it may end far behind it. */
void hf_sender_skipped(struct hf_sender *sender, uint64_t through, uint64_t now_ms);

enum hf_ack_verdict {
    HF_ACK_OLD,  /* nothing new */
    HF_ACK_NEWS, /* base or received moved */
    HF_ACK_UNSENT, /* acknowledges what was never sent, durable beyond received, or an undefined number or range: close 4400 */
};
/* On NEWS, *ret_base_before..sender->base-1 are released: the caller tells their bytes with hf_sender_released() before it sends again. Also takes the
 * receiver's window; one of 0 messages counts as 1, so that nothing stands still for ever, and one above the maxima as those. */
enum hf_ack_verdict hf_sender_ack(struct hf_sender *sender, const struct hf_frame_ack *ack, uint64_t now_ms,
                                  uint64_t *ret_base_before);
void hf_sender_released(struct hf_sender *sender, uint64_t bytes);

/* After an ack: the next range that the receiver lacks, from *at on (start with 0); false when there is no more. With NACK: everything between received
 * and the last range that no range names; without ranges, or when it answers our question, up to next-1. Ranges may overlap and come in any order.
 * None begins behind the window; one that ends there ends in a gap. */
bool hf_sender_missing(const struct hf_sender *sender, const struct hf_frame_ack *ack, uint64_t *at,
                       uint64_t *ret_from, uint64_t *ret_to);
/* Did the ack just taken answer a question (ASK) that was asked after the last send, so that what it shows missing is missing? True for one ack per question,
 * and not for one that brings news: it may have crossed the question. On a path slower than an RTO that was never measured the answer to an older question may
 * be taken for this one's: then messages go out twice, no more. */
bool hf_sender_asked(const struct hf_sender *sender);

enum hf_sender_verdict { HF_SENDER_NOTHING, HF_SENDER_ASK /* send an ACK with ASK now */, HF_SENDER_STALLED };
uint64_t hf_sender_due_ms(const struct hf_sender *sender,
                          const struct hf_rtt *rtt); /* UINT64_MAX = nothing in flight */
enum hf_sender_verdict hf_sender_tick(struct hf_sender *sender, const struct hf_rtt *rtt, uint64_t now_ms);

#endif
