/* codec/mqtt/mqtt_testkit.h - what the tests of this folder share: hex in, exact copies, so that ASan finds a read beyond, and a text that says all of a packet. */
#ifndef HF_CODEC_MQTT_TESTKIT_H
#define HF_CODEC_MQTT_TESTKIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/assert.h"
#include "codec/mqtt/packet.h"

enum { KIT_BYTES_MAX = 4096, KIT_TEXT_BYTES = 4 * KIT_BYTES_MAX };

static inline int kit_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "10 [ <MQTT> 05 02 000a [] <id> 'x' ]": bytes as pairs of hex digits; 'x' as it stands; <x> a string behind its two bytes of length; [ ] what stands between
 * them behind its length in one byte. */
static inline size_t kit_bytes(const char *text, uint8_t out[KIT_BYTES_MAX])
{
    size_t bytes = 0, open[4], depth = 0;

    for (const char *at = text; *at != '\0';) {
        assert_true(bytes + 2 < KIT_BYTES_MAX);
        if (*at == ' ') {
            at++;
        } else if (*at == '[') {
            assert_true(depth < HF_COUNT_OF(open));
            open[depth++] = bytes++;
            at++;
        } else if (*at == ']') {
            assert_true(depth > 0 && bytes - open[depth - 1] - 1 < 128);
            depth--;
            out[open[depth]] = (uint8_t)(bytes - open[depth] - 1);
            at++;
        } else if (*at == '\'' || *at == '<') {
            const char end = *at == '<' ? '>' : '\'', *close = strchr(at + 1, end);
            size_t length = (size_t)(close - at - 1);

            if (end == '>') {
                out[bytes++] = 0;
                out[bytes++] = (uint8_t)length;
            }
            memcpy(out + bytes, at + 1, length);
            bytes += length;
            at = close + 1;
        } else {
            int high = kit_digit(at[0]), low = high < 0 ? -1 : kit_digit(at[1]);

            assert_true(low >= 0);
            out[bytes++] = (uint8_t)(high << 4 | low);
            at += 2;
        }
    }
    assert_int_equal(depth, 0);
    return bytes;
}

/* Decodes an exact copy; the slices die with the next call. */
static inline hf_err kit_decode(const uint8_t *in, size_t bytes, enum hf_mqtt_version version,
                                size_t bytes_max, size_t *ret_taken, struct hf_mqtt_packet *ret)
{
    static uint8_t *copy;

    free(copy);
    copy = malloc(bytes + (bytes == 0));
    assert_non_null(copy);
    memcpy(copy, in, bytes);
    return hf_mqtt_decode(copy, bytes, version, bytes_max, ret_taken, ret);
}

static inline void kit_say(struct hf_sb *sb, const char *name, struct hf_slice value)
{
    if (value.at == NULL)
        return;
    hf_sb_printf(sb, " %s=", name);
    for (size_t i = 0; i < value.bytes; i++) /* binary data, too, is all in the text */
        hf_sb_printf(sb, value.at[i] < ' ' || value.at[i] == 0x7f ? "\\x%02x" : "%c", (uint8_t)value.at[i]);
}

static inline void kit_say_properties(struct hf_sb *sb, const struct hf_mqtt_properties *properties)
{
    struct hf_slice rest = properties->repeated;
    struct hf_mqtt_repeated repeated;

#define U8                     number
#define U16                    number
#define U32                    number
#define TEXT                   slice
#define BINARY                 slice
#define SAY_number(id, member) hf_sb_printf(sb, " %s=%u", #member, properties->member)
#define SAY_slice(id, member)  kit_say(sb, #member, properties->member)
#define SAY_VARINT(id, member) (void)0
#define SAY_PAIR(id, member)   (void)0
#define SAY(kind)              SAY_##kind
#define EACH(id, number_, kind, member, ...) \
    if (properties->has & HF_MQTT_HAS(id))   \
        SAY_(kind)(id, member);
#define SAY_(kind) SAY(kind)
    HF_MQTT_PROPERTY_MAP(EACH)
#undef U8
#undef U16
#undef U32
#undef TEXT
#undef BINARY
#undef SAY
#undef SAY_
#undef EACH
    while (hf_mqtt_repeated_next(&rest, &repeated)) {
        if (repeated.id == HF_MQTT_PROPERTY_SUBSCRIPTION_ID) {
            hf_sb_printf(sb, " subscription=%u", repeated.number);
            continue;
        }
        hf_sb_text(sb, " user{");
        hf_sb_slice(sb, repeated.name);
        hf_sb_text(sb, ":");
        hf_sb_slice(sb, repeated.value);
        hf_sb_text(sb, "}");
    }
}

static inline void kit_say_connect(struct hf_sb *sb, const struct hf_mqtt_packet *packet)
{
    const struct hf_mqtt_connect *connect = &packet->as.connect;

    hf_sb_printf(sb, " v%u keep=%u%s", connect->version, connect->keep_alive_s,
                 connect->clean_start ? " clean" : "");
    kit_say(sb, "id", connect->client_id);
    kit_say(sb, "user_name", connect->user_name);
    kit_say(sb, "password", connect->password);
    if (!connect->has_will)
        return;
    hf_sb_printf(sb, " will(qos%u%s", connect->will.qos, connect->will.retain ? " retain" : "");
    kit_say(sb, "topic", connect->will.topic);
    kit_say(sb, "payload", connect->will.payload);
    kit_say_properties(sb, &connect->will.properties);
    hf_sb_text(sb, ")");
}

static inline void kit_say_filters(struct hf_sb *sb, const struct hf_mqtt_packet *packet)
{
    struct hf_slice rest = packet->as.subscribe.filters;
    struct hf_mqtt_filter filter;
    unsigned count = 0;

    hf_sb_printf(sb, " #%u", packet->as.subscribe.packet_id);
    for (; hf_mqtt_filter_next(&rest, (enum hf_mqtt_type)packet->type, &filter); count++) {
        hf_sb_text(sb, " ");
        hf_sb_slice(sb, filter.filter);
        if (packet->type == HF_MQTT_SUBSCRIBE)
            hf_sb_printf(sb, ":%u%s%s%u", filter.qos, filter.no_local ? "n" : "-",
                         filter.retain_as_published ? "p" : "-", filter.retain_handling);
    }
    assert_int_equal(count, packet->as.subscribe.filter_count);
}

/* All of a packet: "PUBACK #16 reason=16 reason_string=x". */
static inline const char *kit_describe(const struct hf_mqtt_packet *packet)
{
    static char text[KIT_TEXT_BYTES];
    const struct hf_mqtt_publish *publish = &packet->as.publish;
    struct hf_sb sb;

    hf_sb_init(&sb, text, sizeof(text));
    hf_sb_text(&sb, hf_mqtt_type_name(packet->type));
    switch (packet->type) {
    case HF_MQTT_CONNECT: kit_say_connect(&sb, packet); break;
    case HF_MQTT_CONNACK:
        hf_sb_printf(&sb, "%s reason=%u", packet->as.connack.session_present ? " present" : "",
                     packet->as.connack.reason);
        break;
    case HF_MQTT_PUBLISH:
        hf_sb_printf(&sb, " qos%u%s%s", publish->qos, publish->dup ? " dup" : "",
                     publish->retain ? " retain" : "");
        if (publish->packet_id != 0)
            hf_sb_printf(&sb, " #%u", publish->packet_id);
        kit_say(&sb, "topic", publish->topic);
        kit_say(&sb, "payload", publish->payload);
        break;
    case HF_MQTT_PUBACK:
    case HF_MQTT_PUBREC:
    case HF_MQTT_PUBREL:
    case HF_MQTT_PUBCOMP:
        hf_sb_printf(&sb, " #%u reason=%u", packet->as.ack.packet_id, packet->as.ack.reason);
        break;
    case HF_MQTT_SUBSCRIBE:
    case HF_MQTT_UNSUBSCRIBE: kit_say_filters(&sb, packet); break;
    case HF_MQTT_SUBACK:
    case HF_MQTT_UNSUBACK:
        hf_sb_printf(&sb, " #%u codes=", packet->as.suback.packet_id);
        hf_sb_hex(&sb, packet->as.suback.codes.at, packet->as.suback.codes.bytes);
        break;
    case HF_MQTT_DISCONNECT:
    case HF_MQTT_AUTH: hf_sb_printf(&sb, " reason=%u", packet->as.end.reason); break;
    default: break;
    }
    kit_say_properties(&sb, &packet->properties);
    HF_ASSERT(!sb.overflow);
    return text;
}

#endif
