/* adapter/api/request.h - one request at work, for the files of this folder. Made from the head, freed when it was answered and no
 * call of it is under way any more.
 *
 * A handler answers with one of the functions below, at once or later (after a call, after a barrier), and returns. Helpers that may have
 * answered return false then: return at once. */
#ifndef HF_ADAPTER_API_REQUEST_H
#define HF_ADAPTER_API_REQUEST_H

#include "adapter/api/api.h"
#include "adapter/api/payload_text.h"
#include "codec/json/scan.h"
#include "codec/jwt/api_key.h"
#include "codec/uri/uri.h"
#include "core/presence.h"

enum { HF_API_SEGMENTS_MAX = 6, HF_API_TEXT_BYTES_MAX = 1024 };

struct hf_api_request;
typedef void hf_api_handler(struct hf_api_request *request);

enum {                         /* flags of a route */
       HF_ROUTE_PUBLIC = 1,    /* needs no key */
       HF_ROUTE_TENANT = 2,    /* acts within one tenant */
       HF_ROUTE_ADMIN = 4,     /* also on admin listeners, without a key unless one is asked for */
       HF_ROUTE_EARLY = 8,     /* handled when the head is there: event streams */
       HF_ROUTE_ANYWHERE = 16, /* on every listener: health */
       HF_ROUTE_CONSOLE = 32,  /* only on console listeners, while there is a console */
};

struct hf_api_route {
    enum hf_http1_method method;
    const char *pattern; /* "/v1/devices/{}/messages" */
    uint32_t scopes;     /* any of these */
    unsigned flags;
    hf_api_handler *handle;
};

struct hf_api_request {
    struct hf_list_node node;            /* on api->requests */
    struct hf_api *api;                  /* NULL: torn down */
    struct hf_http_exchange *exchange;   /* NULL: answered or gone */
    const struct hf_http1_request *head; /* during EARLY handlers only */
    const struct hf_api_route *route;
    uint64_t begun_ms;
    /* Who asks, and for whom. */
    char key_id[HF_API_KEY_ID_BYTES_MAX + 1];
    char tenant_storage[HF_TENANT_BYTES_MAX + 1];
    struct hf_slice tenant; /* absent: none was named, the key is for all */
    bool all_tenants;       /* the key's tenant is "*" */
    uint32_t scopes;
    uint8_t key_hash[HF_API_KEY_HASH_BYTES];
    /* What is asked; slices into `storage`. */
    struct hf_slice segments[HF_API_SEGMENTS_MAX];
    size_t segment_count;
    struct hf_slice query, content_type, idempotency_key, last_event_id, if_match, if_none_match;
    bool wants_sse;
    bool from_console;    /* Holdfast-Client: console */
    bool has_range;       /* a Range header: media elements send one with whatever they show */
    uint8_t depth;        /* calls of ours under way: the object stays */
    struct hf_slice body; /* during the handler's first call only */
    /* At work. */
    struct hf_call *call; /* under way, or its answer being looked at */
    struct hf_barrier barrier;
    bool waiting;         /* for the tables */
    hf_api_handler *next; /* after the call or the barrier */
    hf_err write_err;     /* what a writer could not read: the trouble is the answer then */
    void *part;           /* the handler's own, freed by free() */
    uint8_t id[16];
    struct hf_api_stream *stream; /* events.c */
    char storage[];
};

/* The path's {} number n. */
static inline struct hf_slice hf_api_argument(const struct hf_api_request *request, size_t n)
{
    return request->segments[n];
}

/* request.c */
extern const struct hf_api_route hf_api_routes[];
extern const size_t hf_api_route_count;
void hf_api_release(struct hf_api_request *request); /* frees it when nothing holds it any more */
/* Around whatever calls a handler from outside: in between, the object stays although it was answered. */
void hf_api_enter(struct hf_api_request *request);
void hf_api_leave(struct hf_api_request *request);
static inline bool hf_api_open(const struct hf_api_request *request) /* not answered, and somebody listens */
{
    return request->exchange != NULL;
}

/* key.c */
void hf_api_rates_init(struct hf_api *api);
void hf_api_rates_deinit(struct hf_api *api);
/* Who asks. Answers and returns false when the request may not go on. */
bool hf_api_authenticate(struct hf_api_request *request, const struct hf_http1_request *head);
/* Is the key of this request (still) valid, and does it allow the route? */
bool hf_api_key_still_valid(const struct hf_api_request *request);
/* Is it, and what may it do now? */
bool hf_api_key_now(const struct hf_api_request *request, uint32_t *ret_scopes);

/* reply.c */
struct hf_api_trouble { /* zeroed members are left out */
    enum hf_reason reason;
    unsigned status;
    const char *field, *check;
    bool has_limit, has_observed;
    uint64_t limit, observed, retry_ms;
    const struct hf_http1_header *headers;
    size_t header_count;
};
void hf_api_fail(struct hf_api_request *request, const struct hf_api_trouble *trouble, const char *detail,
                 ...) __attribute__((format(printf, 3, 4)));
/* bad_request; names the field and how to fix it. Returns false, so that helpers may `return hf_api_bad(...)`. */
bool hf_api_bad(struct hf_api_request *request, const char *field, const char *detail, ...)
    __attribute__((format(printf, 3, 4)));
/* The call's answer is a refusal. */
void hf_api_fail_call(struct hf_api_request *request, const struct hf_call *call);
void hf_api_fail_err(struct hf_api_request *request, hf_err err); /* of the tables */
/* Called with ever larger room until it fits; it must not change anything. */
typedef void hf_api_writer(struct hf_api_request *request, struct hf_json_out *out, void *context);
struct hf_api_text {
    char first[2048], *grown;
    struct hf_slice json; /* in one of them */
};
/* What write() writes; bytes_hint: room for the first attempt, 0 = a little. HF_OK: hf_api_text_free() it. HF_ERR_NOMEM, or what the writer could not read. */
hf_err hf_api_text_make(struct hf_api_request *request, size_t bytes_hint, hf_api_writer *write,
                        void *context, struct hf_api_text *ret_text);
void hf_api_text_free(struct hf_api_text *text);
struct hf_api_reply {
    unsigned status;
    const struct hf_http1_header *headers;
    size_t header_count;
    size_t bytes_hint;        /* as above */
    const char *content_type; /* NULL = application/json */
};
void hf_api_reply_json(struct hf_api_request *request, const struct hf_api_reply *reply, hf_api_writer *write,
                       void *context);
/* Location and Idempotent-Replay as they apply; storage lives until the reply. Returns the count. */
size_t hf_api_made_headers(const char *collection, const uint8_t id[16], bool replayed, char storage[96],
                           struct hf_http1_header headers[2]);

/* param.c: false, and answered, when the query names a parameter that no route reads: left out silently, a slip would be another question. */
bool hf_api_params_known(struct hf_api_request *request);
/* param.c: query parameters; absent ones leave the default. False: answered. */
bool hf_api_param(struct hf_api_request *request, const char *name, char *storage, size_t storage_bytes,
                  struct hf_slice *ret_value); /* absent slice when it is not there */
bool hf_api_param_u64(struct hf_api_request *request, const char *name, uint64_t min, uint64_t max,
                      uint64_t *value);
bool hf_api_param_bool(struct hf_api_request *request, const char *name, bool *value);
bool hf_api_id_argument(struct hf_api_request *request, size_t n,
                        uint8_t ret_id[16]); /* a UUID in the path */
bool hf_api_device_argument(struct hf_api_request *request,
                            struct hf_slice *ret_device); /* the first argument */
/* A parameter that is milliseconds since 1970 or RFC 3339 in UTC, and not below min_ms. Absent leaves *ret_utc_ms. False: answered 400. */
bool hf_api_param_time(struct hf_api_request *request, const char *name, uint64_t min_ms,
                       uint64_t *ret_utc_ms);
/* Milliseconds since 1970, or RFC 3339 in UTC. */
bool hf_api_time_parse(struct hf_slice text, uint64_t *ret_utc_ms);

/* body.c */
bool hf_api_json(struct hf_api_request *request, struct hf_json_field *fields,
                 size_t count); /* the body's members */
/* A member's value; absent ones leave *value alone. */
bool hf_api_member_u64(struct hf_api_request *request, const struct hf_json_field *field, uint64_t min,
                       uint64_t max, uint64_t *value);
bool hf_api_member_text(struct hf_api_request *request, const struct hf_json_field *field, size_t bytes_max,
                        char *storage, size_t storage_bytes, struct hf_slice *value);
struct hf_api_payload {
    struct hf_slice bytes; /* into the body, or owned */
    uint8_t format, flags;
    char *owned; /* free() */
};
/* payload, text or payload_base64: exactly one unless `optional`. */
bool hf_api_payload(struct hf_api_request *request, const struct hf_json_field *payload,
                    const struct hf_json_field *text, const struct hf_json_field *base64, bool optional,
                    struct hf_api_payload *ret_payload);
/* "application/json" and the like, without parameters. An absent type counts as JSON. */
bool hf_api_content_is(const struct hf_api_request *request, const char *type);
bool hf_api_want_json(struct hf_api_request *request); /* otherwise 415 */

/* call.c */
/* Takes the call, also when it fails (NULL: does nothing, its maker has answered). `next` goes on when request->call came back with
 * HF_REASON_NONE; refusals are answered here. The call is freed when next() returns, or when it makes another. */
void hf_api_call(struct hf_api_request *request, struct hf_call *call, hf_api_handler *next);
/* The same, but refusals come to next(), too. */
void hf_api_call_raw(struct hf_api_request *request, struct hf_call *call, hf_api_handler *next);
/* `next` goes on when the tables have everything that was durable by now. */
void hf_api_barrier(struct hf_api_request *request, hf_api_handler *next);
/* A call for this tenant with copies of device, topic, key and payload. Answers when there is no memory. */
struct hf_call *hf_api_call_new(struct hf_api_request *request, enum hf_call_type type,
                                const struct hf_call *wish);
/* For requests that nobody waits for the answer of: what feed.c asks between two messages. NULL: no memory. */
struct hf_call *hf_api_call_make(const struct hf_api_request *request, enum hf_call_type type,
                                 const struct hf_call *wish);
/* Takes the call: until done(), which may be called before this returns, it is request->call, and holds the request; done() gives it to hf_api_call_end(). HF_ERR_LIMIT: calls_max;
 * HF_ERR_BUSY: a mailbox is full; both are counted. */
hf_err hf_api_call_begin(struct hf_api_request *request, struct hf_call *call,
                         void (*done)(struct hf_call *call));
void hf_api_call_end(struct hf_api_request *request, struct hf_call *call);
struct hf_slice hf_api_copy(char **at,
                            struct hf_slice text); /* to *at, which moves on; absent stays absent */
/* Who asks, for the events that will come of it; *at has HF_BY_BYTES_MAX left. hf_api_call_new() has done so. */
void hf_api_call_by(const struct hf_api_request *request, struct hf_call *call, char **at);
void hf_api_new_id(struct hf_api_request *request, uint8_t ret_id[16]);
void hf_api_audit(struct hf_api *api, struct hf_slice tenant, struct hf_slice who, const char *action,
                  struct hf_slice json);
/* The request's own: action and the object it was done to. */
void hf_api_audit_request(struct hf_api_request *request, const char *action, const char *member,
                          struct hf_slice object);

/* read.c: rows; each opens and ends its own snapshot. */
struct hf_device_row;
struct hf_message_row;
/* HF_OK: *ret_txn is to be ended. */
hf_err hf_api_device_row(struct hf_api *api, struct hf_slice tenant, struct hf_slice device,
                         struct hf_kv_txn **ret_txn, struct hf_device_row *ret_row);
/* HF_CALL_DEVICE, and then next. */
void hf_api_ask_device(struct hf_api_request *request, struct hf_slice device, hf_api_handler *next);
/* Behind that. One that is live has no row until its first record is in the tables: HF_OK, too, with its protocol and nothing else in *ret_row. HF_ERR_BUSY: no row, and its
 * worker did not answer. */
hf_err hf_api_device_known(struct hf_api_request *request, struct hf_slice device, struct hf_kv_txn **ret_txn,
                           struct hf_device_row *ret_row);
hf_err hf_api_message_row(struct hf_api *api, const uint8_t id[16], struct hf_kv_txn **ret_txn,
                          struct hf_message_row *ret_row);

/* device_text.c */
struct hf_api_state {
    enum hf_presence presence;
    uint64_t since_ms;
    unsigned reason, code;
    uint64_t epoch, conn;
};
/* live may be NULL; then the row counts, as hf_presence_read() sees it. */
struct hf_api_state hf_api_device_state(const struct hf_api *api, const struct hf_device_row *row,
                                        const struct hf_live *live);
void hf_api_device_members(struct hf_api *api, struct hf_json_out *out, struct hf_slice device,
                           const struct hf_device_row *row, const struct hf_live *live);
struct hf_twin;
struct hf_api_one { /* context of the writers below */
    struct hf_slice device;
    const struct hf_device_row *row; /* zeroed when there is none, which is fine with `live` only */
    const struct hf_live *live;      /* NULL: not in memory */
    const struct hf_twin *twin;      /* NULL: no samples */
};
hf_api_writer hf_api_device_write; /* GET /v1/devices/{} */
hf_api_writer hf_api_live_write;   /* live.c: GET /v1/devices/{}/live */
/* Asks the time series for a twin, after a TWIN call that knew of none; the answer has the `live` of that. HF_REASON_NOT_IMPLEMENTED: none are kept. NULL: no memory. */
struct hf_call *hf_api_live_series(const struct hf_api_request *request, const struct hf_call *known);
hf_api_writer hf_api_heatmap_write; /* GET /v1/heatmap */

/* messages.c: what every SEND has: a fresh id, and the Idempotency-Key with the hash of the body, which is still there. False: answered. */
bool hf_api_send_prepare(struct hf_api_request *request, struct hf_call *wish);

/* devices.c: the filters, pages and rows of a list of devices. protocol NULL: as the query says. */
typedef void hf_api_device_more(struct hf_api_request *request, struct hf_json_out *out,
                                struct hf_slice device, struct hf_kv_txn *txn);
void hf_api_list_devices(struct hf_api_request *request, const char *array, const char *protocol,
                         hf_api_device_more *more);

/* handlers */
hf_api_handler hf_api_devices_list, hf_api_device_get, hf_api_device_disconnect, hf_api_device_explain,
    hf_api_device_sip, hf_api_message_post, hf_api_message_get, hf_api_message_cancel, hf_api_command_post,
    hf_api_command_get, hf_api_command_cancel, hf_api_broadcast_post, hf_api_broadcast_get, hf_api_events,
    hf_api_keys_list, hf_api_key_post, hf_api_key_delete, hf_api_revocation_post, hf_api_ledger,
    hf_api_reasons, hf_api_metrics, hf_api_livez, hf_api_readyz, hf_api_startupz, hf_api_device_context_get,
    hf_api_device_context_patch, hf_api_group_context_get, hf_api_group_context_patch, hf_api_cameras_list,
    hf_api_camera_get, hf_api_channels_list, hf_api_channel_get, hf_api_camera_command,
    hf_api_camera_subscriptions, hf_api_device_live, hf_api_device_series, hf_api_heatmap,
    hf_api_heatmap_history, hf_api_shadow_get, hf_api_shadow_patch, hf_api_shadow_delete, hf_api_shadow_list,
    hf_api_shadow_versions, hf_api_device_presence, hf_api_push_post, hf_api_pushes_list, hf_api_push_get,
    hf_api_groups_list, hf_api_audit_list;

/* console.c, operator.c */
hf_api_handler hf_api_console_file, hf_api_console_folder, hf_api_console_settings, hf_api_console_login,
    hf_api_self, hf_api_overview, hf_api_config;

/* trust.c */
hf_api_handler hf_api_client_ca_dry_run;

/* cameras_live.c */
hf_api_handler hf_api_live_ps, hf_api_live_flv, hf_api_live_mp4, hf_api_live_rtp, hf_api_channel_media,
    hf_api_snapshot, hf_api_upstreams, hf_api_channel_sound;

/* feed.c */
hf_api_handler hf_api_feed;

/* events.c */
void hf_api_stream_free(struct hf_api_request *request); /* closes the tail */
void hf_api_stream_drained(struct hf_api_request *request);
void hf_api_stream_end(struct hf_api_request *request); /* drain */

#endif
