#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/crc32c.h"
#include "base/rng.h"

/* The definition, bit by bit. */
static uint32_t by_bits(uint32_t crc, const uint8_t *in, size_t bytes)
{
    crc = ~crc;
    for (size_t i = 0; i < bytes; i++) {
        crc ^= in[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    return ~crc;
}

static void gives_the_vectors_of_dlv_2(void **state)
{
    uint8_t zeros[32] = {0}, ones[32], up[32], down[32];
    const struct {
        const void *data;
        size_t bytes;
        uint32_t want;
    } rows[] = {
        {"123456789", 9, 0xe3069283}, {zeros, 32, 0x8a9136aa}, {ones, 32, 0x62a8ab43},
        {up, 32, 0x46dd794e},         {down, 32, 0x113fdb5c},  {"", 0, 0},
    };

    (void)state;
    for (uint8_t i = 0; i < 32; i++) {
        ones[i] = 0xff;
        up[i] = i;
        down[i] = (uint8_t)(31 - i);
    }
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        assert_int_equal(hf_crc32c(0, rows[i].data, rows[i].bytes), rows[i].want);
        assert_int_equal(hf_crc32c_portable(0, rows[i].data, rows[i].bytes), rows[i].want);
        assert_int_equal(by_bits(0, rows[i].data, rows[i].bytes), rows[i].want);
    }
}

/* Every length around the steps of 8, at every alignment; and every byte value, so the whole table. */
static void all_bodies_agree(void **state)
{
    static uint8_t data[4096 + 16];
    struct hf_rng rng;

    (void)state;
    print_message("[   BODY   ] %s\n", hf_crc32c_body());
    hf_rng_seed(&rng, 5);
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)hf_rng_u64(&rng);
    for (size_t at = 0; at < 9; at++) {
        for (size_t bytes = 0; bytes < 70; bytes++) {
            uint32_t crc = (uint32_t)hf_rng_u64(&rng), want = by_bits(crc, data + at, bytes);

            assert_int_equal(hf_crc32c(crc, data + at, bytes), want);
            assert_int_equal(hf_crc32c_portable(crc, data + at, bytes), want);
        }
        assert_int_equal(hf_crc32c(0, data + at, 4096), by_bits(0, data + at, 4096));
        assert_int_equal(hf_crc32c_portable(0, data + at, 4096), by_bits(0, data + at, 4096));
    }
    for (unsigned position = 0; position < 8; position++) {
        for (unsigned value = 0; value < 256; value++) {
            uint8_t word[8] = {0};

            word[position] = (uint8_t)value;
            assert_int_equal(hf_crc32c_portable(0, word, 8), by_bits(0, word, 8));
        }
    }
}

static void parts_chain_to_the_whole(void **state)
{
    static const char text[] = "the quick brown fox jumps over the lazy dog";
    const size_t bytes = sizeof(text) - 1;

    (void)state;
    for (size_t cut = 0; cut <= bytes; cut++) {
        assert_int_equal(hf_crc32c(hf_crc32c(0, text, cut), text + cut, bytes - cut),
                         hf_crc32c(0, text, bytes));
        assert_int_equal(hf_crc32c_portable(hf_crc32c(0, text, cut), text + cut, bytes - cut),
                         hf_crc32c(0, text, bytes));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_vectors_of_dlv_2),
        cmocka_unit_test(all_bodies_agree),
        cmocka_unit_test(parts_chain_to_the_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
