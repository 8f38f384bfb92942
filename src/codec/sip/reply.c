/* codec/sip/reply.c - messages made from others: answers, ACK, CANCEL. */
#include "base/assert.h"
#include "codec/sip/scan.h"
#include "codec/sip/write.h"

/* All lines of a header, as they are. */
static hf_err copy_all(struct hf_sb *sb, const struct hf_sip_msg *msg, enum hf_sip_header_id id)
{
    hf_err err = HF_OK;

    for (uint8_t at = msg->first[id]; at != 0 && err == HF_OK; at = msg->headers[at - 1].next)
        err = hf_sip_write_id(sb, id, msg->headers[at - 1].value);
    return err;
}

/* The first one, where there is one. */
static hf_err copy_first(struct hf_sb *sb, const struct hf_sip_msg *msg, enum hf_sip_header_id id)
{
    return hf_sip_has(msg, id) ? hf_sip_write_id(sb, id, hf_sip_value(msg, id)) : HF_OK;
}

static bool same_address(struct hf_slice host, struct hf_slice source)
{
    return hf_slice_eq_nocase(host, source);
}

/* The top Via with what the source address says (RFC 3261 18.2.1, RFC 3581 4). */
static void add_top_via(struct hf_sb *sb, const struct hf_sip_via *via, const struct hf_sip_reply *reply)
{
    struct hf_slice params = via->params, sent_by = via->text;
    struct hf_sip_param param;
    bool rport = via->rport || reply->force_rport;

    if (params.at != NULL) /* up to the first ';' */
        sent_by.bytes = (size_t)(params.at - sent_by.at) - 1;
    hf_sip_write_value(sb, hf_sip_trim(sent_by));
    if (rport) {
        hf_sb_text(sb, ";rport=");
        hf_sb_u64(sb, reply->received_port);
    }
    if (rport || !same_address(via->host, reply->received)) {
        hf_sb_text(sb, ";received=");
        hf_sb_slice(sb, reply->received);
    }
    while (params.at != NULL && hf_sip_param_next(&params, &param)) {
        if (HF_SIP_IS(param.name, "rport") || HF_SIP_IS(param.name, "received"))
            continue;
        hf_sb_char(sb, ';');
        hf_sb_slice(sb, param.name);
        if (param.value.at != NULL) {
            hf_sb_char(sb, '=');
            hf_sip_write_value(sb, param.value);
        }
    }
}

/* The line that the parsed Via stands in; empty ones may come before it. NULL: none. */
static const struct hf_sip_header *top_via(const struct hf_sip_msg *request)
{
    struct hf_slice via = request->via.text;

    for (uint8_t at = via.at != NULL ? request->first[HF_SIP_VIA] : 0; at != 0;
         at = request->headers[at - 1].next) {
        const struct hf_sip_header *header = &request->headers[at - 1];

        if (header->value.at != NULL && header->value.at <= via.at &&
            hf_sip_end(via) <= hf_sip_end(header->value))
            return header;
    }
    return NULL;
}

static hf_err copy_vias(struct hf_sb *sb, const struct hf_sip_msg *request, const struct hf_sip_reply *reply)
{
    const struct hf_sip_header *first = top_via(request);
    const char *behind;
    hf_err err = HF_OK;

    if (reply->received.bytes == 0 || first == NULL)
        return copy_all(sb, request, HF_SIP_VIA);
    hf_sb_text(sb, "Via: ");
    add_top_via(sb, &request->via, reply);
    behind = hf_sip_end(request->via.text); /* a comma and further values of the same line */
    hf_sip_write_value(sb, hf_sip_between(behind, hf_sip_end(first->value)));
    hf_sb_text(sb, "\r\n");
    for (uint8_t at = first->next; at != 0 && err == HF_OK; at = request->headers[at - 1].next)
        err = hf_sip_write_id(sb, HF_SIP_VIA, request->headers[at - 1].value);
    return err;
}

static hf_err copy_to(struct hf_sb *sb, const struct hf_sip_msg *request, const struct hf_sip_reply *reply)
{
    bool tag = reply->to_tag.at != NULL && reply->status > 100 && request->to.text.at != NULL &&
               request->to.tag.at == NULL;
    hf_err err;

    if (!tag)
        return copy_first(sb, request, HF_SIP_TO);
    hf_sb_text(sb, "To: ");
    err = hf_sip_write_value(sb, hf_sip_value(request, HF_SIP_TO));
    hf_sb_text(sb, ";tag=");
    hf_sb_slice(sb, reply->to_tag);
    hf_sb_text(sb, "\r\n");
    return err;
}

_Static_assert(HF_SIP_VIA == 0 && HF_SIP_CSEQ == 4, "the five that each answer copies come first");

/* A message with a problem may hold values that must not be written; of any other the parser has judged them all. */
static bool can_copy(const struct hf_sip_msg *request)
{
    for (unsigned i = 0; request->problem != HF_SIP_NO_PROBLEM && i < request->header_count; i++)
        if (request->headers[i].id <= HF_SIP_CSEQ && !hf_sip_value_ok(request->headers[i].value))
            return false;
    return true;
}

hf_err hf_sip_write_reply(struct hf_sb *sb, const struct hf_sip_msg *request,
                          const struct hf_sip_reply *reply)
{
    hf_err err;

    if (!request->answerable || !can_copy(request) ||
        (reply->to_tag.at != NULL && !hf_sip_all(reply->to_tag, SIP_TOKEN)) ||
        (reply->received.bytes > 0 && !hf_sip_is_ipv4(reply->received) && !hf_sip_is_ipv6(reply->received)))
        return HF_ERR_INVALID;
    err = hf_sip_write_status(sb, reply->status, reply->reason);
    if (err == HF_OK)
        err = copy_vias(sb, request, reply);
    if (err == HF_OK && reply->status > 100 && reply->status < 300)
        err = copy_all(sb, request, HF_SIP_RECORD_ROUTE);
    if (err == HF_OK)
        err = copy_first(sb, request, HF_SIP_FROM);
    if (err == HF_OK)
        err = copy_to(sb, request, reply);
    if (err == HF_OK)
        err = copy_first(sb, request, HF_SIP_CALL_ID);
    if (err == HF_OK)
        err = copy_first(sb, request, HF_SIP_CSEQ);
    if (err == HF_OK && reply->status == 100)
        err = copy_first(sb, request, HF_SIP_TIMESTAMP);
    return err == HF_OK && sb->overflow ? HF_ERR_LIMIT : err;
}

/* What ACK and CANCEL share: the request's own Request-URI, top Via, From, Call-ID, number and Route. */
static hf_err write_like(struct hf_sb *sb, const struct hf_sip_msg *request, struct hf_slice method,
                         struct hf_slice to)
{
    hf_err err;

    if (request->kind != HF_SIP_REQUEST || request->problem != HF_SIP_NO_PROBLEM || to.at == NULL)
        return HF_ERR_INVALID;
    err = hf_sip_write_request(sb, method, request->uri.text);
    if (err == HF_OK)
        err = hf_sip_write_id(sb, HF_SIP_VIA, request->via.text);
    if (err == HF_OK)
        err = hf_sip_write_u64(sb, HF_SIP_MAX_FORWARDS, HF_SIP_MAX_FORWARDS_DEFAULT);
    if (err == HF_OK)
        err = copy_all(sb, request, HF_SIP_ROUTE);
    if (err == HF_OK)
        err = hf_sip_write_id(sb, HF_SIP_FROM, hf_sip_value(request, HF_SIP_FROM));
    if (err == HF_OK)
        err = hf_sip_write_id(sb, HF_SIP_TO, to);
    if (err == HF_OK)
        err = hf_sip_write_id(sb, HF_SIP_CALL_ID, hf_sip_value(request, HF_SIP_CALL_ID));
    if (err == HF_OK)
        err = hf_sip_write_cseq(sb, request->cseq.number, method);
    return err == HF_OK ? hf_sip_write_end(sb, (struct hf_slice){0}, (struct hf_slice){0}) : err;
}

hf_err hf_sip_write_ack(struct hf_sb *sb, const struct hf_sip_msg *invite, const struct hf_sip_msg *response)
{
    return write_like(sb, invite, HF_SLICE("ACK"), hf_sip_value(response, HF_SIP_TO));
}

hf_err hf_sip_write_cancel(struct hf_sb *sb, const struct hf_sip_msg *request)
{
    return write_like(sb, request, HF_SLICE("CANCEL"), hf_sip_value(request, HF_SIP_TO));
}
