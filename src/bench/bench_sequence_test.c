#include "bench/sequence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/assert.h"

static void finds_loss_duplicate_and_reorder(void **state)
{
    static const struct {
        const char *name;
        unsigned seen[8], count, sent;
        unsigned lost, late, duplicate, ancient;
        enum hf_bench_seen last;
    } rows[] = {
        {"nothing sent", {0}, 0, 0, 0, 0, 0, 0, HF_BENCH_SEEN_NEXT},
        {"all in order", {0, 1, 2}, 3, 3, 0, 0, 0, 0, HF_BENCH_SEEN_NEXT},
        {"all lost", {0}, 0, 5, 5, 0, 0, 0, HF_BENCH_SEEN_NEXT},
        {"first lost", {1, 2}, 2, 3, 1, 0, 0, 0, HF_BENCH_SEEN_NEXT},
        {"middle lost", {0, 1, 4}, 3, 5, 2, 0, 0, 0, HF_BENCH_SEEN_GAP},
        {"last lost", {0, 1}, 2, 3, 1, 0, 0, 0, HF_BENCH_SEEN_NEXT},
        {"repeated at once", {0, 0}, 2, 1, 0, 0, 1, 0, HF_BENCH_SEEN_DUPLICATE},
        {"repeated later", {0, 1, 2, 1}, 4, 3, 0, 0, 1, 0, HF_BENCH_SEEN_DUPLICATE},
        {"two exchanged", {0, 2, 1}, 3, 3, 0, 1, 0, 0, HF_BENCH_SEEN_LATE},
        {"late, then again", {0, 2, 1, 1}, 4, 3, 0, 1, 1, 0, HF_BENCH_SEEN_DUPLICATE},
        {"late at the window's edge", {1, 63, 0}, 3, 64, 61, 1, 0, 0, HF_BENCH_SEEN_LATE},
        {"behind the window", {1, 64, 0}, 3, 65, 63, 0, 0, 1, HF_BENCH_SEEN_ANCIENT},
        {"a repeat across a jump", {0, 63, 0}, 3, 64, 62, 0, 1, 0, HF_BENCH_SEEN_DUPLICATE},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_bench_sequence sequence = {0};
        enum hf_bench_seen last = HF_BENCH_SEEN_NEXT;

        for (unsigned k = 0; k < rows[i].count; k++)
            last = hf_bench_sequence_see(&sequence, rows[i].seen[k]);
        print_message("%s\n", rows[i].name);
        assert_int_equal(last, rows[i].last);
        assert_int_equal(hf_bench_sequence_lost(&sequence, rows[i].sent), rows[i].lost);
        assert_int_equal(sequence.late, rows[i].late);
        assert_int_equal(sequence.duplicate, rows[i].duplicate);
        assert_int_equal(sequence.ancient, rows[i].ancient);
    }
}

static void what_is_declared_gone_is_no_loss(void **state)
{
    static const struct {
        const char *name;
        uint64_t seen, from, to; /* 0..seen-1 came before */
        uint64_t next, missing;
        enum hf_bench_seen again; /* of number `to` */
    } rows[] = {
        {"at the front", 3, 3, 5, 6, 0, HF_BENCH_SEEN_DUPLICATE},
        {"one number", 3, 3, 3, 4, 0, HF_BENCH_SEEN_DUPLICATE},
        {"told again", 6, 2, 4, 6, 0, HF_BENCH_SEEN_DUPLICATE},
        {"half of it known", 4, 2, 5, 6, 0, HF_BENCH_SEEN_DUPLICATE},
        {"behind a hole", 3, 5, 6, 7, 2, HF_BENCH_SEEN_DUPLICATE},
        {"longer than the window", 1, 1, 1000, 1001, 0, HF_BENCH_SEEN_DUPLICATE},
        {"upside down", 3, 9, 4, 3, 0, HF_BENCH_SEEN_GAP},
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        struct hf_bench_sequence sequence = {0};

        for (uint64_t k = 0; k < rows[i].seen; k++)
            (void)hf_bench_sequence_see(&sequence, k);
        hf_bench_sequence_skip(&sequence, rows[i].from, rows[i].to);
        print_message("%s\n", rows[i].name);
        assert_int_equal(sequence.next, rows[i].next);
        assert_int_equal(sequence.missing, rows[i].missing);
        if (rows[i].missing > 0) /* the hole can still be filled */
            assert_int_equal(hf_bench_sequence_see(&sequence, rows[i].seen), HF_BENCH_SEEN_LATE);
        assert_int_equal(hf_bench_sequence_see(&sequence, rows[i].to), rows[i].again);
    }
}

/* Whatever the network does to a stream, every arrival lands in exactly one count. */
static void the_books_always_balance(void **state)
{
    enum { SENT = 2000 };
    uint32_t seed = 1;

    (void)state;
    for (unsigned run = 0; run < 50; run++) {
        struct hf_bench_sequence sequence = {0};
        unsigned counts[HF_BENCH_SEEN_ANCIENT + 1] = {0}, came[SENT] = {0}, distinct = 0, arrivals = 0;

        for (unsigned i = 0; i < SENT; i++) {
            seed = seed * 1664525 + 1013904223;
            unsigned number = i + (seed >> 28); /* up to 15 ahead: reorders, repeats and holes */

            if (number >= SENT || (seed >> 8 & 7) == 0)
                continue;
            counts[hf_bench_sequence_see(&sequence, number)]++;
            arrivals++;
            distinct += came[number]++ == 0;
        }
        assert_int_equal(counts[0] + counts[1] + counts[2] + counts[3] + counts[4], arrivals);
        assert_int_equal(sequence.ancient, 0);
        assert_int_equal(sequence.duplicate, arrivals - distinct);
        assert_int_equal(hf_bench_sequence_lost(&sequence, SENT), SENT - distinct);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_loss_duplicate_and_reorder),
        cmocka_unit_test(what_is_declared_gone_is_no_loss),
        cmocka_unit_test(the_books_always_balance),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
