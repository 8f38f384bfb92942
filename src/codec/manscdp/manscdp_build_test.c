/* codec/manscdp/manscdp_build_test.c - bodies as a platform, a device and a lower platform write them. */
#include "codec/manscdp/manscdp_testkit.h"

#include <cmocka.h>

#define ID "34020000001310000001"

static char wire[65536];
static struct hf_sb sb;
static const char *element;

static hf_err build(enum hf_cdp_edition edition, const struct hf_cdp_message *message)
{
    struct hf_cdp_writer writer = {.conv = &kit_conv, .edition = edition};

    element = NULL;
    hf_sb_init(&sb, wire, sizeof(wire));
    return hf_cdp_build(&writer, message, &sb, &element);
}

static struct hf_cdp_message of(enum hf_cdp_root root, enum hf_cdp_command command)
{
    return (struct hf_cdp_message){
        .root = root, .command = command, .sn = HF_CDP_INT(17), .device_id = HF_SLICE(ID)};
}

/* What stands behind the head, lines joined. */
static const char *lines(const char *root)
{
    static char text[sizeof(wire)];
    char head[256];
    size_t to = 0;
    const char *at;

    snprintf(head, sizeof(head), "<%s>\r\n", root);
    at = strstr(wire, head);
    assert_non_null(at);
    for (at += strlen(head); *at != '\0'; at++) {
        if (*at == '\n')
            assert_int_equal(at[-1], '\r');
        if (*at != '\r' && *at != '\n')
            text[to++] = *at;
    }
    text[to] = '\0';
    snprintf(head, sizeof(head), "</%s>", root);
    assert_true(to > strlen(head));
    assert_string_equal(text + to - strlen(head), head);
    text[to - strlen(head)] = '\0';
    at = strstr(text, "<DeviceID>" ID "</DeviceID>");
    return at != NULL ? at + strlen("<DeviceID>" ID "</DeviceID>") : text;
}

static void a_query_looks_as_in_the_standard(void **state)
{
    struct hf_cdp_message query = of(HF_CDP_ROOT_QUERY, HF_CDP_CMD_DEVICE_INFO);

    (void)state;
    assert_int_equal(build(HF_CDP_2016, &query), HF_OK);
    assert_string_equal(
        wire, "<?xml version=\"1.0\" encoding=\"GB2312\"?>\r\n<Query>\r\n<CmdType>DeviceInfo</CmdType>\r\n"
              "<SN>17</SN>\r\n<DeviceID>" ID "</DeviceID>\r\n</Query>\r\n");
    assert_int_equal(build(HF_CDP_2022, &query), HF_OK);
    assert_non_null(strstr(wire, "encoding=\"GB18030\""));
    struct hf_cdp_writer utf8 = {.conv = &kit_conv, .edition = HF_CDP_2016, .charset = HF_TEXT_UTF8};

    hf_sb_init(&sb, wire, sizeof(wire));
    assert_int_equal(hf_cdp_build(&utf8, &query, &sb, NULL), HF_OK);
    assert_non_null(strstr(wire, "encoding=\"UTF-8\""));
}

static void controls_of_both_editions(void **state)
{
    static const struct {
        struct hf_cdp_control order;
        const char *in_2016, *in_2022; /* NULL: is refused */
        const char *name;
        enum hf_cdp_answer answer;
    } rows[] = {
#define BOX                 \
    {.set = true,           \
     .length = {704, true}, \
     .width = {576, true},  \
     .mid_x = {1, true},    \
     .mid_y = {2, true},    \
     .length_x = {3, true}, \
     .length_y = {4, true}}
#define BOX_TEXT                                                                                         \
    "<Length>704</Length><Width>576</Width><MidPointX>1</MidPointX><MidPointY>2</MidPointY><LengthX>3</" \
    "LengthX><LengthY>4"                                                                                 \
    "</LengthY>"
#define SAME(text) text, text
        {{.ptz_cmd = HF_SLICE("A50F0100000000B5")},
         SAME("<PTZCmd>A50F0100000000B5</PTZCmd>"),
         "PTZCmd",
         HF_CDP_ANSWER_NONE},
        {{.ptz_cmd = HF_SLICE("A50F018100010037"),
          .ptz_params = {.set = true, .preset_name = HF_SLICE("大门")}},
         "<PTZCmd>A50F018100010037</PTZCmd>",
         "<PTZCmd>A50F018100010037</PTZCmd><PTZCmdParams><PresetName>\xb4\xf3\xc3\xc5</PresetName></"
         "PTZCmdParams>",
         "PTZCmd",
         HF_CDP_ANSWER_NONE},
        {{.tele_boot = HF_CDP_BOOT_BOOT}, SAME("<TeleBoot>Boot</TeleBoot>"), "TeleBoot", HF_CDP_ANSWER_NONE},
        {{.record = HF_CDP_TAPE_RECORD, .stream_number = {1, true}},
         "<RecordCmd>Record</RecordCmd>",
         "<RecordCmd>Record</RecordCmd><StreamNumber>1</StreamNumber>",
         "RecordCmd",
         HF_CDP_ANSWER_ONE},
        {{.record = HF_CDP_TAPE_STOP},
         SAME("<RecordCmd>StopRecord</RecordCmd>"),
         "RecordCmd",
         HF_CDP_ANSWER_ONE},
        {{.guard = HF_CDP_GUARD_SET}, SAME("<GuardCmd>SetGuard</GuardCmd>"), "GuardCmd", HF_CDP_ANSWER_ONE},
        {{.guard = HF_CDP_GUARD_RESET},
         SAME("<GuardCmd>ResetGuard</GuardCmd>"),
         "GuardCmd",
         HF_CDP_ANSWER_ONE},
        {{.alarm = HF_CDP_CLEAR_RESET,
          .info = {.set = true, .alarm_method = HF_SLICE("2"), .alarm_type = HF_SLICE("1")}},
         SAME("<AlarmCmd>ResetAlarm</AlarmCmd><Info><AlarmMethod>2</AlarmMethod><AlarmType>1</AlarmType></"
              "Info>"),
         "AlarmCmd",
         HF_CDP_ANSWER_ONE},
        {{.key_frame = HF_CDP_SEND_SEND},
         "<IFameCmd>Send</IFameCmd>",
         "<IFrameCmd>Send</IFrameCmd>",
         "IFameCmd",
         HF_CDP_ANSWER_NONE},
        {{.drag_zoom_in = BOX},
         SAME("<DragZoomIn>" BOX_TEXT "</DragZoomIn>"),
         "DragZoomIn",
         HF_CDP_ANSWER_NONE},
        {{.drag_zoom_out = BOX},
         SAME("<DragZoomOut>" BOX_TEXT "</DragZoomOut>"),
         "DragZoomOut",
         HF_CDP_ANSWER_NONE},
        {{.home_position =
              {.set = true, .enabled = {1, true}, .reset_time = {30, true}, .preset_index = {2, true}}},
         SAME("<HomePosition><Enabled>1</Enabled><ResetTime>30</ResetTime><PresetIndex>2</PresetIndex></"
              "HomePosition>"),
         "HomePosition",
         HF_CDP_ANSWER_ONE},
        {{.ptz_precise = {.set = true, .pan = {359.5, true}, .tilt = {-30, true}, .zoom = {1, true}}},
         NULL,
         "<PTZPreciseCtrl><Pan>359.5</Pan><Tilt>-30</Tilt><Zoom>1</Zoom></PTZPreciseCtrl>",
         "PTZPreciseCtrl",
         HF_CDP_ANSWER_NONE},
        {{.upgrade = {.set = true,
                      .firmware = HF_SLICE("V2"),
                      .file_url = HF_SLICE("http://h/f?a=1&b=2"),
                      .manufacturer = HF_SLICE("A"),
                      .session_id = HF_SLICE("s")}},
         NULL,
         "<DeviceUpgrade><Firmware>V2</Firmware><FileURL>http://h/f?a=1&amp;b=2</FileURL><Manufacturer>A</"
         "Manufacturer>"
         "<SessionID>s</SessionID></DeviceUpgrade>",
         "DeviceUpgrade",
         HF_CDP_ANSWER_ONE},
        {{.format_sd_card = {0, true}},
         NULL,
         "<FormatSDCard>0</FormatSDCard>",
         "FormatSDCard",
         HF_CDP_ANSWER_NONE},
        {{.target_track = HF_CDP_TRACK_MANUAL,
          .device_id2 = HF_SLICE("34020000001310000009"),
          .target_area = BOX},
         NULL,
         "<TargetTrack>Manual</TargetTrack><DeviceID2>34020000001310000009</DeviceID2><TargetArea>" BOX_TEXT
         "</TargetArea>",
         "TargetTrack",
         HF_CDP_ANSWER_NONE},
    };
    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_cdp_message order = of(HF_CDP_ROOT_CONTROL, HF_CDP_CMD_DEVICE_CONTROL);

        order.as.control = rows[i].order;
        assert_int_equal(build(HF_CDP_2022, &order), HF_OK);
        assert_string_equal(lines("Control"), rows[i].in_2022);
        assert_int_equal(build(HF_CDP_2016, &order), rows[i].in_2016 != NULL ? HF_OK : HF_ERR_UNSUPPORTED);
        if (rows[i].in_2016 != NULL)
            assert_string_equal(lines("Control"), rows[i].in_2016);
        else
            assert_string_equal(element, rows[i].name);
        assert_string_equal(hf_cdp_order_name(&order), rows[i].name);
        assert_int_equal(hf_cdp_answer_of(&order), rows[i].answer);
        assert_int_equal(hf_cdp_edition_of(&order), rows[i].in_2016 != NULL ? HF_CDP_2016 : HF_CDP_2022);
    }
}

static void what_is_missing_or_wrong_is_named(void **state)
{
    struct hf_cdp_message message = of(HF_CDP_ROOT_CONTROL, HF_CDP_CMD_DEVICE_CONTROL);

    (void)state;
#define REFUSED(edition, error, name)                  \
    assert_int_equal(build(edition, &message), error); \
    assert_string_equal(element, name);                \
    assert_string_equal(wire, "")
    REFUSED(HF_CDP_2016, HF_ERR_INVALID, "Control"); /* orders nothing */
    message.as.control.guard = 9;
    REFUSED(HF_CDP_2016, HF_ERR_INVALID, "GuardCmd");
    message.as.control = (struct hf_cdp_control){.drag_zoom_in = {.set = true, .length = {1, true}}};
    REFUSED(HF_CDP_2016, HF_ERR_INVALID, "width");
    message.as.control = (struct hf_cdp_control){.ptz_precise = {.set = true, .pan = {1e300, true}}};
    REFUSED(HF_CDP_2022, HF_ERR_INVALID, "Pan");
    message.as.control = (struct hf_cdp_control){.tele_boot = HF_CDP_BOOT_BOOT};
    message.sn.set = false;
    REFUSED(HF_CDP_2016, HF_ERR_INVALID, "SN");
    message = of(HF_CDP_ROOT_QUERY, HF_CDP_CMD_CATALOG);
    message.device_id = HF_SLICE("");
    REFUSED(HF_CDP_2016, HF_ERR_INVALID, "DeviceID");
    message = of(HF_CDP_ROOT_RESPONSE, HF_CDP_CMD_DEVICE_CONTROL);
    REFUSED(HF_CDP_2016, HF_ERR_INVALID, "Result");
    message = of(HF_CDP_ROOT_RESPONSE, HF_CDP_CMD_DEVICE_INFO);
    REFUSED(HF_CDP_2016, HF_ERR_INVALID, "result");
    message = of(HF_CDP_ROOT_QUERY, HF_CDP_CMD_KEEPALIVE);
    REFUSED(HF_CDP_2016, HF_ERR_INVALID, "CmdType");
    message = of(HF_CDP_ROOT_QUERY, HF_CDP_CMD_OTHER);
    REFUSED(HF_CDP_2016, HF_ERR_INVALID, "CmdType");
    message = of(HF_CDP_ROOT_QUERY, HF_CDP_CMD_SD_CARD_STATUS);
    REFUSED(HF_CDP_2016, HF_ERR_UNSUPPORTED, "CmdType");
    message = of(HF_CDP_ROOT_QUERY, HF_CDP_CMD_RECORD_INFO);
    REFUSED(HF_CDP_2016, HF_ERR_INVALID, "start_time");
    message = of(HF_CDP_ROOT_NOTIFY, HF_CDP_CMD_MEDIA_STATUS);
    message.as.media_status.notify_type = HF_CDP_INT(121);
    message.extras[0] = (struct hf_cdp_extra){.name = HF_SLICE("a b"), .value = HF_SLICE("x")};
    message.extra_count = 1;
    REFUSED(HF_CDP_2016, HF_ERR_INVALID, "ExtraInfo");
    message.extras[0].name = HF_SLICE("ExtraInfo");
    assert_int_equal(build(HF_CDP_2016, &message), HF_OK);
    assert_string_equal(lines("Notify"), "<NotifyType>121</NotifyType><ExtraInfo>x</ExtraInfo>");
}

static void configuration_and_its_other_name(void **state)
{
    struct hf_cdp_osd_text texts[] = {{.text = HF_SLICE("东门"), .x = {1, true}, .y = {2, true}},
                                      {.text = HF_SLICE("b")}};
    struct hf_cdp_message message = of(HF_CDP_ROOT_CONTROL, HF_CDP_CMD_DEVICE_CONFIG);

    (void)state;
    message.as.config.basic_param =
        (struct hf_cdp_basic_param){.set = true, .heartbeat_interval = {60, true}};
    assert_int_equal(build(HF_CDP_2016, &message), HF_OK);
    assert_string_equal(lines("Control"),
                        "<BasicParam><HeartBeatInterval>60</HeartBeatInterval></BasicParam>");
    message.as.config = (struct hf_cdp_config){.snapshot_config = {.set = true, .snap_num = {3, true}}};
    assert_int_equal(build(HF_CDP_2016, &message), HF_ERR_UNSUPPORTED);
    assert_int_equal(hf_cdp_edition_of(&message), HF_CDP_2022);
    assert_int_equal(build(HF_CDP_2022, &message), HF_OK);
    assert_string_equal(lines("Control"), "<SnapShotConfig><SnapNum>3</SnapNum></SnapShotConfig>");
    message.root = HF_CDP_ROOT_RESPONSE;
    message.command = HF_CDP_CMD_CONFIG_DOWNLOAD;
    message.result = HF_CDP_HEALTH_OK;
    assert_int_equal(build(HF_CDP_2022, &message), HF_OK);
    assert_string_equal(lines("Response"), "<Result>OK</Result><SnapShot><SnapNum>3</SnapNum></SnapShot>");
    assert_int_equal(build(HF_CDP_2016, &message), HF_OK); /* an older platform gets what it knows */
    assert_string_equal(lines("Response"), "<Result>OK</Result>");
    message.as.config =
        (struct hf_cdp_config){.osd_config = {.set = true, .texts = {.items = texts, .count = 2}}};
    assert_int_equal(build(HF_CDP_2022, &message), HF_OK);
    assert_string_equal(
        lines("Response"),
        "<Result>OK</Result><OSDConfig><Item><Text>\xb6\xab\xc3\xc5</Text><X>1</X><Y>2</Y></Item>"
        "<Item><Text>b</Text></Item></OSDConfig>");
}

static void opaque_markup_is_copied_when_it_is_clean(void **state)
{
    static const char *const wrong[] = {"<a>",          "</a>",         "<a></b></a>",
                                        "a & b",        "<a>&lt</a>",   "<a>&b;</a>",
                                        "a]]>b",        "1 < 2",        "<a></SVACEncodeConfig>",
                                        "<!DOCTYPE a>", "<![CDATA[x]]>"};
    struct hf_cdp_message message = of(HF_CDP_ROOT_CONTROL, HF_CDP_CMD_DEVICE_CONFIG);
    char big[HF_CDP_TEXT_BYTES_MAX + 1];

    (void)state;
    message.as.config.svac_encode_config = HF_SLICE("<ROI><N>大</N></ROI>");
    assert_int_equal(build(HF_CDP_2016, &message), HF_OK);
    assert_string_equal(lines("Control"), "<SVACEncodeConfig><ROI><N>\xb4\xf3</N></ROI></SVACEncodeConfig>");
    for (size_t i = 0; i < HF_COUNT_OF(wrong); i++) {
        message.as.config.svac_encode_config = hf_slice_of(wrong[i]);
        if (build(HF_CDP_2016, &message) != HF_ERR_INVALID)
            fail_msg("%s", wrong[i]);
    }
    memset(big, 'x', sizeof(big));
    message.as.config.svac_encode_config = (struct hf_slice){big, sizeof(big)};
    assert_int_equal(build(HF_CDP_2016, &message), HF_ERR_LIMIT);
}

static void numbers_have_no_exponent(void **state)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {{0, "0"},
                {-0.0, "0"},
                {1, "1"},
                {100, "100"},
                {-30.25, "-30.25"},
                {116.397128, "116.397128"},
                {0.000001, "0.000001"},
                {1e-12, "0"},
                {-1e-12, "0"},
                {1e15, "1000000000000000"}};
    struct hf_cdp_message message = of(HF_CDP_ROOT_RESPONSE, HF_CDP_CMD_PTZ_POSITION);
    char text[128];

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        message.as.ptz_position = (struct hf_cdp_ptz_position){.pan = HF_CDP_REAL(rows[i].value)};
        assert_int_equal(build(HF_CDP_2022, &message), HF_OK);
        snprintf(text, sizeof(text), "<Pan>%s</Pan>", rows[i].text);
        assert_string_equal(lines("Response"), text);
    }
}

static void a_position_is_one_or_a_list(void **state)
{
    struct hf_cdp_position_item item = {
        .device_id = HF_SLICE(ID), .longitude = {1, true}, .latitude = {2, true}};
    struct hf_cdp_message message = of(HF_CDP_ROOT_NOTIFY, HF_CDP_CMD_MOBILE_POSITION);

    (void)state;
    message.as.position = (struct hf_cdp_position){.time = HF_SLICE("2026-01-01T08:00:00"),
                                                   .longitude = {1, true},
                                                   .latitude = {2, true},
                                                   .sum_num = {1, true},
                                                   .devices = {.items = &item, .count = 1}};
    assert_int_equal(build(HF_CDP_2016, &message), HF_OK);
    assert_string_equal(lines("Notify"),
                        "<Time>2026-01-01T08:00:00</Time><Longitude>1</Longitude><Latitude>2</Latitude>");
    assert_int_equal(build(HF_CDP_2022, &message), HF_OK);
    assert_non_null(strstr(lines("Notify") - strlen("<DeviceID>" ID "</DeviceID>"),
                           "<SumNum>1</SumNum><DeviceList Num=\"1\"><Item>"));
}

static struct hf_cdp_catalog_item items[2000];

static struct hf_cdp_message catalog(size_t count)
{
    static char ids[2000][24];
    struct hf_cdp_message message = of(HF_CDP_ROOT_RESPONSE, HF_CDP_CMD_CATALOG);

    for (size_t i = 0; i < count; i++) {
        snprintf(ids[i], sizeof(ids[i]), "3402000000131%07u", (unsigned)i % 10000000);
        items[i] = (struct hf_cdp_catalog_item){
            .device_id = hf_slice_of(ids[i]), .name = HF_SLICE("大门"), .status = HF_CDP_STATUS_ON};
    }
    message.as.catalog = (struct hf_cdp_catalog){.sum_num = HF_CDP_INT((int64_t)count),
                                                 .devices = {.items = items, .count = count}};
    return message;
}

static void a_part_of_a_catalogue_fits_a_datagram(void **state)
{
    struct hf_cdp_writer writer = {.conv = &kit_conv, .edition = HF_CDP_2016};
    struct hf_cdp_message message = catalog(2000);
    struct hf_cdp_iter iter;
    struct hf_cdp_catalog_item item;
    size_t sent = 0, parts = 0, count;

    (void)state;
    while (sent < 2000) {
        struct hf_cdp_list *list = &message.as.catalog.devices;

        list->items = items + sent;
        list->count = 2000 - sent;
        hf_sb_init(&sb, wire, sizeof(wire));
        assert_int_equal(hf_cdp_build_part(&writer, &message, 1000, &sb, &count, NULL), HF_OK);
        assert_true(count >= 1 && sb.bytes <= 1000);
        if (sent + count < 2000) { /* one more would not have fitted */
            list->count = count + 1;
            char more[65536];
            struct hf_sb whole;

            hf_sb_init(&whole, more, sizeof(more));
            assert_int_equal(hf_cdp_build(&writer, &message, &whole, NULL), HF_OK);
            assert_true(whole.bytes > 1000);
        }
        assert_int_equal(kit_parse(hf_sb_done(&sb)), HF_OK);
        assert_int_equal(kit_message.tolerances, 0);
        assert_int_equal(kit_message.as.catalog.sum_num.value, 2000);
        assert_int_equal(kit_message.as.catalog.devices.num.value, count);
        hf_cdp_list_begin(&iter, &kit_message, &kit_message.as.catalog.devices, kit_item_scratch,
                          sizeof(kit_item_scratch));
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(hf_cdp_list_next(&iter, &item, sizeof(item)), HF_OK);
            assert_true(hf_slice_eq(item.device_id, items[sent + i].device_id));
        }
        assert_int_equal(hf_cdp_list_next(&iter, &item, sizeof(item)), HF_ERR_NOT_FOUND);
        sent += count;
        parts++;
    }
    assert_true(parts > 100);
    hf_sb_init(&sb, wire, sizeof(wire));
    message = catalog(1);
    assert_int_equal(hf_cdp_build_part(&writer, &message, 200, &sb, &count, NULL), HF_ERR_LIMIT);
    assert_int_equal(sb.bytes, 0);
    message = catalog(0);
    assert_int_equal(hf_cdp_build_part(&writer, &message, 1000, &sb, &count, NULL), HF_OK);
    assert_int_equal(count, 0);
    assert_null(strstr(wire, "DeviceList"));
    message.root = HF_CDP_ROOT_QUERY;
    assert_int_equal(hf_cdp_build_part(&writer, &message, 1000, &sb, &count, NULL), HF_ERR_INVALID);
    message = catalog(2);
    message.sn.set = false;
    assert_int_equal(hf_cdp_build_part(&writer, &message, 1000, &sb, &count, &element), HF_ERR_INVALID);
}

static void every_length_of_room_is_met(void **state)
{
    struct hf_cdp_writer writer = {.conv = &kit_conv, .edition = HF_CDP_2016};
    struct hf_cdp_message message = catalog(2);

    (void)state;
    assert_int_equal(build(HF_CDP_2016, &message), HF_OK);
    size_t bytes = sb.bytes;

    for (size_t room = 1; room <= bytes + 1; room++) {
        char *storage = malloc(room);
        struct hf_sb out;

        hf_sb_init(&out, storage, room);
        assert_int_equal(hf_cdp_build(&writer, &message, &out, NULL), room > bytes ? HF_OK : HF_ERR_LIMIT);
        assert_int_equal(out.bytes, room > bytes ? bytes : 0);
        assert_false(out.overflow);
        free(storage);
    }
    hf_sb_init(&sb, wire, 2);
    hf_sb_text(&sb, "xx");
    assert_int_equal(hf_cdp_build(&writer, &message, &sb, NULL), HF_ERR_LIMIT);
}

/* What came from below goes up: a parsed list is written again, in the charset and edition of the other side. */
static void a_parsed_list_is_written_again(void **state)
{
    struct hf_cdp_message message = catalog(3);
    static char first[sizeof(wire)];

    (void)state;
    assert_int_equal(build(HF_CDP_2016, &message), HF_OK);
    memcpy(first, wire, sizeof(wire));
    assert_int_equal(kit_parse(hf_sb_done(&sb)), HF_OK);
    assert_int_equal(build(HF_CDP_2016, &kit_message), HF_OK);
    assert_string_equal(wire, first);
}

/* What cannot be read of a peer is not handed on as if it could. */
static void what_was_unreadable_is_not_written(void **state)
{
    (void)state;
    assert_int_equal(
        kit_parse(HF_SLICE(
            HEAD
            "<Response><CmdType>ConfigDownload</CmdType><SN>17</SN><DeviceID>" ID
            "</DeviceID><Result>NO</Result>"
            "<FrameMirror>left</FrameMirror><VideoRecordPlan><RecordSchedule><WeekDayNum/>"
            "<TimeSegment><X>1</X></TimeSegment></RecordSchedule><RecordSchedule><WeekDayNum>2</WeekDayNum>"
            "</RecordSchedule></VideoRecordPlan><Item><Text>t</Text></Item><ExtraInfo>e</ExtraInfo>"
            "</Response>")),
        HF_OK);
    assert_null(
        kit_message.as.config.video_param_attribute.raw.at); /* items that could be anybody's are nobody's */
    kit_message.extras[2].markup = true;                     /* the Item */
    assert_int_equal(build(HF_CDP_2022, &kit_message), HF_OK);
    assert_string_equal(lines("Response"),
                        "<Result>ERROR</Result><VideoRecordPlan><RecordSchedule><WeekDayNum>2</WeekDayNum>"
                        "</RecordSchedule></VideoRecordPlan><ExtraInfo>e</ExtraInfo>");
}

/* Found by fuzzing: written back it would have been read as the list's first item, and what follows with it. */
static void a_stray_item_is_not_written(void **state)
{
    (void)state;
    assert_int_equal(
        kit_parse(HF_SLICE(HEAD "<Notify><CmdType>MobilePosition</CmdType><SN>17</SN><DeviceID>" ID
                                "</DeviceID><Time>2026-01-01T08:00:00</Time>"
                                "<DeviceList Num=\"1\"><A>1</A></DeviceList><Item></Item><V>1</V></Notify>")),
        HF_OK);
    assert_int_equal(kit_message.extra_count, 2);
    assert_int_equal(build(HF_CDP_2022, &kit_message), HF_OK);
    assert_string_equal(lines("Notify"),
                        "<Time>2026-01-01T08:00:00</Time><DeviceList Num=\"0\"></DeviceList><V>1</V>");
}

static void answers_and_editions_of_the_table(void **state)
{
    struct hf_cdp_message message = of(HF_CDP_ROOT_QUERY, HF_CDP_CMD_CATALOG);

    (void)state;
    assert_int_equal(hf_cdp_answer_of(&message), HF_CDP_ANSWER_MANY);
    message.command = HF_CDP_CMD_DEVICE_STATUS;
    assert_int_equal(hf_cdp_answer_of(&message), HF_CDP_ANSWER_ONE);
    assert_int_equal(hf_cdp_edition_of(&message), HF_CDP_2016);
    message.command = HF_CDP_CMD_CRUISE_TRACK;
    assert_int_equal(hf_cdp_edition_of(&message), HF_CDP_2022);
    message.command = HF_CDP_CMD_OTHER;
    assert_int_equal(hf_cdp_answer_of(&message), HF_CDP_ANSWER_NONE);
    assert_int_equal(hf_cdp_edition_of(&message), HF_CDP_2016);
    assert_null(hf_cdp_order_name(&message));
    message = of(HF_CDP_ROOT_NOTIFY, HF_CDP_CMD_ALARM);
    assert_int_equal(hf_cdp_answer_of(&message), HF_CDP_ANSWER_ONE);
    assert_null(hf_cdp_root_name(HF_CDP_ROOTS));
    assert_null(hf_cdp_command_name(HF_CDP_COMMANDS));
    assert_null(hf_cdp_command_name(HF_CDP_CMD_OTHER));
    for (unsigned i = 1; i < HF_CDP_COMMANDS; i++)
        assert_int_equal(hf_cdp_command_of(hf_slice_of(hf_cdp_command_name((enum hf_cdp_command)i))), i);
    assert_int_equal(hf_cdp_command_of(HF_SLICE("storagecardstatusquery")), HF_CDP_CMD_SD_CARD_STATUS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_looks_as_in_the_standard),
        cmocka_unit_test(controls_of_both_editions),
        cmocka_unit_test(what_is_missing_or_wrong_is_named),
        cmocka_unit_test(configuration_and_its_other_name),
        cmocka_unit_test(opaque_markup_is_copied_when_it_is_clean),
        cmocka_unit_test(numbers_have_no_exponent),
        cmocka_unit_test(a_position_is_one_or_a_list),
        cmocka_unit_test(a_part_of_a_catalogue_fits_a_datagram),
        cmocka_unit_test(every_length_of_room_is_met),
        cmocka_unit_test(a_parsed_list_is_written_again),
        cmocka_unit_test(what_was_unreadable_is_not_written),
        cmocka_unit_test(a_stray_item_is_not_written),
        cmocka_unit_test(answers_and_editions_of_the_table),
    };

    kit_open();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    kit_exact((struct hf_slice){NULL, 0});
    kit_close();
    return failed;
}
