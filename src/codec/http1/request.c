/* codec/http1/request.c - the second pass over a request head that scan.c found well formed. */
#include "codec/http1/request.h"

#include "base/assert.h"
#include "codec/http1/scan.h"

#define HF_HTTP1_METHOD_NAME(id, name) [id] = name,
static const char *const method_names[] = {HF_HTTP1_METHOD_MAP(HF_HTTP1_METHOD_NAME)};
#undef HF_HTTP1_METHOD_NAME

const char *hf_http1_method_name(enum hf_http1_method method)
{
    HF_ASSERT((unsigned)method < HF_HTTP1_METHODS);
    return method_names[method];
}

static struct hf_slice up_to(const char *at, char end)
{
    size_t bytes = 0;

    while (at[bytes] != end)
        bytes++;
    return (struct hf_slice){at, bytes};
}

static void read_line(const char *in, const struct hf_http1_scan *scan, struct hf_http1_request *ret,
                      struct hf_http1_target *parts)
{
    bool ok;

    ret->method = (enum hf_http1_method)scan->method;
    ret->minor = scan->minor;
    ret->method_text = up_to(in, ' ');
    ret->target = up_to(ret->method_text.at + ret->method_text.bytes + 1, ' ');
    ok = hf_http1_split_target(ret->target, ret->method == HF_HTTP1_OPTIONS, parts);
    HF_ASSERT(ok); /* the scan has split it already */
    ret->path = parts->path;
    ret->query = parts->query;
}

hf_err hf_http1_parse_head(const char *in, size_t bytes, const struct hf_http1_limits *limits,
                           struct hf_http1_scan *scan, struct hf_http1_request *ret, size_t *ret_head_bytes)
{
    struct hf_http1_scan once = {0};
    struct hf_http1_target parts;
    struct hf_http1_meaning meaning;
    hf_err err;

    if (limits == NULL)
        limits = &hf_http1_limits_default;
    if (scan == NULL)
        scan = &once;
    err = hf_http1_scan_head(in, bytes, HF_HTTP1_REQUEST, limits, scan);
    ret->problem = (enum hf_http1_problem)scan->problem;
    if (err != HF_OK)
        return err;

    in += 2 * scan->blank_lines;
    read_line(in, scan, ret, &parts);
    const char *line_end = ret->target.at + ret->target.bytes + sizeof(" HTTP/1.1\r\n") - 1;

    ret->header_count = hf_http1_collect(line_end, ret->headers, &meaning);
    ret->host = parts.authority.at != NULL ? parts.authority : meaning.host;
    ret->chunked = meaning.chunked;
    ret->has_length = meaning.has_length;
    ret->content_length = meaning.content_length;
    ret->connection_upgrade = meaning.connection_upgrade;
    ret->upgrade_websocket = meaning.upgrade_websocket;
    ret->expect_continue = meaning.expect_continue && ret->minor >= 1;
    ret->keep_alive = !meaning.close && (ret->minor >= 1 || meaning.keep_alive);
    ret->framing = meaning.chunked              ? HF_HTTP1_FRAMING_CHUNKED
                   : meaning.content_length > 0 ? HF_HTTP1_FRAMING_LENGTH
                                                : HF_HTTP1_FRAMING_NONE;
    *ret_head_bytes = scan->scanned;
    return HF_OK;
}
