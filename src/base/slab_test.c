#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/rng.h"
#include "base/slab.h"

static struct hf_slab_stats stats_of(const struct hf_slab *slab)
{
    struct hf_slab_stats stats;

    hf_slab_stats(slab, &stats);
    return stats;
}

static bool all_bytes(const uint8_t *at, size_t bytes, uint8_t want)
{
    for (size_t i = 0; i < bytes; i++)
        if (at[i] != want)
            return false;
    return true;
}

static void every_size_gives_zeroed_aligned_separate_objects(void **state)
{
    static const size_t sizes[] = {0, 1, 8, 16, 17, 40, 600, 1024, 4096, 17000, 65536, 200000, 1 << 20};
    enum { COUNT = 50 };

    (void)state;
    for (size_t s = 0; s < HF_COUNT_OF(sizes); s++) {
        struct hf_slab *slab = hf_slab_new("sizes", sizes[s], COUNT);
        uint8_t *objects[COUNT];

        assert_non_null(slab);
        for (int round = 0; round < 2; round++) { /* the second one reuses what the first one dirtied */
            for (unsigned i = 0; i < COUNT; i++) {
                objects[i] = hf_slab_take(slab);
                assert_non_null(objects[i]);
                assert_int_equal((uintptr_t)objects[i] % (sizes[s] >= 16 && sizes[s] % 16 == 0 ? 16 : 8), 0);
                assert_true(all_bytes(objects[i], sizes[s], 0));
                memset(objects[i], (int)i + 1, sizes[s]);
            }
            for (unsigned i = 0; i < COUNT; i++) {
                assert_true(all_bytes(objects[i], sizes[s], (uint8_t)(i + 1)));
                hf_slab_give(slab, objects[i]);
            }
        }
        hf_slab_free(slab);
    }
}

static void the_limit_refuses_and_counts(void **state)
{
    struct hf_slab *slab = hf_slab_new("limit", 100, 3), *none = hf_slab_new("none", 100, 0);
    void *objects[3];

    (void)state;
    for (size_t i = 0; i < 3; i++)
        objects[i] = hf_slab_take(slab);
    assert_null(hf_slab_take(slab));
    assert_null(hf_slab_take(slab));
    assert_int_equal(stats_of(slab).refused_total, 2);
    hf_slab_give(slab, objects[1]);
    objects[1] = hf_slab_take(slab);
    assert_non_null(objects[1]);
    for (size_t i = 0; i < 3; i++)
        hf_slab_give(slab, objects[i]);
    hf_slab_give(slab, NULL);
    assert_int_equal(stats_of(slab).used, 0);
    assert_int_equal(stats_of(slab).used_max_seen, 3);
    assert_int_equal(stats_of(slab).objects_max, 3);
    assert_int_equal(stats_of(slab).object_bytes, 100);
    assert_string_equal(stats_of(slab).name, "limit");
    hf_slab_free(slab);
    assert_null(hf_slab_take(none));
    assert_int_equal(stats_of(none).refused_total, 1);
    hf_slab_free(none);
    hf_slab_free(NULL);
}

static void an_absurd_size_is_no_memory(void **state)
{
    (void)state;
    assert_null(hf_slab_new("absurd", SIZE_MAX, 1));
    assert_null(hf_slab_new("absurd", SIZE_MAX / 16 + 1, 1));
}

static void a_small_limit_holds_no_large_chunk(void **state)
{
    struct hf_slab *slab = hf_slab_new("few", 64, 4);
    void *object = hf_slab_take(slab);

    (void)state;
    assert_true(stats_of(slab).chunk_bytes < 512);
    hf_slab_give(slab, object);
    hf_slab_free(slab);
}

/* What was taken raw and written is zero for who takes it otherwise, and the limit counts both alike. */
static void raw_objects_are_counted_like_others(void **state)
{
    static const uint8_t zero[64];
    struct hf_slab *slab = hf_slab_new("raw", sizeof(zero), 2);
    uint8_t *first = hf_slab_take_raw(slab), *second = hf_slab_take_raw(slab);

    (void)state;
    assert_true(first != NULL && second != NULL && first != second);
    assert_null(hf_slab_take_raw(slab));
    assert_int_equal(stats_of(slab).refused_total, 1);
    memset(first, 0xff, sizeof(zero));
    hf_slab_give(slab, first);
    first = hf_slab_take(slab);
    assert_memory_equal(first, zero, sizeof(zero));
    hf_slab_give(slab, first);
    hf_slab_give(slab, second);
    hf_slab_free(slab);
}

/* MEM-1: the overhead per object is the chunk's head and tail only. */
static void objects_carry_no_header(void **state)
{
    static const size_t sizes[] = {64, 304, 592, 1024, 16384};

    (void)state;
    for (size_t s = 0; s < HF_COUNT_OF(sizes); s++) {
        struct hf_slab *slab = hf_slab_new("dense", sizes[s], 100000);
        size_t count = (8 << 20) / sizes[s];
        void **objects = calloc(count, sizeof(void *));

        assert_non_null(objects);
        for (size_t i = 0; i < count; i++)
            objects[i] = hf_slab_take(slab);
        assert_true(stats_of(slab).chunk_bytes <= (count * sizes[s]) * 101 / 100 + (1 << 18));
        for (size_t i = 0; i < count; i++)
            hf_slab_give(slab, objects[i]);
        free(objects);
        hf_slab_free(slab);
    }
}

#ifdef __GLIBC__
static void *take_all_small_sizes(void *ret_mappings)
{
    enum { COUNT = 5000 };
    static void *objects[COUNT];

    for (size_t bytes = 16; bytes <= 512; bytes += 8) {
        struct hf_slab *slab = hf_slab_new("small", bytes, COUNT);
        size_t before = mallinfo2().hblks;

        for (size_t i = 0; i < COUNT; i++)
            objects[i] = hf_slab_take(slab);
        *(size_t *)ret_mappings += mallinfo2().hblks - before;
        for (size_t i = 0; i < COUNT; i++)
            hf_slab_give(slab, objects[i]);
        hf_slab_free(slab);
    }
    return NULL;
}

/* glibc gives requests from 128 KiB on a mapping each, and an aligned one asks for its alignment on top: with chunks that just fit into 64 KiB, 160 bytes cost 170. In
 * a thread, whose heap is empty as that of a worker is. */
static void small_objects_take_no_mappings_of_their_own(void **state)
{
    size_t mappings = 0;
    pthread_t thread;

    (void)state;
    (void)mallopt(M_MMAP_THRESHOLD,
                  128 << 10); /* its default, which frees have moved; a sanitizer's malloc has none */
    assert_int_equal(pthread_create(&thread, NULL, take_all_small_sizes, &mappings), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(mappings, 0);
}
#endif

static void a_fleet_that_left_gives_its_memory_back(void **state)
{
    enum { COUNT = 20000, OBJECT_BYTES = 600 };
    struct hf_slab *slab = hf_slab_new("fleet", OBJECT_BYTES, COUNT);
    void **objects = calloc(COUNT, sizeof(void *));
    uint64_t full_bytes;

    (void)state;
    assert_non_null(objects);
    for (size_t i = 0; i < COUNT; i++)
        objects[i] = hf_slab_take(slab);
    full_bytes = stats_of(slab).chunk_bytes;
    assert_true(full_bytes >= (uint64_t)COUNT * OBJECT_BYTES);
    for (size_t i = 0; i < COUNT; i++)
        hf_slab_give(slab, objects[i]);
    assert_in_range(stats_of(slab).chunk_bytes, 1, 70000); /* all but one chunk */
    for (int i = 0; i < 1000; i++)                         /* at the edge nothing goes to and fro */
        hf_slab_give(slab, hf_slab_take(slab));
    assert_in_range(stats_of(slab).chunk_bytes, 1, 70000);
    free(objects);
    hf_slab_free(slab);
}

/* A batch that comes and goes takes its memory from the system once. */
static void as_many_chunks_are_kept_as_was_said(void **state)
{
    enum { COUNT = 60, OBJECT_BYTES = 2048 };
    struct hf_slab *slab = hf_slab_new("batch", OBJECT_BYTES, 10 * COUNT);
    void *objects[3 * COUNT];

    (void)state;
    hf_slab_keep(slab, 2);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < HF_COUNT_OF(objects); i++)
            objects[i] = hf_slab_take(slab);
        assert_true(stats_of(slab).chunk_bytes > 5 * 62000);
        for (unsigned i = 0; i < HF_COUNT_OF(objects); i++)
            hf_slab_give(slab, objects[i]);
        assert_in_range(stats_of(slab).chunk_bytes, 2 * 62000, 2 * 66000);
    }
    hf_slab_free(slab);
}

static void random_use_keeps_objects_apart(void **state)
{
    enum { SLOTS = 3000, STEPS = 200000, OBJECT_BYTES = 200 };
    struct hf_slab *slab = hf_slab_new("random", OBJECT_BYTES, SLOTS / 2);
    uint64_t **slots = calloc(SLOTS, sizeof(*slots));
    uint64_t used = 0, refused = 0;
    struct hf_rng rng;

    (void)state;
    assert_non_null(slots);
    hf_rng_seed(&rng, 42);
    for (unsigned step = 0; step < STEPS; step++) {
        size_t i = (size_t)hf_rng_below(&rng, SLOTS);

        if (slots[i] == NULL) {
            slots[i] = hf_slab_take(slab);
            refused += slots[i] == NULL;
            used += slots[i] != NULL;
            if (slots[i] != NULL) {
                assert_int_equal(slots[i][0], 0);
                slots[i][0] = i + 1;
                slots[i][OBJECT_BYTES / 8 - 1] = ~(uint64_t)i;
            }
        } else {
            assert_int_equal(slots[i][0], i + 1);
            assert_int_equal(slots[i][OBJECT_BYTES / 8 - 1], ~(uint64_t)i);
            hf_slab_give(slab, slots[i]);
            slots[i] = NULL;
            used--;
        }
        assert_int_equal(stats_of(slab).used, used);
    }
    assert_int_equal(stats_of(slab).refused_total, refused);
    for (size_t i = 0; i < SLOTS; i++)
        hf_slab_give(slab, slots[i]);
    free(slots);
    hf_slab_free(slab);
}

/* Mistakes of ours abort: each in a child process, since an assertion does not return. */
static void give_to_another_slab(struct hf_slab *slab, struct hf_slab *other, uint8_t *object)
{
    (void)slab;
    hf_slab_give(other, object);
}

static void free_while_in_use(struct hf_slab *slab, struct hf_slab *other, uint8_t *object)
{
    (void)other;
    (void)object;
    hf_slab_free(slab);
}

#ifdef HF_DEBUG
static void give_twice(struct hf_slab *slab, struct hf_slab *other, uint8_t *object)
{
    (void)other;
    (void)hf_slab_take(slab); /* the chunk stays in use */
    hf_slab_give(slab, object);
    hf_slab_give(slab, object);
}

static void give_the_middle(struct hf_slab *slab, struct hf_slab *other, uint8_t *object)
{
    (void)other;
    hf_slab_give(slab, object + 16);
}

static void write_after_giving(struct hf_slab *slab, struct hf_slab *other, uint8_t *object)
{
    volatile uint8_t *late = object + 20;

    (void)other;
    (void)hf_slab_take(slab);
    hf_slab_give(slab, object);
    *late = 1;
    (void)hf_slab_take(slab);
}
#endif

static void mistakes_are_caught(void **state)
{
    static void (*const mistakes[])(struct hf_slab *, struct hf_slab *, uint8_t *) = {
        give_to_another_slab, free_while_in_use,
#ifdef HF_DEBUG
        give_twice,           give_the_middle,   write_after_giving,
#endif
    };

    (void)state;
    for (size_t i = 0; i < HF_COUNT_OF(mistakes); i++) {
        int status = 0;
        pid_t child = fork();

        assert_true(child >= 0);
        if (child == 0) {
            struct hf_slab *slab = hf_slab_new("one", 64, 10), *other = hf_slab_new("two", 64, 10);

            close(STDERR_FILENO); /* the message is wanted, but not in the test's output */
            signal(SIGABRT, SIG_DFL);
            mistakes[i](slab, other, hf_slab_take(slab));
            _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_gives_zeroed_aligned_separate_objects),
        cmocka_unit_test(the_limit_refuses_and_counts),
        cmocka_unit_test(an_absurd_size_is_no_memory),
        cmocka_unit_test(a_small_limit_holds_no_large_chunk),
        cmocka_unit_test(raw_objects_are_counted_like_others),
        cmocka_unit_test(objects_carry_no_header),
#ifdef __GLIBC__
        cmocka_unit_test(small_objects_take_no_mappings_of_their_own),
#endif
        cmocka_unit_test(a_fleet_that_left_gives_its_memory_back),
        cmocka_unit_test(as_many_chunks_are_kept_as_was_said),
        cmocka_unit_test(random_use_keeps_objects_apart),
        cmocka_unit_test(mistakes_are_caught),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
