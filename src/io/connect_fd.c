/* io/connect_fd.c - apart from connect.c, so that who needs a descriptor only does not link the loop. */
#include "io/connect.h"

#include <errno.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24 /* linux/in.h */
#endif

static hf_err error_of(int err)
{
    switch (err) {
    case EMFILE:
    case ENFILE: return HF_ERR_LIMIT;
    case EADDRINUSE:
    case EAGAIN: return HF_ERR_BUSY; /* connect(2): no local port is free */
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case EINVAL: return HF_ERR_INVALID;
    case ENOMEM:
    case ENOBUFS: return HF_ERR_NOMEM;
    default: return HF_ERR_IO;
    }
}

static bool bind_local(int fd, const union hf_address *local)
{
    int on = 1;

    if (local == NULL)
        return true;
    if (hf_address_port(local) == 0 &&
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) != 0)
        return false;
    return bind(fd, &local->any, hf_address_bytes(local)) == 0;
}

hf_err hf_connect_fd(const union hf_address *remote, const union hf_address *local, int *ret_fd)
{
    int fd = socket(remote->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), saved;

    if (fd < 0)
        return error_of(errno);
    if (hf_socket_tune(fd, 0) == HF_OK && bind_local(fd, local) &&
        (connect(fd, &remote->any, hf_address_bytes(remote)) == 0 || errno == EINPROGRESS)) {
        *ret_fd = fd;
        return HF_OK;
    }
    saved = errno;
    close(fd);
    errno = saved;
    /* With the port chosen at connect time, running out of ports is told as EADDRNOTAVAIL by connect(). */
    return saved == EADDRNOTAVAIL && local == NULL ? HF_ERR_BUSY : error_of(saved);
}

hf_err hf_connect_route(const union hf_address *remote, union hf_address *ret_local)
{
    int fd = socket(remote->any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_storage local = {0};
    socklen_t bytes = sizeof(local);
    hf_err err = HF_OK;

    if (fd < 0)
        return error_of(errno);
    if (connect(fd, &remote->any, hf_address_bytes(remote)) != 0 ||
        getsockname(fd, (struct sockaddr *)&local, &bytes) != 0)
        err = error_of(errno);
    close(fd);
    if (err != HF_OK)
        return err;
    *ret_local = hf_address_with_port(hf_address_of(&local), 0);
    return HF_OK;
}
