#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/assert.h"
#include "bench/gb/load_parts.h"
#include "bench/process.h"
#include "bench/schedule.h"
#include "io/clock.h"

enum {
    NS_PER_US = 1000,
    NS_PER_MS = 1000000,
    WAIT_NS_MAX = 20 * NS_PER_MS,
    SIDE_WAIT_NS = NS_PER_MS, /* with more than one fleet: only the first is waited for */
    PPM_OF_PERCENT = 10000,
    ID_BYTES = 21,
    SERIAL_AT = 14,
};

enum lane_kind { PLAIN, SILENT, CLONE };

#define LIST_DRAIN_NS (UINT64_C(61000) * NS_PER_MS) /* the API waits for 60 s */

struct worker;

struct lane { /* a fleet of one kind */
    struct worker *worker;
    struct hf_fleet *fleet;
    enum lane_kind kind;
    uint32_t count;
    uint64_t *intended_ns; /* of each device: its last REGISTER that was planned; 0 = none is open */
    bool *was_in;
};

enum phase { OPENING, READY, MEASURING, LEAVING, OVER };

struct worker {
    const struct hf_gb_load_plan *plan;
    const struct hf_gb_load_config *config;
    struct hf_gb_load_result *result;
    unsigned index;
    int control_fd;
    enum phase phase;
    struct lane lanes[HF_GB_LOAD_PARTS_MAX];
    unsigned lane_count;
    uint32_t figure_devices; /* without clones */
    struct hf_cam_profile silent_profile;
    struct hf_bench_schedule opens, refreshes, rebinds;
    uint64_t open_next, refresh_next, rebind_next, leave_next;
    uint32_t *again; /* closed loop: numbers of devices that have their answer */
    uint32_t again_count;
    uint64_t open_until_ns, start_ns, end_ns, cpu_mark_ns, leave_at_ns;
    /* catalog */
    struct hf_bench_api *api;
    struct hf_bench_result api_result;
    int api_epoll_fd;
    uint64_t asked_ns, listed_ns;
    uint32_t list_next;
    bool listing;
};

static bool in_figures(const struct lane *lane)
{
    return lane->kind != CLONE;
}

/* ---- what the cameras tell ---- */

static void registered(struct lane *lane, uint32_t index)
{
    struct worker *worker = lane->worker;
    struct hf_gb_load_result *result = worker->result;
    uint64_t now_ns = hf_clock_ns(), intended_ns = lane->intended_ns[index];

    result->in_now++;
    if (lane->was_in[index])
        return;
    lane->was_in[index] = true;
    result->came++;
    result->in_last_ns = HF_MAX(result->in_last_ns, now_ns);
    if (intended_ns != 0)
        hf_hist_record(&result->in, now_ns - intended_ns);
    lane->intended_ns[index] = 0;
}

static void refreshed(struct lane *lane, uint32_t index)
{
    struct hf_gb_load_result *result = lane->worker->result;
    uint64_t intended_ns = lane->intended_ns[index];

    if (intended_ns == 0)
        return; /* by the device's own timer */
    lane->intended_ns[index] = 0;
    result->refreshes++;
    hf_hist_record(&result->refresh, hf_clock_ns() - intended_ns);
    if (lane->worker->config->closed) /* not from within its event: the loop goes over them */
        lane->worker->again[lane->worker->again_count++] =
            lane->kind == SILENT ? lane->worker->lanes[0].count + index : index;
}

static void on_event(void *context, uint32_t index, const struct hf_cam_event *event)
{
    struct lane *lane = context;
    struct worker *worker = lane->worker;
    struct hf_gb_load_result *result = worker->result;

    if (!in_figures(lane))
        return;
    switch (event->tell) {
    case HF_CAM_TELL_REGISTERED: registered(lane, index); break;
    case HF_CAM_TELL_REFRESHED: refreshed(lane, index); break;
    case HF_CAM_TELL_GONE:
    case HF_CAM_TELL_LEFT: result->in_now -= result->in_now > 0; break;
    case HF_CAM_TELL_REFUSED: /* of a refresh: it was in */
        if (lane->was_in[index] && lane->intended_ns[index] != 0) {
            result->in_now -= result->in_now > 0;
            result->refreshes_failed++;
        }
        lane->intended_ns[index] = 0;
        break;
    case HF_CAM_TELL_ALIVE:
        if (worker->phase == MEASURING)
            hf_hist_record(&result->alive, event->us * NS_PER_US);
        break;
    case HF_CAM_TELL_ASKED:
        if (event->body->command == HF_CDP_CMD_CATALOG && worker->listing)
            worker->asked_ns = hf_clock_ns();
        break;
    case HF_CAM_TELL_ANSWERED:
        if (worker->listing && worker->asked_ns != 0 && hf_slice_is(event->text, "Catalog"))
            worker->listed_ns = hf_clock_ns();
        break;
    default: break;
    }
}

static void on_trouble(void *context, uint32_t index, const char *what, int sys_errno)
{
    struct lane *lane = context;

    (void)what;
    (void)sys_errno;
    if (lane->was_in[index] && in_figures(lane))
        lane->worker->result->in_now -= lane->worker->result->in_now > 0;
}

/* ---- what is due ---- */

/* Device number -> its lane; the silent ones are the last. */
static struct lane *lane_of(struct worker *worker, uint64_t number, uint32_t *ret_index)
{
    struct lane *lane = &worker->lanes[0];

    if (number >= lane->count) {
        number -= lane->count;
        lane = &worker->lanes[1];
    }
    *ret_index = (uint32_t)number;
    return lane;
}

static void lag(struct worker *worker, uint64_t intended_ns)
{
    uint64_t now_ns = hf_clock_ns();

    hf_hist_record(&worker->result->lag, now_ns > intended_ns ? now_ns - intended_ns : 0);
}

static void open_due(struct worker *worker, uint64_t now_ns)
{
    uint64_t zero_ns = worker->plan->open_at_ns;
    uint64_t due = now_ns > zero_ns ? hf_bench_schedule_due(&worker->opens, now_ns - zero_ns) : 0;

    for (; worker->open_next < HF_MIN(due, (uint64_t)worker->figure_devices); worker->open_next++) {
        uint32_t index;
        struct lane *lane = lane_of(worker, worker->open_next, &index);
        uint64_t intended_ns = zero_ns + hf_bench_schedule_at_ns(&worker->opens, worker->open_next);

        lag(worker, intended_ns);
        lane->intended_ns[index] = intended_ns;
        (void)hf_fleet_now(lane->fleet);
        if (hf_fleet_start(lane->fleet, index) != HF_OK)
            worker->result->local++;
    }
}

static void refresh_one(struct worker *worker, uint64_t number, uint64_t intended_ns)
{
    uint32_t index;
    struct lane *lane = lane_of(worker, number, &index);

    worker->result->refreshes_meant++;
    (void)hf_fleet_now(lane->fleet);
    if (lane->intended_ns[index] == 0 && hf_cam_refresh(hf_fleet_camera(lane->fleet, index)))
        lane->intended_ns[index] = intended_ns;
    else
        worker->result->refreshes_busy++;
}

static void refresh_due(struct worker *worker, uint64_t now_ns)
{
    uint64_t due = hf_bench_schedule_due(&worker->refreshes, now_ns - worker->start_ns);

    for (; worker->refresh_next < due; worker->refresh_next++) {
        uint64_t intended_ns =
            worker->start_ns + hf_bench_schedule_at_ns(&worker->refreshes, worker->refresh_next);

        lag(worker, intended_ns);
        refresh_one(worker, worker->refresh_next % worker->figure_devices, intended_ns);
    }
}

static void refresh_again(struct worker *worker, uint64_t now_ns)
{
    for (uint32_t i = 0; i < worker->again_count; i++)
        refresh_one(worker, worker->again[i], now_ns);
    worker->again_count = 0;
}

static void rebind_due(struct worker *worker, uint64_t now_ns)
{
    uint64_t due = hf_bench_schedule_due(&worker->rebinds, now_ns - worker->start_ns);

    for (; worker->rebind_next < due; worker->rebind_next++) {
        uint32_t index;
        struct lane *lane = lane_of(worker, worker->rebind_next % worker->figure_devices, &index);

        if (hf_fleet_rebind(lane->fleet, index) == HF_OK)
            worker->result->rebinds++;
        else
            worker->result->local++;
    }
}

/* ---- catalog: one list after the other, through the API ---- */

static void on_api_done(void *user, unsigned index, unsigned status, uint64_t now_ns)
{
    struct worker *worker = user;

    (void)index;
    worker->listing = false;
    if (status < 200 || status > 299 || worker->listed_ns == 0) {
        worker->result->lists_failed++;
        hf_bench_codes_add(&worker->result->api_status, status, 1);
        return;
    }
    worker->result->lists++;
    hf_hist_record(&worker->result->listed, worker->listed_ns - worker->asked_ns);
    hf_hist_record(&worker->result->applied, now_ns > worker->listed_ns ? now_ns - worker->listed_ns : 0);
}

static void list_next(struct worker *worker, uint64_t now_ns)
{
    uint32_t index;
    struct lane *lane;
    char path[128];

    if (worker->listing || hf_bench_api_busy(worker->api, 0))
        return;
    lane = lane_of(worker, worker->list_next++ % worker->figure_devices, &index);
    (void)snprintf(path, sizeof(path), "/v1/devices/%s/commands", hf_fleet_camera(lane->fleet, index)->id);
    worker->listing = true;
    worker->asked_ns = worker->listed_ns = 0;
    hf_bench_api_post(worker->api, 0, path,
                      HF_SLICE("{\"name\":\"Catalog\",\"payload\":{},\"wait_ms\":60000}"), now_ns);
}

static bool api_open(struct worker *worker)
{
    struct hf_bench_api_config config = {.epoll_fd = worker->api_epoll_fd,
                                         .target = &worker->plan->api,
                                         .key = worker->plan->api_key,
                                         .connections = 1,
                                         .result = &worker->api_result,
                                         .on_done = on_api_done,
                                         .user = worker};

    worker->api = hf_bench_api_new(&config);
    return worker->api != NULL;
}

/* ---- phases ---- */

static void say(struct worker *worker, char letter)
{
    if (write(worker->control_fd, &letter, 1) != 1)
        worker->phase = OVER;
}

static void clones_open(struct worker *worker)
{
    for (unsigned l = 0; l < worker->lane_count; l++)
        for (uint32_t i = 0; worker->lanes[l].kind == CLONE && i < worker->lanes[l].count; i++)
            if (hf_fleet_start(worker->lanes[l].fleet, i) != HF_OK)
                worker->result->local++;
}

static void measure_begin(struct worker *worker)
{
    worker->phase = MEASURING;
    worker->end_ns = worker->start_ns + worker->config->duration_ns;
    worker->cpu_mark_ns = hf_process_cpu_ns(0);
    worker->result->measured = worker->result->cam;
    for (uint32_t i = 0; worker->config->closed && i < worker->figure_devices; i++)
        worker->again[worker->again_count++] = i;
    hf_hist_reset(&worker->result->lag);
    hf_hist_reset(&worker->result->stall);
}

static void measure_end(struct worker *worker, uint64_t now_ns)
{
    worker->result->in_end = worker->result->in_now;
    worker->result->measured_cpu_ns = hf_process_cpu_ns(0) - worker->cpu_mark_ns;
    say(worker, 'D');
    worker->phase = worker->config->leave && worker->phase != OVER ? LEAVING : OVER;
    worker->leave_at_ns = now_ns;
}

static void opening_step(struct worker *worker, uint64_t now_ns)
{
    if (worker->result->came < worker->figure_devices && now_ns < worker->open_until_ns)
        return;
    clones_open(worker);
    worker->result->measured_cpu_ns = hf_process_cpu_ns(0); /* register: that is what was measured */
    worker->result->in_end = worker->result->in_now;
    worker->phase = READY;
    say(worker, 'R');
}

static void ready_step(struct worker *worker, uint64_t now_ns)
{
    ssize_t bytes;

    if (worker->start_ns == 0) {
        bytes = read(worker->control_fd, &worker->start_ns, sizeof(worker->start_ns));
        if (bytes == 0)
            worker->phase = OVER;
        if (bytes != (ssize_t)sizeof(worker->start_ns))
            return;
    }
    if (worker->config->mode == HF_GB_LOAD_REGISTER && worker->start_ns <= now_ns) {
        worker->phase = worker->config->leave ? LEAVING : OVER;
        worker->leave_at_ns = now_ns;
        say(worker, 'D');
    } else if (worker->start_ns <= now_ns) {
        measure_begin(worker);
    }
}

static bool is_waiting(const struct worker *worker)
{
    const struct hf_gb_load_result *result = worker->result;

    return result->refreshes + result->refreshes_busy + result->refreshes_failed < result->refreshes_meant;
}

static uint64_t drain_ns(const struct worker *worker)
{
    return worker->listing ? HF_MAX(worker->config->drain_ns, LIST_DRAIN_NS) : worker->config->drain_ns;
}

static void measuring_step(struct worker *worker, uint64_t now_ns)
{
    if (now_ns >= worker->end_ns) {
        if ((!worker->listing && !is_waiting(worker)) || now_ns >= worker->end_ns + drain_ns(worker))
            measure_end(worker, now_ns);
        return;
    }
    if (worker->config->mode == HF_GB_LOAD_REFRESH && worker->config->closed)
        refresh_again(worker, now_ns);
    else if (worker->config->mode == HF_GB_LOAD_REFRESH)
        refresh_due(worker, now_ns);
    if (worker->config->rebind_ns > 0)
        rebind_due(worker, now_ns);
    if (worker->config->mode == HF_GB_LOAD_CATALOG)
        list_next(worker, now_ns);
}

static void leaving_step(struct worker *worker, uint64_t now_ns)
{
    uint64_t due = hf_bench_schedule_due(&worker->opens, now_ns - worker->leave_at_ns);

    for (; worker->leave_next < HF_MIN(due, (uint64_t)worker->figure_devices); worker->leave_next++) {
        uint32_t index;
        struct lane *lane = lane_of(worker, worker->leave_next, &index);

        (void)hf_fleet_now(lane->fleet);
        hf_fleet_stop(lane->fleet, index);
    }
    if (worker->result->cam.left >= worker->figure_devices ||
        now_ns >= worker->leave_at_ns + (worker->open_until_ns - worker->plan->open_at_ns))
        worker->phase = OVER;
}

static uint64_t due_ns(const struct worker *worker, uint64_t now_ns)
{
    uint64_t due = now_ns + (worker->lane_count > 1 || worker->api != NULL ? SIDE_WAIT_NS : WAIT_NS_MAX);

    if (worker->phase == OPENING && worker->open_next < worker->figure_devices)
        due = HF_MIN(due,
                     worker->plan->open_at_ns + hf_bench_schedule_at_ns(&worker->opens, worker->open_next));
    if (worker->phase == READY && worker->start_ns != 0)
        due = HF_MIN(due, worker->start_ns);
    if (worker->phase == READY && worker->start_ns == 0)
        due = HF_MIN(due, now_ns + NS_PER_MS);
    if (worker->again_count > 0)
        due = now_ns;
    if (worker->phase == MEASURING && worker->config->mode == HF_GB_LOAD_REFRESH && !worker->config->closed)
        due =
            HF_MIN(due, worker->start_ns + hf_bench_schedule_at_ns(&worker->refreshes, worker->refresh_next));
    if (worker->phase == MEASURING)
        due = HF_MIN(due, worker->end_ns);
    return due;
}

/* The counters of the lanes that count, where the parent can see them. */
static void stats_copy(struct worker *worker)
{
    struct hf_gb_load_result *result = worker->result;
    struct hf_cam_stats sum = {0};
    struct hf_fleet_stats fleets = {0};

    for (unsigned l = 0; l < worker->lane_count; l++) {
        const struct hf_cam_stats *stats = &hf_fleet_world(worker->lanes[l].fleet)->stats;
        const struct hf_fleet_stats *fleet = hf_fleet_stats(worker->lanes[l].fleet);

        if (!in_figures(&worker->lanes[l]))
            continue;
#define ADD(member, text) sum.member += stats->member;
        HF_CAM_STATS_MAP(ADD)
#undef ADD
        fleets.opened += fleet->opened;
        fleets.connected += fleet->connected;
        fleets.lost += fleet->lost;
        fleets.closed += fleet->closed;
        fleets.no_port += fleet->no_port;
    }
    result->cam = sum;
    result->fleet = fleets;
}

static void api_turn(struct worker *worker)
{
    struct epoll_event events[16];
    int count = worker->api != NULL ? epoll_wait(worker->api_epoll_fd, events, 16, 0) : 0;

    for (int i = 0; i < count; i++)
        hf_bench_api_event(worker->api, events[i].data.ptr, events[i].events, hf_clock_ns());
}

static void loop(struct worker *worker)
{
    static void (*const steps[])(struct worker *, uint64_t) = {[OPENING] = opening_step,
                                                               [READY] = ready_step,
                                                               [MEASURING] = measuring_step,
                                                               [LEAVING] = leaving_step};

    while (worker->phase != OVER) {
        uint64_t now_ns = hf_clock_ns(), due;

        if (worker->phase == OPENING)
            open_due(worker, now_ns);
        steps[worker->phase](worker, now_ns);
        if (worker->phase == OVER)
            break;
        now_ns = hf_clock_ns();
        due = due_ns(worker, now_ns);
        for (unsigned l = 0; l < worker->lane_count; l++) {
            hf_fleet_turn(worker->lanes[l].fleet, l == 0 && due > now_ns ? (due - now_ns) / NS_PER_US : 0);
            uint64_t spent_ns = hf_clock_ns() - hf_fleet_world(worker->lanes[l].fleet)->now_us * NS_PER_US;

            if (worker->phase == MEASURING || worker->phase == OPENING)
                hf_hist_record(&worker->result->stall, spent_ns);
        }
        api_turn(worker);
        stats_copy(worker);
    }
}

/* ---- making it ---- */

static bool lane_new(struct worker *worker, enum lane_kind kind, uint64_t first, uint32_t count)
{
    const struct hf_gb_load_plan *plan = worker->plan;
    struct lane *lane = &worker->lanes[worker->lane_count];
    char id[ID_BYTES];
    struct hf_fleet_options options = {.profile = kind == SILENT ? &worker->silent_profile : &plan->profile,
                                       .first_id = id,
                                       .count = count,
                                       .server = plan->server,
                                       .sources = plan->sources,
                                       .source_count = plan->source_count,
                                       .loss_ppm = (uint32_t)(worker->config->loss * PPM_OF_PERCENT),
                                       .on_event = on_event,
                                       .on_trouble = on_trouble,
                                       .context = lane};

    if (count == 0)
        return true;
    (void)snprintf(id, sizeof(id), "%.14s%06lu", worker->config->first_id,
                   (strtoul(worker->config->first_id + SERIAL_AT, NULL, 10) + first) % 1000000);
    *lane = (struct lane){.worker = worker, .kind = kind, .count = count};
    lane->intended_ns = calloc(count, sizeof(*lane->intended_ns));
    lane->was_in = calloc(count, sizeof(*lane->was_in));
    worker->lane_count++;
    return lane->intended_ns != NULL && lane->was_in != NULL && hf_fleet_new(&options, &lane->fleet) == HF_OK;
}

static bool worker_init(struct worker *worker)
{
    const struct hf_gb_load_config *config = worker->config;
    uint64_t first = config->devices * worker->index / config->processes;
    uint64_t share = config->devices * (worker->index + 1) / config->processes - first;
    double refresh = config->refresh > 0
                         ? config->refresh
                         : (double)config->devices / HF_MAX((double)config->duration_ns / 1e9, 1e-3);

    worker->figure_devices = (uint32_t)share;
    worker->silent_profile = worker->plan->profile;
    worker->silent_profile.silent = true;
    worker->result->devices = share;
    hf_bench_schedule_init(&worker->opens, config->rate, HF_BENCH_RAMP_NONE, 0, 1);
    hf_bench_schedule_share(&worker->opens, worker->index, (unsigned)config->processes);
    hf_bench_schedule_init(&worker->refreshes, refresh, HF_BENCH_RAMP_NONE, 0, 1);
    hf_bench_schedule_share(&worker->refreshes, worker->index, (unsigned)config->processes);
    if (config->rebind_ns > 0)
        hf_bench_schedule_init(&worker->rebinds, (double)share / ((double)config->rebind_ns / 1e9),
                               HF_BENCH_RAMP_NONE, 0, 1);
    worker->open_until_ns = worker->plan->open_at_ns +
                            (uint64_t)((double)config->devices / config->rate * 1e9) + config->timeout_ns;
    worker->api_epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    worker->again = calloc(share, sizeof(*worker->again));
    return worker->api_epoll_fd >= 0 && worker->again != NULL &&
           lane_new(worker, PLAIN, first, (uint32_t)(share - config->silent)) &&
           lane_new(worker, SILENT, first + share - config->silent, (uint32_t)config->silent) &&
           lane_new(worker, CLONE, first, (uint32_t)config->clones) &&
           (config->mode != HF_GB_LOAD_CATALOG || api_open(worker));
}

int hf_gb_load_worker(const struct hf_gb_load_plan *plan, struct hf_gb_load_result *result, unsigned index,
                      int control_fd)
{
    struct worker *worker = calloc(1, sizeof(*worker));
    bool ready;

    if (worker == NULL)
        return 1;
    *worker = (struct worker){.plan = plan,
                              .config = plan->config,
                              .result = result,
                              .index = index,
                              .control_fd = control_fd,
                              .api_epoll_fd = -1};
    (void)prctl(PR_SET_TIMERSLACK, 1UL); /* wake when asked, not 50 us later */
    (void)fcntl(control_fd, F_SETFL, O_NONBLOCK);
    ready = worker_init(worker);
    if (ready)
        loop(worker);
    result->cpu_ns = hf_process_cpu_ns(0);
    result->rss_bytes = hf_process_rss_bytes(0);
    for (unsigned l = 0; l < worker->lane_count; l++) {
        hf_fleet_free(worker->lanes[l].fleet);
        free(worker->lanes[l].intended_ns);
        free(worker->lanes[l].was_in);
    }
    free(worker->again);
    hf_bench_api_free(worker->api);
    if (worker->api_epoll_fd >= 0)
        (void)close(worker->api_epoll_fd);
    free(worker);
    return ready ? 0 : 1;
}
