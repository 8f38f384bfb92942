/* codec/http1/response.c - the second pass over a response head that scan.c found well formed. */
#include "codec/http1/response.h"

#include "codec/http1/scan.h"

enum { STATUS_AT = sizeof("HTTP/1.1 ") - 1, STATUS_BYTES = 3 };

/* RFC 9112 6.3, the first rules of its list. */
static bool never_has_body(unsigned status, enum hf_http1_method method)
{
    return method == HF_HTTP1_HEAD || status < 200 || status == 204 || status == 304;
}

static enum hf_http1_framing framing_of(const struct hf_http1_response *response, enum hf_http1_method method)
{
    if (never_has_body(response->status, method))
        return HF_HTTP1_FRAMING_NONE;
    if (response->chunked)
        return HF_HTTP1_FRAMING_CHUNKED;
    if (!response->has_length)
        return HF_HTTP1_FRAMING_UNTIL_CLOSE;
    return response->content_length > 0 ? HF_HTTP1_FRAMING_LENGTH : HF_HTTP1_FRAMING_NONE;
}

/* Reads the status line; returns the byte behind it. */
static const char *read_line(const char *in, struct hf_http1_response *ret)
{
    const char *text = in + STATUS_AT + STATUS_BYTES, *end = text;

    ret->status =
        (unsigned)(text[-3] - '0') * 100 + (unsigned)(text[-2] - '0') * 10 + (unsigned)(text[-1] - '0');
    while (*end != '\r')
        end++;
    ret->status_text = hf_slice_trim((struct hf_slice){text, (size_t)(end - text)});
    return end + 2;
}

hf_err hf_http1_parse_response(const char *in, size_t bytes, enum hf_http1_method method,
                               const struct hf_http1_limits *limits, struct hf_http1_scan *scan,
                               struct hf_http1_response *ret, size_t *ret_head_bytes)
{
    struct hf_http1_scan once = {0};
    struct hf_http1_meaning meaning;
    hf_err err;

    if (limits == NULL)
        limits = &hf_http1_limits_default;
    if (scan == NULL)
        scan = &once;
    err = hf_http1_scan_head(in, bytes, HF_HTTP1_RESPONSE, limits, scan);
    ret->problem = (enum hf_http1_problem)scan->problem;
    if (err != HF_OK)
        return err;

    ret->minor = scan->minor;
    ret->header_count = hf_http1_collect(read_line(in, ret), ret->headers, &meaning);
    ret->chunked = meaning.chunked;
    ret->has_length = meaning.has_length;
    ret->content_length = meaning.content_length;
    ret->connection_upgrade = meaning.connection_upgrade;
    ret->upgrade_websocket = meaning.upgrade_websocket;
    ret->framing = framing_of(ret, method);
    ret->keep_alive = !meaning.close && (ret->minor >= 1 || meaning.keep_alive) &&
                      ret->framing != HF_HTTP1_FRAMING_UNTIL_CLOSE;
    *ret_head_bytes = scan->scanned;
    return HF_OK;
}
