/* adapter/gb28181/call_bye.c - BYE until the device has heard it. A session is over when we say so, and its port and SSRC are given to others; a camera that did not hear of it sends on. So the BYE outlives its
 * session: it is said again, with the next number of the dialog, when nobody answered it for timer F.
 *
 *   said -> answered, whatever the status                                over
 *     `-> not answered -> said again after 30 s, 1, 2, 4 min, and as soon as the device shows itself anew -> HF_GB_BYE_TRIES_MAX: given up, told
 *     `-> its device leaves by silence, or while one was not answered    a row of the table of calls owes it (call_restore.c): BYE when the device comes, also after a restart
 *
 * Its memory is a slab's, one for each session at most; without it BYE is said once. */
#include "adapter/gb28181/call.h"

static void told(struct hf_gb_user *user, const struct hf_sip_tx_event *event);
static void on_timer(struct hf_timer *timer, uint64_t now_ms);

static struct hf_gb_bye *make(struct hf_gb_device *device, uint64_t call,
                              const struct hf_sip_dialog_saved *saved)
{
    struct hf_gb_site *site = device->site;
    struct hf_gb_bye *bye = hf_slab_take(site->bye_slab);

    if (bye == NULL)
        return NULL;
    if (hf_sip_dialog_restore(&bye->dialog, &site->dialog_keep, saved) != HF_OK) {
        hf_slab_give(site->bye_slab, bye);
        return NULL;
    }
    bye->user.told = told;
    bye->device = device;
    bye->call = call;
    hf_timer_init(&bye->timer, on_timer);
    bye->next = device->byes;
    device->byes = bye;
    site->stats.byes_now++;
    return bye;
}

/* Its row stays or goes as it is. */
static void free_bye(struct hf_gb_bye *bye)
{
    struct hf_gb_site *site = bye->device->site;
    struct hf_gb_bye **link = &bye->device->byes;

    while (*link != bye)
        link = &(*link)->next;
    *link = bye->next;
    if (bye->tx != NULL)
        hf_sip_tx_forget(bye->tx);
    hf_wheel_cancel(site->options.wheel, &bye->timer);
    hf_sip_dialog_end(&bye->dialog);
    site->stats.byes_now--;
    hf_slab_give(site->bye_slab, bye);
}

static void over(struct hf_gb_bye *bye)
{
    struct hf_gb_site *site = bye->device->site;

    if (bye->recorded &&
        hf_hub_camera_call(site->options.hub, site->options.tenant->name, hf_gb_device_id(bye->device),
                           bye->call, (struct hf_slice){NULL, 0}) != HF_OK)
        site->stats.calls_unrecorded++; /* the next start says it once more */
    free_bye(bye);
}

/* A row that owes it, in the place of one of a session that stands. */
static void record(struct hf_gb_bye *bye)
{
    struct hf_gb_site *site = bye->device->site;
    char storage[HF_CALL_RECORD_BYTES_MAX + 1];
    struct hf_json_out out;
    struct hf_sb sb;

    hf_sb_init(&sb, storage, sizeof(storage));
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_json_out_bool(&out, "owes", true);
    hf_json_out_cstr(&out, "kind", hf_gb_call_kind_name(bye->kind));
    hf_json_out_text(&out, "channel", (struct hf_slice){bye->channel, bye->channel_bytes});
    hf_json_out_text(&out, "source", (struct hf_slice){bye->source, bye->source_bytes});
    hf_gb_call_write_dialog(&bye->dialog, &out);
    hf_json_out_end(&out);
    if (!hf_json_out_complete(&out) ||
        hf_hub_camera_call(site->options.hub, site->options.tenant->name, hf_gb_device_id(bye->device),
                           bye->call, hf_sb_done(&sb)) != HF_OK)
        site->stats.calls_unrecorded++;
    else
        bye->recorded = true;
}

static void tell_given_up(const struct hf_gb_bye *bye)
{
    struct hf_gb_site *site = bye->device->site;
    char storage[512], id[HF_GB_CALL_ID_TEXT];
    struct hf_json_out out;
    struct hf_sb sb;

    hf_sb_init(&sb, storage, sizeof(storage));
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_json_out_cstr(&out, "event", "unheard");
    hf_gb_call_id_format(bye->call, id);
    hf_json_out_cstr(&out, "call", id);
    hf_json_out_cstr(&out, "kind", hf_gb_call_kind_name(bye->kind));
    hf_json_out_text(&out, "channel", (struct hf_slice){bye->channel, bye->channel_bytes});
    hf_json_out_cstr(&out, "reason", "bye_unanswered");
    hf_json_out_u64(&out, "tries", bye->tries);
    hf_json_out_end(&out);
    if (!hf_json_out_complete(&out) || hf_gb_tell(bye->device, HF_SLICE("gb/call"), hf_sb_done(&sb)) != HF_OK)
        site->stats.call_events_lost++;
}

static hf_err say(struct hf_gb_device *device, struct hf_sip_dialog *dialog, struct hf_slice source,
                  struct hf_gb_user *user, struct hf_sip_tx **ret_tx)
{
    struct hf_gb_site *site = device->site;
    struct hf_slice absent = {NULL, 0};
    struct hf_sb sb;

    if (!hf_gb_dialog_write(device, dialog, source, HF_SIP_BYE, &sb) ||
        hf_sip_write_end(&sb, absent, absent) != HF_OK)
        return HF_ERR_INVALID;
    return hf_sip_tx_request(site->layer, &device->flow, hf_sb_done(&sb), user, hf_gb_now(site), ret_tx);
}

static void arm(struct hf_gb_bye *bye)
{
    struct hf_gb_site *site = bye->device->site;
    unsigned doubled = bye->tries > 0 ? bye->tries - 1u : 0;

    hf_wheel_arm(site->options.wheel, &bye->timer,
                 hf_gb_now(site) + ((uint64_t)HF_GB_BYE_AGAIN_MS << doubled));
}

static void go(struct hf_gb_bye *bye)
{
    struct hf_gb_device *device = bye->device;
    struct hf_gb_site *site = device->site;
    bool again = bye->tries > 0;

    HF_ASSERT(bye->tx == NULL && bye->tries < HF_GB_BYE_TRIES_MAX);
    if ((again && hf_gb_breaker_due_ms(device) != UINT64_MAX) || /* nothing is said to it now */
        say(device, &bye->dialog, (struct hf_slice){bye->source, bye->source_bytes}, &bye->user, &bye->tx) !=
            HF_OK) {
        bye->tx = NULL;
        arm(bye); /* or when there is a way to it */
        return;
    }
    hf_wheel_cancel(site->options.wheel, &bye->timer);
    bye->tries++;
    site->stats.byes_again += again;
}

static void told(struct hf_gb_user *user, const struct hf_sip_tx_event *event)
{
    struct hf_gb_bye *bye = HF_CONTAINER_OF(user, struct hf_gb_bye, user);
    struct hf_gb_site *site = bye->device->site;

    if (event->tell == HF_SIP_TELL_FINAL) {
        bye->tx = NULL;
        over(bye);
    } else if (event->tell == HF_SIP_TELL_FAILED) {
        bye->tx = NULL;
        if (event->err != HF_ERR_TIMEOUT) /* the way failed: that was no try */
            bye->tries--;
        else
            site->stats.byes_unanswered++;
        if (bye->tries < HF_GB_BYE_TRIES_MAX) {
            bye->owed = true;
            record(bye);
            arm(bye);
            return;
        }
        site->stats.byes_given_up++;
        tell_given_up(bye);
        over(bye);
    }
}

static void on_timer(struct hf_timer *timer, uint64_t now_ms)
{
    (void)now_ms;
    go(HF_CONTAINER_OF(timer, struct hf_gb_bye, timer));
}

void hf_gb_call_bye(struct hf_gb_call *call)
{
    struct hf_gb_device *device = call->device;
    struct hf_slice source = {call->source, call->source_bytes};
    struct hf_sip_dialog_saved saved;
    struct hf_gb_bye *bye;

    if (call->dialog.state != HF_SIP_DIALOG_CONFIRMED)
        return;
    hf_sip_dialog_save(&call->dialog, &saved);
    bye = make(device, call->id, &saved);
    if (bye == NULL) {
        device->site->stats.byes_full++;
        (void)say(device, &call->dialog, source, NULL, NULL);
        return;
    }
    bye->kind = call->kind;
    bye->channel_bytes = call->channel_bytes;
    memcpy(bye->channel, call->channel, call->channel_bytes);
    bye->source_bytes = call->source_bytes;
    memcpy(bye->source, call->source, call->source_bytes);
    bye->recorded = call->recorded; /* the row goes with it */
    call->recorded = false;
    if (bye->recorded) /* a session that is over does not go on after a crash */
        record(bye);
    go(bye);
}

bool hf_gb_bye_is(const struct hf_gb_device *device, uint64_t call)
{
    const struct hf_gb_bye *bye = device->byes;

    while (bye != NULL && bye->call != call)
        bye = bye->next;
    return bye != NULL;
}

bool hf_gb_bye_again(struct hf_gb_device *device, uint64_t call, enum hf_gb_call_kind kind,
                     struct hf_slice channel, struct hf_slice source, const struct hf_sip_dialog_saved *saved)
{
    struct hf_gb_bye *bye = make(device, call, saved);

    if (bye == NULL) {
        device->site->stats.byes_full++;
        return false;
    }
    bye->kind = (uint8_t)kind;
    bye->channel_bytes = (uint8_t)channel.bytes;
    memcpy(bye->channel, channel.at, channel.bytes);
    bye->source_bytes = (uint8_t)source.bytes;
    memcpy(bye->source, source.at, source.bytes);
    bye->recorded = bye->owed = true;
    go(bye);
    return true;
}

void hf_gb_byes_back(struct hf_gb_device *device)
{
    for (struct hf_gb_bye *bye = device->byes, *next; bye != NULL; bye = next) {
        next = bye->next;
        if (bye->tx == NULL)
            go(bye);
    }
}

void hf_gb_byes_drop(struct hf_gb_device *device, bool silent)
{
    struct hf_gb_site *site = device->site;

    while (device->byes != NULL) {
        struct hf_gb_bye *bye = device->byes;

        if (!bye->owed && !silent && bye->tries > 0) {
            over(bye);
            continue;
        }
        record(bye);
        site->stats.calls_orphaned_now += bye->recorded;
        free_bye(bye);
    }
}

hf_err hf_gb_byes_init(struct hf_gb_site *site)
{
    site->bye_slab = hf_slab_new("gb_byes", sizeof(struct hf_gb_bye),
                                 site->options.calls_max ? site->options.calls_max : HF_GB_CALLS_MAX);
    return site->bye_slab != NULL ? HF_OK : HF_ERR_NOMEM;
}

void hf_gb_byes_deinit(struct hf_gb_site *site)
{
    HF_ASSERT(site->stats.byes_now == 0);
    hf_slab_free(site->bye_slab);
}
