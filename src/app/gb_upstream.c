#include "app/gb_upstream.h"

#include <stdlib.h>
#include <string.h>

#include "app/gb_config.h"
#include "app/worker.h"
#include "base/assert.h"
#include "base/hash.h"
#include "io/entropy.h"

static struct hf_worker *worker_of(const struct hf_gbw_upstream *upstream)
{
    return upstream->gb->worker;
}

/* ---- what an upstream asks for ---- */

static void random_bytes(void *context, void *out, size_t bytes)
{
    (void)context;
    hf_entropy(out, bytes);
}

static void log_state(struct hf_gbw_upstream *upstream, const struct hf_gb_upstream_view *view)
{
    struct hf_logger *logger = &worker_of(upstream)->gateway->logger;
    uint64_t now_ms = worker_of(upstream)->loop->now_ms;
    char address[HF_SOCKET_TEXT_MAX];

    if (view->state != HF_GB_UP_REGISTERED && view->state != HF_GB_UP_WAITING && view->state != HF_GB_UP_IDLE)
        return;
    if (view->state == upstream->logged && view->state != HF_GB_UP_WAITING)
        return; /* a refresh says nothing new */
    upstream->logged = view->state;
    hf_address_text(&upstream->peer, address);
    if (view->state == HF_GB_UP_WAITING)
        hf_log(logger, HF_LOG_UPSTREAM_FAILED, HF_F_STR("upstream", upstream->config->name),
               HF_F_STR("peer", address), HF_F_STR("reason", view->reason),
               HF_F_U64("failures", view->failures),
               HF_F_U64("next_ms", view->due_ms > now_ms ? view->due_ms - now_ms : 0), HF_F_END);
    else
        hf_log(logger, view->state == HF_GB_UP_IDLE ? HF_LOG_UPSTREAM_LEFT : HF_LOG_UPSTREAM_REGISTERED,
               HF_F_STR("upstream", upstream->config->name), HF_F_STR("peer", address),
               HF_F_STR("id", upstream->config->server_id), HF_F_U64("expires_s", view->expires_s), HF_F_END);
}

static void changed(void *context)
{
    struct hf_gbw_upstream *upstream = context;
    struct hf_gb_upstream_view view;

    hf_gb_upstream_view(upstream->upstream, &view);
    hf_gbw_upstream_publish(upstream);
    log_state(upstream, &view);
    if (view.state == HF_GB_UP_IDLE)
        hf_wheel_arm(&worker_of(upstream)->loop->wheel, &upstream->settle, worker_of(upstream)->loop->now_ms);
}

/* ---- making, exchanging, ending ---- */

static const uint8_t charsets[] = {[HF_CONFIG_GB_CHARSET_AUTO] = HF_TEXT_AUTO,
                                   [HF_CONFIG_GB_CHARSET_UTF8] = HF_TEXT_UTF8,
                                   [HF_CONFIG_GB_CHARSET_GB18030] = HF_TEXT_GB18030};

static hf_err call(void *context, struct hf_call *what)
{
    struct hf_worker *worker = worker_of(context);

    return worker->backend.ops->call(&worker->backend, what);
}

static const struct hf_gb_upstream_ops ops = {
    .connect = hf_gbw_upstream_connect,
    .redirect = hf_gbw_upstream_redirect,
    .disconnect = hf_gbw_upstream_disconnect,
    .send = hf_gbw_upstream_send,
    .random = random_bytes,
    .call = call,
    .changed = changed,
};

/* Gives upstream->aliases. */
static hf_err make_aliases(struct hf_gbw_upstream *upstream)
{
    const struct hf_config_gb_upstream_id_list *ids = &upstream->config->ids;

    free(upstream->aliases);
    upstream->aliases = calloc(ids->count + 1, sizeof(*upstream->aliases));
    if (upstream->aliases == NULL)
        return HF_ERR_NOMEM;
    for (size_t i = 0; i < ids->count; i++)
        upstream->aliases[i] = (struct hf_gb_up_alias){.shown = hf_slice_of(ids->at[i].id),
                                                       .device = hf_slice_of(ids->at[i].device),
                                                       .channel = hf_slice_of(ids->at[i].channel)};
    return HF_OK;
}

static hf_err make(struct hf_gbw_upstream *upstream)
{
    struct hf_worker *worker = worker_of(upstream);
    const struct hf_config_gb_upstream *config = upstream->config;
    struct hf_gb_upstream_options options = {
        .hub = &worker->hub,
        .wheel = &worker->loop->wheel,
        .conv = &upstream->gb->conv,
        .ops = &ops,
        .context = upstream,
        .server_id = hf_slice_of(config->server_id),
        .domain = hf_gb_upstream_domain(config),
        .device_id = hf_gb_upstream_device_id(worker->rules->config, config),
        .username = hf_slice_of(config->username),
        .password = hf_slice_of(upstream->password),
        .user_agent = hf_slice_of(worker->rules->config->gb28181.user_agent),
        .external_host = hf_slice_of(config->external_host),
        .external_port = (uint16_t)config->external_port,
        .expires_s = (uint32_t)(config->expires_ms / 1000),
        .keepalive_ms = (uint32_t)config->keepalive_ms,
        .keepalive_count = (uint32_t)config->keepalive_count,
        .edition = config->edition == HF_CONFIG_GB_EDITION_2022 ? HF_CDP_2022 : HF_CDP_2016,
        .charset = (enum hf_text_charset)charsets[config->charset],
        .datagram_bytes_max = (uint32_t)config->datagram_bytes_max,
        .kv = worker->backend.kv,
        .tenant = upstream->gb->tenant->name,
        .shown = {.devices = (const char *const *)config->devices.at,
                  .device_count = config->devices.count,
                  .alias_count = config->ids.count},
    };
    int16_t zone = HF_GB_ZONE_DEFAULT;

    (void)hf_gb_zone_parse(hf_slice_of(worker->rules->config->gb28181.zone), &zone);
    options.zone_minutes = zone;
    if (make_aliases(upstream) != HF_OK)
        return HF_ERR_NOMEM;
    options.shown.aliases = upstream->aliases;
    bool parsed = hf_gb_upstream_address(config->address, config->port, &upstream->peer);

    HF_ASSERT(parsed); /* config_check_gb_upstream.c */
    return hf_gb_upstream_new(&options, &upstream->upstream);
}

static void end(struct hf_gbw_upstream *upstream)
{
    hf_wheel_cancel(&worker_of(upstream)->loop->wheel, &upstream->settle);
    hf_gb_upstream_free(upstream->upstream);
    hf_gbw_upstream_disconnect(upstream);
    if (upstream->config != NULL)
        hf_gbw_upstream_unpublish(upstream);
    hf_list_remove(&upstream->node);
    free(upstream->buffer);
    free(upstream->aliases);
    free(upstream);
}

/* It is IDLE, or not made. */
static void on_settle(struct hf_timer *timer, uint64_t now_ms)
{
    struct hf_gbw_upstream *upstream = HF_CONTAINER_OF(timer, struct hf_gbw_upstream, settle);

    if (upstream->wanted == NULL) {
        end(upstream);
        return;
    }
    hf_gb_upstream_free(upstream->upstream);
    upstream->upstream = NULL;
    upstream->config = upstream->wanted;
    upstream->password = upstream->wanted_password;
    upstream->logged = HF_GB_UP_STATES;
    if (make(upstream) != HF_OK) { /* no memory */
        hf_wheel_arm(&worker_of(upstream)->loop->wheel, &upstream->settle, now_ms + HF_GB_UP_WAIT_MS);
        return;
    }
    hf_gb_upstream_start(upstream->upstream);
}

static void settle_soon(struct hf_gbw_upstream *upstream)
{
    struct hf_loop *loop = worker_of(upstream)->loop;

    hf_wheel_arm(&loop->wheel, &upstream->settle, loop->now_ms);
}

static void want(struct hf_gbw_upstream *upstream, const struct hf_config_gb_upstream *config,
                 const char *password)
{
    bool same =
        config != NULL && upstream->config != NULL && hf_config_gb_upstream_same(config, upstream->config) &&
        strcmp(password != NULL ? password : "", upstream->password != NULL ? upstream->password : "") == 0;

    upstream->wanted = config;
    upstream->wanted_password = password;
    if (same && !hf_timer_armed(&upstream->settle))
        return;
    if (upstream->upstream != NULL)
        hf_gb_upstream_stop(upstream->upstream); /* changed() settles it when it has left */
    else
        settle_soon(upstream);
}

static struct hf_gbw_upstream *find(const struct hf_gbw *gb, const char *name)
{
    for (struct hf_list_node *node = gb->upstreams.next; node != &gb->upstreams; node = node->next) {
        struct hf_gbw_upstream *upstream = HF_CONTAINER_OF(node, struct hf_gbw_upstream, node);
        const struct hf_config_gb_upstream *config =
            upstream->wanted != NULL ? upstream->wanted : upstream->config;

        if (config != NULL && strcmp(config->name, name) == 0)
            return upstream;
    }
    return NULL;
}

static bool lives_here(const struct hf_gbw *gb, const char *name)
{
    return hf_hub_home(gb->tenant->name, hf_slice_of(name), gb->worker->gateway->worker_count) ==
           gb->worker->index;
}

static void add(struct hf_gbw *gb, const struct hf_config_gb_upstream *config, const char *password)
{
    struct hf_gbw_upstream *upstream = calloc(1, sizeof(*upstream));

    if (upstream == NULL)
        return; /* the next reload tries again */
    upstream->gb = gb;
    hf_list_init(&upstream->node);
    hf_timer_init(&upstream->settle, on_settle);
    hf_list_push_back(&gb->upstreams, &upstream->node);
    want(upstream, config, password);
}

static const struct hf_config_gb_upstream *configured(const struct hf_config *config, const char *name)
{
    const struct hf_config_gb_upstream_list *list = &config->gb28181.upstreams;

    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->at[i].name, name) == 0)
            return &list->at[i];
    return NULL;
}

void hf_gbw_upstreams_use(struct hf_gbw *gb, const struct hf_gateway_rules *rules)
{
    const struct hf_config_gb_upstream_list *list = &rules->config->gb28181.upstreams;

    if (gb->worker->draining)
        return;
    for (struct hf_list_node *node = gb->upstreams.next, *next; node != &gb->upstreams; node = next) {
        struct hf_gbw_upstream *upstream = HF_CONTAINER_OF(node, struct hf_gbw_upstream, node);
        const char *name = upstream->wanted != NULL ? upstream->wanted->name : upstream->config->name;

        next = node->next;
        want(upstream, configured(rules->config, name), hf_gb_accounts_upstream(rules->gb_accounts, name));
    }
    for (size_t i = 0; i < list->count; i++)
        if (lives_here(gb, list->at[i].name) && find(gb, list->at[i].name) == NULL)
            add(gb, &list->at[i], hf_gb_accounts_upstream(rules->gb_accounts, list->at[i].name));
}

void hf_gbw_upstreams_init(struct hf_gbw *gb)
{
    hf_list_init(&gb->upstreams);
}

void hf_gbw_upstreams_leave(struct hf_gbw *gb)
{
    for (struct hf_list_node *node = gb->upstreams.next, *next; node != &gb->upstreams; node = next) {
        next = node->next;
        want(HF_CONTAINER_OF(node, struct hf_gbw_upstream, node), NULL, NULL);
    }
}

void hf_gbw_upstreams_call_ended(struct hf_gbw *gb, struct hf_slice id)
{
    for (struct hf_list_node *node = gb->upstreams.next; node != &gb->upstreams; node = node->next) {
        struct hf_gbw_upstream *upstream = HF_CONTAINER_OF(node, struct hf_gbw_upstream, node);

        if (upstream->upstream != NULL)
            hf_gb_upstream_call_ended(upstream->upstream, id);
    }
}

unsigned hf_gbw_upstreams_left(const struct hf_gbw *gb)
{
    unsigned count = 0;

    for (const struct hf_list_node *node = gb->upstreams.next; node != &gb->upstreams; node = node->next)
        count++;
    return count;
}

void hf_gbw_upstreams_publish(struct hf_gbw *gb)
{
    for (struct hf_list_node *node = gb->upstreams.next; node != &gb->upstreams; node = node->next) {
        const struct hf_gbw_upstream *upstream = HF_CONTAINER_OF(node, struct hf_gbw_upstream, node);

        if (upstream->upstream != NULL)
            hf_gbw_upstream_publish(upstream);
    }
}

void hf_gbw_upstreams_free(struct hf_gbw *gb)
{
    while (!hf_list_empty(&gb->upstreams))
        end(HF_CONTAINER_OF(gb->upstreams.next, struct hf_gbw_upstream, node));
}
