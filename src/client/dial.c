/* client/dial.c - from a name to an open transport, without waiting: lookup, the addresses one by one, TLS. The deadlines are the engine's (RC-2). */
#include "client/driver.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/assert.h"
#include "io/connect.h"

static void failed(struct hf_client *client, enum hf_client_failure failure, const char *text)
{
    struct hf_client_time now = hf_client_now(client);

    client->engine->ops->failed(client->engine, &now, failure,
                                hf_slice_of(text)); /* closes through the operation */
}

static void stage(struct hf_client *client, enum hf_client_stage which)
{
    struct hf_client_time now = hf_client_now(client);

    client->engine->ops->stage(client->engine, &now, which);
}

/* How long the step took that ends now; the next one begins. */
static uint32_t step_over(struct hf_client *client)
{
    uint64_t now_ms = hf_client_now(client).now_ms, took_ms = now_ms - client->step_ms;

    client->step_ms = now_ms;
    return (uint32_t)HF_MIN(took_ms, (uint64_t)UINT32_MAX);
}

/* ---- TLS ---- */

hf_err hf_client_tls_new(struct hf_client *client, struct hf_tls_client **ret_tls, char *error,
                         size_t error_bytes)
{
    const struct hf_client_options *options = &client->options;
    struct hf_tls_client_config config = {.ca_file = options->ca_file,
                                          .cert_file = options->cert_file,
                                          .key_file = options->key_file,
                                          .pin_count = options->pin_count,
                                          .max_fragment_bytes = options->max_fragment_bytes,
                                          .allow_tls12 = options->allow_tls12,
                                          .insecure = options->insecure,
                                          .no_alpn = client->url.mqtt};

    for (size_t i = 0; i < options->pin_count; i++)
        memcpy(config.pins[i], options->pins[i], sizeof(config.pins[i]));
    return hf_tls_client_new(&config, ret_tls, error, error_bytes);
}

/* Refused credentials, or a handshake that failed on either side: what is on the disk may be newer. */
static bool renew_tls(struct hf_client *client)
{
    struct hf_tls_client *fresh = NULL;
    char error[256];

    if (!client->url_now.tls || (client->tls != NULL && !client->fresh && !client->tls_stale))
        return true;
    if (hf_client_tls_new(client, &fresh, error, sizeof(error)) != HF_OK) {
        failed(client, HF_CLIENT_FAILED_LOCAL, error);
        return false;
    }
    hf_tls_client_free(client->tls);
    client->tls = fresh;
    client->tls_stale = false;
    SSL_SESSION_free(client->session);
    client->session = NULL;
    return true;
}

static void keep_session(struct hf_client *client)
{
    SSL_SESSION *session = client->wire.ssl != NULL ? hf_tls_client_session(client->wire.ssl) : NULL;

    if (session == NULL)
        return;
    SSL_SESSION_free(client->session);
    client->session = session;
}

static void open_engine(struct hf_client *client)
{
    struct hf_client_door door = {.target = hf_slice_of(client->url_now.target),
                                  .host = hf_slice_of(client->url_now.authority),
                                  .other_name = client->url_now.tls &&
                                                strcasecmp(client->url_now.host, client->url.host) != 0};
    char token[HF_FRAME_TOKEN_BYTES_MAX + 1];
    struct hf_client_time now;

    if (client->options.token != NULL) {
        if (hf_client_app_token(client, client->fresh, token) != HF_OK) {
            failed(client, HF_CLIENT_FAILED_LOCAL, "the program has no token");
            return;
        }
        door.token = hf_slice_of(token);
    }
    client->dial = HF_DIAL_OPEN;
    now = hf_client_now(client);
    (void)client->engine->ops->open(client->engine, &now, &door);
}

static void handshake(struct hf_client *client)
{
    hf_err err = hf_client_wire_handshake(&client->wire);
    enum hf_tls_client_verdict verdict;

    if (err == HF_ERR_AGAIN)
        return;
    if (err == HF_OK) {
        client->tls_ms = step_over(client);
        open_engine(client);
        return;
    }
    verdict = hf_tls_client_verdict(client->wire.ssl);
    SSL_SESSION_free(
        client->session); /* should it be the ticket that the server chokes on, it is not shown twice */
    client->session = NULL;
    client->tls_stale = true;
    failed(client, verdict == HF_TLS_CLIENT_INTERCEPTED ? HF_CLIENT_FAILED_INTERCEPTED : HF_CLIENT_FAILED_TLS,
           verdict == HF_TLS_CLIENT_FAILED && client->wire.alert != NULL
               ? client->wire.alert
               : hf_tls_client_verdict_text(verdict));
}

static void start_tls(struct hf_client *client)
{
    SSL *ssl = hf_tls_client_connect_new(client->tls, client->url_now.host, client->session);

    if (ssl == NULL || hf_client_wire_tls(&client->wire, ssl, client->bio_method) != HF_OK) {
        failed(client, HF_CLIENT_FAILED_LOCAL, "no memory for TLS");
        return;
    }
    client->dial = HF_DIAL_TLS;
    stage(client, HF_CLIENT_STAGE_TLS);
    handshake(client);
}

/* ---- TCP ---- */

static union hf_address address_of(const struct addrinfo *info)
{
    struct sockaddr_storage storage = {0};

    memcpy(&storage, info->ai_addr, HF_MIN((size_t)info->ai_addrlen, sizeof(storage)));
    return hf_address_of(&storage);
}

/* The next address that connects or may yet; `error` is what the last one said. */
static void next_address(struct hf_client *client, int error)
{
    hf_client_wire_close(&client->wire, false);
    client->watched = 0;
    for (; client->address != NULL; client->address = client->address->ai_next) {
        client->peer = address_of(client->address);
        if (client->peer.any.sa_family == AF_UNSPEC)
            continue;
        if (hf_connect_fd(&client->peer, NULL, &client->wire.fd) == HF_OK) {
            client->address = client->address->ai_next;
            client->address_due_ms =
                client->address != NULL ? hf_client_now(client).now_ms + HF_CLIENT_ADDRESS_MS : 0;
            client->wire.wants_write = true;
            return;
        }
        error = errno;
        client->wire.fd = -1;
    }
    client->address_due_ms = 0;
    failed(client, error == ETIMEDOUT ? HF_CLIENT_FAILED_TIMEOUT : HF_CLIENT_FAILED_REFUSED, strerror(error));
}

static void connected(struct hf_client *client)
{
    int error = 0;
    socklen_t bytes = sizeof(error);

    if (getsockopt(client->wire.fd, SOL_SOCKET, SO_ERROR, &error, &bytes) != 0)
        error = errno;
    if (error != 0) {
        next_address(client, error);
        return;
    }
    client->address_due_ms = 0;
    client->tcp_ms = step_over(client);
    client->wire.wants_write = false;
    if (client->url_now.tls)
        start_tls(client);
    else
        open_engine(client);
}

/* ---- steps ---- */

void hf_client_dial_begin(struct hf_client *client)
{
    HF_ASSERT(client->dial == HF_DIAL_WANTED);
    client->dial = HF_DIAL_NAME;
    client->step_ms = hf_client_now(client).now_ms;
    client->tls_ms = 0;
    client->url_now = client->url;
    if (client->alternate[0] != '\0' &&
        hf_client_url_alternate(&client->url, hf_slice_of(client->alternate), &client->url_now) != HF_OK) {
        failed(client, HF_CLIENT_FAILED_LOCAL, "the gateway named an address that is none");
        return;
    }
    if (!renew_tls(client))
        return;
    if (hf_lookup_new(client->url_now.host, client->url_now.port, client->options.dns_thread,
                      &client->lookup) != HF_OK) {
        failed(client, HF_CLIENT_FAILED_LOCAL, "no memory for a lookup");
        return;
    }
    if (hf_lookup_done(client->lookup))
        hf_client_dial_lookup(client);
    else
        (void)hf_client_watch(client, hf_lookup_fd(client->lookup), EPOLLIN, HF_SOURCE_LOOKUP);
}

void hf_client_dial_lookup(struct hf_client *client)
{
    const char *text;

    if (client->dial != HF_DIAL_NAME || client->lookup == NULL || !hf_lookup_done(client->lookup))
        return;
    if (hf_lookup_fd(client->lookup) >= 0) /* stays readable, and has said what it had to */
        (void)hf_client_watch(client, hf_lookup_fd(client->lookup), 0, HF_SOURCE_LOOKUP);
    client->address = hf_lookup_addresses(client->lookup, &text);
    if (client->address == NULL) {
        failed(client, HF_CLIENT_FAILED_DNS, text);
        return;
    }
    client->dns_ms = step_over(client);
    client->dial = HF_DIAL_TCP;
    stage(client, HF_CLIENT_STAGE_TCP);
    next_address(client, 0);
}

void hf_client_dial_event(struct hf_client *client)
{
    if (client->dial == HF_DIAL_TCP)
        connected(client);
    else if (client->dial == HF_DIAL_TLS)
        handshake(client);
}

void hf_client_dial_tick(struct hf_client *client, uint64_t now_ms)
{
    if (client->dial == HF_DIAL_TCP && client->address_due_ms != 0 && now_ms >= client->address_due_ms)
        next_address(client, ETIMEDOUT);
}

void hf_client_dial_drop(struct hf_client *client, bool flush)
{
    keep_session(client);
    hf_client_wire_close(&client->wire, flush);
    client->watched = 0;
    hf_lookup_free(client->lookup);
    client->lookup = NULL;
    client->address = NULL;
    client->address_due_ms = 0;
    client->read_again = false;
    client->dial = HF_DIAL_NONE;
}
