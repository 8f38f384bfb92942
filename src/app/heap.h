/* app/heap.h - what the program has asked of malloc and given back, as two counters that only grow: their rates say how hard memory is worked, which a
 * difference of what is in use does not (OBS-3). holdfast_heap_main.c, which only the gateway's program has, stands before malloc for all that is in the process,
 * libraries included, and counts usable bytes (malloc_usable_size). Not counted: mappings of files (LMDB, the event log), stacks, and what glibc keeps beside its blocks. */
#ifndef HF_APP_HEAP_H
#define HF_APP_HEAP_H

#include <stdint.h>

struct hf_heap_bytes {
    uint64_t allocated, freed; /* since the process began */
};

/* Any thread; adds up a few dozen numbers. A weak symbol: NULL in programs without the counting, and under sanitizers, which stand there themselves. */
extern __attribute__((weak)) struct hf_heap_bytes hf_heap_bytes(void);

#endif
