/* codec/rtp/framing.h - cuts RTP and RTCP packets out of a TCP stream, wherever the network cut it: two bytes of length before each
 * (RFC 4571). Devices also send RTSP's '$', channel, length (RFC 2326 10.12): tolerated, by name. Pure; the caller keeps the bytes of one packet together.
 *
 *   RFC 4571:  | length (2) | packet |             tolerated:  | '$' | channel | length (2) | packet |
 *
 * A first byte of 0x24 is also a length of 9,216 to 9,471 bytes. It is taken as '$' when the two bytes behind it and the packet's first one fit that form (the packet, or RTCP,
 * begins with version 2, the channel is below 4) and those of the other form do not, or when this stream has begun with it. */
#ifndef HF_CODEC_RTP_FRAMING_H
#define HF_CODEC_RTP_FRAMING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

enum { HF_RTP_FRAME_BYTES_MAX = 65535, HF_RTP_FRAME_HEAD_MAX = 4 };

enum hf_rtp_framing { HF_RTP_FRAMING_UNKNOWN, HF_RTP_FRAMING_RFC4571, HF_RTP_FRAMING_DOLLAR };

struct hf_rtp_framer { /* zero it when the connection opens */
    uint8_t form;      /* enum hf_rtp_framing: decided by the first packet */
    bool broken;       /* final */
};

struct hf_rtp_frame {
    enum { HF_RTP_FRAME_MORE, HF_RTP_FRAME_PACKET } type;
    size_t taken;           /* bytes to drop from the front when this has been dealt with */
    struct hf_slice packet; /* PACKET: into `in`; may be empty */
    uint8_t channel;        /* of '$' */
};

/* `in` begins with the first byte not yet taken. HF_OK; HF_ERR_MALFORMED: what should begin a packet is none of both forms, which is final (framing cannot be found again): close.
 * Incomplete input is never longer than HF_RTP_FRAME_BYTES_MAX + HF_RTP_FRAME_HEAD_MAX - 1 bytes. Where the bytes were cut changes nothing. */
hf_err hf_rtp_frame(struct hf_rtp_framer *framer, const uint8_t *in, size_t bytes, struct hf_rtp_frame *ret);

/* Writes the two bytes of RFC 4571. */
void hf_rtp_frame_write(uint16_t packet_bytes, uint8_t out[2]);

#endif
