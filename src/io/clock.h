/* io/clock.h - the only readers of clocks. Monotonic time counts from boot of the machine and never jumps
 * (CLOCK_MONOTONIC); UTC may be set by an operator and is for records and people, never for timers. */
#ifndef HF_IO_CLOCK_H
#define HF_IO_CLOCK_H

#include <stdint.h>

uint64_t hf_clock_ns(void);
uint64_t hf_clock_us(void);
uint64_t hf_clock_ms(void);
uint64_t hf_clock_raw_ns(
    void); /* CLOCK_MONOTONIC_RAW: no adjustment reaches it; what sensors' samples carry, never for timers */
int64_t hf_clock_utc_ns(void);  /* since 1970-01-01, without leap seconds; not below 0 */
uint64_t hf_clock_utc_ms(void); /* since 1970-01-01, without leap seconds; 0 while the clock is before that */
uint64_t hf_clock_thread_ns(void); /* CPU time of the calling thread, user and system; costs a system call */

#endif
