/* The public client's memory: its bound for a session, and every allocation failing in turn (CQ-1, MEM-5). */
#include "client/driver_testkit.h"

enum { HEAP_BYTES_MAX = 64 << 10 };

static int setup(void **state)
{
    struct device *device = malloc(sizeof(*device));

    device_init(device);
    *state = device;
    return 0;
}

static int teardown(void **state)
{
    device_deinit(*state);
    free(*state);
    return 0;
}

/* 64 KiB for a session, beside the queue: that is SQLite's here. Messages up and down, small ones and some as large as the buffers, and a full window in the application's hands. */
static void a_session_keeps_to_its_bound(void **state)
{
    struct device *device = *state;
    char folder[] = "/tmp/hf_client_memory.XXXXXX", path[64], command[80], payload[9001];

    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/q.db", folder);
    memset(payload, 'p', 9000);
    payload[9000] = '\0';
    device->options.queue_path = path;
    device->options.queue_crash_safe = true;
    device->answer = HOLDFAST_LATER;
    device_open(device);
    device_until(device, &device->opened, 1);
    for (unsigned i = 1; i <= 200; i++) {
        assert_int_equal(device_publish(device, i % 20 == 0 ? payload : "small"), HOLDFAST_OK);
        device_until(device, &device->sent, i);
    }
    for (uint32_t seq = 1; seq <= 256; seq++)
        door_command(&device->door, seq, "later");
    device_until(device, &device->commands, 256);
    print_message("heap of a session: %lld bytes at most, %lld now\n", atomic_load(&device->peak_bytes),
                  atomic_load(&device->live_bytes));
    assert_in_range(atomic_load(&device->peak_bytes), 1, HEAP_BYTES_MAX);
    hf_client_free(device->client);
    device->client = NULL;
    assert_int_equal(atomic_load(&device->live_bytes), 0);
    (void)snprintf(command, sizeof(command), "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

/* A whole life with the n-th allocation failing: it ends with an error or goes on, and leaves nothing behind. */
static bool life(struct device *device, unsigned fail_at)
{
    static char large[40000];
    struct hf_client_publication publication = HOLDFAST_PUBLICATION_INIT;
    unsigned want;
    bool failed;

    atomic_store(&device->allocations, 0);
    atomic_store(&device->fail_at, fail_at);
    device->queued = device->refused = device->sent = device->opened = device->commands = 0;
    device->door.received = 0;
    device->answer = HOLDFAST_LATER;
    if (hf_client_new(&device->options, &device->client, NULL, 0) != HOLDFAST_OK) {
        assert_true(atomic_load(&device->allocations) >= fail_at);
        device->client = NULL;
        return true;
    }
    publication.class = HOLDFAST_MESSAGE;
    publication.on_done = device_on_done;
    publication.payload = large;
    publication.payload_bytes = sizeof(large);
    want = hf_client_publish(device->client, &publication) == HOLDFAST_OK;
    want += device_publish(device, "x") == HOLDFAST_OK;
    device_until(device, &device->opened, 1);
    for (uint32_t seq = 1; seq <= 20; seq++) /* more than the table of deliveries begins with */
        door_command(&device->door, seq, "c");
    while (device->queued + device->refused < want)
        device_until(device, &device->queued, device->queued + (device_settle(device) ? 0 : 1));
    if (device->queued > 0)
        device_until(device, &device->sent, device->queued);
    failed = atomic_load(&device->allocations) >= fail_at;
    atomic_store(&device->fail_at, 0);
    hf_client_free(device->client);
    device->client = NULL;
    door_drop(&device->door, false);
    while (door_turn(&device->door))
        continue;
    return failed;
}

static void every_allocation_may_fail(void **state)
{
    struct device *device = *state;
    unsigned n = 1;

    while (life(device, n)) {
        assert_int_equal(atomic_load(&device->live_bytes), 0);
        n++;
        assert_true(n < 500);
    }
    assert_true(n > 10);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_session_keeps_to_its_bound),
        ROW(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
