/* codec/session/layout_judge.c - what both encodings check in the same way. */
#include "base/reason.h"
#include "codec/json/scan.h"
#include "codec/session/layout.h"
#include "codec/ws/utf8.h"

uint16_t hf_layout_reason(unsigned reason)
{
    return hf_reason_info(reason)->reason == reason ? (uint16_t)reason : HF_REASON_NONE;
}

static bool json_valid(struct hf_slice json)
{
    return json.bytes == 0 || hf_json_scan(json.at, json.bytes, NULL, 0, HF_JSON_DEPTH_MAX) == HF_OK;
}

bool hf_frame_payload_holds(uint8_t format, bool text, struct hf_slice payload)
{
    if (format == HF_LAYOUT_FORMAT_JSON)
        return json_valid(payload);
    return !text || hf_ws_utf8_valid(payload.at, payload.bytes);
}

static hf_err judge_json(struct hf_slice json, uint32_t bytes_max)
{
    if (json.bytes > bytes_max)
        return HF_ERR_LIMIT;
    return json_valid(json) ? HF_OK : HF_ERR_INVALID;
}

hf_err hf_layout_judge(struct hf_frame *frame, uint32_t payload_bytes_max)
{
    struct hf_layout_payload parts;

    if (frame->type == HF_FRAME_PATCH)
        return judge_json(frame->as.patch.json, payload_bytes_max);
    if (frame->type == HF_FRAME_DELTA)
        return judge_json(frame->as.delta.json, payload_bytes_max);
    if (!hf_layout_payload(frame, &parts))
        return HF_OK;
    *parts.text |= *parts.format == HF_LAYOUT_FORMAT_JSON;
    if (parts.payload->bytes > payload_bytes_max)
        return HF_ERR_LIMIT;
    return hf_frame_payload_holds(*parts.format, *parts.text, *parts.payload) ? HF_OK : HF_ERR_INVALID;
}
