#include "io/system_probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include "io/clock.h"

static void read_text(const char *path, char *text, size_t text_bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, text, text_bytes - 1) : 0;

    text[got > 0 ? got : 0] = '\0';
    if (fd >= 0)
        close(fd);
}

/* The numbers at the start of a file; those that are not there stay 0. */
static void read_numbers(const char *path, uint64_t *numbers, size_t count)
{
    char text[256], *at = text;

    memset(numbers, 0, count * sizeof(*numbers));
    read_text(path, text, sizeof(text));
    for (size_t i = 0; i < count; i++) {
        char *end;

        numbers[i] = strtoull(at, &end, 10);
        if (end == at)
            return;
        at = end;
    }
}

static uint64_t memory_available(void)
{
    char text[4096];
    const char *line;

    read_text("/proc/meminfo", text, sizeof(text));
    line = strstr(text, "MemAvailable:");
    return line != NULL ? strtoull(line + strlen("MemAvailable:"), NULL, 10) * 1024 : 0;
}

/* "always [madvise] never": the word in brackets. */
static void read_huge_pages(char *word, size_t word_bytes)
{
    char text[128];
    const char *begin, *end;

    word[0] = '\0';
    read_text("/sys/kernel/mm/transparent_hugepage/enabled", text, sizeof(text));
    begin = strchr(text, '[');
    end = begin != NULL ? strchr(begin, ']') : NULL;
    if (end != NULL && (size_t)(end - begin) <= word_bytes)
        (void)snprintf(word, word_bytes, "%.*s", (int)(end - begin - 1), begin + 1);
}

static void read_clock(struct hf_system_probe *probe)
{
    struct timex timex = {.modes = 0}; /* asks, sets nothing */
    int state = adjtimex(&timex);

    probe->clock_known = state >= 0;
    probe->clock_synchronised = state >= 0 && state != TIME_ERROR && (timex.status & STA_UNSYNC) == 0;
    probe->clock_error_us = timex.maxerror > 0 ? (uint64_t)timex.maxerror : 0;
}

void hf_system_probe(struct hf_system_probe *ret_probe)
{
    struct rlimit files = {0};
    uint64_t numbers[3];
    uint8_t byte;

    *ret_probe = (struct hf_system_probe){0};
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        ret_probe->open_files_soft = files.rlim_cur;
        ret_probe->open_files_hard = files.rlim_max;
    }
    read_numbers("/proc/sys/net/core/somaxconn", &ret_probe->somaxconn, 1);
    read_numbers("/proc/sys/net/ipv4/tcp_mem", numbers, 3);
    ret_probe->tcp_mem_bytes = numbers[2] * (uint64_t)sysconf(_SC_PAGESIZE);
    read_numbers("/proc/sys/net/ipv4/ip_local_port_range", numbers, 2);
    ret_probe->port_first = numbers[0];
    ret_probe->port_last = numbers[1];
    ret_probe->memory_available_bytes = memory_available();
    ret_probe->entropy_ready = getrandom(&byte, 1, GRND_NONBLOCK) == 1;
    read_huge_pages(ret_probe->huge_pages, sizeof(ret_probe->huge_pages));
    read_clock(ret_probe);
}

static hf_err of_errno(void)
{
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
    case EADDRNOTAVAIL: return HF_ERR_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS: return HF_ERR_DENIED;
    case ENOSPC:
    case EDQUOT: return HF_ERR_FULL;
    case EADDRINUSE: return HF_ERR_EXISTS;
    default: return HF_ERR_IO;
    }
}

static int compare_times(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

/* As the event log does it: append to a file and fdatasync(). */
static hf_err time_syncs(int fd, struct hf_disk_probe *probe)
{
    static const char block[HF_DISK_PROBE_WRITE_BYTES];
    uint64_t times_us[HF_DISK_PROBE_SYNCS];

    for (size_t i = 0; i < HF_DISK_PROBE_SYNCS; i++) {
        uint64_t started_us = hf_clock_us();

        if (write(fd, block, sizeof(block)) != (ssize_t)sizeof(block) || fdatasync(fd) != 0)
            return of_errno();
        times_us[i] = hf_clock_us() - started_us;
    }
    qsort(times_us, HF_DISK_PROBE_SYNCS, sizeof(times_us[0]), compare_times);
    probe->sync_median_us = times_us[HF_DISK_PROBE_SYNCS / 2];
    probe->sync_worst_us = times_us[HF_DISK_PROBE_SYNCS - 1];
    return HF_OK;
}

hf_err hf_disk_probe(const char *directory, struct hf_disk_probe *ret_probe)
{
    char path[4096];
    struct statvfs status;
    hf_err err;
    int fd;

    *ret_probe = (struct hf_disk_probe){0};
    if (statvfs(directory, &status) != 0)
        return of_errno();
    ret_probe->free_bytes = (uint64_t)status.f_bavail * status.f_frsize;
    ret_probe->total_bytes = (uint64_t)status.f_blocks * status.f_frsize;
    if ((size_t)snprintf(path, sizeof(path), "%s/.doctor-XXXXXX", directory) >= sizeof(path))
        return HF_ERR_NOT_FOUND;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return of_errno();
    (void)unlink(path); /* nothing is left behind, whatever happens */
    err = time_syncs(fd, ret_probe);
    close(fd);
    return err;
}

static hf_err probe_port(const char *address, uint16_t port, int type)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    bool is_v6 = strchr(address, ':') != NULL;
    const struct sockaddr *any = is_v6 ? (const struct sockaddr *)&v6 : (const struct sockaddr *)&v4;
    socklen_t any_bytes = is_v6 ? sizeof(v6) : sizeof(v4);
    hf_err err = HF_OK;
    int fd, on = 1;

    if (inet_pton(is_v6 ? AF_INET6 : AF_INET, address,
                  is_v6 ? (void *)&v6.sin6_addr : (void *)&v4.sin_addr) != 1)
        return HF_ERR_INVALID;
    fd = socket(any->sa_family, type | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return HF_ERR_IO;
    /* SO_REUSEADDR as a listener has it: connections in TIME_WAIT do not count as a port in use. */
    if (type == SOCK_STREAM) /* of UDP it would share the port */
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, any, any_bytes) != 0 || (type == SOCK_STREAM && listen(fd, 1) != 0))
        err = of_errno();
    close(fd);
    return err;
}

hf_err hf_port_probe(const char *address, uint16_t port)
{
    return probe_port(address, port, SOCK_STREAM);
}

hf_err hf_udp_port_probe(const char *address, uint16_t port)
{
    return probe_port(address, port, SOCK_DGRAM);
}
