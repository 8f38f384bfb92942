/* adapter/ws/out.c - what a device is told, as frames: plain payloads for messages, a JSON envelope for commands and publications. */
#include "adapter/ws/conn.h"

#include <stdlib.h>

#include "adapter/ws/window.h"
#include "base/base64.h"
#include "base/sb.h"
#include "base/uuid.h"
#include "codec/json/out.h"
#include "codec/session/frame.h"
#include "core/shared.h"

hf_err hf_ws_send_control(struct hf_ws_conn *conn, enum hf_ws_opcode opcode, const void *payload,
                          size_t bytes)
{
    uint8_t frame[HF_WS_HEAD_BYTES_MAX + HF_WS_CONTROL_BYTES_MAX];
    size_t head = hf_ws_encode_head(frame, opcode, HF_WS_FIN, bytes, NULL);

    if (bytes > 0)
        memcpy(frame + head, payload, bytes);
    return conn->link->ops->write(conn->link, frame, head + bytes);
}

enum {
    SMALL_BYTES_MAX = 768
}; /* copied into the carrier's buffer; larger payloads get a buffer of their own */

static hf_err write_small(struct hf_ws_conn *conn, enum hf_ws_opcode opcode, struct hf_slice payload)
{
    uint8_t frame[HF_WS_HEAD_BYTES_MAX + SMALL_BYTES_MAX];
    size_t head = hf_ws_encode_head(frame, opcode, HF_WS_FIN, payload.bytes, NULL);

    HF_ASSERT(payload.bytes <= SMALL_BYTES_MAX);
    if (payload.bytes > 0)
        memcpy(frame + head, payload.at, payload.bytes);
    return conn->link->ops->write(conn->link, frame, head + payload.bytes);
}

hf_err hf_ws_send_text(struct hf_ws_conn *conn, struct hf_slice text)
{
    return conn->link != NULL ? write_small(conn, HF_WS_OP_TEXT, text) : HF_ERR_CLOSED;
}

void hf_ws_send_error(struct hf_ws_conn *conn, enum hf_reason reason, struct hf_slice id, const char *detail)
{
    char text[HF_WS_OUT_HEAD_BYTES_MAX];
    struct hf_json_out out;
    struct hf_sb sb;

    hf_sb_init(&sb, text, sizeof(text));
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_json_out_cstr(&out, "type", "error");
    hf_json_out_cstr(&out, "reason", hf_reason_name(reason));
    hf_json_out_cstr(&out, "detail", detail);
    if (id.bytes > 0 && id.bytes <= HF_WS_CLIENT_ID_BYTES_MAX)
        hf_json_out_raw(&out, "id", id);
    hf_json_out_end(&out);
    if (!sb.overflow)
        (void)hf_ws_send_text(conn, hf_sb_done(&sb));
}

/* ---- core's view ---- */

static bool enveloped(const struct hf_outgoing *outgoing)
{
    return outgoing->kind != HF_OUT_MESSAGE;
}

/* {"type":"document","topic":"group/home","version":8,"from_version":7,"snapshot_id":"...","kind":"json","patch":[...]}, or "kind":"full" and
 * "document". */
static void write_document(const struct hf_outgoing *outgoing, struct hf_json_out *out)
{
    bool full = outgoing->format == HF_PATCH_FULL;
    char id[HF_UUID_TEXT_BYTES + 1];

    hf_json_out_cstr(out, "type", "document");
    hf_json_out_text(out, "topic", outgoing->topic);
    hf_json_out_u64(out, "version", outgoing->seq);
    hf_json_out_u64(out, "from_version", outgoing->from_version);
    if (outgoing->id != NULL) {
        hf_uuid_text(outgoing->id, id);
        hf_json_out_cstr(out, "snapshot_id", id);
    }
    hf_json_out_cstr(out, "kind", full ? "full" : "json");
    hf_json_out_raw(out, full ? "document" : "patch", outgoing->payload);
}

/* {"type":"command","id":"...","name":"...","expires_ms":n,"payload":...} or {"type":"message","topic":...}. Payloads that are not JSON
 * travel as a string, or in base64 as payload_base64. False when it did not fit. */
static bool write_envelope(const struct hf_outgoing *outgoing, char *storage, size_t storage_bytes,
                           struct hf_slice *ret_text)
{
    struct hf_json_out out;
    struct hf_sb sb;
    char id[HF_UUID_TEXT_BYTES + 1];

    hf_sb_init(&sb, storage, storage_bytes);
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    if (outgoing->kind == HF_OUT_DOCUMENT) {
        write_document(outgoing, &out);
        hf_json_out_end(&out);
        *ret_text = hf_sb_done(&sb);
        return !sb.overflow;
    }
    hf_json_out_cstr(&out, "type", outgoing->kind == HF_OUT_COMMAND ? "command" : "message");
    if (outgoing->kind == HF_OUT_SHADOW) {
        hf_json_out_cstr(&out, "topic", "$shadow/delta");
        hf_json_out_raw(&out, "payload", outgoing->payload);
        hf_json_out_end(&out);
        *ret_text = hf_sb_done(&sb);
        return !sb.overflow;
    }
    if (outgoing->id != NULL) {
        hf_uuid_text(outgoing->id, id);
        hf_json_out_cstr(&out, "id", id);
    }
    if (outgoing->topic.bytes > 0)
        hf_json_out_text(&out, outgoing->kind == HF_OUT_COMMAND ? "name" : "topic", outgoing->topic);
    if (outgoing->kind == HF_OUT_COMMAND && outgoing->expires_ms != 0)
        hf_json_out_u64(&out, "expires_ms", outgoing->expires_ms);
    if (outgoing->format == HF_FORMAT_JSON && outgoing->payload.bytes > 0) {
        hf_json_out_raw(&out, "payload", outgoing->payload);
    } else if (outgoing->flags & HF_EVENT_FLAG_TEXT) {
        hf_json_out_text(&out, "payload", outgoing->payload);
    } else if (outgoing->payload.bytes > 0) {
        size_t room = HF_BASE64_BYTES(outgoing->payload.bytes) + 1, bytes = 0;
        char *base64 = malloc(room);

        if (base64 == NULL)
            return false;
        (void)hf_base64_encode(outgoing->payload.at, outgoing->payload.bytes, base64, room, &bytes);
        hf_json_out_text(&out, "payload_base64", (struct hf_slice){base64, bytes});
        free(base64);
    }
    hf_json_out_end(&out);
    *ret_text = hf_sb_done(&sb);
    return !sb.overflow;
}

static size_t envelope_room(const struct hf_outgoing *outgoing)
{
    return 256 + 6 * outgoing->topic.bytes + 6 * outgoing->payload.bytes; /* every byte escaped as \u00XX */
}

static enum hf_ws_opcode opcode_of(const struct hf_outgoing *outgoing)
{
    bool text =
        enveloped(outgoing) || outgoing->format == HF_FORMAT_JSON || (outgoing->flags & HF_EVENT_FLAG_TEXT);

    return text ? HF_WS_OP_TEXT : HF_WS_OP_BINARY;
}

/* The compressor for a message that is sent at once (own window, if there is one) or perhaps later, perhaps to many; or NULL. */
static struct hf_ws_deflater *deflater_for(struct hf_ws_conn *conn, bool at_once)
{
    struct hf_ws_site *site = conn->site;

    if (hf_ws_window_deflates(conn))
        return at_once ? hf_ws_window_deflater(conn) : NULL;
    if (conn->dev.variant != 0 && site->deflater == NULL)
        (void)hf_ws_deflater_new(&site->open_config.memory, site->limits.deflate.server_max_window_bits,
                                 HF_WS_DEFLATE_LEVEL, HF_WS_DEFLATE_MEM_LEVEL, &site->deflater);
    return conn->dev.variant != 0 ? site->deflater : NULL;
}

/* Compressed payload in the worker's scratch buffer, or the payload as it is when that saves too little. */
static struct hf_slice deflated(struct hf_ws_conn *conn, struct hf_slice payload, bool at_once,
                                unsigned *flags)
{
    struct hf_ws_site *site = conn->site;
    struct hf_ws_deflater *deflater;
    size_t bytes = 0, kept = hf_ws_deflate_kept_bytes_max(payload.bytes) + HF_WS_DEFLATE_ROOM_BYTES;

    if (payload.bytes < site->limits.deflate_bytes_min || (deflater = deflater_for(conn, at_once)) == NULL ||
        hf_ws_scratch(site, &site->deflated) != HF_OK || kept > site->deflated.bytes)
        return payload;
    if (hf_ws_deflater_message(deflater, hf_ws_window_deflates(conn), payload, site->deflated.at, kept,
                               &bytes) != HF_OK)
        return payload;
    *flags |= HF_WS_COMPRESSED;
    site->stats.deflated++;
    return (struct hf_slice){(const char *)site->deflated.at, bytes};
}

static struct hf_shared *encode_for(struct hf_ws_conn *conn, const struct hf_outgoing *outgoing, bool at_once)
{
    struct hf_slice payload = outgoing->payload;
    char *text = NULL;
    unsigned flags = HF_WS_FIN;
    struct hf_shared *shared = NULL;

    if (enveloped(outgoing)) {
        text = malloc(envelope_room(outgoing));
        if (text == NULL || !write_envelope(outgoing, text, envelope_room(outgoing), &payload))
            goto out;
    }
    payload = deflated(conn, payload, at_once, &flags);
    uint8_t head[HF_WS_HEAD_BYTES_MAX];
    size_t head_bytes = hf_ws_encode_head(head, opcode_of(outgoing), flags, payload.bytes, NULL);
    shared = hf_shared_new(NULL, head_bytes + payload.bytes);
    if (shared != NULL) {
        memcpy(shared->data, head, head_bytes);
        if (payload.bytes > 0)
            memcpy(shared->data + head_bytes, payload.at, payload.bytes);
    }
out:
    free(text);
    return shared;
}

static struct hf_shared *encode(struct hf_devconn *devconn, const struct hf_outgoing *outgoing)
{
    return encode_for(hf_ws_conn_of(devconn), outgoing, false);
}

static hf_err write_shared(struct hf_devconn *devconn, struct hf_shared *shared)
{
    struct hf_ws_conn *conn = hf_ws_conn_of(devconn);

    return conn->link->ops->write_shared(conn->link, shared);
}

static hf_err write_now(struct hf_devconn *devconn, const struct hf_outgoing *outgoing)
{
    struct hf_ws_conn *conn = hf_ws_conn_of(devconn);

    if (!enveloped(outgoing) && outgoing->payload.bytes <= SMALL_BYTES_MAX &&
        ((conn->dev.variant == 0 && !hf_ws_window_deflates(conn)) ||
         outgoing->payload.bytes < conn->site->limits.deflate_bytes_min))
        return write_small(conn, opcode_of(outgoing), outgoing->payload);
    struct hf_shared *shared = encode_for(conn, outgoing, true);
    hf_err err = shared ? write_shared(devconn, shared) : HF_ERR_NOMEM;
    hf_shared_unref(shared);
    if (err != HF_OK)
        hf_ws_window_forget(conn);
    return err;
}

void hf_ws_flush(struct hf_devconn *devconn)
{
    struct hf_ws_conn *conn = hf_ws_conn_of(devconn);

    conn->link->ops->flush(conn->link);
}

size_t hf_ws_queued_bytes(const struct hf_devconn *devconn)
{
    const struct hf_ws_conn *conn = HF_CONTAINER_OF(devconn, const struct hf_ws_conn, dev);

    return conn->link->ops->queued_bytes(conn->link);
}

void hf_ws_close_device(struct hf_devconn *devconn, enum hf_reason reason, struct hf_slice text)
{
    hf_ws_close(hf_ws_conn_of(devconn), reason, 0, text);
}

void hf_ws_describe(const struct hf_ws_conn *conn, const char *protocol, struct hf_live *live)
{
    const struct hf_hub *hub = conn->site->hub;
    struct hf_sb sb;

    live->last_seen_ms = hub->utc_ms - HF_MIN(hub->utc_ms, hub->now_ms - conn->last_life_ms);
    live->expires_ms = conn->expires_ms;
    live->rtt_ms = conn->rtt_ms;
    live->tls = conn->tls;
    hf_sb_init(&sb, live->protocol, sizeof(live->protocol));
    hf_sb_text(&sb, protocol);
    conn->link->ops->peer(conn->link, live->peer, sizeof(live->peer));
    if (conn->extra != NULL)
        memcpy(live->trace, conn->extra->trace, sizeof(conn->extra->trace));
}

static void describe(const struct hf_devconn *devconn, struct hf_live *live)
{
    hf_ws_describe(HF_CONTAINER_OF(devconn, const struct hf_ws_conn, dev), "raw", live);
}

const struct hf_devconn_ops hf_ws_devconn_ops = {
    .encode = encode,
    .write_shared = write_shared,
    .write = write_now,
    .flush = hf_ws_flush,
    .queued_bytes = hf_ws_queued_bytes,
    .close = hf_ws_close_device,
    .describe = describe,
    .takes_shadow = hf_ws_raw_takes_shadow,
};
