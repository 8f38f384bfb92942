/* io/tls_live_test.c - sessions and CA sets: a set that is tried, and one that was put in force. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/tls_testkit.h"

#define DAY_MS 86400000ULL

static struct kit the_kit;
static struct kit *const kit = &the_kit;

static struct hf_tls_identity identity_of(const SSL *ssl)
{
    struct hf_tls_identity identity;

    assert_int_equal(hf_tls_identity(ssl, &identity), HF_OK);
    return identity;
}

static enum hf_tls_reject tried(const struct hf_tls_trial *trial, const struct hf_tls_session *session)
{
    enum hf_tls_reject reject = HF_TLS_REJECT_NONE;

    assert_int_equal(hf_tls_trial_session(trial, session, &reject), HF_OK);
    return reject;
}

/* The server of which these are sessions 1 and 2: pump-1 by `root`, pump-3 by `other root`; both are taken. */
static struct hf_tls *two_sessions(struct hf_tls_config *config, const char *files[2],
                                   struct kit_pair pairs[2], SSL_SESSION **ret_ticket)
{
    static char other[128];
    static const char *const devices[] = {"pump-1", "pump-3"};
    struct hf_tls *tls;

    files[0] = kit->ca_files[0];
    files[1] = strcpy(other, kit_path(kit, "other.pem"));
    config->ca_files = files;
    config->ca_file_count = 2;
    tls = kit_server(kit, config);
    kit_device(kit, kit->other_root, "pump-3", 0);
    for (unsigned i = 0; i < 2; i++) {
        struct hf_tls_client *client = kit_client(kit, devices[i]);

        assert_true(kit_meet(tls, client, NULL, &pairs[i]));
        assert_int_equal(hf_tls_session_begin(pairs[i].server, i + 1), HF_OK);
        assert_int_equal(hf_tls_session_begin(pairs[i].server, i + 1), HF_OK); /* again is harmless */
        if (i == 0)
            *ret_ticket = hf_tls_client_session(pairs[i].client);
        hf_tls_client_free(client);
    }
    return tls;
}

static void a_ca_set_is_tried_without_being_in_force(void **state)
{
    struct hf_tls_config config = kit_config(kit, HF_TLS_VERIFY_REQUIRED);
    struct hf_tls_session *sessions = NULL;
    struct hf_tls_trial *trial = NULL;
    struct hf_tls_input input = {.name = kit_path(kit, "other.pem")};
    struct kit_pair pairs[2];
    SSL_SESSION *ticket = NULL;
    const char *files[2];
    size_t count = 0;
    enum hf_tls_reject reject;
    char text[4096];

    (void)state;
    struct hf_tls *tls = two_sessions(&config, files, pairs, &ticket);
    assert_int_equal(hf_tls_sessions_take(tls, &sessions, &count), HF_OK);
    assert_int_equal(count, 2);
    assert_int_equal(sessions[0].conn_id, 1);
    assert_string_equal(hf_tls_session_identity(&sessions[0])->device, "pump-1");
    assert_string_equal(hf_tls_session_identity(&sessions[1])->device, "pump-3");

    KIT_CHECK(hf_tls_trial_new(tls, &input, 1, NULL, 0, &trial, KIT_ERROR)); /* a file */
    assert_int_equal(tried(trial, &sessions[0]), HF_TLS_REJECT_UNTRUSTED);
    assert_int_equal(tried(trial, &sessions[1]), HF_TLS_REJECT_NONE);
    hf_tls_trial_free(trial);

    FILE *file = fopen(files[0], "re");
    input = (struct hf_tls_input){"request", text, fread(text, 1, sizeof(text), file)};
    fclose(file);
    KIT_CHECK(hf_tls_trial_new(tls, &input, 1, NULL, 0, &trial, KIT_ERROR)); /* a text */
    assert_int_equal(tried(trial, &sessions[0]), HF_TLS_REJECT_NONE);
    assert_int_equal(tried(trial, &sessions[1]), HF_TLS_REJECT_UNTRUSTED);
    /* What would end it in any case: the clock, the deny-list. */
    kit->clock.utc_ms += 91ULL * DAY_MS;
    assert_int_equal(tried(trial, &sessions[0]), HF_TLS_REJECT_EXPIRED);
    kit->clock.utc_ms -= 91ULL * DAY_MS;
    hf_tls_trial_free(trial);

    input.text_bytes = 40;
    assert_int_equal(hf_tls_trial_new(tls, &input, 1, NULL, 0, &trial, KIT_ERROR), HF_ERR_INVALID);
    assert_non_null(strstr(kit->error, "'request'"));
    input = (struct hf_tls_input){"request", "no PEM", 6};
    assert_int_equal(hf_tls_trial_new(tls, &input, 1, NULL, 0, &trial, KIT_ERROR), HF_ERR_INVALID);
    assert_non_null(strstr(kit->error, "holds no certificate"));
    input = (struct hf_tls_input){.name = "/nowhere/ca.pem"};
    assert_int_equal(hf_tls_trial_new(tls, &input, 1, NULL, 0, &trial, KIT_ERROR), HF_ERR_INVALID);
    assert_non_null(strstr(kit->error, "/nowhere/ca.pem"));

    for (unsigned i = 0; i < 2; i++) /* nothing has changed */
        assert_int_equal(hf_tls_recheck(pairs[i].server, &reject), HF_OK);
    hf_tls_sessions_give(sessions, count);
    kit_pair_free(&pairs[0]); /* its end takes it off the list */
    assert_int_equal(hf_tls_sessions_take(tls, &sessions, &count), HF_OK);
    assert_int_equal(count, 1);
    assert_int_equal(sessions[0].conn_id, 2);
    hf_tls_sessions_give(sessions, count);
    SSL_SESSION_free(ticket);
    kit_pair_free(&pairs[1]);
    hf_tls_server_free(tls);
}

static void a_revocation_list_is_tried_with_its_ca_set(void **state)
{
    struct hf_tls_config config = kit_config(kit, HF_TLS_VERIFY_REQUIRED);
    struct hf_tls_input cas[2] = {{.name = kit_path(kit, "ca.pem")}, {.name = kit_path(kit, "other.pem")}},
                        crl;
    struct hf_tls_session *sessions = NULL;
    struct hf_tls_trial *trial = NULL;
    struct hf_pki_serial serial;
    struct kit_pair pairs[2];
    SSL_SESSION *ticket = NULL;
    const char *files[2];
    char pem[8192];
    size_t count;

    (void)state;
    struct hf_tls *tls = two_sessions(&config, files, pairs, &ticket);
    struct hf_tls_identity identity = identity_of(pairs[1].server);

    memcpy(serial.bytes, identity.serial, identity.serial_bytes);
    serial.length = identity.serial_bytes;
    KIT_CHECK(hf_pki_crl(kit->other_root, &serial, 1, 7, kit->clock.utc_ms, pem, sizeof(pem), KIT_ERROR));
    crl = (struct hf_tls_input){"request", pem, strlen(pem)};
    assert_int_equal(hf_tls_sessions_take(tls, &sessions, &count), HF_OK);
    KIT_CHECK(hf_tls_trial_new(tls, cas, 2, &crl, 1, &trial, KIT_ERROR));
    assert_int_equal(tried(trial, &sessions[0]), HF_TLS_REJECT_NONE);
    assert_int_equal(tried(trial, &sessions[1]), HF_TLS_REJECT_REVOKED);
    hf_tls_trial_free(trial);
    assert_int_equal(hf_tls_trial_new(tls, cas, 1, &crl, 1, &trial, KIT_ERROR), HF_ERR_INVALID);
    assert_non_null(strstr(kit->error, "CRL file 'request'"));
    hf_tls_sessions_give(sessions, count);
    for (unsigned i = 0; i < 2; i++)
        kit_pair_free(&pairs[i]);
    SSL_SESSION_free(ticket);
    hf_tls_server_free(tls);
}

/* A reload alone ends nothing: who is there is judged, each by its own chain. */
static void a_new_ca_set_ends_the_sessions_of_the_old_one(void **state)
{
    struct hf_tls_config config = kit_config(kit, HF_TLS_VERIFY_REQUIRED);
    struct hf_tls_session *sessions = NULL;
    struct kit_pair pairs[2], pair, late;
    SSL_SESSION *ticket = NULL, *kept = NULL;
    const char *files[2];
    size_t count = 0;
    enum hf_tls_reject reject;

    (void)state;
    struct hf_tls *tls = two_sessions(&config, files, pairs, &ticket);
    struct hf_tls_client *old = kit_client(kit, "pump-1"), *new = kit_client(kit, "pump-3");

    kept = hf_tls_client_session(pairs[1].client);
    assert_true(kit_meet(tls, old, NULL, &late)); /* its device is let in only after the reload */
    config.ca_files = &files[1];
    config.ca_file_count = 1;
    KIT_CHECK(hf_tls_server_reload(tls, &config, KIT_ERROR));
    assert_true(kit_server_says(&pairs[0]));
    assert_int_equal(hf_tls_recheck(pairs[0].server, &reject), HF_OK); /* nobody was judged yet */
    assert_int_equal(hf_tls_session_begin(late.server, 9), HF_ERR_DENIED);
    assert_int_equal(hf_tls_recheck(late.server, &reject), HF_ERR_DENIED);

    assert_int_equal(hf_tls_sessions_take(tls, &sessions, &count), HF_OK);
    assert_int_equal(count, 3);
    assert_int_equal(hf_tls_session_judge(tls, &sessions[0]), HF_TLS_REJECT_UNTRUSTED);
    assert_int_equal(hf_tls_session_judge(tls, &sessions[1]), HF_TLS_REJECT_NONE);
    assert_int_equal(hf_tls_recheck(pairs[0].server, &reject), HF_ERR_DENIED);
    assert_int_equal(reject, HF_TLS_REJECT_UNTRUSTED);
    assert_int_equal(hf_tls_recheck(pairs[1].server, &reject), HF_OK);

    assert_false(kit_meet(tls, old, NULL, &pair));
    kit_pair_free(&pair);
    assert_false(kit_meet(tls, old, ticket, &pair)); /* a ticket from before is no way around it */
    assert_int_equal(hf_tls_rejected(pair.server), HF_TLS_REJECT_UNTRUSTED);
    kit_pair_free(&pair);
    assert_true(kit_meet(tls, new, kept, &pair)); /* seen to be good: it may resume */
    assert_true(identity_of(pair.server).resumed);
    kit_pair_free(&pair);

    config.ca_files = files; /* taken back: what is not closed by now stays */
    config.ca_file_count = 2;
    KIT_CHECK(hf_tls_server_reload(tls, &config, KIT_ERROR));
    assert_int_equal(hf_tls_session_judge(tls, &sessions[0]), HF_TLS_REJECT_NONE);
    assert_int_equal(hf_tls_recheck(pairs[0].server, &reject), HF_OK);

    hf_tls_sessions_give(sessions, count);
    SSL_SESSION_free(ticket);
    SSL_SESSION_free(kept);
    for (unsigned i = 0; i < 2; i++)
        kit_pair_free(&pairs[i]);
    kit_pair_free(&late);
    hf_tls_client_free(old);
    hf_tls_client_free(new);
    hf_tls_server_free(tls);
}

static void many_sessions_are_all_found(void **state)
{
    enum { MANY = 600 }; /* more than are taken in one step */
    static struct kit_pair pairs[MANY];
    struct hf_tls_config config = kit_config(kit, HF_TLS_VERIFY_REQUIRED);
    struct hf_tls *tls = kit_server(kit, &config);
    struct hf_tls_client *client = kit_client(kit, "pump-1");
    struct hf_tls_session *sessions = NULL;
    size_t count = 0;

    (void)state;
    for (unsigned i = 0; i < MANY; i++) {
        assert_true(kit_meet(tls, client, NULL, &pairs[i]));
        assert_int_equal(hf_tls_session_begin(pairs[i].server, MANY - i), HF_OK);
    }
    assert_int_equal(hf_tls_sessions_take(tls, &sessions, &count), HF_OK);
    assert_int_equal(count, MANY);
    for (unsigned i = 0; i < MANY; i++)
        assert_int_equal(sessions[i].conn_id, i + 1);
    hf_tls_sessions_give(sessions, count);
    for (unsigned i = 0; i < MANY; i++)
        kit_pair_free(&pairs[i]);
    assert_int_equal(hf_tls_sessions_take(tls, &sessions, &count), HF_OK);
    assert_int_equal(count, 0);
    hf_tls_sessions_give(sessions, count);
    hf_tls_client_free(client);
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
        cmocka_unit_test(a_ca_set_is_tried_without_being_in_force),
        cmocka_unit_test(a_revocation_list_is_tried_with_its_ca_set),
        cmocka_unit_test(a_new_ca_set_ends_the_sessions_of_the_old_one),
        cmocka_unit_test(many_sessions_are_all_found),
    };

    return cmocka_run_group_tests(tests, kit_up, kit_down);
}
