/* bench/gb/camera_quirk_test.c - each quirk needs the tolerance whose name it has, and nothing else of a message changes; those of behaviour are seen from the platform. */
#include "bench/gb/camera_parts.h"
#include "bench/gb/camera_testkit.h"
#include "codec/manscdp/xml.h"

#define HEAD(first)                                                                        \
    first "Via: SIP/2.0/UDP 192.0.2.10:5061;rport;branch=z9hG4bKa\r\n"                     \
          "From: <sip:" CAMERA "@" REALM ">;tag=f\r\nTo: <sip:" SERVER "@" REALM ">%s\r\n" \
          "Call-ID: c1\r\nCSeq: 3 %s\r\n%sUser-Agent: x\r\nContent-Length: %zu\r\n\r\n%s"
#define FORWARDS  "Max-Forwards: 70\r\n"
#define KEEPALIVE XML("Notify", "Keepalive", "<Status>OK</Status>")
#define DIGEST                                                                                    \
    "Authorization: Digest username=\"u\",realm=\"r\",nonce=\"n\",uri=\"sip:x\",response=\"" HASH \
    "\",algorithm=MD5,cnonce=\"c\",nc=00000001,qop=auth\r\n"
#define HASH "0123456789abcdef0123456789abcdef"

static char in[8192], out[8192];

static struct hf_slice edited(uint64_t quirks, bool stream, const char *text)
{
    struct hf_sb sb;

    hf_sb_init(&sb, out, sizeof(out));
    hf_cam_quirk_sip(quirks, stream, hf_slice_of(text), &sb);
    assert_false(sb.overflow);
    return hf_sb_done(&sb);
}

enum kind { REGISTER_REQUEST, MESSAGE_REQUEST, DIALOG_REQUEST, ANSWER, KINDS };

static const char *text_of(enum kind kind)
{
    static const struct {
        const char *first, *to, *method, *more, *body;
    } rows[] = {
        [REGISTER_REQUEST] = {"REGISTER sip:" SERVER "@" REALM " SIP/2.0\r\n", "", "REGISTER",
                              FORWARDS "Expires: 3600\r\n" DIGEST, ""},
        [MESSAGE_REQUEST] = {"MESSAGE sip:" SERVER "@" REALM " SIP/2.0\r\n", "", "MESSAGE",
                             FORWARDS "Content-Type: Application/MANSCDP+xml\r\n", KEEPALIVE},
        [DIALOG_REQUEST] = {"BYE sip:" SERVER "@" REALM " SIP/2.0\r\n", ";tag=t", "BYE", FORWARDS, ""},
        [ANSWER] = {"SIP/2.0 200 OK\r\n", ";tag=t", "MESSAGE", "", ""},
    };

    (void)snprintf(in, sizeof(in), HEAD("%s"), rows[kind].first, rows[kind].to, rows[kind].method,
                   rows[kind].more, strlen(rows[kind].body), rows[kind].body);
    return in;
}

/* The tolerances that reading needed, as bits of codec/sip. */
static uint32_t needs(struct hf_slice text, bool stream, enum kind kind)
{
    struct hf_sip_credentials credentials;
    struct hf_sip_msg msg;

    if (hf_sip_parse(text.at, text.bytes, stream, NULL, &msg) != HF_OK)
        fail_msg("%s: %.*s", hf_sip_problem_info(msg.problem)->name, (int)text.bytes, text.at);
    assert_true(hf_slice_is(msg.from.uri.user, CAMERA) || kind == ANSWER);
    assert_true(msg.call_id.bytes >= 2 && memcmp(msg.call_id.at, "c1", 2) == 0);
    if (kind == MESSAGE_REQUEST)
        assert_non_null(memmem(msg.body.at, msg.body.bytes, "</Notify>", 9));
    if (kind != REGISTER_REQUEST)
        return msg.tolerated;
    assert_int_equal(hf_sip_credentials(&msg, &credentials), HF_OK);
    assert_true(hf_slice_is(credentials.response, HASH));
    return msg.tolerated | credentials.tolerated;
}

static void a_quirk_of_sip_needs_its_tolerance(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HF_CAM_QUIRK_INDEX_BOM; i++) {
        uint32_t seen = 0, wanted = 0;

        for (unsigned bit = 0; bit < HF_SIP_TOLERANCES; bit++)
            if (strcmp(hf_sip_tolerance_info(bit)->name, hf_cam_quirk_name(i)) == 0)
                wanted = 1u << bit;
        assert_int_not_equal(wanted, 0);
        for (enum kind kind = 0; kind < KINDS; kind++) {
            uint32_t used = needs(edited(UINT64_C(1) << i, false, text_of(kind)), false, kind);

            if ((used & ~wanted) != 0)
                fail_msg("%s needs %x", hf_cam_quirk_name(i), used);
            seen |= used;
            /* A stream's framing is never broken. */
            used = needs(edited(UINT64_C(1) << i, true, text_of(kind)), true, kind);
            assert_int_equal(used & ~wanted, 0);
        }
        if (seen != wanted)
            fail_msg("%s is not seen", hf_cam_quirk_name(i));
    }
}

static void without_a_quirk_nothing_changes(void **state)
{
    (void)state;
    for (enum kind kind = 0; kind < KINDS; kind++) {
        struct hf_slice text = edited(HF_CAM_QUIRK(BYE), false, text_of(kind));

        assert_true(hf_slice_is(text, in));
    }
}

static void quirks_join(void **state)
{
    uint64_t all = 0;

    (void)state;
    for (unsigned i = 0; i < HF_CAM_QUIRK_INDEX_BOM; i++)
        if (i != HF_CAM_QUIRK_INDEX_NO_MAX_FORWARDS && i != HF_CAM_QUIRK_INDEX_LENGTH_LONG &&
            i != HF_CAM_QUIRK_INDEX_BARE_URI)
            all |= UINT64_C(1) << i;
    uint32_t used = needs(edited(all, false, text_of(MESSAGE_REQUEST)), false, MESSAGE_REQUEST) |
                    needs(edited(all, false, text_of(REGISTER_REQUEST)), false, REGISTER_REQUEST) |
                    needs(edited(all, false, text_of(ANSWER)), false, ANSWER);

    assert_int_equal(__builtin_popcountll(all), __builtin_popcount(used));
}

static void a_quirk_of_bodies_needs_its_tolerance(void **state)
{
    static char scratch[HF_CDP_SCRATCH_BYTES];

    (void)state;
    kit_begin(NULL);
    for (unsigned i = HF_CAM_QUIRK_INDEX_BOM; i <= HF_CAM_QUIRK_INDEX_TWICE; i++) {
        const char *body = i == HF_CAM_QUIRK_INDEX_CHARSET
                               ? XML("Notify", "Keepalive", "<Status>OK</Status><Note>摄像机</Note>")
                               : KEEPALIVE;
        struct hf_cdp_message message;
        bool found = false;
        struct hf_sb sb;

        hf_sb_init(&sb, out, sizeof(out));
        hf_cam_quirk_body(UINT64_C(1) << i, hf_slice_of(body), &sb);
        assert_int_equal(
            hf_cdp_parse(&kit.conv, HF_TEXT_AUTO, hf_sb_done(&sb), scratch, sizeof(scratch), &message),
            HF_OK);
        assert_int_equal(message.command, HF_CDP_CMD_KEEPALIVE);
        assert_true(message.sn.set && message.sn.value == 7 && hf_slice_is(message.device_id, CAMERA));
        assert_int_equal(message.as.keepalive.status, HF_CDP_HEALTH_OK);
        for (unsigned bit = 0; bit < HF_XML_TOLERANCES; bit++)
            found = found || ((message.tolerances >> bit & 1) &&
                              strcmp(hf_xml_tolerance_name(bit), hf_cam_quirk_name(i)) == 0);
        if (!found)
            fail_msg("%s is not seen: %.*s", hf_cam_quirk_name(i), (int)sb.bytes, sb.at);
    }
    kit_end();
}

static void names_its_quirks_and_shows_them(void **state)
{
    (void)state;
    kit_begin(NULL);
    hf_cam_set_quirks(&kit.cam, HF_CAM_QUIRK(LENGTH_REPEATED) | HF_CAM_QUIRK(CASE) | HF_CAM_QUIRK(EDITION));
    kit_register();
    hf_cam_keepalive(&kit.cam);
    kit_request(HF_SIP_MESSAGE);
    assert_true(kit_has("User-Agent: Holdfast camera (length_repeated, name_case, silent_2022)\r\n"));
    assert_true(kit_has("<cmdtype>Keepalive</cmdtype>"));
    assert_int_equal(kit.msg.tolerated, HF_SIP_TOL_LENGTH_REPEATED);
    assert_false(kit_has("X-GB-Ver"));
    kit_end();
}

static void a_digest_with_qop_is_wrong_and_one_without_right(void **state)
{
    static const struct {
        const char *challenge;
        bool proven;
    } rows[] = {{CHALLENGE, false},
                {"WWW-Authenticate: Digest realm=\"" REALM "\",nonce=\"abc\",algorithm=MD5\r\n", true}};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        kit_begin(NULL);
        hf_cam_set_quirks(&kit.cam, HF_CAM_QUIRK(QOP));
        hf_cam_start(&kit.cam);
        kit_request(HF_SIP_REGISTER);
        kit_reply(401, rows[i].challenge);
        kit_request(HF_SIP_REGISTER);
        assert_int_equal(kit_is_proven(), rows[i].proven);
        kit_end();
    }
}

static void date_moves_its_clock(void **state)
{
    static const char *const headers[] = {"Expires: 3600\r\n",
                                          "Expires: 3600\r\nDate: 2026-01-01T08:00:00.000\r\n"};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(headers); i++) {
        kit_begin(NULL);
        hf_cam_set_quirks(&kit.cam, HF_CAM_QUIRK(DATE));
        hf_cam_start(&kit.cam);
        kit_request(HF_SIP_REGISTER);
        kit_reply(200, headers[i]);
        hf_cam_alarm(&kit.cam, 1, 5, HF_SLICE("motion"));
        kit_request(HF_SIP_MESSAGE);
        assert_true(kit_has(i == 0 ? "<AlarmTime>2026-01-01T08:00:00" : "<AlarmTime>2026-01-01T16:00:00"));
        kit_end();
    }
}

static void lists_of_quirks(void **state)
{
    static const struct {
        const char *text;
        uint32_t count;
        uint64_t first, last;
        const char *error;
    } rows[] = {
        {"lf_only", 1, HF_CAM_QUIRK(LF_ONLY), HF_CAM_QUIRK(LF_ONLY), NULL},
        {"lf_only+bad_qop,no_via", 2, HF_CAM_QUIRK(LF_ONLY) | HF_CAM_QUIRK(QOP), HF_CAM_QUIRK(NO_VIA), NULL},
        {"all", HF_CAM_QUIRKS, HF_CAM_QUIRK(LF_ONLY), HF_CAM_QUIRK(BYE), NULL},
        {"", 0, 0, 0, "no such quirk: ''"},
        {"lf", 0, 0, 0, "no such quirk: 'lf'"},
        {"lf_only,", 0, 0, 0, "no such quirk: ''"},
        {"lf_only+all", 0, 0, 0, "no such quirk: 'all'"},
    };
    char error[HF_CAM_QUIRK_ERROR_BYTES], many[HF_CAM_QUIRK_SETS_MAX * 8 + 16] = "cdata";
    struct hf_cam_quirks quirks;

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        hf_err err = hf_cam_quirks_parse(rows[i].text, &quirks, error);

        assert_int_equal(err, rows[i].error == NULL ? HF_OK : HF_ERR_INVALID);
        if (rows[i].error != NULL) {
            assert_non_null(strstr(error, rows[i].error));
            continue;
        }
        assert_int_equal(quirks.count, rows[i].count);
        assert_true(quirks.set[0] == rows[i].first && quirks.set[quirks.count - 1] == rows[i].last);
    }
    for (unsigned i = 1; i < HF_CAM_QUIRK_SETS_MAX; i++)
        strcat(many, ",cdata");
    assert_int_equal(hf_cam_quirks_parse(many, &quirks, error), HF_OK);
    strcat(many, ",cdata");
    assert_int_equal(hf_cam_quirks_parse(many, &quirks, error), HF_ERR_INVALID);
    assert_non_null(strstr(error, "more than 64 sets"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quirk_of_sip_needs_its_tolerance),
        cmocka_unit_test(without_a_quirk_nothing_changes),
        cmocka_unit_test(quirks_join),
        cmocka_unit_test(a_quirk_of_bodies_needs_its_tolerance),
        cmocka_unit_test(names_its_quirks_and_shows_them),
        cmocka_unit_test(a_digest_with_qop_is_wrong_and_one_without_right),
        cmocka_unit_test(date_moves_its_clock),
        cmocka_unit_test(lists_of_quirks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
