/* bench/gb/load_report.c - what a load test says: a table for people, or the same figures in a document shaped like that of `holdfast bench ws`. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "base/assert.h"
#include "bench/gb/load_parts.h"
#include "bench/process.h"
#include "bench/report.h"
#include "bench/verdict.h"

enum { METRICS_MAX = 32 };

struct metric {
    const char *name, *unit, *text;
    double value;
};

struct list {
    struct metric at[METRICS_MAX];
    size_t count;
};

static void add(struct list *list, const char *name, const char *unit, double value, const char *text)
{
    HF_ASSERT(list->count < METRICS_MAX);
    list->at[list->count++] = (struct metric){.name = name, .unit = unit, .value = value, .text = text};
}

static double ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}

static double growth(uint64_t before, uint64_t after)
{
    return after > before ? (double)(after - before) : 0;
}

static double us(const struct hf_hist *hist, double q)
{
    return (double)hf_hist_quantile(hist, q) / 1e3;
}

static void add_opening(struct list *list, const struct hf_gb_load_report *report)
{
    const struct hf_gb_load_run *run = report->run;
    const struct hf_gb_load_result *result = &run->result;

    add(list, "in_ratio", "", ratio((double)result->came, (double)result->devices),
        "devices that came in, of all");
    add(list, "in_p50", "us", us(&result->in, 0.5), "intended start to registered, median");
    add(list, "in_p99", "us", us(&result->in, 0.99), "intended start to registered, 99 %");
    add(list, "in_max", "us", (double)hf_hist_max(&result->in) / 1e3, "intended start to registered, worst");
    if (report->config->mode == HF_GB_LOAD_REGISTER) {
        add(list, "all_in", "s", (double)run->measured_ns / 1e9,
            "first intended start to the last registered");
        add(list, "registrations_per_second", "1/s",
            ratio((double)result->came, (double)run->measured_ns / 1e9), "");
    }
    if (report->config->server_pids == NULL)
        return;
    if (report->config->mode == HF_GB_LOAD_REGISTER)
        add(list, "server_cpu_per_registration", "us",
            ratio((double)(run->settled.cpu_ns - run->before.cpu_ns) / 1e3, (double)result->came),
            "server CPU from REGISTER to registered, challenge included");
    add(list, "private_per_device", "bytes",
        ratio(growth(run->before.private_bytes, run->settled.private_bytes), (double)result->in_end),
        "growth of the server's private memory by one device, just registered");
}

static void add_media(struct list *list, const struct hf_gb_load_run *run)
{
    const struct hf_gb_load_result *result = &run->result;
    double wall_s = (double)run->measured_ns / 1e9;

    add(list, "streams", "", (double)result->streams, "that the gateway heard");
    add(list, "play_p50", "us", us(&result->play, 0.5), "Play asked for, to its result, median");
    add(list, "play_p99", "us", us(&result->play, 0.99), "Play asked for, to its result, 99 %");
    add(list, "first_packet_p50", "us", us(&result->first_packet, 0.5),
        "the gateway: from the opening of the port to the first packet, median");
    add(list, "first_packet_p99", "us", us(&result->first_packet, 0.99), "the same, 99 %");
    add(list, "jitter_p99", "us", us(&result->jitter, 0.99), "the gateway: of a stream, at the end");
    add(list, "media_packets_per_second", "1/s", ratio((double)result->media_packets_measured, wall_s),
        "RTP packets sent");
    add(list, "media_rate", "Mbit/s", ratio((double)result->media_bytes_measured * 8 / 1e6, wall_s),
        "the same");
    add(list, "media_lost", "%",
        100 * ratio((double)result->heard_lost, (double)(result->heard_lost + result->heard_packets)),
        "the gateway: packets that did not come, lost on purpose too");
}

static void add_measured(struct list *list, const struct hf_gb_load_report *report)
{
    const struct hf_gb_load_run *run = report->run;
    const struct hf_gb_load_result *result = &run->result;
    double wall_s = (double)run->measured_ns / 1e9,
           cpu_us = (double)(run->end.cpu_ns - run->begin.cpu_ns) / 1e3;
    double alive = (double)(result->cam.alive - result->measured.alive);

    if (report->config->mode == HF_GB_LOAD_REFRESH) {
        add(list, "refreshes_per_second", "1/s", ratio((double)result->refreshes, wall_s), "REGISTER pairs");
        add(list, "refresh_p50", "us", us(&result->refresh, 0.5), "intended REGISTER to its 200, median");
        add(list, "refresh_p99", "us", us(&result->refresh, 0.99), "intended REGISTER to its 200, 99 %");
        add(list, "refresh_max", "us", (double)hf_hist_max(&result->refresh) / 1e3, "worst");
    }
    if (report->config->mode == HF_GB_LOAD_CATALOG) {
        add(list, "lists", "", (double)result->lists, "lists asked for and got");
        add(list, "listed_p50", "us", us(&result->listed, 0.5),
            "the query came, to the last part was taken, median");
        add(list, "applied_p50", "us", us(&result->applied, 0.5),
            "the last part was taken, to the command's result, median");
        add(list, "applied_max", "us", (double)hf_hist_max(&result->applied) / 1e3, "worst");
    }
    if (report->config->mode == HF_GB_LOAD_MEDIA)
        add_media(list, run);
    add(list, "keepalives_per_second", "1/s", ratio(alive, wall_s), "answered");
    add(list, "keepalive_p50", "us", us(&result->alive, 0.5), "keepalive to its 200, median");
    add(list, "keepalive_p99", "us", us(&result->alive, 0.99), "keepalive to its 200, 99 %");
    add(list, "out_at_end", "", (double)(result->devices - HF_MIN(result->in_end, result->devices)),
        "devices that were not registered at the end");
    if (report->config->server_pids == NULL)
        return;
    add(list, "server_cpu_share", "cores", ratio(cpu_us / 1e6, wall_s), "server CPU in the measured time");
    if (report->config->mode == HF_GB_LOAD_REFRESH)
        add(list, "server_cpu_per_pair", "us", ratio(cpu_us, (double)result->refreshes),
            "server CPU for REGISTER, 401, REGISTER, 200 (keepalives of the time included)");
    if (report->config->mode == HF_GB_LOAD_MEDIA)
        add(list, "server_cpu_per_mbit", "us", ratio(cpu_us, (double)result->media_bytes_measured * 8 / 1e6),
            "server CPU, everything by the media sent");
    if (report->config->mode == HF_GB_LOAD_HOLD) {
        add(list, "server_cpu_per_keepalive", "us", ratio(cpu_us, alive),
            "server CPU, everything by the keepalives");
        add(list, "private_at_rest", "bytes",
            ratio(growth(run->before.private_bytes, run->end.private_bytes), (double)result->in_end),
            "growth of the server's private memory by one device, at the end");
    }
}

static const char *verdict(const struct hf_gb_load_run *run)
{
    return run->saturation != 0 ? "generator_saturated" : run->failed ? "failed" : "measured";
}

static void metrics(const struct hf_gb_load_report *report, struct list *list)
{
    list->count = 0;
    add_opening(list, report);
    if (report->config->mode != HF_GB_LOAD_REGISTER)
        add_measured(list, report);
}

void hf_gb_load_report_text(const struct hf_gb_load_report *report)
{
    const struct hf_gb_load_run *run = report->run;
    const struct hf_gb_load_result *result = &run->result;
    const struct hf_cam_stats *cam = &result->cam;
    double measured_ns = run->measured_ns > 0 ? (double)run->measured_ns : 1;
    struct list list;

    printf("%s %s\n", hf_gb_load_mode_name(report->config->mode), report->config->server);
    for (size_t i = 0; i < HF_BENCH_CHECKS; i++)
        if (!report->checks[i].ok)
            printf("pre-check failed, --force given: %s %s (%s)\n", report->checks[i].name,
                   report->checks[i].value, report->checks[i].limit);
    printf("  devices      %" PRIu64 ", %" PRIu64 " came in, %" PRIu64 " in at the end\n", result->devices,
           result->came, result->in_end);
    printf("  registers    %" PRIu64 " sent, %" PRIu64 " challenged, %" PRIu64 " refused or not answered\n",
           cam->registers, cam->challenged, cam->refused);
    printf("  keepalives   %" PRIu64 " sent, %" PRIu64 " answered, %" PRIu64 " missed, %" PRIu64
           " refused as unknown\n",
           cam->keepalives, cam->alive, cam->missed, cam->strange);
    printf("  queries      %" PRIu64 ", %" PRIu64 " orders, %" PRIu64 " answers in %" PRIu64
           " messages, %" PRIu64 " not taken\n",
           cam->queries, cam->orders, cam->answered, cam->parts, cam->unanswered);
    printf("  datagrams    %" PRIu64 " repeated, %" PRIu64 " repeats came, %" PRIu64
           " lost on purpose, %" PRIu64 " ports changed\n",
           cam->repeats_sent, cam->repeats_came, result->fleet.lost, result->rebinds);
    if (report->config->mode == HF_GB_LOAD_MEDIA)
        printf("  streams      %" PRIu64 " played, %" PRIu64 " refused, %" PRIu64 " heard, %" PRIu64
               " stopped; %" PRIu64 " packets sent, %" PRIu64 " lost on purpose, %" PRIu64 " not taken\n",
               result->plays, result->plays_failed, result->streams, result->stops, cam->media_packets,
               result->fleet.lost_media, cam->media_lost);
    for (unsigned i = 0; i < HF_BENCH_CODES_MAX && result->api_status.count[i] > 0; i++)
        printf("  API          HTTP %u, %" PRIu64 " times%s\n", result->api_status.code[i],
               result->api_status.count[i],
               result->api_status.code[i] == 429
                   ? ": a rate of the gateway, limits.command_per_s or limits.api_key_per_s"
                   : "");
    printf("  generator    busiest process %.0f %% of a CPU, send lag p99 %.0f us, loop turn p99 %.0f us, "
           "RSS %.1f MB\n",
           100 * (double)result->cpu_worst_ns / measured_ns, us(&result->lag, 0.99), us(&result->stall, 0.99),
           (double)result->rss_bytes / 1e6);
    for (unsigned i = 0; i < HF_BENCH_SATURATIONS; i++)
        if (run->saturation & (1u << i))
            printf("  SATURATED    %s: %s\n", hf_bench_saturation_name(i), hf_bench_saturation_text(i));
    if (run->saturation != 0) {
        printf(
            "no result: the generator was the bottleneck. Use more --processes or CPUs, or a lower rate.\n");
        return;
    }
    metrics(report, &list);
    printf("result (%s)\n", verdict(run));
    for (size_t i = 0; i < list.count; i++)
        printf("  %-28s %14.3f %-6s %s\n", list.at[i].name, list.at[i].value, list.at[i].unit,
               list.at[i].text);
}

/* ---- JSON ---- */

static void add_option(void *user, const char *option, const char *value)
{
    cJSON_AddStringToObject(user, option, value);
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
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        cJSON_AddNumberToObject(out, rows[i].name, us(hist, rows[i].q));
    cJSON_AddNumberToObject(out, "max", (double)hf_hist_max(hist) / 1e3);
}

static void add_run(cJSON *runs, const struct hf_gb_load_report *report)
{
    const struct hf_gb_load_run *run = report->run;
    const struct hf_gb_load_result *result = &run->result;
    cJSON *out = cJSON_CreateObject(), *saturation, *counters, *generator, *times, *server;

    cJSON_AddItemToArray(runs, out);
    cJSON_AddNumberToObject(out, "measured_seconds", (double)run->measured_ns / 1e9);
    saturation = cJSON_AddArrayToObject(out, "saturation");
    for (unsigned i = 0; i < HF_BENCH_SATURATIONS; i++)
        if (run->saturation & (1u << i))
            cJSON_AddItemToArray(saturation, cJSON_CreateString(hf_bench_saturation_name(i)));
    counters = cJSON_AddObjectToObject(out, "counters");
    cJSON_AddNumberToObject(counters, "devices", (double)result->devices);
    cJSON_AddNumberToObject(counters, "in", (double)result->came);
    cJSON_AddNumberToObject(counters, "in_at_end", (double)result->in_end);
#define COUNT(name, text) cJSON_AddNumberToObject(counters, #name, (double)result->name);
    HF_GB_LOAD_COUNT_MAP(COUNT)
#undef COUNT
    hf_bench_codes_json(counters, "api_status", &result->api_status);
    cJSON_AddNumberToObject(counters, "media_lost_on_purpose", (double)result->fleet.lost_media);
    cJSON_AddNumberToObject(counters, "lost_on_purpose", (double)result->fleet.lost);
    cJSON_AddNumberToObject(counters, "streams_closed", (double)result->fleet.closed);
#define COUNTER(member, text) cJSON_AddNumberToObject(counters, #member, (double)result->cam.member);
    HF_CAM_STATS_MAP(COUNTER)
#undef COUNTER
    times = cJSON_AddObjectToObject(out, "times_us");
#define TIMES(name, text) add_hist(times, #name, &result->name);
    HF_GB_LOAD_HIST_MAP(TIMES)
#undef TIMES
    generator = cJSON_AddObjectToObject(out, "generator");
    cJSON_AddNumberToObject(generator, "cpu_seconds", (double)result->cpu_ns / 1e9);
    cJSON_AddNumberToObject(generator, "cpu_seconds_measured", (double)result->measured_cpu_ns / 1e9);
    cJSON_AddNumberToObject(generator, "cpu_seconds_measured_busiest", (double)result->cpu_worst_ns / 1e9);
    cJSON_AddNumberToObject(generator, "rss_bytes", (double)result->rss_bytes);
    server = cJSON_AddObjectToObject(out, "server");
    cJSON_AddNumberToObject(server, "cpu_seconds_opening",
                            (double)(run->settled.cpu_ns - run->before.cpu_ns) / 1e9);
    cJSON_AddNumberToObject(server, "cpu_seconds_measured",
                            (double)(run->end.cpu_ns - run->begin.cpu_ns) / 1e9);
    cJSON_AddNumberToObject(server, "private_bytes_before", (double)run->before.private_bytes);
    cJSON_AddNumberToObject(server, "private_bytes_open", (double)run->settled.private_bytes);
    cJSON_AddNumberToObject(server, "private_bytes_end", (double)run->end.private_bytes);
}

static void add_result(cJSON *document, const struct hf_gb_load_report *report)
{
    struct list list;

    if (report->run->saturation != 0) {
        cJSON_AddNullToObject(document, "result"); /* numbers of a saturated generator are no measurement */
        return;
    }
    cJSON *out = cJSON_AddObjectToObject(document, "result");

    metrics(report, &list);
    for (size_t i = 0; i < list.count; i++) {
        cJSON *one = cJSON_AddObjectToObject(out, list.at[i].name);

        cJSON_AddNumberToObject(one, "median", list.at[i].value);
        cJSON_AddStringToObject(one, "unit", list.at[i].unit);
        cJSON_AddStringToObject(one, "text", list.at[i].text);
    }
}

bool hf_gb_load_report_json(const struct hf_gb_load_report *report)
{
    cJSON *document = cJSON_CreateObject(), *checks;
    struct hf_machine machine;
    char *text;

    cJSON_AddStringToObject(document, "tool", "holdfast bench gb");
    cJSON_AddStringToObject(document, "mode", hf_gb_load_mode_name(report->config->mode));
    cJSON_AddStringToObject(document, "server", report->config->server);
    cJSON_AddNumberToObject(document, "utc_ms", (double)report->utc_ms);
    cJSON_AddStringToObject(document, "verdict", verdict(report->run));
    hf_gb_load_each(report->config, add_option, cJSON_AddObjectToObject(document, "options"));
    hf_machine_read(&machine);
    cJSON_AddStringToObject(document, "cpu", machine.cpu);
    cJSON_AddNumberToObject(document, "cpus", machine.cpus);
    checks = cJSON_AddObjectToObject(document, "checks");
    for (size_t i = 0; i < HF_BENCH_CHECKS; i++)
        cJSON_AddStringToObject(checks, report->checks[i].name,
                                report->checks[i].ok ? "ok" : report->checks[i].value);
    add_result(document, report);
    add_run(cJSON_AddArrayToObject(document, "runs"), report);
    text = cJSON_Print(document);
    cJSON_Delete(document);
    if (text != NULL)
        puts(text);
    free(text);
    return text != NULL;
}
