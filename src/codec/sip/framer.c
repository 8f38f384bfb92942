/* codec/sip/framer.c - between messages (CRLFs), head, body; framer->problem, once set, is final. */
#include "codec/sip/framer.h"

#include "base/assert.h"
#include "codec/sip/parse.h"
#include "codec/sip/scan.h"

_Static_assert(sizeof(struct hf_sip_framer) == 16, "each connection keeps one");

static hf_err refuse(struct hf_sip_framer *framer, enum hf_sip_problem problem)
{
    framer->problem = (uint8_t)problem;
    return hf_sip_problem_err(problem);
}

/* The line ends before a message. Returns how many bytes they are; *ret_ping when the last one made a pair, and
 * *ret_cut when the last byte is a CR that may begin one. */
static size_t skip_line_ends(struct hf_sip_framer *framer, const char *in, size_t bytes, bool *ret_ping,
                             bool *ret_cut)
{
    size_t at = 0;

    *ret_ping = *ret_cut = false;
    while (at < bytes && !*ret_ping) {
        if (in[at] == '\r' && at + 1 == bytes) {
            *ret_cut = true;
            break;
        }
        if (in[at] == '\n')
            at += 1;
        else if (in[at] == '\r' && in[at + 1] == '\n')
            at += 2;
        else
            break;
        *ret_ping = framer->half_ping;
        framer->half_ping = !framer->half_ping;
    }
    return at;
}

/* Where the head ends, 0 when that is not in sight. framer->scanned stands on a line end that may be the last one. */
static size_t find_head_end(struct hf_sip_framer *framer, const char *in, size_t bytes)
{
    size_t at = framer->scanned;

    while (at < bytes) {
        const char *line_end = memchr(in + at, '\n', bytes - at);

        if (line_end == NULL) {
            at = bytes;
            break;
        }
        at = (size_t)(line_end - in);
        if (at + 1 < bytes && in[at + 1] == '\n')
            return at + 2;
        if (at + 1 == bytes || (in[at + 1] == '\r' && at + 2 == bytes))
            break;
        if (in[at + 1] == '\r' && in[at + 2] == '\n')
            return at + 3;
        at++;
    }
    framer->scanned = (uint32_t)at;
    return 0;
}

/* Behind the line end that comes next. */
static const char *next_line(const char *at, const char *end)
{
    const char *line_end = memchr(at, '\n', (size_t)(end - at));

    return line_end == NULL ? end : line_end + 1;
}

/* Content-Length, read as hf_sip_parse reads it. */
static enum hf_sip_problem read_length(const char *head, size_t bytes, const struct hf_sip_limits *limits,
                                       uint32_t *ret_bytes)
{
    const char *end = head + bytes, *at = next_line(head, end), *stop;
    struct hf_sip_length length = {0};
    uint32_t tolerated = 0;

    for (; at < end; at = stop) {
        const char *name_end, *colon;

        stop = next_line(at, end);
        while (stop < end && (*stop == ' ' || *stop == '\t')) /* folds */
            stop = next_line(stop, end);
        name_end = hf_sip_skip(at, stop, SIP_TOKEN);
        colon = hf_sip_skip_lws(name_end, stop);
        if (colon < stop && *colon == ':' &&
            hf_sip_header_of(hf_sip_between(at, name_end)) == HF_SIP_CONTENT_LENGTH) {
            enum hf_sip_problem problem =
                hf_sip_take_length(&length, hf_sip_trim(hf_sip_between(colon + 1, stop)), limits, &tolerated);

            if (problem != HF_SIP_NO_PROBLEM)
                return problem;
        }
    }
    *ret_bytes = length.bytes;
    return length.found || (limits->tolerances & HF_SIP_TOL_NO_LENGTH) ? HF_SIP_NO_PROBLEM : HF_SIP_NO_LENGTH;
}

static hf_err take_head(struct hf_sip_framer *framer, const char *in, size_t bytes,
                        const struct hf_sip_limits *limits)
{
    size_t head_bytes = find_head_end(framer, in, HF_MIN(bytes, limits->head_bytes_max));
    enum hf_sip_problem problem;
    uint32_t body_bytes;

    if (head_bytes == 0)
        return bytes >= limits->head_bytes_max ? refuse(framer, HF_SIP_HEAD_TOO_BIG) : HF_OK;
    framer->head_bytes = (uint32_t)head_bytes;
    problem = read_length(in, head_bytes, limits, &body_bytes);
    if (problem != HF_SIP_NO_PROBLEM)
        return refuse(framer, problem);
    framer->message_bytes = framer->head_bytes + body_bytes;
    return HF_OK;
}

hf_err hf_sip_frame(struct hf_sip_framer *framer, const char *in, size_t bytes,
                    const struct hf_sip_limits *limits, struct hf_sip_frame *ret)
{
    bool ping = false, cut = false;
    hf_err err;

    *ret = (struct hf_sip_frame){.type = HF_SIP_FRAME_MORE};
    if (limits == NULL)
        limits = &hf_sip_limits_default;
    if (framer->problem != HF_SIP_NO_PROBLEM)
        return hf_sip_problem_err((enum hf_sip_problem)framer->problem);
    if (framer->scanned == 0 && framer->message_bytes == 0) {
        ret->taken = skip_line_ends(framer, in, bytes, &ping, &cut);
        if (ping)
            ret->type = HF_SIP_FRAME_PING;
        if (ping || cut || ret->taken == bytes)
            return HF_OK;
        framer->half_ping = false;
        in += ret->taken;
        bytes -= ret->taken;
    }
    if (framer->message_bytes == 0) {
        err = take_head(framer, in, bytes, limits);
        if (err != HF_OK) {
            ret->message = (struct hf_slice){in, framer->head_bytes};
            return err;
        }
    }
    ret->need_bytes = framer->message_bytes;
    if (framer->message_bytes == 0 || bytes < framer->message_bytes)
        return HF_OK;
    ret->type = HF_SIP_FRAME_MESSAGE;
    ret->message = (struct hf_slice){in, framer->message_bytes};
    ret->taken += framer->message_bytes;
    *framer = (struct hf_sip_framer){0};
    return HF_OK;
}
