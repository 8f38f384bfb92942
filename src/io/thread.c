#include "io/thread.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "io/fatal.h"

static void *thread_main(void *argument)
{
    struct hf_thread *thread = argument;
    cpu_set_t one;

    (void)pthread_setname_np(pthread_self(), thread->name);
    if (thread->cpu >= 0 && thread->cpu < CPU_SETSIZE) {
        CPU_ZERO(&one);
        CPU_SET((size_t)thread->cpu, &one);
        (void)pthread_setaffinity_np(pthread_self(), sizeof(one), &one); /* a hint */
    }
    thread->run(thread->context);
    return NULL;
}

hf_err hf_thread_start(struct hf_thread *thread, const char *name, int cpu, void (*run)(void *context),
                       void *context)
{
    sigset_t all, before;
    int rc;

    *thread = (struct hf_thread){.run = run, .context = context, .cpu = cpu};
    snprintf(thread->name, sizeof(thread->name), "%s", name);
    /* A new thread inherits the mask, so there is no moment in which a signal could reach it. */
    sigfillset(&all);
    for (size_t i = 0; i < HF_COUNT_OF(hf_fatal_signals); i++)
        sigdelset(&all, hf_fatal_signals[i]); /* a blocked fault ends the process without its last words */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&thread->id, NULL, thread_main, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    thread->started = rc == 0;
    return rc == 0 ? HF_OK : HF_ERR_NOMEM;
}

void hf_thread_join(struct hf_thread *thread)
{
    int rc;

    if (!thread->started)
        return;
    rc = pthread_join(thread->id, NULL);
    HF_ASSERT(rc == 0);
    thread->started = false;
}

unsigned hf_thread_cpus(void)
{
    cpu_set_t allowed;

    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0 || CPU_COUNT(&allowed) < 1)
        return 1;
    return (unsigned)CPU_COUNT(&allowed);
}

/* struct sched_attr of the kernel, first version; the C library has no name for it yet. */
struct sched_attr_v0 {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
};

void hf_thread_prefer_soon(void)
{
    enum { SHORT_TURN_NS = 100000 }; /* the kernel's least */
    struct sched_attr_v0 attr = {.size = sizeof(attr), .policy = SCHED_OTHER, .runtime_ns = SHORT_TURN_NS};

    (void)syscall(SYS_sched_setattr, 0, &attr, 0);
}

void hf_thread_sleep_us(uint32_t us)
{
    struct timespec left = {.tv_sec = us / 1000000, .tv_nsec = (long)(us % 1000000) * 1000};

    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}
