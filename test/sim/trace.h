/* test/sim/trace.h - what happened, one line each: a hash of all lines for the proof that a seed repeats itself, and the lines for people. */
#ifndef HF_SIM_TRACE_H
#define HF_SIM_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "sim/event.h"

struct sim_trace {
    const struct sim_events *events; /* borrows: the time of each line */
    FILE *out;                       /* NULL = nothing is printed */
    bool hashing;
    uint64_t hash, lines;
};

void sim_trace_init(struct sim_trace *trace, const struct sim_events *events, FILE *out, bool hashing);
/* who: "gw", "dev3", "app0", "net", "disk". Costs nothing while neither a hash nor a print is wanted. */
void sim_trace(struct sim_trace *trace, const char *who, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
