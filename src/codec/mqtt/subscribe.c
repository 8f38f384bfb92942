/* codec/mqtt/subscribe.c - SUBSCRIBE, UNSUBSCRIBE and their answers (5.0, 3.8 to 3.11).
 *
 *   SUBSCRIBE:         u16 packet id | properties | text filter, u8 options; at least once
 *   UNSUBSCRIBE:       u16 packet id | properties | text filter; at least once
 *   SUBACK, UNSUBACK:  u16 packet id | properties | u8 reason for each filter; UNSUBACK of 3.1.1 ends behind the packet id */
#include "codec/mqtt/topic.h"
#include "codec/mqtt/wire.h"

enum { /* 3.8.3.1 */
       OPTION_QOS = 0x03,
       OPTION_NO_LOCAL = 0x04,
       OPTION_RETAIN_AS_PUBLISHED = 0x08,
       OPTION_RETAIN_HANDLING = 0x30,
       RETAIN_HANDLING_SHIFT = 4,
       RETAIN_HANDLING_MAX = 2,
       OPTIONS_RESERVED = 0xc0,
       FAILURE_311 = 0x80, /* 3.1.1, 3.9.3 */
};

static bool take_options(struct hf_mqtt_in *in, struct hf_mqtt_filter *ret)
{
    uint8_t options;

    if (!hf_mqtt_take_u8(in, &options))
        return false;
    ret->qos = options & OPTION_QOS;
    ret->no_local = (options & OPTION_NO_LOCAL) != 0;
    ret->retain_as_published = (options & OPTION_RETAIN_AS_PUBLISHED) != 0;
    ret->retain_handling = (options & OPTION_RETAIN_HANDLING) >> RETAIN_HANDLING_SHIFT;
    if (ret->qos > HF_MQTT_QOS_MAX || ret->retain_handling > RETAIN_HANDLING_MAX ||
        (options & (in->version < HF_MQTT_V5 ? ~(unsigned)OPTION_QOS : OPTIONS_RESERVED)) != 0)
        return hf_mqtt_refuse(in, HF_MQTT_RULE_OPTIONS);
    return true;
}

static bool take_filter(struct hf_mqtt_in *in, unsigned type, struct hf_mqtt_filter *ret)
{
    *ret = (struct hf_mqtt_filter){.qos = 0};
    return hf_mqtt_take_text(in, &ret->filter) && (type == HF_MQTT_UNSUBSCRIBE || take_options(in, ret));
}

static bool judge_filter(struct hf_mqtt_in *in, const struct hf_mqtt_filter *filter)
{
    struct hf_mqtt_share share;

    if (!hf_mqtt_filter_valid(filter->filter))
        return hf_mqtt_refuse(in, HF_MQTT_RULE_FILTER);
    if (in->version < HF_MQTT_V5 || !hf_mqtt_filter_is_shared(filter->filter))
        return true;
    if (!hf_mqtt_share_split(filter->filter, &share))
        return hf_mqtt_refuse(in, HF_MQTT_RULE_SHARE);
    return !filter->no_local || hf_mqtt_refuse(in, HF_MQTT_RULE_NO_LOCAL);
}

bool hf_mqtt_take_subscribe(struct hf_mqtt_in *in, struct hf_mqtt_packet *ret)
{
    struct hf_mqtt_subscribe *subscribe = &ret->as.subscribe;
    struct hf_mqtt_filter filter;

    if (!hf_mqtt_take_packet_id(in, &subscribe->packet_id) ||
        !hf_mqtt_take_properties(in, ret->type, &ret->properties))
        return false;
    subscribe->filters = (struct hf_slice){(const char *)in->at, hf_mqtt_left(in)};
    for (; hf_mqtt_left(in) > 0; subscribe->filter_count++)
        if (!take_filter(in, ret->type, &filter) || !judge_filter(in, &filter))
            return false;
    return subscribe->filter_count > 0 ||
           hf_mqtt_refuse(in, ret->type == HF_MQTT_SUBSCRIBE ? HF_MQTT_RULE_FILTER_MISSING
                                                             : HF_MQTT_RULE_UNFILTER_MISSING);
}

void hf_mqtt_put_subscribe(struct hf_mqtt_out *out, const struct hf_mqtt_packet *packet)
{
    const struct hf_mqtt_subscribe *subscribe = &packet->as.subscribe;

    HF_ASSERT(subscribe->packet_id > 0 && subscribe->filters.bytes > 0);
    hf_mqtt_put_u16(out, subscribe->packet_id);
    hf_mqtt_put_properties(out, packet->type, &packet->properties);
    hf_mqtt_put(out, subscribe->filters.at, subscribe->filters.bytes);
}

bool hf_mqtt_filter_next(struct hf_slice *rest, enum hf_mqtt_type type, struct hf_mqtt_filter *ret)
{
    struct hf_mqtt_in in = {.at = (const uint8_t *)rest->at, .version = HF_MQTT_V5, .judged = true};
    bool whole;

    if (rest->bytes == 0)
        return false;
    in.end = in.at + rest->bytes;
    whole = take_filter(&in, type, ret);
    HF_ASSERT(whole); /* it was decoded, or made with the function below */
    *rest = hf_mqtt_take_rest(&in);
    return true;
}

void hf_mqtt_put_filter(struct hf_sb *sb, enum hf_mqtt_type type, const struct hf_mqtt_filter *filter)
{
    uint8_t length[2], options;

    HF_ASSERT(filter->qos <= HF_MQTT_QOS_MAX && filter->retain_handling <= RETAIN_HANDLING_MAX);
    if (filter->filter.bytes > HF_MQTT_TEXT_BYTES_MAX) {
        sb->overflow = true;
        return;
    }
    hf_put_u16(length, (uint16_t)filter->filter.bytes);
    hf_sb_add(sb, length, sizeof(length));
    hf_sb_slice(sb, filter->filter);
    options = (uint8_t)(filter->qos | (filter->no_local ? OPTION_NO_LOCAL : 0) |
                        (filter->retain_as_published ? OPTION_RETAIN_AS_PUBLISHED : 0) |
                        filter->retain_handling << RETAIN_HANDLING_SHIFT);
    if (type == HF_MQTT_SUBSCRIBE)
        hf_sb_add(sb, &options, sizeof(options));
}

static bool code_may(uint8_t code, uint8_t version, unsigned type)
{
    if (version >= HF_MQTT_V5)
        return hf_mqtt_reason_may(code, type);
    return type == HF_MQTT_SUBACK && (code <= HF_MQTT_QOS_MAX || code == FAILURE_311);
}

bool hf_mqtt_take_suback(struct hf_mqtt_in *in, struct hf_mqtt_packet *ret)
{
    struct hf_mqtt_suback *suback = &ret->as.suback;

    if (!hf_mqtt_take_packet_id(in, &suback->packet_id) ||
        !hf_mqtt_take_properties(in, ret->type, &ret->properties))
        return false;
    if (in->version < HF_MQTT_V5 && ret->type == HF_MQTT_UNSUBACK)
        return true;
    suback->codes = hf_mqtt_take_rest(in);
    if (suback->codes.bytes == 0)
        return hf_mqtt_refuse(in, HF_MQTT_RULE_CODE_MISSING);
    for (size_t i = 0; i < suback->codes.bytes; i++)
        if (!code_may((uint8_t)suback->codes.at[i], in->version, ret->type))
            return hf_mqtt_refuse(in, HF_MQTT_RULE_REASON);
    return true;
}

void hf_mqtt_put_suback(struct hf_mqtt_out *out, const struct hf_mqtt_packet *packet)
{
    const struct hf_mqtt_suback *suback = &packet->as.suback;
    bool has_codes = packet->type == HF_MQTT_SUBACK || out->version >= HF_MQTT_V5;

    HF_ASSERT(suback->packet_id > 0 && (suback->codes.bytes > 0 || !has_codes));
    hf_mqtt_put_u16(out, suback->packet_id);
    hf_mqtt_put_properties(out, packet->type, &packet->properties);
    for (size_t i = 0; has_codes && i < suback->codes.bytes; i++) {
        uint8_t code = (uint8_t)suback->codes.at[i];

        /* 3.1.1 knows one failure. */
        code = out->version < HF_MQTT_V5 && code > FAILURE_311 ? FAILURE_311 : code;
        HF_ASSERT(code_may(code, out->version, packet->type));
        hf_mqtt_put_u8(out, code);
    }
}
