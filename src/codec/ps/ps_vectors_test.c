/* codec/ps/ps_vectors_test.c - program streams as the muxer writes them, as ffmpeg does (test/fuzz/ps), and as devices break them. Every row in every chunking. */
#include "codec/ps/ps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "codec/ps/mux.h"

enum { OUT_BYTES = 1 << 20 };

static uint8_t stream[OUT_BYTES];
static size_t stream_bytes;
static char said[4096];
static struct hf_ps ps;

/* "codec[k][!]@pts/dts:bytes " of each unit: k = key, ! = after a loss, ? = the time is guessed. */
static void on_unit(void *context, const struct hf_es_unit *unit)
{
    size_t used = strlen(said);

    (void)context;
    snprintf(said + used, sizeof(said) - used, "%s%s%s%s@%llu/%llu:%zu ", hf_es_codec_name(unit->codec),
             unit->key && !unit->audio ? "k" : "", unit->after_loss ? "!" : "", unit->has_time ? "" : "?",
             (unsigned long long)unit->pts, (unsigned long long)unit->dts, unit->bytes);
}

static uint8_t video_buffer[65536], audio_buffer[HF_ES_AUDIO_BYTES];

static void begin(void)
{
    said[0] = '\0';
    hf_ps_init(&ps, video_buffer, sizeof(video_buffer), audio_buffer, sizeof(audio_buffer), on_unit, NULL);
}

static const char *feed(size_t cut)
{
    begin();
    for (size_t at = 0; at < stream_bytes; at += cut)
        hf_ps_feed(&ps, stream + at, HF_MIN(cut, stream_bytes - at));
    hf_ps_flush(&ps);
    return said;
}

static void raw(const void *bytes, size_t count)
{
    assert_true(stream_bytes + count <= sizeof(stream));
    memcpy(stream + stream_bytes, bytes, count);
    stream_bytes += count;
}
#define RAW(literal) raw(literal, sizeof(literal) - 1)

static void unit(const struct hf_ps_map *map, enum hf_es_codec codec, bool audio, bool key, uint64_t pts,
                 uint64_t dts, const void *bytes, size_t count)
{
    struct hf_es_unit u = {
        .codec = codec, .audio = audio, .key = key, .pts = pts, .dts = dts, .at = bytes, .bytes = count};

    assert_true(stream_bytes + hf_ps_write_bytes_max(count) <= sizeof(stream));
    stream_bytes += hf_ps_write(map, &u, stream + stream_bytes);
}

/* 14 bytes of parameter sets, then a slice. */
#define SETS "\0\0\0\1\x67\x42\0\0\0\1\x68\xce"
#define IDR  "\0\0\0\1\x65\x88idridr"
#define P    "\0\0\0\1\x41\x9apppp"
#define KEY  SETS IDR
static const struct hf_ps_map both = {.video = HF_ES_H264, .audio = HF_ES_G711A};

static void every_cut(const char *want)
{
    for (size_t cut = 1; cut <= 80; cut++)
        assert_string_equal(feed(cut), want);
    assert_string_equal(feed(stream_bytes), want);
}

static void what_was_written_is_read_again(void **state)
{
    (void)state;
    stream_bytes = 0;
    unit(&both, HF_ES_H264, false, true, 90000, 86400, KEY, sizeof(KEY) - 1);
    unit(&both, HF_ES_G711A, true, true, 90000, 90000, "aaaaaaaa", 8);
    unit(&both, HF_ES_H264, false, false, 93600, 93600, P, sizeof(P) - 1);
    unit(&both, HF_ES_H264, false, false, 97200, 97200, P, sizeof(P) - 1);
    every_cut("G711A@90000/90000:8 H264k@90000/86400:24 H264@93600/93600:10 H264@97200/97200:10 ");
    assert_int_equal(ps.stats.resyncs, 0);
    assert_int_equal(ps.stats.skipped_bytes, 0);
    assert_int_equal(ps.stats.maps, 1);
    assert_int_equal(ps.stats.packs, 4);
    assert_int_equal(ps.video.stats.keys, 1);
}

/* A key frame above 64 KiB is several packets. */
static void a_large_unit_is_several_packets(void **state)
{
    enum { BYTES = 150000 };
    uint8_t *big = calloc(1, BYTES), *room = malloc(BYTES + 7);

    (void)state;
    memset(big, 0xab, BYTES);
    memcpy(big, KEY, sizeof(KEY) - 1);
    stream_bytes = 0;
    unit(&both, HF_ES_H264, false, true, 90000, 90000, big, BYTES);
    unit(&both, HF_ES_H264, false, false, 93600, 93600, P, sizeof(P) - 1);
    for (size_t cut = 1000; cut < 3000; cut += 997) {
        said[0] = '\0';
        hf_ps_init(&ps, room, BYTES + 7, audio_buffer, sizeof(audio_buffer), on_unit, NULL);
        for (size_t at = 0; at < stream_bytes; at += cut)
            hf_ps_feed(&ps, stream + at, HF_MIN(cut, stream_bytes - at));
        hf_ps_flush(&ps);
        assert_string_equal(said, "H264k@90000/90000:150000 H264@93600/93600:10 ");
        /* It does not fit into a smaller buffer: refused, counted, and the next one is whole. */
        assert_string_equal(feed(cut), "H264!@93600/93600:10 ");
        assert_int_equal(ps.video.stats.refused_large, 1);
    }
    free(big);
    free(room);
}

static void h265_is_cut_by_its_own_rules(void **state)
{
    static const struct hf_ps_map map = {.video = HF_ES_H265};
    static const char key[] =
        "\0\0\0\1\x40\1v\0\0\0\1\x42\1s\0\0\0\1\x44\1p\0\0\0\1\x26\1\x80iiii\0\0\1\x26\1\x20second";
    static const char p[] = "\0\0\0\1\2\1\x80pppp";

    (void)state;
    stream_bytes = 0;
    unit(&map, HF_ES_H265, false, true, 0, 0, key, sizeof(key) - 1);
    unit(&map, HF_ES_H265, false, false, 3600, 3600, p, sizeof(p) - 1);
    every_cut("H265k@0/0:44 H265@3600/3600:11 ");
    /* Declared as H.264, or not at all: the parameter sets say what it is. */
    stream_bytes = 0;
    unit(&both, HF_ES_H265, false, true, 0, 0, key, sizeof(key) - 1);
    unit(&both, HF_ES_H265, false, false, 3600, 3600, p, sizeof(p) - 1);
    every_cut("H265k@0/0:44 H265@3600/3600:11 ");
    assert_int_equal(ps.video.stats.retyped, 1);
}

#define PACK                "\0\0\1\xba\x44\0\4\0\4\1\0\1\3\xf8"
#define PES_NO_TIME(length) "\0\0\1\xe0\0" length "\x80\0\0"

static void streams_of_other_writers(void **state)
{
    static const struct {
        const char *in;
        size_t bytes;
        const char *want;
    } rows[] = {
#define ROW(literal, want) {literal, sizeof(literal) - 1, want}
        /* No stream map; two frames in one packet, the second without a time. */
        ROW(PACK "\0\0\1\xe0\0\x2a\x80\x80\5\x21\0\1\0\1" KEY P, "H264k@0/0:24 H264?@3600/3600:10 "),
        /* Stuffing behind the pack header and in the packet's head. */
        ROW("\0\0\1\xba\x44\0\4\0\4\1\0\1\3\xfb\xff\xff\xff\0\0\1\xe0\0\x22\x80\x80\7\x21\0\1\0\1\xff"
            "\xff" KEY,
            "H264k@0/0:24 "),
        /* A packet without a length, up to the next start code of this level; zeros before it stay the payload's. */
        ROW(PACK "\0\0\1\xe0\0\0\x80\x80\5\x21\0\1\0\1" KEY P PACK
                 "\0\0\1\xe0\0\0\x80\x80\5\x21\0\1\x1c\x21" P,
            "H264k@0/0:24 H264?@3600/3600:10 H264@3600/3600:10 "),
        /* Private data and a second camera's stream are ignored; MPEG-1's pack header has eight bytes. */
        ROW("\0\0\1\xba\x21\0\1\0\1\x80\0\1\0\0\1\xbd\0\3xyz\0\0\1\xe0\0\x20\x80\x80\5\x21\0\1\0\1" KEY
            "\0\0\1\xe1\0\5\x80\0\0zz\0\0\1\xb9",
            "H264k@0/0:24 "),
        /* A map that does not add up is counted; the packets behind it are read. */
        ROW("\0\0\1\xbc\0\x8\xe0\xff\0\0\0\x40\x1b\xe0\0\0\1\xe0\0\x20\x80\x80\5\x21\0\1\0\1" KEY,
            "H264k@0/0:24 "),
        /* Rubbish in front. */
        ROW("rubbish\0\0\1\x65\0\0\1\xe0\0\x20\x80\x80\5\x21\0\1\0\1" KEY, "H264k@0/0:24 "),
        /* Audio without a map: what has no sync word is G.711, ADTS is AAC, in packets of their own. */
        ROW("\0\0\1\xc0\0\xc\x80\x80\5\x21\0\1\0\1gggg\0\0\1\xc0\0\7\x80\0\0gggg",
            "G711A@0/0:4 G711A?@3600/3600:4 "),
        ROW("\0\0\1\xc0\0\xe\x80\x80\5\x21\0\1\0\1\xff\xf1gggg", "AAC@0/0:6 "),
        ROW("\0\0\1\xc0\0\xe\x80\x80\5\x21\0\1\0\1\xff\xfdgggg", "MPEG audio@0/0:6 "),
        /* A packet shorter than its own head; found again behind it. */
        ROW("\0\0\1\xe0\0\4\x80\x80\5\0\0\1\xe0\0\x20\x80\x80\5\x21\0\1\0\1" KEY, "H264k!@0/0:24 "),
        /* A length that is too short by two: what is left over is skipped, that unit cannot be had. */
        ROW("\0\0\1\xe0\0\x1e\x80\x80\5\x21\0\1\0\1" KEY "\0\0\1\xe0\0\x20\x80\x80\5\x21\0\1\0\1" KEY,
            "H264k!@0/0:24 "),
        /* A slice that begins a picture without anything in front of it; one that continues it. */
        ROW("\0\0\1\xe0\0\x3d\x80\x80\5\x21\0\1\0\1" KEY P "\0\0\1\x41\x3bmore" P,
            "H264k@0/0:24 H264?@3600/3600:19 H264?@7200/7200:10 "),
        /* Parameter sets alone are no unit. */
        ROW("\0\0\1\xe0\0\x14\x80\x80\5\x21\0\1\0\1" SETS, ""),
#undef ROW
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        stream_bytes = 0;
        raw(rows[i].in, rows[i].bytes);
        every_cut(rows[i].want);
    }
}

static void a_loss_drops_the_unit_that_it_cut(void **state)
{
    size_t first, second;

    (void)state;
    stream_bytes = 0;
    unit(&both, HF_ES_H264, false, true, 0, 0, KEY, sizeof(KEY) - 1);
    first = stream_bytes;
    unit(&both, HF_ES_H264, false, false, 3600, 3600, P, sizeof(P) - 1);
    second = stream_bytes;
    unit(&both, HF_ES_H264, false, false, 7200, 7200, P, sizeof(P) - 1);
    unit(&both, HF_ES_H264, false, true, 10800, 10800, KEY, sizeof(KEY) - 1);
    begin();
    hf_ps_feed(&ps, stream, first);
    hf_ps_unit_ends(&ps); /* the first frame is whole: its loss would be a waste */
    hf_ps_feed(&ps, stream + first, 25);
    hf_ps_lost(&ps);
    hf_ps_feed(&ps, stream + second - 3, stream_bytes - second + 3);
    hf_ps_flush(&ps);
    assert_string_equal(said, "H264k@0/0:24 H264!@7200/7200:10 H264k@10800/10800:24 ");
    assert_int_equal(ps.stats.losses, 1);
}

static void the_senders_mark_ends_a_unit_at_once(void **state)
{
    (void)state;
    stream_bytes = 0;
    unit(&both, HF_ES_H264, false, true, 0, 0, KEY, sizeof(KEY) - 1);
    begin();
    hf_ps_feed(&ps, stream, stream_bytes - 1);
    hf_ps_unit_ends(&ps); /* a byte that was announced is missing: not believed */
    assert_string_equal(said, "");
    hf_ps_feed(&ps, stream + stream_bytes - 1, 1);
    hf_ps_unit_ends(&ps);
    assert_string_equal(said, "H264k@0/0:24 ");
    hf_ps_unit_ends(&ps);
    assert_string_equal(said, "H264k@0/0:24 ");
}

/* A device that marks every packet: the rest of a picture comes behind the mark. From then on marks are not believed. */
static void a_mark_in_the_middle_is_believed_once(void **state)
{
    static const char rest[] = "\0\0\1\x41\x3bmore";

    (void)state;
    begin();
    for (unsigned i = 0; i < 3; i++) {
        stream_bytes = 0;
        unit(&both, HF_ES_H264, false, true, i * 3600, i * 3600, KEY, sizeof(KEY) - 1);
        hf_ps_feed(&ps, stream, stream_bytes);
        hf_ps_unit_ends(&ps);
        stream_bytes = 0;
        unit(&both, HF_ES_H264, false, false, i * 3600, i * 3600, rest, sizeof(rest) - 1);
        hf_ps_feed(&ps, stream, stream_bytes);
    }
    hf_ps_flush(&ps);
    assert_string_equal(said, "H264k@0/0:24 H264k!@3600/3600:33 H264k@7200/7200:33 ");
    assert_int_equal(ps.video.stats.early_ends, 1);
}

static void other_video_is_cut_by_its_times(void **state)
{
    static const struct hf_ps_map map = {.video = HF_ES_SVAC};

    (void)state;
    stream_bytes = 0;
    unit(&map, HF_ES_SVAC, false, true, 0, 0, "xxxx", 4);
    unit(&map, HF_ES_SVAC, false, false, 0, 0, "yy", 2);
    unit(&map, HF_ES_SVAC, false, false, 3600, 3600, "zzz", 3);
    every_cut("SVACk@0/0:6 SVACk@3600/3600:3 ");
}

static void intra_slices_make_a_key_frame(void **state)
{
    static const struct {
        uint8_t slice; /* first_mb_in_slice 0 and slice_type */
        bool key;
    } rows[] = {
        {0xb0 /* 1 011: I */, true},
        {0x88 /* 1 0001000: I only */, true},
        {0xe0 /* 1 1: P */, false},
        {0xa0 /* 1 010: B */, false},
        {0x80, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char bytes[] = SETS "\0\0\0\1\x41\xffxx";

        bytes[sizeof(bytes) - 4] = (char)rows[i].slice;
        stream_bytes = 0;
        unit(&both, HF_ES_H264, false, true, 0, 0, bytes, sizeof(bytes) - 1);
        every_cut(rows[i].key ? "H264k@0/0:20 " : "H264@0/0:20 ");
    }
}

/* ffmpeg's program stream: packs of 2,048 bytes that have nothing to do with frames, no stream map, times only where a frame begins. */
static void a_stream_of_ffmpeg(void **state)
{
    static const struct {
        const char *name;
        unsigned units, keys;
        enum hf_es_codec codec;
    } rows[] = {{"h264", 10, 4, HF_ES_H264}, {"h265", 5, 2, HF_ES_H265}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char path[512];
        FILE *file;

        snprintf(path, sizeof(path), "%s/../test/fuzz/ps/%s", HF_DOC_DIR, rows[i].name);
        file = fopen(path, "rb");
        assert_non_null(file);
        stream_bytes = 2; /* the first two bytes are the fuzzer's */
        assert_int_equal(fread(stream, 1, 2, file), 2);
        stream_bytes = fread(stream, 1, sizeof(stream), file);
        fclose(file);
        for (size_t cut = 1; cut < 3000; cut += 131) {
            (void)feed(cut);
            assert_int_equal(ps.video.stats.units, rows[i].units);
            assert_int_equal(ps.video.stats.keys, rows[i].keys);
            assert_int_equal(ps.video.codec, rows[i].codec);
            assert_int_equal(ps.stats.resyncs, 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read_again),
        cmocka_unit_test(a_large_unit_is_several_packets),
        cmocka_unit_test(h265_is_cut_by_its_own_rules),
        cmocka_unit_test(streams_of_other_writers),
        cmocka_unit_test(a_loss_drops_the_unit_that_it_cut),
        cmocka_unit_test(the_senders_mark_ends_a_unit_at_once),
        cmocka_unit_test(a_mark_in_the_middle_is_believed_once),
        cmocka_unit_test(other_video_is_cut_by_its_times),
        cmocka_unit_test(intra_slices_make_a_key_frame),
        cmocka_unit_test(a_stream_of_ffmpeg),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
