/* test/sim/camera.h - one camera or recorder of GB/T 28181: the simulated one of `holdfast bench gb` (bench/gb/camera.h), whose transactions are its own, on a machine with a clock, behind a
 * NAT, over datagrams or over TCP. Its channels change now and then; it leaves and comes back, dies, moves, falls silent. */
#ifndef HF_SIM_CAMERA_H
#define HF_SIM_CAMERA_H

#include "bench/gb/camera.h"
#include "codec/sip/framer.h"
#include "core/presence.h"
#include "sim/clock.h"
#include "sim/net.h"
#include "sim/sip_host.h"
#include "sim/udp.h"

struct hf_event;
struct sim;

enum {
    SIM_CAMERAS_MAX = 8,
    SIM_LISTS_MAX = 128,
    SIM_LIST_CHANNELS_MAX = 40,
    SIM_CHANNELS_MAX = 4096, /* of all lists of a camera together */
    SIM_CAMERA_ASKED = 1024,
    SIM_CALLS_MAX = 512,
};

struct sim_camera_list { /* a list of channels as it comes into the log */
    uint64_t seq;
    uint32_t version, count;
    bool has[SIM_LIST_CHANNELS_MAX];
};

struct sim_camera_asked { /* a query that it has read */
    uint64_t sn;
    enum hf_cdp_command command;
    bool used; /* its answer is a command's result */
};

struct sim_camera_report {
    uint64_t sn, boot;
};

struct sim_call { /* as the log has it */
    unsigned camera;
    uint64_t boot;
    bool ended;
    char id[20];
};

struct sim_camera_mark {
    uint64_t hash, us;
};

/* What the oracle knows of it. Times are the world's, 0 = never. */
struct sim_camera_seen {
    uint64_t epoch, conn, conn_boot;
    uint8_t presence; /* of the last record, since since_us */
    uint64_t since_us;
    bool ended;         /* the end of conn was recorded */
    bool bound;         /* where it is was recorded, for conn */
    uint64_t came_us;   /* the last message of its that a worker has read */
    uint64_t life_us;   /* the last one that was taken: its REGISTER or MESSAGE had a 200 */
    uint64_t lives[16]; /* the last ones */
    uint32_t life_next;
    uint64_t registered_us; /* of a REGISTER */
    uint32_t ends_due;      /* the site has ended it, and the log has no record of that */
    uint64_t answered[64];  /* hashes of branches of its last messages that had a 200 */
    uint32_t answered_next;
    struct sim_camera_mark nonces[32], proofs[32], goodbyes[32],
        byes[32]; /* nonces: given; proofs: branch and age of the nonce */
    uint32_t nonce_next, proof_next, goodbye_next, bye_next;
    bool goodbye; /* a REGISTER with Expires 0 has come */
    bool moved;   /* to another address, since it registered */
};

struct sim_camera {
    struct sim *sim;
    unsigned index;
    char who[8];
    char id[HF_CAM_ID_BYTES];
    struct sim_host host;
    struct sim_path path;
    struct sim_clock clock;
    struct hf_rng rng;
    struct sim_udp udp;
    struct sim_event tick, boot, act, replay;
    char *heard; /* owns: a REGISTER that somebody on the way has kept, to say it again */
    size_t heard_bytes;
    struct hf_wheel wheel;
    struct hf_cam_profile profile;
    struct hf_cam_world world;
    struct hf_cam cam;
    struct sim_sock *sock; /* owns; TCP, NULL while it is not connected */
    struct hf_sip_framer framer;
    char *in, *out; /* own */
    size_t in_bytes, out_bytes;
    bool running, leaving, quiet; /* quiet: its program hangs, nothing is read or said */
    bool blind;                   /* none of its media arrives */
    uint32_t starts;
    uint32_t lists[SIM_LISTS_MAX]; /* how many channels its list had, by version */
    uint32_t list_count;
    char maker[16]; /* "list 7": stands in each of its channels */
    struct sim_camera_asked asked[SIM_CAMERA_ASKED];
    uint32_t asked_next;
    struct sim_camera_report reported[256];
    uint32_t reported_next;
    struct sim_camera_list staged; /* the oracle's, as these: */
    char channels[SIM_CHANNELS_MAX][HF_CAM_ID_BYTES];
    uint32_t channel_count, lists_taken;
    struct sim_camera_seen seen;
};

void sim_camera_init(struct sim_camera *camera, struct sim *sim, unsigned index);
void sim_camera_deinit(struct sim_camera *camera);
void sim_camera_start(struct sim_camera *camera);
void sim_camera_stop(struct sim_camera *camera, bool power, uint64_t down_us); /* and starts again */
void sim_camera_hang(struct sim_camera *camera, bool on);
void sim_camera_move(struct sim_camera *camera, bool address); /* the NAT gives it another port, or address */
void sim_camera_calm(struct sim_camera *camera);
void sim_camera_datagram(struct sim_camera *camera, struct hf_slice bytes);
bool sim_camera_lives_at(const struct sim_camera *camera, struct sim_udp_place place);
bool sim_camera_registered(const struct sim_camera *camera);
/* The id of a channel, of a list of so many. */
void sim_camera_channel_of(const struct sim_camera *camera, uint32_t channels, uint32_t index,
                           char ret_id[HF_CAM_ID_BYTES]);
static inline void sim_camera_channel(const struct sim_camera *camera, uint32_t index,
                                      char ret_id[HF_CAM_ID_BYTES])
{
    sim_camera_channel_of(camera, camera->profile.channels, index, ret_id);
}
struct sim_camera *sim_camera_by_id(struct sim *sim, struct hf_slice id); /* or NULL */

/* oracle_camera.c */
void sim_oracle_camera_came(struct sim *sim, const struct hf_sip_flow *flow, struct hf_slice bytes);
void sim_oracle_camera_answered(struct sim *sim, const struct hf_sip_flow *flow, struct hf_slice bytes);
void sim_oracle_camera_log(struct sim *sim, const char *event, struct hf_slice device, enum hf_reason reason);
bool sim_oracle_camera_event(struct sim *sim, const struct hf_event *event); /* false: of no camera */
void sim_oracle_camera_turn(struct sim *sim);
void sim_oracle_camera_killed(struct sim *sim);
void sim_oracle_camera_started(struct sim *sim);
bool sim_oracle_cameras_done(struct sim *sim, char *why, size_t why_bytes);
void sim_oracle_cameras_rest(
    struct sim *sim); /* all cameras have been silent for REST_US: nothing may be left of them */

/* oracle_camera_log.c */
void sim_oracle_camera_asked(struct sim_camera *camera, const struct hf_cdp_message *body);
void sim_oracle_camera_record(struct sim *sim, struct sim_camera *camera, const struct hf_event *event);
void sim_oracle_camera_late(struct sim *sim);
bool sim_oracle_camera_call_known(const struct sim *sim,
                                  struct hf_slice call_id); /* the log says that it began */
bool sim_oracle_camera_log_done(struct sim *sim, char *why, size_t why_bytes);
void sim_oracle_camera_calls_over(struct sim *sim);

#endif
