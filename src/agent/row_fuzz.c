/* agent/row_fuzz.c - properties: what is read is a sample that a batch takes; the first line is a head, when it reads as one. */
#include <stdlib.h>

#include "agent/row.h"
#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    struct hf_row_columns columns = hf_row_columns_driver;
    const char *at = (const char *)data, *end = at + data_bytes;

    for (unsigned line = 0; at < end; line++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t bytes = (size_t)((stop != NULL ? stop : end) - at);
        char *copy = malloc(bytes + (bytes == 0)); /* without a byte to spare */
        struct hf_row row;
        struct hf_row_columns head;
        enum hf_row_field field;

        memcpy(copy, at, bytes);
        if (line == 0 && hf_row_head((struct hf_slice){copy, bytes}, &head))
            columns = head;
        if (hf_row_read((struct hf_slice){copy, bytes}, line == 0 ? &hf_row_columns_driver : &columns, &row,
                        &field) == HF_ROW_OK) {
            HF_ASSERT(hf_sample_valid(&row.sample) && (!row.has_time || row.time_ns >= 0));
            HF_ASSERT(row.sample.cadence_half_rpm != HF_SAMPLE_CADENCE_INVALID ||
                      row.sample.power_w != HF_SAMPLE_VALUE_INVALID ||
                      row.sample.lean_q8_deg != HF_SAMPLE_VALUE_INVALID);
        }
        free(copy);
        at += bytes + 1;
    }
    return 0;
}
