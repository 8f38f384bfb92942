#include "bench/gb/camera_testkit.h"

/* Reads the next part of an answer, which is a MESSAGE with that CmdType and the SN asked, and says that it arrived. */
static void part(enum hf_cdp_command command)
{
    (void)kit_wait(HF_SIP_MESSAGE, 100);
    assert_int_equal(kit.body.root, HF_CDP_ROOT_RESPONSE);
    assert_int_equal(kit.body.command, command);
    assert_int_equal(kit.body.sn.value, 7);
    kit_reply(200, "");
}

static void every_query_is_answered_in_both_editions(void **state)
{
    static const struct {
        const char *query;
        enum hf_cdp_command command;
        bool only_2022;
        const char *holds;
    } rows[] = {
        {XML("Query", "DeviceInfo", ""), HF_CDP_CMD_DEVICE_INFO, false, "<Firmware>V1.0.0</Firmware>"},
        {XML("Query", "DeviceStatus", ""), HF_CDP_CMD_DEVICE_STATUS, false, "<Online>ONLINE</Online>"},
        {XML("Query", "Catalog", ""), HF_CDP_CMD_CATALOG, false, "<DeviceID>34020000001310000001</DeviceID>"},
        {XML("Query", "ConfigDownload", "<ConfigType>BasicParam/VideoParamOpt</ConfigType>"),
         HF_CDP_CMD_CONFIG_DOWNLOAD, false, "<HeartBeatInterval>60</HeartBeatInterval>"},
        {XML("Query", "PresetQuery", ""), HF_CDP_CMD_PRESET_QUERY, false, "<PresetID>2</PresetID>"},
        {XML("Query", "MobilePosition", ""), HF_CDP_CMD_MOBILE_POSITION, false, "<Longitude>"},
        {XML("Query", "RecordInfo",
             "<StartTime>2025-12-31T00:30:00</StartTime><EndTime>2025-12-31T02:00:00</EndTime>"),
         HF_CDP_CMD_RECORD_INFO, false, "<StartTime>2025-12-31T01:30:00</StartTime>"},
        {XML("Query", "HomePositionQuery", ""), HF_CDP_CMD_HOME_POSITION, true, "<Enabled>1</Enabled>"},
        {XML("Query", "CruiseTrackListQuery", ""), HF_CDP_CMD_CRUISE_TRACK_LIST, true, "<Number>1</Number>"},
        {XML("Query", "CruiseTrackQuery", "<Number>1</Number>"), HF_CDP_CMD_CRUISE_TRACK, true,
         "<Speed>8</Speed>"},
        {XML("Query", "PTZPosition", ""), HF_CDP_CMD_PTZ_POSITION, true, "<Zoom>1</Zoom>"},
        {XML("Query", "SDCardStatus", ""), HF_CDP_CMD_SD_CARD_STATUS, true, "<Capacity>65536</Capacity>"},
        {XML("Query", "ConfigDownload", "<ConfigType>VideoParamAttribute</ConfigType>"),
         HF_CDP_CMD_CONFIG_DOWNLOAD, true, "<FrameRate>25</FrameRate>"},
    };

    (void)state;
    for (int edition = HF_CDP_2016; edition <= HF_CDP_2022; edition += HF_CDP_2022 - HF_CDP_2016)
        for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
            struct hf_cam_profile profile = {.edition = (enum hf_cdp_edition)edition};

            if (rows[i].only_2022 && edition == HF_CDP_2016)
                continue;
            kit_begin(&profile);
            kit_register();
            kit_message(rows[i].query);
            part(rows[i].command);
            if (!kit_has(rows[i].holds))
                fail_msg("%s is not in %s", rows[i].holds, kit.text);
            kit_pass(100);
            kit_nothing();
            assert_int_equal(kit.world.stats.answered, 1);
            assert_null(kit.cam.jobs);
            kit_end();
        }
}

static void every_order_with_a_result_is_answered_and_the_others_are_not(void **state)
{
    static const struct {
        const char *order;
        enum hf_cdp_command command;
        bool answered;
    } rows[] = {
        {XML("Control", "DeviceControl", "<RecordCmd>Record</RecordCmd>"), HF_CDP_CMD_DEVICE_CONTROL, true},
        {XML("Control", "DeviceControl", "<GuardCmd>SetGuard</GuardCmd>"), HF_CDP_CMD_DEVICE_CONTROL, true},
        {XML("Control", "DeviceControl", "<AlarmCmd>ResetAlarm</AlarmCmd>"), HF_CDP_CMD_DEVICE_CONTROL, true},
        {XML("Control", "DeviceControl", "<PTZCmd>A50F0101400000F6</PTZCmd>"), HF_CDP_CMD_DEVICE_CONTROL,
         false},
        {XML("Control", "DeviceControl", "<IFameCmd>Send</IFameCmd>"), HF_CDP_CMD_DEVICE_CONTROL, false},
        {XML("Control", "DeviceControl", "<HomePosition><Enabled>1</Enabled></HomePosition>"),
         HF_CDP_CMD_DEVICE_CONTROL, true},
        {XML("Control", "DeviceConfig", "<BasicParam><HeartBeatInterval>30</HeartBeatInterval></BasicParam>"),
         HF_CDP_CMD_DEVICE_CONFIG, true},
        {"<Notify><CmdType>Broadcast</CmdType><SN>7</SN><SourceID>" SERVER "</SourceID><TargetID>" CAMERA
         "</TargetID></Notify>",
         HF_CDP_CMD_BROADCAST, true},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        kit_begin(NULL);
        kit_register();
        kit_message(rows[i].order);
        if (rows[i].answered) {
            part(rows[i].command);
            assert_int_equal(kit.body.result, HF_CDP_HEALTH_OK);
        }
        kit_pass(100);
        kit_nothing();
        assert_int_equal(kit.world.stats.orders, 1);
        kit_end();
    }
    struct hf_cam_profile mute = {.mute = true};

    kit_begin(&mute);
    kit_register();
    kit_message(rows[0].order);
    kit_pass(1000);
    kit_nothing();
    kit_end();
}

static void what_was_ordered_shows_in_the_next_answer(void **state)
{
    static const struct {
        const char *order, *query, *before, *after;
        enum hf_cdp_command command;
    } rows[] = {
        {"<RecordCmd>Record</RecordCmd>", XML("Query", "DeviceStatus", ""), "<Record>OFF</Record>",
         "<Record>ON</Record>", HF_CDP_CMD_DEVICE_STATUS},
        {"<GuardCmd>SetGuard</GuardCmd>", XML("Query", "DeviceStatus", ""), "OFFDUTY", "ONDUTY",
         HF_CDP_CMD_DEVICE_STATUS},
        {"<PTZCmd>A50F018300010039</PTZCmd>", XML("Query", "PresetQuery", ""), "<PresetID>1</PresetID>",
         "<PresetID>2</PresetID>", HF_CDP_CMD_PRESET_QUERY}, /* preset 1 deleted */
        {"<PTZCmd>A50F018100050"
         "03B</PTZCmd>",
         XML("Query", "PresetQuery", ""), "<SumNum>2</SumNum>", "<SumNum>3</SumNum>",
         HF_CDP_CMD_PRESET_QUERY}, /* preset 5 set */
        {"<PTZCmd>A50F0101400000F6</PTZCmd>", XML("Query", "PTZPosition", ""), "<Pan>0</Pan>", "<Pan>5</Pan>",
         HF_CDP_CMD_PTZ_POSITION},
        {"<PTZPreciseCtrl><Pan>90.5</Pan><Tilt>120</Tilt></PTZPreciseCtrl>", XML("Query", "PTZPosition", ""),
         "<Tilt>0</Tilt>", "<Pan>90.5</Pan>\r\n<Tilt>90</Tilt>", HF_CDP_CMD_PTZ_POSITION},
    };
    struct hf_cam_profile profile = {.edition = HF_CDP_2022, .part_items = 16};
    char order[1024];

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        kit_begin(&profile);
        kit_register();
        kit_message(rows[i].query);
        part(rows[i].command);
        if (!kit_has(rows[i].before))
            fail_msg("%s is not in %s", rows[i].before, kit.text);
        (void)snprintf(order, sizeof(order),
                       "<Control><CmdType>DeviceControl</CmdType><SN>7</SN><DeviceID>" CAMERA
                       "</DeviceID>%s</Control>",
                       rows[i].order);
        kit_message(order);
        kit_pass(50);
        while (kit_read())
            kit_reply(200, "");
        kit_message(rows[i].query);
        part(rows[i].command);
        if (!kit_has(rows[i].after))
            fail_msg("%s is not in %s", rows[i].after, kit.text);
        kit_end();
    }
}

/* One part waits for the SIP answer to the one before; a part that is not taken ends the list. */
static void a_catalogue_comes_part_by_part(void **state)
{
    struct hf_cam_profile profile = {.channels = 7, .part_items = 3};
    static const char *const counts[] = {"<DeviceList Num=\"3\">", "<DeviceList Num=\"3\">",
                                         "<DeviceList Num=\"1\">"};

    (void)state;
    kit_begin(&profile);
    kit_register();
    kit_message(XML("Query", "Catalog", ""));
    for (size_t i = 0; i < HF_COUNT_OF(counts); i++) {
        (void)kit_wait(HF_SIP_MESSAGE, 100);
        assert_true(kit_has("<SumNum>7</SumNum>") && kit_has(counts[i]));
        struct hf_sip_msg asked = kit.msg;

        kit_pass(100);
        kit_nothing();
        kit.msg = asked;
        kit_reply(200, "");
    }
    kit_nothing();
    assert_string_equal(kit.events, "asked Catalog|answered Catalog 200");
    kit_message(XML("Query", "Catalog", ""));
    (void)kit_wait(HF_SIP_MESSAGE, 100);
    kit_reply(413, "");
    kit_pass(100);
    kit_nothing();
    assert_string_equal(kit.events,
                        "asked Catalog|answered Catalog 200|asked Catalog|unanswered Catalog 413");
    kit_end();
}

static void parts_come_in_any_order_and_several_at_once(void **state)
{
    struct hf_cam_profile profile = {
        .channels = 40, .part_items = 1, .parts_ahead = 8, .parts_shuffled = true};
    char seen[41] = "";
    unsigned in_order = 0, parts = 0;

    (void)state;
    kit_begin(&profile);
    kit_register();
    kit_message(XML("Query", "Catalog", ""));
    kit_pass(20);
    assert_int_equal(kit.sent_count - kit.read_count, 8);
    while (kit_read()) {
        const char *id = strstr(kit.text, "<Item>\r\n<DeviceID>34020000001310000");

        assert_non_null(id);
        unsigned long channel = strtoul(id + strlen("<Item>\r\n<DeviceID>34020000001310000"), NULL, 10);

        /* Serial 1 with 40 channels each: 40 to 79. */
        assert_in_range(channel, 40, 79);
        assert_int_equal(seen[channel - 40], 0);
        seen[channel - 40] = 1;
        in_order += channel == 40 + parts;
        parts++;
        kit_reply(200, "");
    }
    assert_int_equal(parts, 40);
    assert_true(in_order < 20);
    assert_string_equal(kit.events, "asked Catalog|answered Catalog 200");
    kit_end();
}

static void a_channel_is_asked_by_its_own_id(void **state)
{
    struct hf_cam_profile profile = {.channels = 5};

    (void)state;
    kit_begin(&profile);
    kit_register();
    kit_message(
        "<Query><CmdType>Catalog</CmdType><SN>7</SN><DeviceID>34020000001310000007</DeviceID></Query>");
    part(HF_CDP_CMD_CATALOG);
    assert_true(kit_has("<SumNum>1</SumNum>") &&
                kit_has("<Item>\r\n<DeviceID>34020000001310000007</DeviceID>"));
    kit_end();
}

static void nothing_was_recorded_in_the_future_or_at_no_time(void **state)
{
    static const char *const queries[] = {
        XML("Query", "RecordInfo",
            "<StartTime>2036-01-01T00:00:00</StartTime><EndTime>2036-01-02T00:00:00</EndTime>"),
        XML("Query", "RecordInfo", "<StartTime>yesterday</StartTime><EndTime>today</EndTime>"),
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(queries); i++) {
        kit_begin(NULL);
        kit_register();
        kit_message(queries[i]);
        part(HF_CDP_CMD_RECORD_INFO);
        assert_true(kit_has("<SumNum>0</SumNum>"));
        assert_false(kit_has("<Item>"));
        kit_end();
    }
}

/* A request that comes twice is answered twice and done once. */
static void a_repeated_request_is_done_once(void **state)
{
    (void)state;
    kit_begin(NULL);
    kit_register();
    for (int i = 0; i < 3; i++) {
        kit_ask("MESSAGE", 9, "Content-Type: Application/MANSCDP+xml\r\n", XML("Query", "DeviceInfo", ""));
        assert_int_equal(kit_status(), 200);
    }
    part(HF_CDP_CMD_DEVICE_INFO);
    kit_pass(200);
    kit_nothing();
    assert_int_equal(kit.world.stats.queries, 1);
    assert_int_equal(kit.world.stats.repeats_came, 2);
    kit_end();
}

static void more_queries_than_it_can_hold_are_refused(void **state)
{
    struct hf_cam_profile profile = {.slow_ms = 5000};

    (void)state;
    kit_begin(&profile);
    kit_register();
    for (int i = 0; i < HF_CAM_JOBS_MAX; i++)
        kit_message(XML("Query", "DeviceInfo", ""));
    kit_ask("MESSAGE", 0, "Content-Type: Application/MANSCDP+xml\r\n", XML("Query", "DeviceInfo", ""));
    assert_int_equal(kit_status(), 503);
    assert_in_range(kit_wait(HF_SIP_MESSAGE, 6000), 4990, 5040);
    kit_end();
}

static void a_silent_one_says_nothing_to_requests(void **state)
{
    struct hf_cam_profile profile = {.silent = true};

    (void)state;
    kit_begin(&profile);
    kit_register();
    kit_ask("MESSAGE", 0, "Content-Type: Application/MANSCDP+xml\r\n", XML("Query", "DeviceInfo", ""));
    kit_ask("OPTIONS", 0, "", "");
    kit_pass(400);
    kit_nothing();
    kit_end();
}

static void other_requests_get_their_status(void **state)
{
    static const struct {
        const char *method;
        unsigned status;
    } rows[] = {{"OPTIONS", 200}, {"BYE", 481},     {"INFO", 481}, {"CANCEL", 481},
                {"INVITE", 488},  {"PUBLISH", 405}, {"ZAP", 405}};

    (void)state;
    kit_begin(NULL);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        kit_ask(rows[i].method, 0, "", "");
        assert_int_equal(kit_status(), rows[i].status);
        assert_int_equal(hf_sip_has(&kit.msg, HF_SIP_ALLOW), rows[i].status == 405 || rows[i].status == 200);
    }
    kit_ask("ACK", 0, "", "");
    kit_nothing();
    kit_ask("MESSAGE", 0, "Content-Type: Application/MANSCDP+xml\r\n", "no XML");
    assert_int_equal(kit_status(), 400);
    kit_ask("MESSAGE", 0, "Content-Type: Application/MANSCDP+xml\r\n", XML("Query", "Unheard", ""));
    assert_int_equal(kit_status(), 200);
    kit_pass(100);
    kit_nothing();
    kit_end();
}

/* Names in the charset that the profile asks for. */
static void bodies_come_in_the_charset_asked_for(void **state)
{
    static const struct {
        enum hf_text_charset charset;
        enum hf_cdp_edition edition;
        const char *declared, *name;
    } rows[] = {
        {HF_TEXT_AUTO, HF_CDP_2016, "encoding=\"GB2312\"", "\xc9\xe3\xcf\xf1\xbb\xfa"},
        {HF_TEXT_AUTO, HF_CDP_2022, "encoding=\"GB18030\"", "\xc9\xe3\xcf\xf1\xbb\xfa"},
        {HF_TEXT_UTF8, HF_CDP_2016, "encoding=\"UTF-8\"", "摄像机"},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_cam_profile profile = {.charset = rows[i].charset, .edition = rows[i].edition};

        kit_begin(&profile);
        kit_register();
        kit_message(XML("Query", "DeviceInfo", ""));
        part(HF_CDP_CMD_DEVICE_INFO);
        assert_true(kit_has(rows[i].declared) && kit_has(rows[i].name));
        assert_true(hf_slice_is(kit.body.as.device_info.device_name, "摄像机"));
        kit_end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_query_is_answered_in_both_editions),
        cmocka_unit_test(every_order_with_a_result_is_answered_and_the_others_are_not),
        cmocka_unit_test(what_was_ordered_shows_in_the_next_answer),
        cmocka_unit_test(a_catalogue_comes_part_by_part),
        cmocka_unit_test(parts_come_in_any_order_and_several_at_once),
        cmocka_unit_test(a_channel_is_asked_by_its_own_id),
        cmocka_unit_test(nothing_was_recorded_in_the_future_or_at_no_time),
        cmocka_unit_test(a_repeated_request_is_done_once),
        cmocka_unit_test(more_queries_than_it_can_hold_are_refused),
        cmocka_unit_test(a_silent_one_says_nothing_to_requests),
        cmocka_unit_test(other_requests_get_their_status),
        cmocka_unit_test(bodies_come_in_the_charset_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
