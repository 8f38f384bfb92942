#include "adapter/gb28181/gb_testkit.h"

static struct tk_reply reply;

static void begin(void)
{
    kit_begin(NULL);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    kit_pass(0);
}

/* The next request of ours, over everything else. */
static void read_request(void)
{
    do {
        assert_true(kit_read());
    } while (kit.msg.kind != HF_SIP_REQUEST);
}

/* How the last command ended, and with what, as the log has it. */
static const char *result(void)
{
    static char text[1 << 16];

    for (size_t i = kit.tk->appended; i > 0; i--) {
        struct hf_event event = tk_event(kit.tk, i - 1);

        if (event.type != HF_EVENT_COMMAND_DONE && event.type != HF_EVENT_COMMAND_FAILED)
            continue;
        (void)snprintf(text, sizeof(text), "%s %.*s", event.type == HF_EVENT_COMMAND_DONE ? "done" : "failed",
                       (int)event.payload.bytes, event.payload.at ? event.payload.at : "");
        return text;
    }
    return "";
}

static void expect(const char *want)
{
    tk_run(kit.tk);
    if (!reply.done)
        fail_msg("not yet: %s", want);
    if (strstr(result(), want) == NULL)
        fail_msg("%s instead of %s", result(), want);
}

/* The device's own answer to the query read last. */
static unsigned answer(const char *type, unsigned sn, const char *rest)
{
    static char body[KIT_TEXT_MAX];

    (void)snprintf(body, sizeof(body),
                   "<Response><CmdType>%s</CmdType><SN>%u</SN><DeviceID>" CAMERA "</DeviceID>%s</Response>",
                   type, sn, rest);
    return kit_message(CAMERA, body);
}

static void a_query_ends_with_the_devices_own_answer(void **state)
{
    (void)state;
    begin();
    kit_command(&reply, CAMERA, "DeviceInfo", "");
    assert_true(kit_read());
    assert_true(kit_has("MESSAGE sip:" CAMERA "@192.0.2.10:5060 SIP/2.0\r\n"));
    assert_true(kit_has("Via: SIP/2.0/UDP 198.51.100.5:5060;rport;branch=z9hG4bK"));
    assert_true(kit_has("Contact: <sip:" SERVER "@198.51.100.5:5060>"));
    assert_true(kit_has("<DeviceID>" CAMERA "</DeviceID>"));
    assert_true(hf_slice_is(hf_gb_home(hf_slice_of(kit.text)), CAMERA)); /* by its Call-ID, which is ours */
    unsigned sn = kit_sn();
    kit_reply(200, "OK");
    assert_true(hf_slice_is(hf_gb_call_id_device(kit.msg.call_id), CAMERA));
    assert_false(reply.done);
    assert_int_equal(answer("DeviceInfo", sn, "<Result>OK</Result><Model>M1</Model>"), 200);
    expect("done {\"command\":\"DeviceInfo\",\"root\":\"Response\",\"sn\":");
    expect("\"model\":\"M1\"");
    assert_int_equal(tk_count(kit.tk, HF_EVENT_MESSAGE, NULL), 0); /* it is no event besides */
    struct hf_event shadow;
    assert_int_equal(tk_count(kit.tk, HF_EVENT_SHADOW, &shadow), 1); /* but its shadow says so from now on */
    assert_true(hf_slice_is(shadow.device, CAMERA) && hf_slice_is(shadow.key, "gateway"));
    assert_non_null(memmem(shadow.payload.at, shadow.payload.bytes,
                           "\"reported\":{\"info\":{\"model\":\"M1\"}}",
                           strlen("\"reported\":{\"info\":{\"model\":\"M1\"}}")));
    assert_int_equal(kit_stats()->commands_done, 1);
    kit_end();
}

static void the_answer_may_overtake_the_200(void **state)
{
    (void)state;
    begin();
    kit_command(&reply, CAMERA, "DeviceStatus", "{\"device_id\":\"34020000001310000001\"}");
    assert_true(kit_read());
    assert_true(kit_has("<DeviceID>34020000001310000001</DeviceID>")); /* a channel's */
    assert_int_equal(answer("DeviceStatus", kit_sn(), "<Result>ERROR</Result>"), 200);
    expect("failed {\"command\":\"DeviceStatus\"");
    assert_int_equal(tk_count(kit.tk, HF_EVENT_SHADOW, NULL), 0); /* a channel's, and a failure */
    assert_int_equal(reply.call.fate_reason, HF_REASON_DEVICE_REFUSED);
    kit_end();
}

static void silence_names_the_timer(void **state)
{
    (void)state;
    begin();
    kit_command(&reply, CAMERA, "DeviceInfo", ""); /* not even SIP answers */
    kit_pass(4900);
    assert_false(reply.done);
    kit_pass(200);
    expect("done {\"confirmed\":false,\"timer\":\"sip_wait\",\"limit_ms\":5000}");
    while (kit_read())
        ;
    kit_command(&reply, CAMERA, "DeviceInfo", "");
    read_request();
    kit_reply(200, "OK");
    kit_pass(9900);
    assert_false(reply.done);
    kit_pass(200);
    expect("done {\"confirmed\":false,\"timer\":\"answer_wait\",\"limit_ms\":10000,\"status\":200}");
    while (kit_read()) /* repeats of the first, which SIP gives up later */
        ;
    kit_command(&reply, CAMERA, "Catalog", "");
    read_request();
    kit_reply(200, "OK");
    kit_pass(60000);
    assert_int_equal(kit_keepalive(), 200);
    kit_pass(59900);
    assert_false(reply.done);
    kit_pass(200);
    expect("\"timer\":\"list_wait\",\"limit_ms\":120000");
    assert_int_equal(kit_stats()->commands_unconfirmed, 3);
    kit_end();
}

static void a_refusal_names_the_status(void **state)
{
    (void)state;
    begin();
    kit_command(&reply, CAMERA, "PresetQuery", "");
    assert_true(kit_read());
    kit_reply(404, "Not Found");
    expect("failed {\"confirmed\":false,\"status\":404,\"text\":\"Not Found\"}");
    kit_command(&reply, CAMERA, "DeviceInfo", "");
    assert_true(kit_read());
    kit_reply(486, "\xc3\xa6\xc2\xb5"); /* GBK, and UTF-8 of something else */
    expect("failed {\"confirmed\":false,\"status\":486,\"text\":\"忙碌\"}");
    assert_int_equal(kit_stats()->commands_failed, 2);
    kit_end();
}

static void what_has_no_answer_ends_with_the_200(void **state)
{
    static const struct {
        const char *name, *json, *xml; /* NULL: cannot be made */
        const char *result;
    } rows[] = {
        {"DeviceControl", "{\"ptz_cmd\":\"A50F0108FA1400CB\"}", "<PTZCmd>A50F0108FA1400CB</PTZCmd>",
         "done {\"confirmed\":true,\"status\":200}"},
        {"PTZCmd", "\"A50F0108FA1400CB\"", "<PTZCmd>A50F0108FA1400CB</PTZCmd>", "done"},
        {"TeleBoot", "", "<TeleBoot>Boot</TeleBoot>", "done"},
        {"teleboot", "{ \"device_id\" : \"34020000001310000001\" }",
         "<DeviceID>34020000001310000001</DeviceID>\r\n<TeleBoot>Boot</TeleBoot>", "done"},
        {"IFrameCmd", "{}", "<IFameCmd>Send</IFameCmd>", "done"},
        {"PTZCmd", "{}", NULL,
         "failed {\"confirmed\":false,\"reason\":\"bad_request\",\"element\":\"PTZCmd\",\"text\":\"an object "
         "of the "
         "order's members, or its value alone\"}"},
        {"PTZCmd", "{", NULL, "\"reason\":\"bad_request\""},
        {"DeviceControl", "{}", NULL, "\"reason\":\"bad_request\""},
        {"DeviceInfo", "{\"nonsense\":1}", NULL,
         "failed {\"confirmed\":false,\"reason\":\"bad_request\",\"element\":\"nonsense\",\"text\":\"nothing "
         "of that "
         "name is known here\"}"},
        {"RecordCmd", "\"Maybe\"", NULL, "\"element\":\"record\",\"text\":\"Record, StopRecord\"}"},
        {"HomePosition", "{\"home_position\":{\"reset_time\":\"x\"}}", NULL,
         "\"element\":\"reset_time\",\"text\":\"a whole number\"}"},
        {"Nonsense", "", NULL, "\"element\":\"CmdType\",\"text\":\"the name of something that can"},
        {"Keepalive", "", NULL, "\"reason\":\"bad_request\",\"element\":\"CmdType\",\"text\""},
        {"RecordInfo", "{}", NULL, "\"element\":\"start_time\",\"text\":\"it is missing"},
        {"SDCardStatus", "", NULL, "\"element\":\"CmdType\",\"text\":\"for devices of edition 2022"},
        {"FormatSDCard", "", NULL, "\"not_implemented\",\"element\":\"FormatSDCard\",\"text\""},
    };

    (void)state;
    begin();
    kit.tk->rules.commands = (struct hf_rate_limit){1000, 1000};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        kit_command(&reply, CAMERA, rows[i].name, rows[i].json);
        if (rows[i].xml != NULL) {
            assert_true(kit_read());
            if (!kit_has(rows[i].xml))
                fail_msg("row %zu: %s", i, kit.text);
            kit_reply(200, "OK");
        } else {
            kit_nothing();
            kit_pass(20);
        }
        expect(rows[i].result);
    }
    assert_int_equal(kit_stats()->commands_bad, 11);
    (void)snprintf(kit.header, sizeof(kit.header), "X-GB-Ver: 3.0\r\n");
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    kit_command(&reply, CAMERA, "SDCardStatus", "");
    read_request();
    assert_true(kit_has("encoding=\"GB18030\""));
    kit_end();
}

static void a_wrong_number_is_forgiven_when_nothing_can_be_confused(void **state)
{
    struct tk_reply other;

    (void)state;
    begin();
    kit_command(&reply, CAMERA, "DeviceInfo", "");
    assert_true(kit_read());
    assert_int_equal(answer("DeviceInfo", 0, "<Result>OK</Result>"), 200);
    expect("done");
    assert_int_equal(kit_stats()->answers_by_type, 1);
    kit_command(&reply, CAMERA, "DeviceInfo", "");
    kit_command(&other, CAMERA, "DeviceInfo", "");
    assert_int_equal(answer("DeviceInfo", 0, "<Result>OK</Result>"), 200);
    assert_false(reply.done);
    assert_int_equal(kit_stats()->answers_late, 1); /* and it is not lost */
    assert_int_equal(tk_count(kit.tk, HF_EVENT_MESSAGE, NULL), 1);
    kit_pass(5100);
    assert_true(reply.done && other.done);
    kit_end();
}

static void a_late_answer_is_not_the_next_questions(void **state)
{
    (void)state;
    begin();
    kit_command(&reply, CAMERA, "DeviceInfo", "");
    assert_true(kit_read());
    unsigned late = kit_sn();
    kit_reply(200, "OK");
    kit_pass(10100);
    expect("done {\"confirmed\":false,\"timer\":\"answer_wait\",\"limit_ms\":10000,\"status\":200}");
    kit_command(&reply, CAMERA, "DeviceInfo", "");
    assert_true(kit_read());
    assert_in_range(kit_sn(), HF_GB_SN_FIRST, HF_GB_SN_LAST);
    kit_reply(200, "OK");
    unsigned now = kit_sn();
    assert_int_equal(answer("DeviceInfo", late, "<Result>OK</Result>"), 200);
    assert_false(reply.done);
    assert_int_equal(kit_stats()->answers_late, 1);
    assert_int_equal(kit_stats()->answers_by_type, 0);
    assert_int_equal(answer("DeviceInfo", now, "<Result>OK</Result>"), 200);
    expect("done");
    kit_end();
}

static void only_so_many_at_a_time(void **state)
{
    struct tk_reply replies[12];
    unsigned sns[12], count = 0;

    (void)state;
    begin();
    for (unsigned i = 0; i < 12; i++)
        kit_command(&replies[i], CAMERA, "DeviceInfo", "");
    for (; kit_read(); count++)
        sns[count] = kit_sn();
    assert_int_equal(count, HF_GB_OPEN_MAX);
    for (unsigned i = 0; i < 12; i++) { /* each that ends lets the next one go */
        if (i >= count) {
            read_request();
            sns[count++] = kit_sn();
        }
        (void)answer("DeviceInfo", sns[i], "<Result>OK</Result>");
        tk_run(kit.tk);
        for (; kit_read(); count++)
            sns[count] = kit_sn();
    }
    for (unsigned i = 0; i < 12; i++)
        assert_true(replies[i].done && replies[i].call.fate == HF_FATE_DONE);
    assert_int_equal(kit_stats()->commands, 12);
    kit_end();
}

static void a_command_survives_its_devices_absence(void **state)
{
    (void)state;
    begin();
    kit_command(&reply, CAMERA, "DeviceInfo", "");
    read_request();
    kit_reply(200, "OK");
    assert_int_equal(kit_register(CAMERA, 0), 200); /* it leaves instead of answering */
    kit_pass(30000);
    assert_false(reply.done);
    assert_int_equal(kit_stats()->commands_lost, 1);
    assert_int_equal(kit_stats()->requests_now, 0);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    kit_pass(0);
    read_request(); /* asked again */
    assert_int_equal(answer("DeviceInfo", kit_sn(), "<Result>OK</Result>"), 200);
    expect("done");
    kit_end();
}

static void a_flow_that_fails(void **state)
{
    (void)state;
    begin();
    kit.flow = kit_flow(HF_SIP_TCP, 10, 5099);
    assert_int_equal(kit_keepalive(), 200);
    kit_command(&reply, CAMERA, "DeviceInfo", "");
    hf_gb_flow_closed(kit.site, &kit.flow);
    expect("done {\"confirmed\":false,\"error\":\"closed\"}");
    kit.deaf = true;
    kit.flow = kit_flow(HF_SIP_TCP, 10, 5100);
    kit_say("MESSAGE", CAMERA, "Content-Type: Application/MANSCDP+xml\r\n", KIT_KEEPALIVE);
    kit_command(&reply, CAMERA, "DeviceInfo", "");
    kit_pass(20);
    expect("done {\"confirmed\":false,\"error\":\"closed\"}");
    kit_end();
}

static void a_result_that_cannot_be_recorded_is_asked_for_again(void **state)
{
    (void)state;
    begin();
    kit_command(&reply, CAMERA, "DeviceInfo", "");
    assert_true(kit_read());
    unsigned sn = kit_sn();
    kit.tk->refuse = HF_ERR_LIMIT;
    assert_int_equal(answer("DeviceInfo", sn, "<Result>OK</Result>"), 200);
    kit.tk->refuse = HF_OK;
    kit_pass(1000);
    assert_int_equal(kit_presence(CAMERA), HF_OFFLINE);
    assert_int_equal(kit_reason(CAMERA), HF_REASON_STORAGE_FULL);
    assert_false(reply.done);
    kit_end();
}

static void a_plain_message_is_the_body(void **state)
{
    struct tk_send send = {.device = CAMERA, .name = "x", .class = HF_CLASS_MESSAGE, .tag = 0x3e2f613c};

    (void)state;
    begin();
    assert_true(tk_send(kit.tk, &send, &reply));
    tk_run(kit.tk);
    assert_true(kit_read());
    assert_true(kit_has("Content-Type: Application/MANSCDP+xml\r\n"));
    assert_true(kit_has("\r\n\r\n<a/>"));
    kit_reply(200, "OK");
    assert_int_equal(tk_count(kit.tk, HF_EVENT_SENT, NULL), 1);
    send.bytes = HF_GB_BODY_BYTES_MAX + 1;
    assert_true(tk_send(kit.tk, &send, &reply));
    tk_run(kit.tk);
    kit_nothing();
    assert_int_equal(kit_stats()->messages_dropped, 1);
    kit_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_ends_with_the_devices_own_answer),
        cmocka_unit_test(the_answer_may_overtake_the_200),
        cmocka_unit_test(silence_names_the_timer),
        cmocka_unit_test(a_refusal_names_the_status),
        cmocka_unit_test(what_has_no_answer_ends_with_the_200),
        cmocka_unit_test(a_wrong_number_is_forgiven_when_nothing_can_be_confused),
        cmocka_unit_test(a_late_answer_is_not_the_next_questions),
        cmocka_unit_test(only_so_many_at_a_time),
        cmocka_unit_test(a_command_survives_its_devices_absence),
        cmocka_unit_test(a_flow_that_fails),
        cmocka_unit_test(a_result_that_cannot_be_recorded_is_asked_for_again),
        cmocka_unit_test(a_plain_message_is_the_body),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
