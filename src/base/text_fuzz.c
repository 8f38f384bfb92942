/* What peers can put into log lines, JSON answers and tokens. Properties: a line is one line, bounded, printable,
 * with balanced quotes; base64 and UUID texts that decode have exactly one spelling. */
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/base64.h"
#include "base/logger.h"
#include "base/sb.h"
#include "base/uuid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

static void check_printable(const char *text, size_t bytes)
{
    size_t quotes = 0;

    for (size_t i = 0; i < bytes; i++) {
        unsigned char c = (unsigned char)text[i];

        HF_ASSERT(c >= 0x20 && c != 0x7f);
        if (c == '\\') {
            HF_ASSERT(i + 1 < bytes);
            i++;
        } else {
            quotes += c == '"';
        }
    }
    HF_ASSERT(quotes % 2 == 0);
}

static void check_line(struct hf_slice value, enum hf_log_format format)
{
    const struct hf_field fields[] = {HF_F_SLICE("a", value), HF_F_SLICE("b", value), HF_F_U64("n", 1),
                                      HF_F_END};
    char line[HF_LOG_LINE_BYTES_MAX + 1];
    bool cut;
    size_t bytes = hf_log_line(line, format, 0, HF_LOG_INTERNAL, fields, &cut);

    HF_ASSERT(bytes <= HF_LOG_LINE_BYTES_MAX && line[bytes - 1] == '\n' && line[bytes] == '\0');
    check_printable(line, bytes - 1);
}

static void check_base64(struct hf_slice text)
{
    uint8_t plain[4096];
    char again[8192];
    size_t bytes, again_bytes;

    if (hf_base64_decode(text, plain, sizeof(plain), &bytes) == HF_OK) {
        HF_ASSERT(hf_base64_encode(plain, bytes, again, sizeof(again), &again_bytes) == HF_OK);
        HF_ASSERT(hf_slice_eq((struct hf_slice){again, again_bytes}, text));
    }
    if (hf_base64url_decode(text, plain, sizeof(plain), &bytes) == HF_OK) {
        HF_ASSERT(hf_base64url_encode(plain, bytes, again, sizeof(again), &again_bytes) == HF_OK);
        HF_ASSERT(hf_slice_eq((struct hf_slice){again, again_bytes}, text));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    struct hf_slice text = {(const char *)data, data_bytes};
    uint8_t uuid[HF_UUID_BYTES];
    char uuid_text[HF_UUID_TEXT_BYTES + 1], storage[512];
    struct hf_sb sb;

    if (data_bytes == 0)
        return 0; /* libFuzzer hands out NULL here */
    check_line(text, HF_LOG_LOGFMT);
    check_line(text, HF_LOG_JSON);
    check_base64(text);
    if (hf_uuid_parse(text, uuid) == HF_OK) {
        hf_uuid_text(uuid, uuid_text);
        HF_ASSERT(hf_slice_eq_nocase(text, hf_slice_of(uuid_text)));
    }
    hf_sb_init(&sb, storage, 1 + data[0]);
    hf_sb_json(&sb, text);
    HF_ASSERT(sb.bytes <= data[0] && strlen(storage) == sb.bytes);
    if (!sb.overflow)
        check_printable(storage, sb.bytes);
    return 0;
}
