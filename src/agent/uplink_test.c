/* agent/uplink_test.c - batches as a queue sees them that takes, is full, and takes again; and the offset of UTC. */
#include "agent/uplink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { KEPT_MAX = 256, OFFSET_NS = 1000000000 };

static struct world {
    struct hf_ring *ring;
    struct hf_uplink uplink;
    bool full, at_once; /* the queue: refuses; answers before publish returns */
    unsigned out[KEPT_MAX], outs;
    uint8_t kept[KEPT_MAX][HF_SAMPLES_BYTES_MAX];
    size_t kept_bytes[KEPT_MAX];
    unsigned keeps;
} w;

static const struct hf_utc_offset utc = {OFFSET_NS, 3};

static void keep(unsigned slot)
{
    memcpy(w.kept[w.keeps], w.uplink.batch[slot].payload, HF_SAMPLES_BYTES_MAX);
    w.kept_bytes[w.keeps++] = w.uplink.batch[slot].bytes;
}

static bool publish(void *context, unsigned slot, const uint8_t *payload, size_t bytes)
{
    assert_ptr_equal(context, &w);
    assert_true(payload == w.uplink.batch[slot].payload && bytes == w.uplink.batch[slot].bytes);
    if (w.full)
        return false;
    if (w.at_once) {
        keep(slot);
        hf_uplink_done(&w.uplink, slot, true, 0);
    } else {
        w.out[w.outs++] = slot;
    }
    return true;
}

static void answer(bool durable, uint64_t now_ms)
{
    unsigned outs = w.outs;

    w.outs = 0;
    for (unsigned i = 0; i < outs; i++) {
        if (durable)
            keep(w.out[i]);
        hf_uplink_done(&w.uplink, w.out[i], durable, now_ms);
    }
}

static int setup(void **state)
{
    static const uint8_t boot[HF_SAMPLES_BOOT_BYTES] = "boot of the test";

    (void)state;
    memset(&w, 0, sizeof(w));
    w.ring = aligned_alloc(HF_RING_LINE_BYTES, sizeof(*w.ring));
    hf_ring_init(w.ring);
    hf_uplink_init(&w.uplink, w.ring, boot);
    w.uplink.publish = publish;
    w.uplink.context = &w;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(w.ring);
    return 0;
}

static unsigned push(uint64_t from, unsigned count)
{
    unsigned taken = 0;

    for (unsigned i = 0; i < count; i++)
        taken += hf_ring_push(w.ring, &(struct hf_sample){.ts_ns = from + i});
    return taken;
}

/* Everything that was kept, in order: sample after sample from 0 without a hole but those that are told. */
static uint64_t check_kept(uint64_t *ret_lost)
{
    uint64_t next = 0;

    *ret_lost = 0;
    for (unsigned i = 0; i < w.keeps; i++) {
        struct hf_samples batch;

        assert_int_equal(hf_samples_read((struct hf_slice){(const char *)w.kept[i], w.kept_bytes[i]}, &batch),
                         HF_OK);
        assert_memory_equal(batch.boot_id, "boot of the test", HF_SAMPLES_BOOT_BYTES);
        assert_int_equal(batch.utc_offset_ns, OFFSET_NS);
        assert_int_equal(batch.uncertainty_us, 3);
        next += batch.lost;
        *ret_lost += batch.lost;
        for (unsigned s = 0; s < batch.count; s++, next++) {
            struct hf_sample sample;

            hf_sample_read(batch.samples + (size_t)s * HF_SAMPLE_BYTES, &sample);
            assert_int_equal(sample.ts_ns, next);
        }
    }
    return next;
}

static void a_turn_gives_all_that_waits(void **state)
{
    uint64_t lost;

    (void)state;
    hf_uplink_turn(&w.uplink, utc, 0);
    assert_int_equal(w.outs, 0); /* no empty batch */
    push(0, 5);
    hf_uplink_turn(&w.uplink, utc, 50);
    assert_int_equal(w.outs, 1);
    assert_false(hf_uplink_idle(&w.uplink));
    push(5, 64 + 64 + 1);
    hf_uplink_turn(&w.uplink, utc, 100);
    assert_int_equal(w.outs, 4);
    assert_int_equal(w.uplink.samples, 0);
    answer(true, 101);
    assert_int_equal(check_kept(&lost), 134);
    assert_int_equal(w.uplink.batches, 4);
    assert_int_equal(w.uplink.samples, 134);
    assert_int_equal(w.uplink.newest_utc_ns, OFFSET_NS + 133);
    assert_true(hf_uplink_idle(&w.uplink));
}

static void many_samples_do_not_wait_for_their_time(void **state)
{
    uint64_t lost;

    (void)state;
    push(0, HF_UPLINK_PRESSED - 1);
    assert_false(hf_uplink_pressed(&w.uplink));
    push(HF_UPLINK_PRESSED - 1, 1);
    assert_true(hf_uplink_pressed(&w.uplink));
    hf_uplink_turn(&w.uplink, utc, 0);
    assert_false(hf_uplink_pressed(&w.uplink));
    answer(true, 1);
    assert_int_equal(check_kept(&lost), HF_UPLINK_PRESSED);
}

static void slots_bound_what_is_out(void **state)
{
    uint64_t lost;

    (void)state;
    push(0, HF_RING_SAMPLES);
    hf_uplink_turn(&w.uplink, utc, 0);
    hf_uplink_turn(&w.uplink, utc, 50);
    assert_int_equal(w.outs, HF_UPLINK_BATCHES);
    answer(true, 60);
    w.at_once = true;
    for (unsigned i = 0; i < 10; i++)
        hf_uplink_turn(&w.uplink, utc, 100);
    assert_int_equal(check_kept(&lost), HF_RING_SAMPLES);
    assert_int_equal(lost, 0);
}

static void a_full_queue_fills_the_ring_and_nothing_else_is_lost(void **state)
{
    uint64_t now_ms = 0, next = 0, lost, taken = 0;
    unsigned asked = 0;

    (void)state;
    taken += push(next, 10), next += 10;
    hf_uplink_turn(&w.uplink, utc, now_ms); /* out */
    taken += push(next, 10), next += 10;
    hf_uplink_turn(&w.uplink, utc, now_ms); /* a second one */
    assert_int_equal(w.outs, 2);
    answer(false, now_ms); /* both come back */
    w.full = true;
    for (unsigned i = 0; i < 1000; i++, now_ms += 50) { /* 50 s without room */
        uint64_t before = w.uplink.put_back;

        taken += push(next, 5), next += 5;
        hf_uplink_turn(&w.uplink, utc, now_ms);
        asked += w.uplink.put_back != before;
    }
    assert_int_equal(w.uplink.pause_ms, HF_UPLINK_PAUSE_MAX_MS);
    assert_in_range(asked, 8, 25); /* pauses grow */
    w.full = false;
    w.at_once = true;
    taken += push(next, 1); /* refused as well: the ring is full */
    next++;
    for (unsigned i = 0; i < 200; i++, now_ms += 50)
        hf_uplink_turn(&w.uplink, utc, now_ms);
    taken += push(next, 1); /* tells the hole */
    next++;
    hf_uplink_turn(&w.uplink, utc, now_ms);
    assert_int_equal(check_kept(&lost), next);
    assert_int_equal(lost, next - taken);
    assert_int_equal(w.uplink.lost_told, hf_ring_lost(w.ring));
    assert_true(lost > 0 && hf_uplink_idle(&w.uplink));
}

static void clocks_before_1970_end_no_process(void **state)
{
    struct hf_samples batch;
    struct hf_sample sample;

    (void)state;
    w.at_once = true;
    push(1000, 3);
    hf_uplink_turn(&w.uplink, (struct hf_utc_offset){-5000, 3}, 0);
    push(2000, 3);
    hf_uplink_turn(&w.uplink, (struct hf_utc_offset){INT64_MAX, 3}, 0);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(hf_samples_read((struct hf_slice){(const char *)w.kept[i], w.kept_bytes[i]}, &batch),
                         HF_OK);
        assert_true(batch.uncertainty_us == UINT32_MAX);
        hf_sample_read(batch.samples, &sample);
        assert_true(i == 1 || hf_sample_utc_ns(&batch, &sample) == 0);
    }
}

static void the_quickest_reading_decides(void **state)
{
    static const int64_t readings[][3] = {{1000, 501900, 3000}, {5000, 505550, 6001}, {9000, 0, 200000}};
    struct hf_utc_offset offset = hf_utc_offset_of(readings, 3);

    (void)state;
    assert_int_equal(offset.offset_ns, 505550 - 5500);
    assert_int_equal(offset.uncertainty_us, 1);
    offset = hf_utc_offset_of(readings + 2, 1);
    assert_int_equal(offset.uncertainty_us, 96);
    offset = hf_utc_measure();
    assert_true(offset.uncertainty_us >= 1 && offset.offset_ns != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_turn_gives_all_that_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(many_samples_do_not_wait_for_their_time, setup, teardown),
        cmocka_unit_test_setup_teardown(slots_bound_what_is_out, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_queue_fills_the_ring_and_nothing_else_is_lost, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(clocks_before_1970_end_no_process, setup, teardown),
        cmocka_unit_test(the_quickest_reading_decides),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
