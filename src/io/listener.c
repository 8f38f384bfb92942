#include "io/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/assert.h"

struct hf_listener {
    struct hf_handle handle;
    struct hf_deferred deferred;
    struct hf_loop *loop; /* borrows */
    struct hf_listener_options options;
    struct hf_listener_stats stats;
    struct hf_timer pause_timer; /* armed while accepting is suspended for want of descriptors */
    int reserve_fd;              /* or -1 */
    bool stopped;                /* by hf_listener_stop */
    bool closed;
};

static int reserve_open(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void rearm(struct hf_listener *listener)
{
    bool accepts = !listener->stopped && !hf_timer_armed(&listener->pause_timer);

    if (!listener->closed)
        hf_loop_change(listener->loop, &listener->handle, accepts ? EPOLLIN : 0);
}

static void on_pause_over(struct hf_timer *timer, uint64_t now_ms)
{
    struct hf_listener *listener = HF_CONTAINER_OF(timer, struct hf_listener, pause_timer);

    (void)now_ms;
    if (listener->reserve_fd < 0)
        listener->reserve_fd = reserve_open();
    rearm(listener);
}

static bool gone_already(int err) /* accept(2): errors of the connection, not of the listener */
{
    switch (err) {
    case EINTR:
    case ECONNABORTED:
    case EPERM: /* a firewall */
    case EPROTO:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
    case ENOPROTOOPT:
    case EOPNOTSUPP: return true;
    default: return false;
    }
}

static bool is_our_mistake(int err)
{
    return err == EBADF || err == EFAULT || err == EINVAL || err == ENOTSOCK;
}

/* epoll would report the same again at once. */
static void pause_accepting(struct hf_listener *listener)
{
    listener->stats.pauses++;
    hf_wheel_arm(&listener->loop->wheel, &listener->pause_timer,
                 listener->loop->now_ms + HF_LISTENER_PAUSE_MS);
    rearm(listener);
}

/* No descriptor is left: one connection is accepted with the reserve and refused. Returns false when nobody waits or even
 * that does not go; in the latter case accepting is suspended. */
static bool refuse_one(struct hf_listener *listener)
{
    bool helped = false;
    int fd = -1;

    if (listener->reserve_fd >= 0) {
        close(listener->reserve_fd);
        listener->reserve_fd = -1;
        fd = accept4(listener->handle.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        helped = fd >= 0 || errno == EAGAIN || gone_already(errno);
        if (fd >= 0) {
            listener->stats.refused_no_descriptor++;
            hf_socket_refuse(fd, listener->options.refusal,
                             listener->options.refusal != NULL ? strlen(listener->options.refusal) : 0);
        }
        listener->reserve_fd = reserve_open(); /* another thread may have been faster: -1 */
    }
    if (helped && listener->reserve_fd >= 0)
        return fd >= 0;
    pause_accepting(listener);
    return false;
}

/* Returns false when there is nothing more to accept in this turn. */
static bool accept_one(struct hf_listener *listener)
{
    struct sockaddr_storage peer;
    socklen_t peer_bytes = sizeof(peer);
    int fd =
        accept4(listener->handle.fd, (struct sockaddr *)&peer, &peer_bytes, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (HF_LIKELY(fd >= 0)) {
        listener->stats.accepted++;
        listener->options.on_accept(listener, fd, &peer);
        return true;
    }
    if (errno == EAGAIN)
        return false;
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        return refuse_one(listener);
    HF_ASSERT(!is_our_mistake(errno));
    listener->stats.accept_errors++;
    if (gone_already(errno))
        return true;
    pause_accepting(listener); /* of the system's policy, say: who knows for how long */
    return false;
}

static void on_acceptable(struct hf_handle *handle, uint32_t events)
{
    struct hf_listener *listener = HF_CONTAINER_OF(handle, struct hf_listener, handle);

    (void)events;
    for (unsigned i = 0; i < listener->options.budget; i++)
        if (listener->stopped || listener->closed || !accept_one(listener))
            return;
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
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS: return HF_ERR_NOMEM;
    default: return HF_ERR_IO;
    }
}

/* Whether somebody listens there: without SO_REUSEPORT on both sides the kernel says so. */
static bool is_taken(const struct hf_listener_options *options)
{
    const union hf_address *address = &options->address;
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1,
        v6_only = options->v6_only;
    bool taken = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
                 (address->any.sa_family != AF_INET6 ||
                  setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only)) == 0) &&
                 bind(fd, &address->any, hf_address_bytes(address)) != 0 && errno == EADDRINUSE;

    if (fd >= 0)
        close(fd);
    return taken;
}

static int listening_socket(const struct hf_listener_options *options)
{
    const union hf_address *address = &options->address;
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    int v6_only = options->v6_only, saved;

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0 &&
        (address->any.sa_family != AF_INET6 ||
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only)) == 0) &&
        hf_socket_tune(fd, options->user_timeout_ms) == HF_OK &&
        bind(fd, &address->any, hf_address_bytes(address)) == 0 && listen(fd, (int)options->backlog) == 0)
        return fd;
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

hf_err hf_listener_open(struct hf_loop *loop, const struct hf_listener_options *options,
                        struct hf_listener **ret_listener)
{
    struct hf_listener *listener = calloc(1, sizeof(*listener));
    hf_err err = HF_OK;

    if (listener == NULL)
        return HF_ERR_NOMEM;
    listener->loop = loop;
    listener->options = *options;
    if (listener->options.backlog == 0)
        listener->options.backlog = HF_LISTENER_BACKLOG;
    if (listener->options.budget == 0)
        listener->options.budget = HF_LISTENER_BUDGET;
    hf_timer_init(&listener->pause_timer, on_pause_over);
    listener->reserve_fd = reserve_open();
    listener->handle = (struct hf_handle){.on_event = on_acceptable, .fd = -1};
    if (options->first && hf_address_port(&options->address) != 0 && is_taken(options))
        errno = EADDRINUSE;
    else if (listener->reserve_fd >= 0)
        listener->handle.fd = listening_socket(&listener->options);
    if (listener->handle.fd < 0)
        err = error_of(errno);
    else
        err = hf_loop_watch(loop, &listener->handle, EPOLLIN);
    if (err == HF_OK) {
        *ret_listener = listener;
        return HF_OK;
    }
    if (listener->handle.fd >= 0)
        close(listener->handle.fd);
    if (listener->reserve_fd >= 0)
        close(listener->reserve_fd);
    free(listener);
    return err;
}

static void free_listener(struct hf_deferred *deferred)
{
    free(HF_CONTAINER_OF(deferred, struct hf_listener, deferred));
}

void hf_listener_close(struct hf_listener *listener)
{
    if (listener == NULL)
        return;
    HF_ASSERT(!listener->closed);
    listener->closed = true;
    hf_wheel_cancel(&listener->loop->wheel, &listener->pause_timer);
    hf_loop_close(listener->loop, &listener->handle);
    if (listener->reserve_fd >= 0)
        close(listener->reserve_fd);
    hf_loop_defer_free(listener->loop, &listener->deferred, free_listener);
}

void hf_listener_stop(struct hf_listener *listener)
{
    listener->stopped = true;
    rearm(listener);
}

void hf_listener_resume(struct hf_listener *listener)
{
    listener->stopped = false;
    rearm(listener);
}

union hf_address hf_listener_address(const struct hf_listener *listener)
{
    union hf_address address = listener->options.address;
    socklen_t bytes = sizeof(address);

    if (getsockname(listener->handle.fd, &address.any, &bytes) != 0)
        return listener->options.address;
    return address;
}

void *hf_listener_user(const struct hf_listener *listener)
{
    return listener->options.user;
}

struct hf_loop *hf_listener_loop(const struct hf_listener *listener)
{
    return listener->loop;
}

struct hf_listener_stats hf_listener_stats(const struct hf_listener *listener)
{
    return listener->stats;
}
