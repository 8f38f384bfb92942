/* adapter/ws/window.h - context takeover (RFC 7692 7.1.1): a connection's own compressor and decompressor, whose windows
 * live from message to message. Small messages that resemble each other become much smaller, for memory that other
 * connections share. So it is agreed to only with devices that have said who they are at the upgrade, and with at most
 * limits.windows_max of them at a time; the others get the answer without takeover, which every client must take.
 *
 * A window is a promise about every compressed byte that the peer has seen. Therefore only what goes straight to the link
 * is compressed in it; what waits in a queue may be dropped there, and broadcasts are encoded for many: both go plain. */
#ifndef HF_ADAPTER_WS_WINDOW_H
#define HF_ADAPTER_WS_WINDOW_H

#include "adapter/ws/conn.h"

enum { HF_WS_WINDOW_MEM_LEVEL = 5 }; /* of zlib: 16 KiB of tables instead of 128 at the usual 8 */

struct hf_ws_window {
    struct hf_ws_deflater *deflater; /* owns; NULL until the first use */
    struct hf_ws_inflater *inflater; /* owns; NULL until the first use */
    uint8_t deflater_bits;           /* 0 = the server's window is not taken over */
    uint8_t inflater_bits;           /* 0 = nor is the client's */
};

/* What was agreed is *agreed; where there is no room for a window (or may_have is false) it becomes an agreement
 * without takeover. */
void hf_ws_window_open(struct hf_ws_conn *conn, bool may_have, struct hf_ws_deflate *agreed);
void hf_ws_window_close(struct hf_ws_conn *conn); /* harmless without one */

/* NULL: the connection has none in this direction; for the compressor also: no memory, the message goes plain. */
struct hf_ws_deflater *hf_ws_window_deflater(struct hf_ws_conn *conn);
/* A message was compressed and not sent: nothing later may refer to it. */
void hf_ws_window_forget(struct hf_ws_conn *conn);
/* *ret_inflater: the connection's own, or the worker's. HF_ERR_NOMEM. */
hf_err hf_ws_window_inflater(struct hf_ws_conn *conn, struct hf_ws_inflater **ret_inflater);

static inline bool hf_ws_window_deflates(const struct hf_ws_conn *conn)
{
    return conn->window != NULL && conn->window->deflater_bits != 0;
}

static inline bool hf_ws_window_inflates(const struct hf_ws_conn *conn)
{
    return conn->window != NULL && conn->window->inflater_bits != 0;
}

#endif
