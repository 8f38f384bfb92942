/* test/sim/shadow.h - shadows: what devices and applications change of them, and what must come of that. A change is a few fields of a small set, and each field that it writes has
 * the change's number as its value, so that whatever is seen anywhere says who wrote it. shadow_model.c is the arithmetic (a second opinion on core/document/shadow.c, without JSON),
 * shadow_app.c and shadow_device.c make changes, oracle_shadow.c compares. */
#ifndef HF_SIM_SHADOW_H
#define HF_SIM_SHADOW_H

#include "core/document/shadow.h"
#include "sim/event.h"

struct sim;
struct sim_app;
struct sim_device;
struct sim_said;
struct hf_call;
struct hf_event;
struct hf_client_document;
struct hf_rng;

enum {
    SIM_SHADOWS = 2, /* of a device: the unnamed one and "led" */
    SIM_SHADOW_CHANGES_MAX = 8192,
    SIM_SHADOW_TEXT_BYTES = 1024,
    SIM_SHADOW_REFUSED_BYTES = 2048,
};
extern const char *const sim_shadow_names[SIM_SHADOWS];

/* R, W, T are written by each change of reported, desired, tags: there the change is found again. G: the device's group, among its tags. N_EMPTY: the object n is there, and empty. */
enum sim_shadow_key {
    SIM_KEY_A,
    SIM_KEY_B,
    SIM_KEY_D,
    SIM_KEY_E,
    SIM_KEY_R,
    SIM_KEY_W,
    SIM_KEY_T,
    SIM_KEY_G,
    SIM_KEY_N_X,
    SIM_KEY_N_Y,
    SIM_KEY_N_EMPTY,
    SIM_KEYS
};

struct sim_shadow_fields {
    uint32_t value[SIM_KEYS]; /* 0 = not there */
};

struct sim_shadow_state { /* one version; that a named shadow was deleted is one, too */
    uint64_t version, updated_ms, from, hash /* of the record's payload */;
    struct sim_shadow_fields of[HF_SHADOW_SECTIONS];
    uint64_t stamp[HF_SHADOW_SECTIONS][SIM_KEYS]; /* version that last wrote it */
    uint64_t gone[HF_SHADOW_SECTIONS][SIM_KEYS];  /* that removed it; 0 = it is there, or never was */
    uint64_t forgotten;                           /* the version that deleted the one before; 0 = none was */
    bool deleted;
};

enum sim_change_fate {
    SIM_CHANGE_ASKED,
    SIM_CHANGE_ACCEPTED,
    SIM_CHANGE_REFUSED,
    SIM_CHANGE_UNKNOWN, /* its maker was never told */
};

struct sim_change {
    struct sim *sim;
    struct sim_app *app;         /* NULL: the device itself */
    const struct sim_said *said; /* of a device: the connection that it came by */
    uint32_t number;             /* from 1 */
    uint8_t device, shadow, fate;
    uint8_t kind, merge; /* enum hf_patch_kind, enum hf_merge */
    uint8_t may;         /* sections that its maker may change, by 1 << section */
    uint8_t clears;      /* sections that it empties: of a merge patch */
    uint8_t makes_n;     /* sections in which n begins anew: of a JSON patch */
    bool deletes;        /* the whole shadow; nothing else is said then but base */
    bool idle;           /* it changes nothing */
    bool again;          /* of a device: what the shadow wants */
    bool base_inside;    /* said within the patch */
    struct {
        uint32_t set[SIM_KEYS];
        uint16_t remove;
    } of[HF_SHADOW_SECTIONS];
    struct { /* of a JSON patch, before all else; value 0 = none */
        uint8_t section, key;
        uint32_t value;
    } test;
    uint64_t base;    /* 0 = none */
    uint64_t version; /* that it made, by the log; 0 = none */
    uint64_t known;   /* of the shadow, when it was asked for */
    uint8_t label;    /* an application waits for it */
};

struct sim_shadow {                  /* one shadow by the log */
    struct sim_shadow_state *states; /* owns; states[version] from 0, which is empty */
    uint64_t version, room;
    uint64_t told;        /* the newest version that anybody was told of */
    uint64_t device_told; /* and the device */
};

/* ---- shadow_model.c ---- */
/* What the gateway has to say of this change to this state; *ret_after is what comes of it when it is NONE, its version one above unless nothing differs. ret_refused, with NONE and
 * VERSION_CONFLICT: what the operations' log refuses alone, as an answer shows it; "" for nothing. */
enum hf_reason sim_shadow_judge(const struct sim_shadow_state *before, const struct sim_change *change,
                                struct sim_shadow_state *ret_after,
                                char ret_refused[SIM_SHADOW_REFUSED_BYTES]);
/* Of a change by the operations' log from an older version: what is left of it (shadow_model_oplog.c). */
void sim_shadow_oplog(const struct sim_shadow_state *before, const struct sim_change *change,
                      struct sim_change *ret_left, char ret_refused[SIM_SHADOW_REFUSED_BYTES]);
const char *sim_shadow_path(unsigned key); /* "n/x" */
/* Of an application's change: what its call says of who it is, "app0/17". */
const char *sim_change_key(const struct sim_change *change, char out[24]);
/* As it goes over the wire; named: with the shadow's name, as a device says it. */
void sim_change_text(const struct sim_change *change, bool named, char out[SIM_SHADOW_TEXT_BYTES]);
/* False: it holds something that nobody writes. */
bool sim_shadow_parse(struct hf_slice section, struct sim_shadow_fields *ret_fields);
void sim_shadow_delta(const struct sim_shadow_state *state, struct sim_shadow_fields *ret_delta);
enum sim_shadow_key sim_shadow_own_key(unsigned section); /* R, W, T */
bool sim_shadow_is_empty(const struct sim_shadow_fields *fields);
bool sim_shadow_eq(const struct sim_shadow_fields *a, const struct sim_shadow_fields *b);
/* As hf_shadow_applied(). */
enum hf_shadow_applied sim_shadow_applied(const struct sim_shadow_state *state, uint64_t version);

/* ---- oracle_shadow.c ---- */
struct sim_shadow *sim_shadow_of(struct sim *sim, unsigned device, unsigned shadow);
bool sim_shadow_by_name(struct hf_slice name, unsigned *ret_shadow);
struct sim_change *sim_change_new(struct sim *sim, unsigned device,
                                  unsigned shadow); /* NULL: enough of them */
void sim_oracle_shadows_deinit(struct sim *sim);
void sim_oracle_shadow_event(struct sim *sim, const struct hf_event *event);
/* An application was answered. */
void sim_oracle_shadow_answered(struct sim *sim, struct sim_change *change, const struct hf_call *call);
void sim_oracle_shadow_read(struct sim *sim, unsigned device, unsigned shadow, uint64_t known,
                            const struct hf_call *call);
/* Its maker is told which operations were refused alone; version: the shadow's, when all of it was refused. */
void sim_oracle_shadow_operations(struct sim *sim, struct sim_change *change, enum hf_reason reason,
                                  uint64_t version, struct hf_slice refused);
/* The tables, as GET ?at= reads them. at_ms 0: the newest. */
void sim_oracle_shadow_past(struct sim *sim, unsigned device, unsigned shadow, uint64_t at_ms);
/* A device was answered; and hears what a shadow wants. */
void sim_oracle_shadow_told(struct sim *sim, struct sim_change *change, enum hf_reason reason);
/* It hears, or is answered, that it has no such shadow, and knew this version of it (0: none). */
void sim_oracle_shadow_gone(struct sim *sim, unsigned device, unsigned shadow, uint64_t known);
void sim_oracle_shadow_heard(struct sim *sim, unsigned device, unsigned shadow, uint64_t version,
                             const struct sim_shadow_fields *delta);
bool sim_oracle_shadows_done(struct sim *sim, char *why, size_t why_bytes);
void sim_oracle_shadows_end(struct sim *sim); /* everything that is in the tables */

/* ---- shadow_app.c ---- */
uint8_t sim_merge_draw(struct hf_rng *rng);
void sim_change_draw(struct sim_change *change, struct hf_rng *rng,
                     uint64_t known); /* known: a version, or 0 */
struct sim_shadow_app {
    struct sim_event due;
    uint64_t known[16][SIM_SHADOWS]; /* versions, by device */
};
void sim_shadow_app_init(struct sim_app *app);
void sim_shadow_app_start(struct sim_app *app);
void sim_shadow_app_deinit(struct sim_app *app);

/* ---- shadow_device.c ---- */
struct sim_shadow_device {
    struct sim_device *device;
    struct sim_event due, apply;
    /* Of its program. */
    struct {
        struct sim_shadow_fields delta; /* heard last */
        uint64_t version;               /* known last; 0 = none */
        uint32_t change;                /* under way; 0 = none */
        bool ask;                       /* it is not sure of what is wanted */
    } of[SIM_SHADOWS];
    uint32_t request; /* the last one of a question */
    uint32_t asked[SIM_SHADOWS];
};
void sim_shadow_device_init(struct sim_device *device);
void sim_shadow_device_deinit(struct sim_device *device);
void sim_shadow_device_begin(struct sim_device *device); /* its program */
void sim_shadow_device_end(struct sim_device *device);
void sim_shadow_device_opened(struct sim_device *device);
void sim_shadow_device_closed(struct sim_device *device);
/* holdfast.v1 */
void sim_shadow_device_document(struct sim_device *device, const struct hf_client_document *document);
/* raw: payload of $shadow/delta; ack and error of an id "s<number>" or "q<shadow>" */
void sim_shadow_device_delta(struct sim_device *device, struct hf_slice payload);
void sim_shadow_device_missed(struct sim_device *device); /* of the unnamed one, as it subscribed */
void sim_shadow_device_answer(struct sim_device *device, struct hf_slice id, uint64_t version,
                              enum hf_reason reason);

#endif
