/* bench/gb/load_due.c - what is due, and of which device. */
#include "base/assert.h"
#include "bench/gb/load_worker.h"
#include "io/clock.h"

struct hf_gb_lane *hf_gb_lane_of(struct hf_gb_worker *worker, uint64_t number, uint32_t *ret_index)
{
    struct hf_gb_lane *lane = &worker->lanes[0];

    if (number >= lane->count) {
        number -= lane->count;
        lane = &worker->lanes[1];
    }
    *ret_index = (uint32_t)number;
    return lane;
}

static void lag(struct hf_gb_worker *worker, uint64_t intended_ns)
{
    uint64_t now_ns = hf_clock_ns();

    hf_hist_record(&worker->result->lag, now_ns > intended_ns ? now_ns - intended_ns : 0);
}

void hf_gb_open_due(struct hf_gb_worker *worker, uint64_t now_ns)
{
    uint64_t zero_ns = worker->plan->open_at_ns;
    uint64_t due = now_ns > zero_ns ? hf_bench_schedule_due(&worker->opens, now_ns - zero_ns) : 0;

    for (; worker->open_next < HF_MIN(due, (uint64_t)worker->figure_devices); worker->open_next++) {
        uint32_t index;
        struct hf_gb_lane *lane = hf_gb_lane_of(worker, worker->open_next, &index);
        uint64_t intended_ns = zero_ns + hf_bench_schedule_at_ns(&worker->opens, worker->open_next);

        lag(worker, intended_ns);
        lane->intended_ns[index] = intended_ns;
        (void)hf_fleet_now(lane->fleet);
        if (hf_fleet_start(lane->fleet, index) != HF_OK)
            worker->result->local++;
    }
}

static void refresh_one(struct hf_gb_worker *worker, uint64_t number, uint64_t intended_ns)
{
    uint32_t index;
    struct hf_gb_lane *lane = hf_gb_lane_of(worker, number, &index);

    worker->result->refreshes_meant++;
    (void)hf_fleet_now(lane->fleet);
    if (lane->intended_ns[index] == 0 && hf_cam_refresh(hf_fleet_camera(lane->fleet, index)))
        lane->intended_ns[index] = intended_ns;
    else
        worker->result->refreshes_busy++;
}

void hf_gb_refresh_due(struct hf_gb_worker *worker, uint64_t now_ns)
{
    uint64_t due = hf_bench_schedule_due(&worker->refreshes, now_ns - worker->start_ns);

    for (; worker->refresh_next < due; worker->refresh_next++) {
        uint64_t intended_ns =
            worker->start_ns + hf_bench_schedule_at_ns(&worker->refreshes, worker->refresh_next);

        lag(worker, intended_ns);
        refresh_one(worker, worker->refresh_next % worker->figure_devices, intended_ns);
    }
}

void hf_gb_refresh_again(struct hf_gb_worker *worker, uint64_t now_ns)
{
    for (uint32_t i = 0; i < worker->again_count; i++)
        refresh_one(worker, worker->again[i], now_ns);
    worker->again_count = 0;
}

void hf_gb_rebind_due(struct hf_gb_worker *worker, uint64_t now_ns)
{
    uint64_t due = hf_bench_schedule_due(&worker->rebinds, now_ns - worker->start_ns);

    for (; worker->rebind_next < due; worker->rebind_next++) {
        uint32_t index;
        struct hf_gb_lane *lane = hf_gb_lane_of(worker, worker->rebind_next % worker->figure_devices, &index);

        if (hf_fleet_rebind(lane->fleet, index) == HF_OK)
            worker->result->rebinds++;
        else
            worker->result->local++;
    }
}

void hf_gb_list_next(struct hf_gb_worker *worker, uint64_t now_ns)
{
    uint32_t index;
    struct hf_gb_lane *lane;

    if (worker->lists.asking || hf_bench_api_busy(worker->api, 0))
        return;
    lane = hf_gb_lane_of(worker, worker->list_next++ % worker->figure_devices, &index);
    hf_gb_load_lists_ask(&worker->lists, hf_fleet_camera(lane->fleet, index)->id, now_ns);
}

void hf_gb_leave_due(struct hf_gb_worker *worker, uint64_t now_ns)
{
    uint64_t due = hf_bench_schedule_due(&worker->opens, now_ns - worker->leave_at_ns);

    for (; worker->leave_next < HF_MIN(due, (uint64_t)worker->figure_devices); worker->leave_next++) {
        uint32_t index;
        struct hf_gb_lane *lane = hf_gb_lane_of(worker, worker->leave_next, &index);

        (void)hf_fleet_now(lane->fleet);
        hf_fleet_stop(lane->fleet, index);
    }
}
