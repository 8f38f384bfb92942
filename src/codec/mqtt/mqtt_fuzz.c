/* codec/mqtt/mqtt_fuzz.c - the input is a stream of packets; its first byte chooses the version and the limit, the second the cut. Properties: where the bytes are cut changes
 * nothing that is heard; a packet's bytes lie within the input, and bytes behind them change nothing; what was decoded is encoded to no more bytes, and
 * those mean the same; the head of a PUBLISH is the packet without its payload; topics match as a slow reading of 4.7 says; a part is one level of a topic. */
#include <stdlib.h>

#include "codec/mqtt/packet.h"
#include "codec/mqtt/topic.h"

#include "base/assert.h"

enum { INPUT_BYTES_MAX = 16 * 1024, TEXT_BYTES = 64 * INPUT_BYTES_MAX, SMALL_PACKET_BYTES = 24 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

static void check_repeated(struct hf_slice rest)
{
    struct hf_mqtt_repeated repeated;
    size_t before = rest.bytes;

    while (hf_mqtt_repeated_next(&rest, &repeated)) {
        HF_ASSERT(rest.bytes < before);
        HF_ASSERT(repeated.id == HF_MQTT_PROPERTY_USER || repeated.number >= 1);
        before = rest.bytes;
    }
    HF_ASSERT(rest.bytes == 0);
}

/* 4.7 once more, level by level from the end of the text: slow, and its own. */
static bool levels_match(const char *filter, const char *filter_end, const char *topic, const char *topic_end)
{
    if (filter_end - filter == 1 && filter[0] == '#')
        return true;
    const char *filter_slash = memchr(filter, '/', (size_t)(filter_end - filter));
    const char *topic_slash = memchr(topic, '/', (size_t)(topic_end - topic));
    const char *filter_stop = filter_slash != NULL ? filter_slash : filter_end;
    const char *topic_stop = topic_slash != NULL ? topic_slash : topic_end;
    bool plus = filter_stop - filter == 1 && filter[0] == '+';

    if (!plus && (filter_stop - filter != topic_stop - topic ||
                  memcmp(filter, topic, (size_t)(topic_stop - topic)) != 0))
        return false;
    if (filter_slash == NULL || topic_slash == NULL) {
        bool rest_is_hash = filter_slash != NULL && filter_end - filter_slash == 2 && filter_slash[1] == '#';

        return topic_slash == NULL && (filter_slash == NULL || rest_is_hash);
    }
    return levels_match(filter_slash + 1, filter_end, topic_slash + 1, topic_end);
}

static void check_filters(const struct hf_mqtt_packet *packet)
{
    struct hf_slice rest = packet->as.subscribe.filters, last = {NULL, 0};
    struct hf_mqtt_filter filter;
    unsigned count = 0;

    for (; hf_mqtt_filter_next(&rest, (enum hf_mqtt_type)packet->type, &filter); count++) {
        const struct hf_slice f = filter.filter;

        HF_ASSERT(hf_mqtt_filter_valid(f) && filter.qos <= HF_MQTT_QOS_MAX);
        if (last.at != NULL && hf_mqtt_topic_valid(last)) {
            bool want = levels_match(f.at, f.at + f.bytes, last.at, last.at + last.bytes);

            HF_ASSERT(hf_mqtt_levels_match(f, last) == want);
            HF_ASSERT(hf_mqtt_topic_matches(f, last) ==
                      (want && !(last.at[0] == '$' && (f.at[0] == '+' || f.at[0] == '#'))));
        }
        last = f;
    }
    HF_ASSERT(count == packet->as.subscribe.filter_count && count > 0);
}

static void check_part(struct hf_slice text)
{
    static char part[3 * INPUT_BYTES_MAX + 1], back[INPUT_BYTES_MAX];
    struct hf_slice again;
    struct hf_sb sb;

    hf_sb_init(&sb, part, sizeof(part));
    hf_mqtt_part_encode(&sb, text);
    HF_ASSERT(!sb.overflow);
    HF_ASSERT(sb.bytes == 0 || (hf_mqtt_topic_valid(hf_sb_done(&sb)) && strchr(part, '/') == NULL));
    HF_ASSERT(hf_mqtt_part_decode(hf_sb_done(&sb), back, text.bytes, &again) == HF_OK);
    HF_ASSERT(hf_slice_eq(again, text));
    if (hf_mqtt_part_decode(text, back, sizeof(back), &again) == HF_OK)
        HF_ASSERT(again.bytes <= text.bytes);
}

static void check_head(enum hf_mqtt_version version, const struct hf_mqtt_packet *packet,
                       const uint8_t *whole, size_t bytes)
{
    size_t head_bytes = bytes - packet->as.publish.payload.bytes;
    struct hf_mqtt_packet bare = *packet;
    uint8_t *head = malloc(head_bytes);

    bare.as.publish.payload.at = NULL;
    HF_ASSERT(hf_mqtt_encode_publish_head(version, &bare, head) == head_bytes);
    HF_ASSERT(memcmp(head, whole, head_bytes) == 0);
    free(head);
}

/* The encoding is one of possibly several, and then stays the same. */
static void check_round_trip(enum hf_mqtt_version version, const struct hf_mqtt_packet *packet, size_t taken)
{
    size_t bytes = hf_mqtt_encoded_bytes(version, packet), again_taken;
    uint8_t *first = malloc(bytes), *second = malloc(bytes);
    struct hf_mqtt_packet again;

    HF_ASSERT(bytes >= 2 && bytes <= taken);
    HF_ASSERT(hf_mqtt_encode(version, packet, first) == bytes);
    HF_ASSERT(hf_mqtt_decode(first, bytes, version, bytes, &again_taken, &again) == HF_OK &&
              again_taken == bytes);
    HF_ASSERT(again.type == packet->type && again.properties.has == packet->properties.has);
    HF_ASSERT(hf_mqtt_encoded_bytes(version, &again) == bytes);
    HF_ASSERT(hf_mqtt_encode(version, &again, second) == bytes && memcmp(first, second, bytes) == 0);
    if (packet->type == HF_MQTT_PUBLISH)
        check_head(version, packet, first, bytes);
    free(first);
    free(second);
}

static void check_packet(enum hf_mqtt_version version, const struct hf_mqtt_packet *packet, size_t taken)
{
    check_repeated(packet->properties.repeated);
    if (packet->type == HF_MQTT_CONNECT) {
        version = (enum hf_mqtt_version)packet->as.connect.version;
        check_repeated(packet->as.connect.will.properties.repeated);
        check_part(packet->as.connect.client_id);
    }
    if (packet->type == HF_MQTT_PUBLISH) {
        HF_ASSERT((packet->as.publish.qos > 0) == (packet->as.publish.packet_id > 0));
        check_part(packet->as.publish.payload);
    }
    if (packet->type == HF_MQTT_SUBSCRIBE || packet->type == HF_MQTT_UNSUBSCRIBE)
        check_filters(packet);
    check_round_trip(version, packet, taken);
}

/* What a reader hears that gets `cut` bytes more each time. */
static void transcribe(const uint8_t *in, size_t bytes, size_t cut, enum hf_mqtt_version version,
                       size_t bytes_max, struct hf_sb *sb)
{
    size_t at = 0, have = 0;

    while (at + have < bytes) {
        have = HF_MIN(bytes - at, have + cut);
        for (bool more = false; !more;) {
            uint8_t *copy = malloc(have + (have == 0)); /* exact and elsewhere each time */
            struct hf_mqtt_packet packet;
            size_t taken;

            memcpy(copy, in + at, have);
            hf_err err = hf_mqtt_decode(copy, have, version, bytes_max, &taken, &packet);

            more = err == HF_ERR_AGAIN;
            HF_ASSERT(!more || taken == 0 || (taken > have && taken <= bytes_max));
            if (err == HF_OK) {
                HF_ASSERT(taken >= 2 && taken <= have);
                check_packet(version, &packet, taken);
                hf_sb_printf(sb, "%u %zu ", packet.type, taken);
                at += taken;
                have -= taken;
            }
            free(copy);
            if (err != HF_OK && !more) {
                HF_ASSERT(packet.rule != HF_MQTT_RULE_NONE);
                HF_ASSERT((err == HF_ERR_LIMIT) == (packet.rule == HF_MQTT_RULE_PACKET_BYTES));
                HF_ASSERT(err == HF_ERR_LIMIT || err == HF_ERR_MALFORMED);
                hf_sb_printf(sb, "!%u at %zu", packet.rule, at);
                return;
            }
        }
    }
    hf_sb_printf(sb, "left %zu", have);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    static char whole[TEXT_BYTES], cut[TEXT_BYTES];
    enum hf_mqtt_version version;
    size_t bytes_max;
    struct hf_sb a, b;

    if (data_bytes < 3 || data_bytes > INPUT_BYTES_MAX)
        return 0;
    version = data[0] & 1 ? HF_MQTT_V5 : HF_MQTT_V311;
    bytes_max = data[0] & 2 ? SMALL_PACKET_BYTES : INPUT_BYTES_MAX;
    hf_sb_init(&a, whole, sizeof(whole));
    transcribe(data + 2, data_bytes - 2, data_bytes - 2, version, bytes_max, &a);
    hf_sb_init(&b, cut, sizeof(cut));
    transcribe(data + 2, data_bytes - 2, 1 + data[1] % 64, version, bytes_max, &b);
    HF_ASSERT(!a.overflow && hf_slice_eq(hf_sb_done(&a), hf_sb_done(&b)));
    return 0;
}
