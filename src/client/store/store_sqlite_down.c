/* client/store/store_sqlite_down.c - the downlink position and what was done with the last messages, in SQLite. */
#include "client/store/store_sqlite_internal.h"

enum { PRUNE_EVERY = 64 }; /* acknowledgements: msg_seen holds so many more than its bound, at most */

hf_err hf_sqlite_session(struct hf_store *base, const uint8_t session_id[16], uint64_t position,
                         uint64_t *ret_ticket)
{
    struct sqlite_store *store = hf_sqlite_of(base);
    hf_err err = hf_sqlite_begin(store);

    if (err != HF_OK)
        return err;
    memcpy(store->facts.session_id, session_id, sizeof(store->facts.session_id)); /* saved with the commit */
    store->facts.position = position;
    *ret_ticket = hf_store_batch_call(&store->batch);
    return HF_OK;
}

static hf_err add_seen(struct sqlite_store *store, const uint8_t uuid[16],
                       const struct hf_store_message *result, uint64_t result_id)
{
    sqlite3_stmt *statement = hf_sqlite_get(store, SQL_SEEN_ADD);
    hf_err err;

    hf_sqlite_bind(statement, 1, store->seen_n + 1);
    hf_sqlite_bind_blob(statement, 2, uuid, 16);
    if (result != NULL) {
        bool kept = result->payload.bytes <= HF_STORE_RESULT_BYTES_MAX;

        hf_sqlite_bind(statement, 3, result_id);
        hf_sqlite_bind(statement, 4, kept);
        hf_sqlite_bind(statement, 5, result->status);
        hf_sqlite_bind(statement, 6, result->format);
        hf_sqlite_bind(statement, 7, result->text);
        if (kept)
            hf_sqlite_bind_blob(statement, 8, result->payload.at, result->payload.bytes);
    }
    err = hf_sqlite_step(statement);
    if (err != HF_ERR_NOT_FOUND)
        return err;
    store->seen_n++;
    return HF_OK;
}

hf_err hf_sqlite_done(struct hf_store *base, uint64_t position, const uint8_t uuid[16],
                      const struct hf_store_message *result, uint64_t *ret_ticket)
{
    struct sqlite_store *store = hf_sqlite_of(base);
    uint64_t result_id = 0;
    hf_err err = hf_sqlite_enter(store);

    if (err == HF_OK && result != NULL)
        err = hf_store_may_append(&store->facts, &store->limits, result);
    if (err == HF_OK)
        err = hf_sqlite_begin(store);
    if (err != HF_OK)
        return err;
    if (result != NULL)
        err = hf_sqlite_put(store, result, &result_id);
    if (err == HF_OK && !hf_store_uuid_is_none(uuid))
        err = add_seen(store, uuid, result, result_id);
    if (err != HF_OK)
        return hf_sqlite_undo(store, err);
    store->facts.position = position;
    *ret_ticket = hf_store_batch_call(&store->batch);
    return HF_OK;
}

hf_err hf_sqlite_seen(struct hf_store *base, const uint8_t uuid[16], struct hf_store_seen *ret_seen)
{
    struct sqlite_store *store = hf_sqlite_of(base);
    sqlite3_stmt *statement = hf_sqlite_get(store, SQL_SEEN);
    hf_err err = hf_sqlite_settle(store);

    if (err != HF_OK)
        return err;
    if (hf_store_uuid_is_none(uuid))
        return HF_ERR_NOT_FOUND;
    hf_sqlite_bind_blob(statement, 1, uuid, 16);
    err = hf_sqlite_step(statement);
    if (err != HF_OK)
        return err;
    store->reading = statement;
    *ret_seen = (struct hf_store_seen){0};
    if (sqlite3_column_type(statement, 0) == SQLITE_NULL)
        return HF_OK;
    *ret_seen = (struct hf_store_seen){.result = true,
                                       .result_kept = hf_sqlite_number(statement, 1) != 0,
                                       .status = (uint8_t)hf_sqlite_number(statement, 2),
                                       .format = (uint8_t)hf_sqlite_number(statement, 3),
                                       .text = hf_sqlite_number(statement, 4) != 0,
                                       .result_waits = hf_sqlite_number(statement, 6) != 0};
    if (ret_seen->result_kept)
        ret_seen->payload = hf_sqlite_slice(statement, 5);
    return HF_OK;
}

hf_err hf_sqlite_prune_seen(struct sqlite_store *store)
{
    uint64_t through;
    hf_err err;

    if (store->seen_n <= HF_STORE_SEEN || store->seen_n < store->seen_pruned_n + PRUNE_EVERY)
        return HF_OK;
    through = store->seen_n - HF_STORE_SEEN;
    err = hf_sqlite_run(store, SQL_SEEN_PRUNE, 1, &through);
    if (err == HF_OK)
        store->seen_pruned_n = store->seen_n;
    return err;
}
