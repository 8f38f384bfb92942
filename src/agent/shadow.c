#include "agent/shadow.h"

#include "base/assert.h"
#include "base/sb.h"
#include "codec/json/out.h"
#include "codec/json/scan.h"

size_t hf_agent_shadow_report(const struct hf_agent_shadow *shadow, const char *software, const char *source,
                              char out[HF_AGENT_SHADOW_BYTES])
{
    struct hf_json_out json;
    struct hf_sb sb;

    hf_sb_init(&sb, out, HF_AGENT_SHADOW_BYTES);
    hf_json_out_init(&json, &sb);
    hf_json_out_object(&json, NULL);
    hf_json_out_object(&json, "reported");
    hf_json_out_object(&json, "agent");
    hf_json_out_cstr(&json, "software", software);
    hf_json_out_cstr(&json, "source", source);
    hf_json_out_u64(&json, "uplink_ms", shadow->period_ms);
    if (shadow->refused) {
        char text[80];
        struct hf_sb why;

        hf_sb_init(&why, text, sizeof(text));
        if (shadow->period_min_ms == shadow->period_max_ms)
            hf_sb_printf(&why, "uplink_ms is %u for all devices of this agent", shadow->period_ms);
        else
            hf_sb_printf(&why, "uplink_ms is a whole number from %u to %u", shadow->period_min_ms,
                         shadow->period_max_ms);
        hf_json_out_text(&json, "refused", (struct hf_slice){why.at, why.bytes});
    } else {
        hf_json_out_null(&json, "refused");
    }
    hf_json_out_end(&json);
    hf_json_out_end(&json);
    hf_json_out_end(&json);
    return sb.overflow ? 0 : sb.bytes;
}

static bool member(struct hf_slice object, struct hf_json_field *field)
{
    return hf_json_scan(object.at, object.bytes, field, 1, 0) == HF_OK && field->found;
}

bool hf_agent_shadow_take(struct hf_agent_shadow *shadow, struct hf_slice document)
{
    struct hf_json_field top[] = {HF_JSON_FIELD("delta"), HF_JSON_FIELD("name")};
    struct hf_json_field agent = HF_JSON_FIELD("agent"), wish = HF_JSON_FIELD("uplink_ms");
    struct hf_agent_shadow before = *shadow;
    uint64_t period_ms;

    if (hf_json_scan(document.at, document.bytes, top, HF_COUNT_OF(top), 0) != HF_OK || !top[0].found ||
        top[1].found)
        return false;
    bool wished = member(top[0].raw, &agent) && member(agent.raw, &wish);
    shadow->refused = wished && (hf_json_to_u64(&wish, &period_ms) != HF_OK ||
                                 period_ms < shadow->period_min_ms || period_ms > shadow->period_max_ms);
    if (wished && !shadow->refused)
        shadow->period_ms = (uint32_t)period_ms;
    return shadow->refused != before.refused || shadow->period_ms != before.period_ms;
}
