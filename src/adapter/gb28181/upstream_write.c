/* adapter/gb28181/upstream_write.c - SIP texts to an upper platform. */
#include "adapter/gb28181/upstream_parts.h"
#include "core/sip/dialog.h"

static struct hf_slice uri_of(struct hf_slice user, struct hf_slice host, char *storage, size_t bytes)
{
    return hf_gb_uri(storage, bytes, user, host, 0, false);
}

struct hf_slice hf_gb_up_server_uri(const struct hf_gb_upstream *up,
                                    char storage[2 * HF_GB_UP_TEXT_BYTES_MAX])
{
    return uri_of(up->options.server_id, up->options.domain, storage, 2 * HF_GB_UP_TEXT_BYTES_MAX);
}

void hf_gb_up_our_address(const struct hf_gb_upstream *up, struct hf_gb_address *ret)
{
    if (up->options.external_host.bytes > 0) {
        ret->host = up->options.external_host;
        ret->port = up->options.external_port ? up->options.external_port : up->flow.local_port;
    } else {
        ret->host = hf_sip_flow_local_host(&up->flow, ret->storage);
        ret->port = up->flow.local_port;
    }
    ret->ipv6 = memchr(ret->host.at, ':', ret->host.bytes) != NULL;
}

void hf_gb_up_write_head(struct hf_gb_upstream *up, const struct hf_gb_up_head *head, struct hf_sb *sb)
{
    char server[2 * HF_GB_UP_TEXT_BYTES_MAX], device[2 * HF_GB_UP_TEXT_BYTES_MAX],
        contact[2 * HF_GB_UP_TEXT_BYTES_MAX], branch[HF_SIP_BRANCH_BYTES_MAX];
    struct hf_slice absent = {NULL, 0};
    struct hf_slice to = hf_gb_up_server_uri(up, server);
    struct hf_slice us = uri_of(up->options.device_id, up->options.domain, device, sizeof(device));
    struct hf_gb_address ours;

    hf_gb_up_our_address(up, &ours);
    hf_sb_init(sb, up->sip, HF_GB_SIP_BYTES_MAX + 1);
    (void)hf_sip_write_request(sb, head->method_text, to);
    (void)hf_sip_write_via(sb,
                           &(struct hf_sip_via_out){.transport = (enum hf_sip_transport)up->flow.transport,
                                                    .host = ours.host,
                                                    .port = ours.port,
                                                    .branch = hf_sip_layer_branch(up->layer, branch),
                                                    .rport = true});
    (void)hf_sip_write_address(sb, HF_SIP_FROM, us, head->from_tag);
    (void)hf_sip_write_address(sb, HF_SIP_TO, head->method == HF_SIP_REGISTER ? us : to, absent);
    (void)hf_sip_write_id(sb, HF_SIP_CALL_ID, head->call_id);
    (void)hf_sip_write_cseq(sb, head->cseq, head->method_text);
    (void)hf_sip_write_u64(sb, HF_SIP_MAX_FORWARDS, HF_SIP_MAX_FORWARDS_DEFAULT);
    (void)hf_sip_write_address(
        sb, HF_SIP_CONTACT,
        hf_gb_uri(contact, sizeof(contact), up->options.device_id, ours.host, ours.port, ours.ipv6), absent);
    (void)hf_sip_write_id(sb, HF_SIP_USER_AGENT, up->options.user_agent);
}

struct hf_cdp_writer hf_gb_up_writer(const struct hf_gb_upstream *up)
{
    return (struct hf_cdp_writer){up->options.conv, up->options.edition, up->options.charset};
}

/* A request's head over UDP, and what the end of it adds: Content-Type, Content-Length, the empty line. */
enum { HEAD_ROOM_BYTES = 700, BODY_BYTES_LEAST = 256 };

size_t hf_gb_up_body_room(const struct hf_gb_upstream *up)
{
    if (hf_sip_flow_reliable(&up->flow))
        return HF_GB_BODY_BYTES_MAX;
    return HF_MAX(up->options.datagram_bytes_max, (uint32_t)(HEAD_ROOM_BYTES + BODY_BYTES_LEAST)) -
           HEAD_ROOM_BYTES;
}

struct hf_gb_up_ask *hf_gb_up_say(struct hf_gb_upstream *up, enum hf_gb_up_way way, hf_gb_up_told_fn *told,
                                  void *owner)
{
    struct hf_cdp_writer writer = hf_gb_up_writer(up);
    struct hf_sb body;

    hf_sb_init(&body, up->body, HF_GB_BODY_BYTES_MAX + 1);
    return hf_cdp_build(&writer, &up->message, &body, NULL) == HF_OK
               ? hf_gb_up_say_body(up, hf_sb_done(&body), way, told, owner)
               : NULL;
}

struct hf_gb_up_ask *hf_gb_up_say_body(struct hf_gb_upstream *up, struct hf_slice body, enum hf_gb_up_way way,
                                       hf_gb_up_told_fn *told, void *owner)
{
    char token[HF_SIP_TAG_BYTES_MAX], tag[HF_SIP_TAG_BYTES_MAX];
    struct hf_gb_up_head head = {.method = HF_SIP_MESSAGE,
                                 .method_text = HF_SLICE("MESSAGE"),
                                 .call_id = hf_sip_layer_token(up->layer, token),
                                 .from_tag = hf_sip_layer_token(up->layer, tag),
                                 .cseq = 1};
    struct hf_sb sb;

    hf_gb_up_write_head(up, &head, &sb);
    (void)hf_sip_write_end(&sb, HF_SLICE("Application/MANSCDP+xml"), body);
    return sb.overflow ? NULL : hf_gb_up_ask(up, hf_sb_done(&sb), way, told, owner);
}

bool hf_gb_up_write_within(struct hf_gb_upstream *up, struct hf_sip_dialog *dialog, enum hf_sip_method method,
                           struct hf_slice user, struct hf_sb *sb)
{
    char branch[HF_SIP_BRANCH_BYTES_MAX], contact[2 * HF_GB_UP_TEXT_BYTES_MAX];
    struct hf_gb_address ours;

    hf_gb_up_our_address(up, &ours);
    struct hf_sip_via_out via = {.transport = (enum hf_sip_transport)up->flow.transport,
                                 .host = ours.host,
                                 .port = ours.port,
                                 .branch = hf_sip_layer_branch(up->layer, branch),
                                 .rport = true};
    return hf_sip_dialog_write(dialog, sb, method, &via,
                               hf_gb_uri(contact, sizeof(contact), user, ours.host, ours.port, ours.ipv6)) ==
               HF_OK &&
           hf_sip_write_id(sb, HF_SIP_USER_AGENT, up->options.user_agent) == HF_OK;
}
