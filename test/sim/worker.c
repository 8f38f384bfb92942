/* test/sim/worker.c - one worker as app/worker.c has it: a turn reads what came, runs timers, hands the journal over, settles, sends. */
#include <stdlib.h>

#include "sim/gateway.h"
#include "sim/sim.h"

enum {
    TURN_US_MIN = 5,
    TURN_US_MAX = 60, /* a turn's own time: what comes meanwhile waits for the next */
    WAIT_MS_MAX = 1000,
    SECOND_MS = 1000,
    INBOX_BUDGET = 1024,
    CONNECTIONS_MAX = 4096,
};

void sim_worker_wake(struct sim_worker *worker, uint64_t in_us)
{
    struct sim_events *events = &worker->gateway->sim->events;
    uint64_t due_us = HF_MAX(events->now_us + in_us, worker->busy_us);

    if (!sim_armed(&worker->turn) || worker->turn.at_us > due_us)
        sim_at(events, &worker->turn, due_us);
}

static bool post_batch(void *context, struct hf_journal_batch *batch)
{
    struct sim_worker *worker = context;

    if (!sim_gateway_effect(worker->gateway))
        return false;
    sim_log_host_take(worker->gateway, batch);
    return true;
}

void sim_worker_post(struct sim_worker *worker, enum sim_post_kind kind, void *message)
{
    struct sim_post *post = malloc(sizeof(*post));

    HF_ASSERT(post != NULL);
    post->kind = kind;
    post->message = message;
    hf_list_init(&post->node);
    hf_list_push_back(&worker->inbox, &post->node);
    sim_worker_wake(worker, 1 + hf_rng_below(&worker->gateway->sim->rng, 20));
}

/* ---- the turn ---- */

static void take_time(struct sim_worker *worker)
{
    const struct sim_gateway *gateway = worker->gateway;
    uint64_t utc_ms = sim_clock_utc_ms(&gateway->clock);

    worker->now_ms = sim_clock_ms(&gateway->clock);
    hf_hub_time(&worker->hub, worker->now_ms, utc_ms);
    worker->http.now_ms = worker->now_ms;
    worker->http.utc_ms = utc_ms;
}

bool sim_worker_storage_refuses(const struct sim_worker *worker)
{
    uint64_t since_ms = worker->gateway->log_host.failing_since_ms;

    return since_ms != 0 && worker->now_ms > since_ms + worker->gateway->sim->plan.full_grace_ms;
}

static void run_ready(struct sim_worker *worker)
{
    struct hf_list_node now, *node;

    hf_list_init(&now);
    hf_list_splice(&now, &worker->ready);
    while ((node = hf_list_pop_front(&now)) != NULL)
        sim_link_ready(HF_CONTAINER_OF(node, struct sim_link, ready));
}

static void run_inbox(struct sim_worker *worker)
{
    for (unsigned i = 0; i < INBOX_BUDGET && !hf_list_empty(&worker->inbox); i++) {
        struct sim_post *post = HF_CONTAINER_OF(hf_list_pop_front(&worker->inbox), struct sim_post, node);

        sim_worker_on_post(worker, post);
        free(post);
    }
}

static void run_dirty(struct sim_worker *worker)
{
    struct hf_list_node now, *node;

    hf_list_init(&now);
    hf_list_splice(&now, &worker->dirty); /* whoever is made dirty by a handler has the next turn */
    while ((node = hf_list_pop_front(&now)) != NULL)
        sim_link_settle(HF_CONTAINER_OF(node, struct sim_link, dirty));
}

static void free_gone(struct sim_worker *worker)
{
    struct hf_list_node *node;

    while ((node = hf_list_pop_front(&worker->gone)) != NULL)
        sim_link_destroy(HF_CONTAINER_OF(node, struct sim_link, all), worker->gateway->power);
}

static void check_gate(struct sim_worker *worker)
{
    bool closed = !hf_app_journal_open(&worker->journal);

    if (worker->gate_closed && !closed) {
        worker->gate_closed = false;
        hf_ws_site_release(&worker->ws);
    }
    worker->gate_closed = closed;
}

static void end_of_turn(struct sim_worker *worker)
{
    if (!hf_list_empty(&worker->barriers))
        sim_worker_barriers(worker);
    hf_app_journal_submit(&worker->journal);
    if (!hf_list_empty(&worker->hub.unsettled)) {
        hf_hub_settle(&worker->hub);
        hf_app_journal_submit(&worker->journal);
    }
    check_gate(worker);
    if (worker->drain) {
        worker->drain = false;
        hf_ws_site_close_strangers(&worker->ws, HF_REASON_DRAIN);
        (void)hf_hub_drain(&worker->hub, UINT32_MAX, HF_REASON_DRAIN);
        (void)hf_http_site_drain(&worker->http);
        sim_gb_drain(worker);
    }
}

static void arm_next(struct sim_worker *worker)
{
    struct sim_events *events = &worker->gateway->sim->events;

    if (!hf_list_empty(&worker->ready) || !hf_list_empty(&worker->dirty) || !hf_list_empty(&worker->inbox))
        sim_worker_wake(worker, 1);
    sim_at(events, &worker->tick,
           HF_MAX(events->now_us +
                      UINT64_C(1000) * hf_wheel_wait_ms(&worker->wheel, worker->now_ms, WAIT_MS_MAX) + 1,
                  worker->busy_us));
}

static void turn(struct sim_worker *worker)
{
    struct sim_gateway *gateway = worker->gateway;
    struct sim *sim = gateway->sim;

    if (gateway->dying)
        return;
    worker->busy_us =
        sim->events.now_us + gateway->slowness * (TURN_US_MIN + hf_rng_below(&sim->rng, TURN_US_MAX));
    take_time(worker);
    worker->journal.no_space = sim_worker_storage_refuses(worker);
    run_ready(worker);
    run_inbox(worker);
    (void)hf_wheel_run(&worker->wheel, worker->now_ms);
    end_of_turn(worker);
    run_dirty(worker);
    if (gateway->dying)
        return; /* gateway.c ends the process */
    free_gone(worker);
    sim_oracle_turn(sim, worker);
    arm_next(worker);
}

static void on_turn(struct sim_event *event)
{
    turn(HF_CONTAINER_OF(event, struct sim_worker, turn));
}

static void on_tick(struct sim_event *event)
{
    sim_worker_wake(HF_CONTAINER_OF(event, struct sim_worker, tick), 0);
}

static void on_second(struct hf_timer *timer, uint64_t now_ms)
{
    struct sim_worker *worker = HF_CONTAINER_OF(timer, struct sim_worker, second);

    hf_wheel_arm(&worker->wheel, timer, now_ms + SECOND_MS);
    if (worker->index == 0)
        sim_gateway_alive(worker->gateway, now_ms);
    if (worker->index == 0 && !worker->gateway->draining)
        hf_pusher_look(&worker->pusher, now_ms);
    sim_media_second(worker);
    sim_worker_stale(worker);
}

/* ---- life ---- */

static const struct hf_ws_limits limits = {
    .auth_timeout_ms = 5000,
    .close_timeout_ms = 5000,
    .write_timeout_ms = 10000,
    .unauthenticated_message_bytes_max = 4096,
    .message_bytes_max = 1 << 20,
    .fragments_max = 1024,
    .deflate_bytes_min = 512,
};

static void init_hub(struct sim_worker *worker)
{
    struct sim_gateway *gateway = worker->gateway;
    struct hf_hub_options options = {
        .journal = &worker->journal.base,
        .kv = gateway->kv,
        .wheel = &worker->wheel,
        .ops = &sim_hub_ops,
        .context = worker,
        .seed = hf_rng_u64(&gateway->rng),
        .boot = gateway->boot,
        .worker = worker->index,
        .workers = gateway->worker_count,
        .previous_end_ms = gateway->previous_end_ms,
        .return_per_second = gateway->sim->plan.return_per_second,
    };

    for (unsigned i = 0; i < sizeof(options.hash_key); i++)
        options.hash_key[i] = (uint8_t)hf_rng_u64(&gateway->rng);
    hf_app_journal_init(&worker->journal, &worker->hub, worker->index, post_batch, worker);
    hf_hub_init(&worker->hub, &options);
    hf_pusher_init(&worker->pusher, &(struct hf_pusher_options){.kv = gateway->kv,
                                                                .wheel = &worker->wheel,
                                                                .call = sim_worker_push_call,
                                                                .context = worker});
}

static hf_err init_sites(struct sim_worker *worker)
{
    struct sim_gateway *gateway = worker->gateway;

    worker->auth = hf_auth_new(gateway->kv);
    HF_ASSERT(worker->auth != NULL);
    hf_auth_use(worker->auth, &gateway->auth_set);
    worker->ws = (struct hf_ws_site){.hub = &worker->hub,
                                     .auth = worker->auth,
                                     .wheel = &worker->wheel,
                                     .ops = &sim_ws_ops,
                                     .node = HF_SLICE("sim"),
                                     .context = worker};
    hf_err err = hf_ws_site_init(&worker->ws, &limits, CONNECTIONS_MAX);
    if (err == HF_OK)
        err = hf_http_site_init(&worker->http, CONNECTIONS_MAX);
    worker->http.wheel = &worker->wheel;
    worker->http.ops = &sim_http_ops;
    worker->http.context = worker;
    worker->http.auth = worker->auth;
    worker->http.session = true;
    return err == HF_OK ? sim_gb_start(worker) : err;
}

hf_err sim_worker_start(struct sim_gateway *gateway, unsigned index)
{
    struct sim_worker *worker = &gateway->workers[index];
    struct hf_admission_limits admission = {.connections_max = CONNECTIONS_MAX, .plain = {5000, 5000}};

    memset(worker, 0, sizeof(*worker));
    worker->gateway = gateway;
    worker->index = index;
    worker->turn.on_due = on_turn;
    worker->tick.on_due = on_tick;
    hf_list_init(&worker->links);
    hf_list_init(&worker->ready);
    hf_list_init(&worker->dirty);
    hf_list_init(&worker->gone);
    hf_list_init(&worker->inbox);
    hf_list_init(&worker->barriers);
    hf_wheel_init(&worker->wheel, sim_clock_ms(&gateway->clock));
    hf_timer_init(&worker->second, on_second);
    init_hub(worker);
    hf_err err = init_sites(worker);
    hf_admission_init(&worker->admission, &admission, worker->hub.options.hash_key);
    take_time(worker);
    hf_wheel_arm(&worker->wheel, &worker->second, worker->now_ms + SECOND_MS);
    sim_worker_wake(worker, 0);
    return err;
}

void sim_worker_end(struct sim_worker *worker)
{
    struct sim_events *events = &worker->gateway->sim->events;

    sim_cancel(events, &worker->turn);
    sim_cancel(events, &worker->tick);
    hf_wheel_cancel(&worker->wheel, &worker->second);
    hf_pusher_stop(&worker->pusher);
    hf_app_journal_close(&worker->journal);
    hf_ws_site_abort(&worker->ws);
    hf_http_site_deinit(&worker->http);
    sim_gb_end(worker);
    while (!hf_list_empty(&worker->links))
        sim_link_destroy(HF_CONTAINER_OF(worker->links.next, struct sim_link, all), worker->gateway->power);
    free_gone(worker);
}

void sim_worker_settle(struct sim_worker *worker)
{
    while (!hf_list_empty(&worker->inbox))
        run_inbox(worker);
}

void sim_worker_free(struct sim_worker *worker)
{
    struct sim_events *events = &worker->gateway->sim->events;

    HF_ASSERT(hf_list_empty(&worker->inbox));
    sim_gb_free(worker);
    HF_ASSERT(worker->pusher.under_way == 0);
    hf_pusher_deinit(&worker->pusher);
    hf_hub_deinit(&worker->hub);
    hf_ws_site_deinit(&worker->ws);
    hf_app_journal_deinit(&worker->journal);
    HF_ASSERT(worker->wheel.armed == 0);
    hf_auth_free(worker->auth);
    sim_cancel(events, &worker->turn);
    sim_cancel(events, &worker->tick);
}

void sim_worker_applied(struct sim_worker *worker)
{
    if (!hf_list_empty(&worker->barriers))
        sim_worker_wake(worker, 1);
}
