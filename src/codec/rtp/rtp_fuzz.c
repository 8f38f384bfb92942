/* codec/rtp/rtp_fuzz.c - properties: what is parsed lies inside of the input; where a TCP stream is cut changes no packet; the receiver's numbers never go astray, whatever order
 * packets come in. The first byte picks the cut. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/sb.h"
#include "codec/rtp/framing.h"
#include "codec/rtp/receiver.h"
#include "codec/rtp/rtp.h"

enum { TEXT_BYTES = 512 * 1024, INPUT_BYTES_MAX = 8 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

static void inside(struct hf_slice part, const uint8_t *in, size_t bytes)
{
    HF_ASSERT(part.at == NULL ||
              ((const uint8_t *)part.at >= in && (const uint8_t *)part.at + part.bytes <= in + bytes));
}

static void check_packet(const uint8_t *in, size_t bytes)
{
    struct hf_slice rest = {(const char *)in, bytes};
    struct hf_rtp rtp;
    struct hf_rtcp rtcp;
    hf_err err;

    if (hf_rtp_parse(in, bytes, &rtp) == HF_OK) {
        inside(rtp.payload, in, bytes);
        inside(rtp.extension, in, bytes);
    }
    while ((err = hf_rtcp_next(&rest, &rtcp)) == HF_OK) {
        struct hf_rtcp_report report;
        unsigned reports = 0;

        inside(rtcp.body, in, bytes);
        inside(rtcp.cname, in, bytes);
        while (hf_rtcp_report_at(&rtcp, reports, &report)) {
            uint8_t out[HF_RTCP_RECEIVER_BYTES_MAX];
            struct hf_slice again;
            struct hf_rtcp read;
            struct hf_rtcp_report same;

            reports++;
            again =
                (struct hf_slice){(char *)out, hf_rtcp_write_receiver(rtcp.ssrc, &report, rtcp.cname, out)};
            HF_ASSERT(hf_rtcp_next(&again, &read) == HF_OK && hf_rtcp_report_at(&read, 0, &same));
            HF_ASSERT(same.lost == report.lost && same.fraction == report.fraction &&
                      same.delay == report.delay);
        }
        HF_ASSERT(reports <= HF_RTCP_REPORTS_MAX);
    }
    HF_ASSERT(rest.bytes == 0);
}

static void transcribe(const uint8_t *in, size_t bytes, size_t cut, struct hf_sb *sb)
{
    struct hf_rtp_framer framer = {0};
    size_t at = 0, have = 0;

    while (at + have < bytes) {
        have = HF_MIN(bytes - at, have + cut);
        for (bool more = false; !more;) {
            struct hf_rtp_frame frame;
            uint8_t *copy = malloc(have + (have == 0)); /* exact */

            memcpy(copy, in + at, have);
            hf_err err = hf_rtp_frame(&framer, copy, have, &frame);

            HF_ASSERT(frame.taken <= have);
            if (err != HF_OK) {
                hf_sb_printf(sb, "!%d", err);
                free(copy);
                return;
            }
            more = frame.type == HF_RTP_FRAME_MORE;
            HF_ASSERT(more == (frame.taken == 0));
            if (!more) {
                hf_sb_printf(sb, "%u:%zu:%u ", frame.channel, frame.packet.bytes, framer.form);
                check_packet((const uint8_t *)frame.packet.at, frame.packet.bytes);
            }
            at += frame.taken;
            have -= frame.taken;
            free(copy);
            HF_ASSERT(!more || have < HF_RTP_FRAME_BYTES_MAX + HF_RTP_FRAME_HEAD_MAX);
        }
    }
    hf_sb_printf(sb, "left %zu", have);
}

/* Pairs of bytes are sequence numbers; what is told about places must agree with what was said before. */
static void order(const uint8_t *in, size_t bytes)
{
    struct hf_rtp_receiver receiver;
    bool kept[HF_RTP_WINDOW] = {false};
    uint64_t taken = 0, waited = 0, popped = 0;
    unsigned slot, lost;

    hf_rtp_receiver_init(&receiver, 90000);
    for (size_t i = 0; i + 2 <= bytes; i += 2) {
        uint16_t sequence = hf_get_u16(in + i);

        while (hf_rtp_receiver_overflows(&receiver, sequence)) {
            HF_ASSERT(hf_rtp_receiver_give_up(&receiver) > 0);
            for (; hf_rtp_receiver_pop(&receiver, &slot); popped++) {
                HF_ASSERT(kept[slot]);
                kept[slot] = false;
            }
        }
        enum hf_rtp_verdict verdict =
            hf_rtp_receiver_take(&receiver, sequence, sequence, i * 1000, &slot, &lost);

        if (verdict == HF_RTP_WAITS) {
            HF_ASSERT(slot < HF_RTP_WINDOW && !kept[slot]);
            kept[slot] = true;
            waited++;
        }
        if (verdict == HF_RTP_RESTART) {
            for (unsigned k = 0; k < HF_RTP_WINDOW; k++)
                waited -= kept[k];
            memset(kept, 0, sizeof(kept));
        }
        if (verdict == HF_RTP_NEXT || verdict == HF_RTP_RESTART)
            taken++;
        for (; hf_rtp_receiver_pop(&receiver, &slot); popped++) {
            HF_ASSERT(verdict == HF_RTP_NEXT && kept[slot]);
            kept[slot] = false;
        }
        HF_ASSERT(popped <= waited && hf_rtp_receiver_waits(&receiver) == (popped < waited));
    }
    HF_ASSERT(taken + waited <= receiver.packets);
    (void)hf_rtp_receiver_report(&receiver);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    static char whole[TEXT_BYTES], cut[TEXT_BYTES];
    struct hf_sb a, b;

    if (data_bytes < 2 || data_bytes > INPUT_BYTES_MAX)
        return 0;
    check_packet(data + 1, data_bytes - 1);
    order(data + 1, data_bytes - 1);
    hf_sb_init(&a, whole, sizeof(whole));
    transcribe(data + 1, data_bytes - 1, data_bytes - 1, &a);
    hf_sb_init(&b, cut, sizeof(cut));
    transcribe(data + 1, data_bytes - 1, 1 + data[0] % 64, &b);
    HF_ASSERT(!a.overflow && hf_slice_eq(hf_sb_done(&a), hf_sb_done(&b)));
    return 0;
}
