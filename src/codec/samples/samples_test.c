/* codec/samples/samples_test.c - the layout, every bit of a batch flipped, every length, values at both ends of their ranges. */
#include "codec/samples/samples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/crc32c.h"

#define FOR_EACH(row, rows) for (size_t row = 0; row < sizeof(rows) / sizeof((rows)[0]); row++)

static const struct hf_samples head = {.boot_id = "0123456789abcde",
                                       .utc_offset_ns = INT64_C(1700000000123456789),
                                       .uncertainty_us = 250,
                                       .lost = 7};

static hf_err read_exactly(const uint8_t *in, size_t bytes, struct hf_samples *ret)
{
    uint8_t *copy = malloc(bytes + (bytes == 0)); /* so that a sanitizer sees what reads beyond */
    hf_err err;

    memcpy(copy, in, bytes);
    err = hf_samples_read((struct hf_slice){(const char *)copy, bytes}, ret);
    if (err == HF_OK)
        ret->samples = in + (ret->samples - copy);
    free(copy);
    return err;
}

/* A batch of one sample with a CRC that is right, whatever it says. */
static size_t write_any(uint8_t out[HF_SAMPLES_BYTES_MAX], const struct hf_sample *sample)
{
    static const struct hf_sample fine = {.ts_ns = 1};
    struct hf_samples one = head;
    size_t bytes;

    one.count = 1;
    bytes = hf_samples_write(out, &one, &fine);
    hf_sample_write(out + HF_SAMPLES_HEAD_BYTES, sample);
    return bytes;
}

static void sign(uint8_t *out, size_t bytes)
{
    hf_put_u32(out + bytes - HF_SAMPLES_CRC_BYTES, hf_crc32c(0, out, bytes - HF_SAMPLES_CRC_BYTES));
}

static void a_sample_has_the_specified_bytes(void **state)
{
    static const uint8_t want[HF_SAMPLE_BYTES] = {0x00, 0x00, 0x00, 0x1c, 0xbe, 0x99, 0x1a,
                                                  0x08, 0x00, 0xb5, 0xff, 0xf4, 0xd2, 0x80};
    struct hf_sample sample = {.ts_ns = UINT64_C(123456789000),
                               .cadence_half_rpm = 181,
                               .power_w = -12,
                               .lean_q8_deg = -11648},
                     back;
    uint8_t out[HF_SAMPLE_BYTES];

    (void)state;
    hf_sample_write(out, &sample);
    assert_memory_equal(out, want, sizeof(want));
    hf_sample_read(want, &back);
    assert_true(back.ts_ns == sample.ts_ns);
    assert_int_equal(back.cadence_half_rpm, 181);
    assert_int_equal(back.power_w, -12);
    assert_int_equal(back.lean_q8_deg, -11648);
}

static void a_batch_has_the_specified_bytes(void **state)
{
    static const uint8_t want[] = "\x01\x02\0\0\0\0\0\x07"
                                  "0123456789abcde\0"
                                  "\x17\x97\x9c\xfe\x3d\x85\xcd\x15\0\0\0\xfa"
                                  "\0\0\0\x1c\xbe\x99\x1a\x08\0\xb5\xff\xf4\xd2\x80"
                                  "\0\0\0\x1c\xbf\x31\xb0\x88\xff\xff\x80\0\x80\0";
    static const struct hf_sample samples[] = {{UINT64_C(123456789000), 181, -12, -11648},
                                               {UINT64_C(123466789000), HF_SAMPLE_CADENCE_INVALID,
                                                HF_SAMPLE_VALUE_INVALID, HF_SAMPLE_VALUE_INVALID}};
    struct hf_samples two = head, back;
    struct hf_sample sample;
    uint8_t out[HF_SAMPLES_BYTES_MAX];

    (void)state;
    two.count = 2;
    assert_int_equal(hf_samples_write(out, &two, samples), sizeof(want) - 1 + HF_SAMPLES_CRC_BYTES);
    assert_memory_equal(out, want, sizeof(want) - 1);
    assert_int_equal(hf_get_u32(out + sizeof(want) - 1), hf_crc32c(0, want, sizeof(want) - 1));
    assert_int_equal(read_exactly(out, sizeof(want) - 1 + HF_SAMPLES_CRC_BYTES, &back), HF_OK);
    assert_memory_equal(back.boot_id, head.boot_id, HF_SAMPLES_BOOT_BYTES);
    assert_true(back.utc_offset_ns == head.utc_offset_ns);
    assert_int_equal(back.uncertainty_us, 250);
    assert_int_equal(back.lost, 7);
    assert_int_equal(back.count, 2);
    hf_sample_read(back.samples + HF_SAMPLE_BYTES, &sample);
    assert_true(hf_sample_utc_ns(&back, &sample) == head.utc_offset_ns + INT64_C(123466789000));
}

static void every_flipped_bit_is_asked_for_again(void **state)
{
    struct hf_sample samples[HF_SAMPLES_MAX];
    struct hf_samples full = head, back;
    uint8_t out[HF_SAMPLES_BYTES_MAX];

    (void)state;
    full.count = HF_SAMPLES_MAX;
    for (unsigned i = 0; i < HF_SAMPLES_MAX; i++)
        samples[i] = (struct hf_sample){.ts_ns = i * UINT64_C(10000000), .power_w = (int16_t)i};
    size_t bytes = hf_samples_write(out, &full, samples);
    assert_int_equal(bytes, HF_SAMPLES_BYTES_MAX);
    assert_int_equal(read_exactly(out, bytes, &back), HF_OK);
    for (size_t bit = 0; bit < bytes * 8; bit++) {
        out[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(read_exactly(out, bytes, &back), HF_ERR_CORRUPT);
        out[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t cut = 0; cut < bytes; cut++)
        assert_int_equal(read_exactly(out, cut, &back), cut < HF_SAMPLES_HEAD_BYTES + HF_SAMPLES_CRC_BYTES
                                                            ? HF_ERR_MALFORMED
                                                            : HF_ERR_CORRUPT);
}

static void heads_that_no_sender_makes_are_refused(void **state)
{
    static const struct {
        size_t at;
        uint8_t byte;
    } rows[] = {{0, 0},    {0, 2}, {1, 0}, {1, 2}, {1, 65}, {2, 1}, {3, 1}, {24, 0x80} /* before 1970 */,
                {24, 0x7f} /* after 2262 */};
    static const struct hf_sample fine = {.ts_ns = UINT64_C(0x0100000000000000)};
    struct hf_samples back;
    uint8_t out[HF_SAMPLES_BYTES_MAX + 1];

    (void)state;
    FOR_EACH(i, rows)
    {
        size_t bytes = write_any(out, &fine);

        out[rows[i].at] = rows[i].byte;
        sign(out, bytes);
        assert_int_equal(read_exactly(out, bytes, &back), HF_ERR_MALFORMED);
    }
    /* A byte too many, and one more sample than can be. */
    size_t bytes = write_any(out, &fine) + 1;
    sign(out, bytes);
    assert_int_equal(read_exactly(out, bytes, &back), HF_ERR_MALFORMED);
    memset(out, 0, sizeof(out));
    out[0] = 1;
    out[1] = HF_SAMPLES_MAX;
    sign(out, HF_SAMPLES_BYTES_MAX);
    assert_int_equal(read_exactly(out, HF_SAMPLES_BYTES_MAX, &back), HF_OK);
    sign(out, HF_SAMPLES_BYTES_MAX + 1);
    assert_int_equal(read_exactly(out, HF_SAMPLES_BYTES_MAX + 1, &back), HF_ERR_MALFORMED);
}

static void values_keep_to_their_ranges(void **state)
{
    static const struct {
        struct hf_sample sample;
        bool fine;
    } rows[] = {
        {{0, 0, 0, 0}, true},           {{0, 510, 2047, 23040}, true},
        {{0, 0, -2048, -23040}, true},  {{0, 511, 0, 0}, false},
        {{0, 0xfffe, 0, 0}, false},     {{0, 0xffff, 0, 0}, true},
        {{0, 0, 2048, 0}, false},       {{0, 0, -2049, 0}, false},
        {{0, 0, -32767, 0}, false},     {{0, 0, -32768, 0}, true},
        {{0, 0, 0, 23041}, false},      {{0, 0, 0, -23041}, false},
        {{0, 0, 0, -32768}, true},      {{UINT64_C(0x8000000000000000), 0, 0, 0}, false},
        {{UINT64_MAX, 0, 0, 0}, false},
    };
    struct hf_samples back;
    uint8_t out[HF_SAMPLES_BYTES_MAX];

    (void)state;
    FOR_EACH(i, rows)
    {
        size_t bytes = write_any(out, &rows[i].sample);

        sign(out, bytes);
        assert_int_equal(hf_sample_valid(&rows[i].sample), rows[i].fine);
        assert_int_equal(read_exactly(out, bytes, &back), rows[i].fine ? HF_OK : HF_ERR_MALFORMED);
    }
}

static void times_do_not_go_back(void **state)
{
    static const struct hf_sample samples[] = {{.ts_ns = 10}, {.ts_ns = 10}, {.ts_ns = 11}};
    struct hf_samples three = head, back;
    uint8_t out[HF_SAMPLES_BYTES_MAX];

    (void)state;
    three.count = 3;
    size_t bytes = hf_samples_write(out, &three, samples);
    assert_int_equal(read_exactly(out, bytes, &back), HF_OK); /* two at once are none that go back */
    hf_put_u64(out + HF_SAMPLES_HEAD_BYTES + 2 * HF_SAMPLE_BYTES, 9);
    sign(out, bytes);
    assert_int_equal(read_exactly(out, bytes, &back), HF_ERR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sample_has_the_specified_bytes),
        cmocka_unit_test(a_batch_has_the_specified_bytes),
        cmocka_unit_test(every_flipped_bit_is_asked_for_again),
        cmocka_unit_test(heads_that_no_sender_makes_are_refused),
        cmocka_unit_test(values_keep_to_their_ranges),
        cmocka_unit_test(times_do_not_go_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
