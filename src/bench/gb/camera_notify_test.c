#include "bench/gb/camera_testkit.h"

static void keepalives_come_each_interval_and_name_a_fault(void **state)
{
    struct hf_cam_profile profile = {.keepalive_ms = 20000};

    (void)state;
    kit_begin(&profile);
    kit_register();
    assert_in_range(kit_wait(HF_SIP_MESSAGE, 21000), 0, 20020); /* the first at random within the interval */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(kit.body.command, HF_CDP_CMD_KEEPALIVE);
        assert_int_equal(kit.body.as.keepalive.status, HF_CDP_HEALTH_OK);
        kit_reply(200, "");
        assert_in_range(kit_wait(HF_SIP_MESSAGE, 21000), 19980, 20020);
    }
    kit_reply(200, "");
    kit.events[0] = '\0';
    hf_cam_fault(&kit.cam, true);
    kit_request(HF_SIP_MESSAGE);
    assert_int_equal(kit.body.as.keepalive.status, HF_CDP_HEALTH_ERROR);
    assert_true(kit_has("<Info>\r\n<DeviceID>34020000001310000001</DeviceID>\r\n</Info>"));
    kit_reply(200, "");
    assert_string_equal(kit.events, "alive 200");
    hf_cam_fault(&kit.cam, false);
    kit_request(HF_SIP_MESSAGE);
    assert_int_equal(kit.body.as.keepalive.status, HF_CDP_HEALTH_OK);
    kit_end();
}

/* Three without an answer: the platform is dead to it, it registers anew with another Call-ID. */
static void without_answers_it_registers_again(void **state)
{
    struct hf_cam_profile profile = {.keepalive_ms = 60000};

    (void)state;
    kit_begin(&profile);
    kit_register();
    kit.deaf = true;
    for (int i = 0; i < 1000 && kit.cam.state == HF_CAM_REGISTERED; i++)
        kit_pass(1000);
    kit.deaf = false;
    assert_string_equal(kit.events, "missed|missed|missed|gone");
    (void)kit_wait(HF_SIP_REGISTER, 2000);
    kit_reply(200, "");
    assert_int_equal(kit.cam.state, HF_CAM_REGISTERED);
    kit_end();
}

static void a_refused_keepalive_is_followed_by_a_registration(void **state)
{
    (void)state;
    kit_begin(NULL);
    kit_register();
    hf_cam_keepalive(&kit.cam);
    kit_request(HF_SIP_MESSAGE);
    kit_reply(403, "");
    assert_string_equal(kit.events, "gone 403");
    (void)kit_wait(HF_SIP_REGISTER, 2000);
    kit_end();

    struct hf_cam_profile steady = {.steady = true};

    kit_begin(&steady);
    kit_register();
    hf_cam_keepalive(&kit.cam);
    kit_request(HF_SIP_MESSAGE);
    kit_reply(403, "");
    assert_string_equal(kit.events, "missed 403");
    assert_int_equal(kit.cam.state, HF_CAM_REGISTERED);
    kit_end();
}

static void alarms_and_positions_are_messages_without_a_subscriber(void **state)
{
    (void)state;
    kit_begin(NULL);
    hf_cam_alarm(&kit.cam, 1, 5, HF_SLICE("motion")); /* not registered: nothing */
    hf_cam_position(&kit.cam);
    kit_nothing();
    kit_register();
    hf_cam_alarm(&kit.cam, 2, 5, HF_SLICE("motion"));
    kit_request(HF_SIP_MESSAGE);
    assert_int_equal(kit.body.command, HF_CDP_CMD_ALARM);
    assert_int_equal(kit.body.as.alarm.priority.value, 2);
    assert_true(hf_slice_is(kit.body.as.alarm.description, "motion"));
    assert_true(kit_has("<AlarmTime>2026-01-01T08:00:00</AlarmTime>")); /* Beijing */
    kit_reply(200, "");
    hf_cam_position(&kit.cam);
    kit_request(HF_SIP_MESSAGE);
    assert_int_equal(kit.body.command, HF_CDP_CMD_MOBILE_POSITION);
    kit_reply(403, "");
    assert_string_equal(kit.events, "notified Alarm 200|unnotified MobilePosition 403");
    kit_message("<Response><CmdType>Alarm</CmdType><SN>1</SN><DeviceID>" CAMERA
                "</DeviceID><Result>OK</Result></Response>");
    kit_nothing();
    kit_end();
}

#define XML_TYPE "Content-Type: Application/MANSCDP+xml\r\n"

static void a_subscriber_gets_notifies_in_the_dialog(void **state)
{
    (void)state;
    kit_begin(NULL);
    kit_register();
    kit_ask("SUBSCRIBE", 5, "Event: presence\r\nExpires: 90\r\n" XML_TYPE, XML("Query", "Alarm", ""));
    assert_int_equal(kit_status(), 200);
    assert_true(kit_has("Expires: 90\r\n"));
    char tag[64], from[192];

    (void)snprintf(tag, sizeof(tag), "%.*s", (int)kit.msg.to.tag.bytes, kit.msg.to.tag.at);
    hf_cam_alarm(&kit.cam, 1, 5, HF_SLICE("motion"));
    kit_request(HF_SIP_NOTIFY);
    assert_true(kit_has("NOTIFY sip:" SERVER "@198.51.100.5:5060 SIP/2.0\r\n"));
    assert_true(kit_has("Event: presence\r\n") && kit_has("Subscription-State: active;expires=90\r\n"));
    assert_true(hf_slice_is(kit.msg.call_id, "q5") && hf_slice_is(kit.msg.to.tag, "p1"));
    (void)snprintf(from, sizeof(from), "From: <sip:" CAMERA "@" REALM ">;tag=%s\r\n", tag);
    assert_true(kit_has(from));
    assert_int_equal(kit.msg.cseq.number, 1);
    kit_reply(200, "");
    /* It is refreshed in the dialog, and ends by time. */
    kit_pass(60000);
    while (kit_read())
        kit_reply(200, "");
    kit.events[0] = '\0';
    kit_ask("SUBSCRIBE", 5, "Event: presence\r\nExpires: 90\r\n" XML_TYPE, XML("Query", "Alarm", ""));
    assert_int_equal(kit_status(), 200); /* the same one again: nothing changes */
    assert_string_equal(kit.events, "");
    hf_cam_alarm(&kit.cam, 1, 5, HF_SLICE("motion"));
    kit_request(HF_SIP_NOTIFY);
    kit_reply(481, ""); /* the platform does not have it any more */
    assert_null(kit.cam.subscriptions);
    assert_string_equal(kit.events, "unsubscribed Alarm|unnotified Alarm 481");
    kit_end();
}

static void positions_come_by_themselves_until_it_ends(void **state)
{
    (void)state;
    kit_begin(NULL);
    kit_register();
    kit.cam.keepalive_ms = 0;
    kit_ask("SUBSCRIBE", 5, "Event: presence\r\nExpires: 30\r\n" XML_TYPE,
            XML("Query", "MobilePosition", "<Interval>10</Interval>"));
    assert_int_equal(kit_status(), 200);
    for (int i = 0; i < 3; i++) {
        uint64_t took_ms = kit_wait(HF_SIP_NOTIFY, 11000);

        assert_in_range(took_ms, i == 0 ? 0 : 9950, i == 0 ? 40 : 10050);
        assert_int_equal(kit.body.command, HF_CDP_CMD_MOBILE_POSITION);
        kit_reply(200, "");
    }
    kit_pass(30000);
    kit_nothing();
    assert_non_null(strstr(kit.events, "unsubscribed MobilePosition"));
    assert_null(kit.cam.subscriptions);
    kit_end();
}

static void expires_0_ends_a_subscription_with_a_last_notify(void **state)
{
    char end[1024];

    (void)state;
    kit_begin(NULL);
    kit_register();
    kit_ask("SUBSCRIBE", 5, "Event: Catalog;id=3\r\nExpires: 600\r\n" XML_TYPE, XML("Query", "Catalog", ""));
    assert_int_equal(kit_status(), 200);
    hf_cam_fault(&kit.cam, true);
    kit_request(HF_SIP_MESSAGE); /* the keepalive */
    kit_reply(200, "");
    kit_request(HF_SIP_NOTIFY);
    assert_true(kit_has("<Event>DEFECT</Event>") && kit_has("Event: Catalog;id=3\r\n"));
    kit_reply(200, "");
    (void)snprintf(
        end, sizeof(end),
        "SUBSCRIBE sip:" CAMERA "@x SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.5:5060;branch=z9hG4bKend\r\n"
        "From: <sip:" SERVER "@" REALM ">;tag=p1\r\nTo: <sip:" CAMERA "@" REALM ">;tag=t\r\nCall-ID: q5\r\n"
        "CSeq: 6 SUBSCRIBE\r\nEvent: Catalog;id=3\r\nExpires: 0\r\nContent-Length: 0\r\n\r\n");
    kit_gives(end);
    assert_int_equal(kit_status(), 200);
    kit_request(HF_SIP_NOTIFY);
    assert_true(kit_has("Subscription-State: terminated;reason=timeout\r\n"));
    assert_null(kit.cam.subscriptions);
    kit_reply(200, "");
    kit_gives(
        "SUBSCRIBE sip:" CAMERA "@x SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.5:5060;branch=z9hG4bKlate\r\n"
        "From: <sip:" SERVER "@" REALM ">;tag=p1\r\nTo: <sip:" CAMERA "@" REALM ">;tag=t\r\nCall-ID: q5\r\n"
        "CSeq: 7 SUBSCRIBE\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(kit_status(), 481);
    kit_end();
}

static void what_cannot_be_subscribed_to_is_refused(void **state)
{
    (void)state;
    kit_begin(NULL);
    kit_register();
    kit_ask("SUBSCRIBE", 0, "Event: presence\r\n" XML_TYPE, XML("Query", "DeviceInfo", ""));
    assert_int_equal(kit_status(), 489);
    kit_ask("SUBSCRIBE", 0, "Event: presence\r\n" XML_TYPE, "no XML");
    assert_int_equal(kit_status(), 400);
    for (int i = 0; i < HF_CAM_SUBSCRIPTIONS_MAX; i++) {
        kit_ask("SUBSCRIBE", 0, "Event: presence\r\n" XML_TYPE, XML("Query", "Alarm", ""));
        assert_int_equal(kit_status(), 200);
    }
    kit_ask("SUBSCRIBE", 0, "Event: presence\r\n" XML_TYPE, XML("Query", "Alarm", ""));
    assert_int_equal(kit_status(), 503);
    kit_end();
}

static void a_reboot_registers_anew(void **state)
{
    (void)state;
    kit_begin(NULL);
    kit_register();
    kit_message(XML("Control", "DeviceControl", "<TeleBoot>Boot</TeleBoot>"));
    (void)kit_wait(HF_SIP_REGISTER, 2000);
    kit_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keepalives_come_each_interval_and_name_a_fault),
        cmocka_unit_test(without_answers_it_registers_again),
        cmocka_unit_test(a_refused_keepalive_is_followed_by_a_registration),
        cmocka_unit_test(alarms_and_positions_are_messages_without_a_subscriber),
        cmocka_unit_test(a_subscriber_gets_notifies_in_the_dialog),
        cmocka_unit_test(positions_come_by_themselves_until_it_ends),
        cmocka_unit_test(expires_0_ends_a_subscription_with_a_last_notify),
        cmocka_unit_test(what_cannot_be_subscribed_to_is_refused),
        cmocka_unit_test(a_reboot_registers_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
