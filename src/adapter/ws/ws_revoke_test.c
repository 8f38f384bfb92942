/* Credentials that are taken back while a connection stands (SEC-5, TLS-3), in the hub or on its way there. */
#include "adapter/ws/ws_session_testkit.h"

static void revocation_reaches_live_connections(void **state)
{
    (void)state;
    struct hf_ws_admit admit = kit_admit(&kit, "d1");
    uint64_t hash = hf_auth_jti_hash(HF_SLICE("acme"), HF_SLICE("j1"));
    admit.identity.credential_hash = hash;
    struct kit_link *one = kit_open_admit(&kit, &admit);
    admit = kit_admit(&kit, "d2");
    admit.identity.credential_hash = hash; /* several devices may share a "*" token */
    struct kit_link *two = kit_open_admit(&kit, &admit), *other = kit_open(&kit, "d3");

    assert_int_equal(hf_ws_site_revoke(&kit.site, hash), 2);
    kit_expect_close(one, 4403, "reason=revoked;retry_ms=300000");
    kit_expect_close(two, 4403, "reason=revoked;retry_ms=300000");
    kit_expect_nothing(other);
    assert_int_equal(hf_ws_site_revoke(&kit.site, hash), 0);
    assert_int_equal(hf_ws_site_revoke(&kit.site, 0), 0);
}

static unsigned certificates_asked;

static bool no_certificate_is_good(struct hf_link *link)
{
    assert_ptr_equal(link->handler, &hf_ws_link_handler);
    certificates_asked++;
    return false;
}

/* Cameras are devices of the same hub: what their adapter keeps of them is none of ours. */
static void certificates_of_sockets_alone_are_looked_at(void **state)
{
    static const struct hf_devconn_ops others;
    struct {
        struct hf_devconn dev;
        uint8_t rest[sizeof(struct hf_ws_conn)];
    } camera = {.dev = {.ops = &others, .conn_id = 1}};
    struct hf_hub_connect connect = {.tenant = &kit.tenant[0], .device = HF_SLICE("camera")};
    enum hf_reason reason = HF_REASON_NONE;

    (void)state;
    memset(camera.rest, 1, sizeof(camera.rest));
    certificates_asked = 0;
    assert_int_equal(hf_hub_connect(&kit.hub, &camera.dev, &connect, &reason), HF_OK);
    struct hf_ws_admit admit = kit_admit(&kit, "d1");
    struct kit_link *plain = kit_open_admit(&kit, &admit);
    admit = kit_admit(&kit, "d2");
    admit.tls = true;
    struct kit_link *secured = kit_open_admit(&kit, &admit);
    assert_int_equal(hf_ws_site_recheck(&kit.site, no_certificate_is_good), 1);
    assert_int_equal(certificates_asked, 1);
    kit_expect_close(secured, 4403, "reason=revoked;retry_ms=300000");
    kit_expect_nothing(plain);
    hf_hub_disconnected(&kit.hub, &camera.dev, HF_EVIDENCE_BYE, HF_REASON_NORMAL, 0, 0);
}

/* ---- before HELLO: the hub does not know the session, but its credentials were taken already ---- */

static struct kit_link *before_hello(const char *device, uint64_t credential_hash, bool tls)
{
    struct hf_ws_admit admit = kit_admit(&kit, device);

    admit.tls = tls;
    admit.identity.credential_hash = credential_hash;
    struct kit_link *link = sk_link(&admit, HF_WS_SESSION);
    assert_int_equal(kit_conn(link)->state, HF_WS_STATE_AUTH);
    return link;
}

static void expect_revoked(struct kit_link *link)
{
    assert_int_equal(sk_expect(link, HF_FRAME_BYE)->as.bye.reason, HF_REASON_REVOKED);
    kit_expect_close(link, 4403, "reason=revoked;retry_ms=300000");
}

static void certificates_are_looked_at_before_hello_too(void **state)
{
    (void)state;
    struct kit_link *known = before_hello("d1", 0, true), *stranger = before_hello(NULL, 0, true),
                    *plain = before_hello("d2", 0, false);

    certificates_asked = 0;
    assert_int_equal(hf_ws_site_recheck(&kit.site, no_certificate_is_good), 2);
    assert_int_equal(certificates_asked, 2);
    expect_revoked(known);
    expect_revoked(stranger);
    kit_expect_nothing(plain);
    assert_int_equal(kit_count(&kit, HF_EVENT_REFUSED), 1); /* of the one that is known */
    assert_true(hf_slice_is(kit_last(&kit, HF_EVENT_REFUSED)->device, "d1"));
    assert_int_equal(kit_last(&kit, HF_EVENT_REFUSED)->reason, HF_REASON_REVOKED);
    assert_int_equal(hf_ws_site_recheck(&kit.site, no_certificate_is_good), 0);
}

static void revocation_reaches_those_before_hello(void **state)
{
    uint64_t hash = hf_auth_jti_hash(HF_SLICE("acme"), HF_SLICE("j1"));

    (void)state;
    struct kit_link *shown = before_hello("d1", hash, false), *other = before_hello("d2", hash + 1, false),
                    *none = before_hello("d3", 0, false);
    assert_int_equal(hf_ws_site_revoke(&kit.site, hash), 1);
    expect_revoked(shown);
    assert_true(hf_slice_is(kit_last(&kit, HF_EVENT_REFUSED)->device, "d1"));
    assert_int_equal(hf_ws_site_revoke(&kit.site, hash), 0);
    assert_int_equal(hf_ws_site_revoke(&kit.site, 0), 0);
    kit_expect_nothing(other);
    kit_expect_nothing(none);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, sk_begin, sk_done)
    const struct CMUnitTest tests[] = {
        ROW(revocation_reaches_live_connections),
        ROW(certificates_of_sockets_alone_are_looked_at),
        ROW(certificates_are_looked_at_before_hello_too),
        ROW(revocation_reaches_those_before_hello),
    };
#undef ROW

    return cmocka_run_group_tests(tests, NULL, NULL);
}
