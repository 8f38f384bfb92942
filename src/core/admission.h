/* core/admission.h - who gets in, decided at accept, before TLS and before a byte is read (OL-1, RC-5, WS-18). Costs well below a
 * microsecond and a fixed amount of memory, whatever comes: totals are counted, rates are token buckets, and address prefixes share
 * a sketch of fixed size (two rows of buckets, a prefix is refused only when both of its buckets are empty, so that a
 * flood from one prefix hits another one only if both collide). One per worker. */
#ifndef HF_CORE_ADMISSION_H
#define HF_CORE_ADMISSION_H

#include "base/rate.h"
#include "base/reason.h"

enum { HF_ADMISSION_PREFIX_BUCKETS = 4096, HF_ADMISSION_PREFIX_ROWS = 2 };

struct hf_admission_limits {         /* exchanged at a reload */
    uint64_t connections_max;        /* of the node */
    struct hf_rate_limit plain, tls; /* of this worker */
    struct hf_rate_limit prefix;     /* per prefix and worker; capacity 0 = no limit */
    uint8_t prefix_v4_bits, prefix_v6_bits;
};

struct hf_admission_stats {
    uint64_t admitted, refused[HF_REASONS_MAX];
};

struct hf_admission { /* 128 KiB */
    struct hf_admission_limits limits;
    uint8_t hash_key[16];
    struct hf_rate plain, tls;
    struct hf_rate prefixes[HF_ADMISSION_PREFIX_ROWS][HF_ADMISSION_PREFIX_BUCKETS];
    struct hf_admission_stats stats;
};

void hf_admission_init(struct hf_admission *admission, const struct hf_admission_limits *limits,
                       const uint8_t hash_key[16]);

/* address: 4 or 16 bytes in network order. connections: of the node now, without this one. HF_REASON_NONE lets it in and uses its
 * tokens up; otherwise connection_limit, accept_rate or prefix_rate, counted. */
enum hf_reason hf_admission_decide(struct hf_admission *admission, const uint8_t *address,
                                   unsigned address_bytes, bool tls, uint64_t connections, uint64_t now_ms);

#endif
