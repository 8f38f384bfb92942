/* codec/http1/body.c - a chunked body runs through
 *   SIZE (EXTENSION) SIZE_LF DATA DATA_CR DATA_LF SIZE ... SIZE_LF TRAILER_START
 *   TRAILER_START (TRAILER_NAME TRAILER_VALUE TRAILER_LF TRAILER_START) END_LF
 * one with a length or without end stays in DATA. body->problem, once set, is final. */
#include "codec/http1/body.h"

#include "base/assert.h"
#include "codec/http1/scan.h"

enum {
    STATE_SIZE,
    STATE_EXTENSION,
    STATE_SIZE_LF,
    STATE_DATA,
    STATE_DATA_CR,
    STATE_DATA_LF,
    STATE_TRAILER_START,
    STATE_TRAILER_NAME,
    STATE_TRAILER_VALUE,
    STATE_TRAILER_LF,
    STATE_END_LF,
};

enum { SIZE_DIGITS_MAX = 16 }; /* of 64 bits; more would only be leading zeros */

hf_err hf_http1_body_init(struct hf_http1_body *body, enum hf_http1_framing framing, uint64_t content_length,
                          uint64_t body_bytes_max)
{
    *body = (struct hf_http1_body){.framing = (uint8_t)framing, .body_bytes_max = body_bytes_max};
    switch (framing) {
    case HF_HTTP1_FRAMING_NONE: body->done = true; break;
    case HF_HTTP1_FRAMING_LENGTH:
        body->state = STATE_DATA;
        body->left_bytes = content_length;
        body->done = content_length == 0;
        if (content_length > body_bytes_max)
            body->problem = HF_HTTP1_BODY_TOO_BIG;
        break;
    case HF_HTTP1_FRAMING_CHUNKED: body->state = STATE_SIZE; break;
    case HF_HTTP1_FRAMING_UNTIL_CLOSE:
        body->state = STATE_DATA;
        body->left_bytes = UINT64_MAX;
        break;
    default: HF_UNREACHABLE();
    }
    return hf_http1_problem_err((enum hf_http1_problem)body->problem);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum hf_http1_problem take_size(struct hf_http1_body *body, char c)
{
    int digit = hex_digit(c);

    if (digit >= 0) {
        if (body->digits++ == SIZE_DIGITS_MAX)
            return HF_HTTP1_BAD_CHUNK_SIZE;
        body->left_bytes = body->left_bytes << 4 | (unsigned)digit;
        return body->left_bytes <= body->body_bytes_max - body->taken_bytes ? HF_HTTP1_NO_PROBLEM
                                                                            : HF_HTTP1_BODY_TOO_BIG;
    }
    if (body->digits == 0 || (c != ';' && c != '\r'))
        return HF_HTTP1_BAD_CHUNK_SIZE;
    body->state = c == ';' ? STATE_EXTENSION : STATE_SIZE_LF;
    return HF_HTTP1_NO_PROBLEM;
}

static enum hf_http1_problem take_extension(struct hf_http1_body *body, char c)
{
    if (c == '\r') {
        body->state = STATE_SIZE_LF;
        return HF_HTTP1_NO_PROBLEM;
    }
    if (!hf_http1_is(c, HF_HTTP1_VALUE))
        return HF_HTTP1_BAD_CHUNK_SIZE;
    return ++body->extension_bytes <= HF_HTTP1_EXTENSION_BYTES_MAX ? HF_HTTP1_NO_PROBLEM
                                                                   : HF_HTTP1_CHUNK_EXTENSION_TOO_LONG;
}

static enum hf_http1_problem expect(struct hf_http1_body *body, char c, char wanted, uint8_t next,
                                    enum hf_http1_problem otherwise)
{
    if (c != wanted)
        return otherwise;
    body->state = next;
    return HF_HTTP1_NO_PROBLEM;
}

/* Trailers are dropped: merging them into the header after routing has decided is how they do harm
 * (RFC 9110 6.5.1). Their form is still checked, because it says where the next message begins. */
static enum hf_http1_problem take_trailer(struct hf_http1_body *body, char c)
{
    if (++body->trailer_bytes > HF_HTTP1_TRAILER_BYTES_MAX)
        return HF_HTTP1_TRAILER_TOO_BIG;
    switch (body->state) {
    case STATE_TRAILER_START:
        if (c == '\r')
            body->state = STATE_END_LF;
        else if (hf_http1_is(c, HF_HTTP1_TOKEN))
            body->state = STATE_TRAILER_NAME;
        else
            return HF_HTTP1_BAD_TRAILER;
        return HF_HTTP1_NO_PROBLEM;
    case STATE_TRAILER_NAME:
        if (hf_http1_is(c, HF_HTTP1_TOKEN))
            return HF_HTTP1_NO_PROBLEM;
        return expect(body, c, ':', STATE_TRAILER_VALUE, HF_HTTP1_BAD_TRAILER);
    case STATE_TRAILER_VALUE:
        if (hf_http1_is(c, HF_HTTP1_VALUE))
            return HF_HTTP1_NO_PROBLEM;
        return expect(body, c, '\r', STATE_TRAILER_LF, HF_HTTP1_BAD_TRAILER);
    case STATE_TRAILER_LF: return expect(body, c, '\n', STATE_TRAILER_START, HF_HTTP1_BAD_TRAILER);
    default: body->done = c == '\n'; return body->done ? HF_HTTP1_NO_PROBLEM : HF_HTTP1_BAD_TRAILER;
    }
}

static enum hf_http1_problem take(struct hf_http1_body *body, char c)
{
    switch (body->state) {
    case STATE_SIZE: return take_size(body, c);
    case STATE_EXTENSION: return take_extension(body, c);
    case STATE_SIZE_LF:
        return expect(body, c, '\n', body->left_bytes > 0 ? STATE_DATA : STATE_TRAILER_START,
                      HF_HTTP1_BAD_CHUNK_SIZE);
    case STATE_DATA_CR: return expect(body, c, '\r', STATE_DATA_LF, HF_HTTP1_BAD_CHUNK_END);
    case STATE_DATA_LF: body->digits = 0; return expect(body, c, '\n', STATE_SIZE, HF_HTTP1_BAD_CHUNK_END);
    default: return take_trailer(body, c);
    }
}

/* DATA: moves bytes, decides nothing but its end. */
static size_t take_data(struct hf_http1_body *body, const char *in, size_t bytes, struct hf_slice *ret_data)
{
    size_t run = (size_t)HF_MIN((uint64_t)bytes, body->left_bytes);

    if (run > body->body_bytes_max - body->taken_bytes) { /* only UNTIL_CLOSE gets here */
        body->problem = HF_HTTP1_BODY_TOO_BIG;
        run = (size_t)(body->body_bytes_max - body->taken_bytes);
    }
    *ret_data = (struct hf_slice){in, run};
    body->taken_bytes += run;
    if (body->framing != HF_HTTP1_FRAMING_UNTIL_CLOSE)
        body->left_bytes -= run;
    if (body->left_bytes == 0) {
        body->state = STATE_DATA_CR;
        body->done = body->framing == HF_HTTP1_FRAMING_LENGTH;
    }
    return run;
}

hf_err hf_http1_body_feed(struct hf_http1_body *body, const char *in, size_t bytes, size_t *ret_taken_bytes,
                          struct hf_slice *ret_data)
{
    size_t n = 0;

    *ret_data = (struct hf_slice){in, 0};
    while (body->problem == HF_HTTP1_NO_PROBLEM && !body->done && n < bytes && ret_data->bytes == 0) {
        if (body->state == STATE_DATA)
            n += take_data(body, in + n, bytes - n, ret_data);
        else
            body->problem = (uint8_t)take(body, in[n++]);
    }
    HF_ASSERT(n <= bytes);
    HF_ASSERT(body->taken_bytes <= body->body_bytes_max);
    *ret_taken_bytes = n;
    return hf_http1_problem_err((enum hf_http1_problem)body->problem);
}

hf_err hf_http1_body_end(struct hf_http1_body *body)
{
    if (body->framing == HF_HTTP1_FRAMING_UNTIL_CLOSE)
        body->done = true;
    if (!body->done && body->problem == HF_HTTP1_NO_PROBLEM)
        body->problem = HF_HTTP1_BODY_TRUNCATED;
    return hf_http1_problem_err((enum hf_http1_problem)body->problem);
}
