#include "agent/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <holdfast/holdfast.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "agent/capture.h"
#include "agent/queue_file.h"
#include "agent/shadow.h"
#include "agent/tick.h"
#include "agent/uplink.h"
#include "base/assert.h"
#include "base/uuid.h"
#include "io/clock.h"
#include "io/entropy.h"

enum {
    GROUPS =
        5, /* of many devices: one group sends in each fifth of the period, so that they do not all at once */
    EVENTS_MAX = 64,
    LOOK_MS =
        50, /* with a longer period the rings are looked at so often: at 10,240 Hz one is full after 400 ms */
    DRAIN_MS = 2000, /* for a queue that takes nothing: its disk is full */
    DRAIN_TURN_MS = 5,
    CLOSE_MS = 5500, /* libholdfast's goodbye takes 5 s at most */
    WAKE = UINT32_MAX
};

enum agent_state { RUNNING, DRAINING, LINGERING, CLOSING, OVER };

struct device {
    struct hf_agent *agent;
    unsigned index;
    struct hf_client *client; /* owns */
    struct hf_uplink uplink;
    struct hf_agent_shadow shadow;
    uint64_t due_ms;
    uint64_t newest_id, ended_id; /* of batches: the last that the queue took, the last that left it */
    bool over;                    /* the client has stopped */
    bool connected;
};

struct hf_agent {
    struct hf_agent_options options;
    enum agent_state state;
    int epoll_fd, wake_fd;
    uint64_t now_ms, end_ms;
    struct hf_tick tick, look;
    uint64_t rounds; /* of batches */
    unsigned given_up;
    uint64_t linger_ms;
    bool woken;
    struct hf_source *source; /* owns */
    struct hf_capture capture;
    struct hf_ring **rings;
    unsigned device_count;
    struct device devices[];
};

/* ---- libholdfast's callbacks; all within hf_client_step ---- */

static void note(struct device *device, enum hf_agent_note what, const char *text)
{
    const struct hf_agent_options *options = &device->agent->options;

    if (options->note != NULL)
        options->note(options->context, device->index, what, text);
}

static int token(void *user, bool fresh, char *out, size_t out_bytes)
{
    struct device *device = user;
    const struct hf_agent_options *options = &device->agent->options;

    return options->token(options->context, device->index, fresh, out, out_bytes) ? HOLDFAST_OK
                                                                                  : HOLDFAST_ERR_INVALID;
}

static void report(struct device *device)
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
    struct device *device = user;
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
    if (device->agent->device_count == 1 && device->agent->state == RUNNING) /* draining has its own */
        hf_tick_change(&device->agent->tick, device->shadow.period_ms, device->agent->now_ms);
    report(device);
}

static void on_open(void *user, const struct hf_client_open *open)
{
    static const char *const results[] = {"new", "resumed", "rebuilt"};
    struct device *device = user;
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
    struct device *device = user;
    char text[HF_SOURCE_TEXT_BYTES];

    device->connected = false;
    if (!close->retry && device->agent->state >= CLOSING)
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
    struct device *device = user;

    device->ended_id = HF_MAX(device->ended_id, id);
}

static void on_failed(void *user, uint64_t id, const char *reason)
{
    struct device *device = user;
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
    struct device *device = user;

    if (err == HOLDFAST_OK)
        device->newest_id = HF_MAX(device->newest_id, id);
    if (err != HOLDFAST_OK && err != HOLDFAST_ERR_CLOSED && device->uplink.pause_ms == 0)
        note(device, HF_AGENT_TROUBLE, hf_client_error_text(err));
    hf_uplink_done(&device->uplink, (unsigned)(uintptr_t)cookie, err == HOLDFAST_OK, device->agent->now_ms);
}

static bool publish(void *context, unsigned slot, const uint8_t *payload, size_t bytes)
{
    struct device *device = context;
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

/* ---- life ---- */

bool hf_agent_url_is_broker(const char *url)
{
    return strncasecmp(url, "mqtt://", 7) == 0 || strncasecmp(url, "mqtts://", 8) == 0;
}

/* Of this boot, whose raw clock the samples have. */
static void read_boot_id(uint8_t out[HF_SAMPLES_BOOT_BYTES])
{
    char text[HF_UUID_TEXT_BYTES + 1];
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t bytes = fd >= 0 ? read(fd, text, sizeof(text)) : -1;

    if (fd >= 0)
        (void)close(fd);
    if (bytes >= HF_UUID_TEXT_BYTES &&
        hf_uuid_parse((struct hf_slice){text, HF_UUID_TEXT_BYTES}, out) == HF_OK)
        return;
    hf_entropy(out, HF_SAMPLES_BOOT_BYTES); /* without /proc every start is a boot of its own */
}

/* Where nobody is at hand, a machine that takes no samples for an old file is the worse of the two. */
static int begin_anew(struct device *device, const struct hf_client_options *options, char *error)
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

static hf_err add_device(struct hf_agent *agent, unsigned index, const uint8_t *boot_id, char *error)
{
    const struct hf_agent_options *given = &agent->options;
    struct hf_client_options options = HOLDFAST_OPTIONS_INIT;
    struct device *device = &agent->devices[index];
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

hf_err hf_agent_new(const struct hf_agent_options *options, struct hf_agent **ret_agent,
                    char error[HF_AGENT_ERROR_BYTES])
{
    struct hf_agent *agent = calloc(1, sizeof(*agent) + options->device_count * sizeof(agent->devices[0]));
    uint8_t boot_id[HF_SAMPLES_BOOT_BYTES];
    hf_err err = HF_ERR_NOMEM;

    HF_ASSERT(options->device_count >= 1 && options->device_count <= HF_AGENT_DEVICES_MAX);
    HF_ASSERT(options->period_ms >= HF_AGENT_PERIOD_MIN_MS && options->period_ms <= HF_AGENT_PERIOD_MAX_MS);
    (void)snprintf(error, HF_AGENT_ERROR_BYTES, "out of memory");
    if (agent == NULL)
        return err;
    agent->options = *options;
    agent->wake_fd = -1;
    agent->device_count = options->device_count;
    agent->rings = calloc(options->device_count, sizeof(struct hf_ring *));
    agent->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (agent->rings == NULL || agent->epoll_fd < 0)
        goto fail;
    read_boot_id(boot_id);
    for (unsigned i = 0; i < options->device_count; i++) {
        err = add_device(agent, i, boot_id, error);
        if (err != HF_OK)
            goto fail;
    }
    *ret_agent = agent;
    return HF_OK;
fail:
    if (error[0] == '\0') /* a client before had begun well, and said so */
        (void)snprintf(error, HF_AGENT_ERROR_BYTES, "%s", hf_err_text(err));
    hf_agent_free(agent);
    return err;
}

void hf_agent_free(struct hf_agent *agent)
{
    if (agent == NULL)
        return;
    hf_capture_stop(&agent->capture);
    hf_source_free(agent->source);
    for (unsigned i = 0; i < agent->device_count; i++) {
        hf_client_free(agent->devices[i].client);
        if (agent->rings != NULL)
            free(agent->rings[i]);
    }
    free(agent->rings);
    if (agent->epoll_fd >= 0)
        (void)close(agent->epoll_fd);
    free(agent);
}

struct hf_ring *const *hf_agent_rings(struct hf_agent *agent)
{
    return agent->rings;
}

hf_err hf_agent_start(struct hf_agent *agent, struct hf_source *source)
{
    agent->source = source;
    hf_tick_start(&agent->tick,
                  agent->device_count > 1 ? HF_MAX(agent->options.period_ms / GROUPS, 1)
                                          : agent->options.period_ms,
                  hf_clock_ms());
    hf_tick_start(&agent->look, LOOK_MS, hf_clock_ms());
    return hf_capture_start(&agent->capture, source);
}

/* ---- turns ---- */

static void step(struct device *device)
{
    int timeout_ms;

    if (device->over)
        return;
    if (hf_client_step(device->client) == HOLDFAST_ERR_CLOSED) {
        device->over = true;
        device->connected = false;
        (void)epoll_ctl(device->agent->epoll_fd, EPOLL_CTL_DEL, hf_client_fd(device->client), NULL);
        return;
    }
    timeout_ms = hf_client_timeout_ms(device->client);
    device->due_ms = timeout_ms < 0 ? UINT64_MAX : device->agent->now_ms + (uint64_t)timeout_ms;
}

static void give(struct device *device, struct hf_utc_offset utc)
{
    if (device->over)
        return;
    hf_uplink_turn(&device->uplink, utc, device->agent->now_ms);
    if (device->uplink.out > 0)
        device->due_ms = 0; /* its client takes them in this turn: one wake less for each batch */
}

static void give_batches(struct hf_agent *agent, bool all)
{
    struct hf_utc_offset utc = hf_utc_measure();
    unsigned groups = all || agent->device_count == 1 ? 1 : GROUPS;

    for (unsigned i = (unsigned)(agent->rounds % groups); i < agent->device_count; i += groups)
        give(&agent->devices[i], utc);
    agent->rounds++;
}

static void give_pressed(struct hf_agent *agent)
{
    for (unsigned i = 0; i < agent->device_count; i++)
        if (hf_uplink_pressed(&agent->devices[i].uplink))
            give(&agent->devices[i], hf_utc_measure());
}

static bool looks(const struct hf_agent *agent)
{
    return agent->state == RUNNING && agent->devices[0].shadow.period_ms > LOOK_MS;
}

static void tick(struct hf_agent *agent)
{
    if (agent->state <= DRAINING && hf_tick_due(&agent->tick, agent->now_ms))
        give_batches(agent, agent->state == DRAINING);
    else if (looks(agent) && hf_tick_due(&agent->look, agent->now_ms))
        give_pressed(agent);
}

static bool all_idle(struct hf_agent *agent)
{
    for (unsigned i = 0; i < agent->device_count; i++)
        if (!agent->devices[i].over && !hf_uplink_idle(&agent->devices[i].uplink))
            return false;
    return true;
}

static bool all_over(const struct hf_agent *agent)
{
    for (unsigned i = 0; i < agent->device_count; i++)
        if (!agent->devices[i].over)
            return false;
    return true;
}

static bool all_sent(struct hf_agent *agent)
{
    for (unsigned i = 0; i < agent->device_count; i++) {
        struct hf_client_stats stats;

        if (agent->devices[i].over)
            continue;
        hf_client_stats(agent->devices[i].client, &stats);
        /* The figures are those of the last turn: a batch that the queue took in this one is not among them. */
        if (stats.queued > 0 || agent->devices[i].ended_id < agent->devices[i].newest_id)
            return false;
    }
    return true;
}

/* From state to state, as far as it goes now. */
static void advance(struct hf_agent *agent)
{
    if (agent->state == DRAINING && (all_idle(agent) || agent->now_ms >= agent->end_ms)) {
        agent->state = LINGERING;
        agent->end_ms =
            agent->linger_ms > UINT64_MAX - agent->now_ms ? UINT64_MAX : agent->now_ms + agent->linger_ms;
    }
    if (agent->state == LINGERING && (agent->now_ms >= agent->end_ms || all_sent(agent))) {
        agent->state = CLOSING;
        agent->end_ms = agent->now_ms + CLOSE_MS;
        for (unsigned i = 0; i < agent->device_count; i++)
            hf_client_stop(agent->devices[i].client);
    }
    if (agent->state == CLOSING && agent->now_ms >= agent->end_ms)
        agent->state = OVER;
    if (agent->state != OVER && all_over(agent))
        agent->state = OVER;
}

static int wait_ms(const struct hf_agent *agent, unsigned wait_ms_max)
{
    uint64_t due_ms = agent->now_ms + wait_ms_max;

    if (agent->state <= DRAINING)
        due_ms = HF_MIN(due_ms, looks(agent) ? HF_MIN(agent->tick.next_ms, agent->look.next_ms)
                                             : agent->tick.next_ms);
    else
        due_ms = HF_MIN(due_ms, agent->end_ms);
    for (unsigned i = 0; i < agent->device_count; i++)
        if (!agent->devices[i].over)
            due_ms = HF_MIN(due_ms, agent->devices[i].due_ms);
    return due_ms > agent->now_ms ? (int)(due_ms - agent->now_ms) : 0;
}

static void watch(struct hf_agent *agent, int wake_fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = WAKE};

    if (wake_fd == agent->wake_fd)
        return;
    HF_ASSERT(agent->wake_fd < 0);
    if (epoll_ctl(agent->epoll_fd, EPOLL_CTL_ADD, wake_fd, &event) == 0)
        agent->wake_fd = wake_fd;
}

bool hf_agent_turn(struct hf_agent *agent, int wake_fd, unsigned wait_ms_max)
{
    struct epoll_event events[EVENTS_MAX];
    int count;

    watch(agent, wake_fd);
    agent->now_ms = hf_clock_ms();
    count = epoll_wait(agent->epoll_fd, events, EVENTS_MAX, wait_ms(agent, wait_ms_max));
    agent->now_ms = hf_clock_ms();
    agent->woken = false;
    for (int i = 0; i < count; i++)
        if (events[i].data.u32 == WAKE)
            agent->woken = true;
        else
            agent->devices[events[i].data.u32].due_ms = 0;
    tick(agent);
    for (unsigned i = 0; i < agent->device_count; i++)
        if (agent->devices[i].due_ms <= agent->now_ms)
            step(&agent->devices[i]);
    advance(agent);
    return agent->state != OVER;
}

bool hf_agent_woken(const struct hf_agent *agent)
{
    return agent->woken;
}

void hf_agent_stop(struct hf_agent *agent, uint64_t linger_ms)
{
    agent->now_ms = hf_clock_ms();
    agent->linger_ms = linger_ms;
    if (agent->state == RUNNING) {
        hf_capture_stop(&agent->capture);
        agent->state = DRAINING;
        hf_tick_start(&agent->tick, DRAIN_TURN_MS, agent->now_ms - DRAIN_TURN_MS);
        agent->end_ms = agent->now_ms + DRAIN_MS;
    } else if (agent->state < CLOSING) {
        agent->end_ms = agent->now_ms;
    } else {
        agent->state = OVER;
    }
}

/* ---- looking ---- */

bool hf_agent_source_ended(struct hf_agent *agent)
{
    return agent->state == RUNNING && hf_capture_ended(&agent->capture);
}

const struct hf_source_counters *hf_agent_source_counters(const struct hf_agent *agent)
{
    return &agent->source->counters;
}

void hf_agent_status(struct hf_agent *agent, struct hf_agent_status *ret_status)
{
    struct hf_agent_status all = {.devices = agent->device_count, .given_up = agent->given_up};

    if (agent->source != NULL)
        all.samples_captured = atomic_load_explicit(&agent->source->counters.captured, memory_order_relaxed);
    for (unsigned i = 0; i < agent->device_count; i++) {
        const struct device *device = &agent->devices[i];
        struct hf_client_stats stats;

        hf_client_stats(device->client, &stats);
        all.connected += device->connected;
        all.samples_lost += hf_ring_lost(agent->rings[i]);
        all.samples_accepted += device->uplink.samples;
        all.batches_accepted += device->uplink.batches;
        all.batches_put_back += device->uplink.put_back;
        all.batches_sent += stats.sent;
        all.batches_failed += stats.failed;
        all.batches_dropped += stats.dropped;
        all.queued += stats.queued;
        all.queued_bytes += stats.queued_bytes;
        all.connections += stats.connections;
        all.bytes_out += stats.bytes_out;
        all.newest_utc_ms = HF_MAX(all.newest_utc_ms, device->uplink.newest_utc_ns / 1000000);
    }
    *ret_status = all;
}
