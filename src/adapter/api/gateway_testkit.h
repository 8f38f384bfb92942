/* adapter/api/gateway_testkit.h - a gateway for tests of the API: calls wait until the test lets them be answered, what they record goes
 * through the real projection into tables in memory, tails say what the test says. */
#ifndef HF_ADAPTER_API_GATEWAY_TESTKIT_H
#define HF_ADAPTER_API_GATEWAY_TESTKIT_H

#include "adapter/http/link_testkit.h"

#include "adapter/api/api.h"
#include "base/uuid.h"
#include "codec/jwt/api_key.h"
#include "core/audit_rows.h"
#include "core/rows.h"
#include "store/memory/kv_memory.h"

#define ADMIN_KEY  "hfk_adminadmin01_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define READ_KEY   "hfk_readonly0001_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define GLOBAL_KEY "hfk_operator0001_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

enum { GATEWAY_CALLS_MAX = 64 };

struct hf_tail {
    struct hf_tail_request request;
    char device[HF_DEVICE_BYTES_MAX + 1], topic[HF_TOPIC_BYTES_MAX + 1], tenant[HF_TENANT_BYTES_MAX + 1];
    void (*on_chunk)(struct hf_tail *tail, void *user, const struct hf_tail_chunk *chunk);
    void *user;
    bool open;
    unsigned asked;
};

static struct gateway {
    struct hf_backend backend;
    struct hf_wheel wheel;
    struct hf_http_site http;
    struct hf_api api;
    struct hf_api_key_config keys[3];
    struct fake_link link;
    struct hf_call *calls[GATEWAY_CALLS_MAX];
    unsigned call_count, barriers, audits;
    bool hold_calls, hold_barriers, refuse_calls, refuse_tails, not_ready;
    struct hf_barrier *held_barrier;
    uint64_t offset;
    uint8_t random;
    struct hf_tail tail;
    /* What the next answers say. */
    enum hf_reason reason;
    enum hf_fate fate;
    bool replayed, connected;
    uint8_t replayed_id[16];
    const char *result;
    const char *protocol; /* of a device that is connected; NULL = raw */
    const char *detail;   /* of it; NULL = none */
    void (*on_document)(struct hf_call *call);
    struct hf_call last; /* as it was asked; slices are dangling, compare within the test's own hook */
    char last_text[1024];
} g;

static inline void gateway_apply(struct hf_event *event)
{
    struct hf_kv_txn *txn;

    event->offset = ++g.offset;
    event->time_ms = g.http.utc_ms;
    assert_int_equal(hf_kv_write(g.backend.kv, &txn), HF_OK);
    assert_int_equal(hf_projection_apply(txn, event), HF_OK);
    if (hf_audit_rows_want(event))
        assert_int_equal(hf_audit_rows_apply(txn, event, 1 << 20), HF_OK);
    assert_int_equal(hf_kv_commit(txn, event->offset), HF_OK);
}

static inline void gateway_record(const struct hf_call *call, enum hf_event_type type)
{
    struct hf_event event = {.type = (uint8_t)type,
                             .format = call->format,
                             .flags = call->flags,
                             .to = type == HF_EVENT_QUEUED || type == HF_EVENT_COMMAND ? g.http.utc_ms + 60000
                                                                                       : 0,
                             .seq = g.offset + 1,
                             .tenant = call->tenant,
                             .device = call->device,
                             .topic = call->topic,
                             .key = call->key,
                             .payload = call->payload};

    memcpy(event.id, call->id, 16);
    gateway_apply(&event);
}

static inline void gateway_online(const char *tenant, const char *device, enum hf_event_type type,
                                  enum hf_reason reason, uint64_t epoch)
{
    struct hf_event event = {.type = (uint8_t)type,
                             .reason = (uint16_t)reason,
                             .code = type == HF_EVENT_ONLINE ? 0 : hf_reason_info(reason)->ws_code,
                             .epoch = epoch,
                             .conn = 7,
                             .to = g.backend.boot,
                             .tenant = hf_slice_of(tenant),
                             .device = hf_slice_of(device),
                             .topic = HF_SLICE("raw")};

    gateway_apply(&event);
}

static inline void gateway_fill(struct hf_call *call)
{
    call->reason = (uint16_t)g.reason;
    if (call->type == HF_CALL_TRUST) { /* its refusals have a word, too */
        call->result = strdup(g.result);
        call->result_bytes = strlen(g.result);
    }
    if (g.reason != HF_REASON_NONE)
        return;
    switch (call->type) {
    case HF_CALL_SEND:
        if (g.replayed) {
            call->replayed = true;
            memcpy(call->id, g.replayed_id, 16);
            return;
        }
        gateway_record(call, call->class == HF_CLASS_COMMAND ? HF_EVENT_COMMAND : HF_EVENT_QUEUED);
        call->offset = g.offset;
        call->fate = (uint8_t)(g.fate ? g.fate : HF_FATE_QUEUED);
        if (g.result != NULL) {
            call->result = strdup(g.result);
            call->result_bytes = strlen(g.result);
            call->result_format = HF_FORMAT_JSON;
        }
        break;
    case HF_CALL_RECORD:
        gateway_record(call, (enum hf_event_type)call->event_type);
        call->offset = g.offset;
        break;
    case HF_CALL_DEVICE:
        if (!g.connected) {
            call->reason = HF_REASON_NOT_FOUND;
            break;
        }
        call->live = (struct hf_live){.presence = HF_ONLINE,
                                      .connected = true,
                                      .epoch = 3,
                                      .conn = 9,
                                      .rtt_ms = 12,
                                      .since_ms = g.http.utc_ms,
                                      .reason = HF_REASON_CONNECTED,
                                      .protocol = "raw"};
        if (g.detail != NULL)
            (void)snprintf(call->live.detail, sizeof(call->live.detail), "%s", g.detail);
        if (g.protocol != NULL)
            (void)snprintf(call->live.protocol, sizeof(call->live.protocol), "%s", g.protocol);
        break;
    case HF_CALL_BROADCAST:
        call->targets = call->device_count ? call->device_count : 5;
        call->written = 4;
        gateway_record(call, HF_EVENT_BROADCAST);
        call->offset = g.offset;
        break;
    case HF_CALL_LEDGER:
        call->ledger->downlink = (struct hf_ledger_counts){.accepted = 10, .delivered = 6, .pending = 3};
        call->ledger->downlink.dropped[HF_REASON_EXPIRED] = 1;
        break;
    case HF_CALL_REVOKE: call->written = 2; break;
    case HF_CALL_SIP:
        call->result = strdup(g.result);
        call->result_bytes = strlen(g.result);
        break;
    case HF_CALL_STATE: call->fate = (uint8_t)g.fate; break;
    case HF_CALL_DOCUMENT: g.on_document(call); break;
    default: break;
    }
}

static inline void gateway_answer(void)
{
    while (g.call_count > 0) {
        struct hf_call *call = g.calls[0];

        g.call_count--;
        memmove(g.calls, g.calls + 1, g.call_count * sizeof(g.calls[0]));
        if (call->type == HF_CALL_RECORD && call->event_type == HF_EVENT_AUDIT)
            g.audits++;
        else
            gateway_fill(call);
        call->on_done(call);
    }
}

/* Whatever changes something says whose key asked for it (CON-1). */
static inline void gateway_has_maker(const struct hf_call *call)
{
    bool changes = call->type == HF_CALL_SEND || call->type == HF_CALL_CANCEL ||
                   call->type == HF_CALL_DISCONNECT || call->type == HF_CALL_BROADCAST ||
                   call->type == HF_CALL_RECORD || (call->type == HF_CALL_DOCUMENT && call->document.change);

    if (changes && !hf_slice_is(call->key, "unknown")) /* a key that let nobody in */
        assert_true(call->by.bytes >= HF_API_KEY_ID_BYTES_MIN);
}

static bool gateway_inline; /* calls are answered before call() returns, as those of the own worker are */

static inline hf_err gateway_call(struct hf_backend *backend, struct hf_call *call)
{
    (void)backend;
    if (g.refuse_calls)
        return HF_ERR_BUSY;
    assert_true(g.call_count < GATEWAY_CALLS_MAX);
    gateway_has_maker(call);
    if (call->type != HF_CALL_RECORD || call->event_type != HF_EVENT_AUDIT) {
        g.last = *call;
        snprintf(g.last_text, sizeof(g.last_text), "%.*s|%.*s|%.*s|%.*s|%.*s", (int)call->tenant.bytes,
                 call->tenant.at, (int)call->device.bytes, call->device.at, (int)call->topic.bytes,
                 call->topic.at, (int)call->key.bytes, call->key.at, (int)HF_MIN(call->payload.bytes, 200u),
                 call->payload.at);
    }
    g.calls[g.call_count++] = call;
    if (gateway_inline && !g.hold_calls)
        gateway_answer();
    return HF_OK;
}

static inline void gateway_barrier(struct hf_backend *backend, struct hf_barrier *barrier)
{
    (void)backend;
    g.barriers++;
    if (g.hold_barriers)
        g.held_barrier = barrier;
    else
        barrier->on_applied(barrier, HF_OK);
}

static inline void gateway_barrier_cancel(struct hf_backend *backend, struct hf_barrier *barrier)
{
    (void)backend;
    if (g.held_barrier == barrier)
        g.held_barrier = NULL;
}

static inline void gateway_keep(char *storage, struct hf_slice *text)
{
    if (text->bytes > 0)
        memcpy(storage, text->at, text->bytes);
    storage[text->bytes] = '\0';
    if (text->at != NULL)
        text->at = storage;
}

static inline hf_err gateway_tail_open(struct hf_backend *backend, const struct hf_tail_request *request,
                                       void (*on_chunk)(struct hf_tail *, void *,
                                                        const struct hf_tail_chunk *),
                                       void *user, struct hf_tail **ret_tail)
{
    (void)backend;
    if (g.refuse_tails)
        return HF_ERR_LIMIT;
    assert_false(g.tail.open);
    g.tail = (struct hf_tail){.request = *request, .on_chunk = on_chunk, .user = user, .open = true};
    gateway_keep(g.tail.tenant, &g.tail.request.tenant);
    gateway_keep(g.tail.device, &g.tail.request.device);
    gateway_keep(g.tail.topic, &g.tail.request.topic_filter);
    *ret_tail = &g.tail;
    return HF_OK;
}

static inline void gateway_tail_next(struct hf_tail *tail)
{
    assert_true(tail->open);
    assert_int_equal(tail->asked, 0); /* one at a time */
    tail->asked++;
}

static inline void gateway_tail_close(struct hf_tail *tail)
{
    assert_true(tail->open);
    tail->open = false;
}

static inline void gateway_chunk(const char *text, bool end, hf_err err)
{
    assert_int_equal(g.tail.asked, 1);
    g.tail.asked = 0;
    g.tail.on_chunk(&g.tail, g.tail.user,
                    &(struct hf_tail_chunk){
                        .data = (const uint8_t *)text, .bytes = strlen(text), .end = end, .err = err});
}

static inline uint64_t gateway_log_end(struct hf_backend *backend)
{
    (void)backend;
    return 43;
}

static inline size_t gateway_metrics(struct hf_backend *backend, char **ret_text)
{
    (void)backend;
    *ret_text = strdup("holdfast_up 1\n");
    return strlen(*ret_text);
}

static inline bool gateway_ready(struct hf_backend *backend, struct hf_sb *ret_json)
{
    (void)backend;
    hf_sb_text(ret_json, g.not_ready ? "{\"ready\":false,\"checks\":[]}" : "{\"ready\":true,\"checks\":[]}");
    return !g.not_ready;
}

static inline void gateway_random(struct hf_backend *backend, void *out, size_t bytes)
{
    (void)backend;
    for (size_t i = 0; i < bytes; i++)
        ((uint8_t *)out)[i] = g.random++;
}

static const struct hf_backend_ops gateway_ops = {
    .call = gateway_call,
    .barrier = gateway_barrier,
    .barrier_cancel = gateway_barrier_cancel,
    .tail_open = gateway_tail_open,
    .tail_next = gateway_tail_next,
    .tail_close = gateway_tail_close,
    .log_end = gateway_log_end,
    .metrics = gateway_metrics,
    .ready = gateway_ready,
    .random = gateway_random,
};

static const struct hf_http_ops gateway_http_ops = {0};

static inline void gateway_key(unsigned n, const char *id, const char *tenant, const char *text,
                               uint32_t scopes)
{
    g.keys[n] =
        (struct hf_api_key_config){.id = hf_slice_of(id), .tenant = hf_slice_of(tenant), .scopes = scopes};
    hf_api_key_hash(hf_slice_of(text), g.keys[n].sha256);
}

static inline void gateway_connect(unsigned roles)
{
    fake_link_init(&g.link);
    assert_int_equal(
        hf_http_open(&g.http, &g.link.link, &(struct hf_http_options){.roles = roles, .conn_id = 1}), HF_OK);
}

static inline int gateway_setup(void **state)
{
    (void)state;
    memset(&g, 0, sizeof(g));
    hf_wheel_init(&g.wheel, 1000);
    assert_int_equal(hf_http_site_init(&g.http, 100), HF_OK);
    g.http.wheel = &g.wheel;
    g.http.now_ms = 1000;
    g.http.utc_ms = UINT64_C(1772366400000);
    g.http.ops = &gateway_http_ops;
    assert_int_equal(hf_kv_memory_open(&g.backend.kv), HF_OK);
    g.backend.ops = &gateway_ops;
    g.backend.boot = 5;
    g.backend.started_ms = g.http.utc_ms - 1000;
    g.backend.unknown_until_ms = g.http.utc_ms + 60000;
    hf_api_init(&g.api, &g.backend, NULL, &g.http);
    gateway_key(0, "adminadmin01", "acme", ADMIN_KEY, HF_SCOPE_ADMIN);
    gateway_key(1, "readonly0001", "acme", READ_KEY, HF_SCOPE_DEVICES_READ);
    gateway_key(2, "operator0001", "*", GLOBAL_KEY, HF_SCOPE_ADMIN);
    hf_api_use_keys(&g.api, g.keys, 3);
    gateway_connect(HF_HTTP_API);
    return 0;
}

static inline int gateway_teardown(void **state)
{
    (void)state;
    g.hold_calls = false;
    fake_link_end(&g.link);
    gateway_answer(); /* abandoned calls come back */
    assert_int_equal(g.api.stats.calls_now, 0);
    assert_int_equal(g.api.stats.waits_now, 0);
    assert_int_equal(g.api.stats.readers_now, 0);
    assert_false(g.tail.open);
    hf_http_site_deinit(&g.http);
    assert_true(hf_list_empty(&g.api.requests));
    hf_api_deinit(&g.api);
    assert_int_equal(g.wheel.armed, 0);
    hf_kv_close(g.backend.kv);
    return 0;
}

/* One request and its answer, with the key of the tenant's administrator unless headers bring one. */
static inline unsigned request_with(const char *method, const char *target, const char *headers,
                                    const char *body)
{
    static char text[65536];

    fake_clear(&g.link);
    snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: h\r\n%s%s", method, target,
             strstr(headers, "Authorization") ? "" : "Authorization: Bearer " ADMIN_KEY "\r\n", headers);
    if (body != NULL)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "Content-Length: %zu\r\n\r\n%s",
                 strlen(body), body);
    else
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "\r\n");
    fake_feed(&g.link, text);
    if (!g.hold_calls)
        gateway_answer();
    return fake_status(&g.link);
}

static inline unsigned request(const char *method, const char *target, const char *body)
{
    return request_with(method, target, "", body);
}

static inline bool answer_has(const char *text)
{
    return strstr(g.link.out, text) != NULL;
}

static inline void advance(uint64_t ms)
{
    for (uint64_t to = g.http.now_ms + ms; g.http.now_ms < to;) {
        uint64_t step_ms = HF_MIN(to - g.http.now_ms, 100u);

        g.http.now_ms += step_ms;
        g.http.utc_ms += step_ms;
        hf_wheel_run(&g.wheel, g.http.now_ms);
    }
}

#endif
