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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(register_as_cameras_send_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
