#include "bench/chaos/path.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"

#define MS UINT64_C(1000)
#define S  (UINT64_C(1000) * MS)

static struct hf_chaos_faults faults_of(const char *words)
{
    char error[HF_CHAOS_ERROR_BYTES];
    struct hf_chaos_faults faults;

    hf_chaos_faults_init(&faults);
    if (hf_chaos_faults_set_all(&faults, hf_slice_of(words), error) != HF_OK)
        fail_msg("%s: %s", words, error);
    return faults;
}

static struct hf_chaos_path path_of(uint64_t seed)
{
    struct hf_chaos_path path;

    hf_chaos_path_init(&path, seed, 1, HF_CHAOS_UP);
    return path;
}

/* ---- time ---- */

static void a_segment_is_due_when_it_should_be(void **state)
{
    static const struct {
        const char *faults;
        uint64_t now_us;
        size_t bytes;
        uint64_t due_us;
    } rows[] = {
        {"", 5 * S, 1000, 5 * S},
        {"latency=70ms", 5 * S, 1000, 5 * S + 70 * MS},
        {"latency-down=70ms", 5 * S, 1000, 5 * S}, /* the other direction */
        {"rtt=71ms", 0, 1, 35 * MS + 500},
        {"rate=1000B/s", 5 * S, 100, 5 * S + 100 * MS},
        {"rate=8kbit/s latency=1s", 5 * S, 100, 6 * S + 100 * MS},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_chaos_faults faults = faults_of(rows[i].faults);
        struct hf_chaos_path path = path_of(1);
        struct hf_chaos_verdict verdict;

        hf_chaos_path_segment(&path, &faults, HF_CHAOS_UP, rows[i].now_us, rows[i].bytes, &verdict);
        assert_int_equal(verdict.due_us, rows[i].due_us);
        assert_int_equal(verdict.keep_bytes, rows[i].bytes);
        assert_false(verdict.dropped || verdict.reset || verdict.duplicate || verdict.flipped ||
                     verdict.truncated);
    }
}

static void a_limited_line_sends_one_after_the_other(void **state)
{
    struct hf_chaos_faults faults = faults_of("rate=1000B/s latency=5ms");
    struct hf_chaos_path path = path_of(1);
    struct hf_chaos_verdict verdict;

    (void)state;
    for (unsigned i = 1; i <= 10; i++) { /* all given at once */
        hf_chaos_path_segment(&path, &faults, HF_CHAOS_UP, S, 50, &verdict);
        assert_int_equal(verdict.due_us, S + i * 50 * MS + 5 * MS);
    }
    hf_chaos_path_segment(&path, &faults, HF_CHAOS_UP, 60 * S, 50,
                          &verdict); /* a line that rested saves nothing up */
    assert_int_equal(verdict.due_us, 60 * S + 55 * MS);
}

static void jitter_stays_within_its_bounds(void **state)
{
    struct hf_chaos_faults faults = faults_of("latency=50ms jitter=20ms");
    struct hf_chaos_path path = path_of(3);
    uint64_t least = UINT64_MAX, most = 0, sum = 0, last = 0;
    struct hf_chaos_verdict verdict;

    (void)state;
    for (unsigned i = 0; i < 10000; i++) {
        hf_chaos_path_datagram(&path, &faults, HF_CHAOS_UP, S, 10, &verdict);
        uint64_t delay = verdict.due_us - S;

        least = HF_MIN(least, delay);
        most = HF_MAX(most, delay);
        sum += delay;
    }
    assert_in_range(least, 30 * MS, 31 * MS);
    assert_in_range(most, 69 * MS, 70 * MS);
    assert_in_range(sum / 10000, 49 * MS, 51 * MS);
    for (unsigned i = 0; i < 10000; i++) { /* a stream keeps its order */
        hf_chaos_path_segment(&path, &faults, HF_CHAOS_UP, S + i, 10, &verdict);
        assert_true(verdict.due_us >= last);
        last = verdict.due_us;
    }
    faults = faults_of("latency=5ms jitter=20ms"); /* never before it was sent */
    path = path_of(3);
    for (unsigned i = 0; i < 1000; i++) {
        hf_chaos_path_datagram(&path, &faults, HF_CHAOS_UP, S, 10, &verdict);
        assert_in_range(verdict.due_us, S, S + 25 * MS);
    }
}

/* ---- loss ---- */

struct losses {
    unsigned lost, runs; /* units; rows of lost ones */
};

static struct losses lose(const char *words, uint64_t seed, unsigned count)
{
    struct hf_chaos_faults faults = faults_of(words);
    struct hf_chaos_path path = path_of(seed);
    struct losses losses = {0};
    bool before = false;

    for (unsigned i = 0; i < count; i++) {
        struct hf_chaos_verdict verdict;

        hf_chaos_path_datagram(&path, &faults, HF_CHAOS_UP, 0, 10, &verdict);
        losses.lost += verdict.dropped;
        losses.runs += verdict.dropped && !before;
        before = verdict.dropped;
    }
    return losses;
}

/* The share within five standard deviations; mean length of a row of losses within a tenth. */
static void as_many_are_lost_as_was_said(void **state)
{
    enum { COUNT = 200000 };
    static const struct {
        const char *faults;
        double share, run;
    } rows[] = {
        {"loss=5%", 0.05, 1 / 0.95},
        {"loss=50%", 0.5, 2},
        {"loss=100%", 1, COUNT},
        {"burst-loss=20%", 0.2, 5},
        {"burst-loss=20% burst-length=50", 0.2, 50},
        {"burst-loss=2% burst-length=1", 0.02, 1},
        {"burst-loss=100%", 1, COUNT},
        /* Half of each burst; the state is there for 10 / 50 % of the time. Runs: geometric within and ended by it. */
        {"burst-loss=10% burst-drop=50% burst-length=20", 0.1, 1 / (1 - 0.5 * 0.95)},
        /* Outside of bursts, too: 0.8 * 10 % + 0.2. */
        {"burst-loss=20% loss=10%", 0.28, 0},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct losses losses = lose(rows[i].faults, 42, COUNT);
        double share = rows[i].share, run = rows[i].run;
        /* Losses in bursts vary more: about as if there were only COUNT / run independent ones. */
        double spread = 5 * sqrt(share * (1 - share) * 2 * HF_MAX(run, 5.0) / COUNT);

        if (fabs((double)losses.lost / COUNT - share) > spread)
            fail_msg("%s: lost %u of %d", rows[i].faults, losses.lost, COUNT);
        if (run > 0 && fabs((double)losses.lost / losses.runs / run - 1) > 0.1)
            fail_msg("%s: %u lost in %u rows", rows[i].faults, losses.lost, losses.runs);
    }
}

static void the_seed_decides_and_nothing_else(void **state)
{
    struct hf_chaos_faults plain = faults_of("loss=30%"),
                           more =
                               faults_of("loss=30% latency=1s jitter=50ms flip=50% duplicate=10% rate=1MB/s");
    struct hf_chaos_path a = path_of(7), b = path_of(7), other_seed = path_of(8), other_number, other_way;
    unsigned seed_differs = 0, number_differs = 0, way_differs = 0;

    (void)state;
    hf_chaos_path_init(&other_number, 7, 2, HF_CHAOS_UP);
    hf_chaos_path_init(&other_way, 7, 1, HF_CHAOS_DOWN);
    for (unsigned i = 0; i < 1000; i++) {
        struct hf_chaos_verdict va, vb, vs, vn, vw;

        hf_chaos_path_segment(&a, &plain, HF_CHAOS_UP, i, 100, &va);
        hf_chaos_path_segment(&b, &more, HF_CHAOS_UP, i * S, 7, &vb);
        hf_chaos_path_segment(&other_seed, &plain, HF_CHAOS_UP, i, 100, &vs);
        hf_chaos_path_segment(&other_number, &plain, HF_CHAOS_UP, i, 100, &vn);
        hf_chaos_path_segment(&other_way, &plain, HF_CHAOS_UP, i, 100, &vw);
        assert_int_equal(va.losses, vb.losses);
        seed_differs += va.losses != vs.losses;
        number_differs += va.losses != vn.losses;
        way_differs += va.losses != vw.losses;
    }
    assert_true(seed_differs > 200 && number_differs > 200 && way_differs > 200);
}

/* Each loss waits for a retransmission, each time twice as long; what follows waits behind it. */
static void a_lost_segment_stalls_what_follows(void **state)
{
    static const struct {
        const char *faults;
        uint64_t rto_us;
    } rows[] = {
        {"loss=50%", 200 * MS},
        {"loss=50% rtt=300ms", 500 * MS},
        {"loss=50% rtt=20ms jitter=100ms",
         420 * MS}, /* RTT + 4 * the mean deviation of both ways, 2 * 50 ms */
        {"loss=50% jitter=30ms", 200 * MS},
        {"loss=50% latency=1h", 120 * S},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_chaos_faults faults = faults_of(rows[i].faults);
        struct hf_chaos_path path = path_of(5);
        unsigned most = 0;
        uint64_t last = 0;

        assert_int_equal(hf_chaos_rto_us(&faults), rows[i].rto_us);
        for (unsigned n = 0; n < 500; n++) {
            uint64_t want = 0, rto_us = rows[i].rto_us;
            struct hf_chaos_verdict verdict;

            hf_chaos_path_segment(&path, &faults, HF_CHAOS_UP, n * S, 100, &verdict);
            for (unsigned l = 0; l < verdict.losses; l++) {
                want += rto_us;
                rto_us = HF_MIN(2 * rto_us, 120 * S);
            }
            assert_int_equal(verdict.stall_us, want);
            assert_true(verdict.due_us >= n * S + want && verdict.due_us >= last);
            last = verdict.due_us;
            most = HF_MAX(most, verdict.losses);
        }
        assert_true(most >= 4);
    }
}

static void no_segment_is_lost_for_ever(void **state)
{
    struct hf_chaos_faults faults = faults_of("loss=100%");
    struct hf_chaos_path path = path_of(5);
    struct hf_chaos_verdict verdict;

    (void)state;
    hf_chaos_path_segment(&path, &faults, HF_CHAOS_UP, 0, 100, &verdict);
    assert_int_equal(verdict.losses, HF_CHAOS_RETRIES_MAX);
    assert_int_equal(verdict.due_us, verdict.stall_us);
    assert_in_range(verdict.stall_us, 600 * S, 1000 * S); /* as tcp_retries2: about 15 minutes */
    faults = faults_of("loss=100% reset-loss=100%");
    hf_chaos_path_segment(&path, &faults, HF_CHAOS_UP, 0, 100, &verdict);
    assert_true(verdict.reset);
    faults = faults_of("reset-loss=100%"); /* nothing is lost */
    hf_chaos_path_segment(&path, &faults, HF_CHAOS_UP, 0, 100, &verdict);
    assert_false(verdict.reset);
}

static void a_handshake_takes_a_round_trip_and_its_losses(void **state)
{
    struct hf_chaos_faults faults = faults_of("latency-up=30ms latency-down=50ms");
    struct hf_chaos_path up = path_of(1), down = path_of(2);
    unsigned losses, lossy = 0;

    (void)state;
    assert_int_equal(hf_chaos_handshake_us(&up, &down, &faults, &losses), 80 * MS);
    assert_int_equal(losses, 0);
    faults = faults_of("loss-down=25%"); /* SYN-ACKs */
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t took = hf_chaos_handshake_us(&up, &down, &faults, &losses);

        assert_int_equal(took, ((UINT64_C(1) << losses) - 1) * S);
        lossy += losses > 0;
    }
    assert_in_range(lossy, 180, 320);
    faults = faults_of("loss-up=100%");
    (void)hf_chaos_handshake_us(&up, &down, &faults, &losses);
    assert_int_equal(losses, HF_CHAOS_CONNECT_RETRIES_MAX);
}

/* ---- disorder and damage ---- */

static void datagrams_overtake_those_that_are_held_back(void **state)
{
    struct hf_chaos_faults faults = faults_of("latency=10ms reorder=25% reorder-by=7ms duplicate=10%");
    struct hf_chaos_path path = path_of(9);
    unsigned reordered = 0, duplicates = 0;

    (void)state;
    for (unsigned i = 0; i < 4000; i++) {
        struct hf_chaos_verdict verdict;

        hf_chaos_path_datagram(&path, &faults, HF_CHAOS_UP, S, 10, &verdict);
        assert_int_equal(verdict.due_us, S + (verdict.reordered ? 17 : 10) * MS);
        assert_true(!verdict.duplicate || verdict.copy_due_us == S + 10 * MS);
        reordered += verdict.reordered;
        duplicates += verdict.duplicate;
    }
    assert_in_range(reordered, 860, 1140);
    assert_in_range(duplicates, 300, 500);
}

static void damage_is_where_it_can_be(void **state)
{
    struct hf_chaos_faults faults = faults_of("flip=50% truncate=50% duplicate=50%");
    struct hf_chaos_path path = path_of(4);
    unsigned flipped = 0, truncated = 0;
    size_t first_bit = SIZE_MAX, last_bit = 0;

    (void)state;
    for (unsigned i = 0; i < 4000; i++) {
        struct hf_chaos_verdict verdict;

        hf_chaos_path_segment(&path, &faults, HF_CHAOS_UP, 0, 20, &verdict);
        assert_true(verdict.truncated ? verdict.keep_bytes < 20 && !verdict.duplicate
                                      : verdict.keep_bytes == 20);
        flipped += verdict.flipped;
        truncated += verdict.truncated;
        if (!verdict.flipped)
            continue;
        assert_true(verdict.flip_bit < verdict.keep_bytes * 8);
        first_bit = HF_MIN(first_bit, verdict.flip_bit);
        last_bit = HF_MAX(last_bit, verdict.flip_bit);
    }
    assert_in_range(truncated, 1850, 2150);
    assert_in_range(flipped, 1750, 2150); /* not those of which nothing is left */
    assert_int_equal(first_bit, 0);
    assert_int_equal(last_bit, 159);
    for (unsigned i = 0; i < 100; i++) { /* there is nothing to damage in an empty one */
        struct hf_chaos_verdict verdict;

        hf_chaos_path_datagram(&path, &faults, HF_CHAOS_UP, 0, 0, &verdict);
        assert_false(verdict.flipped || verdict.truncated);
    }
}

static void units_fit_the_line(void **state)
{
    static const struct {
        const char *faults;
        size_t bytes;
    } rows[] = {
        {"latency=1s", SIZE_MAX / 8}, /* acts on no single unit: as much as there is */
        {"loss=1%", HF_CHAOS_SEGMENT_BYTES},
        {"jitter=1ms", HF_CHAOS_SEGMENT_BYTES},
        {"rate=1GiB/s", HF_CHAOS_SEGMENT_BYTES},
        {"rate=1000B/s", 50},
        {"rate=1B/s", 1},
        {"loss-down=1%", SIZE_MAX / 8},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_chaos_faults faults = faults_of(rows[i].faults);

        assert_int_equal(hf_chaos_unit_bytes(&faults.lane[HF_CHAOS_UP]), rows[i].bytes);
    }
}

/* ---- the end ---- */

static void an_end_comes_behind_everything_before_it(void **state)
{
    struct hf_chaos_faults faults = faults_of("loss=50% latency=10ms");
    struct hf_chaos_path path = path_of(5);
    struct hf_chaos_verdict verdict = {0};
    uint64_t last = 0;

    (void)state;
    while (verdict.losses < 3) {
        hf_chaos_path_segment(&path, &faults, HF_CHAOS_UP, S, 100, &verdict);
        last = verdict.due_us;
    }
    assert_int_equal(hf_chaos_path_end_us(&path, &faults.lane[HF_CHAOS_UP], S), last);
    assert_int_equal(hf_chaos_path_end_us(&path, &faults.lane[HF_CHAOS_UP], 100 * S), 100 * S + 10 * MS);
}

static void connections_are_cut_in_their_time(void **state)
{
    struct hf_chaos_faults faults = faults_of("");
    double sum = 0;

    (void)state;
    assert_int_equal(hf_chaos_cut_us(&faults, S, 0.5), HF_CHAOS_NEVER);
    faults = faults_of("cut-after=3s");
    assert_int_equal(hf_chaos_cut_us(&faults, S, 0.5), 4 * S);
    faults = faults_of("cut-mean=10s");
    assert_int_equal(hf_chaos_cut_us(&faults, S, 0), S);
    assert_in_range(hf_chaos_cut_us(&faults, S, 0.5), 7931 * MS, 7932 * MS); /* ln 2 * 10 s: the median */
    faults = faults_of("cut-mean=10s cut-after=3s");
    assert_int_equal(hf_chaos_cut_us(&faults, S, 0.5), 4 * S);
    assert_in_range(hf_chaos_cut_us(&faults, S, 0.1), 2 * S, 2100 * MS);
    faults = faults_of("cut-mean=10s");
    for (uint64_t n = 1; n <= 10000; n++) {
        assert_true(hf_chaos_fate(1, n) == hf_chaos_fate(1, n));
        sum += (double)hf_chaos_cut_us(&faults, 0, hf_chaos_fate(1, n)) / 1e6;
    }
    assert_true(sum / 10000 > 9.5 && sum / 10000 < 10.5);
    assert_true(hf_chaos_fate(1, 1) != hf_chaos_fate(2, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_segment_is_due_when_it_should_be),
        cmocka_unit_test(a_limited_line_sends_one_after_the_other),
        cmocka_unit_test(jitter_stays_within_its_bounds),
        cmocka_unit_test(as_many_are_lost_as_was_said),
        cmocka_unit_test(the_seed_decides_and_nothing_else),
        cmocka_unit_test(a_lost_segment_stalls_what_follows),
        cmocka_unit_test(no_segment_is_lost_for_ever),
        cmocka_unit_test(a_handshake_takes_a_round_trip_and_its_losses),
        cmocka_unit_test(datagrams_overtake_those_that_are_held_back),
        cmocka_unit_test(damage_is_where_it_can_be),
        cmocka_unit_test(units_fit_the_line),
        cmocka_unit_test(an_end_comes_behind_everything_before_it),
        cmocka_unit_test(connections_are_cut_in_their_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
