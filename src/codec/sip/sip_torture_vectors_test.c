/* codec/sip/sip_torture_vectors_test.c - the 49 messages of RFC 4475, each with the verdict of that document. They lie in
 * test/fuzz/sip_msg, so they are seeds too. Byte for byte those of the RFC, but for mpart01, whose signature (a binary body part) and
 * Identity are replaced by shorter ones that test the same: NUL, CR and LF inside a body of the stated length. */
#include <stdio.h>

#include "codec/sip/digest.h"
#include "codec/sip/judge.h"
#include "codec/sip/sip_testkit.h"

enum { FILE_BYTES_MAX = 256 * 1024 };

/* What the platform serves (doc/gb28181.md). */
static const char *const no_extensions[] = {NULL};
static const char *const types[] = {"application/sdp", "application/manscdp+xml", "application/mansrtsp",
                                    NULL};
static const struct hf_sip_policy policy = {
    .methods = 1u << HF_SIP_REGISTER | 1u << HF_SIP_MESSAGE | 1u << HF_SIP_INVITE | 1u << HF_SIP_ACK |
               1u << HF_SIP_BYE | 1u << HF_SIP_CANCEL | 1u << HF_SIP_INFO | 1u << HF_SIP_SUBSCRIBE |
               1u << HF_SIP_NOTIFY | 1u << HF_SIP_OPTIONS,
    .extensions = no_extensions,
    .types = types,
    .offer_needs_sdp = true,
};

static struct hf_slice load_file(const char *name)
{
    static char bytes[FILE_BYTES_MAX];
    char path[512];
    FILE *file;
    size_t count;

    snprintf(path, sizeof(path), "%s/%s", HF_DOC_DIR, name);
    file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("cannot open %s", path);
    count = fread(bytes, 1, sizeof(bytes), file);
    assert_true(count > 0 && count < sizeof(bytes));
    fclose(file);
    return (struct hf_slice){bytes, count};
}

static struct hf_slice load(const char *name)
{
    char path[64];

    snprintf(path, sizeof(path), "../test/fuzz/sip_msg/%s", name);
    return load_file(path);
}

/* problem: what the parser says. verdict: what hf_sip_judge says. */
static const struct {
    const char *name, *problem;
    unsigned verdict;
} rows[] = {
    /* 3.1.1 valid */
    {"wsinv", "none", HF_SIP_TAKE},
    {"intmeth", "none", 501},
    {"esc01", "none", HF_SIP_TAKE},
    {"escnull", "none", HF_SIP_TAKE},
    {"esc02", "none", 501}, /* an escaped REGISTER is no REGISTER */
    {"lwsdisp", "none", HF_SIP_TAKE},
    {"longreq", "none", HF_SIP_TAKE},
    {"dblreq", "none", HF_SIP_TAKE},
    {"semiuri", "none", HF_SIP_TAKE},
    {"transports", "none", HF_SIP_TAKE},
    {"mpart01", "none", 415}, /* well formed; but multipart is not among our types */
    {"unreason", "none", HF_SIP_TAKE},
    {"noreason", "none", HF_SIP_TAKE},
    /* 3.1.2 invalid */
    {"badinv01", "bad_via", 400},
    {"clerr", "body_cut", 400},
    {"ncl", "bad_content_length", 400},
    {"scalar02", "bad_cseq", 400},
    {"scalarlg", "bad_cseq", HF_SIP_DROP},
    {"quotbal", "bad_to", 400},
    {"ltgtruri", "bad_request_uri", 400},
    {"lwsruri", "bad_start_line", 400},
    {"lwsstart", "bad_start_line", 400},
    {"trws", "bad_start_line", 400},
    {"escruri", "none",
     HF_SIP_TAKE}, /* "should be rejected with 400 ..., or be ignored": the escaped Route is ignored */
    {"baddate", "none", HF_SIP_TAKE},  /* the Date is not ours to read */
    {"regbadct", "none", HF_SIP_TAKE}, /* liberal: the escaped header belongs to the URI */
    {"badaspec", "bad_to", 400},
    {"baddn", "bad_from", 400},
    {"badvers", "bad_version", 505},
    {"mismatch01", "cseq_mismatch", 400},
    {"mismatch02", "cseq_mismatch", 400},
    {"bigcode", "bad_status", HF_SIP_DROP},
    /* 3.2 transactions */
    {"badbranch", "none", HF_SIP_TAKE},
    /* 3.3 application */
    {"insuf", "from_missing", 400},
    {"unkscm", "none", 416},
    {"novelsc", "none", 416},
    {"unksm2", "none", HF_SIP_TAKE},
    {"bext01", "none", 420},
    {"invut", "none", 415},
    {"regaut01", "none", HF_SIP_TAKE}, /* 401: no credentials that digest.h can read, see below */
    {"multi01", "header_repeated", 400},
    {"mcl01", "header_repeated", 400},
    {"bcast", "none", HF_SIP_DROP},
    {"zeromf", "none", HF_SIP_TAKE}, /* 483 only from who would forward it */
    {"cparam01", "none", HF_SIP_TAKE},
    {"cparam02", "none", HF_SIP_TAKE},
    {"regescrt", "none", HF_SIP_TAKE},
    {"sdp01", "none", 406},
    /* 3.4 RFC 2543 */
    {"inv2543", "none", HF_SIP_TAKE},
};
_Static_assert(HF_COUNT_OF(rows) == 49, "RFC 4475 has 49 messages");

static void each_is_judged_as_the_rfc_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_sip_msg msg;
        hf_err err = parse_copy(load(rows[i].name), false, NULL, &msg);
        const struct hf_sip_problem_info *info = hf_sip_problem_info((enum hf_sip_problem)msg.problem);

        if (strcmp(info->name, rows[i].problem) != 0)
            fail_msg("%s: %s, not %s", rows[i].name, info->name, rows[i].problem);
        assert_int_equal(err, hf_sip_problem_err((enum hf_sip_problem)msg.problem));
        if (hf_sip_judge(&msg, &policy) != rows[i].verdict)
            fail_msg("%s: %u, not %u", rows[i].name, hf_sip_judge(&msg, &policy), rows[i].verdict);
    }
}

/* Whatever we answer is a response that we would take, to the same transaction. */
static void each_answer_is_well_formed(void **state)
{
    static char text[FILE_BYTES_MAX];

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_sip_msg msg, answer;
        struct hf_sb sb;
        struct hf_sip_reply reply = {.status = rows[i].verdict == HF_SIP_TAKE ? 200 : rows[i].verdict,
                                     .to_tag = HF_SLICE("mine"),
                                     .received = HF_SLICE("198.51.100.7"),
                                     .received_port = 41022,
                                     .force_rport = true};

        parse_copy(load(rows[i].name), false, NULL, &msg);
        hf_sb_init(&sb, text, sizeof(text));
        if (msg.kind == HF_SIP_RESPONSE) {
            reply.status = 400;
            assert_int_equal(hf_sip_write_reply(&sb, &msg, &reply), HF_ERR_INVALID);
            continue;
        }
        assert_int_equal(hf_sip_write_judgement(&sb, &msg, &reply, &policy), HF_OK);
        if (msg.problem != HF_SIP_NO_PROBLEM)
            continue; /* what was wrong is copied; it must only have been possible */
        assert_int_equal(parse_copy(hf_sb_done(&sb), true, NULL, &answer), HF_OK);
        assert_int_equal(answer.status, reply.status);
        assert_int_equal(answer.via.rport_value, 41022);
        assert_true(hf_slice_is(answer.via.received, "198.51.100.7"));
        assert_true(answer.to.tag.bytes > 0);
        assert_int_equal(hf_sip_has(&answer, HF_SIP_ALLOW), reply.status == 501);
        assert_int_equal(hf_sip_has(&answer, HF_SIP_UNSUPPORTED), reply.status == 420);
        assert_int_equal(hf_sip_has(&answer, HF_SIP_ACCEPT), reply.status == 415);
    }
}

static struct hf_sip_msg *parse(const char *name)
{
    static struct hf_sip_msg msg;

    assert_int_equal(parse_copy(load(name), false, NULL, &msg), HF_OK);
    return &msg;
}

static void what_each_valid_one_is_about(void **state)
{
    struct hf_sip_values values;
    struct hf_sip_contact contact;
    struct hf_sip_msg *msg;
    struct hf_slice value;
    char text[256];
    unsigned count = 0;

    (void)state;
    msg = parse("wsinv");
    assert_int_equal(msg->max_forwards, 68);
    assert_int_equal(msg->cseq.number, 9);
    assert_true(hf_slice_is(msg->to.tag, "1918181833n"));
    assert_true(hf_slice_is(msg->from.tag, "98asjd8"));
    assert_true(hf_slice_is(msg->from.display, "\"J Rosenberg \\\\\\\"\""));
    assert_true(hf_slice_is(msg->via.branch, "390skdjuw") && !msg->via.has_cookie);
    assert_true(hf_sip_value(msg, HF_SIP_SUBJECT).at != NULL && hf_sip_value(msg, HF_SIP_SUBJECT).bytes == 0);
    assert_true(
        hf_slice_is(hf_sip_find(msg, HF_SLICE("unknownheaderwithunusualvalue"), NULL)->value, ";;,,;;,;"));
    assert_int_equal(msg->body.bytes, 150);
    values = hf_sip_values(msg, HF_SIP_VIA);
    while (hf_sip_values_next(&values, &value)) {
        struct hf_sip_via via;

        assert_int_equal(hf_sip_parse_via(value, 0, &via, NULL), HF_OK);
        count++;
        if (count == 2)
            assert_true(hf_slice_is(via.host, "spindle.example.com") &&
                        hf_slice_is(via.branch, "z9hG4bK9ikj8"));
        if (count == 3)
            assert_true(hf_slice_is(via.host, "192.168.255.111") && hf_slice_is(via.branch, "z9hG4bK30239"));
    }
    assert_int_equal(count, 3);
    values = hf_sip_values(msg, HF_SIP_CONTACT);
    assert_int_equal(hf_sip_contact_next(&values, 0, &contact, NULL), HF_OK);
    assert_true(hf_slice_is(hf_sip_param(contact.address.params, "newparam", NULL), "newvalue"));
    assert_true(hf_slice_is(hf_sip_param(contact.address.params, "q", NULL), "0.33"));
    assert_int_equal(hf_sip_contact_next(&values, 0, &contact, NULL), HF_ERR_NOT_FOUND);

    msg = parse("intmeth");
    assert_true(hf_slice_is(msg->uri.host, "example.com"));
    assert_true(hf_slice_is(msg->uri.password, "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"));
    assert_int_equal(hf_sip_unquote(msg->to.display, text, sizeof(text), &value), HF_OK);
    assert_true(hf_slice_eq(value, HF_SLICE("BEL:\x07 NUL:\0 DEL:\x7f")));
    assert_true(hf_slice_is(msg->from.display, "token1~` token2'+_ token3*%!.-"));

    msg = parse("esc01");
    assert_int_equal(hf_sip_unescape(msg->uri.user, text, sizeof(text), &value), HF_OK);
    assert_true(hf_slice_is(value, "sips:user@example.com"));
    assert_int_equal(hf_sip_unescape(msg->to.uri.user, text, sizeof(text), &value), HF_OK);
    assert_true(hf_slice_is(value, "user"));

    msg = parse("escnull"); /* two contacts, neither of them empty */
    values = hf_sip_values(msg, HF_SIP_CONTACT);
    assert_int_equal(hf_sip_contact_next(&values, 0, &contact, NULL), HF_OK);
    assert_int_equal(hf_sip_unescape(contact.address.uri.user, text, sizeof(text), &value), HF_OK);
    assert_true(hf_slice_is(value, "%00"));
    assert_int_equal(hf_sip_contact_next(&values, 0, &contact, NULL), HF_OK);
    assert_true(hf_slice_is(contact.address.uri.user, "%00%00"));

    msg = parse("esc02"); /* C%6Fntact is no Contact */
    assert_int_equal(msg->headers[msg->first[HF_SIP_CONTACT] - 1].next, 9);
    assert_true(hf_slice_is(parse("lwsdisp")->from.display, "caller"));
    msg = parse("dblreq");
    assert_int_equal(msg->body.bytes, 0);
    assert_int_equal(msg->rest.bytes, 448);
    assert_true(hf_slice_is(parse("semiuri")->uri.user, "user;par=u%40example.net"));
    msg = parse("mpart01");
    assert_non_null(memchr(msg->body.at, '\0', msg->body.bytes));
    assert_int_equal(msg->body.bytes, msg->content_length);
    assert_true(hf_slice_is(hf_sip_content_type(msg), "multipart/mixed"));
    assert_int_equal(parse("unreason")->reason.bytes, 74);
    assert_int_equal(parse("noreason")->reason.bytes, 0);
    assert_false(parse("badbranch")->via.has_cookie);
    assert_int_equal(parse("unksm2")->to.uri.scheme, HF_SIP_SCHEME_OTHER);
    assert_int_equal(parse("zeromf")->max_forwards, 0);
    assert_int_equal(parse("regbadct")->tolerated, 0); /* Contact is read when asked for */
    values = hf_sip_values(parse("cparam01"), HF_SIP_CONTACT);
    assert_int_equal(hf_sip_contact_next(&values, 0, &contact, NULL), HF_OK);
    assert_null(contact.address.uri.params.at);
    assert_true(hf_slice_is(contact.address.params, "unknownparam"));
    values = hf_sip_values(parse("cparam02"), HF_SIP_CONTACT);
    assert_int_equal(hf_sip_contact_next(&values, 0, &contact, NULL), HF_OK);
    assert_true(hf_slice_is(contact.address.uri.params, "unknownparam"));
    values = hf_sip_values(parse("regescrt"), HF_SIP_CONTACT);
    assert_int_equal(hf_sip_contact_next(&values, 0, &contact, NULL), HF_OK);
    assert_true(hf_slice_is(contact.address.uri.headers, "Route=%3Csip:sip.example.com%3E"));
    assert_int_equal(parse("inv2543")->body.bytes, 105); /* no Content-Length: to the end of the datagram */
}

static void an_unknown_scheme_of_credentials_is_none(void **state)
{
    struct hf_sip_credentials credentials;

    (void)state;
    assert_int_equal(hf_sip_credentials(parse("regaut01"), &credentials), HF_ERR_NOT_FOUND);
}

static void in_document(struct hf_slice document, const char *row)
{
    if (memmem(document.at, document.bytes, row, strlen(row)) == NULL)
        fail_msg("doc/gb28181.md has no row %s", row);
}

static void the_document_lists_them_all(void **state)
{
    struct hf_slice document = load_file("gb28181.md");
    char row[512];

    (void)state;
    for (unsigned bit = 0; bit < HF_SIP_TOLERANCES; bit++) {
        const struct hf_sip_tolerance_info *info = hf_sip_tolerance_info(bit);

        snprintf(row, sizeof(row), "\n| `%s` | %s | %s |\n", info->name, info->by_default ? "on" : "off",
                 info->text);
        in_document(document, row);
    }
    for (unsigned problem = 1; problem < HF_SIP_PROBLEMS; problem++) {
        const struct hf_sip_problem_info *info = hf_sip_problem_info((enum hf_sip_problem)problem);

        snprintf(row, sizeof(row), "\n| `%s` | %u | %s |\n", info->name, info->status, info->text);
        in_document(document, row);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_judged_as_the_rfc_says),
        cmocka_unit_test(each_answer_is_well_formed),
        cmocka_unit_test(what_each_valid_one_is_about),
        cmocka_unit_test(an_unknown_scheme_of_credentials_is_none),
        cmocka_unit_test(the_document_lists_them_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
