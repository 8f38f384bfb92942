/* `holdfast push`: configuration for a group, and how far its members are with it. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sb.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "cli/http_client.h"
#include "codec/json/scan.h"
#include "io/clock.h"

enum { ASK_AGAIN_MS = 200, PATH_BYTES = 1024 };

struct request {
    struct hf_cli_remote remote;
    const char *group, *desired;
    uint64_t wait_ms;
    bool json;
};

static double number(const cJSON *push, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(push, name);

    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

static const char *text(const cJSON *push, const char *name)
{
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(push, name));

    return value != NULL ? value : "?";
}

static double refused(const cJSON *push)
{
    const cJSON *reasons = cJSON_GetObjectItemCaseSensitive(push, "refused"), *reason;
    double sum = 0;

    cJSON_ArrayForEach(reason, reasons) sum += cJSON_IsNumber(reason) ? reason->valuedouble : 0;
    return sum;
}

static void print(const struct request *request, const cJSON *push)
{
    char *json = request->json ? cJSON_PrintUnformatted(push) : NULL;
    const cJSON *reasons = cJSON_GetObjectItemCaseSensitive(push, "refused"), *reason;

    if (request->json) {
        (void)printf("%s\n", json != NULL ? json : "null");
        free(json);
        return;
    }
    (void)printf("%s  %s  members %.0f: stored %.0f, unchanged %.0f, refused %.0f; delivered %.0f, applied "
                 "%.0f, superseded %.0f\n",
                 text(push, "state"), text(push, "id"), number(push, "members"), number(push, "stored"),
                 number(push, "unchanged"), refused(push), number(push, "delivered"), number(push, "applied"),
                 number(push, "superseded"));
    cJSON_ArrayForEach(reason, reasons)(void)
        printf("  %s: %.0f\n", reason->string, number(reasons, reason->string));
}

/* Nobody is left who could still apply it. */
static bool is_over(const cJSON *push)
{
    return strcmp(text(push, "state"), "done") == 0 &&
           number(push, "applied") + number(push, "superseded") >= number(push, "stored");
}

static cJSON *begin(struct hf_cli_http *http, const struct request *request, const char *argv0,
                    const char *path)
{
    size_t room = strlen(request->desired) + 32;
    struct hf_cli_http_answer answer;
    char *body = malloc(room);
    cJSON *push = NULL;

    if (body == NULL) {
        (void)hf_cli_failed(argv0, "%s", hf_err_text(HF_ERR_NOMEM));
        return NULL;
    }
    (void)snprintf(body, room, "{\"desired\":%s}", request->desired);
    if (hf_cli_http_do(http,
                       &(struct hf_cli_http_request){.method = "POST",
                                                     .path = path,
                                                     .body = hf_slice_of(body),
                                                     .content_type = "application/merge-patch+json"},
                       &answer) == HF_OK)
        push = hf_cli_http_json(&answer);
    if (push == NULL)
        (void)hf_cli_http_failed(argv0, &answer);
    hf_cli_http_answer_deinit(&answer);
    free(body);
    return push;
}

static int carry_out(struct request *request, const char *argv0)
{
    char group[PATH_BYTES / 2] = "", path[PATH_BYTES];
    struct hf_cli_http *http;
    int status = hf_cli_remote_load(&request->remote, argv0, true);

    if (status != HF_CLI_OK)
        return status;
    if (!hf_cli_http_encode(group, sizeof(group), request->group))
        return hf_cli_usage_error(argv0, "the group's name is too long");
    http = hf_cli_http_new(&request->remote);
    if (http == NULL)
        return hf_cli_failed(argv0, "%s", hf_err_text(HF_ERR_NOMEM));
    (void)snprintf(path, sizeof(path), "/v1/groups/%s/shadow", group);
    cJSON *push = begin(http, request, argv0, path);
    uint64_t until_ms = hf_clock_ms() + request->wait_ms;

    if (push != NULL)
        (void)snprintf(path, sizeof(path), "/v1/groups/%s/shadow/pushes/%s", group, text(push, "id"));
    while (push != NULL && !is_over(push) && hf_clock_ms() < until_ms) {
        (void)usleep(ASK_AGAIN_MS * 1000);
        cJSON_Delete(push);
        push = hf_cli_http_get(http, argv0, path);
    }
    if (push == NULL) {
        status = HF_CLI_FAILED;
    } else {
        print(request, push);
        if (request->wait_ms > 0 && (!is_over(push) || refused(push) > 0))
            status = HF_CLI_FAILED;
    }
    cJSON_Delete(push);
    hf_cli_http_free(http);
    int flushed = hf_cli_flush(argv0);
    return status == HF_CLI_OK ? flushed : status;
}

static int run_push(int argc, char **argv)
{
    static const struct option options[] = {
        HF_CLI_REMOTE_OPTIONS,
        {"wait", required_argument, NULL, 'w'},
        {"json", no_argument, NULL, 'j'},
        {0},
    };
    struct request request = {.wait_ms = 0};
    int option, status = HF_CLI_OK;

    while (status == HF_CLI_OK &&
           (option = getopt_long(argc, argv, HF_CLI_REMOTE_LETTERS "w:j", options, NULL)) != -1) {
        if (option == 'w')
            status = hf_cli_ms(argv[0], "--wait", optarg, &request.wait_ms);
        else if (option == 'j')
            request.json = true;
        else if (!hf_cli_remote_option(&request.remote, option, optarg))
            status = hf_cli_usage_error(argv[0], "wrong option");
    }
    if (status == HF_CLI_OK && argc - optind != 2)
        status = hf_cli_usage_error(argv[0], "it needs a group and what is desired of its members, as JSON");
    if (status == HF_CLI_OK) {
        request.group = argv[optind];
        request.desired = argv[optind + 1];
        if (hf_json_scan(request.desired, strlen(request.desired), NULL, 0, 0) != HF_OK ||
            hf_json_type_of(hf_slice_of(request.desired)) != HF_JSON_OBJECT)
            status =
                hf_cli_usage_error(argv[0], "what is desired is not a JSON object such as {\"interval\":5}");
    }
    if (status == HF_CLI_OK)
        status = carry_out(&request, argv[0]);
    hf_cli_remote_deinit(&request.remote);
    return status;
}

const struct hf_cli_command hf_cli_push = {
    .name = "push",
    .summary = "push configuration to a group of devices",
    .usage = "push [OPTIONS] GROUP DESIRED",
    .details =
        "GROUP's members are the devices whose tag `groups` names it: `holdfast devices --group GROUP`.\n"
        "DESIRED is a JSON object, merged into what is desired of each of them.\n\n"
        "  -w, --wait TIME        wait until every member has applied it; status 1 when one has not\n"
        "  -j, --json             the push as JSON\n" HF_CLI_REMOTE_DETAILS "\n"
        "  holdfast push vans '{\"interval\":5}'\n"
        "  holdfast push --wait 30s vans '{\"firmware\":\"1.2.1\"}'\n",
    .run = run_push,
};
