/* bench/bench.h - the load tester as one call: `holdfast bench ws`. */
#ifndef HF_BENCH_BENCH_H
#define HF_BENCH_BENCH_H

enum hf_bench_exit {
    HF_BENCH_EXIT_MEASURED = 0,
    HF_BENCH_EXIT_FAILED = 1,    /* measured, but connections or messages failed */
    HF_BENCH_EXIT_USAGE = 2,     /* arguments, a failed pre-check, or the test could not be run */
    HF_BENCH_EXIT_SATURATED = 3, /* the generator was the bottleneck: no result */
};

/* argv: MODE URL [options], or --help. Prints the result to stdout, everything else to stderr. Forks. Returns enum
 * hf_bench_exit. */
int hf_bench_ws(int argc, char **argv);

#endif
