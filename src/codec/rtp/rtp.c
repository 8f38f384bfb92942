#include "codec/rtp/rtp.h"

#include "base/bytes.h"

hf_err hf_rtp_parse(const uint8_t *in, size_t bytes, struct hf_rtp *ret)
{
    size_t at = HF_RTP_HEAD_BYTES, end = bytes;

    if (bytes < HF_RTP_HEAD_BYTES || in[0] >> 6 != 2)
        return HF_ERR_MALFORMED;
    *ret = (struct hf_rtp){.marker = in[1] >> 7,
                           .payload_type = in[1] & 0x7f,
                           .csrc_count = in[0] & 0x0f,
                           .has_extension = in[0] >> 4 & 1,
                           .sequence = hf_get_u16(in + 2),
                           .timestamp = hf_get_u32(in + 4),
                           .ssrc = hf_get_u32(in + 8)};
    if (bytes - at < 4u * ret->csrc_count)
        return HF_ERR_MALFORMED;
    for (unsigned i = 0; i < ret->csrc_count; i++, at += 4)
        ret->csrc[i] = hf_get_u32(in + at);
    if (ret->has_extension) {
        if (bytes - at < 4)
            return HF_ERR_MALFORMED;
        ret->extension_profile = hf_get_u16(in + at);
        ret->extension = (struct hf_slice){(const char *)in + at + 4, 4u * hf_get_u16(in + at + 2)};
        at += 4;
        if (bytes - at < ret->extension.bytes)
            return HF_ERR_MALFORMED;
        at += ret->extension.bytes;
    }
    if (in[0] >> 5 & 1) {
        ret->padding_bytes = in[end - 1];
        if (ret->padding_bytes == 0 || ret->padding_bytes > end - at)
            return HF_ERR_MALFORMED;
        end -= ret->padding_bytes;
    }
    ret->payload = (struct hf_slice){(const char *)in + at, end - at};
    return HF_OK;
}

void hf_rtp_write(const struct hf_rtp *head, uint8_t out[HF_RTP_HEAD_BYTES])
{
    out[0] = 2 << 6;
    out[1] = (uint8_t)(head->marker << 7 | (head->payload_type & 0x7f));
    hf_put_u16(out + 2, head->sequence);
    hf_put_u32(out + 4, head->timestamp);
    hf_put_u32(out + 8, head->ssrc);
}

bool hf_rtp_is_rtcp(const uint8_t *in, size_t bytes)
{
    return bytes >= 4 && in[0] >> 6 == 2 && in[1] >= 192 && in[1] <= 223;
}
