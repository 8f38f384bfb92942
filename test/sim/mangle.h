/* test/sim/mangle.h - what TCP never does and faulty memory, proxies and programs do: session frames of a connection doubled, swapped, held back, lost or with a bit flipped
 * (requirement F15). Sits between a device and its socket, one for each direction, and understands just enough of WebSocket and of doc/protocol.md section 2 to
 * find the frames. Nothing is made that the protocol does not promise to survive: heartbeats and greetings pass, and bits flip only where a CRC would notice. */
#ifndef HF_SIM_MANGLE_H
#define HF_SIM_MANGLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "base/slice.h"

struct sim_mangle_bytes {
    uint8_t *at; /* owns */
    size_t bytes, room;
};

struct sim_mangle {
    struct hf_rng *rng;           /* borrows */
    struct sim_mangle_bytes in;   /* came, not yet whole */
    struct sim_mangle_bytes out;  /* to go on */
    struct sim_mangle_bytes held; /* frames that come later */
    struct sim_mangle_bytes work; /* of the message at work */
    struct sim_mangle_bytes text; /* and one frame of it in its other form */
    unsigned permille;            /* how often something happens to a frame; 0 = nothing */
    unsigned corrupt_left;        /* bits that may still flip: the third in a minute ends the connection */
    uint64_t mangled;             /* how often something happened */
    bool masked, upgraded;        /* masked: from the device */
    bool json; /* what goes out on the network is holdfast.v1.json: the core speaks bytes */
};

/* holdfast.v1.json: the core knows frames of bytes only, so what lies on the network is written anew (mangle_json.c). */
void sim_mangle_put(struct sim_mangle_bytes *to, const void *data, size_t bytes);
void sim_mangle_head(struct sim_mangle *mangle, const uint8_t *head, size_t bytes); /* of HTTP, to `out` */
/* One frame as a JSON text, and back: appended to `to`. False: it is none. */
bool sim_mangle_to_json(const uint8_t *frame, size_t bytes, struct sim_mangle_bytes *to);
bool sim_mangle_from_json(struct hf_slice text, struct sim_mangle_bytes *to);

void sim_mangle_init(struct sim_mangle *mangle, bool masked, struct hf_rng *rng);
void sim_mangle_begin(struct sim_mangle *mangle); /* a new connection */
void sim_mangle_deinit(struct sim_mangle *mangle);
void sim_mangle_feed(struct sim_mangle *mangle, const void *data, size_t bytes); /* out grows */
void sim_mangle_taken(struct sim_mangle *mangle, size_t bytes);                  /* from the front of out */
void sim_mangle_release(struct sim_mangle *mangle); /* what is held back goes now, as a message of its own */

#endif
