/* adapter/gb28181/site.c - the site's doors, and the way in: what a message is, whose, and whether it gets a transaction. */
#include "adapter/gb28181/call.h"
#include "adapter/gb28181/catalog.h"
#include "adapter/gb28181/subscribe.h"

#include <stdlib.h>

static const char *const body_types[] = {"Application/MANSCDP+xml", "application/xml",      "text/xml",
                                         "application/sdp",         "Application/MANSRTSP", NULL};
static const char *const no_extensions[] = {NULL};
static const struct hf_sip_policy policy = {
    .methods = 1u << HF_SIP_REGISTER | 1u << HF_SIP_MESSAGE | 1u << HF_SIP_OPTIONS | 1u << HF_SIP_ACK |
               1u << HF_SIP_CANCEL | 1u << HF_SIP_INVITE | 1u << HF_SIP_BYE | 1u << HF_SIP_INFO |
               1u << HF_SIP_NOTIFY,
    .extensions = no_extensions,
    .types = body_types,
    .offer_needs_sdp = true,
};

uint32_t hf_gb_methods(void)
{
    return policy.methods;
}

/* ---- small things ---- */

void hf_gb_log(struct hf_gb_site *site, const char *event, struct hf_slice device,
               const struct hf_sip_flow *flow, enum hf_reason reason)
{
    if (site->options.ops->on_log != NULL)
        site->options.ops->on_log(site->options.context, event, device, flow, reason);
}

unsigned hf_gb_retry_after_s(struct hf_gb_site *site)
{
    return HF_SIP_RETRY_AFTER_S_MIN +
           (unsigned)hf_rng_below(&site->rng, HF_SIP_RETRY_AFTER_S_MAX - HF_SIP_RETRY_AFTER_S_MIN + 1);
}

uint32_t hf_gb_random_u32(struct hf_gb_site *site)
{
    uint32_t value;

    site->options.ops->random(site->options.context, &value, sizeof(value));
    return value;
}

bool hf_gb_refuse(struct hf_gb_site *site, const struct hf_sip_flow *flow, const struct hf_sip_msg *msg,
                  unsigned status)
{
    if (!hf_rate_take(&site->refusals, &site->limits.refusals, 1, hf_gb_now(site)))
        return false;
    (void)hf_sip_layer_reply(site->layer, flow, msg, status, 0);
    return true;
}

/* ---- making one ---- */

static void set_default(uint32_t *value, uint32_t otherwise)
{
    if (*value == 0)
        *value = otherwise;
}

static hf_err fill_limits(const struct hf_gb_limits *from, struct hf_gb_limits *ret)
{
    *ret = *from;
    set_default(&ret->expires_default_s, HF_GB_EXPIRES_DEFAULT_S);
    set_default(&ret->expires_max_s, HF_GB_EXPIRES_MAX_S);
    set_default(&ret->keepalive_grace_ms, HF_GB_KEEPALIVE_GRACE_MS);
    set_default(&ret->nonce_lifetime_ms, HF_SIP_NONCE_LIFETIME_MS);
    set_default(&ret->lock_failures, HF_GB_LOCK_FAILURES);
    set_default(&ret->lock_window_ms, HF_GB_LOCK_WINDOW_MS);
    set_default(&ret->lock_ms, HF_GB_LOCK_MS);
    set_default(&ret->sip_wait_ms, HF_GB_SIP_WAIT_MS);
    set_default(&ret->answer_wait_ms, HF_GB_ANSWER_WAIT_MS);
    set_default(&ret->list_wait_ms, HF_GB_LIST_WAIT_MS);
    set_default(&ret->list_idle_ms, HF_GB_LIST_IDLE_MS);
    set_default(&ret->catalog_per_second, HF_GB_CATALOGS_PER_SECOND);
    set_default(&ret->catalog_max_age_s, HF_GB_CATALOG_MAX_AGE_S);
    set_default(&ret->position_interval_s, HF_GB_POSITION_INTERVAL_S);
    ret->call_setup_ms = hf_gb_call_setup_ms(ret->call_setup_ms);
    set_default(&ret->refusals.per_second, HF_GB_REFUSALS_PER_SECOND);
    set_default(&ret->refusals.capacity, 2 * HF_GB_REFUSALS_PER_SECOND);
    if (ret->zone_minutes == 0)
        ret->zone_minutes = HF_GB_ZONE_DEFAULT;
    else if (ret->zone_minutes == HF_GB_ZONE_UTC)
        ret->zone_minutes = 0;
    return ret->nonce_lifetime_ms > HF_SIP_NONCE_LIFETIME_MS_MAX ||
                   ret->catalog_per_second > HF_GB_CATALOGS_OFF || ret->zone_minutes < -720 ||
                   ret->zone_minutes > 840 || ret->expires_default_s > ret->expires_max_s
               ? HF_ERR_INVALID
               : HF_OK;
}

hf_err hf_gb_site_set_limits(struct hf_gb_site *site, const struct hf_gb_limits *limits)
{
    struct hf_gb_limits filled;
    hf_err err = fill_limits(limits, &filled);

    if (err != HF_OK)
        return err;
    site->limits = filled;
    site->locks.failures = filled.lock_failures;
    site->locks.window_ms = filled.lock_window_ms;
    site->locks.lock_ms = filled.lock_ms;
    return HF_OK;
}

static bool keep_text(struct hf_slice *text, char storage[HF_GB_DOMAIN_BYTES_MAX])
{
    if (text->bytes >= HF_GB_DOMAIN_BYTES_MAX)
        return false;
    if (text->bytes > 0)
        memcpy(storage, text->at, text->bytes);
    text->at = text->bytes > 0 ? storage : NULL;
    return true;
}

/* A host or domain that may stand in a URI and, quoted, in a challenge. */
static bool is_domain(struct hf_slice text)
{
    for (size_t i = 0; i < text.bytes; i++)
        if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-:", text.at[i]) == NULL)
            return false;
    return text.bytes > 0;
}

static bool device_eq(const struct hf_map_node *node, const void *key)
{
    return hf_slice_eq(hf_gb_device_id(HF_CONTAINER_OF(node, struct hf_gb_device, node)),
                       *(const struct hf_slice *)key);
}

static bool stream_eq(const struct hf_map_node *node, const void *key)
{
    return HF_CONTAINER_OF(node, struct hf_gb_device, stream)->flow.connection == *(const uint64_t *)key;
}

static void on_event(void *context, const struct hf_sip_tx_event *event);

static hf_err layer_send(void *context, const struct hf_sip_flow *flow, struct hf_slice bytes)
{
    struct hf_gb_site *site = context;

    hf_gb_trace(site, flow, true, bytes);
    return site->options.ops->send(site->options.context, flow, bytes);
}

static const struct hf_sip_layer_ops layer_ops = {layer_send, on_event};

static hf_err make_parts(struct hf_gb_site *site)
{
    struct hf_sip_layer_config sip = site->options.sip;
    uint32_t devices_max = site->options.devices_max ? site->options.devices_max : HF_GB_DEVICES_MAX;
    uint64_t seed;

    site->options.ops->random(site->options.context, site->hash_key, sizeof(site->hash_key));
    site->options.ops->random(site->options.context, sip.secret, sizeof(sip.secret));
    site->options.ops->random(site->options.context, &seed, sizeof(seed));
    hf_rng_seed(&site->rng, seed);
    sip.ops = &layer_ops;
    sip.context = site;
    sip.wheel = site->options.wheel;
    hf_err err = hf_sip_layer_new(&sip, &site->layer);
    if (err == HF_OK)
        err = hf_sip_keep_init(&site->dialog_keep, HF_GB_DIALOG_BYTES_MAX);
    if (err == HF_OK)
        err = hf_gb_calls_init(site);
    if (err == HF_OK)
        err = hf_gb_locks_init(&site->locks, HF_GB_LOCKS_MAX);
    if (err == HF_OK)
        err = hf_gb_traces_init(site);
    if (err == HF_OK)
        err = hf_gb_links_init(site);
    site->hasher = hf_sip_hasher_new();
    site->device_slab = hf_slab_new("gb_devices", sizeof(struct hf_gb_device), devices_max);
    site->request_slab = hf_slab_new("gb_requests", sizeof(struct hf_gb_request), HF_GB_REQUESTS_MAX);
    site->catalog_slab = hf_slab_new("gb_catalogs", hf_gb_catalog_job_bytes(), devices_max);
    site->sub_slab = hf_slab_new("gb_subscriptions", hf_gb_sub_bytes(), HF_GB_SUBS_MAX);
    site->mover_slab = hf_slab_new("gb_movers", hf_gb_mover_bytes(), HF_GB_MOVERS_MAX);
    site->sip = malloc(HF_GB_SIP_BYTES_MAX + 1);
    site->body = malloc(HF_GB_BODY_BYTES_MAX + 1);
    site->memory = malloc(HF_GB_MEMORY_BYTES);
    site->scratch = malloc(HF_CDP_SCRATCH_BYTES);
    site->item_scratch = malloc(HF_CDP_SCRATCH_BYTES);
    site->json = malloc(HF_GB_RESULT_BYTES_MAX + 1);
    if (err != HF_OK)
        return err;
    if (site->hasher == NULL || site->device_slab == NULL || site->request_slab == NULL ||
        site->catalog_slab == NULL || site->mover_slab == NULL || site->sub_slab == NULL ||
        site->sip == NULL || site->body == NULL || site->memory == NULL || site->scratch == NULL ||
        site->item_scratch == NULL || site->json == NULL)
        return HF_ERR_NOMEM;
    return hf_sip_hasher_has(site->hasher, HF_SIP_MD5) ? HF_OK : HF_ERR_UNSUPPORTED;
}

hf_err hf_gb_site_new(const struct hf_gb_options *options, struct hf_gb_site **ret_site)
{
    struct hf_gb_site *site = calloc(1, sizeof(*site));

    if (site == NULL)
        return HF_ERR_NOMEM;
    site->options = *options;
    if (site->options.user_agent.bytes == 0)
        site->options.user_agent = HF_SLICE("Holdfast");
    hf_map_init(&site->devices, device_eq);
    hf_map_init(&site->streams, stream_eq);
    site->merges.bytes_max = HF_GB_MERGE_BYTES_TOTAL_MAX;
    hf_list_init(&site->locks.used);
    hf_list_init(&site->gone);
    hf_err err = fill_limits(&options->limits, &site->limits);
    if (err == HF_OK && (!is_domain(options->realm) || !is_domain(options->server_id) ||
                         (options->external_host.bytes > 0 && !is_domain(options->external_host)) ||
                         !keep_text(&site->options.realm, site->realm) ||
                         !keep_text(&site->options.server_id, site->server_id) ||
                         !keep_text(&site->options.user_agent, site->user_agent) ||
                         !keep_text(&site->options.external_host, site->external_host)))
        err = HF_ERR_INVALID;
    if (err == HF_OK)
        err = make_parts(site);
    if (err == HF_OK)
        err = hf_gb_site_set_limits(site, &options->limits);
    if (err != HF_OK) {
        hf_gb_site_free(site);
        return err;
    }
    *ret_site = site;
    return HF_OK;
}

static bool free_device(struct hf_map_node *node, void *context)
{
    (void)context;
    hf_gb_device_free(HF_CONTAINER_OF(node, struct hf_gb_device, node)); /* asserts that it has ended */
    return true;
}

void hf_gb_site_free(struct hf_gb_site *site)
{
    if (site == NULL)
        return;
    hf_map_each(&site->devices, free_device, NULL);
    hf_map_deinit(&site->devices);
    hf_map_deinit(&site->streams);
    hf_gb_locks_deinit(&site->locks);
    hf_gb_calls_deinit(site);
    hf_sip_layer_free(site->layer);
    hf_sip_hasher_free(site->hasher);
    hf_gb_traces_deinit(site);
    hf_gb_links_deinit(site);
    hf_slab_free(site->device_slab);
    hf_slab_free(site->request_slab);
    hf_slab_free(site->catalog_slab);
    hf_slab_free(site->mover_slab);
    hf_slab_free(site->sub_slab);
    hf_sip_keep_deinit(&site->dialog_keep);
    free(site->sip);
    free(site->body);
    free(site->memory);
    free(site->scratch);
    free(site->item_scratch);
    free(site->json);
    free(site);
}

/* ---- the way in ---- */

/* One of ours for a keepalive of a device at its place: never shed. */
static enum hf_sip_class class_of(const struct hf_gb_device *device, const struct hf_sip_flow *flow,
                                  const struct hf_sip_msg *msg)
{
    return hf_sip_flow_same_peer(&device->flow, flow) && hf_gb_is_keepalive(msg->body) ? HF_SIP_SHED_NEVER
                                                                                       : HF_SIP_SHED_LATER;
}

static void stranger(struct hf_gb_site *site, const struct hf_sip_flow *flow, const struct hf_sip_msg *msg)
{
    site->stats.strangers++;
    /* While the node ends a 403 would send devices that the drain has ended away, and the next start knows them. */
    if (site->draining || site->limits.silent_to_strangers || !hf_gb_refuse(site, flow, msg, 403))
        site->stats.strangers_silent++;
}

static void judged(struct hf_gb_site *site, const struct hf_sip_flow *flow, const struct hf_sip_msg *msg,
                   unsigned status)
{
    char host[HF_SIP_FLOW_HOST_MAX], tag[HF_SIP_TAG_BYTES_MAX];
    struct hf_sip_reply reply = hf_sip_flow_reply(flow, status, true, host);
    struct hf_sb sb;

    site->stats.refused_method++;
    if (!hf_rate_take(&site->refusals, &site->limits.refusals, 1, hf_gb_now(site)))
        return;
    reply.to_tag = hf_sip_layer_tag(site->layer, msg, tag);
    hf_sb_init(&sb, site->sip, HF_GB_SIP_BYTES_MAX + 1);
    if (hf_sip_write_judgement(&sb, msg, &reply, &policy) == HF_OK && !sb.overflow)
        (void)hf_sip_layer_send(site->layer, flow, hf_sb_done(&sb));
}

/* Whose worker answers for a request: as hf_gb_home() has it. */
static struct hf_slice home_of(const struct hf_sip_msg *msg)
{
    struct hf_slice ours =
        msg->method == HF_SIP_REGISTER ? (struct hf_slice){NULL, 0} : hf_gb_call_id_device(msg->call_id);

    if (ours.bytes > 0)
        return ours;
    if (msg->method == HF_SIP_REGISTER || msg->method == HF_SIP_MESSAGE)
        return msg->from.uri.user;
    return hf_gb_is_source(msg->uri.user)      ? msg->uri.user
           : hf_gb_is_source(msg->to.uri.user) ? msg->to.uri.user
                                               : msg->from.uri.user;
}

struct hf_gb_device *hf_gb_asking(const struct hf_gb_site *site, const struct hf_sip_msg *msg)
{
    struct hf_slice home = home_of(msg);
    struct hf_gb_device *device = hf_gb_device_find(site, home);

    if (!hf_gb_device_there(device))
        device = hf_gb_device_find(site, msg->from.uri.user);
    if (!hf_gb_device_there(device) && hf_gb_is_source(home))
        device = hf_gb_call_source_of(site, home);
    return hf_gb_device_there(device) ? device : NULL;
}

static void request_came(struct hf_gb_site *site, const struct hf_sip_flow *flow,
                         const struct hf_sip_msg *msg)
{
    const struct hf_hub *hub = site->options.hub;
    struct hf_slice home = home_of(msg);

    if (hf_gbid_valid(home, HF_GBID_RULE_DEVICE) &&
        hf_hub_home(site->options.tenant->name, home, hub->options.workers) != hub->options.worker) {
        site->stats.misrouted++; /* two workers must never have the same device */
        (void)hf_gb_refuse(site, flow, msg, 500);
        return;
    }
    if (msg->method == HF_SIP_REGISTER) {
        hf_gb_on_register(site, flow, msg, home);
        return;
    }
    struct hf_gb_device *device = hf_gb_asking(site, msg);
    if (msg->method == HF_SIP_ACK || msg->method == HF_SIP_CANCEL || device != NULL)
        (void)hf_sip_tx_receive(site->layer, flow, msg,
                                device != NULL ? class_of(device, flow, msg) : HF_SIP_SHED_LATER,
                                hf_gb_now(site));
    else
        stranger(site, flow, msg);
}

static void count_tolerated(struct hf_gb_site *site, uint32_t bits)
{
    for (unsigned i = 0; bits != 0; i++, bits >>= 1)
        site->stats.sip_tolerated[i] += bits & 1;
}

static hf_err receive(struct hf_gb_site *site, const struct hf_sip_flow *flow, struct hf_slice bytes,
                      const struct hf_sip_limits *limits)
{
    struct hf_sip_msg msg;
    hf_err err = hf_sip_parse(bytes.at, bytes.bytes, hf_sip_flow_reliable(flow), limits, &msg);

    site->stats.received++;
    if (err == HF_OK && msg.kind == HF_SIP_KEEPALIVE) {
        site->stats.low_keepalives++;
        return HF_OK;
    }
    count_tolerated(site, msg.tolerated);
    hf_gb_trace(site, flow, false, bytes); /* also what cannot be parsed: that is worth seeing */
    if (err != HF_OK) {
        site->stats.malformed++;
        site->stats.sip_problems[msg.problem]++;
        if (msg.kind == HF_SIP_REQUEST && msg.answerable)
            (void)hf_gb_refuse(site, flow, &msg, hf_sip_problem_info(msg.problem)->status);
        return err;
    }
    unsigned verdict = hf_sip_judge(&msg, &policy);
    if (verdict == HF_SIP_DROP)
        return HF_OK;
    if (verdict != HF_SIP_TAKE)
        judged(site, flow, &msg, verdict);
    else if (msg.kind == HF_SIP_RESPONSE)
        (void)hf_sip_tx_receive(site->layer, flow, &msg, HF_SIP_SHED_LATER, hf_gb_now(site));
    else
        request_came(site, flow, &msg);
    return HF_OK;
}

hf_err hf_gb_receive(struct hf_gb_site *site, const struct hf_sip_flow *flow, struct hf_slice bytes)
{
    return receive(site, flow, bytes, site->options.sip.limits);
}

void hf_gb_receive_broken(struct hf_gb_site *site, const struct hf_sip_flow *flow, struct hf_slice head,
                          const struct hf_sip_limits *limits)
{
    (void)receive(site, flow, head, limits); /* it fails, as codec/sip/framer.h promises */
}

static void on_options(struct hf_gb_site *site, const struct hf_sip_tx_event *event)
{
    struct hf_gb_device *device = hf_gb_asking(site, event->msg);
    char host[HF_SIP_FLOW_HOST_MAX], tag[HF_SIP_TAG_BYTES_MAX];
    struct hf_sip_reply reply = hf_sip_flow_reply(event->flow, 200, true, host);
    struct hf_slice absent = {NULL, 0};
    struct hf_sb sb;

    bool proven = hf_gb_device_heard(device, event->flow);
    reply.to_tag = hf_sip_layer_tag(site->layer, event->msg, tag);
    hf_sb_init(&sb, site->sip, HF_GB_SIP_BYTES_MAX + 1);
    if (hf_sip_write_reply(&sb, event->msg, &reply) == HF_OK &&
        hf_sip_write_allow(&sb, policy.methods) == HF_OK && hf_sip_write_end(&sb, absent, absent) == HF_OK)
        (void)hf_sip_tx_answer(event->tx, 200, hf_sb_done(&sb), hf_gb_now(site));
    else
        (void)hf_sip_tx_answer_plain(event->tx, event->msg, 513, hf_gb_now(site));
    if (!proven)
        hf_gb_device_doubt(device, event->flow);
}

static void on_request(struct hf_gb_site *site, const struct hf_sip_tx_event *event)
{
    switch (event->msg->method) {
    case HF_SIP_MESSAGE: hf_gb_on_message(site, event); return;
    case HF_SIP_INVITE: hf_gb_call_on_invite(site, event); return;
    case HF_SIP_BYE: hf_gb_call_on_bye(site, event); return;
    case HF_SIP_INFO: hf_gb_call_on_info(site, event); return;
    case HF_SIP_NOTIFY: hf_gb_on_notify(site, event); return;
    default: on_options(site, event); return;
    }
}

static void on_event(void *context, const struct hf_sip_tx_event *event)
{
    struct hf_gb_site *site = context;
    struct hf_gb_user *user = event->user;

    if (event->tell == HF_SIP_TELL_REQUEST)
        on_request(site, event);
    else if (user != NULL)
        user->told(user, event);
    else if (event->tell == HF_SIP_TELL_STRAY || event->tell == HF_SIP_TELL_AGAIN)
        hf_gb_call_on_stray(site, event);
    /* otherwise answers that nobody waits for: counted by the layer */
}

/* ---- the end of things ---- */

void hf_gb_flow_closed(struct hf_gb_site *site, const struct hf_sip_flow *flow)
{
    struct hf_map_node *node;

    (void)hf_sip_tx_flow_failed(site->layer, flow, HF_ERR_CLOSED, hf_gb_now(site));
    if (!hf_sip_flow_reliable(flow))
        return;
    while ((node = hf_map_find(&site->streams, hf_hash_mix(flow->connection), &flow->connection)) != NULL) {
        struct hf_gb_device *device = HF_CONTAINER_OF(node, struct hf_gb_device, stream);

        hf_map_remove(&site->streams, node);
        device->streaming = false;
        hf_gb_device_event(device, HF_GB_EV_STREAM_LOST);
    }
}

struct drain {
    unsigned left, before;
    enum hf_reason reason;
};

static bool drain_one(struct hf_map_node *node, void *context)
{
    struct hf_gb_device *device = HF_CONTAINER_OF(node, struct hf_gb_device, node);
    struct drain *drain = context;

    if (!hf_gb_device_there(device))
        return true;
    drain->before++;
    if (drain->left > 0) {
        drain->left--;
        hf_gb_device_end(device, HF_EVIDENCE_RESTART, drain->reason);
    }
    return true;
}

unsigned hf_gb_site_drain(struct hf_gb_site *site, unsigned count, enum hf_reason reason)
{
    struct drain drain = {.left = count, .reason = reason};

    site->draining = true;
    hf_map_each(&site->devices, drain_one, &drain);
    return drain.before;
}

const struct hf_gb_stats *hf_gb_site_stats(const struct hf_gb_site *site)
{
    return &site->stats;
}

const struct hf_sip_layer_stats *hf_gb_site_sip_stats(const struct hf_gb_site *site)
{
    return hf_sip_layer_stats(site->layer);
}
