/* `holdfast chaos process`: stops a process for a while, again and again, and kills it at last. */
#include <getopt.h>
#include <inttypes.h>

#include "bench/chaos/controller.h"
#include "cli/args.h"
#include "cli/chaos_parts.h"
#include "io/signal.h"

enum { PID_MAX = 4194304 };

static int take_option(int option, const char *argv0, struct hf_chaos_controller_options *options)
{
    uint64_t pid;
    int status;

    switch (option) {
    case 'p':
        status = hf_cli_number(argv0, "--pid", optarg, 2, PID_MAX, &pid);
        if (status == HF_CLI_OK)
            options->pid = (pid_t)pid;
        return status;
    case 's': return hf_cli_chaos_time(argv0, "--stop", optarg, &options->acts.stop_us);
    case 'e': return hf_cli_chaos_time(argv0, "--every", optarg, &options->acts.every_us);
    case 'f': return hf_cli_chaos_time(argv0, "--first", optarg, &options->acts.first_us);
    case 'k': return hf_cli_chaos_time(argv0, "--kill-after", optarg, &options->acts.kill_us);
    case 'd': return hf_cli_chaos_time(argv0, "--duration", optarg, &options->duration_us);
    case 'j': options->json = true; return HF_CLI_OK;
    default: return hf_cli_usage_error(argv0, "wrong option");
    }
}

static int check(const char *argv0, const struct hf_chaos_controller_options *options)
{
    const struct hf_chaos_acts_options *acts = &options->acts;

    if (options->pid == 0)
        return hf_cli_usage_error(argv0, "--pid PID is needed: which process");
    if (acts->stop_us == 0 && acts->kill_us == 0)
        return hf_cli_usage_error(argv0, "what shall it do? --stop TIME or --kill-after TIME");
    if (acts->every_us > 0 && acts->every_us <= acts->stop_us)
        return hf_cli_usage_error(argv0, "--every must be longer than --stop, or it would never run");
    if (acts->stop_us == 0 && (acts->every_us > 0 || acts->first_us > 0))
        return hf_cli_usage_error(argv0, "--every and --first are about --stop; give it a time");
    return HF_CLI_OK;
}

static int run_process(int argc, char **argv)
{
    static const struct option options[] = {
        {"pid", required_argument, NULL, 'p'},
        {"stop", required_argument, NULL, 's'},
        {"every", required_argument, NULL, 'e'},
        {"first", required_argument, NULL, 'f'},
        {"kill-after", required_argument, NULL, 'k'},
        {"duration", required_argument, NULL, 'd'},
        {"json", no_argument, NULL, 'j'},
        {0},
    };
    struct hf_chaos_controller_options request = {0};
    char error[HF_CHAOS_ERROR_BYTES];
    int option, status = HF_CLI_OK;

    while (status == HF_CLI_OK && (option = getopt_long(argc, argv, "", options, NULL)) != -1)
        status = take_option(option, argv[0], &request);
    if (status == HF_CLI_OK && optind < argc)
        status = hf_cli_usage_error(argv[0], "it takes no argument, but '%s' is there", argv[optind]);
    if (status == HF_CLI_OK)
        status = check(argv[0], &request);
    if (status != HF_CLI_OK)
        return status;
    hf_signals_block();
    if (hf_chaos_controller_run(&request, error) != HF_OK)
        return hf_cli_failed(argv[0], "%s", error);
    return hf_cli_flush(argv[0]);
}

const struct hf_cli_command hf_cli_chaos_process = {
    .name = "process",
    .summary = "stop a process for a while, again and again; kill it at last",
    .usage = "chaos process --pid PID [--stop TIME [--every TIME] [--first TIME]] [--kill-after TIME]",
    .details =
        "      --pid PID            the process; a number that is given to another one later is never hit\n"
        "      --stop TIME          SIGSTOP, and SIGCONT after this time\n"
        "      --every TIME         again, this long after the stop before; without it: once\n"
        "      --first TIME         the first stop comes then [0]\n"
        "      --kill-after TIME    SIGKILL, and the end\n"
        "      --duration TIME      leave then\n"
        "      --json               the counters at the end as JSON\n"
        "\n"
        "One line of JSON for each act. The process is continued before this program leaves (but not when "
        "this one is\n"
        "killed by SIGKILL). The status is 1 when the process ended by itself.\n"
        "\n"
        "Examples:\n"
        "  holdfast chaos process --pid 4711 --stop 5s --every 30s --kill-after 10m\n"
        "  holdfast chaos process --pid 4711 --stop 90ms --every 100ms --duration 1m    # a tenth of the "
        "CPU\n",
    .run = run_process,
};
