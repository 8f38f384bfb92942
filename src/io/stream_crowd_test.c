/* Many streams that are readable in one turn: what their handlers write goes together, and everyone's fate is what it is alone. */
#include "core/shared.h"
#include "io/send_ring.h"
#include "io/stream_testkit.h"

enum { MANY = 2 * HF_SEND_RING_ITEMS + 10, BIG = 150000, BIG_SHARED = 4096 };

/* What is done to, or by, one of many. The others answer "pong". */
enum {
    AT_BIG = 20,
    AT_MIXED = 40,
    AT_FINISHES = 60,
    AT_ABORTS = 80,
    AT_RESET = 100,
    AT_FLUSHES = 120,
    AT_NEIGHBOUR = 140,
    AT_SILENT = 160
};

struct fleet;

struct one {
    struct kit_end end;
    struct fleet *fleet;
    unsigned number;
    int peer;
};

struct fleet {
    struct hf_loop *loop;
    struct one at[MANY];
    struct hf_shared *shared;
    uint8_t *big;
    struct hf_turn_hook hook;
    uint64_t queued_max; /* that the hook has seen */
    unsigned answering;
};

static bool has_ring(void)
{
    struct hf_send_ring *ring = hf_send_ring_new();

    hf_send_ring_free(ring);
    return ring != NULL;
}

static void on_turn_end(struct hf_turn_hook *hook, uint64_t now_ms)
{
    struct fleet *fleet = HF_CONTAINER_OF(hook, struct fleet, hook);

    (void)now_ms;
    fleet->queued_max = HF_MAX(fleet->queued_max, fleet->loop->stats.queue_bytes_now);
}

static void answer(struct kit_end *end, uint8_t *data, size_t bytes)
{
    struct one *one = HF_CONTAINER_OF(end, struct one, end);
    struct fleet *fleet = one->fleet;

    (void)data, (void)bytes;
    if (one->number >= fleet->answering || one->number == AT_SILENT)
        return;
    assert_int_equal(kit_write(end, "pong", 4), HF_OK);
    switch (one->number) {
    case AT_BIG: assert_int_equal(kit_write(end, fleet->big, BIG), HF_OK); break;
    case AT_MIXED:
        assert_int_equal(end->stream->link.ops->write_shared(&end->stream->link, fleet->shared), HF_OK);
        assert_int_equal(kit_write(end, "!", 1), HF_OK);
        break;
    case AT_FINISHES: kit_finish(end); break;
    case AT_ABORTS: kit_abort(end); break;
    case AT_FLUSHES: end->stream->link.ops->flush(&end->stream->link); break;
    case AT_NEIGHBOUR:
        assert_int_equal(kit_write(&fleet->at[AT_NEIGHBOUR - 1].end, "+", 1), HF_OK);
        assert_int_equal(kit_write(&fleet->at[AT_NEIGHBOUR + 1].end, "-", 1), HF_OK);
        break;
    default: break;
    }
}

static struct fleet *fleet_new(bool send_one_by_one, unsigned answering)
{
    struct fleet *fleet = calloc(1, sizeof(*fleet));

    assert_non_null(fleet);
    fleet->answering = answering;
    fleet->loop = kit_loop(
        &(struct hf_loop_options){.send_one_by_one = send_one_by_one, .queue_bytes_hard_max = 2 * BIG});
    fleet->big = malloc(BIG);
    assert_non_null(fleet->big);
    kit_fill(fleet->big, BIG);
    fleet->shared = hf_shared_new(fleet->big, BIG_SHARED);
    fleet->hook.on_turn_end = on_turn_end;
    hf_loop_hook_add(fleet->loop, &fleet->hook);
    for (unsigned i = 0; i < MANY; i++) {
        struct one *one = &fleet->at[i];

        one->fleet = fleet;
        one->number = i;
        one->end.act = answer;
        one->peer = kit_open(fleet->loop, &one->end, 0, 0);
    }
    hf_loop_stop(fleet->loop); /* a loop that has been run has its ring */
    hf_loop_run(fleet->loop);
    return fleet;
}

static void fleet_free(struct fleet *fleet)
{
    hf_loop_hook_remove(&fleet->hook);
    for (unsigned i = 0; i < MANY; i++) {
        if (fleet->at[i].end.stream != NULL)
            kit_abort(&fleet->at[i].end);
        kit_end_free(&fleet->at[i].end);
        close(fleet->at[i].peer);
    }
    assert_int_equal(fleet->loop->stats.queue_bytes_now, 0);
    kit_turns(fleet->loop, 1);
    hf_loop_free(fleet->loop);
    hf_shared_unref(fleet->shared);
    free(fleet->big);
    free(fleet);
}

/* All of them have something to read before the turn begins. */
static void ping_all(struct fleet *fleet)
{
    for (unsigned i = 0; i < MANY; i++)
        kit_send(fleet->at[i].peer, "ping", 4);
}

static void expect(struct fleet *fleet, unsigned number, const void *bytes, size_t count)
{
    uint8_t *got = malloc(count + 1);

    assert_non_null(got);
    assert_int_equal(kit_receive_all(fleet->loop, fleet->at[number].peer, got, count), count);
    assert_memory_equal(got, bytes, count);
    free(got);
}

static void everyone_is_answered_as_alone(void **state)
{
    static const bool one_by_one[] = {false, true};
    struct linger now = {.l_onoff = 1};
    char last;

    (void)state;
    for (unsigned row = 0; row < HF_COUNT_OF(one_by_one); row++) {
        struct fleet *fleet = fleet_new(one_by_one[row], MANY);
        uint8_t *expected = malloc(4 + BIG + 1);

        assert_non_null(expected);
        memcpy(expected, "pong", 4);
        memcpy(expected + 4, fleet->big, BIG);
        ping_all(fleet);
        assert_int_equal(setsockopt(fleet->at[AT_RESET].peer, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
        close(fleet->at[AT_RESET].peer);
        fleet->at[AT_RESET].peer = -1;
        KIT_UNTIL(fleet->loop, fleet->at[AT_RESET].end.ends == 1 && fleet->at[MANY - 1].end.reads == 1);
        for (unsigned i = 0; i < MANY; i++) {
            switch (i) {
            case AT_BIG: expect(fleet, i, expected, 4 + BIG); break;
            case AT_MIXED:
                expected[4 + BIG_SHARED] = '!';
                expect(fleet, i, expected, 4 + BIG_SHARED + 1);
                expected[4 + BIG_SHARED] = fleet->big[BIG_SHARED];
                break;
            case AT_FINISHES:
                expect(fleet, i, "pong", 4);
                assert_int_equal(recv(fleet->at[i].peer, &last, 1, 0), 0);
                break;
            case AT_RESET: assert_int_equal(fleet->at[i].end.end, HF_LINK_END_RESET); break;
            case AT_ABORTS: assert_true(recv(fleet->at[i].peer, &last, 1, 0) <= 0); break;
            case AT_SILENT: assert_true(recv(fleet->at[i].peer, &last, 1, MSG_DONTWAIT) < 0); break;
            case AT_NEIGHBOUR - 1: expect(fleet, i, "pong+", 5); break;
            case AT_NEIGHBOUR + 1:
                KIT_UNTIL(fleet->loop, fleet->at[i].end.reads == 1);
                assert_int_equal(kit_receive_all(fleet->loop, fleet->at[i].peer, expected, 5), 5);
                assert_true(memcmp(expected, "pong-", 5) == 0 || memcmp(expected, "-pong", 5) == 0);
                break;
            default: expect(fleet, i, "pong", 4); break;
            }
            if (i != AT_BIG)
                assert_int_equal(fleet->at[i].end.blocked, 0);
        }
        assert_true((fleet->loop->stats.send_batches > 0) == (!one_by_one[row] && has_ring()));
        free(expected);
        fleet_free(fleet);
    }
}

/* A turn with many answers needs a few system calls, and whoever asks at its end sees nothing queued: all peers read. */
static void a_crowd_goes_together(void **state)
{
    struct fleet *fleet = fleet_new(false, AT_BIG);

    (void)state;
    for (unsigned round = 0; round < 5; round++) {
        ping_all(fleet);
        KIT_UNTIL(fleet->loop, fleet->at[MANY - 1].end.reads == round + 1);
        for (unsigned i = 0; i < AT_BIG; i++)
            expect(fleet, i, "pong", 4);
    }
    if (has_ring())
        assert_int_equal(fleet->loop->stats.send_batches, 5);
    assert_int_equal(fleet->loop->stats.sends, 5 * AT_BIG);
    assert_int_equal(fleet->queued_max, 0);
    fleet_free(fleet);
}

/* Too few answers for a batch among many that read: they are not held back either. */
static void few_answers_of_a_crowd_go_at_once(void **state)
{
    struct fleet *fleet = fleet_new(false, 2);

    (void)state;
    ping_all(fleet);
    KIT_UNTIL(fleet->loop, fleet->at[MANY - 1].end.reads == 1);
    for (unsigned i = 0; i < 2; i++)
        expect(fleet, i, "pong", 4);
    assert_int_equal(fleet->loop->stats.send_batches, 0);
    assert_int_equal(fleet->loop->stats.sends, 2);
    assert_int_equal(fleet->queued_max, 0);
    fleet_free(fleet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everyone_is_answered_as_alone),
        cmocka_unit_test(a_crowd_goes_together),
        cmocka_unit_test(few_answers_of_a_crowd_go_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
