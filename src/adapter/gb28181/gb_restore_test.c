/* GB-7: registrations outlive the gateway. */
#include "adapter/gb28181/gb_testkit.h"

static void crash(uint64_t away_ms)
{
    kit_crash(away_ms, NULL);
}

static size_t count(enum hf_event_type type)
{
    struct hf_event event;

    return tk_count(kit.tk, type, &event);
}

static uint64_t epoch_of(const char *device)
{
    return tk_device(kit.tk, device)->epoch;
}

static void a_keepalive_is_enough(void **state)
{
    struct tk_reply reply;

    (void)state;
    kit_begin(NULL);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    assert_int_equal(kit_keepalive(), 200);
    crash(20000);
    assert_int_equal(kit_stats()->restored, 1);
    assert_int_equal(kit_stats()->devices, 1);
    assert_int_equal(kit_stats()->suspects_now, 1);
    assert_int_equal(kit_presence(CAMERA), HF_UNKNOWN);
    kit_pass(60000);
    assert_int_equal(count(HF_EVENT_OFFLINE) + count(HF_EVENT_UNKNOWN), 0);
    kit_command(&reply, CAMERA, "DeviceInfo", "{}"); /* it is asked where it was */
    do
        assert_true(kit_read());
    while (!kit_has("<CmdType>DeviceInfo</CmdType>"));
    assert_true(hf_sip_flow_same_peer(&kit.to, &kit.flow));
    assert_int_equal(kit_keepalive(), 200);
    kit_pass(0);
    assert_int_equal(kit_presence(CAMERA), HF_ONLINE);
    assert_int_equal(kit_stats()->suspects_now, 0);
    assert_int_equal(epoch_of(CAMERA), 1); /* it is the same connection */
    assert_int_equal(count(HF_EVENT_ONLINE), 2);
    assert_int_equal(count(HF_EVENT_OFFLINE), 0);
    assert_int_equal(count(HF_EVENT_CAMERA_BOUND), 1);
    crash(1000); /* once more, from the same record */
    assert_int_equal(kit_keepalive(), 200);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    assert_int_equal(kit_stats()->refreshed, 1);
    kit_end();
}

/* The address of a camera on the same link says nothing without the interface. */
static void a_link_local_camera_is_asked_on_its_interface(void **state)
{
    struct tk_reply reply;

    (void)state;
    kit_begin(NULL);
    kit.flow = (struct hf_sip_flow){.connection = 3,
                                    .peer = {0xfe, 0x80, [15] = 1},
                                    .local = {0xfe, 0x80, [15] = 2},
                                    .peer_port = 5060,
                                    .local_port = 5060,
                                    .transport = HF_SIP_UDP,
                                    .family = 6};
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    crash(1000);
    assert_int_equal(kit_stats()->restored, 1);
    kit_command(&reply, CAMERA, "DeviceInfo", "{}");
    do
        assert_true(kit_read());
    while (!kit_has("<CmdType>DeviceInfo</CmdType>"));
    assert_int_equal(kit.to.connection, 3);
    assert_true(hf_sip_flow_same_peer(&kit.to, &kit.flow));
    kit_end();
}

/* A planned restart: the node says so, and the registration goes on all the same. */
static void a_drain_is_no_end(void **state)
{
    (void)state;
    kit_begin(NULL);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    assert_int_equal(hf_gb_site_drain(kit.site, UINT32_MAX, HF_REASON_DRAIN), 1);
    tk_run(kit.tk);
    assert_int_equal(count(HF_EVENT_UNKNOWN), 1);
    kit_say("MESSAGE", CAMERA, "Content-Type: Application/MANSCDP+xml\r\n", KIT_KEEPALIVE);
    kit_nothing(); /* a 403 would make it register anew */
    crash(5000);
    assert_int_equal(kit_stats()->restored, 1);
    kit_again(); /* it has not given up */
    assert_int_equal(kit_status(), 200);
    assert_int_equal(kit_presence(CAMERA), HF_ONLINE);
    assert_int_equal(count(HF_EVENT_OFFLINE), 0);
    kit_end();
}

static void silence_ends_it_in_its_time(void **state)
{
    (void)state;
    kit_begin(NULL);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    crash(0);
    kit_pass(184000);
    assert_int_equal(kit_presence(CAMERA), HF_UNKNOWN);
    kit_pass(2000);
    assert_int_equal(kit_presence(CAMERA), HF_OFFLINE);
    assert_int_equal(kit_reason(CAMERA), HF_REASON_HEARTBEAT_TIMEOUT);
    assert_int_equal(count(HF_EVENT_OFFLINE), 1);
    crash(0); /* and it does not rise again */
    assert_int_equal(kit_stats()->restored + kit_stats()->restore_refused, 0);
    kit_say("MESSAGE", CAMERA, "", KIT_KEEPALIVE);
    assert_int_equal(kit_status(), 403);
    kit_end();
}

static void nobody_speaks_in_its_name(void **state)
{
    static char registration[KIT_TEXT_MAX];

    (void)state;
    kit_begin(NULL);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    strcpy(registration, kit.last);
    crash(100);
    assert_int_equal(hf_gb_receive(kit.site, &kit.flow, hf_slice_of(registration)), HF_OK);
    assert_int_equal(kit_status(), 401); /* what was captured before the restart does not serve again */
    assert_true(kit_has("stale=true"));
    kit.flow = kit_flow(HF_SIP_UDP, 66, 5060); /* another host */
    assert_int_equal(kit_keepalive(), 200);
    assert_int_equal(kit_message(CAMERA, KIT_XML("Notify", "Alarm", "9", "")), 403);
    assert_int_equal(kit_presence(CAMERA), HF_UNKNOWN);
    assert_int_equal(kit_stats()->moves_doubted, 2);
    kit_end();
}

static void who_may_not_go_on_does_not(void **state)
{
    (void)state;
    kit_begin(NULL);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    assert_int_equal(kit_register(SECOND, 60), 200);
    crash(59000);
    assert_int_equal(kit_stats()->restored, 2);
    kit_pass(7000); /* what was left of it, and the grace */
    assert_int_equal(kit_reason(SECOND), HF_REASON_REGISTRATION_EXPIRED);
    crash(3600000); /* away for as long as a registration lasts */
    assert_int_equal(kit_stats()->restored, 0);
    assert_int_equal(kit_stats()->restore_refused, 1);
    assert_int_equal(kit.site->devices.count, 0);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    assert_int_equal(kit_register(SECOND, 3600), 200);
    assert_int_equal(kit_register(SECOND, 0), 200); /* a goodbye */
    kit.denied = CAMERA;
    crash(0);
    assert_int_equal(kit_stats()->restored, 0);
    assert_int_equal(kit_stats()->restore_refused, 1);
    kit_end();
}

/* A refresh changes nothing but the time that is left; a port that changes each time is recorded now and then; an address at once. */
static void records_are_few(void **state)
{
    (void)state;
    kit_begin(NULL);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    for (unsigned i = 0; i < 10; i++) {
        kit_pass(30000);
        assert_int_equal(kit_register(CAMERA, 3600), 200);
    }
    assert_int_equal(kit_stats()->bindings, 1);
    assert_int_equal(kit_register(CAMERA, 7200), 200);
    assert_int_equal(kit_stats()->bindings, 2);
    for (uint16_t i = 1; i <= 20; i++) {
        kit_pass(HF_GB_BOUND_INTERVAL_MS / 10);
        kit.flow.peer_port++;
        assert_int_equal(kit_keepalive(), 200);
    }
    assert_int_equal(kit_stats()->moves, 20);
    assert_int_equal(kit_stats()->bindings, 4);
    kit.flow = kit_flow(HF_SIP_UDP, 66, 5060);
    assert_int_equal(kit_register(CAMERA, 7200), 200);
    assert_int_equal(kit_stats()->bindings, 5);
    crash(0);
    kit.flow.peer_port = 7000; /* a port is taken as it comes, also after a restart */
    assert_int_equal(kit_keepalive(), 200);
    assert_int_equal(kit_presence(CAMERA), HF_ONLINE);
    kit_end();
}

/* Its connection ended with the process: no command before it has another. */
static void a_stream_comes_back(void **state)
{
    struct tk_reply reply;

    (void)state;
    kit_begin(NULL);
    kit.flow = kit_flow(HF_SIP_TCP, 10, 5060);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    crash(0);
    assert_int_equal(kit_stats()->restored, 1);
    assert_int_equal(kit.site->streams.count, 0);
    kit_command(&reply, CAMERA, "DeviceInfo", "{}");
    kit_pass(170000);
    kit_nothing();
    assert_int_equal(kit_presence(CAMERA), HF_UNKNOWN);
    kit.flow = kit_flow(HF_SIP_TCP, 10, 5099);
    kit_say("MESSAGE", CAMERA, "Content-Type: Application/MANSCDP+xml\r\n", KIT_KEEPALIVE);
    assert_int_equal(kit_status(), 200);
    kit_pass(0);
    assert_int_equal(kit_presence(CAMERA), HF_ONLINE);
    assert_int_equal(kit.site->streams.count, 1);
    assert_true(kit_read() && kit_has("<CmdType>DeviceInfo</CmdType>"));
    assert_int_equal(kit.to.connection, kit.flow.connection);
    kit_end();
}

static void another_protocol_has_taken_over(void **state)
{
    (void)state;
    kit_begin(NULL);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    tk_run(kit.tk);
    assert_int_equal(tk_connect(kit.tk, 0, CAMERA), HF_OK);
    assert_int_equal(kit_stats()->devices, 0);
    crash(0);
    assert_int_equal(kit_stats()->restored + kit_stats()->restore_refused, 0);
    kit_end();
}

static void a_record_that_is_none_harms_nobody(void **state)
{
    static const char *const texts[] = {
        "{",
        "[]",
        "{}",
        "{\"peer\":7}",
        "{\"peer\":\"nowhere\",\"port\":1,\"transport\":\"udp\",\"local\":\"0.0.0.0\",\"local_port\":1,"
        "\"endpoint\":0}",
        "{\"peer\":\"1.2.3.4\",\"port\":70000,\"transport\":\"udp\",\"local\":\"0.0.0.0\",\"local_port\":1,"
        "\"endpoint\":0}",
        "{\"peer\":\"1.2.3.4\",\"port\":1,\"transport\":\"pigeon\",\"local\":\"0.0.0.0\",\"local_port\":1,"
        "\"endpoint\":0}",
        "{\"peer\":\"1.2.3.4\",\"port\":1,\"transport\":\"udp\",\"local\":\"0.0.0.0\",\"local_port\":1,"
        "\"endpoint\":0,\"expires_s\":-1}",
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(texts); i++) {
        kit_begin(NULL);
        assert_int_equal(kit_register(CAMERA, 3600), 200);
        assert_int_equal(hf_hub_bound(&kit.tk->hub, &hf_gb_device_find(kit.site, HF_SLICE(CAMERA))->dev,
                                      hf_slice_of(texts[i])),
                         HF_OK);
        crash(0);
        assert_int_equal(kit_stats()->restored, 0);
        assert_int_equal(kit_stats()->restore_refused, 1);
        assert_int_equal(kit_register(CAMERA, 3600), 200);
        kit_end();
    }
}

static void all_of_many(void **state)
{
    enum { CAMERAS = 700 };
    char id[32];

    (void)state;
    kit_begin(NULL);
    kit.account.open = true;
    for (unsigned i = 0; i < CAMERAS; i++) {
        (void)snprintf(id, sizeof(id), "340200000013200%05u", i);
        assert_int_equal(kit_register(id, 3600), 200);
    }
    crash(1000);
    assert_int_equal(kit_stats()->restored, CAMERAS);
    assert_int_equal(kit_stats()->restore_refused, 0);
    assert_int_equal(count(HF_EVENT_OFFLINE), 0);
    for (unsigned i = 0; i < CAMERAS; i++) {
        (void)snprintf(id, sizeof(id), "340200000013200%05u", i);
        assert_int_equal(kit_message(id, KIT_KEEPALIVE), 200);
    }
    assert_int_equal(kit_stats()->suspects_now, 0);
    kit_end();
}

static unsigned subscribes(void)
{
    static char branch[64];
    unsigned count = 0;

    while (kit_read())
        if (kit.msg.kind == HF_SIP_REQUEST && hf_slice_is(kit.msg.method_text, "SUBSCRIBE") &&
            !hf_slice_is(kit.msg.via.branch, branch)) { /* no repeat */
            (void)snprintf(branch, sizeof(branch), "%.*s", (int)kit.msg.via.branch.bytes,
                           kit.msg.via.branch.at);
            kit_reply(200, "OK");
            count++;
        }
    return count;
}

/* What is wanted is a setting: made anew once after our restart, whatever the device says meanwhile. */
static void subscriptions_are_made_anew_once(void **state)
{
    struct tk_reply reply;

    (void)state;
    kit_begin(NULL);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    kit_command(&reply, CAMERA, "Subscribe", "{\"event\":\"alarm\"}");
    kit_pass(3000);
    assert_int_equal(subscribes(), 1);
    kit_pass(100);
    crash(5000);
    kit_pass(1);
    assert_int_equal(kit_keepalive(), 200);
    kit_pass(1);
    assert_int_equal(kit_ask(CAMERA, 3600), 401);
    assert_int_equal(kit_answer(CAMERA, 3600), 200);
    unsigned made = 0;
    for (unsigned i = 0; i < 10; i++) {
        kit_pass(1000);
        made += subscribes();
    }
    assert_int_equal(made, 1);
    assert_int_equal(kit_stats()->subscriptions_active, 1);
    kit_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(subscriptions_are_made_anew_once),
        cmocka_unit_test(a_keepalive_is_enough),
        cmocka_unit_test(a_link_local_camera_is_asked_on_its_interface),
        cmocka_unit_test(a_drain_is_no_end),
        cmocka_unit_test(silence_ends_it_in_its_time),
        cmocka_unit_test(nobody_speaks_in_its_name),
        cmocka_unit_test(who_may_not_go_on_does_not),
        cmocka_unit_test(records_are_few),
        cmocka_unit_test(a_stream_comes_back),
        cmocka_unit_test(another_protocol_has_taken_over),
        cmocka_unit_test(a_record_that_is_none_harms_nobody),
        cmocka_unit_test(all_of_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
