/* core/hub_link_testkit.h - a connection for tests of the hub: what it is told is kept, and its kernel takes bytes when the test says so. How it ends is hub_testkit.h's. */
#ifndef HF_CORE_HUB_LINK_TESTKIT_H
#define HF_CORE_HUB_LINK_TESTKIT_H

#include <string.h>

#include "base/assert.h"
#include "core/devconn.h"
#include "core/shared.h"

enum { TK_SEEN = 512, TK_FRAME_HEAD = 21 };

struct tk;

struct tk_seen { /* one message as a device got it */
    uint8_t kind, id[16];
    uint32_t tag; /* the first four bytes of the payload */
};

struct tk_conn {
    struct hf_devconn dev; /* first */
    struct tk *tk;
    bool open, stuck;       /* stuck: the kernel takes nothing */
    bool no_memory;         /* writes and encodings fail */
    size_t link_bytes;      /* given to the link, not yet taken */
    size_t link_bytes_seen; /* the most there ever were */
    enum hf_reason closed_for;
    unsigned seen_count, encoded;
    struct tk_seen seen[TK_SEEN];
};

static struct tk_conn *tk_conn_of(const struct hf_devconn *devconn)
{
    return (struct tk_conn *)(uintptr_t)devconn;
}

static size_t tk_frame(const struct hf_outgoing *outgoing, uint8_t *out)
{
    if (out != NULL) {
        memset(out, 0, TK_FRAME_HEAD);
        out[0] = (uint8_t)outgoing->kind;
        if (outgoing->id != NULL)
            memcpy(out + 1, outgoing->id, 16);
        memcpy(out + 17, outgoing->payload.at ? outgoing->payload.at : "",
               HF_MIN(outgoing->payload.bytes, (size_t)4));
    }
    return TK_FRAME_HEAD + outgoing->payload.bytes;
}

static hf_err tk_give(struct tk_conn *conn, const uint8_t *head, size_t bytes)
{
    if (conn->no_memory)
        return HF_ERR_NOMEM;
    HF_ASSERT(conn->open && conn->seen_count < TK_SEEN);
    struct tk_seen *seen = &conn->seen[conn->seen_count++];
    seen->kind = head[0];
    memcpy(seen->id, head + 1, 16);
    memcpy(&seen->tag, head + 17, 4);
    conn->link_bytes += bytes;
    conn->link_bytes_seen = HF_MAX(conn->link_bytes_seen, conn->link_bytes);
    return HF_OK;
}

static struct hf_shared *tk_encode(struct hf_devconn *devconn, const struct hf_outgoing *outgoing)
{
    struct tk_conn *conn = tk_conn_of(devconn);
    struct hf_shared *shared = conn->no_memory ? NULL : hf_shared_new(NULL, tk_frame(outgoing, NULL));

    if (shared == NULL)
        return NULL;
    (void)tk_frame(outgoing, shared->data);
    conn->encoded++;
    return shared;
}

static hf_err tk_write_shared(struct hf_devconn *devconn, struct hf_shared *shared)
{
    return tk_give(tk_conn_of(devconn), shared->data, shared->bytes);
}

static hf_err tk_write(struct hf_devconn *devconn, const struct hf_outgoing *outgoing)
{
    uint8_t head[TK_FRAME_HEAD];
    size_t bytes = tk_frame(outgoing, head);

    return tk_give(tk_conn_of(devconn), head, bytes);
}

static void tk_flush(struct hf_devconn *devconn)
{
    struct tk_conn *conn = tk_conn_of(devconn);

    if (!conn->stuck)
        conn->link_bytes = 0;
}

static size_t tk_queued(const struct hf_devconn *devconn)
{
    return tk_conn_of(devconn)->link_bytes;
}

static void tk_describe(const struct hf_devconn *devconn, struct hf_live *live)
{
    (void)devconn;
    live->rtt_ms = 7;
}

#endif
