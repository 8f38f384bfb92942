/* codec/rtp/rtcp.h - RTCP: compound packets read one by one, and the reports that a receiver writes. Pure. Tolerant where devices are: a
 * compound packet need not begin with a report nor hold a CNAME (RFC 5506), and what stands behind the last whole packet is ignored.
 *
 *   0                   1                   2                   3
 *   |V=2|P|  count  |     type      |  length in words, less one    |   200 SR, 201 RR, 202 SDES, 203 BYE, 204 APP, 205 and 206 feedback
 *   SR: SSRC, NTP (8), RTP time, packets, bytes, count x report     RR: SSRC, count x report
 *   report: SSRC, fraction lost (1) and lost (3, signed), extended sequence, jitter, last SR, delay since it in 1/65536 s
 *
 * Source: RFC 3550 6.4 to 6.6, A.2. */
#ifndef HF_CODEC_RTP_RTCP_H
#define HF_CODEC_RTP_RTCP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

enum hf_rtcp_type {
    HF_RTCP_SR = 200,
    HF_RTCP_RR = 201,
    HF_RTCP_SDES = 202,
    HF_RTCP_BYE = 203,
    HF_RTCP_APP = 204,
    HF_RTCP_RTPFB = 205,
    HF_RTCP_PSFB = 206,
};
enum {
    HF_RTCP_REPORTS_MAX = 31,
    HF_RTCP_CNAME_BYTES_MAX = 64,
    HF_RTCP_RECEIVER_BYTES_MAX = 8 + 24 + 8 + 2 + HF_RTCP_CNAME_BYTES_MAX + 4
};

struct hf_rtcp_report {
    uint32_t ssrc;           /* whose packets it is about */
    uint8_t fraction;        /* lost since the report before, in 1/256 */
    int32_t lost;            /* since the beginning; 24 bits, negative by duplicates */
    uint32_t sequence;       /* highest, extended */
    uint32_t jitter;         /* in units of the timestamp */
    uint32_t last_sr, delay; /* middle 32 bits of NTP, 1/65536 s; 0 = no SR came */
};

struct hf_rtcp {
    uint8_t type;  /* enum hf_rtcp_type, or one that is none of ours */
    uint8_t count; /* its five bits */
    uint32_t ssrc; /* SR, RR, APP, feedback: the sender's; SDES, BYE: the first one's, 0 without one */
    struct {       /* SR */
        uint64_t ntp;
        uint32_t rtp_time, packets, bytes;
    } sender;
    struct hf_slice cname; /* SDES: of the first chunk; else absent */
    struct hf_slice body;  /* behind the four bytes of the head, without padding */
};

/* Takes the next packet off the front of *rest. HF_ERR_NOT_FOUND: nothing is left. HF_ERR_MALFORMED: *rest does not begin with a whole packet of version 2, or that is too short
 * for what it holds; *rest is then empty. */
hf_err hf_rtcp_next(struct hf_slice *rest, struct hf_rtcp *ret);
/* The reports of an SR or RR: false behind the last one (there are never more than HF_RTCP_REPORTS_MAX). */
bool hf_rtcp_report_at(const struct hf_rtcp *packet, unsigned index, struct hf_rtcp_report *ret);

/* A compound packet: RR with one report (or none: report NULL), SDES with CNAME. cname is cut at HF_RTCP_CNAME_BYTES_MAX. Returns its bytes. */
size_t hf_rtcp_write_receiver(uint32_t ssrc, const struct hf_rtcp_report *report, struct hf_slice cname,
                              uint8_t out[HF_RTCP_RECEIVER_BYTES_MAX]);
/* SR without reports: 28 bytes, with SDES as above. */
enum { HF_RTCP_SENDER_BYTES_MAX = HF_RTCP_RECEIVER_BYTES_MAX };
size_t hf_rtcp_write_sender(uint32_t ssrc, uint64_t ntp, uint32_t rtp_time, uint32_t packets, uint32_t bytes,
                            struct hf_slice cname, uint8_t out[HF_RTCP_SENDER_BYTES_MAX]);
enum { HF_RTCP_BYE_BYTES = 8 };
void hf_rtcp_write_bye(uint32_t ssrc, uint8_t out[HF_RTCP_BYE_BYTES]);

#endif
