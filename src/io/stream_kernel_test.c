/* What a link knows of the way to its peer, from the kernel: the evidence before a verdict (HB-4), and TCP_USER_TIMEOUT (WS-20). */
#include <netinet/tcp.h>
#include <sched.h>

#include "base/list.h"
#include "io/stream_testkit.h"

static struct hf_link_kernel kernel_of(struct kit_end *end)
{
    struct hf_link_kernel kernel = {0};

    end->stream->link.ops->kernel(&end->stream->link, &kernel);
    return kernel;
}

/* The peer's program sleeps, its kernel does not: that is the difference the count has to show. */
static void a_peer_that_reads_nothing_acknowledges(void **state)
{
    struct hf_loop *loop = kit_loop(NULL);
    struct kit_end end = {0};
    int peer = kit_open(loop, &end, 0, 0);
    uint64_t before = kernel_of(&end).acked_bytes;

    (void)state;
    assert_int_equal(kit_write(&end, "12345", 5), HF_OK);
    assert_int_equal(kernel_of(&end).acked_bytes, before); /* not sent yet */
    hf_loop_turn(loop, 0);
    for (unsigned i = 0; i < KIT_TURNS_MAX && kernel_of(&end).acked_bytes == before; i++)
        hf_loop_turn(loop, 0);
    assert_int_equal(kernel_of(&end).acked_bytes, before + 5);
    assert_true(kernel_of(&end).rtt_us > 0);
    kit_abort(&end);
    close(peer);
    hf_loop_free(loop);
}

static void what_was_not_read_yet_is_known(void **state)
{
    struct hf_loop *loop = kit_loop(NULL);
    struct kit_end end = {0};
    int peer = kit_open(loop, &end, 0, 0);

    (void)state;
    assert_int_equal(kernel_of(&end).unread_bytes, 0);
    assert_int_equal(send(peer, "12345", 5, 0), 5);
    for (unsigned i = 0; i < KIT_TURNS_MAX && kernel_of(&end).unread_bytes == 0; i++)
        sched_yield(); /* loopback: it is there at once, or as soon as the kernel runs */
    assert_int_equal(kernel_of(&end).unread_bytes, 5);
    for (unsigned i = 0; i < KIT_TURNS_MAX && kernel_of(&end).unread_bytes > 0; i++)
        hf_loop_turn(loop, 0);
    assert_int_equal(kernel_of(&end).unread_bytes, 0);
    kit_abort(&end);
    free(end.in);
    close(peer);
    hf_loop_free(loop);
}

static void patience_reaches_the_socket(void **state)
{
    static const struct {
        uint32_t asked_ms;
        int want_ms;
    } rows[] = {{6500, HF_SOCKET_USER_TIMEOUT_MS_MIN}, {17000, 17000}, {60000, 60000}};
    struct hf_loop *loop = kit_loop(NULL);
    struct kit_end end = {0};
    int peer = kit_open(loop, &end, 0, 0);

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        int now_ms = 0;
        socklen_t bytes = sizeof(now_ms);

        end.stream->link.ops->set_patience(&end.stream->link, rows[i].asked_ms);
        assert_int_equal(getsockopt(end.stream->handle.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &now_ms, &bytes),
                         0);
        assert_int_equal(now_ms, rows[i].want_ms);
    }
    kit_abort(&end);
    close(peer);
    hf_loop_free(loop);
}

static void what_is_no_tcp_socket_gives_zeroes(void **state)
{
    int pair[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(hf_socket_info(pair[0]).acked_bytes, 0);
    assert_int_equal(hf_socket_info(-1).rtt_us, 0);
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_that_reads_nothing_acknowledges),
        cmocka_unit_test(what_was_not_read_yet_is_known),
        cmocka_unit_test(patience_reaches_the_socket),
        cmocka_unit_test(what_is_no_tcp_socket_gives_zeroes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
