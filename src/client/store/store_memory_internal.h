/* client/store/store_memory_internal.h - between store_memory.c (the contract) and store_memory_rows.c (rows on lists, and the way back).
 *
 * A row is a message or a gap. It is waiting (by id), numbered (by seq) or gone. Each has its state now and its state as of the last commit; rows that differ are on `touched`. A commit
 * makes them equal and frees what is gone; undoing goes through the same list. So nothing is copied while all goes well. */
#ifndef HF_CLIENT_STORE_MEMORY_INTERNAL_H
#define HF_CLIENT_STORE_MEMORY_INTERNAL_H

#include "base/assert.h"
#include "base/list.h"
#include "client/store/store_batch.h"
#include "client/store/store_memory.h"

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

#define ROW(at, member) HF_CONTAINER_OF(at, struct row, member)

/* Takes memory; NULL when there is none. message NULL: a gap. The row is nowhere yet. */
struct row *hf_memory_row_new(struct memory_store *store, const struct hf_store_message *message);
void hf_memory_row_free(struct memory_store *store, struct row *row);
/* The one way to change a row: lists, facts and `touched` follow. */
void hf_memory_change(struct memory_store *store, struct row *row, const struct row_state *to);
void hf_memory_set_first(struct memory_store *store);

struct seen_row *hf_memory_seen_find(struct memory_store *store, const uint8_t uuid[16]);
/* The newest one with a uuid hides older ones, which go with their age: so undoing is removing the new ones. NULL: no memory. */
struct seen_row *hf_memory_seen_add(struct memory_store *store, const uint8_t uuid[16],
                                    const struct hf_store_message *result);
void hf_memory_seen_forget(struct memory_store *store, struct seen_row *row);
bool hf_memory_result_waits(const struct seen_row *row);

void hf_memory_keep(struct memory_store *store); /* a commit */
void hf_memory_undo(struct memory_store *store); /* back to the last one */

#endif
