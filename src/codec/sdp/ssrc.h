/* codec/sdp/ssrc.h - the SSRC that y= carries as ten decimal digits: one for live (0) or history (1), digits 4 to 8 of the SIP domain,
 * four of a number that is unique there. RTP has the same number as 32 bits: 0200000001 is 0x0BEBC201. Who gives numbers out, and when one
 * may be given again, is not decided here. Source: GB/T 28181-2016 and -2022, 9.3 and annex G. */
#ifndef HF_CODEC_SDP_SSRC_H
#define HF_CODEC_SDP_SSRC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

enum {
    HF_SSRC_TEXT_BYTES = 11, /* with NUL */
    HF_SSRC_NUMBERS = 10000, /* in a domain, of live and of history each */
};

/* `domain`: an id or domain of which the first eight characters are digits; number below HF_SSRC_NUMBERS. HF_ERR_INVALID otherwise. */
hf_err hf_ssrc_make(struct hf_slice domain, bool history, unsigned number, uint32_t *ret_ssrc);

void hf_ssrc_format(uint32_t ssrc, char ret_text[HF_SSRC_TEXT_BYTES]); /* ten digits */

/* Blanks around it are taken off. False: no number, or above 32 bits. Devices send fewer than ten digits; *ret_exact tells. */
bool hf_ssrc_parse(struct hf_slice text, uint32_t *ret_ssrc, bool *ret_exact);

bool hf_ssrc_is_history(uint32_t ssrc);      /* the first of its ten digits is not 0 */
unsigned hf_ssrc_number(uint32_t ssrc);      /* its last four digits */
unsigned hf_ssrc_domain_part(uint32_t ssrc); /* digits 2 to 6, as a number */

#endif
