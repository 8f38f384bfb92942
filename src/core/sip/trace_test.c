#include "core/sip/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/rng.h"

static const struct hf_sip_flow from = {.connection = 7,
                                        .peer = {192, 0, 2, 10},
                                        .local = {1},
                                        .peer_port = 5061,
                                        .transport = HF_SIP_TCP,
                                        .family = 4};

static void add(struct hf_sip_trace_ring *ring, struct hf_sip_trace *trace, const char *text, bool sent,
                bool routine, uint64_t now_ms)
{
    assert_int_equal(hf_sip_trace_add(ring, trace, &from, sent, routine, hf_slice_of(text), now_ms), HF_OK);
}

static void the_newest_first_and_no_more_than_64(void **state)
{
    struct hf_sip_trace_ring *ring = hf_sip_trace_ring_new(0);
    struct hf_sip_trace a = {.device = 1}, b = {.device = 2};
    struct hf_sip_trace_walk walk;
    struct hf_sip_trace_entry entry;
    char text[32];
    unsigned count = 0;

    (void)state;
    walk = hf_sip_trace_walk(ring, &a);
    assert_false(hf_sip_trace_next(&walk, &entry));
    assert_int_equal(hf_sip_trace_ring_stats(ring).oldest_ms, 0);
    for (unsigned i = 0; i < 100; i++) {
        (void)snprintf(text, sizeof(text), "message %u", i);
        add(ring, &a, text, i % 2, false, 1000 + i);
        add(ring, &b, "other", false, false, 1000 + i);
    }
    for (walk = hf_sip_trace_walk(ring, &a); hf_sip_trace_next(&walk, &entry); count++) {
        (void)snprintf(text, sizeof(text), "message %u", 99 - count);
        assert_true(hf_slice_is(entry.text, text));
        assert_int_equal(entry.first_ms, 1099 - count);
        assert_int_equal(entry.sent, (99 - count) % 2);
        assert_int_equal(entry.count, 1);
        assert_int_equal(entry.bytes, strlen(text));
        assert_false(entry.cut || entry.routine);
        assert_int_equal(memcmp(entry.flow.peer, from.peer, sizeof(from.peer)), 0);
        assert_int_equal(entry.flow.peer_port, 5061);
        assert_int_equal(entry.flow.transport, HF_SIP_TCP);
        assert_int_equal(entry.flow.family, 4);
    }
    assert_int_equal(count, HF_SIP_TRACE_MESSAGES_MAX);
    assert_int_equal(hf_sip_trace_ring_stats(ring).added, 200);
    assert_int_equal(hf_sip_trace_ring_stats(ring).oldest_ms, 1000);
    hf_sip_trace_ring_free(ring);
}

static void routine_is_counted(void **state)
{
    struct hf_sip_trace_ring *ring = hf_sip_trace_ring_new(0);
    struct hf_sip_trace a = {.device = 1};
    struct hf_sip_trace_walk walk;
    struct hf_sip_trace_entry entry;

    (void)state;
    add(ring, &a, "REGISTER", false, false, 1);
    for (unsigned i = 0; i < 50; i++) {
        add(ring, &a, "keepalive", false, true, 10 + i);
        add(ring, &a, "200", true, true, 11 + i);
    }
    add(ring, &a, "MESSAGE", true, false, 90);
    add(ring, &a, "keepalive again", false, true, 100);
    walk = hf_sip_trace_walk(ring, &a);
    assert_true(hf_sip_trace_next(&walk, &entry) && entry.count == 1 && entry.routine && !entry.sent);
    assert_true(hf_slice_is(entry.text, "keepalive again"));
    assert_true(hf_sip_trace_next(&walk, &entry) && hf_slice_is(entry.text, "MESSAGE"));
    assert_true(hf_sip_trace_next(&walk, &entry) && entry.count == 50 && entry.sent);
    assert_int_equal(entry.first_ms, 11);
    assert_int_equal(entry.last_ms, 60);
    assert_true(hf_sip_trace_next(&walk, &entry) && entry.count == 50 && !entry.sent);
    assert_true(hf_sip_trace_next(&walk, &entry) && hf_slice_is(entry.text, "REGISTER"));
    assert_false(hf_sip_trace_next(&walk, &entry));
    assert_int_equal(hf_sip_trace_ring_stats(ring).counted_in, 98);
    hf_sip_trace_ring_free(ring);
}

static void long_messages_are_cut(void **state)
{
    static char text[70000];
    struct hf_sip_trace_ring *ring = hf_sip_trace_ring_new(1);
    struct hf_sip_trace a = {.device = 1};
    struct hf_sip_trace_walk walk;
    struct hf_sip_trace_entry entry;

    (void)state;
    assert_int_equal(hf_sip_trace_ring_stats(ring).bytes_max, HF_SIP_TRACE_BYTES_MIN);
    memset(text, 'x', sizeof(text));
    text[HF_SIP_TRACE_TEXT_BYTES_MAX] = 0;
    add(ring, &a, text, false, false, 1);
    walk = hf_sip_trace_walk(ring, &a);
    assert_true(hf_sip_trace_next(&walk, &entry) && !entry.cut &&
                entry.text.bytes == HF_SIP_TRACE_TEXT_BYTES_MAX);
    text[HF_SIP_TRACE_TEXT_BYTES_MAX] = 'x';
    text[65535] = 0;
    add(ring, &a, text, false, false, 2);
    walk = hf_sip_trace_walk(ring, &a);
    assert_true(hf_sip_trace_next(&walk, &entry) && entry.cut && entry.bytes == 65535);
    assert_int_equal(entry.text.bytes, HF_SIP_TRACE_TEXT_BYTES_MAX);
    hf_sip_trace_ring_free(ring);
}

/* Random devices and lengths against a list of everything: what is shown is always the newest of a device, in order and whole, and the ring forgets the oldest only. */
static void the_ring_against_a_list(void **state)
{
    enum { DEVICES = 7, ADDS = 20000 };
    static struct {
        unsigned device;
        size_t bytes;
    } all[ADDS];
    static char text[3000];
    struct hf_sip_trace_ring *ring = hf_sip_trace_ring_new(1);
    struct hf_sip_trace traces[DEVICES] = {0};
    struct hf_rng rng;

    (void)state;
    hf_rng_seed(&rng, 7);
    for (unsigned i = 0; i < DEVICES; i++)
        traces[i].device = 100 + i;
    for (unsigned i = 0; i < ADDS; i++) {
        unsigned device = (unsigned)hf_rng_below(&rng, DEVICES), shown = 0, at = i + 1;
        size_t bytes = (size_t)hf_rng_below(&rng, hf_rng_below(&rng, 20) == 0 ? 3000 : 500);
        struct hf_sip_trace_walk walk;
        struct hf_sip_trace_entry entry;

        memset(text, 'a' + (int)(i % 26), bytes);
        all[i].device = device;
        all[i].bytes = bytes;
        assert_int_equal(
            hf_sip_trace_add(ring, &traces[device], NULL, false, false, (struct hf_slice){text, bytes}, i),
            HF_OK);
        if (i % 16 != 0)
            continue;
        device = (unsigned)hf_rng_below(&rng, DEVICES);
        for (walk = hf_sip_trace_walk(ring, &traces[device]); hf_sip_trace_next(&walk, &entry); shown++) {
            do
                at--;
            while (all[at].device != device);
            assert_int_equal(entry.first_ms, at);
            assert_int_equal(entry.flow.family, 0);
            assert_int_equal(entry.bytes, all[at].bytes);
            assert_int_equal(entry.text.bytes, HF_MIN(all[at].bytes, (size_t)HF_SIP_TRACE_TEXT_BYTES_MAX));
            if (entry.text.bytes > 0) {
                assert_int_equal(entry.text.at[0], 'a' + at % 26);
                assert_int_equal(entry.text.at[entry.text.bytes - 1], 'a' + at % 26);
            }
            assert_true(at >= hf_sip_trace_ring_stats(ring).oldest_ms);
        }
        assert_true(shown == HF_SIP_TRACE_MESSAGES_MAX || shown > 3 || i < 200);
    }
    assert_true(hf_sip_trace_ring_stats(ring).overwritten > ADDS / 2);
    assert_true(ADDS - hf_sip_trace_ring_stats(ring).oldest_ms > 100);
    hf_sip_trace_ring_free(ring);
    hf_sip_trace_ring_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_first_and_no_more_than_64),
        cmocka_unit_test(routine_is_counted),
        cmocka_unit_test(long_messages_are_cut),
        cmocka_unit_test(the_ring_against_a_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
