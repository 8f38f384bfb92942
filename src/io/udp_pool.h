/* io/udp_pool.h - inside of io/udp: the buffers of a loop, and what udp.c, udp_queue.c and udp_socket.c share. loop.c calls the hf_udp_pool_* functions. */
#ifndef HF_IO_UDP_POOL_H
#define HF_IO_UDP_POOL_H

#include "base/list.h"
#include "base/slab.h"
#include "io/udp.h"

enum {
    HF_UDP_CONTROL_BYTES = 128, /* packet information and the drop counter */
    HF_UDP_IOV_MAX = 256,       /* pieces per system call */
    HF_UDP_SEND_BYTES_MAX = 65507,
    HF_UDP_SPARE_CHUNKS = 2, /* kept while nothing is to be sent: a batch of small datagrams */
    HF_UDP_TRIES_MAX = 3,    /* of one datagram: the error of an earlier one may come in its place */
};

/* A datagram to be sent is a chain of blocks; the first one begins with its head. */
struct hf_udp_block {
    struct hf_udp_block *next;
    uint64_t bytes;
    uint8_t data[HF_UDP_BLOCK_BYTES - 16];
};

struct hf_udp_head {
    struct hf_list_node node; /* on udp->queue or udp->failed */
    union hf_address local, peer;
    uint32_t bytes;
    int sys_errno; /* on failed */
    uint8_t tries;
};
_Static_assert(sizeof(struct hf_udp_block) == HF_UDP_BLOCK_BYTES, "no hole");

/* What one system call takes; receiving and sending have their own, because a callback of the one does the other. */
struct hf_udp_batch {
    struct mmsghdr messages[HF_UDP_BATCH];
    struct sockaddr_storage names[HF_UDP_BATCH];
    _Alignas(8) uint8_t control[HF_UDP_BATCH][HF_UDP_CONTROL_BYTES];
};

struct hf_udp_pool {           /* of one loop, from its first endpoint on */
    struct hf_slab *blocks;    /* owns */
    struct hf_list_node dirty; /* endpoints with something to send or to report */
    unsigned endpoints;
    uint8_t *receive_bytes; /* owns: HF_UDP_BATCH datagrams; resident only as far as datagrams reached */
    struct hf_udp_batch receive, send;
    struct iovec receive_iov[HF_UDP_BATCH], send_iov[HF_UDP_IOV_MAX];
};

struct hf_udp {
    struct hf_handle handle;
    struct hf_deferred deferred;
    struct hf_loop *loop;     /* borrows */
    struct hf_udp_pool *pool; /* borrows */
    struct hf_udp_options options;
    struct hf_udp_stats stats;
    union hf_address address;          /* bound */
    struct hf_list_node dirty_node;    /* on pool->dirty */
    struct hf_list_node queue, failed; /* heads */
    uint32_t kernel_drops;             /* the socket's counter as last seen; it wraps */
    bool blocked;                      /* waits for EPOLLOUT */
    bool closed;
};

/* udp_socket.c */
int hf_udp_socket(const struct hf_udp_options *options); /* bound, with all options; or -1, errno tells */
bool hf_udp_address_taken(const union hf_address *address, bool v6_only);
/* The address as a socket of this family writes it: IPv4 is v4-mapped on an IPv6 one. */
socklen_t hf_udp_name(sa_family_t family, const union hf_address *address, struct sockaddr_storage *ret_name);
/* Writes the control message that names the address to leave from. Returns its bytes; 0 when local is NULL or AF_UNSPEC. */
size_t hf_udp_control_source(sa_family_t family, const union hf_address *local, uint8_t *control);
struct hf_udp_control {
    union hf_address local; /* without its port; AF_UNSPEC = not said */
    bool has_drops;
    uint32_t drops;
};
struct hf_udp_control hf_udp_control_read(struct msghdr *message);
/* Takes one report from the socket's error queue; false: there is none. */
bool hf_udp_socket_error(int fd, union hf_address *ret_peer, int *ret_errno);

/* udp_queue.c */
void hf_udp_flush(
    struct hf_udp *udp); /* until the queue is empty or the kernel takes no more; calls nobody */
void hf_udp_report_failed(struct hf_udp *udp); /* calls on_error, which may close it */
void hf_udp_queue_drop(struct hf_udp *udp);

/* for loop.c; loop->udp may be NULL. udp_queue.c */
void hf_udp_pool_flush(struct hf_loop *loop); /* each dirty endpoint once */
bool hf_udp_pool_has_work(const struct hf_loop *loop);
void hf_udp_pool_free(struct hf_udp_pool *pool); /* asserts that no endpoint is open; NULL is harmless */
/* udp.c: makes loop->udp. */
hf_err hf_udp_pool_need(struct hf_loop *loop);

#endif
