/* support/alloc_fail.h - makes allocation fail on purpose (MEM-5): for every n, the n-th call of a scenario gets
 * no memory, and the scenario has to end with an error or without noticing, leaving nothing behind.
 *
 * How to use it: name the test program <something>_fail_test.c and it is linked with the wrappers by itself
 * (hf_module in cmake/modules.cmake); for a program with another name add hf_alloc_fail_test(<name>) after it.
 * Calls from our own objects are seen: malloc, calloc, realloc, aligned_alloc, posix_memalign, strdup, strndup
 * and free. What a shared library allocates by itself is not. Safe with threads. */
#ifndef HF_TEST_SUPPORT_ALLOC_FAIL_H
#define HF_TEST_SUPPORT_ALLOC_FAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* The n-th allocating call from now on fails, once; 0 = none. */
void hf_alloc_fail_at(uint64_t n);
/* Every allocating call fails from now on, until hf_alloc_fail_at() is called. */
void hf_alloc_fail_all(void);
bool hf_alloc_fail_hit(void);       /* has one failed since hf_alloc_fail_at()? */
uint64_t hf_alloc_fail_calls(void); /* allocating calls since hf_alloc_fail_at() */
int64_t hf_alloc_live(void);        /* blocks allocated and not freed since the program began */

/* Runs the scenario with n = 1, 2, ... until it gets through without a failure, then once more unharmed. The
 * scenario undoes everything it did, whatever happens; it returns HF_OK when its work is done nevertheless.
 * Prints n and aborts when blocks are left over, when the unharmed run does not return HF_OK, or when n_max
 * rounds were not enough. Returns the number of allocating calls of the unharmed run. */
typedef hf_err hf_alloc_fail_scenario(void *context);
uint64_t hf_alloc_fail_each(hf_alloc_fail_scenario *scenario, void *context, uint64_t n_max);

#endif
