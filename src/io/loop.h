/* io/loop.h - one epoll loop per worker thread, level-triggered. One thread alone calls everything here, except
 * where a function says "any thread".
 *
 * A turn, in this order:
 *   1. epoll_wait, until an event, a message in the inbox or the next timer; now_ms and now_us are read, once. With slack_ms it begins that much later
 *   2. work left by the turn before (io/stream.h: ends to report, unread bytes of attached streams)
 *   3. the events; an inbox' messages; timers that are due
 *   4. hooks "end of turn", in the order they were added (what they write is still sent by this turn)
 *   5. datagrams (io/udp.h) and dirty streams are flushed (many streams by one system call, io/send_ring.h); then TLS handshakes, as far as their CPU budget goes; then a flush of those
 *   6. what was closed in this turn is freed
 * Nothing is freed before step 6, so an event of step 3 never meets freed memory: it meets a closed handle, whose
 * on_event was exchanged for one that does nothing. */
#ifndef HF_IO_LOOP_H
#define HF_IO_LOOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hist.h"
#include "base/list.h"
#include "base/wheel.h"

struct hf_loop;
struct hf_inbox;
struct hf_stream_pool;
struct hf_udp_pool;

enum {
    HF_LOOP_STREAMS_MAX = 100000,
    HF_LOOP_RECEIVE_BYTES = 65536,
    HF_LOOP_CORK_BYTES = 65536,
    HF_LOOP_EVENTS_MAX = 512,               /* per turn */
    HF_LOOP_QUEUE_BYTES_HARD_MAX = 1 << 20, /* per stream */
    HF_LOOP_INBOX_BUDGET = 1024,            /* messages per turn */
    HF_LOOP_HANDSHAKE_BUDGET_US = 2000,     /* CPU per turn */
};
#define HF_LOOP_QUEUE_BYTES_TOTAL_MAX (UINT64_C(512) << 20) /* all send queues of a loop */

struct hf_loop_options { /* 0 = the default above */
    uint32_t streams_max;
    uint32_t receive_bytes;
    uint32_t cork_bytes;
    uint32_t events_max;
    uint32_t
        queue_bytes_hard_max; /* of one stream; what would go above it, on top of others, write() refuses: HF_ERR_LIMIT */
    uint64_t queue_bytes_total_max; /* memory of all queues; above it write() gives HF_ERR_NOMEM */
    uint32_t inbox_budget;
    uint32_t handshake_budget_us;
    bool send_one_by_one; /* no io_uring */
};

/* What epoll's data.ptr points at; embedded in its owner. fd is the owner's. */
struct hf_handle {
    void (*on_event)(struct hf_handle *handle, uint32_t events);
    int fd;
    uint32_t events; /* armed: EPOLLIN ... */
};

/* Called once per turn after events and timers. May remove itself, add or remove others. */
struct hf_turn_hook {
    struct hf_list_node node;
    void (*on_turn_end)(struct hf_turn_hook *hook, uint64_t now_ms);
};

/* Memory that is freed in step 6 of this turn; embedded in what is freed. */
struct hf_deferred {
    struct hf_deferred *next;
    void (*free_it)(struct hf_deferred *deferred);
};

struct hf_loop_stats {
    uint64_t turns, events, wakeups /* by other threads */, inbox_messages,
        rests /* turns that began with one */;
    struct hf_hist
        stall_us; /* how long turns took after epoll_wait returned: what one delays a ready event by */
    /* streams */
    uint64_t streams_now, streams_max_seen, opened, refused_limit, closed_eof, closed_reset, closed_tls,
        aborted, detached, attached;
    uint64_t receives, received_bytes, sends, send_batches /* by which some of them went */, sent_bytes,
        blocked;
    uint64_t writes_refused_limit, writes_refused_nomem;
    uint64_t queue_bytes_now, queue_bytes_max_seen; /* of all streams */
    /* TLS handshakes */
    uint64_t handshakes_done, handshakes_failed, handshake_cpu_ns,
        handshakes_put_off /* budget was used up */;
    uint32_t handshakes_waiting, handshakes_waiting_max_seen;
};

struct hf_loop {
    uint64_t now_ms, now_us; /* monotonic, of this turn */
    struct hf_wheel wheel;   /* arm and cancel freely */
    struct hf_loop_stats stats;
    void *user;                                  /* the owner's */
    void (*on_turn_begin)(struct hf_loop *loop); /* the owner's, after the clock was read; may be NULL */
    uint64_t longest_us; /* turn since the owner last set this to 0; the one that runs is not in it */
    uint32_t
        slack_ms; /* the owner's: after a turn events of descriptors may lie so long. Messages in the inbox, wakes, timers and work that is left do not wait. 0 = none */
    /* below: the loop's own */
    struct hf_stream_pool *streams; /* owns: io/stream.c's part */
    struct hf_udp_pool *udp;        /* owns: io/udp.c's part; NULL until the first endpoint */
    struct hf_list_node hooks, running_hooks;
    struct hf_deferred *deferred;
    struct hf_inbox *inbox; /* borrows; NULL until hf_loop_set_inbox */
    void (*on_message)(struct hf_loop *loop, unsigned mailbox, void *message);
    struct hf_loop_options options;
    int epoll_fd;
    struct hf_handle wake, inbox_ready; /* eventfds */
    _Atomic bool stopping;
    struct epoll_event *events; /* owns: options.events_max */
};

/* NULL on no memory or no descriptor (errno tells). options may be NULL. */
struct hf_loop *hf_loop_new(const struct hf_loop_options *options);
/* Asserts that no stream and no UDP endpoint is open. NULL is harmless. */
void hf_loop_free(struct hf_loop *loop);

/* Turns until hf_loop_stop(). A stop before the run makes it return at once; the mark is then taken back. */
void hf_loop_run(struct hf_loop *loop);
/* One turn that waits at most wait_ms. */
void hf_loop_turn(struct hf_loop *loop, unsigned wait_ms);
void hf_loop_stop(struct hf_loop *loop); /* any thread, also a signal handler */
void hf_loop_wake(struct hf_loop *loop); /* any thread: makes one turn happen soon */

/* handle->fd and on_event are set by the caller. events: EPOLLIN, EPOLLOUT ... level-triggered. HF_ERR_IO. */
hf_err hf_loop_watch(struct hf_loop *loop, struct hf_handle *handle, uint32_t events);
void hf_loop_change(struct hf_loop *loop, struct hf_handle *handle, uint32_t events); /* cheap when equal */
/* Ends the watch; the descriptor stays open. An event of this turn that is still to come does nothing. The handle's memory
 * must live until the end of the turn: see hf_loop_defer_free. */
void hf_loop_unwatch(struct hf_loop *loop, struct hf_handle *handle);
/* As unwatch, and closes handle->fd (which becomes -1). Harmless when it is closed already. */
void hf_loop_close(struct hf_loop *loop, struct hf_handle *handle);
void hf_loop_defer_free(struct hf_loop *loop, struct hf_deferred *deferred,
                        void (*free_it)(struct hf_deferred *deferred));

/* Offers to the kernel what streams have queued, many by one system call. The end of the turn does the same; this is for a hook that
 * goes on with what was taken. Handlers are told at the end of the turn. */
void hf_loop_flush(struct hf_loop *loop);

void hf_loop_hook_add(struct hf_loop *loop, struct hf_turn_hook *hook);
void hf_loop_hook_remove(struct hf_turn_hook *hook); /* harmless when not added */

/* The inbox whose messages this loop receives; on_message is called for each with the number of its mailbox
 * (io/mailbox.h). One inbox per loop, set before the first turn. HF_ERR_IO. */
hf_err hf_loop_set_inbox(struct hf_loop *loop, struct hf_inbox *inbox,
                         void (*on_message)(struct hf_loop *loop, unsigned mailbox, void *message));

#endif
