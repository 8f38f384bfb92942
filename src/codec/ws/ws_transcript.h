/* codec/ws/ws_transcript.h - test support: feeds a byte stream to a decoder in chunks and writes down what it says,
 * in a form that must not depend on the chunks. Used by tests and fuzz targets, not by the library.
 *
 * One line for each whole message and control frame, `t`, `b`, `tz`, `bz`, `ping`, `pong`, `close 1000`, then
 * " length:payload"; at the end `!rule` when the peer broke one, or `...` when it owes more bytes. */
#ifndef HF_CODEC_WS_TRANSCRIPT_H
#define HF_CODEC_WS_TRANSCRIPT_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "codec/ws/assembly.h"
#include "codec/ws/frame.h"

struct ws_heap { /* an allocator that counts and can refuse */
    size_t live_bytes, live_blocks, peak_bytes;
    unsigned calls, fail_at; /* fail_at: the n-th taking call gets nothing; 0 = none */
};

static inline void *ws_heap_resize(void *user, void *old, size_t old_bytes, size_t new_bytes)
{
    struct ws_heap *heap = user;
    void *at;

    HF_ASSERT((old == NULL) == (old_bytes == 0) && old_bytes <= heap->live_bytes);
    if (new_bytes == 0) {
        free(old);
        heap->live_blocks -= old != NULL;
        heap->live_bytes -= old_bytes;
        return NULL;
    }
    if (++heap->calls == heap->fail_at)
        return NULL;
    at = malloc(new_bytes); /* never in place, so that a stale pointer is seen */
    HF_ASSERT(at != NULL);
    if (old != NULL)
        memcpy(at, old, old_bytes < new_bytes ? old_bytes : new_bytes);
    free(old);
    heap->live_blocks += old == NULL;
    heap->live_bytes += new_bytes - old_bytes;
    if (heap->live_bytes > heap->peak_bytes)
        heap->peak_bytes = heap->live_bytes;
    return at;
}

static inline struct hf_ws_memory ws_heap_memory(struct ws_heap *heap)
{
    return (struct hf_ws_memory){ws_heap_resize, heap};
}

struct ws_transcript {
    char *at; /* NUL-terminated, owns */
    size_t bytes, room;
    struct ws_heap heap;
    hf_err err;
};

static inline void ws_transcript_add(struct ws_transcript *out, const void *data, size_t bytes)
{
    if (out->bytes + bytes + 1 > out->room) {
        out->room = 2 * (out->bytes + bytes) + 256;
        out->at = realloc(out->at, out->room);
        HF_ASSERT(out->at != NULL);
    }
    if (bytes > 0)
        memcpy(out->at + out->bytes, data, bytes);
    out->bytes += bytes;
    out->at[out->bytes] = '\0';
}

static inline void ws_transcript_line(struct ws_transcript *out, const char *head, const void *data,
                                      size_t bytes)
{
    char text[64];
    int n = snprintf(text, sizeof text, "%s %zu:", head, bytes);

    ws_transcript_add(out, text, (size_t)n);
    ws_transcript_add(out, data, bytes);
    ws_transcript_add(out, "\n", 1);
}

static inline void ws_transcript_free(struct ws_transcript *out)
{
    free(out->at);
}

static inline bool ws_transcript_equal(const struct ws_transcript *a, const struct ws_transcript *b)
{
    return a->bytes == b->bytes && memcmp(a->at, b->at, a->bytes) == 0 && a->err == b->err;
}

struct ws_listener {
    struct hf_ws_assembly *assembly;
    bool open; /* a part without `last` came */
    bool text, compressed;
};

static inline void ws_on_event(struct ws_transcript *out, struct ws_listener *listener,
                               const struct hf_ws_memory *memory, const struct hf_ws_event *event)
{
    char head[16];

    switch (event->type) {
    case HF_WS_NEED_MORE: return;
    case HF_WS_PING: ws_transcript_line(out, "ping", event->slice, event->slice_bytes); return;
    case HF_WS_PONG: ws_transcript_line(out, "pong", event->slice, event->slice_bytes); return;
    case HF_WS_CLOSE:
        (void)snprintf(head, sizeof head, "close %u", (unsigned)event->code);
        ws_transcript_line(out, head, event->slice, event->slice_bytes);
        return;
    case HF_WS_PART: break;
    }
    HF_ASSERT(event->first == !listener->open);
    HF_ASSERT(event->slice_bytes > 0 || event->last);
    HF_ASSERT(event->first || (event->text == listener->text && event->compressed == listener->compressed));
    listener->open = !event->last;
    listener->text = event->text;
    listener->compressed = event->compressed;
    HF_ASSERT(hf_ws_assembly_add(&listener->assembly, memory, UINT32_MAX / 2, event->slice,
                                 event->slice_bytes) == HF_OK);
    if (event->last) {
        struct hf_slice message = hf_ws_assembly_slice(listener->assembly);

        (void)snprintf(head, sizeof head, "%c%s", event->text ? 't' : 'b', event->compressed ? "z" : "");
        ws_transcript_line(out, head, message.at, message.bytes);
        hf_ws_assembly_clear(&listener->assembly, memory);
    }
}

/* base: role and limits; its memory is not used. Each chunk is a block of its own, so that a sanitizer sees a
 * read behind it. */
static inline struct ws_transcript ws_feed_chunked(const struct hf_ws_config *base, bool deflate,
                                                   const void *data, size_t bytes, size_t chunk_bytes)
{
    struct ws_transcript out = {.err = HF_OK};
    struct hf_ws_config config = *base;
    struct ws_listener listener = {.assembly = NULL};
    struct hf_ws_decoder decoder;
    struct hf_ws_event event;

    config.memory = ws_heap_memory(&out.heap);
    hf_ws_decoder_init(&decoder, &config, deflate);
    ws_transcript_add(&out, "", 0);
    for (size_t at = 0; at < bytes && out.err == HF_OK; at += chunk_bytes) {
        size_t chunk = bytes - at < chunk_bytes ? bytes - at : chunk_bytes;
        uint8_t *copy = malloc(chunk);

        HF_ASSERT(copy != NULL);
        memcpy(copy, (const uint8_t *)data + at, chunk);
        for (size_t n = 0; n < chunk && out.err == HF_OK;) {
            size_t taken;

            out.err = hf_ws_decoder_feed(&decoder, copy + n, chunk - n, &taken, &event);
            HF_ASSERT(taken <= chunk - n);
            HF_ASSERT(out.err != HF_OK || taken > 0 || event.type != HF_WS_NEED_MORE);
            n += taken;
            ws_on_event(&out, &listener, &config.memory, &event);
        }
        free(copy);
    }
    if (out.err != HF_OK) {
        size_t taken = 1;
        uint8_t more = 0;

        HF_ASSERT(decoder.rule != HF_WS_RULE_NONE);
        HF_ASSERT(hf_ws_decoder_feed(&decoder, &more, 1, &taken, &event) == out.err &&
                  taken == 0); /* final */
        ws_transcript_add(&out, "!", 1);
        ws_transcript_add(&out, hf_ws_rule_info(decoder.rule)->name,
                          strlen(hf_ws_rule_info(decoder.rule)->name));
    } else if (hf_ws_decoder_mid_message(&decoder)) {
        ws_transcript_add(&out, "...", 3);
    }
    hf_ws_assembly_clear(&listener.assembly, &config.memory);
    hf_ws_decoder_deinit(&decoder);
    hf_ws_decoder_deinit(&decoder);
    HF_ASSERT(out.heap.live_bytes == 0 && out.heap.live_blocks == 0);
    return out;
}

#endif
