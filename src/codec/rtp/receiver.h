/* codec/rtp/receiver.h - what a receiver knows of one source: extended sequence, loss, jitter, duplicates; and the order in which packets are to be
 * taken. Pure: time is handed in, nothing is allocated.
 *
 * Order: a packet that is ahead waits for those before it, at most HF_RTP_WINDOW - 1 places ahead; when one does not fit, gaps are given up until it does, and counted. The window
 * holds numbers of places, not bytes: the caller keeps a packet under the number that it was told. To be called, for each packet:
 *
 *   while (hf_rtp_receiver_overflows(r, sequence)) { lost = give_up(r); ...tell who assembles...; while (pop(r, &slot)) ...take slot...; }
 *   switch (take(r, ...)) { NEXT, RESTART: take it, then while (pop(r, &slot)) ...take slot...; WAITS: keep it under the slot; others: drop }
 *
 * Source: RFC 3550 6.4.1, A.1 (a restarted sender is believed after two packets in order), A.3, A.8. */
#ifndef HF_CODEC_RTP_RECEIVER_H
#define HF_CODEC_RTP_RECEIVER_H

#include "codec/rtp/rtcp.h"

enum {
    HF_RTP_WINDOW = 32, /* places, the one that is expected included */
    HF_RTP_DROPOUT_MAX =
        3000, /* a jump ahead by this or more is a new beginning, when the next packet confirms it */
    HF_RTP_MISORDER_MAX = 100, /* likewise one back by more */
};

enum hf_rtp_verdict {
    HF_RTP_NEXT,      /* take it now */
    HF_RTP_WAITS,     /* keep it under *ret_slot */
    HF_RTP_DUPLICATE, /* had, or waiting already */
    HF_RTP_LATE,      /* its gap was given up, or it was sent before the first one that came */
    HF_RTP_STRANGE, /* far away from where the sequence is: dropped unless the next one confirms a new beginning */
    HF_RTP_RESTART, /* as NEXT, and nothing before it can be continued: what waited is void, its places are free */
};

struct hf_rtp_receiver {
    uint32_t clock_hz;
    bool begun, has_transit, has_bad;
    uint16_t expected;                         /* the next to be taken */
    uint16_t highest;                          /* seen */
    uint16_t bad;                              /* what would confirm the strange packet that came */
    uint32_t cycles;                           /* of `highest`, in units of 65,536 */
    uint32_t base;                             /* of the first packet */
    uint32_t received;                         /* since base, duplicates too: RFC 3550 6.4.1 */
    uint32_t expected_before, received_before; /* as of the last report */
    uint32_t transit, jitter16;                /* jitter times 16 */
    uint32_t waiting;                          /* bit i: expected + i waits; bit 0 never */
    uint64_t had;                              /* bit i: expected - 1 - i was taken */
    /* counters, for the life of the stream */
    uint64_t packets, duplicates, late, reordered, lost /* given up */, restarts, strange;
};

void hf_rtp_receiver_init(struct hf_rtp_receiver *self, uint32_t clock_hz);

/* A packet came. now_us: arrival, monotonic. *ret_lost: packets that are given up because of it (NEXT and RESTART only): whoever assembles must be told. *ret_slot, 0 to
 * HF_RTP_WINDOW - 1: of WAITS. Asserts that hf_rtp_receiver_overflows() is false. */
enum hf_rtp_verdict hf_rtp_receiver_take(struct hf_rtp_receiver *self, uint16_t sequence, uint32_t timestamp,
                                         uint64_t now_us, unsigned *ret_slot, unsigned *ret_lost);
/* The next packet that waited and whose turn it is; its place is free again. False: none. */
bool hf_rtp_receiver_pop(struct hf_rtp_receiver *self, unsigned *ret_slot);

bool hf_rtp_receiver_overflows(const struct hf_rtp_receiver *self, uint16_t sequence);
bool hf_rtp_receiver_waits(const struct hf_rtp_receiver *self); /* any packet: bound its wait by time, too */
/* Gives up the gap before the first packet that waits: how many packets are lost. Nothing waits: 0. */
unsigned hf_rtp_receiver_give_up(struct hf_rtp_receiver *self);

/* What is to be reported now; a new interval begins. Source's SSRC, last SR and delay are the caller's to fill in. */
struct hf_rtcp_report hf_rtp_receiver_report(struct hf_rtp_receiver *self);
uint32_t hf_rtp_receiver_jitter_us(const struct hf_rtp_receiver *self);

#endif
