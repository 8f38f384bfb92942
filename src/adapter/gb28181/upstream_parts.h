/* adapter/gb28181/upstream_parts.h - for the files upstream*.c: upstream.c (its life), upstream_register.c (REGISTER and keepalives), upstream_write.c (texts),
 * upstream_answer.c (what the platform asks). */
#ifndef HF_ADAPTER_GB28181_UPSTREAM_PARTS_H
#define HF_ADAPTER_GB28181_UPSTREAM_PARTS_H

#include "adapter/gb28181/gb.h"
#include "adapter/gb28181/upstream.h"

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
    struct hf_timer due, beat;
    struct hf_sip_flow flow;
    bool flowing;                               /* flow is usable */
    bool proven;                                /* the REGISTER under way has credentials */
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
    char *sip;  /* HF_GB_SIP_BYTES_MAX + 1 */
    char *body; /* HF_GB_BODY_BYTES_MAX + 1 */
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
/* Sends up->sip's text. NULL: it could not be sent; nothing is told then. */
struct hf_gb_up_ask *hf_gb_up_ask(struct hf_gb_upstream *up, struct hf_slice text, hf_gb_up_told_fn *told,
                                  void *owner);
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
struct hf_gb_up_ask *hf_gb_up_say(struct hf_gb_upstream *up, hf_gb_up_told_fn *told, void *owner);

/* upstream_answer.c */
extern const struct hf_sip_policy hf_gb_up_policy;
void hf_gb_up_on_request(struct hf_gb_upstream *up, const struct hf_sip_tx_event *event);

#endif
