/* adapter/api/call.c - calls to the workers of devices, waiting for the tables, and audit records. */
#include <stdlib.h>

#include "adapter/api/request.h"
#include "base/assert.h"
#include "base/uuid.h"

enum { AUDIT_BYTES_MAX = 512 };

static size_t copied(const struct hf_call *wish)
{
    return wish->device.bytes + wish->topic.bytes + wish->key.bytes + wish->payload.bytes +
           HF_TENANT_BYTES_MAX + HF_BY_BYTES_MAX + 1;
}

struct hf_slice hf_api_copy(char **at, struct hf_slice text)
{
    struct hf_slice kept = {text.at != NULL ? *at : NULL, text.bytes};

    HF_ASSERT(text.at != NULL || text.bytes == 0);
    if (text.bytes > 0)
        memcpy(*at, text.at, text.bytes);
    *at += text.bytes;
    return kept;
}

/* *ret_at: behind the copies, where HF_BY_BYTES_MAX are left. */
static struct hf_call *call_new(enum hf_call_type type, struct hf_slice tenant, const struct hf_call *wish,
                                char **ret_at)
{
    struct hf_call *call = hf_call_new(type, copied(wish));

    if (call == NULL)
        return NULL;
    char *at = call->storage;
    call->tenant = hf_api_copy(&at, tenant);
    call->device = hf_api_copy(&at, wish->device);
    call->topic = hf_api_copy(&at, wish->topic);
    call->key = hf_api_copy(&at, wish->key);
    call->payload = hf_api_copy(&at, wish->payload);
    call->class = wish->class;
    call->event_type = wish->event_type;
    call->format = wish->format;
    call->flags = wish->flags;
    call->wait = wish->wait;
    call->ttl_ms = wish->ttl_ms;
    call->wait_ms = wish->wait_ms;
    call->targets = wish->targets;
    call->document = wish->document;
    memcpy(call->body_hash, wish->body_hash, sizeof(call->body_hash));
    memcpy(call->id, wish->id, sizeof(call->id));
    *ret_at = at;
    return call;
}

struct hf_call *hf_api_call_make(const struct hf_api_request *request, enum hf_call_type type,
                                 const struct hf_call *wish)
{
    char *at;
    struct hf_call *call = call_new(type, request->tenant, wish, &at);

    if (call != NULL)
        hf_api_call_by(request, call, &at);
    return call;
}

struct hf_call *hf_api_call_new(struct hf_api_request *request, enum hf_call_type type,
                                const struct hf_call *wish)
{
    struct hf_call *call = hf_api_call_make(request, type, wish);

    if (call == NULL)
        hf_api_fail_err(request, HF_ERR_NOMEM);
    return call;
}

void hf_api_call_by(const struct hf_api_request *request, struct hf_call *call, char **at)
{
    if (request->key_id[0] != '\0')
        call->by = hf_api_copy(at, hf_slice_of(request->key_id));
    call->console = request->from_console;
}

/* ---- calls ---- */

static void on_done(struct hf_call *call)
{
    struct hf_api_request *request = call->maker;
    hf_api_handler *next = request->next;

    if (request->api != NULL)
        request->api->stats.calls_now--;
    hf_api_enter(request);
    if (hf_api_open(request))
        next(request);
    if (request->call == call) { /* next() did not go on with another one */
        request->call = NULL;
        hf_call_free(call);
    }
    hf_api_leave(request);
}

static void on_done_unless_refused(struct hf_call *call)
{
    struct hf_api_request *request = call->maker;

    if (call->reason == HF_REASON_NONE || !hf_api_open(request)) {
        on_done(call);
        return;
    }
    hf_api_enter(request);
    hf_api_fail_call(request, call);
    hf_api_call_end(request, call);
    hf_api_leave(request);
}

hf_err hf_api_call_begin(struct hf_api_request *request, struct hf_call *call,
                         void (*done)(struct hf_call *call))
{
    struct hf_api *api = request->api;

    HF_ASSERT(request->call == NULL);
    if (api->stats.calls_now >= api->limits.calls_max) {
        api->stats.calls_refused++;
        hf_call_free(call);
        return HF_ERR_LIMIT;
    }
    call->maker = request;
    call->on_done = done;
    request->call = call;
    api->stats.calls_now++;
    api->stats.calls++;
    if (api->backend->ops->call(api->backend, call) == HF_OK)
        return HF_OK;
    api->stats.calls_refused++;
    hf_api_call_end(request, call);
    return HF_ERR_BUSY;
}

void hf_api_call_end(struct hf_api_request *request, struct hf_call *call)
{
    if (request->api != NULL)
        request->api->stats.calls_now--;
    request->call = NULL;
    hf_call_free(call);
}

static void make(struct hf_api_request *request, struct hf_call *call, hf_api_handler *next,
                 void (*done)(struct hf_call *call))
{
    struct hf_api *api = request->api;

    hf_call_free(request->call); /* the one before, whose answer led here */
    request->call = NULL;
    if (call == NULL)
        return;
    request->next = next;
    hf_err err = hf_api_call_begin(request, call, done);
    if (err == HF_ERR_LIMIT)
        hf_api_fail(request,
                    &(struct hf_api_trouble){.reason = HF_REASON_BUSY,
                                             .has_limit = true,
                                             .limit = api->limits.calls_max,
                                             .has_observed = true,
                                             .observed = api->stats.calls_now},
                    "too many calls are under way");
    else if (err != HF_OK)
        hf_api_fail_err(request, err);
}

void hf_api_call(struct hf_api_request *request, struct hf_call *call, hf_api_handler *next)
{
    make(request, call, next, on_done_unless_refused);
}

void hf_api_call_raw(struct hf_api_request *request, struct hf_call *call, hf_api_handler *next)
{
    make(request, call, next, on_done);
}

/* ---- the tables ---- */

static void on_applied(struct hf_barrier *barrier, hf_err err)
{
    struct hf_api_request *request = barrier->user;

    request->api->stats.waits_now--;
    hf_api_enter(request);
    request->waiting = false;
    if (!hf_api_open(request))
        ;
    else if (err != HF_OK)
        hf_api_fail_err(request, err);
    else
        request->next(request);
    hf_api_leave(request);
}

void hf_api_barrier(struct hf_api_request *request, hf_api_handler *next)
{
    struct hf_api *api = request->api;

    HF_ASSERT(!request->waiting);
    if (api->stats.waits_now >= HF_API_WAITS_MAX) {
        hf_api_fail_err(request, HF_ERR_BUSY);
        return;
    }
    api->stats.waits_now++;
    request->waiting = true;
    request->next = next;
    request->barrier.on_applied = on_applied;
    request->barrier.user = request;
    api->backend->ops->barrier(api->backend, &request->barrier);
}

/* ---- ids and audit ---- */

void hf_api_new_id(struct hf_api_request *request, uint8_t ret_id[16])
{
    struct hf_backend *backend = request->api->backend;
    uint8_t random[HF_UUID_RANDOM_BYTES];

    backend->ops->random(backend, random, sizeof(random));
    hf_uuid7(ret_id, request->api->http->utc_ms, random);
}

static void on_audited(struct hf_call *call)
{
    hf_call_free(call);
}

static void audit(struct hf_api *api, struct hf_slice tenant, const struct hf_call *wish,
                  const struct hf_api_request *request)
{
    char *at;
    struct hf_call *call = call_new(HF_CALL_RECORD, tenant, wish, &at);

    if (call == NULL) {
        api->stats.audit_dropped++;
        return;
    }
    if (request != NULL)
        hf_api_call_by(request, call, &at);
    call->event_type = HF_EVENT_AUDIT;
    call->format = HF_FORMAT_JSON;
    call->on_done = on_audited;
    if (api->backend->ops->call(api->backend, call) != HF_OK) {
        api->stats.audit_dropped++;
        hf_call_free(call);
    }
}

void hf_api_audit(struct hf_api *api, struct hf_slice tenant, struct hf_slice who, const char *action,
                  struct hf_slice json)
{
    audit(api, tenant, &(struct hf_call){.topic = hf_slice_of(action), .key = who, .payload = json}, NULL);
}

void hf_api_audit_request(struct hf_api_request *request, const char *action, const char *member,
                          struct hf_slice object)
{
    char storage[AUDIT_BYTES_MAX], peer[64] = "";
    struct hf_json_out out;
    struct hf_sb sb;

    if (hf_api_open(request))
        hf_http_peer(request->exchange, peer, sizeof(peer));
    hf_sb_init(&sb, storage, sizeof(storage));
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_json_out_text(&out, member, object);
    if (peer[0] != '\0')
        hf_json_out_cstr(&out, "peer", peer);
    hf_json_out_end(&out);
    if (sb.overflow) {
        request->api->stats.audit_dropped++;
        return;
    }
    struct hf_call wish = {
        .topic = hf_slice_of(action), .key = hf_slice_of(request->key_id), .payload = hf_sb_done(&sb)};
    if (strcmp(member, "device") == 0)
        wish.device = object; /* it stands among the device's own events, too */
    audit(request->api, request->tenant, &wish, request);
}
