#include "app/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/heatmap.h"
#include "app/media.h"
#include "app/node_life.h"
#include "base/assert.h"
#include "io/clock.h"
#include "io/entropy.h"

/* ---- the log side ---- */

static bool post_batch(void *context, struct hf_journal_batch *batch)
{
    struct hf_worker *worker = context;

    return hf_mailbox_post(worker->gateway->log_thread.from[worker->index], batch) == HF_OK;
}

/* ---- the turn ---- */

static void take_orders(struct hf_worker *worker);
static void drain_step(struct hf_worker *worker);

static void publish_stats(struct hf_worker *worker)
{
    struct hf_worker_stats *stats = &worker->stats;

    pthread_mutex_lock(&worker->stats_mutex);
    stats->loop = worker->loop->stats;
    stats->hub = worker->hub.stats;
    stats->ws = worker->ws.stats;
    stats->http = worker->http.stats;
    stats->api = worker->api.stats;
    stats->admission = worker->admission.stats;
    stats->ledger = worker->hub.ledger.counts;
    stats->echo = worker->echo.stats;
    hf_gbw_stats_copy(&worker->gb, &stats->gb);
    stats->stages = worker->stages;
    stats->latencies = worker->latencies;
    stats->twins = worker->hub.twins.stats;
    stats->pushes = worker->pusher.stats;
    stats->journal_records = worker->journal.records_total;
    stats->journal_batches = worker->journal.batches_total;
    stats->journal_refused = worker->journal.refused_total;
    stats->journal_in_flight_bytes = worker->journal.in_flight_bytes;
    stats->journal_held_bytes = worker->journal.held_bytes;
    stats->held = worker->held_stats;
    stats->backlog = worker->backlog_total;
    stats->moved_in = worker->moved_in;
    stats->moved_out = worker->moved_out;
    stats->refused_no_descriptor = stats->accepted = stats->accept_pauses = 0;
    for (unsigned i = 0; i < worker->gateway->listener_count; i++) {
        if (worker->listeners[i].listener == NULL)
            continue;
        struct hf_listener_stats listener = hf_listener_stats(worker->listeners[i].listener);
        stats->refused_no_descriptor += listener.refused_no_descriptor;
        stats->accepted += listener.accepted;
        stats->accept_pauses += listener.pauses;
    }
    stats->cpu_ns = hf_clock_thread_ns();
    stats->updated_ms = worker->loop->now_ms;
    pthread_mutex_unlock(&worker->stats_mutex);
}

void hf_worker_stats(struct hf_worker *worker, struct hf_worker_stats *ret_stats)
{
    pthread_mutex_lock(&worker->stats_mutex);
    *ret_stats = worker->stats;
    pthread_mutex_unlock(&worker->stats_mutex);
}

bool hf_worker_has_room(const struct hf_worker *worker)
{
    return hf_app_journal_open(&worker->journal) && worker->backlog_total < HF_WORKER_BACKLOG_MAX;
}

static hf_err push_call(void *context, struct hf_call *call)
{
    struct hf_worker *worker = context;

    return worker->backend.ops->call(&worker->backend, call);
}

/* Whoever waited for this worker finds here when, and how long. The line comes from the thread that was held up, so at most one a second. */
static void watch_stalls(struct hf_worker *worker)
{
    uint64_t longest_ms = worker->loop->longest_us / 1000;

    worker->loop->longest_us = 0;
    if (longest_ms >= HF_WORKER_STALL_MS)
        hf_log(&worker->gateway->logger, HF_LOG_LOOP_STALL, HF_F_U64("worker", worker->index),
               HF_F_U64("longest_ms", longest_ms), HF_F_END);
}

static void on_second(struct hf_timer *timer, uint64_t now_ms)
{
    struct hf_worker *worker = HF_CONTAINER_OF(timer, struct hf_worker, second);

    hf_wheel_arm(&worker->loop->wheel, timer, now_ms + (worker->draining ? 100 : HF_WORKER_SWEEP_MS));
    atomic_store(&worker->unowned, hf_worker_unowned(worker));
    hf_held_look(worker, now_ms);
    publish_stats(worker);
    watch_stalls(worker);
    hf_worker_recheck_certificates(worker);
    if (worker->index == 0)
        hf_leaks_watch(&worker->gateway->leaks, worker->gateway, now_ms);
    if (worker->index == 0)
        hf_pools_watch(&worker->gateway->pools, worker->gateway, now_ms);
    if (worker->index == 0)
        hf_gateway_heatmap_look(worker->gateway, worker->hub.utc_ms);
    if (worker->index == 0)
        hf_node_alive_step(worker, now_ms);
    if (worker->index == 0 && !worker->draining)
        hf_pusher_look(&worker->pusher, now_ms);
    hf_worker_stale_step(worker);
    drain_step(worker);
}

/* Devices that were held back are read on. What they had waiting is recorded in the next turn, which may be far when nothing else is under way. */
static void check_gate(struct hf_worker *worker)
{
    if (!hf_gate_opens(&worker->gate, hf_worker_has_room(worker)))
        return;
    hf_ws_site_release(&worker->ws);
    hf_loop_wake(worker->loop);
}

static uint32_t slack_ms(struct hf_worker *worker, uint64_t now_ms)
{
    const struct hf_loop_stats *loop = &worker->loop->stats;
    const struct hf_hub_stats *hub = &worker->hub.stats;
    struct hf_idle_look look = {
        .work = hub->messages_in + hub->messages_out + worker->journal.records_total +
                worker->http.stats.requests + worker->echo.stats.messages + loop->opened + loop->attached +
                loop->inbox_messages + hf_gbw_work(&worker->gb),
        .receives = loop->receives,
        .received_bytes = loop->received_bytes,
        .queued_bytes = loop->queue_bytes_now,
        .commit_under_way = worker->journal.in_flight > 0,
    };
    struct hf_idle_rules rules = {.idle_ms = (uint32_t)worker->rules->config->node.idle_slack_ms,
                                  .commit_ms = (uint32_t)worker->rules->config->node.commit_slack_ms};

    return hf_idle_slack_ms(&worker->idle, &look, &rules, now_ms);
}

static void on_turn_end(struct hf_turn_hook *hook, uint64_t now_ms)
{
    struct hf_worker *worker = HF_CONTAINER_OF(hook, struct hf_worker, hook);

    if (!hf_list_empty(&worker->barriers))
        hf_worker_barriers_run(worker);
    hf_trust_fetch(worker);
    if (worker->backlog_total > 0)
        hf_worker_backlog_flush(worker);
    hf_app_journal_submit(&worker->journal);
    if (!hf_list_empty(&worker->hub.unsettled)) {
        hf_loop_flush(worker->loop); /* most of what is to be settled, by few system calls */
        hf_hub_settle(&worker->hub);
        hf_app_journal_submit(&worker->journal); /* what settling recorded need not wait for another turn */
    }
    check_gate(worker);
    hf_gbw_turn_end(&worker->gb);
    take_orders(worker);
    worker->loop->slack_ms = slack_ms(worker, now_ms);
    hf_worker_count_seats(worker, 0);
}

/* ---- orders of the main thread ---- */

static void begin_drain(struct hf_worker *worker)
{
    worker->draining = true;
    worker->drain_begun_ms = worker->loop->now_ms;
    worker->drain_total = (unsigned)worker->hub.stats.connections;
    for (unsigned i = 0; i < worker->gateway->listener_count; i++) {
        if (worker->listeners[i].shared->roles & HF_HTTP_ADMIN)
            continue; /* who watches the drain asks /readyz and /metrics until the end */
        hf_listener_close(worker->listeners[i].listener);
        worker->listeners[i].listener = NULL;
    }
    hf_gbw_drain_begin(&worker->gb);
    (void)hf_api_drain(&worker->api);
    (void)hf_http_site_drain(&worker->http);
    hf_wheel_arm(&worker->loop->wheel, &worker->second, worker->loop->now_ms);
}

/* Connections close evenly over the window, so that they do not all come back at once. */
static void drain_step(struct hf_worker *worker)
{
    if (!worker->draining || atomic_load(&worker->drained))
        return;
    uint64_t window_ms = worker->rules->config->drain.window_ms;
    uint64_t passed_ms = worker->loop->now_ms - worker->drain_begun_ms;
    unsigned open = (unsigned)worker->hub.stats.connections,
             closed = worker->drain_total - HF_MIN(open, worker->drain_total);
    unsigned due =
        passed_ms >= window_ms ? UINT32_MAX : (unsigned)(worker->drain_total * (passed_ms + 100) / window_ms);

    hf_ws_site_close_strangers(&worker->ws, HF_REASON_DRAIN);
    (void)hf_hub_drain(&worker->hub, due > closed ? due - closed : 0, HF_REASON_DRAIN);
    if (passed_ms >= window_ms)
        hf_gbw_streams_finish(&worker->gb);
    unsigned left =
        hf_http_site_drain(&worker->http) + hf_api_drain(&worker->api) + hf_gbw_upstreams_left(&worker->gb);
    bool late = passed_ms >= window_ms + worker->rules->config->websocket.close_timeout_ms + 1000;
    if ((worker->hub.stats.connections == 0 && left == 0 &&
         worker->loop->stats.streams_now <= worker->http.admin_now &&
         hf_app_journal_empty(&worker->journal)) ||
        late)
        atomic_store(&worker->drained, true);
}

static void take_orders(struct hf_worker *worker)
{
    uint64_t in_use = worker->fetched_keys != NULL ? worker->fetched_keys->generation : 0;

    if (hf_jwks_generation(worker->gateway->jwks) != in_use)
        hf_worker_use_fetched_keys(worker);
    if (atomic_exchange_explicit(&worker->reload, false, memory_order_acquire)) {
        (void)hf_worker_use_rules(worker, worker->gateway->rules);
        worker->deny_generation = UINT64_MAX; /* CRL and CA files may have changed with it */
        hf_worker_recheck_certificates(worker);
    }
    if (!worker->draining && atomic_load_explicit(&worker->drain, memory_order_acquire))
        begin_drain(worker);
    if (!worker->stopping && atomic_load_explicit(&worker->stop, memory_order_acquire)) {
        worker->stopping = true;
        hf_loop_stop(worker->loop);
    }
}

/* ---- life ---- */

static uint64_t utc_us(void)
{
    return (uint64_t)hf_clock_utc_ns() / 1000;
}

static void turn_begin(struct hf_worker *worker)
{
    uint64_t now_us = utc_us(), utc_ms = now_us / 1000;

    hf_hub_time(&worker->hub, worker->loop->now_ms, utc_ms);
    worker->hub.utc_us = now_us;
    worker->http.now_ms = worker->loop->now_ms;
    worker->http.utc_ms = utc_ms;
    atomic_store_explicit(&worker->turn_ms, worker->loop->now_ms, memory_order_relaxed);
}

static void on_turn_begin(struct hf_loop *loop)
{
    struct hf_worker *worker = loop->user;

    turn_begin(worker);
    worker->journal.no_space = hf_worker_storage_refuses(worker);
}

/* A fleet comes back at the rate at which handshakes are let in (RC-4). */
static uint32_t return_rate(const struct hf_config *config, unsigned workers)
{
    uint64_t rate = config->session.return_per_s;

    return (uint32_t)HF_MIN(rate ? rate : config->admission.tls_accept_per_s * workers, (uint64_t)UINT32_MAX);
}

static hf_err make_parts(struct hf_worker *worker, const struct hf_config *config)
{
    const struct hf_gateway *gateway = worker->gateway;
    struct hf_loop_options options = {
        .streams_max = HF_WORKER_CONNECTIONS_MAX,
        .handshake_budget_us = (uint32_t)config->admission.tls_turn_budget_us,
        .send_one_by_one = !config->node.io_uring,
        .queue_bytes_hard_max =
            (uint32_t)(config->delivery.send_queue_high_bytes + 4 * config->websocket.message_bytes_max),
    };

    worker->loop = hf_loop_new(&options);
    worker->inbox = hf_inbox_new(gateway->worker_count + 5);
    worker->to = calloc(gateway->worker_count, sizeof(struct hf_mailbox *));
    worker->backlog = calloc(gateway->worker_count, sizeof(*worker->backlog));
    worker->listeners = calloc(gateway->listener_count, sizeof(*worker->listeners));
    worker->auth = hf_auth_new(gateway->kv);
    if (!worker->loop || !worker->inbox || !worker->to || !worker->backlog || !worker->listeners ||
        !worker->auth)
        return HF_ERR_NOMEM;
    worker->loop->user = worker;
    return HF_OK;
}

static void begin_core(struct hf_worker *worker, const struct hf_config *config, const uint8_t hash_key[16])
{
    struct hf_gateway *gateway = worker->gateway;

    hf_app_journal_init(&worker->journal, &worker->hub, worker->index, post_batch, worker);
    worker->journal.latency = &worker->latencies.of[HF_LATENCY_DURABLE];
    worker->journal.clock_us = hf_clock_us;
    struct hf_hub_options hub = {
        .latencies = &worker->latencies,
        .utc_us = utc_us,
        .twins_max = (uint32_t)config->samples.live_devices_max,
        .journal = &worker->journal.base,
        .kv = gateway->kv,
        .wheel = &worker->loop->wheel,
        .ops = &hf_worker_hub_ops,
        .context = worker,
        .seed = hf_entropy_u64(),
        .boot = gateway->boot,
        .worker = worker->index,
        .workers = gateway->worker_count,
        .previous_end_ms = gateway->previous_end_ms,
        .return_per_second = return_rate(config, gateway->worker_count),
    };
    memcpy(hub.hash_key, hash_key, sizeof(hub.hash_key));
    hf_hub_init(&worker->hub, &hub);
    hf_pusher_init(&worker->pusher, &(struct hf_pusher_options){.kv = gateway->kv,
                                                                .wheel = &worker->loop->wheel,
                                                                .call = push_call,
                                                                .context = worker});
}

static hf_err begin_sites(struct hf_worker *worker)
{
    worker->ws.node = hf_slice_of(worker->node);
    worker->ws.hub = &worker->hub;
    worker->ws.auth = worker->auth;
    worker->ws.wheel = &worker->loop->wheel;
    worker->ws.ops = &hf_worker_ws_ops;
    worker->ws.context = worker;
    worker->echo.wheel = &worker->loop->wheel;
    hf_err err = hf_http_site_init(&worker->http, HF_WORKER_CONNECTIONS_MAX);
    if (err == HF_OK)
        err = hf_echo_site_init(&worker->echo, HF_WORKER_CONNECTIONS_MAX);
    worker->http.wheel = &worker->loop->wheel;
    worker->http.clock_us = hf_clock_us;
    hf_auth_time(worker->auth, hf_clock_us, &worker->stages.auth);
    worker->http.ops = &hf_worker_http_ops;
    worker->http.context = worker;
    worker->http.auth = worker->auth;
    return err;
}

hf_err hf_worker_new(struct hf_gateway *gateway, unsigned index, struct hf_worker **ret_worker)
{
    struct hf_worker *worker = calloc(1, sizeof(*worker));
    const struct hf_config *config = gateway->rules->config;
    uint8_t key[16];

    if (worker == NULL)
        return HF_ERR_NOMEM;
    *ret_worker = worker; /* the caller frees it on failure */
    worker->gateway = gateway;
    worker->index = index;
    worker->conn_seed = hf_entropy_u64();
    hf_entropy(key, sizeof(key));
    hf_list_init(&worker->barriers);
    hf_timer_init(&worker->second, on_second);
    pthread_mutex_init(&worker->stats_mutex, NULL);
    hf_err err = make_parts(worker, config);
    if (err != HF_OK)
        return err;
    begin_core(worker, config, key);
    if (config->node.name != NULL)
        snprintf(worker->node, sizeof(worker->node), "%s", config->node.name);
    else
        (void)gethostname(worker->node, sizeof(worker->node) - 1); /* cut, or empty: it is for people */
    err = begin_sites(worker);
    worker->backend = (struct hf_backend){
        .ops = &hf_worker_backend_ops,
        .kv = gateway->kv,
        .boot = gateway->boot,
        .started_ms = gateway->started_utc_ms,
        .unknown_until_ms = gateway->started_utc_ms + hf_presence_silent_ms(config->heartbeat.idle_ms),
    };
    turn_begin(worker);
    hf_api_init(&worker->api, &worker->backend, worker->auth, &worker->http);
    struct hf_admission_limits none = {0};
    hf_admission_init(&worker->admission, &none, key);
    if (err == HF_OK)
        err = hf_worker_use_rules(worker, gateway->rules);
    return err == HF_OK ? hf_gbw_open(worker) : err;
}

hf_err hf_worker_connect(struct hf_worker *worker)
{
    struct hf_gateway *gateway = worker->gateway;
    uint32_t tails = HF_MAX((uint32_t)HF_MAILBOX_ENTRIES, 2 * gateway->tail_thread.readers_max);
    hf_err err = HF_OK;

    /* Mailbox i of this inbox is written to by worker i. */
    for (unsigned i = 0; err == HF_OK && i < gateway->worker_count; i++) {
        struct hf_worker *writer = gateway->workers[i];

        err = hf_inbox_add(worker->inbox, (unsigned)gateway->rules->config->limits.mailbox_entries_max,
                           &writer->to[worker->index]);
        if (err == HF_OK)
            hf_mailbox_tell(writer->to[worker->index], writer->inbox);
    }
    if (err == HF_OK)
        err = hf_inbox_add(worker->inbox, 0, &worker->from_log);
    if (err == HF_OK)
        err = hf_inbox_add(worker->inbox, tails, &worker->from_tail);
    if (err == HF_OK)
        err = hf_inbox_add(worker->inbox, HF_SERIES_QUERIES_MAX, &worker->from_series);
    if (err == HF_OK)
        err = hf_inbox_add(worker->inbox, HF_RENEWALS_WAITING_MAX, &worker->from_renewal);
    if (err == HF_OK && gateway->media != NULL)
        err = hf_inbox_add(worker->inbox, hf_media_entries(gateway->media), &worker->from_media);
    if (err == HF_OK && gateway->media != NULL)
        hf_media_connect(gateway->media, worker->index, worker->from_media);
    if (err == HF_OK)
        err = hf_loop_set_inbox(worker->loop, worker->inbox, hf_worker_on_message);
    hf_renewal_connect(gateway->renewal, worker->index, worker->from_renewal);
    gateway->log_thread.to[worker->index] = worker->from_log;
    gateway->tail_thread.to[worker->index] = worker->from_tail;
    if (gateway->series != NULL)
        gateway->series->to[worker->index] = worker->from_series;
    return err;
}

static void run(void *context)
{
    struct hf_worker *worker = context;

    worker->hook.on_turn_end = on_turn_end;
    hf_list_init(&worker->hook.node);
    hf_loop_hook_add(worker->loop, &worker->hook);
    hf_wheel_arm(&worker->loop->wheel, &worker->second, hf_clock_ms() + HF_WORKER_SWEEP_MS);
    worker->loop->on_turn_begin = on_turn_begin;
    hf_loop_run(worker->loop);
    publish_stats(worker);
}

hf_err hf_worker_start(struct hf_worker *worker)
{
    char name[HF_THREAD_NAME_MAX + 1];
    int cpu = worker->gateway->rules->config->node.pin_workers ? (int)(worker->index % hf_thread_cpus())
                                                               : HF_THREAD_ANY_CPU;

    snprintf(name, sizeof(name), "hf-worker-%u", worker->index);
    return hf_thread_start(&worker->thread, name, cpu, run, worker);
}

static void on_leftover(void *context, unsigned mailbox, void *message)
{
    struct hf_worker *worker = context;

    hf_worker_on_message(worker->loop, mailbox, message);
}

void hf_worker_close(struct hf_worker *worker)
{
    if (worker->closed || worker->hub.options.journal == NULL)
        return;
    worker->closed = true;
    hf_loop_hook_remove(&worker->hook);
    hf_wheel_cancel(&worker->loop->wheel, &worker->second);
    hf_pusher_stop(&worker->pusher);
    for (unsigned i = 0; i < worker->gateway->listener_count; i++)
        hf_listener_close(worker->listeners[i].listener);
    hf_gbw_close(&worker->gb);
    if (worker->ws.conns != NULL)
        hf_ws_site_abort(&worker->ws);
    if (worker->echo.conns != NULL)
        hf_echo_site_abort(&worker->echo);
    if (worker->http.conns != NULL)
        hf_http_site_deinit(&worker->http);
    if (worker->api.backend != NULL)
        hf_api_deinit(&worker->api);
    hf_loop_turn(worker->loop, 0); /* frees the streams */
}

bool hf_worker_settle(struct hf_worker *worker)
{
    size_t taken = 0;

    if (!worker->closed || worker->loop->inbox == NULL)
        return false;
    taken = hf_inbox_drain(worker->inbox, on_leftover, worker, SIZE_MAX);
    if (worker->backlog_total > 0)
        hf_worker_backlog_flush(worker);
    hf_app_journal_submit(&worker->journal);
    return taken > 0 || worker->backlog_total > 0;
}

void hf_worker_free(struct hf_worker *worker)
{
    if (worker == NULL)
        return;
    hf_gbw_free(&worker->gb);
    if (worker->hub.options.journal != NULL) {
        hf_hub_deinit(&worker->hub);
        hf_pusher_deinit(&worker->pusher);
        if (worker->ws.conns != NULL)
            hf_ws_site_deinit(&worker->ws);
        hf_echo_site_deinit(&worker->echo);
        hf_app_journal_deinit(&worker->journal);
    }
    hf_loop_free(worker->loop);
    free(worker->backlog);
    free(worker->to);
    free(worker->listeners);
    hf_auth_free(worker->auth);
    hf_jwks_give(worker->gateway->jwks, worker->fetched_keys);
    hf_inbox_free(worker->inbox);
    pthread_mutex_destroy(&worker->stats_mutex);
    free(worker);
}
