/* client/url: what an address may be, and what an alternate may change of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "client/url.h"

static void an_alternate_changes_host_and_port_alone(void **state)
{
    static const struct {
        const char *url, *alternate, *host, *port; /* host NULL: refused */
    } rows[] = {
        {"wss://gw.example:8443/v1/connect", "b.example", "b.example", "443"},
        {"wss://gw.example:8443/v1/connect", "b.example:9443", "b.example", "9443"},
        {"ws://gw.example/v1/connect", "b.example", "b.example", "80"},
        {"wss://gw.example/v1/connect", "[2001:db8::7]:9", "2001:db8::7", "9"},
        {"wss://gw.example/v1/connect", "[2001:db8::7]", "2001:db8::7", "443"},
        {"wss://gw.example/v1/connect", "wss://b.example:9/elsewhere?x=1", "b.example", "9"},
        {"wss://gw.example/v1/connect", "ws://b.example:9", NULL, NULL}, /* never from TLS to plain */
        {"ws://gw.example/v1/connect", "wss://b.example:9", NULL,
         NULL}, /* nor the other way: nobody configured trust */
        {"wss://gw.example/v1/connect", "", NULL, NULL},
        {"wss://gw.example/v1/connect", "b.example:0", NULL, NULL},
        {"wss://gw.example/v1/connect", "b.example:70000", NULL, NULL},
        {"wss://gw.example/v1/connect", "b.example:", NULL, NULL},
        {"wss://gw.example/v1/connect", "b example", NULL, NULL},
        {"wss://gw.example/v1/connect", "user@b.example", NULL, NULL},
        {"wss://gw.example/v1/connect", "b.example\r\nX: y", NULL, NULL},
        {"wss://gw.example/v1/connect", "[2001:db8::7", NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_client_url url, now;

        assert_int_equal(hf_client_url_parse(rows[i].url, HF_SLICE("bike-7"), &url), HF_OK);
        hf_err err = hf_client_url_alternate(&url, hf_slice_of(rows[i].alternate), &now);
        if ((err == HF_OK) != (rows[i].host != NULL))
            fail_msg("%s: %s", rows[i].alternate, hf_err_name(err));
        if (err != HF_OK)
            continue;
        assert_string_equal(now.host, rows[i].host);
        assert_string_equal(now.port, rows[i].port);
        assert_int_equal(now.tls, url.tls);
        assert_string_equal(now.target, url.target);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_alternate_changes_host_and_port_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
