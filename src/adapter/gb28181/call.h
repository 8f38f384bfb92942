/* adapter/gb28181/call.h - private to the folder: media sessions as signalling. When a session rings, stands and ends is core/gb/call.h; here is what is said meanwhile.
 *
 *   call.c          the sessions of a site: made, found, stepped, ended, freed
 *   call_watch.c    their timers, what the relay tells, the audit (GB-17)
 *   call_point.c    media points and their SSRCs
 *   call_args.c     from an application's JSON to what it asks
 *   call_command.c  Play, Stop and their kin: commands that become sessions or are about them
 *   call_result.c   what comes of such commands
 *   call_invite.c   our INVITE, its answers, ACK, CANCEL
 *   call_dialog.c   BYE of both sides, what else the device says within a session
 *   call_bye.c      our BYE, until the device has heard it
 *   call_control.c  Pause, Resume, Speed, Seek: MANSRTSP in INFO
 *   call_talk.c     Broadcast: the device calls us
 *   call_text.c     results, events
 *   call_keep.c     whether those whose media we do not see still stand
 *   call_record.c   what stands is written down
 *   call_restore.c  and taken up again, or ended, after a restart
 *
 * A session belongs to its device and ends with it, at the latest. Whatever it holds (SSRC, media leg, dialog, transaction) goes back in hf_gb_call_end() and
 * free_if_over(). Commands that wait for it keep it (pins) until their result is told, which is always done from a timer: the hub takes no result while it hands
 * over a command, and a result may end the device. Sources: GB/T 28181-2022 9.2, 9.8, 9.9, 9.12, annexes B, G; RFC 3261 9, 13, 14, 15; RFC 4028; GB-3, GB-11, GB-12, GB-14, GB-17, GB-22. */
#ifndef HF_ADAPTER_GB28181_CALL_H
#define HF_ADAPTER_GB28181_CALL_H

#include <stdio.h>

#include "adapter/gb28181/gb.h"
#include "codec/json/out.h"
#include "codec/mansrtsp/mansrtsp.h"
#include "codec/sdp/sdp.h"
#include "core/gb/call.h"
#include "core/gb/ssrc.h"
#include "core/sip/dialog.h"

enum {
    HF_GB_CALL_ID_TEXT = 17, /* 16 digits and NUL */
    HF_GB_CALL_USERS_MAX = 1000000,
    HF_GB_CALL_SDP_BYTES_MAX = 2048, /* of ours */
    HF_GB_CALL_NO_STREAM = 255,
    HF_GB_BYE_TRIES_MAX = 5,    /* of which each is repeated for 32 s over UDP */
    HF_GB_BYE_AGAIN_MS = 30000, /* after the first; doubles */
};

enum hf_gb_call_kind {
    HF_GB_CALL_PLAY,
    HF_GB_CALL_PLAYBACK,
    HF_GB_CALL_DOWNLOAD,
    HF_GB_CALL_TALK,
    HF_GB_CALL_KINDS
};
const char *hf_gb_call_kind_name(unsigned kind); /* "playback" */

/* The one reason why a session ended. Columns: identifier, name in results and events, who ended it, the counter. */
#define HF_GB_CALL_END_MAP(X)                                                \
    X(HF_GB_CALL_END_NONE, "none", "us", calls_failed)                       \
    X(HF_GB_CALL_END_STOPPED, "stopped", "us", calls_by_us)                  \
    X(HF_GB_CALL_END_UNWATCHED, "unwatched", "us", calls_by_us)              \
    X(HF_GB_CALL_END_UNCLAIMED, "unclaimed", "us", calls_by_us)              \
    X(HF_GB_CALL_END_DRAIN, "drain", "us", calls_by_us)                      \
    X(HF_GB_CALL_END_PAUSED, "paused_too_long", "us", calls_by_us)           \
    X(HF_GB_CALL_END_BYE, "bye", "device", calls_by_device)                  \
    X(HF_GB_CALL_END_CANCELED, "canceled", "device", calls_by_device)        \
    X(HF_GB_CALL_END_REFUSED, "refused", "device", calls_refused)            \
    X(HF_GB_CALL_END_NO_ANSWER, "no_answer", "us", calls_unanswered)         \
    X(HF_GB_CALL_END_BAD_ANSWER, "bad_answer", "us", calls_bad_answer)       \
    X(HF_GB_CALL_END_NO_MEDIA, "no_media", "media", calls_no_media)          \
    X(HF_GB_CALL_END_SILENT, "media_silent", "media", calls_no_media)        \
    X(HF_GB_CALL_END_MEDIA_ENDED, "media_ended", "media", calls_no_media)    \
    X(HF_GB_CALL_END_MEDIA_REFUSED, "media_refused", "media", calls_failed)  \
    X(HF_GB_CALL_END_OF_FILE, "end_of_file", "device", calls_at_end)         \
    X(HF_GB_CALL_END_PLAYED, "played", "us", calls_at_end)                   \
    X(HF_GB_CALL_END_EXPIRED, "session_expired", "device", calls_lost)       \
    X(HF_GB_CALL_END_FORGOTTEN, "forgotten", "device", calls_lost)           \
    X(HF_GB_CALL_END_DEVICE_OFFLINE, "device_offline", "device", calls_lost) \
    X(HF_GB_CALL_END_DEVICE_MOVED, "device_moved", "device", calls_lost)     \
    X(HF_GB_CALL_END_RESTARTED, "gateway_restarted", "us", calls_by_us)      \
    X(HF_GB_CALL_END_FLOW, "flow_failed", "us", calls_failed)                \
    X(HF_GB_CALL_END_NO_MEMORY, "memory_limit", "us", calls_failed)          \
    X(HF_GB_CALL_END_RECLAIMED, "reclaimed", "us", calls_failed)
#define HF_GB_CALL_END_ENUM(id, name, by, counter) id,
enum hf_gb_call_end { HF_GB_CALL_END_MAP(HF_GB_CALL_END_ENUM) HF_GB_CALL_ENDS };
#undef HF_GB_CALL_END_ENUM
const char *hf_gb_call_end_name(unsigned end);
const char *hf_gb_call_end_by(unsigned end);

/* What was forgiven of a device's SDP, beside what codec/sdp counts. */
#define HF_GB_CALL_TOLERANCE_MAP(X)                                                         \
    X(NO_SDP, "no_sdp")                   /* a 2xx without one that can be read */          \
    X(NO_MEDIA, "no_media")               /* no m= */                                       \
    X(PORT_0, "port_0")                   /* which refuses, by RFC 3264 */                  \
    X(NO_ADDRESS, "no_address")           /* no c= nor o=: where it speaks from */          \
    X(NO_SSRC, "no_ssrc")                 /* no y= */                                       \
    X(OTHER_SSRC, "other_ssrc")           /* not the one that was asked for */              \
    X(NO_FORMAT, "no_format")             /* no payload type that anything is known of */   \
    X(OTHER_TRANSPORT, "other_transport") /* UDP where TCP was asked for, or the reverse */ \
    X(SAME_SETUP, "same_setup")           /* it waits for us to connect, as we do for it; or the reverse */
#define HF_GB_CALL_TOLERANCE_ENUM(id, name) HF_GB_CALL_TOL_##id,
enum { HF_GB_CALL_TOLERANCE_MAP(HF_GB_CALL_TOLERANCE_ENUM) HF_GB_CALL_TOLERANCES };
#undef HF_GB_CALL_TOLERANCE_ENUM

struct hf_gb_point {              /* a media server, or the relay (no host) */
    struct hf_list_node node;     /* site->points */
    struct hf_gb_ssrc_pool *pool; /* owns */
    uint64_t alarms;              /* as counted */
    bool alarm;                   /* as told */
    uint8_t host_bytes;
    char host[HF_SIP_FLOW_HOST_MAX];
};

struct hf_gb_call {
    struct hf_gb_user user;   /* first: of the INVITE, ours or theirs */
    struct hf_gb_user keeper; /* call_keep.c, as these two: */
    struct hf_sip_tx *keeping;
    uint64_t keep_ms;         /* when it is asked next; 0 = not settled yet */
    struct hf_list_node node; /* device->calls */
    struct hf_list_node talk; /* site->talks, of a broadcast until it is over */
    struct hf_map_node by_id; /* site->calls */
    struct hf_timer timer;    /* what is due next */
    struct hf_gb_device *device;
    struct hf_gb_point *point; /* borrows; NULL: its SSRC is of no pool */
    struct hf_sip_tx *invite;  /* while events of it may come */
    struct hf_sip_dialog dialog;
    hf_gb_call_word state;
    struct hf_gb_call_times times;
    uint64_t token, id; /* of media.h; and what it is called everywhere else */
    uint64_t orphaned_ms;
    uint64_t from_s, until_s; /* of a history */
    uint64_t file_bytes;      /* as the device says; 0 = it does not */
    uint32_t ssrc;            /* as asked for */
    uint32_t answer_ssrc;     /* as answered; 0 = it was not said */
    uint32_t users;           /* those who asked for it and have not stopped it */
    uint32_t pins;            /* commands that look at it */
    uint32_t info_cseq;
    uint32_t tolerated;       /* bits 1 << HF_GB_CALL_TOL_* */
    uint32_t refresh_s;       /* RFC 4028: the device keeps the session alive; 0 = it does not */
    uint16_t port, from_port; /* where media goes to, and where the device sends from */
    uint16_t status;          /* of a refusal */
    uint8_t kind, transport, stream, type, speed;
    uint8_t max_forwards; /* of the INVITE that this one follows from, less one; 0 = it begins here */
    uint8_t end;          /* enum hf_gb_call_end */
    uint8_t due;          /* enum hf_gb_call_due: the timer that ended it */
    uint8_t sip_timer;    /* or enum hf_sip_timer */
    hf_err err;           /* or what the flow or the relay said */
    uint8_t payload_type, setup, video_codec, audio_codec;
    bool recorded;         /* call_record.c: the log says that it stands */
    bool until_unwatched;  /* it was asked for to be watched, through the relay */
    bool relayed;          /* the relay's leg is open, until the end */
    bool through_us;       /* media goes, or went, through the relay */
    bool asked;            /* the INVITE is out; incoming: has come */
    bool answered;         /* incoming: our 2xx is out */
    bool heard;            /* our INVITE was answered, if only by a 1xx */
    bool incoming, events; /* events: that it began was told */
    uint8_t channel_bytes, source_bytes, format_bytes, text_bytes;
    char host[HF_SIP_FLOW_HOST_MAX], from_host[HF_SIP_FLOW_HOST_MAX];
    char channel[HF_GBID_DIGITS], source[HF_GBID_DIGITS];
    char format[16];
    char text[HF_GB_REFUSAL_BYTES_MAX]; /* of a refusal; or what was wrong with an answer */
};

struct hf_gb_bye {          /* fields are call_bye.c's */
    struct hf_gb_user user; /* first */
    struct hf_gb_bye *next; /* of device->byes */
    struct hf_gb_device *device;
    struct hf_sip_tx *tx; /* NULL: none is under way, and the timer is armed */
    struct hf_timer timer;
    struct hf_sip_dialog dialog;
    uint64_t call;
    bool recorded; /* the table has a row of it */
    bool owed;     /* one was not answered: the row says so */
    uint8_t tries, kind, channel_bytes, source_bytes;
    char channel[HF_GBID_DIGITS], source[HF_GBID_DIGITS];
};

/* ---- what an application asks ---- */

enum hf_gb_call_verb {
    HF_GB_CALL_VERB_PLAY, /* the first four are kinds of calls */
    HF_GB_CALL_VERB_PLAYBACK,
    HF_GB_CALL_VERB_DOWNLOAD,
    HF_GB_CALL_VERB_TALK,
    HF_GB_CALL_VERB_STOP,
    HF_GB_CALL_VERB_PAUSE,
    HF_GB_CALL_VERB_RESUME,
    HF_GB_CALL_VERB_SPEED,
    HF_GB_CALL_VERB_SEEK,
    HF_GB_CALL_VERB_CALLS,
    HF_GB_CALL_VERBS
};

struct hf_gb_call_args {
    uint64_t call, from_ms, until_ms; /* UTC */
    uint32_t ssrc;
    int32_t scale;  /* thousandths */
    uint32_t given; /* bits 1 << the member's row in call_args.c: HF_GB_ARG_* */
    enum hf_mansrtsp_point range_start, range_end;
    double range_start_s, range_end_s;
    uint16_t port;
    uint8_t stream, type, speed, transport, channel_bytes;
    uint8_t max_forwards; /* 0 = not said */
    bool force, until_unwatched;
    char channel[HF_GBID_DIGITS];
    char host[HF_SIP_FLOW_HOST_MAX];
    const char *wants; /* HF_ERR_INVALID: what the member may be, for people; static */
};
enum {
    HF_GB_ARG_CHANNEL,
    HF_GB_ARG_CALL,
    HF_GB_ARG_STREAM,
    HF_GB_ARG_TRANSPORT,
    HF_GB_ARG_TO,
    HF_GB_ARG_SSRC,
    HF_GB_ARG_FROM,
    HF_GB_ARG_UNTIL,
    HF_GB_ARG_TYPE,
    HF_GB_ARG_SPEED,
    HF_GB_ARG_SCALE,
    HF_GB_ARG_RANGE,
    HF_GB_ARG_MAX_FORWARDS,
    HF_GB_ARG_FORCE,
    HF_GB_ARG_UNTIL_UNWATCHED,
    HF_GB_ARGS
};

/* call_args.c */
bool hf_gb_call_verb_of(struct hf_slice name, enum hf_gb_call_verb *ret_verb);
/* json: "{}" when there is no payload. zone_minutes: of times without a zone. HF_ERR_INVALID: *ret_element is the member that is unknown, wrong or missing, and ret_args->wants what it may be; absent: no JSON object. */
hf_err hf_gb_call_args_read(enum hf_gb_call_verb verb, struct hf_slice json, int zone_minutes,
                            struct hf_gb_call_args *ret_args, struct hf_slice *ret_element);

/* call_command.c */
bool hf_gb_call_is_command(struct hf_slice name);
/* A command that the hub hands over. As hf_gb_request_send(). */
hf_err hf_gb_call_command(struct hf_gb_request *request, const struct hf_outgoing *outgoing);
/* call_result.c */
void hf_gb_call_command_due(struct hf_gb_request *request); /* WAIT_CALL_SOON */
/* The session stands or is over: whoever waits for it hears so, soon. */
void hf_gb_call_tell(struct hf_gb_call *call);
/* Commands that have a session of their own and something else under way: true when that was all there is to do. */
bool hf_gb_call_request_sip(struct hf_gb_request *request, const struct hf_sip_tx_event *event);
bool hf_gb_call_request_timer(struct hf_gb_request *request);
bool hf_gb_call_request_answered(struct hf_gb_request *request, const struct hf_cdp_message *message);

/* ---- sessions ---- */

/* call.c */
/* NULL: a bound or no memory; counted. */
struct hf_gb_call *hf_gb_call_new(struct hf_gb_device *device, enum hf_gb_call_kind kind);
struct hf_gb_call *hf_gb_call_find(const struct hf_gb_site *site, uint64_t id);
struct hf_gb_call *hf_gb_call_find_dialog(struct hf_gb_device *device, const struct hf_sip_msg *msg);
void hf_gb_call_pin(struct hf_gb_call *call);
void hf_gb_call_unpin(struct hf_gb_call *call); /* NULL is harmless; the call may be gone afterwards */
/* Something happened: does what the table says. The call may be gone afterwards. False: the table has no such cell. */
bool hf_gb_call_happens(struct hf_gb_call *call, enum hf_gb_call_event event, enum hf_gb_call_end end);
/* Whatever it is doing, it is over now, in whatever state; likewise. */
void hf_gb_call_discard(struct hf_gb_call *call, enum hf_gb_call_end end);
void hf_gb_call_invite_over(
    struct hf_gb_call *call); /* no event of its INVITE comes any more; the call may be gone afterwards */
void hf_gb_calls_drop(struct hf_gb_device *device,
                      enum hf_gb_call_end end);      /* all at once: the device leaves */
void hf_gb_calls_moved(struct hf_gb_device *device); /* it registered at another address */
hf_err hf_gb_calls_init(struct hf_gb_site *site);
void hf_gb_calls_deinit(struct hf_gb_site *site);

static inline struct hf_slice hf_gb_call_channel(const struct hf_gb_call *call)
{
    return (struct hf_slice){call->channel, call->channel_bytes};
}
static inline bool hf_gb_call_is_history(const struct hf_gb_call *call)
{
    return call->kind == HF_GB_CALL_PLAYBACK || call->kind == HF_GB_CALL_DOWNLOAD;
}

/* One of before the restart, by its id: IDLE. NULL: a bound or no memory; counted. */
struct hf_gb_call *hf_gb_call_again(struct hf_gb_device *device, enum hf_gb_call_kind kind, uint64_t id);
void hf_gb_call_stands(struct hf_gb_call *call); /* IDLE: it is CONNECTED, as it was */

/* call_keep.c */
bool hf_gb_call_keep(struct hf_gb_call *call); /* at each look of the audit. True: it was asked */
void hf_gb_call_keep_soon(struct hf_gb_call *call);
void hf_gb_call_keep_over(struct hf_gb_call *call);

/* call_record.c */
void hf_gb_call_record(struct hf_gb_call *call); /* harmless unless it stands */
void hf_gb_call_write_dialog(const struct hf_sip_dialog *dialog,
                             struct hf_json_out *out); /* its members of a record */
void hf_gb_call_unrecord(struct hf_gb_call *call);     /* it is over, and nothing is owed to the device */

/* call_restore.c */
void hf_gb_calls_on_restore(struct hf_timer *timer, uint64_t now_ms);

/* call_watch.c */
void hf_gb_call_arm(struct hf_gb_call *call); /* for what is due next */
void hf_gb_call_on_timer(struct hf_timer *timer, uint64_t now_ms);
void hf_gb_calls_on_audit(struct hf_timer *timer, uint64_t now_ms);
void hf_gb_calls_audit_soon(struct hf_gb_site *site); /* there is something to look at */

/* call_point.c */
/* Of the relay when host is absent. HF_ERR_LIMIT: HF_GB_POINTS_MAX, or no SSRC is left; HF_ERR_EXISTS: `chosen` is in use there; HF_ERR_NOMEM. *ret_text says it for people. */
hf_err hf_gb_call_take_ssrc(struct hf_gb_call *call, struct hf_slice host, bool chosen, uint32_t ssrc,
                            const char **ret_text);
void hf_gb_call_give_ssrc(struct hf_gb_call *call);
void hf_gb_points_audit(struct hf_gb_site *site, struct hf_gb_audit *audit);
void hf_gb_points_free(struct hf_gb_site *site);

/* call_invite.c */
/* Its leg is open, or its media goes elsewhere: INVITE. What hf_sip_tx_request says; HF_ERR_INVALID: it cannot be written. */
hf_err hf_gb_call_invite(struct hf_gb_call *call);
void hf_gb_call_cancel(struct hf_gb_call *call); /* theirs is refused, or ended by BYE when it was answered */
void hf_gb_call_invite_told(struct hf_gb_call *call, const struct hf_sip_tx_event *event);
void hf_gb_call_tell_relay(struct hf_gb_call *call); /* what its SDP came to, if media goes through it */
void hf_gb_call_refreshed(struct hf_gb_call *call, const struct hf_sip_msg *msg); /* RFC 4028 */
void hf_gb_call_id_text(const struct hf_gb_call *call, char ret_text[HF_GB_CALL_ID_TEXT]);
void hf_gb_call_id_format(uint64_t id, char ret_text[HF_GB_CALL_ID_TEXT]);

/* call_sdp.c */
bool hf_gb_call_offer(const struct hf_gb_call *call, struct hf_sb *sb);
/* The answer to it. HF_ERR_INVALID: nothing can be done with it; *ret_element is why. */
hf_err hf_gb_call_take_answer(struct hf_gb_call *call, const struct hf_sip_flow *flow, struct hf_slice body,
                              const char **ret_element);
/* The device's own offer, to talk. HF_ERR_INVALID: 488. */
hf_err hf_gb_call_take_offer(struct hf_gb_call *call, const struct hf_sip_flow *flow, struct hf_slice body);
bool hf_gb_call_talk_answer(const struct hf_gb_call *call, struct hf_sb *sb);

/* call_dialog.c */
/* Into site->sip: a request within the dialog, without its end. source: who we are in it; empty: our own id. */
bool hf_gb_dialog_write(struct hf_gb_device *device, struct hf_sip_dialog *dialog, struct hf_slice source,
                        enum hf_sip_method method, struct hf_sb *sb);
bool hf_gb_call_write(struct hf_gb_call *call, enum hf_sip_method method, struct hf_sb *sb);
void hf_gb_call_on_bye(struct hf_gb_site *site, const struct hf_sip_tx_event *event);
void hf_gb_call_on_info(struct hf_gb_site *site, const struct hf_sip_tx_event *event);
void hf_gb_call_on_invite(struct hf_gb_site *site,
                          const struct hf_sip_tx_event *event); /* the first, or within a session */
void hf_gb_call_on_stray(struct hf_gb_site *site,
                         const struct hf_sip_tx_event *event); /* a 2xx that nobody waits for */
/* The device says that a recording is at its end. The call may be gone afterwards. */
void hf_gb_call_at_end(struct hf_gb_device *device, const struct hf_sip_msg *msg,
                       const struct hf_cdp_message *message);

/* call_bye.c */
/* BYE, now or when there is a way to the device, and again until it was heard; the session may go meanwhile. Harmless without a dialog. */
void hf_gb_call_bye(struct hf_gb_call *call);
/* One that was owed when the log ended, or when the device left. False: no memory. */
bool hf_gb_bye_again(struct hf_gb_device *device, uint64_t call, enum hf_gb_call_kind kind,
                     struct hf_slice channel, struct hf_slice source,
                     const struct hf_sip_dialog_saved *saved);
bool hf_gb_bye_is(const struct hf_gb_device *device, uint64_t call); /* of that session it is being said */
void hf_gb_byes_back(struct hf_gb_device *device);                   /* there is a way to it (again) */
/* The device leaves; silent: it said nothing any more. What it may not have heard is owed to it. */
void hf_gb_byes_drop(struct hf_gb_device *device, bool silent);
hf_err hf_gb_byes_init(struct hf_gb_site *site); /* HF_ERR_NOMEM */
void hf_gb_byes_deinit(struct hf_gb_site *site);

/* call_control.c */
hf_err hf_gb_call_control(struct hf_gb_request *request);
void hf_gb_call_controlled(struct hf_gb_request *request, const struct hf_sip_tx_event *event);

/* call_talk.c */
hf_err hf_gb_call_ask_to_talk(struct hf_gb_request *request);
void hf_gb_call_talk_opened(struct hf_gb_call *call); /* its leg is there: now the device is asked */
void hf_gb_call_invited(struct hf_gb_device *device, const struct hf_sip_tx_event *event);
void hf_gb_call_talk_told(struct hf_gb_call *call, const struct hf_sip_tx_event *event);
void hf_gb_call_talk_refuse(struct hf_gb_call *call);
/* The device that was asked to call this source, or has; NULL: none. */
struct hf_gb_device *hf_gb_call_source_of(const struct hf_gb_site *site, struct hf_slice source);

/* call_text.c */
/* The members of a call, into an open object. */
void hf_gb_call_members(const struct hf_gb_call *call, struct hf_json_out *out);
/* How it ended: reason and what belongs to it. */
void hf_gb_call_end_members(const struct hf_gb_call *call, struct hf_json_out *out);
void hf_gb_call_event(struct hf_gb_call *call, const char *state); /* gb/call */

#endif
