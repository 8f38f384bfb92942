/* codec/uri/uri_fuzz.c - properties: what was decoded and encoded again decodes to the same; decoding in
 * place agrees; a split path joined and split again is the same; no secret value is left by masking, and the
 * masked text is visible ASCII. */
#include <stdlib.h>

#include "base/assert.h"
#include "codec/uri/uri.h"

enum { TEXT_BYTES = 4096, SEGMENTS_MAX = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

static char decoded[TEXT_BYTES], encoded[4 * TEXT_BYTES], again[4 * TEXT_BYTES];

static void check_decode(struct hf_slice in, enum hf_uri_mode mode)
{
    struct hf_slice text, back;
    struct hf_sb sb;
    hf_err err = hf_uri_decode(in, mode, decoded, sizeof(decoded), &text);
    char *copy = malloc(in.bytes + 1);

    memcpy(copy, in.at, in.bytes);
    HF_ASSERT(hf_uri_decode((struct hf_slice){copy, in.bytes}, mode, copy, in.bytes, &back) == err);
    if (err == HF_OK) {
        HF_ASSERT(hf_slice_eq(text, back));
        hf_sb_init(&sb, encoded, sizeof(encoded));
        hf_uri_encode(&sb, text);
        HF_ASSERT(hf_uri_decode(hf_sb_done(&sb), mode, again, sizeof(again), &back) == HF_OK);
        HF_ASSERT(hf_slice_eq(text, back));
    }
    free(copy);
}

static void check_path(struct hf_slice path)
{
    struct hf_slice segments[SEGMENTS_MAX], back[SEGMENTS_MAX];
    size_t count, back_count;
    struct hf_sb sb;

    if (hf_uri_path_split(path, decoded, path.bytes, segments, SEGMENTS_MAX, &count) != HF_OK)
        return;
    hf_sb_init(&sb, encoded, sizeof(encoded));
    hf_sb_text(&sb, count == 0 ? "/" : "");
    for (size_t i = 0; i < count; i++) {
        HF_ASSERT(segments[i].bytes > 0);
        hf_sb_char(&sb, '/');
        hf_uri_encode(&sb, segments[i]);
    }
    HF_ASSERT(hf_uri_path_split(hf_sb_done(&sb), again, sizeof(again), back, SEGMENTS_MAX, &back_count) ==
              HF_OK);
    HF_ASSERT(back_count == count);
    for (size_t i = 0; i < count; i++)
        HF_ASSERT(hf_slice_eq(segments[i], back[i]));
}

static void check_mask(struct hf_slice target)
{
    struct hf_slice key, value, query;
    const char *mark;
    struct hf_sb sb;

    hf_sb_init(&sb, encoded, sizeof(encoded));
    hf_uri_mask(&sb, target);
    for (size_t i = 0; i < sb.bytes; i++)
        HF_ASSERT(encoded[i] > ' ' && encoded[i] < 0x7f);
    mark = memchr(encoded, '?', sb.bytes);
    if (mark == NULL)
        return;
    query = (struct hf_slice){mark + 1, (size_t)(encoded + sb.bytes - mark) - 1};
    while (hf_uri_query_next(&query, &key, &value))
        if (hf_slice_eq_nocase(key, HF_SLICE("token")))
            HF_ASSERT(value.bytes == 0 || hf_slice_is(value, "***"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    struct hf_slice in = {(const char *)data, data_bytes}, value;

    if (data_bytes == 0 || data_bytes > TEXT_BYTES)
        return 0;
    check_decode(in, HF_URI_PATH);
    check_decode(in, HF_URI_QUERY);
    check_path(in);
    check_mask(in);
    (void)hf_uri_query_get(in, "token", again, sizeof(again), &value);
    return 0;
}
