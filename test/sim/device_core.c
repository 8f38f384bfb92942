/* test/sim/device_core.c - what a driver does for the client core: sockets, time, the network's hints; here all simulated. */
#include "sim/device_core.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/store/store_memory_internal.h"
#include "sim/sim.h"

enum {
    READ_BYTES = 4096,
    SLOW_BYTES = 64,
    SLOW_US = 200000,
    PROBE_US = 20000,
    STAGE_US = 200,
    NETWORK_US = 1000000,
    RELEASE_US = 300000
};

#define CORE_OF(event, member) HF_CONTAINER_OF(event, struct sim_core, member)

static struct sim_events *events_of(const struct sim_device *device)
{
    return &device->sim->events;
}

struct hf_client_time sim_core_now(const struct sim_device *device)
{
    return (struct hf_client_time){.now_ms = sim_clock_ms(&device->clock),
                                   .utc_ms = device->core->no_clock ? 0 : sim_clock_utc_ms(&device->clock)};
}

void sim_core_arm(struct sim_device *device)
{
    struct sim_core *core = device->core;
    uint64_t due_ms = hf_client_core_due_ms(core->core), now_ms = sim_clock_ms(&device->clock);

    if (due_ms == UINT64_MAX)
        sim_cancel(events_of(device), &core->due);
    else
        sim_in(events_of(device), &core->due, due_ms > now_ms ? 1000 * (due_ms - now_ms) : 100);
}

static void on_due(struct sim_event *event)
{
    struct sim_device *device = CORE_OF(event, due)->device;
    struct hf_client_time now = sim_core_now(device);

    hf_client_core_tick(device->core->core, &now);
    sim_core_arm(device);
}

/* ---- the transport ---- */

static void on_socket(struct sim_sock *sock);
static const struct sim_sock_ops socket_ops = {on_socket};

static void op_connect(void *user, const struct hf_client_attempt *attempt)
{
    struct sim_device *device = user;
    char target[64];

    (void)attempt;
    if (!sim_device_connects(device, target))
        return;
    device->core->told_open = device->core->write_blocked = false;
    sim_mangle_begin(&device->core->up);
    sim_mangle_begin(&device->core->down);
    device->sock = sim_connect(&device->sim->net, &device->path, &device->host, &socket_ops, device);
    sim_in(events_of(device), &device->core->stage, STAGE_US); /* the name is known: now TCP */
}

static void on_stage(struct sim_event *event)
{
    struct sim_device *device = CORE_OF(event, stage)->device;
    struct hf_client_time now = sim_core_now(device);

    if (device->sock == NULL || device->core->told_open)
        return;
    hf_client_core_stage(device->core->core, &now, HF_CLIENT_STAGE_TCP);
    sim_core_arm(device);
}

static bool is_rewritten(const struct sim_device *device) /* on its way to and from the network */
{
    return device->sim->plan.mangle || device->core->json;
}

/* What was mangled goes on as far as the kernel takes it. */
static void pump(struct sim_device *device)
{
    struct sim_mangle *up = &device->core->up;

    if (up->out.bytes > 0 && device->sock != NULL && device->core->told_open)
        sim_mangle_taken(up, sim_write(device->sock, up->out.at, up->out.bytes));
}

static void take(struct sim_device *device, const struct hf_client_time *now, uint8_t *data, size_t bytes)
{
    struct sim_mangle *down = &device->core->down;
    struct sim_sock *sock = device->sock;

    if (!is_rewritten(device)) {
        hf_client_core_bytes(device->core->core, now, data, bytes);
        return;
    }
    sim_mangle_feed(down, data, bytes);
    while (device->sock == sock && down->out.bytes > 0) {
        uint8_t copy[READ_BYTES];
        size_t count = HF_MIN(down->out.bytes, sizeof(copy));

        memcpy(copy, down->out.at, count);
        sim_mangle_taken(down, count);
        hf_client_core_bytes(device->core->core, now, copy, count);
    }
}

/* Nothing is held back for long: a hole may stay for a second before anybody asks. */
static void on_release(struct sim_event *event)
{
    struct sim_device *device = CORE_OF(event, release)->device;
    struct hf_client_time now = sim_core_now(device);

    sim_in(events_of(device), event, RELEASE_US);
    if (device->sock == NULL || !device->core->told_open)
        return;
    if (device->core->up.upgraded) {
        sim_mangle_release(&device->core->up);
        pump(device);
    }
    if (device->core->down.upgraded) {
        sim_mangle_release(&device->core->down);
        take(device, &now, NULL, 0);
    }
    sim_core_arm(device);
}

void sim_core_mangle(struct sim_device *device, unsigned permille)
{
    device->core->up.permille = device->core->down.permille = permille;
    device->core->up.corrupt_left = device->core->down.corrupt_left = permille > 0 ? 1 : 0;
}

static size_t op_write(void *user, const void *data, size_t bytes)
{
    struct sim_device *device = user;

    if (is_rewritten(device)) {
        sim_mangle_feed(&device->core->up, data, bytes);
        pump(device);
        return bytes;
    }
    size_t taken = sim_write(device->sock, data, bytes);

    device->core->write_blocked = taken < bytes;
    return taken;
}

static void op_close(void *user, bool flush)
{
    struct sim_device *device = user;
    struct sim_sock *sock = device->sock;

    sim_trace(&device->sim->trace, device->who, "connection %u over", device->connections);
    sim_cancel(events_of(device), &device->core->stage);
    sim_device_lets_go(device);
    if (flush)
        sim_close(sock);
    else
        sim_reset(sock);
}

static void op_probe(void *user)
{
    struct sim_device *device = user;

    sim_in(events_of(device), &device->core->probe, PROBE_US);
}

static void on_probe(struct sim_event *event)
{
    struct sim_device *device = CORE_OF(event, probe)->device;
    const struct sim_gateway *gateway = &device->sim->gateway;
    struct hf_client_time now = sim_core_now(device);
    bool there = !device->path.cut && gateway->host.up && gateway->running;

    hf_client_core_probed(device->core->core, &now, there, !device->path.cut);
    if (device->path.cut)
        sim_in(events_of(device), &device->core->network, NETWORK_US);
    sim_core_arm(device);
}

/* The system says that the network is there again. */
static void on_network(struct sim_event *event)
{
    struct sim_device *device = CORE_OF(event, network)->device;
    struct hf_client_time now = sim_core_now(device);

    if (device->path.cut) {
        sim_in(events_of(device), event, NETWORK_US);
        return;
    }
    hf_client_core_network(device->core->core, &now, true);
    sim_core_arm(device);
}

static void open_core(struct sim_device *device, const struct hf_client_time *now)
{
    char target[64], fields[640];
    struct hf_client_request request = {.host = HF_SLICE("gw")};

    device->core->told_open = true;
    snprintf(target, sizeof(target), "/v1/connect?trace=%s-%u", device->who, device->connections);
    snprintf(fields, sizeof(fields), "Authorization: Bearer %s\r\n", device->token);
    request.target = hf_slice_of(target);
    request.fields = hf_slice_of(fields);
    hf_err err = hf_client_core_open(device->core->core, now, &request);
    HF_ASSERT(err == HF_OK);
}

static void tell_end(struct sim_device *device, enum sim_end end, const struct hf_client_time *now)
{
    if (device->core->told_open)
        hf_client_core_closed(device->core->core, now);
    else
        hf_client_core_failed(device->core->core, now,
                              end == SIM_END_REFUSED ? HF_CLIENT_FAILED_REFUSED : HF_CLIENT_FAILED_LOST,
                              (struct hf_slice){"", 0});
}

static void on_socket(struct sim_sock *sock)
{
    struct sim_device *device = sock->user;
    struct hf_client_time now = sim_core_now(device);
    uint8_t data[READ_BYTES];
    size_t bytes, at_once = device->slow ? SLOW_BYTES : sizeof(data);

    if (!device->core->told_open && sock->open)
        open_core(device, &now);
    if (device->sock == sock && device->core->write_blocked) {
        device->core->write_blocked = false;
        hf_client_core_writable(device->core->core, &now);
    }
    pump(device);
    while (device->sock == sock && (bytes = sim_read(sock, data, at_once)) > 0) {
        take(device, &now, data, bytes);
        if (device->slow)
            break;
    }
    if (device->sock == sock && device->slow && sim_readable(sock) > 0)
        sim_in(events_of(device), &sock->told, SLOW_US);
    else if (device->sock == sock && sim_end_of(sock) != SIM_END_NONE)
        tell_end(device, sim_end_of(sock), &now);
    sim_core_arm(device);
}

/* ---- what it is told besides ---- */

static void op_closed(void *user, const struct hf_client_closed *closed)
{
    struct sim_device *device = user;

    sim_trace(&device->sim->trace, device->who, "closed %u %s %s, again in %" PRId64 " ms", closed->code,
              hf_reason_name(closed->reason), hf_client_core_failure_name(closed->failure),
              closed->retry ? (int64_t)closed->retry_ms : -1);
    if (closed->by_peer && closed->reason != HF_REASON_NONE && closed->code >= 1000)
        sim_oracle_close_heard(device->sim, device, closed->code,
                               hf_slice_of(hf_reason_name(closed->reason)));
}

static void op_state(void *user, enum hf_link_state state, enum hf_link_state before,
                     enum hf_link_event event)
{
    struct sim_device *device = user;

    (void)before, (void)event;
    sim_trace(&device->sim->trace, device->who, "%s", hf_link_state_name(state));
}

static void op_error(void *user, hf_err err, enum hf_reason reason, struct hf_slice detail)
{
    struct sim_device *device = user;

    sim_trace(&device->sim->trace, device->who, "error %s %s %.*s", hf_err_name(err), hf_reason_name(reason),
              (int)detail.bytes, detail.at);
}

static void op_credentials(void *user, uint64_t expires_ms)
{
    (void)user, (void)expires_ms;
}

const struct hf_client_ops sim_core_client_ops = {
    .connect = op_connect,
    .write = op_write,
    .close = op_close,
    .probe = op_probe,
    .message = sim_core_message,
    .done = sim_core_done,
    .gap = sim_core_gap,
    .published = sim_core_published,
    .sent = sim_core_sent,
    .failed = sim_core_failed,
    .opened = sim_core_opened,
    .document = sim_core_document,
    .closed = op_closed,
    .state = op_state,
    .error = op_error,
    .credentials = op_credentials,
};

/* ---- the program ---- */

static void *resize(void *user, void *old, size_t old_bytes, size_t new_bytes)
{
    (void)user, (void)old_bytes;
    if (new_bytes > 0)
        return realloc(old, new_bytes);
    free(old);
    return NULL;
}

static void open_store(struct sim_device *device)
{
    const struct sim_plan *plan = &device->sim->plan;
    struct hf_store_memory_options options = {
        .limits = {.bytes_max = plan->queue_bytes_max, .messages_max = plan->queue_messages_max},
        .memory = {.resize = resize},
        .queue_id = hf_rng_u64(&device->rng) | 1,
        .commit_ms = device->core->diskless ? 0 : plan->commit_ms,
    };

    options.queue_id = sim_queue_id(options.queue_id);
    memset(device->core->number_of, 0, sizeof(device->core->number_of));
    hf_err err = hf_store_memory_open(&options, &device->core->store);
    HF_ASSERT(err == HF_OK);
    struct memory_store *store = HF_CONTAINER_OF(device->core->store, struct memory_store, base);
    store->facts.first = store->facts.next = sim_queue_first(options.queue_id);
    hf_memory_keep(store);
}

static void on_answer(struct sim_event *event)
{
    sim_core_answer(CORE_OF(event, answer)->device);
}

void sim_core_init(struct sim_device *device)
{
    struct sim_core *core = calloc(1, sizeof(*core));

    HF_ASSERT(core != NULL);
    core->device = device;
    core->due.on_due = on_due;
    core->stage.on_due = on_stage;
    core->probe.on_due = on_probe;
    core->network.on_due = on_network;
    core->release.on_due = on_release;
    sim_mangle_init(&core->up, true, &device->rng);
    sim_mangle_init(&core->down, false, &device->rng);
    core->answer.on_due = on_answer;
    core->diskless = sim_percent(&device->rng, 20);
    core->no_clock = sim_percent(&device->rng, 20);
    core->json = device->sim->plan.samples && sim_percent(&device->rng, 40);
    core->up.json = core->down.json = core->json;
    device->core = core;
    device->ops = &sim_core_ops;
    open_store(device);
}

static void begin(struct sim_device *device)
{
    struct sim_core *core = device->core;
    struct hf_client_time now = sim_core_now(device);
    struct hf_store_facts facts;
    struct hf_client_config config = {
        .device = hf_slice_of(device->name),
        .software = HF_SLICE("sim 1"),
        .profile = (uint8_t)(device->sim->plan.profile + device->index % 2),
        .seed = hf_rng_u64(&device->rng),
        .window_messages = device->sim->plan.window_messages,
        .crc = device->index % 2 == 0 && !core->json,
        .shadow = device->sim->plan.shadow_us > 0,
        .memory = {.resize = resize},
    };

    for (unsigned i = 0; i < sizeof(config.boot_id); i++)
        config.boot_id[i] = (uint8_t)hf_rng_u64(&device->rng);
    config.profile %= HF_PROFILES;
    if (core->store == NULL)
        open_store(device);
    hf_err err = hf_client_core_new(&config, core->store, &sim_core_client_ops, device, &core->core);
    HF_ASSERT(err == HF_OK);
    core->store->ops->facts(core->store, &facts);
    core->expected_down = facts.position + 1;
    core->heard_seq = 0;
    if (is_rewritten(device))
        sim_in(events_of(device), &core->release, RELEASE_US);
    hf_client_core_start(core->core, &now);
    sim_core_arm(device);
}

static void end(struct sim_device *device, bool power)
{
    struct sim_core *core = device->core;
    struct sim_events *events = events_of(device);
    struct sim_sock *sock = device->sock;

    sim_cancel(events, &core->due);
    sim_cancel(events, &core->stage);
    sim_cancel(events, &core->probe);
    sim_cancel(events, &core->network);
    sim_cancel(events, &core->release);
    sim_cancel(events, &core->answer);
    sim_device_lets_go(device);
    if (sock != NULL && power)
        sim_vanish(sock);
    else if (sock != NULL)
        sim_close(sock);
    hf_client_core_free(core->core);
    core->core = NULL;
    if (core->diskless) {
        core->store->ops->close(core->store);
        core->store = NULL;
    } else {
        hf_store_memory_crash(core->store);
    }
    sim_core_died(device);
}

static void publish(struct sim_device *device, uint32_t number)
{
    struct hf_client_time now = sim_core_now(device);
    bool batch = sim_is_batch(device, number);
    char payload[8192];
    struct hf_store_message message = {
        .class = number % 5 == 0 ? HF_STORE_TELEMETRY : HF_STORE_MESSAGE,
        .urgent = number % 17 == 0,
        .text = !batch,
        .format = batch ? HF_FORMAT_SAMPLES : HF_FORMAT_JSON,
        .created_ms = now.utc_ms,
        .topic = hf_slice_of(sim_message_topic(device, number)),
    };

    message.payload = (struct hf_slice){payload, sim_message_write(device, number, payload, sizeof(payload))};
    hf_err err = hf_client_core_publish(device->core->core, &now, &message, (void *)(uintptr_t)number);
    if (err == HF_ERR_LIMIT) /* refused, and its maker knows */
        device->fate[number - 1] = SIM_MESSAGE_FAILED;
    else if (err != HF_OK)
        sim_fail(device->sim, "%s cannot publish: %s", device->name, hf_err_name(err));
    sim_core_arm(device);
}

static bool is_open(const struct sim_device *device)
{
    enum hf_link_state state = hf_client_core_state(device->core->core);

    return state == HF_LINK_CONNECTED || state == HF_LINK_DEGRADED;
}

/* An orderly end of the program, which starts again at once. */
static void drop(struct sim_device *device)
{
    struct hf_client_time now = sim_core_now(device);

    hf_client_core_network(device->core->core, &now, false);
    hf_client_core_network(device->core->core, &now, true);
    if (device->sock != NULL)
        hf_client_core_closed(device->core->core, &now);
    sim_core_arm(device);
}

static void calm(struct sim_device *device)
{
    for (unsigned i = 0; i < device->core->later_count; i++)
        device->core->later[i].due_us = HF_MIN(device->core->later[i].due_us, events_of(device)->now_us);
    sim_core_answer(device);
}

static void core_free(struct sim_device *device)
{
    if (device->core->store != NULL)
        device->core->store->ops->close(device->core->store);
    sim_mangle_deinit(&device->core->up);
    sim_mangle_deinit(&device->core->down);
    free(device->core);
}

const struct sim_device_ops sim_core_ops = {.begin = begin,
                                            .end = end,
                                            .publish = publish,
                                            .is_open = is_open,
                                            .drop = drop,
                                            .calm = calm,
                                            .free = core_free};
