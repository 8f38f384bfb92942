/* codec/mansrtsp/mansrtsp_fuzz.c - properties: what is read and can be written is read again without a tolerance, and written again byte for
 * byte; a cut body does no harm. */
#include <math.h>
#include <stdlib.h>

#include "base/assert.h"
#include "codec/mansrtsp/mansrtsp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    struct hf_mansrtsp message, back;
    char first[2048], second[2048];
    struct hf_sb one, two;

    if (data_bytes < 1)
        return 0;
    size_t bytes = (data_bytes - 1) * data[0] / 256; /* without a byte to spare */
    char *cut = malloc(bytes + (bytes == 0));

    memcpy(cut, data + 1, bytes);
    (void)hf_mansrtsp_parse((struct hf_slice){cut, bytes}, &back);
    free(cut);
    if (hf_mansrtsp_parse((struct hf_slice){(const char *)data + 1, data_bytes - 1}, &message) != HF_OK)
        return 0;
    if (message.has_scale)
        HF_ASSERT(isfinite(message.scale) && message.scale != 0);
    hf_sb_init(&one, first, sizeof(first));
    if (hf_mansrtsp_build(&message, &one) != HF_OK)
        return 0;
    HF_ASSERT(hf_mansrtsp_parse(hf_sb_done(&one), &back) == HF_OK);
    HF_ASSERT((back.tolerances & ~(uint32_t)HF_MANSRTSP_LONG) == 0);
    HF_ASSERT(back.method == message.method && back.status == message.status && back.cseq == message.cseq);
    hf_sb_init(&two, second, sizeof(second));
    HF_ASSERT(hf_mansrtsp_build(&back, &two) == HF_OK);
    HF_ASSERT(hf_slice_eq(hf_sb_done(&one), hf_sb_done(&two)));
    return 0;
}
