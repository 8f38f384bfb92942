/* How streams end, move to another loop and come to be: none of it may touch a neighbour, and nothing is left behind. */
#include "io/stream_testkit.h"

enum { MEGABYTE = 1 << 20, TINY = 1 /* the kernel raises it to its least */ };

static uint8_t pattern[MEGABYTE], got[MEGABYTE];

static void act_echo(struct kit_end *end, uint8_t *data, size_t bytes)
{
    assert_int_equal(kit_write(end, data, bytes), HF_OK);
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
            kit_reset_on_close(peers[i]);
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
