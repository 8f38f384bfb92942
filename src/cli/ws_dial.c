#include "cli/ws_dial.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <errno.h>
#include <netdb.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sb.h"
#include "codec/http1/response.h"
#include "codec/ws/handshake.h"
#include "io/clock.h"
#include "io/connect.h"
#include "io/entropy.h"

/* ---- failures ---- */

static const char *const cause_names[HF_CLI_WS_CAUSES] = {
#define HF_CLI_WS_FAILURE_NAME(id, name) [id] = name,
    HF_CLI_WS_FAILURE_MAP(HF_CLI_WS_FAILURE_NAME)
#undef HF_CLI_WS_FAILURE_NAME
};

const char *hf_cli_ws_cause_name(enum hf_cli_ws_cause cause)
{
    return cause_names[cause];
}

static hf_err __attribute__((format(printf, 3, 4)))
fail(struct hf_cli_ws_failure *failure, enum hf_cli_ws_cause cause, const char *format, ...)
{
    va_list args;

    failure->cause = cause;
    va_start(args, format);
    (void)vsnprintf(failure->text, sizeof(failure->text), format, args);
    va_end(args);
    return HF_ERR_IO;
}

/* ---- the socket ---- */

int hf_cli_left_ms(uint64_t until_ms)
{
    uint64_t now_ms = hf_clock_ms();

    return until_ms <= now_ms ? 0 : until_ms - now_ms > INT32_MAX ? INT32_MAX : (int)(until_ms - now_ms);
}

hf_err hf_cli_wire_wait(const struct hf_cli_wire *wire, short events, uint64_t until_ms)
{
    struct pollfd fd = {.fd = wire->fd, .events = events};
    int ready;

    do
        ready = poll(&fd, 1, hf_cli_left_ms(until_ms));
    while (ready < 0 && errno == EINTR);
    return ready > 0 ? HF_OK : HF_ERR_TIMEOUT;
}

void hf_cli_wire_close(struct hf_cli_wire *wire)
{
    if (wire->ssl != NULL)
        (void)SSL_shutdown(wire->ssl);
    SSL_free(wire->ssl);
    hf_tls_client_free(wire->tls);
    if (wire->fd >= 0)
        (void)close(wire->fd);
    *wire = (struct hf_cli_wire){.fd = -1};
}

static hf_err tls_verdict(struct hf_cli_wire *wire, int result)
{
    int error = SSL_get_error(wire->ssl, result);

    wire->want_write = error == SSL_ERROR_WANT_WRITE;
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return HF_ERR_AGAIN;
    return error == SSL_ERROR_ZERO_RETURN ? HF_ERR_CLOSED : HF_ERR_IO;
}

hf_err hf_cli_wire_read(struct hf_cli_wire *wire, void *out, size_t out_bytes, size_t *ret_bytes)
{
    if (wire->ssl != NULL) {
        ERR_clear_error();
        int result = SSL_read_ex(wire->ssl, out, out_bytes, ret_bytes);
        return result == 1 ? HF_OK : tls_verdict(wire, result);
    }
    ssize_t bytes = recv(wire->fd, out, out_bytes, 0);
    *ret_bytes = bytes > 0 ? (size_t)bytes : 0;
    if (bytes > 0)
        return HF_OK;
    if (bytes == 0)
        return HF_ERR_CLOSED;
    return errno == EAGAIN || errno == EINTR ? HF_ERR_AGAIN : HF_ERR_IO;
}

static hf_err write_some(struct hf_cli_wire *wire, const void *data, size_t bytes, size_t *ret_bytes)
{
    if (wire->ssl != NULL) {
        ERR_clear_error();
        int result = SSL_write_ex(wire->ssl, data, bytes, ret_bytes);
        return result == 1 ? HF_OK : tls_verdict(wire, result);
    }
    ssize_t sent = send(wire->fd, data, bytes, MSG_NOSIGNAL);
    *ret_bytes = sent > 0 ? (size_t)sent : 0;
    if (sent >= 0)
        return HF_OK;
    return errno == EAGAIN || errno == EINTR ? HF_ERR_AGAIN : HF_ERR_IO;
}

hf_err hf_cli_wire_write(struct hf_cli_wire *wire, const void *data, size_t bytes, uint64_t until_ms)
{
    const char *at = data;

    while (bytes > 0) {
        size_t sent = 0;
        hf_err err = write_some(wire, at, bytes, &sent);

        if (err == HF_ERR_AGAIN)
            err = hf_cli_wire_wait(wire, wire->ssl != NULL && !wire->want_write ? POLLIN : POLLOUT, until_ms);
        if (err != HF_OK)
            return err;
        at += sent;
        bytes -= sent;
    }
    return HF_OK;
}

/* ---- URL and TCP ---- */

struct place {
    char *host, *port, *path, *query;
    char authority[320];
    bool tls;
};

static void place_deinit(struct place *place)
{
    curl_free(place->host);
    curl_free(place->port);
    curl_free(place->path);
    curl_free(place->query);
}

static hf_err parse_url(const char *text, struct place *place, struct hf_cli_ws_failure *failure)
{
    CURLU *url = curl_url();
    char *scheme = NULL;
    hf_err err = HF_OK;
    bool known = false;

    if (url == NULL || curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_HOST, &place->host, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_PATH, &place->path, 0) != CURLUE_OK) {
        err = fail(failure, HF_CLI_WS_BAD_URL, "'%s' is not a URL; write ws://host:port/path or wss://...",
                   text);
        goto out;
    }
    place->tls = strcmp(scheme, "wss") == 0 || strcmp(scheme, "https") == 0;
    known = place->tls || strcmp(scheme, "ws") == 0 || strcmp(scheme, "http") == 0;
    if (!known) {
        err = fail(failure, HF_CLI_WS_BAD_URL, "'%s' begins with neither ws:// nor wss://", text);
        goto out;
    }
    (void)curl_url_get(url, CURLUPART_QUERY, &place->query, 0);
    (void)curl_url_get(url, CURLUPART_PORT, &place->port, 0);
    (void)snprintf(place->authority, sizeof(place->authority), "%.255s%s%.8s", place->host,
                   place->port != NULL ? ":" : "", place->port != NULL ? place->port : "");
    if (place->host[0] == '[') { /* an IPv6 address without its brackets, for everyone but the Host header */
        size_t bytes = strlen(place->host);

        memmove(place->host, place->host + 1, bytes);
        place->host[bytes - 2] = '\0';
    }
out:
    curl_free(scheme);
    curl_url_cleanup(url);
    return err;
}

/* One address; HF_ERR_TIMEOUT or HF_ERR_IO with errno. */
static hf_err connect_one(const struct addrinfo *address, uint64_t until_ms, struct hf_cli_wire *wire)
{
    struct sockaddr_storage storage = {0};
    socklen_t bytes = sizeof(int);
    int error = 0;
    hf_err err;

    memcpy(&storage, address->ai_addr, address->ai_addrlen);
    union hf_address remote = hf_address_of(&storage);
    err = hf_connect_fd(&remote, NULL, &wire->fd);
    if (err != HF_OK) {
        wire->fd = -1;
        return HF_ERR_IO;
    }
    err = hf_cli_wire_wait(wire, POLLOUT, until_ms);
    if (err == HF_OK && getsockopt(wire->fd, SOL_SOCKET, SO_ERROR, &error, &bytes) == 0 && error == 0)
        return HF_OK;
    (void)close(wire->fd);
    wire->fd = -1;
    errno = error;
    return err == HF_OK ? HF_ERR_IO : err;
}

static hf_err connect_any(const struct place *place, uint64_t until_ms, struct hf_cli_wire *wire,
                          struct hf_cli_ws_failure *failure)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    const char *port = place->port != NULL ? place->port : place->tls ? "443" : "80";
    int found = getaddrinfo(place->host, port, &hints, &list);
    hf_err err = HF_ERR_IO;
    int saved = 0;

    if (found != 0)
        return fail(failure, HF_CLI_WS_REFUSED, "cannot find '%s': %s", place->host, gai_strerror(found));
    for (const struct addrinfo *at = list; at != NULL && err != HF_OK; at = at->ai_next) {
        err = connect_one(at, until_ms, wire);
        saved = errno;
    }
    freeaddrinfo(list);
    if (err == HF_ERR_TIMEOUT)
        return fail(failure, HF_CLI_WS_TIMEOUT, "no answer from %s port %s", place->host, port);
    if (err != HF_OK)
        return fail(failure, HF_CLI_WS_REFUSED, "cannot connect to %s port %s: %s", place->host, port,
                    strerror(saved));
    return HF_OK;
}

/* ---- TLS ---- */

static hf_err start_tls(const struct hf_cli_ws_config *config, const struct place *place, uint64_t until_ms,
                        struct hf_cli_wire *wire, struct hf_cli_ws_failure *failure)
{
    const struct hf_tls_client_config tls = {.ca_file = config->ca_file,
                                             .cert_file = config->cert_file,
                                             .key_file = config->key_file,
                                             .insecure = config->insecure,
                                             .no_resumption = true};
    char error[256] = "";
    hf_err err;
    int result;

    if (hf_tls_client_new(&tls, &wire->tls, error, sizeof(error)) != HF_OK)
        return fail(failure, HF_CLI_WS_LOCAL, "%s", error[0] != '\0' ? error : "TLS cannot be set up");
    wire->ssl = hf_tls_client_connect_new(wire->tls, place->host, NULL);
    if (wire->ssl == NULL || SSL_set_fd(wire->ssl, wire->fd) != 1)
        return fail(failure, HF_CLI_WS_LOCAL, "TLS cannot be set up for '%s'", place->host);
    do {
        ERR_clear_error();
        result = SSL_connect(wire->ssl);
        err = result == 1 ? HF_OK : tls_verdict(wire, result);
        if (err == HF_ERR_AGAIN)
            err = hf_cli_wire_wait(wire, wire->want_write ? POLLOUT : POLLIN, until_ms) == HF_OK
                      ? HF_ERR_AGAIN
                      : HF_ERR_TIMEOUT;
    } while (err == HF_ERR_AGAIN);
    if (err == HF_ERR_TIMEOUT)
        return fail(failure, HF_CLI_WS_TIMEOUT, "the TLS handshake with %s did not end in time", place->host);
    if (err != HF_OK)
        return fail(failure, HF_CLI_WS_TLS_FAILED, "TLS with %s failed: %s", place->host,
                    hf_tls_client_verdict_text(hf_tls_client_verdict(wire->ssl)));
    return HF_OK;
}

/* ---- upgrade ---- */

static bool write_request(const struct hf_cli_ws_config *config, const struct place *place,
                          const struct hf_ws_client *client, struct hf_sb *sb)
{
    char target[4096], extra[4096] = "";
    int bytes = snprintf(target, sizeof(target), "%s%s%s", place->path, place->query != NULL ? "?" : "",
                         place->query != NULL ? place->query : "");

    if (bytes < 0 || (size_t)bytes >= sizeof(target))
        return false;
    if (config->token != NULL) {
        if (strpbrk(config->token, "\r\n") != NULL)
            return false;
        bytes = snprintf(extra, sizeof(extra), "Authorization: Bearer %s\r\n", config->token);
        if (bytes < 0 || (size_t)bytes >= sizeof(extra))
            return false;
    }
    return hf_ws_client_write_request(client, hf_slice_of(target), hf_slice_of(place->authority),
                                      hf_slice_of(extra), sb) == HF_OK;
}

static void copy_text(struct hf_slice from, char *out, size_t out_bytes)
{
    (void)snprintf(out, out_bytes, "%.*s", (int)from.bytes, from.at != NULL ? from.at : "");
}

/* What the gateway wrote instead of 101: a problem document, most likely. */
static hf_err refused(const struct hf_http1_response *response, const char *body, size_t body_bytes,
                      struct hf_cli_ws_failure *failure)
{
    bool auth = response->status == 401 || response->status == 403;
    cJSON *problem = cJSON_ParseWithLength(body, body_bytes);
    const char *detail = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(problem, "detail"));
    const char *reason = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(problem, "reason"));
    const char *check = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(problem, "check"));

    failure->http_status = response->status;
    (void)fail(failure, auth ? HF_CLI_WS_AUTH_REFUSED : HF_CLI_WS_HTTP_REFUSED, "%s (%s%s%s, HTTP %u)",
               detail != NULL ? detail : "the server did not answer 101",
               reason != NULL ? reason : "no reason", check != NULL ? ", check " : "",
               check != NULL ? check : "", response->status);
    cJSON_Delete(problem);
    return HF_ERR_DENIED;
}

static hf_err judge(struct hf_ws_client *client, const struct hf_http1_response *response,
                    struct hf_cli_dialed *dialed, struct hf_cli_ws_failure *failure)
{
    enum hf_ws_refusal refusal;

    for (size_t i = 0; i < response->header_count; i++)
        hf_ws_client_field(client, response->headers[i].name, response->headers[i].value);
    refusal = hf_ws_client_check(client, response->status);
    if (refusal != HF_WS_REFUSAL_NONE)
        return fail(failure, HF_CLI_WS_HTTP_REFUSED, "%s", hf_ws_refusal_info(refusal)->text);
    copy_text(hf_http1_find(response->headers, response->header_count, "Holdfast-Connection"),
              dialed->conn_id, sizeof(dialed->conn_id));
    copy_text(client->protocol, dialed->protocol, sizeof(dialed->protocol));
    return HF_OK;
}

/* Reads until the head is there; for a refusal also its body, as long as it fits and comes in time. */
static hf_err read_answer(struct hf_cli_dialed *dialed, struct hf_ws_client *client, uint64_t until_ms,
                          struct hf_cli_ws_failure *failure)
{
    static const struct hf_http1_limits limits = {HF_CLI_WS_HEAD_BYTES_MAX / 2, HF_CLI_WS_HEAD_BYTES_MAX / 2,
                                                  HF_HTTP1_HEADERS_MAX, 0};
    struct hf_http1_response response;
    size_t head_bytes = 0, body_bytes = 0;

    for (;;) {
        size_t bytes = 0;
        const char *in = (const char *)dialed->in;
        hf_err err = hf_http1_parse_response(in, dialed->in_bytes, HF_HTTP1_GET, &limits, NULL, &response,
                                             &head_bytes);
        bool ended = false;

        if (err != HF_OK && err != HF_ERR_AGAIN)
            return fail(failure, HF_CLI_WS_HTTP_REFUSED, "the answer is not HTTP: %s",
                        hf_http1_problem_info(response.problem)->text);
        if (err == HF_OK && response.status == 101)
            break;
        if (err == HF_OK) {
            body_bytes = dialed->in_bytes - head_bytes;
            ended = dialed->in_bytes == sizeof(dialed->in) ||
                    (response.has_length && body_bytes >= response.content_length);
        }
        if (!ended) {
            err = hf_cli_wire_read(&dialed->wire, dialed->in + dialed->in_bytes,
                                   sizeof(dialed->in) - dialed->in_bytes, &bytes);
            if (err == HF_ERR_AGAIN)
                err = hf_cli_wire_wait(&dialed->wire, POLLIN, until_ms);
            dialed->in_bytes += bytes;
            ended = err != HF_OK;
        }
        if (ended && head_bytes > 0)
            return refused(&response, in + head_bytes, body_bytes, failure);
        if (ended)
            return fail(failure, err == HF_ERR_TIMEOUT ? HF_CLI_WS_TIMEOUT : HF_CLI_WS_HTTP_REFUSED,
                        err == HF_ERR_TIMEOUT      ? "the server did not answer the upgrade in time"
                        : dialed->wire.ssl != NULL ? "the server closed the connection instead of an answer; "
                                                     "it may not take this certificate, or want one"
                                                   : "the server closed the connection instead of an answer; "
                                                     "where it speaks TLS, write wss://");
    }
    hf_err err = judge(client, &response, dialed, failure);
    memmove(dialed->in, dialed->in + head_bytes, dialed->in_bytes - head_bytes);
    dialed->in_bytes -= head_bytes;
    return err;
}

static hf_err upgrade(const struct hf_cli_ws_config *config, const struct place *place, uint64_t until_ms,
                      struct hf_cli_dialed *dialed, struct hf_cli_ws_failure *failure)
{
    uint8_t nonce[HF_WS_NONCE_BYTES];
    struct hf_ws_client client;
    char request[8192];
    struct hf_sb sb;
    hf_err err;

    hf_entropy(nonce, sizeof(nonce));
    hf_sb_init(&sb, request, sizeof(request));
    hf_ws_client_init(&client, nonce, hf_slice_of(config->protocols), NULL);
    if (!write_request(config, place, &client, &sb))
        return fail(failure, HF_CLI_WS_BAD_URL,
                    "the path, a token or a sub-protocol cannot be sent as it is");
    err = hf_cli_wire_write(&dialed->wire, sb.at, sb.bytes, until_ms);
    if (err != HF_OK)
        return fail(failure, err == HF_ERR_TIMEOUT ? HF_CLI_WS_TIMEOUT : HF_CLI_WS_HTTP_REFUSED,
                    "the upgrade request could not be sent");
    return read_answer(dialed, &client, until_ms, failure);
}

hf_err hf_cli_ws_dial(const struct hf_cli_ws_config *config, struct hf_cli_dialed *ret_dialed,
                      struct hf_cli_ws_failure *ret_failure)
{
    uint64_t until_ms = hf_clock_ms() + HF_CLI_WS_DIAL_MS;
    struct place place = {0};
    hf_err err;

    *ret_failure = (struct hf_cli_ws_failure){0};
    memset(ret_dialed, 0, sizeof(*ret_dialed));
    ret_dialed->wire.fd = -1;
    err = parse_url(config->url, &place, ret_failure);
    if (err == HF_OK)
        err = connect_any(&place, until_ms, &ret_dialed->wire, ret_failure);
    if (err == HF_OK && place.tls)
        err = start_tls(config, &place, until_ms, &ret_dialed->wire, ret_failure);
    if (err == HF_OK)
        err = upgrade(config, &place, until_ms, ret_dialed, ret_failure);
    if (err != HF_OK)
        hf_cli_wire_close(&ret_dialed->wire);
    place_deinit(&place);
    return err;
}
