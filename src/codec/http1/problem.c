/* codec/http1/problem.c - see problem.h. */
#include "codec/http1/problem.h"

enum { HEADERS_OWN = 2, STATUS_UNNAMED = 500, MS_PER_S = 1000 };

static unsigned status_of(const struct hf_http1_problem_doc *doc)
{
    unsigned status = doc->status != 0 ? doc->status : hf_reason_info(doc->reason)->http_status;

    return status != 0 ? status : STATUS_UNNAMED;
}

static uint64_t retry_ms_of(const struct hf_http1_problem_doc *doc)
{
    return doc->retry_after_ms != 0 ? doc->retry_after_ms : hf_reason_info(doc->reason)->retry_ms;
}

/* Cuts at HF_HTTP1_DETAIL_BYTES_MAX, moved back to the start of a UTF-8 character. */
static struct hf_slice shorten(struct hf_slice detail)
{
    if (detail.bytes <= HF_HTTP1_DETAIL_BYTES_MAX)
        return detail;
    detail.bytes = HF_HTTP1_DETAIL_BYTES_MAX;
    while (detail.bytes > 0 && ((uint8_t)detail.at[detail.bytes] & 0xc0) == 0x80)
        detail.bytes--;
    return detail;
}

void hf_http1_problem_members(struct hf_json_out *out, const struct hf_http1_problem_doc *doc)
{
    const struct hf_reason_info *info = hf_reason_info(doc->reason);
    char type_storage[96];
    struct hf_sb type;

    hf_sb_init(&type, type_storage, sizeof(type_storage));
    hf_sb_text(&type, "/reasons#");
    hf_sb_text(&type, info->name);

    hf_json_out_text(out, "type", hf_sb_done(&type));
    hf_json_out_cstr(out, "title", info->text);
    hf_json_out_u64(out, "status", status_of(doc));
    if (doc->detail.at != NULL)
        hf_json_out_text(out, "detail", shorten(doc->detail));
    hf_json_out_cstr(out, "reason", info->name);
    if (doc->check != NULL)
        hf_json_out_cstr(out, "check", doc->check);
    if (doc->field != NULL)
        hf_json_out_cstr(out, "field", doc->field);
    if (doc->has_limit)
        hf_json_out_u64(out, "limit", doc->limit);
    if (doc->has_observed)
        hf_json_out_u64(out, "observed", doc->observed);
    if (retry_ms_of(doc) != 0)
        hf_json_out_u64(out, "retry_after_ms", retry_ms_of(doc));
}

hf_err hf_http1_problem_body(struct hf_sb *sb, const struct hf_http1_problem_doc *doc)
{
    struct hf_json_out out;

    hf_json_out_init(&out, sb);
    hf_json_out_object(&out, NULL);
    hf_http1_problem_members(&out, doc);
    hf_json_out_end(&out);
    return sb->overflow ? HF_ERR_LIMIT : HF_OK;
}

hf_err hf_http1_problem(struct hf_sb *sb, const struct hf_http1_problem_doc *doc)
{
    struct hf_http1_header headers[HF_HTTP1_HEADERS_MAX];
    char storage[HF_HTTP1_PROBLEM_BODY_BYTES_MAX], retry_storage[24];
    struct hf_sb body, retry;
    uint64_t retry_ms = retry_ms_of(doc);
    size_t count = 0;
    hf_err err;

    if (doc->header_count > HF_HTTP1_HEADERS_MAX - HEADERS_OWN)
        return HF_ERR_INVALID;
    hf_sb_init(&body, storage, sizeof(storage));
    err = hf_http1_problem_body(&body, doc);
    if (err != HF_OK)
        return err;
    headers[count++] = (struct hf_http1_header){HF_SLICE("Cache-Control"), HF_SLICE("no-store")};
    if (retry_ms != 0) {
        hf_sb_init(&retry, retry_storage, sizeof(retry_storage));
        hf_sb_u64(&retry, retry_ms / MS_PER_S + (retry_ms % MS_PER_S != 0));
        headers[count++] = (struct hf_http1_header){HF_SLICE("Retry-After"), hf_sb_done(&retry)};
    }
    for (size_t i = 0; i < doc->header_count; i++)
        headers[count++] = doc->headers[i];
    return hf_http1_write_answer(sb, &(struct hf_http1_answer){.status = status_of(doc),
                                                               .content_type = "application/problem+json",
                                                               .body = hf_sb_done(&body),
                                                               .close = doc->close,
                                                               .head_only = doc->head_only,
                                                               .headers = headers,
                                                               .header_count = count});
}

hf_err hf_http1_refuse(struct hf_sb *sb, enum hf_http1_problem problem)
{
    const struct hf_http1_problem_info *info = hf_http1_problem_info(problem);

    return hf_http1_problem(sb, &(struct hf_http1_problem_doc){.reason = info->reason,
                                                               .status = info->http_status,
                                                               .detail = hf_slice_of(info->text),
                                                               .close = true});
}
