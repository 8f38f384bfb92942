#include "cli/doctor_judge.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"

enum {
    OPEN_FILES_BESIDE = 512,             /* log, store, listeners, mailboxes, API clients, a reserve */
    SOMAXCONN_MIN = 1024,                /* a reconnecting fleet fills less in one turn of a loop */
    TCP_MEM_PER_CONNECTION_BYTES = 4096, /* one page of the kernel for a socket with something in it */
    MEMORY_PER_CONNECTION_BYTES = 16384, /* a busy plain connection, MEM-1 */
    LOCAL_PORTS_MIN = 16384,             /* for a proxy in front or a load generator on this machine */
    CLOCK_ERROR_US_MAX = 2000000,        /* clock_skew mark of heartbeats, HB-3 */
    SYNC_MEDIAN_US_WARN = 10000,         /* durable acknowledgements take as long */
    SYNC_MEDIAN_US_FAIL = 100000,
    DISK_FREE_BYTES_MIN = 1 << 30,
};

void hf_doctor_add(struct hf_doctor_report *report, enum hf_doctor_level level, const char *check,
                   const char *fix, const char *format, ...)
{
    struct hf_doctor_finding *finding = &report->findings[report->count];
    va_list args;

    HF_ASSERT(report->count < HF_DOCTOR_FINDINGS_MAX);
    report->count++;
    finding->level = level;
    finding->check = check;
    va_start(args, format);
    (void)vsnprintf(finding->text, sizeof(finding->text), format, args);
    va_end(args);
    (void)snprintf(finding->fix, sizeof(finding->fix), "%s", level == HF_DOCTOR_OK ? "" : fix);
}

enum hf_doctor_level hf_doctor_worst(const struct hf_doctor_report *report)
{
    enum hf_doctor_level worst = HF_DOCTOR_OK;

    for (size_t i = 0; i < report->count; i++)
        worst = HF_MAX(worst, report->findings[i].level);
    return worst;
}

static void judge_open_files(const struct hf_config *config, const struct hf_system_probe *probe,
                             struct hf_doctor_report *report)
{
    uint64_t wanted = config->admission.connections_max + OPEN_FILES_BESIDE;
    enum hf_doctor_level level = probe->open_files_soft >= wanted   ? HF_DOCTOR_OK
                                 : probe->open_files_hard >= wanted ? HF_DOCTOR_WARN
                                                                    : HF_DOCTOR_FAIL;
    char fix[200];

    (void)snprintf(fix, sizeof(fix),
                   "LimitNOFILE=%llu in the systemd unit, `ulimit -n %llu` in a shell, or a smaller "
                   "admission.connections_max",
                   (unsigned long long)wanted, (unsigned long long)wanted);
    hf_doctor_add(report, level, "open files", fix, "limit %llu (hard %llu), %llu connections need %llu",
                  (unsigned long long)probe->open_files_soft, (unsigned long long)probe->open_files_hard,
                  (unsigned long long)config->admission.connections_max, (unsigned long long)wanted);
}

static void judge_memory(const struct hf_config *config, const struct hf_system_probe *probe,
                         struct hf_doctor_report *report)
{
    uint64_t connections = config->admission.connections_max;
    uint64_t tcp_wanted = connections * TCP_MEM_PER_CONNECTION_BYTES;
    uint64_t wanted = connections * MEMORY_PER_CONNECTION_BYTES;
    bool enough = probe->memory_available_bytes == 0 || probe->memory_available_bytes >= wanted;

    if (probe->tcp_mem_bytes > 0)
        hf_doctor_add(report, probe->tcp_mem_bytes >= tcp_wanted ? HF_DOCTOR_OK : HF_DOCTOR_WARN, "tcp_mem",
                      "raise the third number of net.ipv4.tcp_mem (sysctl, in pages)",
                      "the kernel gives TCP %llu MiB, %llu connections may want %llu MiB",
                      (unsigned long long)probe->tcp_mem_bytes >> 20, (unsigned long long)connections,
                      (unsigned long long)tcp_wanted >> 20);
    hf_doctor_add(report, enough ? HF_DOCTOR_OK : HF_DOCTOR_WARN, "memory",
                  "more memory, or a smaller admission.connections_max",
                  "%llu MiB available, %llu busy connections may want %llu MiB",
                  (unsigned long long)probe->memory_available_bytes >> 20, (unsigned long long)connections,
                  (unsigned long long)wanted >> 20);
}

static void judge_network(const struct hf_system_probe *probe, struct hf_doctor_report *report)
{
    uint64_t ports = probe->port_last >= probe->port_first && probe->port_last > 0
                         ? probe->port_last - probe->port_first + 1
                         : 0;

    if (probe->somaxconn > 0)
        hf_doctor_add(report, probe->somaxconn >= SOMAXCONN_MIN ? HF_DOCTOR_OK : HF_DOCTOR_WARN, "somaxconn",
                      "sysctl -w net.core.somaxconn=4096", "%llu connections wait at a listener at most",
                      (unsigned long long)probe->somaxconn);
    if (ports > 0)
        hf_doctor_add(report, ports >= LOCAL_PORTS_MIN ? HF_DOCTOR_OK : HF_DOCTOR_WARN, "local ports",
                      "sysctl -w net.ipv4.ip_local_port_range='16384 65535'",
                      "%llu to %llu: a proxy on this machine can hold %llu connections to one listener",
                      (unsigned long long)probe->port_first, (unsigned long long)probe->port_last,
                      (unsigned long long)ports);
}

static void judge_clock(const struct hf_system_probe *probe, struct hf_doctor_report *report)
{
    const char *fix =
        "run chrony or systemd-timesyncd (timedatectl set-ntp true); tokens and certificates have times";

    if (!probe->clock_known)
        hf_doctor_add(report, HF_DOCTOR_WARN, "clock", fix,
                      "the kernel does not say whether the clock is synchronised");
    else if (!probe->clock_synchronised)
        hf_doctor_add(report, HF_DOCTOR_WARN, "clock", fix, "not synchronised");
    else
        hf_doctor_add(report, probe->clock_error_us <= CLOCK_ERROR_US_MAX ? HF_DOCTOR_OK : HF_DOCTOR_WARN,
                      "clock", fix, "synchronised to within %llu ms",
                      (unsigned long long)probe->clock_error_us / 1000);
}

void hf_doctor_judge_system(const struct hf_config *config, const struct hf_system_probe *probe,
                            struct hf_doctor_report *report)
{
    judge_open_files(config, probe, report);
    judge_memory(config, probe, report);
    judge_network(probe, report);
    judge_clock(probe, report);
    hf_doctor_add(report, probe->entropy_ready ? HF_DOCTOR_OK : HF_DOCTOR_FAIL, "entropy",
                  "wait for the boot to end, or give the virtual machine a virtio-rng device",
                  probe->entropy_ready ? "the kernel's generator is ready"
                                       : "the kernel's generator is not seeded: the start would hang");
    if (probe->huge_pages[0] != '\0')
        hf_doctor_add(report, strcmp(probe->huge_pages, "always") != 0 ? HF_DOCTOR_OK : HF_DOCTOR_WARN,
                      "huge pages",
                      "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled: 'always' makes memory "
                      "grow and stall",
                      "transparent huge pages: %s", probe->huge_pages);
}

static void judge_space(const struct hf_config *config, const struct hf_disk_probe *probe,
                        struct hf_doctor_report *report)
{
    uint64_t wanted = config->log.retention_bytes + config->store.map_initial_bytes;
    enum hf_doctor_level level = probe->free_bytes >= wanted                ? HF_DOCTOR_OK
                                 : probe->free_bytes >= DISK_FREE_BYTES_MIN ? HF_DOCTOR_WARN
                                                                            : HF_DOCTOR_FAIL;

    hf_doctor_add(report, level, "disk space", "a larger disk, or a smaller log.retention_bytes",
                  "%llu MiB free in %s, log and store may take %llu MiB",
                  (unsigned long long)probe->free_bytes >> 20, config->node.data_dir,
                  (unsigned long long)wanted >> 20);
}

static void judge_sync(const struct hf_disk_probe *probe, struct hf_doctor_report *report)
{
    enum hf_doctor_level level = probe->sync_median_us < SYNC_MEDIAN_US_WARN   ? HF_DOCTOR_OK
                                 : probe->sync_median_us < SYNC_MEDIAN_US_FAIL ? HF_DOCTOR_WARN
                                                                               : HF_DOCTOR_FAIL;

    hf_doctor_add(
        report, level, "disk sync",
        "a disk with power-loss protection or a write cache; each acknowledgement waits for one sync",
        "fdatasync takes %.2f ms (median), %.2f ms (worst)", (double)probe->sync_median_us / 1000,
        (double)probe->sync_worst_us / 1000);
}

void hf_doctor_judge_disk(const struct hf_config *config, hf_err err, const struct hf_disk_probe *probe,
                          struct hf_doctor_report *report)
{
    const char *data_dir = config->node.data_dir;
    char fix[200];

    if (err == HF_OK) {
        judge_space(config, probe, report);
        judge_sync(probe, report);
        return;
    }
    (void)snprintf(fix, sizeof(fix),
                   "mkdir -p %.80s and give it to the user of the service, or set node.data_dir", data_dir);
    hf_doctor_add(report, HF_DOCTOR_FAIL, "data directory", fix, "%.120s: %s", data_dir, hf_err_text(err));
}

void hf_doctor_judge_port(const char *what, const char *address, uint64_t port, hf_err err,
                          const struct hf_system_probe *probe, struct hf_doctor_report *report)
{
    char fix[200];

    if (err == HF_OK && port >= probe->port_first && port <= probe->port_last) {
        (void)snprintf(fix, sizeof(fix), "sysctl -w net.ipv4.ip_local_reserved_ports=%llu, or another port",
                       (unsigned long long)port);
        hf_doctor_add(report, HF_DOCTOR_WARN, "port", fix,
                      "%.80s: %.50s port %llu is free, but an outgoing connection may take it", what, address,
                      (unsigned long long)port);
        return;
    }
    (void)snprintf(fix, sizeof(fix), "%s",
                   err == HF_ERR_EXISTS      ? "stop what uses it (ss -ltnp), or set another port"
                   : err == HF_ERR_DENIED    ? "a port from 1024, or AmbientCapabilities=CAP_NET_BIND_SERVICE"
                   : err == HF_ERR_NOT_FOUND ? "an address of this machine (ip address), or 0.0.0.0"
                                             : "look at the address");
    hf_doctor_add(report, err == HF_OK ? HF_DOCTOR_OK : HF_DOCTOR_FAIL, "port", fix,
                  "%.80s: %.50s port %llu is %s", what, address, (unsigned long long)port,
                  err == HF_OK           ? "free"
                  : err == HF_ERR_EXISTS ? "in use (by a running gateway?)"
                                         : hf_err_text(err));
}

void hf_doctor_judge_route(const char *what, const char *address, hf_err err, const char *local,
                           struct hf_doctor_report *report)
{
    if (err == HF_OK)
        hf_doctor_add(report, HF_DOCTOR_OK, "route", "", "%.80s: %.50s is reached from %.50s", what, address,
                      local);
    else
        hf_doctor_add(report, HF_DOCTOR_FAIL, "route", "look at the address, and at `ip route get ADDRESS`",
                      "%.80s: there is no route to %.50s", what, address);
}
