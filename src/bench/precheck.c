/* bench/precheck.c - conditions without which a measurement means nothing (LT-3). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "bench/process.h"
#include "bench/run.h"
#include "io/clock.h"

enum { LOOK_NS = 250000000, CLOCK_READS = 1000, CLOCK_NS_MAX = 1000, FILES_SPARE = 64 };

static struct hf_bench_check check_load(const struct hf_bench_config *config)
{
    struct hf_bench_check check = {.name = "machine load", .limit = "--load-max"};
    struct hf_machine_times before, after;

    hf_machine_times(&before);
    (void)nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
    hf_machine_times(&after);
    uint64_t all = after.all - before.all, busy = after.busy - before.busy;
    double percent = all > 0 ? 100.0 * (double)busy / (double)all : 0;

    snprintf(check.value, sizeof(check.value), "%.0f %%", percent);
    check.ok = percent <= (double)config->load_max_percent;
    return check;
}

static struct hf_bench_check check_files(const struct hf_bench_config *config)
{
    struct hf_bench_check check = {.name = "open files of a generator process",
                                   .limit = "connections / processes"};
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return check;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    snprintf(check.value, sizeof(check.value), "%" PRIu64, (uint64_t)limit.rlim_cur);
    check.ok = config->connections / config->processes + FILES_SPARE <= limit.rlim_cur;
    return check;
}

static struct hf_bench_check check_server_files(const struct hf_bench_config *config)
{
    struct hf_bench_check check = {.name = "open files of the server", .limit = "connections", .ok = true};
    uint64_t files = hf_process_files_max((pid_t)config->server_pid);

    if (config->server_pid == 0 || files == 0) {
        snprintf(check.value, sizeof(check.value), "unknown");
        return check;
    }
    snprintf(check.value, sizeof(check.value), "%" PRIu64, files);
    check.ok = config->mode == HF_BENCH_FLOOD || config->connections + FILES_SPARE <= files;
    return check;
}

static struct hf_bench_check check_clock(void)
{
    struct hf_bench_check check = {
        .name = "reading the clock", .limit = "1000 ns, never backwards", .ok = true};
    uint64_t begin_ns = hf_clock_ns(), last_ns = begin_ns;

    for (unsigned i = 0; i < CLOCK_READS; i++) {
        uint64_t now_ns = hf_clock_ns();

        check.ok = check.ok && now_ns >= last_ns;
        last_ns = now_ns;
    }
    snprintf(check.value, sizeof(check.value), "%" PRIu64 " ns", (last_ns - begin_ns) / CLOCK_READS);
    check.ok = check.ok && (last_ns - begin_ns) / CLOCK_READS <= CLOCK_NS_MAX;
    return check;
}

bool hf_bench_precheck(const struct hf_bench_config *config,
                       struct hf_bench_check ret_checks[HF_BENCH_CHECKS])
{
    bool ok = true;

    ret_checks[0] = check_load(config);
    ret_checks[1] = check_files(config);
    ret_checks[2] = check_server_files(config);
    ret_checks[3] = check_clock();
    for (unsigned i = 0; i < HF_BENCH_CHECKS; i++)
        ok = ok && ret_checks[i].ok;
    return ok;
}
