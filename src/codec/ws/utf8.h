/* codec/ws/utf8.h - incremental UTF-8 validation (RFC 3629): no overlong forms, no surrogates, nothing above
 * U+10FFFF. Fails at the first byte that cannot be part of valid text, so a peer is refused as early as the
 * bytes allow. The state is one byte and may be kept between calls. */
#ifndef HF_CODEC_WS_UTF8_H
#define HF_CODEC_WS_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum { HF_WS_UTF8_ACCEPT = 0, HF_WS_UTF8_REJECT = 12 }; /* other values: inside a character */

/* Takes the state after everything so far (HF_WS_UTF8_ACCEPT at the start) and returns the new one.
 * HF_WS_UTF8_REJECT is final. A text is whole and valid when the state is HF_WS_UTF8_ACCEPT at its end. */
uint8_t hf_ws_utf8_feed(uint8_t state, const void *data, size_t bytes);

bool hf_ws_utf8_valid(const void *data, size_t bytes);

/* The longest prefix of text that is valid UTF-8 and at most bytes_max long. */
size_t hf_ws_utf8_prefix(struct hf_slice text, size_t bytes_max);

#endif
