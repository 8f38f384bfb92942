/* What commands have in common when they speak; apart from the table of them, so that a program can hold one command alone. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "cli/cli.h"

void hf_cli_help(const struct hf_cli_command *command, FILE *out)
{
    (void)fprintf(out, "%s\n\nusage: holdfast %s\n", command->summary, command->usage);
    if (command->details != NULL)
        (void)fprintf(out, "\n%s", command->details);
}

static void __attribute__((format(printf, 2, 0)))
print_message(const char *argv0, const char *format, va_list args)
{
    (void)fprintf(stderr, "%s: ", argv0);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
}

int hf_cli_usage_error(const char *argv0, const char *format, ...)
{
    const char *command = strchr(argv0, ' ');
    va_list args;

    va_start(args, format);
    print_message(argv0, format, args);
    va_end(args);
    (void)fprintf(stderr, "`holdfast help%s` shows how it is used.\n", command != NULL ? command : "");
    return HF_CLI_USAGE;
}

int hf_cli_failed(const char *argv0, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_message(argv0, format, args);
    va_end(args);
    return HF_CLI_FAILED;
}

int hf_cli_flush(const char *argv0)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return HF_CLI_OK;
    return hf_cli_failed(argv0, "cannot write the output: %s", strerror(errno));
}
