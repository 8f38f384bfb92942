/* codec/session/session_json_fuzz.c - the input is a text. Properties: scratch as long as the text is enough; a frame is written as JSON and as bytes, and both read as the
 * same frame; the verdict does not change with white space around; only JSON objects are frames; the payload limit is kept. */
#include <stdlib.h>

#include "codec/json/scan.h"
#include "codec/session/session_fuzzkit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

static size_t payload_bytes(const struct hf_frame *frame)
{
    switch (frame->type) {
    case HF_FRAME_DATA: return frame->as.data.payload.bytes;
    case HF_FRAME_COMMAND: return frame->as.command.payload.bytes;
    case HF_FRAME_RESULT: return frame->as.result.payload.bytes;
    case HF_FRAME_PATCH: return frame->as.patch.json.bytes;
    case HF_FRAME_DELTA: return frame->as.delta.json.bytes;
    default: return 0;
    }
}

static void check_frame(const struct hf_frame *frame, hf_err err)
{
    static uint8_t out[FUZZ_BYTES_MAX];
    struct hf_frame back;
    size_t taken = 0, bytes = fuzz_encode(frame, out);

    if (bytes == 0)
        return;
    HF_ASSERT(hf_frame_decode(out, bytes, UINT32_MAX, &taken, &back) == err);
    HF_ASSERT(taken == bytes);
    if (err != HF_OK)
        return;
    fuzz_check_json(frame);
    fuzz_check_json(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    struct hf_frame frame, spaced, tight;
    hf_err err;

    if (data_bytes > FUZZ_INPUT_BYTES_MAX)
        return 0;
    char *in = malloc(data_bytes + (data_bytes == 0)), *scratch = malloc(data_bytes + (data_bytes == 0));
    char *wide = malloc(data_bytes + 2), *wide_scratch = malloc(data_bytes + 2);
    struct hf_slice text = {in, data_bytes};

    memcpy(in, data, data_bytes);
    memcpy(wide + 1, data, data_bytes);
    wide[0] = wide[data_bytes + 1] = '\n';
    err = hf_frame_decode_json(text, UINT32_MAX, scratch, data_bytes, &frame);
    HF_ASSERT(err == HF_OK || err == HF_ERR_INVALID ||
              err == HF_ERR_MALFORMED); /* LIMIT would be a scratch that is too small */
    HF_ASSERT(hf_frame_decode_json((struct hf_slice){wide, data_bytes + 2}, UINT32_MAX, wide_scratch,
                                   data_bytes + 2, &spaced) == err);
    if (err != HF_ERR_MALFORMED) {
        HF_ASSERT(hf_json_scan(in, data_bytes, NULL, 0, HF_JSON_DEPTH_CEILING) == HF_OK);
        HF_ASSERT(hf_json_type_of(text) == HF_JSON_OBJECT && spaced.type == frame.type);
        if (frame.type != HF_FRAME_TYPES)
            check_frame(&frame, err);
    }
    if (err != HF_ERR_MALFORMED && frame.type != HF_FRAME_TYPES && payload_bytes(&frame) > 0)
        HF_ASSERT(hf_frame_decode_json(text, (uint32_t)payload_bytes(&frame) - 1, wide_scratch, data_bytes,
                                       &tight) == HF_ERR_LIMIT);
    free(in);
    free(scratch);
    free(wide);
    free(wide_scratch);
    return 0;
}
