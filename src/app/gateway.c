/* app/gateway.c - builds the gateway from its configuration, in the order of what needs what, and takes it down in the other. */
#include "app/gateway.h"

#include "app/fleet_index.h"
#include "app/media.h"
#include "app/node_life.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/worker.h"
#include "base/assert.h"
#include "io/clock.h"
#include "io/entropy.h"
#include "io/files_posix.h"
#include "store/lmdb/kv_lmdb.h"
#include "store/memory/kv_memory.h"

/* ---- the log tells ---- */

static void on_log_report(void *context, const struct hf_log_report *report)
{
    struct hf_gateway *gateway = context;
    enum hf_log_event event = HF_LOG_LOG_RECOVERED;

    switch (report->event) {
    case HF_LOG_TORN_TAIL: event = HF_LOG_LOG_CUT; break;
    case HF_LOG_DAMAGE:
    case HF_LOG_HEAD_DAMAGED: event = HF_LOG_LOG_DAMAGED; break;
    case HF_LOG_WRITE_FAILED:
    case HF_LOG_SYNC_FAILED: event = HF_LOG_LOG_ERROR; break;
    case HF_LOG_SEGMENT_STARTED:
    case HF_LOG_SEGMENT_DELETED: event = HF_LOG_LOG_SEGMENT; break;
    default: break;
    }
    hf_log(&gateway->logger, event, HF_F_STR("what", hf_log_incident_text(report->event)),
           HF_F_STR("path", report->path), HF_F_U64("position", report->position),
           HF_F_U64("offset", report->offset), HF_F_U64("bytes", report->bytes),
           HF_F_STR("error", report->err != HF_OK ? hf_err_name(report->err) : NULL), HF_F_END);
}

static void wake_workers(struct hf_gateway *gateway)
{
    for (unsigned i = 0; i < gateway->worker_count; i++)
        if (atomic_exchange(&gateway->workers[i]->wants_applied, false))
            hf_loop_wake(gateway->workers[i]->loop);
}

static void on_applied(void *context)
{
    wake_workers(context);
}

static void on_durable(void *context)
{
    struct hf_gateway *gateway = context;

    hf_store_thread_wake(&gateway->store_thread);
    hf_tail_thread_wake(&gateway->tail_thread);
}

/* ---- parts ---- */

enum hf_log_level hf_gateway_log_level(enum hf_config_log_level level)
{
    switch (level) {
    case HF_CONFIG_LEVEL_ERROR: return HF_LOG_ERROR;
    case HF_CONFIG_LEVEL_WARN: return HF_LOG_WARN;
    case HF_CONFIG_LEVEL_DEBUG: return HF_LOG_DEBUG;
    default: return HF_LOG_INFO;
    }
}

static hf_err open_logging(struct hf_gateway *gateway, const struct hf_config *config, char *error,
                           size_t error_bytes)
{
    enum hf_log_format format = config->logging.format == HF_CONFIG_FORMAT_JSON ? HF_LOG_JSON : HF_LOG_LOGFMT;
    hf_err err = hf_log_sink_open(&gateway->sink, config->logging.file, config->logging.to_stderr, format);

    if (err == HF_ERR_IO)
        snprintf(error, error_bytes, "cannot open logging.file '%s': %s", config->logging.file,
                 strerror(errno));
    if (err != HF_OK)
        return err;
    struct hf_log_sink sink = hf_log_sink_of(&gateway->sink);
    hf_logger_init(&gateway->logger, &sink, format, hf_gateway_log_level(config->logging.level));
    return HF_OK;
}

/* Connections are descriptors: as many as the system lets us have. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static hf_err make_data_dir(struct hf_gateway *gateway, const char *dir, char *error, size_t error_bytes)
{
    snprintf(gateway->data_dir, sizeof(gateway->data_dir), "%s", dir);
    if (mkdir(dir, 0750) == 0 || errno == EEXIST)
        return HF_OK;
    snprintf(error, error_bytes, "cannot create node.data_dir '%s': %s; create it or name another one", dir,
             strerror(errno));
    return HF_ERR_IO;
}

static hf_err open_log(struct hf_gateway *gateway, const struct hf_config *config, char *error,
                       size_t error_bytes)
{
    char dir[HF_LOG_PATH_BYTES_MAX];
    struct hf_log_options options = {
        .files = hf_files_posix(),
        .segment_bytes = HF_MIN(config->log.segment_bytes, (uint64_t)HF_LOG_SEGMENT_BYTES_MAX),
        .retain_bytes_max = config->log.retention_bytes,
        .retain_age_ms = config->log.retention_ms,
        .log_id = hf_entropy_u64() | 1,
        .now_ms = gateway->started_utc_ms,
        .readers_max = (uint32_t)config->api.events_readers_max + 8,
        .report = on_log_report,
        .report_context = gateway,
    };

    snprintf(dir, sizeof(dir), "%s/log", gateway->data_dir);
    hf_err err = hf_log_open(dir, &options, &gateway->log);
    if (err == HF_ERR_CORRUPT)
        snprintf(error, error_bytes,
                 "the event log in '%s' is damaged (see the line log_damaged above for file and offset); "
                 "`holdfast repair-log --data %s` keeps every intact record and goes on",
                 dir, gateway->data_dir);
    else if (err == HF_ERR_BUSY)
        snprintf(error, error_bytes, "the data directory '%s' is in use by another running gateway",
                 gateway->data_dir);
    else if (err != HF_OK)
        snprintf(error, error_bytes, "cannot open the event log in '%s': %s (%s)", dir, hf_err_text(err),
                 strerror(errno));
    return err;
}

static hf_err open_store(struct hf_gateway *gateway, const struct hf_config *config, char *error,
                         size_t error_bytes)
{
    char dir[HF_LOG_PATH_BYTES_MAX];
    struct hf_kv_lmdb_options options = {.map_bytes = config->store.map_initial_bytes,
                                         .map_bytes_max = config->store.map_max_bytes};
    uint64_t events = 0, begun_ms = hf_clock_ms();

    snprintf(dir, sizeof(dir), "%s/store", gateway->data_dir);
    hf_err err = config->store.kind == HF_CONFIG_STORE_MEMORY ? hf_kv_memory_open(&gateway->kv)
                                                              : hf_kv_lmdb_open(dir, &options, &gateway->kv);
    if (err != HF_OK) {
        snprintf(error, error_bytes,
                 "cannot open the store in '%s': %s; if it is damaged, delete it: the event log is replayed "
                 "into a new one",
                 dir, hf_err_text(err));
        return err;
    }
    gateway->store_thread.log = gateway->log;
    gateway->store_thread.kv = gateway->kv;
    gateway->store_thread.logger = &gateway->logger;
    gateway->store_thread.ages = (struct hf_sweep_ages){
        config->delivery.idempotency_ms, config->shadow.history_ms, config->presence.history_ms,
        config->presence.history_bytes,  config->audit.history_ms,  config->audit.history_bytes};
    gateway->store_thread.on_applied = on_applied;
    gateway->store_thread.context = gateway;
    err = hf_store_thread_replay(&gateway->store_thread, &events);
    if (err == HF_OK)
        err = hf_fleet_index_follow(gateway->kv, config, &gateway->logger);
    if (err != HF_OK) {
        snprintf(error, error_bytes, "cannot replay the event log into the store in '%s': %s", dir,
                 hf_err_text(err));
        return err;
    }
    gateway->previous_end_ms = hf_node_last_record_ms(gateway->log);
    hf_log(&gateway->logger, HF_LOG_STORE_REPLAYED, HF_F_U64("events", events),
           HF_F_U64("durable_through", hf_log_durable_through(gateway->log)),
           HF_F_U64("took_ms", hf_clock_ms() - begun_ms), HF_F_END);
    return HF_OK;
}

static struct hf_tenant *tenant_of(void *context, struct hf_slice name)
{
    return hf_tenants_find(context, name);
}

static hf_err open_workers(struct hf_gateway *gateway, char *error, size_t error_bytes)
{
    hf_err err = HF_OK;

    gateway->workers = calloc(gateway->worker_count, sizeof(struct hf_worker *));
    if (gateway->workers == NULL)
        return HF_ERR_NOMEM;
    for (unsigned i = 0; err == HF_OK && i < gateway->worker_count; i++)
        err = hf_worker_new(gateway, i, &gateway->workers[i]);
    for (unsigned i = 0; err == HF_OK && i < gateway->worker_count; i++)
        err = hf_worker_connect(gateway->workers[i]);
    for (unsigned i = 0; err == HF_OK && i < gateway->worker_count; i++)
        err = hf_hub_restore(&gateway->workers[i]->hub, tenant_of, gateway->tenants);
    for (unsigned i = 0; err == HF_OK && i < gateway->worker_count; i++)
        err = hf_gbw_restore(&gateway->workers[i]->gb);
    if (err != HF_OK)
        snprintf(error, error_bytes, "cannot make the workers: %s (%s)", hf_err_text(err), strerror(errno));
    return err;
}

/* Other keys came by URL: each worker takes them with its next turn. */
static void on_keys(void *context)
{
    struct hf_gateway *gateway = context;

    for (unsigned i = 0; i < gateway->worker_count; i++)
        hf_loop_wake(gateway->workers[i]->loop);
}

static hf_err build(struct hf_gateway *gateway, struct hf_config *config, char *error, size_t error_bytes)
{
    hf_err err = open_logging(gateway, config, error, error_bytes);
    struct hf_renewal_set *cas = NULL;

    raise_descriptor_limit();
    if (err == HF_OK)
        err = make_data_dir(gateway, config->node.data_dir, error, error_bytes);
    gateway->regions = hf_regions_new();
    if (err == HF_OK)
        err = gateway->regions != NULL ? hf_regions_use(gateway->regions, config) : HF_ERR_NOMEM;
    gateway->latency_history = hf_latency_history_new();
    if (err == HF_OK && gateway->latency_history == NULL)
        err = HF_ERR_NOMEM;
    if (err == HF_OK) {
        gateway->tenants = hf_tenants_new();
        err = gateway->tenants ? hf_tenants_load(gateway->tenants, config, gateway->env, error, error_bytes)
                               : HF_ERR_NOMEM;
    }
    if (err == HF_OK)
        err = hf_jwks_new(&gateway->logger, on_keys, gateway, &gateway->jwks);
    if (err == HF_OK)
        err = hf_renewal_new(&gateway->logger, gateway->worker_count, &gateway->renewal);
    if (err == HF_OK)
        err = hf_renewal_load(config, &cas, error, error_bytes);
    if (err == HF_OK)
        err = hf_renewal_use(gateway->renewal, cas);
    if (err == HF_OK)
        err = open_log(gateway, config, error, error_bytes);
    if (err == HF_OK)
        err = open_store(gateway, config, error, error_bytes);
    if (err == HF_OK)
        err = hf_gateway_listeners_open(gateway, config, error, error_bytes);
    if (err == HF_OK)
        err = hf_gateway_gb_init(gateway, config, error, error_bytes);
    if (err == HF_OK)
        err = hf_gateway_media_init(gateway, config, error, error_bytes);
    if (err == HF_OK)
        err = hf_gateway_series_init(gateway, config, error, error_bytes);
    gateway->log_thread.log = gateway->tail_thread.log = gateway->log;
    gateway->tail_thread.log_thread = &gateway->log_thread;
    gateway->log_thread.logger = gateway->tail_thread.logger = &gateway->logger;
    gateway->log_thread.workers = gateway->tail_thread.workers = gateway->worker_count;
    gateway->log_thread.group_wait_us = (uint32_t)config->log.group_wait_us;
    gateway->log_thread.group_pace_us = (uint32_t)config->log.group_pace_us;
    gateway->log_thread.on_durable = on_durable;
    gateway->log_thread.context = gateway;
    gateway->tail_thread.readers_max = (uint32_t)config->api.events_readers_max;
    if (err == HF_OK)
        err = hf_log_thread_init(&gateway->log_thread);
    if (err == HF_OK)
        err = hf_tail_thread_init(&gateway->tail_thread);
    if (err == HF_OK)
        err = open_workers(gateway, error, error_bytes);
    if (err == HF_OK)
        err = hf_gateway_listeners_bind(gateway, error, error_bytes);
    return err == HF_OK ? hf_gateway_gb_bind(gateway, error, error_bytes) : err;
}

hf_err hf_gateway_open(struct hf_config *config, char *const *env, struct hf_gateway **ret_gateway,
                       char *error, size_t error_bytes)
{
    struct hf_gateway *gateway = calloc(1, sizeof(*gateway));
    struct hf_gateway_rules *rules = NULL;
    hf_err err = gateway ? HF_OK : HF_ERR_NOMEM;

    snprintf(error, error_bytes, "out of memory");
    if (err == HF_OK)
        err = hf_gateway_rules_new(config, env, &rules, error, error_bytes);
    if (err != HF_OK) {
        free(gateway);
        return err;
    }
    gateway->rules = rules;
    gateway->env = env;
    hf_login_init(&gateway->login);
    hf_trust_init(&gateway->trust, gateway);
    gateway->boot = hf_entropy_u64() >> 1 | 1;
    /* Once: each thread has room for so many, and which CPUs are ours may change. */
    gateway->worker_count = HF_MIN(config->node.workers ? (unsigned)config->node.workers : hf_thread_cpus(),
                                   (unsigned)HF_WORKERS_MAX);
    gateway->started_utc_ms = hf_clock_utc_ms();
    gateway->started_ms = hf_clock_ms();
    err = build(gateway, config, error, error_bytes);
    if (err != HF_OK) {
        rules->config = NULL; /* stays the caller's */
        hf_gateway_free(gateway);
        return err;
    }
    *ret_gateway = gateway;
    return HF_OK;
}

hf_err hf_gateway_start(struct hf_gateway *gateway)
{
    hf_err err = hf_log_thread_start(&gateway->log_thread);

    if (err == HF_OK)
        err = hf_store_thread_start(&gateway->store_thread);
    if (err == HF_OK)
        err = hf_tail_thread_start(&gateway->tail_thread);
    if (err == HF_OK && gateway->series != NULL)
        err = hf_series_thread_start(gateway->series);
    if (err == HF_OK && gateway->media != NULL)
        err = hf_media_start(gateway->media);
    if (err == HF_OK)
        err = hf_jwks_use(gateway->jwks, gateway->rules->config);
    if (err == HF_OK)
        err = hf_trust_start(&gateway->trust);
    hf_pools_begin(gateway);
    /* Before its worker runs the journal is still ours. At once: the first record of this start comes before all others. */
    hf_node_record(gateway, HF_EVENT_NODE_STARTED);
    hf_app_journal_submit(&gateway->workers[0]->journal);
    for (unsigned i = 0; err == HF_OK && i < gateway->worker_count; i++)
        err = hf_worker_start(gateway->workers[i]);
    if (err != HF_OK)
        return err;
    hf_gateway_listeners_log(gateway);
    hf_gateway_gb_log(gateway);
    atomic_store(&gateway->started, true);
    hf_log(&gateway->logger, HF_LOG_STARTED, HF_F_STR("version", HF_VERSION),
           HF_F_U64("workers", gateway->worker_count),
           HF_F_U64("took_ms", hf_clock_ms() - gateway->started_ms), HF_F_END);
    return HF_OK;
}

void hf_gateway_drain(struct hf_gateway *gateway)
{
    if (atomic_exchange(&gateway->draining, true))
        return;
    hf_log(&gateway->logger, HF_LOG_DRAIN_STARTED,
           HF_F_U64("window_ms", gateway->rules->config->drain.window_ms), HF_F_END);
    for (unsigned i = 0; i < gateway->worker_count; i++) {
        atomic_store(&gateway->workers[i]->drain, true);
        hf_loop_wake(gateway->workers[i]->loop);
    }
}

bool hf_gateway_drained(const struct hf_gateway *gateway)
{
    for (unsigned i = 0; i < gateway->worker_count; i++)
        if (!atomic_load(&gateway->workers[i]->drained))
            return false;
    return true;
}

static void settle(struct hf_gateway *gateway)
{
    bool more = true;

    while (more) {
        more = false;
        for (unsigned i = 0; i < gateway->worker_count; i++)
            if (gateway->workers[i] != NULL)
                more |= hf_worker_settle(gateway->workers[i]);
    }
}

/* Connections and requests of all workers before any mailbox: what is left in one is for nobody then. */
static void close_workers(struct hf_gateway *gateway)
{
    for (unsigned i = 0; i < gateway->worker_count; i++)
        if (gateway->workers[i] != NULL)
            hf_worker_close(gateway->workers[i]);
    settle(gateway);
}

/* The log thread has ended. Its batches come back, and so does every call: its maker may be on any worker, so that no worker can be
 * freed before. */
static void answer_callers(struct hf_gateway *gateway)
{
    hf_trust_finish(&gateway->trust);
    for (unsigned i = 0; i < gateway->worker_count; i++)
        if (gateway->workers[i] != NULL)
            hf_app_journal_close(&gateway->workers[i]->journal);
    settle(gateway);
    for (unsigned i = 0; i < gateway->worker_count; i++)
        if (gateway->workers[i] != NULL && gateway->workers[i]->closed)
            hf_hub_answer_all(&gateway->workers[i]->hub);
    settle(gateway);
}

void hf_gateway_stop(struct hf_gateway *gateway)
{
    hf_log(&gateway->logger, HF_LOG_STOPPING, HF_F_END);
    hf_jwks_stop(gateway->jwks); /* it wakes workers */
    hf_trust_stop(&gateway->trust);
    for (unsigned i = 0; i < gateway->worker_count; i++) {
        atomic_store(&gateway->workers[i]->stop, true);
        hf_loop_wake(gateway->workers[i]->loop);
    }
    for (unsigned i = 0; i < gateway->worker_count; i++)
        hf_thread_join(&gateway->workers[i]->thread);
    hf_tail_thread_stop(&gateway->tail_thread);
    if (gateway->media != NULL)
        hf_media_stop(gateway->media);
    close_workers(gateway);
    /* What the workers' journals still hold is handed over and waited for here. */
    hf_node_record(gateway, HF_EVENT_NODE_STOPPED);
    for (unsigned i = 0; gateway->log_thread.thread.started && i < gateway->worker_count; i++)
        hf_app_journal_flush(&gateway->workers[i]->journal);
    hf_log_thread_stop(&gateway->log_thread);
    if (gateway->series != NULL)
        hf_series_thread_stop(gateway->series); /* its queries come back */
    hf_renewal_stop(gateway->renewal);
    answer_callers(gateway);
    hf_store_thread_stop(&gateway->store_thread);
    hf_log(&gateway->logger, HF_LOG_STOPPED,
           HF_F_U64("durable_through", hf_log_durable_through(gateway->log)), HF_F_END);
}

void hf_gateway_free(struct hf_gateway *gateway)
{
    if (gateway == NULL)
        return;
    if (gateway->workers != NULL) {
        close_workers(gateway); /* here if it never started */
        if (gateway->series != NULL)
            hf_series_thread_stop(gateway->series);
        hf_renewal_stop(gateway->renewal);
        answer_callers(gateway);
        for (unsigned i = 0; i < gateway->worker_count; i++)
            hf_worker_free(gateway->workers[i]);
    }
    free(gateway->workers);
    hf_login_deinit(&gateway->login);
    hf_trust_deinit(&gateway->trust);
    if (gateway->log_thread.inbox != NULL)
        hf_log_thread_deinit(&gateway->log_thread);
    if (gateway->tail_thread.inbox != NULL)
        hf_tail_thread_deinit(&gateway->tail_thread);
    hf_media_free(gateway->media);
    hf_gateway_series_free(gateway);
    hf_store_thread_stop(&gateway->store_thread);
    hf_kv_close(gateway->kv);
    hf_log_close(gateway->log);
    hf_gateway_listeners_free(gateway);
    hf_jwks_free(gateway->jwks);
    hf_renewal_free(gateway->renewal);
    hf_tenants_free(gateway->tenants);
    hf_latency_history_free(gateway->latency_history);
    hf_regions_free(gateway->regions);
    for (struct hf_gateway_rules *rules = gateway->rules, *older; rules != NULL; rules = older) {
        struct hf_config *config = rules->config;

        older = rules->older;
        hf_gateway_rules_free(rules);
        hf_config_free(config);
    }
    hf_log_sink_close(&gateway->sink);
    free(gateway);
}
