#include "adapter/http/link_testkit.h"
#include "adapter/http/server.h"
#include "store/memory/kv_memory.h"

#define KEY "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define UP  "Host: h\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" KEY
enum { NOW_S = 1772366400 };

static struct {
    struct hf_wheel wheel;
    struct hf_http_site site;
    struct fake_link link;
    struct hf_kv *kv;
    struct hf_auth *auth;
    struct hf_tenant tenant;
    struct hf_tenant_rules rules;
    struct hf_auth_tenant auth_tenant;
    struct hf_auth_set set;
    char token[HF_JWT_TOKEN_BYTES_MAX], any_token[HF_JWT_TOKEN_BYTES_MAX], old_token[HF_JWT_TOKEN_BYTES_MAX];
    struct hf_auth_certificate certificate;
    /* What connect() was given. */
    unsigned connects, refusals;
    struct hf_ws_admit admit;
    char unread[256], refused_device[64];
    enum hf_reason refuse_with, refused_reason;
    unsigned told; /* to whom it may concern: */
    char told_text[256];
    uint64_t us; /* what the clock says */
    struct hf_hist auth_us;
} t;

static bool connect_device(void *context, struct hf_link *link, const struct hf_ws_admit *admit,
                           const uint8_t *unread, size_t unread_bytes, enum hf_reason *ret_reason)
{
    (void)context;
    t.connects++;
    t.admit = *admit;
    memcpy(t.unread, unread, unread_bytes);
    t.unread[unread_bytes] = '\0';
    *ret_reason = t.refuse_with;
    if (t.refuse_with != HF_REASON_NONE)
        return false;
    link->handler = NULL; /* whoever still calls it crashes */
    link->user = NULL;
    return true;
}

static void refused(void *context, struct hf_slice tenant, struct hf_slice device, enum hf_reason reason)
{
    (void)context;
    assert_true(hf_slice_is(tenant, "acme"));
    t.refusals++;
    t.refused_reason = reason;
    snprintf(t.refused_device, sizeof(t.refused_device), "%.*s", (int)device.bytes, device.at);
}

static void on_refused(void *context, const struct hf_link *link, uint64_t conn_id,
                       const struct hf_http_refusal *refusal)
{
    (void)context;
    assert_ptr_equal(link, &t.link.link);
    assert_int_not_equal(conn_id, 0);
    t.told++;
    snprintf(t.told_text, sizeof(t.told_text), "%s %.*s/%.*s (%.*s) %s %s", hf_reason_name(refusal->reason),
             (int)refusal->tenant.bytes, refusal->tenant.at, (int)refusal->device.bytes, refusal->device.at,
             (int)refusal->claimed.bytes, refusal->claimed.at, refusal->check ? refusal->check : "-",
             refusal->field ? refusal->field : "-");
}

static void certificate(void *context, struct hf_link *link, struct hf_auth_certificate *ret)
{
    (void)context;
    (void)link;
    *ret = t.certificate;
}

static void no_head(void *context, struct hf_http_exchange *exchange, const struct hf_http1_request *request)
{
    (void)context;
    (void)request;
    hf_http_problem(exchange, &(struct hf_http1_problem_doc){.reason = HF_REASON_NOT_FOUND});
}

static void no_gone(void *context, struct hf_http_exchange *exchange)
{
    (void)context;
    (void)exchange;
}

static const struct hf_http_ops ops = {
    .connect = connect_device, .refused = refused, .on_refused = on_refused, .certificate = certificate};
static const struct hf_http_app app = {.on_head = no_head, .on_gone = no_gone};
static const char *const origins[] = {"https://console.example"};

static void sign(const char *device, uint64_t expires_s, const char *jti, char out[HF_JWT_TOKEN_BYTES_MAX])
{
    struct hf_jwt_claims claims = {.tenant = HF_SLICE("acme"),
                                   .device = hf_slice_of(device),
                                   .id = hf_slice_of(jti),
                                   .expires_s = expires_s};
    size_t bytes;

    assert_int_equal(hf_jwt_sign(t.set.keys, HF_SLICE("k1"), &claims, (struct hf_slice){NULL, 0}, out,
                                 HF_JWT_TOKEN_BYTES_MAX, &bytes),
                     HF_OK);
}

static uint64_t clock_us(void)
{
    return t.us += 10; /* each look costs so much */
}

static int setup(void **state)
{
    char error[256];

    (void)state;
    memset(&t, 0, sizeof(t));
    hf_wheel_init(&t.wheel, 1000);
    assert_int_equal(hf_http_site_init(&t.site, 100), HF_OK);
    assert_int_equal(hf_kv_memory_open(&t.kv), HF_OK);
    t.auth = hf_auth_new(t.kv);
    t.set.keys = hf_jwt_keys_new();
    assert_int_equal(hf_jwt_keys_add_secret(t.set.keys, HF_SLICE("k1"), HF_SLICE("acme"),
                                            HF_SLICE("0123456789abcdef0123456789abcdef"), error,
                                            sizeof(error)),
                     HF_OK);
    t.tenant.name = HF_SLICE("acme");
    t.rules.session.enabled = true;
    atomic_store(&t.tenant.rules, &t.rules);
    t.auth_tenant =
        (struct hf_auth_tenant){.tenant = &t.tenant, .policy = {.leeway_s = 60, .device_required = true}};
    t.set.tenants = &t.auth_tenant;
    t.set.tenant_count = 1;
    t.set.generation = 1;
    hf_auth_use(t.auth, &t.set);
    sign("d1", NOW_S + 3600, NULL, t.token);
    sign("*", NOW_S + 3600, "j1", t.any_token);
    sign("d1", NOW_S - 3600, NULL, t.old_token);
    t.site.wheel = &t.wheel;
    t.site.now_ms = 1000;
    t.site.utc_ms = (uint64_t)NOW_S * 1000;
    t.site.ops = &ops;
    t.site.app = &app;
    t.site.auth = t.auth;
    t.site.deflate = HF_WS_DEFLATE_DEFAULT;
    t.site.ws_origins = origins;
    t.site.ws_origin_count = 1;
    t.site.clock_us = clock_us;
    hf_auth_time(t.auth, clock_us, &t.auth_us);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(t.site.stats.opened, t.site.stats.ended);
    assert_int_equal(t.wheel.armed, 0);
    hf_http_site_deinit(&t.site);
    hf_auth_free(t.auth);
    hf_jwt_keys_free(t.set.keys);
    hf_kv_close(t.kv);
    return 0;
}

static void open_link(unsigned roles, bool tls)
{
    fake_link_init(&t.link);
    assert_int_equal(hf_http_open(&t.site, &t.link.link,
                                  &(struct hf_http_options){.roles = roles, .tls = tls, .conn_id = 7}),
                     HF_OK);
}

/* Asks and says whether it was let in. $T, $A and $O in the text stand for the tokens. */
static bool ask_on(unsigned roles, bool tls, const char *text)
{
    char request[16384];
    struct hf_sb sb;

    hf_sb_init(&sb, request, sizeof(request));
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '$')
            hf_sb_text(&sb, *++at == 'T' ? t.token : *at == 'A' ? t.any_token : t.old_token);
        else
            hf_sb_char(&sb, *at);
    }
    t.connects = 0;
    open_link(roles, tls);
    fake_feed(&t.link, request);
    return t.link.link.handler == NULL;
}

static bool ask(const char *text)
{
    return ask_on(HF_HTTP_DEVICES, false, text);
}

static void done(void)
{
    if (t.link.link.handler != NULL)
        fake_link_end(&t.link);
    else
        free(t.link.out);
}

static void devices_are_let_in(void **state)
{
    static const struct {
        const char *request, *device, *protocol;
    } rows[] = {
        {"GET /v1/connect HTTP/1.1\r\nAuthorization: Bearer $T\r\n" UP "\r\n", "d1", NULL},
        {"GET /v1/connect/d1 HTTP/1.1\r\nAuthorization: bearer $T\r\n" UP "\r\n", "d1", NULL},
        {"GET /v1/connect?token=$T HTTP/1.1\r\n" UP "\r\n", "d1", NULL},
        {"GET /v1/connect/any%3Aone?token=$A HTTP/1.1\r\n" UP "\r\n", "any:one", NULL},
        {"GET /v1/connect HTTP/1.1\r\nSec-WebSocket-Protocol: holdfast.raw, holdfast.token.$T\r\n" UP "\r\n",
         "d1", "holdfast.raw"},
        {"GET /v1/connect HTTP/1.1\r\nSec-WebSocket-Protocol: holdfast.token.$T\r\n" UP "\r\n", "d1", NULL},
        {"GET /v1/connect?token=$T HTTP/1.1\r\nSec-WebSocket-Protocol: holdfast.v1, holdfast.raw\r\n" UP
         "\r\n",
         "d1", "holdfast.raw"},
        {"GET /v1/connect?token=$T HTTP/1.1\r\nOrigin: https://console.example\r\n" UP "\r\n", "d1", NULL},
        {"GET /v1/connect?auth=message&token=$T HTTP/1.1\r\n" UP "\r\n", "d1", NULL},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        assert_true(ask(rows[i].request));
        assert_string_equal(t.admit.identity.device, rows[i].device);
        assert_ptr_equal(t.admit.identity.tenant, &t.tenant);
        assert_int_equal(t.admit.conn_id, 7);
        assert_string_equal(t.admit.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        if (rows[i].protocol != NULL)
            assert_string_equal(t.admit.protocol, rows[i].protocol);
        else
            assert_null(t.admit.protocol);
        done();
    }
}

/* The sub-protocol is the device's choice: the first one it names that is spoken here. */
static void sessions_are_negotiated(void **state)
{
    static const struct {
        const char *request, *protocol;
        enum hf_ws_mode mode;
    } rows[] = {
        {"GET /v1/connect?token=$T HTTP/1.1\r\nSec-WebSocket-Protocol: holdfast.v1\r\n" UP "\r\n",
         "holdfast.v1", HF_WS_SESSION},
        {"GET /v1/connect HTTP/1.1\r\nSec-WebSocket-Protocol: holdfast.token.$T, holdfast.v1.json\r\n" UP
         "\r\n",
         "holdfast.v1.json", HF_WS_SESSION_JSON},
        {"GET /v1/connect?token=$T HTTP/1.1\r\nSec-WebSocket-Protocol: holdfast.v9, holdfast.v1.json,\r\n"
         "Sec-WebSocket-Protocol: holdfast.v1, holdfast.raw\r\n" UP "\r\n",
         "holdfast.v1.json", HF_WS_SESSION_JSON},
        {"GET /v1/connect?token=$T HTTP/1.1\r\nSec-WebSocket-Protocol: holdfast.raw, holdfast.v1\r\n" UP
         "\r\n",
         "holdfast.raw", HF_WS_RAW},
        {"GET /v1/connect?token=$T HTTP/1.1\r\nSec-WebSocket-Protocol: HOLDFAST.V1\r\n" UP "\r\n", NULL,
         HF_WS_RAW}, /* registered names are compared with case */
    };

    (void)state;
    t.site.session = true;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        assert_true(ask(rows[i].request));
        assert_int_equal(t.admit.mode, rows[i].mode);
        assert_string_equal(t.admit.identity.device, "d1");
        if (rows[i].protocol != NULL)
            assert_string_equal(t.admit.protocol, rows[i].protocol);
        else
            assert_null(t.admit.protocol);
        done();
    }
    /* HELLO may name the device; raw mode has no such place. */
    assert_true(
        ask("GET /v1/connect?token=$A HTTP/1.1\r\nSec-WebSocket-Protocol: holdfast.v1\r\n" UP "\r\n"));
    assert_true(t.admit.identity.any && t.admit.identity.tenant == &t.tenant);
    assert_int_equal(t.admit.identity.device_bytes, 0);
    done();
    assert_false(
        ask("GET /v1/connect?token=$A HTTP/1.1\r\nSec-WebSocket-Protocol: holdfast.raw\r\n" UP "\r\n"));
    assert_int_equal(fake_status(&t.link), 401);
    done();
}

static void a_tenant_may_have_sessions_off(void **state)
{
    (void)state;
    t.site.session = true;
    t.rules.session.enabled = false;
    assert_false(
        ask("GET /v1/connect?token=$T HTTP/1.1\r\nSec-WebSocket-Protocol: holdfast.v1\r\n" UP "\r\n"));
    assert_int_equal(fake_status(&t.link), 400);
    assert_non_null(strstr(t.link.out, "\"reason\":\"version\""));
    done();
    assert_true(
        ask("GET /v1/connect?token=$T HTTP/1.1\r\nSec-WebSocket-Protocol: holdfast.v1, holdfast.raw\r\n" UP
            "\r\n"));
    assert_int_equal(t.admit.mode, HF_WS_RAW);
    assert_string_equal(t.admit.protocol, "holdfast.raw");
    done();
    assert_false(
        ask("GET /v1/connect?token=$A HTTP/1.1\r\nSec-WebSocket-Protocol: holdfast.v1, holdfast.raw\r\n" UP
            "\r\n"));
    assert_int_equal(fake_status(&t.link), 400); /* raw mode would not know the device */
    done();
    assert_true(
        ask("GET /v1/connect?auth=message HTTP/1.1\r\nSec-WebSocket-Protocol: holdfast.v1\r\n" UP "\r\n"));
    assert_int_equal(t.admit.mode, HF_WS_SESSION); /* whose device it is comes with AUTH */
    done();
}

static void wishes_travel_along(void **state)
{
    (void)state;
    assert_true(
        ask("GET /v1/connect?token=$T&topic=plant%2F1&groups=a,b&trace=q1 HTTP/1.1\r\nX-Trace-Id: abc-_9\r\n"
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" UP "\r\n"
            "unread"));
    assert_memory_equal(t.admit.topic, "plant/1", 7);
    assert_int_equal(t.admit.topic_bytes, 7);
    assert_string_equal(t.admit.groups, "a,b");
    assert_string_equal(t.admit.trace, "abc-_9");
    assert_true(t.admit.deflate.on);
    assert_string_equal(t.unread, "unread");
    done();
}

static void credentials_may_come_in_band(void **state)
{
    (void)state;
    assert_true(ask("GET /v1/connect/d9?auth=message HTTP/1.1\r\n" UP "\r\n"));
    assert_null(t.admit.identity.tenant);
    assert_string_equal(t.admit.identity.device, "d9");
    done();
    assert_true(ask("GET /v1/connect?auth=message HTTP/1.1\r\n" UP "\r\n"));
    assert_int_equal(t.admit.identity.device_bytes, 0);
    done();
}

static void certificates_count_on_tls_only(void **state)
{
    static const uint8_t fingerprint[32] = {1};

    (void)state;
    t.certificate = (struct hf_auth_certificate){.tenant = HF_SLICE("acme"),
                                                 .device = HF_SLICE("d5"),
                                                 .fingerprint = fingerprint,
                                                 .not_after_ms = UINT64_MAX};
    assert_true(ask_on(HF_HTTP_DEVICES, true, "GET /v1/connect HTTP/1.1\r\n" UP "\r\n"));
    assert_string_equal(t.admit.identity.device, "d5");
    assert_true(t.admit.tls);
    done();
    assert_false(ask_on(HF_HTTP_DEVICES, false, "GET /v1/connect HTTP/1.1\r\n" UP "\r\n"));
    assert_int_equal(fake_status(&t.link), 401);
    done();
    assert_false(ask_on(HF_HTTP_DEVICES, true, "GET /v1/connect?token=$T HTTP/1.1\r\n" UP "\r\n"));
    assert_non_null(strstr(t.link.out, "identity_mismatch"));
    done();
}

static void refusals_name_what_is_wrong(void **state)
{
    static const struct {
        const char *request;
        unsigned status;
        const char *text;
    } rows[] = {
        {"GET /v1/connect HTTP/1.1\r\n" UP "\r\n", 401, "\"check\":\"credentials\""},
        {"GET /v1/connect HTTP/1.1\r\n" UP "\r\n", 401, "WWW-Authenticate: Bearer\r\n"},
        {"GET /v1/connect?token=$O HTTP/1.1\r\n" UP "\r\n", 401, "\"check\":\"exp\""},
        {"GET /v1/connect?token=x.y.z HTTP/1.1\r\n" UP "\r\n", 401, "\"reason\":\"credentials_invalid\""},
        {"GET /v1/connect/d2?token=$T HTTP/1.1\r\n" UP "\r\n", 403, "\"reason\":\"identity_mismatch\""},
        {"GET /v1/connect?token=$T HTTP/1.1\r\nAuthorization: Bearer $T\r\n" UP "\r\n", 400, "one token"},
        {"GET /v1/connect?token=$T HTTP/1.1\r\nSec-WebSocket-Protocol: holdfast.token.$T\r\n" UP "\r\n", 400,
         "one token"},
        {"GET /v1/connect HTTP/1.1\r\nSec-WebSocket-Protocol: holdfast.token.$T, holdfast.token.$T\r\n" UP
         "\r\n",
         400, "one token"},
        {"GET /v1/connect?token=$T HTTP/1.1\r\nOrigin: https://evil.example\r\n" UP "\r\n", 403,
         "\"reason\":\"origin_forbidden\""},
        {"GET /v1/connect?token=$T HTTP/1.1\r\nHost: h\r\n\r\n", 426, "Upgrade: websocket\r\n"},
        {"GET /v1/connect?token=$T HTTP/1.1\r\nHost: h\r\n\r\n", 426, "\"reason\":\"upgrade_required\""},
        {"GET /v1/connect?token=$T HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
         426, "Sec-WebSocket-Version: 13\r\n"},
        {"GET /v1/connect?token=$T HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n",
         400, "Sec-WebSocket-Key"},
        {"GET /v1/connect?token=$T HTTP/1.1\r\nSec-WebSocket-Protocol: holdfast.v1\r\n" UP "\r\n", 400,
         "switched off here"},
        {"GET /v1/connect HTTP/1.1\r\nSec-WebSocket-Protocol: holdfast.v1.json, holdfast.token.$T\r\n" UP
         "\r\n",
         400, "\"reason\":\"version\""},
        {"POST /v1/connect HTTP/1.1\r\nContent-Length: 0\r\n" UP "\r\n", 405, "Allow: GET\r\n"},
        {"GET /v1/connect/a%20b?token=$A HTTP/1.1\r\n" UP "\r\n", 400, "\"field\":\"device\""},
        {"GET /v1/connect/a/b?token=$A HTTP/1.1\r\n" UP "\r\n", 400, "\"field\":\"path\""},
        {"GET /v1/connect?token=$T&trace=a%20b HTTP/1.1\r\n" UP "\r\n", 400, "\"field\":\"trace\""},
        {"GET /v1/connect?token=$T&topic=a/%2B HTTP/1.1\r\n" UP "\r\n", 400, "\"field\":\"topic\""},
        {"GET /v1/connect?token=$T&groups=a,,b HTTP/1.1\r\n" UP "\r\n", 400, "\"field\":\"groups\""},
        {"GET /v1/connect?token=$T&groups=1,2,3,4,5,6,7,8,9 HTTP/1.1\r\n" UP "\r\n", 400,
         "\"field\":\"groups\""},
        {"GET /v1/connect?auth=later HTTP/1.1\r\n" UP "\r\n", 400, "\"field\":\"auth\""},
        {"GET /v1/connect?token=$T&token=$T HTTP/1.1\r\n" UP "\r\n", 400, "\"field\":\"token\""},
        {"GET /v1/connect HTTP/1.1\r\nAuthorization: Basic eDp5\r\n" UP "\r\n", 400, "Bearer"},
        {"GET /v1/connected HTTP/1.1\r\n" UP "\r\n", 404, "not_found"},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        assert_false(ask(rows[i].request));
        if (fake_status(&t.link) != rows[i].status || strstr(t.link.out, rows[i].text) == NULL)
            fail_msg("row %zu: %s", i, t.link.out);
        assert_null(strstr(t.link.out, t.token)); /* a token is never echoed */
        assert_int_equal(t.connects, 0);
        done();
    }
    assert_false(ask_on(HF_HTTP_API, false, "GET /v1/connect?token=$T HTTP/1.1\r\n" UP "\r\n"));
    assert_int_equal(fake_status(&t.link), 404);
    done();
}

static void the_gateway_may_refuse(void **state)
{
    (void)state;
    t.refuse_with = HF_REASON_CONNECTION_LIMIT;
    assert_false(ask("GET /v1/connect?token=$T HTTP/1.1\r\n" UP "\r\n"));
    assert_int_equal(fake_status(&t.link), 503);
    assert_non_null(strstr(t.link.out, "\"retry_after_ms\":5000"));
    assert_non_null(strstr(t.link.out, "Retry-After: 5\r\n"));
    assert_true(t.link.finished);
    done();
}

/* Once each, with whatever is known of who it was. */
static void each_refusal_is_told(void **state)
{
    static const struct {
        const char *request, *want;
        enum hf_reason refuse_with;
    } rows[] = {
        {"GET /v1/connect/d7 HTTP/1.1\r\n" UP "\r\n", "credentials_missing / (d7) credentials -",
         HF_REASON_NONE},
        {"GET /v1/connect/d7?token=x.y.z HTTP/1.1\r\n" UP "\r\n", "credentials_invalid / (d7) signature -",
         HF_REASON_NONE},
        {"GET /v1/connect?token=$T&format=x HTTP/1.1\r\n" UP "\r\n", "bad_request / () - format",
         HF_REASON_NONE},
        {"GET /v1/connect?token=$T HTTP/1.1\r\nOrigin: https://evil.example\r\n" UP "\r\n",
         "origin_forbidden / () - -", HF_REASON_NONE},
        {"GET /v1/connect?token=$T HTTP/1.1\r\nHost: h\r\n\r\n", "upgrade_required / () - -", HF_REASON_NONE},
        {"GET /v1/connect?token=$T HTTP/1.1\r\n" UP "\r\n", "tenant_limit acme/d1 () - -",
         HF_REASON_TENANT_LIMIT},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        t.refuse_with = rows[i].refuse_with;
        assert_false(ask(rows[i].request));
        assert_int_equal(t.told, i + 1);
        assert_string_equal(t.told_text, rows[i].want);
        done();
    }
    t.refuse_with = HF_REASON_NONE;
    assert_true(ask("GET /v1/connect?token=$T HTTP/1.1\r\n" UP "\r\n"));
    assert_int_equal(t.told, HF_COUNT_OF(rows));
    done();
}

static void a_revoked_device_is_recorded(void **state)
{
    struct hf_kv_txn *txn;

    (void)state;
    assert_int_equal(hf_kv_write(t.kv, &txn), HF_OK);
    assert_int_equal(hf_kv_put(txn, HF_KV_REVOCATIONS, HF_SLICE("acme\0device:d1"), HF_SLICE("x")), HF_OK);
    assert_int_equal(hf_kv_commit(txn, 1), HF_OK);
    assert_false(ask("GET /v1/connect?token=$T HTTP/1.1\r\n" UP "\r\n"));
    assert_int_equal(fake_status(&t.link), 403);
    assert_int_equal(t.refusals, 1);
    assert_int_equal(t.refused_reason, HF_REASON_REVOKED);
    assert_string_equal(t.refused_device, "d1");
    done();
}

/* The upgrade begins when its request may come, and the check of credentials is timed beside it. */
static void stages_are_timed_apart(void **state)
{
    static const char *const upgrade = "GET /v1/connect?token=$T HTTP/1.1\r\n" UP "\r\n";

    (void)state;
    assert_true(ask(upgrade)); /* opened at 10, checked from 20 to 30 */
    assert_int_equal(t.admit.upgrade_from_us, 10);
    assert_int_equal(t.admit.auth_us, 10);
    done();
    assert_false(ask("GET /v1/connect HTTP/1.1\r\n" UP "\r\n")); /* nothing to check */
    done();
    assert_int_equal(hf_hist_count(&t.auth_us), 1);
    assert_false(ask("GET /v1/connect?token=$O HTTP/1.1\r\n" UP "\r\n"));
    done();
    assert_int_equal(hf_hist_count(&t.auth_us), 2);

    open_link(HF_HTTP_DEVICES, true);
    t.us = 5000; /* the TLS handshake took that long */
    hf_http_secured(&t.link.link);
    assert_int_equal(t.us, 5010);
    fake_feed(&t.link, "GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n");
    t.us = 90000; /* and here it did not ask for an upgrade yet */
    char request[sizeof(t.token) + 512];
    snprintf(request, sizeof(request), "GET /v1/connect?token=%s HTTP/1.1\r\n" UP "\r\n", t.token);
    fake_feed_bytes(&t.link, request, 40);
    t.us = 95000; /* from its first byte on */
    fake_feed(&t.link, request + 40);
    assert_null(t.link.link.handler);
    assert_int_equal(t.admit.upgrade_from_us, 90010);
    done();

    open_link(HF_HTTP_DEVICES, true);
    t.us = 100000;
    hf_http_secured(&t.link.link);
    fake_feed(&t.link, request);
    assert_int_equal(t.admit.upgrade_from_us, 100010);
    done();
}

static void the_handshake_does_not_depend_on_cuts(void **state)
{
    char request[sizeof(t.token) + 512];

    (void)state;
    snprintf(request, sizeof(request), "GET /v1/connect?token=%s HTTP/1.1\r\n" UP "\r\n", t.token);
    for (size_t cut = 1; cut < strlen(request); cut++) {
        open_link(HF_HTTP_DEVICES, false);
        fake_feed_bytes(&t.link, request, cut);
        fake_feed_bytes(&t.link, request + cut, strlen(request) - cut);
        assert_null(t.link.link.handler);
        done();
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(devices_are_let_in),
        TEST(sessions_are_negotiated),
        TEST(a_tenant_may_have_sessions_off),
        TEST(wishes_travel_along),
        TEST(credentials_may_come_in_band),
        TEST(certificates_count_on_tls_only),
        TEST(refusals_name_what_is_wrong),
        TEST(the_gateway_may_refuse),
        TEST(each_refusal_is_told),
        TEST(a_revoked_device_is_recorded),
        TEST(stages_are_timed_apart),
        TEST(the_handshake_does_not_depend_on_cuts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
