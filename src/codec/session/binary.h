/* codec/session/binary.h - holdfast.v1: frames as bytes (doc/protocol.md section 2). A WebSocket message holds whole frames back to back,
 * so decoding is one bounded read per frame and needs no state. Pure: nothing is allocated, slices point into `in`. */
#ifndef HF_CODEC_SESSION_BINARY_H
#define HF_CODEC_SESSION_BINARY_H

#include "base/err.h"
#include "codec/session/frame.h"

/* Reads the frame at the start of `in` (the rest of one message, bytes >= 1). *ret_taken_bytes gets its whole length.
 * HF_OK: *ret_frame is filled; of an unknown type only `type` and `crc` are. Payloads of format JSON are checked, and `text` is set. A heartbeat that
 * is too short or has a wrong CRC-8 is HF_OK with beat.valid false.
 * HF_ERR_INVALID: as HF_OK, but the payload is not what the frame says it is (format JSON, or text): refuse the message, the connection may go on.
 * HF_ERR_MALFORMED: cut short, a body too short for its type, a text that is not UTF-8 or longer than its limit, more ranges than the limit, a damaged
 * extension or one of software and trace twice. HF_ERR_LIMIT: the body is above payload_bytes_max + HF_FRAME_OVERHEAD_BYTES_MAX, or the payload
 * above payload_bytes_max. HF_ERR_CORRUPT: the CRC is wrong: *ret_taken_bytes is set so that the frame can be skipped, ret_frame->type too, and
 * nothing else may be believed. Groups, alternates and documents beyond their arrays are checked and skipped. */
hf_err hf_frame_decode(const uint8_t *in, size_t bytes, uint32_t payload_bytes_max, size_t *ret_taken_bytes,
                       struct hf_frame *ret_frame);

/* Bytes that encode() will write. Asserts what callers have to keep: texts within their limits, counts within theirs. */
size_t hf_frame_bytes(const struct hf_frame *frame);
/* out has hf_frame_bytes() bytes; returns that count. */
size_t hf_frame_encode(const struct hf_frame *frame, uint8_t *out);
/* Everything but the payload (rest) of a DATA, COMMAND or RESULT, and without CRC: the head of a frame whose payload the caller sends behind it. The
 * payload's length is counted in. Returns the bytes written; out has hf_frame_bytes() less the payload. Asserts !frame->crc. */
size_t hf_frame_encode_head(const struct hf_frame *frame, uint8_t *out);

/* The 13 bytes of HB-1. decode: false when the CRC-8 is wrong. */
void hf_heartbeat_encode(const struct hf_heartbeat *beat, uint8_t out[HF_HEARTBEAT_BYTES]);
bool hf_heartbeat_decode(const uint8_t in[HF_HEARTBEAT_BYTES], struct hf_heartbeat *ret_beat);
uint8_t hf_crc8_rohc(const void *data, size_t bytes);

#endif
