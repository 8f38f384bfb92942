/* TCP connections of SIP at their bounds of time and of what other workers take. Time is moved on the wheel; sockets are real. */
#include "app/gb_testkit.h"

#include <errno.h>
#include <unistd.h>

enum { UNPROVEN_MS = 30000, IDLE_MS = 7200000, WRITE_MS = 10000 };

static struct hf_gbw *gb;
static int peer;
static size_t sent; /* of the message that pour() is at */

static void turn(void)
{
    hf_loop_turn(kit.workers[HERE]->loop, 0);
    hf_gbw_turn_end(gb);
}

#define UNTIL(condition)     \
    do {                     \
        while (!(condition)) \
            turn();          \
    } while (0)

static int set_up(void **state)
{
    struct hf_admission_limits admit = {
        .connections_max = 10, .plain = {1000, 1000}, .prefix_v4_bits = 24, .prefix_v6_bits = 64};
    struct hf_worker *here;

    assert_int_equal(kit_set_up(state), 0);
    here = kit.workers[HERE];
    gb = &here->gb;
    here->rules = &kit.rules;
    here->loop->user = here;
    hf_admission_init(&here->admission, &admit, (const uint8_t *)"0123456789abcdef");
    kit.config.gb28181.tcp_unproven_ms = UNPROVEN_MS;
    kit.config.gb28181.tcp_idle_ms = IDLE_MS;
    kit.config.gb28181.tcp_buffer_bytes_max = 1 << 20;
    kit.config.websocket.write_timeout_ms = WRITE_MS;
    kit.gateway.gb.door_count = 1;
    assert_int_equal(hf_address_parse("127.0.0.1:0", &kit.gateway.gb.doors[0].address), HF_OK);
    gb->here[0] = (struct hf_gbw_door_here){gb, 0};
    hf_gbw_streams_init(gb);
    assert_int_equal(hf_gbw_tcp_open(gb, 0), HF_OK);
    peer = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sent = 0;
    (void)connect(peer, &kit.gateway.gb.doors[0].address.any, sizeof(struct sockaddr_in));
    UNTIL(gb->stats.streams_now == 1);
    return 0;
}

static int tear_down(void **state)
{
    hf_gbw_streams_abort(gb);
    hf_listener_close(gb->listeners[0]);
    turn();
    close(peer);
    assert_int_equal(gb->stats.streams_now, 0);
    assert_int_equal(gb->stats.buffer_bytes_now, 0);
    return kit_tear_down(state);
}

/* A message with the length that streams need. */
static struct hf_slice framed(void)
{
    static char text[512];
    struct hf_slice plain = kit_message(0);
    int bytes = snprintf(text, sizeof(text), "%.*sContent-Length: 0\r\n\r\n", (int)plain.bytes - 2, plain.at);

    return (struct hf_slice){text, (size_t)bytes};
}

/* Whole messages, as many as the kernel takes. */
static unsigned pour(unsigned count)
{
    struct hf_slice one = framed();
    unsigned whole = 0;

    while (whole < count) {
        ssize_t bytes = send(peer, one.at + sent, one.bytes - sent, MSG_NOSIGNAL);

        if (bytes < 0)
            break;
        sent += (size_t)bytes;
        if (sent == one.bytes) {
            sent = 0;
            whole++;
        }
    }
    return whole;
}

static bool peer_sees_the_end(void)
{
    char byte;
    ssize_t bytes = recv(peer, &byte, 1, 0);

    return bytes == 0 || (bytes < 0 && errno == ECONNRESET);
}

static void run_at(uint64_t later_ms)
{
    (void)hf_wheel_run(&kit.workers[HERE]->loop->wheel, kit.workers[HERE]->loop->now_ms + later_ms);
}

static void a_stream_is_held_while_another_worker_is_busy_and_loses_nothing(void **state)
{
    unsigned poured = 0, came = 0;

    (void)state;
    while (gb->stats.streams_held == 0) {
        poured += pour(64);
        turn();
    }
    uint64_t forwarded = gb->stats.forwarded;
    assert_true(forwarded >= ENTRIES + HF_WORKER_BACKLOG_MAX);
    poured += pour(64);
    turn();
    turn();
    assert_int_equal(gb->stats.forwarded, forwarded); /* what comes now lies in the kernel */
    assert_false(hf_list_empty(&gb->held));
    while (came < poured) {
        came += kit_drain();
        turn();
    }
    assert_int_equal(came, poured);
    assert_int_equal(gb->stats.forwarded_dropped, 0);
    assert_true(hf_list_empty(&gb->held));
}

static void a_held_stream_may_be_closed(void **state)
{
    (void)state;
    while (gb->stats.streams_held == 0) {
        (void)pour(64);
        turn();
    }
    run_at(UNPROVEN_MS + 1000); /* it would not have been heard of otherwise */
    assert_int_equal(gb->stats.streams_unproven, 1);
    assert_true(hf_list_empty(&gb->held));
    run_at(UNPROVEN_MS + HF_GBW_STREAM_CLOSE_MS + 2000);
    assert_int_equal(gb->stats.streams_now, 0);
}

static void who_does_not_register_is_sent_away(void **state)
{
    (void)state;
    run_at(UNPROVEN_MS - 1000);
    assert_int_equal(gb->stats.streams_unproven, 0);
    run_at(UNPROVEN_MS + 1000);
    assert_int_equal(gb->stats.streams_unproven, 1);
    UNTIL(peer_sees_the_end());
    assert_int_equal(gb->stats.streams_now, 1); /* its own end is awaited */
    run_at(UNPROVEN_MS + HF_GBW_STREAM_CLOSE_MS + 2000);
    assert_int_equal(gb->stats.streams_now, 0);
    assert_int_equal(kit_drain(), 0); /* nobody elsewhere knew of it */
}

static void who_has_registered_may_be_silent_for_long_but_not_for_ever(void **state)
{
    struct hf_sip_flow flow = {.connection = 1};

    (void)state;
    assert_int_equal(pour(1), 1);
    UNTIL(gb->stats.forwarded == 1);
    assert_int_equal(kit_drain(), 1);
    flow = kit.flow; /* as the other worker got it */
    assert_int_equal(flow.transport, HF_SIP_TCP);
    assert_int_equal(flow.endpoint, HERE);
    assert_int_equal(flow.local_port, hf_address_port(&kit.gateway.gb.doors[0].address));
    hf_gbw_stream_proven(gb, &flow);
    run_at(UNPROVEN_MS + 1000);
    assert_int_equal(gb->stats.streams_unproven + gb->stats.streams_idle, 0);
    run_at(IDLE_MS + 1000);
    assert_int_equal(gb->stats.streams_idle, 1);
    assert_int_equal(hf_gbw_stream_send(gb, &flow, HF_SLICE("x")), HF_ERR_CLOSED);
    run_at(IDLE_MS + HF_GBW_STREAM_CLOSE_MS + 2000);
    assert_int_equal(gb->stats.streams_now, 0);
    assert_int_equal(kit_drain(), 1); /* the other worker hears that it is gone */
    assert_int_equal(hf_gbw_stream_send(gb, &flow, HF_SLICE("x")), HF_ERR_CLOSED);
}

static void who_does_not_read_is_closed(void **state)
{
    static char large[65536];
    struct hf_sip_flow flow;

    (void)state;
    assert_int_equal(pour(1), 1);
    UNTIL(gb->stats.forwarded == 1);
    (void)kit_drain();
    flow = kit.flow;
    hf_gbw_stream_proven(gb, &flow);
    memset(large, 'x', sizeof(large));
    while (kit.workers[HERE]->loop->stats.blocked == 0) {
        assert_int_equal(hf_gbw_stream_send(gb, &flow, (struct hf_slice){large, sizeof(large)}), HF_OK);
        turn();
    }
    run_at(WRITE_MS - 2000);
    assert_int_equal(gb->stats.streams_stuck, 0);
    run_at(WRITE_MS + 1000);
    assert_int_equal(gb->stats.streams_stuck, 1);
    assert_int_equal(gb->stats.streams_now, 0);
}

static void memory_is_held_only_while_a_message_is_incomplete(void **state)
{
    struct hf_slice one = framed();

    (void)state;
    for (size_t i = 0; i < one.bytes; i++) {
        assert_int_equal(send(peer, one.at + i, 1, MSG_NOSIGNAL), 1);
        uint64_t received = kit.workers[HERE]->loop->stats.received_bytes;
        UNTIL(kit.workers[HERE]->loop->stats.received_bytes > received);
        assert_int_equal(gb->stats.buffer_bytes_now > 0, i + 1 < one.bytes);
    }
    assert_int_equal(gb->stats.forwarded, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_stream_is_held_while_another_worker_is_busy_and_loses_nothing,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_held_stream_may_be_closed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_does_not_register_is_sent_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_has_registered_may_be_silent_for_long_but_not_for_ever, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_does_not_read_is_closed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_is_held_only_while_a_message_is_incomplete, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
