/* adapter/http/link_fuzzkit.h - a link without a network, for fuzz targets: it takes everything and gathers what is written. link_testkit.h is the one of the tests. */
#ifndef HF_ADAPTER_HTTP_LINK_FUZZKIT_H
#define HF_ADAPTER_HTTP_LINK_FUZZKIT_H

#include <stdlib.h>
#include <string.h>

#include "adapter/link.h"
#include "base/assert.h"

enum { FUZZ_LINK_OUT_BYTES_MAX = 1 << 20 };

struct fuzz_link {
    struct hf_link link; /* first */
    char *out;
    size_t out_bytes, out_room;
    bool finished, aborted;
};

static hf_err fuzz_write(struct hf_link *link, const void *data, size_t bytes)
{
    struct fuzz_link *fuzz = (struct fuzz_link *)link;

    HF_ASSERT(!fuzz->aborted && fuzz->out_bytes + bytes < FUZZ_LINK_OUT_BYTES_MAX);
    if (bytes > 12 && memcmp(data, "HTTP/1.1 100", 12) == 0)
        return HF_OK; /* comes only where the body is not at hand, which is a matter of cuts (RFC 9110 10.1.1) */
    if (fuzz->out_bytes + bytes > fuzz->out_room) {
        fuzz->out_room = 2 * (fuzz->out_bytes + bytes);
        fuzz->out = realloc(fuzz->out, fuzz->out_room);
        HF_ASSERT(fuzz->out != NULL);
    }
    memcpy(fuzz->out + fuzz->out_bytes, data, bytes);
    fuzz->out_bytes += bytes;
    return HF_OK;
}

static void fuzz_nothing(struct hf_link *link)
{
    (void)link;
}

static size_t fuzz_queued(const struct hf_link *link)
{
    (void)link;
    return 0;
}

static void fuzz_finish(struct hf_link *link)
{
    ((struct fuzz_link *)link)->finished = true;
}

static void fuzz_abort(struct hf_link *link)
{
    ((struct fuzz_link *)link)->aborted = true;
}

static uint64_t fuzz_blocked_since(const struct hf_link *link)
{
    (void)link;
    return 0;
}

static void fuzz_peer(const struct hf_link *link, char *out, size_t out_bytes)
{
    (void)link;
    out[out_bytes - 1] = '\0';
}

static const struct hf_link_ops fuzz_link_ops = {
    .write = fuzz_write,
    .flush = fuzz_nothing,
    .queued_bytes = fuzz_queued,
    .pause_read = fuzz_nothing,
    .resume_read = fuzz_nothing,
    .finish = fuzz_finish,
    .abort = fuzz_abort,
    .blocked_since_ms = fuzz_blocked_since,
    .peer = fuzz_peer,
};

static void fuzz_link_init(struct fuzz_link *fuzz)
{
    memset(fuzz, 0, sizeof(*fuzz));
    fuzz->link.ops = &fuzz_link_ops;
}

/* In a copy of exactly that size: who reads beyond it is seen. Nothing once the link is gone. */
static void fuzz_deliver(struct fuzz_link *fuzz, const void *data, size_t bytes)
{
    uint8_t *copy;

    if (fuzz->aborted || bytes == 0)
        return;
    copy = malloc(bytes);
    HF_ASSERT(copy != NULL);
    memcpy(copy, data, bytes);
    fuzz->link.handler->on_data(&fuzz->link, copy, bytes);
    free(copy);
}

/* The peer's end. What was gathered stays until it is freed. */
static void fuzz_link_end(struct fuzz_link *fuzz)
{
    if (!fuzz->aborted)
        fuzz->link.handler->on_end(&fuzz->link, HF_LINK_END_EOF, 0);
}

/* Both were told the same, and it ended alike. */
static void fuzz_links_same(const struct fuzz_link *a, const struct fuzz_link *b)
{
    HF_ASSERT(a->out_bytes == b->out_bytes &&
              (a->out_bytes == 0 || memcmp(a->out, b->out, a->out_bytes) == 0));
    HF_ASSERT(a->finished == b->finished && a->aborted == b->aborted);
}

#endif
