/* bench/gb/camera_parts.h - private to the camera: what it asks (ask.c), what it answers with (job.c, bodies.c), whom it notifies (subscribe.c), who watches it
 * (call.c, play.c), who speaks to it (talk.c). */
#ifndef HF_BENCH_GB_CAMERA_PARTS_H
#define HF_BENCH_GB_CAMERA_PARTS_H

#include "base/sb.h"
#include "bench/gb/camera.h"
#include "codec/manscdp/gbid.h"
#include "codec/mansrtsp/mansrtsp.h"

enum {
    HF_CAM_TAG_BYTES = 17,
    HF_CAM_BRANCH_BYTES = 24,     /* z9hG4bK and 16 digits */
    HF_CAM_HEAD_BYTES_MAX = 4096, /* of what we write: everything but the body */
    HF_CAM_ARGUMENT_BYTES = 128,
    HF_CAM_SIP_BYTES_MAX = HF_CAM_BODY_BYTES_MAX + HF_CAM_HEAD_BYTES_MAX,
    HF_CAM_UDP_BYTES_MAX = 65507,
    HF_CAM_ZONE_MS = 8 * 3600 * 1000, /* Beijing */
};

/* ---- requests of ours: ask.c ---- */

enum hf_cam_purpose {
    HF_CAM_FOR_REGISTER,
    HF_CAM_FOR_KEEPALIVE,
    HF_CAM_FOR_PART,   /* number: of the job */
    HF_CAM_FOR_NOTIFY, /* number: enum hf_cdp_command */
    HF_CAM_FOR_BYE,
    HF_CAM_FOR_INVITE,
};

struct hf_cam_ask {
    struct hf_cam_ask *next;
    uint64_t branch, begun_us;
    uint64_t again_ms, until_ms; /* again_ms 0 = it is not repeated: a stream */
    uint32_t gap_ms, number, bytes;
    uint8_t method, purpose; /* enum hf_sip_method, enum hf_cam_purpose */
    bool proven;             /* REGISTER: with credentials */
    bool stale;              /* REGISTER: a second challenge was answered already */
    char text[];
};

/* Sends the text and waits for its answer, which is handed to the part whose purpose it is. False: a bound was met or no memory, nothing was sent. The
 * ask becomes *ret_ask (may be NULL). */
bool hf_cam_ask(struct hf_cam *cam, enum hf_cam_purpose purpose, uint32_t number, enum hf_sip_method method,
                uint64_t branch, struct hf_slice text, struct hf_cam_ask **ret_ask);
void hf_cam_asks_answer(struct hf_cam *cam, const struct hf_sip_msg *msg);
void hf_cam_asks_time(struct hf_cam *cam);             /* repeats and gives up what is due */
void hf_cam_asks_drop(struct hf_cam *cam);             /* all, without a word */
uint64_t hf_cam_asks_due_ms(const struct hf_cam *cam); /* UINT64_MAX = never */

/* The ends of asks; msg NULL: no answer. */
void hf_cam_register_end(struct hf_cam *cam, const struct hf_cam_ask *ask, const struct hf_sip_msg *msg);
void hf_cam_keepalive_end(struct hf_cam *cam, const struct hf_cam_ask *ask, const struct hf_sip_msg *msg);
void hf_cam_part_end(struct hf_cam *cam, const struct hf_cam_ask *ask, const struct hf_sip_msg *msg);
void hf_cam_notify_end(struct hf_cam *cam, const struct hf_cam_ask *ask, const struct hf_sip_msg *msg);

/* ---- writing: write.c ---- */

struct hf_cam_head {
    enum hf_sip_method method;
    uint64_t branch;
    uint32_t cseq;
    struct hf_slice uri;              /* absent: the platform */
    struct hf_slice from, to;         /* URIs; absent: this camera, the platform */
    struct hf_slice from_tag, to_tag; /* absent: a fresh one, none */
    struct hf_slice call_id;          /* absent: a fresh one */
};
/* Start line to User-Agent into world->sip; the caller goes on and ends with hf_cam_write_end. */
void hf_cam_write_head(struct hf_cam *cam, const struct hf_cam_head *head, struct hf_sb *sb);
/* The same for an answer. */
void hf_cam_write_reply(struct hf_cam *cam, const struct hf_sip_msg *request, unsigned status,
                        struct hf_sb *sb);
void hf_cam_write_contact(struct hf_cam *cam, struct hf_sb *sb);
/* False: it did not fit, or holds what may not be written. */
bool hf_cam_write_end(struct hf_sb *sb, struct hf_slice type, struct hf_slice body,
                      struct hf_slice *ret_text);

uint64_t hf_cam_fresh(struct hf_cam *cam); /* a number nobody had, for branches, tags and Call-IDs */
struct hf_slice hf_cam_hex(uint64_t number, char ret_text[HF_CAM_TAG_BYTES]);
void hf_cam_send(struct hf_cam *cam, struct hf_slice text); /* counted; to the peer, or lost */
/* The tag of ours in a dialog that the peer began: the same for the same Call-ID. */
struct hf_slice hf_cam_tag(const struct hf_cam *cam, struct hf_slice call_id,
                           char ret_text[HF_CAM_TAG_BYTES]);

/* ---- a body: message.c ---- */

/* Into world->body. False: it could not be built, which is a fault of ours or a bound. */
bool hf_cam_build(struct hf_cam *cam, const struct hf_cdp_message *message, struct hf_slice *ret_body);
/* A MESSAGE with that body to the platform. */
bool hf_cam_message(struct hf_cam *cam, const struct hf_cdp_message *message, enum hf_cam_purpose purpose,
                    uint32_t number);
/* again: this request came before; it is answered and nothing else. */
void hf_cam_serve_message(struct hf_cam *cam, const struct hf_sip_msg *msg, bool again);
void hf_cam_serve_subscribe(struct hf_cam *cam, const struct hf_sip_msg *msg, bool again);
void hf_cam_reply(struct hf_cam *cam, const struct hf_sip_msg *request, unsigned status); /* serve.c */
/* Where requests within the dialog of that request go: its Contact, or who it is from. */
struct hf_slice hf_cam_target(const struct hf_sip_msg *msg); /* serve.c */
uint32_t hf_cam_next_sn(struct hf_cam *cam);
bool hf_cam_is_channel(const struct hf_cam *cam,
                       struct hf_slice id); /* of it, or the device itself; bodies.c */

/* ---- answers: job.c ---- */

struct hf_cam_job {
    struct hf_cam_job *next;
    uint64_t begun_us, due_ms; /* due_ms: when the first part goes */
    uint64_t from_ms, to_ms;   /* RecordInfo: UTC */
    enum hf_cdp_command command;
    int64_t sn;
    uint32_t number, items, parts, sent, taken, argument_number;
    unsigned status; /* of the first part that was not taken */
    bool failed;
    char device_id[HF_CAM_ID_BYTES + 11]; /* as asked for */
    char argument[HF_CAM_ARGUMENT_BYTES]; /* ConfigType */
    uint16_t order[];                     /* of the parts */
};
/* Answers what was asked; false: no room, the request should be refused. */
bool hf_cam_job_begin(struct hf_cam *cam, const struct hf_cdp_message *query);
void hf_cam_jobs_time(struct hf_cam *cam);
void hf_cam_jobs_drop(struct hf_cam *cam);
uint64_t hf_cam_jobs_due_ms(const struct hf_cam *cam);

/* ---- bodies.c, info.c ---- */

enum { HF_CAM_ARENA_ITEM_BYTES = 256 }; /* for the texts of an item */
struct hf_cam_arena {                   /* texts and items of one body; freed with it */
    char *at;
    size_t bytes, bytes_max;
};
void *hf_cam_arena_take(struct hf_cam_arena *arena, size_t bytes); /* asserts that there is room */
struct hf_slice hf_cam_textf(struct hf_cam_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* How many items the list of this answer has; sets *ret_is_list, false: one message without a list. */
uint32_t hf_cam_items(const struct hf_cam *cam, const struct hf_cam_job *job, bool *ret_is_list,
                      size_t *ret_item_bytes);
/* The answer with items [first, first + count). Texts and items lie in the arena. */
void hf_cam_fill(struct hf_cam *cam, const struct hf_cam_job *job, uint32_t first, uint32_t count,
                 struct hf_cam_arena *arena, struct hf_cdp_message *message);
/* The channel with that index, as an item of the catalogue. */
void hf_cam_fill_channel(const struct hf_cam *cam, uint32_t index, struct hf_cam_arena *arena,
                         struct hf_cdp_catalog_item *item);
void hf_cam_fill_info(struct hf_cam *cam, const struct hf_cam_job *job, struct hf_cam_arena *arena,
                      struct hf_cdp_message *message);
void hf_cam_fill_position(struct hf_cam *cam, struct hf_cam_arena *arena, struct hf_cdp_message *message);

/* ---- control.c ---- */
void hf_cam_obey(struct hf_cam *cam, const struct hf_cdp_message *order);

/* ---- subscribe.c ---- */
void hf_cam_subscriptions_time(struct hf_cam *cam);
void hf_cam_subscriptions_drop(struct hf_cam *cam);
void hf_cam_subscription_drop(struct hf_cam *cam, struct hf_slice call_id); /* harmless when there is none */
/* Sends the body as NOTIFY to each subscriber of that; false: there is none. */
bool hf_cam_notify(struct hf_cam *cam, enum hf_cdp_command what, const struct hf_cdp_message *message);

/* ---- media sessions: call.c ---- */

enum hf_cam_call_state {
    HF_CAM_CALL_SLOW,     /* INVITE had its 100 */
    HF_CAM_CALL_ANSWERED, /* 200, repeated until ACK */
    HF_CAM_CALL_REFUSED,  /* 487, repeated until ACK */
    HF_CAM_CALL_PLAYS,
    HF_CAM_CALL_PLAYED, /* the end was told; the platform's BYE is due */
};

struct hf_cam_call {
    struct hf_cam_call *next;
    void *media;
    uint64_t asked_us;
    uint64_t again_ms, until_ms; /* 0 = no repeat, no end */
    uint32_t gap_ms, invite_cseq, cseq /* ours */, deaf_cseq /* of a BYE that is not answered */;
    uint8_t state; /* enum hf_cam_call_state */
    uint8_t payload_type;
    bool tcp, once /* not from the beginning again */, paused;
    uint16_t port, sequence;
    uint32_t ssrc, clock; /* RTP's time at time 0 */
    /* The reel's time `from_time` is due at from_us, everything else as far from it as it says, divided by speed. */
    uint64_t from_us, from_time, base /* of the round */, stop_time;
    double speed;
    uint32_t unit;                                                /* the next one */
    uint32_t packets;                                             /* sent */
    struct hf_slice call_id, target, from, from_tag, to, channel; /* in text */
    size_t bytes;
    char text[]; /* the INVITE */
};

void hf_cam_serve_invite(struct hf_cam *cam, const struct hf_sip_msg *msg, bool again);
void hf_cam_serve_ack(struct hf_cam *cam, const struct hf_sip_msg *msg);
void hf_cam_serve_in_call(struct hf_cam *cam, const struct hf_sip_msg *msg,
                          bool again); /* BYE, CANCEL, INFO */
void hf_cam_bye_end(struct hf_cam *cam, const struct hf_cam_ask *ask, const struct hf_sip_msg *msg);
void hf_cam_calls_time(struct hf_cam *cam);
void hf_cam_calls_drop(struct hf_cam *cam); /* all, without a word */
uint64_t hf_cam_calls_due_ms(const struct hf_cam *cam);

/* ---- who speaks to it: talk.c ---- */

void hf_cam_talk_begin(struct hf_cam *cam, const struct hf_cdp_broadcast *asked); /* calls the source, soon */
void hf_cam_talk_end(struct hf_cam *cam, const char *why); /* BYE; harmless without one */
void hf_cam_talk_drop(struct hf_cam *cam);                 /* without a word */
void hf_cam_talk_time(struct hf_cam *cam);
uint64_t hf_cam_talk_due_ms(const struct hf_cam *cam);
void hf_cam_invite_end(struct hf_cam *cam, const struct hf_cam_ask *ask, const struct hf_sip_msg *msg);
/* True: the message was of that call: an answer to its INVITE that came again, a request within it. */
bool hf_cam_talk_answer(struct hf_cam *cam, const struct hf_sip_msg *msg);
bool hf_cam_talk_serve(struct hf_cam *cam, const struct hf_sip_msg *msg);

/* ---- what a call sends: play.c ---- */

void hf_cam_play_begin(struct hf_cam *cam, struct hf_cam_call *call);
uint64_t hf_cam_play_due_us(const struct hf_cam *cam,
                            const struct hf_cam_call *call); /* UINT64_MAX = never */
/* Sends what is due. HF_ERR_NOT_FOUND: that was all; HF_ERR_IO: the connection is lost. */
hf_err hf_cam_play(struct hf_cam *cam, struct hf_cam_call *call);
/* An order of MANSRTSP. Its status. */
unsigned hf_cam_play_steer(struct hf_cam *cam, struct hf_cam_call *call, const struct hf_mansrtsp *order);

/* ---- camera.c ---- */

static inline uint64_t hf_cam_now_ms(const struct hf_cam *cam)
{
    return cam->world->now_us / 1000;
}
static inline uint64_t hf_cam_utc_ms(const struct hf_cam *cam)
{
    return cam->world->utc_base_ms + hf_cam_now_ms(cam) + (cam->took_date ? HF_CAM_ZONE_MS : 0);
}
static inline bool hf_cam_has(const struct hf_cam *cam, uint64_t quirk)
{
    return (cam->quirks & quirk) != 0;
}
static inline bool hf_cam_is_2022(const struct hf_cam *cam)
{
    return cam->world->profile->edition == HF_CDP_2022 || hf_cam_has(cam, HF_CAM_QUIRK(EDITION));
}
static inline struct hf_slice hf_cam_id(const struct hf_cam *cam)
{
    return hf_slice_of(cam->id);
}
static inline bool hf_cam_is_stream(const struct hf_cam *cam)
{
    return cam->world->profile->transport != HF_SIP_UDP;
}
static inline uint32_t hf_cam_or(uint32_t value, uint32_t otherwise)
{
    return value != 0 ? value : otherwise;
}
void hf_cam_tell(struct hf_cam *cam, const struct hf_cam_event *event);
void hf_cam_arm(struct hf_cam *cam); /* the timer, for what is due next */
void hf_cam_register(struct hf_cam *cam, const struct hf_sip_challenge *challenge, bool stale);
void hf_cam_lost(struct hf_cam *cam,
                 unsigned status); /* the platform does not know it any more, or does not answer */

#endif
