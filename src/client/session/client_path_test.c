/* client/path: when the hint path_suspect is raised and when it ends (TLS-11), by given round-trip times; and the core's part. */
#include "client/session/core_testkit.h"

#include "base/rng.h"
#include "client/session/core_path.h"

/* ---- the rule ---- */

/* Ten of each, in turn: the deviation is half of what is between them. */
static unsigned feed(struct hf_path *path, uint32_t low_ms, uint32_t high_ms)
{
    unsigned changes = 0;

    for (unsigned i = 0; i < HF_PATH_SAMPLES; i++)
        changes += hf_path_sample(path, i % 2 == 0 ? low_ms : high_ms);
    return changes;
}

static void borders_are_exact(void **state)
{
    static const struct {
        uint32_t high_ms; /* ten of 100 ms before, ten of this; */
        uint32_t last_ms; /* but the last is this */
        bool before, after;
    } rows[] = {
        {180, 180, false, false},                                                  /* 40 ms and not more */
        {180, 181, false, true},                                                   /* a trifle more */
        {180, 179, false, false}, {180, 180, true, true},  {120, 120, true, true}, /* 10 ms and not less */
        {120, 119, true, false},                                                   /* a trifle less */
        {120, 121, true, true},   {119, 119, true, false}, {119, 119, false, false}, {100, 100, true, false},
    };

    (void)state;
    for (unsigned i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_path path = {.suspect = rows[i].before ? HF_PATH_JITTER : 0};

        for (unsigned k = 0; k + 1 < HF_PATH_SAMPLES; k++)
            assert_false(hf_path_sample(&path, k % 2 == 0 ? 100 : rows[i].high_ms));
        assert_int_equal(hf_path_sample(&path, rows[i].last_ms), rows[i].before != rows[i].after);
        assert_int_equal(path.suspect, rows[i].after ? HF_PATH_JITTER : 0);
    }
}

static void nothing_is_said_before_there_are_twenty(void **state)
{
    struct hf_path path = {.suspect = HF_PATH_NAME};

    (void)state;
    for (unsigned i = 0; i < HF_PATH_SAMPLES - 1; i++)
        assert_false(hf_path_sample(&path, i % 2 * 1000));
    assert_int_equal(hf_path_sigma_us(&path), 0);
    assert_true(hf_path_sample(&path, 1000));
    assert_int_equal(hf_path_sigma_us(&path), 500000);
    assert_int_equal(path.suspect, HF_PATH_NAME | HF_PATH_JITTER); /* one says nothing of the other */
    assert_int_equal(feed(&path, 50, 50), 1);
    assert_int_equal(path.suspect, HF_PATH_NAME);
}

/* What lies between 10 and 40 ms neither raises the hint nor ends it, however often it is crossed. */
static void it_does_not_flap(void **state)
{
    struct hf_path path = {0};

    (void)state;
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(feed(&path, 100, 120 + 12 * i), 0); /* 10, 16 ... 34 ms */
    assert_int_equal(feed(&path, 100, 190), 1);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(feed(&path, 100, i % 2 == 0 ? 190 : 130), 0); /* 45, 15 ... ms */
    assert_int_equal(path.suspect, HF_PATH_JITTER);
    assert_int_equal(feed(&path, 100, 110), 1);
    assert_int_equal(path.suspect, 0);
}

static void a_late_answer_counts_up_to_a_minute(void **state)
{
    struct hf_path path = {0};

    (void)state;
    assert_int_equal(feed(&path, 0, UINT32_MAX), 1);
    assert_int_equal(hf_path_sigma_us(&path), 1000 * HF_PATH_RTT_MS_MAX / 2);
}

/* Against the sum over all pairs: 20 x 20 times the variance is the sum of the squares of their differences. */
static void random_times(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 50; seed++) {
        uint32_t all[400];
        struct hf_path path = {0};
        bool suspect = false;
        struct hf_rng rng;

        hf_rng_seed(&rng, seed);
        for (unsigned n = 0; n < HF_COUNT_OF(all); n++) {
            uint32_t spread = n / 40 % 3 == 0 ? 20 : n / 40 % 3 == 1 ? 200 : 60;
            uint64_t pairs = 0;

            all[n] = 30 + (uint32_t)hf_rng_below(&rng, spread);
            for (unsigned i = n + 1 >= 20 ? n - 19 : 0; i <= n; i++)
                for (unsigned k = i + 1; k <= n; k++)
                    pairs += (uint64_t)(((int64_t)all[i] - all[k]) * ((int64_t)all[i] - all[k]));
            bool before = suspect;
            if (n + 1 >= 20)
                suspect = pairs > 400 * 1600 || (suspect && pairs >= 400 * 100);
            assert_int_equal(hf_path_sample(&path, all[n]), suspect != before);
            assert_int_equal(path.suspect, suspect ? HF_PATH_JITTER : 0);
        }
    }
}

/* ---- in the core ---- */

static struct hf_client_path_facts told;
static unsigned tellings;

static void on_path(void *user, const struct hf_client_path_facts *facts)
{
    (void)user;
    told = *facts;
    tellings++;
}

static void beat(struct kit *kit, uint32_t rtt_ms)
{
    uint32_t seq = kit->ping.beat.seq;
    struct hf_frame pong = {.type = HF_FRAME_PONG};

    while (kit->ping.beat.seq == seq)
        kit_tick(kit, 10);
    kit_tick(kit, rtt_ms);
    pong.as.beat = kit->ping;
    kit_send(kit, &pong);
}

static struct hf_client_path_facts facts_of(const struct kit *kit)
{
    struct hf_client_path_facts facts;

    hf_client_core_path(kit->core, &facts);
    return facts;
}

static void heartbeats_raise_it_and_end_it(void **state)
{
    struct kit *kit = *state;
    struct hf_frame pong = {.type = HF_FRAME_PONG};

    tellings = 0;
    kit->ops.path = on_path;
    for (unsigned i = 0; i < HF_PATH_SAMPLES - 1; i++)
        beat(kit, i % 2 == 0 ? 100 : 300);
    pong.as.beat = kit->ping; /* a second answer says nothing of the path */
    kit_tick(kit, 400);
    kit_send(kit, &pong);
    assert_int_equal(tellings, 0);
    assert_int_equal(facts_of(kit).rtt_sigma_us, 0);
    assert_true(facts_of(kit).rtt_us > 100000 && facts_of(kit).rtt_us < 300000);
    beat(kit, 300);
    assert_int_equal(tellings, 1);
    assert_int_equal(told.suspect, HF_PATH_JITTER);
    assert_int_equal(told.rtt_sigma_us, 100000);
    assert_int_equal(facts_of(kit).suspect, HF_PATH_JITTER);
    assert_int_equal(hf_client_core_state(kit->core),
                     HF_LINK_CONNECTED); /* a hint, and nothing follows from it */
    for (unsigned i = 0; i < HF_PATH_SAMPLES; i++)
        beat(kit, 150);
    assert_int_equal(tellings, 2);
    assert_int_equal(told.suspect, 0);
    assert_true(told.rtt_sigma_us < 10000);
}

static void it_ends_with_its_connection(void **state)
{
    struct kit *kit = *state;

    tellings = 0;
    kit->ops.path = on_path;
    for (unsigned i = 0; i < HF_PATH_SAMPLES; i++)
        beat(kit, i % 2 == 0 ? 100 : 300);
    assert_int_equal(facts_of(kit).suspect, HF_PATH_JITTER);
    hf_client_core_closed(kit->core, &kit->now);
    assert_int_equal(facts_of(kit).suspect + facts_of(kit).rtt_us + facts_of(kit).rtt_sigma_us, 0);
    kit_until_attempt(kit);
    kit_established(kit);
    for (unsigned i = 0; i < HF_PATH_SAMPLES - 1; i++) /* another way, perhaps: measured anew */
        beat(kit, i % 2 == 0 ? 100 : 300);
    assert_int_equal(facts_of(kit).suspect, 0);
    assert_int_equal(tellings, 1);
}

static void another_name_is_told_once_the_session_stands(void **state)
{
    struct kit *kit = *state;
    const struct hf_client_request request = {HF_SLICE("/v1/connect"), HF_SLICE("gw"), HF_SLICE("X-A: b\r\n"),
                                              true};

    tellings = 0;
    kit->ops.path = on_path;
    hf_client_core_start(kit->core, &kit->now);
    assert_int_equal(hf_client_core_open(kit->core, &kit->now, &request), HF_OK);
    kit_upgrade(kit);
    assert_int_equal(tellings + facts_of(kit).suspect, 0);
    kit_welcome(kit);
    assert_int_equal(tellings, 1);
    assert_int_equal(told.suspect, HF_PATH_NAME);
    hf_client_core_closed(kit->core, &kit->now);
    kit_until_attempt(kit);
    kit_established(kit); /* the configured name again */
    assert_int_equal(tellings, 1);
    assert_int_equal(facts_of(kit).suspect, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(borders_are_exact),
        cmocka_unit_test(nothing_is_said_before_there_are_twenty),
        cmocka_unit_test(it_does_not_flap),
        cmocka_unit_test(a_late_answer_counts_up_to_a_minute),
        cmocka_unit_test(random_times),
        cmocka_unit_test_setup_teardown(heartbeats_raise_it_and_end_it, kit_setup_open, kit_teardown),
        cmocka_unit_test_setup_teardown(it_ends_with_its_connection, kit_setup_open, kit_teardown),
        cmocka_unit_test_setup_teardown(another_name_is_told_once_the_session_stands, kit_setup,
                                        kit_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
