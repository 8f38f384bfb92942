#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/assert.h"
#include "bench/gb/load_worker.h"
#include "bench/process.h"
#include "io/clock.h"

enum {
    NS_PER_US = 1000,
    PPM_OF_PERCENT = 10000,
    ID_BYTES = 21,
    SERIAL_AT = 14,
    ANSWER_BYTES_MAX = 4096,
};

/* ---- what the cameras tell ---- */

static void registered(struct hf_gb_lane *lane, uint32_t index)
{
    struct hf_gb_worker *worker = lane->worker;
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

static void refreshed(struct hf_gb_lane *lane, uint32_t index)
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
            lane->kind == HF_GB_LANE_SILENT ? lane->worker->lanes[0].count + index : index;
}

static void on_event(void *context, uint32_t index, const struct hf_cam_event *event)
{
    struct hf_gb_lane *lane = context;
    struct hf_gb_worker *worker = lane->worker;
    struct hf_gb_load_result *result = worker->result;

    if (!hf_gb_in_figures(lane))
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
        if (worker->phase == HF_GB_MEASURING)
            hf_hist_record(&result->alive, event->us * NS_PER_US);
        break;
    case HF_CAM_TELL_ASKED:
    case HF_CAM_TELL_ANSWERED: hf_gb_load_lists_event(&worker->lists, event); break;
    default: break;
    }
}

static void on_trouble(void *context, uint32_t index, const char *what, int sys_errno)
{
    struct hf_gb_lane *lane = context;

    (void)what;
    (void)sys_errno;
    if (lane->was_in[index] && hf_gb_in_figures(lane))
        lane->worker->result->in_now -= lane->worker->result->in_now > 0;
}

/* ---- what is asked through the API ---- */

static void on_api_done(void *user, unsigned index, unsigned status, uint64_t now_ns)
{
    struct hf_gb_worker *worker = user;

    if (worker->config->mode == HF_GB_LOAD_MEDIA)
        hf_gb_load_plays_done(&worker->plays, index, status, now_ns);
    else
        hf_gb_load_lists_done(&worker->lists, status, now_ns);
}

static bool api_open(struct hf_gb_worker *worker)
{
    struct hf_bench_api_config config = {
        .epoll_fd = worker->api_epoll_fd,
        .target = &worker->plan->api,
        .key = worker->plan->api_key,
        .connections = worker->config->mode == HF_GB_LOAD_MEDIA ? (unsigned)worker->config->plays : 1,
        .answer_bytes_max = ANSWER_BYTES_MAX,
        .result = &worker->api_result,
        .on_done = on_api_done,
        .user = worker};

    worker->api = hf_bench_api_new(&config);
    worker->lists = (struct hf_gb_load_lists){.result = worker->result, .api = worker->api};
    return worker->api != NULL;
}

/* Behind the lanes: of the first one the first devices are played. */
static bool plays_open(struct hf_gb_worker *worker)
{
    const struct hf_gb_load_config *config = worker->config;
    uint64_t all = config->streams > 0 ? config->streams : config->devices,
             share = all * (worker->index + 1) / config->processes - all * worker->index / config->processes;

    worker->plays = (struct hf_gb_load_plays){.result = worker->result,
                                              .api = worker->api,
                                              .fleet = worker->lanes[0].fleet,
                                              .connections = (unsigned)config->plays,
                                              .tcp = strcmp(config->media_transport, "tcp") == 0};
    return hf_gb_load_plays_init(&worker->plays, (uint32_t)HF_MIN(share, (uint64_t)worker->lanes[0].count)) ==
           HF_OK;
}

/* The counters of the lanes that count, where the parent can see them. */
static void stats_copy(struct hf_gb_worker *worker)
{
    struct hf_gb_load_result *result = worker->result;
    struct hf_cam_stats sum = {0};
    struct hf_fleet_stats fleets = {0};

    for (unsigned l = 0; l < worker->lane_count; l++) {
        const struct hf_cam_stats *stats = &hf_fleet_world(worker->lanes[l].fleet)->stats;
        const struct hf_fleet_stats *fleet = hf_fleet_stats(worker->lanes[l].fleet);

        if (!hf_gb_in_figures(&worker->lanes[l]))
            continue;
#define ADD(member, text) sum.member += stats->member;
        HF_CAM_STATS_MAP(ADD)
#undef ADD
        fleets.opened += fleet->opened;
        fleets.connected += fleet->connected;
        fleets.lost += fleet->lost;
        fleets.lost_media += fleet->lost_media;
        fleets.closed += fleet->closed;
        fleets.no_port += fleet->no_port;
    }
    result->cam = sum;
    result->fleet = fleets;
}

static void api_turn(struct hf_gb_worker *worker)
{
    struct epoll_event events[16];
    int count = worker->api != NULL ? epoll_wait(worker->api_epoll_fd, events, 16, 0) : 0;

    for (int i = 0; i < count; i++)
        hf_bench_api_event(worker->api, events[i].data.ptr, events[i].events, hf_clock_ns());
}

static void loop(struct hf_gb_worker *worker)
{
    while (worker->phase != HF_GB_OVER) {
        uint64_t now_ns = hf_clock_ns(), due;

        if (worker->phase == HF_GB_OPENING)
            hf_gb_open_due(worker, now_ns);
        hf_gb_phase_step(worker, now_ns);
        if (worker->phase == HF_GB_OVER)
            break;
        now_ns = hf_clock_ns();
        due = hf_gb_phase_due_ns(worker, now_ns);
        for (unsigned l = 0; l < worker->lane_count; l++) {
            hf_fleet_turn(worker->lanes[l].fleet, l == 0 && due > now_ns ? (due - now_ns) / NS_PER_US : 0);
            uint64_t spent_ns = hf_clock_ns() - hf_fleet_world(worker->lanes[l].fleet)->now_us * NS_PER_US;

            if (worker->phase == HF_GB_MEASURING || worker->phase == HF_GB_PLAYING ||
                worker->phase == HF_GB_OPENING)
                hf_hist_record(&worker->result->stall, spent_ns);
        }
        api_turn(worker);
        stats_copy(worker);
    }
}

/* ---- making it ---- */

static bool lane_new(struct hf_gb_worker *worker, enum hf_gb_lane_kind kind, uint64_t first, uint32_t count)
{
    const struct hf_gb_load_plan *plan = worker->plan;
    struct hf_gb_lane *lane = &worker->lanes[worker->lane_count];
    char id[ID_BYTES];
    struct hf_fleet_options options = {.profile = kind == HF_GB_LANE_SILENT ? &worker->silent_profile
                                                                            : &plan->profile,
                                       .first_id = id,
                                       .count = count,
                                       .server = plan->server,
                                       .sources = plan->sources,
                                       .source_count = plan->source_count,
                                       .quirks = &plan->quirks,
                                       .loss_ppm = (uint32_t)(worker->config->loss * PPM_OF_PERCENT),
                                       .on_event = on_event,
                                       .on_trouble = on_trouble,
                                       .context = lane};

    if (count == 0)
        return true;
    (void)snprintf(id, sizeof(id), "%.14s%06lu", worker->config->first_id,
                   (strtoul(worker->config->first_id + SERIAL_AT, NULL, 10) + first) % 1000000);
    *lane = (struct hf_gb_lane){.worker = worker, .kind = kind, .count = count};
    lane->intended_ns = calloc(count, sizeof(*lane->intended_ns));
    lane->was_in = calloc(count, sizeof(*lane->was_in));
    worker->lane_count++;
    return lane->intended_ns != NULL && lane->was_in != NULL && hf_fleet_new(&options, &lane->fleet) == HF_OK;
}

static bool worker_init(struct hf_gb_worker *worker)
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
           lane_new(worker, HF_GB_LANE_PLAIN, first, (uint32_t)(share - config->silent)) &&
           lane_new(worker, HF_GB_LANE_SILENT, first + share - config->silent, (uint32_t)config->silent) &&
           lane_new(worker, HF_GB_LANE_CLONE, first, (uint32_t)config->clones) &&
           ((config->mode != HF_GB_LOAD_CATALOG && config->mode != HF_GB_LOAD_MEDIA) || api_open(worker)) &&
           (config->mode != HF_GB_LOAD_MEDIA || plays_open(worker));
}

int hf_gb_load_worker(const struct hf_gb_load_plan *plan, struct hf_gb_load_result *result, unsigned index,
                      int control_fd)
{
    struct hf_gb_worker *worker = calloc(1, sizeof(*worker));
    bool ready;

    if (worker == NULL)
        return 1;
    *worker = (struct hf_gb_worker){.plan = plan,
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
    hf_gb_load_plays_deinit(&worker->plays);
    hf_bench_api_free(worker->api);
    if (worker->api_epoll_fd >= 0)
        (void)close(worker->api_epoll_fd);
    free(worker);
    return ready ? 0 : 1;
}
