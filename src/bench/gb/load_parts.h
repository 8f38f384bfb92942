/* bench/gb/load_parts.h - private to the load generator: what its processes share, and what one counted. */
#ifndef HF_BENCH_GB_LOAD_PARTS_H
#define HF_BENCH_GB_LOAD_PARTS_H

#include "base/hist.h"
#include "bench/api.h"
#include "bench/gb/load.h"
#include "bench/target.h"

/* Nanoseconds. */
#define HF_GB_LOAD_HIST_MAP(X)                                              \
    X(in, "intended start to registered")                                   \
    X(refresh, "intended REGISTER to its 200")                              \
    X(alive, "keepalive to its 200")                                        \
    X(applied, "catalog: the last part was taken, to the command's result") \
    X(listed, "catalog: the query came, to the last part was taken")        \
    X(lag, "generator: intended send to send")                              \
    X(stall, "generator: one turn of the event loop")

struct hf_gb_load_result {        /* plain memory, shared with the parent */
    struct hf_cam_stats cam;      /* of the figures' devices */
    struct hf_cam_stats measured; /* cam, when the measured time began */
    struct hf_fleet_stats fleet;
    uint64_t devices, came /* registered at least once */, in_now,
        in_end /* at the end of the measured time */;
    uint64_t in_last_ns; /* clock */
    uint64_t refreshes /* answered with 200 */, refreshes_meant,
        refreshes_busy /* not registered, or at it */, refreshes_failed;
    uint64_t lists, lists_failed, rebinds, local /* no socket or port */;
    struct hf_bench_codes api_status; /* catalog: of the lists that failed */
    uint64_t cpu_ns, measured_cpu_ns, cpu_worst_ns, rss_bytes;
#define HF_GB_LOAD_HIST_FIELD(name, text) struct hf_hist name;
    HF_GB_LOAD_HIST_MAP(HF_GB_LOAD_HIST_FIELD)
#undef HF_GB_LOAD_HIST_FIELD
};
void hf_gb_load_merge(struct hf_gb_load_result *into, const struct hf_gb_load_result *from);

struct hf_gb_load_plan { /* made before the fork; read only */
    const struct hf_gb_load_config *config;
    struct hf_cam_profile profile;
    union hf_address server;
    union hf_address sources[HF_FLEET_SOURCES_MAX];
    uint32_t source_count;
    struct hf_bench_target api;
    const char *api_key;
    pid_t pids[HF_GB_LOAD_PIDS_MAX];
    unsigned pid_count;
    char realm[64];
    uint64_t open_at_ns; /* when the first device is meant to come in */
};

/* One process. Speaks with the parent over control_fd: writes 'R' when its devices are in or its time for that is over, reads the start of the
 * measured time (uint64_t, clock in ns), writes 'D' when that is over, and ends. load_worker.c */
int hf_gb_load_worker(const struct hf_gb_load_plan *plan, struct hf_gb_load_result *result, unsigned index,
                      int control_fd);

struct hf_gb_load_run {
    struct hf_gb_load_result result;
    struct hf_bench_side before, settled, begin, end;
    uint64_t measured_ns; /* register: from the first intended start to the last one in */
    unsigned saturation;
    bool failed;
};
/* load_run.c. HF_ERR_IO with `error`. */
hf_err hf_gb_load_run(const struct hf_gb_load_plan *plan, struct hf_gb_load_run *ret_run,
                      char error[HF_BENCH_ERROR_BYTES]);
/* When the measured time was; pure, for both below. */
unsigned hf_gb_load_saturation(const struct hf_gb_load_config *config, const struct hf_gb_load_result *result,
                               uint64_t measured_ns, unsigned cpus);
bool hf_gb_load_failed(const struct hf_gb_load_config *config, const struct hf_gb_load_result *result);

struct hf_gb_load_report {
    const struct hf_gb_load_config *config;
    struct hf_bench_check checks[HF_BENCH_CHECKS];
    bool checks_ok;
    const struct hf_gb_load_run *run;
    uint64_t utc_ms;
};
/* load_report.c */
void hf_gb_load_report_text(const struct hf_gb_load_report *report);
bool hf_gb_load_report_json(const struct hf_gb_load_report *report); /* false: no memory */

#endif
