/* core/twin/series_fuzz.c - properties: any bytes end in an error or in points that were possible, and those, written again, are read as they were. */
#include "core/twin/series.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

enum { STORAGE_BYTES = 1 << 22 }; /* points from few bits may need more to be told again */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    static uint8_t storage[STORAGE_BYTES];
    struct hf_series_reader reader, again;
    struct hf_series_writer writer;
    struct hf_series_point point, same;
    uint8_t *copy = malloc(data_bytes ? data_bytes : 1); /* so that a read behind the end is seen */
    struct hf_slice block = {(char *)copy, data_bytes};

    memcpy(copy, data, data_bytes);
    if (hf_series_open(&reader, block) == HF_OK) {
        hf_series_begin(&writer, reader.head.tier, storage, sizeof(storage));
        while (hf_series_next(&reader, &point) == HF_OK)
            HF_ASSERT(hf_series_put(&writer, &point) == HF_OK);
        struct hf_slice written = hf_series_block(&writer);
        HF_ASSERT(hf_series_open(&reader, block) == HF_OK);
        if (written.bytes > 0) {
            HF_ASSERT(hf_series_open(&again, written) == HF_OK);
            while (hf_series_next(&again, &same) == HF_OK) {
                HF_ASSERT(hf_series_next(&reader, &point) == HF_OK);
                HF_ASSERT(memcmp(&point, &same, sizeof(point)) == 0);
            }
            HF_ASSERT(again.left == 0);
        }
    }
    free(copy);
    return 0;
}
