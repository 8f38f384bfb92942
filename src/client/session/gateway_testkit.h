/* A gateway in memory for client_random_test.c: the rules are core/session's own, the bytes the codecs', and what is durable survives its crash. It checks what a gateway can check. */
#ifndef HF_CLIENT_GATEWAY_TESTKIT_H
#define HF_CLIENT_GATEWAY_TESTKIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/rng.h"
#include "base/sb.h"
#include "codec/http1/request.h"
#include "codec/session/binary.h"
#include "codec/ws/assembly.h"
#include "codec/ws/frame.h"
#include "codec/ws/handshake.h"
#include "core/session/receiver.h"
#include "core/session/sender.h"
#include "core/session/serial.h"

enum { GW_ITEMS = 400, GW_LOG = 2000, GW_WIRE = 1 << 20 };

struct gw_item { /* downlink */
    bool command, delivered, finished;
    unsigned results;
};

struct gw {
    struct hf_rng *rng;
    uint64_t now_ms;
    /* durable */
    uint32_t log[GW_LOG]; /* payload numbers of what came up, in order */
    unsigned log_count;
    uint64_t uplink_durable;
    bool knows_session;
    uint8_t session_id[16];
    struct gw_item items[GW_ITEMS];
    unsigned item_count;
    unsigned numbers[GW_ITEMS]; /* item of sequence i + 1 in this session */
    unsigned number_count;
    /* of its process */
    uint32_t fresh[GW_LOG]; /* received, not yet durable; UINT32_MAX = a result, or a gap */
    unsigned fresh_count;
    /* of the connection */
    bool upgraded, welcomed;
    char head[4096];
    size_t head_bytes;
    struct hf_ws_decoder decoder;
    struct hf_ws_assembly *message;
    struct hf_receiver up;
    struct hf_sender down;
    uint8_t *out; /* to the device */
    size_t out_bytes;
    unsigned unmatched;
};

static void *gw_resize(void *user, void *old, size_t old_bytes, size_t new_bytes)
{
    (void)user;
    (void)old_bytes;
    if (new_bytes > 0)
        return realloc(old, new_bytes);
    free(old);
    return NULL;
}

static const struct hf_ws_config gw_ws = {
    .role = HF_WS_SERVER, .message_bytes_max = 1 << 20, .fragments_max = 64, .memory = {.resize = gw_resize}};

static inline void gw_drop(struct gw *gw)
{
    if (gw->welcomed)
        hf_receiver_deinit(&gw->up);
    hf_ws_assembly_clear(&gw->message, &gw_ws.memory);
    if (gw->decoder.config != NULL)
        hf_ws_decoder_deinit(&gw->decoder);
    gw->upgraded = gw->welcomed = false;
    gw->head_bytes = gw->out_bytes = 0;
}

static inline void gw_bytes_out(struct gw *gw, const void *data, size_t bytes)
{
    assert_true(gw->out_bytes + bytes <= GW_WIRE);
    if (bytes > 0)
        memcpy(gw->out + gw->out_bytes, data, bytes);
    gw->out_bytes += bytes;
}

static inline void gw_send(struct gw *gw, const struct hf_frame *frame)
{
    uint8_t head[HF_WS_HEAD_BYTES_MAX], encoded[2048];
    size_t bytes = hf_frame_bytes(frame);

    assert_true(bytes <= sizeof(encoded));
    (void)hf_frame_encode(frame, encoded);
    gw_bytes_out(gw, head, hf_ws_encode_head(head, HF_WS_OP_BINARY, HF_WS_FIN, bytes, NULL));
    gw_bytes_out(gw, encoded, bytes);
}

/* What waits goes out, as far as the window is open. */
static inline void gw_pump(struct gw *gw)
{
    while (gw->welcomed && gw->down.next <= gw->number_count && hf_sender_may_send(&gw->down, 8)) {
        unsigned index = gw->numbers[gw->down.next - 1];
        uint8_t id[16] = {0xee, (uint8_t)(index >> 8), (uint8_t)index};
        char payload[9];
        struct hf_frame frame = {.type = gw->items[index].command ? HF_FRAME_COMMAND : HF_FRAME_DATA};

        (void)snprintf(payload, sizeof(payload), "%08u", index);
        if (gw->items[index].command) {
            frame.as.command = (struct hf_frame_command){.seq = (uint32_t)gw->down.next,
                                                         .key = HF_SLICE(""),
                                                         .name = HF_SLICE("do"),
                                                         .payload = {payload, 8}};
            memcpy(frame.as.command.id, id, 16);
        } else {
            frame.as.data = (struct hf_frame_data){
                .seq = (uint32_t)gw->down.next, .topic = HF_SLICE(""), .payload = {payload, 8}};
            memcpy(frame.as.data.id, id, 16);
        }
        gw_send(gw, &frame);
        hf_sender_sent(&gw->down, 8, gw->now_ms);
    }
}

static inline void gw_enqueue(struct gw *gw, bool command)
{
    if (gw->item_count == GW_ITEMS)
        return;
    gw->items[gw->item_count] = (struct gw_item){.command = command};
    gw->numbers[gw->number_count++] = gw->item_count++;
    gw_pump(gw);
}

static inline void gw_ack(struct gw *gw)
{
    struct hf_frame frame = {.type = HF_FRAME_ACK};

    hf_receiver_ack(&gw->up, &frame.as.ack, gw->now_ms);
    gw_send(gw, &frame);
}

/* The disk is done with what came so far. */
static inline void gw_commit(struct gw *gw)
{
    for (unsigned i = 0; i < gw->fresh_count; i++)
        if (gw->fresh[i] != UINT32_MAX) {
            assert_true(gw->log_count < GW_LOG);
            gw->log[gw->log_count++] = gw->fresh[i];
        }
    gw->uplink_durable += gw->fresh_count;
    gw->fresh_count = 0;
    if (gw->welcomed)
        hf_receiver_durable(&gw->up, gw->uplink_durable, gw->now_ms);
}

static inline void gw_tick(struct gw *gw)
{
    if (!gw->welcomed)
        return;
    if (hf_receiver_tick(&gw->up, gw->now_ms) == HF_RECEIVER_ACK)
        gw_ack(gw);
    gw_pump(gw);
}

/* The connection is gone, and what was not durable with it. The session may be forgotten. */
static inline void gw_crash(struct gw *gw, bool forget_session)
{
    gw->fresh_count = 0;
    gw_drop(gw);
    if (forget_session)
        gw->knows_session = false;
}

static inline void gw_acked(struct gw *gw, uint64_t through)
{
    for (uint64_t seq = 1; seq <= through; seq++)
        gw->items[gw->numbers[seq - 1]].delivered = true;
}

static inline void gw_hello(struct gw *gw, const struct hf_frame_hello *hello)
{
    bool asked = hello->session_id[0] != 0;
    bool resumed = asked && gw->knows_session && memcmp(hello->session_id, gw->session_id, 16) == 0;
    struct hf_frame frame = {
        .type = HF_FRAME_WELCOME,
        .as.welcome = {.version = 1,
                       .result = resumed ? HF_SESSION_RESUMED
                                 : asked ? HF_SESSION_REBUILT
                                         : HF_SESSION_NEW,
                       .reason = asked && !resumed ? HF_REASON_UNKNOWN_SESSION : HF_REASON_NONE,
                       .profile = HF_PROFILE_DEFAULT,
                       .k = 3,
                       .window_messages = 8,
                       .window_bytes = 4096,
                       .message_bytes_max = 1 << 20,
                       .rate = 100000,
                       .interval_ms = 30000,
                       .node = HF_SLICE("")}};

    assert_true(hello->uplink_first <= gw->uplink_durable + 1); /* nothing of this queue is ever lost */
    assert_true(hello->uplink_next > gw->uplink_durable);       /* and what it did is remembered */
    if (resumed) {
        assert_true(hello->downlink_position <= gw->number_count);
        gw_acked(gw, hello->downlink_position);
    } else {
        uint64_t draw = hf_rng_u64(gw->rng);

        memcpy(gw->session_id, &draw, 8);
        gw->session_id[0] |= 1;
        gw->knows_session = true;
        gw->number_count = 0;
        for (unsigned i = 0; i < gw->item_count; i++)
            if (gw->items[i].command ? !gw->items[i].finished : !gw->items[i].delivered)
                gw->numbers[gw->number_count++] = i;
    }
    memcpy(frame.as.welcome.session_id, gw->session_id, 16);
    frame.as.welcome.downlink_next = resumed ? hello->downlink_position + 1 : 1;
    frame.as.welcome.uplink_durable = gw->uplink_durable;
    frame.as.welcome.uplink_received =
        gw->uplink_durable + gw->fresh_count; /* in memory, of an earlier connection */
    gw->welcomed = true;
    hf_receiver_init(&gw->up, frame.as.welcome.uplink_received + 1, gw->uplink_durable, 8, 4096);
    hf_sender_init(&gw->down, frame.as.welcome.downlink_next, hello->window_messages, hello->window_bytes);
    hf_sender_given(&gw->down, gw->number_count);
    gw_send(gw, &frame);
    gw_pump(gw);
}

static inline void gw_numbered(struct gw *gw, const struct hf_frame *frame)
{
    uint32_t wire = frame->type == HF_FRAME_DATA ? frame->as.data.seq : frame->as.result.seq,
             number = UINT32_MAX;
    uint64_t seq = 0;

    assert_true(hf_serial_expand(gw->up.expected, wire, &seq));
    if (hf_receiver_offer(&gw->up, seq) == HF_RECEIVE_DUPLICATE) {
        hf_receiver_asked(&gw->up, gw->now_ms);
        return;
    }
    assert_int_equal(hf_receiver_offer(&gw->up, seq),
                     HF_RECEIVE_DELIVER); /* TCP loses nothing, so there are no holes */
    if (frame->type == HF_FRAME_DATA) {
        uint64_t value = 0;

        assert_true(hf_slice_to_u64(frame->as.data.payload, &value));
        number = (uint32_t)value;
    }
    gw->fresh[gw->fresh_count++] = number;
    hf_receiver_took(&gw->up, gw->now_ms);
    if (frame->type == HF_FRAME_RESULT) {
        struct gw_item *item = &gw->items[frame->as.result.id[1] << 8 | frame->as.result.id[2]];

        assert_true(item->command);
        gw->unmatched += item->finished;
        if (!item->finished)
            item->results++;
        item->finished = true; /* in the same record as its number; durable at once, for this model */
        gw_commit(gw);
    }
}

static inline void gw_frame(struct gw *gw, const struct hf_frame *frame)
{
    uint64_t base_before;

    switch (frame->type) {
    case HF_FRAME_HELLO: gw_hello(gw, &frame->as.hello); break;
    case HF_FRAME_DATA:
    case HF_FRAME_RESULT: gw_numbered(gw, frame); break;
    case HF_FRAME_GAP: fail_msg("nothing was ever dropped"); break;
    case HF_FRAME_ACK:
        if (frame->as.ack.ask)
            hf_receiver_asked(&gw->up, gw->now_ms);
        assert_int_not_equal(hf_sender_ack(&gw->down, &frame->as.ack, gw->now_ms, &base_before),
                             HF_ACK_UNSENT);
        hf_sender_released(&gw->down, 8 * (gw->down.base - base_before));
        gw_acked(gw, gw->down.base - 1);
        gw_pump(gw);
        break;
    default: break;
    }
}

static inline void gw_upgrade(struct gw *gw)
{
    static const char *const protocols[] = {"holdfast.v1"};
    struct hf_http1_request request;
    struct hf_ws_upgrade upgrade;
    size_t head_bytes = 0;
    char answer[512];
    struct hf_sb sb;

    if (hf_http1_parse_head(gw->head, gw->head_bytes, NULL, NULL, &request, &head_bytes) != HF_OK)
        return;
    hf_ws_upgrade_init(&upgrade, protocols, 1, NULL);
    for (size_t i = 0; i < request.header_count; i++)
        hf_ws_upgrade_field(&upgrade, request.headers[i].name, request.headers[i].value);
    hf_sb_init(&sb, answer, sizeof(answer));
    assert_int_equal(hf_ws_upgrade_write_accept(&upgrade, HF_SLICE(""), &sb), HF_OK);
    hf_ws_decoder_init(&gw->decoder, &gw_ws, false);
    gw->upgraded = true;
    gw_bytes_out(gw, sb.at, sb.bytes);
}

/* Bytes from the device. */
static inline void gw_take(struct gw *gw, uint8_t *at, size_t bytes)
{
    size_t taken;

    if (!gw->upgraded) {
        assert_true(gw->head_bytes + bytes <= sizeof(gw->head));
        memcpy(gw->head + gw->head_bytes, at, bytes);
        gw->head_bytes += bytes;
        gw_upgrade(gw);
        return;
    }
    for (; bytes > 0; at += taken, bytes -= taken) {
        struct hf_ws_event event;
        struct hf_ws_assembly *whole;

        assert_int_equal(hf_ws_decoder_feed(&gw->decoder, at, bytes, &taken, &event), HF_OK);
        assert_int_not_equal(event.type, HF_WS_CLOSE); /* nothing ever breaks the protocol here */
        if (event.type != HF_WS_PART)
            continue;
        assert_int_equal(
            hf_ws_assembly_add(&gw->message, &gw_ws.memory, 1 << 20, event.slice, event.slice_bytes), HF_OK);
        if (!event.last)
            continue;
        whole = gw->message;
        gw->message = NULL;
        for (size_t done = 0, used = 0; done < whole->bytes; done += used) {
            struct hf_frame frame;

            assert_int_equal(hf_frame_decode(whole->data + done, whole->bytes - done, 1 << 20, &used, &frame),
                             HF_OK);
            gw_frame(gw, &frame);
        }
        hf_ws_assembly_clear(&whole, &gw_ws.memory);
    }
}

#endif
