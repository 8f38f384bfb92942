#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/reason.h"

static void every_value_finds_its_row_and_its_name(void **state)
{
    size_t count;
    const struct hf_reason_info *rows = hf_reason_table(&count);

    (void)state;
    assert_true(count > 50);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(hf_reason_info(rows[i].reason), &rows[i]);
        assert_string_equal(hf_reason_name(rows[i].reason), rows[i].name);
        assert_int_equal(hf_reason_by_name(hf_slice_of(rows[i].name)), rows[i].reason);
    }
}

static void names_are_identifiers_and_codes_are_allowed_on_the_wire(void **state)
{
    size_t count;
    const struct hf_reason_info *rows = hf_reason_table(&count);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        const struct hf_reason_info *row = &rows[i];

        assert_int_equal(strspn(row->name, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(row->name));
        assert_true(i == 0 || row->reason > rows[i - 1].reason);
        /* RFC 6455 7.4.1: 1004 to 1006 and 1015 never go out in a frame. */
        assert_true(row->ws_code == 0 || (row->ws_code >= 1000 && row->ws_code <= 1003) ||
                    (row->ws_code >= 1007 && row->ws_code <= 1014) ||
                    (row->ws_code >= 4400 && row->ws_code <= 4499));
        assert_true(row->http_status == 0 || (row->http_status >= 400 && row->http_status <= 599));
        assert_true(strlen(row->text) > 0 && strlen(row->name) + 8 < 123); /* fits a Close frame */
    }
}

static void unknown_values_and_names_are_harmless(void **state)
{
    static const unsigned values[] = {14, 59, 126, HF_REASONS_MAX - 1, HF_REASONS_MAX, 4000000000u};
    static const char *const names[] = {"", "drai", "drainx", "DRAIN", "HF_REASON_DRAIN"};

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        assert_string_equal(hf_reason_name(values[i]), "internal_error");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_int_equal(hf_reason_by_name(hf_slice_of(names[i])), HF_REASON_NONE);
    assert_int_equal(hf_reason_by_name((struct hf_slice){NULL, 0}), HF_REASON_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_finds_its_row_and_its_name),
        cmocka_unit_test(names_are_identifiers_and_codes_are_allowed_on_the_wire),
        cmocka_unit_test(unknown_values_and_names_are_harmless),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
