/* agent/ring_test.c - order, holes, and two real threads (also under ThreadSanitizer). */
#include "agent/ring.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static struct hf_ring *ring_new(void)
{
    struct hf_ring *ring = aligned_alloc(HF_RING_LINE_BYTES, sizeof(*ring));

    assert_non_null(ring);
    hf_ring_init(ring);
    return ring;
}

static bool push(struct hf_ring *ring, uint64_t number)
{
    return hf_ring_push(ring, &(struct hf_sample){.ts_ns = number, .power_w = (int16_t)(number % 1000)});
}

static void what_goes_in_comes_out_in_order(void **state)
{
    struct hf_ring *ring = ring_new();
    struct hf_sample out[64];
    uint64_t in = 0, next = 0;
    uint32_t lost;

    (void)state;
    assert_int_equal(hf_ring_take(ring, out, 64, &lost), 0);
    for (unsigned lap = 0; lap < 1000; lap++) { /* several times around */
        for (unsigned i = 0; i < 37; i++)
            assert_true(push(ring, in++));
        assert_int_equal(hf_ring_waiting(ring), 37);
        assert_int_equal(hf_ring_room(ring), HF_RING_SAMPLES - 37);
        for (unsigned want = 30; want > 0; want = want == 30 ? 7 : 0) {
            assert_int_equal(hf_ring_take(ring, out, want, &lost), want);
            assert_int_equal(lost, 0);
            for (unsigned i = 0; i < want; i++)
                assert_int_equal(out[i].ts_ns, next++);
        }
    }
    free(ring);
}

static void the_newest_is_refused_and_the_hole_is_told_where_it_is(void **state)
{
    struct hf_ring *ring = ring_new();
    struct hf_sample out[HF_RING_SAMPLES];
    uint32_t lost;

    (void)state;
    for (unsigned i = 0; i < HF_RING_SAMPLES; i++)
        assert_true(push(ring, i));
    assert_int_equal(hf_ring_room(ring), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_false(push(ring, HF_RING_SAMPLES + i));
    assert_int_equal(hf_ring_lost(ring), 3);
    assert_int_equal(hf_ring_take(ring, out, 2, &lost), 2);
    assert_int_equal(lost, 0);
    assert_true(push(ring, 9000)); /* behind the hole */
    assert_true(push(ring, 9001));
    assert_false(push(ring, 9002));
    /* Everything older comes without a hole, and ends in front of it. */
    assert_int_equal(hf_ring_take(ring, out, HF_RING_SAMPLES, &lost), HF_RING_SAMPLES - 2);
    assert_int_equal(lost, 0);
    assert_int_equal(out[HF_RING_SAMPLES - 3].ts_ns, HF_RING_SAMPLES - 1);
    assert_int_equal(hf_ring_take(ring, out, HF_RING_SAMPLES, &lost), 2);
    assert_int_equal(lost, 3);
    assert_int_equal(out[0].ts_ns, 9000);
    assert_int_equal(hf_ring_take(ring, out, 1, &lost), 0);
    assert_true(push(ring, 9003));
    assert_int_equal(hf_ring_take(ring, out, 1, &lost), 1);
    assert_int_equal(lost, 1);
    assert_int_equal(hf_ring_lost(ring), 4);
    free(ring);
}

enum { MANY = 300000 };

static void *produce(void *context)
{
    struct hf_ring *ring = context;

    for (uint64_t i = 0; i < MANY; i++)
        (void)push(ring, i);
    while (!push(ring, MANY)) { /* the end gets through: it tells what was lost in front of it */
    }
    return NULL;
}

static void two_threads_lose_nothing_that_is_not_counted(void **state)
{
    struct hf_ring *ring = ring_new();
    struct hf_sample out[64];
    uint64_t next = 0, lost_sum = 0, came = 0;
    pthread_t producer;
    bool over = false;

    (void)state;
    assert_int_equal(pthread_create(&producer, NULL, produce, ring), 0);
    while (!over) {
        uint32_t lost;
        unsigned count = hf_ring_take(ring, out, 64, &lost);

        next += lost;
        lost_sum += lost;
        for (unsigned i = 0; i < count; i++) {
            over = out[i].ts_ns == MANY;
            if (over) /* the refused tries for the end are in front of it, too */
                break;
            assert_int_equal(out[i].ts_ns, next);
            assert_int_equal(out[i].power_w, (int16_t)(next % 1000));
            next++;
            came++;
        }
    }
    assert_int_equal(pthread_join(producer, NULL), 0);
    assert_int_equal(hf_ring_lost(ring), lost_sum);
    assert_true(came + lost_sum >= MANY && came <= MANY);
    assert_int_equal(hf_ring_waiting(ring), 0);
    free(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out_in_order),
        cmocka_unit_test(the_newest_is_refused_and_the_hole_is_told_where_it_is),
        cmocka_unit_test(two_threads_lose_nothing_that_is_not_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
