/* test/sim/camera_app.h - an application that has cameras: queries, orders, lists of channels, calls to see and their end. It asks once for each and looks in the log for what became of it. */
#ifndef HF_SIM_CAMERA_APP_H
#define HF_SIM_CAMERA_APP_H

#include "base/rng.h"
#include "sim/event.h"

struct sim;

enum { SIM_ASKS_MAX = 512 };

struct sim_ask {
    const char *command;
    unsigned camera;
    uint32_t number; /* from 1; its idempotency key is "cam-NUMBER" */
    bool calling;    /* the API has not answered */
    /* The oracle's, from the log. */
    uint64_t queued_offset, queued_us, final_offset, seq;
};

struct sim_camera_app {
    struct sim *sim;
    struct hf_rng rng;
    struct sim_event send;
    struct sim_ask asks[SIM_ASKS_MAX];
    uint32_t count;
    char call[17]; /* one that stood lately */
    unsigned call_camera;
};

void sim_camera_app_init(struct sim_camera_app *app, struct sim *sim);
void sim_camera_app_start(struct sim_camera_app *app);
void sim_camera_app_deinit(struct sim_camera_app *app);
void sim_camera_app_saw_call(struct sim_camera_app *app, unsigned camera, const char *call);

#endif
