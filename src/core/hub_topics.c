/* core/hub_topics.c - one message to many: the subscribers of a topic (a group is the topic "group/NAME"), a list of devices, or all
 * of a tenant. Encoded once per variant, whatever the number of receivers. Device subscriptions name one topic each; wildcards
 * belong to readers of the event log. */
#include <stdlib.h>

#include "core/access.h"
#include "core/hub_parts.h"

struct topic {
    struct hf_map_node node;
    struct hf_list_node subscriptions;
    struct hf_tenant *tenant;
    uint64_t hash;
    uint16_t bytes;
    char name[];
};

struct hf_subscription {
    struct hf_list_node of_topic;
    struct hf_subscription *next_of_conn;
    struct topic *topic;
    struct hf_devconn *devconn;
};

struct topic_key {
    const struct hf_tenant *tenant;
    struct hf_slice name;
};

bool hf_topic_eq(const struct hf_map_node *node, const void *key)
{
    const struct topic *topic = HF_CONTAINER_OF(node, struct topic, node);
    const struct topic_key *wanted = key;

    return topic->tenant == wanted->tenant &&
           hf_slice_eq((struct hf_slice){topic->name, topic->bytes}, wanted->name);
}

/* The same on every worker: workers tell each other which topics they have subscribers of by this value. */
uint64_t hf_topic_hash(const struct hf_tenant *tenant, struct hf_slice topic)
{
    return hf_device_hash(tenant->name, topic);
}

static struct topic *find(struct hf_hub *hub, struct hf_tenant *tenant, struct hf_slice name)
{
    struct topic_key key = {tenant, name};
    struct hf_map_node *node =
        hf_map_find(&hub->topics, hf_hash(hub->options.hash_key, name.at, name.bytes), &key);

    return node ? HF_CONTAINER_OF(node, struct topic, node) : NULL;
}

static struct hf_subscription *subscription_of(struct hf_devconn *devconn, const struct topic *topic)
{
    struct hf_subscription *at = devconn->topics;

    while (at != NULL && at->topic != topic)
        at = at->next_of_conn;
    return at;
}

static struct topic *topic_new(struct hf_hub *hub, struct hf_tenant *tenant, struct hf_slice name)
{
    struct topic *topic = calloc(1, sizeof(*topic) + name.bytes);

    if (topic == NULL)
        return NULL;
    topic->tenant = tenant;
    topic->hash = hf_topic_hash(tenant, name);
    topic->bytes = (uint16_t)name.bytes;
    memcpy(topic->name, name.at, name.bytes);
    hf_list_init(&topic->subscriptions);
    if (hf_map_insert(&hub->topics, &topic->node, hf_hash(hub->options.hash_key, name.at, name.bytes)) !=
        HF_OK) {
        free(topic);
        return NULL;
    }
    hub->stats.topics++;
    hub->options.ops->interest(hub->options.context, tenant, topic->hash, true);
    return topic;
}

static void topic_free_if_empty(struct hf_hub *hub, struct topic *topic)
{
    if (!hf_list_empty(&topic->subscriptions))
        return;
    hub->options.ops->interest(hub->options.context, topic->tenant, topic->hash, false);
    hf_map_remove(&hub->topics, &topic->node);
    hub->stats.topics--;
    free(topic);
}

hf_err hf_hub_subscribe(struct hf_hub *hub, struct hf_devconn *devconn, struct hf_slice name)
{
    struct hf_tenant *tenant = devconn->device->tenant;
    const struct hf_tenant_rules *rules = hf_rules(tenant);
    struct topic *topic = find(hub, tenant, name);

    HF_ASSERT(name.bytes > 0 && name.bytes <= HF_TOPIC_BYTES_MAX);
    if (topic != NULL && subscription_of(devconn, topic) != NULL)
        return HF_OK;
    if (rules->access != NULL &&
        !hf_access_allowed(rules->access, hf_device_name(devconn->device), name, HF_ACCESS_DOWN))
        return HF_ERR_DENIED;
    if (devconn->subscriptions >= rules->subscriptions_max)
        return HF_ERR_LIMIT;
    struct hf_subscription *subscription = calloc(1, sizeof(*subscription));
    if (subscription == NULL)
        return HF_ERR_NOMEM;
    if (topic == NULL)
        topic = topic_new(hub, tenant, name);
    if (topic == NULL) {
        free(subscription);
        return HF_ERR_NOMEM;
    }
    subscription->topic = topic;
    subscription->devconn = devconn;
    hf_list_init(&subscription->of_topic);
    hf_list_push_back(&topic->subscriptions, &subscription->of_topic);
    subscription->next_of_conn = devconn->topics;
    devconn->topics = subscription;
    devconn->subscriptions++;
    hub->stats.subscriptions++;
    return HF_OK;
}

static void leave(struct hf_hub *hub, struct hf_subscription *subscription)
{
    struct hf_subscription **at = &subscription->devconn->topics; /* bounded: rules->subscriptions_max */

    while (*at != subscription)
        at = &(*at)->next_of_conn;
    *at = subscription->next_of_conn;
    hf_list_remove(&subscription->of_topic);
    subscription->devconn->subscriptions--;
    hub->stats.subscriptions--;
    topic_free_if_empty(hub, subscription->topic);
    free(subscription);
}

hf_err hf_hub_unsubscribe(struct hf_hub *hub, struct hf_devconn *devconn, struct hf_slice name)
{
    struct topic *topic = find(hub, devconn->device->tenant, name);
    struct hf_subscription *subscription = topic ? subscription_of(devconn, topic) : NULL;

    if (subscription == NULL)
        return HF_ERR_NOT_FOUND;
    leave(hub, subscription);
    return HF_OK;
}

void hf_topics_leave(struct hf_hub *hub, struct hf_devconn *devconn)
{
    while (devconn->topics != NULL)
        leave(hub, devconn->topics);
}

/* One receiver of a fan-out; true when it was written or queued. */
static bool push_one(struct hf_hub *hub, struct hf_devconn *devconn, const struct hf_outgoing *outgoing,
                     struct hf_shared **variants)
{
    enum hf_reason reason = HF_REASON_NONE;
    struct hf_ledger_counts *book = &hub->ledger.counts.broadcast;

    hf_ledger_accept(book, 1);
    switch (hf_hub_push(hub, devconn, outgoing, variants, NULL, &reason)) {
    case HF_PUSH_WRITTEN:
    case HF_PUSH_QUEUED: return true;
    case HF_PUSH_SPILLED: HF_UNREACHABLE(); /* only tracked messages have an outbox */
    case HF_PUSH_DROPPED:
        if (devconn->sendq != NULL)
            hf_sendq_count_drop(devconn->sendq, reason);
        hf_hub_touch(hub, devconn); /* the drop is recorded when it is settled */
        break;
    case HF_PUSH_CLOSED: break;
    }
    hf_ledger_drop(book, reason, 1);
    return false;
}

bool hf_hub_tell(struct hf_hub *hub, struct hf_devconn *devconn, const struct hf_outgoing *outgoing)
{
    return push_one(hub, devconn, outgoing, NULL);
}

/* A receiver has subscribed the topic; that does not say that each publication is for it. */
static bool is_for(const struct hf_devconn *devconn, const struct hf_outgoing *outgoing)
{
    if (outgoing->except != 0 && devconn->conn_id == outgoing->except)
        return false;
    return outgoing->kind != HF_OUT_DOCUMENT || devconn->ops->takes_document == NULL ||
           devconn->ops->takes_document(devconn, outgoing->topic);
}

static void variants_free(struct hf_shared **variants)
{
    for (unsigned i = 0; i < HF_DEVCONN_VARIANTS; i++)
        hf_shared_unref(variants[i]);
}

uint64_t hf_hub_publish(struct hf_hub *hub, struct hf_tenant *tenant, const struct hf_outgoing *outgoing)
{
    struct hf_shared *variants[HF_DEVCONN_VARIANTS] = {NULL};
    struct topic *topic = find(hub, tenant, outgoing->topic);
    uint64_t written = 0;
    struct hf_list_node *next;

    if (topic == NULL)
        return 0;
    /* A receiver that is closed on the way takes its own subscription away and, if it was the last one, the topic. */
    for (struct hf_list_node *at = topic->subscriptions.next; at != &topic->subscriptions; at = next) {
        bool last = at->next == &topic->subscriptions;
        struct hf_devconn *devconn = HF_CONTAINER_OF(at, struct hf_subscription, of_topic)->devconn;

        next = at->next;
        if (is_for(devconn, outgoing))
            written += push_one(hub, devconn, outgoing, variants);
        if (last)
            break;
    }
    variants_free(variants);
    return written;
}

static void to_all(struct hf_hub *hub, struct hf_tenant *tenant, struct hf_call *call,
                   const struct hf_outgoing *outgoing, struct hf_shared **variants)
{
    struct hf_list_node *next;

    for (struct hf_list_node *at = hub->online.next; at != &hub->online; at = next) {
        struct hf_device *device = HF_CONTAINER_OF(at, struct hf_device, peers);

        next = at->next;
        if (device->tenant != tenant)
            continue;
        call->targets++;
        call->written += push_one(hub, device->devconn, outgoing, variants);
    }
}

static void to_list(struct hf_hub *hub, struct hf_tenant *tenant, struct hf_call *call,
                    const struct hf_outgoing *outgoing, struct hf_shared **variants)
{
    for (unsigned i = 0; i < call->device_count; i++) {
        if (hf_hub_home(tenant->name, call->devices[i], hub->options.workers) != hub->options.worker)
            continue;
        struct hf_device *device = hf_hub_find(hub, tenant->name, call->devices[i]);

        call->targets++;
        if (device != NULL && device->devconn != NULL) {
            call->written += push_one(hub, device->devconn, outgoing, variants);
            continue;
        }
        hf_ledger_accept(&hub->ledger.counts.broadcast, 1);
        hf_ledger_drop(&hub->ledger.counts.broadcast, HF_REASON_DEVICE_OFFLINE, 1);
    }
}

void hf_topics_broadcast(struct hf_hub *hub, struct hf_tenant *tenant, struct hf_call *call)
{
    struct hf_shared *variants[HF_DEVCONN_VARIANTS] = {NULL};
    struct hf_outgoing outgoing = {
        .kind = call->target_topic ? HF_OUT_PUBLISH : HF_OUT_MESSAGE,
        .class = call->class,
        .format = call->format,
        .flags = call->flags,
        .id = call->id,
        .topic = call->topic,
        .payload = call->payload,
    };

    if (call->target_topic) {
        struct topic *topic = find(hub, tenant, call->topic);
        uint64_t targets = 0;

        for (struct hf_list_node *at = topic ? topic->subscriptions.next : NULL;
             at != NULL && at != &topic->subscriptions; at = at->next)
            targets++;
        call->targets += targets;
        call->written += hf_hub_publish(hub, tenant, &outgoing);
    } else if (call->device_count > 0) {
        to_list(hub, tenant, call, &outgoing, variants);
    } else {
        to_all(hub, tenant, call, &outgoing, variants);
    }
    variants_free(variants);
}
