/* app/media_view_vectors_test.c - what watchers get, and what the site is told of them. */
#include "app/media_testkit.h"

static bool has_units(const void *context)
{
    struct hf_media_stats stats;

    hf_media_stats(kit.media, &stats);
    return stats.units >= *(const uint64_t *)context;
}

static void a_watcher_gets_a_file_of_each_form(void **state)
{
    static const struct {
        enum hf_view_form form;
        const char *magic;
        size_t at, bytes;
    } rows[] = {{HF_VIEW_PS, "\0\0\1\xba", 0, 4},
                {HF_VIEW_FLV, "FLV\1", 0, 4},
                {HF_VIEW_MP4, "ftyp", 4, 4},
                {HF_VIEW_JPEG, "\xff\xd8\xff", 0, 3}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct device device = {.fd = udp_socket(NULL), .ssrc = SSRC};
        struct watcher first, second;
        uint64_t leg, wanted = unit_count;

        begin(&defaults);
        assert_int_equal(watch(&first, rows[i].form, "ch"), HF_OK);
        until(is_absent, &first);
        assert_int_equal(first.bytes, 0);
        leg = open_leg(HF_GB_MEDIA_UDP, "ch");
        device.port = await(leg, HF_GB_MEDIA_OPENED)->port;
        answer(leg, 9, "PS");
        for (unsigned u = 0; u < unit_count; u++)
            send_unit(&device, u);
        until(has_data, &first);
        assert_memory_equal(first.data + rows[i].at, rows[i].magic, rows[i].bytes);
        /* Who comes later begins at once, with the last group; nobody sends any more. */
        until(has_units, &wanted);
        assert_int_equal(watch(&second, rows[i].form, "ch"), HF_OK);
        until(has_data, &second);
        assert_false(second.absent);
        assert_memory_equal(second.data + rows[i].at, rows[i].magic, rows[i].bytes);
        if (rows[i].form == HF_VIEW_JPEG)
            assert_memory_equal(second.data + second.bytes - 2, "\xff\xd9", 2);
        hf_media_ops.close(kit.media, leg);
        until(has_ended, &first);
        until(has_ended, &second);
        assert_int_equal(first.err, HF_OK);
        leave(&first);
        leave(&second);
        end();
        close(device.fd);
    }
}

/* The n-th box of a file, as "ftyp"; "" behind its end. */
static void box_at(const struct watcher *watcher, unsigned n, char ret_type[5])
{
    size_t at = 0, bytes;

    ret_type[0] = '\0';
    for (unsigned i = 0; at + 8 <= watcher->bytes; i++, at += bytes) {
        bytes = (size_t)watcher->data[at] << 24 | (size_t)watcher->data[at + 1] << 16 |
                (size_t)watcher->data[at + 2] << 8 | watcher->data[at + 3];
        assert_true(bytes >= 8);
        if (i == n) {
            memcpy(ret_type, watcher->data + at + 4, 4);
            ret_type[4] = '\0';
            return;
        }
    }
}

static bool has_opened(const void *context)
{
    struct hf_media_stats stats;

    hf_media_stats(kit.media, &stats);
    return stats.views_opened >= *(const uint64_t *)context;
}

static bool has_five_boxes(const void *context)
{
    char type[5];

    box_at(context, 4, type);
    return type[0] != '\0';
}

/* Browsers: a MediaSource is told the codecs and wants a head without pictures, an element wants the first one at once. */
static void mp4_is_for_elements_and_for_media_sources(void **state)
{
    static const char *const boxes[2][5] = {{"ftyp", "moov", "moof", "mdat", "moof"},
                                            {"ftyp", "moov", "mdat", "moof", "mdat"}};
    struct device device = {.fd = udp_socket(NULL), .ssrc = SSRC};
    struct watcher watcher;
    uint64_t leg, wanted = unit_count, opened;
    unsigned sent = 0;
    char type[5];

    (void)state;
    begin(&defaults);
    leg = open_leg(HF_GB_MEDIA_UDP, "ch");
    device.port = await(leg, HF_GB_MEDIA_OPENED)->port;
    for (; sent < unit_count; sent++)
        send_unit(&device, sent);
    until(has_units, &wanted);
    for (unsigned element = 0; element < 2; element++) {
        watch_as_element = element;
        assert_int_equal(watch(&watcher, HF_VIEW_MP4, "ch"), HF_OK);
        opened = element + 1;
        until(has_opened, &opened);
        for (unsigned u = 0; u < unit_count; u++, sent++)
            send_unit(&device, sent);
        until(has_five_boxes, &watcher);
        assert_string_equal(watcher.codecs, "avc1.64000a");
        for (unsigned i = 0; i < 5; i++) {
            box_at(&watcher, i, type);
            assert_string_equal(type, boxes[element][i]);
        }
        leave(&watcher);
    }
    watch_as_element = false;
    end();
    close(device.fd);
}

static void silence_and_absence_are_told(void **state)
{
    struct hf_media_options options = defaults;
    struct device device = {.fd = udp_socket(NULL), .ssrc = SSRC};
    struct watcher watcher;
    uint64_t quiet, leg;

    (void)state;
    options.first_packet_ms = options.silence_ms = options.unwatched_ms = options.start_ms = 1;
    begin(&options);
    quiet = open_leg(HF_GB_MEDIA_UDP, "quiet");
    (void)await(quiet, HF_GB_MEDIA_OPENED);
    answer(quiet, 9, "PS");
    (void)await(quiet, HF_GB_MEDIA_SILENT); /* nothing at all */
    leg = open_leg(HF_GB_MEDIA_UDP, "ch");
    device.port = await(leg, HF_GB_MEDIA_OPENED)->port;
    assert_null(find(leg, HF_GB_MEDIA_SILENT)); /* not before the answer */
    answer(leg, 9, "PS");
    send_unit(&device, 0);
    (void)await(leg, HF_GB_MEDIA_SILENT);
    assert_int_equal(watch(&watcher, HF_VIEW_PS, "ch"), HF_OK);
    until(has_data, &watcher);
    assert_null(find(leg, HF_GB_MEDIA_UNWATCHED)); /* nobody had watched */
    leave(&watcher);
    (void)await(leg, HF_GB_MEDIA_UNWATCHED);
    leg_until_unwatched = true;
    leg = open_leg(HF_GB_MEDIA_UDP, "left");
    leg_until_unwatched = false;
    (void)await(leg, HF_GB_MEDIA_UNWATCHED); /* whoever it was asked for did not come */
    /* A channel that nobody pulls: the watcher waits its time, not longer. */
    assert_int_equal(watch(&watcher, HF_VIEW_PS, "nobody"), HF_OK);
    until(has_ended, &watcher);
    assert_true(watcher.absent);
    assert_int_equal(watcher.err, HF_ERR_TIMEOUT);
    leave(&watcher);
    end();
    close(device.fd);
}

static void who_has_seen_nothing_waits_for_another_call(void **state)
{
    struct device device = {.fd = udp_socket(NULL), .ssrc = SSRC};
    struct watcher watcher;
    uint64_t leg;

    (void)state;
    begin(&defaults);
    leg = open_leg(HF_GB_MEDIA_UDP, "ch");
    (void)await(leg, HF_GB_MEDIA_OPENED);
    assert_int_equal(watch(&watcher, HF_VIEW_PS, "ch"), HF_OK);
    hf_media_ops.close(kit.media, leg);
    until(is_absent, &watcher); /* now it is this one's turn to call */
    leg = open_leg(HF_GB_MEDIA_UDP, "ch");
    device.port = await(leg, HF_GB_MEDIA_OPENED)->port;
    assert_false(watcher.ended);
    for (unsigned u = 0; u < unit_count; u++)
        send_unit(&device, u);
    until(has_data, &watcher);
    leave(&watcher);
    end();
    close(device.fd);
}

/* Of two sessions of a channel, two of its streams say, the newer is watched, and the older when that is over. */
static void the_older_of_two_is_watched_again(void **state)
{
    struct device device = {.fd = udp_socket(NULL), .ssrc = SSRC};
    struct watcher early, late;
    uint64_t legs[4];

    (void)state;
    begin(&defaults);
    for (unsigned i = 0; i < 4; i++) {
        legs[i] = open_leg(HF_GB_MEDIA_UDP, "ch");
        device.port = i == 0 ? await(legs[0], HF_GB_MEDIA_OPENED)->port : device.port;
    }
    assert_int_equal(watch(&early, HF_VIEW_PS, "ch"), HF_OK);
    hf_media_ops.close(kit.media, legs[2]); /* one that is not the newest */
    hf_media_ops.close(kit.media, legs[3]);
    hf_media_ops.close(kit.media, legs[1]);
    assert_int_equal(watch(&late, HF_VIEW_PS, "ch"), HF_OK);
    for (unsigned u = 0; u < unit_count; u++)
        send_unit(&device, u);
    until(has_data, &early);
    until(has_data, &late);
    assert_false(early.absent || late.absent);
    leave(&early);
    leave(&late);
    hf_media_ops.close(kit.media, legs[0]);
    end();
    close(device.fd);
}

static void another_format_is_relayed_but_not_remuxed(void **state)
{
    struct watcher watcher;
    uint64_t leg;

    (void)state;
    begin(&defaults);
    leg = open_leg(HF_GB_MEDIA_UDP, "ch");
    (void)await(leg, HF_GB_MEDIA_OPENED);
    assert_int_equal(watch(&watcher, HF_VIEW_MP4, "ch"), HF_OK);
    answer(leg, 9, "DAHUA");
    until(has_ended, &watcher);
    assert_int_equal(watcher.err, HF_ERR_UNSUPPORTED);
    leave(&watcher);
    end();
}

static void a_watcher_may_want_the_packets(void **state)
{
    struct device device = {.fd = udp_socket(NULL), .ssrc = SSRC};
    static const char *const bad[] = {NULL, "127.0.0.1", "0.0.0.0:99", "[::]:99", "camera:99", "127.0.0.1:0"};
    struct watcher first, second, stats;
    uint16_t port;
    int consumer = udp_socket(&port);
    char target[32];
    uint8_t in[2048];
    uint64_t leg;

    (void)state;
    begin(&defaults);
    snprintf(target, sizeof(target), "127.0.0.1:%u", port);
    for (size_t i = 0; i < HF_COUNT_OF(bad); i++) {
        watch_to = bad[i];
        assert_int_equal(watch(&first, HF_VIEW_RTP, "ch"), HF_ERR_INVALID);
    }
    watch_to = target;
    assert_int_equal(watch(&stats, HF_VIEW_STATS, "ch"), HF_OK);
    until(has_ended, &stats);
    assert_int_equal(stats.err, HF_ERR_NOT_FOUND);
    leave(&stats);
    assert_int_equal(watch(&first, HF_VIEW_RTP, "ch"), HF_OK);
    until(is_absent, &first);
    assert_int_equal(watch(&second, HF_VIEW_RTP, "ch"), HF_OK);
    until(is_absent, &second);
    leg = open_leg(HF_GB_MEDIA_UDP, "ch");
    device.port = await(leg, HF_GB_MEDIA_OPENED)->port;
    for (unsigned i = 0; i < 3; i++)
        send_packet(&device, (const uint8_t *)"0123456789", 10, i, false);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(recv(consumer, in, sizeof(in), 0), HF_RTP_HEAD_BYTES + 10);
        assert_int_equal(in[3], i);
    }
    until(has_data, &first);
    first.data[first.bytes - 1] = '\0';
    assert_non_null(strstr((char *)first.data, "\"relay\":{\"to\":\"127.0.0.1:"));
    assert_non_null(strstr((char *)first.data, "\"ssrc\":\"0200000001\""));
    leave(&first);
    assert_int_equal(watch(&stats, HF_VIEW_STATS, "ch"), HF_OK); /* taken behind the leaving one */
    until(has_ended, &stats);
    assert_int_equal(stats.err, HF_OK);
    stats.data[stats.bytes - 1] = '\0';
    assert_non_null(strstr((char *)stats.data, "\"packets\":3,"));
    assert_non_null(strstr((char *)stats.data, "\"watchers\":1,\"relays\":1}"));
    leave(&stats);
    send_packet(&device, (const uint8_t *)"0123456789", 10, 3, false);
    assert_int_equal(recv(consumer, in, sizeof(in), 0), HF_RTP_HEAD_BYTES + 10);
    leave(&second);
    assert_int_equal(watch(&stats, HF_VIEW_STATS, "ch"), HF_OK);
    until(has_ended, &stats);
    stats.data[stats.bytes - 1] = '\0';
    assert_non_null(strstr((char *)stats.data, "\"watchers\":0,\"relays\":0}"));
    leave(&stats);
    end();
    close(device.fd);
    close(consumer);
}

static void kinds_are_kept_apart(void **state)
{
    struct device device = {.fd = udp_socket(NULL), .ssrc = SSRC};
    struct watcher live, playback;
    uint64_t leg;

    (void)state;
    begin(&defaults);
    leg_kind = 1;
    assert_int_equal(watch(&playback, HF_VIEW_PS, "ch"), HF_OK);
    until(has_ended, &playback); /* nothing that one could wait for */
    assert_false(playback.absent);
    assert_int_equal(playback.err, HF_ERR_NOT_FOUND);
    leave(&playback);
    leg = open_leg(HF_GB_MEDIA_UDP, "ch");
    device.port = await(leg, HF_GB_MEDIA_OPENED)->port;
    for (unsigned u = 0; u < unit_count; u++)
        send_unit(&device, u);
    assert_int_equal(watch(&playback, HF_VIEW_PS, "ch"), HF_OK);
    until(has_data, &playback);
    leg_kind = HF_MEDIA_KIND_LIVE;
    assert_int_equal(watch(&live, HF_VIEW_PS, "ch"), HF_OK);
    until(is_absent, &live);
    leave(&live);
    hf_media_ops.close(kit.media, leg);
    until(has_ended, &playback);
    leave(&playback);
    end();
    close(device.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_watcher_gets_a_file_of_each_form),
        cmocka_unit_test(mp4_is_for_elements_and_for_media_sources),
        cmocka_unit_test(silence_and_absence_are_told),
        cmocka_unit_test(who_has_seen_nothing_waits_for_another_call),
        cmocka_unit_test(the_older_of_two_is_watched_again),
        cmocka_unit_test(another_format_is_relayed_but_not_remuxed),
        cmocka_unit_test(kinds_are_kept_apart),
        cmocka_unit_test(a_watcher_may_want_the_packets),
    };

    return cmocka_run_group_tests(tests, load_picture, NULL);
}
