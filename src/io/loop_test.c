#include "io/stream_testkit.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "io/clock.h"
#include "io/entropy.h"
#include "io/signal.h"
#include "io/thread.h"

struct hooked {
    struct hf_turn_hook hook;
    char letter;
    char *log;
    struct hooked *removes;
};

static void on_turn_end(struct hf_turn_hook *hook, uint64_t now_ms)
{
    struct hooked *hooked = HF_CONTAINER_OF(hook, struct hooked, hook);

    assert_true(now_ms > 0);
    strncat(hooked->log, &hooked->letter, 1);
    if (hooked->removes != NULL)
        hf_loop_hook_remove(&hooked->removes->hook);
}

static void hooks_run_in_order_and_may_remove_any(void **state)
{
    struct hf_loop *loop = kit_loop(NULL);
    char log[32] = "";
    struct hooked a = {{.on_turn_end = on_turn_end}, 'a', log, NULL},
                  b = {{.on_turn_end = on_turn_end}, 'b', log, NULL},
                  c = {{.on_turn_end = on_turn_end}, 'c', log, NULL};

    (void)state;
    hf_loop_hook_remove(&a.hook); /* harmless */
    hf_loop_hook_add(loop, &a.hook);
    hf_loop_hook_add(loop, &b.hook);
    hf_loop_hook_add(loop, &c.hook);
    kit_turns(loop, 2);
    assert_string_equal(log, "abcabc");
    a.removes = &b; /* one that was still to run */
    c.removes = &c;
    log[0] = '\0';
    kit_turns(loop, 2);
    assert_string_equal(log, "aca");
    hf_loop_hook_remove(&a.hook);
    hf_loop_free(loop);
}

static void hook_writes(struct hf_turn_hook *hook, uint64_t now_ms)
{
    struct hooked *hooked = HF_CONTAINER_OF(hook, struct hooked, hook);

    (void)now_ms;
    assert_int_equal(kit_write((struct kit_end *)(void *)hooked->log, "journal", 7), HF_OK);
}

static void what_a_hook_writes_is_sent_in_the_same_turn(void **state)
{
    struct hf_loop *loop = kit_loop(NULL);
    struct kit_end end = {0};
    struct hooked hooked = {.hook.on_turn_end = hook_writes, .log = (char *)&end};
    int peer = kit_open(loop, &end, 0, 0);
    char got[8];

    (void)state;
    hf_loop_hook_add(loop, &hooked.hook);
    kit_turns(loop, 1);
    assert_int_equal(kit_receive(peer, got, sizeof(got)), 7);
    kit_abort(&end);
    close(peer);
    hf_loop_free(loop);
}

struct watched {
    struct hf_handle handle;
    struct hf_deferred deferred;
    struct hf_loop *loop;
    struct watched **other;
    unsigned *events;
};

static void free_watched(struct hf_deferred *deferred)
{
    free(HF_CONTAINER_OF(deferred, struct watched, deferred));
}

static void on_event(struct hf_handle *handle, uint32_t events)
{
    struct watched *watched = HF_CONTAINER_OF(handle, struct watched, handle), *other = *watched->other;

    assert_true(events & EPOLLIN);
    (*watched->events)++;
    if (other == NULL)
        return;
    hf_loop_close(watched->loop, &other->handle);
    hf_loop_close(watched->loop, &other->handle); /* once more is harmless */
    hf_loop_defer_free(watched->loop, &other->deferred, free_watched);
    *watched->other = NULL;
}

/* Whichever event comes first frees the other's owner; under ASan a touch of it would be seen. */
static void a_stale_event_meets_a_closed_handle(void **state)
{
    struct hf_loop *loop = kit_loop(NULL);
    struct watched *pair[2];
    unsigned events = 0;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        pair[i] = calloc(1, sizeof(*pair[i]));
        pair[i]->handle = (struct hf_handle){.on_event = on_event, .fd = eventfd(1, EFD_NONBLOCK)};
        pair[i]->loop = loop;
        pair[i]->events = &events;
        pair[i]->other = &pair[1 - i];
        assert_int_equal(hf_loop_watch(loop, &pair[i]->handle, EPOLLIN), HF_OK);
    }
    hf_loop_turn(loop, 0);
    assert_int_equal(loop->stats.events, 2);
    assert_int_equal(events, 1);
    for (unsigned i = 0; i < 2; i++) {
        if (pair[i] == NULL)
            continue;
        hf_loop_close(loop, &pair[i]->handle);
        hf_loop_defer_free(loop, &pair[i]->deferred, free_watched);
    }
    hf_loop_free(loop); /* frees what is still deferred */
}

struct timed {
    struct hf_timer timer;
    struct hf_loop *loop;
};

static void stop_at(struct hf_timer *timer, uint64_t now_ms)
{
    struct hf_loop *loop = HF_CONTAINER_OF(timer, struct timed, timer)->loop;

    assert_int_equal(now_ms, loop->now_ms);
    hf_loop_stop(loop);
}

static void timers_run_and_stop_stops(void **state)
{
    struct timed timed = {.loop = kit_loop(NULL)};
    uint64_t turns;

    (void)state;
    hf_timer_init(&timed.timer, stop_at);
    hf_wheel_arm(&timed.loop->wheel, &timed.timer, 1); /* long past */
    hf_loop_run(timed.loop);
    assert_false(hf_timer_armed(&timed.timer));
    turns = timed.loop->stats.turns;
    hf_loop_stop(timed.loop); /* before the run: it returns at once */
    hf_loop_run(timed.loop);
    assert_int_equal(timed.loop->stats.turns, turns);
    assert_int_equal(hf_hist_count(&timed.loop->stats.stall_us), turns);
    hf_loop_free(timed.loop);
}

static void run_loop(void *context)
{
    char name[HF_THREAD_NAME_MAX + 1];
    sigset_t blocked;

    pthread_getname_np(pthread_self(), name, sizeof(name));
    assert_string_equal(name, "a-name-that-is-");
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    assert_true(sigismember(&blocked, SIGTERM));
    hf_loop_run(context);
}

static void hook_takes_its_time(struct hf_turn_hook *hook, uint64_t now_ms)
{
    uint64_t until_us = hf_clock_us() + 3000;

    (void)hook, (void)now_ms;
    while (hf_clock_us() < until_us) {
    }
}

/* Until the owner has seen it, whatever came behind it. */
static void the_longest_turn_is_remembered(void **state)
{
    struct hf_loop *loop = kit_loop(NULL);
    struct hf_turn_hook slow = {.on_turn_end = hook_takes_its_time};

    (void)state;
    kit_turns(loop, 1);
    loop->longest_us = 0;
    hf_loop_hook_add(loop, &slow);
    kit_turns(loop, 1);
    hf_loop_hook_remove(&slow);
    kit_turns(loop, 3);
    assert_true(loop->longest_us >= 3000);
    hf_loop_free(loop);
}

static void another_thread_stops_a_sleeping_loop(void **state)
{
    struct hf_loop *loop = kit_loop(NULL);
    struct hf_thread thread;

    (void)state;
    assert_int_equal(hf_thread_start(&thread, "a-name-that-is-too-long", 0, run_loop, loop), HF_OK);
    hf_loop_wake(loop);
    hf_loop_stop(loop);
    hf_thread_join(&thread);
    hf_thread_join(&thread); /* harmless */
    assert_true(hf_thread_cpus() >= 1);
    hf_loop_free(loop);
}

static void on_signal(void *user, int signal_number)
{
    int *last = user;

    *last = signal_number;
}

static void signals_are_events(void **state)
{
    static const int numbers[] = {SIGHUP, SIGTERM, SIGINT, SIGUSR1};
    struct hf_loop *loop = kit_loop(NULL);
    struct hf_signals *signals;
    int last = 0;

    (void)state;
    hf_signals_block();
    assert_int_equal(hf_signals_open(loop, on_signal, &last, &signals), HF_OK);
    for (size_t i = 0; i < HF_COUNT_OF(numbers); i++) {
        kill(getpid(), numbers[i]);
        KIT_UNTIL(loop, last == numbers[i]);
    }
    raise(SIGPIPE); /* ignored */
    hf_signals_close(signals);
    kit_turns(loop, 1);
    hf_loop_free(loop);
}

static void clocks_and_entropy(void **state)
{
    uint64_t ns = hf_clock_ns(), us = hf_clock_us(), ms = hf_clock_ms(), cpu = hf_clock_thread_ns();
    uint8_t a[300] = {0}, b[300] = {0};

    (void)state;
    assert_true(us >= ns / 1000 && us - ns / 1000 < 10000000);
    assert_true(ms >= us / 1000);
    assert_true(hf_clock_thread_ns() >= cpu);
    assert_true(hf_clock_utc_ms() > UINT64_C(1577836800000)); /* 2020 */
    hf_entropy(a, sizeof(a));
    hf_entropy(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
    assert_memory_not_equal(a + 268, b + 268, 32); /* to the last byte */
    assert_true(hf_entropy_u64() != hf_entropy_u64());
}

static void a_rest_is_for_descriptors_only(void **state)
{
    enum { FOR_EVER_MS = 600000 };
    struct hf_loop *loop = kit_loop(NULL);
    struct kit_end end = {0};
    int peer = kit_open(loop, &end, 0, 0);

    (void)state;
    loop->slack_ms = 1;
    assert_int_equal(send(peer, "late", 4, 0), 4);
    for (unsigned i = 0; i < KIT_TURNS_MAX && end.in_bytes == 0; i++)
        hf_loop_turn(loop, 100);
    assert_int_equal(end.in_bytes, 4);
    assert_true(loop->stats.rests >= 1);
    loop->slack_ms = FOR_EVER_MS;
    hf_loop_wake(loop); /* ends it: otherwise this would not come back today */
    hf_loop_turn(loop, FOR_EVER_MS);
    assert_true(loop->stats.wakeups >= 1);
    free(end.in);
    kit_abort(&end);
    close(peer);
    hf_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rest_is_for_descriptors_only),
        cmocka_unit_test(hooks_run_in_order_and_may_remove_any),
        cmocka_unit_test(what_a_hook_writes_is_sent_in_the_same_turn),
        cmocka_unit_test(a_stale_event_meets_a_closed_handle),
        cmocka_unit_test(timers_run_and_stop_stops),
        cmocka_unit_test(the_longest_turn_is_remembered),
        cmocka_unit_test(another_thread_stops_a_sleeping_loop),
        cmocka_unit_test(signals_are_events),
        cmocka_unit_test(clocks_and_entropy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
