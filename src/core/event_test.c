#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/assert.h"
#include "core/event.h"

static const struct hf_event full = {
    .type = HF_EVENT_COMMAND,
    .format = HF_FORMAT_JSON,
    .flags = HF_EVENT_FLAG_COMMAND,
    .reason = 0x0102,
    .code = 0x0304,
    .epoch = 5,
    .conn = 6,
    .seq = 7,
    .from = 8,
    .to = UINT64_MAX,
    .id = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    .tenant = {"acme", 4},
    .device = {"d", 1},
    .topic = {"t/1", 3},
    .key = {"k", 1},
    .by = {"abcdefgh", 8},
    .payload = {"{}", 2},
};

static void the_layout(void **state)
{
    static const uint8_t body[] = "\x01\x0d\x01\x04\x01\x02\x2f\xff"
                                  "\x03\x04"
                                  "\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x06\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\x08"
                                  "\xff\xff\xff\xff\xff\xff\xff\xff"
                                  "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
                                  "\x04"
                                  "acme"
                                  "\x01"
                                  "d"
                                  "\0\x03t/1"
                                  "\0\x01k"
                                  "\x08"
                                  "abcdefgh"
                                  "{}";
    uint8_t out[sizeof(body) - 1];
    struct hf_event event;

    (void)state;
    assert_int_equal(hf_event_bytes(&full), sizeof(out));
    assert_int_equal(hf_event_encode(&full, out), sizeof(out));
    assert_memory_equal(out, body, sizeof(out));
    assert_int_equal(hf_event_decode(body, sizeof(out), &event), HF_OK);
    assert_int_equal(event.type, full.type);
    assert_int_equal(event.code, full.code);
    assert_int_equal(event.to, full.to);
    assert_memory_equal(event.id, full.id, 16);
    assert_true(hf_slice_eq(event.tenant, full.tenant) && hf_slice_eq(event.device, full.device));
    assert_true(hf_slice_eq(event.topic, full.topic) && hf_slice_eq(event.key, full.key));
    assert_true(hf_slice_eq(event.payload, full.payload) && hf_slice_eq(event.by, full.by));
}

/* Cut anywhere, an event is refused; only the payload may be shorter. */
static void cut_bodies_are_refused(void **state)
{
    size_t bytes = hf_event_bytes(&full);
    uint8_t *whole = malloc(bytes);
    struct hf_event event;

    (void)state;
    (void)hf_event_encode(&full, whole);
    for (size_t cut = 0; cut < bytes; cut++) {
        uint8_t *body = malloc(cut ? cut : 1); /* of its own, so that a read behind it is seen */

        memcpy(body, whole, cut);
        assert_int_equal(hf_event_decode(body, cut, &event),
                         cut < bytes - full.payload.bytes ? HF_ERR_MALFORMED : HF_OK);
        free(body);
    }
    free(whole);
    assert_int_equal(hf_event_decode(NULL, 0, &event), HF_ERR_MALFORMED);
}

static void what_encode_cannot_have_written(void **state)
{
    static const struct {
        const char *body;
        size_t bytes;
        hf_err err;
    } rows[] = {
#define ROW(text, err) {text, sizeof(text) - 1, err}
        ROW("\x01\x01\0\0\0\0\0\0", HF_OK),
        ROW("\x02\x01\0\0\0\0\0\0", HF_ERR_MALFORMED),       /* another version */
        ROW("\x01\x01\0\0\0\0\x40\0", HF_ERR_MALFORMED),     /* a field that we do not know */
        ROW("\x01\x01\0\0\0\0\x10\0", HF_ERR_MALFORMED),     /* a time that is not there */
        ROW("\x01\x01\0\0\0\0\x20\0\x21", HF_ERR_MALFORMED), /* the id of a key has 32 bytes at most */
        ROW("\x01\x01\0\0\0\0\0\0x", HF_ERR_MALFORMED),      /* bytes that belong to nothing */
        ROW("\x01\x01\0\0\0\0\0\x01\0\0", HF_ERR_MALFORMED), /* a code that is absent all the same */
        ROW("\x01\x01\0\0\0\0\0\x01\0\x01", HF_OK),
        ROW("\x01\x01\0\0\0\0\0\x02\0\0\0\0\0\0\0\0", HF_ERR_MALFORMED),
        ROW("\x01\x01\0\0\0\0\0\x02\0\0\0\0\0\0\0\x01", HF_OK),
        ROW("\x01\x01\0\0\0\0\0\x40\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", HF_ERR_MALFORMED),
        ROW("\x01\x01\0\0\0\0\0\x80\0", HF_OK),              /* an empty tenant is present */
        ROW("\x01\x01\0\0\0\0\0\x80\x41", HF_ERR_MALFORMED), /* 65 bytes */
        ROW("\x01\x01\0\0\0\0\x08\0", HF_OK),                /* an empty payload */
#undef ROW
    };
    uint8_t long_topic[8 + 2 + HF_TOPIC_BYTES_MAX + 1] = {1, 1, 0, 0, 0, 0, 2, 0, 1, 1};
    struct hf_event event;

    (void)state;
    for (unsigned i = 0; i < HF_COUNT_OF(rows); i++)
        assert_int_equal(hf_event_decode((const uint8_t *)rows[i].body, rows[i].bytes, &event), rows[i].err);
    assert_int_equal(hf_event_decode(long_topic, sizeof(long_topic), &event), HF_ERR_MALFORMED);
    long_topic[9] = 0;
    assert_int_equal(hf_event_decode(long_topic, sizeof(long_topic) - 1, &event), HF_OK);
    assert_int_equal(event.topic.bytes, HF_TOPIC_BYTES_MAX);
}

/* A log that was written before events named their makers reads as it did. */
static void a_record_from_before_by(void **state)
{
    static const uint8_t body[] = "\x01\x0d\x01\x04\0\0\x0c\x80"
                                  "\x04"
                                  "acme"
                                  "\0\x01k"
                                  "{}";
    struct hf_event event;
    uint8_t out[sizeof(body) - 1];

    (void)state;
    assert_int_equal(hf_event_decode(body, sizeof(out), &event), HF_OK);
    assert_null(event.by.at);
    assert_true(hf_slice_is(event.key, "k") && hf_slice_is(event.payload, "{}"));
    assert_int_equal(hf_event_bytes(&event), sizeof(out));
    assert_int_equal(hf_event_encode(&event, out), sizeof(out));
    assert_memory_equal(out, body, sizeof(out));
}

static void absent_and_empty_differ(void **state)
{
    struct hf_event event = {.type = 1, .payload = {"", 0}}, back;
    uint8_t out[16];

    (void)state;
    assert_int_equal(hf_event_encode(&event, out), 8);
    assert_int_equal(hf_event_decode(out, 8, &back), HF_OK);
    assert_non_null(back.payload.at);
    assert_null(back.topic.at);
    event.payload.at = NULL;
    (void)hf_event_encode(&event, out);
    assert_int_equal(hf_event_decode(out, 8, &back), HF_OK);
    assert_null(back.payload.at);
}

static void names_and_ids(void **state)
{
    char longest[HF_DEVICE_BYTES_MAX + 1];

    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        const char *name = hf_event_type_name(type);

        if (strcmp(name, "unknown_type") != 0)
            assert_int_equal(hf_event_type_by_name(hf_slice_of(name)), type);
    }
    assert_int_equal(hf_event_type_by_name(HF_SLICE("unknown_type")), HF_EVENT_NONE);
    assert_string_equal(hf_event_type_name(HF_EVENT_COMMAND_DONE), "command.done");
    assert_true(hf_id_valid(HF_SLICE("aZ09._:@-"), 9));
    assert_false(hf_id_valid(HF_SLICE("aZ09._:@-"), 8));
    assert_false(hf_id_valid(HF_SLICE(""), 8));
    assert_false(hf_id_valid(HF_SLICE("a/b"), 8));
    assert_false(hf_id_valid(HF_SLICE("a b"), 8));
    assert_false(hf_id_valid(HF_SLICE("\xc3\xa4"), 8));
    assert_false(hf_id_valid((struct hf_slice){"a\0b", 3}, 8));
    memset(longest, 'x', sizeof(longest));
    assert_true(hf_id_valid((struct hf_slice){longest, HF_DEVICE_BYTES_MAX}, HF_DEVICE_BYTES_MAX));
}

/* Stored in the log's index: these values must never change. */
static void the_device_hash(void **state)
{
    (void)state;
    uint64_t hash = hf_device_hash(HF_SLICE("acme"), HF_SLICE("d1"));
    assert_true(hash == UINT64_C(0x1c6af7ab4930db3d));
    assert_true(hf_device_hash(HF_SLICE("ab"), HF_SLICE("c")) !=
                hf_device_hash(HF_SLICE("a"), HF_SLICE("bc")));
    assert_true((hf_device_hash(HF_SLICE(""), HF_SLICE("")) & 1) == 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_layout),
        cmocka_unit_test(cut_bodies_are_refused),
        cmocka_unit_test(what_encode_cannot_have_written),
        cmocka_unit_test(a_record_from_before_by),
        cmocka_unit_test(absent_and_empty_differ),
        cmocka_unit_test(names_and_ids),
        cmocka_unit_test(the_device_hash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
