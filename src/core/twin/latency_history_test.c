#include "core/twin/latency_history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"

#define START_MS UINT64_C(1795824000000) /* a multiple of both steps */
#define DAY_MS   UINT64_C(86400000)

static struct hf_latencies sums;
static struct hf_latency_history *history;

static int setup(void **state)
{
    (void)state;
    memset(&sums, 0, sizeof(sums));
    history = hf_latency_history_new();
    assert_non_null(history);
    hf_latency_history_look(history, &sums, START_MS);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    hf_latency_history_free(history);
    return 0;
}

static void record(enum hf_latency_pair pair, int64_t us, uint64_t n)
{
    hf_latency_record(&sums.of[pair], us, n, 70);
}

static void look(uint64_t after_ms)
{
    assert_true(hf_latency_history_due(history, START_MS + after_ms));
    hf_latency_history_look(history, &sums, START_MS + after_ms);
    assert_false(hf_latency_history_due(history, START_MS + after_ms));
}

static const struct hf_latency_slot *find(enum hf_latency_tier tier, uint64_t from_ms, uint64_t to_ms)
{
    return hf_latency_history_find(history, tier, START_MS + from_ms, START_MS + to_ms);
}

/* Each slot has what was measured within it, quantiles included, and nothing of what was before. */
static void a_slow_moment_is_seen_in_its_slot_alone(void **state)
{
    (void)state;
    record(HF_LATENCY_DURABLE, 400, 1000);
    assert_false(hf_latency_history_due(history, START_MS + 9999));
    assert_null(find(HF_LATENCY_FINE, 0, DAY_MS / 2)); /* it runs */
    look(10000);
    record(HF_LATENCY_DURABLE, 300000, 10);
    record(HF_LATENCY_CAPTURE, 20000, 5);
    look(20000);
    look(30000); /* nothing was measured */
    record(HF_LATENCY_DURABLE, 500, 7);
    look(41234);
    assert_int_equal(hf_latency_history_slots(history, HF_LATENCY_FINE), 3);
    assert_int_equal(hf_latency_history_slots(history, HF_LATENCY_COARSE), 0);

    const struct hf_latency_slot *slot = find(HF_LATENCY_FINE, 0, 50000);
    assert_int_equal(slot->begin_ms, START_MS);
    assert_int_equal(slot->of[HF_LATENCY_DURABLE].count, 1000);
    assert_int_equal(slot->of[HF_LATENCY_DURABLE].cells[0], 1000);
    assert_int_equal(slot->of[HF_LATENCY_CAPTURE].count, 0);
    slot = find(HF_LATENCY_FINE, 1, 50000);
    assert_int_equal(slot->begin_ms, START_MS + 10000);
    assert_int_equal(slot->of[HF_LATENCY_DURABLE].cells[0], 0);
    assert_int_equal(slot->of[HF_LATENCY_DURABLE].cells[4], 10);
    assert_in_range(slot->of[HF_LATENCY_DURABLE].p50_us, 297000, 303000);
    assert_in_range(slot->of[HF_LATENCY_DURABLE].max_us, 297000, 303000);
    assert_int_equal(slot->of[HF_LATENCY_CAPTURE].cells[1], 5);
    assert_int_equal(slot->of[HF_LATENCY_CAPTURE].uncertainty_us, 70);
    slot = find(HF_LATENCY_FINE, 20000, 50000);
    assert_int_equal(slot->begin_ms, START_MS + 30000);
    assert_in_range(slot->of[HF_LATENCY_DURABLE].p99_us, 495, 505);
    assert_null(find(HF_LATENCY_FINE, 30001, 50000));
    assert_null(find(HF_LATENCY_FINE, 0, 0));
    assert_null(find(HF_LATENCY_COARSE, 0, 50000));
    look(300000);
    slot = find(HF_LATENCY_COARSE, 0, 300000);
    assert_int_equal(slot->begin_ms, START_MS);
    assert_int_equal(slot->of[HF_LATENCY_DURABLE].count, 1017);
}

/* 24 h and 7 days, to the slot. */
static void old_slots_make_room(void **state)
{
    (void)state;
    for (uint64_t at_ms = 10000; at_ms <= 8 * DAY_MS; at_ms += 10000) {
        record(HF_LATENCY_APPLICATION, 60000, 1);
        look(at_ms);
    }
    assert_int_equal(find(HF_LATENCY_FINE, 0, 8 * DAY_MS)->begin_ms, START_MS + 7 * DAY_MS);
    assert_int_equal(find(HF_LATENCY_COARSE, 0, 8 * DAY_MS)->begin_ms, START_MS + DAY_MS);
    assert_null(find(HF_LATENCY_FINE, 0, DAY_MS));
    unsigned slots = 0;
    const struct hf_latency_slot *slot;
    for (uint64_t at_ms = 0; (slot = find(HF_LATENCY_COARSE, at_ms, 8 * DAY_MS)) != NULL; slots++) {
        assert_int_equal(slot->of[HF_LATENCY_APPLICATION].cells[2], 30);
        at_ms = slot->begin_ms - START_MS + 1;
    }
    assert_int_equal(slots, 7 * 288);
    assert_int_equal(hf_latency_history_slots(history, HF_LATENCY_COARSE), 7 * 288);
    assert_int_equal(hf_latency_history_slots(history, HF_LATENCY_FINE), 24 * 360);
}

/* A clock that is put back writes its hour again; one that was stopped counts all in the slot that ran. */
static void clocks_step(void **state)
{
    (void)state;
    record(HF_LATENCY_DURABLE, 400, 1);
    look(3600000);
    record(HF_LATENCY_DURABLE, 400, 2);
    look(0);
    assert_int_equal(find(HF_LATENCY_FINE, 0, 10000)->of[HF_LATENCY_DURABLE].count, 1);
    assert_int_equal(find(HF_LATENCY_FINE, 10000, 3610000)->of[HF_LATENCY_DURABLE].count, 2);
    record(HF_LATENCY_DURABLE, 400, 3);
    look(10000);
    assert_int_equal(find(HF_LATENCY_FINE, 0, 10000)->of[HF_LATENCY_DURABLE].count, 3);
}

static void large_counts_stop(void **state)
{
    (void)state;
    record(HF_LATENCY_DURABLE, INT64_C(1) << 40, UINT64_C(1) << 33);
    look(10000);

    const struct hf_latency_part *part = &find(HF_LATENCY_FINE, 0, 10000)->of[HF_LATENCY_DURABLE];
    assert_int_equal(part->count, UINT32_MAX);
    assert_int_equal(part->cells[HF_LATENCY_BUCKETS - 1], UINT32_MAX);
    assert_int_equal(part->max_us, UINT32_MAX);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_slow_moment_is_seen_in_its_slot_alone),
        TEST(old_slots_make_room),
        TEST(clocks_step),
        TEST(large_counts_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
