/* bench/gb/fleet_parts.h - private to the fleet: fleet.c and the sockets, link.c and media.c. */
#ifndef HF_BENCH_GB_FLEET_PARTS_H
#define HF_BENCH_GB_FLEET_PARTS_H

#include "bench/gb/fleet.h"
#include "codec/sip/framer.h"

struct hf_fleet_source { /* of events: first of what epoll knows */
    void (*on_events)(struct hf_fleet *fleet, struct hf_fleet_source *source, uint32_t events);
};

struct hf_fleet_link { /* a camera and its socket */
    struct hf_fleet_source source;
    struct hf_cam cam;
    struct hf_timer timer; /* streams: when to connect again */
    struct hf_sip_framer framer;
    char *in, *out; /* owns: streams only, what is not whole yet and what the kernel did not take */
    uint32_t in_bytes, out_bytes, reconnect_ms;
    int fd;
    bool connected, leaving;
    bool broken; /* must be closed, by whoever is not inside a call of the camera */
};

struct hf_fleet {
    struct hf_fleet_options options;
    struct hf_cam_world world;
    struct hf_wheel wheel;
    struct hf_text_conv conv;
    struct hf_sip_hasher *hasher;
    struct hf_fleet_link *links;
    struct hf_fleet_media *media_over; /* owns: closed in this turn */
    char *in;                          /* HF_FLEET_IN_BYTES_MAX: one datagram, or what a stream had */
    uint32_t made;
    int epoll_fd;
    bool has_conv;
    struct hf_fleet_stats stats;
};

uint32_t hf_fleet_index(const struct hf_fleet *fleet, const struct hf_fleet_link *link);
hf_err hf_fleet_link_open(struct hf_fleet *fleet, struct hf_fleet_link *link);
hf_err hf_fleet_link_rebind(struct hf_fleet *fleet, struct hf_fleet_link *link);
void hf_fleet_link_close(struct hf_fleet *fleet, struct hf_fleet_link *link); /* harmless when closed */
void hf_fleet_link_event(struct hf_fleet *fleet, struct hf_fleet_source *source, uint32_t events);
void hf_fleet_link_time(struct hf_timer *timer, uint64_t now_ms);
bool hf_fleet_link_send(struct hf_fleet *fleet, struct hf_fleet_link *link, struct hf_slice bytes);

bool hf_fleet_loses(struct hf_fleet *fleet); /* a datagram, this time; the caller counts it */

/* As hf_cam_ops has it. media.c */
struct hf_fleet_media;
void *hf_fleet_media_open(struct hf_fleet *fleet, struct hf_cam *cam, bool tcp, struct hf_slice host,
                          uint16_t port, uint16_t *ret_port);
hf_err hf_fleet_media_send(struct hf_fleet *fleet, struct hf_fleet_media *media, const uint8_t *packet,
                           size_t bytes);
void hf_fleet_media_close(struct hf_fleet *fleet, struct hf_fleet_media *media);
void hf_fleet_media_free(struct hf_fleet *fleet); /* what was closed */

#endif
