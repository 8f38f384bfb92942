/* core/hub.h - the rules of one worker: the devices whose home it is, their connections, presence, messages to and from them,
 * and the books. Protocol-free and sans-I/O: connections, the log, the tables and other workers are reached through the
 * interfaces handed in, time comes with hf_hub_time() once per turn. One thread.
 *
 * What must survive is appended to the journal first and acted upon when it is durable:
 *   a message from a device      -> MESSAGE record -> its waiter (the adapter's acknowledgement)
 *   a message to a device        -> QUEUED record  -> delivery, the API's 202 -> SENT or FAILED record
 * The tables (core/projection.h) follow the log behind our back; hub reads them only where it has nothing in memory, and
 * evicts a device only after the tables have caught up with its last record. */
#ifndef HF_CORE_HUB_H
#define HF_CORE_HUB_H

#include <stddef.h>

#include "base/map.h"
#include "base/rng.h"
#include "base/slab.h"
#include "base/wheel.h"
#include "core/barrier.h"
#include "core/call.h"
#include "core/devconn.h"
#include "core/journal.h"
#include "core/kv.h"
#include "core/ledger.h"
#include "core/presence.h"
#include "core/session/slots.h"
#include "core/tenant.h"
#include "core/twin/latency.h"
#include "core/twin/live.h"

struct hf_hub;
struct hf_outbox;
struct hf_session;
struct hf_session_hello;

enum {
    HF_DEVICE_LINGER_MS =
        10000, /* an offline device with nothing pending stays in memory so long: cheap flapping */
    HF_DEVICE_RETRY_MS = 500, /* eviction or a load that must wait for the tables is tried again after this */
    HF_OUTBOX_LOAD_MESSAGES = 64,         /* read from the tables at once for one device */
    HF_HUB_DEVICES_MAX = 1000000,         /* in memory of one worker */
    HF_HUB_PENDING_MAX = 1000000,         /* messages waiting, of one worker */
    HF_HUB_DOCUMENTS_MAX = 65536,         /* held in memory of one worker, and their bytes as text; */
    HF_HUB_DOCUMENT_BYTES_MAX = 64 << 20, /* above either the one that was used longest ago goes */
    HF_GROUP_BYTES_MAX =
        HF_DEVICE_BYTES_MAX - 6,    /* so that group/NAME is a key of the tables, where it names a document */
    HF_HUB_SHADOW_WAITS_MAX = 64,   /* changes of one shadow that wait for a label; above: answered at once */
    HF_HUB_DOCUMENT_CALLS_MAX = 64, /* waiting for one document whose change is on its way into the log */
    HF_HUB_TWINS_MAX_DEFAULT = 65536,
    HF_HUB_UPLINKS_MAX = 1 << 20, /* numbered uplink messages on their way into the log, of one worker */
};

struct hf_device { /* one allocation with its id; owned by the hub */
    struct hf_map_node node;
    struct hf_list_node peers;  /* on hub->online while connected */
    struct hf_timer timer;      /* silence towards offline, then eviction */
    struct hf_hub *hub;         /* borrows */
    struct hf_tenant *tenant;   /* borrows */
    struct hf_devconn *devconn; /* borrows: the adapter's; NULL while not connected */
    struct hf_outbox *outbox;   /* owns; NULL while nothing is pending */
    struct hf_session *session; /* owns; NULL while it has only spoken raw mode */
    uint64_t epoch, seq;        /* last ones given */
    uint64_t since_ms;          /* UTC of the presence */
    uint64_t connected_ms;      /* UTC when the last connection was let in */
    uint64_t last_offset;  /* of its last record known durable: the tables must be there before eviction */
    uint64_t conn_id;      /* of the last connection */
    uint64_t last_life_ms; /* monotonic, as of the end of the last connection */
    struct hf_rate command_rate;
    uint32_t records_open; /* appended, not yet durable */
    uint16_t reason, code;
    uint8_t presence, id_bytes;
    bool unrecorded; /* the journal could not take the last change of presence: tried again by the timer */
    char id[];
};
_Static_assert(offsetof(struct hf_device, id) <= 187, "a device in memory is budgeted");

/* The hub's view of the rest. Calls come back on the same thread, never from inside the call itself. */
struct hf_hub_ops {
    /* Gives a finished call back to its maker. */
    void (*answer)(void *context, struct hf_call *call);
    /* A device published to a topic that others may have subscribed: the message goes to every worker's
     * hf_hub_publish(), this one's included. Slices are borrowed. */
    void (*publish)(void *context, struct hf_tenant *tenant, const struct hf_outgoing *outgoing);
    /* Has anybody on any worker subscribed this topic, perhaps? Most messages have no listener, and this spares them the copy that
     * waits until they are durable. */
    bool (*listened)(void *context, struct hf_tenant *tenant, struct hf_slice topic);
    /* This worker's interest in a topic rose from nothing or fell to nothing. */
    void (*interest)(void *context, struct hf_tenant *tenant, uint64_t topic_hash, bool on);
    void (*barrier)(void *context, struct hf_barrier *barrier, uint64_t offset);
    void (*barrier_cancel)(void *context, struct hf_barrier *barrier);
};

struct hf_hub_options {
    struct hf_journal *journal; /* borrows, all of them; live longer than the hub */
    struct hf_kv *kv;
    struct hf_wheel *wheel;
    const struct hf_hub_ops *ops;
    void *context;
    uint8_t hash_key[16];
    uint64_t seed; /* for ids of the hub's own */
    uint64_t boot; /* of this start of the node */
    unsigned worker, workers;
    uint64_t previous_end_ms; /* UTC of the last record before this start: who was connected then was alive */
    uint64_t (*utc_us)(void); /* the clock, for what is measured; NULL: as hf_hub_time() said */
    struct hf_latencies *latencies; /* what is measured here goes in; NULL: nowhere */
    uint32_t
        twins_max; /* devices whose live state is held in memory of one worker; 0 = HF_HUB_TWINS_MAX_DEFAULT */
    uint32_t
        return_per_second; /* rate at which a lost fleet is to come back (RC-4), of all workers; 0 = no tickets */
};

struct hf_hub_stats {
    uint64_t devices, connections, pending, topics, subscriptions;
    uint64_t messages_in, messages_in_bytes, messages_out, messages_out_bytes;
    uint64_t connects, disconnects[HF_REASONS_MAX], refused[HF_REASONS_MAX];
    uint64_t rate_limited, results_unmatched, evidence_ignored, journal_refused;
    uint64_t presence[HF_PRESENCES];               /* devices in memory by presence */
    uint64_t sessions[3], rebuilt[HF_REASONS_MAX]; /* opened, by enum hf_session_result; why rebuilt */
    uint64_t documents, document_bytes /* as they are stored */, documents_changed, documents_expired,
        documents_refused[HF_REASONS_MAX];
    uint64_t shadows /* of the documents */, shadows_changed, shadows_removed,
        shadows_put_off /* deltas that a full link, or no memory, kept from their device; told when there is room */
        ,
        shadows_untold /* of them, now */, shadow_waits /* for a label, now */, shadow_labels_missed,
        shadow_operations_refused /* alone, of changes that were taken or not */,
        shadows_refused[HF_REASONS_MAX];
    uint64_t uplink_duplicates, uplink_early, uplink_gaps /* numbers */, downlink_gaps /* numbers */, resent,
        delivered;
    uint64_t
        refusals_full; /* connections closed because HF_REFUSALS_MAX runs of refused numbers were not known to have arrived */
};

struct hf_hub {
    struct hf_hub_options options;
    uint64_t now_ms, utc_ms, utc_us; /* utc_us: of what has just come in; not less exact than utc_ms */
    struct hf_map devices, pending, topics;
    struct hf_map refused; /* core/hub_refusals.c */
    struct hf_map untold;  /* core/hub_untold.c, these three */
    struct hf_list_node untold_line;
    struct hf_timer untold_timer; /* armed while there are any */
    struct hf_list_node online, unsettled;
    struct hf_list_node publications;   /* messages with subscribers, not durable yet */
    struct hf_list_node open_records;   /* those with a waiter of their own (struct hf_open_record) */
    struct hf_list_node uplinks_open;   /* struct hf_uplink */
    struct hf_slab *sessions, *uplinks; /* NULL until the first session */
    struct hf_slots slots;
    struct hf_map documents;            /* core/hub_document.c */
    struct hf_list_node documents_used; /* the longest unused first */
    uint64_t documents_seen_ms; /* UTC: until then somebody was seen at a document that is forgotten now */
    struct hf_twins twins;      /* all zero until the first batch of samples */
    struct hf_rng rng;
    struct hf_ledger ledger;
    struct hf_hub_stats stats;
};

void hf_hub_init(struct hf_hub *hub, const struct hf_hub_options *options);
/* Before deinit, once the journal takes nothing any more: every call that waits comes back, unfinished, with reason drain. Its
 * maker may be on another worker and would wait, and hold memory, for ever. */
void hf_hub_answer_all(struct hf_hub *hub);
/* Every connection was disconnected before. Pending messages stay in the tables. */
void hf_hub_deinit(struct hf_hub *hub);
/* After init, before the first connection: takes up what waits in the OUTBOX for devices whose home is this worker. tenant_of
 * finds a tenant by name, NULL when it left the configuration (its messages stay where they are). HF_ERR_*. */
hf_err hf_hub_restore(struct hf_hub *hub, struct hf_tenant *(*tenant_of)(void *context, struct hf_slice name),
                      void *context);

static inline void hf_hub_time(struct hf_hub *hub, uint64_t now_ms, uint64_t utc_ms)
{
    hub->now_ms = now_ms;
    hub->utc_ms = utc_ms;
    hub->utc_us = utc_ms * 1000;
}

/* Which worker is the home of a device. */
static inline unsigned hf_hub_home(struct hf_slice tenant, struct hf_slice device, unsigned workers)
{
    return (unsigned)((hf_device_hash(tenant, device) >> 32) % workers);
}

/* ---- connections (called by the adapter that owns the devconn) ---- */

struct hf_hub_connect {
    struct hf_tenant *tenant;
    struct hf_slice device, protocol, trace;
    struct hf_slice groups[8]; /* topics "group/<name>" joined at once */
    unsigned group_count;
    const struct hf_session_hello *hello; /* holdfast.v1; NULL in raw mode. Borrowed for the call */
};

/* devconn->ops, conn_id and variant are set. An older connection of the device is closed with reason replaced first. On HF_OK
 * devconn->device is set, the epoch has grown, the ONLINE record is on its way and what waits for the device begins to flow
 * from the next turn on. Otherwise *ret_reason says why not (tenant_limit, memory_limit, storage_full, storage_failed, busy); an older connection
 * may have been closed all the same. */
hf_err hf_hub_connect(struct hf_hub *hub, struct hf_devconn *devconn, const struct hf_hub_connect *connect,
                      enum hf_reason *ret_reason);
/* A connection that an earlier start of the node let in and that no socket carries (a registration of a camera) goes on, with its epoch and conn_id, which is set here: no
 * record is written, and the device is unknown until the adapter shows evidence. After hf_hub_restore(). devconn->ops and variant are set. HF_ERR_NOT_FOUND: the tables
 * know no connection of this epoch that has not ended; HF_ERR_EXISTS: the device is connected; others as above. */
hf_err hf_hub_resume(struct hf_hub *hub, struct hf_devconn *devconn, const struct hf_hub_connect *connect,
                     uint64_t epoch);
/* For the next start of the node: the media session `call` of a camera stands as json says (at most HF_CALL_RECORD_BYTES_MAX bytes), or is over (absent): a camera.call record. The camera need not
 * be there. HF_ERR_*: the journal did not take it. */
hf_err hf_hub_camera_call(struct hf_hub *hub, struct hf_slice tenant, struct hf_slice device, uint64_t call,
                          struct hf_slice json);
/* What the gateway has learned of a device that cannot say it itself (a camera): a merge patch of its unnamed shadow, {"reported":{...}}, by the maker `gateway`. No memory, or a limit met: it is
 * learned again the next time. */
void hf_hub_report(struct hf_hub *hub, struct hf_tenant *tenant, struct hf_slice device,
                   struct hf_slice json);
/* Where the device of this connection is, for the next start of the node: a camera.bound record. json has at most HF_BINDING_BYTES_MAX bytes. HF_ERR_*: the journal did
 * not take it. */
hf_err hf_hub_bound(struct hf_hub *hub, struct hf_devconn *devconn, struct hf_slice json);
/* The connection is over (exactly one call for each successful connect). code: the Close code seen or sent, 0 = none.
 * last_life_ms: when the peer last showed itself. What was queued for it in memory goes back to the outbox or to the ledger. */
void hf_hub_disconnected(struct hf_hub *hub, struct hf_devconn *devconn, enum hf_evidence evidence,
                         enum hf_reason reason, uint16_t code, uint64_t last_life_ms);
/* An identified device was not let in: the REFUSED record. */
void hf_hub_refused(struct hf_hub *hub, struct hf_slice tenant, struct hf_slice device,
                    enum hf_reason reason);
/* Presence evidence of a live connection: QUIET, or LIFE after it. The reason stands in the record if presence changes. */
void hf_hub_evidence(struct hf_hub *hub, struct hf_devconn *devconn, enum hf_evidence evidence,
                     enum hf_reason reason);

/* ---- from the device ---- */

struct hf_incoming {
    struct hf_slice topic, payload;
    struct hf_slice key; /* the device's own message id; absent = none */
    uint8_t format, flags;
    const uint8_t *id;                /* 16 bytes: the message id of holdfast.v1; NULL = none */
    uint64_t made_ms;                 /* UTC by the device's clock; 0 = not said */
    uint64_t seq, queue_id;           /* hub_session's own: its place in the uplink */
    bool publish;                     /* to the subscribers of the topic, too */
    const struct hf_samples *samples; /* the payload, read; NULL: it is none of format 4 */
    uint32_t rtt_us;                  /* with samples: of the connection; 0 = not measured */
};
/* Appends; waiter (may be NULL) is told when it is durable. HF_ERR_BUSY: above the rate; nothing was taken, *ret_wait_ms says
 * when to offer it again (the adapter stops reading meanwhile: back-pressure, OL-3). HF_ERR_DENIED: an access rule. HF_ERR_LIMIT, HF_ERR_NOMEM: the journal cannot
 * take it: close with the reason storage_full. */
hf_err hf_hub_message(struct hf_hub *hub, struct hf_devconn *devconn, const struct hf_incoming *incoming,
                      struct hf_waiter *waiter, uint32_t *ret_wait_ms);
/* May the next message come? Otherwise *ret_wait_ms says when: asked before it is decoded, so that it can wait as it is. */
bool hf_hub_uplink_ready(const struct hf_hub *hub, const struct hf_devconn *devconn, uint32_t *ret_wait_ms);
/* Something else than a message that costs as one (a change of a document) takes its share of the rate. False: as hf_hub_message()'s BUSY. */
bool hf_hub_uplink_take(struct hf_hub *hub, struct hf_devconn *devconn, uint32_t *ret_wait_ms);
/* So many MESSAGE records of this worker have become durable: the journal says so once per batch. */
void hf_hub_uplink_durable(struct hf_hub *hub, uint64_t messages);
/* The answer to a command, also to one that was written to an earlier connection: its id proves that it arrived. HF_ERR_NOT_FOUND:
 * no such command is open for this device (counted); HF_ERR_LIMIT as above. */
hf_err hf_hub_result(struct hf_hub *hub, struct hf_devconn *devconn, const uint8_t id[16], bool failed,
                     uint8_t format, uint8_t flags, struct hf_slice payload);
/* HF_ERR_LIMIT: the connection's bound of topics; HF_ERR_DENIED: an access rule. HF_OK also when it was so already.
 * Unsubscribe: HF_ERR_NOT_FOUND when it was not subscribed. */
hf_err hf_hub_subscribe(struct hf_hub *hub, struct hf_devconn *devconn, struct hf_slice topic);
hf_err hf_hub_unsubscribe(struct hf_hub *hub, struct hf_devconn *devconn, struct hf_slice topic);
/* The link has nothing queued any more. */
void hf_hub_drained(struct hf_hub *hub, struct hf_devconn *devconn);
/* Once per turn, before the carrier sleeps: settles what the kernel has taken. */
void hf_hub_settle(struct hf_hub *hub);

/* Drain: closes at most `count` connections, of devices of any protocol, with this reason. Returns how many there were before. */
unsigned hf_hub_drain(struct hf_hub *hub, unsigned count, enum hf_reason reason);

/* ---- to devices ---- */

/* Takes the call; it comes back through ops->answer. For SEND, CANCEL, DISCONNECT and DEVICE this is the device's home; for BROADCAST
 * and LEDGER each worker gets its own part; RECORD may run anywhere. tenant: of the call, never NULL but for LEDGER and RECORD. */
void hf_hub_call(struct hf_hub *hub, struct hf_tenant *tenant, struct hf_call *call);
/* To this worker's subscribers of outgoing->topic, except the connection outgoing->except. Returns how many. */
uint64_t hf_hub_publish(struct hf_hub *hub, struct hf_tenant *tenant, const struct hf_outgoing *outgoing);
/* To one connection, untracked and in order behind what waits for it: as a broadcast to it alone, with its rules and in its book. True when it was
 * written or queued. A policy may have closed the connection. */
bool hf_hub_tell(struct hf_hub *hub, struct hf_devconn *devconn, const struct hf_outgoing *outgoing);
/* The same straight to the link, past what waits in the queue, or not at all: for what is whole and can be made anew (a delta of a shadow, an answer). False: its maker tells it when the
 * connection is settled next, and sets devconn->answers until then unless hf_hub_shadow_untold() does it. Closes nothing. */
bool hf_hub_tell_now(struct hf_hub *hub, struct hf_devconn *devconn, const struct hf_outgoing *outgoing);
/* The device was not told of its shadow with this name (absent: the unnamed one): it is when there is room, as the shadow is then. It may close the connection: slow_reader above
 * HF_HUB_UNTOLD_MAX of them, memory_limit when not even that can be noted. */
void hf_hub_shadow_untold(struct hf_hub *hub, struct hf_devconn *devconn, struct hf_slice name);

/* ---- for the parts of the hub (core/hub_*.c, core/outbox*.c) and tests ---- */

struct hf_device *hf_hub_find(struct hf_hub *hub, struct hf_slice tenant,
                              struct hf_slice device); /* in memory, or NULL */

#endif
