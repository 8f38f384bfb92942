/* bench/gb/load_worker.h - private to one process of the load generator: what it is (load_worker.c), what it does when (load_phases.c), and to which device (load_due.c). */
#ifndef HF_BENCH_GB_LOAD_WORKER_H
#define HF_BENCH_GB_LOAD_WORKER_H

#include "bench/gb/load_parts.h"
#include "bench/schedule.h"

enum hf_gb_lane_kind { HF_GB_LANE_PLAIN, HF_GB_LANE_SILENT, HF_GB_LANE_CLONE };

struct hf_gb_worker;

struct hf_gb_lane { /* a fleet of one kind */
    struct hf_gb_worker *worker;
    struct hf_fleet *fleet;
    enum hf_gb_lane_kind kind;
    uint32_t count;
    uint64_t *intended_ns; /* of each device: its last REGISTER that was planned; 0 = none is open */
    bool *was_in;
};

enum hf_gb_phase {
    HF_GB_OPENING,
    HF_GB_PLAYING,
    HF_GB_READY,
    HF_GB_MEASURING,
    HF_GB_LOOKING,
    HF_GB_STOPPING,
    HF_GB_LEAVING,
    HF_GB_OVER
};

struct hf_gb_worker {
    const struct hf_gb_load_plan *plan;
    const struct hf_gb_load_config *config;
    struct hf_gb_load_result *result;
    unsigned index;
    int control_fd;
    enum hf_gb_phase phase;
    struct hf_gb_lane lanes[HF_GB_LOAD_PARTS_MAX];
    unsigned lane_count;
    uint32_t figure_devices; /* without clones */
    struct hf_cam_profile silent_profile;
    struct hf_bench_schedule opens, refreshes, rebinds;
    uint64_t open_next, refresh_next, rebind_next, leave_next;
    uint32_t *again; /* closed loop: numbers of devices that have their answer */
    uint32_t again_count;
    uint64_t open_until_ns, start_ns, end_ns, cpu_mark_ns, leave_at_ns;
    struct hf_bench_api *api; /* catalog, media */
    struct hf_bench_result api_result;
    int api_epoll_fd;
    struct hf_gb_load_lists lists;
    uint32_t list_next;
    struct hf_gb_load_plays plays;
    uint64_t plays_until_ns;
};

static inline bool hf_gb_in_figures(const struct hf_gb_lane *lane)
{
    return lane->kind != HF_GB_LANE_CLONE;
}

/* ---- load_due.c: as intended ---- */
/* Device number -> its lane; the silent ones are the last. */
struct hf_gb_lane *hf_gb_lane_of(struct hf_gb_worker *worker, uint64_t number, uint32_t *ret_index);
void hf_gb_open_due(struct hf_gb_worker *worker, uint64_t now_ns);
void hf_gb_refresh_due(struct hf_gb_worker *worker, uint64_t now_ns);
void hf_gb_refresh_again(struct hf_gb_worker *worker, uint64_t now_ns); /* closed loop */
void hf_gb_rebind_due(struct hf_gb_worker *worker, uint64_t now_ns);
void hf_gb_list_next(struct hf_gb_worker *worker, uint64_t now_ns);
void hf_gb_leave_due(struct hf_gb_worker *worker, uint64_t now_ns);

/* ---- load_phases.c ---- */
void hf_gb_phase_step(struct hf_gb_worker *worker, uint64_t now_ns);
uint64_t hf_gb_phase_due_ns(const struct hf_gb_worker *worker, uint64_t now_ns); /* of the next step */

#endif
