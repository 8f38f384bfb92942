/* io/udp.h - UDP endpoints on a loop: datagrams of up to 64 KiB by recvmmsg and sendmmsg. Sans policy: who may send, what is answered and
 * when to give up is the owner's. Each worker has its own endpoint for an address (SO_REUSEPORT: the kernel spreads peers over them by a
 * hash of both addresses, so one peer's datagrams come to one endpoint as long as their number stays).
 *
 * Buffers are the loop's: one receive buffer for a batch, and blocks of HF_UDP_BLOCK_BYTES for what is to be sent, which go back when it
 * has gone. An idle endpoint owns none. What is sent is queued and offered to the kernel once per turn (and before, when a batch is full);
 * where the kernel takes no more (EAGAIN) the rest waits for it, up to the endpoint's bounds.
 *
 * Each datagram comes with the local address that it was sent to, and may be sent from one: on a host with several addresses an answer that
 * leaves from another than was asked is dropped by NAT and by many devices. */
#ifndef HF_IO_UDP_H
#define HF_IO_UDP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "io/loop.h"
#include "io/socket.h"

enum {
    HF_UDP_DATAGRAM_BYTES_MAX = 65535,
    HF_UDP_BATCH = 32,           /* datagrams per system call */
    HF_UDP_RECEIVE_BUDGET = 256, /* datagrams per endpoint and turn */
    HF_UDP_ERROR_BUDGET = 64,    /* reports of the kernel per endpoint and turn */
    HF_UDP_RECEIVE_BUFFER_BYTES = 4 << 20 /* asked for; net.core.rmem_max may give less: see stats */,
    HF_UDP_BLOCK_BYTES = 2048,
    HF_UDP_BLOCKS_MAX = 16384,         /* of one loop: 32 MiB */
    HF_UDP_QUEUE_DATAGRAMS_MAX = 4096, /* of one endpoint */
    HF_UDP_QUEUE_BYTES_MAX = 4 << 20,
};

struct hf_udp; /* opaque */

struct hf_datagram {
    struct hf_slice data;         /* borrowed until the callback returns; may be empty */
    const union hf_address *peer; /* never AF_UNSPEC; IPv4 is never v4-mapped */
    /* Where it was sent to, with the endpoint's port; of a broadcast or multicast the address of ours that would answer. AF_UNSPEC when the kernel did not say. */
    const union hf_address *local;
};

/* May send on any endpoint and close this one: the rest of the batch is then dropped. Must not turn the loop. */
typedef void hf_udp_datagram_fn(struct hf_udp *udp, const struct hf_datagram *datagram);
/* A datagram to this peer did not get there: sys_errno is ECONNREFUSED (nobody listens there), EHOSTUNREACH, ENETUNREACH, EPERM (a firewall of ours),
 * EMSGSIZE ... A hint, not a proof: most losses are silent, and ICMP can be forged. Comes from the loop, never from within hf_udp_send. */
typedef void hf_udp_error_fn(struct hf_udp *udp, const union hf_address *peer, int sys_errno);

struct hf_udp_options {
    union hf_address address; /* port 0: the kernel chooses, see hf_udp_address */
    bool v6_only;             /* for an IPv6 address; otherwise it takes IPv4, too */
    bool
        first; /* of this address in this process: another process there is HF_ERR_EXISTS (as in io/listener.h) */
    uint32_t
        datagram_bytes_max; /* received; longer ones are refused and counted; 0 = HF_UDP_DATAGRAM_BYTES_MAX, which nothing exceeds */
    uint32_t receive_budget, receive_buffer_bytes; /* 0 = default */
    uint32_t queue_datagrams_max, queue_bytes_max; /* 0 = default */
    hf_udp_datagram_fn *on_datagram;
    hf_udp_error_fn *on_error; /* may be NULL */
    void *user;
};

struct hf_udp_stats {
    uint64_t received, received_bytes, receives /* system calls */, receive_errors;
    uint64_t refused_truncated; /* longer than datagram_bytes_max */
    uint64_t kernel_drops;      /* the receive buffer was full; as of the last datagram that was received */
    uint64_t sent, sent_bytes, sends /* system calls */;
    uint64_t blocked;              /* EAGAIN */
    uint64_t refused_queue;        /* hf_udp_send: the queue is full */
    uint64_t refused_nomem;        /* hf_udp_send: no block */
    uint64_t send_errors;          /* the kernel refused it: dropped and reported */
    uint64_t error_reports;        /* by ICMP */
    uint64_t dropped_at_close;     /* were queued */
    uint32_t queued, queued_bytes; /* now; failed ones that are still to be reported count as well */
    uint32_t
        receive_buffer_bytes; /* that the kernel gave, in its own counting (twice what can be asked for) */
};

/* HF_ERR_EXISTS: the address is in use. HF_ERR_INVALID: it is not one of this machine. HF_ERR_DENIED: the port is privileged. HF_ERR_NOMEM, HF_ERR_IO; errno
 * tells more. */
hf_err hf_udp_open(struct hf_loop *loop, const struct hf_udp_options *options, struct hf_udp **ret_udp);
/* Offers what is queued to the kernel once more, then drops it. NULL is harmless. */
void hf_udp_close(struct hf_udp *udp);

/* Copies data. local: an address of hf_datagram.local, or NULL (or AF_UNSPEC): the kernel chooses. Its port is not looked at.
 * HF_ERR_INVALID: no peer, port 0, IPv6 on an IPv4 endpoint, nothing or more than a datagram holds (65,507 bytes). HF_ERR_LIMIT: the queue is full. HF_ERR_NOMEM:
 * the loop's blocks are. HF_ERR_CLOSED. HF_OK promises nothing about the peer. */
hf_err hf_udp_send(struct hf_udp *udp, const union hf_address *local, const union hf_address *peer,
                   const void *data, size_t bytes);

union hf_address hf_udp_address(const struct hf_udp *udp); /* the real port */
void *hf_udp_user(const struct hf_udp *udp);
struct hf_loop *hf_udp_loop(const struct hf_udp *udp);
struct hf_udp_stats hf_udp_stats(const struct hf_udp *udp);

#endif
