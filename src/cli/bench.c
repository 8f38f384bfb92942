/* `holdfast bench`: the load testers; src/bench does the work. */
#include "bench/bench.h"
#include "base/assert.h"
#include "bench/config.h"
#include "bench/gb/load.h"
#include "cli/commands.h"

static int run_ws(int argc, char **argv)
{
    return hf_bench_ws(argc - 1, argv + 1);
}

static const struct hf_cli_command ws = {
    .name = "ws",
    .summary = "Load a WebSocket server and measure it.",
    .usage = "bench ws MODE URL [OPTIONS]",
    .details = HF_BENCH_HELP,
    .run = run_ws,
};

static int run_gb(int argc, char **argv)
{
    return hf_bench_gb(argc - 1, argv + 1);
}

static const struct hf_cli_command gb = {
    .name = "gb",
    .summary = "Load a SIP platform with cameras of GB/T 28181 and measure it.",
    .usage = "bench gb MODE HOST:PORT [OPTIONS]",
    .details = HF_GB_LOAD_HELP,
    .run = run_gb,
};

static const struct hf_cli_command *const kinds[] = {&ws, &gb};

static int run_bench(int argc, char **argv)
{
    if (argc >= 2)
        return hf_cli_dispatch(kinds, HF_COUNT_OF(kinds), argc, argv);
    (void)hf_cli_usage_error(argv[0], "what shall it load?");
    hf_cli_list(kinds, HF_COUNT_OF(kinds), stderr);
    return HF_CLI_USAGE;
}

const struct hf_cli_command hf_cli_bench = {
    .name = "bench",
    .summary = "load test with numbers that can be trusted",
    .usage = "bench ws MODE URL [OPTIONS]\n       holdfast bench gb MODE HOST:PORT [OPTIONS]",
    .details = "`holdfast bench ws --help` and `holdfast bench gb --help` tell more.\n",
    .run = run_bench,
    .has_commands = true,
};
