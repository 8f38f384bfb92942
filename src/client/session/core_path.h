/* client/session/core_path.h - a hint that somebody may sit on the way to the gateway (TLS-11), from what any connection shows: answers to heartbeats that scatter, and a TLS name that is not the
 * configured one. Both have harmless causes, so it is a hint for people and changes nothing here; what proves an interception is the pin (io/tls_client.h). Pure. */
#ifndef HF_CLIENT_CORE_PATH_H
#define HF_CLIENT_CORE_PATH_H

#include <stdbool.h>
#include <stdint.h>

enum {
    HF_PATH_SAMPLES = 20,
    HF_PATH_SUSPECT_MS = 40,    /* standard deviation of the last 20 above it: suspect; */
    HF_PATH_NORMAL_MS = 10,     /* below it: not any more. In between it stays what it was */
    HF_PATH_RTT_MS_MAX = 60000, /* a longer one counts as this */
};

enum { HF_PATH_NAME = 1, HF_PATH_JITTER = 2 }; /* the causes */

struct hf_path {                       /* all zero = nothing is known */
    uint32_t rtts_ms[HF_PATH_SAMPLES]; /* ring */
    uint8_t count, next;
    uint8_t suspect; /* causes; HF_PATH_NAME is the owner's to set */
};

/* True: the hint has changed. */
bool hf_path_sample(struct hf_path *path, uint32_t rtt_ms);
uint32_t hf_path_sigma_us(const struct hf_path *path); /* of the last 20; 0 while there are fewer */

#endif
