/* app/media_voice_vectors_test.c - what is said to a device: how it goes, and who may say it. Time is the thread's own; nothing here asks how long it took. */
#include "app/media_testkit.h"

#include <netinet/tcp.h>
#include <time.h>

#include "codec/rtp/rtcp.h"
#include "core/media/source.h"

enum { SOUND_BYTES = 160 };

static uint8_t sound[64000];

static int make_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(sound); i++)
        sound[i] = (uint8_t)(i * 31 + i / 256);
    return 0;
}

static uint64_t open_talk(uint16_t *ret_port)
{
    leg_kind = HF_GB_MEDIA_KIND_TALK;
    uint64_t leg = open_leg(HF_GB_MEDIA_ANY, "ch");

    *ret_port = await(leg, HF_GB_MEDIA_OPENED)->port;
    return leg;
}

static void agree(uint64_t leg, uint8_t transport, uint16_t port, uint8_t payload_type, const char *format)
{
    struct hf_gb_media_answer answer = {.host = HF_SLICE("127.0.0.1"),
                                        .port = port,
                                        .ssrc = SSRC,
                                        .transport = transport,
                                        .payload_type = payload_type,
                                        .format = hf_slice_of(format)};

    hf_media_ops.answered(kit.media, leg, &answer);
}

static hf_err say_as(struct watcher *watcher, enum hf_es_codec codec, size_t from, size_t bytes, bool last)
{
    struct hf_view_request request = {.tenant = HF_SLICE("default"),
                                      .device = HF_SLICE("34020000001110000001"),
                                      .channel = HF_SLICE("ch"),
                                      .form = HF_VIEW_SPEAK,
                                      .kind = HF_GB_MEDIA_KIND_TALK,
                                      .sound = {(const char *)sound + from, bytes},
                                      .sound_codec = (uint8_t)codec,
                                      .sound_last = last};

    *watcher = (struct watcher){0};
    hf_err err = hf_view_new(kit.media, 0, &request, on_chunk, watcher, &watcher->view);

    if (err == HF_OK)
        hf_view_ask(watcher->view);
    return err;
}

/* Says it, and waits until all of it is taken, or refused. */
static hf_err say(size_t from, size_t bytes, bool last)
{
    struct watcher watcher;

    assert_int_equal(say_as(&watcher, HF_ES_G711A, from, bytes, last), HF_OK);
    until(has_ended, &watcher);
    hf_err err = watcher.err;

    assert_false(watcher.absent);
    if (err == HF_OK)
        assert_non_null(memmem(watcher.data, watcher.bytes, "\"said\":{\"codec\":\"", 17));
    leave(&watcher);
    return err;
}

static struct hf_rtp hear(int fd, uint8_t in[2048])
{
    struct hf_rtp rtp;
    ssize_t bytes = recv(fd, in, 2048, 0);

    assert_true(bytes > HF_RTP_HEAD_BYTES);
    assert_int_equal(hf_rtp_parse(in, (size_t)bytes, &rtp), HF_OK);
    return rtp;
}

static void each_packet_has_20_ms(void **state)
{
    uint16_t own, port;
    int device = udp_socket(&own);
    uint8_t in[2048];
    struct hf_rtp first = {0};

    (void)state;
    begin(&defaults);
    uint64_t leg = open_talk(&port);

    agree(leg, HF_GB_MEDIA_UDP, own, 8, "PCMA");
    assert_int_equal(say(0, 3 * SOUND_BYTES, false), HF_OK);
    for (unsigned i = 0; i < 3; i++) {
        struct hf_rtp rtp = hear(device, in);

        first = i == 0 ? rtp : first;
        assert_int_equal(rtp.marker, i == 0);
        assert_int_equal(rtp.payload_type, 8);
        assert_int_equal(rtp.ssrc, SSRC);
        assert_int_equal((uint16_t)(rtp.sequence - first.sequence), i);
        assert_int_equal(rtp.timestamp - first.timestamp, i * SOUND_BYTES);
        assert_int_equal(rtp.payload.bytes, SOUND_BYTES);
        assert_memory_equal(rtp.payload.at, sound + (size_t)i * SOUND_BYTES, SOUND_BYTES);
    }
    /* After a pause a new spurt begins; what does not fill a packet is filled up when nothing follows. */
    assert_int_equal(say(480, 200, true), HF_OK);
    struct hf_rtp rtp = hear(device, in);
    assert_true(rtp.timestamp - first.timestamp >= 3 * SOUND_BYTES);
    assert_int_equal((uint16_t)(rtp.sequence - first.sequence), 3);
    assert_memory_equal(rtp.payload.at, sound + 480, SOUND_BYTES);
    rtp = hear(device, in);
    assert_memory_equal(rtp.payload.at, sound + 640, 40);
    for (size_t i = 40; i < SOUND_BYTES; i++)
        assert_int_equal((uint8_t)rtp.payload.at[i], 0xd5);
    (void)await(leg, HF_GB_MEDIA_PLAYED);
    hf_media_ops.close(kit.media, leg);
    end();
    close(device);
}

/* Sockets for RTP and, one port above, RTCP. */
static int udp_pair(uint16_t *ret_port, int *ret_rtcp)
{
    struct timeval patience = {PATIENCE_MS / 1000, 0};

    for (unsigned tries = 0; tries < 100; tries++) {
        int rtp = udp_socket(ret_port), rtcp = socket(AF_INET, SOCK_DGRAM, 0);
        struct sockaddr_in above = loopback((uint16_t)(*ret_port + 1));

        if (*ret_port < 65535 && bind(rtcp, (struct sockaddr *)&above, sizeof(above)) == 0) {
            assert_int_equal(setsockopt(rtcp, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
            *ret_rtcp = rtcp;
            return rtp;
        }
        close(rtp);
        close(rtcp);
    }
    fail_msg("no two ports");
    return -1;
}

static void a_sender_report_tells_what_was_sent(void **state)
{
    uint16_t own, port;
    int reports = -1, device = udp_pair(&own, &reports);
    uint8_t in[2048];
    struct hf_rtcp packet;
    struct hf_rtp first;

    (void)state;
    begin(&defaults);
    uint64_t leg = open_talk(&port), before_s = (uint64_t)time(NULL);

    agree(leg, HF_GB_MEDIA_UDP, own, 8, "PCMA");
    assert_int_equal(say(0, 2 * SOUND_BYTES, false), HF_OK);
    first = hear(device, in);
    ssize_t bytes = recv(reports, in, sizeof(in), 0);
    struct hf_slice rest = {(char *)in, (size_t)HF_MAX(bytes, 0)};

    assert_int_equal(hf_rtcp_next(&rest, &packet), HF_OK);
    assert_int_equal(packet.type, HF_RTCP_SR);
    assert_int_equal(packet.ssrc, SSRC);
    assert_int_equal(packet.count, 0);
    assert_in_range(packet.sender.packets, 1, 2);
    assert_int_equal(packet.sender.bytes, packet.sender.packets * SOUND_BYTES); /* payload alone */
    uint64_t ntp_s = packet.sender.ntp >> 32;

    assert_in_range(ntp_s, before_s + 2208988800u, (uint64_t)time(NULL) + 2208988800u);
    /* The same moment on the clock of the sound. */
    assert_in_range(packet.sender.rtp_time - first.timestamp, 0, PATIENCE_MS * 8u);
    assert_int_equal(hf_rtcp_next(&rest, &packet), HF_OK);
    assert_int_equal(packet.type, HF_RTCP_SDES);
    assert_true(hf_slice_is(packet.cname, "holdfast"));
    hf_media_ops.close(kit.media, leg);
    end();
    close(device);
    close(reports);
}

static void heard(void *context, const struct hf_es_unit *unit)
{
    size_t *bytes = context;

    assert_true(unit->audio);
    assert_int_equal(unit->codec, HF_ES_G711A);
    assert_memory_equal(unit->at, sound + *bytes, unit->bytes);
    *bytes += unit->bytes;
}

static void in_a_program_stream_if_the_device_wants_that(void **state)
{
    static uint8_t video[65536], audio[HF_ES_AUDIO_BYTES];
    static struct hf_ps ps;
    uint16_t own, port;
    int device = udp_socket(&own);
    size_t bytes = 0;
    uint8_t in[2048];

    (void)state;
    begin(&defaults);
    uint64_t leg = open_talk(&port);

    agree(leg, HF_GB_MEDIA_UDP, own, 96, "PS");
    assert_int_equal(say(0, 5 * SOUND_BYTES, true), HF_OK);
    hf_ps_init(&ps, video, sizeof(video), audio, sizeof(audio), heard, &bytes);
    for (unsigned i = 0; i < 5; i++) {
        struct hf_rtp rtp = hear(device, in);

        assert_int_equal(rtp.payload_type, 96);
        assert_true(rtp.marker);
        hf_ps_feed(&ps, (const uint8_t *)rtp.payload.at, rtp.payload.bytes);
    }
    hf_ps_flush(&ps);
    assert_int_equal(bytes, 5 * SOUND_BYTES);
    hf_media_ops.close(kit.media, leg);
    end();
    close(device);
}

static int tcp_socket(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval patience = {PATIENCE_MS / 1000, 0};

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    return fd;
}

static void read_frames(int fd, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        uint8_t frame[2 + HF_RTP_HEAD_BYTES + SOUND_BYTES];
        struct hf_rtp rtp;

        assert_int_equal(recv(fd, frame, sizeof(frame), MSG_WAITALL), sizeof(frame));
        assert_int_equal(frame[0] << 8 | frame[1], sizeof(frame) - 2);
        assert_int_equal(hf_rtp_parse(frame + 2, sizeof(frame) - 2, &rtp), HF_OK);
        assert_int_equal(rtp.ssrc, SSRC);
        assert_memory_equal(rtp.payload.at, sound + (size_t)i * SOUND_BYTES, SOUND_BYTES);
    }
}

static void over_a_connection_of_the_device(void **state)
{
    struct watcher watcher;
    uint16_t port;
    int device = tcp_socket();

    (void)state;
    begin(&defaults);
    uint64_t leg = open_talk(&port);

    agree(leg, HF_GB_MEDIA_TCP_PASSIVE, 9, 8, "PCMA");
    assert_int_equal(say_as(&watcher, HF_ES_G711A, 0, 4 * SOUND_BYTES, false), HF_OK);
    until(has_ended, &watcher); /* taken: the buffer has room, though nobody has connected yet */
    assert_int_equal(watcher.err, HF_OK);
    leave(&watcher);
    struct sockaddr_in to = loopback(port);
    assert_int_equal(connect(device, (struct sockaddr *)&to, sizeof(to)), 0);
    read_frames(device, 0, 4);
    hf_media_ops.close(kit.media, leg);
    end();
    close(device);
}

static void over_a_connection_to_the_device(void **state)
{
    struct sockaddr_in own = loopback(0);
    socklen_t bytes = sizeof(own);
    int listener = tcp_socket();
    uint16_t port;

    (void)state;
    assert_int_equal(bind(listener, (struct sockaddr *)&own, sizeof(own)), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&own, &bytes), 0);
    assert_int_equal(listen(listener, 1), 0);
    begin(&defaults);
    uint64_t leg = open_talk(&port);

    agree(leg, HF_GB_MEDIA_TCP_ACTIVE, ntohs(own.sin_port), 8, "PCMA");
    int device = accept(listener, NULL, NULL);

    assert_true(device >= 0);
    assert_int_equal(say(0, 4 * SOUND_BYTES, false), HF_OK);
    read_frames(device, 0, 4);
    hf_media_ops.close(kit.media, leg);
    end();
    close(device);
    close(listener);
}

/* A device that only listens is not taken for lost, however long it says nothing; but it may come again. */
static void a_stranger_does_not_take_the_place_of_who_listens(void **state)
{
    enum { FRAMES = HF_MEDIA_MOVE_MS / 20 + 10 };
    int device = tcp_socket(), again = tcp_socket(), stranger = tcp_socket();
    struct sockaddr_in other = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1)}, to;
    struct watcher watcher;
    uint16_t port;
    uint8_t byte;

    (void)state;
    begin(&defaults);
    uint64_t leg = open_talk(&port);

    to = loopback(port);
    agree(leg, HF_GB_MEDIA_TCP_PASSIVE, 9, 8, "PCMA");
    assert_int_equal(connect(device, (struct sockaddr *)&to, sizeof(to)), 0);
    assert_int_equal(say_as(&watcher, HF_ES_G711A, 0, sizeof(sound), false), HF_OK);
    read_frames(device, 0, FRAMES);
    assert_int_equal(bind(stranger, (struct sockaddr *)&other, sizeof(other)), 0);
    assert_int_equal(connect(stranger, (struct sockaddr *)&to, sizeof(to)), 0);
    assert_true(recv(stranger, &byte, 1, 0) <= 0);
    read_frames(device, FRAMES, 1);
    assert_int_equal(connect(again, (struct sockaddr *)&to, sizeof(to)), 0);
    assert_int_equal(recv(again, &byte, 1, MSG_PEEK), 1);
    leave(&watcher);
    hf_media_ops.close(kit.media, leg);
    end();
    close(device);
    close(again);
    close(stranger);
}

/* Small segments: a kernel buffers by their number, and those of loopback would have room for minutes of sound. */
static int slow_socket(uint16_t port)
{
    int fd = tcp_socket(), segment_bytes = 88, receive_bytes = 2048;
    struct sockaddr_in to = loopback(port);

    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment_bytes, sizeof(segment_bytes)), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static bool has_lost(const void *context)
{
    struct hf_media_stats stats;

    (void)context;
    hf_media_stats(kit.media, &stats);
    return stats.talk_lost > 0;
}

/* What waits for a connection is bounded, and leaves in whole packets when the device reads at last, though the talk is over by then. */
static void a_device_that_does_not_read_loses_whole_packets(void **state)
{
    struct hf_media_options options = defaults;
    struct hf_media_stats stats;
    struct watcher watcher;
    uint16_t port, first = 0;

    (void)state;
    options.talk_bytes_max = 1600;
    options.part_ms = 2 * PATIENCE_MS;
    begin(&options);
    uint64_t leg = open_talk(&port);

    agree(leg, HF_GB_MEDIA_TCP_PASSIVE, 9, 8, "PCMA");
    int device = slow_socket(port);

    assert_int_equal(say_as(&watcher, HF_ES_G711A, 0, sizeof(sound), false), HF_OK);
    until(has_lost, NULL);
    hf_media_ops.close(kit.media, leg);
    until(has_ended, &watcher);
    leave(&watcher);
    until(nobody_watches, NULL); /* and what is counted is told */
    hf_media_stats(kit.media, &stats);
    for (uint64_t i = 0; i < stats.talk_packets; i++) {
        uint8_t frame[2 + HF_RTP_HEAD_BYTES + SOUND_BYTES];
        struct hf_rtp rtp = {0};

        assert_int_equal(recv(device, frame, sizeof(frame), MSG_WAITALL), sizeof(frame));
        assert_int_equal(frame[0] << 8 | frame[1], sizeof(frame) - 2);
        assert_int_equal(hf_rtp_parse(frame + 2, sizeof(frame) - 2, &rtp), HF_OK);
        first = i == 0 ? rtp.sequence : first;
        assert_memory_equal(rtp.payload.at, sound + (size_t)(uint16_t)(rtp.sequence - first) * SOUND_BYTES,
                            SOUND_BYTES);
    }
    end();
    close(device);
}

static void the_other_door_is_closed_by_the_answer(void **state)
{
    uint16_t own, port;
    int device = udp_socket(&own), stranger = tcp_socket();
    uint8_t in[2048];

    (void)state;
    begin(&defaults);
    uint64_t leg = open_talk(&port);
    struct sockaddr_in to = loopback(port);

    assert_int_equal(connect(stranger, (struct sockaddr *)&to, sizeof(to)), 0);
    agree(leg, HF_GB_MEDIA_UDP, own, 8, "PCMA");
    assert_int_equal(say(0, SOUND_BYTES, false), HF_OK);
    assert_memory_equal(hear(device, in).payload.at, sound, SOUND_BYTES);
    assert_true(recv(stranger, in, sizeof(in), 0) <= 0);
    close(stranger);
    stranger = tcp_socket();
    assert_int_equal(connect(stranger, (struct sockaddr *)&to, sizeof(to)), -1);
    hf_media_ops.close(kit.media, leg);
    end();
    close(stranger);
    close(device);
}

static bool has_packets(const void *context)
{
    struct hf_media_stats stats;

    hf_media_stats(kit.media, &stats);
    return stats.packets + stats.strange_source >= *(const uint64_t *)context;
}

/* Behind NAT a device is where its own packets come from; but not whoever sends some. */
static void only_who_knows_the_ssrc_moves_it(void **state)
{
    uint16_t own, moved_port, port;
    int device = udp_socket(&own);
    struct device stranger = {.fd = udp_socket(NULL), .ssrc = 1},
                  moved = {.fd = udp_socket(&moved_port), .ssrc = SSRC};
    uint64_t wanted = 1;
    uint8_t in[2048];

    (void)state;
    begin(&defaults);
    uint64_t leg = open_talk(&port);

    stranger.port = moved.port = port;
    agree(leg, HF_GB_MEDIA_UDP, own, 8, "PCMA");
    assert_int_equal(say(0, SOUND_BYTES, false), HF_OK); /* taken in turn: it was answered */
    assert_memory_equal(hear(device, in).payload.at, sound, SOUND_BYTES);
    send_packet(&stranger, sound, SOUND_BYTES, 0, false);
    until(has_packets, &wanted);
    assert_int_equal(say(SOUND_BYTES, SOUND_BYTES, false), HF_OK);
    assert_memory_equal(hear(device, in).payload.at, sound + SOUND_BYTES, SOUND_BYTES);
    send_packet(&moved, sound, SOUND_BYTES, 0, false);
    wanted = 2;
    until(has_packets, &wanted);
    assert_int_equal(say(2 * SOUND_BYTES, SOUND_BYTES, false), HF_OK);
    assert_memory_equal(hear(moved.fd, in).payload.at, sound + 2 * SOUND_BYTES, SOUND_BYTES);
    hf_media_ops.close(kit.media, leg);
    end();
    close(device);
    close(stranger.fd);
    close(moved.fd);
}

static void what_cannot_be_said(void **state)
{
    struct watcher first, second;
    uint16_t own, port;
    int device = udp_socket(&own);
    uint8_t in[2048];

    (void)state;
    begin(&defaults);
    assert_int_equal(say(0, SOUND_BYTES, false), HF_ERR_NOT_FOUND);
    uint64_t leg = open_talk(&port);

    /* The second is one too many, the first waits: for the answer, then for room. */
    assert_int_equal(say_as(&first, HF_ES_G711A, 0, sizeof(sound), false), HF_OK);
    assert_int_equal(say(0, SOUND_BYTES, false), HF_ERR_EXISTS);
    agree(leg, HF_GB_MEDIA_UDP, own, 8, "PCMA");
    (void)hear(device, in);
    assert_int_equal(say(0, SOUND_BYTES, false), HF_ERR_EXISTS);
    assert_false(first.ended);
    leave(&first); /* in the middle of it */
    assert_int_equal(say_as(&second, HF_ES_G711U, 0, SOUND_BYTES, false), HF_OK);
    until(has_ended, &second);
    assert_int_equal(second.err, HF_ERR_UNSUPPORTED);
    leave(&second);
    assert_int_equal(say_as(&second, HF_ES_G711A, 0, sizeof(sound), false), HF_OK);
    assert_int_equal(say(0, SOUND_BYTES, false), HF_ERR_EXISTS);
    hf_media_ops.close(kit.media, leg);
    until(has_ended, &second);
    assert_int_equal(second.err, HF_ERR_CLOSED);
    leave(&second);
    assert_int_equal(say(0, SOUND_BYTES, false), HF_ERR_NOT_FOUND);
    end();
    close(device);
}

static void who_makes_no_connection_is_not_waited_for(void **state)
{
    struct hf_media_options options = defaults;
    uint16_t port;

    (void)state;
    options.start_ms = 200;
    begin(&options);
    uint64_t leg = open_talk(&port);

    agree(leg, HF_GB_MEDIA_TCP_PASSIVE, 9, 8, "PCMA");
    assert_int_equal(say(0, sizeof(sound), false), HF_ERR_TIMEOUT); /* more than the buffer */
    hf_media_ops.close(kit.media, leg);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_packet_has_20_ms),
        cmocka_unit_test(a_sender_report_tells_what_was_sent),
        cmocka_unit_test(in_a_program_stream_if_the_device_wants_that),
        cmocka_unit_test(over_a_connection_of_the_device),
        cmocka_unit_test(over_a_connection_to_the_device),
        cmocka_unit_test(a_stranger_does_not_take_the_place_of_who_listens),
        cmocka_unit_test(a_device_that_does_not_read_loses_whole_packets),
        cmocka_unit_test(the_other_door_is_closed_by_the_answer),
        cmocka_unit_test(only_who_knows_the_ssrc_moves_it),
        cmocka_unit_test(what_cannot_be_said),
        cmocka_unit_test(who_makes_no_connection_is_not_waited_for),
    };

    return cmocka_run_group_tests(tests, make_sound, NULL);
}
