/* The cases of the Autobahn test suite for a server that echoes, as unit tests: an endpoint made of decoder, assembly,
 * UTF-8 and close helpers is fed what the suite sends, in several chunkings, and its answer is compared byte by byte.
 * Section numbers are the suite's. 12 and 13 (compression) are in ws_deflate_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/ws/close.h"
#include "codec/ws/mask.h"
#include "codec/ws/ws_transcript.h"

struct bytes {
    uint8_t *at;
    size_t bytes;
};

static void put(struct bytes *to, const void *data, size_t bytes)
{
    to->at = realloc(to->at, to->bytes + bytes + 1);
    assert_non_null(to->at);
    if (bytes > 0)
        memcpy(to->at + to->bytes, data, bytes);
    to->bytes += bytes;
}

static void put_frame(struct bytes *to, enum hf_ws_opcode opcode, bool fin, const void *payload, size_t bytes,
                      const uint8_t *key)
{
    uint8_t head[HF_WS_HEAD_BYTES_MAX];

    put(to, head, hf_ws_encode_head(head, opcode, fin ? HF_WS_FIN : 0, bytes, key));
    put(to, payload, bytes);
    if (key != NULL)
        hf_ws_mask(to->at + to->bytes - bytes, bytes, key, 0);
}

struct echo {
    struct hf_ws_config config;
    struct hf_ws_decoder decoder;
    struct hf_ws_assembly *assembly;
    struct hf_ws_closing closing;
    struct ws_heap heap;
    struct bytes out;
};

static void send_close(struct echo *echo, uint16_t code, struct hf_slice reason)
{
    uint8_t payload[HF_WS_CLOSE_PAYLOAD_BYTES_MAX];
    size_t bytes;

    if (!hf_ws_closing_sent(&echo->closing, code))
        return;
    bytes = hf_ws_close_payload(payload, code, reason);
    put_frame(&echo->out, HF_WS_OP_CLOSE, true, payload, bytes, NULL);
}

static void on_event(struct echo *echo, const struct hf_ws_event *event)
{
    struct hf_slice message;

    switch (event->type) {
    case HF_WS_NEED_MORE:
    case HF_WS_PONG: return;
    case HF_WS_PING:
        put_frame(&echo->out, HF_WS_OP_PONG, true, event->slice, event->slice_bytes, NULL);
        return;
    case HF_WS_CLOSE:
        if (hf_ws_closing_received(&echo->closing, event->code) == HF_WS_CLOSING_ECHO)
            send_close(echo, hf_ws_closing_echo_code(&echo->closing), HF_SLICE(""));
        return;
    case HF_WS_PART: break;
    }
    if (event->first && event->last) {
        put_frame(&echo->out, event->text ? HF_WS_OP_TEXT : HF_WS_OP_BINARY, true, event->slice,
                  event->slice_bytes, NULL);
        return;
    }
    assert_int_equal(hf_ws_assembly_add(&echo->assembly, &echo->config.memory, echo->config.message_bytes_max,
                                        event->slice, event->slice_bytes),
                     HF_OK);
    if (!event->last)
        return;
    message = hf_ws_assembly_slice(echo->assembly);
    put_frame(&echo->out, event->text ? HF_WS_OP_TEXT : HF_WS_OP_BINARY, true, message.at, message.bytes,
              NULL);
    hf_ws_assembly_clear(&echo->assembly, &echo->config.memory);
}

/* What the echo server answers to in. */
static struct bytes answer(const struct bytes *in, size_t chunk_bytes, uint32_t message_bytes_max)
{
    struct echo echo = {.assembly = NULL};

    echo.config = (struct hf_ws_config){.role = HF_WS_SERVER,
                                        .message_bytes_max = message_bytes_max,
                                        .fragments_max = HF_WS_FRAGMENTS_MAX,
                                        .memory = ws_heap_memory(&echo.heap)};
    put(&echo.out, "", 0);
    hf_ws_decoder_init(&echo.decoder, &echo.config, false);
    for (size_t at = 0; at < in->bytes; at += chunk_bytes) {
        size_t chunk = in->bytes - at < chunk_bytes ? in->bytes - at : chunk_bytes;
        uint8_t *copy = malloc(chunk);
        hf_err err = HF_OK;

        assert_non_null(copy);
        memcpy(copy, in->at + at, chunk);
        for (size_t n = 0, taken; n < chunk && err == HF_OK; n += taken) {
            struct hf_ws_event event;

            err = hf_ws_decoder_feed(&echo.decoder, copy + n, chunk - n, &taken, &event);
            on_event(&echo, &event);
        }
        free(copy);
        if (err != HF_OK) {
            const struct hf_ws_rule_info *rule = hf_ws_rule_info(echo.decoder.rule);

            send_close(&echo, rule->close_code, HF_SLICE(""));
            break;
        }
    }
    hf_ws_assembly_clear(&echo.assembly, &echo.config.memory);
    hf_ws_decoder_deinit(&echo.decoder);
    assert_int_equal(echo.heap.live_bytes, 0);
    return echo.out;
}

static void expect_answer(const struct bytes *in, const struct bytes *want, const char *name)
{
    static const size_t chunks[] = {1, 2, 3, 5, 11, 64, 997, 16384, SIZE_MAX / 2};

    for (size_t i = 0; i < HF_COUNT_OF(chunks); i++) {
        struct bytes got = answer(in, chunks[i], 16 << 20);

        if (got.bytes != want->bytes || memcmp(got.at, want->at, got.bytes) != 0)
            fail_msg("%s in chunks of %zu: %zu bytes, want %zu", name, chunks[i], got.bytes, want->bytes);
        free(got.at);
    }
}

static const uint8_t key[4] = {0xde, 0xad, 0xbe, 0xef};

/* 1.1, 1.2 and 9.1, 9.2: echo of text and binary of every size class; 9.3, 9.4: the same in fragments. */
static void echoes_every_size(void **state)
{
    static const size_t sizes[] = {0, 125, 126, 127, 128, 65535, 65536, 262144, 1048576, 4194304};
    uint8_t *payload = malloc(4194304);

    (void)state;
    assert_non_null(payload);
    for (size_t i = 0; i < HF_COUNT_OF(sizes); i++) {
        for (int text = 0; text < 2; text++) {
            enum hf_ws_opcode opcode = text ? HF_WS_OP_TEXT : HF_WS_OP_BINARY;
            struct bytes in = {NULL, 0}, want = {NULL, 0}, cut = {NULL, 0};

            if (sizes[i] > 65536 && text) /* the byte-wise chunking of the largest ones only once */
                continue;
            memset(payload, text ? '*' : 0xfe, sizes[i]);
            put_frame(&in, opcode, true, payload, sizes[i], key);
            put_frame(&want, opcode, true, payload, sizes[i], NULL);
            expect_answer(&in, &want, "whole");
            for (size_t at = 0, part = sizes[i] / 300 + 64; at < sizes[i]; at += part)
                put_frame(&cut, at == 0 ? opcode : HF_WS_OP_CONTINUATION, at + part >= sizes[i], payload + at,
                          sizes[i] - at < part ? sizes[i] - at : part, key);
            if (sizes[i] > 0)
                expect_answer(&cut, &want, "fragmented");
            free(in.at);
            free(want.at);
            free(cut.at);
        }
    }
    free(payload);
}

/* One row: frames to send as "<op><fin>:payload|...", and the answer in the same form. op: 0-f; fin: + or -. A length
 * too long for a string is written ~n: n times '*'. */
static void build(struct bytes *to, const char *script, const uint8_t *mask)
{
    static char stars[200];

    memset(stars, '*', sizeof stars);
    while (*script != '\0') {
        size_t bytes = strcspn(script + 3, "|");
        unsigned opcode = (unsigned)strtoul((char[2]){script[0], '\0'}, NULL, 16);
        uint8_t first = (uint8_t)(opcode | (script[1] == '+' ? 0x80 : script[1] == '!' ? 0xf0 : 0));
        const char *payload = script + 3;
        size_t start = to->bytes, n = bytes;

        if (*payload == '~') {
            n = strtoul(payload + 1, NULL, 10);
            payload = stars;
        }
        put_frame(to, HF_WS_OP_BINARY, true, payload, n, mask);
        to->at[start] = first; /* so that forbidden heads can be written too */
        script += 3 + bytes;
        script += *script == '|';
    }
}

#define CLOSE_1002 "8+:\x03\xea"
#define CLOSE_1007 "8+:\x03\xef"

static void scripted_cases(void **state)
{
    static const struct {
        const char *name, *in, *want;
    } rows[] = {
        /* 2: pings and pongs */
        {"2.1", "9+:", "a+:"},
        {"2.2", "9+:Hello, world!", "a+:Hello, world!"},
        {"2.3", "9+:\x01\xff\xfe\xfd\xfc\xfb\x80\xff", "a+:\x01\xff\xfe\xfd\xfc\xfb\x80\xff"},
        {"2.4", "9+:~125", "a+:~125"},
        {"2.5", "9+:~126", CLOSE_1002},
        {"2.7", "a+:", ""},
        {"2.8", "a+:unsolicited", ""},
        {"2.9", "a+:unsolicited|9+:ping payload", "a+:ping payload"},
        {"2.10", "9+:0|9+:1|9+:2|9+:3|9+:4", "a+:0|a+:1|a+:2|a+:3|a+:4"},
        /* 3: reserved bits (! sets all three) */
        {"3.x", "1!:x", CLOSE_1002},
        {"3.2", "1+:Hello|1!:Hello|9+:", "1+:Hello|" CLOSE_1002},
        {"3.5", "2!:x", CLOSE_1002},
        {"3.6", "9!:x", CLOSE_1002},
        {"3.7", "8!:", CLOSE_1002},
        /* 4: reserved opcodes */
        {"4.1.1", "3+:", CLOSE_1002},
        {"4.1.2", "4+:x", CLOSE_1002},
        {"4.1.3", "1+:Hello|5+:|9+:", "1+:Hello|" CLOSE_1002},
        {"4.1.4", "1+:Hello|6+:x|9+:", "1+:Hello|" CLOSE_1002},
        {"4.1.5", "1+:Hello|7+:x|9+:", "1+:Hello|" CLOSE_1002},
        {"4.2.1", "b+:", CLOSE_1002},
        {"4.2.2", "c+:x", CLOSE_1002},
        {"4.2.3", "1+:Hello|d+:|9+:", "1+:Hello|" CLOSE_1002},
        {"4.2.4", "1+:Hello|e+:x|9+:", "1+:Hello|" CLOSE_1002},
        {"4.2.5", "1+:Hello|f+:x|9+:", "1+:Hello|" CLOSE_1002},
        /* 5: fragmentation */
        {"5.1", "9-:f1|0+:f2", CLOSE_1002},
        {"5.2", "a-:f1|0+:f2", CLOSE_1002},
        {"5.3", "1-:f1|0+:f2", "1+:f1f2"},
        {"5.6", "1-:f1|9+:p|0+:f2", "a+:p|1+:f1f2"},
        {"5.9", "0+:x|1+:Hello", CLOSE_1002},
        {"5.12", "0-:x|1+:Hello", CLOSE_1002},
        {"5.15", "1-:f1|0+:f2|0-:f3|1+:Hello", "1+:f1f2|" CLOSE_1002},
        {"5.16", "0-:f1|1-:f2|0+:f3", CLOSE_1002},
        {"5.18", "1-:f1|1+:f2", CLOSE_1002},
        {"5.19", "1-:1|0-:2|9+:p|0-:3|0-:4|9+:q|0+:5", "a+:p|a+:q|1+:12345"},
        /* 6: UTF-8 */
        {"6.1.1", "1+:", "1+:"},
        {"6.1.2", "1-:|0-:|0+:", "1+:"},
        {"6.1.3", "1-:|0-:middle|0+:", "1+:middle"},
        {"6.2.1", "1+:Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xa0\xc3\xa1-UTF-8!!",
         "1+:Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xa0\xc3\xa1-UTF-8!!"},
        {"6.2.4", "1-:\xce|0-:\xba\xe1\xbd|0-:\xb9|0+:\xcf\x83", "1+:\xce\xba\xe1\xbd\xb9\xcf\x83"},
        {"6.3.1",
         "1+:\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80"
         "edited",
         CLOSE_1007},
        {"6.4.1", "1-:\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5|0-:\xf4\x90\x80\x80|0+:edited",
         CLOSE_1007},
        {"6.4.3", "1-:abc\xf4\x90", CLOSE_1007}, /* as early as the bytes allow */
        {"6.5.1", "1+:\xce\xba\xe1\xbd\xb9", "1+:\xce\xba\xe1\xbd\xb9"},
        {"6.6.1", "1+:\xce", CLOSE_1007},
        {"6.6.4", "1+:\xce\xba\xe1\xbd", CLOSE_1007},
        {"6.7.2", "1+:\xc2\x80", "1+:\xc2\x80"},
        {"6.7.3", "1+:\xe0\xa0\x80", "1+:\xe0\xa0\x80"},
        {"6.7.4", "1+:\xf0\x90\x80\x80", "1+:\xf0\x90\x80\x80"},
        {"6.8.1", "1+:\xf8\x88\x80\x80\x80", CLOSE_1007},
        {"6.8.2", "1+:\xfc\x84\x80\x80\x80\x80", CLOSE_1007},
        {"6.9.1", "1+:\x7f", "1+:\x7f"},
        {"6.9.2", "1+:\xdf\xbf", "1+:\xdf\xbf"},
        {"6.9.3", "1+:\xef\xbf\xbf", "1+:\xef\xbf\xbf"},
        {"6.9.4", "1+:\xf4\x8f\xbf\xbf", "1+:\xf4\x8f\xbf\xbf"},
        {"6.10.1", "1+:\xf7\xbf\xbf\xbf", CLOSE_1007},
        {"6.10.2", "1+:\xfb\xbf\xbf\xbf\xbf", CLOSE_1007},
        {"6.11.1", "1+:\xed\x9f\xbf", "1+:\xed\x9f\xbf"},
        {"6.11.2", "1+:\xee\x80\x80", "1+:\xee\x80\x80"},
        {"6.11.3", "1+:\xef\xbf\xbd", "1+:\xef\xbf\xbd"},
        {"6.11.5", "1+:\xf4\x90\x80\x80", CLOSE_1007},
        {"6.12.1", "1+:\x80", CLOSE_1007},
        {"6.12.2", "1+:\xbf", CLOSE_1007},
        {"6.13.1", "1+:\xc0 \xc1 \xc2 ", CLOSE_1007},
        {"6.14.1", "1+:\xc0", CLOSE_1007},
        {"6.14.10", "1+:\xe2\x82", CLOSE_1007},
        {"6.16.1", "1+:\xfe", CLOSE_1007},
        {"6.17.1", "1+:\xc0\xaf", CLOSE_1007},
        {"6.17.2", "1+:\xe0\x80\xaf", CLOSE_1007},
        {"6.17.3", "1+:\xf0\x80\x80\xaf", CLOSE_1007},
        {"6.18.1", "1+:\xc1\xbf", CLOSE_1007},
        {"6.18.2", "1+:\xe0\x9f\xbf", CLOSE_1007},
        {"6.18.3", "1+:\xf0\x8f\xbf\xbf", CLOSE_1007},
        {"6.20.1", "1+:\xed\xa0\x80", CLOSE_1007},
        {"6.20.7", "1+:\xed\xbf\xbf", CLOSE_1007},
        {"6.21.1", "1+:\xed\xa0\x80\xed\xb0\x80", CLOSE_1007},
        {"6.22.1", "1+:\xef\xbf\xbe", "1+:\xef\xbf\xbe"}, /* non-characters are characters */
        {"6.22.34", "1+:\xf4\x8f\xbf\xbe", "1+:\xf4\x8f\xbf\xbe"},
        /* 7: closing */
        {"7.1.1", "1+:Hello World!|8+:\x03\xe8", "1+:Hello World!|8+:\x03\xe8"},
        {"7.1.2", "8+:\x03\xe8|8+:\x03\xe8", "8+:\x03\xe8"},
        {"7.1.3", "8+:\x03\xe8|9+:", "8+:\x03\xe8"},
        {"7.1.4", "8+:\x03\xe8|1+:Hello", "8+:\x03\xe8"},
        {"7.1.5", "1-:f1|8+:\x03\xe8|0+:f2", "8+:\x03\xe8"},
        {"7.3.1", "8+:", "8+:"},
        {"7.3.2", "8+:a", CLOSE_1002},
        {"7.3.3", "8+:\x03\xe8", "8+:\x03\xe8"},
        {"7.3.4", "8+:\x03\xe8Hello World!", "8+:\x03\xe8"},
        {"7.3.6", "8+:~126", CLOSE_1002},
        {"7.5.1", "8+:\x03\xe8\xce\xba\xe1\xbd\xb9\xcf\x83\xed\xa0\x80", CLOSE_1007},
        {"7.7.x", "8+:\x03\xef", "8+:\x03\xef"},
        {"7.7.13", "8+:\x13\x87", "8+:\x13\x87"},
        {"7.9.1", "8+:\x03\xe7", CLOSE_1002},
        {"7.9.3", "8+:\x03\xec", CLOSE_1002},
        {"7.9.5", "8+:\x03\xee", CLOSE_1002},
        {"7.9.6", "8+:\x03\xf8", CLOSE_1002},
        {"7.9.11", "8+:\x0b\xb7", CLOSE_1002},
        {"7.13.1", "8+:\x13\x88", CLOSE_1002},
        {"7.13.2", "8+:\xff\xff", CLOSE_1002},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct bytes in = {NULL, 0}, want = {NULL, 0};

        put(&want, "", 0);
        build(&in, rows[i].in, key);
        build(&want, rows[i].want, NULL);
        expect_answer(&in, &want, rows[i].name);
        free(in.at);
        free(want.at);
    }
}

/* 9 with our limits: one byte above is 1009, announced by the head alone or reached by fragments. */
static void too_big_is_1009(void **state)
{
    static uint8_t payload[5000];
    struct bytes in = {NULL, 0}, got;

    (void)state;
    put_frame(&in, HF_WS_OP_BINARY, true, payload, 4096, key);
    put_frame(&in, HF_WS_OP_BINARY, false, payload, 4096, key);
    put_frame(&in, HF_WS_OP_CONTINUATION, true, payload, 1, key);
    for (size_t chunk_bytes = 1; chunk_bytes < 9000; chunk_bytes = chunk_bytes * 3 + 1) {
        got = answer(&in, chunk_bytes, 4096);
        assert_int_equal(got.bytes, 4 + 4096 + 4);
        assert_memory_equal(got.at + 4 + 4096, "\x88\x02\x03\xf1", 4);
        free(got.at);
    }
    free(in.at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scripted_cases),
        cmocka_unit_test(echoes_every_size),
        cmocka_unit_test(too_big_is_1009),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
