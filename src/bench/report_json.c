#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cjson/cJSON.h>

#include "base/sb.h"
#include "bench/process.h"
#include "bench/report.h"
#include "bench/verdict.h"

enum { PATH_BYTES = 1024 };

void hf_bench_codes_json(cJSON *object, const char *name, const struct hf_bench_codes *codes)
{
    cJSON *list = cJSON_AddObjectToObject(object, name);
    char text[16];

    for (unsigned i = 0; i < HF_BENCH_CODES_MAX && codes->count[i] > 0; i++) {
        snprintf(text, sizeof(text), "%u", codes->code[i]);
        cJSON_AddNumberToObject(list, text, (double)codes->count[i]);
    }
    if (codes->other > 0)
        cJSON_AddNumberToObject(list, "other", (double)codes->other);
}

static void add_hist(cJSON *object, const char *name, const struct hf_hist *hist)
{
    static const struct {
        const char *name;
        double q;
    } rows[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}};

    if (hf_hist_count(hist) == 0)
        return;
    cJSON *out = cJSON_AddObjectToObject(object, name);

    cJSON_AddNumberToObject(out, "count", (double)hf_hist_count(hist));
    cJSON_AddNumberToObject(out, "min", (double)hf_hist_min(hist) / 1e3);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cJSON_AddNumberToObject(out, rows[i].name, (double)hf_hist_quantile(hist, rows[i].q) / 1e3);
    cJSON_AddNumberToObject(out, "max", (double)hf_hist_max(hist) / 1e3);
    cJSON_AddNumberToObject(out, "mean", hf_hist_mean(hist) / 1e3);
}

static void add_machine(cJSON *document)
{
    struct hf_machine machine;
    cJSON *out = cJSON_AddObjectToObject(document, "machine");

    hf_machine_read(&machine);
    cJSON_AddStringToObject(out, "cpu", machine.cpu);
    cJSON_AddStringToObject(out, "kernel", machine.kernel);
    cJSON_AddStringToObject(out, "clock", machine.clock);
    cJSON_AddNumberToObject(out, "cpus", machine.cpus);
    cJSON_AddNumberToObject(out, "cpus_of_the_generator", machine.cpus_allowed);
    cJSON_AddNumberToObject(out, "memory_bytes", (double)machine.memory_bytes);
    cJSON_AddNumberToObject(out, "load_1m", machine.load_1m);
}

static void add_option(void *user, const char *option, const char *value)
{
    cJSON_AddStringToObject(user, option, value);
}

static bool is_secret(const char *argument)
{
    return strncmp(argument, "--token=", 8) == 0 || strncmp(argument, "--api-key=", 10) == 0;
}

static void add_command(cJSON *document, const struct hf_bench_report *report)
{
    cJSON *out = cJSON_AddArrayToObject(document, "command");
    bool secret = false;

    for (int i = 0; i < report->argc; i++) {
        cJSON_AddItemToArray(
            out, cJSON_CreateString(secret || is_secret(report->argv[i]) ? "***" : report->argv[i]));
        secret = strcmp(report->argv[i], "--token") == 0 || strcmp(report->argv[i], "--api-key") == 0;
    }
}

static void add_connections(cJSON *out, const struct hf_bench_result *result)
{
    cJSON *connections = cJSON_AddObjectToObject(out, "connections");

    cJSON_AddNumberToObject(connections, "attempted", (double)result->attempted);
    cJSON_AddNumberToObject(connections, "opened", (double)result->opened);
    cJSON_AddNumberToObject(connections, "closed", (double)result->closed);
    cJSON *causes = cJSON_AddObjectToObject(connections, "failures");

    for (unsigned i = 0; i < HF_BENCH_CAUSES; i++)
        cJSON_AddNumberToObject(causes, hf_bench_cause_info(i)->name, (double)result->cause[i]);
    hf_bench_codes_json(connections, "http_status", &result->http_status);
    hf_bench_codes_json(connections, "close_code", &result->close_code);
}

static void add_generator(cJSON *out, const struct hf_bench_run *run)
{
    cJSON *generator = cJSON_AddObjectToObject(out, "generator");
    const struct hf_bench_result *result = &run->result;

    cJSON_AddNumberToObject(generator, "cpu_seconds", (double)result->cpu_ns / 1e9);
    cJSON_AddNumberToObject(generator, "cpu_seconds_measured", (double)result->measured_cpu_ns / 1e9);
    cJSON_AddNumberToObject(generator, "cpu_seconds_measured_busiest", (double)result->cpu_worst_ns / 1e9);
    cJSON_AddNumberToObject(generator, "cpu_wait_seconds", (double)result->wait_ns / 1e9);
    cJSON_AddNumberToObject(generator, "rss_bytes", (double)result->rss_bytes);
    add_hist(generator, "lag_us", &result->lag);
    add_hist(generator, "loop_turn_us", &result->stall);
}

static void add_server(cJSON *out, const struct hf_bench_run *run)
{
    cJSON *server = cJSON_AddObjectToObject(out, "server");

    cJSON_AddNumberToObject(server, "cpu_seconds_opening",
                            (double)(run->settled.cpu_ns - run->before.cpu_ns) / 1e9);
    cJSON_AddNumberToObject(server, "cpu_seconds_measured",
                            (double)(run->end.cpu_ns - run->begin.cpu_ns) / 1e9);
    cJSON_AddNumberToObject(server, "rss_bytes_before", (double)run->before.rss_bytes);
    cJSON_AddNumberToObject(server, "rss_bytes_open", (double)run->settled.rss_bytes);
    cJSON_AddNumberToObject(server, "rss_bytes_end", (double)run->end.rss_bytes);
    cJSON_AddNumberToObject(server, "private_bytes_before", (double)run->before.private_bytes);
    cJSON_AddNumberToObject(server, "private_bytes_open", (double)run->settled.private_bytes);
}

static void add_result(cJSON *out, const struct hf_bench_config *config, const struct hf_bench_run *run)
{
    struct hf_bench_metric metrics[HF_BENCH_METRICS_MAX];

    if (run->saturation != 0) {
        cJSON_AddNullToObject(out, "result"); /* numbers of a saturated generator are no measurement */
        return;
    }
    cJSON *values = cJSON_AddObjectToObject(out, "result");
    size_t count = hf_bench_metrics(config, run, metrics);

    for (size_t i = 0; i < count; i++)
        cJSON_AddNumberToObject(values, metrics[i].name, metrics[i].value);
    cJSON *times = cJSON_AddObjectToObject(out, "times_us");
    const struct hf_bench_result *result = &run->result;

#define ADD_HIST(name, text)                                              \
    if (&result->name != &result->lag && &result->name != &result->stall) \
        add_hist(times, #name, &result->name);
    HF_BENCH_HIST_MAP(ADD_HIST)
#undef ADD_HIST
}

static void add_run(cJSON *runs, const struct hf_bench_report *report, const struct hf_bench_run *run)
{
    const struct hf_bench_result *result = &run->result;
    cJSON *out = cJSON_CreateObject();

    cJSON_AddItemToArray(runs, out);
    cJSON_AddNumberToObject(out, "measured_seconds", (double)run->measured_ns / 1e9);
    cJSON_AddBoolToObject(out, "failed", run->failed);
    cJSON *saturation = cJSON_AddArrayToObject(out, "saturation");

    for (unsigned i = 0; i < HF_BENCH_SATURATIONS; i++)
        if (run->saturation & (1u << i))
            cJSON_AddItemToArray(saturation, cJSON_CreateString(hf_bench_saturation_name(i)));
    add_connections(out, result);
    cJSON *counters = cJSON_AddObjectToObject(out, "counters");

#define ADD_COUNTER(name, text) cJSON_AddNumberToObject(counters, #name, (double)result->name);
    HF_BENCH_COUNTER_MAP(ADD_COUNTER)
#undef ADD_COUNTER
    add_generator(out, run);
    if (report->config->server_pid != 0)
        add_server(out, run);
    add_result(out, report->config, run);
}

static void add_summary(cJSON *document, const struct hf_bench_report *report)
{
    struct hf_bench_metric metrics[HF_BENCH_METRICS_MAX];
    enum hf_bench_verdict verdict = hf_bench_report_verdict(report);

    cJSON_AddStringToObject(document, "verdict", hf_bench_verdict_name(verdict));
    if (verdict == HF_BENCH_GENERATOR_SATURATED) {
        cJSON_AddNullToObject(document, "result");
        return;
    }
    cJSON *out = cJSON_AddObjectToObject(document, "result");
    size_t count = hf_bench_metrics(report->config, &report->runs[0], metrics);

    for (size_t i = 0; i < count; i++) {
        cJSON *metric = cJSON_AddObjectToObject(out, metrics[i].name);
        struct hf_bench_stats stats;

        hf_bench_report_stats(report, i, &stats);
        cJSON_AddStringToObject(metric, "unit", metrics[i].unit);
        cJSON_AddNumberToObject(metric, "median", stats.median);
        cJSON_AddNumberToObject(metric, "min", stats.min);
        cJSON_AddNumberToObject(metric, "max", stats.max);
        cJSON_AddNumberToObject(metric, "runs", (double)stats.count);
        if (!stats.has_interval)
            continue;
        cJSON_AddNumberToObject(metric, "low95", stats.low);
        cJSON_AddNumberToObject(metric, "high95", stats.high);
    }
}

char *hf_bench_report_json(const struct hf_bench_report *report)
{
    cJSON *document = cJSON_CreateObject();
    char when[64];
    struct hf_sb sb;

    hf_sb_init(&sb, when, sizeof(when));
    hf_sb_time(&sb, report->utc_ms);
    cJSON_AddStringToObject(document, "tool", "holdfast bench ws");
    cJSON_AddStringToObject(document, "version", HF_VERSION);
    cJSON_AddStringToObject(document, "started", when);
    cJSON_AddStringToObject(document, "mode", hf_bench_mode_name(report->config->mode));
    cJSON_AddStringToObject(document, "url", report->config->url);
    add_command(document, report);
    add_machine(document);
    cJSON *options = cJSON_AddObjectToObject(document, "options");

    hf_bench_config_each(report->config, add_option, options);
    cJSON *checks = cJSON_AddArrayToObject(document, "checks");

    for (size_t i = 0; i < HF_BENCH_CHECKS; i++) {
        cJSON *check = cJSON_CreateObject();

        cJSON_AddItemToArray(checks, check);
        cJSON_AddStringToObject(check, "name", report->checks[i].name);
        cJSON_AddStringToObject(check, "value", report->checks[i].value);
        cJSON_AddStringToObject(check, "limit", report->checks[i].limit);
        cJSON_AddBoolToObject(check, "ok", report->checks[i].ok);
    }
    cJSON_AddNumberToObject(document, "dns_us", (double)report->dns_ns / 1e3);
    add_summary(document, report);
    cJSON *runs = cJSON_AddArrayToObject(document, "runs");

    for (size_t i = 0; i < report->run_count; i++)
        add_run(runs, report, &report->runs[i]);
    char *text = cJSON_Print(document);

    cJSON_Delete(document);
    return text;
}

static bool write_hist(const char *dir, size_t run, const char *name, const struct hf_hist *hist)
{
    struct hf_hist_cursor cursor = {0};
    char path[PATH_BYTES];
    FILE *file;

    if (hf_hist_count(hist) == 0)
        return true;
    snprintf(path, sizeof(path), "%s/run-%zu-%s.hist", dir, run + 1, name);
    file = fopen(path, "we");
    if (file == NULL)
        return false;
    fprintf(file, "# low_ns high_ns count\n");
    while (hf_hist_next(hist, &cursor))
        fprintf(file, "%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", cursor.low, cursor.high, cursor.count);
    return fclose(file) == 0;
}

hf_err hf_bench_report_archive(const struct hf_bench_report *report, const char *dir,
                               char error[HF_BENCH_ERROR_BYTES])
{
    char path[PATH_BYTES], *text = hf_bench_report_json(report);
    bool ok = text != NULL && (mkdir(dir, 0777) == 0 || errno == EEXIST);
    FILE *file = NULL;

    if (ok) {
        snprintf(path, sizeof(path), "%s/result.json", dir);
        file = fopen(path, "we");
        ok = file != NULL && fprintf(file, "%s\n", text) > 0;
    }
    if (file != NULL && fclose(file) != 0)
        ok = false;
    for (size_t i = 0; i < report->run_count; i++) {
        const struct hf_bench_result *result = &report->runs[i].result;

#define WRITE_HIST(name, text) ok = ok && write_hist(dir, i, #name, &result->name);
        HF_BENCH_HIST_MAP(WRITE_HIST)
#undef WRITE_HIST
    }
    if (!ok)
        snprintf(error, HF_BENCH_ERROR_BYTES, "cannot write the archive '%.150s': %s", dir, strerror(errno));
    free(text);
    return ok ? HF_OK : HF_ERR_IO;
}
