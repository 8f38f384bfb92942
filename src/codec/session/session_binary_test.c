/* codec/session/session_binary_test.c - frames as bytes: the samples both ways, cut at every byte, longer than known, with every limit and CRC. */
#include "codec/session/session_testkit.h"

static uint8_t in[FRAME_MAX], out[FRAME_MAX];
static struct hf_frame frame;
static size_t taken;

static void set_body_bytes(uint8_t *at, size_t body_bytes)
{
    hf_put_u32(at, (uint32_t)at[0] << 24 | (uint32_t)body_bytes);
}

/* Decodes hex; returns the verdict. */
static hf_err decode_hex(const char *hex)
{
    size_t bytes = unhex(hex, in);

    return decode_copy(in, bytes, PAYLOAD_MAX, &taken, &frame);
}

static void writes_and_reads_every_type(void **state)
{
    bool seen[HF_FRAME_TYPES] = {false};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(samples); i++) {
        size_t bytes = unhex(samples[i].hex, in);

        seen[samples[i].frame.type] = true;
        assert_int_equal(encode(&samples[i].frame, out), bytes);
        assert_memory_equal(out, in, bytes);
        memset(&frame, 0xee, sizeof(frame));
        memset(in + bytes, 0xee, 16); /* the next frame of the message */
        assert_int_equal(decode_copy(in, bytes + 16, PAYLOAD_MAX, &taken, &frame), HF_OK);
        assert_int_equal(taken, bytes);
        assert_int_equal(frame.type, samples[i].frame.type);
        assert_false(frame.crc);
        memset(out, 0, bytes);
        assert_int_equal(encode(&frame, out), bytes);
        assert_memory_equal(out, in, bytes);
    }
    for (unsigned type = HF_FRAME_NONE + 1; type < HF_FRAME_TYPES; type++)
        assert_true(seen[type]);
}

static void zero_frames_are_frames(void **state)
{
    (void)state;
    for (unsigned type = HF_FRAME_NONE + 1; type < HF_FRAME_TYPES; type++) {
        struct hf_frame zero = {.type = (uint8_t)type};
        size_t bytes = encode(&zero, in);

        assert_int_equal(decode_copy(in, bytes, 0, &taken, &frame), HF_OK);
        assert_int_equal(taken, bytes);
        assert_int_equal(encode(&frame, out), bytes);
        assert_memory_equal(in, out, bytes);
    }
}

/* Bytes that a body needs: all of a fixed one, what stands before the rest of an open one. A text that is the rest may be of any length. */
static void is_cut_at_every_byte(void **state)
{
    static const size_t need[HF_FRAME_TYPES] = {
        [HF_FRAME_HELLO] = 78 + 6, [HF_FRAME_WELCOME] = 117, [HF_FRAME_DATA] = 31 + 3, [HF_FRAME_ACK] = 31,
        [HF_FRAME_GAP] = 14,       [HF_FRAME_COMMAND] = 44,  [HF_FRAME_RESULT] = 22,   [HF_FRAME_PATCH] = 19,
        [HF_FRAME_DELTA] = 40,     [HF_FRAME_PING] = 0,      [HF_FRAME_PONG] = 0,      [HF_FRAME_BYE] = 20,
        [HF_FRAME_AUTH] = 0,       [HF_FRAME_SUBSCRIBE] = 0, [HF_FRAME_REFUSE] = 10,
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(samples); i++) {
        const struct hf_frame *sample = &samples[i].frame;
        size_t bytes = unhex(samples[i].hex, in), body_bytes = bytes - HF_FRAME_HEAD_BYTES;
        size_t body_need = sample->type == HF_FRAME_AUTH && sample->as.auth.answer ? 8 : need[sample->type];

        for (size_t cut = 0; cut < bytes; cut++)
            assert_int_equal(decode_copy(in, cut, PAYLOAD_MAX, &taken, &frame), HF_ERR_MALFORMED);
        for (size_t body = 0; body < body_bytes; body++) {
            set_body_bytes(in, body);
            hf_err err = decode_copy(in, HF_FRAME_HEAD_BYTES + body, PAYLOAD_MAX, &taken, &frame);

            if (body < body_need)
                assert_int_equal(err, HF_ERR_MALFORMED);
            else if (sample->type == HF_FRAME_HELLO || sample->type == HF_FRAME_WELCOME)
                assert_true(err == HF_OK || err == HF_ERR_MALFORMED); /* between extensions or within one */
            else if (sample->type == HF_FRAME_PATCH || sample->type == HF_FRAME_DELTA ||
                     sample->type == HF_FRAME_COMMAND)
                assert_int_equal(err, body == body_need ? HF_OK : HF_ERR_INVALID); /* JSON cut short */
            else
                assert_int_equal(err, HF_OK);
            if (err == HF_OK)
                assert_int_equal(taken, HF_FRAME_HEAD_BYTES + body);
            if (sample->type == HF_FRAME_PING || sample->type == HF_FRAME_PONG)
                assert_false(frame.as.beat.valid);
        }
    }
}

/* What a later version adds stands behind what this one knows. */
static void ignores_a_longer_body(void **state)
{
    static const uint8_t fixed[] = {HF_FRAME_ACK, HF_FRAME_GAP, HF_FRAME_PING, HF_FRAME_PONG, HF_FRAME_BYE};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(samples); i++) {
        size_t bytes = unhex(samples[i].hex, in);
        bool fixed_end = memchr(fixed, samples[i].frame.type, sizeof(fixed)) != NULL ||
                         (samples[i].frame.type == HF_FRAME_AUTH && samples[i].frame.as.auth.answer);

        if (!fixed_end)
            continue;
        memset(in + bytes, 0xff, 9);
        set_body_bytes(in, bytes - HF_FRAME_HEAD_BYTES + 9);
        assert_int_equal(decode_copy(in, bytes + 9, PAYLOAD_MAX, &taken, &frame), HF_OK);
        assert_int_equal(taken, bytes + 9);
        set_body_bytes(in, bytes - HF_FRAME_HEAD_BYTES);
        assert_int_equal(encode(&frame, out), bytes);
        assert_memory_equal(in, out, bytes);
    }
}

static void skips_unknown_types(void **state)
{
    static const uint8_t types[] = {0, 16, 100, 255};

    (void)state;
    for (size_t i = 0; i < sizeof(types); i++) {
        memset(in, 0xa5, 32);
        in[0] = types[i];
        in[4] = 0xfe; /* any flags but CRC */
        set_body_bytes(in, 20);
        assert_int_equal(decode_copy(in, 32, PAYLOAD_MAX, &taken, &frame), HF_OK);
        assert_int_equal(frame.type, types[i]);
        assert_int_equal(taken, 25);
        assert_string_equal(hf_frame_type_name(types[i]), "unknown");
    }
}

static void bounds_the_body(void **state)
{
    const uint32_t payload_max = 100;
    struct hf_frame data = {.type = HF_FRAME_DATA};

    (void)state;
    memset(in, 0, sizeof(in));
    in[0] = HF_FRAME_AUTH;
    memset(in + HF_FRAME_HEAD_BYTES, 'x', 2000);
    set_body_bytes(in, payload_max + HF_FRAME_OVERHEAD_BYTES_MAX);
    assert_int_equal(decode_copy(in, 3000, payload_max, &taken, &frame), HF_OK);
    set_body_bytes(in, payload_max + HF_FRAME_OVERHEAD_BYTES_MAX + 1);
    assert_int_equal(decode_copy(in, 3000, payload_max, &taken, &frame), HF_ERR_LIMIT);
    set_body_bytes(in, 0xffffff); /* the verdict needs no body */
    assert_int_equal(decode_copy(in, HF_FRAME_HEAD_BYTES, payload_max, &taken, &frame), HF_ERR_LIMIT);
    assert_int_equal(decode_copy(in, HF_FRAME_HEAD_BYTES, UINT32_MAX, &taken, &frame), HF_ERR_MALFORMED);

    for (size_t payload = payload_max; payload <= payload_max + 1; payload++) {
        data.as.data.payload = (struct hf_slice){(const char *)in + 1000, payload};
        size_t bytes = encode(&data, out);

        assert_int_equal(decode_copy(out, bytes, payload_max, &taken, &frame),
                         payload > payload_max ? HF_ERR_LIMIT : HF_OK);
    }
}

static void encodes_the_head_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(samples); i++) {
        size_t bytes = unhex(samples[i].hex, in), head_bytes, payload_bytes;

        switch (samples[i].frame.type) {
        case HF_FRAME_DATA: payload_bytes = samples[i].frame.as.data.payload.bytes; break;
        case HF_FRAME_COMMAND: payload_bytes = samples[i].frame.as.command.payload.bytes; break;
        case HF_FRAME_RESULT: payload_bytes = samples[i].frame.as.result.payload.bytes; break;
        default: continue;
        }
        memset(out, 0xcc, bytes);
        head_bytes = hf_frame_encode_head(&samples[i].frame, out);
        assert_int_equal(head_bytes, bytes - payload_bytes);
        assert_memory_equal(in, out, head_bytes);
        assert_int_equal(out[head_bytes], 0xcc);
    }
}

static void trusts_nothing_when_the_crc_is_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(samples); i++) {
        struct hf_frame sealed = samples[i].frame;
        size_t bytes, plain_bytes = unhex(samples[i].hex, in);

        sealed.crc = true;
        bytes = encode(&sealed, out);
        assert_int_equal(bytes, plain_bytes + HF_FRAME_CRC_BYTES);
        assert_int_equal(out[4], in[4] | HF_FRAME_FLAG_CRC);
        assert_memory_equal(out + HF_FRAME_HEAD_BYTES, in + HF_FRAME_HEAD_BYTES,
                            plain_bytes - HF_FRAME_HEAD_BYTES);
        assert_int_equal(hf_get_u32(out + plain_bytes), hf_crc32c(0, out, plain_bytes));
        assert_int_equal(decode_copy(out, bytes, PAYLOAD_MAX, &taken, &frame), HF_OK);
        assert_true(frame.crc);
        assert_int_equal(taken, bytes);
        memcpy(in, out, bytes);
        assert_int_equal(encode(&frame, out), bytes);
        assert_memory_equal(in, out, bytes);
        for (size_t at = HF_FRAME_HEAD_BYTES; at < bytes; at++) {
            in[at] ^= 0x40;
            assert_int_equal(decode_copy(in, bytes, PAYLOAD_MAX, &taken, &frame), HF_ERR_CORRUPT);
            assert_int_equal(taken, bytes);
            assert_int_equal(frame.type, samples[i].frame.type);
            in[at] ^= 0x40;
        }
        in[4] ^= 0x80; /* the head is covered, too */
        assert_int_equal(decode_copy(in, bytes, PAYLOAD_MAX, &taken, &frame), HF_ERR_CORRUPT);
    }
    assert_int_equal(decode_hex("0e 000003 01 | 000000"), HF_ERR_MALFORMED); /* no room for one */
    assert_int_equal(decode_hex("63 000004 01 | 00000000"), HF_ERR_CORRUPT); /* of an unknown type as well */
}

static void knows_good_heartbeats(void **state)
{
    static const struct {
        uint32_t seq;
        uint64_t ts_ms;
        const char *hex;
    } rows[] = {
        {1, 1700000000000, "000000010000018bcfe568007b"},
        {0xffffffff, 1700000000000, "ffffffff0000018bcfe5680032"},
        {2, 0, "000000020000000000000000ba"},
    };
    struct hf_heartbeat beat;

    (void)state;
    assert_int_equal(hf_crc8_rohc("123456789", 9), 0xd0);
    assert_int_equal(hf_crc8_rohc("", 0), 0xff);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        beat = (struct hf_heartbeat){rows[i].seq, rows[i].ts_ms};
        assert_int_equal(unhex(rows[i].hex, in), HF_HEARTBEAT_BYTES);
        hf_heartbeat_encode(&beat, out);
        assert_memory_equal(in, out, HF_HEARTBEAT_BYTES);
        beat = (struct hf_heartbeat){0};
        assert_true(hf_heartbeat_decode(in, &beat));
        assert_int_equal(beat.seq, rows[i].seq);
        assert_int_equal(beat.ts_ms, rows[i].ts_ms);
        for (size_t bit = 0; bit < 8 * HF_HEARTBEAT_BYTES; bit++) {
            in[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_false(hf_heartbeat_decode(in, &beat));
            in[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
    assert_int_equal(decode_hex("0a 000011 00 | 00000001 0000018bcfe56800 7c | 00000000"), HF_OK);
    assert_false(frame.as.beat.valid);
    assert_int_equal(frame.as.beat.beat.seq, 0);
    assert_int_equal(decode_hex("0a 000012 00 | 00000001 0000018bcfe56800 7b | 00000000 00"), HF_OK);
    assert_true(frame.as.beat.valid); /* longer is what a later version may send */
}

static void names_its_types(void **state)
{
    (void)state;
    assert_string_equal(hf_frame_type_name(HF_FRAME_HELLO), "hello");
    assert_string_equal(hf_frame_type_name(HF_FRAME_REFUSE), "refuse");
    assert_string_equal(hf_frame_type_name(HF_FRAME_NONE), "unknown");
    assert_string_equal(hf_frame_type_name(UINT32_MAX), "unknown");
    for (unsigned type = HF_FRAME_NONE + 1; type < HF_FRAME_TYPES; type++)
        assert_int_equal(hf_frame_type_by_name(hf_slice_of(hf_frame_type_name(type))), type);
    assert_int_equal(hf_frame_type_by_name(HF_SLICE("Hello")), HF_FRAME_NONE);
    assert_int_equal(hf_frame_type_by_name(HF_SLICE("unknown")), HF_FRAME_NONE);
    assert_int_equal(hf_frame_type_by_name((struct hf_slice){NULL, 0}), HF_FRAME_NONE);
    assert_true(hf_frame_may_go_up(HF_FRAME_HELLO) && !hf_frame_may_go_down(HF_FRAME_HELLO));
    assert_true(!hf_frame_may_go_up(HF_FRAME_WELCOME) && hf_frame_may_go_down(HF_FRAME_WELCOME));
    assert_true(hf_frame_may_go_up(HF_FRAME_DATA) && hf_frame_may_go_down(HF_FRAME_DATA));
    assert_true(!hf_frame_may_go_up(HF_FRAME_NONE) && !hf_frame_may_go_down(HF_FRAME_NONE));
    assert_true(!hf_frame_may_go_up(HF_FRAME_TYPES) && !hf_frame_may_go_down(HF_FRAME_TYPES));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_and_reads_every_type), cmocka_unit_test(zero_frames_are_frames),
        cmocka_unit_test(is_cut_at_every_byte),        cmocka_unit_test(ignores_a_longer_body),
        cmocka_unit_test(skips_unknown_types),         cmocka_unit_test(bounds_the_body),
        cmocka_unit_test(encodes_the_head_alone),      cmocka_unit_test(trusts_nothing_when_the_crc_is_wrong),
        cmocka_unit_test(knows_good_heartbeats),       cmocka_unit_test(names_its_types),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
