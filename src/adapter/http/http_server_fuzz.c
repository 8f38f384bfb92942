/* adapter/http/http_server_fuzz.c - property: where the network cuts what a client sends changes nothing of what it is answered, nothing
 * is left behind, and every request that reached the app is told its end once. The first byte picks the cut and the listener. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/http/server.h"

enum { OUT_BYTES_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

struct run {
    struct hf_link link; /* first */
    struct hf_wheel wheel;
    struct hf_http_site site;
    char *out;
    size_t out_bytes;
    bool finished, aborted;
    unsigned heads, gones;
};

static hf_err on_write(struct hf_link *link, const void *data, size_t bytes)
{
    struct run *run = (struct run *)link;

    HF_ASSERT(!run->aborted && run->out_bytes + bytes < OUT_BYTES_MAX);
    if (bytes > 12 && memcmp(data, "HTTP/1.1 100", 12) == 0)
        return HF_OK; /* comes only where the body is not at hand, which is a matter of cuts (RFC 9110 10.1.1) */
    memcpy(run->out + run->out_bytes, data, bytes);
    run->out_bytes += bytes;
    return HF_OK;
}

static void nothing(struct hf_link *link)
{
    (void)link;
}

static size_t on_queued(const struct hf_link *link)
{
    (void)link;
    return 0;
}

static void on_finish(struct hf_link *link)
{
    ((struct run *)link)->finished = true;
}

static void on_abort(struct hf_link *link)
{
    ((struct run *)link)->aborted = true;
}

static uint64_t on_blocked_since(const struct hf_link *link)
{
    (void)link;
    return 0;
}

static void on_peer(const struct hf_link *link, char *out, size_t out_bytes)
{
    (void)link;
    out[out_bytes - 1] = '\0';
}

static const struct hf_link_ops link_ops = {
    .write = on_write,
    .flush = nothing,
    .queued_bytes = on_queued,
    .pause_read = nothing,
    .resume_read = nothing,
    .finish = on_finish,
    .abort = on_abort,
    .blocked_since_ms = on_blocked_since,
    .peer = on_peer,
};

/* Echoes path and body; a path that begins with /e is answered from its head. */
static void on_head(void *context, struct hf_http_exchange *exchange, const struct hf_http1_request *request)
{
    struct run *run = context;

    run->heads++;
    if (request->path.bytes > 1 && request->path.at[1] == 'e')
        hf_http_answer(exchange, &(struct hf_http_answer){.status = 200, .body = HF_SLICE("early")});
}

static void on_body(void *context, struct hf_http_exchange *exchange, struct hf_slice body)
{
    (void)context;
    hf_http_answer(exchange,
                   &(struct hf_http_answer){.status = 200, .content_type = "text/plain", .body = body});
}

static void on_gone(void *context, struct hf_http_exchange *exchange)
{
    (void)exchange;
    ((struct run *)context)->gones++;
}

static const struct hf_http_app app = {.on_head = on_head, .on_body = on_body, .on_gone = on_gone};
static const struct hf_http_ops ops = {0};

static void feed(struct run *run, const uint8_t *data, size_t data_bytes, size_t chunk_bytes, bool proxy)
{
    memset(run, 0, sizeof(*run));
    run->out = malloc(OUT_BYTES_MAX);
    run->link.ops = &link_ops;
    hf_wheel_init(&run->wheel, 1000);
    HF_ASSERT(hf_http_site_init(&run->site, 4) == HF_OK);
    run->site.wheel = &run->wheel;
    run->site.now_ms = 1000;
    run->site.ops = &ops;
    run->site.app = &app;
    run->site.app_context = run;
    HF_ASSERT(hf_http_open(&run->site, &run->link,
                           &(struct hf_http_options){.roles = HF_HTTP_API, .proxy_protocol = proxy}) ==
              HF_OK);
    for (size_t at = 0; at < data_bytes && !run->aborted; at += chunk_bytes) {
        size_t bytes = HF_MIN(chunk_bytes, data_bytes - at);
        uint8_t *copy = malloc(bytes);

        memcpy(copy, data + at, bytes);
        run->link.handler->on_data(&run->link, copy, bytes);
        free(copy);
    }
    if (!run->aborted)
        run->link.handler->on_end(&run->link, HF_LINK_END_EOF, 0);
    HF_ASSERT(run->heads == run->gones);
    HF_ASSERT(run->wheel.armed == 0);
    hf_http_site_deinit(&run->site);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    static struct run whole, cut;

    if (data_bytes < 2)
        return 0;
    feed(&whole, data + 1, data_bytes - 1, data_bytes - 1, data[0] & 0x80);
    feed(&cut, data + 1, data_bytes - 1, 1 + data[0] % 64, data[0] & 0x80);
    HF_ASSERT(whole.out_bytes == cut.out_bytes && memcmp(whole.out, cut.out, cut.out_bytes) == 0);
    HF_ASSERT(whole.finished == cut.finished && whole.aborted == cut.aborted);
    free(whole.out);
    free(cut.out);
    return 0;
}
