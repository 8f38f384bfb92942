/* io/stall.h - a small histogram of microseconds for loop stalls. Four buckets per power of two, so a quantile is
 * at most 25 % too high and never too low. Pure. */
#ifndef HF_IO_STALL_H
#define HF_IO_STALL_H

#include <stdint.h>

enum { HF_STALL_BUCKETS = 104 }; /* up to 2^26 us = 67 s; longer ones count in the last */

struct hf_stall {
    uint64_t count, sum_us, max_us;
    uint64_t buckets[HF_STALL_BUCKETS];
};

void hf_stall_record(struct hf_stall *stall, uint64_t us);
/* Upper bound of the bucket in which the quantile lies (per_mille 0..1000), at most max_us; 0 when empty. */
uint64_t hf_stall_quantile_us(const struct hf_stall *stall, unsigned per_mille);
uint64_t hf_stall_bucket_le_us(unsigned bucket); /* inclusive upper bound, for /metrics */

#endif
