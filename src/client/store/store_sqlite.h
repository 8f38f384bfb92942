/* client/store/store_sqlite.h - the queue in a file that any engineer can open (CQ-2, CQ-3): SQLite, journal_mode=WAL.
 *
 *     msg_queue     the messages as CQ-3 has them. A row is deleted when it is acked, so nobody ever sees 'acked'
 *     msg_wire      what else a message needs on its way, and its sequence once it has one; a row for each message that is pending or inflight
 *     msg_gap       sequences that will never come, and why
 *     msg_failed    why a failed message failed; the last HF_STORE_FAILED_MAX are kept in msg_queue
 *     msg_seen      downlink messages that were acknowledged last, with the results of commands
 *     device_state  one row: queue id, next sequence, session, position, counters
 *
 * power_safe (synchronous=FULL) survives power cuts. crash_safe (NORMAL) survives the process only: the last commits may be lost with the power, so
 * `published` then promises less. One process at a time: the file FILE-lock says which. Reading it with sqlite3 meanwhile is harmless.
 *
 * SQLite takes its memory from malloc, not from the caller's allocator. A commit blocks the calling thread for the sync of the disk. */
#ifndef HF_CLIENT_STORE_SQLITE_H
#define HF_CLIENT_STORE_SQLITE_H

#include "client/store/store.h"

struct hf_store_sqlite_options {
    const char *path;
    struct hf_store_limits limits;
    uint64_t queue_id; /* for a new file: fresh random, not 0 */
    bool crash_safe;
    const char
        *vfs; /* NULL = the system's. Another one is used without shared memory and without FILE-lock */
};

/* HF_ERR_BUSY: another process has it. HF_ERR_UNSUPPORTED: made by a newer version. HF_ERR_CORRUPT: damaged, or not a queue. HF_ERR_DENIED, HF_ERR_FULL, HF_ERR_IO, HF_ERR_NOMEM,
 * HF_ERR_INVALID (queue_id 0). *error: what SQLite or the system says, for people; it may be NULL. */
hf_err hf_store_sqlite_open(const struct hf_store_sqlite_options *options, struct hf_store **ret_store,
                            char *error, size_t error_bytes);

#endif
