/* app/media.h - the media plane: RTP of cameras in, relayed to whoever watches. A thread of its own, with a loop of its own: a worker never touches a packet, and the media thread never a
 * device. Between them go pointers through bounded mailboxes (io/mailbox.h).
 *
 *   worker -> media   orders of calls (adapter/gb28181/media.h: open, answered, close), watchers that want a chunk, or left
 *   media -> worker   what became of a leg, chunks
 *
 * A leg is one receiver of one call. Of the live leg of a channel any number of watchers are served: RTP over UDP to other addresses, packets as they came; HTTP, remuxed. A slow watcher loses
 * whole access units, up to the next key frame; it never holds up others. The leg of a talk sends what is said to the device. Requirements GB-11, GB-14. */
#ifndef HF_APP_MEDIA_H
#define HF_APP_MEDIA_H

#include <stdatomic.h>

#include "adapter/backend.h"
#include "adapter/gb28181/media.h"
#include "app/log_thread.h"
#include "base/logger.h"
#include "core/hub.h"
#include "io/loop.h"
#include "io/mailbox.h"
#include "io/thread.h"

enum {
    HF_MEDIA_CHUNK_BYTES = 64 << 10,
    HF_MEDIA_PARTY_BYTES_MAX = 64,   /* of a device's or channel's id */
    HF_MEDIA_LEG_CONSUMERS_MAX = 64, /* RTP over UDP, of one leg */
    HF_MEDIA_PORT_TRIES = 8,         /* ports that others on this machine hold, before a leg is refused */
    HF_MEDIA_RECONNECT_MS = 10000,   /* a device's connection that was lost may come back within */
    HF_MEDIA_CONNECT_TRIES = 3,      /* of ours to a device, a second apart */
    HF_MEDIA_PART_MS =
        2000, /* a connection outlives its leg, until BYE was heard: also the third one (RFC 3261 timer E) */
    HF_MEDIA_REORDER_MS = 100, /* a packet waits so long for those before it */
    HF_MEDIA_REVEAL_MS =
        1500, /* after its first unit a stream has shown whether it has video, and what sound */
    HF_MEDIA_REPORT_MS = 5000, /* between receiver reports */
    HF_MEDIA_SNAPS_MAX = 16,   /* pictures being decoded */
};

enum { HF_MEDIA_KIND_LIVE = 0 /* hf_gb_media_request.kind of the one that is watched */ };

struct hf_media_options {         /* of the configuration, section media; texts are borrowed */
    const char *address;          /* to bind; NULL = any */
    const char *external_address; /* that stands in the SDP; NULL = the bound one, or as the device sees us */
    uint16_t port_first, port_last;
    uint16_t shared_port; /* RTP of all that comes in, RTCP on the next one; 0 = each stream has its own */
    uint32_t legs_max, views_max;
    uint32_t first_packet_ms, silence_ms, unwatched_ms, start_ms;
    uint32_t part_ms; /* 0 = HF_MEDIA_PART_MS */
    uint32_t queue_units_max;
    size_t queue_bytes_max, gop_bytes_max, unit_bytes_max, talk_bytes_max;
    bool strict_ssrc;
};

#define HF_MEDIA_STATS_MAP(X)                                                                                \
    X(legs_opened, "legs opened")                                                                            \
    X(legs_refused, "legs refused: no port, too many, or the system's refusal")                              \
    X(legs_silent, "legs on which nothing came for the configured time")                                     \
    X(packets, "RTP packets taken")                                                                          \
    X(bytes, "bytes of these")                                                                               \
    X(malformed, "datagrams and frames that are no RTP")                                                     \
    X(strange_source, "packets refused for their SSRC or address")                                           \
    X(ssrc_collisions, "streams refused, or answers not followed, at the shared port: another has the SSRC") \
    X(lost, "packets that did not come")                                                                     \
    X(duplicates, "packets that came twice, or too late")                                                    \
    X(reports_in, "RTCP packets taken")                                                                      \
    X(reports_out, "RTCP reports sent")                                                                      \
    X(relayed, "packets sent to RTP consumers")                                                              \
    X(relay_refused, "packets that the kernel did not take for an RTP consumer")                             \
    X(connections, "TCP connections of devices taken")                                                       \
    X(connections_refused, "TCP connections refused: the leg has one")                                       \
    X(connections_cut, "TCP connections closed with their call, because too many outlive theirs")            \
    X(framing_broken, "TCP connections closed for their framing")                                            \
    X(units, "access units")                                                                                 \
    X(units_dropped, "access units cut by a loss, or too large")                                             \
    X(units_refused, "access units and packets out of order for which there was no memory, as if lost")      \
    X(gop_overflows, "groups of pictures too large to be kept")                                              \
    X(views_opened, "watchers by HTTP")                                                                      \
    X(views_refused, "watchers refused: too many")                                                           \
    X(views_timed_out, "watchers to whom no key frame came in time")                                         \
    X(view_bytes, "bytes given to watchers")                                                                 \
    X(view_units_lost, "access units that slow watchers lost")                                               \
    X(talk_packets, "RTP packets of sound sent to devices")                                                  \
    X(talk_bytes, "bytes of these")                                                                          \
    X(talk_lost, "of these, those that the kernel or a connection did not take")                             \
    X(talk_gaps, "times that sound ran out while a device listened")                                         \
    X(snapshots, "pictures made")                                                                            \
    X(snapshots_failed, "pictures that could not be made")                                                   \
    X(tells_late, "tells that found a worker's mailbox full and were repeated")

struct hf_media_stats {
#define HF_MEDIA_STATS_MEMBER(member, text) uint64_t member;
    HF_MEDIA_STATS_MAP(HF_MEDIA_STATS_MEMBER)
#undef HF_MEDIA_STATS_MEMBER
    /* gauges, and the ports' counters */
    uint64_t legs, views, waiting, connections_now, bits_per_s;
    uint64_t ports_free, ports_used, ports_resting, ports_exhausted, ports_skipped, ports_longest_ms;
    bool ports_alarm, audit_failed;
};

struct hf_media; /* opaque */

/* workers: how many threads order; each gets a mailbox. Nothing runs yet. HF_ERR_INVALID: no pair of ports, or an address that is none; HF_ERR_NOMEM; HF_ERR_IO. */
hf_err hf_media_new(const struct hf_media_options *options, unsigned workers, struct hf_logger *logger,
                    struct hf_media **ret_media);
/* Worker i's mailbox for what comes back, of hf_media_entries() entries; before the start. */
void hf_media_connect(struct hf_media *media, unsigned worker, struct hf_mailbox *to);
unsigned hf_media_entries(const struct hf_media *media);
hf_err hf_media_start(struct hf_media *media);
void hf_media_stop(
    struct hf_media *media); /* joins; what was under way is given up; harmless before the start */
/* After the stop, when the workers have dropped their views. NULL is harmless. */
void hf_media_free(struct hf_media *media);
void hf_media_stats(struct hf_media *media, struct hf_media_stats *ret_stats); /* any thread */

/* context: the struct hf_media. On the worker that the token names. */
extern const struct hf_gb_media_ops hf_media_ops;

/* Relays a leg's packets to an address, from an address of the media thread's own; again: nothing changes. on false: ends it. HF_ERR_BUSY: the mailbox is full. A leg that is not there, or has
 * HF_MEDIA_LEG_CONSUMERS_MAX: nothing happens, the latter counted. */
union hf_address;
hf_err hf_media_relay(struct hf_media *media, uint64_t token, const union hf_address *to, bool on);

/* What came by the worker's mailbox. A tell is given to on_told (which must be quick and may order), a chunk to its watcher. */
typedef void hf_media_told_fn(void *context, struct hf_tenant *tenant, const struct hf_gb_media_told *told);
void hf_media_arrived(void *message, hf_media_told_fn *on_told, void *context);

/* adapter/backend.h's view_*, on worker `worker`. */
hf_err hf_view_new(struct hf_media *media, unsigned worker, const struct hf_view_request *request,
                   void (*on_chunk)(struct hf_view *view, void *user, const struct hf_view_chunk *chunk),
                   void *user, struct hf_view **ret_view);
void hf_view_ask(struct hf_view *view);
void hf_view_drop(struct hf_view *view);

#endif
