/* A channel as it is now: live.ps, .flv, .mp4 and snapshot.jpg. What watches is the test's. */
#include "adapter/api/gateway_testkit.h"
#include "codec/ps/es.h"

#define SOUND "/v1/cameras/34020000001110000001/34020000001310000001/sound"
#define LIVE  "/v1/cameras/34020000001110000001/34020000001310000001/live"

struct hf_view {
    struct hf_view_request request;
    void (*on_chunk)(struct hf_view *view, void *user, const struct hf_view_chunk *chunk);
    void *user;
    char device[65], channel[65], tenant[65], to[65];
    unsigned asked;
    bool open;
};

static struct hf_view view;
static hf_err refusal;
static struct hf_backend_ops ops;

static hf_err view_open(struct hf_backend *backend, const struct hf_view_request *wish,
                        void (*on_chunk)(struct hf_view *view, void *user, const struct hf_view_chunk *chunk),
                        void *user, struct hf_view **ret_view)
{
    (void)backend;
    if (refusal != HF_OK)
        return refusal;
    assert_false(view.open);
    view = (struct hf_view){.request = *wish, .on_chunk = on_chunk, .user = user, .open = true};
    snprintf(view.tenant, sizeof(view.tenant), "%.*s", (int)wish->tenant.bytes, wish->tenant.at);
    snprintf(view.device, sizeof(view.device), "%.*s", (int)wish->device.bytes, wish->device.at);
    snprintf(view.channel, sizeof(view.channel), "%.*s", (int)wish->channel.bytes, wish->channel.at);
    snprintf(view.to, sizeof(view.to), "%.*s", (int)wish->to.bytes, wish->to.at != NULL ? wish->to.at : "");
    *ret_view = &view;
    return HF_OK;
}

static void view_next(struct hf_view *asked)
{
    assert_true(asked->open);
    assert_int_equal(asked->asked, 0);
    asked->asked++;
}

static void view_close(struct hf_view *closed)
{
    assert_true(closed->open);
    closed->open = false;
}

static int setup(void **state)
{
    int failed = gateway_setup(state);

    ops = *g.backend.ops;
    ops.view_open = view_open;
    ops.view_next = view_next;
    ops.view_close = view_close;
    g.backend.ops = &ops;
    refusal = HF_OK;
    view = (struct hf_view){0};
    return failed;
}

static int teardown(void **state)
{
    int failed = gateway_teardown(state);

    assert_false(view.open);
    return failed;
}

static void chunk(const char *text, bool absent, bool end, hf_err err)
{
    assert_int_equal(view.asked, 1);
    view.asked = 0;
    view.on_chunk(
        &view, view.user,
        &(struct hf_view_chunk){
            .data = (const uint8_t *)text, .bytes = strlen(text), .absent = absent, .end = end, .err = err});
    if (!g.hold_calls)
        gateway_answer();
}

static bool form_has_target(enum hf_view_form form)
{
    return form != HF_VIEW_RTP || strcmp(view.to, "192.0.2.1:4000") == 0;
}

static void each_form_has_its_type(void **state)
{
    static const struct {
        const char *path, *type;
        enum hf_view_form form;
    } rows[] = {{"/live.ps", "video/mp2p", HF_VIEW_PS},
                {"/live.flv", "video/x-flv", HF_VIEW_FLV},
                {"/live.mp4", "video/mp4", HF_VIEW_MP4},
                {"/live.rtp?to=192.0.2.1:4000", "application/jsonl", HF_VIEW_RTP},
                {"/media", "application/json", HF_VIEW_STATS},
                {"/snapshot.jpg", "image/jpeg", HF_VIEW_JPEG}};
    char path[128], type[64];

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        snprintf(path, sizeof(path), "/v1/cameras/34020000001110000001/34020000001310000001%s", rows[i].path);
        snprintf(type, sizeof(type), "Content-Type: %s\r\n", rows[i].type);
        assert_int_equal(request("GET", path, NULL), 0); /* no head before there is something */
        assert_int_equal(view.request.form, rows[i].form);
        assert_true(form_has_target(rows[i].form));
        assert_string_equal(view.tenant, "acme");
        assert_string_equal(view.device, "34020000001110000001");
        assert_string_equal(view.channel, "34020000001310000001");
        chunk("picture", false, false, HF_OK);
        assert_int_equal(fake_status(&g.link), 200);
        assert_true(answer_has(type));
        assert_true(answer_has("7\r\npicture\r\n"));
        chunk("", false, true, HF_OK);
        assert_true(answer_has("0\r\n\r\n"));
        assert_false(view.open);
    }
    assert_int_equal(g.call_count, 0);
}

/* A MediaSource is told what MP4 holds by the type alone; a media element, which asks for a range, gets its first picture in the head. */
static void pages_are_told_what_mp4_holds(void **state)
{
    (void)state;
    request("GET", LIVE ".mp4", NULL);
    assert_false(view.request.picture_in_head);
    view.asked = 0;
    view.on_chunk(&view, view.user,
                  &(struct hf_view_chunk){
                      .data = (const uint8_t *)"box", .bytes = 3, .codecs = "avc1.64001f,mp4a.40.2"});
    assert_true(answer_has("Content-Type: video/mp4; codecs=\"avc1.64001f,mp4a.40.2\"\r\n"));
    chunk("", false, true, HF_OK);
    request_with("GET", LIVE ".mp4", "Range: bytes=0-\r\n", NULL);
    assert_true(view.request.picture_in_head);
    chunk("box", false, true, HF_OK);
    assert_int_equal(fake_status(&g.link), 200); /* there are no ranges of what has no end */
    request_with("GET", LIVE ".flv", "Range: bytes=0-\r\n", NULL);
    assert_false(view.request.picture_in_head);
    chunk("FLV", false, true, HF_OK);
}

static void who_watches_what_nobody_pulls_calls_the_camera(void **state)
{
    (void)state;
    g.fate = HF_FATE_DONE;
    g.result = "{\"confirmed\":true,\"call\":\"0100000000000001\"}";
    assert_int_equal(request("GET", LIVE ".flv", NULL), 0);
    chunk("", true, false, HF_OK);
    assert_string_equal(
        g.last_text,
        "acme|34020000001110000001|Play||{\"channel\":\"34020000001310000001\",\"until_unwatched\":true}");
    assert_int_equal(g.last.class, HF_CLASS_COMMAND);
    assert_true(g.last.wait);
    assert_int_equal(view.asked, 1); /* and waits */
    chunk("FLV", false, false, HF_OK);
    assert_int_equal(fake_status(&g.link), 200);
}

static void a_call_that_fails_is_told(void **state)
{
    static const struct {
        enum hf_fate fate;
        const char *result;
        enum hf_reason reason;
        unsigned status;
        const char *text;
    } rows[] = {
        {HF_FATE_DONE, "{\"confirmed\":false,\"reason\":\"busy\",\"status\":486}", HF_REASON_NONE, 502,
         "486"},
        {HF_FATE_DONE, "not JSON", HF_REASON_NONE, 502, "device_refused"},
        {HF_FATE_QUEUED, NULL, HF_REASON_NONE, 504, "deadline_exceeded"},
        {HF_FATE_QUEUED, NULL, HF_REASON_QUEUE_FULL, 429, "queue_full"}, /* the hub refused the command */
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        g.fate = rows[i].fate;
        g.result = rows[i].result;
        g.reason = rows[i].reason;
        assert_int_equal(request("GET", LIVE ".mp4", NULL), 0);
        chunk("", true, false, HF_OK);
        assert_int_equal(fake_status(&g.link), rows[i].status);
        assert_true(answer_has(rows[i].text));
        assert_false(view.open);
    }
}

/* The media came, by another watcher's call, before this one's answer. */
static void a_late_answer_harms_nobody(void **state)
{
    (void)state;
    g.hold_calls = true;
    g.fate = HF_FATE_FAILED;
    assert_int_equal(request("GET", LIVE ".ps", NULL), 0);
    chunk("", true, false, HF_OK);
    chunk("pack", false, false, HF_OK);
    assert_int_equal(fake_status(&g.link), 200);
    g.hold_calls = false;
    gateway_answer();
    assert_true(view.open);
    chunk("pack", false, false, HF_OK);
    assert_int_equal(fake_count(&g.link, "4\r\npack\r\n"), 2);
}

static void what_goes_wrong_before_the_first_byte_is_a_problem(void **state)
{
    static const struct {
        hf_err err;
        unsigned status;
        const char *text;
    } rows[] = {
        {HF_ERR_UNSUPPORTED, 415, "live.mp4"},   {HF_ERR_TIMEOUT, 504, "media.start_ms"},
        {HF_ERR_LIMIT, 503, "media.views_max"},  {HF_ERR_MALFORMED, 502, "decoded"},
        {HF_ERR_NOMEM, 503, "memory_limit"},     {HF_OK, 504, "deadline_exceeded"},
        {HF_ERR_NOT_FOUND, 404, "nobody pulls"},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        assert_int_equal(request("GET", LIVE ".flv", NULL), 0);
        chunk("", false, true, rows[i].err);
        assert_int_equal(fake_status(&g.link), rows[i].status);
        assert_true(answer_has(rows[i].text));
        assert_false(view.open);
    }
    assert_int_equal(request("GET", LIVE ".flv", NULL), 0);
    chunk("FLV", false, false, HF_OK);
    chunk("", false, true, HF_ERR_IO); /* later it is no proper end */
    assert_true(g.link.aborted);
}

static void wishes_are_looked_at(void **state)
{
    (void)state;
    assert_int_equal(request("GET", "/v1/cameras/a%20b/c/live.flv", NULL), 400);
    assert_true(answer_has("\"field\":\"camera\""));
    assert_int_equal(request("GET", "/v1/cameras/a/c%22d/live.flv", NULL), 400);
    assert_true(answer_has("\"field\":\"channel\""));
    assert_int_equal(request("GET", LIVE ".avi", NULL), 404);
    assert_int_equal(request_with("GET", LIVE ".flv", "Authorization: Bearer " READ_KEY "\r\n", NULL), 403);
    assert_int_equal(request("GET", LIVE ".flv?kind=talk", NULL), 400);
    assert_true(answer_has("\"field\":\"kind\""));
    assert_int_equal(request("GET", LIVE ".flv?kind=playback", NULL), 0);
    assert_int_equal(view.request.kind, 1);
    chunk("", false, true, HF_ERR_NOT_FOUND);
    assert_int_equal(fake_status(&g.link), 404);
    refusal = HF_ERR_UNSUPPORTED;
    assert_int_equal(request("GET", LIVE ".flv", NULL), 501);
    assert_true(answer_has("media.enabled"));
    refusal = HF_ERR_INVALID;
    assert_int_equal(request("GET", LIVE ".rtp?to=camera:1", NULL), 400);
    assert_true(answer_has("\"field\":\"to\""));
    refusal = HF_ERR_LIMIT;
    assert_int_equal(request("GET", LIVE ".flv", NULL), 503);
    refusal = HF_OK;
    g.api.limits.readers_max = 0;
    assert_int_equal(request("GET", LIVE ".flv", NULL), 503);
}

static void sound_is_said(void **state)
{
    static const struct {
        const char *headers, *query;
        enum hf_es_codec codec;
        bool last;
    } rows[] = {
        {"Content-Type: audio/PCMA\r\n", "", HF_ES_G711A, false},
        {"Content-Type: audio/pcma; rate=8000\r\n", "?last=true", HF_ES_G711A, true},
        {"Content-Type: audio/PCMU\r\n", "?last=false", HF_ES_G711U, false},
        {"Content-Type: audio/basic\r\n", "", HF_ES_G711U, false},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        char path[128];

        snprintf(path, sizeof(path), SOUND "%s", rows[i].query);
        assert_int_equal(request_with("POST", path, rows[i].headers, "la la"), 0); /* until it is taken */
        assert_int_equal(view.request.form, HF_VIEW_SPEAK);
        assert_int_equal(view.request.kind, 3);
        assert_int_equal(view.request.sound.bytes, 5);
        assert_int_equal(view.request.sound_codec, rows[i].codec);
        assert_int_equal(view.request.sound_last, rows[i].last);
        chunk("{\"said\":{}}\n", false, true, HF_OK);
        assert_int_equal(fake_status(&g.link), 200);
        assert_true(answer_has("Content-Type: application/json\r\n"));
        assert_true(answer_has("{\"said\":{}}\n"));
        assert_false(view.open);
    }
    assert_int_equal(g.call_count, 0);
}

static void what_cannot_be_said_is_a_problem(void **state)
{
    static const struct {
        hf_err err;
        unsigned status;
        const char *text;
    } rows[] = {
        {HF_ERR_NOT_FOUND, 404, "POST talk begins one"}, {HF_ERR_CLOSED, 404, "ended before"},
        {HF_ERR_EXISTS, 409, "somebody else"},           {HF_ERR_UNSUPPORTED, 415, "other codec"},
        {HF_ERR_TIMEOUT, 504, "no connection"},          {HF_ERR_NOMEM, 503, "memory_limit"},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        assert_int_equal(request_with("POST", SOUND, "Content-Type: audio/PCMA\r\n", "la"), 0);
        chunk("", false, true, rows[i].err);
        assert_int_equal(fake_status(&g.link), rows[i].status);
        assert_true(answer_has(rows[i].text));
    }
    assert_int_equal(request_with("POST", SOUND, "Content-Type: audio/mpeg\r\n", "la"), 415);
    assert_int_equal(request_with("POST", SOUND, "", "la"), 415);
    assert_int_equal(request_with("POST", SOUND "?last=2", "Content-Type: audio/PCMA\r\n", "la"), 400);
    assert_int_equal(request_with("POST", "/v1/cameras/c/ch%20x/sound", "Content-Type: audio/PCMA\r\n", "la"),
                     400);
    assert_int_equal(request("GET", SOUND, NULL), 405);
}

static void a_slow_watcher_is_asked_for_nothing_more_and_ends_with_its_key(void **state)
{
    (void)state;
    request("GET", LIVE ".ps", NULL);
    g.link.stuck = true;
    chunk("pack", false, false, HF_OK);
    assert_int_equal(view.asked, 0);
    fake_drain(&g.link);
    assert_int_equal(view.asked, 1);
    hf_api_use_keys(&g.api, g.keys + 1, 2);
    advance(1100);
    assert_false(view.open);
    assert_true(answer_has("0\r\n\r\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_form_has_its_type, setup, teardown),
        cmocka_unit_test_setup_teardown(pages_are_told_what_mp4_holds, setup, teardown),
        cmocka_unit_test_setup_teardown(who_watches_what_nobody_pulls_calls_the_camera, setup, teardown),
        cmocka_unit_test_setup_teardown(a_call_that_fails_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(a_late_answer_harms_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(what_goes_wrong_before_the_first_byte_is_a_problem, setup, teardown),
        cmocka_unit_test_setup_teardown(wishes_are_looked_at, setup, teardown),
        cmocka_unit_test_setup_teardown(sound_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_said_is_a_problem, setup, teardown),
        cmocka_unit_test_setup_teardown(a_slow_watcher_is_asked_for_nothing_more_and_ends_with_its_key, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
