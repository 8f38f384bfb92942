/* app/pools.h - pools that can run out, watched once a second (OL-10): a line in the log when one is 90 % full, another at 95 % for three
 * minutes, and one when it is below 80 % again; holdfast_pool_used and holdfast_pool_max show them all. What is held for long: held.h. */
#ifndef HF_APP_POOLS_H
#define HF_APP_POOLS_H

#include <stddef.h>
#include <stdint.h>

struct hf_gateway;
struct hf_page;
struct hf_worker_stats;

#define HF_POOL_MAP(X)                                                                            \
    X(HF_POOL_CONNECTIONS, "connections")           /* admission.connections_max */               \
    X(HF_POOL_DESCRIPTORS, "descriptors")           /* the process' open-file limit */            \
    X(HF_POOL_EVENT_READERS, "event_readers")       /* api.events_readers_max */                  \
    X(HF_POOL_WATCHES, "live_watches")              /* api.live_watches_max of all workers */     \
    X(HF_POOL_JOURNAL_BYTES, "journal_bytes")       /* of all workers, on their way to the log */ \
    X(HF_POOL_HELD_BYTES, "held_input_bytes")       /* input of devices that waits */             \
    X(HF_POOL_PENDING, "pending_messages")          /* messages and commands in memory */         \
    X(HF_POOL_API_CALLS, "api_calls")               /* of all workers, as the next three */       \
    X(HF_POOL_TABLE_WAITS, "table_waits")           /* requests that wait for the tables */       \
    X(HF_POOL_SEND_QUEUES, "send_queue_bytes")      /* what kernels have not taken */             \
    X(HF_POOL_BACKLOG, "worker_backlog")            /* posts that wait for a mailbox */           \
    X(HF_POOL_GB_DEVICES, "gb_devices")             /* gb28181.devices_max of all workers */      \
    X(HF_POOL_SIP_TRANSACTIONS, "sip_transactions") /* gb28181.transactions_max, likewise */      \
    X(HF_POOL_GB_BUFFERS, "gb_buffer_bytes")        /* gb28181.tcp_buffer_bytes_max, likewise */
#define HF_POOL_ENUM(id, name) id,
enum hf_pool { HF_POOL_MAP(HF_POOL_ENUM) HF_POOLS };
#undef HF_POOL_ENUM

enum {
    HF_POOL_WARN_PERCENT = 90,
    HF_POOL_CRITICAL_PERCENT = 95,
    HF_POOL_CALM_PERCENT = 80,
    HF_POOL_CRITICAL_MS = 180000,
};

struct hf_pool_use {
    uint64_t used, max;
};

struct hf_pools { /* zeroed at start; one thread */
    struct hf_pool_use use[HF_POOLS];
    uint64_t critical_since_ms[HF_POOLS];
    uint8_t said[HF_POOLS];      /* 0 nothing, 1 warning, 2 critical */
    uint64_t descriptors_before; /* open before the first connection */
};

const char *hf_pool_name(unsigned pool);
/* The level to announce now: 0 = nothing new, 1 = warning, 2 = critical, 3 = calm again. Pure. */
unsigned hf_pools_judge(struct hf_pools *pools, unsigned pool, struct hf_pool_use use, uint64_t now_ms);
/* As things are now, by the workers' copies of their counters. scratch is only room. Any thread. */
void hf_pools_measure(struct hf_gateway *gateway, struct hf_worker_stats *scratch,
                      struct hf_pool_use use[HF_POOLS]);
/* Before the first connection: what is open by then stays open. */
void hf_pools_begin(struct hf_gateway *gateway);
/* Descriptors in use: those at the begin, sockets of connections and of media. Counted, not listed: a list of 100,000 takes a while. Any thread. */
uint64_t hf_pools_descriptors(struct hf_gateway *gateway, uint64_t streams);
void hf_pools_metrics(struct hf_page *page, const struct hf_pool_use use[HF_POOLS]);
/* Looks at all pools and writes what is new to the log. */
void hf_pools_watch(struct hf_pools *pools, struct hf_gateway *gateway, uint64_t now_ms);

#endif
