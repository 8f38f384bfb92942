#include "io/socket.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/slice.h"

enum { DRAIN_BYTES = 4096 };

static bool parse_port(const char *text, uint16_t *ret_port)
{
    uint64_t port;

    if (!hf_slice_to_u64(hf_slice_of(text), &port) || port > UINT16_MAX)
        return false;
    *ret_port = htons((uint16_t)port);
    return true;
}

hf_err hf_address_parse(const char *text, union hf_address *ret_address)
{
    char host[HF_SOCKET_TEXT_MAX];
    const char *colon = strrchr(text, ':');
    size_t host_bytes = colon != NULL ? (size_t)(colon - text) : 0;
    union hf_address address;
    uint16_t port;

    if (colon == NULL || host_bytes >= sizeof(host) || !parse_port(colon + 1, &port))
        return HF_ERR_MALFORMED;
    memcpy(host, text, host_bytes);
    host[host_bytes] = '\0';
    memset(&address, 0, sizeof(address));
    if (host_bytes == 0 || strcmp(host, "*") == 0) {
        address.v6.sin6_family = AF_INET6;
        address.v6.sin6_port = port;
    } else if (host[0] == '[' && host[host_bytes - 1] == ']') {
        host[host_bytes - 1] = '\0';
        address.v6.sin6_family = AF_INET6;
        address.v6.sin6_port = port;
        if (inet_pton(AF_INET6, host + 1, &address.v6.sin6_addr) != 1)
            return HF_ERR_MALFORMED;
    } else {
        address.v4.sin_family = AF_INET;
        address.v4.sin_port = port;
        if (inet_pton(AF_INET, host, &address.v4.sin_addr) != 1)
            return HF_ERR_MALFORMED;
    }
    *ret_address = address;
    return HF_OK;
}

hf_err hf_address_parse_host(const char *host, uint16_t port, union hf_address *ret_address)
{
    char text[HF_SOCKET_TEXT_MAX];
    int bytes =
        snprintf(text, sizeof(text), strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u", host, (unsigned)port);

    return bytes > 0 && bytes < (int)sizeof(text) ? hf_address_parse(text, ret_address) : HF_ERR_MALFORMED;
}

union hf_address hf_address_of(const struct sockaddr_storage *from)
{
    union hf_address address;

    memset(&address, 0, sizeof(address)); /* AF_UNSPEC is 0 */
    if (from->ss_family == AF_INET) {
        memcpy(&address.v4, from, sizeof(address.v4));
        return address;
    }
    if (from->ss_family != AF_INET6)
        return address;
    memcpy(&address.v6, from, sizeof(address.v6));
    if (IN6_IS_ADDR_V4MAPPED(&address.v6.sin6_addr)) {
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = address.v6.sin6_port};

        memcpy(&v4.sin_addr, &address.v6.sin6_addr.s6_addr[12], sizeof(v4.sin_addr));
        memset(&address, 0, sizeof(address));
        address.v4 = v4;
    }
    return address;
}

socklen_t hf_address_bytes(const union hf_address *address)
{
    return address->any.sa_family == AF_INET ? sizeof(address->v4) : sizeof(address->v6);
}

uint16_t hf_address_port(const union hf_address *address)
{
    switch (address->any.sa_family) {
    case AF_INET: return ntohs(address->v4.sin_port);
    case AF_INET6: return ntohs(address->v6.sin6_port);
    default: return 0;
    }
}

union hf_address hf_address_with_port(union hf_address address, uint16_t port)
{
    if (address.any.sa_family == AF_INET)
        address.v4.sin_port = htons(port);
    else if (address.any.sa_family == AF_INET6)
        address.v6.sin6_port = htons(port);
    return address;
}

void hf_address_text(const union hf_address *address, char ret_text[HF_SOCKET_TEXT_MAX])
{
    char host[INET6_ADDRSTRLEN];
    bool v6 = address->any.sa_family == AF_INET6;
    const void *at = v6 ? (const void *)&address->v6.sin6_addr : (const void *)&address->v4.sin_addr;

    if (address->any.sa_family == AF_UNSPEC ||
        inet_ntop(address->any.sa_family, at, host, sizeof(host)) == NULL) {
        memcpy(ret_text, "-", 2);
        return;
    }
    snprintf(ret_text, HF_SOCKET_TEXT_MAX, v6 ? "[%s]:%u" : "%s:%u", host, hf_address_port(address));
}

static bool set_option(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

hf_err hf_socket_set_user_timeout(int fd, unsigned user_timeout_ms)
{
    if (user_timeout_ms == 0)
        user_timeout_ms = HF_SOCKET_USER_TIMEOUT_MS;
    user_timeout_ms = HF_MAX(user_timeout_ms, (unsigned)HF_SOCKET_USER_TIMEOUT_MS_MIN);
    user_timeout_ms = HF_MIN(user_timeout_ms, (unsigned)INT32_MAX);
    return set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)user_timeout_ms) ? HF_OK : HF_ERR_IO;
}

hf_err hf_socket_tune(int fd, unsigned user_timeout_ms)
{
    if (!set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1) || !set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1) ||
        !set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, HF_SOCKET_KEEP_IDLE_S) ||
        !set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, HF_SOCKET_KEEP_INTERVAL_S) ||
        !set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, HF_SOCKET_KEEP_PROBES))
        return HF_ERR_IO;
    return hf_socket_set_user_timeout(fd, user_timeout_ms);
}

void hf_socket_refuse(int fd, const void *data, size_t bytes)
{
    uint8_t drained[DRAIN_BYTES];

    if (bytes > 0)
        (void)send(fd, data, bytes, MSG_DONTWAIT | MSG_NOSIGNAL); /* best effort: it is gone if that fails */
    (void)shutdown(fd, SHUT_WR);
    (void)recv(fd, drained, sizeof(drained), MSG_DONTWAIT);
    close(fd);
}

void hf_socket_reset(int fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)); /* then it closes in the polite way */
    close(fd);
}
