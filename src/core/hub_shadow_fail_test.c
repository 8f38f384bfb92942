/* MEM-5: each allocation of a shadow's life (loaded, changed both ways, waited for, read) fails in turn: every call is answered, a refused change has changed nothing, and
 * nothing is left over. */
#include <cjson/cJSON.h>

#include "core/document/shadow.h"
#include "core/hub_testkit.h"
#include "support/alloc_fail.h"

enum { CALLS = 5 };

static unsigned answered;
static enum hf_reason reasons[CALLS];
static uint64_t versions[CALLS];

static void answer(void *context, struct hf_call *call)
{
    unsigned number = (unsigned)(uintptr_t)call->maker;

    (void)context;
    answered++;
    reasons[number] = (enum hf_reason)call->reason;
    versions[number] = call->document.version;
    hf_call_free(call);
}

static bool ask(struct tk *tk, unsigned number, bool change, uint8_t kind, const char *json,
                enum hf_shadow_label label)
{
    struct hf_call *call = hf_call_new(HF_CALL_DOCUMENT, 0);

    if (call == NULL)
        return false;
    call->tenant = tk->tenant.name;
    call->device = HF_SLICE("d");
    call->topic = HF_SLICE("n");
    call->payload = hf_slice_of(json);
    call->key = HF_SLICE("key/k");
    call->wait_ms = 100;
    call->maker = (void *)(uintptr_t)number;
    call->document = (struct hf_call_document){
        .change = change, .shadow = true, .kind = kind, .sections = 7, .label = (uint8_t)label};
    hf_hub_call(&tk->hub, &tk->tenant, call);
    tk_run(tk);
    return true;
}

static hf_err life(void *context)
{
    struct tk *tk = tk_new();
    static struct hf_hub_ops ops;
    unsigned asked = 0;
    bool good = true;

    (void)context;
    if (tk == NULL)
        return HF_ERR_NOMEM;
    answered = 0;
    good &= tk_connect(tk, 0, "d") == HF_OK;
    tk_run(tk);
    ops = *tk->hub.options.ops;
    ops.answer = answer;
    tk->hub.options.ops = &ops;
    asked += ask(tk, 0, true, HF_PATCH_MERGE, "{\"desired\":{\"a\":1,\"b\":{\"c\":[1,2]}}}", HF_LABEL_STORED);
    asked += ask(tk, 1, true, HF_PATCH_JSON,
                 "[{\"op\":\"add\",\"path\":\"/desired/b/c/0\",\"value\":7},{\"op\":\"add\",\"path\":\"/tags/"
                 "t\",\"value\":1}]",
                 HF_LABEL_APPLIED);
    asked += ask(tk, 2, true, HF_PATCH_MERGE, "{\"reported\":{\"a\":1}}", HF_LABEL_STORED);
    asked += ask(tk, 3, true, HF_PATCH_MERGE, "{\"desired\":null}", HF_LABEL_STORED);
    tk_advance(tk, 300);
    asked += ask(tk, 4, false, HF_PATCH_FULL, "", HF_LABEL_STORED);
    tk_run(tk);
    assert_int_equal(answered, asked);
    good &= asked == CALLS;
    for (unsigned i = 0; i < CALLS; i++)
        good &= reasons[i] == HF_REASON_NONE;
    good = good && versions[4] == 4;
    assert_int_equal(tk->hub.stats.shadow_waits, 0);
    if (tk->conns[0].open)
        tk_disconnect(&tk->conns[0], HF_EVIDENCE_BYE, HF_REASON_NORMAL);
    tk_run(tk);
    tk_free(tk);
    return good ? HF_OK : HF_ERR_NOMEM;
}

static void whatever_allocation_fails(void **state)
{
    (void)state;
    assert_true(hf_alloc_fail_each(life, NULL, 5000) > 100);
}

static unsigned heard; /* by the device, of its shadow `n` */
static uint64_t heard_version;

static bool takes_shadow(const struct hf_devconn *devconn, struct hf_slice name)
{
    (void)devconn, (void)name;
    return true;
}

static hf_err hear(struct hf_devconn *devconn, const struct hf_outgoing *outgoing)
{
    heard++;
    heard_version = outgoing->seq;
    return tk_devconn_ops.write(devconn, outgoing);
}

/* Two changes that a full link does not take. Afterwards the device has heard of the newest, or its connection is closed: it never has something old and is not told. */
static hf_err slow_life(void *context)
{
    struct hf_devconn_ops slow = tk_devconn_ops;
    struct tk *tk = tk_new();
    static struct hf_hub_ops ops;

    (void)context;
    if (tk == NULL)
        return HF_ERR_NOMEM;
    slow.takes_shadow = takes_shadow;
    slow.write = hear;
    heard = 0;
    bool there = tk_connect(tk, 0, "d") == HF_OK;
    tk_run(tk);
    ops = *tk->hub.options.ops;
    ops.answer = answer;
    tk->hub.options.ops = &ops;
    struct tk_conn *conn = &tk->conns[0];
    if (there) {
        conn->dev.ops = &slow;
        tk->rules.queue_low_bytes = 0;
        conn->stuck = true;
        conn->link_bytes = 1;
    }
    (void)ask(tk, 0, true, HF_PATCH_MERGE, "{\"desired\":{\"a\":1}}", HF_LABEL_STORED);
    (void)ask(tk, 1, true, HF_PATCH_MERGE, "{\"desired\":{\"a\":2}}", HF_LABEL_STORED);
    uint64_t changed = tk->hub.stats.shadows_changed;
    if (conn->open)
        tk_drain(conn);
    tk_run(tk);
    tk_advance(tk, 1100); /* the second time nothing fails any more */
    tk_run(tk);
    tk_advance(tk, 1100);
    tk_run(tk);
    if (conn->open)
        assert_true(changed == 0 || heard_version == changed);
    else
        assert_true(!there || conn->closed_for == HF_REASON_MEMORY_LIMIT);
    bool good = conn->open && changed == 2 && heard == 1;
    assert_int_equal(tk->hub.stats.shadows_untold, 0);
    if (conn->open)
        tk_disconnect(conn, HF_EVIDENCE_BYE, HF_REASON_NORMAL);
    tk_run(tk);
    tk_free(tk);
    return good ? HF_OK : HF_ERR_NOMEM;
}

static void a_slow_device_is_not_left_with_something_old(void **state)
{
    (void)state;
    assert_true(hf_alloc_fail_each(slow_life, NULL, 5000) > 50);
}

static void *ours(size_t bytes)
{
    return malloc(bytes);
}

static void give_back(void *block)
{
    free(block);
}

int main(void)
{
    cJSON_Hooks hooks = {.malloc_fn = ours,
                         .free_fn = give_back}; /* what a shared library allocates is not seen */
    const struct CMUnitTest tests[] = {cmocka_unit_test(whatever_allocation_fails),
                                       cmocka_unit_test(a_slow_device_is_not_left_with_something_old)};

    cJSON_InitHooks(&hooks);
    return cmocka_run_group_tests_name("hub_shadow_fail", tests, NULL, NULL);
}
