/* cli/ws_dial.h - the way to an open WebSocket, for cli/ws_client.c alone: URL, name, TCP, TLS, upgrade, and reading and writing the
 * socket by poll() with a deadline. */
#ifndef HF_CLI_WS_DIAL_H
#define HF_CLI_WS_DIAL_H

#include <openssl/ssl.h>

#include "cli/ws_client.h"
#include "io/tls_client.h"

struct hf_cli_wire {
    int fd; /* non-blocking; -1 = none */
    struct hf_tls_client *tls;
    SSL *ssl;
    bool want_write; /* TLS waits for room before it can read */
};

enum { HF_CLI_WS_HEAD_BYTES_MAX = 16384 };

struct hf_cli_dialed {
    struct hf_cli_wire wire;
    uint8_t in[HF_CLI_WS_HEAD_BYTES_MAX]; /* after the upgrade: what came behind its head */
    size_t in_bytes;
    char conn_id[32], protocol[64];
};

hf_err hf_cli_ws_dial(const struct hf_cli_ws_config *config, struct hf_cli_dialed *ret_dialed,
                      struct hf_cli_ws_failure *ret_failure);

void hf_cli_wire_close(struct hf_cli_wire *wire);
/* Bytes (> 0). HF_ERR_AGAIN, HF_ERR_CLOSED (the peer's end), HF_ERR_IO. */
hf_err hf_cli_wire_read(struct hf_cli_wire *wire, void *out, size_t out_bytes, size_t *ret_bytes);
/* All of it, or HF_ERR_TIMEOUT, HF_ERR_IO. */
hf_err hf_cli_wire_write(struct hf_cli_wire *wire, const void *data, size_t bytes, uint64_t until_ms);
int hf_cli_left_ms(uint64_t until_ms); /* until then, for poll() */
/* HF_OK when the socket is ready for events (poll's), HF_ERR_TIMEOUT. */
hf_err hf_cli_wire_wait(const struct hf_cli_wire *wire, short events, uint64_t until_ms);

#endif
