/* What a device says does not depend on where the network cut it, nor on how often its input had to wait: two devices are given the same bytes, one whole and
 * one in pieces, and must hear the same. Frames are drawn at random, and some of them damaged. */
#include "adapter/ws/ws_session_testkit.h"
#include "base/rng.h"

enum { ROUNDS = 400, FRAMES_MAX = 12 };

static void draw(struct hf_rng *rng, struct hf_frame *frame, uint32_t *next)
{
    static const char *const payloads[] = {"",  "x",    "{\"a\":1}",
                                           "{", "\xff", "hello, hello, hello, hello, hello, hello"};
    const char *payload = payloads[hf_rng_below(rng, HF_COUNT_OF(payloads))];
    static const enum hf_frame_type types[] = {HF_FRAME_DATA, HF_FRAME_DATA,     HF_FRAME_DATA, HF_FRAME_DATA,
                                               HF_FRAME_DATA, HF_FRAME_RESULT,   HF_FRAME_GAP,  HF_FRAME_PING,
                                               HF_FRAME_ACK,  HF_FRAME_SUBSCRIBE};
    uint32_t jump = hf_rng_below(rng, 6) == 0 ? (uint32_t)hf_rng_below(rng, 4) : 0;

    *frame = (struct hf_frame){.type = (uint8_t)types[hf_rng_below(rng, HF_COUNT_OF(types))],
                               .crc = hf_rng_below(rng, 2) == 0};
    switch (frame->type) {
    case HF_FRAME_DATA:
        *frame = sk_data(*next + jump, hf_rng_below(rng, 8) ? "t" : "a/#", payload);
        frame->as.data.format = (uint8_t)hf_rng_below(rng, 3);
        frame->as.data.text = hf_rng_below(rng, 2) == 0;
        *next += jump == 0;
        break;
    case HF_FRAME_RESULT:
        frame->as.result = (struct hf_frame_result){.seq = *next + jump, .payload = hf_slice_of(payload)};
        *next += jump == 0;
        break;
    case HF_FRAME_GAP:
        frame->as.gap = (struct hf_frame_gap){.from = *next, .to = *next + jump, .reason = HF_REASON_EXPIRED};
        *next += jump + 1;
        break;
    case HF_FRAME_PING: *frame = sk_beat(HF_FRAME_PING, 1 + (uint32_t)hf_rng_below(rng, 50), 0); break;
    case HF_FRAME_ACK: *frame = sk_ack(0, 0); break;
    default: frame->as.subscribe.topic = HF_SLICE("t"); break;
    }
}

static void fill(struct hf_rng *rng, struct kit_wire *wire)
{
    static struct sk_message message;
    uint32_t next = 1;

    wire->bytes = message.bytes = 0;
    for (unsigned left = 1 + (unsigned)hf_rng_below(rng, FRAMES_MAX); left > 0; left--) {
        struct hf_frame frame;

        draw(rng, &frame, &next);
        sk_add(&message, &frame);
        if (left > 1 && hf_rng_below(rng, 3) > 0)
            continue; /* shares its message with the next one */
        if (hf_rng_below(rng, 5) == 0)
            message.at[hf_rng_below(rng, message.bytes)] ^= (uint8_t)(1u << hf_rng_below(rng, 8));
        size_t half = hf_rng_below(rng, 4) == 0 ? message.bytes / 2 : 0;
        if (half > 0) { /* fragmented */
            kit_add_bytes(wire, HF_WS_OP_BINARY, 0, message.at, half);
            kit_add_bytes(wire, HF_WS_OP_CONTINUATION, HF_WS_FIN, message.at + half, message.bytes - half);
        } else {
            kit_add_bytes(wire, HF_WS_OP_BINARY, HF_WS_FIN, message.at, message.bytes);
        }
        message.bytes = 0;
    }
}

/* All that was heard but acknowledgements, which come when time does. */
static size_t heard(struct kit_link *link, uint8_t *out, size_t room)
{
    struct kit_frame message;
    size_t bytes = 0;

    while (kit_next(link, &message)) {
        if (message.opcode == HF_WS_OP_BINARY && message.payload[0] == HF_FRAME_ACK)
            continue;
        assert_true(bytes + message.bytes + 1 <= room);
        out[bytes++] = (uint8_t)message.opcode;
        memcpy(out + bytes, message.payload, message.bytes);
        bytes += message.bytes;
    }
    return bytes;
}

static unsigned recorded(const char *device, uint64_t *ret_hash)
{
    unsigned count = 0;

    *ret_hash = 0;
    for (unsigned i = 0; i < kit.event_count; i++) {
        const struct hf_event *event = &kit.events[i].event;

        if ((event->type != HF_EVENT_MESSAGE && event->type != HF_EVENT_MESSAGE_GAP) ||
            !hf_slice_is(event->device, device))
            continue;
        count++;
        *ret_hash = (*ret_hash + event->seq + 7 * event->from + 13 * event->to + event->reason +
                     event->format + event->payload.bytes) *
                    UINT64_C(0x9e3779b97f4a7c15);
    }
    return count;
}

static void cuts_and_waits_change_nothing(void **state)
{
    static uint8_t whole_out[65536], cut_out[65536];
    static struct kit_wire wire;
    unsigned messages = 0, closed = 0, held = 0;

    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        struct hf_rng rng;
        uint64_t whole_hash, cut_hash;

        hf_rng_seed(&rng, seed);
        fill(&rng, &wire);
        struct kit_link *whole = sk_device("whole"), *cut = sk_device("cutup");
        kit_feed(whole, wire.at, wire.bytes);
        if (seed % 2) /* input that has to wait, several times in one message */
            kit.rules.uplink = (struct hf_rate_limit){100, 1};
        for (size_t at = 0; at < wire.bytes;) {
            size_t bytes = 1 + hf_rng_below(&rng, HF_MIN(wire.bytes - at, seed % 3 ? 40u : 3u));

            kit_feed(cut, wire.at + at, bytes);
            at += bytes;
            if (hf_rng_below(&rng, 4) == 0)
                sk_run(10);
        }
        held += (unsigned)kit.site.stats.held;
        for (unsigned i = 0; i < 100 && sk_conn(cut)->held != NULL;
             i++) /* perhaps of no bytes: for what came early */
            sk_run(20);
        assert_int_equal(kit.site.stats.held_bytes_now, 0);
        size_t bytes = heard(whole, whole_out, sizeof(whole_out));
        assert_int_equal(heard(cut, cut_out, sizeof(cut_out)), bytes);
        assert_memory_equal(whole_out, cut_out, bytes);
        unsigned count = recorded("whole", &whole_hash);
        assert_int_equal(recorded("cutup", &cut_hash), count);
        assert_true(whole_hash == cut_hash);
        assert_int_equal(sk_conn(whole)->state, sk_conn(cut)->state);
        messages += count;
        closed += sk_conn(whole)->state != HF_WS_STATE_OPEN;
        (void)sk_done(state);
        (void)sk_begin(state);
    }
    assert_true(messages > 1000 && closed > 30 && held > 50); /* it was worth it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {SK_ROW(cuts_and_waits_change_nothing)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
