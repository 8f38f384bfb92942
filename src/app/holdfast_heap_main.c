/* app/holdfast_heap_main.c - the functions of malloc, counted and handed on to glibc (heap.h). glibc lets a program bring its own ("Replacing malloc" of its manual); all that allocate
 * must be there, as whatever one gives out free() counts back. A thread counts in a cell that nobody else writes, so an allocation costs two more loads and a store.
 * Linked into holdfast alone: no library, and no other program, is changed by it. */
#include "app/heap.h"

#include <features.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

#if defined(__GLIBC__) && !defined(SANITIZED)

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

/* glibc's own, by the names that it exports for this (GLIBC_2.2.5). */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *at, size_t bytes);
void *__libc_memalign(size_t align, size_t bytes);
void *__libc_valloc(size_t bytes);
void *__libc_pvalloc(size_t bytes);
void __libc_free(void *at);

enum {
    CELLS =
        63, /* threads with one of their own: the gateway's come first. Those behind them share the last */
    LINE_BYTES = 64,
};

static struct cell {
    _Alignas(LINE_BYTES) _Atomic uint64_t allocated;
    _Atomic uint64_t freed;
} cells[CELLS + 1];
static _Atomic unsigned threads;
static _Thread_local struct cell *mine;

static struct cell *take_cell(void)
{
    unsigned before = atomic_fetch_add(&threads, 1);

    return mine = &cells[before < CELLS ? before : CELLS];
}

static void count(_Atomic uint64_t *counter, size_t bytes, bool shared)
{
    if (shared)
        (void)atomic_fetch_add_explicit(counter, bytes, memory_order_relaxed);
    else
        atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + bytes,
                              memory_order_relaxed);
}

static void *took(void *at)
{
    struct cell *cell = mine != NULL ? mine : take_cell();

    if (at != NULL)
        count(&cell->allocated, malloc_usable_size(at), cell == &cells[CELLS]);
    return at;
}

static void gave(size_t bytes)
{
    struct cell *cell = mine != NULL ? mine : take_cell();

    count(&cell->freed, bytes, cell == &cells[CELLS]);
}

struct hf_heap_bytes hf_heap_bytes(void)
{
    struct hf_heap_bytes sum = {0};

    for (size_t i = 0; i <= CELLS; i++) {
        sum.freed += atomic_load_explicit(&cells[i].freed, memory_order_relaxed);
        sum.allocated += atomic_load_explicit(&cells[i].allocated, memory_order_relaxed);
    }
    return sum;
}

void *malloc(size_t bytes)
{
    return took(__libc_malloc(bytes));
}

void *calloc(size_t count_of, size_t bytes)
{
    return took(__libc_calloc(count_of, bytes));
}

void free(void *at)
{
    if (at == NULL)
        return;
    gave(malloc_usable_size(at)); /* before: it is somebody else's afterwards */
    __libc_free(at);
}

/* A block that stays where it is counts as given back and taken anew, whether it grows or shrinks: what it is now is known, what it was is not, once it moved. */
void *realloc(void *at, size_t bytes)
{
    size_t before = at != NULL ? malloc_usable_size(at) : 0;
    void *now = __libc_realloc(at, bytes);

    if (now == NULL && bytes > 0)
        return NULL; /* at is as it was */
    gave(before);
    return took(now);
}

void *memalign(size_t align, size_t bytes)
{
    return took(__libc_memalign(align, bytes));
}

void *aligned_alloc(size_t align, size_t bytes)
{
    return took(__libc_memalign(align, bytes));
}

int posix_memalign(void **ret_at, size_t align, size_t bytes)
{
    int before = errno; /* which this function does not set */
    void *at;

    if (align % sizeof(void *) != 0 || align == 0 || (align & (align - 1)) != 0)
        return EINVAL;
    at = took(__libc_memalign(align, bytes));
    errno = before;
    if (at == NULL)
        return ENOMEM;
    *ret_at = at;
    return 0;
}

void *valloc(size_t bytes)
{
    return took(__libc_valloc(bytes));
}

void *pvalloc(size_t bytes)
{
    return took(__libc_pvalloc(bytes));
}

#endif
