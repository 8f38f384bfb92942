/* adapter/http/link_testkit.h - a link without a network, for tests of whatever speaks over one. The kernel takes everything unless
 * `stuck`; then output queues and the test says when it has gone. */
#ifndef HF_ADAPTER_HTTP_LINK_TESTKIT_H
#define HF_ADAPTER_HTTP_LINK_TESTKIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "adapter/link.h"
#include "base/assert.h"
#include "base/slice.h"

struct fake_link {
    struct hf_link link; /* first */
    char *out;
    size_t out_bytes, out_room, queued;
    bool paused, finished, aborted, stuck, refuse;
    uint64_t blocked_since_ms;
};

static inline hf_err fake_write(struct hf_link *link, const void *data, size_t bytes)
{
    struct fake_link *fake = (struct fake_link *)link;

    assert_false(fake->aborted);
    if (fake->refuse)
        return HF_ERR_CLOSED;
    if (fake->out_bytes + bytes + 1 > fake->out_room) {
        fake->out_room = 2 * (fake->out_bytes + bytes + 1);
        fake->out = realloc(fake->out, fake->out_room);
    }
    memcpy(fake->out + fake->out_bytes, data, bytes);
    fake->out_bytes += bytes;
    fake->out[fake->out_bytes] = '\0';
    if (fake->stuck)
        fake->queued += bytes;
    return HF_OK;
}

static inline void fake_flush(struct hf_link *link)
{
    (void)link;
}

static inline size_t fake_queued(const struct hf_link *link)
{
    return ((const struct fake_link *)link)->queued;
}

static inline void fake_pause(struct hf_link *link)
{
    ((struct fake_link *)link)->paused = true;
}

static inline void fake_resume(struct hf_link *link)
{
    ((struct fake_link *)link)->paused = false;
}

static inline void fake_finish(struct hf_link *link)
{
    ((struct fake_link *)link)->finished = true;
}

static inline void fake_abort(struct hf_link *link)
{
    ((struct fake_link *)link)->aborted = true;
}

static inline uint64_t fake_blocked_since(const struct hf_link *link)
{
    return ((const struct fake_link *)link)->blocked_since_ms;
}

static inline void fake_peer(const struct hf_link *link, char *out, size_t out_bytes)
{
    (void)link;
    snprintf(out, out_bytes, "192.0.2.7:4711");
}

static const struct hf_link_ops fake_link_ops = {
    .write = fake_write,
    .flush = fake_flush,
    .queued_bytes = fake_queued,
    .pause_read = fake_pause,
    .resume_read = fake_resume,
    .finish = fake_finish,
    .abort = fake_abort,
    .blocked_since_ms = fake_blocked_since,
    .peer = fake_peer,
};

static inline void fake_link_init(struct fake_link *fake)
{
    memset(fake, 0, sizeof(*fake));
    fake->link.ops = &fake_link_ops;
    fake->out = calloc(1, 1);
    fake->out_room = 1;
}

/* The peer's end; also frees what was gathered. */
static inline void fake_link_end(struct fake_link *fake)
{
    if (!fake->aborted)
        fake->link.handler->on_end(&fake->link, HF_LINK_END_EOF, 0);
    fake->aborted = true;
    free(fake->out);
    fake->out = NULL;
}

static inline void fake_feed_bytes(struct fake_link *fake, const void *data, size_t bytes)
{
    /* A heap copy of exactly that size: whoever reads beyond it is seen by the sanitizer. */
    uint8_t *copy = malloc(bytes ? bytes : 1);

    memcpy(copy, data, bytes);
    assert_false(fake->aborted);
    fake->link.handler->on_data(&fake->link, copy, bytes);
    free(copy);
}

static inline void fake_feed(struct fake_link *fake, const char *text)
{
    fake_feed_bytes(fake, text, strlen(text));
}

static inline void fake_clear(struct fake_link *fake)
{
    fake->out_bytes = 0;
    fake->out[0] = '\0';
}

/* The kernel took everything. */
static inline void fake_drain(struct fake_link *fake)
{
    fake->queued = 0;
    fake->blocked_since_ms = 0;
    fake->link.handler->on_drained(&fake->link);
}

static inline unsigned fake_status(const struct fake_link *fake)
{
    unsigned status = 0;

    (void)sscanf(fake->out, "HTTP/1.1 %u ", &status);
    return status;
}

static inline unsigned fake_count(const struct fake_link *fake, const char *text)
{
    unsigned count = 0;

    for (const char *at = fake->out; (at = strstr(at, text)) != NULL; at += strlen(text))
        count++;
    return count;
}

#endif
