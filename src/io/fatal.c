#include "io/fatal.h"

#include <stddef.h>

#include "base/assert.h"

/* A signal handler gets no context: these are written before there are threads. */
static void (*last_words)(void);
static struct sigaction before[HF_COUNT_OF(hf_fatal_signals)];

static void on_fatal(int number, siginfo_t *info, void *context)
{
    (void)context;
    for (size_t i = 0; i < HF_COUNT_OF(before); i++)
        (void)sigaction(hf_fatal_signals[i], &before[i], NULL);
    last_words();
    if (info->si_code <= 0) /* somebody sent it; a fault comes again by itself */
        (void)raise(number);
}

void hf_fatal_last_words(void (*words)(void))
{
    struct sigaction action = {.sa_sigaction = on_fatal, .sa_flags = SA_SIGINFO};

    HF_ASSERT(last_words == NULL);
    last_words = words;
    (void)sigfillset(&action.sa_mask);
    for (size_t i = 0; i < HF_COUNT_OF(before); i++)
        (void)sigdelset(&action.sa_mask, hf_fatal_signals[i]); /* a fault within is the end, not a wait */
    for (size_t i = 0; i < HF_COUNT_OF(before); i++)
        (void)sigaction(hf_fatal_signals[i], &action, &before[i]);
}
