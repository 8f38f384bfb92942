/* core/session/receiver.c - order, duplicates and holes. A hole is: something early is kept, and what is expected is not. A lost tail shows no hole here; the
 * sender's question finds it. */
#include "core/session/receiver.h"

#include "base/assert.h"
#include "core/session/reorder.h"
#include "core/session/serial.h"

void hf_receiver_init(struct hf_receiver *receiver, uint64_t expected, uint64_t durable_through,
                      uint32_t window_messages, uint32_t window_bytes)
{
    HF_ASSERT(durable_through < expected);
    *receiver = (struct hf_receiver){.expected = hf_serial_number(expected),
                                     .durable_through = durable_through,
                                     .window_messages = HF_MAX(window_messages, 1),
                                     .window_bytes = window_bytes};
}

void hf_receiver_deinit(struct hf_receiver *receiver)
{
    hf_reorder_free(receiver->early);
    receiver->early = NULL;
}

enum hf_receive hf_receiver_offer(const struct hf_receiver *receiver, uint64_t seq)
{
    if (!hf_serial_is_number(seq))
        return HF_RECEIVE_BEYOND;
    if (seq == receiver->expected)
        return HF_RECEIVE_DELIVER;
    if (seq < receiver->expected)
        return HF_RECEIVE_DUPLICATE;
    return seq - receiver->expected < receiver->window_messages ? HF_RECEIVE_EARLY : HF_RECEIVE_BEYOND;
}

/* 0 means "none" for every time here: the first millisecond of a clock is told as the second. */
static uint64_t set_ms(uint64_t now_ms)
{
    return HF_MAX(now_ms, 1);
}

static void ack_by(struct hf_receiver *receiver, uint64_t due_ms)
{
    if (receiver->ack_due_ms == 0 || due_ms < receiver->ack_due_ms)
        receiver->ack_due_ms = set_ms(due_ms);
}

static void count_for_ack(struct hf_receiver *receiver, uint64_t now_ms)
{
    receiver->unacked++;
    ack_by(receiver, receiver->unacked >= HF_ACK_EVERY_MESSAGES ? now_ms : now_ms + HF_ACK_DELAY_MS);
}

/* expected moved on: what was the hole is closed, what is missing behind it is another, with a time of its own. */
static void look_for_hole(struct hf_receiver *receiver, uint64_t now_ms)
{
    if (receiver->early == NULL)
        return;
    if (receiver->early->count == 0) {
        hf_receiver_deinit(receiver);
        return;
    }
    receiver->early->nack_ms = 0;
    receiver->early->hole_ms = hf_receiver_ready(receiver).at == NULL ? set_ms(now_ms) : 0;
}

void hf_receiver_took(struct hf_receiver *receiver, uint64_t now_ms)
{
    if (receiver->early != NULL)
        hf_reorder_drop(receiver->early, receiver->expected);
    receiver->expected = hf_serial_number(receiver->expected + 1);
    count_for_ack(receiver, now_ms);
    look_for_hole(receiver, now_ms);
}

hf_err hf_receiver_keep(struct hf_receiver *receiver, uint64_t seq, const void *frame, size_t bytes,
                        uint64_t now_ms)
{
    HF_ASSERT(hf_receiver_offer(receiver, seq) == HF_RECEIVE_EARLY);
    bool first = receiver->early == NULL;
    hf_err err;

    if (first)
        receiver->early = hf_reorder_new(receiver->window_messages);
    if (receiver->early == NULL)
        return HF_ERR_NOMEM;
    err = hf_reorder_keep(receiver->early, seq, frame, bytes, receiver->window_bytes);
    if (err != HF_OK) {
        if (first)
            hf_receiver_deinit(receiver);
        return err;
    }
    count_for_ack(receiver, now_ms);
    if (receiver->early->hole_ms == 0 && hf_receiver_ready(receiver).at == NULL)
        receiver->early->hole_ms = set_ms(now_ms);
    return HF_OK;
}

uint64_t hf_receiver_hole_ms(const struct hf_receiver *receiver)
{
    return receiver->early != NULL ? receiver->early->hole_ms : 0;
}

struct hf_slice hf_receiver_ready(const struct hf_receiver *receiver)
{
    return receiver->early ? hf_reorder_find(receiver->early, receiver->expected)
                           : (struct hf_slice){NULL, 0};
}

hf_err hf_receiver_gap(struct hf_receiver *receiver, uint64_t from, uint64_t to, uint64_t now_ms)
{
    if (from > to || (to > receiver->expected && to - receiver->expected > INT32_MAX))
        return HF_ERR_MALFORMED;
    if (from > receiver->expected)
        return HF_OK;
    if (to < receiver->expected) {
        hf_receiver_asked(receiver, now_ms);
        return HF_OK;
    }
    if (receiver->early != NULL)
        for (uint64_t seq = receiver->expected;
             seq <= to && seq - receiver->expected < receiver->early->places; seq++)
            hf_reorder_drop(receiver->early, seq);
    receiver->expected = hf_serial_number(to + 1);
    count_for_ack(receiver, now_ms);
    look_for_hole(receiver, now_ms);
    return HF_OK;
}

void hf_receiver_durable(struct hf_receiver *receiver, uint64_t through, uint64_t now_ms)
{
    HF_ASSERT(through < receiver->expected);
    if (through <= receiver->durable_through)
        return;
    receiver->durable_through = through;
    ack_by(receiver, now_ms);
}

bool hf_receiver_corrupt(struct hf_receiver *receiver, uint64_t now_ms)
{
    receiver->nack = true;
    ack_by(receiver, now_ms);
    return hf_strikes_add(&receiver->corrupt, now_ms);
}

void hf_receiver_asked(struct hf_receiver *receiver, uint64_t now_ms)
{
    ack_by(receiver, now_ms);
}

/* NACKs repeat while the hole stays: one may be lost as its cause was. */
static uint64_t nack_at_ms(const struct hf_receiver *receiver)
{
    if (hf_receiver_hole_ms(receiver) == 0)
        return UINT64_MAX;
    return HF_MAX(receiver->early->hole_ms, receiver->early->nack_ms) + HF_HOLE_NACK_MS;
}

static uint64_t give_up_at_ms(const struct hf_receiver *receiver)
{
    uint64_t hole_ms = hf_receiver_hole_ms(receiver);

    return hole_ms != 0 ? hole_ms + HF_HOLE_GIVE_UP_MS : UINT64_MAX;
}

uint64_t hf_receiver_due_ms(const struct hf_receiver *receiver)
{
    uint64_t due_ms = receiver->ack_due_ms ? receiver->ack_due_ms : UINT64_MAX;

    due_ms = HF_MIN(due_ms, nack_at_ms(receiver));
    return HF_MIN(due_ms, give_up_at_ms(receiver));
}

enum hf_receiver_verdict hf_receiver_tick(struct hf_receiver *receiver, uint64_t now_ms)
{
    if (now_ms >= give_up_at_ms(receiver))
        return HF_RECEIVER_LOST;
    if (now_ms >= nack_at_ms(receiver))
        return HF_RECEIVER_ACK;
    return receiver->ack_due_ms != 0 && now_ms >= receiver->ack_due_ms ? HF_RECEIVER_ACK
                                                                       : HF_RECEIVER_NOTHING;
}

/* The nearest ones: they are needed first. */
static uint8_t fill_ranges(const struct hf_receiver *receiver, struct hf_frame_range *ranges)
{
    uint8_t count = 0;
    uint32_t left = receiver->early ? receiver->early->count : 0;
    bool inside = false;

    for (uint64_t seq = receiver->expected; left > 0; seq++) {
        HF_ASSERT(seq - receiver->expected < receiver->early->places);
        if (hf_reorder_find(receiver->early, seq).at == NULL) {
            inside = false;
            continue;
        }
        left--;
        if (!inside && count == HF_FRAME_ACK_RANGES_MAX)
            break;
        if (!inside)
            ranges[count++].from = (uint32_t)seq;
        ranges[count - 1].to = (uint32_t)seq;
        inside = true;
    }
    return count;
}

void hf_receiver_ack(struct hf_receiver *receiver, struct hf_frame_ack *ret_ack, uint64_t now_ms)
{
    bool nack = receiver->nack || now_ms >= nack_at_ms(receiver);

    *ret_ack =
        (struct hf_frame_ack){.received_through = (uint32_t)hf_serial_before(receiver->expected),
                              .durable_through = (uint32_t)receiver->durable_through,
                              .window_bytes = receiver->window_bytes,
                              .window_messages = (uint16_t)HF_MIN(receiver->window_messages, UINT16_MAX),
                              .nack = nack};
    ret_ack->range_count = fill_ranges(receiver, ret_ack->ranges);
    receiver->unacked = 0;
    receiver->ack_due_ms = 0;
    receiver->nack = false;
    if (nack && receiver->early != NULL)
        receiver->early->nack_ms = set_ms(now_ms);
}
