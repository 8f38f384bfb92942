/* adapter/ws/ws_link_testkit.h - for tests of this folder: a link that is no socket, the frames that its peer sends and those
 * that it hears. */
#ifndef HF_ADAPTER_WS_LINK_TESTKIT_H
#define HF_ADAPTER_WS_LINK_TESTKIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "adapter/link.h"
#include "codec/ws/frame.h"
#include "codec/ws/mask.h"

#define KIT static inline __attribute__((unused)) /* each program uses some of these */

/* ---- a link that is no socket ---- */

struct kit_link {
    struct hf_link link;                 /* first */
    char *out;                           /* everything written */
    size_t out_bytes, out_room, read_at; /* read_at: what kit_frame() has taken */
    size_t queued;                       /* settable: what the kernel has not taken */
    bool stuck;                          /* what is written from now on stays queued */
    uint64_t blocked_since_ms;
    hf_err fail; /* of the next writes */
    bool paused, finished, aborted, ended, moved;
    unsigned flushes;
};

KIT hf_err kit_write(struct hf_link *link, const void *data, size_t bytes)
{
    struct kit_link *self = (struct kit_link *)link;

    assert_false(self->aborted || self->ended || self->moved);
    if (self->fail != HF_OK || self->finished)
        return self->finished ? HF_ERR_CLOSED : self->fail;
    if (self->out_bytes + bytes > self->out_room) {
        self->out_room = 2 * (self->out_bytes + bytes);
        self->out = realloc(self->out, self->out_room);
        assert_non_null(self->out);
    }
    memcpy(self->out + self->out_bytes, data, bytes);
    self->out_bytes += bytes;
    if (self->stuck)
        self->queued += bytes;
    return HF_OK;
}

KIT hf_err kit_write_shared(struct hf_link *link, struct hf_shared *shared)
{
    return kit_write(link, shared->data, shared->bytes);
}

KIT void kit_flush(struct hf_link *link)
{
    ((struct kit_link *)link)->flushes++;
}

KIT size_t kit_queued_bytes(const struct hf_link *link)
{
    return ((const struct kit_link *)link)->queued;
}

KIT void kit_pause(struct hf_link *link)
{
    ((struct kit_link *)link)->paused = true;
}

KIT void kit_resume(struct hf_link *link)
{
    ((struct kit_link *)link)->paused = false;
}

KIT void kit_finish(struct hf_link *link)
{
    struct kit_link *self = (struct kit_link *)link;

    assert_false(self->aborted || self->ended || self->finished);
    self->finished = true;
    self->paused = false;
}

KIT void kit_abort(struct hf_link *link)
{
    struct kit_link *self = (struct kit_link *)link;

    assert_false(self->aborted || self->ended);
    self->aborted = true;
}

KIT uint64_t kit_blocked_since_ms(const struct hf_link *link)
{
    return ((const struct kit_link *)link)->blocked_since_ms;
}

KIT void kit_peer(const struct hf_link *link, char *out, size_t out_bytes)
{
    (void)link;
    snprintf(out, out_bytes, "192.0.2.7:4711");
}

static const struct hf_link_ops kit_link_ops = {
    .write = kit_write,
    .write_shared = kit_write_shared,
    .flush = kit_flush,
    .queued_bytes = kit_queued_bytes,
    .pause_read = kit_pause,
    .resume_read = kit_resume,
    .finish = kit_finish,
    .abort = kit_abort,
    .blocked_since_ms = kit_blocked_since_ms,
    .peer = kit_peer,
};

/* ---- what the peer sends ---- */

/* The bytes as they come from the network, in pieces of at most chunk_bytes. Heap copies of exactly that size. */
KIT void kit_feed_chunks(struct kit_link *link, const void *data, size_t bytes, size_t chunk_bytes)
{
    for (size_t at = 0; at < bytes && !link->aborted && !link->ended && !link->moved;) {
        size_t count = HF_MIN(chunk_bytes, bytes - at);
        uint8_t *copy = malloc(count);

        memcpy(copy, (const uint8_t *)data + at, count);
        link->link.handler->on_data(&link->link, copy, count);
        free(copy);
        at += count;
    }
}

KIT void kit_feed(struct kit_link *link, const void *data, size_t bytes)
{
    kit_feed_chunks(link, data, bytes, bytes ? bytes : 1);
}

struct kit_wire { /* frames of a client, masked */
    uint8_t at[200000];
    size_t bytes;
};

KIT void kit_add_bytes(struct kit_wire *wire, unsigned opcode, unsigned flags, const void *payload,
                       size_t bytes)
{
    static const uint8_t key[4] = {0x12, 0x34, 0x56, 0x78};

    assert_true(wire->bytes + bytes + HF_WS_HEAD_BYTES_MAX <= sizeof(wire->at));
    wire->bytes += hf_ws_encode_head(wire->at + wire->bytes, (enum hf_ws_opcode)opcode, flags, bytes, key);
    if (bytes > 0)
        memcpy(wire->at + wire->bytes, payload, bytes);
    hf_ws_mask(wire->at + wire->bytes, bytes, key, 0);
    wire->bytes += bytes;
}

KIT void kit_add(struct kit_wire *wire, unsigned opcode, unsigned flags, const char *payload)
{
    kit_add_bytes(wire, opcode, flags, payload, strlen(payload));
}

KIT void kit_say(struct kit_link *link, unsigned opcode, const void *payload, size_t bytes)
{
    static struct kit_wire wire;

    wire.bytes = 0;
    kit_add_bytes(&wire, opcode, HF_WS_FIN, payload, bytes);
    kit_feed(link, wire.at, wire.bytes);
}

KIT void kit_text(struct kit_link *link, const char *text)
{
    kit_say(link, HF_WS_OP_TEXT, text, strlen(text));
}

KIT void kit_close(struct kit_link *link, uint16_t code, const char *reason)
{
    uint8_t payload[125] = {(uint8_t)(code >> 8), (uint8_t)code};

    memcpy(payload + 2, reason, strlen(reason));
    kit_say(link, HF_WS_OP_CLOSE, payload, code ? 2 + strlen(reason) : 0);
}

KIT void kit_end(struct kit_link *link, enum hf_link_end end)
{
    link->link.handler->on_end(&link->link, end, 0);
    link->ended = true;
}

/* ---- what the peer hears ---- */

struct kit_frame {
    unsigned opcode, flags;
    char *payload; /* NUL behind it */
    size_t bytes;
};

/* The next frame; false when nothing more was written. The payload lives until the next call. */
KIT bool kit_next(struct kit_link *link, struct kit_frame *ret_frame)
{
    static char payload[1 << 20];
    const uint8_t *at = (const uint8_t *)link->out + link->read_at;
    size_t left = link->out_bytes - link->read_at, head = 2, bytes;

    *ret_frame = (struct kit_frame){.payload = payload};
    if (left == 0)
        return false;
    assert_true(left >= 2);
    assert_false(at[1] & 0x80); /* a server never masks */
    bytes = at[1];
    if (bytes == 126) {
        bytes = (size_t)at[2] << 8 | at[3];
        head = 4;
    } else if (bytes == 127) {
        bytes = 0;
        for (unsigned i = 0; i < 8; i++)
            bytes = bytes << 8 | at[2 + i];
        head = 10;
    }
    assert_true(head + bytes <= left && bytes < sizeof(payload));
    memcpy(payload, at + head, bytes);
    payload[bytes] = '\0';
    *ret_frame = (struct kit_frame){at[0] & 15u, at[0] & 0xf0u, payload, bytes};
    link->read_at += head + bytes;
    return true;
}

KIT void kit_expect(struct kit_link *link, unsigned opcode, const char *payload)
{
    struct kit_frame frame;

    assert_true(kit_next(link, &frame));
    assert_int_equal(frame.opcode, opcode);
    assert_string_equal(frame.payload, payload);
}

KIT void kit_expect_text(struct kit_link *link, const char *text)
{
    kit_expect(link, HF_WS_OP_TEXT, text);
}

/* The next frame is text that holds this. */
KIT void kit_expect_part(struct kit_link *link, const char *part)
{
    struct kit_frame frame;

    assert_true(kit_next(link, &frame));
    assert_int_equal(frame.opcode, HF_WS_OP_TEXT);
    if (strstr(frame.payload, part) == NULL)
        fail_msg("'%s' is not in %s", part, frame.payload);
}

KIT void kit_expect_nothing(struct kit_link *link)
{
    struct kit_frame frame;

    if (kit_next(link, &frame))
        fail_msg("opcode %u: %s", frame.opcode, frame.payload);
}

/* The next frame is a Close with this code and reason; code 0: without both. */
KIT void kit_expect_close(struct kit_link *link, uint16_t code, const char *reason)
{
    struct kit_frame frame;

    assert_true(kit_next(link, &frame));
    if (frame.opcode != HF_WS_OP_CLOSE)
        fail_msg("opcode %u: %s", frame.opcode, frame.payload);
    assert_int_equal(frame.bytes, code ? 2 + strlen(reason) : 0);
    if (code == 0)
        return;
    assert_int_equal((uint8_t)frame.payload[0] << 8 | (uint8_t)frame.payload[1], code);
    assert_string_equal(frame.payload + 2, reason);
    kit_expect_nothing(link); /* nothing follows a Close */
}

#endif
