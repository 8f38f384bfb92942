/* client/mqtt/client_mqtt_fuzz.c - whatever a broker says, in whatever pieces: the client does not break, and its application is told the same.
 * Byte 0: bits 0, 1 what the rest is (0: the answer to CONNECT; 1: packets of 5.0 behind CONNACK, with messages out; 2: the same of 3.1.1, behind SUBSCRIBE, too; 3: packets of 5.0 behind SUBSCRIBE), bits 2..7 seed of
 * the chunk size. Two diaries: what is told with a commit of the queue comes at the end of a call, so its place among the rest depends on the pieces; its order does not. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/sb.h"
#include "client/mqtt/mqtt.h"
#include "client/store/store_memory.h"
#include "codec/mqtt/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

enum { DIARY_BYTES = 64 << 10, MESSAGES = 6, INPUT_BYTES_MAX = 1500 };

struct life {
    struct hf_client_engine *engine;
    struct hf_sb diary, books;
    char *storage;
};

static const struct hf_client_time now = {1000, 1700000000000};

#define LINE(user, ...) hf_sb_printf(&((struct life *)(user))->diary, __VA_ARGS__)
#define BOOK(user, ...) hf_sb_printf(&((struct life *)(user))->books, __VA_ARGS__)

static void on_connect(void *user, const struct hf_client_attempt *attempt)
{
    LINE(user, "connect %u %d %.*s\n", attempt->number, attempt->fresh_credentials,
         (int)attempt->alternate.bytes, attempt->alternate.at != NULL ? attempt->alternate.at : "");
}

static size_t on_write(void *user, const void *data, size_t bytes)
{
    (void)user;
    (void)data;
    return bytes;
}

static void on_end(void *user, bool flush)
{
    (void)flush;
    LINE(user, "close\n");
}

static enum hf_client_answer on_message(void *user, const struct hf_client_message *message,
                                        struct hf_client_result *ret_result)
{
    (void)ret_result;
    LINE(user, "message %llu %zu %zu %u %d\n", (unsigned long long)message->handle, message->topic.bytes,
         message->payload.bytes, message->format, message->text);
    return message->payload.bytes % 2 != 0 ? HF_CLIENT_LATER : HF_CLIENT_DONE;
}

static void on_done(void *user, uint64_t handle, hf_err err)
{
    BOOK(user, "done %llu %d\n", (unsigned long long)handle, err);
}

static void on_published(void *user, void *cookie, uint64_t id, hf_err err)
{
    (void)cookie;
    BOOK(user, "published %llu %d\n", (unsigned long long)id, err);
}

static void on_sent(void *user, uint64_t id)
{
    HF_ASSERT(id >= 1 && id <= MESSAGES);
    BOOK(user, "sent %llu\n", (unsigned long long)id);
}

/* Not in the books: in which of two commits it falls depends on the pieces. */
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
    LINE(user, "closed %u %d %d %d %llu %.*s\n", closed->code, closed->reason, closed->failure, closed->retry,
         (unsigned long long)closed->retry_ms, (int)closed->text.bytes, closed->text.at);
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

static const struct hf_client_ops ops = {.connect = on_connect,
                                         .write = on_write,
                                         .close = on_end,
                                         .message = on_message,
                                         .done = on_done,
                                         .published = on_published,
                                         .sent = on_sent,
                                         .failed = on_failed,
                                         .opened = on_opened,
                                         .closed = on_closed,
                                         .state = on_state,
                                         .error = on_error};

static void *resize(void *user, void *old, size_t old_bytes, size_t new_bytes)
{
    (void)user;
    (void)old_bytes;
    if (new_bytes > 0)
        return realloc(old, new_bytes);
    free(old);
    return NULL;
}

static void give(struct life *life, const uint8_t *data, size_t bytes, size_t chunk)
{
    for (size_t at = 0; at < bytes; at += chunk) {
        size_t some = HF_MIN(chunk, bytes - at);
        uint8_t *copy = malloc(some); /* exactly so large: one byte too far is seen */

        HF_ASSERT(copy != NULL);
        memcpy(copy, data + at, some);
        life->engine->ops->bytes(life->engine, &now, copy, some);
        free(copy);
    }
}

static void say(struct life *life, enum hf_mqtt_version version, const struct hf_mqtt_packet *packet)
{
    uint8_t bytes[64];
    size_t count = hf_mqtt_encoded_bytes(version, packet);

    HF_ASSERT(count > 0 && count <= sizeof(bytes));
    (void)hf_mqtt_encode(version, packet, bytes);
    give(life, bytes, count, count);
}

/* From an attempt to the CONNACK, by way of a refusal for 3.1.1. */
static void open_up(struct life *life, unsigned kind)
{
    const struct hf_client_door door = {.target = HF_SLICE(""), .host = HF_SLICE("h")};
    struct hf_mqtt_packet connack = {.type = HF_MQTT_CONNACK};

    life->engine->ops->start(life->engine, &now);
    HF_ASSERT(life->engine->ops->open(life->engine, &now, &door) == HF_OK);
    if (kind == 2) {
        connack.as.connack.reason = HF_MQTT_REASON_VERSION;
        say(life, HF_MQTT_V311, &connack);
        connack.as.connack.reason = HF_MQTT_REASON_SUCCESS;
        life->engine->ops->tick(life->engine, &now);
        HF_ASSERT(life->engine->ops->open(life->engine, &now, &door) == HF_OK);
    }
    if (kind != 0)
        say(life, kind == 2 ? HF_MQTT_V311 : HF_MQTT_V5, &connack);
}

/* The diaries of a life with this input in these pieces, one behind the other; the caller frees them. */
static char *live(const uint8_t *data, size_t bytes, unsigned kind, size_t chunk)
{
    const struct hf_store_memory_options options = {.queue_id = 1};
    const struct hf_client_config config = {.device = HF_SLICE("d"),
                                            .profile = HF_PROFILE_ADAPTIVE,
                                            .seed = 1,
                                            .message_bytes_max = 100,
                                            .memory = {.resize = resize}};
    const struct hf_client_mqtt_config mqtt = {.listens = kind >= 2};
    const struct hf_store_message message = {
        .class = HF_STORE_MESSAGE, .topic = HF_SLICE("t"), .payload = HF_SLICE("p")};
    struct life life = {.storage = malloc(2 * DIARY_BYTES)};
    struct hf_store *store = NULL;

    HF_ASSERT(life.storage != NULL);
    hf_sb_init(&life.diary, life.storage, DIARY_BYTES);
    hf_sb_init(&life.books, life.storage + DIARY_BYTES, DIARY_BYTES);
    HF_ASSERT(hf_store_memory_open(&options, &store) == HF_OK);
    HF_ASSERT(hf_client_mqtt_new(&config, &mqtt, store, &ops, &life, &life.engine) == HF_OK);
    for (int i = 0; i < MESSAGES && kind != 0; i++)
        HF_ASSERT(life.engine->ops->publish(life.engine, &now, &message, NULL) == HF_OK);
    open_up(&life, kind);
    give(&life, data, bytes, chunk);
    life.engine->ops->closed(life.engine, &now);
    life.engine->ops->free(life.engine);
    store->ops->close(store);
    HF_ASSERT(!life.diary.overflow && !life.books.overflow);
    return life.storage;
}

static bool equal(const char *a, const char *b)
{
    return strcmp(a, b) == 0 && strcmp(a + DIARY_BYTES, b + DIARY_BYTES) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    unsigned kind;
    char *whole, *ones, *cut;

    if (data_bytes < 2 || data_bytes > INPUT_BYTES_MAX)
        return 0;
    kind = data[0] & 3;
    whole = live(data + 1, data_bytes - 1, kind, data_bytes);
    ones = live(data + 1, data_bytes - 1, kind, 1);
    cut = live(data + 1, data_bytes - 1, kind, 2 + (data[0] >> 2));
    HF_ASSERT(equal(whole, ones));
    HF_ASSERT(equal(whole, cut));
    free(whole);
    free(ones);
    free(cut);
    return 0;
}
