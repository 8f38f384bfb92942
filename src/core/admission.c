#include "core/admission.h"

#include <string.h>

#include "base/assert.h"
#include "base/hash.h"

void hf_admission_init(struct hf_admission *admission, const struct hf_admission_limits *limits,
                       const uint8_t hash_key[16])
{
    memset(admission, 0, sizeof(*admission)); /* zeroed buckets are full */
    admission->limits = *limits;
    memcpy(admission->hash_key, hash_key, sizeof(admission->hash_key));
}

static uint64_t prefix_hash(const struct hf_admission *admission, const uint8_t *address,
                            unsigned address_bytes)
{
    unsigned bits = address_bytes == 4 ? admission->limits.prefix_v4_bits : admission->limits.prefix_v6_bits;
    uint8_t prefix[17] = {0};

    HF_ASSERT(address_bytes == 4 || address_bytes == 16);
    memcpy(prefix, address, address_bytes);
    for (unsigned bit = bits; bit < address_bytes * 8; bit++)
        prefix[bit / 8] &= (uint8_t) ~(0x80u >> (bit % 8));
    prefix[16] = (uint8_t)address_bytes;
    return hf_hash(admission->hash_key, prefix, sizeof(prefix));
}

static bool take_prefix(struct hf_admission *admission, const uint8_t *address, unsigned address_bytes,
                        uint64_t now_ms)
{
    uint64_t hash = prefix_hash(admission, address, address_bytes);
    bool passed = false;

    for (unsigned row = 0; row < HF_ADMISSION_PREFIX_ROWS; row++) {
        struct hf_rate *bucket =
            &admission->prefixes[row][(hash >> (32 * row)) % HF_ADMISSION_PREFIX_BUCKETS];

        passed |= hf_rate_take(bucket, &admission->limits.prefix, 1, now_ms);
    }
    return passed;
}

static enum hf_reason decide(struct hf_admission *admission, const uint8_t *address, unsigned address_bytes,
                             bool tls, uint64_t connections, uint64_t now_ms)
{
    const struct hf_admission_limits *limits = &admission->limits;

    if (connections >= limits->connections_max)
        return HF_REASON_CONNECTION_LIMIT;
    /* The prefix first: what a flood from one prefix is refused must not use up the tokens of everybody. */
    if (limits->prefix.capacity > 0 && !take_prefix(admission, address, address_bytes, now_ms))
        return HF_REASON_PREFIX_RATE;
    if (!hf_rate_take(tls ? &admission->tls : &admission->plain, tls ? &limits->tls : &limits->plain, 1,
                      now_ms))
        return HF_REASON_ACCEPT_RATE;
    return HF_REASON_NONE;
}

enum hf_reason hf_admission_decide(struct hf_admission *admission, const uint8_t *address,
                                   unsigned address_bytes, bool tls, uint64_t connections, uint64_t now_ms)
{
    enum hf_reason reason = decide(admission, address, address_bytes, tls, connections, now_ms);

    if (reason == HF_REASON_NONE)
        admission->stats.admitted++;
    else
        admission->stats.refused[reason]++;
    return reason;
}
