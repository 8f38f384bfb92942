/* core/session/rtt.h - smoothed round-trip time and the retransmission timeout that follows from it (RFC 6298: alpha 1/8, beta 1/4). */
#ifndef HF_CORE_SESSION_RTT_H
#define HF_CORE_SESSION_RTT_H

#include <stdbool.h>
#include <stdint.h>

enum { HF_RTO_MS_MIN = 1000 /* DLV-8 */, HF_RTO_MS_MAX = 60000, HF_RTT_MS_MAX = 3600000 };

struct hf_rtt { /* all zero = nothing measured yet */
    uint32_t srtt_us,
        rttvar_us; /* srtt 0 = none; a sample of 0 ms counts as 1 us so that it can be told apart */
};

void hf_rtt_sample(struct hf_rtt *rtt, uint64_t sample_ms); /* above HF_RTT_MS_MAX: cut to it */
uint32_t hf_rtt_srtt_ms(const struct hf_rtt *rtt);          /* rounded up; 0 = none yet */
uint32_t hf_rtt_spread_ms(const struct hf_rtt *rtt);        /* SRTT + 4 RTTVAR, rounded up; 0 = none yet */
/* RTO after `timeouts` expiries in a row: doubled each time, within MIN..MAX. */
uint32_t hf_rtt_rto_ms(const struct hf_rtt *rtt, unsigned timeouts);

#endif
