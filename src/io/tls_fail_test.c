/* io/tls_fail_test.c - any allocation of ours may fail: a listener is not made, or a handshake fails or goes on without
 * what it wanted to remember; nothing is left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/tls_testkit.h"
#include "support/alloc_fail.h"

static struct kit the_kit;
static struct kit *const kit = &the_kit;

/* What a set would do to the session of `ssl`. */
static hf_err try_a_set(struct hf_tls *tls, SSL *ssl)
{
    struct hf_tls_input input = {.name = kit_path(kit, "other.pem")};
    struct hf_tls_session *sessions = NULL;
    struct hf_tls_trial *trial = NULL;
    enum hf_tls_reject reject = HF_TLS_REJECT_NONE;
    size_t count = 0;
    hf_err err = hf_tls_session_begin(ssl, 1);

    if (err == HF_OK)
        err = hf_tls_trial_new(tls, &input, 1, NULL, 0, &trial, KIT_ERROR);
    if (err == HF_ERR_UNSUPPORTED) /* the listener without client certificates */
        return HF_OK;
    if (err == HF_OK)
        err = hf_tls_sessions_take(tls, &sessions, &count);
    if (err == HF_OK)
        err = hf_tls_trial_session(trial, &sessions[0], &reject);
    assert_true(err != HF_OK || reject == HF_TLS_REJECT_UNTRUSTED); /* no memory is no verdict */
    hf_tls_sessions_give(sessions, count);
    hf_tls_trial_free(trial);
    return err;
}

static hf_err meet(struct hf_tls *tls, struct hf_tls_client *client, SSL_SESSION *session,
                   SSL_SESSION **ret_session)
{
    struct kit_pair pair = {hf_tls_accept_new(tls),
                            hf_tls_client_connect_new(client, "gateway.test", session)};
    hf_err err = HF_ERR_NOMEM;

    if (pair.server != NULL && pair.client != NULL) {
        kit_connect(&pair, pair.server, pair.client);
        err = kit_shake(&pair) ? HF_OK : HF_ERR_NOMEM;
        if (err == HF_OK && ret_session != NULL)
            *ret_session = hf_tls_client_session(pair.client);
        if (err == HF_OK)
            err = try_a_set(tls, pair.server);
    }
    kit_pair_free(&pair);
    return err;
}

static hf_err use_a_listener(void *context)
{
    const struct hf_tls_config *config = context;
    struct hf_tls *tls = NULL;
    struct hf_tls_client *client = NULL;
    char cert[128], key[128], ca[128];
    struct hf_tls_client_config client_config = {.ca_file = strcpy(ca, kit_path(kit, "ca.pem")),
                                                 .cert_file = strcpy(cert, kit_path(kit, "pump-1.pem")),
                                                 .key_file = strcpy(key, kit_path(kit, "pump-1.key"))};
    SSL_SESSION *session = NULL;
    hf_err err = hf_tls_server_new(config, &tls, KIT_ERROR);

    if (err == HF_OK)
        err = hf_tls_server_reload(tls, config, KIT_ERROR);
    if (err == HF_OK)
        err = hf_tls_client_new(&client_config, &client, KIT_ERROR);
    if (err == HF_OK)
        err = meet(tls, client, NULL, &session);
    if (err == HF_OK)
        err = meet(tls, client, session, NULL);
    SSL_SESSION_free(session);
    hf_tls_client_free(client);
    hf_tls_server_free(tls);
    return err;
}

static void a_listener_survives_any_failed_allocation(void **state)
{
    static const enum hf_tls_verify modes[] = {HF_TLS_VERIFY_NONE, HF_TLS_VERIFY_REQUIRED};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(modes); i++) {
        struct hf_tls_config config = kit_config(kit, modes[i]);

        assert_int_equal(use_a_listener(&config),
                         HF_OK); /* what OpenSSL keeps for itself is there from now on */
        assert_true(hf_alloc_fail_each(use_a_listener, &config, 200) > 5);
    }
}

static hf_err fill_a_deny_list(void *context)
{
    struct hf_tls_deny *deny = hf_tls_deny_new();
    struct hf_tls_deny_key key = {{1}}, other = {{2}};
    hf_err err = deny == NULL ? HF_ERR_NOMEM : HF_OK;

    (void)context;
    if (err == HF_OK)
        err = hf_tls_deny_add(deny, &key, 1);
    if (err == HF_OK) {
        err = hf_tls_deny_replace(deny, &other, 1);
        HF_ASSERT(hf_tls_deny_check(deny, err == HF_OK ? &other : &key,
                                    1)); /* the old list or the new one, whole */
    }
    if (err == HF_OK)
        err = hf_tls_deny_remove(deny, &other);
    hf_tls_deny_free(deny);
    return err;
}

static void a_deny_list_stays_whole(void **state)
{
    (void)state;
    assert_true(hf_alloc_fail_each(fill_a_deny_list, NULL, 50) >= 5);
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
        cmocka_unit_test(a_listener_survives_any_failed_allocation),
        cmocka_unit_test(a_deny_list_stays_whole),
    };

    return cmocka_run_group_tests(tests, kit_up, kit_down);
}
