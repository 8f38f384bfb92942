/* client/driver.c - turns: what waits in the line, what the sockets say, what is due. Everything that the engine asks of the transport. */
#include "client/driver.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"

enum { EVENTS_MAX = 8, UTC_2020_MS_DIV_1000 = 1577836800 };

/* ---- clock ---- */

static uint64_t clock_ms(clockid_t clock)
{
    struct timespec now = {0};

    (void)clock_gettime(clock, &now);
    return now.tv_sec < 0 ? 0 : (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* A clock before 2020 was never set: it counts from its battery's or the firmware's beginning. */
static uint64_t utc_ms(void)
{
    uint64_t now_ms = clock_ms(CLOCK_REALTIME);

    return now_ms < (uint64_t)UTC_2020_MS_DIV_1000 * 1000 ? 0 : now_ms;
}

struct hf_client_time hf_client_now(const struct hf_client *client)
{
    const struct hf_client_options *options = &client->options;

    return (struct hf_client_time){
        .now_ms =
            options->monotonic_ms != NULL ? options->monotonic_ms(options->user) : clock_ms(CLOCK_BOOTTIME),
        .utc_ms = options->utc_ms != NULL ? options->utc_ms(options->user) : utc_ms()};
}

/* ---- what the engine asks for ---- */

static void op_connect(void *user, const struct hf_client_attempt *attempt)
{
    struct hf_client *client = user;
    size_t bytes = HF_MIN(attempt->alternate.bytes, sizeof(client->alternate) - 1);

    client->dial = HF_DIAL_WANTED;
    client->fresh = attempt->fresh_credentials;
    if (bytes > 0)
        memcpy(client->alternate, attempt->alternate.at, bytes);
    client->alternate[bytes] = '\0';
}

static size_t op_write(void *user, const void *data, size_t bytes)
{
    struct hf_client *client = user;

    return client->dial == HF_DIAL_OPEN ? hf_client_wire_write(&client->wire, data, bytes) : 0;
}

static void op_close(void *user, bool flush)
{
    struct hf_client *client = user;

    hf_client_dial_drop(client, flush);
    hf_client_probe_drop(client);
}

static void op_probe(void *user)
{
    hf_client_probe_begin(user);
}

static uint64_t op_peer_acked(void *user)
{
    const struct hf_client *client = user;

    return client->wire.fd >= 0 ? hf_socket_info(client->wire.fd).acked_bytes : 0;
}

static const struct hf_client_ops *ops_of(struct hf_client_ops *ops)
{
    hf_client_app_fill(ops);
    ops->connect = op_connect;
    ops->write = op_write;
    ops->close = op_close;
    ops->probe = op_probe;
    ops->peer_acked = op_peer_acked;
    return ops;
}

/* ---- events ---- */

bool hf_client_watch(struct hf_client *client, int fd, uint32_t events, enum hf_client_source source)
{
    struct epoll_event event = {.events = events, .data.u32 = (uint32_t)source};
    int op = events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_ADD;

    if (epoll_ctl(client->epoll_fd, op, fd, &event) == 0)
        return true;
    return errno == EEXIST && epoll_ctl(client->epoll_fd, EPOLL_CTL_MOD, fd, &event) == 0;
}

static void watch_wire(struct hf_client *client)
{
    uint32_t wanted = client->wire.fd < 0 ? 0
                                          : (client->dial == HF_DIAL_TCP ? 0 : EPOLLIN) |
                                                (client->wire.wants_write ? EPOLLOUT : 0);

    if (client->wire.fd < 0 || wanted == client->watched)
        return; /* a closed descriptor has left the set by itself */
    if (hf_client_watch(client, client->wire.fd, wanted, HF_SOURCE_WIRE))
        client->watched = wanted;
}

static void wire_ended(struct hf_client *client, const struct hf_client_time *now)
{
    char text[160];

    if (client->wire.alert != NULL) {
        (void)snprintf(text, sizeof(text),
                       "the server refuses TLS: %s; is the right client certificate shown?",
                       client->wire.alert);
        client->tls_stale = true;
        client->engine->ops->failed(client->engine, now, HF_CLIENT_FAILED_TLS, hf_slice_of(text));
    }
    if (client->dial == HF_DIAL_OPEN)
        client->engine->ops->closed(client->engine, now);
}

static void read_wire(struct hf_client *client)
{
    client->read_again = false;
    for (unsigned i = 0; client->dial == HF_DIAL_OPEN; i++) {
        struct hf_client_time now;
        size_t bytes;
        hf_err err;

        if (i == HF_CLIENT_READS_MAX) {
            client->read_again = true;
            return;
        }
        err = hf_client_wire_read(&client->wire, client->in, HF_CLIENT_IN_BYTES, &bytes);
        if (err == HF_ERR_AGAIN)
            return;
        now = hf_client_now(client);
        if (err == HF_OK)
            client->engine->ops->bytes(client->engine, &now, client->in, bytes);
        else
            wire_ended(client, &now);
        if (client->wire.ssl == NULL && bytes < HF_CLIENT_IN_BYTES)
            return; /* the socket is empty, or tells more by itself; TLS may hold some back */
    }
}

static void on_wire(struct hf_client *client, uint32_t events)
{
    if (client->dial != HF_DIAL_OPEN) {
        hf_client_dial_event(client);
        return;
    }
    if ((events & EPOLLOUT) != 0) {
        struct hf_client_time now = hf_client_now(client);

        client->wire.wants_write = false;
        client->engine->ops->writable(client->engine, &now);
    }
    read_wire(client); /* TLS may have waited for room to read, too */
}

static void on_event(struct hf_client *client, const struct epoll_event *event)
{
    switch ((enum hf_client_source)event->data.u32) {
    case HF_SOURCE_LINE: break; /* was taken at the begin of the turn */
    case HF_SOURCE_WIRE: on_wire(client, event->events); break;
    case HF_SOURCE_LOOKUP: hf_client_dial_lookup(client); break;
    case HF_SOURCE_PROBE: hf_client_probe_event(client); break;
    case HF_SOURCE_PROBE_LOOKUP: hf_client_probe_lookup(client); break;
    }
}

/* ---- a turn ---- */

/* What was said before the first turn counts for it: a network that is down, above all. */
static void take_line(struct hf_client *client)
{
    struct hf_line_taken taken = hf_line_take(&client->line);
    struct hf_client_time now = hf_client_now(client);

    if (taken.network_told)
        client->engine->ops->network(client->engine, &now, taken.network_up);
    if (!client->started)
        client->engine->ops->start(client->engine, &now);
    client->started = true;
    if (taken.entries != NULL) {
        client->engine->ops->hold(client->engine, &now);
        while (taken.entries != NULL) {
            struct hf_line_entry *entry = taken.entries;

            taken.entries = entry->next;
            hf_client_app_take(client, entry);
        }
        client->engine->ops->release(client->engine);
    }
    if (taken.stop)
        client->engine->ops->stop(client->engine, &now);
}

static void publish_stats(struct hf_client *client)
{
    struct hf_client_counts counts;
    struct hf_store_facts facts;
    struct hf_client_path_facts path;

    client->engine->ops->counts(client->engine, &counts);
    client->engine->ops->path(client->engine, &path);
    client->engine->ops->queue(client->engine, &facts);
    (void)pthread_mutex_lock(&client->stats_lock);
    client->path = hf_client_app_path(&path);
    client->stats = (struct hf_client_stats){.queued = facts.messages,
                                             .queued_bytes = facts.bytes,
                                             .published = counts.published,
                                             .sent = counts.sent,
                                             .failed = counts.failed,
                                             .dropped = facts.dropped_total,
                                             .expired = facts.expired_total,
                                             .received = counts.received,
                                             .duplicates = counts.duplicates,
                                             .gaps = counts.gaps,
                                             .attempts = counts.attempts,
                                             .connections = counts.opened,
                                             .resumed = counts.resumed,
                                             .rebuilt = counts.rebuilt,
                                             .bytes_in = counts.bytes_in,
                                             .bytes_out = counts.bytes_out,
                                             .state = (int)client->engine->ops->state(client->engine)};
    (void)pthread_mutex_unlock(&client->stats_lock);
}

void hf_client_turn(struct hf_client *client)
{
    struct epoll_event events[EVENTS_MAX];
    struct hf_client_time now;
    int count;

    take_line(client);
    count = epoll_wait(client->epoll_fd, events, EVENTS_MAX, 0);
    for (int i = 0; i < count; i++)
        on_event(client, &events[i]);
    if (client->read_again)
        read_wire(client);
    now = hf_client_now(client);
    hf_client_dial_tick(client, now.now_ms);
    hf_client_probe_tick(client, now.now_ms);
    if (client->engine->ops->due_ms(client->engine) <= now.now_ms)
        client->engine->ops->tick(client->engine, &now);
    if (!hf_line_leave(&client->line)) { /* from callbacks, above all */
        take_line(client);
        hf_line_rest(&client->line);
    }
    if (client->dial == HF_DIAL_WANTED)
        hf_client_dial_begin(client);
    watch_wire(client);
    publish_stats(client);
    if (client->engine->ops->stopped(client->engine)) {
        client->over = true;
        hf_line_close(&client->line);
    }
}

int hf_client_timeout_ms(struct hf_client *client)
{
    uint64_t due_ms = client->engine->ops->due_ms(client->engine), now_ms = hf_client_now(client).now_ms;

    if (!client->started || client->read_again || client->dial == HF_DIAL_WANTED)
        return 0;
    if (client->address_due_ms != 0)
        due_ms = HF_MIN(due_ms, client->address_due_ms);
    if (client->probe.due_ms != 0)
        due_ms = HF_MIN(due_ms, client->probe.due_ms);
    if (due_ms == UINT64_MAX)
        return -1;
    return due_ms <= now_ms ? 0 : (int)HF_MIN(due_ms - now_ms, (uint64_t)INT32_MAX);
}

/* ---- begin and end ---- */

static void entropy(struct hf_client *client, void *out, size_t bytes)
{
    if (client->options.entropy != NULL)
        client->options.entropy(client->options.user, out, bytes);
    else
        hf_entropy(out, bytes);
}

static hf_err open_store(struct hf_client *client, char *error, size_t error_bytes)
{
    const struct hf_client_options *options = &client->options;
    const struct hf_store_limits limits = {options->queue_bytes_max, options->queue_messages_max};
    uint64_t queue_id = 0;

    while (queue_id == 0)
        entropy(client, &queue_id, sizeof(queue_id));
    if (options->queue_path == NULL) {
        const struct hf_store_memory_options memory = {
            .limits = limits, .memory = client->memory, .queue_id = queue_id};

        return hf_store_memory_open(&memory, &client->store);
    }
    const struct hf_store_sqlite_options sqlite = {.path = options->queue_path,
                                                   .limits = limits,
                                                   .queue_id = queue_id,
                                                   .crash_safe = options->queue_crash_safe};

    return hf_store_sqlite_open(&sqlite, &client->store, error, error_bytes);
}

static hf_err open_engine(struct hf_client *client)
{
    const struct hf_client_options *options = &client->options;
    struct hf_client_config config = {.device = hf_slice_of(options->device),
                                      .software = hf_slice_of(options->software),
                                      .trace = hf_slice_of(options->trace),
                                      .group_count = (unsigned)options->group_count,
                                      .profile = (uint8_t)(options->profile == HOLDFAST_PROFILE_ANY
                                                               ? HOLDFAST_PROFILE_ADAPTIVE
                                                               : options->profile),
                                      .window_messages = options->window_messages,
                                      .window_bytes = options->window_bytes,
                                      .message_bytes_max = options->message_bytes_max,
                                      .attempts_max = options->attempts_max,
                                      .crc = options->crc,
                                      .documents = options->on_document != NULL,
                                      .shadow = options->on_shadow != NULL,
                                      .certificates = options->on_certificate != NULL,
                                      .context_version = options->context_version,
                                      .shadow_version = options->shadow_version,
                                      .group_version = options->group_version,
                                      .memory = client->memory};

    for (size_t i = 0; i < options->group_count; i++)
        config.groups[i] = hf_slice_of(options->groups[i]);
    entropy(client, config.boot_id, sizeof(config.boot_id));
    entropy(client, &config.seed, sizeof(config.seed));
    const struct hf_client_mqtt_config mqtt = {.prefix = hf_slice_of(client->url.target),
                                               .user = hf_slice_of(client->url.user),
                                               .listens = options->on_message != NULL};

    if (client->url.mqtt)
        return hf_client_mqtt_new(&config, &mqtt, client->store, ops_of(&client->ops), client,
                                  &client->engine);
    return hf_client_core_engine_new(&config, client->store, ops_of(&client->ops), client, &client->engine);
}

hf_err hf_client_driver_open(struct hf_client *client, char *error, size_t error_bytes)
{
    hf_err err;

    client->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (client->epoll_fd < 0 || !hf_client_watch(client, client->line.event_fd, EPOLLIN, HF_SOURCE_LINE))
        return HF_ERR_LIMIT;
    client->in = hf_ws_memory_take(&client->memory, HF_CLIENT_IN_BYTES);
    if (client->in == NULL)
        return HF_ERR_NOMEM;
    if (client->url.tls) {
        client->bio_method = hf_client_wire_method();
        if (client->bio_method == NULL)
            return HF_ERR_NOMEM;
        err = hf_client_tls_new(client, &client->tls, error, error_bytes);
        if (err != HF_OK)
            return err;
    }
    err = open_store(client, error, error_bytes);
    return err == HF_OK ? open_engine(client) : err;
}

void hf_client_driver_close(struct hf_client *client)
{
    if (client->engine != NULL)
        hf_client_dial_drop(client, false);
    hf_client_probe_drop(client);
    if (client->engine != NULL)
        client->engine->ops->free(client->engine);
    if (client->store != NULL)
        client->store->ops->close(client->store);
    SSL_SESSION_free(client->session);
    hf_tls_client_free(client->tls);
    BIO_meth_free(client->bio_method);
    hf_ws_memory_give(&client->memory, client->in, HF_CLIENT_IN_BYTES);
    if (client->epoll_fd >= 0)
        (void)close(client->epoll_fd);
}
