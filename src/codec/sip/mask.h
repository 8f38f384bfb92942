/* codec/sip/mask.h - what a trace or a log line must not show of a message (GB-22). Works on any bytes, well formed or not, since broken
 * messages are those that people want to see. */
#ifndef HF_CODEC_SIP_MASK_H
#define HF_CODEC_SIP_MASK_H

#include <stddef.h>

/* Puts '*' in place of the digest responses in Authorization, Proxy-Authorization and Authentication-Info: whoever reads them
 * could try passwords at leisure. All other parameters stay, they tell which input of a hash differs. Nothing moves, so slices of a parsed
 * message stay good. A header line ends where hf_sip_parse sees its end; a body is not touched. */
void hf_sip_mask(char *text, size_t bytes);

#endif
