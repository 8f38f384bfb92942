/* io/notify.h - datagrams to the service manager: the protocol of sd_notify(3) over the AF_UNIX socket that
 * $NOTIFY_SOCKET names. Nothing is linked for it. */
#ifndef HF_IO_NOTIFY_H
#define HF_IO_NOTIFY_H

#include "base/err.h"
#include "base/slice.h"

/* Sends one datagram to `path` ('@' stands for the NUL of an abstract name). Never blocks. HF_ERR_INVALID (no socket
 * path), HF_ERR_AGAIN (the manager does not read), HF_ERR_IO. */
hf_err hf_notify_send(const char *path, struct hf_slice state);

#endif
