/* codec/http1/scan.c - the states of a head, byte by byte:
 *   request:  START (START_LF) METHOD TARGET VERSION LINE_LF
 *   response: VERSION STATUS STATUS_TEXT LINE_LF
 *   both:     LINE_START NAME VALUE LINE_LF ... LINE_START END_LF DONE
 * Each refusal depends on nothing but the bytes before it, so the cut cannot change the verdict. */
#include "codec/http1/scan.h"

#include "base/assert.h"
#include "codec/http1/request.h"

/* clang-format off */
const uint8_t hf_http1_class[256] = { /* 1 token, 2 target, 4 value, 8 host name */
     0,  0,  0,  0,  0,  0,  0,  0,  0,  4,  0,  0,  0,  0,  0,  0, /* 00 */
     0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0, /* 10 */
     4, 15,  6,  5, 15, 15, 15, 15, 14, 14, 15, 15,  6, 15, 15,  6, /* 20 */
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15,  6, 14,  6, 14,  6,  6, /* 30 */
     6, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, /* 40 */
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,  6,  6,  6,  7, 15, /* 50 */
     7, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, /* 60 */
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,  6,  7,  6, 15,  0, /* 70 */
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4, /* 80 */
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4, /* 90 */
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4, /* a0 */
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4, /* b0 */
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4, /* c0 */
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4, /* d0 */
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4, /* e0 */
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4, /* f0 */
};
/* clang-format on */

enum {
    STATE_START,
    STATE_START_LF,
    STATE_METHOD,
    STATE_TARGET,
    STATE_VERSION,
    STATE_STATUS,
    STATE_STATUS_TEXT,
    STATE_LINE_LF,
    STATE_LINE_START,
    STATE_NAME,
    STATE_VALUE,
    STATE_VALUE_LF,
    STATE_END_LF,
    STATE_DONE,
};

enum { SEEN_HOST = 1, SEEN_LENGTH = 2, SEEN_ENCODING = 4 };
enum { METHOD_PRI = HF_HTTP1_METHODS }; /* the first word of the HTTP/2 preface (RFC 9113 3.4) */
enum { VERSION_BYTES = 8, STATUS_BYTES = 3 };

_Static_assert(sizeof(struct hf_http1_scan) == 24, "each waiting connection keeps one");

struct pass { /* one call */
    const char *in;
    enum hf_http1_kind kind;
    const struct hf_http1_limits *limits;
    struct hf_http1_scan *scan;
};

bool hf_http1_all(struct hf_slice text, unsigned class)
{
    for (size_t i = 0; i < text.bytes; i++)
        if (!hf_http1_is(text.at[i], class))
            return false;
    return true;
}

/* The same three bytes are wrong everywhere and have names of their own. */
static enum hf_http1_problem blame(char c, enum hf_http1_problem otherwise)
{
    switch (c) {
    case '\0': return HF_HTTP1_NUL_BYTE;
    case '\n': return HF_HTTP1_BARE_LF;
    default: return otherwise;
    }
}

static const char *method_word(unsigned method)
{
    return method == METHOD_PRI ? "PRI" : hf_http1_method_name((enum hf_http1_method)method);
}

/* Refuses at the first byte that no offered method has there, so that a TLS hello on a plain port or
 * endless garbage is answered at once. */
static enum hf_http1_problem take_method(struct pass *pass, char c)
{
    struct hf_http1_scan *scan = pass->scan;
    struct hf_slice word = {pass->in + scan->mark_at, scan->scanned - scan->mark_at};

    for (unsigned method = 0; method <= METHOD_PRI; method++) {
        const char *name = method_word(method);

        if (strncmp(name, word.at, word.bytes) != 0)
            continue;
        if (c == ' ' && name[word.bytes] == '\0') {
            scan->method = (uint8_t)method;
            scan->mark_at = scan->scanned + 1;
            scan->state = STATE_TARGET;
            return HF_HTTP1_NO_PROBLEM;
        }
        if (c != '\0' && name[word.bytes] == c)
            return HF_HTTP1_NO_PROBLEM;
    }
    bool token = hf_http1_is(c, HF_HTTP1_TOKEN) || (c == ' ' && word.bytes > 0);

    return blame(c, token ? HF_HTTP1_METHOD_UNKNOWN : HF_HTTP1_BAD_METHOD);
}

static enum hf_http1_problem take_target(struct pass *pass, char c)
{
    struct hf_http1_scan *scan = pass->scan;
    struct hf_slice target = {pass->in + scan->mark_at, scan->scanned - scan->mark_at};
    struct hf_http1_target parts;

    if (hf_http1_is(c, HF_HTTP1_TARGET))
        return HF_HTTP1_NO_PROBLEM;
    if (c != ' ')
        return blame(c, HF_HTTP1_BAD_TARGET);
    if (scan->method == METHOD_PRI ? !hf_slice_is(target, "*")
                                   : !hf_http1_split_target(target, scan->method == HF_HTTP1_OPTIONS, &parts))
        return HF_HTTP1_BAD_TARGET;
    scan->mark_at = scan->scanned + 1;
    scan->state = STATE_VERSION;
    return HF_HTTP1_NO_PROBLEM;
}

/* HTTP/1.x, spelled exactly so (RFC 9112 2.3). */
static enum hf_http1_problem take_version(struct pass *pass, char c)
{
    struct hf_http1_scan *scan = pass->scan;
    const char *version = pass->in + scan->mark_at;
    uint32_t at = scan->scanned - scan->mark_at;
    bool digit = c >= '0' && c <= '9';

    if (at < VERSION_BYTES) {
        if (at == 5 || at == 7 ? !digit : c != "HTTP/1.1"[at])
            return blame(c, HF_HTTP1_BAD_VERSION);
        if (at < VERSION_BYTES - 1)
            return HF_HTTP1_NO_PROBLEM;
        if (version[5] == '2' && pass->kind == HF_HTTP1_REQUEST && scan->method == METHOD_PRI)
            return HF_HTTP1_HTTP2_PREFACE;
        if (version[5] != '1')
            return HF_HTTP1_VERSION_UNSUPPORTED;
        if (pass->kind == HF_HTTP1_REQUEST && scan->method == METHOD_PRI)
            return HF_HTTP1_METHOD_UNKNOWN;
        scan->minor = (uint8_t)(c - '0');
        return HF_HTTP1_NO_PROBLEM;
    }
    if (pass->kind == HF_HTTP1_REQUEST ? c != '\r' : c != ' ')
        return blame(c, HF_HTTP1_BAD_VERSION);
    scan->mark_at = scan->scanned + 1;
    scan->state = pass->kind == HF_HTTP1_REQUEST ? STATE_LINE_LF : STATE_STATUS;
    return HF_HTTP1_NO_PROBLEM;
}

/* Three digits, 100 to 599; then a text that many servers leave out together with its space. */
static enum hf_http1_problem take_status(struct pass *pass, char c)
{
    struct hf_http1_scan *scan = pass->scan;
    uint32_t at = scan->scanned - scan->mark_at;

    if (at < STATUS_BYTES)
        return c >= (at == 0 ? '1' : '0') && c <= (at == 0 ? '5' : '9') ? HF_HTTP1_NO_PROBLEM
                                                                        : blame(c, HF_HTTP1_BAD_STATUS);
    if (c != ' ' && c != '\r')
        return blame(c, HF_HTTP1_BAD_STATUS);
    scan->state = c == ' ' ? STATE_STATUS_TEXT : STATE_LINE_LF;
    return HF_HTTP1_NO_PROBLEM;
}

static enum hf_http1_problem take_line_start(struct pass *pass, char c)
{
    struct hf_http1_scan *scan = pass->scan;

    if (c == '\r') {
        scan->state = STATE_END_LF;
        return HF_HTTP1_NO_PROBLEM;
    }
    if (c == ' ' || c == '\t')
        return HF_HTTP1_OBS_FOLD; /* RFC 9112 5.2; on the first field line it would hide a field */
    if (!hf_http1_is(c, HF_HTTP1_TOKEN))
        return blame(c, HF_HTTP1_BAD_HEADER_NAME);
    if (scan->headers >= HF_MIN(pass->limits->headers_max, (uint32_t)HF_HTTP1_HEADERS_MAX))
        return HF_HTTP1_TOO_MANY_HEADERS;
    scan->headers++;
    scan->mark_at = scan->scanned;
    scan->state = STATE_NAME;
    return HF_HTTP1_NO_PROBLEM;
}

static enum hf_http1_problem take_name(struct pass *pass, char c)
{
    struct hf_http1_scan *scan = pass->scan;

    if (hf_http1_is(c, HF_HTTP1_TOKEN))
        return HF_HTTP1_NO_PROBLEM;
    switch (c) {
    case ':':
        scan->colon_at = scan->scanned;
        scan->state = STATE_VALUE;
        return HF_HTTP1_NO_PROBLEM;
    case ' ':
    case '\t': return HF_HTTP1_SPACE_BEFORE_COLON;
    case '\r': return HF_HTTP1_NO_COLON;
    default: return blame(c, HF_HTTP1_BAD_HEADER_NAME);
    }
}

static enum hf_http1_problem take_value(struct pass *pass, char c, uint8_t end_state)
{
    if (hf_http1_is(c, HF_HTTP1_VALUE))
        return HF_HTTP1_NO_PROBLEM;
    if (c != '\r')
        return blame(c, end_state == STATE_VALUE_LF ? HF_HTTP1_BAD_HEADER_VALUE : HF_HTTP1_BAD_STATUS);
    pass->scan->state = end_state;
    return HF_HTTP1_NO_PROBLEM;
}

static enum hf_http1_problem judge_length(struct hf_http1_scan *scan, struct hf_slice value)
{
    uint64_t length;

    if (scan->seen & SEEN_LENGTH)
        return HF_HTTP1_LENGTH_REPEATED; /* even an equal one: nothing honest sends it (WS-3) */
    if (scan->seen & SEEN_ENCODING)
        return HF_HTTP1_LENGTH_AND_ENCODING;
    scan->seen |= SEEN_LENGTH;
    return value.bytes > 0 && hf_slice_to_u64(value, &length) ? HF_HTTP1_NO_PROBLEM : HF_HTTP1_BAD_LENGTH;
}

static enum hf_http1_problem judge_encoding(struct hf_http1_scan *scan, struct hf_slice value)
{
    if (scan->seen & SEEN_LENGTH)
        return HF_HTTP1_LENGTH_AND_ENCODING;
    if ((scan->seen & SEEN_ENCODING) || !hf_slice_eq_nocase(value, HF_SLICE("chunked")))
        return HF_HTTP1_BAD_ENCODING;
    scan->seen |= SEEN_ENCODING;
    return scan->minor >= 1 ? HF_HTTP1_NO_PROBLEM : HF_HTTP1_ENCODING_IN_1_0; /* RFC 9112 6.1 */
}

static enum hf_http1_problem judge_host(struct hf_http1_scan *scan, struct hf_slice value)
{
    if (scan->seen & SEEN_HOST)
        return HF_HTTP1_HOST_REPEATED;
    scan->seen |= SEEN_HOST;
    return hf_http1_host_ok(value) ? HF_HTTP1_NO_PROBLEM : HF_HTTP1_BAD_HOST;
}

/* A whole field line is there: the fields on which framing and routing hang are judged at once. */
static enum hf_http1_problem judge_field(struct pass *pass)
{
    struct hf_http1_scan *scan = pass->scan;
    struct hf_slice name = {pass->in + scan->mark_at, scan->colon_at - scan->mark_at};
    struct hf_slice value = {pass->in + scan->colon_at + 1, scan->scanned - scan->colon_at - 2};

    value = hf_slice_trim(value);
    if (hf_slice_eq_nocase(name, HF_SLICE("content-length")))
        return judge_length(scan, value);
    if (hf_slice_eq_nocase(name, HF_SLICE("transfer-encoding")))
        return judge_encoding(scan, value);
    if (pass->kind == HF_HTTP1_RESPONSE)
        return HF_HTTP1_NO_PROBLEM;
    if (hf_slice_eq_nocase(name, HF_SLICE("host")))
        return judge_host(scan, value);
    if (scan->minor >= 1 && hf_slice_eq_nocase(name, HF_SLICE("expect")) &&
        !hf_slice_eq_nocase(value, HF_SLICE("100-continue")))
        return HF_HTTP1_EXPECTATION;
    return HF_HTTP1_NO_PROBLEM;
}

static enum hf_http1_problem take_lf(struct pass *pass, char c)
{
    struct hf_http1_scan *scan = pass->scan;
    uint8_t state = scan->state;

    if (c != '\n')
        return HF_HTTP1_BARE_CR;
    scan->line_at = scan->scanned + 1;
    scan->state = STATE_LINE_START;
    if (state == STATE_VALUE_LF)
        return judge_field(pass);
    if (state == STATE_START_LF) {
        scan->state = STATE_START;
    } else if (state == STATE_END_LF) {
        scan->state = STATE_DONE;
        if (pass->kind == HF_HTTP1_REQUEST && scan->minor >= 1 && !(scan->seen & SEEN_HOST))
            return HF_HTTP1_HOST_MISSING;
    }
    return HF_HTTP1_NO_PROBLEM;
}

static enum hf_http1_problem take_start(struct pass *pass, char c)
{
    struct hf_http1_scan *scan = pass->scan;

    scan->mark_at = scan->scanned;
    if (pass->kind == HF_HTTP1_RESPONSE) {
        scan->state = STATE_VERSION;
        return take_version(pass, c);
    }
    if (c == '\r' && scan->blank_lines < HF_HTTP1_BLANK_LINES_MAX) {
        scan->blank_lines++;
        scan->state = STATE_START_LF;
        return HF_HTTP1_NO_PROBLEM;
    }
    scan->state = STATE_METHOD;
    return take_method(pass, c);
}

static enum hf_http1_problem take(struct pass *pass, char c)
{
    switch (pass->scan->state) {
    case STATE_START: return take_start(pass, c);
    case STATE_METHOD: return take_method(pass, c);
    case STATE_TARGET: return take_target(pass, c);
    case STATE_VERSION: return take_version(pass, c);
    case STATE_STATUS: return take_status(pass, c);
    case STATE_STATUS_TEXT: return take_value(pass, c, STATE_LINE_LF);
    case STATE_LINE_START: return take_line_start(pass, c);
    case STATE_NAME: return take_name(pass, c);
    case STATE_VALUE: return take_value(pass, c, STATE_VALUE_LF);
    default: return take_lf(pass, c);
    }
}

/* A limit is met as soon as the last byte below it did not complete the line or head: waiting for one more
 * byte would leave a buffer of just that size full and silent. */
static enum hf_http1_problem judge_limits(const struct hf_http1_scan *scan,
                                          const struct hf_http1_limits *limits)
{
    bool head_full = scan->scanned >= limits->head_bytes_max;

    if (scan->state == STATE_DONE || (!head_full && scan->scanned - scan->line_at < limits->line_bytes_max))
        return HF_HTTP1_NO_PROBLEM;
    if (scan->state == STATE_TARGET)
        return HF_HTTP1_TARGET_TOO_LONG;
    return head_full ? HF_HTTP1_HEAD_TOO_BIG : HF_HTTP1_LINE_TOO_LONG;
}

/* Moves over bytes that the current state would take one by one without a change. Stops short of every
 * limit, so that judge_limits() sees each of them. Only speed hangs on it: heads are mostly such runs. */
static void skip_run(struct pass *pass, size_t bytes)
{
    static const uint8_t run_class[] = {[STATE_TARGET] = HF_HTTP1_TARGET,
                                        [STATE_NAME] = HF_HTTP1_TOKEN,
                                        [STATE_VALUE] = HF_HTTP1_VALUE,
                                        [STATE_DONE] = 0};
    struct hf_http1_scan *scan = pass->scan;
    uint8_t class = run_class[scan->state];
    uint64_t stop = HF_MIN((uint64_t)scan->line_at + pass->limits->line_bytes_max,
                           (uint64_t)pass->limits->head_bytes_max);
    uint32_t at = scan->scanned;

    stop = HF_MIN(stop, (uint64_t)bytes);
    while ((uint64_t)at + 1 < stop && (hf_http1_class[(uint8_t)pass->in[at]] & class))
        at++;
    scan->scanned = at;
}

hf_err hf_http1_scan_head(const char *in, size_t bytes, enum hf_http1_kind kind,
                          const struct hf_http1_limits *limits, struct hf_http1_scan *scan)
{
    struct pass pass = {.in = in, .kind = kind, .limits = limits, .scan = scan};
    enum hf_http1_problem problem = (enum hf_http1_problem)scan->problem;

    while (problem == HF_HTTP1_NO_PROBLEM && scan->scanned < bytes && scan->state != STATE_DONE) {
        skip_run(&pass, bytes);
        problem = take(&pass, in[scan->scanned]);
        if (problem != HF_HTTP1_NO_PROBLEM)
            break;
        scan->scanned++;
        problem = judge_limits(scan, limits);
    }
    scan->problem = (uint8_t)problem;
    if (problem != HF_HTTP1_NO_PROBLEM)
        return hf_http1_problem_err(problem);
    return scan->state == STATE_DONE ? HF_OK : HF_ERR_AGAIN;
}
