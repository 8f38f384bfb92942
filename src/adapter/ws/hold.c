/* adapter/ws/hold.c - input that must wait, because the device is above its rate or the log cannot keep up: it is kept undecoded and
 * reading stops, back-pressure down to the device's own socket (OL-3). What waits again while it is being fed stays where it lies,
 * so that a large message that goes on piece by piece is copied once. */
#include "adapter/ws/session.h"

#include <stdlib.h>

struct hf_ws_held {           /* the rest of one receive buffer */
    struct hf_list_node node; /* on site->held; not linked while it is fed */
    struct hf_ws_conn *conn;
    uint64_t resume_ms; /* 0 = when the log says so */
    uint64_t since_ms;  /* it waits, or the last time that some of it was taken */
    uint32_t at, end;   /* what waits lies in data from at to end */
    uint32_t room;      /* bytes allocated for data: counted in held_bytes_now */
    uint8_t data[];
};

uint64_t hf_ws_held_resume_ms(const struct hf_ws_conn *conn)
{
    return conn->held != NULL ? conn->held->resume_ms : 0;
}

static struct hf_ws_held *held_new(struct hf_ws_conn *conn, size_t bytes)
{
    struct hf_ws_site *site = conn->site;
    struct hf_ws_held *held = site->stats.held_bytes_now + bytes <= HF_WS_HELD_BYTES_TOTAL_MAX
                                  ? malloc(sizeof(*held) + bytes)
                                  : NULL;

    if (held == NULL) {
        site->stats.held_refused++;
        hf_ws_close(conn, HF_REASON_BUSY, 0, (struct hf_slice){NULL, 0});
        return NULL;
    }
    held->conn = conn;
    held->since_ms = site->hub->now_ms;
    held->at = 0;
    held->end = held->room = (uint32_t)bytes;
    hf_list_init(&held->node);
    site->stats.held_bytes_now += bytes;
    return held;
}

static void held_give(struct hf_ws_site *site, struct hf_ws_held *held)
{
    site->stats.held_bytes_now -= held->room;
    hf_list_remove(&held->node);
    free(held);
}

void hf_ws_held_free(struct hf_ws_conn *conn)
{
    if (conn->held == NULL)
        return;
    if (conn->held != conn->site->feeding) /* else whoever feeds it frees it */
        held_give(conn->site, conn->held);
    conn->held = NULL;
}

static void goes_on_at(struct hf_ws_held *held, uint32_t at)
{
    if (at != held->at)
        held->since_ms = held->conn->site->hub->now_ms;
    held->at = at;
}

static void wait(struct hf_ws_conn *conn, struct hf_ws_held *held, uint32_t wait_ms)
{
    struct hf_ws_site *site = conn->site;

    held->resume_ms = wait_ms ? site->hub->now_ms + wait_ms : 0;
    hf_list_push_back(&site->held, &held->node);
    conn->held = held;
    site->stats.held++;
    conn->link->ops->pause_read(conn->link);
    hf_ws_arm(conn);
}

/* Does `data` lie in what is being fed to this connection? */
static struct hf_ws_held *being_fed(const struct hf_ws_conn *conn, const void *data)
{
    struct hf_ws_held *held = conn->site->feeding;
    const uint8_t *at = data;

    return held != NULL && held->conn == conn && at >= held->data && at <= held->data + held->end ? held
                                                                                                  : NULL;
}

void hf_ws_hold(struct hf_ws_conn *conn, const uint8_t *data, size_t bytes, uint32_t wait_ms)
{
    struct hf_ws_held *held = being_fed(conn, data);

    HF_ASSERT(conn->held == NULL && conn->state <= HF_WS_STATE_OPEN);
    if (held != NULL) {
        goes_on_at(held, held->end - (uint32_t)bytes);
        HF_ASSERT(held->data + held->at == data);
    } else {
        held = held_new(conn, bytes);
        if (held == NULL)
            return;
        if (bytes > 0)
            memcpy(held->data, data, bytes);
    }
    wait(conn, held, wait_ms);
}

size_t hf_ws_wrap_head(uint8_t out[HF_WS_HEAD_BYTES_MAX], bool text, size_t bytes)
{
    static const uint8_t no_mask[4]; /* what is unmasked already stays as it is */

    return hf_ws_encode_head(out, text ? HF_WS_OP_TEXT : HF_WS_OP_BINARY, HF_WS_FIN, bytes, no_mask);
}

void hf_ws_hold_message(struct hf_ws_conn *conn, bool text, struct hf_slice left, const uint8_t *rest,
                        size_t rest_bytes, uint32_t wait_ms)
{
    uint8_t head[HF_WS_HEAD_BYTES_MAX];
    size_t head_bytes = hf_ws_wrap_head(head, text, left.bytes);
    struct hf_ws_held *held = being_fed(conn, left.at);

    HF_ASSERT(conn->held == NULL && conn->state == HF_WS_STATE_OPEN);
    /* The frame that brought it had a head of at least this size, which is not needed any more, unless it came in fragments. */
    if (held != NULL && (size_t)((const uint8_t *)left.at - held->data) >= head_bytes &&
        (const uint8_t *)left.at + left.bytes == rest) {
        goes_on_at(held, (uint32_t)((const uint8_t *)left.at - held->data - head_bytes));
        memcpy(held->data + held->at, head, head_bytes);
        wait(conn, held, wait_ms);
        return;
    }
    held = held_new(conn, head_bytes + left.bytes + rest_bytes);
    if (held == NULL)
        return;
    memcpy(held->data, head, head_bytes);
    memcpy(held->data + head_bytes, left.at, left.bytes);
    if (rest_bytes > 0)
        memcpy(held->data + head_bytes + left.bytes, rest, rest_bytes);
    wait(conn, held, wait_ms);
}

void hf_ws_hold_more(struct hf_ws_conn *conn, const uint8_t *data, size_t bytes)
{
    struct hf_ws_held *held = conn->held, *larger = held_new(conn, held->end - held->at + bytes);

    if (larger == NULL)
        return;
    larger->resume_ms = held->resume_ms;
    larger->since_ms = held->since_ms;
    memcpy(larger->data, held->data + held->at, held->end - held->at);
    memcpy(larger->data + (held->end - held->at), data, bytes);
    hf_list_push_back(&held->node, &larger->node); /* in its place */
    conn->held = larger;
    held_give(conn->site, held);
}

void hf_ws_unhold(struct hf_ws_conn *conn)
{
    struct hf_ws_held *held = conn->held;
    struct hf_ws_site *site = conn->site;

    if (held == NULL)
        return;
    HF_ASSERT(site->feeding == NULL);
    conn->held = NULL;
    hf_list_remove(&held->node);
    /* Something had come, and we made it wait: that silence was ours. */
    hf_ws_life(conn);
    site->feeding = held;
    uint8_t *data = held->data + held->at;
    size_t bytes = held->end - held->at;
    uint32_t wait_ms = 0;
    bool here = true;
    if (conn->session == NULL || hf_ws_session_ready(conn, &wait_ms))
        here = hf_ws_feed(conn, data, bytes);
    else if (conn->state == HF_WS_STATE_OPEN)
        hf_ws_hold(conn, data, bytes, wait_ms);
    site->feeding = NULL;
    if (!here || conn->held != held)
        held_give(site, held);
    /* Feeding may have held the rest again or closed the connection; only one that is free reads on. */
    if (here && conn->state <= HF_WS_STATE_OPEN && conn->held == NULL) {
        conn->link->ops->resume_read(conn->link);
        hf_ws_arm(conn);
    }
}

void hf_ws_site_release(struct hf_ws_site *site)
{
    struct hf_list_node now, *node;

    hf_list_init(&now);
    hf_list_splice(&now, &site->held);
    while ((node = hf_list_pop_front(&now)) != NULL) {
        struct hf_ws_held *held = HF_CONTAINER_OF(node, struct hf_ws_held, node);

        hf_list_push_back(&site->held, node);
        if (held->resume_ms == 0)
            hf_ws_unhold(held->conn);
    }
}

void hf_ws_site_held(const struct hf_ws_site *site, uint64_t before_ms, struct hf_ws_held_over *ret_held)
{
    const struct hf_list_node *at = site->held.next;
    const struct hf_ws_held *oldest = NULL;

    *ret_held = (struct hf_ws_held_over){0};
    for (unsigned looks = 0; at != &site->held && looks < HF_WS_HELD_LOOKS; at = at->next, looks++) {
        const struct hf_ws_held *held = HF_CONTAINER_OF(at, struct hf_ws_held, node);

        if (held->since_ms >= before_ms)
            continue;
        ret_held->count++;
        if (oldest == NULL || held->since_ms < oldest->since_ms)
            oldest = held;
    }
    if (oldest == NULL)
        return;
    ret_held->since_ms = oldest->since_ms;
    hf_ws_conn_info(oldest->conn, &ret_held->info);
}
