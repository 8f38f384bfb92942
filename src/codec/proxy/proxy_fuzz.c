/* codec/proxy/proxy_fuzz.c - properties: a prefix says AGAIN or what the whole says; bytes behind the header
 * do not matter; a buffer of HF_PROXY_BYTES_MAX always gets a verdict. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "codec/proxy/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    struct hf_proxy whole, part;
    hf_err err = hf_proxy_parse(data, data_bytes, &whole);

    HF_ASSERT(err == HF_OK || err == HF_ERR_AGAIN || err == HF_ERR_MALFORMED || err == HF_ERR_LIMIT);
    HF_ASSERT(err != HF_ERR_AGAIN || data_bytes < HF_PROXY_BYTES_MAX);
    HF_ASSERT(err != HF_OK || (whole.header_bytes <= data_bytes && whole.header_bytes <= HF_PROXY_BYTES_MAX));
    for (size_t bytes = 0; bytes < data_bytes && bytes < 300; bytes++) {
        uint8_t *copy = malloc(bytes + (bytes == 0));

        memcpy(copy, data, bytes);
        hf_err now = hf_proxy_parse(copy, bytes, &part);

        HF_ASSERT(now == HF_ERR_AGAIN || now == err);
        if (err == HF_OK)
            HF_ASSERT((now == HF_OK) == (bytes >= whole.header_bytes));
        if (now == HF_OK)
            HF_ASSERT(memcmp(&part.source, &whole.source, sizeof(part.source)) == 0 &&
                      memcmp(&part.destination, &whole.destination, sizeof(part.destination)) == 0 &&
                      part.header_bytes == whole.header_bytes && part.family == whole.family);
        free(copy);
    }
    return 0;
}
