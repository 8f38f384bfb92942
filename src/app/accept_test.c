#include <pthread.h>
#include <unistd.h>

#include "app/gb_testkit.h"

enum { ROUNDS = 20000 };

static const uint8_t hash_key[16] = {1};

struct taker {
    pthread_t thread;
    struct hf_worker *worker;
    pthread_barrier_t *barrier;
    bool in[ROUNDS];
};

/* The worker's own thread: it offers the seat to one peer, and has it back before the next round. */
static void *take_and_leave(void *context)
{
    struct taker *taker = context;
    struct sockaddr_storage peer = {.ss_family = AF_INET};

    for (unsigned i = 0; i < ROUNDS; i++) {
        (void)pthread_barrier_wait(taker->barrier);
        taker->in[i] = hf_worker_admit(taker->worker, &peer, false) == HF_REASON_NONE;
        (void)pthread_barrier_wait(taker->barrier);
        hf_worker_count_seats(taker->worker, 0);
    }
    return NULL;
}

/* Two workers are offered the last seat in the same moment: one of them may get it, or none, never both. */
static void the_last_seat_is_taken_once(void **state)
{
    struct hf_admission_limits limits = {
        .connections_max = 1,
        .plain = {.per_second = 1000000, .capacity = 10000000},
        .tls = {.per_second = 1000000, .capacity = 10000000},
    };
    struct taker takers[2] = {0};
    pthread_barrier_t barrier;

    (void)state;
    assert_int_equal(pthread_barrier_init(&barrier, NULL, 2), 0);
    for (unsigned i = 0; i < 2; i++) {
        takers[i].worker = kit.workers[i];
        takers[i].barrier = &barrier;
        hf_admission_init(&takers[i].worker->admission, &limits, hash_key);
        assert_int_equal(pthread_create(&takers[i].thread, NULL, take_and_leave, &takers[i]), 0);
    }
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_join(takers[i].thread, NULL), 0);
    (void)pthread_barrier_destroy(&barrier);
    unsigned taken = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        assert_false(takers[0].in[i] && takers[1].in[i]);
        taken += takers[0].in[i] || takers[1].in[i];
    }
    assert_true(taken > 0);
}

/* A connection that has left for its home and not come there yet holds its seat. */
static void a_connection_on_its_way_is_counted(void **state)
{
    struct hf_admission_limits limits = {.connections_max = 1,
                                         .plain = {.per_second = 10, .capacity = 10},
                                         .tls = {.per_second = 10, .capacity = 10}};
    struct hf_worker *here = kit.workers[HERE], *there = kit.workers[THERE];
    struct sockaddr_storage peer = {.ss_family = AF_INET};

    (void)state;
    for (unsigned i = 0; i < 2; i++)
        hf_admission_init(&kit.workers[i]->admission, &limits, hash_key);
    here->moved_out = 1;
    hf_worker_count_seats(here, 0);
    assert_int_equal(hf_worker_admit(there, &peer, false), HF_REASON_CONNECTION_LIMIT);
    there->moved_in = 1; /* it came, and ended */
    hf_worker_count_seats(there, 0);
    assert_int_equal(hf_worker_admit(there, &peer, false), HF_REASON_NONE);
    assert_int_equal(hf_worker_admit(here, &peer, false), HF_REASON_CONNECTION_LIMIT);
}

/* It was offered a seat, and is refused for another reason: the seat is the next one's at once, not when the turn ends. */
static void who_is_refused_after_admission_leaves_no_seat_taken(void **state)
{
    struct hf_admission_limits limits = {.connections_max = 1,
                                         .plain = {.per_second = 10, .capacity = 10},
                                         .tls = {.per_second = 10, .capacity = 10}};
    struct hf_gateway_listener shared = {.name = "main", .proxy_protocol = true};
    struct hf_worker_listener here = {0};
    struct sockaddr_storage peer = {.ss_family = AF_INET};
    char answer[512] = "";

    (void)state;
    for (unsigned i = 0; i < 2; i++)
        hf_admission_init(&kit.workers[i]->admission, &limits, hash_key);
    kit.workers[HERE]->rules = &kit.rules; /* which lists no load balancer */
    assert_int_equal(hf_address_parse("127.0.0.1:0", &shared.address), HF_OK);
    assert_int_equal(hf_worker_listen(kit.workers[HERE], &shared, &here), HF_OK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, &shared.address.any, sizeof(shared.address.v4)), 0);
    hf_loop_turn(kit.workers[HERE]->loop,
                 1000); /* a worker's own turns end with a count of its seats: not here */
    assert_true(recv(fd, answer, sizeof(answer) - 1, 0) > 0);
    assert_non_null(strstr(answer, "forbidden"));
    assert_int_equal(hf_worker_admit(kit.workers[THERE], &peer, false), HF_REASON_NONE);
    close(fd);
    hf_listener_close(here.listener);
    hf_loop_turn(kit.workers[HERE]->loop, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_last_seat_is_taken_once, kit_set_up, kit_tear_down),
        cmocka_unit_test_setup_teardown(a_connection_on_its_way_is_counted, kit_set_up, kit_tear_down),
        cmocka_unit_test_setup_teardown(who_is_refused_after_admission_leaves_no_seat_taken, kit_set_up,
                                        kit_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
