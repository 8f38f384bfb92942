/* adapter/gb28181/upstream_parts.h - for the files upstream*.c: upstream.c (its life), upstream_register.c (REGISTER and keepalives), upstream_write.c (texts),
 * upstream_answer.c (what the platform asks), upstream_tell.c (what we answer ourselves), upstream_forward.c (what cameras answer), upstream_job.c
 * (answers on their way). */
#ifndef HF_ADAPTER_GB28181_UPSTREAM_PARTS_H
#define HF_ADAPTER_GB28181_UPSTREAM_PARTS_H

#include "adapter/gb28181/gb.h"
#include "adapter/gb28181/upstream.h"
#include "adapter/gb28181/upstream_tree.h"
#include "core/breaker.h"
#include "core/sip/keep.h"

enum { HF_GB_UP_JSON_BYTES = 4 * HF_GB_UP_ITEM_BYTES_MAX };

struct hf_gb_up_ask;

/* What became of a request of ours: msg NULL = no answer. The ask is gone afterwards. */
typedef void hf_gb_up_told_fn(struct hf_gb_upstream *up, struct hf_gb_up_ask *ask,
                              const struct hf_sip_msg *msg);

/* A request of ours on its way up. */
struct hf_gb_up_ask {
    struct hf_gb_user user;   /* first */
    struct hf_list_node node; /* up->asks */
    struct hf_gb_upstream *up;
    struct hf_sip_tx *tx;
    bool probe;             /* the breaker's single one */
    bool judges;            /* what becomes of it is told to the breaker */
    hf_gb_up_told_fn *told; /* NULL: nobody waits for the answer */
    void *owner;            /* whose it is; told's own */
};

struct hf_gb_upstream {
    struct hf_gb_upstream_options options; /* texts point into the arrays below */
    struct hf_gb_up machine;
    struct hf_sip_layer *layer; /* owns, as all below */
    struct hf_sip_hasher *hasher;
    struct hf_slab *ask_slab;
    struct hf_list_node asks;
    struct hf_breaker breaker; /* fed by our requests; keepalives are its probes, too (GB-18) */
    uint64_t breaker_slots[HF_BREAKER_RESULTS_MAX];
    struct hf_slab *forward_slab;
    struct hf_list_node jobs, forwards;
    struct hf_slab *call_slab;
    struct hf_list_node subs; /* struct hf_gb_up_sub.node */
    unsigned sub_count;
    struct hf_timer retry;          /* while there are sessions below that could not be stopped */
    struct hf_timer look;           /* for changes, while there are subs */
    struct hf_list_node calls;      /* struct hf_gb_up_call.node */
    struct hf_sip_keep dialog_keep; /* of their dialogs */
    unsigned job_count;
    struct hf_gb_up_tree *tree; /* shares; NULL: not looked at yet */
    struct hf_timer due, beat;
    struct hf_sip_flow flow;
    bool flowing; /* flow is usable */
    bool proven;  /* the REGISTER under way has credentials */
    bool
        redirected; /* to another place than the configured one, until this attempt or registration is over */
    bool stale_seen;                            /* and they have been renewed once */
    struct hf_gb_up_ask *registering, *beating; /* under way, or NULL */
    uint32_t cseq, sn;
    uint32_t asked_expires_s; /* as 423 has made it */
    uint32_t granted_s;
    uint16_t status;
    struct hf_rng rng;
    char call_id[64], from_tag[HF_SIP_TAG_BYTES_MAX]; /* of REGISTER: the same until it fails */
    char server_id[HF_GB_UP_TEXT_BYTES_MAX], domain[HF_GB_UP_TEXT_BYTES_MAX],
        device_id[HF_GB_UP_TEXT_BYTES_MAX], username[HF_GB_UP_TEXT_BYTES_MAX],
        user_agent[HF_GB_UP_TEXT_BYTES_MAX], external_host[HF_GB_UP_TEXT_BYTES_MAX],
        password[HF_GB_UP_PASSWORD_BYTES_MAX + 1];
    char reason[HF_GB_UP_REASON_BYTES_MAX];
    struct hf_gb_upstream_stats stats;
    /* for the time of one call each */
    const struct hf_sip_challenge *challenge; /* that REGISTER_AGAIN answers; NULL = none */
    bool proxy;                               /* and it came in Proxy-Authenticate */
    struct hf_cdp_message message;
    char *sip;                    /* HF_GB_SIP_BYTES_MAX + 1 */
    char *body;                   /* HF_GB_BODY_BYTES_MAX + 1 */
    char *memory;                 /* HF_GB_MEMORY_BYTES */
    char *json;                   /* HF_GB_UP_JSON_BYTES */
    char *scratch, *item_scratch; /* HF_CDP_SCRATCH_BYTES */
};

static inline uint64_t hf_gb_up_now(const struct hf_gb_upstream *up)
{
    return up->options.hub->now_ms;
}

/* upstream.c */
/* Through the machine, and what it asks for is done. */
void hf_gb_up_event(struct hf_gb_upstream *up, enum hf_gb_up_event event, struct hf_gb_up_news news);
void hf_gb_up_reason(struct hf_gb_upstream *up, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* upstream_ask.c */
/* Sends up->sip's text. NULL: it could not be sent; nothing is told then. */
enum hf_gb_up_way {
    HF_GB_UP_AS_REGISTER, /* whatever the breaker says, which hears nothing of it */
    HF_GB_UP_AS_BEAT,     /* the same, but it hears what becomes of it: keepalives and BYE */
    HF_GB_UP_AS_WORK,     /* not while the breaker is open */
};
struct hf_gb_up_ask *hf_gb_up_ask(struct hf_gb_upstream *up, struct hf_slice text, enum hf_gb_up_way way,
                                  hf_gb_up_told_fn *told, void *owner);
/* Nobody waits for it any more. NULL is harmless. */
void hf_gb_up_ask_drop(struct hf_gb_up_ask *ask);

/* upstream_register.c */
void hf_gb_up_register_begin(struct hf_gb_upstream *up); /* fresh Call-ID and tag */
/* again: with up->challenge, if there is one. leaving: Expires 0. False: it could not be sent. */
bool hf_gb_up_register(struct hf_gb_upstream *up, bool again, bool leaving);
void hf_gb_up_keep(struct hf_gb_upstream *up);     /* keepalives go on */
void hf_gb_up_keep_end(struct hf_gb_upstream *up); /* none is sent any more */
hf_timer_fn hf_gb_up_on_beat;

/* upstream_write.c */
struct hf_gb_up_head {
    enum hf_sip_method method;
    struct hf_slice method_text, call_id, from_tag;
    uint32_t cseq;
};
/* The start line to the platform, Via, From, To, Call-ID, CSeq, Max-Forwards, Contact, User-Agent; *sb is on up->sip. */
void hf_gb_up_write_head(struct hf_gb_upstream *up, const struct hf_gb_up_head *head, struct hf_sb *sb);
/* "sip:server@domain" */
struct hf_slice hf_gb_up_server_uri(const struct hf_gb_upstream *up,
                                    char storage[2 * HF_GB_UP_TEXT_BYTES_MAX]);
/* A MESSAGE with up->message as its body, sent. NULL: it could not be. */
struct hf_gb_up_ask *hf_gb_up_say(struct hf_gb_upstream *up, enum hf_gb_up_way way, hf_gb_up_told_fn *told,
                                  void *owner);
struct hf_gb_up_ask *hf_gb_up_say_body(struct hf_gb_upstream *up, struct hf_slice body, enum hf_gb_up_way way,
                                       hf_gb_up_told_fn *told, void *owner);
struct hf_cdp_writer hf_gb_up_writer(const struct hf_gb_upstream *up);
/* A request within a dialog, from that id of ours; without its end. */
struct hf_sip_dialog;
bool hf_gb_up_write_within(struct hf_gb_upstream *up, struct hf_sip_dialog *dialog, enum hf_sip_method method,
                           struct hf_slice user, struct hf_sb *sb);
void hf_gb_up_our_address(const struct hf_gb_upstream *up, struct hf_gb_address *ret);
size_t hf_gb_up_body_room(const struct hf_gb_upstream *up); /* bytes of a body that the way takes well */

/* upstream_job.c */
enum { HF_GB_UP_JOB_CATALOG, HF_GB_UP_JOB_LIST, HF_GB_UP_JOB_ONE, HF_GB_UP_JOB_CHANGES };
struct hf_gb_up_sub;
struct hf_gb_up_change;
/* An answer of ours in one message or several, sent one after the other, each when the one before was taken. */
struct hf_gb_up_job {
    struct hf_list_node node; /* up->jobs; the first of those that are not ONE is being sent */
    struct hf_gb_upstream *up;
    struct hf_gb_up_ask *ask;      /* of the part under way; NULL: not begun */
    uint8_t kind, command, result; /* result: enum hf_cdp_health_word, 0 = none */
    uint8_t tries, about_bytes;
    int64_t sn;
    char about[HF_GB_UP_TEXT_BYTES_MAX]; /* the id that was asked about, as it was asked */
    struct hf_gb_up_tree *tree;          /* CATALOG: shares; nodes from at to end */
    uint32_t at, end;
    struct hf_gb_up_sub *sub;        /* CHANGES: whose; they go in its dialog */
    struct hf_gb_up_tree *before;    /* CHANGES: shares; where what is gone was; NULL: nothing was */
    struct hf_gb_up_change *changes; /* owns; from at to end */
    uint64_t sum;                    /* of the items of all parts */
    uint32_t count;                  /* items of the part under way */
    char *json;                      /* LIST: its items; ONE: its members; owns */
    struct hf_slice left;            /* LIST: of the array */
};
/* NULL: too many, or no memory. message: what is answered. It is sent by hf_gb_up_job_go(). */
struct hf_gb_up_job *hf_gb_up_job_new(struct hf_gb_upstream *up, unsigned kind, enum hf_cdp_command command,
                                      int64_t sn, struct hf_slice about);
void hf_gb_up_job_go(struct hf_gb_up_job *job);
/* upstream_part.c: the next part into up->body; job->count items are in it. */
hf_err hf_gb_up_job_build(struct hf_gb_up_job *job, struct hf_slice *ret_body);
void hf_gb_up_job_drop(struct hf_gb_up_job *job); /* without a word */
void hf_gb_up_jobs_drop(struct hf_gb_upstream *up);
bool hf_gb_up_busy(const struct hf_gb_upstream *up); /* no question more can be taken */

/* upstream_tell.c: what we say of ourselves, and of what is not shown. False: too many answers are under way. */
bool hf_gb_up_answer_catalog(struct hf_gb_upstream *up, const struct hf_cdp_message *query);
bool hf_gb_up_answer_own(struct hf_gb_upstream *up, const struct hf_cdp_message *query);
bool hf_gb_up_answer_error(struct hf_gb_upstream *up, enum hf_cdp_command command, int64_t sn,
                           struct hf_slice about);
/* What the platform is shown now; looks again when it is old, or when the id is not in it. NULL: the tables cannot be read. */
struct hf_gb_up_tree *hf_gb_up_tree_now(struct hf_gb_upstream *up, uint64_t max_age_ms);
const struct hf_gb_up_node *hf_gb_up_find(struct hf_gb_upstream *up, struct hf_slice shown);

/* upstream_forward.c: to the camera as a command of the hub, and its answer back. */
struct hf_gb_up_forward {
    struct hf_list_node node; /* up->forwards */
    struct hf_gb_upstream *up;
    struct hf_call *call; /* the gateway's until it is told */
    uint8_t command;
    bool answers;
    int64_t sn;
    uint8_t about_bytes, channel_bytes;
    char about[HF_GB_UP_ID_BYTES_MAX], channel[HF_GB_UP_ID_BYTES_MAX];
};
bool hf_gb_up_forward(struct hf_gb_upstream *up, const struct hf_cdp_message *message,
                      const struct hf_gb_up_node *node);
void hf_gb_up_forwards_drop(struct hf_gb_upstream *up); /* their answers are lost */
/* A command of that device, not sent yet; the caller says who hears of its end. NULL: no memory. */
struct hf_call *hf_gb_up_command(struct hf_gb_upstream *up, struct hf_slice device,
                                 const char *verb /* static */, struct hf_slice json, uint64_t ttl_ms);
bool hf_gb_up_online(struct hf_gb_upstream *up, struct hf_slice device); /* as the tables have it */
/* Members of an object but for those of that list (NULL at its end), copied. True: all fit. */
bool hf_gb_up_copy_members(struct hf_json_out *out, struct hf_slice object, const char *const *without);

/* upstream_answer.c */
extern const struct hf_sip_policy hf_gb_up_policy;
void hf_gb_up_on_request(struct hf_gb_upstream *up, const struct hf_sip_tx_event *event);

#endif
