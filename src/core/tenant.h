/* core/tenant.h - whose device it is, and the rules that hang on it. Shared by all workers: the rules do not change while they are
 * in force (a reload makes a new set), the counters are atomic. */
#ifndef HF_CORE_TENANT_H
#define HF_CORE_TENANT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/rate.h"
#include "base/slice.h"
#include "core/call.h"
#include "core/session/heartbeat.h"

/* What happens to a message for a device whose queue is above its high mark. */
#define HF_POLICY_MAP(X)                                                                   \
    X(HF_POLICY_MUST_DELIVER, "must_deliver") /* it waits in the outbox, on disk */        \
    X(HF_POLICY_DROP_OLDEST, "drop_oldest")                                                \
    X(HF_POLICY_DROP_NEWEST, "drop_newest")                                                \
    X(HF_POLICY_LATEST, "latest")         /* one per topic; a newer one takes its place */ \
    X(HF_POLICY_DISCONNECT, "disconnect") /* the device is closed, reason slow_reader */   \
    X(HF_POLICY_SAMPLE, "sample")         /* one per topic and sample_every_ms, the newest of each */
#define HF_POLICY_ENUM(id, name) id,
enum hf_policy { HF_POLICY_MAP(HF_POLICY_ENUM) HF_POLICIES };
#undef HF_POLICY_ENUM
const char *hf_policy_name(unsigned policy);
enum hf_policy hf_policy_by_name(struct hf_slice name); /* HF_POLICIES when unknown */

struct hf_access_rules; /* core/access.h */
struct hf_topic_map;    /* core/topic_map.h */

struct hf_session_rules { /* of devices that speak holdfast.v1 */
    bool enabled;
    uint8_t profile;                        /* enum hf_profile of devices that wish for none; not ANY */
    uint32_t window_messages, window_bytes; /* of the uplink: 256, 1 MiB */
    uint64_t resume_ms;                     /* 300,000 */
    struct hf_beat_rules beats[HF_PROFILES];
};

struct hf_shadow_rules {
    uint32_t section_bytes_max, depth_max; /* 32 KiB, 8, and not above (core/document/shadow.h) */
    uint32_t names_max;                    /* named shadows of a device: 16 */
    uint32_t versions_max;                 /* of its history: 100, fewer when they are large: */
    uint64_t history_bytes;                /* 1 MiB */
    struct hf_rate_limit changes;          /* of one shadow: 100/s, capacity 200 */
    uint8_t merge;                         /* enum hf_merge: of changes and shadows that name none; version */
};

struct hf_tenant_rules {
    uint32_t heartbeat_interval_ms; /* gateway Ping after this silence; default 30,000 */
    uint32_t heartbeat_repeat_ms;   /* and again after each of these without an answer; default 7,500 */
    uint32_t heartbeat_dead_ms;     /* closed after this silence; default 60,000 */
    uint32_t queue_high_bytes, queue_low_bytes;     /* per connection: 256 KiB, 64 KiB */
    uint8_t policies[HF_CLASSES];                   /* enum hf_policy by class */
    uint32_t sample_every_ms;                       /* of HF_POLICY_SAMPLE: 1,000 */
    uint32_t outbox_messages_max, outbox_bytes_max; /* per device: 1,000, 1 MiB */
    uint64_t ttl_default_ms, ttl_max_ms;            /* 24 h */
    struct hf_rate_limit uplink;                    /* per device: 1,000/s, capacity 2,000 */
    struct hf_rate_limit commands;                  /* to a device: 20/s, capacity 40 */
    uint32_t connections_max;             /* of the tenant on this node; 0 = no limit but the node's */
    uint32_t subscriptions_max;           /* topics per connection; default 64 */
    uint64_t idempotency_ms;              /* 3,600,000 */
    const struct hf_topic_map *topics;    /* business types to topics; NULL = none */
    struct hf_slice default_topic;        /* of messages that name none */
    const struct hf_access_rules *access; /* NULL = everything within the tenant is allowed */
    struct hf_session_rules session;
    struct hf_shadow_rules shadow;
};

struct hf_tenant {
    struct hf_slice name; /* lives as long as the process: tenants that left the configuration are kept */
    _Atomic(const struct hf_tenant_rules *) rules;
    _Atomic uint64_t connections;
    _Atomic uint64_t refused; /* by connections_max */
};

#endif
