/* test/sim/mangle_json.c - holdfast.v1 as JSON on the network, between a client core that speaks bytes and the gateway. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/sb.h"
#include "codec/session/binary.h"
#include "codec/session/json.h"
#include "sim/mangle.h"

enum { PAYLOAD_BYTES_MAX = 1 << 20 };

/* The subprotocol of the request, and of its answer. */
void sim_mangle_head(struct sim_mangle *mangle, const uint8_t *head, size_t bytes)
{
    static const char bytes_name[] = "holdfast.v1\r\n", json_name[] = "holdfast.v1.json\r\n";
    const char *from = mangle->masked ? bytes_name : json_name, *to = mangle->masked ? json_name : bytes_name;
    const uint8_t *at = mangle->json ? memmem(head, bytes, from, strlen(from)) : NULL;

    if (at == NULL) {
        sim_mangle_put(&mangle->out, head, bytes);
        return;
    }
    sim_mangle_put(&mangle->out, head, (size_t)(at - head));
    sim_mangle_put(&mangle->out, to, strlen(to));
    at += strlen(from);
    sim_mangle_put(&mangle->out, at, bytes - (size_t)(at - head));
}

bool sim_mangle_to_json(const uint8_t *frame, size_t bytes, struct sim_mangle_bytes *to)
{
    struct hf_frame decoded;
    size_t taken;
    struct hf_sb sb;

    if (hf_frame_decode(frame, bytes, PAYLOAD_BYTES_MAX, &taken, &decoded) != HF_OK)
        return false;
    size_t room = hf_frame_json_bytes_max(&decoded);
    char *text = malloc(room);
    HF_ASSERT(text != NULL);
    hf_sb_init(&sb, text, room);
    hf_frame_encode_json(&decoded, &sb);
    HF_ASSERT(!sb.overflow);
    sim_mangle_put(to, sb.at, sb.bytes);
    free(text);
    return true;
}

bool sim_mangle_from_json(struct hf_slice text, struct sim_mangle_bytes *to)
{
    struct hf_frame decoded;
    char *scratch = malloc(text.bytes);

    HF_ASSERT(scratch != NULL);
    bool known = hf_frame_decode_json(text, PAYLOAD_BYTES_MAX, scratch, text.bytes, &decoded) == HF_OK;
    if (known) {
        size_t bytes = hf_frame_bytes(&decoded);
        uint8_t *frame = malloc(bytes);

        HF_ASSERT(frame != NULL);
        sim_mangle_put(to, frame, hf_frame_encode(&decoded, frame));
        free(frame);
    }
    free(scratch);
    return known;
}
