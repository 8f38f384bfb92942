/* test/sim/push.h - configuration for a group: an application asks for one change of each member's unnamed shadow. push_app.c asks, the shipped core/fleet/pusher.c carries it out on the first worker,
 * oracle_push.c counts once more. A group is a number in the tag `groups`, so devices come and go while a push walks. */
#ifndef HF_SIM_PUSH_H
#define HF_SIM_PUSH_H

#include "core/fleet/push_rows.h"
#include "sim/shadow.h"

enum { SIM_PUSHES_MAX = 48, SIM_GROUPS = 3 };

struct sim_member { /* what became of one, by the first record about it */
    uint8_t state;  /* enum hf_push_state; 0 = nothing yet */
    bool changed;   /* its shadow was, by this push */
    uint64_t waits; /* for the device: the version that the push made; 0 = not, or not any more */
    bool seen;      /* the device is recorded to know it */
};

struct sim_push {
    struct sim_change *change; /* what is asked of each member; of no device */
    uint8_t id[16];
    uint8_t group; /* 1.. */
    char text[SIM_SHADOW_TEXT_BYTES];
    /* The oracle's, from the log. */
    uint64_t offset, since_us; /* 0: it is not there */
    bool done;
    uint32_t must, may; /* devices that were members all the time, and at any time, since; by bit */
    struct sim_member members[16];
    struct {
        uint64_t members, stored, unchanged, refused, delivered, applied, superseded;
        uint32_t reasons[HF_REASONS_MAX];
    } counts;
};

/* push_app.c */
void sim_push_ask(struct sim_app *app);

/* oracle_push.c */
struct sim_push *sim_push_new(struct sim *sim); /* NULL: enough of them */
void sim_oracle_push_answered(struct sim *sim, const struct sim_push *push, const struct hf_call *call);
void sim_oracle_push_event(struct sim *sim, const struct hf_event *event);
/* A version of an unnamed shadow that a push says it has made. NULL: it must not have, and the world has failed. */
struct sim_change *sim_oracle_push_changes(struct sim *sim, const struct hf_event *event, unsigned device);
/* The unnamed shadow of this device has its newest version by this record. */
void sim_oracle_push_shadow(struct sim *sim, const struct hf_event *event, unsigned device);
/* As the tables count, when they have followed. */
void sim_oracle_push_tables(struct sim *sim);
bool sim_oracle_pushes_done(struct sim *sim, char *why, size_t why_bytes);

#endif
