/* io/listener.h - listening TCP sockets. Each worker has its own listener for an address (SO_REUSEPORT: the kernel
 * spreads connections over them). Accepted sockets are non-blocking, close-on-exec and inherit the options of
 * io/socket.h from the listener, so an accept costs one system call.
 *
 * One descriptor is kept in reserve: when the process or the system has none left (EMFILE, ENFILE) it is given up
 * for the moment it takes to accept and refuse one waiting connection. Without it the ready listener would spin.
 * When even that fails, accepting stops for HF_LISTENER_PAUSE_MS. */
#ifndef HF_IO_LISTENER_H
#define HF_IO_LISTENER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"
#include "io/loop.h"
#include "io/socket.h"

enum {
    HF_LISTENER_BACKLOG = 4096,
    HF_LISTENER_BUDGET = 256 /* accepts per turn */,
    HF_LISTENER_PAUSE_MS = 100
};

struct hf_listener; /* opaque */

/* Owns fd from here: opens a stream over it, or refuses (hf_socket_refuse) and closes. May close the listener. */
typedef void hf_accept_fn(struct hf_listener *listener, int fd, const struct sockaddr_storage *peer);

struct hf_listener_options {
    union hf_address address; /* port 0: the kernel chooses, see hf_listener_address */
    bool v6_only;             /* for an IPv6 address; otherwise it takes IPv4, too */
    /* The first listener of this address in this process: another process there is HF_ERR_EXISTS. Without it SO_REUSEPORT
     * would let both of the same user listen, and each would get a share of the connections. */
    bool first;
    unsigned backlog, budget; /* 0 = default */
    unsigned user_timeout_ms; /* TCP_USER_TIMEOUT, 0 = default */
    const char *refusal; /* sent to a connection refused for want of descriptors; borrowed, may be NULL */
    hf_accept_fn *on_accept;
    void *user;
};

struct hf_listener_stats {
    uint64_t accepted, refused_no_descriptor, accept_errors /* the peer was gone already */, pauses;
};

/* HF_ERR_EXISTS: the address is in use. HF_ERR_INVALID: it is not one of this machine. HF_ERR_DENIED: the port is
 * privileged. HF_ERR_NOMEM, HF_ERR_IO; errno tells more. */
hf_err hf_listener_open(struct hf_loop *loop, const struct hf_listener_options *options,
                        struct hf_listener **ret_listener);
void hf_listener_close(struct hf_listener *listener); /* NULL is harmless; connections that wait get a RST */
void hf_listener_stop(struct hf_listener *listener);  /* they wait in the kernel's backlog */
void hf_listener_resume(struct hf_listener *listener);
union hf_address hf_listener_address(const struct hf_listener *listener); /* the real port */
void *hf_listener_user(const struct hf_listener *listener);
struct hf_loop *hf_listener_loop(const struct hf_listener *listener);
struct hf_listener_stats hf_listener_stats(const struct hf_listener *listener);

#endif
