/* `holdfast devices`: who is there. */
#include <getopt.h>
#include <stdio.h>

#include "cli/args.h"
#include "cli/commands.h"
#include "cli/pages.h"
#include "io/clock.h"

struct request {
    struct hf_cli_remote remote;
    const char *state, *prefix, *protocol, *filter, *group;
    uint64_t limit;
    bool all, json;
};

static const char *member(const cJSON *json, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));

    return text != NULL ? text : "-";
}

/* Printable in a column: what a device could have chosen for its name is harmless already (hf_id_valid). */
static void print_row(const cJSON *device)
{
    const cJSON *since = cJSON_GetObjectItemCaseSensitive(device, "since_ms");
    uint64_t now_ms = hf_clock_utc_ms(),
             since_ms = cJSON_IsNumber(since) ? (uint64_t)since->valuedouble : now_ms;
    char age[HF_CLI_SHORT_BYTES];

    (void)printf("%-32s %-8s %9s  %-20s %-8s %6.0f\n", member(device, "device"), member(device, "state"),
                 hf_cli_duration_text(now_ms > since_ms ? now_ms - since_ms : 0, age),
                 member(device, "reason"), member(device, "protocol"),
                 cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(device, "connects")));
}

static void print_head(void)
{
    (void)printf("%-32s %-8s %9s  %-20s %-8s %6s\n", "DEVICE", "STATE", "SINCE", "REASON", "PROTOCOL",
                 "CONNS");
}

static int list(struct request *request, const char *argv0)
{
    const struct hf_cli_pages pages = {.array = "devices",
                                       .none = "no device fits",
                                       .head = print_head,
                                       .row = print_row,
                                       .all = request->all,
                                       .json = request->json};
    char path[HF_CLI_PAGES_PATH_BYTES];
    struct hf_sb sb;

    hf_sb_init(&sb, path, sizeof(path));
    hf_sb_printf(&sb, "/v1/devices?limit=%llu", (unsigned long long)request->limit);
    if (!hf_cli_pages_add(&sb, "state", request->state) ||
        !hf_cli_pages_add(&sb, "prefix", request->prefix) ||
        !hf_cli_pages_add(&sb, "protocol", request->protocol) ||
        !hf_cli_pages_add(&sb, "filter", request->filter) || !hf_cli_pages_add(&sb, "group", request->group))
        return hf_cli_usage_error(argv0, "a filter is too long");
    return hf_cli_pages_print(&pages, &request->remote, argv0, hf_sb_done(&sb));
}

static int take_option(int option, const char *argv0, struct request *request)
{
    switch (option) {
    case 's': request->state = optarg; return HF_CLI_OK;
    case 'p': request->prefix = optarg; return HF_CLI_OK;
    case 'P': request->protocol = optarg; return HF_CLI_OK;
    case 'f': request->filter = optarg; return HF_CLI_OK;
    case 'g': request->group = optarg; return HF_CLI_OK;
    case 'l': return hf_cli_number(argv0, "--limit", optarg, 1, 1000, &request->limit);
    case 'a': request->all = true; return HF_CLI_OK;
    case 'j': request->json = true; return HF_CLI_OK;
    default:
        return hf_cli_remote_option(&request->remote, option, optarg)
                   ? HF_CLI_OK
                   : hf_cli_usage_error(argv0, "wrong option");
    }
}

static int run_devices(int argc, char **argv)
{
    static const struct option options[] = {
        HF_CLI_REMOTE_OPTIONS,
        {"state", required_argument, NULL, 's'},
        {"prefix", required_argument, NULL, 'p'},
        {"protocol", required_argument, NULL, 'P'},
        {"filter", required_argument, NULL, 'f'},
        {"group", required_argument, NULL, 'g'},
        {"limit", required_argument, NULL, 'l'},
        {"all", no_argument, NULL, 'a'},
        {"json", no_argument, NULL, 'j'},
        {0},
    };
    struct request request = {.limit = 100};
    int option, status = HF_CLI_OK;

    while (status == HF_CLI_OK &&
           (option = getopt_long(argc, argv, HF_CLI_REMOTE_LETTERS "s:p:f:g:l:aj", options, NULL)) != -1)
        status = take_option(option, argv[0], &request);
    if (status == HF_CLI_OK && optind < argc)
        status = hf_cli_usage_error(
            argv[0], "it takes no argument, but '%s' is there; did you mean --prefix?", argv[optind]);
    if (status == HF_CLI_OK)
        status = list(&request, argv[0]);
    hf_cli_remote_deinit(&request.remote);
    return status;
}

const struct hf_cli_command hf_cli_devices = {
    .name = "devices",
    .summary = "list devices with their state and its reason",
    .usage = "devices [OPTIONS]",
    .details =
        "  -s, --state STATE      online, offline or unknown\n"
        "  -p, --prefix TEXT      ids that begin so\n"
        "      --protocol NAME    raw\n"
        "  -f, --filter TEXT      what their shadows say: tags.site=berlin,reported.battery<20\n"
        "  -g, --group NAME       members of a group, which their tag `groups` names\n"
        "  -l, --limit N          devices of one page, 1 to 1000 (default 100)\n"
        "  -a, --all              all pages\n"
        "  -j, --json             one JSON object a line\n" HF_CLI_REMOTE_DETAILS "\n"
        "  holdfast devices --state offline\n"
        "  holdfast devices --filter 'tags.site=ber*,reported.firmware=1.2.0'\n"
        "  holdfast devices --all --json | jq -r 'select(.reason == \"heartbeat_timeout\") | .device'\n",
    .run = run_devices,
};
