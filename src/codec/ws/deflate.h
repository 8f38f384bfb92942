/* codec/ws/deflate.h - permessage-deflate (RFC 7692): negotiation of its four parameters, and messages through
 * zlib. Default: no context takeover in both directions, one compressor and one decompressor per worker, reset
 * between messages. With context takeover a connection needs contexts of its own; hf_ws_deflater_bytes_max()
 * and hf_ws_inflater_bytes_max() say what that costs at most (measured at 15 bits and memory level 8 with zlib
 * 1.2.13: 262 and 39 KiB).
 *
 * zlib cannot compress raw deflate with a window of 8 bits. A side that agreed to send with 8 bits sends all
 * its messages uncompressed, which the RFC allows (6). */
#ifndef HF_CODEC_WS_DEFLATE_H
#define HF_CODEC_WS_DEFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/sb.h"
#include "base/slice.h"
#include "codec/ws/memory.h"
#include "codec/ws/rule.h"

enum {
    HF_WS_DEFLATE_BITS_MIN = 8,
    HF_WS_DEFLATE_BITS_MAX = 15,
    HF_WS_DEFLATE_SAVING_PERCENT_MIN = 10, /* kept only if it saves that much */
    HF_WS_DEFLATE_ROOM_BYTES = 8,          /* room that a compressor's output needs beyond what it returns */
    HF_WS_DEFLATE_LEVEL = 6,               /* defaults for hf_ws_deflater_new */
    HF_WS_DEFLATE_MEM_LEVEL = 8,
};

/* What a listener wants, what a client offers, and what both agreed on. */
struct hf_ws_deflate {
    bool on;
    bool server_no_context_takeover, client_no_context_takeover;
    uint8_t server_max_window_bits, client_max_window_bits; /* 8..15 */
    bool server_max_window_bits_asked; /* agreed, server: the offer named it, so the answer must (7.1.2.1) */
};

/* Compression on, no takeover, 15 bits: what a listener that allows compression uses. */
#define HF_WS_DEFLATE_DEFAULT                                                 \
    ((struct hf_ws_deflate){.on = true,                                       \
                            .server_no_context_takeover = true,               \
                            .client_no_context_takeover = true,               \
                            .server_max_window_bits = HF_WS_DEFLATE_BITS_MAX, \
                            .client_max_window_bits = HF_WS_DEFLATE_BITS_MAX})

/* Server: reads one Sec-WebSocket-Extensions value and takes the first permessage-deflate offer that is valid and
 * that we can serve under `wanted` (on = false: none). *agreed is left alone when it is on already (an offer in an
 * earlier line won) or when no offer fits. Offers with unknown, repeated or invalid parameters are declined; other
 * extensions are passed over. HF_ERR_MALFORMED: not of the form of RFC 6455 9.1, to be refused with 400. */
hf_err hf_ws_deflate_answer(struct hf_slice value, const struct hf_ws_deflate *wanted,
                            struct hf_ws_deflate *agreed);
/* Server: the response header's value, "permessage-deflate; server_no_context_takeover; ...". */
void hf_ws_deflate_write_answer(const struct hf_ws_deflate *agreed, struct hf_sb *out);

/* Client: the offer's value. */
void hf_ws_deflate_write_offer(const struct hf_ws_deflate *offered, struct hf_sb *out);
/* Client: reads the response value. HF_OK and *agreed; HF_ERR_MALFORMED when it is malformed, names an extension
 * that was not offered, names ours twice (*agreed is on already), or has parameters the offer does not allow:
 * fail the connection. */
hf_err hf_ws_deflate_check_answer(struct hf_slice value, const struct hf_ws_deflate *offered,
                                  struct hf_ws_deflate *agreed);

/* The largest compressed size that still saves HF_WS_DEFLATE_SAVING_PERCENT_MIN. */
static inline size_t hf_ws_deflate_kept_bytes_max(size_t message_bytes)
{
    return message_bytes - (message_bytes + 9) / HF_WS_DEFLATE_SAVING_PERCENT_MIN;
}

/* ---- compressor ---- */

struct hf_ws_deflater; /* one LZ77 window of a fixed size */

/* What one costs at most, all in. window_bits 9..15, mem_level 1..9. */
size_t hf_ws_deflater_bytes_max(unsigned window_bits, unsigned mem_level);

/* window_bits 9..15, level 1..9, mem_level 1..9. memory is borrowed and must outlive it. HF_ERR_NOMEM;
 * HF_ERR_UNSUPPORTED for 8 bits; HF_ERR_INVALID for other values. */
hf_err hf_ws_deflater_new(const struct hf_ws_memory *memory, unsigned window_bits, unsigned level,
                          unsigned mem_level, struct hf_ws_deflater **ret_deflater);
void hf_ws_deflater_free(struct hf_ws_deflater *deflater); /* NULL is harmless */
unsigned hf_ws_deflater_window_bits(const struct hf_ws_deflater *deflater);

/* Compresses one whole message; the result is the payload to send with HF_WS_COMPRESSED, without the tail
 * 00 00 ff ff. out holds out_bytes; the result is at most out_bytes - HF_WS_DEFLATE_ROOM_BYTES. HF_ERR_LIMIT: it
 * does not fit, send the message uncompressed (give hf_ws_deflate_kept_bytes_max() + HF_WS_DEFLATE_ROOM_BYTES to
 * have the saving rule checked on the way). takeover false: forgets the window before the message. After
 * HF_ERR_LIMIT it is forgotten too, which is right in both modes: the peer's window only has more than we use. */
hf_err hf_ws_deflater_message(struct hf_ws_deflater *deflater, bool takeover, struct hf_slice message,
                              void *out, size_t out_bytes, size_t *ret_bytes);

/* ---- decompressor ---- */

struct hf_ws_inflater;

size_t hf_ws_inflater_bytes_max(unsigned window_bits);

/* window_bits 8..15, at least what the peer may use; a shared one needs 15. Errors as hf_ws_deflater_new. */
hf_err hf_ws_inflater_new(const struct hf_ws_memory *memory, unsigned window_bits,
                          struct hf_ws_inflater **ret_inflater);
void hf_ws_inflater_free(struct hf_ws_inflater *inflater); /* NULL is harmless */

/* Begins a message: counts from zero against message_bytes_max, checks UTF-8 if text. takeover false: forgets the
 * window. A shared inflater must finish (or give up) one message before it begins another, so a message that came
 * in pieces is first put together compressed (assembly.h). */
void hf_ws_inflater_begin(struct hf_ws_inflater *inflater, bool takeover, bool text,
                          uint32_t message_bytes_max);

/* Takes from *in (advanced by what was taken) and writes at most out_bytes to out (out_bytes >= 1). last: *in
 * holds the end of the message. Call until *ret_done is set for a last slice, or until *in is empty and less than
 * out_bytes came out for another. *ret_done: the message is complete.
 * HF_ERR_MALFORMED or HF_ERR_LIMIT: *ret_rule is broken (DEFLATE_DATA, TEXT_UTF8, MESSAGE_BYTES); HF_ERR_NOMEM.
 * After an error begin again before the next call. At most message_bytes_max bytes come out before an error, but
 * there must be room until done: one buffer for a whole message needs message_bytes_max + 1 bytes. */
hf_err hf_ws_inflater_feed(struct hf_ws_inflater *inflater, struct hf_slice *in, bool last, void *out,
                           size_t out_bytes, size_t *ret_bytes, bool *ret_done, enum hf_ws_rule *ret_rule);

#endif
