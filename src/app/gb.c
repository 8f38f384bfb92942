/* app/gb.c - a worker's share of the cameras: its site made, exchanged and ended, and what that asks of its worker. */
#include "app/gb.h"

#include <stdio.h>
#include <string.h>

#include "adapter/gb28181/media.h"
#include "app/gb_accounts.h"
#include "app/gb_config.h"
#include "app/media.h"
#include "app/worker.h"
#include "base/assert.h"
#include "io/charset.h"
#include "io/entropy.h"

void hf_gbw_media_told(void *context, struct hf_tenant *tenant, const struct hf_gb_media_told *told)
{
    struct hf_gbw *gb = context;

    HF_ASSERT(tenant == gb->tenant);
    if (gb->site != NULL)
        hf_gb_media_told(gb->site, told);
}

/* ---- what a site asks for ---- */

static hf_err site_send(void *context, const struct hf_sip_flow *flow, struct hf_slice bytes)
{
    struct hf_gbw *gb = context;

    if (!hf_sip_flow_reliable(flow))
        return hf_gbw_udp_send(gb, flow, bytes);
    return flow->endpoint == gb->worker->index ? hf_gbw_stream_send(gb, flow, bytes)
                                               : hf_gbw_post_send(gb, flow, bytes);
}

static void site_close_flow(void *context, const struct hf_sip_flow *flow)
{
    struct hf_gbw *gb = context;

    if (flow->endpoint == gb->worker->index)
        hf_gbw_stream_finish(gb, flow);
    else
        hf_gbw_post_word(gb, flow->endpoint, HF_GBW_WORD_FINISH, flow, true);
}

static void site_proven(void *context, const struct hf_sip_flow *flow)
{
    struct hf_gbw *gb = context;

    if (flow->endpoint == gb->worker->index)
        hf_gbw_stream_proven(gb, flow);
    else
        hf_gbw_post_word(gb, flow->endpoint, HF_GBW_WORD_PROVEN, flow, true);
}

static void site_random(void *context, void *out, size_t bytes)
{
    struct hf_gbw *gb = context;

    if (bytes > sizeof(gb->entropy) / 8) {
        hf_entropy(out, bytes);
        return;
    }
    if (gb->entropy_left < bytes) {
        hf_entropy(gb->entropy, sizeof(gb->entropy));
        gb->entropy_left = sizeof(gb->entropy);
    }
    gb->entropy_left -= (unsigned)bytes;
    memcpy(out, gb->entropy + gb->entropy_left, bytes);
    memset(gb->entropy + gb->entropy_left, 0, bytes); /* nobody has it twice, nor later */
}

static uint64_t site_conn_id(void *context)
{
    return hf_worker_conn_id(((struct hf_gbw *)context)->worker);
}

/* A platform at which we register may not register here: each would show the other its own cameras. */
static bool is_above(struct hf_gbw *gb, struct hf_slice device)
{
    const struct hf_config_gb_upstream_list *list = &gb->worker->rules->config->gb28181.upstreams;

    for (size_t i = 0; i < list->count; i++)
        if (hf_slice_is(device, list->at[i].server_id)) {
            hf_log(&gb->worker->gateway->logger, HF_LOG_UPSTREAM_LOOP, HF_F_STR("upstream", list->at[i].name),
                   HF_F_DEVICE(device), HF_F_END);
            return true;
        }
    return false;
}

static hf_err site_account(void *context, struct hf_slice device, struct hf_slice user_agent,
                           struct hf_gb_account *ret_account)
{
    const struct hf_gb_accounts *accounts = ((struct hf_gbw *)context)->accounts;

    if (is_above(context, device))
        return HF_ERR_DENIED;
    hf_err err = hf_gb_accounts_find(accounts, device, ret_account);

    if (err == HF_OK)
        (void)hf_gb_accounts_quirk(accounts, device, user_agent, ret_account);
    return err;
}

static bool site_may_take(void *context)
{
    const struct hf_worker *worker = ((struct hf_gbw *)context)->worker;

    return hf_worker_has_room(worker) && !hf_worker_storage_refuses(worker);
}

static void site_log(void *context, const char *event, struct hf_slice device, const struct hf_sip_flow *flow,
                     enum hf_reason reason)
{
    struct hf_gbw *gb = context;
    struct hf_logger *logger = &gb->worker->gateway->logger;
    enum hf_log_event id = strcmp(event, "REGISTERED") == 0       ? HF_LOG_CONN_OPEN
                           : strcmp(event, "ENDED") == 0          ? HF_LOG_CONN_CLOSE
                           : strcmp(event, "BREAKER_OPEN") == 0   ? HF_LOG_BREAKER_OPEN
                           : strcmp(event, "BREAKER_CLOSED") == 0 ? HF_LOG_BREAKER_CLOSED
                                                                  : HF_LOG_AUTH_FAILED;
    char host[HF_SIP_FLOW_HOST_MAX], peer[HF_SIP_FLOW_HOST_MAX + 8];

    if (!hf_log_enabled(logger, id))
        return;
    (void)hf_sip_flow_peer_host(flow, host);
    (void)snprintf(peer, sizeof(peer), flow->family == 6 ? "[%s]:%u" : "%s:%u", host, flow->peer_port);
    hf_log(logger, id, HF_F_STR("protocol", "gb28181"), HF_F_DEVICE(device), HF_F_TENANT(gb->tenant->name),
           HF_F_STR("peer", peer), HF_F_STR("transport", hf_sip_flow_reliable(flow) ? "tcp" : "udp"),
           HF_F_REASON(reason), HF_F_END);
}

static void site_ssrcs(void *context, struct hf_slice host, bool alarm, unsigned used, unsigned resting)
{
    struct hf_gbw *gb = context;
    char server[HF_SIP_FLOW_HOST_MAX];

    (void)snprintf(server, sizeof(server), "%.*s", host.bytes > 0 ? (int)host.bytes : 5,
                   host.bytes > 0 ? host.at : "relay");
    hf_log(&gb->worker->gateway->logger, alarm ? HF_LOG_SSRC_SHORT : HF_LOG_SSRC_CALM,
           HF_F_STR("server", server), HF_F_U64("used", used), HF_F_U64("resting", resting), HF_F_END);
}

/* Whose worker has the platform that asked for it is not known here. */
static void site_call_ended(void *context, struct hf_slice id)
{
    struct hf_gbw *gb = context;

    if (gb->worker->rules->config->gb28181.upstreams.count > 0)
        hf_gbw_post_call_ended(gb, id);
}

static const struct hf_gb_site_ops site_ops = {
    .send = site_send,
    .close_flow = site_close_flow,
    .proven = site_proven,
    .random = site_random,
    .conn_id = site_conn_id,
    .account = site_account,
    .may_take = site_may_take,
    .call_ended = site_call_ended,
    .on_log = site_log,
    .on_ssrcs = site_ssrcs,
};

/* ---- a worker's share ---- */

hf_err hf_gbw_open(struct hf_worker *worker)
{
    struct hf_gateway *gateway = worker->gateway;
    const struct hf_config *config = worker->rules->config;
    struct hf_gbw *gb = &worker->gb;
    struct hf_gb_options options = {
        .hub = &worker->hub,
        .wheel = &worker->loop->wheel,
        .ops = &site_ops,
        .context = gb,
        .conv = &gb->conv,
        .media = gateway->media != NULL ? &hf_media_ops : NULL,
        .media_context = gateway->media,
        .realm = hf_slice_of(gateway->gb.realm),
        .server_id = hf_slice_of(config->gb28181.server_id),
        .user_agent = hf_slice_of(config->gb28181.user_agent),
        .external_host = hf_slice_of(config->gb28181.external_host),
        .external_port = (uint16_t)config->gb28181.external_port,
        .devices_max = (uint32_t)config->gb28181.devices_max,
        .calls_max = (uint32_t)config->gb28181.calls_max,
        .trace_bytes = config->gb28181.trace_bytes_max,
        .sip = {.transactions_max = (uint32_t)config->gb28181.transactions_max},
    };

    gb->worker = worker;
    hf_gbw_streams_init(gb);
    hf_gbw_upstreams_init(gb);
    if (gateway->gb.door_count == 0)
        return HF_OK;
    for (unsigned door = 0; door < gateway->gb.door_count; door++)
        gb->here[door] = (struct hf_gbw_door_here){gb, door};
    gb->tenant = options.tenant = gateway->gb.tenant;
    memcpy(options.secret, gateway->gb.secret, sizeof(options.secret));
    hf_gb_limits_of(config, &options.limits);
    gb->accounts = worker->rules->gb_accounts;
    hf_err err = hf_charset_open(&gb->conv);
    if (err != HF_OK)
        return err;
    gb->conv_open = true;
    err = hf_gb_site_new(&options, &gb->site);
    if (err == HF_OK)
        hf_gbw_upstreams_use(gb, worker->rules); /* they begin with the first turn */
    return err;
}

hf_err hf_gbw_restore(struct hf_gbw *gb)
{
    return gb->site != NULL ? hf_gb_site_restore(gb->site) : HF_OK;
}

void hf_gbw_call(struct hf_gbw *gb, struct hf_call *call)
{
    if (gb->site != NULL && hf_slice_eq(call->tenant, gb->tenant->name))
        hf_gb_site_call(gb->site, call);
    else
        call->reason = HF_REASON_NOT_FOUND;
}

void hf_gbw_use_rules(struct hf_gbw *gb, const struct hf_gateway_rules *rules)
{
    struct hf_gb_limits limits;

    if (gb->site == NULL || rules->gb_accounts == NULL)
        return; /* not served here; or switched off in the file, which needs a restart: what runs stays */
    gb->accounts = rules->gb_accounts;
    hf_gb_limits_of(rules->config, &limits);
    hf_err err = hf_gb_site_set_limits(gb->site, &limits);
    HF_ASSERT(err == HF_OK); /* the table's ranges are within the site's */
    hf_gbw_upstreams_use(gb, rules);
}

void hf_gbw_turn_end(struct hf_gbw *gb)
{
    if (hf_gate_opens(&gb->gate, hf_gbw_post_room(gb)))
        hf_gbw_streams_release(gb);
}

void hf_gbw_drain_begin(struct hf_gbw *gb)
{
    for (unsigned door = 0; door < gb->worker->gateway->gb.door_count; door++) {
        hf_listener_close(gb->listeners[door]);
        gb->listeners[door] = NULL;
    }
    if (gb->site == NULL)
        return;
    (void)hf_gb_site_drain(gb->site, 0, HF_REASON_DRAIN);
    hf_gbw_upstreams_leave(gb);
}

static void add_udp(struct hf_gbw_udp_sums *sums, const struct hf_udp_stats *udp)
{
    sums->received += udp->received;
    sums->received_bytes += udp->received_bytes;
    sums->receives += udp->receives;
    sums->receive_errors += udp->receive_errors;
    sums->refused_truncated += udp->refused_truncated;
    sums->kernel_drops += udp->kernel_drops;
    sums->sent += udp->sent;
    sums->sent_bytes += udp->sent_bytes;
    sums->sends += udp->sends;
    sums->blocked += udp->blocked;
    sums->refused_queue += udp->refused_queue;
    sums->refused_nomem += udp->refused_nomem;
    sums->send_errors += udp->send_errors;
    sums->error_reports += udp->error_reports;
    sums->queued_bytes += udp->queued_bytes;
}

void hf_gbw_stats_copy(struct hf_gbw *gb, struct hf_gbw_worker_stats *ret_stats)
{
    if (gb->site == NULL)
        return;
    ret_stats->site = *hf_gb_site_stats(gb->site);
    ret_stats->sip = *hf_gb_site_sip_stats(gb->site);
    ret_stats->traces = hf_gb_site_trace_stats(gb->site);
    ret_stats->wire = gb->stats;
    ret_stats->wire.post_bytes_now = atomic_load_explicit(&gb->post_bytes, memory_order_relaxed);
    memset(&ret_stats->udp, 0, sizeof(ret_stats->udp));
    for (unsigned door = 0; door < gb->worker->gateway->gb.door_count; door++) {
        if (gb->udp[door] == NULL)
            continue;
        struct hf_udp_stats udp = hf_udp_stats(gb->udp[door]);
        add_udp(&ret_stats->udp, &udp);
    }
    hf_gbw_upstreams_publish(gb);
}

uint64_t hf_gbw_work(const struct hf_gbw *gb)
{
    if (gb->site == NULL)
        return 0;
    const struct hf_gb_stats *stats = hf_gb_site_stats(gb->site);
    return stats->received - stats->keepalives - stats->low_keepalives;
}

void hf_gbw_close(struct hf_gbw *gb)
{
    if (gb->site == NULL)
        return;
    hf_gbw_drain_begin(gb);
    hf_gbw_upstreams_free(gb);
    (void)hf_gb_site_drain(gb->site, UINT32_MAX, HF_REASON_DRAIN);
    hf_gbw_streams_abort(gb);
    for (unsigned door = 0; door < gb->worker->gateway->gb.door_count; door++) {
        hf_udp_close(gb->udp[door]);
        gb->udp[door] = NULL;
    }
}

void hf_gbw_free(struct hf_gbw *gb)
{
    hf_gb_site_free(gb->site);
    gb->site = NULL;
    if (gb->conv_open)
        hf_charset_close(&gb->conv);
    gb->conv_open = false;
}
