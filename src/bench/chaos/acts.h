/* bench/chaos/acts.h - what is done to a process, and when: SIGSTOP for a while, again and again, and SIGKILL at last. Pure:
 * time is handed in. */
#ifndef HF_BENCH_CHAOS_ACTS_H
#define HF_BENCH_CHAOS_ACTS_H

#include <stdbool.h>
#include <stdint.h>

enum hf_chaos_act { HF_CHAOS_ACT_NONE, HF_CHAOS_ACT_STOP, HF_CHAOS_ACT_CONT, HF_CHAOS_ACT_KILL };

struct hf_chaos_acts_options {
    uint64_t stop_us;  /* how long it is stopped; 0: never */
    uint64_t every_us; /* from one stop to the next; 0: once. Above stop_us */
    uint64_t first_us; /* the first stop comes so long after the begin */
    uint64_t kill_us;  /* SIGKILL so long after the begin; 0: never */
};

struct hf_chaos_acts {
    struct hf_chaos_acts_options options;
    uint64_t begin_us, next_stop_us, next_cont_us; /* UINT64_MAX: never */
    bool stopped, killed;
};

void hf_chaos_acts_init(struct hf_chaos_acts *acts, const struct hf_chaos_acts_options *options,
                        uint64_t now_us);
uint64_t hf_chaos_acts_next_us(const struct hf_chaos_acts *acts); /* UINT64_MAX: nothing more will be done */
/* What is due, earliest first; call until NONE. Stops that were missed because nobody called are left out, not made up. */
enum hf_chaos_act hf_chaos_acts_take(struct hf_chaos_acts *acts, uint64_t now_us);

#endif
