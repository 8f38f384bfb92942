/* Many streams with output in one turn: the same for everyone, whether it goes by a ring or one by one. */
#include <sys/resource.h>

#include "core/shared.h"
#include "io/send_ring.h"
#include "io/stream_testkit.h"

enum { MANY = 2 * HF_SEND_RING_ITEMS + 10, TINY = 1, BIG = 1 << 20 };

static const bool one_by_one[] = {false, true};

struct fleet {
    struct hf_loop *loop;
    struct kit_end ends[MANY];
    int peers[MANY];
};

static bool has_ring(void)
{
    struct hf_send_ring *ring = hf_send_ring_new();

    hf_send_ring_free(ring);
    return ring != NULL;
}

static struct fleet *fleet_new(bool send_one_by_one, unsigned small_buffers)
{
    struct fleet *fleet = calloc(1, sizeof(*fleet));

    fleet->loop = kit_loop(
        &(struct hf_loop_options){.send_one_by_one = send_one_by_one, .queue_bytes_hard_max = 2 * BIG});
    for (unsigned i = 0; i < MANY; i++)
        fleet->peers[i] = kit_open(fleet->loop, &fleet->ends[i], i < small_buffers ? TINY : 0,
                                   i < small_buffers ? TINY : 0);
    return fleet;
}

static void fleet_free(struct fleet *fleet)
{
    for (unsigned i = 0; i < MANY; i++) {
        if (fleet->ends[i].stream != NULL)
            kit_abort(&fleet->ends[i]);
        kit_end_free(&fleet->ends[i]);
        close(fleet->peers[i]);
    }
    assert_int_equal(fleet->loop->stats.queue_bytes_now, 0);
    kit_turns(fleet->loop, 1);
    hf_loop_free(fleet->loop);
    free(fleet);
}

static void write_shared(struct kit_end *end, struct hf_shared *shared)
{
    assert_int_equal(end->stream->link.ops->write_shared(&end->stream->link, shared), HF_OK);
}

static void one_turn_serves_all_in_order(void **state)
{
    (void)state;
    for (unsigned row = 0; row < HF_COUNT_OF(one_by_one); row++) {
        struct fleet *fleet = fleet_new(one_by_one[row], 0);
        struct hf_shared *news = hf_shared_new("news", 4);
        char got[256];

        for (unsigned i = 0; i < MANY; i++) {
            unsigned parts = 1 + i % (HF_SEND_RING_IOV_MAX + 4); /* some have more than one send takes */

            for (unsigned k = 0; k < parts; k++)
                write_shared(&fleet->ends[i], news);
            assert_int_equal(kit_write(&fleet->ends[i], "!", 1), HF_OK);
        }
        hf_loop_flush(fleet->loop);
        kit_turns(fleet->loop, 1);
        for (unsigned i = 0; i < MANY; i++) {
            size_t bytes = 4 * (1 + i % (HF_SEND_RING_IOV_MAX + 4)) + 1;

            assert_int_equal(kit_queued(&fleet->ends[i]), 0);
            assert_int_equal(kit_receive(fleet->peers[i], got, sizeof(got)), bytes);
            for (size_t at = 0; at + 1 < bytes; at += 4)
                assert_memory_equal(got + at, "news", 4);
            assert_int_equal(got[bytes - 1], '!');
            assert_int_equal(fleet->ends[i].blocked, 0);
        }
        assert_int_equal(news->references, 1);
        if (one_by_one[row])
            assert_int_equal(fleet->loop->stats.send_batches, 0);
        else if (has_ring())
            assert_int_equal(fleet->loop->stats.send_batches, 3 + 1); /* the rest of the long ones */
        hf_shared_unref(news);
        fleet_free(fleet);
    }
}

/* Stages a trouble of each kind among the many, and expects what a stream alone would have told its handler. */
static void each_is_told_its_own_fate(void **state)
{
    enum { SLOW = 7, RESET = 130, PAUSED_RESET = 131, GONE = 200, TWICE = 201 };

    (void)state;
    for (unsigned row = 0; row < HF_COUNT_OF(one_by_one); row++) {
        struct fleet *fleet = fleet_new(one_by_one[row], SLOW + 1);
        struct linger now = {.l_onoff = 1};
        uint8_t *big = malloc(BIG), *back = malloc(BIG);
        char got[16];

        kit_fill(big, BIG);
        for (unsigned i = RESET; i <= PAUSED_RESET; i++) {
            if (i == PAUSED_RESET)
                fleet->ends[i].stream->link.ops->pause_read(&fleet->ends[i].stream->link);
            assert_int_equal(setsockopt(fleet->peers[i], SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
            close(fleet->peers[i]);
            fleet->peers[i] = -1;
        }
        for (unsigned i = 0; i < MANY; i++)
            assert_int_equal(
                kit_write(&fleet->ends[i], i == SLOW ? big : (const uint8_t *)"hello", i == SLOW ? BIG : 5),
                HF_OK);
        kit_abort(&fleet->ends[GONE]); /* with output queued */
        hf_loop_flush(fleet->loop);
        assert_int_equal(kit_write(&fleet->ends[TWICE], "again", 5), HF_OK);
        for (unsigned i = 0; i < MANY; i++) /* nobody was called from inside */
            assert_true(fleet->ends[i].blocked == 0 && fleet->ends[i].ends == 0);
        kit_turns(fleet->loop, 1);
        assert_int_equal(fleet->ends[SLOW].blocked, 1);
        assert_true(kit_queued(&fleet->ends[SLOW]) > 0 && kit_queued(&fleet->ends[SLOW]) < BIG);
        KIT_UNTIL(fleet->loop, fleet->ends[RESET].ends == 1 && fleet->ends[PAUSED_RESET].ends == 1);
        assert_int_equal(fleet->ends[RESET].end, HF_LINK_END_RESET);
        assert_int_equal(kit_receive_all(fleet->loop, fleet->peers[SLOW], back, BIG), BIG);
        assert_memory_equal(back, big, BIG);
        KIT_UNTIL(fleet->loop, fleet->ends[SLOW].drained == 1);
        for (unsigned i = 0; i < MANY; i++) {
            if (i == SLOW || i == RESET || i == PAUSED_RESET || i == GONE)
                continue;
            assert_int_equal(kit_receive(fleet->peers[i], got, sizeof(got)), i == TWICE ? 10 : 5);
            assert_memory_equal(got, "helloagain", i == TWICE ? 10 : 5);
            assert_true(fleet->ends[i].blocked == 0 && fleet->ends[i].ends == 0);
        }
        assert_true(one_by_one[row] || !has_ring() || fleet->loop->stats.send_batches > 0);
        free(big);
        free(back);
        fleet_free(fleet);
    }
}

/* As under a policy that forbids io_uring: the ring is not to be had, and is not asked for again when it would be. */
static void without_a_ring_all_is_sent_all_the_same(void **state)
{
    struct fleet *fleet = fleet_new(false, 0);
    struct rlimit before, none = {0};
    char got[8];

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none.rlim_max = before.rlim_max;
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < MANY; i++)
            assert_int_equal(kit_write(&fleet->ends[i], "hi", 2), HF_OK);
        if (round == 0)
            assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        hf_loop_flush(fleet->loop);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        kit_turns(fleet->loop, 1);
        for (unsigned i = 0; i < MANY; i++)
            assert_int_equal(kit_receive(fleet->peers[i], got, sizeof(got)), 2);
    }
    assert_int_equal(fleet->loop->stats.send_batches, 0);
    assert_int_equal(fleet->loop->stats.sends, 2 * MANY);
    fleet_free(fleet);
}

static void a_running_loop_opens_nothing_later(void **state)
{
    struct fleet *fleet = fleet_new(false, 0);

    (void)state;
    hf_loop_stop(fleet->loop);
    hf_loop_run(fleet->loop);
    unsigned descriptors = kit_open_descriptors();
    for (unsigned i = 0; i < MANY; i++)
        assert_int_equal(kit_write(&fleet->ends[i], "hi", 2), HF_OK);
    kit_turns(fleet->loop, 1);
    assert_int_equal(fleet->loop->stats.send_batches, has_ring() ? 3 : 0);
    assert_int_equal(kit_open_descriptors(), descriptors);
    fleet_free(fleet);
}

static void few_need_no_ring(void **state)
{
    struct fleet *fleet = fleet_new(false, 0);
    unsigned descriptors = kit_open_descriptors();
    char got[8];

    (void)state;
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i < 3; i++)
            assert_int_equal(kit_write(&fleet->ends[i], "hi", 2), HF_OK);
        hf_loop_flush(fleet->loop);
        kit_turns(fleet->loop, 1);
        for (unsigned i = 0; i < 3; i++)
            assert_int_equal(kit_receive(fleet->peers[i], got, sizeof(got)), 2);
    }
    assert_int_equal(fleet->loop->stats.send_batches, 0);
    assert_int_equal(fleet->loop->stats.sends, 30);
    assert_int_equal(kit_open_descriptors(), descriptors);
    fleet_free(fleet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_turn_serves_all_in_order),
        cmocka_unit_test(each_is_told_its_own_fate),
        cmocka_unit_test(without_a_ring_all_is_sent_all_the_same),
        cmocka_unit_test(a_running_loop_opens_nothing_later),
        cmocka_unit_test(few_need_no_ring),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
