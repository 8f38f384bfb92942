/* Numbers on the wire and inside (DLV-4), as doc/protocol-vectors.json has them for everybody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/assert.h"
#include "codec/json/array.h"
#include "codec/json/scan.h"
#include "core/session/serial.h"

enum { FILE_BYTES_MAX = 1 << 20 };

static char file[FILE_BYTES_MAX];
static struct hf_json_field tables[] = {HF_JSON_FIELD("numbers"), HF_JSON_FIELD("successors")};

static int load(void **state)
{
    FILE *from = fopen(HF_DOC_DIR "/protocol-vectors.json", "r");

    (void)state;
    assert_non_null(from);
    size_t bytes = fread(file, 1, sizeof(file), from);
    assert_int_equal(fclose(from), 0);
    assert_true(bytes < sizeof(file));
    assert_int_equal(hf_json_scan(file, bytes, tables, HF_COUNT_OF(tables), HF_JSON_DEPTH_CEILING), HF_OK);
    assert_true(tables[0].found && tables[1].found);
    return 0;
}

static uint64_t number_in(const struct hf_json_field *field)
{
    uint64_t value = 0;

    assert_true(field->found);
    assert_int_equal(hf_json_to_u64(field, &value), HF_OK);
    return value;
}

static void the_nearest_number(void **state)
{
    struct hf_slice rest = tables[0].raw;
    struct hf_json_field row;
    unsigned count = 0, none = 0;

    (void)state;
    for (; hf_json_array_next(&rest, &row); count++) {
        struct hf_json_field fields[] = {HF_JSON_FIELD("expected"), HF_JSON_FIELD("wire"),
                                         HF_JSON_FIELD("seq")};
        uint64_t seq = 0;

        assert_int_equal(
            hf_json_scan(row.raw.at, row.raw.bytes, fields, HF_COUNT_OF(fields), HF_JSON_DEPTH_CEILING),
            HF_OK);
        bool found = hf_serial_expand(number_in(&fields[0]), (uint32_t)number_in(&fields[1]), &seq) &&
                     hf_serial_is_number(seq);
        assert_int_equal(found, fields[2].found);
        if (found)
            assert_int_equal(seq, number_in(&fields[2]));
        none += !found;
    }
    assert_true(count > 10 && none >= 3);
}

static void the_number_behind_and_before(void **state)
{
    struct hf_slice rest = tables[1].raw;
    struct hf_json_field row;
    unsigned count = 0;

    (void)state;
    for (; hf_json_array_next(&rest, &row); count++) {
        struct hf_json_field fields[] = {HF_JSON_FIELD("after"), HF_JSON_FIELD("next")};

        assert_int_equal(
            hf_json_scan(row.raw.at, row.raw.bytes, fields, HF_COUNT_OF(fields), HF_JSON_DEPTH_CEILING),
            HF_OK);
        uint64_t after = number_in(&fields[0]), next = number_in(&fields[1]);
        assert_int_equal(hf_serial_number(after + 1), next);
        assert_int_equal(hf_serial_before(next), after);
    }
    assert_true(count >= 4);
    assert_int_equal(hf_serial_number(0), 1);
    assert_int_equal(hf_serial_before(1), 0);
    assert_int_equal(hf_serial_before(0), 0);
}

static void how_many_there_are(void **state)
{
    static const struct {
        uint64_t from, to, count;
    } rows[] = {
        {1, 1, 1},
        {1, 7, 7},
        {UINT64_C(0xffffffff), UINT64_C(0xffffffff), 1},
        {UINT64_C(0xffffffff), UINT64_C(0x100000000), 1}, /* the second is none */
        {UINT64_C(0xffffffff), UINT64_C(0x100000001), 2},
        {UINT64_C(0x100000000), UINT64_C(0x100000001), 1},
        {UINT64_C(0x100000001), UINT64_C(0x100000003), 3},
        {UINT64_C(0xfffffffe), UINT64_C(0x200000001), UINT64_C(0x100000004) - 2},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        assert_int_equal(hf_serial_count(rows[i].from, rows[i].to), rows[i].count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_number),
        cmocka_unit_test(the_number_behind_and_before),
        cmocka_unit_test(how_many_there_are),
    };

    return cmocka_run_group_tests(tests, load, NULL);
}
