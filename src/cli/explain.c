/* `holdfast explain`: why a device is as it is, and its last day as a story. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/sb.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "cli/event_print.h"
#include "cli/http_client.h"

struct request {
    struct hf_cli_remote remote;
    const char *device;
    uint64_t limit;
    bool json, sip;
};

enum { SIP_LINES = 12 }; /* of a camera, when nobody asked for its messages */

static void print_member(const cJSON *live, const char *name, const char *label)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(live, name);
    char *text = cJSON_IsString(item) || item == NULL ? NULL : cJSON_PrintUnformatted(item);

    if (item != NULL) {
        (void)printf("  %-18s ", label);
        hf_cli_print_text(stdout, hf_slice_of(cJSON_IsString(item) ? item->valuestring : text));
        (void)putchar('\n');
    }
    free(text);
}

static void print_now(const cJSON *now)
{
    static const struct {
        const char *name, *label;
    } rows[] = {
        {"peer", "peer"},
        {"trace", "trace"},
        {"tls", "tls"},
        {"rtt_ms", "round trip, ms"},
        {"clock_ahead_ms", "clock ahead, ms"},
        {"last_seen", "last seen"},
        {"credentials_expire", "credentials until"},
        {"messages_in", "messages from it"},
        {"messages_out", "messages to it"},
        {"pending_messages", "waiting for it"},
        {"send_queue_messages", "in its send queue"},
    };
    const cJSON *live = cJSON_GetObjectItemCaseSensitive(now, "live");

    for (size_t i = 0; live != NULL && i < sizeof(rows) / sizeof(rows[0]); i++)
        print_member(live, rows[i].name, rows[i].label);
}

/* The gateway gives the newest first; a story begins at its beginning. */
static void print_story(const cJSON *explain)
{
    const char *summary = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(explain, "summary"));
    const cJSON *history = cJSON_GetObjectItemCaseSensitive(explain, "history");

    if (summary != NULL)
        hf_cli_print_text(stdout, hf_slice_of(summary));
    (void)putchar('\n');
    print_now(cJSON_GetObjectItemCaseSensitive(explain, "now"));
    if (cJSON_GetArraySize(history) > 0)
        (void)printf("\nwhat happened, oldest first:\n");
    for (int i = cJSON_GetArraySize(history) - 1; i >= 0; i--) {
        (void)fputs("  ", stdout);
        hf_cli_event_print(stdout, cJSON_GetArrayItem(history, i));
    }
}

static void print_sip_message(const cJSON *message, bool whole)
{
    const char *first = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(message, "first_line"));
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(message, "text"));
    const char *time = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(message, "time"));
    const char *direction = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(message, "direction"));
    const char *transport = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(message, "transport"));
    const char *peer = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(message, "peer"));
    const cJSON *count = cJSON_GetObjectItemCaseSensitive(message, "count");

    if (first == NULL || text == NULL || time == NULL || direction == NULL)
        return;
    (void)printf("  %s  %s %s %s  ", time, strcmp(direction, "out") == 0 ? "to  " : "from",
                 transport != NULL ? transport : "", peer != NULL ? peer : "");
    hf_cli_print_text(stdout, hf_slice_of(first));
    if (cJSON_IsNumber(count))
        (void)printf("  (%.0f times)", count->valuedouble);
    (void)putchar('\n');
    for (const char *line = text; whole && *line != '\0';) { /* what a terminal would obey is not printed */
        size_t bytes = strcspn(line, "\r\n");

        (void)fputs("      ", stdout);
        hf_cli_print_text(stdout, (struct hf_slice){line, bytes});
        (void)putchar('\n');
        line += bytes;
        line += strspn(line, "\r");
        line += *line == '\n';
    }
}

/* The last SIP messages of a camera: their first lines, or all of them. A gateway that has none is no failure unless they were asked for. before: what is said if there are any; NULL: nothing. */
static int print_sip(struct hf_cli_http *http, const struct request *request, const char *argv0,
                     const char *before, int *ret_count)
{
    char path[1024] = "/v1/devices/", query[32];
    struct hf_cli_http_request get = {.method = "GET", .path = path};
    struct hf_cli_http_answer answer;
    int status = HF_CLI_OK;

    (void)hf_cli_http_encode(path, sizeof(path) - sizeof(query), request->device); /* it fitted before */
    (void)snprintf(query, sizeof(query), "/sip?limit=%d", request->sip ? 64 : SIP_LINES);
    (void)strcat(path, query);
    if (hf_cli_http_do(http, &get, &answer) != HF_OK) {
        status = request->sip ? hf_cli_http_failed(argv0, &answer) : HF_CLI_OK;
    } else {
        cJSON *json = hf_cli_http_json(&answer);
        const cJSON *messages = cJSON_GetObjectItemCaseSensitive(json, "messages");

        *ret_count = cJSON_GetArraySize(messages);
        if (*ret_count > 0 && before != NULL)
            (void)printf("%s %s", request->device, before);
        if (*ret_count > 0)
            (void)printf("\nthe last SIP messages, oldest first%s:\n",
                         request->sip ? "" : " (--sip: all of them, whole)");
        for (int i = *ret_count - 1; i >= 0; i--)
            print_sip_message(cJSON_GetArrayItem(messages, i), request->sip);
        cJSON_Delete(json);
    }
    hf_cli_http_answer_deinit(&answer);
    return status;
}

static bool is_camera(const cJSON *explain)
{
    const cJSON *now = cJSON_GetObjectItemCaseSensitive(explain, "now");
    const char *protocol = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(now, "protocol"));

    return protocol != NULL && strcmp(protocol, "gb28181") == 0;
}

/* Who was never let in has no history, but may have said something. */
static int explain_stranger(struct hf_cli_http *http, const struct request *request, const char *argv0,
                            const struct hf_cli_http_answer *answer)
{
    int count = 0;

    if (answer->status == 404 && !request->json)
        (void)print_sip(
            http, &(struct request){.device = request->device, .sip = request->sip}, argv0,
            "was never let in. 401 and no more from it: it does not answer the challenge. 403: its "
            "password\nis wrong, or gb28181.devices does not let it in.\n",
            &count);
    return count > 0 ? HF_CLI_OK : hf_cli_http_failed(argv0, answer);
}

static int explain(struct request *request, const char *argv0)
{
    char path[1024] = "/v1/devices/", query[64];
    struct hf_cli_http_request get = {.method = "GET", .path = path};
    struct hf_cli_http *http = NULL;
    struct hf_cli_http_answer answer;
    cJSON *json = NULL;
    int count, status = hf_cli_remote_load(&request->remote, argv0, true);

    if (status != HF_CLI_OK)
        return status;
    if (!hf_cli_http_encode(path, sizeof(path) - sizeof(query), request->device))
        return hf_cli_usage_error(argv0, "the device's id is too long");
    (void)snprintf(query, sizeof(query), "/explain%s%.0llu", request->limit > 0 ? "?limit=" : "",
                   (unsigned long long)request->limit);
    (void)strcat(path, query);
    http = hf_cli_http_new(&request->remote);
    if (http == NULL)
        return hf_cli_failed(argv0, "%s", hf_err_text(HF_ERR_NOMEM));
    if (hf_cli_http_do(http, &get, &answer) != HF_OK) {
        status = explain_stranger(http, request, argv0, &answer);
    } else if ((json = hf_cli_http_json(&answer)) == NULL) {
        status = hf_cli_failed(argv0, "the answer to GET %s is not JSON; is this a Holdfast gateway?", path);
    } else if (request->json) {
        char *text = cJSON_PrintUnformatted(json);

        (void)printf("%s\n", text != NULL ? text : "null");
        free(text);
    } else {
        print_story(json);
        if (request->sip || is_camera(json))
            status = print_sip(http, request, argv0, NULL, &count);
    }
    cJSON_Delete(json);
    hf_cli_http_answer_deinit(&answer);
    hf_cli_http_free(http);
    return status == HF_CLI_OK ? hf_cli_flush(argv0) : status;
}

static int take_option(int option, const char *argv0, struct request *request)
{
    switch (option) {
    case 'l': return hf_cli_number(argv0, "--limit", optarg, 1, 256, &request->limit);
    case 'j': request->json = true; return HF_CLI_OK;
    case 's': request->sip = true; return HF_CLI_OK;
    default:
        return hf_cli_remote_option(&request->remote, option, optarg)
                   ? HF_CLI_OK
                   : hf_cli_usage_error(argv0, "wrong option");
    }
}

static int run_explain(int argc, char **argv)
{
    static const struct option options[] = {
        HF_CLI_REMOTE_OPTIONS,
        {"limit", required_argument, NULL, 'l'},
        {"json", no_argument, NULL, 'j'},
        {"sip", no_argument, NULL, 's'},
        {0},
    };
    struct request request = {0};
    int option, status = HF_CLI_OK;

    while (status == HF_CLI_OK &&
           (option = getopt_long(argc, argv, HF_CLI_REMOTE_LETTERS "l:js", options, NULL)) != -1)
        status = take_option(option, argv[0], &request);
    if (status == HF_CLI_OK && optind + 1 != argc)
        status = hf_cli_usage_error(argv[0], optind < argc ? "one device at a time" : "which device?");
    if (status == HF_CLI_OK) {
        request.device = argv[optind];
        status = explain(&request, argv[0]);
    }
    hf_cli_remote_deinit(&request.remote);
    return status;
}

const struct hf_cli_command hf_cli_explain = {
    .name = "explain",
    .summary = "say why a device is offline, and what happened to it",
    .usage = "explain DEVICE [OPTIONS]",
    .details = "  -l, --limit N        at most so many events of its history, 1 to 256\n"
               "  -j, --json           the gateway's answer as it is\n"
               "  -s, --sip            of a camera: its last SIP messages, whole\n" HF_CLI_REMOTE_DETAILS "\n"
               "  holdfast explain bike-1\n",
    .run = run_explain,
};
