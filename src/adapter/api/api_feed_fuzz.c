/* adapter/api/api_feed_fuzz.c - property: where the network cuts what a reader of GET /v1/live says changes nothing of what it is told, subscribed to or watches; what is no message is an
 * error for its sender, who may go on, and nobody else's feed hears of it; nothing is left behind. Devices whose id begins with a small letter have this worker as their home, and answer at
 * once, the others later. The first byte picks the cut. The rest are lines: each is a text message, one that begins
 * with '!' bytes as they are. */
#include "adapter/api/api.h"
#include "adapter/api/stream.h"
#include "adapter/http/link_fuzzkit.h"
#include "codec/json/utf8.h"
#include "codec/jwt/api_key.h"
#include "store/memory/kv_memory.h"

#define KEY "hfk_adminadmin01_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define HELLO                                                                                     \
    "GET /v1/live HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer " KEY "\r\nUpgrade: websocket\r\n" \
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "                     \
    "dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
#define EVENT "\x81\x0e{\"offset\":7}  " /* as the tail frames it */

enum {
    LINES_MAX = 256,
    LINE_BYTES_MAX = 8192,
    TAILS_MAX = LINES_MAX + 2,
    SECOND_MS = 1000,
    CALLS_MAX = 2 /* one for each connection */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

struct hf_tail {
    void (*on_chunk)(struct hf_tail *tail, void *user, const struct hf_tail_chunk *chunk);
    void *user;
    uint64_t from, types;
    unsigned asked;
    bool open;
};

struct run {
    struct hf_backend backend; /* first */
    struct hf_wheel wheel;
    struct hf_http_site site;
    struct hf_api api;
    struct hf_api_key_config key;
    struct fuzz_link talks, listens;
    struct hf_tail tails[TAILS_MAX];
    unsigned tail_count;
    struct hf_call *calls[CALLS_MAX]; /* of devices elsewhere */
    unsigned call_count, looks;
    uint8_t random;
};

/* ---- a gateway ---- */

static hf_err tail_open(struct hf_backend *backend, const struct hf_tail_request *wish,
                        void (*on_chunk)(struct hf_tail *, void *, const struct hf_tail_chunk *), void *user,
                        struct hf_tail **ret_tail)
{
    struct run *run = (struct run *)backend;
    unsigned open = 0;

    HF_ASSERT(wish->follow && wish->form == HF_TAIL_WS && wish->from > 0 &&
              hf_slice_is(wish->tenant, "acme"));
    for (unsigned i = 0; i < run->tail_count; i++)
        open += run->tails[i].open;
    HF_ASSERT(open <= HF_API_FEED_SUBSCRIPTIONS_MAX); /* of the one, and the other has one */
    HF_ASSERT(run->tail_count < TAILS_MAX);
    *ret_tail = &run->tails[run->tail_count++];
    **ret_tail = (struct hf_tail){
        .on_chunk = on_chunk, .user = user, .from = wish->from, .types = wish->types, .open = true};
    return HF_OK;
}

static void tail_next(struct hf_tail *tail)
{
    HF_ASSERT(tail->open && tail->asked == 0); /* one at a time */
    tail->asked++;
}

static void tail_close(struct hf_tail *tail)
{
    HF_ASSERT(tail->open);
    tail->open = false;
}

/* Each third device is nowhere, and each look finds something new. */
static void answer(struct run *run, struct hf_call *call)
{
    if (call->device.bytes % 3 == 0)
        call->reason = HF_REASON_NOT_FOUND;
    else if (call->type == HF_CALL_SERIES)
        call->reason = HF_REASON_NOT_IMPLEMENTED;
    else
        call->live = (struct hf_live){.presence = HF_ONLINE, .epoch = 1, .conn = ++run->looks};
    call->on_done(call);
}

static hf_err take_call(struct hf_backend *backend, struct hf_call *call)
{
    struct run *run = (struct run *)backend;

    HF_ASSERT(call->type == HF_CALL_DEVICE || call->type == HF_CALL_TWIN || call->type == HF_CALL_SERIES);
    HF_ASSERT(call->device.bytes > 0 && hf_slice_is(call->tenant, "acme"));
    if (call->device.at[0] >= 'a' && call->device.at[0] <= 'z') {
        answer(run, call);
        return HF_OK;
    }
    HF_ASSERT(run->call_count < CALLS_MAX);
    run->calls[run->call_count++] = call;
    return HF_OK;
}

static void answer_all(struct run *run)
{
    for (unsigned turns = 0; run->call_count > 0; turns++) {
        struct hf_call *call = run->calls[--run->call_count];

        HF_ASSERT(turns <= 3 * 2 * HF_API_FEED_WATCHES_MAX); /* each of them once, and its series */
        answer(run, call);
    }
}

static size_t overview(struct hf_backend *backend, char **ret_json)
{
    (void)backend;
    *ret_json = strdup("{\"n\":1}");
    return *ret_json != NULL ? strlen(*ret_json) : 0;
}

static uint64_t log_end(struct hf_backend *backend)
{
    (void)backend;
    return 43;
}

static void take_random(struct hf_backend *backend, void *out, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        ((uint8_t *)out)[i] = ((struct run *)backend)->random++;
}

static const struct hf_backend_ops ops = {.tail_open = tail_open,
                                          .tail_next = tail_next,
                                          .call = take_call,
                                          .tail_close = tail_close,
                                          .overview = overview,
                                          .log_end = log_end,
                                          .random = take_random};
static const struct hf_http_ops http_ops = {0};

/* ---- a run ---- */

static size_t frame(uint8_t *out, const uint8_t *text, size_t bytes)
{
    static const uint8_t key[4] = {1, 2, 3, 4};
    size_t head = hf_ws_encode_head(out, HF_WS_OP_TEXT, HF_WS_FIN, bytes, key);

    for (size_t i = 0; i < bytes; i++)
        out[head + i] = text[i] ^ key[i % 4];
    return head + bytes;
}

static void say(struct fuzz_link *peer, const char *text)
{
    uint8_t out[HF_WS_HEAD_BYTES_MAX + 256];

    fuzz_deliver(peer, out, frame(out, (const uint8_t *)text, strlen(text)));
}

static bool heard(const struct fuzz_link *peer, size_t from, const char *text)
{
    return memmem(peer->out + from, peer->out_bytes - from, text, strlen(text)) != NULL;
}

static void connect_peer(struct run *run, struct fuzz_link *peer)
{
    fuzz_link_init(peer);
    HF_ASSERT(hf_http_open(&run->site, &peer->link, &(struct hf_http_options){.roles = HF_HTTP_API}) ==
              HF_OK);
    fuzz_deliver(peer, HELLO, strlen(HELLO));
    HF_ASSERT(heard(peer, 0, "HTTP/1.1 101"));
}

static void begin(struct run *run)
{
    memset(run, 0, sizeof(*run));
    hf_wheel_init(&run->wheel, SECOND_MS);
    HF_ASSERT(hf_http_site_init(&run->site, 4) == HF_OK);
    run->site.wheel = &run->wheel;
    run->site.now_ms = SECOND_MS;
    run->site.utc_ms = UINT64_C(1772366400000);
    run->site.ops = &http_ops;
    run->backend.ops = &ops;
    HF_ASSERT(hf_kv_memory_open(&run->backend.kv) == HF_OK);
    hf_api_init(&run->api, &run->backend, NULL, &run->site);
    run->key = (struct hf_api_key_config){
        .id = HF_SLICE("adminadmin01"), .tenant = HF_SLICE("acme"), .scopes = HF_SCOPE_ADMIN};
    hf_api_key_hash(HF_SLICE(KEY), run->key.sha256);
    hf_api_use_keys(&run->api, &run->key, 1);
    connect_peer(run, &run->listens);
    say(&run->listens, "{\"subscribe\":1}");
    say(&run->listens, "{\"watch\":1,\"device\":\"d1\",\"samples\":true}");
    connect_peer(run, &run->talks);
}

/* Each tail that was asked says something; then a second passes. */
static void pass(struct run *run)
{
    for (unsigned i = 0; i < run->tail_count; i++)
        if (run->tails[i].open && run->tails[i].asked > 0) {
            run->tails[i].asked = 0;
            run->tails[i].on_chunk(
                &run->tails[i], run->tails[i].user,
                &(struct hf_tail_chunk){.data = (const uint8_t *)EVENT, .bytes = strlen(EVENT)});
        }
    for (unsigned i = 0; i <= HF_API_WATCH_STATE_TURNS; i++) {
        answer_all(run);
        run->site.now_ms += HF_API_WATCH_MS + HF_WHEEL_TICK_MS;
        hf_wheel_run(&run->wheel, run->site.now_ms);
    }
}

static void end(struct run *run)
{
    HF_ASSERT(!run->listens.aborted && !run->listens.finished); /* whatever the other one said */
    HF_ASSERT(heard(&run->listens, 0, "{\"type\":\"events_of\",\"subscription\":1}" EVENT));
    HF_ASSERT(heard(&run->listens, 0, "{\"type\":\"tick\""));
    HF_ASSERT(heard(&run->listens, 0, "\"watched\":[1]"));
    HF_ASSERT(heard(&run->listens, 0,
                    "{\"type\":\"device\",\"watch\":1,\"device\":{\"device\":\"d1\",\"state\":\"online\""));
    fuzz_link_end(&run->talks);
    fuzz_link_end(&run->listens);
    for (unsigned i = 0; i < run->tail_count; i++)
        HF_ASSERT(!run->tails[i].open);
    HF_ASSERT(run->api.stats.readers_now == 0 && run->api.stats.watches_now == 0 && run->wheel.armed == 0);
    hf_http_site_deinit(&run->site);
    hf_api_deinit(&run->api); /* calls are still under way */
    answer_all(run);
    hf_kv_close(run->backend.kv);
}

static bool is_utf8(const uint8_t *text, size_t bytes)
{
    size_t at = 0, sequence;

    while (at < bytes && (sequence = hf_utf8_sequence_bytes((const char *)text + at, bytes - at)) > 0)
        at += sequence;
    return at == bytes;
}

/* A message: who says what is no JSON object is told so, and may go on. */
static void check_message(struct run *run, const uint8_t *text, size_t bytes, size_t before, bool was_open)
{
    const struct hf_slice json = {(const char *)text, bytes};
    bool object =
        hf_json_scan(json.at, json.bytes, NULL, 0, 0) == HF_OK && hf_json_type_of(json) == HF_JSON_OBJECT;

    if (!was_open || object || !is_utf8(text, bytes) || bytes > HF_API_SOCKET_MESSAGE_BYTES_MAX)
        return;
    HF_ASSERT(!run->talks.finished && !run->talks.aborted);
    HF_ASSERT(heard(&run->talks, before, "\"type\":\"refused\",\"reason\":\"bad_request\""));
}

struct script {
    uint8_t *bytes;
    size_t count, lines;
    bool raw; /* some of it is no message of ours: what follows may be anything */
};

/* Frames the lines, and plays them one by one into `run`. */
static void play_lines(const uint8_t *data, size_t data_bytes, struct run *run, struct script *script)
{
    while (data_bytes > 0 && script->lines++ < LINES_MAX) {
        const uint8_t *stop = memchr(data, '\n', data_bytes);
        size_t bytes = stop != NULL ? (size_t)(stop - data) : data_bytes, made = 0;
        uint8_t *out = script->bytes + script->count;
        size_t before = run->talks.out_bytes;
        bool was_open = !run->talks.finished && !run->talks.aborted && !script->raw;

        if (bytes > LINE_BYTES_MAX)
            return;
        if (bytes > 0 && data[0] == '!') {
            memcpy(out, data + 1, made = bytes - 1);
            script->raw = true;
        } else {
            made = frame(out, data, bytes);
        }
        script->count += made;
        fuzz_deliver(&run->talks, out, made);
        if (bytes == 0 || data[0] != '!')
            check_message(run, data, bytes, before, was_open);
        data += bytes + (stop != NULL);
        data_bytes -= bytes + (stop != NULL);
    }
}

static void same(const struct run *a, const struct run *b)
{
    fuzz_links_same(&a->talks, &b->talks);
    fuzz_links_same(&a->listens, &b->listens);
    HF_ASSERT(a->tail_count == b->tail_count && a->looks == b->looks);
    for (unsigned i = 0; i < a->tail_count; i++)
        HF_ASSERT(a->tails[i].from == b->tails[i].from && a->tails[i].types == b->tails[i].types);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    static struct run lines, cut;
    struct script script = {0};

    if (data_bytes < 2 || data_bytes > LINES_MAX * 64)
        return 0;
    script.bytes = malloc(data_bytes + (size_t)LINES_MAX * HF_WS_HEAD_BYTES_MAX);
    HF_ASSERT(script.bytes != NULL);
    begin(&lines);
    play_lines(data + 1, data_bytes - 1, &lines, &script);
    begin(&cut);
    for (size_t at = 0, chunk = 1 + data[0] % 64; at < script.count; at += chunk)
        fuzz_deliver(&cut.talks, script.bytes + at, HF_MIN(chunk, script.count - at));
    pass(&lines);
    pass(&cut);
    end(&lines);
    end(&cut);
    same(&lines, &cut);
    free(lines.talks.out);
    free(lines.listens.out);
    free(cut.talks.out);
    free(cut.listens.out);
    free(script.bytes);
    return 0;
}
