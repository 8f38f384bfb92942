/* codec/sip/sip_msg_fuzz.c - one datagram. Properties: every slice lies in the input; what was accepted is accepted again when written
 * anew, means the same and is then written the same; an answer to what is answerable parses; no reader of a header fails. */
#include <stdlib.h>

#include "base/assert.h"
#include "codec/sip/digest.h"
#include "codec/sip/judge.h"
#include "codec/sip/mask.h"

enum { TEXT_BYTES = 256 * 1024, INPUT_BYTES_MAX = 64 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

static const struct hf_sip_limits wide = {
    /* what is written may have a blank more in each line */
    .message_bytes_max = TEXT_BYTES,   .head_bytes_max = TEXT_BYTES,
    .body_bytes_max = TEXT_BYTES,      .line_bytes_max = TEXT_BYTES,
    .headers_max = HF_SIP_HEADERS_MAX, .tolerances = UINT32_MAX & ~(uint32_t)HF_SIP_TOL_LF_ONLY,
};

static void inside(struct hf_slice slice, const char *in, size_t bytes)
{
    HF_ASSERT(slice.at == NULL || slice.bytes == 0 ||
              (slice.at >= in && slice.at + slice.bytes <= in + bytes));
}

static void check_slices(const struct hf_sip_msg *msg, const char *in, size_t bytes)
{
    const struct hf_slice slices[] = {
        msg->text,         msg->method_text,     msg->uri.text,      msg->uri.host, msg->reason,
        msg->via.text,     msg->via.branch,      msg->via.params,    msg->call_id,  msg->body,
        msg->rest,         msg->from.tag,        msg->from.uri.user, msg->to.text,  msg->to.params,
        msg->from.display, msg->cseq.method_text};

    HF_ASSERT(msg->header_count <= HF_SIP_HEADERS_MAX);
    for (size_t i = 0; i < HF_COUNT_OF(slices); i++)
        inside(slices[i], in, bytes);
    for (size_t i = 0; i < msg->header_count; i++) {
        inside(msg->headers[i].name, in, bytes);
        inside(msg->headers[i].value, in, bytes);
        HF_ASSERT(msg->headers[i].next == 0 || msg->headers[i].next > i + 1);
    }
}

/* What a message means, whatever its spelling: folds are one blank. */
static void add(struct hf_sb *sb, struct hf_slice text)
{
    hf_sb_char(sb, text.at == NULL ? '-' : '+');
    HF_ASSERT(hf_sip_write_value(sb, text) != HF_ERR_INVALID);
    hf_sb_char(sb, '|');
}

static void describe(const struct hf_sip_msg *msg, struct hf_sb *sb)
{
    hf_sb_printf(sb, "%d %d %d %u %u %d %d %d %d %u|", msg->kind, msg->method, msg->status, msg->cseq.number,
                 msg->has_expires ? msg->expires_s : 1, msg->max_forwards, msg->via.transport, msg->via.port,
                 msg->via.rport, msg->via.rport_value);
    add(sb, msg->uri.text);
    add(sb, msg->reason);
    add(sb, msg->via.host);
    add(sb, msg->via.branch);
    add(sb, msg->via.received);
    add(sb, msg->via.params);
    add(sb, msg->from.uri.text);
    add(sb, msg->from.tag);
    add(sb, msg->from.display);
    add(sb, msg->to.uri.text);
    add(sb, msg->to.tag);
    add(sb, msg->to.params);
    add(sb, msg->call_id);
    add(sb, msg->cseq.method_text);
    for (size_t i = 0; i < msg->header_count; i++) {
        if (msg->headers[i].id == HF_SIP_CONTENT_LENGTH)
            continue;
        add(sb, msg->headers[i].name);
        add(sb, msg->headers[i].value);
    }
    hf_sb_slice(sb, msg->body);
}

static void rewrite(const struct hf_sip_msg *msg, struct hf_sb *sb)
{
    hf_err err = msg->kind == HF_SIP_REQUEST ? hf_sip_write_request(sb, msg->method_text, msg->uri.text)
                                             : hf_sip_write_status(sb, msg->status, msg->reason);

    HF_ASSERT(err == HF_OK);
    for (size_t i = 0; i < msg->header_count; i++)
        if (msg->headers[i].id != HF_SIP_CONTENT_LENGTH)
            HF_ASSERT(hf_sip_write_header(sb, msg->headers[i].name, msg->headers[i].value) == HF_OK);
    HF_ASSERT(hf_sip_write_end(sb, (struct hf_slice){NULL, 0}, msg->body) == HF_OK);
}

static void check_rewrite(const struct hf_sip_msg *msg)
{
    static char first[TEXT_BYTES], second[TEXT_BYTES], said[TEXT_BYTES], again[TEXT_BYTES];
    static struct hf_sip_msg back;
    struct hf_sb a, b, c, d;

    hf_sb_init(&a, first, sizeof(first));
    rewrite(msg, &a);
    if (msg->header_count == HF_SIP_HEADERS_MAX && !msg->has_length)
        return; /* Content-Length is one more */
    HF_ASSERT(hf_sip_parse(first, a.bytes, true, &wide, &back) == HF_OK);
    HF_ASSERT(back.content_length == msg->body.bytes && back.text.bytes == a.bytes);
    hf_sb_init(&c, said, sizeof(said));
    describe(msg, &c);
    hf_sb_init(&d, again, sizeof(again));
    describe(&back, &d);
    HF_ASSERT(hf_slice_eq(hf_sb_done(&c), hf_sb_done(&d)));
    hf_sb_init(&b, second, sizeof(second));
    rewrite(&back, &b);
    HF_ASSERT(hf_slice_eq(hf_sb_done(&a), hf_sb_done(&b)));
}

static void check_answer(const struct hf_sip_msg *msg, unsigned verdict)
{
    static const char *const none[] = {NULL};
    static const struct hf_sip_policy policy = {.methods = 3, .extensions = none, .types = none};
    static char text[TEXT_BYTES];
    static struct hf_sip_msg answer;
    const struct hf_sip_reply reply = {.status = verdict < 100 ? 200 : verdict,
                                       .to_tag = HF_SLICE("tag"),
                                       .received = HF_SLICE("2001:db8::1"),
                                       .received_port = 65535,
                                       .force_rport = true};
    struct hf_sb sb;

    hf_sb_init(&sb, text, sizeof(text));
    hf_err err = hf_sip_write_judgement(&sb, msg, &reply, &policy);

    if (msg->problem != HF_SIP_NO_PROBLEM)
        return; /* may be refused, must not break */
    HF_ASSERT(err == HF_OK);
    err = hf_sip_parse(text, sb.bytes, true, &wide, &answer);
    HF_ASSERT(err == HF_OK || answer.problem == HF_SIP_TOO_MANY_PARAMS ||
              answer.problem == HF_SIP_TOO_MANY_HEADERS);
    if (err != HF_OK)
        return;
    HF_ASSERT(answer.kind == HF_SIP_RESPONSE && answer.status == reply.status && answer.to.tag.bytes > 0);
    HF_ASSERT(hf_slice_is(answer.via.received, "2001:db8::1") && answer.via.rport_value == 65535);
    HF_ASSERT(hf_slice_eq(answer.via.branch, msg->via.branch) && answer.cseq.number == msg->cseq.number);
}

/* Each reader of single headers on each value. */
static void read_all(const struct hf_sip_msg *msg)
{
    struct hf_sip_contact contact;
    struct hf_sip_credentials credentials;
    struct hf_sip_challenge challenge;
    struct hf_sip_param param;
    struct hf_slice first, params, text;
    char out[256];
    uint32_t expires;
    hf_err err;

    for (unsigned id = 0; id < HF_SIP_HEADER_OTHER; id++) {
        struct hf_sip_values values = hf_sip_values(msg, (enum hf_sip_header_id)id);
        unsigned count = 0;

        while ((err = hf_sip_contact_next(&values, UINT32_MAX, &contact, NULL)) != HF_ERR_NOT_FOUND) {
            HF_ASSERT(++count <= HF_SIP_VALUES_MAX);
            if (err != HF_OK)
                continue;
            (void)hf_sip_unquote(contact.address.display, out, sizeof(out), &text);
            (void)hf_sip_unescape(contact.address.uri.user, out, sizeof(out), &text);
            for (unsigned i = 0; hf_sip_param_next(&contact.address.params, &param); i++)
                HF_ASSERT(i < HF_SIP_PARAMS_MAX);
        }
    }
    for (size_t i = 0; i < msg->header_count; i++) {
        struct hf_slice value = msg->headers[i].value;

        if (hf_sip_split(value, &first, &params) == HF_OK)
            HF_ASSERT(first.bytes > 0);
        (void)hf_sip_parse_credentials(value, UINT32_MAX, &credentials);
        (void)hf_sip_parse_challenge(value, UINT32_MAX, &challenge);
        HF_ASSERT(hf_sip_find(msg, msg->headers[i].name, NULL) <= &msg->headers[i]);
    }
    (void)hf_sip_expires(msg, &expires);
}

/* What is masked again stays as it is; where a parser still finds credentials in it, their response is the mask; less room gives the same beginning. */
static void check_mask(const char *in, size_t bytes)
{
    static char once[TEXT_BYTES], twice[TEXT_BYTES], part[TEXT_BYTES];
    static struct hf_sip_msg msg;
    struct hf_sip_credentials credentials;
    struct hf_sb a, b, c;

    hf_sb_init(&a, once, sizeof(once));
    hf_sip_mask(&a, (struct hf_slice){in, bytes});
    hf_sb_init(&c, part, 1 + bytes / 2);
    hf_sip_mask(&c, (struct hf_slice){in, bytes});
    HF_ASSERT(c.bytes <= a.bytes && memcmp(part, once, c.bytes) == 0);
    if (a.overflow)
        return;
    hf_sb_init(&b, twice, sizeof(twice));
    hf_sip_mask(&b, hf_sb_done(&a));
    HF_ASSERT(hf_slice_eq(hf_sb_done(&a), hf_sb_done(&b)));
    if (hf_sip_parse(once, a.bytes, false, NULL, &msg) != HF_OK || msg.kind == HF_SIP_KEEPALIVE ||
        hf_sip_credentials(&msg, &credentials) != HF_OK)
        return;
    HF_ASSERT(hf_slice_is(credentials.response, "***"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    static const char *const none[] = {NULL};
    static const struct hf_sip_policy policy = {.methods = 3, .extensions = none, .types = none};
    static struct hf_sip_msg msg;

    if (data_bytes > INPUT_BYTES_MAX)
        return 0;
    char *in = malloc(data_bytes + (data_bytes == 0)); /* exact */

    memcpy(in, data, data_bytes);
    hf_err err = hf_sip_parse(in, data_bytes, false, NULL, &msg);

    HF_ASSERT(err == hf_sip_problem_err((enum hf_sip_problem)msg.problem));
    check_slices(&msg, in, data_bytes);
    if (msg.kind != HF_SIP_KEEPALIVE) {
        unsigned verdict = hf_sip_judge(&msg, &policy);

        HF_ASSERT(verdict == HF_SIP_TAKE || verdict == HF_SIP_DROP || (verdict >= 400 && verdict <= 699));
        HF_ASSERT(err == HF_OK || verdict != HF_SIP_TAKE);
        read_all(&msg);
        if (err == HF_OK)
            check_rewrite(&msg);
        if (msg.answerable)
            check_answer(&msg, verdict);
    }
    check_mask(in, data_bytes);
    free(in);
    return 0;
}
