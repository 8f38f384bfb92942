/* bench/gb/camera.h - one simulated camera or recorder of GB/T 28181-2016 or -2022: it registers with digest, refreshes, says that it lives, answers every query and order of
 * the standard with typed bodies, takes subscriptions and notifies. Messages and the time come in, messages and a line of what happened go out; no system call. `holdfast
 * gb-device` is one of them, `holdfast bench gb` many.
 *
 *   offline -> registering <-> registered -> leaving -> offline        hf_cam_start, hf_cam_stop
 *
 * It shares the codecs with the gateway, and nothing else: transactions here are its own (ask.c, serve.c), so that a fault of the gateway's layer is not met by the same fault.
 * What it asks is repeated over UDP as RFC 3261 17.1.2 says; a request that comes twice is answered twice and done once. At rest a camera is its struct and no
 * other memory.
 * Sources: GB/T 28181-2016 and -2022 9.1, 9.3, 9.5, 9.6, 9.11, annex A; RFC 3261 8, 10, 17; RFC 2617, RFC 7616; RFC 6665. */
#ifndef HF_BENCH_GB_CAMERA_H
#define HF_BENCH_GB_CAMERA_H

#include "base/rng.h"
#include "base/wheel.h"
#include "bench/gb/quirk.h"
#include "bench/gb/reel.h"
#include "codec/manscdp/manscdp.h"
#include "codec/sip/digest.h"

enum {
    HF_CAM_ID_BYTES = 21,
    HF_CAM_HOST_BYTES = 46,
    HF_CAM_BODY_BYTES_MAX = 8 << 20, /* of one message: a catalogue of 10,000 in one piece over TCP */
    HF_CAM_CHANNELS_MAX = 10000,
    HF_CAM_RECORDS_MAX = 10000, /* of one answer to RecordInfo */
    HF_CAM_PART_ITEMS_MAX = 10000,
    HF_CAM_PARTS_AHEAD_MAX = 64, /* parts of one answer under way at once */
    HF_CAM_ASKS_MAX = 128,       /* requests of ours without an answer; more are not sent */
    HF_CAM_JOBS_MAX = 16,        /* answers under way; the platform's further queries are refused with 503 */
    HF_CAM_SUBSCRIPTIONS_MAX = 8,
    HF_CAM_SEEN = 8, /* requests remembered, so that repeats are told from new ones */
    HF_CAM_PRESETS = 8,
    HF_CAM_CALLS_MAX = 16,            /* media sessions at once; a further INVITE gets 486 */
    HF_CAM_MEDIA_PACKET_BYTES = 1400, /* RTP with its head */
    HF_CAM_MEDIA_LATE_MS_MAX =
        1000,                    /* a stream that is later than that goes on from now, without catching up */
    HF_CAM_MEDIA_SPEED_MAX = 16, /* of a download or a playback; more is cut */
    HF_CAM_T1_MS = 500,
    HF_CAM_T2_MS = 4000,
    HF_CAM_TIMER_F_MS = 32000,
    HF_CAM_RETRY_MS = 60000, /* after a failed registration: the standard's least */
    HF_CAM_EXPIRES_MIN_S = 5,
};

/* What such a device is and how it behaves; one for many cameras. Texts are borrowed. */
struct hf_cam_profile {
    struct hf_slice server_id, realm; /* of the platform: "34020000002000000001", "3402000000" */
    struct hf_slice password;         /* absent: registers without credentials only */
    struct hf_slice user_agent, manufacturer, model, firmware; /* absent = Holdfast's own */
    enum hf_sip_transport transport;                           /* HF_SIP_UDP, HF_SIP_TCP */
    enum hf_cdp_edition edition;                               /* 0 = 2016 */
    enum hf_text_charset charset;                              /* HF_TEXT_AUTO = of the edition */
    uint32_t expires_s;                                        /* 0 = 3600 */
    uint32_t keepalive_ms, keepalive_count;                    /* 0 = 60,000 and 3 */
    uint32_t retry_ms;   /* after a failed registration; 0 = HF_CAM_RETRY_MS */
    uint32_t channels;   /* 0 = 1 */
    uint32_t part_items; /* of a list in one message; 0 = 2 over UDP, 50 over TCP */
    uint32_t
        parts_ahead; /* parts sent without waiting for the SIP answer to the one before; 0 = 1: one after the other */
    bool parts_shuffled;            /* in any order */
    uint32_t slow_ms;               /* between a query and its answer */
    bool silent;                    /* answers no request of the platform, not even in SIP */
    bool mute;                      /* says 200 to orders and never sends their Result */
    bool steady;                    /* a refused keepalive does not make it register again */
    bool hears_tcp;                 /* broadcasts: over a TCP connection that it makes, instead of UDP */
    const struct hf_cam_reel *reel; /* what every channel shows. NULL: INVITE gets 488 */
};

enum hf_cam_state { HF_CAM_OFFLINE, HF_CAM_REGISTERING, HF_CAM_REGISTERED, HF_CAM_LEAVING };

/* Columns: identifier, word, what is set beside it. */
#define HF_CAM_TELL_MAP(X)                                                                                   \
    X(HF_CAM_TELL_REGISTERED, "registered") /* ms: since the first REGISTER; number: s granted */            \
    X(HF_CAM_TELL_REFRESHED, "refreshed")   /* the same */                                                   \
    X(HF_CAM_TELL_REFUSED, "refused")       /* REGISTER: status, text; 0: no answer */                       \
    X(HF_CAM_TELL_LEFT, "left")             /* unregistered: status */                                       \
    X(HF_CAM_TELL_GONE, "gone")             /* the platform answers no keepalive, or refuses them: status */ \
    X(HF_CAM_TELL_ALIVE, "alive")           /* keepalive answered: status, us */                             \
    X(HF_CAM_TELL_MISSED, "missed")         /* keepalive not answered */                                     \
    X(HF_CAM_TELL_ASKED, "asked")           /* a query: body */                                              \
    X(HF_CAM_TELL_ORDERED, "ordered")       /* control, configuration, broadcast: body */                    \
    X(HF_CAM_TELL_HEARD, "heard")           /* any other body: answers to alarms */                          \
    X(HF_CAM_TELL_ANSWERED, "answered")     /* every part was taken: text, number of parts, us */            \
    X(HF_CAM_TELL_UNANSWERED, "unanswered") /* a part was not: text, status */                               \
    X(HF_CAM_TELL_SUBSCRIBED, "subscribed") /* text: what; number: s */                                      \
    X(HF_CAM_TELL_UNSUBSCRIBED, "unsubscribed") /* text: what */                                             \
    X(HF_CAM_TELL_NOTIFIED, "notified")         /* text; a notify or alarm was taken: status */              \
    X(HF_CAM_TELL_UNNOTIFIED, "unnotified")     /* text, status */                                           \
    X(HF_CAM_TELL_CALLED, "called")             /* INVITE: text: what, how and where to */                   \
    X(HF_CAM_TELL_UNCALLED, "uncalled")         /* INVITE was refused: status, text */                       \
    X(HF_CAM_TELL_PLAYING, "playing")           /* ACK came: text: channel; us since INVITE */               \
    X(HF_CAM_TELL_HUNG_UP, "hung_up")           /* text: why; number: RTP packets */                         \
    X(HF_CAM_TELL_LISTENING, "listening")       /* its INVITE was answered: text; us since INVITE */         \
    X(HF_CAM_TELL_UNHEARD, "unheard")           /* or not, or refused: status, text */                       \
    X(HF_CAM_TELL_LISTENED, "listened")         /* that is over: text: why, bytes; number: RTP packets */    \
    X(HF_CAM_TELL_BAD, "bad")                   /* came and cannot be read: text */
#define HF_CAM_TELL_ENUM(id, word) id,
enum hf_cam_tell { HF_CAM_TELL_MAP(HF_CAM_TELL_ENUM) HF_CAM_TELLS };
#undef HF_CAM_TELL_ENUM
const char *hf_cam_tell_word(enum hf_cam_tell tell);

struct hf_cam;

struct hf_cam_event {
    enum hf_cam_tell tell;
    unsigned status; /* SIP; 0 = there was no answer */
    uint64_t us;     /* from our first request to its answer */
    uint32_t number;
    struct hf_slice text;
    const struct hf_cdp_message *body; /* ASKED, ORDERED, HEARD */
};

struct hf_cam_ops {
    /* Sends one message; false: not now (the connection is down, the socket is full): counts as lost. Must not call the camera. */
    bool (*send)(void *context, struct hf_cam *cam, struct hf_slice bytes);
    void (*on_event)(void *context, struct hf_cam *cam,
                     const struct hf_cam_event *event); /* must not call the camera */
    /* Media, none of which may call the camera; all NULL: INVITE gets 488, and it calls nobody. Opens a way to an address for RTP over UDP, or framed by RFC 4571 over a TCP connection that is begun now;
     * host absent: a port to which anybody may send. *ret_port: ours. NULL: not possible. What comes by it goes to hf_cam_media_came(). */
    void *(*media_open)(void *context, struct hf_cam *cam, bool tcp, struct hf_slice host, uint16_t port,
                        uint16_t *ret_port);
    /* One RTP packet. HF_ERR_BUSY: it is lost; HF_ERR_IO: the connection is, for good. */
    hf_err (*media_send)(void *context, void *media, const uint8_t *packet, size_t bytes);
    void (*media_close)(void *context, void *media);
    void (*sound)(void *context, struct hf_cam *cam,
                  struct hf_slice bytes); /* G.711 A-law that it hears; may be NULL */
};

#define HF_CAM_STATS_MAP(X)                                                 \
    X(sent, "messages sent, repeats included")                              \
    X(received, "messages that came")                                       \
    X(repeats_sent, "requests of ours sent again")                          \
    X(repeats_came, "requests that came again")                             \
    X(strays, "answers that nobody waited for")                             \
    X(malformed, "messages that could not be read")                         \
    X(registers, "REGISTERs sent, without repeats")                         \
    X(challenged, "401")                                                    \
    X(registered, "registrations")                                          \
    X(refreshed, "refreshes")                                               \
    X(refused, "REGISTERs refused or not answered")                         \
    X(left, "unregistered")                                                 \
    X(keepalives, "keepalives sent")                                        \
    X(alive, "keepalives answered with 2xx")                                \
    X(missed, "keepalives without an answer")                               \
    X(strange, "keepalives refused: the platform does not know the device") \
    X(gone, "times that a device took the platform for dead")               \
    X(queries, "queries")                                                   \
    X(orders, "orders")                                                     \
    X(parts, "answers sent, each part of a list")                           \
    X(answered, "queries and orders answered whole")                        \
    X(unanswered, "of which a part was not taken")                          \
    X(notifies, "notifies sent")                                            \
    X(calls, "INVITEs answered with 200")                                   \
    X(calls_refused, "INVITEs refused")                                     \
    X(calls_over, "calls that ended, whoever ended them")                   \
    X(media_packets, "RTP packets sent")                                    \
    X(media_bytes, "of these packets")                                      \
    X(media_lost, "RTP packets that the socket did not take")               \
    X(talks, "INVITEs of ours that were answered")                          \
    X(talks_refused, "INVITEs of ours that were refused or not answered")   \
    X(talks_over, "calls of ours that ended, whoever ended them")           \
    X(sound_packets, "RTP packets heard")                                   \
    X(not_sent, "messages that the socket did not take, or above a bound")
struct hf_cam_stats {
#define HF_CAM_STATS_MEMBER(member, text) uint64_t member;
    HF_CAM_STATS_MAP(HF_CAM_STATS_MEMBER)
#undef HF_CAM_STATS_MEMBER
};

/* What the cameras of one thread share. Its owner sets now_us before each call of a camera and each run of the wheel. */
struct hf_cam_world {
    const struct hf_cam_ops *ops; /* these seven: borrowed, set by the owner */
    void *context;
    const struct hf_cam_profile *profile;
    struct hf_wheel *wheel;
    struct hf_sip_hasher *hasher;
    const struct hf_text_conv *conv;
    uint64_t utc_base_ms; /* UTC minus monotonic time */
    uint64_t now_us;      /* monotonic */
    struct hf_rng rng;    /* seeded by the owner */
    struct hf_cam_stats stats;
    char *sip, *body, *scratch, *odd; /* owns: hf_cam_world_init */
};

/* HF_ERR_NOMEM. Fields above are the owner's to fill, before or after. */
hf_err hf_cam_world_init(struct hf_cam_world *world);
void hf_cam_world_deinit(struct hf_cam_world *world);

struct hf_cam_ask; /* camera_parts.h, these four */
struct hf_cam_call;
struct hf_cam_job;
struct hf_cam_subscription;
struct hf_cam_talk; /* talk.c */

struct hf_cam { /* fields are the camera's; embedded in its owner, who cannot move it once it was started */
    struct hf_cam_world *world;
    struct hf_timer timer;
    struct hf_cam_ask *asks;                       /* owns: requests of ours without a final answer */
    struct hf_cam_job *jobs;                       /* owns: answers under way */
    struct hf_cam_subscription *subscriptions;     /* owns */
    struct hf_cam_call *calls;                     /* owns */
    struct hf_cam_talk *talk;                      /* owns: the call in which it is spoken to; NULL: none */
    uint64_t call_id;                              /* of the registration; number behind the text */
    uint64_t begun_us;                             /* of this try to register */
    uint64_t register_ms, keepalive_ms, notify_ms; /* when next; 0 = never */
    uint64_t seen[HF_CAM_SEEN];                    /* hashes of the last requests that came */
    uint64_t quirks;                               /* that it shows */
    uint32_t cseq, sn, keepalive_every_ms;
    int16_t pan, tilt, zoom; /* tenths of degrees; zoom in tenths */
    uint16_t presets;        /* bits */
    uint16_t port;           /* of ours, for Via and Contact */
    uint8_t state;           /* enum hf_cam_state */
    uint8_t missed, seen_at;
    bool guard, recording, alarm, fault, took_date;
    char id[HF_CAM_ID_BYTES], host[HF_CAM_HOST_BYTES - 6]; /* IPv6 has 39 characters */
};

/* id: 20 digits (asserted); host: our address without brackets. Nothing is sent. */
void hf_cam_init(struct hf_cam *cam, struct hf_cam_world *world, const char *id);
void hf_cam_deinit(struct hf_cam *cam); /* forgets everything without a word */
void hf_cam_set_address(struct hf_cam *cam, const char *host, uint16_t port);

/* A set of HF_CAM_QUIRK(); before it is started. */
void hf_cam_set_quirks(struct hf_cam *cam, uint64_t quirks);
/* The id of its channel with that index, below profile->channels. */
void hf_cam_channel_id(const struct hf_cam *cam, uint32_t index, char ret_id[HF_CAM_ID_BYTES]);

/* Registers now (streams: call when it is connected), and again whenever it must. Harmless when it is at it already. */
void hf_cam_start(struct hf_cam *cam);
/* Registers once more now, although there is no need: REFRESHED or REFUSED follows. False: it is not registered, or at it. */
bool hf_cam_refresh(struct hf_cam *cam);
/* BYE to every call, REGISTER with Expires 0; LEFT follows, or REFUSED. When it is not registered it is offline at once and LEFT is told at once. */
void hf_cam_stop(struct hf_cam *cam);
/* The connection was lost: what is open on it is given up; nothing is sent until hf_cam_start. */
void hf_cam_disconnected(struct hf_cam *cam);

/* One datagram, or one message that the framer cut out of a stream. */
void hf_cam_receive(struct hf_cam *cam, struct hf_slice bytes);
/* One packet that came by what media_open gave; not from within an op. */
void hf_cam_media_came(struct hf_cam *cam, void *media, struct hf_slice packet);

/* On its own account; nothing happens unless it is registered. */
void hf_cam_keepalive(struct hf_cam *cam); /* now; the next one an interval later */
void hf_cam_alarm(struct hf_cam *cam, unsigned priority, unsigned method, struct hf_slice description);
void hf_cam_hang_up(struct hf_cam *cam);  /* BYE to every call */
void hf_cam_position(struct hf_cam *cam); /* to subscribers; a MESSAGE when there is none */
/* A fault begins or ends: keepalive with Status at once, and a catalogue notify to subscribers. */
void hf_cam_fault(struct hf_cam *cam, bool fault);

#endif
