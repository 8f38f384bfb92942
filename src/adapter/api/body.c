#include <stdio.h>
#include <stdlib.h>

#include "adapter/api/request.h"
#include "base/base64.h"
#include "codec/json/array.h"

enum {
    DEPTH_MAX =
        HF_JSON_DEPTH_MAX + 1, /* a payload may be as deep as a device's message, inside its envelope */
    KNOWN_BYTES = 128,         /* names of a body's members, in a refusal */
};

bool hf_api_content_is(const struct hf_api_request *request, const char *type)
{
    const char *semicolon = request->content_type.bytes
                                ? memchr(request->content_type.at, ';', request->content_type.bytes)
                                : NULL;
    struct hf_slice plain = {request->content_type.at, semicolon
                                                           ? (size_t)(semicolon - request->content_type.at)
                                                           : request->content_type.bytes};

    return hf_slice_eq_nocase(hf_slice_trim(plain), hf_slice_of(type));
}

bool hf_api_want_json(struct hf_api_request *request)
{
    if (request->content_type.at == NULL || hf_api_content_is(request, "application/json"))
        return true;
    hf_api_fail(request,
                &(struct hf_api_trouble){.reason = HF_REASON_UNSUPPORTED_DATA, .field = "Content-Type"},
                "Content-Type must be application/json here");
    return false;
}

/* A member that nobody reads is a slip: done without it, the request would mean something else ("ttl" instead of "ttl_ms"). */
static bool knows_members(struct hf_api_request *request, const struct hf_json_field *fields, size_t count)
{
    struct hf_slice rest = hf_slice_trim(request->body);
    struct hf_json_field member;
    char name[HF_JSON_NAME_BYTES_MAX + 1], known[KNOWN_BYTES];
    struct hf_sb sb;

    while (hf_json_object_next(&rest, &member)) {
        size_t i = 0;

        while (i < count && !hf_slice_eq(fields[i].name, member.name))
            i++;
        if (i < count || memchr(member.name.at, '\\', member.name.bytes) != NULL)
            continue; /* spelled with escapes: whether it is one of them, the scan knows */
        hf_sb_init(&sb, known, sizeof(known));
        for (i = 0; i < count; i++)
            hf_sb_printf(&sb, "%s%s", i > 0 ? ", " : "", fields[i].name.at);
        (void)hf_sb_done(&sb);
        (void)snprintf(name, sizeof(name), "%.*s", (int)member.name.bytes, member.name.at);
        return hf_api_bad(request, member.name.bytes < sizeof(name) ? name : "body",
                          "there is no such member here; there are %s", known);
    }
    return true;
}

bool hf_api_json(struct hf_api_request *request, struct hf_json_field *fields, size_t count)
{
    hf_err err = hf_json_scan(request->body.at, request->body.bytes, fields, count, DEPTH_MAX);

    if (err == HF_ERR_LIMIT)
        return hf_api_bad(request, "body", "the JSON may be nested %d deep", DEPTH_MAX);
    if (err != HF_OK)
        return hf_api_bad(request, "body", "the body is not one JSON object, or a member stands there twice");
    if (hf_json_type_of(request->body) != HF_JSON_OBJECT)
        return hf_api_bad(request, "body", "the body must be a JSON object");
    return count == 0 || knows_members(request, fields, count);
}

static const char *name_of(const struct hf_json_field *field)
{
    return field->name.at; /* a literal: HF_JSON_FIELD */
}

bool hf_api_member_u64(struct hf_api_request *request, const struct hf_json_field *field, uint64_t min,
                       uint64_t max, uint64_t *value)
{
    uint64_t number = 0;

    if (!field->found || field->type == HF_JSON_NULL)
        return true;
    if (hf_json_to_u64(field, &number) != HF_OK || number < min || number > max)
        return hf_api_bad(request, name_of(field), "%s must be %llu to %llu", name_of(field),
                          (unsigned long long)min, (unsigned long long)max);
    *value = number;
    return true;
}

bool hf_api_member_text(struct hf_api_request *request, const struct hf_json_field *field, size_t bytes_max,
                        char *storage, size_t storage_bytes, struct hf_slice *value)
{
    struct hf_slice text;

    if (!field->found || field->type == HF_JSON_NULL)
        return true;
    hf_err err = hf_json_to_text(field, storage, storage_bytes, &text);
    if (err == HF_ERR_INVALID)
        return hf_api_bad(request, name_of(field), "%s must be a string", name_of(field));
    if (err != HF_OK || text.bytes > bytes_max)
        return hf_api_bad(request, name_of(field), "%s may have %zu bytes", name_of(field), bytes_max);
    *value = text;
    return true;
}

static bool decode_base64(struct hf_api_request *request, const struct hf_json_field *field,
                          struct hf_api_payload *payload)
{
    struct hf_slice text;
    size_t bytes = 0;

    if (hf_json_to_text(field, payload->owned, field->raw.bytes, &text) != HF_OK ||
        hf_base64_decode(text, payload->owned, field->raw.bytes, &bytes) != HF_OK)
        return hf_api_bad(request, "payload_base64",
                          "payload_base64 must be base64 with padding (RFC 4648 section 4)");
    payload->bytes = (struct hf_slice){payload->owned, bytes};
    payload->format = HF_FORMAT_OPAQUE;
    return true;
}

static bool take(struct hf_api_request *request, const struct hf_json_field *payload,
                 const struct hf_json_field *text, const struct hf_json_field *base64,
                 struct hf_api_payload *ret)
{
    const struct hf_json_field *owned = base64->found ? base64 : text->found ? text : NULL;

    if (payload->found) {
        ret->bytes = payload->raw;
        ret->format = HF_FORMAT_JSON;
        return true;
    }
    ret->owned = malloc(owned->raw.bytes);
    if (ret->owned == NULL) {
        hf_api_fail_err(request, HF_ERR_NOMEM);
        return false;
    }
    if (owned == base64)
        return decode_base64(request, base64, ret);
    if (hf_json_to_text(text, ret->owned, text->raw.bytes, &ret->bytes) != HF_OK)
        return hf_api_bad(request, "text", "text must be a string");
    ret->flags = HF_EVENT_FLAG_TEXT;
    return true;
}

bool hf_api_payload(struct hf_api_request *request, const struct hf_json_field *payload,
                    const struct hf_json_field *text, const struct hf_json_field *base64, bool optional,
                    struct hf_api_payload *ret_payload)
{
    unsigned count = (unsigned)payload->found + text->found + base64->found;

    *ret_payload = (struct hf_api_payload){.bytes = {"", 0}};
    if (count == 0 && optional)
        return true;
    if (count != 1)
        return hf_api_bad(request, "payload", "send exactly one of payload, text and payload_base64");
    if (!take(request, payload, text, base64, ret_payload)) {
        free(ret_payload->owned);
        return false;
    }
    if (ret_payload->bytes.bytes <= request->api->limits.payload_bytes_max)
        return true;
    hf_api_fail(request,
                &(struct hf_api_trouble){.reason = HF_REASON_MESSAGE_TOO_BIG,
                                         .field = "payload",
                                         .has_limit = true,
                                         .limit = request->api->limits.payload_bytes_max,
                                         .has_observed = true,
                                         .observed = ret_payload->bytes.bytes},
                "the payload is above websocket.message_bytes_max");
    free(ret_payload->owned);
    return false;
}
