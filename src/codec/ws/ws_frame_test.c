#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/ws/close.h"
#include "codec/ws/mask.h"
#include "codec/ws/utf8.h"
#include "codec/ws/ws_transcript.h"

static const struct hf_ws_config server = {
    .role = HF_WS_SERVER, .message_bytes_max = HF_WS_MESSAGE_BYTES_MAX, .fragments_max = HF_WS_FRAGMENTS_MAX};
static const struct hf_ws_config client = {
    .role = HF_WS_CLIENT, .message_bytes_max = HF_WS_MESSAGE_BYTES_MAX, .fragments_max = HF_WS_FRAGMENTS_MAX};
static const uint8_t key[4] = {0x37, 0xfa, 0x21, 0x3d}; /* RFC 6455 5.7 */

/* A growing byte stream of frames, masked or not. */
struct stream {
    uint8_t *at;
    size_t bytes;
    const uint8_t *key;
};

static void add_raw(struct stream *stream, const void *data, size_t bytes)
{
    stream->at = realloc(stream->at, stream->bytes + bytes + 1);
    assert_non_null(stream->at);
    if (bytes > 0)
        memcpy(stream->at + stream->bytes, data, bytes);
    stream->bytes += bytes;
}

static void add_frame(struct stream *stream, enum hf_ws_opcode opcode, unsigned flags, const void *payload,
                      size_t bytes)
{
    uint8_t head[HF_WS_HEAD_BYTES_MAX];

    add_raw(stream, head, hf_ws_encode_head(head, opcode, flags, bytes, stream->key));
    add_raw(stream, payload, bytes);
    if (stream->key != NULL)
        hf_ws_mask(stream->at + stream->bytes - bytes, bytes, stream->key, 0);
}

static void expect(const struct hf_ws_config *config, bool deflate, const void *data, size_t bytes,
                   size_t chunk_bytes, const char *want, size_t want_bytes)
{
    struct ws_transcript got = ws_feed_chunked(config, deflate, data, bytes, chunk_bytes);

    if (got.bytes != want_bytes || memcmp(got.at, want, want_bytes) != 0)
        fail_msg("chunks of %zu: got <%s>, want <%s>", chunk_bytes, got.at, want);
    ws_transcript_free(&got);
}

static void expect_every_chunking(const struct hf_ws_config *config, bool deflate, const void *data,
                                  size_t bytes, const char *want, size_t want_bytes)
{
    for (size_t chunk_bytes = 1; chunk_bytes <= bytes; chunk_bytes++)
        expect(config, deflate, data, bytes, chunk_bytes, want, want_bytes);
}

static void expect_text(const struct hf_ws_config *config, bool deflate, const void *data, size_t bytes,
                        const char *want)
{
    expect_every_chunking(config, deflate, data, bytes, want, strlen(want));
}

/* Unmasked rows: the client's view, which can be written down by eye. */
static void client_rows_do_not_notice_the_cut(void **state)
{
#define ROW(in, want)                                   \
    {                                                   \
        in, sizeof in - 1, want, sizeof want - 1, false \
    }
#define ROW_DEFLATE(in, want)                          \
    {                                                  \
        in, sizeof in - 1, want, sizeof want - 1, true \
    }
    static const struct {
        const char *in;
        size_t bytes;
        const char *want;
        size_t want_bytes;
        bool deflate;
    } rows[] = {
        ROW("\x81\x05Hello", "t 5:Hello\n"),                               /* 5.7 */
        ROW("\x01\x03Hel\x80\x02lo", "t 5:Hello\n"),                       /* 5.7 */
        ROW("\x89\x05Hello\x8a\x05Hello", "ping 5:Hello\npong 5:Hello\n"), /* 5.7 */
        ROW("\x82\x00\x81\x00", "b 0:\nt 0:\n"),                           /* empty messages */
        ROW("\x89\x00\x8a\x00", "ping 0:\npong 0:\n"),                     /* empty control frames */
        ROW("\x01\x00\x00\x00\x80\x00", "t 0:\n"),                         /* empty fragments */
        ROW("\x02\x00\x00\x01x\x80\x00", "b 1:x\n"),                       /* first part comes late */
        ROW("\x01\x01"
            "a\x89\x02hi\x00\x01"
            "b\x8a\x00\x80\x01"
            "c",
            "ping 2:hi\npong 0:\nt 3:abc\n"), /* between */
        ROW("\x01\x01"
            "a\x88\x02\x03\xe8\x80\x01"
            "b",
            "close 1000 0:\n"), /* close within a message */
        ROW("\x88\x00", "close 1005 0:\n"), ROW("\x88\x02\x03\xe8", "close 1000 0:\n"),
        ROW("\x88\x05\x0b\xb8"
            "bye\x81\x01x",
            "close 3000 3:bye\n"),                                  /* what follows is ignored */
        ROW("\x88\x00\xff\xff\xff\xff\xff\xff", "close 1005 0:\n"), /* even garbage (5.5.1) */
        ROW("\x81", "..."), ROW("\x81\x05Hell", "..."), ROW("\x01\x01x", "..."), ROW("\x89\x05Hel", "..."),
        ROW("\x82\x7e\x01", "..."), ROW("\x88\x02\x03", "..."),
        ROW("\x01\x02\xe2\x82\x80\x01\xac", "t 3:\xe2\x82\xac\n"), /* a character in two frames */
        ROW_DEFLATE("\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00",
                    "tz 7:\xf2\x48\xcd\xc9\xc9\x07\x00\n"), /* RFC 7692 7.2.3.1 */
        ROW_DEFLATE("\x41\x03\xf2\x48\xcd\x80\x04\xc9\xc9\x07\x00", "tz 7:\xf2\x48\xcd\xc9\xc9\x07\x00\n"),
        ROW_DEFLATE("\x81\x01x\xc2\x01\xff", "t 1:x\nbz 1:\xff\n"), /* a choice by message */
        ROW_DEFLATE("\xc2\x00", "bz 0:\n"),
        /* WS-6, one rule after the other */
        ROW("\xc1\x01x", "!reserved_bit"), ROW("\xa1\x01x", "!reserved_bit"),
        ROW("\x91\x01x", "!reserved_bit"), ROW("\xf1\x01x", "!reserved_bit"),
        ROW("\xc9\x00", "!reserved_bit"),
        ROW_DEFLATE("\xc9\x00", "!reserved_bit"),           /* never on control frames */
        ROW_DEFLATE("\x41\x01x\xc0\x01x", "!reserved_bit"), /* only on the first frame (RFC 7692 6.1) */
        ROW_DEFLATE("\xe1\x01x", "!reserved_bit"), ROW_DEFLATE("\xd1\x01x", "!reserved_bit"),
        ROW("\x83\x00", "!reserved_opcode"), ROW("\x84\x00", "!reserved_opcode"),
        ROW("\x85\x00", "!reserved_opcode"), ROW("\x86\x00", "!reserved_opcode"),
        ROW("\x87\x00", "!reserved_opcode"), ROW("\x8b\x00", "!reserved_opcode"),
        ROW("\x8c\x00", "!reserved_opcode"), ROW("\x8d\x00", "!reserved_opcode"),
        ROW("\x8e\x00", "!reserved_opcode"), ROW("\x8f\x00", "!reserved_opcode"),
        ROW("\x03\x00", "!reserved_opcode"), ROW("\x09\x00", "!control_fragmented"),
        ROW("\x0a\x00", "!control_fragmented"), ROW("\x08\x00", "!control_fragmented"),
        ROW("\x89\x7e\x00\x7e", "!control_too_long"), ROW("\x88\x7f", "!control_too_long"),
        ROW("\x8a\x7e", "!control_too_long"), ROW("\x81\x80\x01\x02\x03\x04", "!mask_forbidden"),
        ROW("\x89\xfe", "!mask_forbidden"), ROW("\x82\x7e\x00\x7d", "!length_not_shortest"),
        ROW("\x82\x7e\x00\x00", "!length_not_shortest"),
        ROW("\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff", "!length_not_shortest"),
        ROW("\x82\x7f\x00\x00\x00\x00\x00\x00\x00\x05", "!length_not_shortest"),
        ROW("\x82\x7f\x80\x00\x00\x00\x00\x01\x00\x00", "!length_too_large"),
        ROW("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", "!length_too_large"),
        ROW("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", "!message_bytes"),
        ROW("\x80\x01x", "!continuation_alone"), ROW("\x00\x01x", "!continuation_alone"),
        ROW("\x81\x01x\x80\x01x", "t 1:x\n!continuation_alone"),
        ROW("\x01\x01x\x81\x01x", "!continuation_missing"),
        ROW("\x02\x01x\x02\x01x", "!continuation_missing"),
        ROW("\x01\x01x\x80\x01x\x80\x01x", "t 2:xx\n!continuation_alone"), ROW("\x88\x01x", "!close_length"),
        ROW("\x88\x02\x03\xe7", "!close_code"), ROW("\x88\x02\x03\xed", "!close_code"), /* 999, 1005 */
        ROW("\x88\x04\x03\xe8\xc3\x28", "!close_utf8"), ROW("\x88\x04\x03\xe8\xe2\x82", "!close_utf8"),
        ROW("\x81\x02\xc3\x28", "!text_utf8"), ROW("\x81\x02\xe2\x82", "!text_utf8"),
        ROW("\x01\x02\xe2\x82\x80\x00", "!text_utf8"), ROW("\x01\x01x\x80\x01\xff", "!text_utf8"),
        ROW("\x01\x01\xc3\x89\x01p\x80\x01\x28", "ping 1:p\n!text_utf8"),
        ROW("\x81\x01x\x82\x01\xff\x81\x01\xff",
            "t 1:x\nb 1:\xff\n!text_utf8"), /* binary may hold anything */
    };
#undef ROW
#undef ROW_DEFLATE
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        expect_every_chunking(&client, rows[i].deflate, rows[i].in, rows[i].bytes, rows[i].want,
                              rows[i].want_bytes);
}

static void server_unmasks(void **state)
{
    static const char hello[] = "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"; /* 5.7 */

    (void)state;
    expect_text(&server, false, hello, sizeof hello - 1, "t 5:Hello\n");
    expect_text(&server, false, "\x81\x05Hello", 7, "!mask_missing");
    expect_text(&server, false, "\x89\x00", 2, "!mask_missing");
    expect_text(&server, false, "\x81\x7e", 2, "!mask_missing");
    /* the same through the long road: a fragment, a ping between, all masked */
    struct stream stream = {.key = key};
    add_frame(&stream, HF_WS_OP_TEXT, 0, "Gr\xc3", 3);
    add_frame(&stream, HF_WS_OP_PING, HF_WS_FIN, "0123456789", 10);
    add_frame(&stream, HF_WS_OP_CONTINUATION, HF_WS_FIN,
              "\xbc\xc3\x9f"
              "e",
              4);
    add_frame(&stream, HF_WS_OP_CLOSE, HF_WS_FIN,
              "\x03\xe9"
              "Ende",
              6);
    expect_text(&server, false, stream.at, stream.bytes,
                "ping 10:0123456789\nt 7:Gr\xc3\xbc\xc3\x9f"
                "e\nclose 1001 4:Ende\n");
    free(stream.at);
}

static const size_t boundary_bytes[] = {0, 1, 2, 124, 125, 126, 127, 128, 255, 256, 65535, 65536, 65537};

/* 7, 16 and 64 bit lengths, both roles, with the head's size as WS-5 says. */
static void lengths_round_trip(void **state)
{
    uint8_t *payload = malloc(1 << 17);

    (void)state;
    assert_non_null(payload);
    for (size_t i = 0; i < 1 << 17; i++)
        payload[i] = (uint8_t)(i * 31 + (i >> 8));
    for (size_t i = 0; i < HF_COUNT_OF(boundary_bytes); i++) {
        for (int masked = 0; masked < 2; masked++) {
            size_t bytes = boundary_bytes[i];
            struct stream stream = {.key = masked ? key : NULL};
            struct ws_transcript want = {.err = HF_OK};
            size_t chunks[] = {1, 2, 3, 7, 125, 4096, 16384, SIZE_MAX / 2};

            add_frame(&stream, HF_WS_OP_BINARY, HF_WS_FIN, payload, bytes);
            assert_int_equal(stream.bytes - bytes, (bytes <= 125     ? 2
                                                    : bytes <= 65535 ? 4
                                                                     : 10) +
                                                       (masked ? 4 : 0));
            ws_transcript_line(&want, "b", payload, bytes);
            for (size_t c = 0; c < HF_COUNT_OF(chunks); c++)
                expect(masked ? &server : &client, false, stream.at, stream.bytes, chunks[c], want.at,
                       want.bytes);
            ws_transcript_free(&want);
            free(stream.at);
        }
    }
    free(payload);
}

/* Each head must come whole in one event when the input holds it whole, and point into the input. */
static void whole_frame_is_one_event_in_place(void **state)
{
    uint8_t payload[3000];

    (void)state;
    memset(payload, 'a', sizeof payload);
    for (size_t bytes = 1; bytes <= sizeof payload; bytes += 37) {
        struct hf_ws_config config = server;
        struct hf_ws_decoder decoder;
        struct hf_ws_event event;
        struct stream stream = {.key = key};
        struct ws_heap heap = {.calls = 0};
        size_t taken;

        config.memory = ws_heap_memory(&heap);
        add_frame(&stream, HF_WS_OP_TEXT, HF_WS_FIN, payload, bytes);
        add_frame(&stream, HF_WS_OP_PING, HF_WS_FIN, payload, bytes < 125 ? bytes : 125);
        hf_ws_decoder_init(&decoder, &config, false);
        assert_int_equal(hf_ws_decoder_feed(&decoder, stream.at, stream.bytes, &taken, &event), HF_OK);
        assert_int_equal(event.type, HF_WS_PART);
        assert_true(event.first && event.last && event.text && !event.compressed);
        assert_int_equal(event.slice_bytes, bytes);
        assert_ptr_equal(event.slice + bytes, stream.at + taken);
        assert_memory_equal(event.slice, payload, bytes);
        assert_int_equal(
            hf_ws_decoder_feed(&decoder, stream.at + taken, stream.bytes - taken, &taken, &event), HF_OK);
        assert_int_equal(event.type, HF_WS_PING);
        assert_ptr_equal(event.slice + event.slice_bytes, stream.at + stream.bytes);
        assert_int_equal(heap.calls, 0); /* nothing was cut, so nothing was allocated */
        hf_ws_decoder_deinit(&decoder);
        free(stream.at);
    }
}

static void close_codes(void **state)
{
    static const struct {
        unsigned from, to;
        bool valid;
    } rows[] = {
        {0, 999, false},     {1000, 1003, true},  {1004, 1006, false}, {1007, 1014, true},
        {1015, 1015, false}, {1016, 2999, false}, {3000, 4999, true},  {5000, 65535, false},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        for (unsigned code = rows[i].from; code <= rows[i].to; code++) {
            uint8_t frame[] = {0x88, 2, (uint8_t)(code >> 8), (uint8_t)code};
            struct ws_transcript got = ws_feed_chunked(&client, false, frame, sizeof frame, 4);

            assert_int_equal(hf_ws_close_code_valid(code), rows[i].valid);
            assert_int_equal(got.err, rows[i].valid ? HF_OK : HF_ERR_MALFORMED);
            ws_transcript_free(&got);
        }
    }
}

/* message_bytes_max counts all fragments together; equal is let through, one more is not. */
static void message_limit_is_exact(void **state)
{
    struct hf_ws_config small = client;

    (void)state;
    small.message_bytes_max = 4;
    expect_text(&small, false,
                "\x82\x04"
                "abcd",
                6, "b 4:abcd\n");
    expect_text(&small, false,
                "\x82\x05"
                "abcde",
                7, "!message_bytes");
    expect_text(&small, false,
                "\x02\x02"
                "ab\x80\x02"
                "cd",
                8, "b 4:abcd\n");
    expect_text(&small, false,
                "\x02\x02"
                "ab\x80\x03"
                "cde",
                9, "!message_bytes");
    expect_text(&small, false,
                "\x02\x04"
                "abcd\x80\x00\x82\x04"
                "abcd",
                14, "b 4:abcd\nb 4:abcd\n");
    expect_text(&small, false,
                "\x89\x05"
                "abcde",
                7, "ping 5:abcde\n"); /* control frames are apart */
    /* on the wire a compressed message may be an eighth and 64 bytes longer */
    uint8_t wire[2 + 69] = {0xc2, 68};
    struct ws_transcript got = ws_feed_chunked(&small, true, wire, 2 + 68, 200);
    assert_int_equal(got.err, HF_OK);
    ws_transcript_free(&got);
    wire[1] = 69;
    expect_text(&small, true, wire, sizeof wire, "!message_bytes");
}

static void fragment_limit_is_exact(void **state)
{
    (void)state;
    for (unsigned frames = HF_WS_FRAGMENTS_MAX; frames <= HF_WS_FRAGMENTS_MAX + 1; frames++) {
        struct stream stream = {.key = NULL};

        for (unsigned i = 0; i < frames; i++)
            add_frame(&stream, i == 0 ? HF_WS_OP_BINARY : HF_WS_OP_CONTINUATION,
                      i + 1 == frames ? HF_WS_FIN : 0, "", 0);
        for (size_t chunk_bytes = 1; chunk_bytes < 5000; chunk_bytes += 700)
            expect(&client, false, stream.at, stream.bytes, chunk_bytes,
                   frames <= HF_WS_FRAGMENTS_MAX ? "b 0:\n" : "!fragments",
                   frames <= HF_WS_FRAGMENTS_MAX ? 5 : 10);
        free(stream.at);
    }
}

/* A cut control frame takes 125 bytes, keeps them until the call after its event, and fails clearly without. */
static void cut_control_frame_borrows_memory(void **state)
{
    static const char ping[] = "\x89\x04ping";
    struct ws_heap heap = {.calls = 0};
    struct hf_ws_config config = client;
    struct hf_ws_decoder decoder;
    struct hf_ws_event event;
    uint8_t in[16];
    size_t taken;

    (void)state;
    config.memory = ws_heap_memory(&heap);
    hf_ws_decoder_init(&decoder, &config, false);
    memcpy(in, ping, 6);
    assert_int_equal(hf_ws_decoder_feed(&decoder, in, 4, &taken, &event), HF_OK);
    assert_int_equal(event.type, HF_WS_NEED_MORE);
    assert_int_equal(heap.live_bytes, HF_WS_CONTROL_BYTES_MAX);
    assert_true(hf_ws_decoder_mid_message(&decoder));
    assert_int_equal(hf_ws_decoder_feed(&decoder, in + 4, 2, &taken, &event), HF_OK);
    assert_int_equal(event.type, HF_WS_PING);
    assert_memory_equal(event.slice, "ping", 4);
    assert_int_equal(heap.live_bytes, HF_WS_CONTROL_BYTES_MAX);
    assert_false(hf_ws_decoder_mid_message(&decoder));
    assert_int_equal(hf_ws_decoder_feed(&decoder, in, 0, &taken, &event), HF_OK); /* any next call */
    assert_int_equal(heap.live_bytes, 0);

    heap.fail_at = heap.calls + 1;
    assert_int_equal(hf_ws_decoder_feed(&decoder, in, 4, &taken, &event), HF_ERR_NOMEM);
    assert_int_equal(decoder.rule, HF_WS_RULE_NO_MEMORY);
    assert_int_equal(hf_ws_decoder_feed(&decoder, in, 4, &taken, &event), HF_ERR_NOMEM);
    hf_ws_decoder_deinit(&decoder);

    /* a decoder that goes away in the middle gives it back; so does an error in the middle */
    hf_ws_decoder_init(&decoder, &config, false);
    assert_int_equal(hf_ws_decoder_feed(&decoder, in, 4, &taken, &event), HF_OK);
    hf_ws_decoder_deinit(&decoder);
    assert_int_equal(heap.live_bytes, 0);
    hf_ws_decoder_init(&decoder, &config, false);
    memcpy(in, "\x88\x04\x03\xe8\xff\xff", 6);
    assert_int_equal(hf_ws_decoder_feed(&decoder, in, 4, &taken, &event), HF_OK);
    assert_int_equal(hf_ws_decoder_feed(&decoder, in + 4, 2, &taken, &event), HF_ERR_MALFORMED);
    assert_int_equal(heap.live_bytes, 0);
    hf_ws_decoder_deinit(&decoder);
}

/* 4 KiB before authentication, 1 MiB after: new limits count from the next frame. */
static void limits_can_change(void **state)
{
    struct hf_ws_config small = client, large = client;
    struct hf_ws_decoder decoder;
    struct hf_ws_event event;
    uint8_t in[] = "\x82\x03"
                   "abc\x82\x03"
                   "abc";
    size_t taken;

    (void)state;
    small.message_bytes_max = 2;
    hf_ws_decoder_init(&decoder, &large, false);
    assert_int_equal(hf_ws_decoder_feed(&decoder, in, 5, &taken, &event), HF_OK);
    hf_ws_decoder_set_config(&decoder, &small);
    assert_int_equal(hf_ws_decoder_feed(&decoder, in + 5, 5, &taken, &event), HF_ERR_LIMIT);
    assert_int_equal(hf_ws_rule_info(decoder.rule)->close_code, 1009);
    hf_ws_decoder_deinit(&decoder);
}

/* A long frame whose head was cut where the rest looks like a short frame of its own, and one whose payload does. */
static void what_follows_a_cut_is_not_taken_for_a_frame(void **state)
{
    uint8_t wire[4 + 130] = {0x82, 0x7e, 0x00, 0x82, 0x01, 'x', 0x82, 0x01, 'y'};
    struct ws_transcript want = {.err = HF_OK};

    (void)state;
    ws_transcript_line(&want, "b", wire + 4, 130);
    expect_every_chunking(&client, false, wire, sizeof wire, want.at, want.bytes);
    ws_transcript_free(&want);
}

static void idle_decoder_is_small(void **state)
{
    (void)state;
    assert_true(sizeof(struct hf_ws_decoder) <= 40);
}

static void rules_have_their_codes(void **state)
{
    (void)state;
    for (int rule = 0; rule < HF_WS_RULES; rule++) {
        const struct hf_ws_rule_info *info = hf_ws_rule_info((enum hf_ws_rule)rule);

        assert_int_equal(info->rule, rule);
        assert_true(rule == 0 ? info->close_code == 0 : hf_ws_close_code_valid(info->close_code));
        assert_true(strlen(info->name) > 0 && strlen(info->text) > 0);
    }
    assert_int_equal(hf_ws_rule_info(HF_WS_RULE_TEXT_UTF8)->close_code, 1007);
    assert_int_equal(hf_ws_rule_info(HF_WS_RULE_CLOSE_UTF8)->close_code, 1007);
    assert_int_equal(hf_ws_rule_info(HF_WS_RULE_MESSAGE_BYTES)->close_code, 1009);
    assert_int_equal(hf_ws_rule_info(HF_WS_RULE_FRAGMENTS)->close_code, 1009);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client_rows_do_not_notice_the_cut),
        cmocka_unit_test(server_unmasks),
        cmocka_unit_test(lengths_round_trip),
        cmocka_unit_test(whole_frame_is_one_event_in_place),
        cmocka_unit_test(close_codes),
        cmocka_unit_test(message_limit_is_exact),
        cmocka_unit_test(fragment_limit_is_exact),
        cmocka_unit_test(cut_control_frame_borrows_memory),
        cmocka_unit_test(limits_can_change),
        cmocka_unit_test(what_follows_a_cut_is_not_taken_for_a_frame),
        cmocka_unit_test(idle_decoder_is_small),
        cmocka_unit_test(rules_have_their_codes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
