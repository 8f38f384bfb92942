/* io/udp_fan.h - one datagram to many peers, many datagrams by one system call: for relays, whose packets are worth nothing when they are late. Bytes are kept once, however many peers they go
 * to, and go to the kernel when a batch is full and at the end of the loop's turn. What the kernel does not take at once is lost and counted: nothing is queued (io/udp.h does). Nothing is received. */
#ifndef HF_IO_UDP_FAN_H
#define HF_IO_UDP_FAN_H

#include "io/loop.h"
#include "io/socket.h"

enum {
    HF_UDP_FAN_MESSAGES = 64 /* to peers, per system call */,
    HF_UDP_FAN_PACKETS = 32,
    HF_UDP_FAN_BYTES_MAX = 65507
};

struct hf_udp_fan; /* opaque */

struct hf_udp_fan_stats {
    uint64_t sent, sends /* system calls */;
    uint64_t refused; /* the socket's buffer was full */
    uint64_t errors;  /* the kernel refused the peer: unreachable, forbidden */
};

/* A socket of its own; port 0: the kernel chooses. HF_ERR_EXISTS, HF_ERR_INVALID (no address of this machine), HF_ERR_IO, HF_ERR_NOMEM. */
hf_err hf_udp_fan_open(struct hf_loop *loop, const union hf_address *address, struct hf_udp_fan **ret_fan);
void hf_udp_fan_close(struct hf_udp_fan *fan); /* sends what is gathered. NULL is harmless */

/* The bytes that hf_udp_fan_to() sends from now on: copied, once. 1 to HF_UDP_FAN_BYTES_MAX bytes; longer ones than HF_UDP_FAN_BYTES_MAX are refused: false. */
bool hf_udp_fan_packet(struct hf_udp_fan *fan, const void *data, size_t bytes);
/* Of the socket's family (asserted), with a port. */
void hf_udp_fan_to(struct hf_udp_fan *fan, const union hf_address *peer);
struct hf_udp_fan_stats hf_udp_fan_stats(const struct hf_udp_fan *fan);

#endif
