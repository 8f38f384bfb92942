/* io/tls_client_test.c - our own clients: whom they believe, pins, names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/tls_testkit.h"

static struct kit the_kit;
static struct kit *const kit = &the_kit;

/* OpenSSL's allocations while the client looks at the server's certificate: the fail_at-th is refused. */
static unsigned allocations, fail_at;
static bool counts;

static bool refused(void)
{
    return counts && ++allocations == fail_at;
}

static void *take(size_t bytes, const char *file, int line)
{
    (void)file, (void)line;
    return refused() ? NULL : malloc(bytes);
}

static void *take_again(void *old, size_t bytes, const char *file, int line)
{
    (void)file, (void)line;
    return refused() ? NULL : realloc(old, bytes);
}

static void give(void *old, const char *file, int line)
{
    (void)file, (void)line;
    free(old);
}

static void on_handshake_message(int ours, int version, int type, const void *message, size_t bytes, SSL *ssl,
                                 void *user)
{
    (void)version, (void)ssl, (void)user;
    if (ours || type != SSL3_RT_HANDSHAKE || bytes == 0)
        return;
    counts = *(const uint8_t *)message == SSL3_MT_CERTIFICATE; /* until the next one comes */
    if (counts)
        allocations = 0;
}

static enum hf_tls_client_verdict meet(struct hf_tls *tls, struct hf_tls_client *client, const char *name)
{
    struct kit_pair pair;
    enum hf_tls_client_verdict verdict = HF_TLS_CLIENT_FAILED;

    kit_connect(&pair, hf_tls_accept_new(tls), hf_tls_client_connect_new(client, name, NULL));
    bool done = kit_shake(&pair);

    verdict = hf_tls_client_verdict(pair.client);
    assert_int_equal(done, verdict == HF_TLS_CLIENT_OK);
    assert_non_null(hf_tls_client_verdict_text(verdict));
    kit_pair_free(&pair);
    return verdict;
}

static void a_client_believes_only_whom_it_should(void **state)
{
    static const struct {
        const char *ca, *name;
        bool right_pin, wrong_pin, insecure;
        enum hf_tls_client_verdict want;
    } rows[] = {
        {"ca.pem", "gateway.test", false, false, false, HF_TLS_CLIENT_OK},
        {"ca.pem", "127.0.0.1", false, false, false, HF_TLS_CLIENT_OK},
        {"ca.pem", "127.0.0.2", false, false, false, HF_TLS_CLIENT_WRONG_NAME},
        {"ca.pem", "other.test", false, false, false, HF_TLS_CLIENT_WRONG_NAME},
        {"other.pem", "gateway.test", false, false, false, HF_TLS_CLIENT_UNTRUSTED},
        {NULL, "gateway.test", false, false, false, HF_TLS_CLIENT_UNTRUSTED},
        {"ca.pem", "gateway.test", true, false, false, HF_TLS_CLIENT_OK},
        {"ca.pem", "gateway.test", true, true, false, HF_TLS_CLIENT_OK}, /* current and next */
        {"ca.pem", "gateway.test", false, true, false, HF_TLS_CLIENT_INTERCEPTED},
        {"other.pem", "gateway.test", false, true, false,
         HF_TLS_CLIENT_INTERCEPTED}, /* the pin is judged first */
        {"other.pem", "gateway.test", true, false, false,
         HF_TLS_CLIENT_UNTRUSTED}, /* and does not replace the chain */
        {NULL, "other.test", false, false, true, HF_TLS_CLIENT_OK},
        {NULL, "other.test", true, false, true, HF_TLS_CLIENT_OK},
        {NULL, "other.test", false, true, true, HF_TLS_CLIENT_INTERCEPTED}, /* a pin counts even then */
    };
    struct hf_tls_config config = kit_config(kit, HF_TLS_VERIFY_NONE);
    struct hf_tls *tls = kit_server(kit, &config);
    uint8_t pin[HF_TLS_PIN_BYTES];

    (void)state;
    assert_int_equal(hf_tls_client_pin_of(kit_path(kit, "server.pem"), pin), HF_OK);
    assert_int_equal(hf_tls_client_pin_of(kit_path(kit, "server.key"), pin), HF_ERR_INVALID);
    assert_int_equal(hf_tls_client_pin_of(kit_path(kit, "absent"), pin), HF_ERR_IO);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_tls_client *client = NULL;
        struct hf_tls_client_config client_config = {
            .ca_file = rows[i].ca == NULL ? NULL : kit_path(kit, rows[i].ca), .insecure = rows[i].insecure};

        if (rows[i].wrong_pin)
            memset(client_config.pins[client_config.pin_count++], 7, HF_TLS_PIN_BYTES);
        if (rows[i].right_pin)
            memcpy(client_config.pins[client_config.pin_count++], pin, HF_TLS_PIN_BYTES);
        KIT_CHECK(hf_tls_client_new(&client_config, &client, KIT_ERROR));
        enum hf_tls_client_verdict got = meet(tls, client, rows[i].name);

        if (got != rows[i].want)
            fail_msg("row %zu: %s", i, hf_tls_client_verdict_text(got));
        hf_tls_client_free(client);
    }
    hf_tls_server_free(tls);
}

static void a_pin_also_guards_resumption(void **state)
{
    struct hf_tls_config config = kit_config(kit, HF_TLS_VERIFY_NONE);
    struct hf_tls *tls = kit_server(kit, &config);
    struct hf_tls_client *plain = kit_client(kit, NULL), *pinned = NULL;
    struct hf_tls_client_config pinned_config = {
        .ca_file = kit_path(kit, "ca.pem"), .pins = {{1}}, .pin_count = 1};
    struct kit_pair pair;

    (void)state;
    KIT_CHECK(hf_tls_client_new(&pinned_config, &pinned, KIT_ERROR));
    assert_true(kit_meet(tls, plain, NULL, &pair));
    SSL_SESSION *session = hf_tls_client_session(pair.client);
    kit_pair_free(&pair);
    assert_false(
        kit_meet(tls, pinned, session, &pair)); /* else the old session would slip past the new pin */
    assert_int_equal(hf_tls_client_verdict(pair.client), HF_TLS_CLIENT_INTERCEPTED);
    kit_pair_free(&pair);
    SSL_SESSION_free(session);
    hf_tls_client_free(plain);
    hf_tls_client_free(pinned);
    hf_tls_server_free(tls);
}

/* A device without memory is not told that somebody sits in between (TLS-11). */
static void no_memory_is_no_interception(void **state)
{
    struct hf_tls_config config = kit_config(kit, HF_TLS_VERIFY_NONE);
    struct hf_tls *tls = kit_server(kit, &config);
    struct hf_tls_client_config client_config = {.ca_file = kit_path(kit, "ca.pem"), .pin_count = 1};
    struct hf_tls_client *client = NULL;
    unsigned failed = 0;

    (void)state;
    assert_int_equal(hf_tls_client_pin_of(kit_path(kit, "server.pem"), client_config.pins[0]), HF_OK);
    KIT_CHECK(hf_tls_client_new(&client_config, &client, KIT_ERROR));
    for (fail_at = 1, allocations = 1; allocations >= fail_at - 1;
         fail_at++) { /* the last one fails nothing */
        struct kit_pair pair;

        kit_connect(&pair, hf_tls_accept_new(tls), hf_tls_client_connect_new(client, "gateway.test", NULL));
        SSL_set_msg_callback(pair.client, on_handshake_message);
        (void)kit_shake(&pair);
        counts = false;
        assert_true(allocations > 0);
        enum hf_tls_client_verdict verdict = hf_tls_client_verdict(pair.client);
        if (verdict == HF_TLS_CLIENT_INTERCEPTED)
            fail_msg("allocation %u", fail_at);
        failed += verdict == HF_TLS_CLIENT_FAILED;
        kit_pair_free(&pair);
    }
    assert_true(failed > 10);
    hf_tls_client_free(client);
    hf_tls_server_free(tls);
}

static void bad_configurations_are_named(void **state)
{
    struct hf_tls_client *client = NULL;
    char ca[128], cert[128], key[128], name[300];
    struct hf_tls_client_config good = {.ca_file = strcpy(ca, kit_path(kit, "ca.pem")),
                                        .cert_file = strcpy(cert, kit_path(kit, "pump-1.pem")),
                                        .key_file = strcpy(key, kit_path(kit, "pump-1.key"))};
    struct hf_tls_client_config bad[] = {good, good, good, good};
    static const char *const says[] = {"absent", "both", "does not belong", "512, 1024"};

    (void)state;
    bad[0].ca_file = "/absent";
    bad[1].key_file = NULL;
    bad[2].key_file = kit_path(kit, "server.key");
    bad[3].max_fragment_bytes = 513;
    for (size_t i = 0; i < HF_COUNT_OF(bad); i++) {
        assert_int_equal(hf_tls_client_new(&bad[i], &client, KIT_ERROR), HF_ERR_INVALID);
        if (strstr(kit->error, says[i]) == NULL)
            fail_msg("%s", kit->error);
    }
    KIT_CHECK(hf_tls_client_new(&good, &client, KIT_ERROR));
    memset(name, 'a', sizeof(name));
    name[254] = '\0';
    assert_null(hf_tls_client_connect_new(client, name, NULL));
    assert_null(hf_tls_client_connect_new(client, "", NULL));
    hf_tls_client_free(client);
    hf_tls_client_free(NULL);
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
    if (CRYPTO_set_mem_functions(take, take_again, give) != 1) /* before OpenSSL takes any */
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_believes_only_whom_it_should),
        cmocka_unit_test(a_pin_also_guards_resumption),
        cmocka_unit_test(no_memory_is_no_interception),
        cmocka_unit_test(bad_configurations_are_named),
    };

    return cmocka_run_group_tests(tests, kit_up, kit_down);
}
