#include "core/sip/size.h"

#include "base/assert.h"

static uint64_t saturated(unsigned __int128 value)
{
    return value > UINT64_MAX ? UINT64_MAX : (uint64_t)value;
}

uint64_t hf_sip_size_present(uint64_t devices, uint32_t interval_ms, uint32_t held_ms)
{
    uint32_t interval = HF_MAX(interval_ms, 1U);

    return saturated(((unsigned __int128)devices * held_ms + interval - 1) / interval);
}

uint64_t hf_sip_size_objects(uint64_t present, uint64_t object_bytes, uint64_t budget_bytes)
{
    uint64_t wanted = saturated(((unsigned __int128)present * 3 + 1) / 2);

    HF_ASSERT(object_bytes > 0);
    wanted = HF_MAX(wanted, (uint64_t)HF_SIP_SIZE_MIN);
    return HF_MIN(wanted, budget_bytes / object_bytes);
}

bool hf_sip_sizer_due(struct hf_sip_sizer *sizer, uint64_t devices, uint64_t now_ms)
{
    uint64_t change = devices > sizer->devices ? devices - sizer->devices : sizer->devices - devices;

    if (sizer->sized && now_ms - sizer->looked_ms < HF_SIP_SIZE_TICK_MS)
        return false;
    sizer->looked_ms = now_ms;
    if (sizer->sized &&
        (unsigned __int128)change * 100 <= (unsigned __int128)sizer->devices * HF_SIP_SIZE_CHANGE_PERCENT)
        return false;
    sizer->sized = true;
    sizer->devices = devices;
    return true;
}
