/* codec/proxy/proxy.h - the PROXY protocol, versions 1 and 2 (haproxy doc/proxy-protocol.txt; WS-22): the
 * header that a load balancer puts before the first byte of a connection. Only ever parsed on listeners that
 * are marked for it and from addresses allowed to speak it: that is the caller's rule. */
#ifndef HF_CODEC_PROXY_PROXY_H
#define HF_CODEC_PROXY_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
    HF_PROXY_V1_BYTES_MAX = 107, /* the specification's own bound, CRLF included */
    HF_PROXY_BYTES_MAX = 4096,   /* a v2 header with its TLVs */
    HF_PROXY_TLVS_MAX = 64,
};

enum hf_proxy_family {
    HF_PROXY_UNKNOWN, /* no addresses: keep those of the socket */
    HF_PROXY_INET,
    HF_PROXY_INET6,
    HF_PROXY_UNIX, /* addresses are skipped: keep those of the socket */
};

struct hf_proxy_address {
    uint8_t bytes[16]; /* network order; INET uses the first 4 */
    uint16_t port;     /* host order */
};

struct hf_proxy {
    uint8_t version; /* 1 or 2 */
    bool local;      /* the balancer speaks for itself (health check): keep the socket's addresses */
    bool datagram;   /* v2: the proxied connection was UDP */
    bool checked;    /* a CRC-32C was there and was right */
    enum hf_proxy_family family;
    struct hf_proxy_address source, destination;
    size_t header_bytes; /* the connection's own bytes start here */
};

/* HF_OK: *ret is filled. HF_ERR_AGAIN: incomplete, all bytes so far fit the protocol. HF_ERR_MALFORMED:
 * not a PROXY header, or a broken one. HF_ERR_LIMIT: longer than HF_PROXY_BYTES_MAX or more TLVs than
 * HF_PROXY_TLVS_MAX. The verdict does not depend on how the bytes were cut. */
hf_err hf_proxy_parse(const uint8_t *in, size_t bytes, struct hf_proxy *ret);

#endif
