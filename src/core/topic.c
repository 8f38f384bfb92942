#include "core/topic.h"

#include "codec/json/utf8.h"
#include "codec/mqtt/topic.h"
#include "core/event.h"

static bool plain(struct hf_slice text, const char *forbidden)
{
    if (text.bytes == 0 || text.bytes > HF_TOPIC_BYTES_MAX)
        return false;
    for (size_t i = 0, step; i < text.bytes; i += step) {
        step = hf_utf8_sequence_bytes(text.at + i, text.bytes - i);
        if (step == 0 || (unsigned char)text.at[i] < 0x20 || text.at[i] == 0x7f ||
            strchr(forbidden, text.at[i]) != NULL)
            return false;
    }
    return true;
}

bool hf_topic_valid(struct hf_slice topic)
{
    return plain(topic, "+#");
}

bool hf_topic_is_group(struct hf_slice topic, struct hf_slice *ret_group)
{
    static const char prefix[] = "group/";
    size_t bytes = sizeof(prefix) - 1;

    if (topic.bytes <= bytes || memcmp(topic.at, prefix, bytes) != 0)
        return false;
    if (ret_group != NULL)
        *ret_group = (struct hf_slice){topic.at + bytes, topic.bytes - bytes};
    return true;
}

bool hf_topic_filter_valid(struct hf_slice filter)
{
    return plain(filter, "") && hf_mqtt_filter_valid(filter);
}

bool hf_topic_matches(struct hf_slice filter, struct hf_slice topic)
{
    return hf_mqtt_levels_match(filter, topic);
}
