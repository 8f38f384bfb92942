/* client/store/store_memory.c - the contract of store.h on rows in memory. */
#include <stdlib.h>

#include "client/store/store_memory_internal.h"
#include "core/session/serial.h"

static struct memory_store *store_of(struct hf_store *store)
{
    return HF_CONTAINER_OF(store, struct memory_store, base);
}

/* ---- the uplink queue ---- */

static void facts(struct hf_store *base, struct hf_store_facts *ret_facts)
{
    *ret_facts = store_of(base)->facts;
}

static hf_err take_in(struct memory_store *store, const struct hf_store_message *message,
                      struct row **ret_row)
{
    hf_err err = hf_store_may_append(&store->facts, &store->limits, message);

    if (err != HF_OK)
        return err;
    *ret_row = hf_memory_row_new(store, message);
    return *ret_row != NULL ? HF_OK : HF_ERR_NOMEM;
}

static void put_in(struct memory_store *store, struct row *row)
{
    row->id = ++store->facts.id_last;
    hf_memory_change(store, row, &(struct row_state){.place = WAITING});
}

static hf_err append(struct hf_store *base, const struct hf_store_message *message, uint64_t *ret_id,
                     uint64_t *ret_ticket)
{
    struct memory_store *store = store_of(base);
    struct row *row = NULL;
    hf_err err = take_in(store, message, &row);

    if (err != HF_OK)
        return err;
    put_in(store, row);
    *ret_id = row->id;
    *ret_ticket = hf_store_batch_call(&store->batch);
    return HF_OK;
}

static uint64_t take_number(struct memory_store *store)
{
    uint64_t seq = store->facts.next;

    store->facts.next = hf_serial_number(seq + 1);
    return seq;
}

/* A waiting row becomes a gap: it joins the one at the end, or stands there itself. */
static void to_gap(struct memory_store *store, struct row *row, enum hf_reason reason)
{
    uint64_t seq = take_number(store);
    struct row *last = hf_list_empty(&store->numbered) ? NULL : ROW(store->numbered.prev, node);

    if (last != NULL && last->now.gap && last->now.reason == reason && last->now.seq_to + 1 == seq) {
        hf_memory_change(store, row, &(struct row_state){.place = GONE});
        struct row_state grown = last->now;

        grown.seq_to = seq;
        hf_memory_change(store, last, &grown);
    } else {
        hf_memory_change(
            store, row,
            &(struct row_state){.place = NUMBERED, .seq = seq, .seq_to = seq, .gap = true, .reason = reason});
    }
    hf_memory_set_first(store);
    if (reason == HF_REASON_EXPIRED)
        store->facts.expired_total++;
    else if (reason == HF_REASON_MESSAGE_TOO_BIG)
        store->facts.failed_total++;
    else
        store->facts.dropped_total++;
}

static hf_err drop(struct hf_store *base, enum hf_reason reason, uint64_t *ret_id, uint64_t *ret_ticket)
{
    struct memory_store *store = store_of(base);
    struct row *row;

    if (hf_list_empty(&store->telemetry))
        return HF_ERR_NOT_FOUND;
    row = ROW(store->telemetry.next, telemetry);
    *ret_id = row->id;
    to_gap(store, row, reason);
    *ret_ticket = hf_store_batch_call(&store->batch);
    return HF_OK;
}

static struct row *next_waiting(struct memory_store *store, bool urgent, uint64_t after)
{
    if (!urgent)
        return hf_list_empty(&store->waiting) ? NULL : ROW(store->waiting.next, node);
    for (struct hf_list_node *at = store->urgent.next; at != &store->urgent; at = at->next)
        if (ROW(at, urgent)->id > after)
            return ROW(at, urgent);
    return NULL;
}

static hf_err number(struct hf_store *base, bool urgent, uint64_t after, uint64_t utc_ms,
                     uint64_t payload_bytes_max, uint64_t *ret_id, enum hf_reason *ret_reason,
                     uint64_t *ret_ticket)
{
    struct memory_store *store = store_of(base);
    struct row *row = next_waiting(store, urgent, after);

    if (row == NULL)
        return HF_ERR_NOT_FOUND;
    if (hf_store_half_numbered(&store->facts, &store->limits))
        return HF_ERR_LIMIT;
    *ret_id = row->id;
    *ret_reason = hf_store_judge(&row->message, utc_ms, payload_bytes_max);
    if (*ret_reason != HF_REASON_NONE) {
        to_gap(store, row, *ret_reason);
    } else {
        uint64_t seq = take_number(store);

        hf_memory_change(store, row, &(struct row_state){.place = NUMBERED, .seq = seq, .seq_to = seq});
        hf_memory_set_first(store);
    }
    *ret_ticket = hf_store_batch_call(&store->batch);
    return HF_OK;
}

static struct row *find_seq(struct memory_store *store, uint64_t seq)
{
    struct hf_list_node *at =
        store->cursor != NULL && store->cursor->now.seq <= seq ? &store->cursor->node : store->numbered.next;

    for (; at != &store->numbered && ROW(at, node)->now.seq <= seq; at = at->next)
        if (seq <= ROW(at, node)->now.seq_to)
            return store->cursor = ROW(at, node);
    return NULL;
}

static hf_err read_item(struct hf_store *base, uint64_t seq, struct hf_store_item *ret_item)
{
    struct row *row = find_seq(store_of(base), seq);

    if (row == NULL)
        return HF_ERR_NOT_FOUND;
    *ret_item = (struct hf_store_item){.seq = row->now.seq,
                                       .seq_to = row->now.seq_to,
                                       .gap = row->now.gap,
                                       .reason = row->now.reason,
                                       .id = row->id,
                                       .message = row->message};
    return HF_OK;
}

static hf_err mark(struct hf_store *base, bool sent, uint64_t from, uint64_t to)
{
    (void)base; /* nobody can look into this one */
    (void)sent;
    (void)from;
    (void)to;
    return HF_OK;
}

static hf_err ack(struct hf_store *base, uint64_t through, hf_store_id_fn *on_sent, void *context)
{
    struct memory_store *store = store_of(base);
    bool any = false;

    HF_ASSERT(through < store->facts.next);
    while (!hf_list_empty(&store->numbered)) {
        struct row *row = ROW(store->numbered.next, node);
        struct row_state left = row->now;

        if (row->now.seq > through)
            break;
        any = true;
        if (row->now.seq_to > through) { /* the end of a gap is still to be told */
            left.seq = through + 1;
            hf_memory_change(store, row, &left);
            break;
        }
        if (!row->now.gap && on_sent != NULL)
            on_sent(context, row->id);
        hf_memory_change(store, row, &(struct row_state){.place = GONE, .gap = row->now.gap});
    }
    hf_memory_set_first(store);
    if (any)
        hf_store_batch_call_lazy(&store->batch);
    return HF_OK;
}

static hf_err reject(struct hf_store *base, uint64_t seq, enum hf_reason reason, uint64_t *ret_id,
                     uint64_t *ret_ticket)
{
    struct memory_store *store = store_of(base);
    struct row *row = find_seq(store, seq);

    if (row == NULL || row->now.gap)
        return HF_ERR_NOT_FOUND;
    *ret_id = row->id;
    hf_memory_change(
        store, row,
        &(struct row_state){.place = NUMBERED, .seq = seq, .seq_to = seq, .gap = true, .reason = reason});
    store->facts.failed_total++;
    *ret_ticket = hf_store_batch_call(&store->batch);
    return HF_OK;
}

static hf_err renew(struct hf_store *base, uint64_t queue_id, uint64_t *ret_ticket)
{
    struct memory_store *store = store_of(base);

    HF_ASSERT(queue_id != 0);
    while (!hf_list_empty(&store->numbered)) {
        struct row *row = ROW(store->numbered.next, node);

        hf_memory_change(store, row,
                         &(struct row_state){.place = row->now.gap ? GONE : WAITING, .gap = row->now.gap});
    }
    store->facts.queue_id = queue_id;
    store->facts.first = store->facts.next = 1;
    *ret_ticket = hf_store_batch_call(&store->batch);
    return HF_OK;
}

/* ---- the downlink ---- */

static hf_err session(struct hf_store *base, const uint8_t session_id[16], uint64_t position,
                      uint64_t *ret_ticket)
{
    struct memory_store *store = store_of(base);

    memcpy(store->facts.session_id, session_id, sizeof(store->facts.session_id));
    store->facts.position = position;
    *ret_ticket = hf_store_batch_call(&store->batch);
    return HF_OK;
}

static hf_err done(struct hf_store *base, uint64_t position, const uint8_t uuid[16],
                   const struct hf_store_message *result, uint64_t *ret_ticket)
{
    struct memory_store *store = store_of(base);
    struct row *row = NULL;
    struct seen_row *seen = NULL;
    hf_err err = result != NULL ? take_in(store, result, &row) : HF_OK;

    if (err == HF_OK && !hf_store_uuid_is_none(uuid)) {
        seen = hf_memory_seen_add(store, uuid, result);
        err = seen != NULL ? HF_OK : HF_ERR_NOMEM;
    }
    if (err != HF_OK) {
        if (row != NULL)
            hf_memory_row_free(store, row);
        return err;
    }
    if (row != NULL)
        put_in(store, row);
    if (seen != NULL && row != NULL) {
        seen->result = row;
        row->answers = seen;
    }
    store->facts.position = position;
    *ret_ticket = hf_store_batch_call(&store->batch);
    return HF_OK;
}

static hf_err seen(struct hf_store *base, const uint8_t uuid[16], struct hf_store_seen *ret_seen)
{
    struct memory_store *store = store_of(base);
    struct seen_row *row = hf_store_uuid_is_none(uuid) ? NULL : hf_memory_seen_find(store, uuid);

    if (row == NULL)
        return HF_ERR_NOT_FOUND;
    *ret_seen = row->seen;
    ret_seen->result_waits = hf_memory_result_waits(row);
    return HF_OK;
}

static bool poll(struct hf_store *base, uint64_t now_ms, bool now, uint64_t *ret_through, hf_err *ret_err)
{
    struct memory_store *store = store_of(base);

    if (hf_store_batch_is_due(&store->batch, now_ms, now || store->commit_ms == 0, store->commit_ms)) {
        if (store->fail == HF_OK)
            hf_memory_keep(store);
        else
            hf_memory_undo(store);
        hf_store_batch_end(&store->batch, store->fail);
    }
    return hf_store_batch_tell(&store->batch, ret_through, ret_err);
}

static uint64_t due_ms(struct hf_store *base)
{
    const struct memory_store *store = store_of(base);

    return hf_store_batch_due_ms(&store->batch, store->commit_ms);
}

/* ---- life ---- */

static void close_store(struct hf_store *base)
{
    struct memory_store *store = store_of(base);
    struct hf_ws_memory memory = store->memory;

    hf_memory_undo(store); /* whose end is the process's end anyway */
    while (!hf_list_empty(&store->waiting))
        hf_memory_row_free(store, ROW(store->waiting.next, node));
    while (!hf_list_empty(&store->numbered))
        hf_memory_row_free(store, ROW(store->numbered.next, node));
    while (!hf_list_empty(&store->seen))
        hf_memory_seen_forget(store, HF_CONTAINER_OF(store->seen.next, struct seen_row, node));
    hf_ws_memory_give(&memory, store, sizeof(*store));
}

static const struct hf_store_ops memory_ops = {
    .facts = facts,
    .append = append,
    .drop = drop,
    .number = number,
    .read = read_item,
    .mark = mark,
    .ack = ack,
    .reject = reject,
    .renew = renew,
    .session = session,
    .done = done,
    .seen = seen,
    .poll = poll,
    .due_ms = due_ms,
    .close = close_store,
};

static void *resize(void *user, void *old, size_t old_bytes, size_t new_bytes)
{
    (void)user;
    (void)old_bytes;
    if (new_bytes > 0)
        return realloc(old, new_bytes);
    free(old);
    return NULL;
}

hf_err hf_store_memory_open(const struct hf_store_memory_options *options, struct hf_store **ret_store)
{
    struct hf_ws_memory memory =
        options->memory.resize != NULL ? options->memory : (struct hf_ws_memory){.resize = resize};
    struct memory_store *store;

    if (options->queue_id == 0)
        return HF_ERR_INVALID;
    store = hf_ws_memory_take(&memory, sizeof(*store));
    if (store == NULL)
        return HF_ERR_NOMEM;
    *store = (struct memory_store){.base = {&memory_ops},
                                   .memory = memory,
                                   .limits = hf_store_limits_of(&options->limits),
                                   .facts = {.queue_id = options->queue_id, .first = 1, .next = 1},
                                   .commit_ms = options->commit_ms};
    store->facts_was = store->facts;
    hf_list_init(&store->waiting);
    hf_list_init(&store->numbered);
    hf_list_init(&store->urgent);
    hf_list_init(&store->telemetry);
    hf_list_init(&store->touched);
    hf_list_init(&store->seen);
    *ret_store = &store->base;
    return HF_OK;
}

void hf_store_memory_crash(struct hf_store *base)
{
    struct memory_store *store = store_of(base);

    hf_memory_undo(store);
    store->batch = (struct hf_store_batch){.ticket = store->batch.ticket, .told = store->batch.ticket};
}

void hf_store_memory_fail(struct hf_store *base, hf_err err)
{
    store_of(base)->fail = err;
}
