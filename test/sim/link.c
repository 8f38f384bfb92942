#include "sim/link.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/gateway.h"
#include "sim/sim.h"

static struct sim_link *link_of(const struct hf_link *link)
{
    return (struct sim_link *)(uintptr_t)link;
}

static void mark(struct sim_link *link, struct hf_list_node *node, struct hf_list_node *list)
{
    if (!hf_list_linked(node))
        hf_list_push_back(list, node);
    sim_worker_wake(link->worker, 0);
}

static void mark_dirty(struct sim_link *link)
{
    mark(link, &link->dirty, &link->worker->dirty);
}

static void mark_ready(struct sim_link *link)
{
    mark(link, &link->ready, &link->worker->ready);
}

static void on_socket(struct sim_sock *sock)
{
    struct sim_link *link = sock->user;

    if (link->worker == NULL || link->gone)
        return; /* on its way to another worker, which looks when it arrives */
    if (link->blocked)
        mark_dirty(link);
    mark_ready(link);
}

static const struct sim_sock_ops socket_ops = {on_socket};

/* ---- output ---- */

static hf_err admit(struct sim_link *link, size_t bytes)
{
    if (link->finishing || link->failed || link->gone)
        return HF_ERR_CLOSED;
    return bytes > SIM_LINK_BYTES_MAX - link->queue_bytes ? HF_ERR_LIMIT : HF_OK;
}

static hf_err op_write(struct hf_link *base, const void *data, size_t bytes)
{
    struct sim_link *link = link_of(base);
    hf_err err = admit(link, bytes);

    if (err != HF_OK || bytes == 0)
        return err;
    if (link->queue_bytes + bytes > link->queue_room) {
        link->queue_room = HF_MAX(2 * link->queue_room, link->queue_bytes + bytes);
        link->queue = realloc(link->queue, link->queue_room);
        HF_ASSERT(link->queue != NULL);
    }
    memcpy(link->queue + link->queue_bytes, data, bytes);
    link->queue_bytes += bytes;
    mark_dirty(link);
    return HF_OK;
}

static hf_err op_write_shared(struct hf_link *base, struct hf_shared *shared)
{
    return op_write(base, shared->data, shared->bytes);
}

/* One send; what the kernel does not take stays. */
static void send_queue(struct sim_link *link)
{
    size_t taken;

    if (link->queue_bytes == 0 || link->failed || link->gone)
        return;
    if (!sim_gateway_effect(link->worker->gateway))
        return;
    taken = sim_write(link->sock, link->queue, link->queue_bytes);
    if (taken > 0 || !link->blocked)
        link->progress_ms = link->worker->now_ms;
    link->queue_bytes -= taken;
    memmove(link->queue, link->queue + taken, link->queue_bytes);
    link->blocked = link->queue_bytes > 0;
}

static void op_flush(struct hf_link *base)
{
    struct sim_link *link = link_of(base);

    if (link->failed || link->gone)
        return;
    if (!link->blocked)
        send_queue(link);
    mark_dirty(link); /* on_blocked must come, but not from here */
}

static size_t op_queued_bytes(const struct hf_link *base)
{
    return link_of(base)->queue_bytes;
}

void sim_link_settle(struct sim_link *link)
{
    send_queue(link);
    if (link->failed || link->gone)
        return;
    if (link->finishing && !link->shut && link->queue_bytes == 0 &&
        sim_gateway_effect(link->worker->gateway)) {
        link->shut = true;
        sim_shutdown(link->sock);
    }
    if (link->blocked && !link->told_blocked) {
        link->told_blocked = true;
        link->link.handler->on_blocked(&link->link);
    } else if (link->told_blocked && !link->blocked && link->queue_bytes == 0) {
        link->told_blocked = false;
        link->link.handler->on_drained(&link->link);
    }
}

/* ---- input ---- */

static void op_pause_read(struct hf_link *base)
{
    struct sim_link *link = link_of(base);

    link->paused = !link->finishing;
}

static void op_resume_read(struct hf_link *base)
{
    struct sim_link *link = link_of(base);

    if (link->gone)
        return;
    link->paused = false;
    mark_ready(link);
}

static void op_finish(struct hf_link *base)
{
    struct sim_link *link = link_of(base);

    if (link->finishing || link->failed || link->gone)
        return;
    link->finishing = true;
    op_resume_read(base);
    mark_dirty(link);
}

static void retire(struct sim_link *link)
{
    HF_ASSERT(!link->gone);
    link->gone = true;
    hf_list_remove(&link->ready);
    hf_list_remove(&link->dirty);
    hf_list_remove(&link->all);
    hf_list_push_back(&link->worker->gone, &link->all);
    link->worker->links_now--;
}

static void op_abort(struct hf_link *base)
{
    struct sim_link *link = link_of(base);

    if (link->gone)
        return;
    retire(link);
    if (!sim_gateway_effect(link->worker->gateway))
        return; /* the process dies before close(): its kernel will do it */
    sim_close(link->sock);
    link->sock = NULL;
}

static void end(struct sim_link *link, enum hf_link_end how)
{
    link->failed = true;
    link->link.handler->on_end(&link->link, how, how == HF_LINK_END_RESET ? ECONNRESET : 0);
    if (link->gone)
        return;
    retire(link);
    sim_close(link->sock);
    link->sock = NULL;
}

static void deliver(struct sim_link *link, const uint8_t *data, size_t bytes)
{
    uint8_t *copy = malloc(bytes); /* of exactly that size: a sanitizer sees who reads beyond */

    HF_ASSERT(copy != NULL);
    memcpy(copy, data, bytes);
    link->link.handler->on_data(&link->link, copy, bytes);
    free(copy);
    if (link->gone || link->worker == NULL) /* it has moved */
        return;
    if (!link->blocked)
        send_queue(link); /* what it wrote in answer goes out by one send */
    mark_dirty(link);
}

void sim_link_ready(struct sim_link *link)
{
    static uint8_t buffer[SIM_RECEIVE_BYTES];
    enum sim_end how = sim_end_of(link->sock);
    size_t bytes;

    if (link->paused && how != SIM_END_RESET)
        return;
    if (!link->paused && link->link.handler->may_read != NULL && !link->link.handler->may_read(&link->link))
        return;
    if (link->unread_bytes > 0 && !link->paused) {
        uint8_t *unread = link->unread;

        bytes = link->unread_bytes;
        link->unread = NULL;
        link->unread_bytes = 0;
        deliver(link, unread, bytes);
        free(unread);
    } else if (!link->paused && (bytes = sim_read(link->sock, buffer, sizeof(buffer))) > 0) {
        deliver(link, buffer, bytes);
    } else if (how != SIM_END_NONE) {
        end(link, how == SIM_END_EOF ? HF_LINK_END_EOF : HF_LINK_END_RESET);
        return;
    }
    if (!link->gone && link->worker != NULL && (sim_readable(link->sock) > 0 || sim_end_of(link->sock)))
        mark_ready(link);
}

/* ---- the rest ---- */

static uint64_t op_blocked_since_ms(const struct hf_link *base)
{
    return link_of(base)->blocked ? link_of(base)->progress_ms : 0;
}

static void op_peer(const struct hf_link *base, char *out, size_t out_bytes)
{
    snprintf(out, out_bytes, "192.0.2.1:%u", 1024 + (unsigned)(link_of(base)->conn_id % 60000));
}

static void op_kernel(const struct hf_link *base, struct hf_link_kernel *ret_kernel)
{
    const struct sim_link *link = (const struct sim_link *)base;

    *ret_kernel = (struct hf_link_kernel){.acked_bytes = link->sock != NULL ? sim_acked(link->sock) : 0};
}

static void op_set_patience(struct hf_link *base, uint32_t patience_ms)
{
    if (link_of(base)->sock != NULL)
        link_of(base)->sock->give_up_us = patience_ms * UINT64_C(1000);
}

static const struct hf_link_ops link_ops = {
    .write = op_write,
    .write_shared = op_write_shared,
    .flush = op_flush,
    .queued_bytes = op_queued_bytes,
    .pause_read = op_pause_read,
    .resume_read = op_resume_read,
    .finish = op_finish,
    .abort = op_abort,
    .blocked_since_ms = op_blocked_since_ms,
    .peer = op_peer,
    .kernel = op_kernel,
    .set_patience = op_set_patience,
};

static void no_data(struct hf_link *link, uint8_t *data, size_t bytes)
{
    (void)link, (void)data, (void)bytes;
}

static void nothing(struct hf_link *link)
{
    (void)link;
}

static void no_end(struct hf_link *link, enum hf_link_end how, int sys_errno)
{
    (void)link, (void)how, (void)sys_errno;
}

static const struct hf_link_handler fresh = {
    .on_data = no_data, .on_drained = nothing, .on_blocked = nothing, .on_end = no_end};

struct sim_link *sim_link_open(struct sim_worker *worker, struct sim_sock *sock, uint64_t conn_id)
{
    struct sim_link *link = calloc(1, sizeof(*link));

    HF_ASSERT(link != NULL);
    link->link = (struct hf_link){.ops = &link_ops, .handler = &fresh};
    link->worker = worker;
    link->sock = sock;
    link->conn_id = conn_id;
    sock->ops = &socket_ops;
    sock->user = link;
    hf_list_init(&link->all);
    hf_list_init(&link->ready);
    hf_list_init(&link->dirty);
    hf_list_push_back(&worker->links, &link->all);
    worker->links_now++;
    mark_ready(link);
    return link;
}

void sim_link_detach(struct sim_link *link, const uint8_t *unread, size_t bytes)
{
    hf_list_remove(&link->ready);
    hf_list_remove(&link->dirty);
    hf_list_remove(&link->all);
    link->worker->links_now--;
    HF_ASSERT(link->unread_bytes == 0 && !link->finishing && !link->failed);
    link->link.handler = &fresh;
    link->link.user = NULL;
    if (bytes > 0) {
        link->unread = malloc(bytes);
        HF_ASSERT(link->unread != NULL);
        memcpy(link->unread, unread, bytes);
        link->unread_bytes = bytes;
    }
    link->worker = NULL;
}

void sim_link_attach(struct sim_link *link, struct sim_worker *worker)
{
    link->worker = worker;
    hf_list_push_back(&worker->links, &link->all);
    worker->links_now++;
    mark_ready(link);
    mark_dirty(link);
}

void sim_link_free(struct sim_link *link)
{
    hf_list_remove(&link->ready);
    hf_list_remove(&link->dirty);
    hf_list_remove(&link->all);
    free(link->queue);
    free(link->unread);
    free(link);
}

void sim_link_destroy(struct sim_link *link, bool power)
{
    if (link->sock != NULL && power)
        sim_vanish(link->sock);
    else if (link->sock != NULL)
        sim_close(link->sock);
    sim_link_free(link);
}
