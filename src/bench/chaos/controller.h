/* bench/chaos/controller.h - acts on one process by its pidfd(2), so that no other process that gets its number later is
 * ever hit. It is continued before we leave, whatever ends us but SIGKILL. */
#ifndef HF_BENCH_CHAOS_CONTROLLER_H
#define HF_BENCH_CHAOS_CONTROLLER_H

#include <sys/types.h>

#include "base/err.h"
#include "bench/chaos/acts.h"
#include "bench/chaos/faults.h"

struct hf_chaos_controller_options {
    pid_t pid;
    struct hf_chaos_acts_options acts;
    uint64_t duration_us; /* 0: until nothing is left to do */
    bool json;            /* the counters at the end */
};

/* Prints one line of JSON for each act. HF_OK: all was done, or a signal or the duration ended it. HF_ERR_CLOSED: the
 * process ended by itself. HF_ERR_NOT_FOUND: there is none. HF_ERR_DENIED, HF_ERR_IO. `error` says why. */
hf_err hf_chaos_controller_run(const struct hf_chaos_controller_options *options,
                               char error[HF_CHAOS_ERROR_BYTES]);

#endif
