/* io/system_probe.h - what `holdfast doctor` asks of kernel, disk and network. Reads only, except for one temporary
 * file in the data directory. What a kernel or container does not tell is 0 or false. */
#ifndef HF_IO_SYSTEM_PROBE_H
#define HF_IO_SYSTEM_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct hf_system_probe {
    uint64_t open_files_soft, open_files_hard; /* RLIMIT_NOFILE of this process */
    uint64_t somaxconn;                        /* net.core.somaxconn */
    uint64_t tcp_mem_bytes;                    /* third number of net.ipv4.tcp_mem, in bytes */
    uint64_t memory_available_bytes;           /* MemAvailable */
    uint64_t port_first, port_last;            /* net.ipv4.ip_local_port_range */
    bool clock_known, clock_synchronised;
    uint64_t clock_error_us; /* the kernel's estimate, when synchronised */
    bool entropy_ready;
    char huge_pages[16]; /* transparent huge pages: "always", "madvise", "never", "" */
};
void hf_system_probe(struct hf_system_probe *ret_probe);

struct hf_disk_probe {
    uint64_t free_bytes, total_bytes; /* for an unprivileged user */
    uint64_t sync_median_us, sync_worst_us;
};
enum { HF_DISK_PROBE_SYNCS = 32, HF_DISK_PROBE_WRITE_BYTES = 4096 };
/* Writes and syncs a temporary file HF_DISK_PROBE_SYNCS times. HF_ERR_NOT_FOUND, HF_ERR_DENIED, HF_ERR_FULL, HF_ERR_IO. */
hf_err hf_disk_probe(const char *directory, struct hf_disk_probe *ret_probe);

/* Whether a listener could have this numeric address and port. HF_OK; HF_ERR_EXISTS: taken; HF_ERR_DENIED: not for
 * this user; HF_ERR_NOT_FOUND: no address of this machine; HF_ERR_INVALID; HF_ERR_IO. */
hf_err hf_port_probe(const char *address, uint16_t port);
hf_err hf_udp_port_probe(const char *address, uint16_t port); /* the same of UDP */

#endif
