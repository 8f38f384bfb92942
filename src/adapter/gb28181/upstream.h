/* adapter/gb28181/upstream.h - an upper platform at which we are a device: registered there with our own id, alive by keepalives, asked and ordered as cameras are by us.
 * When and how often is core/gb/upstream.h's to say; here are the SIP texts and the credentials. One upstream lives on one worker; it has a way of its own to the
 * platform (socket or connection), so nothing that a device sends can be mistaken for a word from above, whatever ids both use.
 *
 *   hf_gb_upstream_start()      ops.connect; the flow is there at once, or hf_gb_upstream_connected() says so
 *   bytes came on its way       hf_gb_upstream_receive()
 *   the way ended               hf_gb_upstream_lost()
 *   hf_gb_upstream_stop()       un-REGISTER; when its state is IDLE it may be freed
 *
 * Sources: GB/T 28181-2022 9.1, 9.6, annex on cascading; RFC 3261 10.2, 22; RFC 7616; requirements GB-3, GB-4, GB-15, GB-20. */
#ifndef HF_ADAPTER_GB28181_UPSTREAM_H
#define HF_ADAPTER_GB28181_UPSTREAM_H

#include "codec/manscdp/manscdp.h"
#include "codec/sip/digest.h"
#include "core/gb/upstream.h"
#include "core/hub.h"
#include "core/sip/tx.h"

enum {
    HF_GB_UP_TEXT_BYTES_MAX = 128, /* of a name, id, domain or user, with NUL */
    HF_GB_UP_PASSWORD_BYTES_MAX = 256,
    HF_GB_UP_REASON_BYTES_MAX = 128,
    HF_GB_UP_TRANSACTIONS_MAX = 4096,
    HF_GB_UP_KEPT_BYTES_MAX = 16 << 20,
    HF_GB_UP_ASKS_MAX = 1024, /* requests of ours under way to one platform */
};

/* Counters of one upstream. Columns: member, what. */
#define HF_GB_UPSTREAM_STATS_MAP(X)                                                                     \
    X(registers, "REGISTERs sent")                                                                      \
    X(challenged, "of these, those that were answered by a challenge")                                  \
    X(accepted, "registrations and refreshes that were accepted")                                       \
    X(refused, "attempts to register that were refused")                                                \
    X(unanswered, "attempts to register without an answer")                                             \
    X(broken, "registrations that broke: connection lost, keepalives unanswered, or we were forgotten") \
    X(keepalives, "keepalives sent")                                                                    \
    X(keepalives_missed, "keepalives that were not answered")                                           \
    X(received, "messages from above")                                                                  \
    X(strangers, "messages from other addresses, ignored")                                              \
    X(malformed, "of these, those that could not be parsed")                                            \
    X(requests, "requests from above that were taken")                                                  \
    X(requests_refused, "requests from above that were refused: method, body, size, or too many")       \
    X(asks_full, "requests of ours that were not sent because too many are under way")

struct hf_gb_upstream_stats {
#define HF_GB_UPSTREAM_STATS_MEMBER(member, text) uint64_t member;
    HF_GB_UPSTREAM_STATS_MAP(HF_GB_UPSTREAM_STATS_MEMBER)
#undef HF_GB_UPSTREAM_STATS_MEMBER
};

/* How it stands; a copy. Times are monotonic. */
struct hf_gb_upstream_view {
    uint8_t state;   /* enum hf_gb_up_state */
    uint16_t status; /* of the last answer to REGISTER or a keepalive; 0 = none */
    uint32_t failures, expires_s;
    uint64_t since_ms, due_ms /* next attempt or refresh; UINT64_MAX = none */;
    char reason[HF_GB_UP_REASON_BYTES_MAX]; /* of the last failure, "" = none since it registered */
    struct hf_gb_upstream_stats stats;
};

struct hf_gb_upstream_ops {
    /* Makes the way. HF_OK: *ret_flow is it, usable at once. HF_ERR_BUSY: hf_gb_upstream_connected() or _lost() follows. Anything else: it failed, *ret_why (static) says how. Must not call the upstream. */
    hf_err (*connect)(void *context, struct hf_sip_flow *ret_flow, const char **ret_why);
    /* The way is not used any more; harmless when there is none. Must not call the upstream. */
    void (*disconnect)(void *context);
    hf_err (*send)(void *context, const struct hf_sip_flow *flow, struct hf_slice bytes);
    void (*random)(void *context, void *out, size_t bytes);
    /* Its state or its reason is another now. May ask hf_gb_upstream_view(), nothing else. */
    void (*changed)(void *context);
};

/* Texts are copied. */
struct hf_gb_upstream_options {
    const struct hf_hub *hub; /* borrows: its clock */
    struct hf_wheel *wheel;   /* borrows */
    const struct hf_text_conv *conv;
    const struct hf_gb_upstream_ops *ops;
    void *context;
    struct hf_slice server_id, domain;      /* of the platform */
    struct hf_slice device_id;              /* ours, there */
    struct hf_slice username, password;     /* username absent: device_id. password absent: none */
    struct hf_slice user_agent;             /* absent = "Holdfast" */
    struct hf_slice external_host;          /* ours in Via and Contact; absent = the flow's */
    uint16_t external_port;                 /* with external_host; 0 = the flow's */
    uint32_t expires_s;                     /* 0 = 3,600 */
    uint32_t keepalive_ms, keepalive_count; /* 0 = 60,000 and 3; clamped as in core/gb/registration.h */
    enum hf_cdp_edition edition;            /* 2022: X-GB-Ver 3.0. 0 = 2016 */
    enum hf_text_charset charset;
    struct hf_sip_layer_config sip; /* timers; the rest is the upstream's */
};

struct hf_gb_upstream;

/* HF_ERR_INVALID: a text that is too long, or an id that is none. HF_ERR_NOMEM, HF_ERR_UNSUPPORTED as hf_gb_site_new(). It is IDLE. */
hf_err hf_gb_upstream_new(const struct hf_gb_upstream_options *options, struct hf_gb_upstream **ret_up);
/* In any state, without a word; ops.disconnect is called. NULL is harmless. */
void hf_gb_upstream_free(struct hf_gb_upstream *up);
void hf_gb_upstream_start(struct hf_gb_upstream *up);
void hf_gb_upstream_stop(
    struct hf_gb_upstream *up); /* ops.changed tells when it is IDLE; it may be so at once */
void hf_gb_upstream_connected(struct hf_gb_upstream *up, const struct hf_sip_flow *flow);
/* A stream ended, or nobody listens there. why: static. */
void hf_gb_upstream_lost(struct hf_gb_upstream *up, const char *why);
/* One datagram, or one message that the framer cut. HF_ERR_MALFORMED, HF_ERR_LIMIT: end a stream that it came from. */
hf_err hf_gb_upstream_receive(struct hf_gb_upstream *up, const struct hf_sip_flow *flow,
                              struct hf_slice bytes);
void hf_gb_upstream_view(const struct hf_gb_upstream *up, struct hf_gb_upstream_view *ret_view);

#endif
