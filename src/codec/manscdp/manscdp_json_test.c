/* codec/manscdp/manscdp_json_test.c - what an application asks for as JSON, and what it is told when it cannot be. */
#include "codec/manscdp/manscdp_testkit.h"

#include <cmocka.h>

static _Alignas(max_align_t) char memory[16384];
static struct hf_cdp_message message;
static struct hf_slice wrong;
static const char *wants;

static hf_err from(enum hf_cdp_root root, enum hf_cdp_command command, const char *json)
{
    return hf_cdp_from_json(root, command, hf_slice_of(json), memory, sizeof(memory), &message, &wrong,
                            &wants);
}

static void orders_are_read(void **state)
{
    (void)state;
    assert_int_equal(from(HF_CDP_ROOT_CONTROL, HF_CDP_CMD_DEVICE_CONTROL,
                          "{\"sn\":5,\"device_id\":\"34020000001310000001\",\"guard\":\"SetGuard\",\"stream_"
                          "number\":1,\"record\":null,"
                          "\"ptz_precise\":{\"pan\":12.5,\"tilt\":-3},\"ptz_params\":{\"preset_name\":"
                          "\"\\u5927\\u95e8\"}}"),
                     HF_OK);
    assert_null(wrong.at);
    assert_int_equal(message.root, HF_CDP_ROOT_CONTROL);
    assert_int_equal(message.sn.value, 5);
    assert_true(hf_slice_is(message.device_id, "34020000001310000001"));
    assert_int_equal(message.as.control.guard, HF_CDP_GUARD_SET);
    assert_int_equal(message.as.control.record, 0);
    assert_int_equal(message.as.control.stream_number.value, 1);
    assert_true(message.as.control.ptz_precise.set && message.as.control.ptz_precise.pan.value == 12.5);
    assert_true(message.as.control.ptz_precise.tilt.value == -3 && !message.as.control.ptz_precise.zoom.set);
    assert_true(hf_slice_is(message.as.control.ptz_params.preset_name, "大门"));
    assert_int_equal(from(HF_CDP_ROOT_CONTROL, HF_CDP_CMD_DEVICE_CONFIG,
                          " { \"osd_config\" : { \"texts\" : [ { \"text\" : \"a\\\"}]\" , \"x\" : 1 } , { } "
                          "] } , \"result\" : \"OK\" } "),
                     HF_OK);
    assert_int_equal(message.result, HF_CDP_HEALTH_OK);
    assert_int_equal(message.as.config.osd_config.texts.count, 2);
    const struct hf_cdp_osd_text *texts = message.as.config.osd_config.texts.items;

    assert_true(hf_slice_is(texts[0].text, "a\"}]") && texts[0].x.value == 1 && texts[1].text.at == NULL);
    assert_int_equal(
        from(HF_CDP_ROOT_NOTIFY, HF_CDP_CMD_KEEPALIVE, "{\"status\":\"ok\",\"faulty\":[\"1\",\"2\\n\"]}"),
        HF_OK);
    const struct hf_cdp_faulty *faulty = message.as.keepalive.faulty.items;

    assert_true(hf_slice_is(faulty[0].value, "1") && hf_slice_is(faulty[1].value, "2\n"));
    assert_int_equal(from(HF_CDP_ROOT_QUERY, HF_CDP_CMD_CATALOG, "{}"), HF_OK);
}

static void what_is_wrong_is_named(void **state)
{
    static const struct {
        const char *json, *member, *wants;
    } rows[] = {
        {"", "", NULL},
        {"[]", "", NULL},
        {"{\"guard\":", "", NULL},
        {"{\"fly\":1}", "fly", "nothing of that name is known here"},
        {"{\"guard\":\"Maybe\"}", "guard", "SetGuard, ResetGuard"},
        {"{\"guard\":1}", "guard", "SetGuard, ResetGuard"},
        {"{\"guard\":\"SetGuard\",\"guard\":\"ResetGuard\"}", "guard", "it is said twice"},
        {"{\"stream_number\":\"1\"}", "stream_number", "a whole number"},
        {"{\"stream_number\":1.5}", "stream_number", "a whole number"},
        {"{\"ptz_precise\":5}", "ptz_precise", "an object"},
        {"{\"ptz_precise\":{\"pan\":\"x\"}}", "pan", "a number"},
        {"{\"ptz_precise\":{\"sn\":1}}", "sn", "nothing of that name is known here"},
        {"{\"ptz_cmd\":7}", "ptz_cmd", "a text"},
        {"{\"sn\":\"5\"}", "sn", "a whole number"},
        {"{\"result\":\"perhaps\"}", "result", "OK, ERROR"},
        {"{\"result\":5}", "result", "OK, ERROR"},
        {"{\"device_id\":5}", "device_id", "a text"},
        {"{\"set\":true}", "set", "nothing of that name is known here"},
    };
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        if (from(HF_CDP_ROOT_CONTROL, HF_CDP_CMD_DEVICE_CONTROL, rows[i].json) != HF_ERR_INVALID ||
            !hf_slice_is(wrong, rows[i].member))
            fail_msg("%s: '%.*s'", rows[i].json, (int)wrong.bytes, wrong.at);
        if (rows[i].wants == NULL ? wants != NULL : wants == NULL || strcmp(wants, rows[i].wants) != 0)
            fail_msg("%s: %s", rows[i].json, wants);
    }
    assert_int_equal(from(HF_CDP_ROOT_QUERY, HF_CDP_CMD_KEEPALIVE, "{}"), HF_ERR_INVALID);
    assert_int_equal(from(HF_CDP_ROOT_CONTROL, HF_CDP_CMD_DEVICE_CONFIG, "{\"osd_config\":{\"texts\":{}}}"),
                     HF_ERR_INVALID);
    assert_int_equal(from(HF_CDP_ROOT_CONTROL, HF_CDP_CMD_DEVICE_CONFIG, "{\"osd_config\":{\"texts\":[1]}}"),
                     HF_ERR_INVALID);
    assert_true(hf_slice_is(wrong, "texts"));
    assert_string_equal(wants, "a list of objects");
    /* A password is neither read nor written. */
    assert_int_equal(from(HF_CDP_ROOT_RESPONSE, HF_CDP_CMD_CATALOG, "{\"devices\":[{\"password\":\"x\"}]}"),
                     HF_ERR_INVALID);
    assert_true(hf_slice_is(wrong, "password"));
}

static void memory_is_bounded(void **state)
{
    static const char json[] = "{\"faulty\":[\"1\",\"2\\n\"],\"status\":\"O\\u004b\"}";
    size_t enough = 0;

    (void)state;
    for (size_t bytes = 0; bytes <= 256 && enough == 0; bytes++) {
        char *exact = malloc(bytes + (bytes == 0));
        hf_err err = hf_cdp_from_json(HF_CDP_ROOT_NOTIFY, HF_CDP_CMD_KEEPALIVE, HF_SLICE(json), exact, bytes,
                                      &message, &wrong, NULL);

        assert_true(err == HF_OK || err == HF_ERR_LIMIT);
        enough = err == HF_OK ? bytes : 0;
        free(exact);
    }
    assert_true(enough >= 2 * sizeof(struct hf_cdp_faulty));
    static char list[2 * (HF_CDP_ITEMS_MAX + 1) + 32], big[(HF_CDP_ITEMS_MAX + 1) * 32];
    struct hf_sb sb;

    for (size_t count = HF_CDP_ITEMS_MAX; count <= HF_CDP_ITEMS_MAX + 1; count++) {
        hf_sb_init(&sb, list, sizeof(list));
        hf_sb_text(&sb, "{\"faulty\":[1");
        for (size_t i = 1; i < count; i++)
            hf_sb_text(&sb, ",1");
        hf_sb_text(&sb, "]}");
        /* The first item is wrong, unless the list is refused as a whole. */
        assert_int_equal(hf_cdp_from_json(HF_CDP_ROOT_NOTIFY, HF_CDP_CMD_KEEPALIVE, hf_sb_done(&sb), big,
                                          sizeof(big), &message, &wrong, NULL),
                         count > HF_CDP_ITEMS_MAX ? HF_ERR_LIMIT : HF_ERR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_are_read),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(memory_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
