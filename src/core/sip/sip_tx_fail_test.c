/* core/sip/sip_tx_fail_test.c - any allocation may fail (MEM-5): the layer is not made, a request is refused or answered 503, and nothing is left behind. */
#include "core/sip/trace.h"
#include "core/sip/tx_testkit.h"
#include "support/alloc_fail.h"

static hf_err send_nowhere(void *context, const struct hf_sip_flow *flow, struct hf_slice bytes)
{
    (void)context;
    (void)flow;
    (void)bytes;
    return HF_OK;
}

static void answer(void *context, const struct hf_sip_tx_event *event)
{
    hf_err *err = context, got = HF_OK;

    if (event->tell == HF_SIP_TELL_REQUEST)
        got = hf_sip_tx_answer_plain(event->tx, event->msg, 200, KIT_START_MS);
    if (got != HF_OK)
        *err = got;
}

static hf_err live(void *context)
{
    static const struct hf_sip_layer_ops ops = {send_nowhere, answer};
    static struct hf_wheel wheel;
    static char text[KIT_TEXT_MAX];
    char branch[HF_SIP_BRANCH_BYTES_MAX];
    struct hf_sip_msg msg;
    hf_err err = HF_OK, told = HF_OK, made;
    struct hf_sip_layer_config config = {.ops = &ops, .context = &told, .wheel = &wheel};
    struct hf_sip_layer *layer = NULL;

    (void)context;
    hf_wheel_init(&wheel, KIT_START_MS);
    made = hf_sip_layer_new(&config, &layer);
    if (made != HF_OK)
        return made;
    kit.flow = kit_flow(HF_SIP_UDP, 10);
    kit.call_id = "1";
    for (unsigned i = 0; i < 3; i++) { /* MESSAGE, INVITE, and one that we ask */
        kit_request_text(text, i == 1 ? "INVITE" : "MESSAGE",
                         i == 2 ? hf_sip_layer_branch(layer, branch).at : "z9hG4bK1", "");
        msg = kit_parse(text);
        if (i < 2)
            made = hf_sip_tx_receive(layer, &kit.flow, &msg, HF_SIP_SHED_LATER, KIT_START_MS);
        else
            made = hf_sip_tx_request(layer, &kit.flow, hf_slice_of(text), NULL, KIT_START_MS, NULL);
        if (made != HF_OK)
            err = made;
    }
    hf_wheel_run(&wheel, KIT_START_MS + 600);
    hf_sip_layer_free(layer);
    HF_ASSERT(wheel.armed == 0);
    return err != HF_OK ? err : told;
}

static hf_err trace(void *context)
{
    struct hf_sip_trace_ring *ring = hf_sip_trace_ring_new(0);
    struct hf_sip_trace device = {.device = 1};
    hf_err err;

    (void)context;
    if (ring == NULL)
        return HF_ERR_NOMEM;
    err = hf_sip_trace_add(ring, &device, NULL, true, false, HF_SLICE("x"), 1);
    if (err != HF_OK) {
        struct hf_sip_trace_walk walk = hf_sip_trace_walk(ring, &device);
        struct hf_sip_trace_entry entry;

        HF_ASSERT(!hf_sip_trace_next(&walk, &entry));
        HF_ASSERT(hf_sip_trace_add(ring, &device, NULL, true, false, HF_SLICE("x"), 1) ==
                  HF_OK); /* the next tries again */
    }
    hf_sip_trace_ring_free(ring);
    return err;
}

static void survives_any_failed_allocation(void **state)
{
    (void)state;
    assert_true(hf_alloc_fail_each(live, NULL, 200) >= 20);
    assert_int_equal(hf_alloc_fail_each(trace, NULL, 10), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(survives_any_failed_allocation)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
