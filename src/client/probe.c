/* client/probe.c - HB-9: the first heartbeat is missing. Does another connection work? Does the name resolve? Three seconds, beside the connection. */
#include "client/driver.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "io/connect.h"

static void forget(struct hf_client *client)
{
    if (client->probe.fd >= 0)
        (void)close(client->probe.fd);
    hf_lookup_free(client->probe.lookup);
    client->probe.fd = -1;
    client->probe.lookup = NULL;
    client->probe.due_ms = 0;
}

static void answer(struct hf_client *client)
{
    struct hf_client_time now = hf_client_now(client);
    bool connected = client->probe.connected, resolved = client->probe.resolved;

    forget(client);
    client->engine->ops->probed(client->engine, &now, connected, resolved);
}

static void answer_if_over(struct hf_client *client)
{
    if (client->probe.due_ms != 0 && client->probe.connect_over &&
        (client->probe.connected || client->probe.lookup_over))
        answer(client);
}

/* Without a name to look up: a network that is down says so itself. */
static bool is_network_down(int error)
{
    return error == ENETUNREACH || error == ENETDOWN || error == EHOSTUNREACH;
}

static void connect_over(struct hf_client *client, int error)
{
    client->probe.connect_over = true;
    client->probe.connected = error == 0;
    if (client->probe.lookup == NULL)
        client->probe.resolved = !is_network_down(error);
    if (client->probe.fd >= 0)
        (void)close(client->probe.fd);
    client->probe.fd = -1;
}

void hf_client_probe_begin(struct hf_client *client)
{
    forget(client);
    client->probe.due_ms = hf_client_now(client).now_ms + HF_CLIENT_PROBE_MS;
    client->probe.connected = client->probe.resolved = client->probe.connect_over = false;
    client->probe.lookup_over = true;
    if (client->options.dns_thread &&
        hf_lookup_new(client->url_now.host, client->url_now.port, true, &client->probe.lookup) == HF_OK) {
        client->probe.lookup_over = hf_lookup_done(client->probe.lookup);
        client->probe.resolved = client->probe.lookup_over; /* digits */
        if (!client->probe.lookup_over)
            (void)hf_client_watch(client, hf_lookup_fd(client->probe.lookup), EPOLLIN,
                                  HF_SOURCE_PROBE_LOOKUP);
    }
    if (hf_connect_fd(&client->peer, NULL, &client->probe.fd) == HF_OK) {
        (void)hf_client_watch(client, client->probe.fd, EPOLLOUT, HF_SOURCE_PROBE);
        return;
    }
    client->probe.fd = -1;
    connect_over(client, errno);
}

void hf_client_probe_event(struct hf_client *client)
{
    int error = 0;
    socklen_t bytes = sizeof(error);

    if (client->probe.due_ms == 0 || client->probe.fd < 0)
        return;
    if (getsockopt(client->probe.fd, SOL_SOCKET, SO_ERROR, &error, &bytes) != 0)
        error = errno;
    connect_over(client, error);
    answer_if_over(client);
}

void hf_client_probe_lookup(struct hf_client *client)
{
    const char *text;

    if (client->probe.due_ms == 0 || client->probe.lookup == NULL || !hf_lookup_done(client->probe.lookup))
        return;
    client->probe.lookup_over = true;
    client->probe.resolved = hf_lookup_addresses(client->probe.lookup, &text) != NULL;
    (void)hf_client_watch(client, hf_lookup_fd(client->probe.lookup), 0, HF_SOURCE_PROBE_LOOKUP);
    answer_if_over(client);
}

void hf_client_probe_tick(struct hf_client *client, uint64_t now_ms)
{
    answer_if_over(client); /* begin() itself must not: the core is calling */
    if (client->probe.due_ms == 0 || now_ms < client->probe.due_ms)
        return;
    if (client->probe.lookup == NULL && !client->probe.connect_over)
        client->probe.resolved = true; /* nobody answers: the server, as far as we can know */
    answer(client);
}

void hf_client_probe_drop(struct hf_client *client)
{
    forget(client);
}
