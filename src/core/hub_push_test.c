/* What a push to a group asks of one member, at its home: counted in any case, and not answered before that is durable. */
#include "core/document/shadow.h"
#include "core/hub_testkit.h"

struct told {
    bool done;
    enum hf_reason reason;
    uint64_t offset;
};

static void answer_call(void *context, struct hf_call *call)
{
    struct told *told = call->maker;

    (void)context;
    assert_false(told->done);
    *told = (struct told){true, (enum hf_reason)call->reason, call->offset};
    hf_call_free(call);
}

static struct hf_hub_ops ops;

static int setup(void **state)
{
    struct tk *tk = *state = tk_new();

    if (tk == NULL || tk_connect(tk, 0, "d") != HF_OK)
        return 1;
    ops = *tk->hub.options.ops;
    ops.answer = answer_call;
    tk->hub.options.ops = &ops;
    tk_run(tk);
    return 0;
}

static int teardown(void **state)
{
    tk_check_books(*state);
    tk_free(*state);
    return 0;
}

static void push(struct tk *tk, const char *json, struct told *told)
{
    struct hf_call *call = hf_call_new(HF_CALL_DOCUMENT, 0);

    *told = (struct told){0};
    call->tenant = tk->tenant.name;
    call->device = HF_SLICE("d");
    call->payload = hf_slice_of(json);
    call->key = HF_SLICE("key/k");
    call->by = HF_SLICE("k");
    memset(call->id, 7, sizeof(call->id));
    call->document = (struct hf_call_document){.change = true,
                                               .shadow = true,
                                               .push = true,
                                               .kind = HF_PATCH_MERGE,
                                               .sections = 1 << HF_SHADOW_DESIRED};
    call->maker = told;
    hf_hub_call(&tk->hub, &tk->tenant, call);
}

static void a_change_says_which_push_made_it(void **state)
{
    struct tk *tk = *state;
    struct hf_event event;
    struct told told;

    push(tk, "{\"desired\":{\"a\":1}}", &told);
    assert_false(told.done);
    tk_run(tk);
    assert_true(told.done);
    assert_int_equal(told.reason, HF_REASON_NONE);
    assert_int_equal(tk_count(tk, HF_EVENT_SHADOW, &event), 1);
    assert_int_equal(event.id[0], 7);
    assert_true(hf_slice_is(event.by, "k"));
    assert_int_equal(tk_count(tk, HF_EVENT_PUSH_MEMBER, &event), 0);
}

/* Else the push could end, in the journal of another worker, and this record be lost with the process. */
static void who_wants_it_already_is_counted_before_the_answer(void **state)
{
    struct tk *tk = *state;
    struct hf_event event;
    struct told told;

    push(tk, "{\"desired\":{\"a\":null}}", &told);
    assert_false(told.done);
    tk_run(tk);
    assert_true(told.done);
    assert_int_equal(told.reason, HF_REASON_NONE);
    assert_int_equal(tk_count(tk, HF_EVENT_PUSH_MEMBER, &event), 1);
    assert_int_equal(event.offset, told.offset);
    assert_int_equal(event.id[0], 7);
    assert_int_equal(event.reason, HF_REASON_NONE);
    assert_int_equal(tk_count(tk, HF_EVENT_SHADOW, &event), 0);
}

static void who_cannot_be_counted_is_not_answered_as_if(void **state)
{
    struct tk *tk = *state;
    struct told told;

    tk->refuse = HF_ERR_LIMIT;
    push(tk, "{\"desired\":{\"a\":null}}", &told);
    tk->refuse = HF_OK;
    assert_true(told.done);
    assert_int_equal(told.reason, HF_REASON_STORAGE_FULL);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_change_says_which_push_made_it),
        T(who_wants_it_already_is_counted_before_the_answer),
        T(who_cannot_be_counted_is_not_answered_as_if),
    };

    return cmocka_run_group_tests_name("hub_push", tests, NULL, NULL);
}
