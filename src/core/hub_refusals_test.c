/* The bound of refused numbers that a device may not know of: what would be above it is not taken, so nothing refused is ever told as accepted. */
#include "core/hub_session_testkit.h"

static enum hf_session_verdict refuse(struct tk *tk, struct sk_device *device, uint64_t seq,
                                      enum hf_reason reason)
{
    if (seq >= device->next)
        device->next = seq + 1;
    return hf_hub_session_refuse(&tk->hub, &tk->conns[device->index].dev, (uint32_t)seq, reason,
                                 HF_SLICE("x"), &(uint32_t){0});
}

static const struct hf_refusals *refusals(struct tk *tk, const struct sk_device *device)
{
    return hf_hub_refusals(&tk->hub, tk->conns[device->index].dev.device);
}

/* Each second number from `seq` on, until one is not taken. Returns it. */
static uint64_t refuse_each_second(struct tk *tk, struct sk_device *device, uint64_t seq)
{
    for (;; seq += 2) {
        enum hf_session_verdict verdict = refuse(tk, device, seq, HF_REASON_BAD_REQUEST);

        if (verdict != HF_SESSION_VERDICT_OK) {
            assert_int_equal(verdict, HF_SESSION_VERDICT_UNTELLABLE);
            return seq;
        }
        assert_int_equal(sk_message(tk, device, seq + 1), HF_SESSION_VERDICT_OK);
        tk_run(tk);
    }
}

static void one_more_than_can_be_told_is_not_taken(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");
    uint64_t at;

    d.uplink_window_messages = 1024;
    sk_open(tk, 0, &d);
    at = refuse_each_second(tk, &d, 1);
    assert_int_equal(at, 2 * HF_REFUSALS_MAX + 1);
    assert_int_equal(tk->hub.stats.refusals_full, 1);
    assert_int_equal(hf_devconn_session(&tk->conns[0].dev)->up.expected, at); /* nor counted as received */
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_BYE, HF_REASON_RATE_LIMIT);
    tk_run(tk);
    for (unsigned restart = 0; restart < 2; restart++) { /* it has heard of nothing: all of them are told */
        sk_open(tk, 0, &d);
        assert_int_equal(d.opened.uplink_durable, at - 1);
        assert_int_equal(refusals(tk, &d)->count, HF_REFUSALS_MAX);
        assert_int_equal(refusals(tk, &d)->at[0].from, 1);
        assert_int_equal(refuse(tk, &d, at, HF_REASON_BAD_REQUEST), HF_SESSION_VERDICT_UNTELLABLE);
        tk_disconnect(&tk->conns[0], HF_EVIDENCE_BYE, HF_REASON_RATE_LIMIT);
        tk_run(tk);
        d.first = 1;
        if (restart == 0)
            assert_int_equal(tk_restart(tk), HF_OK);
    }
    d.first = 3; /* it has heard of one: there is a place */
    sk_open(tk, 0, &d);
    assert_int_equal(refuse(tk, &d, at, HF_REASON_BAD_REQUEST), HF_SESSION_VERDICT_OK);
    assert_int_equal(refuse(tk, &d, at + 1, HF_REASON_BAD_REQUEST), HF_SESSION_VERDICT_OK); /* the same run */
    assert_int_equal(refuse(tk, &d, at + 2, HF_REASON_FORBIDDEN), HF_SESSION_VERDICT_UNTELLABLE);
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_BYE, HF_REASON_RATE_LIMIT);
    tk_run(tk);
    assert_int_equal(tk_restart(tk), HF_OK);
    d.first = 3;
    sk_open(tk, 0, &d); /* the tables have the same */
    assert_int_equal(refusals(tk, &d)->count, HF_REFUSALS_MAX);
    assert_int_equal(refusals(tk, &d)->at[0].from, 3);
    assert_int_equal(refusals(tk, &d)->at[HF_REFUSALS_MAX - 1].to, at + 1);
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_BYE, HF_REASON_RATE_LIMIT);
    tk_run(tk);
    d.first = at + 2; /* and of all */
    sk_open(tk, 0, &d);
    assert_null(refusals(tk, &d));
    assert_int_equal(refuse_each_second(tk, &d, at + 2), at + 2 + 2 * HF_REFUSALS_MAX);
}

/* Whoever sends one more within a window of so many has heard of the oldest. */
static void a_default_window_cannot_have_more(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");

    assert_int_equal(d.uplink_window_messages, HF_REFUSALS_MAX);
    sk_open(tk, 0, &d);
    for (uint64_t seq = 1; seq <= 4 * HF_REFUSALS_MAX; seq++) {
        enum hf_reason reason = seq % 2 ? HF_REASON_BAD_REQUEST : HF_REASON_FORBIDDEN; /* a run each */

        assert_int_equal(refuse(tk, &d, seq, reason), HF_SESSION_VERDICT_OK);
        tk_run(tk);
    }
    assert_int_equal(refusals(tk, &d)->count, HF_REFUSALS_MAX);
    assert_int_equal(tk->hub.stats.refusals_full, 0);
}

/* Those of an old queue are nobody's concern any more. */
static void another_queue_begins_with_none(void **state)
{
    struct tk *tk = *state;
    struct sk_device d = sk_device("d");

    d.uplink_window_messages = 1024;
    sk_open(tk, 0, &d);
    (void)refuse_each_second(tk, &d, 1);
    tk_disconnect(&tk->conns[0], HF_EVIDENCE_BYE, HF_REASON_RATE_LIMIT);
    tk_run(tk);
    d.queue_id++;
    d.first = d.next = 1;
    sk_open(tk, 0, &d);
    assert_int_equal(refuse_each_second(tk, &d, 1), 2 * HF_REFUSALS_MAX + 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, sk_setup, sk_teardown)
    const struct CMUnitTest tests[] = {
        T(one_more_than_can_be_told_is_not_taken),
        T(a_default_window_cannot_have_more),
        T(another_queue_begins_with_none),
    };

    return cmocka_run_group_tests_name("hub_refusals", tests, NULL, NULL);
}
