/* adapter/ws/ws_session_testkit.h - devices of holdfast.v1 on the worker of ws_testkit.h: frames by our codec, which has its own tests with vectors;
 * JSON is written out by hand. */
#ifndef HF_ADAPTER_WS_SESSION_TESTKIT_H
#define HF_ADAPTER_WS_SESSION_TESTKIT_H

#include "adapter/ws/session.h"
#include "adapter/ws/ws_testkit.h"
#include "codec/session/binary.h"
#include "codec/session/json.h"

enum { SK_QUEUE = 77, SK_STATES_MAX = 32, SK_ALL = HF_CAP_HEARTBEAT | HF_CAP_RESUME | HF_CAP_SELECTIVE_ACK };

static struct kit kit;

/* What the carrier says of the kernel, for all links of a test; and what it was told. */
static struct {
    struct hf_link_kernel kernel;
    uint32_t patience_ms;
    unsigned kernel_calls, patience_calls, state_count;
    struct {
        enum hf_link_state before, after;
        enum hf_link_event event;
        enum hf_reason reason;
    } states[SK_STATES_MAX];
} sk;

KIT void sk_kernel(const struct hf_link *link, struct hf_link_kernel *ret_kernel)
{
    (void)link;
    sk.kernel_calls++;
    *ret_kernel = sk.kernel;
}

KIT void sk_set_patience(struct hf_link *link, uint32_t patience_ms)
{
    (void)link;
    sk.patience_calls++;
    sk.patience_ms = patience_ms;
}

KIT void sk_on_state(void *context, const struct hf_ws_conn *conn, enum hf_link_state before,
                     enum hf_link_event event, enum hf_link_state after, enum hf_reason reason)
{
    (void)context, (void)conn;
    if (sk.state_count == SK_STATES_MAX) { /* the last ones count */
        memmove(sk.states, sk.states + 1, sizeof(sk.states) - sizeof(sk.states[0]));
        sk.state_count--;
    }
    sk.states[sk.state_count].before = before;
    sk.states[sk.state_count].after = after;
    sk.states[sk.state_count].event = event;
    sk.states[sk.state_count++].reason = reason;
}

static struct hf_link_ops sk_link_ops;
static struct hf_ws_site_ops sk_site_ops;

KIT int sk_begin(void **state)
{
    (void)state;
    memset(&sk, 0, sizeof(sk));
    kit_new(&kit);
    sk_link_ops = kit_link_ops;
    sk_link_ops.kernel = sk_kernel;
    sk_link_ops.set_patience = sk_set_patience;
    sk_site_ops = kit_site_ops;
    sk_site_ops.on_state = sk_on_state;
    kit.site.ops = &sk_site_ops;
    kit.site.node = HF_SLICE("n1");
    kit.rules.session = (struct hf_session_rules){.enabled = true,
                                                  .profile = HF_PROFILE_DEFAULT,
                                                  .window_messages = 8,
                                                  .window_bytes = 65536,
                                                  .resume_ms = 300000};
    for (unsigned i = HF_PROFILE_DEFAULT; i < HF_PROFILES; i++)
        kit.rules.session.beats[i] = (struct hf_beat_rules){
            .profile = (uint8_t)i, .k = 3, .idle_ms = 30000, .repeat_ms = 7500, .dead_ms = 60000};
    return 0;
}

KIT int sk_done(void **state)
{
    (void)state;
    kit_free(&kit);
    return 0;
}

/* The turn ends: what is durable is told, what is due goes out. */
KIT void sk_turn(void)
{
    kit_durable(&kit);
    hf_hub_settle(&kit.hub);
}

KIT void sk_run_to(uint64_t now_ms)
{
    while (kit.hub.now_ms < now_ms) {
        kit_time(&kit, HF_MIN(kit.hub.now_ms + HF_WHEEL_TICK_MS, now_ms));
        (void)hf_wheel_run(&kit.wheel, kit.hub.now_ms);
        hf_hub_settle(&kit.hub);
    }
}

KIT void sk_run(uint64_t ms)
{
    sk_run_to(kit.hub.now_ms + ms);
}

/* ---- the device ---- */

KIT struct kit_link *sk_link(struct hf_ws_admit *admit, enum hf_ws_mode mode)
{
    struct kit_link *link = kit_link_new(&kit);
    enum hf_reason reason;

    admit->mode = mode;
    admit->protocol = mode == HF_WS_SESSION ? "holdfast.v1" : "holdfast.v1.json";
    link->link.ops = &sk_link_ops;
    assert_int_equal(hf_ws_open(&kit.site, &link->link, admit, &reason), HF_OK);
    if (!admit->upgraded) {
        char *end = memmem(link->out, link->out_bytes, "\r\n\r\n", 4);
        assert_non_null(end);
        assert_non_null(memmem(link->out, link->out_bytes, admit->protocol, strlen(admit->protocol)));
        link->read_at = (size_t)(end - link->out) + 4;
    } else {
        assert_int_equal(link->out_bytes, 0);
    }
    return link;
}

KIT struct kit_link *sk_open(const char *device, enum hf_ws_mode mode)
{
    struct hf_ws_admit admit = kit_admit(&kit, device);

    return sk_link(&admit, mode);
}

struct sk_message { /* frames of one WebSocket message */
    uint8_t at[150000];
    size_t bytes;
};

KIT void sk_add(struct sk_message *message, const struct hf_frame *frame)
{
    assert_true(message->bytes + hf_frame_bytes(frame) <= sizeof(message->at));
    message->bytes += hf_frame_encode(frame, message->at + message->bytes);
}

KIT void sk_say_all(struct kit_link *link, const struct sk_message *message)
{
    kit_say(link, HF_WS_OP_BINARY, message->at, message->bytes);
}

KIT void sk_say(struct kit_link *link, const struct hf_frame *frame)
{
    static struct sk_message message;

    message.bytes = 0;
    sk_add(&message, frame);
    sk_say_all(link, &message);
}

KIT struct hf_frame sk_hello(const char *device)
{
    struct hf_frame frame = {.type = HF_FRAME_HELLO};

    frame.as.hello = (struct hf_frame_hello){.version_min = 1,
                                             .version_max = 1,
                                             .capabilities = SK_ALL,
                                             .queue_id = SK_QUEUE,
                                             .uplink_first = 1,
                                             .uplink_next = 1,
                                             .window_messages = 256,
                                             .window_bytes = 1 << 20,
                                             .device = hf_slice_of(device)};
    return frame;
}

KIT struct hf_frame sk_data(uint32_t seq, const char *topic, const char *payload)
{
    struct hf_frame frame = {.type = HF_FRAME_DATA};

    frame.as.data =
        (struct hf_frame_data){.seq = seq, .topic = hf_slice_of(topic), .payload = hf_slice_of(payload)};
    return frame;
}

KIT struct hf_frame sk_ack(uint32_t received, uint32_t durable)
{
    struct hf_frame frame = {.type = HF_FRAME_ACK};

    frame.as.ack = (struct hf_frame_ack){.received_through = received,
                                         .durable_through = durable,
                                         .window_messages = 256,
                                         .window_bytes = 1 << 20};
    return frame;
}

KIT struct hf_frame sk_beat(enum hf_frame_type type, uint32_t seq, uint32_t interval_ms)
{
    struct hf_frame frame = {.type = (uint8_t)type};

    frame.as.beat = (struct hf_frame_beat){.beat = {.seq = seq}, .interval_ms = interval_ms, .valid = true};
    return frame;
}

/* ---- what it hears ---- */

/* The next frame, of this type; it lives until the next call. */
KIT const struct hf_frame *sk_expect(struct kit_link *link, enum hf_frame_type type)
{
    static struct hf_frame frame;
    static uint8_t held[1 << 20];
    struct kit_frame message;
    size_t taken;

    if (!kit_next(link, &message))
        fail_msg("nothing came, not even %s", hf_frame_type_name(type));
    if (message.opcode != HF_WS_OP_BINARY)
        fail_msg("opcode %u, not %s: %s", message.opcode, hf_frame_type_name(type), message.payload + 2);
    memcpy(held, message.payload, message.bytes);
    assert_int_equal(hf_frame_decode(held, message.bytes, 1 << 20, &taken, &frame), HF_OK);
    assert_int_equal(taken, message.bytes); /* one frame a message */
    if (frame.type != type)
        fail_msg("%s, not %s", hf_frame_type_name(frame.type), hf_frame_type_name(type));
    return &frame;
}

KIT void sk_expect_bye(struct kit_link *link, enum hf_reason reason)
{
    const struct hf_reason_info *info = hf_reason_info(reason);
    char text[128];

    assert_string_equal(hf_reason_name(sk_expect(link, HF_FRAME_BYE)->as.bye.reason), info->name);
    snprintf(text, sizeof(text), "reason=%s;retry_ms=%u", info->name, info->retry_ms);
    kit_expect_close(link, info->ws_code, text);
    assert_int_equal(kit.closed_reason, reason);
}

/* Passes over acknowledgements, which come when time does. */
KIT void sk_skip_acks(struct kit_link *link)
{
    struct kit_frame message;
    size_t at = link->read_at;

    while (kit_next(link, &message) && message.opcode == HF_WS_OP_BINARY &&
           message.payload[0] == HF_FRAME_ACK)
        at = link->read_at;
    link->read_at = at;
}

KIT void sk_expect_ack(struct kit_link *link, uint32_t received, uint32_t durable)
{
    const struct hf_frame *frame = sk_expect(link, HF_FRAME_ACK);

    assert_int_equal(frame->as.ack.received_through, received);
    assert_int_equal(frame->as.ack.durable_through, durable);
}

/* Let in and greeted. */
KIT struct hf_frame_welcome sk_welcomed(struct kit_link *link, const struct hf_frame *hello)
{
    sk_say(link, hello);
    kit_expect_nothing(link); /* not before its record is durable */
    sk_turn();
    return sk_expect(link, HF_FRAME_WELCOME)->as.welcome;
}

KIT struct kit_link *sk_device(const char *device)
{
    struct kit_link *link = sk_open(device, HF_WS_SESSION);
    struct hf_frame hello = sk_hello(device);

    (void)sk_welcomed(link, &hello);
    return link;
}

/* The same in JSON. */
KIT struct kit_link *sk_device_json(const char *device)
{
    struct kit_link *link = sk_open(device, HF_WS_SESSION_JSON);

    kit_text(link, "{\"type\":\"hello\",\"version_min\":1,\"version_max\":1,\"queue_id\":"
                   "\"000000000000004d\",\"uplink_first\":1,"
                   "\"uplink_next\":1,\"window_messages\":256,\"window_bytes\":1048576,\"capabilities\":["
                   "\"heartbeat\"]}");
    sk_turn();
    kit_expect_part(link, "{\"type\":\"welcome\",\"version\":1,\"result\":\"new\"");
    return link;
}

KIT struct hf_ws_conn *sk_conn(struct kit_link *link)
{
    return link->link.user;
}

#define SK_ROW(name) cmocka_unit_test_setup_teardown(name, sk_begin, sk_done)

KIT struct hf_slice sk_logged(unsigned nth) /* of the nth message in the log, from 0 */
{
    for (unsigned i = 0; i < kit.event_count; i++)
        if (kit.events[i].event.type == HF_EVENT_MESSAGE && nth-- == 0)
            return kit.events[i].event.payload;
    return (struct hf_slice){NULL, 0};
}

KIT void sk_say_data(struct kit_link *link, uint32_t seq, const char *payload)
{
    struct hf_frame frame = sk_data(seq, "gps", payload);

    sk_say(link, &frame);
}

#endif
