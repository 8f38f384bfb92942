/* app/refused.h - lines about connections that did not come to be: who is at a loss why a device cannot get in finds the reason there. A crowd that is refused at once
 * must not fill a disk, so lines are rationed per worker; the next one says how many were left out, and the counters have them all. */
#ifndef HF_APP_REFUSED_H
#define HF_APP_REFUSED_H

#include "base/rate.h"

enum { HF_REFUSED_LINES_PER_S = 10, HF_REFUSED_LINES_AT_ONCE = 50 };

struct hf_refused { /* zeroed at start */
    struct hf_rate rate;
    uint64_t left_out; /* since the last line */
};

/* May a line be written now? *ret_left_out: how many were not, since the last one that was. */
bool hf_refused_take(struct hf_refused *refused, uint64_t now_ms, uint64_t *ret_left_out);

#endif
