#include "adapter/api/page.h"

#include "base/assert.h"
#include "base/base64.h"

enum { CURSOR_CHARS_MAX = HF_BASE64URL_BYTES(HF_DEVICE_BYTES_MAX) };

static bool take_cursor(struct hf_api_request *request, struct hf_api_page *page)
{
    char storage[CURSOR_CHARS_MAX + 1];
    struct hf_slice text;
    size_t bytes = 0;

    if (!hf_api_param(request, "cursor", storage, sizeof(storage), &text))
        return false;
    if (text.at == NULL)
        return true;
    page->after = (struct hf_slice){page->after_storage, 0};
    if (hf_base64url_decode(text, page->after_storage, sizeof(page->after_storage), &bytes) == HF_OK)
        page->after.bytes = bytes;
    return hf_id_valid(page->after, page->id_bytes_max) ||
           hf_api_bad(request, "cursor", "cursor must be the next_cursor of the page before");
}

bool hf_api_page_take(struct hf_api_request *request, size_t id_bytes_max, struct hf_api_page *ret_page)
{
    uint64_t max = request->api->limits.page_items_max;

    HF_ASSERT(id_bytes_max <= sizeof(ret_page->last));
    *ret_page = (struct hf_api_page){.limit = HF_MIN(HF_API_PAGE_ITEMS, max), .id_bytes_max = id_bytes_max};
    return hf_api_param_u64(request, "limit", 1, max, &ret_page->limit) && take_cursor(request, ret_page);
}

bool hf_api_param_presence(struct hf_api_request *request, bool *ret_said, enum hf_presence *ret_state)
{
    char storage[16];
    struct hf_slice text;

    if (!hf_api_param(request, "state", storage, sizeof(storage), &text))
        return false;
    *ret_said = text.at != NULL;
    for (unsigned i = 0; i < HF_PRESENCES; i++)
        if (text.at != NULL && hf_slice_is(text, hf_presence_name(i))) {
            *ret_state = (enum hf_presence)i;
            return true;
        }
    return text.at == NULL || hf_api_bad(request, "state", "state must be online, offline or unknown");
}

void hf_api_page_begin(struct hf_api_page *page, struct hf_json_out *out, const char *array)
{
    page->items = page->rows = page->last_bytes = 0; /* it may be written once more, with more room */
    hf_json_out_array(out, array);
}

bool hf_api_page_open(const struct hf_api_page *page)
{
    return page->items < page->limit && page->rows < HF_API_SCAN_ROWS_MAX;
}

void hf_api_page_row(struct hf_api_page *page, struct hf_slice id)
{
    page->rows++;
    page->last_bytes = HF_MIN(id.bytes, page->id_bytes_max);
    memcpy(page->last, id.at, page->last_bytes);
}

void hf_api_page_end(struct hf_api_request *request, struct hf_api_page *page, struct hf_json_out *out,
                     hf_err err)
{
    char text[CURSOR_CHARS_MAX];
    size_t bytes = 0;

    hf_json_out_end(out);
    if (err != HF_OK && err != HF_ERR_NOT_FOUND)
        request->write_err = err;
    if (err == HF_OK && page->last_bytes > 0) { /* stopped before the end */
        (void)hf_base64url_encode(page->last, page->last_bytes, text, sizeof(text), &bytes);
        hf_json_out_text(out, "next_cursor", (struct hf_slice){text, bytes});
    }
}
