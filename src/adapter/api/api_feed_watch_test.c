/* Devices that a reader of GET /v1/live watches: what is asked when, what is said of it, and what it may cost. */
#include "adapter/api/feed_testkit.h"
#include "core/twin/live.h"

static struct hf_backend_ops ops;
static unsigned looks[HF_CALL_DOCUMENT + 1]; /* calls by type */
static struct hf_live live;                  /* of every device that is not "away-1" */
static struct hf_twin twin, series;          /* arrived_us, batches or newest_ns 0: there is none */
static enum hf_reason trouble;

static void *twin_copy(const struct hf_twin *from)
{
    struct hf_twin *copy = malloc(sizeof(*copy));

    *copy = *from;
    hf_twin_moved(copy);
    return copy;
}

static void fill(struct hf_call *call)
{
    looks[call->type]++;
    call->reason = (uint16_t)trouble;
    if (trouble != HF_REASON_NONE)
        return;
    if (call->type == HF_CALL_SERIES) {
        assert_true(call->series->last);
        call->result = series.newest_ns != 0 ? twin_copy(&series) : NULL;
        return;
    }
    if (hf_slice_is(call->device, "away-1")) {
        call->reason = HF_REASON_NOT_FOUND;
        return;
    }
    call->live = live;
    if (call->type == HF_CALL_TWIN && twin.batches > 0)
        call->result = twin_copy(&twin);
}

static void answer(void)
{
    while (g.call_count > 0) {
        struct hf_call *call = g.calls[0];

        g.call_count--;
        memmove(g.calls, g.calls + 1, g.call_count * sizeof(g.calls[0]));
        fill(call);
        call->on_done(call);
    }
}

/* Own workers answer before call() returns: `inline_answers`. */
static bool inline_answers;

static hf_err call(struct hf_backend *backend, struct hf_call *made)
{
    (void)backend;
    if (g.refuse_calls)
        return HF_ERR_BUSY;
    assert_true(hf_slice_is(made->tenant, "acme"));
    if (inline_answers) {
        fill(made);
        made->on_done(made);
        return HF_OK;
    }
    assert_int_equal(g.call_count, 0); /* one at a time */
    g.calls[g.call_count++] = made;
    return HF_OK;
}

static int setup(void **state)
{
    gateway_setup(state);
    ops = *g.backend.ops;
    ops.call = call;
    g.backend.ops = &ops;
    g.hold_calls = true;
    inline_answers = false;
    trouble = HF_REASON_NONE;
    memset(looks, 0, sizeof(looks));
    hf_twin_begin(&twin);
    hf_twin_begin(&series);
    live = (struct hf_live){.presence = HF_ONLINE,
                            .connected = true,
                            .epoch = 3,
                            .conn = 9,
                            .since_ms = g.http.utc_ms,
                            .reason = HF_REASON_CONNECTED,
                            .protocol = "raw"};
    gateway_online("acme", "away-1", HF_EVENT_OFFLINE, HF_REASON_NORMAL, 2);
    return 0;
}

static int teardown(void **state)
{
    gateway_teardown(state);
    assert_int_equal(g.api.stats.watches_now, 0);
    return 0;
}

static void batch(int16_t power)
{
    twin.batches++;
    twin.samples += 10;
    twin.arrived_us = g.http.utc_ms * 1000;
    twin.newest_ns += 1000000000;
    twin.last.power_w = power;
    twin.last_ns[HF_SERIES_POWER] = twin.newest_ns;
}

/* Turns of the timer, and their answers. */
static void turns(unsigned count)
{
    fake_clear(&g.link);
    for (unsigned i = 0; i < count; i++) {
        advance(HF_API_WATCH_MS + HF_WHEEL_TICK_MS);
        answer();
    }
}

static void turn(void)
{
    turns(1);
}

static void look_begins(void)
{
    for (unsigned i = 0; i < HF_API_WATCH_STATE_TURNS && g.call_count == 0; i++)
        advance_ms(HF_API_WATCH_MS + HF_WHEEL_TICK_MS);
    assert_int_equal(g.call_count, 1);
}

static unsigned count_of(const char *text)
{
    unsigned count = 0;
    const char *at = g.link.out, *end = at + g.link.out_bytes;

    while ((at = memmem(at, (size_t)(end - at), text, strlen(text))) != NULL) {
        count++;
        at += strlen(text);
    }
    return count;
}

/* The bodies of GET, as they stand in messages. */
static char body[4096];
static void get(const char *target)
{
    inline_answers = true;
    assert_int_equal(request("GET", target, NULL), 200);
    inline_answers = false;
    const char *at = strstr(g.link.out, "\r\n\r\n");
    assert_non_null(at);
    snprintf(body, sizeof(body), "%s", at + 4);
    memset(looks, 0, sizeof(looks));
}

static void a_device_is_said_at_once_and_when_it_has_changed(void **state)
{
    (void)state;
    get("/v1/devices/d1");
    open_feed(READ_KEY);
    say("{\"watch\":1,\"device\":\"d1\"}");
    assert_int_equal(g.call_count, 1);
    answer();
    assert_true(hears("{\"type\":\"device\",\"watch\":1,\"device\":{\"device\":\"d1\",\"state\":\"online\""));
    assert_true(hears(body)); /* word by word what GET says */
    turns(HF_API_WATCH_STATE_TURNS);
    assert_int_equal(looks[HF_CALL_DEVICE], 2); /* once a second */
    assert_false(hears("\"device\""));          /* it is as it was */
    turns(HF_API_WATCH_STATE_TURNS);
    assert_true(hears("\"type\":\"tick\"") && hears("\"watched\":[1]")); /* and that is said */
    live.messages_in = 7;
    live.last_seen_ms = g.http.utc_ms;
    turns(HF_API_WATCH_STATE_TURNS);
    assert_int_equal(count_of("\"messages_in\":7"), 1);
    for (unsigned i = 0; i < 3; i++) { /* two clocks are not one */
        live.last_seen_ms += i % 2 == 0 ? 1 : -2;
        turns(HF_API_WATCH_STATE_TURNS);
        assert_false(hears("\"device\""));
    }
    live.last_seen_ms += 3;
    turns(HF_API_WATCH_STATE_TURNS);
    assert_int_equal(count_of("\"last_seen\""), 1);
    say("{\"unwatch\":1}");
    turns(2 * HF_API_WATCH_STATE_TURNS);
    assert_int_equal(looks[HF_CALL_DEVICE], 8);
    assert_false(hears("watched"));
}

static void samples_come_with_each_batch(void **state)
{
    (void)state;
    batch(210);
    get("/v1/devices/d1/live");
    open_feed(READ_KEY);
    say("{\"watch\":4,\"device\":\"d1\",\"state\":false,\"samples\":true}");
    answer();
    assert_true(
        hears("{\"type\":\"samples\",\"watch\":4,\"samples\":{\"device\":\"d1\",\"presence\":\"online\""));
    assert_true(hears(body));
    for (int16_t power = 211; power < 219; power++) {
        char text[32];

        batch(power);
        batch(power); /* of two only how it is now */
        turn();
        snprintf(text, sizeof(text), "\"power_w\":%d", power);
        assert_int_equal(count_of(text), 1);
        assert_false(hears("\"type\":\"device\""));
    }
    turns(2 * HF_API_WATCH_STATE_TURNS);
    assert_false(hears("\"type\":\"samples\""));
    assert_true(hears("\"watched\":[4]"));
    live.presence = HF_OFFLINE;
    turn();
    assert_true(hears("\"presence\":\"offline\""));
    hf_twin_begin(&twin); /* it made room for another's */
    turns(4);
    assert_false(hears("\"type\":\"samples\""));
    assert_int_equal(looks[HF_CALL_DEVICE], 0);
}

static void both_cost_one_call(void **state)
{
    (void)state;
    batch(100);
    open_feed(READ_KEY);
    say("{\"watch\":1,\"device\":\"d1\",\"samples\":true}");
    answer();
    assert_true(hears("\"type\":\"device\"") && hears("\"type\":\"samples\""));
    turns(2 * HF_API_WATCH_STATE_TURNS);
    assert_int_equal(looks[HF_CALL_TWIN], 1 + 2 * HF_API_WATCH_STATE_TURNS);
    assert_int_equal(looks[HF_CALL_DEVICE] + looks[HF_CALL_SERIES], 0);
}

static void the_time_series_are_asked_once(void **state)
{
    (void)state;
    series.newest_ns = 5000000000;
    series.last.power_w = 77;
    series.last_ns[HF_SERIES_POWER] = series.newest_ns;
    open_feed(READ_KEY);
    say("{\"watch\":1,\"device\":\"away-1\",\"samples\":true}");
    answer();
    assert_true(hears("\"state\":\"offline\"") && hears("\"restored\":true") && hears("\"power_w\":77"));
    turns(3 * HF_API_WATCH_STATE_TURNS);
    assert_int_equal(looks[HF_CALL_SERIES], 1);
    assert_false(hears("\"type\":\"samples\""));

    series.newest_ns = 0;
    say("{\"watch\":2,\"device\":\"mute-1\",\"samples\":true}");
    answer();
    assert_true(hears("\"samples\":null"));
    batch(12);
    turn();
    assert_true(hears("\"restored\":false") && hears("\"power_w\":12"));
}

static void a_slow_reader_gets_fewer(void **state)
{
    (void)state;
    batch(100);
    open_feed(READ_KEY);
    say("{\"watch\":1,\"device\":\"d1\",\"samples\":true}");
    answer();
    g.link.queued = 1;
    for (int16_t power = 101; power < 120; power++) {
        batch(power);
        turn();
        assert_int_equal(g.link.out_bytes, 0);
    }
    assert_int_equal(looks[HF_CALL_TWIN], 1); /* nobody was asked for it */
    assert_int_equal(g.api.stats.watch_skips, 19);
    g.link.queued = 0;
    turn();
    assert_int_equal(count_of("\"type\":\"samples\""), 1);
    assert_true(hears("\"power_w\":119"));
    assert_int_equal(count_of("\"type\":\"device\""), 0); /* looked at, and as it was */

    say("{\"watch\":1,\"device\":\"d1\"}");
    answer();
    live.messages_in = 1;
    look_begins();
    g.link.queued = 1;
    answer(); /* it may not be said now */
    assert_false(hears("messages_in"));
    g.link.queued = 0;
    turn(); /* put off to the next turn, not to the next second */
    assert_true(hears("\"messages_in\":1"));
}

static void an_answer_may_be_nobodys(void **state)
{
    (void)state;
    open_feed(READ_KEY);
    say("{\"watch\":1,\"device\":\"d1\"}");
    say("{\"unwatch\":1}");
    say("{\"watch\":2,\"device\":\"d2\"}"); /* in its place, while the look at d1 is under way */
    assert_int_equal(g.call_count, 1);
    answer();
    assert_false(hears("\"d1\""));
    assert_true(hears("\"watch\":2,\"device\":{\"device\":\"d2\""));
    say("{\"watch\":2,\"device\":\"d3\"}"); /* the same number: another device */
    answer();
    assert_true(hears("\"watch\":2,\"device\":{\"device\":\"d3\""));
    assert_int_equal(g.api.stats.watches_now, 1);
    look_begins();
    fake_link_end(&g.link); /* the reader is gone; teardown gives the answer back */
    assert_int_equal(g.api.stats.watches_now, 0);
    assert_int_equal(g.wheel.armed, 0);
}

static void it_is_bounded(void **state)
{
    char text[64];
    const unsigned begun = g.wheel.armed;

    (void)state;
    open_feed(READ_KEY);
    const unsigned armed = g.wheel.armed;
    assert_true(armed >= begun);
    for (unsigned i = 0; i < HF_API_FEED_WATCHES_MAX; i++) {
        snprintf(text, sizeof(text), "{\"watch\":%u,\"device\":\"d%u\"}", i, i);
        say(text);
        answer();
        assert_true(hears("\"type\":\"device\""));
    }
    assert_int_equal(g.wheel.armed, armed + 1);
    say("{\"watch\":99,\"device\":\"d1\"}");
    assert_true(hears("\"watch\":99,\"reason\":\"busy\",\"detail\":\"this connection watches"));
    say("{\"unwatch\":3}");
    g.api.limits.watches_max = HF_API_FEED_WATCHES_MAX - 1;
    say("{\"watch\":99,\"device\":\"d1\"}");
    assert_true(hears("api.live_watches_max"));
    assert_int_equal(g.api.stats.watches_refused, 2);
    assert_int_equal(g.api.stats.watches_now, HF_API_FEED_WATCHES_MAX - 1);
    for (unsigned i = 0; i < HF_API_FEED_WATCHES_MAX; i++) {
        snprintf(text, sizeof(text), "{\"unwatch\":%u}", i);
        say(text);
    }
    assert_int_equal(g.wheel.armed, armed); /* what nobody watches costs nothing */
}

/* Who says so again and again is told once, and then with the turns. */
static void insisting_brings_no_more_looks(void **state)
{
    (void)state;
    inline_answers = true;
    open_feed(READ_KEY);
    for (unsigned i = 0; i < 100; i++)
        say("{\"watch\":1,\"device\":\"d1\"}");
    assert_int_equal(looks[HF_CALL_DEVICE], HF_API_FEED_WATCHES_MAX);
    turn();
    assert_true(hears("\"type\":\"device\""));
    assert_int_equal(looks[HF_CALL_DEVICE], HF_API_FEED_WATCHES_MAX + 1);
    say("{\"watch\":1,\"device\":\"d1\"}");
    assert_true(hears("\"type\":\"device\""));
}

static void what_is_wrong_is_said(void **state)
{
    static const struct {
        const char *text, *answer;
    } rows[] = {
        {"{\"watch\":-1,\"device\":\"d\"}",
         "\"type\":\"refused\",\"reason\":\"bad_request\",\"detail\":\"say "},
        {"{\"watch\":3}",
         "\"watch\":3,\"reason\":\"bad_request\",\"field\":\"device\",\"detail\":\"a device id is "},
        {"{\"watch\":3,\"device\":7}", "\"field\":\"device\""},
        {"{\"watch\":3,\"device\":\"a b\"}", "\"field\":\"device\""},
        {"{\"watch\":3,\"device\":\"d\",\"state\":1}", "\"field\":\"state\",\"detail\":\"state must be "},
        {"{\"watch\":3,\"device\":\"d\",\"state\":false}", "\"field\":\"state\""},
        {"{\"watch\":3,\"device\":\"d\",\"samples\":\"yes\"}",
         "\"field\":\"samples\",\"detail\":\"samples must be "},
        {"{\"unwatch\":\"x\"}", "\"reason\":\"bad_request\""},
    };

    (void)state;
    open_feed(READ_KEY);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        say(rows[i].text);
        assert_true(hears("\"type\":\"refused\"") && hears(rows[i].answer));
    }
    say("{\"unwatch\":77}"); /* nobody's */
    assert_int_equal(g.link.out_bytes, 0);
    assert_int_equal(g.api.stats.watches_now, 0);
}

static void one_that_is_not_there_is_refused(void **state)
{
    (void)state;
    live.epoch = 0; /* it is known to nobody */
    open_feed(READ_KEY);
    say("{\"watch\":1,\"device\":\"none-1\",\"samples\":true}");
    answer();
    assert_true(hears("{\"type\":\"refused\",\"watch\":1,\"reason\":\"not_found\""));
    assert_int_equal(g.api.stats.watches_now, 0);
    say("{\"watch\":1,\"device\":\"away-1\"}"); /* of this one the tables know */
    answer();
    assert_true(hears("\"state\":\"offline\""));
}

static void a_busy_gateway_is_asked_again(void **state)
{
    (void)state;
    open_feed(READ_KEY);
    g.refuse_calls = true;
    say("{\"watch\":1,\"device\":\"d1\"}");
    turn();
    assert_int_equal(g.link.out_bytes, 0);
    g.refuse_calls = false;
    trouble = HF_REASON_MEMORY_LIMIT;
    turn();
    assert_int_equal(g.link.out_bytes, 0);
    trouble = HF_REASON_NONE;
    turn();
    assert_true(hears("\"type\":\"device\""));
    assert_int_equal(g.api.stats.watch_skips, 3);
    assert_int_equal(g.api.stats.calls_refused, 2);
    g.api.limits.calls_max = 0;
    turns(2 * HF_API_WATCH_STATE_TURNS);
    assert_true(g.api.stats.calls_refused > 2);
    turns(2 * HF_API_WATCH_STATE_TURNS);
    assert_true(hears("\"watched\":[]")); /* what was said may not be so any more */
}

static void it_shows_what_the_key_may_see(void **state)
{
    (void)state;
    open_feed(GLOBAL_KEY);
    say("{\"watch\":1,\"device\":\"d1\"}");
    assert_true(hears("\"watch\":1,\"reason\":\"bad_request\",\"field\":\"tenant\""));
    fake_link_end(&g.link);
    gateway_connect(HF_HTTP_API);
    g.keys[1].scopes = HF_SCOPE_EVENTS_READ;
    open_feed(READ_KEY);
    say("{\"watch\":1,\"device\":\"d1\"}");
    assert_true(hears("\"watch\":1,\"reason\":\"forbidden\",\"detail\":\"needs the scope: devices:read\""));
    fake_link_end(&g.link);
    gateway_connect(HF_HTTP_API);
    open_feed(ADMIN_KEY);
    say("{\"watch\":1,\"device\":\"d1\"}");
    answer();
    g.keys[0].scopes = HF_SCOPE_EVENTS_READ | HF_SCOPE_METRICS_READ;
    hf_api_use_keys(&g.api, g.keys, 3);
    turns(2 * HF_API_WATCH_STATE_TURNS);
    assert_true(hears("reason=revoked"));
    assert_false(hears("\"type\":\"device\""));
}

static void answers_may_come_at_once(void **state)
{
    char text[64];

    (void)state;
    inline_answers = true;
    open_feed(READ_KEY);
    for (unsigned i = 0; i < HF_API_FEED_WATCHES_MAX; i++) {
        snprintf(text, sizeof(text), "{\"watch\":%u,\"device\":\"d%u\",\"samples\":true}", i, i);
        say(text);
        assert_true(hears("\"samples\":null"));
    }
    live.messages_in = 1;
    batch(100);
    turns(HF_API_WATCH_STATE_TURNS);
    assert_int_equal(count_of("\"messages_in\":1"), HF_API_FEED_WATCHES_MAX);
    assert_int_equal(count_of("\"power_w\":100"), HF_API_FEED_WATCHES_MAX);
    assert_int_equal(looks[HF_CALL_SERIES], HF_API_FEED_WATCHES_MAX);
    g.link.refuse = true; /* the first of them ends it, in the middle of the turn */
    batch(101);
    turn();
    assert_true(g.link.aborted);
    assert_int_equal(g.api.stats.watches_now, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_device_is_said_at_once_and_when_it_has_changed),
        TEST(samples_come_with_each_batch),
        TEST(both_cost_one_call),
        TEST(the_time_series_are_asked_once),
        TEST(a_slow_reader_gets_fewer),
        TEST(an_answer_may_be_nobodys),
        TEST(it_is_bounded),
        TEST(insisting_brings_no_more_looks),
        TEST(what_is_wrong_is_said),
        TEST(one_that_is_not_there_is_refused),
        TEST(a_busy_gateway_is_asked_again),
        TEST(it_shows_what_the_key_may_see),
        TEST(answers_may_come_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
