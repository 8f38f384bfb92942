/* codec/mqtt/topic.c - see topic.h. */
#include "codec/mqtt/topic.h"

enum { TOPIC_BYTES_MAX = UINT16_MAX, ESCAPE_BYTES = 3 };

bool hf_mqtt_topic_valid(struct hf_slice topic)
{
    return topic.bytes > 0 && topic.bytes <= TOPIC_BYTES_MAX && memchr(topic.at, '+', topic.bytes) == NULL &&
           memchr(topic.at, '#', topic.bytes) == NULL;
}

bool hf_mqtt_filter_valid(struct hf_slice filter)
{
    if (filter.bytes == 0 || filter.bytes > TOPIC_BYTES_MAX)
        return false;
    for (size_t i = 0; i < filter.bytes; i++) {
        bool last = i + 1 == filter.bytes;
        bool begins = i == 0 || filter.at[i - 1] == '/', ends = last || filter.at[i + 1] == '/';

        if (filter.at[i] == '#' && !(begins && last))
            return false;
        if (filter.at[i] == '+' && !(begins && ends))
            return false;
    }
    return true;
}

static struct hf_slice take_level(struct hf_slice *rest, bool *ret_more)
{
    const char *slash = rest->bytes > 0 ? memchr(rest->at, '/', rest->bytes) : NULL;
    struct hf_slice level = {rest->at, slash != NULL ? (size_t)(slash - rest->at) : rest->bytes};

    *ret_more = slash != NULL;
    if (rest->bytes > 0) { /* an absent topic has no address to move */
        rest->at += level.bytes + (slash != NULL);
        rest->bytes -= level.bytes + (slash != NULL);
    }
    return level;
}

bool hf_mqtt_levels_match(struct hf_slice filter, struct hf_slice topic)
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

bool hf_mqtt_topic_matches(struct hf_slice filter, struct hf_slice topic)
{
    if (topic.bytes > 0 && topic.at[0] == '$' && filter.bytes > 0 &&
        (filter.at[0] == '+' || filter.at[0] == '#'))
        return false;
    return hf_mqtt_levels_match(filter, topic);
}

bool hf_mqtt_filter_is_shared(struct hf_slice filter)
{
    bool more;

    return hf_slice_is(take_level(&filter, &more), "$share");
}

bool hf_mqtt_share_split(struct hf_slice filter, struct hf_mqtt_share *ret_share)
{
    struct hf_slice name;
    bool more;

    if (!hf_slice_is(take_level(&filter, &more), "$share") || !more)
        return false;
    name = take_level(&filter, &more);
    if (!more || filter.bytes == 0 || !hf_mqtt_topic_valid(name))
        return false;
    *ret_share = (struct hf_mqtt_share){name, filter};
    return true;
}

static bool is_plain(char c)
{
    return (unsigned char)c >= 0x20 && c != 0x7f && c != '+' && c != '#' && c != '/' && c != '%';
}

void hf_mqtt_part_encode(struct hf_sb *sb, struct hf_slice text)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < text.bytes; i++) {
        unsigned char c = (unsigned char)text.at[i];
        const char escape[ESCAPE_BYTES] = {'%', digits[c >> 4], digits[c & 0xf]};

        if (is_plain(text.at[i]))
            hf_sb_char(sb, text.at[i]);
        else
            hf_sb_add(sb, escape, sizeof(escape));
    }
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

hf_err hf_mqtt_part_decode(struct hf_slice part, char *out, size_t out_bytes, struct hf_slice *ret_text)
{
    size_t bytes = 0;

    for (size_t i = 0; i < part.bytes; i++) {
        char c = part.at[i];

        if (c == '%') {
            int high = part.bytes - i < ESCAPE_BYTES ? -1 : digit_of(part.at[i + 1]);
            int low = high < 0 ? -1 : digit_of(part.at[i + 2]);

            if (low < 0)
                return HF_ERR_MALFORMED;
            c = (char)(high << 4 | low);
            i += ESCAPE_BYTES - 1;
        } else if (!is_plain(c)) {
            return HF_ERR_MALFORMED;
        }
        if (bytes == out_bytes)
            return HF_ERR_LIMIT;
        out[bytes++] = c;
    }
    *ret_text = (struct hf_slice){out, bytes};
    return HF_OK;
}
