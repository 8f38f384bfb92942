/* codec/session/binary_decode.c - reads a frame by walking the rows of its layout. One bounded read: every step asks what is left of the body first. */
#include "base/bytes.h"
#include "base/crc32c.h"
#include "codec/json/scan.h"
#include "codec/session/binary.h"
#include "codec/session/layout.h"
#include "codec/ws/utf8.h"

struct body {
    const uint8_t *at, *end;
    uint8_t flags;
};

static size_t left(const struct body *body)
{
    return (size_t)(body->end - body->at);
}

static bool text_valid(const struct hf_layout_row *row, struct hf_slice text)
{
    return hf_layout_text_valid(row, text) && hf_ws_utf8_valid(text.at, text.bytes);
}

static bool take_slice(struct body *body, size_t bytes, struct hf_slice *ret_text)
{
    if (left(body) < bytes)
        return false;
    *ret_text = (struct hf_slice){(const char *)body->at, bytes};
    body->at += bytes;
    return true;
}

static bool take_text(struct body *body, const struct hf_layout_row *row, unsigned length_bytes,
                      struct hf_slice *ret_text)
{
    size_t bytes;

    if (left(body) < length_bytes)
        return false;
    bytes = length_bytes == 1 ? body->at[0] : hf_get_u16(body->at);
    body->at += length_bytes;
    return take_slice(body, bytes, ret_text) && text_valid(row, *ret_text);
}

static bool take_fixed(struct body *body, const struct hf_layout_row *row, struct hf_frame *frame)
{
    unsigned width = hf_layout_width(row->kind);
    void *out = hf_layout_at(frame, row->at);

    if (left(body) < width)
        return false;
    switch (width) {
    case 1: *(uint8_t *)out = body->at[0]; break;
    case 2: *(uint16_t *)out = hf_get_u16(body->at); break;
    case 4: *(uint32_t *)out = hf_get_u32(body->at); break;
    case 8: *(uint64_t *)out = hf_get_u64(body->at); break;
    default: memcpy(out, body->at, HF_LAYOUT_ID_BYTES);
    }
    body->at += width;
    if (row->kind == HF_KIND_REASON)
        *(uint16_t *)out = hf_layout_reason(*(uint16_t *)out);
    return true;
}

static bool take_texts(struct body *body, const struct hf_layout_row *row, struct hf_frame *frame)
{
    struct hf_slice text;

    if (left(body) == 0)
        return false;
    for (unsigned count = *body->at++; count > 0; count--) {
        if (!take_text(body, row, 1, &text))
            return false;
        hf_layout_append(frame, row, text);
    }
    return true;
}

static bool take_ranges(struct body *body, struct hf_frame_ack *ack)
{
    if (left(body) == 0)
        return false;
    ack->range_count = *body->at++;
    if (ack->range_count > HF_FRAME_ACK_RANGES_MAX ||
        left(body) < (size_t)ack->range_count * HF_LAYOUT_RANGE_BYTES)
        return false;
    for (unsigned i = 0; i < ack->range_count; i++, body->at += HF_LAYOUT_RANGE_BYTES)
        ack->ranges[i] = (struct hf_frame_range){hf_get_u32(body->at), hf_get_u32(body->at + 4)};
    return true;
}

static bool take_document(struct hf_slice value, struct hf_frame_hello *hello)
{
    const uint8_t *at = (const uint8_t *)value.at;

    if (value.bytes < HF_LAYOUT_DOCUMENT_BYTES)
        return false;
    hf_layout_append_document(hello, at[0], hf_get_u64(at + 1));
    return true;
}

static bool take_extension(const struct hf_layout_row *row, struct hf_slice value, struct hf_frame *frame)
{
    struct hf_slice *text = hf_layout_at(frame, row->at);

    if (row->kind == HF_KIND_EXT_DOCUMENT)
        return take_document(value, &frame->as.hello);
    if (!text_valid(row, value))
        return false;
    if (row->kind == HF_KIND_EXT_TEXTS) {
        hf_layout_append(frame, row, value);
        return true;
    }
    if (text->at != NULL)
        return false; /* twice: readers would disagree which one counts */
    *text = value;
    return true;
}

/* The rest is extensions; rows: those of the layout that stand there. */
static bool take_extensions(struct body *body, const struct hf_layout_row *rows,
                            const struct hf_layout_row *end, struct hf_frame *frame)
{
    while (left(body) > 0) {
        const struct hf_layout_row *row = rows;
        struct hf_slice value;
        unsigned tag, bytes;

        if (left(body) < HF_LAYOUT_EXTENSION_HEAD_BYTES)
            return false;
        tag = hf_get_u16(body->at);
        bytes = hf_get_u16(body->at + 2);
        body->at += HF_LAYOUT_EXTENSION_HEAD_BYTES;
        if (!take_slice(body, bytes, &value))
            return false;
        while (row < end && row->tag != tag)
            row++;
        if (row < end && !take_extension(row, value, frame))
            return false;
    }
    return true;
}

static bool take_row(struct body *body, const struct hf_layout_row *row, struct hf_frame *frame)
{
    struct hf_slice *text = hf_layout_at(frame, row->at);

    switch (row->kind) {
    case HF_KIND_FLAG:
        *(bool *)hf_layout_at(frame, row->at) = (body->flags >> row->tag & 1) != 0;
        return true;
    case HF_KIND_TEXT8: return take_text(body, row, 1, text);
    case HF_KIND_TEXT16: return take_text(body, row, 2, text);
    case HF_KIND_REST: return take_slice(body, left(body), text) && text_valid(row, *text);
    case HF_KIND_JSON:
    case HF_KIND_PAYLOAD: return take_slice(body, left(body), text);
    case HF_KIND_TEXTS8: return take_texts(body, row, frame);
    case HF_KIND_RANGES: return take_ranges(body, &frame->as.ack);
    default: return take_fixed(body, row, frame);
    }
}

static bool take_rows(struct body *body, const struct hf_layout *layout, struct hf_frame *frame)
{
    const struct hf_layout_row *end = layout->rows + layout->row_count;

    for (const struct hf_layout_row *row = layout->rows; row < end; row++) {
        if (row->kind >= HF_KIND_EXT_TEXT)
            return take_extensions(body, row, end, frame);
        if (hf_layout_on_wire(frame, row) && !take_row(body, row, frame))
            return false;
    }
    return true;
}

/* A heartbeat that is wrong is dropped and counted, not a reason to close at once [6]. */
static void take_beat(const struct body *body, struct hf_frame_beat *beat)
{
    if (left(body) < HF_HEARTBEAT_BYTES + sizeof(uint32_t) || !hf_heartbeat_decode(body->at, &beat->beat))
        return;
    beat->interval_ms = hf_get_u32(body->at + HF_HEARTBEAT_BYTES);
    beat->valid = true;
}

hf_err hf_frame_decode(const uint8_t *in, size_t bytes, uint32_t payload_bytes_max, size_t *ret_taken_bytes,
                       struct hf_frame *ret_frame)
{
    const struct hf_layout *layout;
    struct body body;
    size_t body_bytes;

    if (bytes < HF_FRAME_HEAD_BYTES)
        return HF_ERR_MALFORMED;
    body_bytes = hf_get_u32(in) & 0xffffff;
    if (body_bytes > (uint64_t)payload_bytes_max + HF_FRAME_OVERHEAD_BYTES_MAX)
        return HF_ERR_LIMIT;
    if (body_bytes > bytes - HF_FRAME_HEAD_BYTES)
        return HF_ERR_MALFORMED;
    body = (struct body){in + HF_FRAME_HEAD_BYTES, in + HF_FRAME_HEAD_BYTES + body_bytes, in[4]};
    ret_frame->type = in[0];
    ret_frame->crc = (body.flags & HF_FRAME_FLAG_CRC) != 0;
    *ret_taken_bytes = HF_FRAME_HEAD_BYTES + body_bytes;
    if (ret_frame->crc) {
        if (body_bytes < HF_FRAME_CRC_BYTES)
            return HF_ERR_MALFORMED;
        body.end -= HF_FRAME_CRC_BYTES;
        if (hf_crc32c(0, in, (size_t)(body.end - in)) != hf_get_u32(body.end))
            return HF_ERR_CORRUPT;
    }
    layout = hf_layout_of(ret_frame->type);
    if (layout == NULL)
        return HF_OK;
    memset(&ret_frame->as, 0, layout->bytes);
    if (ret_frame->type == HF_FRAME_PING || ret_frame->type == HF_FRAME_PONG) {
        take_beat(&body, &ret_frame->as.beat);
        return HF_OK;
    }
    return take_rows(&body, layout, ret_frame) ? hf_layout_judge(ret_frame, payload_bytes_max)
                                               : HF_ERR_MALFORMED;
}
