/* codec/http1/head.c - header fields and what they say together, once scan.c has checked their bytes. */
#include "codec/http1/head.h"

#include "base/assert.h"
#include "codec/http1/request.h"
#include "codec/http1/scan.h"

const struct hf_http1_limits hf_http1_limits_default = {
    .line_bytes_max = HF_HTTP1_LINE_BYTES_MAX,
    .head_bytes_max = HF_HTTP1_HEAD_BYTES_MAX,
    .headers_max = HF_HTTP1_HEADERS_MAX,
    .body_bytes_max = HF_HTTP1_BODY_BYTES_MAX,
};

#define HF_HTTP1_PROBLEM_ROW(id, name, http_status, reason, text) [id] = {name, http_status, reason, text},
static const struct hf_http1_problem_info problems[] = {HF_HTTP1_PROBLEM_MAP(HF_HTTP1_PROBLEM_ROW)};
#undef HF_HTTP1_PROBLEM_ROW

const struct hf_http1_problem_info *hf_http1_problem_info(enum hf_http1_problem problem)
{
    HF_ASSERT((unsigned)problem < HF_HTTP1_PROBLEMS);
    return &problems[problem];
}

hf_err hf_http1_problem_err(enum hf_http1_problem problem)
{
    switch (hf_http1_problem_info(problem)->http_status) {
    case 0: return HF_OK;
    case 413:
    case 414:
    case 431: return HF_ERR_LIMIT;
    default: return HF_ERR_MALFORMED;
    }
}

struct hf_slice hf_http1_find(const struct hf_http1_header *headers, size_t header_count, const char *name)
{
    struct hf_slice wanted = hf_slice_of(name);

    for (size_t i = 0; i < header_count; i++)
        if (hf_slice_eq_nocase(headers[i].name, wanted))
            return headers[i].value;
    return (struct hf_slice){NULL, 0};
}

size_t hf_http1_count(const struct hf_http1_header *headers, size_t header_count, const char *name)
{
    struct hf_slice wanted = hf_slice_of(name);
    size_t count = 0;

    for (size_t i = 0; i < header_count; i++)
        count += hf_slice_eq_nocase(headers[i].name, wanted);
    return count;
}

/* Bytes up to the comma that ends the first item (RFC 9110 5.6.1, quoted strings 5.6.4). */
static size_t item_bytes(struct hf_slice list)
{
    bool quoted = false;

    for (size_t i = 0; i < list.bytes; i++) {
        if (list.at[i] == ',' && !quoted)
            return i;
        if (list.at[i] == '"')
            quoted = !quoted;
        else if (list.at[i] == '\\' && quoted && i + 1 < list.bytes)
            i++;
    }
    return list.bytes;
}

bool hf_http1_list_next(struct hf_slice *list, struct hf_slice *ret_item)
{
    while (list->bytes > 0) {
        size_t bytes = item_bytes(*list);
        struct hf_slice item = hf_slice_trim((struct hf_slice){list->at, bytes});

        bytes += bytes < list->bytes; /* its comma */
        list->at += bytes;
        list->bytes -= bytes;
        if (item.bytes > 0) {
            *ret_item = item;
            return true;
        }
    }
    return false;
}

static bool list_has(struct hf_slice list, const char *token)
{
    struct hf_slice item;

    while (hf_http1_list_next(&list, &item))
        if (hf_slice_eq_nocase(item, hf_slice_of(token)))
            return true;
    return false;
}

bool hf_http1_has_token(const struct hf_http1_header *headers, size_t header_count, const char *name,
                        const char *token)
{
    for (size_t i = 0; i < header_count; i++)
        if (hf_slice_eq_nocase(headers[i].name, hf_slice_of(name)) && list_has(headers[i].value, token))
            return true;
    return false;
}

/* host [ ":" port ] of RFC 3986 3.2 without user information; empty is allowed (RFC 9110 7.2). */
bool hf_http1_host_ok(struct hf_slice host)
{
    size_t i = 0;

    if (host.bytes > 0 && host.at[0] == '[') {
        for (i = 1; i < host.bytes && host.at[i] != ']'; i++)
            if (!hf_http1_is(host.at[i], HF_HTTP1_HOSTNAME) && host.at[i] != ':')
                return false;
        if (i == 1 || i++ == host.bytes)
            return false;
    } else {
        while (i < host.bytes && hf_http1_is(host.at[i], HF_HTTP1_HOSTNAME))
            i++;
    }
    if (i == host.bytes)
        return true;
    if (host.at[i++] != ':')
        return false;
    while (i < host.bytes && host.at[i] >= '0' && host.at[i] <= '9')
        i++;
    return i == host.bytes;
}

static bool take_scheme(struct hf_slice *target)
{
    static const char *const schemes[] = {"http://", "https://", "ws://", "wss://"};

    for (size_t i = 0; i < HF_COUNT_OF(schemes); i++) {
        size_t bytes = strlen(schemes[i]);
        struct hf_slice start = {target->at, bytes};

        if (target->bytes > bytes && hf_slice_eq_nocase(start, hf_slice_of(schemes[i]))) {
            target->at += bytes;
            target->bytes -= bytes;
            return true;
        }
    }
    return false;
}

bool hf_http1_split_target(struct hf_slice target, bool is_options, struct hf_http1_target *ret)
{
    *ret = (struct hf_http1_target){.path = target};
    if (target.bytes == 0)
        return false;
    if (target.at[0] == '*')
        return is_options && target.bytes == 1;
    if (target.at[0] != '/') {
        size_t i = 0;

        if (!take_scheme(&target))
            return false;
        while (i < target.bytes && target.at[i] != '/' && target.at[i] != '?')
            i++;
        ret->authority = (struct hf_slice){target.at, i};
        if (i == 0 || !hf_http1_host_ok(ret->authority))
            return false;
        target = (struct hf_slice){target.at + i, target.bytes - i};
    }
    const char *mark = target.bytes > 0 ? memchr(target.at, '?', target.bytes) : NULL;
    size_t path_bytes = mark ? (size_t)(mark - target.at) : target.bytes;

    ret->path = path_bytes > 0 ? (struct hf_slice){target.at, path_bytes} : HF_SLICE("/");
    if (mark != NULL)
        ret->query = (struct hf_slice){mark + 1, target.bytes - path_bytes - 1};
    return true;
}

static void weigh(const struct hf_http1_header *header, struct hf_http1_meaning *meaning)
{
    struct hf_slice name = header->name, value = header->value;

    if (hf_slice_eq_nocase(name, HF_SLICE("connection"))) {
        meaning->close |= list_has(value, "close");
        meaning->keep_alive |= list_has(value, "keep-alive");
        meaning->connection_upgrade |= list_has(value, "upgrade");
    } else if (hf_slice_eq_nocase(name, HF_SLICE("upgrade"))) {
        meaning->upgrade_websocket |= list_has(value, "websocket");
    } else if (hf_slice_eq_nocase(name, HF_SLICE("host"))) {
        meaning->host = value;
    } else if (hf_slice_eq_nocase(name, HF_SLICE("content-length"))) {
        meaning->has_length = hf_slice_to_u64(value, &meaning->content_length);
    } else if (hf_slice_eq_nocase(name, HF_SLICE("transfer-encoding"))) {
        meaning->chunked = true; /* no other value passes the scan */
    } else if (hf_slice_eq_nocase(name, HF_SLICE("expect"))) {
        meaning->expect_continue = true; /* likewise, for HTTP/1.1 */
    }
}

size_t hf_http1_collect(const char *at, struct hf_http1_header *headers, struct hf_http1_meaning *meaning)
{
    size_t count = 0;

    *meaning = (struct hf_http1_meaning){0};
    while (*at != '\r') {
        const char *colon = at, *end;

        while (*colon != ':')
            colon++;
        for (end = colon; *end != '\r';)
            end++;
        HF_ASSERT(count < HF_HTTP1_HEADERS_MAX);
        headers[count] = (struct hf_http1_header){
            .name = {at, (size_t)(colon - at)},
            .value = hf_slice_trim((struct hf_slice){colon + 1, (size_t)(end - colon - 1)})};
        weigh(&headers[count++], meaning);
        at = end + 2;
    }
    return count;
}
