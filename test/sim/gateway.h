/* test/sim/gateway.h - the gateway as one process on one machine: the shipped hub, adapters, journal, log and tables, put together as app/ does it with
 * threads, here with events. A start recovers the log, lets the tables follow, restores what waits; a crash takes everything with it that is not
 * on the disk. */
#ifndef HF_SIM_GATEWAY_H
#define HF_SIM_GATEWAY_H

#include "adapter/auth.h"
#include "adapter/http/server.h"
#include "adapter/ws/site.h"
#include "app/journal.h"
#include "app/store_thread.h"
#include "base/wheel.h"
#include "core/admission.h"
#include "core/fleet/pusher.h"
#include "core/hub.h"
#include "core/kvkey.h"
#include "core/projection.h"
#include "log/commit.h"
#include "log/log.h"
#include "log/reader.h"
#include "sim/clock.h"
#include "sim/disk.h"
#include "sim/link.h"
#include "sim/samples.h"
#include "sim/sip_host.h"
#include "sim/sip_media.h"

struct sim;
struct sim_gateway;

enum {
    SIM_WORKERS_MAX = 3,
    SIM_TENANTS = 1,
    SIM_INTEREST_SLOTS = 64,
    SIM_RECEIVE_BYTES = 65536,
    SIM_LINK_BYTES_MAX = 1 << 20, /* of one link's queue: the loop's hard bound */
};

enum sim_post_kind {
    SIM_POST_ACCEPT, /* struct sim_sock: the kernel has a connection for us */
    SIM_POST_CALL,
    SIM_POST_ANSWER,
    SIM_POST_LINK, /* struct sim_move */
    SIM_POST_PUBLISH,
    SIM_POST_BATCH,
    SIM_POST_SIP_ACCEPT, /* as ACCEPT, at the port of SIP */
    SIM_POST_SIP,        /* struct sim_sip_post */
    SIM_POST_MEDIA,      /* struct hf_gb_media_told */
};

struct sim_post { /* in a worker's mailbox */
    struct hf_list_node node;
    enum sim_post_kind kind;
    void *message;
};

struct sim_move { /* a connection on its way home */
    struct sim_link *link;
    struct hf_ws_admit admit;
};

struct sim_publication {
    struct hf_outgoing outgoing;
    char storage[];
};

struct sim_worker {
    struct sim_gateway *gateway;
    unsigned index;
    uint64_t now_ms;
    struct hf_wheel wheel;
    struct hf_app_journal journal;
    struct hf_hub hub;
    struct hf_auth *auth;
    struct hf_ws_site ws;
    struct hf_http_site http;
    struct sim_gb gb;
    struct hf_admission admission;
    struct hf_pusher pusher; /* the first worker's does what there is to do */
    struct hf_list_node links, ready, dirty, gone, inbox, barriers;
    struct hf_timer second;
    struct sim_event turn, tick; /* turn: work is there; tick: the wheel's */
    uint64_t busy_us;            /* until then it is at work, or stopped */
    uint64_t conn_count;
    uint64_t links_now;
    struct hf_kvkey stale_from;
    bool gate_closed, stale_done, drain;
};

/* The log thread of app/log_thread.c as events: batches wait, a group is written, its sync takes time, then it goes back. */
struct sim_log_host {
    struct hf_journal_batch *waiting, **waiting_end;
    struct hf_journal_batch *group[HF_COMMIT_BATCHES_MAX];
    struct hf_log_batch *logs[HF_COMMIT_BATCHES_MAX];
    struct hf_commit commit;
    struct sim_event begin, end, retry, idle;
    uint64_t utc_ms; /* of the group's append */
    uint64_t failing_since_ms;
    bool paced;   /* the group waits for the pace */
    bool writing; /* the group is appended, its sync is under way */
};

struct sim_gateway {
    struct sim *sim;
    struct sim_host host;
    struct sim_clock clock;
    struct sim_disk disk; /* survives */
    struct hf_kv *kv;     /* survives kill -9; a power cut may take its last commit */
    struct hf_log *log;   /* NULL while the process is not there */
    struct hf_jwt_keys *keys;
    struct hf_tenant tenant;
    struct hf_tenant_rules rules;
    struct hf_auth_tenant auth_tenant;
    struct hf_auth_set auth_set;
    struct sim_worker workers[SIM_WORKERS_MAX];
    unsigned worker_count;
    struct sim_log_host log_host;
    struct hf_store_thread store; /* without its thread */
    struct sim_event store_step;
    struct sim_series series;
    uint32_t interest[SIM_INTEREST_SLOTS];
    uint8_t sip_secret[HF_SIP_NONCE_KEY_BYTES]; /* of this start */
    struct sim_media media;
    struct hf_rng rng;     /* what a process draws from entropy */
    uint64_t paced_groups; /* of the log, that waited for log.group_pace_us */
    uint64_t boot, starts, started_utc_ms, unknown_until_ms, conn_seed;
    struct sim_event start, death;
    uint64_t steps_left;      /* effects until it dies; UINT64_MAX = it lives */
    unsigned die_op, die_nth; /* dies at the n-th of these disk operations; nth 0 = it does not */
    uint64_t down_us;         /* how long it will be away then */
    uint64_t paused_until_us;
    uint64_t previous_end_ms, alive_offset, alive_ms; /* app/node_life.c's */
    uint64_t awake_us;                                /* since when it runs without a pause */
    uint32_t slowness;                                /* of its turns; 1 = as fast as ever */
    bool running;                                     /* the process is there */
    bool dying; /* in the middle of a turn: nothing it does leaves it any more */
    bool power; /* it dies of a power cut, not of kill -9 */
    bool draining;
};

void sim_gateway_init(struct sim_gateway *gateway, struct sim *sim);
void sim_gateway_deinit(struct sim_gateway *gateway);
void sim_gateway_start(struct sim_gateway *gateway); /* now */
/* The process dies now: kill -9, or with its machine. It starts again after down_us. */
void sim_gateway_crash(struct sim_gateway *gateway, bool power, uint64_t down_us);
/* The same at the n-th effect from now (a send, a batch handed over, a write, a sync). */
void sim_gateway_crash_at(struct sim_gateway *gateway, bool power, uint64_t effects, uint64_t down_us);
/* The same at the n-th disk operation of this kind (enum files_mem_op). */
void sim_gateway_crash_at_op(struct sim_gateway *gateway, unsigned op, unsigned nth, uint64_t down_us);
void sim_gateway_drain(struct sim_gateway *gateway); /* TERM: devices are sent away, none is let in */
void sim_gateway_pause(struct sim_gateway *gateway, uint64_t us); /* SIGSTOP */
static inline bool sim_gateway_paused(const struct sim_gateway *gateway)
{
    return gateway->clock.events->now_us < gateway->paused_until_us;
}
bool sim_gateway_effect(
    struct sim_gateway *gateway); /* one more effect; false: it does not happen, the process is dying */
/* Everything it has taken on is on the disk and in the tables, and nothing is under way. */
void sim_gateway_alive(struct sim_gateway *gateway,
                       uint64_t now_ms); /* a record if the log has stood still for a minute */
bool sim_gateway_quiet(const struct sim_gateway *gateway);

/* An application's call, taken by any worker. False: the process is not there; the caller keeps it. */
bool sim_gateway_call(struct sim_gateway *gateway, unsigned worker, struct hf_call *call);

/* worker.c */
hf_err sim_worker_start(struct sim_gateway *gateway, unsigned index);
void sim_worker_wake(struct sim_worker *worker, uint64_t in_us);
void sim_worker_end(struct sim_worker *worker); /* connections and requests go; what it says is not heard */
void sim_worker_settle(struct sim_worker *worker); /* what is in its mailbox goes home */
void sim_worker_free(struct sim_worker *worker);   /* after the log host has given every batch back */
bool sim_worker_storage_refuses(const struct sim_worker *worker);
void sim_worker_post(struct sim_worker *worker, enum sim_post_kind kind, void *message);
void sim_worker_call(struct sim_worker *worker, struct hf_call *call);
void sim_worker_applied(struct sim_worker *worker); /* the tables went on: barriers may be met */

/* calls.c */
extern const struct hf_hub_ops sim_hub_ops;
void sim_worker_on_post(struct sim_worker *worker, struct sim_post *post);
hf_err sim_worker_push_call(void *context, struct hf_call *call); /* of struct hf_pusher_options */
void sim_worker_barriers(struct sim_worker *worker);
/* accept.c */
extern const struct hf_http_ops sim_http_ops;
extern const struct hf_ws_site_ops sim_ws_ops;
void sim_worker_on_accept(struct sim_worker *worker, struct sim_sock *sock);
void sim_worker_on_move(struct sim_worker *worker, struct sim_move *move);
void sim_worker_stale(struct sim_worker *worker);
uint64_t sim_worker_conn_id(struct sim_worker *worker);

/* log_host.c */
void sim_log_host_init(struct sim_gateway *gateway);
void sim_log_host_take(struct sim_gateway *gateway, struct hf_journal_batch *batch);
void sim_log_host_end(struct sim_gateway *gateway); /* gives everything back as lost */
bool sim_log_host_quiet(const struct sim_gateway *gateway);
/* store_host.c */
hf_err sim_store_replay(struct sim_gateway *gateway);
void sim_store_wake(struct sim_gateway *gateway);
void sim_store_end(struct sim_gateway *gateway);

#endif
