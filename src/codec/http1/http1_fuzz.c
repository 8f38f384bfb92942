/* codec/http1/http1_fuzz.c - properties: where the bytes are cut changes neither a head nor a body; what was
 * accepted is accepted again when written out anew, and means the same; an answer never fails to parse. The
 * first byte picks the cut, the second what is parsed. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/sb.h"
#include "codec/http1/body.h"
#include "codec/http1/problem.h"
#include "codec/http1/request.h"
#include "codec/http1/response.h"

enum { TEXT_BYTES = 65536, BODY_BYTES_MAX = 4096 };

struct text {
    struct hf_sb sb;
    char storage[TEXT_BYTES];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

static void add_headers(struct hf_sb *sb, const struct hf_http1_header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        hf_sb_slice(sb, headers[i].name);
        hf_sb_text(sb, ": ");
        hf_sb_slice(sb, headers[i].value);
        hf_sb_text(sb, "\r\n");
    }
    hf_sb_text(sb, "\r\n");
}

/* The head once more, from its parts. */
static void rewrite(const struct hf_http1_request *request, struct hf_sb *sb)
{
    hf_sb_slice(sb, request->method_text);
    hf_sb_char(sb, ' ');
    hf_sb_slice(sb, request->target);
    hf_sb_printf(sb, " HTTP/1.%d\r\n", request->minor);
    add_headers(sb, request->headers, request->header_count);
}

static void describe(const struct hf_http1_request *r, struct hf_sb *sb)
{
    hf_sb_printf(sb, "%d%d%d%d%d%d%d%d %d %llu ", r->method, r->minor, r->chunked, r->has_length,
                 r->keep_alive, r->expect_continue, r->connection_upgrade, r->upgrade_websocket, r->framing,
                 (unsigned long long)r->content_length);
    hf_sb_slice(sb, r->path);
    hf_sb_char(sb, r->query.at ? '?' : ' ');
    hf_sb_slice(sb, r->query);
    hf_sb_slice(sb, r->host);
    rewrite(r, sb);
}

static void check_request(const struct hf_http1_request *request)
{
    HF_ASSERT(request->header_count <= HF_HTTP1_HEADERS_MAX);
    HF_ASSERT(request->path.bytes >= 1);
    HF_ASSERT(!(request->chunked && request->has_length));
    for (size_t i = 0; i < request->header_count; i++) {
        const struct hf_http1_header *header = &request->headers[i];

        HF_ASSERT(header->name.bytes > 0);
        for (size_t b = 0; b < header->value.bytes; b++)
            HF_ASSERT(strchr("\r\n", header->value.at[b]) == NULL);
    }
    HF_ASSERT(request->upgrade_websocket ==
              hf_http1_has_token(request->headers, request->header_count, "upgrade", "websocket"));
    HF_ASSERT(hf_http1_count(request->headers, request->header_count, "host") >= (request->minor >= 1));
}

static hf_err parse(const char *in, size_t bytes, size_t cut, bool response, struct text *ret)
{
    const struct hf_http1_limits limits = {512, 1024, 16, 0};
    struct hf_http1_scan scan = {0};
    struct hf_http1_request request = {0};
    struct hf_http1_response answer = {0};
    size_t have = 0, head_bytes = 0;
    hf_err err = HF_ERR_AGAIN;

    hf_sb_init(&ret->sb, ret->storage, sizeof(ret->storage));
    while (err == HF_ERR_AGAIN && have < bytes) {
        have = HF_MIN(bytes, have + cut);
        char *copy = malloc(have); /* exact and elsewhere each time */

        memcpy(copy, in, have);
        if (response)
            err = hf_http1_parse_response(copy, have, HF_HTTP1_GET, &limits, &scan, &answer, &head_bytes);
        else
            err = hf_http1_parse_head(copy, have, &limits, &scan, &request, &head_bytes);
        HF_ASSERT(err != HF_ERR_AGAIN || have < limits.head_bytes_max);
        HF_ASSERT(err != HF_OK || head_bytes <= have);
        if (err == HF_OK && response) {
            hf_sb_printf(&ret->sb, "%u %d %llu", answer.status, answer.framing,
                         (unsigned long long)answer.content_length);
            add_headers(&ret->sb, answer.headers, answer.header_count);
        } else if (err == HF_OK) {
            check_request(&request);
            describe(&request, &ret->sb);
        }
        free(copy);
    }
    if (err != HF_OK)
        hf_sb_printf(&ret->sb, "%d %d", err, response ? (int)answer.problem : (int)request.problem);
    HF_ASSERT(!ret->sb.overflow);
    return err;
}

/* Accepted, written anew, parsed: the same meaning. */
static void check_rewrite(const char *in, size_t bytes)
{
    static struct text again;
    static char first[TEXT_BYTES], second[TEXT_BYTES];
    struct hf_http1_request request, back;
    size_t head_bytes;
    struct hf_sb a, b;

    if (hf_http1_parse_head(in, bytes, NULL, NULL, &request, &head_bytes) != HF_OK)
        return;
    hf_sb_init(&again.sb, again.storage, sizeof(again.storage));
    rewrite(&request, &again.sb);
    const struct hf_http1_limits wide = {TEXT_BYTES, TEXT_BYTES, HF_HTTP1_HEADERS_MAX, 0};
    hf_err err = hf_http1_parse_head(again.storage, again.sb.bytes, &wide, NULL, &back, &head_bytes);

    HF_ASSERT(err == HF_OK);
    HF_ASSERT(head_bytes == again.sb.bytes);
    hf_sb_init(&a, first, sizeof(first));
    describe(&request, &a);
    hf_sb_init(&b, second, sizeof(second));
    describe(&back, &b);
    HF_ASSERT(hf_slice_eq(hf_sb_done(&a), hf_sb_done(&b)));
}

static void decode(const char *in, size_t bytes, size_t cut, enum hf_http1_framing framing, struct text *ret)
{
    struct hf_http1_body body;
    size_t at = 0;
    hf_err err = hf_http1_body_init(&body, framing, 300, BODY_BYTES_MAX);

    hf_sb_init(&ret->sb, ret->storage, sizeof(ret->storage));
    while (err == HF_OK && !body.done && at < bytes) {
        size_t given = HF_MIN(cut, bytes - at), taken;
        struct hf_slice run;

        err = hf_http1_body_feed(&body, in + at, given, &taken, &run);
        HF_ASSERT(taken <= given && (taken > 0 || err != HF_OK));
        HF_ASSERT(run.bytes == 0 || (run.at >= in + at && run.at + run.bytes <= in + at + taken));
        hf_sb_slice(&ret->sb, run);
        at += taken;
    }
    HF_ASSERT(ret->sb.bytes == body.taken_bytes && body.taken_bytes <= BODY_BYTES_MAX);
    hf_sb_printf(&ret->sb, "|%d %d %d %zu", err, body.problem, body.done, body.done ? at : 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    static struct text whole, cut;

    if (data_bytes < 3 || data_bytes > TEXT_BYTES / 4)
        return 0;
    const char *in = (const char *)data + 2;
    size_t bytes = data_bytes - 2, cut_bytes = 1 + data[0] % 64;

    switch (data[1] % 4) {
    case 0:
    case 1:
        parse(in, bytes, bytes, data[1] & 1, &whole);
        parse(in, bytes, cut_bytes, data[1] & 1, &cut);
        check_rewrite(in, bytes);
        break;
    case 2: /* all framings but NONE */
        decode(in, bytes, bytes, (enum hf_http1_framing)(1 + data[0] % 3), &whole);
        decode(in, bytes, cut_bytes, (enum hf_http1_framing)(1 + data[0] % 3), &cut);
        break;
    default: { /* what is given as detail cannot break the answer that carries it */
        struct hf_http1_response answer;
        size_t head_bytes;

        hf_sb_init(&whole.sb, whole.storage, sizeof(whole.storage));
        HF_ASSERT(hf_http1_problem(&whole.sb, &(struct hf_http1_problem_doc){
                                                  .reason = data[0], .detail = {in, bytes}}) == HF_OK);
        HF_ASSERT(whole.sb.bytes < HF_HTTP1_PROBLEM_BYTES_MAX);
        HF_ASSERT(hf_http1_parse_response(whole.storage, whole.sb.bytes, HF_HTTP1_GET, NULL, NULL, &answer,
                                          &head_bytes) == HF_OK);
        HF_ASSERT(head_bytes + answer.content_length == whole.sb.bytes);
        return 0;
    }
    }
    HF_ASSERT(hf_slice_eq(hf_sb_done(&whole.sb), hf_sb_done(&cut.sb)));
    return 0;
}
