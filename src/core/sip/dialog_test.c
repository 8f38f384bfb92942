#include "core/sip/dialog.h"

#include "core/sip/tx_testkit.h"

static struct hf_sip_keep keep;
static struct hf_sip_dialog dialog;
static const struct hf_sip_via_out via = {.transport = HF_SIP_UDP,
                                          .host = {"198.51.100.5", 12},
                                          .port = 5060,
                                          .branch = {"z9hG4bKb", 8},
                                          .rport = true};
static const struct hf_slice contact = {"sip:me@198.51.100.5:5060", 24};

#define INVITE_TEXT                                                                                      \
    "INVITE sip:34020000001320000001@192.0.2.10:5060 SIP/2.0\r\nVia: SIP/2.0/UDP "                       \
    "198.51.100.5;branch=z9hG4bKa\r\n"                                                                   \
    "From: <sip:me@3402000000>;tag=mine\r\nTo: <sip:34020000001320000001@3402000000>\r\nCall-ID: c1\r\n" \
    "CSeq: 7 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:me@198.51.100.5>\r\nContent-Length: 0\r\n\r\n"

/* An answer to it. */
static struct hf_sip_msg answer(char *text, unsigned status, const char *tag, const char *more)
{
    (void)snprintf(text, KIT_TEXT_MAX,
                   "SIP/2.0 %u x\r\nVia: SIP/2.0/UDP 198.51.100.5;branch=z9hG4bKa\r\nFrom: "
                   "<sip:me@3402000000>;tag=mine\r\n"
                   "To: <sip:34020000001320000001@3402000000>%s%s\r\nCall-ID: c1\r\nCSeq: 7 "
                   "INVITE\r\n%sContent-Length: 0\r\n\r\n",
                   status, tag[0] ? ";tag=" : "", tag, more);
    return kit_parse(text);
}

/* A request within the dialog, from the other side. */
static struct hf_sip_msg request(char *text, const char *method, unsigned cseq, const char *from_tag,
                                 const char *to_tag, const char *more)
{
    (void)snprintf(text, KIT_TEXT_MAX,
                   "%s sip:me@198.51.100.5 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKc\r\n"
                   "From: <sip:34020000001320000001@3402000000>;tag=%s\r\nTo: "
                   "<sip:me@3402000000>%s%s\r\nCall-ID: c1\r\n"
                   "CSeq: %u %s\r\nMax-Forwards: 70\r\n%sContent-Length: 0\r\n\r\n",
                   method, from_tag, to_tag[0] ? ";tag=" : "", to_tag, cseq, method, more);
    return kit_parse(text);
}

static int setup(void **state)
{
    (void)state;
    dialog = (struct hf_sip_dialog){0};
    return hf_sip_keep_init(&keep, 1 << 20) == HF_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    hf_sip_dialog_end(&dialog);
    hf_sip_keep_deinit(&keep);
    return 0;
}

static void expect_written(enum hf_sip_method method, const char *want)
{
    char text[KIT_TEXT_MAX];
    struct hf_sb sb;

    hf_sb_init(&sb, text, sizeof(text));
    assert_int_equal(hf_sip_dialog_write(&dialog, &sb, method, &via,
                                         method == HF_SIP_ACK ? (struct hf_slice){0} : contact),
                     HF_OK);
    assert_string_equal(text, want);
}

#define VIA_OUT "Via: SIP/2.0/UDP 198.51.100.5:5060;rport;branch=z9hG4bKb\r\nMax-Forwards: 70\r\n"
#define IDS_OUT                                                                                           \
    "From: <sip:me@3402000000>;tag=mine\r\nTo: <sip:34020000001320000001@3402000000>;tag=d1\r\nCall-ID: " \
    "c1\r\n"
#define CONTACT_OUT "Contact: <sip:me@198.51.100.5:5060>\r\n"

static void who_asked(void **state)
{
    struct hf_sip_msg invite = kit_parse(INVITE_TEXT);
    char text[KIT_TEXT_MAX];
    struct hf_sip_msg msg;

    (void)state;
    msg = answer(text, 100, "d1", "");
    assert_int_equal(hf_sip_dialog_uac(&dialog, &keep, &invite, &msg), HF_ERR_NOT_FOUND);
    msg = answer(text, 180, "", "");
    assert_int_equal(hf_sip_dialog_uac(&dialog, &keep, &invite, &msg), HF_ERR_NOT_FOUND);
    msg = answer(text, 486, "d1", "");
    assert_int_equal(hf_sip_dialog_uac(&dialog, &keep, &invite, &msg), HF_ERR_NOT_FOUND);
    assert_int_equal(dialog.state, HF_SIP_DIALOG_NONE);
    msg = answer(text, 180, "d1", "");
    assert_int_equal(hf_sip_dialog_uac(&dialog, &keep, &invite, &msg), HF_OK);
    assert_int_equal(dialog.state, HF_SIP_DIALOG_EARLY);
    assert_int_equal(dialog.tolerated, 0);
    msg = answer(text, 200, "d1",
                 "Record-Route: <sip:p2;lr>, <sip:p1;lr>\r\nContact: <sip:cam@192.0.2.10:5060>\r\n");
    assert_int_equal(hf_sip_dialog_uac(&dialog, &keep, &invite, &msg), HF_OK);
    assert_int_equal(dialog.state, HF_SIP_DIALOG_CONFIRMED);
    assert_true(hf_sip_dialog_is(&dialog, &msg));
    memset(text, 'x', sizeof(text)); /* nothing of the message is kept */
    expect_written(HF_SIP_ACK, "ACK sip:cam@192.0.2.10:5060 SIP/2.0\r\n" VIA_OUT
                               "Route: <sip:p1;lr>\r\nRoute: <sip:p2;lr>\r\n" IDS_OUT "CSeq: 7 ACK\r\n");
    expect_written(HF_SIP_INFO,
                   "INFO sip:cam@192.0.2.10:5060 SIP/2.0\r\n" VIA_OUT
                   "Route: <sip:p1;lr>\r\nRoute: <sip:p2;lr>\r\n" IDS_OUT "CSeq: 8 INFO\r\n" CONTACT_OUT);
    expect_written(HF_SIP_INVITE,
                   "INVITE sip:cam@192.0.2.10:5060 SIP/2.0\r\n" VIA_OUT
                   "Route: <sip:p1;lr>\r\nRoute: <sip:p2;lr>\r\n" IDS_OUT "CSeq: 9 INVITE\r\n" CONTACT_OUT);
    expect_written(HF_SIP_ACK, "ACK sip:cam@192.0.2.10:5060 SIP/2.0\r\n" VIA_OUT
                               "Route: <sip:p1;lr>\r\nRoute: <sip:p2;lr>\r\n" IDS_OUT "CSeq: 9 ACK\r\n");
    expect_written(HF_SIP_BYE,
                   "BYE sip:cam@192.0.2.10:5060 SIP/2.0\r\n" VIA_OUT
                   "Route: <sip:p1;lr>\r\nRoute: <sip:p2;lr>\r\n" IDS_OUT "CSeq: 10 BYE\r\n" CONTACT_OUT);
}

static void a_strict_route(void **state) /* 12.2.1.1 */
{
    struct hf_sip_msg invite = kit_parse(INVITE_TEXT);
    char text[KIT_TEXT_MAX];
    struct hf_sip_msg msg =
        answer(text, 200, "d1", "Record-Route: <sip:p2;lr>, <sip:p1>\r\nContact: <sip:cam@192.0.2.10>\r\n");

    (void)state;
    assert_int_equal(hf_sip_dialog_uac(&dialog, &keep, &invite, &msg), HF_OK);
    expect_written(HF_SIP_BYE, "BYE sip:p1 SIP/2.0\r\n" VIA_OUT
                               "Route: <sip:p2;lr>\r\nRoute: <sip:cam@192.0.2.10>\r\n" IDS_OUT
                               "CSeq: 8 BYE\r\n" CONTACT_OUT);
}

static void what_the_field_leaves_out(void **state)
{
    struct hf_sip_msg invite = kit_parse(INVITE_TEXT);
    char text[KIT_TEXT_MAX];
    struct hf_sip_msg msg = answer(text, 200, "", "");

    (void)state;
    assert_int_equal(hf_sip_dialog_uac(&dialog, &keep, &invite, &msg), HF_OK);
    assert_int_equal(dialog.tolerated, HF_SIP_DIALOG_NO_CONTACT | HF_SIP_DIALOG_NO_TAG);
    expect_written(HF_SIP_BYE,
                   "BYE sip:34020000001320000001@192.0.2.10:5060 SIP/2.0\r\n" VIA_OUT
                   "From: <sip:me@3402000000>;tag=mine\r\nTo: <sip:34020000001320000001@3402000000>\r\n"
                   "Call-ID: c1\r\nCSeq: 8 BYE\r\n" CONTACT_OUT);
}

static void answers_that_cannot_be_taken(void **state)
{
    static const struct {
        const char *more;
        hf_err want;
    } rows[] = {
        {"Contact: *\r\n", HF_ERR_MALFORMED},
        {"Contact: <sip:a\r\n", HF_ERR_MALFORMED},
        {"Record-Route: <sip:p\r\n", HF_ERR_MALFORMED},
        {"Record-Route: <sip:1>,<sip:2>,<sip:3>,<sip:4>,<sip:5>,<sip:6>,<sip:7>,<sip:8>,<sip:9>\r\n",
         HF_ERR_LIMIT},
        {"Record-Route: <sip:1>,<sip:2>,<sip:3>,<sip:4>,<sip:5>,<sip:6>,<sip:7>,<sip:8>\r\n", HF_OK},
    };
    struct hf_sip_msg invite = kit_parse(INVITE_TEXT);
    char text[KIT_TEXT_MAX], big[2 * HF_SIP_DIALOG_BYTES_MAX], uri[HF_SIP_DIALOG_BYTES_MAX];
    struct hf_sip_msg msg;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_sip_dialog other = {0};

        msg = answer(text, 200, "d1", rows[i].more);
        assert_int_equal(hf_sip_dialog_uac(&other, &keep, &invite, &msg), rows[i].want);
        assert_int_equal(other.state == HF_SIP_DIALOG_NONE, rows[i].want != HF_OK);
        hf_sip_dialog_end(&other);
    }
    memset(uri, 'u', sizeof(uri));
    (void)snprintf(big, sizeof(big),
                   "SIP/2.0 200 x\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKa\r\nFrom: <sip:me@h>;tag=m\r\nTo: "
                   "<sip:a@h>;tag=d\r\n"
                   "Call-ID: c\r\nCSeq: 7 INVITE\r\nContact: <sip:%.*s@h>\r\nContent-Length: 0\r\n\r\n",
                   HF_SIP_DIALOG_BYTES_MAX - 16, uri);
    msg = kit_parse(big);
    assert_int_equal(hf_sip_dialog_uac(&dialog, &keep, &invite, &msg), HF_ERR_LIMIT);
    keep.bytes_max = keep.bytes;
    msg = answer(text, 200, "d1", "");
    assert_int_equal(hf_sip_dialog_uac(&dialog, &keep, &invite, &msg), HF_ERR_NOMEM);
    assert_int_equal(dialog.state, HF_SIP_DIALOG_NONE);
}

static void requests_within_it(void **state)
{
    static const struct {
        const char *method;
        unsigned cseq;
        const char *from_tag, *to_tag, *more;
        hf_err want;
        const char *target;
    } rows[] = {
        {"NOTIFY", 5, "d1", "mine", "Contact: <sip:new@h>\r\n", HF_OK, "sip:new@h"},
        {"NOTIFY", 5, "d1", "mine", "", HF_OK, "sip:new@h"}, /* the same number, by another transaction */
        {"BYE", 4, "d1", "mine", "", HF_ERR_CONFLICT, "sip:new@h"},
        {"INFO", 6, "d1", "mine", "Contact: <sip:no@h>\r\n", HF_OK, "sip:new@h"}, /* moves nothing */
        {"INVITE", 7, "d1", "mine", "Contact: <sip:more@h>\r\n", HF_OK, "sip:more@h"},
        {"ACK", 2, "d1", "mine", "Contact: <sip:no@h>\r\n", HF_OK, "sip:more@h"},
        {"BYE", 8, "d2", "mine", "", HF_ERR_NOT_FOUND, "sip:more@h"},
        {"BYE", 8, "d1", "other", "", HF_ERR_NOT_FOUND, "sip:more@h"},
        {"UPDATE", 8, "d1", "mine", "Contact: *\r\n", HF_ERR_MALFORMED, "sip:more@h"},
        {"BYE", 7, "d1", "mine", "", HF_OK, "sip:more@h"}, /* what was refused left no number */
        {"BYE", 4000000000, "d1", "mine", "", HF_OK, "sip:more@h"},
    };
    struct hf_sip_msg invite = kit_parse(INVITE_TEXT);
    char text[KIT_TEXT_MAX];
    struct hf_sip_msg msg = answer(text, 200, "d1", "Record-Route: <sip:p1;lr>\r\nContact: <sip:cam@h>\r\n");

    (void)state;
    assert_int_equal(hf_sip_dialog_uac(&dialog, &keep, &invite, &msg), HF_OK);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        msg = request(text, rows[i].method, rows[i].cseq, rows[i].from_tag, rows[i].to_tag, rows[i].more);
        if (hf_sip_dialog_receive(&dialog, &msg) != rows[i].want)
            fail_msg("row %zu", i);
        assert_true(hf_slice_is(hf_sip_dialog_target(&dialog), rows[i].target));
    }
    msg = answer(text, 200, "d1", "Contact: <sip:last@h>\r\n"); /* to a re-INVITE of ours */
    assert_int_equal(hf_sip_dialog_refreshed(&dialog, &msg), HF_OK);
    assert_true(hf_slice_is(hf_sip_dialog_target(&dialog), "sip:last@h"));
    /* The first answer once more takes nothing back. */
    msg = answer(text, 200, "d1", "Contact: <sip:cam@h>\r\n");
    assert_int_equal(hf_sip_dialog_uac(&dialog, &keep, &invite, &msg), HF_OK);
    assert_true(hf_slice_is(hf_sip_dialog_target(&dialog), "sip:last@h"));
    expect_written(HF_SIP_BYE, "BYE sip:last@h SIP/2.0\r\n" VIA_OUT "Route: <sip:p1;lr>\r\n" IDS_OUT
                               "CSeq: 8 BYE\r\n" CONTACT_OUT);
}

static void who_was_asked(void **state)
{
    char text[KIT_TEXT_MAX], out[KIT_TEXT_MAX];
    struct hf_sip_msg msg = request(text, "INVITE", 3, "d1", "",
                                    "Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\nContact: <sip:up@h>\r\n");
    struct hf_sb sb;

    (void)state;
    assert_int_equal(hf_sip_dialog_uas(&dialog, &keep, &msg, HF_SLICE("mine"), false), HF_OK);
    assert_int_equal(dialog.state, HF_SIP_DIALOG_EARLY);
    hf_sb_init(&sb, out, sizeof(out));
    assert_int_equal(hf_sip_dialog_write(&dialog, &sb, HF_SIP_ACK, &via, contact), HF_ERR_CONFLICT);
    hf_sip_dialog_confirm(&dialog);
    assert_int_equal(hf_sip_dialog_write(&dialog, &sb, HF_SIP_ACK, &via, contact),
                     HF_ERR_CONFLICT); /* it never invited */
    assert_int_equal(hf_sip_dialog_write(&dialog, &sb, HF_SIP_CANCEL, &via, contact), HF_ERR_CONFLICT);
    assert_int_equal(hf_sip_dialog_write(&dialog, &sb, HF_SIP_REGISTER, &via, contact), HF_ERR_CONFLICT);
    expect_written(HF_SIP_BYE,
                   "BYE sip:up@h SIP/2.0\r\n" VIA_OUT "Route: <sip:p1;lr>\r\nRoute: <sip:p2;lr>\r\n" IDS_OUT
                   "CSeq: 1 BYE\r\n" CONTACT_OUT);
    msg = request(text, "BYE", 2, "d1", "mine", "");
    assert_int_equal(hf_sip_dialog_receive(&dialog, &msg), HF_ERR_CONFLICT); /* below its INVITE */
    dialog.local_cseq = INT32_MAX;
    assert_int_equal(hf_sip_dialog_write(&dialog, &sb, HF_SIP_BYE, &via, contact), HF_ERR_LIMIT);
    hf_sip_dialog_end(&dialog);
    assert_int_equal(hf_sip_dialog_write(&dialog, &sb, HF_SIP_BYE, &via, contact), HF_ERR_CONFLICT);
    msg = request(text, "INVITE", 3, "d1", "", "");
    assert_int_equal(hf_sip_dialog_uas(&dialog, &keep, &msg, HF_SLICE("mine"), true),
                     HF_ERR_MALFORMED); /* no Contact */
}

static void a_notify_that_is_faster_than_the_answer(void **state)
{
    static const char subscribe_text[] =
        "SUBSCRIBE sip:cam@192.0.2.10 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.5;branch=z9hG4bKa\r\n"
        "From: <sip:me@3402000000>;tag=mine\r\nTo: <sip:34020000001320000001@3402000000>\r\nCall-ID: c1\r\n"
        "CSeq: 7 SUBSCRIBE\r\nMax-Forwards: 70\r\nContact: <sip:me@198.51.100.5>\r\nContent-Length: "
        "0\r\n\r\n";
    struct hf_sip_msg subscribe = kit_parse(subscribe_text), msg;
    char text[KIT_TEXT_MAX];

    (void)state;
    msg = request(text, "NOTIFY", 1, "d1", "other", "Contact: <sip:cam@h>\r\n");
    assert_int_equal(hf_sip_dialog_notified(&dialog, &keep, &subscribe, &msg), HF_ERR_NOT_FOUND);
    msg = request(text, "NOTIFY", 1, "d1", "mine", "Contact: <sip:cam@h>\r\n");
    assert_int_equal(hf_sip_dialog_notified(&dialog, &keep, &subscribe, &msg), HF_OK);
    assert_int_equal(dialog.state, HF_SIP_DIALOG_CONFIRMED);
    assert_int_equal(hf_sip_dialog_receive(&dialog, &msg), HF_OK);
    msg = answer(text, 200, "d1", ""); /* now the answer */
    assert_int_equal(hf_sip_dialog_uac(&dialog, &keep, &subscribe, &msg), HF_OK);
    msg = answer(text, 200, "d2", "");
    assert_int_equal(hf_sip_dialog_uac(&dialog, &keep, &subscribe, &msg), HF_ERR_CONFLICT);
    msg = request(text, "NOTIFY", 1, "d2", "mine", "Contact: <sip:cam@h>\r\n");
    assert_int_equal(hf_sip_dialog_notified(&dialog, &keep, &subscribe, &msg), HF_ERR_CONFLICT);
    expect_written(HF_SIP_SUBSCRIBE,
                   "SUBSCRIBE sip:cam@h SIP/2.0\r\n" VIA_OUT IDS_OUT "CSeq: 8 SUBSCRIBE\r\n" CONTACT_OUT);
}

static void a_second_dialog_of_one_invite_is_refused(void **state)
{
    struct hf_sip_msg first, second, asked, sent;
    char text[KIT_TEXT_MAX];

    (void)state;
    kit_begin(HF_SIP_UDP, NULL);
    kit_run("ask:INVITE rsp:200");
    asked = kit_parse(kit.asked);
    first = answer(text, 200, "d1", "");
    assert_int_equal(hf_sip_dialog_uac(&dialog, &keep, &asked, &first), HF_OK);
    second = answer(text, 200, "d2", "Record-Route: <sip:p1;lr>\r\nContact: <sip:cam2@h>\r\n");
    assert_int_equal(hf_sip_dialog_uac(&dialog, &keep, &asked, &second), HF_ERR_CONFLICT);
    hf_sb_init(&kit.log, kit.log_text, sizeof(kit.log_text));
    assert_int_equal(hf_sip_dialog_refuse(kit.layer, &keep, &kit.flow, &second, &via, kit.now_ms), HF_OK);
    kit_expect("> ACK, > BYE");
    sent = kit_parse(kit.sent);
    assert_true(hf_slice_is(sent.to.tag, "d2"));
    assert_true(hf_slice_is(sent.uri.text, "sip:cam2@h"));
    assert_int_equal(sent.cseq.number, 8);
    assert_true(sent.via.has_cookie);
    assert_true(hf_slice_is(hf_sip_dialog_remote_tag(&dialog), "d1"));
    kit_pass(600); /* the BYE is repeated by itself, and told to nobody */
    kit_expect("> BYE");
    kit_end();
}

/* Whatever its Contact and Record-Route say, it is acknowledged and ended (13.2.2.4): To is the target then. */
static void what_cannot_be_read_is_refused_all_the_same(void **state)
{
    static const char *const rows[] = {
        "Contact: *\r\n",
        "Contact: nonsense\r\n",
        "Contact: <sip:cam@h>\r\nRecord-Route: nonsense\r\n",
        "Contact: <sip:cam@h>\r\nRecord-Route: "
        "<sip:1>,<sip:2>,<sip:3>,<sip:4>,<sip:5>,<sip:6>,<sip:7>,<sip:8>,<sip:9>\r\n",
    };
    struct hf_sip_msg got, sent;
    char text[KIT_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        kit_begin(HF_SIP_UDP, NULL);
        got = answer(text, 200, "d1", rows[i]);
        assert_true(hf_sip_dialog_uac(&dialog, &keep, NULL, &got) != HF_OK);
        assert_int_equal(dialog.state, HF_SIP_DIALOG_NONE);
        assert_int_equal(hf_sip_dialog_refuse(kit.layer, &keep, &kit.flow, &got, &via, kit.now_ms), HF_OK);
        kit_expect("> ACK, > BYE");
        sent = kit_parse(kit.sent);
        assert_true(hf_slice_is(sent.uri.text, "sip:34020000001320000001@3402000000"));
        assert_true(hf_slice_is(sent.to.tag, "d1"));
        kit_end();
    }
}

/* Written down, and taken up by another process. */
static void it_outlives_its_process(void **state)
{
    char text[KIT_TEXT_MAX];
    struct hf_sip_msg msg = answer(text, 200, "d1",
                                   "Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\n"
                                   "Contact: <sip:cam@192.0.2.10:5061>\r\n");
    struct hf_sip_dialog again = {0};
    struct hf_sip_dialog_saved saved;

    (void)state;
    assert_int_equal(hf_sip_dialog_uac(&dialog, &keep, NULL, &msg), HF_OK);
    expect_written(HF_SIP_INFO,
                   "INFO sip:cam@192.0.2.10:5061 SIP/2.0\r\n" VIA_OUT
                   "Route: <sip:p2;lr>\r\nRoute: <sip:p1;lr>\r\n" IDS_OUT "CSeq: 8 INFO\r\n" CONTACT_OUT);
    hf_sip_dialog_save(&dialog, &saved);
    assert_int_equal(hf_sip_dialog_restore(&again, &keep, &saved), HF_OK);
    hf_sip_dialog_end(&dialog);
    dialog = again;
    assert_int_equal(dialog.state, HF_SIP_DIALOG_CONFIRMED);
    expect_written(HF_SIP_BYE,
                   "BYE sip:cam@192.0.2.10:5061 SIP/2.0\r\n" VIA_OUT
                   "Route: <sip:p2;lr>\r\nRoute: <sip:p1;lr>\r\n" IDS_OUT "CSeq: 9 BYE\r\n" CONTACT_OUT);
    msg = request(text, "BYE", 3, "d1", "mine", "");
    assert_int_equal(hf_sip_dialog_receive(&dialog, &msg), HF_OK);
    msg = request(text, "INFO", 2, "d1", "mine", "");
    hf_sip_dialog_save(&dialog, &saved); /* its numbers go on, too */
    memset(&again, 0, sizeof(again));
    assert_int_equal(hf_sip_dialog_restore(&again, &keep, &saved), HF_OK);
    assert_int_equal(hf_sip_dialog_receive(&again, &msg), HF_ERR_CONFLICT);
    hf_sip_dialog_end(&again);
}

static void what_cannot_have_been_is_refused(void **state)
{
    static char large[HF_SIP_DIALOG_BYTES_MAX];
    const struct hf_sip_dialog_saved good = {.call_id = HF_SLICE("c"),
                                             .local_tag = HF_SLICE("a"),
                                             .local_uri = HF_SLICE("sip:a@b"),
                                             .remote_uri = HF_SLICE("sip:c@d"),
                                             .target = HF_SLICE("sip:c@e"),
                                             .routes = {HF_SLICE("<sip:p;lr>")},
                                             .route_count = 1,
                                             .local_cseq = 2,
                                             .invite_cseq = 1};
    struct hf_sip_dialog_saved rows[8];

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        rows[i] = good;
    rows[0].call_id = HF_SLICE("");
    rows[1].local_tag = HF_SLICE("a\r\nX: y");
    rows[2].target = (struct hf_slice){NULL, 0};
    rows[3].routes[0] = HF_SLICE("<");
    rows[4].route_count = HF_SIP_DIALOG_ROUTES_MAX + 1;
    rows[5].local_cseq = UINT32_C(1) << 31;
    rows[6].invite_cseq = 3;
    rows[7].remote_uri = HF_SLICE("sip:\x7f");
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        assert_int_equal(hf_sip_dialog_restore(&dialog, &keep, &rows[i]), HF_ERR_MALFORMED);
        assert_int_equal(dialog.state, HF_SIP_DIALOG_NONE);
    }
    rows[0] = good;
    memset(large, 'x', sizeof(large));
    rows[0].call_id = (struct hf_slice){large, sizeof(large)};
    assert_int_equal(hf_sip_dialog_restore(&dialog, &keep, &rows[0]), HF_ERR_LIMIT);
    assert_int_equal(hf_sip_dialog_restore(&dialog, &keep, &good), HF_OK); /* a peer without a tag */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(a_strict_route, setup, teardown),
        cmocka_unit_test_setup_teardown(what_the_field_leaves_out, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_that_cannot_be_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(requests_within_it, setup, teardown),
        cmocka_unit_test_setup_teardown(who_was_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(a_notify_that_is_faster_than_the_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(a_second_dialog_of_one_invite_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_is_refused_all_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(it_outlives_its_process, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_have_been_is_refused, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
