/* `holdfast tail`: follows the event log. After a lost connection it goes on behind the last event that it has shown, so that
 * nothing is shown twice and nothing is missed. */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/rng.h"
#include "base/sb.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "cli/event_print.h"
#include "cli/http_client.h"
#include "io/clock.h"
#include "io/entropy.h"

enum {
    LINE_BYTES_MAX = 32 << 20, /* of one event: 1 MiB of payload, escaped */
    BACKOFF_BASE_MS = 1000,    /* RC-1 */
    BACKOFF_CEILING_MS = 30000,
    STABLE_MS = 60000, /* a connection that lasted so long starts the backoff anew */
};

struct request {
    struct hf_cli_remote remote;
    const char *device, *type, *topic, *from, *until;
    uint64_t count;
    bool json, once;
};

struct run {
    const struct request *request;
    const char *argv0;
    struct hf_cli_http *http;
    struct hf_rng rng;
    char *line; /* owned: an event that is not complete yet */
    size_t line_bytes, line_room;
    uint64_t next; /* first offset that was not shown; 0 = none was shown */
    uint64_t shown;
    unsigned attempt;
    bool enough, failed;
};

/* ---- what comes ---- */

static void show(struct run *run, struct hf_slice text)
{
    cJSON *event = cJSON_ParseWithLength(text.at, text.bytes);
    const cJSON *offset = cJSON_GetObjectItemCaseSensitive(event, "offset");
    const cJSON *to = cJSON_GetObjectItemCaseSensitive(event, "to");
    const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(event, "type"));
    bool gap = type != NULL && strcmp(type, "gap") == 0;
    const cJSON *last = gap ? to : offset;

    if (!cJSON_IsObject(event)) {
        run->failed = true;
        (void)hf_cli_failed(run->argv0, "what came is not an event; is this a Holdfast gateway?");
    } else if (!cJSON_IsNumber(last) || (uint64_t)last->valuedouble >= run->next) {
        if (run->request->json)
            (void)printf("%.*s\n", (int)text.bytes, text.at);
        else
            hf_cli_event_print(stdout, event);
        if (cJSON_IsNumber(last))
            run->next = (uint64_t)last->valuedouble + 1;
        run->shown += !gap;
        run->enough = run->request->count > 0 && run->shown >= run->request->count;
    }
    cJSON_Delete(event);
}

static bool append(struct run *run, const char *data, size_t bytes)
{
    size_t wanted = run->line_bytes + bytes;

    if (wanted > run->line_room) {
        char *grown = wanted <= LINE_BYTES_MAX ? realloc(run->line, 2 * wanted) : NULL;

        if (grown == NULL) {
            run->failed = true;
            (void)hf_cli_failed(run->argv0, "an event is too big to be shown");
            return false;
        }
        run->line = grown;
        run->line_room = 2 * wanted;
    }
    memcpy(run->line + run->line_bytes, data, bytes);
    run->line_bytes = wanted;
    return true;
}

static bool on_data(void *user, const char *data, size_t bytes)
{
    struct run *run = user;

    while (bytes > 0 && !run->enough && !run->failed) {
        const char *end = memchr(data, '\n', bytes);
        size_t part = end != NULL ? (size_t)(end - data) : bytes;

        if (!append(run, data, part))
            break;
        data += part + (end != NULL);
        bytes -= part + (end != NULL);
        if (end != NULL) {
            if (run->line_bytes > 0) /* an empty line says: still there */
                show(run, (struct hf_slice){run->line, run->line_bytes});
            run->line_bytes = 0;
        }
    }
    if (fflush(stdout) != 0)
        run->failed = true;
    return !run->enough && !run->failed;
}

/* ---- asking ---- */

static bool add(struct hf_sb *sb, const char *name, const char *value)
{
    char encoded[2048] = "";

    if (value == NULL)
        return true;
    if (!hf_cli_http_encode(encoded, sizeof(encoded), value))
        return false;
    hf_sb_printf(sb, "&%s=%s", name, encoded);
    return !sb->overflow;
}

/* Where to begin: behind what was shown, else where --from says, else at the end. */
static bool write_path(const struct run *run, char *path, size_t path_bytes)
{
    const struct request *request = run->request;
    char next[32];
    struct hf_sb sb;

    hf_sb_init(&sb, path, path_bytes);
    hf_sb_printf(&sb, "/v1/events?follow=%s", request->once ? "false" : "true");
    (void)snprintf(next, sizeof(next), "%" PRIu64, run->next);
    return add(&sb, "from", run->next != 0 ? next : request->from) && add(&sb, "until", request->until) &&
           add(&sb, "device", request->device) && add(&sb, "type", request->type) &&
           add(&sb, "topic", request->topic);
}

static void wait_a_while(struct run *run)
{
    uint64_t ceiling_ms = BACKOFF_CEILING_MS;

    if (run->attempt < 5)
        ceiling_ms = HF_MIN((uint64_t)BACKOFF_BASE_MS << run->attempt, ceiling_ms);
    run->attempt++;
    uint64_t ms = hf_rng_below(&run->rng, ceiling_ms + 1);
    (void)usleep((useconds_t)(ms * 1000));
}

/* True: again. */
static bool follow_once(struct run *run, int *ret_status)
{
    struct hf_cli_http_request request = {.method = "GET", .on_data = on_data, .user = run};
    struct hf_cli_http_answer answer;
    uint64_t begin_ms = hf_clock_ms();
    char path[8192];
    hf_err err;

    if (!write_path(run, path, sizeof(path))) {
        *ret_status = hf_cli_usage_error(run->argv0, "a filter is too long");
        return false;
    }
    request.path = path;
    err = hf_cli_http_do(run->http, &request, &answer);
    run->line_bytes = 0; /* an event that was cut comes again whole */
    if (hf_clock_ms() - begin_ms > STABLE_MS)
        run->attempt = 0;
    bool done =
        run->enough || run->failed || (err == HF_OK && (run->request->once || run->request->until != NULL));
    bool may_come_back =
        answer.status == 0 || answer.status / 100 == 2 || answer.status == 429 || answer.status == 503;
    if (run->failed || (err != HF_OK && !run->enough && (run->request->once || !may_come_back))) {
        *ret_status = run->failed ? HF_CLI_FAILED : hf_cli_http_failed(run->argv0, &answer);
        done = true;
    } else if (!done) {
        (void)fprintf(stderr, "%s: lost the gateway (%s), trying again\n", run->argv0,
                      answer.error[0] != '\0' ? answer.error : "it ended the stream");
    }
    hf_cli_http_answer_deinit(&answer);
    return !done;
}

static int follow(struct request *request, const char *argv0)
{
    struct run run = {.request = request, .argv0 = argv0};
    int status = hf_cli_remote_load(&request->remote, argv0, true);

    if (status != HF_CLI_OK)
        return status;
    run.http = hf_cli_http_new(&request->remote);
    if (run.http == NULL)
        return hf_cli_failed(argv0, "%s", hf_err_text(HF_ERR_NOMEM));
    hf_rng_seed(&run.rng, hf_entropy_u64());
    while (follow_once(&run, &status))
        wait_a_while(&run);
    hf_cli_http_free(run.http);
    free(run.line);
    return status == HF_CLI_OK ? hf_cli_flush(argv0) : status;
}

/* ---- the command line ---- */

static int take_option(int option, const char *argv0, struct request *request)
{
    switch (option) {
    case 'd': request->device = optarg; return HF_CLI_OK;
    case 't': request->type = optarg; return HF_CLI_OK;
    case 'T': request->topic = optarg; return HF_CLI_OK;
    case 'f': request->from = optarg; return HF_CLI_OK;
    case 'U': request->until = optarg; return HF_CLI_OK;
    case 'n': return hf_cli_number(argv0, "--count", optarg, 1, UINT64_MAX, &request->count);
    case 'j': request->json = true; return HF_CLI_OK;
    case 'o': request->once = true; return HF_CLI_OK;
    default:
        return hf_cli_remote_option(&request->remote, option, optarg)
                   ? HF_CLI_OK
                   : hf_cli_usage_error(argv0, "wrong option");
    }
}

static int run_tail(int argc, char **argv)
{
    static const struct option options[] = {
        HF_CLI_REMOTE_OPTIONS,
        {"device", required_argument, NULL, 'd'},
        {"type", required_argument, NULL, 't'},
        {"topic", required_argument, NULL, 'T'},
        {"from", required_argument, NULL, 'f'},
        {"until", required_argument, NULL, 'U'},
        {"count", required_argument, NULL, 'n'},
        {"json", no_argument, NULL, 'j'},
        {"once", no_argument, NULL, 'o'},
        {0},
    };
    struct request request = {0};
    int option, status = HF_CLI_OK;

    while (status == HF_CLI_OK &&
           (option = getopt_long(argc, argv, HF_CLI_REMOTE_LETTERS "d:t:T:f:n:j", options, NULL)) != -1)
        status = take_option(option, argv[0], &request);
    if (status == HF_CLI_OK && optind < argc)
        status = hf_cli_usage_error(argv[0], "it takes no argument, but '%s' is there", argv[optind]);
    if (status == HF_CLI_OK)
        status = follow(&request, argv[0]);
    hf_cli_remote_deinit(&request.remote);
    return status;
}

const struct hf_cli_command hf_cli_tail = {
    .name = "tail",
    .summary = "follow the event log",
    .usage = "tail [OPTIONS]",
    .details =
        "  -d, --device ID      only of this device\n"
        "  -t, --type LIST      only these types: message,online,offline,command.done ...\n"
        "  -T, --topic FILTER   only topics that match; + is one level, # the rest\n"
        "  -f, --from OFFSET    begin there; 1 is the oldest event that is kept (default: at the end)\n"
        "      --until OFFSET   leave after this one\n"
        "      --once           leave at the end of the log instead of waiting for more\n"
        "  -n, --count N        leave after N events\n"
        "  -j, --json           one JSON object a line, as the gateway wrote it\n" HF_CLI_REMOTE_DETAILS "\n"
        "  holdfast tail\n"
        "  holdfast tail --device bike-1 --type online,offline\n"
        "  holdfast tail --from 1 --once --json | jq -r .type | sort | uniq -c\n",
    .run = run_tail,
};
