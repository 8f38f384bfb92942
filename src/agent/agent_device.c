/* One device: libholdfast's client with its callbacks, which all come within hf_client_step(), and what it is opened with. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>

#include "agent/agent_internal.h"
#include "agent/queue_file.h"
#include "base/assert.h"
#include "core/event.h"
#include "core/topic.h"

static void note(struct hf_agent_device *device, enum hf_agent_note what, const char *text)
{
    const struct hf_agent_options *options = &device->agent->options;

    if (options->note != NULL)
        options->note(options->context, device->index, what, text);
}

static int token(void *user, bool fresh, char *out, size_t out_bytes)
{
    struct hf_agent_device *device = user;
    const struct hf_agent_options *options = &device->agent->options;

    return options->token(options->context, device->index, fresh, out, out_bytes) ? HOLDFAST_OK
                                                                                  : HOLDFAST_ERR_INVALID;
}

static void report(struct hf_agent_device *device)
{
    struct hf_client_change change = HOLDFAST_CHANGE_INIT;
    char text[HF_AGENT_SHADOW_BYTES];

    change.document = HOLDFAST_SHADOW;
    change.kind = HOLDFAST_PATCH_MERGE;
    change.json = text;
    change.json_bytes = hf_agent_shadow_report(&device->shadow, "holdfast-agent/" HF_VERSION,
                                               device->agent->options.source, text);
    HF_ASSERT(change.json_bytes > 0); /* all of it is bounded */
    (void)hf_client_patch(device->client, &change,
                          NULL); /* what cannot be sent now is said again at the next connection */
}

static void on_shadow(void *user, const struct hf_client_context *context)
{
    struct hf_agent_device *device = user;
    char text[HF_SOURCE_TEXT_BYTES];

    if (context->request != 0 && strcmp(context->reason, "none") != 0 &&
        strcmp(context->reason, "connection_gone") != 0) {
        (void)snprintf(text, sizeof(text), "the gateway does not take the report to the shadow: %.60s",
                       context->reason);
        note(device, HF_AGENT_TROUBLE, text);
    }
    if (context->request != 0 || context->json == NULL ||
        !hf_agent_shadow_take(&device->shadow, (struct hf_slice){context->json, context->json_bytes}))
        return;
    if (device->agent->device_count == 1 &&
        device->agent->state == HF_AGENT_RUNNING) /* draining has its own */
        hf_tick_change(&device->agent->tick, device->shadow.period_ms, device->agent->now_ms);
    report(device);
}

static void on_open(void *user, const struct hf_client_open *open)
{
    static const char *const results[] = {"new", "resumed", "rebuilt"};
    struct hf_agent_device *device = user;
    char text[HF_SOURCE_TEXT_BYTES];

    device->connected = true;
    if (open->connection[0] != '\0')
        (void)snprintf(text, sizeof(text), "connected as %s, session %s", open->connection,
                       results[open->result]);
    else
        (void)snprintf(text, sizeof(text), "connected to the broker, %s%s", open->node,
                       open->epoch == 1 ? "; it has no shadows, the device's is left alone" : "");
    note(device, HF_AGENT_OPENED, text);
    if (device->agent->options.source != NULL)
        report(device);
}

static void on_close(void *user, const struct hf_client_close *close)
{
    struct hf_agent_device *device = user;
    char text[HF_SOURCE_TEXT_BYTES];

    device->connected = false;
    if (!close->retry && device->agent->state >= HF_AGENT_CLOSING)
        return;
    (void)snprintf(text, sizeof(text), "%.60s%s%.180s%s%s",
                   strcmp(close->reason, "none") != 0 ? close->reason : "",
                   strcmp(close->reason, "none") != 0 ? ", " : "", close->text,
                   close->failure == HOLDFAST_FAILED_AUTH ? " (--token, --token-file, --cert" : "",
                   close->failure != HOLDFAST_FAILED_AUTH               ? ""
                   : hf_agent_url_is_broker(device->agent->options.url) ? ", user@ in the URL)"
                                                                        : ")");
    if (!close->retry)
        device->agent->given_up++;
    note(device, close->retry ? HF_AGENT_CLOSED : HF_AGENT_GIVEN_UP, text);
}

static void on_sent(void *user, uint64_t id)
{
    struct hf_agent_device *device = user;

    device->ended_id = HF_MAX(device->ended_id, id);
}

static void on_failed(void *user, uint64_t id, const char *reason)
{
    struct hf_agent_device *device = user;
    char text[HF_SOURCE_TEXT_BYTES];

    device->ended_id = HF_MAX(device->ended_id, id);

    (void)snprintf(text, sizeof(text), "batch %llu will not be sent: %s", (unsigned long long)id, reason);
    note(device, HF_AGENT_TROUBLE, text);
}

static void on_error(void *user, int err, const char *reason, const char *detail)
{
    char text[HF_SOURCE_TEXT_BYTES];

    (void)err;
    (void)snprintf(text, sizeof(text), "%.60s: %.150s", reason, detail);
    note(user, HF_AGENT_TROUBLE, text);
}

static void on_done(void *user, void *cookie, uint64_t id, int err)
{
    struct hf_agent_device *device = user;

    if (err == HOLDFAST_OK)
        device->newest_id = HF_MAX(device->newest_id, id);
    if (err != HOLDFAST_OK && err != HOLDFAST_ERR_CLOSED && device->uplink.pause_ms == 0)
        note(device, HF_AGENT_TROUBLE, hf_client_error_text(err));
    hf_uplink_done(&device->uplink, (unsigned)(uintptr_t)cookie, err == HOLDFAST_OK, device->agent->now_ms);
}

static bool publish(void *context, unsigned slot, const uint8_t *payload, size_t bytes)
{
    struct hf_agent_device *device = context;
    struct hf_client_publication publication = HOLDFAST_PUBLICATION_INIT;

    publication.topic = device->agent->options.topic;
    publication.payload = payload;
    publication.payload_bytes = bytes;
    publication.class = device->agent->options.oldest_goes ? HOLDFAST_TELEMETRY : HOLDFAST_MESSAGE;
    publication.format = HOLDFAST_FORMAT_SAMPLES;
    publication.on_done = on_done;
    publication.cookie = (void *)(uintptr_t)slot;
    return hf_client_publish(device->client, &publication) == HOLDFAST_OK;
}

/* ---- opening ---- */

bool hf_agent_url_is_broker(const char *url)
{
    return strncasecmp(url, "mqtt://", 7) == 0 || strncasecmp(url, "mqtts://", 8) == 0;
}

/* Where nobody is at hand, a machine that takes no samples for an old file is the worse of the two. */
static int begin_anew(struct hf_agent_device *device, const struct hf_client_options *options, char *error)
{
    char text[HF_SOURCE_TEXT_BYTES];
    hf_err err = hf_agent_queue_aside(options->queue_path);

    if (err != HF_OK) {
        (void)snprintf(error, HF_AGENT_ERROR_BYTES, "queue '%.300s': damaged, and cannot be put aside: %s",
                       options->queue_path, err == HF_ERR_IO ? strerror(errno) : hf_err_text(err));
        return HOLDFAST_ERR_CORRUPT;
    }
    (void)snprintf(text, sizeof(text),
                   "the queue is damaged; a new one begins, the old one is %.160s.damaged",
                   options->queue_path);
    note(device, HF_AGENT_TROUBLE, text);
    return hf_client_new(options, &device->client, error, HF_AGENT_ERROR_BYTES);
}

hf_err hf_agent_device_open(struct hf_agent *agent, unsigned index, const uint8_t *boot_id, char *error)
{
    const struct hf_agent_options *given = &agent->options;
    struct hf_client_options options = HOLDFAST_OPTIONS_INIT;
    struct hf_agent_device *device = &agent->devices[index];
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = index};
    int err;

    device->agent = agent;
    device->index = index;
    agent->rings[index] = aligned_alloc(HF_RING_LINE_BYTES, sizeof(struct hf_ring));
    if (agent->rings[index] == NULL)
        return HF_ERR_NOMEM;
    hf_ring_init(agent->rings[index]);
    hf_uplink_init(&device->uplink, agent->rings[index], boot_id);
    device->uplink.publish = publish;
    device->uplink.context = device;
    device->shadow.period_ms = device->shadow.period_min_ms = device->shadow.period_max_ms = given->period_ms;
    if (given->device_count == 1) { /* of many, all have the same */
        device->shadow.period_min_ms = HF_AGENT_PERIOD_MIN_MS;
        device->shadow.period_max_ms = HF_AGENT_PERIOD_MAX_MS;
    }
    if (!hf_agent_url_is_broker(given->url) && !hf_topic_valid(hf_slice_of(given->topic))) {
        (void)snprintf(error, HF_AGENT_ERROR_BYTES, "topic must be 1 to %d bytes of text without + and #",
                       HF_TOPIC_BYTES_MAX);
        return HF_ERR_INVALID;
    }
    options.url = given->url;
    options.device = given->devices[index];
    options.user = device;
    options.queue_path = given->queue_paths != NULL ? given->queue_paths[index] : NULL;
    options.queue_bytes_max = given->queue_bytes_max;
    /* Bytes are the bound: a batch with what the queue adds has more than a hundred. */
    options.queue_messages_max = HF_MAX(given->queue_bytes_max / 100, 16);
    options.ca_file = given->ca_file;
    options.cert_file = given->cert_file;
    options.key_file = given->key_file;
    options.insecure = given->insecure;
    options.token = given->token != NULL ? token : NULL;
    options.software = "holdfast-agent/" HF_VERSION;
    options.dns_thread = true;
    options.on_open = on_open;
    options.on_close = on_close;
    options.on_sent = on_sent;
    options.on_failed = on_failed;
    options.on_error = on_error;
    if (given->source != NULL)
        options.on_shadow = on_shadow;
    err = hf_client_new(&options, &device->client, error, HF_AGENT_ERROR_BYTES);
    if (err == HOLDFAST_ERR_CORRUPT && given->damaged_aside && options.queue_path != NULL)
        err = begin_anew(device, &options, error);
    if (err != HOLDFAST_OK)
        return err == HOLDFAST_ERR_INVALID ? HF_ERR_INVALID
               : err == HOLDFAST_ERR_NOMEM ? HF_ERR_NOMEM
                                           : HF_ERR_IO;
    return epoll_ctl(agent->epoll_fd, EPOLL_CTL_ADD, hf_client_fd(device->client), &event) == 0
               ? HF_OK
               : HF_ERR_NOMEM;
}
