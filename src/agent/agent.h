/* agent/agent.h - the edge agent: a source on a thread of its own, rings, batches, and libholdfast with its queue for each device, all clients on the caller's thread.
 *
 *   source -> ring -> [batch, CRC] -> queue file -> gateway      one of these for each device
 *   capture thread |  the thread that calls hf_agent_turn()
 *
 *   RUNNING --stop, source ended--> DRAINING (what the rings hold goes into the queues) --> LINGERING (what the queues hold goes to the gateway, as long as allowed) -->
 *   CLOSING (goodbye) --> OVER */
#ifndef HF_AGENT_AGENT_H
#define HF_AGENT_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/source.h"
#include "base/err.h"

enum {
    HF_AGENT_DEVICES_MAX = 10000,
    HF_AGENT_NAME_BYTES = 129,
    HF_AGENT_ERROR_BYTES = 512,
    HF_AGENT_PERIOD_MIN_MS = 5,
    HF_AGENT_PERIOD_MAX_MS = 10000
};

enum hf_agent_note {
    HF_AGENT_OPENED,
    HF_AGENT_CLOSED,
    HF_AGENT_GIVEN_UP /* closed for good */,
    HF_AGENT_TROUBLE
};

struct hf_agent_options {
    const char *url, *topic;    /* a gateway's, or a broker's: mqtt:// and mqtts:// */
    const char *const *devices; /* names; borrowed */
    unsigned device_count;
    const char *source; /* its kind, for the shadow; NULL: the shadow is left alone */
    uint32_t period_ms; /* of batches: 50; one device's may be changed by its shadow (agent/shadow.h) */
    /* Writes the token of a device for its next connection. NULL: none. */
    bool (*token)(void *context, unsigned device, bool fresh, char *out, size_t out_bytes);
    const char *ca_file, *cert_file, *key_file;
    bool insecure;
    const char *const *queue_paths; /* one for each device; NULL: queues in memory */
    uint64_t queue_bytes_max;       /* of each */
    bool
        oldest_goes; /* when a queue is full: the oldest in it is dropped; else the newest stays in the ring, until that refuses */
    bool
        damaged_aside; /* a queue file that is damaged is put aside (agent/queue_file.h) and a new one begins; else hf_agent_new fails */
    /* May be NULL. */
    void (*note)(void *context, unsigned device, enum hf_agent_note note, const char *text);
    void *context;
};

struct hf_agent_status {
    unsigned devices, connected, given_up;
    unsigned paths_suspect;                  /* connections with a hint of hf_client_path */
    uint64_t samples_captured, samples_lost; /* lost: refused by full rings */
    uint64_t samples_accepted;               /* durable in the queues of this process */
    uint64_t batches_accepted, batches_put_back, batches_sent /* durable at the gateway */, batches_failed,
        batches_dropped;
    uint64_t queued, queued_bytes; /* batches that wait, or are on their way */
    uint64_t newest_utc_ms;        /* of the newest sample that is accepted; 0 none */
    uint64_t connections, bytes_out;
};

struct hf_agent;

/* A broker has no shadows: the options' source must be NULL then. */
bool hf_agent_url_is_broker(const char *url);

/* Opens the queues; nothing is captured or connected yet. HF_ERR_INVALID, HF_ERR_NOMEM, or what the queue's file says; `error` says which and why. */
hf_err hf_agent_new(const struct hf_agent_options *options, struct hf_agent **ret_agent,
                    char error[HF_AGENT_ERROR_BYTES]);
void hf_agent_free(struct hf_agent *agent);                    /* NULL is harmless */
struct hf_ring *const *hf_agent_rings(struct hf_agent *agent); /* one for each device, for the source */
hf_err hf_agent_start(struct hf_agent *agent, struct hf_source *source /* gives */); /* HF_ERR_NOMEM */

/* Does what is due, and waits for more at most until then, or until `wake_fd` can be read. False: OVER. */
bool hf_agent_turn(struct hf_agent *agent, int wake_fd, unsigned wait_ms_max);
bool hf_agent_woken(const struct hf_agent *agent); /* in the last turn `wake_fd` could be read */
/* Captures no more. linger_ms: how long the queues may go on to the gateway. Once more: no waiting any longer. */
void hf_agent_stop(struct hf_agent *agent, uint64_t linger_ms);
bool hf_agent_source_ended(struct hf_agent *agent);
/* Once it has ended: it broke off, and is not what there was to read. */
bool hf_agent_source_broke(const struct hf_agent *agent);
const struct hf_source_counters *hf_agent_source_counters(const struct hf_agent *agent);
void hf_agent_status(struct hf_agent *agent, struct hf_agent_status *ret_status);

#endif
