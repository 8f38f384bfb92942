/* app/gb_post.c - what of cameras crosses between workers: messages on their way to their device's home, messages for a TCP connection on their way to
 * the worker that accepted it, and words about flows. A datagram that finds a mailbox three quarters full is lost, as it may be on its way here; what belongs to a stream
 * waits in the backlog, and while that is long, or much is under way, no stream is read. */
#include <stdlib.h>
#include <string.h>

#include "app/worker.h"

bool hf_gbw_post_room(const struct hf_gbw *gb)
{
    return gb->worker->backlog_total < HF_WORKER_BACKLOG_MAX &&
           atomic_load_explicit(&gb->post_bytes, memory_order_relaxed) < HF_GBW_POST_BYTES_MAX;
}

static struct hf_gbw_post *post_new(struct hf_gbw *gb, enum hf_gbw_word word, const struct hf_sip_flow *flow,
                                    struct hf_slice bytes)
{
    struct hf_gbw_post *post = malloc(sizeof(*post) + bytes.bytes);

    if (post == NULL)
        return NULL;
    post->from = gb;
    post->flow = *flow;
    post->word = (uint8_t)word;
    post->bytes = (uint32_t)bytes.bytes;
    if (bytes.bytes > 0)
        memcpy(post->data, bytes.at, bytes.bytes);
    atomic_fetch_add_explicit(&gb->post_bytes, sizeof(*post) + bytes.bytes, memory_order_relaxed);
    return post;
}

static void post_free(struct hf_gbw_post *post)
{
    struct hf_gbw *from = post->from;

    atomic_fetch_sub_explicit(&from->post_bytes, sizeof(*post) + post->bytes, memory_order_relaxed);
    free(post);
    if (atomic_load_explicit(&from->wants_room, memory_order_relaxed) &&
        atomic_exchange(&from->wants_room, false))
        hf_loop_wake(from->worker->loop);
}

/* Datagrams leave room for what others have to say to that worker: a flood of them may not make the API wait. */
static bool mailbox_room(const struct hf_gbw *gb, unsigned to)
{
    const struct hf_worker *worker = gb->worker;

    return hf_mailbox_free_entries(worker->to[to]) >=
           worker->gateway->rules->config->limits.mailbox_entries_max / 4;
}

static bool crosses(struct hf_gbw *gb, unsigned to, struct hf_gbw_post *post, bool must)
{
    if (must) {
        hf_worker_post_always(gb->worker, to, HF_POST_GB, post);
        return true;
    }
    if (hf_worker_post(gb->worker, to, HF_POST_GB, post) == HF_OK)
        return true;
    post_free(post);
    return false;
}

static unsigned home_of(const struct hf_gbw *gb, struct hf_slice bytes)
{
    struct hf_slice device = hf_gb_home(bytes);

    return device.bytes > 0 ? hf_hub_home(gb->tenant->name, device, gb->worker->gateway->worker_count)
                            : gb->worker->index; /* nobody's: any worker has an answer */
}

hf_err hf_gbw_deliver(struct hf_gbw *gb, const struct hf_sip_flow *flow, struct hf_slice bytes,
                      unsigned *ret_home)
{
    bool stream = hf_sip_flow_reliable(flow);

    *ret_home = home_of(gb, bytes);
    if (*ret_home == gb->worker->index)
        return hf_gb_receive(gb->site, flow, bytes);
    /* A stream was asked for room before it was read; a datagram comes unasked. */
    struct hf_gbw_post *post = stream || (hf_gbw_post_room(gb) && mailbox_room(gb, *ret_home))
                                   ? post_new(gb, HF_GBW_WORD_MESSAGE, flow, bytes)
                                   : NULL;
    if (post == NULL || !crosses(gb, *ret_home, post, stream)) {
        gb->stats.forwarded_dropped++;
        return HF_ERR_BUSY;
    }
    gb->stats.forwarded++;
    return HF_OK;
}

hf_err hf_gbw_post_send(struct hf_gbw *gb, const struct hf_sip_flow *flow, struct hf_slice bytes)
{
    struct hf_gbw_post *post = hf_gbw_post_room(gb) ? post_new(gb, HF_GBW_WORD_SEND, flow, bytes) : NULL;

    if (post == NULL) {
        gb->stats.answers_refused++;
        return HF_ERR_LIMIT;
    }
    (void)crosses(gb, flow->endpoint, post, true);
    gb->stats.answers_forwarded++;
    return HF_OK;
}

void hf_gbw_post_word(struct hf_gbw *gb, unsigned to, enum hf_gbw_word word, const struct hf_sip_flow *flow,
                      bool must)
{
    struct hf_gbw_post *post = post_new(gb, word, flow, (struct hf_slice){NULL, 0});

    if (post != NULL)
        (void)crosses(gb, to, post, must);
}

void hf_gbw_post_call_ended(struct hf_gbw *gb, struct hf_slice id)
{
    static const struct hf_sip_flow nowhere;

    hf_gbw_upstreams_call_ended(gb, id);
    for (unsigned i = 0; i < gb->worker->gateway->worker_count; i++) {
        struct hf_gbw_post *post =
            i != gb->worker->index ? post_new(gb, HF_GBW_WORD_CALL_ENDED, &nowhere, id) : NULL;

        if (post != NULL)
            (void)crosses(gb, i, post, true);
    }
}

static void handle(struct hf_gbw *gb, const struct hf_gbw_post *post)
{
    struct hf_slice bytes = {post->data, post->bytes};

    switch ((enum hf_gbw_word)post->word) {
    case HF_GBW_WORD_MESSAGE:
        if (hf_gb_receive(gb->site, &post->flow, bytes) != HF_OK && hf_sip_flow_reliable(&post->flow))
            hf_gbw_post_word(gb, post->flow.endpoint, HF_GBW_WORD_FINISH, &post->flow, true);
        return;
    case HF_GBW_WORD_SEND: (void)hf_gbw_stream_send(gb, &post->flow, bytes); return;
    case HF_GBW_WORD_FINISH: hf_gbw_stream_finish(gb, &post->flow); return;
    case HF_GBW_WORD_PROVEN: hf_gbw_stream_proven(gb, &post->flow); return;
    case HF_GBW_WORD_CLOSED: hf_gb_flow_closed(gb->site, &post->flow); return;
    case HF_GBW_WORD_CALL_ENDED: hf_gbw_upstreams_call_ended(gb, bytes); return;
    }
}

void hf_gbw_on_post(struct hf_worker *worker, struct hf_gbw_post *post)
{
    if (!worker->closed)
        handle(&worker->gb, post);
    post_free(post);
}
