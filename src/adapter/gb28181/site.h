/* adapter/gb28181/site.h - cameras and recorders of GB/T 28181-2016 and -2022: the devices of one SIP domain whose home is this worker. Bytes come from
 * and go to SIP flows (core/sip/flow.h), which whoever owns the sockets makes; rules are core's (core/gb, core/sip, core/hub.h). A registered
 * camera is a device of the hub like any other: presence, reasons, epochs, events, commands. One site per worker, one thread; no call blocks.
 *
 *   a datagram came        hf_gb_home() names its device; forward it to the worker hf_hub_home() says, there hf_gb_receive()
 *   a stream has bytes     cut them with codec/sip/framer.h, the same; hf_gb_flow_closed() on every worker when it ends
 *   each turn              hf_hub_time() first, hf_wheel_run(), hf_hub_settle() as for every adapter; timers of the site are on the wheel
 *
 * Sources: GB/T 28181-2016 and -2022, 9.1 (registration), 9.6 (keepalive), 9.3 and 9.5 (control, queries), annex A; RFC 3261 10; requirements GB-1, GB-3, GB-5
 * to GB-8, GB-10, GB-13, GB-20 to GB-22, MEM-6.
 * Memory of a registered camera, the hub's and SIP's share with it: 891 bytes, and no more while the answer to its REGISTER may have to be repeated
 * (gb_memory_test; the tables are on disk). Of the site itself about 2.4 MB for each worker, and trace_bytes. */
#ifndef HF_ADAPTER_GB28181_SITE_H
#define HF_ADAPTER_GB28181_SITE_H

#include "adapter/gb28181/media.h"
#include "base/map.h"
#include "base/slab.h"
#include "base/wheel.h"
#include "codec/manscdp/text.h"
#include "codec/sip/digest.h"
#include "codec/sip/nonce.h"
#include "core/gb/health.h"
#include "core/hub.h"
#include "core/sip/trace.h"
#include "core/sip/tx.h"

enum {
    HF_GB_DEVICES_MAX = 131072, /* of a worker, with those that are remembered */
    /* How long the trace of a device that left can be asked for, unless devices_max needs its place. */
    HF_GB_ANSWERED_MS =
        HF_SIP_TIMEOUT_T1 * HF_SIP_T1_MS, /* so long a repeated REGISTER gets the answer of the first */
    HF_GB_REMEMBER_MS = 3600000,
    HF_GB_KNOCKS_MAX = 1024, /* traces of strangers; above it the one that was silent for longest goes */
    HF_GB_KNOCKS_PER_SECOND = 20,
    HF_GB_KNOCKS_BURST = 200, /* of all strangers' messages as many are kept, with their answers */
    HF_GB_DEVICE_BYTES_MAX =
        2048, /* MEM-6: a camera at rest, with the hub's share and the last answer that SIP keeps for it */
    HF_GB_DOMAIN_BYTES_MAX = 64,
    HF_GB_LOCKS_MAX = 4096,       /* pairs of id and source with failures; above it the oldest is forgotten */
    HF_GB_OPEN_MAX = 8,           /* commands under way to one device; others wait in the hub's outbox */
    HF_GB_REQUESTS_MAX = 65536,   /* of a worker */
    HF_GB_BODY_BYTES_MAX = 60000, /* of what we send */
    HF_GB_JSON_BYTES_MAX = 1 << 20,             /* of one event */
    HF_GB_RESULT_BYTES_MAX = (2 << 20) - 65536, /* of a command's result: a record of the log */
    HF_GB_MERGE_BYTES_TOTAL_MAX = 64 << 20,     /* of answers in several parts, all together */
    HF_GB_DIALOG_BYTES_MAX = 256 << 20,         /* of all dialogs of a worker, about 500 bytes each */
    HF_GB_CATALOG_BYTES_MAX =
        16 << 20,                     /* of one catalogue; the command's result shows as much as fits above */
    HF_GB_LINKS_MAX = 16384,          /* devices of a worker whose health is known at a time */
    HF_GB_HEALTH_BYTES_MAX = 256,     /* of a gb/health event */
    HF_GB_HEAL_FIRST_MS = 2000,       /* after a device became suspect, and up to half as much again */
    HF_GB_HEAL_MS_MAX = 30000,        /* RC-1: between questions to a suspect device at most */
    HF_GB_HEALS_PER_SECOND = 500,     /* of a worker, to suspect devices */
    HF_GB_BOUND_INTERVAL_MS = 300000, /* between records of a device that has another port each time */
    HF_GB_CALLS_MAX = 16384,          /* media sessions of a worker */
    HF_GB_DEVICE_CALLS_MAX = 1024,    /* of one device: a lower platform has many channels */
    HF_GB_POINTS_MAX = 64, /* media servers that a worker has calls to at a time, each with 20,000 SSRCs */
    HF_GB_CALL_KEEP_MS = 300000, /* between questions whether a session stands whose media we do not see */
    HF_GB_CALL_KEEPS_PER_LOOK = 512,  /* such questions at each look of the audit (10 s), of a worker */
    HF_GB_REDIRECT_AGAIN_MS = 600000, /* who comes back earlier is let in: the other node did not */
    HF_GB_CALLS_LOOK_MS =
        3600000, /* between looks at sessions of before a restart that wait for their device */
    HF_GB_CALL_REMEMBER_MS = 86400000, /* a session of before a restart whose device does not come back */
    HF_GB_PROBE_INTERVAL_MS = 10000, /* between questions to addresses that a device seems to have moved to */
};

/* Defaults of struct hf_gb_limits; those of liveness are in core/gb/registration.h, of locks in core/gb/lock.h. */
enum {
    HF_GB_EXPIRES_DEFAULT_S = 3600,
    HF_GB_EXPIRES_MAX_S = 86400,
    HF_GB_SIP_WAIT_MS = 5000,
    HF_GB_ANSWER_WAIT_MS = 10000,
    HF_GB_LIST_WAIT_MS = 120000,
    HF_GB_LIST_IDLE_MS = 10000,
    HF_GB_REFUSALS_PER_SECOND = 100,
    HF_GB_CATALOGS_PER_SECOND = 20,
    HF_GB_CATALOG_MAX_AGE_S = 86400,
    HF_GB_POSITION_INTERVAL_S = 5,
    HF_GB_ZONE_DEFAULT = 480, /* Beijing */
};

/* What is known of a device beforehand. */
struct hf_gb_account {
    struct hf_slice password; /* or absent */
    struct hf_slice ha1;      /* hexadecimal, of `alg` with the id and the realm; absent: from the password */
    uint8_t alg;              /* enum hf_sip_alg that is offered */
    bool open;                /* needs no password at all */
    bool no_qop;              /* challenged as RFC 2069 has it */
    bool no_date;             /* no Date header in answers to REGISTER */
    uint8_t charset;          /* enum hf_text_charset; HF_TEXT_AUTO detects */
    uint16_t version;         /* 20 = 2.0, 30 = 3.0: overrides X-GB-Ver; 0 = as the device says */
    uint32_t keepalive_ms, keepalive_count; /* 0 = the domain's */
};

struct hf_gb_site_ops {
    /* Sends, or queues. As hf_sip_layer_ops.send: must not call the site. */
    hf_err (*send)(void *context, const struct hf_sip_flow *flow, struct hf_slice bytes);
    /* Streams only: send what is queued and close. hf_gb_flow_closed() need not follow. Must not call the site. */
    void (*close_flow)(void *context, const struct hf_sip_flow *flow);
    /* A device on this stream has shown its password: its messages may be larger now (codec/sip/sip.h, ..._UNPROVEN). May be NULL. */
    void (*proven)(void *context, const struct hf_sip_flow *flow);
    void (*random)(void *context, void *out, size_t bytes);
    /* A fresh connection id, never used twice on this node. */
    uint64_t (*conn_id)(void *context);
    /* user_agent as its REGISTER says, or absent. HF_OK: *ret_account (zeroed before) is filled, its slices live until the next call. HF_ERR_NOT_FOUND: nobody knows it; HF_ERR_DENIED: it may not come. What it
     * says is kept as the device's settings until the next REGISTER. */
    hf_err (*account)(void *context, struct hf_slice device, struct hf_slice user_agent,
                      struct hf_gb_account *ret_account);
    /* False while the log cannot keep up: REGISTER is answered 503, and MESSAGEs that would become events too. Keepalives never are. May be NULL = always. */
    bool (*may_take)(void *context);
    /* The same: 90 % of the SSRCs of one kind of a media server are taken or resting (alarm), or below 80 % again; once each time. host absent: the relay. May be NULL. */
    void (*on_ssrcs)(void *context, struct hf_slice host, bool alarm, unsigned used, unsigned resting);
    /* A media session that stood has ended; id as in results of Play. Must not call the site. May be NULL. */
    void (*call_ended)(void *context, struct hf_slice id);
    /* For the log of the process: a device came (HF_REASON_CONNECTED), ended, was refused, or its breaker opened (BREAKER_OPEN) or closed. May be NULL. */
    void (*on_log)(void *context, const char *event, struct hf_slice device, const struct hf_sip_flow *flow,
                   enum hf_reason reason);
};

/* Configuration: 0 is the default that the comment names. Changeable at run time: hf_gb_site_set_limits(). */
struct hf_gb_limits {
    uint32_t expires_default_s;  /* 3,600: a REGISTER that does not say */
    uint32_t expires_max_s;      /* 86,400: larger ones get this; smaller ones are taken as they are */
    uint32_t keepalive_ms;       /* 60,000; clamped to 5,000..3,600,000 */
    uint32_t keepalive_count;    /* 3; clamped to 1..20 */
    uint32_t keepalive_grace_ms; /* 5,000 */
    uint32_t nonce_lifetime_ms;  /* 60,000; at most 300,000 */
    uint32_t lock_failures;      /* 5 within */
    uint32_t lock_window_ms;     /* 60,000 lock the pair of id and source for */
    uint32_t lock_ms;            /* 60,000 */
    uint32_t sip_wait_ms;        /* 5,000: for the SIP answer to a command */
    uint32_t answer_wait_ms;     /* 10,000: for the device's own answer to it */
    uint32_t list_wait_ms;       /* 120,000: for the first part of Catalog and RecordInfo */
    uint32_t list_idle_ms;       /* 10,000: between parts */
    uint32_t
        catalog_per_second; /* 20: lists of channels that a worker asks for by itself. HF_GB_CATALOGS_OFF: none */
    uint32_t catalog_max_age_s;   /* 86,400: of the list in the tables, when a device comes */
    uint32_t subscribe;           /* bits 1 << enum hf_gb_topic: wanted of every device; 0 = none */
    uint32_t subscribe_expires_s; /* of these; 0 = as the topic has it: 600, 3,600 */
    uint32_t position_interval_s; /* 5 */
    uint32_t call_setup_ms;       /* 10,000: from Play and its kin to the answer; clamped to 1,000..32,000 */
    struct hf_rate_limit
        refusals; /* answers to strangers' requests, of a worker: 100/s, 200; above it they get none */
    char redirect_host
        [64]; /* REGISTERs of new devices of edition 2022 are answered 302, to this numeric address; "" = none is */
    char redirect_server_id[21]; /* "" = ours */
    uint16_t redirect_port;      /* 0 = none in the answer */
    uint32_t redirect_above;     /* from so many registered devices on */
    int16_t zone_minutes;        /* of times in bodies and of Date, east of UTC: 480. HF_GB_ZONE_UTC for 0 */
    bool version_always;         /* X-GB-Ver in answers also to devices that did not send it */
    bool no_date;                /* no Date header: the clock of this machine is not to be trusted */
    bool nonce_binds_address; /* the answer to a challenge must come from the address that was challenged */
    bool strict_ids;          /* 20 digits; otherwise 18 to 20 */
    bool silent_to_strangers; /* requests of devices that are not registered get no answer instead of 403 */
};
enum { HF_GB_ZONE_UTC = 1440, HF_GB_CATALOGS_OFF = 1000000 };

struct hf_gb_options {
    struct hf_hub *hub; /* borrows, all of them; live longer than the site */
    struct hf_wheel *wheel;
    struct hf_tenant *tenant;
    const struct hf_gb_site_ops *ops;
    void *context;
    const struct hf_text_conv *conv;  /* of this thread: io/charset.h */
    struct hf_slice realm, server_id; /* "3402000000", "34020000002000000001": copied */
    struct hf_slice user_agent;       /* copied; absent = "Holdfast" */
    struct hf_slice external_host; /* our address in Via and Contact; absent = the flow's local one. Copied */
    uint16_t external_port;        /* with external_host; 0 = the flow's */
    uint8_t secret
        [HF_SIP_NONCE_KEY_BYTES]; /* for nonces: the same on all workers, best on all nodes; from entropy */
    uint32_t devices_max;         /* 0 = HF_GB_DEVICES_MAX */
    uint64_t trace_bytes;         /* of all traces of the worker; 0 = HF_SIP_TRACE_BYTES_DEFAULT */
    uint32_t calls_max;           /* 0 = HF_GB_CALLS_MAX */
    /* Who receives media: NULL = nobody, every call has to name an external server. Tells come by hf_gb_media_told(). */
    const struct hf_gb_media_ops *media;
    void *media_context;
    struct hf_gb_limits limits;
    struct hf_sip_layer_config sip; /* timers and bounds; ops, context, wheel and secret are the site's */
};

/* Of media sessions; columns as below. */
#define HF_GB_CALL_STATS_MAP(X)                                                                            \
    X(calls, "media sessions begun, those of devices included")                                            \
    X(calls_joined, "of requests to play, those that joined a session that was there")                     \
    X(calls_connected, "sessions that stood")                                                              \
    X(calls_refused, "that the device refused: 300 to 699")                                                \
    X(calls_unanswered, "that were not answered in time")                                                  \
    X(calls_bad_answer, "with an answer that nothing can be made of")                                      \
    X(calls_no_media, "without media: none came, or none any more")                                        \
    X(calls_failed, "that ended for another reason before they stood")                                     \
    X(calls_by_us, "that an application ended")                                                            \
    X(calls_by_device, "that the device ended")                                                            \
    X(calls_at_end, "that were at the end of their recording")                                             \
    X(calls_lost, "whose device left or moved")                                                            \
    X(calls_late, "answers 2xx that came too late or twice: ACK and BYE")                                  \
    X(calls_full, "refused because of a bound")                                                            \
    X(calls_tolerated, "SDP of devices that needed a tolerance")                                           \
    X(invites_refused, "INVITEs of devices that nobody asked for, and changes of sessions")                \
    X(byes_unknown, "BYEs of devices to sessions that are not there")                                      \
    X(call_events_lost, "events of sessions that the log or an access rule did not take")                  \
    X(calls_asked, "questions to devices whether a session stands whose media we do not see")              \
    X(calls_unrecorded, "times that the log did not take what is needed to end a session after a restart") \
    X(calls_resumed, "sessions to media servers that went on after our restart")                           \
    X(calls_restart_ended, "sessions of before our restart that were ended by BYE")                        \
    X(calls_restore_failed, "of such sessions, records that could not be read")                            \
    X(byes_again, "BYEs said once more, since nobody answered the one before")                             \
    X(byes_unanswered, "BYEs that nobody answered within 32 s")                                            \
    X(byes_given_up, "sessions of which the device never heard that they are over")                        \
    X(byes_full, "BYEs that are said once only: no memory to say them again")                              \
    X(calls_forgotten, "such sessions whose device did not come back within a day")                        \
    X(ssrc_exhausted, "calls refused because all SSRCs of their media point are in use")                   \
    X(ssrc_alarms, "times that 90 % of the SSRCs of a media point were in use")                            \
    X(owned_orphaned, "sessions and SSRCs found without an owner, or behind their deadline")               \
    X(owned_reclaimed, "of these, those that had to be freed: each is a mistake of this program")

/* Counters and gauges, for /metrics. Columns: member, of gauges its name there, what. */
#define HF_GB_STATS_MAP(X)                                                               \
    X(received, "messages that came, whatever they were")                                \
    X(low_keepalives, "empty datagrams and the like, ignored")                           \
    X(malformed, "messages that could not be parsed")                                    \
    X(refused_method, "requests refused for their method, URI, extension or type")       \
    X(misrouted, "messages of devices whose home is another worker")                     \
    X(challenged, "REGISTERs answered 401 for want of credentials")                      \
    X(challenged_stale, "REGISTERs answered 401 for an old, foreign or used nonce")      \
    X(registered, "devices let in that were not there before")                           \
    X(refreshed, "REGISTERs of devices that were there")                                 \
    X(unregistered, "REGISTERs with Expires 0")                                          \
    X(register_repeated, "REGISTERs heard again, answered as before")                    \
    X(auth_failed, "wrong answers to a fresh nonce, unknown and forbidden devices: 403") \
    X(auth_locked, "REGISTERs refused because their id and source are locked")           \
    X(locks, "times that a pair of id and source was locked")                            \
    X(locks_forgotten, "pairs forgotten because there were too many")                    \
    X(register_bad, "REGISTERs answered 400: no device id, two bindings, and the like")  \
    X(register_shed, "REGISTERs answered 503")                                           \
    X(redirected, "REGISTERs answered 302: to another node")                             \
    X(redirects_returned, "devices that came back from there soon, and were let in")     \
    X(register_refused, "REGISTERs with the right password that the hub refused")        \
    X(devices_full, "REGISTERs refused because of devices_max or for want of memory")    \
    X(expires_clamped, "Expires above the maximum")                                      \
    X(keepalives, "keepalives of registered devices")                                    \
    X(messages, "other MESSAGEs taken")                                                  \
    X(messages_bad, "MESSAGEs whose body could not be read: 400 or 415")                 \
    X(messages_large, "MESSAGEs whose event would be too large: 413")                    \
    X(messages_busy, "MESSAGEs answered 503: above the rate, or the log is busy")        \
    X(messages_denied, "MESSAGEs that an access rule forbids: 403")                      \
    X(strangers, "requests of devices that are not registered")                          \
    X(strangers_silent, "of these, those that got no answer")                            \
    X(bindings, "records of where a device is")                                          \
    X(heals, "questions to suspect devices")                                             \
    X(heals_answered, "of these, those that were answered")                              \
    X(heals_deferred, "times that such a question had to wait because of the rate")      \
    X(health_changes, "changes of the level of a link's health")                         \
    X(health_untold, "of these, those without an event: the rate, or a rule")            \
    X(links_full, "requests that were not judged because too many links were")           \
    X(breakers_opened, "times that a device's breaker opened: it does not answer")       \
    X(breakers_closed, "times that one closed: the device answered a probe")             \
    X(breaker_refused, "commands refused because of an open one")                        \
    X(breaker_probes, "probes of devices with an open one")                              \
    X(breaker_untold, "openings and closings without an event: the rate, or a rule")     \
    X(restored, "registrations of an earlier start that go on")                          \
    X(restore_refused, "of these, those that could not: expired, forbidden, too many")   \
    X(moves, "new addresses taken")                                                      \
    X(moves_doubted, "messages from an address not yet proven")                          \
    X(probes, "DeviceStatus queries to such addresses")                                  \
    X(probes_confirmed, "of these, those that proved it")                                \
    X(suspects, "devices that became suspect: silent, or their stream was lost")         \
    X(silences, "devices that ended by silence")                                         \
    X(expiries, "devices whose registration ran out")                                    \
    X(streams_lost, "devices whose stream was lost and did not come back")               \
    X(commands, "commands sent")                                                         \
    X(commands_bad, "commands that could not be made into a body")                       \
    X(commands_done, "commands with the device's answer, or its 200 where that is all")  \
    X(commands_failed, "commands that the device refused")                               \
    X(commands_unconfirmed, "commands sent to which no answer came")                     \
    X(commands_partial, "lists of which parts are missing")                              \
    X(commands_cut, "lists above a bound of bytes")                                      \
    X(commands_lost, "commands that their device left before the answer")                \
    X(catalogs_asked, "lists of channels that the gateway asked for by itself")          \
    X(catalogs_whole, "lists of channels that came whole, whoever asked")                \
    X(catalogs_same, "of these, those that said nothing new")                            \
    X(catalogs_partial, "lists of channels of which parts are missing")                  \
    X(catalogs_unanswered, "queries for lists of channels to which nothing came")        \
    X(catalogs_lost, "lists of channels that the log could not take")                    \
    X(catalogs_given_up, "devices that were asked for their list often enough")          \
    X(catalog_changes, "channels that a notify spoke of")                                \
    X(subscribes_sent, "SUBSCRIBEs, renewals included")                                  \
    X(subscribes_no_expires, "answers to them that did not say how long")                \
    X(subscriptions_made, "subscriptions that became active")                            \
    X(subscriptions_failed, "subscriptions that failed: refused, not answered, ended")   \
    X(subscriptions_full, "subscriptions refused because of a bound, or no memory")      \
    X(subscriptions_unread, "devices whose settings could not be read")                  \
    X(notifies, "NOTIFYs of registered devices")                                         \
    X(notifies_unknown, "of these, those of no subscription of ours")                    \
    X(notifies_late, "of these, those older than one before: 500")                       \
    X(notifies_twice, "that a subscription of before our restart had brought already")   \
    X(notifies_old, "of unknown ones, those of what was subscribed anew since: 481")     \
    X(stops_sent, "movements that the gateway stopped because their time was over")      \
    X(moves_refused, "orders to move that were refused: too many move")                  \
    X(answers_by_type, "answers with a wrong SN, taken because only one was open")       \
    X(answers_late, "answers that no command waited for: they became events")            \
    X(messages_dropped, "plain messages that have no form for a camera")                 \
    X(requests_full, "commands that had to wait because of a bound")                     \
    X(xml_tolerated, "bodies that needed a tolerance")                                   \
    HF_GB_CALL_STATS_MAP(X)

#define HF_GB_GAUGES_MAP(X)                                                                                \
    X(devices, "gb_devices", "registered devices")                                                         \
    X(suspects_now, "gb_suspects", "registered devices that are suspect")                                  \
    X(breakers_open_now, "gb_breakers_open", "devices whose breaker is not closed: commands are refused")  \
    X(requests_now, "gb_requests", "commands under way")                                                   \
    X(merge_bytes_now, "gb_merge_bytes", "memory of lists of which parts are missing")                     \
    X(calls_now, "gb_calls", "media sessions, with those whose end is under way")                          \
    X(calls_ringing_now, "gb_calls_ringing", "media sessions that are not answered yet")                   \
    X(calls_orphaned_now, "gb_calls_orphaned",                                                             \
      "sessions of before our restart, or whose BYE nobody heard, whose device is not back")               \
    X(byes_now, "gb_byes", "BYEs that were not answered yet")                                              \
    X(ssrc_used_now, "gb_ssrc_used", "SSRCs in use")                                                       \
    X(ssrc_resting_now, "gb_ssrc_resting", "SSRCs in quarantine")                                          \
    X(ssrc_alarm_now, "gb_ssrc_alarm", "media servers of which 90 % of the SSRCs are in use: an alarm")    \
    X(points_now, "gb_media_points", "media servers that sessions go to, the relay included")              \
    X(catalogs_waiting, "gb_catalogs_waiting", "devices that wait to be asked for their list of channels") \
    X(movers_now, "gb_movers", "channels that move and will be stopped")                                   \
    X(subscriptions, "gb_subscriptions", "subscriptions that are wanted, or were")                         \
    X(subscriptions_active, "gb_subscriptions_active", "subscriptions that devices have granted")

struct hf_gb_stats {
#define HF_GB_STATS_MEMBER(member, text) uint64_t member;
    HF_GB_STATS_MAP(HF_GB_STATS_MEMBER)
#define HF_GB_GAUGE_MEMBER(member, name, text) uint64_t member;
    HF_GB_GAUGES_MAP(HF_GB_GAUGE_MEMBER)
#undef HF_GB_GAUGE_MEMBER
#undef HF_GB_STATS_MEMBER
    uint64_t sip_tolerated[HF_SIP_TOLERANCES], sip_problems[HF_SIP_PROBLEMS];
    uint64_t links[HF_GB_LEVELS]; /* gauges: links that are judged, by level */
};

struct hf_gb_site;

/* Which device a message is of, by a look at its head that never fails on account of the rest: the Call-ID of ours where it names a device (not in REGISTER), else From of a
 * request, To of an answer. What is said to a source of a broadcast (call_talk.c) has that source as its home. The slice points into bytes; absent: none was found, let any worker receive it. */
struct hf_slice hf_gb_home(struct hf_slice bytes);

/* HF_ERR_INVALID: an id or realm that is none, limits out of range; HF_ERR_NOMEM; HF_ERR_UNSUPPORTED: no MD5 in the crypto library. */
hf_err hf_gb_site_new(const struct hf_gb_options *options, struct hf_gb_site **ret_site);
/* All devices were drained before (asserted). NULL is harmless. */
void hf_gb_site_free(struct hf_gb_site *site);
hf_err hf_gb_site_set_limits(struct hf_gb_site *site, const struct hf_gb_limits *limits); /* HF_ERR_INVALID */

/* After hf_hub_restore(), before the first message: takes up the registrations of devices whose home is this worker, as the tables have them. They are SUSPECT. HF_ERR_*: some
 * are missing; they will have to register again. */
hf_err hf_gb_site_restore(struct hf_gb_site *site);

/* One datagram, or one message that the framer cut out of a stream (as flow->transport says). bytes are borrowed for the call. HF_OK: whatever was to be done was done.
 * HF_ERR_MALFORMED, HF_ERR_LIMIT: it could not be parsed and was answered where it may be: close a stream that it came from. */
hf_err hf_gb_receive(struct hf_gb_site *site, const struct hf_sip_flow *flow, struct hf_slice bytes);
/* The head of a message that the framer refused under those limits: answered where it may be, counted. The stream is to be closed. */
void hf_gb_receive_broken(struct hf_gb_site *site, const struct hf_sip_flow *flow, struct hf_slice head,
                          const struct hf_sip_limits *limits);
/* What became of a leg (adapter/gb28181/media.h). Tells of legs that are closed are ignored. */
void hf_gb_media_told(struct hf_gb_site *site, const struct hf_gb_media_told *told);
/* A stream ended, or ICMP said that nobody listens at a datagram peer. */
void hf_gb_flow_closed(struct hf_gb_site *site, const struct hf_sip_flow *flow);
/* From now on REGISTER is answered 503; ends at most `count` devices with that reason (drain, restart) and returns how many there were before. */
unsigned hf_gb_site_drain(struct hf_gb_site *site, unsigned count, enum hf_reason reason);

const struct hf_gb_stats *hf_gb_site_stats(const struct hf_gb_site *site);
/* The last messages of a device (GB-22), those that it sent and got, the newest first, credentials masked; also for an hour after it left, and of those that never got in. The
 * visitor must not call the site; false: enough. HF_ERR_NOT_FOUND: it was not here. */
typedef bool hf_gb_trace_fn(void *context, const struct hf_sip_trace_entry *entry);
hf_err hf_gb_site_trace(const struct hf_gb_site *site, struct hf_slice device, hf_gb_trace_fn *visit,
                        void *context);
struct hf_sip_trace_stats hf_gb_site_trace_stats(const struct hf_gb_site *site);
/* HF_CALL_SIP of a device whose home is this worker: fills in the answer. */
void hf_gb_site_call(struct hf_gb_site *site, struct hf_call *call);

/* Of transactions. */
const struct hf_sip_layer_stats *hf_gb_site_sip_stats(const struct hf_gb_site *site);

#endif
