/* codec/manscdp/body.h - what a SIP body is, by its Content-Type or, where that is missing or unknown, by its first bytes. Devices write
 * `APPLICATION/SDP`, or nothing. Source: GB/T 28181-2022 annexes; RFC 3261 7.4.1. */
#ifndef HF_CODEC_MANSCDP_BODY_H
#define HF_CODEC_MANSCDP_BODY_H

#include "base/slice.h"

enum hf_cdp_body { HF_CDP_BODY_NONE, HF_CDP_BODY_XML, HF_CDP_BODY_SDP, HF_CDP_BODY_RTSP };

/* content_type: the header's value, parameters and all; absent when there is none. NONE: nothing but blanks and NULs. */
enum hf_cdp_body hf_cdp_body_kind(struct hf_slice content_type, struct hf_slice body);

#endif
