#include "adapter/gb28181/gb_testkit.h"

static struct tk_reply reply;
static unsigned sn;

static void begin(const char *command, const char *json)
{
    kit_begin(NULL);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    kit_pass(0);
    kit_command(&reply, CAMERA, command, json);
    assert_true(kit_read());
    sn = kit_sn();
    kit_reply(200, "OK");
}

static const char *result(void)
{
    static char text[HF_GB_RESULT_BYTES_MAX + 16];
    struct hf_event event;

    tk_run(kit.tk);
    assert_true(reply.done);
    assert_int_equal(tk_count(kit.tk, HF_EVENT_COMMAND_DONE, &event), 1);
    memcpy(text, event.payload.at, event.payload.bytes);
    text[event.payload.bytes] = '\0';
    return text;
}

/* A part of a catalogue with channels first..last. */
static void part(unsigned first, unsigned last, unsigned sum)
{
    static char body[KIT_TEXT_MAX];
    struct hf_sb sb;

    hf_sb_init(&sb, body, sizeof(body));
    hf_sb_printf(&sb,
                 "<Response><CmdType>Catalog</CmdType><SN>%u</SN><DeviceID>" CAMERA
                 "</DeviceID><SumNum>%u</SumNum><DeviceList Num=\"%u\">",
                 sn, sum, last - first + 1);
    for (unsigned i = first; i <= last; i++)
        hf_sb_printf(&sb, "<Item><DeviceID>340200000013100%05u</DeviceID><Name>Gate %u</Name></Item>", i, i);
    hf_sb_text(&sb, "</DeviceList></Response>");
    assert_false(sb.overflow);
    assert_int_equal(kit_message(CAMERA, body), 200);
}

static void parts_in_any_order_are_one_answer(void **state)
{
    (void)state;
    begin("Catalog", "");
    part(3, 4, 5);
    part(5, 5, 5);
    part(3, 4, 5); /* twice */
    tk_run(kit.tk);
    assert_false(reply.done); /* five have come, two are missing */
    part(1, 2, 5);
    const char *text = result();
    assert_non_null(strstr(text, "\"complete\":true,\"sum_num\":5,\"count\":5,\"duplicates\":2,\"items\":["));
    for (unsigned i = 1; i <= 5; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "\"name\":\"Gate %u\"", i);
        const char *at = strstr(text, name);
        assert_non_null(at);
        assert_null(strstr(at + 1, name));
    }
    assert_int_equal(tk_count(kit.tk, HF_EVENT_MESSAGE, NULL), 0);
    part(1, 2, 5); /* what comes late is an event */
    assert_int_equal(kit_stats()->answers_late, 1);
    kit_end();
}

static void a_part_that_is_lost_makes_it_partial(void **state)
{
    (void)state;
    begin("Catalog", "");
    part(1, 2, 5);
    kit_pass(9900);
    part(5, 5, 5);
    kit_pass(9900); /* since the last one */
    assert_false(reply.done);
    kit_pass(200);
    assert_non_null(
        strstr(result(),
               "\"complete\":false,\"timer\":\"list_idle\",\"limit_ms\":10000,\"sum_num\":5,\"count\":3,"));
    assert_int_equal(kit_stats()->commands_partial, 1);
    kit_end();
}

static void an_empty_catalogue_is_complete(void **state)
{
    static char body[512];

    (void)state;
    begin("Catalog", "");
    (void)snprintf(body, sizeof(body),
                   "<Response><CmdType>Catalog</CmdType><SN>%u</SN><DeviceID>" CAMERA
                   "</DeviceID><SumNum>0</SumNum></Response>",
                   sn);
    assert_int_equal(kit_message(CAMERA, body), 200);
    assert_non_null(strstr(result(), "\"complete\":true,\"sum_num\":0,\"count\":0,\"items\":[]}"));
    kit_end();
}

static void ten_thousand_channels(void **state)
{
    enum { CHANNELS = 10000, STEP = 400 };

    (void)state;
    begin("Catalog", "");
    for (unsigned i = CHANNELS / STEP; i > 0; i--) /* the last first */
        part((i - 1) * STEP + 1, i * STEP, CHANNELS);
    assert_non_null(strstr(result(), "\"complete\":true,\"sum_num\":10000,\"count\":10000,"));
    assert_int_equal(kit_stats()->merge_bytes_now, 0);
    kit_end();
}

static void above_its_bound_a_list_is_cut_and_says_so(void **state)
{
    (void)state;
    begin("Catalog", "");
    kit.site->merges.bytes_max = 8192;
    for (unsigned i = 0; i < 5; i++)
        part(i * 100 + 1, i * 100 + 100, 500);
    assert_true(kit_stats()->merge_bytes_now <= 8192);
    kit_pass(10100);
    assert_non_null(strstr(result(), "\"complete\":false,"));
    assert_non_null(strstr(result(), "\"cut\":true,"));
    assert_true(kit_stats()->commands_cut > 0);
    kit_end();
}

#define RESPONSE(type, rest) \
    "<Response><CmdType>" type "</CmdType><SN>%u</SN><DeviceID>" CAMERA "</DeviceID>" rest "</Response>"

static void lists_of_other_kinds(void **state)
{
    static const struct {
        const char *command, *json, *parts[3], *want;
    } rows[] = {
        {"RecordInfo",
         "{\"start_time\":\"2026-01-01T00:00:00\",\"end_time\":\"2026-01-02T00:00:00\"}",
         {RESPONSE("RecordInfo", "<SumNum>2</SumNum><RecordList><Item><DeviceID>1</DeviceID><Name>a</Name>"
                                 "</Item></RecordList>"),
          RESPONSE("RecordInfo", "<SumNum>2</SumNum><RecordList><Item><DeviceID>1</DeviceID><Name>b</Name>"
                                 "</Item></RecordList>")},
         "\"complete\":true,\"sum_num\":2,\"count\":2,"},
        {"PresetQuery",
         "",
         {RESPONSE("PresetQuery", "<PresetList Num=\"1\"><Item><PresetID>1</PresetID></Item></PresetList>")},
         "\"complete\":true,\"count\":1,\"items\":[{\"preset_id\":1}]"},
        {"ConfigDownload",
         "{\"config_type\":\"BasicParam/VideoParamOpt\"}",
         {RESPONSE("ConfigDownload", "<Result>OK</Result><BasicParam><Name>n</Name></BasicParam>"),
          RESPONSE("ConfigDownload",
                   "<Result>OK</Result><VideoParamOpt><Resolution>5</Resolution></VideoParamOpt>")},
         "\"complete\":true,\"count\":2,"},
        {"ConfigDownload",
         "{\"config_type\":\"BasicParam\"}",
         {RESPONSE("ConfigDownload", "<Result>OK</Result><BasicParam><Name>n</Name></BasicParam>")},
         "\"basic_param\":{\"name\":\"n\"}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        begin(rows[i].command, rows[i].json);
        for (size_t j = 0; j < 3 && rows[i].parts[j] != NULL; j++) {
            static char body[2048];
            const char *at = strstr(rows[i].parts[j], "%u");

            assert_false(reply.done);
            (void)snprintf(body, sizeof(body), "%.*s%u%s", (int)(at - rows[i].parts[j]), rows[i].parts[j], sn,
                           at + 2);
            assert_int_equal(kit_message(CAMERA, body), 200);
            tk_run(kit.tk);
        }
        if (strstr(result(), rows[i].want) == NULL)
            fail_msg("row %zu: %s", i, result());
        kit_end();
    }
}

static void what_was_begun_is_given_up_with_the_device(void **state)
{
    (void)state;
    begin("Catalog", "");
    part(1, 2, 5);
    assert_true(kit_stats()->merge_bytes_now > 0);
    assert_int_equal(kit_register(CAMERA, 0), 200);
    assert_int_equal(kit_stats()->merge_bytes_now, 0);
    kit_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_in_any_order_are_one_answer),
        cmocka_unit_test(a_part_that_is_lost_makes_it_partial),
        cmocka_unit_test(an_empty_catalogue_is_complete),
        cmocka_unit_test(ten_thousand_channels),
        cmocka_unit_test(above_its_bound_a_list_is_cut_and_says_so),
        cmocka_unit_test(lists_of_other_kinds),
        cmocka_unit_test(what_was_begun_is_given_up_with_the_device),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
