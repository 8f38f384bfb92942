/* bench/process.h - what Linux tells about a process and the machine: the yardsticks of both sides of a load test.
 * pid 0 is ourselves. Everything answers 0 when it cannot be read. */
#ifndef HF_BENCH_PROCESS_H
#define HF_BENCH_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

uint64_t hf_process_cpu_ns(
    pid_t pid);                    /* user and system, all threads, ended ones too; clock_getcpuclockid(3) */
uint64_t hf_process_wait_ns(void); /* we were ready to run but did not (/proc/self/schedstat) */
uint64_t hf_process_rss_bytes(pid_t pid);
uint64_t hf_process_private_bytes(pid_t pid); /* RssAnon: memory of its own, without pages of files */
uint64_t hf_process_files_max(pid_t pid);     /* soft limit of open files */
bool hf_process_alive(pid_t pid);

struct hf_machine_times {
    uint64_t busy, all; /* ticks since boot, all CPUs */
};
void hf_machine_times(struct hf_machine_times *ret_times);

struct hf_machine {
    char cpu[96], kernel[96], clock[32];
    unsigned cpus, cpus_allowed; /* in the machine; that we may run on */
    uint64_t memory_bytes;
    double load_1m;
};
void hf_machine_read(struct hf_machine *ret_machine);

#endif
