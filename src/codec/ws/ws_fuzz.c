/* codec/ws/ws_fuzz.c - properties of the frame codec:
 * 1. chunking never changes the transcript, in both roles, with and without compression;
 * 2. what the encoder writes, the decoder reads back.
 * Byte 0: bit 0 client role, bit 1 deflate, bit 2 small limits, bits 3..7 seed of the chunk size. */
#include "codec/ws/mask.h"
#include "codec/ws/ws_transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

enum { ROLE_BIT = 1, DEFLATE_BIT = 2, SMALL_BIT = 4 };

static void chunking_changes_nothing(const uint8_t *data, size_t bytes, uint8_t choice)
{
    struct hf_ws_config config = {.role = (choice & ROLE_BIT) ? HF_WS_CLIENT : HF_WS_SERVER,
                                  .message_bytes_max = (choice & SMALL_BIT) ? 20 : HF_WS_MESSAGE_BYTES_MAX,
                                  .fragments_max = (choice & SMALL_BIT) ? 3 : HF_WS_FRAGMENTS_MAX};
    bool deflate = (choice & DEFLATE_BIT) != 0;
    struct ws_transcript whole = ws_feed_chunked(&config, deflate, data, bytes, bytes);
    struct ws_transcript ones = ws_feed_chunked(&config, deflate, data, bytes, 1);
    struct ws_transcript cut = ws_feed_chunked(&config, deflate, data, bytes, 2 + (choice >> 3));

    HF_ASSERT(ws_transcript_equal(&whole, &ones));
    HF_ASSERT(ws_transcript_equal(&whole, &cut));
    ws_transcript_free(&whole);
    ws_transcript_free(&ones);
    ws_transcript_free(&cut);
}

/* The input as a list of fragments: a byte of length, then that many bytes; binary, so that any content is right. */
static void encoded_is_decoded(const uint8_t *data, size_t bytes, uint8_t choice)
{
    struct hf_ws_config config = {.role = (choice & ROLE_BIT) ? HF_WS_CLIENT : HF_WS_SERVER,
                                  .message_bytes_max = HF_WS_MESSAGE_BYTES_MAX,
                                  .fragments_max = HF_WS_FRAGMENTS_MAX_LIMIT};
    uint8_t key[4] = {choice, (uint8_t)(choice * 3), 0x5a, (uint8_t)~choice};
    uint8_t *wire = malloc(bytes * (HF_WS_HEAD_BYTES_MAX + 3) + 2 * HF_WS_HEAD_BYTES_MAX + 1);
    struct ws_transcript want = {.err = HF_OK}, got;
    size_t n = 0, payload_bytes = 0;
    uint8_t *payload = malloc(bytes + 1);

    HF_ASSERT(wire != NULL && payload != NULL);
    for (size_t at = 0; at < bytes;) {
        size_t part = data[at] * (1 + (choice >> 3));
        bool first = at == 0;

        at++;
        part = part < bytes - at ? part : bytes - at;
        n += hf_ws_encode_head(wire + n, first ? HF_WS_OP_BINARY : HF_WS_OP_CONTINUATION,
                               at + part == bytes ? HF_WS_FIN : 0, part,
                               config.role == HF_WS_SERVER ? key : NULL);
        memcpy(wire + n, data + at, part);
        if (config.role == HF_WS_SERVER)
            hf_ws_mask(wire + n, part, key, 0);
        memcpy(payload + payload_bytes, data + at, part);
        payload_bytes += part;
        n += part;
        at += part;
    }
    ws_transcript_add(&want, "", 0);
    if (n > 0)
        ws_transcript_line(&want, "b", payload, payload_bytes);
    got = ws_feed_chunked(&config, false, wire, n, 1 + (choice >> 2));
    HF_ASSERT(ws_transcript_equal(&want, &got));
    ws_transcript_free(&want);
    ws_transcript_free(&got);
    free(payload);
    free(wire);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    if (data_bytes < 2)
        return 0;
    chunking_changes_nothing(data + 1, data_bytes - 1, data[0]);
    encoded_is_decoded(data + 1, data_bytes - 1, data[0]);
    return 0;
}
