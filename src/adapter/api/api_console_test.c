/* The console's files, its settings and its login code, and what its pages ask first. */
#include "adapter/api/gateway_testkit.h"

#define CODE "00112233445566778899aabbccddeeff"

static const struct hf_console_file files[] = {
    {"index.html", "text/html; charset=utf-8", "aa11", (const uint8_t *)"<html>", (const uint8_t *)"GZ1", 6,
     3},
    {"app.js", "text/javascript; charset=utf-8", "bb22", (const uint8_t *)"script", (const uint8_t *)"GZIP",
     6, 4},
};

static struct hf_backend_ops ops;
static const char *code_left;

static bool login(struct hf_backend *backend, struct hf_slice code, char ret_key[HF_API_KEY_TEXT_BYTES_MAX])
{
    (void)backend;
    if (code_left == NULL || !hf_slice_is(code, code_left))
        return false;
    code_left = NULL;
    strcpy(ret_key, ADMIN_KEY);
    return true;
}

static size_t overview(struct hf_backend *backend, char **ret_json)
{
    (void)backend;
    *ret_json = strdup("{\"time_ms\":1}");
    return strlen(*ret_json);
}

static size_t nothing(struct hf_backend *backend, char **ret_json)
{
    (void)backend;
    *ret_json = NULL;
    return 0;
}

static int setup(void **state)
{
    gateway_setup(state);
    fake_link_end(&g.link);
    gateway_connect(HF_HTTP_API | HF_HTTP_CONSOLE);
    g.api.console = (struct hf_console){HF_CONSOLE_ON, files, HF_COUNT_OF(files)};
    ops = *g.backend.ops;
    ops.login = login;
    ops.overview = overview;
    ops.config = nothing;
    g.backend.ops = &ops;
    code_left = CODE;
    return 0;
}

static void files_are_served(void **state)
{
    static const struct {
        const char *target, *headers;
        unsigned status;
        const char *has, *has_not;
    } rows[] = {
        {"/console", "", 308, "Location: /console/\r\n", NULL},
        {"/console/", "", 200, "\r\n\r\n<html>", "Content-Encoding"},
        {"/console/index.html", "", 200, "ETag: \"aa11\"\r\n", NULL},
        {"/console/app.js", "", 200, "text/javascript; charset=utf-8\r\n", NULL},
        {"/console/app.js", "Accept-Encoding: br, gzip\r\n", 200, "\r\n\r\nGZIP", NULL},
        {"/console/app.js", "Accept-Encoding: br, GZIP;q=0.5\r\n", 200, "ETag: \"bb22-gz\"\r\n", NULL},
        {"/console/app.js", "Accept-Encoding: gzip;q=0\r\n", 200, "\r\n\r\nscript", "Content-Encoding"},
        {"/console/app.js", "Accept-Encoding: gzip;q=0.00\r\n", 200, "\r\n\r\nscript", NULL},
        {"/console/app.js", "Accept-Encoding: gzipped\r\n", 200, "\r\n\r\nscript", NULL},
        {"/console/app.js", "If-None-Match: \"bb22\"\r\n", 304, "ETag: \"bb22\"\r\n", "\r\n\r\nscript"},
        {"/console/app.js", "If-None-Match: \"aa11\", \"bb22\"\r\n", 304, "", "\r\n\r\nscript"},
        {"/console/app.js", "If-None-Match: *\r\n", 304, "", "\r\n\r\nscript"},
        {"/console/app.js", "If-None-Match: \"bb22\"\r\nAccept-Encoding: gzip\r\n", 200, "GZIP",
         NULL}, /* the other form of it */
        {"/console/secret", "", 404, "the console has no such file", NULL},
        {"/console/..%2fapp.js", "", 404, "not_found", NULL},
        {"/console/a/b", "", 404, "not_found", NULL},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        unsigned status = request_with("GET", rows[i].target, rows[i].headers, NULL);

        if (status != rows[i].status || !answer_has(rows[i].has) ||
            (rows[i].has_not != NULL && answer_has(rows[i].has_not)))
            fail_msg("row %zu, %s: %s", i, rows[i].target, g.link.out);
    }
    assert_int_equal(request("HEAD", "/console/app.js", NULL), 200);
    assert_false(answer_has("\r\n\r\nscript"));
    assert_int_equal(request("POST", "/console/app.js", "{}"), 405);
}

static void pages_load_nothing_from_elsewhere(void **state)
{
    static const char *const wanted[] = {"Content-Security-Policy: default-src 'none';",
                                         "script-src 'self';",
                                         "connect-src 'self';",
                                         "frame-ancestors 'none';",
                                         "base-uri 'none';",
                                         "form-action 'none';",
                                         "X-Content-Type-Options: nosniff\r\n",
                                         "Referrer-Policy: no-referrer\r\n",
                                         "Cache-Control: no-cache\r\n",
                                         "Vary: Accept-Encoding\r\n"};

    (void)state;
    assert_int_equal(request("GET", "/console/", NULL), 200);
    for (size_t i = 0; i < HF_COUNT_OF(wanted); i++)
        if (!answer_has(wanted[i]))
            fail_msg("%s is not in %s", wanted[i], g.link.out);
    assert_false(answer_has("unsafe-"));
}

static void it_is_where_it_was_wanted(void **state)
{
    (void)state;
    assert_int_equal(request("GET", "/console/settings.json", NULL), 200);
    assert_true(answer_has("\"read_only\":false"));
    g.api.console.mode = HF_CONSOLE_READ_ONLY;
    assert_int_equal(request("GET", "/console/settings.json", NULL), 200);
    assert_true(answer_has("\"read_only\":true"));
    g.api.console.mode = HF_CONSOLE_OFF;
    assert_int_equal(request("GET", "/console/", NULL), 404);
    assert_int_equal(request("POST", "/console/login", "{\"code\":\"" CODE "\"}"), 404);
    assert_string_equal(code_left, CODE);
    g.api.console.mode = HF_CONSOLE_ON;
    fake_link_end(&g.link);
    gateway_connect(HF_HTTP_API); /* a listener without the role */
    assert_int_equal(request("GET", "/console/", NULL), 404);
    fake_link_end(&g.link);
    gateway_connect(HF_HTTP_ADMIN);
    assert_int_equal(request("GET", "/console/", NULL), 404);
}

static void a_code_is_exchanged_once(void **state)
{
    static const struct {
        const char *body;
        unsigned status;
        const char *text;
    } rows[] = {
        {"{", 400, "not one JSON object"},
        {"{}", 400, "\"field\":\"code\""},
        {"{\"code\":7}", 400, "code must be a string"},
        {"{\"code\":\"" CODE "0\"}", 400, "\"field\":\"code\""},
        {"{\"code\":\"\"}", 401, "credentials_invalid"},
        {"{\"code\":\"10112233445566778899aabbccddeeff\"}", 401, "credentials_invalid"},
        {"{\"code\":\"" CODE "\"}", 200, "{\"key\":\"" ADMIN_KEY "\"}"},
        {"{\"code\":\"" CODE "\"}", 401, "credentials_invalid"},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        unsigned status = request_with("POST", "/console/login", "X-Authorization: none\r\n", rows[i].body);

        if (status != rows[i].status || !answer_has(rows[i].text))
            fail_msg("row %zu: %s", i, g.link.out);
    }
    assert_int_equal(g.api.stats.unauthorized, 3);
    ops.login = NULL; /* a gateway that gives no codes */
    assert_int_equal(request("POST", "/console/login", "{\"code\":\"" CODE "\"}"), 401);
}

static void a_key_is_told_what_it_may(void **state)
{
    (void)state;
    assert_int_equal(request("GET", "/v1/self", NULL), 200);
    assert_true(answer_has(
        "{\"key\":\"adminadmin01\",\"all_tenants\":false,\"tenant\":\"acme\",\"scopes\":[\"devices:read\","));
    assert_true(answer_has("\"admin\"]}"));
    assert_int_equal(request_with("GET", "/v1/self", "Authorization: Bearer " READ_KEY "\r\n", NULL), 200);
    assert_true(answer_has("\"scopes\":[\"devices:read\"]}"));
    assert_int_equal(request_with("GET", "/v1/self", "Authorization: Bearer " GLOBAL_KEY "\r\n", NULL), 200);
    assert_true(answer_has("\"all_tenants\":true,\"scopes\""));
    assert_int_equal(request_with("GET", "/v1/self", "X-Authorization: none\r\n", NULL), 401);
}

static void the_node_is_shown_to_those_who_may(void **state)
{
    (void)state;
    assert_int_equal(request("GET", "/v1/overview", NULL), 200);
    assert_true(answer_has("{\"time_ms\":1}"));
    assert_int_equal(request_with("GET", "/v1/overview", "Authorization: Bearer " READ_KEY "\r\n", NULL),
                     403);
    assert_int_equal(request_with("GET", "/v1/config", "Authorization: Bearer " READ_KEY "\r\n", NULL), 403);
    assert_int_equal(request("GET", "/v1/config", NULL), 503); /* no memory for it */
    assert_true(answer_has("memory_limit"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_are_served, setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(pages_load_nothing_from_elsewhere, setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(it_is_where_it_was_wanted, setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(a_code_is_exchanged_once, setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(a_key_is_told_what_it_may, setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(the_node_is_shown_to_those_who_may, setup, gateway_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
