#include "app/pools.h"

#include <dirent.h>
#include <sys/resource.h>

#include "app/media.h"
#include "app/metrics_page.h"
#include "app/worker.h"
#include "base/assert.h"

static const char *const names[HF_POOLS] = {
#define HF_POOL_NAME(id, name) [id] = name,
    HF_POOL_MAP(HF_POOL_NAME)
#undef HF_POOL_NAME
};

const char *hf_pool_name(unsigned pool)
{
    HF_ASSERT(pool < HF_POOLS);
    return names[pool];
}

static bool above(struct hf_pool_use use, unsigned percent)
{
    return use.max > 0 && use.used * 100 >= use.max * percent;
}

unsigned hf_pools_judge(struct hf_pools *pools, unsigned pool, struct hf_pool_use use, uint64_t now_ms)
{
    pools->use[pool] = use;
    if (!above(use, HF_POOL_CRITICAL_PERCENT))
        pools->critical_since_ms[pool] = 0;
    else if (pools->critical_since_ms[pool] == 0)
        pools->critical_since_ms[pool] = now_ms;
    if (pools->said[pool] > 0 && !above(use, HF_POOL_CALM_PERCENT)) {
        pools->said[pool] = 0;
        return 3;
    }
    if (pools->said[pool] == 0 && above(use, HF_POOL_WARN_PERCENT))
        return pools->said[pool] = 1;
    if (pools->said[pool] == 1 && pools->critical_since_ms[pool] != 0 &&
        now_ms - pools->critical_since_ms[pool] >= HF_POOL_CRITICAL_MS)
        return pools->said[pool] = 2;
    return 0;
}

void hf_pools_begin(struct hf_gateway *gateway)
{
    DIR *dir = opendir("/proc/self/fd");
    uint64_t entries = 0;

    while (dir != NULL && readdir(dir) != NULL) /* NOLINT(concurrency-mt-unsafe): a stream of our own */
        entries++;
    if (dir != NULL)
        (void)closedir(dir);
    gateway->pools.descriptors_before = entries > 3 ? entries - 3 : 0; /* . and .. and this very one */
}

uint64_t hf_pools_descriptors(struct hf_gateway *gateway, uint64_t streams)
{
    struct hf_media_stats media = {0};

    if (gateway->media != NULL)
        hf_media_stats(gateway->media, &media);
    return gateway->pools.descriptors_before + streams + 2 * media.ports_used + media.connections_now;
}

void hf_pools_measure(struct hf_gateway *gateway, struct hf_worker_stats *scratch,
                      struct hf_pool_use use[HF_POOLS])
{
    struct rlimit files = {0};
    uint64_t streams = 0, journal = 0, held = 0, pending = 0, watches = 0, workers = gateway->worker_count;
    const struct hf_config_gb28181 *gb = &gateway->rules->config->gb28181;
    struct hf_pool_use devices = {0}, transactions = {0}, buffers = {0}, calls = {0}, waits = {0},
                       sends = {0}, backlog = {0};

    for (unsigned i = 0; i < workers; i++) {
        hf_worker_stats(gateway->workers[i], scratch);
        streams += scratch->loop.streams_now;
        journal += scratch->journal_held_bytes;
        held += scratch->ws.held_bytes_now;
        pending += scratch->hub.pending;
        watches += scratch->api.watches_now;
        devices.used += scratch->gb.site.devices;
        transactions.used += scratch->gb.sip.transactions;
        transactions.max += scratch->gb.sip.transactions_max;
        buffers.used += scratch->gb.wire.buffer_bytes_now;
        calls.used += scratch->api.calls_now;
        waits.used += scratch->api.waits_now;
        sends.used += scratch->loop.queue_bytes_now;
        backlog.used += scratch->backlog;
    }
    (void)getrlimit(RLIMIT_NOFILE, &files);
    use[HF_POOL_CONNECTIONS] =
        (struct hf_pool_use){streams, gateway->rules->config->admission.connections_max};
    use[HF_POOL_DESCRIPTORS] = (struct hf_pool_use){hf_pools_descriptors(gateway, streams), files.rlim_cur};
    use[HF_POOL_EVENT_READERS] =
        (struct hf_pool_use){atomic_load(&gateway->tail_thread.readers), gateway->tail_thread.readers_max};
    use[HF_POOL_WATCHES] =
        (struct hf_pool_use){watches, workers * gateway->rules->config->api.live_watches_max};
    use[HF_POOL_JOURNAL_BYTES] = (struct hf_pool_use){journal, workers * HF_JOURNAL_BYTES_MAX};
    use[HF_POOL_HELD_BYTES] = (struct hf_pool_use){held, workers * HF_WS_HELD_BYTES_TOTAL_MAX};
    devices.max =
        gateway->gb.door_count > 0 ? gateway->gb.devices_max : 0; /* as at start: a restart changes it */
    buffers.max = gateway->gb.door_count > 0 ? workers * gb->tcp_buffer_bytes_max : 0;
    use[HF_POOL_GB_DEVICES] = devices;
    use[HF_POOL_SIP_TRANSACTIONS] = transactions;
    use[HF_POOL_GB_BUFFERS] = buffers;
    calls.max = workers * HF_API_CALLS_MAX;
    waits.max = workers * HF_API_WAITS_MAX;
    sends.max = workers * HF_LOOP_QUEUE_BYTES_TOTAL_MAX;
    backlog.max = workers * HF_WORKER_BACKLOG_MAX;
    use[HF_POOL_API_CALLS] = calls;
    use[HF_POOL_TABLE_WAITS] = waits;
    use[HF_POOL_SEND_QUEUES] = sends;
    use[HF_POOL_BACKLOG] = backlog;
    use[HF_POOL_PENDING] = (struct hf_pool_use){pending, workers * HF_HUB_PENDING_MAX};
}

void hf_pools_watch(struct hf_pools *pools, struct hf_gateway *gateway, uint64_t now_ms)
{
    static const char *const said[] = {"", "nearly full", "nearly full for minutes", "calm again"};
    static struct hf_worker_stats scratch; /* large; one thread watches */
    struct hf_pool_use use[HF_POOLS];

    hf_pools_measure(gateway, &scratch, use);
    for (unsigned pool = 0; pool < HF_POOLS; pool++) {
        unsigned level = hf_pools_judge(pools, pool, use[pool], now_ms);

        if (level > 0)
            hf_log(&gateway->logger, HF_LOG_POOL_WARNING, HF_F_STR("pool", names[pool]),
                   HF_F_STR("state", said[level]), HF_F_U64("used", use[pool].used),
                   HF_F_U64("max", use[pool].max), HF_F_END);
    }
}

void hf_pools_metrics(struct hf_page *text, const struct hf_pool_use use[HF_POOLS])
{
    hf_page_head(text, "pool_used", "gauge", "what is taken from a bounded pool");
    for (unsigned i = 0; i < HF_POOLS; i++)
        hf_page_add(text, "holdfast_pool_used{pool=\"%s\"} %llu\n", hf_pool_name(i),
                    (unsigned long long)use[i].used);
    hf_page_head(text, "pool_max", "gauge", "and its bound");
    for (unsigned i = 0; i < HF_POOLS; i++)
        hf_page_add(text, "holdfast_pool_max{pool=\"%s\"} %llu\n", hf_pool_name(i),
                    (unsigned long long)use[i].max);
}
