/* adapter/gb28181/call_watch.c - what happens to sessions without anybody asking: their timers, what the relay tells, the audit. */
#include "adapter/gb28181/call.h"

/* ---- time ---- */

void hf_gb_call_arm(struct hf_gb_call *call)
{
    struct hf_wheel *wheel = call->device->site->options.wheel;
    uint64_t due_ms;

    if (hf_gb_call_due(&call->times, hf_gb_call_state(&call->state), &due_ms) != HF_GB_CALL_DUE_NOTHING)
        hf_wheel_arm(wheel, &call->timer, due_ms);
    else
        hf_wheel_cancel(wheel, &call->timer);
}

static enum hf_gb_call_end end_of(enum hf_gb_call_due due)
{
    switch (due) {
    case HF_GB_CALL_DUE_MEDIA: return HF_GB_CALL_END_NO_MEDIA;
    case HF_GB_CALL_DUE_TAIL: return HF_GB_CALL_END_PLAYED;
    case HF_GB_CALL_DUE_PAUSE: return HF_GB_CALL_END_PAUSED;
    case HF_GB_CALL_DUE_REFRESH: return HF_GB_CALL_END_EXPIRED;
    default: return HF_GB_CALL_END_NO_ANSWER;
    }
}

void hf_gb_call_on_timer(struct hf_timer *timer, uint64_t now_ms)
{
    struct hf_gb_call *call = HF_CONTAINER_OF(timer, struct hf_gb_call, timer);
    uint64_t due_ms;
    enum hf_gb_call_due due = hf_gb_call_due(&call->times, hf_gb_call_state(&call->state), &due_ms);

    if (due_ms > now_ms) {
        hf_gb_call_arm(call);
        return;
    }
    if (due == HF_GB_CALL_DUE_CLOSE) { /* SIP's own timers are shorter: this is the net below */
        hf_gb_call_discard(call, (enum hf_gb_call_end)call->end);
        return;
    }
    call->due = (uint8_t)due;
    if (hf_gb_call_state(&call->state) == HF_GB_CALL_IDLE)
        (void)hf_gb_call_step(&call->state, HF_GB_CALL_INVITE);
    (void)hf_gb_call_happens(call, due == HF_GB_CALL_DUE_SETUP ? HF_GB_CALL_SETUP : HF_GB_CALL_LOST,
                             end_of(due));
}

/* ---- the relay ---- */

/* No address: the port is bound to all of ours, so that by which the device reaches us is the right one. */
static void take_address(struct hf_gb_call *call, const struct hf_gb_media_told *tell)
{
    struct hf_gb_address ours;

    hf_gb_our_address(call->device->site, &call->device->flow, &ours);
    if (tell->host[0] != '\0' || ours.host.bytes >= sizeof(call->host))
        (void)snprintf(call->host, sizeof(call->host), "%s", tell->host);
    else
        (void)snprintf(call->host, sizeof(call->host), "%.*s", (int)ours.host.bytes, ours.host.at);
    call->port = tell->port;
}

void hf_gb_media_told(struct hf_gb_site *site, const struct hf_gb_media_told *tell)
{
    struct hf_gb_call *call = hf_gb_call_find(site, hf_hash_mix(tell->token ^ site->call_key));

    if (call == NULL || !call->relayed)
        return;
    switch (tell->tell) {
    case HF_GB_MEDIA_OPENED:
        if (call->asked || call->incoming)
            return;
        take_address(call, tell);
        if (call->kind == HF_GB_CALL_TALK) {
            hf_gb_call_talk_opened(call);
            return;
        }
        call->err = hf_gb_call_invite(call);
        if (call->err != HF_OK) {
            (void)hf_gb_call_step(&call->state, HF_GB_CALL_INVITE);
            (void)hf_gb_call_happens(call, HF_GB_CALL_REFUSED, HF_GB_CALL_END_FLOW);
        }
        return;
    case HF_GB_MEDIA_REFUSED:
        call->err = tell->err;
        if (hf_gb_call_state(&call->state) == HF_GB_CALL_IDLE)
            (void)hf_gb_call_step(&call->state, HF_GB_CALL_INVITE);
        (void)hf_gb_call_happens(call, HF_GB_CALL_LOST, HF_GB_CALL_END_MEDIA_REFUSED);
        return;
    case HF_GB_MEDIA_FIRST:
        if (call->times.media_ms == 0)
            call->times.media_ms = hf_gb_now(site);
        hf_gb_call_arm(call);
        return;
    case HF_GB_MEDIA_SILENT: (void)hf_gb_call_happens(call, HF_GB_CALL_LOST, HF_GB_CALL_END_SILENT); return;
    case HF_GB_MEDIA_ENDED:
        (void)hf_gb_call_happens(call, HF_GB_CALL_LOST, HF_GB_CALL_END_MEDIA_ENDED);
        return;
    case HF_GB_MEDIA_UNWATCHED:
        (void)hf_gb_call_happens(call, HF_GB_CALL_STOP, HF_GB_CALL_END_UNWATCHED);
        return;
    case HF_GB_MEDIA_PLAYED: (void)hf_gb_call_happens(call, HF_GB_CALL_STOP, HF_GB_CALL_END_PLAYED); return;
    }
}

/* ---- the audit (GB-17) ---- */

void hf_gb_calls_audit_soon(struct hf_gb_site *site)
{
    if (!hf_timer_armed(&site->audit))
        hf_wheel_arm(site->options.wheel, &site->audit, hf_gb_now(site) + HF_GB_AUDIT_MS);
}

static bool overdue(const struct hf_gb_call *call, uint64_t now_ms)
{
    uint64_t due_ms;

    return hf_gb_call_due(&call->times, hf_gb_call_state(&call->state), &due_ms) != HF_GB_CALL_DUE_NOTHING &&
           now_ms > due_ms && now_ms - due_ms > HF_GB_OVERDUE_MS;
}

struct look {
    struct hf_gb_site *site;
    struct hf_gb_audit audit;
    struct hf_gb_call *reclaimed; /* one at a time: freeing may free others */
    unsigned asked;
};

static bool look_at(struct hf_map_node *node, void *context)
{
    struct hf_gb_call *call = HF_CONTAINER_OF(node, struct hf_gb_call, by_id);
    struct look *look = context;
    uint64_t now_ms = hf_gb_now(look->site);
    bool lives = hf_gb_device_there(call->device) && !overdue(call, now_ms);

    if (hf_gb_audit_look(&look->audit, &call->orphaned_ms, lives, now_ms) == HF_GB_OWNED_RECLAIMED)
        look->reclaimed = call;
    else if (look->asked < HF_GB_CALL_KEEPS_PER_LOOK)
        look->asked += hf_gb_call_keep(call);
    return look->reclaimed == NULL;
}

void hf_gb_calls_on_audit(struct hf_timer *timer, uint64_t now_ms)
{
    struct hf_gb_site *site = HF_CONTAINER_OF(timer, struct hf_gb_site, audit);
    struct look look = {.site = site};

    (void)now_ms;
    do {
        look.reclaimed = NULL;
        hf_map_each(&site->calls, look_at, &look);
        if (look.reclaimed != NULL)
            hf_gb_call_discard(look.reclaimed, HF_GB_CALL_END_RECLAIMED);
    } while (look.reclaimed != NULL);
    hf_gb_points_audit(site, &look.audit);
    site->stats.owned_orphaned += look.audit.orphaned;
    site->stats.owned_reclaimed += look.audit.reclaimed;
    if (site->stats.calls_now > 0 || !hf_list_empty(&site->points))
        hf_gb_calls_audit_soon(site);
}
