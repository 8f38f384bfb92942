/* cli/cli.h - the command line: a table of subcommands, help made from it, and what they share.
 * A command is one file with one struct hf_cli_command and one row in cli/commands.h. Results go to stdout, chatter to
 * stderr. Exit status: 0 it worked, 1 it failed, 2 the command line was wrong. */
#ifndef HF_CLI_CLI_H
#define HF_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum hf_cli_status { HF_CLI_OK = 0, HF_CLI_FAILED = 1, HF_CLI_USAGE = 2 };

struct hf_cli_command {
    const char *name;
    const char *summary; /* one line for `holdfast --help` */
    const char *usage;   /* what stands behind "holdfast": "check-config [FILE] [--set ...]" */
    const char *details; /* options and examples, lines that end with '\n'; may be NULL */
    /* argv[0] is "holdfast NAME", getopt_long() is at its start. Returns an exit status. */
    int (*run)(int argc, char **argv);
    bool has_commands; /* of its own: run() goes on with hf_cli_dispatch() */
};

/* The whole program: finds the command, answers --help and --version. */
int hf_cli_main(int argc, char **argv);

/* For a command with commands of its own (gen, check): the same, in another table. argv[0] is "holdfast gen". */
int hf_cli_dispatch(const struct hf_cli_command *const *commands, size_t count, int argc, char **argv);
void hf_cli_help(const struct hf_cli_command *command, FILE *out);
void hf_cli_list(const struct hf_cli_command *const *commands, size_t count, FILE *out);

/* Prints "holdfast NAME: text" and where help is, to stderr. Gives HF_CLI_USAGE. */
int hf_cli_usage_error(const char *argv0, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints "holdfast NAME: text" to stderr. Gives HF_CLI_FAILED. */
int hf_cli_failed(const char *argv0, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* HF_CLI_OK, or HF_CLI_FAILED with a message when stdout could not be written. */
int hf_cli_flush(const char *argv0);

#endif
