/* app/media_shared_vectors_test.c - one port for all: whose a packet or a connection is. */
#include "app/media_testkit.h"

enum { SHARED_PORT = 21500 /* below those that the kernel gives out by itself */, OTHER_SSRC = 200000002 };

static void begin_shared(void)
{
    struct hf_media_options options = defaults;

    options.shared_port = SHARED_PORT;
    begin(&options);
}

static uint64_t open_as(uint32_t ssrc, uint8_t transport, const char *channel)
{
    struct hf_gb_media_request request = {.tenant = &kit.tenant,
                                          .device = HF_SLICE("34020000001110000001"),
                                          .channel = hf_slice_of(channel),
                                          .ssrc = ssrc,
                                          .transport = transport,
                                          .family = 4};
    uint64_t token = kit.token++;

    assert_int_equal(hf_media_ops.open(kit.media, token, &request), HF_OK);
    return token;
}

static bool stats_are(const void *context)
{
    struct hf_media_stats stats;
    const uint64_t *wanted = context; /* packets taken, packets refused */

    hf_media_stats(kit.media, &stats);
    return stats.packets >= wanted[0] && stats.strange_source >= wanted[1];
}

/* What a watcher of that channel is told of its stream. */
static void expect_of(const char *channel, const char *want)
{
    struct watcher watcher;

    assert_int_equal(watch(&watcher, HF_VIEW_STATS, channel), HF_OK);
    until(has_ended, &watcher);
    assert_int_equal(watcher.err, HF_OK);
    watcher.data[watcher.bytes - 1] = '\0';
    if (strstr((char *)watcher.data, want) == NULL)
        fail_msg("%s instead of %s", (char *)watcher.data, want);
    leave(&watcher);
}

static void datagrams_are_told_apart_by_their_ssrc(void **state)
{
    struct device one = {.fd = udp_socket(NULL), .ssrc = SSRC, .port = SHARED_PORT},
                  other = {.fd = udp_socket(NULL), .ssrc = OTHER_SSRC, .port = SHARED_PORT},
                  stranger = {.fd = udp_socket(NULL), .ssrc = 7, .port = SHARED_PORT};
    uint64_t counts[2] = {5, 1};

    (void)state;
    begin_shared();
    uint64_t first = open_as(SSRC, HF_GB_MEDIA_UDP, "one"),
             second = open_as(OTHER_SSRC, HF_GB_MEDIA_UDP, "other");

    assert_int_equal(await(first, HF_GB_MEDIA_OPENED)->port, SHARED_PORT);
    assert_int_equal(await(second, HF_GB_MEDIA_OPENED)->port, SHARED_PORT);
    for (unsigned i = 0; i < 3; i++)
        send_packet(&one, (const uint8_t *)"0123456789", 10, i, false);
    for (unsigned i = 0; i < 2; i++)
        send_packet(&other, (const uint8_t *)"0123456789", 10, i, false);
    send_packet(&stranger, (const uint8_t *)"0123456789", 10, 0, false);
    until(stats_are, counts);
    expect_of("one", "\"packets\":3,");
    expect_of("other", "\"packets\":2,");
    hf_media_ops.close(kit.media, first);
    uint64_t third =
        open_as(3, HF_GB_MEDIA_UDP, "third"); /* orders are taken in turn: the first one is closed now */

    (void)await(third, HF_GB_MEDIA_OPENED);
    counts[1] = 2; /* what was the first one's is nobody's */
    send_packet(&one, (const uint8_t *)"0123456789", 10, 9, false);
    until(stats_are, counts);
    first = open_as(SSRC, HF_GB_MEDIA_UDP, "again");
    assert_int_equal(await(first, HF_GB_MEDIA_OPENED)->port, SHARED_PORT);
    hf_media_ops.close(kit.media, first);
    hf_media_ops.close(kit.media, second);
    hf_media_ops.close(kit.media, third);
    end();
    close(one.fd);
    close(other.fd);
    close(stranger.fd);
}

static void an_ssrc_has_one_owner(void **state)
{
    struct hf_media_stats stats;
    struct device device = {.fd = udp_socket(NULL), .ssrc = 77, .port = SHARED_PORT};
    uint64_t counts[2] = {1, 0};

    (void)state;
    begin_shared();
    uint64_t first = open_as(SSRC, HF_GB_MEDIA_UDP, "one"), same = open_as(SSRC, HF_GB_MEDIA_UDP, "other");

    (void)await(first, HF_GB_MEDIA_OPENED);
    assert_int_equal(await(same, HF_GB_MEDIA_REFUSED)->err, HF_ERR_EXISTS);
    struct hf_gb_media_answer answer = {
        .host = HF_SLICE("127.0.0.1"), .port = 9, .ssrc = 77, .format = HF_SLICE("PS")};

    hf_media_ops.answered(kit.media, first, &answer); /* the device has another of its own */
    uint64_t second = open_as(77, HF_GB_MEDIA_UDP, "third");

    assert_int_equal(await(second, HF_GB_MEDIA_REFUSED)->err, HF_ERR_EXISTS);
    send_packet(&device, (const uint8_t *)"0123456789", 10, 0, false);
    until(stats_are, counts);
    expect_of("one", "\"packets\":1,");
    hf_media_stats(kit.media, &stats);
    assert_int_equal(stats.ssrc_collisions, 2);
    hf_media_ops.close(kit.media, first);
    end();
    close(device.fd);
}

static int connected(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval patience = {PATIENCE_MS / 1000, 0};
    struct sockaddr_in to = loopback(SHARED_PORT);

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static bool is_closed(int fd)
{
    uint8_t byte;

    return recv(fd, &byte, 1, 0) <= 0;
}

static void connections_are_known_by_their_first_packet(void **state)
{
    uint8_t frames[2][2 + HF_RTP_HEAD_BYTES + 10];
    uint64_t counts[2] = {3, 0};

    (void)state;
    begin_shared();
    uint64_t leg = open_as(SSRC, HF_GB_MEDIA_TCP_PASSIVE, "one"),
             udp = open_as(OTHER_SSRC, HF_GB_MEDIA_UDP, "two");

    assert_int_equal(await(leg, HF_GB_MEDIA_OPENED)->port, SHARED_PORT);
    (void)await(udp, HF_GB_MEDIA_OPENED);
    for (unsigned i = 0; i < 2; i++) {
        struct hf_rtp head = {.payload_type = 96, .sequence = (uint16_t)i, .ssrc = SSRC};

        memset(frames[i], '.', sizeof(frames[i]));
        hf_rtp_frame_write(HF_RTP_HEAD_BYTES + 10, frames[i]);
        hf_rtp_write(&head, frames[i] + 2);
    }
    struct device device = {.fd = connected(), .stream = true, .sequence = 2, .ssrc = SSRC};

    /* Cut anywhere, an empty frame before it. */
    assert_int_equal(send(device.fd, "\0\0", 2, 0), 2);
    for (size_t i = 0; i < sizeof(frames[0]); i++)
        assert_int_equal(send(device.fd, &frames[0][i], 1, 0), 1);
    assert_int_equal(send(device.fd, frames[1], sizeof(frames[1]), 0), sizeof(frames[1]));
    send_packet(&device, (const uint8_t *)"0123456789", 10, 0, false);
    until(stats_are, counts);
    expect_of("one", "\"packets\":3,");
    /* Nobody's, one that has another connection, one of a stream that comes otherwise, no frames at all. */
    struct device stranger = {.fd = connected(), .stream = true, .ssrc = 7},
                  twin = {.fd = connected(), .stream = true, .ssrc = SSRC},
                  wrong = {.fd = connected(), .stream = true, .ssrc = OTHER_SSRC};
    int silent = connected();

    send_packet(&stranger, (const uint8_t *)"0123456789", 10, 0, false);
    send_packet(&twin, (const uint8_t *)"0123456789", 10, 0, false);
    send_packet(&wrong, (const uint8_t *)"0123456789", 10, 0, false);
    assert_true(is_closed(stranger.fd) && is_closed(twin.fd) && is_closed(wrong.fd));
    send_packet(&device, (const uint8_t *)"0123456789", 10, 0, false); /* it is not disturbed */
    counts[0] = 4;
    until(stats_are, counts);
    hf_media_ops.close(kit.media, leg);
    hf_media_ops.close(kit.media, udp);
    assert_true(is_closed(device.fd));
    end();
    close(device.fd);
    close(stranger.fd);
    close(twin.fd);
    close(wrong.fd);
    close(silent);
}

static bool has_refused(const void *context)
{
    struct hf_media_stats stats;

    hf_media_stats(kit.media, &stats);
    return stats.connections_refused >= *(const uint64_t *)context;
}

static void who_says_nothing_does_not_stay(void **state)
{
    enum { CALLERS_MAX = 256 };
    struct hf_media_options options = defaults;
    static int callers[CALLERS_MAX + 1];
    uint64_t wanted = 1;

    (void)state;
    options.shared_port = SHARED_PORT;
    options.legs_max = 1000;
    begin(&options);
    for (unsigned i = 0; i <= CALLERS_MAX; i++)
        callers[i] = connected();
    until(has_refused, &wanted); /* one is too many */
    assert_true(is_closed(callers[CALLERS_MAX]));
    for (unsigned i = 0; i <= CALLERS_MAX; i++)
        close(callers[i]);
    end();
    options.first_packet_ms = 100;
    begin(&options);
    callers[0] = connected();
    assert_int_equal(send(callers[0], "\0\0\0", 3, 0), 3); /* an empty frame, and the beginning of one */
    assert_true(is_closed(callers[0]));
    close(callers[0]);
    callers[0] = connected();
    assert_int_equal(send(callers[0], "GET / HTTP/1.1", 14, 0),
                     14); /* no RTP behind these lengths; it is not waited for */
    assert_true(is_closed(callers[0]));
    close(callers[0]);
    end();
}

static void a_talk_has_a_port_of_its_own(void **state)
{
    (void)state;
    begin_shared();
    leg_kind = HF_GB_MEDIA_KIND_TALK;
    uint64_t leg = open_leg(HF_GB_MEDIA_ANY, "ch");

    leg_kind = HF_MEDIA_KIND_LIVE;
    assert_int_not_equal(await(leg, HF_GB_MEDIA_OPENED)->port, SHARED_PORT);
    hf_media_ops.close(kit.media, leg);
    end();
}

static void a_port_that_is_taken_is_told(void **state)
{
    struct hf_media_options options = defaults;
    struct hf_media *second = NULL;

    (void)state;
    begin_shared();
    options.shared_port = SHARED_PORT;
    take_own_ports(&options);
    assert_int_equal(hf_media_new(&options, 1, &kit.logger, &second), HF_ERR_EXISTS);
    assert_null(second);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(datagrams_are_told_apart_by_their_ssrc),
        cmocka_unit_test(an_ssrc_has_one_owner),
        cmocka_unit_test(connections_are_known_by_their_first_packet),
        cmocka_unit_test(who_says_nothing_does_not_stay),
        cmocka_unit_test(a_talk_has_a_port_of_its_own),
        cmocka_unit_test(a_port_that_is_taken_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
