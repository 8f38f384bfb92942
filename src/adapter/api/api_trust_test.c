/* adapter/api/api_trust_test.c - the dry run of a CA set: what is asked of the gateway, and who may ask. */
#include "adapter/api/gateway_testkit.h"

static const char path[] = "/v1/listeners/devices/client-ca/dry-run";

static unsigned ask(const char *query)
{
    char target[128];

    snprintf(target, sizeof(target), "%s%s", path, query);
    return request_with("POST", target, "Authorization: Bearer " GLOBAL_KEY "\r\n", "PEM");
}

static void only_a_key_for_all_tenants_may_ask(void **state)
{
    (void)state;
    g.result = "{\"cut\":0}";
    assert_int_equal(request_with("POST", path, "Authorization: Bearer " READ_KEY "\r\n", "PEM"), 403);
    assert_int_equal(request("POST", path, "PEM"), 403); /* an administrator of one */
    assert_true(answer_has("a key for all tenants"));
    assert_int_equal(g.last.type, 0);
    assert_int_equal(ask(""), 200);
    fake_link_end(&g.link);
    gateway_connect(HF_HTTP_ADMIN); /* whoever reaches the admin listener */
    assert_int_equal(request_with("POST", path, "X-Authorization: none\r\n", "PEM"), 200);
}

static void what_is_asked_reaches_the_gateway(void **state)
{
    static const struct {
        const char *query, *text;
    } wrong[] = {
        {"?limit=0", "limit must be 1 to 1000"},       {"?limit=1001", "limit must be 1 to 1000"},
        {"?cursor=c_00000000000000zz", "next_cursor"}, {"?cursor=c_0000000000000000", "next_cursor"},
        {"?cursor=0000000000000000ff", "next_cursor"}, {"?cursor=c_ff", "next_cursor"},
        {"?crl=all", "crl can only be none"},
    };

    (void)state;
    g.result = "{\"cut\":0}";
    assert_int_equal(ask(""), 200);
    assert_true(answer_has("{\"cut\":0}"));
    assert_int_equal(g.last.type, HF_CALL_TRUST);
    assert_string_equal(g.last_text, "||devices||PEM");
    assert_int_equal(g.last.targets, 100);
    assert_int_equal(g.last.offset, 0);
    assert_false(g.last.trust_without_crl);
    assert_int_equal(ask("?limit=7&cursor=c_f0000000000000ff&crl=none"), 200);
    assert_int_equal(g.last.targets, 7);
    assert_int_equal(g.last.offset, UINT64_C(0xf0000000000000ff));
    assert_true(g.last.trust_without_crl);
    for (size_t i = 0; i < HF_COUNT_OF(wrong); i++)
        if (ask(wrong[i].query) != 400 || !answer_has(wrong[i].text))
            fail_msg("%s: %s", wrong[i].query, g.link.out);
}

static void refusals_say_why(void **state)
{
    (void)state;
    g.reason = HF_REASON_BAD_REQUEST;
    g.result = "client CA file 'request body' holds no certificate";
    assert_int_equal(ask(""), 400);
    assert_true(answer_has("\"field\":\"body\"") && answer_has("holds no certificate"));
    g.reason = HF_REASON_NOT_FOUND;
    g.result = "there is no listener of this name";
    assert_int_equal(ask(""), 404);
    assert_true(answer_has("\"field\":\"listener\"") && answer_has("no listener of this name"));
    g.refuse_calls = true;
    assert_int_equal(ask(""), 503);
    assert_true(answer_has("another dry run is at work"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_a_key_for_all_tenants_may_ask, gateway_setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(what_is_asked_reaches_the_gateway, gateway_setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(refusals_say_why, gateway_setup, gateway_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
