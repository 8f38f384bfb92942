#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/uuid.h"

/* RFC 9562 A.6: 017F22E2-79B0-7CC3-98C4-DC0C0C07398F, made at 0x17F22E279B0. */
static void gives_the_example_of_the_rfc(void **state)
{
    static const uint8_t random[HF_UUID_RANDOM_BYTES] = {0xfc, 0xc3, 0xd8, 0xc4, 0xdc,
                                                         0x0c, 0x0c, 0x07, 0x39, 0x8f};
    uint8_t uuid[HF_UUID_BYTES];
    char text[HF_UUID_TEXT_BYTES + 1];

    (void)state;
    hf_uuid7(uuid, UINT64_C(0x17F22E279B0), random);
    hf_uuid_text(uuid, text);
    assert_string_equal(text, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
}

static void ids_sort_by_time_and_carry_all_random_bits(void **state)
{
    uint8_t random[HF_UUID_RANDOM_BYTES], early[HF_UUID_BYTES], late[HF_UUID_BYTES];

    (void)state;
    memset(random, 0xff, sizeof(random));
    hf_uuid7(early, 999, random);
    memset(random, 0, sizeof(random));
    hf_uuid7(late, 1000, random);
    assert_true(memcmp(early, late, sizeof(early)) < 0);
    for (int i = 6; i < HF_UUID_BYTES; i++)
        assert_int_equal(early[i] ^ late[i], i == 6 ? 0x0f : i == 8 ? 0x3f : 0xff);
}

static void parses_its_own_text_only(void **state)
{
    static const struct {
        const char *text;
        hf_err err;
    } rows[] = {
        {"017f22e2-79b0-7cc3-98c4-dc0c0c07398f", HF_OK},
        {"017F22E2-79B0-7CC3-98C4-DC0C0C07398F", HF_OK},
        {"", HF_ERR_MALFORMED},
        {"017f22e2-79b0-7cc3-98c4-dc0c0c07398", HF_ERR_MALFORMED},
        {"017f22e2-79b0-7cc3-98c4-dc0c0c07398f0", HF_ERR_MALFORMED},
        {"017f22e279b07cc398c4dc0c0c07398f", HF_ERR_MALFORMED},
        {"017f22e2079b0-7cc3-98c4-dc0c0c07398f", HF_ERR_MALFORMED},
        {"{17f22e2-79b0-7cc3-98c4-dc0c0c07398}", HF_ERR_MALFORMED},
        {"017f22e-279b0-7cc3-98c4-dc0c0c07398f", HF_ERR_MALFORMED},
        {"g17f22e2-79b0-7cc3-98c4-dc0c0c07398f", HF_ERR_MALFORMED},
        {"017f22e2-79b0-7cc3-98c4-dc0c0c07398 ", HF_ERR_MALFORMED},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        uint8_t uuid[HF_UUID_BYTES] = {0};
        char text[HF_UUID_TEXT_BYTES + 1];

        assert_int_equal(hf_uuid_parse(hf_slice_of(rows[i].text), uuid), rows[i].err);
        hf_uuid_text(uuid, text);
        assert_string_equal(text, rows[i].err == HF_OK ? "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
                                                       : "00000000-0000-0000-0000-000000000000");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_example_of_the_rfc),
        cmocka_unit_test(ids_sort_by_time_and_carry_all_random_bits),
        cmocka_unit_test(parses_its_own_text_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
