/* `holdfast check-ca`: which sessions another set of client CAs would cut, asked of a running gateway. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/base64.h"
#include "base/sb.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "cli/http_client.h"

enum { FILE_BYTES_MAX = 2 << 20 /* what api.body_bytes_max can be */, NAME_BYTES = 256, PATH_BYTES = 1024 };

struct request {
    struct hf_cli_remote remote;
    const char *listener, *ca_file, *crl_file;
    bool no_crl, all, json;
    uint64_t limit;
    char *body; /* owned; what of the files is sent */
    size_t body_bytes;
};

/* NULL and an exit status in *ret_status; the caller frees it. */
static char *load(const char *argv0, const char *path, size_t *ret_bytes, int *ret_status)
{
    char *data = malloc(FILE_BYTES_MAX + 1);
    FILE *file = fopen(path, "re");

    if (file != NULL && data != NULL) {
        *ret_bytes = fread(data, 1, FILE_BYTES_MAX + 1, file);
        if (ferror(file) == 0 && *ret_bytes <= FILE_BYTES_MAX) {
            (void)fclose(file);
            return data;
        }
        if (ferror(file) == 0)
            errno = EFBIG;
    }
    *ret_status = hf_cli_failed(argv0, "cannot read '%s': %s", path, strerror(errno));
    if (file != NULL)
        (void)fclose(file);
    free(data);
    return NULL;
}

static bool add(struct request *request, const char *text, size_t bytes)
{
    char *grown = realloc(request->body, request->body_bytes + bytes + 1);

    if (grown == NULL)
        return false;
    memcpy(grown + request->body_bytes, text, bytes);
    grown[request->body_bytes + bytes] = '\n';
    request->body = grown;
    request->body_bytes += bytes + 1;
    return true;
}

/* Blocks of that label and no others: a key that lies in the same file stays here. Gives how many. */
static unsigned add_blocks(struct request *request, const char *data, size_t bytes, const char *label)
{
    char begin[64], end[64];
    const char *at = data, *stop = data + bytes, *first, *last;
    unsigned count = 0;

    (void)snprintf(begin, sizeof(begin), "-----BEGIN %s-----", label);
    (void)snprintf(end, sizeof(end), "-----END %s-----", label);
    while ((first = memmem(at, (size_t)(stop - at), begin, strlen(begin))) != NULL &&
           (last = memmem(first, (size_t)(stop - first), end, strlen(end))) != NULL) {
        at = last + strlen(end);
        count += add(request, first, (size_t)(at - first));
    }
    return count;
}

/* The gateway reads a list in DER, too, and the body of a request is PEM. */
static bool add_der(struct request *request, const char *data, size_t bytes)
{
    char *text = malloc(HF_BASE64_BYTES(bytes));
    size_t chars = 0;
    bool good = text != NULL &&
                hf_base64_encode(data, bytes, text, HF_BASE64_BYTES(bytes), &chars) == HF_OK &&
                add(request, "-----BEGIN X509 CRL-----", strlen("-----BEGIN X509 CRL-----"));

    for (size_t i = 0; good && i < chars; i += 64)
        good = add(request, text + i, HF_MIN(chars - i, (size_t)64));
    free(text);
    return good && add(request, "-----END X509 CRL-----", strlen("-----END X509 CRL-----"));
}

static int take_file(struct request *request, const char *argv0, const char *path, bool crl)
{
    size_t bytes = 0;
    int status = HF_CLI_OK;
    char *data = load(argv0, path, &bytes, &status);
    bool good;

    if (data == NULL)
        return status;
    if (!crl)
        good = add_blocks(request, data, bytes, "CERTIFICATE") > 0;
    else
        good = bytes > 0 && data[0] == 0x30 ? add_der(request, data, bytes) /* a SEQUENCE */
                                            : add_blocks(request, data, bytes, "X509 CRL") > 0;
    free(data);
    return good ? HF_CLI_OK
                : hf_cli_failed(
                      argv0,
                      crl ? "'%s' holds no revocation list; it must be PEM (-----BEGIN X509 CRL-----) or DER"
                          : "'%s' holds no certificate; it must hold -----BEGIN CERTIFICATE----- blocks",
                      path);
}

static const char *text(const cJSON *item, const char *name)
{
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, name));

    return value != NULL ? value : "?";
}

static void print_sessions(const struct request *request, const cJSON *page, bool first)
{
    const cJSON *sessions = cJSON_GetObjectItemCaseSensitive(page, "sessions"), *session;

    cJSON_ArrayForEach(session, sessions)
    {
        if (request->json) {
            char *json = cJSON_PrintUnformatted(session);

            (void)printf("%s\n", json != NULL ? json : "null");
            free(json);
            continue;
        }
        if (first && session == sessions->child)
            (void)printf("%-12s %-28s %-18s  %-13s %s\n", "TENANT", "DEVICE", "CONNECTION", "CAUSE",
                         "CERTIFICATE (SHA-256)");
        (void)printf("%-12s %-28s %-18s  %-13s %s\n", text(session, "tenant"), text(session, "device"),
                     text(session, "connection"), text(session, "cause"), text(session, "fingerprint"));
    }
}

/* Beside the rows, so that these can be counted. */
static void print_sum(const cJSON *page)
{
    const cJSON *causes = cJSON_GetObjectItemCaseSensitive(page, "causes"), *cause;
    const char *before = ": ";

    (void)fprintf(stderr, "of %.0f sessions with a client certificate %.0f would be cut",
                  cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(page, "looked_at")),
                  cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(page, "cut")));
    cJSON_ArrayForEach(cause, causes)
    {
        (void)fprintf(stderr, "%s%s %.0f", before, cause->string, cJSON_GetNumberValue(cause));
        before = ", ";
    }
    (void)fprintf(stderr, "\n");
}

static cJSON *ask(struct hf_cli_http *http, const struct request *request, const char *argv0,
                  const char *cursor)
{
    char listener[NAME_BYTES] = "", path[PATH_BYTES];
    struct hf_cli_http_answer answer;
    cJSON *page = NULL;

    if (!hf_cli_http_encode(listener, sizeof(listener), request->listener)) {
        (void)hf_cli_failed(argv0, "the listener's name is too long");
        return NULL;
    }
    (void)snprintf(path, sizeof(path), "/v1/listeners/%s/client-ca/dry-run?limit=%llu%s%s%s", listener,
                   (unsigned long long)request->limit, request->no_crl ? "&crl=none" : "",
                   cursor[0] != '\0' ? "&cursor=" : "", cursor);
    if (hf_cli_http_do(http,
                       &(struct hf_cli_http_request){.method = "POST",
                                                     .path = path,
                                                     .body = {request->body, request->body_bytes},
                                                     .content_type = "application/x-pem-file"},
                       &answer) == HF_OK)
        page = hf_cli_http_json(&answer);
    if (page == NULL)
        (void)hf_cli_http_failed(argv0, &answer);
    hf_cli_http_answer_deinit(&answer);
    return page;
}

static int carry_out(struct request *request, const char *argv0)
{
    int status =
        hf_cli_remote_load(&request->remote, argv0, false); /* the admin listener may ask for no key */
    struct hf_cli_http *http;
    char cursor[32] = "";
    bool first = true, more = true;

    if (status == HF_CLI_OK && request->ca_file != NULL)
        status = take_file(request, argv0, request->ca_file, false);
    if (status == HF_CLI_OK && request->crl_file != NULL)
        status = take_file(request, argv0, request->crl_file, true);
    if (status != HF_CLI_OK)
        return status;
    http = hf_cli_http_new(&request->remote);
    if (http == NULL)
        return hf_cli_failed(argv0, "%s", hf_err_text(HF_ERR_NOMEM));
    for (; status == HF_CLI_OK && more && (first || request->all); first = false) {
        cJSON *page = ask(http, request, argv0, cursor);
        const char *next = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(page, "next_cursor"));

        if (page == NULL)
            status = HF_CLI_FAILED;
        else
            print_sessions(request, page, first);
        if (page != NULL && first)
            print_sum(page);
        more = next != NULL;
        (void)snprintf(cursor, sizeof(cursor), "%s", more ? next : "");
        cJSON_Delete(page);
    }
    if (status == HF_CLI_OK && more)
        (void)fprintf(stderr, "there are more; --all shows them\n");
    hf_cli_http_free(http);
    return status == HF_CLI_OK ? hf_cli_flush(argv0) : status;
}

static int run_check_ca(int argc, char **argv)
{
    static const struct option options[] = {
        HF_CLI_REMOTE_OPTIONS,
        {"crl", required_argument, NULL, 'r'},
        {"no-crl", no_argument, NULL, 'n'},
        {"limit", required_argument, NULL, 'l'},
        {"all", no_argument, NULL, 'a'},
        {"json", no_argument, NULL, 'j'},
        {0},
    };
    struct request request = {.limit = 100};
    int option, status = HF_CLI_OK;

    while (status == HF_CLI_OK &&
           (option = getopt_long(argc, argv, HF_CLI_REMOTE_LETTERS "r:nl:aj", options, NULL)) != -1) {
        switch (option) {
        case 'r': request.crl_file = optarg; break;
        case 'n': request.no_crl = true; break;
        case 'l': status = hf_cli_number(argv[0], "--limit", optarg, 1, 1000, &request.limit); break;
        case 'a': request.all = true; break;
        case 'j': request.json = true; break;
        default:
            if (!hf_cli_remote_option(&request.remote, option, optarg))
                status = hf_cli_usage_error(argv[0], "wrong option");
        }
    }
    if (status == HF_CLI_OK && (argc - optind < 1 || argc - optind > 2))
        status = hf_cli_usage_error(argv[0], "it needs the name of a listener, and may have a file of CAs");
    if (status == HF_CLI_OK && request.no_crl && request.crl_file != NULL)
        status = hf_cli_usage_error(argv[0], "--crl and --no-crl: one or the other");
    if (status == HF_CLI_OK) {
        request.listener = argv[optind];
        request.ca_file = argv[optind + 1]; /* NULL at the end */
        status = carry_out(&request, argv[0]);
    }
    free(request.body);
    hf_cli_remote_deinit(&request.remote);
    return status;
}

const struct hf_cli_command hf_cli_check_ca = {
    .name = "check-ca",
    .summary = "list the sessions that another set of client CAs would cut",
    .usage = "check-ca [OPTIONS] LISTENER [CA.pem]",
    .details =
        "Asks the running gateway and changes nothing. LISTENER is a name of `listeners` in its\n"
        "configuration. CA.pem is what client_ca_file would be; only its certificates are sent. Without it\n"
        "the gateway reads client_ca_file again, as a reload would. Takes an API key for all tenants with\n"
        "the scope admin, or the address of the admin listener.\n\n"
        "  -r, --crl FILE         what crl_file would be; without it the gateway reads crl_file again\n"
        "  -n, --no-crl           without any revocation list\n"
        "  -l, --limit N          sessions of one page, 1 to 1000 (default 100)\n"
        "  -a, --all              all pages\n"
        "  -j, --json             one JSON object a line\n" HF_CLI_REMOTE_DETAILS "\n"
        "  holdfast check-ca --url http://127.0.0.1:6060 devices new-ca.pem\n"
        "  holdfast check-ca -u https://gateway.example.com:8443 -K ops.key --all --json devices new-ca.pem\n"
        "  holdfast check-ca --url http://127.0.0.1:6060 --crl acme.crl devices\n",
    .run = run_check_ca,
};
