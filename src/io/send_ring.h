/* io/send_ring.h - sends to many sockets by one system call. Who writes one message to thousands of sockets spends much
 * of its CPU on entering and leaving the kernel; a ring of io_uring takes up to HF_SEND_RING_ITEMS sends at once. It is
 * used as one synchronous call: every send is MSG_DONTWAIT, nothing is under way when it returns, and what an item
 * points at is borrowed only until then. Waiting for sockets stays epoll's. Measured: doc/performance.md, broadcast.
 * One thread alone uses a ring, the one that made it; another may free it once that has ended. Source: io_uring_setup(2) and
 * io_uring_enter(2), Linux 6.1. */
#ifndef HF_IO_SEND_RING_H
#define HF_IO_SEND_RING_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

enum { HF_SEND_RING_ITEMS = 128, HF_SEND_RING_IOV_MAX = 8 };

struct hf_send {
    int fd;
    unsigned iov_count; /* 1..HF_SEND_RING_IOV_MAX */
    struct iovec iov[HF_SEND_RING_IOV_MAX];
    bool tried; /* out: false = the kernel did not come to it; send it another way */
    int result; /* out, if tried: bytes taken, or -errno as of send(2); -EAGAIN = none for now */
};

struct hf_send_ring;

/* NULL: the kernel is older than 6.1, a policy forbids io_uring (containers), no memory or no descriptor; errno tells. */
struct hf_send_ring *hf_send_ring_new(void);
void hf_send_ring_free(struct hf_send_ring *ring); /* NULL is harmless */

/* Offers every item once, in any order; count 1..HF_SEND_RING_ITEMS. Items of one call must be of different sockets. */
void hf_send_ring_run(struct hf_send_ring *ring, struct hf_send *items, unsigned count);

#endif
