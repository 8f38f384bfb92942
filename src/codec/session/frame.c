#include "codec/session/frame.h"

#include "base/assert.h"

#define HF_FRAME_ROW(id, value, name, up, down) [value] = {name, up, down},
static const struct {
    const char *name;
    bool up, down;
} rows[] = {HF_FRAME_MAP(HF_FRAME_ROW)};
#undef HF_FRAME_ROW

_Static_assert(HF_COUNT_OF(rows) == HF_FRAME_TYPES, "numbers without holes");

static bool known(unsigned type)
{
    return type > HF_FRAME_NONE && type < HF_FRAME_TYPES;
}

const char *hf_frame_type_name(unsigned type)
{
    return known(type) ? rows[type].name : "unknown";
}

enum hf_frame_type hf_frame_type_by_name(struct hf_slice name)
{
    for (unsigned type = HF_FRAME_NONE + 1; type < HF_FRAME_TYPES; type++)
        if (hf_slice_is(name, rows[type].name))
            return (enum hf_frame_type)type;
    return HF_FRAME_NONE;
}

bool hf_frame_may_go_up(unsigned type)
{
    return known(type) && rows[type].up;
}

bool hf_frame_may_go_down(unsigned type)
{
    return known(type) && rows[type].down;
}
