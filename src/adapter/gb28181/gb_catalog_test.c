/* Lists of channels: asked for by the gateway itself, made into rows, whole or not at all. */
#include "adapter/gb28181/catalog.h"
#include "adapter/gb28181/gb_testkit.h"
#include "core/channels.h"

static unsigned sn;

static void begin(uint32_t per_second)
{
    struct hf_gb_options options = {.limits = {.catalog_per_second = per_second}};

    sn = 0;
    kit_begin(&options);
}

/* The next Catalog query that was sent, over repeats of it; false when there is none. */
static bool asked(void)
{
    while (kit_read())
        if (kit.msg.kind == HF_SIP_REQUEST && kit_has("<CmdType>Catalog</CmdType>") && kit_sn() != sn) {
            sn = kit_sn();
            return true;
        }
    return false;
}

static void comes(const char *device)
{
    assert_int_equal(kit_register(device, 3600), 200);
    kit_pass(0);
}

/* Until the gateway asks, at most so long. */
static bool waits_for_question(uint64_t ms)
{
    for (uint64_t passed = 0; passed < ms; passed += 100) {
        kit_pass(100);
        if (asked())
            return true;
    }
    return false;
}

static void part(const char *device, unsigned first, unsigned last, unsigned sum, const char *more)
{
    static char body[KIT_TEXT_MAX];
    struct hf_sb sb;

    hf_sb_init(&sb, body, sizeof(body));
    hf_sb_printf(&sb,
                 "<Response><CmdType>Catalog</CmdType><SN>%u</SN><DeviceID>%s</DeviceID><SumNum>%u</SumNum>",
                 sn, device, sum);
    hf_sb_printf(&sb, "<DeviceList Num=\"%u\">", last + 1 - first);
    for (unsigned i = first; i <= last; i++) {
        hf_sb_printf(&sb, "<Item><DeviceID>340200000013100%05u</DeviceID><Name>Gate %u</Name>", i, i);
        hf_sb_text(&sb, more);
        hf_sb_text(&sb, "</Item>");
    }
    hf_sb_text(&sb, "</DeviceList></Response>");
    assert_false(sb.overflow);
    assert_int_equal(kit_message(device, body), 200);
}

static struct hf_catalog_row catalog(const char *device)
{
    struct hf_catalog_row row = {0};
    struct hf_kv_txn *txn;

    tk_run(kit.tk);
    assert_int_equal(hf_kv_read(kit.tk->kv, &txn), HF_OK);
    (void)hf_catalog_get(txn, kit.tk->tenant.name, hf_slice_of(device), &row);
    hf_kv_end(txn);
    return row;
}

static enum hf_gb_catalog state(const char *device)
{
    return (enum hf_gb_catalog)hf_gb_device_find(kit.site, hf_slice_of(device))->catalog.now;
}

/* "ON" or the like of a channel; "" when it is not there. */
static const char *channel(const char *device, unsigned number)
{
    struct hf_channel_row row;
    struct hf_kv_txn *txn;
    char id[32];

    (void)snprintf(id, sizeof(id), "340200000013100%05u", number);
    assert_int_equal(hf_kv_read(kit.tk->kv, &txn), HF_OK);
    hf_err err = hf_channel_get(txn, kit.tk->tenant.name, hf_slice_of(device), catalog(device).generation,
                                hf_slice_of(id), &row);
    hf_kv_end(txn);
    return err == HF_OK ? hf_channel_status_name((unsigned)row.status) : "";
}

static void a_device_is_asked_once(void **state_)
{
    (void)state_;
    begin(20);
    comes(CAMERA);
    assert_true(waits_for_question(5000));
    assert_int_equal(state(CAMERA), HF_GB_CATALOG_QUERYING);
    kit_reply(200, "OK");
    part(CAMERA, 3, 4, 4, "<Status>OFF</Status>");
    assert_int_equal(catalog(CAMERA).count, 0);
    part(CAMERA, 1, 2, 4, "");
    assert_int_equal(catalog(CAMERA).count, 4);
    assert_int_equal(state(CAMERA), HF_GB_CATALOG_COMPLETE);
    assert_string_equal(channel(CAMERA, 1), "ON");
    assert_string_equal(channel(CAMERA, 4), "OFF");
    assert_int_equal(tk_count(kit.tk, HF_EVENT_COMMAND, NULL), 0); /* nobody's command */
    struct hf_event shadow;
    assert_int_equal(tk_count(kit.tk, HF_EVENT_SHADOW, &shadow), 1);
    assert_non_null(memmem(shadow.payload.at, shadow.payload.bytes, "\"reported\":{\"channels\":4}", 25));
    assert_int_equal(kit_stats()->catalogs_waiting, 0);
    /* A refresh, and even a new registration: the tables know it. */
    comes(CAMERA);
    assert_int_equal(kit_register(CAMERA, 0), 200);
    comes(CAMERA);
    assert_false(waits_for_question(60000));
    assert_int_equal(state(CAMERA), HF_GB_CATALOG_COMPLETE);
    assert_int_equal(kit_stats()->catalogs_asked, 1);
    kit_end();
}

static void an_old_list_is_asked_for_again_and_says_nothing_new(void **state_)
{
    (void)state_;
    begin(20);
    kit.site->limits.catalog_max_age_s = 100;
    comes(CAMERA);
    assert_true(waits_for_question(5000));
    kit_reply(200, "OK");
    part(CAMERA, 1, 2, 2, "");
    uint64_t generation = catalog(CAMERA).generation, complete_ms = catalog(CAMERA).complete_ms;
    assert_int_equal(kit_register(CAMERA, 0), 200);
    kit_pass(101000);
    comes(CAMERA);
    assert_true(waits_for_question(5000));
    kit_reply(200, "OK");
    part(CAMERA, 2, 2, 2, ""); /* the order is no news */
    part(CAMERA, 1, 1, 2, "");
    assert_int_equal(kit_stats()->catalogs_same, 1);
    assert_int_equal(tk_count(kit.tk, HF_EVENT_SHADOW, NULL), 1);
    assert_int_equal(catalog(CAMERA).generation, generation);
    assert_true(catalog(CAMERA).complete_ms >= complete_ms + 101000);
    kit_end();
}

static void what_a_complete_list_lacks_is_gone_and_what_a_partial_one_lacks_is_not(void **state_)
{
    struct tk_reply reply;

    (void)state_;
    begin(0);
    comes(CAMERA);
    kit_command(&reply, CAMERA, "Catalog", "");
    assert_true(asked());
    kit_reply(200, "OK");
    part(CAMERA, 1, 3, 3, "");
    assert_int_equal(catalog(CAMERA).count, 3);
    kit_command(&reply, CAMERA, "Catalog", "");
    assert_true(asked());
    kit_reply(200, "OK");
    part(CAMERA, 3, 4, 3, "<Status>OFF</Status>"); /* one is lost on the way */
    kit_pass(10100);
    assert_int_equal(state(CAMERA), HF_GB_CATALOG_PARTIAL);
    assert_int_equal(catalog(CAMERA).count, 4);
    assert_string_equal(channel(CAMERA, 1), "ON");
    assert_string_equal(channel(CAMERA, 3), "OFF");
    assert_string_equal(channel(CAMERA, 4), "OFF");
    kit_command(&reply, CAMERA, "Catalog", "");
    assert_true(asked());
    kit_reply(200, "OK");
    part(CAMERA, 2, 3, 2, "");
    assert_int_equal(state(CAMERA), HF_GB_CATALOG_COMPLETE);
    assert_int_equal(catalog(CAMERA).count, 2);
    assert_string_equal(channel(CAMERA, 1), "");
    assert_string_equal(channel(CAMERA, 4), "");
    /* Of one group: nothing about the others. */
    kit_command(&reply, CAMERA, "Catalog", "{\"device_id\":\"34020000002150000001\"}");
    assert_true(asked());
    kit_reply(200, "OK");
    part(CAMERA, 7, 7, 1, "");
    assert_int_equal(catalog(CAMERA).count, 3);
    assert_int_equal(kit_stats()->catalogs_whole, 2);
    kit_end();
}

/* Far above what a command's result holds. */
static void ten_thousand_channels_with_much_to_say(void **state_)
{
    enum { STEP = 40 };
    static char more[512];
    struct tk_reply reply;
    struct hf_event event;

    (void)state_;
    (void)snprintf(more, sizeof(more), "<Address>%0400d</Address>", 7);
    begin(0);
    comes(CAMERA);
    kit_command(&reply, CAMERA, "Catalog", "");
    assert_true(asked());
    kit_reply(200, "OK");
    for (unsigned i = HF_CHANNELS_MAX / STEP; i > 0; i--)
        part(CAMERA, (i - 1) * STEP + 1, i * STEP, HF_CHANNELS_MAX, more);
    assert_int_equal(catalog(CAMERA).count, HF_CHANNELS_MAX);
    assert_true(reply.done);
    assert_int_equal(tk_count(kit.tk, HF_EVENT_COMMAND_DONE, &event), 1);
    assert_true(event.payload.bytes <= HF_GB_RESULT_BYTES_MAX);
    assert_non_null(memmem(event.payload.at, event.payload.bytes, "\"complete\":true", 15));
    assert_non_null(memmem(event.payload.at, event.payload.bytes, "\"cut\":true,\"shown\":", 19));
    assert_int_equal(hf_json_scan(event.payload.at, event.payload.bytes, NULL, 0, 0), HF_OK);
    assert_int_equal(kit_stats()->merge_bytes_now, 0);
    /* One more than there may be is no complete list. */
    kit_command(&reply, CAMERA, "Catalog", "");
    assert_true(asked());
    kit_reply(200, "OK");
    for (unsigned i = 0; i <= HF_CHANNELS_MAX / 1000; i++)
        part(CAMERA, i * 500 + 1, i * 500 + 500, HF_CHANNELS_MAX + 1, "");
    for (unsigned i = HF_CHANNELS_MAX / 1000 + 1; i <= HF_CHANNELS_MAX / 500; i++)
        part(CAMERA, i * 500 + 1, i * 500 + 500, HF_CHANNELS_MAX + 1, "");
    kit_pass(10100);
    assert_int_equal(state(CAMERA), HF_GB_CATALOG_PARTIAL);
    assert_int_equal(catalog(CAMERA).count, HF_CHANNELS_MAX);
    kit_end();
}

static void no_answer_is_asked_for_again_a_few_times(void **state_)
{
    unsigned questions = 0;

    (void)state_;
    begin(20);
    assert_int_equal(kit_register(CAMERA, 86400), 200);
    for (unsigned minutes = 0; minutes < 300; minutes++) {
        (void)kit_keepalive();
        for (unsigned i = 0; i < 60; i++)
            if (waits_for_question(1000)) {
                assert_int_equal(state(CAMERA), HF_GB_CATALOG_QUERYING);
                kit_reply(questions % 2 ? 404 : 200, "what it says");
                questions++;
            }
    }
    assert_int_equal(questions, HF_GB_CATALOG_TRIES);
    assert_int_equal(kit_stats()->catalogs_given_up, 1);
    assert_int_equal(kit_stats()->catalogs_unanswered, HF_GB_CATALOG_TRIES);
    assert_int_equal(state(CAMERA), HF_GB_CATALOG_NONE);
    kit_end();
}

static void a_fleet_is_not_asked_all_at_once(void **state_)
{
    enum { FLEET = 60, PER_SECOND = 5 };
    unsigned questions = 0, seconds = 0;
    char id[32];

    (void)state_;
    begin(PER_SECOND);
    for (unsigned i = 0; i < FLEET; i++) {
        (void)snprintf(id, sizeof(id), "3402000000132%07u", i);
        assert_int_equal(kit_register(id, 3600), 200);
    }
    while (kit_stats()->catalogs_asked < FLEET && seconds < 300) {
        uint64_t before = kit_stats()->catalogs_asked;

        for (unsigned i = 0; i < 10; i++) {
            kit_pass(100);
            while (kit_read())
                if (kit.msg.kind == HF_SIP_REQUEST) {
                    char to[32];

                    (void)snprintf(to, sizeof(to), "%.*s", (int)kit.msg.to.uri.user.bytes,
                                   kit.msg.to.uri.user.at);
                    if (!kit_has("Catalog"))
                        continue;
                    sn = kit_sn();
                    kit_reply(200, "OK");
                    part(to, 1, 1, 1, "");
                    questions++;
                }
        }
        seconds++;
        assert_true(kit_stats()->catalogs_asked - before <= 2 * PER_SECOND); /* the bucket and its refill */
    }
    assert_int_equal(questions, FLEET);
    assert_in_range(seconds, FLEET / PER_SECOND / 2, 60);
    assert_int_equal(kit_stats()->catalogs_whole, FLEET);
    kit_end();
}

static void a_log_that_is_full_loses_the_list_and_it_is_asked_for_again(void **state_)
{
    (void)state_;
    begin(20);
    comes(CAMERA);
    assert_true(waits_for_question(5000));
    kit_reply(200, "OK");
    tk_run(kit.tk);
    kit.tk->refuse = HF_ERR_LIMIT;
    kit.tk->refuse_after = 1; /* the part, not its commit */
    part(CAMERA, 1, 2, 2, "");
    kit.tk->refuse = HF_OK;
    assert_int_equal(kit_stats()->catalogs_lost, 1);
    assert_int_equal(catalog(CAMERA).count, 0);
    assert_true(waits_for_question(90000));
    kit_reply(200, "OK");
    part(CAMERA, 1, 2, 2, "");
    assert_int_equal(catalog(CAMERA).count, 2);
    kit_end();
}

static void off_is_off(void **state_)
{
    (void)state_;
    begin(HF_GB_CATALOGS_OFF);
    comes(CAMERA);
    assert_false(waits_for_question(60000));
    assert_int_equal(kit_stats()->catalogs_waiting, 0);
    kit_end();
    begin(20);
    comes(CAMERA);
    struct hf_gb_limits limits = {.catalog_per_second = HF_GB_CATALOGS_OFF};
    assert_int_equal(hf_gb_site_set_limits(kit.site, &limits), HF_OK);
    assert_false(waits_for_question(60000));
    assert_int_equal(kit_stats()->catalogs_waiting, 0);
    limits.catalog_per_second = HF_GB_CATALOGS_OFF + 1;
    assert_int_equal(hf_gb_site_set_limits(kit.site, &limits), HF_ERR_INVALID);
    kit_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_is_asked_once),
        cmocka_unit_test(an_old_list_is_asked_for_again_and_says_nothing_new),
        cmocka_unit_test(what_a_complete_list_lacks_is_gone_and_what_a_partial_one_lacks_is_not),
        cmocka_unit_test(ten_thousand_channels_with_much_to_say),
        cmocka_unit_test(no_answer_is_asked_for_again_a_few_times),
        cmocka_unit_test(a_fleet_is_not_asked_all_at_once),
        cmocka_unit_test(a_log_that_is_full_loses_the_list_and_it_is_asked_for_again),
        cmocka_unit_test(off_is_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
