/* `holdfast chaos`: a proxy that treats traffic as bad networks do; src/bench/chaos does the work. */
#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "base/sb.h"
#include "bench/chaos/profiles.h"
#include "bench/chaos/proxy.h"
#include "cli/args.h"
#include "cli/chaos_parts.h"
#include "cli/commands.h"
#include "io/signal.h"

enum {
    OPTIONS_MAX = 128,
    SET_BYTES = 4096,    /* "set " and all settings of the command line */
    LATER_BYTES = 16384, /* "at " and "every " lines */
    FAULT_OPTION = 1000, /* getopt's value of the settings */
};

struct request {
    struct hf_chaos_options proxy;
    struct hf_chaos_faults faults; /* of the command line alone, to find mistakes early */
    const char *argv0, *listen, *to, *control, *profile;
    bool list_profiles, help;
    struct hf_sb set, later;
    const char *lines[HF_CHAOS_LINES_MAX + 2];
    size_t later_count;
    const char *later_lines[HF_CHAOS_LINES_MAX];
    char set_text[SET_BYTES], later_text[LATER_BYTES];
};

int hf_cli_chaos_time(const char *argv0, const char *option, const char *text, uint64_t *ret_us)
{
    if (hf_chaos_time_parse(hf_slice_of(text), ret_us))
        return HF_CLI_OK;
    return hf_cli_usage_error(argv0, "%s is '%s'; write a time with its unit: 20ms, 5s, 1m", option, text);
}

/* ---- the options ---- */

/* The settings in both spellings: --loss, --loss-up, --loss-down. Names live as long as the program. */
static size_t add_faults(struct option *options, size_t count)
{
    static char names[OPTIONS_MAX][32];
    static const char *const suffixes[] = {"", "-up", "-down"};
    const char *name;
    bool per_direction;

    for (unsigned i = 0; (name = hf_chaos_fault_name(i, &per_direction)) != NULL; i++)
        for (size_t s = 0; s < (per_direction ? HF_COUNT_OF(suffixes) : 1); s++) {
            HF_ASSERT(count + 2 < OPTIONS_MAX);
            (void)snprintf(names[count], sizeof(names[count]), "%s%s", name, suffixes[s]);
            options[count] = (struct option){names[count], required_argument, NULL, FAULT_OPTION};
            count++;
        }
    options[count++] = (struct option){"rtt", required_argument, NULL, FAULT_OPTION};
    return count;
}

static int take_fault(struct request *request, const char *name, const char *value)
{
    char error[HF_CHAOS_ERROR_BYTES];

    if (hf_chaos_faults_set(&request->faults, hf_slice_of(name), hf_slice_of(value), error) != HF_OK)
        return hf_cli_usage_error(request->argv0, "--%s", error);
    hf_sb_printf(&request->set, " %s=%s", name, value);
    return request->set.overflow ? hf_cli_usage_error(request->argv0, "too many settings") : HF_CLI_OK;
}

/* --at "5s cut" is the command "at 5s cut". */
static int take_later(struct request *request, const char *word, const char *text)
{
    struct hf_chaos_command command;
    char error[HF_CHAOS_ERROR_BYTES];

    if (request->later_count == HF_CHAOS_LINES_MAX)
        return hf_cli_usage_error(request->argv0, "more than %d of --at and --every", HF_CHAOS_LINES_MAX);
    const char *line = request->later.at + request->later.bytes;

    hf_sb_printf(&request->later, "%s %s", word, text);
    if (request->later.overflow || strlen(line) >= HF_CHAOS_LINE_BYTES_MAX)
        return hf_cli_usage_error(request->argv0, "--%s is too long", word);
    if (hf_chaos_command_parse(hf_slice_of(line), &command, error) != HF_OK)
        return hf_cli_usage_error(request->argv0, "--%s '%s': %s", word, text, error);
    request->later_lines[request->later_count++] = line;
    hf_sb_char(&request->later, '\0'); /* where the next one begins */
    return HF_CLI_OK;
}

static int take_buffer(struct request *request, const char *text)
{
    uint64_t bytes;

    if (!hf_chaos_bytes_parse(hf_slice_of(text), &bytes) || bytes < HF_CHAOS_BUFFER_BYTES_MIN ||
        bytes > HF_CHAOS_BUFFER_BYTES_MAX)
        return hf_cli_usage_error(request->argv0, "--buffer is '%s'; it must be 4KiB to 64MiB", text);
    request->proxy.buffer_bytes = (uint32_t)bytes;
    return HF_CLI_OK;
}

static int take_option(struct request *request, int option, const char *name)
{
    const char *argv0 = request->argv0;
    uint64_t number;
    int status;

    switch (option) {
    case FAULT_OPTION: return take_fault(request, name, optarg);
    case 'l': request->listen = optarg; return HF_CLI_OK;
    case 't': request->to = optarg; return HF_CLI_OK;
    case 'u': request->proxy.udp = true; return HF_CLI_OK;
    case 'c': request->control = optarg; return HF_CLI_OK;
    case 'p': request->profile = optarg; return HF_CLI_OK;
    case 'L': request->list_profiles = true; return HF_CLI_OK;
    case 'a': return take_later(request, "at", optarg);
    case 'e': return take_later(request, "every", optarg);
    case 's': return hf_cli_number(argv0, "--seed", optarg, 0, UINT64_MAX, &request->proxy.seed);
    case 'n':
        status = hf_cli_number(argv0, "--connections", optarg, 1, HF_CHAOS_CONNECTIONS_MAX, &number);
        if (status == HF_CLI_OK)
            request->proxy.connections_max = (uint32_t)number;
        return status;
    case 'b': return take_buffer(request, optarg);
    case 'd': return hf_cli_chaos_time(argv0, "--duration", optarg, &request->proxy.duration_us);
    case 'j': request->proxy.json = true; return HF_CLI_OK;
    case 'h': request->help = true; return HF_CLI_OK;
    default: return hf_cli_usage_error(argv0, "wrong option");
    }
}

static int parse(int argc, char **argv, struct request *request)
{
    static struct option options[OPTIONS_MAX] = {
        {"listen", required_argument, NULL, 'l'},  {"to", required_argument, NULL, 't'},
        {"udp", no_argument, NULL, 'u'},           {"control", required_argument, NULL, 'c'},
        {"profile", required_argument, NULL, 'p'}, {"list-profiles", no_argument, NULL, 'L'},
        {"at", required_argument, NULL, 'a'},      {"every", required_argument, NULL, 'e'},
        {"seed", required_argument, NULL, 's'},    {"connections", required_argument, NULL, 'n'},
        {"buffer", required_argument, NULL, 'b'},  {"duration", required_argument, NULL, 'd'},
        {"json", no_argument, NULL, 'j'},          {"help", no_argument, NULL, 'h'},
    };
    size_t count = 0;
    int option, status = HF_CLI_OK, index = 0;

    while (options[count].name != NULL && options[count].val != FAULT_OPTION)
        count++;
    options[add_faults(options, count)] = (struct option){0};
    while (status == HF_CLI_OK && (option = getopt_long(argc, argv, "h", options, &index)) != -1)
        status = take_option(request, option, options[index].name);
    if (status == HF_CLI_OK && optind < argc)
        return hf_cli_usage_error(argv[0], "it takes no argument, but '%s' is there; --to says where to",
                                  argv[optind]);
    return status;
}

/* ---- what they mean together ---- */

static bool is_loopback(const union hf_address *address)
{
    if (address->any.sa_family == AF_INET)
        return ntohl(address->v4.sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
}

static int resolve(const struct request *request, const char *option, const char *text,
                   union hf_address *ret_address)
{
    char error[HF_CHAOS_ERROR_BYTES];
    hf_err err = hf_chaos_resolve(text, ret_address, error);

    if (err == HF_OK)
        return HF_CLI_OK;
    return err == HF_ERR_INVALID ? hf_cli_usage_error(request->argv0, "%s: %s", option, error)
                                 : hf_cli_failed(request->argv0, "%s: %s", option, error);
}

static int find_addresses(struct request *request)
{
    struct hf_chaos_options *proxy = &request->proxy;
    int status;

    if (request->to == NULL)
        return hf_cli_usage_error(request->argv0, "--to HOST:PORT is needed: where the server is");
    status = resolve(request, "--to", request->to, &proxy->to);
    if (status == HF_CLI_OK)
        status = resolve(request, "--listen", request->listen, &proxy->listen);
    if (status == HF_CLI_OK && request->control != NULL)
        status = resolve(request, "--control", request->control, &proxy->control);
    if (status != HF_CLI_OK)
        return status;
    if (hf_address_port(&proxy->to) == 0)
        return hf_cli_usage_error(request->argv0, "--to: port 0 is no place to go");
    if (request->control != NULL && !is_loopback(&proxy->control))
        return hf_cli_usage_error(
            request->argv0,
            "--control is '%s'; whoever reaches it commands, so it must be 127.0.0.1 or [::1]",
            request->control);
    return HF_CLI_OK;
}

/* The settings of the profile and those of the command line must fit the transport and each other. */
static int check(const struct request *request)
{
    unsigned transport = request->proxy.udp ? HF_CHAOS_UDP : HF_CHAOS_TCP;
    const struct hf_chaos_profile *profile;
    char error[HF_CHAOS_ERROR_BYTES];
    struct hf_chaos_faults faults;

    hf_chaos_faults_init(&faults);
    if (request->profile != NULL &&
        hf_chaos_profile_find(hf_slice_of(request->profile), transport, &profile, error) != HF_OK)
        return hf_cli_usage_error(request->argv0, "--profile: %s", error);
    if (request->profile != NULL)
        for (size_t i = 0; i < HF_CHAOS_PROFILE_LINES_MAX && profile->lines[i] != NULL; i++)
            if (strncmp(profile->lines[i], "set ", 4) == 0)
                HF_ASSERT(hf_chaos_faults_set_all(&faults, hf_slice_of(profile->lines[i] + 4), error) ==
                          HF_OK);
    if (hf_chaos_faults_set_all(&faults, hf_slice_of(request->set.at + 3), error) != HF_OK ||
        hf_chaos_faults_check(&faults, transport, error) != HF_OK)
        return hf_cli_usage_error(request->argv0, "--%s", error);
    return HF_CLI_OK;
}

static int run_proxy(struct request *request)
{
    char error[HF_CHAOS_ERROR_BYTES], profile[64];
    size_t count = 0;

    if (request->profile != NULL) {
        (void)snprintf(profile, sizeof(profile), "profile %.40s", request->profile);
        request->lines[count++] = profile;
    }
    if (request->set.bytes > 3)
        request->lines[count++] = request->set.at;
    for (size_t i = 0; i < request->later_count; i++)
        request->lines[count++] = request->later_lines[i];
    request->proxy.lines = request->lines;
    request->proxy.line_count = count;
    hf_signals_block();
    if (hf_chaos_proxy_run(&request->proxy, error) != HF_OK)
        return hf_cli_failed(request->argv0, "%s", error);
    return hf_cli_flush(request->argv0);
}

static const struct hf_cli_command *const kinds[] = {&hf_cli_chaos_process};

static int run_chaos(int argc, char **argv)
{
    static struct request request; /* large; one run in a process */
    int status;

    if (argc >= 2 && argv[1][0] != '-')
        return hf_cli_dispatch(kinds, HF_COUNT_OF(kinds), argc, argv);
    request = (struct request){
        .argv0 = argv[0],
        .listen = "127.0.0.1:0",
        .proxy = {.seed = 1, .connections_max = HF_CHAOS_CONNECTIONS, .buffer_bytes = HF_CHAOS_BUFFER_BYTES},
    };
    hf_chaos_faults_init(&request.faults);
    hf_sb_init(&request.set, request.set_text, sizeof(request.set_text));
    hf_sb_init(&request.later, request.later_text, sizeof(request.later_text));
    hf_sb_text(&request.set, "set");
    status = parse(argc, argv, &request);
    if (status != HF_CLI_OK)
        return status;
    if (request.help || request.list_profiles) {
        if (request.help)
            hf_cli_help(&hf_cli_chaos, stdout);
        else
            hf_chaos_profiles_print(stdout);
        return hf_cli_flush(argv[0]);
    }
    status = check(&request);
    if (status == HF_CLI_OK)
        status = find_addresses(&request);
    return status == HF_CLI_OK ? run_proxy(&request) : status;
}

const struct hf_cli_command hf_cli_chaos = {
    .name = "chaos",
    .summary = "a proxy that treats traffic as bad networks do; stops and kills processes",
    .usage = "chaos --to HOST:PORT [OPTIONS]\n       holdfast chaos process --pid PID [OPTIONS]",
    .details =
        "Clients connect to the proxy instead of the server. It prints one line of JSON with its addresses "
        "when it is\n"
        "ready, and what it has done when it ends: on TERM, INT, `quit`, or after --duration.\n"
        "\n"
        "      --to HOST:PORT       the server\n"
        "      --listen ADDR:PORT   where clients come; port 0 takes a free one [127.0.0.1:0]\n"
        "      --udp                datagrams instead of TCP\n"
        "      --profile NAME       a set of faults, such as f1; options after it change single ones\n"
        "      --list-profiles      what each profile does\n"
        "      --at 'TIME COMMAND'  one command at that time after the start; may be repeated\n"
        "      --every 'TIME COMMAND'  a command again and again; may be repeated\n"
        "      --control ADDR:PORT  take commands there, too (loopback only); port 0 takes a free one\n"
        "      --seed N             the same seed, the same fates of the n-th unit of the m-th connection "
        "[1]\n"
        "      --connections N      open at once; more are reset (UDP: the quietest flow ends) [10000]\n"
        "      --buffer BYTES       under way in each direction of each connection; then the sender is not "
        "read [256KiB]\n"
        "      --duration TIME      end by itself\n"
        "      --json               the counters at the end as one line of JSON\n"
        "\n"
        "Commands, one a line on stdin or on the control port, each answered by one line of JSON:\n"
        "  cut [rst|fin] [SHARE]                    end open connections\n"
        "  silence [up|down] [TIME|forever] [hold]  bytes vanish without FIN or RST; hold: they come later\n"
        "  refuse [TIME|forever]                    nobody listens\n"
        "  heal                                     the end of silence and refusal\n"
        "  set NAME=VALUE ...                       settings as below, without the dashes\n"
        "  profile NAME, clear, at TIME COMMAND, every TIME COMMAND, stats, faults, profiles, help, quit\n"
        "\n"
        "Settings; 0 is off. A unit is a TCP segment or a datagram, up is client to server. Those above the "
        "line can end\n"
        "in -up or -down for one direction. Times 20ms, 5s, 1m; shares 5% or 0.05; rates 20KiB/s, "
        "1Mbit/s.\n" HF_CHAOS_LANE_MAP(HF_CHAOS_HELP_ROW) "  ----\n" HF_CHAOS_CONN_MAP(
            HF_CHAOS_HELP_ROW) "\n"
                               "Examples:\n"
                               "  holdfast chaos --to 127.0.0.1:8080 --profile f1 --listen 127.0.0.1:9000\n"
                               "  holdfast chaos --to 127.0.0.1:8080 --rtt 80ms --jitter 11ms --cut-mean 30s "
                               "--seed 7 --json\n"
                               "  holdfast chaos --to 127.0.0.1:8080 --every '30s cut rst 10%' --every '5m "
                               "silence 30s'\n"
                               "  holdfast chaos --to 127.0.0.1:5060 --udp --loss 2% --reorder 5% --control "
                               "127.0.0.1:0\n"
                               "  echo 'silence down 5s' | nc -N 127.0.0.1 CONTROL-PORT\n"
                               "  holdfast chaos process --pid 4711 --stop 5s --every 30s --kill-after 10m\n",
    .run = run_chaos,
    .has_commands = true,
};
