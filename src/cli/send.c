/* `holdfast send`: a message or a command to one device, and what became of it. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/base64.h"
#include "base/reason.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "cli/http_client.h"
#include "codec/json/scan.h"
#include "codec/ws/utf8.h"
#include "io/clock.h"

enum {
    STDIN_BYTES_MAX = 8 << 20,
    WAIT_MS_MAX = 60000, /* of one request; longer waits ask again */
    ASK_AGAIN_MS = 200,
};

struct request {
    struct hf_cli_remote remote;
    const char *device, *payload, *command, *topic, *class, *key;
    uint64_t ttl_ms, wait_ms;
    bool text, json, wait;
};

/* ---- the body ---- */

/* "-" is stdin, whole. The caller frees it. */
static char *read_stdin(size_t *ret_bytes)
{
    char *text = malloc(STDIN_BYTES_MAX);
    size_t bytes = text != NULL ? fread(text, 1, STDIN_BYTES_MAX, stdin) : 0;

    if (text != NULL && (ferror(stdin) || !feof(stdin))) {
        free(text);
        return NULL;
    }
    *ret_bytes = bytes;
    return text;
}

static bool add_base64(cJSON *body, struct hf_slice payload)
{
    size_t room = HF_BASE64_BYTES(payload.bytes) + 1, bytes = 0;
    char *base64 = malloc(room);
    bool added = false;

    if (base64 != NULL && hf_base64_encode(payload.at, payload.bytes, base64, room, &bytes) == HF_OK) {
        base64[bytes] = '\0';
        added = cJSON_AddStringToObject(body, "payload_base64", base64) != NULL;
    }
    free(base64);
    return added;
}

/* JSON as it stands, text, or bytes in base64. */
static bool add_payload(cJSON *body, const struct request *request, struct hf_slice payload)
{
    bool is_json =
        !request->text && payload.bytes > 0 && hf_json_scan(payload.at, payload.bytes, NULL, 0, 0) == HF_OK;
    char *copy;
    bool added;

    if (!is_json && !request->text && payload.bytes > 0 && strchr("{[", payload.at[0]) != NULL)
        (void)fprintf(
            stderr,
            "holdfast send: what begins like JSON and is none goes as text (--text: without this line)\n");
    if (!is_json &&
        (!hf_ws_utf8_valid(payload.at, payload.bytes) || memchr(payload.at, '\0', payload.bytes) != NULL))
        return add_base64(body, payload);
    copy = strndup(payload.at, payload.bytes);
    added = copy != NULL && (is_json ? cJSON_AddRawToObject(body, "payload", copy)
                                     : cJSON_AddStringToObject(body, "text", copy)) != NULL;
    free(copy);
    return added;
}

static char *make_body(const struct request *request, struct hf_slice payload)
{
    cJSON *body = cJSON_CreateObject();
    uint64_t wait_ms = HF_MIN(request->wait_ms, (uint64_t)WAIT_MS_MAX);
    char *text = NULL;
    bool ok = body != NULL && (payload.at == NULL || add_payload(body, request, payload));

    if (ok && request->command != NULL)
        ok = cJSON_AddStringToObject(body, "name", request->command) != NULL &&
             (wait_ms == 0 || cJSON_AddNumberToObject(body, "wait_ms", (double)wait_ms) != NULL);
    if (ok && request->topic != NULL)
        ok = cJSON_AddStringToObject(body, "topic", request->topic) != NULL;
    if (ok && request->class != NULL)
        ok = cJSON_AddStringToObject(body, "class", request->class) != NULL;
    if (ok && request->ttl_ms > 0)
        ok = cJSON_AddNumberToObject(body, "ttl_ms", (double)request->ttl_ms) != NULL;
    if (ok)
        text = cJSON_PrintUnformatted(body);
    cJSON_Delete(body);
    return text;
}

/* ---- the fate ---- */

static const char *member(const cJSON *json, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
}

static bool is_one_of(const char *state, const char *const *states)
{
    for (; state != NULL && *states != NULL; states++)
        if (strcmp(state, *states) == 0)
            return true;
    return false;
}

static bool is_final(const struct request *request, const char *state)
{
    static const char *const of_commands[] = {"done", "failed", "expired", "canceled", NULL};
    static const char *const of_messages[] = {"sent",    "delivered", "done", "failed",
                                              "expired", "canceled",  NULL};

    return is_one_of(state, request->command != NULL ? of_commands : of_messages);
}

static bool is_bad(const char *state)
{
    static const char *const states[] = {"failed", "expired", "canceled", NULL};

    return is_one_of(state, states);
}

static void print_fate(const cJSON *fate)
{
    const char *state = member(fate, "state"), *id = member(fate, "id"), *reason = member(fate, "reason");
    const char *text = member(fate, "text"), *base64 = member(fate, "result_base64");
    const cJSON *result = cJSON_GetObjectItemCaseSensitive(fate, "result");

    (void)printf("%s  %s", state != NULL ? state : "?", id != NULL ? id : "?");
    if (reason != NULL)
        (void)printf("  %s (%s)", reason, hf_reason_info(hf_reason_by_name(hf_slice_of(reason)))->text);
    (void)putchar('\n');
    if (result != NULL) {
        char *json = cJSON_PrintUnformatted(result);

        hf_cli_print_text(stdout, hf_slice_of(json));
        (void)putchar('\n');
        free(json);
    } else if (text != NULL || base64 != NULL) {
        hf_cli_print_text(stdout, hf_slice_of(text != NULL ? text : base64));
        (void)putchar('\n');
    }
}

/* Asks until the fate is final or the time is over; *fate is replaced. */
static bool wait_for_fate(const struct request *request, struct hf_cli_http *http, const char *argv0,
                          uint64_t until_ms, cJSON **fate)
{
    char path[256];

    while (*fate != NULL && !is_final(request, member(*fate, "state")) && hf_clock_ms() < until_ms) {
        const char *id = member(*fate, "id");

        (void)snprintf(path, sizeof(path), "/v1/%s/%s", request->command != NULL ? "commands" : "messages",
                       id != NULL ? id : "");
        (void)usleep(1000 * HF_MIN((uint64_t)ASK_AGAIN_MS, until_ms - hf_clock_ms() + 1));
        cJSON_Delete(*fate);
        *fate = hf_cli_http_get(http, argv0, path);
    }
    return *fate != NULL;
}

static int report(const struct request *request, const char *argv0, const cJSON *fate)
{
    const char *state = member(fate, "state");

    if (request->json) {
        char *json = cJSON_PrintUnformatted(fate);

        (void)printf("%s\n", json != NULL ? json : "null");
        free(json);
    } else {
        print_fate(fate);
    }
    if (hf_cli_flush(argv0) != HF_CLI_OK || is_bad(state))
        return HF_CLI_FAILED;
    if (request->wait && !is_final(request, state))
        return hf_cli_failed(argv0, "it is still %s after the time given; `holdfast explain %s` says more",
                             state != NULL ? state : "under way", request->device);
    return HF_CLI_OK;
}

static int send_body(const struct request *request, const char *argv0, const char *body)
{
    char path[1024] = "/v1/devices/";
    struct hf_cli_http_request post = {.method = "POST",
                                       .path = path,
                                       .body = hf_slice_of(body),
                                       .content_type = "application/json",
                                       .idempotency_key = request->key};
    struct hf_cli_http *http = hf_cli_http_new(&request->remote);
    uint64_t until_ms = hf_clock_ms() + request->wait_ms;
    struct hf_cli_http_answer answer = {0};
    cJSON *fate = NULL;
    int status = HF_CLI_FAILED;

    if (http == NULL) {
        (void)hf_cli_failed(argv0, "%s", hf_err_text(HF_ERR_NOMEM));
    } else if (!hf_cli_http_encode(path, sizeof(path) - 16, request->device)) {
        status = hf_cli_usage_error(argv0, "the device's id is too long");
    } else {
        (void)strcat(path, request->command != NULL ? "/commands" : "/messages");
        if (hf_cli_http_do(http, &post, &answer) != HF_OK)
            status = hf_cli_http_failed(argv0, &answer);
        else
            fate = hf_cli_http_json(&answer);
        if (fate != NULL && wait_for_fate(request, http, argv0, until_ms, &fate))
            status = report(request, argv0, fate);
    }
    cJSON_Delete(fate);
    hf_cli_http_answer_deinit(&answer);
    hf_cli_http_free(http);
    return status;
}

static int send_it(struct request *request, const char *argv0)
{
    int status = hf_cli_remote_load(&request->remote, argv0, true);
    struct hf_slice payload = hf_slice_of(request->payload);
    char *input = NULL, *body = NULL;

    if (status != HF_CLI_OK)
        return status;
    if (request->payload != NULL && strcmp(request->payload, "-") == 0) {
        input = read_stdin(&payload.bytes);
        payload.at = input;
        if (input == NULL)
            return hf_cli_failed(argv0, "cannot read stdin, or it has more than %d bytes",
                                 STDIN_BYTES_MAX - 1);
    }
    body = make_body(request, payload);
    status = body != NULL ? send_body(request, argv0, body)
                          : hf_cli_failed(argv0, "%s", hf_err_text(HF_ERR_NOMEM));
    free(input);
    cJSON_free(body);
    return status;
}

/* ---- the command line ---- */

static int take_option(int option, const char *argv0, struct request *request)
{
    switch (option) {
    case 'c': request->command = optarg; return HF_CLI_OK;
    case 'T': request->topic = optarg; return HF_CLI_OK;
    case 'x': request->class = optarg; return HF_CLI_OK;
    case 'i': request->key = optarg; return HF_CLI_OK;
    case 't': request->text = true; return HF_CLI_OK;
    case 'j': request->json = true; return HF_CLI_OK;
    case 'l': return hf_cli_ms(argv0, "--ttl", optarg, &request->ttl_ms);
    case 'w': request->wait = true; return hf_cli_ms(argv0, "--wait", optarg, &request->wait_ms);
    default:
        return hf_cli_remote_option(&request->remote, option, optarg)
                   ? HF_CLI_OK
                   : hf_cli_usage_error(argv0, "wrong option");
    }
}

static int parse(int argc, char **argv, struct request *request)
{
    static const struct option options[] = {
        HF_CLI_REMOTE_OPTIONS,
        {"command", required_argument, NULL, 'c'},
        {"topic", required_argument, NULL, 'T'},
        {"class", required_argument, NULL, 'x'},
        {"id", required_argument, NULL, 'i'},
        {"text", no_argument, NULL, 't'},
        {"json", no_argument, NULL, 'j'},
        {"ttl", required_argument, NULL, 'l'},
        {"wait", required_argument, NULL, 'w'},
        {0},
    };
    int option, status = HF_CLI_OK;

    while (status == HF_CLI_OK &&
           (option = getopt_long(argc, argv, HF_CLI_REMOTE_LETTERS "c:T:i:tjl:w:", options, NULL)) != -1)
        status = take_option(option, argv[0], request);
    if (status != HF_CLI_OK)
        return status;
    if (optind < argc)
        request->device = argv[optind++];
    if (optind < argc)
        request->payload = argv[optind++];
    if (optind < argc)
        return hf_cli_usage_error(argv[0], "'%s' is too many; quote the payload", argv[optind]);
    if (request->device == NULL || (request->payload == NULL && request->command == NULL))
        return hf_cli_usage_error(argv[0],
                                  "to which device, and what? DEVICE PAYLOAD, or DEVICE --command NAME");
    if (request->command != NULL && (request->topic != NULL || request->class != NULL))
        return hf_cli_usage_error(argv[0], "--topic and --class are of messages, not of commands");
    return HF_CLI_OK;
}

static int run_send(int argc, char **argv)
{
    struct request request = {0};
    int status = parse(argc, argv, &request);

    if (status == HF_CLI_OK)
        status = send_it(&request, argv[0]);
    hf_cli_remote_deinit(&request.remote);
    return status;
}

const struct hf_cli_command hf_cli_send = {
    .name = "send",
    .summary = "send a message or a command to a device",
    .usage = "send DEVICE PAYLOAD [OPTIONS]",
    .details =
        "The payload is JSON when it reads as JSON, else text; - takes it from stdin, any bytes.\n"
        "\n"
        "  -c, --command NAME   a command, which expects a result; the payload may be left out\n"
        "  -w, --wait TIME      until the device has it, or for a command its result: 10s, 2m\n"
        "  -l, --ttl TIME       give up if it could not be sent by then (default 24h)\n"
        "  -T, --topic TOPIC    of a message\n"
        "      --class CLASS    message (default) or telemetry, which may be dropped for slow devices\n"
        "  -i, --id KEY         idempotency key: sent once, however often this is repeated within 1 h\n"
        "  -t, --text           the payload is text, also when it reads as JSON\n"
        "  -j, --json           the gateway's answer as it is\n" HF_CLI_REMOTE_DETAILS "\n"
        "Exit status: 0 taken over or, with --wait, done; 1 refused, failed or not done in time.\n"
        "\n"
        "  holdfast send bike-1 '{\"light\":\"on\"}'\n"
        "  holdfast send bike-1 --command unlock '{\"seconds\":30}' --wait 10s\n"
        "  holdfast send bike-1 - --topic firmware <delta.bin\n",
    .run = run_send,
};
