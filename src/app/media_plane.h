/* app/media_plane.h - inside of the media thread: media.c (thread and mailboxes), media_leg.c (legs' lives), media_input.c (packets), media_view.c (watchers), media_voice.c (what is said to devices), media_shared.c (one port for all). */
#ifndef HF_APP_MEDIA_PLANE_H
#define HF_APP_MEDIA_PLANE_H

#include <pthread.h>

#include "app/media.h"
#include "app/media_mux.h"
#include "base/map.h"
#include "codec/json/out.h"
#include "codec/ps/ps.h"
#include "codec/rtp/framing.h"
#include "codec/rtp/receiver.h"
#include "codec/rtp/rtp.h"
#include "core/media/ports.h"
#include "core/media/source.h"
#include "core/media/unit.h"
#include "io/listener.h"
#include "io/stream.h"
#include "io/udp.h"
#include "io/udp_fan.h"

enum {
    HF_MEDIA_POOL_BYTES_MAX = 1 << 30, /* units of all streams and watchers, packets out of order */
    HF_MEDIA_POOL_KEPT_BYTES_MAX = 32 << 20,
};
enum { HF_MEDIA_SWEEP_MS = 100, HF_MEDIA_TENANT_BYTES_MAX = HF_TENANT_BYTES_MAX };

/* ---- messages: the low bits of the pointer say which ---- */

enum hf_media_order_kind { HF_MEDIA_ORDER_OPEN, HF_MEDIA_ORDER_ANSWERED, HF_MEDIA_ORDER_RELAY };

struct hf_media_order { /* worker -> media, malloc'ed; and a tell on its way back */
    uint8_t kind;
    uint64_t token;
    struct hf_media_leg *leg;           /* OPEN, owns: made by whoever can still say no */
    struct hf_gb_media_request request; /* slices point into the texts */
    char device[HF_MEDIA_PARTY_BYTES_MAX + 1], channel[HF_MEDIA_PARTY_BYTES_MAX + 1];
    union hf_address peer; /* ANSWERED: AF_UNSPEC = not said; RELAY */
    uint32_t ssrc;
    uint8_t transport, payload_type;
    char format[16];
    bool on;
};

struct hf_media_tell { /* media -> worker, malloc'ed */
    struct hf_tenant *tenant;
    struct hf_gb_media_told told;
};

/* ---- on the thread ---- */

struct hf_media_kept { /* a packet that waits for those before it */
    uint8_t *bytes;    /* owns */
    uint32_t count;
};

struct hf_media_voice {    /* fields are media_voice.c's */
    struct hf_timer timer; /* armed while packets go */
    struct hf_media_leg *leg;
    struct hf_view *speaker; /* whose sound is being taken; NULL: nobody's */
    uint8_t *ring;           /* owns */
    size_t room, at, count;
    enum hf_es_codec codec; /* UNKNOWN until the answer */
    bool in_ps, runs, last /* no sound will follow */, told /* the end was, or that nobody speaks */;
    uint8_t payload_type;
    uint16_t sequence;
    uint64_t time;                        /* of the next packet, 8 kHz */
    uint64_t due_ms;                      /* when it goes */
    uint64_t report_ms, reported_packets; /* the last sender report */
    uint64_t spoken_ms;                   /* sound came last */
    uint64_t packets, bytes, lost, gaps, sent_bytes /* without those lost */;
};

struct hf_media_consumer {
    union hf_address to;
    uint32_t users;
    uint64_t packets;
};

struct hf_media_name { /* an SSRC at the shared port; fields are media_shared.c's */
    struct hf_map_node node;
    struct hf_media_leg *leg;
    uint32_t ssrc;
    bool listed;
};

struct hf_media_leg {
    struct hf_map_node by_token, by_channel;
    struct hf_list_node node; /* on media->legs */
    struct hf_deferred deferred;
    struct hf_media *media;
    uint64_t token;
    struct hf_tenant *tenant;
    char device[HF_MEDIA_PARTY_BYTES_MAX + 1], channel[HF_MEDIA_PARTY_BYTES_MAX + 1];
    uint8_t transport, family, kind;
    bool known;                 /* on media->legs_by_token */
    bool listed;                /* on media->channels: the newest of its channel and kind */
    struct hf_media_leg *older; /* of these, the one before it */
    bool shared;                /* at the shared port: it and its sockets are not the leg's */
    struct hf_media_name names[2];
    uint16_t port; /* 0 = none */
    struct hf_udp *rtp, *rtcp;
    struct hf_listener *listener;
    struct hf_stream *stream;
    struct hf_rtp_framer framer;
    uint8_t *partial; /* owns: of a frame that is not whole */
    uint32_t partial_bytes;
    union hf_address remote; /* of the answer */
    uint8_t tries;           /* connects so far */
    uint64_t connect_ms;     /* when the next one is due; 0 = none */
    uint64_t lost_ms;        /* the connection ended then; 0 = there is one, or never was */
    uint64_t opened_ms, answered_ms, heard_ms;
    uint64_t opened_us, first_packet_us; /* the latter from the former */
    bool heard, answered, silent_told, refused;
    uint32_t untold; /* bits: tells that found the mailbox full */
    hf_err untold_err;
    /* the stream */
    struct hf_media_source source;
    struct hf_rtp_receiver receiver;
    struct hf_media_kept kept[HF_RTP_WINDOW];
    uint64_t wait_ms;                     /* since when one waits */
    bool raw;                             /* no program stream: relayed, but not remuxed */
    bool assembles;                       /* the buffers are there */
    uint8_t *video_buffer, *audio_buffer; /* owns */
    struct hf_ps *ps;                     /* owns */
    uint32_t unit_timestamp;
    struct hf_media_gop gop;
    struct hf_media_unit *sound; /* a reference: the last one, whose parameters heads need */
    uint64_t first_unit_ms;
    bool has_video;
    /* reports */
    union hf_address rtcp_peer;
    uint32_t last_sr;
    uint64_t last_sr_us, report_ms;
    /* measured */
    uint64_t packets, bytes, bytes_before;
    uint64_t bits_per_s, measured_ms;
    uint64_t lost_before, duplicates_before, dropped_before; /* what the totals have of it */
    struct hf_list_node views;                               /* of struct hf_view.node */
    uint32_t view_count, unit_views /* of these, those that need units */;
    uint64_t unwatched_ms; /* since when nobody watches; 0 = somebody does, or it was told */
    struct hf_media_consumer consumers[HF_MEDIA_LEG_CONSUMERS_MAX];
    uint32_t consumer_count;
    struct hf_media_voice *voice; /* owns: of a talk; else NULL */
};

struct hf_media {
    struct hf_media_options options;
    union hf_address bind4, bind6; /* port 0 */
    struct hf_logger *logger;
    unsigned workers;
    struct hf_inbox *inbox;
    struct hf_mailbox *from[HF_WORKERS_MAX], *to[HF_WORKERS_MAX];
    struct hf_loop *loop;
    struct hf_thread thread;
    struct hf_timer sweep;
    struct hf_media_ports ports;
    struct hf_media_pool pool; /* of units, and of packets that wait */
    struct hf_map legs_by_token, channels;
    struct hf_list_node legs, waiting /* views without a leg */;
    struct hf_list_node partings; /* connections without a leg: at most options.legs_max */
    uint32_t leg_count, parting_count, ssrc;
    struct hf_udp_fan *egress4, *egress6;
    bool alarm_logged;
    _Atomic uint32_t views;
    struct hf_media_stats stats;
    pthread_mutex_t stats_mutex;
    struct hf_media_stats published;
    struct hf_media_snaps *snaps;   /* owns: media_snap.c */
    struct hf_media_shared *shared; /* owns; NULL: each leg has a port of its own */
};

struct hf_view {
    struct hf_media *media;
    unsigned worker;
    enum hf_view_form form;
    bool picture_in_head;
    uint8_t kind;
    char tenant[HF_MEDIA_TENANT_BYTES_MAX + 1], device[HF_MEDIA_PARTY_BYTES_MAX + 1],
        channel[HF_MEDIA_PARTY_BYTES_MAX + 1];
    void (*on_chunk)(struct hf_view *view, void *user, const struct hf_view_chunk *chunk);
    void *user;
    /* the worker's */
    bool asked;  /* a chunk is on its way: data and chunk are the thread's */
    bool closed; /* it left: freed when the thread has let go of it */
    /* the thread's */
    bool known; /* on one of its lists, with a queue */
    bool wants; /* a chunk is owed */
    bool told_absent, ended, left, relays;
    struct hf_list_node node; /* on leg->views or media->waiting */
    struct hf_media_leg *leg;
    struct hf_media_queue queue;
    struct hf_media_mux *mux;
    uint64_t begun_ms;
    uint64_t lost_before;
    union hf_address to; /* RTP */
    uint64_t reported_ms;
    hf_err err;
    bool snapping;
    struct hf_media_voice *voice; /* that takes its sound */
    uint8_t *sound;               /* owns */
    size_t sound_bytes, sound_taken;
    uint8_t sound_codec; /* enum hf_es_codec */
    bool sound_last;
    /* what travels */
    struct hf_view_chunk chunk;
    uint8_t *data; /* owns */
    size_t bytes, room;
};

/* What travels between workers and thread is a pointer with its kind in the low bits. ORDER: also a tell. VIEW: a wish for a chunk, and a chunk. LEFT: the watcher has left, and: the thread
 * has let go of it. CLOSE is no pointer but the leg's number within the worker: it needs no memory, so that a port always comes back. */
enum { HF_MEDIA_ORDER, HF_MEDIA_VIEW, HF_MEDIA_LEFT, HF_MEDIA_CLOSE, HF_MEDIA_TAG_BITS = 3 };
enum { HF_MEDIA_TOKEN_WORKER_SHIFT = 56, HF_MEDIA_CLOSE_SHIFT = 2 };
_Static_assert(sizeof(void *) == sizeof(uint64_t), "a close is a number in place of a pointer");

static inline void *hf_media_tag(void *message, unsigned bits)
{
    HF_ASSERT(((uintptr_t)message & HF_MEDIA_TAG_BITS) == 0);
    return (void *)((uintptr_t)message | bits);
}

static inline void *hf_media_untag(void *message, unsigned *ret_bits)
{
    *ret_bits = (uintptr_t)message & HF_MEDIA_TAG_BITS;
    return (void *)((uintptr_t)message & ~(uintptr_t)HF_MEDIA_TAG_BITS);
}

/* The number loses what its mailbox says anyway: the worker. */
static inline void *hf_media_close_of(uint64_t token)
{
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): it never becomes one again */
    return (void *)(uintptr_t)(token << HF_MEDIA_CLOSE_SHIFT | HF_MEDIA_CLOSE);
}

static inline uint64_t hf_media_closed_token(const void *message, unsigned worker)
{
    const uint64_t number_mask = (UINT64_C(1) << HF_MEDIA_TOKEN_WORKER_SHIFT) - 1;

    return ((uintptr_t)message >> HF_MEDIA_CLOSE_SHIFT & number_mask) | (uint64_t)worker
                                                                            << HF_MEDIA_TOKEN_WORKER_SHIFT;
}

/* media.c */
void hf_media_tell(struct hf_media_leg *leg, enum hf_gb_media_tell tell, hf_err err);
void hf_media_view_give(struct hf_view *view);   /* to its worker, with what there is */
void hf_media_view_let_go(struct hf_view *view); /* to be freed there */

/* media_leg.c */
void hf_media_leg_open(struct hf_media *media, struct hf_media_order *order); /* takes order->leg */
void hf_media_leg_answered(struct hf_media_leg *leg, const struct hf_media_order *order);
void hf_media_leg_close(struct hf_media_leg *leg);
void hf_media_leg_sweep(struct hf_media_leg *leg, uint64_t now_ms);
/* on: false when there is no room for one more. */
bool hf_media_leg_relay(struct hf_media_leg *leg, const union hf_address *to, bool on);
struct hf_media_leg *hf_media_leg_of(struct hf_media *media, uint64_t token);
/* The newest leg of a channel and kind, or NULL. */
struct hf_media_leg *hf_media_channel(struct hf_media *media, struct hf_slice tenant, struct hf_slice device,
                                      struct hf_slice channel, unsigned kind);
void hf_media_leg_unwatched(struct hf_media_leg *leg);
void hf_media_leg_rtcp(struct hf_media_leg *leg, const uint8_t *packets, size_t bytes); /* to the device */

bool hf_media_same_address(const union hf_address *a, const union hf_address *b);

/* There is place for one more connection: the one that is there, if any, has been silent, and is closed. False: it lives. */
bool hf_media_leg_makes_room(struct hf_media_leg *leg);
void hf_media_leg_connected(struct hf_media_leg *leg, struct hf_stream *stream); /* takes it */

/* media_shared.c. open: HF_OK without media.shared_port. */
hf_err hf_media_shared_open(struct hf_media *media);
void hf_media_shared_close(struct hf_media *media);
void hf_media_shared_sweep(struct hf_media *media);
bool hf_media_shared_wants(const struct hf_media_leg *leg);
hf_err hf_media_shared_join(
    struct hf_media_leg
        *leg); /* HF_ERR_EXISTS: another leg has its SSRC; HF_ERR_UNSUPPORTED: no such family */
void hf_media_shared_answered(struct hf_media_leg *leg);
void hf_media_shared_leave(struct hf_media_leg *leg);

/* media_part.c */
void hf_media_part(struct hf_media *media, struct hf_stream *stream); /* takes it: its leg is over */
void hf_media_parts_sweep(struct hf_media *media, uint64_t now_ms);
void hf_media_parts_end(struct hf_media *media); /* all, at once */

/* media_report.c: a line of JSON; to NULL: without a relay's numbers. */
enum { HF_MEDIA_REPORT_BYTES_MAX = 2048 };
size_t hf_media_report(const struct hf_media_leg *leg, const union hf_address *to,
                       char out_text[HF_MEDIA_REPORT_BYTES_MAX]);

/* media_input.c */
extern const struct hf_link_handler hf_media_link_handler;
void hf_media_link_ignore(
    struct hf_link
        *link); /* on_drained, on_blocked: what a connection does not take is asked for before each write */
void hf_media_take_packet(struct hf_media_leg *leg, const uint8_t *in, size_t bytes,
                          const union hf_address *peer);
void hf_media_take_reports(struct hf_media_leg *leg, struct hf_slice bytes, const union hf_address *peer);
void hf_media_on_rtp(struct hf_udp *udp, const struct hf_datagram *datagram);
void hf_media_on_rtcp(struct hf_udp *udp, const struct hf_datagram *datagram);
void hf_media_stream_reset(struct hf_media_leg *leg); /* another source: nothing can be continued */
void hf_media_give_up_gap(struct hf_media_leg *leg);
void hf_media_input_deinit(struct hf_media_leg *leg);
void hf_media_connection_ended(struct hf_media_leg *leg);

/* media_view.c */
void hf_media_view_asked(struct hf_view *view);
void hf_media_view_left(struct hf_view *view);
void hf_media_view_unit(struct hf_media_leg *leg, struct hf_media_unit *unit, bool has_video);
void hf_media_views_attach(struct hf_media_leg *leg); /* those that wait for it */
void hf_media_views_end(struct hf_media_leg *leg);    /* which has left the list of channels */
void hf_media_views_sweep(struct hf_media *media, uint64_t now_ms);
void hf_media_view_free(struct hf_view *view);
void hf_media_view_spoke(struct hf_view *view, const struct hf_media_leg *leg,
                         hf_err err); /* its sound was taken, or will not be */

/* media_voice.c: only of legs that have one, but for free and go. */
hf_err hf_media_voice_new(struct hf_media_leg *leg);
void hf_media_voice_free(struct hf_media_leg *leg);
void hf_media_voice_answered(struct hf_media_leg *leg, unsigned payload_type, struct hf_slice format);
void hf_media_voice_go(struct hf_media_leg *leg); /* there is a connection */
/* HF_ERR_EXISTS: somebody is speaking. Otherwise hf_media_view_spoke() follows, perhaps before it returns, unless the view leaves. */
hf_err hf_media_voice_speak(struct hf_media_leg *leg, struct hf_view *view);
void hf_media_voice_left(struct hf_view *view);
void hf_media_voice_sweep(struct hf_media_leg *leg);
void hf_media_voice_report(const struct hf_media_leg *leg, struct hf_json_out *out);

/* media_snap.c: a thread that decodes. */
hf_err hf_media_snaps_new(struct hf_media *media, struct hf_media_snaps **ret_snaps);
void hf_media_snaps_stop(struct hf_media_snaps *snaps);
void hf_media_snaps_free(struct hf_media_snaps *snaps);
/* HF_ERR_LIMIT: HF_MEDIA_SNAPS_MAX are under way. Otherwise hf_media_snap_done() is called on the media thread. */
hf_err hf_media_snap(struct hf_media_snaps *snaps, struct hf_view *view, const struct hf_media_unit *unit);
void hf_media_snap_done(struct hf_view *view, hf_err err, uint8_t *jpeg, size_t bytes); /* takes jpeg */
void hf_media_snap_arrived(void *message);

#endif
