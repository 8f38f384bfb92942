/* `holdfast connect`: a device at the command line. Prints what comes, sends the lines of stdin as text messages. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/reason.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "cli/connect_print.h"
#include "cli/connect_session.h"
#include "cli/remote.h"
#include "cli/ws_client.h"
#include "codec/json/scan.h"
#include "codec/ws/close.h"
#include "codec/ws/rule.h"
#include "io/clock.h"

enum { LINE_BYTES_MAX = 8 << 20, NO_LINE = -1 };
#define FOR_EVER UINT64_MAX

enum token_place { IN_HEADER, IN_QUERY, IN_PROTOCOL, IN_MESSAGE, TOKEN_PLACES };
static const char *const token_places[TOKEN_PLACES] = {"header", "query", "protocol", "message"};

struct request {
    const char *url, *token, *token_file, *device, *protocols, *auto_result, *queue;
    struct hf_cli_ws_config ws;
    struct hf_cli_remote remote;
    enum token_place place;
    bool json, binary, wait_given, shadow;
    uint64_t wait_ms, count;
};

struct run {
    const struct request *request;
    const char *argv0;
    struct hf_cli_ws *ws;
    struct hf_cli_print print;
    char *line; /* owned: what stdin gave since the last line break */
    size_t line_bytes, line_room;
    int input, signals; /* descriptors; input is -1 once stdin has ended */
    uint64_t end_ms;    /* monotonic: goodbye then; FOR_EVER = not yet known */
    uint64_t received;
    bool closing, failed;
};

/* ---- sending ---- */

static bool send_text(struct run *run, bool text, struct hf_slice data)
{
    hf_err err = hf_cli_ws_send(run->ws, text, data);

    if (err == HF_OK) {
        hf_cli_print_message(&run->print, '>', text, data);
        return true;
    }
    if (err == HF_ERR_CLOSED) /* what closed it is about to be told */
        return false;
    (void)hf_cli_failed(run->argv0, "cannot send: %s", hf_err_text(err));
    run->failed = true;
    return false;
}

static void goodbye(struct run *run)
{
    if (!run->closing)
        (void)hf_cli_ws_close(run->ws, HF_WS_CODE_NORMAL, "");
    run->closing = true;
}

/* A command is answered when --auto-result says so. */
static void answer(struct run *run, struct hf_slice text)
{
    struct hf_json_field fields[] = {HF_JSON_FIELD("type"), HF_JSON_FIELD("id")};
    const char *payload = run->request->auto_result;
    char *result = NULL;
    int bytes;

    if (payload == NULL || hf_json_scan(text.at, text.bytes, fields, 2, 0) != HF_OK ||
        !hf_json_is(&fields[0], "command") || !fields[1].found)
        return;
    bytes = asprintf(&result, "{\"type\":\"result\",\"id\":%.*s,\"status\":\"ok\",\"payload\":%s}",
                     (int)fields[1].raw.bytes, fields[1].raw.at, payload);
    if (bytes < 0)
        run->failed = true;
    else
        (void)send_text(run, true, (struct hf_slice){result, (size_t)bytes});
    free(result);
}

/* ---- stdin ---- */

static void end_of_input(struct run *run)
{
    const struct request *request = run->request;

    if (run->line_bytes > 0)
        (void)send_text(run, !request->binary, (struct hf_slice){run->line, run->line_bytes});
    run->line_bytes = 0;
    run->input = NO_LINE;
    if (request->count == 0 || request->wait_given)
        run->end_ms = request->wait_ms < FOR_EVER ? hf_clock_ms() + request->wait_ms : FOR_EVER;
}

static bool room(struct run *run)
{
    size_t wanted = run->line_room > 0 ? 2 * run->line_room : 4096;
    char *grown;

    if (run->line_bytes < run->line_room)
        return true;
    grown = wanted <= LINE_BYTES_MAX ? realloc(run->line, wanted) : NULL;
    if (grown == NULL) {
        (void)hf_cli_failed(run->argv0, "a line of stdin is too long");
        run->failed = true;
        return false;
    }
    run->line = grown;
    run->line_room = wanted;
    return true;
}

static void take_lines(struct run *run)
{
    size_t from = 0;

    for (char *end; (end = memchr(run->line + from, '\n', run->line_bytes - from)) != NULL;) {
        size_t bytes = (size_t)(end - run->line) - from;

        if (bytes > 0 && !send_text(run, !run->request->binary, (struct hf_slice){run->line + from, bytes}))
            return;
        from += bytes + 1;
    }
    memmove(run->line, run->line + from, run->line_bytes - from);
    run->line_bytes -= from;
}

static void read_input(struct run *run)
{
    ssize_t bytes;

    if (!room(run)) {
        goodbye(run);
        return;
    }
    bytes = read(run->input, run->line + run->line_bytes, run->line_room - run->line_bytes);
    if (bytes < 0 && errno == EINTR)
        return;
    if (bytes <= 0) {
        end_of_input(run);
        return;
    }
    run->line_bytes += (size_t)bytes;
    take_lines(run);
}

/* ---- the conversation ---- */

static void on_message(struct run *run, const struct hf_cli_ws_event *event)
{
    run->received++;
    hf_cli_print_message(&run->print, '<', event->text, event->data);
    if (event->text)
        answer(run, event->data);
    if (run->request->count > 0 && run->received >= run->request->count)
        goodbye(run);
}

static int on_closed(struct run *run, const struct hf_cli_ws_event *event)
{
    hf_cli_print_close(&run->print, event);
    if (event->by_peer && event->code != HF_WS_CODE_NORMAL && event->code != HF_WS_CODE_NONE)
        return HF_CLI_FAILED;
    return run->failed ? HF_CLI_FAILED : HF_CLI_OK;
}

static int talk(struct run *run)
{
    const int none[HF_CLI_WS_OTHERS] = {-1, -1};
    struct hf_cli_ws_event event;

    for (;;) {
        const int others[HF_CLI_WS_OTHERS] = {run->input, run->signals};
        uint64_t now_ms = hf_clock_ms();
        uint64_t wait_ms = run->closing || run->end_ms == FOR_EVER ? FOR_EVER
                           : run->end_ms > now_ms                  ? run->end_ms - now_ms
                                                                   : 0;

        hf_cli_ws_next(run->ws, wait_ms, run->closing ? none : others, &event);
        switch (event.type) {
        case HF_CLI_WS_MESSAGE: on_message(run, &event); break;
        case HF_CLI_WS_CLOSED: return on_closed(run, &event);
        case HF_CLI_WS_LOST: hf_cli_print_lost(&run->print, event.error); return HF_CLI_FAILED;
        case HF_CLI_WS_OTHER:
            if (event.other == run->signals)
                goodbye(run);
            else
                read_input(run);
            break;
        case HF_CLI_WS_TIME: goodbye(run); break;
        }
        if (run->failed)
            goodbye(run);
    }
}

static int count_verdict(const struct run *run, int status)
{
    uint64_t count = run->request->count;

    if (status != HF_CLI_OK || run->received >= count)
        return status;
    return hf_cli_failed(run->argv0, "%llu of %llu messages came", (unsigned long long)run->received,
                         (unsigned long long)count);
}

static int open_and_talk(const struct request *request, const char *argv0)
{
    struct hf_cli_ws_failure failure;
    struct run run = {.request = request, .argv0 = argv0, .input = STDIN_FILENO, .end_ms = FOR_EVER};
    sigset_t set;
    int status;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    run.signals = signalfd(-1, &set, SFD_CLOEXEC);
    hf_cli_print_init(&run.print, request->json);
    if (hf_cli_ws_open(&request->ws, &run.ws, &failure) != HF_OK) {
        hf_cli_print_refused(&run.print, argv0, &failure);
        status = failure.cause == HF_CLI_WS_BAD_URL ? HF_CLI_USAGE : HF_CLI_FAILED;
        goto out;
    }
    hf_cli_print_open(&run.print, request->ws.url, run.ws);
    if (request->place == IN_MESSAGE && request->token != NULL) {
        char *auth = NULL;
        int bytes = asprintf(&auth, "{\"type\":\"auth\",\"token\":\"%s\"}", request->token);

        if (bytes >= 0 && hf_cli_ws_send(run.ws, true, (struct hf_slice){auth, (size_t)bytes}) == HF_OK)
            hf_cli_print_note(&run.print, "auth", "token sent in the first message");
        free(bytes >= 0 ? auth : NULL);
    }
    status = count_verdict(&run, talk(&run));
out:
    hf_cli_ws_free(run.ws);
    free(run.line);
    if (run.signals >= 0)
        (void)close(run.signals);
    return status == HF_CLI_OK ? hf_cli_flush(argv0) : status;
}

/* ---- the command line ---- */

static int take_place(const char *argv0, const char *text, enum token_place *ret_place)
{
    for (int i = 0; i < TOKEN_PLACES; i++)
        if (strcmp(text, token_places[i]) == 0) {
            *ret_place = (enum token_place)i;
            return HF_CLI_OK;
        }
    return hf_cli_usage_error(argv0, "--token-in is '%s'; it is header, query, protocol or message", text);
}

static int take_wait(const char *argv0, struct request *request)
{
    request->wait_given = true;
    request->wait_ms = FOR_EVER;
    return strcmp(optarg, "forever") == 0 ? HF_CLI_OK : hf_cli_ms(argv0, "--wait", optarg, &request->wait_ms);
}

/* A name that is misspelled would be offered, declined, and the connection would be a raw one. */
static int take_protocols(const char *argv0, struct request *request)
{
    static const char *const known[] = {"holdfast.v1", "holdfast.v1.json", "holdfast.raw"};

    request->protocols = optarg;
    if (strcmp(optarg, "session") == 0)
        return HF_CLI_OK;
    for (const char *at = optarg, *end = NULL; end == NULL || *end == ','; at = end + 1) {
        end = at + strcspn(at, ",");
        struct hf_slice name = hf_slice_trim((struct hf_slice){at, (size_t)(end - at)});
        bool found = false;

        for (size_t i = 0; i < HF_COUNT_OF(known); i++)
            found = found || hf_slice_is(name, known[i]);
        if (!found)
            return hf_cli_usage_error(argv0,
                                      "--protocol has '%.*s'; it is session, or a list of holdfast.v1, "
                                      "holdfast.v1.json and holdfast.raw",
                                      (int)name.bytes, name.at);
    }
    return HF_CLI_OK;
}

static int take_option(int option, const char *argv0, struct request *request)
{
    switch (option) {
    case 't': request->token = optarg; break;
    case 'T': request->token_file = optarg; break;
    case 'i': return take_place(argv0, optarg, &request->place);
    case 'd': request->device = optarg; break;
    case 'p': return take_protocols(argv0, request);
    case 'Q': request->queue = optarg; break;
    case 'S': request->shadow = true; break;
    case 'E': request->ws.cert_file = optarg; break;
    case 'k': request->ws.key_file = optarg; break;
    case 'j': request->json = true; break;
    case 'b': request->binary = true; break;
    case 'w': return take_wait(argv0, request);
    case 'n': return hf_cli_number(argv0, "--count", optarg, 1, UINT64_MAX, &request->count);
    case 'a':
        request->auto_result = optarg;
        if (hf_json_scan(optarg, strlen(optarg), NULL, 0, 0) != HF_OK)
            return hf_cli_usage_error(argv0, "--auto-result is '%s'; that is not JSON", optarg);
        break;
    case 'C':
    case 'D':
    case 'I': (void)hf_cli_remote_option(&request->remote, option, optarg); break;
    default: return hf_cli_usage_error(argv0, "wrong option");
    }
    return HF_CLI_OK;
}

static bool is_session(const struct request *request)
{
    return request->protocols != NULL && strcmp(request->protocols, "session") == 0;
}

static int parse(int argc, char **argv, struct request *request)
{
    static const struct option options[] = {
        {"token", required_argument, NULL, 't'},
        {"token-file", required_argument, NULL, 'T'},
        {"token-in", required_argument, NULL, 'i'},
        {"device", required_argument, NULL, 'd'},
        {"protocol", required_argument, NULL, 'p'},
        {"queue", required_argument, NULL, 'Q'},
        {"shadow", no_argument, NULL, 'S'},
        {"cert", required_argument, NULL, 'E'},
        {"key", required_argument, NULL, 'k'},
        {"ca", required_argument, NULL, 'C'},
        {"dev-file", required_argument, NULL, 'D'},
        {"insecure", no_argument, NULL, 'I'},
        {"json", no_argument, NULL, 'j'},
        {"binary", no_argument, NULL, 'b'},
        {"wait", required_argument, NULL, 'w'},
        {"count", required_argument, NULL, 'n'},
        {"auto-result", required_argument, NULL, 'a'},
        {0},
    };
    int option, status;

    while ((option = getopt_long(argc, argv, "t:T:d:p:C:D:jbw:n:a:", options, NULL)) != -1) {
        status = take_option(option, argv[0], request);
        if (status != HF_CLI_OK)
            return status;
    }
    status = hf_cli_device_args(argc, argv,
                                &(struct hf_cli_credentials){request->token, request->token_file,
                                                             request->ws.cert_file, request->ws.key_file},
                                &request->url);
    if (status != HF_CLI_OK)
        return status;
    if ((request->queue != NULL || request->shadow) && !is_session(request))
        return hf_cli_usage_error(argv[0], "%s needs --protocol session",
                                  request->queue != NULL ? "--queue" : "--shadow");
    if (is_session(request) && request->place != IN_HEADER)
        return hf_cli_usage_error(argv[0], "with --protocol session the token goes in the header");
    return HF_CLI_OK;
}

/* ws://host becomes ws://host/v1/connect[/DEVICE][?token=...]. The caller frees it. */
static char *whole_url(const struct request *request)
{
    const char *scheme_end = strstr(request->url, "://"), *path, *token = request->token;
    bool query = request->place == IN_QUERY && token != NULL, device = request->device != NULL;
    size_t bytes = strlen(request->url);
    char *url = NULL;

    path = scheme_end != NULL ? strchr(scheme_end + 3, '/') : NULL;
    while (path != NULL && path[0] != '\0' && path[1] == '\0' && bytes > 0 && request->url[bytes - 1] == '/')
        path = NULL, bytes--;
    if (asprintf(&url, "%.*s%s%s%s%s%s", (int)bytes, request->url, path == NULL ? "/v1/connect" : "",
                 path == NULL && device ? "/" : "", path == NULL && device ? request->device : "",
                 !query                              ? ""
                 : strchr(request->url, '?') != NULL ? "&token="
                                                     : "?token=",
                 query ? token : "") < 0)
        return NULL;
    return url;
}

static int run_session(const struct request *request, const char *argv0)
{
    const struct hf_cli_session_request session = {
        .url = request->url,
        .token = request->token,
        .device = request->device,
        .ca_file = request->remote.ca != NULL ? request->remote.ca : request->remote.ca_option,
        .cert_file = request->ws.cert_file,
        .key_file = request->ws.key_file,
        .queue = request->queue,
        .auto_result = request->auto_result,
        .insecure = request->remote.insecure,
        .json = request->json,
        .binary = request->binary,
        .stays = request->wait_given,
        .shadow = request->shadow,
        .wait_ms = request->wait_ms,
        .count = request->count};

    return hf_cli_connect_session(&session, argv0);
}

static int run_request(struct request *request, const char *argv0)
{
    char *secret = NULL, *url = NULL, *protocols = NULL;
    int status = HF_CLI_OK;

    if (request->token_file != NULL) {
        request->token = secret = hf_cli_read_secret(request->token_file);
        if (secret == NULL)
            return hf_cli_failed(argv0, "cannot read '%s': %s", request->token_file, strerror(errno));
    }
    if (request->url == NULL) {
        status = hf_cli_remote_load(&request->remote, argv0, false);
        request->url = request->remote.url;
        if (request->token == NULL && request->ws.cert_file == NULL)
            request->token = request->remote.device_token;
        if (request->device == NULL)
            request->device = request->remote.device;
    }
    if (status == HF_CLI_OK && is_session(request))
        status = run_session(request, argv0);
    if (status != HF_CLI_OK || is_session(request))
        goto out;
    url = whole_url(request);
    if (request->token != NULL && request->place == IN_PROTOCOL &&
        asprintf(&protocols, "%s%sholdfast.token.%s", request->protocols != NULL ? request->protocols : "",
                 request->protocols != NULL ? ", " : "", request->token) < 0)
        protocols = NULL;
    request->ws.url = url;
    request->ws.protocols = protocols != NULL ? protocols : request->protocols;
    request->ws.token = request->place == IN_HEADER ? request->token : NULL;
    request->ws.ca_file = request->remote.ca != NULL ? request->remote.ca : request->remote.ca_option;
    request->ws.insecure = request->remote.insecure;
    status =
        url != NULL ? open_and_talk(request, argv0) : hf_cli_failed(argv0, "%s", hf_err_text(HF_ERR_NOMEM));
out:
    free(url);
    free(protocols);
    free(secret);
    return status;
}

static int run_connect(int argc, char **argv)
{
    struct request request = {0};
    int status = parse(argc, argv, &request);

    if (status == HF_CLI_OK)
        status = run_request(&request, argv[0]);
    hf_cli_remote_deinit(&request.remote);
    return status;
}

const struct hf_cli_command hf_cli_connect = {
    .name = "connect",
    .summary = "be a device: print what comes, send what is typed",
    .usage = "connect [URL] [OPTIONS]",
    .details =
        "Without a path the URL gets /v1/connect; without a URL it is the gateway of `holdfast dev`.\n"
        "Received messages go to stdout, everything else to stderr. Each line of stdin is one text message.\n"
        "\n"
        "  -t, --token TOKEN      of the device; -T, --token-file FILE reads it from a file\n"
        "      --token-in PLACE   header (default), query, protocol or message\n"
        "  -d, --device ID        for the path, when the URL has none\n"
        "  -p, --protocol LIST    sub-protocols to offer (holdfast.v1, holdfast.v1.json, holdfast.raw); "
        "`session`:\n"
        "                         holdfast.v1 by libholdfast, which comes back by itself\n"
        "      --queue FILE       with it: lines wait in this file until the gateway has them (default: in "
        "memory)\n"
        "      --shadow           with it: show what the device is wanted to be; a line `report JSON` says "
        "what "
        "it is\n"
        "      --cert FILE, --key FILE  client certificate and key, PEM\n"
        "  -C, --ca FILE          certificates to trust instead of the system's\n"
        "      --insecure         do not check the gateway's certificate\n"
        "  -D, --dev-file FILE    what `holdfast dev` wrote (default: " HF_CLI_DEV_FILE ")\n"
        "  -j, --json             one JSON object a line on stdout, for every message and event\n"
        "  -b, --binary           send lines as binary messages\n"
        "  -w, --wait TIME        stay so long after stdin has ended: 5s, forever (default 0)\n"
        "  -n, --count N          leave after N received messages; fewer are a failure\n"
        "  -a, --auto-result JSON answer every command with this result\n"
        "\n"
        "Exit status: 0 closed in good order; 1 refused, lost, closed by the gateway with anything but 1000, "
        "or\n"
        "fewer than --count messages; 2 wrong command line.\n"
        "\n"
        "  holdfast connect\n"
        "  holdfast connect wss://gateway.example.com:8443 --ca ca.pem --cert bike-1.pem --key bike-1.key\n"
        "  echo '{\"type\":\"data\",\"topic\":\"gps\",\"id\":1,\"payload\":[52.5,13.4]}' |\n"
        "    holdfast connect ws://localhost:8080 --token-file bike-1.token --count 1\n"
        "  holdfast connect --auto-result '{\"unlocked\":true}' --wait forever </dev/null\n"
        "  holdfast connect --protocol session --queue bike-1.db --wait forever\n"
        "  echo 'report {\"interval\":5}' | holdfast connect --protocol session --shadow\n",
    .run = run_connect,
};
