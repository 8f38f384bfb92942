/* app/held.h - items of pools that somebody holds for more than a minute (OL-10): each is a step of work that ends within seconds, so whoever holds one is stuck, or waits for somebody who is.
 * Every worker looks at its own every 5 s; for each pool the count and the age of the oldest go to /metrics, and once a minute a line names who holds the oldest. Not here:
 * what is long by its nature (connections, readers of events, messages that wait for a device), and what ends by a timer of its protocol (SIP transactions, the barrier of a request). */
#ifndef HF_APP_HELD_H
#define HF_APP_HELD_H

#include <stdbool.h>
#include <stdint.h>

struct hf_page;
struct hf_worker;

#define HF_HELD_MAP(X)                                                                        \
    X(HF_HELD_REQUESTS, "api_calls")     /* requests of applications that are not answered */ \
    X(HF_HELD_INPUT, "held_input_bytes") /* of a device that is not read on */                \
    X(HF_HELD_JOURNAL, "journal_bytes")  /* batches on their way to the log */                \
    X(HF_HELD_BACKLOG, "worker_backlog") /* posts that wait for a mailbox */
#define HF_HELD_ENUM(id, name) id,
enum hf_held { HF_HELD_MAP(HF_HELD_ENUM) HF_HELDS };
#undef HF_HELD_ENUM

enum {
    HF_HELD_MS = 60000,
    HF_HELD_GRACE_MS = 1000, /* a command may be waited for a minute, and is answered then */
    HF_HELD_LOOK_MS = 5000,
    HF_HELD_SAY_MS = 60000, /* a pool, and worker */
    HF_HELD_OWNER_BYTES = 256,
};

struct hf_held_item {                /* the items of a pool that are held for too long */
    uint64_t count, oldest_ms;       /* how long the oldest is held; 0 = there is none */
    char owner[HF_HELD_OWNER_BYTES]; /* whose the oldest is */
};

/* For what goes away in order: nothing of it is older than the last time that any of it went. */
struct hf_held_queue {
    uint64_t done, since_ms; /* 0 = it was empty */
};
/* count wait now, done are through since the start. Returns for how long at most the oldest waits; 0 = nothing does. */
uint64_t hf_held_queue_ms(struct hf_held_queue *queue, uint64_t count, uint64_t done, uint64_t now_ms);

struct hf_held_watch { /* zeroed at start; the worker's thread */
    struct hf_held_queue journal, backlog;
    uint64_t looked_ms, said_ms[HF_HELDS];
};

struct hf_held_stats {
    uint64_t count[HF_HELDS], oldest_ms[HF_HELDS];
};

const char *hf_held_name(enum hf_held pool);
/* May a line about this pool be written now? Then it is taken as written. */
bool hf_held_may_say(struct hf_held_watch *watch, enum hf_held pool, uint64_t now_ms);
/* The items of one pool, as of now; owner is "" when there is none. */
void hf_held_find(struct hf_worker *worker, enum hf_held pool, uint64_t now_ms,
                  struct hf_held_item *ret_item);
/* Once a second; looks when it is time. */
void hf_held_look(struct hf_worker *worker, uint64_t now_ms);
/* Of all workers: counts add up, of the oldest the oldest stays. */
void hf_held_add(struct hf_held_stats *into, const struct hf_held_stats *from);
void hf_held_metrics(struct hf_page *page, const struct hf_held_stats *stats);

#endif
