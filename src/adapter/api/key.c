/* adapter/api/key.c - who asks: keys of the configuration and of the KEYS table, their rates, scopes and tenants. Whatever is wrong with a
 * key looks the same from outside and takes the same time: unknown, wrong, revoked and expired keys differ in nothing (SEC-6). */
#include <stdlib.h>

#include "adapter/api/request.h"
#include "base/hash.h"
#include "core/rows.h"

/* A key as both sources know it. */
struct found {
    bool valid; /* there, not revoked, not expired */
    bool has_hash;
    uint8_t sha256[HF_API_KEY_HASH_BYTES];
    char tenant[HF_TENANT_BYTES_MAX + 1];
    size_t tenant_bytes;
    uint32_t scopes;
};

static void set_tenant(struct found *found, struct hf_slice tenant)
{
    found->tenant_bytes = HF_MIN(tenant.bytes, sizeof(found->tenant) - 1);
    if (found->tenant_bytes > 0)
        memcpy(found->tenant, tenant.at, found->tenant_bytes);
}

static bool in_configuration(const struct hf_api *api, struct hf_slice id, struct found *ret)
{
    for (unsigned i = 0; i < api->key_count; i++) {
        const struct hf_api_key_config *key = &api->keys[i];

        if (!hf_slice_eq(key->id, id))
            continue;
        ret->valid = ret->has_hash = true;
        memcpy(ret->sha256, key->sha256, sizeof(ret->sha256));
        set_tenant(ret, key->tenant);
        ret->scopes = key->scopes;
        return true;
    }
    return false;
}

static void in_table(const struct hf_api *api, struct hf_slice id, struct found *ret)
{
    struct hf_kv_txn *txn = NULL;
    struct hf_slice value, bad;
    struct hf_key_row row;

    if (hf_kv_read(api->backend->kv, &txn) != HF_OK)
        return; /* fails closed */
    if (hf_kv_get(txn, HF_KV_KEYS, id, &value) == HF_OK && hf_key_row_decode(value, &row) == HF_OK &&
        row.sha256.bytes == sizeof(ret->sha256)) {
        ret->has_hash = true;
        memcpy(ret->sha256, row.sha256.at, sizeof(ret->sha256));
        set_tenant(ret, row.tenant);
        ret->valid = row.revoked_ms == 0 && (row.expires_ms == 0 || row.expires_ms > api->http->utc_ms) &&
                     hf_scopes_parse(row.scopes, &ret->scopes, &bad) == HF_OK;
    }
    hf_kv_end(txn);
}

static void find(const struct hf_api *api, struct hf_slice id, struct found *ret)
{
    *ret = (struct found){0};
    if (!in_configuration(api, id, ret))
        in_table(api, id, ret);
}

bool hf_api_key_now(const struct hf_api_request *request, uint32_t *ret_scopes)
{
    struct found found;

    *ret_scopes = request->scopes;
    if (request->key_id[0] == '\0')
        return true; /* asked for none */
    find(request->api, hf_slice_of(request->key_id), &found);
    *ret_scopes = found.scopes;
    return found.valid && memcmp(found.sha256, request->key_hash, sizeof(found.sha256)) == 0;
}

bool hf_api_key_still_valid(const struct hf_api_request *request)
{
    uint32_t scopes;

    return hf_api_key_now(request, &scopes) &&
           (request->key_id[0] == '\0' || hf_scope_allows(scopes, request->route->scopes));
}

/* ---- rates ---- */

struct rate {
    struct hf_map_node node;
    struct hf_rate rate;
    char id[HF_API_KEY_ID_BYTES_MAX + 1];
};

static bool rate_eq(const struct hf_map_node *node, const void *key)
{
    return strcmp(HF_CONTAINER_OF(node, struct rate, node)->id, key) == 0;
}

static bool rate_free(struct hf_map_node *node, void *map)
{
    hf_map_remove(map, node);
    free(HF_CONTAINER_OF(node, struct rate, node));
    return true;
}

void hf_api_rates_init(struct hf_api *api)
{
    hf_map_init(&api->rates, rate_eq);
}

void hf_api_rates_deinit(struct hf_api *api)
{
    hf_map_each(&api->rates, rate_free, &api->rates);
    hf_map_deinit(&api->rates);
}

/* Only keys that exist come here, so that nobody can fill the map. NULL on no memory: then nothing is limited. */
static struct rate *rate_of(struct hf_api *api, const char *id)
{
    uint64_t hash = hf_hash(api->hash_key, id, strlen(id));
    struct hf_map_node *node = hf_map_find(&api->rates, hash, id);
    struct rate *rate;

    if (node != NULL)
        return HF_CONTAINER_OF(node, struct rate, node);
    if (api->rates.count >=
        HF_API_RATES_MAX) /* all begin anew with full buckets; better than to refuse keys */
        hf_map_each(&api->rates, rate_free, &api->rates);
    rate = calloc(1, sizeof(*rate));
    if (rate == NULL)
        return NULL;
    memcpy(rate->id, id, strlen(id));
    if (hf_map_insert(&api->rates, &rate->node, hash) != HF_OK) {
        free(rate);
        return NULL;
    }
    return rate;
}

static bool within_rate(struct hf_api_request *request)
{
    struct hf_api *api = request->api;
    const struct hf_rate_limit *limit = &api->limits.key_rate;
    struct rate *rate = rate_of(api, request->key_id);

    if (rate == NULL || hf_rate_take(&rate->rate, limit, 1, api->http->now_ms))
        return true;
    api->stats.rate_limited++;
    uint64_t wait_ms = hf_rate_wait_ms(&rate->rate, limit, 1, api->http->now_ms);
    hf_api_fail(request,
                &(struct hf_api_trouble){.reason = HF_REASON_RATE_LIMIT,
                                         .has_limit = true,
                                         .limit = limit->per_second,
                                         .retry_ms = wait_ms == HF_RATE_NEVER ? 0 : HF_MAX(wait_ms, 1u)},
                "this key may make limits.api_key_per_s requests a second");
    return false;
}

/* ---- the door ---- */

/* Authorization: Bearer, or ?key= for EventSource and WebSocket in browsers, which cannot set headers. The text is secret:
 * it is not kept. False: answered. */
static bool shown_key(struct hf_api_request *request, const struct hf_http1_request *head, char *storage,
                      size_t storage_bytes, struct hf_slice *ret_text)
{
    struct hf_slice authorization = hf_http1_header(head, "Authorization"), query = {NULL, 0};

    if (!hf_api_param(request, "key", storage, storage_bytes, &query))
        return false;
    *ret_text = query;
    if (authorization.at == NULL)
        return true;
    if (hf_http1_count(head->headers, head->header_count, "Authorization") > 1 || query.at != NULL)
        return hf_api_bad(request, "Authorization", "show one key, in one place");
    if (authorization.bytes < 7 ||
        !hf_slice_eq_nocase((struct hf_slice){authorization.at, 7}, HF_SLICE("Bearer ")))
        return hf_api_bad(request, "Authorization", "it must be: Bearer hfk_<id>_<secret>");
    *ret_text = hf_slice_trim((struct hf_slice){authorization.at + 7, authorization.bytes - 7});
    return true;
}

static bool unauthorized(struct hf_api_request *request, bool missing)
{
    static const struct hf_http1_header bearer[] = {{HF_SLICE("WWW-Authenticate"), HF_SLICE("Bearer")}};
    struct hf_api_trouble trouble = {
        .reason = missing ? HF_REASON_CREDENTIALS_MISSING : HF_REASON_CREDENTIALS_INVALID,
        .check = missing ? NULL : "key",
        .headers = bearer,
        .header_count = 1,
    };

    request->api->stats.unauthorized++;
    if (!missing &&
        hf_rate_take(&request->api->audit_rate, &(struct hf_rate_limit){.per_second = 1, .capacity = 10}, 1,
                     request->api->http->now_ms))
        hf_api_audit(request->api, (struct hf_slice){NULL, 0}, hf_slice_of("unknown"), "auth.failed",
                     HF_SLICE("{\"of\":\"api\"}"));
    hf_api_fail(request, &trouble, "%s",
                missing ? "send Authorization: Bearer hfk_<id>_<secret>" : "this key is not valid");
    return false;
}

static bool identify(struct hf_api_request *request, const struct hf_http1_request *head,
                     struct found *ret_found)
{
    char storage[256];
    struct hf_slice text, id = {NULL, 0};

    if (!shown_key(request, head, storage, sizeof(storage), &text))
        return false;
    if (text.at == NULL)
        return unauthorized(request, true);
    *ret_found = (struct found){0};
    if (hf_api_key_parse(text, &id) == HF_OK)
        find(request->api, id, ret_found);
    bool same = hf_api_key_verify(text, ret_found->has_hash ? ret_found->sha256 : NULL);
    if (same && ret_found->valid)
        memcpy(request->key_id, id.at, id.bytes);
    explicit_bzero(storage, sizeof(storage));
    return request->key_id[0] != '\0' || unauthorized(request, false);
}

static bool tenant_known(const struct hf_api *api, struct hf_slice tenant)
{
    return api->auth == NULL || hf_auth_set(api->auth) == NULL ||
           hf_auth_tenant_find(api->auth, tenant) != NULL;
}

/* The tenant that the request is about: the key's, or for a key of all tenants the one that is named. */
static bool choose_tenant(struct hf_api_request *request, const struct hf_http1_request *head,
                          const struct found *found)
{
    struct hf_slice own = {found->tenant, found->tenant_bytes},
                    named = hf_http1_header(head, "Holdfast-Tenant"), query;
    char storage[HF_TENANT_BYTES_MAX + 1];

    if (!hf_api_param(request, "tenant", storage, sizeof(storage), &query))
        return false;
    if (query.at != NULL)
        named = query;
    request->all_tenants = hf_slice_is(own, "*");
    if (!request->all_tenants && named.at != NULL && !hf_slice_eq(named, own)) {
        request->api->stats.forbidden++;
        hf_api_fail(request, &(struct hf_api_trouble){.reason = HF_REASON_FORBIDDEN, .field = "tenant"},
                    "this key belongs to another tenant");
        return false;
    }
    if (request->all_tenants && named.at == NULL) {
        if (request->route->flags & HF_ROUTE_TENANT)
            return hf_api_bad(request, "tenant",
                              "a key for all tenants must name one: ?tenant=<name> or Holdfast-Tenant");
        return true;
    }
    struct hf_slice tenant = request->all_tenants ? named : own;
    if (!hf_id_valid(tenant, HF_TENANT_BYTES_MAX) || !tenant_known(request->api, tenant)) {
        hf_api_fail(request, &(struct hf_api_trouble){.reason = HF_REASON_NOT_FOUND, .field = "tenant"},
                    "there is no such tenant");
        return false;
    }
    memcpy(request->tenant_storage, tenant.at, tenant.bytes);
    request->tenant = (struct hf_slice){request->tenant_storage, tenant.bytes};
    return true;
}

bool hf_api_authenticate(struct hf_api_request *request, const struct hf_http1_request *head)
{
    const struct hf_api_route *route = request->route;
    bool free_here = (route->flags & HF_ROUTE_ADMIN) && (request->exchange->roles & HF_HTTP_ADMIN) &&
                     !request->api->admin_key_required;
    struct found found;

    if ((route->flags & HF_ROUTE_PUBLIC) || free_here)
        return true;
    if (!identify(request, head, &found) || !within_rate(request))
        return false;
    request->scopes = found.scopes;
    memcpy(request->key_hash, found.sha256, sizeof(request->key_hash));
    if (!hf_scope_allows(found.scopes, route->scopes)) {
        char storage[128];
        struct hf_sb sb;

        hf_sb_init(&sb, storage, sizeof(storage));
        hf_scopes_text(route->scopes, &sb);
        request->api->stats.forbidden++;
        hf_api_fail(request, &(struct hf_api_trouble){.reason = HF_REASON_FORBIDDEN, .check = "scopes"},
                    "the key needs one of these scopes: %s", storage);
        return false;
    }
    return choose_tenant(request, head, &found);
}
