/* io/tls_cert_test.c - client certificates: who is refused and why, and revocation. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/tls_testkit.h"

static struct kit the_kit; /* keys are slow to make under sanitizers: one set for all tests */
static struct kit *const kit = &the_kit;

enum { DAY_MS = 86400000 };

static struct hf_tls_identity identity_of(const SSL *ssl)
{
    struct hf_tls_identity identity;

    assert_int_equal(hf_tls_identity(ssl, &identity), HF_OK);
    return identity;
}

static void refused(struct hf_tls *tls, const char *device, enum hf_tls_reject want)
{
    struct hf_tls_client *client = kit_client(kit, device);
    struct hf_tls_stats before, after;
    struct kit_pair pair;
    char text[256];
    struct hf_tls_identity identity;

    hf_tls_stats(tls, &before);
    assert_false(kit_meet(tls, client, NULL, &pair));
    assert_string_equal(hf_tls_reject_name(hf_tls_rejected(pair.server)), hf_tls_reject_name(want));
    assert_int_equal(hf_tls_identity(pair.server, &identity), HF_ERR_AGAIN);
    hf_tls_failure(pair.server, text, sizeof(text));
    assert_non_null(strstr(text, hf_tls_reject_text(want)));
    hf_tls_stats(tls, &after);
    assert_int_equal(after.rejected_total[want], before.rejected_total[want] + 1);
    assert_int_equal(after.full_total, before.full_total);
    kit_pair_free(&pair);
    hf_tls_client_free(client);
}

/* Signs `device` with a key and extensions that hf_pki would not make. */
static void odd_key_device(const char *device, const char *key, const char *san, const char *usage)
{
    char command[2048];

    snprintf(command, sizeof(command),
             "cd '%s' && printf '%%s\\n%%s\\n' '%s' '%s' > ext && openssl genpkey %s -out %s.key 2>err && "
             "openssl req -new -key %s.key -subj '/CN=pump-cn' -out csr 2>err && "
             "openssl x509 -req -in csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile ext -out "
             "%s.pem 2>err",
             kit->folder, san, usage, key, device, device, device);
    assert_int_equal(system(command), 0);
}

static void odd_device(const char *device, const char *san, const char *usage)
{
    odd_key_device(device, "-algorithm EC -pkeyopt ec_paramgen_curve:P-256", san, usage);
}

static void certificates_that_do_not_belong_are_refused_and_counted(void **state)
{
    struct hf_tls_config config = kit_config(kit, HF_TLS_VERIFY_REQUIRED);
    struct hf_tls *tls = kit_server(kit, &config);
    struct hf_pki_ca *deep = NULL, *deeper = NULL, *deepest = NULL;
    uint64_t now_utc_ms = kit->clock.utc_ms;
    char command[512];

    (void)state;
    refused(tls, NULL, HF_TLS_REJECT_MISSING);

    kit_device(kit, kit->other_root, "foreign", 0);
    refused(tls, "foreign", HF_TLS_REJECT_UNTRUSTED);

    kit_device(kit, kit->intermediate, "short", 1);
    kit->clock.utc_ms = now_utc_ms + 2ULL * DAY_MS;
    refused(tls, "short", HF_TLS_REJECT_EXPIRED);
    kit->clock.utc_ms = now_utc_ms - DAY_MS;
    refused(tls, "short", HF_TLS_REJECT_NOT_YET_VALID);
    kit->clock.utc_ms = now_utc_ms;

    odd_device("no-usage", "subjectAltName=URI:urn:holdfast:acme:a", "");
    refused(tls, "no-usage", HF_TLS_REJECT_PURPOSE);
    odd_device("wrong-usage", "subjectAltName=URI:urn:holdfast:acme:a", "extendedKeyUsage=serverAuth");
    refused(tls, "wrong-usage", HF_TLS_REJECT_PURPOSE);
    odd_device("no-name", "subjectAltName=DNS:a", "extendedKeyUsage=clientAuth");
    refused(tls, "no-name", HF_TLS_REJECT_IDENTITY);
    odd_device("two-names", "subjectAltName=URI:urn:holdfast:acme:a,URI:urn:holdfast:acme:b",
               "extendedKeyUsage=clientAuth");
    refused(tls, "two-names", HF_TLS_REJECT_IDENTITY);
    odd_device("bad-name", "subjectAltName=URI:urn:holdfast:acme", "extendedKeyUsage=clientAuth");
    refused(tls, "bad-name", HF_TLS_REJECT_IDENTITY);

    snprintf(
        command, sizeof(command),
        "cd '%s' && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout self.key "
        "-subj /CN=self -addext subjectAltName=URI:urn:holdfast:acme:self -out self.pem 2>err",
        kit->folder);
    assert_int_equal(system(command), 0);
    refused(tls, "self", HF_TLS_REJECT_SELF_SIGNED);

    KIT_CHECK(hf_pki_ca_intermediate(kit->root, "a", 0, 9, now_utc_ms, &deep, KIT_ERROR));
    KIT_CHECK(hf_pki_ca_intermediate(deep, "b", 0, 9, now_utc_ms, &deeper, KIT_ERROR));
    kit_device(kit, deeper, "two-between", 0);
    struct hf_tls_client *client = kit_client(kit, "two-between");
    struct kit_pair pair;
    assert_true(kit_meet(tls, client, NULL, &pair));
    kit_pair_free(&pair);
    hf_tls_client_free(client);
    KIT_CHECK(hf_pki_ca_intermediate(deeper, "c", 0, 9, now_utc_ms, &deepest, KIT_ERROR));
    kit_device(kit, deepest, "three-between", 0);
    refused(tls, "three-between", HF_TLS_REJECT_DEPTH);

    hf_pki_ca_free(deep);
    hf_pki_ca_free(deeper);
    hf_pki_ca_free(deepest);
    hf_tls_server_free(tls);
}

/* A root without a path length of its own, so that only our bound is left. */
static void chains_are_bounded_also_below_a_generous_root(void **state)
{
    struct hf_tls_config config = kit_config(kit, HF_TLS_VERIFY_REQUIRED);
    struct hf_pki_ca *chain[4] = {NULL};
    char command[512], cert[128], key[128];

    (void)state;
    snprintf(command, sizeof(command),
             "cd '%s' && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "
             "wide.key -days 99 "
             "-subj /CN=wide -addext keyUsage=critical,keyCertSign -out wide.pem 2>err && chmod 600 wide.key",
             kit->folder);
    assert_int_equal(system(command), 0);
    strcpy(cert, kit_path(kit, "wide.pem"));
    strcpy(key, kit_path(kit, "wide.key"));
    kit->ca_files[0] = cert;
    struct hf_tls *tls = kit_server(kit, &config);

    KIT_CHECK(hf_pki_ca_load(cert, key, &chain[0], KIT_ERROR));
    for (int i = 1; i < 4; i++) {
        char name[32];

        snprintf(name, sizeof(name), "level %d", i);
        KIT_CHECK(hf_pki_ca_intermediate(chain[i - 1], name, 50, 9, kit->clock.utc_ms, &chain[i], KIT_ERROR));
    }
    kit_device(kit, chain[2], "level-2", 0);
    kit_device(kit, chain[3], "level-3", 0);
    struct hf_tls_client *client = kit_client(kit, "level-2");
    struct kit_pair pair;
    assert_true(kit_meet(tls, client, NULL, &pair));
    kit_pair_free(&pair);
    hf_tls_client_free(client);
    refused(tls, "level-3", HF_TLS_REJECT_DEPTH);
    for (int i = 0; i < 4; i++)
        hf_pki_ca_free(chain[i]);
    hf_tls_server_free(tls);
}

static void device_keys_may_be_of_the_usual_kinds(void **state)
{
    static const struct {
        const char *key;
        bool taken;
    } rows[] = {
        {"-algorithm EC -pkeyopt ec_paramgen_curve:P-256", true},
        {"-algorithm EC -pkeyopt ec_paramgen_curve:P-384", true},
        {"-algorithm ED25519", true},
        {"-algorithm RSA -pkeyopt rsa_keygen_bits:2048", true},
        {"-algorithm EC -pkeyopt ec_paramgen_curve:P-521", false},
        {"-algorithm RSA -pkeyopt rsa_keygen_bits:1024", false},
        {"-algorithm ED448", false},
    };
    struct hf_tls_config config = kit_config(kit, HF_TLS_VERIFY_REQUIRED);
    struct hf_tls *tls = kit_server(kit, &config);

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_tls_client *client = NULL;
        char cert[128], key[128], ca[128];
        struct hf_tls_client_config client_config = {.ca_file = strcpy(ca, kit_path(kit, "ca.pem")),
                                                     .cert_file = strcpy(cert, kit_path(kit, "kind.pem")),
                                                     .key_file = strcpy(key, kit_path(kit, "kind.key"))};
        struct kit_pair pair;

        odd_key_device("kind", rows[i].key, "subjectAltName=URI:urn:holdfast:acme:kind",
                       "extendedKeyUsage=clientAuth");
        if (hf_tls_client_new(&client_config, &client, KIT_ERROR) != HF_OK) {
            assert_false(rows[i].taken); /* OpenSSL itself does not use the weak one */
            continue;
        }
        if (kit_meet(tls, client, NULL, &pair) != rows[i].taken)
            fail_msg("%s: %s", rows[i].key, hf_tls_reject_name(hf_tls_rejected(pair.server)));
        kit_pair_free(&pair);
        hf_tls_client_free(client);
    }
    hf_tls_server_free(tls);
}

static void a_common_name_counts_only_where_it_is_configured(void **state)
{
    struct hf_tls_config config = kit_config(kit, HF_TLS_VERIFY_REQUIRED);
    struct hf_tls *tls = kit_server(kit, &config);
    struct hf_tls_client *client = NULL;
    struct kit_pair pair;

    (void)state;
    odd_device("by-cn", "", "extendedKeyUsage=clientAuth");
    refused(tls, "by-cn", HF_TLS_REJECT_IDENTITY);
    hf_tls_server_free(tls);

    config.cn_tenant = "fixed";
    tls = kit_server(kit, &config);
    client = kit_client(kit, "by-cn");
    assert_true(kit_meet(tls, client, NULL, &pair));
    assert_string_equal(identity_of(pair.server).tenant, "fixed");
    assert_string_equal(identity_of(pair.server).device, "pump-cn");
    kit_pair_free(&pair);
    hf_tls_client_free(client);
    hf_tls_server_free(tls);

    config.cn_tenant = "not a tenant";
    assert_int_equal(hf_tls_server_new(&config, &tls, KIT_ERROR), HF_ERR_INVALID);
}

/* The verdict is cached and a session can be resumed; each of these must still be looked at. */
static void what_was_accepted_once_is_not_accepted_for_ever(void **state)
{
    struct hf_tls_config config = kit_config(kit, HF_TLS_VERIFY_REQUIRED);
    struct hf_tls *tls = kit_server(kit, &config);
    struct hf_tls_client *client = kit_client(kit, "pump-1");
    struct hf_tls_stats stats;
    struct kit_pair live, pair;
    SSL_SESSION *session = NULL;
    enum hf_tls_reject reject = HF_TLS_REJECT_NONE;
    uint64_t now_utc_ms = kit->clock.utc_ms;

    (void)state;
    assert_true(kit_meet(tls, client, NULL, &live));
    session = hf_tls_client_session(live.client);
    assert_non_null(session);
    struct hf_tls_identity identity = identity_of(live.server);
    struct hf_tls_deny_key by_hash = hf_tls_deny_key_certificate(identity.fingerprint);
    struct hf_tls_deny_key by_serial =
        hf_tls_deny_key_serial(identity.issuer, identity.serial, identity.serial_bytes);
    const struct hf_tls_deny_key *const keys[] = {&by_hash, &by_serial};

    for (size_t i = 0; i < HF_COUNT_OF(keys); i++) {
        assert_int_equal(hf_tls_recheck(live.server, &reject), HF_OK);
        assert_int_equal(hf_tls_deny_add(kit->deny, keys[i], 1), HF_OK);
        assert_int_equal(hf_tls_recheck(live.server, &reject), HF_ERR_DENIED);
        assert_int_equal(reject, HF_TLS_REJECT_REVOKED);
        refused(tls, "pump-1", HF_TLS_REJECT_REVOKED);
        if (i == 0) { /* the resumption is refused and the full handshake behind it says why */
            assert_false(kit_meet(tls, client, session, &pair));
            assert_int_equal(hf_tls_rejected(pair.server), HF_TLS_REJECT_REVOKED);
            kit_pair_free(&pair);
            hf_tls_stats(tls, &stats);
            assert_int_equal(stats.resume_refused_total, 1);
        }
        assert_int_equal(hf_tls_deny_remove(kit->deny, keys[i]), HF_OK);
    }
    SSL_SESSION_free(session);
    kit_pair_free(&live);

    assert_true(kit_meet(tls, client, NULL, &live));
    session = hf_tls_client_session(live.client);
    kit->clock.utc_ms = now_utc_ms + 91ULL * DAY_MS;
    assert_int_equal(hf_tls_recheck(live.server, &reject), HF_ERR_DENIED);
    assert_int_equal(reject, HF_TLS_REJECT_EXPIRED);
    refused(tls, "pump-1", HF_TLS_REJECT_EXPIRED);
    assert_false(kit_meet(tls, client, session, &pair));
    kit_pair_free(&pair);
    kit->clock.utc_ms = now_utc_ms;
    SSL_SESSION_free(session);
    kit_pair_free(&live);
    hf_tls_client_free(client);
    hf_tls_server_free(tls);
}

static void a_crl_revokes_also_what_is_cached_and_resumable(void **state)
{
    struct hf_tls_config config = kit_config(kit, HF_TLS_VERIFY_REQUIRED);
    struct hf_tls *tls = kit_server(kit, &config);
    struct hf_tls_client *client = kit_client(kit, "pump-1");
    struct hf_tls_identity identity;
    struct hf_tls_stats stats;
    struct hf_pki_serial serial;
    struct kit_pair live, pair;
    enum hf_tls_reject reject = HF_TLS_REJECT_NONE;
    char pem[8192], crl[128], cas[128];

    (void)state;
    assert_true(kit_meet(tls, client, NULL, &live));
    SSL_SESSION *session = hf_tls_client_session(live.client);
    identity = identity_of(live.server);
    memcpy(serial.bytes, identity.serial, identity.serial_bytes);
    serial.length = identity.serial_bytes;
    strcpy(crl, kit_path(kit, "devices.crl"));
    KIT_CHECK(hf_pki_crl(kit->intermediate, &serial, 1, 7, kit->clock.utc_ms, pem, sizeof(pem), KIT_ERROR));
    KIT_CHECK(hf_pki_write_file(crl, pem, strlen(pem), 0644, kit_overwrite, KIT_ERROR));
    kit->crl_files[0] = crl;
    config.crl_files = kit->crl_files;
    config.crl_file_count = 1;

    /* Who signed the CRL is not among the CA files. */
    assert_int_equal(hf_tls_server_reload(tls, &config, KIT_ERROR), HF_ERR_INVALID);
    assert_non_null(strstr(kit->error, crl));
    assert_non_null(strstr(kit->error, "the old certificates stay in use"));
    assert_int_equal(hf_tls_recheck(live.server, &reject), HF_OK);

    const char *files[2] = {kit->ca_files[0], strcpy(cas, kit_path(kit, "devices.pem"))};
    KIT_CHECK(hf_pki_ca_save(kit->intermediate, cas, kit_path(kit, "devices.key"), kit_overwrite, KIT_ERROR));
    config.ca_files = files;
    config.ca_file_count = 2;
    KIT_CHECK(hf_tls_server_reload(tls, &config, KIT_ERROR));
    hf_tls_stats(tls, &stats);
    assert_int_equal(stats.crl_next_update_utc_ms / 1000, kit->clock.utc_ms / 1000 + 7 * 86400);
    assert_int_equal(hf_tls_recheck(live.server, &reject), HF_ERR_DENIED);
    assert_int_equal(reject, HF_TLS_REJECT_REVOKED);
    refused(tls, "pump-1", HF_TLS_REJECT_REVOKED);
    assert_false(kit_meet(tls, client, session, &pair));
    kit_pair_free(&pair);
    kit_device(kit, kit->intermediate, "pump-4", 0);
    struct hf_tls_client *other = kit_client(kit, "pump-4");
    assert_true(kit_meet(tls, other, NULL, &pair));
    kit_pair_free(&pair);

    hf_tls_client_free(other);
    SSL_SESSION_free(session);
    kit_pair_free(&live);
    hf_tls_client_free(client);
    hf_tls_server_free(tls);
}

static void urns_have_one_form(void **state)
{
    static const struct {
        const char *urn;
        hf_err err;
    } rows[] = {
        {"urn:holdfast:a:b", HF_OK},
        {"urn:holdfast:acme:cam:34020000001320000001", HF_OK},
        {"urn:holdfast:acme:", HF_ERR_MALFORMED},
        {"urn:holdfast::b", HF_ERR_MALFORMED},
        {"urn:holdfast:acme", HF_ERR_MALFORMED},
        {"urn:holdfast:", HF_ERR_MALFORMED},
        {"urn:holdfast", HF_ERR_MALFORMED},
        {"", HF_ERR_MALFORMED},
        {"URN:holdfast:a:b", HF_ERR_MALFORMED},
        {"urn:holdfast:a:b/c", HF_ERR_MALFORMED},
        {"urn:holdfast:a::b", HF_ERR_MALFORMED},
        {"urn:holdfast:a b:c", HF_ERR_MALFORMED},
        {"urn:holdfast:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:b", HF_OK},
        {"urn:holdfast:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:b",
         HF_ERR_MALFORMED},
    };
    struct hf_tls_identity identity;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        if (hf_tls_parse_urn(rows[i].urn, strlen(rows[i].urn), &identity) != rows[i].err)
            fail_msg("%s", rows[i].urn);
    assert_int_equal(hf_tls_parse_urn("urn:holdfast:a:b\0c", 18, &identity), HF_ERR_MALFORMED);
}

static int kit_up(void **state)
{
    (void)state;
    kit_init(kit);
    return 0;
}

static int kit_down(void **state)
{
    (void)state;
    kit_deinit(kit);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates_that_do_not_belong_are_refused_and_counted),
        cmocka_unit_test(chains_are_bounded_also_below_a_generous_root),
        cmocka_unit_test(device_keys_may_be_of_the_usual_kinds),
        cmocka_unit_test(a_common_name_counts_only_where_it_is_configured),
        cmocka_unit_test(what_was_accepted_once_is_not_accepted_for_ever),
        cmocka_unit_test(a_crl_revokes_also_what_is_cached_and_resumable),
        cmocka_unit_test(urns_have_one_form),
    };

    return cmocka_run_group_tests(tests, kit_up, kit_down);
}
