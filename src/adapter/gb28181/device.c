/* adapter/gb28181/device.c - registered devices: found, bound to the way they were last proven at, alive, moved, ended. */
#include "adapter/gb28181/call.h"
#include "adapter/gb28181/catalog.h"
#include "adapter/gb28181/subscribe.h"

#include "base/sb.h"

/* ---- the maps ---- */

struct hf_gb_device *hf_gb_device_find(const struct hf_gb_site *site, struct hf_slice id)
{
    struct hf_map_node *node = hf_map_find(&site->devices, hf_hash(site->hash_key, id.at, id.bytes), &id);

    return node ? HF_CONTAINER_OF(node, struct hf_gb_device, node) : NULL;
}

static void leave_stream(struct hf_gb_device *device)
{
    if (device->streaming)
        hf_map_remove(&device->site->streams, &device->stream);
    device->streaming = false;
}

static void on_timer(struct hf_timer *timer, uint64_t now_ms);

/* The replay guard is needed as long as a nonce that it would refuse is good. */
static uint64_t guard_ms(const struct hf_gb_site *site)
{
    return site->limits.nonce_lifetime_ms + HF_SIP_NONCE_AHEAD_MS;
}

/* Forgets the one that has been gone for longest, if it may. */
static bool make_room(struct hf_gb_site *site)
{
    struct hf_gb_device *device = HF_CONTAINER_OF(site->gone.next, struct hf_gb_device, gone);

    if (hf_list_empty(&site->gone) || hf_gb_now(site) - device->ended_ms < guard_ms(site))
        return false;
    hf_gb_device_free(device);
    return true;
}

struct hf_gb_device *hf_gb_device_take(struct hf_gb_site *site, struct hf_slice id)
{
    struct hf_gb_device *device = hf_slab_take(site->device_slab);

    HF_ASSERT(id.bytes <= sizeof(device->id));
    if (device == NULL && make_room(site))
        device = hf_slab_take(site->device_slab);
    if (device == NULL)
        return NULL;
    device->site = site;
    hf_list_init(&device->gone);
    memcpy(device->id, id.at, id.bytes);
    device->id_bytes = (uint8_t)id.bytes;
    device->sn = /* after a restart no number that may still be answered */
        HF_GB_SN_FIRST + hf_gb_random_u32(site) % (HF_GB_SN_LAST - HF_GB_SN_FIRST);
    hf_timer_init(&device->timer, on_timer);
    hf_list_init(&device->requests);
    hf_list_init(&device->calls);
    if (hf_map_insert(&site->devices, &device->node, hf_hash(site->hash_key, id.at, id.bytes)) == HF_OK) {
        hf_gb_trace_inherit(device);
        return device;
    }
    hf_slab_give(site->device_slab, device);
    return NULL;
}

void hf_gb_device_free(struct hf_gb_device *device)
{
    HF_ASSERT(device->state == HF_GB_OFFLINE && device->open == 0 && device->calling == 0 &&
              !device->streaming);
    hf_gb_subs_free(device);
    hf_wheel_cancel(device->site->options.wheel, &device->timer);
    hf_map_remove(&device->site->devices, &device->node);
    hf_list_remove(&device->gone);
    hf_slab_give(device->site->device_slab, device);
}

/* ---- time ---- */

void hf_gb_device_arm(struct hf_gb_device *device)
{
    struct hf_gb_site *site = device->site;
    uint64_t due_ms = hf_gb_now(site) + HF_MAX(guard_ms(site), (uint64_t)HF_GB_REMEMBER_MS);

    if (hf_gb_device_there(device))
        (void)hf_gb_life_due(&device->life, (enum hf_gb_state)device->state, &due_ms);
    if (device->heal_ms != 0 && device->heal_ms < due_ms)
        due_ms = device->heal_ms;
    due_ms = HF_MIN(due_ms, hf_gb_breaker_due_ms(device));
    hf_list_remove(&device->gone);
    if (!hf_gb_device_there(device)) {
        device->ended_ms = hf_gb_now(site);
        hf_list_push_back(&site->gone, &device->gone);
    }
    hf_wheel_arm(site->options.wheel, &device->timer, due_ms);
}

static void on_timer(struct hf_timer *timer, uint64_t now_ms)
{
    struct hf_gb_device *device = HF_CONTAINER_OF(timer, struct hf_gb_device, timer);
    uint64_t due_ms;

    if (!hf_gb_device_there(device)) { /* remembered for long enough */
        hf_gb_device_free(device);
        return;
    }
    enum hf_gb_event event = hf_gb_life_due(&device->life, (enum hf_gb_state)device->state, &due_ms);
    if (due_ms > now_ms) { /* it has lived meanwhile: a message does not touch the wheel */
        if (device->heal_ms != 0 && device->heal_ms <= now_ms)
            hf_gb_heal_due(device);
        if (hf_gb_breaker_due_ms(device) <= now_ms)
            hf_gb_breaker_due(device);
        hf_gb_device_arm(device);
        return;
    }
    hf_gb_device_event(device, event);
}

static void count_end(struct hf_gb_site *site, enum hf_gb_event event)
{
    site->stats.silences += event == HF_GB_EV_SILENT;
    site->stats.expiries += event == HF_GB_EV_EXPIRED;
    site->stats.streams_lost += event == HF_GB_EV_GRACE_OVER;
}

void hf_gb_device_event(struct hf_gb_device *device, enum hf_gb_event event)
{
    struct hf_gb_site *site = device->site;
    struct hf_gb_step step = hf_gb_step((enum hf_gb_state)device->state, event);
    bool was_deaf = hf_gb_device_deaf(device);
    uint8_t before = device->state;

    if (step.ignored)
        return;
    if (step.ends) {
        count_end(site, event);
        hf_gb_device_end(device, step.evidence, step.reason);
        return;
    }
    site->stats.devices += device->state == HF_GB_OFFLINE;
    site->stats.suspects_now -= device->state == HF_GB_SUSPECT;
    site->stats.suspects_now += step.next == HF_GB_SUSPECT;
    site->stats.suspects += step.next == HF_GB_SUSPECT && device->state != HF_GB_SUSPECT;
    device->state = (uint8_t)step.next;
    if (event == HF_GB_EV_STREAM_LOST)
        device->life.lost_ms = hf_gb_now(site);
    if (step.next != HF_GB_SUSPECT)
        device->heal_ms = 0;
    else if (before != HF_GB_SUSPECT)
        hf_gb_heal_begin(device, event == HF_GB_EV_RESTORED);
    if (event == HF_GB_EV_QUIET) /* a beat that did not come */
        hf_gb_breaker_result(device, false);
    if (step.tell)
        hf_hub_evidence(site->options.hub, &device->dev, step.evidence, step.reason);
    hf_gb_device_arm(device);
    if (was_deaf && !hf_gb_device_deaf(device))
        hf_hub_drained(site->options.hub, &device->dev);
}

void hf_gb_device_end(struct hf_gb_device *device, enum hf_evidence evidence, enum hf_reason reason)
{
    struct hf_gb_site *site = device->site;

    HF_ASSERT(hf_gb_device_there(device));
    site->stats.devices--;
    site->stats.suspects_now -= device->state == HF_GB_SUSPECT;
    device->state = HF_GB_OFFLINE;
    device->restored = false;
    device->probe_sn = 0;
    device->heal_ms = 0;
    device->life.lost_ms = 0;
    hf_gb_requests_drop(device);
    hf_gb_calls_drop(device, reason == HF_REASON_DRAIN || reason == HF_REASON_RESTART
                                 ? HF_GB_CALL_END_DRAIN
                                 : HF_GB_CALL_END_DEVICE_OFFLINE);
    hf_gb_byes_drop(device, reason == HF_REASON_HEARTBEAT_TIMEOUT || reason == HF_REASON_SILENCE);
    hf_gb_link_free(device);
    hf_gb_catalog_gone(device);
    hf_gb_ptz_gone(device);
    hf_gb_subs_gone(device);
    leave_stream(device);
    hf_hub_disconnected(site->options.hub, &device->dev, evidence, reason, 0, device->life.last_ms);
    hf_gb_log(site, "ENDED", hf_gb_device_id(device), &device->flow, reason);
    hf_gb_device_arm(device);
}

/* ---- where it is ---- */

bool hf_gb_device_deaf(const struct hf_gb_device *device)
{
    return device->state == HF_GB_OFFLINE || device->life.lost_ms != 0 || device->open >= HF_GB_OPEN_MAX;
}

static void enter_stream(struct hf_gb_device *device, const struct hf_sip_flow *before, bool moved)
{
    struct hf_gb_site *site = device->site;
    bool streamed = device->streaming;

    if (streamed && !moved)
        return;
    leave_stream(device);
    if (streamed && hf_map_find(&site->streams, hf_hash_mix(before->connection), &before->connection) == NULL)
        site->options.ops->close_flow(site->options.context, before); /* nobody else is on it */
    if (hf_sip_flow_reliable(&device->flow)) /* without memory its end is not noticed but by silence */
        device->streaming =
            hf_map_insert(&site->streams, &device->stream, hf_hash_mix(device->flow.connection)) == HF_OK;
}

static bool same_address(const struct hf_sip_flow *a, const struct hf_sip_flow *b)
{
    return a->family == b->family && memcmp(a->peer, b->peer, sizeof(a->peer)) == 0;
}

void hf_gb_device_bind(struct hf_gb_device *device, const struct hf_sip_flow *flow)
{
    struct hf_sip_flow before = device->flow;
    bool was_deaf = hf_gb_device_deaf(device);

    device->flow = *flow;
    device->life.lost_ms = 0;
    enter_stream(device, &before, !hf_sip_flow_same_peer(&before, flow));
    hf_gb_byes_back(device);
    if (!same_address(&before, flow))
        hf_gb_calls_moved(device);
    if (hf_gb_device_there(device) && was_deaf && !hf_gb_device_deaf(device))
        hf_hub_drained(device->site->options.hub, &device->dev);
}

void hf_gb_device_life(struct hf_gb_device *device)
{
    device->life.last_ms = hf_gb_now(device->site);
    if (device->state == HF_GB_SUSPECT) /* otherwise the timer finds out */
        hf_gb_device_event(device, HF_GB_EV_LIFE);
}

static const struct hf_cdp_message *status_query(struct hf_gb_device *device, const struct hf_sip_flow *flow)
{
    struct hf_gb_site *site = device->site;
    struct hf_cdp_message *query = &site->message;

    device->doubt = *flow;
    device->probe_sn = 1 + hf_gb_random_u32(site) % 0x7fffffff; /* only who got the question can know it */
    device->probed_ms = hf_gb_now(site);
    memset(query, 0, sizeof(*query));
    query->root = HF_CDP_ROOT_QUERY;
    query->command = HF_CDP_CMD_DEVICE_STATUS;
    query->sn = HF_CDP_INT(device->probe_sn);
    query->device_id = hf_gb_device_id(device);
    return query;
}

void hf_gb_device_probe(struct hf_gb_device *device, const struct hf_sip_flow *flow)
{
    device->site->stats.probes++;
    hf_gb_send_notice(device, flow, status_query(device, flow));
}

bool hf_gb_status_query(struct hf_gb_device *device, const struct hf_sip_flow *flow,
                        struct hf_slice *ret_body)
{
    struct hf_cdp_writer writer = hf_gb_writer(device);
    struct hf_sb sb;

    hf_sb_init(&sb, device->site->body, HF_GB_BODY_BYTES_MAX + 1);
    if (hf_cdp_build(&writer, status_query(device, flow), &sb, NULL) != HF_OK)
        return false;
    *ret_body = hf_sb_done(&sb);
    return true;
}

bool hf_gb_device_heard(struct hf_gb_device *device, const struct hf_sip_flow *flow)
{
    struct hf_gb_site *site = device->site;

    if (hf_sip_flow_same_peer(&device->flow, flow)) {
        device->flow = *flow; /* from where we are reached may have changed */
        hf_gb_device_life(device);
        return true;
    }
    if (same_address(&device->flow, flow)) {
        site->stats.moves++;
        hf_gb_device_bind(device, flow);
        hf_gb_device_life(device);
        hf_gb_bound(device, true);
        hf_gb_calls_return(device);
        return true;
    }
    site->stats.moves_doubted++;
    return false;
}

void hf_gb_device_doubt(struct hf_gb_device *device, const struct hf_sip_flow *flow)
{
    if (device->probed_ms == 0 || hf_gb_now(device->site) - device->probed_ms >= HF_GB_PROBE_INTERVAL_MS)
        hf_gb_device_probe(device, flow);
}
