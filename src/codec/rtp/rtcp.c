#include "codec/rtp/rtcp.h"

#include "base/assert.h"
#include "base/bytes.h"

enum { HEAD_BYTES = 4, REPORT_BYTES = 24, SENDER_BYTES = 20, SDES_CNAME = 1 };

static const uint8_t *bytes_of(struct hf_slice slice)
{
    return (const uint8_t *)slice.at;
}

/* What stands before the reports of an SR or RR. */
static size_t fixed_bytes(unsigned type)
{
    switch (type) {
    case HF_RTCP_SR: return 4 + SENDER_BYTES;
    case HF_RTCP_RR: return 4;
    case HF_RTCP_APP:
    case HF_RTCP_RTPFB:
    case HF_RTCP_PSFB: return 8;
    default: return 0;
    }
}

/* The first chunk of an SDES: SSRC, then items of type, length, text; type 0 ends them. */
static struct hf_slice find_cname(struct hf_slice body)
{
    const uint8_t *at = bytes_of(body);

    for (size_t i = 4; i + 2 <= body.bytes && at[i] != 0; i += 2u + at[i + 1]) {
        if (body.bytes - i - 2 < at[i + 1])
            break;
        if (at[i] == SDES_CNAME)
            return (struct hf_slice){body.at + i + 2, at[i + 1]};
    }
    return (struct hf_slice){NULL, 0};
}

hf_err hf_rtcp_next(struct hf_slice *rest, struct hf_rtcp *ret)
{
    const uint8_t *in = bytes_of(*rest);
    size_t have = rest->bytes, bytes, padding = 0;

    if (have == 0)
        return HF_ERR_NOT_FOUND;
    rest->bytes = 0;
    if (have < HEAD_BYTES || in[0] >> 6 != 2)
        return HF_ERR_MALFORMED;
    bytes = 4 * ((size_t)hf_get_u16(in + 2) + 1);
    if (bytes > have)
        return HF_ERR_MALFORMED;
    if (in[0] >> 5 & 1) {
        padding = in[bytes - 1];
        if (padding == 0 || padding > bytes - HEAD_BYTES)
            return HF_ERR_MALFORMED;
    }
    *ret = (struct hf_rtcp){.type = in[1], .count = in[0] & 0x1f};
    ret->body = (struct hf_slice){(const char *)in + HEAD_BYTES, bytes - HEAD_BYTES - padding};
    if (ret->body.bytes < fixed_bytes(ret->type))
        return HF_ERR_MALFORMED;
    if ((ret->type == HF_RTCP_SR || ret->type == HF_RTCP_RR) &&
        ret->body.bytes - fixed_bytes(ret->type) < (size_t)ret->count * REPORT_BYTES)
        return HF_ERR_MALFORMED;
    if (ret->body.bytes >= 4)
        ret->ssrc = hf_get_u32(in + HEAD_BYTES);
    if (ret->type == HF_RTCP_SR) {
        ret->sender.ntp = hf_get_u64(in + 8);
        ret->sender.rtp_time = hf_get_u32(in + 16);
        ret->sender.packets = hf_get_u32(in + 20);
        ret->sender.bytes = hf_get_u32(in + 24);
    }
    if (ret->type == HF_RTCP_SDES)
        ret->cname = find_cname(ret->body);
    *rest = (struct hf_slice){(const char *)in + bytes, have - bytes};
    return HF_OK;
}

bool hf_rtcp_report_at(const struct hf_rtcp *packet, unsigned index, struct hf_rtcp_report *ret)
{
    const uint8_t *at;

    if ((packet->type != HF_RTCP_SR && packet->type != HF_RTCP_RR) || index >= packet->count)
        return false;
    at = bytes_of(packet->body) + fixed_bytes(packet->type) + (size_t)index * REPORT_BYTES;
    uint32_t lost = hf_get_u32(at + 4) & 0xffffff;

    *ret = (struct hf_rtcp_report){.ssrc = hf_get_u32(at),
                                   .fraction = at[4],
                                   .lost = (int32_t)(lost & 0x800000 ? lost | 0xff000000u : lost),
                                   .sequence = hf_get_u32(at + 8),
                                   .jitter = hf_get_u32(at + 12),
                                   .last_sr = hf_get_u32(at + 16),
                                   .delay = hf_get_u32(at + 20)};
    return true;
}

static void put_head(uint8_t *out, unsigned count, unsigned type, size_t bytes)
{
    HF_ASSERT(bytes % 4 == 0);
    out[0] = (uint8_t)(2u << 6 | count);
    out[1] = (uint8_t)type;
    hf_put_u16(out + 2, (uint16_t)(bytes / 4 - 1));
}

/* RFC 3550 6.5: the chunk ends in one NUL at least, and at a multiple of four. */
static size_t put_cname(uint32_t ssrc, struct hf_slice cname, uint8_t *out)
{
    size_t length = HF_MIN(cname.bytes, (size_t)HF_RTCP_CNAME_BYTES_MAX);
    size_t bytes = (HEAD_BYTES + 4 + 2 + length + 1 + 3) / 4 * 4;

    memset(out, 0, bytes);
    put_head(out, 1, HF_RTCP_SDES, bytes);
    hf_put_u32(out + 4, ssrc);
    out[8] = SDES_CNAME;
    out[9] = (uint8_t)length;
    if (length > 0)
        memcpy(out + 10, cname.at, length);
    return bytes;
}

size_t hf_rtcp_write_receiver(uint32_t ssrc, const struct hf_rtcp_report *report, struct hf_slice cname,
                              uint8_t out[HF_RTCP_RECEIVER_BYTES_MAX])
{
    size_t bytes = 8;

    hf_put_u32(out + 4, ssrc);
    if (report != NULL) {
        uint8_t *at = out + bytes;

        hf_put_u32(at, report->ssrc);
        hf_put_u32(at + 4, (uint32_t)report->fraction << 24 | ((uint32_t)report->lost & 0xffffff));
        hf_put_u32(at + 8, report->sequence);
        hf_put_u32(at + 12, report->jitter);
        hf_put_u32(at + 16, report->last_sr);
        hf_put_u32(at + 20, report->delay);
        bytes += REPORT_BYTES;
    }
    put_head(out, report != NULL, HF_RTCP_RR, bytes);
    bytes += put_cname(ssrc, cname, out + bytes);
    HF_ASSERT(bytes <= HF_RTCP_RECEIVER_BYTES_MAX);
    return bytes;
}

size_t hf_rtcp_write_sender(uint32_t ssrc, uint64_t ntp, uint32_t rtp_time, uint32_t packets, uint32_t bytes,
                            struct hf_slice cname, uint8_t out[HF_RTCP_SENDER_BYTES_MAX])
{
    size_t written = HEAD_BYTES + 4 + SENDER_BYTES;

    put_head(out, 0, HF_RTCP_SR, written);
    hf_put_u32(out + 4, ssrc);
    hf_put_u64(out + 8, ntp);
    hf_put_u32(out + 16, rtp_time);
    hf_put_u32(out + 20, packets);
    hf_put_u32(out + 24, bytes);
    written += put_cname(ssrc, cname, out + written);
    HF_ASSERT(written <= HF_RTCP_SENDER_BYTES_MAX);
    return written;
}

void hf_rtcp_write_bye(uint32_t ssrc, uint8_t out[HF_RTCP_BYE_BYTES])
{
    put_head(out, 1, HF_RTCP_BYE, HF_RTCP_BYE_BYTES);
    hf_put_u32(out + 4, ssrc);
}
