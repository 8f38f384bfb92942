/* io/udp_fan_test.c - one datagram to many, on loopback. */
#include "io/udp_fan.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { PEERS = 70 /* more than one system call takes */, PACKETS = 40 };

static int peer_socket(union hf_address *ret_address, int family)
{
    int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    socklen_t bytes = sizeof(*ret_address);

    assert_int_equal(hf_address_parse(family == AF_INET ? "127.0.0.1:0" : "[::1]:0", ret_address), HF_OK);
    assert_int_equal(bind(fd, &ret_address->any, hf_address_bytes(ret_address)), 0);
    assert_int_equal(getsockname(fd, &ret_address->any, &bytes), 0);
    return fd;
}

static void each_peer_gets_each_packet_in_order(void **state)
{
    struct hf_loop *loop = hf_loop_new(NULL);
    union hf_address any, peers[PEERS];
    struct hf_udp_fan *fan;
    int fds[PEERS];
    char text[64];

    (void)state;
    assert_int_equal(hf_address_parse("127.0.0.1:0", &any), HF_OK);
    assert_int_equal(hf_udp_fan_open(loop, &any, &fan), HF_OK);
    for (unsigned p = 0; p < PEERS; p++)
        fds[p] = peer_socket(&peers[p], AF_INET);
    for (unsigned i = 0; i < PACKETS; i++) {
        size_t bytes = (size_t)snprintf(text, sizeof(text), "packet %u", i);

        assert_true(hf_udp_fan_packet(fan, text, bytes));
        for (unsigned p = 0; p < PEERS; p++)
            hf_udp_fan_to(fan, &peers[p]);
    }
    hf_loop_turn(loop, 0); /* the rest */
    for (unsigned p = 0; p < PEERS; p++) {
        for (unsigned i = 0; i < PACKETS; i++) {
            char in[64] = "";

            snprintf(text, sizeof(text), "packet %u", i);
            assert_int_equal(recv(fds[p], in, sizeof(in), 0), (ssize_t)strlen(text));
            assert_string_equal(in, text);
        }
        close(fds[p]);
    }
    struct hf_udp_fan_stats stats = hf_udp_fan_stats(fan);

    assert_int_equal(stats.sent, PEERS * PACKETS);
    assert_true(stats.sends <= PEERS * PACKETS / 30);
    hf_udp_fan_close(fan);
    hf_loop_free(loop);
}

static void large_packets_and_peers_that_are_gone(void **state)
{
    struct hf_loop *loop = hf_loop_new(NULL);
    union hf_address any, gone, peer;
    struct hf_udp_fan *fan;
    static uint8_t big[HF_UDP_FAN_BYTES_MAX + 1], in[sizeof(big)];
    int fd;

    (void)state;
    assert_int_equal(hf_address_parse("[::1]:0", &any), HF_OK);
    assert_int_equal(hf_udp_fan_open(loop, &any, &fan), HF_OK);
    fd = peer_socket(&gone, AF_INET6);
    close(fd);
    fd = peer_socket(&peer, AF_INET6);
    memset(big, 7, sizeof(big));
    assert_false(hf_udp_fan_packet(fan, big, sizeof(big)));
    for (unsigned turn = 0; turn < 3; turn++) { /* the refusal of one must not cost the other */
        assert_true(hf_udp_fan_packet(fan, big, HF_UDP_FAN_BYTES_MAX - 1000));
        hf_udp_fan_to(fan, &gone);
        hf_udp_fan_to(fan, &peer);
        hf_loop_turn(loop, 0);
        assert_int_equal(recv(fd, in, sizeof(in), 0), HF_UDP_FAN_BYTES_MAX - 1000);
        assert_memory_equal(in, big, HF_UDP_FAN_BYTES_MAX - 1000);
    }
    assert_true(hf_udp_fan_packet(fan, "last", 4));
    hf_udp_fan_to(fan, &peer);
    hf_udp_fan_close(fan); /* sends it */
    assert_int_equal(recv(fd, in, sizeof(in), 0), 4);
    close(fd);
    hf_udp_fan_close(NULL);
    hf_loop_free(loop);
}

static void addresses_of_others_are_refused(void **state)
{
    struct hf_loop *loop = hf_loop_new(NULL);
    union hf_address other;
    struct hf_udp_fan *fan;

    (void)state;
    assert_int_equal(hf_address_parse("192.0.2.1:0", &other), HF_OK);
    assert_int_equal(hf_udp_fan_open(loop, &other, &fan), HF_ERR_INVALID);
    hf_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_peer_gets_each_packet_in_order),
        cmocka_unit_test(large_packets_and_peers_that_are_gone),
        cmocka_unit_test(addresses_of_others_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
