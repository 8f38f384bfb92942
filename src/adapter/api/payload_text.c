#include "adapter/api/payload_text.h"

#include "base/assert.h"

static const char *name_with(char out[32], const char *name, const char *ending)
{
    struct hf_sb sb;

    hf_sb_init(&sb, out, 32);
    hf_sb_text(&sb, name);
    hf_sb_text(&sb, ending);
    HF_ASSERT(!sb.overflow);
    return out;
}

void hf_payload_out(struct hf_json_out *out, const char *name, unsigned format, unsigned flags,
                    struct hf_slice payload)
{
    char key[32];

    if (payload.at == NULL || payload.bytes == 0)
        return;
    if (format == HF_FORMAT_JSON)
        hf_json_out_raw(out, name, payload);
    else if (flags & HF_EVENT_FLAG_TEXT)
        hf_json_out_text(out, "text", payload);
    else
        hf_json_out_base64(out, name_with(key, name, "_base64"), payload.at, payload.bytes);
}

void hf_conn_out(struct hf_json_out *out, const char *key, uint64_t conn)
{
    char text[24];
    struct hf_sb sb;

    if (conn == 0)
        return;
    hf_sb_init(&sb, text, sizeof(text));
    hf_sb_printf(&sb, "c_%016llx", (unsigned long long)conn);
    hf_json_out_text(out, key, hf_sb_done(&sb));
}

void hf_time_out(struct hf_json_out *out, const char *name, uint64_t utc_ms)
{
    char key[32];

    if (utc_ms == 0)
        return;
    hf_json_out_time(out, name, utc_ms);
    hf_json_out_u64(out, name_with(key, name, "_ms"), utc_ms);
}
