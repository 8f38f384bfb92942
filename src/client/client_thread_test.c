/* The public client with a thread of its own, used from many others at once. Made for ThreadSanitizer. */
#include "client/driver_testkit.h"

#include <pthread.h>

enum { WRITERS = 4, EACH = 250 };

static int setup(void **state)
{
    struct device *device = malloc(sizeof(*device));

    device_init(device);
    device->options.monotonic_ms = NULL; /* the real one: nobody moves it by hand */
    *state = device;
    return 0;
}

static int teardown(void **state)
{
    device_deinit(*state);
    free(*state);
    return 0;
}

/* The door's turns, until *counter has reached count. */
static void serve_until(struct device *device, atomic_uint *counter, unsigned count)
{
    time_t end = time(NULL) + DOOR_PATIENCE_S;

    while (atomic_load(counter) < count) {
        struct pollfd fds[2] = {{.fd = device->door.fd < 0 ? device->door.listener : -1, .events = POLLIN},
                                {.fd = device->door.fd, .events = POLLIN}};

        if (time(NULL) > end)
            fail_msg("%u of %u within %d s", atomic_load(counter), count, DOOR_PATIENCE_S);
        if (!door_turn(&device->door))
            (void)poll(fds, 2, 5);
    }
}

static void *write_many(void *context)
{
    struct device *device = context;

    for (int i = 0; i < EACH; i++) {
        struct hf_client_stats stats;
        int err;

        while ((err = device_publish(device, "x")) == HOLDFAST_ERR_LIMIT)
            sched_yield();
        if (err != HOLDFAST_OK)
            return context;
        hf_client_stats(device->client, &stats);
        if (i % 50 == 0)
            hf_client_network(device->client, true);
    }
    return NULL;
}

static void many_threads_publish(void **state)
{
    struct device *device = *state;
    pthread_t writers[WRITERS];

    device->options.line_messages_max = 64;
    device_open(device);
    assert_int_equal(hf_client_start(device->client), HOLDFAST_OK);
    assert_int_equal(hf_client_start(device->client), HOLDFAST_ERR_BUSY);
    assert_int_equal(hf_client_run(device->client), HOLDFAST_ERR_BUSY);
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&writers[i], NULL, write_many, device), 0);
    serve_until(device, &device->sent, WRITERS * EACH);
    for (int i = 0; i < WRITERS; i++) {
        void *failed;

        assert_int_equal(pthread_join(writers[i], &failed), 0);
        assert_null(failed);
    }
    assert_int_equal(device->queued, WRITERS * EACH);
    assert_int_equal(device->door.messages, WRITERS * EACH);
    hf_client_stop(device->client);
    serve_until(device, &device->gone, 1);
    hf_client_join(device->client);
}

static void *answer_it(void *context)
{
    struct device *device = context;
    const struct hf_client_reply reply = {.payload = "late", .payload_bytes = 4};

    return hf_client_answer(device->client, 1, &reply) == HOLDFAST_OK ? NULL : context;
}

static void another_thread_answers(void **state)
{
    struct device *device = *state;
    pthread_t thread;
    void *failed;

    device->answer = HOLDFAST_LATER;
    device_open(device);
    assert_int_equal(hf_client_start(device->client), HOLDFAST_OK);
    serve_until(device, &device->opened, 1);
    door_command(&device->door, 1, "later");
    serve_until(device, &device->commands, 1);
    assert_int_equal(pthread_create(&thread, NULL, answer_it, device), 0);
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
    serve_until(device, &device->sent, 1);
    assert_string_equal(device->door.last, "late");
}

static void it_ends_in_the_middle_of_things(void **state)
{
    struct device *device = *state;

    for (int round = 0; round < 10; round++) {
        device_open(device);
        assert_int_equal(hf_client_start(device->client), HOLDFAST_OK);
        for (int i = 0; i < 20; i++)
            (void)device_publish(device, "x");
        if (round % 2 == 0)
            serve_until(device, &device->sent, device->sent + 1);
        hf_client_free(device->client);
        door_drop(&device->door, false);
        assert_int_equal(device->queued + device->refused, 20 * (round + 1)); /* each was told */
        device->door.received = 0;                                            /* another queue */
    }
    device->client = NULL;
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(many_threads_publish),
        ROW(another_thread_answers),
        ROW(it_ends_in_the_middle_of_things),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
