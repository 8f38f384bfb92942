/* What the tables keep of shadows: their versions, and what is left of those that were deleted. */
#include "core/hub_shadow_testkit.h"
#include "core/shadow_rows.h"

static uint64_t versions[64];
static unsigned version_count;

static bool take(void *context, const struct hf_event *record)
{
    (void)context;
    versions[version_count++] = record->seq;
    return version_count < HF_COUNT_OF(versions);
}

static unsigned list(struct tk *tk, const char *name, uint64_t from)
{
    struct hf_kv_txn *txn;

    version_count = 0;
    assert_int_equal(hf_kv_read(tk->kv, &txn), HF_OK);
    assert_int_equal(
        hf_shadow_rows_each(txn, tk->tenant.name, HF_SLICE("d"), hf_slice_of(name), from, take, NULL), HF_OK);
    hf_kv_end(txn);
    return version_count;
}

static uint64_t version_at(struct tk *tk, uint64_t version, uint64_t at_ms)
{
    struct hf_kv_txn *txn;
    struct hf_event record = {.seq = 0};

    assert_int_equal(hf_kv_read(tk->kv, &txn), HF_OK);
    hf_err err =
        hf_shadow_rows_read(txn, tk->tenant.name, HF_SLICE("d"), HF_SLICE(""), version, at_ms, &record);
    assert_true(err == HF_OK || err == HF_ERR_NOT_FOUND);
    hf_kv_end(txn);
    return record.seq;
}

static void remove_shadow(struct tk *tk, const char *name, uint64_t base, struct told *told)
{
    struct hf_call *call = hf_call_new(HF_CALL_DOCUMENT, 0);

    *told = (struct told){0};
    call->tenant = tk->tenant.name;
    call->device = HF_SLICE("d");
    call->topic = hf_slice_of(name);
    call->key = HF_SLICE("key/k");
    call->document =
        (struct hf_call_document){.change = true, .shadow = true, .remove = true, .base_version = base};
    call->maker = told;
    hf_hub_call(&tk->hub, &tk->tenant, call);
}

/* It goes with its history; who waits for a label is answered; its end is a version, and the next change makes the one behind that. */
static void a_named_shadow_can_be_removed(void **state)
{
    struct tk *tk = *state;
    const struct hf_devconn *dev = &tk->conns[TK_CONNS - 1].dev;
    struct told told, waiting;
    struct hf_event event;
    struct hf_kv_stats stats;

    remove_shadow(tk, "led", 0, &told);
    assert_int_equal(told.reason, HF_REASON_NOT_FOUND);
    assert_int_equal(change(tk, "{\"desired\":{\"u\":1}}").version, 1);
    for (unsigned i = 1; i <= 3; i++) {
        char json[32];

        (void)snprintf(json, sizeof(json), "{\"desired\":{\"x\":%u}}", i);
        ask(tk,
            (struct ask){
                .name = "led", .json = json, .label = i == 3 ? HF_LABEL_APPLIED : 0, .wait_ms = 1000},
            &waiting);
        tk_run(tk);
    }
    ask(tk,
        (struct ask){
            .name = "led", .read = true, .base = 3, .conn = dev->conn_id, .epoch = dev->device->epoch},
        &told); /* the device knows it */
    assert_true(told.done);
    assert_false(waiting.done);
    remove_shadow(tk, "led", 2, &told);
    assert_int_equal(told.reason, HF_REASON_VERSION_CONFLICT);
    remove_shadow(tk, "led", 3, &told);
    assert_false(told.done); /* not before it is durable */
    tk_run(tk);
    assert_true(told.done && waiting.done);
    assert_int_equal(told.reason, HF_REASON_NONE);
    assert_int_equal(told.version, 0);
    assert_int_equal(waiting.labels, 1 << HF_LABEL_STORED | 1 << HF_LABEL_DELIVERED);
    assert_int_equal(waiting.version, 3);
    assert_int_equal(tk->hub.stats.shadows_removed, 1);
    assert_int_equal(list(tk, "led", 0), 0);
    assert_int_equal(list(tk, "", 0), 1); /* the unnamed one is another */
    (void)tk_count(tk, HF_EVENT_SHADOW, &event);
    assert_int_equal(event.payload.bytes, 0);
    assert_int_equal(event.seq, 3);
    assert_true(hf_slice_is(event.topic, "led"));
    ask(tk, (struct ask){.name = "led", .read = true}, &told);
    assert_int_equal(told.reason, HF_REASON_NOT_FOUND);
    ask(tk, (struct ask){.name = "led", .json = "{\"desired\":{\"x\":9}}"}, &told);
    tk_run(tk);
    assert_int_equal(told.version, 5);
    assert_int_equal(list(tk, "led", 0), 1);
    hf_kv_stats(tk->kv, &stats);
    assert_int_equal(stats.tables[HF_KV_TWINS].rows, 2);
}

/* Nothing that was known of it before stands for it now: not by a base version, not by the version that a device has, and not after a restart. */
static void one_that_is_made_again_goes_on(void **state)
{
    struct tk *tk = *state;
    struct told told;

    (void)change(tk, "{\"desired\":{\"u\":1}}");
    for (unsigned i = 1; i <= 3; i++) {
        char json[32];

        (void)snprintf(json, sizeof(json), "{\"desired\":{\"x\":%u}}", i);
        ask(tk, (struct ask){.name = "led", .json = json}, &told);
        tk_run(tk);
    }
    remove_shadow(tk, "led", 3, &told);
    tk_run(tk);
    assert_int_equal(told.reason, HF_REASON_NONE);
    ask(tk, (struct ask){.name = "led", .json = "{\"desired\":{\"y\":1}}", .base = 3}, &told);
    tk_run(tk);
    assert_int_equal(told.reason, HF_REASON_VERSION_CONFLICT); /* there is none */
    tk_disconnect(&tk->conns[TK_CONNS - 1], HF_EVIDENCE_BYE, HF_REASON_NORMAL);
    tk_run(tk);
    assert_int_equal(tk_restart(tk), HF_OK);
    tk->hub.options.ops = &ops;
    ask(tk, (struct ask){.name = "led", .json = "{\"desired\":{\"y\":2}}"}, &told);
    tk_run(tk);
    assert_int_equal(told.version, 5);
    /* What was removed with it is not brought back by who knew it, under the rules that look at fields; what is there is newer for them. */
    ask(tk,
        (struct ask){
            .name = "led", .json = "{\"desired\":{\"x\":7}}", .base = 3, .merge = HF_MERGE_CONFLICT_FREE},
        &told);
    tk_run(tk);
    assert_int_equal(told.reason, HF_REASON_VERSION_CONFLICT);
    /* Others of this device, too, begin above what was deleted; the unnamed one has nothing to do with it. */
    ask(tk, (struct ask){.name = "fan", .json = "{\"desired\":{\"z\":1}}"}, &told);
    tk_run(tk);
    assert_int_equal(told.version, 5);
    assert_int_equal(change(tk, "{\"desired\":{\"u\":2}}").version, 2);
    /* The highest counts, whichever ended last. */
    remove_shadow(tk, "fan", 0, &told);
    tk_run(tk);
    ask(tk, (struct ask){.name = "led", .json = "{\"desired\":{\"y\":3}}"}, &told);
    tk_run(tk);
    assert_int_equal(told.version, 6);
    remove_shadow(tk, "led", 0, &told);
    tk_run(tk);
    assert_int_equal(tk_restart(tk), HF_OK);
    tk->hub.options.ops = &ops;
    ask(tk, (struct ask){.name = "fan", .json = "{\"desired\":{\"z\":2}}"}, &told);
    tk_run(tk);
    assert_int_equal(told.version, 8);
}

static void versions_are_kept_up_to_a_number(void **state)
{
    struct tk *tk = *state;
    char json[64];
    uint64_t times[16] = {0};

    for (unsigned i = 1; i <= 14; i++) {
        (void)snprintf(json, sizeof(json), "{\"desired\":{\"a\":%u}}", i);
        tk_advance(tk, 10);
        times[i] = tk->hub.utc_ms;
        assert_int_equal(change(tk, json).version, i);
    }
    assert_int_equal(list(tk, "", 0), 10); /* as the tenant's rules say */
    assert_int_equal(versions[0], 14);
    assert_int_equal(versions[9], 5);
    assert_int_equal(list(tk, "", 7), 3);
    assert_int_equal(versions[0], 7);
    assert_int_equal(version_at(tk, 9, 0), 9);
    assert_int_equal(version_at(tk, 0, times[9]), 9);
    assert_int_equal(version_at(tk, 0, times[10] - 1), 9);
    assert_int_equal(version_at(tk, 0, times[14] + 1000000), 14);
    assert_int_equal(version_at(tk, 0, times[4]), 0); /* not kept any more */
    assert_int_equal(list(tk, "none", 0), 0);
    /* Fewer are kept when they are large. */
    tk->rules.shadow.history_bytes = 1000;
    char large[400];
    (void)snprintf(large, sizeof(large), "{\"desired\":{\"a\":\"%0200d\"}}", 0);
    assert_int_equal(change(tk, large).version, 15);
    assert_in_range(list(tk, "", 0), 1, 4);
    tk->rules.shadow.history_bytes = 1;
    assert_int_equal(change(tk, "{\"desired\":{\"a\":1}}").version, 16);
    assert_int_equal(list(tk, "", 0), 1);
    assert_int_equal(versions[0], 16);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_named_shadow_can_be_removed),
        T(one_that_is_made_again_goes_on),
        T(versions_are_kept_up_to_a_number),
    };

    return cmocka_run_group_tests_name("hub_shadow_rows", tests, NULL, NULL);
}
