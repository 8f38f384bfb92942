/* codec/sip/mask.h - what a trace or a log line must not show of a message (GB-22). Works on any bytes, well formed or not, since broken messages are those that people
 * want to see. Pure. */
#ifndef HF_CODEC_SIP_MASK_H
#define HF_CODEC_SIP_MASK_H

#include "base/sb.h"
#include "base/slice.h"

/* Appends the text with *** in place of what proves who somebody is: values of Authorization, Proxy-Authorization, Authentication-Info and SecurityInfo but a few harmless
 * parameters (of folded ones nothing is left), passwords in sip: and sips: URIs, the text of <Password> elements. What becomes of a text that is masked again is the
 * same text. sb->overflow when it does not fit; what fitted is masked all the same. */
void hf_sip_mask(struct hf_sb *sb, struct hf_slice message);

#endif
