/* adapter/http/http_server_fuzz.c - property: where the network cuts what a client sends changes nothing of what it is answered, nothing
 * is left behind, and every request that reached the app is told its end once. The first byte picks the cut and the listener. */
#include "adapter/http/link_fuzzkit.h"
#include "adapter/http/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

struct run {
    struct fuzz_link link;
    struct hf_wheel wheel;
    struct hf_http_site site;
    unsigned heads, gones;
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
    fuzz_link_init(&run->link);
    hf_wheel_init(&run->wheel, 1000);
    HF_ASSERT(hf_http_site_init(&run->site, 4) == HF_OK);
    run->site.wheel = &run->wheel;
    run->site.now_ms = 1000;
    run->site.ops = &ops;
    run->site.app = &app;
    run->site.app_context = run;
    HF_ASSERT(hf_http_open(&run->site, &run->link.link,
                           &(struct hf_http_options){.roles = HF_HTTP_API, .proxy_protocol = proxy}) ==
              HF_OK);
    for (size_t at = 0; at < data_bytes; at += chunk_bytes)
        fuzz_deliver(&run->link, data + at, HF_MIN(chunk_bytes, data_bytes - at));
    fuzz_link_end(&run->link);
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
    fuzz_links_same(&whole.link, &cut.link);
    free(whole.link.out);
    free(cut.link.out);
    return 0;
}
