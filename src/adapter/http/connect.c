/* adapter/http/connect.c - GET /v1/connect and /v1/connect/{device}: a device shows who it is and becomes a WebSocket (WS-1, SEC-1,
 * SEC-3). Everything is judged from the request alone, in this order: handshake, Origin, parameters, credentials. */
#include "adapter/http/conn.h"
#include "codec/uri/uri.h"
#include "codec/ws/handshake.h"
#include "core/topic.h"

#define TOKEN_PROTOCOL "holdfast.token."

enum { TEXT_BYTES_MAX = 9 << 10, SEGMENTS_MAX = 3 };

struct wish { /* what the request asks for; slices into the request or `storage` */
    struct hf_slice device, token;
    bool in_band, raw;        /* raw: it offers holdfast.raw, whatever else */
    const char *bad, *detail; /* what is wrong, and how to fix it; NULL = nothing */
    char *at, *end;           /* free part of storage */
    char storage[TEXT_BYTES_MAX];
};

static enum hf_ws_mode mode_of(struct hf_slice protocol)
{
    return hf_slice_is(protocol, "holdfast.v1")        ? HF_WS_SESSION
           : hf_slice_is(protocol, "holdfast.v1.json") ? HF_WS_SESSION_JSON
                                                       : HF_WS_RAW;
}

/* identity: as far as the credentials say, or NULL; claimed: what the path says. */
static bool refuse_whom(struct hf_http_conn *conn, const struct hf_identity *identity,
                        struct hf_slice claimed, const struct hf_http1_problem_doc *doc)
{
    struct hf_http_refusal refusal = {
        .reason = doc->reason, .check = doc->check, .field = doc->field, .detail = doc->detail};

    if (identity != NULL && identity->tenant != NULL) {
        refusal.tenant = identity->tenant->name;
        refusal.device = (struct hf_slice){identity->device, identity->device_bytes};
    }
    if (refusal.device.bytes == 0)
        refusal.claimed = claimed;
    hf_http_say_refused(conn, &refusal);
    hf_http_answer_problem(conn, doc, true);
    return false;
}

static bool refuse(struct hf_http_conn *conn, const struct hf_http1_problem_doc *doc)
{
    return refuse_whom(conn, NULL, (struct hf_slice){NULL, 0}, doc);
}

static bool bad(struct wish *wish, const char *field, const char *detail)
{
    if (wish->bad == NULL) {
        wish->bad = field;
        wish->detail = detail;
    }
    return false;
}

/* The decoded value of a query parameter; absent when it is not there. */
static struct hf_slice parameter(struct wish *wish, const struct hf_http1_request *request, const char *name)
{
    struct hf_slice value = {NULL, 0};
    hf_err err = hf_uri_query_get(request->query, name, wish->at, (size_t)(wish->end - wish->at), &value);

    if (err == HF_ERR_NOT_FOUND)
        return (struct hf_slice){NULL, 0};
    if (err != HF_OK) {
        bad(wish, name, "the parameter is malformed, too long, or there twice");
        return (struct hf_slice){NULL, 0};
    }
    if (value.at >= wish->at && value.at < wish->end)
        wish->at += value.bytes;
    return value;
}

static bool take_path(struct wish *wish, const struct hf_http1_request *request)
{
    struct hf_slice segments[SEGMENTS_MAX];
    size_t count = 0;

    if (hf_uri_path_split(request->path, wish->at, (size_t)(wish->end - wish->at), segments, SEGMENTS_MAX,
                          &count) != HF_OK ||
        count < 2)
        return bad(wish, "path", "the path is /v1/connect or /v1/connect/{device}");
    wish->at += request->path.bytes;
    if (count == 3) {
        wish->device = segments[2];
        if (!hf_id_valid(wish->device, HF_DEVICE_BYTES_MAX))
            return bad(wish, "device", "a device id is 1 to 128 of A-Z a-z 0-9 . _ : @ -");
    }
    return true;
}

static bool refuse_session(struct hf_http_conn *conn)
{
    return refuse(conn, &(struct hf_http1_problem_doc){
                            .reason = HF_REASON_VERSION,
                            .field = "Sec-WebSocket-Protocol",
                            .detail = HF_SLICE("holdfast.v1 is switched off here (session.enabled): offer "
                                               "holdfast.raw or no sub-protocol"),
                        });
}

/* Browsers cannot set headers: a sub-protocol carries the token, which is never echoed. */
static bool take_protocols(struct hf_http_conn *conn, const struct hf_http1_request *request,
                           struct wish *wish, const struct hf_ws_upgrade *upgrade)
{
    static const size_t prefix_bytes = sizeof(TOKEN_PROTOCOL) - 1;
    bool session = false, other = false;

    for (size_t i = 0; i < request->header_count; i++) {
        struct hf_slice list = request->headers[i].value, item;

        if (!hf_slice_eq_nocase(request->headers[i].name, HF_SLICE("Sec-WebSocket-Protocol")))
            continue;
        while (hf_http1_list_next(&list, &item)) {
            if (item.bytes > prefix_bytes && memcmp(item.at, TOKEN_PROTOCOL, prefix_bytes) == 0) {
                if (wish->token.at != NULL)
                    return bad(wish, "token", "show one token, in one place");
                wish->token = (struct hf_slice){item.at + prefix_bytes, item.bytes - prefix_bytes};
            } else if (mode_of(item) != HF_WS_RAW) {
                session = true;
            } else {
                wish->raw |= hf_slice_is(item, "holdfast.raw");
                other = true;
            }
        }
    }
    return !session || other || upgrade->protocol != NULL || refuse_session(conn);
}

static bool take_credentials(struct wish *wish, const struct hf_http1_request *request)
{
    struct hf_slice authorization = hf_http1_header(request, "Authorization");
    struct hf_slice token = parameter(wish, request, "token"), auth = parameter(wish, request, "auth");

    if (token.at != NULL) {
        if (wish->token.at != NULL)
            return bad(wish, "token", "show one token, in one place");
        wish->token = token;
    }
    if (authorization.at != NULL) {
        if (authorization.bytes < 8 ||
            !hf_slice_eq_nocase((struct hf_slice){authorization.at, 7}, HF_SLICE("Bearer ")))
            return bad(wish, "Authorization", "it must be: Bearer <token>");
        if (wish->token.at != NULL ||
            hf_http1_count(request->headers, request->header_count, "Authorization") > 1)
            return bad(wish, "token", "show one token, in one place");
        wish->token = hf_slice_trim((struct hf_slice){authorization.at + 7, authorization.bytes - 7});
    }
    if (auth.at != NULL && !hf_slice_is(auth, "message"))
        return bad(wish, "auth", "auth must be message, or left out");
    wish->in_band = auth.at != NULL;
    return true;
}

static bool trace_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static bool take_trace(struct wish *wish, const struct hf_http1_request *request, struct hf_ws_admit *admit)
{
    struct hf_slice query = parameter(wish, request, "trace"), trace = hf_http1_header(request, "X-Trace-Id");

    if (trace.at == NULL)
        trace = query;
    if (trace.at == NULL)
        return true;
    bool ok = trace.bytes > 0 && trace.bytes <= HF_WS_TRACE_BYTES_MAX;
    for (size_t i = 0; ok && i < trace.bytes; i++)
        ok = trace_char(trace.at[i]);
    if (!ok)
        return bad(wish, "trace", "a trace id is 1 to 32 of A-Z a-z 0-9 _ -");
    memcpy(admit->trace, trace.at, trace.bytes);
    return true;
}

static bool take_groups(struct wish *wish, struct hf_slice groups, struct hf_ws_admit *admit)
{
    unsigned count = 0;

    if (groups.at == NULL)
        return true;
    for (size_t at = 0; at <= groups.bytes;) {
        const char *comma = at < groups.bytes ? memchr(groups.at + at, ',', groups.bytes - at) : NULL;
        size_t bytes = comma ? (size_t)(comma - groups.at) - at : groups.bytes - at;

        if (!hf_id_valid((struct hf_slice){groups.at + at, bytes}, HF_DEVICE_BYTES_MAX) ||
            ++count > HF_AUTH_GROUPS_MAX)
            return bad(wish, "groups", "groups is a comma list of at most 8 names of A-Z a-z 0-9 . _ : @ -");
        at += bytes + 1;
    }
    if (groups.bytes >= sizeof(admit->groups))
        return bad(wish, "groups", "groups may have 255 bytes");
    memcpy(admit->groups, groups.at, groups.bytes);
    return true;
}

static bool take_wishes(struct wish *wish, const struct hf_http1_request *request, struct hf_ws_admit *admit)
{
    struct hf_slice topic;

    if (!take_trace(wish, request, admit) || !take_groups(wish, parameter(wish, request, "groups"), admit))
        return false;
    topic = parameter(wish, request, "topic");
    if (topic.at != NULL) {
        if (!hf_topic_valid(topic))
            return bad(wish, "topic", "a topic is 1 to 256 bytes without control characters, + and #");
        memcpy(admit->topic, topic.at, topic.bytes);
        admit->topic_bytes = (uint16_t)topic.bytes;
    }
    struct hf_slice format = parameter(wish, request, "format");
    if (format.at != NULL) {
        if (!hf_slice_is(format, "samples"))
            return bad(wish, "format",
                       "format can be samples: each binary message is a batch of sensor samples");
        admit->format = HF_FORMAT_SAMPLES;
    }
    return wish->bad == NULL;
}

static bool authenticate(struct hf_http_conn *conn, const struct wish *wish, struct hf_ws_admit *admit)
{
    static const struct hf_http1_header bearer[] = {{HF_SLICE("WWW-Authenticate"), HF_SLICE("Bearer")}};
    struct hf_http_site *site = conn->site;
    struct hf_auth_certificate certificate = {0};
    struct hf_identity *identity = &admit->identity;
    const char *check = NULL;

    if (conn->exchange.tls && site->ops->certificate != NULL)
        site->ops->certificate(site->context, conn->link, &certificate);
    if (wish->in_band && wish->token.bytes == 0 && certificate.tenant.bytes == 0) {
        identity->device_bytes = (uint8_t)wish->device.bytes;
        if (wish->device.bytes > 0)
            memcpy(identity->device, wish->device.at, wish->device.bytes);
        return true;
    }
    uint64_t spent_us = hf_auth_spent_us(site->auth);
    enum hf_reason reason = (admit->mode == HF_WS_RAW ? hf_auth_device : hf_auth_device_later)(
        site->auth, wish->token, &certificate, wish->device, site->utc_ms, identity, &check);
    admit->auth_us = hf_auth_spent_us(site->auth) - spent_us;
    if (reason == HF_REASON_NONE)
        return true;
    if (identity->tenant != NULL && identity->device_bytes > 0 && site->ops->refused != NULL)
        site->ops->refused(site->context, identity->tenant->name,
                           (struct hf_slice){identity->device, identity->device_bytes}, reason);
    bool unauthorized = hf_reason_info(reason)->http_status == 401;
    return refuse_whom(
        conn, identity, wish->device,
        &(struct hf_http1_problem_doc){
            .reason = reason,
            .check = check,
            .detail = reason == HF_REASON_CREDENTIALS_MISSING
                          ? HF_SLICE("show a token as Authorization: Bearer <token> or ?token=<token>, "
                                     "a client certificate, or ask for auth=message")
                          : (struct hf_slice){NULL, 0},
            .headers = bearer,
            .header_count = unauthorized,
        });
}

/* A tenant may have sessions off, and whose device this is is known last. Who shows credentials in-band is told by BYE. */
static bool settle_mode(struct hf_http_conn *conn, const struct wish *wish, struct hf_ws_admit *admit)
{
    struct hf_tenant *tenant = admit->identity.tenant;

    if (admit->mode == HF_WS_RAW || tenant == NULL ||
        atomic_load_explicit(&tenant->rules, memory_order_acquire)->session.enabled)
        return true;
    if (!wish->raw || admit->identity.any)
        return refuse_session(conn);
    admit->mode = HF_WS_RAW;
    admit->protocol = "holdfast.raw";
    return true;
}

static bool judge(struct hf_http_conn *conn, const struct hf_http1_request *request, struct wish *wish,
                  struct hf_ws_admit *admit)
{
    struct hf_ws_upgrade upgrade;

    if (!hf_http_handshake(conn, request, conn->site->deflate.on ? &conn->site->deflate : NULL, false,
                           conn->site->session, &upgrade))
        return false;
    if (!take_path(wish, request) || !take_protocols(conn, request, wish, &upgrade) ||
        !take_credentials(wish, request) || !take_wishes(wish, request, admit)) {
        if (wish->bad != NULL)
            refuse(conn, &(struct hf_http1_problem_doc){.reason = HF_REASON_BAD_REQUEST,
                                                        .field = wish->bad,
                                                        .detail = hf_slice_of(wish->detail)});
        return false;
    }
    admit->conn_id = conn->exchange.conn_id;
    admit->upgrade_from_us = conn->upgrade_from_us;
    admit->protocol = upgrade.protocol;
    admit->mode = mode_of(hf_slice_of(upgrade.protocol));
    admit->deflate = upgrade.deflate;
    admit->tls = conn->exchange.tls;
    if (hf_ws_accept_value(upgrade.key, admit->accept) != HF_OK)
        return refuse(conn, &(struct hf_http1_problem_doc){.reason = HF_REASON_INTERNAL_ERROR});
    return authenticate(conn, wish, admit) && settle_mode(conn, wish, admit);
}

static bool is_connect_path(struct hf_slice path)
{
    static const char connect[] = "/v1/connect";
    size_t bytes = sizeof(connect) - 1;

    return path.bytes >= bytes && memcmp(path.at, connect, bytes) == 0 &&
           (path.bytes == bytes || path.at[bytes] == '/');
}

static bool let_in(struct hf_http_conn *conn, const struct hf_http1_request *request, const uint8_t *rest,
                   size_t rest_bytes)
{
    struct wish wish; /* its storage needs no zeroes */
    struct hf_ws_admit admit = {0};
    enum hf_reason reason = HF_REASON_INTERNAL_ERROR;

    wish.device = wish.token = (struct hf_slice){NULL, 0};
    wish.in_band = wish.raw = false;
    wish.bad = wish.detail = NULL;
    wish.at = wish.storage;
    wish.end = wish.storage + sizeof(wish.storage);
    if (!judge(conn, request, &wish, &admit))
        return false;
    conn->link->ops->resume_read(conn->link); /* it may have been paused for a request before this one */
    if (!conn->site->ops->connect(conn->site->context, conn->link, &admit, rest, rest_bytes, &reason))
        return refuse_whom(conn, &admit.identity, wish.device,
                           &(struct hf_http1_problem_doc){.reason = reason});
    conn->site->stats.upgrades++;
    hf_http_forget_link(conn); /* first: the link may be on another worker by now */
    hf_http_count_answer(conn, 101);
    return true;
}

bool hf_http_connect(struct hf_http_conn *conn, const struct hf_http1_request *request, const uint8_t *rest,
                     size_t rest_bytes)
{
    static const struct hf_http1_header allow[] = {{HF_SLICE("Allow"), HF_SLICE("GET")}};

    if (!is_connect_path(request->path))
        return false;
    if ((conn->exchange.roles & HF_HTTP_DEVICES) == 0)
        refuse(conn,
               &(struct hf_http1_problem_doc){.reason = HF_REASON_NOT_FOUND,
                                              .detail = HF_SLICE("this listener does not serve devices")});
    else if (request->method != HF_HTTP1_GET)
        refuse(conn, &(struct hf_http1_problem_doc){
                         .reason = HF_REASON_METHOD_NOT_ALLOWED, .headers = allow, .header_count = 1});
    else
        (void)let_in(conn, request, rest, rest_bytes);
    return true;
}
