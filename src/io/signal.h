/* io/signal.h - the process' signals as events of one loop: SIGHUP, SIGTERM, SIGINT, SIGUSR1 by signalfd(2).
 * SIGPIPE is ignored. */
#ifndef HF_IO_SIGNAL_H
#define HF_IO_SIGNAL_H

#include "base/err.h"
#include "io/loop.h"

struct hf_signals; /* opaque */

/* First thing in main(), before any thread: blocks the set and ignores SIGPIPE. */
void hf_signals_block(void);
/* on_signal runs in the loop's thread with the signal's number. HF_ERR_NOMEM, HF_ERR_IO. */
hf_err hf_signals_open(struct hf_loop *loop, void (*on_signal)(void *user, int signal_number), void *user,
                       struct hf_signals **ret_signals);
void hf_signals_close(struct hf_signals *signals); /* NULL is harmless; the set stays blocked */

#endif
