/* agent/row_test.c - what drivers and recordings write, right and wrong. */
#include "agent/row.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define FOR_EACH(row, rows) for (size_t row = 0; row < sizeof(rows) / sizeof((rows)[0]); row++)

/* "cadence power lean time", or what is wrong with which field. */
static const char *told(const char *line, const struct hf_row_columns *columns)
{
    static char text[200];
    size_t bytes = strlen(line);
    char *copy = malloc(bytes + (bytes == 0));
    struct hf_row row;
    enum hf_row_field field;

    memcpy(copy, line, bytes);
    enum hf_row_result result = hf_row_read((struct hf_slice){copy, bytes}, columns, &row, &field);

    free(copy);
    if (result != HF_ROW_OK)
        snprintf(text, sizeof(text), "%s%s%s", hf_row_text(result),
                 result == HF_ROW_NUMBER || result == HF_ROW_RANGE ? ": " : "",
                 result == HF_ROW_NUMBER || result == HF_ROW_RANGE ? hf_row_field_name(field) : "");
    else
        snprintf(text, sizeof(text), "%u %d %d %lld", row.sample.cadence_half_rpm, row.sample.power_w,
                 row.sample.lean_q8_deg, row.has_time ? (long long)row.time_ns : -1);
    return text;
}

static void drivers_lines_are_read(void **state)
{
    static const struct {
        const char *line, *want;
    } rows[] = {
        {"90.5,-12,-45.5", "181 -12 -11648 -1"},
        {" 90.5 ,\t-12 , -45.5\r", "181 -12 -11648 -1"},
        {"90.5,-12,-45.5,123456789000", "181 -12 -11648 123456789000"},
        {"90.5,-12,-45.5,", "181 -12 -11648 -1"},
        {",200,", "65535 200 -32768 -1"},
        {"0,0,0", "0 0 0 -1"},
        {"255,2047,90", "510 2047 23040 -1"},
        {"255.2,2047.4,90.001", "510 2047 23040 -1"}, /* rounded */
        {"255.3,0,0", "out of range: cadence_rpm"},
        {"-1,0,0", "out of range: cadence_rpm"},
        {"0,2048,0", "out of range: power_w"},
        {"0,-2048,-90", "0 -2048 -23040 -1"},
        {"0,-2049,0", "out of range: power_w"},
        {"0,0,90.01", "out of range: lean_deg"},
        {"0,1e300,0", "out of range: power_w"},
        {"0,1e400,0", "not a number: power_w"},
        {"0,nan,0", "not a number: power_w"},
        {"0,0x10,0", "not a number: power_w"},
        {"0,12W,0", "not a number: power_w"},
        {"0,1-2,0", "not a number: power_w"},
        {"0,00000000000000000000000000000000000000001,0", "not a number: power_w"},
        {"1,2,3,-4", "not a number: ts_ns"},
        {"1,2,3,1.5", "not a number: ts_ns"},
        {"1,2,3,9223372036854775808", "out of range: ts_ns"},
        {"1,2", "another number of columns"},
        {"1,2,3,4,5", "another number of columns"},
        {",,", "no value at all"},
        {"", "no row"},
        {"  ", "no row"},
        {"# 1,2,3", "no row"},
        {"{\"cadence_rpm\":90.5,\"power_w\":-12,\"lean_deg\":-45.5}", "181 -12 -11648 -1"},
        {"{\"power_w\":7,\"x\":[1],\"ts_ns\":5}", "65535 7 -32768 5"},
        {"{\"power_w\":null,\"lean_deg\":1,\"time_s\":0.5}", "65535 -32768 256 500000000"},
        {"{\"power_w\":\"7\"}", "not a number: power_w"},
        {"{\"power_w\":7,\"power_w\":8}", "not a JSON object"},
        {"{\"power_w\":7", "not a JSON object"},
        {"{}", "no value at all"},
        {"{\"power_w\":7,\"time_s\":-1}", "out of range: time_s"},
        {"{\"power_w\":7,\"time_s\":1,\"ts_ns\":1}", "its time is missing, goes back, or is to come"},
    };

    (void)state;
    FOR_EACH(i, rows)
    assert_string_equal(told(rows[i].line, &hf_row_columns_driver), rows[i].want);
}

static void heads_say_what_the_columns_are(void **state)
{
    static const struct {
        const char *head, *line, *want;
    } rows[] = {
        {"lean_deg,time_s,speed,power_w", "1,2.25,99,3", "65535 3 256 2250000000"},
        {"\"cadence_rpm\", ts_ns", "60,17", "120 -32768 -32768 17"},
        {"power_w", "3", "65535 3 -32768 -1"},
        {"power_w,x", "3", "another number of columns"},
        {"power_w,x", "3,4,5", "another number of columns"},
        {"power_w,x", "3,not a number", "65535 3 -32768 -1"},
        {"speed,height", NULL, NULL},
        {"time_s", NULL, NULL},
        {"power_w,power_w", NULL, NULL},
        {"power_w,ts_ns,time_s", NULL, NULL},
        {"", NULL, NULL},
        {"power_w,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,", NULL, NULL}, /* 33 columns */
    };
    struct hf_row_columns columns;

    (void)state;
    FOR_EACH(i, rows)
    {
        assert_int_equal(hf_row_head(hf_slice_of(rows[i].head), &columns), rows[i].line != NULL);
        if (rows[i].line != NULL)
            assert_string_equal(told(rows[i].line, &columns), rows[i].want);
    }
}

static void long_lines_are_refused(void **state)
{
    char line[HF_ROW_LINE_BYTES_MAX + 2];

    (void)state;
    memset(line, ' ', sizeof(line));
    memcpy(line, "1,2,3", 5);
    line[HF_ROW_LINE_BYTES_MAX] = '\0';
    assert_string_equal(told(line, &hf_row_columns_driver), "2 2 768 -1");
    line[HF_ROW_LINE_BYTES_MAX] = ' ';
    line[HF_ROW_LINE_BYTES_MAX + 1] = '\0';
    assert_string_equal(told(line, &hf_row_columns_driver), "longer than 1,024 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drivers_lines_are_read),
        cmocka_unit_test(heads_say_what_the_columns_are),
        cmocka_unit_test(long_lines_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
