/* bench/report.h - what a load test says: a table for people, one JSON document for machines, an archive for later.
 * A run whose generator was the bottleneck has counters and the generator's own state, but no result. */
#ifndef HF_BENCH_REPORT_H
#define HF_BENCH_REPORT_H

#include <stdio.h>

#include "bench/metrics.h"
#include "bench/run.h"
#include "bench/stats.h"

struct hf_bench_report {
    const struct hf_bench_config *config;
    int argc; /* the command, for the record */
    char **argv;
    uint64_t utc_ms; /* start */
    uint64_t dns_ns;
    struct hf_bench_check checks[HF_BENCH_CHECKS];
    bool checks_ok;
    const struct hf_bench_run *runs;
    size_t run_count;
};

enum hf_bench_verdict { HF_BENCH_MEASURED, HF_BENCH_FAILED, HF_BENCH_GENERATOR_SATURATED };
/* Saturated beats failed beats measured, over all runs. */
enum hf_bench_verdict hf_bench_report_verdict(const struct hf_bench_report *report);
const char *hf_bench_verdict_name(enum hf_bench_verdict verdict);

/* The statistics of metric `index` over all runs; its name is that of run 0. */
void hf_bench_report_stats(const struct hf_bench_report *report, size_t index,
                           struct hf_bench_stats *ret_stats);

void hf_bench_report_text(const struct hf_bench_report *report, FILE *out);
/* One member `name` of `object` ({"429": 12}), empty when there is none. */
struct cJSON;
void hf_bench_codes_json(struct cJSON *object, const char *name, const struct hf_bench_codes *codes);
/* The document as text; the caller frees it with free(). NULL on no memory. */
char *hf_bench_report_json(const struct hf_bench_report *report);
/* Writes result.json and, for each run, one file a histogram (run-1-latency.hist: "low high count" lines, ns). Makes
 * the directory. HF_ERR_IO with `error`. */
hf_err hf_bench_report_archive(const struct hf_bench_report *report, const char *dir,
                               char error[HF_BENCH_ERROR_BYTES]);

#endif
