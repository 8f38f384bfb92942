#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/rng.h"
#include "core/ledger.h"
#include "core/shared.h"
#include "core/tenant.h"

/* accepted = delivered + pending + dropped, whatever comes in which order. */
static void the_books_add_up(void **state)
{
    struct hf_ledger_counts counts = {0};
    uint64_t dropped = 0;
    struct hf_rng rng;

    (void)state;
    hf_rng_seed(&rng, 7);
    for (unsigned i = 0; i < 5000; i++) {
        uint64_t some = hf_rng_below(&rng, counts.pending + 1);

        switch (hf_rng_below(&rng, 4)) {
        case 0: hf_ledger_accept(&counts, 1 + hf_rng_below(&rng, 5)); break;
        case 1: hf_ledger_restore(&counts); break;
        case 2: hf_ledger_deliver(&counts, some); break;
        default:
            hf_ledger_drop(&counts, 1 + (unsigned)hf_rng_below(&rng, HF_REASONS_MAX - 1), some);
            dropped += some;
        }
        assert_int_equal(hf_ledger_difference(&counts), 0);
        assert_int_equal(hf_ledger_dropped(&counts), dropped);
    }
    assert_true(counts.restored > 0 && counts.restored < counts.accepted);
    counts.delivered++; /* a defect shows */
    assert_int_equal(hf_ledger_difference(&counts), -1);
}

static void sums_are_taken_book_by_book(void **state)
{
    struct hf_ledger_snapshot sum = {0}, part = {0};

    (void)state;
    hf_ledger_accept(&part.uplink, 3);
    hf_ledger_deliver(&part.uplink, 1);
    hf_ledger_restore(&part.downlink);
    hf_ledger_accept(&part.broadcast, 2);
    hf_ledger_drop(&part.broadcast, HF_REASON_CONFLATED, 2);
    hf_ledger_add(&sum, &part);
    hf_ledger_add(&sum, &part);
    assert_int_equal(sum.uplink.accepted, 6);
    assert_int_equal(sum.uplink.delivered, 2);
    assert_int_equal(sum.uplink.pending, 4);
    assert_int_equal(sum.downlink.restored, 2);
    assert_int_equal(sum.broadcast.dropped[HF_REASON_CONFLATED], 4);
    assert_int_equal(hf_ledger_difference(&sum.broadcast), 0);
}

static void policies_and_classes_have_names(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HF_POLICIES; i++)
        assert_int_equal(hf_policy_by_name(hf_slice_of(hf_policy_name(i))), i);
    assert_string_equal(hf_policy_name(HF_POLICIES), "unknown");
    assert_int_equal(hf_policy_by_name(HF_SLICE("unknown")), HF_POLICIES);
    for (unsigned i = 0; i < HF_CLASSES; i++)
        assert_int_equal(hf_class_by_name(hf_slice_of(hf_class_name(i))), i);
    assert_string_equal(hf_class_name(HF_CLASSES), "unknown");
    assert_int_equal(hf_class_by_name(HF_SLICE("")), HF_CLASSES);
    assert_string_equal(hf_fate_name(HF_FATE_QUEUED), "queued");
    assert_string_equal(hf_fate_name(HF_FATE_CANCELED), "canceled");
    assert_string_equal(hf_fate_name(99), "none");
    assert_true(hf_fate_final(HF_FATE_SENT, false));
    assert_false(hf_fate_final(HF_FATE_SENT, true));
    assert_true(hf_fate_final(HF_FATE_DONE, true));
    assert_false(hf_fate_final(HF_FATE_QUEUED, false));
}

static void calls_and_shared_bytes(void **state)
{
    struct hf_call *call = hf_call_new(HF_CALL_SEND, 10);

    (void)state;
    assert_non_null(call->storage);
    assert_int_equal(call->type, HF_CALL_SEND);
    hf_call_free(call);
    call = hf_call_new(HF_CALL_LEDGER, 0);
    assert_null(call->storage);
    hf_call_free(call);
    hf_call_free(NULL);
    struct hf_shared *shared = hf_shared_new("abc", 3);
    assert_memory_equal(shared->data, "abc", 3);
    hf_shared_unref(hf_shared_ref(shared));
    assert_int_equal(shared->references, 1);
    hf_shared_unref(shared);
    hf_shared_unref(NULL);
    assert_null(hf_shared_new(NULL, (size_t)UINT32_MAX + 1));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_books_add_up),
        cmocka_unit_test(sums_are_taken_book_by_book),
        cmocka_unit_test(policies_and_classes_have_names),
        cmocka_unit_test(calls_and_shared_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
