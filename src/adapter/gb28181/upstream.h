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

#include "adapter/gb28181/upstream_tree.h"
#include "codec/manscdp/manscdp.h"
#include "codec/sip/digest.h"
#include "core/breaker.h"
#include "core/gb/upstream.h"
#include "core/hub.h"
#include "core/sip/tx.h"

enum {
    HF_GB_UP_TEXT_BYTES_MAX = 128, /* of a name, id, domain or user, with NUL */
    HF_GB_UP_PASSWORD_BYTES_MAX = 256,
    HF_GB_UP_REASON_BYTES_MAX = 128,
    HF_GB_UP_TRANSACTIONS_MAX = 4096,
    HF_GB_UP_KEPT_BYTES_MAX = 16 << 20,
    HF_GB_UP_ASKS_MAX = 1024,    /* requests of ours under way to one platform */
    HF_GB_UP_JOBS_MAX = 64,      /* answers under way to one platform; more questions are answered 503 */
    HF_GB_UP_FORWARDS_MAX = 256, /* questions and orders of one platform that cameras have; likewise */
    HF_GB_UP_SUBS_MAX = 8,   /* subscriptions to the catalogue of one platform; the next is answered 503 */
    HF_GB_UP_LOOK_MS = 5000, /* between looks for changes; and where there are thousands of channels: */
    HF_GB_UP_LOOK_MANY_MS = 30000,
    HF_GB_UP_CALLS_MAX = 256, /* media sessions of one platform; the next INVITE is answered 486 */
    HF_GB_UP_DIALOG_BYTES_MAX = 4 << 20,
    HF_GB_UP_TRIES_MAX = 3, /* of a part of an answer */
    HF_GB_UP_DATAGRAM_BYTES = 1300,
    HF_GB_UP_TREE_AGE_MS =
        60000, /* what is shown may be so old when an id is looked for; and so young not to be looked at again: */
    HF_GB_UP_TREE_YOUNG_MS = 100,
};

/* Counters of one upstream. Columns: member, what. */
#define HF_GB_UPSTREAM_STATS_MAP(X)                                                                     \
    X(registers, "REGISTERs sent")                                                                      \
    X(challenged, "of these, those that were answered by a challenge")                                  \
    X(accepted, "registrations and refreshes that were accepted")                                       \
    X(redirected, "attempts that were sent on to another place (302)")                                  \
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
    X(queries, "of these, questions")                                                                   \
    X(orders, "and orders")                                                                             \
    X(not_shown, "questions and orders about an id that is not shown there")                            \
    X(forwarded, "questions and orders that cameras got")                                               \
    X(forwards_failed, "of these, those that ended without an answer of the camera")                    \
    X(answers, "answers sent, whole")                                                                   \
    X(answers_failed, "answers of which a part was not taken, three times")                             \
    X(busy, "questions and orders answered 503 because too many are under way")                         \
    X(calls, "INVITEs from above")                                                                      \
    X(calls_refused, "of these, those that were refused at once")                                       \
    X(calls_answered, "of these, those that a device answered")                                         \
    X(calls_failed, "of these, those that no device answered")                                          \
    X(calls_canceled, "of these, those that the platform canceled")                                     \
    X(calls_ended_above, "media sessions that the platform ended")                                      \
    X(calls_ended_below, "media sessions that the device or its media ended")                           \
    X(subscribes, "subscriptions to the catalogue, their renewals included")                            \
    X(changes, "changes of the catalogue that subscribers are told of")                                 \
    X(breaker_opened, "times that the platform was taken for dead: it answers nothing")                 \
    X(breaker_refused, "requests of ours that were not sent for that reason")                           \
    X(asks_full, "requests of ours that were not sent because too many are under way")

struct hf_gb_upstream_stats {
#define HF_GB_UPSTREAM_STATS_MEMBER(member, text) uint64_t member;
    HF_GB_UPSTREAM_STATS_MAP(HF_GB_UPSTREAM_STATS_MEMBER)
#undef HF_GB_UPSTREAM_STATS_MEMBER
};

/* How it stands; a copy. Times are monotonic. */
struct hf_gb_upstream_view {
    uint32_t shown, hidden, left_out; /* devices and channels, as of the last look */
    uint8_t state;                    /* enum hf_gb_up_state */
    uint8_t breaker;                  /* enum hf_breaker_state */
    uint16_t status;                  /* of the last answer to REGISTER or a keepalive; 0 = none */
    uint32_t failures, expires_s;
    uint64_t since_ms, due_ms /* next attempt or refresh; UINT64_MAX = none */;
    char reason[HF_GB_UP_REASON_BYTES_MAX]; /* of the last failure, "" = none since it registered */
    struct hf_gb_upstream_stats stats;
};

struct hf_gb_upstream_ops {
    /* Makes the way. HF_OK: *ret_flow is it, usable at once. HF_ERR_BUSY: hf_gb_upstream_connected() or _lost() follows. Anything else: it failed, *ret_why (static) says how. Must not call the upstream. */
    hf_err (*connect)(void *context, struct hf_sip_flow *ret_flow, const char **ret_why);
    /* From the next connect() on the way goes to that address; host absent: to the one of the configuration again. False: it is no numeric address, or not to be reached from here. NULL: 302 is a refusal. Must
     * not call the upstream. */
    bool (*redirect)(void *context, struct hf_slice host, uint16_t port);
    /* The way is not used any more; harmless when there is none. Must not call the upstream. */
    void (*disconnect)(void *context);
    hf_err (*send)(void *context, const struct hf_sip_flow *flow, struct hf_slice bytes);
    void (*random)(void *context, void *out, size_t bytes);
    /* A call of ours to the hub of whichever worker it belongs to, as hf_backend_ops.call. */
    hf_err (*call)(void *context, struct hf_call *call);
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
    uint32_t datagram_bytes_max;    /* of answers in parts; 0 = 1,300 */
    int16_t zone_minutes;           /* of times, east of UTC */
    struct hf_kv *kv;               /* borrows: the tables */
    struct hf_slice tenant;         /* borrows: whose cameras are shown */
    struct hf_gb_up_shown shown;    /* borrows: which of them, and as what */
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
/* A media session of a device ended (the id as in results of Play): whoever above has it hears so. */
void hf_gb_upstream_call_ended(struct hf_gb_upstream *up, struct hf_slice id);
void hf_gb_upstream_view(const struct hf_gb_upstream *up, struct hf_gb_upstream_view *ret_view);

#endif
