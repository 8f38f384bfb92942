/* adapter/ws/session_out.c - what a device of holdfast.v1 is told: each frame in a WebSocket message of its own, whose head costs two to four bytes and
 * waits for nobody. Small frames are encoded on the stack and copied once, into the carrier's buffer; larger ones once, into bytes that are shared with
 * the carrier. */
#include "adapter/ws/session.h"

#include <stdlib.h>

#include "base/sb.h"
#include "codec/session/binary.h"
#include "codec/session/json.h"
#include "core/shared.h"
#include "core/topic.h"

enum { SMALL_BYTES_MAX = 2048, HEAD_ROOM = 10 }; /* of a server's WebSocket head, before the frame */

static enum hf_ws_opcode opcode_of(const struct hf_ws_conn *conn)
{
    return hf_ws_is_json(conn) ? HF_WS_OP_TEXT : HF_WS_OP_BINARY;
}

/* Bytes that encode_at() needs, at most. */
static size_t room_of(const struct hf_ws_conn *conn, const struct hf_frame *frame)
{
    return hf_ws_is_json(conn) ? hf_frame_json_bytes_max(frame) + 1 : hf_frame_bytes(frame);
}

static size_t encode_at(const struct hf_ws_conn *conn, const struct hf_frame *frame, char *out,
                        size_t out_bytes)
{
    struct hf_sb sb;

    if (!hf_ws_is_json(conn))
        return hf_frame_encode(frame, (uint8_t *)out);
    hf_sb_init(&sb, out, out_bytes);
    hf_frame_encode_json(frame, &sb);
    HF_ASSERT(!sb.overflow); /* hf_frame_json_bytes_max() is a bound */
    return sb.bytes;
}

static struct hf_shared *encode_shared(const struct hf_ws_conn *conn, const struct hf_frame *frame)
{
    size_t room = room_of(conn, frame);
    uint8_t head[HF_WS_HEAD_BYTES_MAX];

    if (!hf_ws_is_json(conn)) {
        size_t head_bytes = hf_ws_encode_head(head, HF_WS_OP_BINARY, HF_WS_FIN, room, NULL);
        struct hf_shared *shared = hf_shared_new(NULL, head_bytes + room);

        if (shared != NULL) {
            memcpy(shared->data, head, head_bytes);
            (void)hf_frame_encode(frame, shared->data + head_bytes);
        }
        return shared;
    }
    char *text = malloc(room); /* its bound may be six times its size, and these bytes may wait for long */
    if (text == NULL)
        return NULL;
    size_t bytes = encode_at(conn, frame, text, room);
    size_t head_bytes = hf_ws_encode_head(head, HF_WS_OP_TEXT, HF_WS_FIN, bytes, NULL);
    struct hf_shared *shared = hf_shared_new(NULL, head_bytes + bytes);
    if (shared != NULL) {
        memcpy(shared->data, head, head_bytes);
        memcpy(shared->data + head_bytes, text, bytes);
    }
    free(text);
    return shared;
}

hf_err hf_ws_session_send(struct hf_ws_conn *conn, const struct hf_frame *frame)
{
    char out[HEAD_ROOM + SMALL_BYTES_MAX];
    uint8_t head[HF_WS_HEAD_BYTES_MAX];
    hf_err err;

    if (conn->link == NULL)
        return HF_ERR_CLOSED;
    if (room_of(conn, frame) <= SMALL_BYTES_MAX) {
        size_t bytes = encode_at(conn, frame, out + HEAD_ROOM, SMALL_BYTES_MAX);
        size_t head_bytes = hf_ws_encode_head(head, opcode_of(conn), HF_WS_FIN, bytes, NULL);

        memcpy(out + HEAD_ROOM - head_bytes, head, head_bytes);
        err = conn->link->ops->write(conn->link, out + HEAD_ROOM - head_bytes, head_bytes + bytes);
    } else {
        struct hf_shared *shared = encode_shared(conn, frame);

        err = shared ? conn->link->ops->write_shared(conn->link, shared) : HF_ERR_NOMEM;
        hf_shared_unref(shared);
    }
    if (err == HF_OK)
        conn->site->stats.session.frames_out[frame->type]++;
    return err;
}

void hf_ws_session_refuse(struct hf_ws_conn *conn, uint32_t seq, enum hf_reason reason, const char *detail)
{
    struct hf_frame frame = {.type = HF_FRAME_REFUSE};

    frame.as.refuse = (struct hf_frame_refuse){.seq = seq,
                                               .reason = (uint16_t)reason,
                                               .retry_ms = hf_reason_info(reason)->retry_ms,
                                               .detail = hf_slice_of(detail)};
    conn->site->stats.session.refused++;
    (void)hf_ws_session_send(conn, &frame);
}

void hf_ws_session_bye(struct hf_ws_conn *conn, enum hf_reason reason, struct hf_slice detail)
{
    struct hf_frame frame = {.type = HF_FRAME_BYE};

    frame.as.bye =
        (struct hf_frame_bye){.reason = (uint16_t)reason,
                              .retry_ms = hf_reason_info(reason)->retry_ms,
                              .ticket_ms = hf_hub_session_ticket_ms(conn->site->hub, &conn->dev),
                              .detail = {detail.at, HF_MIN(detail.bytes, (size_t)HF_FRAME_TEXT_BYTES_MAX)}};
    (void)hf_ws_session_send(conn, &frame);
}

/* ---- core's view ---- */

static void data_of(const struct hf_outgoing *outgoing, struct hf_frame_data *data)
{
    *data = (struct hf_frame_data){
        .seq = (uint32_t)outgoing->seq,
        .format = outgoing->format,
        .text = (outgoing->flags & HF_EVENT_FLAG_TEXT) != 0,
        .publish = outgoing->kind == HF_OUT_PUBLISH,
        .topic = outgoing->topic,
        .payload = outgoing->payload,
    };
    if (outgoing->id != NULL)
        memcpy(data->id, outgoing->id, sizeof(data->id));
}

static void command_of(const struct hf_outgoing *outgoing, uint64_t utc_ms, struct hf_frame_command *command)
{
    *command = (struct hf_frame_command){
        .seq = (uint32_t)outgoing->seq,
        .expires_ms = outgoing->expires_ms,
        .format = outgoing->format,
        .text = (outgoing->flags & HF_EVENT_FLAG_TEXT) != 0,
        .key = outgoing->key,
        .name = outgoing->topic,
        .payload = outgoing->payload,
    };
    if (outgoing->id != NULL)
        memcpy(command->id, outgoing->id, sizeof(command->id));
    if (outgoing->expires_ms != 0) /* 0 would mean that it never expires; over is the shortest there is */
        command->ttl_ms = (uint32_t)HF_MAX(
            1, outgoing->expires_ms > utc_ms ? HF_MIN(outgoing->expires_ms - utc_ms, (uint64_t)UINT32_MAX)
                                             : (uint64_t)0);
}

static void delta_of(const struct hf_outgoing *outgoing, struct hf_frame_delta *delta)
{
    *delta = (struct hf_frame_delta){
        .request = outgoing->request,
        .document = outgoing->kind == HF_OUT_SHADOW            ? HF_DOCUMENT_SHADOW
                    : hf_topic_is_group(outgoing->topic, NULL) ? HF_DOCUMENT_GROUP
                                                               : HF_DOCUMENT_CONTEXT,
        .kind = outgoing->format,
        .reason = outgoing->reason,
        .base_version = outgoing->from_version,
        .version = outgoing->seq,
        .json = outgoing->payload,
    };
    if (outgoing->id != NULL)
        memcpy(delta->snapshot_id, outgoing->id, sizeof(delta->snapshot_id));
}

static struct hf_frame frame_of(const struct hf_ws_conn *conn, const struct hf_outgoing *outgoing)
{
    bool delta = outgoing->kind == HF_OUT_DOCUMENT || outgoing->kind == HF_OUT_SHADOW;
    struct hf_frame frame = {.type = outgoing->kind == HF_OUT_COMMAND ? HF_FRAME_COMMAND
                                     : delta                          ? HF_FRAME_DELTA
                                                                      : HF_FRAME_DATA};
    bool mine = frame.type == HF_FRAME_DELTA ? outgoing->request != 0 : outgoing->seq != 0;

    if (frame.type == HF_FRAME_COMMAND)
        command_of(outgoing, conn->site->hub->utc_ms, &frame.as.command);
    else if (frame.type == HF_FRAME_DELTA)
        delta_of(outgoing, &frame.as.delta);
    else
        data_of(outgoing, &frame.as.data);
    /* What goes to many is encoded once for all, whether they asked for checksums or not. */
    frame.crc = mine && !hf_ws_is_json(conn) && (conn->session->capabilities & HF_CAP_CRC);
    return frame;
}

static struct hf_shared *encode(struct hf_devconn *devconn, const struct hf_outgoing *outgoing)
{
    struct hf_ws_conn *conn = hf_ws_conn_of(devconn);
    struct hf_frame frame = frame_of(conn, outgoing);

    return encode_shared(conn, &frame);
}

/* Commands are numbered and wait on disk, so it is one of two. */
static enum hf_frame_type type_of(const struct hf_ws_conn *conn, const struct hf_shared *shared)
{
    static const char delta[] = "{\"type\":\"delta\"";
    unsigned length = shared->data[1] & 0x7f;
    size_t head = length < 126 ? 2 : length == 126 ? 4 : 10;

    if (!hf_ws_is_json(conn))
        return (enum hf_frame_type)shared->data[head];
    return shared->bytes >= head + sizeof(delta) - 1 &&
                   memcmp(shared->data + head, delta, sizeof(delta) - 1) == 0
               ? HF_FRAME_DELTA
               : HF_FRAME_DATA;
}

static hf_err write_shared(struct hf_devconn *devconn, struct hf_shared *shared)
{
    struct hf_ws_conn *conn = hf_ws_conn_of(devconn);

    if (!hf_ws_welcomed(conn))
        return HF_ERR_LIMIT;
    hf_err err = conn->link->ops->write_shared(conn->link, shared);
    if (err == HF_OK)
        conn->site->stats.session.frames_out[type_of(conn, shared)]++;
    return err;
}

static hf_err write_now(struct hf_devconn *devconn, const struct hf_outgoing *outgoing)
{
    struct hf_ws_conn *conn = hf_ws_conn_of(devconn);
    struct hf_frame frame = frame_of(conn, outgoing);

    /* Nothing goes before WELCOME: a publication of its groups waits, as for a slow reader. */
    return hf_ws_welcomed(conn) ? hf_ws_session_send(conn, &frame) : HF_ERR_LIMIT;
}

static hf_err gap(struct hf_devconn *devconn, uint64_t from, uint64_t to, enum hf_reason reason)
{
    struct hf_frame frame = {.type = HF_FRAME_GAP};

    frame.as.gap =
        (struct hf_frame_gap){.from = (uint32_t)from, .to = (uint32_t)to, .reason = (uint16_t)reason};
    return hf_ws_session_send(hf_ws_conn_of(devconn), &frame);
}

uint32_t hf_ws_session_rtt_us(const struct hf_ws_conn *conn)
{
    struct hf_link_kernel kernel = {0};

    if (conn->session->beat.rtt.srtt_us == 0 &&
        conn->link->ops->kernel != NULL) { /* the device sends the heartbeats */
        conn->link->ops->kernel(conn->link, &kernel);
        return kernel.rtt_us;
    }
    return conn->session->beat.rtt.srtt_us;
}

static void describe(const struct hf_devconn *devconn, struct hf_live *live)
{
    const struct hf_ws_conn *conn = HF_CONTAINER_OF(devconn, const struct hf_ws_conn, dev);

    hf_ws_describe(conn, hf_ws_is_json(conn) ? "holdfast.v1.json" : "holdfast.v1", live);
    live->rtt_ms = (hf_ws_session_rtt_us(conn) + 999) / 1000;
    live->clock_known = conn->session->clock_known;
    live->clock_skew = conn->session->clock_skewed;
    live->clock_ahead_ms = live->clock_known ? conn->clock_ahead_ms : 0;
}

const struct hf_devconn_ops hf_ws_session_ops = {
    .encode = encode,
    .write_shared = write_shared,
    .write = write_now,
    .flush = hf_ws_flush,
    .queued_bytes = hf_ws_queued_bytes,
    .close = hf_ws_close_device,
    .describe = describe,
    .welcome = hf_ws_session_welcome,
    .gap = gap,
    .settle = hf_ws_session_settle,
    .takes_document = hf_ws_takes_document,
    .takes_shadow = hf_ws_takes_shadow,
};
