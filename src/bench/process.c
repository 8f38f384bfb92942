#include "bench/process.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

enum { PATH_BYTES = 64, LINE_BYTES = 512, KIB = 1024 };

static FILE *proc_open(pid_t pid, const char *name)
{
    char path[PATH_BYTES];

    if (pid == 0)
        snprintf(path, sizeof(path), "/proc/self/%s", name);
    else
        snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    return fopen(path, "re");
}

/* Sums the numbers behind each line that begins with one of the two keys; key_b may be NULL. */
static uint64_t lines_sum(FILE *file, const char *key_a, const char *key_b)
{
    char line[LINE_BYTES];
    uint64_t sum = 0;

    if (file == NULL)
        return 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        const char *key = strncmp(line, key_a, strlen(key_a)) == 0                    ? key_a
                          : key_b != NULL && strncmp(line, key_b, strlen(key_b)) == 0 ? key_b
                                                                                      : NULL;

        if (key != NULL)
            sum += strtoull(line + strlen(key), NULL, 10);
    }
    fclose(file);
    return sum;
}

uint64_t hf_process_cpu_ns(pid_t pid)
{
    struct timespec at;
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &at) != 0)
        return 0;
    return (uint64_t)at.tv_sec * 1000000000 + (uint64_t)at.tv_nsec;
}

uint64_t hf_process_wait_ns(void)
{
    FILE *file = proc_open(0, "schedstat");
    uint64_t ran, waited;

    if (file == NULL)
        return 0;
    /* NOLINTNEXTLINE(cert-err34-c): the kernel writes these numbers */
    if (fscanf(file, "%" SCNu64 " %" SCNu64, &ran, &waited) != 2)
        waited = 0;
    fclose(file);
    return waited;
}

uint64_t hf_process_rss_bytes(pid_t pid)
{
    return lines_sum(proc_open(pid, "status"), "VmRSS:", NULL) * KIB;
}

uint64_t hf_process_private_bytes(pid_t pid)
{
    return lines_sum(proc_open(pid, "status"), "RssAnon:", NULL) * KIB;
}

uint64_t hf_process_files_max(pid_t pid)
{
    return lines_sum(proc_open(pid, "limits"), "Max open files", NULL);
}

bool hf_process_alive(pid_t pid)
{
    return kill(pid, 0) == 0 || errno == EPERM;
}

void hf_machine_times(struct hf_machine_times *ret_times)
{
    FILE *file = fopen("/proc/stat", "re");
    uint64_t field[8] = {0}; /* user nice system idle iowait irq softirq steal */

    *ret_times = (struct hf_machine_times){0};
    if (file == NULL)
        return;
    /* NOLINTNEXTLINE(cert-err34-c): the kernel writes these numbers */
    int n = fscanf(file,
                   "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
                   " %" SCNu64,
                   &field[0], &field[1], &field[2], &field[3], &field[4], &field[5], &field[6], &field[7]);

    fclose(file);
    for (int i = 0; i < n; i++)
        ret_times->all += field[i];
    ret_times->busy = ret_times->all - field[3] - field[4];
}

static void text_after(const char *path, const char *key, char *out, size_t out_bytes)
{
    char line[LINE_BYTES];
    FILE *file = fopen(path, "re");

    out[0] = 0;
    if (file == NULL)
        return;
    while (out[0] == 0 && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, key, strlen(key)) != 0)
            continue;
        const char *at = line + strlen(key);

        at += strspn(at, " \t:");
        snprintf(out, out_bytes, "%.*s", (int)strcspn(at, "\n"), at);
    }
    fclose(file);
}

void hf_machine_read(struct hf_machine *ret_machine)
{
    char load[32], memory[64];
    struct utsname system;
    cpu_set_t allowed;

    *ret_machine = (struct hf_machine){0};
    text_after("/proc/cpuinfo", "model name", ret_machine->cpu, sizeof(ret_machine->cpu));
    text_after("/sys/devices/system/clocksource/clocksource0/current_clocksource", "", ret_machine->clock,
               sizeof(ret_machine->clock));
    text_after("/proc/loadavg", "", load, sizeof(load));
    text_after("/proc/meminfo", "MemTotal", memory, sizeof(memory));
    ret_machine->load_1m = strtod(load, NULL);
    ret_machine->memory_bytes = strtoull(memory, NULL, 10) * KIB;
    ret_machine->cpus = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    ret_machine->cpus_allowed = ret_machine->cpus;
    if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0)
        ret_machine->cpus_allowed = (unsigned)CPU_COUNT(&allowed);
    if (uname(&system) == 0)
        snprintf(ret_machine->kernel, sizeof(ret_machine->kernel), "%.20s %.60s", system.sysname,
                 system.release);
}
