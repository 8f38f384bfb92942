/* base/assert.h - assertions are about our own code and stay on in release. Peers' bytes are refused,
 * never asserted. */
#ifndef HF_BASE_ASSERT_H
#define HF_BASE_ASSERT_H

#include <stddef.h>

_Noreturn void hf_assert_failed(const char *expression, const char *file, int line);

#define HF_ASSERT(expression) ((expression) ? (void)0 : hf_assert_failed(#expression, __FILE__, __LINE__))
#define HF_UNREACHABLE()      hf_assert_failed("unreachable", __FILE__, __LINE__)

#define HF_CONTAINER_OF(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))
#define HF_COUNT_OF(array)                     (sizeof(array) / sizeof((array)[0]))
#define HF_MIN(a, b)                           ((a) < (b) ? (a) : (b))
#define HF_MAX(a, b)                           ((a) > (b) ? (a) : (b))
#define HF_LIKELY(x)                           __builtin_expect(!!(x), 1)
#define HF_UNLIKELY(x)                         __builtin_expect(!!(x), 0)

#endif
