/* bench/conn.h - one WebSocket client connection of the generator: dial, TLS, upgrade, frames, close.
 * All connections of a process share one struct hf_bench_net. Failures are counted there by cause, stages in its
 * histograms; the mode hears of opening, messages, room to send and the end through the handler.
 * Source: RFC 6455 client role; WS-4: every attempt has its own random key and the whole answer is checked. */
#ifndef HF_BENCH_CONN_H
#define HF_BENCH_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "base/wheel.h"
#include "bench/config.h"
#include "bench/result.h"
#include "bench/sequence.h"
#include "bench/target.h"
#include "bench/wire.h"
#include "codec/ws/assembly.h"
#include "codec/ws/frame.h"

enum {
    HF_BENCH_IN_BYTES = 65536,
    HF_BENCH_OUT_BYTES = HF_BENCH_PAYLOAD_BYTES_MAX + HF_WS_HEAD_BYTES_MAX,
    HF_BENCH_HEAD_BYTES_MAX = 8192, /* of a request or an answer */
    HF_BENCH_CLOSE_MS = 2000,       /* wait for the peer's side of a close */
};

enum hf_bench_conn_state {
    HF_BENCH_CONN_IDLE,
    HF_BENCH_CONN_TCP,
    HF_BENCH_CONN_SILENT, /* flood: connected, waits for a refusal that needs no request */
    HF_BENCH_CONN_TLS,
    HF_BENCH_CONN_UPGRADE,
    HF_BENCH_CONN_OPEN,
    HF_BENCH_CONN_CLOSING, /* our Close frame is out */
};

struct hf_bench_handshake; /* exists between dial and open */

struct hf_bench_session {          /* session.h's */
    uint8_t id[16];                /* as WELCOME told it; all zero before */
    uint64_t queue_id;             /* of our uplink; 0 before the first HELLO */
    uint64_t acked;                /* durable through, of our uplink */
    struct hf_bench_sequence down; /* of the downlink, whose number 1 is its 0 */
    uint64_t contiguous;           /* of the downlink: received through, while there is a hole */
    uint64_t gone;                 /* downlink messages that a GAP declared lost */
    uint64_t sampled_ns;           /* --samples: the last one's time */
    uint64_t samples;              /* made so far */
    uint32_t beat_seq;
    uint16_t window;
    bool greeting, ack_due;
};

struct hf_bench_conn {
    struct hf_timer timer; /* armed while opening and while closing */
    struct hf_bench_net *net;
    struct hf_bench_wire wire;
    enum hf_bench_conn_state state;
    uint32_t index;                       /* among the connections of this process */
    uint64_t intended_ns, stage_ns;       /* when this dial was meant to begin; when the stage began */
    struct hf_bench_handshake *handshake; /* owns */
    struct hf_ws_decoder decoder;
    struct hf_ws_assembly *assembly; /* owns; a message cut by the network */
    uint8_t *out;                    /* owns; the part of a frame that the kernel did not take */
    uint32_t out_at, out_bytes;
    uint64_t owed, sent; /* the mode's: messages due so far, messages sent */
    size_t raw_bytes;    /* the mode's: of an answer that is not complete yet (--raw-tcp) */
    uint64_t offset_min; /* the mode's: smallest log offset that the next ack may carry */
    struct hf_bench_sequence sequence;
    struct hf_bench_session session;
};

struct hf_bench_handler {
    void (*on_open)(struct hf_bench_conn *conn, uint64_t now_ns);
    void (*on_message)(struct hf_bench_conn *conn, const uint8_t *data, size_t bytes, uint64_t now_ns);
    void (*on_read_over)(struct hf_bench_conn *conn); /* open, and all that could be read was handed on */
    void (*on_writable)(struct hf_bench_conn *conn, uint64_t now_ns); /* after a send said AGAIN */
    void (*on_end)(struct hf_bench_conn *conn, uint64_t now_ns);      /* idle again, whatever the cause */
};

struct hf_bench_net { /* one for each process */
    const struct hf_bench_config *config;
    const struct hf_bench_target *target;
    const struct hf_bench_sources *sources;
    struct hf_tls_client *tls; /* NULL without wss */
    const struct hf_bench_handler *handler;
    /* Writes target and extra header lines for a connection; user is the worker. False: no token. */
    bool (*write_path)(void *user, const struct hf_bench_conn *conn, char *out, size_t out_bytes);
    void *user;
    struct hf_bench_result *result;
    struct hf_wheel *wheel;
    struct hf_rng rng; /* mask keys */
    struct hf_ws_config ws;
    int epoll_fd;
    unsigned source_next;
    uint32_t opening, open; /* connections in these states now */
    bool ending;            /* the run is over: a lost connection is no failure any more */
    uint8_t in[HF_BENCH_IN_BYTES];
    uint8_t out[HF_BENCH_OUT_BYTES];
};

void hf_bench_net_init(struct hf_bench_net *net); /* after the fields above ws are set */
void hf_bench_conn_init(struct hf_bench_conn *conn, struct hf_bench_net *net, uint32_t index);

/* Starts; asserts that the connection is idle. A failure at once is counted and on_end comes before it returns. */
void hf_bench_conn_dial(struct hf_bench_conn *conn, uint64_t intended_ns, uint64_t now_ns);
void hf_bench_conn_event(struct hf_bench_conn *conn, uint32_t epoll_events, uint64_t now_ns);

/* One message in one frame (raw_tcp: as it is). data is masked in place in a copy. HF_OK: taken, wholly or with a rest
 * that goes out by itself. HF_ERR_AGAIN: nothing was taken, on_writable will come. HF_ERR_CLOSED: not open. */
hf_err hf_bench_conn_send(struct hf_bench_conn *conn, enum hf_ws_opcode opcode, const void *data,
                          size_t bytes);

/* Closes in good order: Close frame, then the peer's. */
void hf_bench_conn_close(struct hf_bench_conn *conn, uint64_t now_ns);
/* Drops it now, uncounted; no callback. Frees everything. */
void hf_bench_conn_abort(struct hf_bench_conn *conn);

#endif
