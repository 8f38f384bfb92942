/* bench/sequence.h - counts every message of one numbered stream once and in order.
 * The sender numbers from 0. Each number that arrives is exactly one of: in order, after a gap, late (reordered)
 * or repeated (duplicate). What never came is lost. Lateness is told from repetition up to
 * HF_BENCH_SEQUENCE_WINDOW numbers back; what is older still counts as `ancient`, never as good. */
#ifndef HF_BENCH_SEQUENCE_H
#define HF_BENCH_SEQUENCE_H

#include <stdint.h>

enum { HF_BENCH_SEQUENCE_WINDOW = 64 };

enum hf_bench_seen {
    HF_BENCH_SEEN_NEXT,      /* the one expected */
    HF_BENCH_SEEN_GAP,       /* numbers before it are still missing */
    HF_BENCH_SEEN_LATE,      /* fills a hole behind: reordered */
    HF_BENCH_SEEN_DUPLICATE, /* was there before */
    HF_BENCH_SEEN_ANCIENT,   /* too far behind to say which */
};

struct hf_bench_sequence { /* zero is the initial state; fields are readable */
    uint64_t next;         /* one above the highest seen */
    uint64_t behind;       /* bit k: number next-1-k was seen */
    uint64_t missing;      /* holes below next */
    uint32_t late, duplicate, ancient;
};

enum hf_bench_seen hf_bench_sequence_see(struct hf_bench_sequence *sequence, uint64_t number);

/* The sender says that from..to will never come: they are no holes. What is missing before them stays missing. */
void hf_bench_sequence_skip(struct hf_bench_sequence *sequence, uint64_t from, uint64_t to);

/* How many of the numbers 0..sent-1 never came. */
uint64_t hf_bench_sequence_lost(const struct hf_bench_sequence *sequence, uint64_t sent);

#endif
