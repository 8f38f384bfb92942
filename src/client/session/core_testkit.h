/* A client core on simulated time, with an application that keeps a diary and a gateway that the test plays by hand: it reads and writes real bytes by the codecs, and has
 * no rules of its own. Everything that happens is a line; expect() compares the lines since the last one. */
#ifndef HF_CLIENT_CORE_TESTKIT_H
#define HF_CLIENT_CORE_TESTKIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/sb.h"
#include "client/session/core.h"
#include "client/store/store_memory.h"
#include "codec/http1/request.h"
#include "codec/session/binary.h"
#include "codec/ws/assembly.h"
#include "codec/ws/close.h"
#include "codec/ws/frame.h"
#include "codec/ws/handshake.h"

enum { KIT_LINES_BYTES = 64 << 10, KIT_WIRE_BYTES = 4 << 20 };

struct kit {
    struct hf_client_core *core;
    struct hf_store *store;
    struct hf_client_time now;
    struct hf_client_ops ops;
    struct hf_client_config config;
    char lines[KIT_LINES_BYTES];
    struct hf_sb diary;
    bool quiet;            /* keeps no diary */
    char closed_text[256]; /* of the last end; not in the diary */
    /* the gateway's side */
    uint8_t *wire;           /* what the core wrote, not yet read */
    size_t wire_bytes, room; /* room: what the transport takes */
    bool upgraded;
    struct hf_ws_decoder decoder;
    struct hf_ws_assembly *message;
    struct hf_frame_hello hello;     /* the last one; texts are gone */
    struct hf_frame_welcome welcome; /* what the next one says */
    struct hf_frame_beat ping;       /* the last one */
    uint64_t peer_acked;
    unsigned messages; /* WebSocket messages that came */
    uint32_t seq;      /* of the last DATA or RESULT */
    uint32_t request;  /* of the last PATCH */
    /* the application's side */
    enum hf_client_answer answer;
    struct hf_client_result result;
    uint64_t handle; /* of the last message */
    void (*on_message)(struct kit *kit, const struct hf_client_message *message);
    void (*on_published)(struct kit *kit, uint64_t id);
};

static void *kit_resize(void *user, void *old, size_t old_bytes, size_t new_bytes)
{
    (void)user;
    (void)old_bytes;
    if (new_bytes > 0)
        return realloc(old, new_bytes);
    free(old);
    return NULL;
}

static const struct hf_ws_memory kit_memory = {.resize = kit_resize};
static const struct hf_ws_config kit_ws = {.role = HF_WS_SERVER,
                                           .message_bytes_max = 8 << 20,
                                           .fragments_max = 64,
                                           .memory = {.resize = kit_resize}};

#define LINE(kit, ...)                                \
    do {                                              \
        if (!(kit)->quiet)                            \
            hf_sb_printf(&(kit)->diary, __VA_ARGS__); \
    } while (0)
#define U(value) ((unsigned long long)(value))

/* ---- the gateway reads ---- */

static inline void kit_frame(struct kit *kit, const struct hf_frame *frame)
{
    switch (frame->type) {
    case HF_FRAME_HELLO:
        kit->hello = frame->as.hello;
        LINE(kit, "> HELLO session=%02x at=%llu first=%llu next=%llu\n", frame->as.hello.session_id[0],
             U(frame->as.hello.downlink_position), U(frame->as.hello.uplink_first),
             U(frame->as.hello.uplink_next));
        break;
    case HF_FRAME_DATA:
        kit->seq = frame->as.data.seq;
        LINE(kit, "> DATA %u %.*s=%.*s\n", frame->as.data.seq, (int)frame->as.data.topic.bytes,
             frame->as.data.topic.at, (int)HF_MIN(frame->as.data.payload.bytes, 16),
             frame->as.data.payload.at);
        break;
    case HF_FRAME_RESULT:
        kit->seq = frame->as.result.seq;
        LINE(kit, "> RESULT %u id=%02x status=%u %.*s\n", frame->as.result.seq, frame->as.result.id[0],
             frame->as.result.status, (int)frame->as.result.payload.bytes, frame->as.result.payload.at);
        break;
    case HF_FRAME_ACK:
        LINE(kit, "> ACK %u %u%s%s\n", frame->as.ack.received_through, frame->as.ack.durable_through,
             frame->as.ack.nack ? " nack" : "", frame->as.ack.ask ? " ask" : "");
        break;
    case HF_FRAME_GAP:
        LINE(kit, "> GAP %u-%u %s\n", frame->as.gap.from, frame->as.gap.to,
             hf_reason_name(frame->as.gap.reason));
        break;
    case HF_FRAME_PING:
        kit->ping = frame->as.beat;
        LINE(kit, "> PING %u\n", frame->as.beat.beat.seq);
        break;
    case HF_FRAME_PONG: LINE(kit, "> PONG %u\n", frame->as.beat.beat.seq); break;
    case HF_FRAME_BYE: LINE(kit, "> BYE %s\n", hf_reason_name(frame->as.bye.reason)); break;
    case HF_FRAME_AUTH:
        LINE(kit, "> AUTH %.*s\n", (int)frame->as.auth.token.bytes, frame->as.auth.token.at);
        break;
    case HF_FRAME_SUBSCRIBE:
        LINE(kit, "> SUBSCRIBE%s %.*s\n", frame->as.subscribe.unsubscribe ? " not" : "",
             (int)frame->as.subscribe.topic.bytes, frame->as.subscribe.topic.at);
        break;
    case HF_FRAME_PATCH:
        kit->request = frame->as.patch.request;
        LINE(kit, "> PATCH %u document=%u kind=%u base=%llu %.*s\n", frame->as.patch.request,
             frame->as.patch.document, frame->as.patch.kind, U(frame->as.patch.base_version),
             (int)HF_MIN(frame->as.patch.json.bytes, 32), frame->as.patch.json.at);
        break;
    default: LINE(kit, "> frame %u\n", frame->type); break;
    }
}

static inline void kit_message(struct kit *kit, const uint8_t *at, size_t bytes)
{
    kit->messages++;
    while (bytes > 0) {
        struct hf_frame frame;
        size_t taken = 0;

        assert_int_equal(hf_frame_decode(at, bytes, 4 << 20, &taken, &frame), HF_OK);
        assert_true(hf_frame_may_go_up(frame.type));
        kit_frame(kit, &frame);
        at += taken;
        bytes -= taken;
    }
}

static inline void kit_read(struct kit *kit)
{
    size_t at = 0, taken;

    for (; kit->upgraded && at < kit->wire_bytes; at += taken) {
        struct hf_ws_event event;

        assert_int_equal(
            hf_ws_decoder_feed(&kit->decoder, kit->wire + at, kit->wire_bytes - at, &taken, &event), HF_OK);
        if (event.type == HF_WS_CLOSE)
            LINE(kit, "> Close %u %.*s\n", event.code, (int)event.slice_bytes, event.slice);
        if (event.type == HF_WS_PONG)
            LINE(kit, "> Pong %.*s\n", (int)event.slice_bytes, event.slice);
        if (event.type != HF_WS_PART)
            continue;
        assert_int_equal(
            hf_ws_assembly_add(&kit->message, &kit_memory, 8 << 20, event.slice, event.slice_bytes), HF_OK);
        if (!event.last)
            continue;
        kit_message(kit, kit->message->data, kit->message->bytes);
        hf_ws_assembly_clear(&kit->message, &kit_memory);
    }
    if (kit->upgraded)
        kit->wire_bytes = 0;
}

/* ---- operations of the core ---- */

static inline void kit_connect(void *user, const struct hf_client_attempt *attempt)
{
    struct kit *kit = user;

    LINE(kit, "connect %u%s%s%.*s\n", attempt->number, attempt->fresh_credentials ? " fresh" : "",
         attempt->alternate.at != NULL ? " " : "", (int)attempt->alternate.bytes,
         attempt->alternate.at != NULL ? attempt->alternate.at : "");
    kit->wire_bytes = 0;
    kit->upgraded = false;
}

static size_t kit_write(void *user, const void *data, size_t bytes)
{
    struct kit *kit = user;
    size_t taken = HF_MIN(bytes, kit->room);

    assert_true(kit->wire_bytes + taken <= KIT_WIRE_BYTES);
    memcpy(kit->wire + kit->wire_bytes, data, taken);
    kit->wire_bytes += taken;
    kit->room -= kit->room == SIZE_MAX ? 0 : taken;
    return taken;
}

static inline void kit_closing(void *user, bool flush)
{
    struct kit *kit = user;

    if (flush)
        kit_read(kit);
    hf_ws_assembly_clear(&kit->message, &kit_memory);
    kit->upgraded = false;
    kit->wire_bytes = 0;
    LINE(kit, "close\n");
}

static inline void kit_probe(void *user)
{
    LINE((struct kit *)user, "probe\n");
}

static uint64_t kit_acked(void *user)
{
    return ((struct kit *)user)->peer_acked;
}

static enum hf_client_answer kit_app_message(void *user, const struct hf_client_message *message,
                                             struct hf_client_result *ret_result)
{
    struct kit *kit = user;

    kit->handle = message->handle;
    LINE(kit, "%s %02x%s %.*s=%.*s\n", message->command ? "command" : "message", message->id[0],
         message->publish ? " publish" : "", (int)message->topic.bytes, message->topic.at,
         (int)HF_MIN(message->payload.bytes, 16), message->payload.at);
    *ret_result = kit->result;
    if (kit->on_message != NULL)
        kit->on_message(kit, message);
    return kit->answer;
}

static inline void kit_done(void *user, uint64_t handle, hf_err err)
{
    LINE((struct kit *)user, "done %llu %s\n", U(handle), hf_err_name(err));
}

static inline void kit_gap(void *user, uint64_t from, uint64_t to, enum hf_reason reason)
{
    LINE((struct kit *)user, "gap %llu-%llu %s\n", U(from), U(to), hf_reason_name(reason));
}

static inline void kit_published(void *user, void *cookie, uint64_t id, hf_err err)
{
    struct kit *kit = user;

    assert_ptr_equal(cookie, kit);
    LINE(kit, "published %llu%s%s\n", U(id), err != HF_OK ? " " : "", err != HF_OK ? hf_err_name(err) : "");
    if (kit->on_published != NULL)
        kit->on_published(kit, id);
}

static inline void kit_sent(void *user, uint64_t id)
{
    LINE((struct kit *)user, "sent %llu\n", U(id));
}

static inline void kit_failed(void *user, uint64_t id, enum hf_reason reason)
{
    LINE((struct kit *)user, "failed %llu %s\n", U(id), hf_reason_name(reason));
}

static inline void kit_opened(void *user, const struct hf_client_opened *opened)
{
    static const char *const results[] = {"new", "resumed", "rebuilt"};

    LINE((struct kit *)user, "opened %s%s%s\n", results[opened->result],
         opened->reason != HF_REASON_NONE ? " " : "",
         opened->reason != HF_REASON_NONE ? hf_reason_name(opened->reason) : "");
}

static inline void kit_closed(void *user, const struct hf_client_closed *closed)
{
    (void)snprintf(((struct kit *)user)->closed_text, sizeof(((struct kit *)NULL)->closed_text), "%.*s",
                   (int)closed->text.bytes, closed->text.at);
    LINE((struct kit *)user, "closed %u %s %s%s\n", closed->code, hf_reason_name(closed->reason),
         hf_client_core_failure_name(closed->failure), closed->retry ? "" : " for good");
}

static inline void kit_state(void *user, enum hf_link_state state, enum hf_link_state before,
                             enum hf_link_event event)
{
    (void)before;
    (void)event;
    if (state == HF_LINK_DEGRADED || before == HF_LINK_DEGRADED)
        LINE((struct kit *)user, "%s\n", hf_link_state_name(state));
}

static inline void kit_error(void *user, hf_err err, enum hf_reason reason, struct hf_slice detail)
{
    (void)detail;
    LINE((struct kit *)user, "error %s %s\n", hf_err_name(err), hf_reason_name(reason));
}

static inline void kit_credentials(void *user, uint64_t expires_ms)
{
    LINE((struct kit *)user, "credentials until %llu\n", U(expires_ms));
}

static inline void kit_document(void *user, const struct hf_client_document *document)
{
    LINE((struct kit *)user, "document %u request=%u %s version=%llu%s%.*s\n", document->document,
         document->request, hf_reason_name(document->reason), U(document->version),
         document->json.bytes == 0 ? ""
         : document->full          ? " full "
                                   : " patch ",
         (int)HF_MIN(document->json.bytes, 16), document->json.at != NULL ? document->json.at : "");
}

/* ---- the test's hands ---- */

/* Compares what happened since the last time, then forgets it. */
static inline void expect(struct kit *kit, const char *want)
{
    kit_read(kit);
    assert_false(kit->diary.overflow);
    assert_string_equal(kit->lines, want);
    hf_sb_init(&kit->diary, kit->lines, sizeof(kit->lines));
}

static inline void forget(struct kit *kit)
{
    kit_read(kit);
    hf_sb_init(&kit->diary, kit->lines, sizeof(kit->lines));
}

static inline void kit_tick(struct kit *kit, uint64_t ms)
{
    uint64_t until_ms = kit->now.now_ms + ms;

    for (;;) {
        uint64_t due_ms = hf_client_core_due_ms(kit->core);

        if (due_ms > until_ms)
            break;
        if (due_ms > kit->now.now_ms) {
            kit->now.utc_ms += kit->now.utc_ms != 0 ? due_ms - kit->now.now_ms : 0;
            kit->now.now_ms = due_ms;
        }
        hf_client_core_tick(kit->core, &kit->now);
        kit_read(kit);
    }
    kit->now.utc_ms += kit->now.utc_ms != 0 ? until_ms - kit->now.now_ms : 0;
    kit->now.now_ms = until_ms;
}

/* Time passes until the next attempt. */
static inline void kit_until_attempt(struct kit *kit)
{
    struct hf_client_counts before, counts;

    hf_client_core_counts(kit->core, &before);
    do {
        uint64_t due_ms = hf_client_core_due_ms(kit->core);

        assert_true(due_ms != UINT64_MAX);
        kit_tick(kit, due_ms > kit->now.now_ms ? due_ms - kit->now.now_ms : 0);
        hf_client_core_counts(kit->core, &counts);
    } while (counts.attempts == before.attempts);
}

static inline void kit_give(struct kit *kit, const void *data, size_t bytes)
{
    uint8_t *copy = malloc(bytes + 1);

    assert_non_null(copy);
    memcpy(copy, data, bytes);
    hf_client_core_bytes(kit->core, &kit->now, copy, bytes);
    free(copy);
    kit_read(kit);
}

static inline void kit_give_ws(struct kit *kit, enum hf_ws_opcode opcode, const void *payload, size_t bytes)
{
    uint8_t *whole = malloc(HF_WS_HEAD_BYTES_MAX + bytes);
    size_t head = hf_ws_encode_head(whole, opcode, HF_WS_FIN, bytes, NULL);

    if (bytes > 0)
        memcpy(whole + head, payload, bytes);
    kit_give(kit, whole, head + bytes);
    free(whole);
}

static inline void kit_send(struct kit *kit, const struct hf_frame *frame)
{
    size_t bytes = hf_frame_bytes(frame);
    uint8_t *encoded = malloc(bytes);

    assert_int_equal(hf_frame_encode(frame, encoded), bytes);
    kit_give_ws(kit, HF_WS_OP_BINARY, encoded, bytes);
    free(encoded);
}

static inline void kit_close(struct kit *kit, uint16_t code, const char *text)
{
    uint8_t payload[HF_WS_CLOSE_PAYLOAD_BYTES_MAX];

    kit_give_ws(kit, HF_WS_OP_CLOSE, payload, hf_ws_close_payload(payload, code, hf_slice_of(text)));
}

/* The transport stands; the request is out. */
static inline void kit_open(struct kit *kit)
{
    const struct hf_client_request request = {HF_SLICE("/v1/connect"), HF_SLICE("gw"), HF_SLICE("X-A: b\r\n"),
                                              false};

    assert_int_equal(hf_client_core_open(kit->core, &kit->now, &request), HF_OK);
}

/* The gateway answers 101 to a request that is right. */
static inline void kit_upgrade(struct kit *kit)
{
    static const char *const protocols[] = {"holdfast.v1"};
    struct hf_http1_request request;
    struct hf_ws_upgrade upgrade;
    size_t head_bytes = 0;
    char answer[512];
    struct hf_sb sb;

    assert_int_equal(
        hf_http1_parse_head((char *)kit->wire, kit->wire_bytes, NULL, NULL, &request, &head_bytes), HF_OK);
    assert_int_equal(head_bytes, kit->wire_bytes);
    hf_ws_upgrade_init(&upgrade, protocols, 1, NULL);
    for (size_t i = 0; i < request.header_count; i++)
        hf_ws_upgrade_field(&upgrade, request.headers[i].name, request.headers[i].value);
    assert_int_equal(hf_ws_upgrade_check(&upgrade, request.method_text, true), HF_WS_REFUSAL_NONE);
    hf_sb_init(&sb, answer, sizeof(answer));
    assert_int_equal(hf_ws_upgrade_write_accept(&upgrade, HF_SLICE(""), &sb), HF_OK);
    kit->wire_bytes = 0;
    kit->upgraded = true;
    hf_ws_decoder_init(&kit->decoder, &kit_ws, false);
    kit_give(kit, sb.at, sb.bytes);
}

static inline void kit_welcome(struct kit *kit)
{
    const struct hf_frame frame = {.type = HF_FRAME_WELCOME, .as.welcome = kit->welcome};

    kit_send(kit, &frame);
}

/* From an attempt to an open session. */
static inline void kit_established(struct kit *kit)
{
    kit_open(kit);
    kit_upgrade(kit);
    kit_welcome(kit);
}

static inline hf_err kit_publish_as(struct kit *kit, enum hf_store_class class, bool urgent,
                                    const char *payload)
{
    struct hf_store_message message = {
        .class = (uint8_t) class, .urgent = urgent, .topic = HF_SLICE("t"), .payload = hf_slice_of(payload)};
    hf_err err = hf_client_core_publish(kit->core, &kit->now, &message, kit);

    kit_read(kit);
    return err;
}

static inline void kit_publish(struct kit *kit, const char *payload)
{
    assert_int_equal(kit_publish_as(kit, HF_STORE_MESSAGE, false, payload), HF_OK);
}

static inline void kit_ack(struct kit *kit, uint32_t received, uint32_t durable)
{
    const struct hf_frame frame = {.type = HF_FRAME_ACK,
                                   .as.ack = {.received_through = received,
                                              .durable_through = durable,
                                              .window_messages = kit->welcome.window_messages,
                                              .window_bytes = kit->welcome.window_bytes}};

    kit_send(kit, &frame);
}

static inline void kit_data(struct kit *kit, uint32_t seq, uint8_t id, const char *payload)
{
    const struct hf_frame frame = {
        .type = HF_FRAME_DATA,
        .as.data = {.seq = seq, .id = {id}, .topic = HF_SLICE("d"), .payload = hf_slice_of(payload)}};

    kit_send(kit, &frame);
}

static inline void kit_command(struct kit *kit, uint32_t seq, uint8_t id, const char *name)
{
    const struct hf_frame frame = {.type = HF_FRAME_COMMAND,
                                   .as.command = {.seq = seq,
                                                  .id = {id},
                                                  .key = HF_SLICE(""),
                                                  .name = hf_slice_of(name),
                                                  .payload = HF_SLICE("{}")}};

    kit_send(kit, &frame);
}

static inline void kit_core_new(struct kit *kit)
{
    assert_int_equal(hf_client_core_new(&kit->config, kit->store, &kit->ops, kit, &kit->core), HF_OK);
}

static inline int kit_setup(void **state)
{
    const struct hf_store_memory_options options = {.queue_id = 77, .limits.messages_max = 1000};
    struct kit *kit = calloc(1, sizeof(*kit));

    kit->wire = malloc(KIT_WIRE_BYTES);
    kit->room = SIZE_MAX;
    kit->answer = HF_CLIENT_DONE;
    kit->result = (struct hf_client_result){.payload = HF_SLICE("ok")};
    kit->now = (struct hf_client_time){.now_ms = 1000, .utc_ms = 1700000000000};
    hf_sb_init(&kit->diary, kit->lines, sizeof(kit->lines));
    kit->ops = (struct hf_client_ops){.connect = kit_connect,
                                      .write = kit_write,
                                      .close = kit_closing,
                                      .probe = kit_probe,
                                      .peer_acked = kit_acked,
                                      .message = kit_app_message,
                                      .done = kit_done,
                                      .gap = kit_gap,
                                      .published = kit_published,
                                      .sent = kit_sent,
                                      .failed = kit_failed,
                                      .opened = kit_opened,
                                      .closed = kit_closed,
                                      .state = kit_state,
                                      .error = kit_error,
                                      .credentials = kit_credentials,
                                      .document = kit_document};
    kit->config = (struct hf_client_config){
        .device = HF_SLICE("bike-7"), .profile = HF_PROFILE_ADAPTIVE, .seed = 1, .memory = kit_memory};
    kit->welcome = (struct hf_frame_welcome){.version = 1,
                                             .result = HF_SESSION_NEW,
                                             .profile = HF_PROFILE_ADAPTIVE,
                                             .durability = HF_DURABILITY_FSYNC,
                                             .k = 3,
                                             .session_id = {0xaa},
                                             .epoch = 1,
                                             .downlink_next = 1,
                                             .window_messages = 256,
                                             .window_bytes = 1 << 20,
                                             .message_bytes_max = 1 << 20,
                                             .rate = 1000,
                                             .interval_ms = 5000,
                                             .resume_ms = 300000,
                                             .node = HF_SLICE("")};
    assert_int_equal(hf_store_memory_open(&options, &kit->store), HF_OK);
    kit_core_new(kit);
    *state = kit;
    return 0;
}

/* The same, with an open session and an empty diary. */
static inline int kit_setup_open(void **state)
{
    struct kit *kit;

    (void)kit_setup(state);
    kit = *state;
    hf_client_core_start(kit->core, &kit->now);
    kit_established(kit);
    forget(kit);
    return 0;
}

static inline int kit_teardown(void **state)
{
    struct kit *kit = *state;

    hf_client_core_free(kit->core);
    kit->store->ops->close(kit->store);
    hf_ws_assembly_clear(&kit->message, &kit_memory);
    free(kit->wire);
    free(kit);
    return 0;
}

/* The process ends without a word and begins again, with what the store had committed. */
static inline void kit_restart(struct kit *kit)
{
    hf_client_core_free(kit->core);
    hf_store_memory_crash(kit->store);
    hf_ws_assembly_clear(&kit->message, &kit_memory);
    kit->upgraded = false;
    kit->wire_bytes = 0;
    kit_core_new(kit);
    hf_client_core_start(kit->core, &kit->now);
}

#endif
