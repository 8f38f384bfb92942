/* An MQTT client on simulated time, with an application that keeps a diary and a broker that the test plays by hand: it reads and writes real bytes by the codec, and has no rules of its own.
 * Everything that happens is a line; expect() compares the lines since the last one. */
#ifndef HF_CLIENT_BROKER_TESTKIT_H
#define HF_CLIENT_BROKER_TESTKIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/sb.h"
#include "base/uuid.h"
#include "client/mqtt/mqtt.h"
#include "client/store/store_memory.h"
#include "codec/mqtt/packet.h"

enum { KIT_LINES_BYTES = 64 << 10, KIT_WIRE_BYTES = 4 << 20, KIT_PACKET_BYTES_MAX = 8 << 20 };

struct kit {
    struct hf_client_engine *engine;
    struct hf_store *store;
    struct hf_client_time now;
    struct hf_client_ops ops;
    struct hf_client_config config;
    struct hf_client_mqtt_config mqtt;
    char lines[KIT_LINES_BYTES];
    struct hf_sb diary;
    bool quiet;      /* keeps no diary */
    bool properties; /* those of a PUBLISH are in it */
    /* the broker's side */
    uint8_t *wire; /* what the client wrote, not yet read */
    size_t wire_bytes, room /* what the transport takes */, chunk /* of what the broker says; 0 = whole */;
    enum hf_mqtt_version version;     /* as CONNECT said */
    struct hf_mqtt_properties limits; /* of the next CONNACK */
    unsigned publishes;               /* that came */
    uint16_t packet_id;               /* of the last PUBLISH */
    char connect[600];                /* the last CONNECT, as a line */
    bool answers, pong_owed;          /* PINGREQ, without a word in the diary */
    /* the application's side */
    enum hf_client_answer answer;
    uint64_t handle; /* of the last message */
    void (*on_published)(struct kit *kit, uint64_t id);
};

static void *kit_resize(void *user, void *old, size_t old_bytes, size_t new_bytes)
{
    (void)user;
    (void)old_bytes;
    if (new_bytes > 0)
        return realloc(old, new_bytes);
    free(old);
    return NULL;
}

#define LINE(kit, ...)                                \
    do {                                              \
        if (!(kit)->quiet)                            \
            hf_sb_printf(&(kit)->diary, __VA_ARGS__); \
    } while (0)
#define U(value) ((unsigned long long)(value))
#define S(slice) (int)(slice).bytes, (slice).at

/* ---- the broker reads ---- */

static inline void kit_on_connect(struct kit *kit, const struct hf_mqtt_packet *packet)
{
    const struct hf_mqtt_connect *connect = &packet->as.connect;
    struct hf_sb sb;

    kit->version = (enum hf_mqtt_version)connect->version;
    hf_sb_init(&sb, kit->connect, sizeof(kit->connect));
    hf_sb_printf(&sb, "v%u id=%.*s clean=%d keep=%u", connect->version, S(connect->client_id),
                 connect->clean_start, connect->keep_alive_s);
    if (connect->user_name.at != NULL)
        hf_sb_printf(&sb, " user=%.*s", S(connect->user_name));
    if (connect->password.at != NULL)
        hf_sb_printf(&sb, " password=%.*s", S(connect->password));
    if (hf_mqtt_has(&packet->properties, HF_MQTT_PROPERTY_SESSION_EXPIRY))
        hf_sb_printf(&sb, " expiry=%u", packet->properties.session_expiry_s);
    LINE(kit, "> CONNECT v%u\n", connect->version);
}

static inline void kit_on_publish(struct kit *kit, const struct hf_mqtt_packet *packet)
{
    const struct hf_mqtt_publish *publish = &packet->as.publish;
    const struct hf_mqtt_properties *properties = &packet->properties;
    struct hf_slice rest = properties->repeated;
    struct hf_mqtt_repeated one;

    assert_int_equal(publish->qos, 1);
    assert_false(publish->retain);
    kit->publishes++;
    kit->packet_id = publish->packet_id;
    LINE(kit, "> PUBLISH %u%s %.*s=%.*s\n", publish->packet_id, publish->dup ? " dup" : "", S(publish->topic),
         (int)HF_MIN(publish->payload.bytes, 16), publish->payload.at);
    if (!kit->properties)
        return;
    while (hf_mqtt_repeated_next(&rest, &one))
        LINE(kit, "    %.*s: %.*s\n", S(one.name), S(one.value));
    if (hf_mqtt_has(properties, HF_MQTT_PROPERTY_CONTENT_TYPE))
        LINE(kit, "    %.*s\n", S(properties->content_type));
    if (properties->payload_format == 1)
        LINE(kit, "    text\n");
    if (hf_mqtt_has(properties, HF_MQTT_PROPERTY_MESSAGE_EXPIRY))
        LINE(kit, "    expires in %u s\n", properties->message_expiry_s);
}

static inline void kit_on_subscribe(struct kit *kit, const struct hf_mqtt_packet *packet)
{
    struct hf_slice rest = packet->as.subscribe.filters;
    struct hf_mqtt_filter filter;

    kit->packet_id = packet->as.subscribe.packet_id;
    while (hf_mqtt_filter_next(&rest, HF_MQTT_SUBSCRIBE, &filter))
        LINE(kit, "> SUBSCRIBE %.*s qos=%u retained=%u\n", S(filter.filter), filter.qos,
             filter.retain_handling);
}

static inline void kit_read(struct kit *kit)
{
    size_t at = 0, taken = 0;

    for (; at < kit->wire_bytes; at += taken) {
        struct hf_mqtt_packet packet;
        hf_err err = hf_mqtt_decode(kit->wire + at, kit->wire_bytes - at, kit->version, KIT_PACKET_BYTES_MAX,
                                    &taken, &packet);

        if (err == HF_ERR_AGAIN)
            break;
        if (err != HF_OK)
            fail_msg("%s", hf_mqtt_rule_info(packet.rule)->text);
        assert_true(hf_mqtt_may_go_up(packet.type));
        switch (packet.type) {
        case HF_MQTT_CONNECT: kit_on_connect(kit, &packet); break;
        case HF_MQTT_PUBLISH: kit_on_publish(kit, &packet); break;
        case HF_MQTT_SUBSCRIBE: kit_on_subscribe(kit, &packet); break;
        case HF_MQTT_PINGREQ:
            kit->pong_owed = kit->answers;
            if (!kit->answers)
                LINE(kit, "> PINGREQ\n");
            break;
        case HF_MQTT_PUBACK: LINE(kit, "> PUBACK %u\n", packet.as.ack.packet_id); break;
        case HF_MQTT_DISCONNECT: LINE(kit, "> DISCONNECT %02x\n", packet.as.end.reason); break;
        default: LINE(kit, "> %s\n", hf_mqtt_type_name(packet.type)); break;
        }
    }
    kit->wire_bytes -= at;
    memmove(kit->wire, kit->wire + at, kit->wire_bytes);
}

/* ---- operations of the engine ---- */

static inline void kit_connect(void *user, const struct hf_client_attempt *attempt)
{
    struct kit *kit = user;

    LINE(kit, "connect %u%s%s%.*s\n", attempt->number, attempt->fresh_credentials ? " fresh" : "",
         attempt->alternate.at != NULL ? " " : "", (int)attempt->alternate.bytes,
         attempt->alternate.at != NULL ? attempt->alternate.at : "");
    kit->wire_bytes = 0;
}

static size_t kit_write(void *user, const void *data, size_t bytes)
{
    struct kit *kit = user;
    size_t taken = HF_MIN(bytes, kit->room);

    assert_true(kit->wire_bytes + taken <= KIT_WIRE_BYTES);
    memcpy(kit->wire + kit->wire_bytes, data, taken);
    kit->wire_bytes += taken;
    kit->room -= kit->room == SIZE_MAX ? 0 : taken;
    return taken;
}

static inline void kit_closing(void *user, bool flush)
{
    struct kit *kit = user;

    if (flush)
        kit_read(kit);
    kit->wire_bytes = 0;
    LINE(kit, "close\n");
}

static inline void kit_probe(void *user)
{
    LINE((struct kit *)user, "probe\n");
}

static enum hf_client_answer kit_app_message(void *user, const struct hf_client_message *message,
                                             struct hf_client_result *ret_result)
{
    struct kit *kit = user;

    (void)ret_result;
    kit->handle = message->handle;
    LINE(kit, "message %02x %.*s=%.*s format=%u%s%s\n", message->id[0], S(message->topic),
         (int)HF_MIN(message->payload.bytes, 16), message->payload.at, message->format,
         message->text ? " text" : "", message->handle == 0 ? " at most once" : "");
    return kit->answer;
}

static inline void kit_done(void *user, uint64_t handle, hf_err err)
{
    LINE((struct kit *)user, "done %llu %s\n", U(handle), hf_err_name(err));
}

static inline void kit_published(void *user, void *cookie, uint64_t id, hf_err err)
{
    struct kit *kit = user;

    assert_ptr_equal(cookie, kit);
    if (err != HF_OK)
        LINE(kit, "published %llu %s\n", U(id), hf_err_name(err));
    if (kit->on_published != NULL)
        kit->on_published(kit, id);
}

static inline void kit_sent(void *user, uint64_t id)
{
    LINE((struct kit *)user, "sent %llu\n", U(id));
}

static inline void kit_failed(void *user, uint64_t id, enum hf_reason reason)
{
    LINE((struct kit *)user, "failed %llu %s\n", U(id), hf_reason_name(reason));
}

static inline void kit_opened(void *user, const struct hf_client_opened *opened)
{
    static const char *const results[] = {"new", "resumed", "rebuilt"};

    LINE((struct kit *)user, "opened %s %.*s\n", results[opened->result], S(opened->node));
}

static inline void kit_closed(void *user, const struct hf_client_closed *closed)
{
    struct kit *kit = user;

    LINE(kit, "closed %u %s %s%s: %.*s\n", closed->code, hf_reason_name(closed->reason),
         hf_client_core_failure_name(closed->failure), closed->retry ? "" : " for good", S(closed->text));
}

static inline void kit_state(void *user, enum hf_link_state state, enum hf_link_state before,
                             enum hf_link_event event)
{
    (void)event;
    if (state == HF_LINK_DEGRADED || before == HF_LINK_DEGRADED)
        LINE((struct kit *)user, "%s\n", hf_link_state_name(state));
}

static inline void kit_error(void *user, hf_err err, enum hf_reason reason, struct hf_slice detail)
{
    (void)detail;
    LINE((struct kit *)user, "error %s %s\n", hf_err_name(err), hf_reason_name(reason));
}

/* ---- the test's hands ---- */

/* Compares what happened since the last time, then forgets it. */
static inline void expect(struct kit *kit, const char *want)
{
    kit_read(kit);
    assert_false(kit->diary.overflow);
    assert_string_equal(kit->lines, want);
    hf_sb_init(&kit->diary, kit->lines, sizeof(kit->lines));
}

static inline void forget(struct kit *kit)
{
    kit_read(kit);
    hf_sb_init(&kit->diary, kit->lines, sizeof(kit->lines));
}

static inline struct hf_client_counts kit_counts(struct kit *kit)
{
    struct hf_client_counts counts;

    kit->engine->ops->counts(kit->engine, &counts);
    return counts;
}

static inline struct hf_store_facts kit_facts(struct kit *kit)
{
    struct hf_store_facts facts;

    kit->engine->ops->queue(kit->engine, &facts);
    return facts;
}

static inline void kit_pong(struct kit *kit)
{
    uint8_t pong[] = {HF_MQTT_PINGRESP << 4, 0};

    kit->pong_owed = false;
    kit->engine->ops->bytes(kit->engine, &kit->now, pong, sizeof(pong));
}

static inline void kit_tick(struct kit *kit, uint64_t ms)
{
    uint64_t until_ms = kit->now.now_ms + ms;

    for (;;) {
        uint64_t due_ms = kit->engine->ops->due_ms(kit->engine);

        if (due_ms > until_ms)
            break;
        if (due_ms > kit->now.now_ms) {
            kit->now.utc_ms += kit->now.utc_ms != 0 ? due_ms - kit->now.now_ms : 0;
            kit->now.now_ms = due_ms;
        }
        kit->engine->ops->tick(kit->engine, &kit->now);
        kit_read(kit);
        if (kit->pong_owed)
            kit_pong(kit);
    }
    kit->now.utc_ms += kit->now.utc_ms != 0 ? until_ms - kit->now.now_ms : 0;
    kit->now.now_ms = until_ms;
}

/* Time passes until the next attempt; returns how much. */
static inline uint64_t kit_until_attempt(struct kit *kit)
{
    uint64_t before = kit_counts(kit).attempts, begin_ms = kit->now.now_ms;

    do {
        uint64_t due_ms = kit->engine->ops->due_ms(kit->engine);

        assert_true(due_ms != UINT64_MAX);
        kit_tick(kit, due_ms > kit->now.now_ms ? due_ms - kit->now.now_ms : 0);
    } while (kit_counts(kit).attempts == before);
    return kit->now.now_ms - begin_ms;
}

static inline void kit_give(struct kit *kit, const void *data, size_t bytes)
{
    size_t step = kit->chunk != 0 ? kit->chunk : bytes;

    for (size_t at = 0; at < bytes; at += step) {
        size_t some = HF_MIN(step, bytes - at);
        uint8_t *copy = malloc(some);

        assert_non_null(copy);
        memcpy(copy, (const uint8_t *)data + at, some);
        kit->engine->ops->bytes(kit->engine, &kit->now, copy, some);
        free(copy);
    }
    kit_read(kit);
}

static inline void kit_say(struct kit *kit, const struct hf_mqtt_packet *packet)
{
    size_t bytes = hf_mqtt_encoded_bytes(kit->version, packet);
    uint8_t *encoded = malloc(bytes);

    assert_true(bytes > 0 && encoded != NULL);
    (void)hf_mqtt_encode(kit->version, packet, encoded);
    kit_give(kit, encoded, bytes);
    free(encoded);
}

static inline void kit_connack(struct kit *kit, bool present, uint8_t reason)
{
    const struct hf_mqtt_packet packet = {.type = HF_MQTT_CONNACK,
                                          .properties = kit->limits,
                                          .as.connack = {.session_present = present, .reason = reason}};

    kit_say(kit, &packet);
}

static inline void kit_puback(struct kit *kit, uint16_t packet_id, uint8_t reason)
{
    const struct hf_mqtt_packet packet = {.type = HF_MQTT_PUBACK,
                                          .as.ack = {.packet_id = packet_id, .reason = reason}};

    kit_say(kit, &packet);
}

static inline void kit_suback(struct kit *kit, uint8_t code)
{
    const struct hf_mqtt_packet packet = {
        .type = HF_MQTT_SUBACK,
        .as.suback = {.packet_id = kit->packet_id, .codes = {(const char *)&code, 1}}};

    kit_say(kit, &packet);
}

static inline void kit_disconnect(struct kit *kit, uint8_t reason)
{
    const struct hf_mqtt_packet packet = {
        .type = HF_MQTT_DISCONNECT, .properties = kit->limits, .as.end.reason = reason};

    kit_say(kit, &packet);
}

/* A message for the device; id 0 = without one. */
static inline void kit_down_as(struct kit *kit, const struct hf_mqtt_publish *publish, uint8_t id)
{
    struct hf_mqtt_packet packet = {.type = HF_MQTT_PUBLISH, .as.publish = *publish};
    char storage[128], text[HF_UUID_TEXT_BYTES + 1];
    uint8_t uuid[16] = {id};
    struct hf_sb sb;

    hf_sb_init(&sb, storage, sizeof(storage));
    hf_uuid_text(uuid, text);
    if (id != 0)
        hf_mqtt_put_user(&sb, HF_SLICE("id"), hf_slice_of(text));
    packet.properties.repeated = hf_sb_done(&sb);
    kit_say(kit, &packet);
}

static inline void kit_down(struct kit *kit, uint16_t packet_id, uint8_t id, const char *payload)
{
    const struct hf_mqtt_publish publish = {.qos = 1,
                                            .packet_id = packet_id,
                                            .topic = HF_SLICE("t1/bike-7/down/x"),
                                            .payload = hf_slice_of(payload)};

    kit_down_as(kit, &publish, id);
}

static inline void kit_open_as(struct kit *kit, const char *token)
{
    const struct hf_client_door door = {
        .target = HF_SLICE("t1"), .host = HF_SLICE("broker"), .token = hf_slice_of(token)};

    assert_int_equal(kit->engine->ops->open(kit->engine, &kit->now, &door), HF_OK);
    kit_read(kit);
}

/* From an attempt to an open connection. */
static inline void kit_established(struct kit *kit)
{
    kit_open_as(kit, NULL);
    kit_connack(kit, false, HF_MQTT_REASON_SUCCESS);
}

static inline void kit_cut(struct kit *kit)
{
    kit->engine->ops->closed(kit->engine, &kit->now);
    kit_read(kit);
}

static inline hf_err kit_publish_as(struct kit *kit, enum hf_store_class class, bool urgent,
                                    const char *payload)
{
    struct hf_store_message message = {
        .class = (uint8_t) class, .urgent = urgent, .topic = HF_SLICE("t"), .payload = hf_slice_of(payload)};
    hf_err err = kit->engine->ops->publish(kit->engine, &kit->now, &message, kit);

    kit_read(kit);
    return err;
}

static inline void kit_publish(struct kit *kit, const char *payload)
{
    assert_int_equal(kit_publish_as(kit, HF_STORE_MESSAGE, false, payload), HF_OK);
}

static inline void kit_engine_new(struct kit *kit)
{
    assert_int_equal(hf_client_mqtt_new(&kit->config, &kit->mqtt, kit->store, &kit->ops, kit, &kit->engine),
                     HF_OK);
}

static inline int kit_setup(void **state)
{
    const struct hf_store_memory_options options = {.queue_id = 77, .limits.messages_max = 1000};
    struct kit *kit = calloc(1, sizeof(*kit));

    kit->wire = malloc(KIT_WIRE_BYTES);
    kit->room = SIZE_MAX;
    kit->version = HF_MQTT_V5;
    kit->answer = HF_CLIENT_DONE;
    kit->now = (struct hf_client_time){.now_ms = 1000, .utc_ms = 1700000000000};
    hf_sb_init(&kit->diary, kit->lines, sizeof(kit->lines));
    kit->ops = (struct hf_client_ops){.connect = kit_connect,
                                      .write = kit_write,
                                      .close = kit_closing,
                                      .probe = kit_probe,
                                      .message = kit_app_message,
                                      .done = kit_done,
                                      .published = kit_published,
                                      .sent = kit_sent,
                                      .failed = kit_failed,
                                      .opened = kit_opened,
                                      .closed = kit_closed,
                                      .state = kit_state,
                                      .error = kit_error};
    kit->config = (struct hf_client_config){.device = HF_SLICE("bike-7"),
                                            .profile = HF_PROFILE_ADAPTIVE,
                                            .seed = 1,
                                            .memory = {.resize = kit_resize}};
    kit->mqtt.prefix = HF_SLICE("t1");
    assert_int_equal(hf_store_memory_open(&options, &kit->store), HF_OK);
    kit_engine_new(kit);
    *state = kit;
    return 0;
}

static inline int kit_setup_started(void **state)
{
    struct kit *kit;

    (void)kit_setup(state);
    kit = *state;
    kit->engine->ops->start(kit->engine, &kit->now);
    return 0;
}

/* The same, with an open connection and an empty diary. */
static inline int kit_setup_open(void **state)
{
    (void)kit_setup_started(state);
    kit_established(*state);
    forget(*state);
    return 0;
}

/* One that listens. */
static inline int kit_setup_listening(void **state)
{
    struct kit *kit;

    (void)kit_setup(state);
    kit = *state;
    kit->engine->ops->free(kit->engine);
    kit->mqtt.listens = true;
    kit_engine_new(kit);
    kit->engine->ops->start(kit->engine, &kit->now);
    kit_established(kit);
    kit_suback(kit, 1);
    forget(kit);
    return 0;
}

static inline int kit_teardown(void **state)
{
    struct kit *kit = *state;

    kit->engine->ops->free(kit->engine);
    kit->store->ops->close(kit->store);
    free(kit->wire);
    free(kit);
    return 0;
}

/* The process ends without a word and begins again, with what the store had committed. */
static inline void kit_restart(struct kit *kit)
{
    kit->engine->ops->free(kit->engine);
    hf_store_memory_crash(kit->store);
    kit->wire_bytes = 0;
    kit_engine_new(kit);
    kit->engine->ops->start(kit->engine, &kit->now);
}

#endif
