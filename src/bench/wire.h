/* bench/wire.h - one client socket, plain or TLS, as the generator wants it: edge-triggered, no copy, no buffer. */
#ifndef HF_BENCH_WIRE_H
#define HF_BENCH_WIRE_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/result.h"
#include "bench/target.h"
#include "io/tls_client.h"

struct hf_bench_wire {
    int fd;   /* -1 = none */
    SSL *ssl; /* NULL = plain; owns */
};

enum hf_bench_io { /* what a read or write came to, when it is not a count of bytes */
                   HF_BENCH_IO_AGAIN = -1,
                   HF_BENCH_IO_EOF = -2,
                   HF_BENCH_IO_ERROR = -3,
};

/* Starts connecting and adds the socket to epoll (in, out, rdhup; edge-triggered) with `tag`. source may be NULL.
 * A socket that rests is taken again, with the source that it has. On failure *ret_cause says REFUSED, TIMEOUT or LOCAL and
 * nothing is left open. */
bool hf_bench_wire_dial(struct hf_bench_wire *wire, int epoll_fd, void *tag,
                        const struct hf_bench_target *target, const struct sockaddr_storage *source,
                        socklen_t source_bytes, enum hf_bench_cause *ret_cause);

/* After the first EPOLLOUT. False: *ret_cause. */
bool hf_bench_wire_connected(struct hf_bench_wire *wire, enum hf_bench_cause *ret_cause);

/* Begins TLS. False on no memory. */
bool hf_bench_wire_tls_begin(struct hf_bench_wire *wire, struct hf_tls_client *client, const char *host);
/* 0 = done, HF_BENCH_IO_AGAIN, HF_BENCH_IO_ERROR. */
int hf_bench_wire_tls_step(struct hf_bench_wire *wire);

/* Bytes (> 0) or enum hf_bench_io. */
ssize_t hf_bench_wire_read(struct hf_bench_wire *wire, void *out, size_t bytes);
ssize_t hf_bench_wire_write(struct hf_bench_wire *wire, const void *data, size_t bytes);

/* Ends the connection by a reset and keeps the socket, its source and its place in epoll for the next dial: a flood that
 * makes a socket for each connection is busy with itself. Closed if that does not go. */
void hf_bench_wire_rest(struct hf_bench_wire *wire);

/* abort: reset instead of FIN, so that no TIME_WAIT keeps the port. Harmless when closed. */
void hf_bench_wire_close(struct hf_bench_wire *wire, bool abort);

#endif
