/* codec/sip/judge.c */
#include "codec/sip/judge.h"

#include "codec/sip/scan.h"

static bool in_list(const char *const *list, struct hf_slice text)
{
    for (; *list != NULL; list++)
        if (hf_slice_eq_nocase(hf_slice_of(*list), text))
            return true;
    return false;
}

/* The next required option that is not offered. */
static bool next_unsupported(struct hf_sip_values *values, const struct hf_sip_policy *policy,
                             struct hf_slice *ret)
{
    while (hf_sip_values_next(values, ret))
        if (!in_list(policy->extensions, *ret))
            return true;
    return false;
}

static bool encoded(const struct hf_sip_msg *msg)
{
    struct hf_sip_values values = hf_sip_values(msg, HF_SIP_CONTENT_ENCODING);
    struct hf_slice encoding;

    while (hf_sip_values_next(&values, &encoding))
        if (!HF_SIP_IS(encoding, "identity"))
            return true;
    return false;
}

/* A missing type is for the reader of the body to guess (devices leave it out). */
static bool body_ok(const struct hf_sip_msg *msg, const struct hf_sip_policy *policy)
{
    if (msg->body.bytes == 0)
        return true;
    return !encoded(msg) && (hf_sip_value(msg, HF_SIP_CONTENT_TYPE).bytes == 0 ||
                             in_list(policy->types, hf_sip_content_type(msg)));
}

static bool accepts_sdp(const struct hf_sip_msg *msg)
{
    struct hf_sip_values values = hf_sip_values(msg, HF_SIP_ACCEPT);
    struct hf_slice value, type, params;

    if (!hf_sip_has(msg, HF_SIP_ACCEPT))
        return true; /* RFC 3261 20.1: application/sdp is the default */
    while (hf_sip_values_next(&values, &value))
        if (hf_sip_split(value, &type, &params) == HF_OK &&
            (HF_SIP_IS(type, "application/sdp") || HF_SIP_IS(type, "application/*") ||
             HF_SIP_IS(type, "*/*")))
            return true;
    return false;
}

static unsigned judge_response(const struct hf_sip_msg *msg)
{
    struct hf_sip_values vias = hf_sip_values(msg, HF_SIP_VIA);
    struct hf_slice via;
    unsigned count = 0;

    while (hf_sip_values_next(&vias, &via))
        count++;
    return msg->problem != HF_SIP_NO_PROBLEM || count > 1 ? HF_SIP_DROP : HF_SIP_TAKE;
}

unsigned hf_sip_judge(const struct hf_sip_msg *msg, const struct hf_sip_policy *policy)
{
    struct hf_sip_values required = hf_sip_values(msg, HF_SIP_REQUIRE);
    struct hf_slice option;

    if (msg->kind == HF_SIP_KEEPALIVE)
        return HF_SIP_DROP;
    if (msg->kind == HF_SIP_RESPONSE)
        return judge_response(msg);
    if (msg->problem != HF_SIP_NO_PROBLEM)
        return msg->answerable ? hf_sip_problem_info((enum hf_sip_problem)msg->problem)->status : HF_SIP_DROP;
    if (msg->method == HF_SIP_ACK)
        return HF_SIP_TAKE; /* it has no answer (17.2.1) */
    if (msg->method == HF_SIP_METHOD_OTHER)
        return 501;
    if ((policy->methods & (1u << msg->method)) == 0)
        return 405;
    if (msg->uri.scheme != HF_SIP_SCHEME_SIP && msg->uri.scheme != HF_SIP_SCHEME_SIPS)
        return 416;
    if (msg->method == HF_SIP_CANCEL)
        return HF_SIP_TAKE; /* 8.2.2.3: Require does not count */
    if (next_unsupported(&required, policy, &option))
        return 420;
    if (!body_ok(msg, policy))
        return 415;
    return policy->offer_needs_sdp && msg->method == HF_SIP_INVITE && !accepts_sdp(msg) ? 406 : HF_SIP_TAKE;
}

hf_err hf_sip_write_allow(struct hf_sb *sb, uint32_t methods)
{
    const char *separator = "Allow: ";

    for (unsigned method = 0; method < HF_SIP_METHOD_OTHER; method++) {
        if ((methods & (1u << method)) == 0)
            continue;
        hf_sb_text(sb, separator);
        hf_sb_text(sb, hf_sip_method_name((enum hf_sip_method)method));
        separator = ", ";
    }
    hf_sb_text(sb, methods == 0 ? "Allow:\r\n" : "\r\n");
    return sb->overflow ? HF_ERR_LIMIT : HF_OK;
}

static void write_list(struct hf_sb *sb, const char *const *list)
{
    const char *separator = "Accept: ";

    for (; *list != NULL; list++) {
        hf_sb_text(sb, separator);
        hf_sb_text(sb, *list);
        separator = ", ";
    }
    hf_sb_text(sb, "\r\n");
}

hf_err hf_sip_write_judgement(struct hf_sb *sb, const struct hf_sip_msg *request,
                              const struct hf_sip_reply *reply, const struct hf_sip_policy *policy)
{
    struct hf_sip_values required = hf_sip_values(request, HF_SIP_REQUIRE);
    hf_err err = hf_sip_write_reply(sb, request, reply);
    struct hf_slice option;

    if (err != HF_OK)
        return err;
    if (reply->status == 405 || reply->status == 501)
        hf_sip_write_allow(sb, policy->methods);
    else if (reply->status == 415 && policy->types[0] != NULL)
        write_list(sb, policy->types);
    while (reply->status == 420 && err == HF_OK && next_unsupported(&required, policy, &option))
        err = hf_sip_write_id(sb, HF_SIP_UNSUPPORTED, option);
    return err == HF_OK ? hf_sip_write_end(sb, (struct hf_slice){0}, (struct hf_slice){0}) : err;
}
