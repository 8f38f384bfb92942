/* bench/crew.h - the generator processes of a run: forked at once, each with a control socket, over which it says one letter for each phase that it has reached and hears words of 64 bits. One that ends
 * before it was ready has broken off. They die with their parent. */
#ifndef HF_BENCH_CREW_H
#define HF_BENCH_CREW_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { HF_BENCH_CREW_MAX = 64 };

struct hf_bench_crew { /* zeroed at first; reading the counters is fine */
    pid_t pid[HF_BENCH_CREW_MAX];
    int control_fd[HF_BENCH_CREW_MAX]; /* -1: it has ended */
    unsigned started, ready /* 'R' */, away /* 'A' */, done /* any other letter */, ended;
    bool is_ready[HF_BENCH_CREW_MAX];
    bool crashed;
};

/* What a process does; gives its exit status. */
typedef int hf_bench_crew_fn(void *context, unsigned index, int control_fd);

/* Asserts count <= HF_BENCH_CREW_MAX. False, with errno: not all could be forked; reap nevertheless. */
bool hf_bench_crew_fork(struct hf_bench_crew *crew, unsigned count, hf_bench_crew_fn *work, void *context);
/* Waits once, wait_ms at most, for what they say. True: there is something to read at other_fd (-1: nothing to look at). */
bool hf_bench_crew_hear(struct hf_bench_crew *crew, int other_fd, int wait_ms);
void hf_bench_crew_tell(struct hf_bench_crew *crew, uint64_t word); /* to each */
/* Kills those that have not ended. False: one ended with another status than 0. */
bool hf_bench_crew_reap(struct hf_bench_crew *crew);

#endif
