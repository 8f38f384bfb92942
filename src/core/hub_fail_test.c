/* MEM-5: each allocation of a day in the life of a hub fails in turn. Nothing may be left over, the books add up, and what was
 * accepted ends once memory is there again. */
#include "core/hub_testkit.h"
#include "support/alloc_fail.h"

enum { ALLOCATIONS_MAX = 3000 };

static struct tk_reply replies[32];
static unsigned asked;

static bool ask(struct tk *tk, struct tk_send *send)
{
    bool made = tk_send(tk, send, &replies[asked]);

    asked += made;
    return made;
}

static hf_err day(void *context)
{
    struct tk *tk = tk_new();
    bool good = true, restarted = true;
    struct tk_send message = {.device = "d", .key = "k", .tag = 1};
    struct tk_send command = {
        .device = "d", .name = "n", .class = HF_CLASS_COMMAND, .wait_ms = 100, .tag = 2};
    struct tk_send telemetry = {.device = "d", .class = HF_CLASS_TELEMETRY, .bytes = 3000};

    (void)context;
    if (tk == NULL)
        return HF_ERR_NOMEM;
    asked = 0;
    struct hf_hub_connect connect = {
        .tenant = &tk->tenant, .device = HF_SLICE("d"), .groups = {HF_SLICE("g")}, .group_count = 1};
    enum hf_reason reason = HF_REASON_NONE;
    good &= tk_connect_with(tk, 0, &connect, &reason) == HF_OK;
    tk_run(tk);
    if (tk->conns[0].open) {
        good &= hf_hub_subscribe(&tk->hub, &tk->conns[0].dev, HF_SLICE("t")) == HF_OK;
        good &= tk->hub.stats.subscriptions == 2;
        tk->conns[0].stuck = true;
    }
    for (unsigned i = 0; i < 3; i++)
        good &= ask(tk, &telemetry);
    good &= ask(tk, &message);
    tk_run(tk);
    struct hf_call *call = hf_call_new(HF_CALL_BROADCAST, 0);
    if (call != NULL) {
        call->class = HF_CLASS_TELEMETRY;
        call->payload = HF_SLICE("x");
        call->maker = &replies[asked];
        replies[asked++] = (struct tk_reply){0};
        hf_hub_call(&tk->hub, &tk->tenant, call);
    }
    if (tk->conns[0].open)
        tk_drain(&tk->conns[0]);
    good &= ask(tk, &command);
    tk_run(tk);
    if (tk->conns[0].open && tk->conns[0].seen_count > 0)
        (void)hf_hub_result(&tk->hub, &tk->conns[0].dev, command.id, false, 0, 0, HF_SLICE("result"));
    tk_run(tk);
    good &= tk_connect(tk, 1, "d") == HF_OK; /* replaces the first */
    if (tk->conns[1].open)
        tk_disconnect(&tk->conns[1], HF_EVIDENCE_SOCKET_LOST, HF_REASON_CONNECTION_LOST);
    good &= ask(tk, &message);
    message.key = "other";
    good &= ask(tk, &message);
    tk_run(tk);
    good &= tk_cancel(tk, "d", message.id, &replies[asked]);
    asked += good;
    tk_run(tk);
    message.key = NULL;
    good &= ask(tk, &message);
    tk_run(tk);
    tk_check_books(tk);
    for (unsigned i = 0; i < 6; i++) {
        tk_advance(tk, 60000);
        tk_run(tk);
    }
    tk_check_books(tk);
    HF_ASSERT(tk->hub.pending.count == 0 && tk->hub.stats.devices == 0);
    for (unsigned i = 0; i < asked; i++) {
        HF_ASSERT(replies[i].done);
        good &= replies[i].call.reason == HF_REASON_NONE;
    }
    restarted = good && ask(tk, &message);
    tk_run(tk);
    size_t through = tk->durable;
    (void)tk_apply(tk, SIZE_MAX);
    if (restarted && tk->applied == through)
        restarted = tk_restart(tk) == HF_OK;
    tk_free(tk);
    return good && restarted ? HF_OK : HF_ERR_NOMEM;
}

static void every_allocation_fails_once(void **state)
{
    (void)state;
    assert_true(hf_alloc_fail_each(day, NULL, ALLOCATIONS_MAX) > 100);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_fails_once)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
