#include "bench/chaos/ticker.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/assert.h"

enum { US_PER_S = 1000000, NS_PER_US = 1000 };

static void on_tick(struct hf_handle *handle, uint32_t events)
{
    struct hf_chaos_ticker *ticker = HF_CONTAINER_OF(handle, struct hf_chaos_ticker, handle);
    uint64_t count;
    ssize_t got = read(handle->fd, &count, sizeof(count));

    (void)events;
    (void)got; /* EAGAIN: it was set anew meanwhile */
    ticker->armed_us = UINT64_MAX;
    hf_chaos_timers_run(&ticker->timers, ticker->loop->now_us);
}

/* Once per turn, whatever was armed and cancelled in it. */
static void on_turn_end(struct hf_turn_hook *hook, uint64_t now_ms)
{
    struct hf_chaos_ticker *ticker = HF_CONTAINER_OF(hook, struct hf_chaos_ticker, hook);
    uint64_t next_us = hf_chaos_timers_next_us(&ticker->timers);
    struct itimerspec at = {0};

    (void)now_ms;
    if (next_us == ticker->armed_us)
        return;
    if (next_us != UINT64_MAX) {
        next_us = HF_MAX(next_us, (uint64_t)1); /* zero would disarm it */
        at.it_value.tv_sec = (time_t)(next_us / US_PER_S);
        at.it_value.tv_nsec = (long)(next_us % US_PER_S * NS_PER_US);
    }
    int rc = timerfd_settime(ticker->handle.fd, TFD_TIMER_ABSTIME, &at, NULL);

    HF_ASSERT(rc == 0); /* only a wrong time fails */
    ticker->armed_us = next_us;
}

hf_err hf_chaos_ticker_open(struct hf_chaos_ticker *ticker, struct hf_loop *loop)
{
    *ticker = (struct hf_chaos_ticker){.loop = loop, .armed_us = UINT64_MAX};
    hf_chaos_timers_init(&ticker->timers);
    ticker->handle = (struct hf_handle){.on_event = on_tick,
                                        .fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)};
    if (ticker->handle.fd < 0)
        return HF_ERR_IO;
    if (hf_loop_watch(loop, &ticker->handle, EPOLLIN) != HF_OK) {
        close(ticker->handle.fd);
        ticker->handle.fd = -1;
        return HF_ERR_IO;
    }
    ticker->hook.on_turn_end = on_turn_end;
    hf_loop_hook_add(loop, &ticker->hook);
    hf_loop_wake(
        loop); /* what is armed before the first turn is seen at its end: it shall not wait for an event */
    return HF_OK;
}

void hf_chaos_ticker_close(struct hf_chaos_ticker *ticker)
{
    if (ticker->loop == NULL)
        return;
    hf_loop_hook_remove(&ticker->hook);
    hf_loop_close(ticker->loop, &ticker->handle);
    hf_chaos_timers_deinit(&ticker->timers);
    ticker->loop = NULL;
}
