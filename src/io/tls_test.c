/* io/tls_test.c - listeners: handshakes, resumption, reload, offers that are refused, several workers. */
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

static void full_then_resumed(struct hf_tls *tls, struct hf_tls_client *client, bool with_identity)
{
    struct kit_pair pair;
    struct hf_tls_identity identity;
    struct hf_tls_timing timing;
    SSL_SESSION *session = NULL;

    for (int round = 0; round < 4; round++) { /* each resumption hands out the next ticket */
        assert_true(kit_meet(tls, client, session, &pair));
        SSL_SESSION_free(session);
        session = hf_tls_client_session(pair.client);
        assert_non_null(session);
        assert_int_equal(SSL_session_reused(pair.client), round > 0);
        hf_tls_timing(pair.server, &timing);
        assert_int_equal(timing.version, TLS1_3_VERSION);
        assert_int_equal(timing.resumed, round > 0);
        assert_int_equal(timing.signature, round > 0 ? 0 : 0x0403);
        assert_int_equal(timing.sni_bytes, strlen("gateway.test"));
        assert_true(timing.handshake_start_us > 0);
        assert_true(timing.handshake_start_us < timing.server_hello_us);
        assert_true(timing.server_hello_us < timing.finished_us);
        if (with_identity) {
            identity = identity_of(pair.server);
            assert_string_equal(identity.tenant, "acme");
            assert_string_equal(identity.device, "pump-1");
            assert_int_equal(identity.resumed, round > 0);
            assert_true(identity.not_after_utc_ms > kit->clock.utc_ms + 89ULL * DAY_MS);
        } else {
            assert_int_equal(hf_tls_identity(pair.server, &identity), HF_ERR_NOT_FOUND);
        }
        kit_pair_free(&pair);
    }
    SSL_SESSION_free(session);
}

static void a_device_is_known_by_its_certificate_also_when_it_resumes(void **state)
{
    struct hf_tls_config config = kit_config(kit, HF_TLS_VERIFY_REQUIRED);
    struct hf_tls *tls = kit_server(kit, &config);
    struct hf_tls_client *client = kit_client(kit, "pump-1");
    struct hf_tls_stats stats;

    (void)state;
    full_then_resumed(tls, client, true);
    hf_tls_stats(tls, &stats);
    assert_int_equal(stats.full_total, 1);
    assert_int_equal(stats.resumed_total, 3);
    assert_int_equal(stats.verdict_misses_total, 1);
    assert_int_equal(stats.sessions, 2); /* the newest, and the one before in case it was lost */
    hf_tls_client_free(client);
    hf_tls_server_free(tls);
}

static void a_server_only_listener_resumes_by_sealed_tickets(void **state)
{
    struct hf_tls_config config = kit_config(kit, HF_TLS_VERIFY_NONE);
    struct hf_tls *tls = kit_server(kit, &config);
    struct hf_tls_client *client = kit_client(kit, NULL);

    (void)state;
    full_then_resumed(tls, client, false);
    hf_tls_client_free(client);
    hf_tls_server_free(tls);
}

static void an_optional_certificate_may_be_missing_and_still_resumes(void **state)
{
    struct hf_tls_config config = kit_config(kit, HF_TLS_VERIFY_OPTIONAL);
    struct hf_tls *tls = kit_server(kit, &config);
    struct hf_tls_client *bare = kit_client(kit, NULL), *device = kit_client(kit, "pump-1");

    (void)state;
    full_then_resumed(tls, bare, false);
    full_then_resumed(tls, device, true);
    hf_tls_client_free(bare);
    hf_tls_client_free(device);
    hf_tls_server_free(tls);
}

static void sessions_end_after_their_life_and_records_stay_bounded(void **state)
{
    struct hf_tls_config config = kit_config(kit, HF_TLS_VERIFY_REQUIRED);
    struct hf_tls_client *client = kit_client(kit, "pump-1");
    struct kit_pair pair;
    struct hf_tls_stats stats;
    uint64_t now_utc_ms = kit->clock.utc_ms;

    (void)state;
    config.resume_sessions_max = 3;
    config.verdicts_max = 1;
    struct hf_tls *tls = kit_server(kit, &config);
    SSL_SESSION *sessions[5] = {NULL};

    for (size_t i = 0; i < HF_COUNT_OF(sessions); i++) {
        assert_true(kit_meet(tls, client, NULL, &pair));
        sessions[i] = hf_tls_client_session(pair.client);
        kit_pair_free(&pair);
    }
    hf_tls_stats(tls, &stats);
    assert_int_equal(stats.sessions, 3);
    assert_int_equal(stats.sessions_evicted_total, 2);
    assert_true(kit_meet(tls, client, sessions[1], &pair)); /* evicted: a full handshake, not a failure */
    assert_int_equal(SSL_session_reused(pair.client), 0);
    kit_pair_free(&pair);
    assert_true(kit_meet(tls, client, sessions[4], &pair));
    assert_int_equal(SSL_session_reused(pair.client), 1);
    kit_pair_free(&pair);
    kit->clock.utc_ms = now_utc_ms + DAY_MS + 1000;
    assert_true(kit_meet(tls, client, sessions[4], &pair));
    assert_int_equal(SSL_session_reused(pair.client), 0);
    kit_pair_free(&pair);
    kit->clock.utc_ms = now_utc_ms;

    struct hf_tls_client *second = NULL;
    kit_device(kit, kit->intermediate, "pump-2", 0);
    second = kit_client(kit, "pump-2");
    assert_true(kit_meet(tls, second, NULL, &pair));
    kit_pair_free(&pair);
    hf_tls_stats(tls, &stats);
    assert_int_equal(stats.verdicts, 1);
    assert_int_equal(stats.verdict_evicted_total, 1);
    for (size_t i = 0; i < HF_COUNT_OF(sessions); i++)
        SSL_SESSION_free(sessions[i]);
    hf_tls_client_free(client);
    hf_tls_client_free(second);
    hf_tls_server_free(tls);
}

static void ticket_keys_rotate_and_the_previous_one_still_opens(void **state)
{
    static const struct {
        uint32_t after_s;
        bool resumed;
        uint32_t rotations;
    } rows[] = {{HF_TLS_TICKET_ROTATE_S - 60, true, 0},
                {HF_TLS_TICKET_ROTATE_S + 60, true, 1},
                {2 * HF_TLS_TICKET_ROTATE_S + 60, false, 1}};
    struct hf_tls_config config = kit_config(kit, HF_TLS_VERIFY_NONE);
    struct hf_tls_client *client = kit_client(kit, NULL);
    uint64_t now_us = kit->clock.monotonic_us;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_tls *tls = kit_server(kit, &config);
        struct hf_tls_stats stats;
        struct kit_pair pair;

        assert_true(kit_meet(tls, client, NULL, &pair));
        SSL_SESSION *session = hf_tls_client_session(pair.client);
        kit_pair_free(&pair);
        kit->clock.monotonic_us = now_us + rows[i].after_s * 1000000ULL;
        assert_true(kit_meet(tls, client, session, &pair));
        assert_int_equal(SSL_session_reused(pair.client), rows[i].resumed);
        kit_pair_free(&pair);
        hf_tls_stats(tls, &stats);
        assert_int_equal(stats.ticket_rotations_total, rows[i].rotations);
        kit->clock.monotonic_us = now_us;
        SSL_SESSION_free(session);
        hf_tls_server_free(tls);
    }
    hf_tls_client_free(client);
}

static void a_renewed_server_certificate_keeps_resumption(void **state)
{
    struct hf_tls_config config = kit_config(kit, HF_TLS_VERIFY_REQUIRED);
    struct hf_tls *tls = kit_server(kit, &config);
    struct hf_tls_client *client = kit_client(kit, "pump-1");
    struct kit_pair pair;

    (void)state;
    assert_true(kit_meet(tls, client, NULL, &pair));
    SSL_SESSION *session = hf_tls_client_session(pair.client);
    kit_pair_free(&pair);
    KIT_CHECK(hf_tls_server_reload(tls, &config, KIT_ERROR));
    assert_true(kit_meet(tls, client, session, &pair));
    assert_int_equal(SSL_session_reused(pair.client), 1);
    kit_pair_free(&pair);
    SSL_SESSION_free(session);
    hf_tls_client_free(client);
    hf_tls_server_free(tls);
}

static void bad_files_are_named_and_the_old_set_stays(void **state)
{
    struct hf_tls_config good = kit_config(kit, HF_TLS_VERIFY_REQUIRED);
    struct hf_tls *tls = kit_server(kit, &good), *none = NULL;
    struct hf_tls_client *client = kit_client(kit, "pump-1");
    struct kit_pair pair;
    struct hf_tls_stats stats;
    char command[512];

    (void)state;
    snprintf(command, sizeof(command),
             "cd '%s' && openssl req -x509 -newkey rsa:2048 -nodes -keyout rsa.key -subj /CN=rsa -out "
             "rsa.pem 2>err && "
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout p384.key -subj "
             "/CN=p -out "
             "p384.pem 2>err && openssl ec -in server.key -aes128 -passout pass:x -out locked.key 2>err && "
             "echo nothing > junk && (cat server.pem; echo -----BEGIN CERTIFICATE-----; echo AAAA; "
             "echo -----END CERTIFICATE-----) > damaged.pem",
             kit->folder);
    assert_int_equal(system(command), 0);
    static const struct {
        const char *cert, *key, *ca, *names;
        const char *fix;
    } rows[] = {
        {"absent", "server.key", "ca.pem", "absent", "correct the path"},
        {"junk", "server.key", "ca.pem", "junk", "BEGIN CERTIFICATE"},
        {"damaged.pem", "server.key", "ca.pem", "damaged.pem", "certificate 2 is damaged"},
        {"server.pem", "junk", "ca.pem", "junk", "must be PEM"},
        {"server.pem", "locked.key", "ca.pem", "locked.key", "not encrypted"},
        {"server.pem", "pump-1.key", "ca.pem", "pump-1.key", "does not belong"},
        {"rsa.pem", "rsa.key", "ca.pem", "rsa.key", "allow_rsa"},
        {"p384.pem", "p384.key", "ca.pem", "p384.key", "P-256"},
        {"server.pem", "server.key", "absent", "absent", "correct the path"},
        {"server.pem", "server.key", "server.pem", "server.pem", "is not a CA"},
    };
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        char cert[128], key[128], ca[128];
        struct hf_tls_config bad = good;
        const char *cas[] = {strcpy(ca, kit_path(kit, rows[i].ca))};

        bad.cert_file = strcpy(cert, kit_path(kit, rows[i].cert));
        bad.key_file = strcpy(key, kit_path(kit, rows[i].key));
        bad.ca_files = cas;
        assert_int_equal(hf_tls_server_new(&bad, &none, KIT_ERROR), HF_ERR_INVALID);
        assert_non_null(strstr(kit->error, rows[i].names));
        if (strstr(kit->error, rows[i].fix) == NULL)
            fail_msg("row %zu: %s", i, kit->error);
        assert_int_equal(hf_tls_server_reload(tls, &bad, KIT_ERROR), HF_ERR_INVALID);
        assert_true(kit_meet(tls, client, NULL, &pair));
        kit_pair_free(&pair);
    }
    hf_tls_stats(tls, &stats);
    assert_int_equal(stats.reloads_failed_total, HF_COUNT_OF(rows));
    struct hf_tls_config changed = good;
    changed.verify = HF_TLS_VERIFY_OPTIONAL;
    assert_int_equal(hf_tls_server_reload(tls, &changed, KIT_ERROR), HF_ERR_INVALID);

    char rsa_cert[128], rsa_key[128];
    struct hf_tls_config rsa = kit_config(kit, HF_TLS_VERIFY_NONE);
    rsa.cert_file = strcpy(rsa_cert, kit_path(kit, "rsa.pem"));
    rsa.key_file = strcpy(rsa_key, kit_path(kit, "rsa.key"));
    rsa.allow_rsa = true;
    KIT_CHECK(hf_tls_server_new(&rsa, &none, KIT_ERROR));
    hf_tls_server_free(none);
    hf_tls_client_free(client);
    hf_tls_server_free(tls);
}

static void older_and_foreign_offers_are_refused(void **state)
{
    struct hf_tls_config config = kit_config(kit, HF_TLS_VERIFY_REQUIRED);
    struct hf_tls_client *client = NULL;
    struct kit_pair pair;
    char ca[128], cert[128], key[128];
    struct hf_tls_client_config client_config = {.ca_file = strcpy(ca, kit_path(kit, "ca.pem")),
                                                 .cert_file = strcpy(cert, kit_path(kit, "pump-1.pem")),
                                                 .key_file = strcpy(key, kit_path(kit, "pump-1.key")),
                                                 .allow_tls12 = true};

    (void)state;
    KIT_CHECK(hf_tls_client_new(&client_config, &client, KIT_ERROR));
    for (int allow = 0; allow < 2; allow++) {
        config.allow_tls12 = allow;
        struct hf_tls *tls = kit_server(kit, &config);
        SSL_SESSION *session = NULL;

        for (int round = 0; round < 2 * allow + 1; round++) {
            SSL *old = hf_tls_client_connect_new(client, "gateway.test", session);
            SSL_set_max_proto_version(old, TLS1_2_VERSION);
            kit_connect(&pair, hf_tls_accept_new(tls), old);
            assert_int_equal(kit_shake(&pair), allow);
            if (allow) {
                assert_int_equal(SSL_version(pair.server), TLS1_2_VERSION);
                assert_int_equal(SSL_session_reused(pair.server), round > 0);
                assert_string_equal(identity_of(pair.server).device, "pump-1");
                SSL_SESSION *next = hf_tls_client_session(pair.client);
                if (next != NULL) { /* TLS 1.2 gives none when it resumes */
                    SSL_SESSION_free(session);
                    session = next;
                }
            }
            kit_pair_free(&pair);
        }
        SSL_SESSION_free(session);
        hf_tls_server_free(tls);
    }
    config.allow_tls12 = false;
    struct hf_tls *tls = kit_server(kit, &config);
    static const struct {
        const char *alpn;
        bool taken;
    } rows[] = {{"\x02h2", false}, {"\x02h2\x08http/1.1", true}, {"\x08http/1.0", false}};
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        SSL *ssl = hf_tls_client_connect_new(client, "gateway.test", NULL);
        SSL_set_alpn_protos(ssl, (const unsigned char *)rows[i].alpn, (unsigned)strlen(rows[i].alpn));
        kit_connect(&pair, hf_tls_accept_new(tls), ssl);
        assert_int_equal(kit_shake(&pair), rows[i].taken);
        kit_pair_free(&pair);
    }
    hf_tls_client_free(client);
    hf_tls_server_free(tls);
}

static void constrained_clients_get_small_records_also_when_they_resume(void **state)
{
    struct hf_tls_config config = kit_config(kit, HF_TLS_VERIFY_REQUIRED);
    struct hf_tls *tls = kit_server(kit, &config);
    struct hf_tls_client *client = NULL;
    struct kit_pair pair;
    SSL_SESSION *session = NULL;
    char ca[128], cert[128], key[128];
    static char data[4000];
    struct hf_tls_client_config client_config = {.ca_file = strcpy(ca, kit_path(kit, "ca.pem")),
                                                 .cert_file = strcpy(cert, kit_path(kit, "pump-1.pem")),
                                                 .key_file = strcpy(key, kit_path(kit, "pump-1.key")),
                                                 .max_fragment_bytes = 512};

    (void)state;
    KIT_CHECK(hf_tls_client_new(&client_config, &client, KIT_ERROR));
    for (int round = 0; round < 3; round++) {
        uint8_t head[5];
        size_t total = 0;

        assert_true(kit_meet(tls, client, session, &pair));
        assert_int_equal(SSL_session_reused(pair.client), round > 0);
        SSL_SESSION_free(session);
        session = hf_tls_client_session(pair.client);
        while (total < sizeof(data)) { /* partial writes are on */
            int taken = SSL_write(pair.server, data + total, (int)(sizeof(data) - total));
            assert_true(taken > 0);
            total += (size_t)taken;
        }
        assert_int_equal(BIO_read(SSL_get_rbio(pair.client), head, 5), 5);
        assert_int_equal(head[0], 23);
        assert_in_range(head[3] << 8 | head[4], 1, 534 - 5);
        kit_pair_free(&pair);
    }
    SSL_SESSION_free(session);
    hf_tls_client_free(client);
    hf_tls_server_free(tls);
}

static void keys_of_a_live_connection_can_be_renewed(void **state)
{
    struct hf_tls_config config = kit_config(kit, HF_TLS_VERIFY_REQUIRED);
    struct hf_tls *tls = kit_server(kit, &config);
    struct hf_tls_client *client = kit_client(kit, "pump-1");
    struct kit_pair pair;
    char byte = 0;

    (void)state;
    assert_true(kit_meet(tls, client, NULL, &pair));
    assert_int_equal(SSL_key_update(pair.client, SSL_KEY_UPDATE_REQUESTED), 1);
    assert_int_equal(SSL_write(pair.client, "a", 1), 1);
    assert_int_equal(SSL_read(pair.server, &byte, 1), 1);
    assert_true(kit_server_says(&pair));
    assert_int_equal(SSL_key_update(pair.server, SSL_KEY_UPDATE_REQUESTED), 1);
    assert_true(kit_server_says(&pair));
    assert_int_equal(SSL_write(pair.client, "b", 1), 1);
    assert_int_equal(SSL_read(pair.server, &byte, 1), 1);
    assert_int_equal(byte, 'b');
    assert_string_equal(identity_of(pair.server).device, "pump-1");
    kit_pair_free(&pair);
    hf_tls_client_free(client);
    hf_tls_server_free(tls);
}

static void no_resumption_means_none(void **state)
{
    static const enum hf_tls_verify modes[] = {HF_TLS_VERIFY_NONE, HF_TLS_VERIFY_REQUIRED};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(modes); i++) {
        struct hf_tls_config config = kit_config(kit, modes[i]);
        config.no_resumption = true;
        struct hf_tls *tls = kit_server(kit, &config);
        struct hf_tls_client *client = kit_client(kit, "pump-1");
        struct kit_pair pair;

        assert_true(kit_meet(tls, client, NULL, &pair));
        assert_null(hf_tls_client_session(pair.client));
        kit_pair_free(&pair);
        hf_tls_client_free(client);
        hf_tls_server_free(tls);
    }
}

/* --- several workers --- */

struct worker {
    struct hf_tls *tls;
    struct hf_tls_client *client;
    unsigned done;
};

static void *shake_hands(void *user)
{
    struct worker *worker = user;
    SSL_SESSION *session = NULL;

    for (int i = 0; i < 10; i++) {
        struct kit_pair pair;

        if (kit_meet(worker->tls, worker->client, i % 2 ? session : NULL, &pair))
            worker->done++;
        SSL_SESSION_free(session);
        session = hf_tls_client_session(pair.client);
        kit_pair_free(&pair);
    }
    SSL_SESSION_free(session);
    return NULL;
}

static uint64_t frozen_us(void *user)
{
    (void)user;
    return 1;
}

static void workers_share_a_listener_while_it_reloads(void **state)
{
    struct hf_tls_config config = kit_config(kit, HF_TLS_VERIFY_REQUIRED);
    config.clock.monotonic_us = frozen_us; /* the kit's own counts without a lock */
    struct hf_tls *tls = kit_server(kit, &config);
    struct worker workers[3];
    pthread_t threads[HF_COUNT_OF(workers)];
    uint8_t made_up[HF_TLS_SHA256_BYTES] = {0};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(workers); i++) {
        workers[i] = (struct worker){.tls = tls, .client = kit_client(kit, "pump-1")};
        assert_int_equal(pthread_create(&threads[i], NULL, shake_hands, &workers[i]), 0);
    }
    for (int i = 0; i < 20; i++) {
        struct hf_tls_deny_key key;

        made_up[0] = (uint8_t)i;
        key = hf_tls_deny_key_certificate(made_up);
        KIT_CHECK(hf_tls_server_reload(tls, &config, KIT_ERROR));
        assert_int_equal(hf_tls_deny_add(kit->deny, &key, 1), HF_OK);
    }
    for (size_t i = 0; i < HF_COUNT_OF(workers); i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(workers[i].done, 10);
        hf_tls_client_free(workers[i].client);
    }
    assert_int_equal(hf_tls_deny_replace(kit->deny, NULL, 0), HF_OK);
    hf_tls_server_free(tls);
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
        cmocka_unit_test(a_device_is_known_by_its_certificate_also_when_it_resumes),
        cmocka_unit_test(a_server_only_listener_resumes_by_sealed_tickets),
        cmocka_unit_test(an_optional_certificate_may_be_missing_and_still_resumes),
        cmocka_unit_test(sessions_end_after_their_life_and_records_stay_bounded),
        cmocka_unit_test(ticket_keys_rotate_and_the_previous_one_still_opens),
        cmocka_unit_test(a_renewed_server_certificate_keeps_resumption),
        cmocka_unit_test(bad_files_are_named_and_the_old_set_stays),
        cmocka_unit_test(older_and_foreign_offers_are_refused),
        cmocka_unit_test(constrained_clients_get_small_records_also_when_they_resume),
        cmocka_unit_test(keys_of_a_live_connection_can_be_renewed),
        cmocka_unit_test(no_resumption_means_none),
        cmocka_unit_test(workers_share_a_listener_while_it_reloads),
    };

    return cmocka_run_group_tests(tests, kit_up, kit_down);
}
