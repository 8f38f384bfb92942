/* client/mqtt/mqtt_internal.h - one struct for mqtt.c (life), mqtt_engine.c (engine.h), mqtt_input.c (time, transport, packets out of bytes), mqtt_connack.c (CONNECT, CONNACK, DISCONNECT), mqtt_reason.c (the broker's reasons in
 * our words), mqtt_up.c, mqtt_suspect.c, mqtt_down.c, mqtt_topic.c and mqtt_out.c (bytes out). The queue is queue.h's. Private to them. */
#ifndef HF_CLIENT_MQTT_INTERNAL_H
#define HF_CLIENT_MQTT_INTERNAL_H

#include <string.h>

#include "base/assert.h"
#include "base/rng.h"
#include "client/mqtt/mqtt.h"
#include "client/queue.h"
#include "codec/mqtt/packet.h"
#include "codec/mqtt/topic.h"
#include "core/session/backoff.h"

enum {
    HF_MC_WINDOW = HF_CLIENT_MQTT_WINDOW,
    HF_MC_HANDS_MAX = 2 * HF_CLIENT_WINDOW_MESSAGES_MAX, /* delivered and not settled, of two connections */
    HF_MC_OUT_SPARE = 512, /* of the output buffer, kept for what is not a message */
    HF_MC_ROUNDS_MAX =
        16, /* of work that the application makes within its callbacks, before the caller gets a turn */
    HF_MC_TEXT_BYTES = 240,
    HF_MC_TOPIC_BYTES = 2048,  /* any of ours: 255 of the prefix, 3 for each byte of device and topic */
    HF_MC_USER_BYTES = 512,    /* user properties of a PUBLISH, on the wire */
    HF_MC_PUBLISH_IDS = 65534, /* identifiers 1.. of PUBLISH; the one above is SUBSCRIBE's */
    HF_MC_SUBSCRIBE_ID = 65535,
};

enum hf_mc_phase {
    HF_MC_IDLE,
    HF_MC_CONNECTING,
    HF_MC_GREETING, /* CONNECT is out */
    HF_MC_OPEN,
    HF_MC_CLOSING, /* our DISCONNECT waits for room */
    HF_MC_WAITING,
    HF_MC_STOPPED,
};

/* A number that went out, or was passed over, and that the queue has not forgotten. */
enum hf_mc_flight_state {
    HF_MC_SENT,
    HF_MC_PUT_OFF,  /* the broker cannot take it now */
    HF_MC_REFUSED,  /* the broker never takes it, and the queue does not know yet */
    HF_MC_REJECTED, /* the queue knows it, not durably yet */
    HF_MC_FINISHED, /* PUBACK, or a gap */
};
struct hf_mc_flight {
    uint64_t seq, seq_to;
    uint64_t ticket; /* of REJECTED */
    uint32_t bytes;  /* of the packet */
    uint8_t state, put_offs;
    uint16_t reason; /* of REFUSED, enum hf_reason */
};

/* A message from its delivery until it is settled: done, and durable where it has an id. */
struct hf_mc_hand {
    uint64_t handle;
    uint64_t ticket;    /* of what is remembered; 0 = not given to the store */
    uint16_t packet_id; /* under which it came last; 0 = that session is gone */
    uint8_t uuid[16];
    bool later; /* the application acknowledges by handle, and is told */
    bool again; /* acknowledged, but it could not be stored: try again */
};

/* Why a connection ends. */
struct hf_mc_ending {
    uint16_t code; /* of MQTT 5.0, from 128 on; 1006 lost; 0 = it never came so far */
    uint16_t pace; /* as backoff.h counts close codes */
    bool by_peer;
    enum hf_reason reason;
    enum hf_client_failure failure;
    bool at_once;      /* come back without a delay (HB-9; another version) */
    bool network_down; /* come back when the network is up */
    bool by_message;   /* what was out may be the cause */
    char text[HF_MC_TEXT_BYTES];
};

/* Of one connection; zeroed for each attempt. */
struct hf_mc_link {
    struct hf_mc_ending ending;
    uint64_t opened_ms;     /* 0 = no CONNACK yet */
    uint64_t in_ms;         /* of the last packet that came */
    uint64_t said_ms;       /* of the last packet that went */
    uint64_t out_ms;        /* when output last made progress, or was empty */
    uint64_t ping_ms;       /* of a PINGREQ since which nothing came; 0 = none */
    uint64_t suback_due_ms; /* 0 = none is awaited */
    uint64_t progress_ms;   /* of the last PUBACK, or the first PUBLISH after none was out */
    uint32_t keep_ms, packet_bytes_max;
    unsigned window;
    struct hf_client_pace pace;
    struct hf_mc_flight flight[HF_MC_WINDOW]; /* ring, in the order of numbers */
    unsigned flight_at, flight_count;
    uint64_t next;           /* number to go out */
    uint64_t through;        /* finished up to this number */
    uint64_t put_off_due_ms; /* until then nothing goes; 0 = it may */
    uint32_t put_off_ms;
    struct { /* a message that is larger than the output buffer, on its way through it */
        uint64_t seq;
        size_t at, bytes;
        bool on;
    } stream;
    uint64_t control;          /* goes before the suspect, and is out; 0 = none */
    bool trial, control_taken; /* a control is to go; one was taken */
    bool ping_owed, subscribe_owed;
    bool session_present, probing, degraded;
    bool guess; /* see struct hf_mc */
    bool up;    /* there is a transport, or an attempt at one */
};

/* The message that was first out when a connection ended, and again. */
struct hf_mc_suspect {
    uint64_t seq;                              /* 0 = none */
    uint64_t alone_to;                         /* up to this number one message is out at a time */
    uint64_t taken[HF_CLIENT_MQTT_LOSSES_MAX]; /* numbers behind it that the broker has: the last ones */
    unsigned taken_at, losses, turn;
};

struct hf_mc {
    struct hf_client_engine engine;
    const struct hf_client_ops *ops;
    void *user;
    struct hf_store *store;
    struct hf_ws_memory memory;
    struct hf_slice device, software, trace, prefix, user_name; /* in texts */
    char *texts;                                                /* owns */
    size_t texts_bytes;
    bool listens;
    uint32_t window_messages, message_bytes_max, keep_alive_s;
    struct hf_rng rng;
    struct hf_backoff backoff;
    struct hf_client_counts counts;

    struct hf_client_time now; /* of the input that is being worked on */
    unsigned depth;            /* calls into the engine that are under way */
    enum hf_mc_phase phase;
    enum hf_link_state state;
    enum hf_mqtt_version version; /* spoken at the next attempt */
    uint8_t unanswered;           /* CONNECTs of 5.0 in a row */
    uint8_t guesses;       /* connections in 3.1.1 that came about because 5.0 was ended without a word */
    bool guess;            /* the next attempt is in 3.1.1 for that reason */
    uint64_t phase_due_ms; /* deadline of the stage; when to try again; UINT64_MAX = none */
    uint32_t attempt;      /* since the last established connection */
    bool network_down, network_told, stopping, fresh_credentials;
    unsigned alternate_count;
    uint8_t alternate_bytes[HF_CLIENT_BOUNDS_ALTERNATES];
    char alternates[HF_CLIENT_BOUNDS_ALTERNATES][HF_FRAME_TEXT_BYTES_MAX];

    struct hf_client_queue queue;
    struct hf_mc_suspect suspect;
    uint64_t sent_through; /* numbers up to this one may have been sent before */
    uint64_t handle_last;
    struct hf_mc_hand *hands; /* owns; grows to HF_MC_HANDS_MAX */
    unsigned hand_count, hand_room;
    struct hf_mc_owed {  /* PUBACKs of this connection, in the order in which their messages came */
        uint64_t handle; /* 0, or one that is no more: it may go */
        uint16_t packet_id;
    } * owed; /* owns window_messages, with `listens` */
    unsigned owed_at, owed_count;

    uint8_t *out; /* owns HF_CLIENT_OUT_BYTES */
    size_t out_at, out_bytes;
    uint8_t *in;       /* owns in_room bytes: the beginning of a packet; NULL while it is being worked on */
    size_t skip_bytes; /* of a message that is passed over, still to come */
    size_t in_bytes, in_room, in_need; /* in_need: of the whole packet, 0 = its head is not whole */

    struct hf_mc_link link;
};

/* ---- mqtt.c ---- */
void hf_mc_enter(struct hf_mc *mc, const struct hf_client_time *now);
void hf_mc_leave(struct hf_mc *mc);
void hf_mc_attempt(struct hf_mc *mc);
void hf_mc_stop(struct hf_mc *mc);
/* The transport is gone or given up: tells it, and decides when to come back. link.ending says why. */
void hf_mc_finish(struct hf_mc *mc, bool flush, enum hf_link_event event);
/* Says DISCONNECT with an MQTT reason where there is room, and finishes. */
void hf_mc_close(struct hf_mc *mc, uint8_t mqtt_reason, enum hf_reason reason, enum hf_link_event event);
void hf_mc_text(struct hf_mc *mc, struct hf_slice text); /* of link.ending; the first one stays */
void hf_mc_link_event(struct hf_mc *mc, enum hf_link_event event);

/* ---- mqtt_connack.c ---- */
void hf_mc_connect(struct hf_mc *mc, struct hf_slice token);
void hf_mc_on_connack(struct hf_mc *mc, const struct hf_mqtt_packet *packet);
void hf_mc_unanswered(struct hf_mc *mc); /* the broker ended the connection instead of a CONNACK */
void hf_mc_on_disconnect(struct hf_mc *mc, const struct hf_mqtt_packet *packet);

/* ---- mqtt_reason.c ---- */
struct hf_mc_reason {
    uint8_t mqtt;
    enum hf_reason reason;
    uint16_t pace; /* close code of backoff.h whose delay it has; 0 = as after any failure */
};
struct hf_mc_reason hf_mc_reason_of(uint8_t mqtt_reason);

/* ---- mqtt_input.c ---- */
void hf_mc_tick(struct hf_mc *mc);
uint64_t hf_mc_due_ms(const struct hf_mc *mc);
void hf_mc_bytes(struct hf_mc *mc, const uint8_t *data, size_t bytes);

/* ---- mqtt_up.c ---- */
void hf_mc_up_open(struct hf_mc *mc);
void hf_mc_up_number(struct hf_mc *mc);
void hf_mc_up_send(struct hf_mc *mc);
void hf_mc_up_forget(struct hf_mc *mc); /* what is finished, as far as the store takes it */
void hf_mc_up_stored(struct hf_mc *mc, uint64_t through, hf_err err); /* of a commit */
void hf_mc_on_puback(struct hf_mc *mc, const struct hf_mqtt_packet *packet);
void hf_mc_up_too_big(struct hf_mc *mc); /* the broker ended the connection because of a packet's size */
uint64_t hf_mc_up_due_ms(const struct hf_mc *mc);

/* ---- mqtt_suspect.c ---- */
void hf_mc_suspect_open(struct hf_mc *mc);
void hf_mc_suspect_ended(struct hf_mc *mc);            /* a connection, by what may have been a message */
unsigned hf_mc_suspect_window(const struct hf_mc *mc); /* how many may be out */
/* The number to go out: the next one, a control in front of the suspect, or 0: not now. */
uint64_t hf_mc_suspect_pick(struct hf_mc *mc);
bool hf_mc_suspect_repick(
    struct hf_mc *mc); /* it did not go out. True: it was a control, and another one goes */
bool hf_mc_suspect_has(const struct hf_mc *mc, uint64_t seq); /* the broker has taken it before its turn */
/* True: it was the control, and nothing is out any more. */
bool hf_mc_suspect_answered(struct hf_mc *mc, uint64_t seq, bool taken);

/* ---- mqtt_down.c ---- */
void hf_mc_down_open(struct hf_mc *mc);
void hf_mc_down_subscribe(struct hf_mc *mc);
void hf_mc_on_suback(struct hf_mc *mc, const struct hf_mqtt_packet *packet);
void hf_mc_on_publish(struct hf_mc *mc, const struct hf_mqtt_packet *packet);
void hf_mc_down_passed(struct hf_mc *mc,
                       uint16_t packet_id); /* a message that is too large; 0 = none to acknowledge */
void hf_mc_down_again(struct hf_mc *mc);
void hf_mc_down_owed(struct hf_mc *mc);
void hf_mc_down_stored(struct hf_client_queue *queue, uint64_t through, hf_err err);
hf_err hf_mc_done(struct hf_mc *mc, uint64_t handle);

/* ---- mqtt_topic.c ---- */
struct hf_slice hf_mc_topic_up(const struct hf_mc *mc, struct hf_slice topic, char out[HF_MC_TOPIC_BYTES]);
struct hf_slice hf_mc_filter_down(const struct hf_mc *mc, char out[HF_MC_TOPIC_BYTES]);
/* What follows down/, decoded; the whole topic where it is another. */
struct hf_slice hf_mc_topic_down(const struct hf_mc *mc, struct hf_slice topic, char out[HF_MC_TOPIC_BYTES]);
struct hf_slice hf_mc_content_type(unsigned format); /* empty for opaque */
unsigned hf_mc_format(struct hf_slice content_type);

/* ---- mqtt_out.c ---- */
/* False: no room, or a message is on its way through the buffer. `spare`: may use the room that is kept for what is not a message. */
bool hf_mc_emit(struct hf_mc *mc, const struct hf_mqtt_packet *packet, bool spare);
/* A PUBLISH of number seq, streamed when it is larger than the buffer. */
bool hf_mc_emit_publish(struct hf_mc *mc, uint64_t seq, const struct hf_mqtt_packet *packet);
void hf_mc_flush(struct hf_mc *mc);

#endif
