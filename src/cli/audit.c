/* `holdfast audit`: who did what, for as long as the gateway keeps it. */
#include <getopt.h>
#include <stdio.h>
#include <time.h>

#include "cli/args.h"
#include "cli/commands.h"
#include "cli/event_print.h"
#include "cli/pages.h"

static void print_head(void)
{
}

/* A year is long: the day before the line that an event is elsewhere, by the same clock. */
static void print_row(const cJSON *entry)
{
    const cJSON *time_ms = cJSON_GetObjectItemCaseSensitive(entry, "time_ms");
    time_t seconds = cJSON_IsNumber(time_ms) ? (time_t)(time_ms->valuedouble / 1000) : 0;
    struct tm local;
    char day[16];

    if (localtime_r(&seconds, &local) != NULL && strftime(day, sizeof(day), "%Y-%m-%d ", &local) > 0)
        (void)fputs(day, stdout);
    hf_cli_event_print(stdout, entry);
}

struct filters {
    const char *by, *device, *type, *from, *to;
};

static bool take_filter(struct filters *filters, int option)
{
    switch (option) {
    case 'b': filters->by = optarg; return true;
    case 'd': filters->device = optarg; return true;
    case 't': filters->type = optarg; return true;
    case 'f': filters->from = optarg; return true;
    case 'U': filters->to = optarg; return true;
    default: return false;
    }
}

static bool write_path(const struct filters *filters, uint64_t limit, struct hf_sb *sb)
{
    hf_sb_printf(sb, "/v1/audit?limit=%llu", (unsigned long long)limit);
    return hf_cli_pages_add(sb, "by", filters->by) && hf_cli_pages_add(sb, "device", filters->device) &&
           hf_cli_pages_add(sb, "type", filters->type) && hf_cli_pages_add(sb, "from", filters->from) &&
           hf_cli_pages_add(sb, "to", filters->to);
}

static int run_audit(int argc, char **argv)
{
    static const struct option options[] = {
        HF_CLI_REMOTE_OPTIONS,
        {"by", required_argument, NULL, 'b'},
        {"device", required_argument, NULL, 'd'},
        {"type", required_argument, NULL, 't'},
        {"from", required_argument, NULL, 'f'},
        {"until", required_argument, NULL, 'U'},
        {"limit", required_argument, NULL, 'l'},
        {"all", no_argument, NULL, 'a'},
        {"json", no_argument, NULL, 'j'},
        {0},
    };
    struct hf_cli_pages pages = {
        .array = "entries", .none = "nobody did anything that fits", .head = print_head, .row = print_row};
    struct hf_cli_remote remote = {0};
    struct filters filters = {0};
    uint64_t limit = 100;
    char path[HF_CLI_PAGES_PATH_BYTES];
    struct hf_sb sb;
    int option, status = HF_CLI_OK;

    while (status == HF_CLI_OK &&
           (option = getopt_long(argc, argv, HF_CLI_REMOTE_LETTERS "b:d:t:f:l:aj", options, NULL)) != -1) {
        if (option == 'l')
            status = hf_cli_number(argv[0], "--limit", optarg, 1, 1000, &limit);
        else if (option == 'a')
            pages.all = true;
        else if (option == 'j')
            pages.json = true;
        else if (!take_filter(&filters, option) && !hf_cli_remote_option(&remote, option, optarg))
            status = hf_cli_usage_error(argv[0], "wrong option");
    }
    if (status == HF_CLI_OK && optind < argc)
        status = hf_cli_usage_error(
            argv[0], "it takes no argument, but '%s' is there; did you mean --by or --device?", argv[optind]);
    hf_sb_init(&sb, path, sizeof(path));
    if (status == HF_CLI_OK && !write_path(&filters, limit, &sb))
        status = hf_cli_usage_error(argv[0], "a filter is too long");
    if (status == HF_CLI_OK)
        status = hf_cli_pages_print(&pages, &remote, argv[0], hf_sb_done(&sb));
    hf_cli_remote_deinit(&remote);
    return status;
}

const struct hf_cli_command hf_cli_audit = {
    .name = "audit",
    .summary = "list who did what, the newest first",
    .usage = "audit [OPTIONS]",
    .details = "Kept for audit.history_ms (365 days), also when the event log no longer has it.\n\n"
               "  -b, --by KEY           what the holder of this key did (its id); '*': of any\n"
               "  -d, --device ID        only of this device\n"
               "  -t, --type LIST        only these types: "
               "audit,key.created,key.revoked,revoked,command.queued ...\n"
               "  -f, --from TIME        not before 2026-03-01T12:00:00Z\n"
               "      --until TIME       and not after\n"
               "  -l, --limit N          entries of one page, 1 to 1000 (default 100)\n"
               "  -a, --all              all pages\n"
               "  -j, --json             one JSON object a line\n" HF_CLI_REMOTE_DETAILS "\n"
               "  holdfast audit --device bike-1\n"
               "  holdfast audit --type key.created,key.revoked,revoked --all\n",
    .run = run_audit,
};
