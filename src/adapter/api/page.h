/* adapter/api/page.h - lists in pages: what of them is asked for, and the walk over rows of a table up to the end of a page. The cursor of a page is the id that the walk stopped at, so
 * that rows which come and go between two pages harm nobody. */
#ifndef HF_ADAPTER_API_PAGE_H
#define HF_ADAPTER_API_PAGE_H

#include "adapter/api/request.h"
#include "core/presence.h"

struct hf_api_page {
    uint64_t limit;        /* items of the page */
    struct hf_slice after; /* the id of the row that the page before stopped at; absent = from the start */
    uint64_t items;
    /* private */
    uint64_t rows; /* looked at */
    size_t id_bytes_max, last_bytes;
    char after_storage[HF_DEVICE_BYTES_MAX], last[HF_DEVICE_BYTES_MAX];
};

/* Parameters `limit` and `cursor`. id_bytes_max: of the ids that the list goes by, at most HF_DEVICE_BYTES_MAX. False: it was answered 400. */
bool hf_api_page_take(struct hf_api_request *request, size_t id_bytes_max, struct hf_api_page *ret_page);
/* Parameter `state`; *ret_said false: it was not there. False: it was answered 400. */
bool hf_api_param_presence(struct hf_api_request *request, bool *ret_said, enum hf_presence *ret_state);

/* The walk:
 *
 *   hf_api_page_begin(&page, out, "names");
 *   while (hf_api_page_open(&page) && (err = next(&id)) == HF_OK) {
 *       hf_api_page_row(&page, id);
 *       if (wanted) { page.items++; ... }
 *   }
 *   hf_api_page_end(request, &page, out, err);
 *
 * It ends with a full page, or after HF_API_SCAN_ROWS_MAX rows. */
void hf_api_page_begin(struct hf_api_page *page, struct hf_json_out *out, const char *array);
bool hf_api_page_open(const struct hf_api_page *page);
void hf_api_page_row(struct hf_api_page *page, struct hf_slice id); /* copied */
/* err: HF_ERR_NOT_FOUND at the end of the table. Ends the array, and writes next_cursor when there may be more. What else went wrong becomes the answer (write_err). */
void hf_api_page_end(struct hf_api_request *request, struct hf_api_page *page, struct hf_json_out *out,
                     hf_err err);

#endif
