/* core/devconn.h - a device's connection as core sees it. The adapter of its protocol embeds one and implements the ops; core
 * decides what is sent, closed and recorded. */
#ifndef HF_CORE_DEVCONN_H
#define HF_CORE_DEVCONN_H

#include "base/err.h"
#include "base/list.h"
#include "base/rate.h"
#include "core/call.h"

struct hf_device;
struct hf_devconn;
struct hf_sendq;
struct hf_session_opened;
struct hf_shared;
struct hf_subscription;

/* One message on its way to devices, before it has bytes of any protocol. */
struct hf_outgoing {
    enum {
        HF_OUT_MESSAGE,
        HF_OUT_COMMAND,
        HF_OUT_PUBLISH,
        HF_OUT_SHADOW, /* of the device's shadow with the name topic: payload is its whole delta at version seq */
        HF_OUT_DOCUMENT /* of a document, topic is its name: payload brings a reader from version from_version to seq; format is enum hf_patch_kind */
    } kind;
    uint8_t class, format, flags;
    const uint8_t *id;     /* 16 bytes or NULL */
    struct hf_slice topic; /* or the command's name */
    struct hf_slice payload;
    uint64_t expires_ms;   /* UTC; 0 = never */
    uint64_t seq;          /* of the session's downlink; 0 = not numbered, or raw mode */
    struct hf_slice key;   /* COMMAND: the application's idempotency key, absent = none */
    uint64_t from_version; /* DOCUMENT */
    uint32_t request;      /* DOCUMENT, SHADOW: of the device, which this answers; 0 = none */
    uint16_t reason;       /* DOCUMENT, SHADOW: why the request was not done; HF_REASON_NONE = it was */
    uint64_t
        except; /* PUBLISH, DOCUMENT: the connection it came from, which does not get it back; 0 = none */
};

enum { HF_DEVCONN_VARIANTS = 4 }; /* encodings that one broadcast may need; an adapter numbers its own */

struct hf_devconn_ops {
    /* Encodes for connections of this variant; the caller gets the one reference. NULL on no memory. */
    struct hf_shared *(*encode)(struct hf_devconn *devconn, const struct hf_outgoing *outgoing);
    /* Gives encoded bytes to the link. Errors as hf_link_ops.write_shared. */
    hf_err (*write_shared)(struct hf_devconn *devconn, struct hf_shared *shared);
    /* Encodes and gives to the link at once, without an allocation. */
    hf_err (*write)(struct hf_devconn *devconn, const struct hf_outgoing *outgoing);
    void (*flush)(struct hf_devconn *devconn);
    size_t (*queued_bytes)(const struct hf_devconn *devconn); /* not yet taken by the kernel */
    /* Starts the close; hf_hub_disconnected() follows from inside the adapter, at once. text may be absent. */
    void (*close)(struct hf_devconn *devconn, enum hf_reason reason, struct hf_slice text);
    void (*describe)(const struct hf_devconn *devconn,
                     struct hf_live *live); /* peer, trace, rtt, times, expiry */
    /* Is it to be told of this document, its device's own or of a group whose topic it has subscribed? NULL: of groups only. Asked here because an encoding is
     * shared by all of a variant. */
    bool (*takes_document)(const struct hf_devconn *devconn, struct hf_slice name);
    /* Is it to be told of its device's shadow with this name? NULL: of none. */
    bool (*takes_shadow)(const struct hf_devconn *devconn, struct hf_slice name);

    /* Connections of holdfast.v1 only; NULL in raw mode. */
    /* The record that lets it in is durable: send WELCOME. Never from inside hf_hub_connect(). */
    void (*welcome)(struct hf_devconn *devconn, const struct hf_session_opened *opened);
    /* Numbers from..to of the downlink will never come. Errors as write. HF_REASON_NONE: nothing was lost, they were used up before this session. */
    hf_err (*gap)(struct hf_devconn *devconn, uint64_t from, uint64_t to, enum hf_reason reason);
    /* Once per turn in which something changed, before the flush: an ACK that is due goes now, timers are set anew. */
    void (*settle)(struct hf_devconn *devconn);
};

struct hf_devconn {
    const struct hf_devconn_ops *ops;
    struct hf_device *device;       /* NULL before hub connect and after disconnect */
    struct hf_sendq *sendq;         /* owns; NULL while nothing waits in memory */
    struct hf_list_node unsettled;  /* on hub->unsettled while something was written and not yet seen taken */
    struct hf_subscription *topics; /* owns */
    uint64_t conn_id;
    uint32_t messages_in, messages_out;
    uint32_t written_untracked; /* messages given to the link since it was last empty */
    uint16_t subscriptions;
    uint8_t variant;     /* 0 .. HF_DEVCONN_VARIANTS-1 */
    bool spilled : 1;    /* messages wait in the outbox because the queue was full */
    bool in_session : 1; /* holdfast.v1: hf_devconn_session(), false in raw mode and without device */
    bool untold : 1;     /* core/hub_untold.c has marks of it */
    bool answers : 1;    /* the adapter has answers that wait for room: see hf_hub_tell_now() */
    bool aside : 1;      /* those two had the link before the queue, the last time there was room */
    struct hf_rate uplink_rate;
};
_Static_assert(sizeof(struct hf_devconn) <= 88, "an idle connection is budgeted");

#endif
