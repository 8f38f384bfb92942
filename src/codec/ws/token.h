/* codec/ws/token.h - tokens of RFC 9110 5.6.2 in handshake fields. Internal to codec/ws. */
#ifndef HF_CODEC_WS_TOKEN_H
#define HF_CODEC_WS_TOKEN_H

#include <stdbool.h>

#include "base/slice.h"

bool hf_ws_is_token_char(char c);
bool hf_ws_is_token(struct hf_slice text); /* at least one character */

/* token is a whole item of the list, without case: "keep-alive, Upgrade" holds upgrade, "noupgrade" does not. */
bool hf_ws_list_holds(struct hf_slice list, const char *token);

#endif
