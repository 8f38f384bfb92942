/* client/session/core_out.c - bytes out. One buffer of fixed size: WebSocket messages are built in it, masked in it, and written from it. Small frames share a WebSocket message;
 * a message that does not fit is streamed through.
 *
 *     out:  | written | out_bytes: finished | head reserved | bundle_bytes: frames of the open message | free |
 *                     ^ out_at              ^ bundle_at                                                            */
#include "client/session/core_internal.h"
#include "codec/session/binary.h"
#include "codec/ws/mask.h"

enum {
    HEAD_BYTES = 8,       /* reserved: 2 + 2 length + 4 mask; one of 6 is moved up */
    HEAD_BYTES_SHORT = 6, /* up to 125 bytes of payload */
    SHORT_MAX = 125,
    STREAM_HEAD_MAX = HF_WS_HEAD_BYTES_MAX + HF_FRAME_HEAD_BYTES + HF_FRAME_OVERHEAD_BYTES_MAX,
};

static void draw_mask(struct hf_client_core *core, uint8_t mask[4])
{
    uint64_t draw = hf_rng_u64(&core->rng);

    memcpy(mask, &draw, 4);
}

/* Closes the open bundle: its head goes in front, and it counts as output. */
static void end_bundle(struct hf_client_core *core)
{
    uint8_t *head = core->out + core->bundle_at, *payload = head + HEAD_BYTES, mask[4];
    size_t bytes = core->bundle_bytes, head_bytes;

    if (bytes == 0)
        return;
    if (bytes <= SHORT_MAX) {
        memmove(head + HEAD_BYTES_SHORT, payload, bytes);
        payload = head + HEAD_BYTES_SHORT;
    }
    draw_mask(core, mask);
    head_bytes = hf_ws_encode_head(head, HF_WS_OP_BINARY, HF_WS_FIN, bytes, mask);
    HF_ASSERT(head + head_bytes == payload);
    hf_ws_mask(payload, bytes, mask, 0);
    core->out_bytes += head_bytes + bytes;
    core->bundle_bytes = 0;
}

/* Room for `bytes` behind everything, the open bundle included; moves things to the front if that helps. */
static bool room(struct hf_client_core *core, size_t bytes, size_t spare)
{
    size_t used = core->out_bytes + (core->bundle_bytes > 0 ? HEAD_BYTES + core->bundle_bytes : 0);

    if (used + bytes + spare > HF_CLIENT_OUT_BYTES)
        return false;
    if (core->out_at + used + bytes > HF_CLIENT_OUT_BYTES) {
        memmove(core->out, core->out + core->out_at, used);
        if (core->bundle_bytes > 0)
            core->bundle_at -= core->out_at;
        core->out_at = 0;
    }
    return true;
}

bool hf_core_fits(const struct hf_client_core *core, size_t frame_bytes)
{
    (void)core;
    return frame_bytes + HEAD_BYTES + HF_CLIENT_OUT_SPARE <= HF_CLIENT_OUT_BYTES;
}

bool hf_core_emit(struct hf_client_core *core, const struct hf_frame *frame, bool spare)
{
    size_t bytes = hf_frame_bytes(frame), written;

    if (core->link.stream.on)
        return false;
    if (core->bundle_bytes > 0 && core->bundle_bytes + bytes > HF_CLIENT_BUNDLE_BYTES_MAX)
        end_bundle(core);
    if (!room(core, bytes + (core->bundle_bytes == 0 ? HEAD_BYTES : 0), spare ? 0 : HF_CLIENT_OUT_SPARE))
        return false;
    if (core->bundle_bytes == 0)
        core->bundle_at = core->out_at + core->out_bytes;
    written = hf_frame_encode(frame, core->out + core->bundle_at + HEAD_BYTES + core->bundle_bytes);
    HF_ASSERT(written == bytes);
    core->bundle_bytes += bytes;
    core->counts.frames_out++;
    return true;
}

bool hf_core_emit_ws(struct hf_client_core *core, enum hf_ws_opcode opcode, const void *payload, size_t bytes)
{
    uint8_t mask[4], *at;
    size_t head_bytes;

    HF_ASSERT(bytes <= HF_WS_CONTROL_BYTES_MAX);
    if (core->link.stream.on)
        return false; /* between frames only, and the stream is one frame */
    end_bundle(core);
    if (!room(core, HEAD_BYTES + bytes, 0))
        return false;
    at = core->out + core->out_at + core->out_bytes;
    draw_mask(core, mask);
    head_bytes = hf_ws_encode_head(at, opcode, HF_WS_FIN, bytes, mask);
    if (bytes > 0)
        memcpy(at + head_bytes, payload, bytes);
    hf_ws_mask(at + head_bytes, bytes, mask, 0);
    core->out_bytes += head_bytes + bytes;
    return true;
}

bool hf_core_emit_raw(struct hf_client_core *core, const void *data, size_t bytes)
{
    HF_ASSERT(core->bundle_bytes == 0);
    if (!room(core, bytes, 0))
        return false;
    memcpy(core->out + core->out_at + core->out_bytes, data, bytes);
    core->out_bytes += bytes;
    return true;
}

/* ---- a large message ---- */

static struct hf_slice payload_of(const struct hf_frame *frame)
{
    HF_ASSERT(frame->type == HF_FRAME_DATA || frame->type == HF_FRAME_RESULT);
    return frame->type == HF_FRAME_DATA ? frame->as.data.payload : frame->as.result.payload;
}

bool hf_core_stream(struct hf_client_core *core, uint64_t seq, const struct hf_frame *frame)
{
    struct hf_slice payload = payload_of(frame);
    uint8_t *at, mask[4];
    size_t head_bytes, frame_bytes;

    if (core->link.stream.on)
        return false;
    end_bundle(core);
    if (!room(core, STREAM_HEAD_MAX, HF_CLIENT_OUT_SPARE))
        return false;
    at = core->out + core->out_at + core->out_bytes;
    draw_mask(core, mask);
    frame_bytes = hf_frame_bytes(frame) - payload.bytes;
    head_bytes = hf_ws_encode_head(at, HF_WS_OP_BINARY, HF_WS_FIN, frame_bytes + payload.bytes, mask);
    (void)hf_frame_encode_head(frame, at + head_bytes);
    hf_ws_mask(at + head_bytes, frame_bytes, mask, 0);
    core->out_bytes += head_bytes + frame_bytes;
    core->link.stream.on = true;
    core->link.stream.seq = seq;
    core->link.stream.at = 0;
    core->link.stream.bytes = payload.bytes;
    core->link.stream.mask_at = frame_bytes;
    memcpy(core->link.stream.mask, mask, 4);
    core->counts.frames_out++;
    return true;
}

/* The message that is being streamed: the store lends it only until its next call. */
static bool read_stream(struct hf_client_core *core, struct hf_slice *payload)
{
    struct hf_store_item item;
    hf_err err;

    if (payload->at != NULL)
        return true;
    err = core->store->ops->read(core->store, core->link.stream.seq, &item);
    if (err == HF_OK && !item.gap && item.message.payload.bytes == core->link.stream.bytes) {
        *payload = item.message.payload;
        return true;
    }
    /* Half a message is out and the rest is gone: only a new connection can put that right. */
    hf_client_queue_trouble(&core->queue, err != HF_OK ? err : HF_ERR_CORRUPT);
    hf_core_text(core, HF_SLICE("the queue lost a message that was being sent"));
    core->link.ending.failure = HF_CLIENT_FAILED_LOCAL;
    hf_core_finish(core, false, HF_LINK_EV_LOST);
    return false;
}

/* As much of the payload as there is room for. */
static bool fill_stream(struct hf_client_core *core, struct hf_slice *payload)
{
    size_t bytes;
    uint8_t *at;

    if (!core->link.stream.on || core->out_bytes >= HF_CLIENT_OUT_BYTES / 2 || !read_stream(core, payload))
        return false;
    bytes = HF_MIN(core->link.stream.bytes - core->link.stream.at,
                   (size_t)HF_CLIENT_OUT_BYTES - HF_CLIENT_OUT_SPARE - core->out_bytes);
    if (!room(core, bytes, 0))
        HF_UNREACHABLE();
    at = core->out + core->out_at + core->out_bytes;
    memcpy(at, payload->at + core->link.stream.at, bytes);
    hf_ws_mask(at, bytes, core->link.stream.mask, core->link.stream.mask_at);
    core->link.stream.mask_at += bytes;
    core->link.stream.at += bytes;
    core->out_bytes += bytes;
    core->link.stream.on = core->link.stream.at < core->link.stream.bytes;
    return true;
}

void hf_core_flush(struct hf_client_core *core)
{
    struct hf_slice payload = {NULL, 0};

    end_bundle(core);
    for (;;) {
        size_t taken;

        while (fill_stream(core, &payload))
            continue;
        if (!core->link.up || core->out_bytes == 0)
            break;
        taken = core->ops->write(core->user, core->out + core->out_at, core->out_bytes);
        HF_ASSERT(taken <= core->out_bytes);
        core->counts.bytes_out += taken;
        core->out_bytes -= taken;
        core->out_at = core->out_bytes > 0 ? core->out_at + taken : 0;
        if (taken > 0)
            core->link.out_ms = core->now.now_ms;
        if (core->out_bytes > 0)
            break;
    }
    if (core->out_bytes == 0)
        core->link.out_ms = core->now.now_ms;
}
