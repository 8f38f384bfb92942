/* cli/commands.h - every subcommand of `holdfast`, in the order of its help. A row needs a
 * `const struct hf_cli_command hf_cli_<row>` in a file of its own. */
#ifndef HF_CLI_COMMANDS_H
#define HF_CLI_COMMANDS_H

#include "cli/cli.h"

/* clang-format off */
#define HF_CLI_COMMANDS(X) \
    X(dev)                 \
    X(serve)               \
    X(connect)             \
    X(agent)               \
    X(gb_device)           \
    X(tail)                \
    X(send)                \
    X(devices)             \
    X(groups)              \
    X(push)                \
    X(audit)               \
    X(explain)             \
    X(top)                 \
    X(check_config)        \
    X(default_config)      \
    X(doctor)              \
    X(repair_log)          \
    X(gen)                 \
    X(check)               \
    X(check_ca)            \
    X(bench)               \
    X(chaos)               \
    X(reasons)             \
    X(version)
/* clang-format on */

#define HF_CLI_DECLARE(row) extern const struct hf_cli_command hf_cli_##row;
HF_CLI_COMMANDS(HF_CLI_DECLARE)
#undef HF_CLI_DECLARE

#endif
