/* `holdfast gb-device`: one simulated camera. src/bench/gb does the work; here are the command line, the keys and the lines. */
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "bench/gb/fleet.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "cli/gb_print.h"
#include "cli/remote.h"
#include "codec/manscdp/gbid.h"

enum { PORT_DEFAULT = 5060, LEAVE_MS = 3000, LINE_BYTES_MAX = 4096, HOST_BYTES = 256 };
#define FOR_EVER UINT64_MAX

struct request {
    const char *server, *id, *server_id, *realm, *password_file, *password_env, *media, *sound;
    struct hf_cam_profile profile;
    struct hf_cam_quirks quirks;
    struct hf_cli_gb_print print;
    uint64_t stay_ms; /* from the start; FOR_EVER */
    bool stubborn;
};

struct run {
    const struct request *request;
    const char *argv0;
    struct hf_fleet *fleet;
    uint64_t end_us; /* when it leaves, or when it stops to wait for the answer to that */
    size_t line_bytes;
    int input, signals;
    bool leaving, over, failed, was_registered;
    FILE *sound; /* what it hears */
    char line[LINE_BYTES_MAX];
};

/* ---- what happens ---- */

static void on_event(void *context, uint32_t index, const struct hf_cam_event *event)
{
    struct run *run = context;

    hf_cli_gb_print_event(&run->request->print, hf_fleet_camera(run->fleet, index), event);
    if (event->tell == HF_CAM_TELL_REGISTERED)
        run->was_registered = true;
    if (event->tell == HF_CAM_TELL_LEFT) {
        run->over = true;
        run->failed = run->failed || event->status >= 300;
    }
    if (event->tell == HF_CAM_TELL_REFUSED && !run->was_registered && !run->request->stubborn)
        run->over = run->failed = true;
}

static void on_message(void *context, uint32_t index, bool out, struct hf_slice bytes)
{
    struct run *run = context;

    (void)index;
    hf_cli_gb_print_message(&run->request->print, out, bytes);
}

static void on_sound(void *context, uint32_t index, struct hf_slice bytes)
{
    struct run *run = context;

    (void)index;
    if (run->sound != NULL &&
        (fwrite(bytes.at, 1, bytes.bytes, run->sound) != bytes.bytes || fflush(run->sound) != 0)) {
        hf_cli_gb_print_note(&run->request->print, "trouble", "cannot write '%s': %s", run->request->sound,
                             strerror(errno));
        (void)fclose(run->sound);
        run->sound = NULL;
    }
}

static void on_trouble(void *context, uint32_t index, const char *what, int sys_errno)
{
    struct run *run = context;

    (void)index;
    hf_cli_gb_print_note(&run->request->print, "trouble", "%s%s%s", what, sys_errno != 0 ? ": " : "",
                         sys_errno != 0 ? strerror(sys_errno) : "");
    if (!run->was_registered && !run->request->stubborn)
        run->over = run->failed = true;
}

static void leave(struct run *run)
{
    if (run->leaving) { /* asked twice: at once */
        run->over = run->failed = true;
        return;
    }
    run->leaving = true;
    run->end_us = hf_fleet_now(run->fleet) + LEAVE_MS * 1000;
    hf_fleet_stop(run->fleet, 0);
}

/* ---- keys ---- */

static void on_alarm(struct hf_cam *cam, const char *argument)
{
    hf_cam_alarm(cam, 1, 5, hf_slice_of(*argument != '\0' ? argument : "motion"));
}

static void on_fault(struct hf_cam *cam, const char *argument)
{
    hf_cam_fault(cam, strcmp(argument, "off") != 0);
}

static void on_position(struct hf_cam *cam, const char *argument)
{
    (void)argument;
    hf_cam_position(cam);
}

static void on_keepalive(struct hf_cam *cam, const char *argument)
{
    (void)argument;
    hf_cam_keepalive(cam);
}

static void on_hang_up(struct hf_cam *cam, const char *argument)
{
    (void)argument;
    hf_cam_hang_up(cam);
}

static const struct {
    const char *name;
    void (*act)(struct hf_cam *cam, const char *argument);
} keys[] = {
    {"alarm", on_alarm},         {"position", on_position}, {"fault", on_fault},
    {"keepalive", on_keepalive}, {"bye", on_hang_up},
};

static void take_line(struct run *run, char *line)
{
    char *argument = line + strcspn(line, " \t");

    if (*argument != '\0')
        *argument++ = '\0';
    argument += strspn(argument, " \t");
    (void)hf_fleet_now(run->fleet);
    if (*line == '\0')
        return;
    if (strcmp(line, "quit") == 0) {
        leave(run);
        return;
    }
    if (strcmp(line, "rebind") == 0 && run->request->profile.transport == HF_SIP_UDP) {
        hf_err err = hf_fleet_rebind(run->fleet, 0);

        hf_cli_gb_print_note(&run->request->print, "rebound", "%s", hf_err_text(err));
        return;
    }
    for (size_t i = 0; i < HF_COUNT_OF(keys); i++)
        if (strcmp(line, keys[i].name) == 0) {
            keys[i].act(hf_fleet_camera(run->fleet, 0), argument);
            return;
        }
    hf_cli_gb_print_note(&run->request->print, "keys",
                         "alarm [TEXT], position, fault [off], keepalive, bye, rebind (UDP), quit");
}

static void read_input(struct run *run)
{
    ssize_t bytes = read(run->input, run->line + run->line_bytes, sizeof(run->line) - 1 - run->line_bytes);
    char *end;

    if (bytes < 0 && errno == EINTR)
        return;
    if (bytes <= 0) { /* no more keys; it stays */
        run->input = -1;
        return;
    }
    run->line_bytes += (size_t)bytes;
    run->line[run->line_bytes] = '\0';
    while ((end = memchr(run->line, '\n', run->line_bytes)) != NULL) {
        *end = '\0';
        take_line(run, run->line);
        run->line_bytes -= (size_t)(end + 1 - run->line);
        memmove(run->line, end + 1, run->line_bytes);
    }
    if (run->line_bytes == sizeof(run->line) - 1)
        run->line_bytes = 0; /* no key is as long */
}

/* ---- its life ---- */

static void live(struct run *run)
{
    while (!run->over) {
        struct pollfd fds[] = {{.fd = hf_fleet_fd(run->fleet), .events = POLLIN},
                               {.fd = run->signals, .events = POLLIN},
                               {.fd = run->input, .events = POLLIN}};
        uint64_t now_us = hf_fleet_now(run->fleet);
        uint64_t left_ms = run->end_us > now_us ? (run->end_us - now_us) / 1000 + 1 : 0;
        struct signalfd_siginfo info;

        (void)poll(fds, HF_COUNT_OF(fds), (int)hf_fleet_wait_ms(run->fleet, (unsigned)HF_MIN(left_ms, 1000)));
        hf_fleet_turn(run->fleet, 0);
        if (fds[2].revents != 0 && !run->over)
            read_input(run);
        if ((fds[1].revents != 0 && read(run->signals, &info, sizeof(info)) > 0) ||
            (hf_fleet_now(run->fleet) >= run->end_us && !run->over))
            leave(run);
    }
}

static hf_err resolve(const struct request *request, union hf_address *ret_address)
{
    HF_ASSERT(request->server != NULL); /* parse() asks for it */
    char host[HOST_BYTES], port[8];
    const char *colon = strrchr(request->server, ':'), *text = request->server;
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *found;
    struct sockaddr_storage address = {0};
    size_t bytes;

    (void)snprintf(port, sizeof(port), "%d", PORT_DEFAULT);
    if (colon != NULL && (strchr(text, ':') == colon || text[0] == '[') && strchr(colon, ']') == NULL)
        (void)snprintf(port, sizeof(port), "%s", colon + 1);
    else
        colon = text + strlen(text);
    bytes = (size_t)(colon - text);
    if (bytes >= 2 && text[0] == '[' && text[bytes - 1] == ']')
        text++, bytes -= 2;
    if (bytes == 0 || bytes >= sizeof(host))
        return HF_ERR_INVALID;
    memcpy(host, text, bytes);
    host[bytes] = '\0';
    if (getaddrinfo(host, port, &hints, &found) != 0)
        return HF_ERR_NOT_FOUND;
    memcpy(&address, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    *ret_address = hf_address_of(&address);
    return HF_OK;
}

static int open_and_live(const struct request *request, const char *argv0)
{
    struct run run = {.request = request, .argv0 = argv0, .input = STDIN_FILENO};
    struct hf_fleet_options options = {.profile = &request->profile,
                                       .first_id = request->id,
                                       .count = 1,
                                       .quirks = &request->quirks,
                                       .on_event = on_event,
                                       .on_message = request->print.trace ? on_message : NULL,
                                       .on_trouble = on_trouble,
                                       .on_sound = on_sound,
                                       .context = &run};
    sigset_t set;
    hf_err err = resolve(request, &options.server);

    if (err != HF_OK)
        return hf_cli_failed(argv0, "cannot resolve '%s'", request->server);
    if (request->sound != NULL && (run.sound = fopen(request->sound, "wbe")) == NULL)
        return hf_cli_failed(argv0, "cannot write '%s': %s", request->sound, strerror(errno));
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    run.signals = signalfd(-1, &set, SFD_CLOEXEC);
    err = hf_fleet_new(&options, &run.fleet);
    if (err == HF_OK) {
        run.end_us =
            request->stay_ms == FOR_EVER ? FOR_EVER : hf_fleet_now(run.fleet) + request->stay_ms * 1000;
        err = hf_fleet_start(run.fleet, 0);
    }
    if (err == HF_OK)
        live(&run);
    hf_fleet_free(run.fleet);
    if (run.sound != NULL)
        (void)fclose(run.sound);
    if (run.signals >= 0)
        (void)close(run.signals);
    if (err != HF_OK)
        return hf_cli_failed(argv0, "cannot start towards '%s': %s", request->server, hf_err_text(err));
    if (run.failed && run.leaving)
        return hf_cli_failed(argv0, "left without an answer");
    return run.failed ? HF_CLI_FAILED : hf_cli_flush(argv0);
}

/* ---- the command line ---- */

static int take_word(const char *argv0, const char *option, const char *text, const char *const *words,
                     unsigned *ret_index)
{
    for (unsigned i = 0; words[i] != NULL; i++)
        if (strcmp(text, words[i]) == 0) {
            *ret_index = i;
            return HF_CLI_OK;
        }
    return hf_cli_usage_error(argv0, "%s is '%s'; --help says what it may be", option, text);
}

static int take_u32(const char *argv0, const char *option, uint64_t min, uint64_t max, uint32_t *ret_value)
{
    uint64_t value;
    int status = hf_cli_number(argv0, option, optarg, min, max, &value);

    if (status == HF_CLI_OK)
        *ret_value = (uint32_t)value;
    return status;
}

static int take_ms(const char *argv0, const char *option, uint64_t min_ms, uint64_t max_ms, uint32_t *ret_ms)
{
    uint64_t ms;
    int status = hf_cli_ms(argv0, option, optarg, &ms);

    if (status == HF_CLI_OK && (ms < min_ms || ms > max_ms))
        return hf_cli_usage_error(argv0, "%s is '%s'; from %llu to %llu ms it may be", option, optarg,
                                  (unsigned long long)min_ms, (unsigned long long)max_ms);
    if (status == HF_CLI_OK)
        *ret_ms = (uint32_t)ms;
    return status;
}

static int take_quirks(const char *argv0, struct hf_cam_quirks *quirks)
{
    char error[HF_CAM_QUIRK_ERROR_BYTES];

    if (hf_cam_quirks_parse(optarg, quirks, error) != HF_OK)
        return hf_cli_usage_error(argv0, "--quirks: %s", error);
    if (quirks->count > 1)
        return hf_cli_usage_error(argv0, "--quirks is '%s'; one camera shows one set, joined by +", optarg);
    return HF_CLI_OK;
}

static int take_option(int option, const char *argv0, struct request *request)
{
    static const char *const transports[] = {"udp", "tcp", NULL}, *const editions[] = {"2016", "2022", NULL},
                             *const charsets[] = {"auto", "utf-8", "gb2312", "gb18030", NULL};
    struct hf_cam_profile *profile = &request->profile;
    unsigned index = 0;
    int status = HF_CLI_OK;

    switch (option) {
    case 's': request->server = optarg; break;
    case 'i': request->id = optarg; break;
    case 'S': request->server_id = optarg; break;
    case 'd': request->realm = optarg; break;
    case 'm': request->media = optarg; break;
    case 'o': request->sound = optarg; break;
    case 'H': profile->hears_tcp = true; break;
    case 'a': profile->user_agent = hf_slice_of(optarg); break;
    case 'q': return take_quirks(argv0, &request->quirks);
    case 'P': request->password_file = optarg; break;
    case 'E': request->password_env = optarg; break;
    case 't':
        status = take_word(argv0, "--transport", optarg, transports, &index);
        profile->transport = index == 0 ? HF_SIP_UDP : HF_SIP_TCP;
        break;
    case 'e':
        status = take_word(argv0, "--edition", optarg, editions, &index);
        profile->edition = index == 0 ? HF_CDP_2016 : HF_CDP_2022;
        break;
    case 'C':
        status = take_word(argv0, "--charset", optarg, charsets, &index);
        profile->charset = index == 0 ? HF_TEXT_AUTO : index == 1 ? HF_TEXT_UTF8 : HF_TEXT_GB18030;
        break;
    case 'c': return take_u32(argv0, "--channels", 1, HF_CAM_CHANNELS_MAX, &profile->channels);
    case 'k': return take_ms(argv0, "--keepalive", 1000, 3600000, &profile->keepalive_ms);
    case 'x': return take_u32(argv0, "--expires", 1, 86400, &profile->expires_s);
    case 'n': return take_u32(argv0, "--items", 1, HF_CAM_PART_ITEMS_MAX, &profile->part_items);
    case 'A': return take_u32(argv0, "--ahead", 1, HF_CAM_PARTS_AHEAD_MAX, &profile->parts_ahead);
    case 'L': return take_ms(argv0, "--slow", 0, 600000, &profile->slow_ms);
    case 'r': return take_ms(argv0, "--retry", 100, 3600000, &profile->retry_ms);
    case 'w': return hf_cli_ms(argv0, "--wait", optarg, &request->stay_ms);
    case 'R': profile->parts_shuffled = true; break;
    case 'M': profile->mute = true; break;
    case 'Z': profile->silent = true; break;
    case 'U': request->stubborn = true; break;
    case 'j': request->print.json = true; break;
    case 'T': request->print.trace = true; break;
    default: return hf_cli_usage_error(argv0, "wrong option");
    }
    return status;
}

static int parse(int argc, char **argv, struct request *request)
{
    static const struct option options[] = {
        {"server", required_argument, NULL, 's'},
        {"id", required_argument, NULL, 'i'},
        {"server-id", required_argument, NULL, 'S'},
        {"domain", required_argument, NULL, 'd'},
        {"password-file", required_argument, NULL, 'P'},
        {"password-env", required_argument, NULL, 'E'},
        {"media", required_argument, NULL, 'm'},
        {"sound", required_argument, NULL, 'o'},
        {"sound-tcp", no_argument, NULL, 'H'},
        {"transport", required_argument, NULL, 't'},
        {"edition", required_argument, NULL, 'e'},
        {"charset", required_argument, NULL, 'C'},
        {"channels", required_argument, NULL, 'c'},
        {"keepalive", required_argument, NULL, 'k'},
        {"expires", required_argument, NULL, 'x'},
        {"items", required_argument, NULL, 'n'},
        {"ahead", required_argument, NULL, 'A'},
        {"slow", required_argument, NULL, 'L'},
        {"retry", required_argument, NULL, 'r'},
        {"wait", required_argument, NULL, 'w'},
        {"shuffle", no_argument, NULL, 'R'},
        {"mute", no_argument, NULL, 'M'},
        {"silent", no_argument, NULL, 'Z'},
        {"quirks", required_argument, NULL, 'q'},
        {"user-agent", required_argument, NULL, 'a'},
        {"stubborn", no_argument, NULL, 'U'},
        {"json", no_argument, NULL, 'j'},
        {"trace", no_argument, NULL, 'T'},
        {0},
    };
    int option, status;

    while ((option = getopt_long(argc, argv, "s:i:d:m:t:e:c:k:w:jT", options, NULL)) != -1) {
        status = take_option(option, argv[0], request);
        if (status != HF_CLI_OK)
            return status;
    }
    if (optind < argc)
        return hf_cli_usage_error(argv[0], "'%s' is too many", argv[optind]);
    if (request->server == NULL || request->id == NULL)
        return hf_cli_usage_error(argv[0], "--server and --id are needed");
    if (!hf_gbid_valid(hf_slice_of(request->id), HF_GBID_RULE_STRICT))
        return hf_cli_usage_error(argv[0], "--id is '%s'; it has 20 digits", request->id);
    if (request->server_id != NULL && !hf_gbid_valid(hf_slice_of(request->server_id), HF_GBID_RULE_STRICT))
        return hf_cli_usage_error(argv[0], "--server-id is '%s'; it has 20 digits", request->server_id);
    if (request->password_file != NULL && request->password_env != NULL)
        return hf_cli_usage_error(argv[0],
                                  "--password-file and --password-env are two answers to one question");
    return HF_CLI_OK;
}

/* The domain is the first ten digits of the platform's id, and of the device's where that is not said. */
static void complete(struct request *request, char realm[HF_GBID_DOMAIN_DIGITS + 1],
                     char server_id[HF_CAM_ID_BYTES])
{
    const char *from = request->server_id != NULL ? request->server_id : request->id;

    (void)snprintf(realm, HF_GBID_DOMAIN_DIGITS + 1, "%.10s", from);
    (void)snprintf(server_id, HF_CAM_ID_BYTES, "%.8s002000000001", from);
    request->profile.realm = hf_slice_of(request->realm != NULL ? request->realm : realm);
    request->profile.server_id = hf_slice_of(request->server_id != NULL ? request->server_id : server_id);
}

static int run_gb_device(int argc, char **argv)
{
    struct request request = {.stay_ms = FOR_EVER};
    char realm[HF_GBID_DOMAIN_DIGITS + 1], server_id[HF_CAM_ID_BYTES], *secret = NULL;
    char error[HF_CAM_REEL_ERROR_BYTES];
    struct hf_cam_reel *reel = NULL;
    int status = parse(argc, argv, &request);

    if (status != HF_CLI_OK)
        return status;
    if (request.password_file != NULL) {
        secret = hf_cli_read_secret(request.password_file);
        if (secret == NULL)
            return hf_cli_failed(argv[0], "cannot read '%s': %s", request.password_file, strerror(errno));
        request.profile.password = hf_slice_of(secret);
    }
    if (request.password_env != NULL) {
        request.profile.password = hf_slice_of(getenv(request.password_env));
        if (request.profile.password.at == NULL)
            return hf_cli_failed(argv[0], "there is no $%s in the environment", request.password_env);
    }
    complete(&request, realm, server_id);
    if (request.media != NULL && hf_cam_reel_read(request.media, &reel, error) != HF_OK)
        status = hf_cli_failed(argv[0], "%s", error);
    request.profile.reel = reel;
    if (status == HF_CLI_OK)
        status = open_and_live(&request, argv[0]);
    hf_cam_reel_free(reel);
    free(secret);
    return status;
}

const struct hf_cli_command hf_cli_gb_device = {
    .name = "gb-device",
    .summary = "be a camera of GB/T 28181: register, answer, show what comes",
    .usage = "gb-device --server HOST[:PORT] --id ID [OPTIONS]",
    .details =
        "A simulated camera or recorder. It registers, says that it lives, answers every query and order of "
        "the standard,\n"
        "and prints a line for each thing that happens. Ctrl-C unregisters.\n"
        "\n"
        "  -s, --server HOST[:PORT]  the platform [port 5060]\n"
        "  -i, --id ID               20 digits; the channels' ids follow from it\n"
        "      --server-id ID        of the platform [the first 8 digits of --id and 002000000001]\n"
        "  -d, --domain REALM        of the platform [the first 10 digits of its id]\n"
        "      --password-file FILE  the device's password in a file; --password-env NAME: in the "
        "environment\n"
        "  -m, --media FILE          what its channels show, when they are called: a program stream, as\n"
        "                            ffmpeg -f lavfi -i testsrc2=size=640x360:rate=25 -c:v libx264 -g 25 -bf "
        "0 "
        "-t 10 -f vob FILE\n"
        "      --sound FILE          where what it hears is written (a broadcast, a talk): G.711 A-law, "
        "8,000\n"
        "                            bytes a second\n"
        "      --sound-tcp           hears it over a TCP connection that it makes, instead of UDP\n"
        "  -t, --transport KIND      of SIP: udp (default), tcp\n"
        "  -e, --edition YEAR        2016 (default), 2022\n"
        "  -c, --channels N          1 [1] to 10000\n"
        "      --charset NAME        of bodies: auto (default: as the edition has it), utf-8, gb2312, "
        "gb18030\n"
        "  -k, --keepalive TIME      [60s]\n"
        "      --expires SECONDS     asked for at registration [3600]\n"
        "      --retry TIME          after a refused registration [60s]\n"
        "\n"
        "How it misbehaves:\n"
        "      --items N             of a list in one message [2 over UDP, 50 over TCP]\n"
        "      --ahead N             messages of one answer sent without waiting for SIP's 200 [1]\n"
        "      --shuffle             in any order\n"
        "      --slow TIME           before an answer to a query or INVITE\n"
        "      --mute                orders get 200 and no Result\n"
        "      --silent              requests get no answer at all\n"
        "      --quirks A+B          peculiarities of makes: `holdfast bench gb --help` lists them\n"
        "      --user-agent TEXT     what it calls itself; its quirks are named behind that\n"
        "\n"
        "  -w, --wait TIME           leave after that time [forever]\n"
        "      --stubborn            go on trying when the first registration fails, as real cameras do\n"
        "  -j, --json                one JSON object a line\n"
        "  -T, --trace               every SIP message to stderr, credentials masked\n"
        "\n"
        "Keys, one a line on stdin: alarm [TEXT], position, fault [off], keepalive, bye (to every call), "
        "rebind (UDP: "
        "another port, as NAT does), quit.\n"
        "\n"
        "Exit status: 0 left in good order; 1 the first registration failed, or nobody answered when it "
        "left; 2 wrong "
        "command line.\n"
        "\n"
        "  holdfast gb-device -s 127.0.0.1 -i 34020000001320000001 --password-file camera.password\n"
        "  holdfast gb-device -s [::1]:5060 -i 34020000001180000001 -t tcp -e 2022 -c 64 --password-env "
        "PASSWORD\n"
        "  echo alarm | holdfast gb-device -s 192.0.2.1 -i 34020000001320000001 --password-file p --wait 10s "
        "--json\n",
    .run = run_gb_device,
};
