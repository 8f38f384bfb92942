/* codec/sdp/sdp_test.c - offers and answers as devices send them, and as they want them. */
#include "codec/sdp/sdp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/assert.h"

static const char *tolerances_of(uint32_t bits)
{
    static char storage[512];
    struct hf_sb sb;

    hf_sb_init(&sb, storage, sizeof(storage));
    for (unsigned i = 0; i < HF_SDP_TOLERANCES; i++)
        if (bits >> i & 1) {
            hf_sb_text(&sb, sb.bytes > 0 ? " " : "");
            hf_sb_text(&sb, hf_sdp_tolerance_name(i));
        }
    return storage;
}

static struct hf_sdp sdp;

static hf_err parse(struct hf_slice body)
{
    static char *copy;

    free(copy); /* a copy without a byte to spare: a sanitizer sees what is read behind it */
    copy = malloc(body.bytes + (body.bytes == 0));
    if (body.bytes > 0)
        memcpy(copy, body.at, body.bytes);
    return hf_sdp_parse((struct hf_slice){copy, body.bytes}, &sdp);
}

#define IS(slice, text) assert_true(hf_slice_is(slice, text))

static const char play[] =
    "v=0\r\no=34020000001310000001 0 0 IN IP4 198.51.100.5\r\ns=Play\r\nc=IN IP4 198.51.100.5\r\nt=0 0\r\n"
    "m=video 30000 RTP/AVP 96 98 97\r\na=recvonly\r\na=rtpmap:96 PS/90000\r\na=rtpmap:98 H264/90000\r\n"
    "a=rtpmap:97 MPEG4/90000\r\ny=0200000001\r\n";

static void an_offer_is_read(void **state)
{
    (void)state;
    assert_int_equal(parse(HF_SLICE(play)), HF_OK);
    assert_string_equal(tolerances_of(sdp.tolerances), "");
    IS(sdp.origin_user, "34020000001310000001");
    IS(sdp.origin_session, "0");
    IS(sdp.origin_version, "0");
    IS(sdp.origin_address, "198.51.100.5");
    assert_int_equal(sdp.session, HF_SDP_PLAY);
    IS(sdp.address, "198.51.100.5");
    assert_true(sdp.has_time && sdp.start_s == 0 && sdp.stop_s == 0);
    assert_int_equal(sdp.media_count, 1);
    assert_int_equal(sdp.media[0].kind, HF_SDP_VIDEO);
    assert_int_equal(sdp.media[0].port, 30000);
    assert_int_equal(sdp.media[0].transport, HF_SDP_UDP);
    assert_int_equal(sdp.media[0].direction, HF_SDP_RECVONLY);
    assert_int_equal(sdp.media[0].payload_count, 3);
    assert_int_equal(sdp.media[0].payloads[1].type, 98);
    IS(sdp.media[0].payloads[1].encoding, "H264");
    assert_int_equal(sdp.media[0].payloads[1].clock_hz, 90000);
    assert_ptr_equal(hf_sdp_payload_of(&sdp.media[0], "ps"), &sdp.media[0].payloads[0]);
    assert_null(hf_sdp_payload_of(&sdp.media[0], "H265"));
    assert_true(sdp.has_ssrc);
    assert_int_equal(sdp.ssrc, 0x0BEBC201);
    assert_false(sdp.has_format);
    IS(hf_sdp_media_address(&sdp, &sdp.media[0]), "198.51.100.5");
}

static void history_and_tcp_are_read(void **state)
{
    (void)state;
    assert_int_equal(
        parse(HF_SLICE(
            "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=Download\r\nu=34020000001310000001:3\r\nc=IN IP4 "
            "192.0.2.1\r\n"
            "t=1767225600 1767229200\r\nm=video 30000 TCP/RTP/AVP 96\r\nc=IN IP4 192.0.2.2\r\na=sendonly\r\n"
            "a=rtpmap:96 PS/90000\r\na=fmtp:96 "
            "x=1\r\na=setup:passive\r\na=connection:new\r\na=downloadspeed:4\r\n"
            "a=filesize:123456789012\r\na=streamnumber:1\r\na=svcspace:1\r\na=svctime:2\r\na=ssvcratio:4:"
            "3\r\n"
            "a=streamMode:main\r\na=vendor\r\ny=1200000001\r\nf=v/2/6/25/1/4096a/1/8/1\r\n")),
        HF_OK);
    assert_string_equal(tolerances_of(sdp.tolerances), "");
    assert_int_equal(sdp.session, HF_SDP_DOWNLOAD);
    IS(sdp.uri, "34020000001310000001:3");
    IS(sdp.uri_id, "34020000001310000001");
    IS(sdp.uri_type, "3");
    assert_true(sdp.start_s == 1767225600 && sdp.stop_s == 1767229200);
    assert_int_equal(sdp.media[0].transport, HF_SDP_TCP);
    IS(hf_sdp_media_address(&sdp, &sdp.media[0]), "192.0.2.2");
    IS(sdp.address, "192.0.2.1");
    assert_int_equal(sdp.media[0].direction, HF_SDP_SENDONLY);
    assert_int_equal(sdp.media[0].setup, HF_SDP_PASSIVE);
    assert_int_equal(sdp.media[0].connection, HF_SDP_NEW);
    IS(sdp.media[0].payloads[0].fmtp, "x=1");
    IS(sdp.download_speed, "4");
    assert_true(sdp.has_file_size && sdp.file_size_bytes == UINT64_C(123456789012));
    IS(sdp.stream_number, "1");
    IS(sdp.svc_space, "1");
    IS(sdp.svc_time, "2");
    IS(sdp.ssvc_ratio, "4:3");
    assert_int_equal(sdp.other_count, 2);
    IS(sdp.others[0], "streamMode:main");
    IS(sdp.others[1], "vendor");
    assert_true(hf_ssrc_is_history(sdp.ssrc));
    assert_true(sdp.has_format);
    assert_int_equal(sdp.format.kbps, 4096);
}

static void talk_and_broadcast_are_read(void **state)
{
    (void)state;
    assert_int_equal(
        parse(HF_SLICE(
            "v=0\r\no=34020000001370000001 0 0 IN IP6 2001:db8::1\r\ns=talk\r\nc=IN IP6 [2001:db8::1]\r\nt=0 "
            "0\r\n"
            "m=audio 8000 RTP/AVP 8\r\na=sendrecv\r\na=rtpmap:8 PCMA/8000/1\r\nf=v/////a/1/8/1\r\n")),
        HF_OK);
    assert_string_equal(tolerances_of(sdp.tolerances), "");
    assert_int_equal(sdp.session, HF_SDP_TALK);
    assert_int_equal(sdp.media[0].kind, HF_SDP_AUDIO);
    assert_int_equal(sdp.media[0].direction, HF_SDP_SENDRECV);
    IS(sdp.address, "2001:db8::1");
    assert_int_equal(sdp.media[0].payloads[0].clock_hz, 8000);
    assert_false(sdp.has_ssrc);
    assert_int_equal(sdp.format.audio_codec, 1);
    assert_int_equal(sdp.format.audio_rate, 8);
    assert_int_equal(sdp.format.audio_sampling, 1);
    assert_int_equal(sdp.format.video_codec, 0);
}

#define HEAD  "v=0\r\no=1 0 0 IN IP4 192.0.2.1\r\ns=Play\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
#define VIDEO "m=video 1 RTP/AVP 96\r\n"

static void what_devices_do_has_a_name(void **state)
{
    static const struct {
        const char *body;
        size_t bytes;
        const char *tolerances;
    } rows[] = {
#define ROW(body, tolerances) {body, sizeof(body) - 1, tolerances}
        ROW(HEAD VIDEO, ""),
        ROW(HEAD "m=video 1 RTP/AVP 96", "last_line"),
        ROW("v=0\no=1 0 0 IN IP4 192.0.2.1\ns=Play\nc=IN IP4 192.0.2.1\nt=0 0\nm=video 1 RTP/AVP 96\n",
            "line_end"),
        ROW("v=0\ro=1 0 0 IN IP4 192.0.2.1\rs=Play\rc=IN IP4 192.0.2.1\rt=0 0\rm=video 1 RTP/AVP 96\r",
            "line_end"),
        ROW(HEAD VIDEO "\0\0", "nul"),
        ROW(HEAD "m=video 1 RTP/AVP 96\0", "nul"),
        ROW(HEAD VIDEO "y= 0200000001 \r\n", "blank"),
        ROW(HEAD VIDEO "a=rtpmap: 96 PS / 90000\r\n", ""),
        ROW(HEAD "y=0200000001\r\n" VIDEO, "order"),
        ROW("s=Play\r\nv=0\r\no=1 0 0 IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n" VIDEO, "order"),
        ROW("v=0\r\no=1 0 0 IN IP4 192.0.2.1\r\ns=Play\r\nc=IN IP4 192.0.2.1\r\n" VIDEO "t=0 0\r\n", "order"),
        ROW("v=0\r\no=1 0 0 IN IP4 192.0.2.1\r\ns=Play\r\nt=0 0\r\n" VIDEO, "missing_line"),
        ROW(HEAD, "missing_line"),
        ROW(HEAD VIDEO "f=v/2\r\ny=0200000001\r\n", ""),
        ROW(HEAD VIDEO "what is this\r\n", "unreadable"),
        ROW(HEAD VIDEO "\r\n  \r\n", ""),
        ROW(HEAD VIDEO "y=abc\r\n", "unreadable"),
        ROW(HEAD VIDEO "y=4294967296\r\n", "unreadable"),
        ROW(HEAD VIDEO "y=200000001\r\n", "ssrc_digits"),
        ROW(HEAD VIDEO "f=x\r\n", "unreadable"),
        ROW(HEAD "m=video x RTP/AVP 96\r\n", "missing_line unreadable"),
        ROW(HEAD "m=video 65536 RTP/AVP 96\r\n", "missing_line unreadable"),
        ROW(HEAD "m=video 1\r\n", "missing_line unreadable"),
        ROW(HEAD "m=video 1 RTP/AVP 96 x 128 97\r\n", "unreadable"),
        ROW(HEAD "m=video 1/2 RTP/AVP 96\r\n", ""),
        ROW(HEAD VIDEO "a=rtpmap:x PS/90000\r\n", "unreadable"),
        ROW(HEAD VIDEO "a=rtpmap:96\r\n", "unreadable"),
        ROW(HEAD VIDEO "a=rtpmap:96 PS/many\r\n", "unreadable"),
        ROW(HEAD VIDEO "a=rtpmap:96 DAHUA\r\n", ""),
        ROW(HEAD VIDEO "a=rtpmap:98 H264/90000\r\n", "rtpmap"),
        ROW(HEAD VIDEO "a=setup:maybe\r\na=connection:no\r\na=filesize:big\r\na=\r\na=downloadspeed:\r\n",
            "unreadable"),
        ROW(HEAD VIDEO "s=Playback\r\n", "order twice"),
        ROW(HEAD VIDEO "y=0200000001\r\ny=0200000002\r\n", "twice"),
        ROW(HEAD VIDEO "m=audio 2 RTP/AVP 8\r\n", ""),
        ROW(HEAD VIDEO "m=audio 2 RTP/AVP 8\r\nm=audio 3 RTP/AVP 8\r\n", "media_lost"),
        ROW(HEAD "b=AS:4096\r\ni=x\r\n" VIDEO, ""),
        ROW("v=1\r\no=1 0 0 IN IP4 192.0.2.1\r\ns=Play\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n" VIDEO,
            "missing_line unreadable"),
        ROW("v=0\r\no=\r\ns=Play\r\nc=IN X25 192.0.2.1\r\nt=now\r\n" VIDEO, "missing_line unreadable"),
    };
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        if (parse((struct hf_slice){rows[i].body, rows[i].bytes}) != HF_OK)
            fail_msg("refused: %s", rows[i].body);
        if (strcmp(tolerances_of(sdp.tolerances), rows[i].tolerances) != 0)
            fail_msg("'%s' instead of '%s': %s", tolerances_of(sdp.tolerances), rows[i].tolerances,
                     rows[i].body);
    }
    assert_null(hf_sdp_tolerance_name(HF_SDP_TOLERANCES));
    assert_int_equal(parse(HF_SLICE("")), HF_ERR_MALFORMED);
    assert_int_equal(parse(HF_SLICE("<xml/>\r\n")), HF_ERR_MALFORMED);
    assert_int_equal(hf_sdp_parse((struct hf_slice){NULL, 0}, &sdp), HF_ERR_MALFORMED);
}

static void lines_out_of_order_are_about_the_right_media(void **state)
{
    (void)state;
    assert_int_equal(
        parse(
            HF_SLICE("a=sendonly\na=rtpmap:96 PS/90000\nm=video 1 TCP/RTP/AVP 96\na=setup:active\nm=audio 2 "
                     "RTP/AVP 8\n"
                     "a=recvonly\na=rtpmap:8 PCMA/8000\na=recvonly\na=setup:passive\na=connection:existing\n"
                     "a=connection:new\nY=0200000007\ns=EmbeddedNetDVR\nc=IN IP4 192.0.2.9\nt=0 0\nv=0\no=1 "
                     "0 0 IN IP4 1\n")),
        HF_OK);
    assert_int_equal(sdp.media_count, 2);
    assert_int_equal(sdp.media[0].direction, HF_SDP_SENDONLY);
    assert_int_equal(sdp.media[0].setup, HF_SDP_ACTIVE);
    IS(sdp.media[0].payloads[0].encoding, "PS");
    assert_int_equal(sdp.media[1].direction, HF_SDP_RECVONLY);
    assert_int_equal(sdp.media[1].setup, HF_SDP_PASSIVE);
    assert_int_equal(sdp.media[1].connection, HF_SDP_EXISTING);
    assert_int_equal(sdp.ssrc, 200000007);
    assert_int_equal(sdp.session, HF_SDP_SESSION_OTHER);
    IS(sdp.session_name, "EmbeddedNetDVR");
    IS(sdp.address, "192.0.2.9");
    assert_int_equal(
        parse(HF_SLICE("a=sendonly\r\na=setup:active\r\na=connection:new\r\na=rtpmap:96 PS/90000\r\n")),
        HF_OK); /* of none */
    assert_int_equal(sdp.media_count, 0);
    assert_int_equal(parse(HF_SLICE(HEAD "u=http://34020000002100000001/folder/file\r\n" VIDEO)), HF_OK);
    IS(sdp.uri, "http://34020000002100000001/folder/file");
    assert_null(sdp.uri_id.at);
    assert_int_equal(parse(HF_SLICE(HEAD "c=IN IP4 239.0.0.1/127\r\nm=image 1 RTP/SAVP 96\r\n")), HF_OK);
    assert_int_equal(sdp.media[0].kind, HF_SDP_KIND_OTHER);
    assert_int_equal(sdp.media[0].transport, HF_SDP_TRANSPORT_OTHER);
}

static void limits_are_kept(void **state)
{
    char body[8192];
    struct hf_sb sb;

    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        hf_sb_init(&sb, body, sizeof(body));
        hf_sb_text(&sb, HEAD VIDEO "a=");
        for (unsigned i = 0; i < HF_SDP_LINE_BYTES_MAX - 2 + more; i++)
            hf_sb_char(&sb, 'x');
        hf_sb_text(&sb, "\r\n");
        assert_int_equal(parse(hf_sb_done(&sb)), HF_OK);
        assert_int_equal(sdp.tolerances, more ? HF_SDP_LONG : 0);
        hf_sb_init(&sb, body, sizeof(body));
        hf_sb_text(&sb, HEAD VIDEO);
        for (unsigned i = 0; i < HF_SDP_OTHERS_MAX + more; i++)
            hf_sb_text(&sb, "a=x:y\r\n");
        assert_int_equal(parse(hf_sb_done(&sb)), HF_OK);
        assert_int_equal(sdp.tolerances, more ? HF_SDP_OTHERS : 0);
        assert_int_equal(sdp.other_count, HF_SDP_OTHERS_MAX);
        hf_sb_init(&sb, body, sizeof(body));
        hf_sb_text(&sb, HEAD "m=video 1 RTP/AVP");
        for (unsigned i = 0; i < HF_SDP_PAYLOADS_MAX + more; i++)
            hf_sb_printf(&sb, " %u", i);
        hf_sb_text(&sb, "\r\n");
        assert_int_equal(parse(hf_sb_done(&sb)), HF_OK);
        assert_int_equal(sdp.tolerances, more ? HF_SDP_PAYLOADS : 0);
        assert_int_equal(sdp.media[0].payload_count, HF_SDP_PAYLOADS_MAX);
        hf_sb_text(&sb, "a=rtpmap:100 H265/90000\r\n");
        assert_int_equal(parse(hf_sb_done(&sb)), HF_OK);
        assert_int_equal(sdp.tolerances, HF_SDP_PAYLOADS);
    }
}

static struct hf_sdp offer(void)
{
    struct hf_sdp it = {.origin_user = HF_SLICE("34020000001310000001"),
                        .session = HF_SDP_PLAY,
                        .address = HF_SLICE("198.51.100.5"),
                        .media_count = 1,
                        .has_ssrc = true,
                        .ssrc = 200000001};

    it.media[0] =
        (struct hf_sdp_media){.kind = HF_SDP_VIDEO,
                              .port = 30000,
                              .transport = HF_SDP_UDP,
                              .direction = HF_SDP_RECVONLY,
                              .payloads = {{.type = 96, .encoding = HF_SLICE("PS"), .clock_hz = 90000},
                                           {.type = 98, .encoding = HF_SLICE("H264"), .clock_hz = 90000},
                                           {.type = 97, .encoding = HF_SLICE("MPEG4"), .clock_hz = 90000}},
                              .payload_count = 3};
    return it;
}

static void an_offer_is_written(void **state)
{
    struct hf_sdp it = offer();
    char body[1024];
    struct hf_sb sb;

    (void)state;
    hf_sb_init(&sb, body, sizeof(body));
    assert_int_equal(hf_sdp_build(&it, &sb), HF_OK);
    assert_string_equal(body, play);
    size_t bytes = sb.bytes;

    for (size_t room = 1; room <= bytes; room++) {
        hf_sb_init(&sb, body, room);
        assert_int_equal(hf_sdp_build(&it, &sb), HF_ERR_LIMIT);
        assert_int_equal(sb.bytes, 0);
        assert_false(sb.overflow);
    }
    sb.overflow = true;
    assert_int_equal(hf_sdp_build(&it, &sb), HF_ERR_LIMIT);
}

static void all_lines_are_written_and_read_back(void **state)
{
    static const char whole[] =
        "v=0\r\no=- 1 2 IN IP6 2001:db8::1\r\ns=Download\r\nu=34020000001310000001:0\r\nc=IN IP6 "
        "2001:db8::1\r\n"
        "t=1767225600 1767229200\r\nm=video 30000 TCP/RTP/AVP 96\r\nc=IN IP4 "
        "192.0.2.2\r\na=sendonly\r\na=rtpmap:96 PS/90000\r\n"
        "a=fmtp:96 x=1\r\na=setup:passive\r\na=connection:new\r\nm=application 1 RTP/SAVP "
        "100\r\na=downloadspeed:4\r\na=filesize:7\r\n"
        "a=streamnumber:1\r\na=svcspace:1\r\na=svctime:2\r\na=ssvcratio:4:3\r\na=streamMode:main\r\ny="
        "1200000001\r\n"
        "f=v/2/1920x1080/25/1/4096a/1/8/1\r\n";
    char body[2048];
    struct hf_sb sb;

    (void)state;
    assert_int_equal(parse(HF_SLICE(whole)), HF_OK);
    assert_string_equal(tolerances_of(sdp.tolerances), "");
    hf_sb_init(&sb, body, sizeof(body));
    assert_int_equal(hf_sdp_build(&sdp, &sb), HF_OK);
    assert_string_equal(body, whole);
}

static void what_cannot_be_written_is_refused(void **state)
{
    char body[1024];
    struct hf_sb sb;

    (void)state;
#define REFUSED(change)                                           \
    do {                                                          \
        struct hf_sdp it = offer();                               \
        change;                                                   \
        hf_sb_init(&sb, body, sizeof(body));                      \
        assert_int_equal(hf_sdp_build(&it, &sb), HF_ERR_INVALID); \
        assert_string_equal(body, "");                            \
    } while (0)
    REFUSED(it.media_count = 0);
    REFUSED(it.address = HF_SLICE(""));
    REFUSED(it.session = HF_SDP_SESSION_NONE);
    REFUSED(it.origin_user = HF_SLICE("a\r\ns=b"));
    REFUSED(it.session = HF_SDP_SESSION_OTHER; it.session_name = HF_SLICE("a\x7f"));
    REFUSED(it.uri = HF_SLICE("a\n"));
    REFUSED(it.media[0].payloads[0].type = 128);
    REFUSED(it.media[0].payload_count = 0);
    REFUSED(it.media[0].kind = HF_SDP_KIND_OTHER);
    REFUSED(it.media[0].transport = HF_SDP_TRANSPORT_OTHER);
    REFUSED(it.media[0].direction = (enum hf_sdp_direction)9);
    REFUSED(it.others[0] = HF_SLICE("x\ny"); it.other_count = 1);
    REFUSED(it.has_format = true; it.format.resolution = HF_SLICE("1/2"));
    REFUSED(it.has_format = true; it.format.resolution = HF_SLICE("1\n2"));
}

static void formats_are_read_and_written(void **state)
{
    static const struct {
        const char *in, *out; /* NULL: is none */
    } rows[] = {
        {"v/2/6/25/1/4096a/1/8/1", "v/2/6/25/1/4096a/1/8/1"},
        {"v/////a/1/8/1", "v/////a/1/8/1"},
        {"v/5/3840x2160/25/2/8192a///", "v/5/3840x2160/25/2/8192a///"},
        {"v/2", "v/2////a///"},
        {"V/2/6", "v/2/6///a///"},
        {" v/2/6/25/1/4096 a/1/8/1 ", "v/2/6/25/1/4096a/1/8/1"},
        {"a/1/8/1", "v/////a/1/8/1"},
        {"v/x/6/-1/99999999999/y", "v//6///a///"},
        {"", NULL},
        {"2/6/25", NULL},
    };
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_sdp_format format;
        char text[64];
        struct hf_sb sb;

        assert_int_equal(hf_sdp_format_parse(hf_slice_of(rows[i].in), &format), rows[i].out != NULL);
        if (rows[i].out == NULL)
            continue;
        hf_sb_init(&sb, text, sizeof(text));
        hf_sdp_format_write(&format, &sb);
        assert_string_equal(text, rows[i].out);
    }
}

static void ssrcs_are_ten_digits(void **state)
{
    static const struct {
        const char *domain;
        bool history;
        unsigned number;
        const char *text; /* NULL: refused */
        uint32_t ssrc;
    } rows[] = {
        {"34020000002000000001", false, 1, "0200000001", 0x0BEBC201},
        {"34020000002000000001", true, 1, "1200000001", 0x47868C01},
        {"3402000000", true, 9999, "1200009999", 1200009999},
        {"44010000", false, 0, "0100000000", 100000000},
        {"99999999", true, 9999, "1999999999", 1999999999},
        {"4401000", false, 0, NULL, 0},
        {"4401000x", false, 0, NULL, 0},
        {"3402000000", false, HF_SSRC_NUMBERS, NULL, 0},
    };
    uint32_t ssrc;
    bool exact;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        char text[HF_SSRC_TEXT_BYTES];
        hf_err err = hf_ssrc_make(hf_slice_of(rows[i].domain), rows[i].history, rows[i].number, &ssrc);

        assert_int_equal(err, rows[i].text != NULL ? HF_OK : HF_ERR_INVALID);
        if (rows[i].text == NULL)
            continue;
        assert_int_equal(ssrc, rows[i].ssrc);
        hf_ssrc_format(ssrc, text);
        assert_string_equal(text, rows[i].text);
        assert_true(hf_ssrc_parse(HF_SLICE(""), &ssrc, &exact) == false);
        assert_true(hf_ssrc_parse(hf_slice_of(text), &ssrc, &exact) && exact && ssrc == rows[i].ssrc);
        assert_int_equal(hf_ssrc_is_history(ssrc), rows[i].history);
        assert_int_equal(hf_ssrc_number(ssrc), rows[i].number);
        assert_int_equal(hf_ssrc_domain_part(ssrc),
                         strtoul((char[]){rows[i].domain[3], rows[i].domain[4], rows[i].domain[5],
                                          rows[i].domain[6], rows[i].domain[7], 0},
                                 NULL, 10));
    }
    assert_true(hf_ssrc_parse(HF_SLICE(" 4294967295 "), &ssrc, &exact) && ssrc == UINT32_MAX);
    assert_false(hf_ssrc_parse(HF_SLICE("-1"), &ssrc, &exact));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_offer_is_read),
        cmocka_unit_test(history_and_tcp_are_read),
        cmocka_unit_test(talk_and_broadcast_are_read),
        cmocka_unit_test(what_devices_do_has_a_name),
        cmocka_unit_test(lines_out_of_order_are_about_the_right_media),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(an_offer_is_written),
        cmocka_unit_test(all_lines_are_written_and_read_back),
        cmocka_unit_test(what_cannot_be_written_is_refused),
        cmocka_unit_test(formats_are_read_and_written),
        cmocka_unit_test(ssrcs_are_ten_digits),
    };

    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    (void)parse((struct hf_slice){NULL, 0});
    return failed;
}
