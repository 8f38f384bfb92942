/* cli/config_args.h - the options of every command that reads the configuration: --config FILE and --set KEY=VALUE. */
#ifndef HF_CLI_CONFIG_ARGS_H
#define HF_CLI_CONFIG_ARGS_H

#include "app/config.h"
#include "cli/cli.h"

enum { HF_CLI_SETTINGS_MAX = 64 };

struct hf_cli_config_args {
    const char *path; /* NULL: none was named */
    const char *settings[HF_CLI_SETTINGS_MAX];
    size_t setting_count;
};

#define HF_CLI_DEFAULT_CONFIG "/etc/holdfast/holdfast.yaml"

/* For the array of getopt_long() and for the help. */
#define HF_CLI_CONFIG_OPTIONS                 \
    {"config", required_argument, NULL, 'c'}, \
    {                                         \
        "set", required_argument, NULL, 's'   \
    }
#define HF_CLI_CONFIG_DETAILS                                                                       \
    "  -c, --config FILE    configuration; else $HOLDFAST_CONFIG, else " HF_CLI_DEFAULT_CONFIG "\n" \
    "                       if it is there, else the defaults\n"                                    \
    "  -s, --set KEY=VALUE  one option, such as listeners.0.port=9000; may be repeated\n"

/* Takes what getopt_long() returned; false when it is none of ours. A setting too many sets the last one anew, and
 * hf_cli_config_load() says so. */
bool hf_cli_config_option(struct hf_cli_config_args *args, int option, const char *value);

/* Loads with the process's environment and prints every message to stderr, warnings included. Gives HF_CLI_OK and
 * *ret_config (hf_config_free()), HF_CLI_USAGE or HF_CLI_FAILED. */
int hf_cli_config_load(const char *argv0, const struct hf_cli_config_args *args,
                       struct hf_config **ret_config);

/* The file that hf_cli_config_load() reads, or NULL. */
const char *hf_cli_config_path(const struct hf_cli_config_args *args);

#endif
