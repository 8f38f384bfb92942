#include "adapter/gb28181/gb_testkit.h"

static void begin(void)
{
    kit_begin(NULL);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    kit_pass(0);
}

static void what_a_device_says_becomes_an_event(void **state)
{
    static const struct {
        const char *body, *event;
    } rows[] = {
        {KIT_XML("Notify", "MediaStatus", "3", "<NotifyType>121</NotifyType>"),
         "gb/MediaStatus {\"command\":\"MediaStatus\",\"root\":\"Notify\",\"sn\":3,\"device_id\":\"" CAMERA
         "\",\"notify_type\":"},
        {KIT_XML("Notify", "Novelty", "4", "<Thing>1</Thing>"), "gb/Novelty {"}, /* nobody here knows it */
        {KIT_XML("Notify", "a/b", "4", ""), "gb/other {"},
        {KIT_XML("Notify", "#", "4", ""), "gb/other {"},
        {KIT_XML("Response", "DeviceInfo", "77", "<Result>OK</Result>"), "gb/DeviceInfo {"}, /* late */
    };

    (void)state;
    begin();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(kit_message(CAMERA, rows[i].body), 200);
        if (strncmp(kit_event(HF_EVENT_MESSAGE), rows[i].event, strlen(rows[i].event)) != 0)
            fail_msg("row %zu: %s", i, kit_event(HF_EVENT_MESSAGE));
    }
    assert_int_equal(kit_stats()->answers_late, 1);
    assert_int_equal(kit_stats()->messages, 5);
    kit_end();
}

static void an_alarm_is_answered(void **state)
{
    (void)state;
    begin();
    assert_int_equal(kit_message(CAMERA, KIT_XML("Notify", "Alarm", "9", "<AlarmPriority>1</AlarmPriority>")),
                     200); /* first */
    assert_true(kit_read());
    assert_true(kit_has("<Response>"));
    assert_true(kit_has("<CmdType>Alarm</CmdType>"));
    assert_true(kit_has("<SN>9</SN>"));
    assert_true(kit_has("<Result>OK</Result>"));
    kit_reply(200, "OK");
    kit_nothing();
    assert_int_equal(kit_stats()->answers_late, 0);
    kit_end();
}

static void a_keepalive_is_no_event_but_a_fault_is(void **state)
{
    (void)state;
    begin();
    assert_int_equal(kit_keepalive(), 200);
    assert_int_equal(tk_count(kit.tk, HF_EVENT_MESSAGE, NULL), 0);
    assert_int_equal(kit_message(CAMERA, KIT_XML("Notify", "Keepalive", "2",
                                                 "<Status>OK</Status><Info><DeviceID>34020000001310000001"
                                                 "</DeviceID></Info>")),
                     200);
    assert_int_equal(tk_count(kit.tk, HF_EVENT_MESSAGE, NULL), 1);
    assert_non_null(strstr(kit_event(HF_EVENT_MESSAGE), "34020000001310000001"));
    assert_int_equal(kit_message(CAMERA, KIT_XML("Notify", "Keepalive", "2", "<Status>ERROR</Status>")), 200);
    assert_int_equal(tk_count(kit.tk, HF_EVENT_MESSAGE, NULL), 2);
    assert_int_equal(kit_keepalive(), 200); /* and that it is over */
    assert_int_equal(kit_keepalive(), 200);
    assert_int_equal(tk_count(kit.tk, HF_EVENT_MESSAGE, NULL), 3);
    assert_int_equal(kit_stats()->keepalives, 5);
    kit_end();
}

static void a_repeat_is_one_event(void **state)
{
    (void)state;
    begin();
    assert_int_equal(kit_message(CAMERA, KIT_XML("Notify", "MediaStatus", "3", "")), 200);
    kit_again();
    assert_int_equal(kit_status(), 200);
    assert_int_equal(tk_count(kit.tk, HF_EVENT_MESSAGE, NULL), 1);
    kit_end();
}

static void what_cannot_be_read_is_refused_and_the_device_stays(void **state)
{
    static char large[KIT_TEXT_MAX];
    static const struct hf_access_rule deny = {.device = HF_SLICE("*"),
                                               .topic = HF_SLICE("gb/MediaStatus"),
                                               .direction = HF_ACCESS_UP,
                                               .allow = false};
    static const struct hf_access_rule allow = {
        .device = HF_SLICE("*"), .topic = HF_SLICE("#"), .direction = HF_ACCESS_BOTH, .allow = true};
    struct hf_access_rules *rules;
    unsigned bad;

    (void)state;
    begin();
    assert_int_equal(kit_message(CAMERA, "nothing"), 400);
    assert_int_equal(kit_message(CAMERA, ""), 400);
    (void)snprintf(large, sizeof(large), "%s", "<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>x");
    assert_int_equal(kit_message(CAMERA, large), 400); /* too deep */
    assert_int_equal(kit_stats()->messages_bad, 3);
    kit_say("MESSAGE", CAMERA, "Content-Type: text/plain\r\n", KIT_KEEPALIVE);
    assert_int_equal(kit_status(), 415);
    kit.log_busy = true;
    assert_int_equal(kit_message(CAMERA, KIT_XML("Notify", "MediaStatus", "3", "")), 503);
    kit.log_busy = false;
    kit.tk->refuse = HF_ERR_LIMIT;
    assert_int_equal(kit_message(CAMERA, KIT_XML("Notify", "MediaStatus", "3", "")), 503);
    kit.tk->refuse = HF_OK;
    assert_int_equal(kit_stats()->messages_busy, 2);
    assert_int_equal(hf_access_new((struct hf_access_rule[]){deny, allow}, 2, &bad, &rules), HF_OK);
    kit.tk->rules.access = rules;
    assert_int_equal(kit_message(CAMERA, KIT_XML("Notify", "MediaStatus", "3", "")), 403);
    assert_int_equal(kit_stats()->messages_denied, 1);
    kit.tk->rules.access = NULL;
    hf_access_free(rules);
    assert_int_equal(tk_count(kit.tk, HF_EVENT_MESSAGE, NULL), 0);
    assert_int_equal(kit_presence(CAMERA), HF_ONLINE);
    kit_end();
}

static void a_flood_is_slowed_down_but_not_its_keepalives(void **state)
{
    unsigned taken = 0, busy = 0;

    (void)state;
    begin();
    kit.tk->rules.uplink = (struct hf_rate_limit){.per_second = 1, .capacity = 5};
    for (unsigned i = 0; i < 20; i++) {
        unsigned status = kit_message(CAMERA, KIT_XML("Notify", "MediaStatus", "3", ""));
        taken += status == 200;
        busy += status == 503;
        assert_int_equal(kit_keepalive(), 200);
    }
    assert_int_equal(taken, 5);
    assert_int_equal(busy, 15);
    assert_int_equal(tk_count(kit.tk, HF_EVENT_MESSAGE, NULL), 5);
    kit_end();
}

static void an_event_that_is_too_large(void **state)
{
    /* 65,535 bytes of a datagram become more than the bound only when every byte is escaped as \u00XX. */
    (void)state;
    begin();
    static char body[KIT_TEXT_MAX];
    struct hf_sb sb;

    hf_sb_init(&sb, body, sizeof(body));
    hf_sb_text(&sb, "<Response><CmdType>Catalog</CmdType><SN>1</SN><DeviceID>" CAMERA
                    "</DeviceID><SumNum>900</SumNum><DeviceList>");
    for (unsigned i = 0; i < 900; i++)
        hf_sb_printf(&sb, "<Item><DeviceID>%u</DeviceID><Name>n</Name></Item>", i);
    hf_sb_text(&sb, "</DeviceList></Response>");
    assert_int_equal(kit_message(CAMERA, body), 200);
    struct hf_event event;
    assert_int_equal(tk_count(kit.tk, HF_EVENT_MESSAGE, &event), 1);
    assert_non_null(memmem(event.payload.at, event.payload.bytes, "\"899\"", 5)); /* all of it */
    kit_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_device_says_becomes_an_event),
        cmocka_unit_test(an_alarm_is_answered),
        cmocka_unit_test(a_keepalive_is_no_event_but_a_fault_is),
        cmocka_unit_test(a_repeat_is_one_event),
        cmocka_unit_test(what_cannot_be_read_is_refused_and_the_device_stays),
        cmocka_unit_test(a_flood_is_slowed_down_but_not_its_keepalives),
        cmocka_unit_test(an_event_that_is_too_large),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
