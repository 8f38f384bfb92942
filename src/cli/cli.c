#include "cli/cli.h"

#include <getopt.h>
#include <string.h>

#include "app/suggest.h"
#include "base/assert.h"
#include "cli/commands.h"

#define HF_CLI_ROW(row) &hf_cli_##row,
static const struct hf_cli_command *const commands[] = {HF_CLI_COMMANDS(HF_CLI_ROW)};
#undef HF_CLI_ROW

void hf_cli_list(const struct hf_cli_command *const *table, size_t count, FILE *out)
{
    for (size_t i = 0; i < count; i++)
        (void)fprintf(out, "  %-16s %s\n", table[i]->name, table[i]->summary);
}

static void print_overview(FILE *out)
{
    (void)fputs("Holdfast keeps fleets of devices connected.\n\nusage: holdfast COMMAND [OPTIONS]\n\n", out);
    hf_cli_list(commands, HF_COUNT_OF(commands), out);
    (void)fputs("\n`holdfast help COMMAND` says more about one.\n", out);
}

static const struct hf_cli_command *find(const struct hf_cli_command *const *table, size_t count,
                                         const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(table[i]->name, name) == 0)
            return table[i];
    return NULL;
}

static int unknown(const struct hf_cli_command *const *table, size_t count, const char *argv0,
                   const char *name)
{
    struct hf_suggest suggest;

    hf_suggest_init(&suggest, hf_slice_of(name));
    for (size_t i = 0; i < count; i++)
        hf_suggest_offer(&suggest, table[i]->name);
    if (suggest.best != NULL)
        return hf_cli_usage_error(argv0, "there is no command '%s'; did you mean '%s'?", name, suggest.best);
    return hf_cli_usage_error(argv0, "there is no command '%s'", name);
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* argv[0] is the command; with commands of its own, only the next word is meant for it. */
static bool asks_for_help(const struct hf_cli_command *command, int argc, char **argv)
{
    int last = command->has_commands ? HF_MIN(argc, 2) : argc;

    for (int i = 1; i < last && strcmp(argv[i], "--") != 0; i++)
        if (is_help(argv[i]))
            return true;
    return false;
}

int hf_cli_dispatch(const struct hf_cli_command *const *table, size_t count, int argc, char **argv)
{
    const struct hf_cli_command *command = find(table, count, argv[1]);
    char name[64];

    HF_ASSERT(argc >= 2);
    if (command == NULL)
        return unknown(table, count, argv[0], argv[1]);
    if (asks_for_help(command, argc - 1, argv + 1)) {
        hf_cli_help(command, stdout);
        return hf_cli_flush(argv[0]);
    }
    (void)snprintf(name, sizeof(name), "%s %s", argv[0], command->name);
    argv[1] = name;
    optind = 0; /* GNU: begin anew, also with its own state */
    return command->run(argc - 1, argv + 1);
}

/* `holdfast help`, `holdfast help gen`, `holdfast help gen ca`. */
static int run_help(int argc, char **argv)
{
    const struct hf_cli_command *command = NULL;

    if (argc < 3) {
        print_overview(stdout);
        return hf_cli_flush(argv[0]);
    }
    command = find(commands, HF_COUNT_OF(commands), argv[2]);
    if (command == NULL)
        return unknown(commands, HF_COUNT_OF(commands), argv[0], argv[2]);
    if (argc > 3 && command->has_commands) {
        char help[] = "--help", *inner[] = {argv[0], argv[2], argv[3], help, NULL};

        return hf_cli_dispatch(commands, HF_COUNT_OF(commands), 4, inner);
    }
    hf_cli_help(command, stdout);
    return hf_cli_flush(argv[0]);
}

int hf_cli_main(int argc, char **argv)
{
    char program[] = "holdfast", version[] = "version";

    argv[0] = program;
    if (argc < 2) {
        print_overview(stderr);
        return HF_CLI_USAGE;
    }
    if (strcmp(argv[1], "help") == 0 || is_help(argv[1]))
        return run_help(argc, argv);
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
        argv[1] = version;
    return hf_cli_dispatch(commands, HF_COUNT_OF(commands), argc, argv);
}
