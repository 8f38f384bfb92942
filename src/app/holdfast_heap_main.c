/* app/holdfast_heap_main.c - the functions of malloc, counted and handed on to whoever is next: glibc, or an allocator that is preloaded (heap.h). glibc lets a program bring its own
 * ("Replacing malloc" of its manual); all that allocate must be there, as whatever one gives out free() counts back. A thread counts in a cell that nobody else writes, so an allocation
 * costs a few loads and a store. Linked into holdfast alone: no library, and no other program, is changed by it. */
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

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

/* Sizes are asked of the same one that gave the block out: glibc's malloc_usable_size() of a block of jemalloc's, or the other way round, reads foreign memory. */
#define NEXT_MAP(X)                                   \
    X(malloc, void *, (size_t))                       \
    X(calloc, void *, (size_t, size_t))               \
    X(realloc, void *, (void *, size_t))              \
    X(aligned_alloc, void *, (size_t, size_t))        \
    X(memalign, void *, (size_t, size_t))             \
    X(posix_memalign, int, (void **, size_t, size_t)) \
    X(valloc, void *, (size_t))                       \
    X(pvalloc, void *, (size_t))                      \
    X(malloc_usable_size, size_t, (void *))           \
    X(free, void, (void *))

static struct {
#define NEXT_MEMBER(name, result, arguments) result(*name) arguments;
    NEXT_MAP(NEXT_MEMBER)
#undef NEXT_MEMBER
} next;

/* At the first allocation, which the C library makes before there is a second thread. What dlsym() itself would allocate meanwhile (a text, of an error) it can do without. False: for it. */
static bool ready(void)
{
    static bool looking;

    if (next.free != NULL)
        return true;
    if (looking)
        return false;
    looking = true;
#define NEXT_FIND(name, result, arguments) *(void **)&next.name = dlsym(RTLD_NEXT, #name);
    NEXT_MAP(NEXT_FIND)
#undef NEXT_FIND
    return true;
}

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
        count(&cell->allocated, next.malloc_usable_size(at), cell == &cells[CELLS]);
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
    return ready() ? took(next.malloc(bytes)) : NULL;
}

void *calloc(size_t count_of, size_t bytes)
{
    return ready() ? took(next.calloc(count_of, bytes)) : NULL;
}

void free(void *at)
{
    if (at == NULL || !ready())
        return;
    gave(next.malloc_usable_size(at)); /* before: it is somebody else's afterwards */
    next.free(at);
}

/* A block that stays where it is counts as given back and taken anew, whether it grows or shrinks: what it is now is known, what it was is not, once it moved. */
void *realloc(void *at, size_t bytes)
{
    if (!ready())
        return NULL;
    size_t before = at != NULL ? next.malloc_usable_size(at) : 0;
    void *now = next.realloc(at, bytes);

    if (now == NULL && bytes > 0)
        return NULL; /* at is as it was */
    gave(before);
    return took(now);
}

void *memalign(size_t align, size_t bytes)
{
    return ready() ? took(next.memalign(align, bytes)) : NULL;
}

void *aligned_alloc(size_t align, size_t bytes)
{
    return ready() ? took(next.aligned_alloc(align, bytes)) : NULL;
}

int posix_memalign(void **ret_at, size_t align, size_t bytes)
{
    int err = ready() ? next.posix_memalign(ret_at, align, bytes) : ENOMEM;

    if (err == 0)
        (void)took(*ret_at);
    return err;
}

void *valloc(size_t bytes)
{
    return ready() ? took(next.valloc(bytes)) : NULL;
}

void *pvalloc(size_t bytes)
{
    return ready() ? took(next.pvalloc(bytes)) : NULL;
}

#endif
