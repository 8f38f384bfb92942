/* A platform's subscription to our catalogue: what is told at first, what later, and how it ends. */
#include "adapter/gb28181/gb_upstream_testkit.h"

#define RECORDER "34020000001180000001"
#define FIRST    "34020000001310000001"
#define SECOND   "34020000001310000002"

static char tag[64];

static void subscribe(unsigned cseq, const char *to_tag, const char *expires, const char *event,
                      const char *command)
{
    char text[2048], body[256];

    (void)snprintf(body, sizeof(body),
                   "<Query><CmdType>%s</CmdType><SN>9</SN><DeviceID>" US "</DeviceID></Query>", command);
    (void)snprintf(
        text, sizeof(text),
        "SUBSCRIBE sip:" US
        "@198.51.100.5:40000 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bKs%u\r\n"
        "From: <sip:" PLATFORM "@" DOMAIN ">;tag=p\r\nTo: <sip:" US "@" DOMAIN
        ">%s%s\r\nCall-ID: sub\r\nCSeq: %u SUBSCRIBE\r\n"
        "Contact: <sip:" PLATFORM "@192.0.2.1:5060>\r\nMax-Forwards: 70\r\nEvent: %s\r\n%s"
        "Content-Type: Application/MANSCDP+xml\r\nContent-Length: %zu\r\n\r\n%s",
        ++kit.branch, to_tag[0] ? ";tag=" : "", to_tag, cseq, event, expires, strlen(body), body);
    kit_receive(text);
}

static void tables(void)
{
    kit_device(RECORDER, true, "gb28181");
    kit_channel(RECORDER, FIRST, HF_CHANNEL_ON, "one", RECORDER, "{}");
    kit_channel(RECORDER, SECOND, HF_CHANNEL_VLOST, "two", RECORDER, "{}");
}

static void begin(void)
{
    kit_begin(&(struct hf_gb_upstream_options){.keepalive_ms = 3600000});
    tables();
    kit_register();
    subscribe(1, "", "Expires: 600\r\n", "Catalog;id=7", "Catalog");
    assert_int_equal(kit_status(), 200);
    assert_true(kit_has("Expires: 600\r\n") && kit_has("Contact: <sip:" US "@"));
    (void)snprintf(tag, sizeof(tag), "%.*s", (int)kit.msg.to.tag.bytes, kit.msg.to.tag.at);
    kit_pass(100);
}

static void notified(const char *items)
{
    kit_request(HF_SIP_NOTIFY);
    assert_true(kit_has("NOTIFY sip:" PLATFORM "@192.0.2.1:5060 SIP/2.0\r\n") && kit_has("Call-ID: sub\r\n"));
    assert_true(kit_has("Event: Catalog;id=7\r\n") && kit_has("Subscription-State: active;expires="));
    assert_true(kit_has("<Notify>") && kit_has("<CmdType>Catalog</CmdType>") && kit_has("<SN>9</SN>"));
    if (!kit_has(items))
        fail_msg("%s", kit.text);
    kit_answer(200, "");
}

static void look(void)
{
    kit_pass(HF_GB_UP_LOOK_MS + 200);
}

static void at_first_what_is_not_on(void **state)
{
    (void)state;
    begin();
    notified("<SumNum>1</SumNum>\r\n<DeviceList Num=\"1\">\r\n<Item>\r\n<DeviceID>" SECOND
             "</DeviceID>\r\n<Event>VLOST</Event>\r\n</Item>");
    look();
    kit_nothing(); /* nothing has changed */
    kit_end();
}

static void later_what_changes(void **state)
{
    (void)state;
    begin();
    notified(SECOND);
    kit_channel(RECORDER, SECOND, HF_CHANNEL_ON, "two", RECORDER, "{}");
    kit_nothing(); /* together, at the next look */
    look();
    notified("<DeviceID>" SECOND "</DeviceID>\r\n<Event>ON</Event>");
    kit_channel(RECORDER, FIRST, HF_CHANNEL_ON, "another name", RECORDER, "{}");
    look();
    notified("<DeviceID>" FIRST "</DeviceID>\r\n<Event>UPDATE</Event>\r\n<Name>another name</Name>");
    kit_channel(RECORDER, "34020000001310000003", HF_CHANNEL_ON, "three", RECORDER, "{}");
    look();
    notified("<DeviceID>34020000001310000003</DeviceID>\r\n<Event>ADD</Event>\r\n<Name>three</Name>");
    kit_device(RECORDER, false, "gb28181"); /* takes all along */
    look();
    notified("<SumNum>4</SumNum>");
    while (kit_read()) {
        assert_true(kit_has("<Event>OFF</Event>"));
        kit_answer(200, "");
    }
    kit_device(RECORDER, false, "raw"); /* is no camera any more */
    look();
    notified("<Event>DEL</Event>");
    kit_end();
}

static void what_is_not_taken_is_told_again(void **state)
{
    (void)state;
    begin();
    for (unsigned i = 0; i < HF_GB_UP_TRIES_MAX; i++) {
        kit_request(HF_SIP_NOTIFY);
        kit_answer(503, "");
    }
    kit_nothing();
    look();
    notified("<Event>VLOST</Event>");
    kit_channel(RECORDER, FIRST, HF_CHANNEL_OFF, "one", RECORDER, "{}");
    look();
    kit_request(HF_SIP_NOTIFY);
    kit_answer(481, ""); /* it has forgotten that it asked */
    kit_channel(RECORDER, FIRST, HF_CHANNEL_ON, "one", RECORDER, "{}");
    look();
    kit_nothing();
    kit_end();
}

static void how_it_ends(void **state)
{
    (void)state;
    begin();
    notified(SECOND);
    subscribe(2, tag, "Expires: 60\r\n", "Catalog;id=7", "Catalog");
    assert_int_equal(kit_status(), 200);
    assert_true(kit_has("Expires: 60\r\n"));
    kit_channel(RECORDER, FIRST, HF_CHANNEL_OFF, "one", RECORDER, "{}");
    kit_pass(200); /* a renewal looks, too */
    notified(FIRST);
    kit_pass(60000); /* not renewed */
    kit_channel(RECORDER, FIRST, HF_CHANNEL_ON, "one", RECORDER, "{}");
    look();
    kit_nothing();
    subscribe(3, tag, "Expires: 60\r\n", "Catalog;id=7", "Catalog");
    assert_int_equal(kit_status(), 481);
    kit_end();
    begin();
    notified(SECOND);
    subscribe(2, tag, "Expires: 0\r\n", "Catalog;id=7", "Catalog");
    assert_int_equal(kit_status(), 200);
    kit_channel(RECORDER, FIRST, HF_CHANNEL_OFF, "one", RECORDER, "{}");
    look();
    kit_nothing();
    (void)kit_state();
    assert_int_equal(kit.view.stats.subscribes, 2);
    assert_int_equal(kit.view.stats.changes, 1);
    kit_end();
    begin(); /* with changes under way */
    hf_gb_upstream_stop(kit.up);
    kit_pass(HF_GB_UP_LEAVE_MS + 100);
    assert_int_equal(kit_state(), HF_GB_UP_IDLE);
    kit_end();
}

static void what_is_refused(void **state)
{
    (void)state;
    kit_begin(NULL);
    tables();
    kit_register();
    subscribe(1, "", "", "presence", "Alarm");
    assert_int_equal(kit_status(), 489);
    subscribe(2, "", "", "", "Catalog");
    assert_int_equal(kit_status(), 489);
    subscribe(3, "nobody", "", "Catalog", "Catalog");
    assert_int_equal(kit_status(), 481);
    subscribe(4, "", "Expires: 1\r\n", "Catalog", "Catalog");
    assert_int_equal(kit_status(), 200);
    assert_true(kit_has("Expires: 30\r\n")); /* a bound */
    kit_end();
}

static void more_than_fit(void **state)
{
    (void)state;
    kit_begin(NULL);
    tables();
    kit_register();
    for (unsigned i = 0; i <= HF_GB_UP_SUBS_MAX; i++) {
        char text[2048];
        static const char body[] =
            "<Query><CmdType>Catalog</CmdType><SN>9</SN><DeviceID>" US "</DeviceID></Query>";

        (void)snprintf(
            text, sizeof(text),
            "SUBSCRIBE sip:" US
            "@x SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKt%u\r\nFrom: <sip:" PLATFORM
            "@x>;tag=p\r\nTo: <sip:" US
            "@x>\r\nCall-ID: t%u\r\nCSeq: 1 SUBSCRIBE\r\nMax-Forwards: 70\r\nEvent: Catalog\r\n"
            "Contact: <sip:" PLATFORM
            "@192.0.2.1>\r\nContent-Type: Application/MANSCDP+xml\r\nContent-Length: %zu\r\n\r\n%s",
            i, i, strlen(body), body);
        kit_receive(text);
        assert_int_equal(kit_status(), i < HF_GB_UP_SUBS_MAX ? 200 : 503);
    }
    kit_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_first_what_is_not_on),
        cmocka_unit_test(later_what_changes),
        cmocka_unit_test(what_is_not_taken_is_told_again),
        cmocka_unit_test(how_it_ends),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(more_than_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
