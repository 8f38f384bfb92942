/* app/tail_thread.h - reads the event log for applications, off the workers: reading may touch the disk, and filtering and formatting
 * many events costs time that devices must not pay. A worker asks for one chunk at a time and gets it by mailbox; who has read
 * everything is parked until more is durable. */
#ifndef HF_APP_TAIL_THREAD_H
#define HF_APP_TAIL_THREAD_H

#include <stdatomic.h>

#include "adapter/backend.h"
#include "app/log_damage.h"
#include "app/log_thread.h"
#include "io/mailbox.h"
#include "io/thread.h"
#include "log/reader.h"

enum {
    HF_TAIL_CHUNK_BYTES = 64 << 10,
    HF_TAIL_EVENT_BYTES_MAX =
        16 << 20, /* the largest event as text: a record of 2 MiB in which every byte is escaped */
    HF_TAIL_RECORDS_PER_STEP = 20000, /* looked at for one reader before others have their turn */
};

struct hf_tail {
    struct hf_tail_request request; /* texts point into storage */
    void (*on_chunk)(struct hf_tail *tail, void *user, const struct hf_tail_chunk *chunk);
    void *user;
    struct hf_tail_thread *thread;
    unsigned worker;
    bool asked;            /* worker's: a chunk is on its way */
    bool closed;           /* worker's: freed when the chunk that is on its way comes back */
    _Atomic bool canceled; /* the worker does not want it any more */
    /* the thread's own */
    struct hf_log_reader *reader;
    uint64_t sent; /* events so far */
    bool parked, started;
    struct hf_list_node node; /* on the thread's parked or ready list */
    uint8_t *data;
    size_t bytes, room;
    bool end;
    hf_err err;
    uint64_t next_offset;
    uint64_t chunk_first, chunk_events; /* of the chunk: its oldest event, and how many */
    uint64_t durable_us; /* monotonic, of the oldest event, of a reader that follows; 0 = not known */
    char storage[];
};

struct hf_tail_thread {
    struct hf_log *log;
    struct hf_log_thread *log_thread; /* knows when what became durable; may be NULL */
    struct hf_inbox *inbox;
    struct hf_mailbox
        *from[HF_WORKERS_MAX]; /* posted to by worker i: tails that want a chunk, or are closed */
    struct hf_mailbox *to[HF_WORKERS_MAX];
    unsigned workers;
    uint32_t readers_max;
    _Atomic uint32_t readers;
    _Atomic uint64_t events_sent, readers_refused, gaps;
    _Atomic bool stopping;
    struct hf_thread thread;
    struct hf_list_node ready, parked;
    struct hf_log_damage damage;
    struct hf_logger *logger; /* may be NULL */
};

hf_err hf_tail_thread_init(struct hf_tail_thread *self);
hf_err hf_tail_thread_start(struct hf_tail_thread *self);
void hf_tail_thread_wake(struct hf_tail_thread *self); /* any thread: more is durable */
void hf_tail_thread_stop(struct hf_tail_thread *self);
/* After the stop, once the workers have dropped their readers: frees those that had not come back. */
void hf_tail_thread_deinit(struct hf_tail_thread *self);

/* On worker `worker`. */
hf_err hf_tail_new(struct hf_tail_thread *self, unsigned worker, const struct hf_tail_request *request,
                   void (*on_chunk)(struct hf_tail *tail, void *user, const struct hf_tail_chunk *chunk),
                   void *user, struct hf_tail **ret_tail);
void hf_tail_ask(struct hf_tail *tail);
void hf_tail_drop(struct hf_tail *tail);
void hf_tail_arrived(struct hf_tail *tail); /* its chunk came by mailbox: calls on_chunk, or frees */

#endif
