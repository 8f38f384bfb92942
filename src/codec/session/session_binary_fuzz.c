/* codec/session/session_binary_fuzz.c - the input is a binary message (its first byte chooses the payload limit). Properties: a frame's taken bytes lie within the input, and bytes behind
 * them change nothing; what was decoded is encoded, decoded and encoded to the same bytes; JSON in between changes nothing, either; the head alone is the
 * frame without its payload. */
#include <stdlib.h>

#include "codec/session/session_fuzzkit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

static uint8_t whole[FUZZ_BYTES_MAX], again[FUZZ_BYTES_MAX];

static void check_head(const struct hf_frame *frame, size_t bytes)
{
    size_t head_bytes;

    if (frame->crc ||
        (frame->type != HF_FRAME_DATA && frame->type != HF_FRAME_COMMAND && frame->type != HF_FRAME_RESULT))
        return;
    head_bytes = hf_frame_encode_head(frame, again);
    HF_ASSERT(head_bytes <= bytes && memcmp(again, whole, head_bytes) == 0);
}

/* The same frame with a CRC, a right one and a wrong one. */
static void check_crc(const struct hf_frame *frame)
{
    struct hf_frame twin = *frame, back;
    size_t bytes, taken = 0;

    twin.crc = true;
    bytes = fuzz_encode(&twin, again);
    HF_ASSERT(hf_frame_decode(again, bytes, UINT32_MAX, &taken, &back) != HF_ERR_CORRUPT);
    HF_ASSERT(taken == bytes && back.crc);
    again[bytes - 1 - bytes % (bytes - HF_FRAME_HEAD_BYTES)] ^= 1; /* a byte of the body */
    HF_ASSERT(hf_frame_decode(again, bytes, UINT32_MAX, &taken, &back) == HF_ERR_CORRUPT);
    HF_ASSERT(taken == bytes && back.type == frame->type);
}

static void check_frame(const struct hf_frame *frame, hf_err err, uint32_t payload_max)
{
    struct hf_frame back;
    size_t bytes, taken = 0;

    if (frame->type == HF_FRAME_NONE || frame->type >= HF_FRAME_TYPES)
        return;
    bytes = fuzz_encode(frame, whole);
    HF_ASSERT(bytes > 0);
    HF_ASSERT(hf_frame_decode(whole, bytes, payload_max, &taken, &back) == err);
    HF_ASSERT(taken == bytes && back.type == frame->type && back.crc == frame->crc);
    HF_ASSERT(fuzz_encode(&back, again) == bytes && memcmp(again, whole, bytes) == 0);
    check_head(frame, bytes);
    check_crc(frame);
    if (err == HF_OK)
        fuzz_check_json(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    uint32_t payload_max;
    size_t at = 1;

    if (data_bytes < 2 || data_bytes > FUZZ_INPUT_BYTES_MAX)
        return 0;
    payload_max = data[0] < 128 ? data[0] : 1 << 20;
    while (at < data_bytes) {
        struct hf_frame frame, alone;
        size_t taken = 0, taken_alone = 0;
        hf_err err = hf_frame_decode(data + at, data_bytes - at, payload_max, &taken, &frame);

        HF_ASSERT(err == HF_OK || err == HF_ERR_INVALID || err == HF_ERR_MALFORMED || err == HF_ERR_LIMIT ||
                  err == HF_ERR_CORRUPT);
        if (err == HF_ERR_MALFORMED || err == HF_ERR_LIMIT)
            break;
        HF_ASSERT(taken >= HF_FRAME_HEAD_BYTES && taken <= data_bytes - at);
        uint8_t *copy = malloc(taken);

        memcpy(copy, data + at, taken);
        HF_ASSERT(hf_frame_decode(copy, taken, payload_max, &taken_alone, &alone) == err);
        HF_ASSERT(taken_alone == taken && alone.type == frame.type);
        HF_ASSERT(hf_frame_decode(copy, taken - 1, payload_max, &taken_alone, &alone) != HF_OK);
        HF_ASSERT(hf_frame_decode(copy, taken, payload_max, &taken_alone, &alone) == err);
        if (err != HF_ERR_CORRUPT)
            check_frame(&alone, err, payload_max);
        free(copy);
        at += taken;
    }
    return 0;
}
