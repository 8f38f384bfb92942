#include "bench/run.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "bench/crew.h"
#include "bench/process.h"
#include "bench/verdict.h"
#include "io/clock.h"

enum {
    NS_PER_MS = 1000000,
    NS_PER_S = 1000000000,
    START_DELAY_NS = 50 * NS_PER_MS, /* so that every process hears of the start before it comes */
    DIAL_DELAY_NS = 100 * NS_PER_MS,
    SETTLE_NS = 200 * NS_PER_MS, /* between the last connection and the memory reading */
    GRACE_NS_S = 10,             /* beyond the planned end before a process is killed */
    AWAY_S_MAX = 3600,           /* resume: how long it waits for SIGUSR2 */
    POLL_MS = 20,
};

struct parent {
    const struct hf_bench_plan *plan;
    const struct hf_bench_config *config;
    struct hf_bench_shared *shared;
    size_t shared_bytes;
    struct hf_bench_crew crew;
    int signal_fd; /* resume: SIGUSR1 and SIGUSR2; else -1 */
    int signal;    /* the last one that came */
    bool progress;
    uint64_t progress_ns, progress_answered, progress_opened;
};

#define SUM(parent, field) sum_of(parent, offsetof(struct hf_bench_result, field))

/* The processes write while we read; a counter that is one behind does not matter to a progress line. */
static uint64_t sum_of(const struct parent *parent, size_t offset)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < parent->crew.started; i++)
        sum += __atomic_load_n((uint64_t *)((char *)&parent->shared->result[i] + offset), __ATOMIC_RELAXED);
    return sum;
}

static void side_read(const struct parent *parent, struct hf_bench_side *ret_side, bool memory)
{
    pid_t pid = (pid_t)parent->config->server_pid;

    *ret_side = (struct hf_bench_side){.at_ns = hf_clock_ns(), .answered = SUM(parent, answered)};
    if (pid == 0)
        return;
    ret_side->cpu_ns = hf_process_cpu_ns(pid);
    if (!memory)
        return;
    ret_side->rss_bytes = hf_process_rss_bytes(pid);
    ret_side->private_bytes = hf_process_private_bytes(pid);
}

static void progress(struct parent *parent, const char *phase)
{
    uint64_t now_ns = hf_clock_ns(), past_ns = now_ns - parent->progress_ns;
    uint64_t opened = SUM(parent, opened), answered = SUM(parent, answered);

    if (!parent->progress || past_ns < NS_PER_S)
        return;
    double seconds = (double)past_ns / NS_PER_S;

    fprintf(stderr,
            "\r%-8s connections %" PRIu64 " tried, %" PRIu64 " opened (%.0f/s)   messages %" PRIu64
            " sent, %" PRIu64 " answered (%.0f/s)   ",
            phase, SUM(parent, attempted), opened, (double)(opened - parent->progress_opened) / seconds,
            SUM(parent, sent), answered, (double)(answered - parent->progress_answered) / seconds);
    parent->progress_ns = now_ns;
    parent->progress_opened = opened;
    parent->progress_answered = answered;
}

/* Waits for the control sockets once, and for signals; false when `until_ns` is over or something broke. */
static bool attend_once(struct parent *parent, uint64_t until_ns, const char *phase)
{
    uint64_t now_ns = hf_clock_ns();
    struct signalfd_siginfo info;

    if (parent->crew.crashed || now_ns >= until_ns)
        return false;
    uint64_t left_ms = (until_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS;

    if (hf_bench_crew_hear(&parent->crew, parent->signal_fd, (int)HF_MIN(left_ms, (uint64_t)POLL_MS * 10)) &&
        read(parent->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        parent->signal = (int)info.ssi_signo;
    progress(parent, phase);
    return true;
}

/* Until `until_ns`, or until *count has reached all processes. */
static void attend(struct parent *parent, const unsigned *count, uint64_t until_ns, const char *phase)
{
    while ((count == NULL || *count < parent->crew.started) && attend_once(parent, until_ns, phase))
        ;
}

static int work(void *context, unsigned index, int control_fd)
{
    struct parent *parent = context;

    return hf_bench_worker_main(parent->plan, parent->shared, index, control_fd);
}

static uint64_t seconds_ns(double seconds)
{
    return (uint64_t)(seconds * NS_PER_S);
}

/* ---- resume: what happens when is somebody else's to say ---- */

static void notice(const char *what)
{
    fprintf(stderr, "holdfast bench ws: %s\n", what); /* not progress: who sends the signals waits for it */
}

static bool wait_for_signal(struct parent *parent, int number)
{
    uint64_t until_ns = hf_clock_ns() + seconds_ns(AWAY_S_MAX);

    while (parent->signal != number && parent->signal != SIGUSR2 && parent->crew.ended == 0)
        if (!attend_once(parent, until_ns, "away"))
            return false;
    return parent->crew.ended == 0;
}

static void resume_phases(struct parent *parent, struct hf_bench_run *run)
{
    const struct hf_bench_config *config = parent->config;

    parent->signal = 0;
    notice("ready: all sessions are open");
    if (!wait_for_signal(parent, SIGUSR1))
        return;
    if (parent->signal == SIGUSR1) {
        hf_bench_crew_tell(&parent->crew, HF_BENCH_DROP);
        attend(parent, &parent->crew.away, hf_clock_ns() + seconds_ns(GRACE_NS_S), "drop");
        if (parent->crew.away < parent->crew.started)
            return;
        notice("away: all sockets are dropped");
    }
    if (!wait_for_signal(parent, SIGUSR2))
        return;
    uint64_t at_ns = hf_clock_ns();

    side_read(parent, &run->begin, false);
    hf_bench_crew_tell(&parent->crew, at_ns);
    attend(parent, &parent->crew.done, at_ns + config->duration_ns + seconds_ns(GRACE_NS_S), "resume");
    side_read(parent, &run->end, false);
    run->measured_ns = HF_MIN(run->end.at_ns - at_ns, config->duration_ns);
    attend(parent, &parent->crew.ended,
           hf_clock_ns() + config->drain_ns + config->timeout_ns + seconds_ns(GRACE_NS_S), "drain");
}

/* The default action of these signals is to end us: they are ours from before the fork on. */
static bool signals_take(struct parent *parent)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return false;
    parent->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return parent->signal_fd >= 0;
}

static void phases(struct parent *parent, struct hf_bench_run *run)
{
    const struct hf_bench_config *config = parent->config;
    bool connect_only = config->mode == HF_BENCH_CONNECT;
    double dialling_s = (double)config->connections / config->connect_rate;
    uint64_t cut_ns = connect_only ? 0 : HF_MAX(config->warmup_ns, config->ramp_ns);
    uint64_t settle_ns = 0;

    attend(parent, &parent->crew.ready,
           hf_clock_ns() + seconds_ns(2 * dialling_s + GRACE_NS_S) + config->ramp_ns + config->timeout_ns,
           "connect");
    if (config->mode != HF_BENCH_CHURN && config->mode != HF_BENCH_FLOOD)
        settle_ns = SETTLE_NS;
    side_read(parent, &run->settled, false); /* the CPU of opening, before anything else costs some */
    attend(parent, NULL, hf_clock_ns() + settle_ns, "settle");
    uint64_t cpu_ns = run->settled.cpu_ns, at_ns = run->settled.at_ns;

    side_read(parent, &run->settled, true);
    run->settled.cpu_ns = cpu_ns;
    run->settled.at_ns = at_ns;
    run->open_now = SUM(parent, opened) - SUM(parent, cause[HF_BENCH_LOST]);
    if (parent->crew.ready < parent->crew.started)
        return;
    uint64_t start_ns = hf_clock_ns() + START_DELAY_NS;

    parent->shared->start_ns = start_ns;
    hf_bench_crew_tell(&parent->crew, start_ns);
    if (config->mode == HF_BENCH_RESUME) {
        resume_phases(parent, run);
        return;
    }
    run->measured_ns = connect_only ? 0 : config->duration_ns;
    attend(parent, &parent->crew.ended, start_ns + cut_ns, "warm-up");
    side_read(parent, &run->begin, false);
    attend(parent, &parent->crew.ended, start_ns + cut_ns + run->measured_ns, "measure");
    side_read(parent, &run->end, false);
    run->end.rss_bytes = hf_process_rss_bytes((pid_t)config->server_pid);
    attend(parent, &parent->crew.ended,
           hf_clock_ns() + config->drain_ns + config->timeout_ns + seconds_ns(GRACE_NS_S), "drain");
}

/* The processes share a clock, so the earliest first and the latest last arrival are those of the whole fleet. */
static void broadcasts_merge(struct parent *parent, struct hf_bench_run *run, uint64_t start_ns)
{
    const struct hf_bench_config *config = parent->config;
    uint64_t measure_ns = HF_MAX(config->warmup_ns, config->ramp_ns);
    struct hf_bench_schedule schedule;

    hf_bench_schedule_init(&schedule, config->rate, config->ramp, config->ramp_ns,
                           (unsigned)config->ramp_steps);
    for (uint32_t event = 0; event < parent->plan->arrivals_max; event++) {
        uint64_t meant_ns = hf_bench_schedule_at_ns(&schedule, event), first_ns = UINT64_MAX, last_ns = 0;

        for (unsigned i = 0; i < parent->crew.started; i++) {
            const struct hf_bench_arrival *arrival =
                &hf_bench_arrivals(parent->shared, parent->plan, i)[event];

            if (arrival->count == 0)
                continue;
            first_ns = HF_MIN(first_ns, arrival->first_ns);
            last_ns = HF_MAX(last_ns, arrival->last_ns);
        }
        if (last_ns == 0 || meant_ns < measure_ns || meant_ns >= measure_ns + config->duration_ns)
            continue;
        hf_hist_record(&run->result.first, first_ns - start_ns - meant_ns);
        hf_hist_record(&run->result.last, last_ns - start_ns - meant_ns);
        hf_hist_record(&run->result.spread, last_ns - first_ns);
    }
}

hf_err hf_bench_run(const struct hf_bench_plan *plan, struct hf_bench_run *ret_run,
                    char error[HF_BENCH_ERROR_BYTES])
{
    struct parent parent = {
        .plan = plan, .config = plan->config, .shared_bytes = hf_bench_shared_bytes(plan), .signal_fd = -1};
    struct hf_bench_plan timed = *plan;
    struct hf_machine machine;

    memset(ret_run, 0, sizeof(*ret_run));
    parent.shared =
        mmap(NULL, parent.shared_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (parent.shared == MAP_FAILED) {
        snprintf(error, HF_BENCH_ERROR_BYTES, "no memory for %zu bytes of results", parent.shared_bytes);
        return HF_ERR_NOMEM;
    }
    parent.progress = !plan->config->quiet && isatty(STDERR_FILENO);
    parent.progress_ns = hf_clock_ns();
    side_read(&parent, &ret_run->before, true);
    timed.dial_at_ns = hf_clock_ns() + DIAL_DELAY_NS;
    parent.plan = &timed;
    bool forked = (plan->config->mode != HF_BENCH_RESUME || signals_take(&parent)) &&
                  hf_bench_crew_fork(&parent.crew, (unsigned)plan->config->processes, work, &parent);

    if (forked)
        phases(&parent, ret_run);
    bool complete = forked && !parent.crew.crashed && parent.crew.ended == parent.crew.started;
    bool clean = hf_bench_crew_reap(&parent.crew);

    if (parent.progress)
        fprintf(stderr, "\r%110s\r", "");
    if (complete && clean) {
        for (unsigned i = 0; i < parent.crew.started; i++)
            hf_bench_result_merge(&ret_run->result, &parent.shared->result[i]);
        if (plan->config->mode == HF_BENCH_BROADCAST)
            broadcasts_merge(&parent, ret_run, parent.shared->start_ns);
        hf_machine_read(&machine);
        ret_run->saturation =
            hf_bench_saturation(plan->config, &ret_run->result, ret_run->measured_ns, machine.cpus_allowed);
        ret_run->failed = hf_bench_failed(plan->config, &ret_run->result);
    } else {
        snprintf(error, HF_BENCH_ERROR_BYTES, "%s",
                 !forked ? strerror(errno)
                 : !parent.crew.crashed && parent.crew.ended == 0 && ret_run->begin.at_ns == 0
                     ? "the connections did not settle in time, or nobody sent SIGUSR2"
                 : !clean ? "a generator process broke off"
                          : "a generator process did not come to its end in time");
    }
    if (parent.signal_fd >= 0)
        close(parent.signal_fd);
    (void)munmap(parent.shared, parent.shared_bytes);
    return complete && clean ? HF_OK : HF_ERR_IO;
}
