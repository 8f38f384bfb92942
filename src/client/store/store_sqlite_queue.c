/* client/store/store_sqlite_queue.c - the uplink queue in SQLite. Each function is one row of the contract in store.h. */
#include "client/store/store_sqlite_internal.h"

#define RUN(store, id, ...)                                                               \
    hf_sqlite_run((store), SQL_##id, (int)HF_COUNT_OF(((const uint64_t[]){__VA_ARGS__})), \
                  (const uint64_t[]){__VA_ARGS__})

struct waiting {
    uint64_t id, bytes;
    bool urgent;
};

/* ---- in ---- */

static hf_err put_message(struct sqlite_store *store, const struct hf_store_message *message)
{
    sqlite3_stmt *statement = hf_sqlite_get(store, SQL_APPEND);
    hf_err err;

    hf_sqlite_bind(statement, 1, message->class);
    (void)sqlite3_bind_text64(statement, 2, message->topic.bytes > 0 ? message->topic.at : "",
                              message->topic.bytes, SQLITE_STATIC, SQLITE_UTF8);
    hf_sqlite_bind_blob(statement, 3, message->payload.at, message->payload.bytes);
    hf_sqlite_bind(statement, 4, message->created_ms);
    if (message->expires_ms != 0)
        hf_sqlite_bind(statement, 5, message->expires_ms);
    err = hf_sqlite_step(statement);
    return err == HF_ERR_NOT_FOUND ? HF_OK : err;
}

hf_err hf_sqlite_put(struct sqlite_store *store, const struct hf_store_message *message, uint64_t *ret_id)
{
    hf_err err = hf_sqlite_fresh_write(store); /* of the one before */

    if (err == HF_OK)
        err = put_message(store, message);
    if (err != HF_OK)
        return err;
    *ret_id = store->facts.id_last = (uint64_t)sqlite3_last_insert_rowid(store->db);
    hf_sqlite_fresh_keep(store, *ret_id, message);
    store->facts.messages++;
    store->facts.bytes += hf_store_message_bytes(message);
    store->facts.waiting++;
    store->facts.waiting_urgent += message->urgent;
    return HF_OK;
}

hf_err hf_sqlite_append(struct hf_store *base, const struct hf_store_message *message, uint64_t *ret_id,
                        uint64_t *ret_ticket)
{
    struct sqlite_store *store = hf_sqlite_of(base);
    hf_err err = hf_sqlite_enter(store);

    if (err == HF_OK)
        err = hf_store_may_append(&store->facts, &store->limits, message);
    if (err == HF_OK)
        err = hf_sqlite_begin(store);
    if (err != HF_OK)
        return err;
    err = hf_sqlite_put(store, message, ret_id);
    if (err != HF_OK)
        return hf_sqlite_undo(store, err);
    *ret_ticket = hf_store_batch_call(&store->batch);
    return HF_OK;
}

/* ---- numbers and gaps ---- */

static void forget_waiting(struct sqlite_store *store, const struct waiting *waiting)
{
    store->facts.waiting--;
    store->facts.waiting_urgent -= waiting->urgent;
}

static hf_err add_gap(struct sqlite_store *store, uint64_t seq, enum hf_reason reason)
{
    hf_err err = RUN(store, GAP_GROW, seq, reason);

    store->gaps = true;
    if (err == HF_OK && sqlite3_changes(store->db) == 0)
        err = RUN(store, GAP_ADD, seq, reason);
    return err;
}

/* The message stays in the file for people to look at. */
static hf_err keep_failed(struct sqlite_store *store, uint64_t id, enum hf_reason reason)
{
    sqlite3_stmt *statement = hf_sqlite_get(store, SQL_FAIL_REASON);
    hf_err err = RUN(store, FAIL_MESSAGE, id);

    if (err != HF_OK)
        return err;
    hf_sqlite_bind(statement, 1, id);
    (void)sqlite3_bind_text(statement, 2, hf_reason_name(reason), -1, SQLITE_STATIC);
    err = hf_sqlite_step(statement);
    if (err == HF_ERR_NOT_FOUND)
        err = RUN(store, FAIL_PRUNE_MESSAGES, HF_STORE_FAILED_MAX);
    return err == HF_OK ? RUN(store, FAIL_PRUNE, HF_STORE_FAILED_MAX) : err;
}

static hf_err to_gap(struct sqlite_store *store, const struct waiting *waiting, enum hf_reason reason)
{
    struct hf_store_facts *facts = &store->facts;
    bool failed = reason == HF_REASON_MESSAGE_TOO_BIG;
    hf_err err = hf_sqlite_fresh_write(store);

    if (err == HF_OK)
        err = failed ? keep_failed(store, waiting->id, reason) : RUN(store, DELETE_MESSAGE, waiting->id);

    if (err == HF_OK)
        err = RUN(store, DELETE_WIRE, waiting->id);
    if (err == HF_OK)
        err = add_gap(store, facts->next, reason);
    if (err != HF_OK)
        return err;
    if (store->fresh.id == waiting->id)
        hf_sqlite_fresh_forget(store);
    facts->next =
        hf_serial_number(facts->next + 1); /* first stays: it was next when there was nothing else */
    facts->messages--;
    facts->bytes -= waiting->bytes;
    forget_waiting(store, waiting);
    if (failed)
        facts->failed_total++;
    else if (reason == HF_REASON_EXPIRED)
        facts->expired_total++;
    else
        facts->dropped_total++;
    return HF_OK;
}

static hf_err ended(struct sqlite_store *store, hf_err err, uint64_t *ret_ticket)
{
    if (err != HF_OK)
        return hf_sqlite_undo(store, err);
    *ret_ticket = hf_store_batch_call(&store->batch);
    return HF_OK;
}

hf_err hf_sqlite_drop(struct hf_store *base, enum hf_reason reason, uint64_t *ret_id, uint64_t *ret_ticket)
{
    struct sqlite_store *store = hf_sqlite_of(base);
    sqlite3_stmt *statement = hf_sqlite_get(store, SQL_OLDEST_TELEMETRY);
    struct waiting waiting;
    hf_err err = hf_sqlite_settle(store);

    if (err == HF_OK)
        err = hf_sqlite_step(statement);
    if (err != HF_OK)
        return err;
    waiting = (struct waiting){hf_sqlite_number(statement, 0), hf_sqlite_number(statement, 1),
                               hf_sqlite_number(statement, 2) != 0};
    (void)sqlite3_reset(statement);
    err = hf_sqlite_begin(store);
    if (err != HF_OK)
        return err;
    *ret_id = waiting.id;
    return ended(store, to_gap(store, &waiting, reason), ret_ticket);
}

static hf_err write_number(struct sqlite_store *store, uint64_t id, uint64_t seq)
{
    struct hf_sqlite_fresh *fresh = &store->fresh;

    if (fresh->id == id)
        fresh->seq = seq;
    return fresh->id == id && fresh->row_waits ? hf_sqlite_fresh_write(store) : RUN(store, NUMBER, id, seq);
}

static hf_err give_number(struct sqlite_store *store, const struct waiting *waiting)
{
    struct hf_store_facts *facts = &store->facts;
    hf_err err = write_number(store, waiting->id, facts->next);

    if (err != HF_OK)
        return err;
    facts->next = hf_serial_number(facts->next + 1);
    facts->numbered_messages++;
    facts->numbered_bytes += waiting->bytes;
    forget_waiting(store, waiting);
    return HF_OK;
}

/* The lowest that has no number, or the lowest urgent one behind `after`; and of `judged` what decides about it. */
static hf_err find_waiting(struct sqlite_store *store, bool urgent, uint64_t after,
                           struct waiting *ret_waiting, struct hf_store_message *ret_judged)
{
    const struct hf_sqlite_fresh *fresh = &store->fresh;
    sqlite3_stmt *statement = hf_sqlite_get(store, urgent ? SQL_NEXT_URGENT : SQL_NEXT);
    hf_err err;

    if (hf_sqlite_fresh_waits_alone(store)) {
        *ret_waiting =
            (struct waiting){fresh->id, hf_store_message_bytes(&fresh->message), fresh->message.urgent};
        *ret_judged = fresh->message;
        return !urgent || fresh->id > after ? HF_OK : HF_ERR_NOT_FOUND;
    }
    err = hf_sqlite_settle(store);
    if (err != HF_OK)
        return err;
    if (urgent)
        hf_sqlite_bind(statement, 1, after);
    err = hf_sqlite_step(statement);
    if (err != HF_OK)
        return err;
    *ret_waiting = (struct waiting){hf_sqlite_number(statement, 0), hf_sqlite_number(statement, 1),
                                    hf_sqlite_number(statement, 2) != 0};
    *ret_judged = (struct hf_store_message){.expires_ms = hf_sqlite_number(statement, 3),
                                            .payload = {"", (size_t)hf_sqlite_number(statement, 4)}};
    (void)sqlite3_reset(statement);
    return HF_OK;
}

hf_err hf_sqlite_next(struct hf_store *base, bool urgent, uint64_t after, uint64_t utc_ms,
                      uint64_t payload_bytes_max, uint64_t *ret_id, enum hf_reason *ret_reason,
                      uint64_t *ret_ticket)
{
    struct sqlite_store *store = hf_sqlite_of(base);
    struct hf_store_message judged;
    struct waiting waiting;
    hf_err err = hf_sqlite_enter(store);

    if (err != HF_OK)
        return err;
    if ((urgent ? store->facts.waiting_urgent : store->facts.waiting) == 0)
        return HF_ERR_NOT_FOUND;
    err = find_waiting(store, urgent, after, &waiting, &judged);
    if (err != HF_OK)
        return err;
    if (hf_store_half_numbered(&store->facts, &store->limits))
        return HF_ERR_LIMIT;
    err = hf_sqlite_begin(store);
    if (err != HF_OK)
        return err;
    *ret_id = waiting.id;
    *ret_reason = hf_store_judge(&judged, utc_ms, payload_bytes_max);
    err = *ret_reason == HF_REASON_NONE ? give_number(store, &waiting) : to_gap(store, &waiting, *ret_reason);
    return ended(store, err, ret_ticket);
}

/* ---- out ---- */

static hf_err read_gap(struct sqlite_store *store, uint64_t seq, struct hf_store_item *ret_item)
{
    sqlite3_stmt *statement = hf_sqlite_get(store, SQL_READ_GAP);
    hf_err err;

    hf_sqlite_bind(statement, 1, seq);
    err = hf_sqlite_step(statement);
    if (err != HF_OK)
        return err;
    *ret_item = (struct hf_store_item){.seq = hf_sqlite_number(statement, 0),
                                       .seq_to = hf_sqlite_number(statement, 1),
                                       .gap = true,
                                       .reason = (enum hf_reason)hf_sqlite_number(statement, 2)};
    (void)sqlite3_reset(statement);
    return seq <= ret_item->seq_to ? HF_OK : HF_ERR_NOT_FOUND;
}

hf_err hf_sqlite_read(struct hf_store *base, uint64_t seq, struct hf_store_item *ret_item)
{
    struct sqlite_store *store = hf_sqlite_of(base);
    sqlite3_stmt *statement = hf_sqlite_get(store, SQL_READ);
    struct hf_slice uuid;
    hf_err err = hf_sqlite_enter(store);

    if (err != HF_OK || hf_sqlite_fresh_read(store, seq, ret_item))
        return err;
    hf_sqlite_bind(statement, 1, seq);
    err = hf_sqlite_step(statement);
    if (err == HF_ERR_NOT_FOUND)
        return read_gap(store, seq, ret_item);
    if (err != HF_OK)
        return err;
    *ret_item = (struct hf_store_item){.seq = seq, .seq_to = seq, .id = hf_sqlite_number(statement, 0)};
    ret_item->message = (struct hf_store_message){.class = (uint8_t)hf_sqlite_number(statement, 1),
                                                  .urgent = hf_sqlite_number(statement, 2) != 0,
                                                  .text = hf_sqlite_number(statement, 3) != 0,
                                                  .format = (uint8_t)hf_sqlite_number(statement, 4),
                                                  .status = (uint8_t)hf_sqlite_number(statement, 5),
                                                  .created_ms = hf_sqlite_number(statement, 7),
                                                  .expires_ms = hf_sqlite_number(statement, 8),
                                                  .topic = hf_sqlite_slice(statement, 9),
                                                  .payload = hf_sqlite_slice(statement, 10)};
    uuid = hf_sqlite_slice(statement, 6);
    store->reading = statement;
    if (uuid.bytes != sizeof(ret_item->message.uuid) ||
        ret_item->message.topic.bytes > HF_STORE_TOPIC_BYTES_MAX)
        return HF_ERR_CORRUPT;
    memcpy(ret_item->message.uuid, uuid.at, uuid.bytes);
    return HF_OK;
}

hf_err hf_sqlite_mark(struct hf_store *base, bool sent, uint64_t from, uint64_t to)
{
    struct sqlite_store *store = hf_sqlite_of(base);
    hf_err err = sent ? hf_sqlite_enter(store) : hf_sqlite_begin(store);

    if (err != HF_OK)
        return err;
    err = sent ? hf_sqlite_marks_add(store, from, to) : hf_sqlite_marks_write(store);
    if (err == HF_OK && !sent)
        err = hf_sqlite_run(store, SQL_MARK_PENDING, 0, NULL);
    if (err != HF_OK)
        return hf_sqlite_undo(store, err);
    hf_store_batch_call_lazy(&store->batch);
    return HF_OK;
}

static void tell_acked(struct sqlite_store *store, uint64_t id, uint64_t bytes, hf_store_id_fn *on_sent,
                       void *context)
{
    struct hf_store_facts *facts = &store->facts;

    facts->messages--;
    facts->numbered_messages--;
    facts->bytes -= bytes;
    facts->numbered_bytes -= bytes;
    if (on_sent != NULL)
        on_sent(context, id);
}

static hf_err ack_fresh(struct sqlite_store *store, hf_store_id_fn *on_sent, void *context)
{
    uint64_t id = store->fresh.id;
    hf_err err = RUN(store, DELETE_MESSAGE, id);

    if (err == HF_OK)
        err = RUN(store, DELETE_WIRE, id);
    if (err == HF_OK)
        tell_acked(store, id, hf_store_message_bytes(&store->fresh.message), on_sent, context);
    return err;
}

static hf_err ack_range(struct sqlite_store *store, uint64_t through, hf_store_id_fn *on_sent, void *context)
{
    sqlite3_stmt *statement = hf_sqlite_get(store, SQL_ACKED);
    hf_err err;

    hf_sqlite_bind(statement, 1, through);
    while ((err = hf_sqlite_step(statement)) == HF_OK)
        tell_acked(store, hf_sqlite_number(statement, 0), hf_sqlite_number(statement, 1), on_sent, context);
    if (err == HF_ERR_NOT_FOUND)
        err = RUN(store, ACK_MESSAGES, through);
    if (err == HF_OK)
        err = RUN(store, ACK_WIRE, through);
    if (err == HF_OK && store->gaps)
        err = RUN(store, ACK_GAPS, through);
    if (err == HF_OK && store->gaps)
        err = RUN(store, ACK_GAP, through);
    return err;
}

hf_err hf_sqlite_ack(struct hf_store *base, uint64_t through, hf_store_id_fn *on_sent, void *context)
{
    struct sqlite_store *store = hf_sqlite_of(base);
    hf_err err = hf_sqlite_enter(store);

    HF_ASSERT(through < store->facts.next);
    if (err != HF_OK || through < store->facts.first)
        return err;
    err = hf_sqlite_begin(store);
    if (err != HF_OK)
        return err;
    err = hf_sqlite_fresh_is_all(store, through) ? ack_fresh(store, on_sent, context)
                                                 : ack_range(store, through, on_sent, context);
    if (err != HF_OK)
        return hf_sqlite_undo(store, err);
    store->facts.first = hf_serial_number(through + 1); /* numbers are dense: messages or gaps */
    store->gaps &= store->facts.first != store->facts.next;
    if (store->fresh.seq != 0 && store->fresh.seq <= through)
        hf_sqlite_fresh_forget(store);
    hf_sqlite_marks_acked(store, through);
    hf_store_batch_call_lazy(&store->batch);
    return HF_OK;
}

hf_err hf_sqlite_reject(struct hf_store *base, uint64_t seq, enum hf_reason reason, uint64_t *ret_id,
                        uint64_t *ret_ticket)
{
    struct sqlite_store *store = hf_sqlite_of(base);
    sqlite3_stmt *statement = hf_sqlite_get(store, SQL_BY_SEQ);
    uint64_t id, bytes;
    hf_err err = hf_sqlite_enter(store);

    if (err != HF_OK)
        return err;
    hf_sqlite_bind(statement, 1, seq);
    err = hf_sqlite_step(statement);
    if (err != HF_OK)
        return err;
    id = hf_sqlite_number(statement, 0);
    bytes = hf_sqlite_number(statement, 1);
    (void)sqlite3_reset(statement);
    err = hf_sqlite_begin(store);
    if (err != HF_OK)
        return err;
    err = hf_sqlite_marks_write(store);
    if (err == HF_OK)
        err = keep_failed(store, id, reason);
    if (err == HF_OK)
        err = RUN(store, DELETE_WIRE, id);
    if (err == HF_OK)
        err = RUN(store, GAP_ADD, seq, reason);
    store->gaps = true;
    if (err == HF_OK && store->fresh.id == id)
        hf_sqlite_fresh_forget(store);
    if (err == HF_OK) {
        store->facts.messages--;
        store->facts.numbered_messages--;
        store->facts.bytes -= bytes;
        store->facts.numbered_bytes -= bytes;
        store->facts.failed_total++;
        *ret_id = id;
    }
    return ended(store, err, ret_ticket);
}

hf_err hf_sqlite_renew(struct hf_store *base, uint64_t queue_id, uint64_t *ret_ticket)
{
    struct sqlite_store *store = hf_sqlite_of(base);
    struct hf_store_facts *facts = &store->facts;
    hf_err err = hf_sqlite_begin(store);

    HF_ASSERT(queue_id != 0);
    if (err != HF_OK)
        return err;
    err = hf_sqlite_fresh_write(store);
    if (err == HF_OK)
        err = hf_sqlite_marks_write(store);
    if (err == HF_OK)
        err = hf_sqlite_run(store, SQL_RENEW, 0, NULL);
    if (err == HF_OK)
        err = hf_sqlite_run(store, SQL_RENEW_GAPS, 0, NULL);
    if (err == HF_OK)
        err = hf_sqlite_run(store, SQL_MARK_PENDING, 0, NULL);
    if (err == HF_OK) {
        uint64_t sums[1] = {0};
        sqlite3_stmt *statement = hf_sqlite_get(store, SQL_LOAD_SUMS);

        err = hf_sqlite_step(statement);
        if (err == HF_OK)
            sums[0] = hf_sqlite_number(statement, 4);
        (void)sqlite3_reset(statement);
        hf_sqlite_fresh_forget(store);
        store->gaps = false;
        facts->queue_id = queue_id;
        facts->first = facts->next = 1;
        facts->waiting = facts->messages;
        facts->waiting_urgent = sums[0];
        facts->numbered_messages = facts->numbered_bytes = 0;
    }
    return ended(store, err, ret_ticket);
}
