/* adapter/gb28181/gb.h - for the files of this folder: home.c (whose message is it), site.c (doors and the way in), register.c (REGISTER), device.c (bindings: life, moves, end),
 * message.c (what devices say), request.c (commands under way and how they end), command.c (from an application's JSON to a body), merge.c (answers in parts),
 * hub_ops.c (the hub's view), write.c (SIP texts), trace.c (what was said lately), restore.c (what outlives the
 * gateway), health.c (of links), heal.c (questions of our own to devices that may be gone), breaker.c (of those that do not answer). */
#ifndef HF_ADAPTER_GB28181_GB_H
#define HF_ADAPTER_GB28181_GB_H

#include "adapter/gb28181/ptz.h"
#include "adapter/gb28181/site.h"
#include "base/hash.h"
#include "base/rate.h"
#include "base/rng.h"
#include "codec/manscdp/gbid.h"
#include "codec/manscdp/json.h"
#include "codec/sip/judge.h"
#include "core/breaker.h"
#include "core/channels.h"
#include "core/gb/catalog.h"
#include "core/gb/health.h"
#include "core/gb/lock.h"
#include "core/gb/merge.h"
#include "core/gb/registration.h"
#include "core/kvkey.h"
#include "core/sip/keep.h"

/* Call-IDs of ours: this, 16 hexadecimal digits, '.', and the device's id, so that whatever belongs to a dialog or request of ours finds its way home, whoever it is from
 * (channels answer for their device). */
#define HF_GB_CALL_ID "hf"

enum {
    HF_GB_VERSION_2016 = 20,
    HF_GB_VERSION_2022 = 30,
    HF_GB_SIP_BYTES_MAX = HF_SIP_TX_MESSAGE_BYTES_MAX,
    HF_GB_HEAD_BYTES_MAX = 4096, /* of what we send, and of answers besides what they copy */
    HF_GB_RETRY_MS = 1000,       /* what memory or a bound prevented is tried again */
    HF_GB_SN_FIRST = 0x20000000, /* ours begin here: devices that count by themselves begin with 1 */
    HF_GB_SN_LAST = 0x7fffffff,
    HF_GB_DEAF = 0x7fffffff,    /* "queued bytes" of a device that takes nothing now */
    HF_GB_MEMORY_BYTES = 65536, /* for a command's JSON as a body's struct */
    HF_GB_REFUSAL_BYTES_MAX = 96,
};

/* Who asked something by SIP: the first member of whatever it is. hf_sip_tx_request() and hf_sip_tx_set_user() get a pointer to it. */
struct hf_gb_user {
    void (*told)(struct hf_gb_user *user, const struct hf_sip_tx_event *event);
};

/* ---- devices ---- */

enum { HF_GB_BREAKER_RESULTS = 20 }; /* of hf_breaker_device */

struct hf_gb_link { /* of a device that was asked something lately, or does not answer: health.c, breaker.c */
    struct hf_list_node node; /* site->links */
    struct hf_gb_device *device;
    struct hf_gb_health health;
    struct hf_breaker breaker;
    uint64_t results[HF_GB_BREAKER_RESULTS]; /* the breaker's */
    uint64_t opened_ms;                      /* it was CLOSED before */
};

struct hf_gb_answered { /* register.c: the last REGISTER that was answered for good */
    uint64_t request;   /* a hash of it */
    uint64_t until_ms;  /* its repeats are answered alike */
    uint32_t expires_s; /* as granted */
    uint16_t status;
};

struct hf_gb_device {
    struct hf_devconn dev;        /* first; dev.device is NULL while OFFLINE */
    struct hf_map_node node;      /* site->devices, by id */
    struct hf_map_node stream;    /* site->streams, by connection: while the flow is a stream that lives */
    struct hf_timer timer;        /* of life; OFFLINE: when the replay guard has become useless */
    struct hf_list_node gone;     /* OFFLINE: on site->gone */
    struct hf_list_node requests; /* hf_gb_request.node: commands under way */
    struct hf_list_node calls;    /* hf_gb_call.node */
    struct hf_gb_bye *byes;       /* owns: of sessions that are over (call_bye.c) */
    struct hf_gb_site *site;
    struct hf_sip_flow flow;  /* the last proven way; commands go there */
    struct hf_sip_flow doubt; /* where it seems to have moved; asked with probe_sn */
    struct hf_sip_replay replay;
    struct hf_gb_answered answered;
    struct hf_sip_trace trace;
    struct hf_gb_life life;
    uint64_t ended_ms; /* OFFLINE: since */
    uint64_t registered_ms, probed_ms /* 0 = never */;
    uint64_t
        register_id; /* a hash of the Call-ID of its last REGISTER: 0 = unknown. A device that begins anew has another one */
    uint64_t redirected_ms;        /* it was sent to another node; 0 = never */
    struct hf_gb_link *link;       /* health.c; owns. NULL: nothing was asked lately */
    uint64_t heal_ms;              /* SUSPECT: when it is asked again; 0 = it is not */
    uint64_t bound_hash, bound_ms; /* restore.c: of its last record; 0 = there is none */
    uint32_t expires_s;            /* as granted */
    uint32_t sn, cseq;
    uint8_t heals;     /* rounds of questions since it became suspect */
    uint8_t healing;   /* questions of ours that are under way */
    uint32_t probe_sn; /* 0 = no question is open */
    uint16_t version;  /* as X-GB-Ver: 20, 30 */
    uint8_t state;     /* enum hf_gb_state */
    uint8_t charset;
    uint8_t open;       /* length of requests */
    uint16_t calling;   /* length of calls */
    bool streaming;     /* is on site->streams */
    bool faulty;        /* its last keepalive spoke of a fault */
    bool by_options;    /* the next question is OPTIONS: DeviceStatus was not answered */
    bool routine;       /* what it said last was a keepalive without news */
    bool restored;      /* its registration is of before our restart */
    bool catalog_moved; /* a change was recorded that may not be in the tables yet */
    struct hf_gb_catalog_state catalog;
    uint8_t id_bytes;
    char id[HF_GBID_DIGITS];
    struct hf_gb_sub *subs;                /* subscribe.c; owns: wanted subscriptions */
    struct hf_gb_mover *movers;            /* ptz.c; owns: channels that are to be stopped */
    struct hf_gb_catalog_job *catalog_job; /* catalog.c; owns. NULL: its list need not be asked for */
};

struct hf_gb_call; /* call.h */

enum hf_gb_wait { /* what a request waits for; the names are in its result */
                  HF_GB_WAIT_SIP,
                  HF_GB_WAIT_ANSWER,
                  HF_GB_WAIT_LIST,
                  HF_GB_WAIT_LIST_IDLE,
                  HF_GB_WAIT_NOTHING,  /* its result is known and told at the end of this turn */
                  HF_GB_WAIT_SUB_SOON, /* what it asks of subscriptions is done at the end of this turn */
                  HF_GB_WAIT_CALL,     /* for its call to stand or end, which has deadlines of its own */
                  HF_GB_WAIT_CALL_SOON, /* what it asks of calls is done at the end of this turn (call_command.c) */
                  HF_GB_WAITS
};

/* A command on its way. It ends in hf_gb_request_end() or, when its device leaves, in hf_gb_requests_drop(). */
struct hf_gb_request {
    struct hf_gb_user user;   /* first */
    struct hf_list_node node; /* device->requests */
    struct hf_timer timer;
    struct hf_gb_device *device;
    struct hf_sip_tx *tx; /* NULL once SIP has answered or given up */
    struct hf_gb_merge *merge;
    uint8_t id[16];   /* the hub's */
    uint64_t sent_ms; /* to SIP */
    bool heal;        /* a question of ours whether it is there (heal.c); `own`, too */
    bool probe;       /* of these, the one on which the breaker waits */
    bool options;     /* and it is an OPTIONS */
    uint32_t sn;
    uint16_t status;         /* of the SIP answer; 0 = none */
    uint8_t command;         /* enum hf_cdp_command */
    uint8_t answer;          /* enum hf_cdp_answer, CONTROL resolved */
    uint8_t wait;            /* enum hf_gb_wait */
    uint8_t types, blocks;   /* ConfigDownload: asked for, and come */
    enum hf_reason bad;      /* WAIT_NOTHING: why it was never sent */
    char element[32];        /* and which member or element */
    struct hf_gb_sub *sub;   /* that it waits for, or NULL */
    bool own;                /* the gateway's, not an application's: the hub does not know of it */
    bool catalog;            /* asks for the whole list of channels */
    bool listed;             /* and what came of it was recorded */
    const char *text;        /* and what about it; static, or NULL */
    struct hf_gb_call *call; /* that it is about, and that stays as long; or NULL */
    uint8_t verb;            /* enum hf_gb_call_verb, with a call or WAIT_CALL_SOON */
    bool joined, force;
    int32_t scale;                  /* Speed, in thousandths */
    uint8_t range_start, range_end; /* Seek: enum hf_mansrtsp_point */
    double range_start_s, range_end_s;
    hf_err err; /* or what the flow said */
};

/* ---- the site ---- */

struct hf_gb_order {
    bool ptz; /* the members below count */
    struct hf_gb_ptz what;
    uint8_t channel_bytes;
    char channel[HF_CHANNEL_ID_BYTES_MAX];
};

struct hf_gb_site {
    struct hf_gb_options options;
    struct hf_gb_limits limits; /* with the defaults filled in */
    struct hf_sip_layer *layer; /* owns, as all below */
    struct hf_sip_hasher *hasher;
    struct hf_slab *device_slab, *request_slab, *catalog_slab, *mover_slab, *sub_slab;
    struct hf_gb_order order; /* of the command that is being built */
    struct hf_rate catalog_rate;
    uint8_t catalog_lists;            /* told apart within a millisecond */
    struct hf_sip_trace_ring *traces; /* trace.c, as these: */
    struct hf_slab *knock_slab;
    struct hf_map knocks; /* of strangers */
    struct hf_list_node knocks_used;
    struct hf_rate knock_rate;
    uint64_t next_trace;
    struct hf_slab *link_slab; /* health.c, as these: */
    struct hf_list_node links; /* hf_gb_link.node */
    struct hf_timer links_timer;
    struct hf_rate heal_rate;
    struct hf_map devices, streams;
    struct hf_list_node gone; /* devices that are remembered, the longest gone first */
    struct hf_slab *call_slab, *bye_slab;
    struct hf_map calls;            /* by id */
    struct hf_list_node talks;      /* hf_gb_call.talk: broadcasts */
    struct hf_list_node points;     /* hf_gb_point.node */
    struct hf_sip_keep dialog_keep; /* of all dialogs */
    struct hf_timer audit;          /* armed while there are calls or points */
    struct hf_timer calls_restore;  /* call_restore.c: armed until the whole table was looked at */
    struct hf_kvkey calls_from;
    uint64_t calls_made, call_key;
    struct hf_gb_locks locks;
    struct hf_gb_budget merges;
    struct hf_rate refusals;
    struct hf_rng rng; /* jitter */
    uint8_t hash_key[HF_HASH_KEY_BYTES];
    bool draining;
    char realm[HF_GB_DOMAIN_BYTES_MAX], server_id[HF_GB_DOMAIN_BYTES_MAX], user_agent[HF_GB_DOMAIN_BYTES_MAX],
        external_host[HF_GB_DOMAIN_BYTES_MAX];
    struct hf_gb_stats stats;
    struct hf_cdp_message message; /* for what we say without being asked */
    /* for the time of one call each */
    char *sip;                    /* HF_GB_SIP_BYTES_MAX + 1 */
    char *body;                   /* HF_GB_BODY_BYTES_MAX + 1 */
    char *memory;                 /* HF_GB_MEMORY_BYTES */
    char *scratch, *item_scratch; /* HF_CDP_SCRATCH_BYTES */
    char *json;                   /* HF_GB_RESULT_BYTES_MAX + 1 */
};

static inline struct hf_gb_device *hf_gb_device_of(const struct hf_devconn *devconn)
{
    return (struct hf_gb_device *)(uintptr_t)devconn; /* the first member */
}

static inline struct hf_slice hf_gb_device_id(const struct hf_gb_device *device)
{
    return (struct hf_slice){device->id, device->id_bytes};
}

static inline uint64_t hf_gb_now(const struct hf_gb_site *site)
{
    return site->options.hub->now_ms;
}

/* home.c */
/* The device named in a Call-ID of ours; absent when it is none. */
struct hf_slice hf_gb_call_id_device(struct hf_slice call_id);
/* An id as a source of a broadcast has it (call_talk.c): what a device says to it is found by it. */
bool hf_gb_is_source(struct hf_slice id);
/* The device whose message this is, as hf_gb_home() sees it; sent: by us. */
struct hf_slice hf_gb_traced(struct hf_slice bytes, bool sent);

/* trace.c */
hf_err hf_gb_traces_init(struct hf_gb_site *site); /* HF_ERR_NOMEM: deinit is due all the same */
void hf_gb_traces_deinit(struct hf_gb_site *site); /* of a zeroed site, too */
void hf_gb_trace(struct hf_gb_site *site, const struct hf_sip_flow *flow, bool sent, struct hf_slice bytes);
void hf_gb_trace_inherit(struct hf_gb_device *device); /* a new one: what it said as a stranger is its own */

/* site.c */
uint32_t hf_gb_methods(void); /* that are served, as bits */
void hf_gb_log(struct hf_gb_site *site, const char *event, struct hf_slice device,
               const struct hf_sip_flow *flow, enum hf_reason reason);
/* An answer without a transaction. Strangers' are limited: false when none was sent. */
bool hf_gb_refuse(struct hf_gb_site *site, const struct hf_sip_flow *flow, const struct hf_sip_msg *msg,
                  unsigned status);
unsigned hf_gb_retry_after_s(struct hf_gb_site *site);
uint32_t hf_gb_random_u32(struct hf_gb_site *site);
/* The device that speaks in this request: the one that a Call-ID of ours names (channels speak in dialogs with it), else From, else whoever was asked to call a source. NULL: nobody
 * who is there. */
struct hf_gb_device *hf_gb_asking(const struct hf_gb_site *site, const struct hf_sip_msg *msg);

/* register.c */
void hf_gb_on_register(struct hf_gb_site *site, const struct hf_sip_flow *flow, const struct hf_sip_msg *msg,
                       struct hf_slice id);

/* device.c */
struct hf_gb_device *hf_gb_device_find(const struct hf_gb_site *site, struct hf_slice id); /* or NULL */
/* There, OFFLINE, if it is new; NULL when there are too many, or no memory. */
struct hf_gb_device *hf_gb_device_take(struct hf_gb_site *site, struct hf_slice id);
void hf_gb_device_free(struct hf_gb_device *device);
static inline bool hf_gb_device_there(const struct hf_gb_device *device)
{
    return device != NULL && device->state != HF_GB_OFFLINE;
}
void hf_gb_device_event(struct hf_gb_device *device, enum hf_gb_event event);
/* The hub is told, commands are dropped (the hub sends them again), streams are left. evidence and reason as the table says, or whoever closes. */
void hf_gb_device_end(struct hf_gb_device *device, enum hf_evidence evidence, enum hf_reason reason);
void hf_gb_device_life(struct hf_gb_device *device); /* an accepted message from its proven flow */
void hf_gb_device_bind(struct hf_gb_device *device, const struct hf_sip_flow *flow);
bool hf_gb_device_deaf(const struct hf_gb_device *device); /* takes no command now */
void hf_gb_device_arm(struct hf_gb_device *device);
/* A message with this device's name. True: its flow is proven (adopted perhaps), it lives. False: it is doubted; answer, then
 * hf_gb_device_doubt(). */
bool hf_gb_device_heard(struct hf_gb_device *device, const struct hf_sip_flow *flow);
/* Asks who is there, not too often. */
void hf_gb_device_doubt(struct hf_gb_device *device, const struct hf_sip_flow *flow);
void hf_gb_device_probe(struct hf_gb_device *device, const struct hf_sip_flow *flow);
/* Into site->body: a query for its status with a number that only who is there can know. False: it does not fit. */
bool hf_gb_status_query(struct hf_gb_device *device, const struct hf_sip_flow *flow,
                        struct hf_slice *ret_body);

/* heal.c: whether a device is there, asked where it was proven last: DeviceStatus or OPTIONS, and the other one when that is not answered; any SIP answer is life. */
void hf_gb_heal_begin(struct hf_gb_device *device, bool restored); /* it became SUSPECT */
void hf_gb_heal_due(struct hf_gb_device *device);                  /* heal_ms has come */
bool hf_gb_heal_ask(struct hf_gb_device *device, bool probe);      /* false: not now, for want of a bound */
/* What becomes of such a request: SIP answered; did not within sip_wait_ms, and goes on; or will not any more. The request may be gone afterwards. */
void hf_gb_heal_answered(struct hf_gb_request *request);
void hf_gb_heal_unanswered(struct hf_gb_request *request);
void hf_gb_heal_over(struct hf_gb_request *request);
void hf_gb_heal_late(struct hf_gb_device *device); /* the breaker waits for its probe no longer */

/* breaker.c */
void hf_gb_breaker_init(struct hf_gb_link *link); /* what it must have said before is in it */
/* A request of ours was answered or not; or a beat came, or did not. */
void hf_gb_breaker_result(struct hf_gb_device *device, bool good);
void hf_gb_breaker_probed(struct hf_gb_device *device, bool good);
/* No command goes to it now: reason breaker_open. Counted. */
bool hf_gb_breaker_refuses(struct hf_gb_device *device);
uint64_t hf_gb_breaker_due_ms(const struct hf_gb_device *device); /* UINT64_MAX: never */
void hf_gb_breaker_due(struct hf_gb_device *device);
bool hf_gb_breaker_idle(const struct hf_gb_link *link); /* CLOSED, and nothing bad is in the window */
void hf_gb_breaker_members(const struct hf_gb_device *device, struct hf_json_out *out); /* link is not NULL */

/* health.c */
hf_err hf_gb_links_init(struct hf_gb_site *site); /* HF_ERR_NOMEM: deinit is due all the same */
void hf_gb_links_deinit(struct hf_gb_site *site); /* of a zeroed site, too; no link is left */
void hf_gb_link_free(struct hf_gb_device *device);
struct hf_gb_link *hf_gb_link_of(
    struct hf_gb_device *device); /* made if need be; NULL: it is not there, or a bound */
/* A request of ours ended; or the device showed wrong credentials. */
void hf_gb_link_answered(struct hf_gb_device *device, uint64_t sent_ms);
void hf_gb_link_timed_out(struct hf_gb_device *device);
void hf_gb_link_refused(struct hf_gb_device *device);
void hf_gb_link_members(const struct hf_gb_device *device, struct hf_json_out *out); /* link is not NULL */

/* restore.c */
/* Its place or its terms may have changed: recorded, if so. port_only: the address has not, which is recorded now and then only. */
void hf_gb_bound(struct hf_gb_device *device, bool port_only);

/* call_keep.c: it seems to have been restarted: its sessions are asked for. */
void hf_gb_calls_keep_soon(struct hf_gb_device *device);

/* Rows of a table from *from on, rows_max at most; *from moves on. HF_ERR_NOT_FOUND: these were the last. HF_ERR_*: the table cannot be read now. */
typedef void hf_gb_row_fn(const struct hf_gb_site *site, struct hf_slice key, struct hf_slice value,
                          void *context);
hf_err hf_gb_scan(const struct hf_gb_site *site, enum hf_kv_table table, const struct hf_kvkey *prefix,
                  struct hf_kvkey *from, unsigned rows_max, hf_gb_row_fn *take, void *context);
/* call_restore.c: there is a way to it: its sessions of before our restart. */
void hf_gb_calls_return(struct hf_gb_device *device);

/* message.c */
bool hf_gb_is_keepalive(struct hf_slice body); /* by a look: for the class of its transaction */
void hf_gb_on_message(struct hf_gb_site *site, const struct hf_sip_tx_event *event);
/* What a device says without being asked, in a MESSAGE or a NOTIFY: an event, or channels that change. The SIP status that says what became of it. */
unsigned hf_gb_take_notice(struct hf_gb_device *device, const struct hf_cdp_message *message);

/* request.c */
struct hf_gb_request *hf_gb_request_new(struct hf_gb_device *device, const uint8_t id[16]); /* NULL: bounds */
/* Sent; or, when nothing could be, HF_ERR_*: the request is gone. */
hf_err hf_gb_request_send(struct hf_gb_request *request, struct hf_slice body);
/* What hf_sip_tx_request() said of it: the same. */
hf_err hf_gb_request_sent(struct hf_gb_request *request, hf_err err);
void hf_gb_request_fail_soon(struct hf_gb_request *request, enum hf_reason reason, struct hf_slice element);
void hf_gb_request_sip(struct hf_gb_request *request, const struct hf_sip_tx_event *event);
/* The device's own answer. */
void hf_gb_request_answered(struct hf_gb_request *request, const struct hf_cdp_message *message);
struct hf_gb_request *hf_gb_request_find(struct hf_gb_device *device, const struct hf_cdp_message *message);
void hf_gb_requests_drop(struct hf_gb_device *device);
void hf_gb_request_wait(struct hf_gb_request *request, enum hf_gb_wait wait);
/* failed: the device says no. The result is told to the hub; the device may be gone afterwards. HF_ERR_NOT_FOUND: nobody waited for it any more. */
hf_err hf_gb_request_end(struct hf_gb_request *request, bool failed, struct hf_slice json);

/* merge.c */
/* One part of several. True: the list is complete, *ret_json in site->json is the result. */
bool hf_gb_merge_part(struct hf_gb_request *request, const struct hf_cdp_message *message,
                      struct hf_slice *ret_json);
/* What there is, whether complete or not. waited: the timer that ended it, NULL = none. */
struct hf_slice hf_gb_merge_result(struct hf_gb_request *request, const char *waited, uint32_t limit_ms);

/* command.c */
extern const char hf_gb_too_new[]; /* why something is HF_ERR_UNSUPPORTED */
/* Into site->body. HF_ERR_INVALID, HF_ERR_UNSUPPORTED, HF_ERR_LIMIT: *ret_element (may be absent) is what is wrong with it. */
hf_err hf_gb_command_build(struct hf_gb_request *request, const struct hf_outgoing *outgoing,
                           struct hf_slice *ret_body, struct hf_slice *ret_element);

/* describe.c. An event of the device, as what it says itself is: JSON. HF_ERR_*: the hub did not take it. */
hf_err hf_gb_tell(struct hf_gb_device *device, struct hf_slice topic, struct hf_slice json);
/* The same of an object with these members, HF_GB_HEALTH_BYTES_MAX at most (asserted). False: it was not taken. */
bool hf_gb_tell_members(struct hf_gb_device *device, struct hf_slice topic,
                        void (*members)(const struct hf_gb_device *device, struct hf_json_out *out));
/* What the API shows of a camera besides: a JSON object; "" when it does not fit. */
void hf_gb_describe(const struct hf_gb_device *device, char *out, size_t out_bytes);

/* It went out: what follows from it is armed. */
void hf_gb_command_sent(struct hf_gb_device *device);

/* hub_ops.c */
/* "192.0.2.1:5060", "[2001:db8::1]:5060" */
void hf_gb_peer_text(struct hf_sb *sb, const struct hf_sip_flow *flow, char host[HF_SIP_FLOW_HOST_MAX]);
extern const struct hf_devconn_ops hf_gb_devconn_ops;

/* write.c */
struct hf_gb_address { /* ours, as the peer reaches it */
    char storage[HF_SIP_FLOW_HOST_MAX];
    struct hf_slice host;
    uint16_t port;
    bool ipv6;
};
void hf_gb_our_address(const struct hf_gb_site *site, const struct hf_sip_flow *flow,
                       struct hf_gb_address *ret);
/* "sip:user@host:port" in storage; port 0 = none. */
struct hf_slice hf_gb_uri(char *storage, size_t storage_bytes, struct hf_slice user, struct hf_slice host,
                          uint16_t port, bool ipv6);
/* A MESSAGE to the device over that flow, into site->sip. False: it does not fit. content_type absent: MANSCDP. */
bool hf_gb_write_message(struct hf_gb_device *device, const struct hf_sip_flow *flow, struct hf_slice type,
                         struct hf_slice body, struct hf_slice *ret_text);
/* The same, an OPTIONS. */
bool hf_gb_write_options(struct hf_gb_device *device, const struct hf_sip_flow *flow,
                         struct hf_slice *ret_text);
/* A MANSCDP body to the device that needs no record of its own: sent, and forgotten. */
void hf_gb_send_notice(struct hf_gb_device *device, const struct hf_sip_flow *flow,
                       const struct hf_cdp_message *message);
struct hf_cdp_writer hf_gb_writer(const struct hf_gb_device *device);
/* Why a response refuses, as UTF-8: its Warning, its reason phrase, or what its status means. In storage, or static. */
struct hf_slice hf_gb_refusal(const struct hf_gb_site *site, const struct hf_sip_msg *response,
                              char storage[HF_GB_REFUSAL_BYTES_MAX]);
uint32_t hf_gb_next_sn(struct hf_gb_device *device);

struct hf_gb_answer { /* to REGISTER */
    unsigned status;
    const struct hf_gb_account *account; /* NULL: nothing is known of the device */
    struct hf_slice nonce;               /* 401 */
    bool stale, version;
    uint32_t expires_s;     /* 200, 302 */
    unsigned retry_after_s; /* 503 */
};
/* Into site->sip; absent: it does not fit. */
struct hf_slice hf_gb_write_answer(struct hf_gb_site *site, const struct hf_sip_flow *flow,
                                   const struct hf_sip_msg *msg, const struct hf_gb_answer *answer);

/* shadow.c. The answer to a command of any kind, as its result has it; a whole list of so many channels. */
void hf_gb_shadow_answer(struct hf_gb_device *device, unsigned command, struct hf_slice json);
void hf_gb_shadow_channels(struct hf_gb_device *device, uint64_t count);

#endif
