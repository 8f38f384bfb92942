/* MEM-5 for what allocates here: the store of early frames and the return slots. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/assert.h"
#include "core/session/receiver.h"
#include "core/session/slots.h"
#include "support/alloc_fail.h"

enum { MESSAGES = 40, SLOTS = 5000 };

/* 1..40 come backwards, and once more in order for those that found no memory: all are delivered in order. */
static hf_err backwards(void *context)
{
    struct hf_receiver receiver;
    hf_err first_err = HF_OK;
    uint64_t delivered = 0;

    (void)context;
    hf_receiver_init(&receiver, 1, 0, MESSAGES, 1 << 16);
    for (uint64_t seq = MESSAGES; seq > 1; seq--) {
        hf_err err = hf_receiver_keep(&receiver, seq, &seq, sizeof(seq), 1000);

        assert_true(err == HF_OK || err == HF_ERR_NOMEM);
        assert_int_equal(hf_receiver_hole_ms(&receiver) != 0,
                         receiver.early != NULL); /* a failure leaves no hole without its cause */
        first_err = first_err == HF_OK ? err : first_err;
    }
    while (delivered < MESSAGES) {
        struct hf_slice ready = hf_receiver_ready(&receiver);

        delivered++;
        if (ready.at != NULL)
            assert_memory_equal(ready.at, &delivered, sizeof(delivered));
        else /* comes again, in turn */
            assert_int_equal(hf_receiver_offer(&receiver, delivered), HF_RECEIVE_DELIVER);
        hf_receiver_took(&receiver, 1000);
    }
    assert_null(receiver.early);
    hf_receiver_deinit(&receiver);
    return first_err;
}

static void early_frames_without_memory(void **state)
{
    (void)state;
    assert_int_equal(hf_alloc_fail_each(backwards, NULL, 100), MESSAGES); /* the ring, and 39 frames */
}

static hf_err take_many(void *context)
{
    struct hf_slots slots;
    uint32_t got = 0;

    (void)context;
    hf_slots_init(&slots);
    for (uint32_t i = 0; i < SLOTS; i++) {
        uint32_t slot = hf_slots_take(&slots);

        if (slot == HF_SLOT_NONE)
            continue;
        assert_int_equal(slot, got); /* a failure skips no slot */
        got++;
    }
    assert_int_equal(slots.taken, got);
    for (uint32_t i = 0; i < got; i++)
        hf_slots_give(&slots, i);
    hf_slots_deinit(&slots);
    return got == SLOTS ? HF_OK : HF_ERR_NOMEM;
}

static void slots_without_memory(void **state)
{
    (void)state;
    assert_int_equal(hf_alloc_fail_each(take_many, NULL, 100), 4); /* 1,024 slots, then doubled */
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(early_frames_without_memory),
                                              cmocka_unit_test(slots_without_memory)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
