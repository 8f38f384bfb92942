/* bench/run.h - one run: forks the generator processes, starts them together, measures the server beside them, merges
 * what they counted. */
#ifndef HF_BENCH_RUN_H
#define HF_BENCH_RUN_H

#include "bench/worker.h"

struct hf_bench_side { /* the server's process at one moment */
    uint64_t at_ns, cpu_ns, rss_bytes, private_bytes;
    uint64_t answered; /* messages answered until then, by our count */
};

struct hf_bench_run {
    struct hf_bench_result result; /* merged */
    /* Before the first connection; all settled; begin and end of the measured time. */
    struct hf_bench_side before, settled, begin, end;
    uint64_t measured_ns;
    uint64_t open_now;   /* connections open when all were settled */
    unsigned saturation; /* see verdict.h */
    bool failed;
};

/* *ret_run is filled on HF_OK. HF_ERR_IO with `error`: a process could not be started or did not end in time. */
hf_err hf_bench_run(const struct hf_bench_plan *plan, struct hf_bench_run *ret_run,
                    char error[HF_BENCH_ERROR_BYTES]);

/* One line of the table of checks before a run (LT-3). */
struct hf_bench_check {
    const char *name, *limit;
    char value[64];
    bool ok;
};
enum { HF_BENCH_CHECKS = 4 };
/* Raises our own limit of open files first. Returns whether all are ok. Takes a quarter of a second. */
bool hf_bench_precheck(const struct hf_bench_config *config,
                       struct hf_bench_check ret_checks[HF_BENCH_CHECKS]);

#endif
