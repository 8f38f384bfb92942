/* bench/gb/fleet.h - simulated cameras on sockets: each has a socket of its own (so an address and port of its own), all of a process share one epoll, wheel and hasher.
 * One thread. Losing datagrams and moving a device behind another port of its NAT happen here, where the cameras do not know of them. */
#ifndef HF_BENCH_GB_FLEET_H
#define HF_BENCH_GB_FLEET_H

#include "bench/gb/camera.h"
#include "io/socket.h"

enum {
    HF_FLEET_CAMERAS_MAX = 1000000, /* serials have six digits */
    HF_FLEET_SOURCES_MAX = 256,
    HF_FLEET_RECONNECT_MS = 1000, /* 2022: at least 1 s; doubles up to the next */
    HF_FLEET_RECONNECT_MS_MAX = 30000,
    HF_FLEET_OUT_BYTES_MAX =
        16
        << 20, /* of one stream, waiting for the kernel; above it what is sent is lost and the stream closed */
    HF_FLEET_IN_BYTES_MAX = 256 * 1024,
    HF_FLEET_MEDIA_BYTES_MAX =
        4 << 20, /* of a call over TCP, waiting for the kernel; above it packets are lost */
};

struct hf_fleet_options {
    const struct hf_cam_profile *profile; /* borrowed */
    const char *first_id;                 /* 20 digits; the next ones count up its last six */
    uint32_t count;                       /* 1..HF_FLEET_CAMERAS_MAX, within the serials */
    union hf_address server;
    const union hf_address *sources;    /* in turn by index; ports are the kernel's. Borrowed */
    uint32_t source_count;              /* 0 = the kernel chooses */
    const struct hf_cam_quirks *quirks; /* in turn by index; NULL = none. Borrowed until it is made */
    uint32_t loss_ppm; /* datagrams lost, of a million: of SIP in either direction, and of RTP */
    void (*on_event)(
        void *context, uint32_t index,
        const struct hf_cam_event *event); /* may call the fleet, but not the camera it is told of */
    /* Every message, as sent (out) or come, for a trace; lost ones too. May be NULL. */
    void (*on_message)(void *context, uint32_t index, bool out, struct hf_slice bytes);
    void (*on_sound)(void *context, uint32_t index,
                     struct hf_slice bytes); /* as hf_cam_ops has it; may be NULL */
    /* A socket could not be made or connected, or a stream ended: text and errno (0: the peer closed). May be NULL. */
    void (*on_trouble)(void *context, uint32_t index, const char *what, int sys_errno);
    void *context;
};

struct hf_fleet;

/* HF_ERR_INVALID, HF_ERR_NOMEM, HF_ERR_LIMIT (descriptors), HF_ERR_UNSUPPORTED: no GB18030 or no MD5 here. */
hf_err hf_fleet_new(const struct hf_fleet_options *options, struct hf_fleet **ret_fleet);
void hf_fleet_free(struct hf_fleet *fleet); /* without a word to the server. NULL is harmless */

/* Opens its socket and registers. HF_ERR_LIMIT: no descriptor; HF_ERR_BUSY: no port; HF_ERR_IO. */
hf_err hf_fleet_start(struct hf_fleet *fleet, uint32_t index);
void hf_fleet_stop(struct hf_fleet *fleet, uint32_t index);   /* unregisters: HF_CAM_TELL_LEFT follows */
void hf_fleet_vanish(struct hf_fleet *fleet, uint32_t index); /* closes its socket without a word */
/* UDP: goes on from another port, as after a NAT has forgotten it. Errors as hf_fleet_start; the old port is used on then. */
hf_err hf_fleet_rebind(struct hf_fleet *fleet, uint32_t index);

/* One turn: waits at most wait_us for sockets or timers. */
void hf_fleet_turn(struct hf_fleet *fleet, uint64_t wait_us);
int hf_fleet_fd(const struct hf_fleet *fleet); /* readable when a turn has work that is no timer */
unsigned hf_fleet_wait_ms(struct hf_fleet *fleet, unsigned max_ms); /* until the next timer */

struct hf_cam *hf_fleet_camera(struct hf_fleet *fleet, uint32_t index);
struct hf_cam_world *hf_fleet_world(
    struct hf_fleet *fleet); /* its now_us is that of the turn; refresh it with hf_fleet_now() */
uint64_t hf_fleet_now(struct hf_fleet *fleet); /* reads the clock; before cameras are called outside a turn */

struct hf_fleet_stats {
    uint64_t opened, connected, lost /* datagrams of SIP, on purpose */, lost_media /* of RTP */,
        closed /* streams by the peer or by errors */, no_port;
};
const struct hf_fleet_stats *hf_fleet_stats(const struct hf_fleet *fleet);

#endif
