#include "core/sip/flow.h"

#include <arpa/inet.h>

#include "base/assert.h"
#include "base/sb.h"

bool hf_sip_flow_same_peer(const struct hf_sip_flow *a, const struct hf_sip_flow *b)
{
    if (hf_sip_flow_reliable(a) != hf_sip_flow_reliable(b))
        return false;
    if (a->connection != b->connection)
        return false;
    return hf_sip_flow_reliable(a) || (a->family == b->family && a->peer_port == b->peer_port &&
                                       memcmp(a->peer, b->peer, sizeof(a->peer)) == 0);
}

/* inet_ntop does it by sprintf, and each answer names its peer. */
static struct hf_slice ipv4_text(const uint8_t *address, char *ret_text)
{
    struct hf_sb sb;

    hf_sb_init(&sb, ret_text, HF_SIP_FLOW_HOST_MAX);
    for (unsigned i = 0; i < 4; i++) {
        if (i > 0)
            hf_sb_char(&sb, '.');
        hf_sb_u64(&sb, address[i]);
    }
    return hf_sb_done(&sb);
}

static struct hf_slice host_text(const struct hf_sip_flow *flow, const uint8_t *address, char *ret_text)
{
    if (flow->family == 4)
        return ipv4_text(address, ret_text);
    if (inet_ntop(AF_INET6, address, ret_text, HF_SIP_FLOW_HOST_MAX) == NULL)
        HF_UNREACHABLE();
    return hf_slice_of(ret_text);
}

struct hf_slice hf_sip_flow_peer_host(const struct hf_sip_flow *flow, char ret_text[HF_SIP_FLOW_HOST_MAX])
{
    return host_text(flow, flow->peer, ret_text);
}

struct hf_slice hf_sip_flow_local_host(const struct hf_sip_flow *flow, char ret_text[HF_SIP_FLOW_HOST_MAX])
{
    return host_text(flow, flow->local, ret_text);
}

struct hf_sip_reply hf_sip_flow_reply(const struct hf_sip_flow *flow, unsigned status, bool force_rport,
                                      char ret_text[HF_SIP_FLOW_HOST_MAX])
{
    return (struct hf_sip_reply){.status = status,
                                 .received = hf_sip_flow_peer_host(flow, ret_text),
                                 .received_port = flow->peer_port,
                                 .force_rport = force_rport && !hf_sip_flow_reliable(flow)};
}
