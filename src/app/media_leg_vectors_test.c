/* app/media_leg_vectors_test.c - how media comes in, and goes on to consumers of RTP. */
#include "app/media_testkit.h"

#include <errno.h>

static void packets_go_to_consumers_as_they_came(void **state)
{
    struct device device = {.fd = udp_socket(NULL), .ssrc = SSRC};
    uint16_t ports[2];
    int consumers[2] = {udp_socket(&ports[0]), udp_socket(&ports[1])};
    union hf_address to;
    uint64_t leg;

    (void)state;
    begin(&defaults);
    leg = open_leg(HF_GB_MEDIA_UDP, "ch");
    const struct hf_gb_media_told *opened = await(leg, HF_GB_MEDIA_OPENED);

    assert_string_equal(opened->host, "192.0.2.7");
    assert_int_equal(opened->port % 2, 0);
    device.port = opened->port;
    for (unsigned i = 0; i < 2; i++) {
        to.v4 = loopback(ports[i]);
        assert_int_equal(hf_media_relay(kit.media, leg, &to, true), HF_OK);
    }
    answer(leg, 9, "PS");
    leg = open_leg(HF_GB_MEDIA_UDP,
                   "other"); /* orders are taken in turn: once this is open, those were taken */
    (void)await(leg, HF_GB_MEDIA_OPENED);
    for (unsigned i = 0; i < 100; i++)
        send_packet(&device, (const uint8_t *)"0123456789", 10, i, false);
    for (unsigned c = 0; c < 2; c++)
        for (unsigned i = 0; i < 100; i++) {
            uint8_t in[2048];
            struct hf_rtp rtp;
            ssize_t bytes = recv(consumers[c], in, sizeof(in), 0);

            assert_int_equal(bytes, HF_RTP_HEAD_BYTES + 10);
            assert_int_equal(hf_rtp_parse(in, (size_t)bytes, &rtp), HF_OK);
            assert_int_equal(rtp.sequence, i);
            assert_int_equal(rtp.ssrc, SSRC);
            assert_memory_equal(rtp.payload.at, "0123456789", 10);
        }
    (void)await(1, HF_GB_MEDIA_FIRST);
    end();
    close(device.fd);
    close(consumers[0]);
    close(consumers[1]);
}

static void a_device_connects_to_us(void **state)
{
    struct device device = {.fd = socket(AF_INET, SOCK_STREAM, 0), .stream = true, .ssrc = SSRC};
    struct sockaddr_in to;
    struct watcher watcher;
    uint64_t leg;

    (void)state;
    begin(&defaults);
    leg = open_leg(HF_GB_MEDIA_TCP_PASSIVE, "ch");
    to = loopback(await(leg, HF_GB_MEDIA_OPENED)->port);
    answer(leg, 9, "PS");
    assert_int_equal(watch(&watcher, HF_VIEW_FLV, "ch"), HF_OK);
    assert_int_equal(connect(device.fd, (struct sockaddr *)&to, sizeof(to)), 0);
    for (unsigned u = 0; u < unit_count; u++)
        send_unit(&device, u);
    (void)await(leg, HF_GB_MEDIA_FIRST);
    until(has_data, &watcher);
    assert_memory_equal(watcher.data, "FLV", 3);
    /* What is no RTP ends the connection. */
    assert_int_equal(send(device.fd, "GET / HTTP/1.1\r\n\r\n", 18, 0), 18);
    char byte;

    assert_true(recv(device.fd, &byte, 1, 0) <= 0);
    leave(&watcher);
    end();
    close(device.fd);
}

static void we_connect_to_a_device(void **state)
{
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = loopback(0);
    socklen_t bytes = sizeof(address);
    struct device device = {.stream = true, .ssrc = 7 /* its own */};
    struct watcher watcher;
    uint64_t leg;

    (void)state;
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &bytes), 0);
    begin(&defaults);
    leg = open_leg(HF_GB_MEDIA_TCP_ACTIVE, "ch");
    (void)await(leg, HF_GB_MEDIA_OPENED);
    answer(leg, ntohs(address.sin_port), "ps");
    device.fd = accept(listener, NULL, NULL);
    assert_true(device.fd >= 0);
    assert_int_equal(watch(&watcher, HF_VIEW_PS, "ch"), HF_OK);
    for (unsigned u = 0; u < unit_count; u++)
        send_unit(&device, u);
    until(has_data, &watcher);
    leave(&watcher);
    end();
    close(device.fd);
    close(listener);
}

static void bounds_are_kept(void **state)
{
    struct hf_media_options options = defaults;
    struct watcher first, second;
    uint64_t leg;

    (void)state;
    options.port_first = own_ports();
    options.port_last = (uint16_t)(own_ports() + 3);
    options.legs_max = 2;
    options.views_max = 1;
    begin(&options);
    for (unsigned i = 0; i < 2; i++)
        (void)await(open_leg(HF_GB_MEDIA_UDP, "ch"), HF_GB_MEDIA_OPENED);
    leg = open_leg(HF_GB_MEDIA_UDP, "ch");
    assert_int_equal(await(leg, HF_GB_MEDIA_REFUSED)->err, HF_ERR_LIMIT);
    hf_media_ops.close(kit.media, leg); /* harmless */
    hf_media_ops.close(kit.media, 1);
    leg = open_leg(HF_GB_MEDIA_UDP, "ch"); /* there is room for a leg again, but its port rests */
    assert_int_equal(await(leg, HF_GB_MEDIA_REFUSED)->err, HF_ERR_LIMIT);
    assert_int_equal(watch(&first, HF_VIEW_PS, "nobody"), HF_OK);
    assert_int_equal(watch(&second, HF_VIEW_PS, "nobody"), HF_ERR_LIMIT);
    leave(&first);
    end();
}

static bool was_refused(const void *context)
{
    struct hf_media_stats stats;

    (void)context;
    hf_media_stats(kit.media, &stats);
    return stats.strange_source >= 1 && stats.malformed >= 1;
}

static void strangers_are_refused(void **state)
{
    struct device device = {.fd = udp_socket(NULL), .ssrc = SSRC},
                  stranger = {.fd = udp_socket(NULL), .ssrc = 99};
    uint64_t leg;

    (void)state;
    begin(&defaults);
    leg = open_leg(HF_GB_MEDIA_UDP, "ch");
    device.port = stranger.port = await(leg, HF_GB_MEDIA_OPENED)->port;
    send_unit(&device, 0);
    (void)await(leg, HF_GB_MEDIA_FIRST);
    struct sockaddr_in to = loopback(device.port);

    send_unit(&stranger, 0);
    assert_int_equal(sendto(stranger.fd, "rubbish", 7, 0, (struct sockaddr *)&to, sizeof(to)), 7);
    until(was_refused, NULL);
    end();
    close(device.fd);
    close(stranger.fd);
}

/* A leg with a connection of the device, over which something came. */
static uint64_t connected_leg(struct device *device)
{
    uint64_t leg = open_leg(HF_GB_MEDIA_TCP_PASSIVE, "ch");
    struct sockaddr_in to = loopback(await(leg, HF_GB_MEDIA_OPENED)->port);

    *device = (struct device){.fd = socket(AF_INET, SOCK_STREAM, 0), .stream = true, .ssrc = SSRC};
    assert_int_equal(connect(device->fd, (struct sockaddr *)&to, sizeof(to)), 0);
    send_unit(device, 0);
    (void)await(leg, HF_GB_MEDIA_FIRST);
    return leg;
}

/* Orders are taken in turn: once this is refused or opened, those before were taken. */
static void orders_are_taken(void)
{
    uint64_t leg = open_leg(HF_GB_MEDIA_UDP, "other");

    (void)await(leg, HF_GB_MEDIA_OPENED);
    hf_media_ops.close(kit.media, leg);
}

static bool nothing_came(int fd)
{
    char byte;

    return recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

/* The order of a session's end: the worker has said BYE, and the leg is closed, before the camera has read it. */
static void a_connection_outlives_its_leg_until_bye_was_heard(void **state)
{
    struct hf_media_options options = defaults;
    struct device device;
    char byte;

    (void)state;
    options.part_ms = 10 * PATIENCE_MS;
    begin(&options);
    hf_media_ops.close(kit.media, connected_leg(&device));
    orders_are_taken();
    for (unsigned i = 0; i < 2; i++) { /* the camera has not heard of it, and sends */
        send_unit(&device, 1);
        orders_are_taken();
        assert_true(nothing_came(device.fd));
    }
    close(device.fd); /* now it has */
    hf_media_ops.close(kit.media, connected_leg(&device));
    end(); /* whatever is left ends with the plane */
    assert_true(recv(device.fd, &byte, 1, 0) <= 0);
    close(device.fd);
    /* One that never ends it. */
    options.part_ms = 1;
    begin(&options);
    hf_media_ops.close(kit.media, connected_leg(&device));
    assert_true(recv(device.fd, &byte, 1, 0) <= 0);
    end();
    close(device.fd);
}

static bool one_was_cut(const void *context)
{
    struct hf_media_stats stats;

    (void)context;
    hf_media_stats(kit.media, &stats);
    return stats.connections_cut == 1;
}

static void as_many_as_legs_outlive_theirs(void **state)
{
    struct hf_media_options options = defaults;
    struct device first, second;
    char byte;

    (void)state;
    options.legs_max = 1;
    options.part_ms = 10 * PATIENCE_MS;
    begin(&options);
    hf_media_ops.close(kit.media, connected_leg(&first));
    hf_media_ops.close(kit.media, connected_leg(&second));
    assert_true(recv(second.fd, &byte, 1, 0) <= 0);
    until(one_was_cut, NULL);
    assert_true(nothing_came(first.fd));
    end();
    close(first.fd);
    close(second.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_go_to_consumers_as_they_came),
        cmocka_unit_test(a_device_connects_to_us),
        cmocka_unit_test(we_connect_to_a_device),
        cmocka_unit_test(bounds_are_kept),
        cmocka_unit_test(strangers_are_refused),
        cmocka_unit_test(a_connection_outlives_its_leg_until_bye_was_heard),
        cmocka_unit_test(as_many_as_legs_outlive_theirs),
    };

    return cmocka_run_group_tests(tests, load_picture, NULL);
}
