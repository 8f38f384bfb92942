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
        {"mqtts://broker.example/t1", "b.example", "b.example", "8883"},
        {"mqtt://me@broker.example/t1", "b.example:9", "b.example", "9"},
        {"mqtts://broker.example/t1", "wss://b.example:9", NULL, NULL}, /* another protocol */
        {"wss://gw.example/v1/connect", "[2001:db8::7", NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_client_url url, now;
        const char *fault;

        assert_int_equal(hf_client_url_parse(rows[i].url, HF_SLICE("bike-7"), &url, &fault), HF_OK);
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

static void every_scheme_has_its_port_and_its_path(void **state)
{
    static const struct {
        const char *url, *host, *port, *target, *user;
        bool tls, mqtt;
    } rows[] = {
        {"ws://gw.example", "gw.example", "80", "/v1/connect/bike-7", "", false, false},
        {"wss://gw.example/", "gw.example", "443", "/v1/connect/bike-7", "", true, false},
        {"WSS://gw.example:1/x?y=1#z", "gw.example", "1", "/x?y=1", "", true, false},
        {"mqtt://broker.example", "broker.example", "1883", "", "", false, true},
        {"mqtt://broker.example/", "broker.example", "1883", "", "", false, true},
        {"mqtts://broker.example/tenant", "broker.example", "8883", "tenant", "", true, true},
        {"MQTTS://broker.example:1/a/b%2Fc/", "broker.example", "1", "a/b%2Fc", "", true, true},
        {"mqtt://me@broker.example/t", "broker.example", "1883", "t", "me", false, true},
        {"mqtt://a%40b%3Ac@[::1]:9/t", "::1", "9", "t", "a@b:c", false, true},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_client_url url;
        const char *fault;

        if (hf_client_url_parse(rows[i].url, HF_SLICE("bike-7"), &url, &fault) != HF_OK)
            fail_msg("%s: %s", rows[i].url, fault);
        assert_string_equal(url.host, rows[i].host);
        assert_string_equal(url.port, rows[i].port);
        assert_string_equal(url.target, rows[i].target);
        assert_string_equal(url.user, rows[i].user);
        assert_int_equal(url.tls, rows[i].tls);
        assert_int_equal(url.mqtt, rows[i].mqtt);
    }
}

static void what_is_wrong_with_an_address_is_said(void **state)
{
    static const struct {
        const char *url, *fault;
    } rows[] = {
        {NULL, "url must be"},
        {"broker.example", "url must be"},
        {"tcp://broker.example", "url must be"},
        {"ws://me@gw.example", "alone"},
        {"mqtt://me:secret@broker.example", "password"},
        {"mqtt://@broker.example", "user"},
        {"mqtt://%00@broker.example", "user"},
        {"mqtt://%zz@broker.example", "user"},
        {"mqtt://", "host"},
        {"mqtt://me@", "host"},
        {"mqtt://broker.example:0/t", "host"},
        {"mqtt://broker.example/a/+/b", "prefix"},
        {"mqtt://broker.example/a/#", "prefix"},
        {"mqtt://broker.example/a?b", "prefix"},
        {"mqtt://broker.example/a b", "prefix"},
        {"mqtt://broker.example/a\xff", "prefix"},
        {"ws://gw.example/a b", "path"},
    };
    char text[600] = "mqtt://broker.example/";
    struct hf_client_url url;
    const char *fault;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        assert_int_equal(hf_client_url_parse(rows[i].url, HF_SLICE("bike-7"), &url, &fault), HF_ERR_INVALID);
        if (strstr(fault, rows[i].fault) == NULL)
            fail_msg("%s: %s", rows[i].url, fault);
    }
    size_t head = strlen(text);

    memset(text + head, 'p', HF_URL_PREFIX_BYTES_MAX);
    assert_int_equal(hf_client_url_parse(text, HF_SLICE("d"), &url, &fault), HF_OK);
    text[head + HF_URL_PREFIX_BYTES_MAX] = 'p';
    assert_int_equal(hf_client_url_parse(text, HF_SLICE("d"), &url, &fault), HF_ERR_INVALID);
    memset(text, 0, sizeof(text));
    memcpy(text, "mqtt://", 7);
    memset(text + 7, 'u', HF_URL_USER_BYTES_MAX);
    strcpy(text + 7 + HF_URL_USER_BYTES_MAX, "@h");
    assert_int_equal(hf_client_url_parse(text, HF_SLICE("d"), &url, &fault), HF_OK);
    strcpy(text + 7 + HF_URL_USER_BYTES_MAX, "u@h");
    assert_int_equal(hf_client_url_parse(text, HF_SLICE("d"), &url, &fault), HF_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_alternate_changes_host_and_port_alone),
        cmocka_unit_test(every_scheme_has_its_port_and_its_path),
        cmocka_unit_test(what_is_wrong_with_an_address_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
