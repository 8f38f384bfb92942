#include "io/stream_testkit.h"

#include <netinet/tcp.h>

enum { MEGABYTE = 1 << 20, TINY = 1 /* the kernel raises it to its least */ };

static uint8_t pattern[2 * MEGABYTE], got[2 * MEGABYTE];

static void act_echo(struct kit_end *end, uint8_t *data, size_t bytes)
{
    assert_int_equal(kit_write(end, data, bytes), HF_OK);
}

static void echo_costs_one_receive_and_one_send(void **state)
{
    struct hf_loop *loop = kit_loop(NULL);
    struct kit_end end = {.act = act_echo};
    int peer = kit_open(loop, &end, 0, 0);
    uint8_t back[64];

    (void)state;
    for (unsigned i = 1; i <= 10; i++) {
        kit_send(peer, "hello", 5);
        KIT_UNTIL(loop, end.reads == i);
        assert_int_equal(kit_receive(peer, back, sizeof(back)), 5); /* sent before the turn was over */
        assert_memory_equal(back, "hello", 5);
        assert_int_equal(loop->stats.receives, i);
        assert_int_equal(loop->stats.sends, i);
    }
    assert_null(end.stream->queue_last);
    kit_abort(&end);
    close(peer);
    kit_turns(loop, 1);
    kit_end_free(&end);
    hf_loop_free(loop);
}

static void act_many_writes(struct kit_end *end, uint8_t *data, size_t bytes)
{
    (void)data;
    (void)bytes;
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(kit_write(end, pattern + i, 1), HF_OK);
    assert_int_equal(kit_queued(end), 1000);
}

static void writes_of_one_handler_are_one_send(void **state)
{
    struct hf_loop *loop = kit_loop(NULL);
    struct kit_end end = {.act = act_many_writes};
    int peer = kit_open(loop, &end, 0, 0);

    (void)state;
    kit_send(peer, "go", 2);
    assert_int_equal(kit_receive_all(loop, peer, got, 1000), 1000);
    assert_memory_equal(got, pattern, 1000);
    assert_int_equal(loop->stats.sends, 1);
    assert_int_equal(kit_queued(&end), 0);
    kit_abort(&end);
    close(peer);
    kit_end_free(&end);
    hf_loop_free(loop);
}

/* The cork overflows, a big shared payload comes between, then more: the order is kept. */
static void act_mixed(struct kit_end *end, uint8_t *data, size_t bytes)
{
    struct hf_shared *big = hf_shared_new(pattern + 3000, 5000), *small = hf_shared_new(pattern + 8100, 900);
    const struct hf_link_ops *ops = end->stream->link.ops;

    (void)data;
    (void)bytes;
    assert_int_equal(kit_write(end, pattern, 3000), HF_OK);
    assert_int_equal(ops->write_shared(&end->stream->link, big), HF_OK);
    assert_int_equal(kit_write(end, pattern + 8000, 100), HF_OK);
    assert_int_equal(ops->write_shared(&end->stream->link, small), HF_OK);
    for (size_t at = 9000; at < 300000; at += 3000)
        assert_int_equal(kit_write(end, pattern + at, 3000), HF_OK);
    assert_int_equal(kit_write(end, pattern + 300000, 200000), HF_OK);
    hf_shared_unref(big);
    hf_shared_unref(small);
}

static void order_is_kept_over_cork_queue_and_shared(void **state)
{
    static const struct {
        uint32_t cork_bytes;
        int send_bytes;
    } rows[] = {{0, 0}, {0, TINY}, {4096, 0}, {4096, TINY}, {64, TINY}};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_loop *loop = kit_loop(&(struct hf_loop_options){.cork_bytes = rows[i].cork_bytes});
        struct kit_end end = {.act = act_mixed};
        int peer = kit_open(loop, &end, rows[i].send_bytes, 0);

        kit_send(peer, "go", 2);
        assert_int_equal(kit_receive_all(loop, peer, got, 500000), 500000);
        assert_memory_equal(got, pattern, 500000);
        KIT_UNTIL(loop, end.blocked == end.drained);
        assert_int_equal(kit_queued(&end), 0);
        assert_int_equal(loop->stats.queue_bytes_now, 0);
        kit_abort(&end);
        close(peer);
        kit_end_free(&end);
        hf_loop_free(loop);
    }
}

static void act_small_then_huge(struct kit_end *end, uint8_t *data, size_t bytes)
{
    (void)data;
    (void)bytes;
    assert_int_equal(kit_write(end, pattern, 10), HF_OK);
    assert_int_equal(kit_write(end, pattern + 10, 150000), HF_OK); /* does not fit into the cork at all */
    assert_int_equal(kit_write(end, pattern + 150010, 10), HF_OK);
}

static void a_write_above_the_cork_comes_behind_it(void **state)
{
    struct hf_loop *loop = kit_loop(NULL);
    struct kit_end end = {.act = act_small_then_huge};
    int peer = kit_open(loop, &end, 0, 0);

    (void)state;
    kit_send(peer, "go", 2);
    assert_int_equal(kit_receive_all(loop, peer, got, 150020), 150020);
    assert_memory_equal(got, pattern, 150020);
    kit_abort(&end);
    close(peer);
    kit_end_free(&end);
    hf_loop_free(loop);
}

static void what_the_kernel_does_not_take_waits(void **state)
{
    struct hf_loop *loop = kit_loop(NULL);
    struct kit_end end = {0};
    int peer = kit_open(loop, &end, TINY, TINY);
    size_t total = 500000;

    (void)state;
    assert_int_equal(kit_write(&end, pattern, total), HF_OK);
    assert_int_equal(kit_queued(&end), total);
    assert_int_equal(end.blocked, 0); /* never from inside write() */
    assert_int_equal(hf_stream_blocked_since_ms(end.stream), 0);
    kit_turns(loop, 1);
    assert_int_equal(end.blocked, 1);
    assert_true(kit_queued(&end) > 0 && kit_queued(&end) < total);
    assert_int_equal(loop->stats.sent_bytes + kit_queued(&end), total); /* exact to the byte */
    assert_int_equal(hf_stream_blocked_since_ms(end.stream), loop->now_ms);
    assert_int_equal(end.stream->link.ops->blocked_since_ms(&end.stream->link), loop->now_ms);
    assert_int_equal(kit_receive_all(loop, peer, got, total), total);
    assert_memory_equal(got, pattern, total);
    KIT_UNTIL(loop, end.drained == 1);
    assert_int_equal(end.blocked, 1);
    assert_int_equal(hf_stream_blocked_since_ms(end.stream), 0);
    kit_abort(&end);
    close(peer);
    hf_loop_free(loop);
}

static void a_blocked_stream_still_reads(void **state)
{
    struct hf_loop *loop = kit_loop(NULL);
    struct kit_end end = {0};
    int peer = kit_open(loop, &end, TINY, TINY);

    (void)state;
    assert_int_equal(kit_write(&end, pattern, 500000), HF_OK);
    kit_turns(loop, 1);
    assert_int_equal(end.blocked, 1);
    kit_send(peer, "ping", 4);
    KIT_UNTIL(loop, end.in_bytes == 4);
    kit_abort(&end);
    close(peer);
    kit_end_free(&end);
    hf_loop_free(loop);
}

static void flush_tells_of_blocking_later(void **state)
{
    struct hf_loop *loop = kit_loop(NULL);
    struct kit_end end = {0};
    int peer = kit_open(loop, &end, TINY, TINY);

    (void)state;
    assert_int_equal(kit_write(&end, pattern, 500000), HF_OK);
    end.stream->link.ops->flush(&end.stream->link);
    assert_true(kit_queued(&end) < 500000);
    assert_int_equal(end.blocked, 0);
    kit_turns(loop, 1);
    assert_int_equal(end.blocked, 1);
    kit_abort(&end);
    close(peer);
    hf_loop_free(loop);
}

static void queue_limits_refuse_and_take_nothing(void **state)
{
    struct hf_loop *loop =
        kit_loop(&(struct hf_loop_options){.queue_bytes_hard_max = 100000, .queue_bytes_total_max = 150000});
    struct kit_end a = {0}, b = {0};
    int peer_a = kit_open(loop, &a, TINY, TINY), peer_b = kit_open(loop, &b, TINY, TINY);

    (void)state;
    assert_int_equal(kit_write(&a, pattern, 100001), HF_ERR_LIMIT);
    assert_int_equal(kit_write(&a, pattern, 60000), HF_OK);
    assert_int_equal(kit_write(&a, pattern, 40001), HF_ERR_LIMIT);
    assert_int_equal(kit_queued(&a), 60000);
    assert_int_equal(kit_write(&a, pattern + 60000, 40000), HF_OK);
    assert_int_equal(kit_queued(&a), 100000);
    assert_int_equal(loop->stats.writes_refused_limit, 2);
    assert_int_equal(kit_write(&b, pattern, 90000), HF_ERR_NOMEM); /* the loop's total */
    assert_int_equal(kit_queued(&b), 0);
    assert_int_equal(loop->stats.writes_refused_nomem, 1);
    assert_int_equal(kit_write(&b, pattern, 30000), HF_OK);
    assert_int_equal(kit_receive_all(loop, peer_a, got, 100000), 100000);
    assert_memory_equal(got, pattern, 100000);
    kit_abort(&a);
    kit_abort(&b);
    close(peer_a);
    close(peer_b);
    hf_loop_free(loop);
}

static void one_payload_for_many_is_not_copied(void **state)
{
    enum { STREAMS = 50 };
    struct hf_loop *loop = kit_loop(NULL);
    static struct kit_end ends[STREAMS];
    int peers[STREAMS];
    struct hf_shared *shared = hf_shared_new(pattern, 2000);

    (void)state;
    memset(ends, 0, sizeof(ends));
    for (unsigned i = 0; i < STREAMS; i++)
        peers[i] = kit_open(loop, &ends[i], 0, 0);
    for (unsigned i = 0; i < STREAMS; i++)
        assert_int_equal(ends[i].stream->link.ops->write_shared(&ends[i].stream->link, shared), HF_OK);
    assert_int_equal(shared->references, STREAMS + 1);
    kit_turns(loop, 1);
    assert_int_equal(shared->references, 1);
    assert_int_equal(loop->stats.sends, STREAMS);
    for (unsigned i = 0; i < STREAMS; i++) {
        assert_int_equal(kit_receive(peers[i], got, sizeof(got)), 2000);
        assert_memory_equal(got, pattern, 2000);
        kit_abort(&ends[i]);
        close(peers[i]);
    }
    hf_shared_unref(shared);
    hf_loop_free(loop);
}

static void finish_sends_everything_then_fin_and_waits(void **state)
{
    struct hf_loop *loop = kit_loop(NULL);
    struct kit_end end = {0};
    int peer = kit_open(loop, &end, TINY, TINY);
    size_t total = 300000;
    struct tcp_info info;
    socklen_t info_bytes = sizeof(info);

    (void)state;
    assert_int_equal(kit_write(&end, pattern, total), HF_OK);
    kit_finish(&end);
    kit_finish(&end); /* once more is harmless */
    assert_int_equal(kit_write(&end, "late", 4), HF_ERR_CLOSED);
    assert_int_equal(kit_receive_all(loop, peer, got, sizeof(got)), total); /* up to the FIN */
    assert_memory_equal(got, pattern, total);
    assert_int_equal(getsockopt(peer, IPPROTO_TCP, TCP_INFO, &info, &info_bytes), 0);
    assert_int_equal(info.tcpi_state, TCP_CLOSE_WAIT); /* we are the active closer */
    assert_int_equal(end.ends, 0);
    kit_send(peer, "bye", 3); /* still read */
    KIT_UNTIL(loop, end.in_bytes == 3);
    close(peer);
    KIT_UNTIL(loop, end.ends == 1);
    assert_int_equal(end.end, HF_LINK_END_EOF);
    assert_int_equal(loop->stats.streams_now, 0);
    kit_end_free(&end);
    hf_loop_free(loop);
}

static void finish_ends_a_pause(void **state)
{
    struct hf_loop *loop = kit_loop(NULL);
    struct kit_end end = {0};
    int peer = kit_open(loop, &end, 0, 0);

    (void)state;
    end.stream->link.ops->pause_read(&end.stream->link);
    kit_finish(&end);
    kit_turns(loop, 1);
    assert_int_equal(kit_receive(peer, got, 1), 0);
    close(peer);
    KIT_UNTIL(loop, end.ends == 1);
    assert_int_equal(end.end, HF_LINK_END_EOF);
    hf_loop_free(loop);
}

static void pause_holds_back_reading_and_the_end(void **state)
{
    struct hf_loop *loop = kit_loop(NULL);
    struct kit_end end = {0};
    int peer = kit_open(loop, &end, 0, 0);

    (void)state;
    end.stream->link.ops->pause_read(&end.stream->link);
    kit_send(peer, "data", 4);
    shutdown(peer, SHUT_WR);
    kit_turns(loop, 20);
    assert_int_equal(end.reads + end.ends, 0);
    assert_int_equal(loop->stats.events, 0); /* and it does not spin */
    end.stream->link.ops->resume_read(&end.stream->link);
    KIT_UNTIL(loop, end.ends == 1);
    assert_int_equal(end.in_bytes, 4);
    close(peer);
    kit_end_free(&end);
    hf_loop_free(loop);
}

static void set_reset_on_close(int fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
}

static void a_reset_is_told_also_when_paused(void **state)
{
    (void)state;
    for (unsigned paused = 0; paused < 2; paused++) {
        struct hf_loop *loop = kit_loop(NULL);
        struct kit_end end = {0};
        int peer = kit_open(loop, &end, 0, 0);

        if (paused)
            end.stream->link.ops->pause_read(&end.stream->link);
        set_reset_on_close(peer);
        close(peer);
        KIT_UNTIL(loop, end.ends == 1);
        assert_int_equal(end.end, HF_LINK_END_RESET);
        assert_int_equal(end.sys_errno, ECONNRESET);
        hf_loop_free(loop);
    }
}

static void a_failed_write_is_told_in_the_next_turn(void **state)
{
    struct hf_loop *loop = kit_loop(NULL);
    struct kit_end end = {0};
    int peer = kit_open(loop, &end, 0, 0);

    (void)state;
    kit_send(peer, "last words", 10);
    shutdown(end.stream->handle.fd, SHUT_WR); /* makes send() fail with EPIPE while bytes lie unread */
    assert_int_equal(kit_write(&end, "x", 1), HF_OK);
    end.stream->link.ops->flush(&end.stream->link);
    assert_int_equal(end.ends, 0);
    assert_int_equal(kit_write(&end, "x", 1), HF_ERR_CLOSED);
    assert_int_equal(kit_queued(&end), 1); /* the loss can still be counted */
    kit_turns(loop, 1);
    assert_int_equal(end.in_bytes, 10); /* what the peer had sent is not lost */
    assert_int_equal(end.ends, 1);
    assert_int_equal(end.end, HF_LINK_END_RESET);
    assert_int_equal(end.sys_errno, EPIPE);
    close(peer);
    kit_end_free(&end);
    hf_loop_free(loop);
}

static void act_write_and_abort(struct kit_end *end, uint8_t *data, size_t bytes)
{
    act_echo(end, data, bytes);
    kit_abort(end);
}

static void abort_inside_its_own_on_data(void **state)
{
    struct hf_loop *loop = kit_loop(NULL);
    struct kit_end end = {.act = act_write_and_abort}, other = {.act = act_echo};
    int peer = kit_open(loop, &end, 0, 0), other_peer = kit_open(loop, &other, 0, 0);

    (void)state;
    kit_send(peer, "x", 1);
    KIT_UNTIL(loop, end.reads == 1);
    assert_int_equal(end.ends, 0);
    assert_int_equal(kit_receive_all(loop, peer, got, 1), 0); /* dropped, and closed */
    assert_int_equal(loop->stats.aborted, 1);
    kit_send(other_peer, "y", 1); /* the cork is free for others */
    assert_int_equal(kit_receive_all(loop, other_peer, got, 1), 1);
    assert_int_equal(got[0], 'y');
    kit_abort(&other);
    close(peer);
    close(other_peer);
    kit_end_free(&end);
    kit_end_free(&other);
    hf_loop_free(loop);
}

static void act_abort_the_other(struct kit_end *end, uint8_t *data, size_t bytes)
{
    struct kit_end *other = end->context;

    (void)data;
    (void)bytes;
    if (other->stream != NULL)
        kit_abort(other);
}

/* Both are readable in the same turn; whichever comes first ends the other, whose event must do nothing. */
static void a_stale_event_of_the_same_turn_is_harmless(void **state)
{
    struct hf_loop *loop = kit_loop(NULL);
    struct kit_end a = {.act = act_abort_the_other}, b = {.act = act_abort_the_other};
    int peer_a, peer_b;

    (void)state;
    a.context = &b;
    b.context = &a;
    peer_a = kit_open(loop, &a, 0, 0);
    peer_b = kit_open(loop, &b, 0, 0);
    kit_send(peer_a, "x", 1);
    kit_send(peer_b, "x", 1);
    KIT_UNTIL(loop, a.reads + b.reads > 0);
    assert_int_equal(a.reads + b.reads, 1);
    assert_int_equal(loop->stats.streams_now, 1);
    assert_int_equal(loop->stats.events, 2); /* else this test has tested nothing */
    kit_abort(a.stream != NULL ? &a : &b);
    close(peer_a);
    close(peer_b);
    kit_end_free(&a);
    kit_end_free(&b);
    hf_loop_free(loop);
}

static void act_abort_and_reopen(struct kit_end *end, uint8_t *data, size_t bytes)
{
    struct kit_end *fresh = end->context;

    (void)data;
    (void)bytes;
    kit_abort(end);
    *(int *)fresh->context = kit_open(fresh->stream->loop, fresh + 1, 0, 0);
}

/* The descriptor number is used again inside the turn; the new stream must not get the old one's events. */
static void a_reused_descriptor_gets_no_old_event(void **state)
{
    struct hf_loop *loop = kit_loop(NULL);
    struct kit_end first = {.act = act_abort_and_reopen}, fresh[2];
    int new_peer = -1, peer = kit_open(loop, &first, 0, 0), keeper;

    (void)state;
    memset(fresh, 0, sizeof(fresh));
    keeper = kit_open(loop, &fresh[0], 0, 0);
    fresh[0].context = &new_peer;
    first.context = fresh;
    kit_send(peer, "x", 1);
    KIT_UNTIL(loop, first.reads == 1);
    assert_non_null(fresh[1].stream);
    kit_turns(loop, 5);
    assert_int_equal(fresh[1].reads + fresh[1].ends, 0);
    kit_abort(&fresh[0]);
    kit_abort(&fresh[1]);
    close(peer);
    close(keeper);
    close(new_peer);
    kit_end_free(&first);
    hf_loop_free(loop);
}

static void act_take_out(struct kit_end *end, uint8_t *data, size_t bytes)
{
    /* 3 bytes are read here, the rest goes along; so does an answer. */
    assert_int_equal(kit_write(end, pattern, 500000), HF_OK);
    assert_int_equal(hf_stream_detach(end->stream, data + 3, bytes - 3, end->context), HF_OK);
    end->stream = NULL;
}

static void a_connection_moves_with_all_its_bytes(void **state)
{
    struct hf_loop *one = kit_loop(NULL), *two = kit_loop(NULL);
    struct hf_stream_seat seat;
    struct kit_end old = {.act = act_take_out, .context = &seat}, new = {0};
    struct hf_stream_options options = {.conn_id = 77};
    union hf_address real, peer_address;
    int ours, peer;

    (void)state;
    kit_pair(&ours, &peer, TINY, TINY);
    assert_int_equal(hf_stream_open(one, ours, &options, &kit_handler, &old, &old.stream), HF_OK);
    assert_int_equal(hf_address_parse("203.0.113.9:999", &real), HF_OK);
    assert_int_equal(hf_stream_set_peer(old.stream, &real), HF_OK);
    kit_send(peer, "GETrest", 7);
    KIT_UNTIL(one, old.reads == 1);
    assert_int_equal(one->stats.streams_now, 0);
    assert_int_equal(one->stats.queue_bytes_now, 0);
    assert_int_equal(seat.unread_bytes, 4);
    assert_true(seat.unsent_bytes > 0);
    kit_send(peer, "new", 3); /* meanwhile */
    assert_int_equal(hf_stream_attach(two, &seat, &kit_handler, &new, &new.stream), HF_OK);
    assert_int_equal(new.reads, 0);
    kit_turns(two, 1);
    assert_true(new.in_bytes >= 4);
    KIT_UNTIL(two, new.in_bytes == 7);
    assert_memory_equal(new.in, "restnew", 7);
    assert_int_equal(new.stream->conn_id, 77);
    peer_address = hf_stream_peer(new.stream);
    assert_memory_equal(&peer_address, &real, sizeof(real));
    assert_int_equal(kit_receive_all(two, peer, got, 500000), 500000);
    assert_memory_equal(got, pattern, 500000);
    kit_abort(&new);
    close(peer);
    kit_end_free(&old);
    kit_end_free(&new);
    hf_loop_free(one);
    hf_loop_free(two);
}

static void a_seat_can_be_refused_and_discarded(void **state)
{
    struct hf_loop *one = kit_loop(NULL), *two = kit_loop(&(struct hf_loop_options){.streams_max = 1});
    struct hf_stream_seat seat;
    struct kit_end a = {0}, full = {0}, none = {0};
    unsigned before = kit_open_descriptors();
    int peer_full = kit_open(two, &full, 0, 0), peer = kit_open(one, &a, 0, 0);

    (void)state;
    assert_int_equal(hf_stream_detach(a.stream, "abc", 3, &seat), HF_OK);
    assert_int_equal(hf_stream_attach(two, &seat, &kit_handler, &none, &none.stream), HF_ERR_LIMIT);
    assert_int_equal(two->stats.refused_limit, 1);
    assert_int_equal(seat.unread_bytes, 3);
    hf_stream_seat_discard(&seat);
    assert_int_equal(kit_receive(peer, got, 1), 0);
    kit_abort(&full);
    close(peer);
    close(peer_full);
    assert_int_equal(kit_open_descriptors(), before);
    hf_loop_free(one);
    hf_loop_free(two);
}

static void unread_bytes_wait_while_paused(void **state)
{
    struct hf_loop *one = kit_loop(NULL), *two = kit_loop(NULL);
    struct hf_stream_seat seat;
    struct kit_end a = {0}, b = {0};
    int peer = kit_open(one, &a, 0, 0);

    (void)state;
    assert_int_equal(hf_stream_detach(a.stream, "abc", 3, &seat), HF_OK);
    assert_int_equal(hf_stream_attach(two, &seat, &kit_handler, &b, &b.stream), HF_OK);
    b.stream->link.ops->pause_read(&b.stream->link);
    kit_turns(two, 3);
    assert_int_equal(b.reads, 0);
    b.stream->link.ops->resume_read(&b.stream->link);
    kit_turns(two, 1);
    assert_int_equal(b.in_bytes, 3);
    kit_abort(&b);
    close(peer);
    kit_end_free(&b);
    hf_loop_free(one);
    hf_loop_free(two);
}

static void connecting_tells_ready_or_why_not(void **state)
{
    struct hf_loop *loop = kit_loop(NULL);
    struct kit_end a = {0}, b = {0};
    struct hf_stream_options options = {.on_ready = kit_on_ready};
    union hf_address address, local, from;
    socklen_t bytes = sizeof(address);
    int listening = socket(AF_INET, SOCK_STREAM, 0), fd;

    (void)state;
    assert_int_equal(hf_address_parse("127.0.0.1:0", &address), HF_OK);
    assert_int_equal(hf_address_parse("127.0.0.5:0", &local), HF_OK);
    assert_int_equal(bind(listening, &address.any, hf_address_bytes(&address)), 0);
    assert_int_equal(listen(listening, 1), 0);
    assert_int_equal(getsockname(listening, &address.any, &bytes), 0);
    assert_int_equal(hf_connect(loop, &address, &local, &options, &kit_handler, &a, &a.stream), HF_OK);
    assert_int_equal(kit_write(&a, "early", 5), HF_OK); /* goes when it is through */
    KIT_UNTIL(loop, a.ready == 1);
    kit_turns(loop, 1);
    bytes = sizeof(from);
    fd = accept(listening, &from.any, &bytes);
    assert_int_equal(from.v4.sin_addr.s_addr, local.v4.sin_addr.s_addr);
    assert_int_equal(kit_receive_all(loop, fd, got, 5), 5);
    close(listening);
    assert_int_equal(hf_connect(loop, &address, NULL, &options, &kit_handler, &b, &b.stream), HF_OK);
    KIT_UNTIL(loop, b.ends == 1);
    assert_int_equal(b.ready, 0);
    assert_int_equal(b.sys_errno, ECONNREFUSED);
    kit_abort(&a);
    close(fd);
    hf_loop_free(loop);
}

/* WS-19: after many connections died together in all sorts of ways, everything is back where it was. */
static void nothing_is_left_after_a_mass_death(void **state)
{
    enum { STREAMS = 300 };
    unsigned before = kit_open_descriptors(); /* without the loop, which keeps some of its own */
    struct hf_loop *loop = kit_loop(NULL);
    static struct kit_end ends[STREAMS];
    int peers[STREAMS];
    struct hf_loop_stats *stats = &loop->stats;

    (void)state;
    memset(ends, 0, sizeof(ends));
    for (unsigned i = 0; i < STREAMS; i++) {
        peers[i] = kit_open(loop, &ends[i], TINY, TINY);
        assert_int_equal(kit_write(&ends[i], pattern, 60000), HF_OK);
    }
    kit_turns(loop, 2);
    for (unsigned i = 0; i < STREAMS; i++) {
        switch (i % 4) {
        case 0:
            set_reset_on_close(peers[i]);
            close(peers[i]);
            break;
        case 1: close(peers[i]); break;
        case 2:
            kit_abort(&ends[i]);
            close(peers[i]);
            break;
        default:
            hf_stream_reset(ends[i].stream);
            close(peers[i]);
            break;
        }
    }
    KIT_UNTIL(loop, stats->streams_now == 0);
    hf_loop_turn(loop, 0);
    assert_int_equal(stats->queue_bytes_now, 0);
    assert_int_equal(stats->opened, STREAMS);
    assert_int_equal(stats->closed_eof + stats->closed_reset + stats->aborted, STREAMS);
    assert_int_equal(stats->aborted, STREAMS / 2);
    hf_loop_free(loop); /* asserts that the slabs are empty */
    assert_int_equal(kit_open_descriptors(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(echo_costs_one_receive_and_one_send),
        cmocka_unit_test(writes_of_one_handler_are_one_send),
        cmocka_unit_test(order_is_kept_over_cork_queue_and_shared),
        cmocka_unit_test(a_write_above_the_cork_comes_behind_it),
        cmocka_unit_test(what_the_kernel_does_not_take_waits),
        cmocka_unit_test(a_blocked_stream_still_reads),
        cmocka_unit_test(flush_tells_of_blocking_later),
        cmocka_unit_test(queue_limits_refuse_and_take_nothing),
        cmocka_unit_test(one_payload_for_many_is_not_copied),
        cmocka_unit_test(finish_sends_everything_then_fin_and_waits),
        cmocka_unit_test(finish_ends_a_pause),
        cmocka_unit_test(pause_holds_back_reading_and_the_end),
        cmocka_unit_test(a_reset_is_told_also_when_paused),
        cmocka_unit_test(a_failed_write_is_told_in_the_next_turn),
        cmocka_unit_test(abort_inside_its_own_on_data),
        cmocka_unit_test(a_stale_event_of_the_same_turn_is_harmless),
        cmocka_unit_test(a_reused_descriptor_gets_no_old_event),
        cmocka_unit_test(a_connection_moves_with_all_its_bytes),
        cmocka_unit_test(a_seat_can_be_refused_and_discarded),
        cmocka_unit_test(unread_bytes_wait_while_paused),
        cmocka_unit_test(connecting_tells_ready_or_why_not),
        cmocka_unit_test(nothing_is_left_after_a_mass_death),
    };

    kit_fill(pattern, sizeof(pattern));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
