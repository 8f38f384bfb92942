#include "core/tenant.h"

static const char *const policy_names[HF_POLICIES] = {
#define HF_POLICY_NAME(id, name) [id] = name,
    HF_POLICY_MAP(HF_POLICY_NAME)
#undef HF_POLICY_NAME
};

const char *hf_policy_name(unsigned policy)
{
    return policy < HF_POLICIES ? policy_names[policy] : "unknown";
}

enum hf_policy hf_policy_by_name(struct hf_slice name)
{
    unsigned policy = 0;

    while (policy < HF_POLICIES && !hf_slice_is(name, policy_names[policy]))
        policy++;
    return (enum hf_policy)policy;
}
