/* bench/chaos/proxy.h - the proxy as a program: options in, a running epoll loop, counters out. The fault decisions are in
 * path.h, the bytes in tcp.c and udp.c, the commands in execute.c; this is what they share.
 *
 *   clients <-> listener | lane up: path, line -> | server       one connection, two lanes
 *                        | <- lane down: path, line |
 *
 * What a process cannot do: the kernel behind the proxy acknowledges TCP bytes at once, so in a silence no keep-alive and
 * no TCP_USER_TIMEOUT of a peer fires, and connections are accepted before a SYN could be lost; the bytes wait or vanish
 * instead. Heartbeats and timeouts above TCP see what they would see. */
#ifndef HF_BENCH_CHAOS_PROXY_H
#define HF_BENCH_CHAOS_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "bench/chaos/command.h"
#include "bench/chaos/faults.h"
#include "bench/chaos/path.h"
#include "bench/chaos/stats.h"
#include "bench/chaos/ticker.h"
#include "io/loop.h"
#include "io/socket.h"

enum {
    HF_CHAOS_CONNECTIONS_MAX = 100000,
    HF_CHAOS_CONNECTIONS = 10000, /* default */
    HF_CHAOS_BUFFER_BYTES_MIN = 4096,
    HF_CHAOS_BUFFER_BYTES_MAX = 64 << 20,
    HF_CHAOS_BUFFER_BYTES = 256 << 10, /* default, of each direction of each connection */
    HF_CHAOS_LINES_MAX = 64,           /* --at and --every; what is scheduled at a time */
    HF_CHAOS_CONTROLS_MAX = 8,         /* connections to the control port */
    HF_CHAOS_ANSWER_BYTES = 65536,     /* all scheduled lines fit */
    HF_CHAOS_RECEIVE_BYTES = 65536,
    HF_CHAOS_LINGER_US = 1000000, /* how long a connection that was cut by FIN waits for the peers' ends */
    HF_CHAOS_LISTEN_RETRY_US = 100000,
};

struct hf_chaos_options {
    union hf_address listen, to, control; /* control: AF_UNSPEC = none; only of the loopback */
    bool udp, json;
    uint64_t seed;
    uint32_t connections_max, buffer_bytes;
    uint64_t duration_us;     /* 0: until a signal or `quit` */
    const char *const *lines; /* commands of the start, executed in order; borrowed */
    size_t line_count;
};

/* Runs the proxy until its end: prints a line of JSON at the start, one for each command of stdin, and the counters at the
 * end. HF_OK; otherwise nothing was started and `error` says why. Signals must be blocked (hf_signals_block). */
hf_err hf_chaos_proxy_run(const struct hf_chaos_options *options, char error[HF_CHAOS_ERROR_BYTES]);

/* "HOST:PORT", a name too. HF_ERR_INVALID or HF_ERR_NOT_FOUND with `error`. */
hf_err hf_chaos_resolve(const char *text, union hf_address *ret_address, char error[HF_CHAOS_ERROR_BYTES]);

/* ---- below: for the parts of the proxy ---- */

struct hf_chaos;

/* TCP and UDP. Each function is called between turns or from a timer, never from inside another of them. */
struct hf_chaos_carrier {
    hf_err (*open)(struct hf_chaos *chaos, char error[HF_CHAOS_ERROR_BYTES]);
    void (*close)(struct hf_chaos *chaos); /* everything; harmless after a failed open */
    union hf_address (*address)(const struct hf_chaos *chaos);
    /* Each open connection with this probability; returns how many. */
    uint64_t (*cut)(struct hf_chaos *chaos, enum hf_chaos_end_kind how, double share);
    void (*silence)(struct hf_chaos *chaos); /* chaos->silent or ->holds has changed */
    void (*retune)(struct hf_chaos *chaos);  /* chaos->faults has changed */
    hf_err (*refuse)(struct hf_chaos *chaos,
                     bool refuses); /* HF_ERR_UNSUPPORTED: UDP; others: try again later */
};
extern const struct hf_chaos_carrier hf_chaos_tcp, hf_chaos_udp;

struct hf_chaos_schedule {
    struct hf_chaos_timer timer;
    struct hf_chaos *chaos; /* NULL: the row is free */
    uint64_t every_us;      /* 0: once */
    char line[HF_CHAOS_LINE_BYTES_MAX];
};

struct hf_chaos {
    const struct hf_chaos_options *options; /* borrows */
    struct hf_loop *loop;                   /* owns */
    struct hf_chaos_ticker ticker;
    struct hf_chaos_faults faults;
    struct hf_chaos_stats stats;
    struct hf_rng luck; /* which connections a share means */
    const struct hf_chaos_carrier *carrier;
    void *carried;   /* owns: the carrier's */
    void *controls;  /* owns: control.c's */
    unsigned silent; /* bits 1 << direction */
    bool holds;      /* silence keeps the bytes */
    bool refuses;
    struct hf_chaos_timer speak_timer, listen_timer, end_timer;
    struct hf_chaos_schedule schedule[HF_CHAOS_LINES_MAX];
    uint8_t buffer[HF_CHAOS_RECEIVE_BYTES]; /* what was read last */
};

static inline bool hf_chaos_is_silent(const struct hf_chaos *chaos, enum hf_chaos_direction direction)
{
    return (chaos->silent & 1u << direction) != 0;
}

static inline void hf_chaos_delayed(struct hf_chaos *chaos, uint64_t came_us, uint64_t gone_us)
{
    uint64_t ms = gone_us > came_us ? (gone_us - came_us) / 1000 : 0;

    if (ms > chaos->stats.delayed_max_ms)
        chaos->stats.delayed_max_ms = ms;
}

static inline void hf_chaos_held(struct hf_chaos *chaos, size_t cost_bytes)
{
    if (cost_bytes > chaos->stats.buffered_max_bytes)
        chaos->stats.buffered_max_bytes = cost_bytes;
}

/* execute.c: one command; the answer is one JSON object without a newline, NUL-terminated. False: it was an error. */
bool hf_chaos_execute(struct hf_chaos *chaos, struct hf_slice line, char answer[HF_CHAOS_ANSWER_BYTES]);
void hf_chaos_execute_init(struct hf_chaos *chaos); /* timers; room for them is reserved by the caller */
enum { HF_CHAOS_EXECUTE_TIMERS = HF_CHAOS_LINES_MAX + 2 };

/* control.c: stdin and, if there is an address, the control port. HF_ERR_* with `error`. */
hf_err hf_chaos_control_open(struct hf_chaos *chaos, char error[HF_CHAOS_ERROR_BYTES]);
union hf_address hf_chaos_control_address(const struct hf_chaos *chaos); /* AF_UNSPEC when there is none */
void hf_chaos_control_close(struct hf_chaos *chaos);                     /* harmless after a failed open */

#endif
