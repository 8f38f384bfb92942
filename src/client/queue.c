#include "client/queue.h"

#include "base/assert.h"
#include "base/uuid.h"
#include "codec/session/binary.h"
#include "codec/ws/utf8.h"

void hf_client_queue_init(struct hf_client_queue *queue)
{
    hf_client_queue_look(queue);
    queue->durable_next = queue->facts.next;
    queue->durable_position = queue->facts.position;
}

/* ---- the store ---- */

void hf_client_queue_look(struct hf_client_queue *queue)
{
    queue->store->ops->facts(queue->store, &queue->facts);
}

bool hf_client_queue_well(const struct hf_client_queue *queue)
{
    return queue->retry_ms == 0 || queue->now->now_ms >= queue->retry_ms;
}

void hf_client_queue_trouble(struct hf_client_queue *queue, hf_err err)
{
    bool known = queue->retry_ms != 0;

    queue->retry_ms = queue->now->now_ms + HF_CLIENT_RETRY_STORE_MS;
    hf_client_queue_look(queue);
    if (!known)
        queue->ops->error(queue->user, err, HF_REASON_STORAGE_FAILED, hf_slice_of(hf_err_text(err)));
}

/* Takes the first one out, so that the application may publish within the callback. */
static void tell_pending(struct hf_client_queue *queue, uint64_t through, hf_err err)
{
    while (queue->pending_count > 0 && queue->pending[0].ticket <= through) {
        struct hf_client_pending first = queue->pending[0];

        queue->pending_count--;
        memmove(queue->pending, queue->pending + 1, queue->pending_count * sizeof(queue->pending[0]));
        if (!first.failed) {
            queue->ops->published(queue->user, first.cookie, first.id, err);
        } else if (err == HF_OK) { /* else it is in the queue as before */
            queue->counts->failed++;
            queue->ops->failed(queue->user, first.id, first.reason);
        }
    }
}

static void stored(struct hf_client_queue *queue, uint64_t through, hf_err err)
{
    hf_client_queue_look(queue);
    queue->durable_next = queue->facts.next; /* with an error, too: the state is the last durable one then */
    queue->durable_position = queue->facts.position;
    if (err == HF_OK) {
        queue->busy |= queue->retry_ms != 0; /* well again: what waited for that may go on */
        queue->retry_ms = 0;
    }
    queue->stored(queue, through, err);
    if (err != HF_OK)
        hf_client_queue_trouble(queue, err);
    tell_pending(queue, through, err);
}

void hf_client_queue_commit(struct hf_client_queue *queue, bool now)
{
    uint64_t through;
    hf_err err;

    while (queue->store->ops->poll(queue->store, queue->now->now_ms, now, &through, &err)) {
        stored(queue, through, err);
        now = false;
    }
    hf_client_queue_look(queue);
}

/* ---- in ---- */

static void draw_uuid(struct hf_client_queue *queue, uint8_t uuid[16])
{
    uint8_t random[16];

    for (size_t i = 0; i < sizeof(random); i += 8) {
        uint64_t draw = hf_rng_u64(queue->rng);

        memcpy(random + i, &draw, 8);
    }
    hf_uuid7(uuid, queue->now->utc_ms, random);
}

/* A crash before the commit brings the message back: it may not have been told failed then. */
static void fail_when_durable(struct hf_client_queue *queue, uint64_t id, enum hf_reason reason,
                              uint64_t ticket)
{
    queue->pending[queue->pending_count++] =
        (struct hf_client_pending){.ticket = ticket, .id = id, .failed = true, .reason = reason};
    queue->busy = true;
}

static bool has_room(struct hf_client_queue *queue, unsigned entries)
{
    if (queue->pending_count + entries > HF_STORE_BATCH)
        hf_client_queue_commit(queue, true);
    return queue->pending_count + entries <= HF_STORE_BATCH; /* not if the application publishes meanwhile */
}

/* The oldest telemetry goes until this one fits (CQ-5). */
static hf_err append(struct hf_client_queue *queue, const struct hf_store_message *message, uint64_t *ret_id,
                     uint64_t *ret_ticket)
{
    for (;;) {
        hf_err err = queue->store->ops->append(queue->store, message, ret_id, ret_ticket);
        uint64_t dropped, ticket;

        if (err != HF_ERR_LIMIT || message->class != HF_STORE_TELEMETRY)
            return err;
        if (!has_room(queue, 2)) /* the message itself, too */
            return HF_ERR_BUSY;
        if (queue->store->ops->drop(queue->store, HF_REASON_DROP_OLDEST, &dropped, &ticket) != HF_OK)
            return err;
        fail_when_durable(queue, dropped, HF_REASON_DROP_OLDEST, ticket);
    }
}

hf_err hf_client_queue_publish(struct hf_client_queue *queue, const struct hf_store_message *message,
                               void *cookie)
{
    struct hf_store_message with = *message;
    uint64_t id = 0, ticket = 0;
    hf_err err;

    if (message->class >= HF_STORE_RESULT || !hf_ws_utf8_valid(message->topic.at, message->topic.bytes) ||
        !hf_frame_payload_holds(message->format, message->text, message->payload))
        return HF_ERR_INVALID; /* the gateway would refuse it, days later perhaps */
    if (with.created_ms == 0)
        with.created_ms = queue->now->utc_ms;
    if (hf_store_uuid_is_none(with.uuid))
        draw_uuid(queue, with.uuid);
    err = has_room(queue, 1) ? append(queue, &with, &id, &ticket) : HF_ERR_BUSY;
    if (err == HF_OK) {
        queue->pending[queue->pending_count++] =
            (struct hf_client_pending){.ticket = ticket, .id = id, .cookie = cookie};
        queue->counts->published++;
        queue->busy = true;
    }
    hf_client_queue_look(queue);
    return err;
}

/* ---- numbers ---- */

static hf_err number_one(struct hf_client_queue *queue, const struct hf_client_pace *pace, bool urgent,
                         uint64_t *ret_id, enum hf_reason *ret_reason, uint64_t *ret_ticket)
{
    return queue->store->ops->number(queue->store, urgent, pace->backlog_id, queue->now->utc_ms,
                                     pace->payload_bytes_max, ret_id, ret_reason, ret_ticket);
}

bool hf_client_queue_number(struct hf_client_queue *queue, struct hf_client_pace *pace)
{
    enum hf_reason reason = HF_REASON_NONE;
    uint64_t id = 0, ticket = 0;
    hf_err err = HF_ERR_NOT_FOUND;
    bool urgent = pace->urgent_next && queue->facts.waiting_urgent > 0;

    if (!hf_client_queue_well(queue) || queue->facts.waiting == 0 || !has_room(queue, 1))
        return false;
    if (urgent)
        err = number_one(queue, pace, true, &id, &reason, &ticket);
    if (err == HF_ERR_NOT_FOUND) {
        urgent = false;
        err = number_one(queue, pace, false, &id, &reason, &ticket);
    }
    hf_client_queue_look(queue);
    if (err != HF_OK) {
        if (err != HF_ERR_LIMIT && err != HF_ERR_NOT_FOUND)
            hf_client_queue_trouble(queue, err);
        return false;
    }
    pace->urgent_next = !urgent; /* one of the backlog, one fresh urgent one (CQ-7) */
    if (reason != HF_REASON_NONE)
        fail_when_durable(queue, id, reason, ticket);
    return true;
}

/* ---- out ---- */

hf_err hf_client_queue_read(struct hf_client_queue *queue, uint64_t seq, struct hf_store_item *ret_item)
{
    hf_err err = queue->store->ops->read(queue->store, seq, ret_item);

    if (err == HF_ERR_NOT_FOUND)
        *ret_item =
            (struct hf_store_item){.seq = seq, .seq_to = seq, .gap = true, .reason = HF_REASON_QUEUE_LOST};
    return err == HF_ERR_NOT_FOUND ? HF_OK : err;
}

enum { SENT_MAX = HF_CLIENT_WINDOW_MESSAGES_MAX };

struct sent_ids {
    uint64_t ids[SENT_MAX];
    unsigned count;
};

static void collect_sent(void *context, uint64_t id)
{
    struct sent_ids *sent = context;

    HF_ASSERT(sent->count < SENT_MAX);
    sent->ids[sent->count++] = id;
}

/* The application hears of it afterwards. */
static bool forget_some(struct hf_client_queue *queue, uint64_t through)
{
    struct sent_ids sent = {.count = 0};
    hf_err err = queue->store->ops->ack(queue->store, through, collect_sent, &sent);

    hf_client_queue_look(queue);
    if (err != HF_OK) { /* it stays in the queue; the next one covers it */
        hf_client_queue_trouble(queue, err);
        return false;
    }
    for (unsigned i = 0; i < sent.count; i++) {
        queue->counts->sent++;
        queue->ops->sent(queue->user, sent.ids[i]);
    }
    queue->busy = true;
    return true;
}

/* SENT_MAX messages at a time; a gap counts as one, however long it is. */
void hf_client_queue_forget(struct hf_client_queue *queue, uint64_t through)
{
    through = HF_MIN(through, queue->facts.next - 1);
    while (queue->facts.first <= through) {
        uint64_t to = HF_MIN(through, queue->facts.first + SENT_MAX - 1);
        struct hf_store_item item;

        if (to < through && queue->store->ops->read(queue->store, queue->facts.first, &item) == HF_OK &&
            item.gap)
            to = HF_MIN(through, item.seq_to);
        if (!forget_some(queue, to))
            return;
    }
}

hf_err hf_client_queue_reject(struct hf_client_queue *queue, uint64_t seq, enum hf_reason reason,
                              uint64_t *ret_ticket)
{
    uint64_t id, ticket = 0;
    bool room = has_room(queue, 1);
    hf_err err = queue->store->ops->reject(queue->store, seq, reason, &id, &ticket);

    hf_client_queue_look(queue);
    if (ret_ticket != NULL)
        *ret_ticket = err == HF_OK ? ticket : 0;
    if (err == HF_ERR_NOT_FOUND)
        return HF_OK; /* acknowledged meanwhile, or a gap */
    if (err != HF_OK) {
        hf_client_queue_trouble(queue, err);
        return err;
    }
    if (room) {
        fail_when_durable(queue, id, reason, ticket);
        return HF_OK;
    }
    queue->counts->failed++; /* a store that is in trouble says nothing for long, and the peer has spoken */
    queue->ops->failed(queue->user, id, reason);
    return HF_OK;
}
