/* cli/ws_client.h - one WebSocket connection of a command: dial, TLS, upgrade, frames, close, by poll() and with a deadline for
 * each stage. Pings are answered by itself. Source: RFC 6455, client role; WS-4: a fresh key for every attempt, the whole
 * answer is checked before any frame; WS-17 for the classes of failure. */
#ifndef HF_CLI_WS_CLIENT_H
#define HF_CLI_WS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

enum {
    HF_CLI_WS_DIAL_MS = 10000, /* name, TCP, TLS and upgrade together */
    HF_CLI_WS_MESSAGE_BYTES_MAX = 64 << 20,
    HF_CLI_WS_CLOSE_MS = 5000,  /* the peer's Close is awaited */
    HF_CLI_WS_WRITE_MS = 30000, /* output that makes no progress */
};

struct hf_cli_ws; /* opaque */

struct hf_cli_ws_config {
    const char *url;                            /* ws:// wss:// http:// or https:// */
    const char *protocols;                      /* comma list or NULL */
    const char *token;                          /* for an Authorization header, or NULL */
    const char *ca_file, *cert_file, *key_file; /* PEM or NULL */
    bool insecure;
};

#define HF_CLI_WS_FAILURE_MAP(X)              \
    X(HF_CLI_WS_BAD_URL, "BAD_URL")           \
    X(HF_CLI_WS_REFUSED, "REFUSED")           \
    X(HF_CLI_WS_TIMEOUT, "TIMEOUT")           \
    X(HF_CLI_WS_TLS_FAILED, "TLS_FAILED")     \
    X(HF_CLI_WS_HTTP_REFUSED, "HTTP_REFUSED") \
    X(HF_CLI_WS_AUTH_REFUSED, "AUTH_REFUSED") \
    X(HF_CLI_WS_LOCAL, "LOCAL")
#define HF_CLI_WS_FAILURE_ENUM(id, name) id,
enum hf_cli_ws_cause { HF_CLI_WS_FAILURE_MAP(HF_CLI_WS_FAILURE_ENUM) HF_CLI_WS_CAUSES };
#undef HF_CLI_WS_FAILURE_ENUM
const char *hf_cli_ws_cause_name(enum hf_cli_ws_cause cause);

struct hf_cli_ws_failure {
    enum hf_cli_ws_cause cause;
    unsigned http_status; /* 0 = none */
    char text[512];       /* for people: what failed and why */
};

/* HF_OK gives the open connection. Anything else: *ret_failure is filled. */
hf_err hf_cli_ws_open(const struct hf_cli_ws_config *config, struct hf_cli_ws **ret_ws,
                      struct hf_cli_ws_failure *ret_failure);
void hf_cli_ws_free(struct hf_cli_ws *ws); /* drops what is open; NULL is harmless */
const char *hf_cli_ws_conn_id(
    const struct hf_cli_ws *ws); /* what the gateway calls it; "" = it did not say */
const char *hf_cli_ws_protocol(const struct hf_cli_ws *ws); /* chosen sub-protocol or "" */

enum hf_cli_ws_event_type {
    HF_CLI_WS_TIME,    /* wait_ms is over */
    HF_CLI_WS_OTHER,   /* one of the other descriptors can be read: other */
    HF_CLI_WS_MESSAGE, /* data, text */
    HF_CLI_WS_CLOSED, /* the closing handshake is through: code, data is the reason; by_peer tells who began */
    HF_CLI_WS_LOST,   /* it broke without one: error */
};
struct hf_cli_ws_event {
    enum hf_cli_ws_event_type type;
    bool text, by_peer;
    int other;
    uint16_t code;        /* HF_WS_CODE_NONE = a Close without a code */
    struct hf_slice data; /* borrowed until the next call */
    char error[128];
};

enum { HF_CLI_WS_OTHERS = 2 };

/* Waits for the next thing, at most wait_ms (UINT64_MAX = for ever). others: descriptors to watch beside, -1 = none. */
void hf_cli_ws_next(struct hf_cli_ws *ws, uint64_t wait_ms, const int others[HF_CLI_WS_OTHERS],
                    struct hf_cli_ws_event *ret_event);

/* One message, sent whole before this returns. HF_ERR_TIMEOUT, HF_ERR_IO, HF_ERR_NOMEM. */
hf_err hf_cli_ws_send(struct hf_cli_ws *ws, bool text, struct hf_slice data);
/* Begins the closing handshake; hf_cli_ws_next() goes on until CLOSED or LOST. */
hf_err hf_cli_ws_close(struct hf_cli_ws *ws, uint16_t code, const char *reason);

#endif
