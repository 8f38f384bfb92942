/* bench/chaos/ticker.h - runs chaos timers in a loop, to the microsecond, by a timerfd(2). */
#ifndef HF_BENCH_CHAOS_TICKER_H
#define HF_BENCH_CHAOS_TICKER_H

#include "bench/chaos/timers.h"
#include "io/loop.h"

struct hf_chaos_ticker {
    struct hf_chaos_timers timers; /* reserve, arm and cancel there */
    struct hf_loop *loop;          /* borrows */
    struct hf_handle handle;
    struct hf_turn_hook hook;
    uint64_t armed_us; /* what the descriptor is set to */
};

/* HF_ERR_IO: no descriptor; errno tells. */
hf_err hf_chaos_ticker_open(struct hf_chaos_ticker *ticker, struct hf_loop *loop);
/* Outside of a turn, or with the ticker's memory living until the end of it. Harmless after a failed open. */
void hf_chaos_ticker_close(struct hf_chaos_ticker *ticker);

#endif
