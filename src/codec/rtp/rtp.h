/* codec/rtp/rtp.h - the head of an RTP packet. Pure: allocates nothing, copies nothing; slices point into the caller's bytes.
 *
 *   0                   1                   2                   3
 *   |V=2|P|X|  CC   |M|     PT      |       sequence number         |
 *   |                           timestamp                           |
 *   |                             SSRC                              |
 *   |                        CC x 4: CSRC                           |
 *   X: | profile | words | words x 4 bytes |   payload   P: | padding, its last byte is how many |
 *
 * Source: RFC 3550 5.1, 5.3.1; RFC 5761 4 (RTP and RTCP on one port). */
#ifndef HF_CODEC_RTP_RTP_H
#define HF_CODEC_RTP_RTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

enum { HF_RTP_HEAD_BYTES = 12, HF_RTP_CSRC_MAX = 15 };

struct hf_rtp {
    bool marker;
    uint8_t payload_type; /* 0..127 */
    uint8_t csrc_count;
    bool has_extension;
    uint16_t sequence, extension_profile;
    uint32_t timestamp, ssrc;
    uint32_t csrc[HF_RTP_CSRC_MAX];
    struct hf_slice extension; /* without its head */
    struct hf_slice payload;   /* without padding; may be empty */
    uint8_t padding_bytes;
};

/* HF_ERR_MALFORMED: another version, cut inside of the head, or padding that is longer than what it pads. */
hf_err hf_rtp_parse(const uint8_t *in, size_t bytes, struct hf_rtp *ret);

/* Writes the head of a packet without CSRC, extension and padding: HF_RTP_HEAD_BYTES. */
void hf_rtp_write(const struct hf_rtp *head, uint8_t out[HF_RTP_HEAD_BYTES]);

/* Of what came to a port, or through a connection, that both share: RTCP's types 192 to 223 stand where RTP has the marker and types 64 to 95. */
bool hf_rtp_is_rtcp(const uint8_t *in, size_t bytes);

#endif
