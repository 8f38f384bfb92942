/* Documents at their home: durable before they are shown, one change at a time, the others told. */
#include "core/hub_session_testkit.h"

static int setup(void **state)
{
    *state = tk_new();
    return *state == NULL;
}

static int teardown(void **state)
{
    struct tk *tk = *state;

    tk_check_books(tk);
    tk_free(tk);
    return 0;
}

struct ask {
    const char *name, *json, *who;
    bool read;
    enum hf_patch_kind kind;
    enum hf_merge merge;
    uint64_t base;
    uint32_t ttl_ms;
};

struct told { /* what a call brought back */
    bool done;
    enum hf_reason reason;
    uint64_t version;
    enum hf_patch_kind kind;
    char json[256];
};

static void on_answer(struct hf_call *call, struct told *told)
{
    assert_false(told->done);
    told->done = true;
    told->reason = (enum hf_reason)call->reason;
    told->version = call->document.version;
    told->kind = (enum hf_patch_kind)call->document.kind;
    assert_true(call->result_bytes < sizeof(told->json));
    if (call->result_bytes > 0)
        memcpy(told->json, call->result, call->result_bytes);
}

static void answer_call(void *context, struct hf_call *call)
{
    (void)context;
    on_answer(call, call->maker);
    hf_call_free(call);
}

static struct hf_hub_ops ops;

static void ask(struct tk *tk, struct ask ask, struct told *told)
{
    struct hf_call *call = hf_call_new(HF_CALL_DOCUMENT, 0);
    static uint8_t next;

    ops = *tk->hub.options.ops;
    ops.answer = answer_call;
    tk->hub.options.ops = &ops;
    *told = (struct told){0};
    call->tenant = tk->tenant.name;
    call->device = hf_slice_of(ask.name);
    call->payload = hf_slice_of(ask.json);
    call->key = hf_slice_of(ask.who ? ask.who : ask.name);
    call->document = (struct hf_call_document){.change = !ask.read,
                                               .kind = (uint8_t)ask.kind,
                                               .merge = (uint8_t)ask.merge,
                                               .base_version = ask.base,
                                               .ttl_ms = ask.ttl_ms};
    call->id[0] = ++next;
    call->maker = told;
    hf_hub_call(&tk->hub, &tk->tenant, call);
}

static void shown_only_when_durable(void **state)
{
    struct tk *tk = *state;
    struct told change, read, again;
    struct hf_event event;

    ask(tk, (struct ask){.name = "d", .read = true}, &read);
    assert_true(read.done);
    assert_int_equal(read.reason, HF_REASON_NOT_FOUND);
    ask(tk, (struct ask){.name = "d", .json = "{\"a\":1}", .kind = HF_PATCH_MERGE}, &change);
    ask(tk, (struct ask){.name = "d", .read = true}, &again);
    assert_false(change.done); /* nobody sees what a crash could undo */
    assert_false(again.done);
    tk_commit(tk, SIZE_MAX);
    assert_true(change.done && again.done);
    assert_int_equal(change.reason, HF_REASON_NONE);
    assert_int_equal(change.version, 1);
    assert_string_equal(again.json, "{\"a\":1}");
    assert_int_equal(tk_count(tk, HF_EVENT_DOCUMENT, &event), 1);
    assert_int_equal(event.seq, 1);
    assert_true(hf_slice_is(event.device, "d"));
}

static void changes_wait_for_each_other(void **state)
{
    struct tk *tk = *state;
    struct told told[3];

    ask(tk, (struct ask){.name = "d", .json = "{\"a\":1}", .kind = HF_PATCH_MERGE, .merge = HF_MERGE_VERSION},
        &told[0]);
    ask(tk, (struct ask){.name = "d", .json = "{\"b\":2}", .kind = HF_PATCH_MERGE, .base = 1}, &told[1]);
    ask(tk, (struct ask){.name = "d", .json = "{\"b\":3}", .kind = HF_PATCH_MERGE, .base = 1}, &told[2]);
    tk_run(tk);
    assert_int_equal(told[0].reason, HF_REASON_NONE);
    assert_int_equal(told[1].reason, HF_REASON_NONE);
    assert_int_equal(told[1].version, 2);
    assert_int_equal(told[2].reason, HF_REASON_VERSION_CONFLICT);
    assert_int_equal(told[2].kind, HF_PATCH_FULL);
    assert_string_equal(told[2].json, "{\"a\":1,\"b\":2}");
    assert_int_equal(tk->hub.stats.documents_refused, 1);
}

static void the_line_is_bounded(void **state)
{
    struct tk *tk = *state;
    static struct told told[HF_HUB_DOCUMENT_CALLS_MAX + 2];

    for (unsigned i = 0; i < HF_COUNT_OF(told); i++)
        ask(tk, (struct ask){.name = "d", .json = "{\"a\":1}", .kind = HF_PATCH_MERGE}, &told[i]);
    assert_true(told[HF_HUB_DOCUMENT_CALLS_MAX + 1].done);
    assert_int_equal(told[HF_HUB_DOCUMENT_CALLS_MAX + 1].reason, HF_REASON_BUSY);
    tk_run(tk);
    for (unsigned i = 0; i <= HF_HUB_DOCUMENT_CALLS_MAX; i++)
        assert_int_equal(told[i].reason, HF_REASON_NONE);
}

static void a_restart_keeps_what_was_durable(void **state)
{
    struct tk *tk = *state;
    struct told told;

    ask(tk, (struct ask){.name = "d", .json = "{\"a\":1}", .kind = HF_PATCH_MERGE}, &told);
    tk_run(tk);
    ask(tk, (struct ask){.name = "d", .json = "{\"a\":2}", .kind = HF_PATCH_MERGE}, &told);
    assert_int_equal(tk_restart(tk), HF_OK); /* the second change never became durable, and nobody was told */
    assert_false(told.done);
    ask(tk, (struct ask){.name = "d", .read = true}, &told);
    assert_int_equal(told.version, 1);
    assert_string_equal(told.json, "{\"a\":1}");
}

static void a_journal_that_is_full_changes_nothing(void **state)
{
    struct tk *tk = *state;
    struct told told;

    ask(tk, (struct ask){.name = "d", .json = "{\"a\":1}", .kind = HF_PATCH_MERGE}, &told);
    tk_run(tk);
    tk->refuse = HF_ERR_LIMIT;
    ask(tk, (struct ask){.name = "d", .json = "{\"a\":2}", .kind = HF_PATCH_MERGE}, &told);
    assert_int_equal(told.reason, HF_REASON_STORAGE_FULL);
    tk->refuse = HF_OK;
    ask(tk, (struct ask){.name = "d", .read = true}, &told);
    assert_string_equal(told.json, "{\"a\":1}");
}

static void a_reader_gets_what_it_lacks(void **state)
{
    struct tk *tk = *state;
    struct told told;

    ask(tk,
        (struct ask){.name = "d",
                     .json =
                         "{\"long\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}",
                     .kind = HF_PATCH_MERGE},
        &told);
    tk_run(tk);
    ask(tk, (struct ask){.name = "d", .json = "{\"a\":2}", .kind = HF_PATCH_MERGE, .base = 1}, &told);
    tk_run(tk);
    ask(tk, (struct ask){.name = "d", .read = true, .base = 1}, &told);
    assert_int_equal(told.kind, HF_PATCH_JSON);
    assert_string_equal(told.json, "[{\"op\":\"add\",\"path\":\"/a\",\"value\":2}]");
    ask(tk, (struct ask){.name = "d", .read = true, .base = 2}, &told);
    assert_int_equal(told.reason, HF_REASON_NONE);
    assert_string_equal(told.json, "");
}

static void the_device_is_told_of_changes_by_others(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");
    struct told told;

    sk_open(tk, 0, &d);
    ask(tk, (struct ask){.name = "d", .json = "{\"a\":1}", .kind = HF_PATCH_MERGE, .who = "api"}, &told);
    tk_run(tk);
    assert_int_equal(d.seen_count, 1);
    assert_int_equal(d.seen[0].kind, HF_OUT_DOCUMENT);
    assert_int_equal(d.seen[0].seq, 1);
    ask(tk, (struct ask){.name = "d", .json = "{\"a\":2}", .kind = HF_PATCH_MERGE, .who = "d"}, &told);
    tk_run(tk);
    assert_int_equal(d.seen_count, 1); /* its own change is its answer */
}

static void a_group_is_told_as_one(void **state)
{
    struct tk *tk = *state;
    struct told told;

    assert_int_equal(tk_connect(tk, 0, "a"), HF_OK);
    assert_int_equal(tk_connect(tk, 1, "b"), HF_OK);
    assert_int_equal(hf_hub_subscribe(&tk->hub, &tk->conns[0].dev, HF_SLICE("group/home")), HF_OK);
    ask(tk, (struct ask){.name = "group/home", .json = "{\"a\":1}", .kind = HF_PATCH_MERGE, .who = "a"},
        &told);
    tk_run(tk);
    assert_int_equal(tk->published, 1);
    assert_int_equal(tk->conns[0].seen[tk->conns[0].seen_count - 1].kind, HF_OUT_DOCUMENT);
    struct hf_event event;
    assert_int_equal(tk_count(tk, HF_EVENT_DOCUMENT, &event), 1);
    assert_null(event.device.at);
    assert_true(hf_slice_is(event.topic, "group/home"));
}

static void a_document_ends_with_its_time(void **state)
{
    struct tk *tk = *state;
    struct told told;

    ask(tk, (struct ask){.name = "d", .json = "{\"a\":1}", .kind = HF_PATCH_MERGE, .ttl_ms = 10000}, &told);
    tk_run(tk);
    tk_advance(tk, 9000);
    ask(tk, (struct ask){.name = "d", .read = true}, &told);
    assert_int_equal(told.reason, HF_REASON_NONE);
    tk_advance(tk, 2000);
    ask(tk, (struct ask){.name = "d", .read = true}, &told);
    assert_int_equal(told.reason, HF_REASON_NOT_FOUND);
    ask(tk, (struct ask){.name = "d", .json = "{\"b\":1}", .kind = HF_PATCH_MERGE, .base = 1}, &told);
    assert_int_equal(told.reason, HF_REASON_VERSION_CONFLICT); /* of another life */
    ask(tk, (struct ask){.name = "d", .json = "{\"b\":1}", .kind = HF_PATCH_MERGE}, &told);
    tk_run(tk);
    assert_int_equal(told.version, 1);
    assert_string_equal(told.json, "{\"b\":1}");
}

static void memory_is_bounded(void **state)
{
    struct tk *tk = *state;
    struct told told;
    char name[32], json[200];

    tk->hub.document_bytes = HF_HUB_DOCUMENT_BYTES_MAX - 2000; /* as if others were there */
    for (unsigned i = 0; i < 40; i++) {
        (void)snprintf(name, sizeof(name), "d%u", i);
        (void)snprintf(json, sizeof(json), "{\"a\":\"%0100u\"}", i);
        ask(tk, (struct ask){.name = name, .json = json, .kind = HF_PATCH_MERGE}, &told);
        tk_run(tk);
        assert_int_equal(told.reason, HF_REASON_NONE);
    }
    assert_true(tk->hub.stats.documents < 20);
    ask(tk, (struct ask){.name = "d0", .read = true}, &told); /* the tables have it */
    assert_int_equal(told.version, 1);
    tk->hub.document_bytes -= HF_HUB_DOCUMENT_BYTES_MAX - 2000;
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(shown_only_when_durable),
        T(changes_wait_for_each_other),
        T(the_line_is_bounded),
        T(a_restart_keeps_what_was_durable),
        T(a_journal_that_is_full_changes_nothing),
        T(a_reader_gets_what_it_lacks),
        T(the_device_is_told_of_changes_by_others),
        T(a_group_is_told_as_one),
        T(a_document_ends_with_its_time),
        T(memory_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
