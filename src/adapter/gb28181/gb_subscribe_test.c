/* Subscriptions at devices, and what they bring. */
#include "adapter/gb28181/gb_testkit.h"
#include "adapter/gb28181/subscribe.h"

static struct tk_reply reply;
static char call_id[128], our_tag[64], event_name[64];
static unsigned expires, cseq;
static bool in_dialog;

static void copy(char *out, size_t bytes, struct hf_slice text)
{
    (void)snprintf(out, bytes, "%.*s", (int)text.bytes, text.at ? text.at : "");
}

/* The next SUBSCRIBE that was sent, over repeats; false when there is none. */
static bool subscribed(void)
{
    while (kit_read())
        if (kit.msg.kind == HF_SIP_REQUEST && kit.msg.method == HF_SIP_SUBSCRIBE &&
            (kit.msg.cseq.number != cseq || !hf_slice_is(kit.msg.call_id, call_id))) {
            uint32_t expires_s = UINT32_MAX;

            copy(call_id, sizeof(call_id), kit.msg.call_id);
            copy(our_tag, sizeof(our_tag), kit.msg.from.tag);
            copy(event_name, sizeof(event_name), hf_sip_value(&kit.msg, HF_SIP_EVENT));
            (void)hf_sip_expires(&kit.msg, &expires_s);
            expires = expires_s;
            cseq = kit.msg.cseq.number;
            in_dialog = kit.msg.to.tag.bytes > 0;
            return true;
        }
    return false;
}

static bool waits(uint64_t ms)
{
    for (uint64_t passed = 0; passed < ms; passed += 500) {
        kit_pass(500);
        if (subscribed())
            return true;
        if (passed % 50000 == 0)
            (void)kit_keepalive();
    }
    return false;
}

/* The camera's answer to the SUBSCRIBE that was read last; headers complete lines. */
static void answers(unsigned status, const char *headers)
{
    static char answer[4096];
    struct hf_sip_reply with = {.status = status, .to_tag = HF_SLICE("cam")};
    struct hf_sb sb;

    hf_sb_init(&sb, answer, sizeof(answer));
    assert_int_equal(hf_sip_write_reply(&sb, &kit.msg, &with), HF_OK);
    hf_sb_text(&sb, headers);
    assert_int_equal(hf_sip_write_end(&sb, (struct hf_slice){NULL, 0}, (struct hf_slice){NULL, 0}), HF_OK);
    assert_int_equal(hf_gb_receive(kit.site, &kit.flow, hf_sb_done(&sb)), HF_OK);
    tk_run(kit.tk);
}

#define CAM_CONTACT "Contact: <sip:" CAMERA "@192.0.2.10:5060>\r\n"
#define GRANTED     CAM_CONTACT "Expires: 600\r\n"

/* What it notifies in its dialog; who: the user of From. */
static unsigned notifies(const char *id, const char *who, unsigned number, const char *state,
                         const char *body)
{
    static char text[8192];

    (void)snprintf(text, sizeof(text),
                   "NOTIFY sip:" SERVER "@198.51.100.5:5060 SIP/2.0\r\n"
                   "Via: SIP/2.0/UDP 192.0.2.10:5060;rport;branch=z9hG4bKn%u\r\n"
                   "From: <sip:%s@" REALM ">;tag=cam\r\nTo: <sip:" SERVER "@" REALM ">;tag=%s\r\n"
                   "Call-ID: %s\r\nCSeq: %u NOTIFY\r\nMax-Forwards: 70\r\n" CAM_CONTACT "Event: %s\r\n%s"
                   "%sContent-Length: %zu\r\n\r\n%s",
                   ++kit.branch, who, our_tag, id, number, event_name, state,
                   body[0] != '\0' ? "Content-Type: Application/MANSCDP+xml\r\n" : "", strlen(body), body);
    (void)hf_gb_receive(kit.site, &kit.flow, hf_slice_of(text));
    unsigned status = kit_status();
    tk_run(kit.tk);
    return status;
}

#define ACTIVE "Subscription-State: active;expires=500\r\n"
#define OFF                                                  \
    KIT_XML("Notify", "Catalog", "3",                        \
            "<SumNum>1</SumNum><DeviceList Num=\"1\"><Item>" \
            "<DeviceID>34020000001310000001</DeviceID><Event>OFF</Event></Item></DeviceList>")
#define POSITION                                                                                    \
    "<Notify><CmdType>MobilePosition</CmdType><SN>1</SN><DeviceID>" CAMERA "</DeviceID><Longitude>" \
    "116.3</Longitude><Latitude>39.9</Latitude></Notify>"
#define ALARM                                                              \
    KIT_XML("Notify", "Alarm", "4",                                        \
            "<AlarmPriority>1</AlarmPriority><AlarmMethod>5</AlarmMethod>" \
            "<AlarmTime>2026-01-01T00:00:00</AlarmTime>")

static const struct hf_gb_sub *sub_of(unsigned topic)
{
    const struct hf_gb_sub *sub = hf_gb_device_find(kit.site, HF_SLICE(CAMERA))->subs;

    while (sub != NULL && sub->topic != topic)
        sub = sub->next;
    return sub;
}

static unsigned state_of(unsigned topic)
{
    return sub_of(topic) ? sub_of(topic)->rule.state : HF_GB_SUB_NONE;
}

static void begin(uint32_t defaults)
{
    struct hf_gb_options options = {.limits = {.subscribe = defaults}};

    call_id[0] = '\0';
    kit_begin(&options);
    assert_int_equal(kit_register(CAMERA, 86400), 200);
    kit_pass(0);
}

static const char *result(unsigned type)
{
    tk_run(kit.tk);
    assert_true(reply.done);
    return kit_event(type);
}

static void a_command_subscribes_and_hears_how_it_went(void **state)
{
    (void)state;
    begin(0);
    kit_command(&reply, CAMERA, "Subscribe", "{\"event\":\"catalog\"}");
    kit_pass(100);
    assert_true(subscribed());
    assert_int_equal(expires, 600);
    assert_int_equal(strncmp(event_name, "Catalog;id=", 11), 0);
    assert_true(kit_has("<Query>") && kit_has("<CmdType>Catalog</CmdType>"));
    assert_true(kit_has("Contact: <sip:" SERVER "@198.51.100.5:5060>"));
    assert_int_equal(state_of(HF_GB_TOPIC_CATALOG), HF_GB_SUB_PENDING);
    assert_false(reply.done);
    answers(200, GRANTED);
    assert_non_null(
        strstr(result(HF_EVENT_COMMAND_DONE),
               "{\"confirmed\":true,\"event\":\"catalog\",\"state\":\"active\",\"expires_s\":600}"));
    assert_int_equal(tk_count(kit.tk, HF_EVENT_CAMERA_SETTINGS, NULL), 1);
    /* Renewed in its dialog, before it runs out. */
    assert_false(waits(479000));
    assert_true(waits(62000));
    assert_true(in_dialog);
    assert_int_equal(expires, 600);
    assert_int_equal(kit_stats()->subscriptions_active, 1);
    answers(200, GRANTED);
    /* And given back. */
    kit_command(&reply, CAMERA, "Unsubscribe", "{\"event\":\"catalog\"}");
    kit_pass(100);
    assert_true(subscribed());
    assert_true(in_dialog);
    assert_int_equal(expires, 0);
    answers(200, GRANTED);
    assert_non_null(strstr(result(HF_EVENT_COMMAND_DONE), "\"state\":\"none\""));
    assert_int_equal(kit_stats()->subscriptions_active, 0);
    assert_false(waits(700000));
    kit_end();
}

static void what_it_brings(void **state)
{
    struct hf_event event;

    (void)state;
    begin(1u << HF_GB_TOPIC_CATALOG | 1u << HF_GB_TOPIC_ALARM);
    assert_true(waits(10000));
    answers(200, GRANTED);
    if (state_of(HF_GB_TOPIC_CATALOG) != HF_GB_SUB_ACTIVE) { /* they come in any order */
        assert_true(waits(10000));
        answers(200, GRANTED);
    }
    assert_int_equal(notifies(call_id, CAMERA, 1, ACTIVE, OFF), 200);
    assert_int_equal(tk_count(kit.tk, HF_EVENT_CHANNELS, &event), 1);
    assert_non_null(memmem(event.payload.at, event.payload.bytes, "\"event\":\"OFF\"", 13));
    assert_int_equal(notifies(call_id, CAMERA, 2, ACTIVE, ALARM), 200);
    assert_non_null(strstr(kit_event(HF_EVENT_MESSAGE), "gb/Alarm {\"command\":\"Alarm\""));
    assert_int_equal(notifies(call_id, "34020000001310000001", 3, ACTIVE, ALARM),
                     200); /* a channel for its device */
    assert_int_equal(tk_count(kit.tk, HF_EVENT_MESSAGE, NULL), 2);
    assert_int_equal(notifies(call_id, CAMERA, 4, ACTIVE, ""), 200); /* nothing to say */
    assert_int_equal(notifies(call_id, CAMERA, 5, "", OFF), 200);    /* nor in which state */
    assert_int_equal(notifies(call_id, CAMERA, 6, ACTIVE, "junk"), 400);
    assert_int_equal(notifies(call_id, CAMERA, 6, ACTIVE, "<a"), 400);
    assert_int_equal(notifies(call_id, CAMERA, 2, ACTIVE, OFF), 500); /* an older one */
    assert_int_equal(kit_stats()->notifies_late, 1);
    assert_int_equal(notifies("unknown@x", CAMERA, 1, ACTIVE, ALARM),
                     200); /* from before a restart of ours */
    assert_int_equal(kit_stats()->notifies_unknown, 1);
    assert_int_equal(tk_count(kit.tk, HF_EVENT_MESSAGE, NULL), 3);
    assert_int_equal(notifies("hf0123456789abcdef." CAMERA, CAMERA, 1, ACTIVE, OFF),
                     481); /* and of ours, made anew since then: it would come twice */
    assert_int_equal(notifies("hf0123456789abcdef." CAMERA, CAMERA, 2, ACTIVE, POSITION),
                     200); /* of that there is no other */
    assert_int_equal(kit_stats()->notifies_old, 1);
    assert_int_equal(tk_count(kit.tk, HF_EVENT_MESSAGE, NULL), 4);
    kit.log_busy = true;
    assert_int_equal(notifies(call_id, CAMERA, 7, ACTIVE, OFF), 503);
    kit.log_busy = false;
    struct hf_sip_flow home = kit.flow;
    kit.flow = kit_flow(HF_SIP_UDP, 66, 5060); /* somebody else */
    assert_int_equal(notifies(call_id, CAMERA, 8, ACTIVE, OFF), 403);
    assert_int_equal(notifies(call_id, SECOND, 8, ACTIVE, OFF), 403);
    kit.flow = home;
    assert_int_equal(tk_count(kit.tk, HF_EVENT_CHANNELS, NULL), 2);
    kit_end();
}

static void notify_before_200(void **state)
{
    (void)state;
    begin(1u << HF_GB_TOPIC_CATALOG);
    assert_true(waits(10000));
    struct hf_sip_msg asked = kit.msg;
    static char text[KIT_TEXT_MAX];
    memcpy(text, kit.text, sizeof(text)); /* kit.msg points into it: the answer is written from the copy */
    assert_int_equal(notifies(call_id, CAMERA, 1, ACTIVE, OFF), 200);
    assert_int_equal(state_of(HF_GB_TOPIC_CATALOG), HF_GB_SUB_ACTIVE);
    assert_int_equal(hf_sip_parse(text, strlen(text), true, NULL, &asked), HF_OK);
    kit.msg = asked;
    answers(200, GRANTED);
    assert_int_equal(state_of(HF_GB_TOPIC_CATALOG), HF_GB_SUB_ACTIVE);
    assert_true(waits(560000));
    assert_true(in_dialog);
    kit_end();
}

static void what_the_device_ends_is_made_anew(void **state)
{
    static const struct {
        unsigned renewal; /* status of the answer to it; 0: a NOTIFY ends it; 1: no answer at all */
    } rows[] = {{0}, {481}, {489}, {1}};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        begin(1u << HF_GB_TOPIC_CATALOG);
        assert_true(waits(10000));
        answers(200, GRANTED);
        if (rows[i].renewal == 0) {
            assert_int_equal(
                notifies(call_id, CAMERA, 1, "Subscription-State: Terminated ; reason=timeout\r\n", OFF),
                200);
            assert_int_equal(tk_count(kit.tk, HF_EVENT_CHANNELS, NULL), 1); /* its last word counts */
        } else {
            assert_true(waits(560000));
            assert_true(in_dialog);
            if (rows[i].renewal > 1)
                answers(rows[i].renewal, "");
            else
                for (unsigned seconds = 0; seconds < 33; seconds++)
                    kit_pass(1000);
        }
        assert_int_equal(state_of(HF_GB_TOPIC_CATALOG), HF_GB_SUB_FAILED);
        assert_int_equal(sub_of(HF_GB_TOPIC_CATALOG)->status, rows[i].renewal == 1 ? 408 : rows[i].renewal);
        assert_true(waits(6000));
        assert_false(in_dialog);
        answers(200, GRANTED);
        assert_int_equal(state_of(HF_GB_TOPIC_CATALOG), HF_GB_SUB_ACTIVE);
        assert_int_equal(sub_of(HF_GB_TOPIC_CATALOG)->status, 0);
        kit_end();
    }
}

static void a_device_that_refuses_is_asked_ever_more_seldom(void **state)
{
    unsigned asked = 0;

    (void)state;
    begin(0);
    kit_command(&reply, CAMERA, "Subscribe", "{\"event\":\"alarm\",\"expires_s\":3600}");
    for (unsigned minutes = 0; minutes < 60; minutes++)
        while (waits(60000)) {
            asked++;
            answers(489, "");
        }
    assert_in_range(asked, 5, 14); /* 2, 4, 8 ... s, up to half an hour */
    assert_non_null(strstr(result(HF_EVENT_COMMAND_FAILED),
                           "{\"confirmed\":false,\"event\":\"alarm\",\"state\":"
                           "\"failed\",\"status\":489,\"text\":\"Bad Event\"}"));
    kit_end();
}

static void an_answer_without_expires_lasts_as_asked(void **state)
{
    (void)state;
    begin(0);
    kit_command(&reply, CAMERA, "Subscribe", "{\"event\":\"position\",\"expires_s\":100,\"interval_s\":7}");
    kit_pass(100);
    assert_true(subscribed());
    assert_true(kit_has("<Interval>7</Interval>"));
    assert_string_equal(event_name, "presence");
    answers(200, ""); /* no Contact either */
    assert_non_null(strstr(result(HF_EVENT_COMMAND_DONE), "\"expires_s\":100}"));
    assert_int_equal(kit_stats()->subscribes_no_expires, 1);
    assert_false(waits(79000));
    assert_true(waits(12000));
    answers(200, "Expires: 0\r\n"); /* it does not want any more */
    assert_int_equal(state_of(HF_GB_TOPIC_POSITION), HF_GB_SUB_FAILED);
    kit_end();
}

/* Several restarts have left several subscriptions at the device, perhaps so many that it has no room for a new one. */
static void of_several_old_ones_one_is_taken(void **state)
{
    static const char first[] = "hf0123456789abcdef." CAMERA, second[] = "hf1123456789abcdef." CAMERA;

    (void)state;
    begin(1u << HF_GB_TOPIC_ALARM);
    assert_true(waits(10000));
    answers(503, "");
    assert_int_equal(state_of(HF_GB_TOPIC_ALARM), HF_GB_SUB_FAILED);
    assert_int_equal(notifies(first, CAMERA, 1, ACTIVE, ALARM), 200);
    assert_int_equal(notifies(second, CAMERA, 1, ACTIVE, ALARM), 481);
    assert_int_equal(notifies(first, CAMERA, 2, ACTIVE, ALARM), 200);
    assert_true(waits(6000));
    answers(200, GRANTED);
    assert_int_equal(notifies(first, CAMERA, 3, ACTIVE, ALARM), 481);
    kit_pass(HF_GB_SUB_STOOD_IN_MS);
    assert_int_equal(kit_keepalive(), 200);
    assert_int_equal(notifies(call_id, CAMERA, 1, ACTIVE, ALARM), 200); /* another one, by now */
    assert_int_equal(tk_count(kit.tk, HF_EVENT_MESSAGE, NULL), 3);
    assert_int_equal(kit_stats()->notifies_old, 2);
    kit_end();
}

/* While the new one is made the old one is taken, and what it brought comes in the new one again. */
static void what_the_old_one_brought_is_taken_once(void **state)
{
    static const char old[] = "hf0123456789abcdef." CAMERA;
    static const char *const alarms[] = {
        KIT_XML("Notify", "Alarm", "4",
                "<AlarmPriority>1</AlarmPriority><AlarmTime>2026-01-01T00:00:01</AlarmTime>"),
        KIT_XML("Notify", "Alarm", "4",
                "<AlarmPriority>1</AlarmPriority><AlarmTime>2026-01-01T00:00:02</AlarmTime>"),
    };
    char other_sn[512];

    (void)state;
    begin(1u << HF_GB_TOPIC_ALARM);
    assert_true(waits(10000));
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(notifies(old, CAMERA, i + 1, ACTIVE, alarms[i]), 200);
    assert_int_equal(tk_count(kit.tk, HF_EVENT_MESSAGE, NULL), 2);
    /* In whatever order, and with a number of its own. */
    (void)snprintf(other_sn, sizeof(other_sn), "%s", alarms[1]);
    memcpy(strstr(other_sn, "<SN>") + 4, "8", 1);
    assert_int_equal(notifies(call_id, CAMERA, 1, ACTIVE, other_sn), 200);
    assert_int_equal(notifies(call_id, CAMERA, 2, ACTIVE, alarms[0]), 200);
    assert_int_equal(tk_count(kit.tk, HF_EVENT_MESSAGE, NULL), 2);
    assert_int_equal(kit_stats()->notifies_twice, 2);
    /* From then on what comes again is meant. */
    assert_int_equal(notifies(call_id, CAMERA, 3, ACTIVE, alarms[0]), 200);
    assert_int_equal(tk_count(kit.tk, HF_EVENT_MESSAGE, NULL), 3);
    kit_end();
}

static void it_is_rebuilt_once_when_the_device_returns(void **state)
{
    (void)state;
    begin(0);
    kit_command(&reply, CAMERA, "Subscribe", "{\"event\":\"catalog\",\"expires_s\":3600}");
    kit_pass(100);
    assert_true(subscribed());
    answers(200, CAM_CONTACT "Expires: 3600\r\n");
    assert_int_equal(kit_register(CAMERA, 86400), 200); /* a refresh changes nothing */
    assert_false(waits(20000));
    assert_int_equal(kit_register(CAMERA, 0), 200);
    assert_int_equal(kit_stats()->subscriptions_active, 0);
    for (unsigned away = 0; away < 2; away++) { /* remembered; then forgotten, and read from the tables */
        kit_pass(1000 + (uint64_t)HF_GB_REMEMBER_MS * away);
        assert_int_equal(hf_gb_device_find(kit.site, HF_SLICE(CAMERA)) != NULL, away == 0);
        assert_int_equal(kit_register(CAMERA, 86400), 200);
        assert_true(waits(10000));
        assert_false(in_dialog);
        assert_int_equal(expires, 3600);
        answers(200, GRANTED);
        assert_false(waits(20000));
        assert_int_equal(kit_register(CAMERA, 0), 200);
    }
    kit_end();
}

static void who_does_not_want_it_overrides_the_default(void **state)
{
    (void)state;
    begin(1u << HF_GB_TOPIC_ALARM);
    kit_command(&reply, CAMERA, "Unsubscribe", "{\"event\":\"alarm\"}");
    assert_false(waits(20000));
    assert_int_equal(kit_register(CAMERA, 0), 200);
    kit_pass(HF_GB_REMEMBER_MS + 1000);
    assert_int_equal(kit_register(CAMERA, 86400), 200);
    assert_false(waits(20000));
    kit_end();
}

static void wrong_wishes_are_named(void **state)
{
    static const char *const rows[][3] = {
        {"Subscribe", "{}", "\"bad_request\",\"element\":\"event\""},
        {"Subscribe", "{\"event\":\"weather\"}", "\"bad_request\",\"element\":\"event\""},
        {"Subscribe", "[]", "\"bad_request\",\"element\":\"event\""},
        {"Subscribe", "{\"event\":\"alarm\",\"expires_s\":29}",
         "\"element\":\"expires_s\",\"text\":\"30 to 86400\""},
        {"Subscribe", "{\"event\":\"alarm\",\"expires_s\":86401}", "\"element\":\"expires_s\""},
        {"Subscribe", "{\"event\":\"alarm\",\"interval_s\":5}",
         "\"interval_s\",\"text\":\"only positions have one\""},
        {"Subscribe", "{\"event\":\"position\",\"interval_s\":0}", "\"element\":\"interval_s\""},
        {"Subscribe", "{\"event\":\"alarm\",\"event\":\"alarm\"}", "\"element\":\"event\""},
        {"Subscribe", "{\"event\":\"alarm\",\"now\":1}", "\"element\":\"now\""},
        {"Unsubscribe", "{\"event\":\"alarm\",\"expires_s\":60}", "\"element\":\"expires_s\""},
        {"Subscribe", "{\"event\":\"ptz_position\"}",
         "\"not_implemented\",\"element\":\"event\",\"text\""}, /* a device of 2016 */
    };

    (void)state;
    begin(0);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        kit_command(&reply, CAMERA, rows[i][0], rows[i][1]);
        kit_pass(100);
        if (strstr(result(HF_EVENT_COMMAND_FAILED), rows[i][2]) == NULL)
            fail_msg("%s: %s", rows[i][1], kit_event(HF_EVENT_COMMAND_FAILED));
    }
    assert_false(subscribed());
    assert_int_equal(tk_count(kit.tk, HF_EVENT_CAMERA_SETTINGS, NULL), 0);
    /* What cannot be recorded would be gone after a restart. */
    kit.tk->refuse = HF_ERR_LIMIT;
    kit.tk->refuse_after = 1; /* the command itself is taken */
    kit_command(&reply, CAMERA, "Subscribe", "{\"event\":\"alarm\"}");
    kit.tk->refuse = HF_OK;
    kit_pass(100);
    assert_non_null(strstr(result(HF_EVENT_COMMAND_FAILED), "\"reason\":\"busy\""));
    assert_false(subscribed());
    assert_int_equal(sub_of(HF_GB_TOPIC_ALARM)->expires_s, 0);
    kit_end();
}

static void a_fleet_subscribes_spread_in_time(void **state)
{
    enum { FLEET = 100 };
    struct hf_gb_options options = {.limits = {.subscribe = 1u << HF_GB_TOPIC_ALARM}};
    unsigned first = 0, total = 0;
    char id[32];

    (void)state;
    kit_begin(&options);
    for (unsigned i = 0; i < FLEET; i++) {
        (void)snprintf(id, sizeof(id), "3402000000132%07u", i);
        assert_int_equal(kit_register(id, 3600), 200);
    }
    for (unsigned i = 0; i < 100; i++) {
        kit_pass(100);
        while (kit_read())
            if (kit.msg.method == HF_SIP_SUBSCRIBE && kit.msg.kind == HF_SIP_REQUEST) {
                answers(200, GRANTED);
                total++;
                first += i < 25;
            }
    }
    assert_int_equal(total, FLEET);
    assert_true(first < FLEET);
    assert_int_equal(kit_stats()->subscriptions_active, FLEET);
    kit_end();
    /* kit_end() has looked: every device ended, and with it what it had subscribed. */
}

static void it_is_shown(void **state)
{
    char text[HF_LIVE_DETAIL_BYTES];

    (void)state;
    begin(0);
    for (unsigned topic = 0; topic < HF_GB_TOPICS; topic++) { /* all of them fit */
        struct hf_gb_sub *sub = hf_gb_sub_take(hf_gb_device_find(kit.site, HF_SLICE(CAMERA)), topic);

        sub->rule.state = HF_GB_SUB_ACTIVE;
        sub->until_ms = UINT64_MAX;
        sub->status = 489;
        sub->expires_s = 86400;
    }
    hf_gb_describe(hf_gb_device_find(kit.site, HF_SLICE(CAMERA)), text, sizeof(text));
    assert_non_null(
        strstr(text, "{\"edition\":\"2016\",\"registration\":\"registered\",\"catalog\":\"none\""));
    assert_non_null(
        strstr(text, "{\"event\":\"ptz_position\",\"state\":\"active\",\"wanted\":true,\"expires_in_s\":"));
    for (unsigned topic = 0; topic < HF_GB_TOPICS; topic++)
        hf_gb_sub_take(hf_gb_device_find(kit.site, HF_SLICE(CAMERA)), topic)->rule.state = HF_GB_SUB_NONE;
    kit_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_subscribes_and_hears_how_it_went),
        cmocka_unit_test(what_it_brings),
        cmocka_unit_test(notify_before_200),
        cmocka_unit_test(what_the_device_ends_is_made_anew),
        cmocka_unit_test(a_device_that_refuses_is_asked_ever_more_seldom),
        cmocka_unit_test(an_answer_without_expires_lasts_as_asked),
        cmocka_unit_test(of_several_old_ones_one_is_taken),
        cmocka_unit_test(what_the_old_one_brought_is_taken_once),
        cmocka_unit_test(it_is_rebuilt_once_when_the_device_returns),
        cmocka_unit_test(who_does_not_want_it_overrides_the_default),
        cmocka_unit_test(wrong_wishes_are_named),
        cmocka_unit_test(a_fleet_subscribes_spread_in_time),
        cmocka_unit_test(it_is_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
