/* core/session/rtt.c - RFC 6298 2.2 and 2.3 in whole microseconds. The clock granularity G of that text does not show: RTO has a floor of 1 s. */
#include "core/session/rtt.h"

#include "base/assert.h"

void hf_rtt_sample(struct hf_rtt *rtt, uint64_t sample_ms)
{
    uint64_t sample_us = HF_MAX(HF_MIN(sample_ms, (uint64_t)HF_RTT_MS_MAX) * 1000, 1);

    if (rtt->srtt_us == 0) {
        rtt->srtt_us = (uint32_t)sample_us;
        rtt->rttvar_us = (uint32_t)(sample_us / 2);
        return;
    }
    uint64_t apart_us = sample_us > rtt->srtt_us ? sample_us - rtt->srtt_us : rtt->srtt_us - sample_us;

    /* RTTVAR first: it is measured against the SRTT before this sample. */
    rtt->rttvar_us = (uint32_t)((3 * (uint64_t)rtt->rttvar_us + apart_us) / 4);
    rtt->srtt_us = (uint32_t)((7 * (uint64_t)rtt->srtt_us + sample_us) / 8);
}

static uint32_t up_to_ms(uint64_t us)
{
    return (uint32_t)((us + 999) / 1000);
}

uint32_t hf_rtt_srtt_ms(const struct hf_rtt *rtt)
{
    return up_to_ms(rtt->srtt_us);
}

uint32_t hf_rtt_spread_ms(const struct hf_rtt *rtt)
{
    return up_to_ms(rtt->srtt_us + 4 * (uint64_t)rtt->rttvar_us);
}

uint32_t hf_rtt_rto_ms(const struct hf_rtt *rtt, unsigned timeouts)
{
    uint64_t rto_ms = HF_MAX(hf_rtt_spread_ms(rtt), (uint32_t)HF_RTO_MS_MIN);

    while (timeouts-- > 0 && rto_ms < HF_RTO_MS_MAX)
        rto_ms *= 2;
    return (uint32_t)HF_MIN(rto_ms, (uint64_t)HF_RTO_MS_MAX);
}
