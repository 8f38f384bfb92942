#include "core/topic.h"

#include "codec/json/utf8.h"
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
    if (!plain(filter, ""))
        return false;
    for (size_t i = 0; i < filter.bytes; i++) {
        bool starts = i == 0 || filter.at[i - 1] == '/';
        bool ends = i + 1 == filter.bytes || filter.at[i + 1] == '/';

        if (filter.at[i] == '#' && !(starts && i + 1 == filter.bytes))
            return false;
        if (filter.at[i] == '+' && !(starts && ends))
            return false;
    }
    return true;
}

static struct hf_slice take_level(struct hf_slice *rest, bool *ret_more)
{
    const char *slash = rest->bytes ? memchr(rest->at, '/', rest->bytes) : NULL;
    struct hf_slice level = {rest->at, slash ? (size_t)(slash - rest->at) : rest->bytes};

    *ret_more = slash != NULL;
    if (rest->bytes > 0) { /* an absent topic has no address to move */
        rest->at += level.bytes + (slash ? 1 : 0);
        rest->bytes -= level.bytes + (slash ? 1 : 0);
    }
    return level;
}

bool hf_topic_matches(struct hf_slice filter, struct hf_slice topic)
{
    bool filter_more = true, topic_more = true;

    while (filter_more) {
        struct hf_slice wanted = take_level(&filter, &filter_more);

        if (hf_slice_is(wanted, "#"))
            return true; /* also the parent level itself, 4.7.1.2 */
        if (!topic_more)
            return false;
        struct hf_slice level = take_level(&topic, &topic_more);
        if (!hf_slice_is(wanted, "+") && !hf_slice_eq(wanted, level))
            return false;
    }
    return !topic_more;
}
