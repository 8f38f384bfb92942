/* `holdfast top`: a node at a glance, from its /metrics. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "cli/http_client.h"
#include "cli/prom.h"
#include "io/clock.h"

enum { INTERVAL_MS = 2000, ONCE_MS = 1000 };

struct request {
    struct hf_cli_remote remote;
    uint64_t interval_ms;
    bool once, json;
};

struct sample {
    char *text; /* owned; NULL = none */
    uint64_t at_ms;
};

/* What is shown. RATE: per second since the last sample; VALUE: as it stands; P99_MS: of a histogram of seconds. */
enum kind { VALUE, RATE, P99_MS, BYTES, SECTION };
static const struct row {
    enum kind kind;
    const char *key, *label, *metric, *labels;
} rows[] = {
    {SECTION, NULL, "connections", NULL, NULL},
    {VALUE, "connections", "devices connected", "holdfast_connections", "state=\"device\""},
    {RATE, "opened_per_s", "opened/s", "holdfast_connections_opened_total", NULL},
    {RATE, "closed_per_s", "closed/s", "holdfast_disconnects_total", NULL},
    {RATE, "refused_per_s", "refused/s", "holdfast_connections_refused_total", NULL},
    {SECTION, NULL, "messages", NULL, NULL},
    {RATE, "messages_in_per_s", "in/s", "holdfast_messages_received_total", NULL},
    {RATE, "messages_out_per_s", "out/s", "holdfast_messages_sent_total", NULL},
    {VALUE, "pending", "waiting for devices", "holdfast_messages_pending", NULL},
    {SECTION, NULL, "event log", NULL, NULL},
    {RATE, "log_records_per_s", "records/s", "holdfast_log_records_total", NULL},
    {RATE, "log_groups_per_s", "group commits/s", "holdfast_log_groups_total", NULL},
    {P99_MS, "log_commit_p99_ms", "commit p99, ms", "holdfast_log_commit_seconds", NULL},
    {BYTES, "log_in_flight_bytes", "not yet durable", "holdfast_journal_in_flight_bytes", NULL},
    {VALUE, "store_lag_records", "tables behind, records", "holdfast_store_lag_records", NULL},
    {SECTION, NULL, "process", NULL, NULL},
    {P99_MS, "loop_stall_p99_ms", "loop stall p99, ms", "holdfast_loop_stall_seconds", NULL},
    {RATE, "cpu_cores", "CPU, cores", "holdfast_process_cpu_seconds_total", NULL},
    {BYTES, "rss_bytes", "resident memory", "holdfast_process_resident_memory_bytes", NULL},
    {VALUE, "descriptors", "descriptors", "holdfast_process_descriptors", NULL},
    {SECTION, NULL, "ledger", NULL, NULL},
    {VALUE, "accepted", "accepted", "holdfast_ledger_messages_total", "fate=\"accepted\""},
    {VALUE, "delivered", "delivered", "holdfast_ledger_messages_total", "fate=\"delivered\""},
    {VALUE, "dropped", "dropped, with reason", "holdfast_ledger_messages_total", "fate=\"dropped\""},
    {VALUE, "difference", "unaccounted for", "holdfast_ledger_difference", NULL},
};

static double value_of(const struct row *row, const struct sample *before, const struct sample *now)
{
    double value;

    if (row->kind == P99_MS)
        return 1000 * hf_cli_prom_quantile(before->text, now->text, row->metric, 0.99);
    value = hf_cli_prom_sum(now->text, row->metric, row->labels);
    if (row->kind != RATE)
        return value;
    value -= hf_cli_prom_sum(before->text, row->metric, row->labels);
    return value > 0 && now->at_ms > before->at_ms ? 1000 * value / (double)(now->at_ms - before->at_ms) : 0;
}

static double bytes_per_connection(const struct sample *now)
{
    double connections = hf_cli_prom_sum(now->text, "holdfast_connections", "state=\"device\"");

    return connections > 0
               ? hf_cli_prom_sum(now->text, "holdfast_process_resident_memory_bytes", NULL) / connections
               : 0;
}

static void print_json(const struct sample *before, const struct sample *now)
{
    cJSON *json = cJSON_CreateObject();
    char *text;

    (void)cJSON_AddNumberToObject(json, "time_ms", (double)hf_clock_utc_ms());
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        if (rows[i].kind != SECTION)
            (void)cJSON_AddNumberToObject(json, rows[i].key, value_of(&rows[i], before, now));
    (void)cJSON_AddNumberToObject(json, "rss_bytes_per_connection", bytes_per_connection(now));
    text = cJSON_PrintUnformatted(json);
    (void)printf("%s\n", text != NULL ? text : "null");
    free(text);
    cJSON_Delete(json);
}

static void print_value(const struct row *row, double value)
{
    char text[HF_CLI_SHORT_BYTES];

    if (row->kind == BYTES)
        (void)printf("  %-26s %14s\n", row->label, hf_cli_bytes_text(value, text));
    else
        (void)printf("  %-26s %14.*f\n", row->label, row->kind == VALUE ? 0 : value < 100 ? 2 : 0, value);
}

static void print_table(const struct request *request, const struct sample *before, const struct sample *now)
{
    double each = bytes_per_connection(now);
    char text[HF_CLI_SHORT_BYTES];

    if (!request->once && isatty(STDOUT_FILENO))
        (void)fputs("\x1b[H\x1b[2J", stdout);
    (void)printf("%s  ", request->remote.url);
    hf_cli_print_time(stdout, hf_clock_utc_ms());
    (void)putchar('\n');
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        if (rows[i].kind == SECTION)
            (void)printf("%s\n", rows[i].label);
        else
            print_value(&rows[i], value_of(&rows[i], before, now));
    if (each > 0)
        (void)printf("  %-26s %14s\n", "resident per connection", hf_cli_bytes_text(each, text));
}

static bool take(struct hf_cli_http *http, const char *argv0, struct sample *sample)
{
    struct hf_cli_http_request request = {.method = "GET", .path = "/metrics"};
    struct hf_cli_http_answer answer;

    if (hf_cli_http_do(http, &request, &answer) != HF_OK) {
        (void)hf_cli_http_failed(argv0, &answer);
        hf_cli_http_answer_deinit(&answer);
        return false;
    }
    sample->at_ms = hf_clock_ms();
    sample->text = answer.body;
    if (sample->text != NULL && hf_cli_prom_has(sample->text, "holdfast_build_info"))
        return true;
    (void)hf_cli_failed(argv0, "what stands at /metrics is not of a Holdfast gateway");
    return false;
}

static int watch(struct request *request, const char *argv0)
{
    struct sample before = {0}, now = {0};
    struct hf_cli_http *http;
    int status = hf_cli_remote_load(&request->remote, argv0, false);

    if (status != HF_CLI_OK)
        return status;
    http = hf_cli_http_new(&request->remote);
    if (http == NULL)
        return hf_cli_failed(argv0, "%s", hf_err_text(HF_ERR_NOMEM));
    if (!take(http, argv0, &before))
        status = HF_CLI_FAILED;
    while (status == HF_CLI_OK) {
        (void)usleep((useconds_t)(1000 * request->interval_ms));
        if (!take(http, argv0, &now)) {
            status = HF_CLI_FAILED;
            break;
        }
        if (request->json)
            print_json(&before, &now);
        else
            print_table(request, &before, &now);
        status = hf_cli_flush(argv0);
        free(before.text);
        before = now;
        now = (struct sample){0};
        if (request->once)
            break;
    }
    free(before.text);
    free(now.text);
    hf_cli_http_free(http);
    return status;
}

static int take_option(int option, const char *argv0, struct request *request)
{
    switch (option) {
    case 'i':
        if (hf_cli_ms(argv0, "--interval", optarg, &request->interval_ms) != HF_CLI_OK)
            return HF_CLI_USAGE;
        if (request->interval_ms >= 100 && request->interval_ms <= 3600000)
            return HF_CLI_OK;
        return hf_cli_usage_error(argv0, "--interval is '%s'; it must be 100ms to 1h", optarg);
    case '1': request->once = true; return HF_CLI_OK;
    case 'j': request->json = true; return HF_CLI_OK;
    default:
        return hf_cli_remote_option(&request->remote, option, optarg)
                   ? HF_CLI_OK
                   : hf_cli_usage_error(argv0, "wrong option");
    }
}

static int run_top(int argc, char **argv)
{
    static const struct option options[] = {
        HF_CLI_REMOTE_OPTIONS,
        {"interval", required_argument, NULL, 'i'},
        {"once", no_argument, NULL, '1'},
        {"json", no_argument, NULL, 'j'},
        {0},
    };
    struct request request = {0};
    int option, status = HF_CLI_OK;

    while (status == HF_CLI_OK &&
           (option = getopt_long(argc, argv, HF_CLI_REMOTE_LETTERS "i:1j", options, NULL)) != -1)
        status = take_option(option, argv[0], &request);
    if (status == HF_CLI_OK && optind < argc)
        status = hf_cli_usage_error(argv[0], "it takes no argument, but '%s' is there", argv[optind]);
    if (request.interval_ms == 0)
        request.interval_ms = request.once ? ONCE_MS : INTERVAL_MS;
    if (status == HF_CLI_OK)
        status = watch(&request, argv[0]);
    hf_cli_remote_deinit(&request.remote);
    return status;
}

const struct hf_cli_command hf_cli_top = {
    .name = "top",
    .summary = "watch connections, rates, the log, memory and the ledger",
    .usage = "top [OPTIONS]",
    .details = "  -i, --interval TIME  between two looks (default 2s)\n"
               "  -1, --once           one look at what the last second brought, then leave\n"
               "  -j, --json           one JSON object a look\n" HF_CLI_REMOTE_DETAILS "\n"
               "The key needs metrics:read; the admin listener (http://127.0.0.1:6060) asks for none.\n"
               "\n"
               "  holdfast top\n"
               "  holdfast top --url http://127.0.0.1:6060 --once --json | jq .connections\n",
    .run = run_top,
};
