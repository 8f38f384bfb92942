/* How long each step of a connection took, by a clock that goes on by one each time it is read. */
#include "client/driver_testkit.h"

static int setup(void **state)
{
    struct device *device = malloc(sizeof(*device));

    device_init(device);
    device->options.monotonic_ms = device_ticking;
    *state = device;
    return 0;
}

static int teardown(void **state)
{
    device_deinit(*state);
    free(*state);
    return 0;
}

static void each_step_has_its_time(void **state)
{
    struct device *device = *state;
    const struct hf_client_open *open = &device->last_open;
    uint64_t begun_ms = device->now_ms;

    device_open(device);
    device_until(device, &device->opened, 1);
    assert_true(open->dns_ms > 0 && open->tcp_ms > 0 && open->upgrade_ms > 0 && open->greeting_ms > 0);
    assert_int_equal(open->tls_ms, 0); /* there is none */
    assert_true(open->dns_ms + open->tcp_ms + open->upgrade_ms + open->greeting_ms <=
                device->now_ms - begun_ms);
}

/* A later connection has times of its own: what went before it, and the wait, are not in them. */
static void the_wait_between_two_is_in_none(void **state)
{
    struct device *device = *state;
    const struct hf_client_open *open = &device->last_open;
    uint64_t begun_ms;

    device_open(device);
    device_until(device, &device->opened, 1);
    door_drop(&device->door, true);
    device_until(device, &device->closed, 1);
    device->now_ms += 60000;
    begun_ms = device->now_ms;
    device_until(device, &device->opened, 2);
    assert_true(open->dns_ms > 0 && open->greeting_ms > 0);
    assert_true(open->dns_ms + open->tcp_ms + open->upgrade_ms + open->greeting_ms <=
                device->now_ms - begun_ms);
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {ROW(each_step_has_its_time), ROW(the_wait_between_two_is_in_none)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
