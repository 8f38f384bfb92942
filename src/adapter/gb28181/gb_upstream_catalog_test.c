/* What a platform is shown, and how it goes up: ids, parents, status, parts in order, whatever becomes of one. */
#include "adapter/gb28181/gb_upstream_testkit.h"

#define RECORDER "34020000001180000001"
#define CAMERA   "34020000001320000001"

#define QUERY \
    "<?xml version=\"1.0\"?>\r\n<Query><CmdType>Catalog</CmdType><SN>17</SN><DeviceID>%s</DeviceID></Query>"

static void ask(const char *id)
{
    char body[256];

    (void)snprintf(body, sizeof(body), QUERY, id);
    kit_ask("MESSAGE", "Max-Forwards: 70\r\n", body);
    assert_int_equal(kit_status(), 200);
}

static void recorder(unsigned channels)
{
    kit_device(RECORDER, true, "gb28181");
    for (unsigned i = 1; i <= channels; i++) {
        char id[32], name[32];

        (void)snprintf(id, sizeof(id), "3402000000131%07u", i);
        (void)snprintf(name, sizeof(name), "door %u", i);
        kit_channel(RECORDER, id, HF_CHANNEL_ON, name, RECORDER,
                    "{\"manufacturer\":\"Acme\",\"extra\":[{\"name\":\"X\",\"value\":\"1\"}]}");
    }
}

/* Reads the parts of an answer, each when the one before was taken; the ids in their order. */
static unsigned read_all(char ids[][24], unsigned max, unsigned *ret_parts)
{
    unsigned count = 0;

    for (*ret_parts = 0; kit_read(); ++*ret_parts) {
        assert_int_equal(kit.msg.method, HF_SIP_MESSAGE);
        assert_true(kit_has("<CmdType>Catalog</CmdType>") && kit_has("<SN>17</SN>"));
        assert_int_equal(kit.sent_count, 0); /* one at a time */
        for (const char *at = strstr(kit.text, "<Item>"); at != NULL; at = strstr(at + 1, "<Item>")) {
            assert_true(count < max);
            const char *id = strstr(at, "<DeviceID>") + strlen("<DeviceID>");
            (void)snprintf(ids[count++], 24, "%.*s", (int)strcspn(id, "<"), id);
        }
        kit_answer(200, "");
    }
    return count;
}

static void all_in_parts_that_fit_a_datagram(void **state)
{
    char ids[64][24];
    unsigned parts;

    (void)state;
    kit_begin(NULL);
    recorder(20);
    kit_device(CAMERA, false, "gb28181");
    kit_device("someone", true, "raw");
    kit_register();
    ask(US);
    assert_true(kit_read());
    kit.read_count = 0;
    kit_forget();
    assert_true(strlen(kit.text) <= 1300);
    assert_true(kit_has("<SumNum>22</SumNum>"));
    assert_true(kit_has("<ParentID>" US "</ParentID>") && kit_has("<Status>ON</Status>"));
    kit_answer(200, "");
    unsigned first = 0;
    for (const char *at = strstr(kit.text, "<Item>"); at != NULL; at = strstr(at + 1, "<Item>"))
        first++;
    assert_true(first >= 2);
    assert_int_equal(first + read_all(ids, 64, &parts), 22);
    assert_true(parts >= 4);
    assert_string_equal(ids[21 - first], CAMERA);
    (void)kit_state();
    assert_int_equal(kit.view.stats.answers, 1);
    assert_int_equal(kit.view.shown, 22);
    kit_end();
}

static void whole_over_tcp(void **state)
{
    char ids[64][24];
    unsigned parts;

    (void)state;
    kit_begin(NULL);
    kit.flow.transport = HF_SIP_TCP;
    kit.flow.connection = 7;
    recorder(20);
    kit_register();
    ask(US);
    assert_int_equal(read_all(ids, 64, &parts), 21);
    assert_int_equal(parts, 1);
    kit_end();
}

static void ids_are_what_the_platform_knows_in_every_place(void **state)
{
    static const struct hf_gb_up_alias aliases[] = {
        {{"34010000001180000009", 20}, {RECORDER, 20}, {NULL, 0}},
        {{"34010000001310000009", 20}, {RECORDER, 20}, {"34020000001310000001", 20}},
        {{"34010000002160000009", 20}, {RECORDER, 20}, {"34020000002160000001", 20}},
    };
    char ids[16][24];
    unsigned parts;

    (void)state;
    kit_begin(&(struct hf_gb_upstream_options){.shown = {.aliases = aliases, .alias_count = 3}});
    kit_device(RECORDER, true, "gb28181");
    kit_channel(RECORDER, "34020000001310000001", HF_CHANNEL_OFF, "door", RECORDER "/34020000002160000001",
                "{\"business_group_id\":\"34020000002160000001\"}");
    kit_channel(RECORDER, "34020000001310000002", HF_CHANNEL_SILENT, "", "", "{}");
    kit_channel(RECORDER, "34020000002160000001", HF_CHANNEL_SILENT, "hall", "", "{}");
    kit_register();
    ask("34010000001310000009");
    assert_true(kit_read());
    assert_true(kit_has("<SumNum>1</SumNum>"));
    assert_true(kit_has("<DeviceID>34010000001310000009</DeviceID>\r\n<Name>door</Name>"));
    assert_true(kit_has("<ParentID>34010000001180000009/34010000002160000009</ParentID>"));
    assert_true(kit_has("<Status>OFF</Status>"));
    assert_false(kit_has("34020000002160000001"));
    kit_answer(200, "");
    ask("34010000001180000009");
    assert_int_equal(read_all(ids, 16, &parts), 4);
    assert_string_equal(ids[0], "34010000001180000009");
    ask("34020000001310000001"); /* not its id there */
    assert_true(kit_read());
    assert_true(kit_has("<SumNum>0</SumNum>"));
    assert_false(kit_has("<Item>"));
    kit_end();
}

static void an_offline_device_takes_its_channels_along(void **state)
{
    (void)state;
    kit_begin(NULL);
    kit_device(RECORDER, false, "gb28181");
    kit_channel(RECORDER, "34020000001310000001", HF_CHANNEL_ON, "door", RECORDER, "{}");
    kit_register();
    ask("34020000001310000001");
    assert_true(kit_read());
    assert_true(kit_has("<Status>OFF</Status>"));
    kit_end();
}

static void what_is_not_shown(void **state)
{
    static const char *const devices[] = {"3402000000118*", CAMERA};
    char ids[16][24];
    unsigned parts;

    (void)state;
    kit_begin(&(struct hf_gb_upstream_options){.shown = {.devices = devices, .device_count = 2}});
    recorder(1);
    kit_device(CAMERA, true, "gb28181");
    kit_device("34020000001320000002", true, "gb28181"); /* not in the list */
    kit_channel(CAMERA, "34020000001310000001", HF_CHANNEL_ON, "the same", CAMERA,
                "{}"); /* a factory's id, twice */
    kit_register();
    ask(US);
    assert_int_equal(read_all(ids, 16, &parts), 3);
    (void)kit_state();
    assert_int_equal(kit.view.shown, 3);
    assert_int_equal(kit.view.hidden, 1);
    kit_end();
}

static void a_loop_is_not_shown(void **state)
{
    char ids[16][24];
    unsigned parts;

    (void)state;
    kit_begin(NULL);
    recorder(1);
    kit_device(PLATFORM, true, "gb28181"); /* it is registered here, too: its channels are its own */
    kit_channel(PLATFORM, "34020000001310000077", HF_CHANNEL_ON, "from above", PLATFORM, "{}");
    kit_register();
    ask(US);
    assert_int_equal(read_all(ids, 16, &parts), 2);
    kit_end();
}

static void a_part_that_is_not_taken_is_sent_again(void **state)
{
    char ids[16][24], first[64];
    unsigned parts;

    (void)state;
    kit_begin(NULL);
    recorder(6);
    kit_register();
    ask(US);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(kit_read());
        const char *id = strstr(strstr(kit.text, "<Item>"), "<DeviceID>");
        if (i == 1)
            assert_memory_equal(id, first, 30);
        (void)snprintf(first, sizeof(first), "%.30s", id);
        kit_answer(i == 0 ? 500 : 200, "");
    }
    (void)read_all(ids, 16, &parts);
    (void)kit_state();
    assert_int_equal(kit.view.stats.answers, 1);
    ask(US);
    for (unsigned i = 0; i < HF_GB_UP_TRIES_MAX; i++) {
        assert_true(kit_read());
        kit_answer(503, "");
    }
    kit_nothing();
    (void)kit_state();
    assert_int_equal(kit.view.stats.answers_failed, 1);
    kit_end();
}

static void too_many_questions(void **state)
{
    (void)state;
    kit_begin(NULL);
    recorder(1);
    kit_register();
    for (unsigned i = 0; i < HF_GB_UP_JOBS_MAX; i++)
        ask(US);
    char body[256];
    (void)snprintf(body, sizeof(body), QUERY, US);
    kit_ask("MESSAGE", "Max-Forwards: 70\r\n", body);
    assert_int_equal(kit_status(), 503);
    (void)kit_state();
    assert_int_equal(kit.view.stats.busy, 1);
    hf_gb_upstream_lost(kit.up, "gone"); /* datagrams: a hint only */
    kit_end();
}

static void an_item_larger_than_a_datagram_goes_alone(void **state)
{
    char item[2600], ids[16][24];
    unsigned parts;

    (void)state;
    kit_begin(NULL);
    recorder(1);
    (void)snprintf(item, sizeof(item), "{\"address\":\"%0*d\"}", 2000, 7);
    kit_channel(RECORDER, "34020000001310000002", HF_CHANNEL_ON, "long", RECORDER, item);
    kit_register();
    ask(US);
    assert_int_equal(read_all(ids, 16, &parts), 3);
    assert_int_equal(parts, 2);
    kit_end();
}

static void a_short_answer_does_not_wait_for_a_long_one(void **state)
{
    (void)state;
    kit_begin(NULL);
    recorder(20);
    kit_register();
    ask(US);
    kit_request(HF_SIP_MESSAGE); /* the first part, which stays without an answer */
    kit_ask("MESSAGE", "Max-Forwards: 70\r\n",
            "<Query><CmdType>DeviceStatus</CmdType><SN>5</SN><DeviceID>" US "</DeviceID></Query>");
    assert_int_equal(kit_status(), 200);
    assert_true(kit_read());
    assert_true(kit_has("<CmdType>DeviceStatus</CmdType>") && kit_has("<Online>ONLINE</Online>"));
    kit_answer(200, "");
    kit_nothing();
    kit_end();
}

/* GB-18: while it answers nothing we send nothing but beats, and one of them finds out that it is back. */
static void a_platform_that_answers_nothing(void **state)
{
    (void)state;
    kit_begin(&(struct hf_gb_upstream_options){.keepalive_ms = 5000, .keepalive_count = 20});
    recorder(1);
    kit_register();
    for (unsigned i = 0; i < 10; i++) {
        ask(US);
        for (unsigned k = 0; k < HF_GB_UP_TRIES_MAX && kit_read(); k++)
            kit_answer(503, "");
    }
    (void)kit_state();
    assert_int_equal(kit.view.stats.breaker_opened, 1);
    assert_int_equal(kit.view.breaker, HF_BREAKER_OPEN);
    assert_true(kit.view.stats.breaker_refused > 0);
    ask(US);
    kit_nothing();
    while (!kit_read())
        kit_pass(100);
    assert_true(kit_has("Keepalive"));
    kit_answer(200, "");
    (void)kit_state();
    assert_int_equal(kit.view.breaker, HF_BREAKER_CLOSED);
    ask(US);
    assert_true(kit_read());
    assert_true(kit_has("Catalog"));
    kit_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_in_parts_that_fit_a_datagram),
        cmocka_unit_test(whole_over_tcp),
        cmocka_unit_test(ids_are_what_the_platform_knows_in_every_place),
        cmocka_unit_test(an_offline_device_takes_its_channels_along),
        cmocka_unit_test(what_is_not_shown),
        cmocka_unit_test(a_loop_is_not_shown),
        cmocka_unit_test(a_part_that_is_not_taken_is_sent_again),
        cmocka_unit_test(too_many_questions),
        cmocka_unit_test(an_item_larger_than_a_datagram_goes_alone),
        cmocka_unit_test(a_platform_that_answers_nothing),
        cmocka_unit_test(a_short_answer_does_not_wait_for_a_long_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
