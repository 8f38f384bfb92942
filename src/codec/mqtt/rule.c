/* codec/mqtt/rule.c - see rule.h. */
#include "codec/mqtt/rule.h"

#include "base/assert.h"

#define HF_MQTT_RULE_ROW(id, reason, name, clause, clause_311, text) \
    [id] = {reason, name, clause, clause_311, text},
static const struct hf_mqtt_rule_info rules[HF_MQTT_RULES] = {HF_MQTT_RULE_MAP(HF_MQTT_RULE_ROW)};
#undef HF_MQTT_RULE_ROW

const struct hf_mqtt_rule_info *hf_mqtt_rule_info(unsigned rule)
{
    HF_ASSERT(rule < HF_MQTT_RULES);
    return &rules[rule];
}
