/* app/sdnotify.h - what systemd is told about this process (Type=notify, WatchdogSec=). Without $NOTIFY_SOCKET every
 * call does nothing and succeeds, so the caller need not ask. Errors are of hf_notify_send(); nobody has to act on them. */
#ifndef HF_APP_SDNOTIFY_H
#define HF_APP_SDNOTIFY_H

#include <stdint.h>

#include "base/err.h"

struct hf_sdnotify {    /* the caller's storage, fields are ours */
    const char *socket; /* borrowed from the environment; NULL: not under a service manager */
    uint64_t beat_ms;   /* half of the watchdog's time; 0: no watchdog */
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID from `env` (environ or NULL). `pid` is our own. */
void hf_sdnotify_init(struct hf_sdnotify *notify, char *const *env, uint64_t pid);

/* `status` is a line for `systemctl status`, at most 200 bytes of it; NULL for none. */
hf_err hf_sdnotify_ready(const struct hf_sdnotify *notify, const char *status);
/* A reload on HUP begins; hf_sdnotify_ready() ends it. `now_us` is CLOCK_MONOTONIC (Type=notify-reload asks for it). */
hf_err hf_sdnotify_reloading(const struct hf_sdnotify *notify, uint64_t now_us);
/* Drain begins; it may take `drain_ms`, so the manager's stop timeout is moved that far and 5 s more. */
hf_err hf_sdnotify_stopping(const struct hf_sdnotify *notify, uint64_t drain_ms);
/* To be called every beat_ms, and only while every worker's loop turns: that is what the watchdog watches. */
hf_err hf_sdnotify_watchdog(const struct hf_sdnotify *notify);

#endif
