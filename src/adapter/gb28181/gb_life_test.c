#include "adapter/gb28181/gb_testkit.h"

static void begin(enum hf_sip_transport transport)
{
    kit_begin(NULL);
    kit.flow = kit_flow(transport, 10, 5060);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    kit_pass(0);
}

static void any_message_is_life(void **state)
{
    (void)state;
    begin(HF_SIP_UDP);
    for (unsigned i = 0; i < 10; i++) {
        kit_pass(60000);
        if (i % 2)
            assert_int_equal(kit_keepalive(), 200);
        else
            assert_int_equal(kit_message(CAMERA, KIT_XML("Notify", "Alarm", "9", "")), 200);
        while (kit_read()) /* our answer to the alarm, and its repeats */
            ;
        assert_int_equal(kit_presence(CAMERA), HF_ONLINE);
    }
    assert_int_equal(tk_count(kit.tk, HF_EVENT_UNKNOWN, NULL) + tk_count(kit.tk, HF_EVENT_OFFLINE, NULL), 0);
    assert_int_equal(kit_stats()->keepalives, 5);
    kit_end();
}

static void silence_makes_it_suspect_then_offline_once(void **state)
{
    struct hf_event event;

    (void)state;
    begin(HF_SIP_UDP);
    kit_pass(89900);
    assert_int_equal(kit_presence(CAMERA), HF_ONLINE);
    kit_nothing();
    kit_pass(200);
    assert_int_equal(kit_presence(CAMERA), HF_UNKNOWN);
    assert_int_equal(kit_stats()->suspects_now, 1);
    kit_pass(HF_GB_HEAL_FIRST_MS * 3 / 2);
    assert_true(kit_read()); /* GB-20: it is asked */
    assert_true(kit_has("<CmdType>DeviceStatus</CmdType>"));
    assert_int_equal(kit_keepalive(), 200);
    kit_pass(0);
    assert_int_equal(kit_presence(CAMERA), HF_ONLINE);
    assert_int_equal(kit_stats()->suspects_now, 0);
    kit_pass(184900);
    assert_int_equal(kit_presence(CAMERA), HF_UNKNOWN);
    kit_pass(200);
    assert_int_equal(kit_presence(CAMERA), HF_OFFLINE);
    assert_int_equal(kit_reason(CAMERA), HF_REASON_HEARTBEAT_TIMEOUT);
    assert_int_equal(tk_count(kit.tk, HF_EVENT_OFFLINE, &event), 1);
    assert_int_equal(event.reason, HF_REASON_HEARTBEAT_TIMEOUT);
    assert_int_equal(kit_stats()->silences, 1);
    while (kit_read())
        ;
    assert_int_equal(kit_keepalive(), 403); /* it has to register again */
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    kit_pass(0);
    assert_int_equal(kit_presence(CAMERA), HF_ONLINE);
    kit_end();
}

static void a_device_may_have_its_own_rhythm(void **state)
{
    static const struct {
        uint32_t ms, count;
        uint64_t silent_ms;
    } rows[] = {{20000, 2, 45000}, {1, 1, 10000}, {0, 0, 185000}, {7200000, 1000, 3600000ull * 20 + 5000}};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        kit_begin(NULL);
        kit.account.keepalive_ms = rows[i].ms;
        kit.account.keepalive_count = rows[i].count;
        assert_int_equal(kit_register(CAMERA, 86400), 200);
        uint64_t due;
        struct hf_gb_device *device = hf_gb_device_find(kit.site, HF_SLICE(CAMERA));
        device->life.expires_ms = UINT64_MAX; /* not what is looked at here */
        assert_int_equal(hf_gb_life_due(&device->life, HF_GB_SUSPECT, &due), HF_GB_EV_SILENT);
        assert_int_equal(due - device->life.last_ms, rows[i].silent_ms);
        kit_end();
    }
}

static void a_registration_runs_out(void **state)
{
    (void)state;
    kit_begin(NULL);
    assert_int_equal(kit_register(CAMERA, 100), 200);
    for (unsigned i = 0; i < 2; i++) {
        kit_pass(50000);
        assert_int_equal(kit_keepalive(), 200); /* does not prolong it */
    }
    kit_pass(4900);
    assert_int_equal(kit_presence(CAMERA), HF_ONLINE);
    kit_pass(200);
    assert_int_equal(kit_presence(CAMERA), HF_OFFLINE);
    assert_int_equal(kit_reason(CAMERA), HF_REASON_REGISTRATION_EXPIRED);
    assert_int_equal(kit_stats()->expiries, 1);
    kit_end();
}

static void a_lost_stream_has_ten_seconds(void **state)
{
    (void)state;
    begin(HF_SIP_TCP);
    assert_int_equal(kit.proven, 1);
    hf_gb_flow_closed(kit.site, &kit.flow);
    kit_pass(0);
    assert_int_equal(kit_presence(CAMERA), HF_UNKNOWN);
    assert_int_equal(kit_reason(CAMERA), HF_REASON_CONNECTION_LOST); /* not for silence */
    kit_pass(9900);
    assert_int_equal(kit_presence(CAMERA), HF_UNKNOWN);
    kit_pass(200);
    assert_int_equal(kit_presence(CAMERA), HF_OFFLINE);
    assert_int_equal(kit_reason(CAMERA), HF_REASON_CONNECTION_LOST);
    assert_int_equal(kit_stats()->streams_lost, 1);
    assert_int_equal(tk_count(kit.tk, HF_EVENT_OFFLINE, NULL), 1);
    kit_end();
}

static void a_stream_that_comes_back_is_adopted(void **state)
{
    struct tk_reply reply;

    (void)state;
    begin(HF_SIP_TCP);
    hf_gb_flow_closed(kit.site, &kit.flow);
    kit_pass(5000);
    kit_command(&reply, CAMERA, "DeviceInfo", "");
    kit_nothing(); /* there is no way to it now */
    kit.flow = kit_flow(HF_SIP_TCP, 10, 5099);
    assert_int_equal(kit_keepalive(), 200); /* without a REGISTER */
    kit_pass(0);
    assert_int_equal(kit_presence(CAMERA), HF_ONLINE);
    assert_int_equal(kit_stats()->moves, 1);
    assert_true(kit_read()); /* what waited */
    assert_int_equal(kit.to.peer_port, 5099);
    assert_true(kit_has("<CmdType>DeviceInfo</CmdType>"));
    kit_pass(60000);
    assert_int_not_equal(kit_presence(CAMERA), HF_OFFLINE);
    kit_end();
}

static void a_device_that_registers_again_gets_what_waited(void **state)
{
    struct tk_reply reply;

    (void)state;
    begin(HF_SIP_TCP);
    hf_gb_flow_closed(kit.site, &kit.flow);
    kit_pass(5000);
    kit_command(&reply, CAMERA, "DeviceInfo", "");
    kit.flow = kit_flow(HF_SIP_TCP, 30, 5098);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    kit_pass(0);
    assert_true(kit_read());
    assert_int_equal(kit.to.peer_port, 5098);
    assert_int_equal(kit_presence(CAMERA), HF_ONLINE);
    assert_int_equal(tk_count(kit.tk, HF_EVENT_OFFLINE, NULL), 0);
    kit_end();
}

static void who_the_hub_refuses_leaves_nothing(void **state)
{
    (void)state;
    kit_begin(NULL);
    kit.flow = kit_flow(HF_SIP_TCP, 10, 5060);
    kit.tk->refuse = HF_ERR_LIMIT;
    assert_int_equal(kit_register(CAMERA, 3600), 503);
    kit.tk->refuse = HF_OK;
    hf_gb_flow_closed(kit.site, &kit.flow);
    kit_pass(HF_GB_REMEMBER_MS + 100);
    assert_int_equal(kit.site->devices.count, 0);
    assert_int_equal(kit.site->streams.count, 0);
    kit_end();
}

static void an_older_stream_is_closed(void **state)
{
    (void)state;
    begin(HF_SIP_TCP);
    uint64_t before = kit.flow.connection;
    kit.flow = kit_flow(HF_SIP_TCP, 20, 5099);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    assert_int_equal(kit.closed, 1);
    assert_int_equal(kit.connection_closed, before);
    struct hf_sip_flow gone = kit_flow(HF_SIP_TCP, 10, 5060);
    hf_gb_flow_closed(kit.site, &gone); /* its end is nobody's business now */
    kit_pass(0);
    assert_int_equal(kit_presence(CAMERA), HF_ONLINE);
    assert_int_equal(kit_register(SECOND, 3600), 200); /* two devices on one stream */
    hf_gb_flow_closed(kit.site, &kit.flow);
    kit_pass(0);
    assert_int_equal(kit_stats()->suspects_now, 2);
    kit_end();
}

static void a_new_port_is_taken_at_once(void **state)
{
    struct tk_reply reply;

    (void)state;
    begin(HF_SIP_UDP);
    kit.flow.peer_port = 40001;
    assert_int_equal(kit_keepalive(), 200);
    assert_int_equal(kit.to.peer_port, 40001);
    kit_command(&reply, CAMERA, "DeviceInfo", "");
    assert_true(kit_read());
    assert_int_equal(kit.to.peer_port, 40001);
    assert_true(kit_has("MESSAGE sip:" CAMERA "@192.0.2.10:40001 SIP/2.0\r\n"));
    assert_int_equal(kit_stats()->moves, 1);
    kit_end();
}

#define STATUS(sn)                                                          \
    "<Response><CmdType>DeviceStatus</CmdType><SN>%u</SN><DeviceID>" CAMERA \
    "</DeviceID><Result>OK</Result><Online>ONLINE</Online><Status>OK</Status></Response>"

static void a_new_address_must_prove_itself(void **state)
{
    struct hf_sip_flow home, away;
    struct tk_reply reply;
    char body[1024];

    (void)state;
    begin(HF_SIP_UDP);
    home = kit.flow;
    away = kit_flow(HF_SIP_UDP, 77, 5060);
    kit.flow = away;
    assert_int_equal(kit_keepalive(), 200); /* the device is kept content, and asked where it is */
    assert_true(kit_read());
    assert_int_equal(kit.to.peer[3], 77);
    assert_true(kit_has("DeviceStatus"));
    unsigned sn = kit_sn();
    assert_int_equal(kit_message(CAMERA, KIT_XML("Notify", "Alarm", "9", "")), 403); /* no event from there */
    assert_int_equal(tk_count(kit.tk, HF_EVENT_MESSAGE, NULL), 0);
    kit_command(&reply, CAMERA, "DeviceInfo", "");
    assert_true(kit_read());
    assert_int_equal(kit.to.peer[3], 10); /* commands stay where it was */
    (void)snprintf(body, sizeof(body), STATUS(sn), sn + 1);
    assert_int_equal(kit_message(CAMERA, body), 403); /* guessed */
    kit.flow = home;
    (void)snprintf(body, sizeof(body), STATUS(sn), sn);
    assert_int_equal(kit_message(CAMERA, body), 200); /* right, but from the old place: it has not moved */
    assert_int_equal(kit_stats()->probes_confirmed, 0);
    kit.flow = away;
    assert_int_equal(kit_message(CAMERA, body), 200);
    assert_int_equal(kit_stats()->probes_confirmed, 1);
    assert_int_equal(kit_stats()->moves, 1);
    while (kit_read())
        ;
    kit_command(&reply, CAMERA, "DeviceInfo", "");
    assert_true(kit_read());
    assert_int_equal(kit.to.peer[3], 77);
    kit_end();
}

static void a_doubted_address_keeps_nobody_alive_and_is_asked_seldom(void **state)
{
    (void)state;
    begin(HF_SIP_UDP);
    kit.flow = kit_flow(HF_SIP_UDP, 77, 5060);
    for (unsigned i = 0; i < 19; i++) {
        assert_int_equal(kit_keepalive(), 200);
        kit_pass(10000);
        while (kit_read())
            ;
    }
    assert_int_equal(kit_presence(CAMERA), HF_OFFLINE);
    assert_true(kit_stats()->probes <= 20);
    kit_end();

    begin(HF_SIP_UDP);
    kit.flow = kit_flow(HF_SIP_UDP, 77, 5060);
    for (unsigned i = 0; i < 50; i++) { /* a flood makes one question */
        assert_int_equal(kit_keepalive(), 200);
        while (kit_read())
            ;
    }
    assert_int_equal(kit_stats()->probes, 1);
    assert_int_equal(kit_register(CAMERA, 3600), 200); /* the other proof */
    assert_int_equal(kit_keepalive(), 200);
    assert_int_equal(kit_stats()->moves_doubted, 50);
    kit_end();
}

static void strangers_are_refused_and_not_without_end(void **state)
{
    struct hf_gb_options with = {.limits = {.refusals = {.per_second = 10, .capacity = 3}}};

    (void)state;
    kit_begin(&with);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(kit_keepalive(), 403);
    kit_say("MESSAGE", CAMERA, "Content-Type: Application/MANSCDP+xml\r\n", KIT_KEEPALIVE);
    kit_say("OPTIONS", CAMERA, "", "");
    kit_nothing();
    assert_int_equal(kit_stats()->strangers, 5);
    assert_int_equal(kit_stats()->strangers_silent, 2);
    assert_int_equal(hf_gb_site_sip_stats(kit.site)->transactions, 0);
    kit_pass(1000);
    assert_int_equal(kit_keepalive(), 403);
    kit_end();

    with.limits.silent_to_strangers = true;
    kit_begin(&with);
    kit_say("MESSAGE", CAMERA, "Content-Type: Application/MANSCDP+xml\r\n", KIT_KEEPALIVE);
    kit_nothing();
    assert_int_equal(kit_stats()->strangers_silent, 1);
    kit_end();
}

static void options_are_answered(void **state)
{
    (void)state;
    begin(HF_SIP_UDP);
    kit_say("OPTIONS", CAMERA, "", "");
    assert_int_equal(kit_status(), 200);
    assert_true(kit_has("Allow: REGISTER, MESSAGE"));
    kit_end();
}

static void the_api_closes_it(void **state)
{
    (void)state;
    begin(HF_SIP_TCP);
    struct hf_device *device = tk_device(kit.tk, CAMERA);
    struct hf_live live = {0};
    device->devconn->ops->describe(device->devconn, &live);
    assert_string_equal(live.peer, "192.0.2.10:5060");
    assert_string_equal(live.protocol, "gb28181");
    assert_int_equal(live.expires_ms, kit.tk->hub.utc_ms + 3605000);
    device->devconn->ops->close(device->devconn, HF_REASON_ADMIN_DISCONNECT, (struct hf_slice){NULL, 0});
    kit_pass(0);
    assert_int_equal(kit_presence(CAMERA), HF_OFFLINE);
    assert_int_equal(kit_reason(CAMERA), HF_REASON_ADMIN_DISCONNECT);
    assert_int_equal(kit.closed, 1);
    assert_int_equal(kit_keepalive(), 403);
    kit_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_message_is_life),
        cmocka_unit_test(silence_makes_it_suspect_then_offline_once),
        cmocka_unit_test(a_device_may_have_its_own_rhythm),
        cmocka_unit_test(a_registration_runs_out),
        cmocka_unit_test(a_lost_stream_has_ten_seconds),
        cmocka_unit_test(a_stream_that_comes_back_is_adopted),
        cmocka_unit_test(a_device_that_registers_again_gets_what_waited),
        cmocka_unit_test(who_the_hub_refuses_leaves_nothing),
        cmocka_unit_test(an_older_stream_is_closed),
        cmocka_unit_test(a_new_port_is_taken_at_once),
        cmocka_unit_test(a_new_address_must_prove_itself),
        cmocka_unit_test(a_doubted_address_keeps_nobody_alive_and_is_asked_seldom),
        cmocka_unit_test(strangers_are_refused_and_not_without_end),
        cmocka_unit_test(options_are_answered),
        cmocka_unit_test(the_api_closes_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
