/* core/barrier.h - something that waits until the keyed tables have everything up to a log offset ("read your writes").
 * Embedded in its owner; one thread. */
#ifndef HF_CORE_BARRIER_H
#define HF_CORE_BARRIER_H

#include <stdint.h>

#include "base/err.h"
#include "base/list.h"

struct hf_barrier {
    /* HF_OK, or HF_ERR_TIMEOUT when the tables did not follow within 5 s. */
    void (*on_applied)(struct hf_barrier *barrier, hf_err err);
    void *user;
    uint64_t offset, due_ms;  /* the gateway's */
    struct hf_list_node node; /* the gateway's; hf_list_init() before the first use */
};

#endif
