/* app/worker.h - one thread, one loop, and all devices whose home it is. worker.c is its life, worker_rules.c what it goes by, accept.c lets connections in, home.c brings
 * devices to their home, worker_ops.c is what adapters ask, post.c carries messages between workers, calls.c is what the API asks of the gateway. */
#ifndef HF_APP_WORKER_H
#define HF_APP_WORKER_H

#include "adapter/ws/echo.h"
#include "app/gate.h"
#include "app/gateway.h"
#include "app/gb.h"
#include "app/held.h"
#include "app/idle.h"
#include "app/refused.h"
#include "codec/http1/problem.h"
#include "core/admission.h"
#include "core/fleet/pusher.h"
#include "core/kvkey.h"
#include "io/loop.h"
#include "io/stream.h"

enum {
    /* The largest admission.connections_max. The configured one is held by core/admission.h at accept, so that a reload can raise it and
     * an operator's connection comes on top; pools grow as they are needed, up to this. */
    HF_WORKER_CONNECTIONS_MAX = 10000000,
    HF_WORKER_BARRIER_MS = 5000, /* a request waits so long for the tables */
    HF_WORKER_SWEEP_MS = 1000,   /* housekeeping */
    HF_WORKER_STALL_MS = 50,     /* a turn this long is worth a line */
    HF_WORKER_ACCEPTS_PER_TURN =
        32, /* of a listener: live traffic has its turn between them, also in a storm of connects */
    HF_WORKER_BACKLOG_MAX =
        4096, /* posts that wait because a mailbox was full: above, devices are not read */
};

/* What travels between workers. The low bits of the pointer in the mailbox say what it is. */
enum hf_post_kind {
    HF_POST_CALL,    /* struct hf_call to the home worker */
    HF_POST_ANSWER,  /* struct hf_call back to its maker */
    HF_POST_MOVE,    /* struct hf_move: a connection on its way home */
    HF_POST_PUBLISH, /* struct hf_publication: for subscribers on other workers */
    HF_POST_GB,      /* struct hf_gbw_post: of cameras */
    HF_POST_BATCH,   /* struct hf_journal_batch, from the log thread; tagged by its mailbox, not by bits */
    HF_POST_KINDS
};

/* Each begins with a pointer, by which it waits in a backlog: to wait takes no memory that could be missing. */
struct hf_move {
    void *carried;
    struct hf_stream_seat seat;
    struct hf_ws_admit admit;
};

struct hf_publication {
    void *carried;
    struct hf_tenant *tenant;
    struct hf_outgoing outgoing; /* texts point into storage, its id to ours */
    uint8_t id[16];
    char storage[];
};

struct hf_backlog { /* posts to one worker that wait for its mailbox; tagged */
    void *first, *last;
    unsigned count;
};

struct hf_worker_listener {
    struct hf_worker *worker;
    struct hf_gateway_listener *shared;
    struct hf_listener *listener;
    char refusal[HF_HTTP1_PROBLEM_BYTES_MAX]; /* made before it is needed: then there is no descriptor left */
};

/* How long the steps of a connection took, in microseconds (OBS-7): each begins where the one before ended, but for the check of credentials, which is no part of the upgrade around it. */
struct hf_stages {
    struct hf_hist accept; /* since the kernel completed it, until it is ours */
    struct hf_hist tls;
    struct hf_hist upgrade; /* until the 101 of a device; its network is in it */
    struct hf_hist auth;    /* a device's credentials, wherever they were shown */
};

/* A copy of the counters for other threads, once a second. */
struct hf_worker_stats {
    struct hf_loop_stats loop;
    struct hf_hub_stats hub;
    struct hf_ws_stats ws;
    struct hf_http_stats http;
    struct hf_api_stats api;
    struct hf_admission_stats admission;
    struct hf_ledger_snapshot ledger;
    struct hf_echo_stats echo;
    struct hf_gbw_worker_stats gb;
    struct hf_stages stages;
    struct hf_latencies latencies;
    struct hf_twins_stats twins;
    struct hf_pusher_stats pushes;
    struct hf_held_stats held;
    uint64_t journal_records, journal_batches, journal_refused, journal_in_flight_bytes, journal_held_bytes;
    uint64_t backlog, moved_in, moved_out, refused_no_descriptor, accepted, accept_pauses, cpu_ns;
    uint64_t updated_ms;
};

struct hf_worker {
    struct hf_gateway *gateway;
    unsigned index;
    char node[65]; /* name of this node */
    struct hf_loop *loop;
    struct hf_inbox *
        inbox; /* mailboxes: 0..n-1 from worker i, n from the log thread, n+1 from the tail thread, n+2 from the series thread, n+3 from the thread of certificates, n+4 from the media thread */
    struct hf_mailbox **to; /* to[i]: worker i's mailbox for us */
    struct hf_mailbox *from_log, *from_tail, *from_series, *from_renewal,
        *from_media;            /* given to those threads */
    struct hf_backlog *backlog; /* by worker */
    unsigned backlog_total;
    uint64_t backlog_done; /* posts that waited and are on their way */
    struct hf_app_journal journal;
    struct hf_hub hub;
    struct hf_auth *auth;
    struct hf_ws_site ws;
    struct hf_http_site http;
    struct hf_api api;
    struct hf_echo_site echo;
    struct hf_gbw gb;
    struct hf_pusher pusher;   /* the first worker's does what there is to do */
    struct hf_backend backend; /* HF_CONTAINER_OF finds the worker */
    struct hf_admission admission;
    struct hf_rate refusals; /* of those that get an answer */
    struct hf_refused refused;
    struct hf_list_node barriers;
    _Atomic bool wants_applied; /* barriers wait: the store thread wakes us */
    struct hf_turn_hook hook;
    struct hf_timer second;
    struct hf_worker_listener *listeners;
    struct hf_stages stages;
    struct hf_latencies latencies;
    uint64_t conn_seed, conn_count;
    uint64_t moved_in, moved_out;
    const struct hf_auth_set *auth_set; /* in use here */
    struct hf_jwks_set *fetched_keys;   /* taken; NULL: none came yet */
    struct hf_gateway_rules *rules;     /* in use here */
    uint64_t deny_generation;           /* of the deny-list when certificates were last looked at */
    uint64_t alive_offset, alive_ms;    /* the first worker: when the log last moved (app/node_life.h) */
    struct hf_gate gate;
    struct hf_idle idle;
    struct hf_held_watch held;
    struct hf_held_stats held_stats;
    bool draining, stopping;
    bool closed; /* hf_worker_close(): no connection is left, and none is let in */
    uint64_t drain_begun_ms;
    unsigned drain_total;
    _Atomic bool reload, drain, stop; /* set by the main thread, with a wake */
    _Atomic bool drained;
    _Atomic int64_t
        seats; /* open here, those that left for other workers counted in and those that came counted out: the sum over
                              workers holds every connection once, also one on its way. What admission counts. */
    _Atomic uint64_t unowned; /* app/leaks.h, as of the last second */
    _Atomic uint64_t turn_ms; /* of the last turn: the watchdog's evidence */
    struct hf_thread thread;
    pthread_mutex_t stats_mutex;
    struct hf_worker_stats stats;
    /* presence left from before the start: see worker_stale.c */
    bool stale_done;
    struct hf_kvkey stale_from;
};

hf_err hf_worker_new(struct hf_gateway *gateway, unsigned index, struct hf_worker **ret_worker);
hf_err hf_worker_connect(struct hf_worker *worker); /* mailboxes, once all workers are there */
hf_err hf_worker_start(struct hf_worker *worker);
/* The end, on one thread, once those of the workers have ended (or never began). First hf_worker_close() for all: connections and API
 * requests end. Then hf_worker_settle() for all, again and again until none has anything: what lies in mailboxes finds its
 * way home, though nobody waits for it any more. Then all are freed: none is written to by another after that. */
void hf_worker_close(struct hf_worker *worker);
bool hf_worker_settle(struct hf_worker *worker); /* false: nothing was there */
void hf_worker_free(struct hf_worker *worker);
bool hf_worker_has_room(const struct hf_worker *worker); /* for what devices say: the log and mailboxes */
void hf_worker_stats(struct hf_worker *worker, struct hf_worker_stats *ret_stats); /* any thread */
/* metrics.c: of all workers, as they published them last. scratch is only room, and both are large. */
void hf_gateway_sum(struct hf_gateway *gateway, struct hf_worker_stats *sum, struct hf_worker_stats *scratch);

/* worker_rules.c: the newest keys that came by URL. */
void hf_worker_use_fetched_keys(struct hf_worker *worker);
/* worker_rules.c: at start, and on the worker with each reload. HF_ERR_NOMEM only at start. */
hf_err hf_worker_use_rules(struct hf_worker *worker, struct hf_gateway_rules *rules);

/* accept.c */
hf_err hf_worker_listen(struct hf_worker *worker, struct hf_gateway_listener *shared,
                        struct hf_worker_listener *ret_listener);
uint64_t hf_worker_conn_id(struct hf_worker *worker);
/* Says how many seats are taken here, with those that are reserved. Every turn, and after every accept. */
void hf_worker_count_seats(struct hf_worker *worker, unsigned reserved);
/* Who gets in at accept; HF_REASON_NONE = this peer, and a seat is reserved until they are counted again. */
enum hf_reason hf_worker_admit(struct hf_worker *worker, const struct sockaddr_storage *peer, bool tls);
/* The log has taken nothing for longer than log.full_grace_ms. */
bool hf_worker_storage_refuses(const struct hf_worker *worker);
extern const struct hf_link_handler
    hf_worker_fresh; /* of a stream between its opening and the adapter's taking over */

/* home.c */
void hf_worker_on_move(struct hf_worker *worker, struct hf_move *move);
bool hf_worker_connect_device(void *context, struct hf_link *link, const struct hf_ws_admit *admit,
                              const uint8_t *unread, size_t unread_bytes,
                              enum hf_reason *ret_reason); /* hf_http_ops.connect */
hf_err hf_worker_move_session(void *context, struct hf_link *link, struct hf_ws_admit *admit,
                              const uint8_t *unread, size_t bytes); /* hf_ws_site_ops.move */
void hf_worker_recheck_certificates(struct hf_worker *worker);

/* worker_ops.c */
extern const struct hf_http_ops hf_worker_http_ops;
extern const struct hf_ws_site_ops hf_worker_ws_ops;

/* refused.c */
void hf_worker_on_refused(void *context, const struct hf_link *link, uint64_t conn_id,
                          const struct hf_http_refusal *refusal);

/* post.c */
hf_err hf_worker_post(struct hf_worker *worker, unsigned to, enum hf_post_kind kind,
                      void *message); /* HF_ERR_BUSY: full */
void hf_worker_post_always(struct hf_worker *worker, unsigned to, enum hf_post_kind kind, void *message);
void hf_worker_backlog_flush(struct hf_worker *worker);
void hf_worker_on_message(struct hf_loop *loop, unsigned mailbox, void *message);

/* calls.c */
extern const struct hf_backend_ops hf_worker_backend_ops;
extern const struct hf_hub_ops hf_worker_hub_ops;
void hf_worker_on_call(struct hf_worker *worker, struct hf_call *call);
void hf_worker_on_answer(struct hf_worker *worker, struct hf_call *call);
void hf_worker_on_publish(struct hf_worker *worker, struct hf_publication *publication);
void hf_worker_barriers_run(struct hf_worker *worker);

/* stale.c */
void hf_worker_stale_step(struct hf_worker *worker);

#endif
