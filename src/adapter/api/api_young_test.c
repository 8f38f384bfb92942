/* A device that has just come for the first time: its worker knows it, the tables do not yet. It is there, whatever of it is asked for. */
#include "adapter/api/gateway_testkit.h"

#define CAM "34020000001110000001"

static const struct {
    const char *target, *want;
    bool camera;
} rows[] = {
    {"/v1/devices/d1", "\"state\":\"online\"", false},
    {"/v1/devices/d1/series?channel=power", "\"points\":[]", false},
    {"/v1/devices/d1/presence", "\"history\":[]", false},
    {"/v1/devices/d1/explain", "\"history\":[]", false},
    {"/v1/devices/d1/shadows", "\"shadows\":[]", false},
    {"/v1/devices/d1/shadow/versions", "\"versions\":[]", false},
    {"/v1/cameras/" CAM, "\"state\":\"online\"", true},
    {"/v1/cameras/" CAM "/channels", "\"channels\":[]", true},
    {"/v1/cameras/" CAM "/subscriptions", "\"subscriptions\":[]", true},
};

static void it_is_there(void **state)
{
    (void)state;
    g.connected = true;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        g.protocol = rows[i].camera ? "gb28181" : NULL;
        unsigned status = request("GET", rows[i].target, NULL);

        if (status != 200 || !answer_has(rows[i].want))
            fail_msg("%s: %u %s", rows[i].target, status, g.link.out);
    }
}

static void one_that_nobody_knows_is_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        if (request("GET", rows[i].target, NULL) != 404)
            fail_msg("%s: %s", rows[i].target, g.link.out);
}

/* Nobody says that there is no such device when its worker has no time to look. */
static void one_whose_worker_is_busy_may_be_there(void **state)
{
    (void)state;
    g.reason = HF_REASON_BUSY;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        if (strstr(rows[i].target, "explain") == NULL && request("GET", rows[i].target, NULL) != 503)
            fail_msg("%s: %s", rows[i].target, g.link.out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, gateway_setup, gateway_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_is_there),
        TEST(one_that_nobody_knows_is_not),
        TEST(one_whose_worker_is_busy_may_be_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
