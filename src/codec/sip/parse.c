/* codec/sip/parse.c - one message: keepalives, head, what is judged at once, body. */
#include "codec/sip/parse.h"

#include "base/assert.h"
#include "codec/sip/scan.h"

enum { TRIFLE_BYTES = 4 }; /* no message is so short */

static bool is_keepalive(const char *in, size_t bytes)
{
    struct hf_slice text;
    size_t i = 0;

    if (bytes <= TRIFLE_BYTES)
        return true;
    while (i < bytes && (in[i] == '\0' || hf_sip_is_lws(in[i])))
        i++;
    text = hf_sip_trim((struct hf_slice){in + i, bytes - i});
    return text.bytes == 0 || hf_slice_is(text, "jaK");
}

/* At most HF_SIP_BLANK_LINES_MAX; what stands behind them is the start line (RFC 3261 7.5). */
static const char *skip_blank_lines(const char *at, const char *end)
{
    for (unsigned i = 0; i < HF_SIP_BLANK_LINES_MAX; i++) {
        size_t bytes = end - at >= 2 && at[0] == '\r' && at[1] == '\n' ? 2
                       : at < end && at[0] == '\n'                     ? 1
                                                                       : 0;

        if (bytes == 0)
            break;
        at += bytes;
    }
    return at;
}

static enum hf_sip_problem problem_of(hf_err err, enum hf_sip_problem malformed)
{
    return err == HF_OK ? HF_SIP_NO_PROBLEM : err == HF_ERR_LIMIT ? HF_SIP_TOO_MANY_PARAMS : malformed;
}

static bool forgive(struct hf_sip_msg *msg, uint32_t tolerances, uint32_t bit)
{
    if ((tolerances & bit) == 0)
        return false;
    msg->tolerated |= bit;
    return true;
}

static void judge_via(struct hf_sip_msg *msg, uint32_t tolerances)
{
    struct hf_sip_values values = hf_sip_values(msg, HF_SIP_VIA);
    struct hf_slice top;

    if (!hf_sip_has(msg, HF_SIP_VIA)) {
        if (msg->kind == HF_SIP_REQUEST || !forgive(msg, tolerances, HF_SIP_TOL_NO_VIA))
            hf_sip_note(msg, HF_SIP_NO_VIA);
    } else if (!hf_sip_values_next(&values, &top)) {
        hf_sip_note(msg, HF_SIP_BAD_VIA);
    } else {
        hf_err err = hf_sip_parse_via(top, tolerances, &msg->via, &msg->tolerated);

        hf_sip_note(msg, problem_of(err, HF_SIP_BAD_VIA));
    }
}

static void judge_address(struct hf_sip_msg *msg, enum hf_sip_header_id id, uint32_t tolerances,
                          struct hf_sip_address *ret, enum hf_sip_problem missing,
                          enum hf_sip_problem malformed)
{
    hf_err err;

    if (!hf_sip_has(msg, id)) {
        hf_sip_note(msg, missing);
        return;
    }
    err = hf_sip_parse_address(hf_sip_value(msg, id), tolerances, ret, &msg->tolerated);
    if (err == HF_OK && ret->star) {
        *ret = (struct hf_sip_address){0};
        err = HF_ERR_MALFORMED;
    }
    hf_sip_note(msg, problem_of(err, malformed));
}

/* word [ "@" word ]; other visible characters are forgiven. */
static void judge_call_id(struct hf_sip_msg *msg, uint32_t tolerances)
{
    struct hf_slice value = hf_sip_value(msg, HF_SIP_CALL_ID);
    const char *end = hf_sip_end(value), *at;

    if (value.at == NULL) {
        hf_sip_note(msg, HF_SIP_NO_CALL_ID);
        return;
    }
    at = hf_sip_skip(value.at, end, SIP_WORD);
    if (at > value.at && end - at >= 2 && *at == '@')
        at = hf_sip_skip(at + 1, end, SIP_WORD);
    if (at < end || value.bytes == 0) {
        bool visible = value.bytes > 0;

        for (size_t i = 0; i < value.bytes; i++)
            visible &= value.at[i] > ' ' && value.at[i] < 0x7f;
        if (!visible || !forgive(msg, tolerances, HF_SIP_TOL_CALL_ID_ODD)) {
            hf_sip_note(msg, HF_SIP_BAD_CALL_ID);
            return;
        }
    }
    msg->call_id = value;
}

static void judge_cseq(struct hf_sip_msg *msg, uint32_t tolerances)
{
    if (!hf_sip_has(msg, HF_SIP_CSEQ)) {
        hf_sip_note(msg, HF_SIP_NO_CSEQ);
        return;
    }
    hf_err err = hf_sip_parse_cseq(hf_sip_value(msg, HF_SIP_CSEQ), tolerances, &msg->cseq, &msg->tolerated);

    hf_sip_note(msg, problem_of(err, HF_SIP_BAD_CSEQ));
    if (err == HF_OK && msg->kind == HF_SIP_REQUEST && !hf_slice_eq(msg->cseq.method_text, msg->method_text))
        hf_sip_note(msg, HF_SIP_CSEQ_MISMATCH);
}

static void judge_numbers(struct hf_sip_msg *msg, uint32_t tolerances)
{
    struct hf_slice forwards = hf_sip_value(msg, HF_SIP_MAX_FORWARDS);
    struct hf_slice expires = hf_sip_value(msg, HF_SIP_EXPIRES);
    uint64_t number;

    msg->max_forwards = HF_SIP_MAX_FORWARDS_DEFAULT;
    if (forwards.bytes > 0) {
        if (hf_sip_number(forwards, UINT8_MAX, &number))
            msg->max_forwards = (uint8_t)number;
        else
            hf_sip_note(msg, HF_SIP_BAD_MAX_FORWARDS);
    } else if (msg->kind == HF_SIP_REQUEST) {
        uint32_t bit = forwards.at == NULL ? HF_SIP_TOL_NO_MAX_FORWARDS : HF_SIP_TOL_EMPTY_VALUE;

        if (!forgive(msg, tolerances, bit))
            hf_sip_note(msg, HF_SIP_NO_MAX_FORWARDS);
    }
    if (expires.at == NULL || (expires.bytes == 0 && forgive(msg, tolerances, HF_SIP_TOL_EMPTY_VALUE)))
        return;
    msg->has_expires = hf_sip_take_expires(expires, tolerances, &msg->expires_s, &msg->tolerated);
    if (!msg->has_expires && !forgive(msg, tolerances, HF_SIP_TOL_EXPIRES_ODD))
        hf_sip_note(msg, HF_SIP_BAD_EXPIRES);
}

enum hf_sip_problem hf_sip_take_length(struct hf_sip_length *length, struct hf_slice value,
                                       const struct hf_sip_limits *limits, uint32_t *tolerated)
{
    uint64_t number;

    if (value.bytes == 0 && (limits->tolerances & HF_SIP_TOL_EMPTY_VALUE)) {
        *tolerated |= HF_SIP_TOL_EMPTY_VALUE;
        return HF_SIP_NO_PROBLEM;
    }
    if (!hf_sip_number(value, UINT64_MAX, &number))
        return HF_SIP_BAD_LENGTH;
    if (number > limits->body_bytes_max)
        return HF_SIP_BODY_TOO_BIG;
    if (length->found) {
        if (length->bytes != number || (limits->tolerances & HF_SIP_TOL_LENGTH_REPEATED) == 0)
            return HF_SIP_HEADER_REPEATED;
        *tolerated |= HF_SIP_TOL_LENGTH_REPEATED;
    }
    *length = (struct hf_sip_length){.found = true, .bytes = (uint32_t)number};
    return HF_SIP_NO_PROBLEM;
}

static bool judge_length(struct hf_sip_msg *msg, const struct hf_sip_limits *limits)
{
    struct hf_sip_length length = {0};

    for (uint8_t at = msg->first[HF_SIP_CONTENT_LENGTH]; at != 0; at = msg->headers[at - 1].next) {
        enum hf_sip_problem problem =
            hf_sip_take_length(&length, msg->headers[at - 1].value, limits, &msg->tolerated);

        if (problem != HF_SIP_NO_PROBLEM) {
            hf_sip_note(msg, problem);
            return false;
        }
    }
    msg->has_length = length.found;
    msg->content_length = length.bytes;
    return true;
}

/* Behind the head: Content-Length bytes, or in a datagram without it all there is (RFC 3261 18.3). */
static void take_body(struct hf_sip_msg *msg, struct hf_slice left, bool framed,
                      const struct hf_sip_limits *limits)
{
    bool lenient = !framed && msg->kind == HF_SIP_REQUEST &&
                   (msg->method == HF_SIP_MESSAGE || msg->method == HF_SIP_NOTIFY);

    if (!judge_length(msg, limits))
        return;
    msg->body = left;
    if (!msg->has_length) {
        if (framed && !forgive(msg, limits->tolerances, HF_SIP_TOL_NO_LENGTH))
            hf_sip_note(msg, HF_SIP_NO_LENGTH);
        if (left.bytes > limits->body_bytes_max)
            hf_sip_note(msg, HF_SIP_BODY_TOO_BIG);
        return;
    }
    if (msg->content_length > left.bytes) {
        if (!lenient || !(limits->tolerances & HF_SIP_TOL_LENGTH_LONG) || !hf_sip_xml_whole(left))
            hf_sip_note(msg, HF_SIP_BODY_CUT);
        else
            msg->tolerated |= HF_SIP_TOL_LENGTH_LONG;
        return;
    }
    msg->body.bytes = msg->content_length;
    if (msg->content_length < left.bytes && lenient && (limits->tolerances & HF_SIP_TOL_LENGTH_SHORT) &&
        !hf_sip_xml_whole(msg->body) && hf_sip_xml_whole(left) && left.bytes <= limits->body_bytes_max) {
        msg->tolerated |= HF_SIP_TOL_LENGTH_SHORT;
        msg->body = left;
    }
    msg->rest = hf_sip_between(msg->body.at + msg->body.bytes, left.at + left.bytes);
}

static void judge(struct hf_sip_msg *msg, uint32_t tolerances)
{
    judge_via(msg, tolerances);
    judge_address(msg, HF_SIP_FROM, tolerances, &msg->from, HF_SIP_NO_FROM, HF_SIP_BAD_FROM);
    judge_address(msg, HF_SIP_TO, tolerances, &msg->to, HF_SIP_NO_TO, HF_SIP_BAD_TO);
    judge_call_id(msg, tolerances);
    judge_cseq(msg, tolerances);
    judge_numbers(msg, tolerances);
    if (msg->via.has_cookie && msg->from.text.at != NULL && msg->from.tag.at == NULL &&
        !forgive(msg, tolerances, HF_SIP_TOL_NO_FROM_TAG))
        hf_sip_note(msg, HF_SIP_BAD_FROM);
    msg->answerable = msg->kind == HF_SIP_REQUEST && msg->method != HF_SIP_ACK && hf_sip_has(msg, HF_SIP_VIA);
}

hf_err hf_sip_parse(const char *in, size_t bytes, bool framed, const struct hf_sip_limits *limits,
                    struct hf_sip_msg *ret)
{
    const char *at = bytes == 0 ? "" : in, *end = at + bytes;

    memset(ret, 0, offsetof(struct hf_sip_msg, headers));
    if (limits == NULL)
        limits = &hf_sip_limits_default;
    if (!framed) {
        ret->body = (struct hf_slice){at, 0};
        if (is_keepalive(at, bytes)) {
            ret->kind = HF_SIP_KEEPALIVE;
            return HF_OK;
        }
        at = skip_blank_lines(at, end);
    }
    const char *start = at;

    hf_sip_split_head(&at, end, limits, ret);
    if ((size_t)(at - start) > limits->head_bytes_max &&
        (ret->problem == HF_SIP_NO_PROBLEM || ret->problem == HF_SIP_NO_HEAD_END))
        ret->problem = HF_SIP_HEAD_TOO_BIG;
    if (!framed && bytes > limits->message_bytes_max)
        hf_sip_note(ret, HF_SIP_TOO_BIG);
    judge(ret, limits->tolerances);
    take_body(ret, hf_sip_between(at, end), framed, limits);
    ret->text = hf_sip_between(start, ret->body.bytes > 0 ? ret->body.at + ret->body.bytes : at);
    return hf_sip_problem_err((enum hf_sip_problem)ret->problem);
}
