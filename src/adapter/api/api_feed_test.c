/* One WebSocket for all that a page shows: subscriptions, counters, what it may not have, and how it ends. */
#include "adapter/api/feed_testkit.h"

static struct hf_backend_ops ops;
static struct hf_tail tails[HF_API_FEED_SUBSCRIPTIONS_MAX + 1];
static unsigned tail_count;

static hf_err tail_open(struct hf_backend *backend, const struct hf_tail_request *wish,
                        void (*on_chunk)(struct hf_tail *, void *, const struct hf_tail_chunk *), void *user,
                        struct hf_tail **ret_tail)
{
    struct hf_tail *tail = &tails[tail_count];

    (void)backend;
    if (g.refuse_tails)
        return HF_ERR_LIMIT;
    assert_true(tail_count < HF_COUNT_OF(tails));
    *tail = (struct hf_tail){.request = *wish, .on_chunk = on_chunk, .user = user, .open = true};
    gateway_keep(tail->tenant, &tail->request.tenant);
    gateway_keep(tail->device, &tail->request.device);
    gateway_keep(tail->topic, &tail->request.topic_filter);
    tail_count++;
    *ret_tail = tail;
    return HF_OK;
}

static bool no_memory;

static size_t overview(struct hf_backend *backend, char **ret_json)
{
    (void)backend;
    *ret_json = no_memory ? NULL : strdup("{\"n\":1}");
    return no_memory ? 0 : strlen(*ret_json);
}

static void heatmap(struct hf_backend *backend, struct hf_json_out *out)
{
    (void)backend;
    hf_json_out_u64(out, "n", 2);
}

static int setup(void **state)
{
    gateway_setup(state);
    ops = *g.backend.ops;
    ops.tail_open = tail_open;
    ops.overview = overview;
    ops.heatmap = heatmap;
    g.backend.ops = &ops;
    tail_count = 0;
    return 0;
}

static int teardown(void **state)
{
    gateway_teardown(state);
    for (unsigned i = 0; i < tail_count; i++)
        assert_false(tails[i].open);
    return 0;
}

static void chunk(unsigned n, const char *text, bool end)
{
    assert_int_equal(tails[n].asked, 1);
    tails[n].asked = 0;
    fake_clear(&g.link);
    tails[n].on_chunk(&tails[n], tails[n].user,
                      &(struct hf_tail_chunk){.data = (const uint8_t *)text,
                                              .bytes = strlen(text),
                                              .end = end,
                                              .err = end ? HF_ERR_IO : HF_OK});
}

static void subscriptions_share_a_socket(void **state)
{
    (void)state;
    open_feed(ADMIN_KEY);
    say("{\"subscribe\":1,\"type\":\"online,offline\",\"device\":\"d1\",\"from\":7}");
    assert_true(hears("{\"type\":\"subscribed\",\"subscription\":1,\"from\":7}"));
    assert_true(hf_slice_is(tails[0].request.tenant, "acme") && hf_slice_is(tails[0].request.device, "d1"));
    assert_int_equal(tails[0].request.from, 7);
    assert_true(tails[0].request.types == (1u << HF_EVENT_ONLINE | 1u << HF_EVENT_OFFLINE));
    assert_true(tails[0].request.follow && tails[0].request.form == HF_TAIL_WS);
    say("{\"subscribe\":2,\"topic\":\"a/+\",\"from\":\"earliest\"}");
    assert_int_equal(tails[1].request.from, 1);
    assert_true(tails[0].asked == 1 && tails[1].asked == 1);

    chunk(1, "\x81\x02{}", false);
    assert_true(hears("{\"type\":\"events_of\",\"subscription\":2}\x81\x02{}"));
    assert_int_equal(tails[1].asked, 1);
    g.link.stuck = true; /* who takes nothing is asked for nothing more, by neither */
    chunk(0, "\x81\x02{}", false);
    assert_int_equal(tails[0].asked, 0);
    fake_drain(&g.link);
    g.link.stuck = false;
    assert_int_equal(tails[0].asked, 1);

    say("{\"subscribe\":1,\"device\":\"d2\"}"); /* the same number: another filter in its place */
    assert_false(tails[0].open);
    assert_true(hf_slice_is(tails[2].request.device, "d2"));
    say("{\"unsubscribe\":2}");
    assert_false(tails[1].open);
    say("{\"unsubscribe\":77}"); /* nobody's */
    chunk(2, "", true);
    assert_true(hears("\"subscription\":1,\"reason\":\"storage_failed\""));
    assert_false(tails[2].open);
    assert_false(g.link.aborted);
}

static void counters_come_each_second(void **state)
{
    (void)state;
    open_feed(ADMIN_KEY);
    advance_ms(1100);
    assert_true(hears("{\"type\":\"tick\",\"time_ms\":"));
    say("{\"overview\":true}");
    assert_true(hears("{\"type\":\"overview\",\"overview\":{\"n\":1}}")); /* at once */
    say("{\"overview\":true}");
    assert_int_equal(g.link.out_bytes, 0); /* once is enough */
    say("{\"overview\":false}");
    g.link.queued = 1;
    say("{\"overview\":true}");
    assert_int_equal(g.link.out_bytes, 0); /* it has not taken what there is */
    g.link.queued = 0;
    advance_ms(1100);
    assert_true(hears("{\"type\":\"overview\""));
    g.link.queued = 1; /* it has not taken the last one */
    advance_ms(1100);
    assert_int_equal(g.link.out_bytes, 0);
    g.link.queued = 0;
    no_memory = true;
    advance_ms(1100);
    no_memory = false;
    assert_true(hears("tick") && !hears("overview"));
    say("{\"overview\":false}");
    advance_ms(1100);
    assert_true(hears("{\"type\":\"tick\"") && !hears("overview"));
}

static void latencies_come_each_other_second(void **state)
{
    unsigned heard = 0;

    (void)state;
    open_feed(ADMIN_KEY);
    say("{\"heatmap\":true}");
    assert_true(hears("{\"type\":\"heatmap\",\"heatmap\":{\"time\":"));
    for (unsigned i = 0; i < 6; i++) {
        advance_ms(1100);
        assert_true(hears("tick"));
        heard += hears("\"n\":2");
    }
    assert_int_equal(heard, 3);
    say("{\"heatmap\":false}");
    advance_ms(2100);
    assert_false(hears("heatmap"));
}

static void a_message_may_come_in_pieces(void **state)
{
    (void)state;
    open_feed(ADMIN_KEY);
    say_part(HF_WS_OP_TEXT, 0, "{\"subscribe\":");
    say_part(HF_WS_OP_CONTINUATION, HF_WS_FIN, "5}");
    assert_true(
        hears("{\"type\":\"subscribed\",\"subscription\":5,\"from\":43}")); /* latest, by its number */
}

static void what_is_wrong_is_said(void **state)
{
    static const struct {
        const char *text, *answer;
    } rows[] = {
        {"nonsense", "\"reason\":\"bad_request\",\"detail\":\"a message is one JSON object\""},
        {"{}", "\"reason\":\"bad_request\""},
        {"{\"subscribe\":-1}", "\"reason\":\"bad_request\""},
        {"{\"overview\":1}", "\"reason\":\"bad_request\""},
        {"{\"subscribe\":3,\"type\":\"online,nothing\"}",
         "\"subscription\":3,\"reason\":\"bad_request\",\"field\":\"type\",\"detail\":\"type must be "},
        {"{\"subscribe\":3,\"type\":7}", "\"field\":\"type\""},
        {"{\"subscribe\":3,\"device\":\"a b\"}", "\"field\":\"device\",\"detail\":\"a device id is "},
        {"{\"subscribe\":3,\"topic\":\"a/#/b\"}", "\"field\":\"topic\",\"detail\":\"topic must be "},
        {"{\"subscribe\":3,\"by\":\"a/b\"}", "\"field\":\"by\",\"detail\":\"by must be "},
        {"{\"subscribe\":3,\"from\":0}", "\"field\":\"from\",\"detail\":\"from must be "},
        {"{\"subscribe\":3,\"from\":\"soon\"}", "\"field\":\"from\""},
    };

    (void)state;
    open_feed(ADMIN_KEY);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        say(rows[i].text);
        assert_true(hears("\"type\":\"refused\"") && hears(rows[i].answer));
    }
    assert_int_equal(tail_count, 0);
    fake_link_end(&g.link);
    gateway_connect(HF_HTTP_API);
    assert_int_equal(request("GET", "/v1/live", NULL), 400); /* no upgrade */
}

static void subscriptions_are_bounded(void **state)
{
    uint64_t refused = g.api.stats.readers_refused;
    char text[64];

    (void)state;
    open_feed(ADMIN_KEY);
    for (unsigned i = 0; i < HF_API_FEED_SUBSCRIPTIONS_MAX; i++) {
        snprintf(text, sizeof(text), "{\"subscribe\":%u}", i);
        say(text);
        assert_true(hears("subscribed"));
    }
    say("{\"subscribe\":99}");
    assert_true(hears("\"subscription\":99,\"reason\":\"busy\",\"detail\":\"this connection has as many"));
    assert_int_equal(tail_count, HF_API_FEED_SUBSCRIPTIONS_MAX);
    say("{\"unsubscribe\":3}");
    g.refuse_tails = true;
    say("{\"subscribe\":99}");
    assert_true(hears("api.events_readers_max"));
    assert_int_equal(g.api.stats.readers_refused, refused + 2);
    fake_link_end(&g.link);
    gateway_connect(HF_HTTP_API);
    g.api.limits.readers_max = 0;
    assert_int_equal(request_with("GET", "/v1/live", UPGRADE, NULL), 503);
}

static void it_shows_what_the_key_may_see(void **state)
{
    (void)state;
    open_feed(READ_KEY);
    say("{\"subscribe\":1}");
    assert_true(
        hears("\"subscription\":1,\"reason\":\"forbidden\",\"detail\":\"needs the scope: events:read\""));
    say("{\"overview\":true}");
    assert_true(hears(
        "\"reason\":\"forbidden\",\"field\":\"overview\",\"detail\":\"needs the scope: metrics:read\""));
    say("{\"heatmap\":true}");
    assert_true(hears("\"reason\":\"forbidden\",\"field\":\"heatmap\""));
    advance_ms(1100);
    assert_true(hears("tick"));
    assert_int_equal(tail_count, 0);
}

static void a_key_that_loses_a_scope_loses_its_feed(void **state)
{
    (void)state;
    open_feed(ADMIN_KEY);
    say("{\"subscribe\":1}");
    advance_ms(1100);
    assert_false(g.link.finished);
    g.keys[0].scopes = HF_SCOPE_DEVICES_READ | HF_SCOPE_METRICS_READ;
    hf_api_use_keys(&g.api, g.keys, 3);
    advance_ms(1100);
    assert_true(hears("reason=revoked"));
    say_part(HF_WS_OP_TEXT, HF_WS_FIN, "{\"overview\":true}"); /* too late */
    assert_false(hears("overview"));
}

static void a_link_that_breaks_takes_all_of_it_along(void **state)
{
    (void)state;
    open_feed(ADMIN_KEY);
    say("{\"subscribe\":1}");
    say("{\"overview\":true}");
    g.link.refuse = true;
    advance_ms(1100);
    assert_true(g.link.aborted);
    assert_false(tails[0].open);
}

/* The Close that says so cannot be written: nothing of the stream may be looked at behind it. */
static void a_broken_reader_may_be_gone_already(void **state)
{
    static const uint8_t unmasked[] = {0x81, 0x02, '{', '}'};

    (void)state;
    open_feed(ADMIN_KEY);
    say("{\"subscribe\":1}");
    g.link.refuse = true;
    fake_feed_bytes(&g.link, unmasked, sizeof(unmasked));
    assert_true(g.link.aborted && !g.link.finished);
    assert_false(tails[0].open);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(subscriptions_share_a_socket),
        TEST(counters_come_each_second),
        TEST(latencies_come_each_other_second),
        TEST(a_message_may_come_in_pieces),
        TEST(what_is_wrong_is_said),
        TEST(subscriptions_are_bounded),
        TEST(it_shows_what_the_key_may_see),
        TEST(a_key_that_loses_a_scope_loses_its_feed),
        TEST(a_link_that_breaks_takes_all_of_it_along),
        TEST(a_broken_reader_may_be_gone_already),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
