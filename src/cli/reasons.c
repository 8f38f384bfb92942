/* The table of reasons, for people and for doc/reasons.md. */
#include <getopt.h>

#include "base/reason.h"
#include "cli/commands.h"

static void print_number(unsigned long number, const char *unit, bool markdown, int width)
{
    char text[24] = "-";

    if (number > 0)
        (void)snprintf(text, sizeof(text), "%lu%s", number, unit);
    if (markdown)
        (void)printf(" %s |", number > 0 ? text : "");
    else
        (void)printf(" %*s", width, text);
}

static void print_row(const struct hf_reason_info *info, bool markdown)
{
    (void)printf(markdown ? "| `%s` | %u |" : "%-22s %3u", info->name, (unsigned)info->reason);
    print_number(info->ws_code, "", markdown, 5);
    print_number(info->http_status, "", markdown, 5);
    print_number(info->retry_ms, " ms", markdown, 10);
    (void)printf(markdown ? " %s |\n" : "  %s\n", info->text);
}

static int run_reasons(int argc, char **argv)
{
    static const struct option options[] = {{"markdown", no_argument, NULL, 'm'}, {0}};
    const struct hf_reason_info *table;
    bool markdown = false;
    size_t count;
    int option;

    while ((option = getopt_long(argc, argv, "m", options, NULL)) != -1) {
        if (option != 'm')
            return hf_cli_usage_error(argv[0], "wrong option");
        markdown = true;
    }
    if (optind < argc)
        return hf_cli_usage_error(argv[0], "it takes no argument, but '%s' is there", argv[optind]);
    if (markdown)
        (void)fputs("# Reasons\n"
                    "This page is made by `holdfast reasons --markdown`. Every close, refusal, drop and "
                    "change of state "
                    "names one of\nthese: in Close frames (`reason=<name>;retry_ms=<n>`), problem documents "
                    "of the API, "
                    "events, metrics, the\nledger and log lines. Numbers are stored and never change their "
                    "meaning.\n\n"
                    "| name | number | close code | HTTP status | come back after | what happened |\n"
                    "|---|---|---|---|---|---|\n",
                    stdout);
    else
        (void)printf("%-22s %3s %5s %5s %10s  %s\n", "name", "no", "close", "http", "retry", "what happened");
    table = hf_reason_table(&count);
    for (size_t i = 0; i < count; i++)
        print_row(&table[i], markdown);
    return hf_cli_flush(argv[0]);
}

const struct hf_cli_command hf_cli_reasons = {
    .name = "reasons",
    .summary = "print why connections close and messages are dropped: all reasons",
    .usage = "reasons [--markdown]",
    .details = "  -m, --markdown  as a page of the manual (doc/reasons.md)\n",
    .run = run_reasons,
};
