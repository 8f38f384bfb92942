/* One identity per device, whatever it shows (SEC-1): tokens of two tenants, certificates, both, and what was revoked. */
#include "adapter/ws/ws_testkit.h"

static struct kit kit;

static int begin(void **state)
{
    (void)state;
    kit_new(&kit);
    return 0;
}

static int done(void **state)
{
    (void)state;
    kit_free(&kit);
    return 0;
}

static struct hf_identity identity;
static const char *check;

static enum hf_reason ask(const char *token, const struct hf_auth_certificate *certificate,
                          const char *wanted)
{
    return hf_auth_device(kit.auth, hf_slice_of(token), certificate, hf_slice_of(wanted), kit.hub.utc_ms,
                          &identity, &check);
}

static void revoke(const char *tenant, const char *what)
{
    struct hf_event event = {
        .type = HF_EVENT_REVOKED, .tenant = hf_slice_of(tenant), .key = hf_slice_of(what)};

    assert_int_equal(kit_append(&kit.journal, &event, NULL), HF_OK);
    kit_durable(&kit);
}

static const uint8_t fingerprint[32] = {1, 2, 3};

static struct hf_auth_certificate certificate(const char *tenant, const char *device)
{
    return (struct hf_auth_certificate){hf_slice_of(tenant), hf_slice_of(device), fingerprint,
                                        KIT_UTC + 90000, false};
}

static void token_names_tenant_and_device(void **state)
{
    static const struct {
        const char *kid, *device, *wanted, *check;
        unsigned tenant;
        enum hf_reason reason;
    } rows[] = {
        {"k1", "d1", NULL, NULL, 0, HF_REASON_NONE},
        {"k2", "d1", NULL, NULL, 1, HF_REASON_NONE},
        {"k1", "d1", "d1", NULL, 0, HF_REASON_NONE},
        {"k1", "d1", "d2", "device", 0, HF_REASON_IDENTITY_MISMATCH},
        {"k1", "*", "d2", NULL, 0, HF_REASON_NONE}, /* any device of its tenant */
        {"k1", "*", NULL, "device", 0, HF_REASON_CREDENTIALS_INVALID},
        {"k1", "*", "not/an/id", "device", 0, HF_REASON_CREDENTIALS_INVALID},
        {"k1", "a b", NULL, "claims", 0, HF_REASON_CREDENTIALS_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        const char *token = kit_token(&kit, rows[i].kid, rows[i].device, NULL, KIT_UTC + 60000);

        for (unsigned again = 0; again < 2; again++) { /* the second time from the cache of verified tokens */
            assert_int_equal(ask(token, NULL, rows[i].wanted), rows[i].reason);
            if (rows[i].reason != HF_REASON_NONE) {
                assert_string_equal(check, rows[i].check);
                continue;
            }
            assert_ptr_equal(identity.tenant, &kit.tenant[rows[i].tenant]);
            assert_string_equal(identity.device, rows[i].wanted ? rows[i].wanted : rows[i].device);
            assert_int_equal(identity.expires_ms, KIT_UTC + 60000);
            assert_int_equal(identity.credential_hash, 0);
        }
    }
}

static enum hf_reason ask_later(const char *token, const struct hf_auth_certificate *shown,
                                const char *wanted)
{
    return hf_auth_device_later(kit.auth, hf_slice_of(token), shown, hf_slice_of(wanted), kit.hub.utc_ms,
                                &identity, &check);
}

static void a_device_may_name_itself_later(void **state)
{
    static const struct {
        const char *claim, *wanted, *named, *is; /* is: NULL = refused */
        enum hf_reason reason;
    } rows[] = {
        {"*", NULL, "d7", "d7", HF_REASON_NONE},
        {"*", NULL, NULL, NULL, HF_REASON_CREDENTIALS_INVALID},
        {"*", NULL, "not/an/id", NULL, HF_REASON_CREDENTIALS_INVALID},
        {"*", NULL, "gone", NULL, HF_REASON_REVOKED},
        {"*", "d2", "d2", "d2", HF_REASON_NONE}, /* the path has said it */
        {"*", "d2", "d3", NULL, HF_REASON_IDENTITY_MISMATCH},
        {"d1", NULL, "d1", "d1", HF_REASON_NONE},
        {"d1", NULL, NULL, "d1", HF_REASON_NONE},
        {"d1", NULL, "d2", NULL, HF_REASON_IDENTITY_MISMATCH},
    };
    struct hf_auth_certificate shown = certificate("acme", "d5");

    (void)state;
    revoke("acme", "device:gone");
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        const char *token = kit_token(&kit, "k1", rows[i].claim, NULL, KIT_UTC + 60000);

        assert_int_equal(ask_later(token, NULL, rows[i].wanted), HF_REASON_NONE);
        assert_int_equal(identity.any, identity.device_bytes == 0);
        assert_int_equal(hf_auth_name_device(kit.auth, &identity, hf_slice_of(rows[i].named)),
                         rows[i].reason);
        if (rows[i].is != NULL)
            assert_string_equal(identity.device, rows[i].is);
        if (rows[i].is != NULL)
            assert_false(identity.any);
    }
    /* Between the token and HELLO it was revoked. */
    assert_int_equal(ask_later(kit_token(&kit, "k1", "d1", NULL, KIT_UTC + 60000), NULL, NULL),
                     HF_REASON_NONE);
    revoke("acme", "device:d1");
    assert_int_equal(hf_auth_name_device(kit.auth, &identity, HF_SLICE("d1")), HF_REASON_REVOKED);
    assert_int_equal(hf_auth_name_device(kit.auth, &identity, (struct hf_slice){NULL, 0}), HF_REASON_REVOKED);
    /* A certificate beside such a token says it at once. */
    assert_int_equal(ask_later(kit_token(&kit, "k1", "*", NULL, KIT_UTC + 60000), &shown, NULL),
                     HF_REASON_NONE);
    assert_false(identity.any);
    assert_string_equal(identity.device, "d5");
}

static void bad_tokens_say_which_check_failed(void **state)
{
    char token[2048];

    (void)state;
    assert_int_equal(ask(NULL, NULL, NULL), HF_REASON_CREDENTIALS_MISSING);
    assert_int_equal(ask("x", NULL, NULL), HF_REASON_CREDENTIALS_INVALID);
    snprintf(token, sizeof(token), "%s", kit_token(&kit, "k1", "d1", NULL, KIT_UTC + 60000));
    token[strlen(token) - 2] ^= 1;
    assert_int_equal(ask(token, NULL, NULL), HF_REASON_CREDENTIALS_INVALID);
    assert_string_equal(check, "signature");
    assert_int_equal(ask(kit_token(&kit, "k1", "d1", NULL, KIT_UTC - 1000), NULL, NULL),
                     HF_REASON_CREDENTIALS_EXPIRED);
    assert_string_equal(check, "exp");
    kit.set.tenant_count = 1; /* the key's tenant left the configuration */
    assert_int_equal(ask(kit_token(&kit, "k2", "d1", NULL, KIT_UTC + 60000), NULL, NULL),
                     HF_REASON_CREDENTIALS_INVALID);
    assert_string_equal(check, "signature"); /* an unknown key and a wrong signature answer alike (SEC-6) */
    kit.set.tenant_count = 2;
}

static void token_within_the_leeway_lives_to_its_end(void **state)
{
    (void)state;
    kit.tenants[0].policy.leeway_s = 60;
    assert_int_equal(ask(kit_token(&kit, "k1", "d1", NULL, KIT_UTC - 10000), NULL, NULL), HF_REASON_NONE);
    assert_int_equal(identity.expires_ms, KIT_UTC + 50000); /* not thrown out in the same breath */
    assert_int_equal(ask(kit_token(&kit, "k1", "d1", NULL, KIT_UTC + 10000), NULL, NULL), HF_REASON_NONE);
    assert_int_equal(identity.expires_ms, KIT_UTC + 10000);
}

static void scopes_must_allow_connecting(void **state)
{
    static const struct {
        const char *scope;
        enum hf_reason reason;
    } rows[] = {{"connect", HF_REASON_NONE}, {"read", HF_REASON_FORBIDDEN}};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_jwt_claims claims = {
            .device = HF_SLICE("d1"), .expires_s = KIT_UTC / 1000 + 60, .scope_count = 1};
        char token[1024];
        size_t bytes;

        claims.scopes[0] = hf_slice_of(rows[i].scope);
        assert_int_equal(hf_jwt_sign(kit.set.keys, HF_SLICE("k1"), &claims, (struct hf_slice){NULL, 0}, token,
                                     sizeof(token), &bytes),
                         HF_OK);
        assert_int_equal(ask(token, NULL, NULL), rows[i].reason);
    }
}

static void certificates_alone_and_beside_a_token(void **state)
{
    static const struct {
        const char *tenant, *device, *kid, *claim, *wanted;
        enum hf_reason reason;
    } rows[] = {
        {"acme", "d1", NULL, NULL, NULL, HF_REASON_NONE},
        {"acme", "d1", NULL, NULL, "d1", HF_REASON_NONE},
        {"acme", "d1", NULL, NULL, "d2", HF_REASON_IDENTITY_MISMATCH},
        {"other", "d1", NULL, NULL, NULL, HF_REASON_CREDENTIALS_INVALID},
        {"acme", "a b", NULL, NULL, NULL, HF_REASON_CREDENTIALS_INVALID},
        {"acme", "d1", "k1", "d1", NULL, HF_REASON_NONE},
        {"acme", "d1", "k1", "d2", NULL, HF_REASON_IDENTITY_MISMATCH},
        {"acme", "d1", "k2", "d1", NULL, HF_REASON_IDENTITY_MISMATCH}, /* the same name in another tenant */
        {"acme", "d1", "k1", "*", "d1", HF_REASON_NONE},
        {"acme", "d1", "k1", "*", "d2", HF_REASON_IDENTITY_MISMATCH},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_auth_certificate shown = certificate(rows[i].tenant, rows[i].device);
        const char *token =
            rows[i].kid ? kit_token(&kit, rows[i].kid, rows[i].claim, "j", KIT_UTC + 60000) : NULL;

        assert_int_equal(ask(token, &shown, rows[i].wanted), rows[i].reason);
        if (rows[i].reason != HF_REASON_NONE)
            continue;
        assert_true(identity.by_certificate);
        assert_true(identity.credential_hash != 0);
        assert_int_equal(identity.expires_ms,
                         token ? KIT_UTC + 60000 : KIT_UTC + 90000); /* what ends first */
    }
    struct hf_auth_certificate none = {0};
    assert_int_equal(ask(NULL, &none, "d1"), HF_REASON_CREDENTIALS_MISSING);
}

/* Denied, or over, after the handshake: the connection stands, but nobody enters with it, also not by a token beside it. It is known whom this was. */
static void a_denied_certificate_lets_nobody_in(void **state)
{
    struct hf_auth_certificate shown = certificate("acme", "d1");

    (void)state;
    shown.denied = true;
    assert_int_equal(ask(NULL, &shown, NULL), HF_REASON_REVOKED);
    assert_string_equal(check, "certificate");
    assert_string_equal(identity.device, "d1");
    assert_int_equal(ask(kit_token(&kit, "k1", "d1", NULL, KIT_UTC + 60000), &shown, NULL),
                     HF_REASON_REVOKED);
    assert_int_equal(ask(kit_token(&kit, "k1", "d2", NULL, KIT_UTC + 60000), &shown, NULL),
                     HF_REASON_IDENTITY_MISMATCH);
    shown.denied = false;
    shown.not_after_ms = kit.hub.utc_ms;
    assert_int_equal(ask(NULL, &shown, NULL), HF_REASON_NONE);
    shown.not_after_ms = kit.hub.utc_ms - 1;
    assert_int_equal(ask(NULL, &shown, NULL), HF_REASON_CREDENTIALS_EXPIRED);
}

static void revoked_is_revoked(void **state)
{
    char jti[80];

    (void)state;
    revoke("acme", "token:j1");
    revoke("acme", "device:d2");
    assert_int_equal(ask(kit_token(&kit, "k1", "d1", "j1", KIT_UTC + 60000), NULL, NULL), HF_REASON_REVOKED);
    assert_string_equal(check, "jti");
    assert_string_equal(identity.device, "d1"); /* it is known whom this was */
    assert_int_equal(ask(kit_token(&kit, "k1", "d1", "j2", KIT_UTC + 60000), NULL, NULL), HF_REASON_NONE);
    assert_int_equal(ask(kit_token(&kit, "k2", "d1", "j1", KIT_UTC + 60000), NULL, NULL), HF_REASON_NONE);
    assert_int_equal(ask(kit_token(&kit, "k1", "d2", NULL, KIT_UTC + 60000), NULL, NULL), HF_REASON_REVOKED);
    assert_string_equal(check, "device");
    assert_int_equal(ask(kit_token(&kit, "k2", "d2", NULL, KIT_UTC + 60000), NULL, NULL), HF_REASON_NONE);
    struct hf_auth_certificate shown = certificate("acme", "d2");
    assert_int_equal(ask(NULL, &shown, NULL), HF_REASON_REVOKED);
    memset(jti, 'j', sizeof(jti));
    jti[65] = '\0'; /* longer than one that could be revoked */
    assert_int_equal(ask(kit_token(&kit, "k1", "d1", jti, KIT_UTC + 60000), NULL, NULL),
                     HF_REASON_CREDENTIALS_INVALID);
    jti[64] = '\0';
    assert_int_equal(ask(kit_token(&kit, "k1", "d1", jti, KIT_UTC + 60000), NULL, NULL), HF_REASON_NONE);
}

/* After it was let in, which who has the identity cannot see from it. */
static void what_was_revoked_since_is_found(void **state)
{
    (void)state;
    assert_int_equal(ask(kit_token(&kit, "k1", "d1", "j1", KIT_UTC + 60000), NULL, NULL), HF_REASON_NONE);
    assert_false(hf_auth_revoked(kit.auth, &identity));
    revoke("umbrella", "token:j1");
    revoke("acme", "token:j2");
    assert_false(hf_auth_revoked(kit.auth, &identity));
    revoke("acme", "token:j1");
    assert_true(hf_auth_revoked(kit.auth, &identity));
    assert_int_equal(ask(kit_token(&kit, "k1", "d1", NULL, KIT_UTC + 60000), NULL, NULL), HF_REASON_NONE);
    assert_false(hf_auth_revoked(kit.auth, &identity));
    revoke("acme", "device:d1");
    assert_true(hf_auth_revoked(kit.auth, &identity));
    assert_int_equal(ask_later(kit_token(&kit, "k1", "*", "j3", KIT_UTC + 60000), NULL, NULL),
                     HF_REASON_NONE);
    assert_false(hf_auth_revoked(kit.auth, &identity));
    revoke("acme", "token:j3");
    assert_true(hf_auth_revoked(kit.auth, &identity)); /* before it has a name */
    assert_int_equal(hf_auth_name_device(kit.auth, &identity, HF_SLICE("d2")), HF_REASON_REVOKED);
}

static void new_set_forgets_what_the_old_one_had_verified(void **state)
{
    static struct hf_auth_set next;
    char token[2048];

    (void)state;
    snprintf(token, sizeof(token), "%s", kit_token(&kit, "k1", "d1", NULL, KIT_UTC + 60000));
    assert_int_equal(ask(token, NULL, NULL), HF_REASON_NONE);
    next = kit.set;
    next.keys = hf_jwt_keys_new();
    next.generation = 2;
    hf_auth_use(kit.auth, &next);
    assert_ptr_equal(hf_auth_set(kit.auth), &next);
    assert_int_equal(ask(token, NULL, NULL), HF_REASON_CREDENTIALS_INVALID);
    hf_auth_use(kit.auth, &kit.set);
    hf_jwt_keys_free(next.keys);
    assert_null(hf_auth_tenant_find(kit.auth, HF_SLICE("nobody")));
    hf_auth_free(NULL);
}

static unsigned asked;
static bool hope;

static bool unknown_kid(void *context)
{
    (void)context;
    asked++;
    return hope;
}

static void keys_that_are_fetched_come_after_the_own_ones_and_may_yet_come(void **state)
{
    struct hf_auth_fetched fetched = {.generation = 1, .unknown_kid = unknown_kid};
    struct hf_jwt_keys *own = kit.set.keys, *keys = hf_jwt_keys_new();
    char error[128], token[2048], elsewhere[2048], own_token[2048];

    (void)state;
    asked = 0;
    assert_int_equal(hf_jwt_keys_add_secret(keys, HF_SLICE("k1"), HF_SLICE("umbrella"),
                                            HF_SLICE("what another server calls k1, 32 bytes"), error,
                                            sizeof(error)),
                     HF_OK);
    assert_int_equal(hf_jwt_keys_add_secret(keys, HF_SLICE("f1"), HF_SLICE("umbrella"),
                                            HF_SLICE("fetched, and long enough for HS256"), error,
                                            sizeof(error)),
                     HF_OK);
    snprintf(own_token, sizeof(own_token), "%s", kit_token(&kit, "k1", "d1", NULL, KIT_UTC + 60000));
    kit.set.keys = keys; /* kit_token() signs with them */
    snprintf(token, sizeof(token), "%s", kit_token(&kit, "f1", "d1", NULL, KIT_UTC + 60000));
    snprintf(elsewhere, sizeof(elsewhere), "%s", kit_token(&kit, "k1", "d1", NULL, KIT_UTC + 60000));
    kit.set.keys = own;

    hf_auth_use_fetched(kit.auth, &fetched);
    hope = true;
    assert_int_equal(ask(token, NULL, NULL), HF_REASON_TRY_LATER);
    assert_string_equal(check, "kid");
    hope = false;
    assert_int_equal(ask(token, NULL, NULL), HF_REASON_CREDENTIALS_INVALID);
    assert_int_equal(asked, 2);
    fetched.keys = keys;
    fetched.generation = 2;
    hf_auth_use_fetched(kit.auth, &fetched);
    for (unsigned again = 0; again < 2; again++) {
        assert_int_equal(ask(token, NULL, NULL), HF_REASON_NONE);
        assert_ptr_equal(identity.tenant, &kit.tenant[1]);
    }
    assert_int_equal(ask(own_token, NULL, NULL), HF_REASON_NONE);
    assert_ptr_equal(identity.tenant, &kit.tenant[0]);
    assert_int_equal(ask(elsewhere, NULL, NULL), HF_REASON_CREDENTIALS_INVALID); /* k1 is ours */
    assert_int_equal(ask("no.token.atall", NULL, NULL), HF_REASON_CREDENTIALS_INVALID);
    assert_int_equal(asked, 2);
    fetched.keys = NULL; /* gone, and with it what it had verified */
    fetched.generation = 3;
    hf_auth_use_fetched(kit.auth, &fetched);
    assert_int_equal(ask(token, NULL, NULL), HF_REASON_CREDENTIALS_INVALID);
    hf_jwt_keys_free(keys);
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, begin, done)
    const struct CMUnitTest tests[] = {
        ROW(token_names_tenant_and_device),
        ROW(a_device_may_name_itself_later),
        ROW(bad_tokens_say_which_check_failed),
        ROW(token_within_the_leeway_lives_to_its_end),
        ROW(scopes_must_allow_connecting),
        ROW(certificates_alone_and_beside_a_token),
        ROW(a_denied_certificate_lets_nobody_in),
        ROW(revoked_is_revoked),
        ROW(what_was_revoked_since_is_found),
        ROW(new_set_forgets_what_the_old_one_had_verified),
        ROW(keys_that_are_fetched_come_after_the_own_ones_and_may_yet_come),
    };
    return cmocka_run_group_tests_name("auth", tests, NULL, NULL);
}
