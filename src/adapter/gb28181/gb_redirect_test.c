/* GB-15: REGISTER is answered 302 where another node is to take new devices. */
#include "adapter/gb28181/gb_testkit.h"

static void begin(const char *version, uint32_t above)
{
    struct hf_gb_options options = {
        .limits = {.redirect_host = "198.51.100.9", .redirect_port = 5070, .redirect_above = above}};

    kit_begin(&options);
    (void)snprintf(kit.header, sizeof(kit.header), "%s", version);
}

#define V3 "X-GB-Ver: 3.0\r\n"

static void who_is_new_is_sent_on(void **state)
{
    (void)state;
    begin(V3, 0);
    assert_int_equal(kit_ask(CAMERA, 3600), 401); /* not before it has shown its password */
    kit.password = "wrong";
    assert_int_equal(kit_answer(CAMERA, 3600), 403);
    kit.password = "12345678";
    assert_int_equal(kit_register(CAMERA, 1800), 302);
    assert_true(kit_has("Contact: <sip:" SERVER "@198.51.100.9:5070>\r\n"));
    assert_true(kit_has("Expires: 1800\r\n"));
    assert_int_equal(kit_stats()->devices, 0);
    assert_int_equal(tk_count(kit.tk, HF_EVENT_ONLINE, NULL), 0);
    kit_again(); /* its repeat is answered alike, and counted once */
    assert_int_equal(kit_status(), 302);
    assert_int_equal(kit_stats()->redirected, 1);
    assert_int_equal(kit_keepalive(), 403);
    kit_end();
}

/* Where it was sent nobody let it in. */
static void who_comes_back_is_let_in(void **state)
{
    (void)state;
    begin(V3, 0);
    assert_int_equal(kit_register(CAMERA, 3600), 302);
    kit_pass(30000);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    assert_int_equal(kit_stats()->redirects_returned, 1);
    assert_int_equal(kit_register(CAMERA, 3600), 200); /* and stays: a refresh is none */
    assert_int_equal(kit_register(CAMERA, 0), 200);
    kit_pass(HF_GB_REDIRECT_AGAIN_MS);
    assert_int_equal(kit_register(CAMERA, 3600), 302); /* another day */
    kit_end();
}

static void only_who_knows_what_it_means(void **state)
{
    (void)state;
    begin("", 0);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    kit_end();
    begin("X-GB-Ver: 2.0\r\n", 0);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    kit_end();
}

static void only_from_so_many_on(void **state)
{
    struct hf_gb_limits limits = {0};

    (void)state;
    begin(V3, 1);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    assert_int_equal(kit_register(SECOND, 3600), 302);
    assert_int_equal(kit_register(CAMERA, 3600), 200); /* who is there stays */
    assert_int_equal(kit_register(CAMERA, 0), 200);
    assert_int_equal(hf_gb_site_set_limits(kit.site, &limits), HF_OK); /* a reload: no longer */
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    (void)snprintf(limits.redirect_host, sizeof(limits.redirect_host), "2001:db8::9");
    (void)snprintf(limits.redirect_server_id, sizeof(limits.redirect_server_id), "34020000002000000009");
    assert_int_equal(hf_gb_site_set_limits(kit.site, &limits), HF_OK);
    assert_int_equal(kit_register("34020000001320000003", 3600), 302);
    assert_true(kit_has("Contact: <sip:34020000002000000009@[2001:db8::9]>\r\n"));
    kit_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_new_is_sent_on),
        cmocka_unit_test(who_comes_back_is_let_in),
        cmocka_unit_test(only_who_knows_what_it_means),
        cmocka_unit_test(only_from_so_many_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
