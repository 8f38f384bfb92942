/* core/hub_shadow_labels.c - what becomes of a change of a shadow once it is stored: the device knows it (delivered), and reports what it wants (applied). Who waits for that, and what of it
 * is recorded for the pushes that count it. */
#include <stdlib.h>

#include "core/document/shadow_wish.h"
#include "core/hub_document.h"

struct label_wait {           /* a change that is stored, whose maker waits for more */
    struct hf_list_node node; /* shadow->waits */
    struct hf_timer timer;
    struct kept_document *kept;
    struct hf_call *call;
    uint64_t version; /* that the change made; 0: it changed nothing */
};

bool hf_shadow_is_idle(const struct kept_document *kept)
{
    return hf_list_empty(&kept->shadow->waits);
}

/* What is wanted already has no version of its own: it counts by its values, so that a change whose answer was lost can be sent again and waited for. */
static uint8_t labels_of(const struct kept_shadow *shadow, const struct hf_call *call, uint64_t version)
{
    uint8_t labels = 1 << HF_LABEL_STORED;
    enum hf_shadow_applied applied;
    hf_err err = version != 0
                     ? hf_shadow_applied(&shadow->now, version, &applied)
                     : hf_shadow_wish(&shadow->now, call->document.kind, call->payload, &version, &applied);

    if (shadow->seen_version >= version)
        labels |= 1 << HF_LABEL_DELIVERED;
    if (err != HF_OK)
        return labels; /* it cannot be said now; the next change asks again */
    if (applied == HF_SHADOW_APPLIED)
        labels |= 1 << HF_LABEL_DELIVERED | 1 << HF_LABEL_APPLIED;
    else if (applied == HF_SHADOW_SUPERSEDED && shadow->seen_version >= version)
        labels |= 1 << HF_LABEL_APPLIED; /* it wants nothing of the device any more, which knows that */
    return labels;
}

static void end_wait(struct label_wait *wait)
{
    struct kept_document *kept = wait->kept;
    struct hf_call *call = wait->call;

    hf_list_remove(&wait->node);
    hf_wheel_cancel(kept->hub->options.wheel, &wait->timer);
    kept->shadow->wait_count--;
    kept->hub->stats.shadow_waits--;
    call->document.labels = labels_of(kept->shadow, call, wait->version);
    if ((call->document.labels & 1 << call->document.label) == 0)
        kept->hub->stats.shadow_labels_missed++;
    free(wait);
    hf_shadow_answer(kept, call, HF_REASON_NONE);
}

static void on_wait_over(struct hf_timer *timer, uint64_t now_ms)
{
    struct label_wait *wait = HF_CONTAINER_OF(timer, struct label_wait, timer);
    struct kept_document *kept = wait->kept;
    bool held = kept->held;

    (void)now_ms;
    kept->held = true;
    end_wait(wait);
    kept->held = held;
}

/* The change that made `version` is stored, or (0) is so already. */
void hf_shadow_answer_stored(struct kept_document *kept, struct hf_call *call, uint64_t version)
{
    struct hf_hub *hub = kept->hub;
    struct kept_shadow *shadow = kept->shadow;

    call->document.made = version != 0 ? version : shadow->now.version;
    call->document.labels = 1 << HF_LABEL_STORED;
    if (call->document.label == HF_LABEL_STORED) {
        hf_shadow_answer(kept, call, HF_REASON_NONE);
        return;
    }
    call->document.labels = labels_of(shadow, call, version);
    bool reached = (call->document.labels & 1 << call->document.label) != 0;
    struct label_wait *wait = !reached && call->wait_ms > 0 && shadow->wait_count < HF_HUB_SHADOW_WAITS_MAX
                                  ? calloc(1, sizeof(*wait))
                                  : NULL;
    if (wait == NULL) { /* it says itself which label is missing */
        hub->stats.shadow_labels_missed += !reached;
        hf_shadow_answer(kept, call, HF_REASON_NONE);
        return;
    }
    wait->kept = kept;
    wait->call = call;
    wait->version = version;
    hf_list_init(&wait->node);
    hf_list_push_back(&shadow->waits, &wait->node);
    hf_timer_init(&wait->timer, on_wait_over);
    hf_wheel_arm(hub->options.wheel, &wait->timer, hub->now_ms + call->wait_ms);
    shadow->wait_count++;
    hub->stats.shadow_waits++;
}

/* Something has come that a label may hang on. */
void hf_shadow_look_at_waits(struct kept_document *kept)
{
    struct hf_list_node *next;

    for (struct hf_list_node *at = kept->shadow->waits.next; at != &kept->shadow->waits; at = next) {
        struct label_wait *wait = HF_CONTAINER_OF(at, struct label_wait, node);

        next = at->next;
        if (labels_of(kept->shadow, wait->call, wait->version) & 1 << wait->call->document.label)
            end_wait(wait);
    }
}

void hf_shadow_answer_waits(struct kept_document *kept)
{
    while (!hf_list_empty(&kept->shadow->waits))
        end_wait(HF_CONTAINER_OF(kept->shadow->waits.next, struct label_wait, node));
}

void hf_shadow_discard_waits(struct kept_document *kept)
{
    struct hf_list_node *node;

    while ((node = hf_list_pop_front(&kept->shadow->waits)) != NULL) {
        struct label_wait *wait = HF_CONTAINER_OF(node, struct label_wait, node);

        hf_wheel_cancel(kept->hub->options.wheel, &wait->timer);
        kept->hub->stats.shadow_waits--;
        hf_call_free(wait->call);
        free(wait);
    }
}

/* The device knows a version that a push made: recorded, since the push counts it. */
static void seen_push(struct kept_document *kept, const struct hf_call *call)
{
    struct kept_shadow *shadow = kept->shadow;
    const struct hf_event event = {.type = HF_EVENT_SHADOW_SEEN,
                                   .epoch = call->document.epoch,
                                   .conn = call->document.conn,
                                   .seq = shadow->seen_version,
                                   .tenant = kept->tenant->name,
                                   .device = hf_kept_name(kept)};

    if (shadow->pushed_first == 0 || shadow->seen_version < shadow->pushed_first ||
        hf_journal_append(kept->hub->options.journal, &event, NULL) != HF_OK)
        return; /* said again with the next version, or when it was applied */
    shadow->pushed_first = shadow->seen_version < shadow->pushed_last ? shadow->seen_version + 1 : 0;
}

/* The device says that it knows this version. */
void hf_shadow_seen(struct kept_document *kept, const struct hf_call *call)
{
    struct kept_shadow *shadow = kept->shadow;
    uint64_t version = call->document.base_version;

    if (call->document.conn == 0 || version > shadow->now.version || version <= shadow->seen_version)
        return;
    shadow->seen_version = version;
    seen_push(kept, call);
    hf_shadow_look_at_waits(kept);
}
