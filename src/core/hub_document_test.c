/* Documents at their home: durable before they are shown, one change at a time, the others told. */
#include "core/hub_session_testkit.h"

static bool nobody_there; /* at any group */

static int setup(void **state)
{
    struct tk *tk = *state = tk_new();

    if (tk == NULL || tk_connect(tk, TK_CONNS - 1, "d") != HF_OK)
        return 1;
    tk_run(tk);
    tk_disconnect(&tk->conns[TK_CONNS - 1], HF_EVIDENCE_BYE, HF_REASON_NORMAL);
    tk_run(tk); /* a device that was here once */
    nobody_there = false;
    return 0;
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
    bool read, first, leave;
    uint64_t conn;
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
    char json[2048];
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

static bool listened(void *context, struct hf_tenant *tenant, struct hf_slice topic)
{
    (void)context, (void)tenant, (void)topic;
    return !nobody_there;
}

static struct hf_hub_ops ops;

static void ask(struct tk *tk, struct ask ask, struct told *told)
{
    struct hf_call *call = hf_call_new(HF_CALL_DOCUMENT, 0);
    static uint8_t next;

    ops = *tk->hub.options.ops;
    ops.answer = answer_call;
    ops.listened = listened;
    tk->hub.options.ops = &ops;
    *told = (struct told){0};
    call->tenant = tk->tenant.name;
    call->device = hf_slice_of(ask.name);
    call->payload = hf_slice_of(ask.json);
    call->key = hf_slice_of(ask.who ? ask.who : ask.name);
    call->document = (struct hf_call_document){.change = !ask.read && !ask.leave,
                                               .first = ask.first,
                                               .leave = ask.leave,
                                               .conn = ask.conn,
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
    assert_int_equal(tk->hub.stats.documents_refused[HF_REASON_VERSION_CONFLICT], 1);
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
    uint64_t conn = tk->conns[0].dev.conn_id;
    ask(tk, (struct ask){.name = "d", .json = "{\"a\":2}", .kind = HF_PATCH_MERGE, .conn = conn}, &told);
    tk_run(tk);
    assert_int_equal(d.seen_count, 1); /* its own change is its answer */
    d.no_documents = true;
    ask(tk, (struct ask){.name = "d", .json = "{\"a\":3}", .kind = HF_PATCH_MERGE}, &told);
    tk_run(tk);
    assert_int_equal(told.version, 3);
    assert_int_equal(d.seen_count, 1);
}

/* A slow reader is told behind what waits for it, within its bounds and in the book. */
static void what_a_device_is_told_waits_its_turn(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");
    char json[1600];
    struct told told;

    sk_open(tk, 0, &d);
    tk->conns[0].stuck = true;
    for (unsigned i = 0; i < 20; i++) {
        (void)snprintf(json, sizeof(json), "{\"a\":\"%01500u\"}", i);
        ask(tk, (struct ask){.name = "d", .json = json, .kind = HF_PATCH_MERGE}, &told);
        tk_run(tk);
    }
    assert_true(tk->conns[0].link_bytes_seen <= tk->rules.queue_high_bytes);
    assert_int_equal(tk->hub.ledger.counts.broadcast.accepted, 20);
    assert_true(tk->hub.ledger.counts.broadcast.dropped[HF_REASON_DROP_OLDEST] > 0);
    tk_drain(&tk->conns[0]);
    tk_run(tk);
    assert_int_equal(tk->hub.ledger.counts.broadcast.pending, 0);
}

static void who_was_never_here_has_no_document(void **state)
{
    struct tk *tk = *state;
    struct told told;

    ask(tk, (struct ask){.name = "mistyped", .json = "{\"a\":1}", .kind = HF_PATCH_MERGE}, &told);
    assert_int_equal(told.reason, HF_REASON_NOT_FOUND);
    assert_int_equal(tk->hub.stats.documents_refused[HF_REASON_NOT_FOUND], 1);
    assert_int_equal(tk_count(tk, HF_EVENT_DOCUMENT, NULL), 0);
}

static void a_group_is_told_as_one(void **state)
{
    struct sk_device apart = sk_device("apart");
    struct tk *tk = *state;
    struct told told;

    apart.no_documents = true;

    assert_int_equal(tk_connect(tk, 0, "a"), HF_OK);
    assert_int_equal(tk_connect(tk, 1, "b"), HF_OK);
    assert_int_equal(hf_hub_subscribe(&tk->hub, &tk->conns[0].dev, HF_SLICE("group/home")), HF_OK);
    assert_int_equal(hf_hub_subscribe(&tk->hub, &tk->conns[1].dev, HF_SLICE("group/home")), HF_OK);
    sk_open(tk, 2, &apart);
    assert_int_equal(hf_hub_subscribe(&tk->hub, &tk->conns[2].dev, HF_SLICE("group/home")), HF_OK);
    ask(tk,
        (struct ask){.name = "group/home",
                     .json = "{\"a\":1}",
                     .kind = HF_PATCH_MERGE,
                     .conn = tk->conns[1].dev.conn_id},
        &told);
    tk_run(tk);
    assert_int_equal(tk->published, 1); /* but not its maker, nor who does not take part */
    assert_int_equal(tk->conns[0].seen[tk->conns[0].seen_count - 1].kind, HF_OUT_DOCUMENT);
    assert_int_equal(apart.seen_count, 0);
    struct hf_event event;
    assert_int_equal(tk_count(tk, HF_EVENT_DOCUMENT, &event), 1);
    assert_null(event.device.at);
    assert_true(hf_slice_is(event.topic, "group/home"));
}

static void a_document_ends_with_its_time(void **state)
{
    struct tk *tk = *state;
    struct hf_event event;
    struct told told;

    ask(tk, (struct ask){.name = "d", .json = "{\"a\":1}", .kind = HF_PATCH_MERGE, .ttl_ms = 10000}, &told);
    tk_run(tk);
    tk_advance(tk, 9000);
    ask(tk, (struct ask){.name = "d", .read = true}, &told);
    assert_int_equal(told.reason, HF_REASON_NONE);
    tk_advance(tk, 2000);
    ask(tk, (struct ask){.name = "d", .read = true}, &told);
    assert_false(told.done); /* its end is recorded first: nobody may see it again after a crash */
    tk_run(tk);
    assert_int_equal(told.reason, HF_REASON_NOT_FOUND);
    assert_int_equal(tk->hub.stats.documents_expired, 1);
    assert_int_equal(tk_count(tk, HF_EVENT_DOCUMENT, &event), 2);
    assert_int_equal(event.reason, HF_REASON_EXPIRED);
    assert_int_equal(event.payload.bytes, 0);
    tk_run(tk);
    assert_int_equal(tk_restart(tk), HF_OK);
    ask(tk, (struct ask){.name = "d", .read = true}, &told);
    assert_int_equal(told.reason, HF_REASON_NOT_FOUND);
    ask(tk, (struct ask){.name = "d", .json = "{\"b\":1}", .kind = HF_PATCH_MERGE, .base = 1}, &told);
    assert_int_equal(told.reason, HF_REASON_VERSION_CONFLICT); /* of another life */
    ask(tk, (struct ask){.name = "d", .json = "{\"b\":1}", .kind = HF_PATCH_MERGE}, &told);
    tk_run(tk);
    assert_int_equal(told.version, 3); /* its end was the second */
    assert_string_equal(told.json, "{\"b\":1}");
}

static void counts_to(struct tk *tk, const char *name, unsigned from, unsigned to, uint32_t ttl_ms)
{
    struct told told;
    char json[64];

    for (unsigned i = from; i <= to; i++) {
        (void)snprintf(json, sizeof(json), "{\"m%u\":%u,\"text\":\"that a patch is shorter\"}", i, i);
        ask(tk, (struct ask){.name = name, .json = json, .kind = HF_PATCH_MERGE, .ttl_ms = ttl_ms}, &told);
        tk_run(tk);
        assert_int_equal(told.reason, HF_REASON_NONE);
        assert_int_equal(told.version, i);
    }
}

static void expect_gone(struct tk *tk, const char *name)
{
    struct told told;

    ask(tk, (struct ask){.name = name, .read = true, .first = true}, &told);
    tk_run(tk);
    assert_int_equal(told.reason, HF_REASON_NOT_FOUND);
}

/* Who has a version of one that has ended is never brought on from it, however many the new one has: not by memory, not after a restart, not with a group. */
static void versions_never_begin_again(void **state)
{
    static const char *const names[] = {"d", "group/g"};
    struct tk *tk = *state;
    struct told told;

    nobody_there = true;
    for (unsigned restart = 0; restart < 2; restart++) {
        unsigned first = restart == 0 ? 1 : 17;

        for (size_t i = 0; i < HF_COUNT_OF(names); i++)
            counts_to(tk, names[i], first, first + 6, 10000);
        tk_advance(tk, 20000);
        for (size_t i = 0; i < HF_COUNT_OF(names); i++)
            expect_gone(tk, names[i]);
        if (restart)
            assert_int_equal(tk_restart(tk), HF_OK);
        for (size_t i = 0; i < HF_COUNT_OF(names); i++) {
            counts_to(tk, names[i], first + 8, first + 14, 10000); /* as many as before */
            ask(tk, (struct ask){.name = names[i], .read = true, .base = first + 6}, &told);
            assert_int_equal(told.kind, HF_PATCH_FULL);
            ask(tk, (struct ask){.name = names[i], .read = true, .base = first + 13}, &told);
            assert_int_equal(told.kind, HF_PATCH_JSON);
        }
        tk_advance(tk, 20000);
        for (size_t i = 0; i < HF_COUNT_OF(names); i++)
            expect_gone(tk, names[i]);
    }
    /* One number for the tenant: the highest of all. */
    assert_int_equal(tk_restart(tk), HF_OK);
    counts_to(tk, "group/other", 33, 33, 0);
    nobody_there = false;
}

/* The time counts from the end of the last connection, which the one that has just begun must not hide. */
static void a_document_lives_while_its_device_is_here(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");
    struct told told;

    sk_open(tk, 0, &d);
    ask(tk, (struct ask){.name = "d", .json = "{\"a\":1}", .kind = HF_PATCH_MERGE, .ttl_ms = 20000}, &told);
    tk_run(tk);
    tk_advance(tk, 60000);
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_BYE, HF_REASON_NORMAL);
    tk_run(tk);
    tk_advance(tk, 19000); /* not even in memory any more */
    assert_null(hf_hub_find(&tk->hub, tk->tenant.name, HF_SLICE("d")));
    ask(tk, (struct ask){.name = "d", .read = true}, &told);
    assert_int_equal(told.version, 1);
    sk_open(tk, 0, &d);
    ask(tk, (struct ask){.name = "d", .read = true, .first = true, .conn = tk->conns[0].dev.conn_id}, &told);
    assert_int_equal(told.version, 1);
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_BYE, HF_REASON_NORMAL);
    tk_run(tk);
    tk_advance(tk, 21000);
    sk_open(tk, 0, &d);
    ask(tk, (struct ask){.name = "d", .read = true, .first = true, .conn = tk->conns[0].dev.conn_id}, &told);
    tk_run(tk);
    assert_int_equal(told.reason, HF_REASON_NOT_FOUND);
}

static void a_document_of_a_group_lives_while_a_member_is_here(void **state)
{
    struct tk *tk = *state;
    struct ask read = {.name = "group/g", .read = true},
               first = {.name = "group/g", .read = true, .first = true},
               leave = {.name = "group/g", .leave = true};
    struct told told;

    ask(tk, (struct ask){.name = "group/g", .json = "{\"a\":1}", .kind = HF_PATCH_MERGE, .ttl_ms = 10000},
        &told);
    tk_run(tk);
    tk_advance(tk, 60000);
    ask(tk, read, &told); /* somebody listens */
    assert_int_equal(told.version, 1);
    tk_advance(tk, 60000);
    nobody_there = true;
    ask(tk, leave, &told); /* the last one goes */
    assert_int_equal(told.reason, HF_REASON_NONE);
    tk_advance(tk, 9000);
    ask(tk, first, &told); /* and comes back in time */
    assert_int_equal(told.version, 1);
    tk_advance(tk, 9000);
    ask(tk, leave, &told);
    tk_advance(tk, 9000);
    assert_int_equal(tk_restart(tk), HF_OK); /* who was there nobody knows any more: it lives rather longer */
    tk->hub.options.previous_end_ms = tk->hub.utc_ms;
    tk_advance(tk, 9000);
    ask(tk, read, &told);
    assert_int_equal(told.version, 1);
    tk_advance(tk, 11000);
    nobody_there = false; /* only the one that asks */
    ask(tk, first, &told);
    tk_run(tk);
    assert_int_equal(told.reason, HF_REASON_NOT_FOUND);
}

static void an_end_that_cannot_be_recorded_is_none(void **state)
{
    struct tk *tk = *state;
    struct told told, change;

    ask(tk, (struct ask){.name = "d", .json = "{\"a\":1}", .kind = HF_PATCH_MERGE, .ttl_ms = 10000}, &told);
    tk_run(tk);
    tk_advance(tk, 11000);
    tk->refuse = HF_ERR_LIMIT;
    ask(tk, (struct ask){.name = "d", .read = true}, &told);
    assert_int_equal(told.reason, HF_REASON_STORAGE_FULL);
    tk->refuse = HF_OK;
    ask(tk, (struct ask){.name = "d", .read = true}, &told);
    ask(tk, (struct ask){.name = "d", .json = "{\"b\":1}", .kind = HF_PATCH_MERGE}, &change);
    tk_run(tk);
    assert_int_equal(told.reason, HF_REASON_NOT_FOUND);
    assert_int_equal(change.version, 3);
}

static void memory_is_bounded(void **state)
{
    struct tk *tk = *state;
    struct told told;
    char name[32], json[200];

    ask(tk, (struct ask){.name = "group/t", .json = "{\"a\":1}", .kind = HF_PATCH_MERGE, .ttl_ms = 10000},
        &told);
    tk_run(tk);
    tk_advance(tk, 60000);
    ask(tk, (struct ask){.name = "group/t", .leave = true}, &told);

    tk->hub.stats.document_bytes = HF_HUB_DOCUMENT_BYTES_MAX - 2000; /* as if others were there */
    for (unsigned i = 0; i < 40; i++) {
        (void)snprintf(name, sizeof(name), "group/%u", i);
        (void)snprintf(json, sizeof(json), "{\"a\":\"%0100u\"}", i);
        ask(tk, (struct ask){.name = name, .json = json, .kind = HF_PATCH_MERGE}, &told);
        tk_run(tk);
        assert_int_equal(told.reason, HF_REASON_NONE);
    }
    assert_true(tk->hub.stats.documents < 20);
    ask(tk, (struct ask){.name = "group/t", .read = true, .first = true}, &told);
    assert_int_equal(told.version, 1); /* that somebody was there lately is not forgotten with it */
    ask(tk, (struct ask){.name = "group/0", .read = true}, &told); /* the tables have it */
    assert_int_equal(told.version, 1);
    tk->hub.stats.document_bytes -= HF_HUB_DOCUMENT_BYTES_MAX - 2000;
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
        T(what_a_device_is_told_waits_its_turn),
        T(who_was_never_here_has_no_document),
        T(a_group_is_told_as_one),
        T(a_document_ends_with_its_time),
        T(a_document_lives_while_its_device_is_here),
        T(a_document_of_a_group_lives_while_a_member_is_here),
        T(versions_never_begin_again),
        T(an_end_that_cannot_be_recorded_is_none),
        T(memory_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
