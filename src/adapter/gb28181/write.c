/* adapter/gb28181/write.c - SIP texts of the site: answers to REGISTER, and MESSAGEs to devices. Commands go to the flow that was proven last, never to a Contact. */
#include "adapter/gb28181/gb.h"

#include "base/sb.h"

void hf_gb_our_address(const struct hf_gb_site *site, const struct hf_sip_flow *flow,
                       struct hf_gb_address *ret)
{
    if (site->options.external_host.bytes > 0) {
        ret->host = site->options.external_host;
        ret->port = site->options.external_port ? site->options.external_port : flow->local_port;
    } else {
        ret->host = hf_sip_flow_local_host(flow, ret->storage);
        ret->port = flow->local_port;
    }
    ret->ipv6 = memchr(ret->host.at, ':', ret->host.bytes) != NULL;
}

struct hf_slice hf_gb_uri(char *storage, size_t storage_bytes, struct hf_slice user, struct hf_slice host,
                          uint16_t port, bool ipv6)
{
    struct hf_sb sb;

    hf_sb_init(&sb, storage, storage_bytes);
    hf_sb_text(&sb, "sip:");
    hf_sb_slice(&sb, user);
    hf_sb_text(&sb, ipv6 ? "@[" : "@");
    hf_sb_slice(&sb, host);
    hf_sb_text(&sb, ipv6 ? "]" : "");
    if (port != 0)
        hf_sb_printf(&sb, ":%u", port);
    return hf_sb_done(&sb);
}

static void write_call_id(struct hf_gb_device *device, struct hf_sb *sb)
{
    char token[HF_SIP_TAG_BYTES_MAX], text[64];
    struct hf_sb call_id;

    hf_sb_init(&call_id, text, sizeof(text));
    hf_sb_text(&call_id, HF_GB_CALL_ID);
    hf_sb_slice(&call_id, hf_sip_layer_token(device->site->layer, token));
    hf_sb_char(&call_id, '.');
    hf_sb_slice(&call_id, hf_gb_device_id(device));
    (void)hf_sip_write_id(sb, HF_SIP_CALL_ID, hf_sb_done(&call_id));
}

/* All but what follows the head: Content-Type and body, or neither. */
static void write_head(struct hf_gb_device *device, const struct hf_sip_flow *flow, struct hf_slice method,
                       struct hf_sb *sb)
{
    struct hf_gb_site *site = device->site;
    char peer[HF_SIP_FLOW_HOST_MAX], branch[HF_SIP_BRANCH_BYTES_MAX], tag[HF_SIP_TAG_BYTES_MAX];
    char target[128], to[128], from[160], contact[160];
    struct hf_slice id = hf_gb_device_id(device), absent = {NULL, 0};
    struct hf_gb_address ours;

    hf_gb_our_address(site, flow, &ours);
    hf_sb_init(sb, site->sip, HF_GB_SIP_BYTES_MAX + 1);
    (void)hf_sip_write_request(sb, method,
                               hf_gb_uri(target, sizeof(target), id, hf_sip_flow_peer_host(flow, peer),
                                         flow->peer_port, flow->family == 6));
    (void)hf_sip_write_via(sb, &(struct hf_sip_via_out){.transport = (enum hf_sip_transport)flow->transport,
                                                        .host = ours.host,
                                                        .port = ours.port,
                                                        .branch = hf_sip_layer_branch(site->layer, branch),
                                                        .rport = true});
    (void)hf_sip_write_address(
        sb, HF_SIP_FROM,
        hf_gb_uri(from, sizeof(from), site->options.server_id, site->options.realm, 0, false),
        hf_sip_layer_token(site->layer, tag));
    (void)hf_sip_write_address(sb, HF_SIP_TO, hf_gb_uri(to, sizeof(to), id, site->options.realm, 0, false),
                               absent);
    write_call_id(device, sb);
    device->cseq = device->cseq % 0x7fffffff + 1;
    (void)hf_sip_write_cseq(sb, device->cseq, method);
    (void)hf_sip_write_u64(sb, HF_SIP_MAX_FORWARDS, HF_SIP_MAX_FORWARDS_DEFAULT);
    (void)hf_sip_write_address(
        sb, HF_SIP_CONTACT,
        hf_gb_uri(contact, sizeof(contact), site->options.server_id, ours.host, ours.port, ours.ipv6),
        absent);
    (void)hf_sip_write_id(sb, HF_SIP_USER_AGENT, site->options.user_agent);
}

bool hf_gb_write_message(struct hf_gb_device *device, const struct hf_sip_flow *flow, struct hf_slice type,
                         struct hf_slice body, struct hf_slice *ret_text)
{
    struct hf_sb sb;

    write_head(device, flow, HF_SLICE("MESSAGE"), &sb);
    (void)hf_sip_write_end(&sb, type.bytes > 0 ? type : HF_SLICE("Application/MANSCDP+xml"), body);
    *ret_text = hf_sb_done(&sb);
    return !sb.overflow;
}

bool hf_gb_write_options(struct hf_gb_device *device, const struct hf_sip_flow *flow,
                         struct hf_slice *ret_text)
{
    struct hf_slice absent = {NULL, 0};
    struct hf_sb sb;

    write_head(device, flow, HF_SLICE("OPTIONS"), &sb);
    (void)hf_sip_write_id(&sb, HF_SIP_ACCEPT, HF_SLICE("application/sdp, Application/MANSCDP+xml"));
    (void)hf_sip_write_end(&sb, absent, absent);
    *ret_text = hf_sb_done(&sb);
    return !sb.overflow;
}

struct hf_cdp_writer hf_gb_writer(const struct hf_gb_device *device)
{
    return (struct hf_cdp_writer){.conv = device->site->options.conv,
                                  .edition =
                                      device->version >= HF_GB_VERSION_2022 ? HF_CDP_2022 : HF_CDP_2016,
                                  .charset = (enum hf_text_charset)device->charset};
}

struct hf_slice hf_gb_refusal(const struct hf_gb_site *site, const struct hf_sip_msg *response,
                              char storage[HF_GB_REFUSAL_BYTES_MAX])
{
    struct hf_slice warning = hf_sip_value(response, HF_SIP_WARNING);
    struct hf_slice raw = warning.bytes > 0 ? warning : response->reason;
    unsigned marks = 0; /* what is cut or no character shows */

    if (raw.bytes == 0)
        return hf_slice_of(hf_sip_status_text(response->status));
    return (struct hf_slice){storage, hf_text_decode(site->options.conv, hf_text_detect(raw, NULL), raw,
                                                     storage, HF_GB_REFUSAL_BYTES_MAX, &marks)};
}

uint32_t hf_gb_next_sn(struct hf_gb_device *device)
{
    device->sn = device->sn < HF_GB_SN_LAST ? device->sn + 1 : HF_GB_SN_FIRST;
    return device->sn;
}

void hf_gb_send_notice(struct hf_gb_device *device, const struct hf_sip_flow *flow,
                       const struct hf_cdp_message *message)
{
    struct hf_gb_site *site = device->site;
    struct hf_cdp_writer writer = hf_gb_writer(device);
    struct hf_slice text;
    struct hf_sb sb;

    hf_sb_init(&sb, site->body, HF_GB_BODY_BYTES_MAX + 1);
    if (hf_cdp_build(&writer, message, &sb, NULL) == HF_OK &&
        hf_gb_write_message(device, flow, (struct hf_slice){NULL, 0}, hf_sb_done(&sb), &text))
        (void)hf_sip_tx_request(site->layer, flow, text, NULL, hf_gb_now(site), NULL);
}

/* ---- answers to REGISTER ---- */

/* YYYY-MM-DDThh:mm:ss.SSS in the zone of the domain, which is no form of RFC 3261 (5.6). */
static void write_date(struct hf_gb_site *site, struct hf_sb *sb)
{
    uint64_t utc_ms = site->options.hub->utc_ms;
    unsigned ms = (unsigned)(utc_ms % 1000);
    char text[HF_CDP_TIME_BYTES + 4];

    hf_cdp_time_format(utc_ms, site->limits.zone_minutes, text);
    char *at = text + HF_CDP_TIME_BYTES - 1;
    *at++ = '.';
    *at++ = (char)('0' + ms / 100);
    *at++ = (char)('0' + ms / 10 % 10);
    *at++ = (char)('0' + ms % 10);
    (void)hf_sip_write_id(sb, HF_SIP_DATE, (struct hf_slice){text, (size_t)(at - text)});
}

/* Some devices count the bindings in the answer and take none for a failure. */
static void write_contact(const struct hf_sip_msg *msg, struct hf_sb *sb)
{
    struct hf_sip_values contacts = hf_sip_values(msg, HF_SIP_CONTACT);
    struct hf_sip_contact contact;
    uint32_t tolerated = 0;

    if (hf_sip_contact_next(&contacts, hf_sip_tolerances_default(), &contact, &tolerated) == HF_OK &&
        !contact.address.star)
        (void)hf_sip_write_address(sb, HF_SIP_CONTACT, contact.address.uri.text, (struct hf_slice){NULL, 0});
}

static void write_other_node(const struct hf_gb_site *site, struct hf_sb *sb)
{
    const struct hf_gb_limits *limits = &site->limits;
    struct hf_slice host = hf_slice_of(limits->redirect_host);
    struct hf_slice user = limits->redirect_server_id[0] != '\0' ? hf_slice_of(limits->redirect_server_id)
                                                                 : site->options.server_id;
    char uri[160];

    (void)hf_sip_write_address(sb, HF_SIP_CONTACT,
                               hf_gb_uri(uri, sizeof(uri), user, host, limits->redirect_port,
                                         memchr(host.at, ':', host.bytes) != NULL),
                               (struct hf_slice){NULL, 0});
}

struct hf_slice hf_gb_write_answer(struct hf_gb_site *site, const struct hf_sip_flow *flow,
                                   const struct hf_sip_msg *msg, const struct hf_gb_answer *answer)
{
    const struct hf_gb_account *account = answer->account;
    char host[HF_SIP_FLOW_HOST_MAX], tag[HF_SIP_TAG_BYTES_MAX];
    struct hf_sip_reply reply = hf_sip_flow_reply(flow, answer->status, true, host);
    struct hf_slice absent = {NULL, 0};
    struct hf_sb sb;

    hf_sb_init(&sb, site->sip, HF_GB_SIP_BYTES_MAX + 1);
    reply.to_tag = hf_sip_layer_tag(site->layer, msg, tag);
    if (hf_sip_write_reply(&sb, msg, &reply) != HF_OK)
        return absent;
    if (answer->status == 401)
        (void)hf_sip_write_challenge(&sb, HF_SIP_WWW_AUTHENTICATE, site->options.realm, answer->nonce,
                                     account ? (enum hf_sip_alg)account->alg : HF_SIP_MD5,
                                     account == NULL || !account->no_qop, answer->stale);
    if (answer->status == 200) {
        write_contact(msg, &sb);
        (void)hf_sip_write_u64(&sb, HF_SIP_EXPIRES, answer->expires_s);
        if (!site->limits.no_date && (account == NULL || !account->no_date))
            write_date(site, &sb);
    }
    if (answer->status == 302) {
        write_other_node(site, &sb);
        (void)hf_sip_write_u64(&sb, HF_SIP_EXPIRES, answer->expires_s);
    }
    if (answer->retry_after_s != 0)
        (void)hf_sip_write_u64(&sb, HF_SIP_RETRY_AFTER, answer->retry_after_s);
    if (answer->version)
        (void)hf_sip_write_id(&sb, HF_SIP_X_GB_VER, HF_SLICE("3.0"));
    (void)hf_sip_write_end(&sb, absent, absent);
    return sb.overflow ? absent : hf_sb_done(&sb);
}
