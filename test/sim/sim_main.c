/* holdfast-sim - runs worlds of test/sim.
 *   holdfast-sim --seed N [--trace]             one world; --trace prints what happened in it
 *   holdfast-sim --seeds A..B [--jobs N]        many, until one fails
 *   --scenario NAME                             instead of the one that the seed chooses; --list names them */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/sim.h"

enum { JOBS_MAX = 64, SECONDS_MAX = 120 /* of CPU, for one world: it hangs */ };

struct options {
    uint64_t first, last;
    const struct sim_scenario *scenario;
    unsigned jobs;
    bool trace, hash, quiet;
};

struct shared { /* between the parent and its jobs */
    _Atomic uint64_t next, done, failed_seed, records, messages, commands, crashes, connections, steps,
        simulated_s, shadow_changes;
    _Atomic bool failed;
};

static const char *program;
static struct options options = {.jobs = 1};

static void replay_hint(uint64_t seed)
{
    fprintf(stderr, "replay: %s --seed %" PRIu64 "%s%s --trace\n", program, seed,
            options.scenario ? " --scenario " : "", options.scenario ? options.scenario->name : "");
}

/* An assertion of the shipped code, a crash, or a world that does not end. */
static void on_signal(int number)
{
    const struct sim *sim = sim_current;

    if (sim != NULL) {
        fprintf(stderr, "seed %" PRIu64 " (%s), step %" PRIu64 ", %.6f s: %s\n", sim->seed,
                sim->scenario->name, sim->events.steps, (double)sim->events.now_us / 1e6,
                number == SIGVTALRM ? "hangs" : strsignal(number));
        replay_hint(sim->seed);
    }
    _exit(3);
}

static void watch(void)
{
    struct itimerval limit = {.it_value = {.tv_sec = SECONDS_MAX}};

    (void)setitimer(ITIMER_VIRTUAL, &limit, NULL);
}

static bool run_one(uint64_t seed, struct sim_result *ret_result)
{
    struct sim_options world = {.seed = seed,
                                .scenario = options.scenario,
                                .trace = options.trace ? stdout : NULL,
                                .hashing = options.hash || options.trace};

    watch();
    sim_run(&world, ret_result);
    if (ret_result->failed) {
        fprintf(stderr, "%s\n", ret_result->message);
        replay_hint(seed);
    }
    return !ret_result->failed;
}

static void run_job(struct shared *shared)
{
    struct sim_result result;
    uint64_t seed;

    while (!shared->failed && (seed = shared->next++) <= options.last) {
        bool ok = run_one(seed, &result);

        shared->records += result.records;
        shared->messages += result.messages;
        shared->commands += result.commands;
        shared->shadow_changes += result.shadow_changes;
        shared->crashes += result.crashes;
        shared->connections += result.connections;
        shared->steps += result.steps;
        shared->simulated_s += result.simulated_us / 1000000;
        shared->done++;
        if (!ok) {
            shared->failed = true;
            _exit(1);
        }
    }
    _exit(0);
}

static void progress(const struct shared *shared, uint64_t total)
{
    if (!options.quiet && isatty(STDERR_FILENO))
        fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " ", (uint64_t)shared->done, total);
}

static int run_many(void)
{
    uint64_t total = options.last - options.first + 1;
    struct shared *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    unsigned alive = 0;
    int status, worst = 0;

    HF_ASSERT(shared != MAP_FAILED);
    shared->next = options.first;
    for (unsigned i = 0; i < options.jobs; i++) {
        pid_t child = fork();

        HF_ASSERT(child >= 0);
        if (child == 0)
            run_job(shared);
        alive++;
    }
    while (alive > 0) {
        pid_t child = waitpid(-1, &status, WNOHANG);

        if (child > 0) {
            alive--;
            if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
                shared->failed = true;
                worst = 1;
            }
            continue;
        }
        progress(shared, total);
        usleep(20000);
    }
    if (!options.quiet && isatty(STDERR_FILENO))
        fprintf(stderr, "\r");
    if (!options.quiet)
        printf("%" PRIu64 " worlds%s: %" PRIu64 " s simulated, %" PRIu64 " steps, %" PRIu64
               " crashes, %" PRIu64 " connections, %" PRIu64 " records, %" PRIu64 " messages, %" PRIu64
               " commands done, %" PRIu64 " changes of shadows\n",
               (uint64_t)shared->done, worst ? " until one failed" : "", (uint64_t)shared->simulated_s,
               (uint64_t)shared->steps, (uint64_t)shared->crashes, (uint64_t)shared->connections,
               (uint64_t)shared->records, (uint64_t)shared->messages, (uint64_t)shared->commands,
               (uint64_t)shared->shadow_changes);
    return worst;
}

static int run_single(void)
{
    struct sim_result result;
    bool ok = run_one(options.first, &result);

    if (ok && !options.quiet)
        printf("seed %" PRIu64 ": ok, %" PRIu64 " steps, %.1f s, %" PRIu64 " crashes, %" PRIu64
               " connections, %" PRIu64 " records, %" PRIu64 " messages, %" PRIu64 " commands done, %" PRIu64
               " changes of shadows",
               options.first, result.steps, (double)result.simulated_us / 1e6, result.crashes,
               result.connections, result.records, result.messages, result.commands, result.shadow_changes);
    if (ok && !options.quiet && (options.hash || options.trace))
        printf(", trace %016" PRIx64, result.hash);
    if (ok && !options.quiet)
        printf("\n");
    return ok ? 0 : 1;
}

static void list(void)
{
    for (unsigned i = 0; i < sim_scenario_count; i++)
        printf("%-10s %s\n", sim_scenarios[i].name, sim_scenarios[i].text);
}

static void usage(void)
{
    fprintf(stderr,
            "usage: %s --seed N [--trace] [--hash] [--scenario NAME]\n"
            "       %s --seeds A..B [--jobs N] [--scenario NAME] [--quiet]\n"
            "       %s --list\n",
            program, program, program);
    exit(2);
}

static void parse(int argc, char **argv)
{
    static const struct option known[] = {{"seed", required_argument, NULL, 's'},
                                          {"seeds", required_argument, NULL, 'S'},
                                          {"jobs", required_argument, NULL, 'j'},
                                          {"scenario", required_argument, NULL, 'c'},
                                          {"trace", no_argument, NULL, 't'},
                                          {"hash", no_argument, NULL, 'h'},
                                          {"quiet", no_argument, NULL, 'q'},
                                          {"list", no_argument, NULL, 'l'},
                                          {NULL, 0, NULL, 0}};
    int option;
    bool seeds = false;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case 's':
            options.first = options.last = strtoull(optarg, NULL, 10);
            seeds = true;
            break;
        case 'S':
            switch (sscanf(optarg, "%" SCNu64 "..%" SCNu64, &options.first, &options.last)) {
            case 1: options.last = options.first; break;
            case 2: break;
            default: usage();
            }
            if (options.first > options.last)
                usage();
            seeds = true;
            break;
        case 'j': options.jobs = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'c':
            options.scenario = sim_scenario_by_name(optarg);
            if (options.scenario == NULL)
                usage();
            break;
        case 't': options.trace = true; break;
        case 'h': options.hash = true; break;
        case 'q': options.quiet = true; break;
        case 'l': list(); exit(0);
        default: usage();
        }
    }
    if (!seeds || optind != argc || options.jobs == 0 || options.jobs > JOBS_MAX)
        usage();
}

int main(int argc, char **argv)
{
    static const int signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGVTALRM};

    program = argv[0];
    parse(argc, argv);
    for (unsigned i = 0; i < HF_COUNT_OF(signals); i++)
        (void)signal(signals[i], on_signal);
    return options.first == options.last ? run_single() : run_many();
}
