#include "adapter/gb28181/gb_testkit.h"

#include <cjson/cJSON.h>

static char seen[16384], secret[33];

static bool visit(void *context, const struct hf_sip_trace_entry *entry)
{
    struct hf_sb *sb = context;
    const char *end = memchr(entry->text.at, '\r', entry->text.bytes);

    hf_sb_printf(sb, "%c%u %.*s\n", entry->sent ? '>' : '<', entry->count,
                 (int)(end ? end - entry->text.at : (long)entry->text.bytes), entry->text.at);
    if (secret[0] != '\0')
        assert_null(memmem(entry->text.at, entry->text.bytes, secret, strlen(secret)));
    return true;
}

static const char *trace_of(const char *device)
{
    struct hf_sb sb;

    hf_sb_init(&sb, seen, sizeof(seen));
    if (hf_gb_site_trace(kit.site, hf_slice_of(device), visit, &sb) != HF_OK)
        return "none";
    assert_false(sb.overflow);
    return seen;
}

#define REGISTER_LINE "<1 REGISTER sip:" SERVER "@" REALM " SIP/2.0\n"
#define MESSAGE_LINE  " MESSAGE sip:" SERVER "@" REALM " SIP/2.0\n"
#define REGISTERED    ">1 SIP/2.0 200 OK\n" REGISTER_LINE ">1 SIP/2.0 401 Unauthorized\n" REGISTER_LINE

static void both_directions_the_newest_first(void **state)
{
    (void)state;
    secret[0] = '\0';
    kit_begin(NULL);
    assert_string_equal(trace_of(CAMERA), "none");
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    assert_string_equal(trace_of(CAMERA), REGISTERED); /* what it said as a stranger is there, too */
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(kit_keepalive(), 200); /* without news: counted */
    assert_string_equal(trace_of(CAMERA), ">3 SIP/2.0 200 OK\n<3" MESSAGE_LINE REGISTERED);
    assert_int_equal(kit_message(CAMERA, KIT_XML("Notify", "Keepalive", "1", "<Status>ERROR</Status>")), 200);
    assert_string_equal(trace_of(CAMERA),
                        ">1 SIP/2.0 200 OK\n<1" MESSAGE_LINE ">3 SIP/2.0 200 OK\n<3" MESSAGE_LINE REGISTERED);
    assert_int_equal(kit_message(CAMERA, KIT_XML("Notify", "Alarm", "9", "")), 200);
    assert_non_null(strstr(trace_of(CAMERA), ">1 MESSAGE sip:" CAMERA "@192.0.2.10:5060 SIP/2.0\n"
                                             ">1 SIP/2.0 200 OK\n<1" MESSAGE_LINE));
    assert_int_equal(kit_register(SECOND, 3600), 200);
    assert_string_equal(trace_of(SECOND), REGISTERED); /* each its own */
    kit_end();
}

static void after_it_left_and_without_secrets(void **state)
{
    (void)state;
    kit_begin(NULL);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    assert_int_equal(kit_register(CAMERA, 0), 200);
    const char *response = strstr(kit.last, "response=\"");
    assert_non_null(response);
    memcpy(secret, response + 10, 32);
    kit_pass(HF_GB_REMEMBER_MS / 2);
    assert_string_equal(trace_of(CAMERA), REGISTERED REGISTERED);
    assert_int_equal(hf_gb_site_trace_stats(kit.site).added, 8);
    kit_pass(HF_GB_REMEMBER_MS);
    assert_string_equal(trace_of(CAMERA), "none");
    secret[0] = '\0';
    kit_end();
}

/* Who never gets in is what one wants to see; but it must not push out the others. */
static void strangers_have_one_too(void **state)
{
    char id[32];

    (void)state;
    kit_begin(NULL);
    kit.password = "wrong";
    assert_int_equal(kit_register(CAMERA, 3600), 403);
    assert_string_equal(trace_of(CAMERA), ">1 SIP/2.0 403 Forbidden\n" REGISTER_LINE
                                          ">1 SIP/2.0 401 Unauthorized\n" REGISTER_LINE);
    hf_gb_receive(kit.site, &kit.flow,
                  HF_SLICE("REGISTER sip:x SIP/2.0\r\nFrom: <sip:" CAMERA "@h>;tag=1\r\n\r\n"));
    assert_memory_equal(trace_of(CAMERA), "<1 REGISTER sip:x SIP/2.0\n",
                        26); /* broken: it was not answered */
    for (unsigned i = 0; i < 2 * HF_GB_KNOCKS_BURST; i++) {
        (void)snprintf(id, sizeof(id), "340200000013300%05u", i);
        kit_say("REGISTER", id, "", "");
        while (kit_read())
            ;
    }
    assert_int_equal(kit.site->knocks.count, HF_GB_KNOCKS_BURST - 2);
    assert_string_equal(trace_of(id), "none");
    assert_string_not_equal(trace_of(CAMERA), "none");
    for (unsigned i = 0; i < HF_GB_KNOCKS_MAX; i++) {
        kit_pass(1000 / HF_GB_KNOCKS_PER_SECOND);
        (void)snprintf(id, sizeof(id), "340200000013400%05u", i);
        kit_say("REGISTER", id, "", "");
        while (kit_read())
            ;
    }
    assert_int_equal(kit.site->knocks.count, HF_GB_KNOCKS_MAX); /* the oldest has gone */
    assert_string_equal(trace_of(CAMERA), "none");
    kit_say("REGISTER", "nobody", "", "");
    assert_string_equal(trace_of("nobody"), "none"); /* no device has such a name */
    kit_end();
}

static cJSON *ask(const char *device, uint64_t limit)
{
    struct hf_call *call = hf_call_new(HF_CALL_SIP, 0);
    cJSON *json = NULL;

    assert_non_null(call);
    call->device = hf_slice_of(device);
    call->targets = limit;
    hf_gb_site_call(kit.site, call);
    if (call->reason == HF_REASON_NONE) {
        json = cJSON_ParseWithLength(call->result, call->result_bytes);
        assert_non_null(json);
    } else {
        assert_int_equal(call->reason, HF_REASON_NOT_FOUND);
    }
    hf_call_free(call);
    return json;
}

static const char *text_of(const cJSON *entry, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(entry, name);

    assert_true(cJSON_IsString(item));
    return item->valuestring;
}

static void as_json(void **state)
{
    static char body[8192];
    cJSON *json, *entry;

    (void)state;
    kit_begin(NULL);
    assert_null(ask(CAMERA, 64));
    kit.flow = kit_flow(HF_SIP_TCP, 10, 5061);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    assert_int_equal(kit_keepalive(), 200);
    assert_int_equal(kit_keepalive(), 200);
    json = ask(CAMERA, 64);
    assert_int_equal(cJSON_GetArraySize(json), 6);
    entry = cJSON_GetArrayItem(json, 0);
    assert_string_equal(text_of(entry, "direction"), "out");
    assert_string_equal(text_of(entry, "transport"), "tcp");
    assert_string_equal(text_of(entry, "peer"), "192.0.2.10:5061");
    assert_string_equal(text_of(entry, "first_line"), "SIP/2.0 200 OK");
    assert_int_equal((int)cJSON_GetObjectItem(entry, "count")->valuedouble, 2);
    entry = cJSON_GetArrayItem(json, 3); /* the REGISTER with credentials */
    assert_string_equal(text_of(entry, "direction"), "in");
    assert_non_null(strstr(text_of(entry, "text"), "username=\"" CAMERA "\""));
    assert_non_null(strstr(text_of(entry, "text"), "response=***"));
    cJSON_Delete(json);
    json = ask(CAMERA, 1);
    assert_int_equal(cJSON_GetArraySize(json), 1);
    cJSON_Delete(json);
    /* A body in GB2312, cut at every place of a character. */
    for (unsigned shift = 0; shift < 4; shift++) {
        struct hf_sb sb;

        hf_sb_init(&sb, body, sizeof(body));
        hf_sb_add(&sb, "aaaa", shift);
        for (unsigned i = 0; i < 1500; i++)
            hf_sb_text(&sb, "\xd6\xd0\xce\xc4");
        (void)kit_message(CAMERA, body);
        json = ask(CAMERA, 2);
        entry = cJSON_GetArrayItem(json, 1);
        assert_true(cJSON_IsTrue(cJSON_GetObjectItem(entry, "cut")));
        assert_true((int)cJSON_GetObjectItem(entry, "bytes")->valuedouble > 6000);
        assert_non_null(strstr(text_of(entry, "text"), "\xe4\xb8\xad\xe6\x96\x87"));
        cJSON_Delete(json);
    }
    kit_end();
}

static void who_is_remembered_makes_room(void **state)
{
    struct hf_gb_options with = {.devices_max = 1};

    (void)state;
    kit_begin(&with);
    assert_int_equal(kit_register(CAMERA, 3600), 200);
    assert_int_equal(kit_register(CAMERA, 0), 200);
    assert_int_equal(kit_register(SECOND, 3600), 503); /* its guard is still needed */
    kit_pass(HF_SIP_NONCE_LIFETIME_MS + HF_SIP_NONCE_AHEAD_MS);
    assert_int_equal(kit_register(SECOND, 3600), 200);
    assert_null(hf_gb_device_find(kit.site, HF_SLICE(CAMERA)));
    kit_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_directions_the_newest_first),
        cmocka_unit_test(after_it_left_and_without_secrets),
        cmocka_unit_test(strangers_have_one_too),
        cmocka_unit_test(as_json),
        cmocka_unit_test(who_is_remembered_makes_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
