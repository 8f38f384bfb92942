#include "io/udp_fan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"

enum { SLOT_BYTES = 2048, SEND_BUFFER_BYTES = 4 << 20 };

struct hf_udp_fan {
    struct hf_turn_hook hook;
    int fd;
    sa_family_t family;
    unsigned packets, messages;
    struct hf_udp_fan_stats stats;
    struct mmsghdr headers[HF_UDP_FAN_MESSAGES];
    struct iovec iov[HF_UDP_FAN_PACKETS];
    union hf_address peers[HF_UDP_FAN_MESSAGES];
    uint8_t *large[HF_UDP_FAN_PACKETS]; /* owns: of packets above a slot */
    uint8_t slots[HF_UDP_FAN_PACKETS][SLOT_BYTES];
};

static void flush(struct hf_udp_fan *fan)
{
    unsigned done = 0;

    while (done < fan->messages) {
        int sent = sendmmsg(fan->fd, fan->headers + done, fan->messages - done, MSG_NOSIGNAL);

        fan->stats.sends++;
        if (sent > 0) {
            fan->stats.sent += (unsigned)sent;
            done += (unsigned)sent;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) {
            fan->stats.refused += fan->messages - done;
            break;
        } else if (errno != EINTR) {
            fan->stats.errors++; /* this peer, or an earlier one's report: the others go on */
            done++;
        }
    }
    for (unsigned i = 0; i < fan->packets; i++) {
        free(fan->large[i]);
        fan->large[i] = NULL;
    }
    fan->packets = fan->messages = 0;
}

static void on_turn_end(struct hf_turn_hook *hook, uint64_t now_ms)
{
    (void)now_ms;
    flush(HF_CONTAINER_OF(hook, struct hf_udp_fan, hook));
}

hf_err hf_udp_fan_open(struct hf_loop *loop, const union hf_address *address, struct hf_udp_fan **ret_fan)
{
    struct hf_udp_fan *fan = calloc(1, sizeof(*fan));
    int on = 1, bytes = SEND_BUFFER_BYTES;

    if (fan == NULL)
        return HF_ERR_NOMEM;
    fan->family = address->any.sa_family;
    fan->fd = socket(fan->family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fan->fd < 0 ||
        (fan->family == AF_INET6 && setsockopt(fan->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0) ||
        bind(fan->fd, &address->any, hf_address_bytes(address)) != 0) {
        hf_err err = errno == EADDRINUSE      ? HF_ERR_EXISTS
                     : errno == EADDRNOTAVAIL ? HF_ERR_INVALID
                                              : HF_ERR_IO;

        if (fan->fd >= 0)
            close(fan->fd);
        free(fan);
        return err;
    }
    /* Less is no failure, and shows in stats.refused. */
    if (setsockopt(fan->fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) != 0)
        (void)setsockopt(fan->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    fan->hook.on_turn_end = on_turn_end;
    hf_list_init(&fan->hook.node);
    hf_loop_hook_add(loop, &fan->hook);
    *ret_fan = fan;
    return HF_OK;
}

void hf_udp_fan_close(struct hf_udp_fan *fan)
{
    if (fan == NULL)
        return;
    flush(fan);
    hf_loop_hook_remove(&fan->hook);
    close(fan->fd);
    free(fan);
}

bool hf_udp_fan_packet(struct hf_udp_fan *fan, const void *data, size_t bytes)
{
    uint8_t *at;

    HF_ASSERT(bytes > 0);
    if (bytes > HF_UDP_FAN_BYTES_MAX)
        return false;
    if (fan->packets == HF_UDP_FAN_PACKETS || fan->messages == HF_UDP_FAN_MESSAGES)
        flush(fan);
    at = fan->slots[fan->packets];
    if (bytes > SLOT_BYTES && (at = fan->large[fan->packets] = malloc(bytes)) == NULL)
        return false;
    memcpy(at, data, bytes);
    fan->iov[fan->packets++] = (struct iovec){at, bytes};
    return true;
}

void hf_udp_fan_to(struct hf_udp_fan *fan, const union hf_address *peer)
{
    struct msghdr *header;

    HF_ASSERT(fan->packets > 0 && peer->any.sa_family == fan->family);
    if (fan->messages ==
        HF_UDP_FAN_MESSAGES) { /* the packet goes on with the next batch: it becomes its first */
        struct iovec last = fan->iov[fan->packets - 1];
        uint8_t *large = fan->large[fan->packets - 1];

        fan->large[fan->packets - 1] = NULL;
        flush(fan);
        if (large == NULL && last.iov_base != fan->slots[0])
            memcpy(fan->slots[0], last.iov_base, last.iov_len);
        fan->large[0] = large;
        fan->iov[0] = (struct iovec){large != NULL ? large : fan->slots[0], last.iov_len};
        fan->packets = 1;
    }
    fan->peers[fan->messages] = *peer;
    header = &fan->headers[fan->messages].msg_hdr;
    *header = (struct msghdr){.msg_name = &fan->peers[fan->messages],
                              .msg_namelen = hf_address_bytes(peer),
                              .msg_iov = &fan->iov[fan->packets - 1],
                              .msg_iovlen = 1};
    fan->messages++;
}

struct hf_udp_fan_stats hf_udp_fan_stats(const struct hf_udp_fan *fan)
{
    return fan->stats;
}
