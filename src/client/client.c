/* client/client.c - the functions of holdfast.h. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/sb.h"
#include "client/driver.h"
#include "core/renewal.h"

/* One numbering, said twice because the public header stands alone. */
#define SAME(public_name, name) _Static_assert((int)(public_name) == (int)(name), #public_name)
SAME(HOLDFAST_ERR_NOMEM, HF_ERR_NOMEM);
SAME(HOLDFAST_ERR_LIMIT, HF_ERR_LIMIT);
SAME(HOLDFAST_ERR_AGAIN, HF_ERR_AGAIN);
SAME(HOLDFAST_ERR_CLOSED, HF_ERR_CLOSED);
SAME(HOLDFAST_ERR_IO, HF_ERR_IO);
SAME(HOLDFAST_ERR_NOT_FOUND, HF_ERR_NOT_FOUND);
SAME(HOLDFAST_ERR_INVALID, HF_ERR_INVALID);
SAME(HOLDFAST_ERR_FULL, HF_ERR_FULL);
SAME(HOLDFAST_ERR_CORRUPT, HF_ERR_CORRUPT);
SAME(HOLDFAST_ERR_DENIED, HF_ERR_DENIED);
SAME(HOLDFAST_ERR_UNSUPPORTED, HF_ERR_UNSUPPORTED);
SAME(HOLDFAST_ERR_BUSY, HF_ERR_BUSY);
SAME(HOLDFAST_FAILED_DNS, HF_CLIENT_FAILED_DNS);
SAME(HOLDFAST_FAILED_LOCAL, HF_CLIENT_FAILED_LOCAL);
SAME(HOLDFAST_FAILED_LOCAL + 1, HF_CLIENT_FAILURES);
SAME(HOLDFAST_CONNECTED, HF_LINK_CONNECTED);
SAME(HOLDFAST_DISCONNECTED, HF_LINK_DISCONNECTED);
SAME(HOLDFAST_TELEMETRY, HF_STORE_TELEMETRY);
SAME(HOLDFAST_ALARM, HF_STORE_ALARM);
SAME(HOLDFAST_RESULT_UNSUPPORTED, HF_RESULT_UNSUPPORTED);
SAME(HOLDFAST_SESSION_REBUILT, HF_SESSION_REBUILT);
SAME(HOLDFAST_PROFILE_ADAPTIVE, HF_PROFILE_ADAPTIVE);
SAME(HOLDFAST_CONTEXT, HF_DOCUMENT_CONTEXT);
SAME(HOLDFAST_GROUP_CONTEXT, HF_DOCUMENT_GROUP);
SAME(HOLDFAST_SHADOW, HF_DOCUMENT_SHADOW);
SAME(HOLDFAST_PATCH_JSON, HF_PATCH_JSON);
SAME(HOLDFAST_MERGE_CONFLICT_FREE, HF_MERGE_CONFLICT_FREE);
SAME(HOLDFAST_MERGE_OPLOG, HF_MERGE_OPLOG);
SAME(HOLDFAST_CHANGE_BYTES_MAX, HF_CLIENT_CHANGE_BYTES_MAX);
SAME(HOLDFAST_CSR_BYTES_MAX, HF_RENEWAL_CSR_BYTES_MAX);
#undef SAME

enum { FORMAT_MAX = HOLDFAST_FORMAT_SAMPLES };

/* ---- options ---- */

static void *resize(void *user, void *old, size_t old_bytes, size_t new_bytes)
{
    (void)user;
    (void)old_bytes;
    if (new_bytes > 0)
        return realloc(old, new_bytes);
    free(old);
    return NULL;
}

enum { STRINGS = 8 };

/* Every string of the options; a new one is added here and nowhere else. */
static void strings_of(struct hf_client_options *options, const char **ret_strings[STRINGS])
{
    const char **all[STRINGS] = {&options->url,      &options->device,    &options->queue_path,
                                 &options->ca_file,  &options->cert_file, &options->key_file,
                                 &options->software, &options->trace};

    memcpy(ret_strings, all, sizeof(all));
}

static size_t text_bytes(const char *text)
{
    return text != NULL ? strlen(text) + 1 : 0;
}

static const char *copy_text(char **at, const char *text)
{
    char *copy = *at;
    size_t bytes = text_bytes(text);

    if (text == NULL)
        return NULL;
    memcpy(copy, text, bytes);
    *at += bytes;
    return copy;
}

/* Pointers first, for their alignment; then pins and strings. */
static bool copy_options(struct hf_client *client)
{
    struct hf_client_options *options = &client->options;
    const char **strings[STRINGS], **groups;
    size_t bytes = options->group_count * sizeof(char *) + options->pin_count * HF_TLS_PIN_BYTES + 1;
    char *at;

    strings_of(options, strings);
    for (size_t i = 0; i < STRINGS; i++)
        bytes += text_bytes(*strings[i]);
    for (size_t i = 0; i < options->group_count; i++)
        bytes += text_bytes(options->groups[i]);
    client->texts = at = hf_ws_memory_take(&client->memory, bytes);
    client->texts_bytes = bytes;
    if (at == NULL)
        return false;
    groups = (const char **)(void *)at;
    at += options->group_count * sizeof(char *);
    if (options->pin_count > 0)
        memcpy(at, options->pins, options->pin_count * HF_TLS_PIN_BYTES);
    options->pins = (const uint8_t(*)[HF_TLS_PIN_BYTES])(void *)at;
    at += options->pin_count * HF_TLS_PIN_BYTES;
    for (size_t i = 0; i < STRINGS; i++)
        *strings[i] = copy_text(&at, *strings[i]);
    for (size_t i = 0; i < options->group_count; i++)
        groups[i] = copy_text(&at, options->groups[i]);
    options->groups = groups;
    return true;
}

/* What a gateway takes in an id; an MQTT broker gets the others percent-encoded. */
static const char id_characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:@-";

/* What is wrong with the options, or NULL. The core checks what is its own. */
static const char *fault_of(const struct hf_client_options *options, struct hf_client_url *url)
{
    size_t device_bytes = options->device != NULL ? strlen(options->device) : 0;
    const char *fault;

    if (hf_client_url_parse(options->url, (struct hf_slice){options->device, device_bytes}, url, &fault) !=
        HF_OK)
        return fault;
    if (url->mqtt && options->device == NULL)
        return "mqtt:// needs a device: it is the client identifier, and in every topic";
    if (options->device != NULL && (device_bytes == 0 || device_bytes > HF_CLIENT_DEVICE_BYTES_MAX))
        return "device must have 1 to 128 characters";
    if (options->device != NULL && !url->mqtt &&
        options->device[strspn(options->device, id_characters)] != '\0')
        return "device may have A-Z a-z 0-9 . _ : @ - only";
    if ((options->cert_file == NULL) != (options->key_file == NULL))
        return "cert_file and key_file belong together";
    if (options->pin_count > HF_TLS_PINS_MAX || (options->pin_count > 0 && options->pins == NULL))
        return "at most 4 pins";
    if (options->group_count > HF_FRAME_GROUPS_MAX || (options->group_count > 0 && options->groups == NULL))
        return "at most 8 groups";
    if (!url->tls && (options->pin_count > 0 || options->cert_file != NULL))
        return "pins and certificates need wss:// or mqtts://";
    if (options->profile < HOLDFAST_PROFILE_ANY || options->profile > HOLDFAST_PROFILE_ADAPTIVE)
        return "profile must be one of HOLDFAST_PROFILE_";
    return NULL;
}

/* What a broker has not, or NULL. */
static const char *missing_of(const struct hf_client_options *options, const struct hf_client_url *url)
{
    if (!url->mqtt)
        return NULL;
    if (options->on_document != NULL || options->on_shadow != NULL)
        return "mqtt:// has no documents and no shadows: leave on_document and on_shadow out";
    if (options->on_certificate != NULL)
        return "mqtt:// renews no certificates: leave on_certificate out";
    if (options->on_command != NULL)
        return "mqtt:// has no commands: leave on_command out; messages come to on_message";
    if (options->group_count > 0)
        return "mqtt:// has no groups";
    if (options->crc)
        return "mqtt:// has no place for a CRC of each message";
    return NULL;
}

/* A program of an older header knows fewer members, at the end. */
static bool take_options(struct hf_client *client, const struct hf_client_options *options)
{
    enum { SIZE_MIN = offsetof(struct hf_client_options, on_credentials) };

    if (options->size < SIZE_MIN)
        return false;
    memcpy(&client->options, options, HF_MIN(options->size, sizeof(client->options)));
    client->options.size = sizeof(client->options);
    return true;
}

/* ---- life ---- */

static void say(char *error, size_t error_bytes, const char *text)
{
    if (error != NULL && error_bytes > 0)
        (void)snprintf(error, error_bytes, "%s", text);
}

static hf_err set_up(struct hf_client *client, char *error, size_t error_bytes)
{
    const struct hf_client_options *options = &client->options;
    char text[256] = "";
    hf_err err = HF_OK;

    if (!copy_options(client))
        err = HF_ERR_NOMEM;
    if (err == HF_OK)
        err =
            hf_line_init(&client->line, &client->memory, options->line_messages_max, options->line_bytes_max);
    client->line_open = err == HF_OK;
    if (err == HF_OK)
        err = hf_client_driver_open(client, text, sizeof(text));
    if (err != HF_OK)
        say(error, error_bytes,
            text[0] != '\0'         ? text
            : err == HF_ERR_INVALID ? "a text or limit is out of its range"
                                    : hf_err_text(err));
    return err;
}

int hf_client_new(const struct hf_client_options *options, struct hf_client **ret_client, char *error,
                  size_t error_bytes)
{
    struct hf_ws_memory memory = {.resize = options->resize != NULL ? options->resize : resize,
                                  .user = options->user};
    struct hf_client *client;
    const char *fault;
    hf_err err;

    say(error, error_bytes, "");
    client = hf_ws_memory_take(&memory, sizeof(*client));
    if (client == NULL) {
        say(error, error_bytes, hf_err_text(HF_ERR_NOMEM));
        return HF_ERR_NOMEM;
    }
    *client = (struct hf_client){.memory = memory, .epoll_fd = -1, .wire.fd = -1, .probe.fd = -1};
    (void)pthread_mutex_init(&client->stats_lock, NULL);
    client->stats.state = HOLDFAST_DISCONNECTED;
    fault = take_options(client, options) ? fault_of(&client->options, &client->url)
                                          : "options must begin with HOLDFAST_OPTIONS_INIT";
    err = fault == NULL ? HF_OK : HF_ERR_INVALID;
    if (fault == NULL && (fault = missing_of(&client->options, &client->url)) != NULL)
        err = HF_ERR_UNSUPPORTED;
    if (fault != NULL)
        say(error, error_bytes, fault);
    else
        err = set_up(client, error, error_bytes);
    if (err != HF_OK) {
        hf_client_free(client);
        return err;
    }
    *ret_client = client;
    return HF_OK;
}

static void refuse_all(struct hf_client *client)
{
    struct hf_line_taken taken;

    hf_line_close(&client->line);
    taken = hf_line_take(&client->line);
    while (taken.entries != NULL) {
        struct hf_line_entry *entry = taken.entries;

        taken.entries = entry->next;
        hf_client_app_refuse(client, entry, HF_ERR_CLOSED);
    }
}

void hf_client_free(struct hf_client *client)
{
    struct hf_ws_memory memory;

    if (client == NULL)
        return;
    memory = client->memory;
    if (client->thread.started) {
        hf_client_stop(client);
        hf_thread_join(&client->thread);
    }
    if (client->engine != NULL) { /* commits what the queue has taken in, and tells it */
        struct hf_client_time now = hf_client_now(client);

        client->engine->ops->stop(client->engine, &now);
    }
    if (client->line_open)
        refuse_all(client);
    hf_client_driver_close(client);
    if (client->line_open)
        hf_line_deinit(&client->line);
    hf_ws_memory_give(&memory, client->texts, client->texts_bytes);
    (void)pthread_mutex_destroy(&client->stats_lock);
    hf_ws_memory_give(&memory, client, sizeof(*client));
}

static void run(void *context)
{
    struct hf_client *client = context;

    while (!client->over) {
        struct pollfd fd = {.fd = client->epoll_fd, .events = POLLIN};

        (void)poll(&fd, 1, hf_client_timeout_ms(client));
        hf_client_turn(client);
    }
}

int hf_client_run(struct hf_client *client)
{
    if (atomic_exchange(&client->runs, true))
        return HOLDFAST_ERR_BUSY;
    run(client);
    return HOLDFAST_OK;
}

int hf_client_start(struct hf_client *client)
{
    hf_err err;

    if (atomic_exchange(&client->runs, true))
        return HOLDFAST_ERR_BUSY;
    err = hf_thread_start(&client->thread, "holdfast", HF_THREAD_ANY_CPU, run, client);
    if (err != HF_OK)
        atomic_store(&client->runs, false);
    return err;
}

void hf_client_join(struct hf_client *client)
{
    hf_thread_join(&client->thread);
}

int hf_client_step(struct hf_client *client)
{
    if (client->over)
        return HOLDFAST_ERR_CLOSED;
    hf_client_turn(client);
    return client->over ? HOLDFAST_ERR_CLOSED : HOLDFAST_OK;
}

int hf_client_fd(const struct hf_client *client)
{
    return client->epoll_fd;
}

void hf_client_stop(struct hf_client *client)
{
    hf_line_stop(&client->line);
}

void hf_client_network(struct hf_client *client, bool up)
{
    hf_line_network(&client->line, up);
}

/* ---- messages ---- */

int hf_client_publish(struct hf_client *client, const struct hf_client_publication *publication)
{
    enum { SIZE_MIN = sizeof(struct hf_client_publication) };
    struct hf_line_entry entry = {.kind = HF_LINE_PUBLISH};

    if (publication->size < SIZE_MIN || publication->class < HOLDFAST_TELEMETRY ||
        publication->class > HOLDFAST_ALARM || publication->format < 0 || publication->format > FORMAT_MAX ||
        (publication->payload == NULL && publication->payload_bytes > 0))
        return HOLDFAST_ERR_INVALID;
    entry.topic = publication->topic;
    entry.topic_bytes = publication->topic != NULL ? strlen(publication->topic) : 0;
    if (entry.topic_bytes > HF_FRAME_TOPIC_BYTES_MAX)
        return HOLDFAST_ERR_INVALID;
    entry.payload = publication->payload;
    entry.payload_bytes = publication->payload_bytes;
    entry.class = publication->class;
    entry.format = publication->format;
    entry.text = publication->text;
    entry.urgent = publication->urgent;
    entry.ttl_ms = publication->ttl_ms;
    entry.on_done = publication->on_done;
    entry.cookie = publication->cookie;
    return hf_line_put(&client->line, &entry);
}

int hf_client_acknowledge(struct hf_client *client, uint64_t handle)
{
    const struct hf_line_entry entry = {.kind = HF_LINE_ACKNOWLEDGE, .handle = handle};

    return hf_line_put(&client->line, &entry);
}

int hf_client_answer(struct hf_client *client, uint64_t handle, const struct hf_client_reply *reply)
{
    const struct hf_line_entry entry = {.kind = HF_LINE_ANSWER,
                                        .handle = handle,
                                        .status = reply->status,
                                        .format = reply->format,
                                        .text = reply->text,
                                        .payload = reply->payload,
                                        .payload_bytes = reply->payload != NULL ? reply->payload_bytes : 0};

    if (reply->status < HOLDFAST_RESULT_OK || reply->status > HOLDFAST_RESULT_UNSUPPORTED ||
        reply->format < 0 || reply->format > FORMAT_MAX)
        return HOLDFAST_ERR_INVALID;
    return hf_line_put(&client->line, &entry);
}

int hf_client_subscribe(struct hf_client *client, const char *topic, bool on)
{
    const struct hf_line_entry entry = {.kind = HF_LINE_SUBSCRIBE,
                                        .topic = topic,
                                        .topic_bytes = topic != NULL ? strlen(topic) : 0,
                                        .on = on};

    if (entry.topic_bytes == 0 || entry.topic_bytes > HF_FRAME_TOPIC_BYTES_MAX)
        return HOLDFAST_ERR_INVALID;
    return hf_line_put(&client->line, &entry);
}

/* 31 bits, and never 0: the upper half is the core's own. */
static uint32_t draw_request(struct hf_client *client)
{
    uint32_t request;

    do
        request = (atomic_fetch_add(&client->requests, 1) + 1) & INT32_MAX;
    while (request == 0);
    return request;
}

int hf_client_patch(struct hf_client *client, const struct hf_client_change *change, uint32_t *ret_request)
{
    enum { SIZE_MIN = sizeof(struct hf_client_change) };
    struct hf_line_entry entry = {.kind = HF_LINE_PATCH};
    hf_err err;

    if (change->size < SIZE_MIN || change->document < HOLDFAST_CONTEXT ||
        change->document > HOLDFAST_SHADOW ||
        (change->document == HOLDFAST_SHADOW ? client->options.on_shadow == NULL
                                             : client->options.on_document == NULL) ||
        change->kind < HOLDFAST_PATCH_FULL || change->kind > HOLDFAST_PATCH_JSON ||
        change->merge < HOLDFAST_MERGE_KEEP || change->merge > HOLDFAST_MERGE_OPLOG || change->json == NULL ||
        change->json_bytes == 0)
        return HOLDFAST_ERR_INVALID;
    if (change->json_bytes > HOLDFAST_CHANGE_BYTES_MAX)
        return HOLDFAST_ERR_LIMIT;
    entry.document = change->document;
    entry.patch = change->kind;
    entry.merge = change->merge;
    entry.base_version = change->base_version;
    entry.ttl_ms = change->ttl_ms;
    entry.payload = change->json;
    entry.payload_bytes = change->json_bytes;
    entry.request = draw_request(client);
    err = hf_line_put(&client->line, &entry);
    if (err == HF_OK && ret_request != NULL)
        *ret_request = entry.request;
    return err;
}

int hf_client_request_certificate(struct hf_client *client, const char *csr, uint32_t *ret_request)
{
    char json[2 * HOLDFAST_CSR_BYTES_MAX + 16]; /* no character of a PEM takes more than two */
    struct hf_line_entry entry = {.kind = HF_LINE_PATCH, .document = HF_DOCUMENT_CERTIFICATE};
    size_t bytes = csr != NULL ? strlen(csr) : 0;
    struct hf_sb sb;

    if (client->options.on_certificate == NULL || bytes == 0)
        return HOLDFAST_ERR_INVALID;
    if (bytes > HOLDFAST_CSR_BYTES_MAX)
        return HOLDFAST_ERR_LIMIT;
    hf_sb_init(&sb, json, sizeof(json));
    hf_sb_text(&sb, "{\"csr\":");
    hf_sb_json(&sb, (struct hf_slice){csr, bytes});
    hf_sb_char(&sb, '}');
    if (sb.overflow)
        return HOLDFAST_ERR_INVALID;
    entry.payload = json;
    entry.payload_bytes = sb.bytes;
    entry.request = draw_request(client);
    hf_err err = hf_line_put(&client->line, &entry);
    if (err == HF_OK && ret_request != NULL)
        *ret_request = entry.request;
    return err;
}

int hf_client_renew(struct hf_client *client)
{
    const struct hf_line_entry entry = {.kind = HF_LINE_RENEW};

    return client->options.token != NULL ? hf_line_put(&client->line, &entry) : HOLDFAST_ERR_INVALID;
}

/* ---- looking ---- */

void hf_client_stats(struct hf_client *client, struct hf_client_stats *ret_stats)
{
    (void)pthread_mutex_lock(&client->stats_lock);
    *ret_stats = client->stats;
    (void)pthread_mutex_unlock(&client->stats_lock);
}

void hf_client_path(struct hf_client *client, struct hf_client_path *ret_path)
{
    size_t size = ret_path->size;

    (void)pthread_mutex_lock(&client->stats_lock);
    memcpy(ret_path, &client->path, HF_MIN(size, sizeof(client->path)));
    (void)pthread_mutex_unlock(&client->stats_lock);
    ret_path->size = size;
}

const char *hf_client_error_text(int err)
{
    return hf_err_text((hf_err)err);
}

const char *hf_client_failure_name(int failure)
{
    return hf_client_core_failure_name(failure < 0 ? UINT32_MAX : (unsigned)failure);
}

const char *hf_client_version(void)
{
    return HF_VERSION;
}
