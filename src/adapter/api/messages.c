/* adapter/api/messages.c - messages and commands to one device: send, look up, cancel (API-1, API-3). */
#include <stdlib.h>

#include <openssl/evp.h>

#include "adapter/api/message_text.h"
#include "base/uuid.h"
#include "codec/ws/utf8.h"
#include "core/topic.h"

/* ---- sending ---- */

bool hf_api_send_prepare(struct hf_api_request *request, struct hf_call *wish)
{
    struct hf_slice key = request->idempotency_key;

    if (key.at != NULL) {
        if (key.bytes == 0 || key.bytes > HF_API_IDEMPOTENCY_KEY_BYTES_MAX)
            return hf_api_bad(request, "Idempotency-Key", "Idempotency-Key must have 1 to %d bytes",
                              HF_API_IDEMPOTENCY_KEY_BYTES_MAX);
        if (EVP_Digest(request->body.at, request->body.bytes, wish->body_hash, NULL, EVP_sha256(), NULL) !=
            1) {
            hf_api_fail_err(request, HF_ERR_NOMEM);
            return false;
        }
        wish->key = key;
    }
    hf_api_new_id(request, wish->id);
    return true;
}

static void write_accepted(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    const struct hf_call *call = context;
    char id[HF_UUID_TEXT_BYTES + 1];

    (void)request;
    hf_uuid_text(call->id, id);
    hf_json_out_object(out, NULL);
    hf_json_out_cstr(out, "id", id);
    hf_json_out_text(out, "device", call->device);
    hf_json_out_cstr(out, "state", hf_fate_name(call->fate));
    if (call->fate_reason != HF_REASON_NONE) {
        hf_json_out_cstr(out, "reason", hf_reason_name(call->fate_reason));
        hf_json_out_cstr(out, "detail", hf_reason_info(call->fate_reason)->text);
    }
    if (call->class == HF_CLASS_COMMAND)
        hf_json_out_text(out, "name", call->topic);
    if (call->offset != 0)
        hf_json_out_u64(out, "offset", call->offset);
    hf_payload_out(out, "result", call->result_format, call->result_flags,
                   (struct hf_slice){call->result, call->result_bytes});
    hf_json_out_end(out);
}

static void reply_replayed(struct hf_api_request *request)
{
    hf_api_reply_message(request, HF_API_MESSAGE, 202, true);
}

static void reply_replayed_message(struct hf_api_request *request)
{
    hf_api_message_state(request, reply_replayed);
}

static void reply_replayed_command(struct hf_api_request *request)
{
    hf_api_reply_message(request, HF_API_COMMAND, 0, true);
}

static void on_sent(struct hf_api_request *request)
{
    struct hf_call *call = request->call;
    bool command = call->class == HF_CLASS_COMMAND;
    struct hf_http1_header headers[2];
    char storage[96];

    memcpy(request->id, call->id, sizeof(request->id));
    if (call->replayed && call->fate == HF_FATE_NONE) { /* how the first one fares stands in the tables */
        hf_api_barrier(request, command ? reply_replayed_command : reply_replayed_message);
        return;
    }
    bool final = command && hf_fate_final(call->fate, true);
    hf_api_reply_json(request,
                      &(struct hf_api_reply){
                          .status = final ? 200 : 202,
                          .headers = headers,
                          .header_count = hf_api_made_headers(command ? "/v1/commands/" : "/v1/messages/",
                                                              call->id, call->replayed, storage, headers),
                          .bytes_hint = 1024 + 2 * call->result_bytes},
                      write_accepted, call);
}

static bool topic_ok(struct hf_api_request *request, struct hf_slice topic)
{
    return topic.at == NULL || hf_topic_valid(topic) ||
           hf_api_bad(request, "topic", "topic must be 1 to %d bytes without control characters, + and #",
                      HF_TOPIC_BYTES_MAX);
}

static bool class_ok(struct hf_api_request *request, struct hf_slice text, uint8_t *ret_class)
{
    enum hf_class class = text.at ? hf_class_by_name(text) : HF_CLASS_MESSAGE;

    if (class != HF_CLASS_MESSAGE && class != HF_CLASS_TELEMETRY)
        return hf_api_bad(request, "class", "class must be message or telemetry");
    *ret_class = (uint8_t) class;
    return true;
}

static void send(struct hf_api_request *request, const struct hf_call *wish)
{
    hf_api_call(request, hf_api_call_new(request, HF_CALL_SEND, wish), on_sent);
}

/* A body of text/plain or application/octet-stream is the payload; the rest stands in the query. */
static void post_plain(struct hf_api_request *request, struct hf_call *wish, bool text)
{
    char topic[HF_TOPIC_BYTES_MAX + 1], class_text[16];
    struct hf_slice class;

    wish->payload = request->body;
    wish->flags = text ? HF_EVENT_FLAG_TEXT : 0;
    if (request->body.bytes > request->api->limits.payload_bytes_max) {
        hf_api_fail(request,
                    &(struct hf_api_trouble){.reason = HF_REASON_MESSAGE_TOO_BIG,
                                             .has_limit = true,
                                             .limit = request->api->limits.payload_bytes_max,
                                             .has_observed = true,
                                             .observed = request->body.bytes},
                    "the payload is above websocket.message_bytes_max");
        return;
    }
    if (text && !hf_ws_utf8_valid(request->body.at, request->body.bytes)) {
        (void)hf_api_bad(request, "body",
                         "text/plain must be UTF-8; send other bytes as application/octet-stream");
        return;
    }
    if (hf_api_param(request, "topic", topic, sizeof(topic), &wish->topic) &&
        hf_api_param(request, "class", class_text, sizeof(class_text), &class) &&
        hf_api_param_u64(request, "ttl_ms", 1, request->api->limits.ttl_ms_max, &wish->ttl_ms) &&
        topic_ok(request, wish->topic) && class_ok(request, class, &wish->class))
        send(request, wish);
}

static void post_json(struct hf_api_request *request, struct hf_call *wish)
{
    enum { PAYLOAD, TEXT, BASE64, TOPIC, CLASS, TTL, FIELDS };
    struct hf_json_field fields[FIELDS] = {
        [PAYLOAD] = HF_JSON_FIELD("payload"),       [TEXT] = HF_JSON_FIELD("text"),
        [BASE64] = HF_JSON_FIELD("payload_base64"), [TOPIC] = HF_JSON_FIELD("topic"),
        [CLASS] = HF_JSON_FIELD("class"),           [TTL] = HF_JSON_FIELD("ttl_ms"),
    };
    char topic[HF_TOPIC_BYTES_MAX], class_text[16];
    struct hf_slice class = {NULL, 0};
    struct hf_api_payload payload;

    if (!hf_api_json(request, fields, FIELDS) ||
        !hf_api_member_text(request, &fields[TOPIC], HF_TOPIC_BYTES_MAX, topic, sizeof(topic),
                            &wish->topic) ||
        !hf_api_member_text(request, &fields[CLASS], sizeof(class_text), class_text, sizeof(class_text),
                            &class) ||
        !hf_api_member_u64(request, &fields[TTL], 1, request->api->limits.ttl_ms_max, &wish->ttl_ms) ||
        !topic_ok(request, wish->topic) || !class_ok(request, class, &wish->class) ||
        !hf_api_payload(request, &fields[PAYLOAD], &fields[TEXT], &fields[BASE64], false, &payload))
        return;
    wish->payload = payload.bytes;
    wish->format = payload.format;
    wish->flags = payload.flags;
    send(request, wish);
    free(payload.owned);
}

void hf_api_message_post(struct hf_api_request *request)
{
    struct hf_call wish = {0};

    if (!hf_api_device_argument(request, &wish.device) || !hf_api_send_prepare(request, &wish))
        return;
    if (hf_api_content_is(request, "text/plain"))
        post_plain(request, &wish, true);
    else if (hf_api_content_is(request, "application/octet-stream"))
        post_plain(request, &wish, false);
    else if (hf_api_want_json(request))
        post_json(request, &wish);
}

void hf_api_command_post(struct hf_api_request *request)
{
    enum { NAME, PAYLOAD, TEXT, BASE64, TTL, WAIT, FIELDS };
    struct hf_json_field fields[FIELDS] = {
        [NAME] = HF_JSON_FIELD("name"),  [PAYLOAD] = HF_JSON_FIELD("payload"),
        [TEXT] = HF_JSON_FIELD("text"),  [BASE64] = HF_JSON_FIELD("payload_base64"),
        [TTL] = HF_JSON_FIELD("ttl_ms"), [WAIT] = HF_JSON_FIELD("wait_ms"),
    };
    struct hf_call wish = {.class = HF_CLASS_COMMAND};
    const struct hf_api_limits *limits = &request->api->limits;
    char name[HF_TOPIC_BYTES_MAX];
    struct hf_api_payload payload;

    if (!hf_api_device_argument(request, &wish.device) || !hf_api_send_prepare(request, &wish) ||
        !hf_api_want_json(request) || !hf_api_json(request, fields, FIELDS) ||
        !hf_api_member_text(request, &fields[NAME], HF_TOPIC_BYTES_MAX, name, sizeof(name), &wish.topic) ||
        !hf_api_member_u64(request, &fields[TTL], 1, limits->ttl_ms_max, &wish.ttl_ms) ||
        !hf_api_member_u64(request, &fields[WAIT], 0, limits->wait_ms_max, &wish.wait_ms))
        return;
    if (!hf_topic_valid(wish.topic)) {
        (void)hf_api_bad(request, "name", "name must be 1 to %d bytes without control characters, + and #",
                         HF_TOPIC_BYTES_MAX);
        return;
    }
    if (!hf_api_payload(request, &fields[PAYLOAD], &fields[TEXT], &fields[BASE64], true, &payload))
        return;
    wish.payload = payload.bytes;
    wish.format = payload.format;
    wish.flags = payload.flags;
    wish.wait = wish.wait_ms > 0;
    send(request, &wish);
    free(payload.owned);
}

/* ---- looking up ---- */

static void reply_message(struct hf_api_request *request)
{
    hf_api_reply_message(request, HF_API_MESSAGE, 200, false);
}

static void on_message_applied(struct hf_api_request *request)
{
    hf_api_message_state(request, reply_message);
}

void hf_api_message_get(struct hf_api_request *request)
{
    if (hf_api_id_argument(request, 0, request->id))
        hf_api_barrier(request, on_message_applied);
}

static void on_command_applied(struct hf_api_request *request)
{
    hf_api_reply_message(request, HF_API_COMMAND, 200, false);
}

void hf_api_command_get(struct hf_api_request *request)
{
    if (hf_api_id_argument(request, 0, request->id))
        hf_api_barrier(request, on_command_applied);
}

static void on_broadcast_applied(struct hf_api_request *request)
{
    hf_api_reply_message(request, HF_API_BROADCAST, 200, false);
}

void hf_api_broadcast_get(struct hf_api_request *request)
{
    if (hf_api_id_argument(request, 0, request->id))
        hf_api_barrier(request, on_broadcast_applied);
}

/* ---- cancelling ---- */

static void on_canceled(struct hf_api_request *request)
{
    request->call->fate = HF_FATE_CANCELED;
    hf_api_audit_request(request, "message.cancel", "device", request->call->device);
    hf_api_reply_json(request, &(struct hf_api_reply){.status = 200}, write_accepted, request->call);
}

static void cancel(struct hf_api_request *request, enum hf_api_kind kind)
{
    struct hf_call wish = {.class = kind == HF_API_COMMAND ? HF_CLASS_COMMAND : HF_CLASS_MESSAGE};
    struct hf_kv_txn *txn = NULL;
    struct hf_message_row row;

    if (!hf_api_find_message(request, kind, &txn, &row))
        return;
    unsigned fate = hf_api_fate_now(request->api, &row);
    if (hf_fate_final(fate, kind == HF_API_COMMAND)) {
        hf_api_fail(request, &(struct hf_api_trouble){.reason = HF_REASON_POLICY, .status = 409},
                    "it is %s already and cannot be canceled", hf_fate_name(fate));
    } else {
        wish.device = row.device;
        wish.topic = row.topic;
        memcpy(wish.id, request->id, sizeof(wish.id));
        hf_api_call(request, hf_api_call_new(request, HF_CALL_CANCEL, &wish), on_canceled);
    }
    hf_kv_end(txn);
}

static void cancel_message(struct hf_api_request *request)
{
    cancel(request, HF_API_MESSAGE);
}

static void cancel_command(struct hf_api_request *request)
{
    cancel(request, HF_API_COMMAND);
}

void hf_api_message_cancel(struct hf_api_request *request)
{
    if (hf_api_id_argument(request, 0, request->id))
        hf_api_barrier(request, cancel_message);
}

void hf_api_command_cancel(struct hf_api_request *request)
{
    if (hf_api_id_argument(request, 0, request->id))
        hf_api_barrier(request, cancel_command);
}
