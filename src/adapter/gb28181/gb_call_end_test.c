/* How sessions end when not everybody agrees: silence, cancels, answers that come too late, devices that leave. */
#include "adapter/gb28181/gb_call_testkit.h"

/* Over in every respect: no session, no SSRC in use, and SIP says nothing more about it. */
static void nothing_is_left(void)
{
    assert_int_equal(kit_stats()->calls_now, 0);
    assert_int_equal(kit_stats()->calls_ringing_now, 0);
    assert_int_equal(kit_stats()->ssrc_used_now, 0);
}

static void silence_names_the_timer(void **state)
{
    (void)state;
    begin();
    command("Play", PLAY);
    read_invite();
    kit_pass(9900);
    assert_false(reply.done);
    kit_pass(200);
    expect("failed {\"confirmed\":false,\"reason\":\"no_answer\",\"timer\":\"setup\",\"limit_ms\":10000,");
    assert_int_equal(drain("CANCEL"), 0); /* not before a provisional answer (RFC 3261 9.1) */
    assert_int_equal(kit_stats()->calls_now, 1);
    assert_int_equal(kit_stats()->ssrc_used_now, 1); /* the device may still begin */
    for (unsigned i = 0; i < 45; i++) {              /* then timer B and, with it, the INVITE are over */
        kit_pass(1000);
        (void)drain("");
    }
    nothing_is_left();
    assert_int_equal(kit_stats()->calls_unanswered, 1);
    end();
}

static void ringing_for_too_long_is_cancelled(void **state)
{
    (void)state;
    begin();
    command("Play", PLAY);
    read_invite();
    answer(180, NULL);
    kit_pass(10100);
    expect("\"timer\":\"setup\"");
    read_method("CANCEL");
    assert_true(hf_slice_eq(kit.msg.via.branch, invite.msg.via.branch));
    kit_reply(200, "OK");
    answer(487, NULL);
    read_method("ACK");
    nothing_is_left();
    end();
}

static void a_first_answer_after_the_end_is_cancelled_then(void **state)
{
    (void)state;
    begin();
    command("Play", PLAY);
    read_invite();
    kit_pass(10100);
    expect("\"timer\":\"setup\"");
    assert_int_equal(drain("CANCEL"), 0);
    answer(100, NULL);
    read_method("CANCEL");
    answer(487, NULL);
    nothing_is_left();
    end();
}

static void a_2xx_that_comes_too_late_gets_ack_and_bye(void **state)
{
    (void)state;
    begin();
    command("Play", PLAY);
    read_invite();
    answer(180, NULL);
    kit_pass(10100);
    expect("\"timer\":\"setup\"");
    read_method("CANCEL");
    answer(200, SDP);
    read_method("ACK");
    read_method("BYE");
    assert_int_equal(kit_stats()->calls_late, 1);
    nothing_is_left();
    answer(200, SDP); /* the ACK was lost */
    read_method("ACK");
    assert_int_equal(drain("BYE"), 0);
    end();
}

static void stop_before_the_answer_is_cancel(void **state)
{
    static struct tk_reply stop;

    (void)state;
    begin();
    command("Play", PLAY);
    read_invite();
    answer(180, NULL);
    kit_command(&stop, CAMERA, "Stop", "{\"channel\":\"" CHANNEL "\"}");
    kit_pass(17);
    read_method("CANCEL");
    kit_pass(17);
    assert_true(reply.done && stop.done);
    assert_non_null(strstr(result(), "failed {\"confirmed\":false,\"reason\":\"stopped\""));
    answer(487, NULL);
    read_method("ACK");
    nothing_is_left();
    end();
}

static void the_ack_is_repeated_with_each_200(void **state)
{
    (void)state;
    begin();
    play();
    for (unsigned i = 0; i < 3; i++) {
        answer(200, SDP);
        read_method("ACK");
    }
    assert_int_equal(kit_stats()->calls_now, 1);
    for (unsigned i = 0; i < 40;
         i++) { /* and even when SIP has forgotten the INVITE: then it is none of ours */
        kit_pass(1000);
        (void)drain("");
    }
    answer(200, SDP);
    read_method("ACK");
    read_method("BYE");
    end();
}

static void another_dialog_of_the_same_invite_is_refused(void **state)
{
    (void)state;
    begin();
    play();
    answer_with(200, "fork", CONTACT, SDP);
    read_method("ACK");
    assert_true(kit_has(";tag=fork"));
    read_method("BYE");
    assert_true(kit_has(";tag=fork"));
    assert_int_equal(kit_stats()->calls_now, 1);
    end();
}

static void who_leaves_takes_the_sessions_along(void **state)
{
    (void)state;
    begin();
    play();
    assert_int_equal(kit_register(CAMERA, 0), 200);
    expect_event("\"by\":\"device\",\"reason\":\"device_offline\"");
    assert_int_equal(drain("BYE"), 0); /* read over while the answer to REGISTER was looked for */
    nothing_is_left();
    end();
}

static void who_leaves_while_it_rings_is_asked_again(void **state)
{
    (void)state;
    begin();
    command("Play", PLAY);
    read_invite();
    answer(180, NULL);
    assert_int_equal(kit_register(CAMERA, 0), 200);
    nothing_is_left();
    kit_pass(17);
    assert_false(reply.done); /* the command waits in the outbox as any other */
    answer(200, SDP);         /* nobody wants it now: a stray */
    read_method("ACK");
    read_method("BYE");
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    kit_pass(100);
    read_invite();
    answer(200, SDP);
    expect("done {\"confirmed\":true");
    end();
}

static void who_registers_elsewhere_has_forgotten(void **state)
{
    (void)state;
    begin();
    play();
    kit.flow = kit_flow(HF_SIP_UDP, 10, 5099); /* another port is a NAT's doing */
    assert_int_equal(kit_keepalive(), 200);
    assert_int_equal(kit_stats()->calls_now, 1);
    kit.flow = kit_flow(HF_SIP_UDP, 77, 5060);
    assert_int_equal(kit_ask(CAMERA, 3600), 401);
    kit_pass(0);
    assert_int_equal(kit_stats()->calls_now, 1); /* a stranger's REGISTER moves nothing */
    assert_int_equal(kit_answer(CAMERA, 3600), 200);
    expect_event("\"reason\":\"device_moved\"");
    nothing_is_left();
    end();
}

static void only_who_was_proven_may_end_it(void **state)
{
    struct hf_sip_flow home;

    (void)state;
    begin();
    play();
    home = kit.flow;
    kit.flow = kit_flow(HF_SIP_UDP, 66, 5060);
    device_says("BYE", "", "");
    assert_int_equal(kit_status(), 403);
    assert_int_equal(kit_stats()->calls_now, 1);
    kit.flow = home;
    device_says("BYE", "", "");
    assert_int_equal(kit_status(), 200);
    nothing_is_left();
    end();
}

static void changes_are_refused_and_the_session_stays(void **state)
{
    (void)state;
    begin();
    play();
    device_says("INVITE", CONTACT "Content-Type: application/sdp\r\n", SDP);
    do
        assert_true(kit_read());
    while (kit.msg.kind != HF_SIP_RESPONSE || kit.msg.status == 100);
    assert_int_equal(kit.msg.status, 488);
    assert_int_equal(kit_stats()->invites_refused, 1);
    assert_int_equal(kit_stats()->calls_now, 1);
    device_says("INFO", "", "");
    assert_int_equal(kit_status(), 200);
    invite.cseq = 90; /* out of order (12.2.2) */
    device_says("INFO", "", "");
    assert_int_equal(kit_status(), 500);
    end();
}

static unsigned final_status(void)
{
    unsigned status;

    do
        status = kit_status();
    while (status == 100);
    return status;
}

static void a_device_may_keep_it_alive(void **state)
{
    (void)state;
    begin();
    command("Play", PLAY);
    read_invite();
    answer_with(200, "cam", CONTACT "Session-Expires: 120;refresher=uas\r\n", SDP);
    expect("done {\"confirmed\":true");
    for (unsigned i = 0; i < 3; i++) {
        kit_pass(60000);
        assert_int_equal(kit_keepalive(), 200);
        device_says("INVITE",
                    CONTACT "Session-Expires: 120;refresher=uac\r\nContent-Type: application/sdp\r\n", SDP);
        assert_int_equal(final_status(), 200);
        assert_true(kit_has("Session-Expires: 120;refresher=uac\r\n"));
        assert_true(kit_has("m=video 30000 RTP/AVP 96"));
        invite.cseq--; /* its ACK has its number */
        device_says("ACK", "", "");
    }
    kit_pass(60000);
    assert_int_equal(kit_keepalive(), 200);
    assert_int_equal(kit_stats()->calls_now, 1);
    kit_pass(60100);
    expect_event("\"by\":\"device\",\"reason\":\"session_expired\",\"timer\":\"refresh\"");
    read_method("BYE");
    nothing_is_left();
    end();
}

static void the_flow_may_fail(void **state)
{
    (void)state;
    begin();
    kit.deaf = true;
    command("Play", PLAY);
    expect("failed {\"confirmed\":false,\"reason\":\"flow_failed\",\"error\":\"closed\"");
    kit.deaf = false;
    nothing_is_left();
    command("Play", PLAY);
    read_invite();
    hf_gb_flow_closed(kit.site, &kit.flow); /* ICMP */
    expect("failed {\"confirmed\":false,\"reason\":\"flow_failed\",\"error\":\"closed\"");
    nothing_is_left();
    end();
}

static void what_cannot_be_said_now_is_said_later(void **state)
{
    struct hf_sip_flow lost = kit_flow(HF_SIP_TCP, 10, 5060);

    (void)state;
    kit_begin(NULL);
    kit.flow = lost;
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    kit_pass(0);
    play();
    command("Stop", about(""));
    hf_gb_flow_closed(kit.site, &lost);
    kit.deaf = true; /* nothing goes out on a stream that is lost */
    kit_pass(17);
    assert_int_equal(kit_stats()->calls_by_us, 1);
    nothing_is_left();
    assert_int_equal(kit_stats()->byes_now, 1);
    kit.deaf = false;
    kit_pass(3000);
    kit.flow = kit_flow(HF_SIP_TCP, 10, 5061);
    assert_int_equal(kit_keepalive(), 200);
    kit_pass(17);
    nothing_is_left();
    assert_int_equal(kit_stats()->byes_now, 1); /* it is out, before the answer to the keepalive */
    assert_int_equal(kit_stats()->byes_again, 0);
    for (unsigned i = 0; i < 63; i++)
        kit_pass(1000);
    read_method("BYE");
    kit_reply(200, "OK");
    assert_int_equal(kit_stats()->byes_now, 0);
    end();
    /* And whoever does not come back is not waited for: a row owes it. */
    kit_begin(NULL);
    kit.flow = lost;
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    kit_pass(0);
    play();
    command("Stop", about(""));
    hf_gb_flow_closed(kit.site, &lost);
    kit.deaf = true;
    kit_pass(17);
    assert_int_equal(kit_stats()->byes_now, 1);
    kit_pass(10100);
    assert_int_equal(kit_stats()->byes_now, 0);
    assert_int_equal(kit_stats()->calls_orphaned_now, 1);
    end();
}

static void nobody_waits_any_more(void **state)
{
    struct hf_call *cancel;
    static struct tk_reply canceled;

    (void)state;
    begin();
    command("Play", PLAY);
    read_invite();
    cancel = hf_call_new(HF_CALL_CANCEL, 0);
    assert_non_null(cancel);
    cancel->tenant = kit.tk->tenant.name;
    cancel->device = HF_SLICE(CAMERA);
    cancel->id[0] = 1;
    memcpy(cancel->id + 8, &kit.tk->next_id, sizeof(kit.tk->next_id));
    canceled = (struct tk_reply){0};
    cancel->maker = &canceled;
    hf_hub_call(&kit.tk->hub, &kit.tk->tenant, cancel);
    tk_run(kit.tk);
    answer(200, SDP);
    kit_pass(17);
    assert_true(canceled.done && reply.done);
    read_method("ACK");
    read_method("BYE"); /* or it would stand, and nobody know of it */
    expect_event("\"reason\":\"unclaimed\"");
    nothing_is_left();
    end();
}

/* Media that we do not see: the device is asked, and 481 is the one answer that counts. */
static void the_device_is_asked_whether_it_stands(void **state)
{
    (void)state;
    begin();
    play();
    unsigned cseq = (unsigned)invite.msg.cseq.number;
    for (unsigned i = 0; i < 6; i++) { /* alive all the time */
        kit_pass(59000);
        assert_int_equal(kit_keepalive(), 200);
        if (i < 4)
            assert_int_equal(drain("OPTIONS"), 0);
    }
    assert_int_equal(kit_stats()->calls_asked, 1);
    device_says("INFO", "", ""); /* something in between */
    (void)drain("");
    kit_pass(40000);
    (void)drain("");
    assert_int_equal(kit_stats()->calls_now, 1); /* no answer says nothing */
    for (unsigned i = 0; i < 6 && kit_stats()->calls_asked < 2; i++) {
        assert_int_equal(kit_keepalive(), 200);
        kit_pass(59000);
    }
    read_method("OPTIONS");
    char line[64];
    (void)snprintf(line, sizeof(line), "CSeq: %u OPTIONS\r\n", cseq + 2);
    assert_true(kit_has(line));
    assert_true(hf_slice_is(kit.msg.to.tag, "cam"));
    kit_reply(405, "Method Not Allowed");
    assert_int_equal(kit_stats()->calls_now, 1);
    end();
}

static void a_device_that_begins_anew_has_forgotten(void **state)
{
    (void)state;
    begin();
    play();
    kit_pass(11000);
    assert_int_equal(drain("OPTIONS"), 0);
    assert_int_equal(kit_register(CAMERA, 3600), 200); /* with another Call-ID, from the same address */
    kit_pass(11000);
    read_method("OPTIONS");
    kit_reply(481, "Call/Transaction Does Not Exist");
    expect_event("\"by\":\"device\",\"reason\":\"forgotten\"");
    kit_pass(100);
    assert_int_equal(kit_stats()->calls_now, 0);
    assert_int_equal(drain("BYE"), 0); /* to what it does not know */
    assert_int_equal(kit_stats()->calls_lost, 1);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_device_is_asked_whether_it_stands),
        cmocka_unit_test(a_device_that_begins_anew_has_forgotten),
        cmocka_unit_test(silence_names_the_timer),
        cmocka_unit_test(ringing_for_too_long_is_cancelled),
        cmocka_unit_test(a_first_answer_after_the_end_is_cancelled_then),
        cmocka_unit_test(a_2xx_that_comes_too_late_gets_ack_and_bye),
        cmocka_unit_test(stop_before_the_answer_is_cancel),
        cmocka_unit_test(the_ack_is_repeated_with_each_200),
        cmocka_unit_test(another_dialog_of_the_same_invite_is_refused),
        cmocka_unit_test(who_leaves_takes_the_sessions_along),
        cmocka_unit_test(who_leaves_while_it_rings_is_asked_again),
        cmocka_unit_test(who_registers_elsewhere_has_forgotten),
        cmocka_unit_test(only_who_was_proven_may_end_it),
        cmocka_unit_test(changes_are_refused_and_the_session_stays),
        cmocka_unit_test(a_device_may_keep_it_alive),
        cmocka_unit_test(the_flow_may_fail),
        cmocka_unit_test(what_cannot_be_said_now_is_said_later),
        cmocka_unit_test(nobody_waits_any_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
