/* app/media_testkit.h - for tests of the media plane with real threads and sockets: the test is the worker, the device and the watchers. The picture is ffmpeg's: test/fuzz/ps/h264. Nothing waits for
 * time, only for what must come; the bound on that is for the failure. */
#ifndef HF_APP_MEDIA_TESTKIT_H
#define HF_APP_MEDIA_TESTKIT_H

#include "app/media.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/assert.h"
#include "codec/ps/mux.h"
#include "codec/ps/ps.h"
#include "codec/rtp/framing.h"
#include "codec/rtp/rtp.h"
#include "io/clock.h"
#include "io/socket.h"

enum { PATIENCE_MS = 20000, SSRC = 200000001, UNITS_MAX = 16, PACKET_BYTES = 1400, TOLD_MAX = 64 };

static struct {
    struct hf_media *media;
    struct hf_inbox *inbox;
    struct hf_mailbox *mailbox;
    struct hf_logger logger;
    struct hf_tenant tenant;
    struct hf_gb_media_told told[TOLD_MAX];
    unsigned told_count;
    uint64_t token;
} kit;

/* ---- the picture ---- */

static struct {
    uint8_t *bytes;
    size_t count;
    struct hf_es_unit head;
} units[UNITS_MAX];
static unsigned unit_count;

static inline void keep_unit(void *context, const struct hf_es_unit *unit)
{
    (void)context;
    assert_in_range(unit_count, 0, UNITS_MAX - 1);
    units[unit_count].bytes = malloc(unit->bytes);
    memcpy(units[unit_count].bytes, unit->at, unit->bytes);
    units[unit_count].head = *unit;
    units[unit_count].head.at = units[unit_count].bytes;
    unit_count++;
}

static inline int load_picture(void **state)
{
    static uint8_t file[65536], video[65536], audio[HF_ES_AUDIO_BYTES];
    static struct hf_ps ps;
    FILE *in = fopen(HF_DOC_DIR "/../test/fuzz/ps/h264", "rb");

    (void)state;
    assert_non_null(in);
    size_t bytes = fread(file, 1, sizeof(file), in);

    fclose(in);
    hf_ps_init(&ps, video, sizeof(video), audio, sizeof(audio), keep_unit, NULL);
    hf_ps_feed(&ps, file + 2, bytes - 2);
    hf_ps_flush(&ps);
    assert_int_equal(unit_count, 10);
    return 0;
}

/* ---- the worker ---- */

static const struct hf_media_options defaults = {
    .address = "127.0.0.1",
    .external_address = "192.0.2.7",
    /* ports: begin() */
    .legs_max = 100,
    .views_max = 20,
    .first_packet_ms = 10000,
    .silence_ms = 15000,
    .unwatched_ms = 60000,
    .start_ms = 15000,
    .queue_units_max = 256,
    .queue_bytes_max = 4 << 20,
    .gop_bytes_max = 4 << 20,
    .unit_bytes_max = 2 << 20,
    .talk_bytes_max = 16000,
};

/* Two tests may run at a time: each has ports of its own, below those that the kernel gives to whoever connects. */
static inline uint16_t own_ports(void)
{
    return (uint16_t)(12000 + getpid() % 100 * 200);
}

static inline void take_own_ports(struct hf_media_options *options)
{
    options->port_first = own_ports();
    options->port_last = (uint16_t)(own_ports() + 199);
}

static inline void begin(const struct hf_media_options *asked)
{
    static const struct hf_log_sink nowhere = {0};
    struct hf_media_options options = *asked;

    if (options.port_first == 0)
        take_own_ports(&options);
    memset(&kit, 0, sizeof(kit));
    kit.tenant.name = HF_SLICE("default");
    kit.token = 1;
    hf_logger_init(&kit.logger, &nowhere, HF_LOG_LOGFMT, HF_LOG_ERROR);
    assert_int_equal(hf_media_new(&options, 1, &kit.logger, &kit.media), HF_OK);
    kit.inbox = hf_inbox_new(1);
    assert_int_equal(hf_inbox_add(kit.inbox, hf_media_entries(kit.media), &kit.mailbox), HF_OK);
    hf_media_connect(kit.media, 0, kit.mailbox);
    assert_int_equal(hf_media_start(kit.media), HF_OK);
}

static inline void on_told(void *context, struct hf_tenant *tenant, const struct hf_gb_media_told *told)
{
    (void)context;
    assert_ptr_equal(tenant, &kit.tenant);
    assert_in_range(kit.told_count, 0, TOLD_MAX - 1);
    kit.told[kit.told_count++] = *told;
}

static inline void on_message(void *context, unsigned mailbox, void *message)
{
    (void)context;
    (void)mailbox;
    hf_media_arrived(message, on_told, NULL);
}

/* Until done(context), or the test fails. */
static inline void until(bool (*done)(const void *context), const void *context)
{
    uint64_t end_ms = hf_clock_ms() + PATIENCE_MS;

    while (!done(context)) {
        assert_true(hf_clock_ms() < end_ms);
        (void)hf_inbox_wait(kit.inbox, 100);
        (void)hf_inbox_drain(kit.inbox, on_message, NULL, 1000);
    }
}

static inline const struct hf_gb_media_told *find(uint64_t token, enum hf_gb_media_tell tell)
{
    for (unsigned i = 0; i < kit.told_count; i++)
        if (kit.told[i].token == token && kit.told[i].tell == tell)
            return &kit.told[i];
    return NULL;
}

struct wanted {
    uint64_t token;
    enum hf_gb_media_tell tell;
};

static inline bool was_told(const void *context)
{
    const struct wanted *wanted = context;

    return find(wanted->token, wanted->tell) != NULL;
}

static inline const struct hf_gb_media_told *await(uint64_t token, enum hf_gb_media_tell tell)
{
    struct wanted wanted = {token, tell};

    until(was_told, &wanted);
    return find(token, tell);
}

static inline bool nobody_watches(const void *context)
{
    struct hf_media_stats stats;

    (void)context;
    hf_media_stats(kit.media, &stats);
    return stats.views == 0;
}

static inline void end(void)
{
    until(nobody_watches, NULL);
    hf_media_stop(kit.media);
    (void)hf_inbox_drain(kit.inbox, on_message, NULL, 1000);
    hf_inbox_free(kit.inbox); /* the workers go first */
    hf_media_connect(kit.media, 0, NULL);
    hf_media_free(kit.media);
}

static uint8_t leg_kind = HF_MEDIA_KIND_LIVE; /* of the next one, and of what is watched */
static bool leg_until_unwatched;

static inline uint64_t open_leg(uint8_t transport, const char *channel)
{
    struct hf_gb_media_request request = {.tenant = &kit.tenant,
                                          .device = HF_SLICE("34020000001110000001"),
                                          .channel = hf_slice_of(channel),
                                          .ssrc = SSRC,
                                          .transport = transport,
                                          .family = 4,
                                          .kind = leg_kind,
                                          .until_unwatched = leg_until_unwatched};
    uint64_t token = kit.token++;

    assert_int_equal(hf_media_ops.open(kit.media, token, &request), HF_OK);
    return token;
}

static uint8_t answer_transport; /* of one that may choose */

static inline void answer(uint64_t token, uint16_t port, const char *format)
{
    struct hf_gb_media_answer answer = {.host = HF_SLICE("127.0.0.1"),
                                        .port = port,
                                        .ssrc = SSRC,
                                        .transport = answer_transport,
                                        .payload_type = 96,
                                        .format = hf_slice_of(format)};

    hf_media_ops.answered(kit.media, token, &answer);
}

/* ---- the device ---- */

static inline struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static inline int udp_socket(uint16_t *ret_port)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in address = loopback(0);
    socklen_t bytes = sizeof(address);
    struct timeval patience = {PATIENCE_MS / 1000, 0};

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &bytes), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    if (ret_port != NULL)
        *ret_port = ntohs(address.sin_port);
    return fd;
}

struct device {
    int fd;
    bool stream; /* TCP */
    uint16_t port, sequence;
    uint32_t ssrc;
};

static inline void send_packet(struct device *device, const uint8_t *payload, size_t bytes,
                               uint32_t timestamp, bool marker)
{
    uint8_t out[2 + HF_RTP_HEAD_BYTES + PACKET_BYTES];
    struct hf_rtp head = {.marker = marker,
                          .payload_type = 96,
                          .sequence = device->sequence++,
                          .timestamp = timestamp,
                          .ssrc = device->ssrc};
    struct sockaddr_in to = loopback(device->port);

    hf_rtp_frame_write((uint16_t)(HF_RTP_HEAD_BYTES + bytes), out);
    hf_rtp_write(&head, out + 2);
    memcpy(out + 2 + HF_RTP_HEAD_BYTES, payload, bytes);
    if (device->stream)
        assert_int_equal(send(device->fd, out, 2 + HF_RTP_HEAD_BYTES + bytes, 0),
                         2 + HF_RTP_HEAD_BYTES + bytes);
    else
        assert_int_equal(
            sendto(device->fd, out + 2, HF_RTP_HEAD_BYTES + bytes, 0, (struct sockaddr *)&to, sizeof(to)),
            HF_RTP_HEAD_BYTES + bytes);
}

/* A frame as a camera sends it: one pack, the last packet marked. */
static inline void send_unit(struct device *device, unsigned index)
{
    static const struct hf_ps_map map = {.video = HF_ES_H264};
    static uint8_t pack[65536];
    struct hf_es_unit unit = units[index % unit_count].head;
    uint64_t turn = index / unit_count;

    unit.dts += turn * 180000;
    unit.pts += turn * 180000;
    size_t bytes = hf_ps_write(&map, &unit, pack);

    for (size_t at = 0; at < bytes; at += PACKET_BYTES) {
        size_t part = HF_MIN(bytes - at, (size_t)PACKET_BYTES);

        send_packet(device, pack + at, part, (uint32_t)unit.pts, at + part == bytes);
    }
}

/* ---- a watcher ---- */

struct watcher {
    struct hf_view *view;
    uint8_t *data;
    size_t bytes;
    bool absent, ended;
    hf_err err;
    unsigned chunks;
    char codecs[64];
};

static inline void on_chunk(struct hf_view *view, void *user, const struct hf_view_chunk *chunk)
{
    struct watcher *watcher = user;

    watcher->chunks++;
    watcher->absent = watcher->absent || chunk->absent;
    watcher->ended = chunk->end;
    watcher->err = chunk->err;
    if (chunk->codecs != NULL)
        snprintf(watcher->codecs, sizeof(watcher->codecs), "%s", chunk->codecs);
    if (chunk->bytes > 0) {
        watcher->data = realloc(watcher->data, watcher->bytes + chunk->bytes);
        memcpy(watcher->data + watcher->bytes, chunk->data, chunk->bytes);
        watcher->bytes += chunk->bytes;
    }
    if (!chunk->end)
        hf_view_ask(view);
}

static const char *watch_to;  /* of RTP */
static bool watch_as_element; /* MP4: its head with a picture */

static inline hf_err watch(struct watcher *watcher, enum hf_view_form form, const char *channel)
{
    struct hf_view_request request = {.tenant = HF_SLICE("default"),
                                      .device = HF_SLICE("34020000001110000001"),
                                      .channel = hf_slice_of(channel),
                                      .form = form};

    request.to = hf_slice_of(watch_to);
    request.kind = leg_kind;
    request.picture_in_head = watch_as_element;
    *watcher = (struct watcher){0};
    hf_err err = hf_view_new(kit.media, 0, &request, on_chunk, watcher, &watcher->view);

    if (err == HF_OK)
        hf_view_ask(watcher->view);
    return err;
}

static inline bool has_data(const void *context)
{
    return ((const struct watcher *)context)->bytes > 0;
}

static inline bool is_absent(const void *context)
{
    return ((const struct watcher *)context)->absent;
}

static inline bool has_ended(const void *context)
{
    return ((const struct watcher *)context)->ended;
}

static inline void leave(struct watcher *watcher)
{
    hf_view_drop(watcher->view);
    free(watcher->data);
}

#endif
