/* codec/samples/samples_fuzz.c - properties: a batch that is read is in its ranges and is written again byte for byte; with another CRC it is refused as corrupt. A fuzzer finds no
 * CRC: each input is read as it is, and with the CRC that it should have. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "codec/samples/samples.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

static hf_err check(uint8_t *in, size_t bytes)
{
    struct hf_samples samples;
    struct hf_sample all[HF_SAMPLES_MAX];
    uint8_t out[HF_SAMPLES_BYTES_MAX];
    uint64_t before_ns = 0;
    hf_err err = hf_samples_read((struct hf_slice){(const char *)in, bytes}, &samples);

    if (err != HF_OK)
        return err;
    HF_ASSERT(samples.count >= 1 && samples.count <= HF_SAMPLES_MAX);
    HF_ASSERT(samples.samples + (size_t)samples.count * HF_SAMPLE_BYTES + HF_SAMPLES_CRC_BYTES == in + bytes);
    for (unsigned i = 0; i < samples.count; i++) {
        hf_sample_read(samples.samples + (size_t)i * HF_SAMPLE_BYTES, &all[i]);
        HF_ASSERT(hf_sample_valid(&all[i]) && all[i].ts_ns >= before_ns);
        HF_ASSERT(hf_sample_utc_ns(&samples, &all[i]) >= 0);
        before_ns = all[i].ts_ns;
    }
    HF_ASSERT(hf_samples_write(out, &samples, all) == bytes && memcmp(out, in, bytes) == 0);
    in[bytes - 1] ^= 1;
    HF_ASSERT(hf_samples_read((struct hf_slice){(const char *)in, bytes}, &samples) == HF_ERR_CORRUPT);
    return HF_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    uint8_t *copy = malloc(data_bytes + (data_bytes == 0)); /* without a byte to spare */

    memcpy(copy, data, data_bytes);
    (void)check(copy, data_bytes);
    if (data_bytes > HF_SAMPLES_CRC_BYTES) {
        size_t body_bytes = data_bytes - HF_SAMPLES_CRC_BYTES;

        memcpy(copy, data, data_bytes);
        hf_put_u32(copy + body_bytes, hf_crc32c(0, copy, body_bytes));
        HF_ASSERT(check(copy, data_bytes) != HF_ERR_CORRUPT);
    }
    free(copy);
    return 0;
}
