/* `holdfast bench`: the load tester. One kind so far; src/bench does the work. */
#include "bench/bench.h"
#include "base/assert.h"
#include "bench/config.h"
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

static const struct hf_cli_command *const kinds[] = {&ws};

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
    .usage = "bench ws MODE URL [OPTIONS]",
    .details = HF_BENCH_HELP,
    .run = run_bench,
};
