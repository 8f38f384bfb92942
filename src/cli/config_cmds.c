/* check-config and default-config. */
#include <getopt.h>

#include "app/config_print.h"
#include "cli/commands.h"
#include "cli/config_args.h"

static int run_check_config(int argc, char **argv)
{
    static const struct option options[] = {HF_CLI_CONFIG_OPTIONS, {"print", no_argument, NULL, 'p'}, {0}};
    struct hf_cli_config_args args = {0};
    struct hf_config *config = NULL;
    bool print = false;
    const char *path;
    int option, status;

    while ((option = getopt_long(argc, argv, "c:s:p", options, NULL)) != -1) {
        if (option == 'p')
            print = true;
        else if (!hf_cli_config_option(&args, option, optarg))
            return hf_cli_usage_error(argv[0], "wrong option");
    }
    if (optind < argc)
        args.path = argv[optind++];
    if (optind < argc)
        return hf_cli_usage_error(argv[0], "one file at a time; '%s' is too many", argv[optind]);
    status = hf_cli_config_load(argv[0], &args, &config);
    if (status != HF_CLI_OK)
        return status;
    path = hf_cli_config_path(&args);
    if (print)
        (void)hf_config_print(config, stdout); /* hf_cli_flush() tells about stdout */
    else
        (void)printf(
            "%s is good: %zu listener%s, %zu tenant%s%s\n", path != NULL ? path : "the configuration",
            config->listeners.count, config->listeners.count == 1 ? "" : "s", config->tenants.count,
            config->tenants.count == 1 ? "" : "s", config->gb28181.enabled ? ", cameras (gb28181)" : "");
    hf_config_free(config);
    return hf_cli_flush(argv[0]);
}

const struct hf_cli_command hf_cli_check_config = {
    .name = "check-config",
    .summary = "check a configuration without starting anything",
    .usage = "check-config [FILE] [--set KEY=VALUE]... [--print]",
    .details = HF_CLI_CONFIG_DETAILS
    "  -p, --print          print what would be in force, environment and --set included\n"
    "\n"
    "Looks at options, their ranges, what they demand of each other and the files they name; reports\n"
    "all that is wrong at once.\n"
    "\n"
    "  holdfast check-config /etc/holdfast/holdfast.yaml\n"
    "  HOLDFAST_ADMISSION_CONNECTIONS_MAX=5000 holdfast check-config --print\n",
    .run = run_check_config,
};

static int run_default_config(int argc, char **argv)
{
    static const struct option options[] = {{"markdown", no_argument, NULL, 'm'}, {0}};
    bool markdown = false;
    int option;

    while ((option = getopt_long(argc, argv, "m", options, NULL)) != -1) {
        if (option != 'm')
            return hf_cli_usage_error(argv[0], "wrong option");
        markdown = true;
    }
    if (optind < argc)
        return hf_cli_usage_error(argv[0], "it takes no argument, but '%s' is there", argv[optind]);
    (void)(markdown ? hf_config_print_markdown : hf_config_print_sample)(stdout); /* see hf_cli_flush() */
    return hf_cli_flush(argv[0]);
}

const struct hf_cli_command hf_cli_default_config = {
    .name = "default-config",
    .summary = "print every option with its help and default",
    .usage = "default-config [--markdown]",
    .details = "  -m, --markdown  as a page of the manual (doc/configuration.md)\n"
               "\n"
               "  holdfast default-config > holdfast.yaml\n",
    .run = run_default_config,
};
