/* io/udp_queue.c - what is to be sent: chains of blocks, offered to the kernel by batches. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/assert.h"
#include "io/udp_pool.h"

enum { FIRST_BYTES_MAX = sizeof(((struct hf_udp_block *)0)->data) - sizeof(struct hf_udp_head) };

_Static_assert((HF_UDP_SEND_BYTES_MAX - FIRST_BYTES_MAX) / sizeof(((struct hf_udp_block *)0)->data) + 2 <
                   HF_UDP_IOV_MAX,
               "the largest datagram fits into one call");

static struct hf_udp_block *block_of(struct hf_udp_head *head)
{
    return (struct hf_udp_block *)((uint8_t *)head - offsetof(struct hf_udp_block, data));
}

static void free_blocks(struct hf_udp_pool *pool, struct hf_udp_block *block)
{
    while (block != NULL) {
        struct hf_udp_block *next = block->next;

        hf_slab_give(pool->blocks, block);
        block = next;
    }
}

static void forget(struct hf_udp *udp, struct hf_udp_head *head)
{
    hf_list_remove(&head->node);
    HF_ASSERT(udp->stats.queued > 0 && udp->stats.queued_bytes >= head->bytes);
    udp->stats.queued--;
    udp->stats.queued_bytes -= head->bytes;
    free_blocks(udp->pool, block_of(head));
}

/* NULL: no block is left; what was taken went back. */
static struct hf_udp_head *chain_of(struct hf_udp_pool *pool, const uint8_t *data, size_t bytes)
{
    struct hf_udp_block *first = NULL, **link = &first;
    size_t at = 0;

    do {
        struct hf_udp_block *block =
            hf_slab_take_raw(pool->blocks); /* zeroing 2 KiB costs more than most datagrams' copy */
        size_t skip = first == NULL ? sizeof(struct hf_udp_head) : 0;

        if (block == NULL) {
            free_blocks(pool, first);
            return NULL;
        }
        block->next = NULL;
        block->bytes = HF_MIN(bytes - at, sizeof(block->data) - skip);
        memset(block->data, 0, skip);
        memcpy(block->data + skip, data + at, block->bytes);
        at += block->bytes;
        *link = block;
        link = &block->next;
    } while (at < bytes);
    return (struct hf_udp_head *)first->data;
}

static bool has_room(const struct hf_udp *udp, size_t bytes)
{
    return udp->stats.queued < udp->options.queue_datagrams_max &&
           bytes <= udp->options.queue_bytes_max - udp->stats.queued_bytes;
}

static void mark_dirty(struct hf_udp *udp)
{
    if (!hf_list_linked(&udp->dirty_node))
        hf_list_push_back(&udp->pool->dirty, &udp->dirty_node);
}

hf_err hf_udp_send(struct hf_udp *udp, const union hf_address *local, const union hf_address *peer,
                   const void *data, size_t bytes)
{
    sa_family_t family = udp->address.any.sa_family;
    struct hf_udp_head *head;

    if (udp->closed)
        return HF_ERR_CLOSED;
    if (bytes == 0 || bytes > HF_UDP_SEND_BYTES_MAX || hf_address_port(peer) == 0)
        return HF_ERR_INVALID;
    if (local != NULL && local->any.sa_family == AF_UNSPEC)
        local = NULL;
    if (family == AF_INET &&
        (peer->any.sa_family != AF_INET || (local != NULL && local->any.sa_family != AF_INET)))
        return HF_ERR_INVALID;
    if (!has_room(udp, bytes) && !udp->blocked)
        hf_udp_flush(udp); /* a busy turn: its first datagrams go now */
    if (!has_room(udp, bytes)) {
        udp->stats.refused_queue++;
        return HF_ERR_LIMIT;
    }
    head = chain_of(udp->pool, data, bytes);
    if (head == NULL && !udp->blocked) {
        hf_udp_flush(udp);
        head = chain_of(udp->pool, data, bytes);
    }
    if (head == NULL) {
        udp->stats.refused_nomem++;
        return HF_ERR_NOMEM;
    }
    hf_list_init(&head->node);
    if (local != NULL)
        head->local = *local;
    head->peer = *peer;
    head->bytes = (uint32_t)bytes;
    hf_list_push_back(&udp->queue, &head->node);
    udp->stats.queued++;
    udp->stats.queued_bytes += head->bytes;
    if (udp->blocked)
        return HF_OK;
    mark_dirty(udp);
    if (udp->stats.queued >=
        HF_UDP_BATCH) /* a full call's worth: waiting would save nothing and touch more memory */
        hf_udp_flush(udp);
    return HF_OK;
}

/* Lays out the first datagrams of the queue for one call. Returns how many. */
static unsigned fill_batch(struct hf_udp *udp)
{
    struct hf_udp_pool *pool = udp->pool;
    sa_family_t family = udp->address.any.sa_family;
    unsigned count = 0, pieces = 0;

    for (struct hf_list_node *node = udp->queue.next; node != &udp->queue && count < HF_UDP_BATCH;
         node = node->next) {
        struct hf_udp_head *head = HF_CONTAINER_OF(node, struct hf_udp_head, node);
        struct msghdr *message = &pool->send.messages[count].msg_hdr;
        struct hf_udp_block *block = block_of(head);
        unsigned first = pieces, skip = sizeof(*head);

        do {
            if (pieces == HF_UDP_IOV_MAX)
                return count;
            pool->send_iov[pieces++] = (struct iovec){block->data + skip, block->bytes};
            block = block->next;
            skip = 0;
        } while (block != NULL);
        *message = (struct msghdr){.msg_name = &pool->send.names[count],
                                   .msg_iov = &pool->send_iov[first],
                                   .msg_iovlen = pieces - first};
        message->msg_namelen = hf_udp_name(family, &head->peer, &pool->send.names[count]);
        message->msg_controllen = hf_udp_control_source(family, &head->local, pool->send.control[count]);
        if (message->msg_controllen > 0)
            message->msg_control = pool->send.control[count];
        count++;
    }
    return count;
}

static bool of_an_earlier_one(
    int err) /* ICMP answered a datagram that has gone; this one has not been tried */
{
    return err == ECONNREFUSED || err == EHOSTUNREACH || err == ENETUNREACH || err == EPROTO ||
           err == EHOSTDOWN || err == ENOPROTOOPT || err == EINTR;
}

/* The first datagram of the queue was not sent. Returns false when the kernel takes none. */
static bool first_failed(struct hf_udp *udp, int err)
{
    struct hf_udp_head *head = HF_CONTAINER_OF(udp->queue.next, struct hf_udp_head, node);

    if (err == EAGAIN) {
        udp->stats.blocked++;
        udp->blocked = true;
        if (!udp->closed)
            hf_loop_change(udp->loop, &udp->handle, EPOLLIN | EPOLLOUT);
        return false;
    }
    if (of_an_earlier_one(err) && ++head->tries < HF_UDP_TRIES_MAX)
        return true;
    /* ENOBUFS, too: nothing would tell when to try again, and a peer that misses a datagram asks again. */
    udp->stats.send_errors++;
    head->sys_errno = err;
    free_blocks(udp->pool, block_of(head)->next);
    block_of(head)->next = NULL;
    hf_list_remove(&head->node);
    hf_list_push_back(&udp->failed, &head->node);
    mark_dirty(udp);
    return true;
}

void hf_udp_flush(struct hf_udp *udp)
{
    while (!hf_list_empty(&udp->queue)) {
        unsigned count = fill_batch(udp);
        int sent = sendmmsg(udp->handle.fd, udp->pool->send.messages, count, MSG_DONTWAIT | MSG_NOSIGNAL);

        udp->stats.sends++;
        if (sent <= 0 && !first_failed(udp, sent < 0 ? errno : EIO))
            return;
        for (int i = 0; i < sent; i++) {
            struct hf_udp_head *head = HF_CONTAINER_OF(udp->queue.next, struct hf_udp_head, node);

            udp->stats.sent++;
            udp->stats.sent_bytes += head->bytes;
            forget(udp, head);
        }
    }
    if (udp->blocked && !udp->closed)
        hf_loop_change(udp->loop, &udp->handle, EPOLLIN);
    udp->blocked = false;
}

void hf_udp_report_failed(struct hf_udp *udp)
{
    unsigned count = udp->stats.queued; /* what fails while this reports waits for the next turn */

    for (; count > 0 && !udp->closed && !hf_list_empty(&udp->failed); count--) {
        struct hf_udp_head *head = HF_CONTAINER_OF(udp->failed.next, struct hf_udp_head, node);
        union hf_address peer = head->peer;
        int err = head->sys_errno;

        forget(udp, head);
        if (udp->options.on_error != NULL)
            udp->options.on_error(udp, &peer, err);
    }
}

void hf_udp_queue_drop(struct hf_udp *udp)
{
    while (!hf_list_empty(&udp->queue)) {
        forget(udp, HF_CONTAINER_OF(udp->queue.next, struct hf_udp_head, node));
        udp->stats.dropped_at_close++;
    }
    while (!hf_list_empty(&udp->failed))
        forget(udp, HF_CONTAINER_OF(udp->failed.next, struct hf_udp_head, node));
    hf_list_remove(&udp->dirty_node);
    HF_ASSERT(udp->stats.queued == 0 && udp->stats.queued_bytes == 0);
}

void hf_udp_pool_flush(struct hf_loop *loop)
{
    struct hf_list_node dirty, *node;

    if (loop->udp == NULL || hf_list_empty(&loop->udp->dirty))
        return;
    hf_list_init(&dirty);
    hf_list_splice(&dirty, &loop->udp->dirty); /* what is sent by a report goes in the next turn */
    while ((node = hf_list_pop_front(&dirty)) != NULL) {
        struct hf_udp *udp = HF_CONTAINER_OF(node, struct hf_udp, dirty_node);

        if (!udp->blocked)
            hf_udp_flush(udp);
        hf_list_remove(&udp->dirty_node); /* a failure has marked it; it is reported now */
        hf_udp_report_failed(udp);
    }
}

bool hf_udp_pool_has_work(const struct hf_loop *loop)
{
    return loop->udp != NULL && !hf_list_empty(&loop->udp->dirty);
}

void hf_udp_pool_free(struct hf_udp_pool *pool)
{
    if (pool == NULL)
        return;
    HF_ASSERT(pool->endpoints == 0);
    hf_slab_free(pool->blocks);
    free(pool->receive_bytes);
    free(pool);
}
