/* Requests for certificates through the public client: what is taken, and that each has its answer. That they bring one: test/e2e/test_certificates.py. */
#include "client/driver_testkit.h"

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

static int on_certificate(void *user, const struct hf_client_certificate *certificate)
{
    struct device *device = user;

    assert_string_equal(certificate->reason, "not_implemented"); /* the door renews none */
    assert_string_equal(certificate->result, "");
    assert_null(certificate->chain);
    device->refused += certificate->request != 0;
    return HOLDFAST_OK;
}

static void requests_for_certificates_are_checked(void **state)
{
    static char large[HOLDFAST_CSR_BYTES_MAX + 2], dear[HOLDFAST_CSR_BYTES_MAX + 1];
    struct device *device = *state;
    uint32_t request = 0;

    memset(large, 'x', sizeof(large) - 1);
    memset(dear, 1, sizeof(dear) - 1); /* six characters each, which no PEM has */
    device->options.on_certificate = on_certificate;
    device_open(device);
    device_until(device, &device->opened, 1);
    assert_int_equal(hf_client_request_certificate(device->client, NULL, NULL), HOLDFAST_ERR_INVALID);
    assert_int_equal(hf_client_request_certificate(device->client, "", NULL), HOLDFAST_ERR_INVALID);
    assert_int_equal(hf_client_request_certificate(device->client, dear, NULL), HOLDFAST_ERR_INVALID);
    assert_int_equal(hf_client_request_certificate(device->client, large, NULL), HOLDFAST_ERR_LIMIT);
    large[HOLDFAST_CSR_BYTES_MAX] = '\0';
    assert_int_equal(hf_client_request_certificate(device->client, large, &request), HOLDFAST_OK);
    assert_int_not_equal(request, 0);
    device_until(device, &device->refused, 1);
}

static void without_a_handler_none_is_asked_for(void **state)
{
    struct device *device = *state;

    device_open(device);
    assert_int_equal(hf_client_request_certificate(device->client, "x", NULL), HOLDFAST_ERR_INVALID);
    device_until(device, &device->opened, 1);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(requests_for_certificates_are_checked),
        ROW(without_a_handler_none_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
