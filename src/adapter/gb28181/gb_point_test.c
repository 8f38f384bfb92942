/* GB-11: SSRCs of a media server run short. */
#include "adapter/gb28181/gb_call_testkit.h"

static struct {
    unsigned short_of, calm, used, resting;
    char host[64];
} told;

static void on_ssrcs(void *context, struct hf_slice host, bool alarm, unsigned used, unsigned resting)
{
    assert_ptr_equal(context, &kit);
    told.short_of += alarm;
    told.calm += !alarm;
    told.used = used;
    told.resting = resting;
    (void)snprintf(told.host, sizeof(told.host), "%.*s", (int)host.bytes, host.at);
}

static struct hf_gb_ssrc_pool *pool(void)
{
    assert_false(hf_list_empty(&kit.site->points));
    return HF_CONTAINER_OF(kit.site->points.next, struct hf_gb_point, node)->pool;
}

/* As many as that many sessions more would have. */
static unsigned take(uint32_t *ssrcs, unsigned count)
{
    unsigned taken = 0;

    while (taken < count &&
           hf_gb_ssrc_take(pool(), HF_GB_SSRC_LIVE, 0xffff, hf_gb_now(kit.site), &ssrcs[taken]) == HF_OK)
        taken++;
    return taken;
}

static void who_runs_short_is_told_once(void **state)
{
    static uint32_t ssrcs[10000];
    struct hf_gb_site_ops ops = kit_ops;
    static char call[256];

    (void)state;
    memset(&told, 0, sizeof(told));
    begin();
    ops.on_ssrcs = on_ssrcs;
    kit.site->options.ops = &ops;
    play();
    (void)snprintf(call, sizeof(call), "%s", about(""));
    unsigned total = hf_gb_ssrc_counts(pool(), HF_GB_SSRC_LIVE, hf_gb_now(kit.site)).total;
    unsigned count = take(ssrcs, total * HF_GB_SSRC_ALARM_PERCENT / 100 - 2);
    assert_int_equal(told.short_of, 0);
    for (unsigned i = 0; i < 3; i++) { /* it crosses the line, and nothing more is said behind it */
        char json[256];

        (void)snprintf(json, sizeof(json), "{\"channel\":\"3402000000131000001%u\"," TO "}", i);
        command("Play", json);
        read_invite();
        answer(486, NULL);
        expect("failed");
    }
    assert_int_equal(told.short_of, 1);
    assert_string_equal(told.host, "203.0.113.7");
    assert_true((told.used + told.resting) * 100 >= total * HF_GB_SSRC_ALARM_PERCENT);
    assert_int_equal(kit_stats()->ssrc_alarm_now, 1);
    assert_int_equal(kit_stats()->ssrc_alarms, 1);

    count += take(ssrcs + count, total); /* all of them: an error that says so */
    command("Play", "{\"channel\":\"34020000001310000020\"," TO "}");
    expect("\"reason\":\"busy\",\"element\":\"ssrc\"");
    assert_int_equal(kit_stats()->ssrc_exhausted, 1);
    assert_int_equal(told.short_of, 1);

    for (unsigned i = 0; i < count; i++)
        hf_gb_ssrc_give(pool(), ssrcs[i], 0xffff, hf_gb_now(kit.site));
    assert_int_equal(told.calm, 0); /* they rest */
    kit_pass(HF_GB_SSRC_QUARANTINE_MS + 2 * HF_GB_AUDIT_MS);
    assert_int_equal(told.calm, 1);
    assert_int_equal(kit_stats()->ssrc_alarm_now, 0);
    command("Stop", call);
    expect("done");
    (void)drain("");
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(who_runs_short_is_told_once)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
