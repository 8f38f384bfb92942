/* client/mqtt/mqtt_out.c - bytes out. One buffer of fixed size; a message that does not fit is streamed through it.
 *
 *     out:  | written | out_bytes: to be written | free |
 *                     ^ out_at                                */
#include "client/mqtt/mqtt_internal.h"

/* Room for `bytes` behind everything; moves things to the front if that helps. */
static bool room(struct hf_mc *mc, size_t bytes, size_t spare)
{
    if (mc->out_bytes + bytes + spare > HF_CLIENT_OUT_BYTES)
        return false;
    if (mc->out_at + mc->out_bytes + bytes > HF_CLIENT_OUT_BYTES) {
        memmove(mc->out, mc->out + mc->out_at, mc->out_bytes);
        mc->out_at = 0;
    }
    return true;
}

static uint8_t *end_of(struct hf_mc *mc)
{
    return mc->out + mc->out_at + mc->out_bytes;
}

static void said(struct hf_mc *mc, size_t bytes)
{
    mc->out_bytes += bytes;
    mc->counts.frames_out++;
    mc->link.said_ms = mc->now.now_ms;
}

bool hf_mc_emit(struct hf_mc *mc, const struct hf_mqtt_packet *packet, bool spare)
{
    size_t bytes = hf_mqtt_encoded_bytes(mc->version, packet);

    HF_ASSERT(bytes > 0);
    if (mc->link.stream.on || !room(mc, bytes, spare ? 0 : HF_MC_OUT_SPARE))
        return false;
    (void)hf_mqtt_encode(mc->version, packet, end_of(mc));
    said(mc, bytes);
    return true;
}

bool hf_mc_emit_publish(struct hf_mc *mc, uint64_t seq, const struct hf_mqtt_packet *packet)
{
    size_t bytes = hf_mqtt_encoded_bytes(mc->version, packet);
    size_t head_bytes = bytes - packet->as.publish.payload.bytes;

    HF_ASSERT(bytes > 0 && head_bytes + HF_MC_OUT_SPARE <= HF_CLIENT_OUT_BYTES);
    if (bytes + HF_MC_OUT_SPARE <= HF_CLIENT_OUT_BYTES)
        return hf_mc_emit(mc, packet, false);
    if (mc->link.stream.on || !room(mc, head_bytes, HF_MC_OUT_SPARE))
        return false;
    (void)hf_mqtt_encode_publish_head(mc->version, packet, end_of(mc));
    said(mc, head_bytes);
    mc->link.stream.on = true;
    mc->link.stream.seq = seq;
    mc->link.stream.at = 0;
    mc->link.stream.bytes = packet->as.publish.payload.bytes;
    return true;
}

/* The message that is being streamed: the store lends it only until its next call. */
static bool read_stream(struct hf_mc *mc, struct hf_slice *payload)
{
    struct hf_store_item item;
    hf_err err;

    if (payload->at != NULL)
        return true;
    err = mc->store->ops->read(mc->store, mc->link.stream.seq, &item);
    if (err == HF_OK && !item.gap && item.message.payload.bytes == mc->link.stream.bytes) {
        *payload = item.message.payload;
        return true;
    }
    /* Half a message is out and the rest is gone: only a new connection can put that right. */
    hf_client_queue_trouble(&mc->queue, err != HF_OK ? err : HF_ERR_CORRUPT);
    hf_mc_text(mc, HF_SLICE("the queue lost a message that was being sent"));
    mc->link.ending.failure = HF_CLIENT_FAILED_LOCAL;
    hf_mc_finish(mc, false, HF_LINK_EV_LOST);
    return false;
}

/* As much of the payload as there is room for. */
static bool fill_stream(struct hf_mc *mc, struct hf_slice *payload)
{
    size_t bytes;

    if (!mc->link.stream.on || mc->out_bytes >= HF_CLIENT_OUT_BYTES / 2 || !read_stream(mc, payload))
        return false;
    bytes = HF_MIN(mc->link.stream.bytes - mc->link.stream.at,
                   (size_t)HF_CLIENT_OUT_BYTES - HF_MC_OUT_SPARE - mc->out_bytes);
    if (!room(mc, bytes, 0))
        HF_UNREACHABLE();
    memcpy(end_of(mc), payload->at + mc->link.stream.at, bytes);
    mc->link.stream.at += bytes;
    mc->out_bytes += bytes;
    mc->link.said_ms = mc->now.now_ms;
    mc->link.stream.on = mc->link.stream.at < mc->link.stream.bytes;
    return true;
}

void hf_mc_flush(struct hf_mc *mc)
{
    struct hf_slice payload = {NULL, 0};

    for (;;) {
        size_t taken;

        while (fill_stream(mc, &payload))
            continue;
        if (!mc->link.up || mc->out_bytes == 0)
            break;
        taken = mc->ops->write(mc->user, mc->out + mc->out_at, mc->out_bytes);
        HF_ASSERT(taken <= mc->out_bytes);
        mc->counts.bytes_out += taken;
        mc->out_bytes -= taken;
        mc->out_at = mc->out_bytes > 0 ? mc->out_at + taken : 0;
        if (taken > 0)
            mc->link.out_ms = mc->now.now_ms;
        if (mc->out_bytes > 0)
            break;
    }
    if (mc->out_bytes == 0)
        mc->link.out_ms = mc->now.now_ms;
}
