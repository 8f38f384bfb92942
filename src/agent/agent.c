#include "agent/agent_internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/uuid.h"
#include "io/clock.h"
#include "io/entropy.h"

enum {
    GROUPS = 5, /* of many devices: one sends in each fifth of the period, so that they do not all at once */
    EVENTS_MAX = 64,
    LOOK_MS = 50, /* with a longer period rings are looked at so often: at 10,240 Hz one is full after 400 */
    DRAIN_MS = 2000, /* for a queue that takes nothing: its disk is full */
    DRAIN_TURN_MS = 5,
    CLOSE_MS = 5500, /* libholdfast's goodbye takes 5 s at most */
    WAKE = UINT32_MAX
};

/* ---- life ---- */

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
        err = hf_agent_device_open(agent, i, boot_id, error);
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

static void step(struct hf_agent_device *device)
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

static void give(struct hf_agent_device *device, struct hf_utc_offset utc)
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
    return agent->state == HF_AGENT_RUNNING && agent->devices[0].shadow.period_ms > LOOK_MS;
}

static void tick(struct hf_agent *agent)
{
    if (agent->state <= HF_AGENT_DRAINING && hf_tick_due(&agent->tick, agent->now_ms))
        give_batches(agent, agent->state == HF_AGENT_DRAINING);
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
    if (agent->state == HF_AGENT_DRAINING && (all_idle(agent) || agent->now_ms >= agent->end_ms)) {
        agent->state = HF_AGENT_LINGERING;
        agent->end_ms =
            agent->linger_ms > UINT64_MAX - agent->now_ms ? UINT64_MAX : agent->now_ms + agent->linger_ms;
    }
    if (agent->state == HF_AGENT_LINGERING && (agent->now_ms >= agent->end_ms || all_sent(agent))) {
        agent->state = HF_AGENT_CLOSING;
        agent->end_ms = agent->now_ms + CLOSE_MS;
        for (unsigned i = 0; i < agent->device_count; i++)
            hf_client_stop(agent->devices[i].client);
    }
    if (agent->state == HF_AGENT_CLOSING && agent->now_ms >= agent->end_ms)
        agent->state = HF_AGENT_OVER;
    if (agent->state != HF_AGENT_OVER && all_over(agent))
        agent->state = HF_AGENT_OVER;
}

static int wait_ms(const struct hf_agent *agent, unsigned wait_ms_max)
{
    uint64_t due_ms = agent->now_ms + wait_ms_max;

    if (agent->state <= HF_AGENT_DRAINING)
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
    return agent->state != HF_AGENT_OVER;
}

bool hf_agent_woken(const struct hf_agent *agent)
{
    return agent->woken;
}

void hf_agent_stop(struct hf_agent *agent, uint64_t linger_ms)
{
    agent->now_ms = hf_clock_ms();
    agent->linger_ms = linger_ms;
    if (agent->state == HF_AGENT_RUNNING) {
        hf_capture_stop(&agent->capture);
        agent->state = HF_AGENT_DRAINING;
        hf_tick_start(&agent->tick, DRAIN_TURN_MS, agent->now_ms - DRAIN_TURN_MS);
        agent->end_ms = agent->now_ms + DRAIN_MS;
    } else if (agent->state < HF_AGENT_CLOSING) {
        agent->end_ms = agent->now_ms;
    } else {
        agent->state = HF_AGENT_OVER;
    }
}

/* ---- looking ---- */

bool hf_agent_source_ended(struct hf_agent *agent)
{
    return agent->state == HF_AGENT_RUNNING && hf_capture_ended(&agent->capture);
}

bool hf_agent_source_broke(const struct hf_agent *agent)
{
    return agent->source->broke;
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
        const struct hf_agent_device *device = &agent->devices[i];
        struct hf_client_path path = HOLDFAST_PATH_INIT;
        struct hf_client_stats stats;

        hf_client_path(device->client, &path);
        all.paths_suspect += path.suspect != 0;
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
