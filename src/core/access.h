/* core/access.h - who may use which topic (SEC-5): the rules of one tenant, compiled once, first match decides, nothing matching
 * denies. A tenant without rules allows everything within itself. `{device}` in a topic filter stands for the device's own id. */
#ifndef HF_CORE_ACCESS_H
#define HF_CORE_ACCESS_H

#include <stdbool.h>

#include "base/err.h"
#include "base/sb.h"

enum hf_access_direction { HF_ACCESS_UP = 1, HF_ACCESS_DOWN = 2, HF_ACCESS_BOTH = 3 };

struct hf_access_rule {
    struct hf_slice device; /* a name, a prefix that ends in *, or * */
    struct hf_slice topic;  /* a filter with + and #, may hold {device} */
    enum hf_access_direction direction;
    bool allow;
};

enum { HF_ACCESS_RULES_MAX = 256 }; /* per tenant */
struct hf_access_rules;

/* Copies. HF_ERR_INVALID names the bad rule in *ret_bad; HF_ERR_LIMIT, HF_ERR_NOMEM. */
hf_err hf_access_new(const struct hf_access_rule *rules, unsigned count, unsigned *ret_bad,
                     struct hf_access_rules **ret_rules);
void hf_access_free(struct hf_access_rules *rules); /* NULL is harmless */
/* An absent topic is allowed or denied as the topic "". */
bool hf_access_allowed(const struct hf_access_rules *rules, struct hf_slice device, struct hf_slice topic,
                       enum hf_access_direction direction);
/* Which rule decided, for people: "rule 2 of 5: deny down for device * topic secret/#". Returns the verdict. */
bool hf_access_explain(const struct hf_access_rules *rules, struct hf_slice device, struct hf_slice topic,
                       enum hf_access_direction direction, struct hf_sb *ret_text);

#endif
