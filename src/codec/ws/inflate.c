/* codec/ws/inflate.c - the decompressor (RFC 7692 7.2.2). BODY takes the peer's bytes, TAIL the four bytes that the
 * sender removed; the message is complete when zlib stands between two blocks after them. */
#include <limits.h>
#include <string.h>

#include "base/assert.h"
#include "codec/ws/deflate.h"
#include "codec/ws/utf8.h"
#include "codec/ws/zmem.h"

enum {
    TAIL_BYTES = 4,
    STATE_BYTES_MAX = 12288,        /* zlib's fixed structure and our heads, generously */
    DATA_TYPE_BETWEEN_BLOCKS = 128, /* zlib.h, inflate(): set in data_type after an end of block */
};

enum phase { PHASE_IDLE, PHASE_BODY, PHASE_TAIL };

struct hf_ws_inflater {
    z_stream stream;
    struct hf_ws_zmem zmem;
    uint32_t message_bytes, message_bytes_max; /* inflated */
    uint8_t phase, utf8, tail_bytes_left;
    bool text;
    bool window_used;  /* since the last reset */
    bool any_input;    /* in this message */
    bool stream_ended; /* the last byte taken ended a block with BFINAL set */
};

size_t hf_ws_inflater_bytes_max(unsigned window_bits)
{
    return sizeof(struct hf_ws_inflater) + ((size_t)1 << window_bits) + STATE_BYTES_MAX;
}

hf_err hf_ws_inflater_new(const struct hf_ws_memory *memory, unsigned window_bits,
                          struct hf_ws_inflater **ret_inflater)
{
    struct hf_ws_inflater *inflater;
    int code;

    if (window_bits < HF_WS_DEFLATE_BITS_MIN || window_bits > HF_WS_DEFLATE_BITS_MAX)
        return HF_ERR_INVALID;
    inflater = hf_ws_memory_take(memory, sizeof *inflater);
    if (inflater == NULL)
        return HF_ERR_NOMEM;
    memset(inflater, 0, sizeof *inflater);
    inflater->zmem = (struct hf_ws_zmem){
        .memory = *memory, .bytes_max = hf_ws_inflater_bytes_max(window_bits) - sizeof *inflater};
    hf_ws_zmem_attach(&inflater->zmem, &inflater->stream);
    code = inflateInit2(&inflater->stream, -(int)window_bits);
    if (code != Z_OK) {
        HF_ASSERT(code == Z_MEM_ERROR);
        hf_ws_memory_give(memory, inflater, sizeof *inflater);
        return HF_ERR_NOMEM;
    }
    *ret_inflater = inflater;
    return HF_OK;
}

void hf_ws_inflater_free(struct hf_ws_inflater *inflater)
{
    struct hf_ws_memory memory;

    if (inflater == NULL)
        return;
    memory = inflater->zmem.memory;
    (void)inflateEnd(&inflater->stream);
    HF_ASSERT(inflater->zmem.used_bytes == 0);
    hf_ws_memory_give(&memory, inflater, sizeof *inflater);
}

void hf_ws_inflater_begin(struct hf_ws_inflater *inflater, bool takeover, bool text,
                          uint32_t message_bytes_max)
{
    /* A message given up in the middle left zlib within a block: its window is of no use to anyone. */
    if (inflater->window_used && (!takeover || inflater->phase != PHASE_IDLE)) {
        int code = inflateReset(&inflater->stream);

        HF_ASSERT(code == Z_OK);
        inflater->window_used = false;
    }
    inflater->phase = PHASE_BODY;
    inflater->text = text;
    inflater->utf8 = HF_WS_UTF8_ACCEPT;
    inflater->message_bytes = 0;
    inflater->message_bytes_max = message_bytes_max;
    inflater->any_input = false;
    inflater->stream_ended = false;
}

/* Counts and checks what came out. The part within the limit is judged first, so that which rule is found broken
 * does not depend on how much came out at once. */
static enum hf_ws_rule check_output(struct hf_ws_inflater *inflater, const uint8_t *out, size_t bytes)
{
    size_t left = inflater->message_bytes_max - inflater->message_bytes;
    size_t within = bytes < left ? bytes : left;

    if (inflater->text) {
        inflater->utf8 = hf_ws_utf8_feed(inflater->utf8, out, within);
        if (inflater->utf8 == HF_WS_UTF8_REJECT)
            return HF_WS_RULE_TEXT_UTF8;
    }
    inflater->message_bytes += (uint32_t)within;
    return bytes > left ? HF_WS_RULE_MESSAGE_BYTES : HF_WS_RULE_NONE;
}

/* One call of zlib with what stream->next_in holds. */
static hf_err step(struct hf_ws_inflater *inflater, enum hf_ws_rule *ret_rule)
{
    z_stream *stream = &inflater->stream;
    uInt in_before = stream->avail_in;
    uint8_t *out = stream->next_out;
    int code;

    inflater->window_used = true;
    code = inflate(stream, Z_SYNC_FLUSH);
    *ret_rule = check_output(inflater, out, (size_t)(stream->next_out - out));
    if (*ret_rule != HF_WS_RULE_NONE)
        return *ret_rule == HF_WS_RULE_MESSAGE_BYTES ? HF_ERR_LIMIT : HF_ERR_MALFORMED;
    switch (code) {
    case Z_OK:
    case Z_BUF_ERROR: /* nothing to do with this little input or room */
        if (stream->avail_in < in_before)
            inflater->stream_ended = false;
        return HF_OK;
    case Z_STREAM_END: /* BFINAL ends a block as any other does (7.2.3.4); the window goes on */
        code = inflateResetKeep(stream);
        HF_ASSERT(code == Z_OK);
        inflater->stream_ended = true;
        return HF_OK;
    case Z_MEM_ERROR: *ret_rule = HF_WS_RULE_NO_MEMORY; return HF_ERR_NOMEM;
    default: *ret_rule = HF_WS_RULE_DEFLATE_DATA; return HF_ERR_MALFORMED;
    }
}

/* Nothing in a message, or a peer that ended it with BFINAL and left out the padding: no tail was removed. */
static bool needs_tail(const struct hf_ws_inflater *inflater)
{
    return inflater->any_input && !inflater->stream_ended;
}

/* zlib takes from *in until it is empty or the output is full. */
static hf_err inflate_body(struct hf_ws_inflater *inflater, struct hf_slice *in, enum hf_ws_rule *ret_rule)
{
    z_stream *stream = &inflater->stream;
    hf_err err;

    inflater->any_input |= in->bytes > 0;
    stream->next_in = (Bytef *)(uintptr_t)in->at; /* zlib's type lacks a const, it does not write */
    stream->avail_in = (uInt)in->bytes;
    do { /* also without input: output may wait in zlib */
        err = step(inflater, ret_rule);
    } while (err == HF_OK && stream->avail_in > 0 && stream->avail_out > 0);
    if (in->bytes > 0) /* an absent slice has no address to move */
        in->at += in->bytes - stream->avail_in;
    in->bytes = stream->avail_in;
    return err;
}

static hf_err inflate_tail(struct hf_ws_inflater *inflater, enum hf_ws_rule *ret_rule)
{
    static const uint8_t tail[TAIL_BYTES] = {0x00, 0x00, 0xff, 0xff};
    z_stream *stream = &inflater->stream;
    hf_err err;

    stream->next_in = (Bytef *)(uintptr_t)(tail + TAIL_BYTES - inflater->tail_bytes_left);
    stream->avail_in = inflater->tail_bytes_left;
    do {
        err = step(inflater, ret_rule);
    } while (err == HF_OK && stream->avail_in > 0 && stream->avail_out > 0);
    inflater->tail_bytes_left = (uint8_t)stream->avail_in;
    if (err == HF_OK && stream->avail_out > 0 && !(stream->data_type & DATA_TYPE_BETWEEN_BLOCKS)) {
        *ret_rule = HF_WS_RULE_DEFLATE_DATA; /* the peer's data stopped within a block */
        return HF_ERR_MALFORMED;
    }
    return err;
}

static hf_err inflate_some(struct hf_ws_inflater *inflater, struct hf_slice *in, bool last, bool *ret_done,
                           enum hf_ws_rule *ret_rule)
{
    z_stream *stream = &inflater->stream;
    hf_err err = HF_OK;

    if (inflater->phase == PHASE_BODY) {
        err = inflate_body(inflater, in, ret_rule);
        if (err != HF_OK || stream->avail_out == 0 || !last)
            return err;
        if (needs_tail(inflater)) {
            inflater->phase = PHASE_TAIL;
            inflater->tail_bytes_left = TAIL_BYTES;
        }
    }
    if (inflater->phase == PHASE_TAIL) {
        err = inflate_tail(inflater, ret_rule);
        if (err != HF_OK || stream->avail_out == 0)
            return err;
    }
    inflater->phase = PHASE_IDLE;
    if (inflater->text && inflater->utf8 != HF_WS_UTF8_ACCEPT) {
        *ret_rule = HF_WS_RULE_TEXT_UTF8;
        return HF_ERR_MALFORMED;
    }
    *ret_done = true;
    return HF_OK;
}

hf_err hf_ws_inflater_feed(struct hf_ws_inflater *inflater, struct hf_slice *in, bool last, void *out,
                           size_t out_bytes, size_t *ret_bytes, bool *ret_done, enum hf_ws_rule *ret_rule)
{
    uint32_t left = inflater->message_bytes_max - inflater->message_bytes;
    size_t room =
        out_bytes <= left ? out_bytes : (size_t)left + 1; /* one more shows that the limit is broken */
    hf_err err;

    HF_ASSERT(inflater->phase != PHASE_IDLE && out_bytes > 0 && in->bytes <= UINT_MAX);
    *ret_bytes = 0;
    *ret_done = false;
    *ret_rule = HF_WS_RULE_NONE;
    inflater->stream.next_out = out;
    inflater->stream.avail_out = (uInt)room;
    err = inflate_some(inflater, in, last, ret_done, ret_rule);
    if (err == HF_OK)
        *ret_bytes = room - inflater->stream.avail_out;
    return err;
}
