/* core/kv.h - keyed state behind one interface, implemented by store/lmdb (production) and store/memory
 * (tests, simulation). The tables follow the event log: what is here can be had again by replaying the log
 * from hf_kv_applied_offset() + 1, so applying a record twice must be harmless (ST-2).
 *
 * Threads: one write transaction at a time, on one thread; read transactions on any thread, many at once,
 * each a snapshot that the writer neither blocks nor changes. A transaction and its cursors stay on the
 * thread that began it. Read transactions are short and one thread has one at a time: one held for long keeps old pages from being reused
 * and makes the writer wait when the map must grow.
 *
 * Keys: 1..HF_KV_KEY_BYTES_MAX bytes, ordered by memcmp, shorter first. Values: 0..HF_KV_VALUE_BYTES_MAX. */
#ifndef HF_CORE_KV_H
#define HF_CORE_KV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

/* Identifier, name on disk. Append only: the name is what counts on disk. */
#define HF_KV_TABLE_MAP(X)                                                                              \
    X(HF_KV_META, "meta")               /* the store's own: applied offset, format */                   \
    X(HF_KV_DEVICES, "devices")         /* device -> stream positions, epoch, session */                \
    X(HF_KV_OUTBOX, "outbox")           /* device, sequence -> message waiting for it */                \
    X(HF_KV_MESSAGES, "messages")       /* message id -> where it is and how it fares */                \
    X(HF_KV_IDEMPOTENCY, "idempotency") /* tenant, key -> result */                                     \
    X(HF_KV_EXPLAIN, "explain")         /* device, time -> reason */                                    \
    X(HF_KV_KEYS, "keys")               /* API keys */                                                  \
    X(HF_KV_REVOCATIONS, "revocations") /* revoked credentials */                                       \
    X(HF_KV_SHADOWS, "shadows")         /* device or group/NAME -> document */                          \
    X(HF_KV_TENANTS, "tenants")         /* tenant -> where its documents ended */                       \
    X(HF_KV_GROUPS, "groups")           /* tenant, group, device */                                     \
    X(HF_KV_EXPIRY, "expiry")           /* time, key -> what to delete then */                          \
    X(HF_KV_TIMES, "times")             /* device, time -> sequence */                                  \
    X(HF_KV_CATALOGS, "catalogs")       /* device -> which of its lists counts */                       \
    X(HF_KV_CHANNELS, "channels")       /* device, list, channel -> what is known of it */              \
    X(HF_KV_CALLS, "calls")             /* device, media session -> its dialog */                       \
    X(HF_KV_TWINS, "twins")             /* device, shadow, version -> it */                             \
    X(HF_KV_SERIES, "series")     /* device, tier, time -> block of samples; in a store of their own */ \
    X(HF_KV_FLEET, "fleet")       /* path, value of shadows, device: core/fleet/fleet.h */              \
    X(HF_KV_PRESENCE, "presence") /* device, offset -> when it was there */                             \
    X(HF_KV_PUSHES, "pushes")     /* what is pushed to groups: core/fleet/push_rows.h */                \
    X(HF_KV_AUDIT, "audit")       /* tenant, kind, offset -> who did what: core/audit_rows.h */
#define HF_KV_TABLE_ENUM(id, name) id,
enum hf_kv_table { HF_KV_TABLE_MAP(HF_KV_TABLE_ENUM) HF_KV_TABLES };
#undef HF_KV_TABLE_ENUM
const char *hf_kv_table_name(enum hf_kv_table table); /* never NULL */

enum {
    HF_KV_KEY_BYTES_MAX = 511, /* LMDB's bound as it is packaged */
    HF_KV_VALUE_BYTES_MAX = 4 << 20,
    HF_KV_READERS_MAX = 256,  /* read transactions at once; HF_ERR_LIMIT above */
    HF_KV_TXN_CURSORS_MAX = 4 /* open cursors per transaction; HF_ERR_LIMIT above */
};

struct hf_kv;
struct hf_kv_txn; /* read or write; the body's */

struct hf_kv_cursor { /* in the caller's storage; fields are the body's */
    struct hf_kv_txn *txn;
    const struct hf_kv_ops *ops;
    void *body;
    struct hf_slice prefix;
    enum hf_kv_table table;
    bool backward, started, ended;
    uint16_t from_bytes;
    char from[HF_KV_KEY_BYTES_MAX + 1];
};

struct hf_kv_stats {
    uint64_t applied_offset;
    uint64_t readers, readers_refused_total;
    uint64_t commits_total, commit_failures_total;
    uint64_t bytes_used, bytes_max; /* of the map, or of the heap (bytes_max 0) */
    uint64_t grows_total;
    uint64_t stale_readers_cleared_total;
    struct {
        uint64_t rows, bytes; /* as of the last commit; on disk: of its pages */
    } tables[HF_KV_TABLES];
};

enum hf_kv_seek {
    HF_KV_SEEK_GE,  /* the first key >= bound; an empty bound gives the first of all */
    HF_KV_SEEK_GT,  /* the first key > bound */
    HF_KV_SEEK_LE,  /* the last key <= bound */
    HF_KV_SEEK_LT,  /* the last key < bound */
    HF_KV_SEEK_LAST /* the last of all */
};

struct hf_kv_txn { /* first member of each body's transaction */
    const struct hf_kv_ops *ops;
    uint32_t
        trimmed[HF_KV_TABLES]; /* of a write: rows that made room for newer ones, for who commits to count */
};

struct hf_kv_ops { /* for bodies; callers use the functions below */
    void (*close)(struct hf_kv *kv);
    hf_err (*begin)(struct hf_kv *kv, bool write, struct hf_kv_txn **ret_txn);
    void (*end)(struct hf_kv_txn *txn);
    hf_err (*commit)(struct hf_kv_txn *txn, uint64_t applied_offset);
    hf_err (*get)(struct hf_kv_txn *txn, enum hf_kv_table table, struct hf_slice key,
                  struct hf_slice *ret_value);
    hf_err (*put)(struct hf_kv_txn *txn, enum hf_kv_table table, struct hf_slice key, struct hf_slice value);
    hf_err (*del)(struct hf_kv_txn *txn, enum hf_kv_table table, struct hf_slice key);
    hf_err (*scan)(struct hf_kv_txn *txn, struct hf_kv_cursor *cursor);
    /* HF_ERR_NOT_FOUND when there is none, whatever the prefix. cursor->started: bound is the key that was
     * found last. */
    hf_err (*seek)(struct hf_kv_cursor *cursor, enum hf_kv_seek how, struct hf_slice bound,
                   struct hf_slice *ret_key, struct hf_slice *ret_value);
    void (*scan_end)(struct hf_kv_cursor *cursor);
    uint64_t (*applied_offset)(const struct hf_kv *kv);
    void (*stats)(struct hf_kv *kv, struct hf_kv_stats *ret_stats);
};

struct hf_kv { /* first member of each body */
    const struct hf_kv_ops *ops;
};

void hf_kv_close(struct hf_kv *kv); /* NULL is harmless; no transaction is open */

/* A snapshot. HF_ERR_LIMIT: HF_KV_READERS_MAX are open (counted). HF_ERR_NOMEM, HF_ERR_IO. */
hf_err hf_kv_read(struct hf_kv *kv, struct hf_kv_txn **ret_txn);

/* The one write transaction; sees its own changes. HF_ERR_AGAIN: the map must grow and readers were in
 * its way for as long as it would wait; begin again. HF_ERR_FULL: no space. HF_ERR_IO, HF_ERR_NOMEM. */
hf_err hf_kv_write(struct hf_kv *kv, struct hf_kv_txn **ret_txn);

/* Ends a read transaction, or drops all changes of a write transaction. NULL is harmless. Its
 * cursors are gone with it: not even hf_kv_scan_end may follow. */
void hf_kv_end(struct hf_kv_txn *txn);

/* Makes the changes visible, together with applied_offset (the last log offset they contain, never less
 * than before). The transaction is gone whatever the result. HF_ERR_FULL: the disk is full. HF_ERR_AGAIN:
 * the map was full and grows at the next begin; nothing was changed: begin and apply again. HF_ERR_IO. */
hf_err hf_kv_commit(struct hf_kv_txn *txn, uint64_t applied_offset);

/* HF_ERR_NOT_FOUND. The value is borrowed until the transaction ends; in a write transaction until its
 * next put or del. HF_ERR_INVALID: key length out of range (of all calls with a key). HF_ERR_IO. */
hf_err hf_kv_get(struct hf_kv_txn *txn, enum hf_kv_table table, struct hf_slice key,
                 struct hf_slice *ret_value);

/* Write transactions only. HF_ERR_AGAIN, HF_ERR_FULL, HF_ERR_IO and HF_ERR_NOMEM spoil the transaction:
 * every later call, commit included, repeats the error, and only hf_kv_end is left. HF_ERR_INVALID for a
 * key or value out of range, which spoils nothing. */
hf_err hf_kv_put(struct hf_kv_txn *txn, enum hf_kv_table table, struct hf_slice key, struct hf_slice value);
hf_err hf_kv_del(struct hf_kv_txn *txn, enum hf_kv_table table, struct hf_slice key); /* HF_ERR_NOT_FOUND */

/* Walks the keys that begin with prefix (empty = the whole table; borrowed until scan_end). Forward: from the
 * first key >= from; backward: from the last key <= from. An empty `from` means the first, or the last,
 * key of the prefix. HF_ERR_LIMIT: too many cursors; HF_ERR_INVALID: from or prefix too long.
 * In a write transaction put and del of any key are allowed during a walk of the same table; keys changed
 * ahead of the cursor may or may not be seen. */
hf_err hf_kv_scan(struct hf_kv_txn *txn, enum hf_kv_table table, struct hf_slice prefix, struct hf_slice from,
                  bool backward, struct hf_kv_cursor *ret_cursor);
/* HF_ERR_NOT_FOUND at the end. Key and value are borrowed as in hf_kv_get. */
hf_err hf_kv_next(struct hf_kv_cursor *cursor, struct hf_slice *ret_key, struct hf_slice *ret_value);
void hf_kv_scan_end(struct hf_kv_cursor *cursor); /* twice is harmless */

uint64_t hf_kv_applied_offset(const struct hf_kv *kv); /* any thread; 0 = nothing yet */
void hf_kv_stats(struct hf_kv *kv, struct hf_kv_stats *ret_stats);

#endif
