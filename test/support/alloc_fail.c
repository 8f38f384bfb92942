/* support/alloc_fail.c - the linker's --wrap sends calls of X to __wrap_X and of __real_X to X. */
#include "support/alloc_fail.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

static _Atomic uint64_t calls, fail_at;
static _Atomic int64_t live;
static _Atomic bool hit, fail_all;

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *at, size_t bytes);
void *__real_aligned_alloc(size_t align, size_t bytes);
int __real_posix_memalign(void **ret_at, size_t align, size_t bytes);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t bytes_max);
void __real_free(void *at);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *at, size_t bytes);
void *__wrap_aligned_alloc(size_t align, size_t bytes);
int __wrap_posix_memalign(void **ret_at, size_t align, size_t bytes);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t bytes_max);
void __wrap_free(void *at);

static bool must_fail(void)
{
    uint64_t n = atomic_fetch_add(&calls, 1) + 1;

    if (n != atomic_load(&fail_at) && !atomic_load(&fail_all))
        return false;
    atomic_store(&hit, true);
    errno = ENOMEM;
    return true;
}

static void *counted(void *at)
{
    if (at != NULL)
        atomic_fetch_add(&live, 1);
    return at;
}

void *__wrap_malloc(size_t bytes)
{
    return must_fail() ? NULL : counted(__real_malloc(bytes));
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return must_fail() ? NULL : counted(__real_calloc(count, bytes));
}

void *__wrap_realloc(void *at, size_t bytes)
{
    if (at == NULL)
        return __wrap_malloc(bytes);
    HF_ASSERT(bytes > 0); /* realloc(p, 0) means different things in different places */
    return must_fail() ? NULL : __real_realloc(at, bytes);
}

void *__wrap_aligned_alloc(size_t align, size_t bytes)
{
    return must_fail() ? NULL : counted(__real_aligned_alloc(align, bytes));
}

int __wrap_posix_memalign(void **ret_at, size_t align, size_t bytes)
{
    int err = must_fail() ? ENOMEM : __real_posix_memalign(ret_at, align, bytes);

    if (err == 0)
        atomic_fetch_add(&live, 1);
    return err;
}

char *__wrap_strdup(const char *text)
{
    return must_fail() ? NULL : counted(__real_strdup(text));
}

char *__wrap_strndup(const char *text, size_t bytes_max)
{
    return must_fail() ? NULL : counted(__real_strndup(text, bytes_max));
}

void __wrap_free(void *at)
{
    if (at != NULL)
        atomic_fetch_sub(&live, 1);
    __real_free(at);
}

void hf_alloc_fail_at(uint64_t n)
{
    atomic_store(&calls, 0);
    atomic_store(&hit, false);
    atomic_store(&fail_all, false);
    atomic_store(&fail_at, n);
}

void hf_alloc_fail_all(void)
{
    hf_alloc_fail_at(0);
    atomic_store(&fail_all, true);
}

bool hf_alloc_fail_hit(void)
{
    return atomic_load(&hit);
}

uint64_t hf_alloc_fail_calls(void)
{
    return atomic_load(&calls);
}

int64_t hf_alloc_live(void)
{
    return atomic_load(&live);
}

static hf_err run_one(hf_alloc_fail_scenario *scenario, void *context, uint64_t n)
{
    int64_t live_before = hf_alloc_live(), left;
    hf_err err;

    hf_alloc_fail_at(n);
    err = scenario(context);
    atomic_store(&fail_at, 0);
    left = hf_alloc_live() - live_before;
    if (left != 0) {
        fprintf(stderr, "allocation %llu failing: %lld blocks left over, returned %s\n",
                (unsigned long long)n, (long long)left, hf_err_name(err));
        abort();
    }
    return err;
}

uint64_t hf_alloc_fail_each(hf_alloc_fail_scenario *scenario, void *context, uint64_t n_max)
{
    for (uint64_t n = 1; n <= n_max; n++) {
        hf_err err = run_one(scenario, context, n);

        if (hf_alloc_fail_hit())
            continue;
        if (err == HF_OK)
            err = run_one(scenario, context, 0);
        if (err != HF_OK) {
            fprintf(stderr, "no allocation failing: returned %s\n", hf_err_name(err));
            abort();
        }
        return hf_alloc_fail_calls();
    }
    fprintf(stderr, "more than %llu allocations\n", (unsigned long long)n_max);
    abort();
}
