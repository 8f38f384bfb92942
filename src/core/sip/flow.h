/* core/sip/flow.h - the way a SIP message came and the way an answer goes: one value, made by whoever owns the sockets. Nothing here looks
 * anything up. Sources: RFC 3261 18.2.2, RFC 3581 (answers go to the source of the request, from where it was received). */
#ifndef HF_CORE_SIP_FLOW_H
#define HF_CORE_SIP_FLOW_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "codec/sip/write.h"

/* 48 bytes without a hole, so that equal flows are equal byte for byte; begin with {0}. */
struct hf_sip_flow {
    /* Streams: the owner's id of the connection, never used twice. Datagrams: the interface of a link-local IPv6 peer
     * (RFC 4007), which its address does not tell; 0 for any other. */
    uint64_t connection;
    uint8_t peer[16];               /* IPv4 in the first four bytes, the others 0 */
    uint8_t local[16];              /* the address of ours that the peer reaches; 0 = not known */
    uint16_t peer_port, local_port; /* in the order of the host */
    uint16_t endpoint;              /* datagrams: the owner's number of the socket */
    uint8_t transport;              /* enum hf_sip_transport */
    uint8_t family;                 /* 4 or 6 */
};
_Static_assert(sizeof(struct hf_sip_flow) == 48, "no hole");

enum { HF_SIP_FLOW_HOST_MAX = 46 }; /* the text of an address and its NUL */

static inline bool hf_sip_flow_reliable(const struct hf_sip_flow *flow)
{
    return flow->transport != HF_SIP_UDP;
}

static inline bool hf_sip_flow_equal(const struct hf_sip_flow *a, const struct hf_sip_flow *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

/* The same connection, or datagrams of the same peer address (with its interface) and port. */
bool hf_sip_flow_same_peer(const struct hf_sip_flow *a, const struct hf_sip_flow *b);

/* The address as text, IPv6 without brackets. The slice points into ret_text. */
struct hf_slice hf_sip_flow_peer_host(const struct hf_sip_flow *flow, char ret_text[HF_SIP_FLOW_HOST_MAX]);
struct hf_slice hf_sip_flow_local_host(const struct hf_sip_flow *flow, char ret_text[HF_SIP_FLOW_HOST_MAX]);

/* What hf_sip_write_reply wants to know about where the request came from. The reply borrows ret_text. */
struct hf_sip_reply hf_sip_flow_reply(const struct hf_sip_flow *flow, unsigned status, bool force_rport,
                                      char ret_text[HF_SIP_FLOW_HOST_MAX]);

#endif
