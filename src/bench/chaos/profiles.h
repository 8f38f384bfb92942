/* bench/chaos/profiles.h - the table of faults F1..F27 that a gateway must stand: what of each a proxy can do, in the
 * control language, and where the rest is done. Pure. */
#ifndef HF_BENCH_CHAOS_PROFILES_H
#define HF_BENCH_CHAOS_PROFILES_H

#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"
#include "base/slice.h"
#include "bench/chaos/faults.h"

enum { HF_CHAOS_PROFILE_LINES_MAX = 4 };

struct hf_chaos_profile {
    const char *name, *text;
    unsigned transports;                           /* 0: this is no fault of a network */
    const char *lines[HF_CHAOS_PROFILE_LINES_MAX]; /* commands, NULL behind the last */
    const char *udp_line;                          /* one more with UDP; may be NULL */
    const char *elsewhere;                         /* transports == 0: how it is done */
};

const struct hf_chaos_profile *hf_chaos_profile_at(unsigned index); /* NULL behind the last */
/* Of this transport. HF_ERR_NOT_FOUND: no such name. HF_ERR_UNSUPPORTED: it is none for a proxy, or for the other
 * transport. `error` says what to do instead. */
hf_err hf_chaos_profile_find(struct hf_slice name, unsigned transport,
                             const struct hf_chaos_profile **ret_profile, char error[HF_CHAOS_ERROR_BYTES]);
void hf_chaos_profiles_print(FILE *out);

#endif
