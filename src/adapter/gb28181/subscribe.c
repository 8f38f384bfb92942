/* adapter/gb28181/subscribe.c - SUBSCRIBE, and what becomes of it. Dialogs are matched by Call-ID, which is ours and names the device (home.c). */
#include "adapter/gb28181/subscribe.h"

#include <stdlib.h>

#include "base/sb.h"

size_t hf_gb_sub_bytes(void)
{
    return sizeof(struct hf_gb_sub);
}

/* ---- writing ---- */

/* HF_ERR_UNSUPPORTED: its edition does not know it. Into site->body. */
static hf_err write_body(const struct hf_gb_sub *sub, struct hf_slice *ret_body)
{
    struct hf_gb_device *device = sub->device;
    struct hf_gb_site *site = device->site;
    struct hf_cdp_message *query = &site->message;
    struct hf_cdp_writer writer = hf_gb_writer(device);
    struct hf_sb sb;

    static const enum hf_cdp_command commands[HF_GB_TOPICS] = {
        [HF_GB_TOPIC_CATALOG] = HF_CDP_CMD_CATALOG,
        [HF_GB_TOPIC_ALARM] = HF_CDP_CMD_ALARM,
        [HF_GB_TOPIC_POSITION] = HF_CDP_CMD_MOBILE_POSITION,
        [HF_GB_TOPIC_PTZ_POSITION] = HF_CDP_CMD_PTZ_POSITION,
    };
    memset(query, 0, sizeof(*query));
    query->root = HF_CDP_ROOT_QUERY;
    query->command = commands[sub->topic];
    query->sn = HF_CDP_INT(hf_gb_next_sn(device));
    query->device_id = hf_gb_device_id(device);
    if (sub->topic == HF_GB_TOPIC_ALARM) { /* all of them */
        query->as.alarm_query.start_priority = HF_CDP_INT(0);
        query->as.alarm_query.end_priority = HF_CDP_INT(0);
        query->as.alarm_query.method = HF_SLICE("0");
    } else if (sub->topic == HF_GB_TOPIC_POSITION) {
        query->as.position_query.interval = HF_CDP_INT(sub->interval_s ? sub->interval_s : 5);
    }
    hf_sb_init(&sb, site->body, HF_GB_BODY_BYTES_MAX + 1);
    hf_err err = hf_cdp_build(&writer, query, &sb, NULL);
    *ret_body = hf_sb_done(&sb);
    return err;
}

static struct hf_slice call_id_of(const struct hf_gb_sub *sub, char storage[64])
{
    struct hf_sb sb;

    hf_sb_init(&sb, storage, 64);
    hf_sb_text(&sb, HF_GB_CALL_ID);
    hf_sb_text(&sb, sub->token);
    hf_sb_char(&sb, '.');
    hf_sb_slice(&sb, hf_gb_device_id(sub->device));
    return hf_sb_done(&sb);
}

/* The head of a SUBSCRIBE without a dialog, up to Contact. */
static void write_first(struct hf_gb_sub *sub, const struct hf_sip_via_out *via, struct hf_slice contact,
                        struct hf_sb *sb)
{
    struct hf_gb_device *device = sub->device;
    struct hf_gb_site *site = device->site;
    char peer[HF_SIP_FLOW_HOST_MAX], target[128], to[128], from[160], call_id[64];
    struct hf_slice id = hf_gb_device_id(device), absent = {NULL, 0};

    (void)hf_sip_layer_token(site->layer, sub->token);
    (void)hf_sip_layer_token(site->layer, sub->tag);
    sub->id = hf_gb_random_u32(site) % 1000000;
    device->cseq = device->cseq % 0x7fffffff + 1;
    sub->cseq = device->cseq;
    (void)hf_sip_write_request(sb, HF_SLICE("SUBSCRIBE"),
                               hf_gb_uri(target, sizeof(target), id,
                                         hf_sip_flow_peer_host(&device->flow, peer), device->flow.peer_port,
                                         device->flow.family == 6));
    (void)hf_sip_write_via(sb, via);
    (void)hf_sip_write_address(
        sb, HF_SIP_FROM,
        hf_gb_uri(from, sizeof(from), site->options.server_id, site->options.realm, 0, false),
        hf_slice_of(sub->tag));
    (void)hf_sip_write_address(sb, HF_SIP_TO, hf_gb_uri(to, sizeof(to), id, site->options.realm, 0, false),
                               absent);
    (void)hf_sip_write_id(sb, HF_SIP_CALL_ID, call_id_of(sub, call_id));
    (void)hf_sip_write_cseq(sb, sub->cseq, HF_SLICE("SUBSCRIBE"));
    (void)hf_sip_write_u64(sb, HF_SIP_MAX_FORWARDS, HF_SIP_MAX_FORWARDS_DEFAULT);
    (void)hf_sip_write_address(sb, HF_SIP_CONTACT, contact, absent);
}

static hf_err send_subscribe(struct hf_gb_sub *sub, bool fresh, uint32_t expires_s, struct hf_gb_user *user,
                             struct hf_sip_tx **ret_tx)
{
    struct hf_gb_device *device = sub->device;
    struct hf_gb_site *site = device->site;
    char branch[HF_SIP_BRANCH_BYTES_MAX], contact_text[160], event[64];
    struct hf_gb_address ours;
    struct hf_slice body;
    struct hf_sb sb, name;

    hf_err err = write_body(sub, &body);
    if (err != HF_OK)
        return err;
    hf_gb_our_address(site, &device->flow, &ours);
    struct hf_sip_via_out via = {.transport = (enum hf_sip_transport)device->flow.transport,
                                 .host = ours.host,
                                 .port = ours.port,
                                 .branch = hf_sip_layer_branch(site->layer, branch),
                                 .rport = true};
    struct hf_slice contact = hf_gb_uri(contact_text, sizeof(contact_text), site->options.server_id,
                                        ours.host, ours.port, ours.ipv6);
    hf_sb_init(&sb, site->sip, HF_GB_SIP_BYTES_MAX + 1);
    if (fresh)
        write_first(sub, &via, contact, &sb);
    else
        err = hf_sip_dialog_write(&sub->dialog, &sb, HF_SIP_SUBSCRIBE, &via, contact);
    if (err != HF_OK)
        return err;
    hf_sb_init(&name, event, sizeof(event));
    hf_sb_text(&name, hf_gb_topic_event(sub->topic));
    if (sub->topic == HF_GB_TOPIC_CATALOG)
        hf_sb_printf(&name, ";id=%u", sub->id);
    (void)hf_sip_write_id(&sb, HF_SIP_EVENT, hf_sb_done(&name));
    (void)hf_sip_write_u64(&sb, HF_SIP_EXPIRES, expires_s);
    (void)hf_sip_write_id(&sb, HF_SIP_USER_AGENT, site->options.user_agent);
    (void)hf_sip_write_end(&sb, HF_SLICE("Application/MANSCDP+xml"), body);
    if (sb.overflow)
        return HF_ERR_LIMIT;
    return hf_sip_tx_request(site->layer, &device->flow, hf_sb_done(&sb), user, hf_gb_now(site), ret_tx);
}

/* ---- steps ---- */

static void leave_dialog(struct hf_gb_sub *sub)
{
    if (sub->tx != NULL)
        hf_sip_tx_forget(sub->tx);
    sub->tx = NULL;
    hf_sip_dialog_end(&sub->dialog);
}

static void arm(struct hf_gb_sub *sub, uint64_t wait_ms)
{
    struct hf_gb_site *site = sub->device->site;

    hf_wheel_arm(site->options.wheel, &sub->timer, hf_gb_now(site) + wait_ms);
}

static void set_state(struct hf_gb_site *site, uint8_t before, uint8_t now)
{
    site->stats.subscriptions_active += (now == HF_GB_SUB_ACTIVE) - (before == HF_GB_SUB_ACTIVE);
    site->stats.subscriptions_failed += now == HF_GB_SUB_FAILED && before != HF_GB_SUB_FAILED;
    site->stats.subscriptions_made += now == HF_GB_SUB_ACTIVE && before != HF_GB_SUB_ACTIVE;
}

/* The command that waits hears how it stands. */
static void tell_request(struct hf_gb_sub *sub)
{
    struct hf_gb_request *request = sub->request;
    struct hf_gb_site *site = sub->device->site;
    bool failed = sub->rule.state == HF_GB_SUB_FAILED;
    struct hf_json_out out;
    struct hf_sb sb;

    if (request == NULL)
        return;
    hf_sb_init(&sb, site->json, HF_GB_RESULT_BYTES_MAX + 1);
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_json_out_bool(&out, "confirmed", !failed);
    hf_json_out_cstr(&out, "event", hf_gb_topic_name(sub->topic));
    hf_json_out_cstr(&out, "state", hf_gb_sub_name(sub->rule.state));
    if (failed && sub->status != 0) {
        hf_json_out_u64(&out, "status", sub->status);
        hf_json_out_cstr(&out, "text", hf_sip_status_text(sub->status));
    } else if (!failed) {
        hf_json_out_u64(&out, "expires_s", (sub->until_ms - hf_gb_now(site)) / 1000);
    }
    hf_json_out_end(&out);
    site->stats.commands_failed += failed;
    site->stats.commands_done += !failed;
    hf_gb_request_end(request, failed, hf_sb_done(&sb)); /* it leaves sub->request */
}

static void step(struct hf_gb_sub *sub, enum hf_gb_sub_event event);

static void ask(struct hf_gb_sub *sub, bool fresh)
{
    struct hf_gb_site *site = sub->device->site;

    if (sub->tx != NULL) { /* a renewal that is still under way when the next is due */
        hf_sip_tx_forget(sub->tx);
        sub->tx = NULL;
    }
    hf_err err = send_subscribe(sub, fresh, sub->expires_s, &sub->user, &sub->tx);
    if (err == HF_OK) {
        site->stats.subscribes_sent++;
        return;
    }
    sub->tx = NULL;
    sub->status = err == HF_ERR_UNSUPPORTED ? 489 : 0; /* as a device of that edition would say */
    step(sub, err == HF_ERR_UNSUPPORTED ? HF_GB_SUB_REFUSED : HF_GB_SUB_LOST);
}

static void step(struct hf_gb_sub *sub, enum hf_gb_sub_event event)
{
    struct hf_gb_site *site = sub->device->site;
    uint8_t before = sub->rule.state;
    enum hf_gb_sub_act act = hf_gb_sub_step(&sub->rule, event, hf_gb_now(site));

    set_state(site, before, sub->rule.state);
    switch (act) {
    case HF_GB_SUB_NOTHING: return;
    case HF_GB_SUB_ASK: ask(sub, true); return;
    case HF_GB_SUB_RENEW: ask(sub, sub->dialog.state == HF_SIP_DIALOG_NONE); return;
    case HF_GB_SUB_KEEP:
        sub->status = 0;
        arm(sub,
            hf_gb_sub_renew_ms((uint32_t)((sub->until_ms - hf_gb_now(site)) / 1000), hf_gb_random_u32(site)));
        tell_request(sub);
        return;
    case HF_GB_SUB_WAIT:
        leave_dialog(sub);
        arm(sub, hf_gb_sub_retry_ms(sub->rule.failures, hf_gb_random_u32(site)));
        tell_request(sub);
        return;
    case HF_GB_SUB_CANCEL:
        if (sub->dialog.state == HF_SIP_DIALOG_CONFIRMED)
            (void)send_subscribe(sub, false, 0, NULL, NULL);
        leave_dialog(sub);
        hf_wheel_cancel(site->options.wheel, &sub->timer);
        return;
    case HF_GB_SUB_FORGET:
        leave_dialog(sub);
        hf_wheel_cancel(site->options.wheel, &sub->timer);
        return;
    }
    HF_UNREACHABLE();
}

static void on_timer(struct hf_timer *timer, uint64_t now_ms)
{
    struct hf_gb_sub *sub = HF_CONTAINER_OF(timer, struct hf_gb_sub, timer);

    if (sub->device->life.lost_ms != 0) { /* its stream may be back soon */
        hf_wheel_arm(sub->device->site->options.wheel, timer, now_ms + HF_GB_RETRY_MS);
        return;
    }
    step(sub, HF_GB_SUB_DUE);
}

/* ---- what comes ---- */

static void accepted(struct hf_gb_sub *sub, const struct hf_sip_msg *msg)
{
    struct hf_gb_site *site = sub->device->site;
    uint32_t expires_s = sub->expires_s;
    hf_err err;

    if (sub->dialog.state == HF_SIP_DIALOG_NONE || !hf_sip_dialog_is(&sub->dialog, msg))
        err = hf_sip_dialog_uac(&sub->dialog, &site->dialog_keep, NULL, msg);
    else
        err = hf_sip_dialog_refreshed(&sub->dialog, msg);
    if (err != HF_OK && sub->dialog.state == HF_SIP_DIALOG_NONE) { /* it cannot be renewed without */
        step(sub, HF_GB_SUB_LOST);
        return;
    }
    if (!hf_sip_expires(msg, &expires_s)) /* RFC 6665 4.2.1.1 wants it; some devices do not say */
        site->stats.subscribes_no_expires++;
    if (expires_s > HF_GB_SUB_EXPIRES_S_MAX)
        expires_s = HF_GB_SUB_EXPIRES_S_MAX;
    sub->until_ms = hf_gb_now(site) + 1000ull * expires_s;
    step(sub, expires_s == 0 ? HF_GB_SUB_LOST : HF_GB_SUB_ACCEPTED);
}

static void told(struct hf_gb_user *user, const struct hf_sip_tx_event *event)
{
    struct hf_gb_sub *sub = HF_CONTAINER_OF(user, struct hf_gb_sub, user);

    if (event->tell == HF_SIP_TELL_FAILED) {
        sub->tx = NULL;
        sub->status = event->err == HF_ERR_TIMEOUT ? 408 : 0;
        step(sub, event->err == HF_ERR_TIMEOUT ? HF_GB_SUB_SILENT : HF_GB_SUB_LOST);
    } else if (event->tell == HF_SIP_TELL_FINAL) {
        sub->tx = NULL;
        if (event->msg->status < 300) {
            accepted(sub, event->msg);
        } else {
            sub->status = event->msg->status;
            step(sub, HF_GB_SUB_REFUSED);
        }
    }
}

struct hf_gb_sub *hf_gb_sub_find(const struct hf_gb_device *device, struct hf_slice call_id)
{
    char storage[64];

    for (struct hf_gb_sub *sub = device->subs; sub != NULL; sub = sub->next)
        if (sub->rule.state != HF_GB_SUB_NONE &&
            hf_slice_eq(sub->dialog.state != HF_SIP_DIALOG_NONE ? hf_sip_dialog_call_id(&sub->dialog)
                                                                : call_id_of(sub, storage),
                        call_id))
            return sub;
    return NULL;
}

void hf_gb_sub_ended(struct hf_gb_sub *sub)
{
    step(sub, HF_GB_SUB_LOST);
}

hf_err hf_gb_sub_notified(struct hf_gb_sub *sub, const struct hf_sip_msg *notify)
{
    struct hf_sip_msg *asked = NULL;
    char call_id[64];
    hf_err err;

    if (sub->dialog.state == HF_SIP_DIALOG_NONE) { /* faster than its 200 */
        asked = calloc(1, sizeof(*asked));
        if (asked == NULL)
            return HF_ERR_NOMEM;
        asked->call_id = call_id_of(sub, call_id);
        asked->from.tag = hf_slice_of(sub->tag);
        asked->cseq.number = sub->cseq;
        err = hf_sip_dialog_notified(&sub->dialog, &sub->device->site->dialog_keep, asked, notify);
        free(asked);
    } else {
        err = hf_sip_dialog_receive(&sub->dialog, notify);
    }
    if (err == HF_ERR_CONFLICT)
        return err;
    /* Other tags than ours, or a Contact that cannot be read: by its Call-ID it is this one (the field). */
    step(sub, HF_GB_SUB_NOTIFIED);
    return HF_OK;
}

/* ---- wanted ---- */

struct hf_gb_sub *hf_gb_sub_take(struct hf_gb_device *device, unsigned topic)
{
    struct hf_gb_sub **at = &device->subs;

    while (*at != NULL && (*at)->topic != topic)
        at = &(*at)->next;
    if (*at == NULL) {
        struct hf_gb_sub *made = hf_slab_take(device->site->sub_slab);

        if (made == NULL) {
            device->site->stats.subscriptions_full++;
            return NULL;
        }
        made->user.told = told;
        made->device = device;
        made->topic = (uint8_t)topic;
        hf_timer_init(&made->timer, on_timer);
        *at = made;
        device->site->stats.subscriptions++;
    }
    return *at;
}

/* Wanted from now on, with these terms. */
void hf_gb_sub_want(struct hf_gb_sub *sub, uint32_t expires_s, uint32_t interval_s, uint64_t wait_ms)
{
    sub->expires_s = expires_s;
    sub->interval_s = interval_s;
    arm(sub, wait_ms);
}

void hf_gb_sub_soon(struct hf_gb_sub *sub)
{
    arm(sub, 0);
}

void hf_gb_sub_unwant(struct hf_gb_sub *sub)
{
    sub->expires_s = 0;
    step(sub, HF_GB_SUB_UNWANTED);
}

void hf_gb_subs_gone(struct hf_gb_device *device)
{
    for (struct hf_gb_sub *sub = device->subs; sub != NULL; sub = sub->next)
        step(sub, HF_GB_SUB_GONE);
}

void hf_gb_subs_free(struct hf_gb_device *device)
{
    while (device->subs != NULL) {
        struct hf_gb_sub *sub = device->subs;

        HF_ASSERT(sub->rule.state == HF_GB_SUB_NONE && sub->request == NULL);
        device->subs = sub->next;
        hf_wheel_cancel(device->site->options.wheel, &sub->timer);
        hf_slab_give(device->site->sub_slab, sub);
        device->site->stats.subscriptions--;
    }
}
