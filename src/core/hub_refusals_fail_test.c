/* MEM-5: each allocation in the life of refused numbers (noted, grown, kept in the tables, loaded after a restart) fails in turn. What was taken as refused stays known as that, and
 * nothing is left over. */
#include "core/hub_session_testkit.h"
#include "support/alloc_fail.h"

enum { NUMBERS = 10 }; /* of two reasons in turn: the list grows twice */

static bool is_known(struct tk *tk, const struct sk_device *device, uint64_t seq)
{
    const struct hf_refusals *refusals = hf_hub_refusals(&tk->hub, tk->conns[device->index].dev.device);

    for (unsigned i = 0; refusals != NULL && i < refusals->count; i++)
        if (refusals->at[i].from <= seq && seq <= refusals->at[i].to)
            return refusals->at[i].reason == (seq % 2 ? HF_REASON_BAD_REQUEST : HF_REASON_FORBIDDEN);
    return false;
}

static bool open_device(struct tk *tk, struct sk_device *device)
{
    enum hf_reason reason = HF_REASON_NONE;
    bool there = sk_connect(tk, 0, device, &reason) == HF_OK;

    tk_run(tk);
    return there && tk->conns[0].open;
}

static hf_err life(void *context)
{
    struct sk_device d = sk_device("d");
    struct tk *tk = tk_new();
    uint64_t seq = 1;
    bool good = true;

    (void)context;
    if (tk == NULL)
        return HF_ERR_NOMEM;
    for (unsigned start = 0; start < 2; start++) {
        bool there = open_device(tk, &d);

        good &= there;
        for (uint64_t known = 1; there && known < seq; known++)
            assert_true(is_known(tk, &d, known)); /* after the restart, too */
        for (; there && seq <= (start + 1) * NUMBERS / 2; seq++) {
            d.next = seq + 1;
            enum hf_session_verdict verdict = hf_hub_session_refuse(
                &tk->hub, &tk->conns[0].dev, (uint32_t)seq,
                seq % 2 ? HF_REASON_BAD_REQUEST : HF_REASON_FORBIDDEN, HF_SLICE("x"), &(uint32_t){0});

            if (verdict != HF_SESSION_VERDICT_OK) {
                assert_int_equal(verdict, HF_SESSION_VERDICT_FULL);
                good = false;
                break;
            }
            assert_true(is_known(tk, &d, seq));
            tk_run(tk);
        }
        if (tk->conns[0].open)
            tk_disconnect(&tk->conns[0], HF_EVIDENCE_SOCKET_LOST, HF_REASON_CONNECTION_LOST);
        tk_run(tk);
        d.first = 1; /* it has heard of nothing */
        if (start == 0)
            good &= tk_restart(tk) == HF_OK;
    }
    tk_free(tk);
    return good ? HF_OK : HF_ERR_NOMEM;
}

static void whatever_allocation_fails(void **state)
{
    (void)state;
    assert_true(hf_alloc_fail_each(life, NULL, 2000) > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(whatever_allocation_fails)};

    return cmocka_run_group_tests_name("hub_refusals_fail", tests, NULL, NULL);
}
