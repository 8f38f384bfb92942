/* adapter/http/origin.c - pages of other origins: who may open a WebSocket (SEC-3), and who may read answers (CORS, Fetch 3.2). A request
 * without Origin is not from a page of another origin. */
#include "adapter/http/conn.h"

bool hf_http_origin_listed(const char *const *origins, unsigned count, struct hf_slice origin)
{
    for (unsigned i = 0; i < count; i++)
        if (strcmp(origins[i], "*") == 0 || hf_slice_eq_nocase(hf_slice_of(origins[i]), origin))
            return true;
    return false;
}

void hf_http_cors_begin(struct hf_http_conn *conn, const struct hf_http1_request *request)
{
    const struct hf_http_site *site = conn->site;
    struct hf_slice origin = hf_http1_header(request, "Origin");

    conn->cors[0] = '\0';
    if (origin.bytes == 0 || origin.bytes > HF_HTTP_ORIGIN_BYTES_MAX ||
        !hf_http_origin_listed(site->cors_origins, site->cors_origin_count, origin))
        return;
    memcpy(conn->cors, origin.at, origin.bytes);
    conn->cors[origin.bytes] = '\0';
}

size_t hf_http_cors_headers(const struct hf_http_conn *conn, struct hf_http1_header *headers, size_t count)
{
    if (conn->site->cors_origin_count > 0)
        headers[count++] = (struct hf_http1_header){HF_SLICE("Vary"), HF_SLICE("Origin")};
    if (conn->cors[0] == '\0')
        return count;
    headers[count++] =
        (struct hf_http1_header){HF_SLICE("Access-Control-Allow-Origin"), hf_slice_of(conn->cors)};
    headers[count++] = (struct hf_http1_header){HF_SLICE("Access-Control-Expose-Headers"),
                                                HF_SLICE("Location, Retry-After, Idempotent-Replay, ETag")};
    return count;
}

bool hf_http_preflight(struct hf_http_conn *conn, const struct hf_http1_request *request)
{
    static const struct hf_http1_header headers[] = {
        {HF_SLICE("Access-Control-Allow-Methods"), HF_SLICE("GET, HEAD, POST, PATCH, DELETE")},
        {HF_SLICE("Access-Control-Allow-Headers"),
         HF_SLICE("Authorization, Content-Type, Idempotency-Key, Holdfast-Tenant, Last-Event-ID, If-Match, "
                  "If-None-Match")},
        {HF_SLICE("Access-Control-Max-Age"), HF_SLICE("600")},
    };

    if (request->method != HF_HTTP1_OPTIONS || hf_http1_header(request, "Origin").bytes == 0 ||
        hf_http1_header(request, "Access-Control-Request-Method").bytes == 0)
        return false;
    conn->keep_alive = conn->keep_alive && !conn->body_pending;
    if (conn->cors[0] == '\0')
        hf_http_answer_problem(
            conn,
            &(struct hf_http1_problem_doc){.reason = HF_REASON_ORIGIN_FORBIDDEN,
                                           .detail = HF_SLICE("this Origin is not in api.cors_origins")},
            false);
    else
        hf_http_answer(&conn->exchange, &(struct hf_http_answer){.status = 204,
                                                                 .headers = headers,
                                                                 .header_count = HF_COUNT_OF(headers),
                                                                 .cacheable = true});
    return true;
}
