/* test/sim/app.h - an application: sends messages and commands with idempotency keys, tries again when it gets no answer, reads the event log by offset and
 * remembers how far it was. */
#ifndef HF_SIM_APP_H
#define HF_SIM_APP_H

#include "base/rng.h"
#include "core/call.h"
#include "log/reader.h"
#include "sim/event.h"
#include "sim/shadow.h"

struct sim;
struct sim_app;

/* One message or command on its way, known by its number to everybody. */
struct sim_sent {
    struct sim *sim;
    struct sim_app *app;
    struct sim_event retry;
    uint32_t number;
    unsigned device;
    uint64_t ttl_ms, asked_ms; /* asked_ms: UTC of the gateway when it was first asked for */
    uint8_t id[16];            /* as accepted */
    uint64_t accepted_offset;  /* by the answer; 0 = it was never told */
    unsigned tries, worker;
    bool command, keyed, wait;
    bool calling;  /* a call is with the gateway */
    bool answered; /* it knows what became of its request */
    bool given_up; /* it will not ask again: without a key it must not, or it was refused for good */
    bool cancel;   /* will be canceled after a while */
    /* The oracle's, from the log. */
    uint64_t queued_offset, final_offset, expires_ms, seq;
    uint8_t final_type;
    uint16_t final_reason;
    bool executed, told; /* by its device: answered, heard */
};

struct sim_app {
    struct sim *sim;
    unsigned index;
    char who[8];
    struct hf_rng rng;
    struct sim_event send, read;
    struct hf_log_reader *reader; /* owns; NULL while the gateway is not there */
    uint64_t cursor;              /* the next offset it wants */
    uint64_t read_events, gaps;
    struct sim_shadow_app shadows;
};

void sim_app_init(struct sim_app *app, struct sim *sim, unsigned index);
void sim_app_deinit(struct sim_app *app);
void sim_app_start(struct sim_app *app);
void sim_app_gateway_gone(struct sim_app *app); /* its connection to the API broke */
/* Has it heard of everything, and nothing open? */
bool sim_app_done(const struct sim_app *app);
void sim_app_disconnect(struct sim_app *app, unsigned device); /* an administrator throws a device out */

#endif
