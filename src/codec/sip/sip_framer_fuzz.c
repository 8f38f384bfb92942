/* codec/sip/sip_framer_fuzz.c - properties: where the bytes are cut changes nothing that is heard; framer and parser agree where a
 * message ends. The first byte picks the cut, the second the limits. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/sb.h"
#include "codec/sip/framer.h"

enum { TEXT_BYTES = 512 * 1024, INPUT_BYTES_MAX = 4 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

static void check_message(struct hf_slice text, const struct hf_sip_limits *limits)
{
    static struct hf_sip_msg msg;
    hf_err err = hf_sip_parse(text.at, text.bytes, true, limits, &msg);

    HF_ASSERT(err == hf_sip_problem_err((enum hf_sip_problem)msg.problem));
    switch ((enum hf_sip_problem)msg.problem) {
    case HF_SIP_NO_PROBLEM:
        HF_ASSERT(msg.kind != HF_SIP_KEEPALIVE && msg.rest.bytes == 0 && msg.text.bytes == text.bytes);
        HF_ASSERT(msg.body.at + msg.body.bytes == text.at + text.bytes);
        break;
    case HF_SIP_NO_HEAD_END:
    case HF_SIP_BODY_CUT:
    case HF_SIP_NO_LENGTH:
    case HF_SIP_BAD_LENGTH:
    case HF_SIP_BODY_TOO_BIG:
    case HF_SIP_HEAD_TOO_BIG: HF_UNREACHABLE(); /* the framer saw to it */
    default: break;
    }
}

static void transcribe(const char *in, size_t bytes, size_t cut, const struct hf_sip_limits *limits,
                       struct hf_sb *sb)
{
    struct hf_sip_framer framer = {0};
    size_t at = 0, have = 0;

    while (at + have < bytes) {
        have = HF_MIN(bytes - at, have + cut);
        for (bool more = false; !more;) {
            char *copy = malloc(have + (have == 0)); /* exact and elsewhere each time */
            struct hf_sip_frame frame;

            memcpy(copy, in + at, have);
            hf_err err = hf_sip_frame(&framer, copy, have, limits, &frame);

            HF_ASSERT(frame.taken <= have);
            if (err != HF_OK) {
                hf_sb_printf(sb, "!%d %d ", err, framer.problem);
                hf_sb_slice(sb, frame.message);
                free(copy);
                return;
            }
            if (frame.type == HF_SIP_FRAME_PING)
                hf_sb_text(sb, "ping ");
            if (frame.type == HF_SIP_FRAME_MESSAGE) {
                check_message(frame.message, limits);
                hf_sb_printf(sb, "message %zu ", frame.message.bytes);
                hf_sb_slice(sb, frame.message);
            }
            free(copy);
            at += frame.taken;
            have -= frame.taken;
            more = frame.type == HF_SIP_FRAME_MORE;
            HF_ASSERT(more || frame.taken > 0);
            HF_ASSERT(!more || have < (size_t)limits->head_bytes_max + limits->body_bytes_max);
        }
    }
    hf_sb_printf(sb, "left %zu", have);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    static char whole[TEXT_BYTES], cut[TEXT_BYTES];
    struct hf_sb a, b;

    if (data_bytes < 3 || data_bytes > INPUT_BYTES_MAX)
        return 0;
    struct hf_sip_limits limits = hf_sip_limits_default;

    if (data[1] & 1) {
        limits.head_bytes_max = 300;
        limits.body_bytes_max = 20;
    }
    if (data[1] & 2)
        limits.tolerances = data[1] & 4 ? UINT32_MAX : 0;
    hf_sb_init(&a, whole, sizeof(whole));
    transcribe((const char *)data + 2, data_bytes - 2, data_bytes - 2, &limits, &a);
    hf_sb_init(&b, cut, sizeof(cut));
    transcribe((const char *)data + 2, data_bytes - 2, 1 + data[0] % 64, &limits, &b);
    HF_ASSERT(!a.overflow && hf_slice_eq(hf_sb_done(&a), hf_sb_done(&b)));
    return 0;
}
