/* io/udp_testkit.h - for tests only: endpoints that record what they are told, and plain sockets as their peers. */
#ifndef HF_IO_UDP_TESTKIT_H
#define HF_IO_UDP_TESTKIT_H

#include "base/assert.h"
#include "io/stream_testkit.h"
#include "io/udp.h"

enum { KIT_GOT_MAX = 4096, KIT_HEAD_BYTES = 8 };

struct kit_udp {
    struct hf_loop *loop;
    struct hf_udp *udp;
    union hf_address address; /* as a peer on this machine reaches it */
    unsigned got;
    struct {
        size_t bytes;
        uint64_t sum;
        char head[KIT_HEAD_BYTES];
        union hf_address peer, local;
    } datagrams[KIT_GOT_MAX];
    unsigned errors;
    union hf_address error_peer;
    int error;
    bool echo, close_at_first, close_at_error, resend_at_error;
};

KIT uint64_t kit_sum(const void *data, size_t bytes)
{
    const uint8_t *at = data;
    uint64_t sum = bytes;

    for (size_t i = 0; i < bytes; i++)
        sum = sum * 31 + at[i];
    return sum;
}

KIT void kit_udp_close(struct kit_udp *kit)
{
    hf_udp_close(kit->udp);
    kit->udp = NULL;
}

KIT void kit_on_datagram(struct hf_udp *udp, const struct hf_datagram *datagram)
{
    struct kit_udp *kit = hf_udp_user(udp);

    assert_ptr_equal(hf_udp_loop(udp), kit->loop);
    assert_true(kit->got < KIT_GOT_MAX);
    kit->datagrams[kit->got].bytes = datagram->data.bytes;
    kit->datagrams[kit->got].sum = kit_sum(datagram->data.at, datagram->data.bytes);
    memcpy(kit->datagrams[kit->got].head, datagram->data.at,
           HF_MIN(datagram->data.bytes, (size_t)KIT_HEAD_BYTES));
    kit->datagrams[kit->got].peer = *datagram->peer;
    kit->datagrams[kit->got].local = *datagram->local;
    kit->got++;
    if (kit->echo)
        assert_int_equal(
            hf_udp_send(udp, datagram->local, datagram->peer, datagram->data.at, datagram->data.bytes),
            HF_OK);
    if (kit->close_at_first)
        kit_udp_close(kit);
}

KIT void kit_on_error(struct hf_udp *udp, const union hf_address *peer, int sys_errno)
{
    struct kit_udp *kit = hf_udp_user(udp);

    kit->errors++;
    kit->error_peer = *peer;
    kit->error = sys_errno;
    if (kit->resend_at_error)
        assert_int_equal(hf_udp_send(udp, NULL, peer, "again", 5), HF_OK);
    if (kit->close_at_error)
        kit_udp_close(kit);
}

KIT union hf_address kit_address(const char *text, uint16_t port)
{
    union hf_address address;

    assert_int_equal(hf_address_parse(text, &address), HF_OK);
    if (address.any.sa_family == AF_INET)
        address.v4.sin_port = htons(port);
    else
        address.v6.sin6_port = htons(port);
    return address;
}

/* with may be NULL. */
KIT struct kit_udp *kit_udp_open(struct hf_loop *loop, const char *address, const struct hf_udp_options *with)
{
    struct hf_udp_options options = with != NULL ? *with : (struct hf_udp_options){0};
    struct kit_udp *kit = calloc(1, sizeof(*kit));

    assert_non_null(kit);
    kit->loop = loop;
    assert_int_equal(hf_address_parse(address, &options.address), HF_OK);
    options.on_datagram = kit_on_datagram;
    options.on_error = kit_on_error;
    options.user = kit;
    assert_int_equal(hf_udp_open(loop, &options, &kit->udp), HF_OK);
    kit->address = hf_udp_address(kit->udp);
    assert_true(hf_address_port(&kit->address) != 0);
    return kit;
}

KIT void kit_udp_free(struct kit_udp *kit)
{
    kit_udp_close(kit);
    free(kit);
}

KIT int kit_plain(const char *address,
                  union hf_address *ret_address) /* a bound socket that waits for its answers */
{
    struct timeval patience = {.tv_sec = 10};
    int fd;
    socklen_t bytes = sizeof(*ret_address);

    assert_int_equal(hf_address_parse(address, ret_address), HF_OK);
    fd = socket(ret_address->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, &ret_address->any, hf_address_bytes(ret_address)), 0);
    assert_int_equal(getsockname(fd, &ret_address->any, &bytes), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    return fd;
}

KIT void kit_throw(int fd, const union hf_address *to, const void *data, size_t bytes)
{
    assert_int_equal(sendto(fd, data, bytes, 0, &to->any, hf_address_bytes(to)), bytes);
}

KIT void kit_assert_address(const union hf_address *got, const union hf_address *want)
{
    char got_text[HF_SOCKET_TEXT_MAX], want_text[HF_SOCKET_TEXT_MAX];

    hf_address_text(got, got_text);
    hf_address_text(want, want_text);
    assert_string_equal(got_text, want_text);
}

#endif
