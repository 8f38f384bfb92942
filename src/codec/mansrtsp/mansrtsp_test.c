/* codec/mansrtsp/mansrtsp_test.c - requests and answers, as the standard has them and as devices send them. */
#include "codec/mansrtsp/mansrtsp.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/assert.h"

static const char *tolerances_of(uint32_t bits)
{
    static char storage[256];
    struct hf_sb sb;

    hf_sb_init(&sb, storage, sizeof(storage));
    for (unsigned i = 0; i < HF_MANSRTSP_TOLERANCES; i++)
        if (bits >> i & 1) {
            hf_sb_text(&sb, sb.bytes > 0 ? " " : "");
            hf_sb_text(&sb, hf_mansrtsp_tolerance_name(i));
        }
    return storage;
}

static const char *print(const struct hf_mansrtsp *message)
{
    static const char *const points[] = {"", "now", "@"};
    static char storage[512];
    struct hf_sb sb;

    hf_sb_init(&sb, storage, sizeof(storage));
    if (message->method == HF_MANSRTSP_ANSWER)
        hf_sb_printf(&sb, "%u %.*s", message->status, (int)message->reason.bytes,
                     message->reason.at ? message->reason.at : "");
    else
        hf_sb_printf(&sb, "%.*s(%d)", (int)message->method_name.bytes, message->method_name.at,
                     message->method);
    if (message->has_cseq)
        hf_sb_printf(&sb, " #%u", (unsigned)message->cseq);
    if (message->has_scale)
        hf_sb_printf(&sb, " x%g", message->scale);
    if (message->start || message->end)
        hf_sb_printf(&sb, " %s%g-%s%g", points[message->start], message->start_s, points[message->end],
                     message->end_s);
    if (message->pause_now)
        hf_sb_text(&sb, " pause");
    if (message->has_seq)
        hf_sb_printf(&sb, " seq%u", (unsigned)message->seq);
    if (message->has_rtptime)
        hf_sb_printf(&sb, " time%u", (unsigned)message->rtptime);
    return storage;
}

static void bodies_are_read(void **state)
{
    static const struct {
        const char *body, *is, *tolerances;
    } rows[] = {
        {"PLAY RTSP/1.0\r\nCSeq: 2\r\nRange: npt=now-\r\n\r\n", "PLAY(1) #2 now0-0", ""},
        {"PAUSE RTSP/1.0\r\nCSeq: 3\r\nPauseTime: now\r\n\r\n", "PAUSE(2) #3 pause", ""},
        {"PLAY RTSP/1.0\r\nCSeq: 4\r\nScale: 2.0\r\n\r\n", "PLAY(1) #4 x2", ""},
        {"PLAY RTSP/1.0\r\nCSeq: 5\r\nRange: npt=100-\r\n\r\n", "PLAY(1) #5 @100-0", ""},
        {"PLAY RTSP/1.0\r\nCSeq: 5\r\nRange: npt=600-120\r\n\r\n", "PLAY(1) #5 @600-@120", ""},
        {"PLAY RTSP/1.0\r\nCSeq: 5\r\nScale: -1\r\n\r\n", "PLAY(1) #5 x-1", ""},
        {"TEARDOWN RTSP/1.0\r\nCSeq: 6\r\n\r\n", "TEARDOWN(3) #6", ""},
        {"RTSP/1.0 200 OK\r\nCSeq: 5\r\nRange: npt=100-\r\nRTP-Info: seq=1024;rtptime=90000\r\n\r\n",
         "200 OK #5 @100-0 seq1024 time90000", ""},
        {"RTSP/1.0 200 OK\r\nCSeq: 5\r\nRTP-Info: url=trackID=1; seq = 7 ;rtptime=4294967295\r\n\r\n",
         "200 OK #5 seq7 time4294967295", ""},
        {"RTSP/1.0 454 Session Not Found\r\nCSeq: 5\r\n\r\n", "454 Session Not Found #5", ""},
        {"RTSP/1.0 451\r\nCSeq: 5\r\n\r\n", "451  #5", ""},
        {"MANSRTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n", "200 OK #1", "version"},
        {"PLAY MANSRTSP/1.0\r\nCSeq: 1\r\n\r\n", "PLAY(1) #1", "version"},
        {"PLAY\r\nCSeq: 1\r\n\r\n", "PLAY(1) #1", "version"},
        {"play rtsp://192.0.2.1/a RTSP/1.0\r\ncseq:1\r\nSCALE:0.25\r\n\r\n", "play(1) #1 x0.25", ""},
        {"\r\n\r\nPLAY RTSP/1.0\r\nCSeq: 1\r\n\r\nScale: 4\r\n", "PLAY(1) #1",
         ""}, /* behind the empty line is nothing */
        {"PLAY RTSP/1.0\nCSeq: 1\nScale: 4\n", "PLAY(1) #1 x4", "line_end"},
        {"PLAY RTSP/1.0\r\nCSeq: 1", "PLAY(1) #1", "line_end"},
        {"PLAY RTSP/1.0\r\nCSeq: 1\r\nScale: 0,5\r\n\r\n", "PLAY(1) #1 x0.5", "decimal_comma"},
        {"PLAY RTSP/1.0\r\nScale: 1\r\n\r\n", "PLAY(1) x1", "no_cseq"},
        {"PLAY RTSP/1.0\r\nCSeq: x\r\n\r\n", "PLAY(1)", "unreadable no_cseq"},
        {"PLAY RTSP/1.0\r\nCSeq: 1\r\nScale: 0\r\n\r\n", "PLAY(1) #1", "unreadable"},
        {"PLAY RTSP/1.0\r\nCSeq: 1\r\nScale: fast\r\n\r\n", "PLAY(1) #1", "unreadable"},
        {"PLAY RTSP/1.0\r\nCSeq: 1\r\nScale: 1.2.3\r\n\r\n", "PLAY(1) #1", "unreadable"},
        {"PLAY RTSP/1.0\r\nCSeq: 1\r\nScale: 1-1\r\n\r\n", "PLAY(1) #1", "unreadable"},
        {"PLAY RTSP/1.0\r\nCSeq: 1\r\nScale: 1000000000000000000000000\r\n\r\n", "PLAY(1) #1", "unreadable"},
        {"PLAY RTSP/1.0\r\nCSeq: 1\r\nRange: clock=20260101T000000Z-\r\n\r\n", "PLAY(1) #1", "unreadable"},
        {"PLAY RTSP/1.0\r\nCSeq: 1\r\nRange: npt=1:2:3:4-\r\n\r\n", "PLAY(1) #1", "unreadable"},
        {"PLAY RTSP/1.0\r\nCSeq: 1\r\nRange: npt=5-x\r\n\r\n", "PLAY(1) #1", "unreadable"},
        {"PLAY RTSP/1.0\r\nCSeq: 1\r\nRange: npt=0:01:40.5-0:02:00;time=x\r\n\r\n", "PLAY(1) #1 @100.5-@120",
         ""},
        {"PLAY RTSP/1.0\r\nCSeq: 1\r\nRange: npt=-30\r\n\r\n", "PLAY(1) #1 0-@30", ""},
        {"PAUSE RTSP/1.0\r\nCSeq: 1\r\nPauseTime: later\r\n\r\n", "PAUSE(2) #1", "unreadable"},
        {"RTSP/1.0 200 OK\r\nCSeq: 1\r\nRTP-Info: seq=70000;rtptime=x\r\n\r\n", "200 OK #1", "unreadable"},
        {"PLAY RTSP/1.0\r\nCSeq: 1\r\nnoise\r\nX-Other: y\r\n\r\n", "PLAY(1) #1", "unreadable"},
        {"PLAY RTSP/1.0\r\nCSeq: 1\r\nCSeq: 2\r\n\r\n", "PLAY(1) #1", "twice"},
        {"OPTIONS RTSP/1.0\r\nCSeq: 1\r\n\r\n", "OPTIONS(4) #1", ""},
    };
    static const char *const wrong[] = {
        "", "\r\n\r\n", "hello\r\n", "RTSP/1.0 99 x\r\n", "RTSP/1.0 1000 x\r\n", "RTSP/1.0 OK\r\n", "<xml/>"};
    struct hf_mansrtsp message;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        if (hf_mansrtsp_parse(hf_slice_of(rows[i].body), &message) != HF_OK)
            fail_msg("%s", rows[i].body);
        assert_string_equal(print(&message), rows[i].is);
        assert_string_equal(tolerances_of(message.tolerances), rows[i].tolerances);
    }
    for (size_t i = 0; i < HF_COUNT_OF(wrong); i++)
        assert_int_equal(hf_mansrtsp_parse(hf_slice_of(wrong[i]), &message), HF_ERR_MALFORMED);
    assert_int_equal(hf_mansrtsp_parse(HF_SLICE("PLAY RTSP/1.0\r\nCSeq: 1\r\n\0\0"), &message), HF_OK);
    assert_true(message.has_cseq);
    assert_null(hf_mansrtsp_tolerance_name(HF_MANSRTSP_TOLERANCES));
}

static void lines_are_bounded(void **state)
{
    struct hf_mansrtsp message;
    char body[4096];
    struct hf_sb sb;

    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        hf_sb_init(&sb, body, sizeof(body));
        hf_sb_text(&sb, "PLAY RTSP/1.0\r\nX:");
        while (sb.bytes < strlen("PLAY RTSP/1.0\r\n") + HF_MANSRTSP_LINE_BYTES_MAX + more)
            hf_sb_char(&sb, 'x');
        hf_sb_text(&sb, "\r\nCSeq: 1\r\n\r\n");
        assert_int_equal(hf_mansrtsp_parse(hf_sb_done(&sb), &message), HF_OK);
        assert_int_equal(message.tolerances, more ? HF_MANSRTSP_LONG : 0);
        hf_sb_init(&sb, body, sizeof(body));
        hf_sb_text(&sb, "PLAY RTSP/1.0\r\nCSeq: 1\r\n");
        for (unsigned i = 0; i < HF_MANSRTSP_LINES_MAX - 2 + more; i++)
            hf_sb_text(&sb, "X: y\r\n");
        hf_sb_text(&sb, "\r\n");
        assert_int_equal(hf_mansrtsp_parse(hf_sb_done(&sb), &message), HF_OK);
        assert_int_equal(message.tolerances, more ? HF_MANSRTSP_LINES : 0);
        hf_sb_init(&sb, body, sizeof(body));
        hf_sb_text(&sb, "PLAY ");
        while (sb.bytes < HF_MANSRTSP_LINE_BYTES_MAX - strlen(" RTSP/1.0") + more)
            hf_sb_char(&sb, 'x');
        hf_sb_text(&sb, " RTSP/1.0\r\nCSeq: 1\r\n\r\n");
        assert_int_equal(hf_mansrtsp_parse(hf_sb_done(&sb), &message), more ? HF_ERR_MALFORMED : HF_OK);
    }
}

static void bodies_are_written(void **state)
{
#define CSEQ .has_cseq = true, .cseq = 2
    static const struct {
        struct hf_mansrtsp message;
        const char *body;
    } rows[] = {
        {{.method = HF_MANSRTSP_PLAY, CSEQ, .start = HF_MANSRTSP_NOW},
         "PLAY RTSP/1.0\r\nCSeq: 2\r\nRange: npt=now-\r\n\r\n"},
        {{.method = HF_MANSRTSP_PAUSE, CSEQ}, "PAUSE RTSP/1.0\r\nCSeq: 2\r\nPauseTime: now\r\n\r\n"},
        {{.method = HF_MANSRTSP_PLAY, CSEQ, .has_scale = true, .scale = 2},
         "PLAY RTSP/1.0\r\nCSeq: 2\r\nScale: 2.0\r\n\r\n"},
        {{.method = HF_MANSRTSP_PLAY, CSEQ, .has_scale = true, .scale = 0.25},
         "PLAY RTSP/1.0\r\nCSeq: 2\r\nScale: 0.25\r\n\r\n"},
        {{.method = HF_MANSRTSP_PLAY, CSEQ, .has_scale = true, .scale = -1},
         "PLAY RTSP/1.0\r\nCSeq: 2\r\nScale: -1.0\r\n\r\n"},
        {{.method = HF_MANSRTSP_PLAY, CSEQ, .start = HF_MANSRTSP_AT, .start_s = 100},
         "PLAY RTSP/1.0\r\nCSeq: 2\r\nRange: npt=100-\r\n\r\n"},
        {{.method = HF_MANSRTSP_PLAY,
          CSEQ,
          .start = HF_MANSRTSP_AT,
          .start_s = 600.25,
          .end = HF_MANSRTSP_AT,
          .end_s = 0.0625},
         "PLAY RTSP/1.0\r\nCSeq: 2\r\nRange: npt=600.25-0.063\r\n\r\n"},
        {{.method = HF_MANSRTSP_TEARDOWN, CSEQ}, "TEARDOWN RTSP/1.0\r\nCSeq: 2\r\n\r\n"},
        {{.status = 200, CSEQ, .has_seq = true, .seq = 7, .has_rtptime = true, .rtptime = 9},
         "RTSP/1.0 200 OK\r\nCSeq: 2\r\nRTP-Info: seq=7;rtptime=9\r\n\r\n"},
        {{.status = 200, CSEQ, .has_rtptime = true, .rtptime = 9},
         "RTSP/1.0 200 OK\r\nCSeq: 2\r\nRTP-Info: rtptime=9\r\n\r\n"},
        {{.status = 454, CSEQ, .reason = HF_SLICE("Session Not Found")},
         "RTSP/1.0 454 Session Not Found\r\nCSeq: 2\r\n\r\n"},
        {{.status = 500, CSEQ}, "RTSP/1.0 500 Error\r\nCSeq: 2\r\n\r\n"},
    };
    static const struct hf_mansrtsp wrong[] = {
        {.method = HF_MANSRTSP_OTHER, CSEQ},
        {.method = HF_MANSRTSP_PLAY},
        {.status = 99, CSEQ},
        {.status = 1000, CSEQ},
        {.status = 200, CSEQ, .reason = HF_SLICE("a\r\nb")},
        {.method = HF_MANSRTSP_PLAY, CSEQ, .has_scale = true, .scale = 0},
        {.method = HF_MANSRTSP_PLAY, CSEQ, .has_scale = true, .scale = NAN},
        {.method = HF_MANSRTSP_PLAY, CSEQ, .has_scale = true, .scale = INFINITY},
        {.method = HF_MANSRTSP_PLAY, CSEQ, .has_scale = true, .scale = 2, .start = HF_MANSRTSP_NOW},
        {.method = HF_MANSRTSP_PLAY, CSEQ, .start = HF_MANSRTSP_AT, .start_s = -1},
        {.method = HF_MANSRTSP_PLAY, CSEQ, .end = HF_MANSRTSP_AT, .end_s = 1e12},
        {.method = HF_MANSRTSP_PLAY, CSEQ, .start = HF_MANSRTSP_AT, .start_s = NAN},
    };
    struct hf_mansrtsp back;
    char body[256];
    struct hf_sb sb;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        hf_sb_init(&sb, body, sizeof(body));
        assert_int_equal(hf_mansrtsp_build(&rows[i].message, &sb), HF_OK);
        assert_string_equal(body, rows[i].body);
        assert_int_equal(hf_mansrtsp_parse(hf_sb_done(&sb), &back), HF_OK);
        assert_int_equal(back.tolerances, 0);
        size_t bytes = sb.bytes;

        for (size_t room = 1; room <= bytes; room++) {
            hf_sb_init(&sb, body, room);
            assert_int_equal(hf_mansrtsp_build(&rows[i].message, &sb), HF_ERR_LIMIT);
            assert_int_equal(sb.bytes, 0);
            assert_false(sb.overflow);
        }
    }
    hf_sb_init(&sb, body, sizeof(body));
    for (size_t i = 0; i < HF_COUNT_OF(wrong); i++)
        assert_int_equal(hf_mansrtsp_build(&wrong[i], &sb), HF_ERR_INVALID);
    assert_int_equal(sb.bytes, 0);
    sb.overflow = true;
    assert_int_equal(hf_mansrtsp_build(&rows[0].message, &sb), HF_ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_are_read),
        cmocka_unit_test(lines_are_bounded),
        cmocka_unit_test(bodies_are_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
