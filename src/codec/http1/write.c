/* codec/http1/write.c - see write.h. */
#include "codec/http1/write.h"

#include "base/assert.h"
#include "codec/http1/scan.h"

/* RFC 9110 15 and RFC 6585. */
static const struct status {
    uint16_t status;
    const char *text;
} statuses[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

const char *hf_http1_status_text(unsigned status)
{
    for (size_t i = 0; i < HF_COUNT_OF(statuses); i++)
        if (statuses[i].status == status)
            return statuses[i].text;
    return "Status";
}

static hf_err room(const struct hf_sb *sb)
{
    return sb->overflow ? HF_ERR_LIMIT : HF_OK;
}

hf_err hf_http1_write_status(struct hf_sb *sb, unsigned status)
{
    if (status < 100 || status > 599)
        return HF_ERR_INVALID;
    hf_sb_text(sb, "HTTP/1.1 ");
    hf_sb_u64(sb, status);
    hf_sb_char(sb, ' ');
    hf_sb_text(sb, hf_http1_status_text(status));
    hf_sb_text(sb, "\r\n");
    return room(sb);
}

hf_err hf_http1_write_request(struct hf_sb *sb, enum hf_http1_method method, struct hf_slice target)
{
    if (target.bytes == 0 || !hf_http1_all(target, HF_HTTP1_TARGET))
        return HF_ERR_INVALID;
    hf_sb_text(sb, hf_http1_method_name(method));
    hf_sb_char(sb, ' ');
    hf_sb_slice(sb, target);
    hf_sb_text(sb, " HTTP/1.1\r\n");
    return room(sb);
}

static bool name_ok(const char *name)
{
    return *name != '\0' && hf_http1_all(hf_slice_of(name), HF_HTTP1_TOKEN);
}

hf_err hf_http1_write_header(struct hf_sb *sb, const char *name, struct hf_slice value)
{
    if (!name_ok(name) || !hf_http1_all(value, HF_HTTP1_VALUE))
        return HF_ERR_INVALID;
    hf_sb_text(sb, name);
    hf_sb_text(sb, ": ");
    hf_sb_slice(sb, value);
    hf_sb_text(sb, "\r\n");
    return room(sb);
}

hf_err hf_http1_write_header_u64(struct hf_sb *sb, const char *name, uint64_t value)
{
    if (!name_ok(name))
        return HF_ERR_INVALID;
    hf_sb_text(sb, name);
    hf_sb_text(sb, ": ");
    hf_sb_u64(sb, value);
    hf_sb_text(sb, "\r\n");
    return room(sb);
}

hf_err hf_http1_write_head_end(struct hf_sb *sb)
{
    hf_sb_text(sb, "\r\n");
    return room(sb);
}

hf_err hf_http1_write_chunk_head(struct hf_sb *sb, uint64_t data_bytes)
{
    char digits[16];
    size_t at = sizeof(digits);

    if (data_bytes == 0)
        return HF_ERR_INVALID; /* would end the body */
    for (; data_bytes > 0; data_bytes >>= 4)
        digits[--at] = "0123456789abcdef"[data_bytes & 15];
    hf_sb_add(sb, digits + at, sizeof(digits) - at);
    hf_sb_text(sb, "\r\n");
    return room(sb);
}

hf_err hf_http1_write_chunk_end(struct hf_sb *sb)
{
    hf_sb_text(sb, "\r\n");
    return room(sb);
}

hf_err hf_http1_write_chunk(struct hf_sb *sb, struct hf_slice data)
{
    if (data.bytes == 0)
        return room(sb);
    (void)hf_http1_write_chunk_head(sb, data.bytes); /* its trouble stays in sb->overflow */
    hf_sb_slice(sb, data);
    return hf_http1_write_chunk_end(sb);
}

hf_err hf_http1_write_last_chunk(struct hf_sb *sb)
{
    hf_sb_text(sb, "0\r\n\r\n");
    return room(sb);
}

static bool headers_ok(const struct hf_http1_answer *answer)
{
    for (size_t i = 0; i < answer->header_count; i++) {
        const struct hf_http1_header *header = &answer->headers[i];

        if (header->name.bytes == 0 || !hf_http1_all(header->name, HF_HTTP1_TOKEN) ||
            !hf_http1_all(header->value, HF_HTTP1_VALUE))
            return false;
    }
    return answer->content_type == NULL || hf_http1_all(hf_slice_of(answer->content_type), HF_HTTP1_VALUE);
}

hf_err hf_http1_write_answer(struct hf_sb *sb, const struct hf_http1_answer *answer)
{
    bool bodiless = answer->status < 200 || answer->status == 204 || answer->status == 304;

    if (answer->status < 100 || answer->status > 599 || !headers_ok(answer))
        return HF_ERR_INVALID; /* checked before the first byte: half an answer would be worse than none */
    (void)hf_http1_write_status(sb, answer->status);
    for (size_t i = 0; i < answer->header_count; i++) {
        hf_sb_slice(sb, answer->headers[i].name);
        hf_sb_text(sb, ": ");
        hf_sb_slice(sb, answer->headers[i].value);
        hf_sb_text(sb, "\r\n");
    }
    if (answer->content_type != NULL)
        (void)hf_http1_write_header(sb, "Content-Type", hf_slice_of(answer->content_type));
    if (!bodiless)
        (void)hf_http1_write_header_u64(sb, "Content-Length", answer->body.bytes);
    if (answer->close)
        (void)hf_http1_write_header(sb, "Connection", HF_SLICE("close"));
    (void)hf_http1_write_head_end(sb);
    if (!bodiless && !answer->head_only)
        hf_sb_slice(sb, answer->body);
    return room(sb);
}
