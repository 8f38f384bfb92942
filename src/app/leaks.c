#include "app/leaks.h"

#include "app/metrics_page.h"
#include "app/worker.h"

enum { MINUTE_MS = 60000, PERMILLE = 1000 };

/* Slots of minutes that have passed since are empty again. Returns what leaked within them all. */
static uint64_t turn_slots(struct hf_leaks *leaks, uint64_t now_ms)
{
    uint64_t minute = now_ms / MINUTE_MS, sum = 0;

    for (unsigned i = 0; leaks->minute < minute && i < HF_LEAK_HOUR_MINUTES; i++)
        leaks->slots[++leaks->minute % HF_LEAK_HOUR_MINUTES] = 0;
    leaks->minute = minute;
    for (unsigned i = 0; i < HF_LEAK_HOUR_MINUTES; i++)
        sum += leaks->slots[i];
    return sum;
}

/* How many of them are leaks as of now, that were not before. */
static uint64_t leaked(struct hf_leaks *leaks, uint64_t unowned, uint64_t now_ms)
{
    uint64_t more;

    if (unowned <= leaks->known) { /* some have gone after all */
        leaks->known = unowned;
        leaks->more = 0;
        return 0;
    }
    more = unowned - leaks->known;
    if (leaks->more == 0) {
        leaks->more = more;
        leaks->more_since_ms = now_ms;
    }
    leaks->more = HF_MIN(leaks->more, more);
    if (now_ms - leaks->more_since_ms < HF_LEAK_MS)
        return 0;
    more = leaks->more;
    leaks->known += more;
    leaks->more = 0;
    return more;
}

unsigned hf_leaks_judge(struct hf_leaks *leaks, uint64_t unowned, uint64_t connections, uint64_t now_ms)
{
    uint64_t hour = turn_slots(leaks, now_ms), now = leaked(leaks, unowned, now_ms);
    bool alarm = atomic_load(&leaks->alarm);

    leaks->slots[leaks->minute % HF_LEAK_HOUR_MINUTES] += (uint32_t)now;
    hour += now;
    atomic_store(&leaks->total, atomic_load(&leaks->total) + now);
    atomic_store(&leaks->hour, hour);
    if (!alarm && hour * PERMILLE > connections * HF_LEAK_ALARM_PERMILLE) {
        atomic_store(&leaks->alarm, true);
        return 1;
    }
    if (alarm && hour == 0) { /* not before: a rate that swings around the mark is one alarm */
        atomic_store(&leaks->alarm, false);
        return 2;
    }
    return 0;
}

uint64_t hf_worker_unowned(const struct hf_worker *worker)
{
    uint64_t streams = worker->loop->stats.streams_now;
    uint64_t owners = worker->http.stats.opened - worker->http.stats.ended + worker->ws.stats.opened -
                      worker->ws.stats.ended + worker->api.stats.sockets_now +
                      worker->echo.stats.connections + worker->gb.stats.streams_now;

    return streams > owners ? streams - owners : owners - streams;
}

static uint64_t unowned_now(const struct hf_gateway *gateway)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < gateway->worker_count; i++)
        sum += atomic_load(&gateway->workers[i]->unowned);
    return sum;
}

static uint64_t connections_now(const struct hf_gateway *gateway)
{
    int64_t sum = 0;

    for (unsigned i = 0; i < gateway->worker_count; i++)
        sum += atomic_load(&gateway->workers[i]->seats);
    return sum > 0 ? (uint64_t)sum : 0;
}

void hf_leaks_watch(struct hf_leaks *leaks, struct hf_gateway *gateway, uint64_t now_ms)
{
    uint64_t connections = connections_now(gateway);
    unsigned what = hf_leaks_judge(leaks, unowned_now(gateway), connections, now_ms);

    if (what > 0)
        hf_log(&gateway->logger, what == 1 ? HF_LOG_CONN_LEAK : HF_LOG_CONN_LEAK_CALM,
               HF_F_U64("leaked_hour", atomic_load(&leaks->hour)),
               HF_F_U64("leaked_total", atomic_load(&leaks->total)), HF_F_U64("connections", connections),
               HF_F_END);
}

void hf_leaks_metrics(struct hf_page *page, const struct hf_gateway *gateway)
{
    const struct hf_leaks *leaks = &gateway->leaks;

    hf_page_one(page, "connections_unowned", "gauge",
                "sockets that no table of connections has, and the other way round: 0 but for a defect",
                (double)unowned_now(gateway));
    hf_page_one(page, "connections_leaked_total", "counter", "of them, those that stayed for 10 s",
                (double)atomic_load(&leaks->total));
    hf_page_one(page, "connections_leak_alarm", "gauge",
                "1: more than 0.5 % of the open connections leaked within an hour, until an hour without any",
                atomic_load(&leaks->alarm));
}
