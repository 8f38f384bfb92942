/* codec/sip/sip_write_test.c - what is written: pieces, answers, ACK and CANCEL; that nothing from outside adds a line; that every
 * builder too small is noticed. */
#include "codec/sip/sip_testkit.h"
#include "codec/sip/write.h"

enum { TEXT_BYTES = 8192 };

#define NONE ((struct hf_slice){NULL, 0})

static char text[TEXT_BYTES];

static struct hf_sb builder(void)
{
    struct hf_sb sb;

    hf_sb_init(&sb, text, sizeof(text));
    return sb;
}

/* The message of the platform's rules. */
static hf_err write_query(struct hf_sb *sb)
{
    static const struct hf_sip_via_out via = {.transport = HF_SIP_UDP,
                                              .host = {"198.51.100.5", 12},
                                              .port = 5060,
                                              .branch = {"z9hG4bK7a1c0001", 15},
                                              .rport = true};
    hf_err err =
        hf_sip_write_request(sb, HF_SLICE("MESSAGE"), HF_SLICE("sip:34020000001180000001@192.0.2.10:5060"));

    err = err == HF_OK ? hf_sip_write_via(sb, &via) : err;
    err = err == HF_OK
              ? hf_sip_write_address(sb, HF_SIP_FROM, HF_SLICE("sip:34020000002000000001@3402000000"),
                                     HF_SLICE("a1b2"))
              : err;
    err = err == HF_OK
              ? hf_sip_write_address(sb, HF_SIP_TO, HF_SLICE("sip:34020000001180000001@3402000000"), NONE)
              : err;
    err = err == HF_OK ? hf_sip_write_id(sb, HF_SIP_CALL_ID, HF_SLICE("5f0a-0001@198.51.100.5")) : err;
    err = err == HF_OK ? hf_sip_write_cseq(sb, 20, HF_SLICE("MESSAGE")) : err;
    err = err == HF_OK ? hf_sip_write_u64(sb, HF_SIP_MAX_FORWARDS, 70) : err;
    err = err == HF_OK ? hf_sip_write_header(sb, HF_SLICE("X-Vendor"), HF_SLICE("a\r\n \tb")) : err;
    return err == HF_OK ? hf_sip_write_end(sb, HF_SLICE("Application/MANSCDP+xml"), HF_SLICE("<Query/>"))
                        : err;
}

#define QUERY                                                             \
    "MESSAGE sip:34020000001180000001@192.0.2.10:5060 SIP/2.0\r\n"        \
    "Via: SIP/2.0/UDP 198.51.100.5:5060;rport;branch=z9hG4bK7a1c0001\r\n" \
    "From: <sip:34020000002000000001@3402000000>;tag=a1b2\r\n"            \
    "To: <sip:34020000001180000001@3402000000>\r\n"                       \
    "Call-ID: 5f0a-0001@198.51.100.5\r\n"                                 \
    "CSeq: 20 MESSAGE\r\n"                                                \
    "Max-Forwards: 70\r\n"                                                \
    "X-Vendor: a b\r\n"                                                   \
    "Content-Type: Application/MANSCDP+xml\r\n"                           \
    "Content-Length: 8\r\n\r\n<Query/>"

static void a_request(void **state)
{
    struct hf_sb sb = builder();
    struct hf_sip_msg msg;

    (void)state;
    assert_int_equal(write_query(&sb), HF_OK);
    assert_string_equal(text, QUERY);
    assert_int_equal(parse_copy(hf_sb_done(&sb), true, NULL, &msg), HF_OK);
    assert_int_equal(msg.tolerated, 0);
    for (size_t room = 1; room < sizeof(QUERY);
         room++) { /* one byte more is needed for the end of the text */
        hf_sb_init(&sb, text, room);
        assert_int_equal(write_query(&sb), HF_ERR_LIMIT);
    }
    hf_sb_init(&sb, text, sizeof(QUERY));
    assert_int_equal(write_query(&sb), HF_OK);
}

static void pieces(void **state)
{
    struct hf_sip_via_out via = {
        .transport = HF_SIP_TCP, .host = HF_SLICE("2001:db8::1"), .branch = HF_SLICE("b")};
    struct hf_sb sb = builder();

    (void)state;
    assert_int_equal(hf_sip_write_status(&sb, 200, NONE), HF_OK);
    assert_int_equal(hf_sip_write_status(&sb, 299, NONE), HF_OK);
    assert_int_equal(hf_sip_write_status(&sb, 486, HF_SLICE("")), HF_OK);
    assert_int_equal(hf_sip_write_status(&sb, 100, HF_SLICE("\xe5\xa5\xbd")), HF_OK);
    assert_int_equal(hf_sip_write_via(&sb, &via), HF_OK);
    via.host = HF_SLICE("[2001:db8::1]");
    via.port = 5061;
    via.transport = HF_SIP_TLS;
    assert_int_equal(hf_sip_write_via(&sb, &via), HF_OK);
    assert_int_equal(hf_sip_write_end(&sb, HF_SLICE("text/plain"), HF_SLICE("")), HF_OK);
    assert_int_equal(hf_sip_write_end(&sb, NONE, HF_SLICE("x")), HF_OK);
    assert_string_equal(
        text, "SIP/2.0 200 OK\r\nSIP/2.0 299 Success\r\nSIP/2.0 486 \r\nSIP/2.0 100 \xe5\xa5\xbd\r\n"
              "Via: SIP/2.0/TCP [2001:db8::1];branch=b\r\nVia: SIP/2.0/TLS [2001:db8::1]:5061;branch=b\r\n"
              "Content-Length: 0\r\n\r\nContent-Length: 1\r\n\r\nx");
    assert_string_equal(hf_sip_status_text(401), "Unauthorized");
    assert_string_equal(hf_sip_status_text(699), "Global Failure");
    assert_string_equal(hf_sip_status_text(700), "");
    assert_string_equal(hf_sip_status_text(0), "");
}

static void nothing_adds_a_line(void **state)
{
    static const struct hf_slice bad[] = {
        {"a\r\nX: y", 7}, {"a\rb", 3}, {"a\nb", 3}, {"a\r\n", 3}, {"a\r\n\r\n b", 7},
        {"a\n", 2},       {"a\r", 2},  {"a\0b", 3}, {"a\x7f", 2}, {"\\\\\x01", 3},
    };
    struct hf_sb sb = builder();

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(bad); i++) {
        const struct hf_sip_via_out host = {.host = bad[i], .branch = HF_SLICE("b")},
                                    branch = {.host = HF_SLICE("h"), .branch = bad[i]};

        assert_int_equal(hf_sip_write_value(&sb, bad[i]), HF_ERR_INVALID);
        assert_int_equal(hf_sip_write_header(&sb, HF_SLICE("X"), bad[i]), HF_ERR_INVALID);
        assert_int_equal(hf_sip_write_header(&sb, bad[i], HF_SLICE("x")), HF_ERR_INVALID);
        assert_int_equal(hf_sip_write_id(&sb, HF_SIP_SUBJECT, bad[i]), HF_ERR_INVALID);
        assert_int_equal(hf_sip_write_status(&sb, 200, bad[i]), HF_ERR_INVALID);
        assert_int_equal(hf_sip_write_request(&sb, bad[i], HF_SLICE("sip:a")), HF_ERR_INVALID);
        assert_int_equal(hf_sip_write_request(&sb, HF_SLICE("BYE"), bad[i]), HF_ERR_INVALID);
        assert_int_equal(hf_sip_write_cseq(&sb, 1, bad[i]), HF_ERR_INVALID);
        assert_int_equal(hf_sip_write_address(&sb, HF_SIP_TO, bad[i], NONE), HF_ERR_INVALID);
        assert_int_equal(hf_sip_write_address(&sb, HF_SIP_TO, HF_SLICE("sip:a"), bad[i]), HF_ERR_INVALID);
        assert_int_equal(hf_sip_write_via(&sb, &host), HF_ERR_INVALID);
        assert_int_equal(hf_sip_write_via(&sb, &branch), HF_ERR_INVALID);
        assert_int_equal(hf_sip_write_end(&sb, bad[i], HF_SLICE("x")), HF_ERR_INVALID);
    }
    assert_int_equal(hf_sip_write_address(&sb, HF_SIP_TO, HF_SLICE("sip:a>"), NONE), HF_ERR_INVALID);
    assert_int_equal(hf_sip_write_request(&sb, HF_SLICE("BYE"), HF_SLICE("sip:a b")), HF_ERR_INVALID);
    assert_int_equal(hf_sip_write_request(&sb, HF_SLICE("BYE"), NONE), HF_ERR_INVALID);
    assert_int_equal(hf_sip_write_status(&sb, 99, NONE), HF_ERR_INVALID);
    assert_int_equal(hf_sip_write_status(&sb, 700, NONE), HF_ERR_INVALID);
    assert_int_equal(sb.bytes, 0);
    assert_int_equal(hf_sip_write_value(&sb, HF_SLICE("\"\\\x01\"\r\n x")),
                     HF_OK); /* a quoted-pair, a fold */
    assert_string_equal(text, "\"\\\x01\" x");
}

/* --- answers --- */

static void expect_reply(const char *request, struct hf_sip_reply reply, const char *want)
{
    struct hf_sb sb = builder();
    struct hf_sip_msg msg;

    parse_copy(hf_slice_of(request), false, NULL, &msg);
    assert_int_equal(hf_sip_write_reply(&sb, &msg, &reply), HF_OK);
    assert_string_equal(text, want);
    for (size_t room = 1; room <= strlen(want); room++) {
        hf_sb_init(&sb, text, room);
        assert_int_equal(hf_sip_write_reply(&sb, &msg, &reply), HF_ERR_LIMIT);
    }
}

#define INVITE "INVITE sip:a@b SIP/2.0\r\n"
#define REST   "From: <sip:f@h>;tag=1\r\nTo: <sip:t@h>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n"

static void answers_copy_what_they_must(void **state)
{
    const struct hf_sip_reply ok = {.status = 200, .to_tag = HF_SLICE("mine")};
    const struct hf_sip_reply nat = {.status = 200,
                                     .to_tag = HF_SLICE("mine"),
                                     .received = HF_SLICE("203.0.113.9"),
                                     .received_port = 41022};
    struct hf_sip_reply forced = nat, trying = {.status = 100, .to_tag = HF_SLICE("mine")};

    (void)state;
    forced.force_rport = true;
    /* Order, compact names, folds, values of one line and of several, tags. */
    expect_reply(INVITE "v: SIP/2.0/UDP a;branch=1 , SIP/2.0/UDP b\r\nVia: SIP/2.0/UDP\r\n "
                        "c\r\nRecord-Route: <sip:r;lr>, <sip:s;lr>\r\n"
                        "Record-Route: <sip:t;lr>\r\nX: y\r\nf: <sip:f@h>;tag=1\r\nt: sip:t@h\r\ni: "
                        "c\r\nCSeq: 1\r\n INVITE\r\n\r\n",
                 ok,
                 "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=1 , SIP/2.0/UDP b\r\nVia: SIP/2.0/UDP "
                 "c\r\nRecord-Route: <sip:r;lr>, "
                 "<sip:s;lr>\r\nRecord-Route: <sip:t;lr>\r\nFrom: <sip:f@h>;tag=1\r\nTo: "
                 "sip:t@h;tag=mine\r\nCall-ID: c\r\nCSeq: 1 "
                 "INVITE\r\n");
    /* A tag that is there stays; 100 adds none but a Timestamp; 4xx has no Record-Route. */
    expect_reply(INVITE "Via: SIP/2.0/UDP a\r\nFrom: <sip:f@h>;tag=1\r\nTo: <sip:t@h>;tag=2\r\nCall-ID: "
                        "c\r\nCSeq: 1 INVITE\r\n\r\n",
                 ok,
                 "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a\r\nFrom: <sip:f@h>;tag=1\r\nTo: "
                 "<sip:t@h>;tag=2\r\nCall-ID: c\r\nCSeq: 1 "
                 "INVITE\r\n");
    expect_reply(INVITE "Via: SIP/2.0/UDP a\r\nTimestamp: 54\r\nRecord-Route: <sip:r>\r\n" REST "\r\n",
                 trying, "SIP/2.0 100 Trying\r\nVia: SIP/2.0/UDP a\r\n" REST "Timestamp: 54\r\n");
    trying.status = 486;
    trying.to_tag = NONE;
    trying.reason = HF_SLICE("No");
    expect_reply(INVITE "Via: SIP/2.0/UDP a\r\nTimestamp: 54\r\nRecord-Route: <sip:r>\r\n" REST "\r\n",
                 trying, "SIP/2.0 486 No\r\nVia: SIP/2.0/UDP a\r\n" REST);
    /* RFC 3581: where it came from. What the peer claims to have received itself is replaced. */
    expect_reply(INVITE
                 "Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK1, SIP/2.0/UDP b;received=1\r\n" REST
                 "\r\n",
                 nat,
                 "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP "
                 "192.0.2.1:5060;rport=41022;received=203.0.113.9;branch=z9hG4bK1, SIP/2.0/UDP "
                 "b;received=1\r\nFrom: <sip:f@h>;tag=1\r\nTo: <sip:t@h>;tag=mine\r\nCall-ID: c\r\nCSeq: 1 "
                 "INVITE\r\n");
    expect_reply(
        INVITE "Via: SIP/2.0/UDP 192.0.2.1 ; received = 9.9.9.9 ; x ; y = \"a;b\" ; rport = 1\r\n" REST
               "\r\n",
        nat,
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;rport=41022;received=203.0.113.9;x;y=\"a;b\"\r\nFrom: "
        "<sip:f@h>;tag=1\r\nTo: <sip:t@h>;tag=mine\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n");
    expect_reply(
        INVITE
        "Via: SIP/2.0/UDP 203.0.113.9\r\nv: SIP/2.0/TCP b\r\nVia: SIP/2.0/TCP c, SIP/2.0/UDP d\r\n" REST
        "\r\n",
        nat,
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 203.0.113.9\r\nVia: SIP/2.0/TCP b\r\nVia: SIP/2.0/TCP c, "
        "SIP/2.0/UDP d\r\nFrom: "
        "<sip:f@h>;tag=1\r\nTo: <sip:t@h>;tag=mine\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n");
    expect_reply(INVITE "Via: SIP/2.0/UDP 203.0.113.9\r\n" REST "\r\n", nat,
                 "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 203.0.113.9\r\nFrom: <sip:f@h>;tag=1\r\nTo: "
                 "<sip:t@h>;tag=mine\r\nCall-ID: "
                 "c\r\nCSeq: 1 INVITE\r\n");
    expect_reply(INVITE "Via: SIP/2.0/UDP 203.0.113.9\r\n" REST "\r\n", forced,
                 "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 203.0.113.9;rport=41022;received=203.0.113.9\r\nFrom: "
                 "<sip:f@h>;tag=1\r\nTo: "
                 "<sip:t@h>;tag=mine\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n");
    forced.received = HF_SLICE("2001:db8::7");
    expect_reply(INVITE "Via: SIP/2.0/UDP [2001:db8::1]:5060;branch=1\r\n" REST "\r\n", forced,
                 "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP "
                 "[2001:db8::1]:5060;rport=41022;received=2001:db8::7;branch=1\r\nFrom: "
                 "<sip:f@h>;tag=1\r\nTo: <sip:t@h>;tag=mine\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n");
    /* A broken request gets what it has. */
    trying.status = 400;
    trying.reason = NONE;
    expect_reply(INVITE "Via: SIP/2.0/UDP a\r\nCSeq: x\r\n\r\n", trying,
                 "SIP/2.0 400 Bad Request\r\nVia: SIP/2.0/UDP a\r\nCSeq: x\r\n");
    forced.status = 400;
    expect_reply(INVITE "Via: broken;;\r\nTo: <broken\r\n\r\n", forced,
                 "SIP/2.0 400 Bad Request\r\nVia: broken;;\r\nTo: <broken\r\n");
}

static void what_gets_no_answer(void **state)
{
    static const char *const rows[] = {
        "ACK sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP a\r\n" REST "\r\n",
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a\r\n" REST "\r\n",
        INVITE REST "\r\n",                                    /* no Via */
        INVITE "Via: SIP/2.0/UDP a\r\nCall-ID: a\x01\r\n\r\n", /* would carry the byte on */
        "\r\n\r\n",
    };
    struct hf_sip_reply reply = {.status = 400};
    struct hf_sb sb = builder();
    struct hf_sip_msg msg;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        parse_copy(hf_slice_of(rows[i]), false, NULL, &msg);
        assert_int_equal(hf_sip_write_reply(&sb, &msg, &reply), HF_ERR_INVALID);
    }
    parse_copy(HF_SLICE(INVITE "Via: SIP/2.0/UDP a\r\nX: a\x01\r\n" REST "\r\n"), false, NULL, &msg);
    reply.to_tag = HF_SLICE("a b");
    assert_int_equal(hf_sip_write_reply(&sb, &msg, &reply), HF_ERR_INVALID);
    reply.to_tag = NONE;
    reply.received = HF_SLICE("a;b");
    assert_int_equal(hf_sip_write_reply(&sb, &msg, &reply), HF_ERR_INVALID);
    reply.received = NONE;
    reply.reason = HF_SLICE("a\r\nb");
    assert_int_equal(hf_sip_write_reply(&sb, &msg, &reply), HF_ERR_INVALID);
    reply.reason = NONE;
    reply.status = 99;
    assert_int_equal(hf_sip_write_reply(&sb, &msg, &reply), HF_ERR_INVALID);
    reply.status = 700;
    assert_int_equal(hf_sip_write_reply(&sb, &msg, &reply), HF_ERR_INVALID);
    assert_int_equal(sb.bytes, 0);
    reply.status = 400; /* the bad byte is not in what is copied */
    assert_int_equal(hf_sip_write_reply(&sb, &msg, &reply), HF_OK);
}

static void ack_and_cancel(void **state)
{
    static const char invite_text[] =
        INVITE "Via: SIP/2.0/UDP u;branch=z9hG4bK1\r\nRoute: <sip:p;lr>\r\nRoute: <sip:q;lr>\r\n"
               "Max-Forwards: 9\r\n" REST "Content-Length: 0\r\n\r\n";
    static struct hf_sip_msg invite, response;
    struct hf_sb sb = builder();

    (void)state;
    assert_int_equal(hf_sip_parse(invite_text, sizeof(invite_text) - 1, true, NULL, &invite), HF_OK);
    assert_int_equal(
        parse_copy(
            HF_SLICE("SIP/2.0 486 Busy\r\nVia: SIP/2.0/UDP u;branch=z9hG4bK1\r\nFrom: <sip:f@h>;tag=1\r\nTo: "
                     "<sip:t@h>;tag=9\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n"),
            false, NULL, &response),
        HF_OK);
    assert_int_equal(hf_sip_write_ack(&sb, &invite, &response), HF_OK);
    assert_string_equal(
        text, "ACK sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP u;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nRoute: "
              "<sip:p;lr>\r\nRoute: <sip:q;lr>\r\nFrom: <sip:f@h>;tag=1\r\nTo: <sip:t@h>;tag=9\r\nCall-ID: "
              "c\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n");
    size_t bytes = sb.bytes;

    for (size_t room = 1; room <= bytes; room++) {
        hf_sb_init(&sb, text, room);
        assert_int_equal(hf_sip_write_ack(&sb, &invite, &response), HF_ERR_LIMIT);
    }
    sb = builder();
    assert_int_equal(hf_sip_write_cancel(&sb, &invite), HF_OK);
    assert_string_equal(
        text, "CANCEL sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP u;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nRoute: "
              "<sip:p;lr>\r\nRoute: <sip:q;lr>\r\nFrom: <sip:f@h>;tag=1\r\nTo: <sip:t@h>\r\nCall-ID: "
              "c\r\nCSeq: 1 CANCEL\r\nContent-Length: 0\r\n\r\n");
    sb = builder();
    assert_int_equal(hf_sip_write_cancel(&sb, &response), HF_ERR_INVALID);
    response.first[HF_SIP_TO] = 0;
    assert_int_equal(hf_sip_write_ack(&sb, &invite, &response), HF_ERR_INVALID);
    assert_int_equal(sb.bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request),           cmocka_unit_test(pieces),
        cmocka_unit_test(nothing_adds_a_line), cmocka_unit_test(answers_copy_what_they_must),
        cmocka_unit_test(what_gets_no_answer), cmocka_unit_test(ack_and_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
