/* core/topic.h - topic names and filters. Filters use the wildcards of MQTT 5.0, 4.7: `+` one level, `#` the rest. */
#ifndef HF_CORE_TOPIC_H
#define HF_CORE_TOPIC_H

#include <stdbool.h>

#include "base/slice.h"

/* 1..HF_TOPIC_BYTES_MAX bytes of UTF-8 without control characters, + and #. */
bool hf_topic_valid(struct hf_slice topic);
bool hf_topic_filter_valid(struct hf_slice filter);
bool hf_topic_matches(struct hf_slice filter,
                      struct hf_slice topic); /* filter is valid; $ is a letter like others */
/* "group/NAME", the topic of a group and the name of its document. *ret_group (or NULL): NAME, into topic. */
bool hf_topic_is_group(struct hf_slice topic, struct hf_slice *ret_group);

#endif
