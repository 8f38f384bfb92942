/* codec/sdp/sdp_fuzz.c - properties: what is read and can be written is read as the same, and written again byte for byte; a cut body does no
 * harm. */
#include <stdlib.h>

#include "base/assert.h"
#include "codec/sdp/sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

enum { TEXT_BYTES = 262144 };
static char first[TEXT_BYTES], second[TEXT_BYTES];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    static struct hf_sdp sdp, back, part;
    struct hf_sb one, two;

    if (data_bytes < 1 || data_bytes > TEXT_BYTES / 4)
        return 0;
    size_t bytes = (data_bytes - 1) * data[0] / 256; /* without a byte to spare */
    char *cut = malloc(bytes + (bytes == 0));

    memcpy(cut, data + 1, bytes);
    (void)hf_sdp_parse((struct hf_slice){cut, bytes}, &part);
    free(cut);
    if (hf_sdp_parse((struct hf_slice){(const char *)data + 1, data_bytes - 1}, &sdp) != HF_OK)
        return 0;
    HF_ASSERT(sdp.media_count <= HF_SDP_MEDIA_MAX && sdp.other_count <= HF_SDP_OTHERS_MAX);
    for (unsigned i = 0; i < sdp.media_count; i++)
        HF_ASSERT(sdp.media[i].payload_count <= HF_SDP_PAYLOADS_MAX);
    hf_sb_init(&one, first, sizeof(first));
    hf_err err = hf_sdp_build(&sdp, &one);

    HF_ASSERT(err == HF_OK || err == HF_ERR_INVALID);
    if (err != HF_OK)
        return 0;
    HF_ASSERT(hf_sdp_parse(hf_sb_done(&one), &back) == HF_OK);
    if (back.tolerances & HF_SDP_LONG)
        return 0; /* a value filled its line, and got a name in front */
    hf_sb_init(&two, second, sizeof(second));
    HF_ASSERT(hf_sdp_build(&back, &two) == HF_OK);
    HF_ASSERT(hf_slice_eq(hf_sb_done(&one), hf_sb_done(&two)));
    HF_ASSERT(back.has_ssrc == sdp.has_ssrc && back.ssrc == sdp.ssrc && back.media_count == sdp.media_count);
    return 0;
}
