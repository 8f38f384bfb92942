/* adapter/ws/raw.c - raw mode: text that is a JSON object is routed by its `type` (WS-9), everything else is an opaque message. Nothing
 * here is an error that closes: a device that sends what we do not know still gets it into the log, under its default topic. */
#include "adapter/ws/conn.h"

#include <stdlib.h>

#include "base/sb.h"
#include "base/uuid.h"
#include "codec/json/out.h"
#include "codec/json/scan.h"
#include "core/topic.h"
#include "core/topic_map.h"

enum { SMALL_PONG_BYTES_MAX = 512 };
enum field { TYPE, TOPIC, ID, PAYLOAD, TOKEN, STATUS, FIELDS };

struct raw_text { /* one JSON message, scanned */
    struct hf_json_field fields[FIELDS];
    struct hf_slice whole;
    const uint8_t *rest;
    size_t rest_bytes;
    bool moved;
};

struct hf_slice hf_ws_default_topic(const struct hf_ws_conn *conn)
{
    const struct hf_tenant_rules *rules =
        atomic_load_explicit(&conn->dev.device->tenant->rules, memory_order_acquire);

    if (conn->extra != NULL && conn->extra->topic_bytes > 0)
        return (struct hf_slice){conn->extra->topic, conn->extra->topic_bytes};
    return rules->default_topic;
}

/* ---- acknowledgement after fsync ---- */

static void on_durable(struct hf_waiter *waiter, uint64_t offset, uint64_t time_ms)
{
    struct hf_ws_ack *ack = HF_CONTAINER_OF(waiter, struct hf_ws_ack, waiter);
    struct hf_ws_conn *conn = ack->conn;
    struct hf_ws_site *site = conn->site;

    (void)time_ms;
    conn->acks_open--;
    if (conn->state == HF_WS_STATE_OPEN && conn->link != NULL) {
        char text[HF_WS_OUT_HEAD_BYTES_MAX];
        struct hf_sb sb;

        hf_sb_init(&sb, text, sizeof(text));
        hf_sb_text(&sb, "{\"type\":\"ack\",\"id\":");
        hf_sb_add(&sb, ack->id, ack->id_bytes); /* the JSON string as the device spelled it */
        hf_sb_text(&sb, ",\"offset\":");
        hf_sb_u64(&sb, offset);
        hf_sb_char(&sb, '}');
        hf_err err = hf_ws_send_text(conn, hf_sb_done(&sb));
        if (err == HF_OK)
            site->stats.acks_out++;
        else if (
            err !=
            HF_ERR_CLOSED) /* else its end is on its way; an ack that is missing in between would mislead */
            hf_ws_close(conn, HF_REASON_SLOW_READER, 0, (struct hf_slice){NULL, 0});
    }
    hf_list_remove(&ack->node);
    hf_slab_give(site->acks, ack);
    hf_ws_release(conn);
}

static struct hf_ws_ack *ack_new(struct hf_ws_conn *conn, const struct hf_json_field *id)
{
    struct hf_ws_ack *ack = hf_slab_take(conn->site->acks);

    if (ack == NULL)
        return NULL;
    ack->conn = conn;
    hf_list_init(&ack->node);
    ack->waiter.on_durable = on_durable;
    ack->id_bytes = (uint8_t)id->raw.bytes;
    memcpy(ack->id, id->raw.at, id->raw.bytes);
    return ack;
}

/* The message itself, whatever it was: one event. ack may be NULL. */
static hf_err submit(struct hf_ws_conn *conn, const struct hf_incoming *incoming, struct hf_ws_ack *ack)
{
    uint32_t wait_ms = 0;
    hf_err err = hf_hub_message(conn->site->hub, &conn->dev, incoming, ack ? &ack->waiter : NULL, &wait_ms);

    if (err == HF_OK)
        hf_ws_message_taken(conn, incoming->payload.bytes);
    if (err == HF_OK && ack != NULL) {
        conn->acks_open++;
        hf_list_push_back(&conn->site->acks_open, &ack->node);
    }
    if (err != HF_OK && ack != NULL)
        hf_slab_give(conn->site->acks, ack);
    if (err == HF_ERR_LIMIT || err == HF_ERR_NOMEM)
        hf_ws_close(conn, HF_REASON_STORAGE_FULL, 0, (struct hf_slice){NULL, 0});
    else if (
        err ==
        HF_ERR_BUSY) /* it had waited for its turn; only a reload in between can have taken it away again */
        hf_ws_close(conn, HF_REASON_RATE_LIMIT, 0, (struct hf_slice){NULL, 0});
    return err;
}

static void submit_unacked(struct hf_ws_conn *conn, const struct hf_incoming *incoming)
{
    if (submit(conn, incoming, NULL) != HF_ERR_DENIED)
        return;
    conn->site->stats.denied++; /* nothing is lost silently, not even what had no business here */
    hf_ws_send_error(conn, HF_REASON_FORBIDDEN, (struct hf_slice){NULL, 0},
                     "an access rule does not allow this topic");
}

static void submit_opaque(struct hf_ws_conn *conn, struct hf_slice topic, struct hf_slice payload,
                          uint8_t format, uint8_t flags)
{
    struct hf_incoming incoming = {.topic = topic, .payload = payload, .format = format, .flags = flags};

    submit_unacked(conn, &incoming);
}

/* There are no numbers here by which a batch could be asked for again: the device is told, and knows itself what it sent last. */
static void submit_samples(struct hf_ws_conn *conn, struct hf_slice payload)
{
    struct hf_samples samples;
    struct hf_incoming incoming = {.topic = hf_ws_default_topic(conn),
                                   .payload = payload,
                                   .format = HF_FORMAT_SAMPLES,
                                   .publish = true,
                                   .samples = &samples,
                                   .rtt_us = conn->rtt_ms * 1000};
    hf_err err = hf_samples_read(payload, &samples);

    if (err == HF_OK) {
        submit_unacked(conn, &incoming);
        return;
    }
    bool corrupt = err == HF_ERR_CORRUPT;
    *(corrupt ? &conn->site->stats.samples_corrupt : &conn->site->stats.samples_malformed) += 1;
    hf_ws_send_error(conn, corrupt ? HF_REASON_CORRUPT : HF_REASON_BAD_REQUEST, (struct hf_slice){NULL, 0},
                     corrupt ? "the CRC of this batch of samples is wrong; send it again"
                             : "this is no batch of samples: version, length, count, a value or a time");
}

/* ---- the types ---- */

static void bad(struct hf_ws_conn *conn, const struct raw_text *text, enum hf_reason reason,
                const char *detail)
{
    const struct hf_json_field *id = &text->fields[ID];
    bool simple = id->type == HF_JSON_STRING || id->type == HF_JSON_NUMBER;

    conn->site->stats.bad_requests++;
    hf_ws_send_error(conn, reason, simple ? id->raw : (struct hf_slice){NULL, 0}, detail);
}

/* The field as a topic; absent gives the default. False when it is there and not a topic. */
static bool topic_of(struct hf_ws_conn *conn, const struct raw_text *text, char *storage,
                     struct hf_slice *ret_topic)
{
    const struct hf_json_field *field = &text->fields[TOPIC];

    *ret_topic = hf_ws_default_topic(conn);
    if (!field->found)
        return true;
    return hf_json_to_text(field, storage, HF_TOPIC_BYTES_MAX, ret_topic) == HF_OK &&
           hf_topic_valid(*ret_topic);
}

static void on_data_type(struct hf_ws_conn *conn, struct raw_text *text)
{
    const struct hf_json_field *id = &text->fields[ID], *payload = &text->fields[PAYLOAD];
    char topic_storage[HF_TOPIC_BYTES_MAX], key_storage[HF_WS_CLIENT_ID_BYTES_MAX];
    struct hf_incoming incoming = {.format = HF_FORMAT_JSON, .flags = HF_EVENT_FLAG_TEXT, .publish = true};
    struct hf_ws_ack *ack = NULL;

    if (!topic_of(conn, text, topic_storage, &incoming.topic)) {
        bad(conn, text, HF_REASON_BAD_REQUEST, "topic must be 1 to 256 bytes of text without + and #");
        return;
    }
    if (hf_ws_is_shadow_topic(incoming.topic)) {
        enum hf_reason reason = HF_REASON_NONE;
        const char *detail =
            hf_ws_raw_shadow(conn, incoming.topic, payload->found ? payload->raw : (struct hf_slice){NULL, 0},
                             id->found ? id : NULL, &reason);

        if (detail != NULL)
            bad(conn, text, reason, detail);
        return;
    }
    if (id->found) {
        bool simple = id->type == HF_JSON_STRING || id->type == HF_JSON_NUMBER;

        if (!simple || id->raw.bytes > HF_WS_CLIENT_ID_BYTES_MAX ||
            (id->type == HF_JSON_STRING &&
             hf_json_to_text(id, key_storage, sizeof(key_storage), &incoming.key) != HF_OK)) {
            bad(conn, text, HF_REASON_BAD_REQUEST, "id must be a number or a string of at most 62 bytes");
            return;
        }
        if (id->type == HF_JSON_NUMBER)
            incoming.key = id->raw;
        ack = ack_new(conn, id);
        if (ack == NULL) {
            bad(conn, text, HF_REASON_BUSY, "too many acknowledgements are on their way");
            return;
        }
    }
    incoming.payload = payload->found ? payload->raw : text->whole;
    if (submit(conn, &incoming, ack) != HF_ERR_DENIED)
        return;
    conn->site->stats.denied++;
    bad(conn, text, HF_REASON_FORBIDDEN, "an access rule does not allow this topic");
}

/* The sender's own fields come back with type pong; browsers cannot send Ping frames. */
static void on_ping_type(struct hf_ws_conn *conn, struct raw_text *text)
{
    struct hf_slice type = text->fields[TYPE].raw;
    size_t before = (size_t)(type.at - text->whole.at);
    char out[SMALL_PONG_BYTES_MAX];
    struct hf_sb sb;

    hf_sb_init(&sb, out, sizeof(out));
    hf_sb_add(&sb, text->whole.at, before);
    hf_sb_text(&sb, "\"pong\"");
    hf_sb_add(&sb, type.at + type.bytes, text->whole.bytes - before - type.bytes);
    if (sb.overflow)
        bad(conn, text, HF_REASON_MESSAGE_TOO_BIG, "a ping may have 512 bytes");
    else
        (void)hf_ws_send_text(conn, hf_sb_done(&sb));
}

static void on_result_type(struct hf_ws_conn *conn, struct raw_text *text)
{
    char storage[HF_UUID_TEXT_BYTES + 1];
    const struct hf_json_field *payload = &text->fields[PAYLOAD], *status = &text->fields[STATUS];
    struct hf_slice id_text;
    uint8_t id[HF_UUID_BYTES];
    bool failed = status->found && !hf_json_is(status, "ok");

    conn->site->stats.results++;
    if (hf_json_to_text(&text->fields[ID], storage, sizeof(storage), &id_text) != HF_OK ||
        hf_uuid_parse(id_text, id) != HF_OK) {
        bad(conn, text, HF_REASON_BAD_REQUEST, "id must be the id of the command that this answers");
        return;
    }
    hf_err err = hf_hub_result(conn->site->hub, &conn->dev, id, failed, HF_FORMAT_JSON, HF_EVENT_FLAG_TEXT,
                               payload->found ? payload->raw : (struct hf_slice){NULL, 0});
    if (err == HF_ERR_NOT_FOUND)
        bad(conn, text, HF_REASON_NOT_FOUND, "no command with this id waits for a result");
    else if (err != HF_OK)
        hf_ws_close(conn, HF_REASON_STORAGE_FULL, 0, (struct hf_slice){NULL, 0});
}

static void on_subscribe_type(struct hf_ws_conn *conn, struct raw_text *text)
{
    char storage[HF_TOPIC_BYTES_MAX];
    struct hf_slice topic;

    if (!text->fields[TOPIC].found || !topic_of(conn, text, storage, &topic)) {
        bad(conn, text, HF_REASON_BAD_REQUEST, "topic must be 1 to 256 bytes of text without + and #");
        return;
    }
    if (hf_ws_is_shadow_topic(topic)) {
        if (!hf_ws_raw_shadow_subscribe(conn, topic, hf_json_is(&text->fields[TYPE], "subscribe")))
            bad(conn, text, HF_REASON_BAD_REQUEST, "of the shadow only $shadow/delta can be subscribed");
        return;
    }
    hf_err err = hf_json_is(&text->fields[TYPE], "subscribe")
                     ? hf_hub_subscribe(conn->site->hub, &conn->dev, topic)
                     : hf_hub_unsubscribe(conn->site->hub, &conn->dev, topic);
    if (err == HF_ERR_DENIED)
        bad(conn, text, HF_REASON_FORBIDDEN, "an access rule does not allow this topic");
    else if (err == HF_ERR_LIMIT)
        bad(conn, text, HF_REASON_TENANT_LIMIT, "this connection has as many subscriptions as it may have");
    else if (err == HF_ERR_NOMEM)
        bad(conn, text, HF_REASON_MEMORY_LIMIT, "no memory left for a subscription");
}

/* A fresh token: the first one binds the device, a later one prolongs the connection without a reconnect. */
static void on_auth_type(struct hf_ws_conn *conn, struct raw_text *text)
{
    struct hf_ws_site *site = conn->site;
    char storage[HF_JWT_TOKEN_BYTES_MAX];
    struct hf_slice token = {NULL, 0};
    struct hf_identity identity;
    enum hf_reason reason;

    (void)hf_json_to_text(&text->fields[TOKEN], storage, sizeof(storage), &token); /* else it is missing */
    if (!hf_ws_check_token(conn, token, &identity))
        return;
    if (conn->state == HF_WS_STATE_OPEN) {
        if (hf_ws_prolong(conn, &identity))
            hf_ws_send_auth_ok(conn, &identity);
        return;
    }
    struct hf_slice device = {identity.device, identity.device_bytes};
    if (hf_hub_home(identity.tenant->name, device, site->hub->options.workers) != site->hub->options.worker) {
        text->moved = hf_ws_move_home(conn, &identity, text->rest, text->rest_bytes);
        return;
    }
    if (hf_ws_authenticated(conn, &identity, NULL, &reason) == HF_OK)
        return;
    hf_ws_refused(site, &identity, reason);
    hf_ws_close(conn, reason, 0, (struct hf_slice){NULL, 0});
}

static const struct {
    const char *type;
    void (*on_text)(struct hf_ws_conn *conn, struct raw_text *text);
} types[] = {
    {"data", on_data_type},
    {"ping", on_ping_type},
    {"result", on_result_type},
    {"subscribe", on_subscribe_type},
    {"unsubscribe", on_subscribe_type},
    {"auth", on_auth_type},
};

static void unknown_type(struct hf_ws_conn *conn, const struct raw_text *text)
{
    const struct hf_tenant_rules *rules =
        atomic_load_explicit(&conn->dev.device->tenant->rules, memory_order_acquire);
    char type_storage[HF_TOPIC_BYTES_MAX], topic_storage[HF_TOPIC_BYTES_MAX];
    struct hf_slice type, topic = {NULL, 0};

    if (hf_json_to_text(&text->fields[TYPE], type_storage, sizeof(type_storage), &type) == HF_OK)
        topic = hf_topic_map_find(rules->topics, type);
    if (topic.at == NULL) {
        if (text->fields[TYPE].found)
            conn->site->stats.unknown_type++;
        if (!topic_of(conn, text, topic_storage, &topic))
            topic = hf_ws_default_topic(conn);
    }
    submit_opaque(conn, topic, text->whole, HF_FORMAT_JSON, HF_EVENT_FLAG_TEXT);
}

static void on_json(struct hf_ws_conn *conn, struct raw_text *text)
{
    for (size_t i = 0; i < HF_COUNT_OF(types); i++) {
        if (!hf_json_is(&text->fields[TYPE], types[i].type))
            continue;
        if (conn->state == HF_WS_STATE_AUTH && types[i].on_text != on_auth_type)
            break;
        types[i].on_text(conn, text);
        return;
    }
    if (conn->state == HF_WS_STATE_AUTH) /* nothing else before it (SEC-1) */
        hf_ws_close(conn, HF_REASON_CREDENTIALS_MISSING, 0, (struct hf_slice){NULL, 0});
    else
        unknown_type(conn, text);
}

void hf_ws_raw_message(struct hf_ws_conn *conn, bool is_text, struct hf_slice payload, const uint8_t *rest,
                       size_t rest_bytes, bool *ret_moved)
{
    struct raw_text text = {
        .fields = {[TYPE] = HF_JSON_FIELD("type"),
                   [TOPIC] = HF_JSON_FIELD("topic"),
                   [ID] = HF_JSON_FIELD("id"),
                   [PAYLOAD] = HF_JSON_FIELD("payload"),
                   [TOKEN] = HF_JSON_FIELD("token"),
                   [STATUS] = HF_JSON_FIELD("status")},
        .whole = payload,
        .rest = rest,
        .rest_bytes = rest_bytes,
    };

    if (is_text && hf_json_scan(payload.at, payload.bytes, text.fields, FIELDS, 0) == HF_OK &&
        hf_json_type_of(payload) == HF_JSON_OBJECT) {
        on_json(conn, &text);
        *ret_moved = text.moved;
        return;
    }
    if (conn->state == HF_WS_STATE_AUTH) {
        hf_ws_close(conn, HF_REASON_CREDENTIALS_MISSING, 0, (struct hf_slice){NULL, 0});
        return;
    }
    if (is_text)
        conn->site->stats.not_json++;
    if (!is_text && conn->extra != NULL && conn->extra->format == HF_FORMAT_SAMPLES)
        submit_samples(conn, payload);
    else
        submit_opaque(conn, hf_ws_default_topic(conn), payload, HF_FORMAT_OPAQUE,
                      is_text ? HF_EVENT_FLAG_TEXT : 0);
}
