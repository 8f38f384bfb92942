/* codec/ws/close.h - close codes, close payloads and the closing handshake (RFC 6455 5.5.1, 7). Our close
 * reasons read `reason=<name>;retry_ms=<n>`; the names come from base/reason.h. */
#ifndef HF_CODEC_WS_CLOSE_H
#define HF_CODEC_WS_CLOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum { HF_WS_CLOSE_PAYLOAD_BYTES_MAX = 125, HF_WS_CLOSE_REASON_BYTES_MAX = 123 };

/* May stand in a Close frame: 1000-1003, 1007-1014, 3000-4999. 1004, 1005, 1006 and 1015 may not. */
bool hf_ws_close_code_valid(unsigned code);

/* Builds a Close payload and returns its length. Code HF_WS_CODE_NONE gives an empty payload; any other code
 * must be valid (asserted). reason is cut to what is valid UTF-8 and fits 123 bytes. */
size_t hf_ws_close_payload(uint8_t out[HF_WS_CLOSE_PAYLOAD_BYTES_MAX], uint16_t code, struct hf_slice reason);

/* The same with `reason=<name>;retry_ms=<n>`. If a name is too long it is cut, retry_ms never. */
size_t hf_ws_close_payload_named(uint8_t out[HF_WS_CLOSE_PAYLOAD_BYTES_MAX], uint16_t code,
                                 struct hf_slice name, uint32_t retry_ms);

/* Reads such a reason back (client role). False when it has another form; retry_ms may be missing (0). */
bool hf_ws_close_parse_named(struct hf_slice reason, struct hf_slice *ret_name, uint32_t *ret_retry_ms);

/* Who said what in the closing handshake. Zero-initialised = open. */
struct hf_ws_closing {
    uint16_t sent_code, received_code; /* 0 = not yet; HF_WS_CODE_NONE = a Close without a code */
    bool peer_first;
};

enum hf_ws_closing_next {
    HF_WS_CLOSING_ECHO, /* the peer began: send hf_ws_closing_echo_code() in a Close, then end */
    HF_WS_CLOSING_DONE, /* both sides have sent their Close: the server ends TCP first */
};

/* Our Close goes out. False when one went out before: then nothing more may be sent at all. */
bool hf_ws_closing_sent(struct hf_ws_closing *closing, uint16_t code);
enum hf_ws_closing_next hf_ws_closing_received(struct hf_ws_closing *closing, uint16_t code);
/* The code that answers the peer's: the same one, HF_WS_CODE_NONE when it gave none (5.5.1). */
uint16_t hf_ws_closing_echo_code(const struct hf_ws_closing *closing);
/* What to report locally (7.1.5): the peer's code, HF_WS_CODE_NONE, or HF_WS_CODE_ABNORMAL when no Close came. */
uint16_t hf_ws_closing_final_code(const struct hf_ws_closing *closing);
static inline bool hf_ws_closing_open(const struct hf_ws_closing *closing)
{
    return closing->sent_code == 0 && closing->received_code == 0;
}

#endif
