/* io/send_ring.c - the two queues that are shared with the kernel. We move the tail of the one for requests and the head
 * of the one for results, the kernel moves the other two ends. Each call fills the first queue, enters the kernel and
 * empties the second one. */
#include "io/send_ring.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.h"

enum { RING_FLAGS = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN };

typedef _Atomic uint32_t shared_index; /* also written by the kernel */

struct hf_send_ring {
    int fd;
    void *rings, *requests_map;
    size_t rings_bytes, requests_bytes;
    struct io_uring_sqe *requests;
    struct io_uring_cqe *results;
    shared_index *request_head, *request_tail, *result_head, *result_tail;
    uint32_t *request_order; /* queue position -> index in requests */
    uint32_t request_mask, result_mask;
    struct msghdr messages[HF_SEND_RING_ITEMS];
};

static void *map(int fd, size_t bytes, uint64_t offset)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, (off_t)offset);

    return at == MAP_FAILED ? NULL : at;
}

static bool map_all(struct hf_send_ring *ring, const struct io_uring_params *params)
{
    const struct io_sqring_offsets *sq = &params->sq_off;
    const struct io_cqring_offsets *cq = &params->cq_off;
    size_t sq_bytes = sq->array + params->sq_entries * sizeof(uint32_t);
    size_t cq_bytes = cq->cqes + params->cq_entries * sizeof(struct io_uring_cqe);

    ring->rings_bytes = sq_bytes > cq_bytes ? sq_bytes : cq_bytes; /* one mapping holds both */
    ring->rings = map(ring->fd, ring->rings_bytes, IORING_OFF_SQ_RING);
    ring->requests_bytes = params->sq_entries * sizeof(struct io_uring_sqe);
    ring->requests_map = map(ring->fd, ring->requests_bytes, IORING_OFF_SQES);
    if (ring->rings == NULL || ring->requests_map == NULL)
        return false;
    char *base = ring->rings;
    ring->requests = ring->requests_map;
    ring->request_head = (shared_index *)(base + sq->head);
    ring->request_tail = (shared_index *)(base + sq->tail);
    ring->request_order = (uint32_t *)(base + sq->array);
    ring->request_mask = *(uint32_t *)(base + sq->ring_mask);
    ring->result_head = (shared_index *)(base + cq->head);
    ring->result_tail = (shared_index *)(base + cq->tail);
    ring->results = (struct io_uring_cqe *)(base + cq->cqes);
    ring->result_mask = *(uint32_t *)(base + cq->ring_mask);
    return true;
}

struct hf_send_ring *hf_send_ring_new(void)
{
    struct io_uring_params params = {.flags = RING_FLAGS};
    struct hf_send_ring *ring = calloc(1, sizeof(*ring));

    if (ring == NULL)
        return NULL;
    ring->fd = (int)syscall(SYS_io_uring_setup, HF_SEND_RING_ITEMS, &params); /* close-on-exec by itself */
    if (ring->fd < 0 || !map_all(ring, &params)) {
        int failed_errno = errno;

        hf_send_ring_free(ring);
        errno = failed_errno;
        return NULL;
    }
    /* A kernel that knows the flags above knows these; results never overflow, for all are taken out by each call. */
    HF_ASSERT((params.features & IORING_FEAT_SINGLE_MMAP) && params.cq_entries >= HF_SEND_RING_ITEMS);
    return ring;
}

void hf_send_ring_free(struct hf_send_ring *ring)
{
    if (ring == NULL)
        return;
    if (ring->rings != NULL)
        munmap(ring->rings, ring->rings_bytes);
    if (ring->requests_map != NULL)
        munmap(ring->requests_map, ring->requests_bytes);
    if (ring->fd >= 0)
        close(ring->fd);
    free(ring);
}

static void put(struct hf_send_ring *ring, uint32_t position, unsigned number, struct hf_send *item)
{
    uint32_t slot = position & ring->request_mask;
    struct io_uring_sqe *request = &ring->requests[slot];

    HF_ASSERT(item->iov_count >= 1 && item->iov_count <= HF_SEND_RING_IOV_MAX);
    item->tried = false;
    memset(request, 0, sizeof(*request));
    request->fd = item->fd;
    request->msg_flags =
        MSG_NOSIGNAL | MSG_DONTWAIT; /* without the latter the kernel would wait for the socket */
    request->user_data = number;
    if (item->iov_count == 1) {
        request->opcode = IORING_OP_SEND;
        request->addr = (uintptr_t)item->iov[0].iov_base;
        request->len = (uint32_t)item->iov[0].iov_len;
    } else {
        ring->messages[number] = (struct msghdr){.msg_iov = item->iov, .msg_iovlen = item->iov_count};
        request->opcode = IORING_OP_SENDMSG;
        request->addr = (uintptr_t)&ring->messages[number];
        request->len = 1;
    }
    ring->request_order[slot] = slot;
}

/* Returns how many results were there. */
static unsigned take_results(struct hf_send_ring *ring, struct hf_send *items, unsigned count)
{
    uint32_t head = atomic_load_explicit(ring->result_head, memory_order_relaxed);
    uint32_t tail = atomic_load_explicit(ring->result_tail, memory_order_acquire);
    unsigned taken = tail - head;

    for (; head != tail; head++) {
        const struct io_uring_cqe *result = &ring->results[head & ring->result_mask];

        HF_ASSERT(result->user_data < count && !items[result->user_data].tried);
        items[result->user_data].tried = true;
        items[result->user_data].result = result->res;
    }
    atomic_store_explicit(ring->result_head, head, memory_order_release);
    return taken;
}

void hf_send_ring_run(struct hf_send_ring *ring, struct hf_send *items, unsigned count)
{
    uint32_t tail = atomic_load_explicit(ring->request_tail, memory_order_relaxed);
    unsigned accepted = 0, done = 0;
    bool more = true; /* the kernel still takes requests */

    HF_ASSERT(count >= 1 && count <= HF_SEND_RING_ITEMS);
    HF_ASSERT(tail == atomic_load_explicit(ring->request_head, memory_order_relaxed));
    for (unsigned i = 0; i < count; i++)
        put(ring, tail + i, i, &items[i]);
    atomic_store_explicit(ring->request_tail, tail + count, memory_order_release);
    while (done < accepted || (more && accepted < count)) { /* all that was accepted ends before we return */
        int entered = (int)syscall(SYS_io_uring_enter, ring->fd, more ? count - accepted : 0,
                                   (more ? count : accepted) - done, IORING_ENTER_GETEVENTS, NULL, 0);

        if (entered > 0)
            accepted += (unsigned)entered;
        else if (entered == 0 || errno != EINTR)
            more = false;
        done += take_results(ring, items, count);
    }
    /* What the kernel did not take is taken back: it reads this queue only while it is being entered. */
    if (accepted < count)
        atomic_store_explicit(ring->request_tail, tail + accepted, memory_order_release);
}
