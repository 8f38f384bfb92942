/* client/mqtt/mqtt_topic.c - topics (BR-2) and content types. Device and type are one level each, whatever characters they have. */
#include "base/sb.h"
#include "client/mqtt/mqtt_internal.h"

static void begin(const struct hf_mc *mc, const char *direction, struct hf_sb *sb,
                  char out[HF_MC_TOPIC_BYTES])
{
    hf_sb_init(sb, out, HF_MC_TOPIC_BYTES);
    if (mc->prefix.bytes > 0) {
        hf_sb_slice(sb, mc->prefix);
        hf_sb_char(sb, '/');
    }
    hf_mqtt_part_encode(sb, mc->device);
    hf_sb_text(sb, direction);
}

struct hf_slice hf_mc_topic_up(const struct hf_mc *mc, struct hf_slice topic, char out[HF_MC_TOPIC_BYTES])
{
    struct hf_sb sb;

    begin(mc, "/up", &sb, out);
    if (topic.bytes > 0) { /* without one: the parent, which a subscription to up/# has, too (4.7.1.2) */
        hf_sb_char(&sb, '/');
        hf_mqtt_part_encode(&sb, topic);
    }
    HF_ASSERT(!sb.overflow); /* its parts are bounded */
    return hf_sb_done(&sb);
}

struct hf_slice hf_mc_filter_down(const struct hf_mc *mc, char out[HF_MC_TOPIC_BYTES])
{
    struct hf_sb sb;

    begin(mc, "/down/#", &sb, out);
    HF_ASSERT(!sb.overflow);
    return hf_sb_done(&sb);
}

struct hf_slice hf_mc_topic_down(const struct hf_mc *mc, struct hf_slice topic, char out[HF_MC_TOPIC_BYTES])
{
    struct hf_slice head, rest, decoded;
    struct hf_sb sb;

    begin(mc, "/down", &sb, out);
    head = hf_sb_done(&sb);
    if (topic.bytes < head.bytes || memcmp(topic.at, head.at, head.bytes) != 0 ||
        (topic.bytes > head.bytes && topic.at[head.bytes] != '/'))
        return topic;
    rest = (struct hf_slice){topic.at + head.bytes, topic.bytes - head.bytes};
    if (rest.bytes > 0)
        rest = (struct hf_slice){rest.at + 1, rest.bytes - 1};
    /* One level is a name that was encoded; more of them are somebody's own tree. */
    if (hf_mqtt_part_decode(rest, out, HF_MC_TOPIC_BYTES, &decoded) == HF_OK)
        return decoded;
    return rest;
}

static const char *const content_types[] = {"", "application/json", "application/protobuf",
                                            "application/msgpack", "application/vnd.holdfast.samples"};

struct hf_slice hf_mc_content_type(unsigned format)
{
    return hf_slice_of(format < HF_COUNT_OF(content_types) ? content_types[format] : "");
}

unsigned hf_mc_format(struct hf_slice content_type)
{
    for (unsigned i = 1; i < HF_COUNT_OF(content_types); i++)
        if (hf_slice_eq_nocase(content_type, hf_slice_of(content_types[i])))
            return i;
    return 0;
}
