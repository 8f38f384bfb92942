#include "app/held.h"

#include <stdio.h>

#include "app/metrics_page.h"
#include "app/worker.h"
#include "base/assert.h"

static const char *const names[HF_HELDS] = {
#define HF_HELD_NAME(id, name) [id] = name,
    HF_HELD_MAP(HF_HELD_NAME)
#undef HF_HELD_NAME
};

const char *hf_held_name(enum hf_held pool)
{
    HF_ASSERT(pool < HF_HELDS);
    return names[pool];
}

uint64_t hf_held_queue_ms(struct hf_held_queue *queue, uint64_t count, uint64_t done, uint64_t now_ms)
{
    bool moved = done != queue->done;

    queue->done = done;
    if (count == 0)
        queue->since_ms = 0;
    else if (moved || queue->since_ms == 0)
        queue->since_ms = now_ms;
    return queue->since_ms != 0 ? now_ms - queue->since_ms : 0;
}

bool hf_held_may_say(struct hf_held_watch *watch, enum hf_held pool, uint64_t now_ms)
{
    uint64_t said_ms = watch->said_ms[pool];

    if (said_ms != 0 && now_ms - said_ms < HF_HELD_SAY_MS)
        return false;
    watch->said_ms[pool] = now_ms;
    return true;
}

static uint64_t too_long_ms(uint64_t now_ms)
{
    return now_ms - HF_MIN(now_ms, (uint64_t)(HF_HELD_MS + HF_HELD_GRACE_MS));
}

static void requests(struct hf_worker *worker, uint64_t now_ms, struct hf_held_item *item)
{
    struct hf_api_held held;

    hf_api_held(&worker->api, too_long_ms(now_ms), &held);
    item->count = held.count;
    if (held.count == 0)
        return;
    item->oldest_ms = now_ms - held.begun_ms;
    (void)snprintf(item->owner, sizeof(item->owner), "key %s of %.*s: %s", held.key_id[0] ? held.key_id : "-",
                   held.tenant.bytes > 0 ? (int)held.tenant.bytes : 1,
                   held.tenant.bytes > 0 ? held.tenant.at : "*", held.pattern);
}

static void input(struct hf_worker *worker, uint64_t now_ms, struct hf_held_item *item)
{
    struct hf_ws_held_over held;

    hf_ws_site_held(&worker->ws, too_long_ms(now_ms), &held);
    item->count = held.count;
    if (held.count == 0)
        return;
    item->oldest_ms = now_ms - held.since_ms;
    (void)snprintf(item->owner, sizeof(item->owner), "%.*s/%.*s, c_%016llx", (int)held.info.tenant.bytes,
                   held.info.tenant.at ? held.info.tenant.at : "", (int)held.info.device.bytes,
                   held.info.device.at ? held.info.device.at : "", (unsigned long long)held.info.conn_id);
}

static void queue(struct hf_held_item *item, uint64_t count, uint64_t age_ms)
{
    if (age_ms < HF_HELD_MS + HF_HELD_GRACE_MS)
        return;
    item->count = count;
    item->oldest_ms = age_ms;
}

void hf_held_find(struct hf_worker *worker, enum hf_held pool, uint64_t now_ms, struct hf_held_item *ret_item)
{
    const struct hf_app_journal *journal = &worker->journal;

    *ret_item = (struct hf_held_item){0};
    switch (pool) {
    case HF_HELD_REQUESTS: requests(worker, now_ms, ret_item); break;
    case HF_HELD_INPUT: input(worker, now_ms, ret_item); break;
    case HF_HELD_JOURNAL:
        queue(ret_item, journal->in_flight,
              hf_held_queue_ms(&worker->held.journal, journal->in_flight,
                               journal->batches_total - journal->in_flight, now_ms));
        (void)snprintf(ret_item->owner, sizeof(ret_item->owner), "worker %u: the log", worker->index);
        break;
    case HF_HELD_BACKLOG:
        queue(ret_item, worker->backlog_total,
              hf_held_queue_ms(&worker->held.backlog, worker->backlog_total, worker->backlog_done, now_ms));
        (void)snprintf(ret_item->owner, sizeof(ret_item->owner), "worker %u: other workers", worker->index);
        break;
    default: HF_UNREACHABLE();
    }
    if (ret_item->count == 0)
        ret_item->owner[0] = '\0';
}

void hf_held_look(struct hf_worker *worker, uint64_t now_ms)
{
    if (now_ms - worker->held.looked_ms < HF_HELD_LOOK_MS)
        return;
    worker->held.looked_ms = now_ms;
    for (unsigned pool = 0; pool < HF_HELDS; pool++) {
        struct hf_held_item item;

        hf_held_find(worker, (enum hf_held)pool, now_ms, &item);
        worker->held_stats.count[pool] = item.count;
        worker->held_stats.oldest_ms[pool] = item.oldest_ms;
        if (item.count > 0 && hf_held_may_say(&worker->held, (enum hf_held)pool, now_ms))
            hf_log(&worker->gateway->logger, HF_LOG_POOL_ITEM_HELD, HF_F_STR("pool", names[pool]),
                   HF_F_STR("owner", item.owner), HF_F_U64("held_ms", item.oldest_ms),
                   HF_F_U64("items", item.count), HF_F_END);
    }
}

void hf_held_add(struct hf_held_stats *into, const struct hf_held_stats *from)
{
    for (unsigned i = 0; i < HF_HELDS; i++) {
        into->count[i] += from->count[i];
        into->oldest_ms[i] = HF_MAX(into->oldest_ms[i], from->oldest_ms[i]);
    }
}

void hf_held_metrics(struct hf_page *page, const struct hf_held_stats *stats)
{
    hf_page_head(page, "pool_items_held", "gauge",
                 "items of a pool that somebody holds for more than a minute");
    for (unsigned i = 0; i < HF_HELDS; i++)
        hf_page_add(page, "holdfast_pool_items_held{pool=\"%s\"} %llu\n", names[i],
                    (unsigned long long)stats->count[i]);
    hf_page_head(page, "pool_oldest_item_seconds", "gauge",
                 "for how long the oldest of them; 0: there is none");
    for (unsigned i = 0; i < HF_HELDS; i++)
        hf_page_add(page, "holdfast_pool_oldest_item_seconds{pool=\"%s\"} %g\n", names[i],
                    (double)stats->oldest_ms[i] / 1000);
}
