#include "base/reason.h"

#include "base/assert.h"

#define HF_REASON_ROW(id, value, name, ws_code, http_status, retry_ms, text) \
    {id, name, ws_code, http_status, retry_ms, text},
static const struct hf_reason_info rows[] = {HF_REASON_MAP(HF_REASON_ROW)};
#undef HF_REASON_ROW

#define HF_REASON_ORDINAL(id, value, name, ws_code, http_status, retry_ms, text) ROW_##id,
enum { HF_REASON_MAP(HF_REASON_ORDINAL) ROWS };
#undef HF_REASON_ORDINAL

/* Values have gaps and rows have not: this gives the row number plus one, 0 for a value without a row. */
#define HF_REASON_INDEX(id, value, name, ws_code, http_status, retry_ms, text) [value] = ROW_##id + 1,
static const uint8_t row_of[HF_REASONS_MAX] = {HF_REASON_MAP(HF_REASON_INDEX)};
#undef HF_REASON_INDEX

_Static_assert(ROWS == HF_COUNT_OF(rows), "one row per reason");
_Static_assert(ROWS < UINT8_MAX, "row_of holds a row number in one byte");

const struct hf_reason_info *hf_reason_info(unsigned reason)
{
    if (reason >= HF_REASONS_MAX || row_of[reason] == 0)
        reason = HF_REASON_INTERNAL_ERROR;
    return &rows[row_of[reason] - 1];
}

const char *hf_reason_name(unsigned reason)
{
    return hf_reason_info(reason)->name;
}

enum hf_reason hf_reason_by_name(struct hf_slice name)
{
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++)
        if (hf_slice_is(name, rows[i].name))
            return rows[i].reason;
    return HF_REASON_NONE;
}

const struct hf_reason_info *hf_reason_table(size_t *ret_count)
{
    *ret_count = HF_COUNT_OF(rows);
    return rows;
}
