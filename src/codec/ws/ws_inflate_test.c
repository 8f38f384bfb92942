#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/ws/ws_pair.h"

static void expect_payload(struct pair *pair, bool takeover, const void *payload, size_t bytes,
                           const char *want)
{
    for (size_t in_chunk = 1; in_chunk <= bytes + 1; in_chunk++) {
        for (size_t out_chunk = 1; out_chunk < 9; out_chunk++) {
            struct inflated got =
                inflate_message(pair->inflater, takeover, true, 1000, payload, bytes, in_chunk, out_chunk);

            assert_int_equal(got.err, HF_OK);
            assert_int_equal(got.bytes, strlen(want));
            assert_memory_equal(got.at, want, got.bytes);
            free(got.at);
            if (takeover)
                return;
        }
    }
}

/* The examples of RFC 7692 7.2.3 and their relatives. */
static void examples_of_the_rfc(void **state)
{
    struct pair pair;

    (void)state;
    pair_open(&pair, 15);
    expect_payload(&pair, false, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "Hello"); /* 7.2.3.1 */
    expect_payload(&pair, true, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "Hello");  /* 7.2.3.2 */
    expect_payload(&pair, true, "\xf2\x00\x11\x00\x00", 5, "Hello");          /* from the window */
    expect_payload(&pair, false, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11,
                   "Hello");                                                      /* 7.2.3.3 stored */
    expect_payload(&pair, false, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8, "Hello"); /* 7.2.3.4 BFINAL */
    expect_payload(&pair, false, "\xf3\x48\xcd\xc9\xc9\x07\x00", 7, "Hello");     /* and no padding */
    expect_payload(&pair, false, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13,
                   "Hello");                     /* 7.2.3.5 */
    expect_payload(&pair, false, "\x00", 1, ""); /* 7.2.3.6 */
    expect_payload(&pair, false, "", 0, "");     /* zlib peers that strip the marker of a second flush */
    /* a message after BFINAL may still look back (7.2.3.4) */
    expect_payload(&pair, true, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8, "Hello");
    expect_payload(&pair, true, "\xf2\x00\x11\x00\x00", 5, "Hello");
    pair_close(&pair);
}

static void broken_data_is_refused(void **state)
{
#define ROW(data, text, rule)             \
    {                                     \
        data, sizeof data - 1, text, rule \
    }
    static const struct {
        const char *data;
        size_t bytes;
        bool text;
        enum hf_ws_rule rule;
    } rows[] = {
        ROW("\xff\xff\xff", false, HF_WS_RULE_DEFLATE_DATA),                     /* block type 3 */
        ROW("\xf2\x48\xcd\xc9\xc9", false, HF_WS_RULE_DEFLATE_DATA),             /* cut short */
        ROW("\x00\x05\x00\xfa\xff\x48\x65\x6c", false, HF_WS_RULE_DEFLATE_DATA), /* stored block cut short */
        ROW("\x00\x05\x00\xfa\xfe\x48\x65\x6c\x6c\x6f\x00", false,
            HF_WS_RULE_DEFLATE_DATA),                                /* length check */
        ROW("\xf2\x00\x11\x00\x00", false, HF_WS_RULE_DEFLATE_DATA), /* looks back at nothing */
        ROW("\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff\xff\xff\xff", false, HF_WS_RULE_DEFLATE_DATA),
        ROW("\xf3\x48\xcd\xc9\xc9\x07\x00\xff\xff", false,
            HF_WS_RULE_DEFLATE_DATA), /* garbage behind BFINAL */
        /* a last block cut short, which the first byte of the tail happens to end */
        ROW("\x73\x65\x72\x76\x65\x72", false, HF_WS_RULE_DEFLATE_DATA),
        ROW("\x73\x65\x72\x76\x65\x72\x5f\x6d\x61\x78\x5f\x77\x69\x6e\x64\x6f\x77\x5f\x62\x69\x74\x73\xec\xc1"
            "\xf5"
            "\x01\x4f\x6d",
            false, HF_WS_RULE_DEFLATE_DATA),
        ROW("\x00\x02\x00\xfd\xff\xc3\x28\x00", true, HF_WS_RULE_TEXT_UTF8),
        ROW("\x00\x02\x00\xfd\xff\xe2\x82\x00", true,
            HF_WS_RULE_TEXT_UTF8), /* a character that does not end */
    };
#undef ROW
    struct pair pair;

    (void)state;
    pair_open(&pair, 15);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        for (size_t in_chunk = 1; in_chunk <= rows[i].bytes; in_chunk++) {
            for (size_t out_chunk = 1; out_chunk < 9; out_chunk++) {
                struct inflated got = inflate_message(pair.inflater, false, rows[i].text, 1000, rows[i].data,
                                                      rows[i].bytes, in_chunk, out_chunk);

                assert_int_equal(got.err, HF_ERR_MALFORMED);
                assert_int_equal(got.rule, rows[i].rule);
                free(got.at);
            }
        }
    }
    expect_payload(&pair, false, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7,
                   "Hello"); /* and the next message is fine */
    pair_close(&pair);
}

/* WS-7: a bomb is stopped at the limit of the inflated size, whatever its wire size; the limit itself passes. */
static void inflated_size_is_counted(void **state)
{
    static char zeros[100000];
    uint8_t payload[1000];
    size_t payload_bytes;
    struct pair pair;

    (void)state;
    pair_open(&pair, 15);
    assert_int_equal(hf_ws_deflater_message(pair.deflater, false, (struct hf_slice){zeros, sizeof zeros},
                                            payload, sizeof payload, &payload_bytes),
                     HF_OK);
    assert_true(payload_bytes < 200);
    for (size_t out_chunk = 1000; out_chunk < 300000; out_chunk += 49500) {
        for (uint32_t limit = 99999; limit <= 100001; limit++) {
            struct inflated got =
                inflate_message(pair.inflater, false, true, limit, payload, payload_bytes, 7, out_chunk);

            assert_int_equal(got.err, limit < 100000 ? HF_ERR_LIMIT : HF_OK);
            assert_int_equal(got.rule, limit < 100000 ? HF_WS_RULE_MESSAGE_BYTES : HF_WS_RULE_NONE);
            assert_true(got.bytes <= limit);
            free(got.at);
        }
    }
    pair_close(&pair);
}

/* The rule that is found does not depend on how much comes out at once: invalid UTF-8 within the limit is 1007, behind
 * it 1009. */
static void first_broken_rule_wins(void **state)
{
    static const struct {
        size_t bad_at;
        enum hf_ws_rule rule;
    } rows[] = {{0, HF_WS_RULE_TEXT_UTF8}, {99, HF_WS_RULE_TEXT_UTF8}, {100, HF_WS_RULE_MESSAGE_BYTES}};
    struct pair pair;

    (void)state;
    pair_open(&pair, 15);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        char message[200];
        uint8_t payload[300];
        size_t payload_bytes;

        memset(message, 'x', sizeof message);
        message[rows[i].bad_at] = '\xff';
        assert_int_equal(hf_ws_deflater_message(pair.deflater, false,
                                                (struct hf_slice){message, sizeof message}, payload,
                                                sizeof payload, &payload_bytes),
                         HF_OK);
        for (size_t out_chunk = 1; out_chunk < 210; out_chunk++) {
            struct inflated got =
                inflate_message(pair.inflater, false, true, 100, payload, payload_bytes, 1000, out_chunk);

            assert_int_equal(got.rule, rows[i].rule);
            free(got.at);
        }
    }
    pair_close(&pair);
}

/* A message given up half-way (its connection died) does not hurt the next one of the shared inflater. */
static void a_message_can_be_given_up(void **state)
{
    struct pair pair;
    struct hf_slice in = {"\xf2\x48\xcd", 3};
    uint8_t out[10];
    size_t bytes;
    bool done;
    enum hf_ws_rule rule;

    (void)state;
    pair_open(&pair, 15);
    hf_ws_inflater_begin(pair.inflater, false, false, 100);
    assert_int_equal(hf_ws_inflater_feed(pair.inflater, &in, false, out, sizeof out, &bytes, &done, &rule),
                     HF_OK);
    expect_payload(&pair, false, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "Hello");
    in = (struct hf_slice){"\xf2\x48\xcd", 3};
    hf_ws_inflater_begin(pair.inflater, true, false, 100);
    assert_int_equal(hf_ws_inflater_feed(pair.inflater, &in, false, out, sizeof out, &bytes, &done, &rule),
                     HF_OK);
    expect_payload(&pair, true, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "Hello");
    pair_close(&pair);
}

/* The last slice may be empty and absent: a peer's empty final fragment. */
static void last_slice_may_be_absent(void **state)
{
    struct pair pair;
    struct hf_slice in = {"\xf2\x48\xcd\xc9\xc9\x07\x00", 7}, none = {NULL, 0};
    uint8_t out[10];
    size_t bytes;
    bool done;
    enum hf_ws_rule rule;

    (void)state;
    pair_open(&pair, 15);
    hf_ws_inflater_begin(pair.inflater, false, true, 5);
    assert_int_equal(hf_ws_inflater_feed(pair.inflater, &in, false, out, sizeof out, &bytes, &done, &rule),
                     HF_OK);
    assert_false(done);
    assert_int_equal(bytes, 5);
    assert_int_equal(hf_ws_inflater_feed(pair.inflater, &none, true, out, sizeof out, &bytes, &done, &rule),
                     HF_OK);
    assert_true(done);
    assert_int_equal(bytes, 0);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_of_the_rfc),       cmocka_unit_test(broken_data_is_refused),
        cmocka_unit_test(inflated_size_is_counted),  cmocka_unit_test(first_broken_rule_wins),
        cmocka_unit_test(a_message_can_be_given_up), cmocka_unit_test(last_slice_may_be_absent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
