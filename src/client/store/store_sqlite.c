/* client/store/store_sqlite.c - the file, its transactions and its facts. What happens inside is store_sqlite_queue.c and store_sqlite_down.c. */
#include "client/store/store_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "client/store/store_sqlite_internal.h"

enum {
    SCHEMA_VERSION = 1,
    APPLICATION_ID = 0x48466471, /* HFdq */
    BUSY_MS = 100,
    PATH_BYTES_MAX = 4096,
    LOG_BYTES = 4 << 20, /* of FILE-wal: SQLite begins it anew at 1,000 pages. What is more is given back */
    LOG_STEP_BYTES = 512 << 10,
    LOG_WRITE_BYTES = 64 << 10 /* a VFS writes no more at a time than the largest page has */
};

static const char schema[] =
    "CREATE TABLE msg_queue(id INTEGER PRIMARY KEY AUTOINCREMENT, class INTEGER NOT NULL, topic TEXT NOT "
    "NULL, "
    "payload BLOB NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER, attempts INTEGER NOT NULL "
    "DEFAULT 0, "
    "status TEXT NOT NULL DEFAULT 'pending' CHECK(status IN ('pending','inflight','acked','failed')));"
    "CREATE INDEX msg_queue_status ON msg_queue(status,id);"
    "CREATE TABLE msg_wire(id INTEGER PRIMARY KEY, class INTEGER NOT NULL, seq INTEGER, urgent INTEGER NOT "
    "NULL, "
    "text INTEGER NOT NULL, format INTEGER NOT NULL, result_status INTEGER NOT NULL, uuid BLOB NOT NULL, "
    "bytes INTEGER NOT "
    "NULL);"
    "CREATE UNIQUE INDEX msg_wire_seq ON msg_wire(seq);"
    "CREATE INDEX msg_wire_urgent ON msg_wire(id) WHERE seq IS NULL AND urgent=1;"
    "CREATE INDEX msg_wire_telemetry ON msg_wire(id) WHERE seq IS NULL AND class=0;"
    "CREATE TABLE msg_gap(seq INTEGER PRIMARY KEY, seq_to INTEGER NOT NULL, reason INTEGER NOT NULL);"
    "CREATE TABLE msg_failed(id INTEGER PRIMARY KEY, reason TEXT NOT NULL);"
    "CREATE TABLE msg_seen(n INTEGER PRIMARY KEY, uuid BLOB NOT NULL UNIQUE, result_id INTEGER, kept "
    "INTEGER, status INTEGER, "
    "format INTEGER, text INTEGER, payload BLOB);"
    "CREATE TABLE device_state(one INTEGER PRIMARY KEY CHECK(one=1), queue_id INTEGER NOT NULL, next INTEGER "
    "NOT NULL, "
    "session_id BLOB NOT NULL, position INTEGER NOT NULL, dropped INTEGER NOT NULL, expired INTEGER NOT "
    "NULL, "
    "failed INTEGER NOT NULL);";

static const char *const sql_text[SQL_COUNT] = {
#define HF_SQL_TEXT(id, text) [SQL_##id] = text,
    HF_SQL_MAP(HF_SQL_TEXT)
#undef HF_SQL_TEXT
};

hf_err hf_sqlite_err(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE: return HF_OK;
    case SQLITE_NOMEM: return HF_ERR_NOMEM;
    case SQLITE_FULL: return HF_ERR_FULL;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return HF_ERR_BUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return HF_ERR_CORRUPT;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN: return HF_ERR_DENIED;
    default: return HF_ERR_IO;
    }
}

/* ---- statements ---- */

void hf_sqlite_bind(sqlite3_stmt *statement, int at, uint64_t value)
{
    (void)sqlite3_bind_int64(statement, at, (sqlite3_int64)value);
}

void hf_sqlite_bind_blob(sqlite3_stmt *statement, int at, const void *data, size_t bytes)
{
    (void)sqlite3_bind_blob64(statement, at, bytes > 0 ? data : "", bytes,
                              SQLITE_STATIC); /* NULL would be NULL */
}

uint64_t hf_sqlite_number(sqlite3_stmt *statement, int column)
{
    return (uint64_t)sqlite3_column_int64(statement, column);
}

struct hf_slice hf_sqlite_slice(sqlite3_stmt *statement, int column)
{
    const char *at = sqlite3_column_blob(statement, column);

    return (struct hf_slice){at != NULL ? at : "", (size_t)sqlite3_column_bytes(statement, column)};
}

sqlite3_stmt *hf_sqlite_get(struct sqlite_store *store, enum sql id)
{
    return store->sql[id];
}

hf_err hf_sqlite_step(sqlite3_stmt *statement)
{
    int code = sqlite3_step(statement);

    if (code == SQLITE_ROW)
        return HF_OK;
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    return code == SQLITE_DONE ? HF_ERR_NOT_FOUND : hf_sqlite_err(code);
}

hf_err hf_sqlite_run(struct sqlite_store *store, enum sql id, int count, const uint64_t *values)
{
    sqlite3_stmt *statement = store->sql[id];
    hf_err err;

    for (int i = 0; i < count; i++)
        hf_sqlite_bind(statement, i + 1, values[i]);
    err = hf_sqlite_step(statement);
    return err == HF_ERR_NOT_FOUND ? HF_OK : err;
}

/* One row of numbers. */
static hf_err row(struct sqlite_store *store, enum sql id, int count, uint64_t *ret_values)
{
    sqlite3_stmt *statement = store->sql[id];
    hf_err err = hf_sqlite_step(statement);

    if (err != HF_OK)
        return err == HF_ERR_NOT_FOUND ? HF_ERR_CORRUPT : err;
    for (int i = 0; i < count; i++)
        ret_values[i] = hf_sqlite_number(statement, i);
    (void)sqlite3_reset(statement);
    return HF_OK;
}

/* ---- facts ---- */

static hf_err load_state(struct sqlite_store *store, struct hf_store_facts *facts)
{
    sqlite3_stmt *statement = store->sql[SQL_LOAD];
    hf_err err = hf_sqlite_step(statement);
    struct hf_slice session_id;

    if (err != HF_OK)
        return err == HF_ERR_NOT_FOUND ? HF_ERR_CORRUPT : err;
    facts->queue_id = hf_sqlite_number(statement, 0);
    facts->next = hf_sqlite_number(statement, 1);
    session_id = hf_sqlite_slice(statement, 2);
    facts->position = hf_sqlite_number(statement, 3);
    facts->dropped_total = hf_sqlite_number(statement, 4);
    facts->expired_total = hf_sqlite_number(statement, 5);
    facts->failed_total = hf_sqlite_number(statement, 6);
    if (session_id.bytes != sizeof(facts->session_id) || facts->queue_id == 0 || facts->next == 0)
        err = HF_ERR_CORRUPT;
    else
        memcpy(facts->session_id, session_id.at, sizeof(facts->session_id));
    (void)sqlite3_reset(statement);
    return err;
}

static hf_err load(struct sqlite_store *store)
{
    struct hf_store_facts facts = {0};
    uint64_t sums[5] = {0}, gaps = 0;
    hf_err err = load_state(store, &facts);

    if (err == HF_OK)
        err = row(store, SQL_LOAD_SUMS, 5, sums);
    if (err == HF_OK)
        err = row(store, SQL_LOAD_FIRST, 1, &facts.first);
    if (err == HF_OK)
        err = row(store, SQL_LOAD_ID, 1, &facts.id_last);
    if (err == HF_OK)
        err = row(store, SQL_LOAD_SEEN, 1, &store->seen_n);
    if (err == HF_OK)
        err = row(store, SQL_LOAD_GAPS, 1, &gaps);
    store->lost = err != HF_OK;
    if (err != HF_OK)
        return err;
    store->gaps = gaps != 0;
    facts.messages = sums[0];
    facts.bytes = sums[1];
    facts.numbered_messages = sums[2];
    facts.numbered_bytes = sums[3];
    facts.waiting = sums[0] - sums[2];
    facts.waiting_urgent = sums[4];
    if (facts.first == 0) /* min() of nothing is NULL, which reads as 0 */
        facts.first = facts.next;
    store->facts = facts;
    return HF_OK;
}

static hf_err save(struct sqlite_store *store)
{
    const struct hf_store_facts *facts = &store->facts;
    sqlite3_stmt *statement = store->sql[SQL_SAVE];
    hf_err err;

    hf_sqlite_bind(statement, 1, facts->queue_id);
    hf_sqlite_bind(statement, 2, facts->next);
    hf_sqlite_bind_blob(statement, 3, facts->session_id, sizeof(facts->session_id));
    hf_sqlite_bind(statement, 4, facts->position);
    hf_sqlite_bind(statement, 5, facts->dropped_total);
    hf_sqlite_bind(statement, 6, facts->expired_total);
    hf_sqlite_bind(statement, 7, facts->failed_total);
    err = hf_sqlite_step(statement);
    return err == HF_ERR_NOT_FOUND ? HF_OK : err;
}

/* ---- transactions ---- */

hf_err hf_sqlite_enter(struct sqlite_store *store)
{
    if (store->reading != NULL) {
        (void)sqlite3_reset(store->reading);
        (void)sqlite3_clear_bindings(store->reading);
        store->reading = NULL;
    }
    return store->lost ? load(store) : HF_OK;
}

hf_err hf_sqlite_begin(struct sqlite_store *store)
{
    hf_err err = hf_sqlite_enter(store);

    if (err != HF_OK || store->writing)
        return err;
    err = hf_sqlite_run(store, SQL_BEGIN, 0, NULL);
    store->writing = err == HF_OK;
    return err;
}

hf_err hf_sqlite_settle(struct sqlite_store *store)
{
    hf_err err = hf_sqlite_enter(store);

    if (err != HF_OK)
        return err;
    err = hf_sqlite_fresh_write(store);
    return err == HF_OK ? HF_OK : hf_sqlite_undo(store, err);
}

hf_err hf_sqlite_undo(struct sqlite_store *store, hf_err err)
{
    hf_sqlite_fresh_undo(store);
    for (int i = 0; i < SQL_COUNT; i++)
        (void)sqlite3_reset(store->sql[i]);
    if (sqlite3_get_autocommit(store->db) == 0) /* some errors have rolled back already */
        (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    store->writing = false;
    hf_store_batch_end(&store->batch, err);
    (void)load(store);
    return err;
}

/* A sync behind a log that became longer has the new length to write, too, which is a commit of the file system's journal. So the log gets longer in steps, ahead of the frames,
 * until it has the length that it keeps. No frame has page number 0: readers end at such a tail as at what an earlier round of the log left there. Only with the transaction open,
 * when nobody else may write to the log. Trouble is no reason not to commit, the frames find the room that they would have found. */
static void lengthen_log(struct sqlite_store *store)
{
    sqlite3_file *log = NULL;
    sqlite3_int64 bytes = 0;
    void *zeros;

    if (store->log_bytes >= LOG_BYTES ||
        sqlite3_file_control(store->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK ||
        log == NULL || log->pMethods == NULL || log->pMethods->xFileSize(log, &bytes) != SQLITE_OK ||
        bytes <= store->log_bytes)
        return;
    store->log_bytes = HF_MAX(bytes, HF_MIN(bytes + LOG_STEP_BYTES, LOG_BYTES));
    zeros = calloc(1, LOG_WRITE_BYTES);
    while (zeros != NULL && bytes < store->log_bytes) {
        int part = (int)HF_MIN(store->log_bytes - bytes, LOG_WRITE_BYTES);

        if (log->pMethods->xWrite(log, zeros, part, bytes) != SQLITE_OK)
            break;
        bytes += part;
    }
    free(zeros);
}

static void commit(struct sqlite_store *store)
{
    hf_err err = hf_sqlite_begin(store); /* marks alone have opened none */

    if (err == HF_OK)
        err = hf_sqlite_fresh_write(store);
    if (err == HF_OK)
        err = hf_sqlite_marks_write(store);
    if (err == HF_OK)
        err = hf_sqlite_prune_seen(store);
    if (err == HF_OK)
        err = save(store);
    if (err == HF_OK && store->power_safe)
        lengthen_log(store);
    if (err == HF_OK)
        err = hf_sqlite_run(store, SQL_COMMIT, 0, NULL);
    if (err != HF_OK) {
        (void)hf_sqlite_undo(store, err);
        return;
    }
    store->writing = false;
    hf_store_batch_end(&store->batch, HF_OK);
}

static bool poll(struct hf_store *base, uint64_t now_ms, bool now, uint64_t *ret_through, hf_err *ret_err)
{
    struct sqlite_store *store = hf_sqlite_of(base);

    if (hf_store_batch_is_due(&store->batch, now_ms, now, 0))
        commit(store);
    return hf_store_batch_tell(&store->batch, ret_through, ret_err);
}

static uint64_t due_ms(struct hf_store *base)
{
    return hf_store_batch_due_ms(&hf_sqlite_of(base)->batch, 0);
}

static void facts(struct hf_store *base, struct hf_store_facts *ret_facts)
{
    struct sqlite_store *store = hf_sqlite_of(base);

    (void)hf_sqlite_enter(store); /* when even that fails: what was known last */
    *ret_facts = store->facts;
}

/* ---- opening ---- */

static void free_store(struct sqlite_store *store)
{
    for (int i = 0; i < SQL_COUNT; i++)
        (void)sqlite3_finalize(store->sql[i]);
    (void)sqlite3_close(store->db);
    if (store->lock >= 0)
        (void)close(store->lock);
    free(store);
}

static void close_store(struct hf_store *base)
{
    struct sqlite_store *store = hf_sqlite_of(base);

    if (store->batch.calls > 0)
        commit(store);
    free_store(store);
}

static const struct hf_store_ops sqlite_ops = {
    .facts = facts,
    .append = hf_sqlite_append,
    .drop = hf_sqlite_drop,
    .number = hf_sqlite_next,
    .read = hf_sqlite_read,
    .mark = hf_sqlite_mark,
    .ack = hf_sqlite_ack,
    .reject = hf_sqlite_reject,
    .renew = hf_sqlite_renew,
    .session = hf_sqlite_session,
    .done = hf_sqlite_done,
    .seen = hf_sqlite_seen,
    .poll = poll,
    .due_ms = due_ms,
    .close = close_store,
};

/* Who holds it owns the queue: what is cached here must not change behind our back. */
static hf_err take_lock(struct sqlite_store *store, const char *path)
{
    char name[PATH_BYTES_MAX];
    int bytes = snprintf(name, sizeof(name), "%s-lock", path);

    errno = ENAMETOOLONG;
    if (bytes < 0 || (size_t)bytes >= sizeof(name))
        return HF_ERR_INVALID;
    store->lock = open(name, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (store->lock < 0)
        return errno == EACCES || errno == EROFS || errno == ENOENT ? HF_ERR_DENIED
               : errno == ENOSPC                                    ? HF_ERR_FULL
                                                                    : HF_ERR_IO;
    return flock(store->lock, LOCK_EX | LOCK_NB) == 0 ? HF_OK : HF_ERR_BUSY;
}

/* What a device says is its owner's: SQLite would let everybody read a file that it makes. The other files get this one's mode. One that is there already stays as it is. */
static void make_private(const char *path)
{
    int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);

    if (fd >= 0)
        (void)close(fd); /* what else can be wrong is told by SQLite */
}

static hf_err pragma(struct sqlite_store *store, const char *text)
{
    return hf_sqlite_err(sqlite3_exec(store->db, text, NULL, NULL, NULL));
}

static hf_err ask(struct sqlite_store *store, const char *text, int64_t *ret_value, char *word,
                  size_t word_bytes)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(store->db, text, -1, &statement, NULL);

    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW && ret_value != NULL)
        *ret_value = sqlite3_column_int64(statement, 0);
    if (code == SQLITE_ROW && word != NULL)
        (void)snprintf(word, word_bytes, "%s", (const char *)sqlite3_column_text(statement, 0));
    (void)sqlite3_finalize(statement);
    return code == SQLITE_ROW ? HF_OK : code == SQLITE_DONE ? HF_ERR_CORRUPT : hf_sqlite_err(code);
}

static hf_err set_up(struct sqlite_store *store, const struct hf_store_sqlite_options *options)
{
    char mode[16] = "", text[160];
    hf_err err = HF_OK;

    (void)sqlite3_busy_timeout(store->db, BUSY_MS);
    if (options->vfs != NULL)
        err = pragma(store, "PRAGMA locking_mode=EXCLUSIVE");
    if (err == HF_OK)
        err = ask(store, "PRAGMA journal_mode=WAL", NULL, mode, sizeof(mode));
    if (err == HF_OK && strcmp(mode, "wal") != 0)
        err = HF_ERR_UNSUPPORTED;
    if (err == HF_OK)
        err = pragma(store, options->crash_safe ? "PRAGMA synchronous=NORMAL" : "PRAGMA synchronous=FULL");
    /* 256 KiB of pages are enough. The check of msg_queue.status is for others: for each row SQLite would build a table of the four words in memory, a tenth of the cost of a message. */
    (void)snprintf(text, sizeof(text),
                   "PRAGMA cache_size=-256;PRAGMA journal_size_limit=%d;PRAGMA trusted_schema=OFF;"
                   "PRAGMA ignore_check_constraints=ON",
                   LOG_BYTES);
    return err == HF_OK ? pragma(store, text) : err;
}

static hf_err create(struct sqlite_store *store, uint64_t queue_id)
{
    char text[256];
    hf_err err = pragma(store, "BEGIN IMMEDIATE");

    if (err == HF_OK)
        err = pragma(store, schema);
    (void)snprintf(text, sizeof(text),
                   "INSERT INTO device_state VALUES(1,%lld,1,zeroblob(16),0,0,0,0);PRAGMA user_version=%d;"
                   "PRAGMA application_id=%d;COMMIT",
                   (long long)queue_id, SCHEMA_VERSION, APPLICATION_ID);
    return err == HF_OK ? pragma(store, text) : err;
}

static hf_err make_or_check(struct sqlite_store *store, uint64_t queue_id)
{
    int64_t version = 0, application = 0, tables = 0;
    hf_err err = ask(store, "PRAGMA user_version", &version, NULL, 0);

    if (err == HF_OK)
        err = ask(store, "PRAGMA application_id", &application, NULL, 0);
    if (err == HF_OK)
        err = ask(store, "SELECT count(*) FROM sqlite_master", &tables, NULL, 0);
    if (err != HF_OK)
        return err;
    if (tables == 0)
        return create(store, queue_id);
    if (application != APPLICATION_ID)
        return HF_ERR_CORRUPT;
    return version == SCHEMA_VERSION ? HF_OK : HF_ERR_UNSUPPORTED;
}

static hf_err prepare(struct sqlite_store *store)
{
    hf_err err = HF_OK;

    for (int i = 0; i < SQL_COUNT && err == HF_OK; i++)
        err = hf_sqlite_err(
            sqlite3_prepare_v3(store->db, sql_text[i], -1, SQLITE_PREPARE_PERSISTENT, &store->sql[i], NULL));
    return err;
}

hf_err hf_store_sqlite_open(const struct hf_store_sqlite_options *options, struct hf_store **ret_store,
                            char *error, size_t error_bytes)
{
    struct sqlite_store *store = options->queue_id != 0 ? calloc(1, sizeof(*store)) : NULL;
    hf_err err = options->queue_id != 0 ? HF_ERR_NOMEM : HF_ERR_INVALID;

    if (error != NULL)
        (void)snprintf(error, error_bytes, "%s", hf_err_text(err));
    if (store == NULL)
        return err;
    store->base.ops = &sqlite_ops;
    store->limits = hf_store_limits_of(&options->limits);
    store->lock = -1;
    store->power_safe = !options->crash_safe;
    err = options->vfs == NULL ? take_lock(store, options->path) : HF_OK;
    const char *why = err == HF_ERR_BUSY           ? "another process has it"
                      : err != HF_OK && errno != 0 ? strerror(errno)
                                                   : "";
    if (err == HF_OK && options->vfs == NULL)
        make_private(options->path);
    if (err == HF_OK)
        err = hf_sqlite_err(sqlite3_open_v2(options->path, &store->db,
                                            SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                                            options->vfs));
    if (err == HF_OK)
        err = set_up(store, options);
    if (err == HF_OK)
        err = make_or_check(store, options->queue_id);
    if (err == HF_OK)
        err = prepare(store);
    if (err == HF_OK) /* of the last life */
        err = hf_sqlite_run(store, SQL_MARK_PENDING, 0, NULL);
    if (err == HF_OK)
        err = load(store);
    if (err == HF_OK) {
        *ret_store = &store->base;
        return HF_OK;
    }
    if (store->db != NULL)
        why = sqlite3_errmsg(store->db);
    if (error != NULL)
        (void)snprintf(error, error_bytes, "queue '%s': %s%s%s", options->path, hf_err_text(err),
                       why[0] != '\0' ? ": " : "", why);
    free_store(store);
    return err;
}
