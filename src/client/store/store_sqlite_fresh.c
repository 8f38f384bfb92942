/* client/store/store_sqlite_fresh.c - a live device appends a message, sends it and hears that it is durable before the next one: what is known of that one is not asked of the file. The file is
 * written in the same commits as ever; only statements are saved: its row of msg_wire goes in once, with the number, and a mark that its acknowledgement overtakes never does. */
#include "client/store/store_sqlite_internal.h"

static bool is_fresh(const struct sqlite_store *store, uint64_t seq)
{
    return store->fresh.id != 0 && store->fresh.seq != 0 && store->fresh.seq == seq;
}

void hf_sqlite_fresh_forget(struct sqlite_store *store)
{
    HF_ASSERT(!store->fresh.row_waits);
    store->fresh.id = store->fresh.seq = 0;
}

/* Drops what an undone transaction would have written. */
void hf_sqlite_fresh_undo(struct sqlite_store *store)
{
    store->fresh.row_waits = false;
    hf_sqlite_fresh_forget(store);
    store->marked_from = store->marked_to = 0;
}

void hf_sqlite_fresh_keep(struct sqlite_store *store, uint64_t id, const struct hf_store_message *message)
{
    struct hf_sqlite_fresh *fresh = &store->fresh;

    fresh->id = id;
    fresh->seq = 0;
    fresh->row_waits = true;
    fresh->message = *message;
    fresh->whole = hf_store_message_bytes(message) <= sizeof(fresh->bytes);
    if (!fresh->whole)
        return;
    if (message->topic.bytes > 0)
        memcpy(fresh->bytes, message->topic.at, message->topic.bytes);
    if (message->payload.bytes > 0)
        memcpy(fresh->bytes + message->topic.bytes, message->payload.at, message->payload.bytes);
    fresh->message.topic.at = fresh->bytes;
    fresh->message.payload.at = fresh->bytes + message->topic.bytes;
}

hf_err hf_sqlite_fresh_write(struct sqlite_store *store)
{
    struct hf_sqlite_fresh *fresh = &store->fresh;
    const struct hf_store_message *message = &fresh->message;
    const uint64_t numbers[] = {fresh->id,     message->class,  message->urgent,
                                message->text, message->format, message->status};
    sqlite3_stmt *statement = hf_sqlite_get(store, SQL_APPEND_WIRE);
    hf_err err;

    if (!fresh->row_waits)
        return HF_OK;
    for (int i = 0; i < (int)HF_COUNT_OF(numbers); i++)
        hf_sqlite_bind(statement, i + 1, numbers[i]);
    hf_sqlite_bind_blob(statement, 7, message->uuid, sizeof(message->uuid));
    hf_sqlite_bind(statement, 8, hf_store_message_bytes(message));
    if (fresh->seq != 0)
        hf_sqlite_bind(statement, 9, fresh->seq); /* else NULL: step() clears the bindings */
    err = hf_sqlite_step(statement);
    if (err != HF_ERR_NOT_FOUND)
        return err;
    fresh->row_waits = false;
    return HF_OK;
}

bool hf_sqlite_fresh_read(struct sqlite_store *store, uint64_t seq, struct hf_store_item *ret_item)
{
    if (!is_fresh(store, seq) || !store->fresh.whole)
        return false;
    *ret_item = (struct hf_store_item){
        .seq = seq, .seq_to = seq, .id = store->fresh.id, .message = store->fresh.message};
    return true;
}

bool hf_sqlite_fresh_waits_alone(const struct sqlite_store *store)
{
    return store->fresh.id != 0 && store->fresh.seq == 0 && store->facts.waiting == 1;
}

bool hf_sqlite_fresh_is_all(const struct sqlite_store *store, uint64_t through)
{
    return is_fresh(store, through) && store->facts.first == through;
}

/* ---- marks ---- */

hf_err hf_sqlite_marks_write(struct sqlite_store *store)
{
    const uint64_t range[] = {store->marked_from, store->marked_to};
    hf_err err;

    if (store->marked_to == 0)
        return HF_OK;
    err = hf_sqlite_run(store, SQL_MARK_SENT, 2, range);
    store->marked_from = store->marked_to = 0;
    return err;
}

hf_err hf_sqlite_marks_add(struct sqlite_store *store, uint64_t from, uint64_t to)
{
    hf_err err = HF_OK;

    if (store->marked_to != 0 && from != hf_serial_number(store->marked_to + 1))
        err = hf_sqlite_marks_write(store);
    if (err != HF_OK)
        return err;
    if (store->marked_to == 0)
        store->marked_from = from;
    store->marked_to = to;
    return HF_OK;
}

void hf_sqlite_marks_acked(struct sqlite_store *store, uint64_t through)
{
    if (through >= store->marked_to)
        store->marked_from = store->marked_to = 0;
}
