/* app/idle.h - how long a worker may rest before it looks at its sockets again. Heartbeats of many devices come one by one, and waking up for each costs more than the
 * heartbeat; while nothing but heartbeats comes, a worker looks every node.idle_slack_ms at most. What other threads have for it wakes it at once, and from the
 * first message, request or new connection on it looks without delay, until nothing of the kind came for HF_IDLE_AFTER_MS.
 *
 * While a batch is on its way into the log, what devices send now can only go with the next one. So a worker with little to do rests until that batch is back (which wakes it),
 * node.commit_slack_ms at most, and then reads what has come of all of them in one turn. Pure. */
#ifndef HF_APP_IDLE_H
#define HF_APP_IDLE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    HF_IDLE_AFTER_MS = 1000,
    HF_IDLE_RECEIVE_BYTES =
        256, /* in one receive, on average: heartbeats are shorter, pieces of a message are not */
    HF_IDLE_COMMIT_RECEIVES = 64, /* in one turn; above it has enough to do, and rests for no commit */
};

struct hf_idle { /* all zero: busy */
    uint64_t work, receives, received_bytes;
    uint64_t busy_ms; /* when it last had work */
};

struct hf_idle_look { /* counters, as they are now */
    uint64_t
        work; /* whatever is no heartbeat: messages, requests, records, connections; any sum of what only grows */
    uint64_t receives, received_bytes;
    uint64_t queued_bytes; /* for peers that did not read yet */
    bool commit_under_way; /* what is appended now waits for it */
};

struct hf_idle_rules {
    uint32_t idle_ms, commit_ms; /* node.idle_slack_ms, node.commit_slack_ms; 0 = none */
};

static inline uint32_t hf_idle_slack_ms(struct hf_idle *idle, const struct hf_idle_look *look,
                                        const struct hf_idle_rules *rules, uint64_t now_ms)
{
    uint64_t receives = look->receives - idle->receives, bytes = look->received_bytes - idle->received_bytes;

    if (idle->busy_ms == 0 || look->work != idle->work || look->queued_bytes > 0 ||
        bytes > receives * HF_IDLE_RECEIVE_BYTES)
        idle->busy_ms = now_ms;
    idle->work = look->work;
    idle->receives = look->receives;
    idle->received_bytes = look->received_bytes;
    if (now_ms - idle->busy_ms >= HF_IDLE_AFTER_MS)
        return rules->idle_ms;
    return look->commit_under_way && receives <= HF_IDLE_COMMIT_RECEIVES ? rules->commit_ms : 0;
}

#endif
