/* codec/manscdp/gbid_test.c - which texts are ids, and what they stand for. */
#include "codec/manscdp/gbid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/assert.h"

static void ids_are_valid_by_rule(void **state)
{
    static const struct {
        const char *id;
        bool item, device, strict, loose;
    } rows[] = {
        {"34020000001320000001", true, true, true, true},
        {"3402000000132000001", true, true, false, true},
        {"340200000013200001", true, true, false, true},
        {"34020000001320001", true, false, false, true},
        {"3402000000", true, false, false, true},
        {"34", true, false, false, true},
        {"3", false, false, false, false},
        {"", false, false, false, false},
        {"340200000013200000011", false, false, false, false},
        {"3402000000132000000A", false, false, false, true},
        {"3402000000132000000z", false, false, false, true},
        {"3402000000132000000 ", false, false, false, false},
        {"3402000000132000000@", false, false, false, false},
        {"-4020000001320000001", false, false, false, false},
    };
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_slice id = hf_slice_of(rows[i].id);

        assert_int_equal(hf_gbid_valid(id, HF_GBID_RULE_ITEM), rows[i].item);
        assert_int_equal(hf_gbid_valid(id, HF_GBID_RULE_DEVICE), rows[i].device);
        assert_int_equal(hf_gbid_valid(id, HF_GBID_RULE_STRICT), rows[i].strict);
        assert_int_equal(hf_gbid_valid(id, HF_GBID_RULE_LOOSE), rows[i].loose);
    }
    assert_false(hf_gbid_valid((struct hf_slice){NULL, 0}, HF_GBID_RULE_ITEM));
}

static void ids_say_what_they_are(void **state)
{
    static const struct {
        const char *id;
        unsigned type;
        const char *name, *kind;
    } rows[] = {
        {"34020000001320000001", 132, "ipc", "channel"},
        {"34020000001310000001", 131, "camera", "channel"},
        {"34020000001990000001", 199, NULL, "channel"},
        {"34020000001180000001", 118, "nvr", "device"},
        {"34020000001110000001", 111, "dvr", "device"},
        {"34020000001300000001", 130, "hvr", "device"},
        {"34020000001100000001", 110, NULL, "other"},
        {"34020000002000000001", 200, "signalling_server", "platform"},
        {"34020000002990000001", 299, NULL, "platform"},
        {"34020000002150000001", 215, "business_group", "business_group"},
        {"34020000002160000001", 216, "virtual_organisation", "virtual_organisation"},
        {"34020000003430000001", 343, NULL, "user"},
        {"34020000003440000001", 344, NULL, "other"},
        {"34020000004000000001", 400, "terminal_user", "user"},
        {"34020000005020000001", 502, "analysis_system", "server"},
        {"34020000009990000001", 999, NULL, "other"},
        {"34", 0, NULL, "region"},
        {"340200", 0, NULL, "region"},
        {"34020000", 0, NULL, "region"},
        {"3402000", 0, NULL, "unknown"},
        {"3402000000", 0, NULL, "alarm_centre"},
        {"340200000013200001", 0, NULL, "unknown"},
        {"3402000000132000000A", 0, NULL, "unknown"},
        {"", 0, NULL, "unknown"},
    };
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_slice id = hf_slice_of(rows[i].id);
        const char *name = hf_gbid_type_name(hf_gbid_type(id));

        assert_int_equal(hf_gbid_type(id), rows[i].type);
        if (rows[i].name == NULL)
            assert_null(name);
        else
            assert_string_equal(name, rows[i].name);
        assert_string_equal(hf_gbid_kind_name(hf_gbid_kind(id)), rows[i].kind);
    }
    assert_null(hf_gbid_kind_name(HF_GBID_KINDS));
}

static void domains_and_parents_are_parts(void **state)
{
    static const struct {
        const char *parent, *nearest;
    } rows[] = {
        {"34020000001180000001", "34020000001180000001"},
        {"34020000002160000001/34020000001180000001", "34020000001180000001"},
        {"34020000002160000001\\34020000001180000001", "34020000001180000001"},
        {"34020000001180000001/", "34020000001180000001"},
        {"/", ""},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        assert_true(hf_slice_is(hf_gbid_nearest_parent(hf_slice_of(rows[i].parent)), rows[i].nearest));
    assert_true(hf_slice_is(hf_gbid_domain(HF_SLICE("34020000001180000001")), "3402000000"));
    assert_true(hf_slice_is(hf_gbid_domain(HF_SLICE("3402000000")), "3402000000"));
    assert_null(hf_gbid_domain(HF_SLICE("340200000")).at);
    assert_null(hf_gbid_domain(HF_SLICE("34020A0000")).at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_valid_by_rule),
        cmocka_unit_test(ids_say_what_they_are),
        cmocka_unit_test(domains_and_parents_are_parts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
