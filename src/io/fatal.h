/* io/fatal.h - signals after which the process is over: an assertion, a fault of the processor, the service manager's watchdog. The last words are said first. */
#ifndef HF_IO_FATAL_H
#define HF_IO_FATAL_H

#include <signal.h>

static const int hf_fatal_signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};

/* Once, before threads: words() is called on the thread that gets the first of these signals, then the process ends by it as it would have. words() may do only what is safe
 * in a signal handler (signal-safety(7)), has an end, and takes no lock. What breaks within it ends the process at once. */
void hf_fatal_last_words(void (*words)(void));

#endif
