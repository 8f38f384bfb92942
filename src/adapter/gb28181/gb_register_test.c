#include "adapter/gb28181/gb_testkit.h"

static void the_four_steps(void **state)
{
    struct hf_event event;

    (void)state;
    kit_begin(NULL);
    (void)snprintf(kit.header, sizeof(kit.header), "X-GB-Ver: 3.0\r\n");
    assert_int_equal(kit_ask(CAMERA, 3600), 401);
    assert_true(kit_has("WWW-Authenticate: Digest realm=\"3402000000\""));
    assert_true(kit_has("algorithm=MD5"));
    assert_true(kit_has("qop=\"auth\""));
    assert_true(kit_has("X-GB-Ver: 3.0\r\n"));
    assert_false(kit_has("stale"));
    assert_int_equal(hf_gb_site_sip_stats(kit.site)->transactions, 0); /* nothing is kept of strangers */
    assert_int_equal(kit_answer(CAMERA, 3600), 200);
    assert_true(kit_has("Expires: 3600\r\n"));
    assert_true(kit_has("Contact: <sip:" CAMERA "@192.0.2.10:5060>\r\n"));
    assert_true(kit_has("Date: 2023-11-15T06:13:21.001\r\n")); /* Beijing, no zone, no RFC 3261 */
    assert_true(kit_has("X-GB-Ver: 3.0\r\n"));
    assert_true(kit_has(";rport=5060"));
    kit_pass(0);
    assert_int_equal(kit_presence(CAMERA), HF_ONLINE);
    assert_int_equal(tk_count(kit.tk, HF_EVENT_ONLINE, &event), 1);
    assert_true(hf_slice_is(event.topic, "gb28181"));
    assert_int_equal(kit_stats()->registered, 1);
    assert_int_equal(kit_stats()->devices, 1);
    assert_int_equal(kit_register(CAMERA, 3600), 200); /* a refresh is the same registration */
    assert_int_equal(tk_count(kit.tk, HF_EVENT_ONLINE, NULL), 1);
    assert_int_equal(kit_stats()->refreshed, 1);
    kit_nothing();
    kit_end();
}

static void a_lost_200_is_repeated(void **state)
{
    (void)state;
    kit_begin(NULL);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    kit_again(); /* the same nonce and nc: but it is the same request */
    assert_int_equal(kit_status(), 200);
    assert_int_equal(kit_stats()->registered, 1);
    assert_int_equal(kit_stats()->refreshed, 0);
    assert_int_equal(kit_stats()->register_repeated, 1);
    assert_int_equal(hf_gb_site_sip_stats(kit.site)->made[HF_SIP_TX_SERVER], 0); /* nothing is kept for it */
    kit_pass(HF_GB_ANSWERED_MS - 1);
    kit_again();
    assert_int_equal(kit_status(), 200);
    kit_pass(1); /* now it is a replay */
    kit_again();
    assert_int_equal(kit_status(), 401);
    assert_true(kit_has("stale=true"));
    assert_int_equal(kit_stats()->register_repeated, 2);
    kit_end();
}

/* What was answered is said again, whatever it was, and counts once. */
static void a_lost_refusal_is_repeated(void **state)
{
    (void)state;
    kit_begin(NULL);
    kit.password = "wrong";
    assert_int_equal(kit_register(CAMERA, 3600), 403);
    for (unsigned i = 0; i < 2 * HF_GB_LOCK_FAILURES; i++) { /* one guess */
        kit_again();
        assert_int_equal(kit_status(), 403);
    }
    assert_int_equal(kit_stats()->auth_failed, 1);
    assert_int_equal(kit_stats()->locks, 0);
    kit.password = "12345678";
    kit.tk->refuse = HF_ERR_LIMIT;
    assert_int_equal(kit_register(CAMERA, 3600), 503);
    kit.tk->refuse = HF_OK;
    kit_again(); /* its nonce has served, but a 401 would have it come at once */
    assert_int_equal(kit_status(), 503);
    assert_true(kit_has("Retry-After: "));
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    assert_int_equal(kit_register(CAMERA, 0), 200);
    kit_again();
    assert_int_equal(kit_status(), 200);
    assert_true(kit_has("Expires: 0\r\n"));
    assert_int_equal(kit_stats()->unregistered, 1);
    assert_int_equal(kit_stats()->challenged_stale, 0);
    kit_end();
}

static void every_algorithm(void **state)
{
    static const enum hf_sip_alg algs[] = {HF_SIP_MD5, HF_SIP_SHA256, HF_SIP_SM3};

    (void)state;
    for (size_t i = 0; i < 3; i++)
        for (unsigned stored = 0; stored < 2; stored++) {
            struct hf_sip_hash ha1;

            kit_begin(NULL);
            kit.account.alg = (uint8_t)algs[i];
            kit.account.no_qop = i == 1;
            (void)hf_sip_ha1(kit.hasher, algs[i], HF_SLICE(CAMERA), HF_SLICE(REALM), HF_SLICE("12345678"),
                             &ha1);
            if (stored) {
                kit.account.ha1 = hf_sip_hash_text(&ha1);
                kit.account.password = (struct hf_slice){NULL, 0};
            }
            assert_int_equal(kit_ask(CAMERA, 3600), 401);
            assert_true(kit_has(hf_sip_alg_name(algs[i])));
            assert_int_equal(kit_has("qop"), i != 1);
            assert_int_equal(kit_answer(CAMERA, 3600), 200);
            if (algs[i] != HF_SIP_MD5) { /* a weaker one than was offered */
                assert_int_equal(kit_ask(CAMERA, 3600), 401);
                kit.alg = HF_SIP_MD5;
                assert_int_equal(kit_answer(CAMERA, 3600), 403);
            }
            kit_end();
        }
}

static void a_guesser_is_locked_out_and_the_device_is_not(void **state)
{
    struct hf_sip_flow guesser = kit_flow(HF_SIP_UDP, 66, 5060);

    (void)state;
    kit_begin(NULL);
    struct hf_sip_flow camera = kit.flow;
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    kit.flow = guesser;
    kit.password = "wrong";
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(kit_register(CAMERA, 3600), 403);
    kit.password = "12345678"; /* four do not lock, and being right forgets them */
    kit.flow.peer_port = 5061;
    kit.password = "wrong";
    assert_int_equal(kit_stats()->locks, 0);
    assert_int_equal(kit_register(CAMERA, 3600), 403);
    assert_int_equal(kit_stats()->locks, 1);
    assert_int_equal(kit_stats()->auth_failed, 5);
    assert_int_equal(tk_count(kit.tk, HF_EVENT_REFUSED, NULL), 1); /* one record for each lock */
    kit.password = "12345678";
    assert_int_equal(kit_register(CAMERA, 3600), 403); /* even when it is right now */
    assert_int_equal(kit_stats()->auth_locked, 1);
    kit.flow = camera; /* the real one, elsewhere, keeps its registration and may refresh it */
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    assert_int_equal(kit_presence(CAMERA), HF_ONLINE);
    kit.flow = guesser;
    kit_pass(HF_GB_LOCK_MS);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    kit_end();
}

static void old_foreign_and_used_nonces_are_stale(void **state)
{
    char used[128];

    (void)state;
    kit_begin(NULL);
    assert_int_equal(kit_ask(CAMERA, 3600), 401);
    kit_pass(HF_SIP_NONCE_LIFETIME_MS + 1);
    assert_int_equal(kit_answer(CAMERA, 3600), 401);
    assert_true(kit_has("stale=true"));
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    (void)snprintf(used, sizeof(used), "%s", kit.nonce);
    kit.nc = 0; /* the same count again: somebody replays what he heard */
    assert_int_equal(kit_answer(CAMERA, 0), 401);
    assert_true(kit_has("stale=true"));
    assert_int_equal(kit_presence(CAMERA), HF_ONLINE);
    kit.nc = 1; /* a higher one is the device's own */
    assert_int_equal(kit_answer(CAMERA, 3600), 200);
    assert_int_equal(kit_ask(SECOND, 3600), 401); /* a nonce is its device's */
    assert_int_equal(kit_answer(CAMERA, 3600), 401);
    assert_true(kit_has("stale=true"));
    assert_int_equal(kit_stats()->challenged_stale, 3);
    assert_int_equal(kit_stats()->auth_failed, 0);
    kit_end();
}

/* Whoever heard a REGISTER cannot use it once the device has left. */
static void a_replay_after_goodbye_is_refused(void **state)
{
    static char registration[KIT_TEXT_MAX];

    (void)state;
    kit_begin(NULL);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    memcpy(registration, kit.last, sizeof(registration));
    assert_int_equal(kit_register(CAMERA, 0), 200);
    assert_true(kit_has("Expires: 0\r\n"));
    kit_pass(0);
    assert_int_equal(kit_presence(CAMERA), HF_OFFLINE);
    assert_int_equal(kit_reason(CAMERA), HF_REASON_NORMAL);
    kit_pass(40000); /* its answer is forgotten, the nonce is still good */
    memcpy(strstr(registration, "branch=z9hG4bK"), "branch=z9hG4bX", 14);
    kit.flow = kit_flow(HF_SIP_UDP, 66, 5060);
    assert_int_equal(hf_gb_receive(kit.site, &kit.flow, hf_slice_of(registration)), HF_OK);
    assert_int_equal(kit_status(), 401);
    assert_int_not_equal(kit_presence(CAMERA), HF_ONLINE);
    kit_pass(HF_GB_REMEMBER_MS);
    assert_int_equal(kit.site->devices.count, 0); /* and then nothing is left */
    kit_end();
}

static void strangers_and_the_forbidden(void **state)
{
    (void)state;
    kit_begin(NULL);
    kit.unknown = SECOND;
    assert_int_equal(kit_register(SECOND, 3600), 403); /* after the digest: ids cannot be probed */
    kit.unknown = NULL;
    kit.denied = SECOND;
    assert_int_equal(kit_register(SECOND, 3600), 403);
    kit.denied = NULL;
    kit.account.password = (struct hf_slice){"", 0};
    kit.password = ""; /* an account without a password is nobody's */
    assert_int_equal(kit_register(SECOND, 3600), 403);
    kit.account.open = true;
    assert_int_equal(kit_ask(SECOND, 3600), 200);
    assert_int_equal(kit_ask("1234", 3600), 400);
    assert_int_equal(kit_ask("3402000000132000000x", 3600), 400);
    assert_int_equal(kit_stats()->auth_failed, 3);
    assert_int_equal(kit_stats()->register_bad, 2);
    kit_end();
}

static void expires_as_asked_but_never_longer(void **state)
{
    static const struct {
        long asked;
        const char *got;
    } rows[] = {{30, "Expires: 30\r\n"},
                {86400, "Expires: 86400\r\n"},
                {999999, "Expires: 86400\r\n"},
                {-1, "Expires: 3600\r\n"}};

    (void)state;
    kit_begin(NULL);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(kit_register(CAMERA, rows[i].asked), 200);
        assert_true(kit_has(rows[i].got));
        assert_false(kit_has("X-GB-Ver")); /* not to who does not speak of it */
    }
    assert_int_equal(kit_stats()->expires_clamped, 1);
    kit.account.open = true;
    (void)snprintf(kit.header, sizeof(kit.header), "Contact: <sip:b@192.0.2.11>\r\n");
    assert_int_equal(kit_ask(CAMERA, 60), 400); /* two bindings */
    kit.header[0] = '\0';
    kit_say("REGISTER", CAMERA, "Contact: *\r\nExpires: 60\r\n", "");
    assert_int_equal(kit_status(), 400);
    kit_say("REGISTER", CAMERA, "Contact: *\r\nExpires: 0\r\n", "");
    assert_int_equal(kit_status(), 200);
    kit_say("REGISTER", CAMERA, "", ""); /* no Contact at all: it is there */
    assert_int_equal(kit_status(), 200);
    kit_end();
}

static void under_load_nothing_is_begun(void **state)
{
    struct hf_gb_options with = {.devices_max = 1};

    (void)state;
    kit_begin(&with);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    assert_int_equal(kit_register(SECOND, 3600), 503); /* devices_max */
    assert_int_equal(kit_stats()->devices_full, 1);
    kit.log_busy = true;
    assert_int_equal(kit_ask(SECOND, 3600), 503);
    assert_true(kit_has("Retry-After: "));
    assert_int_equal(kit_keepalive(), 200); /* never shed */
    kit.log_busy = false;
    kit.tk->refuse = HF_ERR_LIMIT; /* the hub cannot record it */
    assert_int_equal(kit_register(CAMERA, 0), 200);
    assert_int_equal(kit_register(CAMERA, 3600), 503);
    assert_int_equal(kit_stats()->register_refused, 1);
    kit.tk->refuse = HF_OK;
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    assert_int_equal(hf_gb_site_drain(kit.site, 0, HF_REASON_DRAIN), 1);
    assert_int_equal(kit_ask(CAMERA, 3600), 503);
    assert_int_equal(kit_stats()->register_shed, 2);
    kit_end();
}

static void what_is_not_served(void **state)
{
    static const struct {
        const char *text;
        unsigned status;
    } rows[] = {
        {"UPDATE sip:x@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:" CAMERA
         "@h>;tag=1\r\nTo: <sip:x@h>\r\nCall-ID: 1\r\nCSeq: 1 UPDATE\r\nContent-Length: 0\r\n\r\n",
         405},
        {"MESSAGE sip:x@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK2\r\nFrom: <sip:" CAMERA
         "@h>;tag=1\r\nTo: <sip:x@h>\r\nCall-ID: 1\r\nCSeq: 1 MESSAGE\r\nContent-Type: text/plain\r\n"
         "Content-Length: 1\r\n\r\nx",
         415},
        {"REGISTER sip:x@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK2\r\nFrom: <sip:" CAMERA
         "@h>;tag=1\r\nTo: <sip:x@h>\r\nCall-ID: 1\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n",
         400},
    };

    (void)state;
    kit_begin(NULL);
    for (size_t i = 0; i < 3; i++) {
        (void)hf_gb_receive(kit.site, &kit.flow, hf_slice_of(rows[i].text));
        assert_int_equal(kit_status(), rows[i].status);
    }
    assert_int_equal(kit_stats()->refused_method, 2);
    assert_int_equal(kit_stats()->malformed, 1);
    assert_int_equal(kit_stats()->sip_problems[HF_SIP_CSEQ_MISMATCH], 1);
    assert_int_equal(hf_gb_receive(kit.site, &kit.flow, HF_SLICE("\r\n\r\n")), HF_OK);
    assert_int_equal(kit_stats()->low_keepalives, 1);
    kit_nothing();
    kit_end();
}

static void a_device_of_another_worker_is_sent_away(void **state)
{
    (void)state;
    kit_begin(NULL);
    kit.tk->hub.options.workers = 2;
    unsigned home = hf_hub_home(HF_SLICE("acme"), HF_SLICE(CAMERA), 2);
    kit.tk->hub.options.worker = 1 - home;
    assert_int_equal(kit_ask(CAMERA, 3600), 500);
    assert_int_equal(kit_stats()->misrouted, 1);
    kit.tk->hub.options.worker = home;
    assert_int_equal(kit_ask(CAMERA, 3600), 401);
    kit_end();
}

static void options_are_checked(void **state)
{
    struct hf_gb_site *site;

    (void)state;
    kit_begin(NULL);
    static const struct hf_gb_limits bad[] = {
        {.nonce_lifetime_ms = 300001}, {.zone_minutes = 900}, {.expires_default_s = 100000}};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(hf_gb_site_set_limits(kit.site, &bad[i]), HF_ERR_INVALID);
    struct hf_gb_options options = kit.site->options;
    options.realm = HF_SLICE("a\"b");
    assert_int_equal(hf_gb_site_new(&options, &site), HF_ERR_INVALID);
    options.realm = (struct hf_slice){NULL, 0};
    assert_int_equal(hf_gb_site_new(&options, &site), HF_ERR_INVALID);
    kit_end();
}

/* A make is told by its User-Agent, from the first REGISTER on. */
static void the_user_agent_is_asked_for(void **state)
{
    (void)state;
    kit_begin(NULL);
    strcpy(kit.header, "User-Agent: NVR-X 2.1\r\n");
    kit.account.no_qop = true;
    assert_int_equal(kit_ask(CAMERA, 3600), 401);
    assert_string_equal(kit.user_agent, "NVR-X 2.1");
    assert_false(kit_has("qop"));
    kit.account.no_qop = false;
    kit.user_agent[0] = '\0';
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    assert_string_equal(kit.user_agent, "NVR-X 2.1");
    kit_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_user_agent_is_asked_for),
        cmocka_unit_test(the_four_steps),
        cmocka_unit_test(a_lost_200_is_repeated),
        cmocka_unit_test(a_lost_refusal_is_repeated),
        cmocka_unit_test(every_algorithm),
        cmocka_unit_test(a_guesser_is_locked_out_and_the_device_is_not),
        cmocka_unit_test(old_foreign_and_used_nonces_are_stale),
        cmocka_unit_test(a_replay_after_goodbye_is_refused),
        cmocka_unit_test(strangers_and_the_forbidden),
        cmocka_unit_test(expires_as_asked_but_never_longer),
        cmocka_unit_test(under_load_nothing_is_begun),
        cmocka_unit_test(what_is_not_served),
        cmocka_unit_test(a_device_of_another_worker_is_sent_away),
        cmocka_unit_test(options_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
