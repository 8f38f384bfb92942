/* test/sim/link.h - adapter/link.h over a simulated socket, with the manners of io/stream.h: output is gathered and given to the kernel at the end of a
 * handler or turn, what the kernel does not take stays queued in order, handlers are called from the turn only. */
#ifndef HF_SIM_LINK_H
#define HF_SIM_LINK_H

#include "adapter/link.h"
#include "sim/net.h"

struct sim_worker;

struct sim_link {
    struct hf_link link;            /* first */
    struct sim_worker *worker;      /* borrows: in whose turns it is handled; NULL between two workers */
    struct sim_sock *sock;          /* owns; NULL once it has gone */
    struct hf_list_node all;        /* worker->links */
    struct hf_list_node ready;      /* worker->ready: something to read or to tell */
    struct hf_list_node dirty;      /* worker->dirty: something to send or to tell */
    uint8_t *queue;                 /* owns */
    size_t queue_bytes, queue_room; /* not yet taken by the kernel */
    uint8_t *unread;                /* owns: came with the link from another worker */
    size_t unread_bytes;
    uint64_t progress_ms;
    uint64_t conn_id;
    bool paused, finishing, shut, blocked, told_blocked, failed, gone;
};

struct sim_link *sim_link_open(struct sim_worker *worker, struct sim_sock *sock, uint64_t conn_id);
void sim_link_ready(struct sim_link *link);  /* its turn: reads once, or tells the end */
void sim_link_settle(struct sim_link *link); /* the end of a turn: sends, tells blocked and drained */
void sim_link_free(struct sim_link *link);   /* memory only */
/* The process is gone: the kernel closes the socket, or (power) is gone as well. */
void sim_link_destroy(struct sim_link *link, bool power);
/* To another worker; unread bytes are seen there first. In between nothing of the link is handled. */
void sim_link_detach(struct sim_link *link, const uint8_t *unread, size_t bytes);
void sim_link_attach(struct sim_link *link, struct sim_worker *worker);

#endif
