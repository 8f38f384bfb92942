/* codec/json/json_fuzz.c - properties: asking for members does not change what is JSON, save for a repeated
 * wanted name; a member's raw text is JSON by itself; a text read and written again reads the same; white
 * space around does not matter; a cut text is never JSON unless it is a bare number. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "codec/json/out.h"
#include "codec/json/scan.h"

enum { TEXT_BYTES = 65536 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

static char storage[TEXT_BYTES], written[8 * TEXT_BYTES];

static void check_text(const struct hf_json_field *field)
{
    struct hf_json_field back = HF_JSON_FIELD("k\"");
    static char again[TEXT_BYTES];
    struct hf_json_out out;
    struct hf_slice text, text_back;
    struct hf_sb sb;

    HF_ASSERT(hf_json_to_text(field, storage, sizeof(storage), &text) == HF_OK);
    hf_sb_init(&sb, written, sizeof(written));
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_json_out_text(&out, "k\"", text);
    hf_json_out_raw(&out, "raw", field->raw);
    hf_json_out_end(&out);
    HF_ASSERT(hf_json_out_complete(&out));
    HF_ASSERT(hf_json_scan(written, sb.bytes, &back, 1, 1) == HF_OK);
    HF_ASSERT(hf_json_to_text(&back, again, sizeof(again), &text_back) == HF_OK);
    HF_ASSERT(hf_slice_eq(text, text_back));
    if (memchr(text.at, 0, text.bytes) == NULL) {
        char *cstr = strndup(text.at, text.bytes);

        HF_ASSERT(hf_json_is(field, cstr));
        free(cstr);
    }
    HF_ASSERT(!hf_json_is(field, "a text that is not there"));
}

static void check_field(const struct hf_json_field *field)
{
    double number;
    uint64_t u64;
    int64_t i64;
    bool truth;

    HF_ASSERT(hf_json_scan(field->raw.at, field->raw.bytes, NULL, 0, 0) == HF_OK);
    HF_ASSERT(hf_json_type_of(field->raw) == field->type);
    if (field->type == HF_JSON_STRING)
        check_text(field);
    HF_ASSERT((hf_json_to_bool(field, &truth) == HF_OK) == (field->type == HF_JSON_BOOL));
    if (hf_json_to_u64(field, &u64) == HF_OK && u64 <= INT64_MAX)
        HF_ASSERT(hf_json_to_i64(field, &i64) == HF_OK && (uint64_t)i64 == u64);
    if (hf_json_to_i64(field, &i64) == HF_OK && field->raw.bytes <= HF_JSON_NUMBER_BYTES_MAX)
        HF_ASSERT(hf_json_to_double(field, &number) == HF_OK && (double)i64 == number);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    struct hf_json_field fields[] = {HF_JSON_FIELD("type"), HF_JSON_FIELD("id"), HF_JSON_FIELD("a"),
                                     HF_JSON_FIELD("")};

    if (data_bytes > TEXT_BYTES / 2)
        return 0;
    char *in = malloc(data_bytes + 2);

    memcpy(in + 1, data, data_bytes);
    in[0] = in[data_bytes + 1] = ' ';
    const char *text = (const char *)data;
    hf_err plain = hf_json_scan(text, data_bytes, NULL, 0, 0);
    hf_err picked = hf_json_scan(text, data_bytes, fields, HF_COUNT_OF(fields), 0);

    HF_ASSERT(hf_json_scan(in, data_bytes + 2, NULL, 0, 0) == plain);
    HF_ASSERT(picked == plain || picked == HF_ERR_MALFORMED);
    if (plain == HF_ERR_LIMIT)
        HF_ASSERT(hf_json_scan(text, data_bytes, NULL, 0, HF_JSON_DEPTH_CEILING) != HF_ERR_NOMEM);
    if (picked == HF_OK)
        for (size_t i = 0; i < HF_COUNT_OF(fields); i++)
            if (fields[i].found)
                check_field(&fields[i]);
    if (plain == HF_OK && hf_json_type_of((struct hf_slice){text, data_bytes}) != HF_JSON_NUMBER) {
        size_t bytes = data_bytes;

        while (strchr(" \t\r\n", text[bytes - 1]) != NULL)
            bytes--;
        HF_ASSERT(hf_json_scan(text, bytes, NULL, 0, 0) == HF_OK);
        HF_ASSERT(hf_json_scan(text, bytes - 1, NULL, 0, 0) == HF_ERR_MALFORMED);
    }
    free(in);
    return 0;
}
