/* io/udp_fault_test.c - what the kernel seldom does, done to order: this program has its own sendmmsg(), which fails as the test says or goes on to
 * the real one. */
#include "io/udp_testkit.h"

#include <sys/syscall.h>

#include "io/udp_pool.h"

static struct {
    int err;        /* the next calls fail with it */
    unsigned calls; /* how many */
    unsigned skip;  /* after this many that go through */
    unsigned take;  /* > 0: a call takes at most so many datagrams */
} fault;

int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    if (fault.skip > 0) {
        fault.skip--;
    } else if (fault.calls > 0) {
        fault.calls--;
        errno = fault.err;
        return -1;
    }
    if (fault.take > 0 && count > fault.take)
        count = fault.take;
    return (int)syscall(SYS_sendmmsg, fd, messages, count, flags);
}

enum { FOR_EVER = 1000000 };

static void put(struct kit_udp *from, const struct kit_udp *to, const char *text, hf_err want)
{
    assert_int_equal(hf_udp_send(from->udp, NULL, &to->address, text, strlen(text)), want);
}

static void a_blocked_socket_keeps_the_rest_up_to_its_bounds(void **state)
{
    static const struct {
        struct hf_udp_options options;
        unsigned fit;
    } rows[] = {
        {{.queue_datagrams_max = 5}, 5}, {{.queue_bytes_max = 35}, 3}, /* of 10 bytes each */
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_loop *loop = kit_loop(NULL);
        struct kit_udp *to = kit_udp_open(loop, "127.0.0.1:0", NULL);
        struct kit_udp *from = kit_udp_open(loop, "127.0.0.1:0", &rows[i].options);
        char text[] = "0---------";

        put(from, to, text, HF_OK);
        fault.err = EAGAIN;
        fault.calls = FOR_EVER;
        kit_turns(loop, 1);
        for (text[0] = '1'; text[0] < (char)('0' + rows[i].fit); text[0]++)
            put(from, to, text, HF_OK);
        put(from, to, text, HF_ERR_LIMIT);
        put(from, to, text, HF_ERR_LIMIT);
        kit_turns(loop, 5);
        assert_int_equal(to->got, 0);
        assert_int_equal(hf_udp_stats(from->udp).refused_queue, 2);
        assert_int_equal(hf_udp_stats(from->udp).queued, rows[i].fit);
        assert_true(hf_udp_stats(from->udp).blocked >= 1);
        fault.calls = 0; /* the socket is writable, so the loop tells */
        KIT_UNTIL(loop, to->got == rows[i].fit);
        for (unsigned n = 0; n < rows[i].fit; n++)
            assert_int_equal(to->datagrams[n].head[0], '0' + n);
        assert_int_equal(hf_udp_stats(from->udp).queued, 0);
        put(from, to, text, HF_OK); /* and no longer waits for it */
        KIT_UNTIL(loop, to->got == rows[i].fit + 1);
        kit_udp_free(to);
        kit_udp_free(from);
        kit_turns(loop, 1);
        hf_loop_free(loop);
    }
}

static void a_full_queue_that_is_not_blocked_goes_at_once(void **state)
{
    struct hf_loop *loop = kit_loop(NULL);
    struct kit_udp *to = kit_udp_open(loop, "127.0.0.1:0", NULL);
    struct kit_udp *from =
        kit_udp_open(loop, "127.0.0.1:0", &(struct hf_udp_options){.queue_datagrams_max = 4});

    (void)state;
    for (unsigned i = 0; i < 20; i++)
        put(from, to, "x", HF_OK);
    assert_int_equal(hf_udp_stats(from->udp).sends, 4);
    KIT_UNTIL(loop, to->got == 20);
    kit_udp_free(to);
    kit_udp_free(from);
    kit_turns(loop, 1);
    hf_loop_free(loop);
}

static void the_blocks_of_a_loop_end(void **state)
{
    struct hf_loop *loop = kit_loop(NULL);
    struct kit_udp *to = kit_udp_open(loop, "127.0.0.1:0", NULL);
    struct hf_udp_options roomy = {.queue_bytes_max = UINT32_MAX, .queue_datagrams_max = UINT32_MAX};
    struct kit_udp *from = kit_udp_open(loop, "127.0.0.1:0", &roomy);
    static const uint8_t data[60000];
    struct hf_slab_stats blocks;
    unsigned sent = 0;
    hf_err err;

    (void)state;
    fault.err = EAGAIN;
    fault.calls = FOR_EVER;
    while ((err = hf_udp_send(from->udp, NULL, &to->address, data, sizeof(data))) == HF_OK)
        sent++;
    assert_int_equal(err, HF_ERR_NOMEM);
    assert_int_equal(hf_udp_stats(from->udp).refused_nomem, 1);
    hf_slab_stats(loop->udp->blocks, &blocks);
    assert_int_equal(sent, HF_UDP_BLOCKS_MAX / 30); /* of 60,000 bytes; the half chain went back */
    assert_int_equal(blocks.used, sent * 30);
    fault.calls = 0;
    KIT_UNTIL(loop, hf_udp_stats(from->udp).queued == 0);
    hf_slab_stats(loop->udp->blocks, &blocks);
    assert_int_equal(blocks.used, 0);
    assert_true(blocks.chunk_bytes <= 512 * 1024); /* given back */
    kit_udp_free(to);
    kit_udp_free(from);
    kit_turns(loop, 1);
    hf_loop_free(loop);
}

static void what_the_kernel_refuses_is_reported_after_the_call(void **state)
{
    static const int errors[] = {EPERM, EMSGSIZE, ENOBUFS, EINVAL, ENETUNREACH, ECONNREFUSED};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(errors); i++) {
        struct hf_loop *loop = kit_loop(NULL);
        struct kit_udp *to = kit_udp_open(loop, "127.0.0.1:0", NULL);
        struct kit_udp *from =
            kit_udp_open(loop, "127.0.0.1:0", &(struct hf_udp_options){.queue_datagrams_max = 2});

        fault.err = errors[i];
        fault.calls = i < 4 ? 1 : HF_UDP_TRIES_MAX;
        put(from, to, "lost", HF_OK);
        put(from, to, "kept", HF_OK);
        put(from, to, "more",
            HF_OK); /* the queue is full: the first ones are tried here; the lost one still counts */
        assert_int_equal(from->errors, 0);
        KIT_UNTIL(loop, to->got == 2);
        assert_memory_equal(to->datagrams[0].head, "kept", 4);
        assert_memory_equal(to->datagrams[1].head, "more", 4);
        assert_int_equal(from->errors, 1);
        assert_int_equal(from->error, errors[i]);
        kit_assert_address(&from->error_peer, &to->address);
        assert_int_equal(hf_udp_stats(from->udp).send_errors, 1);
        kit_udp_free(to);
        kit_udp_free(from);
        kit_turns(loop, 1);
        hf_loop_free(loop);
    }
}

static void the_error_of_an_earlier_datagram_costs_no_other(void **state)
{
    struct hf_loop *loop = kit_loop(NULL);
    struct kit_udp *to = kit_udp_open(loop, "127.0.0.1:0", NULL),
                   *from = kit_udp_open(loop, "127.0.0.1:0", NULL);

    (void)state;
    fault.err = ECONNREFUSED;
    fault.calls = 1;
    put(from, to, "x", HF_OK);
    KIT_UNTIL(loop, to->got == 1);
    assert_int_equal(hf_udp_stats(from->udp).send_errors, 0);
    assert_int_equal(from->errors, 0);
    kit_udp_free(to);
    kit_udp_free(from);
    kit_turns(loop, 1);
    hf_loop_free(loop);
}

static void a_batch_that_is_taken_in_part_goes_on(void **state)
{
    struct hf_loop *loop = kit_loop(NULL);
    struct kit_udp *to = kit_udp_open(loop, "127.0.0.1:0", NULL),
                   *from = kit_udp_open(loop, "127.0.0.1:0", NULL);

    (void)state;
    fault.take = 3;
    for (char text[] = "a"; text[0] <= 'j'; text[0]++)
        put(from, to, text, HF_OK);
    fault.err = EAGAIN; /* in the middle */
    fault.skip = 2;
    fault.calls = 1;
    KIT_UNTIL(loop, to->got == 10);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(to->datagrams[i].head[0], 'a' + i);
    assert_int_equal(hf_udp_stats(from->udp).blocked, 1);
    fault.take = 0;
    kit_udp_free(to);
    kit_udp_free(from);
    kit_turns(loop, 1);
    hf_loop_free(loop);
}

static void a_report_may_send_or_close(void **state)
{
    (void)state;
    for (unsigned closes = 0; closes < 2; closes++) {
        struct hf_loop *loop = kit_loop(NULL);
        struct kit_udp *to = kit_udp_open(loop, "127.0.0.1:0", NULL);
        struct kit_udp *from = kit_udp_open(loop, "127.0.0.1:0", NULL);

        fault.err = EPERM;
        fault.calls = 2;
        put(from, to, "a", HF_OK);
        put(from, to, "b", HF_OK);
        from->close_at_error = closes;
        from->resend_at_error = !closes;
        if (closes)
            KIT_UNTIL(loop, from->errors == 1);
        else
            KIT_UNTIL(loop, to->got == 2);
        assert_int_equal(from->errors, closes ? 1 : 2);
        kit_udp_free(to);
        kit_udp_free(from);
        kit_turns(loop, 1);
        hf_loop_free(loop);
    }
}

static void closing_drops_what_the_kernel_does_not_take(void **state)
{
    struct hf_loop *loop = kit_loop(NULL);
    struct kit_udp *to = kit_udp_open(loop, "127.0.0.1:0", NULL),
                   *from = kit_udp_open(loop, "127.0.0.1:0", NULL);
    struct hf_udp *udp = from->udp;
    struct hf_slab_stats blocks;

    (void)state;
    fault.err = EAGAIN;
    fault.calls = FOR_EVER;
    for (unsigned i = 0; i < 7; i++)
        put(from, to, "x", HF_OK);
    kit_udp_close(from);
    assert_int_equal(hf_udp_send(udp, NULL, &to->address, "x", 1),
                     HF_ERR_CLOSED); /* it lives until the turn ends */
    assert_int_equal(hf_udp_stats(udp).dropped_at_close, 7);
    hf_slab_stats(loop->udp->blocks, &blocks);
    assert_int_equal(blocks.used, 0);
    fault.calls = 0;
    kit_udp_free(to);
    kit_udp_free(from);
    kit_turns(loop, 1);
    hf_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_blocked_socket_keeps_the_rest_up_to_its_bounds),
        cmocka_unit_test(a_full_queue_that_is_not_blocked_goes_at_once),
        cmocka_unit_test(the_blocks_of_a_loop_end),
        cmocka_unit_test(what_the_kernel_refuses_is_reported_after_the_call),
        cmocka_unit_test(the_error_of_an_earlier_datagram_costs_no_other),
        cmocka_unit_test(a_batch_that_is_taken_in_part_goes_on),
        cmocka_unit_test(a_report_may_send_or_close),
        cmocka_unit_test(closing_drops_what_the_kernel_does_not_take),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
