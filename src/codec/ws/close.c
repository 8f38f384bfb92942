/* codec/ws/close.c - see close.h. */
#include "codec/ws/close.h"

#include <string.h>

#include "base/assert.h"
#include "base/sb.h"
#include "codec/ws/rule.h"
#include "codec/ws/utf8.h"

#define NAME_KEY  "reason="
#define RETRY_KEY ";retry_ms="

bool hf_ws_close_code_valid(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

size_t hf_ws_close_payload(uint8_t out[HF_WS_CLOSE_PAYLOAD_BYTES_MAX], uint16_t code, struct hf_slice reason)
{
    size_t reason_bytes;

    if (code == HF_WS_CODE_NONE)
        return 0;
    HF_ASSERT(hf_ws_close_code_valid(code));
    out[0] = (uint8_t)(code >> 8);
    out[1] = (uint8_t)code;
    reason_bytes = hf_ws_utf8_prefix(reason, HF_WS_CLOSE_REASON_BYTES_MAX);
    if (reason_bytes > 0)
        memcpy(out + 2, reason.at, reason_bytes);
    return 2 + reason_bytes;
}

size_t hf_ws_close_payload_named(uint8_t out[HF_WS_CLOSE_PAYLOAD_BYTES_MAX], uint16_t code,
                                 struct hf_slice name, uint32_t retry_ms)
{
    char retry_text[sizeof RETRY_KEY + 10]; /* ten digits */
    char reason_text[HF_WS_CLOSE_REASON_BYTES_MAX + 1];
    struct hf_sb retry, reason;

    hf_sb_init(&retry, retry_text, sizeof retry_text);
    hf_sb_text(&retry, RETRY_KEY);
    hf_sb_u64(&retry, retry_ms);
    hf_sb_init(&reason, reason_text, sizeof reason_text);
    hf_sb_text(&reason, NAME_KEY);
    name.bytes = hf_ws_utf8_prefix(name, HF_WS_CLOSE_REASON_BYTES_MAX - reason.bytes - retry.bytes);
    hf_sb_slice(&reason, name);
    hf_sb_slice(&reason, hf_sb_done(&retry));
    return hf_ws_close_payload(out, code, hf_sb_done(&reason));
}

static bool skip_text(struct hf_slice *text, const char *prefix, size_t prefix_bytes)
{
    if (text->bytes < prefix_bytes || memcmp(text->at, prefix, prefix_bytes) != 0)
        return false;
    text->at += prefix_bytes;
    text->bytes -= prefix_bytes;
    return true;
}

bool hf_ws_close_parse_named(struct hf_slice reason, struct hf_slice *ret_name, uint32_t *ret_retry_ms)
{
    struct hf_slice rest = reason, name;
    const char *end;
    uint64_t retry_ms = 0;

    if (reason.bytes == 0 || !skip_text(&rest, NAME_KEY, sizeof NAME_KEY - 1) || rest.bytes == 0)
        return false;
    end = memchr(rest.at, ';', rest.bytes);
    name = (struct hf_slice){rest.at, end != NULL ? (size_t)(end - rest.at) : rest.bytes};
    rest.at += name.bytes;
    rest.bytes -= name.bytes;
    if (name.bytes == 0)
        return false;
    if (rest.bytes > 0 && (!skip_text(&rest, RETRY_KEY, sizeof RETRY_KEY - 1) ||
                           !hf_slice_to_u64(rest, &retry_ms) || retry_ms > UINT32_MAX))
        return false;
    *ret_name = name;
    *ret_retry_ms = (uint32_t)retry_ms;
    return true;
}

bool hf_ws_closing_sent(struct hf_ws_closing *closing, uint16_t code)
{
    HF_ASSERT(code == HF_WS_CODE_NONE || hf_ws_close_code_valid(code));
    if (closing->sent_code != 0)
        return false;
    closing->sent_code = code;
    return true;
}

enum hf_ws_closing_next hf_ws_closing_received(struct hf_ws_closing *closing, uint16_t code)
{
    if (closing->received_code == 0) {
        closing->received_code = code;
        closing->peer_first = closing->sent_code == 0;
    }
    return closing->sent_code == 0 ? HF_WS_CLOSING_ECHO : HF_WS_CLOSING_DONE;
}

uint16_t hf_ws_closing_echo_code(const struct hf_ws_closing *closing)
{
    HF_ASSERT(closing->received_code != 0);
    return closing->received_code;
}

uint16_t hf_ws_closing_final_code(const struct hf_ws_closing *closing)
{
    return closing->received_code != 0 ? closing->received_code : HF_WS_CODE_ABNORMAL;
}
