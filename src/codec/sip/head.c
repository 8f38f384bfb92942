/* codec/sip/head.c - cuts a head into its lines: start line, then "NAME: VALUE" with folds. */
#include "base/assert.h"
#include "codec/sip/parse.h"
#include "codec/sip/scan.h"

#define MANY_ROW(id, name, compact, many) [id] = (many),
static const bool may_repeat[HF_SIP_HEADER_IDS] = {HF_SIP_HEADER_MAP(MANY_ROW)};

enum { VERSION_BYTES = 7, STATUS_DIGITS = 3 };

/* Behind the bytes that need no look, eight at a time: none below a blank, no DEL. What it stops at may be a TAB. */
static const char *skip_plain(const char *at, const char *end)
{
    const uint64_t ones = UINT64_MAX / 255, high = ones << 7;
    uint64_t word, low, del;

    for (; end - at >= (ptrdiff_t)sizeof(word); at += sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        low = (word - ones * ' ') & ~word & high;
        del = word ^ ones * 0x7f;
        if ((low | ((del - ones) & ~del & high)) != 0)
            break;
    }
    return hf_sip_skip_not(at, end, SIP_CONTROL);
}

/* The bytes up to the next line end that is no fold. *at moves behind it. Judges each byte. */
static struct hf_slice take_line(const char **at, const char *end, bool folds, uint32_t tolerances,
                                 struct hf_sip_msg *msg)
{
    const char *start = *at, *c = start, *stop;

    for (;; c++) {
        c = skip_plain(c, end);
        if (c == end) {
            hf_sip_note(msg, HF_SIP_NO_HEAD_END);
            *at = end;
            return hf_sip_between(start, end);
        }
        if (*c == '\n' || (*c == '\r' && c + 1 < end && c[1] == '\n')) {
            stop = c;
            if (*c == '\r') {
                c++;
            } else if (tolerances & HF_SIP_TOL_LF_ONLY) {
                msg->tolerated |= HF_SIP_TOL_LF_ONLY;
            } else {
                hf_sip_note(msg, HF_SIP_BARE_LF);
            }
            if (folds && stop > start && c + 1 < end && (c[1] == ' ' || c[1] == '\t'))
                continue;
            *at = c + 1;
            return hf_sip_between(start, stop);
        }
        if (*c == '\r') {
            hf_sip_note(msg, HF_SIP_BARE_CR);
        } else {
            const char *slash =
                c; /* quoted-pair (RFC 3261 25.1): any byte behind an odd run of backslashes */

            while (slash > start && slash[-1] == '\\')
                slash--;
            if ((c - slash) % 2 == 0)
                hf_sip_note(msg, HF_SIP_BAD_HEADER_VALUE);
        }
    }
}

/* "SIP/2.0", in any case. */
static enum hf_sip_problem judge_version(struct hf_slice text)
{
    const char *at = text.at + 4, *end = hf_sip_end(text);
    struct hf_slice major, minor;

    if (text.bytes == VERSION_BYTES && hf_slice_eq_nocase(text, HF_SLICE("SIP/2.0")))
        return HF_SIP_NO_PROBLEM;
    if (text.bytes < VERSION_BYTES || !hf_slice_eq_nocase((struct hf_slice){text.at, 4}, HF_SLICE("SIP/")))
        return HF_SIP_BAD_START;
    const char *dot = memchr(at, '.', (size_t)(end - at));
    uint64_t number;

    if (dot == NULL)
        return HF_SIP_BAD_START;
    major = hf_sip_between(at, dot);
    minor = hf_sip_between(dot + 1, end);
    return hf_sip_number(major, UINT64_MAX, &number) && hf_sip_number(minor, UINT64_MAX, &number)
               ? HF_SIP_BAD_VERSION
               : HF_SIP_BAD_START;
}

/* SIP/2.0 SP 3DIGIT SP reason; many leave the last SP out when there is no reason. */
static enum hf_sip_problem take_status(struct hf_slice line, struct hf_sip_msg *msg)
{
    const char *at = memchr(line.at, ' ', line.bytes), *end = hf_sip_end(line), *stop;
    enum hf_sip_problem problem;
    uint64_t status;

    msg->kind = HF_SIP_RESPONSE;
    if (at == NULL)
        return HF_SIP_BAD_START;
    problem = judge_version(hf_sip_between(line.at, at));
    if (problem != HF_SIP_NO_PROBLEM)
        return problem;
    for (stop = ++at; stop < end && *stop != ' ';)
        stop++;
    if (stop - at != STATUS_DIGITS || !hf_sip_number(hf_sip_between(at, stop), 699, &status) || status < 100)
        return HF_SIP_BAD_STATUS;
    msg->status = (uint16_t)status;
    msg->reason = hf_sip_between(stop < end ? stop + 1 : end, end);
    return HF_SIP_NO_PROBLEM;
}

/* The next word of a request line; one blank separates, more with HF_SIP_TOL_LINE_SPACES. */
static struct hf_slice take_word(const char **at, const char *end, uint32_t tolerances,
                                 struct hf_sip_msg *msg)
{
    const char *start = *at, *stop;

    if ((tolerances & HF_SIP_TOL_LINE_SPACES) != 0 && start < end && *start == ' ') {
        msg->tolerated |= HF_SIP_TOL_LINE_SPACES;
        while (start < end && *start == ' ')
            start++;
    }
    for (stop = start; stop < end && *stop != ' ';)
        stop++;
    *at = stop < end ? stop + 1 : end;
    return hf_sip_between(start, stop);
}

/* METHOD SP URI SP SIP/2.0 */
static enum hf_sip_problem take_request(struct hf_slice line, uint32_t tolerances, struct hf_sip_msg *msg)
{
    const char *at = line.at, *end = hf_sip_end(line);
    enum hf_sip_problem problem;
    struct hf_slice method, uri, version;

    if (line.bytes > 0 && end[-1] == ' ' && (tolerances & HF_SIP_TOL_LINE_SPACES) != 0) {
        msg->tolerated |= HF_SIP_TOL_LINE_SPACES;
        while (end > at && end[-1] == ' ')
            end--;
    }
    method = take_word(&at, end, 0, msg);
    uri = take_word(&at, end, tolerances, msg);
    version = take_word(&at, end, tolerances, msg);
    msg->kind = HF_SIP_REQUEST;
    msg->method = HF_SIP_METHOD_OTHER;
    if (!hf_sip_all(method, SIP_TOKEN))
        return HF_SIP_BAD_START;
    msg->method_text = method;
    msg->method = (uint8_t)hf_sip_method_of(method);
    if (version.bytes == 0 || at != end || end[-1] == ' ')
        return HF_SIP_BAD_START;
    problem = judge_version(version);
    if (problem != HF_SIP_NO_PROBLEM)
        return problem;
    switch (hf_sip_parse_uri(uri, tolerances, &msg->uri, &msg->tolerated)) {
    case HF_OK: return HF_SIP_NO_PROBLEM;
    case HF_ERR_LIMIT: return HF_SIP_TOO_MANY_PARAMS;
    default: return HF_SIP_BAD_URI;
    }
}

static bool is_status_line(struct hf_slice line)
{
    return line.bytes >= 4 && hf_slice_eq_nocase((struct hf_slice){line.at, 4}, HF_SLICE("SIP/"));
}

static enum hf_sip_problem keep(struct hf_slice name, struct hf_slice value,
                                const struct hf_sip_limits *limits, struct hf_sip_msg *msg)
{
    uint32_t max = HF_MIN(limits->headers_max, (uint32_t)HF_SIP_HEADERS_MAX);
    struct hf_sip_header *header = &msg->headers[msg->header_count];
    uint8_t id = (uint8_t)hf_sip_header_of(name), at;

    if (msg->header_count >= max)
        return HF_SIP_TOO_MANY_HEADERS;
    *header = (struct hf_sip_header){.name = name, .value = value, .id = id};
    msg->header_count++;
    if (id == HF_SIP_HEADER_OTHER)
        return HF_SIP_NO_PROBLEM;
    at = msg->first[id];
    if (at == 0) {
        msg->first[id] = msg->header_count;
        return HF_SIP_NO_PROBLEM;
    }
    while (msg->headers[at - 1].next != 0)
        at = msg->headers[at - 1].next;
    msg->headers[at - 1].next = msg->header_count;
    return may_repeat[id] || id == HF_SIP_CONTENT_LENGTH ? HF_SIP_NO_PROBLEM : HF_SIP_HEADER_REPEATED;
}

static enum hf_sip_problem take_header(struct hf_slice line, const struct hf_sip_limits *limits,
                                       struct hf_sip_msg *msg)
{
    const char *end = hf_sip_end(line), *name_end, *colon;

    if (line.bytes > limits->line_bytes_max)
        return HF_SIP_LINE_TOO_LONG;
    name_end = hf_sip_skip(line.at, end, SIP_TOKEN);
    colon = hf_sip_skip_lws(name_end, end);
    if (name_end == line.at || colon == end || *colon != ':')
        return HF_SIP_BAD_HEADER_NAME;
    return keep(hf_sip_between(line.at, name_end), hf_sip_trim(hf_sip_between(colon + 1, end)), limits, msg);
}

void hf_sip_split_head(const char **at, const char *end, const struct hf_sip_limits *limits,
                       struct hf_sip_msg *msg)
{
    struct hf_slice line = take_line(at, end, false, limits->tolerances, msg);

    if (line.bytes > limits->line_bytes_max)
        hf_sip_note(msg, HF_SIP_LINE_TOO_LONG);
    else
        hf_sip_note(msg, is_status_line(line) ? take_status(line, msg)
                                              : take_request(line, limits->tolerances, msg));
    while (*at < end) {
        line = take_line(at, end, true, limits->tolerances, msg);
        if (line.bytes == 0)
            return;
        hf_sip_note(msg, take_header(line, limits, msg));
    }
    hf_sip_note(msg, HF_SIP_NO_HEAD_END);
}
