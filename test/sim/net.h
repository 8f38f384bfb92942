/* test/sim/net.h - a network of TCP connections that behaves as badly as the real one: latency, jitter, loss (which TCP shows as a stall), pieces of any
 * size, resets at any byte, mappings that are dropped without a word, partitions, hosts that vanish, and kernels that finish what a dead process
 * had written. Bytes are never lost, doubled or swapped within a connection: that is TCP's promise, and what it does not promise is here.
 *
 *   sender's process --write--> [ kernel and network: `room` bytes ] --arrival events--> receiver's kernel --read--> receiver's process
 */
#ifndef HF_SIM_NET_H
#define HF_SIM_NET_H

#include <stddef.h>

#include "base/list.h"
#include "base/rng.h"
#include "sim/event.h"
#include "sim/trace.h"

struct sim_net;
struct sim_conn;
struct sim_sock;

/* The way between a device (or application) and the gateway, both directions. Changeable at any time. */
struct sim_path {
    uint32_t latency_us, jitter_us;
    uint32_t loss_permille; /* of segments; each costs a retransmission timeout, doubling */
    uint32_t segment_bytes; /* at most in one arrival: 1 makes every byte a read of its own */
    uint32_t room_bytes;    /* per direction and connection: kernel buffers and what is under way */
    uint32_t idle_ms;       /* a middlebox forgets a mapping after this silence; 0 = never */
    bool cut;               /* a partition: nothing passes; what waits goes on after it has healed */
    bool sip;               /* of a camera: its connections go to the port of SIP */
    struct hf_list_node conns;
};

/* A machine. While it is down its sockets neither send nor answer. */
struct sim_host {
    bool up;
};

enum sim_end { SIM_END_NONE, SIM_END_EOF, SIM_END_RESET, SIM_END_REFUSED };

struct sim_sock_ops {
    /* Something changed: opened, readable, writable again after a short write, or over. Never from inside a call below. */
    void (*on_event)(struct sim_sock *sock);
};

enum { SIM_SEGMENTS_MAX = 32 };

struct sim_segment {
    uint64_t arrive_us;
    uint32_t bytes; /* 0 = FIN */
};

struct sim_pipe { /* one direction */
    uint8_t *at;  /* owns: delivered and under way, in order */
    uint32_t head, bytes, at_room;
    uint32_t delivered; /* of bytes: the receiver may read them */
    uint32_t room;      /* bytes at most */
    struct sim_segment segments[SIM_SEGMENTS_MAX];
    uint32_t first, count;
    uint64_t last_arrive_us, stuck_us; /* stuck_us: since when nothing arrives; 0 = it flows */
    struct sim_event arrive, room_again;
    uint64_t arrived; /* bytes, in all: the receiver's kernel has acknowledged them */
    bool fin_written, fin_arrived, room_wanted;
};

struct sim_sock { /* one end */
    const struct sim_sock_ops *ops;
    void *user;
    struct sim_conn *conn;
    struct sim_host *host;
    struct sim_pipe out;
    struct sim_event told, reset_in; /* told: on_event is due; reset_in: a RST of the other end arrives */
    uint64_t give_up_us;             /* TCP_USER_TIMEOUT of what this end has sent */
    enum sim_end end;                /* RESET, REFUSED: at once. EOF is seen by reading */
    bool open, owned, gone; /* gone: no state here any more; segments that come are answered by RST */
};

struct sim_conn {
    struct sim_net *net;
    struct sim_path *path;
    struct hf_list_node of_path;
    struct sim_sock ends[2]; /* 0: who called, 1: who was called */
    struct sim_event syn, give_up;
    uint64_t number, moved_us; /* when bytes last arrived anywhere */
    unsigned syns;
    bool dropped; /* its mapping is gone: nothing arrives any more */
};

struct sim_net {
    struct sim_events *events;
    struct sim_trace *trace;
    struct hf_rng rng;
    uint64_t conns_made;
    /* A connection wants in. False: nobody listens. True: *ret_ops and *ret_user are whose it is. */
    bool (*accept)(void *context, struct sim_sock *sock);
    void *context;
    struct sim_host *server;
};

void sim_net_init(struct sim_net *net, struct sim_events *events, struct sim_trace *trace, uint64_t seed);
void sim_path_init(struct sim_path *path);
/* Every connection of the path is forgotten, whoever holds it: only at the end of the world. */
void sim_path_deinit(struct sim_path *path);

/* Calls the gateway. on_event comes when it is open, refused or given up. The caller owns the end until close, reset or vanish. */
struct sim_sock *sim_connect(struct sim_net *net, struct sim_path *path, struct sim_host *host,
                             const struct sim_sock_ops *ops, void *user);
size_t sim_write(struct sim_sock *sock, const void *data, size_t bytes); /* how many were taken */
size_t sim_readable(const struct sim_sock *sock);
size_t sim_read(struct sim_sock *sock, void *into, size_t bytes_max);
uint64_t sim_acked(const struct sim_sock *sock); /* of what was written: arrived at the other kernel */
/* What there is besides bytes: EOF once everything was read, RESET and REFUSED at once. */
enum sim_end sim_end_of(const struct sim_sock *sock);
void sim_shutdown(struct sim_sock *sock); /* FIN behind what was written */
/* The process lets go. What was written still travels, followed by FIN; unread input makes it a RST, as in the kernel. */
void sim_close(struct sim_sock *sock);
void sim_reset(struct sim_sock *sock);  /* RST: what is under way is lost */
void sim_vanish(struct sim_sock *sock); /* power is gone: no packet says so */

void sim_path_heal(struct sim_net *net,
                   struct sim_path *path); /* after cut: what waits is on its way again */
void sim_path_drop(struct sim_net *net,
                   struct sim_path *path); /* mappings gone: today's connections are dead, silently */
/* One of the path's connections is reset by something in between: both ends get RST. */
void sim_path_reset_one(struct sim_net *net, struct sim_path *path);

#endif
