#include "sim/gateway.h"

#include <inttypes.h>
#include <stdlib.h>

#include "codec/jwt/jwt.h"
#include "sim/sim.h"
#include "store/memory/kv_memory.h"

enum { START_RETRY_US = 1000000, ALIVE_MS = 60000 };

#define LOG_DIR "data/log"
#define SECRET  "0123456789abcdef0123456789abcdef"

static void on_start(struct sim_event *event)
{
    sim_gateway_start(HF_CONTAINER_OF(event, struct sim_gateway, start));
}

static void on_death(struct sim_event *event)
{
    struct sim_gateway *gateway = HF_CONTAINER_OF(event, struct sim_gateway, death);

    sim_gateway_crash(gateway, gateway->power, gateway->down_us);
}

static void in_backlog(struct sim_sock *sock)
{
    (void)sock; /* the kernel keeps what comes until the process has accepted it */
}

static const struct sim_sock_ops backlog_ops = {in_backlog};

static bool on_accept(void *context, struct sim_sock *sock)
{
    struct sim_gateway *gateway = context;

    if (!gateway->running || gateway->dying || gateway->draining)
        return false;
    sock->ops = &backlog_ops;
    sim_worker_post(&gateway->workers[hf_rng_below(&gateway->sim->rng, gateway->worker_count)],
                    sock->conn->path->sip ? SIM_POST_SIP_ACCEPT : SIM_POST_ACCEPT, sock);
    return true;
}

static void init_tenant(struct sim_gateway *gateway)
{
    char error[256];

    gateway->rules = gateway->sim->plan.rules;
    gateway->tenant.name = HF_SLICE("acme");
    atomic_store(&gateway->tenant.rules, &gateway->rules);
    gateway->auth_tenant =
        (struct hf_auth_tenant){.tenant = &gateway->tenant, .policy = {.device_required = true}};
    gateway->keys = hf_jwt_keys_new();
    hf_err err = gateway->keys != NULL
                     ? hf_jwt_keys_add_secret(gateway->keys, HF_SLICE("k1"), gateway->tenant.name,
                                              HF_SLICE(SECRET), error, sizeof(error))
                     : HF_ERR_NOMEM;
    HF_ASSERT(err == HF_OK);
    gateway->auth_set = (struct hf_auth_set){
        .keys = gateway->keys, .tenants = &gateway->auth_tenant, .tenant_count = 1, .generation = 1};
}

void sim_gateway_init(struct sim_gateway *gateway, struct sim *sim)
{
    gateway->sim = sim;
    gateway->worker_count = sim->plan.workers;
    gateway->host.up = true;
    gateway->slowness = 1;
    gateway->steps_left = UINT64_MAX;
    gateway->start.on_due = on_start;
    gateway->death.on_due = on_death;
    gateway->clock.events = &sim->events;
    gateway->clock.mono_base_us = UINT64_C(1000000) * sim_between(&sim->rng, 10, 100000);
    gateway->clock.skew_ppm = (int64_t)sim_between(&sim->rng, 0, 200) - 100;
    hf_rng_seed(&gateway->rng, hf_rng_u64(&sim->rng));
    sim_disk_init(&gateway->disk, gateway, hf_rng_u64(&sim->rng));
    hf_err err = hf_kv_memory_open(&gateway->kv);
    HF_ASSERT(err == HF_OK);
    sim_series_init(gateway);
    init_tenant(gateway);
    sim->net.server = &gateway->host;
    sim->net.accept = on_accept;
    sim->net.context = gateway;
}

/* ---- start ---- */

static void on_report(void *context, const struct hf_log_report *report)
{
    struct sim_gateway *gateway = context;

    sim_trace(&gateway->sim->trace, "log", "%s offset %" PRIu64 " bytes %" PRIu64,
              hf_log_incident_name(report->event), report->offset, report->bytes);
}

static hf_err open_log(struct sim_gateway *gateway)
{
    const struct sim_plan *plan = &gateway->sim->plan;
    struct hf_log_options options = {
        .files = &gateway->disk.files,
        .segment_bytes = plan->segment_bytes,
        .retain_bytes_max = plan->retain_bytes,
        .log_id = hf_rng_u64(&gateway->rng) | 1,
        .now_ms = sim_clock_utc_ms(&gateway->clock),
        .report = on_report,
        .report_context = gateway,
    };
    bool repaired = false;
    hf_err err = hf_log_open(LOG_DIR, &options, &gateway->log);

    if (err != HF_ERR_CORRUPT)
        return err;
    gateway->log = NULL;
    err = hf_log_repair(LOG_DIR, &options, &repaired); /* what the operator does when told so */
    return err == HF_OK ? hf_log_open(LOG_DIR, &options, &gateway->log) : err;
}

static void record_node(struct sim_gateway *gateway, enum hf_event_type type)
{
    struct hf_event event = {.type = (uint8_t)type, .format = HF_FORMAT_JSON, .to = gateway->boot};

    (void)hf_journal_append(&gateway->workers[0].journal.base, &event, NULL);
}

void sim_gateway_alive(struct sim_gateway *gateway, uint64_t now_ms)
{
    uint64_t durable = hf_log_durable_through(gateway->log);

    if (durable != gateway->alive_offset) {
        gateway->alive_offset = durable;
        gateway->alive_ms = now_ms;
    } else if (now_ms - gateway->alive_ms >= ALIVE_MS) {
        gateway->alive_ms = now_ms;
        record_node(gateway, HF_EVENT_NODE_ALIVE);
    }
}

static uint64_t last_record_ms(struct hf_log *log)
{
    uint64_t last = hf_log_durable_through(log), time_ms = 0;
    struct hf_log_reader *reader = NULL;
    struct hf_log_record record;

    if (last == 0 || hf_log_reader_open(log, last, &reader) != HF_OK)
        return 0;
    if (hf_log_reader_next(reader, &record) == HF_OK)
        time_ms = record.time_ms;
    hf_log_reader_close(reader);
    return time_ms;
}

static struct hf_tenant *tenant_of(void *context, struct hf_slice name)
{
    struct sim_gateway *gateway = context;

    return hf_slice_eq(name, gateway->tenant.name) ? &gateway->tenant : NULL;
}

static hf_err open_workers(struct sim_gateway *gateway)
{
    hf_err err = HF_OK;

    for (unsigned i = 0; err == HF_OK && i < gateway->worker_count; i++)
        err = sim_worker_start(gateway, i);
    for (unsigned i = 0; err == HF_OK && i < gateway->worker_count; i++)
        err = hf_hub_restore(&gateway->workers[i].hub, tenant_of, gateway);
    for (unsigned i = 0; err == HF_OK && i < gateway->worker_count; i++)
        err = sim_gb_restore(&gateway->workers[i]);
    return err;
}

void sim_gateway_start(struct sim_gateway *gateway)
{
    struct sim *sim = gateway->sim;

    gateway->host.up = true;
    gateway->dying = gateway->draining = gateway->power = false;
    gateway->boot = hf_rng_u64(&gateway->rng) >> 1 | 1;
    gateway->conn_seed = hf_rng_u64(&gateway->rng);
    for (unsigned i = 0; sim->plan.cameras > 0 && i < sizeof(gateway->sip_secret); i++)
        gateway->sip_secret[i] = (uint8_t)hf_rng_u64(&gateway->rng);
    gateway->started_utc_ms = sim_clock_utc_ms(&gateway->clock);
    gateway->unknown_until_ms =
        gateway->started_utc_ms + hf_presence_silent_ms(gateway->rules.heartbeat_interval_ms);
    atomic_store(&gateway->tenant.connections, 0);
    memset(gateway->interest, 0, sizeof(gateway->interest));
    sim_media_init(gateway);
    hf_err err = open_log(gateway);
    if (err == HF_OK)
        err = sim_store_replay(gateway);
    if (err != HF_OK) { /* the supervisor tries again */
        sim_trace(&sim->trace, "gw", "cannot start: %s", hf_err_name(err));
        if (gateway->log != NULL) {
            sim_store_end(gateway);
            hf_log_close(gateway->log);
            gateway->log = NULL;
        }
        if (!gateway->dying) /* else its death is due */
            sim_in(&sim->events, &gateway->start, START_RETRY_US);
        return;
    }
    gateway->starts++;
    gateway->awake_us = sim->events.now_us;
    gateway->running = true;
    sim_oracle_started(sim);
    sim_log_host_init(gateway);
    gateway->previous_end_ms = last_record_ms(gateway->log);
    gateway->alive_offset = 0;
    err = open_workers(gateway);
    if (err == HF_OK)
        err = sim_series_start(gateway);
    HF_ASSERT(err == HF_OK);
    record_node(gateway, HF_EVENT_NODE_STARTED);
    sim_store_wake(gateway);
    sim_trace(&sim->trace, "gw", "start %" PRIu64 " boot %" PRIx64 ", durable through %" PRIu64,
              gateway->starts, gateway->boot, hf_log_durable_through(gateway->log));
    for (unsigned i = 0; i < sim->plan.devices; i++)
        sim_path_heal(&sim->net, &sim->devices[i].path);
    for (unsigned i = 0; i < sim->plan.cameras; i++)
        sim_path_heal(&sim->net, &sim->cameras[i].path);
}

/* ---- end ---- */

/* What lies in mailboxes goes home; some of it to another worker's. */
static void settle(struct sim_gateway *gateway)
{
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < gateway->worker_count; i++)
            sim_worker_settle(&gateway->workers[i]);
}

static void end_process(struct sim_gateway *gateway)
{
    struct sim *sim = gateway->sim;

    for (unsigned i = 0; i < sim->plan.apps; i++)
        sim_app_gateway_gone(&sim->apps[i]);
    sim_oracle_stopped(sim);
    for (unsigned i = 0; i < gateway->worker_count; i++)
        sim_worker_end(&gateway->workers[i]);
    gateway->running = false;
    sim_log_host_end(gateway);
    sim_store_end(gateway);
    sim_series_end(gateway);
    settle(gateway);
    for (unsigned i = 0; i < gateway->worker_count; i++)
        hf_hub_answer_all(&gateway->workers[i].hub);
    settle(gateway);
    for (unsigned i = 0; i < gateway->worker_count; i++)
        sim_worker_free(&gateway->workers[i]);
    hf_log_close(gateway->log);
    gateway->log = NULL;
}

void sim_gateway_crash(struct sim_gateway *gateway, bool power, uint64_t down_us)
{
    struct sim *sim = gateway->sim;

    sim_trace(&sim->trace, "gw", "%s, down for %" PRIu64 " ms", power ? "power cut" : "killed",
              down_us / 1000);
    gateway->dying = true;
    gateway->power = power;
    gateway->steps_left = UINT64_MAX;
    gateway->die_nth = 0;
    gateway->paused_until_us = 0;
    sim_cancel(&sim->events, &gateway->death);
    sim_cancel(&sim->events, &gateway->start);
    if (gateway->running)
        end_process(gateway);
    sim_oracle_camera_killed(sim);
    if (power) {
        gateway->host.up = false;
        files_mem_power_cut(gateway->disk.mem);
        hf_kv_memory_power_cut(gateway->kv, (unsigned)hf_rng_below(&sim->rng, 2));
        if (gateway->series.kv != NULL)
            hf_kv_memory_power_cut(gateway->series.kv, (unsigned)hf_rng_below(&sim->rng, 2));
    } else {
        files_mem_crash(gateway->disk.mem);
    }
    sim_in(&sim->events, &gateway->start, down_us);
}

void sim_gateway_crash_at(struct sim_gateway *gateway, bool power, uint64_t effects, uint64_t down_us)
{
    gateway->steps_left = effects;
    gateway->power = power;
    gateway->down_us = down_us;
}

void sim_gateway_crash_at_op(struct sim_gateway *gateway, unsigned op, unsigned nth, uint64_t down_us)
{
    gateway->die_op = op;
    gateway->die_nth = nth;
    gateway->power = false;
    gateway->down_us = down_us;
}

bool sim_gateway_effect(struct sim_gateway *gateway)
{
    if (gateway->dying)
        return false;
    if (gateway->steps_left == UINT64_MAX || --gateway->steps_left > 0)
        return true;
    gateway->dying = true;
    sim_in(&gateway->sim->events, &gateway->death, 0);
    return false;
}

void sim_gateway_drain(struct sim_gateway *gateway)
{
    if (!gateway->running || gateway->dying)
        return;
    gateway->draining = true;
    for (unsigned i = 0; i < gateway->worker_count; i++) {
        gateway->workers[i].drain = true;
        sim_worker_wake(&gateway->workers[i], 0);
    }
}

void sim_gateway_pause(struct sim_gateway *gateway, uint64_t us)
{
    struct sim_events *events = &gateway->sim->events;

    gateway->paused_until_us = gateway->awake_us = events->now_us + us;
    for (unsigned i = 0; gateway->running && i < gateway->worker_count; i++) {
        struct sim_worker *worker = &gateway->workers[i];

        worker->busy_us = HF_MAX(worker->busy_us, gateway->paused_until_us);
        if (sim_armed(&worker->turn))
            sim_at(events, &worker->turn, HF_MAX(worker->turn.at_us, worker->busy_us));
        if (sim_armed(&worker->tick))
            sim_at(events, &worker->tick, HF_MAX(worker->tick.at_us, worker->busy_us));
    }
}

void sim_gateway_deinit(struct sim_gateway *gateway)
{
    if (gateway->running) {
        gateway->dying = true;
        end_process(gateway);
    }
    sim_cancel(&gateway->sim->events, &gateway->start);
    sim_cancel(&gateway->sim->events, &gateway->death);
    hf_kv_close(gateway->kv);
    sim_series_deinit(gateway);
    hf_jwt_keys_free(gateway->keys);
    sim_disk_deinit(&gateway->disk);
}

static bool worker_quiet(const struct sim_worker *worker)
{
    return hf_app_journal_empty(&worker->journal) && hf_list_empty(&worker->inbox) &&
           hf_list_empty(&worker->hub.unsettled) && hf_list_empty(&worker->barriers);
}

bool sim_gateway_quiet(const struct sim_gateway *gateway)
{
    if (!gateway->running || gateway->dying || !sim_log_host_quiet(gateway) ||
        gateway->store.applied < hf_log_durable_through(gateway->log))
        return false;
    for (unsigned i = 0; i < gateway->worker_count; i++)
        if (!worker_quiet(&gateway->workers[i]))
            return false;
    return true;
}
