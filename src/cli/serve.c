#include "app/serve.h"

#include <getopt.h>
#include <unistd.h>

#include "cli/config_args.h"

extern char **environ;

static int run(int argc, char **argv)
{
    static const struct option options[] = {HF_CLI_CONFIG_OPTIONS, {0}};
    struct hf_cli_config_args args = {0};
    struct hf_config *config = NULL;
    int option;

    while ((option = getopt_long(argc, argv, "c:s:", options, NULL)) != -1)
        if (!hf_cli_config_option(&args, option, optarg))
            return hf_cli_usage_error(argv[0], "wrong option");
    if (optind < argc)
        return hf_cli_usage_error(argv[0], "takes no '%s'", argv[optind]);
    int status = hf_cli_config_load(argv[0], &args, &config);
    if (status != HF_CLI_OK)
        return status;
    struct hf_serve_options serve = {
        .config_path = hf_cli_config_path(&args),
        .settings = {args.settings, args.setting_count},
        .env = environ,
    };
    return hf_serve(config, &serve) == 0 ? HF_CLI_OK : HF_CLI_FAILED;
}

const struct hf_cli_command hf_cli_serve = {
    .name = "serve",
    .summary = "run the gateway",
    .usage = "serve [--config FILE] [--set KEY=VALUE]...",
    .details = HF_CLI_CONFIG_DETAILS
    "\n"
    "Signals: HUP reloads the configuration and certificates, TERM and INT drain (a second one ends at "
    "once),\n"
    "USR1 reopens logging.file.\n"
    "\n"
    "Examples:\n"
    "  holdfast serve --config /etc/holdfast/holdfast.yaml\n"
    "  holdfast serve --set node.data_dir=/srv/holdfast --set listeners.0.port=9000\n",
    .run = run,
};
