/* io/udp_fail_test.c - any allocation may fail: an endpoint is not opened or a datagram is refused, and nothing is left behind. */
#include "io/udp_testkit.h"

#include "support/alloc_fail.h"

static void ignore(struct hf_udp *udp, const struct hf_datagram *datagram)
{
    (void)udp;
    (void)datagram;
}

static hf_err open_and_send(void *context)
{
    struct hf_loop *loop = hf_loop_new(NULL);
    struct hf_udp_options options = {.address = kit_address("127.0.0.1:0", 0), .on_datagram = ignore};
    struct hf_udp *udp = NULL;
    union hf_address address;
    hf_err err;

    (void)context;
    if (loop == NULL)
        return HF_ERR_NOMEM;
    err = hf_udp_open(loop, &options, &udp);
    if (err == HF_OK) {
        address = hf_udp_address(udp);
        err = hf_udp_send(udp, NULL, &address, "hello", 5);
        assert_true(err == HF_OK || hf_udp_stats(udp).refused_nomem == 1);
    }
    hf_udp_close(udp);
    hf_loop_free(loop);
    return err;
}

static void an_endpoint_survives_any_failed_allocation(void **state)
{
    (void)state;
    assert_true(hf_alloc_fail_each(open_and_send, NULL, 100) >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(an_endpoint_survives_any_failed_allocation)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
