/* client/store_memory.c - rows on lists, and a way back.
 *
 * A row is a message or a gap. It is waiting (by id), numbered (by seq) or gone. Each has its state now and its state as of the last commit; rows that differ are on `touched`. A commit
 * makes them equal and frees what is gone; undoing goes through the same list. So nothing is copied while all goes well. */
#include "client/store_memory.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/list.h"
#include "client/store_batch.h"

enum place { NOWHERE, WAITING, NUMBERED, GONE };

struct row_state {
    uint64_t seq, seq_to;
    enum hf_reason reason; /* of a gap */
    uint8_t place;
    bool gap;
};

struct seen_row;

struct row {
    struct hf_list_node node;              /* of waiting or numbered */
    struct hf_list_node urgent, telemetry; /* of those lists while waiting */
    struct hf_list_node touched;
    struct row_state now, was;
    uint64_t id;
    struct seen_row *answers; /* RESULT: the command that remembers it, or NULL */
    struct hf_store_message message;
    size_t bytes; /* of the allocation; texts lie behind */
};

struct seen_row {
    struct hf_list_node node; /* of seen, oldest first */
    uint8_t uuid[16];
    uint64_t n, ticket; /* which one it is; the call that made it */
    struct row *result; /* its RESULT as long as that is in memory; NULL = gone, or no command */
    struct hf_store_seen seen;
    size_t bytes;
};

struct memory_store {
    struct hf_store base;
    struct hf_ws_memory memory;
    struct hf_store_limits limits;
    struct hf_store_batch batch;
    struct hf_store_facts facts, facts_was;
    struct hf_list_node waiting, numbered, urgent, telemetry, touched, seen;
    struct row *cursor; /* of read(): NULL, or a row of numbered */
    uint64_t seen_n;    /* how many were ever added */
    uint32_t commit_ms;
    hf_err fail;
};

static struct memory_store *store_of(struct hf_store *store)
{
    return HF_CONTAINER_OF(store, struct memory_store, base);
}

#define ROW(at, member) HF_CONTAINER_OF(at, struct row, member)

/* ---- rows ---- */

static void touch(struct memory_store *store, struct row *row)
{
    if (!hf_list_linked(&row->touched))
        hf_list_push_back(&store->touched, &row->touched);
}

static void unlink_row(struct memory_store *store, struct row *row)
{
    if (store->cursor == row)
        store->cursor = NULL;
    hf_list_remove(&row->node);
    hf_list_remove(&row->urgent);
    hf_list_remove(&row->telemetry);
}

static void free_row(struct memory_store *store, struct row *row)
{
    unlink_row(store, row);
    hf_list_remove(&row->touched);
    if (row->answers != NULL)
        row->answers->result = NULL;
    hf_ws_memory_give(&store->memory, row, row->bytes);
}

static struct hf_slice copy_text(char **at, struct hf_slice text)
{
    struct hf_slice copy = {*at, text.bytes};

    if (text.bytes > 0)
        memcpy(*at, text.at, text.bytes);
    *at += text.bytes;
    return copy;
}

/* message NULL: a gap. The row is nowhere yet. */
static struct row *new_row(struct memory_store *store, const struct hf_store_message *message)
{
    size_t bytes = sizeof(struct row) + (message != NULL ? message->topic.bytes + message->payload.bytes : 0);
    struct row *row = hf_ws_memory_take(&store->memory, bytes);
    char *texts = (char *)(row + 1);

    if (row == NULL)
        return NULL;
    *row = (struct row){.bytes = bytes};
    hf_list_init(&row->node);
    hf_list_init(&row->urgent);
    hf_list_init(&row->telemetry);
    hf_list_init(&row->touched);
    if (message != NULL) {
        row->message = *message;
        row->message.topic = copy_text(&texts, message->topic);
        row->message.payload = copy_text(&texts, message->payload);
    }
    return row;
}

/* Puts a node into a list that is sorted by id or seq; nearly always at its end. */
static void insert_by_id(struct hf_list_node *list, struct hf_list_node *node, size_t offset, uint64_t id)
{
    struct hf_list_node *at = list->prev;

    while (at != list && ((struct row *)((char *)at - offset))->id > id)
        at = at->prev;
    hf_list_push_front(at, node);
}

static void link_row(struct memory_store *store, struct row *row)
{
    if (row->now.place == NUMBERED) {
        struct hf_list_node *at = store->numbered.prev;

        while (at != &store->numbered && ROW(at, node)->now.seq > row->now.seq)
            at = at->prev;
        hf_list_push_front(at, &row->node);
    } else if (row->now.place == WAITING) {
        insert_by_id(&store->waiting, &row->node, offsetof(struct row, node), row->id);
        if (row->message.urgent)
            insert_by_id(&store->urgent, &row->urgent, offsetof(struct row, urgent), row->id);
        if (row->message.class == HF_STORE_TELEMETRY)
            insert_by_id(&store->telemetry, &row->telemetry, offsetof(struct row, telemetry), row->id);
    }
}

static void move_row(struct memory_store *store, struct row *row, const struct row_state *to)
{
    unlink_row(store, row);
    row->now = *to;
    link_row(store, row);
    touch(store, row);
}

/* ---- counting ---- */

static void count_row(struct memory_store *store, const struct row *row, bool in)
{
    struct hf_store_facts *facts = &store->facts;
    uint64_t bytes = hf_store_message_bytes(&row->message), one = in ? 1 : UINT64_MAX;

    if (row->now.gap || row->now.place == GONE || row->now.place == NOWHERE)
        return;
    bytes = in ? bytes : 0 - bytes;
    facts->messages += one;
    facts->bytes += bytes;
    if (row->now.place == NUMBERED) {
        facts->numbered_messages += one;
        facts->numbered_bytes += bytes;
        return;
    }
    facts->waiting += one;
    if (row->message.urgent)
        facts->waiting_urgent += one;
}

static void change(struct memory_store *store, struct row *row, const struct row_state *to)
{
    count_row(store, row, false);
    move_row(store, row, to);
    count_row(store, row, true);
}

static void set_first(struct memory_store *store)
{
    const struct hf_list_node *head = store->numbered.next;

    store->facts.first = head == &store->numbered ? store->facts.next : ROW(head, node)->now.seq;
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
    *ret_row = new_row(store, message);
    return *ret_row != NULL ? HF_OK : HF_ERR_NOMEM;
}

static void put_in(struct memory_store *store, struct row *row)
{
    row->id = ++store->facts.id_last;
    change(store, row, &(struct row_state){.place = WAITING});
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

/* A waiting row becomes a gap: it joins the one at the end, or stands there itself. */
static void to_gap(struct memory_store *store, struct row *row, enum hf_reason reason)
{
    uint64_t seq = store->facts.next++;
    struct row *last = hf_list_empty(&store->numbered) ? NULL : ROW(store->numbered.prev, node);

    if (last != NULL && last->now.gap && last->now.reason == reason && last->now.seq_to + 1 == seq) {
        change(store, row, &(struct row_state){.place = GONE});
        last->now.seq_to = seq;
        touch(store, last);
    } else {
        change(
            store, row,
            &(struct row_state){.place = NUMBERED, .seq = seq, .seq_to = seq, .gap = true, .reason = reason});
    }
    set_first(store);
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
        uint64_t seq = store->facts.next++;

        change(store, row, &(struct row_state){.place = NUMBERED, .seq = seq, .seq_to = seq});
        set_first(store);
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
            change(store, row, &left);
            break;
        }
        if (!row->now.gap && on_sent != NULL)
            on_sent(context, row->id);
        change(store, row, &(struct row_state){.place = GONE, .gap = row->now.gap});
    }
    set_first(store);
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
    change(store, row,
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

        change(store, row, &(struct row_state){.place = row->now.gap ? GONE : WAITING, .gap = row->now.gap});
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

static struct seen_row *find_seen(struct memory_store *store, const uint8_t uuid[16])
{
    for (struct hf_list_node *at = store->seen.prev; at != &store->seen; at = at->prev) {
        struct seen_row *row = HF_CONTAINER_OF(at, struct seen_row, node);

        if (memcmp(row->uuid, uuid, sizeof(row->uuid)) == 0)
            return row;
    }
    return NULL;
}

static void forget_seen(struct memory_store *store, struct seen_row *row)
{
    hf_list_remove(&row->node);
    if (row->result != NULL)
        row->result->answers = NULL;
    hf_ws_memory_give(&store->memory, row, row->bytes);
}

/* The newest one with a uuid hides older ones, which a commit removes: so undoing is removing the new ones. */
static struct seen_row *add_seen(struct memory_store *store, const uint8_t uuid[16],
                                 const struct hf_store_message *result)
{
    bool keep = result != NULL && result->payload.bytes <= HF_STORE_RESULT_BYTES_MAX;
    size_t bytes = sizeof(struct seen_row) + (keep ? result->payload.bytes : 0);
    struct seen_row *row = hf_ws_memory_take(&store->memory, bytes);
    char *payload = (char *)(row + 1);

    if (row == NULL)
        return NULL;
    *row = (struct seen_row){.bytes = bytes, .n = ++store->seen_n, .ticket = store->batch.ticket + 1};
    memcpy(row->uuid, uuid, sizeof(row->uuid));
    if (result != NULL)
        row->seen = (struct hf_store_seen){.result = true,
                                           .result_kept = keep,
                                           .status = result->status,
                                           .format = result->format,
                                           .text = result->text};
    if (keep)
        row->seen.payload = copy_text(&payload, result->payload);
    hf_list_init(&row->node);
    hf_list_push_back(&store->seen, &row->node);
    return row;
}

static hf_err done(struct hf_store *base, uint64_t position, const uint8_t uuid[16],
                   const struct hf_store_message *result, uint64_t *ret_ticket)
{
    struct memory_store *store = store_of(base);
    struct row *row = NULL;
    struct seen_row *seen = NULL;
    hf_err err = result != NULL ? take_in(store, result, &row) : HF_OK;

    if (err == HF_OK && !hf_store_uuid_is_none(uuid)) {
        seen = add_seen(store, uuid, result);
        err = seen != NULL ? HF_OK : HF_ERR_NOMEM;
    }
    if (err != HF_OK) {
        if (row != NULL)
            free_row(store, row);
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

static bool result_waits(const struct seen_row *row)
{
    return row->result != NULL && row->result->now.place != GONE && !row->result->now.gap;
}

static hf_err seen(struct hf_store *base, const uint8_t uuid[16], struct hf_store_seen *ret_seen)
{
    struct memory_store *store = store_of(base);
    struct seen_row *row = hf_store_uuid_is_none(uuid) ? NULL : find_seen(store, uuid);

    if (row == NULL)
        return HF_ERR_NOT_FOUND;
    *ret_seen = row->seen;
    ret_seen->result_waits = result_waits(row);
    return HF_OK;
}

/* ---- commits ---- */

/* Keeps the newest HF_STORE_SEEN, and older commands whose result waits. */
static void prune_seen(struct memory_store *store)
{
    struct hf_list_node *at = store->seen.next;

    while (at != &store->seen) {
        struct seen_row *row = HF_CONTAINER_OF(at, struct seen_row, node);

        if (row->n + HF_STORE_SEEN > store->seen_n)
            break;
        at = at->next;
        if (!result_waits(row))
            forget_seen(store, row);
    }
}

static void keep(struct memory_store *store)
{
    while (!hf_list_empty(&store->touched)) {
        struct row *row = ROW(store->touched.next, touched);

        hf_list_remove(&row->touched);
        row->was = row->now;
        if (row->now.place == GONE)
            free_row(store, row);
    }
    store->facts_was = store->facts;
    prune_seen(store);
}

static void undo(struct memory_store *store)
{
    struct hf_list_node back;

    hf_list_init(&back);
    while (!hf_list_empty(&store->touched)) {
        struct row *row = ROW(store->touched.next, touched);

        hf_list_remove(&row->touched);
        unlink_row(store, row);
        if (row->was.place == NOWHERE) {
            free_row(store, row);
            continue;
        }
        row->now = row->was;
        hf_list_push_back(&back, &row->touched);
    }
    while (!hf_list_empty(&back)) { /* only now: they are sorted in by what they are again */
        struct row *row = ROW(back.next, touched);

        hf_list_remove(&row->touched);
        link_row(store, row);
    }
    while (!hf_list_empty(&store->seen)) {
        struct seen_row *row = HF_CONTAINER_OF(store->seen.prev, struct seen_row, node);

        if (row->ticket <= store->batch.told)
            break;
        forget_seen(store, row);
    }
    store->facts = store->facts_was;
}

static bool poll(struct hf_store *base, uint64_t now_ms, bool now, uint64_t *ret_through, hf_err *ret_err)
{
    struct memory_store *store = store_of(base);

    if (hf_store_batch_is_due(&store->batch, now_ms, now || store->commit_ms == 0, store->commit_ms)) {
        if (store->fail == HF_OK)
            keep(store);
        else
            undo(store);
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

    undo(store); /* whose end is the process's end anyway */
    while (!hf_list_empty(&store->waiting))
        free_row(store, ROW(store->waiting.next, node));
    while (!hf_list_empty(&store->numbered))
        free_row(store, ROW(store->numbered.next, node));
    while (!hf_list_empty(&store->seen))
        forget_seen(store, HF_CONTAINER_OF(store->seen.next, struct seen_row, node));
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

    undo(store);
    store->batch = (struct hf_store_batch){.ticket = store->batch.ticket, .told = store->batch.ticket};
}

void hf_store_memory_fail(struct hf_store *base, hf_err err)
{
    store_of(base)->fail = err;
}
