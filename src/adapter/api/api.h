/* adapter/api/api.h - the /v1 API: routes, keys, rates and handlers; doc/openapi.yaml describes what a client sees. One per
 * worker, on top of adapter/http (it is its struct hf_http_app) and of adapter/backend.h. Requirements API-1 to API-4, OL-3, OL-4,
 * SEC-3, SEC-5, SEC-6, OBS-1, OBS-9, OBS-11. */
#ifndef HF_ADAPTER_API_API_H
#define HF_ADAPTER_API_API_H

#include "adapter/api/console.h"
#include "adapter/api/scope.h"
#include "adapter/auth.h"
#include "adapter/backend.h"
#include "adapter/http/server.h"
#include "base/map.h"
#include "base/rate.h"

enum {
    HF_API_PAGE_ITEMS_MAX = 1000,
    HF_API_PAGE_ITEMS = 100, /* when a list names no limit */
    HF_API_SCAN_ROWS_MAX =
        10000,                /* rows looked at in one request; the page may be short, its cursor goes on */
    HF_API_CALLS_MAX = 10000, /* calls in flight per worker: 503 busy above (OL-4) */
    HF_API_WAITS_MAX = 10000, /* requests that wait for the tables */
    HF_API_READERS_MAX = 256, /* event readers per worker */
    HF_API_LIST_DEVICES_MAX = 1000, /* of one broadcast */
    HF_API_WAIT_MS_MAX = 60000,     /* of a command */
    HF_API_TTL_MS_MAX = 86400000,
    HF_API_RATES_MAX = 65536,          /* keys whose rate is remembered per worker */
    HF_API_KEEPALIVE_MS = 15000,       /* comment or Ping on an idle event stream */
    HF_API_FEED_SUBSCRIPTIONS_MAX = 8, /* of one /v1/live */
    HF_API_FEED_WATCHES_MAX = 8,       /* devices of one /v1/live */
    HF_API_WATCHES_MAX = 256,          /* devices of all /v1/live of a worker: a thousand looks a second */
    HF_API_WATCH_MS = 250,             /* between two looks at the samples of one that is watched */
    HF_API_WATCH_STATE_TURNS = 4,      /* of them, between two looks at its state */
    HF_API_RECHECK_MS = 1000,          /* a revoked key ends its event streams within this (SEC-5) */
    HF_API_IDEMPOTENCY_KEY_BYTES_MAX = 128,
};

struct hf_api_key_config {      /* a key of the configuration */
    struct hf_slice id, tenant; /* tenant "*" = all */
    uint8_t sha256[32];
    uint32_t scopes; /* mask, adapter/api/scope.h */
};

struct hf_api_limits {             /* changeable at run time */
    struct hf_rate_limit key_rate; /* per key and worker: 2,000/s, capacity 4,000 */
    uint32_t calls_max, readers_max, watches_max, page_items_max;
    uint64_t wait_ms_max, ttl_ms_max;
    uint32_t payload_bytes_max; /* of a message: 1 MiB, at most what a device may be sent */
};
extern const struct hf_api_limits hf_api_limits_default;

struct hf_api_stats {
    uint64_t calls_now, calls, calls_refused; /* refused: calls_max or the gateway's mailbox */
    uint64_t waits_now, readers_now, readers_refused;
    uint64_t sockets_now;                  /* WebSockets of readers, until their link has ended */
    uint64_t watches_now, watches_refused; /* devices that /v1/live watches */
    uint64_t watch_looks, watch_messages,
        watch_skips; /* skips: looks put off, because the reader had not taken what there was, or the gateway was busy */
    uint64_t rate_limited, unauthorized, forbidden;
    uint64_t events_bytes, audit_dropped;
};

struct
    hf_api { /* the owner sets utc time through the http site; fields below are the api's but for reading */
    struct hf_backend *backend;
    struct hf_auth *auth;      /* which tenants there are */
    struct hf_http_site *http; /* wheel and times */
    struct hf_api_limits limits;
    const struct hf_api_key_config *keys;
    unsigned key_count;
    struct hf_console console; /* the owner's; zeroed: none */
    bool admin_key_required;   /* ADMIN listeners ask for a key, too */
    struct hf_map rates;
    uint8_t hash_key[16];
    struct hf_rate audit_rate;
    struct hf_api_stats stats;
    struct hf_list_node requests; /* at work, or waiting for an abandoned call to come back */
    struct hf_list_node readers;  /* event streams */
};

extern const struct hf_http_app hf_api_app; /* its context is the struct hf_api */

/* Sets http->app and app_context. backend->ops->random is used at once. */
void hf_api_init(struct hf_api *api, struct hf_backend *backend, struct hf_auth *auth,
                 struct hf_http_site *http);
/* After hf_http_site_deinit(): no request is left but calls that were abandoned, which free themselves. */
void hf_api_deinit(struct hf_api *api);
/* Keys of the configuration; borrowed until the next call. Streams of keys that left end within HF_API_RECHECK_MS. */
void hf_api_use_keys(struct hf_api *api, const struct hf_api_key_config *keys, unsigned count);
/* The requests that are at work since before before_ms, without readers of what does not end. An answered one is at work as long as its call is under way. */
struct hf_api_held {
    uint64_t count, begun_ms; /* of the oldest, as the rest; borrowed until the next turn */
    const char *key_id, *pattern;
    struct hf_slice tenant; /* absent: all */
};
void hf_api_held(const struct hf_api *api, uint64_t before_ms, struct hf_api_held *ret_held);
/* Ends event streams (drain): each gets its proper end, so that clients resume elsewhere. Returns how many are left. */
unsigned hf_api_drain(struct hf_api *api);

#endif
