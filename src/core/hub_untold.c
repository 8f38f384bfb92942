/* core/hub_untold.c - shadows whose newest delta a connected device could not be told: its link was full, or there was no memory. One mark for each, which is its name and no text:
 * the delta is made anew when there is room, and is whole, so nothing waits in a queue and nothing old is told. Apart from their connections, of which each byte counts
 * (as core/hub_refusals.c). A mark goes when its shadow was told, for whatever reason, or with the connection: the next one asks.
 * Tried again when the link has drained, and by a timer for all that no link will say: a shadow that was busy, a lack of memory. */
#include <stdlib.h>

#include "core/hub_parts.h"

enum { RETRY_MS = 1000 };

struct mark {
    struct hf_list_node node; /* of->marks */
    uint64_t asked_ms;        /* its shadow was asked to tell it then; 0 = not, or there was no room */
    uint8_t bytes;
    char name[];
};

struct untold_of {
    struct hf_map_node node;  /* hub->untold */
    struct hf_list_node line; /* hub->untold_line: in the order in which they began */
    struct hf_list_node marks;
    struct hf_devconn *devconn;
    unsigned count;
};

static bool is_of(const struct hf_map_node *node, const void *key)
{
    return HF_CONTAINER_OF(node, struct untold_of, node)->devconn == key;
}

static uint64_t hash_of(const struct hf_devconn *devconn)
{
    return hf_hash_mix((uint64_t)(uintptr_t)devconn);
}

static struct untold_of *find(const struct hf_hub *hub, const struct hf_devconn *devconn)
{
    struct hf_map_node *node = devconn->untold ? hf_map_find(&hub->untold, hash_of(devconn), devconn) : NULL;

    return node != NULL ? HF_CONTAINER_OF(node, struct untold_of, node) : NULL;
}

static struct mark *mark_of(const struct untold_of *of, struct hf_slice name)
{
    for (struct hf_list_node *at = of->marks.next; at != &of->marks; at = at->next) {
        struct mark *mark = HF_CONTAINER_OF(at, struct mark, node);

        if (hf_slice_eq((struct hf_slice){mark->name, mark->bytes}, name))
            return mark;
    }
    return NULL;
}

static void on_retry(struct hf_timer *timer, uint64_t now_ms)
{
    struct hf_hub *hub = HF_CONTAINER_OF(timer, struct hf_hub, untold_timer);

    for (struct hf_list_node *at = hub->untold_line.next; at != &hub->untold_line; at = at->next)
        hf_hub_touch(hub, HF_CONTAINER_OF(at, struct untold_of, line)->devconn);
    hf_wheel_arm(hub->options.wheel, timer, now_ms + RETRY_MS);
}

void hf_hub_untold_init(struct hf_hub *hub)
{
    hf_map_init(&hub->untold, is_of);
    hf_list_init(&hub->untold_line);
    hf_timer_init(&hub->untold_timer, on_retry);
}

static struct untold_of *of_new(struct hf_hub *hub, struct hf_devconn *devconn)
{
    struct untold_of *of = calloc(1, sizeof(*of));

    if (of == NULL)
        return NULL;
    of->devconn = devconn;
    hf_list_init(&of->line);
    hf_list_init(&of->marks);
    if (hf_map_insert(&hub->untold, &of->node, hash_of(devconn)) != HF_OK) {
        free(of);
        return NULL;
    }
    hf_list_push_back(&hub->untold_line, &of->line);
    devconn->untold = true;
    if (!hf_timer_armed(&hub->untold_timer))
        hf_wheel_arm(hub->options.wheel, &hub->untold_timer, hub->now_ms + RETRY_MS);
    return of;
}

static void unmark(struct hf_hub *hub, struct untold_of *of, struct mark *mark)
{
    hf_list_remove(&mark->node);
    free(mark);
    of->count--;
    hub->stats.shadows_untold--;
}

static void drop_if_empty(struct hf_hub *hub, struct untold_of *of)
{
    if (of->count > 0)
        return;
    of->devconn->untold = false;
    hf_list_remove(&of->line);
    hf_map_remove(&hub->untold, &of->node);
    free(of);
    if (hf_list_empty(&hub->untold_line))
        hf_wheel_cancel(hub->options.wheel, &hub->untold_timer);
}

static hf_err add(struct hf_hub *hub, struct hf_devconn *devconn, struct hf_slice name)
{
    struct untold_of *of = find(hub, devconn);

    if (of != NULL && of->count >= HF_HUB_UNTOLD_MAX)
        return HF_ERR_LIMIT;
    if (of == NULL)
        of = of_new(hub, devconn);
    if (of == NULL)
        return HF_ERR_NOMEM;
    struct mark *mark = malloc(sizeof(*mark) + name.bytes);
    if (mark == NULL) {
        drop_if_empty(hub, of);
        return HF_ERR_NOMEM;
    }
    mark->asked_ms = 0;
    mark->bytes = (uint8_t)name.bytes;
    if (name.bytes > 0)
        memcpy(mark->name, name.at, name.bytes);
    hf_list_init(&mark->node);
    hf_list_push_back(&of->marks, &mark->node);
    of->count++;
    hub->stats.shadows_untold++;
    hub->stats.shadows_put_off++;
    return HF_OK;
}

void hf_hub_shadow_untold(struct hf_hub *hub, struct hf_devconn *devconn, struct hf_slice name)
{
    struct untold_of *of = devconn->device != NULL ? find(hub, devconn) : NULL;
    struct mark *mark = of != NULL ? mark_of(of, name) : NULL;

    if (devconn->device == NULL)
        return;
    if (mark != NULL) {
        mark->asked_ms = 0;
        return;
    }
    hf_err err = add(hub, devconn, name);
    if (err != HF_OK) /* it would have something old and not know it; when it comes back it asks */
        devconn->ops->close(devconn, err == HF_ERR_LIMIT ? HF_REASON_SLOW_READER : HF_REASON_MEMORY_LIMIT,
                            HF_SLICE("changes of its shadows could not be told"));
}

void hf_hub_shadow_told(struct hf_hub *hub, struct hf_devconn *devconn, struct hf_slice name)
{
    struct untold_of *of = devconn->device != NULL ? find(hub, devconn) : NULL;
    struct mark *mark = of != NULL ? mark_of(of, name) : NULL;

    if (mark == NULL)
        return;
    unmark(hub, of, mark);
    drop_if_empty(hub, of);
}

void hf_hub_untold_drop(struct hf_hub *hub, struct hf_devconn *devconn)
{
    struct untold_of *of = find(hub, devconn);

    while (of != NULL && of->count > 0)
        unmark(hub, of, HF_CONTAINER_OF(of->marks.next, struct mark, node));
    if (of != NULL)
        drop_if_empty(hub, of);
}

/* One that was not asked, or so long ago that it was refused. */
static struct mark *next_due(const struct hf_hub *hub, const struct hf_devconn *devconn)
{
    const struct untold_of *of = devconn->device != NULL ? find(hub, devconn) : NULL;

    for (struct hf_list_node *at = of != NULL ? of->marks.next : NULL; of != NULL && at != &of->marks;
         at = at->next) {
        struct mark *mark = HF_CONTAINER_OF(at, struct mark, node);

        if (mark->asked_ms == 0 || hub->now_ms >= mark->asked_ms + RETRY_MS)
            return mark;
    }
    return NULL;
}

/* In line with its changes, which tell it as well. */
static void ask(struct hf_hub *hub, const struct hf_device *device, const struct mark *mark)
{
    struct hf_call *call = hf_call_new(HF_CALL_DOCUMENT, (size_t)device->id_bytes + mark->bytes);

    if (call == NULL)
        return; /* the timer tries again */
    char *at = call->storage;
    call->own = true;
    call->tenant = device->tenant->name;
    call->device = (struct hf_slice){memcpy(at, device->id, device->id_bytes), device->id_bytes};
    if (mark->bytes > 0)
        call->topic = (struct hf_slice){memcpy(at + device->id_bytes, mark->name, mark->bytes), mark->bytes};
    call->document = (struct hf_call_document){.shadow = true, .tell = true};
    hf_hub_document(hub, device->tenant, call);
}

void hf_hub_untold_tell(struct hf_hub *hub, struct hf_devconn *devconn)
{
    struct mark *mark;

    while ((mark = next_due(hub, devconn)) != NULL) {
        const struct mark *asked = mark;

        mark->asked_ms = HF_MAX(hub->now_ms, (uint64_t)1);
        ask(hub, devconn->device, mark);
        /* What was told is gone, and what waits for its turn is not due: the first one is due again only for want of room. */
        if (next_due(hub, devconn) == asked)
            return;
    }
}
