/* client/store/store_sqlite_internal.h - between store_sqlite.c (file, transactions), store_sqlite_queue.c, store_sqlite_fresh.c and store_sqlite_down.c. */
#ifndef HF_CLIENT_STORE_SQLITE_INTERNAL_H
#define HF_CLIENT_STORE_SQLITE_INTERNAL_H

#include <sqlite3.h>

#include "base/assert.h"
#include "client/store/store_batch.h"
#include "core/session/serial.h"

/* Prepared once. */
#define HF_SQL_MAP(X)                                                                                       \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                             \
    X(COMMIT, "COMMIT")                                                                                     \
    X(LOAD, "SELECT queue_id,next,session_id,position,dropped,expired,failed FROM device_state")            \
    X(LOAD_SUMS,                                                                                            \
      "SELECT count(*),ifnull(sum(bytes),0),count(seq),ifnull(sum(CASE WHEN seq IS NULL THEN 0 ELSE bytes " \
      "END),0),ifnull(sum(seq IS NULL AND urgent),0) FROM msg_wire")                                        \
    X(LOAD_FIRST,                                                                                           \
      "SELECT min(x) FROM (SELECT min(seq) AS x FROM msg_wire UNION ALL SELECT min(seq) FROM msg_gap)")     \
    X(LOAD_ID, "SELECT ifnull((SELECT seq FROM sqlite_sequence WHERE name='msg_queue'),0)")                 \
    X(LOAD_SEEN, "SELECT ifnull(max(n),0) FROM msg_seen")                                                   \
    X(LOAD_GAPS, "SELECT EXISTS(SELECT 1 FROM msg_gap)")                                                    \
    X(SAVE, "UPDATE device_state SET "                                                                      \
            "queue_id=?1,next=?2,session_id=?3,position=?4,dropped=?5,expired=?6,failed=?7")                \
    X(APPEND, "INSERT INTO msg_queue(class,topic,payload,created_at,expires_at) VALUES(?1,?2,?3,?4,?5)")    \
    X(APPEND_WIRE, "INSERT INTO msg_wire(id,class,urgent,text,format,result_status,uuid,bytes,seq) "        \
                   "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)")                                                    \
    X(OLDEST_TELEMETRY,                                                                                     \
      "SELECT id,bytes,urgent FROM msg_wire WHERE seq IS NULL AND class=0 ORDER BY id LIMIT 1")             \
    X(NEXT,                                                                                                 \
      "SELECT w.id,w.bytes,w.urgent,q.expires_at,length(q.payload) FROM msg_wire w JOIN msg_queue q ON "    \
      "q.id=w.id WHERE w.seq IS NULL ORDER BY w.id LIMIT 1")                                                \
    X(NEXT_URGENT,                                                                                          \
      "SELECT w.id,w.bytes,w.urgent,q.expires_at,length(q.payload) FROM msg_wire w JOIN msg_queue q ON "    \
      "q.id=w.id WHERE w.seq IS NULL AND w.urgent=1 AND w.id>?1 ORDER BY w.id LIMIT 1")                     \
    X(NUMBER, "UPDATE msg_wire SET seq=?2 WHERE id=?1")                                                     \
    X(DELETE_MESSAGE, "DELETE FROM msg_queue WHERE id=?1")                                                  \
    X(DELETE_WIRE, "DELETE FROM msg_wire WHERE id=?1")                                                      \
    X(GAP_GROW, "UPDATE msg_gap SET seq_to=?1 WHERE seq_to=?1-1 AND reason=?2")                             \
    X(GAP_ADD, "INSERT INTO msg_gap(seq,seq_to,reason) VALUES(?1,?1,?2)")                                   \
    X(FAIL_MESSAGE, "UPDATE msg_queue SET status='failed' WHERE id=?1")                                     \
    X(FAIL_REASON, "INSERT INTO msg_failed(id,reason) VALUES(?1,?2)")                                       \
    X(FAIL_PRUNE_MESSAGES,                                                                                  \
      "DELETE FROM msg_queue WHERE id IN (SELECT id FROM msg_failed ORDER BY id DESC LIMIT -1 "             \
      "OFFSET ?1)")                                                                                         \
    X(FAIL_PRUNE,                                                                                           \
      "DELETE FROM msg_failed WHERE id IN (SELECT id FROM msg_failed ORDER BY id DESC LIMIT -1 OFFSET "     \
      "?1)")                                                                                                \
    X(READ,                                                                                                 \
      "SELECT "                                                                                             \
      "w.id,w.class,w.urgent,w.text,w.format,w.result_status,w.uuid,q.created_at,q.expires_at,q.topic,"     \
      "q.payload FROM msg_wire w JOIN msg_queue q ON q.id=w.id WHERE w.seq=?1")                             \
    X(READ_GAP, "SELECT seq,seq_to,reason FROM msg_gap WHERE seq<=?1 ORDER BY seq DESC LIMIT 1")            \
    X(BY_SEQ, "SELECT id,bytes FROM msg_wire WHERE seq=?1")                                                 \
    X(MARK_SENT,                                                                                            \
      "UPDATE msg_queue SET status='inflight',attempts=attempts+1 WHERE id IN (SELECT id FROM msg_wire "    \
      "WHERE seq BETWEEN ?1 AND ?2)")                                                                       \
    X(MARK_PENDING, "UPDATE msg_queue SET status='pending' WHERE status='inflight'")                        \
    X(ACKED, "SELECT id,bytes FROM msg_wire WHERE seq<=?1 ORDER BY seq")                                    \
    X(ACK_MESSAGES, "DELETE FROM msg_queue WHERE id IN (SELECT id FROM msg_wire WHERE seq<=?1)")            \
    X(ACK_WIRE, "DELETE FROM msg_wire WHERE seq<=?1")                                                       \
    X(ACK_GAPS, "DELETE FROM msg_gap WHERE seq_to<=?1")                                                     \
    X(ACK_GAP, "UPDATE msg_gap SET seq=?1+1 WHERE seq<=?1")                                                 \
    X(RENEW, "UPDATE msg_wire SET seq=NULL WHERE seq IS NOT NULL")                                          \
    X(RENEW_GAPS, "DELETE FROM msg_gap")                                                                    \
    X(SEEN_ADD, "INSERT OR REPLACE INTO msg_seen(n,uuid,result_id,kept,status,format,text,payload) "        \
                "VALUES(?1,?2,?3,?4,?5,?6,?7,?8)")                                                          \
    X(SEEN,                                                                                                 \
      "SELECT result_id,kept,status,format,text,payload,EXISTS(SELECT 1 FROM msg_wire WHERE id=result_id) " \
      "FROM msg_seen WHERE uuid=?1")                                                                        \
    X(SEEN_PRUNE,                                                                                           \
      "DELETE FROM msg_seen WHERE n<=?1 AND NOT EXISTS(SELECT 1 FROM msg_wire WHERE id=result_id)")

#define HF_SQL_ENUM(id, text) SQL_##id,
enum sql { HF_SQL_MAP(HF_SQL_ENUM) SQL_COUNT };
#undef HF_SQL_ENUM

enum { HF_SQLITE_FRESH_BYTES = 2048 };

/* The message that was appended last, as long as it is in the queue (store_sqlite_fresh.c). */
struct hf_sqlite_fresh {
    uint64_t id;    /* 0: none */
    uint64_t seq;   /* 0: it has no number yet */
    bool row_waits; /* its row of msg_wire is not written yet: the transaction is open then */
    bool whole;     /* topic and payload are in `bytes`; larger ones are read from the file */
    struct hf_store_message message;
    char bytes[HF_SQLITE_FRESH_BYTES];
};

struct sqlite_store {
    struct hf_store base;
    struct hf_store_limits limits;
    struct hf_store_batch batch;
    struct hf_store_facts facts;
    uint64_t seen_n, seen_pruned_n; /* of msg_seen: the newest, and the newest when it was last pruned */
    sqlite3 *db;
    sqlite3_stmt *sql[SQL_COUNT];
    sqlite3_stmt *reading; /* holds the slices that read() and seen() gave; reset by the next call */
    struct hf_sqlite_fresh fresh;
    uint64_t marked_from, marked_to; /* marks that the next commit writes; marked_to 0: none */
    int64_t log_bytes; /* length of FILE-wal when it was made longer; frames behind it make it so again */
    bool power_safe;
    bool gaps;    /* msg_gap may have rows */
    int lock;     /* of FILE-lock; -1 = none */
    bool writing; /* a transaction is open */
    bool lost;    /* facts could not be read again after an error: try at the next call */
};

static inline struct sqlite_store *hf_sqlite_of(struct hf_store *store)
{
    return HF_CONTAINER_OF(store, struct sqlite_store, base);
}

hf_err hf_sqlite_err(int code);
/* Before every call: lets go what read() gave, reads the facts again if that is due. */
hf_err hf_sqlite_enter(struct sqlite_store *store);
/* Before every change: as enter, and opens the transaction. */
hf_err hf_sqlite_begin(struct sqlite_store *store);
/* Before whatever looks at msg_wire: as enter, and the row that waits is written. An error has undone all since the last commit. */
hf_err hf_sqlite_settle(struct sqlite_store *store);
/* A change failed: everything since the last commit is undone. Returns err. */
hf_err hf_sqlite_undo(struct sqlite_store *store, hf_err err);

/* Binds integers 1.. to a statement without results, runs it. HF_OK or an error, never undone by itself. */
hf_err hf_sqlite_run(struct sqlite_store *store, enum sql id, int count, const uint64_t *values);
/* A statement ready to be bound; and stepping it: HF_OK a row, HF_ERR_NOT_FOUND no (more) row. It is reset then. */
sqlite3_stmt *hf_sqlite_get(struct sqlite_store *store, enum sql id);
hf_err hf_sqlite_step(sqlite3_stmt *statement);
void hf_sqlite_bind(sqlite3_stmt *statement, int at, uint64_t value);
void hf_sqlite_bind_blob(sqlite3_stmt *statement, int at, const void *data, size_t bytes);
uint64_t hf_sqlite_number(sqlite3_stmt *statement, int column);
struct hf_slice hf_sqlite_slice(sqlite3_stmt *statement, int column);

/* In store_sqlite_queue.c: the message goes into the open transaction; facts are counted. */
hf_err hf_sqlite_put(struct sqlite_store *store, const struct hf_store_message *message, uint64_t *ret_id);

/* ---- store_sqlite_fresh.c ---- */

/* The message `id` is in msg_queue, its other row waits for its number, or for whoever looks. The one before it must be written. */
void hf_sqlite_fresh_keep(struct sqlite_store *store, uint64_t id, const struct hf_store_message *message);
hf_err hf_sqlite_fresh_write(struct sqlite_store *store); /* undoes nothing by itself */
void hf_sqlite_fresh_forget(struct sqlite_store *store);
void hf_sqlite_fresh_undo(struct sqlite_store *store);
bool hf_sqlite_fresh_read(struct sqlite_store *store, uint64_t seq, struct hf_store_item *ret_item);
bool hf_sqlite_fresh_waits_alone(const struct sqlite_store *store); /* nothing else has no number */
bool hf_sqlite_fresh_is_all(const struct sqlite_store *store,
                            uint64_t through); /* it is all that an ack through here forgets */
hf_err hf_sqlite_marks_add(struct sqlite_store *store, uint64_t from, uint64_t to);
void hf_sqlite_marks_acked(struct sqlite_store *store, uint64_t through);
hf_err hf_sqlite_marks_write(struct sqlite_store *store); /* undoes nothing by itself */

/* The operations. */
hf_err hf_sqlite_append(struct hf_store *base, const struct hf_store_message *message, uint64_t *ret_id,
                        uint64_t *ret_ticket);
hf_err hf_sqlite_drop(struct hf_store *base, enum hf_reason reason, uint64_t *ret_id, uint64_t *ret_ticket);
hf_err hf_sqlite_next(struct hf_store *base, bool urgent, uint64_t after, uint64_t utc_ms,
                      uint64_t payload_bytes_max, uint64_t *ret_id, enum hf_reason *ret_reason,
                      uint64_t *ret_ticket);
hf_err hf_sqlite_read(struct hf_store *base, uint64_t seq, struct hf_store_item *ret_item);
hf_err hf_sqlite_mark(struct hf_store *base, bool sent, uint64_t from, uint64_t to);
hf_err hf_sqlite_ack(struct hf_store *base, uint64_t through, hf_store_id_fn *on_sent, void *context);
hf_err hf_sqlite_reject(struct hf_store *base, uint64_t seq, enum hf_reason reason, uint64_t *ret_id,
                        uint64_t *ret_ticket);
hf_err hf_sqlite_renew(struct hf_store *base, uint64_t queue_id, uint64_t *ret_ticket);
hf_err hf_sqlite_session(struct hf_store *base, const uint8_t session_id[16], uint64_t position,
                         uint64_t *ret_ticket);
hf_err hf_sqlite_done(struct hf_store *base, uint64_t position, const uint8_t uuid[16],
                      const struct hf_store_message *result, uint64_t *ret_ticket);
hf_err hf_sqlite_seen(struct hf_store *base, const uint8_t uuid[16], struct hf_store_seen *ret_seen);
/* Before a commit: msg_seen keeps its bound. */
hf_err hf_sqlite_prune_seen(struct sqlite_store *store);

#endif
