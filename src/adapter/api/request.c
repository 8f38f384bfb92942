/* adapter/api/request.c - from a head to a route, and the life of a request. */
#include "adapter/api/request.h"

#include <stdlib.h>

#define GET    HF_HTTP1_GET
#define POST   HF_HTTP1_POST
#define PATCH  HF_HTTP1_PATCH
#define DELETE HF_HTTP1_DELETE

enum {
    TENANT = HF_ROUTE_TENANT,
    MESSAGES_READ = HF_SCOPE_DEVICES_READ | HF_SCOPE_MESSAGES_WRITE,
    COMMANDS = HF_SCOPE_MESSAGES_WRITE | HF_SCOPE_COMMANDS_WRITE,
    COMMANDS_READ = HF_SCOPE_DEVICES_READ | COMMANDS,
    HEALTH = HF_ROUTE_PUBLIC | HF_ROUTE_ANYWHERE,
    CONSOLE = HF_ROUTE_PUBLIC | HF_ROUTE_CONSOLE,
};

/* clang-format off */
const struct hf_api_route hf_api_routes[] = {
    {POST,   "/v1/devices/{}/messages",   HF_SCOPE_MESSAGES_WRITE, TENANT,                            hf_api_message_post},
    {GET,    "/v1/messages/{}",           MESSAGES_READ,           TENANT,                            hf_api_message_get},
    {DELETE, "/v1/messages/{}",           HF_SCOPE_MESSAGES_WRITE, TENANT,                            hf_api_message_cancel},
    {POST,   "/v1/devices/{}/commands",   COMMANDS,                TENANT,                            hf_api_command_post},
    {GET,    "/v1/commands/{}",           COMMANDS_READ,           TENANT,                            hf_api_command_get},
    {DELETE, "/v1/commands/{}",           COMMANDS,                TENANT,                            hf_api_command_cancel},
    {POST,   "/v1/broadcast",             HF_SCOPE_MESSAGES_WRITE, TENANT,                            hf_api_broadcast_post},
    {GET,    "/v1/broadcasts/{}",         MESSAGES_READ,           TENANT,                            hf_api_broadcast_get},
    {GET,    "/v1/devices",               HF_SCOPE_DEVICES_READ,   TENANT,                            hf_api_devices_list},
    {GET,    "/v1/devices/{}",            HF_SCOPE_DEVICES_READ,   TENANT,                            hf_api_device_get},
    {POST,   "/v1/devices/{}/disconnect", HF_SCOPE_DEVICES_WRITE,  TENANT,                            hf_api_device_disconnect},
    {GET,    "/v1/devices/{}/context",    MESSAGES_READ,           TENANT,                            hf_api_device_context_get},
    {PATCH,  "/v1/devices/{}/context",    HF_SCOPE_MESSAGES_WRITE, TENANT,                            hf_api_device_context_patch},
    {GET,    "/v1/groups",                HF_SCOPE_DEVICES_READ,   TENANT,                            hf_api_groups_list},
    {GET,    "/v1/groups/{}/context",     MESSAGES_READ,           TENANT,                            hf_api_group_context_get},
    {PATCH,  "/v1/groups/{}/context",     HF_SCOPE_MESSAGES_WRITE, TENANT,                            hf_api_group_context_patch},
    {POST,   "/v1/groups/{}/shadow",      HF_SCOPE_MESSAGES_WRITE, TENANT,                            hf_api_push_post},
    {GET,    "/v1/groups/{}/shadow/pushes", MESSAGES_READ,         TENANT,                            hf_api_pushes_list},
    {GET,    "/v1/groups/{}/shadow/pushes/{}", MESSAGES_READ,      TENANT,                            hf_api_push_get},
    {GET,    "/v1/devices/{}/live",       HF_SCOPE_DEVICES_READ,   TENANT,                            hf_api_device_live},
    {GET,    "/v1/devices/{}/shadow",     MESSAGES_READ,           TENANT,                            hf_api_shadow_get},
    {PATCH,  "/v1/devices/{}/shadow",     HF_SCOPE_MESSAGES_WRITE, TENANT,                            hf_api_shadow_patch},
    {GET,    "/v1/devices/{}/shadow/{}",  MESSAGES_READ,           TENANT,                            hf_api_shadow_get},
    {PATCH,  "/v1/devices/{}/shadow/{}",  HF_SCOPE_MESSAGES_WRITE, TENANT,                            hf_api_shadow_patch},
    {DELETE, "/v1/devices/{}/shadow/{}",  HF_SCOPE_MESSAGES_WRITE, TENANT,                            hf_api_shadow_delete},
    {GET,    "/v1/devices/{}/shadows",    MESSAGES_READ,           TENANT,                            hf_api_shadow_list},
    {GET,    "/v1/devices/{}/shadow/versions", MESSAGES_READ,      TENANT,                            hf_api_shadow_versions}, /* behind the names: the last that fits counts */
    {GET,    "/v1/devices/{}/shadow/{}/versions", MESSAGES_READ,   TENANT,                            hf_api_shadow_versions},
    {GET,    "/v1/devices/{}/presence",   HF_SCOPE_DEVICES_READ,   TENANT,                            hf_api_device_presence},
    {GET,    "/v1/devices/{}/series",     HF_SCOPE_DEVICES_READ,   TENANT,                            hf_api_device_series},
    {GET,    "/v1/devices/{}/explain",    HF_SCOPE_DEVICES_READ,   TENANT,                            hf_api_device_explain},
    {GET,    "/v1/cameras",               HF_SCOPE_DEVICES_READ,   TENANT,                            hf_api_cameras_list},
    {GET,    "/v1/cameras/{}",            HF_SCOPE_DEVICES_READ,   TENANT,                            hf_api_camera_get},
    {GET,    "/v1/cameras/{}/channels",   HF_SCOPE_DEVICES_READ,   TENANT,                            hf_api_channels_list},
    {GET,    "/v1/cameras/{}/channels/{}", HF_SCOPE_DEVICES_READ,  TENANT,                            hf_api_channel_get},
    {GET,    "/v1/devices/{}/sip",        HF_SCOPE_DEVICES_READ,   TENANT,                            hf_api_device_sip},
    {POST,  "/v1/cameras/{}/{}/ptz",                COMMANDS,              TENANT,                            hf_api_camera_command},
    {POST,  "/v1/cameras/{}/{}/presets",            COMMANDS,              TENANT,                            hf_api_camera_command},
    {GET,   "/v1/cameras/{}/{}/presets",            COMMANDS,              TENANT,                            hf_api_camera_command},
    {POST,  "/v1/cameras/{}/{}/home",               COMMANDS,              TENANT,                            hf_api_camera_command},
    {GET,   "/v1/cameras/{}/{}/home",               COMMANDS,              TENANT,                            hf_api_camera_command},
    {POST,  "/v1/cameras/{}/{}/cruise",             COMMANDS,              TENANT,                            hf_api_camera_command},
    {GET,   "/v1/cameras/{}/{}/cruise",             COMMANDS,              TENANT,                            hf_api_camera_command},
    {POST,  "/v1/cameras/{}/{}/drag-zoom",          COMMANDS,              TENANT,                            hf_api_camera_command},
    {POST,  "/v1/cameras/{}/{}/guard",              COMMANDS,              TENANT,                            hf_api_camera_command},
    {POST,  "/v1/cameras/{}/{}/alarm-reset",        COMMANDS,              TENANT,                            hf_api_camera_command},
    {POST,  "/v1/cameras/{}/{}/record",             COMMANDS,              TENANT,                            hf_api_camera_command},
    {POST,  "/v1/cameras/{}/{}/key-frame",          COMMANDS,              TENANT,                            hf_api_camera_command},
    {POST,  "/v1/cameras/{}/{}/reboot",             COMMANDS,              TENANT,                            hf_api_camera_command},
    {GET,   "/v1/cameras/{}/{}/config",             COMMANDS,              TENANT,                            hf_api_camera_command},
    {POST,  "/v1/cameras/{}/{}/config",             COMMANDS,              TENANT,                            hf_api_camera_command},
    {POST,  "/v1/cameras/{}/{}/upgrade",            COMMANDS,              TENANT,                            hf_api_camera_command},
    {POST,  "/v1/cameras/{}/{}/snapshot-config",    COMMANDS,              TENANT,                            hf_api_camera_command},
    {POST,  "/v1/cameras/{}/{}/records",            COMMANDS,              TENANT,                            hf_api_camera_command},
    {GET,   "/v1/cameras/{}/{}/info",               COMMANDS,              TENANT,                            hf_api_camera_command},
    {GET,   "/v1/cameras/{}/{}/status",             COMMANDS,              TENANT,                            hf_api_camera_command},
    {GET,   "/v1/cameras/{}/{}/position",           COMMANDS,              TENANT,                            hf_api_camera_command},
    {GET,   "/v1/cameras/{}/{}/storage",            COMMANDS,              TENANT,                            hf_api_camera_command},
    {POST,  "/v1/cameras/{}/catalog/refresh",       COMMANDS,              TENANT,                            hf_api_camera_command},
    {GET,    "/v1/cameras/{}/subscriptions", HF_SCOPE_DEVICES_READ, TENANT,                           hf_api_camera_subscriptions},
    {POST,   "/v1/cameras/{}/subscriptions", COMMANDS,             TENANT,                            hf_api_camera_command},
    {DELETE, "/v1/cameras/{}/subscriptions", COMMANDS,             TENANT,                            hf_api_camera_command},
    {POST,  "/v1/cameras/{}/{}/play",               COMMANDS,              TENANT,                            hf_api_camera_command},
    {POST,  "/v1/cameras/{}/{}/playback",           COMMANDS,              TENANT,                            hf_api_camera_command},
    {POST,  "/v1/cameras/{}/{}/download",           COMMANDS,              TENANT,                            hf_api_camera_command},
    {POST,  "/v1/cameras/{}/{}/talk",               COMMANDS,              TENANT,                            hf_api_camera_command},
    {POST,  "/v1/cameras/{}/{}/sound",              COMMANDS,              TENANT,                            hf_api_channel_sound},
    {POST,  "/v1/cameras/{}/{}/stop",               COMMANDS,              TENANT,                            hf_api_camera_command},
    {POST,  "/v1/cameras/{}/{}/pause",              COMMANDS,              TENANT,                            hf_api_camera_command},
    {POST,  "/v1/cameras/{}/{}/resume",             COMMANDS,              TENANT,                            hf_api_camera_command},
    {POST,  "/v1/cameras/{}/{}/speed",              COMMANDS,              TENANT,                            hf_api_camera_command},
    {POST,  "/v1/cameras/{}/{}/seek",               COMMANDS,              TENANT,                            hf_api_camera_command},
    {GET,   "/v1/cameras/{}/{}/calls",              COMMANDS,              TENANT,                            hf_api_camera_command},
    {GET,   "/v1/cameras/{}/calls",                 COMMANDS,              TENANT,                            hf_api_camera_command},
    {GET,    "/v1/cameras/{}/{}/live.ps", HF_SCOPE_EVENTS_READ, TENANT, hf_api_live_ps},
    {GET,    "/v1/cameras/{}/{}/live.flv", HF_SCOPE_EVENTS_READ, TENANT, hf_api_live_flv},
    {GET,    "/v1/cameras/{}/{}/live.mp4", HF_SCOPE_EVENTS_READ, TENANT, hf_api_live_mp4},
    {GET,    "/v1/cameras/{}/{}/live.rtp", COMMANDS, TENANT, hf_api_live_rtp},
    {GET,    "/v1/cameras/{}/{}/media", HF_SCOPE_EVENTS_READ | HF_SCOPE_DEVICES_READ, TENANT, hf_api_channel_media},
    {GET,    "/v1/cameras/{}/{}/snapshot.jpg", HF_SCOPE_EVENTS_READ, TENANT, hf_api_snapshot},
    {GET,    "/v1/upstreams",             HF_SCOPE_DEVICES_READ,   TENANT,                            hf_api_upstreams},
    {GET,    "/v1/events",                HF_SCOPE_EVENTS_READ,    HF_ROUTE_EARLY,                    hf_api_events},
    {GET,    "/v1/audit",                 HF_SCOPE_EVENTS_READ,    0,                                 hf_api_audit_list},
    {GET,    "/v1/live",                  HF_SCOPES_ALL,           HF_ROUTE_EARLY,                    hf_api_feed},
    {GET,    "/v1/keys",                  HF_SCOPE_KEYS_ADMIN,     TENANT,                            hf_api_keys_list},
    {POST,   "/v1/keys",                  HF_SCOPE_KEYS_ADMIN,     TENANT,                            hf_api_key_post},
    {DELETE, "/v1/keys/{}",               HF_SCOPE_KEYS_ADMIN,     TENANT,                            hf_api_key_delete},
    {POST,   "/v1/revocations",           HF_SCOPE_KEYS_ADMIN,     TENANT,                            hf_api_revocation_post},
    {GET,    "/v1/heatmap",               HF_SCOPE_METRICS_READ,   HF_ROUTE_ADMIN,                    hf_api_heatmap},
    {GET,    "/v1/heatmap/history",       HF_SCOPE_METRICS_READ,   HF_ROUTE_ADMIN,                    hf_api_heatmap_history},
    {GET,    "/v1/ledger",                HF_SCOPE_METRICS_READ,   HF_ROUTE_ADMIN,                    hf_api_ledger},
    {GET,    "/v1/reasons",               0,                       HF_ROUTE_PUBLIC | HF_ROUTE_ADMIN,  hf_api_reasons},
    {GET,    "/v1/self",                  HF_SCOPES_ALL,           0,                                 hf_api_self},
    {GET,    "/v1/overview",              HF_SCOPE_METRICS_READ,   0,                                 hf_api_overview},
    {GET,    "/v1/config",                HF_SCOPE_ADMIN,          0,                                 hf_api_config},
    {POST,   "/v1/listeners/{}/client-ca/dry-run", HF_SCOPE_ADMIN, HF_ROUTE_ADMIN,                    hf_api_client_ca_dry_run},
    {GET,    "/console",                  0,                       CONSOLE | HF_ROUTE_EARLY,          hf_api_console_folder},
    {GET,    "/console/{}",               0,                       CONSOLE | HF_ROUTE_EARLY,          hf_api_console_file},
    {GET,    "/console/settings.json",    0,                       CONSOLE,                           hf_api_console_settings},
    {POST,   "/console/login",            0,                       CONSOLE,                           hf_api_console_login},
    {GET,    "/metrics",                  HF_SCOPE_METRICS_READ,   HF_ROUTE_ADMIN,                    hf_api_metrics},
    {GET,    "/livez",                    0,                       HEALTH,                            hf_api_livez},
    {GET,    "/readyz",                   0,                       HEALTH,                            hf_api_readyz},
    {GET,    "/startupz",                 0,                       HEALTH,                            hf_api_startupz},
};
/* clang-format on */
const size_t hf_api_route_count = HF_COUNT_OF(hf_api_routes);

/* ---- the route ---- */

/* Fills the arguments of {}; false when the path is another. */
static bool matches(const char *pattern, const struct hf_slice *segments, size_t count,
                    struct hf_slice *arguments, size_t *ret_arguments)
{
    size_t n = 0, found = 0;

    for (const char *at = pattern; *at == '/'; n++) {
        size_t bytes = strcspn(at + 1, "/");
        struct hf_slice wanted = {at + 1, bytes};

        if (n == count)
            return false;
        if (hf_slice_is(wanted, "{}"))
            arguments[found++] = segments[n];
        else if (!hf_slice_eq(wanted, segments[n]))
            return false;
        at += 1 + bytes;
    }
    *ret_arguments = found;
    return n == count;
}

/* Among the rows of this path the one of the method; *ret_allow lists what there is. */
static const struct hf_api_route *find(struct hf_api_request *request, enum hf_http1_method method,
                                       struct hf_sb *allow)
{
    struct hf_slice segments[HF_API_SEGMENTS_MAX];
    const struct hf_api_route *route = NULL;
    size_t count = request->segment_count;

    memcpy(segments, request->segments, sizeof(segments));
    if (method == HF_HTTP1_HEAD)
        method = HF_HTTP1_GET; /* the same without a body, which the HTTP layer leaves out */
    for (size_t i = 0; i < hf_api_route_count; i++) {
        struct hf_slice arguments[HF_API_SEGMENTS_MAX];
        size_t argument_count = 0;

        if (!matches(hf_api_routes[i].pattern, segments, count, arguments, &argument_count))
            continue;
        hf_sb_text(allow, allow->bytes ? ", " : "");
        hf_sb_text(allow, hf_http1_method_name(hf_api_routes[i].method));
        if (hf_api_routes[i].method == HF_HTTP1_GET)
            hf_sb_text(allow, ", HEAD");
        if (hf_api_routes[i].method != method)
            continue;
        route = &hf_api_routes[i];
        memcpy(request->segments, arguments, argument_count * sizeof(arguments[0]));
        request->segment_count = argument_count;
    }
    return route;
}

static bool served_here(const struct hf_api *api, const struct hf_api_route *route, unsigned roles)
{
    if (route->flags & HF_ROUTE_CONSOLE)
        return (roles & HF_HTTP_CONSOLE) && api->console.mode != HF_CONSOLE_OFF;
    return (route->flags & HF_ROUTE_ANYWHERE) || (roles & HF_HTTP_API) ||
           ((roles & HF_HTTP_ADMIN) && (route->flags & HF_ROUTE_ADMIN));
}

static bool choose_route(struct hf_api_request *request, const struct hf_http1_request *head)
{
    static const struct hf_api_trouble missing = {.reason = HF_REASON_NOT_FOUND};
    char storage[64];
    struct hf_sb allow;

    hf_sb_init(&allow, storage, sizeof(storage));
    request->route = find(request, head->method, &allow);
    struct hf_http1_header header = {HF_SLICE("Allow"), hf_sb_done(&allow)};
    if (allow.bytes == 0) {
        hf_api_fail(request, &missing, "there is no such path; doc/openapi.yaml lists them");
    } else if (head->method == HF_HTTP1_OPTIONS) {
        hf_http_answer(request->exchange,
                       &(struct hf_http_answer){.status = 204, .headers = &header, .header_count = 1});
    } else if (request->route == NULL) {
        hf_api_fail(request,
                    &(struct hf_api_trouble){
                        .reason = HF_REASON_METHOD_NOT_ALLOWED, .headers = &header, .header_count = 1},
                    "offered here: %s", storage);
    } else if (!served_here(request->api, request->route, request->exchange->roles)) {
        request->route = NULL;
        hf_api_fail(request, &missing, "this listener does not serve it");
    }
    return request->exchange != NULL;
}

/* ---- the object ---- */

void hf_api_enter(struct hf_api_request *request)
{
    request->depth++;
}

void hf_api_leave(struct hf_api_request *request)
{
    HF_ASSERT(request->depth > 0);
    request->depth--;
    hf_api_release(request);
}

void hf_api_release(struct hf_api_request *request)
{
    if (request->depth > 0 || request->exchange != NULL || request->call != NULL || request->stream != NULL)
        return;
    hf_list_remove(&request->node);
    free(request->part);
    free(request);
}

static bool accepts_sse(const struct hf_http1_request *head)
{
    struct hf_slice accept = hf_http1_header(head, "Accept"), item;

    while (hf_http1_list_next(&accept, &item)) {
        const char *semicolon = item.bytes ? memchr(item.at, ';', item.bytes) : NULL;
        struct hf_slice type = {item.at, semicolon ? (size_t)(semicolon - item.at) : item.bytes};

        if (hf_slice_eq_nocase(hf_slice_trim(type), HF_SLICE("text/event-stream")))
            return true;
    }
    return false;
}

static struct hf_api_request *request_new(struct hf_api *api, struct hf_http_exchange *exchange,
                                          const struct hf_http1_request *head)
{
    struct hf_slice content_type = hf_http1_header(head, "Content-Type");
    struct hf_slice idempotency_key = hf_http1_header(head, "Idempotency-Key");
    struct hf_slice last_event_id = hf_http1_header(head, "Last-Event-ID");
    struct hf_slice if_match = hf_http1_header(head, "If-Match");
    struct hf_slice if_none_match = hf_http1_header(head, "If-None-Match");
    struct hf_api_request *request =
        calloc(1, sizeof(*request) + 2 * head->path.bytes + head->query.bytes + content_type.bytes +
                      idempotency_key.bytes + last_event_id.bytes + if_match.bytes + if_none_match.bytes + 1);

    if (request == NULL)
        return NULL;
    char *at = request->storage + 2 * head->path.bytes; /* the path's: split_path() */
    hf_list_init(&request->node);
    hf_list_init(&request->barrier.node);
    hf_list_push_back(&api->requests, &request->node);
    request->api = api;
    request->begun_ms = api->http->now_ms;
    request->exchange = exchange;
    request->query = hf_api_copy(&at, head->query);
    request->content_type = hf_api_copy(&at, content_type);
    request->idempotency_key = hf_api_copy(&at, idempotency_key);
    request->last_event_id = hf_api_copy(&at, last_event_id);
    request->if_match = hf_api_copy(&at, if_match);
    request->if_none_match = hf_api_copy(&at, if_none_match);
    request->wants_sse = accepts_sse(head);
    request->from_console = hf_slice_is(hf_http1_header(head, "Holdfast-Client"), "console");
    request->has_range = hf_http1_header(head, "Range").at != NULL;
    exchange->user = request;
    return request;
}

/* The first part of storage holds segments that were decoded, the second copies of the others: the head is gone soon. */
static bool split_path(struct hf_api_request *request, const struct hf_http1_request *head)
{
    char *copies = request->storage + head->path.bytes;
    hf_err err = hf_uri_path_split(head->path, request->storage, head->path.bytes, request->segments,
                                   HF_API_SEGMENTS_MAX, &request->segment_count);

    if (err == HF_ERR_LIMIT) {
        hf_api_fail(request, &(struct hf_api_trouble){.reason = HF_REASON_NOT_FOUND},
                    "there is no such path");
        return false;
    }
    if (err != HF_OK)
        return hf_api_bad(request, "path", "the path is malformed");
    for (size_t i = 0; i < request->segment_count; i++)
        if (request->segments[i].at >= head->path.at &&
            request->segments[i].at <= head->path.at + head->path.bytes)
            request->segments[i] = hf_api_copy(&copies, request->segments[i]);
    return true;
}

static void on_head(void *context, struct hf_http_exchange *exchange, const struct hf_http1_request *head)
{
    struct hf_api *api = context;
    struct hf_api_request *request = request_new(api, exchange, head);

    if (request == NULL) {
        hf_http_problem(exchange, &(struct hf_http1_problem_doc){.reason = HF_REASON_MEMORY_LIMIT});
        return;
    }
    hf_api_enter(request);
    if (split_path(request, head) && choose_route(request, head) && hf_api_authenticate(request, head) &&
        ((request->route->flags & HF_ROUTE_PUBLIC) || hf_api_params_known(request)) &&
        (request->route->flags & HF_ROUTE_EARLY)) {
        request->head = head;
        request->route->handle(request);
        request->head = NULL;
    }
    hf_api_leave(request);
}

static void on_body(void *context, struct hf_http_exchange *exchange, struct hf_slice body)
{
    struct hf_api_request *request = exchange->user;

    (void)context;
    hf_api_enter(request);
    request->body = body;
    if ((request->route->flags & HF_ROUTE_EARLY) == 0)
        request->route->handle(request);
    request->body = (struct hf_slice){NULL, 0};
    hf_api_leave(request);
}

static void on_drained(void *context, struct hf_http_exchange *exchange)
{
    struct hf_api_request *request = exchange->user;

    (void)context;
    if (request->stream != NULL)
        hf_api_stream_drained(request);
}

static void on_gone(void *context, struct hf_http_exchange *exchange)
{
    struct hf_api_request *request = exchange->user;

    (void)context;
    if (request == NULL)
        return;
    exchange->user = NULL;
    request->exchange = NULL;
    if (request->call != NULL)
        request->call->abandoned = true;
    if (request->waiting) {
        request->waiting = false;
        request->api->stats.waits_now--;
        request->api->backend->ops->barrier_cancel(request->api->backend, &request->barrier);
    }
    hf_api_stream_free(request);
    hf_api_release(request);
}

const struct hf_http_app hf_api_app = {
    .on_head = on_head, .on_body = on_body, .on_drained = on_drained, .on_gone = on_gone};
