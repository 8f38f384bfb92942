/* codec/sip/sip_values_test.c - headers one by one: Via, CSeq, Contact, Expires, lists; the tables; every limit. */
#include <stdio.h>

#include "codec/sip/judge.h"
#include "codec/sip/sip_testkit.h"

enum { TEXT_BYTES = 128 * 1024 };

#define HEAD                                                                                         \
    "MESSAGE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:f@h>;tag=1\r\nTo: " \
    "<sip:t@h>\r\nCall-ID: c\r\n"                                                                    \
    "CSeq: 1 MESSAGE\r\nMax-Forwards: 70\r\n"

static char text[TEXT_BYTES];
static struct hf_sip_msg msg;

static struct hf_sip_msg *with(const char *headers)
{
    struct hf_sb sb;

    hf_sb_init(&sb, text, sizeof(text));
    hf_sb_printf(&sb, "%s%s\r\n", HEAD, headers);
    assert_int_equal(parse_copy(hf_sb_done(&sb), false, NULL, &msg), HF_OK);
    return &msg;
}

struct row {
    const char *in, *want;
};

static void vias(void **state)
{
    static const struct row rows[] = {
        {"SIP/2.0/UDP h;branch=z9hG4bKx", "0 UDP host=h port=5060? cookie=z9hG4bKx"},
        {"SIP/2.0/TCP h:5070;branch=1", "1 TCP host=h port=5070 branch=1"},
        {"sip/2.0/tls [::1]:7", "2 tls host6=::1 port=7"},
        {"SIP/2.0/TLS h", "2 TLS host=h port=5061?"},
        {"SIP/2.0/SCTP h", "3 SCTP host=h port=5060?"},
        {"SIP/2.0/WS h", "4 WS host=h port=5060?"},
        {"SIP/2.0/WSS h", "5 WSS host=h port=5061?"},
        {"SIP/2.0/CARRIER h", "6 CARRIER host=h port=5060?"},
        {"SIP / 2.0 / UDP\r\n h : 5060 ; branch = z9hG4bK", "0 UDP host=h port=5060 branch=z9hG4bK"},
        {"SIP/2.0/UDP h;rport;received=192.0.2.1;maddr=m",
         "0 UDP host=h port=5060? received=192.0.2.1 maddr=m rport=0"},
        {"SIP/2.0/UDP h;rport=41022;received=[::1]", "0 UDP host=h port=5060? received=::1 rport=41022"},
        {"SIP/2.0/UDP h;received=::1;maddr=[::2]", "0 UDP host=h port=5060? received=::1 maddr=::2"},
        {"SIP/2.0/UDP h;received=[1;maddr=2]",
         "0 UDP host=h port=5060? received=[1 maddr=2]"}, /* no pair, no brackets */
        {"SIP/2.0/UDP h;rport=", "0 UDP host=h port=5060? rport=0 ~empty_value"},
        {"SIP/2.0/UDP 0.0.0.0:0", "0 UDP host=0.0.0.0 port=0"},
        {"SIP/2.0/UDP :5060;rport", "0 UDP host= port=5060 rport=0 ~no_host"},
        {"", "HF_ERR_MALFORMED"},
        {"SIP/2.0", "HF_ERR_MALFORMED"},
        {"SIP/2.0/", "HF_ERR_MALFORMED"},
        {"SIP//UDP h", "HF_ERR_MALFORMED"},
        {"SIP/2.0/UDP", "HF_ERR_MALFORMED"},
        {"SIP/2.0/UDPh", "HF_ERR_MALFORMED"},
        {"HTTP/2.0/UDP h", "HF_ERR_MALFORMED"},
        {"SIP/2.0/UDP h h", "HF_ERR_MALFORMED"},
        {"SIP/2.0/UDP h:x", "HF_ERR_MALFORMED"},
        {"SIP/2.0/UDP [h]", "HF_ERR_MALFORMED"},
        {"SIP/2.0/UDP h;", "HF_ERR_MALFORMED"},
        {"SIP/2.0/UDP h;branch", "HF_ERR_MALFORMED"},
        {"SIP/2.0/UDP h;branch=1;branch=2", "HF_ERR_MALFORMED"},
        {"SIP/2.0/UDP h;branch=\"1\"", "HF_ERR_MALFORMED"},
        {"SIP/2.0/UDP h;rport=65536", "HF_ERR_MALFORMED"},
        {"SIP/2.0/UDP h;rport=x", "HF_ERR_MALFORMED"},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_sip_via via;
        uint32_t tolerated = 0;
        struct hf_sb sb;
        hf_err err = hf_sip_parse_via(hf_slice_of(rows[i].in), hf_sip_tolerances_default(), &via, &tolerated);

        hf_sb_init(&sb, text, sizeof(text));
        if (err == HF_OK)
            say_via(&sb, &via);
        else
            hf_sb_text(&sb, hf_err_name(err));
        say_tolerated(&sb, tolerated);
        assert_string_equal(text, rows[i].want);
        if (tolerated != 0)
            assert_int_equal(hf_sip_parse_via(hf_slice_of(rows[i].in), 0, &via, NULL), HF_ERR_MALFORMED);
        assert_int_equal(hf_sip_parse_via((struct hf_slice){NULL, 0}, 0, &via, NULL), HF_ERR_MALFORMED);
    }
}

static void lists(void **state)
{
    static const struct row rows[] = {
        {"Contact: <sip:a@b>, \"x, y\" <sip:c@d;z=1,2>;q=1\r\nm: sip:e@f\r\nX: 1\r\nContact: \r\nContact: "
         "sip:g@h",
         "<sip:a@b>|\"x, y\" <sip:c@d;z=1,2>;q=1|sip:e@f|sip:g@h|"},
        {"Contact: ,,sip:a@b,\r\n ,sip:c@d , ", "sip:a@b|sip:c@d|"},
        {"Contact: \"open, <sip:a@b>", "\"open, <sip:a@b>|"}, /* whoever reads it refuses it */
        {"Contact: <sip:a@b, x", "<sip:a@b, x|"},
        {"Contact: \"a\",\"b\"", "\"a\"|\"b\"|"},
        {"X: 1", ""},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        char headers[512], got[512];
        struct hf_sip_values values;
        struct hf_slice value;
        struct hf_sb sb;

        snprintf(headers, sizeof(headers), "%s\r\n", rows[i].in);
        values = hf_sip_values(with(headers), HF_SIP_CONTACT);
        hf_sb_init(&sb, got, sizeof(got));
        while (hf_sip_values_next(&values, &value)) {
            hf_sb_slice(&sb, value);
            hf_sb_char(&sb, '|');
        }
        assert_string_equal(got, rows[i].want);
        assert_false(hf_sip_values_next(&values, &value));
    }
    with("Supported: path, Timer\r\nk: 100rel\r\n");
    assert_true(hf_sip_has_token(&msg, HF_SIP_SUPPORTED, HF_SLICE("timer")));
    assert_true(hf_sip_has_token(&msg, HF_SIP_SUPPORTED, HF_SLICE("100REL")));
    assert_false(hf_sip_has_token(&msg, HF_SIP_SUPPORTED, HF_SLICE("tim")));
    assert_false(hf_sip_has_token(&msg, HF_SIP_REQUIRE, HF_SLICE("timer")));
}

static void contacts_and_expiry(void **state)
{
    static const struct {
        const char *headers, *want;
        int64_t expires; /* -1: none */
    } rows[] = {
        {"Contact: <sip:a@b>;expires=60\r\nExpires: 3600\r\n", "a 60|", 60},
        {"Contact: <sip:a@b>\r\nExpires: 3600\r\n", "a|", 3600},
        {"Contact: <sip:a@b>, <sip:c@d>;Expires=0\r\n", "a|c 0|", 0},
        {"Contact: <sip:a@b>;expires=soon\r\n", "a|", -1},
        {"Contact: <sip:a@b>;expires\r\n", "a|", -1},
        {"Contact: <sip:a@b>;expires=9999999999\r\n", "a 4294967295 ~expires_odd|", UINT32_MAX},
        {"Contact: broken, <sip:a@b>;expires=5\r\n", "HF_ERR_MALFORMED|a 5|", 5},
        {"Contact: *\r\nExpires: 0\r\n", "*|", 0},
        {"", "", -1},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_sip_values values = hf_sip_values(with(rows[i].headers), HF_SIP_CONTACT);
        struct hf_sip_contact contact;
        char got[256];
        struct hf_sb sb;
        uint32_t expires = 77, tolerated = 0;
        hf_err err;

        hf_sb_init(&sb, got, sizeof(got));
        while ((err = hf_sip_contact_next(&values, hf_sip_tolerances_default(), &contact, &tolerated)) !=
               HF_ERR_NOT_FOUND) {
            hf_sb_text(&sb, err != HF_OK ? hf_err_name(err) : contact.address.star ? "*" : "");
            hf_sb_slice(&sb, contact.address.uri.user);
            if (contact.has_expires)
                hf_sb_printf(&sb, " %u", contact.expires_s);
            say_tolerated(&sb, tolerated);
            hf_sb_char(&sb, '|');
        }
        assert_string_equal(got, rows[i].want);
        assert_int_equal(hf_sip_expires(&msg, &expires), rows[i].expires >= 0);
        assert_int_equal(expires, rows[i].expires >= 0 ? rows[i].expires : 77);
    }
}

static void first_part_and_parameters(void **state)
{
    struct hf_slice first, params;

    (void)state;
    with("Content-Type: Application/MANSCDP+xml ; charset=\"gb2312\"\r\no: Catalog;id=1894\r\n"
         "Subscription-State: terminated;reason=timeout;retry-after=5\r\n");
    assert_true(hf_slice_is(hf_sip_content_type(&msg), "Application/MANSCDP+xml"));
    assert_int_equal(hf_sip_split(hf_sip_value(&msg, HF_SIP_EVENT), &first, &params), HF_OK);
    assert_true(hf_slice_is(first, "Catalog") && hf_slice_is(hf_sip_param(params, "id", NULL), "1894"));
    assert_int_equal(hf_sip_split(hf_sip_value(&msg, HF_SIP_SUBSCRIPTION_STATE), &first, &params), HF_OK);
    assert_true(hf_slice_is(first, "terminated") &&
                hf_slice_is(hf_sip_param(params, "retry-after", NULL), "5"));
    assert_int_equal(hf_sip_split(HF_SLICE("a"), &first, &params), HF_OK);
    assert_null(params.at);
    assert_int_equal(hf_sip_split(HF_SLICE(" ;a"), &first, &params), HF_ERR_MALFORMED);
    assert_int_equal(hf_sip_split(HF_SLICE("a;b=\"c"), &first, &params), HF_ERR_MALFORMED);
    assert_int_equal(hf_sip_split((struct hf_slice){NULL, 0}, &first, &params), HF_ERR_MALFORMED);
    assert_null(hf_sip_content_type(with("Content-Type: ;x\r\n")).at);
    assert_null(hf_sip_content_type(with("")).at);
}

static void tables(void **state)
{
    uint32_t on = 0;

    (void)state;
    for (unsigned id = 0; id < HF_SIP_HEADER_OTHER; id++)
        assert_int_equal(hf_sip_header_of(hf_slice_of(hf_sip_header_name((enum hf_sip_header_id)id))), id);
    assert_int_equal(hf_sip_header_of(HF_SLICE("cALL-id")), HF_SIP_CALL_ID);
    assert_int_equal(hf_sip_header_of(HF_SLICE("V")), HF_SIP_VIA);
    assert_int_equal(hf_sip_header_of(HF_SLICE("z")), HF_SIP_HEADER_OTHER);
    assert_int_equal(hf_sip_header_of(HF_SLICE("")), HF_SIP_HEADER_OTHER);
    assert_int_equal(hf_sip_header_of(HF_SLICE("Viaa")), HF_SIP_HEADER_OTHER);
    assert_int_equal(hf_sip_header_of(HF_SLICE("!")), HF_SIP_HEADER_OTHER);
    assert_string_equal(hf_sip_header_name(HF_SIP_HEADER_OTHER), "");
    for (unsigned method = 0; method < HF_SIP_METHOD_OTHER; method++)
        assert_int_equal(hf_sip_method_of(hf_slice_of(hf_sip_method_name((enum hf_sip_method)method))),
                         method);
    assert_int_equal(hf_sip_method_of(HF_SLICE("register")), HF_SIP_METHOD_OTHER);
    assert_int_equal(hf_sip_method_of(HF_SLICE("")), HF_SIP_METHOD_OTHER);
    for (unsigned bit = 0; bit < HF_SIP_TOLERANCES; bit++) {
        assert_true(strlen(hf_sip_tolerance_info(bit)->text) > 0 &&
                    strlen(hf_sip_tolerance_info(bit)->name) > 0);
        on |= hf_sip_tolerance_info(bit)->by_default ? 1u << bit : 0;
    }
    assert_int_equal(on, hf_sip_tolerances_default());
    for (unsigned problem = 1; problem < HF_SIP_PROBLEMS; problem++) {
        const struct hf_sip_problem_info *info = hf_sip_problem_info((enum hf_sip_problem)problem);

        assert_true(info->status >= 400 && info->status <= 513 && strlen(info->text) > 0);
        assert_int_equal(hf_sip_problem_err((enum hf_sip_problem)problem),
                         info->status == 413 || info->status == 513 ? HF_ERR_LIMIT : HF_ERR_MALFORMED);
    }
}

/* --- limits --- */

static void expect_limit(const struct hf_sip_limits *limits, size_t bytes, const char *want)
{
    hf_err err = parse_copy((struct hf_slice){text, bytes}, false, limits, &msg);

    assert_string_equal(hf_sip_problem_info((enum hf_sip_problem)msg.problem)->name, want);
    assert_int_equal(err, strcmp(want, "none") == 0 ? HF_OK : HF_ERR_LIMIT);
}

static size_t fill(unsigned headers, unsigned line_bytes, unsigned body_bytes)
{
    struct hf_sb sb;

    hf_sb_init(&sb, text, sizeof(text));
    hf_sb_text(&sb, HEAD);
    for (unsigned i = 0; i < headers; i++)
        hf_sb_printf(&sb, "Y: %0*u\r\n", (int)line_bytes - 3, i);
    hf_sb_printf(&sb, "\r\n%0*d", (int)body_bytes, 0);
    assert_false(sb.overflow);
    return sb.bytes;
}

static void each_limit_is_met(void **state)
{
    enum { HEAD_HEADERS = 6, HEAD_BYTES = sizeof(HEAD) - 1 };
    struct hf_sip_limits limits = hf_sip_limits_default;

    (void)state;
    expect_limit(NULL, fill(HF_SIP_HEADERS_MAX - HEAD_HEADERS, 10, 1), "none");
    assert_int_equal(msg.header_count, HF_SIP_HEADERS_MAX);
    expect_limit(NULL, fill(HF_SIP_HEADERS_MAX - HEAD_HEADERS + 1, 10, 1), "too_many_headers");
    assert_true(msg.answerable && msg.header_count == HF_SIP_HEADERS_MAX);
    limits.headers_max = HEAD_HEADERS;
    expect_limit(&limits, fill(0, 0, 1), "none");
    expect_limit(&limits, fill(1, 10, 1), "too_many_headers");
    limits.headers_max = 1000; /* the ceiling holds */
    expect_limit(&limits, fill(HF_SIP_HEADERS_MAX - HEAD_HEADERS + 1, 10, 1), "too_many_headers");

    expect_limit(NULL, fill(1, HF_SIP_LINE_BYTES_MAX, 1), "none");
    expect_limit(NULL, fill(1, HF_SIP_LINE_BYTES_MAX + 1, 1), "line_too_long");
    limits.line_bytes_max = 10; /* the start line too */
    expect_limit(&limits, fill(1, 10, 1), "line_too_long");

    limits = hf_sip_limits_default;
    limits.head_bytes_max = HEAD_BYTES + 12 + 2;
    expect_limit(&limits, fill(1, 10, 1), "none");
    limits.head_bytes_max--;
    expect_limit(&limits, fill(1, 10, 1), "head_too_big");

    limits = hf_sip_limits_default;
    limits.body_bytes_max = 100;
    expect_limit(&limits, fill(0, 0, 100), "none");
    expect_limit(&limits, fill(0, 0, 101), "body_too_big");

    expect_limit(NULL, fill(0, 0, HF_SIP_MESSAGE_BYTES_MAX - HEAD_BYTES - 2), "none");
    expect_limit(NULL, fill(0, 0, HF_SIP_MESSAGE_BYTES_MAX - HEAD_BYTES - 1), "message_too_big");
    assert_true(msg.answerable);
}

static void blank_lines_before_a_datagram_are_bounded(void **state)
{
    (void)state;
    for (unsigned more = 0; more <= 1; more++) {
        struct hf_sb sb;

        hf_sb_init(&sb, text, sizeof(text));
        for (unsigned i = 0; i < HF_SIP_BLANK_LINES_MAX + more; i++)
            hf_sb_text(&sb, "\r\n");
        hf_sb_printf(&sb, "%s\r\n", HEAD);
        assert_int_equal(parse_copy(hf_sb_done(&sb), false, NULL, &msg), more ? HF_ERR_MALFORMED : HF_OK);
    }
}

static void parameters_and_values_are_bounded(void **state)
{
    (void)state;
    for (unsigned more = 0; more <= 1; more++) {
        struct hf_slice first, params, value;
        struct hf_sip_values values;
        struct hf_sip_via via;
        unsigned count = 0;
        struct hf_sb sb;

        hf_sb_init(&sb, text, sizeof(text));
        hf_sb_text(&sb, "SIP/2.0/UDP h");
        for (unsigned i = 0; i < HF_SIP_PARAMS_MAX + more; i++)
            hf_sb_printf(&sb, ";p%u=1", i);
        assert_int_equal(hf_sip_parse_via(hf_sb_done(&sb), 0, &via, NULL), more ? HF_ERR_LIMIT : HF_OK);
        assert_int_equal(hf_sip_split(hf_sb_done(&sb), &first, &params), more ? HF_ERR_LIMIT : HF_OK);

        char headers[4096];
        char many[1024]; /* the same on what is read at once: To, Request-URI */

        memcpy(many, text + 13, sb.bytes - 13 + 1);
        for (unsigned in_uri = 0; in_uri <= 1; in_uri++) {
            hf_sb_init(&sb, text, sizeof(text));
            hf_sb_printf(
                &sb,
                "MESSAGE sip:a@b%s SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:f@h>;tag=1\r\n"
                "To: <sip:t@h>%s\r\nCall-ID: c\r\nCSeq: 1 MESSAGE\r\n\r\n",
                in_uri ? many : "", in_uri ? "" : many);
            expect_limit(NULL, sb.bytes, more ? "too_many_params" : "none");
        }

        hf_sb_init(&sb, headers, sizeof(headers));
        hf_sb_text(&sb, "Allow: A");
        for (unsigned i = 1; i < HF_SIP_VALUES_MAX + more; i++)
            hf_sb_text(&sb, ",A");
        hf_sb_text(&sb, "\r\n");
        values = hf_sip_values(with(headers), HF_SIP_ALLOW);
        while (hf_sip_values_next(&values, &value))
            count++;
        assert_int_equal(count, HF_SIP_VALUES_MAX); /* the walk ends there, and one more is not seen */
    }
}

static void what_a_server_refuses(void **state)
{
    static const char *const timer[] = {"timer", NULL}, *const xml[] = {"application/manscdp+xml", NULL},
                             *const none[] = {NULL};
    struct hf_sip_policy policy = {
        .methods = 1u << HF_SIP_MESSAGE, .extensions = timer, .types = xml, .offer_needs_sdp = true};

    (void)state;
    assert_int_equal(hf_sip_judge(with("Require: Timer\r\n"), &policy), HF_SIP_TAKE);
    assert_int_equal(hf_sip_judge(with("Require: timer, path\r\n"), &policy), 420);
    assert_int_equal(
        hf_sip_judge(with("Content-Encoding: identity\r\nContent-Type: Application/MANSCDP+XML\r\n\r\nx"),
                     &policy),
        HF_SIP_TAKE);
    assert_int_equal(hf_sip_judge(with("Content-Encoding: gzip\r\n\r\nx"), &policy), 415);
    assert_int_equal(hf_sip_judge(with("Content-Type: text/plain\r\n\r\nx"), &policy), 415);
    assert_int_equal(hf_sip_judge(with("Content-Type: text/plain\r\nl: 0\r\n"), &policy),
                     HF_SIP_TAKE); /* no body */
    assert_int_equal(hf_sip_judge(with("\r\nx"), &policy),
                     HF_SIP_TAKE); /* no type: for its reader to guess */

    struct hf_sip_reply reply = {.status = 415};
    char answer[2048];
    struct hf_sb sb;

    policy.methods = 0;
    assert_int_equal(hf_sip_judge(with(""), &policy), 405);
    reply.status = 405;
    hf_sb_init(&sb, answer, sizeof(answer));
    assert_int_equal(hf_sip_write_judgement(&sb, &msg, &reply, &policy), HF_OK);
    assert_non_null(strstr(answer, "\r\nAllow:\r\nContent-Length: 0\r\n\r\n"));
    policy.methods = 1u << HF_SIP_MESSAGE | 1u << HF_SIP_BYE | 1u << HF_SIP_INVITE | 1u << HF_SIP_CANCEL;
    hf_sb_init(&sb, answer, sizeof(answer));
    assert_int_equal(hf_sip_write_judgement(&sb, with(""), &reply, &policy), HF_OK);
    assert_non_null(strstr(answer, "\r\nAllow: MESSAGE, INVITE, BYE, CANCEL\r\nContent-Length: 0\r\n\r\n"));
    reply.status = 420;
    hf_sb_init(&sb, answer, sizeof(answer));
    assert_int_equal(hf_sip_write_judgement(&sb, with("Require: timer,a,b\r\n"), &reply, &policy), HF_OK);
    assert_non_null(strstr(answer, "\r\nUnsupported: a\r\nUnsupported: b\r\nContent-Length: 0\r\n\r\n"));
    reply.status = 415;
    policy.types = none;
    hf_sb_init(&sb, answer, sizeof(answer));
    assert_int_equal(hf_sip_write_judgement(&sb, &msg, &reply, &policy), HF_OK);
    assert_null(strstr(answer, "Accept"));
    hf_sb_init(&sb, answer, 20);
    assert_int_equal(hf_sip_write_judgement(&sb, &msg, &reply, &policy), HF_ERR_LIMIT);
    hf_sb_init(&sb, answer, 5);
    assert_int_equal(hf_sip_write_allow(&sb, 1), HF_ERR_LIMIT);

    static const struct {
        const char *head;
        unsigned want;
    } rows[] = {
        {"CANCEL sip:a@b SIP/2.0\r\nRequire: x\r\nCSeq: 1 CANCEL\r\n", HF_SIP_TAKE},
        {"ACK tel:1 SIP/2.0\r\nRequire: x\r\nCSeq: 1 ACK\r\n", HF_SIP_TAKE},
        {"ACK tel:1 SIP/2.0\r\nCSeq: 1 INVITE\r\n", HF_SIP_DROP},
        {"BYE tel:1 SIP/2.0\r\nCSeq: 1 BYE\r\n", 416},
        {"BYE sips:a@b SIP/2.0\r\nCSeq: 1 BYE\r\n", HF_SIP_TAKE},
        {"INVITE sip:a@b SIP/2.0\r\nCSeq: 1 INVITE\r\nAccept: text/plain, Application/* ; q=0.1\r\n",
         HF_SIP_TAKE},
        {"INVITE sip:a@b SIP/2.0\r\nCSeq: 1 INVITE\r\nAccept: */*\r\n", HF_SIP_TAKE},
        {"INVITE sip:a@b SIP/2.0\r\nCSeq: 1 INVITE\r\nAccept: ;x, text/plain\r\n", 406},
        {"INVITE sip:a@b SIP/2.0\r\nCSeq: 1 INVITE\r\nAccept:\r\n", 406},
        {"SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\n", HF_SIP_TAKE},
        {"SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\nv: SIP/2.0/UDP i\r\n", HF_SIP_DROP},
    };

    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        hf_sb_init(&sb, text, sizeof(text));
        hf_sb_printf(&sb,
                     "%sVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:f@h>;tag=1\r\nTo: "
                     "<sip:t@h>\r\nCall-ID: c\r\n\r\n",
                     rows[i].head);
        parse_copy(hf_sb_done(&sb), false, NULL, &msg);
        if (hf_sip_judge(&msg, &policy) != rows[i].want)
            fail_msg("%s: %u", rows[i].head, hf_sip_judge(&msg, &policy));
    }
    parse_copy(HF_SLICE("\r\n\r\n"), false, NULL, &msg);
    assert_int_equal(hf_sip_judge(&msg, &policy), HF_SIP_DROP);
    parse_copy(HF_SLICE("BYE sip:a@b SIP/2.0\r\n\r\n"), false, NULL, &msg); /* no Via: nowhere to answer */
    assert_int_equal(hf_sip_judge(&msg, &policy), HF_SIP_DROP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vias),
        cmocka_unit_test(lists),
        cmocka_unit_test(contacts_and_expiry),
        cmocka_unit_test(first_part_and_parameters),
        cmocka_unit_test(tables),
        cmocka_unit_test(each_limit_is_met),
        cmocka_unit_test(blank_lines_before_a_datagram_are_bounded),
        cmocka_unit_test(parameters_and_values_are_bounded),
        cmocka_unit_test(what_a_server_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
