/* `holdfast groups`: which groups there are. */
#include <getopt.h>
#include <stdio.h>

#include "cli/args.h"
#include "cli/commands.h"
#include "cli/pages.h"

static void print_head(void)
{
    (void)printf("%-40s %8s\n", "GROUP", "MEMBERS");
}

static void print_row(const cJSON *group)
{
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(group, "group"));

    (void)printf("%-40s %8.0f\n", name != NULL ? name : "-",
                 cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(group, "members")));
}

static int run_groups(int argc, char **argv)
{
    static const struct option options[] = {
        HF_CLI_REMOTE_OPTIONS,
        {"prefix", required_argument, NULL, 'p'},
        {"limit", required_argument, NULL, 'l'},
        {"all", no_argument, NULL, 'a'},
        {"json", no_argument, NULL, 'j'},
        {0},
    };
    struct hf_cli_pages pages = {
        .array = "groups", .none = "no group has a member", .head = print_head, .row = print_row};
    struct hf_cli_remote remote = {0};
    const char *prefix = NULL;
    uint64_t limit = 100;
    char path[HF_CLI_PAGES_PATH_BYTES];
    struct hf_sb sb;
    int option, status = HF_CLI_OK;

    while (status == HF_CLI_OK &&
           (option = getopt_long(argc, argv, HF_CLI_REMOTE_LETTERS "p:l:aj", options, NULL)) != -1) {
        switch (option) {
        case 'p': prefix = optarg; break;
        case 'l': status = hf_cli_number(argv[0], "--limit", optarg, 1, 1000, &limit); break;
        case 'a': pages.all = true; break;
        case 'j': pages.json = true; break;
        default:
            if (!hf_cli_remote_option(&remote, option, optarg))
                status = hf_cli_usage_error(argv[0], "wrong option");
        }
    }
    if (status == HF_CLI_OK && optind < argc)
        status = hf_cli_usage_error(
            argv[0], "it takes no argument, but '%s' is there; did you mean --prefix?", argv[optind]);
    hf_sb_init(&sb, path, sizeof(path));
    hf_sb_printf(&sb, "/v1/groups?limit=%llu", (unsigned long long)limit);
    if (status == HF_CLI_OK && !hf_cli_pages_add(&sb, "prefix", prefix))
        status = hf_cli_usage_error(argv[0], "the prefix is too long");
    if (status == HF_CLI_OK)
        status = hf_cli_pages_print(&pages, &remote, argv[0], hf_sb_done(&sb));
    hf_cli_remote_deinit(&remote);
    return status;
}

const struct hf_cli_command hf_cli_groups = {
    .name = "groups",
    .summary = "list groups of devices and how many members each has",
    .usage = "groups [OPTIONS]",
    .details = "A device is in a group when the tag `groups` of its shadow names it.\n\n"
               "  -p, --prefix TEXT      names that begin so\n"
               "  -l, --limit N          groups of one page, 1 to 1000 (default 100)\n"
               "  -a, --all              all pages\n"
               "  -j, --json             one JSON object a line\n" HF_CLI_REMOTE_DETAILS "\n"
               "  holdfast groups\n"
               "  holdfast devices --group vans\n"
               "  holdfast push vans '{\"interval\":5}'\n",
    .run = run_groups,
};
