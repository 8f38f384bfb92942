/* io/thread.h - named threads. */
#ifndef HF_IO_THREAD_H
#define HF_IO_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum { HF_THREAD_NAME_MAX = 15 /* characters, the kernel's limit */, HF_THREAD_ANY_CPU = -1 };

struct hf_thread { /* the caller's storage; stays in place until the join */
    pthread_t id;
    void (*run)(void *context);
    void *context;
    int cpu; /* or HF_THREAD_ANY_CPU */
    char name[HF_THREAD_NAME_MAX + 1];
    bool started;
};

/* Starts run(context). A name that is too long is cut. cpu pins the thread; a CPU that is not there or not
 * allowed is ignored (a hint, not a promise). All signals but those of io/fatal.h are blocked in the new thread: the
 * thread that owns io/signal.h gets them. HF_ERR_NOMEM when no thread can be had. */
hf_err hf_thread_start(struct hf_thread *thread, const char *name, int cpu, void (*run)(void *context),
                       void *context);
void hf_thread_join(struct hf_thread *thread); /* harmless when it was not started or is joined */
/* For a thread that sleeps most of the time and is waited for: asks the scheduler for short turns, taken soon, in place of long
 * ones (EEVDF's request size, Linux 6.12). Needs no privilege; older kernels ignore it. */
void hf_thread_prefer_soon(void);
void hf_thread_sleep_us(uint32_t us); /* nothing ends it early */
unsigned hf_thread_cpus(void);        /* CPUs this process may use, at least 1 */

#endif
