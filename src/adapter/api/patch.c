#include "adapter/api/patch.h"

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
    return true;
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
