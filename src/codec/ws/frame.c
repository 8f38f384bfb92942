/* codec/ws/frame.c - HEAD -> DATA or CONTROL -> HEAD ..., CLOSED after a Close frame. decoder->rule, once set, is
 * final.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     |F|R|R|R| opcode|M| length 7    | length 16, or 64 (not shown)  |   RFC 6455 5.2
 *     | masking key, if M                                             |
 *
 * What each state holds in the union: HEAD the bytes of a cut head; all others `body`, with body.control non-NULL
 * only in CONTROL, LENT and CLOSED. */
#include "codec/ws/frame.h"

#include <string.h>

#include "base/assert.h"
#include "codec/ws/close.h"
#include "codec/ws/mask.h"
#include "codec/ws/utf8.h"

enum state {
    STATE_HEAD,
    STATE_DATA,    /* left_bytes > 0 of a data frame */
    STATE_CONTROL, /* left_bytes > 0 of a control frame */
    STATE_LENT,    /* the last event points into body.control, which goes back at the next call */
    STATE_CLOSED,
};

enum {
    FLAG_DEFLATE = 1,    /* agreed in the handshake */
    FLAG_MESSAGE = 2,    /* a message has begun and its final frame's head has not come */
    FLAG_DELIVERED = 4,  /* its first part went out */
    FLAG_TEXT = 8,       /* it is text */
    FLAG_COMPRESSED = 16 /* it is compressed */
};

enum {
    FIN_BIT = 0x80,
    RSV1_BIT = 0x40,
    RSV23_BITS = 0x30,
    OPCODE_BITS = 0x0f,
    CONTROL_BIT = 0x08,
    MASK_BIT = 0x80,
    LENGTH_BITS = 0x7f,
    LENGTH_16_MARK = 126,
    LENGTH_64_MARK = 127,
    MASK_BYTES = 4,
};

_Static_assert(sizeof(struct hf_ws_decoder) <= 40, "every idle connection holds one");

struct frame_head {
    size_t head_bytes; /* 0 = not all there yet */
    uint64_t payload_bytes;
    uint8_t key[MASK_BYTES];
};

void hf_ws_decoder_init(struct hf_ws_decoder *decoder, const struct hf_ws_config *config, bool deflate)
{
    HF_ASSERT(config->message_bytes_max > 0 && config->message_bytes_max <= UINT32_MAX / 2);
    HF_ASSERT(config->fragments_max > 0);
    *decoder = (struct hf_ws_decoder){.config = config, .flags = deflate ? FLAG_DEFLATE : 0};
}

static void give_control(struct hf_ws_decoder *decoder)
{
    if (decoder->state == STATE_CONTROL || decoder->state == STATE_LENT || decoder->state == STATE_CLOSED) {
        hf_ws_memory_give(&decoder->config->memory, decoder->body.control, HF_WS_CONTROL_BYTES_MAX);
        decoder->body.control = NULL;
    }
}

void hf_ws_decoder_deinit(struct hf_ws_decoder *decoder)
{
    give_control(decoder);
    decoder->state = STATE_CLOSED;
    decoder->body.control = NULL;
}

void hf_ws_decoder_set_config(struct hf_ws_decoder *decoder, const struct hf_ws_config *config)
{
    HF_ASSERT(config->role == decoder->config->role);
    decoder->config = config;
}

bool hf_ws_decoder_mid_message(const struct hf_ws_decoder *decoder)
{
    if (decoder->state == STATE_CLOSED) /* nothing that comes now counts */
        return false;
    return decoder->state == STATE_DATA || decoder->state == STATE_CONTROL ||
           (decoder->flags & FLAG_MESSAGE) != 0 || (decoder->state == STATE_HEAD && decoder->head.have > 0);
}

static hf_err fail(struct hf_ws_decoder *decoder, enum hf_ws_rule rule)
{
    give_control(decoder);
    decoder->rule = (uint8_t)rule;
    switch (hf_ws_rule_info(rule)->close_code) {
    case HF_WS_CODE_TOO_BIG: return HF_ERR_LIMIT;
    case HF_WS_CODE_INTERNAL: return HF_ERR_NOMEM;
    default: return HF_ERR_MALFORMED;
    }
}

/* The first byte: reserved bits, opcode, and whether a message may begin or go on here (5.2, 5.4, 5.5). */
static enum hf_ws_rule check_first_byte(const struct hf_ws_decoder *decoder, uint8_t byte)
{
    unsigned opcode = byte & OPCODE_BITS;
    bool begins = opcode == HF_WS_OP_TEXT || opcode == HF_WS_OP_BINARY;

    if (byte & RSV23_BITS)
        return HF_WS_RULE_RESERVED_BIT;
    if ((byte & RSV1_BIT) && !(begins && (decoder->flags & FLAG_DEFLATE))) /* RFC 7692 6: first frames only */
        return HF_WS_RULE_RESERVED_BIT;
    if (opcode & CONTROL_BIT) {
        if (opcode > HF_WS_OP_PONG)
            return HF_WS_RULE_RESERVED_OPCODE;
        return (byte & FIN_BIT) ? HF_WS_RULE_NONE : HF_WS_RULE_CONTROL_FRAGMENTED;
    }
    if (opcode > HF_WS_OP_BINARY)
        return HF_WS_RULE_RESERVED_OPCODE;
    if (begins && (decoder->flags & FLAG_MESSAGE))
        return HF_WS_RULE_CONTINUATION_MISSING;
    if (!begins && !(decoder->flags & FLAG_MESSAGE))
        return HF_WS_RULE_CONTINUATION_ALONE;
    return HF_WS_RULE_NONE;
}

/* message_bytes_max bounds the inflated size; deflate's stored blocks can make data a little longer. */
static uint64_t wire_bytes_max(const struct hf_ws_decoder *decoder, bool compressed)
{
    uint64_t bytes_max = decoder->config->message_bytes_max;

    return compressed ? bytes_max + bytes_max / 8 + 64 : bytes_max;
}

static enum hf_ws_rule check_limits(const struct hf_ws_decoder *decoder, uint8_t first_byte,
                                    uint64_t payload_bytes)
{
    bool goes_on = (first_byte & OPCODE_BITS) == HF_WS_OP_CONTINUATION;
    bool compressed = goes_on ? (decoder->flags & FLAG_COMPRESSED) != 0 : (first_byte & RSV1_BIT) != 0;
    uint64_t before = goes_on ? decoder->message_bytes : 0;
    uint64_t bytes_max = wire_bytes_max(decoder, compressed);

    if (payload_bytes > bytes_max || before + payload_bytes > bytes_max)
        return HF_WS_RULE_MESSAGE_BYTES;
    if (goes_on && decoder->fragments >= decoder->config->fragments_max)
        return HF_WS_RULE_FRAGMENTS;
    return HF_WS_RULE_NONE;
}

/* Judges what is there of a head, in the order of its bytes, so that the answer never depends on the cut. */
static enum hf_ws_rule read_head(const struct hf_ws_decoder *decoder, const uint8_t *at, size_t have,
                                 struct frame_head *ret_head)
{
    bool want_mask = decoder->config->role == HF_WS_SERVER;
    size_t n = 2;
    uint64_t length;
    enum hf_ws_rule rule = check_first_byte(decoder, at[0]);

    ret_head->head_bytes = 0;
    if (rule != HF_WS_RULE_NONE || have < n)
        return rule;
    if (((at[1] & MASK_BIT) != 0) != want_mask) /* 5.1 */
        return want_mask ? HF_WS_RULE_MASK_MISSING : HF_WS_RULE_MASK_FORBIDDEN;
    length = at[1] & LENGTH_BITS;
    if ((at[0] & CONTROL_BIT) && length > HF_WS_CONTROL_BYTES_MAX)
        return HF_WS_RULE_CONTROL_TOO_LONG;
    if (length >= LENGTH_16_MARK) {
        size_t length_bytes = length == LENGTH_16_MARK ? sizeof(uint16_t) : sizeof(uint64_t);

        if (have < n + length_bytes)
            return HF_WS_RULE_NONE;
        length = 0;
        for (size_t i = 0; i < length_bytes; i++)
            length = length << 8 | at[n + i];
        n += length_bytes;
        if (length <= (length_bytes == sizeof(uint16_t) ? HF_WS_CONTROL_BYTES_MAX : UINT16_MAX))
            return HF_WS_RULE_LENGTH_NOT_SHORTEST;
        if (length > INT64_MAX)
            return HF_WS_RULE_LENGTH_TOO_LARGE;
    }
    if (!(at[0] & CONTROL_BIT)) {
        rule = check_limits(decoder, at[0], length);
        if (rule != HF_WS_RULE_NONE)
            return rule;
    }
    if (want_mask) {
        if (have < n + MASK_BYTES)
            return HF_WS_RULE_NONE;
        memcpy(ret_head->key, at + n, MASK_BYTES);
        n += MASK_BYTES;
    }
    ret_head->head_bytes = n;
    ret_head->payload_bytes = length;
    return HF_WS_RULE_NONE;
}

/* A data frame's head is complete: the message begins or goes on. */
static void count_frame(struct hf_ws_decoder *decoder, uint32_t payload_bytes)
{
    unsigned opcode = decoder->frame & OPCODE_BITS;

    if (opcode != HF_WS_OP_CONTINUATION) {
        decoder->flags &= FLAG_DEFLATE;
        decoder->flags |= opcode == HF_WS_OP_TEXT ? FLAG_TEXT : 0;
        decoder->flags |= (decoder->frame & RSV1_BIT) ? FLAG_COMPRESSED : 0;
        decoder->message_bytes = 0;
        decoder->fragments = 0;
        decoder->utf8 = HF_WS_UTF8_ACCEPT;
    }
    if (decoder->frame & FIN_BIT)
        decoder->flags &= (uint8_t)~FLAG_MESSAGE;
    else
        decoder->flags |= FLAG_MESSAGE;
    decoder->message_bytes += payload_bytes;
    decoder->fragments++;
}

/* slice: unmasked payload of the current frame; empty only if the frame is. */
static hf_err deliver_part(struct hf_ws_decoder *decoder, uint8_t *slice, size_t slice_bytes,
                           struct hf_ws_event *ret_event)
{
    bool last = decoder->body.left_bytes == 0 && (decoder->frame & FIN_BIT) != 0;
    bool compressed = (decoder->flags & FLAG_COMPRESSED) != 0;
    bool text = (decoder->flags & FLAG_TEXT) != 0;

    if (text && !compressed) {
        decoder->utf8 = hf_ws_utf8_feed(decoder->utf8, slice, slice_bytes);
        if (decoder->utf8 == HF_WS_UTF8_REJECT || (last && decoder->utf8 != HF_WS_UTF8_ACCEPT))
            return fail(decoder, HF_WS_RULE_TEXT_UTF8);
    }
    if (slice_bytes == 0 && !last)
        return HF_OK; /* an empty fragment is counted and says nothing */
    *ret_event = (struct hf_ws_event){.type = HF_WS_PART,
                                      .first = (decoder->flags & FLAG_DELIVERED) == 0,
                                      .last = last,
                                      .text = text,
                                      .compressed = compressed,
                                      .slice = slice,
                                      .slice_bytes = slice_bytes};
    decoder->flags |= FLAG_DELIVERED;
    return HF_OK;
}

static hf_err deliver_close(struct hf_ws_decoder *decoder, uint8_t *payload, size_t payload_bytes,
                            struct hf_ws_event *ret_event)
{
    unsigned code;

    *ret_event = (struct hf_ws_event){.type = HF_WS_CLOSE, .code = HF_WS_CODE_NONE, .slice = payload};
    if (payload_bytes > 0) {
        if (payload_bytes < 2)
            return fail(decoder, HF_WS_RULE_CLOSE_LENGTH);
        code = (unsigned)payload[0] << 8 | payload[1];
        if (!hf_ws_close_code_valid(code))
            return fail(decoder, HF_WS_RULE_CLOSE_CODE);
        if (!hf_ws_utf8_valid(payload + 2, payload_bytes - 2))
            return fail(decoder, HF_WS_RULE_CLOSE_UTF8);
        ret_event->code = (uint16_t)code;
        ret_event->slice = payload + 2;
        ret_event->slice_bytes = payload_bytes - 2;
    }
    decoder->state = STATE_CLOSED; /* body.control, if any, goes back at the next call */
    return HF_OK;
}

/* payload lies in the input, or in body.control. */
static hf_err deliver_control(struct hf_ws_decoder *decoder, uint8_t *payload, size_t payload_bytes,
                              struct hf_ws_event *ret_event)
{
    unsigned opcode = decoder->frame & OPCODE_BITS;

    if (opcode == HF_WS_OP_CLOSE)
        return deliver_close(decoder, payload, payload_bytes, ret_event);
    *ret_event = (struct hf_ws_event){.type = opcode == HF_WS_OP_PING ? HF_WS_PING : HF_WS_PONG,
                                      .slice = payload,
                                      .slice_bytes = payload_bytes};
    if (decoder->body.control != NULL) {
        decoder->state = STATE_LENT;
    } else {
        decoder->state = STATE_HEAD;
        decoder->head.have = 0;
    }
    return HF_OK;
}

static void unmask(struct hf_ws_decoder *decoder, uint8_t *at, size_t bytes)
{
    uint8_t key[MASK_BYTES];

    if (decoder->config->role != HF_WS_SERVER)
        return;
    memcpy(key, decoder->body.key, MASK_BYTES);
    hf_ws_mask(at, bytes, key, 0);
    if (bytes == decoder->body.left_bytes)
        return;
    for (size_t i = 0; i < MASK_BYTES; i++) /* so that no phase has to be kept */
        decoder->body.key[i] = key[(bytes + i) % MASK_BYTES];
}

static hf_err take_data(struct hf_ws_decoder *decoder, uint8_t *in, size_t in_bytes, size_t *ret_taken_bytes,
                        struct hf_ws_event *ret_event)
{
    size_t bytes = in_bytes < decoder->body.left_bytes ? in_bytes : decoder->body.left_bytes;
    hf_err err;

    unmask(decoder, in, bytes);
    decoder->body.left_bytes -= (uint32_t)bytes;
    *ret_taken_bytes = bytes;
    err = deliver_part(decoder, in, bytes, ret_event);
    if (err == HF_OK && decoder->body.left_bytes == 0) {
        decoder->state = STATE_HEAD;
        decoder->head.have = 0;
    }
    return err;
}

/* A control frame that lies whole in the input is delivered from there; only a cut one is gathered. */
static hf_err take_control(struct hf_ws_decoder *decoder, uint8_t *in, size_t in_bytes,
                           size_t *ret_taken_bytes, struct hf_ws_event *ret_event)
{
    size_t bytes = in_bytes < decoder->body.left_bytes ? in_bytes : decoder->body.left_bytes;

    unmask(decoder, in, bytes);
    decoder->body.left_bytes -= (uint32_t)bytes;
    *ret_taken_bytes = bytes;
    if (decoder->body.control == NULL) {
        if (decoder->body.left_bytes == 0)
            return deliver_control(decoder, in, bytes, ret_event);
        decoder->body.control = hf_ws_memory_take(&decoder->config->memory, HF_WS_CONTROL_BYTES_MAX);
        if (decoder->body.control == NULL)
            return fail(decoder, HF_WS_RULE_NO_MEMORY);
    }
    HF_ASSERT(decoder->control_bytes + bytes <= HF_WS_CONTROL_BYTES_MAX);
    memcpy(decoder->body.control + decoder->control_bytes, in, bytes);
    decoder->control_bytes += (uint8_t)bytes;
    if (decoder->body.left_bytes > 0)
        return HF_OK;
    return deliver_control(decoder, decoder->body.control, decoder->control_bytes, ret_event);
}

/* The head is complete. An empty payload is delivered at once, it has no byte to wait for. */
static hf_err begin_frame(struct hf_ws_decoder *decoder, uint8_t first_byte, const struct frame_head *head,
                          uint8_t *payload, struct hf_ws_event *ret_event)
{
    hf_err err;

    decoder->frame = first_byte;
    decoder->body.control = NULL;
    decoder->body.left_bytes = (uint32_t)head->payload_bytes;
    memcpy(decoder->body.key, head->key, MASK_BYTES);
    if (first_byte & CONTROL_BIT) {
        decoder->state = STATE_CONTROL;
        decoder->control_bytes = 0;
        return head->payload_bytes > 0 ? HF_OK : deliver_control(decoder, payload, 0, ret_event);
    }
    count_frame(decoder, (uint32_t)head->payload_bytes);
    decoder->state = STATE_DATA;
    if (head->payload_bytes > 0)
        return HF_OK;
    err = deliver_part(decoder, payload, 0, ret_event);
    decoder->state = STATE_HEAD;
    decoder->head.have = 0;
    return err;
}

static hf_err take_head(struct hf_ws_decoder *decoder, uint8_t *in, size_t in_bytes, size_t *ret_taken_bytes,
                        struct hf_ws_event *ret_event)
{
    size_t before = decoder->head.have;
    struct frame_head head = {.key = {0}};
    const uint8_t *at = in;
    size_t have = in_bytes;
    enum hf_ws_rule rule;

    if (before > 0) { /* go on with a cut head; what is copied too much stays in the input */
        size_t more = HF_WS_HEAD_BYTES_MAX - before < in_bytes ? HF_WS_HEAD_BYTES_MAX - before : in_bytes;

        memcpy(decoder->head.bytes + before, in, more);
        at = decoder->head.bytes;
        have = before + more;
    }
    rule = read_head(decoder, at, have, &head);
    if (rule != HF_WS_RULE_NONE) {
        *ret_taken_bytes = 0;
        return fail(decoder, rule);
    }
    if (head.head_bytes > 0) {
        HF_ASSERT(head.head_bytes > before);
        *ret_taken_bytes = head.head_bytes - before;
        return begin_frame(decoder, at[0], &head, in + *ret_taken_bytes, ret_event);
    }
    HF_ASSERT(have < HF_WS_HEAD_BYTES_MAX);
    if (before == 0)
        memcpy(decoder->head.bytes, in, have);
    decoder->head.have = (uint8_t)have;
    *ret_taken_bytes = in_bytes;
    return HF_OK;
}

/* What nearly all traffic is: a short, unfragmented, uncompressed data frame that lies whole in the input. It leaves
 * no trace in the decoder, and costs a third of the long road. False: anything else, nothing was touched. */
static bool is_whole_short(const struct hf_ws_decoder *decoder, const uint8_t *in, size_t in_bytes)
{
    bool masked = decoder->config->role == HF_WS_SERVER;
    size_t length;

    if (decoder->state != STATE_HEAD || decoder->head.have > 0 || (decoder->flags & FLAG_MESSAGE) ||
        in_bytes < 2)
        return false;
    if (in[0] != (FIN_BIT | HF_WS_OP_TEXT) && in[0] != (FIN_BIT | HF_WS_OP_BINARY))
        return false;
    length = in[1] & LENGTH_BITS;
    return ((in[1] & MASK_BIT) != 0) == masked && length < LENGTH_16_MARK &&
           length <= decoder->config->message_bytes_max && 2 + (masked ? MASK_BYTES : 0) + length <= in_bytes;
}

static hf_err take_whole_short(struct hf_ws_decoder *decoder, uint8_t *in, size_t *ret_taken_bytes,
                               struct hf_ws_event *ret_event)
{
    bool text = (in[0] & OPCODE_BITS) == HF_WS_OP_TEXT;
    size_t length = in[1] & LENGTH_BITS;
    uint8_t *payload = in + 2;

    if (decoder->config->role == HF_WS_SERVER) {
        payload += MASK_BYTES;
        hf_ws_mask(payload, length, in + 2, 0);
    }
    *ret_taken_bytes = (size_t)(payload - in) + length;
    if (text && !hf_ws_utf8_valid(payload, length))
        return fail(decoder, HF_WS_RULE_TEXT_UTF8);
    *ret_event = (struct hf_ws_event){.type = HF_WS_PART,
                                      .first = true,
                                      .last = true,
                                      .text = text,
                                      .slice = payload,
                                      .slice_bytes = length};
    return HF_OK;
}

hf_err hf_ws_decoder_feed(struct hf_ws_decoder *decoder, uint8_t *in, size_t in_bytes,
                          size_t *ret_taken_bytes, struct hf_ws_event *ret_event)
{
    size_t n = 0; /* bytes taken so far */
    hf_err err = HF_OK;

    *ret_event = (struct hf_ws_event){.type = HF_WS_NEED_MORE};
    *ret_taken_bytes = 0;
    if (decoder->rule != HF_WS_RULE_NONE)
        return fail(decoder, (enum hf_ws_rule)decoder->rule);
    if (is_whole_short(decoder, in, in_bytes))
        return take_whole_short(decoder, in, ret_taken_bytes, ret_event);
    if (decoder->state == STATE_LENT) {
        give_control(decoder);
        decoder->state = STATE_HEAD;
        decoder->head.have = 0;
    }
    while (err == HF_OK && ret_event->type == HF_WS_NEED_MORE && n < in_bytes) {
        size_t taken = 0;

        switch (decoder->state) {
        case STATE_HEAD: err = take_head(decoder, in + n, in_bytes - n, &taken, ret_event); break;
        case STATE_DATA: err = take_data(decoder, in + n, in_bytes - n, &taken, ret_event); break;
        case STATE_CONTROL: err = take_control(decoder, in + n, in_bytes - n, &taken, ret_event); break;
        case STATE_CLOSED:
            give_control(decoder);
            taken = in_bytes - n;
            break;
        default: HF_UNREACHABLE();
        }
        n += taken;
    }
    if (err != HF_OK)
        *ret_event = (struct hf_ws_event){.type = HF_WS_NEED_MORE};
    HF_ASSERT(n <= in_bytes);
    *ret_taken_bytes = n;
    return err;
}
