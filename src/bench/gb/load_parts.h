/* bench/gb/load_parts.h - private to the load generator: what its processes share, and what one counted. */
#ifndef HF_BENCH_GB_LOAD_PARTS_H
#define HF_BENCH_GB_LOAD_PARTS_H

#include "base/hist.h"
#include "bench/api.h"
#include "bench/gb/load.h"
#include "bench/target.h"

/* Nanoseconds. */
#define HF_GB_LOAD_HIST_MAP(X)                                                             \
    X(in, "intended start to registered")                                                  \
    X(refresh, "intended REGISTER to its 200")                                             \
    X(alive, "keepalive to its 200")                                                       \
    X(applied, "catalog: the last part was taken, to the command's result")                \
    X(listed, "catalog: the query came, to the last part was taken")                       \
    X(play, "media: Play asked for, to its result")                                        \
    X(first_packet, "media: as the gateway says, its port was opened to the first packet") \
    X(jitter, "media: as the gateway says, of each stream")                                \
    X(lag, "generator: intended send to send")                                             \
    X(stall, "generator: one turn of the event loop")

/* What a process counted, beside its cameras. */
#define HF_GB_LOAD_COUNT_MAP(X)                                                     \
    X(refreshes, "answered with 200")                                               \
    X(refreshes_meant, "")                                                          \
    X(refreshes_busy, "not registered, or at it")                                   \
    X(refreshes_failed, "")                                                         \
    X(lists, "")                                                                    \
    X(lists_failed, "")                                                             \
    X(plays_meant, "streams that should have been played")                          \
    X(plays, "of which the camera and the gateway are agreed")                      \
    X(plays_failed, "")                                                             \
    X(streams, "of which packets came to the gateway")                              \
    X(stops, "")                                                                    \
    X(heard_packets, "as the gateway says when the measured time is over")          \
    X(heard_lost, "the same")                                                       \
    X(media_packets_measured, "RTP sent in the measured time, lost on purpose too") \
    X(media_bytes_measured, "the same")                                             \
    X(rebinds, "")                                                                  \
    X(local, "no socket or port")

struct hf_gb_load_result {        /* plain memory, shared with the parent */
    struct hf_cam_stats cam;      /* of the figures' devices */
    struct hf_cam_stats measured; /* cam, when the measured time began */
    struct hf_fleet_stats fleet;
    uint64_t devices, came /* registered at least once */, in_now,
        in_end /* at the end of the measured time */;
    uint64_t in_last_ns; /* clock */
#define HF_GB_LOAD_COUNT_FIELD(name, text) uint64_t name;
    HF_GB_LOAD_COUNT_MAP(HF_GB_LOAD_COUNT_FIELD)
#undef HF_GB_LOAD_COUNT_FIELD
    struct hf_bench_codes api_status; /* of what failed */
    uint64_t cpu_ns, measured_cpu_ns, cpu_worst_ns, rss_bytes;
#define HF_GB_LOAD_HIST_FIELD(name, text) struct hf_hist name;
    HF_GB_LOAD_HIST_MAP(HF_GB_LOAD_HIST_FIELD)
#undef HF_GB_LOAD_HIST_FIELD
};
void hf_gb_load_merge(struct hf_gb_load_result *into, const struct hf_gb_load_result *from);

struct hf_gb_load_plan { /* made before the fork; read only */
    const struct hf_gb_load_config *config;
    struct hf_cam_profile profile;
    struct hf_cam_quirks quirks;
    union hf_address server;
    union hf_address sources[HF_FLEET_SOURCES_MAX];
    uint32_t source_count;
    struct hf_bench_target api;
    const char *api_key;
    pid_t pids[HF_GB_LOAD_PIDS_MAX];
    unsigned pid_count;
    struct hf_cam_reel *reel; /* owns; NULL: the cameras show nothing */
    char realm[64];
    uint64_t open_at_ns; /* when the first device is meant to come in */
};

/* One process. Speaks with the parent over control_fd: writes 'R' when its devices are in or its time for that is over, reads the start of the
 * measured time (uint64_t, clock in ns), writes 'D' when that is over, and ends. load_worker.c */
int hf_gb_load_worker(const struct hf_gb_load_plan *plan, struct hf_gb_load_result *result, unsigned index,
                      int control_fd);

/* ---- what a process asks through the API; one request at a time on each connection ---- */

struct hf_gb_load_lists { /* catalog; the first two: borrowed */
    struct hf_gb_load_result *result;
    struct hf_bench_api *api;
    uint64_t asked_ns, listed_ns;
    bool asking;
};
/* load_lists.c. The last asserts that nothing is asked. */
void hf_gb_load_lists_event(struct hf_gb_load_lists *lists, const struct hf_cam_event *event);
void hf_gb_load_lists_done(struct hf_gb_load_lists *lists, unsigned status, uint64_t now_ns);
void hf_gb_load_lists_ask(struct hf_gb_load_lists *lists, const char *device, uint64_t now_ns);

enum hf_gb_load_errand { HF_GB_LOAD_PLAY, HF_GB_LOAD_LOOK, HF_GB_LOAD_STOP };

struct hf_gb_load_plays { /* media; the first five are the owner's to fill, the pointers borrowed */
    struct hf_gb_load_result *result;
    struct hf_bench_api *api;
    struct hf_fleet *fleet;
    unsigned connections; /* of the api: 1..HF_GB_LOAD_PLAYS_MAX */
    bool tcp;
    enum hf_gb_load_errand errand;
    uint32_t count, next, open /* requests without an answer */;
    bool *stands; /* owns: of each stream, Play was answered */
    uint32_t of[HF_GB_LOAD_PLAYS_MAX];
    enum hf_gb_load_errand errands[HF_GB_LOAD_PLAYS_MAX];
    uint64_t asked_ns[HF_GB_LOAD_PLAYS_MAX];
};
/* load_plays.c. HF_ERR_NOMEM. */
hf_err hf_gb_load_plays_init(struct hf_gb_load_plays *plays, uint32_t count);
void hf_gb_load_plays_deinit(struct hf_gb_load_plays *plays);
void hf_gb_load_plays_begin(struct hf_gb_load_plays *plays, enum hf_gb_load_errand errand);
/* Asks what there is a connection for; true: each stream has its answer. */
bool hf_gb_load_plays_go(struct hf_gb_load_plays *plays, uint64_t now_ns);
void hf_gb_load_plays_done(struct hf_gb_load_plays *plays, unsigned connection, unsigned status,
                           uint64_t now_ns);

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
