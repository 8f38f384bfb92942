/* GB-19 and GB-20: what our questions tell of a link, and questions to devices that have become suspect. */
#include "adapter/gb28181/gb_testkit.h"

/* The camera answers whatever it is asked: SIP only. Returns how many questions there were. */
static unsigned answer_all(uint64_t after_ms)
{
    unsigned count = 0;

    while (kit_read()) {
        if (kit.msg.kind != HF_SIP_REQUEST)
            continue;
        if (after_ms > 0)
            kit_pass(after_ms);
        kit_reply(200, "OK");
        count++;
    }
    kit_pass(0);
    return count;
}

static void drop_all(void)
{
    while (kit_read())
        ;
}

static const char *described(void)
{
    static char text[1024];

    hf_gb_describe(hf_gb_device_find(kit.site, HF_SLICE(CAMERA)), text, sizeof(text));
    return text;
}

/* Commands that want no answer of their own end with the 200. */
static void ask(unsigned count, uint64_t after_ms)
{
    static struct tk_reply replies[64];

    for (unsigned i = 0; i < count; i++) {
        kit_command(&replies[i], CAMERA, "PTZCmd", "\"A50F010000000066\"");
        assert_int_equal(answer_all(after_ms), 1);
        assert_true(replies[i].done);
    }
}

static void times_make_a_score(void **state)
{
    (void)state;
    kit_begin(NULL);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    assert_null(strstr(described(), "health")); /* nothing was asked */
    ask(4, 0);
    kit_pass(11000);
    assert_non_null(strstr(described(), "\"health\":{\"level\":\"normal\",\"jitter_ms\":0"));
    assert_null(strstr(described(), "score")); /* too few */
    assert_int_equal(kit_stats()->links[HF_GB_LEVEL_NORMAL], 1);
    ask(4, 0);
    kit_pass(10000);
    assert_non_null(strstr(described(), "\"score\":1"));
    assert_int_equal(kit_stats()->health_changes, 0);
    for (unsigned i = 0; i < 7; i++) { /* and then it goes, with its memory */
        assert_int_equal(kit_keepalive(), 200);
        kit_pass(10000);
    }
    assert_null(strstr(described(), "health"));
    assert_int_equal(kit_stats()->links[HF_GB_LEVEL_NORMAL], 0);
    kit_end();
}

static void a_link_that_trembles_is_told_of(void **state)
{
    (void)state;
    kit_begin(NULL);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    for (unsigned i = 0; i < 5; i++) {
        ask(1, 0);
        ask(1, 400);
    }
    kit_pass(10000);
    assert_string_equal(kit_event(HF_EVENT_MESSAGE), ""); /* once is not enough */
    kit_pass(10000);
    assert_non_null(
        strstr(kit_event(HF_EVENT_MESSAGE), "gb/health {\"level\":\"alarm\",\"score\":0.55,\"jitter_ms\":"));
    assert_int_equal(kit_stats()->links[HF_GB_LEVEL_ALARM], 1);
    assert_int_equal(kit_stats()->health_changes, 1);
    assert_int_equal(kit_keepalive(), 200);
    kit_pass(50000);
    assert_int_equal(kit_keepalive(), 200);
    kit_pass(10000); /* the minute is over; nothing new is known */
    assert_int_equal(kit_stats()->links[HF_GB_LEVEL_ALARM], 1);
    ask(10, 5);
    kit_pass(20000);
    assert_non_null(strstr(kit_event(HF_EVENT_MESSAGE), "gb/health {\"level\":\"normal\""));
    assert_int_equal(kit_stats()->health_changes, 2);
    assert_int_equal(kit_register(CAMERA, 0), 200); /* whoever leaves takes it along */
    assert_int_equal(kit_stats()->links[HF_GB_LEVEL_NORMAL], 0);
    kit_end();
}

/* Challenges are no refusals; a wrong password for a fresh nonce is. */
static void guesses_count(void **state)
{
    (void)state;
    kit_begin(NULL);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(kit_register(CAMERA, 3600), 200);
    assert_null(strstr(described(), "health"));
    kit.password = "wrong";
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(kit_register(CAMERA, 3600), 403);
    assert_non_null(strstr(described(), "\"refused\":4"));
    kit_end();
}

/* First after 2 to 3 s, then by RC-1; each with a number of its own. */
static void a_suspect_is_asked(void **state)
{
    (void)state;
    kit_begin(NULL);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    kit_pass(91000);
    assert_int_equal(kit_presence(CAMERA), HF_UNKNOWN);
    assert_int_equal(kit_stats()->heals, 0);
    kit_pass(HF_GB_HEAL_FIRST_MS * 3 / 2 + 100);
    assert_int_equal(kit_stats()->heals, 1);
    drop_all(); /* it is lost */
    kit_pass(60000);
    assert_in_range(kit_stats()->heals, 4, 7); /* by both ways in turn; SIP repeats each for half a minute */
    assert_int_equal(kit_presence(CAMERA), HF_UNKNOWN);
    assert_true(kit_stats()->requests_now <= 4);
    assert_int_equal(kit_stats()->commands + kit_stats()->commands_unconfirmed, 0);
    assert_true(answer_all(0) > 0);
    kit_pass(0);
    assert_int_equal(kit_presence(CAMERA), HF_ONLINE);
    assert_true(kit_stats()->heals_answered > 0);
    uint64_t heals = kit_stats()->heals;
    kit_pass(80000);
    assert_int_equal(kit_stats()->heals, heals); /* it is well */
    drop_all();
    kit_pass(300000);
    assert_int_equal(kit_reason(CAMERA), HF_REASON_HEARTBEAT_TIMEOUT);
    drop_all();
    kit_end();
}

/* Its own answer proves as much as SIP's, and is no event. */
static void the_answer_is_no_event(void **state)
{
    char body[512];

    (void)state;
    kit_begin(NULL);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    kit_pass(95000);
    assert_true(kit_read() && kit_has("<CmdType>DeviceStatus</CmdType>"));
    (void)snprintf(body, sizeof(body),
                   "<Response><CmdType>DeviceStatus</CmdType><SN>%u</SN><DeviceID>" CAMERA
                   "</DeviceID><Result>OK</Result><Online>ONLINE</Online><Status>OK</Status></Response>",
                   kit_sn());
    assert_int_equal(kit_message(CAMERA, body), 200);
    kit_pass(0);
    assert_int_equal(kit_presence(CAMERA), HF_ONLINE);
    assert_string_equal(kit_event(HF_EVENT_MESSAGE), "");
    drop_all();
    kit_end();
}

static void all_at_once_are_asked_one_by_one(void **state)
{
    enum { CAMERAS = 3 * HF_GB_HEALS_PER_SECOND };
    char id[32];

    (void)state;
    kit_begin(NULL);
    kit.account.open = true;
    for (unsigned i = 0; i < CAMERAS; i++) {
        (void)snprintf(id, sizeof(id), "340200000013200%05u", i);
        kit_say("REGISTER", id, "Expires: 3600\r\n", "");
        drop_all();
    }
    assert_int_equal(kit_stats()->devices, CAMERAS);
    kit.deaf = true; /* nothing gets out */
    kit_pass(90000);
    uint64_t before = kit_stats()->heals;
    kit_pass(4000);
    assert_true(kit_stats()->heals - before <= 6 * HF_GB_HEALS_PER_SECOND);
    assert_true(kit_stats()->heals_deferred > 0);
    kit_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_make_a_score),     cmocka_unit_test(a_link_that_trembles_is_told_of),
        cmocka_unit_test(guesses_count),          cmocka_unit_test(a_suspect_is_asked),
        cmocka_unit_test(the_answer_is_no_event), cmocka_unit_test(all_at_once_are_asked_one_by_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
