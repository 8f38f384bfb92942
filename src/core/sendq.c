#include "core/sendq.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/list.h"
#include "core/shared.h"

static const enum hf_reason drop_reasons[] = {HF_REASON_DROP_OLDEST,  HF_REASON_CONFLATED,
                                              HF_REASON_DROP_NEWEST,  HF_REASON_CONNECTION_GONE,
                                              HF_REASON_MEMORY_LIMIT, HF_REASON_SAMPLED};

struct node {
    struct hf_list_node node;
    struct hf_sendq_item item;
};

struct hf_sendq {
    struct hf_list_node nodes;
    uint64_t bytes;
    uint32_t messages;
    uint32_t drops[HF_COUNT_OF(drop_reasons)];
    uint64_t reported_ms;
};

struct hf_sendq *hf_sendq_new(void)
{
    struct hf_sendq *sendq = calloc(1, sizeof(*sendq));

    if (sendq != NULL)
        hf_list_init(&sendq->nodes);
    return sendq;
}

void hf_sendq_free(struct hf_sendq *sendq)
{
    if (sendq == NULL)
        return;
    HF_ASSERT(hf_list_empty(&sendq->nodes) && sendq->bytes == 0 && sendq->messages == 0);
    free(sendq);
}

static struct node *node_of(struct hf_list_node *node)
{
    return HF_CONTAINER_OF(node, struct node, node);
}

static struct hf_sendq_item take(struct hf_sendq *sendq, struct node *node)
{
    struct hf_sendq_item item = node->item;

    hf_list_remove(&node->node);
    sendq->bytes -= item.frame->bytes;
    sendq->messages--;
    free(node);
    return item;
}

static void drop(struct hf_sendq *sendq, struct node *node, enum hf_reason reason, hf_sendq_drop_fn *on_drop,
                 void *context)
{
    struct hf_sendq_item item = take(sendq, node);

    on_drop(context, &item, reason);
    hf_shared_unref(item.frame);
}

static bool droppable(const struct hf_sendq_item *item)
{
    return item->policy == HF_POLICY_DROP_OLDEST || item->policy == HF_POLICY_LATEST ||
           item->policy == HF_POLICY_SAMPLE;
}

/* A newer value of the same topic takes the place in line of the older one: the reader sees topics in the order in which they
 * first changed. Of samples only the last of the topic is asked, and only within its time: the ones before it stay. What waits is all
 * that is remembered, so there is nothing beside the queue to be bounded, and the newest value is never the one that is left out. */
static struct node *replaced(struct hf_sendq *sendq, const struct hf_sendq_item *item)
{
    bool sample = item->policy == HF_POLICY_SAMPLE;

    if (!sample && item->policy != HF_POLICY_LATEST)
        return NULL;
    for (struct hf_list_node *at = sendq->nodes.prev; at != &sendq->nodes; at = at->prev) {
        struct node *node = node_of(at);

        if (node->item.policy == item->policy && node->item.topic_hash == item->topic_hash)
            return !sample || item->now_ms < node->item.until_ms ? node : NULL;
    }
    return NULL;
}

static void make_room(struct hf_sendq *sendq, uint64_t bytes, uint64_t bytes_max, hf_sendq_drop_fn *on_drop,
                      void *context)
{
    struct hf_list_node *next;

    for (struct hf_list_node *at = sendq->nodes.next; at != &sendq->nodes && sendq->bytes + bytes > bytes_max;
         at = next) {
        next = at->next;
        if (droppable(&node_of(at)->item))
            drop(sendq, node_of(at), HF_REASON_DROP_OLDEST, on_drop, context);
    }
}

/* Would it fit if `older` and everything droppable went? Asked first, so that nothing is thrown away for a message that is
 * refused all the same. */
static bool can_fit(const struct hf_sendq *sendq, const struct node *older, const struct hf_sendq_item *item,
                    uint64_t bytes_max)
{
    uint64_t left = sendq->bytes - (older ? older->item.frame->bytes : 0);

    if (left + item->frame->bytes <= bytes_max)
        return true;
    for (struct hf_list_node *at = sendq->nodes.next; droppable(item) && at != &sendq->nodes; at = at->next) {
        if ((older != NULL && node_of(at) == older) || !droppable(&node_of(at)->item))
            continue;
        left -= node_of(at)->item.frame->bytes;
        if (left + item->frame->bytes <= bytes_max)
            return true;
    }
    return false;
}

enum hf_sendq_verdict hf_sendq_push(struct hf_sendq *sendq, const struct hf_sendq_item *item,
                                    uint64_t bytes_max, hf_sendq_drop_fn *on_drop, void *context)
{
    struct node *older = replaced(sendq, item);

    if (!can_fit(sendq, older, item, bytes_max))
        return item->policy == HF_POLICY_MUST_DELIVER ? HF_SENDQ_SPILL
               : item->policy == HF_POLICY_DISCONNECT ? HF_SENDQ_DISCONNECT
                                                      : HF_SENDQ_REFUSED;
    struct node *node = malloc(sizeof(*node));
    if (node == NULL)
        return HF_SENDQ_NOMEM;
    node->item = *item;
    node->item.frame = hf_shared_ref(item->frame);
    hf_list_init(&node->node);
    hf_list_push_back(older ? &older->node : &sendq->nodes, &node->node); /* before `older`, or at the end */
    if (older != NULL) {
        node->item.until_ms = older->item.until_ms;
        drop(sendq, older, item->policy == HF_POLICY_SAMPLE ? HF_REASON_SAMPLED : HF_REASON_CONFLATED,
             on_drop, context);
    }
    /* It is in line but not counted yet, and must not make room for itself. */
    node->item.policy = HF_POLICY_MUST_DELIVER;
    make_room(sendq, item->frame->bytes, bytes_max, on_drop, context);
    node->item.policy = item->policy;
    sendq->bytes += item->frame->bytes;
    sendq->messages++;
    HF_ASSERT(sendq->bytes <= bytes_max);
    return HF_SENDQ_TAKEN;
}

const struct hf_sendq_item *hf_sendq_front(const struct hf_sendq *sendq)
{
    return sendq == NULL || hf_list_empty(&sendq->nodes) ? NULL : &node_of(sendq->nodes.next)->item;
}

struct hf_sendq_item hf_sendq_pop(struct hf_sendq *sendq)
{
    HF_ASSERT(!hf_list_empty(&sendq->nodes));
    return take(sendq, node_of(sendq->nodes.next));
}

bool hf_sendq_forget(struct hf_sendq *sendq, const struct hf_pending *pending)
{
    for (struct hf_list_node *at = sendq ? sendq->nodes.next : NULL; at != NULL && at != &sendq->nodes;
         at = at->next) {
        if (node_of(at)->item.pending == pending) {
            struct hf_sendq_item item = take(sendq, node_of(at));

            hf_shared_unref(item.frame);
            return true;
        }
    }
    return false;
}

void hf_sendq_clear(struct hf_sendq *sendq, enum hf_reason reason, hf_sendq_drop_fn *on_drop, void *context)
{
    while (sendq != NULL && !hf_list_empty(&sendq->nodes))
        drop(sendq, node_of(sendq->nodes.next), reason, on_drop, context);
}

void hf_sendq_count_drop(struct hf_sendq *sendq, enum hf_reason reason)
{
    for (size_t i = 0; i < HF_COUNT_OF(drop_reasons); i++) {
        if (drop_reasons[i] == reason) {
            sendq->drops[i]++;
            return;
        }
    }
    HF_UNREACHABLE();
}

bool hf_sendq_due_drops(struct hf_sendq *sendq, uint64_t now_ms, uint32_t every_ms)
{
    uint32_t drops = 0;

    for (size_t i = 0; sendq != NULL && i < HF_COUNT_OF(drop_reasons); i++)
        drops += sendq->drops[i];
    if (drops == 0 || now_ms < sendq->reported_ms + every_ms)
        return false;
    sendq->reported_ms = now_ms;
    return true;
}

uint32_t hf_sendq_take_drops(struct hf_sendq *sendq, enum hf_reason *ret_reason)
{
    for (size_t i = 0; i < HF_COUNT_OF(drop_reasons); i++) {
        uint32_t drops = sendq->drops[i];

        if (drops == 0)
            continue;
        sendq->drops[i] = 0;
        *ret_reason = drop_reasons[i];
        return drops;
    }
    return 0;
}

uint64_t hf_sendq_bytes(const struct hf_sendq *sendq)
{
    return sendq ? sendq->bytes : 0;
}

uint32_t hf_sendq_messages(const struct hf_sendq *sendq)
{
    return sendq ? sendq->messages : 0;
}
