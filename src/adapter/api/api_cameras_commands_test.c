/* The camera routes that ask something of a camera: which command each is, what a body may hold, and how an answer, or none, reads. */
#include "adapter/api/gateway_testkit.h"

#define RECORDER "34020000001180000001"
#define CHANNEL  "34020000001310000001"
#define BASE     "/v1/cameras/" RECORDER "/" CHANNEL "/"

static void camera(void)
{
    struct hf_event event = {.type = HF_EVENT_ONLINE,
                             .epoch = 1,
                             .conn = 7,
                             .to = g.backend.boot,
                             .tenant = HF_SLICE("acme"),
                             .device = HF_SLICE(RECORDER),
                             .topic = HF_SLICE("gb28181")};

    gateway_apply(&event);
    g.connected = true;
    g.protocol = "gb28181";
    g.fate = HF_FATE_DONE;
    g.result = "{\"confirmed\":true,\"status\":200}";
}

static void each_route_is_a_command(void **state)
{
    static const struct {
        const char *method, *tail, *body, *want; /* name|idempotency key|payload */
    } rows[] = {
        {"POST", "ptz", "{\"pan\":-40,\"stop_after_ms\":500}",
         "PTZ||{\"device_id\":\"" CHANNEL "\",\"pan\":-40,\"stop_after_ms\":500}"},
        {"POST", "presets", "{\"action\":\"call\",\"preset\":3}",
         "PTZ||{\"device_id\":\"" CHANNEL "\",\"order\":\"preset_call\",\"preset\":3}"},
        {"GET", "presets", NULL, "PresetQuery||{\"device_id\":\"" CHANNEL "\"}"},
        {"POST", "home", "{\"enabled\":1}",
         "HomePosition||{\"device_id\":\"" CHANNEL "\",\"home_position\":{\"enabled\":1}}"},
        {"GET", "home", NULL, "HomePositionQuery||{\"device_id\""},
        {"POST", "cruise", "{\"action\":\"speed\",\"group\":1,\"value\":291}",
         "\"order\":\"cruise_speed\",\"group\":1,\"value\":291}"},
        {"POST", "cruise", "{\"action\":\"stop\"}", "PTZ||{\"device_id\":\"" CHANNEL "\",\"stop\":true}"},
        {"GET", "cruise", NULL, "CruiseTrackListQuery||"},
        {"POST", "drag-zoom",
         "{\"direction\":\"in\",\"length\":9,\"width\":8,\"mid_x\":1,\"mid_y\":2,\"length_x\":3,\"length_y\":"
         "4}",
         "DeviceControl||{\"device_id\":\"" CHANNEL "\",\"drag_zoom_in\":{\"length\":9,\"width\":8,\"mid_x\":"
         "1,\"mid_y\":2,\"length_x\":3,\"length_y\":4}}"},
        {"POST", "guard", "{\"set\":true}",
         "GuardCmd||{\"device_id\":\"" CHANNEL "\",\"guard\":\"SetGuard\"}"},
        {"POST", "guard", "{\"set\":false}", "\"guard\":\"ResetGuard\"}"},
        {"POST", "alarm-reset", "", "AlarmCmd||{\"device_id\":\"" CHANNEL "\"}"},
        {"POST", "alarm-reset", "{\"alarm_type\":\"2\"}", "\"info\":{\"alarm_type\":\"2\"}}"},
        {"POST", "record", "{\"record\":true,\"stream_number\":1}",
         "RecordCmd||{\"device_id\":\"" CHANNEL "\",\"record\":\"Record\",\"stream_number\":1}"},
        {"POST", "record", "{\"record\":false}", "\"record\":\"StopRecord\"}"},
        {"POST", "key-frame", "", "IFrameCmd||"},
        {"POST", "reboot", "{}", "TeleBoot||"},
        {"GET", "config", NULL,
         "ConfigDownload||{\"device_id\":\"" CHANNEL "\",\"config_type\":\"BasicParam\"}"},
        {"GET", "config?types=BasicParam/VideoParamOpt", NULL,
         "\"config_type\":\"BasicParam/VideoParamOpt\"}"},
        {"POST", "config", "{\"basic_param\":{\"name\":\"n\"}}",
         "DeviceConfig||{\"device_id\":\"" CHANNEL "\",\"basic_param\":{\"name\":\"n\"}}"},
        {"POST", "upgrade", "{\"firmware\":\"2\"}",
         "DeviceUpgrade||{\"device_id\":\"" CHANNEL "\",\"upgrade\":{\"firmware\":\"2\"}}"},
        {"POST", "snapshot-config", "{\"snap_num\":1}",
         "DeviceConfig||{\"device_id\":\"" CHANNEL "\",\"snapshot_config\":{\"snap_num\":1}}"},
        {"POST", "records", "{\"start_time\":\"2026-01-01T00:00:00\"}",
         "RecordInfo||{\"device_id\":\"" CHANNEL "\",\"start_time\":\"2026-01-01T00:00:00\"}"},
        {"GET", "info", NULL, "DeviceInfo||"},
        {"GET", "status", NULL, "DeviceStatus||"},
        {"GET", "position", NULL, "PTZPosition||"},
        {"GET", "storage", NULL, "SDCardStatus||"},
        {"POST", "play", "{\"stream\":1}", "Play||{\"channel\":\"" CHANNEL "\",\"stream\":1}"},
        {"POST", "playback", "{\"from\":1,\"until\":2}",
         "Playback||{\"channel\":\"" CHANNEL "\",\"from\":1,\"until\":2}"},
        {"POST", "download", "{\"speed\":4}", "Download||{\"channel\":\"" CHANNEL "\",\"speed\":4}"},
        {"POST", "talk", "{}", "Talk||{\"channel\":\"" CHANNEL "\"}"},
        {"POST", "stop", "", "Stop||{\"channel\":\"" CHANNEL "\"}"},
        {"POST", "stop", "{\"call\":\"ab\"}", "Stop||{\"call\":\"ab\"}"},
        {"POST", "pause", "{\"call\":\"ab\"}", "Pause||{\"call\":\"ab\"}"},
        {"POST", "resume", "{\"call\":\"ab\"}", "Resume||{\"call\":\"ab\"}"},
        {"POST", "speed", "{\"call\":\"ab\",\"scale\":2}", "Speed||{\"call\":\"ab\",\"scale\":2}"},
        {"POST", "seek", "{\"call\":\"ab\",\"range\":5}", "Seek||{\"call\":\"ab\",\"range\":5}"},
        {"GET", "calls", NULL, "Calls||{\"channel\":\"" CHANNEL "\"}"},
    };
    char target[256], want[512];

    (void)state;
    camera();
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        (void)snprintf(target, sizeof(target), BASE "%s", rows[i].tail);
        unsigned status = request(rows[i].method, target, rows[i].body);
        (void)snprintf(want, sizeof(want), "acme|" RECORDER "|%s", rows[i].want);
        if (status != 200 || strstr(g.last_text, rows[i].want[0] == '"' ? rows[i].want : want) == NULL)
            fail_msg("%s %s: %u %s", rows[i].method, rows[i].tail, status, g.last_text);
        assert_true(answer_has("\"state\":\"done\",\"confirmed\":true,\"result\":{\"confirmed\":true"));
        assert_true(answer_has("Location: /v1/commands/"));
    }
    assert_int_equal(request("POST", "/v1/cameras/" RECORDER "/catalog/refresh", ""), 200);
    assert_non_null(strstr(g.last_text, "|Catalog||{}"));
    assert_int_equal(request("GET", "/v1/cameras/" RECORDER "/calls", NULL), 200);
    assert_non_null(strstr(g.last_text, "|Calls||{}"));
}

static void wrong_bodies_name_the_field(void **state)
{
    static const char *const rows[][3] = {
        {"presets", "{\"preset\":1}", "action"},
        {"presets", "{\"action\":\"dance\",\"preset\":1}", "action"},
        {"presets", "{\"action\":\"call\"}", "preset"},
        {"presets", "{\"action\":\"call\",\"preset\":0}", "preset"},
        {"presets", "{\"action\":\"call\",\"preset\":1,\"speed\":1}", "speed"},
        {"presets", "{\"action\":\"call\",\"preset\":1,\"preset\":2}", "preset"},
        {"cruise", "{\"action\":\"stop\",\"group\":1}", "group"},
        {"cruise", "{\"action\":\"speed\",\"group\":256}", "group"},
        {"cruise", "{\"action\":\"speed\",\"value\":4096}", "value"},
        {"drag-zoom", "{\"direction\":\"in\"}", "length"},
        {"drag-zoom", "{\"direction\":\"up\"}", "direction"},
        {"guard", "{}", "set"},
        {"guard", "{\"set\":1}", "set"},
        {"record", "{\"record\":\"yes\"}", "record"},
        {"record", "{\"record\":true,\"stream_number\":-1}", "stream_number"},
        {"reboot", "{\"now\":true}", "now"},
        {"ptz", "{\"device_id\":\"1\"}", "device_id"},
        {"ptz", "[1]", "body"},
        {"ptz", "{", "body"},
        {"ptz?wait_ms=x", "{}", "wait_ms"},
        {"home", "{\"sn\":1}", "sn"},
    };
    char target[256], want[64];

    (void)state;
    camera();
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        (void)snprintf(target, sizeof(target), BASE "%s", rows[i][0]);
        (void)snprintf(want, sizeof(want), "\"field\":\"%s\"", rows[i][2]);
        g.last_text[0] = '\0';
        if (request("POST", target, rows[i][1]) != 400 || !answer_has(want))
            fail_msg("%s %s: %s", rows[i][0], rows[i][1], g.link.out);
        assert_string_equal(g.last_text, ""); /* nothing was asked of anybody */
    }
    assert_int_equal(request("GET", BASE "config?types=a%20b", NULL), 400);
    assert_true(answer_has("\"field\":\"types\""));
    assert_int_equal(request("GET", "/v1/cameras/" RECORDER "/a%20b/info", NULL), 400);
    assert_true(answer_has("\"field\":\"channel\""));
    assert_int_equal(request_with("POST", BASE "reboot", "Content-Type: text/plain\r\n", "x"), 415);
}

static void how_an_answer_reads(void **state)
{
    static const struct {
        enum hf_fate fate;
        const char *result;
        unsigned status;
        const char *want;
    } rows[] = {
        {HF_FATE_DONE, "{\"command\":\"DeviceInfo\",\"result\":\"OK\",\"model\":\"M\"}", 200,
         "\"confirmed\":true,\"result\":{\"command\":\"DeviceInfo\""},
        {HF_FATE_DONE, "{\"confirmed\":false,\"timer\":\"answer_wait\",\"limit_ms\":10000}", 202,
         "\"confirmed\":false,\"result\":{"},
        {HF_FATE_DONE, NULL, 200, "\"confirmed\":true}"},
        {HF_FATE_QUEUED, NULL, 202, "\"state\":\"queued\"}"},
        {HF_FATE_SENT, NULL, 202, "\"state\":\"sent\"}"},
        {HF_FATE_FAILED, "{\"confirmed\":false,\"status\":404,\"text\":\"Not Found\"}", 502,
         "\"detail\":\"the camera answered 404 Not Found\""},
        {HF_FATE_FAILED, "{\"confirmed\":false,\"status\":404,\"text\":\"Not Found\"}", 502,
         "\"reason\":\"device_refused\""},
        {HF_FATE_FAILED, "{\"confirmed\":false,\"reason\":\"stopped\"}", 502,
         "\"detail\":\"the session is over: stopped\""},
        {HF_FATE_FAILED, "{\"confirmed\":false,\"reason\":\"media_refused\",\"error\":\"limit\"}", 502,
         "\"detail\":\"the session is over: media_refused: limit\""},
        {HF_FATE_FAILED, "{\"confirmed\":false,\"reason\":\"bad_answer\",\"element\":\"m\"}", 502,
         "\"detail\":\"m: nothing can be made of it in the camera's answer\""},
        {HF_FATE_FAILED, "{\"confirmed\":false,\"status\":200,\"rtsp_status\":457}", 502,
         "\"detail\":\"the camera answered 457 (MANSRTSP)\""},
        {HF_FATE_FAILED, "{\"command\":\"DeviceControl\",\"result\":\"ERROR\"}", 502,
         "\"detail\":\"the camera answered ERROR\""},
        {HF_FATE_FAILED, "{\"confirmed\":false,\"reason\":\"bad_request\",\"element\":\"pan\"}", 400,
         "\"field\":\"pan\""},
        {HF_FATE_FAILED,
         "{\"confirmed\":false,\"reason\":\"bad_request\",\"element\":\"pan\",\"text\":\"-255 to 255\"}", 400,
         ": pan: -255 to 255\""},
        {HF_FATE_FAILED,
         "{\"confirmed\":false,\"reason\":\"not_implemented\",\"element\":\"PTZPreciseCtrl\"}", 501,
         "\"field\":\"PTZPreciseCtrl\""},
        {HF_FATE_FAILED, "{\"confirmed\":false,\"reason\":\"busy\"}", 503, "\"reason\":\"busy\""},
        {HF_FATE_FAILED, "{\"confirmed\":false,\"timer\":\"B\",\"limit_ms\":32000}", 504,
         "no answer within 32000 ms"},
        {HF_FATE_FAILED, "not json", 502, "\"state\":\"failed\""},
        {HF_FATE_FAILED, NULL, 502, "\"state\":\"failed\""},
        {HF_FATE_EXPIRED, NULL, 504, "\"reason\":\"deadline_exceeded\""},
        {HF_FATE_CANCELED, NULL, 409, "\"reason\":\"canceled\""},
    };

    (void)state;
    camera();
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        g.fate = rows[i].fate;
        g.result = rows[i].result != NULL && rows[i].result[0] == '{' ? rows[i].result : NULL;
        unsigned status = request("POST", BASE "ptz", "{\"pan\":1}");
        if (status != rows[i].status || !answer_has(rows[i].want))
            fail_msg("row %zu: %u %s", i, status, g.link.out);
        if (status >= 400) {
            assert_true(answer_has("Content-Type: application/problem+json"));
            assert_true(answer_has("\"name\":\"PTZ\",\"state\":"));
            if (g.result != NULL)
                assert_true(answer_has("\"result\":{"));
        }
    }
}

static void only_cameras_that_are_there_are_told(void **state)
{
    (void)state;
    camera();
    g.connected = false;
    assert_int_equal(request("POST", BASE "ptz", "{\"pan\":1}"), 409);
    assert_true(answer_has("\"reason\":\"device_offline\""));
    assert_int_equal(request("POST", "/v1/cameras/34020000001180000009/1/ptz", "{\"pan\":1}"), 404);
    g.connected = true;
    g.protocol = NULL; /* something else with that id */
    assert_int_equal(request("POST", "/v1/cameras/bike-1/1/ptz", "{\"pan\":1}"), 404);
    g.protocol = "gb28181";
    g.refuse_calls = true;
    assert_int_equal(request("POST", BASE "ptz", "{\"pan\":1}"), 503);
    g.refuse_calls = false;
    assert_int_equal(
        request_with("POST", BASE "ptz", "Authorization: Bearer " READ_KEY "\r\n", "{\"pan\":1}"), 403);
    assert_int_equal(request_with("GET", BASE "info", "Authorization: Bearer " READ_KEY "\r\n", NULL), 403);
}

static void keys_and_times_come_along(void **state)
{
    (void)state;
    camera();
    assert_int_equal(request_with("POST", BASE "ptz", "Idempotency-Key: k-1\r\n", "{\"pan\":1}"), 200);
    assert_non_null(strstr(g.last_text, "|PTZ|k-1|"));
    assert_true(g.last.wait && g.last.wait_ms == 20000 && g.last.ttl_ms == 60000);
    assert_int_equal(g.last.class, HF_CLASS_COMMAND);
    g.fate = HF_FATE_QUEUED;
    assert_int_equal(request("POST", BASE "records?wait_ms=0", "{}"), 202);
    assert_false(g.last.wait);
    assert_int_equal(g.last.ttl_ms, 600000);
    assert_int_equal(request_with("POST", BASE "ptz", "Idempotency-Key: \r\n", "{\"pan\":1}"), 400);
    /* The first request's answer. */
    memcpy(g.replayed_id, g.last.id, 16);
    g.replayed = true;
    assert_int_equal(request_with("POST", BASE "records", "Idempotency-Key: k-2\r\n", "{}"), 202);
    assert_true(answer_has("Idempotent-Replay: true"));
}

static void subscriptions(void **state)
{
    (void)state;
    camera();
    assert_int_equal(
        request("POST", "/v1/cameras/" RECORDER "/subscriptions", "{\"event\":\"alarm\",\"expires_s\":600}"),
        200);
    assert_non_null(strstr(g.last_text, "|Subscribe||{\"event\":\"alarm\",\"expires_s\":600}"));
    assert_int_equal(request("DELETE", "/v1/cameras/" RECORDER "/subscriptions?event=alarm", NULL), 200);
    assert_non_null(strstr(g.last_text, "|Unsubscribe||{\"event\":\"alarm\"}"));
    assert_int_equal(request("DELETE", "/v1/cameras/" RECORDER "/subscriptions", NULL), 400);
    assert_true(answer_has("\"field\":\"event\""));
    g.detail = "{\"edition\":\"2016\",\"subscriptions\":[{\"event\":\"alarm\",\"state\":\"active\"}]}";
    assert_int_equal(request("GET", "/v1/cameras/" RECORDER "/subscriptions", NULL), 200);
    assert_true(answer_has("{\"device\":\"" RECORDER
                           "\",\"subscriptions\":[{\"event\":\"alarm\",\"state\":\"active\"}]}"));
    assert_int_equal(request("GET", "/v1/cameras/" RECORDER, NULL), 200);
    assert_true(answer_has("\"gb28181\":{\"edition\":\"2016\""));
    g.connected = false;
    assert_int_equal(request("GET", "/v1/cameras/" RECORDER "/subscriptions", NULL), 200);
    assert_true(answer_has("\"subscriptions\":[]"));
    assert_int_equal(request("GET", "/v1/cameras/34020000001180000009/subscriptions", NULL), 404);
}

static void who_goes_away_meanwhile_harms_nothing(void **state)
{
    (void)state;
    camera();
    g.hold_calls = true;
    fake_clear(&g.link);
    fake_feed(&g.link, "POST " BASE "ptz HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer " ADMIN_KEY
                       "\r\nContent-Length: 9\r\n\r\n{\"pan\":1}");
    assert_int_equal(g.call_count, 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_route_is_a_command, gateway_setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(wrong_bodies_name_the_field, gateway_setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(how_an_answer_reads, gateway_setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(only_cameras_that_are_there_are_told, gateway_setup,
                                        gateway_teardown),
        cmocka_unit_test_setup_teardown(keys_and_times_come_along, gateway_setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(subscriptions, gateway_setup, gateway_teardown),
        cmocka_unit_test_setup_teardown(who_goes_away_meanwhile_harms_nothing, gateway_setup,
                                        gateway_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
