/* bench/gb/load_phases.c - the phases of a process (load.h), and its words with the parent. */
#include <unistd.h>

#include "base/assert.h"
#include "bench/gb/load_worker.h"
#include "bench/process.h"
#include "io/clock.h"

enum {
    NS_PER_MS = 1000000,
    WAIT_NS_MAX = 20 * NS_PER_MS,
    SIDE_WAIT_NS = NS_PER_MS, /* with more than one fleet: only the first is waited for */
};
#define LIST_DRAIN_NS (UINT64_C(61000) * NS_PER_MS) /* the API waits for 60 s */

static void say(struct hf_gb_worker *worker, char letter)
{
    if (write(worker->control_fd, &letter, 1) != 1)
        worker->phase = HF_GB_OVER;
}

static void clones_open(struct hf_gb_worker *worker)
{
    for (unsigned l = 0; l < worker->lane_count; l++)
        for (uint32_t i = 0; worker->lanes[l].kind == HF_GB_LANE_CLONE && i < worker->lanes[l].count; i++)
            if (hf_fleet_start(worker->lanes[l].fleet, i) != HF_OK)
                worker->result->local++;
}

static void over_or_leave(struct hf_gb_worker *worker, uint64_t now_ns)
{
    worker->phase = worker->config->leave && worker->phase != HF_GB_OVER ? HF_GB_LEAVING : HF_GB_OVER;
    worker->leave_at_ns = now_ns;
}

static void errand_begin(struct hf_gb_worker *worker, enum hf_gb_phase phase, enum hf_gb_load_errand errand,
                         uint64_t now_ns)
{
    worker->phase = phase;
    worker->plays_until_ns = now_ns + worker->config->timeout_ns;
    hf_gb_load_plays_begin(&worker->plays, errand);
}

static bool errand_over(struct hf_gb_worker *worker, uint64_t now_ns)
{
    return hf_gb_load_plays_go(&worker->plays, now_ns) || now_ns >= worker->plays_until_ns;
}

static void measure_begin(struct hf_gb_worker *worker)
{
    worker->phase = HF_GB_MEASURING;
    worker->end_ns = worker->start_ns + worker->config->duration_ns;
    worker->cpu_mark_ns = hf_process_cpu_ns(0);
    worker->result->measured = worker->result->cam;
    for (uint32_t i = 0; worker->config->closed && i < worker->figure_devices; i++)
        worker->again[worker->again_count++] = i;
    hf_hist_reset(&worker->result->lag);
    hf_hist_reset(&worker->result->stall);
}

static void measure_end(struct hf_gb_worker *worker, uint64_t now_ns)
{
    struct hf_gb_load_result *result = worker->result;

    result->in_end = result->in_now;
    result->measured_cpu_ns = hf_process_cpu_ns(0) - worker->cpu_mark_ns;
    result->media_packets_measured = result->cam.media_packets - result->measured.media_packets;
    result->media_bytes_measured = result->cam.media_bytes - result->measured.media_bytes;
    say(worker, 'D');
    if (worker->config->mode == HF_GB_LOAD_MEDIA && worker->phase != HF_GB_OVER)
        errand_begin(worker, HF_GB_LOOKING, HF_GB_LOAD_LOOK, now_ns);
    else
        over_or_leave(worker, now_ns);
}

static void get_ready(struct hf_gb_worker *worker)
{
    worker->phase = HF_GB_READY;
    say(worker, 'R');
}

static void opening_step(struct hf_gb_worker *worker, uint64_t now_ns)
{
    if (worker->result->came < worker->figure_devices && now_ns < worker->open_until_ns)
        return;
    clones_open(worker);
    worker->result->measured_cpu_ns = hf_process_cpu_ns(0); /* register: that is what was measured */
    worker->result->in_end = worker->result->in_now;
    if (worker->config->mode == HF_GB_LOAD_MEDIA)
        errand_begin(worker, HF_GB_PLAYING, HF_GB_LOAD_PLAY, now_ns);
    else
        get_ready(worker);
}

static void playing_step(struct hf_gb_worker *worker, uint64_t now_ns)
{
    if (errand_over(worker, now_ns))
        get_ready(worker);
}

static void looking_step(struct hf_gb_worker *worker, uint64_t now_ns)
{
    if (errand_over(worker, now_ns))
        errand_begin(worker, HF_GB_STOPPING, HF_GB_LOAD_STOP, now_ns);
}

static void stopping_step(struct hf_gb_worker *worker, uint64_t now_ns)
{
    if (errand_over(worker, now_ns))
        over_or_leave(worker, now_ns);
}

static void ready_step(struct hf_gb_worker *worker, uint64_t now_ns)
{
    ssize_t bytes;

    if (worker->start_ns == 0) {
        bytes = read(worker->control_fd, &worker->start_ns, sizeof(worker->start_ns));
        if (bytes == 0)
            worker->phase = HF_GB_OVER;
        if (bytes != (ssize_t)sizeof(worker->start_ns))
            return;
    }
    if (worker->config->mode == HF_GB_LOAD_REGISTER && worker->start_ns <= now_ns) {
        over_or_leave(worker, now_ns);
        say(worker, 'D');
    } else if (worker->start_ns <= now_ns) {
        measure_begin(worker);
    }
}

static bool is_waiting(const struct hf_gb_worker *worker)
{
    const struct hf_gb_load_result *result = worker->result;

    return result->refreshes + result->refreshes_busy + result->refreshes_failed < result->refreshes_meant;
}

static uint64_t drain_ns(const struct hf_gb_worker *worker)
{
    return worker->lists.asking ? HF_MAX(worker->config->drain_ns, LIST_DRAIN_NS) : worker->config->drain_ns;
}

static void measuring_step(struct hf_gb_worker *worker, uint64_t now_ns)
{
    if (now_ns >= worker->end_ns) {
        if ((!worker->lists.asking && !is_waiting(worker)) || now_ns >= worker->end_ns + drain_ns(worker))
            measure_end(worker, now_ns);
        return;
    }
    if (worker->config->mode == HF_GB_LOAD_REFRESH && worker->config->closed)
        hf_gb_refresh_again(worker, now_ns);
    else if (worker->config->mode == HF_GB_LOAD_REFRESH)
        hf_gb_refresh_due(worker, now_ns);
    if (worker->config->rebind_ns > 0)
        hf_gb_rebind_due(worker, now_ns);
    if (worker->config->mode == HF_GB_LOAD_CATALOG)
        hf_gb_list_next(worker, now_ns);
}

static void leaving_step(struct hf_gb_worker *worker, uint64_t now_ns)
{
    hf_gb_leave_due(worker, now_ns);
    if (worker->result->cam.left >= worker->figure_devices ||
        now_ns >= worker->leave_at_ns + (worker->open_until_ns - worker->plan->open_at_ns))
        worker->phase = HF_GB_OVER;
}

uint64_t hf_gb_phase_due_ns(const struct hf_gb_worker *worker, uint64_t now_ns)
{
    uint64_t due = now_ns + (worker->lane_count > 1 || worker->api != NULL ? SIDE_WAIT_NS : WAIT_NS_MAX);

    if (worker->phase == HF_GB_OPENING && worker->open_next < worker->figure_devices)
        due = HF_MIN(due,
                     worker->plan->open_at_ns + hf_bench_schedule_at_ns(&worker->opens, worker->open_next));
    if (worker->phase == HF_GB_READY && worker->start_ns != 0)
        due = HF_MIN(due, worker->start_ns);
    if (worker->phase == HF_GB_READY && worker->start_ns == 0)
        due = HF_MIN(due, now_ns + NS_PER_MS);
    if (worker->again_count > 0)
        due = now_ns;
    if (worker->phase == HF_GB_MEASURING && worker->config->mode == HF_GB_LOAD_REFRESH &&
        !worker->config->closed)
        due =
            HF_MIN(due, worker->start_ns + hf_bench_schedule_at_ns(&worker->refreshes, worker->refresh_next));
    if (worker->phase == HF_GB_MEASURING)
        due = HF_MIN(due, worker->end_ns);
    return due;
}

void hf_gb_phase_step(struct hf_gb_worker *worker, uint64_t now_ns)
{
    static void (*const steps[])(struct hf_gb_worker *, uint64_t) = {
        [HF_GB_OPENING] = opening_step,     [HF_GB_PLAYING] = playing_step, [HF_GB_READY] = ready_step,
        [HF_GB_MEASURING] = measuring_step, [HF_GB_LOOKING] = looking_step, [HF_GB_STOPPING] = stopping_step,
        [HF_GB_LEAVING] = leaving_step,
    };

    HF_ASSERT(worker->phase < HF_GB_OVER);
    steps[worker->phase](worker, now_ns);
}
