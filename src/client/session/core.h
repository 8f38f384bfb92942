/* client/session/core.h - the device side of holdfast.v1 without I/O: upgrade, frames, both streams, heartbeat, states, coming back. The rules of engine.h hold for the functions below. The driver (driver.h)
 * runs it as an engine on sockets, the simulator calls it directly, on simulated ones.
 *
 *     idle --start--> connecting --open--> upgrading --101--> greeting --WELCOME--> open --close, loss--> closing --> waiting --> connecting ...
 *                     transport's stages                                                                   (network_down: waits for network_up)
 *
 * The states of one connection (WS-11) are core/session/state.h's; the above is the life of the client around them.
 *
 * Source: doc/protocol.md; requirements RC-1 to RC-4, RC-8, HB-3 to HB-9, WS-4, WS-10, DLV-3 to DLV-10, CQ-4, CQ-7, CQ-8. */
#ifndef HF_CLIENT_CORE_H
#define HF_CLIENT_CORE_H

#include "client/engine.h"

enum {
    HF_CLIENT_CHANGE_BYTES_MAX =
        HF_CLIENT_OUT_BYTES - 1024,          /* of a document: a PATCH goes out in one piece */
    HF_CLIENT_DOCUMENT_BYTES_MAX = 32 << 10, /* [protocol 10] */
    HF_CLIENT_PATCHES_MAX = 8,               /* that wait for their answers [protocol 10] */
    HF_CLIENT_SHADOW_NAME_BYTES_MAX = 64,
    HF_CLIENT_NAMED_OWED_MAX =
        16, /* named shadows whose delta has come, which the gateway is not told yet; what is above is told with the next one */
    HF_CLIENT_UPGRADE_MS = 5000,
    HF_CLIENT_GREETING_MS = 5000,
};

/* What the upgrade request says; borrowed for the call. */
struct hf_client_request {
    struct hf_slice target; /* path and query */
    struct hf_slice host;   /* with port unless default */
    struct hf_slice fields; /* complete header lines (Authorization), or empty */
    bool other_name;        /* as of struct hf_client_door */
};

struct hf_client_core; /* opaque */

/* HF_ERR_NOMEM; HF_ERR_INVALID: a text too long, a limit out of range. */
hf_err hf_client_core_new(const struct hf_client_config *config, struct hf_store *store,
                          const struct hf_client_ops *ops, void *user, struct hf_client_core **ret_core);
void hf_client_core_free(struct hf_client_core *core); /* tells nothing; NULL is harmless */
/* The same as an engine. */
hf_err hf_client_core_engine_new(const struct hf_client_config *config, struct hf_store *store,
                                 const struct hf_client_ops *ops, void *user,
                                 struct hf_client_engine **ret_engine);

/* ---- life ---- */
void hf_client_core_start(
    struct hf_client_core *core,
    const struct hf_client_time
        *now); /* the first attempt is made at once: jitter of a fleet's start is the caller's */
/* Says BYE and closes with 1000, awaits the answer for HF_CLIENT_CLOSE_MS; `closed` with retry false is told at the end. The queue stays as it is. */
void hf_client_core_stop(struct hf_client_core *core, const struct hf_client_time *now);
bool hf_client_core_stopped(const struct hf_client_core *core); /* not started, or stopped and all is told */
void hf_client_core_network(struct hf_client_core *core, const struct hf_client_time *now,
                            bool up); /* RC-3; up to begin with */

/* ---- time ---- */
uint64_t hf_client_core_due_ms(const struct hf_client_core *core); /* UINT64_MAX = nothing */
void hf_client_core_tick(struct hf_client_core *core, const struct hf_client_time *now);

/* ---- transport ---- */
void hf_client_core_stage(struct hf_client_core *core, const struct hf_client_time *now,
                          enum hf_client_stage stage);
/* Connected, TLS included: the upgrade goes out. HF_ERR_INVALID: the request cannot be written as it is; the attempt has failed (LOCAL). */
hf_err hf_client_core_open(struct hf_client_core *core, const struct hf_client_time *now,
                           const struct hf_client_request *request);
/* Instead of open, or behind it while the gateway has not answered. */
void hf_client_core_failed(struct hf_client_core *core, const struct hf_client_time *now,
                           enum hf_client_failure failure, struct hf_slice text);
/* data is unmasked and moved in place. */
void hf_client_core_bytes(struct hf_client_core *core, const struct hf_client_time *now, uint8_t *data,
                          size_t bytes);
void hf_client_core_writable(struct hf_client_core *core, const struct hf_client_time *now);
void hf_client_core_closed(struct hf_client_core *core, const struct hf_client_time *now); /* EOF or error */
void hf_client_core_probed(struct hf_client_core *core, const struct hf_client_time *now, bool connected,
                           bool resolved);

/* ---- application ---- */
/* Between these two, calls of this section do no work of their own but what bounds make necessary; the last one does it for all: one commit for what came
 * together, however slow the disk is. */
void hf_client_core_hold(struct hf_client_core *core, const struct hf_client_time *now);
void hf_client_core_release(struct hf_client_core *core);
/* Takes the message into the queue; `published` follows with the cookie. HF_ERR_LIMIT: the queue is full and this class does not drop; HF_ERR_INVALID: topic, or a payload that is not what its format or the text flag says; HF_ERR_FULL,
 * HF_ERR_IO, HF_ERR_CORRUPT, HF_ERR_NOMEM: the store's. Then nothing was taken and `published` does not follow. The class is not RESULT. message->uuid all zero: one is drawn. */
hf_err hf_client_core_publish(struct hf_client_core *core, const struct hf_client_time *now,
                              const struct hf_store_message *message, void *cookie);
/* Acknowledges what was delivered LATER; a command needs its result, a message has NULL. `done` follows. HF_ERR_NOT_FOUND: no such handle waits; HF_ERR_INVALID: a result for a
 * message or none for a command, or one whose payload is not what it says (`message` that gives one at once: `done` says so, and it waits as if it had said LATER); the store's errors: nothing has changed. */
hf_err hf_client_core_done(struct hf_client_core *core, const struct hf_client_time *now, uint64_t handle,
                           const struct hf_client_result *result);
/* Not numbered, not kept: HF_ERR_CLOSED when not established. Repeat it in `opened`. HF_ERR_INVALID: topic too long or empty. HF_ERR_AGAIN: the output is full. */
hf_err hf_client_core_subscribe(struct hf_client_core *core, const struct hf_client_time *now,
                                struct hf_slice topic, bool subscribe);
/* Changes a document; `document` with the request follows, at the latest with CONNECTION_GONE when the connection ends (then it may have been done). Not kept: HF_ERR_CLOSED when not
 * established. HF_ERR_UNSUPPORTED: the gateway has no documents. HF_ERR_AGAIN: HF_CLIENT_PATCHES_MAX are under way, or the output is full. HF_ERR_LIMIT: above
 * HF_CLIENT_CHANGE_BYTES_MAX. HF_ERR_INVALID. */
hf_err hf_client_core_patch(struct hf_client_core *core, const struct hf_client_time *now,
                            const struct hf_client_patch *patch);
/* In-band renewal of the token. Errors as subscribe. */
hf_err hf_client_core_token(struct hf_client_core *core, const struct hf_client_time *now,
                            struct hf_slice token);

/* ---- looking inside ---- */
enum hf_link_state hf_client_core_state(const struct hf_client_core *core);
uint64_t hf_client_core_document_version(const struct hf_client_core *core, unsigned document); /* 0 = none */
void hf_client_core_path(const struct hf_client_core *core, struct hf_client_path_facts *ret_facts);
void hf_client_core_counts(const struct hf_client_core *core, struct hf_client_counts *ret_counts);
void hf_client_core_queue(const struct hf_client_core *core, struct hf_store_facts *ret_facts);
/* Since when the connection is established (monotonic); 0 = it is not. */
uint64_t hf_client_core_since_ms(const struct hf_client_core *core);

#endif
