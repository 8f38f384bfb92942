#include "sim/mangle.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "codec/session/frame.h"
#include "codec/ws/frame.h"
#include "codec/ws/mask.h"
#include "sim/samples.h"

enum { HELD_BYTES_MAX = 4096 };

void sim_mangle_put(struct sim_mangle_bytes *to, const void *data, size_t bytes)
{
    if (to->bytes + bytes > to->room) {
        to->room = HF_MAX(2 * to->room, to->bytes + bytes);
        to->at = realloc(to->at, to->room);
        HF_ASSERT(to->at != NULL);
    }
    if (bytes > 0)
        memcpy(to->at + to->bytes, data, bytes);
    to->bytes += bytes;
}

static void drop_front(struct sim_mangle_bytes *from, size_t bytes)
{
    from->bytes -= bytes;
    if (from->bytes > 0)
        memmove(from->at, from->at + bytes, from->bytes);
}

void sim_mangle_init(struct sim_mangle *mangle, bool masked, struct hf_rng *rng)
{
    *mangle = (struct sim_mangle){.rng = rng, .masked = masked};
}

void sim_mangle_begin(struct sim_mangle *mangle)
{
    mangle->in.bytes = mangle->out.bytes = mangle->held.bytes = 0;
    mangle->upgraded = false;
}

void sim_mangle_deinit(struct sim_mangle *mangle)
{
    free(mangle->in.at);
    free(mangle->out.at);
    free(mangle->held.at);
    free(mangle->work.at);
    free(mangle->text.at);
}

static bool happens(struct sim_mangle *mangle)
{
    if (hf_rng_below(mangle->rng, 1000) >= mangle->permille)
        return false;
    mangle->mangled++;
    return true;
}

/* A bit that somebody must find: anywhere in a frame with a CRC, and in a batch of samples, which has its own and ends its frame. */
static void flip(struct sim_mangle *mangle, uint8_t *frame, size_t bytes)
{
    size_t from = HF_FRAME_HEAD_BYTES;

    if (!(frame[4] & HF_FRAME_FLAG_CRC)) {
        const uint8_t *mark = memmem(frame + from, bytes - from, sim_samples_mark, strlen(sim_samples_mark));

        if (frame[0] != HF_FRAME_DATA || mark == NULL)
            return;
        from = (size_t)(mark - frame) - SIM_SAMPLES_BOOT;
    }
    mangle->corrupt_left--;
    frame[from + hf_rng_below(mangle->rng, bytes - from)] ^= (uint8_t)(1 << hf_rng_below(mangle->rng, 8));
}

/* One session frame: goes on as it is, or does not. */
static void mangle_frame(struct sim_mangle *mangle, uint8_t *frame, size_t bytes)
{
    bool numbered = frame[0] == HF_FRAME_DATA || frame[0] == HF_FRAME_RESULT ||
                    frame[0] == HF_FRAME_COMMAND || frame[0] == HF_FRAME_GAP;

    if ((!numbered && frame[0] != HF_FRAME_ACK) || !happens(mangle)) {
        sim_mangle_put(&mangle->work, frame, bytes);
        return;
    }
    switch (hf_rng_below(mangle->rng, 4)) {
    case 0: /* twice */
        sim_mangle_put(&mangle->work, frame, bytes);
        sim_mangle_put(&mangle->work, frame, bytes);
        break;
    case 1: /* later, or twice with something in between */
        if (mangle->held.bytes + bytes <= HELD_BYTES_MAX)
            sim_mangle_put(&mangle->held, frame, bytes);
        if (mangle->held.bytes + bytes > HELD_BYTES_MAX || hf_rng_below(mangle->rng, 2))
            sim_mangle_put(&mangle->work, frame, bytes);
        break;
    case 2: break; /* never */
    default:
        if (mangle->corrupt_left > 0)
            flip(mangle, frame, bytes);
        sim_mangle_put(&mangle->work, frame, bytes);
        break;
    }
}

static size_t frame_bytes_of(const uint8_t *frame)
{
    return HF_FRAME_HEAD_BYTES + ((size_t)frame[1] << 16 | (size_t)frame[2] << 8 | frame[3]);
}

static void write_one(struct sim_mangle *mangle, enum hf_ws_opcode opcode, const uint8_t *payload,
                      size_t bytes, const uint8_t *key)
{
    uint8_t head[HF_WS_HEAD_BYTES_MAX];

    sim_mangle_put(&mangle->out, head, hf_ws_encode_head(head, opcode, HF_WS_FIN, bytes, key));
    sim_mangle_put(&mangle->out, payload, bytes);
    if (key != NULL)
        hf_ws_mask(mangle->out.at + mangle->out.bytes - bytes, bytes, key, 0);
}

static void write_message(struct sim_mangle *mangle, const uint8_t *payload, size_t bytes, const uint8_t *key)
{
    if (bytes > 0 && !(mangle->json && mangle->masked))
        write_one(mangle, HF_WS_OP_BINARY, payload, bytes, key);
    for (size_t at = 0; at < bytes && mangle->json && mangle->masked; at += frame_bytes_of(payload + at)) {
        mangle->text.bytes = 0;
        bool known = sim_mangle_to_json(payload + at, frame_bytes_of(payload + at), &mangle->text);

        HF_ASSERT(known); /* the core has made it */
        write_one(mangle, HF_WS_OP_TEXT, mangle->text.at, mangle->text.bytes, key);
    }
}

static void mangle_message(struct sim_mangle *mangle, uint8_t *payload, size_t bytes, const uint8_t *key)
{
    mangle->work.bytes = 0;
    if (mangle->held.bytes > 0 && hf_rng_below(mangle->rng, 2)) {
        sim_mangle_put(&mangle->work, mangle->held.at, mangle->held.bytes);
        mangle->held.bytes = 0;
    }
    for (size_t at = 0; at + HF_FRAME_HEAD_BYTES <= bytes;) {
        size_t frame_bytes = frame_bytes_of(payload + at);

        HF_ASSERT(at + frame_bytes <= bytes);
        mangle_frame(mangle, payload + at, frame_bytes);
        at += frame_bytes;
    }
    write_message(mangle, mangle->work.at, mangle->work.bytes, key);
}

/* One whole WebSocket frame from the front of `in`; false when there is none yet. */
static bool take_frame(struct sim_mangle *mangle)
{
    uint8_t *at = mangle->in.at;
    size_t have = mangle->in.bytes, head = 2, bytes;

    if (have < 2)
        return false;
    bytes = at[1] & 0x7f;
    if (bytes == 126)
        head = 4;
    else if (bytes == 127)
        head = 10;
    if (have < head + (mangle->masked ? 4u : 0u))
        return false;
    if (head == 4)
        bytes = (size_t)at[2] << 8 | at[3];
    for (size_t i = 2; head == 10 && i < 10; i++)
        bytes = (i == 2 ? 0 : bytes << 8) | at[i];
    uint8_t key[4] = {0};
    if (mangle->masked)
        memcpy(key, at + head, 4);
    head += mangle->masked ? 4 : 0;
    if (have < head + bytes)
        return false;
    /* A message in pieces is a single large frame: it passes. */
    if (at[0] == (HF_WS_FIN | HF_WS_OP_BINARY)) {
        if (mangle->masked)
            hf_ws_mask(at + head, bytes, key, 0);
        mangle_message(mangle, at + head, bytes, mangle->masked ? key : NULL);
    } else if (mangle->json && at[0] == (HF_WS_FIN | HF_WS_OP_TEXT)) {
        mangle->text.bytes = 0;
        bool known = sim_mangle_from_json((struct hf_slice){(const char *)at + head, bytes}, &mangle->text);

        HF_ASSERT(known && !mangle->masked); /* from the gateway */
        mangle_message(mangle, mangle->text.at, mangle->text.bytes, NULL);
    } else {
        sim_mangle_put(&mangle->out, at, head + bytes);
    }
    drop_front(&mangle->in, head + bytes);
    return true;
}

void sim_mangle_feed(struct sim_mangle *mangle, const void *data, size_t bytes)
{
    sim_mangle_put(&mangle->in, data, bytes);
    if (!mangle->upgraded) {
        uint8_t *end = mangle->in.bytes > 0 ? memmem(mangle->in.at, mangle->in.bytes, "\r\n\r\n", 4) : NULL;

        if (end == NULL)
            return;
        mangle->upgraded = true;
        sim_mangle_head(mangle, mangle->in.at, (size_t)(end - mangle->in.at) + 4);
        drop_front(&mangle->in, (size_t)(end - mangle->in.at) + 4);
    }
    while (take_frame(mangle))
        ;
}

void sim_mangle_taken(struct sim_mangle *mangle, size_t bytes)
{
    drop_front(&mangle->out, bytes);
}

void sim_mangle_release(struct sim_mangle *mangle)
{
    static const uint8_t key[4] = {1, 2, 3, 4};

    write_message(mangle, mangle->held.at, mangle->held.bytes, mangle->masked ? key : NULL);
    mangle->held.bytes = 0;
}
