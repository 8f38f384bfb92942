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
    assert_int_equal(kit_write(&a, pattern, 60000), HF_OK);
    assert_int_equal(kit_write(&a, pattern, 40001), HF_ERR_LIMIT);
    assert_int_equal(kit_write(&a, pattern, 100001), HF_ERR_LIMIT);
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
    assert_int_equal(kit_queued(&a), 0);
    assert_int_equal(kit_write(&a, pattern, 100001), HF_OK); /* alone, or it would never go */
    kit_abort(&a);
    kit_abort(&b);
    close(peer_a);
    close(peer_b);
    hf_loop_free(loop);
}

static void act_small_then_shared_without_memory(struct kit_end *end, uint8_t *data, size_t bytes)
{
    struct hf_shared *shared = hf_shared_new(pattern, 2000);

    (void)data, (void)bytes;
    assert_int_equal(kit_write(end, "small", 5), HF_OK);
    assert_int_equal(end->stream->link.ops->write_shared(&end->stream->link, shared), HF_ERR_NOMEM);
    hf_shared_unref(shared);
}

/* What was written before it is not held up by what was refused. */
static void a_refused_payload_takes_nothing_with_it(void **state)
{
    struct hf_loop *loop = kit_loop(&(struct hf_loop_options){
        .queue_bytes_total_max = 512}); /* a small chunk, and no reference beside it */
    struct kit_end end = {.act = act_small_then_shared_without_memory};
    int peer = kit_open(loop, &end, 0, 0);

    (void)state;
    kit_send(peer, "?", 1);
    KIT_UNTIL(loop, end.reads == 1);
    kit_turns(loop, 1);
    assert_int_equal(kit_queued(&end), 0);
    assert_int_equal(kit_receive(peer, got, sizeof(got)), 5);
    assert_memory_equal(got, "small", 5);
    kit_abort(&end);
    kit_end_free(&end);
    close(peer);
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

static void a_reset_is_told_also_when_paused(void **state)
{
    (void)state;
    for (unsigned paused = 0; paused < 2; paused++) {
        struct hf_loop *loop = kit_loop(NULL);
        struct kit_end end = {0};
        int peer = kit_open(loop, &end, 0, 0);

        if (paused)
            end.stream->link.ops->pause_read(&end.stream->link);
        kit_reset_on_close(peer);
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
        cmocka_unit_test(a_refused_payload_takes_nothing_with_it),
        cmocka_unit_test(one_payload_for_many_is_not_copied),
        cmocka_unit_test(finish_sends_everything_then_fin_and_waits),
        cmocka_unit_test(finish_ends_a_pause),
        cmocka_unit_test(pause_holds_back_reading_and_the_end),
        cmocka_unit_test(a_reset_is_told_also_when_paused),
        cmocka_unit_test(a_failed_write_is_told_in_the_next_turn),
    };

    kit_fill(pattern, sizeof(pattern));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
