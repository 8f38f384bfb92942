/* client/app.c - between the engine and the application: what happened becomes callbacks, what was asked for becomes calls. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/uuid.h"
#include "client/driver.h"
#include "client/session/core_path.h"
#include "codec/json/scan.h"

enum { TEXT_BYTES = 257 };
_Static_assert((int)HOLDFAST_SUSPECT_NAME == (int)HF_PATH_NAME &&
                   (int)HOLDFAST_SUSPECT_JITTER == (int)HF_PATH_JITTER,
               "one number for both");

/* NUL-terminated; what is longer, or holds a NUL, is cut. */
static const char *text_of(struct hf_slice from, char out[TEXT_BYTES])
{
    size_t bytes = HF_MIN(from.bytes, (size_t)TEXT_BYTES - 1);

    if (bytes > 0)
        memcpy(out, from.at, bytes);
    out[bytes] = '\0';
    return out;
}

static bool is_result(int status)
{
    return status >= HOLDFAST_RESULT_OK && status <= HOLDFAST_RESULT_UNSUPPORTED;
}

/* ---- to the application ---- */

static int give_command(struct hf_client *client, const struct hf_client_incoming *incoming,
                        struct hf_client_result *ret_result)
{
    struct hf_client_reply reply = {.status = HOLDFAST_RESULT_OK};
    int answer = HOLDFAST_DONE;

    if (client->options.on_command != NULL)
        answer = client->options.on_command(client->options.user, incoming, &reply);
    else
        reply.status = HOLDFAST_RESULT_UNSUPPORTED;
    *ret_result = (struct hf_client_result){
        .status = (uint8_t)(is_result(reply.status) ? reply.status : HOLDFAST_RESULT_FAILED),
        .format = (uint8_t)reply.format,
        .text = reply.text,
        .payload = {reply.payload != NULL ? reply.payload : "",
                    reply.payload != NULL ? reply.payload_bytes : 0}};
    return answer;
}

static enum hf_client_answer on_message(void *user, const struct hf_client_message *message,
                                        struct hf_client_result *ret_result)
{
    struct hf_client *client = user;
    char id[HF_UUID_TEXT_BYTES + 1] = "", topic[TEXT_BYTES], key[TEXT_BYTES];
    struct hf_client_incoming incoming = {.handle = message->handle,
                                          .id = id,
                                          .topic = text_of(message->topic, topic),
                                          .key = text_of(message->key, key),
                                          .payload = message->payload.bytes > 0 ? message->payload.at : "",
                                          .payload_bytes = message->payload.bytes,
                                          .format = message->format,
                                          .text = message->text,
                                          .publication = message->publish,
                                          .time_ms = message->time_ms,
                                          .expires_ms = message->expires_ms,
                                          .ttl_ms = message->ttl_ms};
    int answer = HOLDFAST_DONE;

    if (!hf_store_uuid_is_none(message->id))
        hf_uuid_text(message->id, id);
    if (message->command)
        answer = give_command(client, &incoming, ret_result);
    else if (client->options.on_message != NULL)
        answer = client->options.on_message(client->options.user, &incoming);
    return answer == HOLDFAST_LATER ? HF_CLIENT_LATER : HF_CLIENT_DONE;
}

static void on_done(void *user, uint64_t handle, hf_err err)
{
    const struct hf_client *client = user;

    if (client->options.on_acknowledged != NULL)
        client->options.on_acknowledged(client->options.user, handle, err);
}

static void on_gap(void *user, uint64_t from, uint64_t to, enum hf_reason reason)
{
    const struct hf_client *client = user;

    if (client->options.on_gap != NULL)
        client->options.on_gap(client->options.user, from, to, hf_reason_name(reason));
}

static void on_published(void *user, void *cookie, uint64_t id, hf_err err)
{
    struct hf_client *client = user;
    struct hf_line_entry *entry = cookie;

    if (entry->on_done != NULL)
        entry->on_done(client->options.user, entry->cookie, id, err);
    hf_line_free(&client->line, entry);
}

static void on_sent(void *user, uint64_t id)
{
    const struct hf_client *client = user;

    if (client->options.on_sent != NULL)
        client->options.on_sent(client->options.user, id);
}

static void on_failed(void *user, uint64_t id, enum hf_reason reason)
{
    const struct hf_client *client = user;

    if (client->options.on_failed != NULL)
        client->options.on_failed(client->options.user, id, hf_reason_name(reason));
}

static void on_opened(void *user, const struct hf_client_opened *opened)
{
    const struct hf_client *client = user;
    char connection[2 + 16 + 1] = "", node[TEXT_BYTES];
    uint32_t last_ms = (uint32_t)(hf_client_now(client).now_ms - client->step_ms);
    uint32_t greeting_ms = client->url.mqtt ? last_ms : HF_MIN(opened->greeting_ms, last_ms);
    const struct hf_client_open open = {.result = (int)opened->result,
                                        .reason = hf_reason_name(opened->reason),
                                        .epoch = opened->epoch,
                                        .connection = connection,
                                        .node = text_of(opened->node, node),
                                        .time_ms = opened->time_ms,
                                        .dns_ms = client->dns_ms,
                                        .tcp_ms = client->tcp_ms,
                                        .tls_ms = client->tls_ms,
                                        .upgrade_ms = last_ms - greeting_ms,
                                        .greeting_ms = greeting_ms};

    if (opened->connection_id != 0) /* a broker's have no names */
        (void)snprintf(connection, sizeof(connection), "c_%016llx",
                       (unsigned long long)opened->connection_id);
    if (client->options.on_open != NULL)
        client->options.on_open(client->options.user, &open);
}

static void on_closed(void *user, const struct hf_client_closed *closed)
{
    const struct hf_client *client = user;
    char text[TEXT_BYTES];
    const struct hf_client_close close = {.code = closed->code,
                                          .by_gateway = closed->by_peer,
                                          .reason = hf_reason_name(closed->reason),
                                          .failure = (int)closed->failure,
                                          .text = text_of(closed->text, text),
                                          .retry = closed->retry,
                                          .retry_ms = closed->retry_ms};

    if (client->options.on_close != NULL)
        client->options.on_close(client->options.user, &close);
}

static void on_state(void *user, enum hf_link_state state, enum hf_link_state before,
                     enum hf_link_event event)
{
    const struct hf_client *client = user;

    (void)event;
    if (client->options.on_state != NULL)
        client->options.on_state(client->options.user, (int)state, (int)before);
}

struct hf_client_path hf_client_app_path(const struct hf_client_path_facts *facts)
{
    return (struct hf_client_path){.size = sizeof(struct hf_client_path),
                                   .suspect = facts->suspect,
                                   .rtt_us = facts->rtt_us,
                                   .rtt_sigma_us = facts->rtt_sigma_us};
}

static void on_path(void *user, const struct hf_client_path_facts *facts)
{
    const struct hf_client *client = user;
    const struct hf_client_path path = hf_client_app_path(facts);

    if (client->options.on_path != NULL)
        client->options.on_path(client->options.user, &path);
}

static void tell_error(const struct hf_client *client, hf_err err, enum hf_reason reason, const char *detail)
{
    if (client->options.on_error != NULL)
        client->options.on_error(client->options.user, err, hf_reason_name(reason), detail);
}

static void on_error(void *user, hf_err err, enum hf_reason reason, struct hf_slice detail)
{
    char text[TEXT_BYTES];

    tell_error(user, err, reason, text_of(detail, text));
}

static void on_credentials(void *user, uint64_t expires_ms)
{
    const struct hf_client *client = user;

    if (client->options.on_credentials != NULL)
        client->options.on_credentials(client->options.user, expires_ms);
}

/* "" when it is not there, or longer than there is room for. */
static void text_field(const struct hf_json_field *field, char *out, size_t out_bytes)
{
    struct hf_slice text = {NULL, 0};

    if (!field->found || hf_json_to_text(field, out, out_bytes - 1, &text) != HF_OK ||
        text.bytes >= out_bytes) {
        out[0] = '\0';
        return;
    }
    memmove(out, text.at, text.bytes);
    out[text.bytes] = '\0';
}

/* What the application has stored is read from its files for the next connection. */
static void on_certificate(struct hf_client *client, const struct hf_client_document *document)
{
    struct hf_json_field fields[] = {HF_JSON_FIELD("result"),        HF_JSON_FIELD("detail"),
                                     HF_JSON_FIELD("certificate"),   HF_JSON_FIELD("not_after_ms"),
                                     HF_JSON_FIELD("renew_from_ms"), HF_JSON_FIELD("retry_ms")};
    enum { RESULT_BYTES = 64, DETAIL_BYTES = 256 };
    char result[RESULT_BYTES] = "", detail[DETAIL_BYTES] = "", chain[HOLDFAST_CHAIN_BYTES_MAX] = "";
    char *const texts[] = {result, detail, chain};
    static const size_t rooms[] = {RESULT_BYTES, DETAIL_BYTES, HOLDFAST_CHAIN_BYTES_MAX};
    struct hf_client_certificate told = {.request = document->request,
                                         .reason = hf_reason_name(document->reason),
                                         .result = result,
                                         .detail = detail};

    if (document->json.bytes > 0 &&
        hf_json_scan(document->json.at, document->json.bytes, fields, HF_COUNT_OF(fields), 0) == HF_OK) {
        for (size_t i = 0; i < HF_COUNT_OF(texts); i++)
            text_field(&fields[i], texts[i], rooms[i]);
        (void)hf_json_to_u64(&fields[3], &told.not_after_ms);
        (void)hf_json_to_u64(&fields[4], &told.renew_from_ms);
        (void)hf_json_to_u64(&fields[5], &told.retry_ms);
    }
    if (chain[0] != '\0')
        told.chain = chain;
    if (client->options.on_certificate(client->options.user, &told) == HOLDFAST_OK && told.chain != NULL)
        client->tls_stale = true;
}

static void on_document(void *user, const struct hf_client_document *document)
{
    struct hf_client *client = user;
    char id[HF_UUID_TEXT_BYTES + 1];
    const struct hf_client_context told = {.document = document->document,
                                           .request = document->request,
                                           .reason = hf_reason_name(document->reason),
                                           .version = document->version,
                                           .snapshot_id = id,
                                           .full = document->full,
                                           .json = document->json.bytes > 0 ? document->json.at : NULL,
                                           .json_bytes = document->json.bytes};

    if (document->document == HF_DOCUMENT_CERTIFICATE) {
        on_certificate(client, document);
        return;
    }
    hf_uuid_text(document->snapshot_id, id);
    (document->document == HF_DOCUMENT_SHADOW ? client->options.on_shadow
                                              : client->options.on_document)(client->options.user, &told);
}

void hf_client_app_fill(struct hf_client_ops *ops)
{
    *ops = (struct hf_client_ops){.message = on_message,
                                  .done = on_done,
                                  .gap = on_gap,
                                  .published = on_published,
                                  .sent = on_sent,
                                  .failed = on_failed,
                                  .opened = on_opened,
                                  .closed = on_closed,
                                  .state = on_state,
                                  .path = on_path,
                                  .error = on_error,
                                  .credentials = on_credentials,
                                  .document = on_document};
}

hf_err hf_client_app_token(struct hf_client *client, bool fresh, char out[HF_FRAME_TOKEN_BYTES_MAX + 1])
{
    out[0] = '\0';
    if (client->options.token(client->options.user, fresh, out, HF_FRAME_TOKEN_BYTES_MAX + 1) !=
            HOLDFAST_OK ||
        memchr(out, '\0', HF_FRAME_TOKEN_BYTES_MAX + 1) == NULL || out[0] == '\0' ||
        strpbrk(out, "\r\n ") != NULL)
        return HF_ERR_INVALID;
    return HF_OK;
}

/* ---- from the line ---- */

static void publish(struct hf_client *client, struct hf_line_entry *entry)
{
    struct hf_client_time now = hf_client_now(client);
    const struct hf_store_message message = {
        .class = (uint8_t)entry->class,
        .urgent = entry->urgent || entry->class == HOLDFAST_ALARM,
        .text = entry->text,
        .format = (uint8_t)entry->format,
        .expires_ms = entry->ttl_ms != 0 && now.utc_ms != 0 ? now.utc_ms + entry->ttl_ms : 0,
        .topic = {entry->topic, entry->topic_bytes},
        .payload = {entry->payload, entry->payload_bytes}};
    hf_err err = client->engine->ops->publish(client->engine, &now, &message, entry);

    if (err != HF_OK) /* else `published` has it */
        hf_client_app_refuse(client, entry, err);
}

static void acknowledge(struct hf_client *client, const struct hf_line_entry *entry)
{
    struct hf_client_time now = hf_client_now(client);
    const struct hf_client_result result = {.status = (uint8_t)entry->status,
                                            .format = (uint8_t)entry->format,
                                            .text = entry->text,
                                            .payload = {entry->payload, entry->payload_bytes}};
    hf_err err = client->engine->ops->done(client->engine, &now, entry->handle,
                                           entry->kind == HF_LINE_ANSWER ? &result : NULL);

    if (err != HF_OK)
        on_done(client, entry->handle, err);
}

static void subscribe(struct hf_client *client, const struct hf_line_entry *entry)
{
    struct hf_client_time now = hf_client_now(client);
    struct hf_slice topic = {entry->topic, entry->topic_bytes};
    hf_err err = client->engine->ops->subscribe(client->engine, &now, topic, entry->on);

    if (err == HF_ERR_UNSUPPORTED)
        tell_error(client, err, HF_REASON_NOT_IMPLEMENTED,
                   "a broker's messages for this device come by themselves; other topics are not subscribed");
    else if (err != HF_OK)
        tell_error(client, err, HF_REASON_BAD_REQUEST, "the subscription was not sent");
}

/* It was not sent: that is its answer. */
static void patch_failed(struct hf_client *client, const struct hf_line_entry *entry, hf_err err)
{
    const struct hf_client_document told = {
        .document = (uint8_t)entry->document,
        .request = entry->request,
        .version = client->engine->ops->document_version(client->engine, (unsigned)entry->document),
        .reason = err == HF_ERR_CLOSED        ? HF_REASON_CONNECTION_GONE
                  : err == HF_ERR_UNSUPPORTED ? HF_REASON_NOT_IMPLEMENTED
                  : err == HF_ERR_AGAIN       ? HF_REASON_BUSY
                                              : HF_REASON_BAD_REQUEST};

    on_document(client, &told);
}

static void patch(struct hf_client *client, const struct hf_line_entry *entry)
{
    struct hf_client_time now = hf_client_now(client);
    const struct hf_client_patch change = {.request = entry->request,
                                           .document = (uint8_t)entry->document,
                                           .kind = (uint8_t)entry->patch,
                                           .merge = (uint8_t)entry->merge,
                                           .ttl_ms = (uint32_t)entry->ttl_ms,
                                           .base_version = entry->base_version,
                                           .json = {entry->payload, entry->payload_bytes}};
    hf_err err = client->engine->ops->patch(client->engine, &now, &change);

    if (err != HF_OK)
        patch_failed(client, entry, err);
}

static void renew(struct hf_client *client)
{
    struct hf_client_time now = hf_client_now(client);
    char token[HF_FRAME_TOKEN_BYTES_MAX + 1];
    hf_err err = client->options.token != NULL ? hf_client_app_token(client, true, token) : HF_ERR_INVALID;

    if (err == HF_OK)
        err = client->engine->ops->token(client->engine, &now, hf_slice_of(token));
    if (err == HF_ERR_UNSUPPORTED)
        tell_error(client, err, HF_REASON_NOT_IMPLEMENTED,
                   "a broker is shown a token when it is connected to");
    else if (err != HF_OK && err != HF_ERR_CLOSED) /* not connected: the next connection asks anyway */
        tell_error(client, err, HF_REASON_CREDENTIALS_MISSING, "the token was not sent");
}

void hf_client_app_take(struct hf_client *client, struct hf_line_entry *entry)
{
    switch (entry->kind) {
    case HF_LINE_PUBLISH: publish(client, entry); return;
    case HF_LINE_ACKNOWLEDGE:
    case HF_LINE_ANSWER: acknowledge(client, entry); break;
    case HF_LINE_SUBSCRIBE: subscribe(client, entry); break;
    case HF_LINE_RENEW: renew(client); break;
    case HF_LINE_PATCH: patch(client, entry); break;
    }
    hf_line_free(&client->line, entry);
}

void hf_client_app_refuse(struct hf_client *client, struct hf_line_entry *entry, hf_err err)
{
    if (entry->kind == HF_LINE_PUBLISH && entry->on_done != NULL)
        entry->on_done(client->options.user, entry->cookie, 0, err);
    if (entry->kind == HF_LINE_PATCH)
        patch_failed(client, entry, err);
    hf_line_free(&client->line, entry);
}
