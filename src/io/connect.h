/* io/connect.h - non-blocking client connections. */
#ifndef HF_IO_CONNECT_H
#define HF_IO_CONNECT_H

#include "base/err.h"
#include "io/socket.h"
#include "io/stream.h"

/* Starts a connect() and gives its descriptor, tuned as io/socket.h says. local may be NULL; with port 0 the kernel
 * chooses the port at connect time (IP_BIND_ADDRESS_NO_PORT), so that one local address serves as many connections
 * as there are ports for each remote one. HF_ERR_LIMIT: no descriptor. HF_ERR_BUSY: no free local port.
 * HF_ERR_INVALID: bad address. HF_ERR_IO: refused or unreachable at once; errno tells. */
hf_err hf_connect_fd(const union hf_address *remote, const union hf_address *local, int *ret_fd);

/* The same as a stream of the loop: options->connecting is implied; options->on_ready comes when it is usable. With
 * options->ssl the caller keeps that on error. Errors as above and those of hf_stream_open. */
hf_err hf_connect(struct hf_loop *loop, const union hf_address *remote, const union hf_address *local,
                  const struct hf_stream_options *options, const struct hf_link_handler *handler, void *user,
                  struct hf_stream **ret_stream);

/* The address of ours, with port 0, from which the kernel would speak to `remote`; nothing is sent. Errors as of hf_connect_fd. */
hf_err hf_connect_route(const union hf_address *remote, union hf_address *ret_local);

#endif
