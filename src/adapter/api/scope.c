#include "adapter/api/scope.h"

static const struct {
    const char *name;
    uint32_t mask;
} names[] = {
#define NAME_OF(id, bit, name) {name, id},
    HF_SCOPE_MAP(NAME_OF)
#undef NAME_OF
        {"read", HF_SCOPE_DEVICES_READ | HF_SCOPE_EVENTS_READ},
    {"write", HF_SCOPE_DEVICES_WRITE | HF_SCOPE_MESSAGES_WRITE},
    {"command", HF_SCOPE_COMMANDS_WRITE},
};

uint32_t hf_scope_by_name(struct hf_slice name)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (hf_slice_is(name, names[i].name))
            return names[i].mask;
    return 0;
}

static bool is_gap(char c)
{
    return c == ' ' || c == ',';
}

hf_err hf_scopes_parse(struct hf_slice list, uint32_t *ret_mask, struct hf_slice *ret_bad)
{
    uint32_t mask = 0;

    for (size_t at = 0; at < list.bytes;) {
        size_t end = at;

        while (end < list.bytes && !is_gap(list.at[end]))
            end++;
        struct hf_slice name = {list.at + at, end - at};
        uint32_t one = hf_scope_by_name(name);

        at = end + 1;
        if (name.bytes == 0)
            continue;
        if (one == 0) {
            *ret_bad = name;
            return HF_ERR_INVALID;
        }
        mask |= one;
    }
    *ret_bad = list;
    *ret_mask = mask;
    return mask != 0 ? HF_OK : HF_ERR_INVALID;
}

void hf_scopes_text(uint32_t mask, struct hf_sb *sb)
{
    bool first = true;

#define ADD_NAME(id, bit, name)                  \
    if (mask & (uint32_t)id) {                   \
        hf_sb_text(sb, first ? name : " " name); \
        first = false;                           \
    }
    HF_SCOPE_MAP(ADD_NAME)
#undef ADD_NAME
}
