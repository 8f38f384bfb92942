/* app/overview.c - the node at a glance, as one JSON object: what a page for people asks for once a second (GET /v1/overview). Numbers only grow unless their name ends in "now", so that
 * whoever asks can make rates of any length of them; stalls come as the buckets of their histogram, because a quantile of the last minute cannot be made of quantiles. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "app/worker.h"
#include "codec/json/out.h"
#include "core/hub.h"
#include "io/clock.h"

enum { OVERVIEW_BYTES_MAX = 192 << 10, STALL_BUCKETS_MAX = 512 };

static void by_reason(struct hf_json_out *out, const char *key, const uint64_t counts[HF_REASONS_MAX])
{
    size_t rows;
    const struct hf_reason_info *table = hf_reason_table(&rows);

    hf_json_out_object(out, key);
    for (size_t i = 0; i < rows; i++)
        if (counts[table[i].reason] > 0)
            hf_json_out_u64(out, table[i].name, counts[table[i].reason]);
    hf_json_out_end(out);
}

static void book(struct hf_json_out *out, const char *key, const struct hf_ledger_counts *counts)
{
    hf_json_out_object(out, key);
    hf_json_out_u64(out, "accepted", counts->accepted + counts->restored);
    hf_json_out_u64(out, "delivered", counts->delivered);
    hf_json_out_u64(out, "pending_now", counts->pending);
    by_reason(out, "dropped", counts->dropped);
    hf_json_out_i64(out, "difference", hf_ledger_difference(counts));
    hf_json_out_end(out);
}

static void node(struct hf_json_out *out, const struct hf_gateway *gateway)
{
    hf_json_out_object(out, "node");
    hf_json_out_cstr(out, "name", gateway->workers[0]->node);
    hf_json_out_cstr(out, "version", HF_VERSION);
    hf_json_out_u64(out, "boot", gateway->boot);
    hf_json_out_u64(out, "started_ms", gateway->started_utc_ms);
    hf_json_out_u64(out, "workers", gateway->worker_count);
    hf_json_out_bool(out, "draining", atomic_load(&gateway->draining));
    hf_json_out_end(out);
}

static void connections(struct hf_json_out *out, struct hf_gateway *gateway,
                        const struct hf_worker_stats *sum)
{
    struct hf_kv_stats tables;

    hf_kv_stats(gateway->kv, &tables);
    hf_json_out_object(out, "connections");
    hf_json_out_u64(out, "devices_now", sum->hub.connections);
    hf_json_out_u64(out, "others_now",
                    sum->loop.streams_now - HF_MIN(sum->loop.streams_now, sum->hub.connections));
    hf_json_out_u64(out, "opened", sum->hub.connects);
    by_reason(out, "ended", sum->hub.disconnects);
    by_reason(out, "refused", sum->http.upgrades_refused);
    by_reason(out, "refused_at_accept", sum->admission.refused);
    hf_json_out_u64(out, "tls_failed", sum->loop.handshakes_failed);
    hf_json_out_end(out);
    hf_json_out_object(out, "devices_now");
    for (unsigned i = 0; i < HF_PRESENCES; i++)
        hf_json_out_u64(out, hf_presence_name(i), sum->hub.presence[i]);
    hf_json_out_end(out);
    hf_json_out_u64(out, "known_now", tables.tables[HF_KV_DEVICES].rows);
}

static void messages(struct hf_json_out *out, const struct hf_worker_stats *sum)
{
    hf_json_out_object(out, "messages");
    hf_json_out_u64(out, "in", sum->hub.messages_in);
    hf_json_out_u64(out, "in_bytes", sum->hub.messages_in_bytes);
    hf_json_out_u64(out, "out", sum->hub.messages_out);
    hf_json_out_u64(out, "out_bytes", sum->hub.messages_out_bytes);
    hf_json_out_u64(out, "pending_now", sum->hub.pending);
    hf_json_out_u64(out, "rate_limited", sum->hub.rate_limited);
    hf_json_out_end(out);
    hf_json_out_object(out, "ledger");
    book(out, "uplink", &sum->ledger.uplink);
    book(out, "downlink", &sum->ledger.downlink);
    book(out, "broadcast", &sum->ledger.broadcast);
    hf_json_out_end(out);
}

static void storage(struct hf_json_out *out, struct hf_gateway *gateway)
{
    static struct hf_log_thread_stats commits; /* large; under the lock of hf_gateway_overview */
    struct hf_log_stats log;
    uint64_t durable = hf_log_durable_through(gateway->log),
             applied = atomic_load(&gateway->store_thread.applied);

    hf_log_thread_stats(&gateway->log_thread, &commits);
    hf_log_stats(gateway->log, &log);
    hf_json_out_object(out, "log");
    hf_json_out_u64(out, "durable_offset", durable);
    hf_json_out_u64(out, "oldest_offset", hf_log_oldest_offset(gateway->log));
    hf_json_out_u64(out, "lag_records_now", durable - HF_MIN(durable, applied));
    hf_json_out_u64(out, "bytes_now", log.bytes);
    hf_json_out_u64(out, "records", commits.records);
    hf_json_out_u64(out, "groups", commits.groups);
    hf_json_out_u64(out, "commit_p99_us", hf_hist_quantile(&commits.commit_us, 0.99));
    hf_json_out_bool(out, "writable", atomic_load(&gateway->log_thread.failing_since_ms) == 0);
    hf_json_out_end(out);
}

/* [[upper bound in microseconds, count], ...]; of more buckets than fit, neighbours become one. */
static void stalls(struct hf_json_out *out, const struct hf_hist *hist)
{
    struct hf_hist_cursor cursor = {0};
    size_t buckets = 0;
    uint64_t held = 0;

    while (hf_hist_next(hist, &cursor))
        buckets++;
    size_t together = buckets / STALL_BUCKETS_MAX + 1, n = 0;
    cursor = (struct hf_hist_cursor){0};
    hf_json_out_array(out, "stall_us");
    while (hf_hist_next(hist, &cursor)) {
        held += cursor.count;
        if (++n % together != 0 && n != buckets)
            continue;
        hf_json_out_array(out, NULL);
        hf_json_out_u64(out, NULL, cursor.high);
        hf_json_out_u64(out, NULL, held);
        hf_json_out_end(out);
        held = 0;
    }
    hf_json_out_end(out);
}

static void machine(struct hf_json_out *out, struct hf_gateway *gateway, const struct hf_worker_stats *sum,
                    struct hf_worker_stats *scratch)
{
    struct hf_pool_use use[HF_POOLS];
    struct rusage usage;

    (void)getrusage(RUSAGE_SELF, &usage);
    hf_json_out_object(out, "process");
    hf_json_out_u64(out, "resident_bytes_now", hf_gateway_resident_bytes());
    hf_json_out_u64(out, "cpu_us",
                    (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000u +
                        (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec));
    hf_json_out_u64(out, "received_bytes", sum->loop.received_bytes);
    hf_json_out_u64(out, "sent_bytes", sum->loop.sent_bytes);
    hf_json_out_u64(out, "send_queue_bytes_now", sum->loop.queue_bytes_now);
    hf_json_out_end(out);
    hf_json_out_object(out, "loop");
    hf_json_out_u64(out, "turns", sum->loop.turns);
    stalls(out, &sum->loop.stall_us);
    hf_json_out_end(out);
    hf_json_out_object(out, "api");
    hf_json_out_u64(out, "requests", sum->http.requests);
    by_reason(out, "problems", sum->http.refused_reason);
    hf_json_out_u64(out, "readers_now", sum->api.readers_now);
    hf_json_out_end(out);
    hf_pools_measure(gateway, scratch, use);
    hf_json_out_array(out, "pools");
    for (unsigned i = 0; i < HF_POOLS; i++) {
        hf_json_out_object(out, NULL);
        hf_json_out_cstr(out, "name", hf_pool_name(i));
        hf_json_out_u64(out, "used", use[i].used);
        hf_json_out_u64(out, "max", use[i].max);
        hf_json_out_end(out);
    }
    hf_json_out_end(out);
}

static void ready(struct hf_json_out *out, struct hf_gateway *gateway)
{
    char storage[2048];
    struct hf_sb sb;

    hf_sb_init(&sb, storage, sizeof(storage));
    (void)hf_gateway_ready(gateway, &sb);
    hf_json_out_raw(out, "health", hf_sb_done(&sb));
}

size_t hf_gateway_overview(struct hf_gateway *gateway, char **ret_json)
{
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
    static struct hf_worker_stats sum, scratch;
    char *json = malloc(OVERVIEW_BYTES_MAX);
    struct hf_json_out out;
    struct hf_sb sb;

    if (json == NULL)
        return 0;
    hf_sb_init(&sb, json, OVERVIEW_BYTES_MAX);
    hf_json_out_init(&out, &sb);
    pthread_mutex_lock(&one_at_a_time);
    hf_gateway_sum(gateway, &sum, &scratch);
    hf_json_out_object(&out, NULL);
    hf_json_out_u64(&out, "time_ms", hf_clock_utc_ms());
    node(&out, gateway);
    ready(&out, gateway);
    connections(&out, gateway, &sum);
    messages(&out, &sum);
    storage(&out, gateway);
    machine(&out, gateway, &sum, &scratch);
    hf_json_out_end(&out);
    pthread_mutex_unlock(&one_at_a_time);
    HF_ASSERT(
        hf_json_out_complete(&out)); /* a few objects of at most HF_REASONS_MAX members, and the buckets */
    *ret_json = json;
    return sb.bytes;
}
