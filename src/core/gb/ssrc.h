/* core/gb/ssrc.h - the SSRCs of one media point (the built-in relay, or an external media server), of which the standard leaves 10,000 for live and 10,000 for history: who has which,
 * and which may be given again. The number that came back longest ago is given next, never within the quarantine, because packets of the old stream
 * may still arrive. Each has an owner, so that an audit can find those that nobody owns any more. One thread; several threads share a point by taking every n-th number each.
 * Sources: GB/T 28181-2016 and -2022 annex G (y=); requirements GB-11, GB-17. */
#ifndef HF_CORE_GB_SSRC_H
#define HF_CORE_GB_SSRC_H

#include "codec/sdp/ssrc.h"
#include "core/gb/owner.h"

enum {
    HF_GB_SSRC_QUARANTINE_MS = 30000,
    HF_GB_SSRC_ALARM_PERCENT = 90, /* in use or in quarantine */
    HF_GB_SSRC_CALM_PERCENT = 80,  /* below it the alarm is over */
};

enum hf_gb_ssrc_kind { HF_GB_SSRC_LIVE, HF_GB_SSRC_HISTORY, HF_GB_SSRC_KINDS };

struct hf_gb_ssrc_pool;

/* domain: of which digits 4 to 8 stand in every SSRC (codec/sdp/ssrc.h). share below shares: the numbers n with n % shares == share are this pool's. HF_ERR_INVALID: a domain without eight
 * digits, a share that is none; HF_ERR_NOMEM. 480 KB divided by shares. */
hf_err hf_gb_ssrc_pool_new(struct hf_slice domain, unsigned share, unsigned shares,
                           struct hf_gb_ssrc_pool **ret_pool);
void hf_gb_ssrc_pool_free(struct hf_gb_ssrc_pool *pool); /* NULL is harmless; what is in use is forgotten */

/* owner: not 0. HF_ERR_LIMIT: all are in use or in quarantine; counted. */
hf_err hf_gb_ssrc_take(struct hf_gb_ssrc_pool *pool, enum hf_gb_ssrc_kind kind, uint64_t owner,
                       uint64_t now_ms, uint32_t *ret_ssrc);
/* One that somebody else chose. HF_ERR_EXISTS: it is in use or in quarantine. HF_ERR_NOT_FOUND: it is none of this pool's: nothing is taken, and whoever chose it answers for it. */
hf_err hf_gb_ssrc_take_this(struct hf_gb_ssrc_pool *pool, uint32_t ssrc, uint64_t owner, uint64_t now_ms);
/* Into quarantine. Harmless when `owner` does not have it. */
void hf_gb_ssrc_give(struct hf_gb_ssrc_pool *pool, uint32_t ssrc, uint64_t owner, uint64_t now_ms);

/* GB-17: looks at each that is in use. alive: does its owner live? What is owned by nobody for long enough goes into quarantine. */
typedef bool hf_gb_ssrc_alive_fn(void *context, uint64_t owner);
void hf_gb_ssrc_audit(struct hf_gb_ssrc_pool *pool, hf_gb_ssrc_alive_fn *alive, void *context,
                      uint64_t now_ms, struct hf_gb_audit *audit);

struct hf_gb_ssrc_counts {
    unsigned used, resting, total; /* resting: in quarantine */
    bool alarm; /* of HF_GB_SSRC_ALARM_PERCENT, until it falls below HF_GB_SSRC_CALM_PERCENT */
    uint64_t taken, refused, alarms;
};
struct hf_gb_ssrc_counts hf_gb_ssrc_counts(struct hf_gb_ssrc_pool *pool, enum hf_gb_ssrc_kind kind,
                                           uint64_t now_ms);
bool hf_gb_ssrc_idle(struct hf_gb_ssrc_pool *pool,
                     uint64_t now_ms); /* nothing in use, nothing in quarantine */

#endif
