#include "adapter/api/patch.h"

#include "codec/json/array.h"

bool hf_api_etag_parse(struct hf_slice text, uint64_t *ret_version)
{
    text = hf_slice_trim(text);
    return text.bytes > 2 && text.at[0] == '"' && text.at[text.bytes - 1] == '"' &&
           hf_slice_to_u64((struct hf_slice){text.at + 1, text.bytes - 2}, ret_version);
}

bool hf_api_take_base(struct hf_api_request *request, struct hf_call_document *document)
{
    if (request->if_match.at == NULL)
        return true;
    return (hf_api_etag_parse(request->if_match, &document->base_version) && document->base_version > 0) ||
           hf_api_bad(request, "If-Match", "If-Match must be one ETag of this document, such as \"7\"");
}

static bool is_one_of(const struct hf_json_field *field, const char *const *names, size_t count)
{
    char storage[16];
    struct hf_slice text;

    if (hf_json_to_text(field, storage, sizeof(storage), &text) != HF_OK)
        return false;
    for (size_t i = 0; i < count; i++)
        if (hf_slice_is(text, names[i]))
            return true;
    return false;
}

/* RFC 6902: one operation, as far as it can be judged without the document. */
static bool take_operation(struct hf_api_request *request, struct hf_slice operation, unsigned at)
{
    enum { OP, PATH, FROM, VALUE, FIELDS };
    static const char *const all[] = {"add", "replace", "test", "move", "copy", "remove"};
    enum { WITH_VALUE = 3, WITH_FROM = 2 }; /* in their order */
    struct hf_json_field fields[FIELDS] = {[OP] = HF_JSON_FIELD("op"),
                                           [PATH] = HF_JSON_FIELD("path"),
                                           [FROM] = HF_JSON_FIELD("from"),
                                           [VALUE] = HF_JSON_FIELD("value")};

    if (hf_json_type_of(operation) != HF_JSON_OBJECT ||
        hf_json_scan(operation.at, operation.bytes, fields, FIELDS, HF_JSON_DEPTH_CEILING) != HF_OK)
        return hf_api_bad(request, "body", "operation %u is no object, or has a member twice", at);
    if (!is_one_of(&fields[OP], all, HF_COUNT_OF(all)))
        return hf_api_bad(request, "op", "operation %u: op must be add, remove, replace, move, copy or test",
                          at);
    if (fields[PATH].type != HF_JSON_STRING)
        return hf_api_bad(request, "path", "operation %u: path must be a text such as /desired/led", at);
    if (!fields[VALUE].found && is_one_of(&fields[OP], all, WITH_VALUE))
        return hf_api_bad(request, "value", "operation %u: add, replace and test need a value", at);
    if (fields[FROM].type != HF_JSON_STRING && is_one_of(&fields[OP], all + WITH_VALUE, WITH_FROM))
        return hf_api_bad(request, "from", "operation %u: move and copy need from, a path", at);
    return true;
}

/* What the document's home would refuse without saying what is wrong. What is nested too deep is left to it. */
static bool take_form(struct hf_api_request *request, enum hf_patch_kind kind)
{
    hf_err err = hf_json_scan(request->body.at, request->body.bytes, NULL, 0, HF_JSON_DEPTH_CEILING);
    struct hf_slice rest = hf_slice_trim(request->body);
    struct hf_json_field operation;

    if (err == HF_ERR_LIMIT)
        return true;
    if (err != HF_OK)
        return hf_api_bad(request, "body", "the body is not JSON");
    if (kind == HF_PATCH_MERGE)
        return true;
    if (hf_json_type_of(request->body) != HF_JSON_ARRAY)
        return hf_api_bad(request, "body", "a JSON Patch is an array of operations");
    for (unsigned at = 0; hf_json_array_next(&rest, &operation); at++)
        if (!take_operation(request, operation.raw, at))
            return false;
    return true;
}

bool hf_api_take_patch(struct hf_api_request *request, struct hf_call_document *document)
{
    static const struct hf_http1_header accepted = {
        HF_SLICE("Accept-Patch"), HF_SLICE("application/merge-patch+json, application/json-patch+json")};

    if (hf_api_content_is(request, "application/merge-patch+json"))
        document->kind = HF_PATCH_MERGE;
    else if (hf_api_content_is(request, "application/json-patch+json"))
        document->kind = HF_PATCH_JSON;
    else {
        hf_api_fail(request,
                    &(struct hf_api_trouble){.reason = HF_REASON_UNSUPPORTED_DATA,
                                             .field = "Content-Type",
                                             .headers = &accepted,
                                             .header_count = 1},
                    "Content-Type must be application/merge-patch+json or application/json-patch+json");
        return false;
    }
    return take_form(request, document->kind);
}

struct hf_http1_header hf_api_etag(const struct hf_call *call, char storage[HF_API_ETAG_BYTES])
{
    struct hf_sb sb;

    hf_sb_init(&sb, storage, HF_API_ETAG_BYTES);
    hf_sb_char(&sb, '"');
    hf_sb_u64(&sb, call->document.version);
    hf_sb_char(&sb, '"');
    return (struct hf_http1_header){HF_SLICE("ETag"), hf_sb_done(&sb)};
}

struct hf_slice hf_api_who(const struct hf_api_request *request, char storage[HF_API_WHO_BYTES_MAX])
{
    struct hf_sb sb;

    hf_sb_init(&sb, storage, HF_API_WHO_BYTES_MAX);
    hf_sb_text(&sb, "key/");
    hf_sb_text(&sb, request->key_id);
    return hf_sb_done(&sb);
}
