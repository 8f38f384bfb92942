#include "io/udp_testkit.h"

#include "io/udp_pool.h"

static void answers_leave_from_the_address_that_was_asked(void **state)
{
    static const struct {
        const char *endpoint, *asked, *client;
    } rows[] = {
        {"127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"},
        {"0.0.0.0:0", "127.0.0.1:0", "127.0.0.1:0"},
        {"0.0.0.0:0", "127.0.0.2:0", "127.0.0.1:0"}, /* the kernel alone would answer from 127.0.0.1 */
        {"[::1]:0", "[::1]:0", "[::1]:0"},
        {"[::]:0", "[::1]:0", "[::1]:0"},
        {"*:0", "127.0.0.2:0", "127.0.0.3:0"}, /* IPv4 on an IPv6 endpoint */
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_loop *loop = kit_loop(NULL);
        struct kit_udp *kit = kit_udp_open(loop, rows[i].endpoint, NULL);
        union hf_address asked = kit_address(rows[i].asked, hf_address_port(&kit->address)), client;
        int fd = kit_plain(rows[i].client, &client);
        struct sockaddr_storage from = {0};
        socklen_t from_bytes = sizeof(from);
        union hf_address source;
        char in[16];

        kit->echo = true;
        kit_throw(fd, &asked, "hello", 5);
        KIT_UNTIL(loop, hf_udp_stats(kit->udp).sent == 1);
        assert_int_equal(kit->got, 1);
        kit_assert_address(&kit->datagrams[0].peer, &client);
        kit_assert_address(&kit->datagrams[0].local, &asked);
        assert_int_equal(recvfrom(fd, in, sizeof(in), 0, (struct sockaddr *)&from, &from_bytes), 5);
        assert_memory_equal(in, "hello", 5);
        source = hf_address_of(&from);
        kit_assert_address(&source, &asked);
        close(fd);
        kit_udp_free(kit);
        kit_turns(loop, 1);
        hf_loop_free(loop);
    }
}

static void any_size_goes_through_and_leaves_no_block(void **state)
{
    enum { FIRST = HF_UDP_BLOCK_BYTES - 16 - sizeof(struct hf_udp_head), BLOCK = HF_UDP_BLOCK_BYTES - 16 };
    static const size_t sizes[] = {
        1, 2, FIRST - 1, FIRST, FIRST + 1, FIRST + BLOCK, FIRST + BLOCK + 1, 10000, 65000, 65506, 65507};
    struct hf_loop *loop = kit_loop(NULL);
    struct kit_udp *to = kit_udp_open(loop, "127.0.0.1:0", NULL), *from = kit_udp_open(loop, "*:0", NULL);
    struct hf_slab_stats blocks;
    static uint8_t data[65507];

    (void)state;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7 + i / 251);
    for (unsigned i = 0; i < HF_COUNT_OF(sizes); i++) {
        assert_int_equal(hf_udp_send(from->udp, NULL, &to->address, data, sizes[i]), HF_OK);
        KIT_UNTIL(loop, to->got == i + 1);
        assert_int_equal(to->datagrams[i].bytes, sizes[i]);
        assert_int_equal(to->datagrams[i].sum, kit_sum(data, sizes[i]));
    }
    hf_slab_stats(loop->udp->blocks, &blocks);
    assert_int_equal(blocks.used, 0);
    assert_int_equal(hf_udp_stats(from->udp).queued, 0);
    assert_int_equal(hf_udp_stats(from->udp).queued_bytes, 0);
    kit_udp_free(to);
    kit_udp_free(from);
    kit_turns(loop, 1);
    hf_loop_free(loop);
}

static void what_cannot_be_sent_is_refused(void **state)
{
    struct hf_loop *loop = kit_loop(NULL);
    struct kit_udp *v4 = kit_udp_open(loop, "127.0.0.1:0", NULL), *v6 = kit_udp_open(loop, "[::1]:0", NULL);
    union hf_address none = {0}, no_port = kit_address("127.0.0.1:0", 0);
    static const uint8_t data[65508];

    (void)state;
    assert_int_equal(hf_udp_send(v4->udp, NULL, &none, "x", 1), HF_ERR_INVALID);
    assert_int_equal(hf_udp_send(v4->udp, NULL, &no_port, "x", 1), HF_ERR_INVALID);
    assert_int_equal(hf_udp_send(v4->udp, NULL, &v6->address, "x", 1), HF_ERR_INVALID);
    assert_int_equal(hf_udp_send(v4->udp, &v6->address, &v4->address, "x", 1), HF_ERR_INVALID);
    assert_int_equal(hf_udp_send(v4->udp, NULL, &v4->address, "x", 0), HF_ERR_INVALID);
    assert_int_equal(hf_udp_send(v4->udp, NULL, &v4->address, data, sizeof(data)), HF_ERR_INVALID);
    assert_int_equal(hf_udp_send(v4->udp, &none, &v4->address, "x", 1),
                     HF_OK); /* no address: the kernel chooses */
    KIT_UNTIL(loop, v4->got == 1);
    kit_udp_free(v4);
    kit_udp_free(v6);
    kit_turns(loop, 1);
    hf_loop_free(loop);
}

static void longer_datagrams_than_allowed_are_refused_whole(void **state)
{
    struct hf_loop *loop = kit_loop(NULL);
    struct kit_udp *kit =
        kit_udp_open(loop, "127.0.0.1:0", &(struct hf_udp_options){.datagram_bytes_max = 100});
    union hf_address client;
    int fd = kit_plain("127.0.0.1:0", &client);
    uint8_t data[101] = {0};

    (void)state;
    kit_throw(fd, &kit->address, data, 101);
    kit_throw(fd, &kit->address, data, 100);
    kit_throw(fd, &kit->address, data, 0);
    KIT_UNTIL(loop, kit->got == 2);
    assert_int_equal(kit->datagrams[0].bytes, 100);
    assert_int_equal(kit->datagrams[1].bytes, 0);
    assert_int_equal(hf_udp_stats(kit->udp).refused_truncated, 1);
    assert_int_equal(hf_udp_stats(kit->udp).received, 2);
    assert_int_equal(hf_udp_stats(kit->udp).received_bytes, 100);
    close(fd);
    kit_udp_free(kit);
    kit_turns(loop, 1);
    hf_loop_free(loop);
}

static void drops_of_the_kernel_are_counted(void **state)
{
    enum { SENT = 500 };
    struct hf_loop *loop = kit_loop(NULL);
    struct kit_udp *kit =
        kit_udp_open(loop, "127.0.0.1:0", &(struct hf_udp_options){.receive_buffer_bytes = 4096});
    union hf_address client;
    int fd = kit_plain("127.0.0.1:0", &client);
    struct hf_udp_stats stats;

    (void)state;
    assert_true(hf_udp_stats(kit->udp).receive_buffer_bytes > 0);
    for (unsigned round = 0; round < 2; round++) { /* the socket's counter goes on, ours adds what is new */
        unsigned before = kit->got;

        for (unsigned i = 0; i < SENT; i++)
            kit_throw(fd, &kit->address, "0123456789", 10);
        KIT_UNTIL(loop, kit->got > before);
        kit_turns(loop, 5);
        kit_throw(fd, &kit->address, "last", 4); /* brings the count */
        KIT_UNTIL(loop, memcmp(kit->datagrams[kit->got - 1].head, "last", 4) == 0);
        stats = hf_udp_stats(kit->udp);
        assert_true(stats.kernel_drops > 0);
        assert_int_equal(stats.received + stats.kernel_drops, (round + 1) * (SENT + 1));
    }
    close(fd);
    kit_udp_free(kit);
    kit_turns(loop, 1);
    hf_loop_free(loop);
}

static void a_turn_receives_its_budget(void **state)
{
    struct hf_loop *loop = kit_loop(NULL);
    struct kit_udp *kit = kit_udp_open(loop, "127.0.0.1:0", &(struct hf_udp_options){.receive_budget = 40});
    union hf_address client;
    int fd = kit_plain("127.0.0.1:0", &client);

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        kit_throw(fd, &kit->address, "x", 1);
    hf_loop_turn(loop, 100);
    assert_int_equal(kit->got, 40);
    assert_int_equal(hf_udp_stats(kit->udp).receives, 2); /* 32 and 8 */
    hf_loop_turn(loop, 100);
    assert_int_equal(kit->got, 80);
    KIT_UNTIL(loop, kit->got == 100);
    close(fd);
    kit_udp_free(kit);
    kit_turns(loop, 1);
    hf_loop_free(loop);
}

/* As soon as there is a call's worth, and what is left at the end of the turn. */
static void a_turn_s_datagrams_go_in_few_calls_and_in_order(void **state)
{
    struct hf_loop *loop = kit_loop(NULL);
    struct kit_udp *to = kit_udp_open(loop, "127.0.0.1:0", NULL),
                   *from = kit_udp_open(loop, "127.0.0.1:0", NULL);

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        char text[8] = {(char)('0' + i / 10), (char)('0' + i % 10)};

        assert_int_equal(hf_udp_send(from->udp, NULL, &to->address, text, sizeof(text)), HF_OK);
    }
    assert_int_equal(hf_udp_stats(from->udp).sends, 3);
    assert_int_equal(hf_udp_stats(from->udp).queued, 4);
    KIT_UNTIL(loop, to->got == 100);
    assert_int_equal(hf_udp_stats(from->udp).sends, 4); /* 3 x 32 + 4 */
    assert_int_equal(hf_udp_stats(from->udp).sent_bytes, 800);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(to->datagrams[i].head[0], '0' + i / 10);
        assert_int_equal(to->datagrams[i].head[1], '0' + i % 10);
    }
    kit_udp_free(to);
    kit_udp_free(from);
    kit_turns(loop, 1);
    hf_loop_free(loop);
}

static void a_peer_where_nobody_listens_is_named(void **state)
{
    static const struct {
        const char *endpoint, *peer;
    } rows[] = {{"127.0.0.1:0", "127.0.0.1:0"}, {"[::1]:0", "[::1]:0"}, {"*:0", "127.0.0.1:0"}};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_loop *loop = kit_loop(NULL);
        struct kit_udp *kit = kit_udp_open(loop, rows[i].endpoint, NULL);
        union hf_address gone;
        uint64_t events;

        close(kit_plain(rows[i].peer, &gone)); /* its port is free, and nobody else's for now */
        assert_int_equal(hf_udp_send(kit->udp, NULL, &gone, "x", 1), HF_OK);
        KIT_UNTIL(loop, kit->errors == 1);
        assert_int_equal(kit->error, ECONNREFUSED);
        kit_assert_address(&kit->error_peer, &gone);
        assert_int_equal(hf_udp_stats(kit->udp).error_reports, 1);
        events = loop->stats.events;
        kit_turns(loop, 10);
        assert_true(loop->stats.events - events <= 1); /* no socket that stays ready for ever */
        /* The endpoint still works, first try. */
        assert_int_equal(hf_udp_send(kit->udp, NULL, &gone, "x", 1), HF_OK);
        KIT_UNTIL(loop, kit->errors == 2);
        assert_int_equal(hf_udp_stats(kit->udp).sent, 2);
        kit_udp_free(kit);
        kit_turns(loop, 1);
        hf_loop_free(loop);
    }
}

static void closing_in_a_callback_ends_the_batch(void **state)
{
    struct hf_loop *loop = kit_loop(NULL);
    struct kit_udp *kit = kit_udp_open(loop, "127.0.0.1:0", NULL);
    union hf_address client;
    int fd = kit_plain("127.0.0.1:0", &client);
    char in[8];

    (void)state;
    kit->echo = kit->close_at_first = true;
    for (unsigned i = 0; i < 10; i++)
        kit_throw(fd, &kit->address, "x", 1);
    KIT_UNTIL(loop, kit->udp == NULL);
    assert_int_equal(kit->got, 1);
    assert_int_equal(recv(fd, in, sizeof(in), 0), 1); /* what was queued went before the close */
    close(fd);
    kit_udp_free(kit);
    hf_loop_free(loop);
}

static void addresses_that_cannot_be_had(void **state)
{
    struct hf_loop *loop = kit_loop(NULL);
    union hf_address taken;
    int fd = kit_plain("127.0.0.1:0", &taken); /* without SO_REUSEPORT, as another program has it */
    struct hf_udp_options options = {.address = taken, .on_datagram = kit_on_datagram};
    struct kit_udp *kit = kit_udp_open(loop, "127.0.0.1:0", NULL);
    struct hf_udp *udp = NULL;

    (void)state;
    assert_int_equal(hf_udp_open(loop, &options, &udp), HF_ERR_EXISTS);
    options.address = kit->address;
    options.first = true; /* SO_REUSEPORT alone would share it */
    assert_int_equal(hf_udp_open(loop, &options, &udp), HF_ERR_EXISTS);
    options.address = kit_address("192.0.2.1:0", 0);
    assert_int_equal(hf_udp_open(loop, &options, &udp), HF_ERR_INVALID);
    assert_null(udp);
    options.address = kit->address;
    options.first = false; /* the second worker */
    assert_int_equal(hf_udp_open(loop, &options, &udp), HF_OK);
    hf_udp_close(udp);
    hf_udp_close(NULL);
    close(fd);
    kit_udp_free(kit);
    kit_turns(loop, 1);
    hf_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_leave_from_the_address_that_was_asked),
        cmocka_unit_test(any_size_goes_through_and_leaves_no_block),
        cmocka_unit_test(what_cannot_be_sent_is_refused),
        cmocka_unit_test(longer_datagrams_than_allowed_are_refused_whole),
        cmocka_unit_test(drops_of_the_kernel_are_counted),
        cmocka_unit_test(a_turn_receives_its_budget),
        cmocka_unit_test(a_turn_s_datagrams_go_in_few_calls_and_in_order),
        cmocka_unit_test(a_peer_where_nobody_listens_is_named),
        cmocka_unit_test(closing_in_a_callback_ends_the_batch),
        cmocka_unit_test(addresses_that_cannot_be_had),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
