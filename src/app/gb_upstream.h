/* app/gb_upstream.h - the platforms above: each upstream of the configuration lives on one worker, with a socket of its own (adapter/gb28181/upstream.h). gb_upstream.c makes, exchanges
 * and ends them, gb_upstream_io.c is their socket or connection, gb_upstream_show.c is what the API and /metrics say of them. */
#ifndef HF_APP_GB_UPSTREAM_H
#define HF_APP_GB_UPSTREAM_H

#include <pthread.h>

#include "adapter/gb28181/upstream.h"
#include "app/config.h"
#include "base/list.h"
#include "codec/sip/framer.h"
#include "io/socket.h"
#include "io/udp.h"

struct hf_gateway;
struct hf_gateway_rules;
struct hf_gbw;
struct hf_json_out;
struct hf_page;

enum {
    HF_GBW_UPSTREAMS_MAX = 32, /* of the configuration */
    HF_GBW_UPSTREAM_ROWS_MAX =
        2 * HF_GBW_UPSTREAMS_MAX, /* those that leave and those that come, at a reload */
    HF_GBW_UPSTREAM_BUFFER_BYTES_MAX = HF_SIP_HEAD_BYTES_MAX + HF_SIP_BODY_BYTES_MAX,
};

/* How one stands, for other threads. */
struct hf_gbw_upstream_row {
    bool used;
    bool tcp;
    char name[65], address[HF_SOCKET_TEXT_MAX], server_id[21], device_id[21];
    uint64_t since_ms, due_ms; /* UTC; due 0 = nothing */
    struct hf_gb_upstream_view view;
};

/* Of the gateway. */
struct hf_gateway_upstreams {
    pthread_mutex_t mutex;
    struct hf_gbw_upstream_row rows[HF_GBW_UPSTREAM_ROWS_MAX];
};

/* One of a worker. */
struct hf_gbw_upstream {
    struct hf_list_node node;
    struct hf_gbw *gb;
    struct hf_timer settle; /* makes, exchanges or ends it; never from within its own calls */
    const struct hf_config_gb_upstream *config,
        *wanted; /* in force, and to be; borrowed from rules, which stay. NULL: none */
    const char *password, *wanted_password;
    struct hf_gb_up_alias *aliases;  /* owns; of config->ids */
    struct hf_gb_upstream *upstream; /* owns; NULL before it is made */
    union hf_address peer;
    struct hf_udp *udp;   /* owns; or */
    struct hf_link *link; /* a stream; borrows */
    struct hf_sip_flow flow;
    struct hf_sip_framer framer;
    char *buffer; /* owns; NULL while no message is incomplete */
    size_t bytes, room;
    uint8_t logged; /* enum hf_gb_up_state that the log has said last */
};

/* ---- of a worker ---- */

void hf_gbw_upstreams_init(struct hf_gbw *gb);
/* Takes over what the configuration says: new ones begin, changed ones leave and come back, others leave. */
void hf_gbw_upstreams_use(struct hf_gbw *gb, const struct hf_gateway_rules *rules);
void hf_gbw_upstreams_leave(struct hf_gbw *gb); /* all, with un-REGISTER; none comes any more */
void hf_gbw_upstreams_call_ended(struct hf_gbw *gb, struct hf_slice id);
unsigned hf_gbw_upstreams_left(const struct hf_gbw *gb);
void hf_gbw_upstreams_publish(struct hf_gbw *gb); /* into the gateway's rows */
void hf_gbw_upstreams_free(struct hf_gbw *gb);    /* without a word */

/* ---- of the gateway; any thread ---- */

void hf_gateway_upstreams_init(struct hf_gateway *gateway);
void hf_gateway_upstreams_metrics(struct hf_page *page, struct hf_gateway *gateway);
/* Members of an array that is open in out. */
void hf_gateway_upstreams_json(struct hf_gateway *gateway, struct hf_json_out *out);

/* ---- among the files ---- */

/* gb_upstream_io.c: as hf_gb_upstream_ops; the context is the struct hf_gbw_upstream. */
hf_err hf_gbw_upstream_connect(void *context, struct hf_sip_flow *ret_flow, const char **ret_why);
bool hf_gbw_upstream_redirect(void *context, struct hf_slice host, uint16_t port);
void hf_gbw_upstream_disconnect(void *context);
hf_err hf_gbw_upstream_send(void *context, const struct hf_sip_flow *flow, struct hf_slice bytes);
/* gb_upstream_show.c */
void hf_gbw_upstream_publish(const struct hf_gbw_upstream *upstream);
void hf_gbw_upstream_unpublish(const struct hf_gbw_upstream *upstream);

#endif
