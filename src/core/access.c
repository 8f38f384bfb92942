#include "core/access.h"

#include <stdlib.h>

#include "base/assert.h"
#include "core/event.h"
#include "core/topic.h"

struct hf_access_rules {
    unsigned count;
    struct hf_access_rule rules[]; /* texts lie behind the array, in the same block */
};

static bool device_pattern_valid(struct hf_slice pattern)
{
    const char *star = pattern.bytes ? memchr(pattern.at, '*', pattern.bytes) : NULL;
    struct hf_slice name = {pattern.at, star ? (size_t)(star - pattern.at) : pattern.bytes};

    if (star != NULL && star != pattern.at + pattern.bytes - 1)
        return false;
    return (star != NULL && name.bytes == 0) || hf_id_valid(name, HF_DEVICE_BYTES_MAX);
}

hf_err hf_access_new(const struct hf_access_rule *rules, unsigned count, unsigned *ret_bad,
                     struct hf_access_rules **ret_rules)
{
    size_t bytes = 0;

    if (count > HF_ACCESS_RULES_MAX)
        return HF_ERR_LIMIT;
    for (unsigned i = 0; i < count; i++) {
        if (!device_pattern_valid(rules[i].device) || !hf_topic_filter_valid(rules[i].topic) ||
            (rules[i].direction & ~HF_ACCESS_BOTH) != 0 || rules[i].direction == 0) {
            *ret_bad = i;
            return HF_ERR_INVALID;
        }
        bytes += rules[i].device.bytes + rules[i].topic.bytes;
    }
    struct hf_access_rules *made = malloc(sizeof(*made) + count * sizeof(made->rules[0]) + bytes);
    if (made == NULL)
        return HF_ERR_NOMEM;
    char *text = (char *)&made->rules[count];
    made->count = count;
    for (unsigned i = 0; i < count; i++) {
        made->rules[i] = rules[i];
        memcpy(text, rules[i].device.at, rules[i].device.bytes);
        made->rules[i].device.at = text;
        text += rules[i].device.bytes;
        memcpy(text, rules[i].topic.at, rules[i].topic.bytes);
        made->rules[i].topic.at = text;
        text += rules[i].topic.bytes;
    }
    *ret_rules = made;
    return HF_OK;
}

void hf_access_free(struct hf_access_rules *rules)
{
    free(rules);
}

static bool device_matches(struct hf_slice pattern, struct hf_slice device)
{
    if (pattern.at[pattern.bytes - 1] != '*')
        return hf_slice_eq(pattern, device);
    return device.bytes >= pattern.bytes - 1 && memcmp(device.at, pattern.at, pattern.bytes - 1) == 0;
}

static const char device_mark[] = "{device}";
enum { MARK_BYTES = sizeof(device_mark) - 1 };

/* Puts the device's id where the filter says {device}; ids hold no wildcard, so this cannot widen a filter. */
static bool topic_matches(struct hf_slice filter, struct hf_slice device, struct hf_slice topic)
{
    char storage[HF_TOPIC_BYTES_MAX / MARK_BYTES * HF_DEVICE_BYTES_MAX + MARK_BYTES];
    const char *mark = memmem(filter.at, filter.bytes, device_mark, MARK_BYTES);
    struct hf_sb sb;

    if (mark == NULL)
        return hf_topic_matches(filter, topic);
    hf_sb_init(&sb, storage, sizeof(storage));
    for (; mark != NULL; mark = memmem(filter.at, filter.bytes, device_mark, MARK_BYTES)) {
        size_t taken = (size_t)(mark - filter.at) + MARK_BYTES;

        hf_sb_add(&sb, filter.at, taken - MARK_BYTES);
        hf_sb_slice(&sb, device);
        filter.at += taken;
        filter.bytes -= taken;
    }
    hf_sb_slice(&sb, filter);
    HF_ASSERT(!sb.overflow); /* the most marks that a filter has room for, each as long as the longest id */
    return hf_topic_matches(hf_sb_done(&sb), topic);
}

static const struct hf_access_rule *deciding(const struct hf_access_rules *rules, struct hf_slice device,
                                             struct hf_slice topic, enum hf_access_direction direction)
{
    for (unsigned i = 0; i < rules->count; i++) {
        const struct hf_access_rule *rule = &rules->rules[i];

        if ((rule->direction & direction) != 0 && device_matches(rule->device, device) &&
            topic_matches(rule->topic, device, topic))
            return rule;
    }
    return NULL;
}

bool hf_access_allowed(const struct hf_access_rules *rules, struct hf_slice device, struct hf_slice topic,
                       enum hf_access_direction direction)
{
    const struct hf_access_rule *rule = deciding(rules, device, topic, direction);

    return rule != NULL && rule->allow;
}

bool hf_access_explain(const struct hf_access_rules *rules, struct hf_slice device, struct hf_slice topic,
                       enum hf_access_direction direction, struct hf_sb *ret_text)
{
    const struct hf_access_rule *rule = deciding(rules, device, topic, direction);

    if (rule == NULL) {
        hf_sb_printf(ret_text, "none of %u rules matches: denied", rules->count);
        return false;
    }
    hf_sb_printf(ret_text, "rule %u of %u: %s %s for device %.*s topic %.*s",
                 (unsigned)(rule - rules->rules) + 1, rules->count, rule->allow ? "allow" : "deny",
                 direction == HF_ACCESS_UP ? "up" : "down", (int)rule->device.bytes, rule->device.at,
                 (int)rule->topic.bytes, rule->topic.at);
    return rule->allow;
}
