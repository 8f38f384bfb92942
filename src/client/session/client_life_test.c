/* client/core: attempts, refusals, closes, and when it comes back. */
#include "client/session/core_testkit.h"

static void from_start_to_established(void **state)
{
    struct kit *kit = *state;

    assert_true(hf_client_core_stopped(kit->core));
    hf_client_core_start(kit->core, &kit->now);
    expect(kit, "connect 0\n");
    kit_open(kit);
    kit_upgrade(kit);
    expect(kit, "> HELLO session=00 at=0 first=1 next=1\n");
    assert_true(kit->hello.queue_id == 77 && kit->hello.window_messages == 256);
    assert_int_equal(hf_client_core_state(kit->core), HF_LINK_HANDSHAKING);
    kit_welcome(kit);
    expect(kit, "opened new\n");
    assert_int_equal(hf_client_core_state(kit->core), HF_LINK_CONNECTED);
}

static void each_stage_has_its_deadline(void **state)
{
    struct kit *kit = *state;
    static const struct {
        int stage; /* -1: open, -2: greeting */
        uint32_t ms;
    } rows[] = {{HF_CLIENT_STAGE_DNS, 3000},
                {HF_CLIENT_STAGE_TCP, 5000},
                {HF_CLIENT_STAGE_TLS, 10000},
                {-1, 5000},
                {-2, 5000}};

    hf_client_core_start(kit->core, &kit->now);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        forget(kit);
        kit_tick(kit, 100);
        if (rows[i].stage >= 0)
            hf_client_core_stage(kit->core, &kit->now, (enum hf_client_stage)rows[i].stage);
        else
            kit_open(kit);
        if (rows[i].stage == -2)
            kit_upgrade(kit);
        kit_tick(kit, rows[i].ms - 1);
        forget(kit);
        hf_client_core_tick(kit->core, &(struct hf_client_time){.now_ms = kit->now.now_ms + 1});
        expect(kit, "close\nclosed 0 none TIMEOUT\n");
        kit_until_attempt(kit);
    }
}

static void a_transport_that_fails_is_tried_again(void **state)
{
    struct kit *kit = *state;

    hf_client_core_start(kit->core, &kit->now);
    hf_client_core_failed(kit->core, &kit->now, HF_CLIENT_FAILED_REFUSED, HF_SLICE("connection refused"));
    expect(kit, "connect 0\nclose\nclosed 0 none REFUSED\n");
    assert_true(hf_client_core_due_ms(kit->core) <= kit->now.now_ms + 1000);
    kit_until_attempt(kit);
    expect(kit, "connect 1\n");
    kit_open(kit);
    hf_client_core_closed(kit->core, &kit->now);
    expect(kit, "close\nclosed 0 none LOST\n");
}

static void http_refusals(void **state)
{
    struct kit *kit = *state;
    static const struct {
        const char *answer, *want;
        bool fresh;
        uint64_t at_least_ms, at_most_ms;
    } rows[] = {
        {"HTTP/1.1 401 Unauthorized\r\nContent-Length: 33\r\n\r\n{\"reason\":\"credentials_expired\"}\n",
         "close\nclosed 4401 credentials_expired AUTH_REFUSED\n", true, 0, 1000},
        {"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "close\nclosed 4403 none AUTH_REFUSED\n",
         true, 300000, 330000},
        {"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n",
         "close\nclosed 1013 none HTTP_REFUSED\n", true, 7000, 37000},
        {"HTTP/1.1 429 Many\r\nContent-Length: 0\r\n\r\n", "close\nclosed 4429 none HTTP_REFUSED\n", true,
         5000, 35000},
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "close\nclosed 0 none HTTP_REFUSED\n", true,
         0, 30000},
        {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
         "close\nclosed 0 none PROTOCOL\n", true, 0, 30000},
        {"SSH-2.0-OpenSSH_9.2\r\n", "close\nclosed 0 none PROTOCOL\n", true, 0, 30000},
    };

    hf_client_core_start(kit->core, &kit->now);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        uint64_t before_ms;

        kit_open(kit);
        forget(kit);
        for (const char *at = rows[i].answer; *at != '\0'; at++)
            kit_give(kit, at, 1);
        expect(kit, rows[i].want);
        before_ms = kit->now.now_ms;
        kit_until_attempt(kit);
        assert_in_range(kit->now.now_ms - before_ms, rows[i].at_least_ms, rows[i].at_most_ms);
        assert_true((strstr(kit->lines, "fresh") != NULL) == rows[i].fresh);
        forget(kit);
    }
}

static void a_refusal_is_told_in_the_words_that_say_most(void **state)
{
    struct kit *kit = *state;
    static const struct {
        const char *answer, *text;
    } rows[] = {
        {"HTTP/1.1 400 Bad Request\r\nContent-Length: 54\r\n\r\n"
         "{\"title\":\"malformed\",\"detail\":\"a device id is \\\"d\\\"\"}\n",
         "a device id is \"d\""},
        {"HTTP/1.1 401 Unauthorized\r\nContent-Length: 26\r\n\r\n{\"title\":\"it has expired\"}",
         "it has expired"},
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
         "the gateway did not answer 101 Switching Protocols"},
    };

    hf_client_core_start(kit->core, &kit->now);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        kit_open(kit);
        kit_give(kit, rows[i].answer, strlen(rows[i].answer));
        assert_string_equal(kit->closed_text, rows[i].text);
        kit_until_attempt(kit);
        forget(kit);
    }
}

static void a_wrong_accept_or_protocol_is_refused_before_any_frame(void **state)
{
    struct kit *kit = *state;
    static const char answer[] =
        "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: holdfast.v1\r\n\r\n";

    hf_client_core_start(kit->core, &kit->now);
    kit_open(kit);
    forget(kit);
    kit_give(kit, answer, strlen(answer));
    expect(kit, "close\nclosed 0 none PROTOCOL\n");
}

static void each_attempt_has_a_key_of_its_own(void **state)
{
    struct kit *kit = *state;
    char first[1024];

    hf_client_core_start(kit->core, &kit->now);
    kit_open(kit);
    memcpy(first, kit->wire, kit->wire_bytes);
    first[kit->wire_bytes] = '\0';
    hf_client_core_closed(kit->core, &kit->now);
    kit_until_attempt(kit);
    kit_open(kit);
    kit->wire[kit->wire_bytes] = '\0';
    assert_string_not_equal(strstr(first, "Sec-WebSocket-Key"),
                            strstr((char *)kit->wire, "Sec-WebSocket-Key"));
    assert_non_null(strstr(first, "X-A: b\r\n"));
}

static void close_codes(void **state)
{
    struct kit *kit = *state;
    static const struct {
        uint16_t code;
        const char *text, *closed;
        uint64_t at_least_ms, at_most_ms;
        bool fresh, forget;
    } rows[] = {
        {1001, "reason=drain;retry_ms=0", "closed 1001 drain NONE\n", 0, 1000, false, false},
        {1012, "reason=restart;retry_ms=2000", "closed 1012 restart NONE\n", 2000, 32000, false, false},
        {1013, "reason=busy;retry_ms=9000", "closed 1013 busy NONE\n", 9000, 39000, false, false},
        {4401, "reason=credentials_expired;retry_ms=0", "closed 4401 credentials_expired NONE\n", 0, 30000,
         true, false},
        {4403, "reason=revoked;retry_ms=300000", "closed 4403 revoked NONE\n", 300000, 330000, false, false},
        {4409, "reason=replaced;retry_ms=30000", "closed 4409 replaced NONE\n", 30000, 60000, false, false},
        {4429, "reason=rate_limit;retry_ms=0", "closed 4429 rate_limit NONE\n", 5000, 35000, false, false},
        {4400, "reason=session_broken;retry_ms=0", "closed 4400 session_broken NONE\n", 0, 30000, false,
         true},
        {1011, "", "closed 1011 none NONE\n", 0, 30000, false, false},
    };

    hf_client_core_start(kit->core, &kit->now);
    kit_established(kit);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        char want[128];
        uint64_t before_ms;

        forget(kit);
        kit_close(kit, rows[i].code, rows[i].text);
        snprintf(want, sizeof(want), "> Close %u \n", rows[i].code); /* the echo */
        expect(kit, want);
        assert_int_equal(hf_client_core_state(kit->core), HF_LINK_DISCONNECTING);
        hf_client_core_closed(kit->core, &kit->now);
        snprintf(want, sizeof(want), "close\n%s", rows[i].closed);
        expect(kit, want);
        before_ms = kit->now.now_ms;
        kit_until_attempt(kit);
        assert_in_range(kit->now.now_ms - before_ms, rows[i].at_least_ms, rows[i].at_most_ms);
        expect(kit, rows[i].fresh ? "connect 0 fresh\n" : "connect 0\n");
        kit->welcome.result = rows[i].forget ? HF_SESSION_NEW : HF_SESSION_RESUMED;
        kit_established(kit);
        assert_int_equal(kit->hello.session_id[0], rows[i].forget ? 0 : 0xaa);
        assert_int_equal(hf_client_core_state(kit->core), HF_LINK_CONNECTED);
    }
    forget(kit);
    kit_close(kit, 1000, "");
    hf_client_core_closed(kit->core, &kit->now);
    expect(kit, "> Close 1000 \nclose\nclosed 1000 none NONE for good\n");
    assert_true(hf_client_core_stopped(kit->core));
}

static void a_gateway_that_does_not_end_tcp_is_waited_for_5_s(void **state)
{
    struct kit *kit = *state;

    kit_close(kit, 1001, "");
    kit_tick(kit, HF_CLIENT_CLOSE_MS - 1);
    expect(kit, "> Close 1001 \n");
    kit_tick(kit, 1);
    assert_memory_equal(kit->lines, "close\nclosed 1001 none NONE\n", 28);
}

static void a_loss_is_1006_and_the_ticket_replaces_the_first_delay(void **state)
{
    struct kit *kit = *state;
    uint64_t lost_ms;

    hf_client_core_start(kit->core, &kit->now);
    kit->welcome.ticket_ms = 12345;
    kit_established(kit);
    kit_tick(kit, 100);
    forget(kit);
    lost_ms = kit->now.now_ms;
    hf_client_core_closed(kit->core, &kit->now);
    expect(kit, "close\nclosed 1006 none LOST\n");
    kit_until_attempt(kit);
    assert_int_equal(kit->now.now_ms - lost_ms, 12345);
}

static void bye_brings_ticket_and_alternates(void **state)
{
    struct kit *kit = *state;
    const struct hf_frame bye = {.type = HF_FRAME_BYE,
                                 .as.bye = {.reason = HF_REASON_DRAIN,
                                            .ticket_ms = 777,
                                            .alternate_count = 1,
                                            .alternates = {HF_SLICE("other:8443")},
                                            .detail = HF_SLICE("")}};
    uint64_t lost_ms = kit->now.now_ms;

    kit_send(kit, &bye);
    kit_close(kit, 1001, "reason=drain;retry_ms=0");
    hf_client_core_closed(kit->core, &kit->now);
    expect(kit, "> Close 1001 \nclose\nclosed 1001 drain NONE\n");
    kit_until_attempt(kit);
    assert_int_equal(kit->now.now_ms - lost_ms, 777);
    expect(kit, "connect 0\n");
    hf_client_core_failed(kit->core, &kit->now, HF_CLIENT_FAILED_REFUSED, HF_SLICE(""));
    kit_until_attempt(kit);
    expect(kit, "close\nclosed 0 none REFUSED\nconnect 1 other:8443\n");
}

/* Round, from the configured one on; those of WELCOME replace what was known, and none is an answer, too. */
static void attempts_go_round_the_alternates(void **state)
{
    static const char *const rounds[] = {"connect 0\n",    "connect 1 a:1\n", "connect 2 b\n",
                                         "connect 3 c\n",  "connect 4 d\n",   "connect 5\n",
                                         "connect 6 a:1\n"};
    struct kit *kit = *state;

    kit->welcome.alternate_count = 5; /* one more than is kept */
    kit->welcome.alternates[0] = HF_SLICE("a:1");
    kit->welcome.alternates[1] = HF_SLICE("b");
    kit->welcome.alternates[2] = HF_SLICE("c");
    kit->welcome.alternates[3] = HF_SLICE("d");
    kit->welcome.alternates[4] = HF_SLICE("e");
    hf_client_core_start(kit->core, &kit->now);
    kit_established(kit);
    hf_client_core_closed(kit->core, &kit->now);
    for (size_t i = 0; i < HF_COUNT_OF(rounds); i++) {
        forget(kit);
        kit_until_attempt(kit);
        expect(kit, rounds[i]);
        hf_client_core_failed(kit->core, &kit->now, HF_CLIENT_FAILED_REFUSED, HF_SLICE(""));
    }
    kit->welcome.alternate_count = 0;
    kit_until_attempt(kit);
    kit_established(kit);
    hf_client_core_closed(kit->core, &kit->now);
    for (unsigned i = 0; i < 2; i++) {
        kit_until_attempt(kit);
        forget(kit);
        hf_client_core_failed(kit->core, &kit->now, HF_CLIENT_FAILED_REFUSED, HF_SLICE(""));
    }
    kit_until_attempt(kit);
    expect(kit, "close\nclosed 0 none REFUSED\nconnect 2\n");
}

static void stop_says_goodbye(void **state)
{
    struct kit *kit = *state;

    hf_client_core_stop(kit->core, &kit->now);
    expect(kit, "> BYE normal\n> Close 1000 reason=normal;retry_ms=0\n");
    assert_false(hf_client_core_stopped(kit->core));
    kit_close(kit, 1000, "");
    hf_client_core_closed(kit->core, &kit->now);
    expect(kit, "close\nclosed 1000 normal NONE for good\n");
    assert_true(hf_client_core_stopped(kit->core));
    assert_true(hf_client_core_due_ms(kit->core) == UINT64_MAX);
}

static void stop_while_waiting_or_connecting(void **state)
{
    struct kit *kit = *state;

    hf_client_core_start(kit->core, &kit->now);
    hf_client_core_stop(kit->core, &kit->now);
    expect(kit, "connect 0\nclose\nclosed 0 none NONE for good\n");
    hf_client_core_start(kit->core, &kit->now);
    hf_client_core_failed(kit->core, &kit->now, HF_CLIENT_FAILED_TLS, HF_SLICE(""));
    forget(kit);
    hf_client_core_stop(kit->core, &kit->now);
    expect(kit, "closed 0 none NONE for good\n");
}

static void attempts_max_gives_up(void **state)
{
    struct kit *kit = *state;

    hf_client_core_free(kit->core);
    kit->config.attempts_max = 2;
    kit_core_new(kit);
    hf_client_core_start(kit->core, &kit->now);
    for (int i = 0; i < 2; i++) {
        hf_client_core_failed(kit->core, &kit->now, HF_CLIENT_FAILED_DNS, HF_SLICE(""));
        kit_until_attempt(kit);
    }
    forget(kit);
    hf_client_core_failed(kit->core, &kit->now, HF_CLIENT_FAILED_DNS, HF_SLICE(""));
    expect(kit, "close\nclosed 0 none DNS for good\n");
}

static void no_attempt_while_the_network_is_down(void **state)
{
    struct kit *kit = *state;

    hf_client_core_network(kit->core, &kit->now, false);
    hf_client_core_start(kit->core, &kit->now);
    kit_tick(kit, 100000);
    expect(kit, "");
    hf_client_core_network(kit->core, &kit->now, true);
    assert_true(hf_client_core_due_ms(kit->core) <= kit->now.now_ms + 1000);
    kit_until_attempt(kit);
    hf_client_core_network(kit->core, &kit->now, false); /* the attempt goes on, the next one does not */
    hf_client_core_failed(kit->core, &kit->now, HF_CLIENT_FAILED_TIMEOUT, HF_SLICE(""));
    expect(kit, "connect 0\nclose\nclosed 0 none TIMEOUT\n");
    assert_true(hf_client_core_due_ms(kit->core) == UINT64_MAX);
}

static void configuration_is_checked(void **state)
{
    struct kit *kit = *state;
    struct hf_client_core *core;
    static const char long_text[129];
    struct hf_client_config wrong[6];

    for (size_t i = 0; i < HF_COUNT_OF(wrong); i++)
        wrong[i] = kit->config;
    wrong[0].device = (struct hf_slice){long_text, 129};
    wrong[1].window_messages = HF_CLIENT_WINDOW_MESSAGES_MAX + 1;
    wrong[2].window_bytes = 1023;
    wrong[3].profile = 9;
    wrong[4].group_count = 1; /* an empty one */
    wrong[5].message_bytes_max = HF_CLIENT_MESSAGE_BYTES_MAX_LIMIT + 1;
    for (size_t i = 0; i < HF_COUNT_OF(wrong); i++)
        assert_int_equal(hf_client_core_new(&wrong[i], kit->store, &kit->ops, kit, &core), HF_ERR_INVALID);
}

static void a_request_that_cannot_be_written_is_a_failed_attempt(void **state)
{
    struct kit *kit = *state;
    const struct hf_client_request request = {HF_SLICE("/a b"), HF_SLICE("gw"), HF_SLICE(""), false};

    hf_client_core_start(kit->core, &kit->now);
    assert_int_equal(hf_client_core_open(kit->core, &kit->now, &request), HF_ERR_INVALID);
    expect(kit, "connect 0\nclose\nclosed 0 none LOCAL\n");
    assert_int_equal(hf_client_core_open(kit->core, &kit->now, &request), HF_ERR_INVALID); /* not now */
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, kit_setup, kit_teardown)
#define OPEN(test)  cmocka_unit_test_setup_teardown(test, kit_setup_open, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(from_start_to_established),
        FRESH(each_stage_has_its_deadline),
        FRESH(a_transport_that_fails_is_tried_again),
        FRESH(http_refusals),
        FRESH(a_refusal_is_told_in_the_words_that_say_most),
        FRESH(a_wrong_accept_or_protocol_is_refused_before_any_frame),
        FRESH(each_attempt_has_a_key_of_its_own),
        FRESH(close_codes),
        OPEN(a_gateway_that_does_not_end_tcp_is_waited_for_5_s),
        FRESH(a_loss_is_1006_and_the_ticket_replaces_the_first_delay),
        OPEN(bye_brings_ticket_and_alternates),
        FRESH(attempts_go_round_the_alternates),
        OPEN(stop_says_goodbye),
        FRESH(stop_while_waiting_or_connecting),
        FRESH(attempts_max_gives_up),
        FRESH(no_attempt_while_the_network_is_down),
        FRESH(configuration_is_checked),
        FRESH(a_request_that_cannot_be_written_is_a_failed_attempt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
