/* codec/ws/rule.h - the rules a peer can break once the connection is open, each with the close code that
 * answers it (RFC 6455 7.4.1, RFC 7692). One table for code, name and text; names appear in logs. */
#ifndef HF_CODEC_WS_RULE_H
#define HF_CODEC_WS_RULE_H

#include <stdint.h>

enum {
    HF_WS_CODE_NORMAL = 1000,
    HF_WS_CODE_GOING_AWAY = 1001,
    HF_WS_CODE_PROTOCOL_ERROR = 1002,
    HF_WS_CODE_NONE = 1005,     /* local only: a Close frame without a code */
    HF_WS_CODE_ABNORMAL = 1006, /* local only: the connection ended without a Close frame */
    HF_WS_CODE_INVALID_DATA = 1007,
    HF_WS_CODE_TOO_BIG = 1009,
    HF_WS_CODE_INTERNAL = 1011,
    HF_WS_CODE_TRY_LATER = 1013,
};

#define HF_WS_RULE_MAP(X)                                                                                    \
    X(HF_WS_RULE_NONE, 0, "none", "no rule is broken")                                                       \
    X(HF_WS_RULE_RESERVED_BIT, 1002, "reserved_bit", "a reserved bit is set that no extension gave sense")   \
    X(HF_WS_RULE_RESERVED_OPCODE, 1002, "reserved_opcode", "the opcode is reserved")                         \
    X(HF_WS_RULE_CONTROL_FRAGMENTED, 1002, "control_fragmented", "a control frame may not be fragmented")    \
    X(HF_WS_RULE_CONTROL_TOO_LONG, 1002, "control_too_long", "a control frame holds at most 125 bytes")      \
    X(HF_WS_RULE_MASK_MISSING, 1002, "mask_missing", "a client must mask its frames")                        \
    X(HF_WS_RULE_MASK_FORBIDDEN, 1002, "mask_forbidden", "a server must not mask its frames")                \
    X(HF_WS_RULE_LENGTH_NOT_SHORTEST, 1002, "length_not_shortest", "the length is not in its shortest form") \
    X(HF_WS_RULE_LENGTH_TOO_LARGE, 1002, "length_too_large", "bit 63 of the length is set")                  \
    X(HF_WS_RULE_CONTINUATION_ALONE, 1002, "continuation_alone", "a continuation without a message begun")   \
    X(HF_WS_RULE_CONTINUATION_MISSING, 1002, "continuation_missing",                                         \
      "a new message within an unfinished one")                                                              \
    X(HF_WS_RULE_CLOSE_LENGTH, 1002, "close_length", "a Close payload of one byte")                          \
    X(HF_WS_RULE_CLOSE_CODE, 1002, "close_code", "this close code may not be sent")                          \
    X(HF_WS_RULE_CLOSE_UTF8, 1007, "close_utf8", "the close reason is not valid UTF-8")                      \
    X(HF_WS_RULE_TEXT_UTF8, 1007, "text_utf8", "a text message is not valid UTF-8")                          \
    X(HF_WS_RULE_DEFLATE_DATA, 1007, "deflate_data", "a compressed message does not inflate")                \
    X(HF_WS_RULE_MESSAGE_BYTES, 1009, "message_bytes", "the message is above message_bytes_max")             \
    X(HF_WS_RULE_FRAGMENTS, 1009, "fragments", "the message has more than fragments_max frames")             \
    X(HF_WS_RULE_NO_MEMORY, 1011, "no_memory", "no memory left for this message")

#define HF_WS_RULE_ENUM(id, code, name, text) id,
enum hf_ws_rule { HF_WS_RULE_MAP(HF_WS_RULE_ENUM) HF_WS_RULES };
#undef HF_WS_RULE_ENUM

struct hf_ws_rule_info {
    enum hf_ws_rule rule;
    uint16_t close_code; /* 0 for HF_WS_RULE_NONE */
    const char *name, *text;
};

const struct hf_ws_rule_info *hf_ws_rule_info(enum hf_ws_rule rule); /* never NULL; asserts the range */

#endif
