/* adapter/gb28181/call_point.c - media points: each media server that sessions go to has SSRCs of its own (GB-11), made when the first session goes there, gone when all
 * numbers have rested. */
#include "adapter/gb28181/call.h"

#include <stdlib.h>

static void tell(const struct hf_gb_site *site, struct hf_gb_point *point, bool alarm, unsigned used,
                 unsigned resting)
{
    if (alarm == point->alarm)
        return;
    point->alarm = alarm;
    if (site->options.ops->on_ssrcs != NULL)
        site->options.ops->on_ssrcs(site->options.context, (struct hf_slice){point->host, point->host_bytes},
                                    alarm, used, resting);
}

static void gauges(struct hf_gb_site *site)
{
    struct hf_gb_stats *stats = &site->stats;
    uint64_t now_ms = hf_gb_now(site);

    stats->points_now = stats->ssrc_used_now = stats->ssrc_resting_now = stats->ssrc_alarm_now = 0;
    for (struct hf_list_node *node = site->points.next; node != &site->points; node = node->next) {
        struct hf_gb_point *point = HF_CONTAINER_OF(node, struct hf_gb_point, node);
        uint64_t alarms = 0;
        unsigned used = 0, resting = 0;
        bool alarm = false;

        stats->points_now++;
        for (unsigned kind = 0; kind < HF_GB_SSRC_KINDS; kind++) {
            struct hf_gb_ssrc_counts counts =
                hf_gb_ssrc_counts(point->pool, (enum hf_gb_ssrc_kind)kind, now_ms);

            used += (unsigned)counts.used;
            resting += (unsigned)counts.resting;
            alarm |= counts.alarm;
            alarms += counts.alarms;
        }
        stats->ssrc_used_now += used;
        stats->ssrc_resting_now += resting;
        stats->ssrc_alarm_now += alarm;
        tell(site, point, alarm, used, resting);
        stats->ssrc_alarms += alarms - point->alarms;
        point->alarms = alarms;
    }
}

/* Digits 4 to 8 of the domain stand in each SSRC. Domains that are names have none. */
static hf_err pool_new(struct hf_gb_site *site, struct hf_gb_ssrc_pool **ret_pool)
{
    const struct hf_hub_options *hub = &site->options.hub->options;
    hf_err err = hf_gb_ssrc_pool_new(site->options.server_id, hub->worker, hub->workers, ret_pool);

    if (err == HF_ERR_INVALID)
        err = hf_gb_ssrc_pool_new(site->options.realm, hub->worker, hub->workers, ret_pool);
    if (err == HF_ERR_INVALID)
        err = hf_gb_ssrc_pool_new(HF_SLICE("00000000"), hub->worker, hub->workers, ret_pool);
    return err;
}

static void free_point(struct hf_gb_point *point)
{
    hf_list_remove(&point->node);
    hf_gb_ssrc_pool_free(point->pool);
    free(point);
}

static hf_err find_point(struct hf_gb_site *site, struct hf_slice host, struct hf_gb_point **ret_point)
{
    unsigned count = 0;

    for (struct hf_list_node *node = site->points.next; node != &site->points; node = node->next) {
        struct hf_gb_point *point = HF_CONTAINER_OF(node, struct hf_gb_point, node);

        if (hf_slice_eq((struct hf_slice){point->host, point->host_bytes}, host)) {
            *ret_point = point;
            return HF_OK;
        }
        count++;
    }
    if (count >= HF_GB_POINTS_MAX)
        return HF_ERR_LIMIT;
    struct hf_gb_point *point = calloc(1, sizeof(*point));
    if (point == NULL)
        return HF_ERR_NOMEM;
    hf_list_init(&point->node);
    hf_err err = pool_new(site, &point->pool);
    if (err != HF_OK) {
        free(point);
        return err;
    }
    HF_ASSERT(host.bytes < sizeof(point->host));
    if (host.bytes > 0)
        memcpy(point->host, host.at, host.bytes);
    point->host_bytes = (uint8_t)host.bytes;
    hf_list_push_back(&site->points, &point->node);
    *ret_point = point;
    return HF_OK;
}

hf_err hf_gb_call_take_ssrc(struct hf_gb_call *call, struct hf_slice host, bool chosen, uint32_t ssrc,
                            const char **ret_text)
{
    struct hf_gb_site *site = call->device->site;
    enum hf_gb_ssrc_kind kind = hf_gb_call_is_history(call) ? HF_GB_SSRC_HISTORY : HF_GB_SSRC_LIVE;
    struct hf_gb_point *point;
    hf_err err = find_point(site, host, &point);

    if (err == HF_OK && chosen) {
        call->ssrc = ssrc;
        err = hf_gb_ssrc_take_this(point->pool, ssrc, call->id, hf_gb_now(site));
        if (err == HF_ERR_NOT_FOUND) /* not of our numbers: whoever chose it answers for it */
            return HF_OK;
        *ret_text = "this SSRC is in use or was until a moment ago";
    } else if (err == HF_OK) {
        err = hf_gb_ssrc_take(point->pool, kind, call->id, hf_gb_now(site), &call->ssrc);
        site->stats.ssrc_exhausted += err == HF_ERR_LIMIT;
        *ret_text = "all SSRCs of this media server are in use or were until a moment ago";
    } else {
        *ret_text = err == HF_ERR_LIMIT ? "too many media servers at a time" : "out of memory";
    }
    if (err == HF_OK)
        call->point = point;
    gauges(site);
    return err;
}

void hf_gb_call_give_ssrc(struct hf_gb_call *call)
{
    if (call->point == NULL)
        return;
    hf_gb_ssrc_give(call->point->pool, call->ssrc, call->id, hf_gb_now(call->device->site));
    call->point = NULL;
    gauges(call->device->site);
}

static bool alive(void *context, uint64_t owner)
{
    return hf_gb_call_find(context, owner) != NULL;
}

void hf_gb_points_audit(struct hf_gb_site *site, struct hf_gb_audit *audit)
{
    struct hf_list_node *node = site->points.next;

    while (node != &site->points) {
        struct hf_gb_point *point = HF_CONTAINER_OF(node, struct hf_gb_point, node);

        node = node->next;
        hf_gb_ssrc_audit(point->pool, alive, site, hf_gb_now(site), audit);
        if (hf_gb_ssrc_idle(point->pool, hf_gb_now(site)))
            free_point(point);
    }
    gauges(site);
}

void hf_gb_points_free(struct hf_gb_site *site)
{
    while (!hf_list_empty(&site->points))
        free_point(HF_CONTAINER_OF(site->points.next, struct hf_gb_point, node));
}
