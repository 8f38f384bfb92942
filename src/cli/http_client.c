#include "cli/http_client.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "base/sb.h"
#include "cli/cli.h"

struct hf_cli_http {
    const struct hf_cli_remote *remote;
    CURL *curl;
    char error[CURL_ERROR_SIZE];
    const struct hf_cli_http_request *request;
    struct hf_cli_http_answer *answer;
    size_t body_room;
    bool stopped; /* on_data has had enough */
};

struct hf_cli_http *hf_cli_http_new(const struct hf_cli_remote *remote)
{
    struct hf_cli_http *http = calloc(1, sizeof(*http));

    if (http == NULL)
        return NULL;
    http->remote = remote;
    http->curl = curl_easy_init();
    if (http->curl != NULL)
        return http;
    free(http);
    return NULL;
}

void hf_cli_http_free(struct hf_cli_http *http)
{
    if (http == NULL)
        return;
    curl_easy_cleanup(http->curl);
    free(http);
}

static bool keep_body(struct hf_cli_http *http, const char *data, size_t bytes)
{
    struct hf_cli_http_answer *answer = http->answer;

    if (answer->body_bytes + bytes > HF_CLI_HTTP_BODY_BYTES_MAX)
        return false;
    if (answer->body_bytes + bytes + 1 > http->body_room) {
        size_t room = 2 * (answer->body_bytes + bytes) + 1024;
        char *grown = realloc(answer->body, room);

        if (grown == NULL)
            return false;
        answer->body = grown;
        http->body_room = room;
    }
    memcpy(answer->body + answer->body_bytes, data, bytes);
    answer->body_bytes += bytes;
    answer->body[answer->body_bytes] = '\0';
    return true;
}

static size_t on_body(char *data, size_t size, size_t count, void *user)
{
    struct hf_cli_http *http = user;
    long status = 0;
    size_t bytes = size * count;

    (void)curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status);
    if (http->request->on_data == NULL || status / 100 != 2)
        return keep_body(http, data, bytes) ? bytes : 0;
    if (http->request->on_data(http->request->user, data, bytes))
        return bytes;
    http->stopped = true;
    return 0;
}

static bool add_header(struct curl_slist **headers, const char *name, const char *before, const char *value)
{
    char line[4096];
    int bytes = snprintf(line, sizeof(line), "%s: %s%s", name, before, value);
    struct curl_slist *longer;

    if (bytes < 0 || (size_t)bytes >= sizeof(line) || strpbrk(line, "\r\n") != NULL)
        return false;
    longer = curl_slist_append(*headers, line);
    if (longer == NULL)
        return false;
    *headers = longer;
    return true;
}

static bool set_headers(struct hf_cli_http *http, const struct hf_cli_http_request *request,
                        struct curl_slist **headers)
{
    if (http->remote->key != NULL && !add_header(headers, "Authorization", "Bearer ", http->remote->key))
        return false;
    if (request->content_type != NULL && !add_header(headers, "Content-Type", "", request->content_type))
        return false;
    if (request->idempotency_key != NULL &&
        !add_header(headers, "Idempotency-Key", "", request->idempotency_key))
        return false;
    if (request->accept != NULL && !add_header(headers, "Accept", "", request->accept))
        return false;
    return add_header(headers, "Expect", "", ""); /* no 100-continue dance */
}

static void set_options(struct hf_cli_http *http, const struct hf_cli_http_request *request, const char *url,
                        struct curl_slist *headers)
{
    CURL *curl = http->curl;

    curl_easy_reset(curl); /* the connection stays */
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, http->error);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)HF_CLI_HTTP_CONNECT_MS);
    if (request->on_data == NULL)
        (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)HF_CLI_HTTP_REQUEST_MS);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, http);
    if (request->body.at != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.bytes);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body.at);
    }
    if (http->remote->ca != NULL)
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, http->remote->ca);
    if (http->remote->insecure) {
        (void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        (void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    }
}

static hf_err finish(struct hf_cli_http *http, CURLcode code)
{
    struct hf_cli_http_answer *answer = http->answer;
    long status = 0;

    (void)curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status);
    answer->status = (unsigned)status;
    if (code != CURLE_OK && !http->stopped) {
        answer->cut = status != 0;
        (void)snprintf(answer->error, sizeof(answer->error), "%s",
                       http->error[0] != '\0' ? http->error : curl_easy_strerror(code));
        return HF_ERR_IO;
    }
    return status / 100 == 2 ? HF_OK : HF_ERR_DENIED;
}

hf_err hf_cli_http_do(struct hf_cli_http *http, const struct hf_cli_http_request *request,
                      struct hf_cli_http_answer *ret_answer)
{
    struct curl_slist *headers = NULL;
    char url[8192];
    int bytes = snprintf(url, sizeof(url), "%s%s", http->remote->url, request->path);
    hf_err err = HF_ERR_IO;

    *ret_answer = (struct hf_cli_http_answer){0};
    http->request = request;
    http->answer = ret_answer;
    http->body_room = 0;
    http->stopped = false;
    http->error[0] = '\0';
    if (bytes < 0 || (size_t)bytes >= sizeof(url) || !set_headers(http, request, &headers)) {
        (void)snprintf(ret_answer->error, sizeof(ret_answer->error),
                       "the request is too long, or a header is wrong");
        goto out;
    }
    set_options(http, request, url, headers);
    err = finish(http, curl_easy_perform(http->curl));
out:
    curl_slist_free_all(headers);
    return err;
}

void hf_cli_http_answer_deinit(struct hf_cli_http_answer *answer)
{
    free(answer->body);
    *answer = (struct hf_cli_http_answer){0};
}

cJSON *hf_cli_http_json(const struct hf_cli_http_answer *answer)
{
    return answer->body != NULL ? cJSON_ParseWithLength(answer->body, answer->body_bytes) : NULL;
}

static void print_numbers(const cJSON *problem)
{
    static const char *const members[] = {"limit", "observed", "retry_after_ms", "check"};

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(problem, members[i]);

        if (cJSON_IsNumber(item))
            (void)fprintf(stderr, ", %s %.0f", members[i], item->valuedouble);
        else if (cJSON_IsString(item))
            (void)fprintf(stderr, ", %s %s", members[i], item->valuestring);
    }
}

int hf_cli_http_failed(const char *argv0, const struct hf_cli_http_answer *answer)
{
    cJSON *problem;
    const char *detail, *reason;

    if (answer->status == 0)
        return hf_cli_failed(argv0, "no answer from the gateway: %s", answer->error);
    problem = hf_cli_http_json(answer);
    detail = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(problem, "detail"));
    reason = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(problem, "reason"));
    if (detail == NULL)
        detail = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(problem, "title"));
    if (answer->cut)
        (void)fprintf(stderr, "%s: the answer broke off: %s\n", argv0, answer->error);
    else {
        (void)fprintf(stderr, "%s: %s (%s, HTTP %u", argv0, detail != NULL ? detail : "the gateway refused",
                      reason != NULL ? reason : "no reason given", answer->status);
        print_numbers(problem);
        (void)fputs(")\n", stderr);
    }
    cJSON_Delete(problem);
    return HF_CLI_FAILED;
}

cJSON *hf_cli_http_get(struct hf_cli_http *http, const char *argv0, const char *path)
{
    struct hf_cli_http_request request = {.method = "GET", .path = path};
    struct hf_cli_http_answer answer;
    cJSON *json = NULL;

    if (hf_cli_http_do(http, &request, &answer) != HF_OK) {
        (void)hf_cli_http_failed(argv0, &answer);
    } else {
        json = hf_cli_http_json(&answer);
        if (json == NULL)
            (void)hf_cli_failed(argv0, "the answer to GET %s is not JSON; is this a Holdfast gateway?", path);
    }
    hf_cli_http_answer_deinit(&answer);
    return json;
}

bool hf_cli_http_encode(char *out, size_t out_bytes, const char *text)
{
    size_t at = strlen(out);

    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     strchr("-._~", c) != NULL;

        if (at + 4 > out_bytes)
            return false;
        at += (size_t)snprintf(out + at, out_bytes - at, plain ? "%c" : "%%%02X", c);
    }
    return true;
}
