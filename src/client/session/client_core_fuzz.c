/* client/session/client_core_fuzz.c - whatever a gateway says, in whatever pieces: the client does not break, and its application is told the same.
 * Byte 0: bits 0, 1 what the rest is (0: the answer to the upgrade; 1: frames from the 101 on; 2, 3: frames from WELCOME on), bits 2..7 seed of the chunk size. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/sb.h"
#include "client/session/core.h"
#include "client/store/store_memory.h"
#include "codec/session/binary.h"
#include "codec/ws/frame.h"
#include "codec/ws/handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

enum { DIARY_BYTES = 64 << 10, MESSAGES = 6 };

struct life {
    struct hf_client_core *core;
    struct hf_sb diary;
    char *storage;
    char request[2048];
    size_t request_bytes;
    uint16_t failed
        [8]; /* by id: told with the next commit of the queue, so the place in the diary depends on the pieces */
};

#define LINE(user, ...) hf_sb_printf(&((struct life *)(user))->diary, __VA_ARGS__)

static void on_connect(void *user, const struct hf_client_attempt *attempt)
{
    LINE(user, "connect %u\n", attempt->number);
}

static size_t on_write(void *user, const void *data, size_t bytes)
{
    struct life *life = user;

    if (life->request_bytes == 0 && bytes < sizeof(life->request)) {
        memcpy(life->request, data, bytes);
        life->request_bytes = bytes;
    }
    return bytes;
}

static void on_end(void *user, bool flush)
{
    (void)flush;
    LINE(user, "close\n");
}

/* Commands are never answered: whether a result is out when its acknowledgement comes does depend on the pieces. */
static enum hf_client_answer on_message(void *user, const struct hf_client_message *message,
                                        struct hf_client_result *ret_result)
{
    (void)ret_result;
    LINE(user, "message %d %llu %zu %zu %zu %u\n", message->command, (unsigned long long)message->handle,
         message->topic.bytes, message->payload.bytes, message->key.bytes, message->format);
    return message->command || message->id[0] % 2 != 0 ? HF_CLIENT_LATER : HF_CLIENT_DONE;
}

static void on_done(void *user, uint64_t handle, hf_err err)
{
    LINE(user, "done %llu %d\n", (unsigned long long)handle, err);
}

static void on_gap(void *user, uint64_t from, uint64_t to, enum hf_reason reason)
{
    LINE(user, "gap %llu %llu %d\n", (unsigned long long)from, (unsigned long long)to, reason);
}

static void on_published(void *user, void *cookie, uint64_t id, hf_err err)
{
    (void)cookie;
    LINE(user, "published %llu %d\n", (unsigned long long)id, err);
}

static void on_sent(void *user, uint64_t id)
{
    LINE(user, "sent %llu\n", (unsigned long long)id);
}

/* Not in the diary: one that is too large for the session is found when it is to be sent, which is after the bytes that came with WELCOME. */
static void on_failed(void *user, uint64_t id, enum hf_reason reason)
{
    (void)user;
    (void)reason;
    HF_ASSERT(id >= 1 && id <= MESSAGES);
}

static void on_opened(void *user, const struct hf_client_opened *opened)
{
    LINE(user, "opened %d %d\n", opened->result, opened->reason);
}

static void on_closed(void *user, const struct hf_client_closed *closed)
{
    LINE(user, "closed %u %d %d %d\n", closed->code, closed->reason, closed->failure, closed->retry);
}

static void on_state(void *user, enum hf_link_state state, enum hf_link_state before,
                     enum hf_link_event event)
{
    LINE(user, "state %d %d %d\n", state, before, event);
}

static void on_error(void *user, hf_err err, enum hf_reason reason, struct hf_slice detail)
{
    LINE(user, "error %d %d %zu\n", err, reason, detail.bytes);
}

static void on_credentials(void *user, uint64_t expires_ms)
{
    LINE(user, "credentials %llu\n", (unsigned long long)expires_ms);
}

static void *resize(void *user, void *old, size_t old_bytes, size_t new_bytes)
{
    (void)user;
    (void)old_bytes;
    if (new_bytes > 0)
        return realloc(old, new_bytes);
    free(old);
    return NULL;
}

static const struct hf_client_ops ops = {.connect = on_connect,
                                         .write = on_write,
                                         .close = on_end,
                                         .message = on_message,
                                         .done = on_done,
                                         .gap = on_gap,
                                         .published = on_published,
                                         .sent = on_sent,
                                         .failed = on_failed,
                                         .opened = on_opened,
                                         .closed = on_closed,
                                         .state = on_state,
                                         .error = on_error,
                                         .credentials = on_credentials};
static const struct hf_client_time now = {5000, 1700000000000};

/* In pieces, each in memory of its own size, so that reading beyond one is seen. */
static void give(struct life *life, const uint8_t *data, size_t bytes, size_t chunk)
{
    for (size_t at = 0; at < bytes; at += chunk) {
        size_t part = HF_MIN(chunk, bytes - at);
        uint8_t *copy = malloc(part);

        HF_ASSERT(copy != NULL);
        memcpy(copy, data + at, part);
        hf_client_core_bytes(life->core, &now, copy, part);
        free(copy);
    }
}

static void answer_upgrade(struct life *life)
{
    static const char name[] = "Sec-WebSocket-Key: ";
    char answer[512], accept[HF_WS_ACCEPT_CHARS + 1];
    const char *key = memmem(life->request, life->request_bytes, name, sizeof(name) - 1);
    struct hf_sb sb;

    HF_ASSERT(key != NULL);
    key += sizeof(name) - 1;
    HF_ASSERT(hf_ws_accept_value((struct hf_slice){key, HF_WS_KEY_CHARS}, accept) == HF_OK);
    hf_sb_init(&sb, answer, sizeof(answer));
    hf_sb_printf(&sb,
                 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: holdfast.v1\r\n\r\n",
                 accept);
    give(life, (uint8_t *)sb.at, sb.bytes, sb.bytes);
}

static void welcome(struct life *life)
{
    const struct hf_frame frame = {.type = HF_FRAME_WELCOME,
                                   .as.welcome = {.version = 1,
                                                  .profile = HF_PROFILE_ADAPTIVE,
                                                  .k = 3,
                                                  .session_id = {1},
                                                  .downlink_next = 1,
                                                  .window_messages = 4,
                                                  .window_bytes = 1 << 16,
                                                  .message_bytes_max = 1 << 16,
                                                  .rate = 1000,
                                                  .interval_ms = 5000,
                                                  .node = HF_SLICE("")}};
    uint8_t bytes[512];
    size_t head = hf_ws_encode_head(bytes, HF_WS_OP_BINARY, HF_WS_FIN, hf_frame_bytes(&frame), NULL);

    HF_ASSERT(head + hf_frame_bytes(&frame) <= sizeof(bytes));
    (void)hf_frame_encode(&frame, bytes + head);
    give(life, bytes, head + hf_frame_bytes(&frame), sizeof(bytes));
}

/* The diary of a life with this input in these pieces; the caller frees it. */
static char *live(const uint8_t *data, size_t bytes, unsigned kind, size_t chunk)
{
    const struct hf_client_request request = {HF_SLICE("/"), HF_SLICE("h"), HF_SLICE(""), false};
    const struct hf_store_memory_options options = {.queue_id = 1};
    const struct hf_client_config config = {
        .profile = HF_PROFILE_ADAPTIVE, .seed = 1, .window_messages = 8, .memory = {.resize = resize}};
    struct hf_store_message message = {
        .class = HF_STORE_MESSAGE, .topic = HF_SLICE("t"), .payload = HF_SLICE("p")};
    struct life life = {.storage = malloc(DIARY_BYTES)};
    struct hf_store *store = NULL;

    HF_ASSERT(life.storage != NULL);
    hf_sb_init(&life.diary, life.storage, DIARY_BYTES);
    HF_ASSERT(hf_store_memory_open(&options, &store) == HF_OK);
    HF_ASSERT(hf_client_core_new(&config, store, &ops, &life, &life.core) == HF_OK);
    for (int i = 0; i < MESSAGES; i++)
        HF_ASSERT(hf_client_core_publish(life.core, &now, &message, NULL) == HF_OK);
    hf_client_core_start(life.core, &now);
    HF_ASSERT(hf_client_core_open(life.core, &now, &request) == HF_OK);
    if (kind >= 1)
        answer_upgrade(&life);
    if (kind >= 2)
        welcome(&life);
    give(&life, data, bytes, chunk);
    hf_client_core_closed(life.core, &now);
    hf_client_core_free(life.core);
    store->ops->close(store);
    return life.storage;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    unsigned kind;
    char *whole, *ones, *cut;

    if (data_bytes < 2)
        return 0;
    kind = data[0] & 3;
    whole = live(data + 1, data_bytes - 1, kind, data_bytes);
    ones = live(data + 1, data_bytes - 1, kind, 1);
    cut = live(data + 1, data_bytes - 1, kind, 2 + (data[0] >> 2));
    HF_ASSERT(strcmp(whole, ones) == 0);
    HF_ASSERT(strcmp(whole, cut) == 0);
    free(whole);
    free(ones);
    free(cut);
    return 0;
}
