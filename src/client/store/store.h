/* client/store/store.h - what a device has to remember: its uplink queue, its downlink position, and what it did with the last downlink
 * messages. Two bodies: store_sqlite.h (a file) and store_memory.h (for devices without a disk); one contract, one test against both.
 * One owner, one thread.
 *
 * Commits are asynchronous. A call that changes something takes effect for later calls at once and gives a ticket; it is *durable* when
 * poll() has told that ticket without an error. Nothing is sent, acknowledged or told to the application before. A commit covers all calls
 * so far. When it fails, every call since the last good one is undone and told with the error: the state is the last durable one again, and the
 * caller asks facts().
 *
 * Numbers. A message gets its place in the queue (id, CQ-3) when it is appended and its sequence in the uplink stream when it is about to
 * be sent, because a fresh alarm may overtake a backlog (CQ-7) and the receiver delivers in the order of the sequences. So order of
 * sequences = order of sending. A sequence is durable before it is used, and a message keeps it for ever: that is how the gateway recognises it
 * after weeks (DLV-13). While nothing waits, both happen in the same commit.
 *
 * Gaps. A message that is dropped or expires was never numbered, so it was never sent; it takes the next number then and there, as a gap
 * (DLV-15). Gaps next to each other with one reason are one record, so an outage of any length costs one row. Numbered messages are never
 * dropped, and at most half of the queue is numbered.
 *
 *      acked          numbered (sent or about to be)         not numbered yet
 *   ----------|first ...... 12 | 13..40 gap | 41 ...|next     by id; urgent ones may go first
 *
 * Downlink. The position (highest sequence up to which the application has acknowledged everything) moves in the commit that holds the
 * application's acknowledgement (CQ-8). The ids of the last acknowledged messages are kept, with the results of commands, because a session that
 * is rebuilt delivers unfinished ones again under new numbers. With a window of W messages the gateway can repeat only what lies within
 * the last 2 W acknowledgements (it has not seen the position of those), so HF_STORE_SEEN of them are enough; a command whose result is still
 * in the queue is kept whatever its age. */
#ifndef HF_CLIENT_STORE_H
#define HF_CLIENT_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/reason.h"
#include "base/slice.h"

enum {
    HF_STORE_BYTES_MAX_DEFAULT = 64 << 20, /* CQ-5; payloads and topics */
    HF_STORE_MESSAGES_MAX_DEFAULT = 100000,
    HF_STORE_MESSAGES_MIN = 16,
    HF_STORE_BYTES_MIN = 64 << 10,
    HF_STORE_BATCH = 64, /* CQ-2: calls or ... */
    HF_STORE_BATCH_MS = 2,
    HF_STORE_PRUNE_MS = 1000,         /* CQ-4 */
    HF_STORE_RESULT_BYTES_MAX = 4096, /* larger results are sent, but not remembered for a second answer */
    HF_STORE_FAILED_MAX = 64,         /* failed messages that are kept for people to look at */
    HF_STORE_SEEN = 512,              /* 2 * HF_CLIENT_WINDOW_MESSAGES_MAX */
    HF_STORE_TOPIC_BYTES_MAX = 256,
};

/* Stored: append, never renumber. */
enum hf_store_class {
    HF_STORE_TELEMETRY = 0, /* when the queue is full, the oldest of these that has no number makes room */
    HF_STORE_MESSAGE = 1,   /* when the queue is full, new ones are refused: HF_ERR_LIMIT */
    HF_STORE_ALARM = 2,     /* the same */
    HF_STORE_RESULT = 3,    /* the same; frame RESULT in place of DATA, id is the command's */
};

struct hf_store_message {
    uint8_t class; /* enum hf_store_class */
    bool urgent;   /* high priority: may overtake a backlog */
    bool text;
    uint8_t format;      /* DLV-1 */
    uint8_t status;      /* RESULT: enum hf_result_status */
    uint8_t uuid[16];    /* message id, or correlation id of a RESULT */
    uint64_t created_ms; /* UTC; 0 unknown */
    uint64_t expires_ms; /* UTC; 0 never. Without a clock nothing expires */
    struct hf_slice topic, payload;
};

/* A record of the numbered stream. */
struct hf_store_item {
    uint64_t seq, seq_to; /* the same, but for a gap */
    bool gap;
    enum hf_reason reason;           /* of a gap */
    uint64_t id;                     /* of the message; 0 for a gap without one */
    struct hf_store_message message; /* slices: valid until the next call on the store */
};

struct hf_store_facts {
    uint64_t queue_id;        /* random, not 0 */
    uint64_t first;           /* of the numbered stream: first that is not acked; `next` when none */
    uint64_t next;            /* next to be given */
    uint64_t id_last;         /* highest id ever given */
    uint64_t messages, bytes; /* held, numbered or not; neither acked nor failed ones */
    uint64_t numbered_messages, numbered_bytes;
    uint64_t waiting, waiting_urgent;                    /* not numbered */
    uint64_t dropped_total, expired_total, failed_total; /* messages, since the queue was made */
    uint8_t session_id[16];                              /* all zero = none */
    uint64_t position;                                   /* downlink, in that session */
};

/* What became of a downlink message. */
struct hf_store_seen {
    bool result;       /* a command that was answered; the rest counts then */
    bool result_waits; /* its RESULT is still in the queue */
    bool result_kept;  /* false: it was above HF_STORE_RESULT_BYTES_MAX, payload is absent */
    uint8_t status, format;
    bool text;
    struct hf_slice payload; /* valid until the next call on the store */
};

struct hf_store;
typedef void hf_store_id_fn(void *context, uint64_t id);

/* Errors of all calls that change something: HF_ERR_FULL (disk), HF_ERR_IO, HF_ERR_CORRUPT, HF_ERR_BUSY (somebody else writes), HF_ERR_NOMEM. Then this call has changed nothing; what
 * was not yet durable may be undone with it, which poll() tells. The visitor functions must not call the store. */
struct hf_store_ops {
    void (*facts)(struct hf_store *store, struct hf_store_facts *ret_facts);

    /* HF_ERR_LIMIT: the queue is full; HF_ERR_INVALID: topic too long. *ret_id and *ret_ticket are set on HF_OK. */
    hf_err (*append)(struct hf_store *store, const struct hf_store_message *message, uint64_t *ret_id,
                     uint64_t *ret_ticket);
    /* The oldest telemetry without a number becomes a gap with this reason. HF_ERR_NOT_FOUND: there is none. */
    hf_err (*drop)(struct hf_store *store, enum hf_reason reason, uint64_t *ret_id, uint64_t *ret_ticket);
    /* Gives the next number to the message with the lowest id that has none; with `urgent`, to the lowest urgent one with an id above `after`.
     * *ret_reason NONE: it was numbered. Else it is a gap now: EXPIRED at utc_ms (0 = no clock), or MESSAGE_TOO_BIG with a payload
     * above payload_bytes_max, which leaves it in the file as failed. HF_ERR_NOT_FOUND: none waits. HF_ERR_LIMIT: half of the queue is numbered. */
    hf_err (*number)(struct hf_store *store, bool urgent, uint64_t after, uint64_t utc_ms,
                     uint64_t payload_bytes_max, uint64_t *ret_id, enum hf_reason *ret_reason,
                     uint64_t *ret_ticket);
    /* The record of the numbered stream that covers seq, durable or not. HF_ERR_NOT_FOUND: acked already or not given. */
    hf_err (*read)(struct hf_store *store, uint64_t seq, struct hf_store_item *ret_item);
    /* The messages from..to go out on this connection (inflight, attempts + 1); with `sent` false: the connection is gone, everything numbered is
     * pending again. For people who look into the file: may wait up to HF_STORE_PRUNE_MS for company, has no ticket. */
    hf_err (*mark)(struct hf_store *store, bool sent, uint64_t from, uint64_t to);
    /* Durable at the gateway through `through` (< next): forgotten. Messages (not gaps) are told to on_sent, in order; NULL = nobody wants to
     * know. May wait up to HF_STORE_PRUNE_MS for company: a crash before only makes the gateway say it again. */
    hf_err (*ack)(struct hf_store *store, uint64_t through, hf_store_id_fn *on_sent, void *context);
    /* The numbered message seq will never be taken: it is failed with this reason, and a gap stands in its place. HF_ERR_NOT_FOUND: no message
     * has this number. */
    hf_err (*reject)(struct hf_store *store, uint64_t seq, enum hf_reason reason, uint64_t *ret_id,
                     uint64_t *ret_ticket);
    /* A new queue id: what was not acked has no number again, gaps are forgotten, numbers start at 1. For a queue that was restored from an old
     * copy: its next numbers were used already, for other messages. */
    hf_err (*renew)(struct hf_store *store, uint64_t queue_id, uint64_t *ret_ticket);

    /* The session in force and its position. The seen messages stay. */
    hf_err (*session)(struct hf_store *store, const uint8_t session_id[16], uint64_t position,
                      uint64_t *ret_ticket);
    /* The application has acknowledged the downlink message uuid (all zero = nothing to remember), and `position` is reached. result: it was a
     * command; its RESULT is appended in the same commit, and remembered. Errors as append(). */
    hf_err (*done)(struct hf_store *store, uint64_t position, const uint8_t uuid[16],
                   const struct hf_store_message *result, uint64_t *ret_ticket);
    /* HF_OK: acknowledged before. HF_ERR_NOT_FOUND: not, or too long ago. Errors of reading. */
    hf_err (*seen)(struct hf_store *store, const uint8_t uuid[16], struct hf_store_seen *ret_seen);

    /* Commits when it is due (HF_STORE_BATCH calls, or HF_STORE_BATCH_MS after the first) or `now` says so. True: all tickets up to *ret_through
     * have ended with *ret_err; call again until false. */
    bool (*poll)(struct hf_store *store, uint64_t now_ms, bool now, uint64_t *ret_through, hf_err *ret_err);
    uint64_t (*due_ms)(struct hf_store *store); /* when poll() has work; UINT64_MAX = nothing */
    void (*close)(struct hf_store *store);      /* commits what is open; frees the store */
};

struct hf_store { /* embedded at the head of each body */
    const struct hf_store_ops *ops;
};

static inline bool hf_store_uuid_is_none(const uint8_t uuid[16])
{
    static const uint8_t none[16];

    return memcmp(uuid, none, sizeof(none)) == 0;
}

struct hf_store_limits {
    uint64_t bytes_max, messages_max; /* 0 = default; never below the minimum */
};

#endif
