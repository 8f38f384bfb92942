/* adapter/http/upgrade.c - the opening handshake of a WebSocket, for devices and event sockets alike. */
#include "adapter/http/conn.h"
#include "codec/ws/handshake.h"

/* The first one that the client names is chosen. */
static const char *const protocols[] = {"holdfast.raw", "holdfast.v1", "holdfast.v1.json"};
enum { RAW_ONLY = 1 };

static bool refuse(struct hf_http_conn *conn, enum hf_reason reason, unsigned status, const char *detail,
                   const struct hf_http1_header *headers, size_t header_count)
{
    hf_http_say_refused(conn, &(struct hf_http_refusal){.reason = reason, .detail = hf_slice_of(detail)});
    hf_http_answer_problem(conn,
                           &(struct hf_http1_problem_doc){.reason = reason,
                                                          .status = status,
                                                          .detail = hf_slice_of(detail),
                                                          .headers = headers,
                                                          .header_count = header_count},
                           true);
    return false;
}

static bool refuse_rule(struct hf_http_conn *conn, enum hf_ws_refusal refusal)
{
    static const struct hf_http1_header version[] = {{HF_SLICE("Upgrade"), HF_SLICE("websocket")},
                                                     {HF_SLICE("Sec-WebSocket-Version"), HF_SLICE("13")}};
    const struct hf_ws_refusal_info *info = hf_ws_refusal_info(refusal);
    bool old = refusal == HF_WS_REFUSAL_VERSION;

    return refuse(conn, old ? HF_REASON_UPGRADE_REQUIRED : HF_REASON_BAD_REQUEST, info->http_status,
                  info->text, version, old ? 2 : 0);
}

/* The part of an Origin behind scheme:// is the Host of the page. */
static bool is_same_host(struct hf_slice origin, struct hf_slice host)
{
    for (size_t i = 0; i + 3 <= origin.bytes; i++)
        if (memcmp(origin.at + i, "://", 3) == 0)
            return hf_slice_eq_nocase((struct hf_slice){origin.at + i + 3, origin.bytes - i - 3}, host);
    return false;
}

static bool origin_ok(struct hf_http_conn *conn, const struct hf_http1_request *request, bool same_host)
{
    const struct hf_http_site *site = conn->site;
    struct hf_slice origin = hf_http1_header(request, "Origin");

    if (origin.at == NULL)
        return true;
    if (hf_http1_count(request->headers, request->header_count, "Origin") > 1)
        return refuse(conn, HF_REASON_BAD_REQUEST, 0, "Origin may stand there once", NULL, 0);
    if (hf_http_origin_listed(site->ws_origins, site->ws_origin_count, origin) ||
        (same_host && is_same_host(origin, request->host)))
        return true;
    return refuse(conn, HF_REASON_ORIGIN_FORBIDDEN, 0, "this Origin is not in websocket.origins", NULL, 0);
}

bool hf_http_handshake(struct hf_http_conn *conn, const struct hf_http1_request *request,
                       const struct hf_ws_deflate *deflate, bool same_host, bool session,
                       struct hf_ws_upgrade *ret_upgrade)
{
    static const struct hf_http1_header upgrade[] = {{HF_SLICE("Upgrade"), HF_SLICE("websocket")}};

    hf_ws_upgrade_init(ret_upgrade, protocols, session ? HF_COUNT_OF(protocols) : RAW_ONLY, deflate);
    for (size_t i = 0; i < request->header_count; i++)
        hf_ws_upgrade_field(ret_upgrade, request->headers[i].name, request->headers[i].value);
    if (!ret_upgrade->wanted)
        return refuse(conn, HF_REASON_UPGRADE_REQUIRED, 0,
                      "this is a WebSocket endpoint: send Upgrade: websocket and Connection: Upgrade",
                      upgrade, 1);
    enum hf_ws_refusal refusal = hf_ws_upgrade_check(ret_upgrade, request->method_text, request->minor >= 1);
    if (refusal != HF_WS_REFUSAL_NONE)
        return refuse_rule(conn, refusal);
    return origin_ok(conn, request, same_host);
}

bool hf_http_upgrade(struct hf_http_exchange *exchange, const struct hf_http1_request *request,
                     struct hf_link **ret_link)
{
    struct hf_http_conn *conn = hf_http_conn_of(exchange);
    struct hf_ws_upgrade upgrade;
    char storage[512];
    struct hf_sb sb;
    bool given = false;

    hf_http_enter(conn);
    if (hf_http_handshake(conn, request, NULL, true, false, &upgrade)) {
        struct hf_link *link = conn->link;

        hf_sb_init(&sb, storage, sizeof(storage));
        if (hf_ws_upgrade_write_accept(&upgrade, (struct hf_slice){"", 0}, &sb) != HF_OK) {
            refuse(conn, HF_REASON_INTERNAL_ERROR, 0, NULL, NULL, 0);
        } else if (link->ops->write(link, sb.at, sb.bytes) != HF_OK) {
            hf_http_abort(conn);
        } else {
            hf_http_count_answer(conn, 101);
            conn->site->stats.upgrades++;
            conn->has_app = false;
            link->ops->resume_read(link); /* it may have been paused for a request before this one */
            conn->given = *ret_link = link;
            hf_http_forget_link(conn);
            given = true;
        }
    }
    hf_http_leave(conn);
    return given;
}
