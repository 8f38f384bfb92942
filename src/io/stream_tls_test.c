#include "io/stream_testkit.h"

enum { MEGABYTE = 1 << 20, SMALL = 32768 /* tiny windows make TCP wait for its own timers */ };

static uint8_t pattern[2 * MEGABYTE];

/* Both ends are streams of the same loop. */
struct pair {
    struct hf_loop *loop;
    SSL_CTX *server_context, *client_context;
    struct kit_end server, client;
};

static void pair_open(struct pair *pair, const struct hf_loop_options *options, int max_version,
                      int send_bytes)
{
    struct hf_stream_options server = {.on_ready = kit_on_ready};
    struct hf_stream_options client = {.on_ready = kit_on_ready};
    int ours, peer;

    pair->loop = kit_loop(options);
    pair->server_context = kit_server_context();
    pair->client_context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(pair->server_context, max_version);
    SSL_CTX_set_options(pair->server_context, SSL_OP_NO_TICKET); /* tickets are ids of sessions kept here */
    kit_pair(&ours, &peer, send_bytes, send_bytes);
    assert_int_equal(fcntl(peer, F_SETFL, O_NONBLOCK), 0);
    server.ssl = kit_ssl(pair->server_context, true);
    client.ssl = kit_ssl(pair->client_context, false);
    assert_int_equal(
        hf_stream_open(pair->loop, ours, &server, &kit_handler, &pair->server, &pair->server.stream), HF_OK);
    assert_int_equal(
        hf_stream_open(pair->loop, peer, &client, &kit_handler, &pair->client, &pair->client.stream), HF_OK);
}

static void pair_close(struct pair *pair)
{
    if (pair->server.stream != NULL)
        kit_abort(&pair->server);
    if (pair->client.stream != NULL)
        kit_abort(&pair->client);
    kit_turns(pair->loop, 1);
    assert_int_equal(pair->loop->stats.streams_now, 0);
    assert_int_equal(pair->loop->stats.handshakes_waiting, 0);
    hf_loop_free(pair->loop);
    SSL_CTX_free(pair->server_context);
    SSL_CTX_free(pair->client_context);
    kit_end_free(&pair->server);
    kit_end_free(&pair->client);
}

static void act_echo(struct kit_end *end, uint8_t *data, size_t bytes)
{
    assert_int_equal(kit_write(end, data, bytes), HF_OK);
}

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static void handshake_then_echo(void **state)
{
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(versions); i++) {
        struct pair pair = {.server = {.act = act_echo}};
        uint64_t receives, sends;

        pair_open(&pair, NULL, versions[i], 0);
        assert_false(hf_stream_ready(pair.server.stream));
        assert_int_equal(kit_write(&pair.client, "early", 5), HF_OK); /* waits for the handshake */
        KIT_UNTIL(pair.loop, pair.client.in_bytes == 5);
        assert_memory_equal(pair.client.in, "early", 5);
        assert_int_equal(pair.server.ready, 1);
        assert_int_equal(pair.client.ready, 1);
        assert_true(hf_stream_ready(pair.server.stream));
        assert_int_equal(pair.loop->stats.handshakes_done, 2);
        assert_true(pair.loop->stats.handshake_cpu_ns > 0);
        kit_turns(pair.loop, 5);
        receives = pair.loop->stats.receives;
        sends = pair.loop->stats.sends;
        assert_int_equal(kit_write(&pair.client, "again", 5), HF_OK);
        KIT_UNTIL(pair.loop, pair.client.in_bytes == 10);
        assert_int_equal(pair.loop->stats.receives - receives, 2); /* one for each end */
        assert_int_equal(pair.loop->stats.sends - sends, 2);
        pair_close(&pair);
    }
}

static void big_transfers_keep_every_byte(void **state)
{
    static const struct {
        int version, send_bytes;
        uint32_t receive_bytes;
    } rows[] = {{TLS1_3_VERSION, 0, 0},
                {TLS1_3_VERSION, SMALL, 0},
                {TLS1_2_VERSION, SMALL, 0},
                {TLS1_3_VERSION, 0, 1000}};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct pair pair = {0};
        size_t total = 700000, at = 0, part = 1;

        pair_open(&pair, &(struct hf_loop_options){.receive_bytes = rows[i].receive_bytes}, rows[i].version,
                  rows[i].send_bytes);
        for (; at < total; at += part, part = HF_MIN(part * 3 + 1, total - at))
            assert_int_equal(kit_write(&pair.server, pattern + at, part), HF_OK);
        KIT_UNTIL(pair.loop, pair.client.in_bytes == total);
        assert_memory_equal(pair.client.in, pattern, total);
        KIT_UNTIL(pair.loop, pair.server.blocked == pair.server.drained);
        assert_true(rows[i].send_bytes == 0 || pair.server.blocked > 0);
        assert_int_equal(kit_queued(&pair.server), 0);
        pair_close(&pair);
    }
}

static void shared_payloads_become_few_records(void **state)
{
    struct pair pair = {0};
    struct hf_shared *shared = hf_shared_new(pattern, 100);
    uint64_t sends;

    (void)state;
    pair_open(&pair, NULL, TLS1_3_VERSION, 0);
    KIT_UNTIL(pair.loop, pair.server.ready && pair.client.ready);
    kit_turns(pair.loop, 5);
    sends = pair.loop->stats.sends;
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(pair.server.stream->link.ops->write_shared(&pair.server.stream->link, shared),
                         HF_OK);
    KIT_UNTIL(pair.loop, pair.client.in_bytes == 5000);
    assert_int_equal(pair.loop->stats.sends - sends, 1);
    assert_int_equal(shared->references, 1);
    hf_shared_unref(shared);
    pair_close(&pair);
}

static void finish_says_close_notify(void **state)
{
    struct pair pair = {0};

    (void)state;
    pair_open(&pair, NULL, TLS1_3_VERSION, SMALL);
    KIT_UNTIL(pair.loop, pair.server.ready && pair.client.ready);
    assert_int_equal(kit_write(&pair.server, pattern, 300000), HF_OK);
    kit_finish(&pair.server);
    KIT_UNTIL(pair.loop, pair.client.ends == 1);
    assert_int_equal(pair.client.in_bytes, 300000); /* all that was written before */
    assert_int_equal(pair.client.end, HF_LINK_END_EOF);
    KIT_UNTIL(pair.loop, pair.server.ends == 1);
    assert_int_equal(pair.server.end, HF_LINK_END_EOF);
    pair_close(&pair);
}

static void rubbish_is_a_tls_failure(void **state)
{
    struct hf_loop *loop = kit_loop(NULL);
    SSL_CTX *context = kit_server_context();
    struct hf_stream_options options = {.ssl = kit_ssl(context, true), .on_ready = kit_on_ready};
    struct kit_end end = {0};
    int ours, peer;

    (void)state;
    kit_pair(&ours, &peer, 0, 0);
    assert_int_equal(hf_stream_open(loop, ours, &options, &kit_handler, &end, &end.stream), HF_OK);
    kit_send(peer, "GET / HTTP/1.1\r\n\r\n", 18);
    KIT_UNTIL(loop, end.ends == 1);
    assert_int_equal(end.end, HF_LINK_END_TLS_FAILED);
    assert_int_equal(end.ready, 0);
    assert_int_equal(loop->stats.handshakes_failed, 1);
    assert_int_equal(loop->stats.closed_tls, 1);
    close(peer);
    SSL_CTX_free(context);
    hf_loop_free(loop);
}

static void a_peer_that_leaves_during_the_handshake_is_let_go(void **state)
{
    struct hf_loop *loop = kit_loop(NULL);
    SSL_CTX *context = kit_server_context();
    struct hf_stream_options options = {.ssl = kit_ssl(context, true)};
    struct kit_end end = {0}, quiet = {0};
    int ours, peer;

    (void)state;
    kit_pair(&ours, &peer, 0, 0);
    assert_int_equal(hf_stream_open(loop, ours, &options, &kit_handler, &end, &end.stream), HF_OK);
    kit_send(peer, "\x16\x03\x01", 3);
    kit_turns(loop, 3);
    close(peer);
    KIT_UNTIL(loop, end.ends == 1);
    assert_int_equal(end.end, HF_LINK_END_EOF);
    /* finish() before there is anybody to say goodbye to: over in the next turn */
    options.ssl = kit_ssl(context, true);
    kit_pair(&ours, &peer, 0, 0);
    assert_int_equal(hf_stream_open(loop, ours, &options, &kit_handler, &quiet, &quiet.stream), HF_OK);
    kit_finish(&quiet);
    assert_int_equal(quiet.ends, 0);
    kit_turns(loop, 1);
    assert_int_equal(quiet.ends, 1);
    close(peer);
    SSL_CTX_free(context);
    hf_loop_free(loop);
}

/* With a budget that one handshake step uses up, each turn serves one step, live traffic goes on in every turn, and
 * the loop neither sleeps nor loses anybody. */
static void handshakes_wait_for_their_budget(void **state)
{
    enum { CLIENTS = 20 };
    struct hf_loop *loop = kit_loop(&(struct hf_loop_options){.handshake_budget_us = 1});
    SSL_CTX *server_context = kit_server_context(), *client_context = SSL_CTX_new(TLS_client_method());
    static struct kit_end servers[CLIENTS], clients[CLIENTS];
    struct kit_end live = {.act = act_echo};
    int live_peer = kit_open(loop, &live, 0, 0), ours, peer;
    uint8_t back[8];
    unsigned done = 0, answered = 0;

    (void)state;
    memset(servers, 0, sizeof(servers));
    memset(clients, 0, sizeof(clients));
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct hf_stream_options options = {.on_ready = kit_on_ready, .ssl = kit_ssl(server_context, true)};

        kit_pair(&ours, &peer, 0, 0);
        assert_int_equal(fcntl(peer, F_SETFL, O_NONBLOCK), 0);
        assert_int_equal(hf_stream_open(loop, ours, &options, &kit_handler, &servers[i], &servers[i].stream),
                         HF_OK);
        options.ssl = kit_ssl(client_context, false);
        assert_int_equal(hf_stream_open(loop, peer, &options, &kit_handler, &clients[i], &clients[i].stream),
                         HF_OK);
    }
    for (unsigned turn = 0; turn < 10000 && done < CLIENTS; turn++) {
        uint64_t before = loop->stats.handshakes_done;

        kit_send(live_peer, "x", 1);
        hf_loop_turn(loop, 1000);
        assert_true(loop->stats.handshakes_done - before <= 1);
        answered += kit_receive(live_peer, back, sizeof(back)) == 1;
        assert_int_equal(answered, turn + 1); /* in every single turn */
        done = 0;
        for (unsigned i = 0; i < CLIENTS; i++)
            done += servers[i].ready && clients[i].ready;
    }
    assert_int_equal(done, CLIENTS);
    assert_true(loop->stats.handshakes_put_off > 0);
    assert_true(loop->stats.handshakes_waiting_max_seen >= CLIENTS);
    for (unsigned i = 0; i < CLIENTS; i++) {
        kit_abort(&servers[i]);
        kit_abort(&clients[i]);
    }
    kit_abort(&live);
    close(live_peer);
    kit_end_free(&live);
    hf_loop_free(loop);
    SSL_CTX_free(server_context);
    SSL_CTX_free(client_context);
}

static void aborted_while_it_waits_for_its_handshake(void **state)
{
    struct pair pair = {0};

    (void)state;
    pair_open(&pair, NULL, TLS1_3_VERSION, 0);
    assert_int_equal(pair.loop->stats.handshakes_waiting, 1); /* the client, which speaks first */
    kit_abort(&pair.client);
    assert_int_equal(pair.loop->stats.handshakes_waiting, 0);
    KIT_UNTIL(pair.loop, pair.server.ends == 1);
    pair_close(&pair);
}

static void act_take_out(struct kit_end *end, uint8_t *data, size_t bytes)
{
    assert_int_equal(kit_write(end, pattern, 400000), HF_OK);
    assert_int_equal(hf_stream_detach(end->stream, data + 1, bytes - 1, end->context), HF_OK);
    end->stream = NULL;
}

static void a_tls_connection_moves_too(void **state)
{
    struct hf_loop *other = kit_loop(NULL);
    struct hf_stream_seat seat;
    struct pair pair = {.server = {.act = act_take_out, .context = &seat}};
    struct kit_end moved = {0};

    (void)state;
    pair_open(&pair, NULL, TLS1_3_VERSION, SMALL);
    assert_int_equal(kit_write(&pair.client, "abc", 3), HF_OK);
    KIT_UNTIL(pair.loop, pair.server.reads == 1);
    assert_null(pair.server.stream);
    assert_int_equal(seat.unread_bytes, 2);
    assert_true(seat.unsent_bytes > 0); /* with a record that was cut in the middle */
    assert_int_equal(hf_stream_attach(other, &seat, &kit_handler, &moved, &moved.stream), HF_OK);
    assert_int_equal(kit_write(&pair.client, "def", 3), HF_OK);
    for (unsigned i = 0; i < KIT_TURNS_MAX && pair.client.in_bytes < 400000; i++) {
        kit_turns(other, 1);
        kit_turns(pair.loop, 1);
    }
    assert_int_equal(pair.client.in_bytes, 400000);
    assert_memory_equal(pair.client.in, pattern, 400000);
    assert_int_equal(moved.in_bytes, 5);
    assert_memory_equal(moved.in, "bcdef", 5);
    kit_abort(&moved);
    kit_end_free(&moved);
    hf_loop_free(other);
    pair_close(&pair);
}

static void act_ready_take_out(struct kit_end *end)
{
    assert_int_equal(hf_stream_detach(end->stream, NULL, 0, end->context), HF_OK);
    end->stream = NULL;
}

/* The first request came in one packet with the client's Finished and on_ready moves the connection away. */
static void nothing_is_lost_between_handshake_and_move(void **state)
{
    struct hf_loop *other = kit_loop(NULL);
    struct hf_stream_seat seat = {.fd = -1};
    struct pair pair = {.server = {.act_ready = act_ready_take_out, .context = &seat}};
    struct kit_end moved = {0};
    bool together = false;

    (void)state;
    pair_open(&pair, NULL, TLS1_3_VERSION, 0);
    assert_int_equal(kit_write(&pair.client, "request", 7), HF_OK);
    KIT_UNTIL(pair.loop, seat.fd >= 0);
    together = seat.unread_bytes == 7;
    assert_int_equal(hf_stream_attach(other, &seat, &kit_handler, &moved, &moved.stream), HF_OK);
    for (unsigned i = 0; i < KIT_TURNS_MAX && moved.in_bytes < 7; i++) {
        kit_turns(pair.loop, 1);
        kit_turns(other, 1);
    }
    assert_memory_equal(moved.in, "request", 7);
    assert_true(together);
    kit_abort(&moved);
    kit_end_free(&moved);
    hf_loop_free(other);
    pair_close(&pair);
}

/* A peer asks for new keys and sends on while our own output is stuck. */
static void a_key_update_while_blocked_loses_nothing(void **state)
{
    struct pair pair = {0};
    size_t total = 500000;

    (void)state;
    pair_open(&pair, NULL, TLS1_3_VERSION, SMALL);
    KIT_UNTIL(pair.loop, pair.server.ready && pair.client.ready);
    pair.client.stream->link.ops->pause_read(&pair.client.stream->link);
    assert_int_equal(kit_write(&pair.server, pattern, total), HF_OK);
    KIT_UNTIL(pair.loop, pair.server.blocked == 1);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(SSL_key_update(hf_stream_ssl(pair.client.stream), SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(kit_write(&pair.client, pattern + i * 100, 100), HF_OK);
        kit_turns(pair.loop, 4);
    }
    pair.client.stream->link.ops->resume_read(&pair.client.stream->link);
    KIT_UNTIL(pair.loop, pair.client.in_bytes == total);
    assert_memory_equal(pair.client.in, pattern, total);
    KIT_UNTIL(pair.loop, pair.server.in_bytes == 300);
    assert_memory_equal(pair.server.in, pattern, 300);
    pair_close(&pair);
}

/* A peer that only asks for new keys and never reads the answers is let go at the bound of the tail. */
static void endless_key_updates_meet_a_bound(void **state)
{
    struct pair pair = {0};
    unsigned asked = 0;

    (void)state;
    pair_open(&pair, NULL, TLS1_3_VERSION, SMALL);
    KIT_UNTIL(pair.loop, pair.server.ready && pair.client.ready);
    pair.client.stream->link.ops->pause_read(&pair.client.stream->link);
    assert_int_equal(kit_write(&pair.server, pattern, 500000), HF_OK);
    KIT_UNTIL(pair.loop, pair.server.blocked == 1);
    for (; asked < 10000 && pair.server.ends == 0 && pair.client.stream != NULL; asked++) {
        assert_int_equal(SSL_key_update(hf_stream_ssl(pair.client.stream), SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(kit_write(&pair.client, "x", 1), HF_OK);
        kit_turns(pair.loop, 2);
    }
    KIT_UNTIL(pair.loop, pair.server.ends == 1);
    assert_int_equal(pair.server.end, HF_LINK_END_TLS_FAILED);
    assert_true(asked > 1000);
    pair_close(&pair);
}

/* The peer resumes with the ticket of a connection that was simply lost. */
static void a_lost_connection_can_be_resumed(void **state)
{
    struct pair pair = {0};
    SSL_SESSION *session;
    struct hf_stream_options options = {.on_ready = kit_on_ready};
    int ours, peer;

    (void)state;
    pair_open(&pair, NULL, TLS1_3_VERSION, 0);
    KIT_UNTIL(pair.loop, pair.server.ready && pair.client.ready);
    assert_int_equal(kit_write(&pair.server, "x", 1), HF_OK);
    KIT_UNTIL(pair.loop, pair.client.in_bytes == 1);
    session = SSL_get1_session(hf_stream_ssl(pair.client.stream));
    kit_abort(&pair.server);
    kit_abort(&pair.client);
    kit_pair(&ours, &peer, 0, 0);
    assert_int_equal(fcntl(peer, F_SETFL, O_NONBLOCK), 0);
    options.ssl = kit_ssl(pair.server_context, true);
    assert_int_equal(
        hf_stream_open(pair.loop, ours, &options, &kit_handler, &pair.server, &pair.server.stream), HF_OK);
    options.ssl = kit_ssl(pair.client_context, false);
    SSL_set_session(options.ssl, session);
    assert_int_equal(
        hf_stream_open(pair.loop, peer, &options, &kit_handler, &pair.client, &pair.client.stream), HF_OK);
    KIT_UNTIL(pair.loop, pair.server.ready == 2 && pair.client.ready == 2);
    assert_int_equal(SSL_session_reused(hf_stream_ssl(pair.server.stream)), 1);
    SSL_SESSION_free(session);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handshake_then_echo),
        cmocka_unit_test(big_transfers_keep_every_byte),
        cmocka_unit_test(shared_payloads_become_few_records),
        cmocka_unit_test(finish_says_close_notify),
        cmocka_unit_test(rubbish_is_a_tls_failure),
        cmocka_unit_test(a_peer_that_leaves_during_the_handshake_is_let_go),
        cmocka_unit_test(handshakes_wait_for_their_budget),
        cmocka_unit_test(aborted_while_it_waits_for_its_handshake),
        cmocka_unit_test(a_tls_connection_moves_too),
        cmocka_unit_test(nothing_is_lost_between_handshake_and_move),
        cmocka_unit_test(a_key_update_while_blocked_loses_nothing),
        cmocka_unit_test(endless_key_updates_meet_a_bound),
        cmocka_unit_test(a_lost_connection_can_be_resumed),
    };

    kit_fill(pattern, sizeof(pattern));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
