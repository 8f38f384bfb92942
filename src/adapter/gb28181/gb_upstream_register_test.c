/* An upstream's registration on the wire: what REGISTER says, every answer, keepalives, the end. */
#include "adapter/gb28181/gb_upstream_testkit.h"

enum { TICK_MS = 2 * HF_WHEEL_TICK_MS };

static bool proves(enum hf_sip_alg alg, const char *user)
{
    struct hf_sip_credentials given;
    struct hf_sip_hash ha1;

    return hf_sip_credentials(&kit.msg, &given) == HF_OK && given.alg == alg &&
           hf_sip_ha1(kit.hasher, alg, hf_slice_of(user), HF_SLICE("3402000000"), HF_SLICE("12345678"),
                      &ha1) == HF_OK &&
           hf_sip_verify(kit.hasher, &given, hf_sip_hash_text(&ha1), HF_SLICE("REGISTER")) == HF_OK;
}

static void what_the_first_register_says(void **state)
{
    (void)state;
    kit_begin(&(struct hf_gb_upstream_options){.edition = HF_CDP_2022, .expires_s = 7200});
    kit_nothing();
    hf_gb_upstream_start(kit.up);
    kit_request(HF_SIP_REGISTER);
    assert_true(kit_has("REGISTER sip:" PLATFORM "@" DOMAIN " SIP/2.0\r\n"));
    assert_true(kit_has("Via: SIP/2.0/UDP 198.51.100.5:40000;rport;branch=z9hG4bK") ||
                kit_has("Via: SIP/2.0/UDP 198.51.100.5:40000;branch=z9hG4bK"));
    assert_true(kit.msg.via.rport);
    assert_true(kit.msg.via.branch.bytes >= 7 + 16); /* GB-4: 64 bits at least */
    assert_true(kit_has("From: <sip:" US "@" DOMAIN ">;tag="));
    assert_true(kit_has("To: <sip:" US "@" DOMAIN ">\r\n"));
    assert_true(kit_has("Contact: <sip:" US "@198.51.100.5:40000>\r\n"));
    assert_true(kit_has("Max-Forwards: 70\r\n"));
    assert_true(kit_has("Expires: 7200\r\n"));
    assert_true(kit_has("X-GB-Ver: 3.0\r\n"));
    assert_true(kit_has("CSeq: 1 REGISTER\r\n"));
    assert_int_equal(kit.msg.body.bytes, 0);
    kit_end();
}

static void every_digest_that_is_known_is_answered(void **state)
{
    static const struct {
        const char *challenge;
        enum hf_sip_alg alg;
        bool qop;
    } rows[] = {
        {CHALLENGE(""), HF_SIP_MD5, false},
        {CHALLENGE(",algorithm=MD5"), HF_SIP_MD5, false},
        {CHALLENGE(",qop=\"auth\",algorithm=MD5"), HF_SIP_MD5, true},
        {CHALLENGE(",qop=\"auth,auth-int\",opaque=\"o\""), HF_SIP_MD5, true},
        {CHALLENGE(",qop=\"auth\",algorithm=SHA-256"), HF_SIP_SHA256, true},
        {CHALLENGE(",algorithm=SM3"), HF_SIP_SM3, false},
        {CHALLENGE(",algorithm=SHA-512-256") CHALLENGE(",algorithm=SHA-256") CHALLENGE(""), HF_SIP_SHA256,
         false},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        char call_id[128], tag[64];

        kit_begin(NULL);
        hf_gb_upstream_start(kit.up);
        kit_request(HF_SIP_REGISTER);
        (void)snprintf(call_id, sizeof(call_id), "%.*s", (int)kit.msg.call_id.bytes, kit.msg.call_id.at);
        (void)snprintf(tag, sizeof(tag), "%.*s", (int)kit.msg.from.tag.bytes, kit.msg.from.tag.at);
        kit_answer(401, rows[i].challenge);
        kit_request(HF_SIP_REGISTER);
        assert_true(proves(rows[i].alg, US));
        assert_int_equal(strstr(kit.text, "cnonce=") != NULL, rows[i].qop);
        assert_int_equal(kit.msg.cseq.number, 2);
        assert_true(hf_slice_is(kit.msg.call_id, call_id));
        assert_true(hf_slice_is(kit.msg.from.tag, tag));
        assert_int_equal(kit_state(), HF_GB_UP_REGISTERING);
        kit_answer(200, "Expires: 60\r\n");
        assert_int_equal(kit_state(), HF_GB_UP_REGISTERED);
        assert_int_equal(kit.view.expires_s, 60);
        kit_end();
    }
}

static void a_user_of_its_own_and_a_proxy(void **state)
{
    (void)state;
    kit_begin(&(struct hf_gb_upstream_options){.username = HF_SLICE("city")});
    hf_gb_upstream_start(kit.up);
    kit_request(HF_SIP_REGISTER);
    kit_answer(407, "Proxy-Authenticate: Digest realm=\"3402000000\",nonce=\"n1\"\r\n");
    kit_request(HF_SIP_REGISTER);
    assert_true(kit_has("Proxy-Authorization: Digest "));
    assert_true(kit_has("username=\"city\""));
    kit_end();
}

/* What ends an attempt: the reason that people see, and at least 60 s without a word. */
static void it_is_sent_on_once(void **state)
{
    static const char there[] = "Contact: <sip:" PLATFORM "@192.0.2.7:5070>\r\n";

    (void)state;
    kit_begin(NULL);
    hf_gb_upstream_start(kit.up);
    kit_request(HF_SIP_REGISTER);
    kit_answer(401, CHALLENGE(""));
    kit_request(HF_SIP_REGISTER);
    kit_answer(302, there);
    assert_true(kit.flow.peer[3] == 7 && kit.flow.peer_port == 5070);
    kit_request(HF_SIP_REGISTER); /* as to anybody whom we do not know yet */
    assert_false(kit_has("Authorization"));
    kit_answer(401, CHALLENGE(""));
    kit_request(HF_SIP_REGISTER);
    kit_answer(200, "Expires: 3600\r\n");
    assert_int_equal(kit_state(), HF_GB_UP_REGISTERED);
    assert_int_equal(kit.view.stats.redirected, 1);
    assert_int_equal(kit.view.stats.refused, 0);
    /* When that is over, from the beginning. */
    hf_gb_upstream_stop(kit.up);
    assert_int_equal(kit.flow.peer[3], 7);
    kit_forget();
    kit_pass(HF_GB_UP_LEAVE_MS + 100);
    assert_int_equal(kit_state(), HF_GB_UP_IDLE);
    assert_true(kit.flow.peer[3] == 1 && kit.flow.peer_port == 5060);
    kit_end();
}

static void sent_on_again_or_to_nowhere_it_is_refused(void **state)
{
    static const char *const contacts[] = {"", "Contact: <sip:a@platform.example>\r\n", "Contact: *\r\n",
                                           "Contact: <sip:@>\r\n"};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(contacts); i++) {
        kit_begin(NULL);
        hf_gb_upstream_start(kit.up);
        kit_request(HF_SIP_REGISTER);
        kit_answer(302, contacts[i]);
        assert_int_equal(kit_state(), HF_GB_UP_WAITING);
        assert_string_equal(kit.view.reason, "it answered 302 Moved Temporarily");
        kit_end();
    }
    kit_begin(NULL);
    hf_gb_upstream_start(kit.up);
    kit_request(HF_SIP_REGISTER);
    kit_answer(302, "Contact: <sip:a@192.0.2.7>\r\n");
    kit_request(HF_SIP_REGISTER);
    kit_answer(302, "Contact: <sip:a@192.0.2.1>\r\n"); /* to and fro */
    assert_int_equal(kit_state(), HF_GB_UP_WAITING);
    assert_int_equal(kit.view.failures, 1);
    assert_int_equal(kit.flow.peer[3], 1); /* the next attempt begins where the configuration says */
    kit_end();
}

static void an_attempt_that_fails(void **state)
{
    static const struct {
        unsigned first, second; /* 0 = no answer */
        const char *first_more, *second_more, *why;
        uint64_t wait_ms_min, wait_ms_max;
    } rows[] = {
        {403, 0, "", NULL, "it answered 403 Forbidden", 60000, 90000},
        {404, 0, "", NULL, "it answered 404 Not Found", 60000, 90000},
        {503, 0, "Retry-After: 200\r\n", NULL, "it answered 503 Service Unavailable", 200000, 300000},
        {503, 0, "Retry-After: 1\r\n", NULL, "it answered 503 Service Unavailable", 60000, 90000},
        {302, 0, "", NULL, "it answered 302 Moved Temporarily", 60000, 90000},
        {423, 0, "Min-Expires: 60\r\n", NULL, "it answered 423 Interval Too Brief", 60000,
         90000}, /* less than we asked */
        {401, 0, "", NULL, "its challenge has no algorithm or qop that is known here", 60000, 90000},
        {401, 0, CHALLENGE(",algorithm=X"), NULL, "its challenge has no algorithm or qop that is known here",
         60000, 90000},
        {401, 0, CHALLENGE(",qop=\"auth-int\""), NULL,
         "its challenge has no algorithm or qop that is known here", 60000, 90000},
        {401, 401, CHALLENGE(""), CHALLENGE(""),
         "the password or user is wrong (challenged again after credentials)", 60000, 90000},
        {401, 403, CHALLENGE(""), "", "it answered 403 Forbidden", 60000, 90000},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        kit_begin(NULL);
        hf_gb_upstream_start(kit.up);
        kit_request(HF_SIP_REGISTER);
        kit_answer(rows[i].first, rows[i].first_more);
        if (rows[i].second != 0) {
            kit_request(HF_SIP_REGISTER);
            kit_answer(rows[i].second, rows[i].second_more);
        }
        assert_int_equal(kit_state(), HF_GB_UP_WAITING);
        assert_string_equal(kit.view.reason, rows[i].why);
        assert_int_equal(kit.view.failures, 1);
        assert_int_equal(kit.view.stats.refused, 1);
        uint64_t wait_ms = kit.view.due_ms - kit.tk->hub.now_ms;
        assert_true(wait_ms >= rows[i].wait_ms_min && wait_ms <= rows[i].wait_ms_max);
        assert_true(kit.disconnects > 0);
        kit_pass(wait_ms - 1000);
        kit_nothing();
        kit_pass(2000);
        kit_request(HF_SIP_REGISTER);
        assert_int_equal(kit.msg.cseq.number, 1);
        assert_int_equal(kit.connects, 2);
        kit_end();
    }
}

static void a_nonce_that_is_stale_is_renewed_once(void **state)
{
    (void)state;
    kit_begin(NULL);
    hf_gb_upstream_start(kit.up);
    kit_request(HF_SIP_REGISTER);
    kit_answer(401, CHALLENGE(""));
    kit_request(HF_SIP_REGISTER);
    kit_answer(401, "WWW-Authenticate: Digest realm=\"3402000000\",nonce=\"n2\",stale=true\r\n");
    kit_request(HF_SIP_REGISTER);
    assert_true(kit_has("nonce=\"n2\""));
    assert_int_equal(kit.msg.cseq.number, 3);
    kit_answer(401, "WWW-Authenticate: Digest realm=\"3402000000\",nonce=\"n3\",stale=true\r\n");
    assert_int_equal(kit_state(), HF_GB_UP_WAITING);
    assert_string_equal(kit.view.reason, "it calls every nonce of its own stale");
    kit_end();
}

static void a_longer_expiry_is_asked_for_when_it_says_so(void **state)
{
    (void)state;
    kit_begin(&(struct hf_gb_upstream_options){.expires_s = 60});
    hf_gb_upstream_start(kit.up);
    kit_request(HF_SIP_REGISTER);
    kit_answer(423, "Min-Expires: 3600\r\n");
    kit_request(HF_SIP_REGISTER);
    assert_true(kit_has("Expires: 3600\r\n"));
    kit_answer(200, "");
    assert_int_equal(kit_state(), HF_GB_UP_REGISTERED);
    assert_int_equal(kit.view.expires_s, 3600);
    kit_end();
}

static void no_password(void **state)
{
    (void)state;
    kit_begin(&(struct hf_gb_upstream_options){.password = {"", 0}});
    hf_gb_upstream_start(kit.up);
    kit_request(HF_SIP_REGISTER);
    kit_answer(401, CHALLENGE(""));
    assert_int_equal(kit_state(), HF_GB_UP_WAITING);
    assert_string_equal(kit.view.reason, "it asks for a password, and none is configured");
    kit_end();
}

static void silence_and_a_blocked_way(void **state)
{
    (void)state;
    kit_begin(NULL);
    hf_gb_upstream_start(kit.up);
    kit_pass(31000);
    assert_int_equal(kit_state(), HF_GB_UP_REGISTERING);
    kit_pass(2000); /* timer F */
    assert_int_equal(kit_state(), HF_GB_UP_WAITING);
    assert_string_equal(kit.view.reason, "no answer to REGISTER");
    assert_int_equal(kit.view.stats.unanswered, 1);
    kit.connect = HF_ERR_IO;
    kit_pass(kit.view.due_ms - kit.tk->hub.now_ms + TICK_MS);
    assert_int_equal(kit_state(), HF_GB_UP_WAITING);
    assert_string_equal(kit.view.reason, "the way is blocked");
    assert_int_equal(kit.view.failures, 2);
    kit.connect = HF_OK;
    kit.deaf = true;
    kit_pass(kit.view.due_ms - kit.tk->hub.now_ms + TICK_MS);
    assert_int_equal(kit_state(), HF_GB_UP_WAITING);
    assert_string_equal(kit.view.reason, "REGISTER could not be sent");
    assert_int_equal(kit.view.failures, 3);
    kit_end();
}

static void a_stream_is_awaited(void **state)
{
    (void)state;
    kit_begin(NULL);
    kit.flow.transport = HF_SIP_TCP;
    kit.flow.connection = 7;
    kit.connect = HF_ERR_BUSY;
    hf_gb_upstream_start(kit.up);
    kit_nothing();
    assert_int_equal(kit_state(), HF_GB_UP_CONNECTING);
    hf_gb_upstream_connected(kit.up, &kit.flow);
    kit_request(HF_SIP_REGISTER);
    assert_true(kit_has("Via: SIP/2.0/TCP "));
    kit_answer(200, "Expires: 100\r\n");
    kit_pass(1);
    hf_gb_upstream_lost(kit.up, "it closed the connection");
    assert_int_equal(kit_state(), HF_GB_UP_WAITING);
    assert_string_equal(kit.view.reason, "it closed the connection");
    assert_int_equal(kit.view.stats.broken, 1);
    assert_int_equal(kit.view.failures, 0);
    kit_pass(kit.view.due_ms - kit.tk->hub.now_ms + TICK_MS);
    assert_int_equal(kit_state(), HF_GB_UP_CONNECTING);
    kit_pass(HF_GB_UP_CONNECT_MS + TICK_MS);
    assert_int_equal(kit_state(), HF_GB_UP_WAITING);
    assert_string_equal(kit.view.reason, "no connection within 10 s");
    kit_end();
}

static void it_is_refreshed_with_the_same_call(void **state)
{
    char call_id[128];

    (void)state;
    kit_begin(&(struct hf_gb_upstream_options){.keepalive_ms = 3600000});
    kit_register();
    kit_pass(2500000);
    assert_int_equal(kit_state(), HF_GB_UP_REGISTERED);
    kit_nothing();
    for (unsigned i = 0; kit.sent_count == 0 && i < 2000; i++)
        kit_pass(200);
    kit_request(HF_SIP_REGISTER);
    (void)snprintf(call_id, sizeof(call_id), "%.*s", (int)kit.msg.call_id.bytes, kit.msg.call_id.at);
    assert_int_equal(kit.msg.cseq.number, 3);
    assert_int_equal(kit_state(), HF_GB_UP_REFRESHING);
    kit_answer(401, CHALLENGE(""));
    kit_request(HF_SIP_REGISTER);
    assert_true(hf_slice_is(kit.msg.call_id, call_id));
    assert_int_equal(kit.msg.cseq.number, 4);
    kit_answer(200, "");
    assert_int_equal(kit_state(), HF_GB_UP_REGISTERED);
    kit_nothing(); /* the beat goes on as it was */
    hf_gb_upstream_stop(kit.up);
    kit_request(HF_SIP_REGISTER);
    assert_true(kit_has("Expires: 0\r\n"));
    assert_true(hf_slice_is(kit.msg.call_id, call_id));
    kit_answer(401, CHALLENGE(""));
    kit_request(HF_SIP_REGISTER);
    assert_true(kit_has("Expires: 0\r\n"));
    assert_int_equal(kit_state(), HF_GB_UP_LEAVING);
    kit_answer(200, "");
    assert_int_equal(kit_state(), HF_GB_UP_IDLE);
    kit_end();
}

static void who_does_not_answer_our_goodbye_is_left(void **state)
{
    (void)state;
    kit_begin(NULL);
    kit_register();
    hf_gb_upstream_stop(kit.up);
    kit_pass(HF_GB_UP_LEAVE_MS + TICK_MS);
    assert_int_equal(kit_state(), HF_GB_UP_IDLE);
    kit_pass(3600000);
    assert_int_equal(kit.connects, 1);
    kit_end();
}

static void keepalives_that_are_not_answered(void **state)
{
    (void)state;
    kit_begin(NULL);
    kit_register();
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(kit_state(), HF_GB_UP_REGISTERED);
        kit_pass(60000 + TICK_MS);
        kit_request(HF_SIP_MESSAGE);
        kit_forget();
    }
    for (unsigned i = 0; kit_state() == HF_GB_UP_REGISTERED && i < 400; i++)
        kit_pass(100); /* the third transaction's end */
    assert_int_equal(kit_state(), HF_GB_UP_WAITING);
    assert_string_equal(kit.view.reason, "3 keepalives in a row were not answered");
    assert_int_equal(kit.view.stats.keepalives_missed, 3);
    assert_int_equal(kit.view.stats.broken, 1);
    kit_forget();
    kit_pass(6000); /* the last attempt is long ago */
    kit_request(HF_SIP_REGISTER);
    assert_int_equal(kit.msg.cseq.number, 1);
    kit_end();
}

static void an_interval_that_is_shorter_than_the_transaction(void **state)
{
    (void)state;
    kit_begin(&(struct hf_gb_upstream_options){.keepalive_ms = 5000, .keepalive_count = 2});
    kit_register();
    kit_pass(10000 + TICK_MS);
    assert_int_equal(kit_state(), HF_GB_UP_REGISTERED);
    kit_pass(5500);
    assert_int_equal(kit_state(), HF_GB_UP_WAITING);
    assert_int_equal(kit.view.stats.keepalives_missed, 2);
    kit_end();
}

static void a_platform_that_forgot_us_says_so(void **state)
{
    static const struct {
        unsigned status;
        bool forgotten;
    } rows[] = {{401, true}, {403, true}, {404, true}, {481, true}, {500, false}, {503, false}, {408, false}};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        kit_begin(NULL);
        kit_register();
        kit_pass(60000 + TICK_MS);
        kit_request(HF_SIP_MESSAGE);
        kit_answer(rows[i].status, "");
        assert_int_equal(kit_state(), rows[i].forgotten ? HF_GB_UP_WAITING : HF_GB_UP_REGISTERED);
        assert_int_equal(kit.view.stats.broken, rows[i].forgotten);
        assert_int_equal(kit.view.stats.keepalives_missed, !rows[i].forgotten);
        kit_end();
    }
}

static void options_are_answered_to_the_platform_while_we_are_there(void **state)
{
    (void)state;
    kit_begin(NULL);
    kit_ask("OPTIONS", "Max-Forwards: 70\r\n", NULL);
    assert_int_equal(kit_status(), 480);
    kit_register();
    kit_ask("OPTIONS", "Max-Forwards: 70\r\n", NULL);
    assert_int_equal(kit_status(), 200);
    assert_true(kit_has("Allow: ") && kit_has("OPTIONS"));
    kit_ask("PUBLISH", "Max-Forwards: 70\r\n", NULL);
    assert_int_equal(kit_status(), 405);
    kit_receive("OPTIONS sip:x SIP/2.0\r\n\r\n");
    kit_nothing();
    (void)kit_state();
    assert_int_equal(kit.view.stats.malformed, 1);
    assert_int_equal(kit.view.stats.requests, 1);
    assert_int_equal(kit.view.stats.requests_refused, 2);
    kit_end();
}

static void who_speaks_from_another_address_is_not_heard(void **state)
{
    struct hf_sip_flow flow;

    (void)state;
    kit_begin(NULL);
    kit_register();
    flow = kit.flow;
    flow.peer[3] = 99;
    (void)hf_gb_upstream_receive(kit.up, &flow, HF_SLICE("OPTIONS sip:x@y SIP/2.0\r\n\r\n"));
    (void)kit_state();
    assert_int_equal(kit.view.stats.strangers, 1);
    assert_int_equal(kit.view.stats.malformed, 0);
    kit_end();
}

static void texts_that_are_none_are_refused(void **state)
{
    static const struct hf_gb_upstream_options good = {.ops = &kit_ops,
                                                       .context = &kit,
                                                       .server_id = {PLATFORM, 20},
                                                       .domain = {DOMAIN, 10},
                                                       .device_id = {US, 20}};
    struct hf_gb_upstream_options rows[] = {good, good, good, good};
    struct hf_gb_upstream *up;

    (void)state;
    kit_begin(NULL);
    rows[0].server_id = HF_SLICE("12");
    rows[1].device_id = HF_SLICE("x");
    rows[2].domain = HF_SLICE("a\"b");
    rows[3].username = HF_SLICE("a b");
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        rows[i].hub = &kit.tk->hub;
        rows[i].wheel = &kit.tk->wheel;
        assert_int_equal(hf_gb_upstream_new(&rows[i], &up), HF_ERR_INVALID);
    }
    kit_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_first_register_says),
        cmocka_unit_test(every_digest_that_is_known_is_answered),
        cmocka_unit_test(a_user_of_its_own_and_a_proxy),
        cmocka_unit_test(it_is_sent_on_once),
        cmocka_unit_test(sent_on_again_or_to_nowhere_it_is_refused),
        cmocka_unit_test(an_attempt_that_fails),
        cmocka_unit_test(a_nonce_that_is_stale_is_renewed_once),
        cmocka_unit_test(a_longer_expiry_is_asked_for_when_it_says_so),
        cmocka_unit_test(no_password),
        cmocka_unit_test(silence_and_a_blocked_way),
        cmocka_unit_test(a_stream_is_awaited),
        cmocka_unit_test(it_is_refreshed_with_the_same_call),
        cmocka_unit_test(who_does_not_answer_our_goodbye_is_left),
        cmocka_unit_test(keepalives_that_are_not_answered),
        cmocka_unit_test(an_interval_that_is_shorter_than_the_transaction),
        cmocka_unit_test(a_platform_that_forgot_us_says_so),
        cmocka_unit_test(options_are_answered_to_the_platform_while_we_are_there),
        cmocka_unit_test(who_speaks_from_another_address_is_not_heard),
        cmocka_unit_test(texts_that_are_none_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
