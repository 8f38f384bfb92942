/* codec/mqtt/topic.h - topic names and topic filters (MQTT 5.0, 4.7 and 4.8.2; 3.1.1, 4.7), and a name as one part of a topic. */
#ifndef HF_CODEC_MQTT_TOPIC_H
#define HF_CODEC_MQTT_TOPIC_H

#include <stdbool.h>

#include "base/err.h"
#include "base/sb.h"

/* 1 to 65,535 bytes without + and # (4.7.0-1, 4.7.3). That it is UTF-8 without U+0000 is not looked at here: the decoder did. */
bool hf_mqtt_topic_valid(struct hf_slice topic);
/* 1 to 65,535 bytes; + fills a level, # the last one (4.7.1). UTF-8 as above, $share as below. */
bool hf_mqtt_filter_valid(struct hf_slice filter);
/* The filter is valid. + and # at its beginning do not match a topic that begins with $ [MQTT-4.7.2-1]. A shared filter matches by the filter in it
 * (hf_mqtt_share_split()), not by itself. */
bool hf_mqtt_topic_matches(struct hf_slice filter, struct hf_slice topic);
/* The same by levels alone (4.7.1): $ is a letter like others. */
bool hf_mqtt_levels_match(struct hf_slice filter, struct hf_slice topic);

struct hf_mqtt_share {
    struct hf_slice name, filter; /* both into the filter that was split */
};
bool hf_mqtt_filter_is_shared(
    struct hf_slice filter); /* begins with $share and ends there, or has a / behind it */
/* "$share/NAME/FILTER" (4.8.2). False when it is not whole: no name, + or # in it, no filter [MQTT-4.8.2-1, MQTT-4.8.2-2]. The filter as a whole is valid. */
bool hf_mqtt_share_split(struct hf_slice filter, struct hf_mqtt_share *ret_share);

/* Adds text as one part of a topic: + # / % and control characters (NUL is one) become %XX, so that it is one level and no wildcard. */
void hf_mqtt_part_encode(struct hf_sb *sb, struct hf_slice text);
/* The way back, into `out`; *ret_text lies in it. HF_ERR_MALFORMED: a % without two hex digits behind it, or a character that is to be encoded. HF_ERR_LIMIT:
 * more than out_bytes (part.bytes are always enough). */
hf_err hf_mqtt_part_decode(struct hf_slice part, char *out, size_t out_bytes, struct hf_slice *ret_text);

#endif
