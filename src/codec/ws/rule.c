/* codec/ws/rule.c - see rule.h. */
#include "codec/ws/rule.h"

#include "base/assert.h"

#define HF_WS_RULE_ROW(id, code, name, text) [id] = {id, code, name, text},
static const struct hf_ws_rule_info rules[HF_WS_RULES] = {HF_WS_RULE_MAP(HF_WS_RULE_ROW)};
#undef HF_WS_RULE_ROW

const struct hf_ws_rule_info *hf_ws_rule_info(enum hf_ws_rule rule)
{
    HF_ASSERT((unsigned)rule < HF_WS_RULES);
    return &rules[rule];
}
