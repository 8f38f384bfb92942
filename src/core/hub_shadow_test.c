/* Shadows at their home: durable before they are answered, conflicts, limits and labels. */
#include "codec/json/scan.h"
#include "core/hub_shadow_testkit.h"

static void a_change_is_one_record_and_durable_before_its_answer(void **state)
{
    struct tk *tk = *state;
    struct told first, read;
    struct hf_event event;

    ask(tk, (struct ask){.read = true}, &first);
    assert_true(first.done && first.reason == HF_REASON_NONE); /* each known device has one */
    assert_int_equal(first.version, 0);
    assert_string_equal(first.json, "");
    ask(tk, (struct ask){.json = "{\"desired\":{\"a\":1}}"}, &first);
    ask(tk, (struct ask){.read = true}, &read);
    assert_false(first.done || read.done);
    tk_run(tk);
    assert_true(first.done && read.done);
    assert_int_equal(first.version, 1);
    assert_int_equal(first.made, 1);
    assert_int_equal(first.labels, 1 << HF_LABEL_STORED);
    assert_non_null(strstr(read.json, "\"desired\":{\"a\":1},\"metadata\":{\"/desired/a\":[1,"));
    assert_null(strstr(read.json, "\"change\""));
    assert_int_equal(tk_count(tk, HF_EVENT_SHADOW, &event), 1);
    assert_true(hf_slice_is(event.device, "d") && hf_slice_is(event.key, "key/k"));
    assert_null(event.topic.at);
    assert_int_equal(event.seq, 1);
    assert_int_equal(event.to, tk->hub.utc_ms);
    assert_int_equal(change(tk, "{\"desired\":{\"a\":1}}").version, 1); /* it is so: no record */
    assert_int_equal(tk_count(tk, HF_EVENT_SHADOW, &event), 1);
    assert_int_equal(tk->hub.stats.shadows_changed, 1);
    assert_int_equal(tk->hub.stats.shadows, 1);
    assert_int_equal(tk_count(tk, HF_EVENT_DOCUMENT, &event), 0);
}

static void refusals_are_counted_and_bring_what_is(void **state)
{
    struct tk *tk = *state;
    struct told told;

    assert_int_equal(change(tk, "{\"desired\":{\"a\":1}}").reason, HF_REASON_NONE);
    ask(tk, (struct ask){.json = "{\"desired\":{\"a\":2}}", .base = 7}, &told);
    assert_int_equal(told.reason, HF_REASON_VERSION_CONFLICT);
    assert_non_null(strstr(told.json, "\"desired\":{\"a\":1}"));
    ask(tk, (struct ask){.json = "{\"reported\":{\"a\":2}}", .sections = DESIRED}, &told);
    assert_int_equal(told.reason, HF_REASON_FORBIDDEN);
    assert_string_equal(told.json, "");
    ask(tk, (struct ask){.json = "{\"desired\":{\"a\":2}}", .device = "never"}, &told);
    assert_int_equal(told.reason, HF_REASON_NOT_FOUND);
    ask(tk, (struct ask){.read = true, .device = "never"}, &told);
    assert_int_equal(told.reason, HF_REASON_NOT_FOUND);
    ask(tk, (struct ask){.read = true, .name = "none"}, &told);
    assert_int_equal(told.reason, HF_REASON_NOT_FOUND);
    ask(tk, (struct ask){.json = "{\"desired\":{\"a\":2}}", .device = ""}, &told);
    assert_int_equal(told.reason, HF_REASON_BAD_REQUEST);
    assert_int_equal(tk->hub.stats.shadows_refused[HF_REASON_VERSION_CONFLICT], 1);
    assert_int_equal(tk->hub.stats.shadows_refused[HF_REASON_FORBIDDEN], 1);
    assert_int_equal(tk->hub.stats.shadows_refused[HF_REASON_NOT_FOUND], 1); /* reading is not changing */
}

/* The rule is the change's, else the shadow's, else the tenant's; the record has what was done. */
static void the_rule_of_a_change(void **state)
{
    struct tk *tk = *state;
    struct told told;
    struct hf_event event;

    assert_int_equal(change(tk, "{\"desired\":{\"a\":1,\"b\":1}}").version, 1);
    assert_int_equal(change(tk, "{\"desired\":{\"b\":2}}").version, 2);
    ask(tk, (struct ask){.json = "{\"desired\":{\"a\":3,\"b\":3}}", .base = 1}, &told);
    assert_int_equal(told.reason, HF_REASON_VERSION_CONFLICT); /* a tenant that says nothing has `version` */
    tk->rules.shadow.merge = HF_MERGE_OPLOG;
    told = device_says(tk, "{\"reported\":{\"r\":1},\"desired\":{\"a\":3,\"b\":3}}", 1);
    assert_int_equal(told.reason, HF_REASON_NONE);
    assert_string_equal(told.json, "{\"version\":3,\"delta\":{\"a\":3,\"b\":2},"
                                   "\"refused\":[{\"path\":\"/desired/b\",\"version\":2}]}");
    assert_int_equal(tk->hub.stats.shadow_operations_refused, 1);
    (void)tk_count(tk, HF_EVENT_SHADOW, &event);
    struct hf_json_field done = HF_JSON_FIELD("change");
    assert_int_equal(hf_json_scan(event.payload.at, event.payload.bytes, &done, 1, 0), HF_OK);
    assert_true(hf_slice_is(done.raw, "{\"reported\":{\"r\":1},\"desired\":{\"a\":3}}"));
    ask(tk, (struct ask){.json = "{\"merge\":\"lww\"}", .sections = DESIRED | HF_SHADOW_RULE}, &told);
    tk_run(tk);
    assert_int_equal(told.version, 4);
    ask(tk, (struct ask){.json = "{\"desired\":{\"b\":9}}", .base = 1}, &told);
    tk_run(tk);
    assert_int_equal(told.version, 5); /* by the shadow's own */
    told = device_says(tk, "{\"merge\":\"oplog\"}", 0);
    assert_int_equal(told.reason, HF_REASON_FORBIDDEN);
}

static void changes_have_a_rate(void **state)
{
    struct tk *tk = *state;
    struct told told = {.done = false};
    char json[64];

    tk->rules.shadow.changes = (struct hf_rate_limit){10, 3};
    for (unsigned i = 1; i <= 3; i++) {
        (void)snprintf(json, sizeof(json), "{\"desired\":{\"a\":%u}}", i);
        assert_int_equal(change(tk, json).version, i);
    }
    told = change(tk, "{\"desired\":{\"a\":9}}");
    assert_int_equal(told.reason, HF_REASON_RATE_LIMIT);
    assert_int_equal(told.limit, 10);
    assert_in_range(told.retry_ms, 1, 100);
    tk_advance(tk, told.retry_ms);
    assert_int_equal(change(tk, "{\"desired\":{\"a\":9}}").version, 4);
}

static void names_are_bounded_and_apart(void **state)
{
    struct tk *tk = *state;
    static const char *const names[] = {"a", "b", "c", "d"};
    struct told told;

    assert_int_equal(change(tk, "{\"desired\":{\"x\":0}}").reason,
                     HF_REASON_NONE); /* the unnamed one does not count */
    for (unsigned i = 0; i < HF_COUNT_OF(names); i++) {
        ask(tk, (struct ask){.name = names[i], .json = "{\"desired\":{\"x\":1}}"}, &told);
        tk_run(tk);
        assert_int_equal(told.reason, HF_REASON_NONE);
        assert_int_equal(told.version, 1);
    }
    ask(tk, (struct ask){.name = "e", .json = "{\"desired\":{\"x\":1}}"}, &told);
    assert_int_equal(told.reason, HF_REASON_TENANT_LIMIT);
    assert_int_equal(told.limit, 4);
    ask(tk, (struct ask){.name = "d", .json = "{\"desired\":{\"x\":2}}"}, &told);
    tk_run(tk);
    assert_int_equal(told.version, 2);
    ask(tk, (struct ask){.read = true}, &told);
    assert_non_null(strstr(told.json, "\"desired\":{\"x\":0}"));
}

static void limits_are_the_tenants(void **state)
{
    struct tk *tk = *state;

    tk->rules.shadow.section_bytes_max = 300;
    tk->rules.shadow.depth_max = 2;
    char json[400];
    (void)snprintf(json, sizeof(json), "{\"desired\":{\"a\":\"%0300d\"}}", 0);
    struct told told = change(tk, json);
    assert_int_equal(told.reason, HF_REASON_MESSAGE_TOO_BIG);
    assert_int_equal(told.over, HF_SHADOW_OVER_BYTES);
    assert_int_equal(told.over_section, 1); /* desired */
    assert_int_equal(told.limit, 300);
    assert_int_equal(told.observed, 308);
    told = change(tk, "{\"desired\":{\"a\":{\"b\":{}}}}");
    assert_int_equal(told.reason, HF_REASON_MESSAGE_TOO_BIG);
    assert_int_equal(told.over, HF_SHADOW_OVER_DEPTH);
    assert_int_equal(told.limit, 2);
    assert_int_equal(change(tk, "{\"desired\":{\"a\":{\"b\":1}}}").reason, HF_REASON_NONE);
}

static void an_older_connection_is_fenced(void **state)
{
    struct tk *tk = *state;
    struct hf_devconn *dev = &tk->conns[TK_CONNS - 1].dev;
    struct told told;

    assert_int_equal(device_says(tk, "{\"reported\":{\"a\":1}}", 0).version, 1);
    ask(tk,
        (struct ask){.json = "{\"reported\":{\"a\":2}}",
                     .conn = 77,
                     .epoch = dev->device->epoch - 1,
                     .sections = REPORTED},
        &told);
    assert_int_equal(told.reason, HF_REASON_REPLACED);
    assert_int_equal(device_says(tk, "{\"tags\":{\"a\":1}}", 0).reason, HF_REASON_FORBIDDEN);
}

static void a_device_reads_its_delta(void **state)
{
    struct tk *tk = *state;
    struct told told = device_says(tk, NULL, 0);

    assert_int_equal(told.reason, HF_REASON_NOT_FOUND);
    assert_int_equal(change(tk, "{\"desired\":{\"a\":1,\"b\":2}}").version, 1);
    told = device_says(tk, NULL, 0);
    assert_string_equal(told.json, "{\"version\":1,\"delta\":{\"a\":1,\"b\":2}}");
    told = device_says(tk, NULL, 1);
    assert_string_equal(told.json, ""); /* it has this version */
    told = device_says(tk, "{\"reported\":{\"b\":2}}", 1);
    assert_int_equal(told.version, 2);
    assert_string_equal(told.json, "{\"version\":2,\"delta\":{\"a\":1}}");
    told = device_says(tk, "{\"reported\":{\"a\":1}}", 1);
    assert_int_equal(told.reason, HF_REASON_VERSION_CONFLICT);
    assert_string_equal(told.json, "{\"version\":2,\"delta\":{\"a\":1}}");
    assert_int_equal(told.version, 2);
}

static void labels_are_waited_for(void **state)
{
    struct tk *tk = *state;
    struct told delivered, applied, other;

    ask(tk, (struct ask){.json = "{\"desired\":{\"a\":1}}", .label = HF_LABEL_DELIVERED, .wait_ms = 1000},
        &delivered);
    tk_run(tk);
    ask(tk, (struct ask){.json = "{\"desired\":{\"b\":1}}", .label = HF_LABEL_APPLIED, .wait_ms = 1000},
        &applied);
    tk_run(tk);
    assert_false(delivered.done || applied.done);
    assert_int_equal(tk->hub.stats.shadow_waits, 2);
    (void)device_says(tk, NULL, 1);
    assert_true(delivered.done && !applied.done);
    assert_int_equal(delivered.labels, 1 << HF_LABEL_STORED | 1 << HF_LABEL_DELIVERED);
    assert_int_equal(delivered.made, 1);
    assert_int_equal(delivered.version, 2); /* what there is now */
    (void)device_says(tk, NULL, 2);
    assert_false(applied.done);
    (void)device_says(tk, "{\"reported\":{\"b\":1}}", 2);
    assert_true(applied.done); /* whatever becomes of a */
    assert_int_equal(applied.labels, 7);
    assert_int_equal(applied.made, 2);
    /* What is reached already does not wait. */
    ask(tk, (struct ask){.json = "{\"desired\":{\"b\":1}}", .label = HF_LABEL_STORED, .wait_ms = 1000},
        &other);
    assert_true(other.done);
    assert_int_equal(tk->hub.stats.shadow_waits, 0);
    assert_int_equal(tk->hub.stats.shadow_labels_missed, 0);
}

/* A change that is sent again, because its answer was lost perhaps, waits for what the first one waits for. */
static void what_is_wanted_already_is_waited_for(void **state)
{
    static const struct {
        const char *json;
        enum hf_shadow_label label;
        uint8_t labels; /* at once; 0: it waits */
    } rows[] = {
        {"{\"desired\":{\"a\":1}}", HF_LABEL_APPLIED, 7},
        {"{\"desired\":{\"a\":1}}", HF_LABEL_DELIVERED, 7},
        {"{\"desired\":{\"o\":{\"x\":1},\"a\":1,\"gone\":null}}", HF_LABEL_APPLIED, 7},
        {"{\"desired\":{\"o\":{}}}", HF_LABEL_APPLIED, 7},
        {"{\"desired\":{\"gone\":null}}", HF_LABEL_APPLIED, 7}, /* the device knows all that is desired */
        {"{\"tags\":{}}", HF_LABEL_DELIVERED, 7},
        {"{\"desired\":{\"o\":{\"y\":2}}}", HF_LABEL_APPLIED, 0},
        {"{\"desired\":{\"a\":1,\"b\":2}}", HF_LABEL_APPLIED, 0},
    };
    struct tk *tk = *state;
    struct told told, waits[2];

    tk->rules.shadow.changes = (struct hf_rate_limit){1000, 1000};
    (void)change(tk, "{\"desired\":{\"a\":1,\"b\":2,\"o\":{\"x\":1,\"y\":2}}}");
    (void)device_says(tk, "{\"reported\":{\"a\":1,\"o\":{\"x\":1}}}", 1); /* makes version 2 */
    for (unsigned i = 0, waiting = 0; i < HF_COUNT_OF(rows); i++) {
        struct told *one = rows[i].labels != 0 ? &told : &waits[waiting++];

        ask(tk, (struct ask){.json = rows[i].json, .label = rows[i].label, .wait_ms = 1000}, one);
        tk_run(tk);
        if (one->done != (rows[i].labels != 0) || one->labels != rows[i].labels)
            fail_msg("%s: done %d, labels %u", rows[i].json, one->done, one->labels);
    }
    assert_int_equal(told.made, 2);
    (void)device_says(tk, "{\"reported\":{\"o\":{\"y\":2}}}", 0);
    assert_true(waits[0].done && !waits[1].done);
    (void)device_says(tk, "{\"reported\":{\"b\":2}}", 0);
    assert_true(waits[1].done);
    assert_int_equal(waits[0].labels & waits[1].labels, 7);
    assert_int_equal(tk->hub.stats.shadow_labels_missed, 0);
}

static void a_wish_that_others_changed_is_over_when_the_device_knows(void **state)
{
    struct tk *tk = *state;
    struct told told;

    (void)change(tk, "{\"desired\":{\"a\":1}}");
    ask(tk, (struct ask){.json = "{\"desired\":{\"a\":1}}", .label = HF_LABEL_APPLIED, .wait_ms = 1000},
        &told);
    (void)change(tk, "{\"desired\":{\"a\":2}}");
    (void)device_says(tk, NULL, 1);
    assert_false(told.done);
    (void)device_says(tk, NULL, 2);
    assert_true(told.done);
    assert_int_equal(told.labels, 7);
}

static void operations_that_change_nothing_wait_for_all_that_is_desired(void **state)
{
    struct tk *tk = *state;
    struct told told;

    (void)change(tk, "{\"desired\":{\"a\":1,\"b\":2}}");
    (void)device_says(tk, "{\"reported\":{\"a\":1}}", 1);
    ask(tk,
        (struct ask){.json = "[{\"op\":\"replace\",\"path\":\"/desired/a\",\"value\":1}]",
                     .operations = true,
                     .label = HF_LABEL_APPLIED,
                     .wait_ms = 1000},
        &told);
    tk_run(tk);
    assert_false(told.done);
    (void)device_says(tk, "{\"reported\":{\"b\":2}}", 0);
    assert_true(told.done);
    assert_int_equal(told.labels, 7);
}

static void a_deadline_names_what_is_missing(void **state)
{
    struct tk *tk = *state;
    struct told told, at_once;

    ask(tk, (struct ask){.json = "{\"desired\":{\"a\":1}}", .label = HF_LABEL_APPLIED, .wait_ms = 1000},
        &told);
    tk_run(tk);
    (void)device_says(tk, NULL, 1);
    tk_advance(tk, 900);
    assert_false(told.done);
    tk_advance(tk, 200);
    assert_true(told.done);
    assert_int_equal(told.reason, HF_REASON_NONE);
    assert_int_equal(told.labels, 1 << HF_LABEL_STORED | 1 << HF_LABEL_DELIVERED);
    ask(tk, (struct ask){.json = "{\"desired\":{\"a\":2}}", .label = HF_LABEL_DELIVERED}, &at_once);
    tk_run(tk);
    assert_true(at_once.done);
    assert_int_equal(at_once.labels, 1 << HF_LABEL_STORED);
    assert_int_equal(tk->hub.stats.shadow_labels_missed, 2);
}

static void those_who_wait_are_bounded(void **state)
{
    struct tk *tk = *state;
    static struct told told[HF_HUB_SHADOW_WAITS_MAX + 2];
    char json[64];

    tk->rules.shadow.changes = (struct hf_rate_limit){1000, 1000};
    for (unsigned i = 0; i < HF_COUNT_OF(told) - 1; i++) {
        (void)snprintf(json, sizeof(json), "{\"desired\":{\"a%u\":%u}}", i, i);
        ask(tk, (struct ask){.json = json, .label = HF_LABEL_APPLIED, .wait_ms = 1000}, &told[i]);
        tk_run(tk);
        assert_int_equal(told[i].done, i >= HF_HUB_SHADOW_WAITS_MAX);
    }
    assert_int_equal(told[HF_HUB_SHADOW_WAITS_MAX].labels, 1 << HF_LABEL_STORED);
    ask(tk, (struct ask){.json = "{\"desired\":{\"z\":1}}"}, &told[HF_HUB_SHADOW_WAITS_MAX + 1]);
    hf_hub_answer_all(&tk->hub); /* the end of the process */
    assert_true(told[0].done);
    assert_int_equal(told[0].reason, HF_REASON_NONE);
    assert_int_equal(told[HF_HUB_SHADOW_WAITS_MAX + 1].reason, HF_REASON_DRAIN);
    tk_run(tk);
}

static void a_restart_keeps_what_was_durable(void **state)
{
    struct tk *tk = *state;
    struct told told;

    (void)change(tk, "{\"desired\":{\"a\":1},\"tags\":{\"t\":1}}");
    ask(tk, (struct ask){.name = "n", .json = "{\"desired\":{\"b\":1}}"}, &told);
    tk_run(tk);
    tk_disconnect(&tk->conns[TK_CONNS - 1], HF_EVIDENCE_BYE, HF_REASON_NORMAL);
    tk_run(tk);
    assert_int_equal(tk_restart(tk), HF_OK);
    tk->hub.options.ops = &ops;
    ask(tk, (struct ask){.read = true, .name = "n"}, &told);
    assert_int_equal(told.version, 1);
    assert_non_null(strstr(told.json, "\"desired\":{\"b\":1}"));
    assert_int_equal(change(tk, "{\"desired\":{\"a\":2}}").version, 2);
}

static void a_journal_that_is_full_changes_nothing(void **state)
{
    struct tk *tk = *state;
    struct told told;

    (void)change(tk, "{\"desired\":{\"a\":1}}");
    tk->refuse = HF_ERR_LIMIT;
    assert_int_equal(change(tk, "{\"desired\":{\"a\":2}}").reason, HF_REASON_STORAGE_FULL);
    tk->refuse = HF_OK;
    ask(tk, (struct ask){.read = true}, &told);
    assert_int_equal(told.version, 1);
    assert_int_equal(change(tk, "{\"desired\":{\"a\":3}}").version, 2);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_change_is_one_record_and_durable_before_its_answer),
        T(refusals_are_counted_and_bring_what_is),
        T(the_rule_of_a_change),
        T(changes_have_a_rate),
        T(names_are_bounded_and_apart),
        T(limits_are_the_tenants),
        T(an_older_connection_is_fenced),
        T(a_device_reads_its_delta),
        T(labels_are_waited_for),
        T(what_is_wanted_already_is_waited_for),
        T(a_wish_that_others_changed_is_over_when_the_device_knows),
        T(operations_that_change_nothing_wait_for_all_that_is_desired),
        T(a_deadline_names_what_is_missing),
        T(those_who_wait_are_bounded),
        T(a_restart_keeps_what_was_durable),
        T(a_journal_that_is_full_changes_nothing),
    };

    return cmocka_run_group_tests_name("hub_shadow", tests, NULL, NULL);
}
