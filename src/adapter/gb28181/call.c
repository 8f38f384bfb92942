/* adapter/gb28181/call.c - the sessions of a site. */
#include "adapter/gb28181/call.h"

const char *hf_gb_call_kind_name(unsigned kind)
{
    static const char *const names[HF_GB_CALL_KINDS] = {"play", "playback", "download", "talk"};

    HF_ASSERT(kind < HF_GB_CALL_KINDS);
    return names[kind];
}

static const struct end {
    const char *name, *by;
    size_t counter; /* its place in struct hf_gb_stats */
} ends[HF_GB_CALL_ENDS] = {
#define END(id, name, by, counter) [id] = {name, by, offsetof(struct hf_gb_stats, counter)},
    HF_GB_CALL_END_MAP(END)
#undef END
};

const char *hf_gb_call_end_name(unsigned end)
{
    HF_ASSERT(end < HF_GB_CALL_ENDS);
    return ends[end].name;
}

const char *hf_gb_call_end_by(unsigned end)
{
    HF_ASSERT(end < HF_GB_CALL_ENDS);
    return ends[end].by;
}

/* ---- made and found ---- */

static bool id_eq(const struct hf_map_node *node, const void *key)
{
    return HF_CONTAINER_OF(node, struct hf_gb_call, by_id)->id == *(const uint64_t *)key;
}

struct hf_gb_call *hf_gb_call_find(const struct hf_gb_site *site, uint64_t id)
{
    struct hf_map_node *node = hf_map_find(&site->calls, hf_hash_mix(id), &id);

    return node ? HF_CONTAINER_OF(node, struct hf_gb_call, by_id) : NULL;
}

struct hf_gb_call *hf_gb_call_find_dialog(struct hf_gb_device *device, const struct hf_sip_msg *msg)
{
    for (struct hf_list_node *node = device->calls.next; node != &device->calls; node = node->next) {
        struct hf_gb_call *call = HF_CONTAINER_OF(node, struct hf_gb_call, node);

        if (hf_sip_dialog_is(&call->dialog, msg))
            return call;
    }
    return NULL;
}

static void told(struct hf_gb_user *user, const struct hf_sip_tx_event *event);

/* id 0: a fresh one. */
static struct hf_gb_call *make(struct hf_gb_device *device, enum hf_gb_call_kind kind, uint64_t id)
{
    struct hf_gb_site *site = device->site;
    struct hf_gb_call *call = device->calling < HF_GB_DEVICE_CALLS_MAX ? hf_slab_take(site->call_slab) : NULL;

    if (call == NULL) {
        site->stats.calls_full++;
        return NULL;
    }
    call->token = (uint64_t)(site->options.hub->options.worker & 0xff) << 56 | ++site->calls_made;
    call->id = id ? id : hf_hash_mix(call->token ^ site->call_key); /* one to one, so never twice either */
    if (hf_map_insert(&site->calls, &call->by_id, hf_hash_mix(call->id)) != HF_OK) {
        hf_slab_give(site->call_slab, call);
        site->stats.calls_full++;
        return NULL;
    }
    call->user.told = told;
    call->device = device;
    call->kind = (uint8_t)kind;
    call->stream = HF_GB_CALL_NO_STREAM;
    call->users = 1;
    call->times.begun_ms = hf_gb_now(site);
    call->times.setup_ms = site->limits.call_setup_ms;
    call->times.history = hf_gb_call_is_history(call);
    call->times.scale = 1000;
    hf_timer_init(&call->timer, hf_gb_call_on_timer);
    hf_list_init(&call->node);
    hf_list_init(&call->talk);
    hf_list_push_back(&device->calls, &call->node);
    device->calling++;
    site->stats.calls_now++;
    site->stats.calls_ringing_now++; /* as long as it does not stand and is not over */
    hf_gb_call_arm(call);
    hf_gb_calls_audit_soon(site);
    return call;
}

struct hf_gb_call *hf_gb_call_new(struct hf_gb_device *device, enum hf_gb_call_kind kind)
{
    struct hf_gb_call *call = make(device, kind, 0);

    device->site->stats.calls += call != NULL;
    return call;
}

struct hf_gb_call *hf_gb_call_again(struct hf_gb_device *device, enum hf_gb_call_kind kind, uint64_t id)
{
    return make(device, kind, id);
}

void hf_gb_call_stands(struct hf_gb_call *call)
{
    (void)hf_gb_call_step(&call->state, HF_GB_CALL_INVITE);
    (void)hf_gb_call_step(&call->state, HF_GB_CALL_2XX);
    HF_ASSERT(hf_gb_call_state(&call->state) == HF_GB_CALL_CONNECTED);
    call->device->site->stats.calls_ringing_now--;
}

/* ---- the end ---- */

static void close_leg(struct hf_gb_call *call)
{
    struct hf_gb_site *site = call->device->site;

    if (call->relayed)
        site->options.media->close(site->options.media_context, call->token);
    call->relayed = false;
}

static void free_call(struct hf_gb_call *call)
{
    struct hf_gb_site *site = call->device->site;

    HF_ASSERT(call->invite == NULL && call->pins == 0);
    struct hf_gb_call_step step = hf_gb_call_step(&call->state, HF_GB_CALL_FREED);
    HF_ASSERT(!step.forbidden);
    hf_gb_call_keep_over(call);
    hf_gb_call_unrecord(call);
    hf_gb_call_give_ssrc(call);
    hf_sip_dialog_end(&call->dialog);
    hf_wheel_cancel(site->options.wheel, &call->timer);
    hf_map_remove(&site->calls, &call->by_id);
    hf_list_remove(&call->node);
    call->device->calling--;
    site->stats.calls_now--;
    hf_slab_give(site->call_slab, call);
}

static void free_if_over(struct hf_gb_call *call)
{
    if (hf_gb_call_state(&call->state) == HF_GB_CALL_DISCONNECTED && call->invite == NULL && call->pins == 0)
        free_call(call);
}

void hf_gb_call_pin(struct hf_gb_call *call)
{
    call->pins++;
}

void hf_gb_call_unpin(struct hf_gb_call *call)
{
    if (call == NULL)
        return;
    HF_ASSERT(call->pins > 0);
    call->pins--;
    free_if_over(call);
}

void hf_gb_call_invite_over(struct hf_gb_call *call)
{
    call->invite = NULL;
    free_if_over(call);
}

/* Once for each call, in whatever way it goes. */
static void tell_gateway(const struct hf_gb_call *call)
{
    const struct hf_gb_options *options = &call->device->site->options;
    char id[HF_GB_CALL_ID_TEXT];

    if (options->ops->call_ended == NULL)
        return;
    hf_gb_call_id_text(call, id);
    options->ops->call_ended(options->context, hf_slice_of(id));
}

static void ended(struct hf_gb_call *call, enum hf_gb_call_state before, enum hf_gb_call_end end)
{
    struct hf_gb_site *site = call->device->site;

    site->stats.calls_ringing_now -= before != HF_GB_CALL_CONNECTED;
    *(uint64_t *)((char *)&site->stats + ends[end].counter) += 1;
    call->end = (uint8_t)end;
    call->times.ended_ms = hf_gb_now(site);
    hf_list_remove(&call->talk);
    hf_gb_call_keep_over(call);
    close_leg(call);
    if (call->events) {
        hf_gb_call_event(call, "ended");
        tell_gateway(call);
    }
    if (end == HF_GB_CALL_END_NO_ANSWER && call->asked && !call->heard)
        hf_gb_breaker_result(call->device, false);
    hf_gb_call_tell(call);
    if (call->invite != NULL &&
        (call->incoming || before == HF_GB_CALL_CONNECTED)) { /* SIP repeats what is due */
        if (call->incoming && end == HF_GB_CALL_END_BYE)
            hf_sip_tx_forget_arrived(call->invite, hf_gb_now(site));
        else
            hf_sip_tx_forget(call->invite);
        call->invite = NULL;
    }
    hf_gb_call_arm(call);
}

bool hf_gb_call_happens(struct hf_gb_call *call, enum hf_gb_call_event event, enum hf_gb_call_end end)
{
    enum hf_gb_call_state before = hf_gb_call_state(&call->state);
    struct hf_gb_call_step step = hf_gb_call_step(&call->state, event);

    if (step.forbidden)
        return false;
    if (before == HF_GB_CALL_RINGING && step.next == HF_GB_CALL_CONNECTED) {
        call->device->site->stats.calls_ringing_now--;
        call->device->site->stats.calls_connected++;
        call->times.connected_ms = hf_gb_now(call->device->site);
        call->times.mark_ms = call->times.connected_ms;
    }
    if (step.todo & HF_GB_CALL_DO_CANCEL)
        hf_gb_call_cancel(call);
    if (step.todo & HF_GB_CALL_DO_BYE)
        hf_gb_call_bye(call);
    if (step.todo & HF_GB_CALL_DO_END)
        ended(call, before, end);
    else
        hf_gb_call_arm(call);
    free_if_over(call);
    return true;
}

void hf_gb_call_discard(struct hf_gb_call *call, enum hf_gb_call_end end)
{
    if (hf_gb_call_state(&call->state) == HF_GB_CALL_IDLE) /* nothing was said yet */
        (void)hf_gb_call_step(&call->state, HF_GB_CALL_INVITE);
    call->pins++; /* until we have done with it */
    (void)hf_gb_call_happens(call, HF_GB_CALL_LOST, end);
    if (call->invite != NULL) /* a late 2xx is a stray, which gets ACK and BYE */
        hf_sip_tx_forget(call->invite);
    call->invite = NULL;
    call->pins--;
    free_if_over(call);
}

void hf_gb_calls_drop(struct hf_gb_device *device, enum hf_gb_call_end end)
{
    struct hf_list_node *node = device->calls.next;

    while (node != &device->calls) {
        struct hf_gb_call *call = HF_CONTAINER_OF(node, struct hf_gb_call, node);

        node = node->next;
        hf_gb_call_discard(call, end);
    }
}

/* A reboot, or another NAT. Where media is seen it shows by itself whether the session goes on. */
void hf_gb_calls_moved(struct hf_gb_device *device)
{
    struct hf_list_node *node = device->calls.next;

    while (node != &device->calls) {
        struct hf_gb_call *call = HF_CONTAINER_OF(node, struct hf_gb_call, node);

        node = node->next;
        if (!(call->times.watched && call->times.media_ms != 0) &&
            hf_gb_call_state(&call->state) == HF_GB_CALL_CONNECTED)
            (void)hf_gb_call_happens(call, HF_GB_CALL_LOST, HF_GB_CALL_END_DEVICE_MOVED);
    }
}

/* ---- the INVITE's events, ours and theirs ---- */

static void told(struct hf_gb_user *user, const struct hf_sip_tx_event *event)
{
    struct hf_gb_call *call = HF_CONTAINER_OF(user, struct hf_gb_call, user);

    if (call->incoming)
        hf_gb_call_talk_told(call, event);
    else
        hf_gb_call_invite_told(call, event);
}

/* ---- the site's ---- */

hf_err hf_gb_calls_init(struct hf_gb_site *site)
{
    hf_map_init(&site->calls, id_eq);
    hf_list_init(&site->talks);
    hf_list_init(&site->points);
    hf_timer_init(&site->audit, hf_gb_calls_on_audit);
    hf_timer_init(&site->calls_restore, hf_gb_calls_on_restore);
    site->options.ops->random(site->options.context, &site->call_key, sizeof(site->call_key));
    site->call_slab = hf_slab_new("gb_calls", sizeof(struct hf_gb_call),
                                  site->options.calls_max ? site->options.calls_max : HF_GB_CALLS_MAX);
    return site->call_slab != NULL ? hf_gb_byes_init(site) : HF_ERR_NOMEM;
}

void hf_gb_calls_deinit(struct hf_gb_site *site)
{
    HF_ASSERT(site->stats.calls_now == 0 && site->stats.calls_ringing_now == 0);
    if (site->call_slab == NULL)
        return; /* init was not reached, or had no memory */
    hf_wheel_cancel(site->options.wheel, &site->audit);
    hf_wheel_cancel(site->options.wheel, &site->calls_restore);
    hf_gb_points_free(site);
    hf_map_deinit(&site->calls);
    hf_slab_free(site->call_slab);
    hf_gb_byes_deinit(site);
}
