#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/ws/close.h"
#include "codec/ws/utf8.h"
#include "codec/ws/ws_transcript.h"

static void assembly_grows_with_what_came(void **state)
{
    struct ws_heap heap = {.calls = 0};
    struct hf_ws_memory memory = ws_heap_memory(&heap);
    struct hf_ws_assembly *assembly = NULL;
    uint8_t part[100];

    (void)state;
    assert_int_equal(hf_ws_assembly_slice(NULL).bytes, 0);
    assert_int_equal(hf_ws_assembly_memory_bytes(NULL), 0);
    for (size_t i = 0; i < 100; i++) {
        memset(part, (int)i, sizeof part);
        assert_int_equal(hf_ws_assembly_add(&assembly, &memory, 10000, part, sizeof part), HF_OK);
        assert_int_equal(assembly->bytes, 100 * (i + 1));
        assert_int_equal(hf_ws_assembly_memory_bytes(assembly), heap.live_bytes);
        assert_true(assembly->bytes_room <= 2 * assembly->bytes + HF_WS_ASSEMBLY_BYTES_MIN);
    }
    assert_int_equal(assembly->bytes_room, 10000); /* never above the limit */
    for (size_t i = 0; i < 10000; i++)
        assert_int_equal(hf_ws_assembly_slice(assembly).at[i], i / 100);
    assert_int_equal(hf_ws_assembly_add(&assembly, &memory, 10000, part, 1), HF_ERR_LIMIT);
    assert_int_equal(hf_ws_assembly_add(&assembly, &memory, 10000, part, 0), HF_OK);
    assert_int_equal(hf_ws_assembly_add(&assembly, &memory, 9999, part, 0), HF_ERR_LIMIT);
    assert_int_equal(assembly->bytes, 10000);
    hf_ws_assembly_clear(&assembly, &memory);
    hf_ws_assembly_clear(&assembly, &memory);
    assert_null(assembly);
    assert_int_equal(heap.live_bytes, 0);
}

static void assembly_survives_no_memory(void **state)
{
    struct ws_heap heap = {.fail_at = 1};
    struct hf_ws_memory memory = ws_heap_memory(&heap);
    struct hf_ws_assembly *assembly = NULL;
    uint8_t part[300] = {0};

    (void)state;
    assert_int_equal(hf_ws_assembly_add(&assembly, &memory, 1000, part, 300), HF_ERR_NOMEM);
    assert_null(assembly);
    assert_int_equal(hf_ws_assembly_add(&assembly, &memory, 1000, part, 300), HF_OK);
    heap.fail_at = heap.calls + 1;
    assert_int_equal(hf_ws_assembly_add(&assembly, &memory, 1000, part, 300), HF_ERR_NOMEM);
    assert_int_equal(hf_ws_assembly_slice(assembly).bytes, 300);
    hf_ws_assembly_clear(&assembly, &memory);
    assert_int_equal(heap.live_blocks, 0);
}

static void close_payloads(void **state)
{
    uint8_t out[HF_WS_CLOSE_PAYLOAD_BYTES_MAX];
    char reason[200];

    (void)state;
    assert_int_equal(hf_ws_close_payload(out, HF_WS_CODE_NONE, HF_SLICE("ignored")), 0);
    assert_int_equal(hf_ws_close_payload(out, 1000, HF_SLICE("")), 2);
    assert_memory_equal(out, "\x03\xe8", 2);
    assert_int_equal(hf_ws_close_payload(out, 4999, HF_SLICE("bye")), 5);
    assert_memory_equal(out,
                        "\x13\x87"
                        "bye",
                        5);
    memset(reason, 'r', sizeof reason);
    assert_int_equal(hf_ws_close_payload(out, 1000, (struct hf_slice){reason, 123}), 125);
    assert_int_equal(hf_ws_close_payload(out, 1000, (struct hf_slice){reason, 124}), 125);
    memcpy(reason + 121, "\xe2\x82\xac", 3); /* would end in the middle of a character */
    assert_int_equal(hf_ws_close_payload(out, 1000, (struct hf_slice){reason, sizeof reason}), 2 + 121);
    assert_true(hf_ws_utf8_valid(out + 2, 121));
}

static void named_close_payloads(void **state)
{
    uint8_t out[HF_WS_CLOSE_PAYLOAD_BYTES_MAX];
    char long_name[200];
    struct hf_slice name;
    uint32_t retry_ms;
    size_t bytes = hf_ws_close_payload_named(out, 1013, HF_SLICE("try_later"), 5000);

    (void)state;
    assert_int_equal(bytes, 2 + strlen("reason=try_later;retry_ms=5000"));
    assert_memory_equal(out + 2, "reason=try_later;retry_ms=5000", bytes - 2);
    assert_true(hf_ws_close_parse_named((struct hf_slice){(char *)out + 2, bytes - 2}, &name, &retry_ms));
    assert_true(hf_slice_is(name, "try_later"));
    assert_int_equal(retry_ms, 5000);
    memset(long_name, 'n', sizeof long_name);
    bytes = hf_ws_close_payload_named(out, 1000, (struct hf_slice){long_name, sizeof long_name}, UINT32_MAX);
    assert_int_equal(bytes, 125);
    assert_true(hf_ws_close_parse_named((struct hf_slice){(char *)out + 2, bytes - 2}, &name, &retry_ms));
    assert_int_equal(retry_ms, UINT32_MAX);
    assert_int_equal(name.bytes, 123 - strlen("reason=;retry_ms=4294967295"));
}

static void parses_reasons_strictly(void **state)
{
    static const struct {
        const char *reason, *name; /* NULL: refused */
        uint32_t retry_ms;
    } rows[] = {
        {"reason=drain;retry_ms=1000", "drain", 1000},
        {"reason=drain", "drain", 0},
        {"reason=drain;retry_ms=0", "drain", 0},
        {"reason=drain;retry_ms=4294967295", "drain", UINT32_MAX},
        {"reason=drain;retry_ms=4294967296", NULL, 0},
        {"reason=drain;retry_ms=", NULL, 0},
        {"reason=drain;retry_ms=-1", NULL, 0},
        {"reason=drain;retry_ms=1;x=2", NULL, 0},
        {"reason=drain;", NULL, 0},
        {"reason=drain;x=1", NULL, 0},
        {"reason=;retry_ms=1", NULL, 0},
        {"reason=", NULL, 0},
        {"reason", NULL, 0},
        {"", NULL, 0},
        {"bye", NULL, 0},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_slice name;
        uint32_t retry_ms;
        bool ok = hf_ws_close_parse_named(hf_slice_of(rows[i].reason), &name, &retry_ms);

        assert_int_equal(ok, rows[i].name != NULL);
        if (ok) {
            assert_true(hf_slice_is(name, rows[i].name));
            assert_int_equal(retry_ms, rows[i].retry_ms);
        }
    }
}

static void closing_handshakes(void **state)
{
    struct hf_ws_closing closing = {0};

    (void)state;
    /* the peer begins */
    assert_true(hf_ws_closing_open(&closing));
    assert_int_equal(hf_ws_closing_final_code(&closing), 1006);
    assert_int_equal(hf_ws_closing_received(&closing, 1001), HF_WS_CLOSING_ECHO);
    assert_false(hf_ws_closing_open(&closing));
    assert_int_equal(hf_ws_closing_echo_code(&closing), 1001);
    assert_true(hf_ws_closing_sent(&closing, hf_ws_closing_echo_code(&closing)));
    assert_false(hf_ws_closing_sent(&closing, 1000)); /* only one Close ever goes out */
    assert_true(closing.peer_first);
    assert_int_equal(hf_ws_closing_final_code(&closing), 1001);
    /* we begin, the peer answers without a code */
    closing = (struct hf_ws_closing){0};
    assert_true(hf_ws_closing_sent(&closing, 1000));
    assert_false(hf_ws_closing_open(&closing));
    assert_int_equal(hf_ws_closing_final_code(&closing), 1006); /* until it answers */
    assert_int_equal(hf_ws_closing_received(&closing, HF_WS_CODE_NONE), HF_WS_CLOSING_DONE);
    assert_int_equal(hf_ws_closing_received(&closing, 1000), HF_WS_CLOSING_DONE); /* the first one counts */
    assert_int_equal(hf_ws_closing_final_code(&closing), HF_WS_CODE_NONE);
    assert_false(closing.peer_first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(assembly_grows_with_what_came),
        cmocka_unit_test(assembly_survives_no_memory),
        cmocka_unit_test(close_payloads),
        cmocka_unit_test(named_close_payloads),
        cmocka_unit_test(parses_reasons_strictly),
        cmocka_unit_test(closing_handshakes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
