/* codec/ps/codecs.h - how a stream is called where a media type names what a file holds (the parameter codecs): a browser's MediaSource wants to be told before it takes a byte. Pure.
 * Sources: RFC 6381 3.3 (avc1, mp4a), ISO/IEC 14496-15 annex E.3 (hvc1), ISO/IEC 13818-7 6.2 (ADTS). */
#ifndef HF_CODEC_PS_CODECS_H
#define HF_CODEC_PS_CODECS_H

#include "codec/ps/es.h"

enum { HF_ES_CODECS_BYTES_MAX = 48 }; /* with the NUL */

/* at: an access unit. Of H.264 and H.265 one with its parameter sets (avc1.64001f, hvc1.1.6.L93.B0), of AAC with its ADTS head (mp4a.40.2). False, and "": it is another codec, or what is needed is not there. */
bool hf_es_codecs(enum hf_es_codec codec, const uint8_t *at, size_t bytes,
                  char ret_text[HF_ES_CODECS_BYTES_MAX]);

#endif
