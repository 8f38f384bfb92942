/* codec/ws/frame.h - cuts a WebSocket byte stream into message parts and control frames, wherever the network
 * cut it. Both roles. Source: RFC 6455 5 and 7; RSV1 as in RFC 7692 6.
 *
 * Zero-copy: the input is the caller's writable receive buffer, payload is unmasked there and events point
 * into it. A frame that lies whole in the input comes as one event. Parts of one message come in order; a
 * control frame may come between them. Text that is not compressed is UTF-8 checked here; compressed messages
 * come as they are, for deflate.h to inflate, check and count.
 *
 *     while (bytes > 0) {
 *         err = hf_ws_decoder_feed(&decoder, data, bytes, &taken, &event);
 *         data += taken, bytes -= taken;
 *         if (err != HF_OK) -> close with hf_ws_rule_info(decoder.rule)->close_code
 *         if (event.type == HF_WS_PART && event.first && event.last) -> a whole message
 *         else if (event.type == HF_WS_PART) -> hf_ws_assembly_add(), see assembly.h
 *     }
 */
#ifndef HF_CODEC_WS_FRAME_H
#define HF_CODEC_WS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "codec/ws/memory.h"
#include "codec/ws/rule.h"

enum {
    HF_WS_HEAD_BYTES_MAX = 14,         /* 2 + 8 length + 4 mask (5.2) */
    HF_WS_CONTROL_BYTES_MAX = 125,     /* 5.5 */
    HF_WS_MESSAGE_BYTES_MAX = 1 << 20, /* default of message_bytes_max */
    HF_WS_FRAGMENTS_MAX = 1024,        /* default of fragments_max */
    HF_WS_FRAGMENTS_MAX_LIMIT = 65535,
};

enum hf_ws_opcode {
    HF_WS_OP_CONTINUATION = 0,
    HF_WS_OP_TEXT = 1,
    HF_WS_OP_BINARY = 2,
    HF_WS_OP_CLOSE = 8,
    HF_WS_OP_PING = 9,
    HF_WS_OP_PONG = 10,
};

enum hf_ws_role { HF_WS_SERVER, HF_WS_CLIENT }; /* ours: a server expects masked frames, a client does not */

/* Shared by many decoders of one thread; immutable while used. */
struct hf_ws_config {
    enum hf_ws_role role;
    /* Payload bytes of a message, all its fragments together, 1..UINT32_MAX/2. For a compressed message this is
     * the bound of the inflated size; on the wire an eighth more is let through (stored blocks have overhead). */
    uint32_t message_bytes_max;
    uint16_t fragments_max; /* frames of one message, 1.. */
    struct hf_ws_memory
        memory; /* for a control frame that the network cut: 125 bytes until it is delivered */
};

enum hf_ws_event_type {
    HF_WS_NEED_MORE, /* all input was taken, nothing is complete */
    HF_WS_PART,      /* a piece of a message */
    HF_WS_PING,      /* payload is to be echoed in a Pong */
    HF_WS_PONG,
    HF_WS_CLOSE, /* checked code and reason; everything that follows is ignored */
};

struct hf_ws_event {
    enum hf_ws_event_type type;
    bool first;      /* PART: the message begins here */
    bool last;       /* PART: the message is complete with this part */
    bool text;       /* PART: a text message, else binary; the same in all parts */
    bool compressed; /* PART: RSV1 was set on the first frame; the same in all parts */
    uint16_t code;   /* CLOSE: the peer's code, HF_WS_CODE_NONE when it gave none */
    uint8_t *slice;  /* PART: payload, control: payload, CLOSE: the reason. Writable; borrowed until the next
                      * call on this decoder or the end of the input's life; may be anything when empty */
    size_t slice_bytes; /* a PART may be empty only with last */
};

struct hf_ws_decoder {                 /* 40 bytes; fields are the decoder's except that rule may be read */
    const struct hf_ws_config *config; /* borrows */
    union {
        struct {
            uint8_t bytes[HF_WS_HEAD_BYTES_MAX]; /* of a head that the network cut */
            uint8_t have;
        } head;
        struct {
            uint8_t *control;    /* owns: NULL or HF_WS_CONTROL_BYTES_MAX bytes */
            uint32_t left_bytes; /* of this frame's payload */
            uint8_t key[4];      /* rotated to the next payload byte */
        } body;
    };
    uint32_t message_bytes; /* announced so far by the frames of this message */
    uint16_t fragments;     /* frames so far of this message */
    uint8_t state;
    uint8_t flags;
    uint8_t utf8;
    uint8_t frame;         /* first byte of the current frame */
    uint8_t control_bytes; /* gathered in body.control */
    uint8_t rule;          /* enum hf_ws_rule; once set it is final */
};

/* deflate: permessage-deflate was agreed, so RSV1 has a sense on first frames. */
void hf_ws_decoder_init(struct hf_ws_decoder *decoder, const struct hf_ws_config *config, bool deflate);
void hf_ws_decoder_deinit(struct hf_ws_decoder *decoder); /* gives back what it holds; twice is harmless */

/* Other limits from the next frame on (before and after authentication). The role must stay, and so must the
 * memory while a control frame is incomplete. */
void hf_ws_decoder_set_config(struct hf_ws_decoder *decoder, const struct hf_ws_config *config);

/* Takes bytes from `in` up to the end of the first event they complete; unmasks what it takes in place.
 * *ret_taken_bytes gets the count taken (0..in_bytes), *ret_event the event. NEED_MORE means that all of `in`
 * was taken; after any other event call again with the rest. Returns HF_OK; HF_ERR_MALFORMED or HF_ERR_LIMIT
 * when the peer broke decoder->rule; HF_ERR_NOMEM when memory refused. Errors are final: later calls take
 * nothing and repeat them. After CLOSE all input is taken and ignored (5.5.1). */
hf_err hf_ws_decoder_feed(struct hf_ws_decoder *decoder, uint8_t *in, size_t in_bytes,
                          size_t *ret_taken_bytes, struct hf_ws_event *ret_event);

/* True between the first and the last frame of a message, or within a frame: the peer owes more bytes. */
bool hf_ws_decoder_mid_message(const struct hf_ws_decoder *decoder);

/* flags of a frame to send */
enum {
    HF_WS_FIN = 0x80,        /* the last or only frame of its message */
    HF_WS_COMPRESSED = 0x40, /* RSV1: first frame of a compressed message */
};

/* Writes a frame head and returns its length: 2, 4 or 10 bytes, plus 4 with a mask. The payload follows
 * unmasked, or with mask_key masked by hf_ws_mask(). mask_key: 4 fresh random bytes in the client role, NULL in
 * the server role. Asserts that a control frame is whole and at most 125 bytes. */
size_t hf_ws_encode_head(uint8_t out[HF_WS_HEAD_BYTES_MAX], enum hf_ws_opcode opcode, unsigned flags,
                         uint64_t payload_bytes, const uint8_t *mask_key);

#endif
