/* bench/gb/load_run.c - one run: forks the generator processes, starts their measured time together, reads the server beside them, merges what they counted. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/assert.h"
#include "bench/crew.h"
#include "bench/gb/load_parts.h"
#include "bench/process.h"
#include "bench/verdict.h"
#include "io/clock.h"

enum {
    NS_PER_MS = 1000000,
    NS_PER_S = 1000000000,
    OPEN_DELAY_NS = 200 * NS_PER_MS,
    START_DELAY_NS = 50 * NS_PER_MS,
    POLL_MS = 200
};
#define GRACE_NS (UINT64_C(75) * NS_PER_S) /* a command of the API waits for 60 s */

struct parent {
    const struct hf_gb_load_plan *plan;
    const struct hf_gb_load_config *config;
    struct hf_gb_load_result *shared; /* one for each process */
    size_t shared_bytes;
    struct hf_bench_crew crew;
    bool progress;
    uint64_t progress_ns;
};

void hf_gb_load_merge(struct hf_gb_load_result *into, const struct hf_gb_load_result *from)
{
#define ADD(member, text) \
    into->cam.member += from->cam.member, into->measured.member += from->measured.member;
    HF_CAM_STATS_MAP(ADD)
#undef ADD
    into->fleet.opened += from->fleet.opened;
    into->fleet.connected += from->fleet.connected;
    into->fleet.lost += from->fleet.lost;
    into->fleet.lost_media += from->fleet.lost_media;
    into->fleet.closed += from->fleet.closed;
    into->fleet.no_port += from->fleet.no_port;
    into->devices += from->devices;
    into->came += from->came;
    into->in_now += from->in_now;
    into->in_end += from->in_end;
    into->in_last_ns = HF_MAX(into->in_last_ns, from->in_last_ns);
#define ADD_COUNT(name, text) into->name += from->name;
    HF_GB_LOAD_COUNT_MAP(ADD_COUNT)
#undef ADD_COUNT
    hf_bench_codes_merge(&into->api_status, &from->api_status);
    into->cpu_ns += from->cpu_ns;
    into->measured_cpu_ns += from->measured_cpu_ns;
    into->cpu_worst_ns = HF_MAX(into->cpu_worst_ns, from->measured_cpu_ns);
    into->rss_bytes += from->rss_bytes;
#define MERGE(name, text) hf_hist_merge(&into->name, &from->name);
    HF_GB_LOAD_HIST_MAP(MERGE)
#undef MERGE
}

unsigned hf_gb_load_saturation(const struct hf_gb_load_config *config, const struct hf_gb_load_result *result,
                               uint64_t measured_ns, unsigned cpus)
{
    double limit_ns = (double)measured_ns * (double)config->cpu_max_percent / 100;
    unsigned found = 0;

    if (hf_hist_quantile(&result->lag, 0.99) > config->lag_max_ns)
        found |= 1u << HF_BENCH_SATURATED_LAG;
    if (measured_ns > 0 && config->cpu_max_percent <= 100 && /* 101: never */
        ((double)result->cpu_worst_ns > limit_ns || (double)result->measured_cpu_ns > limit_ns * cpus))
        found |= 1u << HF_BENCH_SATURATED_CPU;
    if (hf_hist_quantile(&result->stall, 0.99) > config->stall_max_ns)
        found |= 1u << HF_BENCH_SATURATED_STALL;
    if (result->local > 0)
        found |= 1u << HF_BENCH_SATURATED_LOCAL;
    return found;
}

bool hf_gb_load_failed(const struct hf_gb_load_config *config, const struct hf_gb_load_result *result)
{
    bool is_out = result->came < result->devices || result->in_end < result->devices;

    if (is_out || result->cam.refused > 0 || result->cam.gone > 0)
        return true;
    if (config->mode == HF_GB_LOAD_REFRESH)
        return result->refreshes < result->refreshes_meant;
    if (config->mode == HF_GB_LOAD_CATALOG)
        return result->lists_failed > 0 || result->lists == 0;
    if (config->mode == HF_GB_LOAD_MEDIA)
        return result->plays < result->plays_meant || result->streams < result->plays;
    return config->mode == HF_GB_LOAD_HOLD && result->cam.missed > 0;
}

static void side_read(const struct parent *parent, struct hf_bench_side *ret_side)
{
    *ret_side = (struct hf_bench_side){.at_ns = hf_clock_ns()};
    for (unsigned i = 0; i < parent->plan->pid_count; i++) {
        ret_side->cpu_ns += hf_process_cpu_ns(parent->plan->pids[i]);
        ret_side->rss_bytes += hf_process_rss_bytes(parent->plan->pids[i]);
        ret_side->private_bytes += hf_process_private_bytes(parent->plan->pids[i]);
    }
}

#define SUM(parent, member) sum_of(parent, offsetof(struct hf_gb_load_result, member))

/* The processes write while we read; a counter that is one behind does not matter to a progress line. */
static uint64_t sum_of(const struct parent *parent, size_t offset)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < parent->crew.started; i++)
        sum += __atomic_load_n((uint64_t *)((char *)&parent->shared[i] + offset), __ATOMIC_RELAXED);
    return sum;
}

static void progress(struct parent *parent, const char *phase)
{
    uint64_t now_ns = hf_clock_ns();

    if (!parent->progress || now_ns - parent->progress_ns < NS_PER_S)
        return;
    parent->progress_ns = now_ns;
    fprintf(stderr,
            "\r%-8s in %" PRIu64 " of %" PRIu64 "   registers %" PRIu64 " sent, %" PRIu64
            " refused   keepalives %" PRIu64 " answered, %" PRIu64 " missed   ",
            phase, SUM(parent, in_now), SUM(parent, devices), SUM(parent, cam.registers),
            SUM(parent, cam.refused), SUM(parent, cam.alive), SUM(parent, cam.missed));
}

/* Until `until_ns`, or until *count has reached all processes, or one has broken off. */
static void attend(struct parent *parent, const unsigned *count, uint64_t until_ns, const char *phase)
{
    struct hf_bench_crew *crew = &parent->crew;

    while ((count == NULL || *count < crew->started) && !crew->crashed && hf_clock_ns() < until_ns) {
        uint64_t now_ns = hf_clock_ns();
        int wait_ms =
            until_ns > now_ns ? (int)HF_MIN((until_ns - now_ns) / NS_PER_MS + 1, (uint64_t)POLL_MS) : 0;

        (void)hf_bench_crew_hear(crew, -1, wait_ms);
        progress(parent, phase);
    }
}

static int work(void *context, unsigned index, int control_fd)
{
    struct parent *parent = context;

    return hf_gb_load_worker(parent->plan, &parent->shared[index], index, control_fd);
}

static void phases(struct parent *parent, struct hf_gb_load_run *run)
{
    const struct hf_gb_load_config *config = parent->config;
    bool is_register = config->mode == HF_GB_LOAD_REGISTER;
    bool is_media = config->mode == HF_GB_LOAD_MEDIA;
    uint64_t opening_ns = (uint64_t)((double)config->devices / config->rate * 1e9) +
                          config->timeout_ns * (is_media ? 2 : 1) + GRACE_NS;
    uint64_t start_ns;

    attend(parent, &parent->crew.ready, hf_clock_ns() + opening_ns, "open");
    side_read(parent, &run->settled);
    if (parent->crew.ready < parent->crew.started)
        return;
    if (!is_register)
        attend(parent, NULL, hf_clock_ns() + config->settle_ns, "settle");
    start_ns = hf_clock_ns() + START_DELAY_NS;
    hf_bench_crew_tell(&parent->crew, start_ns);
    attend(parent, NULL, start_ns, "measure");
    side_read(parent, &run->begin);
    attend(parent, &parent->crew.done,
           start_ns + (is_register ? 0 : config->duration_ns + config->drain_ns) + GRACE_NS, "measure");
    side_read(parent, &run->end);
    run->measured_ns = is_register ? 0 : HF_MIN(run->end.at_ns - start_ns, config->duration_ns);
    attend(parent, &parent->crew.ended,
           hf_clock_ns() + (config->leave || is_media ? 2 * opening_ns : 0) + GRACE_NS, "leave");
}

static void judge(const struct parent *parent, struct hf_gb_load_run *run)
{
    const struct hf_gb_load_config *config = parent->config;
    struct hf_machine machine;

    for (unsigned i = 0; i < parent->crew.started; i++)
        hf_gb_load_merge(&run->result, &parent->shared[i]);
    if (config->mode == HF_GB_LOAD_REGISTER && run->result.in_last_ns > parent->plan->open_at_ns)
        run->measured_ns = run->result.in_last_ns - parent->plan->open_at_ns;
    hf_machine_read(&machine);
    run->saturation = hf_gb_load_saturation(config, &run->result, run->measured_ns, machine.cpus_allowed);
    run->failed = hf_gb_load_failed(config, &run->result);
}

hf_err hf_gb_load_run(const struct hf_gb_load_plan *plan, struct hf_gb_load_run *ret_run,
                      char error[HF_BENCH_ERROR_BYTES])
{
    struct parent parent = {.plan = plan, .config = plan->config, .progress_ns = hf_clock_ns()};
    struct hf_gb_load_plan timed = *plan;
    bool forked, complete, clean;

    memset(ret_run, 0, sizeof(*ret_run));
    parent.shared_bytes = plan->config->processes * sizeof(*parent.shared);
    parent.shared =
        mmap(NULL, parent.shared_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (parent.shared == MAP_FAILED) {
        snprintf(error, HF_BENCH_ERROR_BYTES, "no memory for %zu bytes of results", parent.shared_bytes);
        return HF_ERR_NOMEM;
    }
    parent.progress = !plan->config->quiet && isatty(STDERR_FILENO);
    timed.open_at_ns = hf_clock_ns() + OPEN_DELAY_NS;
    parent.plan = &timed;
    side_read(&parent, &ret_run->before);
    forked = hf_bench_crew_fork(&parent.crew, (unsigned)plan->config->processes, work, &parent);
    if (forked)
        phases(&parent, ret_run);
    complete = forked && !parent.crew.crashed && parent.crew.ended == parent.crew.started;
    clean = hf_bench_crew_reap(&parent.crew);
    if (parent.progress)
        fprintf(stderr, "\r%110s\r", "");
    if (complete && clean)
        judge(&parent, ret_run);
    else
        snprintf(error, HF_BENCH_ERROR_BYTES, "%s",
                 !forked  ? strerror(errno)
                 : !clean ? "a generator process broke off"
                          : "a generator process did not come to its end in time");
    (void)munmap(parent.shared, parent.shared_bytes);
    return complete && clean ? HF_OK : HF_ERR_IO;
}
