/* codec/sip/sip_parse_test.c - whole messages: what is read out of them, and what each refusal is called. */
#include "codec/sip/sip_testkit.h"

static void describe(const struct hf_sip_msg *msg, struct hf_sb *sb)
{
    if (msg->kind == HF_SIP_KEEPALIVE) {
        hf_sb_text(sb, "keepalive");
        return;
    }
    if (msg->kind == HF_SIP_REQUEST) {
        hf_sb_printf(sb, "%s ", hf_sip_method_name((enum hf_sip_method)msg->method));
        say_uri(sb, &msg->uri);
        hf_sb_printf(sb, "|forwards %u", msg->max_forwards);
    } else {
        hf_sb_printf(sb, "%u ", msg->status);
        hf_sb_slice(sb, msg->reason);
    }
    hf_sb_text(sb, "|");
    say_via(sb, &msg->via);
    hf_sb_text(sb, "|");
    say_address(sb, &msg->from);
    hf_sb_text(sb, "|");
    say_address(sb, &msg->to);
    say(sb, "|", msg->call_id);
    hf_sb_printf(sb, "|%u ", msg->cseq.number);
    hf_sb_slice(sb, msg->cseq.method_text);
    if (msg->has_expires)
        hf_sb_printf(sb, "|expires %u", msg->expires_s);
    if (msg->has_length)
        hf_sb_printf(sb, "|length %u", msg->content_length);
    say(sb, "|body ", msg->body);
    if (msg->rest.bytes > 0)
        say(sb, "|rest ", msg->rest);
    say_tolerated(sb, msg->tolerated);
}

static void register_as_cameras_send_it(void **state)
{
    static const char in[] = "REGISTER sip:34020000002000000001@3402000000 SIP/2.0\r\n"
                             "Via: SIP/2.0/UDP 192.0.2.10:5060;rport;branch=z9hG4bK10001\r\n"
                             "From: <sip:34020000001320000001@3402000000>;tag=77\r\n"
                             "To: <sip:34020000001320000001@3402000000>\r\n"
                             "Call-ID: 900001\r\n"
                             "CSeq: 1 REGISTER\r\n"
                             "Contact: <sip:34020000001320000001@192.0.2.10:5060>\r\n"
                             "Max-Forwards: 70\r\n"
                             "User-Agent: IP Camera\r\n"
                             "Expires: 3600\r\n"
                             "X-GB-Ver: 3.0\r\n"
                             "X-Vendor: one\r\n"
                             "x-vendor: two\r\n"
                             "Content-Length: 0\r\n\r\n";
    char text[2048];
    struct hf_sip_msg msg;
    struct hf_sb sb;

    (void)state;
    assert_int_equal(parse_copy(HF_SLICE(in), false, NULL, &msg), HF_OK);
    hf_sb_init(&sb, text, sizeof(text));
    describe(&msg, &sb);
    assert_string_equal(
        text,
        "REGISTER sip user=34020000002000000001 host=3402000000|forwards 70|0 UDP host=192.0.2.10 port=5060 "
        "cookie=z9hG4bK10001 rport=0|<sip user=34020000001320000001 host=3402000000> params=tag=77 "
        "tag=77|<sip "
        "user=34020000001320000001 host=3402000000>|900001|1 REGISTER|expires 3600|length 0|body ");
    assert_true(msg.answerable);
    assert_int_equal(msg.header_count, 13);
    assert_true(hf_slice_is(hf_sip_value(&msg, HF_SIP_X_GB_VER), "3.0"));
    assert_true(hf_slice_is(hf_sip_value(&msg, HF_SIP_USER_AGENT), "IP Camera"));
    assert_null(hf_sip_value(&msg, HF_SIP_DATE).at);
    assert_int_equal(msg.text.bytes, sizeof(in) - 1);

    const struct hf_sip_header *vendor = hf_sip_find(&msg, HF_SLICE("X-VENDOR"), NULL);
    assert_non_null(vendor);
    assert_true(hf_slice_is(vendor->value, "one"));
    vendor = hf_sip_find(&msg, HF_SLICE("X-Vendor"), vendor);
    assert_non_null(vendor);
    assert_true(hf_slice_is(vendor->value, "two"));
    assert_null(hf_sip_find(&msg, HF_SLICE("X-Vendor"), vendor));
}

#define VIA  "Via: SIP/2.0/UDP h;branch=z9hG4bKx\r\n"
#define FROM "From: <sip:f@h>;tag=1\r\n"
#define TO   "To: <sip:t@h>\r\n"
#define ID   "Call-ID: c\r\n"
#define CSEQ "CSeq: 1 MESSAGE\r\n"
#define FWD  "Max-Forwards: 70\r\n"
#define LINE "MESSAGE sip:a@b SIP/2.0\r\n"
#define FIVE VIA FROM TO ID CSEQ
#define SIX  FIVE FWD

#define SAID                                                                                             \
    "MESSAGE sip user=a host=b|forwards 70|0 UDP host=h port=5060? cookie=z9hG4bKx|<sip user=f host=h> " \
    "params=tag=1 tag=1|<sip user=t host=h>|c|1 MESSAGE"
#define ANSWERED                                                                                   \
    "|0 UDP host=h port=5060? cookie=z9hG4bKx|<sip user=f host=h> params=tag=1 tag=1|<sip user=t " \
    "host=h>|c|1 MESSAGE"
#define XML "<?xml version=\"1.0\"?>\r\n<Notify><SN>1</SN></Notify>\r\n" /* 50 bytes */

static void expect_limited(const char *in, size_t bytes, bool framed, const struct hf_sip_limits *limits,
                           const char *want)
{
    static char text[65536];
    struct hf_sip_msg msg;
    struct hf_sb sb;
    hf_err err = parse_copy((struct hf_slice){in, bytes}, framed, limits, &msg);

    hf_sb_init(&sb, text, sizeof(text));
    assert_int_equal(err, hf_sip_problem_err((enum hf_sip_problem)msg.problem));
    if (err == HF_OK)
        describe(&msg, &sb);
    else
        hf_sb_printf(&sb, "%s%s", hf_sip_problem_info((enum hf_sip_problem)msg.problem)->name,
                     msg.answerable ? "" : " silent");
    if (strcmp(text, want) != 0)
        fail_msg("%.*s gives\n%s, not\n%s", (int)bytes, in, text, want);
}

static void expect(const char *in, size_t bytes, const char *want)
{
    expect_limited(in, bytes, false, NULL, want);
}

struct row {
    const char *in, *want;
};

static void each(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        expect(rows[i].in, strlen(rows[i].in), rows[i].want);
}

static void taken(void **state)
{
    static const struct row rows[] = {
        {LINE SIX "\r\n", SAID "|body "},
        {"\r\n\r\n" LINE SIX "\r\n", SAID "|body "},
        {LINE SIX "\r\nhello", SAID "|body hello"}, /* no Content-Length in a datagram: all of it */
        {LINE SIX "\r\n hi", SAID "|body  hi"},     /* no fold */
        {LINE SIX "Content-Length: 2\r\n\r\nhello", SAID "|length 2|body he|rest llo"},
        {LINE SIX "l:2\r\n\r\nhe", SAID "|length 2|body he"},
        {LINE SIX "CONTENT-LENGTH :\t 0002 \r\n\r\nhe", SAID "|length 2|body he"},
        {LINE SIX "Expires:3600\r\n\r\n", SAID "|expires 3600|body "},
        {LINE SIX "Expires: 4294967295\r\n\r\n", SAID "|expires 4294967295|body "},
        {LINE "v: SIP/2.0/UDP h;branch=z9hG4bKx\r\nf: <sip:f@h>;tag=1\r\nt: <sip:t@h>\r\ni: c\r\n" CSEQ FWD
              "\r\n",
         SAID "|body "},
        {"MESSAGE sip:a@b sip/2.0\r\n" SIX "\r\n", SAID "|body "},
        {"Message sip:a@b SIP/2.0\r\n" VIA FROM TO ID "CSeq: 1 Message\r\n" FWD
         "\r\n", /* methods have case: this is another one */
         " sip user=a host=b|forwards 70|0 UDP host=h port=5060? cookie=z9hG4bKx|<sip user=f host=h> "
         "params=tag=1 tag=1|<sip "
         "user=t host=h>|c|1 Message|body "},
        {"SIP/2.0 200 OK\r\n" FIVE "\r\n", "200 OK" ANSWERED "|body "},
        {"SIP/2.0 200\r\n" FIVE "\r\n", "200 " ANSWERED "|body "},
        {"SIP/2.0 699 a  b \r\n" FIVE "\r\n", "699 a  b " ANSWERED "|body "},
        {LINE SIX "X: \"a\\\x01\"\r\n\r\n", SAID "|body "}, /* quoted-pair */
        {LINE SIX "Subject: a\r\n\tb\r\n c\r\n\r\n", SAID "|body "},
        {LINE SIX "Contact:\r\n\r\n", SAID "|body "}, /* not ours to judge here */
        {"\r\n", "keepalive"},
        {"", "keepalive"},
        {"abcd", "keepalive"},
        {"\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n", "keepalive"},
        {"     \t", "keepalive"},
        {"jaK\r\n\r\n", "keepalive"},
    };

    (void)state;
    each(rows, HF_COUNT_OF(rows));
    expect("\0\0\0\0\0\0", 6, "keepalive");
}

static void refused(void **state)
{
    static const struct row rows[] = {
        {"hello", "no_head_end silent"},
        {"GET / HTTP/1.1\r\n\r\n", "bad_start_line silent"},
        {"MESSAGE sip:a@b\r\n" SIX "\r\n", "bad_start_line"},
        {"MESSAGE sip:a@b \r\n" SIX "\r\n", "bad_start_line"},
        {"MESSAGE  SIP/2.0\r\n" SIX "\r\n", "bad_request_uri"},
        {" MESSAGE sip:a@b SIP/2.0\r\n" SIX "\r\n", "bad_start_line"},
        {"M@ sip:a@b SIP/2.0\r\n" SIX "\r\n", "bad_start_line"},
        {"MESSAGE sip:a@b SIP/2.0 x\r\n" SIX "\r\n", "bad_start_line"},
        {"MESSAGE sip:a@b SIP/2.1\r\n" SIX "\r\n", "bad_version"},
        {"MESSAGE sip:a@b SIP/20\r\n" SIX "\r\n", "bad_start_line"},
        {"MESSAGE sip:a@b SIP/2.x\r\n" SIX "\r\n", "bad_start_line"},
        {"MESSAGE sip:a@b SIP/2,00\r\n" SIX "\r\n", "bad_start_line"},
        {"MESSAGE sip:a@b SOP/2.0\r\n" SIX "\r\n", "bad_start_line"},
        {"MESSAGE sip:@b SIP/2.0\r\n" SIX "\r\n", "bad_request_uri"},
        {"SIP/2.0\r\n" FIVE "\r\n", "bad_start_line silent"},
        {"SIP/3.0 200 OK\r\n" FIVE "\r\n", "bad_version silent"},
        {"SIP/2.0 099 OK\r\n" FIVE "\r\n", "bad_status silent"},
        {"SIP/2.0 700 OK\r\n" FIVE "\r\n", "bad_status silent"},
        {"SIP/2.0 2000 OK\r\n" FIVE "\r\n", "bad_status silent"},
        {"SIP/2.0 20 OK\r\n" FIVE "\r\n", "bad_status silent"},
        {"SIP/2.0 2x0 OK\r\n" FIVE "\r\n", "bad_status silent"},
        {"SIP/2.0  200 OK\r\n" FIVE "\r\n", "bad_status silent"},
        {LINE SIX, "no_head_end"},
        {LINE SIX "X: y", "no_head_end"},
        {LINE SIX "X: a\rb\r\n\r\n", "bare_cr"},
        {LINE SIX "X: a\x01\r\n\r\n", "bad_header_value"},
        {LINE SIX "X: a\\\\\x01\r\n\r\n",
         "bad_header_value"}, /* an even run: the backslash is escaped, not the byte */
        {LINE SIX "X: a\x7f\r\n\r\n", "bad_header_value"},
        {LINE SIX "X y: a\r\n\r\n", "bad_header_name"},
        {LINE SIX ": a\r\n\r\n", "bad_header_name"},
        {LINE SIX "X\r\n\r\n", "bad_header_name"},
        {LINE " X: folded\r\n" SIX "\r\n", "bad_header_name"}, /* nothing to fold onto */
        {LINE FROM TO ID CSEQ FWD "\r\n", "via_missing silent"},
        {LINE VIA TO ID CSEQ FWD "\r\n", "from_missing"},
        {LINE VIA FROM ID CSEQ FWD "\r\n", "to_missing"},
        {LINE VIA FROM TO CSEQ FWD "\r\n", "call_id_missing"},
        {LINE VIA FROM TO ID FWD "\r\n", "cseq_missing"},
        {LINE "Via:\r\n" FROM TO ID CSEQ FWD "\r\n", "bad_via"},
        {LINE "Via: SIP/2.0/UDP\r\n" FROM TO ID CSEQ FWD "\r\n", "bad_via"},
        {LINE VIA "From:\r\n" TO ID CSEQ FWD "\r\n", "bad_from"},
        {LINE VIA "From: *\r\n" TO ID CSEQ FWD "\r\n", "bad_from"},
        {LINE VIA FROM "To: *\r\n" ID CSEQ FWD "\r\n", "bad_to"},
        {LINE VIA FROM TO "Call-ID:\r\n" CSEQ FWD "\r\n", "bad_call_id"},
        {LINE VIA FROM TO "Call-ID: a b\r\n" CSEQ FWD "\r\n", "bad_call_id"},
        {LINE VIA FROM TO ID "CSeq: MESSAGE\r\n" FWD "\r\n", "bad_cseq"},
        {LINE VIA FROM TO ID "CSeq: 1\r\n" FWD "\r\n", "bad_cseq"},
        {LINE VIA FROM TO ID "CSeq: 1MESSAGE\r\n" FWD "\r\n", "bad_cseq"},
        {LINE VIA FROM TO ID "CSeq:\r\n" FWD "\r\n", "bad_cseq"},
        {LINE VIA FROM TO ID "CSeq: 4294967296 MESSAGE\r\n" FWD "\r\n", "bad_cseq"},
        {LINE VIA FROM TO ID "CSeq: 1 MESS@GE\r\n" FWD "\r\n", "bad_cseq"},
        {LINE VIA FROM TO ID "CSeq: 1 NOTIFY\r\n" FWD "\r\n", "cseq_mismatch"},
        {LINE FIVE "Max-Forwards: 256\r\n\r\n", "bad_max_forwards"},
        {LINE FIVE "Max-Forwards: -1\r\n\r\n", "bad_max_forwards"},
        {LINE SIX FWD "\r\n", "header_repeated"},
        {LINE SIX "f: <sip:f@h>;tag=1\r\n\r\n", "header_repeated"},
        {LINE SIX "Content-Length: x\r\n\r\n", "bad_content_length"},
        {LINE SIX "Content-Length: -1\r\n\r\n", "bad_content_length"},
        {LINE SIX "Content-Length: 1, 1\r\n\r\nx", "bad_content_length"},
        {LINE SIX "Content-Length: 99999999999999999999\r\n\r\n", "bad_content_length"},
        {LINE SIX "Content-Length: 16777217\r\n\r\n", "body_too_big"},
        {LINE SIX "Content-Length: 1\r\nl: 2\r\n\r\nxy", "header_repeated"},
        {LINE SIX "Content-Length: 1\r\n\r\n", "body_cut"},
        {"ACK sip:a@b SIP/2.0\r\n" VIA FROM TO ID "CSeq: 1 ACK\r\nMax-Forwards: x\r\n\r\n",
         "bad_max_forwards silent"},
        {LINE "X: \x01\r\nMax-Forwards: x\r\n" FIVE "\r\n", "bad_header_value"}, /* the first one counts */
    };

    (void)state;
    each(rows, HF_COUNT_OF(rows));
    expect(LINE SIX "X: a\0b\r\n\r\n", sizeof(LINE SIX "X: a\0b\r\n\r\n") - 1, "bad_header_value");
    expect(LINE SIX "X\0: b\r\n\r\n", sizeof(LINE SIX "X\0: b\r\n\r\n") - 1, "bad_header_value");
}

/* Each row needs exactly the tolerance it names: without the bit it is refused by the name beside it. */
static void forgiven(void **state)
{
    static const struct {
        enum hf_sip_tolerance bit;
        const char *in, *want, *strict;
    } rows[] = {
        {HF_SIP_TOL_LF_ONLY,
         "MESSAGE sip:a@b SIP/2.0\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\n" FROM TO ID CSEQ FWD "\nhi",
         SAID "|body hi ~lf_only", "bare_lf"},
        {HF_SIP_TOL_LF_ONLY, LINE SIX "X: a\n b\r\n\r\n", SAID "|body  ~lf_only", "bare_lf"},
        {HF_SIP_TOL_NO_MAX_FORWARDS, LINE FIVE "\r\n", SAID "|body  ~no_max_forwards",
         "max_forwards_missing"},
        {HF_SIP_TOL_EMPTY_VALUE, LINE FIVE "Max-Forwards:\r\n\r\n", SAID "|body  ~empty_value",
         "max_forwards_missing"},
        {HF_SIP_TOL_EMPTY_VALUE, LINE SIX "Expires: \r\n\r\n", SAID "|body  ~empty_value",
         NULL /* odd, see below */},
        {HF_SIP_TOL_EMPTY_VALUE, LINE SIX "l:\r\n\r\nx", SAID "|body x ~empty_value", "bad_content_length"},
        {HF_SIP_TOL_LENGTH_REPEATED, LINE SIX "l: 1\r\nContent-Length: 1\r\n\r\nx",
         SAID "|length 1|body x ~length_repeated", "header_repeated"},
        {HF_SIP_TOL_LENGTH_SHORT, LINE SIX "Content-Length: 0\r\n\r\n" XML,
         SAID "|length 0|body " XML " ~length_short", NULL},
        {HF_SIP_TOL_LENGTH_SHORT, LINE SIX "Content-Length: 40\r\n\r\n" XML,
         SAID "|length 40|body " XML " ~length_short", NULL},
        {HF_SIP_TOL_LENGTH_LONG, LINE SIX "Content-Length: 55\r\n\r\n" XML,
         SAID "|length 55|body " XML " ~length_long", "body_cut"},
        {HF_SIP_TOL_NO_HOST, "MESSAGE sip:a@ SIP/2.0\r\n" SIX "\r\n",
         "MESSAGE sip user=a host=|forwards 70" ANSWERED "|body  ~no_host", "bad_request_uri"},
        {HF_SIP_TOL_NO_HOST, LINE "Via: SIP/2.0/UDP ;branch=z9hG4bKx\r\n" FROM TO ID CSEQ FWD "\r\n",
         "MESSAGE sip user=a host=b|forwards 70|0 UDP host= port=5060? cookie=z9hG4bKx|<sip user=f host=h> "
         "params=tag=1 "
         "tag=1|<sip user=t host=h>|c|1 MESSAGE|body  ~no_host",
         "bad_via"},
        {HF_SIP_TOL_NO_FROM_TAG, LINE VIA "From: <sip:f@h>\r\n" TO ID CSEQ FWD "\r\n",
         "MESSAGE sip user=a host=b|forwards 70|0 UDP host=h port=5060? cookie=z9hG4bKx|<sip user=f "
         "host=h>|<sip user=t "
         "host=h>|c|1 MESSAGE|body  ~no_from_tag",
         "bad_from"},
        {HF_SIP_TOL_NO_VIA, "SIP/2.0 200 OK\r\n" FROM TO ID CSEQ "\r\n",
         "200 OK|0  port=0?|<sip user=f host=h> params=tag=1 tag=1|<sip user=t host=h>|c|1 MESSAGE|body  "
         "~no_via",
         "via_missing silent"},
        {HF_SIP_TOL_CSEQ_LARGE, "SIP/2.0 200 OK\r\n" VIA FROM TO ID "CSeq: 2147483648 MESSAGE\r\n\r\n",
         "200 OK|0 UDP host=h port=5060? cookie=z9hG4bKx|<sip user=f host=h> params=tag=1 tag=1|<sip user=t "
         "host=h>|c|2147483648 MESSAGE|body  ~cseq_large",
         "bad_cseq silent"},
        {HF_SIP_TOL_EXPIRES_ODD, LINE SIX "Expires: 4294967296\r\n\r\n",
         SAID "|expires 4294967295|body  ~expires_odd", "bad_expires"},
        {HF_SIP_TOL_EXPIRES_ODD, LINE SIX "Expires: soon\r\n\r\n", SAID "|body  ~expires_odd", "bad_expires"},
        {HF_SIP_TOL_CALL_ID_ODD, LINE VIA FROM TO "Call-ID: a=b@c@d\r\n" CSEQ FWD "\r\n",
         "MESSAGE sip user=a host=b|forwards 70|0 UDP host=h port=5060? cookie=z9hG4bKx|<sip user=f host=h> "
         "params=tag=1 "
         "tag=1|<sip user=t host=h>|a=b@c@d|1 MESSAGE|body  ~call_id_odd",
         "bad_call_id"},
        {HF_SIP_TOL_LINE_SPACES, "MESSAGE  sip:a@b   SIP/2.0  \r\n" SIX "\r\n", SAID "|body  ~line_spaces",
         "bad_start_line"},
        {HF_SIP_TOL_ADDR_SPACES, LINE VIA FROM "To: < sip:t@h >\r\n" ID CSEQ FWD "\r\n",
         SAID "|body  ~addr_spaces", "bad_to"},
        {HF_SIP_TOL_DISPLAY_PLAIN, LINE VIA FROM "To: T, t <sip:t@h>\r\n" ID CSEQ FWD "\r\n",
         "MESSAGE sip user=a host=b|forwards 70|0 UDP host=h port=5060? cookie=z9hG4bKx|<sip user=f host=h> "
         "params=tag=1 "
         "tag=1|display=T, t <sip user=t host=h>|c|1 MESSAGE|body  ~display_plain",
         "bad_to"},
        {HF_SIP_TOL_DISPLAY_RAW, LINE VIA FROM "To: \xd0\xc2 <sip:t@h>\r\n" ID CSEQ FWD "\r\n",
         "MESSAGE sip user=a host=b|forwards 70|0 UDP host=h port=5060? cookie=z9hG4bKx|<sip user=f host=h> "
         "params=tag=1 "
         "tag=1|display=\xd0\xc2 <sip user=t host=h>|c|1 MESSAGE|body  ~display_raw",
         "bad_to"},
        {HF_SIP_TOL_EMPTY_PARAM, LINE "Via: SIP/2.0/UDP h;;branch=z9hG4bKx;\r\n" FROM TO ID CSEQ FWD "\r\n",
         SAID "|body  ~empty_param", "bad_via"},
        {HF_SIP_TOL_BARE_URI, LINE VIA FROM "To: sip:t,u@h\r\n" ID CSEQ FWD "\r\n",
         "MESSAGE sip user=a host=b|forwards 70|0 UDP host=h port=5060? cookie=z9hG4bKx|<sip user=f host=h> "
         "params=tag=1 "
         "tag=1|<sip user=t,u host=h>|c|1 MESSAGE|body  ~bare_uri",
         "bad_to"},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_sip_limits limits = hf_sip_limits_default;

        limits.tolerances |= (uint32_t)rows[i].bit;
        expect_limited(rows[i].in, strlen(rows[i].in), false, &limits, rows[i].want);
        limits.tolerances &= ~(uint32_t)rows[i].bit;
        if (rows[i].strict != NULL)
            expect_limited(rows[i].in, strlen(rows[i].in), false, &limits, rows[i].strict);
    }
    struct hf_sip_limits strict = hf_sip_limits_default;
    const char *empty = LINE SIX "Expires: \r\n\r\n";

    strict.tolerances &= ~(uint32_t)HF_SIP_TOL_EMPTY_VALUE; /* then it is no number */
    expect_limited(empty, strlen(empty), false, &strict, SAID "|body  ~expires_odd");
    strict.tolerances &= ~(uint32_t)HF_SIP_TOL_EXPIRES_ODD;
    expect_limited(empty, strlen(empty), false, &strict, "bad_expires");
    strict.tolerances = hf_sip_tolerances_default() & ~(uint32_t)HF_SIP_TOL_LENGTH_SHORT;
    empty = LINE SIX "Content-Length: 0\r\n\r\n" XML;
    expect_limited(empty, strlen(empty), false, &strict, SAID "|length 0|body |rest " XML);
}

/* Which length is meant: only for XML that is whole one way and not the other, only in MESSAGE and NOTIFY, only in a datagram. */
static void lengths_are_forgiven_for_whole_xml_only(void **state)
{
    static const struct row rows[] = {
        {LINE SIX "l: 5\r\n\r\n<a>b</a", SAID "|length 5|body <a>b<|rest /a"},
        {LINE SIX "l: 8\r\n\r\n<a>b</a><c>", SAID "|length 8|body <a>b</a>|rest <c>"},
        {LINE SIX "l: 8\r\n\r\n<a>b</a>\r\n<a>b</a>",
         SAID "|length 8|body <a>b</a>|rest \r\n<a>b</a>"}, /* the cut is whole */
        {LINE SIX "l: 1\r\n\r\n\xef\xbb\xbf<a>b</A >\r\n",
         SAID "|length 1|body \xef\xbb\xbf<a>b</A >\r\n ~length_short"},
        {LINE SIX "l: 1\r\n\r\n<?xml <a></a>", SAID "|length 1|body <|rest ?xml <a></a>"},
        {LINE SIX "l: 1\r\n\r\n<a/>", SAID "|length 1|body <|rest a/>"},
        {LINE SIX "l: 1\r\n\r\n<></>", SAID "|length 1|body <|rest ></>"},
        {LINE SIX "l: 1\r\n\r\n<ab></b>", SAID "|length 1|body <|rest ab></b>"},
        {LINE SIX "l: 1\r\n\r\n<a>a>", SAID "|length 1|body <|rest a>a>"},
        {LINE SIX "l: 1\r\n\r\nx<a></a>", SAID "|length 1|body x|rest <a></a>"},
        {LINE SIX "l: 99\r\n\r\n<a>b</a", "body_cut"},
        {LINE SIX "l: 99\r\n\r\n", "body_cut"},
        {"INFO sip:a@b SIP/2.0\r\n" VIA FROM TO ID "CSeq: 1 INFO\r\n" FWD "l: 99\r\n\r\n<a>b</a>",
         "body_cut"},
        {"SIP/2.0 200 OK\r\n" FIVE "l: 99\r\n\r\n<a>b</a>", "body_cut silent"},
    };
    const char *notify =
        "NOTIFY sip:a@b SIP/2.0\r\n" VIA FROM TO ID "CSeq: 1 NOTIFY\r\n" FWD "l: 99\r\n\r\n<a>b</a>";
    static const char padded[] = LINE SIX "l: 99\r\n\r\n\0 <a>b</a>\r\n\0";
    struct hf_sip_msg msg;

    (void)state;
    each(rows, HF_COUNT_OF(rows));
    assert_int_equal(parse_copy(HF_SLICE(padded), false, NULL, &msg), HF_OK); /* NULs around it */
    assert_int_equal(parse_copy(hf_slice_of(notify), false, NULL, &msg), HF_OK);
    assert_int_equal(msg.tolerated, HF_SIP_TOL_LENGTH_LONG);
    assert_int_equal(parse_copy(hf_slice_of(notify), true, NULL, &msg), HF_ERR_MALFORMED);
}

static void framed(void **state)
{
    struct hf_sip_limits limits = hf_sip_limits_default;
    const char *without = LINE SIX "\r\n", *with = LINE SIX "l: 2\r\n\r\nhi";

    (void)state;
    expect_limited(with, strlen(with), true, NULL, SAID "|length 2|body hi");
    expect_limited(without, strlen(without), true, NULL, "content_length_missing");
    limits.tolerances |= HF_SIP_TOL_NO_LENGTH;
    expect_limited(without, strlen(without), true, &limits, SAID "|body  ~no_length");
    expect_limited("\r\n\r\n", 4, true, NULL, "bad_start_line silent"); /* the framer takes these */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(register_as_cameras_send_it),
        cmocka_unit_test(taken),
        cmocka_unit_test(refused),
        cmocka_unit_test(forgiven),
        cmocka_unit_test(lengths_are_forgiven_for_whole_xml_only),
        cmocka_unit_test(framed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
