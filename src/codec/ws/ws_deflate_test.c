#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/ws/ws_pair.h"
#include "codec/ws/zmem.h"

/* Sizes around every boundary, all windows, both modes, several messages, odd chunkings: what went in comes out. */
static void messages_round_trip(void **state)
{
    static const size_t sizes[] = {0, 1, 2, 127, 128, 511, 512, 513, 4096, 32768, 65535, 65536, 131072};
    char *message = malloc(131072);
    uint8_t *payload = malloc(200000);

    (void)state;
    assert_non_null(message);
    assert_non_null(payload);
    for (unsigned bits = 9; bits <= 15; bits += 2) {
        for (int takeover = 0; takeover < 2; takeover++) {
            struct pair pair;

            pair_open(&pair, bits);
            for (size_t i = 0; i < HF_COUNT_OF(sizes); i++) {
                for (int repeat = 0; repeat < 2; repeat++) {
                    size_t payload_bytes;
                    struct inflated got;

                    if (i % 4 == 3)
                        fill_random((uint8_t *)message, sizes[i], i);
                    else
                        fill_like_json(message, sizes[i], (unsigned)i);
                    assert_int_equal(hf_ws_deflater_message(pair.deflater, takeover != 0,
                                                            (struct hf_slice){message, sizes[i]}, payload,
                                                            200000, &payload_bytes),
                                     HF_OK);
                    got = inflate_message(pair.inflater, takeover != 0, false, LIMIT, payload, payload_bytes,
                                          1 + i * 1000, repeat ? 16384 : 777);
                    assert_int_equal(got.err, HF_OK);
                    assert_int_equal(got.bytes, sizes[i]);
                    assert_memory_equal(got.at, message, sizes[i]);
                    free(got.at);
                }
            }
            assert_true(pair.heap.peak_bytes <= hf_ws_deflater_bytes_max(bits, HF_WS_DEFLATE_MEM_LEVEL) +
                                                    hf_ws_inflater_bytes_max(bits));
            pair_close(&pair);
        }
    }
    free(message);
    free(payload);
}

/* MEM-4: kept only if it saves a tenth. */
static void kept_only_if_it_saves(void **state)
{
    uint8_t noise[2000], out[2000];
    char json[2000];
    size_t bytes = 0;
    struct pair pair;

    (void)state;
    assert_int_equal(hf_ws_deflate_kept_bytes_max(1000), 900);
    assert_int_equal(hf_ws_deflate_kept_bytes_max(512), 460);
    assert_int_equal(hf_ws_deflate_kept_bytes_max(0), 0);
    pair_open(&pair, 15);
    fill_random(noise, sizeof noise, 1);
    fill_like_json(json, sizeof json, 1);
    for (int takeover = 0; takeover < 2; takeover++) {
        size_t room = hf_ws_deflate_kept_bytes_max(sizeof noise) + HF_WS_DEFLATE_ROOM_BYTES;
        struct inflated got;

        assert_int_equal(hf_ws_deflater_message(pair.deflater, takeover != 0,
                                                (struct hf_slice){json, sizeof json}, out, room, &bytes),
                         HF_OK);
        assert_true(bytes <= hf_ws_deflate_kept_bytes_max(sizeof json));
        got = inflate_message(pair.inflater, takeover != 0, true, LIMIT, out, bytes, 100, 100);
        assert_int_equal(got.err, HF_OK);
        free(got.at);
        assert_int_equal(hf_ws_deflater_message(pair.deflater, takeover != 0,
                                                (struct hf_slice){(char *)noise, sizeof noise}, out, room,
                                                &bytes),
                         HF_ERR_LIMIT);
        /* what was not sent is not looked back at */
        assert_int_equal(hf_ws_deflater_message(pair.deflater, takeover != 0,
                                                (struct hf_slice){json, sizeof json}, out, room, &bytes),
                         HF_OK);
        got = inflate_message(pair.inflater, takeover != 0, true, LIMIT, out, bytes, 100, 100);
        assert_int_equal(got.err, HF_OK);
        assert_memory_equal(got.at, json, sizeof json);
        free(got.at);
    }
    assert_int_equal(
        hf_ws_deflater_message(pair.deflater, false, HF_SLICE("x"), out, HF_WS_DEFLATE_ROOM_BYTES, &bytes),
        HF_ERR_LIMIT);
    pair_close(&pair);
}

/* The room is exact: the result never needs more than it takes plus HF_WS_DEFLATE_ROOM_BYTES. */
static void room_is_exact(void **state)
{
    char json[600];
    uint8_t out[700];
    size_t need, bytes;
    struct pair pair;

    (void)state;
    pair_open(&pair, 15);
    for (unsigned seed = 0; seed < 60; seed++) {
        fill_like_json(json, sizeof json, seed * 1000);
        assert_int_equal(hf_ws_deflater_message(pair.deflater, false, (struct hf_slice){json, 520 + seed},
                                                out, sizeof out, &need),
                         HF_OK);
        assert_int_equal(hf_ws_deflater_message(pair.deflater, false, (struct hf_slice){json, 520 + seed},
                                                out, need + HF_WS_DEFLATE_ROOM_BYTES, &bytes),
                         HF_OK);
        assert_int_equal(bytes, need);
        assert_int_equal(hf_ws_deflater_message(pair.deflater, false, (struct hf_slice){json, 520 + seed},
                                                out, need + HF_WS_DEFLATE_ROOM_BYTES - 1, &bytes),
                         HF_ERR_LIMIT);
    }
    pair_close(&pair);
}

/* With takeover a repeated message is nearly free; without, each stands alone. */
static void takeover_keeps_the_window(void **state)
{
    uint8_t noise[400], out[500];
    size_t first, second, alone;
    struct pair pair;

    (void)state;
    pair_open(&pair, 15);
    fill_random(noise, sizeof noise, 7);
    struct hf_slice message = {(char *)noise, sizeof noise};
    assert_int_equal(hf_ws_deflater_message(pair.deflater, true, message, out, sizeof out, &first), HF_OK);
    assert_int_equal(hf_ws_deflater_message(pair.deflater, true, message, out, sizeof out, &second), HF_OK);
    assert_int_equal(hf_ws_deflater_message(pair.deflater, false, message, out, sizeof out, &alone), HF_OK);
    assert_true(second < 20);
    assert_int_equal(alone, first);
    pair_close(&pair);
}

/* Allocations of zlib itself stay below what is stated, and what is stated is not far above. */
static void memory_is_as_stated(void **state)
{
    uint8_t noise[4096], out[8192];
    size_t bytes;

    (void)state;
    fill_random(noise, sizeof noise, 3);
    for (unsigned bits = 9; bits <= 15; bits++) {
        for (unsigned mem_level = 1; mem_level <= 9; mem_level++) {
            struct ws_heap heap = {.calls = 0};
            struct hf_ws_memory memory = ws_heap_memory(&heap);
            struct hf_ws_deflater *deflater;

            assert_int_equal(hf_ws_deflater_new(&memory, bits, 1 + mem_level % 9, mem_level, &deflater),
                             HF_OK);
            assert_int_equal(hf_ws_deflater_message(deflater, true,
                                                    (struct hf_slice){(char *)noise, sizeof noise}, out,
                                                    sizeof out, &bytes),
                             HF_OK);
            assert_true(heap.peak_bytes <= hf_ws_deflater_bytes_max(bits, mem_level));
            assert_true(heap.peak_bytes + 20480 >= hf_ws_deflater_bytes_max(bits, mem_level));
            hf_ws_deflater_free(deflater);
            assert_int_equal(heap.live_blocks, 0);
        }
    }
}

/* zlib is held to its bound, should another version want more than is stated. */
static void zlib_cannot_take_more_than_its_bound(void **state)
{
    struct ws_heap heap = {.calls = 0};
    struct hf_ws_zmem zmem = {.memory = ws_heap_memory(&heap)};

    (void)state;
    for (zmem.bytes_max = 0; zmem.bytes_max < 40000; zmem.bytes_max += 1000) {
        z_stream stream = {.next_in = NULL};
        int code;

        hf_ws_zmem_attach(&zmem, &stream);
        code = deflateInit2(&stream, 6, Z_DEFLATED, -9, 1, Z_DEFAULT_STRATEGY);
        assert_true(code == Z_OK || code == Z_MEM_ERROR);
        assert_true(zmem.bytes_max > 0 || code == Z_MEM_ERROR);
        assert_true(zmem.bytes_max < 39000 || code == Z_OK);
        assert_true(heap.live_bytes <= zmem.bytes_max);
        assert_int_equal(zmem.used_bytes, heap.live_bytes);
        if (code == Z_OK)
            (void)deflateEnd(&stream);
        assert_int_equal(heap.live_bytes, 0);
    }
    assert_true(heap.peak_bytes > 0);
}

static void windows_and_levels_are_checked(void **state)
{
    struct ws_heap heap = {.calls = 0};
    struct hf_ws_memory memory = ws_heap_memory(&heap);
    struct hf_ws_deflater *deflater = NULL;
    struct hf_ws_inflater *inflater = NULL;

    (void)state;
    assert_int_equal(hf_ws_deflater_new(&memory, 8, 6, 8, &deflater), HF_ERR_UNSUPPORTED);
    assert_int_equal(hf_ws_deflater_new(&memory, 7, 6, 8, &deflater), HF_ERR_INVALID);
    assert_int_equal(hf_ws_deflater_new(&memory, 16, 6, 8, &deflater), HF_ERR_INVALID);
    assert_int_equal(hf_ws_deflater_new(&memory, 15, 0, 8, &deflater), HF_ERR_INVALID);
    assert_int_equal(hf_ws_deflater_new(&memory, 15, 10, 8, &deflater), HF_ERR_INVALID);
    assert_int_equal(hf_ws_deflater_new(&memory, 15, 6, 0, &deflater), HF_ERR_INVALID);
    assert_int_equal(hf_ws_deflater_new(&memory, 15, 6, 10, &deflater), HF_ERR_INVALID);
    assert_int_equal(hf_ws_inflater_new(&memory, 7, &inflater), HF_ERR_INVALID);
    assert_int_equal(hf_ws_inflater_new(&memory, 16, &inflater), HF_ERR_INVALID);
    assert_int_equal(hf_ws_inflater_new(&memory, 8, &inflater), HF_OK); /* inflating 8 bits works */
    hf_ws_inflater_free(inflater);
    hf_ws_inflater_free(NULL);
    hf_ws_deflater_free(NULL);
    assert_int_equal(heap.live_blocks, 0);
}

/* Every allocation fails in turn: an error, nothing left over. */
static void no_memory_is_an_error(void **state)
{
    uint8_t payload[200], out[100];
    char text[64] = "Hello";
    bool failed = true;

    (void)state;
    for (unsigned n = 1; failed; n++) {
        struct ws_heap heap = {.fail_at = n};
        struct hf_ws_memory memory = ws_heap_memory(&heap);
        struct hf_ws_deflater *deflater = NULL;
        struct hf_ws_inflater *inflater = NULL;
        enum hf_ws_rule rule = HF_WS_RULE_NONE;
        size_t bytes = 0, out_bytes;
        bool done = false;
        hf_err err = hf_ws_deflater_new(&memory, 15, 6, 8, &deflater);

        if (err == HF_OK)
            err = hf_ws_deflater_message(deflater, false, (struct hf_slice){text, 5}, payload, sizeof payload,
                                         &bytes);
        if (err == HF_OK)
            err = hf_ws_inflater_new(&memory, 15, &inflater);
        if (err == HF_OK) {
            struct hf_slice in = {(char *)payload, bytes};

            hf_ws_inflater_begin(inflater, false, true, 100);
            err = hf_ws_inflater_feed(inflater, &in, true, out, sizeof out, &out_bytes, &done, &rule);
            assert_int_equal(rule, err == HF_OK ? HF_WS_RULE_NONE : HF_WS_RULE_NO_MEMORY);
        }
        failed = err != HF_OK;
        assert_true(err == HF_OK || err == HF_ERR_NOMEM);
        assert_true(failed || (done && out_bytes == 5));
        hf_ws_deflater_free(deflater);
        hf_ws_inflater_free(inflater);
        assert_int_equal(heap.live_blocks, 0);
        assert_true(n < 20);
    }
}

/* DEP-7, suite 12 and 13: sizes 16 B to 128 KiB, fragmented, through the frame codec and back, with every window. */
static void compressed_messages_through_frames(void **state)
{
    static const uint8_t key[4] = {1, 2, 3, 4};
    char *message = malloc(131072);
    uint8_t *wire = malloc(400000), *payload = malloc(200000);

    (void)state;
    assert_non_null(message);
    assert_non_null(wire);
    assert_non_null(payload);
    for (unsigned bits = 9; bits <= 15; bits += 6) {
        struct pair pair;

        pair_open(&pair, bits);
        for (size_t bytes = 16; bytes <= 131072; bytes *= 4) {
            struct hf_ws_config config = {.role = HF_WS_SERVER,
                                          .message_bytes_max = LIMIT,
                                          .fragments_max = HF_WS_FRAGMENTS_MAX,
                                          .memory = pair.memory};
            size_t payload_bytes, n = 0, fragment;
            struct hf_ws_assembly *assembly = NULL;
            struct hf_ws_decoder decoder;
            struct hf_ws_event event;
            struct inflated got;

            fill_like_json(message, bytes, (unsigned)bytes);
            assert_int_equal(hf_ws_deflater_message(pair.deflater, true, (struct hf_slice){message, bytes},
                                                    payload, 200000, &payload_bytes),
                             HF_OK);
            fragment = 1 + payload_bytes / 7;
            for (size_t at = 0; at < payload_bytes; at += fragment) {
                size_t part = payload_bytes - at < fragment ? payload_bytes - at : fragment;

                n += hf_ws_encode_head(wire + n, at == 0 ? HF_WS_OP_BINARY : HF_WS_OP_CONTINUATION,
                                       (at == 0 ? HF_WS_COMPRESSED : 0) |
                                           (at + part == payload_bytes ? HF_WS_FIN : 0),
                                       part, key);
                for (size_t i = 0; i < part; i++)
                    wire[n + i] = payload[at + i] ^ key[i % 4];
                n += part;
            }
            hf_ws_decoder_init(&decoder, &config, true);
            for (size_t at = 0, taken; at < n; at += taken) {
                assert_int_equal(
                    hf_ws_decoder_feed(&decoder, wire + at, n - at < 999 ? n - at : 999, &taken, &event),
                    HF_OK);
                if (event.type == HF_WS_PART)
                    assert_int_equal(
                        hf_ws_assembly_add(&assembly, &pair.memory, LIMIT, event.slice, event.slice_bytes),
                        HF_OK);
            }
            assert_true(event.last && event.compressed && !event.text);
            got = inflate_message(pair.inflater, true, false, LIMIT, hf_ws_assembly_slice(assembly).at,
                                  hf_ws_assembly_slice(assembly).bytes, 5000, 4096);
            assert_int_equal(got.bytes, bytes);
            assert_memory_equal(got.at, message, bytes);
            free(got.at);
            hf_ws_assembly_clear(&assembly, &pair.memory);
            hf_ws_decoder_deinit(&decoder);
        }
        pair_close(&pair);
    }
    free(message);
    free(wire);
    free(payload);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_round_trip),
        cmocka_unit_test(kept_only_if_it_saves),
        cmocka_unit_test(room_is_exact),
        cmocka_unit_test(takeover_keeps_the_window),
        cmocka_unit_test(memory_is_as_stated),
        cmocka_unit_test(zlib_cannot_take_more_than_its_bound),
        cmocka_unit_test(windows_and_levels_are_checked),
        cmocka_unit_test(no_memory_is_an_error),
        cmocka_unit_test(compressed_messages_through_frames),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
