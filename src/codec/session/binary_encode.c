/* codec/session/binary_encode.c - writes a frame by walking the rows of its layout. */
#include "base/assert.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "codec/session/binary.h"
#include "codec/session/layout.h"

enum { BODY_BYTES_MAX = 0xffffff };

static uint8_t *put_slice(uint8_t *out, struct hf_slice text)
{
    if (text.bytes > 0)
        memcpy(out, text.at, text.bytes);
    return out + text.bytes;
}

static uint8_t *put_text8(uint8_t *out, struct hf_slice text)
{
    *out = (uint8_t)text.bytes;
    return put_slice(out + 1, text);
}

static uint8_t *put_text16(uint8_t *out, struct hf_slice text)
{
    hf_put_u16(out, (uint16_t)text.bytes);
    return put_slice(out + 2, text);
}

static uint8_t *put_extension(uint8_t *out, unsigned tag, struct hf_slice text)
{
    hf_put_u16(out, (uint16_t)tag);
    return put_text16(out + 2, text);
}

static uint8_t *put_fixed(uint8_t *out, const struct hf_layout_row *row, const void *value)
{
    unsigned width = hf_layout_width(row->kind);

    switch (width) {
    case 1: *out = *(const uint8_t *)value; break;
    case 2: hf_put_u16(out, *(const uint16_t *)value); break;
    case 4: hf_put_u32(out, *(const uint32_t *)value); break;
    case 8: hf_put_u64(out, *(const uint64_t *)value); break;
    default: memcpy(out, value, HF_LAYOUT_ID_BYTES);
    }
    return out + width;
}

static uint8_t *put_ranges(uint8_t *out, const struct hf_frame_ack *ack)
{
    *out++ = ack->range_count;
    for (unsigned i = 0; i < ack->range_count; i++, out += HF_LAYOUT_RANGE_BYTES) {
        hf_put_u32(out, ack->ranges[i].from);
        hf_put_u32(out + 4, ack->ranges[i].to);
    }
    return out;
}

static uint8_t *put_documents(uint8_t *out, unsigned tag, const struct hf_frame_hello *hello)
{
    for (unsigned i = 0; i < hello->document_count; i++) {
        hf_put_u16(out, (uint16_t)tag);
        hf_put_u16(out + 2, HF_LAYOUT_DOCUMENT_BYTES);
        out[4] = hello->documents[i].document;
        hf_put_u64(out + 5, hello->documents[i].version);
        out += HF_LAYOUT_EXTENSION_HEAD_BYTES + HF_LAYOUT_DOCUMENT_BYTES;
    }
    return out;
}

/* payload: also what a PAYLOAD row holds; otherwise its bytes are the caller's to send. */
static uint8_t *put_row(uint8_t *out, const struct hf_layout_row *row, const struct hf_frame *frame,
                        bool payload)
{
    const struct hf_slice *text = hf_layout_at(frame, row->at);

    switch (row->kind) {
    case HF_KIND_TEXT8: return put_text8(out, *text);
    case HF_KIND_TEXT16: return put_text16(out, *text);
    case HF_KIND_REST:
    case HF_KIND_JSON: return put_slice(out, *text);
    case HF_KIND_PAYLOAD: return payload ? put_slice(out, *text) : out;
    case HF_KIND_BEAT: hf_heartbeat_encode(&frame->as.beat.beat, out); return out + HF_HEARTBEAT_BYTES;
    case HF_KIND_RANGES: return put_ranges(out, &frame->as.ack);
    case HF_KIND_TEXTS8:
    case HF_KIND_EXT_TEXTS: {
        unsigned count = *(const unsigned *)hf_layout_at(frame, row->count_at);

        if (row->kind == HF_KIND_TEXTS8)
            *out++ = (uint8_t)count;
        for (unsigned i = 0; i < count; i++)
            out =
                row->kind == HF_KIND_TEXTS8 ? put_text8(out, text[i]) : put_extension(out, row->tag, text[i]);
        return out;
    }
    case HF_KIND_EXT_TEXT: return text->bytes > 0 ? put_extension(out, row->tag, *text) : out;
    case HF_KIND_EXT_DOCUMENT: return put_documents(out, row->tag, &frame->as.hello);
    default: return put_fixed(out, row, text);
    }
}

static size_t row_bytes(const struct hf_layout_row *row, const struct hf_frame *frame)
{
    const struct hf_slice *text = hf_layout_at(frame, row->at);

    switch (row->kind) {
    case HF_KIND_FLAG: return 0;
    case HF_KIND_PAYLOAD:
    case HF_KIND_JSON: return text->bytes;
    case HF_KIND_BEAT: return HF_HEARTBEAT_BYTES;
    case HF_KIND_RANGES:
        HF_ASSERT(frame->as.ack.range_count <= HF_FRAME_ACK_RANGES_MAX);
        return 1 + (size_t)frame->as.ack.range_count * HF_LAYOUT_RANGE_BYTES;
    case HF_KIND_EXT_DOCUMENT:
        HF_ASSERT(frame->as.hello.document_count <= HF_FRAME_DOCUMENTS_MAX);
        return (size_t)frame->as.hello.document_count *
               (HF_LAYOUT_EXTENSION_HEAD_BYTES + HF_LAYOUT_DOCUMENT_BYTES);
    case HF_KIND_TEXTS8:
    case HF_KIND_EXT_TEXTS: {
        unsigned count = *(const unsigned *)hf_layout_at(frame, row->count_at);
        size_t bytes = row->kind == HF_KIND_TEXTS8;

        HF_ASSERT(count <= HF_LAYOUT_LIST_MAX);
        for (unsigned i = 0; i < count; i++) {
            HF_ASSERT(text[i].bytes <= row->bytes_max);
            bytes += text[i].bytes + (row->kind == HF_KIND_TEXTS8 ? 1 : HF_LAYOUT_EXTENSION_HEAD_BYTES);
        }
        return bytes;
    }
    case HF_KIND_TEXT8:
    case HF_KIND_TEXT16:
    case HF_KIND_REST:
    case HF_KIND_EXT_TEXT:
        HF_ASSERT(text->bytes <= row->bytes_max);
        if (row->kind == HF_KIND_EXT_TEXT)
            return text->bytes > 0 ? HF_LAYOUT_EXTENSION_HEAD_BYTES + text->bytes : 0;
        return text->bytes + (row->kind == HF_KIND_TEXT8 ? 1 : row->kind == HF_KIND_TEXT16 ? 2 : 0);
    default: return hf_layout_width(row->kind);
    }
}

static size_t body_bytes_of(const struct hf_frame *frame)
{
    const struct hf_layout *layout = hf_layout_of(frame->type);
    size_t bytes = frame->crc ? HF_FRAME_CRC_BYTES : 0;

    HF_ASSERT(layout != NULL);
    for (unsigned i = 0; i < layout->row_count; i++)
        if (hf_layout_on_wire(frame, &layout->rows[i]))
            bytes += row_bytes(&layout->rows[i], frame);
    HF_ASSERT(bytes <= BODY_BYTES_MAX);
    return bytes;
}

/* Writes all but the CRC; returns the end. */
static uint8_t *put_frame(const struct hf_frame *frame, size_t body_bytes, bool payload, uint8_t *out)
{
    const struct hf_layout *layout = hf_layout_of(frame->type);
    uint8_t *at = out + HF_FRAME_HEAD_BYTES, flags = frame->crc ? HF_FRAME_FLAG_CRC : 0;

    for (unsigned i = 0; i < layout->row_count; i++) {
        const struct hf_layout_row *row = &layout->rows[i];

        if (row->kind == HF_KIND_FLAG)
            flags |= (uint8_t)(*(const bool *)hf_layout_at(frame, row->at) << row->tag);
        else if (hf_layout_on_wire(frame, row))
            at = put_row(at, row, frame, payload);
    }
    hf_put_u32(out, (uint32_t)body_bytes | (uint32_t)frame->type << 24);
    out[4] = flags;
    return at;
}

size_t hf_frame_bytes(const struct hf_frame *frame)
{
    return HF_FRAME_HEAD_BYTES + body_bytes_of(frame);
}

size_t hf_frame_encode(const struct hf_frame *frame, uint8_t *out)
{
    size_t body_bytes = body_bytes_of(frame);
    uint8_t *end = put_frame(frame, body_bytes, true, out);

    if (frame->crc) {
        hf_put_u32(end, hf_crc32c(0, out, (size_t)(end - out)));
        end += HF_FRAME_CRC_BYTES;
    }
    HF_ASSERT((size_t)(end - out) == HF_FRAME_HEAD_BYTES + body_bytes);
    return (size_t)(end - out);
}

size_t hf_frame_encode_head(const struct hf_frame *frame, uint8_t *out)
{
    HF_ASSERT(!frame->crc);
    HF_ASSERT(frame->type == HF_FRAME_DATA || frame->type == HF_FRAME_COMMAND ||
              frame->type == HF_FRAME_RESULT);
    return (size_t)(put_frame(frame, body_bytes_of(frame), false, out) - out);
}
