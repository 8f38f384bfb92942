#include "bench/report.h"

#include <inttypes.h>

#include "base/assert.h"
#include "bench/verdict.h"

enum hf_bench_verdict hf_bench_report_verdict(const struct hf_bench_report *report)
{
    enum hf_bench_verdict verdict = HF_BENCH_MEASURED;

    for (size_t i = 0; i < report->run_count; i++) {
        if (report->runs[i].saturation != 0)
            return HF_BENCH_GENERATOR_SATURATED;
        if (report->runs[i].failed)
            verdict = HF_BENCH_FAILED;
    }
    return verdict;
}

const char *hf_bench_verdict_name(enum hf_bench_verdict verdict)
{
    static const char *const names[] = {"measured", "failed", "generator_saturated"};

    HF_ASSERT(verdict < HF_COUNT_OF(names));
    return names[verdict];
}

void hf_bench_report_stats(const struct hf_bench_report *report, size_t index,
                           struct hf_bench_stats *ret_stats)
{
    struct hf_bench_metric metrics[HF_BENCH_METRICS_MAX];
    double values[HF_BENCH_RUNS_MAX];

    for (size_t i = 0; i < report->run_count; i++) {
        HF_ASSERT(index < hf_bench_metrics(report->config, &report->runs[i], metrics));
        values[i] = metrics[index].value;
    }
    hf_bench_stats(values, report->run_count, ret_stats);
}

static void print_counts(const struct hf_bench_result *result, FILE *out)
{
    fprintf(out, "  connections  %" PRIu64 " tried, %" PRIu64 " opened", result->attempted, result->opened);
    for (unsigned i = 0; i < HF_BENCH_CAUSES; i++)
        if (result->cause[i] > 0)
            fprintf(out, ", %" PRIu64 " %s", result->cause[i], hf_bench_cause_info(i)->name);
    if (result->undialled > 0)
        fprintf(out, ", %" PRIu64 " more not tried: all --connections were in use", result->undialled);
    fprintf(out, "\n");
    if (result->sent + result->unsent > 0)
        fprintf(out,
                "  messages     %" PRIu64 " sent, %" PRIu64 " answered, %" PRIu64 " lost, %" PRIu64
                " duplicate, %" PRIu64 " reordered, %" PRIu64 " corrupt, %" PRIu64 " refused, %" PRIu64
                " unsent\n",
                result->sent, result->answered, result->lost, result->duplicate, result->reordered,
                result->corrupt, result->refused, result->unsent);
    if (result->resumed + result->rebuilt > 0)
        fprintf(out, "  sessions     %" PRIu64 " resumed, %" PRIu64 " rebuilt\n", result->resumed,
                result->rebuilt);
    for (unsigned i = 0; i < HF_BENCH_CODES_MAX && result->http_status.count[i] > 0; i++)
        fprintf(out, "  HTTP %u      %" PRIu64 " times\n", result->http_status.code[i],
                result->http_status.count[i]);
    for (unsigned i = 0; i < HF_BENCH_CODES_MAX && result->close_code.count[i] > 0; i++)
        fprintf(out, "  close %u   %" PRIu64 " times\n", result->close_code.code[i],
                result->close_code.count[i]);
}

static void print_run(const struct hf_bench_report *report, size_t index, FILE *out)
{
    const struct hf_bench_run *run = &report->runs[index];
    const struct hf_bench_result *result = &run->result;
    double measured_ns = run->measured_ns > 0 ? (double)run->measured_ns : 1;

    fprintf(out, "run %zu of %zu\n", index + 1, report->run_count);
    print_counts(result, out);
    fprintf(out,
            "  generator    busiest process %.0f %% of a CPU, send lag p99 %.0f us, loop turn p99 %.0f us, "
            "RSS %.1f MB\n",
            run->measured_ns > 0 ? 100 * (double)result->cpu_worst_ns / measured_ns : 0,
            (double)hf_hist_quantile(&result->lag, 0.99) / 1e3,
            (double)hf_hist_quantile(&result->stall, 0.99) / 1e3, (double)result->rss_bytes / 1e6);
    if (report->config->server_pid != 0)
        fprintf(out,
                "  server       RSS %.1f MB before, %.1f MB open, %.1f MB at the end; CPU %.2f s measured\n",
                (double)run->before.rss_bytes / 1e6, (double)run->settled.rss_bytes / 1e6,
                (double)run->end.rss_bytes / 1e6, (double)(run->end.cpu_ns - run->begin.cpu_ns) / 1e9);
    for (unsigned i = 0; i < HF_BENCH_SATURATIONS; i++)
        if (run->saturation & (1u << i))
            fprintf(out, "  SATURATED    %s: %s\n", hf_bench_saturation_name(i), hf_bench_saturation_text(i));
}

void hf_bench_report_text(const struct hf_bench_report *report, FILE *out)
{
    struct hf_bench_metric metrics[HF_BENCH_METRICS_MAX];
    enum hf_bench_verdict verdict = hf_bench_report_verdict(report);

    fprintf(out, "%s %s\n", hf_bench_mode_name(report->config->mode), report->config->url);
    for (size_t i = 0; i < HF_BENCH_CHECKS; i++)
        if (!report->checks[i].ok)
            fprintf(out, "pre-check failed, --force given: %s %s (%s)\n", report->checks[i].name,
                    report->checks[i].value, report->checks[i].limit);
    for (size_t i = 0; i < report->run_count; i++)
        print_run(report, i, out);
    if (verdict == HF_BENCH_GENERATOR_SATURATED) {
        fprintf(
            out,
            "no result: the generator was the bottleneck. Use more --processes or CPUs, or a lower rate.\n");
        return;
    }
    size_t count = hf_bench_metrics(report->config, &report->runs[0], metrics);

    fprintf(out, "result (%s)\n", hf_bench_verdict_name(verdict));
    for (size_t i = 0; i < count; i++) {
        struct hf_bench_stats stats;

        hf_bench_report_stats(report, i, &stats);
        fprintf(out, "  %-26s %14.3f %-6s", metrics[i].name, stats.median, metrics[i].unit);
        if (stats.has_interval)
            fprintf(out, " [%.3f .. %.3f]", stats.low, stats.high);
        fprintf(out, "  %s\n", metrics[i].text);
    }
}
