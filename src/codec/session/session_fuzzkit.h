/* codec/session/session_fuzzkit.h - what both fuzz targets check: a frame goes through JSON and back without a change. */
#ifndef HF_CODEC_SESSION_FUZZKIT_H
#define HF_CODEC_SESSION_FUZZKIT_H

#include <string.h>

#include "base/assert.h"
#include "codec/session/binary.h"
#include "codec/session/json.h"

enum { FUZZ_INPUT_BYTES_MAX = 65536, FUZZ_BYTES_MAX = 8 * FUZZ_INPUT_BYTES_MAX };

/* 0 when it would not fit; out has FUZZ_BYTES_MAX. */
static inline size_t fuzz_encode(const struct hf_frame *frame, uint8_t *out)
{
    size_t bytes = hf_frame_bytes(frame);

    if (bytes > FUZZ_BYTES_MAX)
        return 0;
    memset(out, 0xcc, bytes);
    HF_ASSERT(hf_frame_encode(frame, out) == bytes);
    return bytes;
}

static inline void fuzz_trim(struct hf_slice *json)
{
    while (json->bytes > 0 && strchr(" \t\r\n", json->at[0]) != NULL)
        *json = (struct hf_slice){json->at + 1, json->bytes - 1};
    while (json->bytes > 0 && strchr(" \t\r\n", json->at[json->bytes - 1]) != NULL)
        json->bytes--;
}

/* What JSON does not have: the CRC, capabilities without a name, and white space around a value. */
static inline struct hf_frame fuzz_as_json_knows_it(const struct hf_frame *frame)
{
    const uint32_t named = HF_CAP_HEARTBEAT | HF_CAP_RESUME | HF_CAP_SELECTIVE_ACK | HF_CAP_CRC |
                           HF_CAP_DOCUMENTS | HF_CAP_SHADOW | HF_CAP_REFUSALS | HF_CAP_CERTIFICATES;
    struct hf_frame known = *frame;

    known.crc = false;
    if (known.type == HF_FRAME_HELLO)
        known.as.hello.capabilities &= named;
    else if (known.type == HF_FRAME_WELCOME)
        known.as.welcome.capabilities &= named;
    else if (known.type == HF_FRAME_PATCH)
        fuzz_trim(&known.as.patch.json);
    else if (known.type == HF_FRAME_DELTA)
        fuzz_trim(&known.as.delta.json);
    else if (known.type == HF_FRAME_DATA && known.as.data.format == 1)
        fuzz_trim(&known.as.data.payload);
    else if (known.type == HF_FRAME_COMMAND && known.as.command.format == 1)
        fuzz_trim(&known.as.command.payload);
    else if (known.type == HF_FRAME_RESULT && known.as.result.format == 1)
        fuzz_trim(&known.as.result.payload);
    return known;
}

static inline void fuzz_check_json(const struct hf_frame *frame)
{
    static char text[FUZZ_BYTES_MAX], scratch[FUZZ_BYTES_MAX], text_again[FUZZ_BYTES_MAX];
    static uint8_t direct[FUZZ_BYTES_MAX], through_json[FUZZ_BYTES_MAX];
    struct hf_frame known = fuzz_as_json_knows_it(frame), back;
    size_t bytes = fuzz_encode(&known, direct);
    struct hf_sb sb, sb_again;

    if (bytes == 0 || hf_frame_json_bytes_max(&known) > sizeof(text))
        return;
    hf_sb_init(&sb, text, hf_frame_json_bytes_max(&known));
    hf_frame_encode_json(&known, &sb);
    HF_ASSERT(!sb.overflow);
    HF_ASSERT(hf_frame_decode_json(hf_sb_done(&sb), UINT32_MAX, scratch, sb.bytes, &back) == HF_OK);
    HF_ASSERT(fuzz_encode(&back, through_json) == bytes && memcmp(direct, through_json, bytes) == 0);
    hf_sb_init(&sb_again, text_again, sizeof(text_again));
    hf_frame_encode_json(&back, &sb_again);
    HF_ASSERT(hf_slice_eq(hf_sb_done(&sb), hf_sb_done(&sb_again)));
}

#endif
