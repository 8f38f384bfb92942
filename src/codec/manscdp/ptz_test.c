/* codec/manscdp/ptz_test.c - every order, its bytes, and what is refused. */
#include "codec/manscdp/ptz.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/assert.h"

static const struct {
    const char *text;
    struct hf_ptz ptz;
} rows[] = {
#define ONE .address = 1
    {"A50F0101400000F6", {.order = HF_PTZ_MOVE, ONE, .pan = 1, .pan_speed = 0x40}},
    {"A50F0102400000F7", {.order = HF_PTZ_MOVE, ONE, .pan = -1, .pan_speed = 0x40}},
    {"A50F0108004000FD", {.order = HF_PTZ_MOVE, ONE, .tilt = 1, .tilt_speed = 0x40}},
    {"A50F0104004000F9", {.order = HF_PTZ_MOVE, ONE, .tilt = -1, .tilt_speed = 0x40}},
    {"A50F010A4040003F",
     {.order = HF_PTZ_MOVE, ONE, .pan = -1, .tilt = 1, .pan_speed = 0x40, .tilt_speed = 0x40}},
    {"A50F011000008045", {.order = HF_PTZ_MOVE, ONE, .zoom = 1, .zoom_speed = 8}},
    {"A50F012000008055", {.order = HF_PTZ_MOVE, ONE, .zoom = -1, .zoom_speed = 8}},
    {"A50F01294040409E",
     {.order = HF_PTZ_MOVE,
      ONE,
      .pan = 1,
      .tilt = 1,
      .zoom = -1,
      .pan_speed = 0x40,
      .tilt_speed = 0x40,
      .zoom_speed = 4}},
    {"A50F0100000000B5", {.order = HF_PTZ_MOVE, ONE}},
    {"A50F01480040003D", {.order = HF_PTZ_LENS, ONE, .iris = -1, .iris_speed = 0x40}},
    {"A50F014400400039", {.order = HF_PTZ_LENS, ONE, .iris = 1, .iris_speed = 0x40}},
    {"A50F014240000037", {.order = HF_PTZ_LENS, ONE, .focus = -1, .focus_speed = 0x40}},
    {"A50F014140000036", {.order = HF_PTZ_LENS, ONE, .focus = 1, .focus_speed = 0x40}},
    {"A50F0140000000F5", {.order = HF_PTZ_LENS, ONE}},
    {"A50F018100010037", {.order = HF_PTZ_PRESET_SET, ONE, .preset = 1}},
    {"A50F018200010038", {.order = HF_PTZ_PRESET_CALL, ONE, .preset = 1}},
    {"A50F018300010039", {.order = HF_PTZ_PRESET_DELETE, ONE, .preset = 1}},
    {"A50F01840103003D", {.order = HF_PTZ_CRUISE_ADD, ONE, .group = 1, .preset = 3}},
    {"A50F01850100003B", {.order = HF_PTZ_CRUISE_DELETE, ONE, .group = 1}},
    {"A50F01880100003E", {.order = HF_PTZ_CRUISE_START, ONE, .group = 1}},
    {"A50F0187011E005B", {.order = HF_PTZ_CRUISE_DWELL, ONE, .group = 1, .value = 30}},
    {"A50F01860123106F", {.order = HF_PTZ_CRUISE_SPEED, ONE, .group = 1, .value = 0x123}},
    {"A50F01890100003F", {.order = HF_PTZ_SCAN_START, ONE, .group = 1}},
    {"A50F018901010040", {.order = HF_PTZ_SCAN_LEFT, ONE, .group = 1}},
    {"A50F018901020041", {.order = HF_PTZ_SCAN_RIGHT, ONE, .group = 1}},
    {"A50F018A01FFF02F", {.order = HF_PTZ_SCAN_SPEED, ONE, .group = 1, .value = 0xfff}},
    {"A50F018C01000042", {.order = HF_PTZ_AUX_ON, ONE, .aux = HF_PTZ_AUX_WIPER}},
    {"A50F018D01000043", {.order = HF_PTZ_AUX_OFF, ONE, .aux = HF_PTZ_AUX_WIPER}},
    {"A50FFF0000000FC2", {.order = HF_PTZ_MOVE, .address = 0xfff}},
};

static void orders_have_their_bytes(void **state)
{
    bool seen[HF_PTZ_ORDERS] = {false};
    char text[HF_PTZ_TEXT_BYTES], lower[HF_PTZ_TEXT_BYTES];

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_ptz back;

        assert_int_equal(hf_ptz_encode(&rows[i].ptz, text), HF_OK);
        assert_string_equal(text, rows[i].text);
        for (size_t c = 0; c < sizeof(text); c++)
            lower[c] = (char)(text[c] >= 'A' ? text[c] + 32 : text[c]);
        assert_int_equal(hf_ptz_decode(hf_slice_of(lower), &back), HF_OK);
        char again[HF_PTZ_TEXT_BYTES];

        assert_int_equal(back.order, rows[i].ptz.order);
        assert_int_equal(back.preset, rows[i].ptz.preset);
        assert_int_equal(back.value, rows[i].ptz.value);
        assert_int_equal(back.address, rows[i].ptz.address);
        assert_int_equal(hf_ptz_encode(&back, again), HF_OK);
        assert_string_equal(again, text);
        seen[back.order] = true;
        assert_non_null(hf_ptz_order_name(back.order));
    }
    for (unsigned i = 0; i < HF_PTZ_ORDERS; i++)
        assert_true(seen[i]);
    assert_null(hf_ptz_order_name(HF_PTZ_ORDERS));
}

static void values_out_of_range_are_refused(void **state)
{
    static const struct hf_ptz wrong[] = {
        {.order = HF_PTZ_ORDERS},
        {.address = 0x1000},
        {.pan = 2},
        {.tilt = -2},
        {.zoom = 3},
        {.order = HF_PTZ_LENS, .focus = 2},
        {.order = HF_PTZ_LENS, .iris = -3},
        {.zoom_speed = 16},
        {.order = HF_PTZ_CRUISE_SPEED, .value = 0x1000},
        {.order = HF_PTZ_PRESET_SET},
        {.order = HF_PTZ_PRESET_CALL},
        {.order = HF_PTZ_PRESET_DELETE},
        {.order = HF_PTZ_CRUISE_ADD, .group = 1},
    };
    char text[HF_PTZ_TEXT_BYTES];

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(wrong); i++)
        assert_int_equal(hf_ptz_encode(&wrong[i], text), HF_ERR_INVALID);
}

static void wrong_texts_are_refused(void **state)
{
    static const struct {
        const char *text;
        hf_err err;
    } wrong[] = {
        {"", HF_ERR_MALFORMED},
        {"A50F0100000000B", HF_ERR_MALFORMED},
        {"A50F0100000000B55", HF_ERR_MALFORMED},
        {"A50F0100000000BG", HF_ERR_MALFORMED},
        {"A50F0100000000B4", HF_ERR_MALFORMED}, /* sum */
        {"A40F0100000000B4", HF_ERR_MALFORMED}, /* head */
        {"A51F0100000000C5", HF_ERR_MALFORMED},
        {"A50F0103000000B8", HF_ERR_MALFORMED}, /* left and right */
        {"A50F010C000000C1", HF_ERR_MALFORMED},
        {"A50F0130000000E5", HF_ERR_MALFORMED},
        {"A50F0143000000F8", HF_ERR_MALFORMED},
        {"A50F014C00000001", HF_ERR_MALFORMED},
        {"A50F015000000005", HF_ERR_UNSUPPORTED},
        {"A50F018000000035", HF_ERR_UNSUPPORTED},
        {"A50F018B00000040", HF_ERR_UNSUPPORTED},
        {"A50F018900030041", HF_ERR_UNSUPPORTED},
        {"A50F01C000000075", HF_ERR_UNSUPPORTED},
        {"A50F018100000036", HF_ERR_MALFORMED}, /* preset 0 */
    };
    struct hf_ptz ptz;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(wrong); i++)
        if (hf_ptz_decode(hf_slice_of(wrong[i].text), &ptz) != wrong[i].err)
            fail_msg("%s", wrong[i].text);
}

/* All instructions and data: what is read is written as the same bytes, but for data that an order does not have. */
static void whatever_is_read_is_written_as_read(void **state)
{
    char text[HF_PTZ_TEXT_BYTES], again[HF_PTZ_TEXT_BYTES];
    unsigned accepted = 0;

    (void)state;
    for (unsigned instruction = 0; instruction < 256; instruction++)
        for (unsigned data = 0; data < 256; data += 5) {
            unsigned sum = (0xa5 + 0x0f + 1 + instruction + data + data + (data & 0xf0)) & 0xff;
            struct hf_ptz ptz, back;

            snprintf(text, sizeof(text), "A50F01%02X%02X%02X%02X%02X", instruction, data, data, data & 0xf0,
                     sum);
            if (hf_ptz_decode(hf_slice_of(text), &ptz) != HF_OK)
                continue;
            accepted++;
            assert_int_equal(hf_ptz_encode(&ptz, again), HF_OK);
            assert_int_equal(hf_ptz_decode(hf_slice_of(again), &back), HF_OK);
            assert_int_equal(back.order, ptz.order);
            assert_int_equal(hf_ptz_encode(&back, text), HF_OK);
            assert_string_equal(text, again);
        }
    assert_true(accepted > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_have_their_bytes),
        cmocka_unit_test(values_out_of_range_are_refused),
        cmocka_unit_test(wrong_texts_are_refused),
        cmocka_unit_test(whatever_is_read_is_written_as_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
