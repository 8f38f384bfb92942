/* io/socket.h - options, addresses and small acts on TCP sockets, shared by listeners and clients. */
#ifndef HF_IO_SOCKET_H
#define HF_IO_SOCKET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"

enum {
    HF_SOCKET_KEEP_IDLE_S = 60,
    HF_SOCKET_KEEP_INTERVAL_S = 15,
    HF_SOCKET_KEEP_PROBES = 3,
    HF_SOCKET_USER_TIMEOUT_MS_MIN = 10000,
    HF_SOCKET_USER_TIMEOUT_MS = 30000, /* default */
    HF_SOCKET_TEXT_MAX = 64,           /* "[v6]:port" and its NUL fit */
};

/* An IPv4 or IPv6 address with its port in 28 bytes; any.sa_family is AF_UNSPEC when there is none. */
union hf_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* "127.0.0.1:1883", "[::1]:1883", ":1883" or "*:1883" (any IPv6 and IPv4), no names. HF_ERR_MALFORMED. */
hf_err hf_address_parse(const char *text, union hf_address *ret_address);
/* A numeric host without brackets, "" and "*" as above, and a port. HF_ERR_MALFORMED. */
hf_err hf_address_parse_host(const char *host, uint16_t port, union hf_address *ret_address);
/* Takes AF_INET and AF_INET6 (v4-mapped addresses become IPv4); anything else gives AF_UNSPEC. */
union hf_address hf_address_of(const struct sockaddr_storage *from);
socklen_t hf_address_bytes(const union hf_address *address);
uint16_t hf_address_port(const union hf_address *address);
union hf_address hf_address_with_port(union hf_address address, uint16_t port); /* AF_UNSPEC stays as it is */
void hf_address_text(const union hf_address *address, char ret_text[HF_SOCKET_TEXT_MAX]); /* "-" when none */

/* The options of every socket: TCP_NODELAY, SO_KEEPALIVE 60 s / 15 s / 3, TCP_USER_TIMEOUT (raised to the
 * minimum of 10 s; 0 = the default). A listener hands them down to what it accepts. HF_ERR_IO. */
hf_err hf_socket_tune(int fd, unsigned user_timeout_ms);
/* TCP_USER_TIMEOUT alone, for a connection whose heartbeat terms have become known. */
hf_err hf_socket_set_user_timeout(int fd, unsigned user_timeout_ms);

struct hf_socket_info {    /* of TCP_INFO and SIOCINQ */
    uint64_t acked_bytes;  /* ours that the peer's kernel has acknowledged since the connection began */
    uint32_t rtt_us;       /* smoothed */
    uint32_t unread_bytes; /* the peer's that lie here */
};
/* Leaves zeroes where the kernel does not know (before 4.1, or no TCP socket). socket_info.c */
struct hf_socket_info hf_socket_info(int fd);
/* How long ago the kernel completed this accepted connection; asked before anything was sent on it. By the kernel's ticks: 4 ms at worst of those in use (CONFIG_HZ). */
uint32_t hf_socket_waited_ms(int fd);

/* Says no: sends what the kernel takes at once, closes the write side, reads once what is there, so that the close
 * is not a RST that destroys the answer, and closes fd. Never blocks. data may be NULL with 0 bytes. */
void hf_socket_refuse(int fd, const void *data, size_t bytes);
/* Closes with RST: nothing lingers, nothing more is delivered. */
void hf_socket_reset(int fd);

#endif
