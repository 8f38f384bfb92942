/* codec/sip/framer.h - cuts SIP messages out of a byte stream, wherever the network cut it: start line and
 * headers up to the empty line, then Content-Length bytes. Between messages CRLFs are taken as keepalive.
 * Pure: allocates nothing, copies nothing; the caller keeps the bytes of one message together.
 * Sources: RFC 3261 7.5, 18.3; RFC 5626 4.4.1 (keepalive). */
#ifndef HF_CODEC_SIP_FRAMER_H
#define HF_CODEC_SIP_FRAMER_H

#include "codec/sip/sip.h"

/* 16 bytes, one for each connection; zero it when the connection opens. Fields are the framer's. */
struct hf_sip_framer {
    uint32_t scanned;       /* bytes of the current head already looked at */
    uint32_t head_bytes;    /* once the head is complete; 0 before */
    uint32_t message_bytes; /* head and body, likewise */
    bool half_ping;         /* one CRLF stood here */
    uint8_t problem;        /* enum hf_sip_problem; once set it is final */
};

struct hf_sip_frame {
    enum {
        HF_SIP_FRAME_MORE,    /* call again with the untaken bytes and more behind them */
        HF_SIP_FRAME_PING,    /* a double CRLF: answer one CRLF */
        HF_SIP_FRAME_MESSAGE, /* `message` is one: hf_sip_parse(message.at, message.bytes, true, ...) */
    } type;
    size_t taken; /* bytes to drop from the front of `in` when this event has been dealt with, MORE too */
    size_t
        need_bytes; /* MORE: how many bytes the message behind them will have; 0: its head is not complete */
    struct hf_slice message; /* MESSAGE: into `in` */
};

/* `in` begins with the first byte not yet taken (it may have moved in memory between calls).
 * Returns HF_OK and an event. HF_ERR_MALFORMED or HF_ERR_LIMIT: framer->problem says why; framing is lost, which is
 * final: close. Before that, when ret->message is not empty, it is the head: hf_sip_parse of it fails too and says
 * whether it is answerable. A message without Content-Length is refused (HF_SIP_NO_LENGTH), or has no body with
 * HF_SIP_TOL_NO_LENGTH. limits NULL = hf_sip_limits_default; with equal limits the events do not depend on how the
 * bytes were cut; every byte is judged once. Incomplete input is always less than limits->head_bytes_max +
 * limits->body_bytes_max bytes, so a buffer of that size never fills up without a verdict. */
hf_err hf_sip_frame(struct hf_sip_framer *framer, const char *in, size_t bytes,
                    const struct hf_sip_limits *limits, struct hf_sip_frame *ret);

#endif
