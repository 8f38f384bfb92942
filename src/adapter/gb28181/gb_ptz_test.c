/* Orders to move: what they say, and the stop that follows them. */
#include "adapter/gb28181/gb_testkit.h"

static struct tk_reply reply;

static void json_becomes_eight_bytes(void **state)
{
    static const struct {
        const char *json, *want, *wrong; /* want NULL: refused for that member */
        uint32_t stop_after_ms;
    } rows[] = {
        {"{\"pan\":64}", "A50F0101400000F6", NULL, 10000},
        {"{\"pan\":-64,\"tilt\":64}", "A50F010A4040003F", NULL, 10000},
        {"{\"zoom\":8,\"stop_after_ms\":500}", "A50F011000008045", NULL, 500},
        {"{\"pan\":0,\"tilt\":0}", "A50F0100000000B5", NULL, 10000},
        {"{\"stop\":true}", "A50F0100000000B5", NULL, 10000},
        {"{\"iris\":-1}", "A50F0148000100FE", NULL, 10000},
        {"{\"focus\":0}", "A50F0140000000F5", NULL, 10000},
        {"{\"order\":\"preset_call\",\"preset\":1}", "A50F018200010038", NULL, 10000},
        {"{\"order\":\"cruise_dwell\",\"group\":1,\"value\":30}", "A50F0187011E005B", NULL, 10000},
        {"{\"order\":\"aux_on\",\"aux\":1,\"device_id\":\"34020000001310000001\"}", "A50F018C01000042", NULL,
         10000},
        {"{\"order\":\"move\",\"pan\":64}", "A50F0101400000F6", NULL, 10000},
        {"{}", NULL, "pan", 0},
        {"{\"pan\":256}", NULL, "pan", 0},
        {"{\"pan\":1.5}", NULL, "pan", 0},
        {"{\"pan\":\"left\"}", NULL, "pan", 0},
        {"{\"pan\":1,\"pan\":2}", NULL, "pan", 0},
        {"{\"zoom\":16}", NULL, "zoom", 0},
        {"{\"pan\":1,\"focus\":1}", NULL, "focus", 0},
        {"{\"pan\":1,\"iris\":1}", NULL, "iris", 0},
        {"{\"stop\":false}", NULL, "stop", 0},
        {"{\"stop\":true,\"pan\":1}", NULL, "stop", 0},
        {"{\"stop\":true,\"stop_after_ms\":500}", NULL, "stop_after_ms", 0},
        {"{\"pan\":1,\"stop_after_ms\":99}", NULL, "stop_after_ms", 0},
        {"{\"pan\":1,\"stop_after_ms\":600001}", NULL, "stop_after_ms", 0},
        {"{\"pan\":1,\"preset\":1}", NULL, "preset", 0},
        {"{\"order\":\"preset_call\"}", NULL, "preset", 0},
        {"{\"order\":\"preset_call\",\"preset\":256}", NULL, "preset", 0},
        {"{\"order\":\"preset_call\",\"preset\":1,\"pan\":1}", NULL, "order", 0},
        {"{\"order\":\"dance\"}", NULL, "order", 0},
        {"{\"order\":\"lens\",\"pan\":1}", NULL, "order", 0},
        {"{\"order\":\"move\",\"focus\":1}", NULL, "order", 0},
        {"{\"speed\":1}", NULL, "speed", 0},
        {"[1]", NULL, "", 0},
        {"{", NULL, "", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct hf_gb_ptz ptz;
        struct hf_slice member;
        char text[HF_PTZ_TEXT_BYTES] = "";
        hf_err err = hf_gb_ptz_read(hf_slice_of(rows[i].json), &ptz, &member);

        if (rows[i].want == NULL) {
            if (err != HF_ERR_INVALID || !hf_slice_is(member, rows[i].wrong))
                fail_msg("%s: %d, %.*s", rows[i].json, err, (int)member.bytes, member.at ? member.at : "");
            continue;
        }
        if (err != HF_OK)
            fail_msg("%s: %d, %.*s", rows[i].json, err, (int)member.bytes, member.at);
        assert_int_equal(hf_ptz_encode(&ptz.ptz, text), HF_OK);
        assert_string_equal(text, rows[i].want);
        assert_int_equal(ptz.stop_after_ms, rows[i].stop_after_ms);
    }
}

static void begin(void)
{
    kit_begin(NULL);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    kit_pass(0);
}

/* An order goes out and is answered; how it reads on the wire. */
static void order(const char *command, const char *json, const char *want)
{
    kit_command(&reply, CAMERA, command, json);
    assert_true(kit_read());
    if (!kit_has(want))
        fail_msg("%s: %s", json, kit.text);
    kit_reply(200, "OK");
    tk_run(kit.tk);
    assert_true(reply.done);
    kit_nothing();
}

static unsigned stops(const char *channel, const char *bytes)
{
    unsigned count = 0;

    while (kit_read())
        if (kit.msg.kind == HF_SIP_REQUEST && kit_has(bytes) && kit_has(channel)) {
            kit_reply(200, "OK");
            count++;
        }
    return count;
}

#define CHANNEL   "34020000001310000001"
#define MOVE_STOP "A50F0100000000B5"
#define LENS_STOP "A50F0140000000F5"

static void what_moves_is_stopped(void **state)
{
    (void)state;
    begin();
    order("PTZ", "{\"device_id\":\"" CHANNEL "\",\"pan\":64}", "A50F0101400000F6");
    kit_pass(9900);
    assert_int_equal(stops(CHANNEL, MOVE_STOP), 0);
    kit_pass(200);
    assert_int_equal(stops(CHANNEL, MOVE_STOP), 2); /* UDP may lose one */
    kit_pass(20000);
    assert_int_equal(stops(CHANNEL, MOVE_STOP), 0);
    /* Again before its time: from then on. */
    order("PTZ", "{\"pan\":64,\"stop_after_ms\":3000}", "A50F0101400000F6");
    kit_pass(2000);
    order("PTZ", "{\"pan\":-64,\"stop_after_ms\":3000}", "A50F0102400000F7");
    kit_pass(2000);
    assert_int_equal(stops(CAMERA, MOVE_STOP), 0);
    kit_pass(1100);
    assert_int_equal(stops(CAMERA, MOVE_STOP), 2);
    assert_int_equal(kit_stats()->stops_sent, 2);
    assert_int_equal(kit_stats()->movers_now, 0);
    kit_end();
}

static void bytes_that_move_are_stopped_too(void **state)
{
    (void)state;
    begin();
    order("PTZCmd", "\"A50F0108004000FD\"", "A50F0108004000FD");
    order("DeviceControl", "{\"device_id\":\"" CHANNEL "\",\"ptz_cmd\":\"A50F014400400039\"}",
          "A50F014400400039");
    assert_int_equal(kit_stats()->movers_now, 2);
    kit_pass(10100);
    assert_int_equal(kit_stats()->stops_sent, 2);
    unsigned moves = 0, lenses = 0;
    while (kit_read()) {
        moves += kit_has(MOVE_STOP) && kit_has("<DeviceID>" CAMERA);
        lenses += kit_has(LENS_STOP) && kit_has("<DeviceID>" CHANNEL);
        kit_reply(200, "OK");
    }
    assert_int_equal(moves, 2);
    assert_int_equal(lenses, 2);
    kit_end();
}

static void who_stops_by_himself_is_not_stopped_again(void **state)
{
    static const char *const ends[] = {"{\"stop\":true}", "{\"pan\":0}",
                                       "{\"order\":\"preset_call\",\"preset\":3}"};

    (void)state;
    begin();
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        order("PTZ", "{\"pan\":64}", "A50F0101400000F6");
        order("PTZ", ends[i], "A50F01");
        assert_int_equal(kit_stats()->movers_now, 0);
    }
    order("PTZ", "{\"focus\":5}", "A50F01410500");
    order("PTZ", "{\"stop\":true}", MOVE_STOP); /* of what moves; the lens has a stop of its own */
    assert_int_equal(kit_stats()->movers_now, 1);
    order("PTZ", "{\"focus\":0}", LENS_STOP);
    kit_pass(20000);
    kit_nothing();
    kit_end();
}

static void a_lost_way_is_waited_for_and_a_lost_device_is_not(void **state)
{
    (void)state;
    kit_begin(NULL);
    kit.flow = kit_flow(HF_SIP_TCP, 10, 5061);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    kit_pass(0);
    order("PTZ", "{\"pan\":64,\"stop_after_ms\":1000}", "A50F0101400000F6");
    hf_gb_flow_closed(kit.site, &kit.flow);
    kit_pass(2000);
    kit_nothing();
    kit.flow = kit_flow(HF_SIP_TCP, 10, 5062);
    assert_int_equal(kit_keepalive(), 200);
    kit_pass(600);
    assert_int_equal(stops(CAMERA, MOVE_STOP), 1); /* a stream loses nothing */
    order("PTZ", "{\"pan\":64,\"stop_after_ms\":1000}", "A50F0101400000F6");
    assert_int_equal(kit_register(CAMERA, 0), 200);
    assert_int_equal(kit_stats()->movers_now, 0);
    kit_pass(2000);
    kit_nothing();
    kit_end();
}

static void too_many_that_move(void **state)
{
    (void)state;
    begin();
    kit.site->stats.movers_now = HF_GB_MOVERS_MAX;
    kit_command(&reply, CAMERA, "PTZ", "{\"pan\":1}");
    kit_pass(100);
    assert_true(reply.done);
    assert_non_null(strstr(kit_event(HF_EVENT_COMMAND_FAILED), "\"reason\":\"busy\""));
    assert_int_equal(kit_stats()->moves_refused, 1);
    order("PTZ", "{\"stop\":true}", MOVE_STOP);
    kit.site->stats.movers_now = 0;
    kit_end();
}

/* What is said of a member is what is taken of it. */
static void every_range_is_told_as_it_is(void **state)
{
    static const char *const names[] = {"pan",           "tilt",   "zoom",  "focus", "iris",
                                        "stop_after_ms", "preset", "group", "value", "aux"};

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(names); i++) {
        struct hf_gb_ptz ptz;
        struct hf_slice member;
        char json[64], want[64];
        long min, max;

        (void)snprintf(json, sizeof(json), "{\"%s\":1e9}", names[i]);
        assert_int_equal(hf_gb_ptz_read(hf_slice_of(json), &ptz, &member), HF_ERR_INVALID);
        assert_int_equal(sscanf(ptz.wants, "%ld to %ld", &min, &max), 2);
        (void)snprintf(want, sizeof(want), "%s", ptz.wants);
        for (unsigned edge = 0; edge < 4; edge++) {
            long value = edge < 2 ? min - (long)edge : max + (long)edge - 2;
            (void)snprintf(json, sizeof(json), "{\"%s\":%ld}", names[i], value);
            hf_err err = hf_gb_ptz_read(hf_slice_of(json), &ptz, &member);
            bool out_of_range = err != HF_OK && strcmp(ptz.wants, want) == 0;
            assert_int_equal(out_of_range, edge % 2); /* alone some say nothing, which is another trouble */
        }
    }
}

static void a_wrong_order_names_its_member(void **state)
{
    (void)state;
    begin();
    kit_command(&reply, CAMERA, "PTZ", "{\"pan\":300}");
    kit_pass(100);
    assert_true(reply.done);
    assert_non_null(strstr(kit_event(HF_EVENT_COMMAND_FAILED),
                           "\"reason\":\"bad_request\",\"element\":\"pan\",\"text\":\"-255 to 255\"}"));
    kit_nothing();
    kit_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_becomes_eight_bytes),
        cmocka_unit_test(what_moves_is_stopped),
        cmocka_unit_test(bytes_that_move_are_stopped_too),
        cmocka_unit_test(who_stops_by_himself_is_not_stopped_again),
        cmocka_unit_test(a_lost_way_is_waited_for_and_a_lost_device_is_not),
        cmocka_unit_test(too_many_that_move),
        cmocka_unit_test(every_range_is_told_as_it_is),
        cmocka_unit_test(a_wrong_order_names_its_member),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
