/* Questions and orders from above that are a camera's: as which command it gets them, and every end that they can have. */
#include "adapter/gb28181/gb_upstream_testkit.h"

#define RECORDER "34020000001180000001"
#define CHANNEL  "34020000001310000001"
#define ABOVE    "34010000001310000009"

static const struct hf_gb_up_alias aliases[] = {{{ABOVE, 20}, {RECORDER, 20}, {CHANNEL, 20}}};

static void begin(bool online)
{
    kit_begin(&(struct hf_gb_upstream_options){.shown = {.aliases = aliases, .alias_count = 1}});
    kit_device(RECORDER, online, "gb28181");
    kit_channel(RECORDER, CHANNEL, HF_CHANNEL_ON, "door", RECORDER, "{}");
    kit_register();
}

static void ask(const char *root, const char *command, const char *more)
{
    char body[1024];

    (void)snprintf(body, sizeof(body),
                   "<?xml version=\"1.0\"?>\r\n<%s><CmdType>%s</CmdType><SN>41</SN><DeviceID>" ABOVE
                   "</DeviceID>%s</%s>",
                   root, command, more, root);
    kit_ask("MESSAGE", "Max-Forwards: 70\r\n", body);
    assert_int_equal(kit_status(), 200);
}

static void done(enum hf_fate fate, const char *result)
{
    struct hf_call *call = kit.call;

    kit.call = NULL;
    call->fate = (uint8_t)fate;
    if (result != NULL) {
        call->result = strdup(result);
        call->result_bytes = strlen(result);
        call->result_format = HF_FORMAT_JSON;
    }
    call->on_done(call);
}

static void as_which_command(void **state)
{
    static const struct {
        const char *root, *command, *more, *topic, *payload;
        bool waits;
    } rows[] = {
        {"Control", "DeviceControl", "<PTZCmd>A50F010800FA00B7</PTZCmd>", "DeviceControl",
         "{\"device_id\":\"" CHANNEL "\",\"ptz_cmd\":\"A50F010800FA00B7\"}", false},
        {"Control", "DeviceControl", "<GuardCmd>SetGuard</GuardCmd>", "DeviceControl",
         "{\"device_id\":\"" CHANNEL "\",\"guard\":\"SetGuard\"}", true},
        {"Query", "DeviceInfo", "", "DeviceInfo", "{\"device_id\":\"" CHANNEL "\"}", true},
        {"Query", "RecordInfo",
         "<StartTime>2026-01-01T00:00:00</StartTime><EndTime>2026-01-02T00:00:00</EndTime>", "RecordInfo",
         "{\"device_id\":\"" CHANNEL
         "\",\"start_time\":\"2026-01-01T00:00:00\",\"end_time\":\"2026-01-02T00:00:00\"}",
         true},
        {"Query", "ConfigDownload", "<ConfigType>BasicParam</ConfigType>", "ConfigDownload",
         "{\"device_id\":\"" CHANNEL "\",\"config_type\":\"BasicParam\"}", true},
    };

    (void)state;
    begin(true);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        ask(rows[i].root, rows[i].command, rows[i].more);
        assert_int_equal(kit.calls, i + 1);
        assert_true(hf_slice_is(kit.call->device, RECORDER));
        assert_true(hf_slice_is(kit.call->tenant, "acme"));
        assert_true(hf_slice_is(kit.call->topic, rows[i].topic));
        assert_true(hf_slice_is(kit.call->payload, rows[i].payload));
        assert_int_equal(kit.call->class, HF_CLASS_COMMAND);
        assert_int_equal(kit.call->wait, rows[i].waits);
        assert_int_equal(kit.call->id[6] >> 4, 7); /* a UUID of version 7 */
        kit_nothing();
        done(HF_FATE_QUEUED, NULL);
        kit_forget();
    }
    kit_end();
}

static void the_cameras_answer_goes_up_under_their_number_and_id(void **state)
{
    (void)state;
    begin(true);
    ask("Query", "DeviceInfo", "");
    done(HF_FATE_DONE,
         "{\"command\":\"DeviceInfo\",\"root\":\"Response\",\"sn\":5,\"device_id\":\"" CHANNEL
         "\",\"result\":\"OK\",\"manufacturer\":\"Acme\",\"extra\":[{\"name\":\"V\",\"value\":\"1\"}]}");
    assert_true(kit_read());
    assert_true(kit_has("<SN>41</SN>") && kit_has("<DeviceID>" ABOVE "</DeviceID>"));
    assert_true(kit_has("<Result>OK</Result>") && kit_has("<Manufacturer>Acme</Manufacturer>"));
    kit_answer(200, "");
    ask("Control", "DeviceControl", "<GuardCmd>SetGuard</GuardCmd>");
    done(HF_FATE_FAILED,
         "{\"command\":\"DeviceControl\",\"root\":\"Response\",\"sn\":6,\"result\":\"ERROR\"}");
    assert_true(kit_read());
    assert_true(kit_has("<Result>ERROR</Result>"));
    kit_answer(200, "");
    ask("Query", "RecordInfo",
        "<StartTime>2026-01-01T00:00:00</StartTime><EndTime>2026-01-02T00:00:00</EndTime>");
    done(HF_FATE_DONE,
         "{\"command\":\"RecordInfo\",\"sn\":7,\"complete\":true,\"sum_num\":2,\"count\":2,\"items\":["
         "{\"device_id\":\"" CHANNEL
         "\",\"name\":\"a\",\"start_time\":\"2026-01-01T00:00:00\",\"end_time\":\"2026-01-01T01:00:00\"},\n"
         "{\"device_id\":\"" CHANNEL "\",\"name\":\"b\",\"extra\":[]}]}");
    assert_true(kit_read());
    assert_true(kit_has("<SumNum>2</SumNum>") && kit_has("<DeviceID>" ABOVE "</DeviceID>\r\n<Name>a</Name>"));
    assert_false(kit_has(CHANNEL));
    kit_end();
}

static void ends_without_an_answer(void **state)
{
    static const struct {
        enum hf_fate fate;
        const char *result;
    } rows[] = {
        {HF_FATE_EXPIRED, NULL},
        {HF_FATE_SENT, NULL},
        {HF_FATE_FAILED, NULL},
        {HF_FATE_DONE, "{\"confirmed\":false,\"timer\":\"answer_wait\",\"limit_ms\":10000}"},
        {HF_FATE_FAILED, "{\"confirmed\":false,\"status\":404}"},
        {HF_FATE_DONE, "no JSON"},
    };

    (void)state;
    begin(true);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        ask("Query", "DeviceInfo", "");
        done(rows[i].fate, rows[i].result);
        assert_true(kit_read());
        assert_true(kit_has("<Result>ERROR</Result>") && kit_has("<SN>41</SN>"));
        kit_answer(200, "");
    }
    (void)kit_state();
    assert_int_equal(kit.view.stats.forwards_failed, HF_COUNT_OF(rows));
    kit_end();
}

static void a_device_that_is_away(void **state)
{
    (void)state;
    begin(false);
    ask("Query", "DeviceStatus", "");
    assert_int_equal(kit.calls, 0);
    assert_true(kit_read());
    assert_true(kit_has("<Result>ERROR</Result>") && kit_has("<Online>OFFLINE</Online>"));
    kit_answer(200, "");
    ask("Control", "DeviceControl", "<PTZCmd>A50F010800FA00B7</PTZCmd>"); /* has no answer */
    kit_nothing();
    kit_end();
}

static void a_gateway_that_is_busy(void **state)
{
    (void)state;
    begin(true);
    kit.refuse_calls = HF_ERR_BUSY;
    ask("Query", "DeviceInfo", "");
    kit_nothing();
    (void)kit_state();
    assert_int_equal(kit.view.stats.busy, 1);
    assert_int_equal(kit.view.stats.forwarded, 0);
    kit_end();
}

static void what_it_waits_for_outlives_it(void **state)
{
    (void)state;
    begin(true);
    ask("Query", "DeviceInfo", "");
    struct hf_call *call = kit.call;
    hf_gb_upstream_stop(kit.up);
    kit_pass(HF_GB_UP_LEAVE_MS + 100);
    assert_int_equal(kit_state(), HF_GB_UP_IDLE);
    assert_true(call->abandoned);
    kit_forget();
    done(HF_FATE_DONE, "{\"result\":\"OK\"}");
    kit_nothing();
    kit_end();
}

static void too_far_and_too_odd(void **state)
{
    (void)state;
    begin(true);
    kit_ask("MESSAGE", "Max-Forwards: 0\r\n",
            "<Query><CmdType>DeviceInfo</CmdType><SN>1</SN><DeviceID>" ABOVE "</DeviceID></Query>");
    assert_int_equal(kit_status(), 483);
    kit_ask("MESSAGE", "Max-Forwards: 70\r\n", "no XML");
    assert_int_equal(kit_status(), 400);
    kit_ask("MESSAGE", "Max-Forwards: 70\r\n",
            "<Response><CmdType>Alarm</CmdType><SN>1</SN><DeviceID>" US "</DeviceID></Response>");
    assert_int_equal(kit_status(), 200);
    kit_ask("MESSAGE", "Max-Forwards: 70\r\nContent-Type: application/pdf\r\n", "x");
    assert_int_equal(kit_status(), 415);
    kit_nothing();
    ask("Notify", "Broadcast", "<SourceID>34020000001360000001</SourceID><TargetID>" ABOVE "</TargetID>");
    assert_true(kit_read());
    assert_true(kit_has("<Result>ERROR</Result>"));
    assert_int_equal(kit.calls, 0);
    kit_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_which_command),
        cmocka_unit_test(the_cameras_answer_goes_up_under_their_number_and_id),
        cmocka_unit_test(ends_without_an_answer),
        cmocka_unit_test(a_device_that_is_away),
        cmocka_unit_test(a_gateway_that_is_busy),
        cmocka_unit_test(what_it_waits_for_outlives_it),
        cmocka_unit_test(too_far_and_too_odd),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
