/* test/sim/mangle.h - what TCP never does and faulty memory, proxies and programs do: session frames of a connection doubled, swapped, held back, lost or with a bit flipped
 * (requirement F15). Sits between a device and its socket, one for each direction, and understands just enough of WebSocket and of doc/protocol.md section 2 to
 * find the frames. Nothing is made that the protocol does not promise to survive: heartbeats and greetings pass, and bits flip only where a CRC would notice. */
#ifndef HF_SIM_MANGLE_H
#define HF_SIM_MANGLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"

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
    unsigned permille;            /* how often something happens to a frame; 0 = nothing */
    unsigned corrupt_left;        /* bits that may still flip: the third in a minute ends the connection */
    uint64_t mangled;             /* how often something happened */
    bool masked, upgraded;        /* masked: from the device */
};

void sim_mangle_init(struct sim_mangle *mangle, bool masked, struct hf_rng *rng);
void sim_mangle_begin(struct sim_mangle *mangle); /* a new connection */
void sim_mangle_deinit(struct sim_mangle *mangle);
void sim_mangle_feed(struct sim_mangle *mangle, const void *data, size_t bytes); /* out grows */
void sim_mangle_taken(struct sim_mangle *mangle, size_t bytes);                  /* from the front of out */
void sim_mangle_release(struct sim_mangle *mangle); /* what is held back goes now, as a message of its own */

#endif
