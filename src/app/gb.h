/* app/gb.h - cameras of GB/T 28181 on this gateway: SIP sockets, and one site (adapter/gb28181/site.h) for each worker. gb.c is the life of a worker's
 * share and what its site asks for, gb_udp.c and gb_stream.c are its sockets, gb_post.c carries between workers, gb_accounts.c knows passwords, gb_metrics.c
 * shows it.
 *
 * A device's messages are handled by its home worker, whoever's socket they came to. A datagram may be answered from any worker's socket of the same address and
 * port. A TCP connection stays where it was accepted, and messages cross in both directions: one connection may carry several devices (a lower platform, a
 * proxy) whose homes differ, so crossing is needed in any case, and a connection that never moves has one name (flow.connection and, in flow.endpoint, the worker)
 * that no transaction, dialog or device on any worker ever has to be told anew. It costs a copy and a hop for each message of a device whose connection
 * the kernel gave to another worker. */
#ifndef HF_APP_GB_H
#define HF_APP_GB_H

#include "adapter/gb28181/site.h"
#include "app/config.h"
#include "app/gate.h"
#include "app/gb_upstream.h"
#include "base/list.h"
#include "codec/sip/framer.h"
#include "io/listener.h"
#include "io/loop.h"
#include "io/udp.h"

struct hf_gateway;
struct hf_gateway_rules;
struct hf_gb_accounts;
struct hf_sb;
struct hf_json_out;
struct hf_page;
struct hf_worker;

enum {
    HF_GBW_DOORS_MAX = 16,
    HF_GBW_POST_BYTES_MAX =
        64 << 20,                  /* of messages on their way from one worker to others; above, datagrams are
                                        dropped and streams not read */
    HF_GBW_STREAM_CLOSE_MS = 5000, /* we have said that it is over: the peer's end is awaited so long */
    HF_GBW_PORT_TRIES = 16,        /* UDP and TCP on one port that the kernel chooses */
};

/* A SIP listener of the configuration, the same for all workers. */
struct hf_gbw_door {
    char name[65];
    union hf_address address; /* with the real port once open */
    bool udp, tcp;
};

/* What the workers share; of the gateway. */
struct hf_gateway_gb {
    struct hf_gbw_door doors[HF_GBW_DOORS_MAX];
    unsigned door_count; /* 0: no cameras */
    uint8_t secret[HF_SIP_NONCE_KEY_BYTES];
    struct hf_tenant *tenant; /* whose the cameras are */
    uint64_t devices_max;     /* of all workers */
    char realm[HF_GB_DOMAIN_BYTES_MAX];
};

/* Columns: member, what. All are counters. */
#define HF_GBW_WIRE_STATS_MAP(X)                                                                        \
    X(forwarded, "messages handed to the worker that is their device's home")                           \
    X(forwarded_dropped, "datagrams dropped because that worker's mailbox was nearly full")             \
    X(answers_forwarded, "messages for a TCP connection of another worker")                             \
    X(answers_refused, "messages for such a connection refused because that worker's mailbox was full") \
    X(flows_failed, "peers that ICMP says do not listen")                                               \
    X(streams_opened, "TCP connections taken")                                                          \
    X(streams_refused, "TCP connections refused by admission or for want of memory")                    \
    X(streams_unproven, "TCP connections closed because no device registered in time")                  \
    X(streams_idle, "TCP connections closed because nothing came for long")                             \
    X(streams_stuck, "TCP connections closed because the peer did not read")                            \
    X(streams_broken, "TCP connections closed because of a message that breaks the framing")            \
    X(streams_full, "TCP connections closed for want of buffer memory")                                 \
    X(streams_held, "times that a TCP connection was not read because another worker was busy")         \
    X(pings, "double CRLFs answered")

struct hf_gbw_wire_stats {
#define HF_GBW_WIRE_MEMBER(member, text) uint64_t member;
    HF_GBW_WIRE_STATS_MAP(HF_GBW_WIRE_MEMBER)
#undef HF_GBW_WIRE_MEMBER
    uint64_t streams_now, buffer_bytes_now, post_bytes_now; /* gauges */
};

struct hf_gbw_udp_sums { /* over a worker's endpoints */
    uint64_t received, received_bytes, receives, receive_errors, refused_truncated, kernel_drops, sent,
        sent_bytes, sends, blocked, refused_queue, refused_nomem, send_errors, error_reports, queued_bytes;
};

struct hf_gbw_worker_stats { /* a copy for other threads */
    struct hf_gb_stats site;
    struct hf_sip_layer_stats sip;
    struct hf_gbw_wire_stats wire;
    struct hf_gbw_udp_sums udp;
    struct hf_sip_trace_stats traces;
};

/* One worker's share. */
struct hf_gbw {
    struct hf_worker *worker;
    struct hf_gb_site *site; /* owns; NULL: no cameras here */
    struct hf_tenant *tenant;
    const struct hf_gb_accounts *accounts; /* in use here */
    struct hf_text_conv conv;
    bool conv_open;
    struct hf_udp *udp[HF_GBW_DOORS_MAX];            /* by door; owns */
    struct hf_listener *listeners[HF_GBW_DOORS_MAX]; /* by door; owns */
    struct hf_gbw_door_here {                        /* what a socket's callback gets */
        struct hf_gbw *gb;
        unsigned door;
    } here[HF_GBW_DOORS_MAX];
    struct hf_map streams;         /* struct hf_gbw_stream by connection id */
    struct hf_list_node held;      /* streams that are not read */
    struct hf_list_node upstreams; /* struct hf_gbw_upstream: platforms above that live here */
    struct hf_gate gate;           /* of streams */
    _Atomic uint64_t post_bytes;   /* of ours under way; taken off by their receivers */
    _Atomic bool wants_room;       /* streams are held: wake us when there is less under way */
    struct hf_gbw_wire_stats stats;
    unsigned entropy_left; /* bytes of entropy[] that nobody has had */
    uint8_t entropy[512];  /* read ahead: a nonce needs a few bytes, and each challenge is one */
};

/* ---- of the gateway; gb.c ---- */

hf_err hf_gateway_gb_init(struct hf_gateway *gateway, const struct hf_config *config, char *error,
                          size_t error_bytes);
/* Sockets of all workers, once they are there. */
hf_err hf_gateway_gb_bind(struct hf_gateway *gateway, char *error, size_t error_bytes);
void hf_gateway_gb_log(struct hf_gateway *gateway);                                  /* LISTENING lines */
void hf_gateway_gb_print(const struct hf_gateway *gateway, struct hf_json_out *out); /* for run.json */

/* ---- of a worker; gb.c ---- */

hf_err hf_gbw_open(struct hf_worker *worker);
/* Registrations of earlier starts, once the hub has what waits for devices. */
hf_err hf_gbw_restore(struct hf_gbw *gb);
/* HF_CALL_SIP: fills in the answer. */
void hf_gbw_call(struct hf_gbw *gb, struct hf_call *call);
void hf_gbw_use_rules(struct hf_gbw *gb, const struct hf_gateway_rules *rules);
void hf_gbw_turn_end(struct hf_gbw *gb);
/* No TCP connection is let in any more, REGISTER is answered 503. */
void hf_gbw_drain_begin(struct hf_gbw *gb);
void hf_gbw_stats_copy(struct hf_gbw *gb, struct hf_gbw_worker_stats *ret_stats);
uint64_t hf_gbw_work(const struct hf_gbw *gb); /* for app/idle.h: whatever is no heartbeat; only grows */
void hf_gbw_close(struct hf_gbw *gb);          /* sockets and devices */
void hf_gbw_free(struct hf_gbw *gb);

/* What became of a leg of this worker's calls; context is its struct hf_gbw. app/media.h. */
struct hf_gb_media_told;
void hf_gbw_media_told(void *context, struct hf_tenant *tenant, const struct hf_gb_media_told *told);

/* gb_metrics.c */
void hf_gbw_stats_add(struct hf_gbw_worker_stats *total, const struct hf_gbw_worker_stats *one);
void hf_gbw_metrics(struct hf_page *page, const struct hf_gateway *gateway,
                    const struct hf_gbw_worker_stats *sum);

/* gb_udp.c */
/* local of another family, or none: not known. */
/* Of a datagram: its interface, too, when the peer is known by no more than that (fe80::/10). Begin with {0}. */
void hf_gbw_flow_of_datagram(struct hf_sip_flow *flow, const union hf_address *peer,
                             const union hf_address *local);
union hf_address hf_gbw_flow_peer(const struct hf_sip_flow *flow); /* back again, for a datagram */
void hf_gbw_flow_addresses(struct hf_sip_flow *flow, const union hf_address *peer,
                           const union hf_address *local);
hf_err hf_gbw_udp_open(struct hf_gbw *gb, unsigned door);
hf_err hf_gbw_udp_send(struct hf_gbw *gb, const struct hf_sip_flow *flow, struct hf_slice bytes);

/* gb_stream.c */
void hf_gbw_streams_init(struct hf_gbw *gb);
hf_err hf_gbw_tcp_open(struct hf_gbw *gb, unsigned door);
hf_err hf_gbw_stream_send(struct hf_gbw *gb, const struct hf_sip_flow *flow, struct hf_slice bytes);
void hf_gbw_stream_finish(struct hf_gbw *gb, const struct hf_sip_flow *flow);
void hf_gbw_stream_proven(struct hf_gbw *gb, const struct hf_sip_flow *flow);
void hf_gbw_streams_finish(struct hf_gbw *gb);
void hf_gbw_streams_abort(struct hf_gbw *gb);
void hf_gbw_streams_release(struct hf_gbw *gb); /* those that were held are read on */

/* gb_post.c */
struct hf_gbw_post {
    void *carried;       /* first, see app/worker.h */
    struct hf_gbw *from; /* whose post_bytes count it */
    struct hf_sip_flow flow;
    uint32_t bytes;
    uint8_t word; /* enum hf_gbw_word */
    char data[];
};
/* A message that has come, to its home: here at once, or over there. HF_OK; HF_ERR_BUSY: a datagram was dropped, counted; HF_ERR_MALFORMED, HF_ERR_LIMIT:
 * as hf_gb_receive(), only when it was handled here. *ret_home: whose it was. */
hf_err hf_gbw_deliver(struct hf_gbw *gb, const struct hf_sip_flow *flow, struct hf_slice bytes,
                      unsigned *ret_home);
bool hf_gbw_post_room(const struct hf_gbw *gb); /* streams may be read */
hf_err hf_gbw_post_send(struct hf_gbw *gb, const struct hf_sip_flow *flow, struct hf_slice bytes);
enum hf_gbw_word {
    HF_GBW_WORD_MESSAGE,
    HF_GBW_WORD_SEND,
    HF_GBW_WORD_FINISH,
    HF_GBW_WORD_PROVEN,
    HF_GBW_WORD_CLOSED,
    HF_GBW_WORD_CALL_ENDED, /* data is its id: for platforms above that live on the other worker */
};
/* FINISH and PROVEN to the flow's worker, CLOSED to any. must: waits where the mailbox is full; otherwise it is then forgotten. */
void hf_gbw_post_word(struct hf_gbw *gb, unsigned to, enum hf_gbw_word word, const struct hf_sip_flow *flow,
                      bool must);
/* To all workers, this one included. */
void hf_gbw_post_call_ended(struct hf_gbw *gb, struct hf_slice id);
void hf_gbw_on_post(struct hf_worker *worker, struct hf_gbw_post *post);

#endif
