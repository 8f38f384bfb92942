#include "bench/gb/camera_testkit.h"

static void registers_with_digest_refreshes_and_leaves(void **state)
{
    (void)state;
    kit_begin(NULL);
    hf_cam_start(&kit.cam);
    kit_request(HF_SIP_REGISTER);
    assert_true(kit_has("REGISTER sip:" SERVER "@" REALM " SIP/2.0\r\n"));
    assert_true(kit_has("Contact: <sip:" CAMERA "@192.0.2.10:5061>"));
    assert_true(kit_has("Expires: 3600\r\n"));
    assert_false(kit_has("X-GB-Ver"));
    assert_false(hf_sip_has(&kit.msg, HF_SIP_AUTHORIZATION));
    assert_int_equal(kit.msg.cseq.number, 1);
    char call_id[64];

    (void)snprintf(call_id, sizeof(call_id), "%.*s", (int)kit.msg.call_id.bytes, kit.msg.call_id.at);
    kit_reply(401, CHALLENGE);
    kit_request(HF_SIP_REGISTER);
    assert_true(kit_is_proven());
    assert_int_equal(kit.msg.cseq.number, 2);
    assert_true(hf_slice_is(kit.msg.call_id, call_id));
    kit_reply(200, "Expires: 100\r\n");
    assert_string_equal(kit.events, "registered 200");
    /* The refresh comes between 64 and 80 s, in the same Call-ID, and is proven like the first. */
    kit.profile.keepalive_ms = 0;
    kit.cam.keepalive_ms = 0;
    assert_in_range(kit_wait(HF_SIP_REGISTER, 90000), 63900, 80100);
    assert_true(hf_slice_is(kit.msg.call_id, call_id));
    kit_reply(401, CHALLENGE);
    kit_request(HF_SIP_REGISTER);
    if (!kit_is_proven())
        fail_msg("%s", kit.text);
    kit_reply(200, "Expires: 100\r\n");
    assert_string_equal(kit.events, "registered 200|refreshed 200");

    hf_cam_stop(&kit.cam);
    kit_request(HF_SIP_REGISTER);
    assert_true(kit_has("Expires: 0\r\n"));
    kit_reply(401, CHALLENGE);
    kit_request(HF_SIP_REGISTER);
    assert_true(kit_has("Expires: 0\r\n") && kit_is_proven());
    kit_reply(200, "");
    assert_string_equal(kit.events, "registered 200|refreshed 200|left 200");
    assert_int_equal(kit.cam.state, HF_CAM_OFFLINE);
    kit_pass(300000);
    kit_nothing();
    kit_end();
}

static void says_its_edition(void **state)
{
    struct hf_cam_profile profile = {.edition = HF_CDP_2022};

    (void)state;
    kit_begin(&profile);
    hf_cam_start(&kit.cam);
    kit_request(HF_SIP_REGISTER);
    assert_true(kit_has("X-GB-Ver: 3.0\r\n"));
    kit_end();
}

static void answers_every_hash_and_takes_the_first_it_knows(void **state)
{
    static const struct {
        const char *challenge;
        enum hf_sip_alg alg;
        bool qop;
    } rows[] = {
        {"WWW-Authenticate: Digest realm=\"" REALM "\",nonce=\"abc\"\r\n", HF_SIP_MD5, false},
        {"WWW-Authenticate: Digest realm=\"" REALM "\",qop=\"auth\",nonce=\"abc\",algorithm=SHA-256\r\n",
         HF_SIP_SHA256, true},
        {"WWW-Authenticate: Digest realm=\"" REALM "\",qop=\"auth\",nonce=\"abc\",algorithm=SM3\r\n",
         HF_SIP_SM3, true},
        {"WWW-Authenticate: Digest realm=\"" REALM "\",qop=\"auth\",nonce=\"abc\",algorithm=X\r\n"
         "WWW-Authenticate: Digest realm=\"" REALM
         "\",qop=\"auth\",nonce=\"abc\",algorithm=SHA-256\r\n" CHALLENGE,
         HF_SIP_SHA256, true},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_sip_credentials credentials;

        kit_begin(NULL);
        hf_cam_start(&kit.cam);
        kit_request(HF_SIP_REGISTER);
        kit_reply(401, rows[i].challenge);
        kit_request(HF_SIP_REGISTER);
        assert_true(kit_is_proven());
        assert_int_equal(hf_sip_credentials(&kit.msg, &credentials), HF_OK);
        assert_int_equal(credentials.alg, rows[i].alg);
        assert_int_equal(credentials.qop.at != NULL, rows[i].qop);
        kit_end();
    }
}

static void a_stale_nonce_is_answered_once_more(void **state)
{
    (void)state;
    kit_begin(NULL);
    hf_cam_start(&kit.cam);
    kit_request(HF_SIP_REGISTER);
    kit_reply(401, CHALLENGE);
    kit_request(HF_SIP_REGISTER);
    kit_reply(401, "WWW-Authenticate: Digest realm=\"" REALM
                   "\",qop=\"auth\",nonce=\"def\",algorithm=MD5,stale=true\r\n");
    kit_request(HF_SIP_REGISTER);
    assert_true(kit_has("nonce=\"def\"") && kit_is_proven());
    kit_reply(401, "WWW-Authenticate: Digest realm=\"" REALM
                   "\",qop=\"auth\",nonce=\"ghi\",algorithm=MD5,stale=true\r\n");
    kit_nothing();
    assert_string_equal(kit.events, "refused Unauthorized 401");
    kit_end();
}

/* No answer, a wrong password, an overload: each is told, and after its time it tries again with another Call-ID. */
static void a_refused_registration_is_tried_again_later(void **state)
{
    static const struct {
        unsigned status;
        const char *headers, *event;
        uint64_t least_ms, most_ms;
    } rows[] = {
        {403, "", "refused Forbidden 403", 60000, 72000},
        {503, "Retry-After: 10\r\n", "refused Service Unavailable 503", 10000, 12000},
        {0, "", "refused no answer", 60000, 72000},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        char call_id[64];

        kit_begin(NULL);
        hf_cam_start(&kit.cam);
        kit_request(HF_SIP_REGISTER);
        (void)snprintf(call_id, sizeof(call_id), "%.*s", (int)kit.msg.call_id.bytes, kit.msg.call_id.at);
        if (rows[i].status != 0)
            kit_reply(rows[i].status, rows[i].headers);
        else
            kit_pass(32100);
        while (kit_read())
            ;
        assert_string_equal(kit.events, rows[i].event);
        kit_pass(rows[i].least_ms - 200);
        kit_nothing();
        kit_pass(rows[i].most_ms - rows[i].least_ms + 400);
        kit_request(HF_SIP_REGISTER);
        assert_false(hf_slice_is(kit.msg.call_id, call_id));
        kit_end();
    }
}

/* RFC 3261 17.1.2.2: 0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5 ... s, the same bytes each time, given up after 32 s; over a stream once. */
static void repeats_over_udp_as_the_rfc_says(void **state)
{
    static const uint64_t at_ms[] = {0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500};
    uint64_t now_ms = 0;
    static char first[KIT_TEXT_MAX];

    (void)state;
    kit_begin(NULL);
    hf_cam_start(&kit.cam);
    for (size_t i = 0; i < HF_COUNT_OF(at_ms); i++) {
        kit_pass(at_ms[i] - now_ms > 200 ? at_ms[i] - now_ms - 200 : 0);
        if (i > 0)
            kit_nothing();
        kit_pass(i > 0 ? 400 : 0);
        now_ms = at_ms[i] + (i > 0 ? 200 : 0);
        kit_request(HF_SIP_REGISTER);
        if (i == 0)
            (void)snprintf(first, sizeof(first), "%s", kit.text);
        assert_string_equal(kit.text, first);
    }
    assert_int_equal(kit.world.stats.repeats_sent, HF_COUNT_OF(at_ms) - 1);
    kit_end();

    struct hf_cam_profile profile = {.transport = HF_SIP_TCP};

    kit_begin(&profile);
    hf_cam_start(&kit.cam);
    kit_request(HF_SIP_REGISTER);
    assert_true(kit_has("Via: SIP/2.0/TCP "));
    kit_pass(31000);
    kit_nothing();
    kit_pass(1100);
    assert_string_equal(kit.events, "refused no answer");
    kit_end();
}

/* An answer is taken once, whatever else comes. */
static void strangers_answers_change_nothing(void **state)
{
    (void)state;
    kit_begin(NULL);
    hf_cam_start(&kit.cam);
    kit_request(HF_SIP_REGISTER);
    struct hf_sip_msg asked = kit.msg;
    kit_gives(
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.10:5061;branch=z9hG4bKwrong\r\nFrom: <sip:a@b>;tag=1\r\n"
        "To: <sip:a@b>;tag=2\r\nCall-ID: x\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n");
    kit_nothing();
    assert_string_equal(kit.events, "");
    assert_int_equal(kit.world.stats.strays, 1);
    kit.msg = asked;
    kit_reply(100, "");
    kit_nothing();
    kit.msg = asked;
    kit_reply(200, "");
    assert_string_equal(kit.events, "registered 200");
    kit.msg = asked;
    kit_reply(403, "");
    assert_string_equal(kit.events, "registered 200");
    assert_int_equal(kit.world.stats.strays, 2);
    kit_gives("no SIP");
    assert_int_equal(kit.world.stats.malformed, 1);
    kit_end();
}

static void without_a_socket_it_goes_on_by_its_timers(void **state)
{
    (void)state;
    kit_begin(NULL);
    kit.deaf = true;
    hf_cam_start(&kit.cam);
    assert_int_equal(kit.world.stats.not_sent, 1);
    kit.deaf = false;
    kit_pass(600);
    kit_request(HF_SIP_REGISTER);
    kit_reply(200, "");
    assert_string_equal(kit.events, "registered 200");
    kit_end();
}

static void stopped_before_it_is_in_it_leaves_at_once(void **state)
{
    (void)state;
    kit_begin(NULL);
    hf_cam_start(&kit.cam);
    kit_request(HF_SIP_REGISTER);
    hf_cam_stop(&kit.cam);
    assert_string_equal(kit.events, "left");
    kit_pass(100000);
    kit_nothing();
    kit_end();
}

static void a_lost_connection_ends_everything_until_the_next(void **state)
{
    struct hf_cam_profile profile = {.transport = HF_SIP_TCP};

    (void)state;
    kit_begin(&profile);
    kit_register();
    hf_cam_disconnected(&kit.cam);
    assert_int_equal(kit.cam.state, HF_CAM_OFFLINE);
    kit_pass(300000);
    kit_nothing();
    kit_register();
    kit_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registers_with_digest_refreshes_and_leaves),
        cmocka_unit_test(says_its_edition),
        cmocka_unit_test(answers_every_hash_and_takes_the_first_it_knows),
        cmocka_unit_test(a_stale_nonce_is_answered_once_more),
        cmocka_unit_test(a_refused_registration_is_tried_again_later),
        cmocka_unit_test(repeats_over_udp_as_the_rfc_says),
        cmocka_unit_test(strangers_answers_change_nothing),
        cmocka_unit_test(without_a_socket_it_goes_on_by_its_timers),
        cmocka_unit_test(stopped_before_it_is_in_it_leaves_at_once),
        cmocka_unit_test(a_lost_connection_ends_everything_until_the_next),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
