#include "core/gb/catalog.h"

#include "base/assert.h"

const char *hf_gb_catalog_name(unsigned catalog)
{
    static const char *const names[] = {"none", "querying", "partial", "complete"};

    return catalog < HF_GB_CATALOGS ? names[catalog] : "unknown";
}

enum { BEFORE = HF_GB_CATALOGS, SAME };

static const uint8_t cells[HF_GB_CATALOGS][HF_GB_CATALOG_EVENTS] = {
    [HF_GB_CATALOG_NONE] = {HF_GB_CATALOG_QUERYING, HF_GB_CATALOG_COMPLETE, HF_GB_CATALOG_PARTIAL, SAME,
                            HF_GB_CATALOG_NONE},
    [HF_GB_CATALOG_QUERYING] = {SAME, HF_GB_CATALOG_COMPLETE, HF_GB_CATALOG_PARTIAL, BEFORE,
                                HF_GB_CATALOG_NONE},
    [HF_GB_CATALOG_PARTIAL] = {HF_GB_CATALOG_QUERYING, HF_GB_CATALOG_COMPLETE, HF_GB_CATALOG_PARTIAL, SAME,
                               HF_GB_CATALOG_NONE},
    [HF_GB_CATALOG_COMPLETE] = {HF_GB_CATALOG_QUERYING, HF_GB_CATALOG_COMPLETE, HF_GB_CATALOG_PARTIAL, SAME,
                                HF_GB_CATALOG_NONE},
};

void hf_gb_catalog_step(struct hf_gb_catalog_state *state, enum hf_gb_catalog_event event)
{
    HF_ASSERT(state->now < HF_GB_CATALOGS && event < HF_GB_CATALOG_EVENTS);
    uint8_t next = cells[state->now][event];

    if (next == SAME)
        return;
    if (next == BEFORE)
        next = state->before;
    if (next == HF_GB_CATALOG_QUERYING)
        state->before = state->now;
    state->now = next;
}

uint32_t hf_gb_catalog_retry_ms(unsigned failed)
{
    uint32_t wait_ms = HF_GB_CATALOG_RETRY_MS;

    while (failed-- > 1 && wait_ms < HF_GB_CATALOG_RETRY_MS_MAX)
        wait_ms *= 2;
    return wait_ms < HF_GB_CATALOG_RETRY_MS_MAX ? wait_ms : HF_GB_CATALOG_RETRY_MS_MAX;
}
