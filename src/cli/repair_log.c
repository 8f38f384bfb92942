#include <getopt.h>
#include <stdio.h>

#include "cli/cli.h"
#include "io/clock.h"
#include "io/entropy.h"
#include "io/files_posix.h"
#include "log/log.h"

static void on_report(void *context, const struct hf_log_report *report)
{
    (void)context;
    (void)printf("%s: %s (position %llu, offset %llu)\n", report->path ? report->path : "log",
                 hf_log_incident_text(report->event), (unsigned long long)report->position,
                 (unsigned long long)report->offset);
}

static int run(int argc, char **argv)
{
    static const struct option options[] = {{"data", required_argument, NULL, 'd'}, {0}};
    const char *data = NULL;
    char dir[HF_LOG_PATH_BYTES_MAX];
    bool repaired = false;
    int option;

    while ((option = getopt_long(argc, argv, "d:", options, NULL)) != -1) {
        if (option != 'd')
            return hf_cli_usage_error(argv[0], "wrong option");
        data = optarg;
    }
    if (data == NULL || optind < argc)
        return hf_cli_usage_error(argv[0], "name the data directory: --data DIR");
    struct hf_log_options log = {.files = hf_files_posix(),
                                 .log_id = hf_entropy_u64() | 1,
                                 .now_ms = hf_clock_utc_ms(),
                                 .report = on_report};
    (void)snprintf(dir, sizeof(dir), "%s/log", data);
    hf_err err = hf_log_repair(dir, &log, &repaired);
    if (err != HF_OK)
        return hf_cli_failed(argv[0], "cannot repair '%s': %s%s", dir, hf_err_text(err),
                             err == HF_ERR_BUSY ? "; stop the gateway first" : "");
    (void)printf("%s\n", repaired ? "repaired; readers will be told the exact gap" : "nothing to repair");
    return hf_cli_flush(argv[0]);
}

const struct hf_cli_command hf_cli_repair_log = {
    .name = "repair-log",
    .summary = "take a damaged event log segment out of the way, keeping every intact record",
    .usage = "repair-log --data DIR",
    .details = "The damaged file stays beside the log as *.damaged. Run it with the gateway stopped.\n"
               "\n"
               "Example:\n"
               "  holdfast repair-log --data /var/lib/holdfast\n",
    .run = run,
};
