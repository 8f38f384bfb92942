#include "sim/sip_host.h"

#include <stdlib.h>
#include <string.h>

#include "sim/camera.h"
#include "sim/sim.h"

enum { SITE_DEVICES = 64, SITE_TRANSACTIONS = 4096, SITE_CALLS = 64, SITE_TRACE_BYTES = 1 << 18 };

static const uint8_t our_address[4] = {198, 51, 100, 1};

static bool has_cameras(const struct sim_worker *worker)
{
    return worker->gateway->sim->plan.cameras > 0;
}

/* ---- from socket to home ---- */

void sim_gb_post(struct sim_worker *worker, unsigned to, unsigned word, const struct hf_sip_flow *flow,
                 struct hf_slice bytes)
{
    struct sim_sip_post *post = malloc(sizeof(*post) + bytes.bytes);

    HF_ASSERT(post != NULL);
    post->flow = *flow;
    post->word = word;
    post->bytes = bytes.bytes;
    if (bytes.bytes > 0)
        memcpy(post->data, bytes.at, bytes.bytes);
    sim_worker_post(&worker->gateway->workers[to], SIM_POST_SIP, post);
}

static unsigned home_of(const struct sim_worker *worker, struct hf_slice bytes)
{
    struct hf_slice device = hf_gb_home(bytes);

    return device.bytes > 0 ? hf_hub_home(worker->gateway->tenant.name, device, worker->gateway->worker_count)
                            : worker->index;
}

static hf_err receive(struct sim_worker *worker, const struct hf_sip_flow *flow, struct hf_slice bytes)
{
    char *copy = malloc(bytes.bytes); /* of exactly that size: a sanitizer sees who reads beyond */

    HF_ASSERT(copy != NULL);
    memcpy(copy, bytes.at, bytes.bytes);
    sim_oracle_camera_came(worker->gateway->sim, flow, bytes);
    hf_err err = hf_gb_receive(worker->gb.site, flow, (struct hf_slice){copy, bytes.bytes});
    free(copy);
    return err;
}

hf_err sim_gb_deliver(struct sim_worker *worker, const struct hf_sip_flow *flow, struct hf_slice bytes,
                      unsigned *ret_home)
{
    *ret_home = home_of(worker, bytes);
    if (*ret_home == worker->index)
        return receive(worker, flow, bytes);
    sim_gb_post(worker, *ret_home, SIM_SIP_MESSAGE, flow, bytes);
    return HF_OK;
}

void sim_gb_on_post(struct sim_worker *worker, struct sim_sip_post *post)
{
    struct hf_slice bytes = {post->data, post->bytes};
    unsigned home;

    if (!worker->gateway->running || worker->gateway->dying) {
        free(post);
        return;
    }
    switch (post->word) {
    case SIM_SIP_DATAGRAM: (void)sim_gb_deliver(worker, &post->flow, bytes, &home); break;
    case SIM_SIP_MESSAGE:
        if (receive(worker, &post->flow, bytes) != HF_OK && hf_sip_flow_reliable(&post->flow))
            sim_gb_post(worker, post->flow.endpoint, SIM_SIP_FINISH, &post->flow, (struct hf_slice){NULL, 0});
        break;
    case SIM_SIP_SEND: (void)sim_gb_stream_send(worker, &post->flow, bytes); break;
    case SIM_SIP_FINISH: sim_gb_stream_finish(worker, &post->flow); break;
    case SIM_SIP_PROVEN: sim_gb_stream_proven(worker, &post->flow); break;
    case SIM_SIP_CLOSED: hf_gb_flow_closed(worker->gb.site, &post->flow); break;
    }
    free(post);
}

static void datagram_arrived(struct sim_udp *udp, bool up, struct sim_udp_place from, struct hf_slice bytes)
{
    struct sim_camera *camera = HF_CONTAINER_OF(udp, struct sim_camera, udp);
    struct sim_gateway *gateway = &camera->sim->gateway;
    struct hf_sip_flow flow = {.transport = HF_SIP_UDP, .family = 4, .peer_port = from.port};

    if (!up) {
        sim_camera_datagram(camera, bytes);
        return;
    }
    if (!gateway->running || gateway->dying || !gateway->host.up)
        return; /* nobody has that port */
    memcpy(flow.peer, from.address, sizeof(from.address));
    memcpy(flow.local, our_address, sizeof(our_address));
    flow.local_port = SIM_SIP_PORT;
    sim_gb_post(&gateway->workers[0], (unsigned)hf_rng_below(&camera->sim->rng, gateway->worker_count),
                SIM_SIP_DATAGRAM, &flow, bytes);
}

const struct sim_udp_ops sim_sip_udp_ops = {datagram_arrived};

/* ---- what the site asks for ---- */

static hf_err udp_send(struct sim_worker *worker, const struct hf_sip_flow *flow, struct hf_slice bytes)
{
    struct sim *sim = worker->gateway->sim;
    struct sim_udp_place to = {.port = flow->peer_port};

    memcpy(to.address, flow->peer, sizeof(to.address));
    for (unsigned i = 0; i < sim->plan.cameras; i++)
        if (sim_camera_lives_at(&sim->cameras[i], to)) {
            sim_udp_send_down(&sim->cameras[i].udp, to, bytes);
            return HF_OK;
        }
    return HF_OK; /* into the void */
}

static hf_err site_send(void *context, const struct hf_sip_flow *flow, struct hf_slice bytes)
{
    struct sim_worker *worker = context;

    if (!sim_gateway_effect(worker->gateway))
        return HF_OK;
    sim_oracle_camera_answered(worker->gateway->sim, flow, bytes);
    if (!hf_sip_flow_reliable(flow))
        return udp_send(worker, flow, bytes);
    if (flow->endpoint == worker->index)
        return sim_gb_stream_send(worker, flow, bytes);
    if (flow->endpoint >= worker->gateway->worker_count)
        return HF_ERR_CLOSED;
    sim_gb_post(worker, flow->endpoint, SIM_SIP_SEND, flow, bytes);
    return HF_OK;
}

static void to_owner(struct sim_worker *worker, unsigned word, const struct hf_sip_flow *flow)
{
    if (flow->endpoint < worker->gateway->worker_count)
        sim_gb_post(worker, flow->endpoint, word, flow, (struct hf_slice){NULL, 0});
}

static void site_close_flow(void *context, const struct hf_sip_flow *flow)
{
    to_owner(context, SIM_SIP_FINISH, flow);
}

static void site_proven(void *context, const struct hf_sip_flow *flow)
{
    to_owner(context, SIM_SIP_PROVEN, flow);
}

static void site_random(void *context, void *out, size_t bytes)
{
    struct sim_worker *worker = context;

    for (size_t i = 0; i < bytes; i++)
        ((uint8_t *)out)[i] = (uint8_t)hf_rng_u64(&worker->gateway->rng);
}

static uint64_t site_conn_id(void *context)
{
    return sim_worker_conn_id(context);
}

static hf_err site_account(void *context, struct hf_slice device, struct hf_slice user_agent,
                           struct hf_gb_account *ret_account)
{
    struct sim_worker *worker = context;

    (void)user_agent;
    if (sim_camera_by_id(worker->gateway->sim, device) == NULL)
        return HF_ERR_NOT_FOUND;
    ret_account->password = HF_SLICE(SIM_SIP_PASSWORD);
    return HF_OK;
}

static bool site_may_take(void *context)
{
    struct sim_worker *worker = context;

    return hf_app_journal_open(&worker->journal) && !sim_worker_storage_refuses(worker);
}

static void site_log(void *context, const char *event, struct hf_slice device, const struct hf_sip_flow *flow,
                     enum hf_reason reason)
{
    struct sim_worker *worker = context;

    (void)flow;
    sim_oracle_camera_log(worker->gateway->sim, event, device, reason);
}

static const struct hf_gb_site_ops site_ops = {
    .send = site_send,
    .close_flow = site_close_flow,
    .proven = site_proven,
    .random = site_random,
    .conn_id = site_conn_id,
    .account = site_account,
    .may_take = site_may_take,
    .on_log = site_log,
};

/* ---- life ---- */

hf_err sim_gb_start(struct sim_worker *worker)
{
    struct sim *sim = worker->gateway->sim;
    struct hf_gb_options options = {
        .hub = &worker->hub,
        .wheel = &worker->wheel,
        .tenant = &worker->gateway->tenant,
        .ops = &site_ops,
        .context = worker,
        .conv = &sim->conv,
        .realm = HF_SLICE(SIM_SIP_REALM),
        .server_id = HF_SLICE(SIM_SIP_SERVER),
        .devices_max = SITE_DEVICES,
        .trace_bytes = SITE_TRACE_BYTES,
        .calls_max = SITE_CALLS,
        .media = &sim_media_ops,
        .media_context = worker,
        .limits = sim->plan.gb,
        .sip = {.transactions_max = SITE_TRANSACTIONS},
    };

    hf_list_init(&worker->gb.streams);
    if (!has_cameras(worker))
        return HF_OK;
    memcpy(options.secret, worker->gateway->sip_secret, sizeof(options.secret));
    return hf_gb_site_new(&options, &worker->gb.site);
}

hf_err sim_gb_restore(struct sim_worker *worker)
{
    return worker->gb.site != NULL ? hf_gb_site_restore(worker->gb.site) : HF_OK;
}

void sim_gb_drain(struct sim_worker *worker)
{
    if (worker->gb.site != NULL)
        (void)hf_gb_site_drain(worker->gb.site, UINT32_MAX, HF_REASON_DRAIN);
}

void sim_gb_end(struct sim_worker *worker)
{
    sim_gb_drain(worker);
    sim_gb_streams_end(worker);
}

void sim_gb_free(struct sim_worker *worker)
{
    hf_gb_site_free(worker->gb.site);
    worker->gb.site = NULL;
}
