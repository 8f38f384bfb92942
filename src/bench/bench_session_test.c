/* A connection of the generator and its mode `resume` against a gateway that this test plays, over a socket pair. */
#include "bench/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/reason.h"
#include "bench/mark.h"
#include "bench/samples.h"
#include "codec/session/binary.h"

enum { HEARD_MAX = 32, AT_MS = 1000, NS_PER_MS = 1000000, WINDOW = 4, MESSAGE_BYTES = 8192 };

struct heard { /* what the gateway was told: frames, in how many WebSocket messages */
    struct hf_frame frame[HEARD_MAX];
    unsigned frames, messages;
    uint8_t bytes[MESSAGE_BYTES];
};

struct bench {
    struct hf_bench_config config;
    struct hf_bench_worker *worker;
    struct hf_bench_result *result;
    struct hf_bench_conn *conn;
    struct hf_ws_config ws;
    struct hf_ws_decoder decoder;
    struct heard heard;
    int peer_fd, control_fd;
};

static void socket_new(struct bench *b)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    if (b->peer_fd >= 0)
        close(b->peer_fd);
    b->peer_fd = pair[1];
    b->conn->wire.fd = pair[0];
    b->conn->state = HF_BENCH_CONN_OPEN;
    b->worker->net.open++;
    hf_ws_decoder_init(&b->decoder, &b->ws, false);
    hf_bench_session_begin(b->conn);
}

static struct bench *bench_new(const char *mode, const char *expect)
{
    char *argv[] = {(char *)mode,     (char *)"ws://h/", (char *)"--protocol", (char *)"holdfast.v1",
                    (char *)"--rate", (char *)"1",       (char *)"--expect",   (char *)expect};
    struct bench *b = calloc(1, sizeof(*b));
    char error[HF_BENCH_ERROR_BYTES] = "";
    int pair[2];

    assert_int_equal(hf_bench_config_parse(expect ? 8 : 6, argv, &b->config, error), HF_OK);
    b->worker = calloc(1, sizeof(*b->worker));
    b->result = calloc(1, sizeof(*b->result));
    b->conn = calloc(1, sizeof(*b->conn));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    *b->worker = (struct hf_bench_worker){.config = &b->config,
                                          .ops = hf_bench_mode_table[b->config.mode],
                                          .result = b->result,
                                          .conns = b->conn,
                                          .connections = 1,
                                          .control_fd = pair[0],
                                          .phase = HF_BENCH_PHASE_RUNNING};
    b->worker->net = (struct hf_bench_net){
        .config = &b->config, .result = b->result, .wheel = &b->worker->wheel, .user = b->worker};
    hf_wheel_init(&b->worker->wheel, 0);
    hf_bench_net_init(&b->worker->net);
    hf_bench_conn_init(b->conn, &b->worker->net, 0);
    b->ws = (struct hf_ws_config){.role = HF_WS_SERVER,
                                  .message_bytes_max = MESSAGE_BYTES,
                                  .fragments_max = 1,
                                  .memory = b->worker->net.ws.memory};
    b->control_fd = pair[1];
    b->peer_fd = -1;
    socket_new(b);
    return b;
}

static void bench_free(struct bench *b)
{
    hf_bench_conn_abort(b->conn);
    close(b->peer_fd);
    close(b->control_fd);
    close(b->worker->control_fd);
    free(b->worker->mode_data);
    free(b->worker);
    free(b->result);
    free(b->conn);
    free(b);
}

/* Everything that was sent since the last call. */
static const struct heard *hear(struct bench *b)
{
    struct heard *heard = &b->heard;
    ssize_t n = recv(b->peer_fd, heard->bytes, sizeof(heard->bytes), 0);
    uint8_t *at = heard->bytes;

    heard->frames = heard->messages = 0;
    for (size_t left = n > 0 ? (size_t)n : 0; left > 0;) {
        struct hf_ws_event event;
        size_t taken;

        assert_int_equal(hf_ws_decoder_feed(&b->decoder, at, left, &taken, &event), HF_OK);
        assert_true(event.type == HF_WS_PART && event.first && event.last);
        heard->messages++;
        for (size_t done = 0; done < event.slice_bytes;) {
            size_t frame_bytes;

            assert_true(heard->frames < HEARD_MAX);
            assert_int_equal(hf_frame_decode(event.slice + done, event.slice_bytes - done, MESSAGE_BYTES,
                                             &frame_bytes, &heard->frame[heard->frames++]),
                             HF_OK);
            done += frame_bytes;
        }
        at += taken;
        left -= taken;
    }
    return heard;
}

static void tell_part(struct bench *b, const struct hf_frame *frame, uint64_t now_ms)
{
    uint8_t out[1024];

    assert_true(hf_frame_bytes(frame) <= sizeof(out));
    hf_bench_session_message(b->conn, out, hf_frame_encode(frame, out), now_ms * NS_PER_MS);
}

static void tell(struct bench *b, const struct hf_frame *frame, uint64_t now_ms)
{
    tell_part(b, frame, now_ms);
    hf_bench_session_read_over(b->conn);
}

static void greet(struct bench *b, enum hf_session_result result, uint64_t downlink_next)
{
    struct hf_frame frame = {
        .type = HF_FRAME_WELCOME,
        .as.welcome = {
            .version = 1, .result = result, .window_messages = WINDOW, .downlink_next = downlink_next}};

    memset(frame.as.welcome.session_id, 7, sizeof(frame.as.welcome.session_id));
    tell(b, &frame, AT_MS);
}

static struct hf_frame command(uint32_t seq, const char *payload)
{
    struct hf_frame frame = {
        .type = HF_FRAME_COMMAND,
        .as.command = {.seq = seq, .format = 1, .name = HF_SLICE("blink"), .payload = hf_slice_of(payload)}};

    memset(frame.as.command.id, (int)seq, sizeof(frame.as.command.id));
    return frame;
}

static void tell_command(struct bench *b, uint32_t seq, uint64_t device, uint64_t number)
{
    char payload[2 * HF_BENCH_MARK_BYTES_MIN];

    (void)hf_bench_mark_write(payload, 0, device, number);
    struct hf_frame frame = command(seq, payload);
    tell_part(b, &frame, AT_MS);
}

static struct hf_frame ack(uint32_t through)
{
    return (struct hf_frame){.type = HF_FRAME_ACK,
                             .as.ack = {.received_through = through,
                                        .durable_through = through,
                                        .window_messages = WINDOW,
                                        .window_bytes = 1 << 20}};
}

static void drop_and_redial(struct bench *b)
{
    char answer;

    b->worker->ops->control(b->worker, HF_BENCH_DROP);
    assert_int_equal(read(b->control_fd, &answer, 1), 1);
    assert_int_equal(answer, 'A');
    assert_int_equal(b->conn->state, HF_BENCH_CONN_IDLE);
    b->worker->ops->control(b->worker, (uint64_t)AT_MS * NS_PER_MS);
    socket_new(b);
}

static struct bench *resumed(const char *expect)
{
    struct bench *b = bench_new("resume", expect);

    greet(b, HF_SESSION_NEW, 1);
    assert_true(b->worker->ops->start(b->worker));
    (void)hear(b);
    drop_and_redial(b);
    return b;
}

/* ---- the session ---- */

static void a_session_is_taken_up_where_it_was(void **state)
{
    static const uint8_t none[16];
    struct bench *b = bench_new("resume", "2");
    const struct hf_frame_hello *hello = &hear(b)->frame[0].as.hello;
    struct hf_frame frame = command(1, "{}");

    (void)state;
    assert_memory_equal(hello->session_id, none, 16);
    assert_int_equal(hello->downlink_position, 0);
    uint64_t queue_id = hello->queue_id;

    assert_int_equal(b->worker->greeting, 1);
    greet(b, HF_SESSION_NEW, 1);
    assert_int_equal(b->worker->greeting, 0);
    assert_true(b->worker->ops->start(b->worker));
    tell(b, &frame, AT_MS); /* before the drop: acknowledged, not answered */
    assert_int_equal(hear(b)->frames, 1);
    assert_int_equal(b->heard.frame[0].type, HF_FRAME_ACK);
    drop_and_redial(b);
    hello = &hear(b)->frame[0].as.hello;
    assert_int_equal(hello->session_id[0], 7);
    assert_int_equal(hello->downlink_position, 1);
    assert_true(hello->queue_id == queue_id);
    assert_int_equal(b->worker->greeting, 1);
    greet(b, HF_SESSION_RESUMED, 2);
    assert_int_equal(b->result->resumed, 1);
    assert_int_equal(b->result->corrupt, 0);
    bench_free(b);
}

static void other_modes_begin_anew(void **state)
{
    struct bench *b = bench_new("uplink", NULL);
    static const uint8_t none[16];
    uint64_t queue_id = hear(b)->frame[0].as.hello.queue_id;

    (void)state;
    greet(b, HF_SESSION_NEW, 1);
    hf_bench_conn_abort(b->conn);
    hf_bench_session_end(b->conn);
    socket_new(b);
    assert_memory_equal(hear(b)->frame[0].as.hello.session_id, none, 16);
    assert_true(b->heard.frame[0].as.hello.queue_id != queue_id);
    bench_free(b);
}

static void answers_and_ack_go_in_one_message(void **state)
{
    struct bench *b = resumed("3");

    (void)state;
    greet(b, HF_SESSION_RESUMED, 1);
    (void)hear(b);
    for (uint32_t i = 0; i < 3; i++)
        tell_command(b, i + 1, 1, i);
    assert_int_equal(hear(b)->messages, 0); /* until all is read */
    hf_bench_session_read_over(b->conn);
    assert_int_equal(hear(b)->messages, 1);
    assert_int_equal(b->heard.frames, 4);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(b->heard.frame[i].type, HF_FRAME_RESULT);
        assert_int_equal(b->heard.frame[i].as.result.seq, i + 1);
        assert_int_equal(b->heard.frame[i].as.result.id[0], i + 1);
    }
    assert_int_equal(b->heard.frame[3].as.ack.durable_through, 3);
    hf_bench_session_read_over(b->conn);
    assert_int_equal(hear(b)->messages, 0); /* nothing new, nothing said */
    bench_free(b);
}

static void a_full_window_leaves_commands_unanswered(void **state)
{
    struct bench *b = resumed("8");
    struct hf_frame durable = ack(2);

    (void)state;
    greet(b, HF_SESSION_RESUMED, 1);
    (void)hear(b);
    for (uint32_t i = 0; i < WINDOW + 2; i++)
        tell_command(b, i + 1, 1, i);
    hf_bench_session_read_over(b->conn);
    assert_int_equal(hear(b)->frames, WINDOW + 1);
    assert_int_equal(b->heard.frame[WINDOW].as.ack.durable_through, WINDOW + 2); /* taken all the same */
    assert_false(b->worker->ops->drained(b->worker));
    tell(b, &durable, AT_MS);
    tell_command(b, WINDOW + 3, 1, WINDOW + 2);
    hf_bench_session_read_over(b->conn);
    assert_int_equal(hear(b)->frames, 2);
    assert_int_equal(b->heard.frame[0].as.result.seq, WINDOW + 1);
    durable = ack(WINDOW + 1);
    tell(b, &durable, AT_MS);
    assert_true(b->worker->ops->drained(b->worker));
    durable = ack(WINDOW + 2); /* of what was never sent */
    tell(b, &durable, AT_MS);
    assert_int_equal(b->result->corrupt, 1);
    bench_free(b);
}

/* ---- heartbeats ---- */

static void beats_are_spread_over_the_interval(void **state)
{
    struct bench *b = bench_new("uplink", NULL);
    struct hf_bench_conn *conns = calloc(4, sizeof(*conns));
    uint64_t zero_ns = (uint64_t)AT_MS * NS_PER_MS;

    (void)state;
    b->config.heartbeat_ns = (uint64_t)1000 * NS_PER_MS;
    assert_true(hf_bench_session_beat_ns(b->worker) == UINT64_MAX); /* nobody is there yet */
    (void)hear(b);
    hf_bench_session_beats(b->worker, zero_ns);
    greet(b, HF_SESSION_NEW, 1);
    for (uint32_t i = 0; i < 4; i++)
        hf_bench_conn_init(&conns[i], &b->worker->net, i);
    conns[2] = *b->conn; /* of four connections the third is there */
    b->worker->conns = conns;
    b->worker->connections = 4;
    static const uint32_t at_ms[] = {0, 250, 499, 500, 999, 1250, 1499, 1500, 1700};
    static const unsigned pings[] = {0, 0, 0, 1, 0, 0, 0, 1, 0};

    for (size_t i = 0; i < HF_COUNT_OF(at_ms); i++) {
        hf_bench_session_beats(b->worker, zero_ns + (uint64_t)at_ms[i] * NS_PER_MS);
        assert_int_equal(hear(b)->frames, pings[i]);
        if (pings[i] > 0)
            assert_int_equal(b->heard.frame[0].type, HF_FRAME_PING);
    }
    assert_int_equal(b->heard.frame[0].as.beat.beat.seq, 2);
    assert_int_equal(b->heard.frame[0].as.beat.interval_ms, 1000);
    hf_bench_session_beats(b->worker, zero_ns + UINT64_C(9800) * NS_PER_MS); /* we were away */
    assert_int_equal(hear(b)->frames, 1);
    assert_true(hf_bench_session_beat_ns(b->worker) == zero_ns + UINT64_C(10800) * NS_PER_MS);
    b->worker->conns = b->conn;
    b->worker->connections = 1;
    free(conns);
    bench_free(b);
}

/* ---- the books of `resume` ---- */

static void every_number_counts_once(void **state)
{
    static const struct {
        const char *name;
        uint32_t seq[5],
            count; /* commands that come, marked in the order of their numbers; the mode expects three */
        uint32_t gap_to; /* and then a GAP from 3 on; 0 = none */
        uint16_t gap_reason;
        uint64_t answered, lost, duplicate, reordered, corrupt, acked;
    } rows[] = {
        {"all in order", {1, 2, 3}, 3, 0, 0, 3, 0, 0, 0, 0, 3},
        {"one too few", {1, 2}, 2, 0, 0, 2, 1, 0, 0, 0, 2},
        {"one twice", {1, 2, 2, 3}, 4, 0, 0, 3, 0, 1, 0, 0, 3},
        {"a hole", {1, 3}, 2, 0, 0, 2, 1, 0, 0, 1, 1}, /* its mark says that it is not the second */
        {"two exchanged", {2, 1, 3}, 3, 0, 0, 3, 0, 0, 1, 2, 3},
        {"declared lost", {1, 2}, 2, 3, HF_REASON_EXPIRED, 2, 1, 0, 0, 0, 3},
        {"never was one", {1, 2}, 2, 3, HF_REASON_NONE, 2, 1, 0, 0, 0, 3},
        {"half a world away", {1, 0x80000002}, 2, 0, 0, 1, 2, 0, 0, 1, 1},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct bench *b = resumed("3");

        print_message("%s\n", rows[i].name);
        greet(b, HF_SESSION_RESUMED, 1);
        (void)hear(b);
        for (uint32_t k = 0; k < rows[i].count; k++)
            tell_command(b, rows[i].seq[k], 1, rows[i].seq[k] - 1);
        if (rows[i].gap_to > 0)
            tell_part(
                b,
                &(struct hf_frame){.type = HF_FRAME_GAP,
                                   .as.gap = {.from = 3, .to = rows[i].gap_to, .reason = rows[i].gap_reason}},
                AT_MS);
        hf_bench_session_read_over(b->conn);
        (void)hear(b);
        assert_int_equal(b->heard.frame[b->heard.frames - 1].as.ack.received_through, rows[i].acked);
        b->worker->outstanding = 0;
        b->worker->ops->finish(b->worker);
        assert_int_equal(b->result->answered, rows[i].answered);
        assert_int_equal(b->result->lost, rows[i].lost);
        assert_int_equal(b->result->duplicate, rows[i].duplicate);
        assert_int_equal(b->result->reordered, rows[i].reordered);
        assert_int_equal(b->result->corrupt, rows[i].corrupt);
        bench_free(b);
    }
}

static void the_last_one_ends_the_measured_time(void **state)
{
    struct bench *b = resumed("2");
    uint64_t over_ns = (uint64_t)AT_MS * NS_PER_MS + b->config.duration_ns;
    struct hf_frame frame = command(1, "{\"hfb\": \"1-0\"}");

    (void)state;
    greet(b, HF_SESSION_RESUMED, 1);
    tell(b, &frame, AT_MS + 300);
    assert_true(b->worker->measure_end_ns == over_ns);
    frame = command(2, "{\"hfb\": \"2-1\"}"); /* meant for another device */
    tell(b, &frame, AT_MS + 500);
    assert_true(b->worker->measure_end_ns == (uint64_t)(AT_MS + 500) * NS_PER_MS);
    assert_int_equal(b->result->corrupt, 1);
    assert_int_equal(hf_hist_max(&b->result->latency), (uint64_t)500 * NS_PER_MS);
    frame = command(3, "{}"); /* more than was expected */
    tell(b, &frame, AT_MS + 600);
    assert_int_equal(b->result->answered, 2);
    assert_int_equal(b->result->foreign, 1);
    b->worker->ops->control(b->worker, HF_BENCH_DROP); /* once a run */
    assert_int_equal(b->conn->state, HF_BENCH_CONN_OPEN);
    bench_free(b);
}

static void without_messages_welcome_is_the_end(void **state)
{
    struct bench *b = resumed("0");

    (void)state;
    greet(b, HF_SESSION_REBUILT, 1);
    assert_int_equal(b->result->rebuilt, 1);
    assert_int_equal(b->result->resumed, 0);
    assert_true(b->worker->measure_end_ns == (uint64_t)AT_MS * NS_PER_MS);
    b->worker->ops->finish(b->worker);
    assert_int_equal(b->result->lost, 0);
    bench_free(b);
}

static void a_resumed_session_goes_on_where_it_said(void **state)
{
    struct bench *b = resumed("0");

    (void)state;
    greet(b, HF_SESSION_RESUMED, 5); /* we have nothing, so 1 is next */
    assert_int_equal(b->result->corrupt, 1);
    bench_free(b);
}

/* ---- samples ---- */

static void batches_follow_each_other(void **state)
{
    static const struct {
        uint64_t since_ns, apart_ns;
        unsigned count;
    } rows[] = {
        {50 * NS_PER_MS, 10 * NS_PER_MS, 5},       /* 100 Hz */
        {5 * NS_PER_MS, NS_PER_MS, 5},             /* faster than that */
        {1000ULL * NS_PER_MS, 10 * NS_PER_MS, 64}, /* after a break */
        {3, 0, 64},
    };
    struct hf_bench_session session = {.queue_id = 77, .sampled_ns = 1000ULL * NS_PER_MS, .samples = 10};
    uint8_t out[HF_SAMPLES_BYTES_MAX];

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        uint64_t now_ns = session.sampled_ns + rows[i].since_ns;
        struct hf_slice batch =
            hf_bench_samples_write(&session, rows[i].count, now_ns, INT64_C(1700000000000000000), out);
        struct hf_samples samples;
        struct hf_sample first, last;

        assert_int_equal(hf_samples_read(batch, &samples), HF_OK);
        assert_int_equal(samples.count, rows[i].count);
        hf_sample_read(samples.samples, &first);
        hf_sample_read(samples.samples + (size_t)(samples.count - 1) * HF_SAMPLE_BYTES, &last);
        assert_true(last.ts_ns == now_ns && first.ts_ns > session.sampled_ns);
        assert_true(first.ts_ns == now_ns - (samples.count - 1) * rows[i].apart_ns);
        assert_true(hf_sample_utc_ns(&samples, &last) == INT64_C(1700000000000000000));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_is_taken_up_where_it_was),
        cmocka_unit_test(other_modes_begin_anew),
        cmocka_unit_test(answers_and_ack_go_in_one_message),
        cmocka_unit_test(a_full_window_leaves_commands_unanswered),
        cmocka_unit_test(beats_are_spread_over_the_interval),
        cmocka_unit_test(every_number_counts_once),
        cmocka_unit_test(the_last_one_ends_the_measured_time),
        cmocka_unit_test(without_messages_welcome_is_the_end),
        cmocka_unit_test(a_resumed_session_goes_on_where_it_said),
        cmocka_unit_test(batches_follow_each_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
