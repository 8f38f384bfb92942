#include "codec/rtp/framing.h"

#include "base/bytes.h"

enum { DOLLAR = 0x24, CHANNELS = 4, JUDGE_BYTES = 5 };

/* The first byte of a packet of RTP or RTCP. */
static bool begins_packet(uint8_t byte)
{
    return byte >> 6 == 2;
}

/* Which form the first packet has; UNKNOWN: more bytes are needed. An empty packet of RFC 4571 (a keepalive of some devices) decides nothing, see below. */
static enum hf_rtp_framing judge(const uint8_t *in, size_t bytes, bool *ret_bad)
{
    *ret_bad = false;
    if (bytes < 3)
        return HF_RTP_FRAMING_UNKNOWN;
    if (in[0] != DOLLAR) {
        *ret_bad = !begins_packet(in[2]);
        return HF_RTP_FRAMING_RFC4571;
    }
    if (bytes < JUDGE_BYTES)
        return HF_RTP_FRAMING_UNKNOWN;
    if (in[1] < CHANNELS && begins_packet(in[4]) && hf_get_u16(in + 2) >= 8)
        return HF_RTP_FRAMING_DOLLAR;
    *ret_bad = !begins_packet(in[2]);
    return HF_RTP_FRAMING_RFC4571;
}

static hf_err broken(struct hf_rtp_framer *framer)
{
    framer->broken = true;
    return HF_ERR_MALFORMED;
}

hf_err hf_rtp_frame(struct hf_rtp_framer *framer, const uint8_t *in, size_t bytes, struct hf_rtp_frame *ret)
{
    size_t head_bytes = framer->form == HF_RTP_FRAMING_DOLLAR ? 4 : 2, packet_bytes;

    *ret = (struct hf_rtp_frame){.type = HF_RTP_FRAME_MORE};
    if (framer->broken)
        return HF_ERR_MALFORMED;
    if (framer->form == HF_RTP_FRAMING_UNKNOWN) {
        bool bad = false;

        if (bytes >= 2 && hf_get_u16(in) == 0) { /* empty */
            *ret = (struct hf_rtp_frame){
                .type = HF_RTP_FRAME_PACKET, .taken = 2, .packet = {(const char *)in + 2, 0}};
            return HF_OK;
        }
        framer->form = (uint8_t)judge(in, bytes, &bad);
        if (bad)
            return broken(framer);
        if (framer->form == HF_RTP_FRAMING_UNKNOWN)
            return HF_OK;
        head_bytes = framer->form == HF_RTP_FRAMING_DOLLAR ? 4 : 2;
    }
    if (bytes >= 1 && framer->form == HF_RTP_FRAMING_DOLLAR && in[0] != DOLLAR)
        return broken(framer);
    if (bytes < head_bytes)
        return HF_OK;
    packet_bytes = hf_get_u16(in + head_bytes - 2);
    if (packet_bytes > 0 && bytes > head_bytes && !begins_packet(in[head_bytes]))
        return broken(framer);
    if (bytes - head_bytes < packet_bytes)
        return HF_OK;
    ret->type = HF_RTP_FRAME_PACKET;
    ret->taken = head_bytes + packet_bytes;
    ret->packet = (struct hf_slice){(const char *)in + head_bytes, packet_bytes};
    if (framer->form == HF_RTP_FRAMING_DOLLAR)
        ret->channel = in[1];
    return HF_OK;
}

void hf_rtp_frame_write(uint16_t packet_bytes, uint8_t out[2])
{
    hf_put_u16(out, packet_bytes);
}
