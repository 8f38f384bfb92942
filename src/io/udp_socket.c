/* io/udp_socket.c - options, names and control messages of UDP sockets, IPv4 and IPv6. */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/errqueue.h> /* after time.h, which it needs and does not include */

#include "base/assert.h"
#include "io/udp_pool.h"

_Static_assert(CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct in_pktinfo)) +
                       CMSG_SPACE(sizeof(uint32_t)) <=
                   HF_UDP_CONTROL_BYTES,
               "every control message that was asked for has room");

static bool set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

/* IPv4 datagrams go without "don't fragment": a catalogue is larger than any link, and a router that may not fragment would have to be
 * heard by ICMP, which many paths lose. */
static bool tune_v4(int fd)
{
    return set(fd, IPPROTO_IP, IP_PKTINFO, 1) && set(fd, IPPROTO_IP, IP_RECVERR, 1) &&
           set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
}

static bool tune_v6(int fd, bool v6_only)
{
    return set(fd, IPPROTO_IPV6, IPV6_V6ONLY, v6_only) && set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) &&
           set(fd, IPPROTO_IPV6, IPV6_RECVERR, 1) && (v6_only || tune_v4(fd));
}

int hf_udp_socket(const struct hf_udp_options *options)
{
    const union hf_address *address = &options->address;
    sa_family_t family = address->any.sa_family;
    int buffer_bytes = (int)HF_MIN(options->receive_buffer_bytes, (uint32_t)INT32_MAX / 2), saved;
    int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    /* Above net.core.rmem_max only a privileged process gets what it asks for; less is no failure, and counted drops show it. */
    if (!set(fd, SOL_SOCKET, SO_RCVBUFFORCE, buffer_bytes))
        (void)set(fd, SOL_SOCKET, SO_RCVBUF, buffer_bytes);
    if (set(fd, SOL_SOCKET, SO_REUSEPORT, 1) && set(fd, SOL_SOCKET, SO_RXQ_OVFL, 1) &&
        (family == AF_INET6 ? tune_v6(fd, options->v6_only) : tune_v4(fd)) &&
        bind(fd, &address->any, hf_address_bytes(address)) == 0)
        return fd;
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

bool hf_udp_address_taken(const union hf_address *address, bool v6_only)
{
    int fd = socket(address->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool taken = fd >= 0 &&
                 (address->any.sa_family != AF_INET6 || set(fd, IPPROTO_IPV6, IPV6_V6ONLY, v6_only)) &&
                 bind(fd, &address->any, hf_address_bytes(address)) != 0 && errno == EADDRINUSE;

    if (fd >= 0)
        close(fd);
    return taken;
}

static struct in6_addr mapped(struct in_addr v4)
{
    struct in6_addr v6 = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

    memcpy(&v6.s6_addr[12], &v4, sizeof(v4));
    return v6;
}

socklen_t hf_udp_name(sa_family_t family, const union hf_address *address, struct sockaddr_storage *ret_name)
{
    if (family == AF_INET6 && address->any.sa_family == AF_INET) {
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
                                  .sin6_port = address->v4.sin_port,
                                  .sin6_addr = mapped(address->v4.sin_addr)};

        memcpy(ret_name, &v6, sizeof(v6));
        return sizeof(v6);
    }
    memcpy(ret_name, address, sizeof(*address));
    return hf_address_bytes(address);
}

static size_t put(uint8_t *control, int level, int type, const void *data, size_t bytes)
{
    struct cmsghdr *head = (struct cmsghdr *)control;

    memset(control, 0, CMSG_SPACE(bytes));
    head->cmsg_level = level;
    head->cmsg_type = type;
    head->cmsg_len = CMSG_LEN(bytes);
    memcpy(CMSG_DATA(head), data, bytes);
    return CMSG_SPACE(bytes);
}

size_t hf_udp_control_source(sa_family_t family, const union hf_address *local, uint8_t *control)
{
    if (local == NULL || local->any.sa_family == AF_UNSPEC)
        return 0;
    if (family == AF_INET) { /* no interface named: the route decides */
        struct in_pktinfo info = {.ipi_spec_dst = local->v4.sin_addr};

        return put(control, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
    }
    struct in6_pktinfo info = {.ipi6_addr = local->any.sa_family == AF_INET ? mapped(local->v4.sin_addr)
                                                                            : local->v6.sin6_addr};

    return put(control, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
}

static union hf_address address_of_v6(const struct in6_addr *v6)
{
    struct sockaddr_storage name = {0};
    struct sockaddr_in6 from = {.sin6_family = AF_INET6, .sin6_addr = *v6};

    memcpy(&name, &from, sizeof(from));
    return hf_address_of(&name);
}

struct hf_udp_control hf_udp_control_read(struct msghdr *message)
{
    struct hf_udp_control control = {0};

    for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head != NULL; head = CMSG_NXTHDR(message, head)) {
        if (head->cmsg_level == IPPROTO_IP && head->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;

            memcpy(&info, CMSG_DATA(head), sizeof(info));
            control.local.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = info.ipi_spec_dst};
        } else if (head->cmsg_level == IPPROTO_IPV6 && head->cmsg_type == IPV6_PKTINFO &&
                   control.local.any.sa_family != AF_INET) { /* a dual socket may say it twice */
            struct in6_pktinfo info;

            memcpy(&info, CMSG_DATA(head), sizeof(info));
            if (!IN6_IS_ADDR_MULTICAST(&info.ipi6_addr))
                control.local = address_of_v6(&info.ipi6_addr);
        } else if (head->cmsg_level == SOL_SOCKET && head->cmsg_type == SO_RXQ_OVFL) {
            memcpy(&control.drops, CMSG_DATA(head), sizeof(control.drops));
            control.has_drops = true;
        }
    }
    return control;
}

bool hf_udp_socket_error(int fd, union hf_address *ret_peer, int *ret_errno)
{
    struct sockaddr_storage name = {0};
    _Alignas(8) uint8_t control[512]; /* the error and the sender of the ICMP message */
    uint8_t quoted[1];                /* of the datagram; not needed */
    struct iovec iov = {quoted, sizeof(quoted)};
    struct msghdr message = {.msg_name = &name,
                             .msg_namelen = sizeof(name),
                             .msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};

    if (recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
        return false;
    *ret_peer = hf_address_of(&name); /* the name of a report is where the datagram went */
    *ret_errno = 0;
    for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head != NULL; head = CMSG_NXTHDR(&message, head)) {
        struct sock_extended_err err;

        if (!(head->cmsg_level == IPPROTO_IP && head->cmsg_type == IP_RECVERR) &&
            !(head->cmsg_level == IPPROTO_IPV6 && head->cmsg_type == IPV6_RECVERR))
            continue;
        memcpy(&err, CMSG_DATA(head), sizeof(err));
        *ret_errno = (int)err.ee_errno;
    }
    return true;
}
