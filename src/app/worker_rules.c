/* app/worker_rules.c - what of the configuration is in force on a worker: at start, and again with each reload. */
#include "app/worker.h"

static struct hf_ws_limits ws_limits(const struct hf_config *config)
{
    struct hf_ws_limits limits = {
        .auth_timeout_ms = (uint32_t)config->admission.auth_timeout_ms,
        .close_timeout_ms = (uint32_t)config->websocket.close_timeout_ms,
        .write_timeout_ms = (uint32_t)config->websocket.write_timeout_ms,
        .unauthenticated_message_bytes_max = (uint32_t)config->websocket.unauthenticated_message_bytes_max,
        .message_bytes_max = (uint32_t)config->websocket.message_bytes_max,
        .fragments_max =
            (uint16_t)HF_MIN(config->websocket.fragments_max, (uint64_t)HF_WS_FRAGMENTS_MAX_LIMIT),
        .deflate_bytes_min = (uint32_t)config->websocket.deflate.min_bytes,
        .deflate = HF_WS_DEFLATE_DEFAULT,
        .windows_max = (uint32_t)config->websocket.deflate.takeover_connections_max,
    };

    limits.deflate.on = config->websocket.deflate.enabled;
    limits.deflate.server_max_window_bits = (uint8_t)config->websocket.deflate.server_window_bits;
    limits.deflate.client_max_window_bits = (uint8_t)config->websocket.deflate.client_window_bits;
    limits.deflate.server_no_context_takeover = limits.deflate.client_no_context_takeover =
        limits.windows_max == 0;
    return limits;
}

static void use_http(struct hf_http_site *http, const struct hf_config *config)
{
    http->limits = hf_http_limits_default;
    http->limits.head_timeout_ms = (uint32_t)config->admission.header_timeout_ms;
    http->limits.write_timeout_ms = (uint32_t)config->websocket.write_timeout_ms;
    http->limits.http1.head_bytes_max = (uint32_t)config->admission.header_bytes_max;
    http->limits.http1.line_bytes_max = (uint32_t)config->admission.header_bytes_max;
    http->limits.http1.headers_max =
        (uint32_t)HF_MIN(config->admission.header_lines_max, (uint64_t)HF_HTTP1_HEADERS_MAX);
    http->limits.http1.body_bytes_max = config->api.body_bytes_max;
    http->session = false;
    for (size_t i = 0; i < config->tenants.count; i++)
        http->session |= config->tenants.at[i].session == HF_CONFIG_SWITCH_ON;
    http->ws_origins = (const char *const *)config->websocket.origins.at;
    http->ws_origin_count = (unsigned)config->websocket.origins.count;
    http->cors_origins = (const char *const *)config->api.cors_origins.at;
    http->cors_origin_count = (unsigned)config->api.cors_origins.count;
}

static void use_api(struct hf_api *api, const struct hf_gateway_rules *rules)
{
    const struct hf_config *config = rules->config;

    api->limits = hf_api_limits_default;
    api->limits.key_rate = (struct hf_rate_limit){(uint32_t)config->limits.api_key_per_s,
                                                  (uint32_t)config->limits.api_key_capacity};
    api->limits.page_items_max = (uint32_t)config->api.page_items_max;
    api->limits.calls_max = (uint32_t)config->api.calls_max;
    api->limits.readers_max = (uint32_t)config->api.events_readers_max;
    api->limits.watches_max = (uint32_t)config->api.live_watches_max;
    api->limits.wait_ms_max = config->delivery.command_wait_max_ms;
    api->limits.ttl_ms_max = config->delivery.ttl_max_ms;
    api->limits.payload_bytes_max = (uint32_t)config->websocket.message_bytes_max;
    api->console = (struct hf_console){
        .mode = config->console.mode == HF_CONFIG_CONSOLE_ON          ? HF_CONSOLE_ON
                : config->console.mode == HF_CONFIG_CONSOLE_READ_ONLY ? HF_CONSOLE_READ_ONLY
                                                                      : HF_CONSOLE_OFF,
        .files = hf_console_files,
        .file_count = hf_console_file_count,
    };
    api->admin_key_required = config->admin.require_key;
    hf_api_use_keys(api, rules->keys, rules->key_count);
}

static struct hf_admission_limits admission_limits(const struct hf_config *config)
{
    return (struct hf_admission_limits){
        .connections_max = config->admission.connections_max,
        .plain = {(uint32_t)config->admission.accept_per_s, (uint32_t)config->admission.accept_capacity},
        .tls = {(uint32_t)config->admission.tls_accept_per_s,
                (uint32_t)config->admission.tls_accept_capacity},
        .prefix = {(uint32_t)config->admission.prefix_per_s,
                   config->admission.prefix_per_s ? (uint32_t)config->admission.prefix_capacity : 0},
        .prefix_v4_bits = (uint8_t)config->admission.prefix_v4_bits,
        .prefix_v6_bits = (uint8_t)config->admission.prefix_v6_bits,
    };
}

hf_err hf_worker_use_rules(struct hf_worker *worker, struct hf_gateway_rules *rules)
{
    const struct hf_config *config = rules->config;
    struct hf_ws_limits limits = ws_limits(config);
    hf_err err = HF_OK;

    if (worker->ws.conns == NULL)
        err = hf_ws_site_init(&worker->ws, &limits, HF_WORKER_CONNECTIONS_MAX);
    else
        hf_ws_site_set_limits(&worker->ws, &limits);
    if (err != HF_OK)
        return err;
    use_http(&worker->http, config);
    worker->http.deflate = worker->ws.limits.deflate; /* of which a part stays as it was at start */
    use_api(&worker->api, rules);
    worker->admission.limits = admission_limits(config);
    worker->rules = rules;
    hf_gbw_use_rules(&worker->gb, rules);
    worker->auth_set = hf_tenants_set(worker->gateway->tenants);
    hf_auth_use(worker->auth, worker->auth_set);
    return HF_OK;
}

static bool unknown_kid(void *context)
{
    struct hf_worker *worker = context;

    return hf_jwks_unknown_kid(worker->gateway->jwks, worker->loop->now_ms);
}

void hf_worker_use_fetched_keys(struct hf_worker *worker)
{
    worker->fetched_keys = hf_jwks_take(worker->gateway->jwks, worker->fetched_keys);
    hf_auth_use_fetched(worker->auth,
                        &(struct hf_auth_fetched){.keys = worker->fetched_keys->keys,
                                                  .generation = worker->fetched_keys->generation,
                                                  .unknown_kid = unknown_kid,
                                                  .context = worker});
}
