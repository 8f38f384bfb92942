/* MEM-5: whatever allocation fails, what is known stays known, and the next batch of the one that was refused is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "core/twin/live.h"
#include "support/alloc_fail.h"

static hf_err a_fleet(void *context)
{
    static const struct hf_sample sample = {1000000, 180, 200, 0};
    uint8_t bytes[HF_SAMPLE_BYTES];
    struct hf_samples batch = {.count = 1, .samples = bytes};
    struct hf_twins twins;
    unsigned refused = 0;

    (void)context;
    hf_sample_write(bytes, &sample);
    hf_err err = hf_twins_init(&twins, 1000);
    for (unsigned i = 0; err == HF_OK && i < 60; i++) {
        char name[] = {(char)('A' + i), '\0'};

        refused += hf_twins_take(&twins, HF_SLICE("acme"), hf_slice_of(name), &batch, 1) == NULL;
    }
    if (err == HF_OK) {
        assert_int_equal(twins.stats.refused, refused);
        assert_int_equal(twins.stats.devices, 60 - refused);
        if (refused > 0) /* memory is there again */
            assert_non_null(hf_twins_take(&twins, HF_SLICE("acme"), HF_SLICE("A"), &batch, 1));
    }
    hf_twins_deinit(&twins);
    return err == HF_OK && refused > 0 ? HF_ERR_NOMEM : err;
}

static void a_twin_without_memory_is_refused_and_counted(void **state)
{
    (void)state;
    assert_true(hf_alloc_fail_each(a_fleet, NULL, 100) > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_twin_without_memory_is_refused_and_counted)};

    return cmocka_run_group_tests_name("live_fail", tests, NULL, NULL);
}
