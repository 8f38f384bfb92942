#include "io/udp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/assert.h"
#include "io/udp_pool.h"

hf_err hf_udp_pool_need(struct hf_loop *loop)
{
    struct hf_udp_pool *pool;

    if (loop->udp != NULL)
        return HF_OK;
    pool = calloc(1, sizeof(*pool));
    if (pool == NULL)
        return HF_ERR_NOMEM;
    hf_list_init(&pool->dirty);
    pool->blocks = hf_slab_new("udp blocks", sizeof(struct hf_udp_block), HF_UDP_BLOCKS_MAX);
    pool->receive_bytes = malloc((size_t)HF_UDP_BATCH * HF_UDP_DATAGRAM_BYTES_MAX);
    if (pool->blocks == NULL || pool->receive_bytes == NULL) {
        hf_udp_pool_free(pool);
        return HF_ERR_NOMEM;
    }
    hf_slab_keep(pool->blocks, HF_UDP_SPARE_CHUNKS);
    loop->udp = pool;
    return HF_OK;
}

static void prepare_receive(struct hf_udp *udp, unsigned count)
{
    struct hf_udp_pool *pool = udp->pool;

    for (unsigned i = 0; i < count; i++) {
        pool->receive_iov[i] = (struct iovec){pool->receive_bytes + (size_t)i * HF_UDP_DATAGRAM_BYTES_MAX,
                                              udp->options.datagram_bytes_max};
        pool->receive.messages[i].msg_hdr = (struct msghdr){.msg_name = &pool->receive.names[i],
                                                            .msg_namelen = sizeof(pool->receive.names[i]),
                                                            .msg_iov = &pool->receive_iov[i],
                                                            .msg_iovlen = 1,
                                                            .msg_control = pool->receive.control[i],
                                                            .msg_controllen = HF_UDP_CONTROL_BYTES};
    }
}

static void count_drops(struct hf_udp *udp, const struct hf_udp_control *control)
{
    if (!control->has_drops)
        return;
    udp->stats.kernel_drops += (uint32_t)(control->drops - udp->kernel_drops);
    udp->kernel_drops = control->drops;
}

static void deliver(struct hf_udp *udp, unsigned i)
{
    struct mmsghdr *message = &udp->pool->receive.messages[i];
    struct hf_udp_control control = hf_udp_control_read(&message->msg_hdr);
    union hf_address peer = hf_address_of(&udp->pool->receive.names[i]);
    struct hf_datagram datagram = {.data = {udp->pool->receive_iov[i].iov_base, message->msg_len},
                                   .peer = &peer,
                                   .local = &control.local};

    count_drops(udp, &control);
    if (message->msg_hdr.msg_flags & MSG_TRUNC) {
        udp->stats.refused_truncated++;
        return;
    }
    control.local = hf_address_with_port(control.local, hf_address_port(&udp->address));
    udp->stats.received++;
    udp->stats.received_bytes += message->msg_len;
    udp->options.on_datagram(udp, &datagram);
}

static void report_errors(struct hf_udp *udp)
{
    union hf_address peer;
    int err = 0;

    for (unsigned i = 0; i < HF_UDP_ERROR_BUDGET && !udp->closed; i++) {
        if (!hf_udp_socket_error(udp->handle.fd, &peer, &err))
            break;
        udp->stats.error_reports++;
        if (udp->options.on_error != NULL && peer.any.sa_family != AF_UNSPEC)
            udp->options.on_error(udp, &peer, err);
    }
}

/* Returns false when nothing more waits. */
static bool receive_batch(struct hf_udp *udp, unsigned count)
{
    int got;

    prepare_receive(udp, count);
    got = recvmmsg(udp->handle.fd, udp->pool->receive.messages, count, MSG_DONTWAIT, NULL);
    udp->stats.receives++;
    if (got < 0) {
        /* Whatever else it is belongs to a datagram that we sent: EPOLLERR and the error queue tell more. */
        if (errno != EAGAIN && errno != EINTR)
            udp->stats.receive_errors++;
        return false;
    }
    for (int i = 0; i < got && !udp->closed; i++)
        deliver(udp, (unsigned)i);
    return (unsigned)got == count && !udp->closed;
}

static void on_event(struct hf_handle *handle, uint32_t events)
{
    struct hf_udp *udp = HF_CONTAINER_OF(handle, struct hf_udp, handle);
    uint32_t left = udp->options.receive_budget;

    if (events & EPOLLERR) {
        int pending;
        socklen_t bytes = sizeof(pending);

        report_errors(udp);
        if (!udp->closed) /* one that left no report would keep the socket ready for ever */
            (void)getsockopt(handle->fd, SOL_SOCKET, SO_ERROR, &pending, &bytes);
    }
    if ((events & EPOLLOUT) && !udp->closed)
        hf_udp_flush(udp);
    if (!(events & EPOLLIN))
        return;
    while (left > 0 && !udp->closed) {
        unsigned count = HF_MIN(left, (uint32_t)HF_UDP_BATCH);

        if (!receive_batch(udp, count))
            return;
        left -= count;
    }
}

static hf_err error_of(int err)
{
    switch (err) {
    case EADDRINUSE: return HF_ERR_EXISTS;
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case EINVAL: return HF_ERR_INVALID;
    case EACCES:
    case EPERM: return HF_ERR_DENIED;
    case ENOBUFS:
    case ENOMEM: return HF_ERR_NOMEM;
    default: return HF_ERR_IO;
    }
}

static void default_to(uint32_t *option, uint32_t value)
{
    if (*option == 0)
        *option = value;
}

static struct hf_udp *endpoint_new(struct hf_loop *loop, const struct hf_udp_options *options)
{
    struct hf_udp *udp = calloc(1, sizeof(*udp));

    if (udp == NULL)
        return NULL;
    udp->loop = loop;
    udp->pool = loop->udp;
    udp->options = *options;
    default_to(&udp->options.datagram_bytes_max, HF_UDP_DATAGRAM_BYTES_MAX);
    udp->options.datagram_bytes_max =
        HF_MIN(udp->options.datagram_bytes_max, (uint32_t)HF_UDP_DATAGRAM_BYTES_MAX);
    default_to(&udp->options.receive_budget, HF_UDP_RECEIVE_BUDGET);
    default_to(&udp->options.receive_buffer_bytes, HF_UDP_RECEIVE_BUFFER_BYTES);
    default_to(&udp->options.queue_datagrams_max, HF_UDP_QUEUE_DATAGRAMS_MAX);
    default_to(&udp->options.queue_bytes_max, HF_UDP_QUEUE_BYTES_MAX);
    hf_list_init(&udp->dirty_node);
    hf_list_init(&udp->queue);
    hf_list_init(&udp->failed);
    udp->handle = (struct hf_handle){.on_event = on_event, .fd = -1};
    return udp;
}

static void learn(struct hf_udp *udp) /* what the kernel chose */
{
    int buffer_bytes = 0;
    socklen_t bytes = sizeof(udp->address);

    udp->address = udp->options.address;
    if (getsockname(udp->handle.fd, &udp->address.any, &bytes) != 0)
        udp->address = udp->options.address;
    bytes = sizeof(buffer_bytes);
    if (getsockopt(udp->handle.fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, &bytes) == 0)
        udp->stats.receive_buffer_bytes = (uint32_t)buffer_bytes;
}

hf_err hf_udp_open(struct hf_loop *loop, const struct hf_udp_options *options, struct hf_udp **ret_udp)
{
    hf_err err = hf_udp_pool_need(loop);
    struct hf_udp *udp;

    if (err != HF_OK)
        return err;
    udp = endpoint_new(loop, options);
    if (udp == NULL)
        return HF_ERR_NOMEM;
    if (options->first && hf_address_port(&options->address) != 0 &&
        hf_udp_address_taken(&options->address, options->v6_only))
        errno = EADDRINUSE;
    else
        udp->handle.fd = hf_udp_socket(&udp->options);
    err = udp->handle.fd >= 0 ? hf_loop_watch(loop, &udp->handle, EPOLLIN) : error_of(errno);
    if (err == HF_OK) {
        learn(udp);
        loop->udp->endpoints++;
        *ret_udp = udp;
        return HF_OK;
    }
    if (udp->handle.fd >= 0)
        close(udp->handle.fd);
    free(udp);
    return err;
}

static void free_endpoint(struct hf_deferred *deferred)
{
    free(HF_CONTAINER_OF(deferred, struct hf_udp, deferred));
}

void hf_udp_close(struct hf_udp *udp)
{
    if (udp == NULL)
        return;
    HF_ASSERT(!udp->closed);
    udp->closed = true;
    hf_udp_flush(udp);
    hf_udp_queue_drop(udp);
    hf_loop_close(udp->loop, &udp->handle);
    udp->pool->endpoints--;
    hf_loop_defer_free(udp->loop, &udp->deferred, free_endpoint);
}

union hf_address hf_udp_address(const struct hf_udp *udp)
{
    return udp->address;
}

void *hf_udp_user(const struct hf_udp *udp)
{
    return udp->options.user;
}

struct hf_loop *hf_udp_loop(const struct hf_udp *udp)
{
    return udp->loop;
}

struct hf_udp_stats hf_udp_stats(const struct hf_udp *udp)
{
    return udp->stats;
}
