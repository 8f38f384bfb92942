#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/assert.h"
#include "core/rows.h"

static struct hf_slice slice(const uint8_t *at, size_t bytes)
{
    return (struct hf_slice){(const char *)at, bytes};
}

static void a_row_comes_back(void **state)
{
    const struct hf_message_row row = {.command = 1,
                                       .fate = 4,
                                       .written = UINT64_MAX,
                                       .tenant = HF_SLICE("acme"),
                                       .device = HF_SLICE("d"),
                                       .result = HF_SLICE("{}")};
    struct hf_message_row back;
    uint8_t out[256];
    size_t bytes = hf_message_row_encode(&row, out, sizeof(out));

    (void)state;
    assert_int_equal(bytes, 3 + 12 * 8 + 4 * 4 + 4 + 1 + 2);
    assert_int_equal(hf_message_row_encode(&row, out, bytes - 1), 0);
    assert_int_equal(hf_message_row_encode(&row, out, bytes), bytes);
    assert_int_equal(hf_message_row_decode(slice(out, bytes), &back), HF_OK);
    assert_int_equal(back.command, 1);
    assert_true(back.written == UINT64_MAX);
    assert_true(hf_slice_is(back.tenant, "acme") && hf_slice_is(back.result, "{}"));
    assert_int_equal(back.topic.bytes, 0);
    for (size_t cut = 0; cut < bytes; cut++) {
        uint8_t *part = malloc(cut + 1);

        memcpy(part, out, cut);
        assert_int_equal(hf_message_row_decode(slice(part, cut), &back), HF_ERR_CORRUPT);
        free(part);
    }
    assert_int_equal(hf_message_row_decode(slice(NULL, 0), &back), HF_ERR_CORRUPT);
    assert_int_equal(hf_message_row_decode(slice(out, bytes + 1), &back), HF_ERR_CORRUPT);
    out[0] = 2;
    assert_int_equal(hf_message_row_decode(slice(out, bytes), &back), HF_ERR_CORRUPT);
}

/* Rows grow: an older one has fewer fields, a newer one has more. */
static void other_versions_are_read(void **state)
{
    static const uint8_t older[] = {1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 9};
    uint8_t newer[3 + 8 * 14 + 4 * 3 + 3] = {1, 14, 3, 0, 0, 0, 0, 0, 0, 0, 7};
    struct hf_device_row row;

    (void)state;
    assert_int_equal(hf_device_row_decode(slice(older, sizeof(older)), &row), HF_OK);
    assert_int_equal(row.epoch, 9);
    assert_int_equal(row.presence, 0);
    assert_int_equal(row.protocol.bytes, 0);
    uint8_t *texts = newer + 3 + 8 * 14;
    texts[3] = 3;
    memcpy(texts + 4, "raw", 3);
    assert_int_equal(hf_device_row_decode(slice(newer, sizeof(newer)), &row), HF_OK);
    assert_int_equal(row.epoch, 7);
    assert_true(hf_slice_is(row.protocol, "raw"));
    texts[0] = 0xff; /* a text longer than everything */
    assert_int_equal(hf_device_row_decode(slice(newer, sizeof(newer)), &row), HF_ERR_CORRUPT);
}

static void every_table(void **state)
{
    const struct hf_key_row key = {.revoked_ms = 3, .sha256 = HF_SLICE("hash"), .name = HF_SLICE("n")};
    const struct hf_idempotency_row idempotency = {.created_ms = 5, .id = HF_SLICE("0123456789abcdef")};
    struct hf_idempotency_row idempotency_back;
    struct hf_key_row key_back;
    uint8_t out[256];

    (void)state;
    assert_int_equal(hf_key_row_decode(slice(out, hf_key_row_encode(&key, out, sizeof(out))), &key_back),
                     HF_OK);
    assert_int_equal(key_back.revoked_ms, 3);
    assert_true(hf_slice_is(key_back.sha256, "hash") && hf_slice_is(key_back.name, "n"));
    size_t bytes = hf_idempotency_row_encode(&idempotency, out, sizeof(out));
    assert_int_equal(hf_idempotency_row_decode(slice(out, bytes), &idempotency_back), HF_OK);
    assert_true(hf_slice_eq(idempotency_back.id, idempotency.id));
}

static void events_as_they_were_logged(void **state)
{
    const struct hf_event event = {.offset = 77, .time_ms = 88, .type = 2, .device = HF_SLICE("d")};
    struct hf_event back;
    uint8_t out[64];

    (void)state;
    assert_int_equal(hf_event_row_encode(&event, out, 25), 0);
    assert_int_equal(hf_event_row_encode(&event, out, 26), 26);
    assert_int_equal(hf_event_row_decode(slice(out, 26), &back), HF_OK);
    assert_int_equal(back.offset, 77);
    assert_int_equal(back.time_ms, 88);
    assert_true(hf_slice_is(back.device, "d"));
    assert_int_equal(hf_event_row_decode(slice(out, 15), &back), HF_ERR_CORRUPT);
    assert_int_equal(hf_event_row_decode(slice(out, 25), &back), HF_ERR_CORRUPT);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_comes_back),
        cmocka_unit_test(other_versions_are_read),
        cmocka_unit_test(every_table),
        cmocka_unit_test(events_as_they_were_logged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
