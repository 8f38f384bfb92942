#include "io/clock.h"

#include <time.h>

#include "base/assert.h"

static uint64_t read_ns(clockid_t clock)
{
    struct timespec at;
    int rc = clock_gettime(clock, &at);

    HF_ASSERT(rc == 0); /* only a wrong clock id fails */
    return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

uint64_t hf_clock_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

uint64_t hf_clock_us(void)
{
    return read_ns(CLOCK_MONOTONIC) / 1000;
}

uint64_t hf_clock_ms(void)
{
    return read_ns(CLOCK_MONOTONIC) / 1000000;
}

uint64_t hf_clock_raw_ns(void)
{
    return read_ns(CLOCK_MONOTONIC_RAW);
}

int64_t hf_clock_utc_ns(void)
{
    struct timespec at;
    int rc = clock_gettime(CLOCK_REALTIME, &at);

    HF_ASSERT(rc == 0);
    return at.tv_sec < 0 ? 0 : (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
}

uint64_t hf_clock_utc_ms(void)
{
    struct timespec at;
    int rc = clock_gettime(CLOCK_REALTIME, &at);

    HF_ASSERT(rc == 0);
    return at.tv_sec < 0 ? 0 : (uint64_t)at.tv_sec * 1000 + (uint64_t)at.tv_nsec / 1000000;
}

uint64_t hf_clock_thread_ns(void)
{
    return read_ns(CLOCK_THREAD_CPUTIME_ID);
}
