/* codec/session/json.h - holdfast.v1.json: one frame is one JSON object (doc/protocol.md section 8). Strict JSON (codec/json/scan.h). Pure:
 * nothing is allocated; texts without escapes point into `in`, others and decoded base64 into the caller's scratch. */
#ifndef HF_CODEC_SESSION_JSON_H
#define HF_CODEC_SESSION_JSON_H

#include "base/err.h"
#include "base/sb.h"
#include "codec/session/frame.h"

/* scratch: room for unescaped texts and decoded payloads; `bytes` of it are always enough, as decoding never grows a text.
 * HF_OK: *ret_frame is filled; of an unknown type only `type`, with HF_FRAME_TYPES, so that it can be counted. An unknown name of a result, status, profile and
 * so on becomes 255, an unknown reason 0. HF_ERR_INVALID: as HF_OK, but the payload is not what the frame says it is (binary.h): refuse the message.
 * HF_ERR_MALFORMED: not a JSON object, no type, a member of the wrong kind, out of range, longer than its limit or there twice, or missing where the frame means
 * nothing without it [8]. HF_ERR_LIMIT: the payload is above payload_bytes_max, or scratch is too small. */
hf_err hf_frame_decode_json(struct hf_slice in, uint32_t payload_bytes_max, char *scratch,
                            size_t scratch_bytes, struct hf_frame *ret_frame);

/* Appends the object; sb->overflow tells when it did not fit. A payload with format JSON, and the change of a PATCH or DELTA, are copied as they stand (checked
 * when they came in). `crc` and capabilities without a name are left out. */
void hf_frame_encode_json(const struct hf_frame *frame, struct hf_sb *sb);
/* A bound for the storage of the builder, its NUL included, for callers that must find room first: six bytes for one of a text. */
size_t hf_frame_json_bytes_max(const struct hf_frame *frame);

#endif
