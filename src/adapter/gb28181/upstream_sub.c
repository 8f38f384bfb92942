/* adapter/gb28181/upstream_sub.c - a platform's subscription to our catalogue: what differs from what it was told last goes up in NOTIFYs, not for each change but for all since the last look.
 * It is told at first what is not ON (the rest counts as online); the list itself it asks for by Catalog. GB/T 28181-2022 9.11; RFC 6665. */
#include "adapter/gb28181/upstream_sub.h"

#include <stdio.h>
#include <stdlib.h>

enum { EXPIRES_DEFAULT_S = 600, EXPIRES_MIN_S = 30, EXPIRES_MAX_S = 86400, MANY_NODES = 2000 };

static uint32_t seconds_left(const struct hf_gb_up_sub *sub)
{
    uint64_t now_ms = hf_gb_up_now(sub->up);

    return sub->expires_ms > now_ms ? (uint32_t)((sub->expires_ms - now_ms) / 1000) : 0;
}

/* ---- what has changed ---- */

static bool is_about(const struct hf_gb_up_sub *sub, const struct hf_gb_up_tree *tree,
                     const struct hf_gb_up_node *node)
{
    const struct hf_gb_up_tree_device *owner = &tree->devices[node->device];
    struct hf_slice about = {sub->about, sub->about_bytes};

    return about.bytes == 0 || hf_slice_eq(about, sub->up->options.device_id) ||
           hf_slice_eq(about, hf_gb_up_node_shown(node)) ||
           hf_slice_eq(about, (struct hf_slice){owner->shown, owner->shown_bytes});
}

static uint8_t event_of_status(unsigned status)
{
    return status == HF_CHANNEL_ON       ? HF_CDP_EVENT_ON
           : status == HF_CHANNEL_VLOST  ? HF_CDP_EVENT_VLOST
           : status == HF_CHANNEL_DEFECT ? HF_CDP_EVENT_DEFECT
                                         : HF_CDP_EVENT_OFF;
}

/* Both trees in the order of shown ids, side by side. changes has room for the nodes of both. */
static uint32_t compare(const struct hf_gb_up_sub *sub, const struct hf_gb_up_tree *now,
                        struct hf_gb_up_change *changes)
{
    const struct hf_gb_up_tree *before = sub->told;
    uint32_t count = 0, a = 0, b = 0;

    while ((before != NULL && a < before->visible) || b < now->visible) {
        const struct hf_gb_up_node *old =
            before != NULL && a < before->visible ? &before->nodes[before->by_shown[a]] : NULL;
        const struct hf_gb_up_node *new = b < now->visible ? &now->nodes[now->by_shown[b]] : NULL;
        int order = old == NULL   ? 1
                    : new == NULL ? -1
                                  : hf_gb_up_compare(hf_gb_up_node_shown(old), hf_gb_up_node_shown(new));
        struct hf_gb_up_change change = {0};

        a += order <= 0;
        b += order >= 0;
        if (order < 0)
            change = (struct hf_gb_up_change){before->by_shown[a - 1], HF_CDP_EVENT_DEL, true};
        else if (order > 0 && before != NULL)
            change = (struct hf_gb_up_change){now->by_shown[b - 1], HF_CDP_EVENT_ADD, false};
        else if (order > 0 ? new->status != HF_CHANNEL_ON : old->status != new->status)
            change = (struct hf_gb_up_change){now->by_shown[b - 1], event_of_status(new->status), false};
        else if (order == 0 && old->digest != new->digest)
            change = (struct hf_gb_up_change){now->by_shown[b - 1], HF_CDP_EVENT_UPDATE, false};
        const struct hf_gb_up_node *node = change.gone ? old : new;
        if (change.event != 0 && node != NULL && is_about(sub, change.gone ? before : now, node))
            changes[count++] = change;
    }
    return count;
}

static void look(struct hf_gb_up_sub *sub, struct hf_gb_up_tree *tree)
{
    struct hf_gb_upstream *up = sub->up;
    struct hf_gb_up_change *changes;
    struct hf_gb_up_job *job;

    if (sub->job != NULL || tree == sub->told)
        return;
    changes = calloc(tree->visible + (sub->told != NULL ? sub->told->visible : 0) + 1, sizeof(*changes));
    if (changes == NULL)
        return; /* the next look */
    uint32_t count = compare(sub, tree, changes);
    job = count > 0 ? hf_gb_up_job_new(up, HF_GB_UP_JOB_CHANGES, HF_CDP_CMD_CATALOG, sub->sn,
                                       (struct hf_slice){sub->about, sub->about_bytes})
                    : NULL;
    if (job == NULL) {
        free(changes);
        if (count == 0) { /* nothing that it would hear of */
            hf_gb_up_tree_drop(sub->told);
            sub->told = hf_gb_up_tree_share(tree);
        }
        return;
    }
    job->tree = hf_gb_up_tree_share(tree);
    job->before = sub->told != NULL ? hf_gb_up_tree_share(sub->told) : NULL;
    job->changes = changes;
    job->end = count;
    job->sum = count;
    job->sub = sub;
    sub->job = job;
    up->stats.changes += count;
    hf_gb_up_job_go(job);
}

/* ---- its life ---- */

static void sub_free(struct hf_gb_up_sub *sub)
{
    if (sub->job != NULL)
        hf_gb_up_job_drop(sub->job);
    hf_list_remove(&sub->node);
    hf_sip_dialog_end(&sub->dialog);
    hf_gb_up_tree_drop(sub->told);
    sub->up->sub_count--;
    free(sub);
}

void hf_gb_up_subs_drop(struct hf_gb_upstream *up)
{
    while (!hf_list_empty(&up->subs))
        sub_free(HF_CONTAINER_OF(up->subs.next, struct hf_gb_up_sub, node));
    hf_wheel_cancel(up->options.wheel, &up->look);
}

/* Many nodes are looked at less often: a look walks all of them. */
static void arm(struct hf_gb_upstream *up, uint64_t wait_ms)
{
    if (up->tree != NULL && up->tree->node_count > MANY_NODES && wait_ms > 0)
        wait_ms = HF_GB_UP_LOOK_MANY_MS;
    hf_wheel_arm(up->options.wheel, &up->look, hf_gb_up_now(up) + wait_ms);
}

void hf_gb_up_on_look(struct hf_timer *timer, uint64_t now_ms)
{
    struct hf_gb_upstream *up = HF_CONTAINER_OF(timer, struct hf_gb_upstream, look);
    struct hf_gb_up_tree *tree;

    for (struct hf_list_node *node = up->subs.next, *next; node != &up->subs; node = next) {
        struct hf_gb_up_sub *sub = HF_CONTAINER_OF(node, struct hf_gb_up_sub, node);

        next = node->next;
        if (now_ms >= sub->expires_ms)
            sub_free(sub); /* it was not renewed: nobody listens any more */
    }
    if (hf_list_empty(&up->subs))
        return;
    tree = hf_gb_up_tree_now(up, 0);
    for (struct hf_list_node *node = up->subs.next, *next; tree != NULL && node != &up->subs; node = next) {
        next = node->next;
        look(HF_CONTAINER_OF(node, struct hf_gb_up_sub, node), tree);
    }
    arm(up, HF_GB_UP_LOOK_MS);
}

bool hf_gb_up_sub_write(struct hf_gb_up_sub *sub, struct hf_slice body, struct hf_slice *ret_text)
{
    struct hf_gb_upstream *up = sub->up;
    char state[48];
    struct hf_sb sb;

    (void)snprintf(state, sizeof(state), "active;expires=%u", seconds_left(sub));
    hf_sb_init(&sb, up->sip, HF_GB_SIP_BYTES_MAX + 1);
    if (!hf_gb_up_write_within(up, &sub->dialog, HF_SIP_NOTIFY, up->options.device_id, &sb))
        return false;
    (void)hf_sip_write_id(&sb, HF_SIP_EVENT, (struct hf_slice){sub->event, sub->event_bytes});
    (void)hf_sip_write_id(&sb, HF_SIP_SUBSCRIPTION_STATE, hf_slice_of(state));
    (void)hf_sip_write_end(&sb, HF_SLICE("Application/MANSCDP+xml"), body);
    *ret_text = hf_sb_done(&sb);
    return !sb.overflow;
}

void hf_gb_up_sub_told(struct hf_gb_up_sub *sub, bool whole, unsigned status)
{
    struct hf_gb_up_job *job = sub->job;

    sub->job = NULL;
    job->sub = NULL;
    if (whole) {
        hf_gb_up_tree_drop(sub->told);
        sub->told = hf_gb_up_tree_share(job->tree);
    } else if (status == 481 || status == 489) {
        sub_free(sub); /* it has forgotten that it asked */
    }
}

/* ---- SUBSCRIBE ---- */

static void answer(struct hf_gb_up_sub *sub, const struct hf_sip_tx_event *event, uint32_t expires_s)
{
    struct hf_gb_upstream *up = sub->up;
    char host[HF_SIP_FLOW_HOST_MAX], contact[2 * HF_GB_UP_TEXT_BYTES_MAX];
    struct hf_sip_reply reply = hf_sip_flow_reply(event->flow, 200, true, host);
    struct hf_slice absent = {NULL, 0};
    struct hf_gb_address ours;
    struct hf_sb sb;

    reply.to_tag = hf_sip_dialog_local_tag(&sub->dialog);
    hf_gb_up_our_address(up, &ours);
    hf_sb_init(&sb, up->sip, HF_GB_SIP_BYTES_MAX + 1);
    bool written = hf_sip_write_reply(&sb, event->msg, &reply) == HF_OK &&
                   hf_sip_write_address(&sb, HF_SIP_CONTACT,
                                        hf_gb_uri(contact, sizeof(contact), up->options.device_id, ours.host,
                                                  ours.port, ours.ipv6),
                                        absent) == HF_OK &&
                   hf_sip_write_u64(&sb, HF_SIP_EXPIRES, expires_s) == HF_OK &&
                   hf_sip_write_end(&sb, absent, absent) == HF_OK;
    if (written)
        (void)hf_sip_tx_answer(event->tx, 200, hf_sb_done(&sb), hf_gb_up_now(up));
    else
        (void)hf_sip_tx_answer_plain(event->tx, event->msg, 500, hf_gb_up_now(up));
}

static struct hf_gb_up_sub *find(const struct hf_gb_upstream *up, const struct hf_sip_msg *msg)
{
    for (const struct hf_list_node *node = up->subs.next; node != &up->subs; node = node->next) {
        struct hf_gb_up_sub *sub = HF_CONTAINER_OF(node, struct hf_gb_up_sub, node);

        if (hf_sip_dialog_is(&sub->dialog, msg))
            return sub;
    }
    return NULL;
}

/* Of catalogues only: alarms and positions of our cameras are not passed on. */
static bool is_catalog(struct hf_gb_upstream *up, const struct hf_sip_msg *msg,
                       struct hf_cdp_message *ret_query)
{
    return hf_cdp_parse(up->options.conv, up->options.charset, msg->body, up->scratch, HF_CDP_SCRATCH_BYTES,
                        ret_query) == HF_OK &&
           ret_query->command == HF_CDP_CMD_CATALOG;
}

static unsigned begin(struct hf_gb_upstream *up, const struct hf_sip_tx_event *event,
                      struct hf_gb_up_sub **ret_sub)
{
    const struct hf_sip_msg *msg = event->msg;
    struct hf_slice name = hf_slice_trim(hf_sip_value(msg, HF_SIP_EVENT));
    struct hf_cdp_message query;
    char tag[HF_SIP_TAG_BYTES_MAX];
    struct hf_gb_up_sub *sub;

    if (msg->to.tag.at != NULL)
        return 481;
    if (name.bytes == 0 || name.bytes >= sizeof(sub->event) || !is_catalog(up, msg, &query) ||
        query.device_id.bytes > HF_GB_UP_ID_BYTES_MAX)
        return 489;
    sub = up->sub_count < HF_GB_UP_SUBS_MAX ? calloc(1, sizeof(*sub)) : NULL;
    if (sub == NULL)
        return 503;
    if (hf_sip_dialog_uas(&sub->dialog, &up->dialog_keep, msg, hf_sip_layer_tag(up->layer, msg, tag), true) !=
        HF_OK) {
        free(sub);
        return 400; /* no Contact, or none that can be read */
    }
    sub->up = up;
    sub->sn = query.sn.set ? query.sn.value : 0;
    sub->about_bytes = (uint8_t)query.device_id.bytes;
    if (query.device_id.bytes > 0)
        memcpy(sub->about, query.device_id.at, query.device_id.bytes);
    sub->event_bytes = (uint8_t)name.bytes;
    memcpy(sub->event, name.at, name.bytes);
    hf_list_init(&sub->node);
    hf_list_push_back(&up->subs, &sub->node);
    up->sub_count++;
    *ret_sub = sub;
    return 0;
}

void hf_gb_up_on_subscribe(struct hf_gb_upstream *up, const struct hf_sip_tx_event *event)
{
    struct hf_gb_up_sub *sub = find(up, event->msg);
    uint32_t expires_s = EXPIRES_DEFAULT_S;
    unsigned status = 0;

    (void)hf_sip_expires(event->msg, &expires_s);
    if (sub != NULL)
        status = hf_sip_dialog_receive(&sub->dialog, event->msg) == HF_OK ? 0 : 500;
    else
        status = begin(up, event, &sub);
    if (status != 0) {
        up->stats.requests_refused++;
        (void)hf_sip_tx_answer_plain(event->tx, event->msg, status, hf_gb_up_now(up));
        return;
    }
    if (expires_s != 0)
        expires_s = expires_s < EXPIRES_MIN_S   ? EXPIRES_MIN_S
                    : expires_s > EXPIRES_MAX_S ? EXPIRES_MAX_S
                                                : expires_s;
    up->stats.subscribes++;
    sub->expires_ms = hf_gb_up_now(up) + 1000ull * expires_s;
    answer(sub, event, expires_s);
    if (expires_s == 0)
        sub_free(sub);
    else
        arm(up, 0); /* in the next turn: the answer goes first */
}
