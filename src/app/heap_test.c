/* The counting functions themselves, compiled in here, stand before this program's malloc. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "app/holdfast_heap_main.c" /* NOLINT(bugprone-suspicious-include): linked into the gateway only */

#include <cmocka.h>

#ifdef SANITIZED

/* The sanitizer stands there. */
static void nothing_is_counted_then(void **state)
{
    (void)state;
    assert_true(hf_heap_bytes == NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_counted_then)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
#include <pthread.h>
#include <stdint.h>

enum { BYTES = 100000, THREADS = 2 * CELLS };

static void *volatile kept; /* so that no compiler leaves an allocation out */

/* What f() adds to both counters. Cmocka may allocate between tests, not within. */
static struct hf_heap_bytes moved(void (*f)(void))
{
    struct hf_heap_bytes before = hf_heap_bytes(), after;

    f();
    after = hf_heap_bytes();
    return (struct hf_heap_bytes){after.allocated - before.allocated, after.freed - before.freed};
}

static void with_malloc(void)
{
    kept = malloc(BYTES);
}

static void with_calloc(void)
{
    kept = calloc(BYTES / 10, 10);
}

static void with_aligned_alloc(void)
{
    kept = aligned_alloc(64, (BYTES + 63) / 64 * 64);
}

static void with_posix_memalign(void)
{
    void *at = NULL;

    assert_int_equal(posix_memalign(&at, 4096, BYTES), 0);
    kept = at;
}

static void with_valloc(void)
{
    kept = valloc(BYTES);
}

static void with_strdup(void)
{
    static char text[BYTES];

    memset(text, 'x', BYTES - 1);
    kept = strdup(text); /* the library's own call of malloc */
}

static void give_back(void)
{
    free(kept);
}

static void every_door_is_counted(void **state)
{
    static void (*const doors[])(void) = {with_malloc,         with_calloc, with_aligned_alloc,
                                          with_posix_memalign, with_valloc, with_strdup};

    (void)state;
    for (size_t i = 0; i < sizeof(doors) / sizeof(doors[0]); i++) {
        struct hf_heap_bytes in = moved(doors[i]);
        size_t usable = malloc_usable_size(kept);

        assert_true(usable >= BYTES);
        assert_int_equal(in.allocated, usable);
        assert_int_equal(in.freed, 0);
        struct hf_heap_bytes out = moved(give_back);
        assert_int_equal(out.freed, usable);
        assert_int_equal(out.allocated, 0);
    }
}

static void grow(void)
{
    kept = realloc(kept, 3 * (size_t)BYTES);
}

static void too_much(void)
{
    size_t bytes = PTRDIFF_MAX;

    assert_null(realloc(kept, *(volatile size_t *)&bytes));
    assert_null(malloc(*(volatile size_t *)&bytes));
    void *at = kept;
    assert_int_equal(posix_memalign(&at, 3, 8), EINVAL);
    assert_int_equal(posix_memalign(&at, 64, *(volatile size_t *)&bytes), ENOMEM);
    assert_ptr_equal(at, kept);
    free(NULL);
}

static void a_block_that_grows_is_given_back_and_taken_anew(void **state)
{
    (void)state;
    with_malloc();
    size_t before = malloc_usable_size(kept);
    struct hf_heap_bytes grown = moved(grow);
    assert_int_equal(grown.freed, before);
    assert_int_equal(grown.allocated, malloc_usable_size(kept));
    struct hf_heap_bytes refused = moved(too_much);
    assert_int_equal(refused.allocated, 0);
    assert_int_equal(refused.freed, 0);
    give_back();
}

static void *take_and_give(void *arg)
{
    void *volatile mine_only = malloc(BYTES);

    free(mine_only);
    return arg;
}

static void in_many_threads(void)
{
    pthread_t threads_of[THREADS];

    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads_of[i], NULL, take_and_give, NULL), 0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads_of[i], NULL), 0);
}

/* More than there are cells: the last is shared, and nothing is lost in it. */
static void threads_without_a_cell_are_counted_too(void **state)
{
    (void)state;
    struct hf_heap_bytes all = moved(in_many_threads);
    assert_true(all.allocated >= (uint64_t)THREADS * BYTES);
    assert_true(all.freed >= (uint64_t)THREADS * BYTES);
    assert_true(atomic_load(&threads) > CELLS);
    assert_true(atomic_load(&cells[CELLS].allocated) >= (uint64_t)CELLS * BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_door_is_counted),
        cmocka_unit_test(a_block_that_grows_is_given_back_and_taken_anew),
        cmocka_unit_test(threads_without_a_cell_are_counted_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
