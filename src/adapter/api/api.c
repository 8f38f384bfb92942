#include "adapter/api/api.h"

#include "adapter/api/request.h"
#include "adapter/api/stream.h"

const struct hf_api_limits hf_api_limits_default = {
    .key_rate = {.per_second = 2000, .capacity = 4000},
    .calls_max = HF_API_CALLS_MAX,
    .readers_max = HF_API_READERS_MAX,
    .watches_max = HF_API_WATCHES_MAX,
    .page_items_max = HF_API_PAGE_ITEMS_MAX,
    .wait_ms_max = HF_API_WAIT_MS_MAX,
    .ttl_ms_max = HF_API_TTL_MS_MAX,
    .payload_bytes_max = 1 << 20,
};

void hf_api_init(struct hf_api *api, struct hf_backend *backend, struct hf_auth *auth,
                 struct hf_http_site *http)
{
    *api = (struct hf_api){.backend = backend, .auth = auth, .http = http, .limits = hf_api_limits_default};
    backend->ops->random(backend, api->hash_key, sizeof(api->hash_key));
    hf_api_rates_init(api);
    hf_list_init(&api->requests);
    hf_list_init(&api->readers);
    http->app = &hf_api_app;
    http->app_context = api;
}

void hf_api_deinit(struct hf_api *api)
{
    struct hf_list_node *node;

    (void)hf_api_drain(api);
    while (!hf_list_empty(&api->readers)) /* sockets whose Close was not answered yet */
        hf_api_socket_abort(HF_CONTAINER_OF(api->readers.next, struct hf_api_stream, node));
    while ((node = hf_list_pop_front(&api->requests)) != NULL)
        HF_CONTAINER_OF(node, struct hf_api_request, node)->api = NULL; /* its call comes back and frees it */
    hf_api_rates_deinit(api);
}

void hf_api_use_keys(struct hf_api *api, const struct hf_api_key_config *keys, unsigned count)
{
    api->keys = keys;
    api->key_count = count;
}

unsigned hf_api_drain(struct hf_api *api)
{
    struct hf_list_node *next;
    unsigned left = 0;

    for (struct hf_list_node *at = api->readers.next; at != &api->readers; at = next, left++) {
        next = at->next;
        hf_api_stream_end(HF_CONTAINER_OF(at, struct hf_api_stream, node)->request);
    }
    return left;
}

void hf_api_held(const struct hf_api *api, uint64_t before_ms, struct hf_api_held *ret_held)
{
    *ret_held = (struct hf_api_held){0};
    for (const struct hf_list_node *at = api->requests.next; at != &api->requests; at = at->next) {
        const struct hf_api_request *request = HF_CONTAINER_OF(at, struct hf_api_request, node);

        if (request->begun_ms >= before_ms)
            return; /* so are all behind it */
        if (request->stream != NULL)
            continue;
        if (ret_held->count++ == 0)
            *ret_held = (struct hf_api_held){.count = 1,
                                             .begun_ms = request->begun_ms,
                                             .key_id = request->key_id,
                                             .pattern = request->route ? request->route->pattern : "",
                                             .tenant = request->tenant};
    }
}
