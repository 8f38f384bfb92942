/* `holdfast agent`: sensors, or what stands for them, to a gateway or a broker. src/agent does the work; here are the command line, the keys, and what is told. */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/assert.h"
#include "cli/agent_print.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "cli/remote.h"
#include "io/clock.h"

enum {
    PERIOD_MS = 50,
    PERIOD_LOW_MS = 20,
    RATE = 100,
    QUEUE_MIB = 1024,     /* of a file: about four days at 100 Hz */
    QUEUE_MEMORY_MIB = 4, /* of memory, for all devices: half an hour of one */
    QUEUE_MIB_MAX = 1 << 20,
    STATUS_MS = 10000,
    STATUS_JSON_MS = 1000,
    LINGER_MS = 30000,      /* after the end of a recording */
    LEAVE_MS = 1000,        /* after a signal: the queue file keeps the rest */
    LEAVE_MEMORY_MS = 3000, /* there is none */
    TURN_MS = 1000,
    KEPT_BYTES = 1 << 20, /* of freed memory: a batch takes some and gives it back, twenty times a second */
    EXIT_LOST = 3
};
#define FOR_EVER UINT64_MAX
#define IIO_ROOT "/sys/bus/iio/devices"

struct request {
    const char *url, *device, *token, *token_file, *cert_file, *key_file, *queue, *topic, *source;
    struct hf_cli_remote remote;
    uint64_t bicycles, rate, seed, queue_mib, status_ms, linger_ms, duration_ms, period_ms;
    double speed;
    bool oldest_goes, damaged_aside, json, status_given;
};

struct run {
    const struct request *request;
    const char *argv0, *url, *ca;
    struct hf_agent *agent;
    struct hf_cli_agent_print print;
    unsigned count;
    char **names, **paths; /* own; paths is NULL without a queue file */
    char **tokens;         /* own; as many as devices, or one, or none */
    unsigned token_count;
    char kind[16]; /* of its source: "csv" of "csv:rides/monday.csv" */
    int signals;
};

/* ---- devices, tokens, queues ---- */

/* One a line. NULL: there are no more. */
static char *next_token(char **rest)
{
    char *line;

    while ((line = strsep(rest, "\n")) != NULL) {
        line[strcspn(line, "\r \t")] = '\0';
        if (*line != '\0')
            return line;
    }
    return NULL;
}

/* Whoever renews it writes the file anew. What is there no more, or cannot be read now, stays as it was. */
static void renew_token(struct run *run, unsigned at)
{
    char *text = hf_cli_read_secret(run->request->token_file), *rest = text;
    char *line = next_token(&rest);

    for (unsigned i = 0; i < at && line != NULL; i++)
        line = next_token(&rest);
    char *again = line != NULL ? strdup(line) : NULL;
    if (again != NULL) {
        free(run->tokens[at]);
        run->tokens[at] = again;
    }
    free(text);
}

static bool token(void *context, unsigned device, bool fresh, char *out, size_t out_bytes)
{
    struct run *run = context;
    unsigned at = run->token_count > 1 ? device : 0;

    if (fresh && run->request->token_file != NULL)
        renew_token(run, at);
    return snprintf(out, out_bytes, "%s", run->tokens[at]) < (int)out_bytes;
}

static int read_tokens(struct run *run)
{
    const struct request *request = run->request;
    char *text = request->token_file != NULL ? hf_cli_read_secret(request->token_file) : NULL, *rest = text;

    if (request->token_file != NULL && text == NULL)
        return hf_cli_failed(run->argv0, "cannot read '%s': %s", request->token_file, strerror(errno));
    run->tokens = calloc(run->count, sizeof(char *));
    if (run->tokens == NULL)
        return hf_cli_failed(run->argv0, "out of memory");
    if (text == NULL && request->token != NULL)
        run->tokens[run->token_count++] = strdup(request->token);
    for (char *line; run->token_count < run->count && (line = next_token(&rest)) != NULL;)
        run->tokens[run->token_count++] = strdup(line);
    free(text);
    for (unsigned i = 0; i < run->token_count; i++)
        if (run->tokens[i] == NULL)
            return hf_cli_failed(run->argv0, "out of memory");
    if (request->token_file != NULL && run->token_count < run->count)
        return hf_cli_failed(run->argv0, "'%s' has %u tokens, one a line; %u are needed", request->token_file,
                             run->token_count, run->count);
    return HF_CLI_OK;
}

static int name_devices(struct run *run)
{
    const struct request *request = run->request;

    run->names = calloc(run->count, sizeof(char *));
    run->paths = request->queue != NULL ? calloc(run->count, sizeof(char *)) : NULL;
    if (run->names == NULL || (request->queue != NULL && run->paths == NULL))
        return hf_cli_failed(run->argv0, "out of memory");
    if (request->queue != NULL && request->bicycles > 0 && mkdir(request->queue, 0700) != 0 &&
        errno != EEXIST)
        return hf_cli_failed(run->argv0, "cannot make '%s': %s", request->queue, strerror(errno));
    for (unsigned i = 0; i < run->count; i++) {
        if (asprintf(&run->names[i], request->bicycles > 0 ? "%s%03u" : "%s", request->device, i + 1) < 0)
            run->names[i] = NULL;
        if (run->paths != NULL && asprintf(&run->paths[i], request->bicycles > 0 ? "%s/%s.db" : "%s",
                                           request->queue, run->names[i]) < 0)
            run->paths[i] = NULL;
        if (run->names[i] == NULL || (run->paths != NULL && run->paths[i] == NULL))
            return hf_cli_failed(run->argv0, "out of memory");
    }
    return HF_CLI_OK;
}

static void forget(struct run *run)
{
    for (unsigned i = 0; i < run->count; i++) {
        if (run->names != NULL)
            free(run->names[i]);
        if (run->paths != NULL)
            free(run->paths[i]);
        if (run->tokens != NULL)
            free(run->tokens[i]);
    }
    free(run->names);
    free(run->paths);
    free(run->tokens);
}

/* ---- sources ---- */

static const char *behind(const char *text, const char *prefix)
{
    size_t bytes = strlen(prefix);

    return strncmp(text, prefix, bytes) == 0 ? text + bytes : NULL;
}

static struct hf_source *open_source(struct run *run, char error[HF_SOURCE_TEXT_BYTES])
{
    const struct request *request = run->request;
    struct hf_ring *const *rings = hf_agent_rings(run->agent);
    unsigned rate = (unsigned)request->rate;
    const char *at;
    int fd;

    if (strcmp(request->source, "bicycle") == 0)
        return hf_source_bicycles(rings, run->count, request->seed, rate, error);
    if ((at = behind(request->source, "csv:")) != NULL || (at = behind(request->source, "jsonl:")) != NULL)
        return hf_source_replay(rings[0], at, request->speed, rate, error);
    if ((at = behind(request->source, "socket:")) != NULL)
        return hf_source_socket(rings[0], at, error);
    if ((at = behind(request->source, "fifo:")) != NULL)
        return hf_source_fifo(rings[0], at, error);
    if ((at = behind(request->source, "iio:")) != NULL || strcmp(request->source, "iio") == 0)
        return hf_source_iio(rings[0], at != NULL ? at : IIO_ROOT, rate, error);
    HF_ASSERT(strcmp(request->source, "stdin") == 0); /* parse() knows these only */
    fd = dup(STDIN_FILENO);
    if (fd < 0) {
        (void)snprintf(error, HF_SOURCE_TEXT_BYTES, "cannot read stdin: %s", strerror(errno));
        return NULL;
    }
    return hf_source_fd(rings[0], fd, error);
}

static bool source_is_known(const char *source)
{
    static const char *const kinds[] = {"csv:", "jsonl:", "socket:", "fifo:", "iio:"};

    for (size_t i = 0; i < HF_COUNT_OF(kinds); i++)
        if (behind(source, kinds[i]) != NULL && *behind(source, kinds[i]) != '\0')
            return true;
    return strcmp(source, "bicycle") == 0 || strcmp(source, "iio") == 0 || strcmp(source, "stdin") == 0;
}

/* ---- its life ---- */

static void on_note(void *context, unsigned device, enum hf_agent_note note, const char *text)
{
    struct run *run = context;

    hf_cli_agent_print_note(&run->print, run->count > 1 ? run->names[device] : NULL, note, text);
}

static void on_complaint(void *context, const char *text)
{
    struct run *run = context;

    hf_cli_agent_print_line(&run->print, text);
}

static void print_status(struct run *run, bool last)
{
    struct hf_agent_status status;

    hf_agent_status(run->agent, &status);
    hf_cli_agent_print_status(&run->print, &status, hf_agent_source_counters(run->agent), last);
}

static int live(struct run *run)
{
    const struct request *request = run->request;
    uint64_t begin_ms = hf_clock_ms(), status_ms = begin_ms;
    bool over = false; /* its duration: told once, a second time would end the lingering */
    struct signalfd_siginfo info;
    struct hf_agent_status status;

    do {
        uint64_t now_ms = hf_clock_ms();

        if (request->status_ms > 0 && now_ms - status_ms >= request->status_ms) {
            status_ms = now_ms;
            print_status(run, false);
        }
        if (hf_agent_woken(run->agent) && read(run->signals, &info, sizeof(info)) > 0)
            hf_agent_stop(run->agent, request->queue != NULL ? LEAVE_MS : LEAVE_MEMORY_MS);
        else if (hf_agent_source_ended(run->agent))
            hf_agent_stop(run->agent, request->linger_ms);
        else if (!over && now_ms - begin_ms >= request->duration_ms) {
            hf_agent_stop(run->agent, request->linger_ms);
            over = true;
        }
    } while (hf_agent_turn(
        run->agent, run->signals,
        request->status_ms > 0 && request->status_ms < TURN_MS ? (unsigned)request->status_ms : TURN_MS));
    print_status(run, true);
    hf_agent_status(run->agent, &status);
    if (status.given_up == status.devices || hf_agent_source_broke(run->agent))
        return HF_CLI_FAILED; /* a note, or the source, said why */
    bool gone = status.samples_accepted + status.samples_lost < status.samples_captured ||
                (request->queue == NULL && status.queued > 0);
    return gone || status.samples_lost > 0 || status.batches_failed > 0 || status.batches_dropped > 0
               ? EXIT_LOST
               : HF_CLI_OK;
}

static int open_and_live(struct run *run)
{
    const struct request *request = run->request;
    uint64_t mib = request->queue_mib > 0          ? request->queue_mib
                   : request->queue != NULL        ? QUEUE_MIB
                   : run->count > QUEUE_MEMORY_MIB ? 0
                                                   : QUEUE_MEMORY_MIB / run->count;
    bool broker = hf_agent_url_is_broker(run->url);

    run->print.broker = broker;
    (void)snprintf(run->kind, sizeof(run->kind), "%.*s", (int)strcspn(request->source, ":"), request->source);
    const struct hf_agent_options options = {.url = run->url,
                                             .source = broker ? NULL : run->kind,
                                             .topic = request->topic,
                                             .devices = (const char *const *)run->names,
                                             .device_count = run->count,
                                             .period_ms = (uint32_t)request->period_ms,
                                             .token = run->token_count > 0 ? token : NULL,
                                             .ca_file = run->ca,
                                             .cert_file = request->cert_file,
                                             .key_file = request->key_file,
                                             .insecure = request->remote.insecure,
                                             .queue_paths = (const char *const *)run->paths,
                                             .queue_bytes_max = mib > 0 ? mib << 20 : 1 << 20,
                                             .oldest_goes = request->oldest_goes,
                                             .damaged_aside = request->damaged_aside,
                                             .note = on_note,
                                             .context = run};
    char error[HF_AGENT_ERROR_BYTES];
    struct hf_source *source;
    sigset_t set;
    hf_err err;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    run->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    err = hf_agent_new(&options, &run->agent, error);
    if (err == HF_ERR_INVALID)
        return hf_cli_usage_error(run->argv0, "%s", error);
    if (err != HF_OK)
        return hf_cli_failed(run->argv0, "%s", error);
    source = open_source(run, error);
    if (source == NULL)
        return hf_cli_failed(run->argv0, "%s", error);
    source->complain = on_complaint;
    source->context = run;
    if (hf_agent_start(run->agent, source) != HF_OK)
        return hf_cli_failed(run->argv0, "cannot start a thread");
    return live(run);
}

static int run_request(struct request *request, const char *argv0)
{
    struct run run = {.request = request,
                      .argv0 = argv0,
                      .url = request->url,
                      .ca = request->remote.ca_option,
                      .count = request->bicycles > 0 ? (unsigned)request->bicycles : 1,
                      .signals = -1};
    int status = HF_CLI_OK;

    hf_cli_agent_print_init(&run.print, request->json);
    if (request->url == NULL) {
        status = hf_cli_remote_load(&request->remote, argv0, false);
        run.url = request->remote.url;
        run.ca = request->remote.ca;
        if (request->bicycles == 0 && request->device == NULL)
            request->device = request->remote.device;
        if (request->bicycles == 0 && request->token_file == NULL && request->token == NULL &&
            request->cert_file == NULL)
            request->token = request->remote.device_token;
    }
    if (request->device == NULL)
        request->device = request->bicycles > 0 ? "bicycle-" : NULL;
    if (status == HF_CLI_OK && request->device == NULL)
        status = hf_cli_usage_error(argv0, "--device is missing");
    if (status == HF_CLI_OK && request->device != NULL &&
        strlen(request->device) + (request->bicycles > 0 ? 3 : 0) >= HF_AGENT_NAME_BYTES)
        status = hf_cli_usage_error(argv0, "--device is longer than a name may be");
    if (status == HF_CLI_OK)
        status = name_devices(&run);
    if (status == HF_CLI_OK)
        status = read_tokens(&run);
    if (status == HF_CLI_OK)
        status = open_and_live(&run);
    hf_agent_free(run.agent);
    if (run.signals >= 0)
        (void)close(run.signals);
    forget(&run);
    return status == HF_CLI_OK ? hf_cli_flush(argv0) : status;
}

/* ---- the command line ---- */

static int take_speed(const char *argv0, double *ret_speed)
{
    char *end;

    *ret_speed = strtod(optarg, &end);
    if (*end != '\0' || end == optarg || !(*ret_speed >= 0.001 && *ret_speed <= 1e6))
        return hf_cli_usage_error(argv0, "--speed is '%s'; from 0.001 to 1000000 it may be", optarg);
    return HF_CLI_OK;
}

static int take_period(const char *argv0, uint64_t *ret_ms)
{
    int status = hf_cli_ms(argv0, "--uplink", optarg, ret_ms);

    if (status == HF_CLI_OK && (*ret_ms < HF_AGENT_PERIOD_MIN_MS || *ret_ms > HF_AGENT_PERIOD_MAX_MS))
        return hf_cli_usage_error(argv0, "--uplink is '%s'; from %d to %d ms it may be", optarg,
                                  HF_AGENT_PERIOD_MIN_MS, HF_AGENT_PERIOD_MAX_MS);
    return status;
}

static int take_option(int option, const char *argv0, struct request *request)
{
    switch (option) {
    case 'd': request->device = optarg; break;
    case 't': request->token = optarg; break;
    case 'T': request->token_file = optarg; break;
    case 'E': request->cert_file = optarg; break;
    case 'k': request->key_file = optarg; break;
    case 's': request->source = optarg; break;
    case 'q': request->queue = optarg; break;
    case 'p': request->topic = optarg; break;
    case 'l': request->period_ms = PERIOD_LOW_MS; break;
    case 'j': request->json = true; break;
    case 'u': return take_period(argv0, &request->period_ms);
    case 'x': return take_speed(argv0, &request->speed);
    case 'r': return hf_cli_number(argv0, "--rate", optarg, 1, HF_SOURCE_RATE_MAX, &request->rate);
    case 'e': return hf_cli_number(argv0, "--seed", optarg, 0, UINT64_MAX / 2, &request->seed);
    case 'b': return hf_cli_number(argv0, "--bicycles", optarg, 1, 999, &request->bicycles);
    case 'm': return hf_cli_number(argv0, "--queue-mib", optarg, 1, QUEUE_MIB_MAX, &request->queue_mib);
    case 'w': return hf_cli_ms(argv0, "--duration", optarg, &request->duration_ms);
    case 'S': request->status_given = true; return hf_cli_ms(argv0, "--status", optarg, &request->status_ms);
    case 'L':
        request->linger_ms = FOR_EVER;
        return strcmp(optarg, "forever") == 0 ? HF_CLI_OK
                                              : hf_cli_ms(argv0, "--linger", optarg, &request->linger_ms);
    case 'F':
        request->oldest_goes = strcmp(optarg, "oldest") == 0;
        if (!request->oldest_goes && strcmp(optarg, "newest") != 0)
            return hf_cli_usage_error(argv0, "--when-full is '%s'; it is newest or oldest", optarg);
        break;
    case 'G':
        request->damaged_aside = strcmp(optarg, "aside") == 0;
        if (!request->damaged_aside && strcmp(optarg, "fail") != 0)
            return hf_cli_usage_error(argv0, "--when-damaged is '%s'; it is fail or aside", optarg);
        break;
    case 'C':
    case 'D':
    case 'I': (void)hf_cli_remote_option(&request->remote, option, optarg); break;
    default: return hf_cli_usage_error(argv0, "wrong option");
    }
    return HF_CLI_OK;
}

#define SOURCES "bicycle, csv:FILE, jsonl:FILE, socket:PATH, fifo:PATH, stdin, iio or iio:DIR"

static int check(const char *argv0, struct request *request)
{
    if (request->source == NULL && request->bicycles == 0)
        return hf_cli_usage_error(argv0, "--source is missing; it is " SOURCES);
    if (request->source != NULL && !source_is_known(request->source))
        return hf_cli_usage_error(argv0, "--source is '%s'; it is " SOURCES, request->source);
    if (request->bicycles > 0 && request->source != NULL && strcmp(request->source, "bicycle") != 0)
        return hf_cli_usage_error(argv0, "--bicycles is a source of its own");
    if (request->source == NULL)
        request->source = "bicycle";
    if (!request->status_given)
        request->status_ms = request->json ? STATUS_JSON_MS : STATUS_MS;
    return HF_CLI_OK;
}

static int parse(int argc, char **argv, struct request *request)
{
    static const struct option options[] = {
        {"device", required_argument, NULL, 'd'},
        {"token", required_argument, NULL, 't'},
        {"token-file", required_argument, NULL, 'T'},
        {"cert", required_argument, NULL, 'E'},
        {"key", required_argument, NULL, 'k'},
        {"ca", required_argument, NULL, 'C'},
        {"dev-file", required_argument, NULL, 'D'},
        {"insecure", no_argument, NULL, 'I'},
        {"source", required_argument, NULL, 's'},
        {"rate", required_argument, NULL, 'r'},
        {"speed", required_argument, NULL, 'x'},
        {"seed", required_argument, NULL, 'e'},
        {"bicycles", required_argument, NULL, 'b'},
        {"uplink", required_argument, NULL, 'u'},
        {"low-latency", no_argument, NULL, 'l'},
        {"topic", required_argument, NULL, 'p'},
        {"queue", required_argument, NULL, 'q'},
        {"queue-mib", required_argument, NULL, 'm'},
        {"when-full", required_argument, NULL, 'F'},
        {"when-damaged", required_argument, NULL, 'G'},
        {"linger", required_argument, NULL, 'L'},
        {"duration", required_argument, NULL, 'w'},
        {"status", required_argument, NULL, 'S'},
        {"json", no_argument, NULL, 'j'},
        {0},
    };
    int option, status;

    while ((option = getopt_long(argc, argv, "d:t:T:C:D:s:r:u:lq:j", options, NULL)) != -1) {
        status = take_option(option, argv[0], request);
        if (status != HF_CLI_OK)
            return status;
    }
    status = hf_cli_device_args(argc, argv,
                                &(struct hf_cli_credentials){request->token, request->token_file,
                                                             request->cert_file, request->key_file},
                                &request->url);
    return status == HF_CLI_OK ? check(argv[0], request) : status;
}

static int run(int argc, char **argv)
{
    struct request request = {.topic = "samples",
                              .rate = RATE,
                              .seed = 1,
                              .speed = 1,
                              .period_ms = PERIOD_MS,
                              .linger_ms = LINGER_MS,
                              .duration_ms = FOR_EVER};
    int status = parse(argc, argv, &request);

    (void)mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
    if (status == HF_CLI_OK)
        status = run_request(&request, argv[0]);
    hf_cli_remote_deinit(&request.remote);
    return status;
}

const struct hf_cli_command hf_cli_agent = {
    .name = "agent",
    .summary =
        "be a vehicle: sensor samples to a gateway or an MQTT broker, kept on disk until they are there",
    .usage = "agent [URL] --device ID --source SOURCE [options]",
    .details =
        "  URL                  ws://host:port or wss://...; else the gateway of --dev-file. Or an MQTT\n"
        "                       broker: mqtt://[user@]host[:port][/prefix] or mqtts://...; see below\n"
        "  -d, --device ID      who it is; with --bicycles what their names begin with (bicycle-)\n"
        "  -t, --token TOKEN    as this device (a command line can be seen by others, a file not)\n"
        "  -T, --token-file F   the token in a file; read again when it is refused. With --bicycles\n"
        "                       one a line\n"
        "      --cert F --key F client certificate and its key, PEM\n"
        "  -C, --ca F           PEM certificates to trust instead of the system's\n"
        "      --insecure       do not check the gateway's certificate\n"
        "  -D, --dev-file F     what `holdfast dev` wrote (default: " HF_CLI_DEV_FILE ")\n"
        "\n"
        "  -s, --source KIND    where samples come from:\n"
        "      bicycle          a simulated ride\n"
        "      csv:F, jsonl:F   a recording, played again at its own pace; ends with it\n"
        "      socket:F, fifo:F rows of drivers, a Unix socket or a FIFO that is made here\n"
        "      stdin            rows from there; ends with it\n"
        "      iio, iio:DIR     sensors of the kernel, below " IIO_ROOT "\n"
        "  -r, --rate HZ        samples a second of bicycle, iio and recordings without times: 1 to\n"
        "                       10240 (100)\n"
        "      --speed X        of a recording: 10 is ten times as fast (1)\n"
        "      --seed N         of the simulated ride (1); equal seeds give equal rides\n"
        "      --bicycles N     N simulated devices in one process, up to 999\n"
        "\n"
        "  -u, --uplink TIME    a batch is sent so often (50ms)\n"
        "  -l, --low-latency    the same as --uplink 20ms\n"
        "      --topic NAME     of the messages (samples)\n"
        "  -q, --queue F        the queue's file (a folder with --bicycles): what it has taken\n"
        "                       survives kill -9, power cuts and days without a network. Without it\n"
        "                       the queue is memory\n"
        "      --queue-mib N    its bound (1024; without a file 4 for all)\n"
        "      --when-full X    newest: nothing more is taken, samples are refused and counted (default);\n"
        "                       oldest: the oldest in the queue is dropped, and the gateway told\n"
        "      --when-damaged X a queue file that cannot be read. fail: exit (default); aside: it becomes\n"
        "                       F.damaged, where the one before is replaced, and a new one begins\n"
        "      --linger TIME    after the source's end: to bring what is queued to the gateway (30s)\n"
        "      --duration TIME  the source's end\n"
        "      --status TIME    a line about it so often (10s; with --json 1s); 0 = only at the end\n"
        "  -j, --json           one JSON object a line on stdout\n"
        "\n"
        "A row of a driver or recording is CSV, or JSON with these names; an empty value is none:\n"
        "  cadence_rpm,power_w,lean_deg[,ts_ns]      ts_ns: CLOCK_MONOTONIC_RAW; else it is stamped here\n"
        "  {\"cadence_rpm\":90.5,\"power_w\":-12,\"lean_deg\":-45.5}\n"
        "A first line that names columns may put them in another order; recordings may have time_s.\n"
        "\n"
        "At a broker (MQTT 5.0, else 3.1.1) batches go to PREFIX/DEVICE/up/TOPIC with QoS 1; the token is "
        "the\n"
        "password, the user is user@ of the URL or the device. A broker has no shadows: --uplink stays as it "
        "is.\n"
        "\n"
        "Exit status: 0 it ended, and everything is at the gateway or in the queue's file; 1 it failed, its\n"
        "recording broke off, or the gateway refused it for good; 2 the command line was wrong; 3 it ended, "
        "and samples were lost.\n"
        "\n"
        "Examples:\n"
        "  holdfast agent --source bicycle\n"
        "  holdfast agent wss://gateway.example --device bike-7 --token-file /etc/bike/token \\\n"
        "      --source iio --queue /var/lib/bike/samples.db\n"
        "  holdfast agent mqtts://broker.example/fleet --device bike-7 --token-file /etc/bike/token \\\n"
        "      --source iio --queue /var/lib/bike/samples.db\n"
        "  holdfast agent --source csv:ride.csv --speed 10 --queue /tmp/ride.db\n"
        "  while read -r line; do echo \"$line\"; done </dev/ttyUSB0 | holdfast agent --source stdin\n",
    .run = run,
};
