#include "bench/metrics.h"

#include "base/assert.h"

static const double NS_PER_S = 1e9, NS_PER_US = 1e3;

struct list {
    struct hf_bench_metric *at;
    size_t count;
};

static void add(struct list *list, const char *name, const char *unit, double value, const char *text)
{
    HF_ASSERT(list->count < HF_BENCH_METRICS_MAX);
    list->at[list->count++] =
        (struct hf_bench_metric){.name = name, .unit = unit, .text = text, .value = value};
}

static double ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}

static double growth(uint64_t before, uint64_t after)
{
    return after > before ? (double)(after - before) : 0;
}

static double quantile_us(const struct hf_hist *hist, double q)
{
    return (double)hf_hist_quantile(hist, q) / NS_PER_US;
}

static void add_opening(struct list *list, const struct hf_bench_config *config,
                        const struct hf_bench_run *run)
{
    const struct hf_bench_result *result = &run->result;
    double attempted = (double)result->attempted;

    add(list, "success_ratio", "", ratio((double)result->opened, attempted),
        "connections opened of those tried");
    add(list, "hard_failure_ratio", "", ratio((double)hf_bench_result_hard_failed(result), attempted),
        "REFUSED, TIMEOUT and TLS_FAILED of those tried");
    add(list, "open_p50", "us", quantile_us(&result->open, 0.5), "intended start to open, median");
    add(list, "open_p99", "us", quantile_us(&result->open, 0.99), "intended start to open, 99 %");
    if (config->server_pid != 0 && config->mode == HF_BENCH_CONNECT)
        add(list, "server_cpu_per_connection", "us",
            ratio((double)(run->settled.cpu_ns - run->before.cpu_ns) / NS_PER_US, (double)result->opened),
            "server CPU for one connection to open");
}

static void add_hold(struct list *list, const struct hf_bench_config *config, const struct hf_bench_run *run)
{
    double open = (double)run->open_now, seconds = (double)run->measured_ns / NS_PER_S;

    if (config->server_pid == 0)
        return;
    add(list, "rss_per_connection", "bytes",
        ratio(growth(run->before.rss_bytes, run->settled.rss_bytes), open),
        "growth of the server's RSS by one connection");
    add(list, "private_per_connection", "bytes",
        ratio(growth(run->before.private_bytes, run->settled.private_bytes), open),
        "growth of the server's private memory by one connection");
    add(list, "idle_cpu_per_connection", "us/s",
        ratio((double)(run->end.cpu_ns - run->begin.cpu_ns) / NS_PER_US, open * seconds),
        "server CPU of one idle connection");
}

static void add_latency(struct list *list, const struct hf_hist *hist)
{
    add(list, "latency_p50", "us", quantile_us(hist, 0.5), "intended send to answer, median");
    add(list, "latency_p90", "us", quantile_us(hist, 0.9), "intended send to answer, 90 %");
    add(list, "latency_p99", "us", quantile_us(hist, 0.99), "intended send to answer, 99 %");
    add(list, "latency_p999", "us", quantile_us(hist, 0.999), "intended send to answer, 99.9 %");
    add(list, "latency_max", "us", (double)hf_hist_max(hist) / NS_PER_US, "intended send to answer, worst");
}

static void add_messages(struct list *list, const struct hf_bench_config *config,
                         const struct hf_bench_run *run)
{
    double between = (double)(run->end.answered - run->begin.answered);
    double wall_s = (double)(run->end.at_ns - run->begin.at_ns) / NS_PER_S;
    double cpu_us = (double)(run->end.cpu_ns - run->begin.cpu_ns) / NS_PER_US;

    add(list, "messages_per_second", "1/s", ratio(between, wall_s),
        "answered or delivered in the measured time");
    add_latency(list, &run->result.latency);
    if (config->server_pid == 0)
        return;
    add(list, "server_cpu_per_message", "us", ratio(cpu_us, between), "server CPU, user and system");
    add(list, "messages_per_core_second", "1/s", ratio(between, cpu_us / 1e6),
        "messages in one second of server CPU");
    add(list, "server_cpu_share", "cores", ratio(cpu_us / 1e6, wall_s), "server CPU in the measured time");
}

static void add_broadcast(struct list *list, const struct hf_bench_run *run)
{
    double sockets = (double)run->open_now,
           spread_s = (double)hf_hist_quantile(&run->result.spread, 0.5) / NS_PER_S;

    add(list, "first_p50", "us", quantile_us(&run->result.first, 0.5),
        "intended send to first arrival, median");
    add(list, "last_p50", "us", quantile_us(&run->result.last, 0.5), "intended send to last arrival, median");
    add(list, "last_p99", "us", quantile_us(&run->result.last, 0.99), "intended send to last arrival, 99 %");
    add(list, "burst_rate", "1/s", ratio(sockets, spread_s), "arrivals a second between first and last");
}

static void add_dials(struct list *list, const struct hf_bench_config *config, const struct hf_bench_run *run)
{
    const struct hf_bench_result *result = &run->result;
    double seconds = (double)(run->measured_ns + HF_MAX(config->warmup_ns, config->ramp_ns)) / NS_PER_S;
    double refused = (double)hf_bench_result_failed(result);

    add(list, "attempts_per_second", "1/s", ratio((double)result->attempted, seconds), "connections tried");
    if (config->mode == HF_BENCH_FLOOD)
        add(list, "refused_per_second", "1/s", ratio(refused, seconds), "connections refused, every cause");
    else
        add(list, "cycles_per_second", "1/s", ratio((double)result->closed, seconds),
            "opened and closed again");
    if (config->server_pid != 0)
        add(list, "server_cpu_share", "cores",
            ratio((double)(run->end.cpu_ns - run->begin.cpu_ns), (double)(run->end.at_ns - run->begin.at_ns)),
            "server CPU in the measured time");
}

static void add_resume(struct list *list, const struct hf_bench_config *config,
                       const struct hf_bench_run *run)
{
    const struct hf_bench_result *result = &run->result;

    add(list, "resumed_ratio", "", ratio((double)result->resumed, (double)config->connections),
        "sessions resumed of all");
    add(list, "resume_p50", "us", quantile_us(&result->resume, 0.5), "intended redial to WELCOME, median");
    add(list, "resume_p99", "us", quantile_us(&result->resume, 0.99), "intended redial to WELCOME, 99 %");
    add(list, "back_last", "us", (double)hf_hist_max(&result->back) / NS_PER_US,
        "first redial to the last WELCOME");
    if (config->expect > 0) {
        add(list, "missed_p50", "us", quantile_us(&result->latency, 0.5),
            "first redial to a missed message, median");
        add(list, "missed_p99", "us", quantile_us(&result->latency, 0.99),
            "first redial to a missed message, 99 %");
        add(list, "missed_last", "us", (double)hf_hist_max(&result->latency) / NS_PER_US,
            "first redial to the last missed message");
    }
    if (config->server_pid != 0)
        add(list, "server_cpu_per_session", "us",
            ratio((double)(run->end.cpu_ns - run->begin.cpu_ns) / NS_PER_US, (double)result->resumed),
            "server CPU, first redial to the end");
}

size_t hf_bench_metrics(const struct hf_bench_config *config, const struct hf_bench_run *run,
                        struct hf_bench_metric ret_metrics[HF_BENCH_METRICS_MAX])
{
    struct list list = {.at = ret_metrics};

    switch (config->mode) {
    case HF_BENCH_CONNECT: add_opening(&list, config, run); break;
    case HF_BENCH_HOLD:
        add_opening(&list, config, run);
        add_hold(&list, config, run);
        break;
    case HF_BENCH_ECHO:
    case HF_BENCH_UPLINK:
    case HF_BENCH_DOWNLINK: add_messages(&list, config, run); break;
    case HF_BENCH_BROADCAST:
        add_messages(&list, config, run);
        add_broadcast(&list, run);
        break;
    case HF_BENCH_CHURN:
        add_opening(&list, config, run);
        add_dials(&list, config, run);
        break;
    case HF_BENCH_FLOOD: add_dials(&list, config, run); break;
    case HF_BENCH_RESUME: add_resume(&list, config, run); break;
    case HF_BENCH_MODES: HF_UNREACHABLE();
    }
    return list.count;
}
