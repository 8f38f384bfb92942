/* test/sim/calls.c - what applications ask, and what the hub asks of the rest: the routing of app/calls.c and app/post.c. */
#include <stdlib.h>

#include "sim/gateway.h"
#include "sim/sim.h"

enum { BARRIER_MS = 5000 };

/* ---- posts ---- */

static void on_call(struct sim_worker *worker, struct hf_call *call)
{
    hf_hub_call(&worker->hub, call->type == HF_CALL_RECORD ? NULL : &worker->gateway->tenant, call);
}

void sim_worker_on_post(struct sim_worker *worker, struct sim_post *post)
{
    struct hf_call *call = post->message;

    switch (post->kind) {
    case SIM_POST_ACCEPT: sim_worker_on_accept(worker, post->message); return;
    case SIM_POST_SIP_ACCEPT: sim_gb_on_accept(worker, post->message); return;
    case SIM_POST_SIP: sim_gb_on_post(worker, post->message); return;
    case SIM_POST_MEDIA:
        if (worker->gateway->running && !worker->gateway->dying)
            hf_gb_media_told(worker->gb.site, post->message);
        free(post->message);
        return;
    case SIM_POST_CALL:
        if (worker->gateway->running) {
            on_call(worker, call);
        } else {
            call->reason = HF_REASON_DRAIN;
            call->on_done(call);
        }
        return;
    case SIM_POST_ANSWER: call->on_done(call); return;
    case SIM_POST_LINK: sim_worker_on_move(worker, post->message); return;
    case SIM_POST_PUBLISH: {
        struct sim_publication *publication = post->message;

        if (worker->gateway->running)
            (void)hf_hub_publish(&worker->hub, &worker->gateway->tenant, &publication->outgoing);
        free(publication);
        return;
    }
    case SIM_POST_BATCH: {
        struct hf_journal_batch *batch = post->message;

        batch->lost = batch->lost || !worker->gateway->running; /* nobody is there to hear of it */
        hf_app_journal_durable(&worker->journal, batch);
        return;
    }
    }
    HF_UNREACHABLE();
}

void sim_worker_call(struct sim_worker *worker, struct hf_call *call)
{
    struct sim_gateway *gateway = worker->gateway;
    unsigned home = call->device.bytes > 0 ? hf_hub_home(call->tenant, call->device, gateway->worker_count)
                                           : worker->index;

    call->origin = worker->index;
    sim_worker_post(&gateway->workers[home], SIM_POST_CALL, call);
}

bool sim_gateway_call(struct sim_gateway *gateway, unsigned worker, struct hf_call *call)
{
    if (!gateway->running || gateway->dying)
        return false;
    sim_worker_call(&gateway->workers[worker % gateway->worker_count], call);
    return true;
}

/* Now and then a mailbox is full. What is at home here is done at once, as the gateway does it. */
hf_err sim_worker_push_call(void *context, struct hf_call *call)
{
    struct sim_worker *worker = context;
    struct sim_gateway *gateway = worker->gateway;
    unsigned home = call->type == HF_CALL_DOCUMENT
                        ? hf_hub_home(call->tenant, call->device, gateway->worker_count)
                        : worker->index;

    if (!gateway->running || gateway->dying || sim_percent(&gateway->sim->rng, 1))
        return HF_ERR_BUSY;
    call->origin = worker->index;
    if (home == worker->index)
        on_call(worker, call);
    else
        sim_worker_post(&gateway->workers[home], SIM_POST_CALL, call);
    return HF_OK;
}

/* ---- the hub's wishes ---- */

static void hub_answer(void *context, struct hf_call *call)
{
    struct sim_worker *worker = context;

    if (call->maker == &worker->pusher) { /* which is at home here */
        call->on_done(call);
        return;
    }
    sim_worker_post(&worker->gateway->workers[call->origin], SIM_POST_ANSWER, call);
}

static void hub_interest(void *context, struct hf_tenant *tenant, uint64_t topic_hash, bool on)
{
    struct sim_worker *worker = context;

    (void)tenant;
    worker->gateway->interest[topic_hash % SIM_INTEREST_SLOTS] += on ? 1u : UINT32_MAX;
}

static bool hub_listened(void *context, struct hf_tenant *tenant, struct hf_slice topic)
{
    const struct sim_worker *worker = context;

    return worker->gateway->interest[hf_device_hash(tenant->name, topic) % SIM_INTEREST_SLOTS] > 0;
}

static struct sim_publication *publication_new(const struct hf_outgoing *outgoing)
{
    struct sim_publication *made = malloc(sizeof(*made) + outgoing->topic.bytes + outgoing->payload.bytes);

    HF_ASSERT(made != NULL);
    made->outgoing = *outgoing;
    made->outgoing.id = NULL;
    memcpy(made->storage, outgoing->topic.at, outgoing->topic.bytes);
    if (outgoing->payload.bytes > 0)
        memcpy(made->storage + outgoing->topic.bytes, outgoing->payload.at, outgoing->payload.bytes);
    made->outgoing.topic.at = made->storage;
    made->outgoing.payload.at = made->storage + outgoing->topic.bytes;
    return made;
}

static void hub_publish(void *context, struct hf_tenant *tenant, const struct hf_outgoing *outgoing)
{
    struct sim_worker *worker = context;
    struct sim_gateway *gateway = worker->gateway;

    (void)hf_hub_publish(&worker->hub, tenant, outgoing);
    for (unsigned i = 0; i < gateway->worker_count; i++)
        if (i != worker->index)
            sim_worker_post(&gateway->workers[i], SIM_POST_PUBLISH, publication_new(outgoing));
}

/* ---- waiting for the tables ---- */

static void hub_barrier(void *context, struct hf_barrier *barrier, uint64_t offset)
{
    struct sim_worker *worker = context;

    if (hf_list_linked(&barrier->node))
        return;
    barrier->offset = offset;
    barrier->due_ms = worker->now_ms + BARRIER_MS;
    hf_list_push_back(&worker->barriers, &barrier->node);
    if (offset <= worker->gateway->store.applied)
        sim_worker_wake(worker, 1);
}

static void hub_barrier_cancel(void *context, struct hf_barrier *barrier)
{
    (void)context;
    hf_list_remove(&barrier->node);
}

void sim_worker_barriers(struct sim_worker *worker)
{
    uint64_t applied = worker->gateway->store.applied;
    struct hf_list_node waiting, *node;

    hf_list_init(&waiting);
    hf_list_splice(&waiting, &worker->barriers);
    while ((node = hf_list_pop_front(&waiting)) != NULL) {
        struct hf_barrier *barrier = HF_CONTAINER_OF(node, struct hf_barrier, node);

        if (barrier->offset <= applied)
            barrier->on_applied(barrier, HF_OK);
        else if (worker->now_ms >= barrier->due_ms)
            barrier->on_applied(barrier, HF_ERR_TIMEOUT);
        else
            hf_list_push_back(&worker->barriers, node);
    }
}

const struct hf_hub_ops sim_hub_ops = {
    .answer = hub_answer,
    .publish = hub_publish,
    .listened = hub_listened,
    .interest = hub_interest,
    .barrier = hub_barrier,
    .barrier_cancel = hub_barrier_cancel,
};
